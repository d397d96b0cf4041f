//! Tiers: whatever a program does, native code does it like the interpreter, to the bit.

mod frames;
mod fuel;
mod harness;
mod loops;
mod stops;
mod trapping;
mod traps;

use std::time::{Duration, Instant};

use dotvm_tests::differential::{Case, check};

#[test]
fn generated_modules_for_some_seconds() {
    let end = Instant::now() + Duration::from_secs(5);
    let mut calls = 0;
    for number in 0.. {
        if Instant::now() > end {
            break;
        }
        if let Some(case) = Case::numbered(number) {
            let tally = check(&case).unwrap_or_else(|difference| panic!("{number}: {difference}"));
            calls += tally.returned + tally.trapped;
        }
    }
    assert!(calls > 20, "only {calls} calls were compared");
}
