//! Why something could not be transpiled.

use std::fmt;
use std::path::PathBuf;

use dotvm_isa::Arch;

/// Why something could not be transpiled.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are no valid WebAssembly module.
    Invalid {
        /// Byte of the file at which the fault was found.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// The module is valid, but uses what the machine does not have.
    Unsupported {
        /// Name of the feature, as the WebAssembly proposals are called.
        feature: String,
        /// Byte of the file at which it is used first.
        offset: u64,
    },
    /// The module is valid, but uses what the architecture that was asked for does not have.
    Architecture {
        /// Name of the feature, as the WebAssembly proposals are called.
        feature: String,
        /// Byte of the file at which it is used first.
        offset: u64,
        /// The first architecture that has it.
        needs: Arch,
    },
    /// A function that is imported as an instruction, and is none or is not used like one.
    Import {
        /// Module and name of the import.
        name: String,
        /// Byte of the file at which it is imported.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// The file is a component of the component model, which core modules are packed in.
    Component,
    /// A function is larger than the machine allows.
    Limit {
        /// Index of the function, imports included.
        func: u32,
        /// Byte of the file at which its body starts.
        offset: u64,
        /// Which limit, and how far the function is over it.
        reason: String,
    },
    /// WebAssembly text with a mistake; the message shows the place.
    Text(String),
    /// A file that cannot be read or written.
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// The path is nothing that can be transpiled.
    Input {
        /// Which path.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// There is no Rust toolchain that compiles to WebAssembly; the message says how to get one.
    NoToolchain(String),
    /// The Rust compiler or Cargo failed, with what it printed.
    Compiler {
        /// The command that failed.
        command: String,
        /// What it printed.
        output: String,
    },
    /// Whoever asked for it has changed their mind while a compiler was running.
    Cancelled,
}

impl Error {
    /// Whether the input is at fault, rather than the machine it is transpiled on.
    pub fn is_in_module(&self) -> bool {
        matches!(
            self,
            Error::Invalid { .. }
                | Error::Unsupported { .. }
                | Error::Architecture { .. }
                | Error::Import { .. }
                | Error::Component
                | Error::Limit { .. }
                | Error::Text(_)
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Invalid { offset, reason } => {
                write!(f, "invalid WebAssembly, offset {offset:#x}: {reason}")
            }
            Error::Unsupported { feature, offset } => {
                write!(
                    f,
                    "offset {offset:#x}: unsupported WebAssembly feature: {feature}"
                )
            }
            Error::Architecture {
                feature,
                offset,
                needs,
            } => {
                write!(
                    f,
                    "offset {offset:#x}: {feature} needs the architecture {needs} or a wider one"
                )
            }
            Error::Import {
                name,
                offset,
                reason,
            } => write!(f, "offset {offset:#x}: import {name}: {reason}"),
            Error::Component => f.write_str(
                "offset 0x4: a WebAssembly component, not a core module, which is what can be run here\n\
                 compile it as a core module: for Rust, with --target wasm32-wasip1; for C, with \
                 --target=wasm32-wasip1\n\
                 the core modules in a component are taken out of it by \
                 `wasm-tools component unbundle --module-dir FOLDER FILE`; those made for later \
                 versions of WASI than preview 1 import what is not there",
            ),
            Error::Limit {
                func,
                offset,
                reason,
            } => write!(f, "function {func}, offset {offset:#x}: {reason}"),
            Error::Text(message) => f.write_str(message),
            Error::File { path, error } => write!(f, "{}: {error}", path.display()),
            Error::Input { path, reason } => write!(f, "{}: {reason}", path.display()),
            Error::NoToolchain(message) => f.write_str(message),
            Error::Compiler { command, output } => {
                write!(f, "{}\n{command} failed", output.trim_end())
            }
            Error::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::File { error, .. } => Some(error),
            _ => None,
        }
    }
}
