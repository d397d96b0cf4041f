//! Programs that use the SDK: files, which need nothing installed, and Cargo projects.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dotvm::Arch;
use dotvm_tests::command::{Outcome, run};
use dotvm_tests::guest::compile;
use dotvm_tests::root;
use tempfile::TempDir;

#[path = "../../programs/words.rs"]
#[allow(dead_code, reason = "what it does as a program")]
mod words;

#[path = "../../programs/vectors.rs"]
#[allow(dead_code, reason = "what it does as a program")]
mod vectors;

#[path = "../../programs/bigints.rs"]
#[allow(dead_code, reason = "what it does as a program")]
mod bigints;

/// Prints a product of 256 bits, and one of 512.
const PROGRAM: &str = "
use dotvm_sdk::{u256, U512};
fn main() {
    let a = u256!(0x1_0000_0000_0000_0000_0000_0000_0000_0001).wrapping_mul(u256!(3));
    println!(\"{a:#x} {}\", U512::from(a).pow(2).isqrt() == U512::from(a));
}
";

const OUTPUT: &str = "0x300000000000000000000000000000003 true\n";

/// A folder for programs and one for what is kept.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("program.rs"), PROGRAM).expect("written");
        Place { folder }
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn dotvm(&self, args: &[&str]) -> Outcome {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dotvm-under-test"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env("XDG_CACHE_HOME", self.cache());
        run(&mut command, b"")
    }

    /// Runs a program, which prints what it is to.
    fn check(&self, args: &[&str]) {
        let outcome = self.dotvm(args);
        assert_eq!(outcome.stdout, OUTPUT, "{}", outcome.stderr);
        assert_eq!(outcome.stderr, "");
    }

    /// Compiles a program of `tests/programs` for some architecture and runs it in some ways: it prints what the
    /// same computes here.
    fn check_compiled(
        &self,
        name: &str,
        digests: fn(u32) -> String,
        arch: Option<Arch>,
        ways: &[&[&str]],
    ) {
        let source = root().join("tests/programs").join(name);
        let wasm = compile(&source, arch).expect("compiled");
        let file = self.folder.path().join(name).with_extension("wasm");
        fs::write(&file, wasm).expect("written");
        for args in ways {
            self.check_program(&file, digests, args);
        }
    }

    fn check_program(&self, file: &Path, digests: fn(u32) -> String, args: &[&str]) {
        const ROUNDS: u32 = 100;
        let rounds = ROUNDS.to_string();
        let program = [file.to_str().expect("a name that is text"), &rounds];
        let outcome = self.dotvm(&[&["run"], args, &program].concat());
        let (there, here) = (outcome.stdout.lines(), digests(ROUNDS));
        for (there, here) in there.zip(here.lines()) {
            assert_eq!(there, here, "{args:?}");
        }
        assert_eq!(outcome.stderr, "");
        assert_eq!(outcome.stdout, here);
    }

    /// The libraries that are kept, and when they were made.
    fn kept(&self) -> Vec<(PathBuf, std::time::SystemTime)> {
        let entries = fs::read_dir(self.cache().join("dotvm/sdk")).expect("a folder of libraries");
        let mut kept: Vec<_> = entries
            .map(|entry| entry.expect("an entry"))
            .map(|entry| {
                let metadata = entry.metadata().expect("metadata");
                (entry.path(), metadata.modified().expect("a time"))
            })
            .collect();
        kept.sort();
        kept
    }
}

#[test]
fn files_find_the_sdk_and_keep_it() {
    let place = Place::new();
    place.check(&["run", "program.rs"]);
    let kept = place.kept();
    assert_eq!(kept.len(), 1);
    place.check(&["run", "program.rs"]);
    assert_eq!(place.kept(), kept, "it was made again");
    // Without optimization, and with what debug assertions check.
    place.check(&["run", "-O0", "program.rs"]);
    assert_eq!(place.kept().len(), 2);
}

#[test]
fn programs_are_for_any_architecture() {
    let place = Place::new();
    for arch in ["arch32", "arch64", "arch128", "arch256", "arch512"] {
        place.check(&["run", "-a", arch, "program.rs"]);
    }
}

/// Every level of our optimizer, in both tiers.
const WAYS: [&[&str]; 8] = [
    &["-O0", "--jit=off"],
    &["-O0", "--jit=eager"],
    &["-O1", "--jit=off"],
    &["-O1", "--jit=eager"],
    &["-O2", "--jit=off"],
    &["-O2", "--jit=eager"],
    &["-O3", "--jit=off"],
    &["-O3", "--jit=eager"],
];

/// The interpreter, and native code that is entered in the middle.
const TIERS: [&[&str]; 2] = [&["--jit=off"], &["--jit-threshold", "20"]];

#[test]
fn words_compute_what_limbs_do() {
    let place = Place::new();
    place.check_compiled("words.rs", words::digests, None, &WAYS);
    // The compiler does not optimize either.
    let file = root().join("tests/programs/words.rs");
    place.check_program(&file, words::digests, &["-O0", "--jit=off"]);
}

#[test]
fn some_words_are_too_wide_for_an_architecture() {
    let place = Place::new();
    for arch in [Arch::Arch64, Arch::Arch128, Arch::Arch256] {
        place.check_compiled("words.rs", words::digests, Some(arch), &TIERS);
    }
}

#[test]
fn vectors_compute_what_lanes_do() {
    Place::new().check_compiled("vectors.rs", vectors::digests, None, &WAYS);
}

/// Big integers are the machine's, on any architecture.
#[test]
fn big_integers_compute_what_limbs_do() {
    let place = Place::new();
    place.check_compiled("bigints.rs", bigints::digests, None, &WAYS);
    let arch = Some(Arch::Arch32);
    place.check_compiled("bigints.rs", bigints::digests, arch, &TIERS);
}

#[test]
fn some_vectors_are_too_wide_for_an_architecture() {
    let arch = Some(Arch::Arch256);
    Place::new().check_compiled("vectors.rs", vectors::digests, arch, &TIERS);
}

/// What it prints is what other implementations give.
#[test]
fn cryptography_is_the_machines() {
    let place = Place::new();
    let file = root().join("tests/programs/crypto.rs");
    let expected = fs::read_to_string(file.with_extension("expected")).expect("expected output");
    for how in [
        ["-a", "arch32"],
        ["-a", "arch64"],
        ["-a", "arch512"],
        ["-O", "0"],
    ] {
        for jit in ["--jit=off", "--jit=eager"] {
            let file = file.to_str().expect("a name that is text");
            let args = [&["run", jit], &how[..], &[file, "open sesame"]].concat();
            let outcome = place.dotvm(&args);
            assert_eq!(outcome.stdout, expected, "{args:?}: {}", outcome.stderr);
            assert_eq!(outcome.stderr, "");
        }
    }
}

#[test]
fn nothing_is_kept_where_nothing_can_be() {
    let place = Place::new();
    fs::write(place.cache(), "no folder").expect("written");
    place.check(&["run", "program.rs"]);
}

#[test]
fn files_that_do_without_are_not_kept_waiting() {
    let place = Place::new();
    fs::write(place.folder.path().join("plain.rs"), "fn main() {}").expect("written");
    assert_eq!(place.dotvm(&["run", "plain.rs"]).code(), 0);
    assert!(!place.cache().exists());
}

#[test]
fn mistakes_are_the_compilers_to_explain() {
    let place = Place::new();
    let wrong = "fn main() { dotvm_sdk::u256!(12x); }";
    fs::write(place.folder.path().join("wrong.rs"), wrong).expect("written");
    let outcome = place.dotvm(&["run", "wrong.rs"]);
    assert_eq!(outcome.code(), 1);
    assert!(outcome.stderr.contains("wrong.rs:1"), "{}", outcome.stderr);
}

#[test]
fn projects_depend_on_the_crate() {
    let place = Place::new();
    let project = place.folder.path().join("project");
    write_project(&project);
    place.check(&["run", "project"]);
    place.check(&["run", "-a", "arch64", "project"]);
}

fn write_project(folder: &Path) {
    let manifest = format!(
        "[package]\nname = \"project\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\
         [dependencies]\ndotvm-sdk = {{ path = {:?} }}\n[workspace]\n",
        root().join("sdk")
    );
    fs::create_dir_all(folder.join("src")).expect("created");
    fs::write(folder.join("Cargo.toml"), manifest).expect("written");
    fs::write(folder.join("src/main.rs"), PROGRAM).expect("written");
}
