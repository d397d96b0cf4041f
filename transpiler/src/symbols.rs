//! Names of functions: as linkers know them, and as in the source.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write};

use dotvm_isa::debug::MAX_STRING_BYTES;

use crate::dwarf;

/// Adds names that only debug information has. `imported` functions come before those it is about.
pub(crate) fn complete(names: &mut Vec<(u32, String)>, info: &dwarf::Info, imported: u32) {
    let named: HashSet<u32> = names.iter().map(|&(func, _)| func).collect();
    let symbols = info.funcs.iter().filter_map(|(&func, info)| {
        let func = imported + func as u32;
        let symbol = info.symbol.clone()?;
        (!named.contains(&func)).then_some((func, symbol))
    });
    names.extend(symbols);
    names.sort_unstable_by_key(|&(func, _)| func);
}

/// Takes the hashes out of Rust's names that are unique without: they tell nobody anything, and do not
/// compress.
pub(crate) fn shorten(names: &mut [(u32, String)]) {
    let mut uses: HashMap<String, u32> = HashMap::new();
    for (_, name) in names.iter() {
        *uses.entry(without_hash(name)).or_default() += 1;
    }
    for (_, name) in names {
        let short = without_hash(name);
        if uses[&short] == 1 {
            *name = short;
        }
    }
}

/// `_ZN3abc3def17h0123456789abcdefE.llvm.1234` without what is behind `def`, but for the `E`.
fn without_hash(name: &str) -> String {
    const HASH: &str = "17h";
    const DIGITS: usize = 16;
    let stripped = || {
        let (symbol, made) = name.split_once(".llvm.").unwrap_or((name, ""));
        let path = symbol.strip_prefix("_ZN")?.strip_suffix('E')?;
        let (path, hash) = path.split_at_checked(path.len().checked_sub(HASH.len() + DIGITS)?)?;
        let digits = hash.strip_prefix(HASH)?;
        let is_hash = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let is_number = made.bytes().all(|digit| digit.is_ascii_digit());
        (is_hash && is_number).then(|| format!("_ZN{path}E"))
    };
    stripped().unwrap_or_else(|| name.to_owned())
}

/// A name as in its source: of Rust, without the hash that makes it unique, or of C++.
pub(crate) fn demangle(symbol: &str) -> String {
    let mut out = Limited(String::new());
    let written = match rustc_demangle::try_demangle(symbol) {
        Ok(name) => write!(out, "{name:#}").is_ok(),
        Err(_) => cpp_demangle::Symbol::new(symbol).is_ok_and(|name| {
            let options = cpp_demangle::DemangleOptions::default();
            name.structured_demangle(&mut out, &options).is_ok()
        }),
    };
    match written {
        true => out.0,
        false => symbol.to_owned(),
    }
}

/// Text that is not longer than a debug section can have it: of a few bytes that repeat each other a
/// demangler can make gigabytes.
struct Limited(String);

impl Write for Limited {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > MAX_STRING_BYTES {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_STRING_BYTES, demangle, shorten};

    #[test]
    fn names_are_as_in_their_sources() {
        let cases = [
            ("main", "main"),
            (
                "_ZN4core6option15Option$LT$T$GT$3map17h0123456789abcdefE",
                "core::option::Option<T>::map",
            ),
            ("_ZN5panic4mainE", "panic::main"),
            ("_ZN7example5shape4areaEi", "example::shape::area(int)"),
            ("_RNvCs15kBYyAo9fc_7mycrate3foo", "mycrate::foo"),
            ("_Znonsense", "_Znonsense"),
        ];
        for (symbol, name) in cases {
            assert_eq!(demangle(symbol), name);
        }
    }

    /// Each parameter is a pair of two of the one before.
    #[test]
    fn names_do_not_grow_without_end() {
        let mut symbol = "_Z1f1aSt4pairIS_S_E".to_owned();
        for i in 0..40u32 {
            let number = char::from_digit(2 * i + 2, 36)
                .unwrap_or('Z')
                .to_ascii_uppercase();
            symbol += &format!("St4pairIS{number}_S{number}_E");
        }
        assert!(demangle(&symbol).len() <= MAX_STRING_BYTES);
    }

    #[test]
    fn hashes_go_where_names_are_unique_without() {
        let names = [
            "_ZN5panic4main17hfb1a28e3d878f8bcE",
            "_ZN3std2rt4init17he9a7ac4514fc9041E.llvm.988018482739085883",
            "_ZN4core3ops4call17h2fa1afafd0d6150aE",
            "_ZN4core3ops4call17h399217455846ec1eE",
            "_ZN3abc17hnothexadecimal00E",
            "_ZN1a17h0123456789abcdefE.llvm.x",
            "17h0123456789abcdefE",
            "main",
        ];
        let mut names: Vec<_> = (0..).zip(names.map(str::to_owned)).collect();
        shorten(&mut names);
        let names: Vec<&str> = names.iter().map(|(_, name)| name.as_str()).collect();
        let wanted = [
            "_ZN5panic4mainE",
            "_ZN3std2rt4initE",
            "_ZN4core3ops4call17h2fa1afafd0d6150aE",
            "_ZN4core3ops4call17h399217455846ec1eE",
            "_ZN3abc17hnothexadecimal00E",
            "_ZN1a17h0123456789abcdefE.llvm.x",
            "17h0123456789abcdefE",
            "main",
        ];
        assert_eq!(names, wanted);
    }
}
