//! What a vector's lanes may be.

use super::element::{Element, FloatElement, IntElement};
use super::functions;
use super::operations::{FloatOperations, IntOperations, Operations};

/// A number that vectors have lanes of: Rust's integers of up to 64 bits, and floats.
///
/// What it builds on is this crate's own business.
pub trait Lane: Element + Operations {
    /// The signed integer with as many bits, the lanes of masks.
    #[doc(hidden)]
    type Bits: IntLane;
}

/// A lane that is an integer.
pub trait IntLane: Lane + IntElement + IntOperations {}

/// A lane that is a float.
pub trait FloatLane: Lane + FloatElement + FloatOperations {}

/// A lane of 32 or 64 bits, of which a vector may be gathered.
pub trait GatherLane: Lane {
    /// The lanes of vectors of indices: the unsigned integer with as many bits.
    type Index: IntLane;

    #[doc(hidden)]
    fn gather<const N: usize>(from: &[Self], indices: [u64; N]) -> [u64; N];
}

macro_rules! lanes {
    ($($trait:ident: $($lane:ident as $bits:ident)*;)*) => {
        $($(
            impl Lane for $lane {
                type Bits = $bits;
            }

            impl $trait for $lane {}
        )*)*
    };
}

lanes! {
    IntLane: i8 as i8 u8 as i8 i16 as i16 u16 as i16 i32 as i32 u32 as i32 i64 as i64 u64 as i64;
    FloatLane: f32 as i32 f64 as i64;
}

macro_rules! gathers {
    ($($function:ident by $index:ident: $($lane:ident)*;)*) => {
        $($(
            impl GatherLane for $lane {
                type Index = $index;

                #[inline(always)]
                #[track_caller]
                fn gather<const N: usize>(from: &[$lane], indices: [u64; N]) -> [u64; N] {
                    functions::$function(from, indices)
                }
            }
        )*)*
    };
}

gathers! {
    gather_32 by u32: i32 u32 f32;
    gather_64 by u64: i64 u64 f64;
}
