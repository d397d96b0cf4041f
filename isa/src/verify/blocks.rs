//! The basic blocks that fuel is charged for.

use super::Step;
use crate::ops::Op;

/// Follows the steps of a [`FuncVerifier`](super::FuncVerifier) and says which block each instruction is in.
/// A block is paid for at its first instruction, as a whole: so totals do not depend on what runs it.
#[derive(Clone, Debug, Default)]
pub struct FuelBlocks {
    block: Option<u32>,
}

impl FuelBlocks {
    /// Takes the next step; returns the offset of the first instruction of its block, or `None` where
    /// no execution gets to the instruction.
    pub fn enter(&mut self, step: &Step) -> Option<u32> {
        let Step { instr, .. } = step;
        if step.label || instr.op == Op::Loop {
            self.block = None;
        }
        if !step.reachable {
            return None;
        }
        let block = *self.block.get_or_insert(instr.offset);
        if matches!(instr.op, Op::Jz | Op::Jnz) || instr.op.is_terminator() {
            self.block = None;
        }
        Some(block)
    }
}
