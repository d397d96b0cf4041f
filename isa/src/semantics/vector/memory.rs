//! Loads and stores of vectors and of their lanes.

use super::super::{LoadOp, StoreOp};
use super::{Lane, V128, array_of, mask, with_lane};

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
    V128Load8x8: 8, |bytes| widened::<1, 8, i16>(bytes, |lane| i8::from_le_bytes(lane).into());
    V128Load8x8U: 8, |bytes| widened::<1, 8, u16>(bytes, |lane| u8::from_le_bytes(lane).into());
    V128Load16x4: 8, |bytes| widened::<2, 4, i32>(bytes, |lane| i16::from_le_bytes(lane).into());
    V128Load16x4U: 8, |bytes| widened::<2, 4, u32>(bytes, |lane| u16::from_le_bytes(lane).into());
    V128Load32x2: 8, |bytes| widened::<4, 2, i64>(bytes, |lane| i32::from_le_bytes(lane).into());
    V128Load32x2U: 8, |bytes| widened::<4, 2, u64>(bytes, |lane| u32::from_le_bytes(lane).into());
    V128Load8Splat: 1, |bytes| [bytes[0]; 16];
    V128Load16Splat: 2, |bytes| [u16::from_le_bytes(bytes); 8];
    V128Load32Splat: 4, |bytes| [u32::from_le_bytes(bytes); 4];
    V128Load64Splat: 8, |bytes| [u64::from_le_bytes(bytes); 2];
    V128Load32Zero: 4, |bytes| [u32::from_le_bytes(bytes), 0, 0, 0];
    V128Load64Zero: 8, |bytes| [u64::from_le_bytes(bytes), 0];
}

/// Eight bytes as lanes of `W` bytes, each made wider.
#[inline(always)]
fn widened<const W: usize, const N: usize, R: Copy + Default>(
    bytes: [u8; 8],
    widen: impl Fn([u8; W]) -> R,
) -> [R; N] {
    let (lanes, _) = bytes.as_chunks();
    array_of(|i| widen(lanes[i]))
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
