//! From whatever a program is given as to a module.

use std::ffi::OsStr;
use std::path::Path;

use dotvm::{Bytes, Engine, Module};

use crate::args::Source;
use crate::build::{Style, build};
use crate::commands::asm::assemble_file;
use crate::failure::{Failure, Result};
use crate::phases::Phases;
use crate::source::{Kind, Program, read};

/// Whether a file's name says that it holds native code. Only then that is trusted: whoever runs a
/// `.dotvm` file counts on the sandbox, whatever is in the file.
pub(crate) fn is_named_compiled(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("dotc"))
}

/// Loads bytecode, or makes it of whatever the file is.
///
/// # Errors
/// Whatever is wrong with the program.
pub(crate) fn load(
    path: &Path,
    source: &Source,
    debug_info: bool,
    engine: &Engine,
    phases: &mut Phases,
) -> Result<Module> {
    let program = Program::open(path)?;
    let is_translated = matches!(program.kind, Kind::Wasm | Kind::Rust | Kind::CargoProject);
    if !is_translated && source.is_given() {
        return Err(Failure::usage(format_args!(
            "{}: -a, --opt-level and --bin are for programs that are transpiled; \
             this one's architecture is fixed",
            path.display()
        )));
    }
    let module = match program.kind {
        Kind::Bytecode | Kind::Compiled => match program.content {
            Some(bytes) => Module::from_bytes(engine, &Bytes::new(bytes)),
            None if is_named_compiled(path) => Module::from_trusted_file(engine, path),
            None => Module::from_file(engine, path),
        },
        Kind::Assembler => {
            let bytes = assemble_file(path, debug_info)?;
            phases.end("assemble");
            Module::from_bytes(engine, &Bytes::new(bytes))
        }
        Kind::Vitte => {
            let compiled = vitte::run::compile(path, &mut vitte::modules::Files);
            let compiled = compiled.map_err(|error| Failure::at(path, error))?;
            let compiled = compiled.map_err(|errors| {
                Failure::at(path, format_args!("in Vitte\n{}", errors.trim_end()))
            })?;
            phases.end("compile");
            machine_module(path, &compiled, engine)?
        }
        Kind::Vitbc => {
            let bytes = match program.content {
                Some(bytes) => bytes,
                None => read(path)?,
            };
            let compiled = vitte::run::read(&bytes).map_err(|reason| Failure::at(path, reason))?;
            phases.end("read");
            machine_module(path, &compiled, engine)?
        }
        Kind::Wasm | Kind::Rust | Kind::CargoProject => {
            let style = Style {
                debug_info,
                verbose: phases.is_verbose(),
                warnings: phases.is_verbose(),
                ..Style::default()
            };
            let (bytes, _) = build(program, source, style, phases)?;
            Module::from_bytes(engine, &Bytes::new(bytes))
        }
    };
    let module = module.map_err(|error| Failure::of(path, error))?;
    phases.end("load");
    Ok(module)
}

/// The module of a program in Vitte.
fn machine_module(
    path: &Path,
    program: &vitte::vitbc::module::Module,
    engine: &Engine,
) -> Result<dotvm::Result<Module>> {
    let lowered = vitte::run::machine_module(program);
    let (machine, names) = lowered.map_err(|refused| Failure::at(path, refused))?;
    Ok(Module::from_parts(engine, machine, names))
}
