//! Functions from outside: for each a function that copies what it takes to memory and what it gave from there.
//!
//! Of a library it is an import of module `ffi:LIBRARY`, with its prototype as the name. The embedder's are imports of
//! [`host::EXTERN`](crate::host::EXTERN), where strings and arrays are two values: where they are in memory, and how many
//! bytes or elements; behind all others follow, for a string as result, where it is put and how much room is there, and
//! the result is its length.

use std::fmt::Write as _;

use dotvm::ffi::{self, Count, NativeResult, Number, ParamKind, Prototype, Signature};

use super::Lowerer;
use crate::ffi::Crossing;
use crate::host;
use crate::vitbc::module::Origin;

/// Bytes for text that a function gives.
const TEXT_BYTES: u32 = 65536;

impl Lowerer<'_> {
    /// The function by which an import is called.
    pub(super) fn outside(&mut self, number: u32) -> String {
        let name = format!("outside.{number}");
        if !self.runtime.has(&name) {
            let import = &self.module.imports[number as usize];
            let params = import.params.iter();
            let params = params.filter_map(|ty| self.module.crossing(*ty)).collect();
            let result = self.module.crossing(import.result);
            let mut glue = Glue::new(&name, params, result);
            let (module, symbol, ty) = match &import.origin {
                Origin::Library(library, symbol) => {
                    let prototype = crate::ffi::prototype(symbol, &glue.params, result);
                    // Verified.
                    let prototype = prototype.unwrap_or_else(|_| Prototype {
                        symbol: symbol.clone(),
                        signature: None,
                    });
                    let ty = glue.native(&prototype);
                    (
                        format!("{}{library}", ffi::PREFIX),
                        prototype.to_string(),
                        ty,
                    )
                }
                Origin::Host(symbol) => (host::EXTERN.to_owned(), symbol.clone(), glue.embedder()),
                Origin::Native => (String::new(), import.name.clone(), glue.embedder()),
            };
            let inner = glue.inner.clone();
            let text = glue.finish();
            self.runtime.import(&inner, [module, symbol, ty]);
            self.runtime.add(&name, text);
        }
        name
    }
}

/// A function that calls one from outside, while its text is put together.
struct Glue {
    name: String,
    /// The name of the import.
    inner: String,
    params: Vec<Crossing>,
    result: Option<Crossing>,
    /// Types of the import's parameters.
    types: Vec<&'static str>,
    locals: String,
    before: String,
    checks: String,
    args: String,
    after: String,
}

impl Glue {
    fn new(name: &str, params: Vec<Crossing>, result: Option<Crossing>) -> Glue {
        Glue {
            name: name.to_owned(),
            inner: format!("{name}.import"),
            params,
            result,
            types: Vec::new(),
            locals: String::new(),
            before: String::new(),
            checks: String::new(),
            args: String::new(),
            after: String::new(),
        }
    }

    /// Passes parameter `i` as it is.
    fn plain(&mut self, i: usize, ty: &'static str) {
        self.types.push(ty);
        let _ = write!(self.args, " $p{i}");
    }

    /// Passes where a copy of parameter `i` is.
    fn copied(&mut self, i: usize, copy: &str) {
        self.types.push("i32");
        let _ = writeln!(self.locals, ".local i32 $a{i}");
        let _ = writeln!(self.before, "set $a{i} {copy}");
        let _ = write!(self.args, " $a{i}");
    }

    /// Passes an array of numbers as parameter `i`.
    fn array(&mut self, i: usize, element: Number, mutable: bool) {
        let size = element.bytes() as i64;
        let (function, kind) = match element.range() {
            None => ("ffi.floats", size),
            Some((least, _)) if least < 0 => ("ffi.ints", -size),
            Some(_) => ("ffi.ints", size),
        };
        self.copied(i, &format!("(${function} $p{i} {kind})"));
        if mutable {
            let _ = writeln!(self.after, "(${function}.back $p{i} $a{i} {kind})");
        }
    }

    /// How many elements parameter `i` has, which is a string or an array.
    fn count(&self, i: usize) -> String {
        match self.params[i] {
            Crossing::Str => format!("(array.len (struct.get:$str:2 $p{i}))"),
            _ => format!("(struct.get:$vec:0 $p{i})"),
        }
    }

    /// For a native function; gives the type of the import.
    fn native(&mut self, prototype: &Prototype) -> String {
        let none = Signature {
            params: Vec::new(),
            result: None,
        };
        let signature = prototype.signature.as_ref().unwrap_or(&none);
        // The parameter of this function that is one of the native function's, by its position.
        let mut own = Vec::new();
        let mut next = 0;
        for param in &signature.params {
            own.push(next);
            next += usize::from(param.kind != ParamKind::Null);
        }
        for (param, &i) in signature.params.iter().zip(&own) {
            match param.kind {
                ParamKind::Null => {}
                ParamKind::Number(Number::F32 | Number::F64) => self.plain(i, "f64"),
                ParamKind::Number(Number::Bool) => self.plain(i, "i32"),
                ParamKind::Number(_) => self.plain(i, "i64"),
                ParamKind::Text => self.copied(i, &format!("($ffi.text $p{i})")),
                ParamKind::Pointer {
                    mutable,
                    element,
                    count,
                } => {
                    match self.params[i] {
                        Crossing::Str => self.copied(i, &format!("($ffi.string $p{i})")),
                        _ => self.array(i, element, mutable),
                    }
                    let needs = match count {
                        Count::Fixed(count) => format!("{}L", count.cast_signed()),
                        Count::Param(number) => format!("$p{}", own[number]),
                        Count::Pointee(number) => {
                            let pointer = own[number];
                            let has = self.count(pointer);
                            let _ =
                                writeln!(self.checks, "($ffi.count (i64.extend_i32_u {has}) 1L)");
                            match self.params[pointer] {
                                Crossing::Str => {
                                    format!(
                                        "(i64.extend_i32_u (array.get_u:$a8 (struct.get:$str:2 $p{pointer}) 0))"
                                    )
                                }
                                _ => format!("(array.get:$a64 (struct.get:$vec:1 $p{pointer}) 0)"),
                            }
                        }
                    };
                    let has = self.count(i);
                    let _ = writeln!(self.checks, "($ffi.count (i64.extend_i32_u {has}) {needs})");
                }
            }
        }
        let result = match signature.result {
            None => None,
            Some(NativeResult::Number(Number::F32 | Number::F64)) => Some("f64"),
            Some(NativeResult::Number(Number::Bool) | NativeResult::Text) => Some("i32"),
            Some(NativeResult::Number(_)) => Some("i64"),
        };
        self.import_type(result)
    }

    /// For a function of the embedder; gives the type of the import.
    fn embedder(&mut self) -> String {
        for i in 0..self.params.len() {
            match self.params[i] {
                Crossing::Int => self.plain(i, "i64"),
                Crossing::Float => self.plain(i, "f64"),
                Crossing::Bool => self.plain(i, "i32"),
                Crossing::Str => self.copied(i, &format!("($ffi.string $p{i})")),
                Crossing::Floats => self.array(i, Number::F64, true),
                Crossing::Ints | Crossing::OptionalStr => self.array(i, Number::I64, true),
            }
            if matches!(
                self.params[i],
                Crossing::Str | Crossing::Ints | Crossing::Floats
            ) {
                self.types.push("i32");
                let count = self.count(i);
                let _ = write!(self.args, " {count}");
            }
        }
        let result = self.result.map(|result| match result {
            Crossing::Float => "f64",
            Crossing::Bool | Crossing::Str | Crossing::OptionalStr => "i32",
            Crossing::Int | Crossing::Ints | Crossing::Floats => "i64",
        });
        self.import_type(result)
    }

    fn gives_text(&self) -> bool {
        matches!(self.result, Some(Crossing::Str | Crossing::OptionalStr))
    }

    fn import_type(&mut self, result: Option<&str>) -> String {
        if self.gives_text() {
            self.types.extend(["i32", "i32"]);
            let _ = writeln!(self.before, "($out.room {TEXT_BYTES})");
            let _ = write!(self.args, " (global.get:$out) {TEXT_BYTES}");
        }
        let result = result.map(|ty| format!(" -> {ty}"));
        format!("({}){}", self.types.join(", "), result.unwrap_or_default())
    }

    /// The whole text.
    fn finish(self) -> String {
        let own = |ty: Crossing| match ty {
            Crossing::Int => "i64",
            Crossing::Float => "f64",
            Crossing::Bool => "i32",
            _ => "anyref",
        };
        let params = self.params.iter().enumerate();
        let params: Vec<String> = params
            .map(|(i, ty)| format!("{} $p{i}", own(*ty)))
            .collect();
        let mut text = format!("{} ({})", self.name, params.join(", "));
        if let Some(result) = self.result {
            let _ = write!(text, " -> {}", own(result));
        }
        text.push('\n');
        text.push_str(&self.locals);
        let call = format!("(${}{})", self.inner, self.args);
        let call = match self.result {
            None => call,
            Some(result) => {
                let _ = writeln!(text, ".local {} $result", own(result));
                let value = match result {
                    Crossing::Str => format!("($ffi.must ($ffi.taken {call}))"),
                    Crossing::OptionalStr => format!("($ffi.taken {call})"),
                    _ => call,
                };
                format!("set $result {value}")
            }
        };
        let end = if self.result.is_some() {
            "return $result"
        } else {
            "return"
        };
        let parts = [
            "($out.clear)\n",
            &self.checks,
            &self.before,
            &call,
            "\n",
            &self.after,
            "($out.clear)\n",
            end,
        ];
        text + &parts.concat()
    }
}
