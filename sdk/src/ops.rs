//! Operators, for values and references.

use core::iter::{Product, Sum};
use core::ops::{
    Add, AddAssign, BitAnd, BitAndAssign, BitOr, BitOrAssign, BitXor, BitXorAssign, Div, DivAssign,
    Mul, MulAssign, Neg, Not, Rem, RemAssign, Shl, ShlAssign, Shr, ShrAssign, Sub, SubAssign,
};

use crate::{Int, Uint};

/// The result of an operator: panics on overflow where debug assertions are on, as Rust's own do.
macro_rules! result {
    ($checked:expr, $wrapping:expr, $message:literal) => {
        if cfg!(debug_assertions) {
            match $checked {
                Some(result) => result,
                None => panic!($message),
            }
        } else {
            $wrapping
        }
    };
}

/// A binary operator with all that goes with it: references on either side, and assignment.
macro_rules! operator {
    ($type:ident, $trait:ident, $method:ident, $assign:ident, $assign_method:ident, $other:ty,
     |$a:ident, $b:ident| $result:expr) => {
        impl<const N: usize> $trait<$other> for $type<N> {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: $other) -> Self {
                let ($a, $b) = (self, other);
                $result
            }
        }

        impl<const N: usize> $trait<&$other> for $type<N> {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: &$other) -> Self {
                $trait::$method(self, *other)
            }
        }

        impl<const N: usize> $trait<$other> for &$type<N> {
            type Output = $type<N>;

            #[inline(always)]
            fn $method(self, other: $other) -> $type<N> {
                $trait::$method(*self, other)
            }
        }

        impl<const N: usize> $trait<&$other> for &$type<N> {
            type Output = $type<N>;

            #[inline(always)]
            fn $method(self, other: &$other) -> $type<N> {
                $trait::$method(*self, *other)
            }
        }

        impl<const N: usize> $assign<$other> for $type<N> {
            #[inline(always)]
            fn $assign_method(&mut self, other: $other) {
                *self = $trait::$method(*self, other);
            }
        }

        impl<const N: usize> $assign<&$other> for $type<N> {
            #[inline(always)]
            fn $assign_method(&mut self, other: &$other) {
                *self = $trait::$method(*self, *other);
            }
        }
    };
}

/// A unary operator, for references too.
macro_rules! unary_operator {
    ($type:ident, $trait:ident, $method:ident, |$a:ident| $result:expr) => {
        impl<const N: usize> $trait for $type<N> {
            type Output = Self;

            #[inline(always)]
            fn $method(self) -> Self {
                let $a = self;
                $result
            }
        }

        impl<const N: usize> $trait for &$type<N> {
            type Output = $type<N>;

            #[inline(always)]
            fn $method(self) -> $type<N> {
                $trait::$method(*self)
            }
        }
    };
}

macro_rules! operators {
    ($type:ident) => {
        operator!(
            $type,
            Add,
            add,
            AddAssign,
            add_assign,
            $type<N>,
            |a, b| result!(
                a.checked_add(b),
                a.wrapping_add(b),
                "attempt to add with overflow"
            )
        );
        operator!(
            $type,
            Sub,
            sub,
            SubAssign,
            sub_assign,
            $type<N>,
            |a, b| result!(
                a.checked_sub(b),
                a.wrapping_sub(b),
                "attempt to subtract with overflow"
            )
        );
        operator!(
            $type,
            Mul,
            mul,
            MulAssign,
            mul_assign,
            $type<N>,
            |a, b| result!(
                a.checked_mul(b),
                a.wrapping_mul(b),
                "attempt to multiply with overflow"
            )
        );
        // Rust's own panic here with and without debug assertions.
        operator!($type, Div, div, DivAssign, div_assign, $type<N>, |a, b| {
            match a.overflowing_div(b) {
                (quotient, false) => quotient,
                _ => panic!("attempt to divide with overflow"),
            }
        });
        operator!($type, Rem, rem, RemAssign, rem_assign, $type<N>, |a, b| {
            match a.overflowing_rem(b) {
                (remainder, false) => remainder,
                _ => panic!("attempt to calculate the remainder with overflow"),
            }
        });
        operator!(
            $type,
            Shl,
            shl,
            ShlAssign,
            shl_assign,
            u32,
            |a, count| result!(
                a.checked_shl(count),
                a.wrapping_shl(count),
                "attempt to shift left with overflow"
            )
        );
        operator!(
            $type,
            Shr,
            shr,
            ShrAssign,
            shr_assign,
            u32,
            |a, count| result!(
                a.checked_shr(count),
                a.wrapping_shr(count),
                "attempt to shift right with overflow"
            )
        );

        operator!(
            $type,
            BitAnd,
            bitand,
            BitAndAssign,
            bitand_assign,
            $type<N>,
            |a, b| a.zip(b, |a, b| a & b)
        );
        operator!(
            $type,
            BitOr,
            bitor,
            BitOrAssign,
            bitor_assign,
            $type<N>,
            |a, b| a.zip(b, |a, b| a | b)
        );
        operator!(
            $type,
            BitXor,
            bitxor,
            BitXorAssign,
            bitxor_assign,
            $type<N>,
            |a, b| a.zip(b, |a, b| a ^ b)
        );
        unary_operator!($type, Not, not, |a| a.zip(a, |a, _| !a));

        impl<const N: usize> Sum for $type<N> {
            fn sum<I: Iterator<Item = Self>>(numbers: I) -> Self {
                numbers.fold(Self::ZERO, Add::add)
            }
        }

        impl<'a, const N: usize> Sum<&'a $type<N>> for $type<N> {
            fn sum<I: Iterator<Item = &'a Self>>(numbers: I) -> Self {
                numbers.copied().sum()
            }
        }

        impl<const N: usize> Product for $type<N> {
            fn product<I: Iterator<Item = Self>>(numbers: I) -> Self {
                numbers.fold(Self::ONE, Mul::mul)
            }
        }

        impl<'a, const N: usize> Product<&'a $type<N>> for $type<N> {
            fn product<I: Iterator<Item = &'a Self>>(numbers: I) -> Self {
                numbers.copied().product()
            }
        }
    };
}

operators!(Uint);
operators!(Int);

unary_operator!(Int, Neg, neg, |a| result!(
    a.checked_neg(),
    a.wrapping_neg(),
    "attempt to negate with overflow"
));
