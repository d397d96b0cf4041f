//! Debug information, from a compiler's to what people see: backtraces at every optimization level in
//! every tier, and tables as text beside what is expected (`debug/*.txt`).
//!
//! Programs are in `debug/`: a Rust program that is compiled here, and modules made of a C program,
//! which are kept, since compilers differ.

#[path = "core_dumps.rs"]
mod core_dumps;
#[path = "debug_sessions.rs"]
mod sessions;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use dotvm::isa::debug::{
    Base, FuncSource, Location, Place, SourceTables, Spot, SubprogramName, TypeKind,
};
use dotvm::isa::{Bytes, EncodeOptions, Module, Names, decode, encode};
use dotvm_tests::command::{Outcome, run};
use dotvm_tests::root;
use dotvm_transpiler::{DriverOptions, Error, OptLevel, Options, Output, load_wasm, transpile};
use expect_test::{expect, expect_file};

/// How a program is run: interpreted, as native code from the start, and mixed.
const TIERS: [&[&str]; 3] = [
    &["--jit=off"],
    &["--jit=eager"],
    &["--jit=tiered", "--jit-threshold", "1"],
];

/// The most that a debug section may take, compared to the bodies of functions.
const DEBUG_RATIO_MAX: f64 = 0.6;

fn program(name: &str) -> PathBuf {
    root().join("tests/debug").join(name)
}

fn dotvm(args: &[&str], files: &[&Path], rest: &[&str]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dotvm-under-test"));
    run(command.args(args).args(files).args(rest), b"")
}

/// The compiled Rust program, with debug information.
fn compiled(path: &Path, folder: &Path) -> PathBuf {
    let options = DriverOptions {
        debug_info: true,
        ..DriverOptions::default()
    };
    let wasm = load_wasm(path, &options, &mut |_| {})
        .unwrap_or_else(|error| panic!("{error}\nscripts/wasm-target installs what is needed"));
    let name = path.with_extension("wasm");
    let file = folder.join(name.file_name().expect("a name"));
    std::fs::write(&file, wasm).expect("written");
    file
}

fn transpiled(wasm: &Path, opt_level: OptLevel) -> Output {
    let wasm = std::fs::read(wasm).expect("a module");
    let options = Options {
        opt_level,
        debug_info: true,
        ..Options::default()
    };
    transpile(&wasm, &options).expect("transpiled")
}

/// What a program says when it traps, which is the same at every level and in every tier but for the
/// offsets of instructions, and whether a function was inlined by the transpiler.
fn backtrace(wasm: &Path, options: &[&str], arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let mut all: Vec<(String, String)> = Vec::new();
    for level in OptLevel::ALL {
        let file = folder.path().join(format!("level{level}.dotvm"));
        let level = level.to_string();
        let args = ["transpile", "--debug", "--opt-level", &level, "-i"];
        let built = dotvm(&args, &[wasm, Path::new("-o"), &file], &[]);
        assert_eq!(built.code(), 0, "{}", built.stderr);
        for tier in TIERS {
            let args = [&["run"], tier, options].concat();
            let outcome = dotvm(&args, &[&file], arguments);
            assert_eq!(outcome.code(), 134, "{}", outcome.stderr);
            all.push((
                format!("level {level}, {tier:?}"),
                comparable(&outcome.stderr),
            ));
        }
    }
    let (first, text) = &all[0];
    for (other, found) in &all {
        assert_eq!(found, text, "{first} and {other} differ");
    }
    text.clone()
}

/// A message without what depends on the optimization level.
fn comparable(message: &str) -> String {
    let mut text = String::new();
    for line in message.lines() {
        let function = line.find("(function ").and_then(|start| {
            let comma = start + line[start..].find(", ")?;
            Some((
                &line[..comma],
                line[comma..].trim_start_matches(|c| c != ')'),
            ))
        });
        match function {
            Some((start, end)) => writeln!(text, "{start}{end}"),
            None => writeln!(text, "{line}"),
        }
        .expect("writing to a string");
    }
    text
}

#[test]
fn a_trap_in_c() {
    let wasm = program("crash-O0-dwarf4.wasm");
    expect![[r#"
        error: trap: integer divide by zero
          0: divide (function 2)
               at crash.c:12:12
          1: average (function 1)
               at crash.c:21:10
          2: run (function 0)
               at crash.c:28:18
    "#]]
    .assert_eq(&backtrace(&wasm, &["--invoke", "run"], &["0"]));
}

#[test]
fn a_trap_in_optimized_c() {
    let wasm = program("crash-O2-dwarf5.wasm");
    expect![[r#"
        error: trap: integer divide by zero
          0: divide (inlined)
               at crash.c:12:12
          1: average (function 1)
               at crash.c:21:10
          2: run (function 0)
               at crash.c:28:18
    "#]]
    .assert_eq(&backtrace(&wasm, &["--invoke", "run"], &["0"]));
}

/// Which functions of the standard library a panic goes through depends on the compiler, those of the
/// program do not.
#[test]
fn a_panic_in_rust() {
    let folder = tempfile::tempdir().expect("a folder");
    let wasm = compiled(&program("ledger.rs"), folder.path());
    let text = backtrace(&wasm, &[], &["x", "xx"]);
    let lines: Vec<&str> = text.lines().collect();
    let mut own = String::new();
    let mut without_line = Vec::new();
    for pair in lines.windows(2) {
        let is_frame = pair[0].contains("(function ") || pair[0].contains("inlined)");
        match pair[1].trim_start().strip_prefix("at ") {
            Some(place) if is_frame && place.contains("ledger.rs") => {
                let (_, name) = pair[0].split_once(": ").expect("a number");
                let (name, _) = name.split_once(" (").expect("a function");
                let place = place.rsplit('/').next().unwrap_or(place);
                // Compilers differ in which column of a call they name.
                let line = place.rsplit_once(':').map_or(place, |(line, _)| line);
                writeln!(own, "{name} at {line}").expect("writing to a string");
            }
            Some(_) => {}
            None if is_frame => without_line.push(pair[0]),
            None => {}
        }
    }
    expect![[r#"
        ledger::refuse at ledger.rs:29
        ledger::checked at ledger.rs:23
        <ledger::Account as ledger::Apply>::apply at ledger.rs:15
        ledger::process::{{closure}} at ledger.rs:34
        ledger::process at ledger.rs:34
        ledger::main at ledger.rs:43
    "#]]
    .assert_eq(&own);
    // What compiler and linker make for the start of a program comes without.
    let made = [
        "_start",
        "__original_main",
        "__main_void",
        "main (function ",
    ];
    let known = without_line
        .iter()
        .all(|line| made.iter().any(|name| line.contains(name)));
    assert!(known, "frames without a line: {without_line:?}\n{text}");
}

#[test]
fn debug_information_is_small() {
    let folder = tempfile::tempdir().expect("a folder");
    for example in ["panic", "sieve", "json"] {
        let source = root().join("examples").join(example).with_extension("rs");
        let output = transpiled(&compiled(&source, folder.path()), OptLevel::O2);
        let options = EncodeOptions {
            debug_zstd_level: Some(22),
            ..EncodeOptions::default()
        };
        let all = encode(&output.module, &output.names, options).len();
        let without = encode(&output.module, &Names::default(), options).len();
        let code = output.module.code_bytes.as_slice().len();
        let ratio = (all - without) as f64 / code as f64;
        assert!(
            ratio < DEBUG_RATIO_MAX,
            "{example}: {ratio:.3} of {code} bytes"
        );
    }
}

/// The code does not depend on whether debug information is kept.
#[test]
fn code_is_the_same_with_and_without() {
    for level in OptLevel::ALL {
        let wasm = program("crash-O2-dwarf5.wasm");
        let with = transpiled(&wasm, level).module;
        let wasm = std::fs::read(wasm).expect("a module");
        let options = Options {
            opt_level: level,
            ..Options::default()
        };
        let without = transpile(&wasm, &options).expect("transpiled").module;
        assert_eq!(with.code_bytes.as_slice(), without.code_bytes.as_slice());
    }
}

/// A program runs whatever its debug section looks like; its backtraces have what can be read.
#[test]
fn damage_does_not_matter_until_it_is_asked_for() {
    let output = transpiled(&program("crash-O2-dwarf5.wasm"), OptLevel::O2);
    let bytes = encode(&output.module, &output.names, EncodeOptions::default());
    let len = output.names.source.as_bytes().len();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("damaged.dotvm");
    let args = ["run", "--invoke", "run"];
    for at in (bytes.len() - len..bytes.len()).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        std::fs::write(&file, &damaged).expect("written");
        assert_eq!(dotvm(&args, &[&file], &["2"]).stdout, "1500\n");
        // With a wrong checksum nothing in the section is believed.
        let outcome = dotvm(&args, &[&file], &["0"]);
        assert_eq!(outcome.code(), 134);
        assert!(
            outcome.stderr.contains("function 0, offset"),
            "{}",
            outcome.stderr
        );
        std::fs::write(&file, dotvm::isa::fuzzing::repair_checksums(&damaged)).expect("written");
        assert_eq!(dotvm(&args, &[&file], &["0"]).code(), 134);
    }
}

/// Whatever DWARF says, it is refused, or there is debug information of it that makes sense.
#[test]
fn of_damaged_dwarf_the_rest_is_read() {
    for name in ["crash-O0-dwarf4.wasm", "crash-O2-dwarf5.wasm"] {
        let wasm = std::fs::read(program(name)).expect("a module");
        let sections = wasm.windows(7).position(|bytes| bytes == b".debug_");
        let options = Options {
            debug_info: true,
            ..Options::default()
        };
        let whole = transpile(&wasm, &options).expect("a module").report;
        assert!(whole.debug_faults.is_empty(), "{:?}", whole.debug_faults);
        let (mut faulty, mut useful) = (0, 0);
        for at in sections.expect("debug information")..wasm.len() {
            for bits in [0x01, 0x80, 0xff] {
                let mut damaged = wasm.clone();
                damaged[at] ^= bits;
                match transpile(&damaged, &options) {
                    Ok(output) => {
                        output.names.source.verify().expect("what was written");
                        let is_faulty = !output.report.debug_faults.is_empty();
                        faulty += usize::from(is_faulty);
                        useful += usize::from(is_faulty && output.report.debug_info);
                    }
                    // The section's own head may be what is damaged.
                    Err(Error::Invalid { .. }) => {}
                    Err(other) => panic!("byte {at}: {other}"),
                }
            }
        }
        assert!(
            useful > 100 && faulty > useful,
            "{faulty} with faults, {useful} of them with something that could be read"
        );
    }
}

#[test]
fn information_in_another_file_is_asked_for() {
    let mut wasm = std::fs::read(program("crash-O2-dwarf5.wasm")).expect("a module");
    let at = wasm
        .windows(11)
        .position(|bytes| bytes == b".debug_info")
        .expect("a section");
    // Another name of the same length, so that this section is not there.
    wasm[at..at + 11].copy_from_slice(b".debug_none");
    let section = b"\x13external_debug_info\x09some.wasm";
    wasm.extend([0, section.len() as u8]);
    wasm.extend(section);
    let options = Options {
        debug_info: true,
        ..Options::default()
    };
    let report = transpile(&wasm, &options).expect("a module").report;
    expect!["it is not in this file but in some.wasm; build without splitting it (-gsplit-dwarf, -gseparate-dwarf, split-debuginfo)"].assert_eq(&report.debug_faults.join("; "));
    assert!(!report.debug_info);
    // Nobody who does not want it has to care.
    let report = transpile(&wasm, &Options::default())
        .expect("a module")
        .report;
    assert!(report.debug_faults.is_empty());
}

#[test]
fn tables_of_unoptimized_c() {
    let output = transpiled(&program("crash-O0-dwarf4.wasm"), OptLevel::O0);
    expect_file![program("crash-O0.txt")].assert_eq(&text(&output));
}

#[test]
fn tables_of_optimized_c() {
    let output = transpiled(&program("crash-O2-dwarf5.wasm"), OptLevel::O2);
    expect_file![program("crash-O2.txt")].assert_eq(&text(&output));
}

/// The tables as text, as they are read from an encoded module.
fn text(output: &Output) -> String {
    let bytes = encode(&output.module, &output.names, EncodeOptions::default());
    let module = decode(&Bytes::new(bytes)).expect("decoded");
    let names = Names::decode(&module).expect("decoded");
    names.source.verify().expect("verified");
    let printer = Printer {
        tables: &names.source,
        names: &names,
    };
    let mut out = String::new();
    for index in names.source.funcs().expect("functions") {
        let func = names
            .source
            .func(index)
            .expect("decoded")
            .expect("described");
        printer.func(&mut out, &module, &func);
    }
    printer.types(&mut out);
    out
}

struct Printer<'a> {
    tables: &'a SourceTables,
    names: &'a Names,
}

impl Printer<'_> {
    fn func(&self, out: &mut String, module: &Module, source: &FuncSource<'_>) {
        let func = &source.func;
        let body = module.body(func.index - module.imported_funcs().count() as u32);
        writeln!(out, "function {}, {} bytes", func.index, body.len()).expect("writing");
        writeln!(out, "  lines").expect("writing");
        for row in &func.rows {
            let at = row
                .location
                .map_or("nowhere".to_owned(), |at| self.location(at));
            let statement = if row.is_stmt {
                ""
            } else {
                ", within a statement"
            };
            writeln!(out, "    {:#04x} {at}{statement}", row.offset).expect("writing");
            let frames = source.frames_at(row.offset).expect("frames");
            for caller in &frames[1..] {
                let at = caller
                    .location
                    .map_or("nowhere".to_owned(), |at| self.location(at));
                writeln!(
                    out,
                    "         inlined into {} at {at}",
                    self.name(&caller.name)
                )
                .expect("writing");
            }
        }
        for scope in &func.scopes {
            let subprogram = self.tables.subprogram(scope.subprogram).expect("decoded");
            writeln!(out, "  variables of {}", self.name(&subprogram.name)).expect("writing");
            let mut places = scope.places.iter();
            for variable in &subprogram.variables {
                let kind = if variable.is_param { "param " } else { "" };
                let ty = variable.ty.map_or("?".to_owned(), |ty| self.type_name(ty));
                writeln!(out, "    {kind}{}: {ty}", variable.name).expect("writing");
                let ranges = places.next().map_or(&[][..], |ranges| ranges);
                for (range, place) in ranges {
                    let (start, end) = (range.start, range.end);
                    writeln!(out, "      {start:#04x}..{end:#04x} {}", show(place))
                        .expect("writing");
                }
                if ranges.is_empty() {
                    writeln!(out, "      optimized out").expect("writing");
                }
            }
        }
    }

    fn location(&self, at: Location) -> String {
        let file = self.tables.file(at.file).expect("a file");
        format!("{file}:{}:{}", at.line, at.column)
    }

    fn name(&self, name: &SubprogramName) -> String {
        match name {
            SubprogramName::Func(func) => self.names.func(*func).unwrap_or("?").to_owned(),
            SubprogramName::Text(text) => text.clone(),
        }
    }

    fn type_name(&self, index: u32) -> String {
        let ty = self.tables.ty(index).expect("a type");
        let of = |part: Option<u32>| part.map_or("void".to_owned(), |part| self.type_name(part));
        match ty.kind {
            _ if !ty.name.is_empty() => ty.name,
            TypeKind::Pointer(to) => format!("*{}", of(to)),
            TypeKind::Array(item, Some(count)) => format!("[{}; {count}]", of(item)),
            kind => format!("{kind:?}"),
        }
    }

    fn types(&self, out: &mut String) {
        writeln!(out, "types").expect("writing");
        let mut lines: Vec<String> = Vec::new();
        for index in 0..self.tables.types() as u32 {
            let ty = self.tables.ty(index).expect("a type");
            let mut line = format!("  {}: {} bytes, ", self.type_name(index), ty.bytes);
            match &ty.kind {
                TypeKind::Struct { members, .. } => {
                    line += "struct";
                    for member in members {
                        let of = member.ty.map_or("?".to_owned(), |ty| self.type_name(ty));
                        write!(line, ", {} {} at {}", of, member.name, member.offset)
                            .expect("writing");
                    }
                }
                TypeKind::Pointer(_) => line += "pointer",
                TypeKind::Alias(of) => {
                    let of = of.map_or("void".to_owned(), |of| self.type_name(of));
                    write!(line, "alias of {of}").expect("writing");
                }
                kind => write!(line, "{kind:?}").expect("writing"),
            }
            lines.push(line);
        }
        lines.sort();
        out.push_str(&lines.join("\n"));
        out.push('\n');
    }
}

fn show(place: &Place) -> String {
    match place {
        Place::Whole(spot) => show_spot(*spot),
        Place::Pieces(pieces) => {
            let pieces = pieces.iter().map(|(bytes, spot)| {
                let at = spot.map_or("nowhere".to_owned(), show_spot);
                format!("{bytes} bytes {at}")
            });
            pieces.collect::<Vec<_>>().join(", ")
        }
    }
}

fn show_spot(spot: Spot) -> String {
    let sum = |base: Base, addend: i64| match base {
        Base::Zero => format!("{addend}"),
        base => format!("{base:?} + {addend}").replace(" + 0", ""),
    };
    match spot {
        Spot::Value(base, addend) => sum(base, addend),
        Spot::Memory(base, addend) => format!("memory at {}", sum(base, addend)),
    }
}
