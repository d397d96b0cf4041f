//! Loads and stores of vectors and of their lanes.

use super::super::{LoadOp, StoreOp};
use super::{Lane, V128, mask, with_lane};

/// Loads: `Name: bytes, their vector;`.
macro_rules! loads {
    ($($name:ident: $width:literal, |$bytes:ident| $vector:expr;)*) => {
        $(#[doc = concat!("[`Op::", stringify!($name), "`](crate::Op::", stringify!($name), ")")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name;
        impl LoadOp for $name {
            type Bytes = [u8; $width];
            type Out = V128;
            const WIDTH: usize = $width;
            #[inline(always)]
            fn value($bytes: [u8; $width]) -> V128 {
                $vector.into()
            }
        })*
    };
}

loads! {
    V128Load: 16, |bytes| bytes;
    V128Load8x8: 8, |bytes| bytes.map(|lane| i16::from(lane.cast_signed()));
    V128Load8x8U: 8, |bytes| bytes.map(u16::from);
    V128Load16x4: 8, |bytes| chunks::<2, 4>(bytes).map(|lane| i32::from(i16::from_le_bytes(lane)));
    V128Load16x4U: 8, |bytes| chunks::<2, 4>(bytes).map(|lane| u32::from(u16::from_le_bytes(lane)));
    V128Load32x2: 8, |bytes| chunks::<4, 2>(bytes).map(|lane| i64::from(i32::from_le_bytes(lane)));
    V128Load32x2U: 8, |bytes| chunks::<4, 2>(bytes).map(|lane| u64::from(u32::from_le_bytes(lane)));
    V128Load8Splat: 1, |bytes| [bytes[0]; 16];
    V128Load16Splat: 2, |bytes| [u16::from_le_bytes(bytes); 8];
    V128Load32Splat: 4, |bytes| [u32::from_le_bytes(bytes); 4];
    V128Load64Splat: 8, |bytes| [u64::from_le_bytes(bytes); 2];
    V128Load32Zero: 4, |bytes| [u32::from_le_bytes(bytes), 0, 0, 0];
    V128Load64Zero: 8, |bytes| [u64::from_le_bytes(bytes), 0];
}

/// Eight bytes as lanes of `W` bytes.
#[inline(always)]
fn chunks<const W: usize, const N: usize>(bytes: [u8; 8]) -> [[u8; W]; N] {
    std::array::from_fn(|i| bytes.as_chunks().0[i])
}

/// [`Op::V128Store`](crate::Op::V128Store)
#[derive(Clone, Copy, Debug)]
pub struct V128Store;

impl StoreOp for V128Store {
    type Bytes = [u8; 16];
    type In = V128;
    const WIDTH: usize = 16;
    #[inline(always)]
    fn bytes(value: V128) -> [u8; 16] {
        value.0
    }
}

/// A load of one lane of a vector.
pub trait LaneLoad {
    /// The bytes in memory.
    type Bytes: Default + AsMut<[u8]> + Copy;
    /// The vector with these bytes in the lane of that number.
    fn insert(vector: V128, bytes: Self::Bytes, lane: u8) -> V128;
}

/// A store of one lane of a vector.
pub trait LaneStore {
    /// The bytes in memory.
    type Bytes: AsRef<[u8]> + Copy;
    /// The bytes of the lane of that number.
    fn extract(vector: V128, lane: u8) -> Self::Bytes;
}

macro_rules! lanes {
    ($($lane:ty, $n:literal: $load:ident $store:ident;)*) => {
        $(#[doc = concat!("[`Op::", stringify!($load), "`](crate::Op::", stringify!($load), ")")]
        #[derive(Clone, Copy, Debug)]
        pub struct $load;
        impl LaneLoad for $load {
            type Bytes = [u8; size_of::<$lane>()];
            #[inline(always)]
            fn insert(vector: V128, bytes: Self::Bytes, lane: u8) -> V128 {
                let loaded = <$lane>::from_le_bytes(bytes);
                with_lane!($lane, $n, vector, loaded, Lane::<$n>(lane))
            }
        }

        #[doc = concat!("[`Op::", stringify!($store), "`](crate::Op::", stringify!($store), ")")]
        #[derive(Clone, Copy, Debug)]
        pub struct $store;
        impl LaneStore for $store {
            type Bytes = [u8; size_of::<$lane>()];
            #[inline(always)]
            fn extract(vector: V128, lane: u8) -> Self::Bytes {
                <[$lane; $n]>::from(vector)[Lane::<$n>(lane).index()].to_le_bytes()
            }
        })*
    };
}

lanes! {
    u8, 16: V128Load8Lane V128Store8Lane;
    u16, 8: V128Load16Lane V128Store16Lane;
    u32, 4: V128Load32Lane V128Store32Lane;
    u64, 2: V128Load64Lane V128Store64Lane;
}
