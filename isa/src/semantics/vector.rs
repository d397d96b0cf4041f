//! What instructions of vectors compute.
//!
//! Every instruction of the group `vector` is a type here, of the same name, that implements
//! [`Vector`]. Meanings are written lane by lane over arrays, in the way that optimizing compilers
//! turn into the processor's own vector instructions. Vector loads and stores are [`LoadOp`]s and
//! [`StoreOp`]s; those of one lane are [`LaneLoad`]s and [`LaneStore`]s.
//!
//! [`LoadOp`]: super::LoadOp
//! [`StoreOp`]: super::StoreOp

mod floats;
mod ints;
mod lanes;
mod memory;

pub use floats::*;
pub use ints::*;
pub use lanes::*;
pub use memory::*;

use super::{ByteLanes, Immediates, Lane, Operand, Operands};

/// A vector of 128 bits, as its bytes in memory: lane 0 first, each lane little-endian.
///
/// Aligned as the processor's are: otherwise its bytes would lie around those of a trap in the result of an
/// operation, and would go piece by piece.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(C, align(16))]
pub struct V128(pub [u8; 16]);

impl From<u128> for V128 {
    #[inline(always)]
    fn from(bits: u128) -> V128 {
        V128(bits.to_le_bytes())
    }
}

impl From<V128> for u128 {
    #[inline(always)]
    fn from(vector: V128) -> u128 {
        u128::from_le_bytes(vector.0)
    }
}

macro_rules! shapes {
    ($($lane:ty, $count:literal;)*) => {
        $(impl From<V128> for [$lane; $count] {
            #[inline(always)]
            fn from(vector: V128) -> [$lane; $count] {
                let (lanes, _) = vector.0.as_chunks();
                array_of(|i| <$lane>::from_le_bytes(lanes[i]))
            }
        }

        impl From<[$lane; $count]> for V128 {
            #[inline(always)]
            fn from(lanes: [$lane; $count]) -> V128 {
                let mut bytes = [0; 16];
                for (chunk, lane) in bytes.as_chunks_mut().0.iter_mut().zip(lanes) {
                    *chunk = lane.to_le_bytes();
                }
                V128(bytes)
            }
        })*
    };
}

shapes! {
    u8, 16; i8, 16;
    u16, 8; i16, 8;
    u32, 4; i32, 4; f32, 4;
    u64, 2; i64, 2; f64, 2;
}

/// The array of a function's values. Other than [`std::array::from_fn`], it is inlined however a build
/// divides crates into codegen units: a handler of the interpreter that called something would take
/// part of the native stack.
#[inline(always)]
pub(super) fn array_of<R: Copy + Default, const N: usize>(f: impl Fn(usize) -> R) -> [R; N] {
    let mut array = [R::default(); N];
    for (i, value) in array.iter_mut().enumerate() {
        *value = f(i);
    }
    array
}

/// Applies a function to each lane.
#[inline(always)]
fn map<T: Copy, R: Copy + Default, const N: usize>(a: V128, f: impl Fn(T) -> R) -> V128
where
    [T; N]: From<V128>,
    V128: From<[R; N]>,
{
    let a = <[T; N]>::from(a);
    array_of(|i| f(a[i])).into()
}

/// Applies a function to each pair of lanes.
#[inline(always)]
fn zip<T: Copy, R: Copy + Default, const N: usize>(a: V128, b: V128, f: impl Fn(T, T) -> R) -> V128
where
    [T; N]: From<V128>,
    V128: From<[R; N]>,
{
    let (a, b) = (<[T; N]>::from(a), <[T; N]>::from(b));
    array_of(|i| f(a[i], b[i])).into()
}

/// All bits of a lane, or none.
macro_rules! mask {
    ($bits:ty, $condition:expr) => {
        if $condition { <$bits>::MAX } else { 0 }
    };
}
use mask;

/// A vector with another lane in one place. Places are known at run time only: no processor has an
/// instruction for that, but all have masks.
macro_rules! with_lane {
    ($lane:ty, $n:literal, $vector:expr, $value:expr, $at:expr) => {{
        let lanes = <[$lane; $n]>::from($vector);
        let (values, at) = ([$value; $n], [$at.index() as $lane; $n]);
        V128::from(array_of::<$lane, $n>(|i| {
            let mask = mask!($lane, i as $lane == at[i]);
            lanes[i] ^ (lanes[i] ^ values[i]) & mask
        }))
    }};
}
use with_lane;

/// An instruction of the group `vector`. None of them traps.
pub trait Vector {
    /// Its operands; integers are unsigned.
    type Args: Operands;
    /// Its immediates.
    type Imm: Immediates;
    /// Its result's type.
    type Out: Operand;
    /// Computes the result.
    fn eval(args: Self::Args, imm: Self::Imm) -> Self::Out;
}

/// Declares instructions: `Name: (operands) [immediate] => result, meaning;`, the part in brackets where
/// there is one.
macro_rules! vectors {
    ($($name:ident: ($($arg:ident: $ty:ty),*) $([$imm:ident: $imm_ty:ty])? => $out:ty, $body:expr;)*) => {
        $(#[doc = concat!("[`Op::", stringify!($name), "`](crate::Op::", stringify!($name), ")")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name;
        impl $crate::semantics::Vector for $name {
            type Args = ($($ty,)*);
            type Imm = vectors!(@imm $($imm_ty)?);
            type Out = $out;
            #[inline(always)]
            fn eval(($($arg,)*): Self::Args, imm: Self::Imm) -> $out {
                $(let $imm = imm;)?
                let _ = imm;
                $body
            }
        })*
    };
    (@imm $ty:ty) => { $ty };
    (@imm) => { () };
}
use vectors;
