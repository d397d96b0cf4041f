//! Arithmetic modulo a number, and powers.

use super::div::{div_rem, rem, rem_wide};
use super::{
    add, add_carry, bit, bit_len, from_limb, is_zero, lt, mul, mul_add_limbs, mul_wide, shl, shr,
    sub, sub_borrow,
};

pub(crate) fn add_mod<const N: usize>(a: [u64; N], b: [u64; N], modulus: [u64; N]) -> [u64; N] {
    let reduced = |a| if lt(a, modulus) { a } else { rem(a, modulus) };
    let (sum, carry) = add_carry(reduced(a), reduced(b), false);
    sub_if_not_less(sum, carry, modulus)
}

pub(crate) fn mul_mod<const N: usize>(a: [u64; N], b: [u64; N], modulus: [u64; N]) -> [u64; N] {
    let (low, high) = mul_wide(a, b);
    rem_wide(low, high, modulus)
}

/// `base` to the power of `exponent`, which for an exponent of zero is 1 modulo `modulus`.
///
/// The modulus is taken apart into an odd factor and a power of two; what the power is modulo each says
/// what it is modulo their product (Garner).
pub(crate) fn pow_mod<const N: usize>(
    base: [u64; N],
    exponent: [u64; N],
    modulus: [u64; N],
) -> [u64; N] {
    let twos = trailing_zeros(modulus);
    let odd = shr(modulus, twos);
    let by_odd = Montgomery::new(odd).pow(base, exponent);
    if twos == 0 {
        return by_odd;
    }
    let by_twos = exp(base, exponent);
    let digit = mul(sub(by_twos, by_odd), inverse_of_odd(odd));
    add(by_odd, mul(odd, low_bits(digit, twos)))
}

/// `base` to the power of `exponent`, modulo two to the width.
pub(crate) fn exp<const N: usize>(base: [u64; N], exponent: [u64; N]) -> [u64; N] {
    let mut power = from_limb(1);
    for index in (0..bit_len(exponent)).rev() {
        power = mul(power, power);
        if bit(exponent, index) {
            power = mul(power, base);
        }
    }
    power
}

/// The number that `a` times gives 1 modulo `modulus`; zero where there is none.
pub(crate) fn inv_mod<const N: usize>(a: [u64; N], modulus: [u64; N]) -> [u64; N] {
    // Euclid's algorithm. Beside each rest stands the factor that makes it of `a`, modulo `modulus`, without
    // its sign: that alternates.
    let (mut rest, mut next) = (modulus, rem(a, modulus));
    let (mut factor, mut next_factor) = ([0; N], from_limb(1));
    let mut positive = false;
    while !is_zero(next) {
        let (quotient, remainder) = div_rem(rest, next);
        let new_factor = add(factor, mul(quotient, next_factor));
        (rest, next) = (next, remainder);
        (factor, next_factor) = (next_factor, new_factor);
        positive = !positive;
    }
    if rest != from_limb(1) || modulus == from_limb(1) {
        return [0; N];
    }
    if positive {
        factor
    } else {
        sub(modulus, factor)
    }
}

/// Numbers below an odd modulus as Montgomery wrote them: times two to the width, so that reducing a
/// product takes no division.
struct Montgomery<const N: usize> {
    modulus: [u64; N],
    /// What the modulus' lowest limb times gives -1 modulo 2^64.
    negated_inverse: u64,
    /// 1 in this form.
    one: [u64; N],
}

impl<const N: usize> Montgomery<N> {
    fn new(modulus: [u64; N]) -> Montgomery<N> {
        Montgomery {
            modulus,
            negated_inverse: inverse_of_odd([modulus[0]])[0].wrapping_neg(),
            one: rem_wide([0; N], rem(from_limb(1), modulus), modulus),
        }
    }

    /// The product of two numbers in this form, one of which is below the modulus, in this form.
    fn mul(&self, a: [u64; N], b: [u64; N]) -> [u64; N] {
        let mut sum = [0; N];
        let mut top = 0;
        for limb in a {
            let mut carry = 0;
            for j in 0..N {
                (sum[j], carry) = mul_add_limbs(limb, b[j], sum[j], carry);
            }
            let (above, overflow) = add_top(top, carry);
            // A multiple of the modulus that makes the lowest limb zero, which then goes.
            let multiple = sum[0].wrapping_mul(self.negated_inverse);
            let (_, mut carry) = mul_add_limbs(multiple, self.modulus[0], sum[0], 0);
            for j in 1..N {
                (sum[j - 1], carry) = mul_add_limbs(multiple, self.modulus[j], sum[j], carry);
            }
            let (last, more) = add_top(above, carry);
            sum[N - 1] = last;
            top = overflow + more;
        }
        sub_if_not_less(sum, top != 0, self.modulus)
    }

    /// A power of a number that is not in this form, not in this form either.
    fn pow(&self, base: [u64; N], exponent: [u64; N]) -> [u64; N] {
        const WINDOW: u32 = 4;
        let base = rem_wide([0; N], rem(base, self.modulus), self.modulus);
        let mut powers = [self.one; 1 << WINDOW];
        for i in 1..powers.len() {
            powers[i] = self.mul(powers[i - 1], base);
        }
        let windows = (bit_len(exponent) + WINDOW - 1) / WINDOW;
        let mut power = self.one;
        for window in (0..windows).rev() {
            for _ in 0..WINDOW {
                power = self.mul(power, power);
            }
            // Windows do not cross limbs.
            let at = window * WINDOW;
            let digit = exponent[(at / 64) as usize] >> (at % 64) & ((1 << WINDOW) - 1);
            if digit != 0 {
                power = self.mul(power, powers[digit as usize]);
            }
        }
        self.mul(power, from_limb(1))
    }
}

fn add_top(a: u64, b: u64) -> (u64, u64) {
    let (sum, carry) = a.overflowing_add(b);
    (sum, u64::from(carry))
}

/// A number below twice the modulus, of which `carry` is the bit above the width, reduced.
fn sub_if_not_less<const N: usize>(a: [u64; N], carry: bool, modulus: [u64; N]) -> [u64; N] {
    let (reduced, borrow) = sub_borrow(a, modulus, false);
    if carry || !borrow {
        reduced
    } else {
        a
    }
}

/// What an odd number times gives 1 modulo two to the width: each step of Newton's method doubles how many
/// bits are right, of which there are three at first.
fn inverse_of_odd<const N: usize>(odd: [u64; N]) -> [u64; N] {
    let mut inverse = odd;
    let mut right = 3;
    while right < 64 * N as u32 {
        inverse = mul(inverse, sub(from_limb(2), mul(odd, inverse)));
        right *= 2;
    }
    inverse
}

/// The lowest `count` bits, fewer than there are.
fn low_bits<const N: usize>(a: [u64; N], count: u32) -> [u64; N] {
    sub(a, shl(shr(a, count), count))
}

/// Of a number that is not zero.
fn trailing_zeros<const N: usize>(a: [u64; N]) -> u32 {
    let mut zeros = 0;
    for limb in a {
        zeros += limb.trailing_zeros();
        if limb != 0 {
            break;
        }
    }
    zeros
}
