//! Loads and stores of other memories than memory 0, and with addresses of 64 bits.

use dotvm_isa::Instr;

use super::select;
use super::stack::Operand;
use super::{Lowerer, fields_wide};

impl Lowerer<'_> {
    /// Whether an access is none of memory 0 by an address of 32 bits.
    #[inline(always)]
    pub(super) fn is_far(&self, instr: &Instr) -> bool {
        instr.memory != 0 || !self.first_is_near
    }

    /// A load.
    pub(super) fn load_far(&mut self, instr: &Instr) {
        let address = self.pop();
        let place = match self.operand(address, false) {
            Operand::Const(_) => Operand::Slot(self.slot_operand(address)),
            operand => operand,
        };
        let pair = select::load_far(instr.op, instr.memory != 0, place.place());
        let words = [
            fields_wide(0, place.slot(), u32::from(instr.memory)),
            instr.a,
        ];
        self.emit_result(
            pair,
            &words,
            instr.op.result().expect("loads have a result"),
        );
    }

    /// A store of a value in a slot.
    pub(super) fn store_far(&mut self, instr: &Instr) {
        let value = self.pop();
        let address = self.pop();
        let value = self.slot_operand(value);
        let place = match self.operand(address, false) {
            Operand::Const(_) => Operand::Slot(self.slot_operand(address)),
            operand => operand,
        };
        let handler = select::store_far(instr.op, instr.memory != 0, place.place());
        let words = [
            fields_wide(value, place.slot(), u32::from(instr.memory)),
            instr.a,
        ];
        self.emit(handler, &words);
    }
}
