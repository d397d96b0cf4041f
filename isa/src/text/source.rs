//! Comments in listings that say where the code comes from.

use std::fmt::Write as _;

use super::disassemble::SourceLines;
use crate::debug::{Func, SubprogramName};
use crate::error::Malformed;
use crate::module::Names;

/// The longest part of a source line that is printed.
const MAX_LINE_CHARS: usize = 160;

/// Prints the source beside the code.
pub(super) struct SourceComments<'s> {
    names: &'s Names,
    lines: &'s mut SourceLines<'s>,
    /// What is known about the function that is printed.
    func: Option<Func>,
    /// The next row of it.
    next: usize,
    /// Scope, file and line that the last comment was about.
    last: Option<(u32, u32, u32)>,
}

impl<'s> SourceComments<'s> {
    /// Comments with lines that `lines` gives.
    pub(super) fn new(names: &'s Names, lines: &'s mut SourceLines<'s>) -> SourceComments<'s> {
        SourceComments {
            names,
            lines,
            func: None,
            next: 0,
            last: None,
        }
    }

    /// Begins a function.
    pub(super) fn start(&mut self, func: u32) -> Result<(), Malformed> {
        self.func = self.names.source.func(func)?.map(|source| source.func);
        (self.next, self.last) = (0, None);
        Ok(())
    }

    /// Prints a comment before the instruction at `offset`, where it comes from another line than the
    /// one before.
    pub(super) fn print(&mut self, out: &mut String, offset: u32) -> Result<(), Malformed> {
        let Some(func) = &self.func else {
            return Ok(());
        };
        let rest = &func.rows[self.next.min(func.rows.len())..];
        let passed = rest.iter().take_while(|row| row.offset <= offset).count();
        let Some(row) = passed.checked_sub(1).map(|i| rest[i]) else {
            return Ok(());
        };
        self.next += passed;
        let place = row.location.map(|at| (row.scope, at.file, at.line));
        if self.last == place {
            return Ok(());
        }
        self.last = place;
        let Some((scope, file, line)) = place else {
            return Ok(());
        };
        let tables = &self.names.source;
        let path = tables.file(file)?;
        write!(out, "    ; {}:{line}", printable(&path)).expect("writing to a string");
        if scope > 0 {
            let subprogram = func.scopes[scope as usize].subprogram;
            match tables.subprogram(subprogram)?.name {
                SubprogramName::Text(name) => write!(out, ", inlined {}", printable(&name)),
                SubprogramName::Func(func) => match self.names.func(func) {
                    Some(name) => write!(out, ", inlined {}", printable(name)),
                    None => write!(out, ", inlined function {func}"),
                },
            }
            .expect("writing to a string");
        }
        if let Some(text) = (self.lines)(&path, line) {
            out.push_str(" | ");
            out.push_str(printable(&text).trim());
        }
        out.push('\n');
        Ok(())
    }
}

/// Text for a comment: on one line, and not endless.
fn printable(text: &str) -> String {
    let chars = text.chars().take(MAX_LINE_CHARS);
    chars
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
