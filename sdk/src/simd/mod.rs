//! Vectors of 256 and 512 bits.
//!
//! ```
//! use dotvm_sdk::simd::F32x8;
//!
//! /// Adds `a` times each of `x` to `y`.
//! fn saxpy(a: f32, x: &[f32], y: &mut [f32]) {
//!     let a = F32x8::splat(a);
//!     for (x, y) in x.chunks_exact(8).zip(y.chunks_exact_mut(8)) {
//!         (a * F32x8::load(x) + F32x8::load(y)).store(y);
//!     }
//! }
//!
//! let mut y = [1.0; 16];
//! saxpy(0.5, &[4.0; 16], &mut y);
//! assert_eq!(y, [3.0; 16]);
//! ```
//!
//! [`Vector<T, N>`](Vector) has `N` limbs of 64 bits with lanes of type `T`; there are names for all widths, such
//! as [`I8x32`] and [`F64x8`]. Code for any of them is generic over `T`, which is a [`Lane`], and `N`. Vectors of
//! 128 bits are among them for that: programs for the machine compute these by limbs.
//!
//! Arithmetic on integers wraps around. That on floats is IEEE 754's, and its NaNs are always the same: the
//! first operand that is one, made quiet, or the machine's default NaN. So results are equal on every target,
//! bit for bit.
//!
//! The machine keeps vectors in registers as long as they are in local variables. Lists of vectors, and
//! vectors that functions pass to each other, go through memory by limbs; so data is better kept in lists of
//! lanes, which [`Vector::load`] and [`Vector::store`] access by one instruction each, and functions are
//! better inlined (`#[inline(always)]`).

// First, for its macros.
#[cfg(all(target_arch = "wasm32", dotvm))]
#[macro_use]
mod machine;

mod convert;
mod element;
mod float;
mod functions;
mod lane;
mod mask;
mod operations;
mod operators;
mod portable;

use core::fmt;
use core::marker::PhantomData;

use operations::Operations;

pub use lane::{FloatLane, GatherLane, IntLane, Lane};
pub use mask::Mask;

/// A vector of `N` limbs with 64 bits each, the lanes of which are of type `T`; `N` is 2, 4 or 8.
///
/// Lane 0 is in the lowest bits.
#[derive(Clone, Copy)]
pub struct Vector<T, const N: usize> {
    /// The lowest limb first.
    limbs: [u64; N],
    lanes: PhantomData<T>,
}

/// Names of vectors, and their conversions from and into arrays.
macro_rules! names {
    ($($lane:ident: $($name:ident $limbs:literal $lanes:literal),*;)*) => {
        $($(
            #[doc = concat!("A vector of ", $lanes, " lanes of type `", stringify!($lane), "`.")]
            pub type $name = Vector<$lane, $limbs>;

            impl Vector<$lane, $limbs> {
                /// The vector of these lanes.
                #[inline(always)]
                pub fn from_array(lanes: [$lane; $lanes]) -> Self {
                    Self::from_limbs(portable::vector(|i| lanes[i]))
                }

                /// Its lanes.
                #[inline(always)]
                pub fn to_array(self) -> [$lane; $lanes] {
                    let mut lanes = [$lane::default(); $lanes];
                    for i in 0..$lanes {
                        lanes[i] = portable::lane(self.limbs, i);
                    }
                    lanes
                }
            }

            impl From<[$lane; $lanes]> for Vector<$lane, $limbs> {
                #[inline(always)]
                fn from(lanes: [$lane; $lanes]) -> Self {
                    Self::from_array(lanes)
                }
            }

            impl From<Vector<$lane, $limbs>> for [$lane; $lanes] {
                #[inline(always)]
                fn from(vector: Vector<$lane, $limbs>) -> Self {
                    vector.to_array()
                }
            }
        )*)*
    };
}

names! {
    i8: I8x16 2 16, I8x32 4 32, I8x64 8 64;
    u8: U8x16 2 16, U8x32 4 32, U8x64 8 64;
    i16: I16x8 2 8, I16x16 4 16, I16x32 8 32;
    u16: U16x8 2 8, U16x16 4 16, U16x32 8 32;
    i32: I32x4 2 4, I32x8 4 8, I32x16 8 16;
    u32: U32x4 2 4, U32x8 4 8, U32x16 8 16;
    i64: I64x2 2 2, I64x4 4 4, I64x8 8 8;
    u64: U64x2 2 2, U64x4 4 4, U64x8 8 8;
    f32: F32x4 2 4, F32x8 4 8, F32x16 8 16;
    f64: F64x2 2 2, F64x4 4 4, F64x8 8 8;
}

impl<T, const N: usize> Vector<T, N> {
    /// The vector of these limbs, the lowest first.
    #[inline(always)]
    pub const fn from_limbs(limbs: [u64; N]) -> Self {
        Vector {
            limbs,
            lanes: PhantomData,
        }
    }

    /// Its limbs, the lowest first.
    #[inline(always)]
    pub const fn limbs(self) -> [u64; N] {
        self.limbs
    }

    /// The same bits in lanes of another type.
    #[inline(always)]
    pub const fn cast_bits<U>(self) -> Vector<U, N> {
        Vector::from_limbs(self.limbs)
    }
}

impl<T: Lane, const N: usize> Vector<T, N> {
    /// How many lanes there are.
    pub const LANES: usize = portable::lanes::<T, N>();

    /// A vector whose lanes are all 0.
    pub const ZERO: Self = Self::from_limbs([0; N]);

    /// A vector whose lanes are all the same.
    #[inline(always)]
    pub fn splat(value: T) -> Self {
        Self::from_limbs(Operations::splat(value))
    }

    /// The vector whose lanes a function gives by their indices.
    #[inline(always)]
    pub fn from_fn(lane: impl FnMut(usize) -> T) -> Self {
        Self::from_limbs(portable::vector(lane))
    }

    /// The first lanes of a list, [`LANES`](Self::LANES) of them.
    ///
    /// # Panics
    /// Where there are fewer.
    #[inline(always)]
    #[track_caller]
    pub fn load(from: &[T]) -> Self {
        Self::from_limbs(functions::load(from))
    }

    /// The lanes of a list, and 0 where it has no more.
    pub fn load_partial(from: &[T]) -> Self {
        Self::from_fn(|i| from.get(i).copied().unwrap_or_default())
    }

    /// Puts the lanes into the first places of a list.
    ///
    /// # Panics
    /// Where there are fewer than [`LANES`](Self::LANES).
    #[inline(always)]
    #[track_caller]
    pub fn store(self, to: &mut [T]) {
        functions::store(self.limbs, to);
    }

    /// Puts the first lanes into a list, as many as that has places.
    pub fn store_partial(self, to: &mut [T]) {
        for (i, place) in to.iter_mut().enumerate().take(Self::LANES) {
            *place = self.lane(i);
        }
    }

    /// One lane.
    ///
    /// # Panics
    /// Where the index is not below [`LANES`](Self::LANES).
    #[inline(always)]
    #[track_caller]
    pub fn lane(self, index: usize) -> T {
        portable::lane(self.limbs, index)
    }

    /// The same but for one lane.
    ///
    /// # Panics
    /// Where the index is not below [`LANES`](Self::LANES).
    #[inline(always)]
    #[track_caller]
    pub fn with_lane(self, index: usize, value: T) -> Self {
        let per_limb = Self::LANES / N;
        let place = T::BITS * (index % per_limb) as u32;
        let ones = u64::MAX >> (64 - T::BITS) << place;
        let mut limbs = self.limbs;
        let limb = &mut limbs[index / per_limb];
        *limb = *limb & !ones | value.low_bits() << place;
        Self::from_limbs(limbs)
    }

    /// The lesser of each lane. Of floats, the default NaN where either is a NaN; -0 is below 0.
    #[inline(always)]
    pub fn min(self, other: Self) -> Self {
        Self::from_limbs(T::min(self.limbs, other.limbs))
    }

    /// The greater of each lane. Of floats, the default NaN where either is a NaN; 0 is above -0.
    #[inline(always)]
    pub fn max(self, other: Self) -> Self {
        Self::from_limbs(T::max(self.limbs, other.limbs))
    }

    /// Each lane between these bounds: not below `low`, and then not above `high`.
    #[inline(always)]
    pub fn clamp(self, low: Self, high: Self) -> Self {
        self.max(low).min(high)
    }

    /// Where lanes are equal.
    #[inline(always)]
    pub fn simd_eq(self, other: Self) -> Mask<T, N> {
        Mask::new(<T as Operations>::eq(self.limbs, other.limbs))
    }

    /// Where lanes are not equal.
    #[inline(always)]
    pub fn simd_ne(self, other: Self) -> Mask<T, N> {
        Mask::new(<T as Operations>::ne(self.limbs, other.limbs))
    }

    /// Where lanes are less than the other's.
    #[inline(always)]
    pub fn simd_lt(self, other: Self) -> Mask<T, N> {
        Mask::new(<T as Operations>::lt(self.limbs, other.limbs))
    }

    /// Where lanes are not greater than the other's, which they may not be comparable with.
    #[inline(always)]
    pub fn simd_le(self, other: Self) -> Mask<T, N> {
        Mask::new(<T as Operations>::le(self.limbs, other.limbs))
    }

    /// Where lanes are greater than the other's.
    #[inline(always)]
    pub fn simd_gt(self, other: Self) -> Mask<T, N> {
        other.simd_lt(self)
    }

    /// Where lanes are greater than the other's or equal.
    #[inline(always)]
    pub fn simd_ge(self, other: Self) -> Mask<T, N> {
        other.simd_le(self)
    }

    /// The sum of all lanes, wrapping. Floats of the upper half are added to those of the lower half, again and
    /// again.
    #[inline(always)]
    pub fn reduce_sum(self) -> T {
        T::reduce_add(self.limbs)
    }

    /// The least lane; of floats, the default NaN where any is one.
    #[inline(always)]
    pub fn reduce_min(self) -> T {
        T::reduce_min(self.limbs)
    }

    /// The greatest lane; of floats, the default NaN where any is one.
    #[inline(always)]
    pub fn reduce_max(self) -> T {
        T::reduce_max(self.limbs)
    }
}

impl<T: IntLane, const N: usize> Vector<T, N> {
    /// Sums that stop at the bounds of the lanes' type.
    #[inline(always)]
    pub fn saturating_add(self, other: Self) -> Self {
        Self::from_limbs(T::add_sat(self.limbs, other.limbs))
    }

    /// Differences that stop at the bounds of the lanes' type.
    #[inline(always)]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self::from_limbs(T::sub_sat(self.limbs, other.limbs))
    }
}

impl<T: FloatLane, const N: usize> Vector<T, N> {
    /// The square root of each lane.
    #[inline(always)]
    pub fn sqrt(self) -> Self {
        Self::from_limbs(T::sqrt(self.limbs))
    }

    /// `self * factor + summand` of each lane, rounded once.
    #[inline(always)]
    pub fn mul_add(self, factor: Self, summand: Self) -> Self {
        Self::from_limbs(T::fma(self.limbs, factor.limbs, summand.limbs))
    }

    /// `summand - self * factor` of each lane, rounded once.
    #[inline(always)]
    pub fn neg_mul_add(self, factor: Self, summand: Self) -> Self {
        Self::from_limbs(T::fnma(self.limbs, factor.limbs, summand.limbs))
    }

    /// Each lane rounded up to an integral number.
    #[inline(always)]
    pub fn ceil(self) -> Self {
        Self::from_limbs(T::ceil(self.limbs))
    }

    /// Each lane rounded down to an integral number.
    #[inline(always)]
    pub fn floor(self) -> Self {
        Self::from_limbs(T::floor(self.limbs))
    }

    /// Each lane rounded towards 0 to an integral number.
    #[inline(always)]
    pub fn trunc(self) -> Self {
        Self::from_limbs(T::trunc(self.limbs))
    }

    /// Each lane rounded to the nearest integral number, of two to the even one.
    #[inline(always)]
    pub fn round_ties_even(self) -> Self {
        Self::from_limbs(T::nearest(self.limbs))
    }
}

/// Methods of vectors with signed lanes.
macro_rules! signed {
    ($($lane:ident)*) => {
        $(
            impl<const N: usize> Vector<$lane, N> {
                /// The absolute value of each lane; of integers, wrapping.
                #[inline(always)]
                pub fn abs(self) -> Self {
                    Self::from_limbs(<$lane as Operations>::abs(self.limbs))
                }
            }
        )*
    };
}

signed!(i8 i16 i32 i64 f32 f64);

impl<T: Lane, const N: usize> Default for Vector<T, N> {
    #[inline(always)]
    fn default() -> Self {
        Self::ZERO
    }
}

/// Whether all lanes are equal.
impl<T: Lane, const N: usize> PartialEq for Vector<T, N> {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.simd_eq(*other).all()
    }
}

impl<T: IntLane, const N: usize> Eq for Vector<T, N> {}

impl<T: Lane, const N: usize> fmt::Debug for Vector<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lanes = (0..Self::LANES).map(|i| self.lane(i));
        f.debug_list().entries(lanes).finish()
    }
}
