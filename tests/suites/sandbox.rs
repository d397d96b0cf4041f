//! A program does what it likes in the folder it was given, and nothing outside of it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use dotvm_tests::command::{Outcome, run};
use dotvm_tests::guest::compile;
use dotvm_tests::header::Header;
use expect_test::expect;

/// Attempts to escape that there must be at least.
const ATTEMPTS_MIN: usize = 30;

/// A folder with a secret, and the folder `box` that programs are given.
struct Outside(tempfile::TempDir);

impl Outside {
    fn new() -> Outside {
        let outside = Outside(tempfile::tempdir().expect("a temporary folder"));
        outside.fill().expect("files in a temporary folder");
        outside
    }

    fn fill(&self) -> std::io::Result<()> {
        let path = |name: &str| self.path(name);
        fs::write(path("secret.txt"), "the secret")?;
        fs::create_dir(path("secret_dir"))?;
        fs::write(path("secret_dir/inside.txt"), "another secret")?;
        fs::create_dir(path("empty_dir"))?;
        symlink("secret.txt", path("outlink"))?;
        fs::create_dir_all(path("box/inner"))?;
        fs::write(path("box/inner/file.txt"), "a file inside")?;
        symlink("inner/file.txt", path("box/link_in"))?;
        symlink("../secret.txt", path("box/link_out"))?;
        symlink(path("secret.txt"), path("box/link_abs"))?;
        symlink("/proc/self/cwd", path("box/link_proc"))?;
        symlink("..", path("box/dirlink"))?;
        symlink(path(""), path("box/dirlink_abs"))?;
        symlink("..", path("box/inner/uplink"))?;
        symlink("link_out", path("box/chain"))?;
        symlink("loop", path("box/loop"))?;
        symlink("../created.txt", path("box/dangling"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a program of `programs/` here, as its header says.
    fn run(&self, name: &str, args: &[&Path]) -> Outcome {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
        let source = folder.join(name);
        let header = Header::of(&fs::read_to_string(&source).expect("a program"), "//!");
        let wasm = compile(&source, None).unwrap_or_else(|error| panic!("{error}"));
        let program = tempfile::NamedTempFile::new().expect("a temporary file");
        fs::write(program.path(), wasm).expect("a temporary file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_dotvm-under-test"));
        command.current_dir(self.0.path()).arg("run");
        command.args(header.dir.iter().flat_map(|dir| ["--dir", dir]));
        run(command.arg(program.path()).args(args), b"")
    }

    /// Everything there is, `box` included: paths, and what can be changed of each.
    fn state(&self) -> Vec<String> {
        fn visit(path: &Path, state: &mut Vec<String>) {
            let metadata = fs::symlink_metadata(path).expect("something that was listed");
            let content = if metadata.is_file() {
                fs::read_to_string(path).expect("a text file")
            } else if metadata.is_symlink() {
                fs::read_link(path).expect("a link").display().to_string()
            } else {
                String::new()
            };
            let links = if metadata.is_file() {
                metadata.nlink()
            } else {
                1
            };
            // Folders' times change with what is made and removed inside; files' must not.
            let time = if metadata.is_file() {
                metadata.mtime()
            } else {
                0
            };
            state.push(format!("{} {links} {time} {content:?}", path.display()));
            if metadata.is_dir() {
                let entries = fs::read_dir(path).expect("a folder");
                let mut entries: Vec<_> = entries
                    .map(|entry| entry.expect("an entry").path())
                    .collect();
                entries.sort();
                entries.iter().for_each(|path| visit(path, state));
            }
        }
        let mut state = Vec::new();
        visit(self.0.path(), &mut state);
        state
    }
}

#[test]
fn a_program_works_in_its_folder() {
    let outside = Outside::new();
    let before = outside.state();
    let outcome = outside.run("files.rs", &[]);
    assert_eq!(outcome.code(), 0, "{}", outcome.stderr);
    expect![[r#"
        at start: chain dangling dirlink dirlink_abs inner/ link_abs link_in link_out link_proc loop
        read: "a file inside"
        through a link: "a file inside"
        link to: "inner/file.txt"
        appended: "second\n"
        truncated: "fir"
        length: 3
        made: copy.txt hard.txt renamed.txt
        after removal: copy.txt hard.txt
        not empty: true
        exists already: AlreadyExists
        not there: NotFound
        many: 101
        at the end: chain dangling dirlink dirlink_abs inner/ link_abs link_in link_out link_proc loop
    "#]].assert_eq(&outcome.stdout);
    assert_eq!(outside.state(), before, "it cleans up behind itself");
}

#[test]
fn every_way_out_is_blocked() {
    let outside = Outside::new();
    let before = outside.state();
    let outcome = outside.run("escape.rs", &[&outside.path("secret.txt")]);
    let (stdout, stderr) = (&outcome.stdout, &outcome.stderr);
    assert_eq!(outcome.code(), 0, "{stdout}\n{stderr}");
    let (blocked, rest): (Vec<&str>, Vec<&str>) = stdout
        .lines()
        .partition(|line| line.starts_with("blocked "));
    assert_eq!(rest, [""; 0], "ways out");
    assert!(blocked.len() >= ATTEMPTS_MIN, "{} attempts", blocked.len());
    assert_eq!(outside.state(), before, "something has changed");
}
