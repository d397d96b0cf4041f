//! Decodes and verifies; what verifies must survive disassembly and encoding.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    dotvm_isa::fuzzing::decode_and_verify(data);
    dotvm_isa::fuzzing::source(data);
});
