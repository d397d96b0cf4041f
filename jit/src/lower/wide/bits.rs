//! Logic, shifts, counts of bits.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use dotvm_isa::ValType;

use super::super::Lowerer;
use super::WideOp;

/// What a shift puts into the bits that become free.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fill {
    /// Limbs with this value.
    With(Value),
    /// The bits that were shifted out: it is a rotation.
    Around,
}

impl Lowerer<'_, '_> {
    /// And, or, exclusive or.
    pub(super) fn logic(&mut self, op: WideOp) {
        let (ty, a, b) = self.pop_two();
        let limbs: Vec<Value> = a
            .iter()
            .zip(&b)
            .map(|(&a, &b)| match op {
                WideOp::And => self.b.ins().band(a, b),
                WideOp::Or => self.b.ins().bor(a, b),
                _ => self.b.ins().bxor(a, b),
            })
            .collect();
        self.push_limbs(ty, &limbs);
    }

    /// Every bit flipped.
    pub(super) fn not(&mut self, a: &[Value]) -> Vec<Value> {
        a.iter().map(|&limb| self.b.ins().bnot(limb)).collect()
    }

    /// A shift or rotation.
    pub(super) fn shift(&mut self, op: WideOp) {
        use WideOp as W;
        let count = self.pop_one();
        let a = self.pop();
        let (ty, mut limbs) = (a.ty, a.limbs().to_vec());
        let left = matches!(op, W::Shl | W::Rotl);
        let fill = match op {
            W::Rotl | W::Rotr => Fill::Around,
            W::Shr => Fill::With(self.sign(&limbs)),
            _ => Fill::With(self.b.ins().iconst(types::I64, 0)),
        };
        // To the right is to the left with the limbs the other way round.
        if !left {
            limbs.reverse();
        }
        let mut limbs = match self.constant(count) {
            Some(count) => self.shift_by_constant(&limbs, count as u32 % ty.bits(), left, fill),
            None if limbs.len() == 2 => self.shift_pair(&limbs, count, op),
            None => self.shift_by_any(&limbs, count, left, fill),
        };
        if !left {
            limbs.reverse();
        }
        self.push_limbs(ty, &limbs);
    }

    /// Limbs moved up by so many, where that is known.
    fn moved(limbs: &[Value], by: usize, fill: Fill) -> Vec<Value> {
        let len = limbs.len();
        let limb = |i: usize| match (i.checked_sub(by), fill) {
            (Some(from), _) => limbs[from],
            (None, Fill::With(value)) => value,
            (None, Fill::Around) => limbs[i + len - by],
        };
        (0..len).map(limb).collect()
    }

    /// The limb below another one.
    fn below(limbs: &[Value], i: usize, fill: Fill) -> Value {
        match (i.checked_sub(1), fill) {
            (Some(i), _) => limbs[i],
            (None, Fill::With(value)) => value,
            (None, Fill::Around) => limbs[limbs.len() - 1],
        }
    }

    /// Shifted left by a known count below the width.
    pub(super) fn shifted_left(&mut self, limbs: &[Value], count: u32) -> Vec<Value> {
        let zero = self.b.ins().iconst(types::I64, 0);
        self.shift_by_constant(limbs, count, true, Fill::With(zero))
    }

    /// Shifted right by a known count below the width, with limbs of that value from above.
    pub(super) fn shifted_right(
        &mut self,
        limbs: &[Value],
        count: u32,
        above: Value,
    ) -> Vec<Value> {
        let limbs: Vec<Value> = limbs.iter().rev().copied().collect();
        let mut shifted = self.shift_by_constant(&limbs, count, false, Fill::With(above));
        shifted.reverse();
        shifted
    }

    fn shift_by_constant(
        &mut self,
        limbs: &[Value],
        count: u32,
        left: bool,
        fill: Fill,
    ) -> Vec<Value> {
        let moved = Self::moved(limbs, count as usize / 64, fill);
        let bits = i64::from(count % 64);
        if bits == 0 {
            return moved;
        }
        (0..moved.len())
            .map(|i| {
                let (limb, below) = (moved[i], Self::below(&moved, i, fill));
                let (here, there) = match left {
                    true => (
                        self.b.ins().ishl_imm_u(limb, bits),
                        self.b.ins().ushr_imm_u(below, 64 - bits),
                    ),
                    false => (
                        self.b.ins().ushr_imm_u(limb, bits),
                        self.b.ins().ishl_imm_u(below, 64 - bits),
                    ),
                };
                // The target would make a double shift of `bor`, which takes some processors long.
                self.b.ins().iadd(here, there)
            })
            .collect()
    }

    /// By any count, without branches: limbs move in powers of two, bits by what is left.
    fn shift_by_any(
        &mut self,
        limbs: &[Value],
        count: Value,
        left: bool,
        fill: Fill,
    ) -> Vec<Value> {
        let mut limbs = limbs.to_vec();
        let mut by = 1;
        while by < limbs.len() {
            let bit = self.b.ins().band_imm_u(count, 64 * by as i64);
            let moved = Self::moved(&limbs, by, fill);
            limbs = self.choose(bit, &moved, &limbs);
            by *= 2;
        }
        let rest = self.b.ins().bxor_imm_u(count, 63);
        (0..limbs.len())
            .map(|i| {
                let (limb, below) = (limbs[i], Self::below(&limbs, i, fill));
                // What comes from below is shifted twice, since by 64 bits it cannot be.
                let (here, there) = match left {
                    true => {
                        let below = self.b.ins().ushr_imm_u(below, 1);
                        (
                            self.b.ins().ishl(limb, count),
                            self.b.ins().ushr(below, rest),
                        )
                    }
                    false => {
                        let below = self.b.ins().ishl_imm_u(below, 1);
                        (
                            self.b.ins().ushr(limb, count),
                            self.b.ins().ishl(below, rest),
                        )
                    }
                };
                self.b.ins().bor(here, there)
            })
            .collect()
    }

    /// 128 bits, by the target's own shifts; limbs as [`Lowerer::shift`] has them.
    fn shift_pair(&mut self, limbs: &[Value], count: Value, op: WideOp) -> Vec<Value> {
        use WideOp as W;
        let left = matches!(op, W::Shl | W::Rotl);
        let (low, high) = if left {
            (limbs[0], limbs[1])
        } else {
            (limbs[1], limbs[0])
        };
        let whole = self.b.ins().iconcat(low, high);
        let ins = self.b.ins();
        let whole = match op {
            W::Shl => ins.ishl(whole, count),
            W::Shr => ins.sshr(whole, count),
            W::ShrU => ins.ushr(whole, count),
            W::Rotl => ins.rotl(whole, count),
            _ => ins.rotr(whole, count),
        };
        let (low, high) = self.b.ins().isplit(whole);
        if left {
            vec![low, high]
        } else {
            vec![high, low]
        }
    }

    /// Leading or trailing zero bits, or one bits.
    pub(super) fn count_bits(&mut self, op: WideOp) {
        let a = self.pop();
        let mut limbs = a.limbs().to_vec();
        if op == WideOp::Ctz {
            limbs.reverse();
        }
        // From the limb on that counts last.
        let mut limbs = limbs.into_iter();
        let first = limbs.next().expect("a word has limbs");
        let mut below = 64 * (limbs.len() as i64);
        let mut count = self.count_of(op, first);
        if op != WideOp::Popcnt {
            count = self.b.ins().iadd_imm_s(count, below);
        }
        for limb in limbs {
            let here = self.count_of(op, limb);
            if op == WideOp::Popcnt {
                count = self.b.ins().iadd(count, here);
                continue;
            }
            below -= 64;
            let here = self.b.ins().iadd_imm_s(here, below);
            let any = self.b.ins().icmp_imm_s(IntCC::NotEqual, limb, 0);
            count = self.b.ins().select(any, here, count);
        }
        let count = self.b.ins().ireduce(types::I32, count);
        self.push(ValType::I32, count);
    }

    fn count_of(&mut self, op: WideOp, limb: Value) -> Value {
        match op {
            WideOp::Clz => self.b.ins().clz(limb),
            WideOp::Ctz => self.b.ins().ctz(limb),
            _ => self.b.ins().popcnt(limb),
        }
    }
}
