//! From a program's files to WebAssembly: reads modules, and runs the Rust compiler for sources.

mod rust;
mod toolchain;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{Error, OptLevel};

/// How sources are compiled.
#[derive(Clone, Copy, Debug, Default)]
pub struct DriverOptions {
    /// The compiler's own optimization level goes along with ours.
    pub opt_level: OptLevel,
    /// With debug information (`-g`).
    pub debug: bool,
}

/// Something that takes longer than a second.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The command that is running.
    pub command: String,
    /// For how long it has been.
    pub elapsed: Duration,
}

/// The WebAssembly module of a program: a `.wasm` or `.wat` file, a Rust source file, or the folder of
/// a Cargo project with one binary. `progress` is called for a compiler that takes longer than a
/// second.
///
/// # Errors
/// Where the file cannot be read or is none of these, where no Rust toolchain has a WASI target
/// ([`Error::NoToolchain`] says how to get one), and where the compiler fails: what it printed is
/// passed on.
pub fn load_wasm(
    path: &Path,
    options: &DriverOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<u8>, Error> {
    if path.is_dir() {
        return rust::compile_project(path, options, progress);
    }
    let extension = path.extension().and_then(|extension| extension.to_str());
    if extension == Some("rs") {
        // rustc's message about a file it cannot open would name the compiler's view of it.
        read(path)?;
        return rust::compile_file(path, options, progress);
    }
    let bytes = read(path)?;
    if bytes.starts_with(b"\0asm") {
        return Ok(bytes);
    }
    if extension != Some("wat") && extension != Some("wast") {
        let reason =
            "neither WebAssembly (.wasm, .wat), nor Rust (.rs, a Cargo project)".to_owned();
        return Err(Error::Input {
            path: path.to_owned(),
            reason,
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| Error::Input {
        path: path.to_owned(),
        reason: "not UTF-8".to_owned(),
    })?;
    wat::Parser::new()
        .parse_str(Some(path), &text)
        .map_err(|error| Error::Text(error.to_string()))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| file_error(path, error))
}

fn file_error(path: &Path, error: std::io::Error) -> Error {
    Error::File {
        path: PathBuf::from(path),
        error,
    }
}
