//! Which instruction of 128 bits one on wide vectors is made of, and how.

use dotvm_isa::ops::Sig;
use dotvm_isa::{Op, ValType};

/// How.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[rustfmt::skip]
pub(super) enum Way {
    Each, Same, Narrow, WidenLow, WidenHigh, Pack, Reduce,
    ExtractLane, ReplaceLane, AnyTrue, AllTrue, Bitmask, LongBitmask,
}

/// What is said of an instruction in the rows of a group.
macro_rules! found {
    (parts $op:ident { $($rows:tt)* }) => { found! { @made $op $($rows)* } };
    (parts_load $op:ident { $($rows:tt)* }) => { found! { @made $op $($rows)* } };
    (parts_store $op:ident { $($rows:tt)* }) => { found! { @made $op $($rows)* } };
    (@made $op:ident $($name:ident $way:ident $of:ident $ty:ident $mnemonic:literal $code:literal
        $imms:tt $category:ident $arch:ident $fuel:literal $sig:tt $doc:literal;)*) => {
        match $op {
            $(Op::$name => Some((Way::$way, Op::$of, ValType::$ty)),)*
            _ => None,
        }
    };
    ($group:ident $op:ident $rows:tt) => { None };
}

macro_rules! made_of {
    ($($group:ident { $($rows:tt)* })*) => {
        /// How an instruction on vectors is made, of which one of 128 bits, and the type of its vectors. One
        /// of 128 bits is made of itself.
        pub(super) fn made_of(op: Op) -> Option<(Way, Op, ValType)> {
            let found = None;
            $(let found = found.or_else(|| found!($group op { $($rows)* }));)*
            found.or_else(|| itself(op))
        }
    };
}
dotvm_isa::for_each_op!(made_of);

fn itself(op: Op) -> Option<(Way, Op, ValType)> {
    let Sig::Fixed(params, results) = op.info().sig else {
        return None;
    };
    let mut types = params.iter().chain(results);
    types
        .any(|&ty| ty == ValType::V128)
        .then_some((Way::Each, op, ValType::V128))
}
