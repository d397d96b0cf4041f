//! Division: Knuth's algorithm D (The Art of Computer Programming, 4.3.1), with quotient digits from
//! products with a reciprocal (Möller and Granlund, *Improved division by invariant integers*, 2011).

use super::{add_limbs, is_negative, magnitude, mul_add_limbs, neg};
use crate::MAX_LIMBS;

#[inline]
pub(crate) fn div<const N: usize>(a: [u64; N], b: [u64; N]) -> [u64; N] {
    div_rem(a, b).0
}

#[inline]
pub(crate) fn rem<const N: usize>(a: [u64; N], b: [u64; N]) -> [u64; N] {
    div_rem(a, b).1
}

/// The quotient, rounded towards zero; the caller has excluded the one that has no representation.
#[inline]
pub(crate) fn div_signed<const N: usize>(a: [u64; N], b: [u64; N]) -> [u64; N] {
    div_rem_signed(a, b).0
}

/// The remainder, which has the dividend's sign.
#[inline]
pub(crate) fn rem_signed<const N: usize>(a: [u64; N], b: [u64; N]) -> [u64; N] {
    div_rem_signed(a, b).1
}

/// Both of the above.
pub(crate) fn div_rem_signed<const N: usize>(a: [u64; N], b: [u64; N]) -> ([u64; N], [u64; N]) {
    let (quotient, remainder) = div_rem(magnitude(a), magnitude(b));
    let signed = |limbs, negative| if negative { neg(limbs) } else { limbs };
    (
        signed(quotient, is_negative(a) != is_negative(b)),
        signed(remainder, is_negative(a)),
    )
}

/// The quotient and the remainder.
pub(crate) fn div_rem<const N: usize>(mut a: [u64; N], b: [u64; N]) -> ([u64; N], [u64; N]) {
    let mut quotient = [0; N];
    let remainder = divide(&mut a, b, &mut quotient);
    (quotient, remainder)
}

/// The remainder of a number of twice the width: its low and its high half.
pub(crate) fn rem_wide<const N: usize>(low: [u64; N], high: [u64; N], b: [u64; N]) -> [u64; N] {
    let mut a = [0; 2 * MAX_LIMBS];
    a[..N].copy_from_slice(&low);
    a[N..2 * N].copy_from_slice(&high);
    divide(&mut a[..2 * N], b, &mut [0; 2 * MAX_LIMBS])
}

/// Divides `a`, which is overwritten. The quotient has as many limbs as `a` and is zero before.
fn divide<const N: usize>(a: &mut [u64], mut b: [u64; N], quotient: &mut [u64]) -> [u64; N] {
    let len = significant(&b);
    let a_len = significant(a);
    let mut remainder = [0; N];
    if a_len < len {
        remainder[..a_len].copy_from_slice(&a[..a_len]);
        return remainder;
    }
    // The divisor's highest bit is to be set. A limb of the dividend comes of it.
    let shift = b[len - 1].leading_zeros();
    shift_left(&mut b[..len], shift);
    let top = shift_left(&mut a[..a_len], shift);
    match len {
        1 => remainder[0] = divide_by_limb(&a[..a_len], top, b[0], quotient),
        _ => {
            divide_long(&mut a[..a_len], top, &b[..len], quotient);
            remainder[..len].copy_from_slice(&a[..len]);
        }
    }
    shift_right(&mut remainder[..len], shift);
    remainder
}

/// Divides by one limb whose highest bit is set; returns the remainder.
fn divide_by_limb(a: &[u64], top: u64, divisor: u64, quotient: &mut [u64]) -> u64 {
    let inverse = reciprocal(divisor);
    let mut rest = top;
    for (digit, &limb) in quotient.iter_mut().zip(a).rev() {
        let estimate = u128::from(inverse) * u128::from(rest) + pair(rest, limb);
        let mut q = high(estimate).wrapping_add(1);
        let mut r = limb.wrapping_sub(q.wrapping_mul(divisor));
        if r > low(estimate) {
            q = q.wrapping_sub(1);
            r = r.wrapping_add(divisor);
        }
        if r >= divisor {
            q = q.wrapping_add(1);
            r -= divisor;
        }
        *digit = q;
        rest = r;
    }
    rest
}

/// Divides by two or more limbs, the highest bit of which is set; leaves the remainder in the low limbs
/// of `a`.
fn divide_long(a: &mut [u64], top: u64, b: &[u64], quotient: &mut [u64]) {
    let len = b.len();
    let divisor = pair(b[len - 1], b[len - 2]);
    let inverse = reciprocal_of_pair(divisor);
    let mut above = top;
    for j in (0..=a.len() - len).rev() {
        let rest = &mut a[j..j + len];
        let leading = pair(above, rest[len - 1]);
        let mut digit = match leading < divisor {
            true => quotient_digit(leading, rest[len - 2], divisor, inverse),
            false => u64::MAX,
        };
        let borrow = sub_product(rest, b, digit);
        if borrow > above {
            digit -= 1;
            add_back(rest, b);
        }
        quotient[j] = digit;
        above = rest[len - 1];
    }
}

/// `a -= b * digit`; returns what is to be taken from the limb above.
fn sub_product(a: &mut [u64], b: &[u64], digit: u64) -> u64 {
    let mut carry = 0;
    for (limb, &b) in a.iter_mut().zip(b) {
        let (product, above) = mul_add_limbs(b, digit, carry, 0);
        let (difference, borrow) = limb.overflowing_sub(product);
        *limb = difference;
        carry = above + u64::from(borrow);
    }
    carry
}

/// `a += b`, where the carry out of it makes up for a borrow.
fn add_back(a: &mut [u64], b: &[u64]) {
    let mut carry = false;
    for (limb, &b) in a.iter_mut().zip(b) {
        (*limb, carry) = add_limbs(*limb, b, carry);
    }
}

/// One limb of a quotient: three limbs by two, whose highest bit is set and of which the first two of the
/// three are less (algorithm 4 of the paper).
fn quotient_digit(leading: u128, next: u64, divisor: u128, inverse: u64) -> u64 {
    let estimate = u128::from(inverse) * u128::from(high(leading)) + leading;
    let q = high(estimate);
    let rest = low(leading).wrapping_sub(q.wrapping_mul(high(divisor)));
    let mut rest = pair(rest, next)
        .wrapping_sub(u128::from(low(divisor)) * u128::from(q))
        .wrapping_sub(divisor);
    let mut q = q.wrapping_add(1);
    if high(rest) >= low(estimate) {
        q = q.wrapping_sub(1);
        rest = rest.wrapping_add(divisor);
    }
    if rest >= divisor {
        q = q.wrapping_add(1);
    }
    q
}

/// `(2^128 - 1) / divisor - 2^64`, for a divisor whose highest bit is set.
fn reciprocal(divisor: u64) -> u64 {
    (pair(!divisor, u64::MAX) / u128::from(divisor)) as u64
}

/// `(2^192 - 1) / divisor - 2^64`, for a divisor whose highest bit is set (algorithm 6 of the paper).
fn reciprocal_of_pair(divisor: u128) -> u64 {
    let (d1, d0) = (high(divisor), low(divisor));
    let mut inverse = reciprocal(d1);
    let mut rest = d1.wrapping_mul(inverse).wrapping_add(d0);
    if rest < d0 {
        inverse -= 1;
        if rest >= d1 {
            inverse -= 1;
            rest -= d1;
        }
        rest = rest.wrapping_sub(d1);
    }
    let product = u128::from(inverse) * u128::from(d0);
    let (sum, overflow) = rest.overflowing_add(high(product));
    if overflow {
        inverse -= 1;
        if pair(sum, low(product)) >= divisor {
            inverse -= 1;
        }
    }
    inverse
}

fn pair(high: u64, low: u64) -> u128 {
    u128::from(high) << 64 | u128::from(low)
}

fn high(pair: u128) -> u64 {
    (pair >> 64) as u64
}

fn low(pair: u128) -> u64 {
    pair as u64
}

/// How many limbs there are without leading zeros.
fn significant(limbs: &[u64]) -> usize {
    limbs
        .iter()
        .rposition(|&limb| limb != 0)
        .map_or(0, |last| last + 1)
}

/// Shifts by less than a limb; returns the limb that comes out.
fn shift_left(limbs: &mut [u64], count: u32) -> u64 {
    let mut below = 0;
    for limb in limbs {
        let out = *limb >> 1 >> (63 - count);
        *limb = *limb << count | below;
        below = out;
    }
    below
}

/// Shifts by less than a limb.
fn shift_right(limbs: &mut [u64], count: u32) {
    let mut above = 0;
    for limb in limbs.iter_mut().rev() {
        let out = *limb << 1 << (63 - count);
        *limb = *limb >> count | above;
        above = out;
    }
}
