//! How instructions on wide vectors are made of those of 128 bits.

use std::marker::PhantomData;

use super::{PartLane, PartOperands, WideVector, moved_down, of_parts};
use crate::semantics::vector::*;
use crate::semantics::{Lane, Operand, Pure, V128};
use crate::trap::TrapCode;

/// Declares ways to make an instruction of `O`, which is one of 128 bits, for vectors of `P` parts:
/// `"documentation" Name<type parameters> where O: what it is, (operands) [immediate] => result, meaning;`.
/// None of them traps.
macro_rules! ways {
    ($($doc:literal $name:ident<$o:ident $(, $param:ident)*> where [$($bounds:tt)*]
        ($args:tt: $args_ty:ty) [$imm:tt: $imm_ty:ty] => $out:ty, $body:expr;)*) => {
        $(
            #[doc = $doc]
            #[derive(Clone, Copy, Debug)]
            pub struct $name<O, W>(PhantomData<(O, W)>);

            impl<$o, $($param,)* const P: usize> Pure for $name<$o, WideVector<P>>
            where
                $($bounds)*
            {
                type Args = $args_ty;
                type Imm = $imm_ty;
                type Out = $out;
                #[inline(always)]
                fn eval($args: Self::Args, $imm: Self::Imm) -> Result<Self::Out, TrapCode> {
                    Ok($body)
                }
            }
        )*
    };
}

ways! {
    "Of each part of the operands."
    Each<O> where [O: Vector<Args: PartOperands, Imm = (), Out = V128>]
    (args: <O::Args as PartOperands>::Wide<P>) [(): ()] => WideVector<P>,
        WideVector(of_parts!(P, i => O::eval(PartOperands::part(args, i), ())));

    "Of the parts of the first operand and then of the second one, by twos."
    Narrow<O> where [O: Vector<Args = (V128, V128), Imm = (), Out = V128>]
    ((a, b): (WideVector<P>, WideVector<P>)) [(): ()] => WideVector<P>,
        WideVector(of_parts!(P, i => {
            let (of, first) = if 2 * i < P { (a, 2 * i) } else { (b, 2 * i - P) };
            O::eval((of.0[first], of.0[first + 1]), ())
        }));

    "Of each half of the parts in the operands' lower halves: of their lower lanes."
    WidenLow<O> where [O: Vector<Args: PartOperands, Imm = (), Out = V128>]
    (args: <O::Args as PartOperands>::Wide<P>) [(): ()] => WideVector<P>,
        WideVector(of_parts!(P, i => O::eval(PartOperands::half(args, i), ())));

    "Of each half of the parts in the operands' upper halves: of their lower lanes."
    WidenHigh<O> where [O: Vector<Args: PartOperands, Imm = (), Out = V128>]
    (args: <O::Args as PartOperands>::Wide<P>) [(): ()] => WideVector<P>,
        WideVector(of_parts!(P, i => O::eval(PartOperands::half(args, P + i), ())));

    "Of each part: the lower halves of the results, and zeros above them."
    Pack<O> where [O: Vector<Args = (V128,), Imm = (), Out = V128>]
    ((a,): (WideVector<P>,)) [(): ()] => WideVector<P>, {
        let lower: [u64; P] = of_parts!(P, i => u128::from(O::eval((a.0[i],), ())) as u64);
        WideVector(of_parts!(P, i => match 2 * i < P {
            true => [lower[2 * i], lower[2 * i + 1]].into(),
            false => V128::default(),
        }))
    };

    "Of the lower and the upper half, and so on with the result, until it is one lane."
    Reduce<O> where [O: Reduced]
    ((a,): (WideVector<P>,)) [(): ()] => O::Lane, {
        let mut parts = a.0;
        let mut len = P / 2;
        while len > 0 {
            for i in 0..len {
                parts[i] = O::eval((parts[i], parts[i + len]), ());
            }
            len /= 2;
        }
        let [mut rest, ..] = parts[..] else { unreachable!("there are parts") };
        let mut bits = 64;
        while bits >= O::LANE_BITS {
            rest = O::eval((rest, moved_down(rest, bits)), ());
            bits /= 2;
        }
        O::lane_0(rest)
    };

    "Of the part that has the lane."
    ExtractLane<O> where [O: Vector<Args = (V128,), Imm: PartLane<P>>]
    ((a,): (WideVector<P>,)) [lane: <O::Imm as PartLane<P>>::Wide] => O::Out, {
        let (part, lane) = PartLane::split(lane);
        O::eval((a.0[part],), lane)
    };

    "Of the part that has the lane; other parts are as they were."
    ReplaceLane<O, T> where [T: Operand, O: Vector<Args = (V128, T), Imm: PartLane<P>, Out = V128>]
    ((a, value): (WideVector<P>, T)) [lane: <O::Imm as PartLane<P>>::Wide] => WideVector<P>, {
        let (part, lane) = PartLane::split(lane);
        let mut replaced = a;
        replaced.0[part] = O::eval((a.0[part], value), lane);
        replaced
    };

    "Whether it is true of any part."
    AnyTrue<O> where [O: Vector<Args = (V128,), Imm = (), Out = u32>]
    ((a,): (WideVector<P>,)) [(): ()] => u32, {
        let mut any = 0;
        for &part in &a.0 {
            any |= O::eval((part,), ());
        }
        any
    };

    "Whether it is true of all parts."
    AllTrue<O> where [O: Vector<Args = (V128,), Imm = (), Out = u32>]
    ((a,): (WideVector<P>,)) [(): ()] => u32, {
        let mut all = 1;
        for &part in &a.0 {
            all &= O::eval((part,), ());
        }
        all
    };

    "The bits of each part, those of part 0 lowest."
    Bitmask<O> where [O: Masked]
    ((a,): (WideVector<P>,)) [(): ()] => u32, masks::<O, P>(a) as u32;

    "More than 32 bits, those of part 0 lowest."
    LongBitmask<O> where [O: Masked]
    ((a,): (WideVector<P>,)) [(): ()] => u64, masks::<O, P>(a);
}

#[inline(always)]
fn masks<O: Masked, const P: usize>(a: WideVector<P>) -> u64 {
    let mut bits = 0;
    for (i, &part) in a.0.iter().enumerate() {
        bits |= u64::from(O::eval((part,), ())) << (O::LANES * i as u32);
    }
    bits
}

/// An instruction of 128 bits that has a bit for each lane.
pub trait Masked: Vector<Args = (V128,), Imm = (), Out = u32> {
    /// How many lanes there are.
    const LANES: u32;
}

macro_rules! masked {
    ($($name:ident: $lanes:literal;)*) => {
        $(impl Masked for $name {
            const LANES: u32 = $lanes;
        })*
    };
}
masked! { I8x16Bitmask: 16; I16x8Bitmask: 8; I32x4Bitmask: 4; I64x2Bitmask: 2; }

/// An instruction of 128 bits that makes one lane of each two.
pub trait Reduced: Vector<Args = (V128, V128), Imm = (), Out = V128> {
    /// The value of a lane.
    type Lane: Operand;
    /// Bits of a lane.
    const LANE_BITS: u32;
    /// Lane 0.
    fn lane_0(vector: V128) -> Self::Lane;
}

/// Declares them by the instruction that extracts their lanes.
macro_rules! reduced {
    ($($extract:ident of $n:literal: $($name:ident)*;)*) => {
        $($(impl Reduced for $name {
            type Lane = <$extract as Vector>::Out;
            const LANE_BITS: u32 = 128 / $n;
            #[inline(always)]
            fn lane_0(vector: V128) -> Self::Lane {
                <$extract as Vector>::eval((vector,), Lane::<$n>(0))
            }
        })*)*
    };
}
reduced! {
    I8x16ExtractLane of 16: I8x16Add I8x16Min I8x16Max;
    I8x16ExtractLaneU of 16: I8x16MinU I8x16MaxU;
    I16x8ExtractLane of 8: I16x8Add I16x8Min I16x8Max;
    I16x8ExtractLaneU of 8: I16x8MinU I16x8MaxU;
    I32x4ExtractLane of 4: I32x4Add I32x4Min I32x4MinU I32x4Max I32x4MaxU;
    I64x2ExtractLane of 2: I64x2Add;
    F32x4ExtractLane of 4: F32x4Add F32x4Min F32x4Max;
    F64x2ExtractLane of 2: F64x2Add F64x2Min F64x2Max;
}
