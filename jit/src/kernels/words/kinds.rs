//! Which operation on words an instruction is.

use dotvm_isa::Op;

use crate::lower::{PairOp, WideLoadOp, WideOp, WideStoreOp};

/// An operation by the shape of its instructions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Wide(WideOp),
    Pair(PairOp),
    Load(WideLoadOp),
    Store(WideStoreOp),
    Push,
}

/// The rows of a group of instructions on words.
macro_rules! found {
    (wide $op:ident { $($rows:tt)* }) => { found! { @row Wide WideOp $op $($rows)* } };
    (pair $op:ident { $($rows:tt)* }) => { found! { @row Pair PairOp $op $($rows)* } };
    (wide_load $op:ident { $($rows:tt)* }) => { found! { @row Load WideLoadOp $op $($rows)* } };
    (wide_store $op:ident { $($rows:tt)* }) => { found! { @row Store WideStoreOp $op $($rows)* } };
    (@row $kind:ident $of:ident $op:ident $($name:ident $kept:ident $word:ident $mnemonic:literal $code:literal
        $imms:tt $category:ident $arch:ident $fuel:literal $sig:tt $doc:literal;)*) => {
        match $op {
            $(Op::$name => Some(Kind::$kind($of::$kept)),)*
            _ => None,
        }
    };
    ($group:ident $op:ident $rows:tt) => { None };
}

macro_rules! kind_of {
    ($($group:ident { $($rows:tt)* })*) => {
        impl Kind {
            /// That of an instruction, where it is one on integers of more than 64 bits.
            pub(super) fn of(op: Op) -> Option<Kind> {
                match op {
                    Op::I128Push | Op::I256Push | Op::I512Push => return Some(Kind::Push),
                    Op::I64Add128 | Op::I64Sub128 | Op::I64MulWide | Op::I64MulWideU => return None,
                    _ => {}
                }
                let found = None;
                $(let found = found.or_else(|| found!($group op { $($rows)* }));)*
                found
            }
        }
    };
}
dotvm_isa::for_each_op!(kind_of);
