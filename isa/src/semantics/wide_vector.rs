//! What instructions on vectors of 256 and 512 bits compute.
//!
//! Such a vector is an array of vectors of 128 bits, its *parts*. Most instructions are made of one of 128
//! bits, and how is a type here that implements [`Pure`](super::Pure) for that instruction and every width:
//! [`Each`], [`Narrow`] and so on. The others are types such as [`Swizzle`]. Loads and stores are [`Each`] of a
//! load or store of 128 bits; gathers are [`GatherOp`]s.

mod memory;
mod parts;
mod whole;

pub use memory::*;
pub use parts::*;
pub use whole::*;

use super::{Immediates, Lane, Operand, Operands, V128};
use crate::types::ValType;

/// A vector of that many times 128 bits: lane 0 of part 0 is lane 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(transparent)]
pub struct WideVector<const PARTS: usize>(pub [V128; PARTS]);

/// A vector of 256 bits.
pub type V256 = WideVector<2>;

/// A vector of 512 bits.
pub type V512 = WideVector<4>;

/// An array of something for each part, by its number. Not a function that calls another one: nobody promises
/// that such calls are inlined, and a handler of the interpreter that calls something takes part of the native
/// stack.
macro_rules! of_parts {
    ($count:ident, $number:ident => $value:expr) => {{
        let mut all = [Default::default(); $count];
        for ($number, of_part) in all.iter_mut().enumerate() {
            *of_part = $value;
        }
        all
    }};
}
use of_parts;

impl<const PARTS: usize> Operand for WideVector<PARTS> {
    const TYPE: ValType = match PARTS {
        2 => ValType::V256,
        4 => ValType::V512,
        _ => panic!("there are no vectors of so many parts"),
    };
    #[inline(always)]
    fn to_slots(self, put: &mut impl FnMut(u64)) {
        for part in self.0 {
            part.to_slots(put);
        }
    }
    #[inline(always)]
    fn from_slots(next: &mut impl FnMut() -> u64) -> WideVector<PARTS> {
        WideVector(of_parts!(PARTS, _i => V128::from_slots(next)))
    }
}

/// An operand of an instruction of 128 bits, and what it is in one that is made of it: vectors are wider,
/// other values are the same for every part.
pub trait PartOperand: Operand {
    /// The operand of the instruction that is made.
    type Wide<const PARTS: usize>: Operand;
    /// What of it belongs to a part.
    fn part<const PARTS: usize>(wide: Self::Wide<PARTS>, part: usize) -> Self;
    /// What of it belongs to half of a part, as the lower half.
    fn half<const PARTS: usize>(wide: Self::Wide<PARTS>, half: usize) -> Self;
}

impl PartOperand for V128 {
    type Wide<const PARTS: usize> = WideVector<PARTS>;
    #[inline(always)]
    fn part<const PARTS: usize>(wide: WideVector<PARTS>, part: usize) -> V128 {
        wide.0[part]
    }
    #[inline(always)]
    fn half<const PARTS: usize>(wide: WideVector<PARTS>, half: usize) -> V128 {
        let part = wide.0[half / 2];
        match half % 2 {
            0 => part,
            _ => moved_down(part, 64),
        }
    }
}

/// A vector without its low bits.
#[inline(always)]
fn moved_down(vector: V128, bits: u32) -> V128 {
    (u128::from(vector) >> bits).into()
}

macro_rules! scalars {
    ($($ty:ty)*) => {
        $(impl PartOperand for $ty {
            type Wide<const PARTS: usize> = $ty;
            #[inline(always)]
            fn part<const PARTS: usize>(wide: $ty, _: usize) -> $ty {
                wide
            }
            #[inline(always)]
            fn half<const PARTS: usize>(wide: $ty, _: usize) -> $ty {
                wide
            }
        })*
    };
}
scalars! { u32 u64 f32 f64 }

/// Operands of an instruction of 128 bits, and what they are in one that is made of it.
pub trait PartOperands: Operands {
    /// The operands of the instruction that is made.
    type Wide<const PARTS: usize>: Operands;
    /// What of them belongs to a part.
    fn part<const PARTS: usize>(wide: Self::Wide<PARTS>, part: usize) -> Self;
    /// What of them belongs to half of a part, of vectors as the lower half.
    fn half<const PARTS: usize>(wide: Self::Wide<PARTS>, half: usize) -> Self;
}

macro_rules! tuples {
    ($($name:ident $at:tt)*) => {
        impl<$($name: PartOperand),*> PartOperands for ($($name,)*) {
            type Wide<const PARTS: usize> = ($($name::Wide<PARTS>,)*);
            #[inline(always)]
            fn part<const PARTS: usize>(wide: Self::Wide<PARTS>, part: usize) -> Self {
                ($($name::part::<PARTS>(wide.$at, part),)*)
            }
            #[inline(always)]
            fn half<const PARTS: usize>(wide: Self::Wide<PARTS>, half: usize) -> Self {
                ($($name::half::<PARTS>(wide.$at, half),)*)
            }
        }
    };
}
tuples! { A 0 }
tuples! { A 0 B 1 }
tuples! { A 0 B 1 C 2 }

/// The number of a lane of a part, and the number of that lane in a vector of so many parts.
pub trait PartLane<const PARTS: usize>: Immediates {
    /// The number in all lanes.
    type Wide: Immediates;
    /// The part that has the lane, and the lane's number in it.
    fn split(wide: Self::Wide) -> (usize, Self);
}

macro_rules! lanes {
    ($($parts:literal: $($lanes:literal $all:literal),*;)*) => {
        $($(impl PartLane<$parts> for Lane<$lanes> {
            type Wide = Lane<$all>;
            #[inline(always)]
            fn split(wide: Lane<$all>) -> (usize, Lane<$lanes>) {
                let lane = wide.index();
                (lane / $lanes, Lane((lane % $lanes) as u8))
            }
        })*)*
    };
}
lanes! {
    2: 2 4, 4 8, 8 16, 16 32;
    4: 2 8, 4 16, 8 32, 16 64;
}
