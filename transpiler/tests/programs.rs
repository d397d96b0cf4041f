//! Real programs, which the Rust toolchain of this machine compiles. That all examples verify and stay small is for the
//! end-to-end suite `examples` to show.
//!
//! A machine without a toolchain for WebAssembly fails these tests with the commands that install
//! one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dotvm_isa::Arch;
use dotvm_isa::verify::verify_all;
use dotvm_transpiler::{DriverOptions, Error, OptLevel, Options, Progress, load_wasm, transpile};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

fn compile(path: &Path, options: &DriverOptions) -> Result<Vec<u8>, Error> {
    load_wasm(path, options, &mut |_| {})
}

fn compiled(path: &Path) -> Vec<u8> {
    compile(path, &DriverOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_architecture_gets_the_same_code() {
    let wasm = compiled(&examples().join("hello.rs"));
    let bodies = |arch| {
        let options = Options {
            arch: Some(arch),
            ..Options::default()
        };
        let module = transpile(&wasm, &options)
            .expect("a supported module")
            .module;
        assert_eq!(module.arch, arch);
        verify_all(&module).expect("verifies");
        module.code_bytes.as_slice().to_vec()
    };
    let expected = bodies(Arch::Arch64);
    for arch in Arch::ALL {
        assert_eq!(bodies(arch), expected, "{arch}");
    }
}

#[test]
fn compilers_speak_for_themselves() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("broken.rs");
    fs::write(&path, "fn main() { let x: i32 = \"text\"; }").expect("written");
    let Err(Error::Compiler { command, output }) = compile(&path, &DriverOptions::default()) else {
        panic!("no error of the compiler");
    };
    assert_eq!(command, "rustc");
    assert!(
        output.contains("error[E0308]: mismatched types"),
        "{output}"
    );
    assert!(output.contains("broken.rs:1:26"), "{output}");
}

#[test]
fn levels_and_debug_information_reach_the_compiler() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("small.rs");
    fs::write(
        &path,
        "fn main() { let unused = 1; println!(\"{}\", std::env::args().count()); }",
    )
    .expect("written");
    let mut diagnostics = String::new();
    let mut load = |opt_level, debug_info| {
        let options = DriverOptions {
            opt_level,
            debug_info,
            ..DriverOptions::default()
        };
        let mut progress = |progress: Progress<'_>| {
            if let Progress::Diagnostics(text) = progress {
                diagnostics = text.to_owned();
            }
        };
        load_wasm(&path, &options, &mut progress).unwrap_or_else(|error| panic!("{error}"))
    };
    let code = |wasm: &[u8]| {
        transpile(wasm, &Options::default())
            .expect("a supported module")
            .report
            .bytes_in
    };
    let (plain, optimized) = (load(OptLevel::O0, false), load(OptLevel::O2, false));
    assert!(code(&plain) > code(&optimized));
    let debug = load(OptLevel::O2, true);
    assert!(debug.len() > optimized.len());
    // That of the standard library stays away, too, but names do not.
    let has =
        |wasm: &[u8], section: &str| wasm.windows(section.len()).any(|w| w == section.as_bytes());
    for (wasm, wanted) in [(&plain, false), (&optimized, false), (&debug, true)] {
        assert_eq!(has(wasm, ".debug_info"), wanted);
        assert!(has(wasm, "\x04name") && has(wasm, "_start"));
    }
    assert!(diagnostics.contains("unused variable"), "{diagnostics}");
}

#[test]
fn whatever_a_source_is_called() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let long = format!("{}.rs", "long".repeat(60));
    for name in ["2 odd-name.v1.rs", "-C.rs", "\u{fc}ber.rs", &long] {
        let path = folder.path().join(name);
        fs::write(&path, "fn main() {}").expect("written");
        assert!(compiled(&path).starts_with(b"\0asm"), "{name}");
    }
    let folder_named_like_a_source = folder.path().join("folder.rs");
    fs::create_dir(&folder_named_like_a_source).expect("created");
    let error = compile(&folder_named_like_a_source, &DriverOptions::default());
    assert!(matches!(error, Err(Error::Input { .. })));
}

#[test]
fn compilers_are_stopped() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("program.rs");
    fs::write(&path, "fn main() {}").expect("written");
    let options = DriverOptions {
        cancel: Some(Arc::new(AtomicBool::new(true))),
        ..DriverOptions::default()
    };
    assert!(matches!(compile(&path, &options), Err(Error::Cancelled)));
}

#[test]
fn cargo_projects() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        fs::write(path, content).expect("written");
    };
    let manifest =
        "[package]\nname = \"pair\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n";
    write("Cargo.toml", manifest);
    write(
        "src/lib.rs",
        "pub fn text() -> String { String::from(\"one\") }",
    );
    write(
        "src/main.rs",
        "fn main() { println!(\"{}\", pair::text()); }",
    );
    let wasm = compiled(folder.path());
    assert_eq!(wasm, compiled(&folder.path().join("Cargo.toml")));
    let output = transpile(&wasm, &Options::default()).expect("a supported module");
    verify_all(&output.module).expect("verifies");

    write("src/bin/other.rs", "fn main() {}");
    let error = compile(folder.path(), &DriverOptions::default()).expect_err("two binaries");
    let text = error.to_string();
    assert!(text.contains("pair") && text.contains("other"), "{text}");
    let options = DriverOptions {
        bin: Some("other".to_owned()),
        ..DriverOptions::default()
    };
    let other = compile(folder.path(), &options).unwrap_or_else(|error| panic!("{error}"));
    assert_ne!(other, wasm);
}

#[test]
fn folders_without_a_project() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let result = compile(folder.path(), &DriverOptions::default());
    assert!(matches!(result, Err(Error::Input { .. })));
    let missing = compile(Path::new("no/such/file.rs"), &DriverOptions::default());
    assert!(matches!(missing, Err(Error::File { .. })));
}
