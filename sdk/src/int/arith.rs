//! Arithmetic of signed integers.

use crate::{kernel, Int, Uint};

impl<const N: usize> Int<N> {
    /// The sum, modulo two to the width.
    #[inline(always)]
    pub fn wrapping_add(self, other: Self) -> Self {
        Self::from_limbs(kernel::add(self.limbs(), other.limbs()))
    }

    /// The difference, modulo two to the width.
    #[inline(always)]
    pub fn wrapping_sub(self, other: Self) -> Self {
        Self::from_limbs(kernel::sub(self.limbs(), other.limbs()))
    }

    /// The product, modulo two to the width.
    #[inline(always)]
    pub fn wrapping_mul(self, other: Self) -> Self {
        Self::from_limbs(kernel::mul(self.limbs(), other.limbs()))
    }

    /// The sum modulo two to the width, and whether it is out of range.
    #[inline(always)]
    pub fn overflowing_add(self, other: Self) -> (Self, bool) {
        let sum = self.wrapping_add(other);
        let alike = self.is_negative() == other.is_negative();
        (sum, alike && sum.is_negative() != self.is_negative())
    }

    /// The difference modulo two to the width, and whether it is out of range.
    #[inline(always)]
    pub fn overflowing_sub(self, other: Self) -> (Self, bool) {
        let difference = self.wrapping_sub(other);
        let alike = self.is_negative() == other.is_negative();
        (
            difference,
            !alike && difference.is_negative() != self.is_negative(),
        )
    }

    /// The product modulo two to the width, and whether it is out of range.
    #[inline(always)]
    pub fn overflowing_mul(self, other: Self) -> (Self, bool) {
        let (product, overflow) = kernel::mul_overflow_signed(self.limbs(), other.limbs());
        (Self::from_limbs(product), overflow)
    }

    /// The number with the other sign modulo two to the width, and whether it is out of range.
    #[inline(always)]
    pub fn overflowing_neg(self) -> (Self, bool) {
        (Self::ZERO.wrapping_sub(self), self == Self::MIN)
    }

    /// The quotient, rounded towards zero, modulo two to the width, and whether it is out of range.
    ///
    /// # Panics
    /// Where `divisor` is 0.
    #[inline(always)]
    pub fn overflowing_div(self, divisor: Self) -> (Self, bool) {
        assert!(!divisor.is_zero(), "attempt to divide by zero");
        if divisor == Self::MINUS_ONE {
            return self.overflowing_neg();
        }
        let quotient = kernel::div_signed(self.limbs(), divisor.limbs());
        (Self::from_limbs(quotient), false)
    }

    /// The remainder, which has the sign of `self`, and whether the quotient is out of range.
    ///
    /// # Panics
    /// Where `divisor` is 0.
    #[inline(always)]
    pub fn overflowing_rem(self, divisor: Self) -> (Self, bool) {
        assert!(
            !divisor.is_zero(),
            "attempt to calculate the remainder with a divisor of zero"
        );
        if divisor == Self::MINUS_ONE {
            return (Self::ZERO, self == Self::MIN);
        }
        let remainder = kernel::rem_signed(self.limbs(), divisor.limbs());
        (Self::from_limbs(remainder), false)
    }

    /// The quotient, rounded towards zero, modulo two to the width, and the remainder, which has the sign
    /// of `self`.
    ///
    /// # Panics
    /// Where `divisor` is 0.
    #[inline(always)]
    pub fn wrapping_div_rem(self, divisor: Self) -> (Self, Self) {
        assert!(!divisor.is_zero(), "attempt to divide by zero");
        if divisor == Self::MINUS_ONE {
            return (self.wrapping_neg(), Self::ZERO);
        }
        let (quotient, remainder) = kernel::div_rem_signed(self.limbs(), divisor.limbs());
        (Self::from_limbs(quotient), Self::from_limbs(remainder))
    }

    /// The quotient, rounded such that what remains is not negative.
    ///
    /// # Panics
    /// Where `divisor` is 0, or the quotient is out of range and debug assertions are on.
    pub fn div_euclid(self, divisor: Self) -> Self {
        let quotient = self / divisor;
        if !self
            .wrapping_sub(quotient.wrapping_mul(divisor))
            .is_negative()
        {
            quotient
        } else if divisor.is_negative() {
            quotient.wrapping_add(Self::ONE)
        } else {
            quotient.wrapping_sub(Self::ONE)
        }
    }

    /// The remainder that is not negative.
    ///
    /// # Panics
    /// Where `divisor` is 0, or the quotient is out of range and debug assertions are on.
    pub fn rem_euclid(self, divisor: Self) -> Self {
        let remainder = self % divisor;
        if remainder.is_negative() {
            // Of the smallest number the absolute value wraps around to itself, and the sum is right.
            remainder.wrapping_add(divisor.wrapping_abs())
        } else {
            remainder
        }
    }

    /// The absolute value, which always has an unsigned representation.
    #[inline(always)]
    pub fn unsigned_abs(self) -> Uint<N> {
        self.wrapping_abs().cast_unsigned()
    }

    /// The absolute value.
    ///
    /// # Panics
    /// Where it is out of range and debug assertions are on; otherwise it is the smallest number.
    pub fn abs(self) -> Self {
        if self.is_negative() {
            -self
        } else {
            self
        }
    }

    /// The absolute value; of the smallest number it is itself.
    #[inline(always)]
    pub fn wrapping_abs(self) -> Self {
        if self.is_negative() {
            self.wrapping_neg()
        } else {
            self
        }
    }

    /// The absolute value, if it is in range.
    #[inline(always)]
    pub fn checked_abs(self) -> Option<Self> {
        if self.is_negative() {
            self.checked_neg()
        } else {
            Some(self)
        }
    }

    /// -1, 0 or 1, by the sign.
    pub fn signum(self) -> Self {
        if self.is_negative() {
            Self::MINUS_ONE
        } else if self.is_zero() {
            Self::ZERO
        } else {
            Self::ONE
        }
    }

    /// The difference, whichever is larger.
    #[inline(always)]
    pub fn abs_diff(self, other: Self) -> Uint<N> {
        let difference = self.wrapping_sub(other).cast_unsigned();
        if self < other {
            difference.wrapping_neg()
        } else {
            difference
        }
    }

    /// The number beyond which results of that sign are out of range.
    fn bound(negative: bool) -> Self {
        if negative {
            Self::MIN
        } else {
            Self::MAX
        }
    }

    /// The sum, or the number of the range that is nearest to it.
    pub fn saturating_add(self, other: Self) -> Self {
        self.checked_add(other)
            .unwrap_or_else(|| Self::bound(self.is_negative()))
    }

    /// The difference, or the number of the range that is nearest to it.
    pub fn saturating_sub(self, other: Self) -> Self {
        self.checked_sub(other)
            .unwrap_or_else(|| Self::bound(self.is_negative()))
    }

    /// The product, or the number of the range that is nearest to it.
    pub fn saturating_mul(self, other: Self) -> Self {
        let negative = self.is_negative() != other.is_negative();
        self.checked_mul(other)
            .unwrap_or_else(|| Self::bound(negative))
    }

    /// The power, or the number of the range that is nearest to it.
    pub fn saturating_pow(self, exponent: u32) -> Self {
        let negative = self.is_negative() && exponent % 2 == 1;
        self.checked_pow(exponent)
            .unwrap_or_else(|| Self::bound(negative))
    }

    /// The number times two to the power of `count`, which is below the width.
    #[inline(always)]
    pub(crate) fn shifted_left(self, count: u32) -> Self {
        Self::from_limbs(kernel::shl(self.limbs(), count))
    }

    /// The number divided by two to the power of `count`, which is below the width, rounded down.
    #[inline(always)]
    pub(crate) fn shifted_right(self, count: u32) -> Self {
        Self::from_limbs(kernel::shr_signed(self.limbs(), count))
    }
}
