//! The same modules on another machine: node.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use vitte::vitbc::module::Module;
use vitte::wasm::Options;

use super::super::{compile, programs};
use super::{FILE, INPUT, built, failures, shortened};

/// Runs a module with a folder as its `/data`. One process for all modules would be faster: node 20 loses what its own
/// code has on the stack once some have run.
const SCRIPT: &str = r#"
import { readFileSync } from 'node:fs'
import { WASI } from 'node:wasi'
const wasi = new WASI({ version: 'preview1', preopens: { '/data': process.argv[3] } })
const module = await WebAssembly.compile(readFileSync(process.argv[2]))
const instance = await WebAssembly.instantiate(module, wasi.getImportObject())
try {
    process.exitCode = wasi.start(instance)
} catch (error) {
    console.error(String(error))
    process.exitCode = 1
}
"#;

/// A module, and what is said of it elsewhere.
struct Case {
    path: PathBuf,
    name: String,
    expected: String,
}

/// What a module prints, and how it ends.
fn output(case: &Case) -> String {
    let data = case.path.with_extension("data");
    fs::create_dir_all(data.join("inner")).unwrap();
    fs::write(data.join("in.txt"), FILE).unwrap();
    let folder = case.path.parent().expect("it is in a folder");
    let mut command = Command::new("node");
    command.arg("--no-warnings").arg(folder.join("run.mjs"));
    command.arg(&case.path).arg(&data);
    command.stdin(fs::File::open(folder.join("input")).unwrap());
    let ran = command.output();
    let ran = ran.expect("node runs modules: apt-get install nodejs");
    let mut text = String::from_utf8(ran.stdout).expect("output is UTF-8");
    let failed = String::from_utf8_lossy(&ran.stderr);
    match ran.status.code() {
        Some(0) => assert_eq!(failed, "", "{}", case.name),
        Some(134) if !failed.is_empty() => text.push_str(&failed),
        Some(1) if failed.starts_with("RangeError: Maximum call stack") => {
            text.push_str("error: trap: call stack exhausted\n");
        }
        Some(code) if failed.is_empty() => text.push_str(&format!("exit code {code}\n")),
        code => text.push_str(&format!("{code:?}: {failed}")),
    }
    text
}

/// Without what node does not tell: an exit with 0.
fn comparable(text: &str) -> String {
    let lines = text.lines().filter(|line| *line != "exit code 0");
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn programs_and_failures_are_the_same_on_node() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("run.mjs"), SCRIPT).unwrap();
    fs::write(folder.path().join("input"), INPUT).unwrap();
    let mut all = Vec::new();
    let mut add = |name: String, expected: &str, module: &Module| {
        if let Some(bytes) = built(module, Options::default()) {
            let path = folder.path().join(format!("{}.wasm", all.len()));
            fs::write(&path, bytes).unwrap();
            let expected = shortened(expected);
            all.push(Case {
                path,
                name,
                expected,
            });
        }
    };
    for path in programs("tests/run") {
        if let Ok(module) = compile(&path) {
            let expected = fs::read_to_string(path.with_extension("expected")).unwrap();
            add(path.display().to_string(), &expected, &module);
        }
    }
    for (name, expected, module) in failures() {
        add(name, &expected, &module);
    }
    assert!(all.len() > 80, "{}", all.len());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(case) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = comparable(&shortened(&output(case)));
                    assert_eq!(found, comparable(&case.expected), "{}", case.name);
                }
            });
        }
    });
}
