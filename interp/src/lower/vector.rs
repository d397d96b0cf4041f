//! Lowering of vector instructions. Vectors live in slots; constants and locals are operands where they
//! are.

use dotvm_isa::ops::Sig;
use dotvm_isa::semantics::eval_vector;
use dotvm_isa::{Instr, Op, ValType};

use super::stack::{Entry, Operand, Where};
use super::vector_forms::{self as forms, Address, Forms};
use super::{Lowerer, fields, fields_wide};
use crate::handlers::vector::{Constant, SelectVector};
use crate::machine::{Handler, handler};

/// The instruction emitted last, where its result is a vector that still can go elsewhere.
#[derive(Clone, Copy)]
pub(super) struct Produced {
    /// Its first word.
    at: usize,
    /// Where the result goes now.
    home: u16,
}

impl Lowerer<'_> {
    /// Emits an instruction that puts a vector into the slots at byte 8, and pushes that.
    fn emit_vector(&mut self, handler: Handler, operands: &mut [u64]) {
        let home = self.top_slot;
        operands[0] |= u64::from(home);
        let at = self.emit(handler, operands);
        self.push(Where::Home, ValType::V128);
        self.wrote(home, ValType::V128.slots());
        self.produced = Some(Produced { at, home });
    }

    /// Index of a constant among those that entries refer to.
    fn constant(&mut self, bits: u128) -> Where {
        self.constants.push(bits);
        Where::Vector(self.constants.len() as u32 - 1)
    }

    /// Bits of a popped value that is a constant.
    fn constant_bits(&self, entry: &Entry) -> Option<u128> {
        match entry.place {
            Where::Const(bits) => Some(u128::from(bits)),
            Where::Vector(index) => Some(self.constants[index as usize]),
            _ => None,
        }
    }

    /// Puts a constant into slots.
    pub(super) fn put_vector(&mut self, slot: u16, constant: u32) {
        let bits = self.constants[constant as usize];
        let words = [fields(slot, 0, 0, 0), bits as u64, (bits >> 64) as u64];
        self.emit(handler::<Constant>(), &words);
        self.wrote(slot, ValType::V128.slots());
    }

    /// `v128.push`.
    pub(super) fn push_vector(&mut self, bits: u128) {
        let place = self.constant(bits);
        self.push(place, ValType::V128);
    }

    /// A pure instruction.
    pub(super) fn vector(&mut self, instr: &Instr) {
        let Sig::Fixed(types, &[result]) = instr.op.info().sig else {
            unreachable!("pure instructions have fixed signatures");
        };
        let mut args = [Entry::NONE; 3];
        let args = &mut args[..types.len()];
        args.iter_mut().rev().for_each(|arg| *arg = self.pop());
        if self.fold(instr, args, result) {
            return;
        }
        match forms::vector(instr.op) {
            Forms::Scalar(pair) => {
                let slot = self.slot_operand(args[0]);
                let word = fields(0, slot, 0, instr.a as u16);
                self.emit_result(pair, &[word], result);
            }
            Forms::Vector {
                slots,
                constant_last,
            } => {
                let constant = self.constant_bits(&args[args.len() - 1]);
                let (handler, in_slots) = match constant {
                    Some(_) => (constant_last, args.len() - 1),
                    None => (slots, args.len()),
                };
                // Lanes of shuffles are behind the operands, those of others where a third one would be.
                let shuffled = (instr.op == Op::I8x16Shuffle).then(|| instr.vector());
                let lane = if shuffled.is_some() { 0 } else { instr.a };
                let mut named = [0, 0, lane as u16];
                for (slot, &arg) in named.iter_mut().zip(&args[..in_slots]) {
                    *slot = self.slot_operand(arg);
                }
                let mut words = [fields(0, named[0], named[1], named[2]), 0, 0, 0, 0];
                let mut len = 1;
                for bits in constant.into_iter().chain(shuffled) {
                    words[len] = bits as u64;
                    words[len + 1] = (bits >> 64) as u64;
                    len += 2;
                }
                self.emit_vector(handler, &mut words[..len]);
            }
        }
    }

    /// Computes an instruction whose operands are constants, and pushes the result.
    fn fold(&mut self, instr: &Instr, args: &[Entry], result: ValType) -> bool {
        let mut known = [0; 3];
        for (bits, arg) in known.iter_mut().zip(args) {
            match self.constant_bits(arg) {
                Some(constant) => *bits = constant,
                None => return false,
            }
        }
        let bits = eval_vector(instr.op, &known[..args.len()], instr.a, instr.b);
        let bits = bits.expect("of that group");
        match result {
            ValType::V128 => self.push_vector(bits),
            ty => self.push(Where::Const(bits as u64), ty),
        }
        true
    }

    /// The kind of an access, the words that say where it goes, and how many these are. The first one has
    /// place for a slot at byte 8.
    fn vector_place(&mut self, instr: &Instr, address: Entry) -> (Address, [u64; 3], usize) {
        if self.is_far(instr) {
            let slot = self.slot_operand(address);
            let place = fields_wide(0, slot, u32::from(instr.memory));
            return (Address::Far, [place, instr.a, 0], 2);
        }
        let (kind, slot) = match self.operand(address, false) {
            Operand::Acc => (Address::Acc, 0),
            _ => (Address::Slot, self.slot_operand(address)),
        };
        (kind, [fields_wide(0, slot, instr.a as u32), 0, 0], 1)
    }

    /// A load of a vector.
    pub(super) fn load_vector(&mut self, instr: &Instr) {
        let address = self.pop();
        let (kind, mut words, len) = self.vector_place(instr, address);
        self.emit_vector(forms::load_vector(instr.op, kind), &mut words[..len]);
    }

    /// A store of a vector.
    pub(super) fn store_vector(&mut self, instr: &Instr) {
        let (value, address) = (self.pop(), self.pop());
        let value = self.slot_operand(value);
        let (kind, mut words, len) = self.vector_place(instr, address);
        words[0] |= fields(value, 0, 0, 0);
        self.emit(forms::store_vector(instr.op, kind), &words[..len]);
    }

    /// A load of a lane.
    pub(super) fn load_lane(&mut self, instr: &Instr) {
        let (kind, mut words, len) = self.lane_place(instr);
        self.emit_vector(forms::load_lane(instr.op, kind), &mut words[..len]);
    }

    /// A store of a lane.
    pub(super) fn store_lane(&mut self, instr: &Instr) {
        let (kind, words, len) = self.lane_place(instr);
        self.emit(forms::store_lane(instr.op, kind), &words[..len]);
    }

    /// Pops the operands of an access of a lane: the same as of an access, with the vector and the lane in
    /// the last word.
    fn lane_place(&mut self, instr: &Instr) -> (Address, [u64; 3], usize) {
        let (vector, address) = (self.pop(), self.pop());
        let vector = self.slot_operand(vector);
        let (kind, mut words, len) = self.vector_place(instr, address);
        words[len] = fields(vector, instr.b as u16, 0, 0);
        (kind, words, len + 1)
    }

    /// Selection between vectors.
    pub(super) fn select_vector(&mut self) {
        let condition = self.pop();
        let (b, a) = (self.pop(), self.pop());
        let condition = self.slot_operand(condition);
        let (a, b) = (self.slot_operand(a), self.slot_operand(b));
        let words = &mut [fields(0, a, b, condition)];
        self.emit_vector(handler::<SelectVector>(), words);
    }

    /// `local.set` of a popped vector.
    pub(super) fn set_vector(&mut self, local: u32, value: Entry) {
        let slot = self.locals[local as usize];
        if let Some(Produced { at, home }) = self.produced
            && self.is_last(at)
            && value.place == Where::Home
            && value.home == home
            && self.local_uses[local as usize] == 0
        {
            let operands = &mut self.out[at + 1];
            *operands = *operands & !0xffff | u64::from(slot);
            self.produced = None;
        } else {
            self.preserve_local(local);
            match value.place {
                Where::Vector(constant) => self.put_vector(slot, constant),
                _ => {
                    let from = self.slot_operand(value);
                    self.copy(slot, from, ValType::V128.slots());
                }
            }
        }
        self.wrote(slot, ValType::V128.slots());
    }
}
