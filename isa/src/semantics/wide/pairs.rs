//! Operations with two results.

use super::arithmetic::{nonzero, quotient};
use super::{Word, words};

words! {
    AddOverflow: (a: W, b: W) => (W, u32), {
        let (sum, _) = a.add(b);
        // Only where both signs are the same it can, and then the sum's is another.
        (sum, u32::from(((a ^ sum) & (b ^ sum)).is_negative()))
    };
    AddOverflowU: (a: W, b: W) => (W, u32), flagged(a.add(b));
    SubOverflow: (a: W, b: W) => (W, u32), {
        let (difference, _) = a.sub(b);
        (difference, u32::from(((a ^ b) & (a ^ difference)).is_negative()))
    };
    SubOverflowU: (a: W, b: W) => (W, u32), flagged(a.sub(b));
    MulOverflow: (a: W, b: W) => (W, u32), {
        let (low, high) = signed_product(a, b);
        (low, u32::from(!high.equals(W::extend(low.sign(), low.sign()))))
    };
    MulOverflowU: (a: W, b: W) => (W, u32), {
        let (low, high) = a.mul_wide(b);
        (low, u32::from(!high.is_zero()))
    };
    AddCarry: (a: W, b: W, carry: u32) => (W, u32), {
        let ((sum, first), carry) = (a.add(b), u64::from(carry != 0));
        let (sum, second) = sum.add(W::extend(carry, 0));
        (sum, u32::from(first | second))
    };
    SubBorrow: (a: W, b: W, borrow: u32) => (W, u32), {
        let ((difference, first), borrow) = (a.sub(b), u64::from(borrow != 0));
        let (difference, second) = difference.sub(W::extend(borrow, 0));
        (difference, u32::from(first | second))
    };
    MulWide: (a: W, b: W) => (W, W), signed_product(a, b);
    MulWideU: (a: W, b: W) => (W, W), a.mul_wide(b);
    DivMod slow [IntegerDivideByZero IntegerOverflow]: (a: W, b: W) => (W, W), {
        nonzero(b).and_then(|b| {
            let (magnitude, remainder) = a.abs().div_rem(b.abs());
            Ok((quotient(a, b, magnitude)?, remainder.neg_if(a.is_negative())))
        })
    };
    DivModU slow [IntegerDivideByZero]: (a: W, b: W) => (W, W), nonzero(b).map(|b| a.div_rem(b));
    AddHalves: (a: W, b: W, c: W, d: W) => (W, W), {
        let (low, carry) = a.add(c);
        (low, b.add(d).0.add(W::extend(carry.into(), 0)).0)
    };
    SubHalves: (a: W, b: W, c: W, d: W) => (W, W), {
        let (low, borrow) = a.sub(c);
        (low, b.sub(d).0.sub(W::extend(borrow.into(), 0)).0)
    };
}

#[inline(always)]
fn flagged<W>((value, flag): (W, bool)) -> (W, u32) {
    (value, flag.into())
}

/// The product of signed numbers: the unsigned one's upper half has each operand once too often where the
/// other is negative.
#[inline(always)]
fn signed_product<W: Word>(a: W, b: W) -> (W, W) {
    let (low, high) = a.mul_wide(b);
    let excess = |of: W, by: W| of & W::extend(by.sign(), by.sign());
    (low, high.sub(excess(a, b)).0.sub(excess(b, a)).0)
}
