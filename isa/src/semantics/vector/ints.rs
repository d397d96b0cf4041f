//! Integer lanes: arithmetic, comparison, shifts; and bits without lanes.

use super::{V128, array_of, map, mask, vectors, zip};

/// What all shapes have.
macro_rules! all_shapes {
    ($u:ty, $s:ty, $n:literal: $abs:ident $neg:ident $add:ident $sub:ident $eq:ident $ne:ident $lt:ident $gt:ident
     $le:ident $ge:ident $shl:ident $shr:ident $shru:ident $all:ident $bitmask:ident) => {
        vectors! {
            $abs: (a: V128) => V128, map::<$s, _, $n>(a, <$s>::wrapping_abs);
            $neg: (a: V128) => V128, map::<$u, _, $n>(a, <$u>::wrapping_neg);
            $add: (a: V128, b: V128) => V128, zip::<$u, _, $n>(a, b, <$u>::wrapping_add);
            $sub: (a: V128, b: V128) => V128, zip::<$u, _, $n>(a, b, <$u>::wrapping_sub);
            $eq: (a: V128, b: V128) => V128, zip::<$u, _, $n>(a, b, |a, b| mask!($u, a == b));
            $ne: (a: V128, b: V128) => V128, zip::<$u, _, $n>(a, b, |a, b| mask!($u, a != b));
            $lt: (a: V128, b: V128) => V128, zip::<$s, _, $n>(a, b, |a, b| mask!($u, a < b));
            $gt: (a: V128, b: V128) => V128, zip::<$s, _, $n>(a, b, |a, b| mask!($u, a > b));
            $le: (a: V128, b: V128) => V128, zip::<$s, _, $n>(a, b, |a, b| mask!($u, a <= b));
            $ge: (a: V128, b: V128) => V128, zip::<$s, _, $n>(a, b, |a, b| mask!($u, a >= b));
            $shl: (a: V128, n: u32) => V128, map::<$u, _, $n>(a, |a| a.wrapping_shl(n));
            $shr: (a: V128, n: u32) => V128, map::<$s, _, $n>(a, |a| a.wrapping_shr(n));
            $shru: (a: V128, n: u32) => V128, map::<$u, _, $n>(a, |a| a.wrapping_shr(n));
            $all: (a: V128) => u32, u32::from(<[$u; $n]>::from(a).iter().all(|&a| a != 0));
            $bitmask: (a: V128) => u32, {
                let lanes = <[$s; $n]>::from(a);
                let signs = array_of::<u32, $n>(|i| u32::from(lanes[i] < 0));
                signs.iter().rev().fold(0, |bits, sign| bits << 1 | sign)
            };
        }
    };
}

all_shapes! { u8, i8, 16: I8x16Abs I8x16Neg I8x16Add I8x16Sub I8x16Eq I8x16Ne I8x16Lt I8x16Gt I8x16Le I8x16Ge
I8x16Shl I8x16Shr I8x16ShrU I8x16AllTrue I8x16Bitmask }
all_shapes! { u16, i16, 8: I16x8Abs I16x8Neg I16x8Add I16x8Sub I16x8Eq I16x8Ne I16x8Lt I16x8Gt I16x8Le I16x8Ge
I16x8Shl I16x8Shr I16x8ShrU I16x8AllTrue I16x8Bitmask }
all_shapes! { u32, i32, 4: I32x4Abs I32x4Neg I32x4Add I32x4Sub I32x4Eq I32x4Ne I32x4Lt I32x4Gt I32x4Le I32x4Ge
I32x4Shl I32x4Shr I32x4ShrU I32x4AllTrue I32x4Bitmask }
all_shapes! { u64, i64, 2: I64x2Abs I64x2Neg I64x2Add I64x2Sub I64x2Eq I64x2Ne I64x2Lt I64x2Gt I64x2Le I64x2Ge
I64x2Shl I64x2Shr I64x2ShrU I64x2AllTrue I64x2Bitmask }

/// What lanes of at most 32 bits have besides.
macro_rules! up_to_32_bits {
    ($u:ty, $s:ty, $n:literal: $ltu:ident $gtu:ident $leu:ident $geu:ident $min:ident $minu:ident $max:ident
     $maxu:ident) => {
        vectors! {
            $ltu: (a: V128, b: V128) => V128, zip::<$u, _, $n>(a, b, |a, b| mask!($u, a < b));
            $gtu: (a: V128, b: V128) => V128, zip::<$u, _, $n>(a, b, |a, b| mask!($u, a > b));
            $leu: (a: V128, b: V128) => V128, zip::<$u, _, $n>(a, b, |a, b| mask!($u, a <= b));
            $geu: (a: V128, b: V128) => V128, zip::<$u, _, $n>(a, b, |a, b| mask!($u, a >= b));
            $min: (a: V128, b: V128) => V128, zip::<$s, _, $n>(a, b, Ord::min);
            $minu: (a: V128, b: V128) => V128, zip::<$u, _, $n>(a, b, Ord::min);
            $max: (a: V128, b: V128) => V128, zip::<$s, _, $n>(a, b, Ord::max);
            $maxu: (a: V128, b: V128) => V128, zip::<$u, _, $n>(a, b, Ord::max);
        }
    };
}

up_to_32_bits! { u8, i8, 16: I8x16LtU I8x16GtU I8x16LeU I8x16GeU I8x16Min I8x16MinU I8x16Max I8x16MaxU }
up_to_32_bits! { u16, i16, 8: I16x8LtU I16x8GtU I16x8LeU I16x8GeU I16x8Min I16x8MinU I16x8Max I16x8MaxU }
up_to_32_bits! { u32, i32, 4: I32x4LtU I32x4GtU I32x4LeU I32x4GeU I32x4Min I32x4MinU I32x4Max I32x4MaxU }

/// What lanes of at most 16 bits have besides; `$wide` and `$wide_n` are the shape that is narrowed.
macro_rules! up_to_16_bits {
    ($u:ty, $s:ty, $n:literal, $wide:ty, $wide_n:literal: $add:ident $addu:ident $sub:ident $subu:ident
     $avgr:ident $narrow:ident $narrowu:ident) => {
        vectors! {
            $add: (a: V128, b: V128) => V128, zip::<$s, _, $n>(a, b, <$s>::saturating_add);
            $addu: (a: V128, b: V128) => V128, zip::<$u, _, $n>(a, b, <$u>::saturating_add);
            $sub: (a: V128, b: V128) => V128, zip::<$s, _, $n>(a, b, <$s>::saturating_sub);
            $subu: (a: V128, b: V128) => V128, zip::<$u, _, $n>(a, b, <$u>::saturating_sub);
            $avgr: (a: V128, b: V128) => V128, zip::<$u, _, $n>(a, b, |a, b| {
                ((u32::from(a) + u32::from(b) + 1) >> 1) as $u
            });
            $narrow: (a: V128, b: V128) => V128, narrow::<$wide, $s, $wide_n, $n>(a, b, |lane| {
                lane.clamp(<$wide>::from(<$s>::MIN), <$wide>::from(<$s>::MAX)) as $s
            });
            $narrowu: (a: V128, b: V128) => V128, narrow::<$wide, $u, $wide_n, $n>(a, b, |lane| {
                lane.clamp(0, <$wide>::from(<$u>::MAX)) as $u
            });
        }
    };
}

up_to_16_bits! { u8, i8, 16, i16, 8: I8x16AddSat I8x16AddSatU I8x16SubSat I8x16SubSatU I8x16AvgrU
I8x16NarrowI16x8 I8x16NarrowI16x8U }
up_to_16_bits! { u16, i16, 8, i32, 4: I16x8AddSat I16x8AddSatU I16x8SubSat I16x8SubSatU I16x8AvgrU
I16x8NarrowI32x4 I16x8NarrowI32x4U }

/// The lanes of both operands, each made narrower.
#[inline(always)]
fn narrow<W: Copy, R: Copy + Default, const M: usize, const N: usize>(
    a: V128,
    b: V128,
    f: impl Fn(W) -> R,
) -> V128
where
    [W; M]: From<V128>,
    V128: From<[R; N]>,
{
    let (a, b) = (<[W; M]>::from(a), <[W; M]>::from(b));
    array_of(|i| f(if i < M { a[i] } else { b[i - M] })).into()
}

/// What lanes of at least 16 bits have besides; `$half_n` lanes of half the width are in a vector.
macro_rules! from_16_bits {
    ($u:ty, $s:ty, $n:literal, $half_u:ty, $half_s:ty, $half_n:literal: $mul:ident $low:ident $high:ident $lowu:ident
     $highu:ident $mul_low:ident $mul_high:ident $mul_lowu:ident $mul_highu:ident) => {
        vectors! {
            $mul: (a: V128, b: V128) => V128, zip::<$u, _, $n>(a, b, <$u>::wrapping_mul);
            $low: (a: V128) => V128, widened::<$half_s, $s, $half_n, $n>(a, 0).into();
            $high: (a: V128) => V128, widened::<$half_s, $s, $half_n, $n>(a, $n).into();
            $lowu: (a: V128) => V128, widened::<$half_u, $u, $half_n, $n>(a, 0).into();
            $highu: (a: V128) => V128, widened::<$half_u, $u, $half_n, $n>(a, $n).into();
            $mul_low: (a: V128, b: V128) => V128, {
                let (a, b) = (widened::<$half_s, $s, $half_n, $n>(a, 0), widened::<$half_s, $s, $half_n, $n>(b, 0));
                array_of::<$s, $n>(|i| a[i] * b[i]).into()
            };
            $mul_high: (a: V128, b: V128) => V128, {
                let (a, b) = (widened::<$half_s, $s, $half_n, $n>(a, $n), widened::<$half_s, $s, $half_n, $n>(b, $n));
                array_of::<$s, $n>(|i| a[i] * b[i]).into()
            };
            $mul_lowu: (a: V128, b: V128) => V128, {
                let (a, b) = (widened::<$half_u, $u, $half_n, $n>(a, 0), widened::<$half_u, $u, $half_n, $n>(b, 0));
                array_of::<$u, $n>(|i| a[i] * b[i]).into()
            };
            $mul_highu: (a: V128, b: V128) => V128, {
                let (a, b) = (widened::<$half_u, $u, $half_n, $n>(a, $n), widened::<$half_u, $u, $half_n, $n>(b, $n));
                array_of::<$u, $n>(|i| a[i] * b[i]).into()
            };
        }
    };
}

from_16_bits! { u16, i16, 8, u8, i8, 16: I16x8Mul I16x8ExtendLowI8x16 I16x8ExtendHighI8x16 I16x8ExtendLowI8x16U
I16x8ExtendHighI8x16U I16x8ExtMulLowI8x16 I16x8ExtMulHighI8x16 I16x8ExtMulLowI8x16U I16x8ExtMulHighI8x16U }
from_16_bits! { u32, i32, 4, u16, i16, 8: I32x4Mul I32x4ExtendLowI16x8 I32x4ExtendHighI16x8 I32x4ExtendLowI16x8U
I32x4ExtendHighI16x8U I32x4ExtMulLowI16x8 I32x4ExtMulHighI16x8 I32x4ExtMulLowI16x8U I32x4ExtMulHighI16x8U }
from_16_bits! { u64, i64, 2, u32, i32, 4: I64x2Mul I64x2ExtendLowI32x4 I64x2ExtendHighI32x4 I64x2ExtendLowI32x4U
I64x2ExtendHighI32x4U I64x2ExtMulLowI32x4 I64x2ExtMulHighI32x4 I64x2ExtMulLowI32x4U I64x2ExtMulHighI32x4U }

/// As many lanes as a wider shape has, from lane `first` on, made wider.
#[inline(always)]
fn widened<H: Copy + Into<W>, W: Copy + Default, const M: usize, const N: usize>(
    a: V128,
    first: usize,
) -> [W; N]
where
    [H; M]: From<V128>,
{
    let a = <[H; M]>::from(a);
    array_of(|i| a[first + i].into())
}

/// A result's lane for each two neighbouring lanes.
#[inline(always)]
fn pairwise<H: Copy, R: Copy + Default, const M: usize, const N: usize>(
    a: V128,
    f: impl Fn(H, H) -> R,
) -> V128
where
    [H; M]: From<V128>,
    V128: From<[R; N]>,
{
    let a = <[H; M]>::from(a);
    array_of(|i| f(a[2 * i], a[2 * i + 1])).into()
}

/// Sums of the products of `K` neighbouring lanes, wrapping where they do not fit.
macro_rules! dot {
    ($half:ty, $half_n:literal, $lane:ty, $n:literal, $k:literal, $a:expr, $b:expr) => {{
        let (a, b) = (<[$half; $half_n]>::from($a), <[$half; $half_n]>::from($b));
        array_of::<$lane, $n>(|i| {
            (0..$k).fold(0, |sum: $lane, j| {
                let at = $k * i + j;
                sum.wrapping_add(<$lane>::from(a[at]) * <$lane>::from(b[at]))
            })
        })
    }};
}

vectors! {
    V128Not: (a: V128) => V128, map::<u64, _, 2>(a, |a| !a);
    V128And: (a: V128, b: V128) => V128, zip::<u64, _, 2>(a, b, |a, b| a & b);
    V128AndNot: (a: V128, b: V128) => V128, zip::<u64, _, 2>(a, b, |a, b| a & !b);
    V128Or: (a: V128, b: V128) => V128, zip::<u64, _, 2>(a, b, |a, b| a | b);
    V128Xor: (a: V128, b: V128) => V128, zip::<u64, _, 2>(a, b, |a, b| a ^ b);
    V128Bitselect: (a: V128, b: V128, mask: V128) => V128, bitselect(a, b, mask);
    V128AnyTrue: (a: V128) => u32, u32::from(u128::from(a) != 0);
    I8x16Popcnt: (a: V128) => V128, map::<u8, _, 16>(a, |a| a.count_ones() as u8);
    I16x8Q15MulrSat: (a: V128, b: V128) => V128, zip::<i16, _, 8>(a, b, q15mulr);
    I16x8ExtAddPairwiseI8x16: (a: V128) => V128,
        pairwise::<i8, i16, 16, 8>(a, |a, b| i16::from(a) + i16::from(b));
    I16x8ExtAddPairwiseI8x16U: (a: V128) => V128,
        pairwise::<u8, u16, 16, 8>(a, |a, b| u16::from(a) + u16::from(b));
    I32x4ExtAddPairwiseI16x8: (a: V128) => V128,
        pairwise::<i16, i32, 8, 4>(a, |a, b| i32::from(a) + i32::from(b));
    I32x4ExtAddPairwiseI16x8U: (a: V128) => V128,
        pairwise::<u16, u32, 8, 4>(a, |a, b| u32::from(a) + u32::from(b));
    I32x4DotI16x8: (a: V128, b: V128) => V128, dot!(i16, 8, i32, 4, 2, a, b).into();
    I8x16RelaxedLaneselect: (a: V128, b: V128, mask: V128) => V128, bitselect(a, b, mask);
    I16x8RelaxedLaneselect: (a: V128, b: V128, mask: V128) => V128, bitselect(a, b, mask);
    I32x4RelaxedLaneselect: (a: V128, b: V128, mask: V128) => V128, bitselect(a, b, mask);
    I64x2RelaxedLaneselect: (a: V128, b: V128, mask: V128) => V128, bitselect(a, b, mask);
    I16x8RelaxedQ15Mulr: (a: V128, b: V128) => V128, zip::<i16, _, 8>(a, b, q15mulr);
    I16x8RelaxedDotI8x16I7x16: (a: V128, b: V128) => V128, dot!(i8, 16, i16, 8, 2, a, b).into();
    I32x4RelaxedDotI8x16I7x16Add: (a: V128, b: V128, c: V128) => V128, {
        let sums = dot!(i8, 16, i32, 4, 4, a, b).into();
        zip::<i32, _, 4>(sums, c, i32::wrapping_add)
    };
}

#[inline(always)]
fn bitselect(a: V128, b: V128, mask: V128) -> V128 {
    let chosen = zip::<u64, _, 2>(a, mask, |a, mask| a & mask);
    let others = zip::<u64, _, 2>(b, mask, |b, mask| b & !mask);
    zip::<u64, _, 2>(chosen, others, |a, b| a | b)
}

#[inline(always)]
fn q15mulr(a: i16, b: i16) -> i16 {
    // Only the product of the two smallest numbers does not fit.
    ((i32::from(a) * i32::from(b) + 0x4000) >> 15).min(i32::from(i16::MAX)) as i16
}
