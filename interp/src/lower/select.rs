//! Choosing handlers: from an instruction and where its operands are to the address of its code.

use dotvm_isa::Op;
use dotvm_isa::semantics::{self as sem, Binary, LoadOp, StoreOp, Unary};

use crate::handlers::control::{Backward, Direction, Forward, JumpCmp};
use crate::handlers::memory::{First, Load, LoadFar, Numbered, Store, StoreFar};
use crate::handlers::numeric::{Bin, Un};
use crate::handlers::{Acc, Get, High, S8, S10, S12, S16, Stepped, Sum, Value, Wide, Zero};
use crate::machine::{Handler, handler};

/// Where an operand is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    Acc,
    Slot,
    Const,
}

/// The two forms of an instruction that has a result.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    /// The result goes to an accumulator only.
    pub(super) acc: Handler,
    /// The result goes to an accumulator and the slot at byte 8.
    pub(super) slot: Handler,
}

macro_rules! pair {
    ($kind:ident<$($arg:ty),*>) => {
        $crate::lower::select::Pair {
            acc: $crate::machine::handler::<$kind<$($arg,)* $crate::handlers::ToAcc>>(),
            slot: $crate::machine::handler::<$kind<$($arg,)* $crate::handlers::ToSlot>>(),
        }
    };
}
pub(super) use pair;

fn unary_of<O: Unary>(a: Place) -> Option<Pair>
where
    O::In: Value,
    O::Out: Value,
{
    match a {
        Place::Acc => Some(pair!(Un<O, Acc>)),
        Place::Slot => Some(pair!(Un<O, S10>)),
        Place::Const => None,
    }
}

fn binary_of<O: Binary>(a: Place, b: Place) -> Option<Pair>
where
    O::In: Value,
    O::Out: Value,
{
    type Const<O> = <<O as Binary>::In as Value>::Const;
    Some(match (a, b) {
        (Place::Acc, Place::Slot) => pair!(Bin<O, Acc, S10>),
        (Place::Slot, Place::Acc) => pair!(Bin<O, S10, Acc>),
        (Place::Slot, Place::Slot) => pair!(Bin<O, S10, S12>),
        (Place::Acc, Place::Const) => pair!(Bin<O, Acc, Const<O>>),
        (Place::Slot, Place::Const) => pair!(Bin<O, S10, Const<O>>),
        (Place::Const, Place::Acc) => pair!(Bin<O, Const<O>, Acc>),
        (Place::Const, Place::Slot) => pair!(Bin<O, Const<O>, S10>),
        (Place::Acc, Place::Acc) | (Place::Const, Place::Const) => return None,
    })
}

fn load_of<O: LoadOp>(a: Place) -> Pair
where
    O::Out: Value,
{
    match a {
        Place::Acc => pair!(Load<O, Acc>),
        Place::Slot => pair!(Load<O, S10>),
        Place::Const => pair!(Load<O, Zero>),
    }
}

fn load_sum_of<O: LoadOp>(a: Place, b: Place) -> Option<Pair>
where
    O::Out: Value,
{
    Some(match (a, b) {
        (Place::Acc, Place::Slot) => pair!(Load<O, Sum<Acc, S16>>),
        (Place::Slot, Place::Slot) => pair!(Load<O, Sum<S10, S16>>),
        (Place::Acc, Place::Const) => pair!(Load<O, Sum<Acc, Wide>>),
        (Place::Slot, Place::Const) => pair!(Load<O, Sum<S10, Wide>>),
        _ => return None,
    })
}

fn load_far_of<O: LoadOp>(numbered: bool, a: Place) -> Pair
where
    O::Out: Value,
{
    match (numbered, a) {
        (false, Place::Acc) => pair!(LoadFar<O, First, Acc>),
        (false, _) => pair!(LoadFar<O, First, S10>),
        (true, Place::Acc) => pair!(LoadFar<O, Numbered, Acc>),
        (true, _) => pair!(LoadFar<O, Numbered, S10>),
    }
}

fn store_far_of<O: StoreOp>(numbered: bool, a: Place) -> Handler
where
    O::In: Value,
{
    match (numbered, a) {
        (false, Place::Acc) => handler::<StoreFar<O, First, Acc>>(),
        (false, _) => handler::<StoreFar<O, First, S10>>(),
        (true, Place::Acc) => handler::<StoreFar<O, Numbered, Acc>>(),
        (true, _) => handler::<StoreFar<O, Numbered, S10>>(),
    }
}

fn store_sum_of<O: StoreOp>(a: Place, b: Place) -> Option<Handler>
where
    O::In: Value,
{
    Some(match (a, b) {
        (Place::Acc, Place::Slot) => handler::<Store<O, Sum<Acc, S16>, S8>>(),
        (Place::Slot, Place::Slot) => handler::<Store<O, Sum<S10, S16>, S8>>(),
        (Place::Acc, Place::Const) => handler::<Store<O, Sum<Acc, Wide>, S8>>(),
        (Place::Slot, Place::Const) => handler::<Store<O, Sum<S10, Wide>, S8>>(),
        _ => return None,
    })
}

fn store_of<O: StoreOp>(a: Place, value: Place) -> Handler
where
    O::In: Value,
{
    match (a, value) {
        (Place::Acc, Place::Acc) => handler::<Store<O, Acc, Acc>>(),
        (Place::Acc, Place::Slot) => handler::<Store<O, Acc, S8>>(),
        (Place::Acc, Place::Const) => handler::<Store<O, Acc, Wide>>(),
        (Place::Slot, Place::Acc) => handler::<Store<O, S10, Acc>>(),
        (Place::Slot, Place::Slot) => handler::<Store<O, S10, S8>>(),
        (Place::Slot, Place::Const) => handler::<Store<O, S10, Wide>>(),
        (Place::Const, Place::Acc) => handler::<Store<O, Zero, Acc>>(),
        (Place::Const, Place::Slot) => handler::<Store<O, Zero, S8>>(),
        (Place::Const, Place::Const) => handler::<Store<O, Zero, Wide>>(),
    }
}

fn jump_of<O: Binary>(a: Place, b: Place, when: bool, back: bool) -> Option<Handler>
where
    O::In: Value,
    O::Out: Into<u64>,
    Wide: Get<O::In>,
{
    fn directed<O: Binary, A: Get<O::In>, B: Get<O::In>, D: Direction>(when: bool) -> Handler
    where
        O::Out: Into<u64>,
    {
        match when {
            true => handler::<JumpCmp<O, A, B, true, D>>(),
            false => handler::<JumpCmp<O, A, B, false, D>>(),
        }
    }
    fn placed<O: Binary, D: Direction>(a: Place, b: Place, when: bool) -> Option<Handler>
    where
        O::In: Value,
        O::Out: Into<u64>,
        Wide: Get<O::In>,
    {
        Some(match (a, b) {
            (Place::Acc, Place::Slot) => directed::<O, Acc, S10, D>(when),
            (Place::Slot, Place::Acc) => directed::<O, S10, Acc, D>(when),
            (Place::Slot, Place::Slot) => directed::<O, S10, S8, D>(when),
            (Place::Acc, Place::Const) => directed::<O, Acc, Wide, D>(when),
            (Place::Slot, Place::Const) => directed::<O, S10, Wide, D>(when),
            _ => return None,
        })
    }
    match back {
        true => placed::<O, Backward>(a, b, when),
        false => placed::<O, Forward>(a, b, when),
    }
}

fn step_jump_of<O: Binary<In = u32>>(b: Place, when: bool) -> Option<Handler>
where
    O::Out: Into<u64>,
{
    Some(match (b, when) {
        (Place::Slot, true) => handler::<JumpCmp<O, Stepped, S8, true, Backward>>(),
        (Place::Slot, false) => handler::<JumpCmp<O, Stepped, S8, false, Backward>>(),
        (Place::Const, true) => handler::<JumpCmp<O, Stepped, High, true, Backward>>(),
        (Place::Const, false) => handler::<JumpCmp<O, Stepped, High, false, Backward>>(),
        (Place::Acc, _) => return None,
    })
}

macro_rules! step_jump {
    (Comparison I32 $op:ident $b:ident $when:ident) => {
        step_jump_of::<sem::$op>($b, $when)
    };
    ($($other:tt)*) => {
        None
    };
}

/// Of the instructions whose result is an `i32` truth value or bit test, those that fuse with a jump.
macro_rules! jump {
    (Comparison I32 $op:ident $a:ident $b:ident $when:ident $back:ident) => {
        jump_of::<sem::$op>($a, $b, $when, $back)
    };
    (Logic I32 $op:ident $a:ident $b:ident $when:ident $back:ident) => {
        jump_of::<sem::$op>($a, $b, $when, $back)
    };
    ($($other:tt)*) => {
        None
    };
}

macro_rules! fuses {
    (Comparison I32) => {
        true
    };
    (Logic I32) => {
        true
    };
    ($($other:tt)*) => {
        false
    };
}

macro_rules! choose {
    (
        unary { $($u:ident $um:literal $uc:literal $ui:tt $ucat:ident $ua:ident $uf:literal $us:tt $ud:literal;)* }
        binary { $($b:ident $bm:literal $bc:literal $bi:tt $bcat:ident $ba:ident $bf:literal ($bp:ident $bq:ident -> $br:ident) $bd:literal;)* }
        load { $($l:ident $lm:literal $lc:literal $li:tt $lcat:ident $la:ident $lf:literal $ls:tt $ld:literal;)* }
        store { $($s:ident $sm:literal $sc:literal $si:tt $scat:ident $sa:ident $sf:literal $ss:tt $sd:literal;)* }
        $($rest:tt)*
    ) => {
        /// A unary instruction; `None` where it has no form for such an operand.
        pub(super) fn unary(op: Op, a: Place) -> Option<Pair> {
            match op {
                $(Op::$u => unary_of::<sem::$u>(a),)*
                _ => unreachable!("{op:?} is not unary"),
            }
        }

        /// A binary instruction; `None` where it has no form for such operands. One slot operand is
        /// named at byte 10, a second one at byte 12; a constant is at byte 12 or word 2.
        pub(super) fn binary(op: Op, a: Place, b: Place) -> Option<Pair> {
            match op {
                $(Op::$b => binary_of::<sem::$b>(a, b),)*
                _ => unreachable!("{op:?} is not binary"),
            }
        }

        /// Whether a binary instruction's operands may be exchanged.
        pub(super) fn commutes(op: Op) -> bool {
            match op {
                $(Op::$b => <sem::$b as Binary>::COMMUTES,)*
                _ => false,
            }
        }

        /// Whether an instruction fuses with a jump on its result.
        pub(super) fn fuses(op: Op) -> bool {
            match op {
                $(Op::$b => fuses!($bcat $br),)*
                _ => false,
            }
        }

        /// A binary instruction fused with a jump: one slot operand is named at byte 10, a second
        /// one at byte 8, a constant is word 2.
        pub(super) fn jump_cmp(op: Op, a: Place, b: Place, when: bool, back: bool) -> Option<Handler> {
            match op {
                $(Op::$b => jump!($bcat $br $b a b when back),)*
                _ => None,
            }
        }

        /// A comparison of a local, just stepped by a constant, fused with a jump back: the local is named
        /// at byte 10, the step is the lower half of word 2; the other operand is named at byte 8 or
        /// is the upper half of word 2.
        pub(super) fn step_jump(op: Op, b: Place, when: bool) -> Option<Handler> {
            match op {
                $(Op::$b => step_jump!($bcat $bp $b b when),)*
                _ => None,
            }
        }

        /// A load.
        pub(super) fn load(op: Op, a: Place) -> Pair {
            match op {
                $(Op::$l => load_of::<sem::$l>(a),)*
                _ => unreachable!("{op:?} is not a load"),
            }
        }

        /// A load from memory 0, or the one with a number, by an address of any width in the accumulator
        /// or a slot.
        pub(super) fn load_far(op: Op, numbered: bool, a: Place) -> Pair {
            match op {
                $(Op::$l => load_far_of::<sem::$l>(numbered, a),)*
                _ => unreachable!("{op:?} is not a load"),
            }
        }

        /// Such a store, of a value in a slot.
        pub(super) fn store_far(op: Op, numbered: bool, a: Place) -> Handler {
            match op {
                $(Op::$s => store_far_of::<sem::$s>(numbered, a),)*
                _ => unreachable!("{op:?} is not a store"),
            }
        }

        /// A load from the sum of two places, the second one's slot or constant in word 2.
        pub(super) fn load_sum(op: Op, a: Place, b: Place) -> Option<Pair> {
            match op {
                $(Op::$l => load_sum_of::<sem::$l>(a, b),)*
                _ => unreachable!("{op:?} is not a load"),
            }
        }

        /// A store of a slot to such a sum.
        pub(super) fn store_sum(op: Op, a: Place, b: Place) -> Option<Handler> {
            match op {
                $(Op::$s => store_sum_of::<sem::$s>(a, b),)*
                _ => unreachable!("{op:?} is not a store"),
            }
        }

        /// A store.
        pub(super) fn store(op: Op, a: Place, value: Place) -> Handler {
            match op {
                $(Op::$s => store_of::<sem::$s>(a, value),)*
                _ => unreachable!("{op:?} is not a store"),
            }
        }
    };
}
dotvm_isa::for_each_op!(choose);

/// The comparison with exchanged operands: `a op b` is `b mirrored(op) a`.
pub(super) fn mirrored(op: Op) -> Option<Op> {
    Some(match op {
        Op::I32Lt => Op::I32Gt,
        Op::I32LtU => Op::I32GtU,
        Op::I32Gt => Op::I32Lt,
        Op::I32GtU => Op::I32LtU,
        Op::I32Le => Op::I32Ge,
        Op::I32LeU => Op::I32GeU,
        Op::I32Ge => Op::I32Le,
        Op::I32GeU => Op::I32LeU,
        Op::I64Lt => Op::I64Gt,
        Op::I64LtU => Op::I64GtU,
        Op::I64Gt => Op::I64Lt,
        Op::I64GtU => Op::I64LtU,
        Op::I64Le => Op::I64Ge,
        Op::I64LeU => Op::I64GeU,
        Op::I64Ge => Op::I64Le,
        Op::I64GeU => Op::I64LeU,
        Op::F32Lt => Op::F32Gt,
        Op::F32Gt => Op::F32Lt,
        Op::F32Le => Op::F32Ge,
        Op::F32Ge => Op::F32Le,
        Op::F64Lt => Op::F64Gt,
        Op::F64Gt => Op::F64Lt,
        Op::F64Le => Op::F64Ge,
        Op::F64Ge => Op::F64Le,
        // Equality of floats commutes though their arithmetic is kept in order for NaNs.
        Op::F32Eq | Op::F32Ne | Op::F64Eq | Op::F64Ne => op,
        _ if commutes(op) => op,
        _ => return None,
    })
}

/// The integer comparison that is true when `op` is false.
pub(super) fn negated(op: Op) -> Option<Op> {
    Some(match op {
        Op::I32Eq => Op::I32Ne,
        Op::I32Ne => Op::I32Eq,
        Op::I32Lt => Op::I32Ge,
        Op::I32Ge => Op::I32Lt,
        Op::I32LtU => Op::I32GeU,
        Op::I32GeU => Op::I32LtU,
        Op::I32Gt => Op::I32Le,
        Op::I32Le => Op::I32Gt,
        Op::I32GtU => Op::I32LeU,
        Op::I32LeU => Op::I32GtU,
        Op::I64Eq => Op::I64Ne,
        Op::I64Ne => Op::I64Eq,
        Op::I64Lt => Op::I64Ge,
        Op::I64Ge => Op::I64Lt,
        Op::I64LtU => Op::I64GeU,
        Op::I64GeU => Op::I64LtU,
        Op::I64Gt => Op::I64Le,
        Op::I64Le => Op::I64Gt,
        Op::I64GtU => Op::I64LeU,
        Op::I64LeU => Op::I64GtU,
        Op::F32Eq => Op::F32Ne,
        Op::F32Ne => Op::F32Eq,
        Op::F64Eq => Op::F64Ne,
        Op::F64Ne => Op::F64Eq,
        _ => return None,
    })
}
