//! Sums, differences, logic: limb after limb, with the carry in the processor's flags.

use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};

use super::{LOAD_COST, Limb, Operand, STORE_COST, Word};
use crate::kernels::generator::{Entry, Generator};
use crate::kernels::registers::{Reg, SLOTS};
use crate::kernels::scalar::Condition;
use crate::lower::{PairOp, WideOp};

/// Instructions that have the same forms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Alu {
    Add,
    Adc,
    Sub,
    Sbb,
    And,
    Or,
    Xor,
    Cmp,
}

impl Alu {
    /// Whether operands may change places.
    fn commutes(self) -> bool {
        !matches!(self, Alu::Sub | Alu::Sbb | Alu::Cmp)
    }

    /// The one for the limbs above.
    fn next(self) -> Alu {
        match self {
            Alu::Add => Alu::Adc,
            Alu::Sub | Alu::Cmp => Alu::Sbb,
            other => other,
        }
    }
}

macro_rules! alu {
    ($g:expr, $op:expr, $($operands:tt)*) => {
        match $op {
            Alu::Add => dynasm!($g.ops ; .arch x64 ; add $($operands)*),
            Alu::Adc => dynasm!($g.ops ; .arch x64 ; adc $($operands)*),
            Alu::Sub => dynasm!($g.ops ; .arch x64 ; sub $($operands)*),
            Alu::Sbb => dynasm!($g.ops ; .arch x64 ; sbb $($operands)*),
            Alu::And => dynasm!($g.ops ; .arch x64 ; and $($operands)*),
            Alu::Or => dynasm!($g.ops ; .arch x64 ; or $($operands)*),
            Alu::Xor => dynasm!($g.ops ; .arch x64 ; xor $($operands)*),
            Alu::Cmp => dynasm!($g.ops ; .arch x64 ; cmp $($operands)*),
        }
    };
}

/// A number that an instruction can have in itself.
fn immediate(bits: u64) -> Option<i32> {
    i32::try_from(bits.cast_signed()).ok()
}

impl Generator<'_> {
    /// `d op= b`.
    pub(super) fn alu(&mut self, alu: Alu, d: u8, b: Limb) {
        match b {
            Limb::Reg(b) => alu!(self, alu, Rq(d), Rq(b)),
            Limb::Slot(at) => {
                self.words.cost += LOAD_COST;
                alu!(self, alu, Rq(d), [Rq(SLOTS) + at]);
            }
            Limb::Const(bits) => match immediate(bits) {
                Some(number) => alu!(self, alu, Rq(d), DWORD number),
                None => {
                    let label = self.wide_constant(bits);
                    alu!(self, alu, Rq(d), [=>label]);
                }
            },
        }
    }

    /// `d = a op b`, whichever of these are the same place. What it does in between leaves flags as they are.
    pub(super) fn limb_op(&mut self, alu: Alu, d: Limb, a: Limb, b: Limb) -> Option<()> {
        let (a, b) = match (a, b) {
            (Limb::Const(_), _) if alu.commutes() => (b, a),
            _ if alu.commutes() && b == d => (b, a),
            _ => (a, b),
        };
        match (d, b) {
            (Limb::Reg(reg), _) if a == d || b != d => {
                self.load_limb(reg, a);
                self.alu(alu, reg, b);
            }
            (Limb::Slot(at), Limb::Reg(b)) if a == d => {
                self.words.cost += LOAD_COST + STORE_COST;
                alu!(self, alu, QWORD[Rq(SLOTS) + at], Rq(b));
            }
            _ => {
                let t = self.scratch()?;
                self.load_limb(t, a);
                self.alu(alu, t, b);
                self.store_limb(d, t);
                self.give_int(t);
            }
        }
        Some(())
    }

    /// `d = a op b`, limb by limb from the lowest on; `carried` where a carry goes in.
    pub(super) fn chain(
        &mut self,
        alu: Alu,
        carried: bool,
        d: &Word,
        a: &Word,
        b: &Word,
    ) -> Option<()> {
        let mut op = if carried { alu.next() } else { alu };
        for ((&d, &a), &b) in d.limbs().iter().zip(a.limbs()).zip(b.limbs()) {
            if op != alu.next() && b == Limb::Const(0) && matches!(alu, Alu::Add | Alu::Sub) {
                // No carry comes of that.
                self.move_limb(d, a)?;
                continue;
            }
            self.limb_op(op, d, a, b)?;
            op = alu.next();
        }
        Some(())
    }

    pub(super) fn pop_words(&mut self) -> Option<(Operand, Operand)> {
        let b = self.pop_word()?;
        Some((self.pop_word()?, b))
    }

    /// Sum or difference.
    pub(super) fn sum(&mut self, subtract: bool) -> Option<()> {
        let (mut a, mut b) = self.pop_words()?;
        if !subtract && a.word.zeros() > b.word.zeros() {
            (a, b) = (b, a);
        }
        let alu = if subtract { Alu::Sub } else { Alu::Add };
        let target = self.target(a.word.limbs().len(), &mut [&mut a, &mut b]);
        self.chain(alu, false, &target.word, &a.word, &b.word)?;
        self.give_word(a);
        self.give_word(b);
        self.finish(target);
        Some(())
    }

    /// Sums and differences that say whether they overflow.
    pub(super) fn checked_sum(&mut self, op: PairOp) -> Option<()> {
        use PairOp as P;
        let subtract = matches!(op, P::SubOverflow | P::SubOverflowU | P::SubBorrow);
        let carried = matches!(op, P::AddCarry | P::SubBorrow);
        let carry = match carried {
            true => Some(self.pop_int()?),
            false => None,
        };
        let (mut a, mut b) = self.pop_words()?;
        // Never in a local: the other result comes first.
        let next = self.next.take();
        let target = self.target(a.word.limbs().len(), &mut [&mut a, &mut b]);
        self.next = next;
        if let Some((entry, reg)) = carry {
            let t = self.scratch()?;
            self.copy(Reg::Int(t), Reg::Int(reg));
            // The carry is set where that is not zero.
            dynasm!(self.ops ; .arch x64 ; neg Rd(t));
            self.give_int(t);
            self.release(entry);
        }
        let mut alu = if subtract { Alu::Sub } else { Alu::Add };
        if carried {
            alu = alu.next();
        }
        for (i, &d) in target.word.limbs().iter().enumerate() {
            self.limb_op(alu, d, a.word.limbs()[i], b.word.limbs()[i])?;
            alu = alu.next();
        }
        self.give_word(a);
        self.give_word(b);
        self.push(Entry::Word(target.word));
        self.by_flags(match op {
            P::AddOverflow | P::SubOverflow => Condition::Overflow,
            _ => Condition::Below,
        })
    }

    pub(super) fn opposite(&mut self) -> Option<()> {
        let mut a = self.pop_word()?;
        let len = a.word.limbs().len();
        let target = self.target(len, &mut [&mut a]);
        let zero = Word::new(&vec![Limb::Const(0); len]);
        self.chain(Alu::Sub, false, &target.word, &zero, &a.word)?;
        self.give_word(a);
        self.finish(target);
        Some(())
    }

    /// The number, or where it is negative its bits flipped and 1 more.
    pub(super) fn absolute(&mut self) -> Option<()> {
        let mut a = self.pop_word()?;
        let len = a.word.limbs().len();
        let sign = self.sign(&a.word)?;
        let target = self.target(len, &mut [&mut a]);
        let signs = Word::new(&vec![Limb::Reg(sign); len]);
        self.chain(Alu::Xor, false, &target.word, &a.word, &signs)?;
        self.chain(Alu::Sub, false, &target.word, &target.word, &signs)?;
        self.give_int(sign);
        self.give_word(a);
        self.finish(target);
        Some(())
    }

    /// A register full of a number's sign.
    pub(super) fn sign(&mut self, of: &Word) -> Option<u8> {
        let sign = self.scratch()?;
        self.load_limb(sign, *of.limbs().last()?);
        dynasm!(self.ops ; .arch x64 ; sar Rq(sign), 63);
        Some(sign)
    }

    pub(super) fn logic(&mut self, op: WideOp) -> Option<()> {
        let alu = match op {
            WideOp::And => Alu::And,
            WideOp::Or => Alu::Or,
            _ => Alu::Xor,
        };
        if let Some((a, shifted)) = self.pop_with_shifted()? {
            return self.combine_shifted(alu, a, shifted);
        }
        let (mut a, mut b) = self.pop_words()?;
        let target = self.target(a.word.limbs().len(), &mut [&mut a, &mut b]);
        self.chain(alu, false, &target.word, &a.word, &b.word)?;
        self.give_word(a);
        self.give_word(b);
        self.finish(target);
        Some(())
    }

    /// Every bit flipped.
    pub(super) fn flip(&mut self) -> Option<()> {
        let mut a = self.pop_word()?;
        let len = a.word.limbs().len();
        let target = self.target(len, &mut [&mut a]);
        let ones = Word::new(&vec![Limb::Const(u64::MAX); len]);
        self.chain(Alu::Xor, false, &target.word, &a.word, &ones)?;
        self.give_word(a);
        self.finish(target);
        Some(())
    }
}
