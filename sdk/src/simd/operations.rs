//! What vectors compute that depends on their lanes: each operation as it is on any target, and as it is
//! here. Where this is the machine, `machine` has instructions for most of them.

use super::element::{Element, FloatElement, IntElement};
use super::portable;

/// Declares operations: a trait that has them as they are on any target, and one that has them as they are
/// here, by default the same.
macro_rules! operations {
    ($lane:ident: $portable:ident, $here:ident;
     $(fn $name:ident($($arg:ident: $type:ty),*) -> $result:ty $body:block)*) => {
        pub(super) trait $portable: $lane {
            $(
                #[inline(always)]
                fn $name<const N: usize>($($arg: $type),*) -> $result $body
            )*
        }

        impl<T: $lane> $portable for T {}

        pub trait $here: $lane {
            $(
                #[inline(always)]
                fn $name<const N: usize>($($arg: $type),*) -> $result {
                    <Self as $portable>::$name($($arg),*)
                }
            )*
        }
    };
}

operations! {
    Element: Portable, Operations;
    fn splat(value: Self) -> [u64; N] { portable::vector(|_| value) }
    fn add(a: [u64; N], b: [u64; N]) -> [u64; N] { portable::two(a, b, Self::plus) }
    fn sub(a: [u64; N], b: [u64; N]) -> [u64; N] { portable::two(a, b, Self::minus) }
    fn mul(a: [u64; N], b: [u64; N]) -> [u64; N] { portable::two(a, b, Self::times) }
    fn neg(a: [u64; N]) -> [u64; N] { portable::one(a, Self::negated) }
    fn abs(a: [u64; N]) -> [u64; N] { portable::one(a, Self::magnitude) }
    fn min(a: [u64; N], b: [u64; N]) -> [u64; N] { portable::two(a, b, Self::lesser) }
    fn max(a: [u64; N], b: [u64; N]) -> [u64; N] { portable::two(a, b, Self::greater) }
    fn eq(a: [u64; N], b: [u64; N]) -> [u64; N] { portable::compare(a, b, <Self as PartialEq>::eq) }
    fn ne(a: [u64; N], b: [u64; N]) -> [u64; N] { portable::compare(a, b, <Self as PartialEq>::ne) }
    fn lt(a: [u64; N], b: [u64; N]) -> [u64; N] { portable::compare(a, b, <Self as PartialOrd>::lt) }
    fn le(a: [u64; N], b: [u64; N]) -> [u64; N] { portable::compare(a, b, <Self as PartialOrd>::le) }
    fn reduce_add(a: [u64; N]) -> Self { portable::reduce(a, Self::plus) }
    fn reduce_min(a: [u64; N]) -> Self { portable::reduce(a, Self::lesser) }
    fn reduce_max(a: [u64; N]) -> Self { portable::reduce(a, Self::greater) }
    fn all(a: [u64; N]) -> bool { portable::all::<Self, N>(a) }
    fn bitmask(a: [u64; N]) -> u64 { portable::bitmask::<Self, N>(a) }
}

operations! {
    IntElement: PortableInts, IntOperations;
    fn shl(a: [u64; N], count: u32) -> [u64; N] { portable::shift_left::<Self, N>(a, count) }
    fn shr(a: [u64; N], count: u32) -> [u64; N] { portable::shift_right::<Self, N>(a, count) }
    fn add_sat(a: [u64; N], b: [u64; N]) -> [u64; N] { portable::two(a, b, Self::plus_saturating) }
    fn sub_sat(a: [u64; N], b: [u64; N]) -> [u64; N] { portable::two(a, b, Self::minus_saturating) }
}

operations! {
    FloatElement: PortableFloats, FloatOperations;
    fn div(a: [u64; N], b: [u64; N]) -> [u64; N] { portable::two(a, b, Self::over) }
    fn sqrt(a: [u64; N]) -> [u64; N] { portable::one(a, Self::root) }
    fn ceil(a: [u64; N]) -> [u64; N] { portable::one(a, Self::rounded_up) }
    fn floor(a: [u64; N]) -> [u64; N] { portable::one(a, Self::rounded_down) }
    fn trunc(a: [u64; N]) -> [u64; N] { portable::one(a, Self::rounded_to_zero) }
    fn nearest(a: [u64; N]) -> [u64; N] { portable::one(a, Self::rounded_to_even) }
    fn fma(a: [u64; N], b: [u64; N], c: [u64; N]) -> [u64; N] {
        portable::fused::<Self, N>([a, b, c], false)
    }
    fn fnma(a: [u64; N], b: [u64; N], c: [u64; N]) -> [u64; N] {
        portable::fused::<Self, N>([a, b, c], true)
    }
}

#[cfg(not(all(target_arch = "wasm32", dotvm)))]
mod none {
    use super::{FloatOperations, IntOperations, Operations};

    macro_rules! none {
        ($trait:ident: $($lane:ident)*) => {
            $(impl $trait for $lane {})*
        };
    }

    none!(Operations: i8 u8 i16 u16 i32 u32 i64 u64 f32 f64);
    none!(IntOperations: i8 u8 i16 u16 i32 u32 i64 u64);
    none!(FloatOperations: f32 f64);
}
