//! What lanes are, and what is computed on one of them: this decides what vectors compute, on any target.

use core::fmt::Debug;

use super::float;

/// A lane's type, as the bits of a vector.
pub trait Element: Copy + PartialEq + PartialOrd + Default + Debug + 'static {
    /// How many bits a lane has.
    const BITS: u32;

    /// The lane with these low bits.
    fn from_low_bits(bits: u64) -> Self;

    /// The bits of a lane; those above are 0.
    fn low_bits(self) -> u64;

    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;

    /// Its opposite, wrapping.
    fn negated(self) -> Self;

    /// Its absolute value, wrapping.
    fn magnitude(self) -> Self;

    fn lesser(self, other: Self) -> Self;
    fn greater(self, other: Self) -> Self;
}

/// A lane that is an integer.
pub trait IntElement: Element {
    fn shifted_left(self, count: u32) -> Self;
    fn shifted_right(self, count: u32) -> Self;
    fn plus_saturating(self, other: Self) -> Self;
    fn minus_saturating(self, other: Self) -> Self;
}

/// A lane that is a float.
pub trait FloatElement: Element {
    fn over(self, other: Self) -> Self;
    fn root(self) -> Self;
    fn rounded_up(self) -> Self;
    fn rounded_down(self) -> Self;
    fn rounded_to_zero(self) -> Self;
    fn rounded_to_even(self) -> Self;

    /// `self * factor + summand`, or with `-(self * factor)`, rounded once.
    fn fused(self, factor: Self, summand: Self, negated: bool) -> Self;
}

macro_rules! int {
    ($($lane:ident as $unsigned:ident, |$a:ident| $magnitude:expr;)*) => {
        $(
            impl Element for $lane {
                const BITS: u32 = $lane::BITS;

                #[inline(always)]
                fn from_low_bits(bits: u64) -> $lane {
                    bits as $lane
                }

                #[inline(always)]
                fn low_bits(self) -> u64 {
                    self as $unsigned as u64
                }

                #[inline(always)]
                fn plus(self, other: $lane) -> $lane {
                    self.wrapping_add(other)
                }

                #[inline(always)]
                fn minus(self, other: $lane) -> $lane {
                    self.wrapping_sub(other)
                }

                #[inline(always)]
                fn times(self, other: $lane) -> $lane {
                    self.wrapping_mul(other)
                }

                #[inline(always)]
                fn negated(self) -> $lane {
                    self.wrapping_neg()
                }

                #[inline(always)]
                fn magnitude(self) -> $lane {
                    let $a = self;
                    $magnitude
                }

                #[inline(always)]
                fn lesser(self, other: $lane) -> $lane {
                    self.min(other)
                }

                #[inline(always)]
                fn greater(self, other: $lane) -> $lane {
                    self.max(other)
                }
            }

            impl IntElement for $lane {
                #[inline(always)]
                fn shifted_left(self, count: u32) -> $lane {
                    self.wrapping_shl(count)
                }

                #[inline(always)]
                fn shifted_right(self, count: u32) -> $lane {
                    self.wrapping_shr(count)
                }

                #[inline(always)]
                fn plus_saturating(self, other: $lane) -> $lane {
                    self.saturating_add(other)
                }

                #[inline(always)]
                fn minus_saturating(self, other: $lane) -> $lane {
                    self.saturating_sub(other)
                }
            }
        )*
    };
}

int! {
    i8 as u8, |a| a.wrapping_abs();
    u8 as u8, |a| a;
    i16 as u16, |a| a.wrapping_abs();
    u16 as u16, |a| a;
    i32 as u32, |a| a.wrapping_abs();
    u32 as u32, |a| a;
    i64 as u64, |a| a.wrapping_abs();
    u64 as u64, |a| a;
}

macro_rules! float {
    ($($lane:ident as $bits:ident, $quiet:literal, $default:literal, $root:path, $fused:path;)*) => {
        $(
            impl Element for $lane {
                const BITS: u32 = $bits::BITS;

                #[inline(always)]
                fn from_low_bits(bits: u64) -> $lane {
                    $lane::from_bits(bits as $bits)
                }

                #[inline(always)]
                fn low_bits(self) -> u64 {
                    self.to_bits() as u64
                }

                #[inline(always)]
                fn plus(self, other: $lane) -> $lane {
                    result([self, other], self + other)
                }

                #[inline(always)]
                fn minus(self, other: $lane) -> $lane {
                    result([self, other], self - other)
                }

                #[inline(always)]
                fn times(self, other: $lane) -> $lane {
                    result([self, other], self * other)
                }

                #[inline(always)]
                fn negated(self) -> $lane {
                    $lane::from_bits(self.to_bits() ^ 1 << ($bits::BITS - 1))
                }

                #[inline(always)]
                fn magnitude(self) -> $lane {
                    $lane::from_bits(self.to_bits() & $bits::MAX >> 1)
                }

                fn lesser(self, other: $lane) -> $lane {
                    if self < other {
                        self
                    } else if other < self {
                        other
                    } else if self == other {
                        // Of zeros, the negative one.
                        $lane::from_bits(self.to_bits() | other.to_bits())
                    } else {
                        $lane::from_bits($default)
                    }
                }

                fn greater(self, other: $lane) -> $lane {
                    if self > other {
                        self
                    } else if other > self {
                        other
                    } else if self == other {
                        $lane::from_bits(self.to_bits() & other.to_bits())
                    } else {
                        $lane::from_bits($default)
                    }
                }
            }

            impl FloatElement for $lane {
                #[inline(always)]
                fn over(self, other: $lane) -> $lane {
                    result([self, other], self / other)
                }

                #[inline(always)]
                fn root(self) -> $lane {
                    result([self], $root(self))
                }

                #[inline(always)]
                fn rounded_up(self) -> $lane {
                    result([self], float::ceil(self.into()) as $lane)
                }

                #[inline(always)]
                fn rounded_down(self) -> $lane {
                    result([self], float::floor(self.into()) as $lane)
                }

                #[inline(always)]
                fn rounded_to_zero(self) -> $lane {
                    result([self], float::trunc(self.into()) as $lane)
                }

                #[inline(always)]
                fn rounded_to_even(self) -> $lane {
                    result([self], float::nearest(self.into()) as $lane)
                }

                fn fused(self, factor: $lane, summand: $lane, negated: bool) -> $lane {
                    let signed = if negated { self.negated() } else { self };
                    result([factor, self, summand], $fused(signed, factor, summand))
                }
            }

            impl Arithmetic for $lane {
                fn settled<const A: usize>(operands: [$lane; A], value: $lane) -> $lane {
                    if !value.is_nan() {
                        return value;
                    }
                    for operand in operands {
                        if operand.is_nan() {
                            return $lane::from_bits(operand.to_bits() | $quiet);
                        }
                    }
                    $lane::from_bits($default)
                }
            }
        )*
    };
}

float! {
    f32 as u32, 0x40_0000, 0xffc0_0000, float::sqrt_f32, float::fma_f32;
    f64 as u64, 0x8_0000_0000_0000, 0xfff8_0000_0000_0000, float::sqrt_f64, float::fma_f64;
}

/// Results that may be NaNs.
trait Arithmetic: Sized {
    /// The result of an operation on these operands, which is `value` unless that is a NaN. Then it is the
    /// first operand that is one, made quiet, or else the default NaN.
    fn settled<const A: usize>(operands: [Self; A], value: Self) -> Self;
}

#[inline(always)]
fn result<T: Arithmetic, const A: usize>(operands: [T; A], value: T) -> T {
    T::settled(operands, value)
}
