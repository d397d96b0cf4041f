//! Calls of imports that are instructions.
//!
//! Operands are on the stack as limbs. Those behind the first go through locals, so that each word is made
//! where its limbs are on top of the stack. What an instruction leaves for the calls behind it is in locals
//! too, one for each kind of result and type, so that it does not matter where those calls are.

use dotvm_isa::ops::Service;
use dotvm_isa::{Op, ValType};

use super::Translator;
use crate::ir::Inst;
use crate::translate::words::{self, Import, SlotOp};

/// What a local of ours is for, besides its type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Role {
    /// The operand of that number.
    Operand(usize),
    /// The last first result that is a word.
    First,
    /// The last second result of an instruction whose first result is of that type.
    Second(ValType),
}

impl Translator<'_> {
    /// Translates a call of an import that is an instruction.
    pub(super) fn call_import(&mut self, import: Import) {
        self.arch = self.arch.max(import.first_arch());
        match import {
            Import::Op(op) => self.word_instruction(op),
            Import::Limb {
                word,
                second,
                index,
            } => {
                let role = if second {
                    Role::Second(word)
                } else {
                    Role::First
                };
                self.access(Op::LocalGet, role, word);
                self.emit(words::limb(word, index));
            }
            Import::Flag { word } => self.access(Op::LocalGet, Role::Second(word), ValType::I32),
            Import::Slot(slot) => self.slot_operation(slot),
        }
    }

    /// Emits an instruction on the table of references.
    fn on_slots(&mut self, op: Op) {
        self.emit(Inst::op1(op, u64::from(self.imports.slots())));
    }

    fn slot_operation(&mut self, slot: SlotOp) {
        let null = Inst::op1(Op::RefNull, u64::from(ValType::AnyRef.code()));
        match slot {
            SlotOp::Grow => {
                self.access(Op::LocalSet, Role::Operand(0), ValType::I32);
                self.emit(null);
                self.access(Op::LocalGet, Role::Operand(0), ValType::I32);
                self.on_slots(Op::TableGrow);
            }
            SlotOp::IsUsed => {
                self.on_slots(Op::TableGet);
                self.emit(Inst::op(Op::RefIsNull));
                self.emit(Inst::op(Op::I32Eqz));
            }
            SlotOp::Copy => {
                self.on_slots(Op::TableGet);
                self.on_slots(Op::TableSet);
            }
            SlotOp::Clear => {
                self.emit(null);
                self.on_slots(Op::TableSet);
            }
        }
        // There may be a value more on the stack than WebAssembly has.
        self.word_slots = self.word_slots.max(1);
    }

    fn word_instruction(&mut self, op: Op) {
        let (params, results) = words::signature(op);
        let mut types = params.iter().chain(results);
        let has_words = types.clone().any(|&ty| words::is_word(ty));
        if Service::of(op).is_some() && !has_words && types.all(|&ty| ty != ValType::AnyRef) {
            // Operands and results are what they are in WebAssembly.
            return self.emit(Inst::op(op));
        }
        self.word_instructions += usize::from(has_words);
        for (i, &param) in params.iter().enumerate().rev() {
            if words::is_word(param) {
                self.emit(words::from_limbs(param));
            }
            if i > 0 {
                self.access(Op::LocalSet, Role::Operand(i), words::passed(param));
            }
        }
        for (i, &param) in params.iter().enumerate() {
            if i > 0 {
                self.access(Op::LocalGet, Role::Operand(i), words::passed(param));
            }
            if param == ValType::AnyRef {
                self.on_slots(Op::TableGet);
            }
        }
        self.emit(Inst::op(op));
        if results == [ValType::AnyRef] {
            // The slot that it goes to is below.
            return self.on_slots(Op::TableSet);
        }
        let Some(&first) = results.first() else {
            return;
        };
        if let Some(&second) = results.get(1) {
            self.access(Op::LocalSet, Role::Second(first), second);
        }
        if words::is_word(first) {
            self.access(Op::LocalTee, Role::First, first);
            self.emit(words::limb(first, 0));
        }
    }

    /// Reads or writes a local of ours.
    fn access(&mut self, op: Op, role: Role, ty: ValType) {
        // Words are read where there was no room for them on WebAssembly's operand stack.
        self.word_slots = self.word_slots.max(ty.slots());
        let locals = &mut self.func.locals;
        let local = *self.hidden.entry((role, ty)).or_insert_with(|| {
            locals.push(ty);
            locals.len() as u32 - 1
        });
        self.emit(Inst::op1(op, u64::from(local)));
    }
}
