//! Arithmetic on limbs for any target, lowest limb first. Divisors and moduli are never zero, shift
//! counts always below the width: whoever calls has looked.

mod div;
mod modular;
mod root;

pub(crate) use div::{div, div_rem, div_rem_signed, div_signed, rem, rem_signed};
pub(crate) use modular::{add_mod, exp, inv_mod, mul_mod, pow_mod};
pub(crate) use root::{gcd, isqrt};

/// The sum of two limbs and a carry, and the carry out of it.
#[inline(always)]
fn add_limbs(a: u64, b: u64, carry: bool) -> (u64, bool) {
    let (sum, first) = a.overflowing_add(b);
    let (sum, second) = sum.overflowing_add(u64::from(carry));
    (sum, first | second)
}

/// The difference of two limbs and a borrow, and the borrow out of it.
#[inline(always)]
fn sub_limbs(a: u64, b: u64, borrow: bool) -> (u64, bool) {
    let (difference, first) = a.overflowing_sub(b);
    let (difference, second) = difference.overflowing_sub(u64::from(borrow));
    (difference, first | second)
}

/// `a * b + c + d`, which has no more than two limbs: the low and the high one.
#[inline(always)]
fn mul_add_limbs(a: u64, b: u64, c: u64, d: u64) -> (u64, u64) {
    let wide = u128::from(a) * u128::from(b) + u128::from(c) + u128::from(d);
    (wide as u64, (wide >> 64) as u64)
}

#[inline(always)]
pub(crate) fn add_carry<const N: usize>(
    a: [u64; N],
    b: [u64; N],
    mut carry: bool,
) -> ([u64; N], bool) {
    let mut sum = [0; N];
    for i in 0..N {
        (sum[i], carry) = add_limbs(a[i], b[i], carry);
    }
    (sum, carry)
}

#[inline(always)]
pub(crate) fn sub_borrow<const N: usize>(
    a: [u64; N],
    b: [u64; N],
    mut borrow: bool,
) -> ([u64; N], bool) {
    let mut difference = [0; N];
    for i in 0..N {
        (difference[i], borrow) = sub_limbs(a[i], b[i], borrow);
    }
    (difference, borrow)
}

#[inline(always)]
pub(crate) fn add<const N: usize>(a: [u64; N], b: [u64; N]) -> [u64; N] {
    add_carry(a, b, false).0
}

#[inline(always)]
pub(crate) fn sub<const N: usize>(a: [u64; N], b: [u64; N]) -> [u64; N] {
    sub_borrow(a, b, false).0
}

/// Two's complement.
#[inline(always)]
pub(crate) fn neg<const N: usize>(a: [u64; N]) -> [u64; N] {
    sub([0; N], a)
}

#[inline(always)]
pub(crate) fn mul<const N: usize>(a: [u64; N], b: [u64; N]) -> [u64; N] {
    let mut product = [0; N];
    for i in 0..N {
        let mut carry = 0;
        for j in 0..N - i {
            (product[i + j], carry) = mul_add_limbs(a[i], b[j], product[i + j], carry);
        }
    }
    product
}

/// The whole product: its low and its high half.
#[inline(always)]
pub(crate) fn mul_wide<const N: usize>(a: [u64; N], b: [u64; N]) -> ([u64; N], [u64; N]) {
    let (mut low, mut high) = ([0; N], [0; N]);
    for i in 0..N {
        let mut carry = 0;
        for j in 0..N - i {
            (low[i + j], carry) = mul_add_limbs(a[i], b[j], low[i + j], carry);
        }
        for j in N - i..N {
            (high[i + j - N], carry) = mul_add_limbs(a[i], b[j], high[i + j - N], carry);
        }
        high[i] = carry;
    }
    (low, high)
}

/// The product, and whether it has lost bits.
#[inline(always)]
pub(crate) fn mul_overflow<const N: usize>(a: [u64; N], b: [u64; N]) -> ([u64; N], bool) {
    let (low, high) = mul_wide(a, b);
    (low, !is_zero(high))
}

/// The product of signed numbers, and whether it is another one than it should be.
pub(crate) fn mul_overflow_signed<const N: usize>(a: [u64; N], b: [u64; N]) -> ([u64; N], bool) {
    let negative = is_negative(a) != is_negative(b);
    let (product, overflow) = mul_overflow(magnitude(a), magnitude(b));
    let product = if negative { neg(product) } else { product };
    let wrong_sign = is_negative(product) != negative && !is_zero(product);
    (product, overflow | wrong_sign)
}

#[inline(always)]
pub(crate) fn shl<const N: usize>(a: [u64; N], count: u32) -> [u64; N] {
    let (limbs, bits) = ((count / 64) as usize, count % 64);
    let mut shifted = [0; N];
    for i in limbs..N {
        shifted[i] = a[i - limbs] << bits;
        if i > limbs {
            // In two steps, since a shift by 64 bits is none.
            shifted[i] |= a[i - limbs - 1] >> 1 >> (63 - bits);
        }
    }
    shifted
}

/// A shift to the right that lets limbs of `fill` in.
#[inline(always)]
fn shift_right<const N: usize>(a: [u64; N], count: u32, fill: u64) -> [u64; N] {
    let (limbs, bits) = ((count / 64) as usize, count % 64);
    let mut shifted = [fill; N];
    for i in 0..N - limbs {
        let above = if i + limbs + 1 < N {
            a[i + limbs + 1]
        } else {
            fill
        };
        shifted[i] = a[i + limbs] >> bits | above << 1 << (63 - bits);
    }
    shifted
}

#[inline(always)]
pub(crate) fn shr<const N: usize>(a: [u64; N], count: u32) -> [u64; N] {
    shift_right(a, count, 0)
}

#[inline(always)]
pub(crate) fn shr_signed<const N: usize>(a: [u64; N], count: u32) -> [u64; N] {
    shift_right(a, count, if is_negative(a) { u64::MAX } else { 0 })
}

#[inline(always)]
pub(crate) fn rotl<const N: usize>(a: [u64; N], count: u32) -> [u64; N] {
    let (limbs, bits) = ((count / 64) as usize, count % 64);
    let mut rotated = [0; N];
    for (i, limb) in rotated.iter_mut().enumerate() {
        let from = (i + N - limbs) % N;
        *limb = a[from] << bits | a[(from + N - 1) % N] >> 1 >> (63 - bits);
    }
    rotated
}

#[inline(always)]
pub(crate) fn rotr<const N: usize>(a: [u64; N], count: u32) -> [u64; N] {
    match count {
        0 => a,
        _ => rotl(a, 64 * N as u32 - count),
    }
}

/// Whether bit `index`, which is below the width, is set.
#[inline(always)]
pub(crate) fn bit<const N: usize>(a: [u64; N], index: u32) -> bool {
    a[(index / 64) as usize] >> (index % 64) & 1 == 1
}

/// Whether `a` is less than `b`.
#[inline(always)]
pub(crate) fn lt<const N: usize>(a: [u64; N], b: [u64; N]) -> bool {
    sub_borrow(a, b, false).1
}

/// The same for signed numbers.
#[inline(always)]
pub(crate) fn lt_signed<const N: usize>(a: [u64; N], b: [u64; N]) -> bool {
    lt(flip_sign(a), flip_sign(b))
}

/// Exchanges signs, which brings signed numbers into the order of unsigned ones.
#[inline(always)]
fn flip_sign<const N: usize>(mut a: [u64; N]) -> [u64; N] {
    a[N - 1] ^= 1 << 63;
    a
}

#[inline(always)]
pub(crate) fn is_zero<const N: usize>(a: [u64; N]) -> bool {
    let mut bits = 0;
    for limb in a {
        bits |= limb;
    }
    bits == 0
}

#[inline(always)]
pub(crate) fn is_negative<const N: usize>(a: [u64; N]) -> bool {
    a[N - 1] >> 63 == 1
}

/// The absolute value of a signed number, unsigned.
#[inline(always)]
pub(crate) fn magnitude<const N: usize>(a: [u64; N]) -> [u64; N] {
    if is_negative(a) {
        neg(a)
    } else {
        a
    }
}

/// The number that is one limb.
#[inline(always)]
fn from_limb<const N: usize>(limb: u64) -> [u64; N] {
    let mut limbs = [0; N];
    limbs[0] = limb;
    limbs
}

/// How many bits a number has without leading zeros.
#[inline(always)]
fn bit_len<const N: usize>(a: [u64; N]) -> u32 {
    for i in (0..N).rev() {
        if a[i] != 0 {
            return 64 * i as u32 + 64 - a[i].leading_zeros();
        }
    }
    0
}
