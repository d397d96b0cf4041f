//! Arithmetic by a modulus.

use super::arithmetic::nonzero;
use super::{U64, Word, reciprocal, words};

words! {
    AddMod slow [IntegerDivideByZero]: (a: W, b: W, m: W) => W, nonzero(m).map(|m| a.add_mod(b, m));
    MulMod slow [IntegerDivideByZero]: (a: W, b: W, m: W) => W, nonzero(m).map(|m| reciprocal::product(a, b, m));
    PowMod slow [IntegerDivideByZero]: (a: W, b: W, m: W) => W, nonzero(m).map(|m| power(a, b, m));
    InvMod slow [IntegerDivideByZero]: (a: W, m: W) => W, nonzero(m).map(|m| a.inv_mod(m).unwrap_or(W::ZERO));
}

/// Power, by squaring from the exponent's highest bit down; by Montgomery's products where the modulus is
/// odd.
#[inline(never)]
fn power<W: Word>(base: W, exponent: W, modulus: W) -> W {
    if modulus.equals(W::ONE) {
        return W::ZERO;
    }
    if modulus.low() & 1 == 0 {
        let base = base.rem(modulus);
        return raise(base, exponent, W::ONE, |a, b| a.mul_mod(b, modulus));
    }
    let inverse = U64::from(modulus.low()).inv_ring().expect("it is odd");
    let inverse = Word::low(inverse.wrapping_neg());
    // What stands for 1 is the remainder of the number behind the largest one, and so for the base.
    let one = (!W::ZERO).add_mod(W::ONE, modulus);
    let base = base.mul_mod(one, modulus);
    let power = raise(base, exponent, one, |a, b| a.mul_redc(b, modulus, inverse));
    power.mul_redc(W::ONE, modulus, inverse)
}

/// Power by some product, which has `one` as its neutral element.
#[inline(always)]
fn raise<W: Word>(base: W, exponent: W, one: W, product: impl Fn(W, W) -> W) -> W {
    let mut result = one;
    for bit in (0..W::BITS - exponent.leading_zeros()).rev() {
        result = product(result, result);
        if exponent.limb_at(bit as usize / 64) >> (bit % 64) & 1 == 1 {
            result = product(result, base);
        }
    }
    result
}
