//! Runs generated modules in every tier: `tiers [COUNT] [FIRST]`. Prints what came of them; each
//! difference is written to `tiers-NUMBER.wasm` in the current folder.

use std::process::ExitCode;

use dotvm_tests::differential::{Case, Tally, check};

fn main() -> ExitCode {
    let mut args = std::env::args()
        .skip(1)
        .map(|arg| arg.parse::<u64>().expect("a number"));
    let count = args.next().unwrap_or(10_000);
    let first = args.next().unwrap_or(0);
    let (mut modules, mut differences) = (0u64, 0u64);
    let mut all = Tally::default();
    for number in (first..).take(count as usize) {
        let Some(case) = Case::numbered(number) else {
            continue;
        };
        modules += 1;
        match check(&case) {
            Ok(tally) => all.add(&tally),
            Err(difference) => {
                differences += 1;
                println!("case {number}: {difference}");
                let path = format!("tiers-{number}.wasm");
                std::fs::write(&path, difference.wasm()).expect("a folder to write to");
            }
        }
    }
    println!("{all}");
    println!("{modules} modules, {differences} differ");
    ExitCode::from(u8::from(differences > 0))
}
