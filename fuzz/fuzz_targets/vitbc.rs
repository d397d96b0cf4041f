//! Reads and verifies files of VITBC; what is accepted is written and assembled again.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.to_vec();
    vitte::vitbc::fuzzing::fix_checksum(&mut bytes);
    vitte::vitbc::fuzzing::check(&bytes);
});
