//! Operators of big integers.

use core::iter::{Product, Sum};
use core::ops::{
    Add, AddAssign, BitAnd, BitAndAssign, BitOr, BitOrAssign, BitXor, BitXorAssign, Div, DivAssign,
    Mul, MulAssign, Neg, Not, Rem, RemAssign, Shl, ShlAssign, Shr, ShrAssign, Sub, SubAssign,
};

use super::{kernel, BigInt};

/// An operator for numbers, references, and Rust's integers as the second operand.
macro_rules! operators {
    ($($trait:ident $assign_trait:ident $method:ident $assign_method:ident $of:ident;)*) => {
        $(
            impl $trait<&BigInt> for &BigInt {
                type Output = BigInt;

                fn $method(self, other: &BigInt) -> BigInt {
                    $of(self, other)
                }
            }

            impl $trait<BigInt> for &BigInt {
                type Output = BigInt;

                fn $method(self, other: BigInt) -> BigInt {
                    $of(self, &other)
                }
            }

            impl $trait<&BigInt> for BigInt {
                type Output = BigInt;

                fn $method(self, other: &BigInt) -> BigInt {
                    $of(&self, other)
                }
            }

            impl $trait for BigInt {
                type Output = BigInt;

                fn $method(self, other: BigInt) -> BigInt {
                    $of(&self, &other)
                }
            }

            impl $assign_trait<&BigInt> for BigInt {
                fn $assign_method(&mut self, other: &BigInt) {
                    *self = $of(self, other);
                }
            }

            impl $assign_trait for BigInt {
                fn $assign_method(&mut self, other: BigInt) {
                    *self = $of(self, &other);
                }
            }

            with_small!($trait $assign_trait $method $assign_method $of:
                i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);
        )*
    };
}

macro_rules! with_small {
    ($trait:ident $assign_trait:ident $method:ident $assign_method:ident $of:ident: $($type:ident)*) => {
        $(
            impl $trait<$type> for &BigInt {
                type Output = BigInt;

                fn $method(self, other: $type) -> BigInt {
                    $of(self, &BigInt::from(other))
                }
            }

            impl $trait<$type> for BigInt {
                type Output = BigInt;

                fn $method(self, other: $type) -> BigInt {
                    $of(&self, &BigInt::from(other))
                }
            }

            impl $assign_trait<$type> for BigInt {
                fn $assign_method(&mut self, other: $type) {
                    *self = $of(self, &BigInt::from(other));
                }
            }
        )*
    };
}

operators! {
    Add AddAssign add add_assign sum_of;
    Sub SubAssign sub sub_assign difference_of;
    Mul MulAssign mul mul_assign product_of;
    Div DivAssign div div_assign quotient_of;
    Rem RemAssign rem rem_assign remainder_of;
    BitAnd BitAndAssign bitand bitand_assign and_of;
    BitOr BitOrAssign bitor bitor_assign or_of;
    BitXor BitXorAssign bitxor bitxor_assign xor_of;
}

macro_rules! functions {
    ($($name:ident $of:ident;)*) => {
        $(fn $name(a: &BigInt, b: &BigInt) -> BigInt {
            BigInt(kernel::$of(&a.0, &b.0))
        })*
    };
}

functions! {
    sum_of add;
    difference_of sub;
    product_of mul;
    and_of and;
    or_of or;
    xor_of xor;
}

fn quotient_of(a: &BigInt, b: &BigInt) -> BigInt {
    b.check_divisor();
    BigInt(kernel::div(&a.0, &b.0))
}

fn remainder_of(a: &BigInt, b: &BigInt) -> BigInt {
    b.check_divisor();
    BigInt(kernel::rem(&a.0, &b.0))
}

macro_rules! unary {
    ($($trait:ident $method:ident $of:ident;)*) => {
        $(
            impl $trait for &BigInt {
                type Output = BigInt;

                fn $method(self) -> BigInt {
                    BigInt(kernel::$of(&self.0))
                }
            }

            impl $trait for BigInt {
                type Output = BigInt;

                fn $method(self) -> BigInt {
                    BigInt(kernel::$of(&self.0))
                }
            }
        )*
    };
}

unary! {
    Neg neg neg;
    Not not not;
}

macro_rules! shifts {
    ($($trait:ident $assign_trait:ident $method:ident $assign_method:ident;)*) => {
        $(
            impl $trait<u32> for &BigInt {
                type Output = BigInt;

                fn $method(self, count: u32) -> BigInt {
                    BigInt(kernel::$method(&self.0, count))
                }
            }

            impl $trait<u32> for BigInt {
                type Output = BigInt;

                fn $method(self, count: u32) -> BigInt {
                    BigInt(kernel::$method(&self.0, count))
                }
            }

            impl $assign_trait<u32> for BigInt {
                fn $assign_method(&mut self, count: u32) {
                    *self = BigInt(kernel::$method(&self.0, count));
                }
            }
        )*
    };
}

shifts! {
    Shl ShlAssign shl shl_assign;
    Shr ShrAssign shr shr_assign;
}

impl Sum for BigInt {
    fn sum<I: Iterator<Item = BigInt>>(numbers: I) -> BigInt {
        numbers.fold(BigInt::zero(), |sum, number| sum + number)
    }
}

impl Product for BigInt {
    fn product<I: Iterator<Item = BigInt>>(numbers: I) -> BigInt {
        numbers.fold(BigInt::one(), |product, number| product * number)
    }
}
