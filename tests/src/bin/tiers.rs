//! Runs generated modules in every tier: `tiers [COUNT] [FIRST]` takes so many, from the number FIRST on.
//! Prints what came of them; each difference is written to `tiers-NUMBER.wasm` in the current folder.

use std::process::ExitCode;

use dotvm_tests::differential::survey;

fn main() -> ExitCode {
    survey("tiers", std::env::args().skip(1), |_| Ok(()))
}
