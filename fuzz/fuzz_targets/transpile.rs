//! Translates WebAssembly, arbitrary or generated; what comes out must verify.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    dotvm_transpiler::fuzzing::fuzz_transpile(data);
});
