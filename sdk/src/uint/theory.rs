//! Arithmetic modulo a number, powers, roots and divisors.

use crate::{kernel, Uint};

/// What a modulus of zero is met with.
const NO_MODULUS: &str = "attempt to calculate modulo zero";

impl<const N: usize> Uint<N> {
    /// The sum modulo `modulus`, as if there were no end of bits.
    ///
    /// # Panics
    /// Where `modulus` is 0.
    #[inline(always)]
    pub fn add_mod(self, other: Self, modulus: Self) -> Self {
        assert!(!modulus.is_zero(), "{}", NO_MODULUS);
        let sum = kernel::add_mod(self.limbs(), other.limbs(), modulus.limbs());
        Self::from_limbs(sum)
    }

    /// The product modulo `modulus`, as if there were no end of bits.
    ///
    /// # Panics
    /// Where `modulus` is 0.
    #[inline(always)]
    pub fn mul_mod(self, other: Self, modulus: Self) -> Self {
        assert!(!modulus.is_zero(), "{}", NO_MODULUS);
        let product = kernel::mul_mod(self.limbs(), other.limbs(), modulus.limbs());
        Self::from_limbs(product)
    }

    /// The power modulo `modulus`, as if there were no end of bits. With an exponent of 0 it is 1, or 0
    /// where the modulus is 1.
    ///
    /// # Panics
    /// Where `modulus` is 0.
    #[inline(always)]
    pub fn pow_mod(self, exponent: Self, modulus: Self) -> Self {
        assert!(!modulus.is_zero(), "{}", NO_MODULUS);
        let power = kernel::pow_mod(self.limbs(), exponent.limbs(), modulus.limbs());
        Self::from_limbs(power)
    }

    /// The number below `modulus` that this one times gives 1 modulo `modulus`, if there is one. Modulo 1
    /// there is none.
    ///
    /// # Panics
    /// Where `modulus` is 0.
    #[inline(always)]
    pub fn inv_mod(self, modulus: Self) -> Option<Self> {
        assert!(!modulus.is_zero(), "{}", NO_MODULUS);
        let inverse = Self::from_limbs(kernel::inv_mod(self.limbs(), modulus.limbs()));
        Some(inverse).filter(|inverse| !inverse.is_zero())
    }

    /// The power with an exponent of any size, without the bits above the width.
    #[inline(always)]
    pub fn exp(self, exponent: Self) -> Self {
        Self::from_limbs(kernel::exp(self.limbs(), exponent.limbs()))
    }

    /// The square root, rounded down.
    #[inline(always)]
    pub fn isqrt(self) -> Self {
        Self::from_limbs(kernel::isqrt(self.limbs()))
    }

    /// The greatest common divisor; that of 0 and another number is the other.
    #[inline(always)]
    pub fn gcd(self, other: Self) -> Self {
        Self::from_limbs(kernel::gcd(self.limbs(), other.limbs()))
    }
}
