//! Instructions with two results: the halves of a number of 128 bits.

use dotvm_isa::ValType;
use dotvm_isa::semantics::Halves;

use super::stack::{Entry, Where};
use super::{Lowerer, fields};
use crate::handlers::numeric::TwoHalves;
use crate::machine::handler;

/// The instruction with two results that was emitted last.
#[derive(Clone, Copy)]
pub(super) struct Emitted {
    /// Its first word.
    at: usize,
    /// The home of its first result; the second one's is the slot behind it.
    home: u16,
}

impl Lowerer<'_> {
    /// Operands from any slots, results to their homes.
    pub(super) fn two_halves<O: Halves>(&mut self) {
        let mut popped: Vec<Entry> = (0..O::OPERANDS).map(|_| self.pop()).collect();
        popped.reverse();
        let mut slots = [0; 4];
        for (slot, &entry) in slots.iter_mut().zip(&popped) {
            *slot = self.slot_operand(entry);
        }
        let [a, b, c, d] = slots;
        let home = popped[0].home;
        let words = [fields(home, home + 1, a, b), fields(c, d, 0, 0)];
        let at = self.emit(handler::<TwoHalves<O>>(), &words);
        self.wrote(home, 2);
        self.push(Where::Home, ValType::I64);
        self.push(Where::Home, ValType::I64);
        self.halves = Some(Emitted { at, home });
    }

    /// Has the instruction emitted last put the popped value straight into a slot, where it is one of
    /// its two results.
    pub(super) fn redirect_half(&mut self, value: &Entry, slot: u16) -> bool {
        let Some(Emitted { at, home }) = self.halves.filter(|halves| self.is_last(halves.at))
        else {
            return false;
        };
        if value.place != Where::Home || !(home..=home + 1).contains(&value.home) {
            return false;
        }
        let shift = 16 * u32::from(value.home - home);
        let word = &mut self.out[at + 1];
        *word = *word & !(0xffff << shift) | u64::from(slot) << shift;
        true
    }
}
