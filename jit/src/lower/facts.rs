//! What is known of values from one basic block to the next: the types of the managed objects that they refer to.
//!
//! Values never change, so what was found out about one holds wherever all paths lead through the place where that was:
//! a block knows what all blocks know that jump to it. What jumps back to a loop comes from its header, provided that nothing
//! else leads into the loop. A local that the loop does not write to has in it the value that it has before, and is told so
//! ahead of the jumps back: otherwise each turn would look at what seems to be a new value.

use std::collections::btree_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};

use cranelift_codegen::ir::Value;
use dotvm_isa::{Op, ValType};

use super::Lowerer;
use crate::analysis::Analysis;

/// The most values of which something is known in one place.
const MAX_KNOWN: usize = 64;

/// The most instructions of a loop whose locals are looked at: loops in loops would be looked at again and again.
const MAX_LOOP_INSTRS: usize = 1 << 10;

/// The most locals that are looked at in a loop.
const MAX_LOCALS: usize = 64;

/// The types of managed objects that values are known to refer to.
pub(super) type Known = HashMap<Value, u32>;

/// What all blocks know that jump to a block, as far as they have been lowered.
#[derive(Debug, Default)]
pub(super) struct Facts {
    known: Known,
    /// Values of locals that a loop leaves alone, where all who enter it have the same.
    locals: Vec<(usize, Value)>,
}

impl Facts {
    /// What both know.
    fn meet(&mut self, other: &Facts) {
        self.known
            .retain(|value, object| other.known.get(value) == Some(object));
        self.locals.retain(|local| other.locals.contains(local));
    }
}

impl Lowerer<'_, '_> {
    /// The type of objects that a value is known to refer to.
    pub(super) fn known_type(&self, reference: Value) -> Option<u32> {
        let reference = self.b.func.dfg.resolve_aliases(reference);
        self.known.get(&reference).copied()
    }

    /// Notes that a value refers to an object of that type from here on.
    pub(super) fn learn(&mut self, reference: Value, object: u32) {
        if self.known.len() == MAX_KNOWN {
            self.known.clear();
        }
        let reference = self.b.func.dfg.resolve_aliases(reference);
        self.known.insert(reference, object);
    }

    /// Notes that the block being lowered leads to another one.
    pub(super) fn note_edge(&mut self, world: u8, to: u32) {
        if let Some(None) = self.body.facts.get(&(world, to)) {
            // Back to a loop, which has been begun.
            return;
        }
        let facts = self.facts_for(to);
        match self.body.facts.entry((world, to)) {
            Entry::Vacant(entry) => drop(entry.insert(Some(facts))),
            Entry::Occupied(mut entry) => {
                if let Some(known) = entry.get_mut() {
                    known.meet(&facts);
                }
            }
        }
    }

    /// Notes that a block will be led to by what is not known yet.
    pub(super) fn note_unknown_edge(&mut self, world: u8, to: u32) {
        self.body.facts.insert((world, to), Some(Facts::default()));
    }

    /// Starts a block with what is known there.
    pub(super) fn begin_known(&mut self, world: u8, offset: u32) {
        let facts = self.body.facts.insert((world, offset), None);
        let Facts { known, locals } = facts.flatten().unwrap_or_default();
        self.known = known;
        for (local, value) in locals {
            let variable = self.body.locals[local][0];
            self.b.def_var(variable, value);
        }
    }

    /// What is known here, for a block.
    fn facts_for(&mut self, to: u32) -> Facts {
        let Some(&end) = self.body.analysis.loops.get(&to) else {
            return Facts {
                known: self.known.clone(),
                locals: Vec::new(),
            };
        };
        let kept = match self.body.kept_locals.get(&to) {
            Some(kept) => kept.clone(),
            None => {
                let kept = kept_locals(&self.body.analysis, to, end);
                self.body.kept_locals.insert(to, kept.clone());
                kept
            }
        };
        let Some(kept) = kept else {
            return Facts::default();
        };
        let mut locals = Vec::with_capacity(kept.len());
        for local in kept {
            let value = self.b.use_var(self.body.locals[local][0]);
            if self.known_type(value).is_some() {
                locals.push((local, self.b.func.dfg.resolve_aliases(value)));
            }
        }
        Facts {
            known: self.known.clone(),
            locals,
        }
    }
}

/// The locals with references to managed objects that a loop reads and does not write to; nothing where it can be entered beside
/// its header, or is too large to look at.
fn kept_locals(analysis: &Analysis, header: u32, end: u32) -> Option<Vec<usize>> {
    let first = analysis.index(header)?;
    let last = analysis.index(end)?;
    if last - first > MAX_LOOP_INSTRS || !analysis.regions.is_empty() {
        return None;
    }
    if analysis.enters_beside(header, end) {
        return None;
    }
    let (mut read, mut written) = (BTreeSet::new(), HashSet::new());
    for instr in &analysis.instrs[first..=last] {
        let local = instr.a as usize;
        match instr.op {
            Op::LocalGet if analysis.locals[local] == ValType::AnyRef => drop(read.insert(local)),
            Op::LocalSet | Op::LocalTee => drop(written.insert(local)),
            _ => {}
        }
    }
    let kept = read.into_iter().filter(|local| !written.contains(local));
    Some(kept.take(MAX_LOCALS).collect())
}
