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
