//! A function's instructions, each with the place in the WebAssembly that it comes from.

use std::ops::{Deref, DerefMut, Range};

use super::Inst;

/// Where an instruction comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(crate) struct Pos {
    /// Offset in WebAssembly's code section, which is how DWARF addresses code.
    pub(crate) at: u32,
    /// The call it was inlined for.
    pub(crate) site: Option<SiteId>,
}

/// A call that was replaced by the callee's body: an index of [`Func::sites`](super::Func::sites).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct SiteId(pub(crate) u32);

/// A call that was replaced by the callee's body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Site {
    /// Index of the function that was called, imports first.
    pub(crate) callee: u32,
    /// Where the call was.
    pub(crate) call: Pos,
}

/// Instructions with their positions. It is a slice of instructions to whoever only reads them or
/// changes one in place; adding or removing some keeps the positions beside them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Code {
    insts: Vec<Inst>,
    positions: Vec<Pos>,
}

impl Code {
    /// Empty code with room for that many instructions.
    pub(crate) fn with_capacity(count: usize) -> Code {
        Code {
            insts: Vec::with_capacity(count),
            positions: Vec::with_capacity(count),
        }
    }

    /// Where each instruction comes from.
    pub(crate) fn positions(&self) -> &[Pos] {
        &self.positions
    }

    /// Each instruction and where it comes from.
    pub(crate) fn located(&self) -> impl DoubleEndedIterator<Item = (Inst, Pos)> + '_ {
        self.insts
            .iter()
            .copied()
            .zip(self.positions.iter().copied())
    }

    /// Appends an instruction.
    pub(crate) fn push(&mut self, inst: Inst, pos: Pos) {
        self.insts.push(inst);
        self.positions.push(pos);
    }

    /// Appends instructions that come from one place.
    pub(crate) fn extend(&mut self, insts: &[Inst], pos: Pos) {
        self.insts.extend_from_slice(insts);
        self.positions.resize(self.insts.len(), pos);
    }

    /// Appends instructions of other code.
    pub(crate) fn extend_from(&mut self, code: &Code, range: Range<usize>) {
        self.insts.extend_from_slice(&code.insts[range.clone()]);
        self.positions.extend_from_slice(&code.positions[range]);
    }

    /// Removes the instructions from `len` on.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.insts.truncate(len);
        self.positions.truncate(len);
    }

    /// Removes instructions.
    pub(crate) fn remove(&mut self, range: Range<usize>) {
        self.insts.drain(range.clone());
        self.positions.drain(range);
    }

    /// Exchanges two instructions.
    pub(crate) fn swap(&mut self, i: usize, j: usize) {
        self.insts.swap(i, j);
        self.positions.swap(i, j);
    }

    /// Keeps the instructions for which `keep`, which may change them, says so.
    pub(crate) fn retain_mut(&mut self, mut keep: impl FnMut(&mut Inst, Pos) -> bool) {
        let mut kept = 0;
        for i in 0..self.insts.len() {
            let (mut inst, pos) = (self.insts[i], self.positions[i]);
            if keep(&mut inst, pos) {
                self.insts[kept] = inst;
                self.positions[kept] = pos;
                kept += 1;
            }
        }
        self.truncate(kept);
    }
}

impl Deref for Code {
    type Target = [Inst];

    fn deref(&self) -> &[Inst] {
        &self.insts
    }
}

impl DerefMut for Code {
    fn deref_mut(&mut self) -> &mut [Inst] {
        &mut self.insts
    }
}

impl<'a> IntoIterator for &'a Code {
    type Item = &'a Inst;
    type IntoIter = std::slice::Iter<'a, Inst>;

    fn into_iter(self) -> Self::IntoIter {
        self.insts.iter()
    }
}

impl<'a> IntoIterator for &'a mut Code {
    type Item = &'a mut Inst;
    type IntoIter = std::slice::IterMut<'a, Inst>;

    fn into_iter(self) -> Self::IntoIter {
        self.insts.iter_mut()
    }
}
