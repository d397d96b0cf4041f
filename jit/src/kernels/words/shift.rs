//! Shifts and rotations.
//!
//! By a known count, limbs change places and then bits go from one to the next: by instructions that shift bits
//! in from another register, where these are quick; else by two shifts. By any count, limbs are
//! written to memory, with what is to come from beside them, and read from where they are to go.
//!
//! A local that is shifted by a known count is left as it is until somebody takes it: where that combines its
//! bits with others, they go there limb by limb, and the shifted number is nowhere.

use dotvm_isa::Op;
use dynasmrt::{DynasmApi, dynasm};

use super::arithmetic::Alu;
use super::kinds::Kind;
use super::{LOAD_COST, Limb, Operand, Word};
use crate::kernels::generator::{Entry, Generator, Then};
use crate::kernels::registers::SLOTS;
use crate::lower::WideOp;

/// From so many limbs on, counts in registers save more than they cost, and so do double shifts: they take their
/// time, but no other instruction.
const MANY_LIMBS: usize = 4;

/// A local that is shifted by a known count, without what comes around or a sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::kernels) struct Shifted {
    pub(super) local: u32,
    left: bool,
    count: u32,
}

/// Whether an instruction leaves numbers alone that are on the operand stack as [`Shifted`], or takes them so.
pub(in crate::kernels) fn leaves_shifted(op: Op) -> bool {
    match op {
        Op::Nop | Op::LocalGet | Op::I32Push | Op::I64Push => true,
        _ => matches!(Kind::of(op), Some(Kind::Wide(WideOp::Or | WideOp::Xor))),
    }
}

/// A shift of single limbs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct BitShift {
    left: bool,
    count: u8,
    /// The register that has the count, where there is one.
    reg: Option<u8>,
    /// Whether bits come in from the limb beside in the same instruction.
    double: bool,
}

impl Generator<'_> {
    pub(super) fn shift(&mut self, op: WideOp) -> Option<()> {
        match self.pop()? {
            Entry::Const(_, count) => {
                let operand = self.stack.last().copied();
                let a = self.pop_word()?;
                let count = count as u32 % (64 * a.word.limbs().len() as u32);
                match (operand, op) {
                    (Some(Entry::Local(local)), WideOp::Shl | WideOp::ShrU)
                        if !self.goes_to_local() =>
                    {
                        let left = op == WideOp::Shl;
                        self.push(Entry::Shifted(Shifted { local, left, count }));
                        Some(())
                    }
                    _ => self.shift_by(a, op, count),
                }
            }
            count => {
                self.push(count);
                self.shift_by_any(op)
            }
        }
    }

    /// Computes what is on the operand stack as shifted locals.
    pub(in crate::kernels) fn settle_shifted(&mut self) -> Option<()> {
        for at in 0..self.stack_len() {
            if let Entry::Shifted(shifted) = self.entry(at) {
                let word = self.compute_shifted(shifted)?;
                self.replace(at, Entry::Word(word.word));
            }
        }
        Some(())
    }

    pub(super) fn compute_shifted(&mut self, shifted: Shifted) -> Option<Operand> {
        let Shifted { local, left, count } = shifted;
        let op = if left { WideOp::Shl } else { WideOp::ShrU };
        // What comes next is about another result.
        let next = self.next.take();
        self.push(Entry::Local(local));
        let a = self.pop_word()?;
        self.shift_by(a, op, count)?;
        self.next = next;
        self.pop_word()
    }

    /// Pops two numbers, if one of them is a shifted local.
    pub(super) fn pop_with_shifted(&mut self) -> Option<Option<(Operand, Shifted)>> {
        let top = self.stack_len();
        let [a, b] = [2, 1].map(|below| self.stack.get(top.wrapping_sub(below)).copied());
        let shifted = match (a?, b?) {
            (_, Entry::Shifted(shifted)) => {
                self.pop()?;
                shifted
            }
            (Entry::Shifted(shifted), b) => {
                self.pop()?;
                self.replace(top - 2, b);
                shifted
            }
            _ => return Some(None),
        };
        // Both may be.
        if let Entry::Shifted(_) = self.entry(top - 2) {
            self.settle_shifted()?;
        }
        Some(Some((self.pop_word()?, shifted)))
    }

    /// `or` and `xor` of a number and a shifted local.
    pub(super) fn combine_shifted(
        &mut self,
        alu: Alu,
        mut a: Operand,
        shifted: Shifted,
    ) -> Option<()> {
        let Shifted { local, left, count } = shifted;
        let from = *self.words.locals.get(&local)?;
        let target = self.target(from.limbs().len(), &mut [&mut a]);
        let len = from.limbs().len();
        let sources = sources(&from, left, count, Some(Limb::Const(0)));
        let in_registers = target
            .word
            .limbs()
            .iter()
            .all(|it| matches!(it, Limb::Reg(_)));
        let spare = if in_registers { 1 } else { 2 };
        let shifts = self.bit_shifts((len, spare), left, count)?;
        for i in order(len, left) {
            let d = target.word.limbs()[i];
            let (limb, beside) = sources[i];
            let Some([here, there]) = shifts else {
                self.limb_op(alu, d, a.word.limbs()[i], limb)?;
                continue;
            };
            let known = [limb, beside].contains(&Limb::Const(0));
            if here.double && !known {
                let t = self.scratch()?;
                self.shift_limb(Limb::Reg(t), (limb, here), (beside, there))?;
                self.limb_op(alu, d, a.word.limbs()[i], Limb::Reg(t))?;
                self.give_int(t);
                continue;
            }
            let mut so_far = a.word.limbs()[i];
            // The place of the result may be that of the first limb, which is read before.
            for (limb, by) in [(limb, here), (beside, there)] {
                if limb != Limb::Const(0) {
                    let t = self.scratch()?;
                    self.shift_to(t, limb, by);
                    self.limb_op(alu, d, so_far, Limb::Reg(t))?;
                    self.give_int(t);
                    so_far = d;
                }
            }
            self.move_limb(d, so_far)?;
        }
        self.give_bit_shifts(shifts);
        self.give_word(a);
        self.finish(target);
        Some(())
    }

    /// Shifts by a known count below the width.
    pub(super) fn shift_by(&mut self, a: Operand, op: WideOp, count: u32) -> Option<()> {
        use WideOp as W;
        let left = matches!(op, W::Shl | W::Rotl);
        let around = matches!(op, W::Rotl | W::Rotr);
        let len = a.word.limbs().len();
        let sign = match op {
            W::Shr => Some(self.sign(&a.word)?),
            _ => None,
        };
        let fill = match sign {
            _ if around => None,
            sign => Some(sign.map_or(Limb::Const(0), Limb::Reg)),
        };
        let sources = sources(&a.word, left, count, fill);
        let mut target = match around {
            // It would overwrite what comes around.
            true => self.target_beside(len, &[a]),
            false => self.target(len, &mut [&mut a.clone()]),
        };
        let reused = a.word == target.word;
        let shifts = self.bit_shifts((len, 3), left, count)?;
        for i in order(len, left) {
            let (limb, beside) = sources[i];
            let d = target.word.limbs()[i];
            if target.then == Then::Push && (limb, beside) == (Limb::Const(0), Limb::Const(0)) {
                self.give_limb(d);
                target.word.limbs_mut()[i] = limb;
                continue;
            }
            match shifts {
                None => self.move_limb(d, limb)?,
                Some([here, there]) => self.shift_limb(d, (limb, here), (beside, there))?,
            }
        }
        self.give_bit_shifts(shifts);
        if let Some(sign) = sign {
            self.give_int(sign);
        }
        if !reused {
            self.give_word(a);
        }
        self.finish(target);
        Some(())
    }

    /// How the two limbs that each limb comes of are shifted; nothing where whole limbs change places. Counts
    /// are in registers as long as `spare` are left.
    fn bit_shifts(
        &mut self,
        (len, spare): (usize, u32),
        left: bool,
        count: u32,
    ) -> Option<Option<[BitShift; 2]>> {
        let count = (count % 64) as u8;
        if count == 0 {
            return Some(None);
        }
        let many = len >= MANY_LIMBS;
        let double = many && self.source.double_shifts;
        let in_register = many && !double && self.ints_left() >= 2 + spare;
        let mut shift = |left, count: u8| {
            let reg = match in_register {
                true => Some(self.scratch()?),
                false => None,
            };
            if let Some(reg) = reg {
                self.load_limb(reg, Limb::Const(count.into()));
            }
            Some(BitShift {
                left,
                count,
                reg,
                double,
            })
        };
        Some(Some([shift(left, count)?, shift(!left, 64 - count)?]))
    }

    fn give_bit_shifts(&mut self, shifts: Option<[BitShift; 2]>) {
        for reg in shifts.into_iter().flatten().filter_map(|it| it.reg) {
            self.give_int(reg);
        }
    }

    /// `d` becomes one limb's bits and those that come from the one beside it.
    fn shift_limb(
        &mut self,
        d: Limb,
        (limb, here): (Limb, BitShift),
        (beside, there): (Limb, BitShift),
    ) -> Option<()> {
        let t = match d {
            Limb::Reg(reg) => reg,
            _ => self.scratch()?,
        };
        match (limb, beside) {
            (Limb::Const(0), _) => self.shift_to(t, beside, there),
            (_, Limb::Const(0)) => self.shift_to(t, limb, here),
            _ if here.double => {
                let (other, own) = match beside {
                    Limb::Reg(reg) => (reg, false),
                    _ => (self.scratch()?, true),
                };
                self.load_limb(other, beside);
                self.load_limb(t, limb);
                let count = here.count as i8;
                match here.left {
                    true => dynasm!(self.ops ; .arch x64 ; shld Rq(t), Rq(other), count),
                    false => dynasm!(self.ops ; .arch x64 ; shrd Rq(t), Rq(other), count),
                }
                if own {
                    self.give_int(other);
                }
            }
            _ => {
                let other = self.scratch()?;
                self.shift_to(other, beside, there);
                self.shift_to(t, limb, here);
                self.alu(Alu::Or, t, Limb::Reg(other));
                self.give_int(other);
            }
        }
        if d != Limb::Reg(t) {
            self.store_limb(d, t);
            self.give_int(t);
        }
        Some(())
    }

    fn shift_to(&mut self, d: u8, limb: Limb, shift: BitShift) {
        let count = shift.count as i8;
        match (limb, shift.reg) {
            (Limb::Reg(s), Some(reg)) if s != d => match shift.left {
                true => dynasm!(self.ops ; .arch x64 ; shlx Rq(d), Rq(s), Rq(reg)),
                false => dynasm!(self.ops ; .arch x64 ; shrx Rq(d), Rq(s), Rq(reg)),
            },
            (Limb::Slot(at), Some(reg)) => {
                self.words.cost += LOAD_COST;
                match shift.left {
                    true => dynasm!(self.ops ; .arch x64 ; shlx Rq(d), [Rq(SLOTS) + at], Rq(reg)),
                    false => dynasm!(self.ops ; .arch x64 ; shrx Rq(d), [Rq(SLOTS) + at], Rq(reg)),
                }
            }
            _ => {
                self.load_limb(d, limb);
                match shift.left {
                    true => dynasm!(self.ops ; .arch x64 ; shl Rq(d), count),
                    false => dynasm!(self.ops ; .arch x64 ; shr Rq(d), count),
                }
            }
        }
    }

    /// Shifts by a count that is not known.
    fn shift_by_any(&mut self, op: WideOp) -> Option<()> {
        use WideOp as W;
        let (entry, count) = self.pop_int()?;
        let a = self.pop_word()?;
        let len = a.word.limbs().len();
        let left = matches!(op, W::Shl | W::Rotl);
        let area = self.words.area();
        let (below, above) = (area, area + 8 * len as i32);
        // To the left, limbs come from below; to the right from above.
        let (own, others) = if left { (above, below) } else { (below, above) };
        let t = self.scratch()?;
        for (i, &limb) in a.word.limbs().iter().enumerate() {
            let at = 8 * i as i32;
            self.move_to_area(t, own + at, limb);
            if matches!(op, W::Rotl | W::Rotr) {
                self.move_to_area(t, others + at, limb);
            }
        }
        let fill = match op {
            W::Shl | W::ShrU => Some(Limb::Const(0)),
            W::Shr => {
                self.load_limb(t, *a.word.limbs().last()?);
                dynasm!(self.ops ; .arch x64 ; sar Rq(t), 63);
                Some(Limb::Reg(t))
            }
            _ => None,
        };
        if let Some(fill) = fill {
            for at in (others..).step_by(8).take(len) {
                self.move_to_area(t, at, fill);
            }
        }
        self.give_word(a);
        let target = self.target_beside(len, &[]);
        let (limbs, rest) = (self.scratch()?, self.scratch()?);
        // By how many limbs, and up to 63 bits that are left.
        dynasm!(self.ops
            ; .arch x64
            ; mov Rd(limbs), Rd(count)
            ; shr Rd(limbs), 6
            ; and Rd(limbs), len as i32 - 1
            ; mov Rd(rest), Rd(count)
            ; xor Rd(rest), 63
        );
        if left {
            dynasm!(self.ops ; .arch x64 ; neg Rq(limbs));
        }
        for (i, &d) in target.word.limbs().iter().enumerate() {
            let at = own + 8 * i as i32;
            let beside = self.scratch()?;
            // What comes from beside is shifted twice, since by 64 bits it cannot be.
            match left {
                true => dynasm!(self.ops
                    ; .arch x64
                    ; mov Rq(beside), [Rq(SLOTS) + 8 * Rq(limbs) + at - 8]
                    ; shr Rq(beside), 1
                    ; shrx Rq(beside), Rq(beside), Rq(rest)
                    ; shlx Rq(t), [Rq(SLOTS) + 8 * Rq(limbs) + at], Rq(count)
                ),
                false => dynasm!(self.ops
                    ; .arch x64
                    ; mov Rq(beside), [Rq(SLOTS) + 8 * Rq(limbs) + at + 8]
                    ; shl Rq(beside), 1
                    ; shlx Rq(beside), Rq(beside), Rq(rest)
                    ; shrx Rq(t), [Rq(SLOTS) + 8 * Rq(limbs) + at], Rq(count)
                ),
            }
            self.alu(Alu::Or, t, Limb::Reg(beside));
            self.give_int(beside);
            self.store_limb(d, t);
        }
        for reg in [t, limbs, rest] {
            self.give_int(reg);
        }
        self.release(entry);
        self.finish(target);
        Some(())
    }

    /// Writes a limb to where shifts read it.
    fn move_to_area(&mut self, t: u8, at: i32, limb: Limb) {
        let reg = match limb {
            Limb::Reg(reg) => reg,
            _ => {
                self.load_limb(t, limb);
                t
            }
        };
        dynasm!(self.ops ; .arch x64 ; mov [Rq(SLOTS) + at], Rq(reg));
    }
}

/// Which limb's bits each limb gets first, and which limb's come from beside: what is shifted out on one side
/// is filled up on the other, or comes around where nothing fills it.
fn sources(word: &Word, left: bool, count: u32, fill: Option<Limb>) -> Vec<(Limb, Limb)> {
    let limbs = word.limbs();
    let len = limbs.len() as isize;
    let moved = |i: isize, by: isize| {
        let from = if left { i - by } else { i + by };
        match fill {
            Some(fill) if !(0..len).contains(&from) => fill,
            _ => limbs[from.rem_euclid(len) as usize],
        }
    };
    let by = (count / 64) as isize;
    (0..len).map(|i| (moved(i, by), moved(i, by + 1))).collect()
}

/// The order in which no limb is needed any more when it is written.
fn order(len: usize, left: bool) -> Vec<usize> {
    match left {
        true => (0..len).rev().collect(),
        false => (0..len).collect(),
    }
}
