//! Loads, stores and gathers of wide vectors.

use std::marker::PhantomData;

use super::{Each, WideVector, of_parts};
use crate::semantics::{LoadOp, Operand, StoreOp, V128};

/// Each part is loaded from behind the one below it.
impl<O: LoadOp<Out = V128>, const P: usize> LoadOp for Each<O, WideVector<P>> {
    type Bytes = [O::Bytes; P];
    type Out = WideVector<P>;
    const WIDTH: usize = O::WIDTH * P;
    #[inline(always)]
    fn value(bytes: [O::Bytes; P]) -> WideVector<P> {
        WideVector(of_parts!(P, i => O::value(bytes[i])))
    }
}

/// What is loaded is every part.
#[derive(Clone, Copy, Debug)]
pub struct Same<O, W>(PhantomData<(O, W)>);

impl<O: LoadOp<Out = V128>, const P: usize> LoadOp for Same<O, WideVector<P>> {
    type Bytes = O::Bytes;
    type Out = WideVector<P>;
    const WIDTH: usize = O::WIDTH;
    #[inline(always)]
    fn value(bytes: O::Bytes) -> WideVector<P> {
        WideVector([O::value(bytes); P])
    }
}

impl<O: StoreOp<In = V128, Bytes: Default>, const P: usize> StoreOp for Each<O, WideVector<P>> {
    type Bytes = [O::Bytes; P];
    type In = WideVector<P>;
    const WIDTH: usize = O::WIDTH * P;
    #[inline(always)]
    fn bytes(value: WideVector<P>) -> [O::Bytes; P] {
        of_parts!(P, i => O::bytes(value.0[i]))
    }
}

/// A load of lanes from where the lanes of a vector say.
pub trait GatherOp {
    /// The type of both vectors.
    type Vector: Operand;
    /// The bytes of a lane.
    type Bytes: Copy;
    /// The lanes that `load` loads from the offsets, in bytes, that `lanes` says; nothing where one of them is
    /// not within the first `len` bytes.
    fn gather(
        lanes: Self::Vector,
        len: usize,
        load: impl Fn(usize) -> Self::Bytes,
    ) -> Option<Self::Vector>;
}

macro_rules! gathers {
    ($($name:ident: $lane:ty, $n:literal;)*) => {
        $(#[doc = concat!("The operation `", stringify!($name), "`; see the opcode table.")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name<W>(PhantomData<W>);

        impl<const P: usize> GatherOp for $name<WideVector<P>> {
            type Vector = WideVector<P>;
            type Bytes = [u8; size_of::<$lane>()];
            #[inline(always)]
            fn gather(
                lanes: WideVector<P>,
                len: usize,
                load: impl Fn(usize) -> Self::Bytes,
            ) -> Option<WideVector<P>> {
                let lanes: [[$lane; $n]; P] = of_parts!(P, i => lanes.0[i].into());
                let count = len / size_of::<$lane>();
                let inside = |&lane: &$lane| (lane as usize) < count;
                lanes.as_flattened().iter().all(inside).then(|| {
                    let value = |lane| load(lane as usize * size_of::<$lane>());
                    WideVector(of_parts!(P, i => {
                        lanes[i].map(|lane| <$lane>::from_le_bytes(value(lane))).into()
                    }))
                })
            }
        })*
    };
}
gathers! { Gather32: u32, 4; Gather64: u64, 2; }
