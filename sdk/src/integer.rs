//! What signed and unsigned integers have alike.

/// Methods of a type, made of those that differ: `overflowing_` forms of operations, shifts by less than the
/// width, counts of zeros and ones.
macro_rules! integer {
    ($type:ident) => {
        impl<const N: usize> $type<N> {
            /// The sum, if it is in range.
            #[inline(always)]
            pub fn checked_add(self, other: Self) -> Option<Self> {
                crate::integer::checked(self.overflowing_add(other))
            }

            /// The difference, if it is in range.
            #[inline(always)]
            pub fn checked_sub(self, other: Self) -> Option<Self> {
                crate::integer::checked(self.overflowing_sub(other))
            }

            /// The product, if it is in range.
            #[inline(always)]
            pub fn checked_mul(self, other: Self) -> Option<Self> {
                crate::integer::checked(self.overflowing_mul(other))
            }

            /// The number with the other sign, if it is in range.
            #[inline(always)]
            pub fn checked_neg(self) -> Option<Self> {
                crate::integer::checked(self.overflowing_neg())
            }

            /// The quotient, rounded towards zero, if there is one and it is in range.
            #[inline(always)]
            pub fn checked_div(self, divisor: Self) -> Option<Self> {
                if divisor.is_zero() {
                    return None;
                }
                crate::integer::checked(self.overflowing_div(divisor))
            }

            /// The remainder, which has the sign of `self`, if the quotient is in range.
            #[inline(always)]
            pub fn checked_rem(self, divisor: Self) -> Option<Self> {
                if divisor.is_zero() {
                    return None;
                }
                crate::integer::checked(self.overflowing_rem(divisor))
            }

            /// The power, if it is in range.
            pub fn checked_pow(self, exponent: u32) -> Option<Self> {
                crate::integer::checked(self.overflowing_pow(exponent))
            }

            /// The number shifted to the left, if `count` is below the width.
            #[inline(always)]
            pub fn checked_shl(self, count: u32) -> Option<Self> {
                crate::integer::checked(self.overflowing_shl(count))
            }

            /// The number shifted to the right, if `count` is below the width.
            #[inline(always)]
            pub fn checked_shr(self, count: u32) -> Option<Self> {
                crate::integer::checked(self.overflowing_shr(count))
            }

            /// The number with the other sign, modulo two to the width.
            #[inline(always)]
            pub fn wrapping_neg(self) -> Self {
                self.overflowing_neg().0
            }

            /// The quotient, rounded towards zero, modulo two to the width.
            ///
            /// # Panics
            /// Where `divisor` is 0.
            #[inline(always)]
            pub fn wrapping_div(self, divisor: Self) -> Self {
                self.overflowing_div(divisor).0
            }

            /// The remainder, which has the sign of `self`.
            ///
            /// # Panics
            /// Where `divisor` is 0.
            #[inline(always)]
            pub fn wrapping_rem(self, divisor: Self) -> Self {
                self.overflowing_rem(divisor).0
            }

            /// The power, modulo two to the width.
            pub fn wrapping_pow(self, exponent: u32) -> Self {
                crate::integer::pow(self, exponent, Self::ONE, Self::wrapping_mul)
            }

            /// The number shifted to the left by `count` modulo the width.
            #[inline(always)]
            pub fn wrapping_shl(self, count: u32) -> Self {
                self.shifted_left(count % Self::BITS)
            }

            /// The number shifted to the right by `count` modulo the width.
            #[inline(always)]
            pub fn wrapping_shr(self, count: u32) -> Self {
                self.shifted_right(count % Self::BITS)
            }

            /// The power modulo two to the width, and whether it is out of range.
            pub fn overflowing_pow(self, exponent: u32) -> (Self, bool) {
                let mul = |(a, overflow_a): (Self, bool), (b, overflow_b)| {
                    let (product, overflow) = a.overflowing_mul(b);
                    (product, overflow | overflow_a | overflow_b)
                };
                crate::integer::pow((self, false), exponent, (Self::ONE, false), mul)
            }

            /// The number shifted to the left by `count` modulo the width, and whether `count` is not
            /// below the width.
            #[inline(always)]
            pub fn overflowing_shl(self, count: u32) -> (Self, bool) {
                (self.wrapping_shl(count), count >= Self::BITS)
            }

            /// The number shifted to the right by `count` modulo the width, and whether `count` is not
            /// below the width.
            #[inline(always)]
            pub fn overflowing_shr(self, count: u32) -> (Self, bool) {
                (self.wrapping_shr(count), count >= Self::BITS)
            }

            /// The power.
            ///
            /// # Panics
            /// Where it is out of range and debug assertions are on; otherwise it wraps around.
            pub fn pow(self, exponent: u32) -> Self {
                if cfg!(debug_assertions) {
                    match self.checked_pow(exponent) {
                        Some(power) => power,
                        None => panic!("attempt to multiply with overflow"),
                    }
                } else {
                    self.wrapping_pow(exponent)
                }
            }

            /// How many bits are clear.
            #[inline(always)]
            pub fn count_zeros(self) -> u32 {
                Self::BITS - self.count_ones()
            }

            /// How many bits are set above the highest one that is clear.
            #[inline(always)]
            pub fn leading_ones(self) -> u32 {
                (!self).leading_zeros()
            }

            /// How many bits are set below the lowest one that is clear.
            #[inline(always)]
            pub fn trailing_ones(self) -> u32 {
                (!self).trailing_zeros()
            }
        }
    };
}

/// The value of an `overflowing_` method, if it did not overflow.
#[inline(always)]
pub(crate) fn checked<T>((value, overflow): (T, bool)) -> Option<T> {
    if overflow {
        None
    } else {
        Some(value)
    }
}

/// A power by squaring and multiplying. Nothing is multiplied that is not part of it.
pub(crate) fn pow<T: Copy>(base: T, exponent: u32, one: T, mul: impl Fn(T, T) -> T) -> T {
    let mut power = one;
    for index in (0..32 - exponent.leading_zeros()).rev() {
        power = mul(power, power);
        if exponent >> index & 1 == 1 {
            power = mul(power, base);
        }
    }
    power
}
