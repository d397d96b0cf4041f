//! The `vitte` command, as users run it.

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
