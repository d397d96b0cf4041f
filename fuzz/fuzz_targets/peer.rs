//! Runs a generated module here and in a peer.
#![no_main]

use dotvm_peer::check;
use dotvm_tests::differential::Case;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Some(case) = Case::new(data) {
        check(&case).unwrap_or_else(|difference| panic!("{difference}"));
    }
});
