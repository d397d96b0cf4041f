//! What the end-to-end suites share: running the command, compiling guest programs, reading test
//! files.
//!
//! The suites are in `suites/`, a binary each: `spec` runs WebAssembly's specification suite,
//! `examples` every program of `examples/`, `cli` the transcripts of `cli/*.txt`, `limits` what must
//! be stopped, `debug` lines and variables, `sandbox` what must not get out, `services` the machine's services,
//! `tidy` checks the sources themselves.

pub mod bigints;
pub mod command;
pub mod dap;
pub mod differential;
pub mod fuzzing;
pub mod guest;
pub mod header;
pub mod operations;
pub mod pattern;
pub mod services;
pub mod transcript;
pub mod vectors;
pub mod words;

use std::path::{Path, PathBuf};

/// The project's root folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}
