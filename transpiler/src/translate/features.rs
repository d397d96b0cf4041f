//! Which WebAssembly is understood, and the names of what is not.

use dotvm_isa::Arch;
use wasmparser::{Validator, WasmFeatures};

use crate::error::Error;

/// Core 2.0, and of what came later: tail calls, extended constants, wide arithmetic, relaxed vector
/// instructions.
const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::WIDE_ARITHMETIC)
    .union(VECTORS);

const VECTORS: WasmFeatures = WasmFeatures::SIMD.union(WasmFeatures::RELAXED_SIMD);

/// What can be translated for an architecture, or for one that is chosen by what a module needs.
pub(super) fn of(arch: Option<Arch>) -> WasmFeatures {
    match arch {
        Some(Arch::Arch32 | Arch::Arch64) => FEATURES.difference(VECTORS),
        _ => FEATURES,
    }
}

/// Says of an error that validation with `features` found in `wasm` whether the module is wrong
/// or needs features that are missing, and which.
#[cold]
pub(super) fn explain(wasm: &[u8], features: WasmFeatures, error: &wasmparser::Error) -> Error {
    let missing = error
        .missing_wasm_feature()
        .map(|missing| missing.difference(features))
        .filter(|missing| !missing.is_empty())
        .or_else(|| needed(wasm, features));
    let offset = error.offset();
    match missing {
        // They are only missing where an architecture was asked for that lacks them.
        Some(missing) if FEATURES.contains(missing) => Error::Architecture {
            feature: name(missing),
            offset,
            needs: Arch::Arch128,
        },
        Some(missing) => Error::Unsupported {
            feature: name(missing.difference(FEATURES)),
            offset,
        },
        None => Error::Invalid {
            offset,
            reason: error.message().to_owned(),
        },
    }
}

/// The features besides these without which `wasm` is not valid; `None` where it never is.
fn needed(wasm: &[u8], features: WasmFeatures) -> Option<WasmFeatures> {
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
        .difference(features)
        .iter()
        .filter(|&feature| !valid(all.difference(feature)))
        .fold(WasmFeatures::empty(), WasmFeatures::union);
    (!needed.is_empty()).then_some(needed)
}

/// The names of features as proposals are called: `multi-memory`.
fn name(features: WasmFeatures) -> String {
    let names: Vec<String> = features
        .iter_names()
        .map(|(name, _)| name.to_lowercase().replace('_', "-"))
        .collect();
    names.join(", ")
}
