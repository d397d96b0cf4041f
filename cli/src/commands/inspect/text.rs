//! The facts about a module as text.

use std::fmt::Write as _;

use dotvm_isa::Limits;

use super::facts::{Facts, FuncRef, Segment, limits};
use crate::units::show_size;

/// Functions that are listed: the largest ones. The JSON has all.
const FUNCTIONS_SHOWN: usize = 20;

/// Renders the facts.
pub(super) fn text(facts: &Facts) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut out, facts);
    out
}

fn write(out: &mut String, facts: &Facts) -> std::fmt::Result {
    writeln!(out, "{}: DotVM module", facts.file)?;
    let compressed = if facts.compressed { ", compressed" } else { "" };
    let (version, arch, bytes) = (facts.format_version, facts.arch, facts.file_bytes);
    writeln!(out, "format {version}, {arch}, {bytes} bytes{compressed}")?;
    if let Some(name) = &facts.name {
        writeln!(out, "name: {name:?}")?;
    }
    writeln!(out, "entry: {}", func(facts.entry.as_ref()))?;
    if facts.start.is_some() {
        writeln!(out, "start: {}", func(facts.start.as_ref()))?;
    }
    writeln!(out, "\nsections:")?;
    for s in &facts.sections {
        write!(
            out,
            "  {:<6} at {:#x}: {} bytes",
            s.name, s.offset, s.stored_bytes
        )?;
        if facts.compressed {
            write!(out, " ({} unpacked)", s.raw_bytes)?;
        }
        writeln!(out, ", crc32 {}", s.crc32)?;
    }
    declarations(out, facts)?;
    functions(out, facts)?;
    debug(out, facts)
}

fn declarations(out: &mut String, facts: &Facts) -> std::fmt::Result {
    title(out, "types", facts.types.len())?;
    for (i, ty) in facts.types.iter().enumerate() {
        writeln!(out, "  {i}: {ty}")?;
    }
    title(out, "imports", facts.imports.len())?;
    for import in &facts.imports {
        let (module, name) = (import.module.escape_debug(), import.name.escape_debug());
        writeln!(
            out,
            "  {} {}: {module}.{name} {}",
            import.kind, import.index, import.ty
        )?;
    }
    title(out, "exports", facts.exports.len())?;
    for export in &facts.exports {
        writeln!(
            out,
            "  {:?}: {} {} {}",
            export.name, export.kind, export.index, export.ty
        )?;
    }
    title(out, "memories", facts.memories.len())?;
    for (i, memory) in facts.memories.iter().enumerate() {
        let size = limits(
            Limits {
                min: memory.min_pages,
                max: memory.max_pages,
            },
            "pages",
        );
        writeln!(out, "  {i}: {size} of 64 KiB{}", imported(memory.imported))?;
    }
    title(out, "tables", facts.tables.len())?;
    for (i, table) in facts.tables.iter().enumerate() {
        let size = limits(
            Limits {
                min: table.min,
                max: table.max,
            },
            "elements",
        );
        writeln!(
            out,
            "  {i}: {size} of {}{}",
            table.element,
            imported(table.imported)
        )?;
    }
    title(out, "globals", facts.globals.len())?;
    for (i, global) in facts.globals.iter().enumerate() {
        let mutable = if global.mutable { "mut " } else { "" };
        writeln!(
            out,
            "  {i}: {mutable}{}{}",
            global.ty,
            imported(global.imported)
        )?;
    }
    segments(out, "element segments", "elements", &facts.elements)?;
    segments(out, "data segments", "bytes", &facts.data)
}

fn functions(out: &mut String, facts: &Facts) -> std::fmt::Result {
    let (count, bytes) = (facts.functions.len(), show_size(facts.code_bytes));
    writeln!(
        out,
        "\nfunctions: {count}, {} bytes of code ({bytes})",
        facts.code_bytes
    )?;
    let mut by_size: Vec<_> = facts.functions.iter().collect();
    by_size.sort_by_key(|function| (std::cmp::Reverse(function.bytes), function.index));
    for function in by_size.iter().take(FUNCTIONS_SHOWN) {
        let name = function.name.as_deref().map(readable).unwrap_or_default();
        let line = format!(
            "  {}: {} bytes {} {name}",
            function.index, function.bytes, function.ty
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    match count.checked_sub(FUNCTIONS_SHOWN) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(out, "  and {more} smaller ones"),
    }
}

fn debug(out: &mut String, facts: &Facts) -> std::fmt::Result {
    let Some(debug) = &facts.debug else {
        return Ok(());
    };
    writeln!(
        out,
        "\ndebug information: {} functions described",
        debug.functions
    )?;
    writeln!(
        out,
        "  source: {} functions, {} types of variables, {} files",
        debug.subprograms, debug.types, debug.source_files
    )?;
    let total: usize = debug.table_bytes.values().sum();
    write!(out, "  tables: {total} bytes")?;
    for (table, bytes) in &debug.table_bytes {
        write!(out, ", {bytes} {table}")?;
    }
    writeln!(out)
}

fn segments(out: &mut String, name: &str, unit: &str, segments: &[Segment]) -> std::fmt::Result {
    if segments.is_empty() {
        return Ok(());
    }
    let total: u64 = segments.iter().map(|segment| segment.len).sum();
    let count = |mode: &str| {
        segments
            .iter()
            .filter(|segment| segment.mode == mode)
            .count()
    };
    write!(out, "\n{name}: {}, {total} {unit}", segments.len())?;
    for mode in ["active", "passive", "declared"] {
        match count(mode) {
            0 => {}
            n => write!(out, ", {n} {mode}")?,
        }
    }
    writeln!(out)
}

/// Starts a list; one that is empty is not mentioned.
fn title(out: &mut String, name: &str, count: usize) -> std::fmt::Result {
    if count == 0 {
        Ok(())
    } else {
        writeln!(out, "\n{name}: {count}")
    }
}

fn imported(imported: bool) -> &'static str {
    if imported { ", imported" } else { "" }
}

fn func(func: Option<&FuncRef>) -> String {
    match func {
        None => "none".to_owned(),
        Some(FuncRef { index, name: None }) => format!("function {index}"),
        Some(FuncRef {
            index,
            name: Some(name),
        }) => {
            format!("function {index} {}", readable(name))
        }
    }
}

/// A function's name as in its source, where it is Rust's.
fn readable(name: &str) -> String {
    let name = format!("{:#}", rustc_demangle::demangle(name));
    name.escape_debug().to_string()
}
