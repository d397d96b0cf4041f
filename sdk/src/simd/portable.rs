//! What vectors compute, lane by lane: on targets without the machine's instructions, and for vectors that
//! have none.
//!
//! A vector is its limbs, with lane 0 in the lowest bits of the first.

use super::element::{Element, FloatElement, IntElement};

/// Lane `index` of a vector.
#[inline(always)]
pub(crate) fn lane<T: Element, const N: usize>(a: [u64; N], index: usize) -> T {
    let per_limb = 64 / T::BITS as usize;
    T::from_low_bits(a[index / per_limb] >> (T::BITS as usize * (index % per_limb)))
}

/// The vector whose lanes a function gives by their indices.
#[inline]
pub(crate) fn vector<T: Element, const N: usize>(mut lane: impl FnMut(usize) -> T) -> [u64; N] {
    let per_limb = 64 / T::BITS as usize;
    let mut limbs = [0; N];
    for (i, limb) in limbs.iter_mut().enumerate() {
        for j in 0..per_limb {
            *limb |= lane(i * per_limb + j).low_bits() << (T::BITS as usize * j);
        }
    }
    limbs
}

/// How many lanes a vector has.
#[inline(always)]
pub(crate) const fn lanes<T: Element, const N: usize>() -> usize {
    64 * N / T::BITS as usize
}

/// A function of each lane.
#[inline]
pub(super) fn one<T: Element, U: Element, const N: usize>(
    a: [u64; N],
    function: impl Fn(T) -> U,
) -> [u64; N] {
    vector(|i| function(lane(a, i)))
}

/// A function of the lanes of two vectors.
#[inline]
pub(super) fn two<T: Element, U: Element, const N: usize>(
    a: [u64; N],
    b: [u64; N],
    function: impl Fn(T, T) -> U,
) -> [u64; N] {
    vector(|i| function(lane(a, i), lane(b, i)))
}

/// All ones in the lanes for which a comparison holds.
#[inline]
pub(super) fn compare<T: Element, const N: usize>(
    a: [u64; N],
    b: [u64; N],
    holds: impl Fn(&T, &T) -> bool,
) -> [u64; N] {
    vector(|i| T::from_low_bits(ones(holds(&lane(a, i), &lane(b, i)))))
}

fn ones(all: bool) -> u64 {
    match all {
        true => u64::MAX,
        false => 0,
    }
}

/// One lane of all: those of the upper half are joined with those of the lower half, again and again.
pub(super) fn reduce<T: Element, const N: usize>(a: [u64; N], join: impl Fn(T, T) -> T) -> T {
    let mut left = lanes::<T, N>();
    let mut a = a;
    while left > 1 {
        left /= 2;
        let halves = a;
        a = vector(|i| match i < left {
            true => join(lane(halves, i), lane(halves, i + left)),
            false => T::default(),
        });
    }
    lane(a, 0)
}

pub(super) fn fused<T: FloatElement, const N: usize>(
    [a, b, c]: [[u64; N]; 3],
    negated: bool,
) -> [u64; N] {
    vector(|i| T::fused(lane(a, i), lane(b, i), lane(c, i), negated))
}

/// Whether no lane is 0.
pub(super) fn all<T: Element, const N: usize>(a: [u64; N]) -> bool {
    (0..lanes::<T, N>()).all(|i| lane::<T, N>(a, i).low_bits() != 0)
}

/// The highest bits of all lanes.
pub(super) fn bitmask<T: Element, const N: usize>(a: [u64; N]) -> u64 {
    let sign = |i| lane::<T, N>(a, i).low_bits() >> (T::BITS - 1);
    (0..lanes::<T, N>()).fold(0, |mask, i| mask | sign(i) << i)
}

/// Lanes of a list, as many as a vector has.
#[inline]
pub(super) fn load<T: Element, const N: usize>(from: &[T]) -> [u64; N] {
    vector(|i| from[i])
}

/// Puts all lanes into a list.
#[inline]
pub(super) fn store<T: Element, const N: usize>(a: [u64; N], to: &mut [T]) {
    for i in 0..lanes::<T, N>() {
        to[i] = lane(a, i);
    }
}

/// Lanes of a list, as many as a vector with half the lanes has, each in twice the bits.
#[inline]
pub(super) fn load_wide<T: Element, U: Element + From<T>, const N: usize>(from: &[T]) -> [u64; N] {
    vector(|i| U::from(from[i]))
}

/// The lanes of a list that the lanes of a vector name.
pub(super) fn gather<T: Element, I: Element, const N: usize>(
    from: &[T],
    indices: [u64; N],
) -> [u64; N] {
    vector(|i| from[lane::<I, N>(indices, i).low_bits() as usize])
}

/// Lanes of the first half, or with `high` of the second one, in twice the bits.
#[inline]
pub(super) fn widen<T: Element, U: Element, const N: usize>(
    a: [u64; N],
    high: bool,
    wider: impl Fn(T) -> U,
) -> [u64; N] {
    let first = if high { lanes::<U, N>() } else { 0 };
    vector(|i| wider(lane(a, first + i)))
}

/// Products of such lanes.
#[inline]
pub(super) fn multiply_wide<T: Element, U: Element, const N: usize>(
    a: [u64; N],
    b: [u64; N],
    high: bool,
    wider: impl Fn(T) -> U,
) -> [u64; N] {
    let first = if high { lanes::<U, N>() } else { 0 };
    vector(|i| wider(lane(a, first + i)).times(wider(lane(b, first + i))))
}

/// Sums of the products of neighbours.
#[inline]
pub(super) fn dot<T: Element, U: Element, const N: usize>(
    a: [u64; N],
    b: [u64; N],
    wider: impl Fn(T) -> U,
) -> [u64; N] {
    let neighbours = (U::BITS / T::BITS) as usize;
    vector(|i| {
        let product = |j: usize| wider(lane(a, j)).times(wider(lane(b, j)));
        let first = neighbours * i;
        (first + 1..first + neighbours).fold(product(first), |sum, j| sum.plus(product(j)))
    })
}

/// Sums of neighbours.
#[inline]
pub(super) fn add_neighbours<T: Element, U: Element, const N: usize>(
    a: [u64; N],
    wider: impl Fn(T) -> U,
) -> [u64; N] {
    vector(|i| wider(lane(a, 2 * i)).plus(wider(lane(a, 2 * i + 1))))
}

/// Lanes of two vectors in half the bits, those of the second one above.
#[inline]
pub(super) fn narrow<T: Element, U: Element, const N: usize>(
    a: [u64; N],
    b: [u64; N],
    narrower: impl Fn(T) -> U,
) -> [u64; N] {
    let half = lanes::<T, N>();
    vector(|i| match i < half {
        true => narrower(lane(a, i)),
        false => narrower(lane(b, i - half)),
    })
}

/// Lanes of one vector in half the bits; the upper half is 0.
#[inline]
pub(super) fn pack<T: Element, U: Element, const N: usize>(
    a: [u64; N],
    narrower: impl Fn(T) -> U,
) -> [u64; N] {
    vector(|i| match i < lanes::<T, N>() {
        true => narrower(lane(a, i)),
        false => U::default(),
    })
}

/// Lanes of one vector that another one names; 0 where there is no such lane.
pub(super) fn swizzle<const N: usize>(a: [u64; N], indices: [u64; N]) -> [u64; N] {
    vector(|i| match lane::<u8, N>(indices, i) as usize {
        index if index < 8 * N => lane::<u8, N>(a, index),
        _ => 0,
    })
}

/// Lanes of two vectors that a third one names, modulo their number.
pub(super) fn shuffle<T: Element, const N: usize>([a, b, indices]: [[u64; N]; 3]) -> [u64; N] {
    let count = lanes::<T, N>();
    vector(|i| {
        let index = lane::<T, N>(indices, i).low_bits() as usize % (2 * count);
        lane::<T, N>(if index < count { a } else { b }, index % count)
    })
}

/// A function of each limb of one vector.
#[inline]
pub(super) fn limbs<const N: usize>(a: [u64; N], function: impl Fn(u64) -> u64) -> [u64; N] {
    one(a, function)
}

/// A function of the limbs of two vectors.
#[inline]
pub(super) fn limbs_of_two<const N: usize>(
    a: [u64; N],
    b: [u64; N],
    function: impl Fn(u64, u64) -> u64,
) -> [u64; N] {
    two(a, b, function)
}

pub(super) fn shift_left<T: IntElement, const N: usize>(a: [u64; N], count: u32) -> [u64; N] {
    one(a, |lane: T| lane.shifted_left(count))
}

pub(super) fn shift_right<T: IntElement, const N: usize>(a: [u64; N], count: u32) -> [u64; N] {
    one(a, |lane: T| lane.shifted_right(count))
}
