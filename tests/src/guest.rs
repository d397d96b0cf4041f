//! Compiling guest programs, with the driver that `dotvm` uses.

use std::fs;
use std::path::Path;

use dotvm::Arch;
use dotvm_transpiler::{DriverOptions, Error, load_wasm};

/// Compiles a Rust source file or Cargo project to WebAssembly, for an architecture or for any.
///
/// # Errors
/// What the compiler says; where there is no compiler with a WASI target, how to install one. That
/// is a failed test like any other: a machine that cannot compile has not shown anything.
pub fn compile(path: &Path, arch: Option<Arch>) -> Result<Vec<u8>, String> {
    if path.is_dir() {
        // Cargo leaves its target folder in the project's.
        let copy = tempfile::tempdir().map_err(|error| error.to_string())?;
        copy_folder(path, copy.path()).map_err(|error| format!("{}: {error}", path.display()))?;
        return compile_in_place(copy.path(), arch);
    }
    compile_in_place(path, arch)
}

fn compile_in_place(path: &Path, arch: Option<Arch>) -> Result<Vec<u8>, String> {
    let options = DriverOptions {
        arch,
        ..DriverOptions::default()
    };
    load_wasm(path, &options, &mut |_| {}).map_err(|error| match error {
        Error::NoToolchain(reason) => {
            format!("{reason}\nscripts/wasm-target installs what the tests need")
        }
        error => error.to_string(),
    })
}

/// Copies what is in a folder, without what was built there.
fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if !entry.file_type()?.is_dir() {
            fs::copy(entry.path(), target)?;
        } else if entry.file_name() != "target" {
            fs::create_dir(&target)?;
            copy_folder(&entry.path(), &target)?;
        }
    }
    Ok(())
}
