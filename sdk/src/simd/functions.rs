//! Operations on vectors whose lanes are given by the operation: as instructions where there are any, else as
//! [`portable`] has them.

#![cfg_attr(all(target_arch = "wasm32", dotvm), allow(unsafe_code))]

use super::element::Element;
use super::portable;

/// A function that is an instruction with these names, where this is the machine.
macro_rules! functions {
    ($($name:ident($($a:ident)*) = $short:literal, $long:literal => $portable:expr;)*) => {
        $(
            #[inline(always)]
            pub(super) fn $name<const N: usize>($($a: [u64; N]),*) -> [u64; N] {
                #[cfg(all(target_arch = "wasm32", dotvm))]
                {
                    instruction!($short, $long, vector; ($($a)*) else $portable)
                }
                #[cfg(not(all(target_arch = "wasm32", dotvm)))]
                $portable
            }
        )*
    };
}

functions! {
    and(a b) = "v256.and", "v512.and" =>
        portable::limbs_of_two(a, b, |a, b| a & b);
    or(a b) = "v256.or", "v512.or" =>
        portable::limbs_of_two(a, b, |a, b| a | b);
    xor(a b) = "v256.xor", "v512.xor" =>
        portable::limbs_of_two(a, b, |a, b| a ^ b);
    and_not(a b) = "v256.andnot", "v512.andnot" =>
        portable::limbs_of_two(a, b, |a, b| a & !b);
    not(a) = "v256.not", "v512.not" =>
        portable::limbs(a, |a| !a);
    bitselect(a b mask) = "v256.bitselect", "v512.bitselect" =>
        portable::vector(|i| a[i] & mask[i] | b[i] & !mask[i]);
    swizzle(a indices) = "i8x32.swizzle", "i8x64.swizzle" =>
        portable::swizzle(a, indices);
    shuffle_i8(a b indices) = "i8x32.shuffle", "i8x64.shuffle" =>
        portable::shuffle::<u8, N>([a, b, indices]);
    shuffle_i32(a b indices) = "i32x8.shuffle", "i32x16.shuffle" =>
        portable::shuffle::<u32, N>([a, b, indices]);
    popcnt_u8(a) = "i8x32.popcnt", "i8x64.popcnt" =>
        portable::one(a, |a: u8| a.count_ones() as u8);
    average_u8(a b) = "i8x32.avgr_u", "i8x64.avgr_u" =>
        portable::two(a, b, |a: u8, b: u8| ((a as u32 + b as u32 + 1) / 2) as u8);
    average_u16(a b) = "i16x16.avgr_u", "i16x32.avgr_u" =>
        portable::two(a, b, |a: u16, b: u16| ((a as u32 + b as u32 + 1) / 2) as u16);
    q15_mul_i16(a b) = "i16x16.q15mulr_sat", "i16x32.q15mulr_sat" =>
        portable::two(a, b, fractions);
    widen_low_i8(a) = "i16x16.extend_low_i8x32", "i16x32.extend_low_i8x64" =>
        portable::widen::<i8, i16, N>(a, false, Into::into);
    widen_high_i8(a) = "i16x16.extend_high_i8x32", "i16x32.extend_high_i8x64" =>
        portable::widen::<i8, i16, N>(a, true, Into::into);
    mul_wide_low_i8(a b) = "i16x16.extmul_low_i8x32", "i16x32.extmul_low_i8x64" =>
        portable::multiply_wide::<i8, i16, N>(a, b, false, Into::into);
    mul_wide_high_i8(a b) = "i16x16.extmul_high_i8x32", "i16x32.extmul_high_i8x64" =>
        portable::multiply_wide::<i8, i16, N>(a, b, true, Into::into);
    add_neighbours_i8(a) = "i16x16.extadd_pairwise_i8x32", "i16x32.extadd_pairwise_i8x64" =>
        portable::add_neighbours::<i8, i16, N>(a, Into::into);
    widen_low_u8(a) = "i16x16.extend_low_i8x32_u", "i16x32.extend_low_i8x64_u" =>
        portable::widen::<u8, u16, N>(a, false, Into::into);
    widen_high_u8(a) = "i16x16.extend_high_i8x32_u", "i16x32.extend_high_i8x64_u" =>
        portable::widen::<u8, u16, N>(a, true, Into::into);
    mul_wide_low_u8(a b) = "i16x16.extmul_low_i8x32_u", "i16x32.extmul_low_i8x64_u" =>
        portable::multiply_wide::<u8, u16, N>(a, b, false, Into::into);
    mul_wide_high_u8(a b) = "i16x16.extmul_high_i8x32_u", "i16x32.extmul_high_i8x64_u" =>
        portable::multiply_wide::<u8, u16, N>(a, b, true, Into::into);
    add_neighbours_u8(a) = "i16x16.extadd_pairwise_i8x32_u", "i16x32.extadd_pairwise_i8x64_u" =>
        portable::add_neighbours::<u8, u16, N>(a, Into::into);
    widen_low_i16(a) = "i32x8.extend_low_i16x16", "i32x16.extend_low_i16x32" =>
        portable::widen::<i16, i32, N>(a, false, Into::into);
    widen_high_i16(a) = "i32x8.extend_high_i16x16", "i32x16.extend_high_i16x32" =>
        portable::widen::<i16, i32, N>(a, true, Into::into);
    mul_wide_low_i16(a b) = "i32x8.extmul_low_i16x16", "i32x16.extmul_low_i16x32" =>
        portable::multiply_wide::<i16, i32, N>(a, b, false, Into::into);
    mul_wide_high_i16(a b) = "i32x8.extmul_high_i16x16", "i32x16.extmul_high_i16x32" =>
        portable::multiply_wide::<i16, i32, N>(a, b, true, Into::into);
    add_neighbours_i16(a) = "i32x8.extadd_pairwise_i16x16", "i32x16.extadd_pairwise_i16x32" =>
        portable::add_neighbours::<i16, i32, N>(a, Into::into);
    widen_low_u16(a) = "i32x8.extend_low_i16x16_u", "i32x16.extend_low_i16x32_u" =>
        portable::widen::<u16, u32, N>(a, false, Into::into);
    widen_high_u16(a) = "i32x8.extend_high_i16x16_u", "i32x16.extend_high_i16x32_u" =>
        portable::widen::<u16, u32, N>(a, true, Into::into);
    mul_wide_low_u16(a b) = "i32x8.extmul_low_i16x16_u", "i32x16.extmul_low_i16x32_u" =>
        portable::multiply_wide::<u16, u32, N>(a, b, false, Into::into);
    mul_wide_high_u16(a b) = "i32x8.extmul_high_i16x16_u", "i32x16.extmul_high_i16x32_u" =>
        portable::multiply_wide::<u16, u32, N>(a, b, true, Into::into);
    add_neighbours_u16(a) = "i32x8.extadd_pairwise_i16x16_u", "i32x16.extadd_pairwise_i16x32_u" =>
        portable::add_neighbours::<u16, u32, N>(a, Into::into);
    widen_low_i32(a) = "i64x4.extend_low_i32x8", "i64x8.extend_low_i32x16" =>
        portable::widen::<i32, i64, N>(a, false, Into::into);
    widen_high_i32(a) = "i64x4.extend_high_i32x8", "i64x8.extend_high_i32x16" =>
        portable::widen::<i32, i64, N>(a, true, Into::into);
    mul_wide_low_i32(a b) = "i64x4.extmul_low_i32x8", "i64x8.extmul_low_i32x16" =>
        portable::multiply_wide::<i32, i64, N>(a, b, false, Into::into);
    mul_wide_high_i32(a b) = "i64x4.extmul_high_i32x8", "i64x8.extmul_high_i32x16" =>
        portable::multiply_wide::<i32, i64, N>(a, b, true, Into::into);
    widen_low_u32(a) = "i64x4.extend_low_i32x8_u", "i64x8.extend_low_i32x16_u" =>
        portable::widen::<u32, u64, N>(a, false, Into::into);
    widen_high_u32(a) = "i64x4.extend_high_i32x8_u", "i64x8.extend_high_i32x16_u" =>
        portable::widen::<u32, u64, N>(a, true, Into::into);
    mul_wide_low_u32(a b) = "i64x4.extmul_low_i32x8_u", "i64x8.extmul_low_i32x16_u" =>
        portable::multiply_wide::<u32, u64, N>(a, b, false, Into::into);
    mul_wide_high_u32(a b) = "i64x4.extmul_high_i32x8_u", "i64x8.extmul_high_i32x16_u" =>
        portable::multiply_wide::<u32, u64, N>(a, b, true, Into::into);
    narrow_i16_to_i8(a b) = "i8x32.narrow_i16x16", "i8x64.narrow_i16x32" =>
        portable::narrow(a, b, |a: i16| a.clamp(i8::MIN as i16, i8::MAX as i16) as i8);
    narrow_i16_to_u8(a b) = "i8x32.narrow_i16x16_u", "i8x64.narrow_i16x32_u" =>
        portable::narrow(a, b, |a: i16| a.clamp(u8::MIN as i16, u8::MAX as i16) as u8);
    narrow_i32_to_i16(a b) = "i16x16.narrow_i32x8", "i16x32.narrow_i32x16" =>
        portable::narrow(a, b, |a: i32| a.clamp(i16::MIN as i32, i16::MAX as i32) as i16);
    narrow_i32_to_u16(a b) = "i16x16.narrow_i32x8_u", "i16x32.narrow_i32x16_u" =>
        portable::narrow(a, b, |a: i32| a.clamp(u16::MIN as i32, u16::MAX as i32) as u16);
    dot_i8_to_i16(a b) = "i16x16.dot_i8x32", "i16x32.dot_i8x64" =>
        portable::dot::<i8, i16, N>(a, b, Into::into);
    dot_i16_to_i32(a b) = "i32x8.dot_i16x16", "i32x16.dot_i16x32" =>
        portable::dot::<i16, i32, N>(a, b, Into::into);
    dot_i8_to_i32(a b sum) = "i32x8.dot_i8x32_add", "i32x16.dot_i8x64_add" =>
        portable::two(portable::dot::<i8, i32, N>(a, b, Into::into), sum, i32::wrapping_add);
    convert_f32_to_i32(a) = "i32x8.trunc_sat_f32x8", "i32x16.trunc_sat_f32x16" =>
        portable::one(a, |a: f32| a as i32);
    convert_f32_to_u32(a) = "i32x8.trunc_sat_f32x8_u", "i32x16.trunc_sat_f32x16_u" =>
        portable::one(a, |a: f32| a as u32);
    convert_i32_to_f32(a) = "f32x8.convert_i32x8", "f32x16.convert_i32x16" =>
        portable::one(a, |a: i32| a as f32);
    convert_u32_to_f32(a) = "f32x8.convert_i32x8_u", "f32x16.convert_i32x16_u" =>
        portable::one(a, |a: u32| a as f32);
    convert_f64_to_i32(a) = "i32x8.trunc_sat_f64x4_zero", "i32x16.trunc_sat_f64x8_zero" =>
        portable::pack(a, |a: f64| a as i32);
    convert_f64_to_u32(a) = "i32x8.trunc_sat_f64x4_u_zero", "i32x16.trunc_sat_f64x8_u_zero" =>
        portable::pack(a, |a: f64| a as u32);
    convert_i32_to_f64(a) = "f64x4.convert_low_i32x8", "f64x8.convert_low_i32x16" =>
        portable::widen(a, false, |a: i32| a as f64);
    convert_u32_to_f64(a) = "f64x4.convert_low_i32x8_u", "f64x8.convert_low_i32x16_u" =>
        portable::widen(a, false, |a: u32| a as f64);
    convert_f64_to_f32(a) = "f32x8.demote_f64x4_zero", "f32x16.demote_f64x8_zero" =>
        portable::pack(a, narrower);
    convert_f32_to_f64(a) = "f64x4.promote_low_f32x8", "f64x8.promote_low_f32x16" =>
        portable::widen(a, false, wider);
}

/// Lanes of `a` where those of a mask are all ones, of `b` where they are 0.
#[inline(always)]
pub(super) fn select<const N: usize>(mask: [u64; N], a: [u64; N], b: [u64; N]) -> [u64; N] {
    bitselect(a, b, mask)
}

/// The product of fractions with 15 bits, rounded and saturating.
fn fractions(a: i16, b: i16) -> i16 {
    let product = (a as i32 * b as i32 + (1 << 14)) >> 15;
    product.min(i16::MAX as i32) as i16
}

/// A float in more bits; NaNs keep the sign and what they have to say.
fn wider(a: f32) -> f64 {
    match a.is_nan() {
        true => {
            let bits = a.to_bits() as u64;
            f64::from_bits((bits & 1 << 31) << 32 | 0x7ff8 << 48 | (bits & 0x7f_ffff) << 29)
        }
        false => a as f64,
    }
}

/// A float in fewer bits; NaNs keep the sign and the upper part of what they have to say.
fn narrower(a: f64) -> f32 {
    match a.is_nan() {
        true => {
            let bits = a.to_bits();
            f32::from_bits((bits >> 63 << 31 | 0x7fc0_0000 | bits >> 29 & 0x7f_ffff) as u32)
        }
        false => a as f32,
    }
}

/// Whether any bit is set.
#[inline(always)]
pub(super) fn any<const N: usize>(a: [u64; N]) -> bool {
    #[cfg(all(target_arch = "wasm32", dotvm))]
    {
        let flag = |value: u32| value != 0;
        instruction!(
            "v256.any_true", "v512.any_true", u32 as flag;
            (a) else a.iter().any(|&limb| limb != 0)
        )
    }
    #[cfg(not(all(target_arch = "wasm32", dotvm)))]
    a.iter().any(|&limb| limb != 0)
}

/// The first lanes of a list.
///
/// # Panics
/// Where there are fewer than a vector has.
#[inline(always)]
#[track_caller]
pub(super) fn load<T: Element, const N: usize>(from: &[T]) -> [u64; N] {
    check_count(from.len(), portable::lanes::<T, N>());
    #[cfg(all(target_arch = "wasm32", dotvm))]
    {
        // The instruction reads as many bytes as have been found to be there.
        let from_bytes = from.as_ptr() as *const u8;
        instruction!(
            "v256.load", "v512.load", vector;
            (from_bytes: *const u8) else portable::load(from)
        )
    }
    #[cfg(not(all(target_arch = "wasm32", dotvm)))]
    portable::load(from)
}

/// Puts a vector's lanes into the first places of a list.
///
/// # Panics
/// Where there are fewer than a vector has lanes.
#[inline(always)]
#[track_caller]
pub(super) fn store<T: Element, const N: usize>(a: [u64; N], to: &mut [T]) {
    check_count(to.len(), portable::lanes::<T, N>());
    #[cfg(all(target_arch = "wasm32", dotvm))]
    {
        // The instruction writes as many bytes as have been found to be there, of which any are lanes.
        let to_bytes = to.as_mut_ptr() as *mut u8;
        instruction!(
            "v256.store", "v512.store", () as core::convert::identity;
            (to_bytes: *mut u8, a) else portable::store(a, to)
        )
    }
    #[cfg(not(all(target_arch = "wasm32", dotvm)))]
    portable::store(a, to)
}

/// Functions that load half as many lanes as a vector of their type has, in twice the bits.
macro_rules! wide_loads {
    ($($name:ident: $narrow:ident as $wide:ident = $short:literal, $long:literal;)*) => {
        $(
            #[inline(always)]
            #[track_caller]
            pub(super) fn $name<const N: usize>(from: &[$narrow]) -> [u64; N] {
                check_count(from.len(), portable::lanes::<$wide, N>());
                #[cfg(all(target_arch = "wasm32", dotvm))]
                {
                    // The instruction reads as many bytes as have been found to be there.
                    let from_bytes = from.as_ptr() as *const u8;
                    instruction!(
                        $short, $long, vector;
                        (from_bytes: *const u8) else portable::load_wide::<$narrow, $wide, N>(from)
                    )
                }
                #[cfg(not(all(target_arch = "wasm32", dotvm)))]
                portable::load_wide::<$narrow, $wide, N>(from)
            }
        )*
    };
}

wide_loads! {
    load_i8: i8 as i16 = "v256.load8x16", "v512.load8x32";
    load_u8: u8 as u16 = "v256.load8x16_u", "v512.load8x32_u";
    load_i16: i16 as i32 = "v256.load16x8", "v512.load16x16";
    load_u16: u16 as u32 = "v256.load16x8_u", "v512.load16x16_u";
    load_i32: i32 as i64 = "v256.load32x4", "v512.load32x8";
    load_u32: u32 as u64 = "v256.load32x4_u", "v512.load32x8_u";
}

#[inline(always)]
#[track_caller]
fn check_count(there: usize, wanted: usize) {
    if there < wanted {
        too_few(there, wanted);
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn too_few(there: usize, wanted: usize) -> ! {
    panic!("a vector takes {} lanes, and there are {}", wanted, there)
}

/// Functions that load the lanes of a list that a vector of indices names.
macro_rules! gathers {
    ($($name:ident by $index:ident = $short:literal, $long:literal;)*) => {
        $(
            /// # Panics
            /// Where an index is too large.
            #[inline(always)]
            #[track_caller]
            pub(super) fn $name<T: Element, const N: usize>(
                from: &[T],
                indices: [u64; N],
            ) -> [u64; N] {
                #[cfg(all(target_arch = "wasm32", dotvm))]
                {
                    use super::operations::Operations;
                    let count = <$index as Operations>::splat(from.len() as $index);
                    let inside = <$index as Operations>::lt(indices, count);
                    if !<$index as Operations>::all(inside) {
                        missing(from.len());
                    }
                    // All these lanes have been found to be there.
                    let from_bytes = from.as_ptr() as *const u8;
                    instruction!(
                        $short, $long, vector;
                        (from_bytes: *const u8, indices)
                            else portable::gather::<T, $index, N>(from, indices)
                    )
                }
                #[cfg(not(all(target_arch = "wasm32", dotvm)))]
                {
                    let count = from.len() as u64;
                    let index = |i| portable::lane::<$index, N>(indices, i) as u64;
                    if (0..portable::lanes::<$index, N>()).any(|i| index(i) >= count) {
                        missing(from.len());
                    }
                    portable::gather::<T, $index, N>(from, indices)
                }
            }
        )*
    };
}

gathers! {
    gather_32 by u32 = "i32x8.gather", "i32x16.gather";
    gather_64 by u64 = "i64x4.gather", "i64x8.gather";
}

#[cold]
#[inline(never)]
#[track_caller]
fn missing(count: usize) -> ! {
    panic!("an index of a gather is not below {}", count)
}
