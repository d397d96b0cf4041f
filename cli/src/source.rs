//! Program files: reading them, and finding out what they are.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use dotvm_isa::encode::MAGIC;
use dotvm_isa::{Bytes, Module};

use crate::failure::{Failure, Result};

/// The most bytes of a file that are read (1 GiB): what the largest section may have.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// First bytes of WebAssembly's binary format.
const WASM_MAGIC: [u8; 4] = *b"\0asm";

/// What stands behind that where the file is a component: version 13 of layer 1.
const COMPONENT_VERSION: [u8; 4] = [0x0d, 0, 1, 0];

/// First bytes of files with native code.
const COMPILED_MAGIC: [u8; 4] = *b"DOTC";

/// First bytes of bytecode of Vitte.
const VITBC_MAGIC: [u8; 4] = *b"VITB";

/// Bytes looked at to tell what a file is: those of the magic numbers.
const SNIFF_BYTES: u64 = 4;

/// What a program can be given as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Our bytecode.
    Bytecode,
    /// Our bytecode with native code.
    Compiled,
    /// Our assembler text.
    Assembler,
    /// WebAssembly, binary or text.
    Wasm,
    /// A program in Vitte.
    Vitte,
    /// Bytecode of Vitte.
    Vitbc,
    /// A Rust source file.
    Rust,
    /// A folder with a `Cargo.toml`.
    CargoProject,
}

/// A program that is there.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    /// Its file or folder.
    pub(crate) path: &'a Path,
    /// What it is: bytecode or binary WebAssembly where there is `content`.
    pub(crate) kind: Kind,
    /// All of it, where it had to be read to find out, and cannot be read again.
    pub(crate) content: Option<Vec<u8>>,
}

impl Program<'_> {
    /// Finds out what the program at `path` is: by its content where that tells, then by its name's
    /// ending.
    ///
    /// # Errors
    /// Where there is nothing that can be read, or it is no program.
    pub(crate) fn open(path: &Path) -> Result<Program<'_>> {
        let fail = |error: std::io::Error| Failure::at(path, error);
        let file = File::open(path).map_err(fail)?;
        let metadata = file.metadata().map_err(fail)?;
        if metadata.is_dir() {
            let kind = Kind::CargoProject;
            let content = None;
            return Ok(Program {
                path,
                kind,
                content,
            });
        }
        let mut start = Vec::new();
        let mut content = None;
        if metadata.is_file() {
            file.take(SNIFF_BYTES)
                .read_to_end(&mut start)
                .map_err(fail)?;
        } else if Kind::of_content(&[], path).is_none() {
            // A pipe cannot be read twice. This one's name does not tell, so that the content must.
            let bytes = read_from(file, path)?;
            start.extend(bytes.iter().take(SNIFF_BYTES as usize));
            content = Some(bytes);
        }
        match Kind::of_content(&start, path) {
            Some(kind) => Ok(Program {
                path,
                kind,
                content,
            }),
            None => Err(Failure::at(
                path,
                "neither bytecode nor WebAssembly, and not named .dasm, .wat, .rs or .vit, \
                 nor a Cargo project's folder",
            )),
        }
    }
}

impl Kind {
    /// What a file with these first bytes and that name is.
    fn of_content(start: &[u8], path: &Path) -> Option<Kind> {
        if start.starts_with(&MAGIC) {
            return Some(Kind::Bytecode);
        }
        if start.starts_with(&COMPILED_MAGIC) {
            return Some(Kind::Compiled);
        }
        if start.starts_with(&WASM_MAGIC) {
            return Some(Kind::Wasm);
        }
        if start.starts_with(&VITBC_MAGIC) {
            return Some(Kind::Vitbc);
        }
        if path.file_name() == Some(OsStr::new("Cargo.toml")) {
            return Some(Kind::CargoProject);
        }
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("dotvm") => Some(Kind::Bytecode),
            Some("dotc") => Some(Kind::Compiled),
            Some("dasm") => Some(Kind::Assembler),
            Some("wasm" | "wat") => Some(Kind::Wasm),
            Some("rs") => Some(Kind::Rust),
            Some("vit") => Some(Kind::Vitte),
            Some("vitbc") => Some(Kind::Vitbc),
            _ => None,
        }
    }
}

/// Reads a whole file.
///
/// # Errors
/// Where it cannot be read, or is too large.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(|error| Failure::at(path, error))?;
    read_from(file, path)
}

fn read_from(file: File, path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::at(path, error))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(Failure::at(path, "more than 1 GiB"));
    }
    Ok(bytes)
}

/// Reads a text file.
///
/// # Errors
/// Where it cannot be read, or is not UTF-8.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    String::from_utf8(read(path)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::at(path, format_args!("byte {at} is not UTF-8 text"))
    })
}

/// Reads and decodes a bytecode module, or the one in a compiled file.
///
/// # Errors
/// Where it cannot be read or is malformed.
pub(crate) fn decode(path: &Path) -> Result<(Module, Bytes)> {
    let mut bytes = read(path)?;
    let inner = dotvm::bytecode(&bytes).map_err(|error| Failure::at(path, error))?;
    if let Some(inner) = inner {
        bytes = inner.to_vec();
    }
    let bytes = Bytes::new(bytes);
    match dotvm_isa::decode(&bytes) {
        Ok(module) => Ok((module, bytes)),
        Err(error) => {
            let is_component = bytes.as_slice().get(4..8) == Some(&COMPONENT_VERSION);
            let hint = match Kind::of_content(bytes.as_slice(), path) {
                Some(Kind::Wasm) if is_component => {
                    "\nit is a WebAssembly component; bytecode is made of core modules"
                }
                Some(Kind::Wasm) => "\nit is WebAssembly; `dotvm transpile` makes bytecode of it",
                Some(Kind::Rust) => "\nit is Rust; `dotvm transpile` makes bytecode of it",
                Some(Kind::Vitte | Kind::Vitbc) => {
                    "\nit is a program in Vitte; `dotvm run` and `dotvm compile` take it"
                }
                Some(Kind::Assembler) => "\nit is assembler text; `dotvm asm` makes bytecode of it",
                _ => "",
            };
            Err(Failure::at(path, format_args!("{error}{hint}")))
        }
    }
}

/// Where output goes if nothing is said: the input's name with another ending, in the current folder.
///
/// # Errors
/// Where the input has no name, such as `..`.
pub(crate) fn default_output(input: &Path, ending: &str) -> Result<PathBuf> {
    let named = match input.file_name() {
        Some(_) => input.to_owned(),
        None => std::fs::canonicalize(input).map_err(|error| Failure::at(input, error))?,
    };
    let stem = if named.is_dir() {
        named.file_name()
    } else {
        named.file_stem()
    };
    let Some(stem) = stem else {
        return Err(Failure::at(
            input,
            "has no name to derive the output's from; say -o FILE",
        ));
    };
    let mut name = stem.to_owned();
    name.push(".");
    name.push(ending);
    Ok(PathBuf::from(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_goes_before_names() {
        let kind = |start: &str, name: &str| Kind::of_content(start.as_bytes(), Path::new(name));
        assert_eq!(kind("DOTV\x01\x00", "program.wasm"), Some(Kind::Bytecode));
        assert_eq!(kind("\0asm\x01", "program.dotvm"), Some(Kind::Wasm));
        assert_eq!(kind("fn main() {}", "program.rs"), Some(Kind::Rust));
        assert_eq!(kind("(module)", "program.wat"), Some(Kind::Wasm));
        assert_eq!(kind("(module)", "program"), None);
        assert_eq!(kind("DO", "program.dotvm"), Some(Kind::Bytecode));
        assert_eq!(kind("DO", "program"), None);
        assert_eq!(kind("DOTC....", "program.dotvm"), Some(Kind::Compiled));
        assert_eq!(kind("DO", "program.dotc"), Some(Kind::Compiled));
        assert_eq!(kind("", "program.dasm"), Some(Kind::Assembler));
        assert_eq!(kind("VITBC\0", "program"), Some(Kind::Vitbc));
        assert_eq!(kind("prin", "program.vit"), Some(Kind::Vitte));
        assert_eq!(kind("#!/bin/sh", "program.sh"), None);
        assert_eq!(kind("[pac", "a/Cargo.toml"), Some(Kind::CargoProject));
    }

    #[test]
    fn output_names() {
        let name =
            |input: &str| default_output(Path::new(input), "dotvm").map(PathBuf::into_os_string);
        assert_eq!(name("a/b.rs").unwrap(), "b.dotvm");
        assert_eq!(name("b").unwrap(), "b.dotvm");
        assert_eq!(name("b.tar.wasm").unwrap(), "b.tar.dotvm");
        assert_eq!(name(".").unwrap(), "cli.dotvm");
        assert_eq!(name("../cli/").unwrap(), "cli.dotvm");
        assert_eq!(name("src").unwrap(), "src.dotvm");
        assert!(name("/").is_err());
        assert!(name("/does/not/exist/..").is_err());
    }
}
