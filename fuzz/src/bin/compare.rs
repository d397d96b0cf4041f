//! Runs generated modules in every tier and in a peer: `compare [COUNT] [FIRST]` takes so many, from the
//! number FIRST on. Prints what came of them; each difference is written to `compare-NUMBER.wasm` in
//! the current folder.

use std::process::ExitCode;

use dotvm_tests::differential::{self, Case, Tally};

fn main() -> ExitCode {
    let mut args = std::env::args()
        .skip(1)
        .map(|arg| arg.parse::<u64>().expect("a number"));
    let count = args.next().unwrap_or(10_000);
    let first = args.next().unwrap_or(0);
    let (mut modules, mut compared, mut differences) = (0u64, 0u64, 0u64);
    let mut all = Tally::default();
    for number in first.. {
        if modules == count {
            break;
        }
        let Some(case) = Case::numbered(number) else {
            continue;
        };
        modules += 1;
        let found = differential::check(&case).and_then(|tally| {
            all.add(&tally);
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
    println!("{all}");
    println!(
        "{modules} modules: {} calls in every tier, {compared} outcomes as in the peer; \
         {differences} modules differ",
        all.returned + all.trapped() + all.unbounded
    );
    ExitCode::from(u8::from(differences > 0))
}
