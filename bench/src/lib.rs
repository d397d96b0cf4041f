//! Benchmarks of DotVM.
//!
//! `cargo run -p dotvm-bench --release -- compare` runs whole programs as commands, ours by tier
//! against what other machines are installed; `vitte` does so with Vitte programs, against LuaJIT and CPython; `start`
//! measures start-up the same way. What the parts cost is in `benches/`, for `cargo bench -p dotvm-bench`.

pub mod artifacts;
pub mod chart;
pub mod compare;
pub mod contender;
pub mod guest;
pub mod host;
pub mod measure;
pub mod program;
pub mod start;
pub mod stats;
pub mod table;
pub mod vitte;

use std::path::{Path, PathBuf};

/// The project's root folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}
