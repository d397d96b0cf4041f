//! The `vitte` command, as users run it.

#[path = "cli/lsp.rs"]
mod lsp;
#[path = "cli/repl.rs"]
mod repl;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn vitte(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vitte"));
    command.current_dir(folder).args(args);
    command.output().expect("the command starts")
}

#[track_caller]
fn check(folder: &Path, args: &[&str], code: i32) -> (String, String) {
    let output = vitte(folder, args);
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{out}{err}");
    (out, err)
}

#[test]
fn programs_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("good.vit"), "print(1 + 2)\n").unwrap();
    fs::write(
        folder.path().join("bad.vit"),
        "let x: int = \"a\"\nlet y = z\n",
    )
    .unwrap();
    assert_eq!(
        check(folder.path(), &["check", "good.vit"], 0),
        Default::default()
    );
    let (_, err) = check(folder.path(), &["check", "good.vit", "bad.vit"], 1);
    assert!(
        err.contains("error[E0401]") && err.contains("error[E0301]"),
        "{err}"
    );
    assert!(
        err.contains("bad.vit:1:14") && err.contains("hint: "),
        "{err}"
    );
    let (_, err) = check(folder.path(), &["check", "none.vit"], 1);
    assert!(err.starts_with("error: none.vit: "), "{err}");
    check(folder.path(), &["chekc"], 2);
    check(folder.path(), &["check"], 2);
}

#[test]
fn sources_are_laid_out() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("src/deep");
    fs::create_dir_all(&inner).unwrap();
    let file = inner.join("a.vit");
    fs::write(&file, "let  x=1 // one\n").unwrap();
    fs::write(inner.join("note.txt"), "let  x=1\n").unwrap();
    let (out, _) = check(folder.path(), &["fmt", "--check", "src"], 1);
    assert_eq!(out, "src/deep/a.vit\n");
    let (out, _) = check(folder.path(), &["fmt", "--diff", "src"], 0);
    assert!(
        out.contains("-let  x=1 // one\n+let x = 1 // one\n"),
        "{out}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "let  x=1 // one\n");
    check(folder.path(), &["fmt", "src"], 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), "let x = 1 // one\n");
    check(folder.path(), &["fmt", "--check", "src"], 0);
    assert_eq!(
        fs::read_to_string(inner.join("note.txt")).unwrap(),
        "let  x=1\n"
    );
    fs::write(&file, "let = \n").unwrap();
    let (_, err) = check(folder.path(), &["fmt", "src"], 1);
    assert!(err.contains("error[E0201]"), "{err}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "let = \n");
}

#[test]
fn bytecode_is_assembled_shown_and_inspected() {
    let folder = tempfile::tempdir().unwrap();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vitbc/overview.vasm");
    let text = fs::read_to_string(sample).unwrap();
    fs::write(folder.path().join("a.vasm"), &text).unwrap();
    check(folder.path(), &["asm", "a.vasm"], 0);
    check(
        folder.path(),
        &["asm", "a.vasm", "--zstd", "-o", "b.vitbc"],
        0,
    );
    for file in ["a.vitbc", "b.vitbc"] {
        assert_eq!(check(folder.path(), &["disasm", file], 0).0, text);
    }
    check(folder.path(), &["disasm", "a.vitbc", "-o", "c.vasm"], 0);
    assert_eq!(
        fs::read_to_string(folder.path().join("c.vasm")).unwrap(),
        text
    );
    let (out, _) = check(folder.path(), &["inspect", "b.vitbc"], 0);
    assert!(out.starts_with("VITBC version 3, packed\n"), "{out}");
    assert!(
        out.contains("add (2 parameters, 4 registers, 4 instructions)"),
        "{out}"
    );
    let mut bytes = fs::read(folder.path().join("a.vitbc")).unwrap();
    bytes[20] ^= 1;
    fs::write(folder.path().join("a.vitbc"), bytes).unwrap();
    let (_, err) = check(folder.path(), &["inspect", "a.vitbc"], 1);
    assert!(
        err.contains("a.vitbc: byte ") && err.contains("checksum"),
        "{err}"
    );
    fs::write(folder.path().join("a.vasm"), "MAIN\n  FLY r0\nEND\n").unwrap();
    let (_, err) = check(folder.path(), &["asm", "a.vasm"], 1);
    assert!(
        err.contains("error[E0601]") && err.contains("a.vasm:2:3"),
        "{err}"
    );
}

#[test]
fn output_never_replaces_its_own_input() {
    let folder = tempfile::tempdir().unwrap();
    let text = "MAIN\n  RETURN\nEND\n";
    let file = folder.path().join("x.vitbc");
    fs::write(&file, text).unwrap();
    for args in [
        &["asm", "x.vitbc"][..],
        &["asm", "x.vitbc", "-o", "./x.vitbc"],
    ] {
        let (_, err) = check(folder.path(), args, 1);
        assert!(err.contains("x.vitbc: this is the text itself"), "{err}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
    check(folder.path(), &["asm", "x.vitbc", "-o", "y.vitbc"], 0);
    let bytes = fs::read(folder.path().join("y.vitbc")).unwrap();
    let (_, err) = check(folder.path(), &["disasm", "y.vitbc", "-o", "y.vitbc"], 1);
    assert!(err.contains("y.vitbc: this is the file itself"), "{err}");
    assert_eq!(fs::read(folder.path().join("y.vitbc")).unwrap(), bytes);
}

#[cfg(unix)]
#[test]
fn sources_are_replaced_at_once() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.vit");
    fs::write(&file, "let  x=1\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("a.vit", folder.path().join("link.vit")).unwrap();
    let old = fs::metadata(&file).unwrap().ino();
    check(folder.path(), &["fmt", "link.vit"], 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), "let x = 1\n");
    let new = fs::metadata(&file).unwrap();
    // Another file came in the place of the old one, which was never half written.
    assert_ne!(new.ino(), old);
    assert_eq!(new.permissions().mode() & 0o777, 0o640);
    let link = fs::symlink_metadata(folder.path().join("link.vit")).unwrap();
    assert!(link.is_symlink());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[cfg(unix)]
#[test]
fn names_of_files_do_not_reach_the_terminal_raw() {
    let folder = tempfile::tempdir().unwrap();
    let name = "a\u{1b}[31m\n\u{202e}.vit";
    fs::write(folder.path().join(name), "let  x=1\n").unwrap();
    let (out, _) = check(folder.path(), &["fmt", "--check", name], 1);
    assert_eq!(out, "a\\u{1b}[31m\\n\\u{202e}.vit\n");
    let (out, _) = check(folder.path(), &["fmt", "--diff", name], 0);
    assert!(out.starts_with("--- a\\u{1b}[31m\\n"), "{out}");
    let (_, err) = check(folder.path(), &["check", "\u{1b}[31m.vit"], 1);
    assert!(err.starts_with("error: \\u{1b}[31m.vit: "), "{err}");
    fs::write(folder.path().join(name), "let x = y\n").unwrap();
    let (_, err) = check(folder.path(), &["check", name], 1);
    assert!(err.contains("a?[31m?\u{fffd}.vit:1:9"), "{err}");
}

#[test]
fn small_texts_do_not_give_files_that_are_too_long() {
    let folder = tempfile::tempdir().unwrap();
    let functions: String = (0..1025)
        .map(|i| format!("FUNC f{i}() -> void\n  REGS 16384\n  RETURN\nEND\n"))
        .collect();
    let text = format!("{functions}MAIN\n  RETURN\nEND\n");
    fs::write(folder.path().join("a.vasm"), text).unwrap();
    let (_, err) = check(folder.path(), &["asm", "a.vasm"], 1);
    assert!(
        err.contains("functions have more than 16777216 registers in all"),
        "{err}"
    );
    assert!(!folder.path().join("a.vitbc").exists());
    // The registers fit, the file does not.
    let text = format!("{}MAIN\n  RETURN\nEND\n", {
        let end = functions.match_indices("FUNC f1024").next().unwrap().0;
        &functions[..end]
    });
    fs::write(folder.path().join("a.vasm"), text).unwrap();
    let (_, err) = check(folder.path(), &["asm", "a.vasm"], 1);
    assert!(err.contains("more than 67108864 bytes"), "{err}");
    assert!(!folder.path().join("a.vitbc").exists());
}

/// The overview's program, as source and as bytecode.
#[test]
fn the_first_program_runs() {
    let folder = tempfile::tempdir().unwrap();
    let source = "fn add(x: int, y: int) -> int {\n    return x + y\n}\n\nprint(add(2, 3))\n";
    fs::write(folder.path().join("a.vit"), source).unwrap();
    let run = |args: &[&str]| check(folder.path(), args, 0);
    let five = || ("5".to_owned(), String::new());
    assert_eq!(run(&["run", "a.vit"]), five());
    for packed in [&["build", "a.vit"][..], &["build", "a.vit", "--zstd"]] {
        run(packed);
        for jit in ["off", "eager", "tiered"] {
            assert_eq!(run(&["exec", "a.vitbc", "--jit", jit]), five());
        }
    }
    let text = "FUNC add(x, y)\n  LOAD_ARG r1, x\n  LOAD_ARG r2, y\n  ADD r3, r1, r2\n  RETURN r3\nEND\n\n\
                MAIN\n  LOAD_CONST r0, 2\n  LOAD_CONST r1, 3\n  CALL add, r0, r1\n  PRINT r0\nEND\n";
    fs::write(folder.path().join("b.vasm"), text).unwrap();
    run(&["asm", "b.vasm", "-o", "b.vitbc"]);
    assert_eq!(run(&["exec", "b.vitbc"]), five());
    let (out, trace) = run(&["exec", "b.vitbc", "--log", "trace"]);
    assert_eq!(out, "5");
    let bytecode = "> LOAD_CONST r0, 2\n> LOAD_CONST r1, 3\n> CALL add\n> LOAD_ARG r1, x\n> LOAD_ARG r2, y\n\
                    > ADD r3, r1, r2\n> RETURN r3 (5)\n> PRINT 5\n";
    assert!(trace.starts_with("VM Start\n"), "{trace}");
    assert!(trace.contains(bytecode), "{trace}");
    assert!(trace.ends_with("VM End\n"), "{trace}");
    let (out, dump) = run(&["exec", "b.vitbc", "--dump-vm"]);
    assert_eq!(out, "5");
    for part in [
        "header\n",
        "constants\n  0: 2\n  1: 3\n",
        "functions\n",
        "registers\n",
        "stack\n",
        "heap\n",
    ] {
        assert!(dump.contains(part), "{dump}");
    }
}

#[test]
fn programs_end_as_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "exit.vit",
        "from system import exit\nprintln(\"x\")\nexit(7)\n",
    );
    assert_eq!(check(folder.path(), &["run", "exit.vit"], 7).0, "x\n");
    write(
        "args.vit",
        "from system import args, env_get\nprintln(args())\nprintln(env_get(\"A\") ?? \"-\")\n",
    );
    let (out, _) = check(
        folder.path(),
        &["run", "--env", "A=b", "args.vit", "x", "-y"],
        0,
    );
    assert_eq!(out, "[\"x\", \"-y\"]\nb\n");
    write("trap.vit", "println(1)\nassert(1 > 2, \"no\")\n");
    let (out, err) = check(folder.path(), &["run", "trap.vit"], 134);
    assert_eq!(out, "1\n");
    assert!(err.contains("no") && err.contains("trap.vit:2"), "{err}");
    let (_, err) = check(folder.path(), &["run", "none.vit"], 1);
    assert!(err.contains("none.vit"), "{err}");
    write("bad.vit", "let x: int = 2.5\n");
    let (_, err) = check(folder.path(), &["run", "bad.vit"], 1);
    assert!(err.contains("E0401"), "{err}");
    write("bad.vitbc", "VITBC");
    check(folder.path(), &["exec", "bad.vitbc"], 1);
}

#[test]
fn programs_use_what_they_are_given() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    fs::write(folder.path().join("secret.txt"), "secret").unwrap();
    let text = r#"
for path in ["data/a.txt", "secret.txt", "data/../secret.txt"] {
    println(path + ": " + str(open(path, "r") != null))
}
if let out = open("data/a.txt", "w") { println(write(out, "text")) }
"#;
    fs::write(folder.path().join("files.vit"), text).unwrap();
    let none = "data/a.txt: false\nsecret.txt: false\ndata/../secret.txt: false\n";
    assert_eq!(check(folder.path(), &["run", "files.vit"], 0).0, none);
    let args = ["run", "--dir", "data", "files.vit"];
    let wrote = format!("{none}4\n");
    assert_eq!(check(folder.path(), &args, 0).0, wrote);
    let file = folder.path().join("data/a.txt");
    assert_eq!(fs::read_to_string(file).unwrap(), "text");
    let (_, err) = check(folder.path(), &["run", "--dir", "none", "files.vit"], 1);
    assert!(err.starts_with("error: --dir: "), "{err}");

    let text = r#"
import db
from system import args
db.put("runs", str(int(db.get("runs") ?? "0")! + 1))
println(db.get("runs"))
db.transaction(fn() {
    db.put("runs", "many")
    assert(args().len() == 0)
    return false
})
"#;
    fs::write(folder.path().join("db.vit"), text).unwrap();
    for wanted in ["1\n", "2\n"] {
        let args = ["run", "--db", "a.db", "db.vit"];
        assert_eq!(check(folder.path(), &args, 0).0, wanted);
    }
    let (out, err) = check(folder.path(), &["run", "--db", "a.db", "db.vit", "x"], 134);
    assert_eq!(out, "3\n");
    assert!(
        err.contains("assertion failed: args().len() == 0; left: 1, right: 0"),
        "{err}"
    );
    check(folder.path(), &["build", "db.vit"], 0);
    let args = ["exec", "--db", "a.db", "db.vitbc"];
    assert_eq!(check(folder.path(), &args, 0).0, "4\n");
    assert_eq!(check(folder.path(), &["run", "db.vit"], 0).0, "1\n");
    let (_, err) = check(folder.path(), &["run", "--db", "db.vit", "db.vit"], 134);
    assert!(err.contains("database") && err.contains("db.vit"), "{err}");
}

#[test]
fn tests_are_run() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(
        folder.path().join("src/lib.vit"),
        "let count = 0\nfn add(a: int, b: int) -> int {\n    count += 1\n    return a + b\n}\n",
    )
    .unwrap();
    let good = r#"from lib import add
import lib

let name = "x"

fn test_add() {
    assert(add(1, 2) == 3)
    assert(lib.count == 1)
    name = "y"
}

fn test_alone() {
    assert(lib.count == 0)
    assert(name == "x")
    fn test_inner() { panic("this is no test") }
}

fn helper() { panic("nobody calls this") }
"#;
    fs::write(folder.path().join("src/lib_test.vit"), good).unwrap();
    let (out, _) = check(folder.path(), &["test"], 0);
    let wanted = "src/lib_test.vit: test_add ... ok\nsrc/lib_test.vit: test_alone ... ok\n\n2 passed, 0 failed\n";
    assert_eq!(out, wanted);

    let bad = r#"import lib
fn test_values() {
    println("before")
    assert(lib.add(1, 1)
        == 3)
}
fn test_strings() { assert("a" + "b" == "abc") }
fn test_structs() {
    let list = [1]
    assert(list != list)
}
fn test_condition() {
    let found: int? = null
    assert(found != null)
}
fn test_message() { assert(1 > 2, "not so") }
fn test_trap() {
    const empty: array<string> = []
    println(empty[3])
}
fn test_exit() { from_here(0) }
fn from_here(code: int) { exit(code) }
fn test_parameter(n: int) { }
fn test_result() -> int { return 1 }
from system import exit
fn test_good() { }
"#;
    fs::write(folder.path().join("src/bad_test.vit"), bad).unwrap();
    let (out, _) = check(
        folder.path(),
        &["test", "--jit", "off", "src/bad_test.vit"],
        1,
    );
    expect_test::expect_file!["cli/tests.txt"].assert_eq(&out);
    let (eager, _) = check(
        folder.path(),
        &["test", "--jit", "eager", "src/bad_test.vit"],
        1,
    );
    assert_eq!(eager, out);
    let (out, _) = check(folder.path(), &["test", "--filter", "good"], 0);
    assert!(out.ends_with("1 passed, 0 failed\n"), "{out}");

    fs::write(
        folder.path().join("src/slow_test.vit"),
        "fn test_slow() { while true { } }\n",
    )
    .unwrap();
    let args = ["test", "src/slow_test.vit", "--timeout", "1"];
    let (out, _) = check(folder.path(), &args, 1);
    assert!(out.contains("test_slow ... FAILED"), "{out}");
    fs::write(
        folder.path().join("src/slow_test.vit"),
        "fn test_slow() { x() }\n",
    )
    .unwrap();
    let (out, err) = check(folder.path(), &["test", "--filter", "add"], 1);
    assert!(
        out.ends_with("1 passed, 0 failed, 1 file with errors\n"),
        "{out}"
    );
    assert!(err.contains("error[E0301]"), "{err}");
    fs::create_dir(folder.path().join("empty")).unwrap();
    let (_, err) = check(folder.path(), &["test", "empty"], 1);
    assert!(err.contains("_test.vit"), "{err}");
}

/// Runs a module of WebAssembly on standard output.
const NODE: &str = "import { readFileSync } from 'node:fs'
import { WASI } from 'node:wasi'
const wasi = new WASI({ version: 'preview1' })
const module = await WebAssembly.compile(readFileSync(process.argv[2]))
const instance = await WebAssembly.instantiate(module, wasi.getImportObject())
process.exitCode = wasi.start(instance)
";

/// Programs are built for WebAssembly, and another machine runs them, with the exit codes that they have here.
#[test]
fn webassembly_is_built_and_runs_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(
        path.join("db.vit"),
        "import db\nfn f() {\n    print(db.get(\"a\") ?? \"\")\n}\nf()\n",
    )
    .unwrap();
    let (_, err) = check(path, &["build", "--target", "wasm", "db.vit"], 1);
    assert!(
        err.contains("db.vit:3: `db.get` in `f`: modules of WebAssembly do not have the database"),
        "{err}"
    );
    fs::write(
        path.join("fail.vit"),
        "fn f(x: int) -> int {\n    return 1 / x\n}\nprint(f(0))\n",
    )
    .unwrap();
    check(
        path,
        &["build", "--target", "wasm", "fail.vit", "-o", "fail.wasm"],
        0,
    );
    let (_, err) = check(
        path,
        &["build", "--target", "wasm", "--zstd", "fail.vit"],
        1,
    );
    assert!(err.contains("`--zstd` packs `.vitbc` files"), "{err}");
    let module = fs::read(path.join("fail.wasm")).unwrap();
    assert_eq!(module[..8], *b"\0asm\x01\0\0\0");
    // What is not used is not there.
    assert!(module.len() < 6000, "{}", module.len());
    fs::write(path.join("run.mjs"), NODE).unwrap();
    let node = |module: &str| {
        let mut command = Command::new("node");
        command
            .current_dir(path)
            .args(["--no-warnings", "run.mjs", module]);
        command.output()
    };
    let output = node("fail.wasm").expect("node runs modules: apt-get install nodejs");
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        err,
        "error: trap: integer divide by zero\n  0: f\n      at fail.vit:2\n"
    );
    assert_eq!(output.status.code(), Some(134));
}
