//! Runs a generated module in every tier.
#![no_main]

use dotvm_tests::differential::{Case, check};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Some(case) = Case::new(data) {
        check(&case).unwrap_or_else(|difference| panic!("{difference}"));
    }
});
