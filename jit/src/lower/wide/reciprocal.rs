//! Division by constants that are no powers of two: products with their reciprocals (Granlund and Montgomery,
//! "Division by Invariant Integers using Multiplication", 1994).

use cranelift_codegen::ir::{InstBuilder, Value, types};
use ruint::Uint;

use super::super::{Lowerer, Operand};

/// Any word, and what is computed of it on the way: two to the power of twice the width at most.
type Number = Uint<1088, 17>;

/// A constant divisor. The quotient of `n` is the product of the reciprocal and `n / 2^before`, divided by two to
/// the power of the width and of `after`.
#[derive(Debug)]
pub(super) struct Divisor {
    before: u32,
    reciprocal: Vec<u64>,
    /// Whether the reciprocal has one bit more than the width, which is not among its limbs.
    is_long: bool,
    after: u32,
    /// Whether it is negative; the rest is about its absolute value.
    is_negative: bool,
}

impl Divisor {
    /// Where that is neither 0 nor, with its sign or without, a power of two.
    fn new(limbs: &[u64], signed: bool) -> Option<Divisor> {
        let bits = limbs.len() * 64;
        let number = Number::from_limbs_slice(limbs);
        let is_negative = signed && number.bit(bits - 1);
        let magnitude = match is_negative {
            true => (Number::ONE << bits) - number,
            false => number,
        };
        if magnitude.count_ones() <= 1 {
            return None;
        }
        let mut before = 0;
        let (mut reciprocal, mut after) = reciprocal(magnitude, bits, bits);
        if reciprocal.bit(bits) {
            // The fewer bits there are to divide, the fewer does the reciprocal need.
            before = magnitude.trailing_zeros();
            if before > 0 {
                (reciprocal, after) = self::reciprocal(magnitude >> before, bits, bits - before);
            }
        }
        Some(Divisor {
            before: before as u32,
            reciprocal: reciprocal.as_limbs()[..limbs.len()].to_vec(),
            is_long: reciprocal.bit(bits),
            after: after as u32,
            is_negative,
        })
    }
}

/// The least `m` and `s` with which `m * n / 2^(bits + s)` is the quotient of every `n` of so many bits.
fn reciprocal(divisor: Number, bits: usize, bits_of_n: usize) -> (Number, usize) {
    let mut after = (divisor - Number::ONE).bit_len();
    let one = Number::ONE << (bits + after);
    let mut low = one / divisor;
    let mut high = (one + (one >> bits_of_n)) / divisor;
    while after > 0 && low >> 1_usize < high >> 1_usize {
        (low, high, after) = (low >> 1_usize, high >> 1_usize, after - 1);
    }
    (high, after)
}

impl Lowerer<'_, '_> {
    /// An operand that is a constant to be divided by.
    pub(super) fn divisor(&self, operand: &Operand, signed: bool) -> Option<Divisor> {
        let limbs = operand.limbs().iter().map(|&limb| self.constant(limb));
        let limbs: Vec<u64> = limbs.collect::<Option<_>>()?;
        Divisor::new(&limbs, signed)
    }

    /// Quotient and remainder by a constant, whose limbs `b` are.
    pub(super) fn divide_by(
        &mut self,
        divisor: &Divisor,
        signed: bool,
        a: &[Value],
        b: &[Value],
    ) -> (Vec<Value>, Vec<Value>) {
        if !signed {
            let quotient = self.quotient_by(divisor, a);
            let product = self.product(&quotient, b, b.len());
            return (quotient, self.sub(a, &product));
        }
        let sign = self.sign(a);
        let magnitude = self.neg_by(a, sign);
        let quotient = self.quotient_by(divisor, &magnitude);
        let sign = match divisor.is_negative {
            true => self.b.ins().bnot(sign),
            false => sign,
        };
        let quotient = self.neg_by(&quotient, sign);
        let product = self.product(&quotient, b, b.len());
        (quotient, self.sub(a, &product))
    }

    /// Quotient of an unsigned number.
    fn quotient_by(&mut self, divisor: &Divisor, a: &[Value]) -> Vec<Value> {
        let limbs = divisor.reciprocal.iter();
        let reciprocal: Vec<Value> = limbs
            .map(|limb| self.b.ins().iconst(types::I64, limb.cast_signed()))
            .collect();
        let zero = self.b.ins().iconst(types::I64, 0);
        let a = self.shifted_right(a, divisor.before, zero);
        let upper = self
            .product(&a, &reciprocal, 2 * a.len())
            .split_off(a.len());
        if !divisor.is_long {
            return self.shifted_right(&upper, divisor.after, zero);
        }
        // The number itself is to be added, which could overflow: it is halved as far as it is more.
        let rest = self.sub(&a, &upper);
        let half = self.shifted_right(&rest, 1, zero);
        let sum = self.add(&upper, &half);
        self.shifted_right(&sum, divisor.after - 1, zero)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What machine code computes.
    fn quotient(divisor: &Divisor, n: Number, bits: usize) -> Number {
        let n = n >> divisor.before;
        let upper = (n * Number::from_limbs_slice(&divisor.reciprocal)) >> bits;
        match divisor.is_long {
            false => upper >> divisor.after,
            true => (upper + ((n - upper) >> 1_usize)) >> (divisor.after - 1),
        }
    }

    /// The places where quotients change, for divisors of every length: long, even, near powers of two.
    #[test]
    fn quotients_are_exact() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        let mut kinds = [0; 3];
        for limbs in [2, 4, 8] {
            let bits = limbs * 64;
            let all = (Number::ONE << bits) - Number::ONE;
            for length in 2..=bits {
                let least = Number::ONE << (length - 1);
                let any: Vec<u64> = (0..limbs).map(|_| next()).collect();
                let any: Number = Number::from_limbs_slice(&any) >> (bits - length);
                let any: Number = any | least;
                let ends = [least + Number::ONE, (least << 1_usize) - Number::ONE];
                let even = (any >> 1_usize) << 1_usize;
                for d in [any, even, ends[0], ends[1]] {
                    let Some(divisor) = Divisor::new(&d.as_limbs()[..limbs], false) else {
                        assert_eq!(d.count_ones(), 1);
                        continue;
                    };
                    kinds[0] += usize::from(divisor.is_long);
                    kinds[1] += usize::from(divisor.before > 0);
                    kinds[2] += usize::from(!divisor.is_long && divisor.before == 0);
                    let most = all / d;
                    let some = Number::from(next()) % (most + Number::ONE);
                    for multiple in [Number::ONE, some, most] {
                        let n = multiple * d;
                        for n in [n.saturating_sub(Number::ONE), n, n + Number::ONE, all] {
                            if n <= all {
                                assert_eq!(quotient(&divisor, n, bits), n / d, "{n} by {d}");
                            }
                        }
                    }
                }
            }
        }
        assert!(kinds.iter().all(|&count| count > 100), "{kinds:?}");
    }
}
