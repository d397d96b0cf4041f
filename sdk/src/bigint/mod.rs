//! Integers of any size.
//!
//! On the machine they are values that it collects, and arithmetic is instructions. Elsewhere it is written for
//! being tested with rather than for speed. Both compute the same.
//!
//! ```
//! use dotvm_sdk::bigint::BigInt;
//!
//! let factorial = (1..=30u32).fold(BigInt::from(1), |product, n| product * n);
//! assert_eq!(factorial.to_string(), "265252859812191058636308480000000");
//! let mersenne = (BigInt::from(1) << 521) - 1u32;
//! assert!(mersenne.is_prime());
//! assert_eq!(BigInt::from(3).pow_mod(&(&mersenne - 1u32), &mersenne), BigInt::from(1));
//! ```

mod convert;
mod ops;
#[cfg(not(all(target_arch = "wasm32", dotvm)))]
mod portable;

use core::cmp::Ordering;
use core::hash::{Hash, Hasher};

#[cfg(all(target_arch = "wasm32", dotvm))]
use crate::machine::bigint as kernel;
#[cfg(not(all(target_arch = "wasm32", dotvm)))]
use portable as kernel;

/// An integer of any size. The machine's have up to 2^24 bits.
///
/// Operators are those of Rust's integers, for values and references, and never overflow: `/` and `%` round towards
/// zero, `>>` rounds down, and bits are those of two's complement without an end.
#[derive(Clone)]
pub struct BigInt(kernel::Number);

impl BigInt {
    /// 0.
    pub fn zero() -> BigInt {
        BigInt(kernel::from_u64(0))
    }

    /// 1.
    pub fn one() -> BigInt {
        BigInt(kernel::from_u64(1))
    }

    /// Whether it is 0.
    pub fn is_zero(&self) -> bool {
        self.signum() == 0
    }

    /// Whether it is below 0.
    pub fn is_negative(&self) -> bool {
        self.signum() < 0
    }

    /// -1, 0 or 1.
    pub fn signum(&self) -> i32 {
        kernel::sign(&self.0)
    }

    /// The absolute value.
    pub fn abs(&self) -> BigInt {
        BigInt(kernel::abs(&self.0))
    }

    /// The quotient, rounded down.
    ///
    /// # Panics
    /// Where the divisor is 0.
    pub fn div_floor(&self, divisor: &BigInt) -> BigInt {
        divisor.check_divisor();
        BigInt(kernel::div_floor(&self.0, &divisor.0))
    }

    /// What [`BigInt::div_floor`] leaves: it has the sign of the divisor.
    ///
    /// # Panics
    /// Where the divisor is 0.
    pub fn rem_floor(&self, divisor: &BigInt) -> BigInt {
        divisor.check_divisor();
        BigInt(kernel::rem_floor(&self.0, &divisor.0))
    }

    fn check_divisor(&self) {
        assert!(!self.is_zero(), "attempt to divide by zero");
    }

    /// The greatest common divisor, not below 0.
    pub fn gcd(&self, other: &BigInt) -> BigInt {
        BigInt(kernel::gcd(&self.0, &other.0))
    }

    /// The least common multiple, not below 0.
    pub fn lcm(&self, other: &BigInt) -> BigInt {
        BigInt(kernel::lcm(&self.0, &other.0))
    }

    /// The power.
    pub fn pow(&self, exponent: u32) -> BigInt {
        BigInt(kernel::pow(&self.0, exponent))
    }

    /// The power modulo the absolute value of a number, not below 0.
    ///
    /// # Panics
    /// Where the exponent is below 0, or the modulus is 0.
    pub fn pow_mod(&self, exponent: &BigInt, modulus: &BigInt) -> BigInt {
        modulus.check_divisor();
        assert!(!exponent.is_negative(), "a power with an exponent below 0");
        BigInt(kernel::pow_mod(&self.0, &exponent.0, &modulus.0))
    }

    /// What makes 1 of it when multiplied modulo the absolute value of a number, where there is such a number.
    ///
    /// # Panics
    /// Where the modulus is 0.
    pub fn inv_mod(&self, modulus: &BigInt) -> Option<BigInt> {
        modulus.check_divisor();
        kernel::inv_mod(&self.0, &modulus.0).map(BigInt)
    }

    /// The square root, rounded down.
    ///
    /// # Panics
    /// Where it is below 0.
    pub fn sqrt(&self) -> BigInt {
        assert!(!self.is_negative(), "the square root of a number below 0");
        BigInt(kernel::sqrt(&self.0))
    }

    /// The `n`-th root, rounded towards zero.
    ///
    /// # Panics
    /// Where `n` is 0, or even and the number below 0.
    pub fn root(&self, n: u32) -> BigInt {
        let exists = n % 2 == 1 || n > 0 && !self.is_negative();
        assert!(exists, "a root that there is not");
        BigInt(kernel::root(&self.0, n))
    }

    /// Whether it is a prime. There may be composite numbers of more than 64 bits of which this says so; none is
    /// known.
    pub fn is_prime(&self) -> bool {
        kernel::is_prime(&self.0)
    }

    /// Bits of the absolute value, without leading zeros.
    pub fn bits(&self) -> u32 {
        kernel::bits(&self.0)
    }

    /// How many bits of the absolute value are 1.
    pub fn count_ones(&self) -> u32 {
        kernel::ones(&self.0)
    }

    /// A bit of the number in two's complement.
    pub fn bit(&self, index: u32) -> bool {
        kernel::bit(&self.0, index)
    }

    /// How many zeros it ends with, in binary; nothing for 0.
    pub fn trailing_zeros(&self) -> Option<u32> {
        kernel::zeros(&self.0)
    }
}

impl Default for BigInt {
    fn default() -> BigInt {
        BigInt::zero()
    }
}

impl Ord for BigInt {
    fn cmp(&self, other: &BigInt) -> Ordering {
        kernel::cmp(&self.0, &other.0)
    }
}

impl PartialOrd for BigInt {
    fn partial_cmp(&self, other: &BigInt) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for BigInt {
    fn eq(&self, other: &BigInt) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for BigInt {}

impl Hash for BigInt {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.to_bytes().hash(state);
    }
}
