//! Logic, shifts and counts of bits.

use super::{Word, words};

words! {
    And: (a: W, b: W) => W, a & b;
    Or: (a: W, b: W) => W, a | b;
    Xor: (a: W, b: W) => W, a ^ b;
    Not: (a: W) => W, !a;
    Shl: (a: W, n: u32) => W, a.shl(n % W::BITS);
    Shr: (a: W, n: u32) => W, a.shr(n % W::BITS, a.sign());
    ShrU: (a: W, n: u32) => W, a.shr(n % W::BITS, 0);
    Rotl: (a: W, n: u32) => W, rotate_left(a, n);
    Rotr: (a: W, n: u32) => W, rotate_left(a, n.wrapping_neg());
    Clz: (a: W) => u32, a.leading_zeros();
    Ctz: (a: W) => u32, a.trailing_zeros();
    Popcnt: (a: W) => u32, a.count_ones();
    Bswap: (a: W) => W, a.swap_bytes();
}

#[inline(always)]
fn rotate_left<W: Word>(a: W, count: u32) -> W {
    let count = count % W::BITS;
    // By the whole width nothing can be shifted: so the other part goes in two steps.
    a.shl(count) | a.shr(1, 0).shr(W::BITS - 1 - count, 0)
}
