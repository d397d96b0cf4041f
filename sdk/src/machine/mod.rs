//! What the machine's instructions do.

/// Declares functions that are imports of module `dotvm`. Addresses are passed as pointers; what they must point to
/// is said in `docs/isa.md`, and the machine checks that it is in memory.
macro_rules! services {
    ($($name:ident = $mnemonic:literal ($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        mod raw {
            #[link(wasm_import_module = "dotvm")]
            extern "C" {
                $(
                    #[link_name = $mnemonic]
                    pub(super) fn $name($($arg: $type),*) $(-> $result)?;
                )*
            }
        }
    };
}

pub(crate) mod bigint;
pub(crate) mod crypto;
#[cfg(feature = "std")]
pub(crate) mod db;
#[cfg(any(dotvm = "i128", dotvm = "i256", dotvm = "i512"))]
mod imports;
#[cfg(any(dotvm = "i128", dotvm = "i256", dotvm = "i512"))]
pub(crate) mod words;
