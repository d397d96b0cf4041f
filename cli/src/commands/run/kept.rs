//! `--state`: what a program keeps from run to run.
//!
//! Everything that happens is one transaction: where the run fails, or the process ends in it, nothing of it remains.

use std::path::PathBuf;

use dotvm::state::State;
use dotvm::wasi::WasiCtx;
use dotvm::{Instance, Store};

use crate::args::Run;
use crate::commands::state;
use crate::failure::{Failure, Result};

/// The database, for messages.
fn database(args: &Run) -> PathBuf {
    state::file(args.db.as_deref()).unwrap_or_default()
}

/// Begins the transaction, before anything of the program runs.
pub(super) fn begin(store: &mut Store<WasiCtx>, args: &Run) -> Result {
    if args.state.is_none() {
        return Ok(());
    }
    // Where it cannot be opened, the message names it already.
    store.begin_transaction().map_err(|error| match &error {
        dotvm::Error::Trap(trap) => match trap.detail() {
            Some(detail) => Failure::new(detail),
            None => Failure::new(error),
        },
        _ => Failure::new(error),
    })
}

/// Gives the instance its state, if it has one.
pub(super) fn load(
    store: &mut Store<WasiCtx>,
    args: &Run,
    instance: Instance,
) -> Result<Option<State>> {
    let Some(name) = &args.state else {
        return Ok(None);
    };
    let loaded = State::load(store, instance, name);
    let mut state = loaded.map_err(|error| state::failure(&database(args), error))?;
    if let Some(versions) = args.state_versions {
        state.keep(versions);
    }
    Ok(Some(state))
}

/// Writes the next version of the state, and commits the transaction.
pub(super) fn commit(store: &mut Store<WasiCtx>, args: &Run, state: Option<State>) -> Result {
    let Some(state) = state else {
        return Ok(());
    };
    let saved = state.finish(store);
    let committed = saved.and_then(|_| store.commit_transaction());
    committed.map_err(|error| Failure::of(&database(args), error))
}
