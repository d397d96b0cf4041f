//! From what a program is written in to bytecode.

use std::path::Path;

use dotvm_isa::{EncodeOptions, encode};
use dotvm_transpiler::{DriverOptions, Error, Features, Options, Report, load_wasm, transpile};

use crate::args::Source;
use crate::failure::{Failure, Result};
use crate::output;
use crate::phases::Phases;
use crate::progress::ProgressLine;
use crate::signals::Interruption;
use crate::source::{Kind, Program};

/// What is made of a program besides its translation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    /// Without names of functions and locals.
    pub(crate) strip_names: bool,
    /// With debug information.
    pub(crate) debug_info: bool,
    /// With compressed sections.
    pub(crate) compress: bool,
    /// With a compressed debug section.
    pub(crate) compress_debug: bool,
    /// Say on standard error what is being done.
    pub(crate) verbose: bool,
    /// Pass on a compiler's warnings.
    pub(crate) warnings: bool,
}

/// zstd's level for compressed modules: the highest that is still quick for megabytes.
const ZSTD_LEVEL: i32 = 19;

/// The most faults of debug information that are told.
const MAX_FAULTS: usize = 3;

/// zstd's level for debug sections with lines.
const DEBUG_ZSTD_LEVEL: i32 = 22;

/// Compiles and transpiles a program: Rust source, Cargo project, WebAssembly, binary or text.
///
/// # Errors
/// Whatever is wrong with the program, or with the compiler.
pub(crate) fn build(
    program: Program<'_>,
    source: &Source,
    style: Style,
    phases: &mut Phases,
) -> Result<(Vec<u8>, Report)> {
    let path = program.path;
    if source.bin.is_some() && program.kind != Kind::CargoProject {
        return Err(Failure::usage(format_args!(
            "{}: --bin is for Cargo projects",
            path.display()
        )));
    }
    let wasm = match program.content {
        Some(wasm) => wasm,
        None => load(path, source, style)?,
    };
    phases.end("compile");
    let options = Options {
        features: Features::default(),
        arch: source.target.arch(),
        opt_level: source.target.opt_level(),
        debug_names: !style.strip_names,
        debug_info: style.debug_info,
    };
    let translated = transpile(&wasm, &options).map_err(|error| failure(path, &error))?;
    phases.end("transpile");
    if style.debug_info {
        warn_of_debug_info(path, &translated.report);
    }
    let options = EncodeOptions {
        zstd_level: style.compress.then_some(ZSTD_LEVEL),
        debug_zstd_level: style.compress_debug.then_some(DEBUG_ZSTD_LEVEL),
    };
    let bytes = encode(&translated.module, &translated.names, options);
    phases.end("encode");
    Ok((bytes, translated.report))
}

/// Says what of the debug information that was asked for is missing.
fn warn_of_debug_info(path: &Path, report: &Report) {
    let path = path.display();
    let faults = &report.debug_faults;
    for fault in faults.iter().take(MAX_FAULTS) {
        output::say(&format!(
            "warning: {path}: debug information (DWARF) cannot be read: {fault}\n"
        ));
    }
    if let Some(more @ 1..) = faults.len().checked_sub(MAX_FAULTS) {
        output::say(&format!("warning: {path}: and so {more} times more\n"));
    }
    if !report.debug_info {
        output::say(&format!(
            "warning: {path}: no debug information (DWARF) about its functions\n"
        ));
    }
}

/// Reads WebAssembly, or has it made by a compiler.
fn load(path: &Path, source: &Source, style: Style) -> Result<Vec<u8>> {
    let interruption = Interruption::catch();
    let driver = DriverOptions {
        arch: source.target.arch(),
        opt_level: source.target.opt_level(),
        bin: source.bin.clone(),
        debug_info: style.debug_info,
        cancel: interruption.flag(),
    };
    let mut line = ProgressLine::new(style.verbose, style.warnings);
    let wasm = load_wasm(path, &driver, &mut |progress| line.show(progress));
    line.clear();
    interruption.resume();
    wasm.map_err(|error| failure(path, &error))
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
