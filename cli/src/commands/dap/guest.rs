//! The thread that runs a program.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use serde_json::json;

use super::front::Front;
use super::launch::Launch;
use super::link::Link;
use super::output::Output;
use crate::commands::run::run_debugged;
use crate::failure::{EXIT_ERROR, Failure};

/// Starts a program.
///
/// # Errors
/// Where the system has no more threads.
pub(super) fn start(link: Arc<Link>, launch: Launch) -> std::io::Result<()> {
    let thread = thread::Builder::new().name("dotvm-program".into());
    thread.spawn(move || {
        // A panic has been printed; the client is told that there is nothing more.
        let outcome = catch_unwind(AssertUnwindSafe(|| run(&link, &launch)));
        let bug = Err((EXIT_ERROR, "this is a bug in dotvm".to_owned()));
        link.ended(outcome.unwrap_or(bug));
    })?;
    Ok(())
}

fn run(link: &Arc<Link>, launch: &Launch) -> Result<u8, (u8, String)> {
    let failure = |failure: Failure| (failure.code(), failure.message().to_owned());
    let fault = |error: std::io::Error| (EXIT_ERROR, error.to_string());
    let (stdout, stdout_end) = Output::new("stdout", link.client.clone()).map_err(fault)?;
    let (stderr, stderr_end) = Output::new("stderr", link.client.clone()).map_err(fault)?;
    let outputs = vec![stdout, stderr];
    let stdin = match &launch.stdin {
        None => None,
        Some(path) => {
            let file = File::open(path);
            Some(file.map_err(|error| failure(Failure::at(path, error)))?)
        }
    };
    let front = Front::new(Arc::clone(link), launch, outputs.clone());
    let outcome = run_debugged(
        &launch.args,
        |wasi| {
            wasi.stdout(stdout_end).stderr(stderr_end);
            if let Some(file) = stdin {
                wasi.stdin(std::os::fd::OwnedFd::from(file));
            }
        },
        |store| {
            link.loaded(store.pause_handle(), store.interrupt_handle());
            store.attach(front);
        },
    );
    for output in &outputs {
        output.pass_on();
    }
    let (code, results) = outcome.map_err(failure)?;
    if !results.is_empty() {
        let body = json!({ "category": "stdout", "output": results });
        link.client.event("output", body);
    }
    Ok(code)
}
