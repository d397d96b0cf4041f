//! From what a program is written in to bytecode.

use std::io::IsTerminal;
use std::path::Path;

use dotvm_isa::{EncodeOptions, encode};
use dotvm_transpiler::{DriverOptions, Error, Options, Progress, Report, load_wasm, transpile};

use crate::args::Target;
use crate::failure::{Failure, Result};
use crate::phases::Phases;

/// What is made of a program besides its translation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    /// Without names of functions and locals.
    pub(crate) strip_names: bool,
    /// With compressed sections.
    pub(crate) compress: bool,
    /// Talk about it on standard error.
    pub(crate) verbose: bool,
}

/// zstd's level for compressed modules: the highest that is still quick for megabytes.
const ZSTD_LEVEL: i32 = 19;

/// Compiles and transpiles a program: Rust source, Cargo project, WebAssembly, binary or text.
///
/// # Errors
/// Whatever is wrong with the program, or with the compiler.
pub(crate) fn build(
    path: &Path,
    target: Target,
    style: Style,
    phases: &mut Phases,
) -> Result<(Vec<u8>, Report)> {
    let driver = DriverOptions {
        opt_level: target.opt_level(),
        debug: false,
    };
    let mut tell = |progress: Progress| {
        if style.verbose || std::io::stderr().is_terminal() {
            let seconds = progress.elapsed.as_secs();
            eprintln!("compiling {} ({seconds} s so far)", path.display());
        }
    };
    let wasm = load_wasm(path, &driver, &mut tell).map_err(|error| failure(path, &error))?;
    phases.end("compile");
    let options = Options {
        arch: target.arch(),
        opt_level: target.opt_level(),
        debug_names: !style.strip_names,
    };
    let output = transpile(&wasm, &options).map_err(|error| failure(path, &error))?;
    phases.end("transpile");
    let options = EncodeOptions {
        zstd_level: style.compress.then_some(ZSTD_LEVEL),
    };
    let bytes = encode(&output.module, &output.names, options);
    phases.end("encode");
    Ok((bytes, output.report))
}

/// What is wrong, with the program's name where the error does not say it.
fn failure(path: &Path, error: &Error) -> Failure {
    if error.is_in_module() {
        Failure::at(path, error)
    } else {
        Failure::new(error)
    }
}
