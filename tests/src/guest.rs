//! Compiling guest programs, with the driver that `dotvm` uses.

use std::path::Path;

use dotvm_transpiler::{DriverOptions, Error, load_wasm};

/// Compiles a Rust source file or Cargo project to WebAssembly.
///
/// # Errors
/// What the compiler says; where there is no compiler with a WASI target, how to install one. That
/// is a failed test like any other: a machine that cannot compile has not shown anything.
pub fn compile(path: &Path) -> Result<Vec<u8>, String> {
    load_wasm(path, &DriverOptions::default(), &mut |_| {}).map_err(|error| match error {
        Error::NoToolchain(reason) => {
            format!("{reason}\nscripts/wasm-target installs what the tests need")
        }
        error => error.to_string(),
    })
}
