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
pub mod turns;
pub mod vitte;

use std::path::{Path, PathBuf};

/// The project's root folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The hexadecimal digits of an odd number of so many bits, the same for each seed.
pub fn digits(bits: usize, seed: u64) -> String {
    let mut state = seed;
    let mut text = String::from("f");
    while text.len() * 4 < bits {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let left = (bits / 4 - text.len()).min(8);
        let part = format!("{:08x}", state >> 32 | 1);
        text += &part[8 - left..];
    }
    text
}
