//! What the machine has when a program has ended, as text.

use std::fmt::Write;

use dotvm::Error;

use crate::host::float_text;
use crate::run::Outcome;
use crate::syntax::quote;
use crate::vitbc::module::{Const, Module};
use crate::vitbc::{FLAG_ZSTD, text};

/// Header, constants, functions with their registers, stack and heap; `bytes` is the program's file.
pub(crate) fn dump(module: &Module, bytes: &[u8], outcome: &Outcome) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_all(&mut out, module, bytes, outcome);
    out
}

fn write_all(
    out: &mut String,
    module: &Module,
    bytes: &[u8],
    outcome: &Outcome,
) -> std::fmt::Result {
    let flags = bytes.get(10).copied().unwrap_or(0);
    let packed = match u32::from(flags) & FLAG_ZSTD {
        0 => "",
        _ => ", packed",
    };
    writeln!(out, "header")?;
    writeln!(out, "  VITBC version 3{packed}, {} bytes", bytes.len())?;
    writeln!(out, "constants")?;
    for (i, value) in module.consts.iter().enumerate() {
        let value = match value {
            Const::Int(value) => value.to_string(),
            Const::Float(value) => float_text(*value),
            Const::Str(text) => quote(text),
        };
        writeln!(out, "  {i}: {value}")?;
    }
    writeln!(out, "functions")?;
    for (i, function) in module.functions.iter().enumerate() {
        let mark = if i == module.main as usize {
            ", first"
        } else {
            ""
        };
        let name = function.name.escape_debug();
        writeln!(
            out,
            "  {i}: {name}, {} instructions{mark}",
            function.code.len()
        )?;
    }
    writeln!(out, "registers")?;
    for function in &module.functions {
        let types = function.registers.iter().enumerate();
        let types = types.map(|(i, ty)| format!("r{i}: {}", text::show_type(module, *ty)));
        let types = types.collect::<Vec<_>>().join(", ");
        writeln!(out, "  {}: {types}", function.name.escape_debug())?;
    }
    writeln!(out, "stack")?;
    let trap = match &outcome.result {
        Err(Error::Trap(trap)) => Some(trap),
        _ => None,
    };
    let frames: Vec<_> = trap
        .iter()
        .flat_map(|trap| trap.backtrace().frames())
        .collect();
    if frames.is_empty() {
        writeln!(out, "  empty")?;
    }
    for frame in frames {
        let name = frame.func_name().unwrap_or("?");
        writeln!(out, "  {}", name.escape_debug())?;
    }
    let heap = &outcome.heap;
    writeln!(out, "heap")?;
    writeln!(
        out,
        "  {} bytes of objects made, {} in use, {} of memory",
        heap.allocated_bytes, heap.used_bytes, heap.heap_bytes
    )?;
    writeln!(
        out,
        "  {} collections, {} of them of everything",
        heap.young_collections + heap.full_collections,
        heap.full_collections
    )
}
