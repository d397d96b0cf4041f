//! Changes of a function's code that are collected while a pass looks at it, and the locals they need.

use std::collections::{BTreeMap, HashMap};

use dotvm_isa::ValType;

use crate::ir::{Code, Func, Inst, Pos};

/// Changes of a function's code, by the indices of its instructions.
#[derive(Debug, Default)]
pub(super) struct Edits {
    /// What the function starts with.
    start: Vec<Inst>,
    before: BTreeMap<usize, Vec<Inst>>,
    pub(super) replaced: BTreeMap<usize, Inst>,
    after: BTreeMap<usize, Vec<Inst>>,
    /// How often the pass found what it looks for.
    pub(super) count: usize,
    /// Slots that inserted code takes on the operand stack.
    pub(super) slots: u32,
}

impl Edits {
    /// Inserts instructions in front of one, behind those that are there already.
    pub(super) fn insert_before(&mut self, at: usize, insts: &[Inst]) {
        self.before.entry(at).or_default().extend(insts);
    }

    /// Inserts instructions behind one, in front of those that are there already.
    pub(super) fn insert_after(&mut self, at: usize, insts: &[Inst]) {
        self.after
            .entry(at)
            .or_default()
            .splice(0..0, insts.iter().copied());
    }

    /// Inserts instructions behind one and whatever is there already.
    pub(super) fn append_after(&mut self, at: usize, insts: &[Inst]) {
        self.after.entry(at).or_default().extend(insts);
    }

    /// Puts a word at the function's start.
    pub(super) fn insert_at_start(&mut self, insts: &[Inst], ty: ValType) {
        self.start.extend(insts);
        self.slots = self.slots.max(ty.slots());
    }

    /// Makes the changes.
    pub(super) fn apply(&self, func: &mut Func) {
        let mut code = Code::with_capacity(func.insts.len());
        code.extend(&self.start, Pos::default());
        for (i, (inst, pos)) in func.insts.located().enumerate() {
            let inserted = |edits: &BTreeMap<usize, Vec<Inst>>| edits.get(&i).cloned();
            code.extend(&inserted(&self.before).unwrap_or_default(), pos);
            code.push(self.replaced.get(&i).copied().unwrap_or(inst), pos);
            code.extend(&inserted(&self.after).unwrap_or_default(), pos);
        }
        func.insts = code;
        func.max_stack += self.slots;
    }
}

/// Locals for values within one block. They are used for the next block again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    free: HashMap<ValType, Vec<u32>>,
    taken: Vec<(ValType, u32)>,
}

impl Scratch {
    /// A local that nobody has taken in this block.
    pub(super) fn take(&mut self, func: &mut Func, ty: ValType) -> u32 {
        let free = self.free.entry(ty).or_default().pop();
        let local = free.unwrap_or_else(|| {
            func.locals.push(ty);
            func.locals.len() as u32 - 1
        });
        self.taken.push((ty, local));
        local
    }

    /// Lets the next block have all locals.
    pub(super) fn release_all(&mut self) {
        for (ty, local) in self.taken.drain(..) {
            self.free.entry(ty).or_default().push(local);
        }
    }
}
