//! Arithmetic of unsigned integers.

use crate::{kernel, Uint};

impl<const N: usize> Uint<N> {
    /// The sum, without the bits above the width.
    #[inline(always)]
    pub fn wrapping_add(self, other: Self) -> Self {
        Self::from_limbs(kernel::add(self.limbs(), other.limbs()))
    }

    /// The difference, modulo two to the width.
    #[inline(always)]
    pub fn wrapping_sub(self, other: Self) -> Self {
        Self::from_limbs(kernel::sub(self.limbs(), other.limbs()))
    }

    /// The product, without the bits above the width.
    #[inline(always)]
    pub fn wrapping_mul(self, other: Self) -> Self {
        Self::from_limbs(kernel::mul(self.limbs(), other.limbs()))
    }

    /// The sum, and whether it has lost a bit.
    #[inline(always)]
    pub fn overflowing_add(self, other: Self) -> (Self, bool) {
        self.carrying_add(other, false)
    }

    /// The difference, and whether it is below 0.
    #[inline(always)]
    pub fn overflowing_sub(self, other: Self) -> (Self, bool) {
        self.borrowing_sub(other, false)
    }

    /// The product, and whether it has lost bits.
    #[inline(always)]
    pub fn overflowing_mul(self, other: Self) -> (Self, bool) {
        let (product, overflow) = kernel::mul_overflow(self.limbs(), other.limbs());
        (Self::from_limbs(product), overflow)
    }

    /// Two to the width less this, and whether this is not 0.
    #[inline(always)]
    pub fn overflowing_neg(self) -> (Self, bool) {
        (Self::ZERO.wrapping_sub(self), !self.is_zero())
    }

    /// The sum of two numbers and a carry, and the carry out of it.
    #[inline(always)]
    pub fn carrying_add(self, other: Self, carry: bool) -> (Self, bool) {
        let (sum, carry) = kernel::add_carry(self.limbs(), other.limbs(), carry);
        (Self::from_limbs(sum), carry)
    }

    /// The difference of two numbers less a borrow, and the borrow out of it.
    #[inline(always)]
    pub fn borrowing_sub(self, other: Self, borrow: bool) -> (Self, bool) {
        let (difference, borrow) = kernel::sub_borrow(self.limbs(), other.limbs(), borrow);
        (Self::from_limbs(difference), borrow)
    }

    /// The whole product: its low and its high half.
    #[inline(always)]
    pub fn widening_mul(self, other: Self) -> (Self, Self) {
        let (low, high) = kernel::mul_wide(self.limbs(), other.limbs());
        (Self::from_limbs(low), Self::from_limbs(high))
    }

    /// The sum, or the largest number where it is larger.
    #[inline(always)]
    pub fn saturating_add(self, other: Self) -> Self {
        self.checked_add(other).unwrap_or(Self::MAX)
    }

    /// The difference, or 0 where it is less.
    #[inline(always)]
    pub fn saturating_sub(self, other: Self) -> Self {
        self.checked_sub(other).unwrap_or(Self::ZERO)
    }

    /// The product, or the largest number where it is larger.
    #[inline(always)]
    pub fn saturating_mul(self, other: Self) -> Self {
        self.checked_mul(other).unwrap_or(Self::MAX)
    }

    /// The power, or the largest number where it is larger.
    pub fn saturating_pow(self, exponent: u32) -> Self {
        self.checked_pow(exponent).unwrap_or(Self::MAX)
    }

    /// The difference, whichever is larger.
    #[inline(always)]
    pub fn abs_diff(self, other: Self) -> Self {
        if self < other {
            other.wrapping_sub(self)
        } else {
            self.wrapping_sub(other)
        }
    }

    /// The quotient and the remainder.
    ///
    /// # Panics
    /// Where `divisor` is 0.
    #[inline(always)]
    pub fn div_rem(self, divisor: Self) -> (Self, Self) {
        assert!(!divisor.is_zero(), "attempt to divide by zero");
        let (quotient, remainder) = kernel::div_rem(self.limbs(), divisor.limbs());
        (Self::from_limbs(quotient), Self::from_limbs(remainder))
    }

    /// The quotient, rounded up.
    ///
    /// # Panics
    /// Where `divisor` is 0.
    pub fn div_ceil(self, divisor: Self) -> Self {
        let (quotient, remainder) = self.div_rem(divisor);
        if remainder.is_zero() {
            quotient
        } else {
            quotient.wrapping_add(Self::ONE)
        }
    }

    /// The quotient, and false: unsigned division does not overflow.
    ///
    /// # Panics
    /// Where `divisor` is 0.
    #[inline(always)]
    pub fn overflowing_div(self, divisor: Self) -> (Self, bool) {
        assert!(!divisor.is_zero(), "attempt to divide by zero");
        let quotient = kernel::div(self.limbs(), divisor.limbs());
        (Self::from_limbs(quotient), false)
    }

    /// The remainder, and false: unsigned division does not overflow.
    ///
    /// # Panics
    /// Where `divisor` is 0.
    #[inline(always)]
    pub fn overflowing_rem(self, divisor: Self) -> (Self, bool) {
        assert!(
            !divisor.is_zero(),
            "attempt to calculate the remainder with a divisor of zero"
        );
        let remainder = kernel::rem(self.limbs(), divisor.limbs());
        (Self::from_limbs(remainder), false)
    }

    /// The quotient, as division of unsigned numbers has it.
    ///
    /// # Panics
    /// Where `divisor` is 0.
    #[inline(always)]
    pub fn div_euclid(self, divisor: Self) -> Self {
        self / divisor
    }

    /// The remainder, as division of unsigned numbers has it.
    ///
    /// # Panics
    /// Where `divisor` is 0.
    #[inline(always)]
    pub fn rem_euclid(self, divisor: Self) -> Self {
        self % divisor
    }

    /// The number times two to the power of `count`, which is below the width.
    #[inline(always)]
    pub(crate) fn shifted_left(self, count: u32) -> Self {
        Self::from_limbs(kernel::shl(self.limbs(), count))
    }

    /// The number divided by two to the power of `count`, which is below the width.
    #[inline(always)]
    pub(crate) fn shifted_right(self, count: u32) -> Self {
        Self::from_limbs(kernel::shr(self.limbs(), count))
    }

    /// Whether exactly one bit is set.
    pub fn is_power_of_two(self) -> bool {
        self.count_ones() == 1
    }

    /// The smallest power of two that is not less, if there is one.
    pub fn checked_next_power_of_two(self) -> Option<Self> {
        let below = self.saturating_sub(Self::ONE);
        Self::ONE.checked_shl(below.bit_len())
    }

    /// The smallest power of two that is not less.
    ///
    /// # Panics
    /// Where there is none and debug assertions are on; otherwise it is 0.
    pub fn next_power_of_two(self) -> Self {
        match self.checked_next_power_of_two() {
            Some(power) => power,
            None if cfg!(debug_assertions) => panic!("attempt to add with overflow"),
            None => Self::ZERO,
        }
    }
}
