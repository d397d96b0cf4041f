//! Runs what verifies, with a fuel limit.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    dotvm_tests::fuzzing::run(data);
});
