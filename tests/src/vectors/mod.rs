//! Operations of vectors of 256 and 512 bits, against a reference that computes lane by lane, from the
//! instructions' names.

mod cases;
mod floats;
mod integers;
mod memory;
mod reference;

use dotvm::isa::ops::{Group, OPS};
use dotvm::isa::{TrapCode, ValType};

use crate::fuzzing::Random;
use crate::operations::{self, Counts, Operation, Oracle, Slots};

pub use memory::loaded;

/// The operations of one type of vectors that compute something.
pub fn operations(vector: ValType) -> impl Iterator<Item = Operation> {
    OPS.iter().filter(move |info| {
        let pure = matches!(info.group, Group::Parts | Group::Whole);
        pure && info.first_arch == vector.first_arch()
    })
}

/// The instructions on one type of vectors that load something.
pub fn loads(vector: ValType) -> impl Iterator<Item = Operation> {
    OPS.iter().filter(move |info| {
        let loads = matches!(info.group, Group::PartsLoad | Group::Gather);
        loads && info.first_arch == vector.first_arch()
    })
}

/// The reference.
struct Lanes;

impl Oracle for Lanes {
    fn operands(&self, op: Operation, params: &[ValType], random: &mut Random) -> Slots {
        cases::operands(op, params, random)
    }

    fn results(
        &self,
        op: Operation,
        lane: u64,
        params: &[ValType],
        slots: &[u64],
    ) -> Result<Slots, TrapCode> {
        Ok(reference::result(op, lane as usize, params, slots))
    }

    fn constants(&self, op: Operation) -> usize {
        let (_, name) = op.mnemonic.split_once('.').expect("a shape and a name");
        match name {
            // Native code has ways of its own for some.
            "shuffle" | "swizzle" => 12,
            "shl" | "shr" | "shr_u" => 4,
            _ => 1,
        }
    }
}

/// Checks operations of one type of vectors: see [`operations::check`].
///
/// # Panics
/// Where a tier's result is not the reference's.
pub fn check(
    operations: &[Operation],
    cases: usize,
    seed: u64,
    done: impl FnMut(Operation, Counts),
) {
    operations::check(&Lanes, operations, cases, seed, done);
}
