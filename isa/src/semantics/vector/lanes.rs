//! Moving lanes about: between vectors, and between vectors and other values.

use super::{ByteLanes, Lane, V128, array_of, mask, vectors, with_lane};

macro_rules! lanes {
    ($($lane:ty, $n:literal: $splat:ident $replace:ident ($value:ident: $ty:ty) $as_lane:expr;)*) => {
        vectors! {
            $(
                $splat: ($value: $ty) => V128, [$as_lane; $n].into();
                $replace: (a: V128, $value: $ty) [lane: Lane<$n>] => V128, {
                    with_lane!($lane, $n, a, $as_lane, lane)
                };
            )*
        }
    };
}

lanes! {
    u8, 16: I8x16Splat I8x16ReplaceLane (b: u32) b as u8;
    u16, 8: I16x8Splat I16x8ReplaceLane (b: u32) b as u16;
    u32, 4: I32x4Splat I32x4ReplaceLane (b: u32) b;
    u64, 2: I64x2Splat I64x2ReplaceLane (b: u64) b;
    u32, 4: F32x4Splat F32x4ReplaceLane (b: f32) b.to_bits();
    u64, 2: F64x2Splat F64x2ReplaceLane (b: f64) b.to_bits();
}

vectors! {
    I8x16ExtractLane: (a: V128) [lane: Lane<16>] => u32, <[i8; 16]>::from(a)[lane.index()] as u32;
    I8x16ExtractLaneU: (a: V128) [lane: Lane<16>] => u32, u32::from(a.0[lane.index()]);
    I16x8ExtractLane: (a: V128) [lane: Lane<8>] => u32, <[i16; 8]>::from(a)[lane.index()] as u32;
    I16x8ExtractLaneU: (a: V128) [lane: Lane<8>] => u32, u32::from(<[u16; 8]>::from(a)[lane.index()]);
    I32x4ExtractLane: (a: V128) [lane: Lane<4>] => u32, <[u32; 4]>::from(a)[lane.index()];
    I64x2ExtractLane: (a: V128) [lane: Lane<2>] => u64, <[u64; 2]>::from(a)[lane.index()];
    F32x4ExtractLane: (a: V128) [lane: Lane<4>] => f32, <[f32; 4]>::from(a)[lane.index()];
    F64x2ExtractLane: (a: V128) [lane: Lane<2>] => f64, <[f64; 2]>::from(a)[lane.index()];
    I8x16Swizzle: (a: V128, b: V128) => V128, swizzle(a, b);
    I8x16RelaxedSwizzle: (a: V128, b: V128) => V128, swizzle(a, b);
    I8x16Shuffle: (a: V128, b: V128) [lanes: ByteLanes] => V128, {
        let mut both = [0; 32];
        both[..16].copy_from_slice(&a.0);
        both[16..].copy_from_slice(&b.0);
        V128(array_of(|i| both[usize::from(lanes.0[i] % 32)]))
    };
}

#[inline(always)]
fn swizzle(a: V128, b: V128) -> V128 {
    let byte = |lane| a.0.get(usize::from(lane)).copied().unwrap_or(0);
    V128(array_of(|i| byte(b.0[i])))
}
