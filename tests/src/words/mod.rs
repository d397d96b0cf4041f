//! Operations of wide integers, against two other implementations: num-bigint's numbers of any size, and for
//! what it has [`ruint`](dotvm::isa::semantics::wide).

mod cases;
mod reference;

use dotvm::isa::ops::{Group, OPS};
use dotvm::isa::{TrapCode, ValType};

use crate::fuzzing::Random;
use crate::operations::{self, Counts, Operation, Oracle, Slots};

/// The operations of integers of some width that belong to one type of words, by the type that the
/// architecture has as its word.
pub fn operations(word: ValType) -> impl Iterator<Item = Operation> {
    OPS.iter().filter(move |info| {
        let pure = matches!(info.group, Group::Wide | Group::Pair);
        pure && info.first_arch == word.first_arch()
    })
}

/// num-bigint and ruint.
struct Numbers;

impl Oracle for Numbers {
    fn operands(&self, op: Operation, params: &[ValType], random: &mut Random) -> Slots {
        cases::operands(op, params, random)
    }

    fn results(
        &self,
        op: Operation,
        limb: u64,
        params: &[ValType],
        slots: &[u64],
    ) -> Result<Slots, TrapCode> {
        reference::by_bigint(op, limb, params, slots)
    }

    fn constants(&self, _: Operation) -> usize {
        12
    }

    fn results_again(&self, op: Operation, params: &[ValType], slots: &[u64]) -> Option<Slots> {
        reference::by_ruint(op, params, slots)
    }
}

/// Checks operations of one type of words: see [`operations::check`].
///
/// # Panics
/// Where a tier's result is not the reference's.
pub fn check(
    operations: &[Operation],
    cases: usize,
    seed: u64,
    done: impl FnMut(Operation, Counts),
) {
    operations::check(&Numbers, operations, cases, seed, done);
}
