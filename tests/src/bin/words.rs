//! Checks operations of wide integers: `words [COUNT] [PART]` takes so many cases of each operation whose
//! name contains PART. Prints what was computed; a panic is a finding.

use dotvm::ValType;
use dotvm_tests::operations::Operation;
use dotvm_tests::words::{check, operations};

fn main() {
    let mut args = std::env::args().skip(1);
    let count = args
        .next()
        .map_or(100_000, |arg| arg.parse().expect("a number"));
    let part = args.next().unwrap_or_default();
    for word in [ValType::I128, ValType::I256, ValType::I512] {
        let chosen: Vec<Operation> = operations(word)
            .filter(|op| op.mnemonic.contains(&part))
            .collect();
        // One at a time, so that a great number of constants is tried.
        for op in chosen {
            check(&[op], count, 1, |op, counts| {
                println!(
                    "{}: {} cases in both tiers, {} of them traps, {} asked of ruint too",
                    op.mnemonic, counts.cases, counts.traps, counts.twice
                );
            });
        }
    }
}
