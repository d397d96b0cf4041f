//! The runtime's own functions: sources in `runtime/*.rt`, of which a module gets those that it needs.
//!
//! The sources are assembler text with expressions in it: `(op:immediate… operand…)` stands for its operands and then
//! the instruction, `$x` for a local, `7`, `7L` and `7.0` for constants of type i32, i64 and f64, `($f …)` for a call.
//! Lines may be `set $x VALUE`, `if CONDITION` / `else` / `end`, `while CONDITION` / `end`, `return VALUE…`.
//!
//! `.func $name<#|@>` is a template: `#` stands for a kind of map keys, `@` for a kind of elements or map values, and
//! words in braces for what [`Keys`] and [`Items`] say of these.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;
use std::sync::LazyLock;

use crate::wasm;

const SOURCES: [&str; 6] = [
    include_str!("runtime/text.rt"),
    include_str!("runtime/array.rt"),
    include_str!("runtime/map.rt"),
    include_str!("runtime/system.rt"),
    include_str!("runtime/outside.rt"),
    include_str!("runtime/native.rt"),
];

/// What modules of WebAssembly have in place of functions of the machine; these come first.
const WASM_SOURCES: [&str; 4] = [
    include_str!("runtime/wasm.rt"),
    include_str!("runtime/wasm_float.rt"),
    include_str!("runtime/wasm_case.rt"),
    include_str!("runtime/wasm_math.rt"),
];

/// Functions from outside: module, name, type.
const IMPORTS: &[(&str, &str, &str)] = &[
    ("vitte", "fail", "(i32, i64, i64)"),
    ("vitte", "float_text", "(f64, i32) -> i32"),
    ("vitte", "float_value", "(i32, i32, i32) -> i32"),
    ("vitte", "utf8", "(i32, i32) -> i32"),
    ("vitte", "change_case", "(i32, i32, i32) -> i32"),
    ("vitte", "system_name", "(i32, i32) -> i32"),
    ("vitte", "sin", "(f64) -> f64"),
    ("vitte", "cos", "(f64) -> f64"),
    ("vitte", "tan", "(f64) -> f64"),
    ("vitte", "pow", "(f64, f64) -> f64"),
    ("vitte", "trace", "(i32, i32)"),
    ("vitte", "trace_int", "(i32, i32, i64)"),
    ("vitte", "trace_float", "(i32, i32, f64)"),
    ("vitte", "trace_bool", "(i32, i32, i32)"),
    ("vitte", "trace_text", "(i32, i32, i32, i32)"),
    (WASI, "fd_write", "(i32, i32, i32, i32) -> i32"),
    (WASI, "fd_read", "(i32, i32, i32, i32) -> i32"),
    (WASI, "fd_close", "(i32) -> i32"),
    (WASI, "fd_fdstat_get", "(i32, i32) -> i32"),
    (WASI, "fd_prestat_get", "(i32, i32) -> i32"),
    (WASI, "fd_prestat_dir_name", "(i32, i32, i32) -> i32"),
    (
        WASI,
        "path_open",
        "(i32, i32, i32, i32, i32, i64, i64, i32, i32) -> i32",
    ),
    (WASI, "random_get", "(i32, i32) -> i32"),
    (WASI, "clock_time_get", "(i32, i64, i32) -> i32"),
    (WASI, "poll_oneoff", "(i32, i32, i32, i32) -> i32"),
    (WASI, "args_sizes_get", "(i32, i32) -> i32"),
    (WASI, "args_get", "(i32, i32) -> i32"),
    (WASI, "environ_sizes_get", "(i32, i32) -> i32"),
    (WASI, "environ_get", "(i32, i32) -> i32"),
    (WASI, "proc_exit", "(i32)"),
];

const WASI: &str = "wasi_snapshot_preview1";

/// The memory of a module.
const MEMORY: &str = "\
.memory 1
.export \"memory\" memory 0
";

/// The variables that every module has, and their first values.
pub(super) const VARIABLES: [(&str, &str, &str); GLOBALS as usize] = [
    ("out", "i32", "8192"),
    ("in", "i32", "0"),
    ("in_end", "i32", "0"),
    ("ascii", "anyref", "ref.null anyref"),
    ("environment", "anyref", "ref.null anyref"),
    ("files", "anyref", "ref.null anyref"),
    ("db", "i32", "0"),
];

/// The types of objects that are there in every module, by the numbers below.
const DECLARATIONS: &str = "\
.array $a8 final (mut i8)
.array $a32 final (mut i32)
.array $a64 final (mut i64)
.array $af final (mut f64)
.array $ar final (mut anyref)
.struct $str final (mut i32, i32, anyref)
.struct $vec final (mut i32, mut anyref)
.struct $map final (mut i32, mut i32, mut anyref, mut anyref, mut anyref, mut anyref)
.struct $bi final (i64)
.struct $bf final (f64)
.struct $fn final (funcref, anyref)
";

/// How many [`VARIABLES`] there are.
pub(super) const GLOBALS: u32 = 7;
/// Objects of bytes.
pub(super) const A8: u64 = 0;
/// Objects of integers of 32 bits.
pub(super) const A32: u64 = 1;
/// Objects of integers.
pub(super) const A64: u64 = 2;
/// Objects of floats.
pub(super) const AF: u64 = 3;
/// Objects of references.
pub(super) const AR: u64 = 4;
/// Strings.
pub(super) const STR: u64 = 5;
/// Arrays.
pub(super) const VEC: u64 = 6;
/// Maps.
pub(super) const MAP: u64 = 7;
/// Optional integers.
pub(super) const BOX_INT: u64 = 8;
/// Optional floats.
pub(super) const BOX_FLOAT: u64 = 9;
/// Function values.
pub(super) const FN: u64 = 10;
/// The first type of objects that is a module's own.
pub(super) const FIRST_OWN: u64 = 11;

/// A kind of elements of arrays and values of maps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Items {
    /// Integers.
    Int,
    /// Floats.
    Float,
    /// Truth values.
    Bool,
    /// Enums that carry nothing.
    Plain,
    /// References.
    Ref,
}

impl Items {
    /// As templates know it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Items::Int => "i64",
            Items::Float => "f64",
            Items::Bool => "b8",
            Items::Plain => "i32",
            Items::Ref => "ref",
        }
    }

    fn named(name: &str) -> Option<Items> {
        let all = [
            Items::Int,
            Items::Float,
            Items::Bool,
            Items::Plain,
            Items::Ref,
        ];
        all.into_iter().find(|items| items.name() == name)
    }

    /// The objects that hold them.
    pub(super) fn object(self) -> u64 {
        match self {
            Items::Int => A64,
            Items::Float => AF,
            Items::Bool => A8,
            Items::Plain => A32,
            Items::Ref => AR,
        }
    }

    fn words(self) -> [(&'static str, &'static str); 5] {
        let [v, a, get, zero, boxed] = match self {
            Items::Int => ["i64", "$a64", "array.get", "0L", "struct.new:$bi"],
            Items::Float => ["f64", "$af", "array.get", "0.0", "struct.new:$bf"],
            Items::Bool => ["i32", "$a8", "array.get_u", "0", "ref.i31"],
            Items::Plain => ["i32", "$a32", "array.get", "0", "ref.i31"],
            Items::Ref => ["anyref", "$ar", "array.get", "(ref.null:anyref)", "nop"],
        };
        [
            ("{v}", v),
            ("{a}", a),
            ("{get}", get),
            ("{zero}", zero),
            ("{box}", boxed),
        ]
    }
}

/// What templates say of a kind of keys: `{k}`, `{ka}`, `{kget}`, `{kzero}`.
fn key_words(name: &str) -> Option<[(&'static str, &'static str); 4]> {
    let [k, ka, kget, kzero] = match name {
        "i64" => ["i64", "$a64", "array.get", "0L"],
        "b8" => ["i32", "$a8", "array.get_u", "0"],
        "str" => ["anyref", "$ar", "array.get", "(ref.null:anyref)"],
        _ => return None,
    };
    Some([
        ("{k}", k),
        ("{ka}", ka),
        ("{kget}", kget),
        ("{kzero}", kzero),
    ])
}

/// The functions of the sources by their names; templates by what is before `<`, with what is behind.
struct Library {
    functions: HashMap<&'static str, &'static str>,
    templates: HashMap<&'static str, (&'static str, &'static str)>,
}

static LIBRARY: LazyLock<Library> = LazyLock::new(|| library(&SOURCES));
static WASM_LIBRARY: LazyLock<Library> = LazyLock::new(|| library(&WASM_SOURCES));

fn library(sources: &[&'static str]) -> Library {
    let mut library = Library {
        functions: HashMap::new(),
        templates: HashMap::new(),
    };
    for source in sources {
        for part in source.split("\n.func $").skip(1) {
            let end = part.find("\n.end").expect("every function has an end");
            let text = &part[..end];
            let name = text.split([' ', '\n']).next().unwrap_or(text);
            match name.split_once('<') {
                Some((base, params)) if params.contains(['#', '@']) => {
                    let params = params.trim_end_matches('>');
                    library.templates.insert(base, (params, text));
                }
                _ => {
                    library.functions.insert(name, text);
                }
            }
        }
    }
    library
}

impl Library {
    /// The text of a function, from its name on.
    fn text(&self, name: &str) -> Option<String> {
        if let Some(text) = self.functions.get(name) {
            return Some((*text).to_owned());
        }
        let (base, args) = name.split_once('<')?;
        let (params, text) = *self.templates.get(base)?;
        let args = args.strip_suffix('>')?;
        let mut text = text.to_owned();
        for (param, arg) in params.split('|').zip(args.split('|')) {
            text = text.replace(param, arg);
            if param == "#" {
                for (word, what) in key_words(arg)? {
                    text = text.replace(word, what);
                }
            } else {
                for (word, what) in Items::named(arg)?.words() {
                    text = text.replace(word, what);
                }
            }
        }
        Some(text)
    }
}

/// What a module needs of the runtime.
#[derive(Default)]
pub(super) struct Runtime {
    /// Functions that are called, by their names; those that were made for the module with their texts.
    wanted: BTreeMap<String, Option<String>>,
    /// Functions from outside that are not among [`IMPORTS`], by their names: module, name, type.
    imports: BTreeMap<String, [String; 3]>,
    /// Types of objects, behind those that are always there.
    objects: Vec<String>,
    /// For an entry of a session: the types of the program's variables. Memory and all variables are imported then.
    pub(super) shared: Option<Vec<&'static str>>,
    /// Where functions are, once that is known.
    known: HashMap<String, u32>,
    /// What modules of WebAssembly have in memory; nothing for the machine.
    wasm: Option<Texts>,
}

/// Texts of a module's functions, and where they are.
#[derive(Default)]
struct Texts {
    from: u32,
    bytes: Vec<u8>,
}

impl Texts {
    /// Puts addresses in place of the names of places, and addresses and lengths in place of texts.
    fn placed(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, address) in wasm::PLACES {
            text = text.replace(name, &address.to_string());
        }
        for name in wasm::TABLES {
            if text.contains(name) {
                let table = wasm::table(name).unwrap_or_default();
                let at = self.add(table);
                text = text.replace(name, &format!("{at} {}", table.len()));
            }
        }
        let mut out = String::new();
        for (i, part) in text.split('"').enumerate() {
            if i % 2 == 0 {
                out.push_str(part);
                continue;
            }
            let part = part.replace("\\n", "\n");
            let at = self.add(part.as_bytes());
            let _ = write!(out, "{at} {}", part.len());
        }
        out
    }

    /// Adds bytes where they are not there; where they are.
    fn add(&mut self, bytes: &[u8]) -> u32 {
        let mut found = self.bytes.windows(bytes.len().max(1));
        let at = found.position(|part| part == bytes);
        let at = at.unwrap_or_else(|| {
            self.bytes.extend_from_slice(bytes);
            self.bytes.len() - bytes.len()
        });
        self.from + at as u32
    }
}

impl Runtime {
    /// The index of a function; 0 as long as that is not known.
    pub(super) fn function(&mut self, name: &str) -> u64 {
        if let Some(&index) = self.known.get(name) {
            return u64::from(index);
        }
        self.wanted.entry(name.to_owned()).or_insert(None);
        0
    }

    /// Whether a function of that name was added.
    pub(super) fn has(&self, name: &str) -> bool {
        self.wanted.contains_key(name)
    }

    /// Adds a function; the text is as in the sources, from the name on.
    pub(super) fn add(&mut self, name: &str, text: String) {
        self.wanted.insert(name.to_owned(), Some(text));
    }

    /// Adds a function from outside, which the texts of functions may call: its module, name and type.
    pub(super) fn import(&mut self, name: &str, import: [String; 3]) {
        self.imports.insert(name.to_owned(), import);
    }

    /// Adds a type of structs with these fields; returns its index.
    pub(super) fn object(&mut self, fields: &str) -> u64 {
        self.objects.push(fields.to_owned());
        FIRST_OWN + self.objects.len() as u64 - 1
    }

    /// Where functions are.
    pub(super) fn place(&mut self, names: &[(u32, String)]) {
        let names = names.iter();
        self.known = names.map(|(index, name)| (name.clone(), *index)).collect();
    }

    /// Makes a runtime for modules of WebAssembly.
    pub(super) fn for_wasm() -> Runtime {
        Runtime {
            wasm: Some(Texts::default()),
            ..Runtime::default()
        }
    }

    /// Whether it is for modules of WebAssembly.
    pub(super) fn is_for_wasm(&self) -> bool {
        self.wasm.is_some()
    }

    /// The bytes of texts that functions have, which follow the table of types.
    pub(super) fn into_texts(self) -> Vec<u8> {
        self.wasm.unwrap_or_default().bytes
    }

    /// Memory and variables.
    fn variables(&self, out: &mut String) {
        let session = super::session::MODULE;
        // Writing to a string does not fail.
        match &self.shared {
            None => out.push_str(MEMORY),
            Some(_) => {
                let _ = writeln!(out, ".import \"{session}\" \"memory\" memory 1");
            }
        }
        for (name, ty, value) in VARIABLES {
            let _ = match self.shared {
                None => writeln!(out, ".global ${name} mut {ty} = {value}"),
                Some(_) => writeln!(
                    out,
                    ".import \"{session}\" \"{name}\" global ${name} mut {ty}"
                ),
            };
        }
        for (i, ty) in self.shared.iter().flatten().enumerate() {
            let name = super::session::variable(i);
            let _ = writeln!(out, ".import \"{session}\" \"{name}\" global mut {ty}");
        }
    }

    /// The assembler text of all that is wanted.
    pub(super) fn assembler(&mut self) -> String {
        let types = FIRST_OWN as usize + self.objects.len();
        if let Some(texts) = &mut self.wasm {
            texts.from = wasm::TYPES + types as u32 * wasm::TYPE_BYTES;
        }
        let mut out = String::from(".arch arch64\n");
        self.variables(&mut out);
        out.push_str(DECLARATIONS);
        for (i, fields) in self.objects.iter().enumerate() {
            // Writing to a string does not fail.
            let _ = writeln!(out, ".struct $own{i} final ({fields})");
        }
        let mut waiting: Vec<&str> = self.wanted.keys().map(String::as_str).collect();
        let mut seen: HashSet<String> = waiting.iter().map(|name| (*name).to_owned()).collect();
        waiting.reverse();
        let mut waiting: Vec<String> = waiting.into_iter().map(str::to_owned).collect();
        let mut functions = String::new();
        while let Some(name) = waiting.pop() {
            let other = self.wasm.as_mut().and_then(|texts| {
                let text = WASM_LIBRARY.text(&name)?;
                Some(texts.placed(&text))
            });
            if other.is_none()
                && let Some((module, _, ty)) = IMPORTS.iter().find(|(_, import, _)| *import == name)
            {
                let _ = writeln!(out, ".import \"{module}\" \"{name}\" func ${name} {ty}");
                continue;
            }
            if let Some([module, import, ty]) = self.imports.get(&name) {
                let (module, import) = (quoted(module), quoted(import));
                let _ = writeln!(out, ".import {module} {import} func ${name} {ty}");
                continue;
            }
            let made = other
                .as_ref()
                .or_else(|| self.wanted.get(&name).and_then(Option::as_ref));
            let text = made.cloned().or_else(|| LIBRARY.text(&name));
            let text = text.unwrap_or_else(|| panic!("the runtime has no function {name}"));
            let mut translation = Translation::default();
            functions.push_str(&translation.function(&text));
            for name in translation.called {
                if seen.insert(name.clone()) {
                    waiting.push(name);
                }
            }
        }
        out.push_str(&functions);
        out
    }
}

/// A name that may be anything, as assembler text has it.
fn quoted(name: &str) -> String {
    let mut out = String::from("\"");
    for byte in name.bytes() {
        match byte {
            b' '..=b'~' if byte != b'"' && byte != b'\\' => out.push(byte.into()),
            // Writing to a string does not fail.
            _ => drop(write!(out, "\\{byte:02x}")),
        }
    }
    out.push('"');
    out
}

/// Blocks that are open.
enum Open {
    If(u32),
    Else(u32),
    While(u32),
}

/// The translation of one function.
#[derive(Default)]
struct Translation {
    out: String,
    called: Vec<String>,
    open: Vec<Open>,
    labels: u32,
}

impl Translation {
    fn function(&mut self, text: &str) -> String {
        let mut lines = text.lines();
        let head = lines.next().unwrap_or("");
        self.out = format!(".func ${head}\n");
        for line in lines {
            let line = line.split(';').next().unwrap_or("").trim();
            self.line(line);
        }
        self.out.push_str(".end\n");
        std::mem::take(&mut self.out)
    }

    fn line(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" => {}
            "set" => {
                let (name, value) = rest.split_once(' ').expect("a value");
                self.values(value);
                self.put(&format!("local.set {name}"));
            }
            "return" => {
                self.values(rest);
                self.put("ret");
            }
            "if" => {
                let label = self.label();
                self.values(rest);
                self.put(&format!("jz else{label}"));
                self.open.push(Open::If(label));
            }
            "else" => {
                let Some(Open::If(label)) = self.open.pop() else {
                    panic!("`else` without `if`")
                };
                self.put(&format!("jmp end{label}"));
                self.put(&format!("else{label}:"));
                self.open.push(Open::Else(label));
            }
            "while" => {
                let label = self.label();
                self.put(&format!("top{label}:"));
                self.put("loop");
                self.values(rest);
                self.put(&format!("jz end{label}"));
                self.open.push(Open::While(label));
            }
            "end" => match self.open.pop() {
                Some(Open::If(label)) => self.put(&format!("else{label}:")),
                Some(Open::Else(label)) => self.put(&format!("end{label}:")),
                Some(Open::While(label)) => {
                    self.put(&format!("jmp top{label}"));
                    self.put(&format!("end{label}:"));
                }
                None => panic!("`end` without a block"),
            },
            _ if line.starts_with('(') => self.values(line),
            _ => self.put(line),
        }
    }

    fn label(&mut self) -> u32 {
        self.labels += 1;
        self.labels
    }

    fn put(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    /// Translates expressions, one after the other.
    fn values(&mut self, text: &str) {
        // The instructions that wait for their operands.
        let mut heads: Vec<String> = Vec::new();
        let mut starts = false;
        let spaced = text.replace('(', " ( ").replace(')', " ) ");
        for token in spaced.split_whitespace() {
            match token {
                "(" => starts = true,
                ")" => {
                    let head = heads.pop().expect("brackets come in pairs");
                    self.instruction(&head);
                }
                head if starts => {
                    starts = false;
                    heads.push(head.to_owned());
                }
                operand => self.operand(operand),
            }
        }
    }

    fn instruction(&mut self, head: &str) {
        match head.strip_prefix('$') {
            Some(function) => {
                self.called.push(function.to_owned());
                self.put(&format!("call {head}"));
            }
            None => self.put(&head.replace(':', " ")),
        }
    }

    fn operand(&mut self, operand: &str) {
        if operand.starts_with('$') {
            return self.put(&format!("local.get {operand}"));
        }
        if let Some(long) = operand.strip_suffix('L') {
            return self.put(&format!("i64.push {long}"));
        }
        let is_float = operand.contains('.') || operand.contains('e') && !operand.contains('x');
        let ty = if is_float { "f64" } else { "i32" };
        self.put(&format!("{ty}.push {operand}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All functions, templates for all kinds, are put together and verified.
    #[test]
    fn every_function_is_verified() {
        let items = ["i64", "f64", "b8", "i32", "ref"];
        let keys = ["i64", "b8", "str"];
        let mut runtime = Runtime::default();
        for name in LIBRARY.functions.keys() {
            runtime.function(name);
        }
        for (name, (params, _)) in &LIBRARY.templates {
            for key in keys {
                for item in items {
                    let args = params.replace('#', key).replace('@', item);
                    runtime.function(&format!("{name}<{args}>"));
                }
            }
        }
        let text = runtime.assembler();
        let (module, _) =
            dotvm::isa::text::assemble(&text).unwrap_or_else(|error| panic!("{error}"));
        dotvm::isa::verify::verify_all(&module).unwrap_or_else(|error| panic!("{error}"));
        assert!(module.bodies.len() > 200);
    }

    /// So are those for modules of WebAssembly.
    #[test]
    fn every_function_for_webassembly_is_verified() {
        let mut runtime = Runtime::for_wasm();
        for name in WASM_LIBRARY.functions.keys() {
            runtime.function(name);
        }
        let text = runtime.assembler();
        let (module, _) =
            dotvm::isa::text::assemble(&text).unwrap_or_else(|error| panic!("{error}"));
        dotvm::isa::verify::verify_all(&module).unwrap_or_else(|error| panic!("{error}"));
        assert!(module.bodies.len() > 80);
    }

    #[test]
    fn expressions_become_instructions() {
        let mut translation = Translation::default();
        let text =
            "f (i32 $x) -> i32\nif (i32.lt $x 0)\nreturn (i32.sub 0 $x)\nend\nreturn ($g $x)";
        let text = translation.function(text);
        expect_test::expect![[r#"
            .func $f (i32 $x) -> i32
            local.get $x
            i32.push 0
            i32.lt
            jz else1
            i32.push 0
            local.get $x
            i32.sub
            ret
            else1:
            local.get $x
            call $g
            ret
            .end
        "#]]
        .assert_eq(&text);
        assert_eq!(translation.called, ["g"]);
    }
}
