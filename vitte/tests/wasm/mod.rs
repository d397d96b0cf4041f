//! The same programs as modules of WebAssembly, which the machine runs as it does any other: they are valid, and do
//! what stands beside the programs.

mod node;

use std::fs;
use std::path::Path;

use dotvm::wasi::{MemoryInput, MemoryOutput, WasiCtx, WasiCtxBuilder};
use dotvm::{Config, Engine, Error, Linker, Store, add_wasi_to_linker};
use dotvm_transpiler::transpile;
use vitte::modules::Texts;
use vitte::run;
use vitte::vitbc::module::Module;
use vitte::wasm::{self, Options};

use super::{CASE, compile, programs, tiers};

/// What programs read.
const INPUT: &str = "first line\nzwölf\n\nlast";

/// What is in `/data/in.txt`.
const FILE: &str = "one\nzwölf\n\u{1f600}";

/// What a module prints, and how it ends.
fn output(bytes: &[u8], config: &Config) -> String {
    let transpiled = transpile(bytes, &dotvm_transpiler::Options::default());
    let transpiled = transpiled.expect("the module is valid");
    let engine = Engine::new(config);
    let module = dotvm::Module::from_parts(&engine, transpiled.module, transpiled.names).unwrap();
    let (out, err) = (MemoryOutput::new(), MemoryOutput::new());
    let mut wasi = WasiCtxBuilder::new();
    wasi.stdout(out.clone()).stderr(err.clone());
    wasi.stdin(MemoryInput::new(INPUT));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.txt"), FILE).unwrap();
    fs::create_dir(folder.path().join("inner")).unwrap();
    wasi.preopened_dir(folder.path(), "/data").unwrap();
    let mut store = Store::new(&engine, wasi.build());
    let mut linker = Linker::new(&engine);
    add_wasi_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let entry = instance.entry(&mut store).expect("a program");
    let result = entry.call(&mut store, &[]);
    let mut text = String::from_utf8(out.contents()).expect("output is UTF-8");
    let failed = String::from_utf8(err.contents()).expect("messages are UTF-8");
    match result {
        Ok(_) => assert_eq!(failed, ""),
        Err(Error::Exit(134)) if !failed.is_empty() => text.push_str(&failed),
        Err(Error::Exit(code)) => text.push_str(&format!("exit code {code}\n")),
        Err(error) => {
            // Calls that are nested too deeply are what the machine finds, not the module.
            let shown = error.to_string();
            let first = shown.lines().next().unwrap_or("");
            text.push_str(&format!("error: {first}\n"));
        }
    }
    text
}

/// Only the innermost place of a failure: modules of WebAssembly know no others. Why input or output failed they only know
/// as a number, which is up to the machine.
fn shortened(text: &str) -> String {
    let mut lines = Vec::new();
    let mut failed = false;
    for line in text.lines() {
        if failed && line.trim_start().starts_with("at ") {
            lines.push(format!("  {}", line.trim()));
            failed = false;
        }
        if line.starts_with("error: trap: ") {
            let reason = ["input failed", "output failed"]
                .map(|what| line.find(what).map(|at| at + what.len()));
            let end = reason.into_iter().flatten().next().unwrap_or(line.len());
            lines.push(line[..end].to_owned());
            // Engines end calls that are nested too deeply, each where it wants.
            failed = !line.contains("call stack exhausted");
        } else if line.starts_with(CASE) {
            lines.push(line.to_owned());
            failed = false;
        } else if !line.starts_with(' ') {
            lines.push(line.to_owned());
        }
    }
    lines.join("\n")
}

/// The module of a program; nothing for one that needs the database, which is said with the place.
fn built(module: &Module, options: Options) -> Option<Vec<u8>> {
    match wasm::build(module, options) {
        Ok(bytes) => Some(bytes),
        Err(refused) => {
            let reason = refused.to_string();
            assert!(reason.ends_with("do not have the database"), "{reason}");
            assert!(reason.contains(".vit:"), "{reason}");
            None
        }
    }
}

fn check(path: &Path, expected: &str, module: &Module, only_once: bool) {
    let Some(bytes) = built(module, Options::default()) else {
        return;
    };
    for (name, config) in tiers().into_iter().take(if only_once { 1 } else { 2 }) {
        let found = output(&bytes, &config);
        let (found, expected) = (shortened(&found), shortened(expected));
        assert_eq!(found, expected, "{}, {name}", path.display());
    }
    let options = Options {
        collect_always: true,
    };
    if let Some(bytes) = built(module, options).filter(|_| !only_once) {
        let (_, eager) = &tiers()[1];
        let (found, expected) = (shortened(&output(&bytes, eager)), shortened(expected));
        assert_eq!(found, expected, "{}, torture", path.display());
    }
}

#[test]
fn programs_print_the_same_as_webassembly() {
    let mut count = 0;
    for path in programs("tests/run") {
        let Ok(module) = compile(&path) else {
            continue;
        };
        let expected = fs::read_to_string(path.with_extension("expected")).unwrap();
        check(&path, &expected, &module, false);
        count += 1;
    }
    assert!(count > 20, "{count}");
}

#[test]
fn failures_are_the_same_as_webassembly() {
    for (name, expected, module) in failures() {
        check(Path::new(&name), &expected, &module, true);
    }
}

/// The programs that fail, each with its name and what is expected of it.
fn failures() -> Vec<(String, String, Module)> {
    let mut all = Vec::new();
    for path in programs("tests/traps") {
        let text = fs::read_to_string(&path).unwrap();
        let expected = fs::read_to_string(path.with_extension("expected")).unwrap();
        let expected = expected.split(CASE).skip(1);
        for (case, expected) in text.split(CASE).skip(1).zip(expected) {
            let (name, code) = case.split_once('\n').expect("a case has a name");
            let mut texts = Texts::default();
            texts.0.insert("case.vit".into(), code.to_owned());
            let module = run::compile(Path::new("case.vit"), &mut texts).unwrap();
            let Ok(module) = module else { continue };
            let (_, expected) = expected.split_once('\n').expect("a case has a name");
            all.push((name.to_owned(), expected.to_owned(), module));
        }
    }
    all
}

/// Garbage is collected, also in circles, and what grows moves: memory stays small.
#[test]
fn garbage_of_webassembly_is_collected() {
    let source = "struct Node { next: Node?, values: array<int> }\n\
        let kept = [\"a\"]\n\
        for let i = 0; i < 60000; i += 1 {\n\
            let a = Node { next: null, values: [i, i, i, i, i, i, i, i, i, i, i, i, i, i] }\n\
            let b = Node { next: a, values: [] }\n\
            a.next = b\n\
            if i % 1000 == 0 { kept.push(str(i) + \"!\") }\n\
        }\n\
        println(len(kept))\nprintln(kept[60])\n";
    let mut texts = Texts::default();
    texts.0.insert("garbage.vit".into(), source.to_owned());
    let module = run::compile(Path::new("garbage.vit"), &mut texts).unwrap();
    let module = module.unwrap();
    let bytes = built(&module, Options::default()).unwrap();
    let (_, mut config) = tiers().into_iter().nth(1).unwrap();
    // What is there at first, and some megabytes for objects: they take more than 7 in all.
    config.max_memory_bytes(80 << 20);
    assert_eq!(output(&bytes, &config), "61\n59000!\n");
}
