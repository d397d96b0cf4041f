//! The Vitte language: small, statically typed, with inference.
//!
//! A program goes through [`modules`] (finding and reading), [`syntax`] (tokens and trees) and the
//! checker, which resolves names and types and gives the checked program ([`hir`]). What is wrong is
//! collected on the way, all of it, and shown by [`diagnostics`]. [`format`](mod@format) lays sources
//! out. The language is described in `docs/vitte.md`. [`vitbc`] is its bytecode, described in `docs/vitbc.md`;
//! [`run`] compiles programs to it, makes modules of the machine of it, and runs these with the functions that
//! [`host`] has.
//!
//! Sources may be hostile: sizes, nesting, numbers of errors and the work that inference does are
//! bounded.

mod check;
pub mod cli;
mod codegen;
pub mod diagnostics;
mod dump;
mod ffi;
pub mod format;
pub mod hir;
pub mod host;
mod lower;
mod lsp;
pub mod modules;
pub mod natives;
pub mod run;
pub mod session;
pub mod source;
pub mod syntax;
pub mod types;
pub mod vitbc;
pub mod wasm;

use std::io;
use std::path::Path;

use diagnostics::Diagnostics;
use hir::Program;
use modules::Loader;
use source::Sources;

/// The stack of the threads that recurse over trees; pages that are not used cost nothing. Trees have
/// at most 1000 levels, and a level takes a few KiB in builds without optimization.
const STACK_LEN: usize = 256 << 20;

/// A program that was read and checked.
#[derive(Debug)]
pub struct Checked {
    /// The sources of all modules.
    pub sources: Sources,
    /// What is wrong with them.
    pub errors: Diagnostics,
    /// What they mean; only of use without errors.
    pub program: Program,
}

/// Does something that recurses over trees.
pub(crate) fn with_stack<T: Send>(f: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().stack_size(STACK_LEN);
        match builder.spawn_scoped(scope, f)?.join() {
            Ok(result) => Ok(result),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Reads and checks a program: a file, and the modules that it imports.
///
/// # Errors
/// If the file cannot be read, or no thread can be started. What is wrong with the program is in
/// [`Checked::errors`].
pub fn check(path: &Path, loader: &mut (dyn Loader + Send)) -> io::Result<Checked> {
    with_stack(|| {
        let mut sources = Sources::default();
        let mut errors = Diagnostics::default();
        let modules = modules::load(path, loader, &mut sources, &mut errors)?;
        let program = check::check(&modules, &mut errors);
        Ok(Checked {
            sources,
            errors,
            program,
        })
    })?
}
