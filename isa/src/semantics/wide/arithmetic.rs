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

/// The most bits of an exponent that are looked at together.
const WINDOW: u32 = 4;

/// Power, by squaring from the exponent's lowest bit up, so that products and squares do not wait for each
/// other. Squares that the exponent has the same odd digit for, of up to four bits, are multiplied with each
/// other (Yao, "On the evaluation of powers", 1976).
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
    let bits_at = |at: u32| exponent.limb_at(at as usize / 64) >> (at % 64);
    // By half of the digit.
    let mut digits = [W::ONE; 1 << (WINDOW - 1)];
    let (mut square, mut at) = (base, 0);
    while at < bits {
        // A digit does not go beyond its limb.
        let count = WINDOW.min(64 - at % 64);
        let digit = bits_at(at) & ((1 << count) - 1);
        let step = match digit & 1 {
            0 => 1,
            _ => {
                let product = &mut digits[digit as usize / 2];
                *product = product.mul(square);
                count
            }
        };
        for _ in 0..step.min(bits - at) {
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
    sum.square().mul(product).mul(digits[0])
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
