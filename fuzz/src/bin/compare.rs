//! Runs generated modules in every tier and in a peer: `compare [COUNT] [FIRST]`. Prints what came of
//! them; each difference is written to `compare-NUMBER.wasm` in the current folder.

use std::process::ExitCode;

use dotvm_tests::differential::{self, Case};

fn main() -> ExitCode {
    let mut args = std::env::args()
        .skip(1)
        .map(|arg| arg.parse::<u64>().expect("a number"));
    let count = args.next().unwrap_or(10_000);
    let first = args.next().unwrap_or(0);
    let (mut modules, mut calls, mut compared) = (0u64, 0u64, 0u64);
    let mut differences = 0;
    for number in (first..).take(count as usize) {
        let Some(case) = Case::numbered(number) else {
            continue;
        };
        modules += 1;
        let found = differential::check(&case).and_then(|tally| {
            calls += u64::from(tally.returned + tally.trapped + tally.unbounded);
            dotvm_fuzz::check(&case)
        });
        match found {
            Ok(outcomes) => compared += u64::from(outcomes),
            Err(difference) => {
                differences += 1;
                println!("case {number}: {difference}");
                let path = format!("compare-{number}.wasm");
                std::fs::write(&path, difference.wasm()).expect("a folder to write to");
            }
        }
        if modules % 1000 == 0 {
            println!("{number}: {modules} modules, {differences} differ");
        }
    }
    println!(
        "{modules} modules: {calls} calls in every tier, {compared} outcomes as in the peer; \
         {differences} modules differ"
    );
    ExitCode::from(u8::from(differences > 0))
}
