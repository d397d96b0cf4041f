//! Square roots and common divisors.

use super::div::{div, rem};
use super::{add, bit_len, from_limb, is_zero, lt, shl, shr};

/// The square root, rounded down.
pub(crate) fn isqrt<const N: usize>(a: [u64; N]) -> [u64; N] {
    if is_zero(a) {
        return a;
    }
    // Newton's method from above: every step gets closer until one does not. The start, a power of two that
    // is not below the root, has half as many bits, which is less than the width.
    let mut root = shl(from_limb(1), (bit_len(a) + 1) / 2);
    loop {
        let next = shr(add(root, div(a, root)), 1);
        if !lt(next, root) {
            return root;
        }
        root = next;
    }
}

/// The greatest common divisor; that of zero and another number is the other.
pub(crate) fn gcd<const N: usize>(mut a: [u64; N], mut b: [u64; N]) -> [u64; N] {
    while !is_zero(b) {
        (a, b) = (b, rem(a, b));
    }
    a
}
