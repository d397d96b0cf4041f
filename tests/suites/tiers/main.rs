//! Tiers: whatever a program does, native code does it like the interpreter, to the bit.

mod frames;
mod fuel;
mod harness;
mod kernels;
mod loops;
mod memories;
mod profiles;
mod references;
mod stops;
mod trapping;
mod traps;
mod vectors;
mod wide_vectors;
mod word_loops;
mod words;

use std::time::{Duration, Instant};

use dotvm_tests::differential::{Case, Tally, check};

#[test]
fn generated_modules_for_some_seconds() {
    let end = Instant::now() + Duration::from_secs(5);
    let mut all = Tally::default();
    for number in 0.. {
        if Instant::now() > end {
            break;
        }
        if let Some(case) = Case::numbered(number) {
            let tally = check(&case).unwrap_or_else(|difference| panic!("{number}: {difference}"));
            all.add(&tally);
        }
    }
    let calls = all.returned + all.trapped();
    assert!(calls > 20, "only {calls} calls were compared");
    assert!(all.long() > calls / 8, "they do too little: {all}");
    assert!(all.trapped() > 0, "none trapped: {all}");
    assert!(all.loop_entries > 0, "no loop got hot: {all}");
}
