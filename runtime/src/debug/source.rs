//! What debug information says about functions, kept once it was decoded.

use std::collections::HashMap;
use std::sync::Arc;

use dotvm_isa::debug::{Func, Location, Row};

use crate::backtrace::SourceLocation;
use crate::module::Module;

/// What is known about functions of a module that were asked about.
type Funcs = HashMap<u32, Option<Arc<Func>>>;

/// Lines and scopes of functions that were asked about.
#[derive(Default)]
pub(super) struct Sources {
    known: Vec<(Module, Funcs)>,
}

impl Sources {
    /// What is known about a function; nothing where there is no debug information, or none that makes sense.
    pub(super) fn func(&mut self, module: &Module, func: u32) -> Option<Arc<Func>> {
        let at = self
            .known
            .iter()
            .position(|(known, _)| Module::same(known, module));
        let at = at.unwrap_or_else(|| {
            self.known.push((module.clone(), HashMap::new()));
            self.known.len() - 1
        });
        let found = self.known[at].1.entry(func).or_insert_with(|| {
            let found = module.names().source.func(func).ok().flatten();
            found.map(|source| Arc::new(source.func))
        });
        found.clone()
    }
}

/// The stretch of code that an instruction belongs to.
pub(super) fn row_at(func: &Func, offset: u32) -> Option<&Row> {
    let after = func.rows.partition_point(|row| row.offset <= offset);
    after.checked_sub(1).map(|at| &func.rows[at])
}

/// The statement that begins at an instruction, where its line is known.
pub(super) fn statement_at(func: &Func, offset: u32) -> Option<&Row> {
    let row = row_at(func, offset)?;
    let has_line = row.location.is_some_and(|location| location.line > 0);
    (row.offset == offset && row.is_stmt && has_line).then_some(row)
}

/// How many functions of the source are within each other in a scope, 1 for the function itself.
pub(super) fn depth(func: &Func, mut scope: u32) -> u32 {
    let mut depth = 1;
    // Callers stand before those they call.
    while scope != 0
        && let Some(of) = func.scopes.get(scope as usize)
    {
        scope = of.caller;
        depth += 1;
    }
    depth
}

/// A place with its file's name.
pub(super) fn location(module: &Module, at: Location) -> Option<SourceLocation> {
    Some(SourceLocation {
        file: module.names().source.file(at.file).ok()?,
        line: at.line,
        column: at.column,
    })
}
