//! Conversions: between widths, of limbs, from and to floats.

use super::{U128, U256, Word, words};
use crate::trap::TrapCode;

words! {
    ExtendI32: (a: u32) => W, signed(i64::from(a.cast_signed()));
    ExtendI32U: (a: u32) => W, W::extend(a.into(), 0);
    ExtendI64: (a: u64) => W, signed(a.cast_signed());
    ExtendI64U: (a: u64) => W, W::extend(a, 0);
    ExtendI128: (a: U128) => W, W::resize(a, a.sign());
    ExtendI128U: (a: U128) => W, W::resize(a, 0);
    ExtendI256: (a: U256) => W, W::resize(a, a.sign());
    ExtendI256U: (a: U256) => W, W::resize(a, 0);
    WrapI32: (a: W) => u32, a.low() as u32;
    WrapI64: (a: W) => u64, a.low();
    WrapI128: (a: W) => U128, Word::resize(a, 0);
    WrapI256: (a: W) => U256, Word::resize(a, 0);
    Limb: (a: W) [number: W::Limb] => u64, a.limb(number);
    ConvertF32 slow: (a: W) => f32, with_sign(a, |a| nearest_f32(a).into()) as f32;
    ConvertF32U slow: (a: W) => f32, nearest_f32(a);
    ConvertF64 slow: (a: W) => f64, with_sign(a, nearest_f64);
    ConvertF64U slow: (a: W) => f64, nearest_f64(a);
    TruncF32 slow [InvalidConversionToInteger IntegerOverflow]: (a: f32) => W, truncate(a.into());
    TruncF32U slow [InvalidConversionToInteger IntegerOverflow]: (a: f32) => W, truncate_unsigned(a.into());
    TruncF64 slow [InvalidConversionToInteger IntegerOverflow]: (a: f64) => W, truncate(a);
    TruncF64U slow [InvalidConversionToInteger IntegerOverflow]: (a: f64) => W, truncate_unsigned(a);
    TruncSatF32 slow: (a: f32) => W, saturate(a.into());
    TruncSatF32U slow: (a: f32) => W, saturate_unsigned(a.into());
    TruncSatF64 slow: (a: f64) => W, saturate(a);
    TruncSatF64U slow: (a: f64) => W, saturate_unsigned(a);
}

/// Makes a number of its limbs: the only operation whose number of operands depends on the width.
#[derive(Clone, Copy, Debug)]
pub struct FromLimbs<W>(std::marker::PhantomData<W>);

impl<W: Word> crate::semantics::Pure for FromLimbs<W> {
    type Args = W::Limbs;
    type Imm = ();
    type Out = W;
    #[inline(always)]
    fn eval(limbs: W::Limbs, (): ()) -> Result<W, TrapCode> {
        Ok(W::from_limbs(limbs))
    }
}

#[inline(always)]
fn signed<W: Word>(a: i64) -> W {
    W::extend(a.cast_unsigned(), (a >> 63).cast_unsigned())
}

/// Converts the absolute value, and puts the sign before the result.
fn with_sign<W: Word>(a: W, convert: impl Fn(W) -> f64) -> f64 {
    let magnitude = convert(a.abs());
    if a.is_negative() {
        -magnitude
    } else {
        magnitude
    }
}

/// `2^exponent`, where that is a normal number.
fn power_of_two(exponent: u32) -> f64 {
    const { assert!(super::U512::BITS < f64::MAX_EXP as usize) };
    f64::from_bits(u64::from(exponent + 1023) << 52)
}

/// The highest 64 bits from the highest one set on, and what to multiply them by. The lowest of them is set
/// too where one that was cut off is, so that rounding them rounds the number.
fn leading<W: Word>(a: W) -> (u64, f64) {
    let shift = (W::BITS - a.leading_zeros()).saturating_sub(64);
    let cut = shift > 0 && a.trailing_zeros() < shift;
    (a.shr(shift, 0).low() | u64::from(cut), power_of_two(shift))
}

fn nearest_f64<W: Word>(a: W) -> f64 {
    let (leading, scale) = leading(a);
    leading as f64 * scale
}

fn nearest_f32<W: Word>(a: W) -> f32 {
    let (leading, scale) = leading(a);
    // The product is exact; as an `f32`, it may be infinite.
    (f64::from(leading as f32) * scale) as f32
}

/// The integer part of a number that is not negative and in range.
fn integer<W: Word>(a: f64) -> W {
    let exponent = (a.to_bits() >> 52) as i32 - 1023;
    let significand = a.to_bits() & ((1 << 52) - 1) | 1 << 52;
    match exponent {
        ..0 => W::ZERO,
        0..=52 => W::extend(significand >> (52 - exponent), 0),
        _ => W::extend(significand, 0).shl(exponent.cast_unsigned() - 52),
    }
}

fn signed_integer<W: Word>(a: f64) -> W {
    integer::<W>(a.abs()).neg_if(a < 0.0)
}

/// All numbers as large as the bounds have no fraction, so that these are included or not as integers are.
fn truncate<W: Word>(a: f64) -> Result<W, TrapCode> {
    let bound = power_of_two(W::BITS - 1);
    in_range(a, a >= -bound && a < bound).map(signed_integer)
}

fn truncate_unsigned<W: Word>(a: f64) -> Result<W, TrapCode> {
    in_range(a, a > -1.0 && a < power_of_two(W::BITS)).map(|a| integer(a.max(0.0)))
}

fn in_range(a: f64, fits: bool) -> Result<f64, TrapCode> {
    match fits {
        true => Ok(a),
        false if a.is_nan() => Err(TrapCode::InvalidConversionToInteger),
        false => Err(TrapCode::IntegerOverflow),
    }
}

fn saturate<W: Word>(a: f64) -> W {
    match truncate(a) {
        Ok(value) => value,
        Err(_) if a.is_nan() => W::ZERO,
        Err(_) if a < 0.0 => W::least(),
        Err(_) => !W::least(),
    }
}

fn saturate_unsigned<W: Word>(a: f64) -> W {
    match truncate_unsigned(a) {
        Ok(value) => value,
        Err(_) if a > 0.0 => !W::ZERO,
        Err(_) => W::ZERO,
    }
}
