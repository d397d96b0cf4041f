//! Sums and differences.
//!
//! Limbs are added in pairs, which the target does with its carry, and only the carry from one pair to the
//! next is a value. It is added last, so that it is all that waits for the pair below.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use dotvm_isa::ValType;

use super::super::Lowerer;
use super::PairOp;

/// A sum or a difference.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sum {
    Add,
    Sub,
}

impl Lowerer<'_, '_> {
    /// `a + b` or `a - b`, with a carry (a truth value) into it; and the carry out of it, where that is wanted.
    pub(super) fn sum(
        &mut self,
        sum: Sum,
        a: &[Value],
        b: &[Value],
        carry: Option<Value>,
        wanted: bool,
    ) -> (Vec<Value>, Option<Value>) {
        let pairs = a.chunks(2).zip(b.chunks(2));
        let last = pairs.len() - 1;
        let (mut limbs, mut carry) = (Vec::with_capacity(a.len()), carry);
        for (i, (a, b)) in pairs.enumerate() {
            let wanted = wanted || i < last;
            let (a, b) = match sum {
                Sum::Add if self.are_zeros(a) => (b, a),
                _ => (a, b),
            };
            let (mut pair, mut out) = (self.b.ins().iconcat(a[0], a[1]), None);
            // Zeros, which extended numbers have there, change nothing.
            if !self.are_zeros(b) {
                let b = self.b.ins().iconcat(b[0], b[1]);
                (pair, out) = self.pair_sum(sum, pair, b, wanted);
            }
            if let Some(carry) = carry {
                // As limbs, so that the target sees that the upper one is zero.
                let low = self.b.ins().uextend(types::I64, carry);
                let high = self.b.ins().iconst(types::I64, 0);
                let carry = self.b.ins().iconcat(low, high);
                let (with_carry, second) = self.pair_sum(sum, pair, carry, wanted);
                out = match (out, second) {
                    (Some(first), Some(second)) => Some(self.b.ins().bor(first, second)),
                    (first, second) => first.or(second),
                };
                pair = with_carry;
            }
            carry = out;
            let (low, high) = self.b.ins().isplit(pair);
            limbs.extend([low, high]);
        }
        let carry = carry.or_else(|| wanted.then(|| self.b.ins().iconst(types::I8, 0)));
        (limbs, carry)
    }

    /// The sum or difference of two pairs of limbs; and the carry out of it, where that is wanted.
    fn pair_sum(&mut self, sum: Sum, a: Value, b: Value, wanted: bool) -> (Value, Option<Value>) {
        if !wanted {
            let pair = match sum {
                Sum::Add => self.b.ins().iadd(a, b),
                Sum::Sub => self.b.ins().isub(a, b),
            };
            return (pair, None);
        }
        let (pair, carry) = match sum {
            Sum::Add => self.b.ins().uadd_overflow(a, b),
            Sum::Sub => self.b.ins().usub_overflow(a, b),
        };
        (pair, Some(carry))
    }

    pub(super) fn add(&mut self, a: &[Value], b: &[Value]) -> Vec<Value> {
        self.sum(Sum::Add, a, b, None, false).0
    }

    pub(super) fn sub(&mut self, a: &[Value], b: &[Value]) -> Vec<Value> {
        self.sum(Sum::Sub, a, b, None, false).0
    }

    pub(super) fn neg(&mut self, a: &[Value]) -> Vec<Value> {
        let zero = self.zeros(a.len());
        self.sub(&zero, a)
    }

    /// The absolute value.
    pub(super) fn abs(&mut self, a: &[Value]) -> Vec<Value> {
        let sign = self.sign(a);
        self.neg_by(a, sign)
    }

    /// The number, or where a limb is not zero but all ones its negation.
    pub(super) fn neg_by(&mut self, a: &[Value], mask: Value) -> Vec<Value> {
        let flipped: Vec<Value> = a
            .iter()
            .map(|&limb| self.b.ins().bxor(limb, mask))
            .collect();
        self.sub(&flipped, &vec![mask; a.len()])
    }

    /// A limb of the sign's bits.
    pub(super) fn sign(&mut self, a: &[Value]) -> Value {
        let top = *a.last().expect("a word has limbs");
        self.b.ins().sshr_imm_u(top, 63)
    }

    /// Whether the highest bit of a limb is set.
    pub(super) fn is_negative(&mut self, limb: Value) -> Value {
        self.b.ins().icmp_imm_s(IntCC::SignedLessThan, limb, 0)
    }

    /// The sums and differences that say whether they overflow.
    pub(super) fn checked_sum(&mut self, op: PairOp) {
        use PairOp as P;
        let carry = match op {
            P::AddCarry | P::SubBorrow => {
                let carry = self.pop_one();
                Some(self.b.ins().icmp_imm_s(IntCC::NotEqual, carry, 0))
            }
            _ => None,
        };
        let (b, a) = (self.pop(), self.pop());
        let sum = match op {
            P::AddOverflow | P::AddOverflowU | P::AddCarry => Sum::Add,
            _ => Sum::Sub,
        };
        let signed = matches!(op, P::AddOverflow | P::SubOverflow);
        let (limbs, carry) = self.sum(sum, a.limbs(), b.limbs(), carry, !signed);
        self.push_limbs(a.ty, &limbs);
        let overflow = match carry {
            Some(carry) => carry,
            None => {
                // It can where the operands' signs are the same (or for a difference are not), and does where
                // the result's is not that of the first one.
                let top = |limbs: &[Value]| *limbs.last().expect("a word has limbs");
                let (a, b, result) = (top(a.limbs()), top(b.limbs()), top(&limbs));
                let changed = self.b.ins().bxor(a, result);
                let other = match sum {
                    Sum::Add => self.b.ins().bxor(b, result),
                    Sum::Sub => self.b.ins().bxor(a, b),
                };
                let both = self.b.ins().band(changed, other);
                self.is_negative(both)
            }
        };
        self.push_bool(overflow);
    }

    /// `i64.add128` and `i64.sub128`.
    pub(super) fn sum_of_halves(&mut self, op: PairOp) {
        let [d, c, b, a] = [(); 4].map(|()| self.pop_one());
        let limbs = match op {
            PairOp::AddHalves => self.add(&[a, b], &[c, d]),
            _ => self.sub(&[a, b], &[c, d]),
        };
        limbs
            .into_iter()
            .for_each(|limb| self.push(ValType::I64, limb));
    }

    /// Whether limbs are known to be zero.
    fn are_zeros(&self, limbs: &[Value]) -> bool {
        limbs.iter().all(|&limb| self.constant(limb) == Some(0))
    }

    /// So many limbs of zero.
    pub(super) fn zeros(&mut self, count: usize) -> Vec<Value> {
        vec![self.b.ins().iconst(types::I64, 0); count]
    }

    /// Pops two words of a type, the second one from the top of the stack.
    pub(super) fn pop_two(&mut self) -> (ValType, Vec<Value>, Vec<Value>) {
        let (b, a) = (self.pop(), self.pop());
        (a.ty, a.limbs().to_vec(), b.limbs().to_vec())
    }
}
