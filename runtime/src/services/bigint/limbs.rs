//! Arithmetic on limbs where a library's numbers would take longer to make than to compute with: sums, and
//! products of short numbers.

use std::cmp::Ordering;

/// Compares absolute values without leading zeros.
pub(super) fn compare(a: &[u64], b: &[u64]) -> Ordering {
    let by_limb = || a.iter().rev().cmp(b.iter().rev());
    a.len().cmp(&b.len()).then_with(by_limb)
}

/// Writes the sum of two numbers, the longer one first; there is room for a limb more than it has.
pub(super) fn add(out: &mut [u64], a: &[u64], b: &[u64]) {
    let mut carry = false;
    let (low, high) = a.split_at(b.len());
    let (out_low, out_high) = out.split_at_mut(b.len());
    for ((out, a), b) in out_low.iter_mut().zip(low).zip(b) {
        (*out, carry) = a.carrying_add_of(*b, carry);
    }
    for (out, a) in out_high.iter_mut().zip(high) {
        (*out, carry) = a.overflowing_add(u64::from(carry));
    }
    out_high[high.len()] = u64::from(carry);
}

/// Writes the difference of two numbers, the greater one first.
pub(super) fn sub(out: &mut [u64], a: &[u64], b: &[u64]) {
    let mut borrow = false;
    let (low, high) = a.split_at(b.len());
    let (out_low, out_high) = out.split_at_mut(b.len());
    for ((out, a), b) in out_low.iter_mut().zip(low).zip(b) {
        let (first, below) = a.overflowing_sub(*b);
        let (second, below_too) = first.overflowing_sub(u64::from(borrow));
        (*out, borrow) = (second, below | below_too);
    }
    for (out, a) in out_high.iter_mut().zip(high) {
        (*out, borrow) = a.overflowing_sub(u64::from(borrow));
    }
}

/// Sums with a carry in and out.
trait Carry: Sized {
    fn carrying_add_of(self, other: Self, carry: bool) -> (Self, bool);
}

impl Carry for u64 {
    #[inline(always)]
    fn carrying_add_of(self, other: u64, carry: bool) -> (u64, bool) {
        let (first, over) = self.overflowing_add(other);
        let (second, over_too) = first.overflowing_add(u64::from(carry));
        (second, over | over_too)
    }
}

/// `a * b + c + d` as its low and its high limb.
#[inline(always)]
fn multiply_add(a: u64, b: u64, c: u64, d: u64) -> (u64, u64) {
    let all = u128::from(a) * u128::from(b) + u128::from(c) + u128::from(d);
    (all as u64, (all >> 64) as u64)
}

/// Writes the product of two numbers to as many limbs as both have, which are zero before. Two limbs of the
/// second number are taken at a time, so that each limb of the result is read and written half as often.
pub(super) fn mul(out: &mut [u64], a: &[u64], b: &[u64]) {
    let mut pairs = b.chunks_exact(2);
    let mut at = 0;
    for pair in &mut pairs {
        mul_pair(&mut out[at..], a, [pair[0], pair[1]]);
        at += 2;
    }
    if let &[limb] = pairs.remainder() {
        let (out, rest) = out[at..].split_at_mut(a.len());
        let mut carry = 0;
        for (out, &a) in out.iter_mut().zip(a) {
            (*out, carry) = multiply_add(a, limb, *out, carry);
        }
        rest[0] = carry;
    }
}

/// Adds the product of a number and two limbs; the two limbs behind are zero before.
#[inline(always)]
fn mul_pair(out: &mut [u64], a: &[u64], b: [u64; 2]) {
    let (out, rest) = out.split_at_mut(a.len());
    // What the last limb of `a` adds to this place, and what is carried to it by either row.
    let (mut before, mut carries) = (0, [0, 0]);
    for (out, &limb) in out.iter_mut().zip(a) {
        let (low, high) = multiply_add(limb, b[0], *out, carries[0]);
        let (sum, high_too) = multiply_add(before, b[1], low, carries[1]);
        (*out, before, carries) = (sum, limb, [high, high_too]);
    }
    let (low, high) = multiply_add(before, b[1], carries[0], carries[1]);
    rest[0] = low;
    rest[1] = high;
}

#[cfg(test)]
mod tests {
    use super::*;
    use dashu_int::UBig;

    #[test]
    fn as_the_library_has_it() {
        let mut state = 1u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            // Limbs of zeros and of ones are where carries go wrong.
            match state >> 61 {
                0 => 0,
                1 => u64::MAX,
                _ => state ^ state >> 31,
            }
        };
        for turn in 0..2_000 {
            let (n, m) = (1 + turn % 40, 1 + turn / 40 % 40);
            let mut number = |len: usize| {
                let mut limbs: Vec<u64> = (0..len).map(|_| next()).collect();
                limbs[len - 1] |= 1;
                limbs
            };
            let (mut a, mut b) = (number(n), number(m));
            let [left, right] = [&a, &b].map(|limbs| UBig::from_words(limbs));
            assert_eq!(compare(&a, &b), left.cmp(&right));
            let mut out = vec![0; n + m];
            mul(&mut out, &a, &b);
            assert_eq!(UBig::from_words(&out), &left * &right);
            if left < right {
                std::mem::swap(&mut a, &mut b);
            }
            let mut out = vec![0; a.len() + 1];
            add(&mut out, &a, &b);
            assert_eq!(UBig::from_words(&out), &left + &right);
            sub(&mut out, &a, &b);
            let difference = left.clone().max(right.clone()) - left.min(right);
            assert_eq!(UBig::from_words(&out[..a.len()]), difference);
        }
    }
}
