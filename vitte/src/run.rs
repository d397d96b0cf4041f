//! Running programs: from a file to a module of the machine, and its exit.
//!
//! Programs are modules like others: they import functions of WASI and those of [`host`](crate::host). So whoever
//! embeds them decides what they may do and use up, by [`WasiCtxBuilder`], [`Config`] and [`Store`].

use std::io;
use std::path::Path;
use std::sync::Arc;

use dotvm::isa::Names;
use dotvm::wasi::{WasiCtx, WasiCtxBuilder};
use dotvm::{Config, Engine, Error, GcStats, Linker, Store, add_wasi_to_linker, isa};

use crate::host::{self, Log};
use crate::modules::Loader;
use crate::vitbc::{self, module::Module};

pub use crate::lower::Refused;

/// Compiles a program to bytecode; `Err` is what is wrong with it, as users see it.
///
/// # Errors
/// If the file cannot be read, or no thread can be started.
pub fn compile(
    path: &Path,
    loader: &mut (dyn Loader + Send),
) -> io::Result<Result<Module, String>> {
    let checked = crate::check(path, loader)?;
    if !checked.errors.is_empty() {
        return Ok(Err(checked.errors.render(&checked.sources)));
    }
    let crate::Checked {
        sources, program, ..
    } = checked;
    crate::with_stack(|| {
        let module = crate::codegen::generate(program, &sources);
        module.map_err(|errors| errors.render(&sources))
    })
}

/// Reads bytecode, and verifies it.
///
/// # Errors
/// Why it is refused, with the place.
pub fn read(bytes: &[u8]) -> Result<Module, String> {
    let module = vitbc::decode(bytes).map_err(|refused| refused.to_string())?;
    vitbc::verify(&module).map_err(|fault| fault.to_string())?;
    Ok(module)
}

/// Makes a module of the machine; it must be verified.
///
/// # Errors
/// Where the program uses what cannot be run yet.
pub fn machine_module(module: &Module) -> Result<(isa::Module, Names), Refused> {
    crate::lower::lower(module, false)
}

/// How a program is run.
#[derive(Clone, Default)]
pub struct Options {
    /// The machine's settings.
    pub config: Config,
    /// Where each instruction is reported.
    pub trace: Option<Log>,
}

/// How a program ended.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended: nothing, an exit code ([`Error::Exit`]), or what went wrong.
    pub result: Result<(), Error>,
    /// What its objects took.
    pub heap: GcStats,
}

/// Runs a program.
///
/// # Errors
/// Where it cannot be started.
pub fn run(
    module: &Arc<Module>,
    options: &Options,
    wasi: &mut WasiCtxBuilder,
) -> Result<Outcome, Error> {
    let engine = Engine::new(&options.config);
    let lowered = crate::lower::lower(module, options.trace.is_some());
    let (machine, names) = lowered.map_err(|refused| Error::Usage(refused.to_string()))?;
    let machine = dotvm::Module::from_parts(&engine, machine, names)?;
    let mut store = Store::new(&engine, wasi.build());
    let mut linker = Linker::new(&engine);
    add_wasi_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx)?;
    host::add_to_linker(&mut linker)?;
    if let Some(log) = &options.trace {
        host::add_trace(&mut linker, module, log)?;
    }
    let instance = linker.instantiate(&mut store, &machine)?;
    let result = match instance.entry(&mut store) {
        Some(entry) => entry.call(&mut store, &[]).map(|_| ()),
        None => Ok(()),
    };
    Ok(Outcome {
        result,
        heap: store.gc_stats(),
    })
}
