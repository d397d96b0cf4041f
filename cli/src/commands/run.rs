//! `dotvm run`: runs programs.

mod invoke;
mod setup;
mod verbose;

use std::mem::ManuallyDrop;
use std::path::Path;

use dotvm::wasi::WasiCtx;
use dotvm::{Bytes, Engine, Error, Instance, Linker, Module, Store, add_wasi_to_linker};

use crate::args::Run;
use crate::build::{Style, build};
use crate::commands::asm::assemble_file;
use crate::failure::{Failure, Result};
use crate::output;
use crate::phases::Phases;
use crate::source::{Kind, Program};

/// Runs a program; returns its exit code.
pub(crate) fn run(args: &Run) -> Result<u8> {
    let mut phases = Phases::new(args.verbose);
    let engine = Engine::new(&setup::config(args)?);
    // The process ends soon. To give everything back piece by piece would only take time.
    let module = ManuallyDrop::new(load(args, &engine, &mut phases)?);
    if args.verbose {
        output::say(&verbose::module_facts(args.file(), &module));
        phases.restart();
    }
    let mut store = ManuallyDrop::new(Store::new(&engine, setup::wasi(args)?));
    setup::limit(&mut store, args)?;
    let mut linker = ManuallyDrop::new(Linker::new(&engine));
    add_wasi_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx).map_err(Failure::new)?;
    phases.end("set up");
    let outcome = match linker.instantiate(&mut *store, &module) {
        Ok(instance) => {
            phases.end("instantiate");
            execute(args, &mut store, &module, instance)
        }
        Err(error) => Err(failure(args.file(), error)),
    };
    if args.verbose {
        phases.end("run");
        output::say(&verbose::run_facts(&store, &module, &phases));
    }
    outcome
}

/// Loads bytecode, or makes it of whatever the file is.
fn load(args: &Run, engine: &Engine, phases: &mut Phases) -> Result<Module> {
    let path = args.file();
    let program = Program::open(path)?;
    if matches!(program.kind, Kind::Bytecode | Kind::Assembler) && args.source.is_given() {
        return Err(Failure::usage(format_args!(
            "{}: -a, --opt-level and --bin are for programs that are transpiled; \
             this one's architecture is fixed",
            path.display()
        )));
    }
    let module = match program.kind {
        Kind::Bytecode => match program.content {
            Some(bytes) => Module::from_bytes(engine, &Bytes::new(bytes)),
            None => Module::from_file(engine, path),
        },
        Kind::Assembler => {
            let bytes = assemble_file(path)?;
            phases.end("assemble");
            Module::from_bytes(engine, &Bytes::new(bytes))
        }
        Kind::Wasm | Kind::Rust | Kind::CargoProject => {
            let style = Style {
                verbose: args.verbose,
                warnings: args.verbose,
                ..Style::default()
            };
            let (bytes, _) = build(program, &args.source, style, phases)?;
            Module::from_bytes(engine, &Bytes::new(bytes))
        }
    };
    let module = module.map_err(|error| failure(path, error))?;
    phases.end("load");
    Ok(module)
}

/// Calls the function that the command line names, or the program's entry point.
fn execute(
    args: &Run,
    store: &mut Store<WasiCtx>,
    module: &Module,
    instance: Instance,
) -> Result<u8> {
    let path = args.file();
    if let Some(name) = &args.invoke {
        return match invoke::invoke(store, instance, module, name, args)? {
            Ok(results) => {
                output::print(&results)?;
                Ok(0)
            }
            Err(error) => exit_code(path, error),
        };
    }
    let Some(entry) = instance.entry(&mut *store) else {
        let functions = invoke::exported_functions(module);
        return Err(Failure::at(
            path,
            format_args!("the module has no entry point; --invoke calls a function: {functions}"),
        ));
    };
    match entry.call(&mut *store, &[]) {
        Ok(_) => Ok(0),
        Err(error) => exit_code(path, error),
    }
}

/// The exit code of a program that ended with an error.
fn exit_code(path: &Path, error: Error) -> Result<u8> {
    match error {
        // The low eight bits, which is all that a process can hand to its parent.
        Error::Exit(code) => Ok(code.cast_unsigned() as u8),
        error => Err(failure(path, error)),
    }
}

/// What a failure of the runtime is to the user of the command line.
fn failure(path: &Path, error: Error) -> Failure {
    match error {
        Error::Trap(_) => Failure::trap(readable(&error)),
        Error::Limit(_) => Failure::trap(format_args!("{}: {error}", path.display())),
        Error::File(_) => Failure::new(error),
        Error::Malformed(error) => Failure::at(path, error),
        Error::Host(_) => Failure::new(readable(&error)),
        error => Failure::at(path, error),
    }
}

/// The message of an error with a backtrace; names of Rust functions are as in their sources.
fn readable(error: &Error) -> String {
    let message = error.to_string();
    let mut demangled = Vec::new();
    let read = rustc_demangle::demangle_stream(&mut message.as_bytes(), &mut demangled, false);
    match (read, String::from_utf8(demangled)) {
        (Ok(()), Ok(demangled)) => demangled,
        // Neither can happen in memory; the names are readable with some effort as well.
        _ => message,
    }
}
