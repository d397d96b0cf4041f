//! Vector instructions that the compiler does not find the processor's instructions for, by themselves:
//! forms of them for x86-64 processors with AVX2 and FMA.
//!
//! Each means what the type of the same name in [`dotvm_isa::semantics`] means.

use std::arch::asm;
use std::arch::x86_64::*;
use std::mem::transmute;

use dotvm_isa::semantics::wide_vector::{Masked, Reduced};
use dotvm_isa::semantics::{self as sem, ByteLanes, V128, Vector};

/// Declares instructions: `Name: (operands) [immediate] => result, by an expression of the processor's
/// vectors of that kind;`.
macro_rules! native {
    ($($name:ident: ($($arg:ident: $from:ty),*) $([$imm:ident: $imm_ty:ty])? => $out:ident, $body:expr;)*) => {
        $(#[derive(Clone, Copy, Debug)]
        pub(crate) struct $name;

        impl Vector for $name {
            type Args = ($(native!(@vector $from),)*);
            type Imm = native!(@imm $($imm_ty)?);
            type Out = native!(@out $out);
            #[inline(always)]
            fn eval(($($arg,)*): Self::Args, imm: Self::Imm) -> Self::Out {
                $(let $imm = imm;)?
                let _ = imm;
                // SAFETY: any bits are a vector of each kind; handlers of these instructions are only
                // chosen where the processor has what they need.
                unsafe {
                    $(let $arg = transmute::<V128, $from>($arg);)*
                    native!(@result $out, $body)
                }
            }
        })*
    };
    (@vector $from:ty) => { V128 };
    (@imm $ty:ty) => { $ty };
    (@imm) => { () };
    (@out u32) => { u32 };
    (@out $out:ident) => { V128 };
    (@result u32, $body:expr) => { $body as u32 };
    (@result $out:ident, $body:expr) => { transmute::<$out, V128>($body) };
}

native! {
    I8x16Swizzle: (a: __m128i, b: __m128i) => __m128i, swizzle(a, b);
    I8x16Shuffle: (a: __m128i, b: __m128i) [lanes: ByteLanes] => __m128i, shuffle(a, b, lanes);
    I8x16Bitmask: (a: __m128i) => u32, _mm_movemask_epi8(a);
    I16x8Bitmask: (a: __m128i) => u32, _mm_movemask_epi8(_mm_packs_epi16(a, _mm_setzero_si128()));
    I32x4Bitmask: (a: __m128) => u32, _mm_movemask_ps(a);
    I64x2Bitmask: (a: __m128d) => u32, _mm_movemask_pd(a);
    I8x16AllTrue: (a: __m128i) => u32, none(_mm_cmpeq_epi8(a, _mm_setzero_si128()));
    I16x8AllTrue: (a: __m128i) => u32, none(_mm_cmpeq_epi16(a, _mm_setzero_si128()));
    I32x4AllTrue: (a: __m128i) => u32, none(_mm_cmpeq_epi32(a, _mm_setzero_si128()));
    I64x2AllTrue: (a: __m128i) => u32, none(_mm_cmpeq_epi64(a, _mm_setzero_si128()));
    I16x8Q15MulrSat: (a: __m128i, b: __m128i) => __m128i, q15mulr(a, b);
    I32x4TruncSatF32x4: (a: __m128) => __m128i, truncated(a);
    I32x4TruncSatF32x4U: (a: __m128) => __m128i, truncated_unsigned(a);
    I32x4TruncSatF64x2Zero: (a: __m128d) => __m128i, truncated_doubles(a);
    I32x4TruncSatF64x2UZero: (a: __m128d) => __m128i, truncated_doubles_unsigned(a);
}

/// Arithmetic by an instruction whose operands stay in order: that decides which NaN comes out.
macro_rules! in_order {
    ($($name:ident $vector:ident: $instruction:literal ($($rest:ident),*);)*) => {
        native! {
            $($name: (a: $vector $(, $rest: $vector)*) => $vector, {
                let mut result = a;
                asm!(
                    in_order!(@text $instruction $($rest)*),
                    result = inout(xmm_reg) result,
                    $($rest = in(xmm_reg) $rest,)*
                    options(pure, nomem, nostack, preserves_flags)
                );
                result
            };)*
        }
    };
    // By its longer encoding: for the shorter one, assemblers exchange operands of what they take to commute.
    (@text $instruction:literal b) => { concat!("{{vex3}} ", $instruction, " {result}, {result}, {b}") };
    (@text $instruction:literal b c) => { concat!($instruction, " {result}, {b}, {c}") };
}

in_order! {
    F32x4Add __m128: "vaddps" (b);
    F32x4Sub __m128: "vsubps" (b);
    F32x4Mul __m128: "vmulps" (b);
    F32x4Div __m128: "vdivps" (b);
    F64x2Add __m128d: "vaddpd" (b);
    F64x2Sub __m128d: "vsubpd" (b);
    F64x2Mul __m128d: "vmulpd" (b);
    F64x2Div __m128d: "vdivpd" (b);
    F32x4RelaxedMadd __m128: "vfmadd213ps" (b, c);
    F32x4RelaxedNmadd __m128: "vfnmadd213ps" (b, c);
    F64x2RelaxedMadd __m128d: "vfmadd213pd" (b, c);
    F64x2RelaxedNmadd __m128d: "vfnmadd213pd" (b, c);
}

/// What wide vectors need to know of instructions that theirs are made of: the same as of the semantics.
macro_rules! made_of {
    ($($name:ident)*; $($masked:ident)*) => {
        $(impl Reduced for $name {
            type Lane = <sem::$name as Reduced>::Lane;
            const LANE_BITS: u32 = <sem::$name as Reduced>::LANE_BITS;
            #[inline(always)]
            fn lane_0(vector: V128) -> Self::Lane {
                <sem::$name as Reduced>::lane_0(vector)
            }
        })*
        $(impl Masked for $masked {
            const LANES: u32 = <sem::$masked as Masked>::LANES;
        })*
    };
}
made_of! { F32x4Add F64x2Add; I8x16Bitmask I16x8Bitmask I32x4Bitmask I64x2Bitmask }

/// `pshufb` takes the low four bits, or gives 0 where the highest one is set.
#[inline]
#[target_feature(enable = "avx2")]
fn swizzle(a: __m128i, b: __m128i) -> __m128i {
    _mm_shuffle_epi8(a, _mm_adds_epu8(b, _mm_set1_epi8(0x70)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn shuffle(a: __m128i, b: __m128i, lanes: ByteLanes) -> __m128i {
    // SAFETY: any bytes are a vector.
    let lanes = unsafe { transmute::<[u8; 16], __m128i>(lanes.0) };
    // Below 32; those of `b` are negative unless they are over 15.
    let from_b = _mm_shuffle_epi8(b, _mm_sub_epi8(lanes, _mm_set1_epi8(16)));
    _mm_or_si128(swizzle(a, lanes), from_b)
}

/// 1 where no bit is set, else 0.
#[inline]
#[target_feature(enable = "avx2")]
fn none(a: __m128i) -> i32 {
    _mm_testz_si128(a, a)
}

/// `pmulhrsw` does not saturate.
#[inline]
#[target_feature(enable = "avx2")]
fn q15mulr(a: __m128i, b: __m128i) -> __m128i {
    let product = _mm_mulhrs_epi16(a, b);
    let overflowed = _mm_cmpeq_epi16(product, _mm_set1_epi16(i16::MIN));
    _mm_xor_si128(product, overflowed)
}

/// Conversions of what is out of range give the smallest integer.
#[inline]
#[target_feature(enable = "avx2")]
fn truncated(a: __m128) -> __m128i {
    let numbers = _mm_and_ps(a, _mm_cmpord_ps(a, a));
    let too_large = _mm_castps_si128(_mm_cmpge_ps(numbers, _mm_set1_ps(2_147_483_648.0)));
    _mm_xor_si128(_mm_cvttps_epi32(numbers), too_large)
}

/// As much as fits the signed integers, and the rest.
#[inline]
#[target_feature(enable = "avx2")]
fn truncated_unsigned(a: __m128) -> __m128i {
    let half = _mm_set1_ps(2_147_483_648.0);
    // Of a NaN and 0, the second one.
    let numbers = _mm_max_ps(a, _mm_setzero_ps());
    let above = _mm_sub_ps(numbers, half);
    let too_large = _mm_castps_si128(_mm_cmpge_ps(above, half));
    let rest = _mm_xor_si128(_mm_cvttps_epi32(above), too_large);
    let rest = _mm_max_epi32(rest, _mm_setzero_si128());
    _mm_add_epi32(_mm_cvttps_epi32(numbers), rest)
}

#[inline]
#[target_feature(enable = "avx2")]
fn truncated_doubles(a: __m128d) -> __m128i {
    let numbers = _mm_and_pd(a, _mm_cmpord_pd(a, a));
    _mm_cvttpd_epi32(_mm_min_pd(numbers, _mm_set1_pd(2_147_483_647.0)))
}

/// Added to 2^52, an integer is in the lowest bits.
#[inline]
#[target_feature(enable = "avx2")]
fn truncated_doubles_unsigned(a: __m128d) -> __m128i {
    let numbers = _mm_max_pd(a, _mm_setzero_pd());
    let numbers = _mm_min_pd(numbers, _mm_set1_pd(4_294_967_295.0));
    let whole = _mm_round_pd::<{ _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC }>(numbers);
    let bits = _mm_castpd_si128(_mm_add_pd(whole, _mm_set1_pd(4_503_599_627_370_496.0)));
    let low = _mm_shuffle_epi32::<0b00_00_10_00>(bits);
    _mm_move_epi64(low)
}
