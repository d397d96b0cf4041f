//! Checks big integers: `bigints [COUNT] [PART]` takes so many cases of each operation whose name contains PART.
//! Prints what was computed; a panic is a finding.

use dotvm_tests::bigints::{Both, check, check_conversions, operations};

fn main() {
    let mut args = std::env::args().skip(1);
    let count = args
        .next()
        .map_or(10_000, |arg| arg.parse().expect("a number"));
    let part = args.next().unwrap_or_default();
    let mut both = Both::new(false);
    let mut total = 0;
    for service in operations() {
        let name = service.op().mnemonic();
        if name.contains(&part) {
            check(&mut both, service, count, 1);
            total += count;
            println!("{name}: {count} cases in both tiers");
        }
    }
    if "conversions".contains(&part) {
        check_conversions(&mut both, count, 1);
        total += count;
        println!("conversions: {count} cases in both tiers");
    }
    println!("{total} cases in all");
}
