//! Where the operands of a stopped function are, for core dumps.
//!
//! Locals of threaded code are in their slots whenever it can stop: `local.set` is an instruction of its own, or
//! the destination of the one right before it. Operands may be elsewhere; lowering knows where, so a function is
//! lowered once more, up to the instruction that it stopped at.

use dotvm_isa::abi::CodeCell;
use dotvm_isa::verify::ModuleEnv;
use dotvm_isa::{Bits, Instr, Malformed, Module, Op, ValType};

use super::stack::Where;
use super::{BUFFER, KEPT_BUFFER, Lowerer, ops};
use crate::code::Options;

/// Where a value is while its function is stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// In the slots of the frame from that one on.
    Slot(u32),
    /// Nowhere: it is this constant.
    Constant(Bits),
    /// Nowhere any more: it was in a register.
    Lost,
}

/// The operands of the defined function `defined` that is stopped at the instruction at `offset`, from the bottom of
/// the stack: their types, and where they are. What a call takes from the stack is not among them, as that is
/// the callee's.
///
/// Nothing where there is no such instruction that can be reached, or where it may have replaced the frame in part.
///
/// # Errors
/// As [`lower`](super::lower()).
pub fn operands(
    module: &Module,
    env: &ModuleEnv,
    defined: u32,
    type_ids: &[u32],
    cells: &[CodeCell],
    options: Options,
    offset: u32,
) -> Result<Option<Vec<(ValType, Kept)>>, Malformed> {
    let mut lowerer = Lowerer::new(module, env, defined, type_ids, cells, options)?;
    let found = lowerer.run_to(offset);
    if lowerer.out.capacity() <= KEPT_BUFFER {
        BUFFER.set(lowerer.out);
    }
    found
}

impl Lowerer<'_> {
    /// As `run`, up to the instruction at an offset; or as `run_with_stops`, where all values are at home.
    fn run_to(&mut self, offset: u32) -> Result<Option<Vec<(ValType, Kept)>>, Malformed> {
        while let Some(step) = self.verifier.step()? {
            self.at = step.instr.offset;
            let is_settled = self.options.debug && step.reachable;
            if step.fallthrough && (step.label || is_settled) {
                self.settle();
            }
            if step.label {
                self.bind_label(step.label_data);
            }
            if !step.reachable {
                self.verifier.apply(&step.instr)?;
                self.skip_region(step.instr.op);
                continue;
            }
            if !step.fallthrough || step.label || self.options.debug {
                self.forget(self.verifier.shape());
            }
            if step.instr.offset != offset {
                self.verifier.apply(&step.instr)?;
                ops::lower(self, &step.instr)?;
                continue;
            }
            let before = self.places();
            let Some(taken) = self.taken_by_call(&step.instr) else {
                return Ok(match step.instr.op {
                    Op::RetCall | Op::RetCallIndirect | Op::RetCallRef => None,
                    _ => Some(before),
                });
            };
            self.verifier.apply(&step.instr)?;
            ops::lower(self, &step.instr)?;
            // In front of the call, what is not taken has left the registers.
            let mut after = self.places();
            after.truncate(before.len().saturating_sub(taken));
            return Ok(Some(after));
        }
        Ok(None)
    }

    /// How many values a call takes from the operand stack; nothing for other instructions.
    fn taken_by_call(&self, instr: &Instr) -> Option<usize> {
        let (ty, more) = match instr.op {
            Op::Call => (self.env.spaces.funcs[instr.a as usize], 0),
            Op::CallIndirect | Op::CallRef => (instr.a as u32, 1),
            _ => return None,
        };
        Some(self.module.types[ty as usize].params.len() + more)
    }

    /// The operands, from the bottom of the stack.
    fn places(&self) -> Vec<(ValType, Kept)> {
        let lazy = self.entries.iter().rev().map(|entry| {
            let place = match entry.place {
                Where::Home => Kept::Slot(entry.home.into()),
                Where::Local(local) => Kept::Slot(self.locals[local as usize].into()),
                Where::Const(bits) => Kept::Constant(bits.into()),
                Where::Span(constant) => Kept::Constant(self.constants[constant as usize]),
                Where::Acc => Kept::Lost,
            };
            (entry.ty, place)
        });
        let mut all: Vec<_> = lazy.collect();
        let mut shape = self.settled;
        while let Some((ty, below)) = self.verifier.pop(shape) {
            let home = u32::from(self.stack_base) + self.verifier.slots(below);
            all.push((ty, Kept::Slot(home)));
            shape = below;
        }
        all.reverse();
        all
    }
}
