//! Unsigned integers of any number of limbs, and as two's complement.

use std::ops::{BitAnd, BitOr, BitXor, Not};

use ruint::Uint;

use crate::semantics::{Immediates, Lane, Operand, Operands};
use crate::types::ValType;

impl<const BITS: usize, const LIMBS: usize> Operand for Uint<BITS, LIMBS> {
    const TYPE: ValType = match BITS {
        64 => ValType::I64,
        128 => ValType::I128,
        256 => ValType::I256,
        _ => ValType::I512,
    };
    #[inline(always)]
    fn to_slots(self, put: &mut impl FnMut(u64)) {
        self.as_limbs().iter().for_each(|&limb| put(limb));
    }
    #[inline(always)]
    fn from_slots(next: &mut impl FnMut() -> u64) -> Uint<BITS, LIMBS> {
        limbs(|_| next())
    }
}

/// Divides numbers given by their limbs, the second of which is not zero: they become the quotient and the
/// remainder.
#[inline(always)]
pub fn divide_limbs<const LIMBS: usize>(a: &mut [u64; LIMBS], b: &mut [u64; LIMBS]) {
    // By limbs: `ruint`'s own function first reads vectors, for which the processor has to wait where limbs were
    // just written one by one.
    ruint::algorithms::div(a, b);
}

/// An integer of one of the widths that words have, or of 64 bits.
///
/// Operators are those of unsigned integers. All functions that are not called slow are
/// inlined however a build divides crates into codegen units: see [`array_of`](crate::semantics).
pub trait Word:
    Operand + BitAnd<Output = Self> + BitOr<Output = Self> + BitXor<Output = Self> + Not<Output = Self>
{
    /// Its limbs, as operands.
    type Limbs: Operands;
    /// The number of a limb.
    type Limb: Immediates;
    /// Its width.
    const BITS: u32;
    /// 0
    const ZERO: Self;
    /// 1
    const ONE: Self;

    /// The number with these limbs.
    fn from_limbs(limbs: Self::Limbs) -> Self;
    /// A limb.
    fn limb(self, number: Self::Limb) -> u64;
    /// The low 64 bits.
    fn low(self) -> u64;
    /// A number of 64 bits, with these limbs above it.
    fn extend(low: u64, above: u64) -> Self;
    /// The low limbs of a number that is wider, or all of it and such limbs above.
    fn resize<F: Word>(from: F, above: u64) -> Self;
    /// Whether all bits are zero.
    fn is_zero(self) -> bool;
    /// The limb at an index, or 0 where there is none.
    fn limb_at(self, at: usize) -> u64;
    /// Whether the highest bit is set.
    fn is_negative(self) -> bool;
    /// Sum, and whether it wrapped.
    fn add(self, other: Self) -> (Self, bool);
    /// Difference, and whether it wrapped.
    fn sub(self, other: Self) -> (Self, bool);
    /// Wrapping product.
    fn mul(self, other: Self) -> Self;
    /// Wrapping product with itself.
    fn square(self) -> Self;
    /// Product: its lower and its upper half.
    fn mul_wide(self, other: Self) -> (Self, Self);
    /// Shifted left by less than the width.
    fn shl(self, count: u32) -> Self;
    /// Shifted right by less than the width, the limb filling what becomes free.
    fn shr(self, count: u32, above: u64) -> Self;
    /// Number of leading zero bits.
    fn leading_zeros(self) -> u32;
    /// Number of trailing zero bits.
    fn trailing_zeros(self) -> u32;
    /// Number of one bits.
    fn count_ones(self) -> u32;
    /// The bytes in reverse order.
    fn swap_bytes(self) -> Self;
    /// Quotient by a number that is not zero: slow.
    fn div(self, divisor: Self) -> Self;
    /// Remainder by a number that is not zero: slow.
    fn rem(self, divisor: Self) -> Self;
    /// Both of these: slow.
    fn div_rem(self, divisor: Self) -> (Self, Self);
    /// Quotient of a number of two words, lower and upper one, of which the upper one is less than the
    /// divisor: slow.
    fn quotient_wide(low: Self, high: Self, divisor: Self) -> Self;
    /// Remainder of the sum by a number that is not zero: slow.
    fn add_mod(self, other: Self, modulus: Self) -> Self;
    /// Remainder of the product by a number that is not zero: slow.
    fn mul_mod(self, other: Self, modulus: Self) -> Self;
    /// Montgomery's product by an odd modulus, which both operands are below; `inverse` is that of the
    /// modulus' negative by 2^64. Slow.
    fn mul_redc(self, other: Self, modulus: Self, inverse: u64) -> Self;
    /// The inverse by a modulus that is not zero: slow.
    fn inv_mod(self, modulus: Self) -> Option<Self>;
    /// Greatest common divisor: slow.
    fn gcd(self, other: Self) -> Self;

    /// Whether it is that number.
    #[inline(always)]
    fn equals(self, other: Self) -> bool {
        (self ^ other).is_zero()
    }

    /// A limb of the sign's bits.
    #[inline(always)]
    fn sign(self) -> u64 {
        if self.is_negative() { u64::MAX } else { 0 }
    }

    /// Two's complement negation, wrapping.
    #[inline(always)]
    fn neg(self) -> Self {
        Self::ZERO.sub(self).0
    }

    /// It, or its negation.
    #[inline(always)]
    fn neg_if(self, condition: bool) -> Self {
        let ones = if condition { u64::MAX } else { 0 };
        let mask = Self::extend(ones, ones);
        (self ^ mask).sub(mask).0
    }

    /// Absolute value, which is right as an unsigned number.
    #[inline(always)]
    fn abs(self) -> Self {
        self.neg_if(self.is_negative())
    }

    /// The smallest signed number.
    #[inline(always)]
    fn least() -> Self {
        Self::ONE.shl(Self::BITS - 1)
    }
}

impl<const BITS: usize, const LIMBS: usize> Word for Uint<BITS, LIMBS>
where
    Lane<LIMBS>: Immediates,
{
    type Limbs = [u64; LIMBS];
    type Limb = Lane<LIMBS>;
    const BITS: u32 = BITS as u32;
    const ZERO: Self = Self::ZERO;
    const ONE: Self = Self::ONE;

    #[inline(always)]
    fn from_limbs(limbs: [u64; LIMBS]) -> Self {
        Self::from_limbs(limbs)
    }

    #[inline(always)]
    fn limb(self, number: Lane<LIMBS>) -> u64 {
        self.as_limbs()[number.index()]
    }

    #[inline(always)]
    fn low(self) -> u64 {
        self.as_limbs()[0]
    }

    #[inline(always)]
    fn extend(low: u64, above: u64) -> Self {
        limbs(|i| if i == 0 { low } else { above })
    }

    #[inline(always)]
    fn resize<F: Word>(from: F, above: u64) -> Self {
        limbs(|i| match i < F::SLOTS {
            true => from.limb_at(i),
            false => above,
        })
    }

    #[inline(always)]
    fn is_zero(self) -> bool {
        // In registers: comparing arrays may be a call.
        self.as_limbs().iter().fold(0, |all, limb| all | limb) == 0
    }

    #[inline(always)]
    fn limb_at(self, at: usize) -> u64 {
        self.as_limbs().get(at).copied().unwrap_or(0)
    }

    #[inline(always)]
    fn is_negative(self) -> bool {
        self.as_limbs()[LIMBS - 1] >> 63 != 0
    }

    #[inline(always)]
    fn add(self, other: Self) -> (Self, bool) {
        let (a, b, mut carry) = (self.as_limbs(), other.as_limbs(), false);
        let sum = limbs(|i| {
            let (sum, first) = a[i].overflowing_add(b[i]);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            carry = first | second;
            sum
        });
        (sum, carry)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> (Self, bool) {
        let (a, b, mut borrow) = (self.as_limbs(), other.as_limbs(), false);
        let difference = limbs(|i| {
            let (difference, first) = a[i].overflowing_sub(b[i]);
            let (difference, second) = difference.overflowing_sub(u64::from(borrow));
            borrow = first | second;
            difference
        });
        (difference, borrow)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let (a, b, mut product) = (self.as_limbs(), other.as_limbs(), [0; LIMBS]);
        for i in 0..LIMBS {
            let mut carry = 0;
            for j in 0..LIMBS - i {
                (product[i + j], carry) = multiply(a[j], b[i], product[i + j], carry);
            }
        }
        Self::from_limbs(product)
    }

    #[inline(always)]
    fn square(self) -> Self {
        let (a, mut product) = (self.as_limbs(), [0; LIMBS]);
        // Products of different limbs are there twice.
        for i in 0..LIMBS.div_ceil(2) {
            let mut carry = 0;
            for j in i + 1..LIMBS - i {
                (product[i + j], carry) = multiply(a[j], a[i], product[i + j], carry);
            }
        }
        for i in (1..LIMBS).rev() {
            product[i] = product[i] << 1 | product[i - 1] >> 63;
        }
        product[0] <<= 1;
        let mut carry = 0;
        for i in 0..LIMBS.div_ceil(2) {
            let (low, high) = multiply(a[i], a[i], product[2 * i], carry);
            product[2 * i] = low;
            if let Some(next) = product.get_mut(2 * i + 1) {
                let (sum, wrapped) = next.overflowing_add(high);
                *next = sum;
                carry = wrapped.into();
            }
        }
        Self::from_limbs(product)
    }

    #[inline(always)]
    fn mul_wide(self, other: Self) -> (Self, Self) {
        let (a, b) = (self.as_limbs(), other.as_limbs());
        let (mut low, mut high) = ([0; LIMBS], [0; LIMBS]);
        for i in 0..LIMBS {
            let mut carry = 0;
            for j in 0..LIMBS {
                let place = match i + j < LIMBS {
                    true => &mut low[i + j],
                    false => &mut high[i + j - LIMBS],
                };
                (*place, carry) = multiply(a[j], b[i], *place, carry);
            }
            high[i] = carry;
        }
        (Self::from_limbs(low), Self::from_limbs(high))
    }

    #[inline(always)]
    fn shl(self, count: u32) -> Self {
        let (limb_shift, count) = (count as usize / 64, count % 64);
        let limb = |i: usize| match i >= limb_shift {
            true => self.limb_at(i - limb_shift),
            false => 0,
        };
        // The limb below is shifted twice, since by 64 bits it cannot be.
        let below = |i: usize| match i {
            0 => 0,
            _ => limb(i - 1) >> 1 >> (63 - count),
        };
        limbs(|i| limb(i) << count | below(i))
    }

    #[inline(always)]
    fn shr(self, count: u32, above: u64) -> Self {
        let (limb_shift, count) = (count as usize / 64, count % 64);
        let limb = |i: usize| match i + limb_shift < LIMBS {
            true => self.limb_at(i + limb_shift),
            false => above,
        };
        limbs(|i| limb(i) >> count | limb(i + 1) << 1 << (63 - count))
    }

    #[inline(always)]
    fn leading_zeros(self) -> u32 {
        let (mut zeros, mut all) = (0, true);
        for limb in self.as_limbs().iter().rev() {
            zeros += if all { limb.leading_zeros() } else { 0 };
            all &= *limb == 0;
        }
        zeros
    }

    #[inline(always)]
    fn trailing_zeros(self) -> u32 {
        let (mut zeros, mut all) = (0, true);
        for limb in self.as_limbs() {
            zeros += if all { limb.trailing_zeros() } else { 0 };
            all &= *limb == 0;
        }
        zeros
    }

    #[inline(always)]
    fn count_ones(self) -> u32 {
        self.as_limbs().iter().map(|limb| limb.count_ones()).sum()
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        limbs(|i| self.as_limbs()[LIMBS - 1 - i].swap_bytes())
    }

    #[inline(always)]
    fn div(self, divisor: Self) -> Self {
        match (native(self), native(divisor)) {
            (Some(a), Some(b)) => from_native(a.checked_div(b).unwrap_or(0)),
            _ => Word::div_rem(self, divisor).0,
        }
    }

    #[inline(always)]
    fn rem(self, divisor: Self) -> Self {
        match (native(self), native(divisor)) {
            (Some(a), Some(b)) => from_native(a.checked_rem(b).unwrap_or(0)),
            _ => Word::div_rem(self, divisor).1,
        }
    }

    #[inline(always)]
    fn div_rem(self, divisor: Self) -> (Self, Self) {
        match LIMBS {
            2 => {
                let quotient = Word::div(self, divisor);
                (quotient, Word::sub(self, Word::mul(quotient, divisor)).0)
            }
            _ => {
                let (mut quotient, mut remainder) = (*self.as_limbs(), *divisor.as_limbs());
                divide_limbs(&mut quotient, &mut remainder);
                (Self::from_limbs(quotient), Self::from_limbs(remainder))
            }
        }
    }

    #[inline(never)]
    fn quotient_wide(low: Self, high: Self, divisor: Self) -> Self {
        let mut quotient = [*low.as_limbs(), *high.as_limbs()];
        let mut remainder = *divisor.as_limbs();
        ruint::algorithms::div(quotient.as_flattened_mut(), &mut remainder);
        Self::from_limbs(quotient[0])
    }

    #[inline(always)]
    fn add_mod(self, other: Self, modulus: Self) -> Self {
        self.add_mod(other, modulus)
    }

    #[inline(always)]
    fn mul_mod(self, other: Self, modulus: Self) -> Self {
        self.mul_mod(other, modulus)
    }

    #[inline(always)]
    fn mul_redc(self, other: Self, modulus: Self, inverse: u64) -> Self {
        self.mul_redc(other, modulus, inverse)
    }

    #[inline(never)]
    fn inv_mod(self, modulus: Self) -> Option<Self> {
        self.inv_mod(modulus)
    }

    #[inline(never)]
    fn gcd(self, other: Self) -> Self {
        self.gcd(other)
    }
}

/// A number of 128 bits as the compiler has them, for which it knows the processor's division.
#[inline(always)]
fn native<const BITS: usize, const LIMBS: usize>(a: Uint<BITS, LIMBS>) -> Option<u128> {
    match *a.as_limbs().as_slice() {
        [low, high] => Some(u128::from(low) | u128::from(high) << 64),
        _ => None,
    }
}

#[inline(always)]
fn from_native<const BITS: usize, const LIMBS: usize>(a: u128) -> Uint<BITS, LIMBS> {
    limbs(|i| if i == 0 { a as u64 } else { (a >> 64) as u64 })
}

/// The number with the limbs that a function says, from the lowest one on.
#[inline(always)]
pub(super) fn limbs<const BITS: usize, const LIMBS: usize>(
    mut limb: impl FnMut(usize) -> u64,
) -> Uint<BITS, LIMBS> {
    let mut limbs = [0; LIMBS];
    for (i, place) in limbs.iter_mut().enumerate() {
        *place = limb(i);
    }
    Uint::from_limbs(limbs)
}

/// `a * b + c + d`, which fits two limbs: the lower and the upper one.
#[inline(always)]
fn multiply(a: u64, b: u64, c: u64, d: u64) -> (u64, u64) {
    let product = u128::from(a) * u128::from(b) + u128::from(c) + u128::from(d);
    (product as u64, (product >> 64) as u64)
}
