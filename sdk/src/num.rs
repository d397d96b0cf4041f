//! Traits to write code for integers of any width, Rust's included.
//!
//! ```
//! use dotvm_sdk::num::Integer;
//! use dotvm_sdk::U256;
//!
//! fn factorial<T: Integer + From<u8>>(n: u8) -> Option<T> {
//!     (1..=n).try_fold(T::ONE, |product, factor| product.checked_mul(T::from(factor)))
//! }
//!
//! assert_eq!(factorial::<u32>(13), None);
//! assert_eq!(factorial::<U256>(57).map(|n| n % U256::from(59u8)), Some(U256::from(1u8)));
//! ```

use core::fmt::{Debug, Display};
use core::hash::Hash;
use core::iter::{Product, Sum};
use core::ops::{
    Add, AddAssign, BitAnd, BitAndAssign, BitOr, BitOrAssign, BitXor, BitXorAssign, Div, DivAssign,
    Mul, MulAssign, Neg, Not, Rem, RemAssign, Shl, ShlAssign, Shr, ShrAssign, Sub, SubAssign,
};
use core::str::FromStr;

use crate::{Int, Uint};

/// The operators of arithmetic, with and without assignment.
pub trait Arithmetic:
    Sized
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Rem<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + RemAssign
{
}

/// The operators on bits, with and without assignment.
pub trait Bitwise:
    Sized
    + Not<Output = Self>
    + BitAnd<Output = Self>
    + BitOr<Output = Self>
    + BitXor<Output = Self>
    + Shl<u32, Output = Self>
    + Shr<u32, Output = Self>
    + BitAndAssign
    + BitOrAssign
    + BitXorAssign
    + ShlAssign<u32>
    + ShrAssign<u32>
{
}

/// An integer of fixed width.
pub trait Integer:
    Arithmetic + Bitwise + Copy + Default + Ord + Hash + Debug + Display + FromStr + Sum + Product
{
    /// Why text is no such integer.
    type ParseError;

    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The smallest number.
    const MIN: Self;
    /// The largest number.
    const MAX: Self;
    /// How many bits there are.
    const BITS: u32;

    /// The number of those digits.
    ///
    /// # Errors
    /// Where it is none, or out of range.
    fn from_str_radix(text: &str, radix: u32) -> Result<Self, Self::ParseError>;

    /// Whether this is 0.
    fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// The sum, if it is in range.
    fn checked_add(self, other: Self) -> Option<Self>;
    /// The difference, if it is in range.
    fn checked_sub(self, other: Self) -> Option<Self>;
    /// The product, if it is in range.
    fn checked_mul(self, other: Self) -> Option<Self>;
    /// The quotient, if there is one and it is in range.
    fn checked_div(self, other: Self) -> Option<Self>;
    /// The remainder, if there is a quotient and it is in range.
    fn checked_rem(self, other: Self) -> Option<Self>;
    /// The sum, modulo two to the width.
    fn wrapping_add(self, other: Self) -> Self;
    /// The difference, modulo two to the width.
    fn wrapping_sub(self, other: Self) -> Self;
    /// The product, modulo two to the width.
    fn wrapping_mul(self, other: Self) -> Self;
    /// The sum modulo two to the width, and whether it is out of range.
    fn overflowing_add(self, other: Self) -> (Self, bool);
    /// The difference modulo two to the width, and whether it is out of range.
    fn overflowing_sub(self, other: Self) -> (Self, bool);
    /// The product modulo two to the width, and whether it is out of range.
    fn overflowing_mul(self, other: Self) -> (Self, bool);
    /// The sum, or the number of the range that is nearest to it.
    fn saturating_add(self, other: Self) -> Self;
    /// The difference, or the number of the range that is nearest to it.
    fn saturating_sub(self, other: Self) -> Self;
    /// The product, or the number of the range that is nearest to it.
    fn saturating_mul(self, other: Self) -> Self;
    /// The power.
    fn pow(self, exponent: u32) -> Self;
    /// The power, if it is in range.
    fn checked_pow(self, exponent: u32) -> Option<Self>;
    /// How many bits are clear above the highest one that is set.
    fn leading_zeros(self) -> u32;
    /// How many bits are clear below the lowest one that is set.
    fn trailing_zeros(self) -> u32;
    /// How many bits are set.
    fn count_ones(self) -> u32;
    /// Bits that leave at the top come in at the bottom.
    fn rotate_left(self, count: u32) -> Self;
    /// Bits that leave at the bottom come in at the top.
    fn rotate_right(self, count: u32) -> Self;
    /// The bytes in reverse order.
    fn swap_bytes(self) -> Self;
}

/// An integer without sign.
pub trait Unsigned: Integer {}

/// An integer with a sign.
pub trait Signed: Integer + Neg<Output = Self> {
    /// Whether this is less than 0.
    fn is_negative(self) -> bool;
    /// The absolute value.
    fn abs(self) -> Self;
    /// -1, 0 or 1, by the sign.
    fn signum(self) -> Self;
}

/// Methods of a trait that are the type's own.
macro_rules! forward {
    ($($name:ident($($arg:ident: $arg_type:ty),*) -> $result:ty;)*) => {
        $(
            #[inline(always)]
            fn $name(self, $($arg: $arg_type),*) -> $result {
                self.$name($($arg),*)
            }
        )*
    };
}

macro_rules! integer_traits {
    ($([$($generics:tt)*] $type:ty, $error:ty, $zero:expr, $one:expr;)*) => {
        $(
            impl<$($generics)*> Arithmetic for $type {}
            impl<$($generics)*> Bitwise for $type {}
            impl<$($generics)*> Integer for $type {
                type ParseError = $error;

                const ZERO: Self = $zero;
                const ONE: Self = $one;
                const MIN: Self = <$type>::MIN;
                const MAX: Self = <$type>::MAX;
                const BITS: u32 = <$type>::BITS;

                fn from_str_radix(text: &str, radix: u32) -> Result<Self, $error> {
                    <$type>::from_str_radix(text, radix)
                }

                forward! {
                    checked_add(other: Self) -> Option<Self>;
                    checked_sub(other: Self) -> Option<Self>;
                    checked_mul(other: Self) -> Option<Self>;
                    checked_div(other: Self) -> Option<Self>;
                    checked_rem(other: Self) -> Option<Self>;
                    wrapping_add(other: Self) -> Self;
                    wrapping_sub(other: Self) -> Self;
                    wrapping_mul(other: Self) -> Self;
                    overflowing_add(other: Self) -> (Self, bool);
                    overflowing_sub(other: Self) -> (Self, bool);
                    overflowing_mul(other: Self) -> (Self, bool);
                    saturating_add(other: Self) -> Self;
                    saturating_sub(other: Self) -> Self;
                    saturating_mul(other: Self) -> Self;
                    pow(exponent: u32) -> Self;
                    checked_pow(exponent: u32) -> Option<Self>;
                    leading_zeros() -> u32;
                    trailing_zeros() -> u32;
                    count_ones() -> u32;
                    rotate_left(count: u32) -> Self;
                    rotate_right(count: u32) -> Self;
                    swap_bytes() -> Self;
                }
            }
        )*
    };
}

macro_rules! signed_trait {
    ($([$($generics:tt)*] $type:ty;)*) => {
        $(
            impl<$($generics)*> Signed for $type {
                forward! {
                    is_negative() -> bool;
                    abs() -> Self;
                    signum() -> Self;
                }
            }
        )*
    };
}

integer_traits! {
    [] u8, core::num::ParseIntError, 0, 1;
    [] u16, core::num::ParseIntError, 0, 1;
    [] u32, core::num::ParseIntError, 0, 1;
    [] u64, core::num::ParseIntError, 0, 1;
    [] u128, core::num::ParseIntError, 0, 1;
    [] usize, core::num::ParseIntError, 0, 1;
    [] i8, core::num::ParseIntError, 0, 1;
    [] i16, core::num::ParseIntError, 0, 1;
    [] i32, core::num::ParseIntError, 0, 1;
    [] i64, core::num::ParseIntError, 0, 1;
    [] i128, core::num::ParseIntError, 0, 1;
    [] isize, core::num::ParseIntError, 0, 1;
    [const N: usize] Uint<N>, crate::ParseIntError, Uint::ZERO, Uint::ONE;
    [const N: usize] Int<N>, crate::ParseIntError, Int::ZERO, Int::ONE;
}

macro_rules! unsigned_trait {
    ($($type:ty)*) => {
        $(impl Unsigned for $type {})*
    };
}

unsigned_trait!(u8 u16 u32 u64 u128 usize);
impl<const N: usize> Unsigned for Uint<N> {}

signed_trait! {
    [] i8;
    [] i16;
    [] i32;
    [] i64;
    [] i128;
    [] isize;
    [const N: usize] Int<N>;
}
