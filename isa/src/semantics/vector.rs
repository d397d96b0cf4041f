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

use super::SlotValue;
use crate::ops::{Imm, Op};
use crate::types::ValType;

/// A vector of 128 bits, as its bytes in memory: lane 0 first, each lane little-endian.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(transparent)]
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
fn array_of<R: Copy + Default, const N: usize>(f: impl Fn(usize) -> R) -> [R; N] {
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

/// A value that is an operand or a result, and how it is kept in 128 bits. Upper bits of narrower ones
/// are zero.
pub trait Operand: Copy {
    /// Its type.
    const TYPE: ValType;
    /// Its bits.
    fn to_bits(self) -> u128;
    /// The value of these bits; upper ones of narrower values are ignored.
    fn from_bits(bits: u128) -> Self;
}

macro_rules! operands {
    ($($ty:ty: $val:ident;)*) => {
        $(impl Operand for $ty {
            const TYPE: ValType = ValType::$val;
            #[inline(always)]
            fn to_bits(self) -> u128 {
                u128::from(self.to_slot())
            }
            #[inline(always)]
            fn from_bits(bits: u128) -> $ty {
                <$ty>::from_slot(bits as u64)
            }
        })*
    };
}
operands! { u32: I32; u64: I64; f32: F32; f64: F64; }

impl Operand for V128 {
    const TYPE: ValType = ValType::V128;
    #[inline(always)]
    fn to_bits(self) -> u128 {
        self.into()
    }
    #[inline(always)]
    fn from_bits(bits: u128) -> V128 {
        bits.into()
    }
}

/// The operands of an instruction.
pub trait Operands: Copy {
    /// Their types.
    const TYPES: &'static [ValType];
    /// The operands of these bits; there are as many as types.
    fn from_bits(bits: &[u128]) -> Self;
}

macro_rules! tuples {
    ($($name:ident $at:literal)*) => {
        impl<$($name: Operand),*> Operands for ($($name,)*) {
            const TYPES: &'static [ValType] = &[$($name::TYPE),*];
            fn from_bits(bits: &[u128]) -> Self {
                ($($name::from_bits(bits[$at]),)*)
            }
        }
    };
}
tuples! { A 0 }
tuples! { A 0 B 1 }
tuples! { A 0 B 1 C 2 }

/// The immediates of an instruction.
pub trait Immediates: Copy {
    /// What they are in the table.
    const IMMS: &'static [Imm];
    /// The immediates as [`Instr`](crate::Instr) has them.
    fn from_instr(a: u64, b: u64) -> Self;
}

impl Immediates for () {
    const IMMS: &'static [Imm] = &[];
    fn from_instr(_: u64, _: u64) {}
}

/// The number of one of `N` lanes.
#[derive(Clone, Copy, Debug)]
pub struct Lane<const N: usize>(pub u8);

impl<const N: usize> Lane<N> {
    /// The number as an index.
    #[inline(always)]
    fn index(self) -> usize {
        // The verifier has seen to it; this tells the compiler.
        usize::from(self.0) % N
    }
}

impl<const N: usize> Immediates for Lane<N> {
    const IMMS: &'static [Imm] = match N {
        2 => &[Imm::Lane2],
        4 => &[Imm::Lane4],
        8 => &[Imm::Lane8],
        _ => &[Imm::Lane16],
    };
    #[inline(always)]
    fn from_instr(a: u64, _: u64) -> Lane<N> {
        Lane(a as u8)
    }
}

/// Sixteen numbers of bytes.
#[derive(Clone, Copy, Debug)]
pub struct ByteLanes(pub [u8; 16]);

impl Immediates for ByteLanes {
    const IMMS: &'static [Imm] = &[Imm::Lanes];
    #[inline(always)]
    fn from_instr(a: u64, b: u64) -> ByteLanes {
        ByteLanes((u128::from(a) | u128::from(b) << 64).to_le_bytes())
    }
}

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

macro_rules! eval {
    (
        unary $unary:tt binary $binary:tt load $load:tt store $store:tt other $other:tt
        vector { $($v:ident $vm:literal $vc:literal [$($vi:ident)*] $vcat:ident $va:ident $vf:literal ($($vp:ident)* -> $vr:ident) $vd:literal;)* }
        $($rest:tt)*
    ) => {
        /// Computes an instruction of the group `vector` on operands and immediates as
        /// [`Operand::from_bits`] and [`Instr`](crate::Instr) have them; `None` where `op` is of another
        /// group.
        pub fn eval_vector(op: Op, args: &[u128], a: u64, b: u64) -> Option<u128> {
            fn on_bits<O: Vector>(args: &[u128], a: u64, b: u64) -> u128 {
                O::eval(O::Args::from_bits(args), O::Imm::from_instr(a, b)).to_bits()
            }
            Some(match op {
                $(Op::$v => on_bits::<$v>(args, a, b),)*
                _ => return None,
            })
        }

        #[cfg(test)]
        mod types_agree_with_the_table {
            use super::*;

            #[test]
            fn of_every_vector_instruction() {
                $(
                    assert_eq!(<$v as Vector>::Args::TYPES, [$(ValType::$vp),*], $vm);
                    assert_eq!(<$v as Vector>::Imm::IMMS, [$(Imm::$vi),*], $vm);
                    assert_eq!(<$v as Vector>::Out::TYPE, ValType::$vr, $vm);
                )*
            }
        }
    };
}
crate::for_each_op!(eval);
