//! Which WebAssembly is understood, and the names of what is not.

use dotvm_isa::{AddressType, Arch, ValType};
use wasmparser::{Validator, WasmFeatures};

use crate::error::Error;

/// The features of WebAssembly that a module may use. By default, all that the machine knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Features(pub(super) WasmFeatures);

impl Default for Features {
    fn default() -> Features {
        Features::ALL
    }
}

/// What the machine knows.
const KNOWN: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::MEMORY64)
    .union(WasmFeatures::CUSTOM_PAGE_SIZES)
    .union(WasmFeatures::FUNCTION_REFERENCES)
    // For the types of functions that it adds. What it adds otherwise is refused by name.
    .union(WasmFeatures::GC)
    .union(WasmFeatures::WIDE_ARITHMETIC)
    .union(WasmFeatures::EXCEPTIONS)
    .union(WasmFeatures::LEGACY_EXCEPTIONS)
    .union(VECTORS);

const VECTORS: WasmFeatures = WasmFeatures::SIMD.union(WasmFeatures::RELAXED_SIMD);

/// What the first architectures do not have, each with the first one that has it.
const LATER: [(WasmFeatures, Arch); 2] = [
    (WasmFeatures::MEMORY64, AddressType::I64.first_arch()),
    (VECTORS, ValType::V128.first_arch()),
];

impl Features {
    /// Everything that the machine knows.
    pub const ALL: Features = Features(KNOWN);

    /// Those of WebAssembly 1.0.
    pub const V1: Features = Features(WasmFeatures::WASM1.intersection(KNOWN));

    /// Those of WebAssembly 2.0.
    pub const V2: Features = Features(WasmFeatures::WASM2.intersection(KNOWN));

    /// These and one more, named as its proposal is: `multi-memory`. Nothing where there is none of that
    /// name, or the machine does not know it.
    pub fn with(self, proposal: &str) -> Option<Features> {
        let mut all = KNOWN.iter();
        let found = all.find(|&feature| name(feature) == proposal)?;
        Some(Features(self.0.union(found)))
    }

    /// These but for one. Nothing where there is none of that name, or the machine does not know it.
    pub fn without(self, proposal: &str) -> Option<Features> {
        let mut all = KNOWN.iter();
        let found = all.find(|&feature| name(feature) == proposal)?;
        Some(Features(self.0.difference(found)))
    }

    /// Those of these that an architecture has, or some architecture where it is chosen by what a module
    /// needs.
    pub(super) fn on(self, arch: Option<Arch>) -> WasmFeatures {
        let later = LATER
            .into_iter()
            .filter(|&(_, first)| arch.is_some_and(|arch| arch < first));
        later.fold(self.0, |features, (later, _)| features.difference(later))
    }

    /// Says of an error that validation with those on that architecture found in `wasm` whether the module
    /// is wrong or needs features that are missing, and which.
    #[cold]
    pub(super) fn explain(
        self,
        wasm: &[u8],
        arch: Option<Arch>,
        error: &wasmparser::Error,
    ) -> Error {
        let features = self.on(arch);
        let missing = error
            .missing_wasm_feature()
            .map(|missing| missing.difference(features))
            .filter(|missing| !missing.is_empty())
            .or_else(|| needed(wasm, features));
        let offset = error.offset();
        match missing {
            // They are only missing where an architecture was asked for that lacks them.
            Some(missing) if self.0.contains(missing) => {
                let mut later = LATER.into_iter();
                let needs = later.rfind(|(later, _)| later.intersects(missing));
                Error::Architecture {
                    feature: name(missing),
                    offset,
                    needs: needs.map_or(Arch::default(), |(_, first)| first),
                }
            }
            Some(missing) => Error::Unsupported {
                feature: name(missing.difference(self.0)),
                offset,
            },
            None => Error::Invalid {
                offset,
                reason: in_one_line(error.message()),
            },
        }
    }
}

/// A message without the line breaks and columns of some of the validator's.
fn in_one_line(message: &str) -> String {
    let words: Vec<&str> = message.split_whitespace().collect();
    words.join(" ")
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
