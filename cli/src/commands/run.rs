//! `dotvm run`: runs programs.

mod core;
pub(crate) mod debugger;
mod invoke;
mod kept;
mod profiles;
mod setup;
mod stats;
mod trace;
mod verbose;
mod watch;

use std::mem::ManuallyDrop;

use dotvm::wasi::{WasiCtx, WasiCtxBuilder};
use dotvm::{
    Engine, Error, Instance, Linker, Module, Store, add_ffi_to_linker, add_wasi_to_linker,
};

use crate::args::{Profile, Run};
use crate::commands::dap::Listening;
use crate::failure::{Failure, Result};
use crate::load::load;
use crate::output;
use crate::phases::Phases;

/// Runs a program; returns its exit code.
pub(crate) fn run(args: &Run) -> Result<u8> {
    let mut phases = match args.stats.is_some() && !args.verbose {
        true => Phases::measured(),
        false => Phases::new(args.verbose),
    };
    let engine = Engine::new(&setup::config(args)?);
    // The process ends soon. To give everything back piece by piece would only take time.
    let module = load(
        args.file(),
        &args.source,
        args.debug_info
            || args.debug
            || args.coredump.is_some()
            || args.debug_listen.is_some()
            || matches!(args.profile, Some(Profile::Exact(_) | Profile::Sample(_))),
        &engine,
        &mut phases,
    )?;
    let module = ManuallyDrop::new(module);
    if args.verbose {
        output::say(&verbose::module_facts(args.file(), &module));
        phases.restart();
    }
    let mut screen = watch::Screen::new(args)?;
    let wasi = setup::wasi(args, |builder| screen.streams(builder))?;
    let mut store = ManuallyDrop::new(Store::new(&engine, wasi));
    setup::limit(&mut store, args)?;
    setup::database(&mut store, args)?;
    if args.track_alloc {
        store.track_allocations();
    }
    if args.coredump.is_some() {
        store.keep_core();
    }
    let linker = ManuallyDrop::new(linker(args, &engine, &module)?);
    phases.end("set up");
    if args.debug {
        debugger::attach(&mut store, args)?;
    }
    let listening = Listening::begin(args, &mut store)?;
    let trace = trace::begin(args, &mut store)?;
    kept::begin(&mut store, args)?;
    profiles::begin(args, &mut store)?;
    let watching = screen.watch(args, &mut store)?;
    let ending = profiles::Ending::begin(args, &store)?;
    let outcome = match linker.instantiate(&mut *store, &module) {
        Ok(instance) => {
            phases.end("instantiate");
            let executed = execute(args, &mut store, &module, instance);
            executed.and_then(|(code, results)| {
                // Whoever sees them may rely on what was done.
                if args.invoke.is_some() {
                    output::print(&results)?;
                }
                Ok(code)
            })
        }
        Err(error) => ended(args, &store, error),
    };
    if let Some(watching) = watching {
        watching.end();
    }
    if let Some(listening) = listening {
        listening.end(&outcome);
    }
    if args.db.is_some() || args.state.is_some() {
        // What a killed program leaves is to be the exception: then all of the file is read when it is next opened.
        store.close_database();
    }
    phases.end("run");
    if args.gc_stats {
        output::say(&verbose::gc_facts(&store.gc_stats()));
    }
    let saved = module.save_native_code();
    if args.track_alloc {
        output::say(&verbose::leaks_by_place(&store));
    }
    if args.verbose {
        output::say(&verbose::run_facts(&store, &module, &phases));
        output::say(&verbose::cache_facts(saved));
    }
    let traced = trace.map_or(Ok(()), |trace| trace.end());
    let written = traced.and_then(|()| stats::write(args, &store, &module, &phases));
    let written = written.and_then(|()| profiles::write(args, &mut store));
    if let Some(ending) = ending {
        ending.end();
    }
    match (outcome, written) {
        (Ok(code), written) => written.map(|()| code),
        (Err(failure), written) => {
            if let Err(unwritten) = written {
                unwritten.report();
            }
            Err(failure)
        }
    }
}

/// Runs a program for a debugger that is not at the terminal: `streams` are the program's, `attach` is called before
/// anything of it runs. Returns its exit code, and the results of a function that was to be called.
pub(crate) fn run_debugged(
    args: &Run,
    streams: impl FnOnce(&mut WasiCtxBuilder),
    attach: impl FnOnce(&mut Store<WasiCtx>),
) -> Result<(u8, String)> {
    let engine = Engine::new(&setup::config(args)?);
    let module = load(
        args.file(),
        &args.source,
        true,
        &engine,
        &mut Phases::new(false),
    )?;
    let mut store = Store::new(&engine, setup::wasi(args, streams)?);
    setup::limit(&mut store, args)?;
    setup::database(&mut store, args)?;
    let linker = linker(args, &engine, &module)?;
    attach(&mut store);
    kept::begin(&mut store, args)?;
    let outcome = match linker.instantiate(&mut store, &module) {
        Ok(instance) => execute(args, &mut store, &module, instance),
        Err(error) => Err(Failure::of(args.file(), error)),
    };
    store.close_database();
    outcome
}

/// What there is for a program to import.
fn linker(args: &Run, engine: &Engine, module: &Module) -> Result<Linker<WasiCtx>> {
    let mut linker = Linker::new(engine);
    add_wasi_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx).map_err(Failure::new)?;
    let is_vitte = module
        .imports()
        .any(|import| import.module == vitte::host::MODULE);
    if is_vitte {
        vitte::host::add_to_linker(&mut linker).map_err(Failure::new)?;
    }
    let libraries = setup::libraries(args);
    add_ffi_to_linker(&mut linker, module, &libraries)
        .map_err(|error| Failure::of(args.file(), error))?;
    Ok(linker)
}

/// Calls the function that the command line names, or the program's entry point. Returns the exit code, and the
/// results of the function.
fn execute(
    args: &Run,
    store: &mut Store<WasiCtx>,
    module: &Module,
    instance: Instance,
) -> Result<(u8, String)> {
    let state = kept::load(store, args, instance)?;
    if let Some(name) = &args.invoke {
        let is_set_up = state.as_ref().is_some_and(|state| state.version() > 0);
        let results = invoke::invoke(store, instance, module, name, args, is_set_up)?;
        let (code, results) = match results {
            Ok(results) => (0, results),
            Err(error) => (ended(args, store, error)?, String::new()),
        };
        kept::commit(store, args, state)?;
        return Ok((code, results));
    }
    let Some(entry) = instance.entry(&mut *store) else {
        let functions = invoke::exported_functions(module);
        return Err(Failure::at(
            args.file(),
            format_args!("the module has no entry point; --invoke calls a function: {functions}"),
        ));
    };
    let code = match entry.call(&mut *store, &[]) {
        Ok(_) => 0,
        Err(error) => ended(args, store, error)?,
    };
    kept::commit(store, args, state)?;
    Ok((code, String::new()))
}

/// The exit code of a program that ended with an error. A core dump is written, if there is to be one.
fn ended(args: &Run, store: &Store<WasiCtx>, error: Error) -> Result<u8> {
    match error {
        // The low eight bits, which is all that a process can hand to its parent.
        Error::Exit(code) => Ok(code.cast_unsigned() as u8),
        error => {
            core::write(args, store, &error);
            Err(Failure::of(args.file(), error))
        }
    }
}
