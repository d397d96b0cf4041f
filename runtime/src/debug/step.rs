//! Steps: when the next one is done.

use dotvm_isa::debug::Location;

use super::source::{Sources, depth, row_at, statement_at};
use crate::module::Module;

/// How far a program goes until it stops again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Into calls.
    In(StepUnit),
    /// Over calls, those of inlined functions as well.
    Over(StepUnit),
    /// Until the function has returned, which may be an inlined one.
    Out,
}

/// What a step counts in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StepUnit {
    /// Instructions of the bytecode.
    Instruction,
    /// Lines of the source; instructions, in a function of which no lines are known.
    Line,
}

/// A step that is not done.
pub(super) struct Stepping {
    step: Step,
    /// The frame's base, its function, and the instruction that the step began with.
    base: usize,
    func: u32,
    offset: u32,
    /// The line it began in, and the scope of that.
    line: Option<Location>,
    scope: u32,
    /// How many functions of the source the frame was in.
    depth: u32,
}

/// A frame's base, its function, and the instruction in it.
type Here = (usize, u32, u32);

impl Stepping {
    /// A step that begins here.
    pub(super) fn new(
        mut step: Step,
        sources: &mut Sources,
        module: &Module,
        (base, func, offset): Here,
    ) -> Stepping {
        let source = sources.func(module, func);
        let row = source.as_ref().and_then(|source| row_at(source, offset));
        if source.is_none() {
            match &mut step {
                Step::In(unit) | Step::Over(unit) => *unit = StepUnit::Instruction,
                Step::Out => {}
            }
        }
        let scope = row.map_or(0, |row| row.scope);
        Stepping {
            step,
            base,
            func,
            offset,
            line: row.and_then(|row| row.location),
            scope,
            depth: source.as_ref().map_or(1, |source| depth(source, scope)),
        }
    }

    /// Whether it cannot be done in a frame with that base.
    pub(super) fn ignores(&self, base: usize) -> bool {
        base > self.base && !matches!(self.step, Step::In(_))
    }

    /// Whether it is done here.
    pub(super) fn is_done(&mut self, sources: &mut Sources, module: &Module, here: Here) -> bool {
        let (base, func, offset) = here;
        if self.ignores(base) {
            return false;
        }
        let unit = match self.step {
            Step::In(unit) | Step::Over(unit) => unit,
            Step::Out => return self.is_out(sources, module, here),
        };
        if unit == StepUnit::Instruction {
            return true;
        }
        if base < self.base {
            // It has returned: the caller's next line is where it ends.
            (self.base, self.func, self.offset) = (base, func, offset);
            (self.line, self.scope, self.depth) = (None, 0, u32::MAX);
        }
        let Some(source) = sources.func(module, func) else {
            return false;
        };
        let Some(row) = statement_at(&source, offset) else {
            return false;
        };
        if base > self.base || func != self.func {
            return true;
        }
        let is_inner = depth(&source, row.scope) > self.depth;
        if is_inner && !matches!(self.step, Step::In(_)) {
            return false;
        }
        let line = |at: Option<Location>| at.map(|at| (at.file, at.line));
        // Back at where it began, or before, the line is executed once more.
        line(row.location) != line(self.line) || row.scope != self.scope || offset <= self.offset
    }

    fn is_out(&self, sources: &mut Sources, module: &Module, here: Here) -> bool {
        let (base, func, offset) = here;
        if base < self.base {
            return true;
        }
        if func != self.func || self.depth == 1 {
            return false;
        }
        let source = sources.func(module, func);
        source.is_some_and(|source| {
            let row = row_at(&source, offset);
            row.is_some_and(|row| depth(&source, row.scope) < self.depth)
        })
    }
}
