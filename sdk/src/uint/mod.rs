//! Unsigned integers.

mod arith;
mod theory;

use core::cmp::Ordering;
use core::hash::{Hash, Hasher};

use crate::{kernel, Int};

/// An unsigned integer of `N` limbs of 64 bits; `N` is 2 to 8.
///
/// [`U128`], [`U256`] and [`U512`] are those that the machine has instructions for.
#[derive(Clone, Copy)]
pub struct Uint<const N: usize> {
    /// The lowest limb first.
    limbs: [u64; N],
}

/// An unsigned integer of 128 bits.
pub type U128 = Uint<2>;

/// An unsigned integer of 256 bits.
pub type U256 = Uint<4>;

/// An unsigned integer of 512 bits.
pub type U512 = Uint<8>;

impl<const N: usize> Uint<N> {
    /// 0.
    pub const ZERO: Self = Self::from_limbs([0; N]);

    /// 1.
    pub const ONE: Self = Self::from_u64(1);

    /// The smallest number, 0.
    pub const MIN: Self = Self::ZERO;

    /// The largest number: all bits are set.
    pub const MAX: Self = Self::from_limbs([u64::MAX; N]);

    /// How many bits there are.
    pub const BITS: u32 = 64 * N as u32;

    /// How many bytes there are.
    pub const BYTES: usize = 8 * N;

    /// The number of these limbs, the lowest first.
    #[inline(always)]
    pub const fn from_limbs(limbs: [u64; N]) -> Self {
        Uint { limbs }
    }

    /// Its limbs, the lowest first.
    #[inline(always)]
    pub const fn limbs(self) -> [u64; N] {
        self.limbs
    }

    /// That number.
    #[inline(always)]
    pub const fn from_u64(value: u64) -> Self {
        let mut limbs = [0; N];
        limbs[0] = value;
        Uint { limbs }
    }

    /// Its lowest 64 bits, as `as u64` has them.
    #[inline(always)]
    pub const fn as_u64(self) -> u64 {
        self.limbs[0]
    }

    /// The number in another width: filled up with zeros, or without its highest bits.
    #[inline(always)]
    pub const fn cast<const M: usize>(self) -> Uint<M> {
        let mut limbs = [0; M];
        let mut i = 0;
        while i < N && i < M {
            limbs[i] = self.limbs[i];
            i += 1;
        }
        Uint { limbs }
    }

    /// The same bits as a signed number.
    #[inline(always)]
    pub const fn cast_signed(self) -> Int<N> {
        Int::from_limbs(self.limbs)
    }

    /// Whether this is 0.
    #[inline(always)]
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// How many bits the number has without leading zeros.
    #[inline(always)]
    pub fn bit_len(self) -> u32 {
        Self::BITS - self.leading_zeros()
    }

    /// How many bits are clear above the highest one that is set.
    #[inline(always)]
    pub fn leading_zeros(self) -> u32 {
        for i in (0..N).rev() {
            if self.limbs[i] != 0 {
                return (N - 1 - i) as u32 * 64 + self.limbs[i].leading_zeros();
            }
        }
        Self::BITS
    }

    /// How many bits are clear below the lowest one that is set.
    #[inline(always)]
    pub fn trailing_zeros(self) -> u32 {
        for i in 0..N {
            if self.limbs[i] != 0 {
                return i as u32 * 64 + self.limbs[i].trailing_zeros();
            }
        }
        Self::BITS
    }

    /// How many bits are set.
    #[inline(always)]
    pub fn count_ones(self) -> u32 {
        self.limbs.iter().map(|limb| limb.count_ones()).sum()
    }

    /// Whether bit `index` is set, 0 being the lowest.
    ///
    /// # Panics
    /// Where there is no such bit.
    #[inline(always)]
    pub fn bit(self, index: u32) -> bool {
        assert!(index < Self::BITS, "no such bit");
        kernel::bit(self.limbs, index)
    }

    /// Bits that leave at the top come in at the bottom.
    #[inline(always)]
    pub fn rotate_left(self, count: u32) -> Self {
        Self::from_limbs(kernel::rotl(self.limbs, count % Self::BITS))
    }

    /// Bits that leave at the bottom come in at the top.
    #[inline(always)]
    pub fn rotate_right(self, count: u32) -> Self {
        Self::from_limbs(kernel::rotr(self.limbs, count % Self::BITS))
    }

    /// The bytes in reverse order.
    #[inline(always)]
    pub fn swap_bytes(self) -> Self {
        self.reversed(u64::swap_bytes)
    }

    /// The bits in reverse order.
    #[inline(always)]
    pub fn reverse_bits(self) -> Self {
        self.reversed(u64::reverse_bits)
    }

    /// The limbs in reverse order, each changed.
    #[inline(always)]
    fn reversed(self, change: impl Fn(u64) -> u64) -> Self {
        let mut limbs = [0; N];
        for i in 0..N {
            limbs[i] = change(self.limbs[N - 1 - i]);
        }
        Self::from_limbs(limbs)
    }

    /// The limbs of two numbers, combined.
    #[inline(always)]
    pub(crate) fn zip(self, other: Self, combine: impl Fn(u64, u64) -> u64) -> Self {
        let mut limbs = [0; N];
        for i in 0..N {
            limbs[i] = combine(self.limbs[i], other.limbs[i]);
        }
        Self::from_limbs(limbs)
    }
}

impl<const N: usize> Default for Uint<N> {
    #[inline(always)]
    fn default() -> Self {
        Self::ZERO
    }
}

// Written out, since comparing arrays would be a comparison of memory.
impl<const N: usize> PartialEq for Uint<N> {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        let difference = self.zip(*other, |a, b| a ^ b);
        difference.limbs.iter().fold(0, |all, limb| all | limb) == 0
    }
}

impl<const N: usize> Eq for Uint<N> {}

impl<const N: usize> Hash for Uint<N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.limbs.hash(state);
    }
}

impl<const N: usize> Ord for Uint<N> {
    #[inline(always)]
    fn cmp(&self, other: &Self) -> Ordering {
        for i in (0..N).rev() {
            if self.limbs[i] != other.limbs[i] {
                return self.limbs[i].cmp(&other.limbs[i]);
            }
        }
        Ordering::Equal
    }
}

impl<const N: usize> PartialOrd for Uint<N> {
    #[inline(always)]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    #[inline(always)]
    fn lt(&self, other: &Self) -> bool {
        kernel::lt(self.limbs, other.limbs)
    }

    #[inline(always)]
    fn le(&self, other: &Self) -> bool {
        !kernel::lt(other.limbs, self.limbs)
    }

    #[inline(always)]
    fn gt(&self, other: &Self) -> bool {
        kernel::lt(other.limbs, self.limbs)
    }

    #[inline(always)]
    fn ge(&self, other: &Self) -> bool {
        !kernel::lt(self.limbs, other.limbs)
    }
}

integer!(Uint);
