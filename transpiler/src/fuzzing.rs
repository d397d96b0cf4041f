//! The body of the fuzz target: whatever comes in, what comes out passes the verifier.

use arbitrary::{Arbitrary, Unstructured};
use dotvm_isa::verify::verify_all;
use dotvm_isa::{Bytes, EncodeOptions, decode, encode};

use crate::{Error, OptLevel, Options, transpile};

/// Transpiles a module made from `data` at every level and verifies the outputs. The first byte
/// says how the module is made: from the bytes as they are, by a generator of valid modules that
/// the bytes steer, or by that generator with some bytes changed afterwards.
///
/// # Panics
/// Where the transpiler's output is not decoded or verified, or a valid module is refused.
pub fn fuzz_transpile(data: &[u8]) {
    let Some((&mode, data)) = data.split_first() else {
        return;
    };
    if mode % 4 == 0 {
        check(data).ok();
        return;
    }
    let mut input = Unstructured::new(data);
    let Some(mut wasm) = generated(&mut input) else {
        return;
    };
    if mode % 4 == 1 {
        for _ in 0..4 {
            let at = input.choose_index(wasm.len()).unwrap_or(0);
            wasm[at] = input.arbitrary().unwrap_or(0);
        }
        check(&wasm).ok();
        return;
    }
    match check(&wasm) {
        Ok(()) | Err(Error::Limit { .. }) => {}
        Err(error) => panic!("a valid module is refused: {error}"),
    }
}

/// A valid module of the features that are supported.
fn generated(input: &mut Unstructured<'_>) -> Option<Vec<u8>> {
    let mut config = wasm_smith::Config::arbitrary(input).ok()?;
    config.max_instructions = 1000;
    config.max_memories = 1;
    config.max_tags = 0;
    config.acquire_release_atomics_enabled = false;
    config.compact_imports_enabled = false;
    config.custom_descriptors_enabled = false;
    config.custom_page_sizes_enabled = false;
    config.exceptions_enabled = false;
    config.gc_enabled = false;
    config.memory64_enabled = false;
    config.relaxed_simd_enabled &= config.simd_enabled;
    config.shared_everything_threads_enabled = false;
    config.threads_enabled = false;
    config.wide_arithmetic_enabled = true;
    let module = wasm_smith::Module::new(config, input).ok()?;
    Some(module.to_bytes())
}

/// Transpiles at every level and verifies.
fn check(wasm: &[u8]) -> Result<(), Error> {
    for opt_level in OptLevel::ALL {
        let options = Options {
            opt_level,
            debug_info: true,
            ..Options::default()
        };
        let output = transpile(wasm, &options)?;
        let bytes = encode(&output.module, &output.names, EncodeOptions::default());
        let module = decode(&Bytes::new(bytes)).expect("what was encoded can be decoded");
        if let Err(fault) = verify_all(&module) {
            panic!("level {opt_level}: {fault}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::fuzz_transpile;

    #[test]
    fn a_second_of_fuzzing() {
        let start = Instant::now();
        let mut state = 1u64;
        let mut next = || {
            state = state
                .wrapping_mul(0x5851_f42d_4c95_7f2d)
                .wrapping_add(0x1405_7b7e_f767_814f);
            (state >> 33) as u8
        };
        let mut rounds = 0;
        while start.elapsed() < Duration::from_secs(1) || rounds < 50 {
            let data: Vec<u8> = (0..4096).map(|_| next()).collect();
            fuzz_transpile(&data);
            rounds += 1;
        }
    }
}
