//! Basic blocks: jumps, labels, loop headers, fuel.

use std::collections::BTreeMap;

use dotvm_isa::{Instr, Malformed, Op};

use super::ops::{Binary, Step};
use super::select::{self, Place, jump_cmp};
use super::stack::{Entry, Operand, Where};
use super::{Lowerer, fields, fields_wide};
use crate::handlers::control::{Backward, Count, Forward, Fuel, Jump, JumpIf, JumpTable, Mark};
use crate::handlers::{Acc, S10};
use crate::machine::{Handler, handler};

/// Where jumps lead.
#[derive(Default)]
pub(super) struct Blocks {
    /// Jumps to be completed, each with the number (index and one) of the one before it to the same
    /// label; the verifier keeps the number of the last one with the label.
    jumps: Vec<(Pending, u32)>,
    /// Bytecode offset and word of each loop header, ascending.
    loops: Vec<(u32, usize)>,
    /// For each back-edge the offset of its loop's header and the word of its counter.
    back_edges: Vec<(u32, u32)>,
    /// The word with the fuel of the block being lowered.
    fuel_at: Option<usize>,
}

impl Blocks {
    /// For each back-edge the offset of its loop's header and the word of its counter, in code order.
    pub(super) fn back_edges(&self) -> &[(u32, u32)] {
        &self.back_edges
    }
}

/// What leads to code that is not lowered yet.
#[derive(Clone, Copy)]
pub(super) enum Pending {
    /// A jump.
    Jump(Displacement),
    /// A catch: the numbers of its region and in that.
    Catch(usize, usize),
}

/// The displacement of a jump.
#[derive(Clone, Copy)]
pub(super) struct Displacement {
    /// First word of the instruction, which displacements count from.
    instr: usize,
    /// Word of the displacement: all of it in a table, else its upper half.
    word: usize,
}

impl Lowerer<'_> {
    /// Charges an instruction to the block it is in, the block's first one opening it.
    #[inline(always)]
    pub(super) fn charge(&mut self, instr: &Instr) {
        if self.options.metering {
            self.charge_metered(instr);
        }
    }

    fn charge_metered(&mut self, instr: &Instr) {
        let at = match self.blocks.fuel_at {
            Some(at) => at,
            None => {
                let at = self.emit(handler::<Fuel>(), &[0]) + 1;
                if self.options.counting {
                    let counter = self.counter_of(instr);
                    self.emit(handler::<Count>(), &[counter]);
                }
                at
            }
        };
        self.blocks.fuel_at = Some(at);
        self.out[at] += u64::from(instr.op.info().fuel);
    }

    /// The number of an instruction's counter: its place among all bodies.
    fn counter_of(&self, instr: &Instr) -> u64 {
        let defined = self.func - self.env.spaces.imported_funcs;
        self.module.body_place(defined).start as u64 + u64::from(instr.offset)
    }

    /// Where code counts: says that the runtime is called for an instruction.
    pub(super) fn mark(&mut self, instr: &Instr) {
        if self.options.counting {
            let counter = self.counter_of(instr);
            self.emit(handler::<Mark>(), &[counter]);
        }
    }

    /// Ends the block: the next instruction opens another.
    pub(super) fn end_block(&mut self) {
        self.blocks.fuel_at = None;
    }

    /// Completes the jumps to a label, by the number of the last one.
    pub(super) fn bind_label(&mut self, last_jump: u32) {
        self.end_block();
        let here = self.out.len();
        let mut next = last_jump;
        while next != 0 {
            let (jump, before) = self.blocks.jumps[next as usize - 1];
            match jump {
                Pending::Jump(jump) => self.complete(jump, here),
                Pending::Catch(region, catch) => self.regions.set_target((region, catch), here),
            }
            next = before;
        }
    }

    /// Starts a loop.
    pub(super) fn loop_header(&mut self, instr: &Instr) {
        self.settle();
        self.forget(self.verifier.shape());
        self.end_block();
        self.blocks.loops.push((instr.offset, self.out.len()));
        self.charge(instr);
    }

    /// `jmp`.
    pub(super) fn jump(&mut self, instr: &Instr) {
        self.settle();
        let target = instr.a as u32;
        self.emit_jump(
            target,
            handler::<Jump<Forward>>(),
            handler::<Jump<Backward>>(),
            &[0],
        );
        self.end_block();
    }

    /// `jz` and `jnz`.
    pub(super) fn jump_if(&mut self, instr: &Instr) -> Result<(), Malformed> {
        let when = instr.op == Op::Jnz;
        let target = instr.a as u32;
        let condition = self.pop();
        match self.take_binary(&condition, |binary| select::fuses(binary.op)) {
            Some(comparison) => self.jump_comparing(comparison, when, target),
            None => {
                let operand = match self.operand(condition, false) {
                    Operand::Const(_) => Operand::Slot(self.slot_operand(condition)),
                    operand => operand,
                };
                self.settle();
                let (forward, backward) = jump_if(operand, when);
                self.emit_jump(
                    target,
                    forward,
                    backward,
                    &[fields(0, operand.slot(), 0, 0)],
                );
            }
        }
        self.end_block();
        Ok(())
    }

    fn jump_comparing(&mut self, comparison: Binary, when: bool, target: u32) {
        let Binary { op, a, b, .. } = comparison;
        self.settle();
        if target <= self.at
            && let Some((step, back)) = self.take_step(&comparison, when)
        {
            let limit = match b {
                Operand::Const(bits) => bits as u32,
                _ => 0,
            };
            let operands = [
                fields(b.slot(), step.slot, 0, 0),
                u64::from(step.by) | u64::from(limit) << 32,
            ];
            return self.emit_jump(target, back, back, &operands);
        }
        let form = |back| {
            jump_cmp(op, a.place(), b.place(), when, back).expect("comparisons have jump forms")
        };
        let operands = match (a, b) {
            (Operand::Slot(a), Operand::Slot(b)) => [fields(b, a, 0, 0), 0],
            (a, Operand::Const(bits)) => [fields(0, a.slot(), 0, 0), bits],
            _ => [fields(0, a.slot() | b.slot(), 0, 0), 0],
        };
        let words = 1 + usize::from(b.place() == Place::Const);
        self.emit_jump(target, form(false), form(true), &operands[..words]);
    }

    /// `br_table`.
    pub(super) fn jump_table(&mut self, instr: &Instr) -> Result<(), Malformed> {
        let index = self.pop();
        let operand = match self.operand(index, false) {
            Operand::Const(_) => Operand::Slot(self.slot_operand(index)),
            operand => operand,
        };
        self.settle();
        let table = match operand {
            Operand::Acc => handler::<JumpTable<Acc>>(),
            _ => handler::<JumpTable<S10>>(),
        };
        let at = self.emit(table, &[fields_wide(0, operand.slot(), instr.a as u32)]);
        self.out.resize(self.out.len() + instr.a as usize, 0);
        // Jumps back count, so they need an instruction of their own: one for each loop.
        let mut back = BTreeMap::new();
        for (i, target) in self.verifier.targets(instr).enumerate() {
            let target = target?;
            let word = at + 2 + i;
            if target > instr.offset {
                self.pend(target, Pending::Jump(Displacement { instr: at, word }));
                continue;
            }
            let via = *back.entry(target).or_insert_with(|| {
                let via = self.out.len();
                let (forward, backward) = (handler::<Jump<Forward>>(), handler::<Jump<Backward>>());
                self.emit_jump(target, forward, backward, &[0]);
                via
            });
            self.complete(Displacement { instr: at, word }, via);
        }
        self.end_block();
        Ok(())
    }

    /// Emits a jump to a bytecode offset, by the handler for its direction.
    fn emit_jump(&mut self, target: u32, forward: Handler, backward: Handler, operands: &[u64]) {
        if target > self.at {
            let at = self.emit(forward, operands);
            let jump = Displacement {
                instr: at,
                word: at + 1,
            };
            self.pend(target, Pending::Jump(jump));
            return;
        }
        let at = self.emit(backward, operands);
        self.blocks.back_edges.push((target, self.out.len() as u32));
        self.out.push(counter(target));
        let index = self
            .blocks
            .loops
            .binary_search_by_key(&target, |&(offset, _)| offset);
        let header = self.blocks.loops[index.expect("verified")].1;
        self.complete(
            Displacement {
                instr: at,
                word: at + 1,
            },
            header,
        );
    }

    /// Has a label complete what leads there.
    pub(super) fn pend(&mut self, target: u32, jump: Pending) {
        let number = self.blocks.jumps.len() as u32 + 1;
        let before = self.verifier.exchange_label_data(target, number);
        self.blocks.jumps.push((jump, before));
    }

    /// Writes a displacement.
    fn complete(&mut self, jump: Displacement, target: usize) {
        let words = target as i64 - jump.instr as i64;
        let bytes = words * size_of::<u64>() as i64;
        let word = &mut self.out[jump.word];
        if jump.word == jump.instr + 1 {
            *word = *word & 0xffff_ffff | (bytes as u64) << 32;
        } else {
            *word = bytes as u64;
        }
    }

    /// Takes back the binary instruction that made a popped value, where it was the last instruction
    /// and is wanted.
    pub(super) fn take_binary(
        &mut self,
        value: &Entry,
        wanted: impl FnOnce(&Binary) -> bool,
    ) -> Option<Binary> {
        let binary = self.binary.take()?;
        if value.place != Where::Acc || !self.is_last(binary.at) || !wanted(&binary) {
            return None;
        }
        self.retract(binary.at);
        self.restore_int_acc(binary.mirror);
        Some(binary)
    }

    /// Takes back the step that made the first operand of a comparison just taken back, where the two
    /// fuse with a jump back; the handler is that jump's.
    fn take_step(&mut self, comparison: &Binary, when: bool) -> Option<(Step, Handler)> {
        let step = self.step.take()?;
        let mirrored = comparison.a == Operand::Acc && comparison.mirror == Some(step.slot);
        if !mirrored || self.out.len() != step.end {
            return None;
        }
        let back = select::step_jump(comparison.op, comparison.b.place(), when)?;
        self.retract(step.at);
        self.restore_int_acc(step.mirror);
        self.wrote(step.slot, 1);
        Some((step, back))
    }
}

/// The word of a back-edge's counter: the count is in the lower half, whose loop it is in the upper.
fn counter(header: u32) -> u64 {
    u64::from(header) << 32
}

fn jump_if(operand: Operand, when: bool) -> (Handler, Handler) {
    match (operand, when) {
        (Operand::Acc, true) => (
            handler::<JumpIf<Acc, true, Forward>>(),
            handler::<JumpIf<Acc, true, Backward>>(),
        ),
        (Operand::Acc, false) => (
            handler::<JumpIf<Acc, false, Forward>>(),
            handler::<JumpIf<Acc, false, Backward>>(),
        ),
        (_, true) => (
            handler::<JumpIf<S10, true, Forward>>(),
            handler::<JumpIf<S10, true, Backward>>(),
        ),
        (_, false) => (
            handler::<JumpIf<S10, false, Forward>>(),
            handler::<JumpIf<S10, false, Backward>>(),
        ),
    }
}
