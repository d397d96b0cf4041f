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

/// Power, by squaring from the exponent's lowest bit up: so products and squares do not wait for each other.
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
    let (mut result, mut square) = (W::ONE, base);
    for bit in 0..bits {
        if exponent.limb_at(bit as usize / 64) >> (bit % 64) & 1 == 1 {
            result = result.mul(square);
        }
        square = square.mul(square);
    }
    result
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
