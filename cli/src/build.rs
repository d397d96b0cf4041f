//! From what a program is written in to bytecode.

use std::path::Path;

use dotvm_isa::{EncodeOptions, encode};
use dotvm_transpiler::{DriverOptions, Error, Options, Report, load_wasm, transpile};

use crate::args::Source;
use crate::failure::{Failure, Result};
use crate::phases::Phases;
use crate::progress::ProgressLine;

/// What is made of a program besides its translation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    /// Without names of functions and locals.
    pub(crate) strip_names: bool,
    /// With compressed sections.
    pub(crate) compress: bool,
    /// Say on standard error what is being done.
    pub(crate) verbose: bool,
    /// Pass on a compiler's warnings.
    pub(crate) warnings: bool,
}

/// zstd's level for compressed modules: the highest that is still quick for megabytes.
const ZSTD_LEVEL: i32 = 19;

/// Compiles and transpiles a program: Rust source, Cargo project, WebAssembly, binary or text.
///
/// # Errors
/// Whatever is wrong with the program, or with the compiler.
pub(crate) fn build(
    path: &Path,
    source: &Source,
    style: Style,
    phases: &mut Phases,
) -> Result<(Vec<u8>, Report)> {
    let driver = DriverOptions {
        opt_level: source.target.opt_level(),
        bin: source.bin.clone(),
        ..DriverOptions::default()
    };
    let mut line = ProgressLine::new(style.verbose, style.warnings);
    let wasm = load_wasm(path, &driver, &mut |progress| line.show(progress));
    line.clear();
    let wasm = wasm.map_err(|error| failure(path, &error))?;
    phases.end("compile");
    let options = Options {
        arch: source.target.arch(),
        opt_level: source.target.opt_level(),
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
    match error {
        Error::Compiler { command, output } => Failure::at(
            path,
            format_args!("{command} failed\n{}", output.trim_end()),
        ),
        error if error.is_in_module() => Failure::at(path, error),
        error => Failure::new(error),
    }
}
