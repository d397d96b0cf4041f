//! The engine under the rewriting passes: instructions go, one by one, onto the end of a list, and
//! rules replace the end of that list by something better.
//!
//! A rule looks at instructions that stand right before the next one, never across a label, so it
//! needs no analysis to be right; and what it puts in place is looked at again. Instructions that
//! control cannot reach because the one before them never goes on are left out on the way.

use dotvm_isa::ops::{Group, Op};

use crate::ir::{Code, Env, Func, Inst, Pos, stack};

/// Looks at the next instruction (one that [`completes_pattern`]) and the list so far. Returns
/// whether it replaced them.
pub(super) type Rule = fn(&mut Tail<'_>, Inst) -> bool;

/// The list of instructions so far.
pub(super) struct Tail<'a> {
    code: Code,
    /// What is to be looked at next, last first.
    pending: Vec<(Inst, Pos)>,
    /// The instruction that is looked at, and where it comes from.
    next: (Inst, Pos),
    lost_writes: &'a mut Vec<Pos>,
    /// What there is to call.
    pub(super) env: &'a Env,
    /// Targets of the `br_table`s.
    pub(super) tables: &'a [Vec<crate::ir::Label>],
}

impl Tail<'_> {
    /// The instructions so far.
    pub(super) fn code(&self) -> &[Inst] {
        &self.code
    }

    /// The last instruction.
    pub(super) fn last(&self) -> Option<Inst> {
        self.code.last().copied()
    }

    /// The instruction before the last.
    pub(super) fn before_last(&self) -> Option<Inst> {
        self.nth_last(1)
    }

    /// The instruction `n` before the last.
    pub(super) fn nth_last(&self, n: usize) -> Option<Inst> {
        self.code.iter().rev().nth(n).copied()
    }

    /// Replaces the last `count` instructions and the next one by `with`.
    ///
    /// Of these, those that do what one of the old ones did come from its place, the others from
    /// that of the next instruction.
    pub(super) fn replace(&mut self, count: usize, with: &[Inst]) -> bool {
        let start = self.code.len() - count;
        self.code.push(self.next.0, self.next.1);
        self.note_lost_writes(start, with);
        let mut end = self.code.len();
        for &inst in with.iter().rev() {
            let old = self.code[start..end].iter();
            let mut pos = self.next.1;
            if let Some(i) = old.into_iter().rposition(|&old| does_the_same(old, inst)) {
                end = start + i;
                pos = self.code.positions()[end];
            }
            self.pending.push((inst, pos));
        }
        self.code.truncate(start);
        true
    }

    /// Notes the writes to locals from `start` on that `with` does not have.
    fn note_lost_writes(&mut self, start: usize, with: &[Inst]) {
        for (old, pos) in self.code.located().skip(start) {
            if let Some(local) = old.written_local()
                && !with.iter().any(|inst| inst.written_local() == Some(local))
            {
                self.lost_writes.push(pos);
            }
        }
    }

    /// Replaces the instructions from `start` on and the next one by `with`.
    pub(super) fn replace_from(&mut self, start: usize, with: &[Inst]) -> bool {
        self.replace(self.code.len() - start, with)
    }

    /// Removes instructions before the end of the list; what follows them is not looked at again.
    pub(super) fn remove(&mut self, range: std::ops::Range<usize>) {
        self.code.remove(range);
    }

    /// Exchanges two instructions.
    pub(super) fn swap(&mut self, i: usize, j: usize) {
        self.code.swap(i, j);
    }

    /// Where the code of the value on top of the stack begins; see [`stack::operand_start`].
    pub(super) fn operand_start(&self) -> Option<usize> {
        self.operand_start_at(self.code.len())
    }

    /// Where the code of the value on top of the stack before instruction `end` begins.
    pub(super) fn operand_start_at(&self, end: usize) -> Option<usize> {
        stack::operand_start(&self.code[..end], self.env)
    }
}

/// Whether a rule may look for this instruction as the next one. Many cannot end a pattern, and
/// asking every rule about them would take most of the time.
fn completes_pattern(inst: Inst) -> bool {
    match inst {
        Inst::Label(_) | Inst::Loop(_) | Inst::Jmp(_) | Inst::Try(_) => false,
        Inst::Jz(_) | Inst::Jnz(_) | Inst::BrTable(_) => true,
        Inst::Op { op, .. } => match op.info().group {
            Group::Unary
            | Group::Binary
            | Group::Store
            | Group::Vector
            | Group::Wide
            | Group::Pair
            | Group::Whole => true,
            group if group.accesses_memory() => false,
            _ => matches!(
                op,
                Op::Nop
                    | Op::Pop
                    | Op::Nip
                    | Op::Select
                    | Op::RefIsNull
                    | Op::LocalGet
                    | Op::LocalSet
                    | Op::LocalTee
            ),
        },
    }
}

/// Rewrites a function with the rules, the first that matches first; returns how often one did.
pub(super) fn run(func: &mut Func, env: &Env, rules: &[Rule]) -> usize {
    let insts = std::mem::take(&mut func.insts);
    // Every rule makes the code simpler, so they come to an end; this bounds the work should two
    // of them ever disagree on what is simple.
    let mut fuel = 8 * insts.len() + 64;
    let mut matched = 0;
    let mut tail = Tail {
        code: Code::with_capacity(insts.len()),
        pending: Vec::new(),
        next: (Inst::op(Op::Nop), Pos::default()),
        lost_writes: &mut func.lost_writes,
        env,
        tables: &func.tables,
    };
    // Whether control comes to the end of the code so far, and of the regions there whether it came to
    // their starts: their ends stay as well.
    let mut dead = false;
    let mut regions = Vec::new();
    for located in insts.located() {
        tail.pending.push(located);
        while let Some((inst, pos)) = tail.pending.pop() {
            if let Inst::Try(_) = inst {
                regions.push(!dead);
            }
            if inst == Inst::op(Op::EndTry) {
                if regions.pop() == Some(true) {
                    tail.code.push(inst, pos);
                }
                continue;
            }
            if dead && !inst.is_target() {
                continue;
            }
            tail.next = (inst, pos);
            if fuel > 0 && completes_pattern(inst) && rules.iter().any(|rule| rule(&mut tail, inst))
            {
                fuel -= 1;
                matched += 1;
            } else {
                tail.code.push(inst, pos);
            }
            dead = tail.last().is_some_and(Inst::is_terminator);
        }
    }
    func.insts = tail.code;
    matched
}

/// Whether a new instruction does an old one's work.
fn does_the_same(old: Inst, new: Inst) -> bool {
    let group = |inst: Inst| inst.opcode().map(|op| op.info().group);
    match group(new) {
        // Of another width, perhaps.
        Some(access) if access.accesses_memory() => group(old) == Some(access),
        _ => match new.written_local() {
            Some(local) => old.written_local() == Some(local),
            None => old.opcode() == new.opcode(),
        },
    }
}
