//! Lowering of instructions on values of several slots, and of others with operands in slots. Such values
//! live in slots; constants and locals are operands where they are.

use dotvm_isa::bits::{Bits, MAX_SLOTS};
use dotvm_isa::ops::Sig;
use dotvm_isa::semantics::{eval_pure, is_folded};
use dotvm_isa::{Imm, Instr, ValType};

use super::span_forms::{self as forms, Address, PureForm};
use super::stack::{Entry, Operand, Where};
use super::{Lowerer, fields, fields_wide};
use crate::machine::Handler;

/// The most operands of a pure instruction.
const MAX_OPERANDS: usize = 8;

/// The most words of a pure instruction behind its handler: those of the fields, and a constant or the lanes
/// of a shuffle behind each other.
const MAX_WORDS: usize = (2 + MAX_OPERANDS).div_ceil(4) + MAX_SLOTS + 2;

/// The instruction emitted last, where its results are in slots and still can go elsewhere.
#[derive(Clone, Copy)]
pub(super) struct Produced {
    /// Its first word. Where its results go are the first fields.
    at: usize,
    /// The homes of its results.
    homes: [u16; 2],
    /// How many of these may still be taken, from the first on.
    left: usize,
}

impl Lowerer<'_> {
    /// Emits an instruction with results in slots, for which its first fields are zero, and pushes these.
    fn emit_to_slots(&mut self, handler: Handler, operands: &mut [u64], results: &[ValType]) {
        let mut homes = [0; 2];
        for (i, &ty) in results.iter().enumerate() {
            homes[i] = self.top_slot;
            operands[0] |= u64::from(self.top_slot) << (16 * i);
            self.wrote(self.top_slot, ty.slots());
            self.push(Where::Home, ty);
        }
        let at = self.emit(handler, operands);
        self.produced = Some(Produced {
            at,
            homes,
            left: results.len(),
        });
    }

    /// Has the instruction emitted last put the popped value straight into a local that no entry refers to,
    /// where it is one of its results.
    pub(super) fn redirect_produced(&mut self, value: &Entry, local: u32) -> bool {
        let Some(mut produced) = self.produced else {
            return false;
        };
        let mut homes = produced.homes[..produced.left].iter();
        let Some(number) = homes.position(|&home| home == value.home) else {
            return false;
        };
        if !self.is_last(produced.at)
            || value.place != Where::Home
            || self.local_uses[local as usize] != 0
        {
            return false;
        }
        let shift = 16 * number;
        let word = &mut self.out[produced.at + 1];
        *word = *word & !(0xffff << shift) | u64::from(self.locals[local as usize]) << shift;
        produced.left = number;
        self.produced = Some(produced);
        true
    }

    /// Index of a constant among those that entries refer to.
    fn constant(&mut self, bits: Bits) -> Where {
        self.constants.push(bits);
        Where::Span(self.constants.len() as u32 - 1)
    }

    /// Bits of a popped value that is a constant.
    fn constant_bits(&self, entry: &Entry) -> Option<Bits> {
        match entry.place {
            Where::Const(bits) => Some(bits.into()),
            Where::Span(index) => Some(self.constants[index as usize]),
            _ => None,
        }
    }

    /// Puts a constant into slots.
    pub(super) fn put_span(&mut self, slot: u16, constant: u32, slots: u32) {
        let bits = self.constants[constant as usize];
        let mut words = [0; 1 + MAX_SLOTS];
        words[0] = fields(slot, 0, 0, 0);
        words[1..].copy_from_slice(&bits.0);
        self.emit(forms::constant(slots), &words[..1 + slots as usize]);
        self.wrote(slot, slots);
    }

    /// Pushes a constant.
    pub(super) fn push_constant(&mut self, bits: Bits, ty: ValType) {
        let place = match ty.slots() {
            1 => Where::Const(bits.low()),
            _ => self.constant(bits),
        };
        self.push(place, ty);
    }

    /// A pure instruction.
    pub(super) fn pure(&mut self, instr: &Instr) {
        let Sig::Fixed(types, results) = instr.op.info().sig else {
            unreachable!("pure instructions have fixed signatures");
        };
        let mut args = [Entry::NONE; MAX_OPERANDS];
        let args = &mut args[..types.len()];
        args.iter_mut().rev().for_each(|arg| *arg = self.pop());
        if self.fold(instr, args, results) {
            return;
        }
        let last = &args[args.len() - 1];
        let constant = self.constant_bits(last).filter(|_| args.len() > 1);
        let form = forms::pure(instr.op, constant.is_some());
        let first = match form {
            PureForm::Slots(_) => results.len(),
            PureForm::Value(_) => 1,
        };
        let mut words = [0; MAX_WORDS];
        let in_slots = args.len() - usize::from(constant.is_some());
        for (i, &arg) in args[..in_slots].iter().enumerate() {
            let (word, at) = ((first + i) / 4, (first + i) % 4);
            words[word] |= u64::from(self.slot_operand(arg)) << (16 * at);
        }
        let mut len = (first + args.len()).div_ceil(4);
        if let Some(bits) = constant {
            let slots = last.ty.slots() as usize;
            words[len..len + slots].copy_from_slice(&bits.0[..slots]);
            len += slots;
        }
        match instr.op.info().imms {
            [Imm::Lanes] => {
                words[len..len + 2].copy_from_slice(&[instr.a, instr.b]);
                len += 2;
            }
            // The number of a lane is where a third operand would be.
            [_] => words[0] |= instr.a << 48,
            _ => {}
        }
        match form {
            PureForm::Slots(handler) => self.emit_to_slots(handler, &mut words[..len], results),
            PureForm::Value(pair) => _ = self.emit_result(pair, &words[..len], results[0]),
        }
    }

    /// Computes an instruction whose operands are constants, and pushes the results.
    fn fold(&mut self, instr: &Instr, args: &[Entry], results: &[ValType]) -> bool {
        if !is_folded(instr.op) {
            return false;
        }
        let (mut known, mut len) = ([0; 4 * MAX_SLOTS], 0);
        for arg in args {
            let Some(bits) = self.constant_bits(arg) else {
                return false;
            };
            let slots = arg.ty.slots() as usize;
            known[len..len + slots].copy_from_slice(&bits.0[..slots]);
            len += slots;
        }
        let Some(Ok(values)) = eval_pure(instr.op, &known[..len], instr.a, instr.b) else {
            return false;
        };
        let mut values = &values[..];
        for &ty in results {
            let (slots, rest) = values.split_at(ty.slots() as usize);
            self.push_constant(Bits::from_slots(slots), ty);
            values = rest;
        }
        true
    }

    /// The kind of an access, the words that say where it goes, and how many these are. The first one has
    /// place for a slot at byte 8.
    fn span_place(&mut self, instr: &Instr, address: Entry) -> (Address, [u64; 3], usize) {
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

    /// A load of a vector or a wide integer.
    pub(super) fn load_span(&mut self, instr: &Instr) {
        let address = self.pop();
        let (kind, mut words, len) = self.span_place(instr, address);
        self.emit_load(forms::load(instr.op, kind), &mut words[..len], instr);
    }

    fn emit_load(&mut self, handler: Handler, words: &mut [u64], instr: &Instr) {
        let ty = instr.op.result().expect("loads have a result");
        self.emit_to_slots(handler, words, &[ty]);
    }

    /// A store of a vector or a wide integer.
    pub(super) fn store_span(&mut self, instr: &Instr) {
        let (value, address) = (self.pop(), self.pop());
        let value = self.slot_operand(value);
        let (kind, mut words, len) = self.span_place(instr, address);
        words[0] |= fields(value, 0, 0, 0);
        self.emit(forms::store(instr.op, kind), &words[..len]);
    }

    /// A load of a lane, or of lanes from where a vector says.
    pub(super) fn load_lane(&mut self, instr: &Instr) {
        let (kind, mut words, len) = self.lane_place(instr);
        self.emit_load(forms::load_lane(instr.op, kind), &mut words[..len], instr);
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
        let (kind, mut words, len) = self.span_place(instr, address);
        words[len] = fields(vector, instr.b as u16, 0, 0);
        (kind, words, len + 1)
    }

    /// Selection between values of several slots.
    pub(super) fn select_span(&mut self, ty: ValType) {
        let condition = self.pop();
        let (b, a) = (self.pop(), self.pop());
        let condition = self.slot_operand(condition);
        let (a, b) = (self.slot_operand(a), self.slot_operand(b));
        let words = &mut [fields(0, a, b, condition)];
        self.emit_to_slots(forms::select(ty.slots()), words, &[ty]);
    }

    /// `local.set` of a popped value of several slots.
    pub(super) fn set_span(&mut self, local: u32, value: Entry) {
        let (slot, slots) = (self.locals[local as usize], value.ty.slots());
        if !self.redirect_produced(&value, local) {
            self.preserve_local(local);
            match value.place {
                Where::Span(constant) => self.put_span(slot, constant, slots),
                _ => {
                    let from = self.slot_operand(value);
                    self.copy(slot, from, slots);
                }
            }
        }
        self.wrote(slot, slots);
    }
}
