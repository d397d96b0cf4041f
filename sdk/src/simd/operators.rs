//! Operators, for values and references on the right, and their assignments.

use core::ops::{
    Add, AddAssign, BitAnd, BitAndAssign, BitOr, BitOrAssign, BitXor, BitXorAssign, Div, DivAssign,
    Mul, MulAssign, Neg, Not, Shl, ShlAssign, Shr, ShrAssign, Sub, SubAssign,
};

use super::operations::{FloatOperations, IntOperations, Operations};
use super::{functions, FloatLane, IntLane, Lane, Vector};

macro_rules! operator {
    ($lane:ident: $trait:ident $method:ident $assign:ident $assign_method:ident $other:ty,
     |$a:ident, $b:ident| $result:expr) => {
        impl<T: $lane, const N: usize> $trait<$other> for Vector<T, N> {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: $other) -> Self {
                let ($a, $b) = (self, other);
                Self::from_limbs($result)
            }
        }

        impl<T: $lane, const N: usize> $trait<&$other> for Vector<T, N> {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: &$other) -> Self {
                $trait::$method(self, *other)
            }
        }

        impl<T: $lane, const N: usize> $assign<$other> for Vector<T, N> {
            #[inline(always)]
            fn $assign_method(&mut self, other: $other) {
                *self = $trait::$method(*self, other);
            }
        }
    };
}

operator!(Lane: Add add AddAssign add_assign Self, |a, b| <T as Operations>::add(a.limbs, b.limbs));
operator!(Lane: Sub sub SubAssign sub_assign Self, |a, b| <T as Operations>::sub(a.limbs, b.limbs));
operator!(Lane: Mul mul MulAssign mul_assign Self, |a, b| <T as Operations>::mul(a.limbs, b.limbs));
operator!(FloatLane: Div div DivAssign div_assign Self,
    |a, b| <T as FloatOperations>::div(a.limbs, b.limbs));
operator!(IntLane: BitAnd bitand BitAndAssign bitand_assign Self,
    |a, b| functions::and(a.limbs, b.limbs));
operator!(IntLane: BitOr bitor BitOrAssign bitor_assign Self,
    |a, b| functions::or(a.limbs, b.limbs));
operator!(IntLane: BitXor bitxor BitXorAssign bitxor_assign Self,
    |a, b| functions::xor(a.limbs, b.limbs));
// The same count for all lanes, taken modulo their width.
operator!(IntLane: Shl shl ShlAssign shl_assign u32, |a, count| <T as IntOperations>::shl(a.limbs, count));
operator!(IntLane: Shr shr ShrAssign shr_assign u32, |a, count| <T as IntOperations>::shr(a.limbs, count));

impl<T: IntLane, const N: usize> Not for Vector<T, N> {
    type Output = Self;

    #[inline(always)]
    fn not(self) -> Self {
        Self::from_limbs(functions::not(self.limbs))
    }
}

impl<T: IntLane, const N: usize> Vector<T, N> {
    /// The bits that are set here and not in the other one.
    #[inline(always)]
    pub fn and_not(self, other: Self) -> Self {
        Self::from_limbs(functions::and_not(self.limbs, other.limbs))
    }
}

macro_rules! negation {
    ($($lane:ident)*) => {
        $(
            impl<const N: usize> Neg for Vector<$lane, N> {
                type Output = Self;

                #[inline(always)]
                fn neg(self) -> Self {
                    Self::from_limbs(<$lane as Operations>::neg(self.limbs))
                }
            }
        )*
    };
}

negation!(i8 i16 i32 i64 f32 f64);
