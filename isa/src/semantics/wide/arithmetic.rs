//! Arithmetic.

use super::{Word, words};
use crate::trap::TrapCode;

words! {
    Add: (a: W, b: W) => W, a.add(b).0;
    Sub: (a: W, b: W) => W, a.sub(b).0;
    Mul: (a: W, b: W) => W, a.mul(b);
    Neg: (a: W) => W, a.neg();
    Abs: (a: W) => W, a.abs();
    Div slow [IntegerDivideByZero IntegerOverflow]: (a: W, b: W) => W, {
        nonzero(b).and_then(|b| quotient(a, b, a.abs().div(b.abs())))
    };
    DivU slow [IntegerDivideByZero]: (a: W, b: W) => W, nonzero(b).map(|b| a.div(b));
    Mod slow [IntegerDivideByZero]: (a: W, b: W) => W, {
        // That of the smallest number by -1 is 0, though the quotient overflows.
        nonzero(b).map(|b| a.abs().rem(b.abs()).neg_if(a.is_negative()))
    };
    ModU slow [IntegerDivideByZero]: (a: W, b: W) => W, nonzero(b).map(|b| a.rem(b));
    Exp slow: (a: W, b: W) => W, power(a, b);
    Isqrt slow: (a: W) => W, square_root(a);
    Gcd slow: (a: W, b: W) => W, a.gcd(b);
}

/// A divisor or modulus.
#[inline(always)]
pub(super) fn nonzero<W: Word>(divisor: W) -> Result<W, TrapCode> {
    match divisor.is_zero() {
        true => Err(TrapCode::IntegerDivideByZero),
        false => Ok(divisor),
    }
}

/// The quotient of signed numbers, from that of their absolute values.
#[inline(always)]
pub(super) fn quotient<W: Word>(a: W, b: W, magnitude: W) -> Result<W, TrapCode> {
    let negative = a.is_negative() != b.is_negative();
    match magnitude.is_negative() && !negative {
        true => Err(TrapCode::IntegerOverflow),
        false => Ok(magnitude.neg_if(negative)),
    }
}

/// Power, wrapping.
#[inline(never)]
fn power<W: Word>(base: W, exponent: W) -> W {
    let bits = W::BITS - exponent.leading_zeros();
    if base.low() & 1 == 0 && bits > W::BITS.trailing_zeros() {
        // Two to the power of the width divides it.
        return W::ZERO;
    }
    if base.equals(W::extend(1 << base.trailing_zeros().min(63), 0)) {
        // Of a power of two it is a shift, as it is of 1.
        let shift = u64::from(base.trailing_zeros()) * exponent.low();
        return if shift < W::BITS.into() {
            W::ONE.shl(shift as u32)
        } else {
            W::ZERO
        };
    }
    let low = low_bits::<W>();
    if bits < low + SERIES_GAIN {
        return power_of_low_bits(base, exponent, bits).0;
    }
    let (product, square) = power_of_low_bits(base, exponent, low);
    product.mul(power_near_one(square, exponent.shr(low, 0)))
}

/// The most bits of an exponent that are looked at together.
const WINDOW: u32 = 3;

/// The power by the exponent's lowest bits, as many as that, and the base squared so many times.
///
/// By squaring from the lowest bit up, so that products and squares do not wait for each other. Squares
/// that the exponent has the same odd digit for, of up to three bits, are multiplied with each other (Yao,
/// "On the evaluation of powers", 1976).
#[inline(always)]
fn power_of_low_bits<W: Word>(base: W, exponent: W, bits: u32) -> (W, W) {
    let bits_at = |at: u32| exponent.limb_at(at as usize / 64) >> (at % 64);
    // By half of the digit.
    let mut digits = [W::ONE; 1 << (WINDOW - 1)];
    let (mut square, mut at) = (base, 0);
    while at < bits {
        // A digit does not go beyond its limb, nor beyond the bits.
        let count = WINDOW.min(64 - at % 64).min(bits - at);
        let digit = bits_at(at) & ((1 << count) - 1);
        let step = match digit & 1 {
            0 => 1,
            _ => {
                let product = &mut digits[digit as usize / 2];
                *product = product.mul(square);
                count
            }
        };
        for _ in 0..step {
            square = square.square();
        }
        at += step;
    }
    // Those of the digit 2n + 1 are in the sum of products n times, and once in the last one.
    let (mut product, mut sum) = (W::ONE, W::ONE);
    for &digit in digits[1..].iter().rev() {
        product = product.mul(digit);
        sum = sum.mul(product);
    }
    (sum.square().mul(product).mul(digits[0]), square)
}

/// Terms of the binomial series behind its 1.
const TERMS: u32 = 6;

/// By how many bits an exponent is longer than its low part at least, for the series to take less time
/// than squares do.
const SERIES_GAIN: u32 = 20;

/// How often an odd number is squared until it is so near to 1 that the series has [`TERMS`] terms: squared
/// k times it is 1 and a multiple of 2^(k+2), whose power by one more than the terms has to be 0.
const fn low_bits<W: Word>() -> u32 {
    W::BITS.div_ceil(TERMS + 1) - 2
}

/// The power of a number that is 1 and a multiple z of 2^([`low_bits`]+2): the binomial series
/// 1 + mz(1 + (m-1)z/2(1 + (m-2)z/3(1 + ...))), in which every quotient of z is an integer.
///
/// Half of z lacks the highest bit; what stands before it in the series is a multiple of z, so that this
/// bit does not matter.
#[inline(always)]
fn power_near_one<W: Word>(base: W, exponent: W) -> W {
    // They multiply by the inverses of 3 and 5.
    let third = W::extend(0xaaaa_aaaa_aaaa_aaab, 0xaaaa_aaaa_aaaa_aaaa);
    let fifth = W::extend(0xcccc_cccc_cccc_cccd, 0xcccc_cccc_cccc_cccc);
    let z = base.sub(W::ONE).0;
    let z_by_3 = z.mul(third);
    let quotients = [
        z,
        z.shr(1, 0),
        z_by_3,
        z.shr(2, 0),
        z.mul(fifth),
        z_by_3.shr(1, 0),
    ];
    let mut sum = W::ONE;
    for (at, quotient) in quotients.into_iter().enumerate().rev() {
        let factor = exponent.sub(W::extend(at as u64, 0)).0;
        sum = factor.mul(quotient).mul(sum).add(W::ONE).0;
    }
    sum
}

/// Square root, by Newton's method from above, starting with that of the highest 64 bits.
#[inline(never)]
fn square_root<W: Word>(a: W) -> W {
    let bits = W::BITS - a.leading_zeros();
    if bits <= 64 {
        return W::extend(a.low().isqrt(), 0);
    }
    // Even, so that its half is what the root is shifted by.
    let shift = (bits - 63) & !1;
    let above = a.shr(shift, 0).low().isqrt() + 1;
    let mut root = W::extend(above, 0).shl(shift / 2);
    loop {
        let next = root.add(a.div(root));
        let next = next.0.shr(1, 0);
        if !next.sub(root).1 {
            return root;
        }
        root = next;
    }
}
