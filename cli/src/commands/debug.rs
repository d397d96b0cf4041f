//! `dotvm debug`: shows core dumps.

use std::path::{Path, PathBuf};

use dotvm::debug::core::CoreDump;
use dotvm::{Config, Engine, Jit};

use crate::args::Debug;
use crate::commands::run::debugger;
use crate::failure::{Failure, Result};
use crate::load::{is_named_compiled, load};
use crate::phases::Phases;

/// Shows a core dump; returns the exit code.
pub(crate) fn debug(args: &Debug) -> Result<u8> {
    let damaged = |error| Failure::at(&args.core, error);
    let dump = CoreDump::from_file(&args.core).map_err(damaged)?;
    let program = match &args.program {
        Some(program) => program.clone(),
        None => named(&dump, &args.core)?,
    };
    let mut config = Config::new();
    config.debug(true).jit(Jit::Off);
    let engine = Engine::new(&config);
    let mut phases = Phases::new(false);
    let module = load(&program, &args.source, true, &engine, &mut phases)?;
    let mut core = dump.open(&module).map_err(|error| {
        let program = program.display();
        Failure::at(&args.core, format_args!("with {program}: {error}"))
    })?;
    debugger::look(&mut core, &dump, args.commands.as_deref())?;
    Ok(0)
}

/// The program that a dump names, if that is a file which can be read without running anything. Whoever made
/// the dump chose the name.
fn named(dump: &CoreDump, core: &Path) -> Result<PathBuf> {
    let path = PathBuf::from(dump.program());
    let refused = |reason: &str| {
        let shown = dump.program().escape_debug();
        Err(Failure::at(
            core,
            format_args!(
                "the program `{shown}` {reason}; name it: dotvm debug {} PROGRAM",
                core.display()
            ),
        ))
    };
    if path.is_dir() {
        // A project's build script is a program of its own.
        return refused("is a folder, which is only built where you say so");
    }
    if is_named_compiled(&path) {
        return refused("is native code, which is only loaded where you say so");
    }
    if !path.is_file() {
        return refused("is not there");
    }
    Ok(path)
}
