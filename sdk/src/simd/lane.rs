//! What a vector's lanes may be.

use super::element::{Element, FloatElement, IntElement};
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
