//! Every program of `examples/`, compiled once, at every optimization level in the interpreter and as
//! native code, for arch32 and arch64 or, with vectors, for wider ones: it prints what its native build
//! prints (`NAME.expected`) and exits as its header says. Programs that use the guest SDK are compiled with
//! wide words and without.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use dotvm::Arch;
use dotvm::isa::verify::verify_all;
use dotvm::isa::{Bytes, EncodeOptions, decode, encode};
use dotvm_tests::command::run;
use dotvm_tests::guest::compile;
use dotvm_tests::header::Header;
use dotvm_tests::root;
use dotvm_transpiler::{OptLevel, Options, Output, transpile};
use libtest_mimic::{Arguments, Failed, Trial};

/// Programs that there must be at least.
const PROGRAMS_MIN: usize = 14;

/// Architectures that programs are run on which need no wider one.
const ARCHS: [Arch; 2] = [Arch::Arch32, Arch::Arch64];

/// How programs become native code: all of it at the start, everything when it is first called, and
/// what gets hot while the program runs.
const TIERS: [&[&str]; 3] = [
    &["--jit=eager"],
    &["--jit=tiered", "--jit-threshold", "1"],
    &["--jit=tiered", "--jit-threshold", "50"],
];

/// The most that the bytecode of a program may take, compared to its WebAssembly.
const CODE_RATIO_MAX: f64 = 1.15;

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let examples = root().join("examples");
    let mut trials = Vec::new();
    for path in entries(&examples) {
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.join("Cargo.toml").exists() {
            let source = path.join("src/main.rs");
            trials.push(Trial::test(name, move || check_compiled(&path, &source)));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            trials.push(Trial::test(name, move || check_compiled(&path, &path)));
        }
    }
    assert!(
        trials.len() >= PROGRAMS_MIN,
        "{} programs in {}",
        trials.len(),
        examples.display()
    );
    for path in entries(&examples.join("dasm")) {
        if path
            .extension()
            .is_some_and(|extension| extension == "dasm")
        {
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            trials.push(Trial::test(format!("dasm/{name}"), move || {
                check_assembled(&path)
            }));
        }
    }
    libtest_mimic::run(&args, trials).exit_code()
}

/// What is in a folder, in a fixed order.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry of a folder").path())
        .collect();
    paths.sort();
    paths
}

fn check_compiled(path: &Path, source: &Path) -> Result<(), Failed> {
    let header = Header::of(&fs::read_to_string(source)?, "//!");
    let expected = fs::read_to_string(path.with_extension("expected"))?;
    check_wasm(&compile(path, Some(Arch::Arch64))?, &header, &expected)?;
    if fs::read_to_string(source)?.contains("dotvm_sdk") {
        check_wasm(&compile(path, None)?, &header, &expected)?;
    }
    Ok(())
}

fn check_wasm(wasm: &[u8], header: &Header, expected: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("program.wasm");
    fs::write(&file, wasm)?;
    let archs = match check_size(wasm)? {
        Arch::Arch64 => ARCHS,
        needed => [needed, Arch::Arch512],
    };
    for arch in archs.map(Arch::name) {
        for level in OptLevel::ALL {
            let level = level.to_string();
            let options = ["-a", arch, "--opt-level", &level, "--jit=off"];
            check_run(&file, &options, header, expected)?;
        }
        check_tiers(&file, &["-a", arch], header, expected)?;
    }
    Ok(())
}

fn check_assembled(path: &Path) -> Result<(), Failed> {
    let header = Header::of(&fs::read_to_string(path)?, ";");
    let expected = fs::read_to_string(path.with_extension("expected"))?;
    check_tiers(path, &[], &header, &expected)
}

/// Runs a program in every tier: all do the same, including places of traps and fuel.
fn check_tiers(
    program: &Path,
    options: &[&str],
    header: &Header,
    expected: &str,
) -> Result<(), Failed> {
    let with = |tier: &[&str]| {
        let options = [options, tier].concat();
        let plain = check_run(program, &options, header, expected)?;
        let options = [&options as &[&str], &["--verbose"]].concat();
        let fuel = check_run(program, &options, header, expected)?;
        let fuel = fuel.lines().find(|line| line.starts_with("instructions:"));
        Ok::<_, Failed>((plain, fuel.map(str::to_owned)))
    };
    let interpreted = with(&["--jit=off"])?;
    if interpreted.1.is_none() {
        return Err("the fuel it takes is not said".into());
    }
    for tier in TIERS {
        let compiled = with(tier)?;
        if interpreted != compiled {
            let tier = tier.join(" ");
            return Err(format!("interpreted: {interpreted:?}\nwith {tier}: {compiled:?}").into());
        }
    }
    Ok(())
}

/// Runs a program as its header says and compares; returns what it wrote to standard error.
fn check_run(
    program: &Path,
    options: &[&str],
    header: &Header,
    expected: &str,
) -> Result<String, Failed> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_dotvm-under-test"));
    command.arg("run").args(options).current_dir(folder.path());
    for variable in &header.env {
        command.args(["--env", variable]);
    }
    if let Some(dir) = &header.dir {
        command.args(["--dir", dir]);
    }
    command.arg(program).args(&header.args);
    let outcome = run(&mut command, header.stdin.as_bytes());
    if outcome.code() == header.exit && outcome.stdout == expected {
        return Ok(outcome.stderr);
    }
    let (code, stdout, stderr) = (outcome.code(), &outcome.stdout, &outcome.stderr);
    Err(format!(
        "dotvm run {}\nexit code {code}, expected {}\n\
         stdout:\n{stdout}\nexpected:\n{expected}\nstderr:\n{stderr}",
        options.join(" "),
        header.exit
    )
    .into())
}

/// Checks that what becomes of a program verifies, and how much code it is; returns the architecture that the program
/// needs.
fn check_size(wasm: &[u8]) -> Result<Arch, Failed> {
    let mut arch = Arch::default();
    for opt_level in OptLevel::ALL {
        let options = Options {
            opt_level,
            ..Options::default()
        };
        let Output {
            module,
            names,
            report,
        } = transpile(wasm, &options)?;
        arch = report.arch;
        let bytes = encode(&module, &names, EncodeOptions::default());
        let ratio = code_section(&bytes) as f64 / report.bytes_in as f64;
        let allowed = match opt_level {
            OptLevel::O2 => 1.0,
            _ => CODE_RATIO_MAX,
        };
        if ratio > allowed {
            return Err(
                format!("level {opt_level}: the code is {ratio} times WebAssembly's").into(),
            );
        }
        let module = decode(&Bytes::new(bytes))?;
        verify_all(&module)?;
        if module.entry.is_none() || names.funcs.is_empty() {
            return Err(format!("level {opt_level}: no entry point, or no names").into());
        }
    }
    Ok(arch)
}

/// Bytes of the code section of an encoded module.
fn code_section(bytes: &[u8]) -> u64 {
    let stored = bytes[24..32].try_into().expect("8 bytes");
    u64::from_le_bytes(stored)
}
