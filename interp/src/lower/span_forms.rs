//! Choosing handlers of instructions on values of several slots.

use dotvm_isa::Op;
use dotvm_isa::semantics::wide_vector::{self, GatherOp, WideVector};
use dotvm_isa::semantics::{
    self as sem, LaneLoad, LaneStore, LoadOp, Results, StoreOp, V128, wide,
};

use super::select::Pair;
use crate::handlers::spans::{
    Bytes, ConstLast, Constant, CopySlots, Far, Form, Handled, LoadGathered, LoadIntoLane,
    LoadSpan, Near, PureToSlots, PureToValue, SelectSlots, Slots, Span, StoreLane, StoreSpan,
};
use crate::handlers::{Acc, S10, ToAcc, ToSlot};
use crate::machine::{Handler, handler, vector_handler};

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

/// A pure instruction with operands in slots, the last one perhaps in the instruction.
#[derive(Clone, Copy)]
pub(super) enum PureForm {
    /// The results go to slots.
    Slots(Handler),
    /// The result has one slot.
    Value(Pair),
}

/// Types of results, one or two.
pub(super) trait Outcome: Results {
    /// The form of an instruction with such results.
    fn form<O: Handled<Out = Self>, F: Form>() -> PureForm;
}

macro_rules! to_slots {
    ($(($($generics:tt)*) $ty:ty;)*) => {
        $(impl<$($generics)*> Outcome for $ty {
            fn form<O: Handled<Out = Self>, F: Form>() -> PureForm {
                PureForm::Slots(vector_handler::<PureToSlots<O, F>>())
            }
        })*
    };
}
to_slots! {
    () V128;
    (const PARTS: usize) WideVector<PARTS>;
    (const BITS: usize, const LIMBS: usize) wide::Uint<BITS, LIMBS>;
    (const BITS: usize, const LIMBS: usize) (wide::Uint<BITS, LIMBS>, u32);
    (const BITS: usize, const LIMBS: usize) (wide::Uint<BITS, LIMBS>, wide::Uint<BITS, LIMBS>);
}

macro_rules! to_value {
    ($($ty:ty)*) => {
        $(impl Outcome for $ty {
            fn form<O: Handled<Out = Self>, F: Form>() -> PureForm {
                PureForm::Value(Pair {
                    acc: vector_handler::<PureToValue<O, F, ToAcc>>(),
                    slot: vector_handler::<PureToValue<O, F, ToSlot>>(),
                })
            }
        })*
    };
}
to_value! { u32 u64 f32 f64 }

fn form<O: Handled<Out: Outcome>>(constant_last: bool) -> PureForm {
    match constant_last {
        true => O::Out::form::<O, ConstLast>(),
        false => O::Out::form::<O, Slots>(),
    }
}

fn load_of<O: LoadOp<Out: Span, Bytes: Bytes>>(at: Address) -> Handler {
    match at {
        Address::Acc => vector_handler::<LoadSpan<O, Near<Acc>>>(),
        Address::Slot => vector_handler::<LoadSpan<O, Near<S10>>>(),
        Address::Far => vector_handler::<LoadSpan<O, Far>>(),
    }
}

fn store_of<O: StoreOp<In: Span, Bytes: Bytes>>(at: Address) -> Handler {
    match at {
        Address::Acc => vector_handler::<StoreSpan<O, Near<Acc>>>(),
        Address::Slot => vector_handler::<StoreSpan<O, Near<S10>>>(),
        Address::Far => vector_handler::<StoreSpan<O, Far>>(),
    }
}

fn gather_of<O: GatherOp<Vector: Span>>(at: Address) -> Handler {
    match at {
        Address::Acc => vector_handler::<LoadGathered<O, Near<Acc>>>(),
        Address::Slot => vector_handler::<LoadGathered<O, Near<S10>>>(),
        Address::Far => vector_handler::<LoadGathered<O, Far>>(),
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
        wide { $($w:ident $wk:ident $wu:ident $wm:literal $wc:literal $wi:tt $wcat:ident $wa:ident $wf:literal $ws:tt $wd:literal;)* }
        pair { $($p:ident $pk:ident $pu:ident $pm:literal $pc:literal $pi:tt $pcat:ident $pa:ident $pf:literal $ps:tt $pd:literal;)* }
        wide_load { $($wl:ident $wlk:ident $wlu:ident $wlm:literal $wlc:literal $wli:tt $wlcat:ident $wla:ident $wlf:literal $wls:tt $wld:literal;)* }
        wide_store { $($wt:ident $wtk:ident $wtu:ident $wtm:literal $wtc:literal $wti:tt $wtcat:ident $wta:ident $wtf:literal $wts:tt $wtd:literal;)* }
        parts { $($e:ident $ew:ident $ek:ident $eu:ident $em:literal $ec:literal $ei:tt $ecat:ident $ea:ident $ef:literal $es:tt $ed:literal;)* }
        whole { $($h:ident $hk:ident $hu:ident $hm:literal $hc:literal $hi:tt $hcat:ident $ha:ident $hf:literal $hs:tt $hd:literal;)* }
        parts_load { $($el:ident $elw:ident $elk:ident $elu:ident $elm:literal $elc:literal $eli:tt $elcat:ident $ela:ident $elf:literal $els:tt $eld:literal;)* }
        parts_store { $($et:ident $etw:ident $etk:ident $etu:ident $etm:literal $etc:literal $eti:tt $etcat:ident $eta:ident $etf:literal $ets:tt $etd:literal;)* }
        gather { $($g:ident $gk:ident $gu:ident $gm:literal $gc:literal $gi:tt $gcat:ident $ga:ident $gf:literal $gs:tt $gd:literal;)* }
        $($rest:tt)*
    ) => {
        /// A pure instruction.
        pub(super) fn pure(op: Op, constant_last: bool) -> PureForm {
            #[cfg(dotvm_tail_dispatch)]
            if crate::features::detected() {
                return match op {
                    $(Op::$v => form::<native::$v>(constant_last),)*
                    $(Op::$e => form::<wide_vector::$ew<native::$ek, wide_vector::$eu>>(constant_last),)*
                    _ => portable(op, constant_last),
                };
            }
            portable(op, constant_last)
        }

        /// A pure instruction, by handlers for any processor.
        fn portable(op: Op, constant_last: bool) -> PureForm {
            match op {
                $(Op::$v => form::<sem::$v>(constant_last),)*
                $(Op::$e => form::<wide_vector::$ew<sem::$ek, wide_vector::$eu>>(constant_last),)*
                $(Op::$h => form::<wide_vector::$hk<wide_vector::$hu>>(constant_last),)*
                $(Op::$w => form::<wide::$wk<wide::$wu>>(constant_last),)*
                $(Op::$p => form::<wide::$pk<wide::$pu>>(constant_last),)*
                _ => unreachable!("{op:?} is of another group"),
            }
        }

        /// A load of a vector or a wide integer.
        pub(super) fn load(op: Op, at: Address) -> Handler {
            match op {
                $(Op::$l => load_of::<sem::$l>(at),)*
                $(Op::$wl => load_of::<wide::$wlk<wide::$wlu>>(at),)*
                $(Op::$el => load_of::<wide_vector::$elw<sem::$elk, wide_vector::$elu>>(at),)*
                _ => unreachable!("{op:?} is no load of several slots"),
            }
        }

        /// A store of a vector or a wide integer.
        pub(super) fn store(op: Op, at: Address) -> Handler {
            match op {
                $(Op::$s => store_of::<sem::$s>(at),)*
                $(Op::$wt => store_of::<wide::$wtk<wide::$wtu>>(at),)*
                $(Op::$et => store_of::<wide_vector::$etw<sem::$etk, wide_vector::$etu>>(at),)*
                _ => unreachable!("{op:?} is no store of several slots"),
            }
        }

        /// A load of a lane, or of lanes from where a vector says.
        pub(super) fn load_lane(op: Op, at: Address) -> Handler {
            match op {
                $(Op::$il => load_lane_of::<sem::$il>(at),)*
                $(Op::$g => gather_of::<wide_vector::$gk<wide_vector::$gu>>(at),)*
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

/// Defines choices by the number of slots of a value, which is one of those that types have.
macro_rules! by_slots {
    ($($(#[$doc:meta])* $name:ident $handler:ident;)*) => {
        $($(#[$doc])*
        pub(super) fn $name(slots: u32) -> Handler {
            match slots {
                2 => handler::<$handler<2>>(),
                4 => handler::<$handler<4>>(),
                _ => handler::<$handler<8>>(),
            }
        })*
    };
}
by_slots! {
    /// Puts a constant into slots.
    constant Constant;
    /// Copies a value.
    copy CopySlots;
    /// Copies one of two values.
    select SelectSlots;
}

/// The semantics, with the processor's own instructions in place of those that have such a form.
#[cfg(dotvm_tail_dispatch)]
mod native {
    pub(super) use dotvm_isa::semantics::*;

    pub(super) use crate::handlers::vector_x86::{
        F32x4Add, F32x4Div, F32x4Mul, F32x4RelaxedMadd, F32x4RelaxedNmadd, F32x4Sub, F64x2Add,
        F64x2Div, F64x2Mul, F64x2RelaxedMadd, F64x2RelaxedNmadd, F64x2Sub, I8x16AllTrue,
        I8x16Bitmask, I8x16Shuffle, I8x16Swizzle, I8x16Swizzle as I8x16RelaxedSwizzle,
        I16x8AllTrue, I16x8Bitmask, I16x8Q15MulrSat, I16x8Q15MulrSat as I16x8RelaxedQ15Mulr,
        I32x4AllTrue, I32x4Bitmask, I32x4TruncSatF32x4,
        I32x4TruncSatF32x4 as I32x4RelaxedTruncF32x4, I32x4TruncSatF32x4U,
        I32x4TruncSatF32x4U as I32x4RelaxedTruncF32x4U, I32x4TruncSatF64x2UZero,
        I32x4TruncSatF64x2UZero as I32x4RelaxedTruncF64x2UZero, I32x4TruncSatF64x2Zero,
        I32x4TruncSatF64x2Zero as I32x4RelaxedTruncF64x2Zero, I64x2AllTrue, I64x2Bitmask,
    };
}
