//! Building programs: WebAssembly, bytecode, what is compiled before it runs, and native.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use dotvm::Arch;
use dotvm_transpiler::{DriverOptions, OptLevel, load_wasm};
use wasm_encoder::{RawSection, Section};
use wasmparser::{Parser, Payload};

use crate::contender::Tools;
use crate::program::{Program, Source};
use crate::root;

/// A program in all its forms.
#[derive(Clone, Debug)]
pub struct Artifacts {
    /// What it is.
    pub program: Program,
    /// WebAssembly, without custom sections.
    pub wasm: PathBuf,
    /// Bytecode.
    pub dotvm: PathBuf,
    /// Bytecode with native code, where that can be made.
    pub compiled: Option<PathBuf>,
    /// What Wasmtime compiled, where it is installed.
    pub precompiled: Option<PathBuf>,
    /// For this computer.
    pub native: PathBuf,
}

/// The folder where programs are built. What was built is kept as long as its source does not change.
#[derive(Clone, Debug)]
pub struct Workshop {
    folder: PathBuf,
}

impl Workshop {
    /// The folder `bench` beside those where Cargo puts what it builds.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn open() -> Result<Workshop> {
        let own = std::env::current_exe()?;
        let target = own.ancestors().nth(2).context("a command in no folder")?;
        let folder = target.join("bench");
        fs::create_dir_all(folder.join("native"))?;
        Ok(Workshop { folder })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Builds programs.
    ///
    /// # Errors
    /// Where one cannot be built, with what its compiler says or what to install.
    pub fn build_all(&self, programs: Vec<Program>, tools: &Tools) -> Result<Vec<Artifacts>> {
        let build = |program| self.build(program, tools);
        programs.into_iter().map(build).collect()
    }

    /// Builds programs, leaving out those that need what is not installed.
    ///
    /// # Errors
    /// Where a Rust program cannot be built.
    pub fn build_what_can_be(
        &self,
        programs: Vec<Program>,
        tools: &Tools,
    ) -> Result<Vec<Artifacts>> {
        let mut built = Vec::new();
        for program in programs {
            let is_optional = program.source == Source::Script;
            match self.build(program, tools) {
                Ok(artifacts) => built.push(artifacts),
                Err(error) if is_optional => eprintln!("left out: {error:#}"),
                Err(error) => return Err(error),
            }
        }
        Ok(built)
    }

    fn build(&self, program: Program, tools: &Tools) -> Result<Artifacts> {
        let file = |extension: &str| self.folder.join(format!("{}.{extension}", program.name));
        let mut artifacts = Artifacts {
            wasm: file("wasm"),
            dotvm: file("dotvm"),
            compiled: None,
            precompiled: tools.wasmtime().map(|_| file("cwasm")),
            native: self.folder.join("native").join(&program.name),
            program,
        };
        let name = &artifacts.program.name;
        match &artifacts.program.source {
            Source::Rust(source) => self.rust(source, &artifacts, tools),
            Source::Script => script(name, &self.folder, &artifacts),
        }
        .with_context(|| name.clone())?;
        let mut transpile = Command::new(tools.dotvm());
        transpile.args(["transpile", "-O", "2", "--output"]);
        transpile.arg(&artifacts.dotvm).arg("--input");
        run(match &artifacts.program.source {
            // What it is to other machines has no wide words.
            Source::Rust(source) if uses_sdk(source)? => transpile.arg(source).arg("--strip-names"),
            // Words of 128 bits are what `u128` is made of.
            _ => transpile.arg(&artifacts.wasm).args(["--arch", "arch128"]),
        })?;
        let output = artifacts.dotvm.with_extension("dotc");
        let mut compile = Command::new(tools.dotvm());
        compile.arg("compile").arg(&artifacts.dotvm);
        match run(compile.arg("--output").arg(&output)) {
            Ok(()) => artifacts.compiled = Some(output),
            Err(error) => eprintln!("not compiled: {error:#}"),
        }
        if let (Some(wasmtime), Some(output)) = (tools.wasmtime(), &artifacts.precompiled) {
            let mut compile = Command::new(wasmtime);
            run(compile
                .arg("compile")
                .arg("-o")
                .arg(output)
                .arg(&artifacts.wasm))?;
        }
        Ok(artifacts)
    }

    /// Builds a Rust file for both machines.
    fn rust(&self, source: &Path, artifacts: &Artifacts, tools: &Tools) -> Result<()> {
        if !is_current(&artifacts.wasm, &[source]) {
            eprintln!("building {}", artifacts.program.name);
            fs::write(&artifacts.wasm, compile_to_wasm(source)?)?;
        }
        if !is_current(&artifacts.native, &[source]) {
            let mut sdk = OsString::from("dotvm_sdk=");
            sdk.push(self.native_sdk(tools)?);
            let mut compile = Command::new(tools.native_compiler());
            compile.args(["-O", "--edition", "2021", "--extern"]);
            run(compile
                .arg(sdk)
                .arg("-o")
                .arg(&artifacts.native)
                .arg(source))?;
        }
        Ok(())
    }

    /// The guest SDK for this computer.
    fn native_sdk(&self, tools: &Tools) -> Result<PathBuf> {
        let library = self.folder.join("native").join("libdotvm_sdk.rlib");
        let source = root().join("sdk").join("src").join("lib.rs");
        let mut compile = Command::new(tools.native_compiler());
        compile.args(["-O", "--edition", "2021", "--crate-type", "rlib"]);
        compile.args(["--crate-name", "dotvm_sdk", "--cap-lints", "allow", "-o"]);
        run(compile.arg(&library).arg(source))?;
        Ok(library)
    }
}

/// Whether a Rust file uses the guest SDK.
fn uses_sdk(source: &Path) -> Result<bool> {
    Ok(fs::read_to_string(source)?.contains("dotvm_sdk"))
}

/// Has the script build a program for both machines.
fn script(name: &str, folder: &Path, artifacts: &Artifacts) -> Result<()> {
    let programs = root().join("bench").join("programs");
    let script = programs.join("build.sh");
    let source = programs.join(format!("{name}_main.c"));
    let sources = [script.as_path(), source.as_path()];
    if is_current(&artifacts.wasm, &sources) && is_current(&artifacts.native, &sources) {
        return Ok(());
    }
    eprintln!("building {name}");
    run(Command::new("sh").arg(&script).arg(folder).arg(name))
}

/// Compiles a Rust file to WebAssembly with a compiler of this computer.
///
/// # Errors
/// Where there is none (the message says what to install), or where it fails.
pub fn compile_to_wasm(source: &Path) -> Result<Vec<u8>> {
    let options = DriverOptions {
        // Other machines have no wide words.
        arch: Some(Arch::Arch64),
        opt_level: OptLevel::O2,
        ..DriverOptions::default()
    };
    let wasm = load_wasm(source, &options, &mut |_| {})?;
    without_custom_sections(&wasm)
}

/// A module without names and debug information. Standard libraries bring megabytes of it, which
/// would dominate loading.
fn without_custom_sections(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut stripped = wasm_encoder::Module::HEADER.to_vec();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        if matches!(payload, Payload::CustomSection(_)) {
            continue;
        }
        if let Some((id, range)) = payload.as_section() {
            let data = &wasm[range.start as usize..range.end as usize];
            RawSection { id, data }.append_to(&mut stripped);
        }
    }
    Ok(stripped)
}

/// Whether a file exists and is newer than all it was made of.
fn is_current(file: &Path, sources: &[&Path]) -> bool {
    let time = |path: &Path| -> Option<SystemTime> { fs::metadata(path).ok()?.modified().ok() };
    let built = time(file);
    built.is_some() && sources.iter().all(|source| time(source) < built)
}

/// Runs a command that builds something.
fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| program.clone())?;
    ensure!(
        output.status.success(),
        "{program}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_custom_sections_are_left_out() {
        let text = r#"(module $name
            (memory (export "m") 1) (data (i32.const 0) "x")
            (func $f (param $p i32) (result i32) (local.get $p)))"#;
        let wasm = wat::parse_str(text).expect("valid text");
        let stripped = without_custom_sections(&wasm).expect("valid WebAssembly");
        let bare = text
            .replace("$name", "")
            .replace("$f", "")
            .replace("$p i32", "i32");
        let bare = bare.replace("$p", "0");
        assert_eq!(stripped, wat::parse_str(&bare).expect("valid text"));
        assert!(stripped.len() < wasm.len());
        assert!(without_custom_sections(b"\0asm\x01\0\0\0\x01\x7f").is_err());
    }

    #[test]
    fn files_are_current_until_a_source_changes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [source, built] = ["source", "built"].map(|name| folder.path().join(name));
        assert!(!is_current(&built, &[]));
        for (path, seconds) in [(&source, 100), (&built, 200)] {
            let file = fs::File::create(path).expect("created");
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            file.set_modified(time).expect("a time");
        }
        assert!(is_current(&built, &[&source]));
        assert!(!is_current(&source, &[&built]));
    }
}
