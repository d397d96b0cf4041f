//! What instructions on wide integers compute.
//!
//! Every operation of the groups `wide` and `pair` is a type here that implements [`Pure`](super::Pure) for
//! every [`Word`]; so do [`Load`], [`Store`] and their big-endian forms for [`LoadOp`](super::LoadOp) and
//! [`StoreOp`](super::StoreOp). Words are unsigned integers of [`ruint`], which operations on signed ones are
//! made of.

mod arithmetic;
mod bits;
mod compare;
mod convert;
mod memory;
mod modular;
mod pairs;
mod reciprocal;
mod word;

pub use arithmetic::*;
pub use bits::*;
pub use compare::*;
pub use convert::*;
pub use memory::*;
pub use modular::*;
pub use pairs::*;
pub use ruint::Uint;
pub use ruint::aliases::{U64, U128, U256, U512};
pub use word::{Word, divide_limbs};

/// Declares operations on words of any width `W`: `"documentation" Name: (operands) [immediate] => results,
/// meaning;`, the part in brackets where there is one. After `slow`, for those that take long, traps may
/// follow; then the meaning is a `Result`.
macro_rules! words {
    ($($name:ident $(slow $([$($trap:ident)+])?)?: ($($arg:ident: $ty:ty),*) $([$imm:ident: $imm_ty:ty])? => $out:ty, $body:expr;)*) => {
        $(
            #[doc = concat!("The operation `", stringify!($name), "`; see the opcode table.")]
            #[derive(Clone, Copy, Debug)]
            pub struct $name<W>(std::marker::PhantomData<W>);
            words! { @impl $name ($($ty,)*) ($($arg,)*) ($($imm: $imm_ty)?) ($out) ($body) $(slow $([$($trap)+])?)? }
        )*
    };
    (@impl $name:ident $args:tt $names:tt $imm:tt $out:tt $body:tt) => {
        words! { @impl $name $args $names $imm $out $body false [] Ok }
    };
    (@impl $name:ident $args:tt $names:tt $imm:tt $out:tt $body:tt slow) => {
        words! { @impl $name $args $names $imm $out $body true [] Ok }
    };
    (@impl $name:ident $args:tt $names:tt $imm:tt $out:tt $body:tt slow [$($trap:ident)+]) => {
        words! { @impl $name $args $names $imm $out $body true [$($trap)+] std::convert::identity }
    };
    (@impl $name:ident $args:tt $names:tt ($($imm:ident: $imm_ty:ty)?) ($out:ty) ($body:expr) $slow:literal [$($trap:ident)*] $wrap:path) => {
        impl<W: $crate::semantics::wide::Word> $crate::semantics::Pure for $name<W> {
            type Args = $args;
            type Imm = words!(@imm $($imm_ty)?);
            type Out = $out;
            const TRAPS: &'static [$crate::TrapCode] = &[$($crate::TrapCode::$trap),*];
            const SLOW: bool = $slow;
            #[inline(always)]
            fn eval($names: Self::Args, imm: Self::Imm) -> Result<$out, $crate::TrapCode> {
                $(let $imm = imm;)?
                let _ = imm;
                $wrap($body)
            }
        }
    };
    (@imm $ty:ty) => { $ty };
    (@imm) => { () };
}
use words;
