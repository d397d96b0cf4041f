//! What `dotvm run --profile` writes.

use std::ffi::OsStr;
use std::time::Duration;

use dotvm::Store;
use dotvm::wasi::WasiCtx;

use crate::args::{Profile, Run};
use crate::failure::{Failure, Result};
use crate::output;
use crate::profile::Report;
use crate::sampled::Sampled;

/// Time of the processor between samples: no round number, since what programs do often comes at one.
const INTERVAL: Duration = Duration::from_micros(997);

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
