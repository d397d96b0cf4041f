//! Which WebAssembly is understood, and the names of what is not.

use wasmparser::{Validator, WasmFeatures};

use crate::error::Error;

/// Core 2.0 without vectors, and of what came later: tail calls, extended constants, wide arithmetic.
pub(super) const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .difference(WasmFeatures::SIMD)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::WIDE_ARITHMETIC);

/// Says of an error that validation with [`FEATURES`] found in `wasm` whether the module is wrong
/// or needs a feature that is missing, and which.
#[cold]
pub(super) fn explain(wasm: &[u8], error: &wasmparser::Error) -> Error {
    let missing = error
        .missing_wasm_feature()
        .and_then(|missing| name(missing.difference(FEATURES)))
        .or_else(|| needed(wasm));
    match missing {
        Some(feature) => Error::Unsupported {
            feature,
            offset: error.offset(),
        },
        None => Error::Invalid {
            offset: error.offset(),
            reason: error.message().to_owned(),
        },
    }
}

/// The features without which `wasm` is not valid; `None` where it never is.
fn needed(wasm: &[u8]) -> Option<String> {
    let valid = |features| {
        Validator::new_with_features(features)
            .validate_all(wasm)
            .is_ok()
    };
    let all = WasmFeatures::all();
    if !valid(all) {
        return None;
    }
    let needed = all
        .difference(FEATURES)
        .iter()
        .filter(|&feature| !valid(all.difference(feature)))
        .fold(WasmFeatures::empty(), WasmFeatures::union);
    name(needed)
}

/// The names of features as proposals are called: `multi-memory`.
fn name(features: WasmFeatures) -> Option<String> {
    let names: Vec<String> = features
        .iter_names()
        .map(|(name, _)| name.to_lowercase().replace('_', "-"))
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}
