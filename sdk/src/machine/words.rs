//! Arithmetic on limbs by the machine's instructions: the same functions as `portable` has, which stays in
//! charge of widths that the architecture has no instructions for.

#[cfg(dotvm = "i128")]
use super::imports::i128;
#[cfg(dotvm = "i256")]
use super::imports::i256;
#[cfg(dotvm = "i512")]
use super::imports::i512;
use crate::portable;

/// Values of a width that is known by another name: the same where the widths are.
trait Fit<T> {
    fn fit(self) -> T;
}

impl<const N: usize, const M: usize> Fit<[u64; M]> for [u64; N] {
    #[inline(always)]
    fn fit(self) -> [u64; M] {
        let mut limbs = [0; M];
        for i in 0..N.min(M) {
            limbs[i] = self[i];
        }
        limbs
    }
}

impl Fit<bool> for bool {
    #[inline(always)]
    fn fit(self) -> bool {
        self
    }
}

impl Fit<u32> for u32 {
    #[inline(always)]
    fn fit(self) -> u32 {
        self
    }
}

impl<A: Fit<C>, B: Fit<D>, C, D> Fit<(C, D)> for (A, B) {
    #[inline(always)]
    fn fit(self) -> (C, D) {
        (self.0.fit(), self.1.fit())
    }
}

/// Functions for any width: `N` is known when they are compiled, so one arm is left of each.
macro_rules! by_width {
    ($(fn $name:ident($($arg:ident: $type:ty),*) -> $result:ty;)*) => {
        $(
            #[inline(always)]
            pub(crate) fn $name<const N: usize>($($arg: $type),*) -> $result {
                match N {
                    #[cfg(dotvm = "i128")]
                    2 => i128::$name($($arg.fit()),*).fit(),
                    #[cfg(dotvm = "i256")]
                    4 => i256::$name($($arg.fit()),*).fit(),
                    #[cfg(dotvm = "i512")]
                    8 => i512::$name($($arg.fit()),*).fit(),
                    _ => portable::$name($($arg),*),
                }
            }
        )*
    };
}

by_width! {
    fn add(a: [u64; N], b: [u64; N]) -> [u64; N];
    fn sub(a: [u64; N], b: [u64; N]) -> [u64; N];
    fn mul(a: [u64; N], b: [u64; N]) -> [u64; N];
    fn add_carry(a: [u64; N], b: [u64; N], carry: bool) -> ([u64; N], bool);
    fn sub_borrow(a: [u64; N], b: [u64; N], borrow: bool) -> ([u64; N], bool);
    fn mul_wide(a: [u64; N], b: [u64; N]) -> ([u64; N], [u64; N]);
    fn mul_overflow(a: [u64; N], b: [u64; N]) -> ([u64; N], bool);
    fn mul_overflow_signed(a: [u64; N], b: [u64; N]) -> ([u64; N], bool);
    fn div(a: [u64; N], b: [u64; N]) -> [u64; N];
    fn div_signed(a: [u64; N], b: [u64; N]) -> [u64; N];
    fn rem(a: [u64; N], b: [u64; N]) -> [u64; N];
    fn rem_signed(a: [u64; N], b: [u64; N]) -> [u64; N];
    fn div_rem(a: [u64; N], b: [u64; N]) -> ([u64; N], [u64; N]);
    fn div_rem_signed(a: [u64; N], b: [u64; N]) -> ([u64; N], [u64; N]);
    fn shl(a: [u64; N], count: u32) -> [u64; N];
    fn shr(a: [u64; N], count: u32) -> [u64; N];
    fn shr_signed(a: [u64; N], count: u32) -> [u64; N];
    fn rotl(a: [u64; N], count: u32) -> [u64; N];
    fn rotr(a: [u64; N], count: u32) -> [u64; N];
    fn lt(a: [u64; N], b: [u64; N]) -> bool;
    fn lt_signed(a: [u64; N], b: [u64; N]) -> bool;
    fn add_mod(a: [u64; N], b: [u64; N], modulus: [u64; N]) -> [u64; N];
    fn mul_mod(a: [u64; N], b: [u64; N], modulus: [u64; N]) -> [u64; N];
    fn pow_mod(base: [u64; N], exponent: [u64; N], modulus: [u64; N]) -> [u64; N];
    fn inv_mod(a: [u64; N], modulus: [u64; N]) -> [u64; N];
    fn exp(base: [u64; N], exponent: [u64; N]) -> [u64; N];
    fn isqrt(a: [u64; N]) -> [u64; N];
    fn gcd(a: [u64; N], b: [u64; N]) -> [u64; N];
}

/// Whether bit `index`, which is below the width, is set: no limb is looked up in memory.
#[inline(always)]
pub(crate) fn bit<const N: usize>(a: [u64; N], index: u32) -> bool {
    shr(a, index)[0] & 1 == 1
}
