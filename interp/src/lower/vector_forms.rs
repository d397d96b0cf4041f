//! Choosing handlers of vector instructions.

use dotvm_isa::Op;
use dotvm_isa::semantics::{self as sem, LaneLoad, LaneStore, LoadOp, StoreOp, V128, Vector};

use super::select::Pair;
use crate::handlers::vector::{
    ConstLast, Far, FromVector, GetAll, GetImm, LoadIntoLane, LoadVector, Near, Slots, StoreLane,
    StoreVector, ToVector,
};
use crate::handlers::{Acc, S10, ToAcc, ToSlot};
use crate::machine::{Handler, vector_handler};

/// Where the address of an access is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Address {
    /// In the accumulator; it is one of 32 bits in memory 0.
    Acc,
    /// In a slot; it is one of 32 bits in memory 0.
    Slot,
    /// In a slot, whatever memory it is one of.
    Far,
}

/// The forms of a pure instruction.
#[derive(Clone, Copy)]
pub(super) enum Forms {
    /// The result is a vector.
    Vector {
        /// Every operand in slots.
        slots: Handler,
        /// The last operand in the instruction.
        constant_last: Handler,
    },
    /// The result is another value.
    Scalar(Pair),
}

/// A type of results.
pub(super) trait Outcome: sem::Operand {
    /// The forms of an instruction with such results.
    fn forms<O: Vector<Out = Self>>() -> Forms
    where
        O::Args: GetAll,
        O::Imm: GetImm;
}

impl Outcome for V128 {
    fn forms<O: Vector<Out = V128>>() -> Forms
    where
        O::Args: GetAll,
        O::Imm: GetImm,
    {
        Forms::Vector {
            slots: vector_handler::<ToVector<O, Slots>>(),
            constant_last: vector_handler::<ToVector<O, ConstLast>>(),
        }
    }
}

macro_rules! scalars {
    ($($ty:ty)*) => {
        $(impl Outcome for $ty {
            fn forms<O: Vector<Out = $ty>>() -> Forms
            where
                O::Args: GetAll,
                O::Imm: GetImm,
            {
                Forms::Scalar(Pair {
                    acc: vector_handler::<FromVector<O, ToAcc>>(),
                    slot: vector_handler::<FromVector<O, ToSlot>>(),
                })
            }
        })*
    };
}
scalars! { u32 u64 f32 f64 }

/// The forms of an instruction.
fn forms<O: Vector>() -> Forms
where
    O::Args: GetAll,
    O::Imm: GetImm,
    O::Out: Outcome,
{
    O::Out::forms::<O>()
}

fn load_of<O: LoadOp<Out = V128>>(at: Address) -> Handler {
    match at {
        Address::Acc => vector_handler::<LoadVector<O, Near<Acc>>>(),
        Address::Slot => vector_handler::<LoadVector<O, Near<S10>>>(),
        Address::Far => vector_handler::<LoadVector<O, Far>>(),
    }
}

fn store_of<O: StoreOp<In = V128>>(at: Address) -> Handler {
    match at {
        Address::Acc => vector_handler::<StoreVector<O, Near<Acc>>>(),
        Address::Slot => vector_handler::<StoreVector<O, Near<S10>>>(),
        Address::Far => vector_handler::<StoreVector<O, Far>>(),
    }
}

fn load_lane_of<O: LaneLoad>(at: Address) -> Handler {
    match at {
        Address::Acc => vector_handler::<LoadIntoLane<O, Near<Acc>>>(),
        Address::Slot => vector_handler::<LoadIntoLane<O, Near<S10>>>(),
        Address::Far => vector_handler::<LoadIntoLane<O, Far>>(),
    }
}

fn store_lane_of<O: LaneStore>(at: Address) -> Handler {
    match at {
        Address::Acc => vector_handler::<StoreLane<O, Near<Acc>>>(),
        Address::Slot => vector_handler::<StoreLane<O, Near<S10>>>(),
        Address::Far => vector_handler::<StoreLane<O, Far>>(),
    }
}

macro_rules! choose {
    (
        unary $unary:tt binary $binary:tt load $load:tt store $store:tt other $other:tt
        vector { $($v:ident $vm:literal $vc:literal $vi:tt $vcat:ident $va:ident $vf:literal $vs:tt $vd:literal;)* }
        vector_load { $($l:ident $lm:literal $lc:literal $li:tt $lcat:ident $la:ident $lf:literal $ls:tt $ld:literal;)* }
        vector_store { $($s:ident $sm:literal $sc:literal $si:tt $scat:ident $sa:ident $sf:literal $ss:tt $sd:literal;)* }
        lane_load { $($il:ident $ilm:literal $ilc:literal $ili:tt $ilcat:ident $ila:ident $ilf:literal $ils:tt $ild:literal;)* }
        lane_store { $($is:ident $ism:literal $isc:literal $isi:tt $iscat:ident $isa:ident $isf:literal $iss:tt $isd:literal;)* }
    ) => {
        /// A pure instruction.
        pub(super) fn vector(op: Op) -> Forms {
            #[cfg(dotvm_tail_dispatch)]
            if let Some(forms) = native(op) {
                return forms;
            }
            match op {
                $(Op::$v => forms::<sem::$v>(),)*
                _ => unreachable!("{op:?} is no pure vector instruction"),
            }
        }

        /// A load of a vector.
        pub(super) fn load_vector(op: Op, at: Address) -> Handler {
            match op {
                $(Op::$l => load_of::<sem::$l>(at),)*
                _ => unreachable!("{op:?} loads no vector"),
            }
        }

        /// A store of a vector.
        pub(super) fn store_vector(op: Op, at: Address) -> Handler {
            match op {
                $(Op::$s => store_of::<sem::$s>(at),)*
                _ => unreachable!("{op:?} stores no vector"),
            }
        }

        /// A load of a lane.
        pub(super) fn load_lane(op: Op, at: Address) -> Handler {
            match op {
                $(Op::$il => load_lane_of::<sem::$il>(at),)*
                _ => unreachable!("{op:?} loads no lane"),
            }
        }

        /// A store of a lane.
        pub(super) fn store_lane(op: Op, at: Address) -> Handler {
            match op {
                $(Op::$is => store_lane_of::<sem::$is>(at),)*
                _ => unreachable!("{op:?} stores no lane"),
            }
        }
    };
}
dotvm_isa::for_each_op!(choose);

/// The forms of an instruction by the processor's own, where it has what they need.
#[cfg(dotvm_tail_dispatch)]
fn native(op: Op) -> Option<Forms> {
    use crate::handlers::vector_x86 as x86;
    macro_rules! same_names {
        ($($name:ident)* ; $($other:ident = $same:ident)*) => {
            Some(match op {
                $(Op::$name => forms::<x86::$name>(),)*
                $(Op::$other => forms::<x86::$same>(),)*
                _ => return None,
            })
        };
    }
    if !crate::features::detected() {
        return None;
    }
    same_names! {
        I8x16Swizzle I8x16Shuffle I8x16Bitmask I16x8Bitmask I32x4Bitmask I64x2Bitmask I8x16AllTrue I16x8AllTrue
        I32x4AllTrue I64x2AllTrue I16x8Q15MulrSat I32x4TruncSatF32x4 I32x4TruncSatF32x4U I32x4TruncSatF64x2Zero
        I32x4TruncSatF64x2UZero F32x4Add F32x4Sub F32x4Mul F32x4Div F64x2Add F64x2Sub F64x2Mul F64x2Div
        F32x4RelaxedMadd F32x4RelaxedNmadd F64x2RelaxedMadd F64x2RelaxedNmadd;
        I8x16RelaxedSwizzle = I8x16Swizzle
        I16x8RelaxedQ15Mulr = I16x8Q15MulrSat
        I32x4RelaxedTruncF32x4 = I32x4TruncSatF32x4
        I32x4RelaxedTruncF32x4U = I32x4TruncSatF32x4U
        I32x4RelaxedTruncF64x2Zero = I32x4TruncSatF64x2Zero
        I32x4RelaxedTruncF64x2UZero = I32x4TruncSatF64x2UZero
    }
}
