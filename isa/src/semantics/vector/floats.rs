//! Lanes of floats, and conversions between them and integers.
//!
//! Arithmetic treats NaNs as it does outside of vectors: the result is the first operand that is one,
//! made quiet. Where the processor has several instructions, which differ in that, the result is the
//! default NaN ([`min`](F32x4Min)), or operands have a fixed order ([`madd`](F32x4RelaxedMadd)).

use super::super::{Nan, quiet, settle};
use super::{V128, array_of, map, mask, vectors, zip};

/// In the way of processors: the operands only differ where one is less, they are zeros or NaNs.
macro_rules! least {
    ($f:ty) => {
        |a, b| {
            let (x, y) = (if a < b { a } else { b }, if b < a { b } else { a });
            match a == a && b == b {
                true => <$f>::from_bits(x.to_bits() | y.to_bits()),
                false => <$f as Nan>::DEFAULT,
            }
        }
    };
}

macro_rules! greatest {
    ($f:ty) => {
        |a, b| {
            let (x, y) = (if a > b { a } else { b }, if b > a { b } else { a });
            match a == a && b == b {
                true => <$f>::from_bits(x.to_bits() & y.to_bits()),
                false => <$f as Nan>::DEFAULT,
            }
        }
    };
}

/// What all shapes have; `$bits` is an integer as wide as a lane.
macro_rules! floats {
    ($f:ty, $bits:ty, $n:literal: $eq:ident $ne:ident $lt:ident $gt:ident $le:ident $ge:ident $abs:ident $neg:ident
     $ceil:ident $floor:ident $trunc:ident $nearest:ident $sqrt:ident $add:ident $sub:ident $mul:ident $div:ident
     $min:ident $max:ident $pmin:ident $pmax:ident $rmin:ident $rmax:ident $madd:ident $nmadd:ident) => {
        vectors! {
            $eq: (a: V128, b: V128) => V128, zip::<$f, _, $n>(a, b, |a, b| mask!($bits, a == b));
            $ne: (a: V128, b: V128) => V128, zip::<$f, _, $n>(a, b, |a, b| mask!($bits, a != b));
            $lt: (a: V128, b: V128) => V128, zip::<$f, _, $n>(a, b, |a, b| mask!($bits, a < b));
            $gt: (a: V128, b: V128) => V128, zip::<$f, _, $n>(a, b, |a, b| mask!($bits, a > b));
            $le: (a: V128, b: V128) => V128, zip::<$f, _, $n>(a, b, |a, b| mask!($bits, a <= b));
            $ge: (a: V128, b: V128) => V128, zip::<$f, _, $n>(a, b, |a, b| mask!($bits, a >= b));
            $abs: (a: V128) => V128, map::<$bits, _, $n>(a, |a| a & (<$bits>::MAX >> 1));
            $neg: (a: V128) => V128, map::<$bits, _, $n>(a, |a| a ^ !(<$bits>::MAX >> 1));
            $ceil: (a: V128) => V128, map::<$f, _, $n>(a, |a| quiet(a.ceil()));
            $floor: (a: V128) => V128, map::<$f, _, $n>(a, |a| quiet(a.floor()));
            $trunc: (a: V128) => V128, map::<$f, _, $n>(a, |a| quiet(a.trunc()));
            $nearest: (a: V128) => V128, map::<$f, _, $n>(a, |a| quiet(a.round_ties_even()));
            $sqrt: (a: V128) => V128, map::<$f, _, $n>(a, <$f>::sqrt);
            $add: (a: V128, b: V128) => V128, zip::<$f, _, $n>(a, b, |a, b| settle(a + b, a, b));
            $sub: (a: V128, b: V128) => V128, zip::<$f, _, $n>(a, b, |a, b| settle(a - b, a, b));
            $mul: (a: V128, b: V128) => V128, zip::<$f, _, $n>(a, b, |a, b| settle(a * b, a, b));
            $div: (a: V128, b: V128) => V128, zip::<$f, _, $n>(a, b, |a, b| settle(a / b, a, b));
            $min: (a: V128, b: V128) => V128, zip::<$f, _, $n>(a, b, least!($f));
            $max: (a: V128, b: V128) => V128, zip::<$f, _, $n>(a, b, greatest!($f));
            $pmin: (a: V128, b: V128) => V128, zip::<$f, _, $n>(a, b, |a, b| if b < a { b } else { a });
            $pmax: (a: V128, b: V128) => V128, zip::<$f, _, $n>(a, b, |a, b| if a < b { b } else { a });
            $rmin: (a: V128, b: V128) => V128, zip::<$f, _, $n>(a, b, least!($f));
            $rmax: (a: V128, b: V128) => V128, zip::<$f, _, $n>(a, b, greatest!($f));
            $madd: (a: V128, b: V128, c: V128) => V128, {
                zip3::<$f, $n>(a, b, c, |a, b, c| settle3(a.mul_add(b, c), b, a, c))
            };
            $nmadd: (a: V128, b: V128, c: V128) => V128, {
                zip3::<$f, $n>(a, b, c, |a, b, c| settle3((-a).mul_add(b, c), b, a, c))
            };
        }
    };
}

/// [`settle`] for three operands.
#[inline(always)]
#[allow(clippy::eq_op, reason = "only a NaN differs from itself")]
fn settle3<F: Nan>(result: F, a: F, b: F, c: F) -> F {
    match a == a && b == b && c != c {
        true => c.quieted(),
        false => settle(result, a, b),
    }
}

#[inline(always)]
fn zip3<T: Copy + Default, const N: usize>(
    a: V128,
    b: V128,
    c: V128,
    f: impl Fn(T, T, T) -> T,
) -> V128
where
    [T; N]: From<V128>,
    V128: From<[T; N]>,
{
    let (a, b, c) = (<[T; N]>::from(a), <[T; N]>::from(b), <[T; N]>::from(c));
    array_of(|i| f(a[i], b[i], c[i])).into()
}

floats! { f32, u32, 4: F32x4Eq F32x4Ne F32x4Lt F32x4Gt F32x4Le F32x4Ge F32x4Abs F32x4Neg F32x4Ceil F32x4Floor
F32x4Trunc F32x4Nearest F32x4Sqrt F32x4Add F32x4Sub F32x4Mul F32x4Div F32x4Min F32x4Max F32x4PMin F32x4PMax
F32x4RelaxedMin F32x4RelaxedMax F32x4RelaxedMadd F32x4RelaxedNmadd }
floats! { f64, u64, 2: F64x2Eq F64x2Ne F64x2Lt F64x2Gt F64x2Le F64x2Ge F64x2Abs F64x2Neg F64x2Ceil F64x2Floor
F64x2Trunc F64x2Nearest F64x2Sqrt F64x2Add F64x2Sub F64x2Mul F64x2Div F64x2Min F64x2Max F64x2PMin F64x2PMax
F64x2RelaxedMin F64x2RelaxedMax F64x2RelaxedMadd F64x2RelaxedNmadd }

vectors! {
    F32x4DemoteF64x2Zero: (a: V128) => V128, low(a, |a: f64| a as f32).into();
    F64x2PromoteLowF32x4: (a: V128) => V128, from_low(a, |a: f32| f64::from(a)).into();
    F32x4ConvertI32x4: (a: V128) => V128, map::<i32, _, 4>(a, |a| a as f32);
    F32x4ConvertI32x4U: (a: V128) => V128, map::<u32, _, 4>(a, |a| a as f32);
    F64x2ConvertLowI32x4: (a: V128) => V128, from_low(a, |a: i32| f64::from(a)).into();
    F64x2ConvertLowI32x4U: (a: V128) => V128, from_low(a, |a: u32| f64::from(a)).into();
    I32x4TruncSatF32x4: (a: V128) => V128, map::<f32, _, 4>(a, |a| a as i32);
    I32x4TruncSatF32x4U: (a: V128) => V128, map::<f32, _, 4>(a, |a| a as u32);
    I32x4TruncSatF64x2Zero: (a: V128) => V128, low(a, |a: f64| a as i32).into();
    I32x4TruncSatF64x2UZero: (a: V128) => V128, low(a, |a: f64| a as u32).into();
    I32x4RelaxedTruncF32x4: (a: V128) => V128, map::<f32, _, 4>(a, |a| a as i32);
    I32x4RelaxedTruncF32x4U: (a: V128) => V128, map::<f32, _, 4>(a, |a| a as u32);
    I32x4RelaxedTruncF64x2Zero: (a: V128) => V128, low(a, |a: f64| a as i32).into();
    I32x4RelaxedTruncF64x2UZero: (a: V128) => V128, low(a, |a: f64| a as u32).into();
}

/// Both lanes made narrower; the upper lanes are 0.
#[inline(always)]
fn low<R: Default>(a: V128, f: impl Fn(f64) -> R) -> [R; 4] {
    let [a, b] = <[f64; 2]>::from(a);
    [f(a), f(b), R::default(), R::default()]
}

/// The lower two lanes made wider.
#[inline(always)]
fn from_low<T: Copy>(a: V128, f: impl Fn(T) -> f64) -> [f64; 2]
where
    [T; 4]: From<V128>,
{
    let [a, b, ..] = <[T; 4]>::from(a);
    [f(a), f(b)]
}
