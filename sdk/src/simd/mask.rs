//! Masks: which lanes something holds for.

use core::fmt;
use core::marker::PhantomData;
use core::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, BitXor, BitXorAssign, Not};

use super::operations::Operations;
use super::{functions, portable, Lane, Vector};

/// Which lanes of a [`Vector`] of the same type something holds for. All bits of these lanes are set, those of the
/// others are clear.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mask<T, const N: usize> {
    limbs: [u64; N],
    lanes: PhantomData<T>,
}

impl<T: Lane, const N: usize> Mask<T, N> {
    pub(super) fn new(limbs: [u64; N]) -> Self {
        Mask {
            limbs,
            lanes: PhantomData,
        }
    }

    /// The same for all lanes.
    #[inline(always)]
    pub fn splat(value: bool) -> Self {
        let all = if value { u64::MAX } else { 0 };
        Self::new(<u64 as Operations>::splat(all))
    }

    /// The mask for whose lanes a function says so, by their indices.
    #[inline(always)]
    pub fn from_fn(mut lane: impl FnMut(usize) -> bool) -> Self {
        let ones = |all| T::from_low_bits(if all { u64::MAX } else { 0 });
        Self::new(portable::vector(|i| ones(lane(i))))
    }

    /// Whether it holds for a lane.
    ///
    /// # Panics
    /// Where there is no such lane.
    #[inline(always)]
    #[track_caller]
    pub fn test(self, index: usize) -> bool {
        portable::lane::<T, N>(self.limbs, index).low_bits() != 0
    }

    /// Whether it holds for any lane.
    #[inline(always)]
    pub fn any(self) -> bool {
        functions::any(self.limbs)
    }

    /// Whether it holds for all lanes.
    #[inline(always)]
    pub fn all(self) -> bool {
        <T::Bits as Operations>::all(self.limbs)
    }

    /// A bit for each lane, that of lane 0 lowest.
    #[inline(always)]
    pub fn to_bitmask(self) -> u64 {
        <T::Bits as Operations>::bitmask(self.limbs)
    }

    /// Lanes of `yes` where it holds, and of `no` elsewhere.
    #[inline(always)]
    pub fn select(self, yes: Vector<T, N>, no: Vector<T, N>) -> Vector<T, N> {
        Vector::from_limbs(functions::select(self.limbs, yes.limbs(), no.limbs()))
    }

    /// The same for lanes of another type with as many bits.
    #[inline(always)]
    pub fn cast<U: Lane<Bits = T::Bits>>(self) -> Mask<U, N> {
        Mask::new(self.limbs)
    }

    /// The vector whose lanes are -1 where it holds and 0 elsewhere.
    #[inline(always)]
    pub fn to_int(self) -> Vector<T::Bits, N> {
        Vector::from_limbs(self.limbs)
    }
}

macro_rules! operator {
    ($trait:ident $method:ident $assign:ident $assign_method:ident $function:ident) => {
        impl<T: Lane, const N: usize> $trait for Mask<T, N> {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self::new(functions::$function(self.limbs, other.limbs))
            }
        }

        impl<T: Lane, const N: usize> $assign for Mask<T, N> {
            #[inline(always)]
            fn $assign_method(&mut self, other: Self) {
                *self = self.$method(other);
            }
        }
    };
}

operator!(BitAnd bitand BitAndAssign bitand_assign and);
operator!(BitOr bitor BitOrAssign bitor_assign or);
operator!(BitXor bitxor BitXorAssign bitxor_assign xor);

impl<T: Lane, const N: usize> Not for Mask<T, N> {
    type Output = Self;

    #[inline(always)]
    fn not(self) -> Self {
        Self::new(functions::not(self.limbs))
    }
}

impl<T: Lane, const N: usize> fmt::Debug for Mask<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lanes = (0..portable::lanes::<T, N>()).map(|i| self.test(i));
        f.debug_list().entries(lanes).finish()
    }
}
