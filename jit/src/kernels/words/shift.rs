//! Shifts and rotations.
//!
//! By a known count, limbs change places and then bits go from one to the next. By any count, limbs are
//! written to memory, with what is to come from beside them, and read from where they are to go.

use dynasmrt::{DynasmApi, dynasm};

use super::arithmetic::Alu;
use super::{LOAD_COST, Limb, Operand};
use crate::kernels::generator::{Entry, Generator, Then};
use crate::kernels::registers::SLOTS;
use crate::lower::WideOp;

/// From so many limbs on, counts in registers save more than they cost.
const MANY_LIMBS: usize = 4;

/// A shift of single limbs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct BitShift {
    left: bool,
    count: u8,
    /// The register that has the count, where there is one.
    reg: Option<u8>,
}

impl Generator<'_> {
    pub(super) fn shift(&mut self, op: WideOp) -> Option<()> {
        match self.pop()? {
            Entry::Const(_, count) => {
                let a = self.pop_word()?;
                let bits = 64 * a.word.limbs().len() as u32;
                self.shift_by(a, op, count as u32 % bits)
            }
            count => {
                self.push(count);
                self.shift_by_any(op)
            }
        }
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
        let fill = sign.map_or(Limb::Const(0), Limb::Reg);
        let moved = |i: isize, by: usize| {
            let from = if left {
                i - by as isize
            } else {
                i + by as isize
            };
            match usize::try_from(from) {
                _ if around => a.word.limbs()[from.rem_euclid(len as isize) as usize],
                Ok(from) if from < len => a.word.limbs()[from],
                _ => fill,
            }
        };
        let (by, bits) = (count as usize / 64, (count % 64) as u8);
        let limbs = 0..len as isize;
        let sources: Vec<(Limb, Limb)> = limbs.map(|i| (moved(i, by), moved(i, by + 1))).collect();
        let mut target = match around {
            // It would overwrite what comes around.
            true => self.target_beside(len, &[a]),
            false => self.target(len, &mut [&mut a.clone()]),
        };
        let reused = a.word == target.word;
        let many = len >= MANY_LIMBS && bits != 0 && self.ints_left() > 4;
        let here = self.bit_shift(left, bits, many)?;
        let there = self.bit_shift(!left, 64 - bits, many)?;
        // In the order in which no limb is needed any more when it is written.
        let order: Vec<usize> = match left {
            true => (0..len).rev().collect(),
            false => (0..len).collect(),
        };
        for i in order {
            let (limb, beside) = sources[i];
            let d = target.word.limbs()[i];
            if target.then == Then::Push && (limb, beside) == (Limb::Const(0), Limb::Const(0)) {
                self.give_limb(d);
                target.word.limbs_mut()[i] = limb;
                continue;
            }
            match bits {
                0 => self.move_limb(d, limb)?,
                _ => self.shift_limb(d, (limb, here), (beside, there))?,
            }
        }
        for reg in [here.reg, there.reg, sign].into_iter().flatten() {
            self.give_int(reg);
        }
        if !reused {
            self.give_word(a);
        }
        self.finish(target);
        Some(())
    }

    fn bit_shift(&mut self, left: bool, count: u8, in_register: bool) -> Option<BitShift> {
        let reg = match in_register {
            true => Some(self.scratch()?),
            false => None,
        };
        if let Some(reg) = reg {
            self.load_limb(reg, Limb::Const(count.into()));
        }
        Some(BitShift { left, count, reg })
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
