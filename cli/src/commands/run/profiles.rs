//! What `dotvm run --profile` writes, also where somebody ends the program.

use std::ffi::OsStr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dotvm::Store;
use dotvm::wasi::WasiCtx;

use crate::args::{Profile, Run};
use crate::failure::{Failure, Result};
use crate::output;
use crate::profile::Report;
use crate::sampled::Sampled;
use crate::signals::Interruption;

/// Time of the processor between samples: no round number, since what programs do often comes at one.
const INTERVAL: Duration = Duration::from_micros(997);

/// How often somebody looks whether a signal has come.
const SIGNAL_TIME: Duration = Duration::from_millis(20);

/// What a signal that ends the process is put off for: a profile, or what the run has used, is written first. The
/// program is stopped; a second signal ends everything at once.
pub(super) struct Ending(Arc<Interruption>);

impl Ending {
    /// Puts off signals, where there will be something to write. (A debugger has ctrl-C for itself.)
    ///
    /// # Errors
    /// Where nobody can look for them.
    pub(super) fn begin(args: &Run, store: &Store<WasiCtx>) -> Result<Option<Ending>> {
        let writes = matches!(args.profile, Some(Profile::Exact(_) | Profile::Sample(_)));
        if args.debug || !writes && args.stats.is_none() {
            return Ok(None);
        }
        let ending = Arc::new(Interruption::catch());
        let (looking, handle) = (Arc::clone(&ending), store.interrupt_handle());
        let thread = std::thread::Builder::new().name("dotvm-signals".into());
        let spawned = thread.spawn(move || {
            let came = looking.flag();
            while !came.as_ref().is_some_and(|it| it.load(Ordering::SeqCst)) {
                std::thread::sleep(SIGNAL_TIME);
            }
            looking.resume_next();
            handle.interrupt();
        });
        spawned.map_err(Failure::new)?;
        Ok(Some(Ending(ending)))
    }

    /// Ends the process, where a signal has come.
    pub(super) fn end(&self) {
        self.0.resume();
    }
}

/// Begins to take samples, where they are asked for.
///
/// # Errors
/// Where nothing can see to it.
pub(super) fn begin(args: &Run, store: &mut Store<WasiCtx>) -> Result {
    match &args.profile {
        Some(Profile::Sample(_)) => store.start_sampling(INTERVAL).map_err(Failure::new),
        _ => Ok(()),
    }
}

/// Writes the profile of a program that has ended, where one is asked for.
///
/// # Errors
/// Where there is none, or it cannot be written.
pub(super) fn write(args: &Run, store: &mut Store<WasiCtx>) -> Result {
    if let Some(Profile::Sample(files)) = &args.profile
        && let Some(profile) = store.stop_sampling()
    {
        let sampled = Sampled::new(args.file(), &profile);
        output::say(&sampled.text(false));
        return files.iter().try_for_each(|file| sampled.write(file));
    }
    let Some(Profile::Exact(file)) = &args.profile else {
        return Ok(());
    };
    let profile = store.exact_profile();
    let profile = profile.map_err(|error| Failure::of(args.file(), error))?;
    let report = Report::new(args.file(), &profile);
    match file {
        None => output::say(&report.text(false)),
        Some(path) if path.extension() == Some(OsStr::new("json")) => {
            output::write_file(path, report.json().map_err(Failure::new)?.as_bytes())?;
        }
        Some(path) => output::write_file(path, report.text(true).as_bytes())?,
    }
    Ok(())
}
