//! Assembles text.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    dotvm_isa::fuzzing::assemble(text);
});
