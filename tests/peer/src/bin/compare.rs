//! Runs generated modules in every tier and in a peer: `compare [COUNT] [FIRST]` takes so many, from the
//! number FIRST on. Prints what came of them; each difference is written to `compare-NUMBER.wasm` in
//! the current folder.

use std::process::ExitCode;

use dotvm_tests::differential::survey;

fn main() -> ExitCode {
    let mut compared = 0;
    let code = survey("compare", std::env::args().skip(1), |case| {
        compared += u64::from(dotvm_peer::check(case)?);
        Ok(())
    });
    println!("{compared} outcomes as in the peer");
    code
}
