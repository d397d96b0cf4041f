//! Signed integers, in two's complement.

mod arith;

use core::cmp::Ordering;

use crate::{kernel, Uint};

/// A signed integer of `N` limbs of 64 bits; `N` is 2 to 8.
///
/// [`I128`], [`I256`] and [`I512`] are those that the machine has instructions for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Int<const N: usize> {
    bits: Uint<N>,
}

/// A signed integer of 128 bits.
pub type I128 = Int<2>;

/// A signed integer of 256 bits.
pub type I256 = Int<4>;

/// A signed integer of 512 bits.
pub type I512 = Int<8>;

impl<const N: usize> Int<N> {
    /// 0.
    pub const ZERO: Self = Self::from_limbs([0; N]);

    /// 1.
    pub const ONE: Self = Uint::ONE.cast_signed();

    /// -1.
    pub const MINUS_ONE: Self = Uint::MAX.cast_signed();

    /// The smallest number: only the highest bit is set.
    pub const MIN: Self = {
        let mut limbs = [0; N];
        limbs[N - 1] = 1 << 63;
        Self::from_limbs(limbs)
    };

    /// The largest number: all bits but the highest are set.
    pub const MAX: Self = {
        let mut limbs = [u64::MAX; N];
        limbs[N - 1] = u64::MAX >> 1;
        Self::from_limbs(limbs)
    };

    /// How many bits there are.
    pub const BITS: u32 = Uint::<N>::BITS;

    /// How many bytes there are.
    pub const BYTES: usize = Uint::<N>::BYTES;

    /// The number of these limbs, the lowest first.
    #[inline(always)]
    pub const fn from_limbs(limbs: [u64; N]) -> Self {
        let bits = Uint::from_limbs(limbs);
        Int { bits }
    }

    /// Its limbs, the lowest first.
    #[inline(always)]
    pub const fn limbs(self) -> [u64; N] {
        self.bits.limbs()
    }

    /// That number.
    #[inline(always)]
    pub const fn from_i64(value: i64) -> Self {
        let mut limbs = [(value >> 63) as u64; N];
        limbs[0] = value as u64;
        Self::from_limbs(limbs)
    }

    /// Its lowest 64 bits, as `as i64` has them.
    #[inline(always)]
    pub const fn as_i64(self) -> i64 {
        self.limbs()[0] as i64
    }

    /// The number in another width: filled up with its sign, or without its highest bits.
    #[inline(always)]
    pub const fn cast<const M: usize>(self) -> Int<M> {
        let from = self.limbs();
        let mut limbs = [(from[N - 1] as i64 >> 63) as u64; M];
        let mut i = 0;
        while i < N && i < M {
            limbs[i] = from[i];
            i += 1;
        }
        Int::from_limbs(limbs)
    }

    /// The same bits as an unsigned number.
    #[inline(always)]
    pub const fn cast_unsigned(self) -> Uint<N> {
        self.bits
    }

    /// Whether this is 0.
    #[inline(always)]
    pub fn is_zero(self) -> bool {
        self.bits.is_zero()
    }

    /// Whether this is less than 0.
    #[inline(always)]
    pub const fn is_negative(self) -> bool {
        (self.limbs()[N - 1] as i64) < 0
    }

    /// Whether this is greater than 0.
    #[inline(always)]
    pub fn is_positive(self) -> bool {
        !self.is_negative() && !self.is_zero()
    }

    /// How many bits are clear above the highest one that is set.
    #[inline(always)]
    pub fn leading_zeros(self) -> u32 {
        self.bits.leading_zeros()
    }

    /// How many bits are clear below the lowest one that is set.
    #[inline(always)]
    pub fn trailing_zeros(self) -> u32 {
        self.bits.trailing_zeros()
    }

    /// How many bits are set.
    #[inline(always)]
    pub fn count_ones(self) -> u32 {
        self.bits.count_ones()
    }

    /// Whether bit `index` is set, 0 being the lowest.
    ///
    /// # Panics
    /// Where there is no such bit.
    #[inline(always)]
    pub fn bit(self, index: u32) -> bool {
        self.bits.bit(index)
    }

    /// Bits that leave at the top come in at the bottom.
    #[inline(always)]
    pub fn rotate_left(self, count: u32) -> Self {
        self.bits.rotate_left(count).cast_signed()
    }

    /// Bits that leave at the bottom come in at the top.
    #[inline(always)]
    pub fn rotate_right(self, count: u32) -> Self {
        self.bits.rotate_right(count).cast_signed()
    }

    /// The bytes in reverse order.
    #[inline(always)]
    pub fn swap_bytes(self) -> Self {
        self.bits.swap_bytes().cast_signed()
    }

    /// The bits in reverse order.
    #[inline(always)]
    pub fn reverse_bits(self) -> Self {
        self.bits.reverse_bits().cast_signed()
    }

    /// The limbs of two numbers, combined.
    #[inline(always)]
    pub(crate) fn zip(self, other: Self, combine: impl Fn(u64, u64) -> u64) -> Self {
        self.bits.zip(other.bits, combine).cast_signed()
    }
}

impl<const N: usize> Ord for Int<N> {
    #[inline(always)]
    fn cmp(&self, other: &Self) -> Ordering {
        // Among numbers of one sign, two's complement keeps the order.
        other
            .is_negative()
            .cmp(&self.is_negative())
            .then(self.bits.cmp(&other.bits))
    }
}

impl<const N: usize> PartialOrd for Int<N> {
    #[inline(always)]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    #[inline(always)]
    fn lt(&self, other: &Self) -> bool {
        kernel::lt_signed(self.limbs(), other.limbs())
    }

    #[inline(always)]
    fn le(&self, other: &Self) -> bool {
        !kernel::lt_signed(other.limbs(), self.limbs())
    }

    #[inline(always)]
    fn gt(&self, other: &Self) -> bool {
        kernel::lt_signed(other.limbs(), self.limbs())
    }

    #[inline(always)]
    fn ge(&self, other: &Self) -> bool {
        !kernel::lt_signed(self.limbs(), other.limbs())
    }
}

integer!(Int);
