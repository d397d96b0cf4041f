//! Instructions on wide vectors that are not made of one of 128 bits.

use std::marker::PhantomData;

use super::{V256, V512, WideVector, of_parts};
use crate::semantics::{Lane, Operand, Pure, V128};
use crate::trap::TrapCode;

/// Declares instructions on vectors `W`: `Name [what is known of it] for W: (operands) [immediate] => result,
/// meaning;`, with `slow` behind the name of those that take long. None of them traps.
macro_rules! whole {
    ($($name:ident $($slow:ident)? [$($generics:tt)*] for $w:ty: ($args:tt: $args_ty:ty) [$imm:tt: $imm_ty:ty] => $out:ty, $body:expr;)*) => {
        $(impl<$($generics)*> Pure for $name<$w> {
            type Args = $args_ty;
            type Imm = $imm_ty;
            type Out = $out;
            const SLOW: bool = whole!(@is $($slow)?);
            #[inline(always)]
            fn eval($args: Self::Args, $imm: Self::Imm) -> Result<Self::Out, TrapCode> {
                Ok($body)
            }
        })*
    };
    (@is slow) => { true };
    (@is) => { false };
}

macro_rules! operations {
    ($($name:ident)*) => {
        $(#[doc = concat!("The operation `", stringify!($name), "`; see the opcode table.")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name<W>(PhantomData<W>);)*
    };
}
operations! { Swizzle Shuffle8 Shuffle32 FromParts Part FromLimbs }

whole! {
    Swizzle slow [const P: usize] for WideVector<P>:
    ((a, b): (WideVector<P>, WideVector<P>)) [(): ()] => WideVector<P>, {
        let lanes = bytes(a);
        each_byte(b, |lane| lanes.as_flattened().get(usize::from(lane)).copied().unwrap_or(0))
    };

    Shuffle8 slow [const P: usize] for WideVector<P>:
    ((a, b, lanes): (WideVector<P>, WideVector<P>, WideVector<P>)) [(): ()] => WideVector<P>, {
        let both = [bytes(a), bytes(b)];
        each_byte(lanes, |lane| both.as_flattened().as_flattened()[usize::from(lane) % (32 * P)])
    };

    Shuffle32 slow [const P: usize] for WideVector<P>:
    ((a, b, lanes): (WideVector<P>, WideVector<P>, WideVector<P>)) [(): ()] => WideVector<P>, {
        let both = [words(a), words(b)];
        let word = |lane: u32| both.as_flattened().as_flattened()[lane as usize % (8 * P)];
        let lanes = words(lanes);
        WideVector(of_parts!(P, i => lanes[i].map(word).into()))
    };

    FromParts [W: Halves] for W: ((low, high): (W::Half, W::Half)) [(): ()] => W, W::from_halves(low, high);

    Part [W: Halves] for W: ((a,): (W,)) [half: Lane<2>] => W::Half, a.half(half.index());

    FromLimbs [] for V256: (limbs: [u64; 4]) [(): ()] => V256, from_limbs(&limbs);
    FromLimbs [] for V512: (limbs: [u64; 8]) [(): ()] => V512, from_limbs(&limbs);
}

/// A vector and its halves.
pub trait Halves: Operand {
    /// One of them.
    type Half: Operand;
    /// The vector of both, the lower one first.
    fn from_halves(low: Self::Half, high: Self::Half) -> Self;
    /// The half of that number.
    fn half(self, half: usize) -> Self::Half;
}

impl Halves for V256 {
    type Half = V128;
    #[inline(always)]
    fn from_halves(low: V128, high: V128) -> V256 {
        WideVector([low, high])
    }
    #[inline(always)]
    fn half(self, half: usize) -> V128 {
        self.0[half]
    }
}

impl Halves for V512 {
    type Half = V256;
    #[inline(always)]
    fn from_halves(low: V256, high: V256) -> V512 {
        WideVector([low.0[0], low.0[1], high.0[0], high.0[1]])
    }
    #[inline(always)]
    fn half(self, half: usize) -> V256 {
        WideVector([self.0[2 * half], self.0[2 * half + 1]])
    }
}

#[inline(always)]
fn from_limbs<const P: usize>(limbs: &[u64]) -> WideVector<P> {
    WideVector(of_parts!(P, i => [limbs[2 * i], limbs[2 * i + 1]].into()))
}

#[inline(always)]
fn bytes<const P: usize>(vector: WideVector<P>) -> [[u8; 16]; P] {
    of_parts!(P, i => vector.0[i].0)
}

#[inline(always)]
fn words<const P: usize>(vector: WideVector<P>) -> [[u32; 4]; P] {
    of_parts!(P, i => vector.0[i].into())
}

/// Applies a function to each byte.
#[inline(always)]
fn each_byte<const P: usize>(a: WideVector<P>, f: impl Fn(u8) -> u8) -> WideVector<P> {
    WideVector(of_parts!(P, i => V128(a.0[i].0.map(&f))))
}
