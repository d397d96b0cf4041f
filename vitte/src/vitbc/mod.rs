//! VITBC, the register bytecode of Vitte: files, text, verification. `docs/vitbc.md` describes it.
//!
//! [`ops`] is the one table of instructions. [`encode()`] and [`decode()`] go between files and
//! [`module::Module`], [`text`] between modules and text, and [`verify()`] says whether a module makes
//! sense. Nothing here trusts a file: sizes are bounded before memory is taken, and what is refused is
//! refused with the place and the reason.

mod binary;
pub mod fuzzing;
pub mod module;
pub mod ops;
pub mod text;
pub mod v2;
mod verify;

pub use binary::{END, FLAG_ZSTD, MAGIC, Refused, SECTIONS, VERSION, decode, encode};
pub use verify::{Fault, verify};

use std::fmt::Write;

use module::Module;

/// The version that a file says it has, if it is long enough to.
pub fn version(bytes: &[u8]) -> Option<u32> {
    let rest = bytes.strip_prefix(MAGIC)?;
    Some(u32::from_le_bytes(rest.first_chunk().copied()?))
}

/// A summary of a module for people.
pub fn inspect(module: &Module) -> String {
    let mut out = String::new();
    let code = module.functions.iter().map(|function| function.code.len());
    let rows = [
        ("constants", module.consts.len()),
        ("types", module.types.len()),
        ("functions", module.functions.len()),
        ("instructions", code.sum()),
        ("variables", module.globals.len()),
        ("imports", module.imports.len()),
        ("source files", module.files.len()),
    ];
    // Writing to a string does not fail.
    for (what, count) in rows {
        let _ = writeln!(out, "{what:<13} {count}");
    }
    for function in &module.functions {
        let _ = writeln!(
            out,
            "  {} ({} parameters, {} registers, {} instructions)",
            function.name.escape_debug(),
            function.params.len(),
            function.registers.len(),
            function.code.len()
        );
    }
    for import in &module.imports {
        let _ = writeln!(out, "  import {}", import.name.escape_debug());
    }
    out
}
