//! What `dotvm run --profile=exact` writes.

use std::ffi::OsStr;

use dotvm::Store;
use dotvm::wasi::WasiCtx;

use crate::args::{Profile, Run};
use crate::failure::{Failure, Result};
use crate::output;
use crate::profile::Report;

/// Writes the profile of a program that has ended, where one is asked for.
///
/// # Errors
/// Where there is none, or it cannot be written.
pub(super) fn write(args: &Run, store: &Store<WasiCtx>) -> Result {
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
