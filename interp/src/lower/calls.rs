//! Calls, returns, and instructions that the runtime executes.

use dotvm_isa::abi::EXIT_HALT;
use dotvm_isa::{FuncType, Instr, Op, TrapCode};

use super::stack::{Class, Entry, Operand, Where};
use super::{Lowerer, fields, fields_wide};
use crate::code::ResultKind;
use crate::handlers::calls::{
    Call, CallImport, CallIndirect, Element, Reference, Return, ReturnSlots, ReturnValue, TailCall,
    TailCallImport, TailCallIndirect,
};
use crate::handlers::control::Stop;
use crate::handlers::memory::CallRuntime;
use crate::handlers::{Acc, S10, Wide};
use crate::machine::handler;

impl<'m> Lowerer<'m> {
    fn func_type(&self, func: u32) -> &'m FuncType {
        &self.module.types[self.env.spaces.funcs[func as usize] as usize]
    }

    /// Brings the top `count` values home and takes them off the stack; returns the slot of the first.
    fn take_args(&mut self, count: usize) -> u16 {
        let lazy = count.min(self.entries.len());
        self.settle_from(self.entries.len() - lazy);
        for _ in 0..count {
            self.pop();
        }
        self.top_slot
    }

    fn push_results(&mut self, ty: &FuncType) {
        if ResultKind::of(ty) != ResultKind::Slots {
            self.push_acc(ty.results[0]);
            return;
        }
        for &ty in &ty.results {
            self.push(Where::Home, ty);
        }
    }

    /// `call`.
    pub(super) fn call(&mut self, instr: &Instr) {
        let func = instr.a as u32;
        let ty = self.func_type(func);
        let args = self.take_args(ty.params.len());
        self.clobber_accs();
        match func.checked_sub(self.env.spaces.imported_funcs) {
            Some(defined) => {
                let cell = self.cell(defined);
                self.emit(handler::<Call>(), &[fields(args, 0, 0, 0), cell]);
            }
            None => {
                let kind = ResultKind::of(ty) as u16;
                self.emit(handler::<CallImport>(), &[fields_wide(args, kind, func)]);
            }
        }
        self.note_references();
        self.push_results(ty);
    }

    /// `call_indirect`, through the table with that index, and `call_ref`.
    pub(super) fn call_indirect(&mut self, instr: &Instr, table: Option<u32>) {
        let ty = &self.module.types[instr.a as usize];
        let callee = self.callee_operand();
        let args = self.take_args(ty.params.len());
        self.clobber_accs();
        let handler = match (table, callee) {
            (Some(_), Operand::Acc) => handler::<CallIndirect<Element<Acc>>>(),
            (Some(_), _) => handler::<CallIndirect<Element<S10>>>(),
            (None, Operand::Acc) => handler::<CallIndirect<Reference<Acc>>>(),
            (None, _) => handler::<CallIndirect<Reference<S10>>>(),
        };
        let type_id = u64::from(self.type_ids[instr.a as usize]);
        let kind = (ResultKind::of(ty) as u64) << 32;
        let operands = fields_wide(args, callee.slot(), table.unwrap_or(0));
        self.emit(handler, &[operands, type_id | kind]);
        self.note_references();
        self.push_results(ty);
    }

    /// Pops a table index or a reference; in its accumulator or a slot.
    fn callee_operand(&mut self) -> Operand {
        let callee = self.pop();
        match self.operand(callee, false) {
            Operand::Const(_) => Operand::Slot(self.slot_operand(callee)),
            operand => operand,
        }
    }

    /// `ret_call`.
    pub(super) fn tail_call(&mut self, instr: &Instr) {
        let func = instr.a as u32;
        let ty = self.func_type(func);
        let args = self.take_args(ty.params.len());
        let operands = fields(self.param_slots, args, ty.param_slots() as u16, 0);
        let at = match func.checked_sub(self.env.spaces.imported_funcs) {
            Some(defined) => {
                let cell = self.cell(defined);
                self.emit(handler::<TailCall>(), &[operands, cell])
            }
            None => {
                let kind = (ResultKind::of(ty) as u64) << 32;
                self.emit(
                    handler::<TailCallImport>(),
                    &[operands, u64::from(func) | kind],
                )
            }
        };
        self.regions.note_tail_call(at);
        self.end_block();
    }

    /// `ret_call_indirect` and `ret_call_ref`.
    pub(super) fn tail_call_indirect(&mut self, instr: &Instr, table: Option<u32>) {
        let ty = &self.module.types[instr.a as usize];
        let callee = self.callee_operand();
        let args = self.take_args(ty.params.len());
        let handler = match (table, callee) {
            (Some(_), Operand::Acc) => handler::<TailCallIndirect<Element<Acc>>>(),
            (Some(_), _) => handler::<TailCallIndirect<Element<S10>>>(),
            (None, Operand::Acc) => handler::<TailCallIndirect<Reference<Acc>>>(),
            (None, _) => handler::<TailCallIndirect<Reference<S10>>>(),
        };
        let operands = fields_wide(self.param_slots, callee.slot(), table.unwrap_or(0));
        let kind = ResultKind::of(ty) as u64;
        let placed = u64::from(args) << 48 | u64::from(ty.param_slots()) << 32;
        let type_id = u64::from(self.type_ids[instr.a as usize]);
        let at = self.emit(handler, &[operands, placed | kind, type_id]);
        self.regions.note_tail_call(at);
        self.end_block();
    }

    fn cell(&self, defined: u32) -> u64 {
        (&raw const self.cells[defined as usize]).expose_provenance() as u64
    }

    /// `ret`.
    pub(super) fn ret(&mut self) {
        let ty = self.verifier.func_type();
        let header = self.param_slots;
        match ResultKind::of(ty) {
            ResultKind::Slots if ty.results.is_empty() => {
                self.emit(handler::<Return>(), &[fields(header, 0, 0, 0)]);
            }
            ResultKind::Slots => {
                let from = self.take_args(ty.results.len());
                let slots = ty.result_slots() as u16;
                self.emit(handler::<ReturnSlots>(), &[fields(header, from, slots, 0)]);
            }
            _ => {
                let value = self.pop();
                self.ret_value(value);
            }
        }
        self.end_block();
    }

    fn ret_value(&mut self, value: Entry) {
        let header = self.param_slots;
        let class = Class::of(value.ty);
        match self.operand(value, false) {
            Operand::Acc => drop(self.emit(handler::<Return>(), &[fields(header, 0, 0, 0)])),
            Operand::Slot(slot) => {
                let handler = match class {
                    Class::Int => handler::<ReturnValue<u64, S10>>(),
                    Class::F32 => handler::<ReturnValue<f32, S10>>(),
                    Class::F64 => handler::<ReturnValue<f64, S10>>(),
                };
                self.emit(handler, &[fields(header, slot, 0, 0)]);
            }
            Operand::Const(bits) => {
                let handler = match class {
                    Class::Int => handler::<ReturnValue<u64, Wide>>(),
                    Class::F32 => handler::<ReturnValue<f32, Wide>>(),
                    Class::F64 => handler::<ReturnValue<f64, Wide>>(),
                };
                self.emit(handler, &[fields(header, 0, 0, 0), bits]);
            }
        }
    }

    /// `trap` and `halt`.
    pub(super) fn stop(&mut self, op: Op) {
        let status = if op == Op::Halt {
            EXIT_HALT
        } else {
            TrapCode::Unreachable as u32
        };
        self.emit(handler::<Stop>(), &[fields_wide(0, 0, status)]);
        self.end_block();
    }

    /// `throw` and `throw_ref`: the runtime finds what catches the exception.
    pub(super) fn emit_throw(&mut self, row: usize, values: usize, immediate: u64) {
        let args = self.take_args(values);
        let words = [fields_wide(args, 0, row as u32), immediate];
        self.emit(handler::<CallRuntime>(), &words);
        self.note_references();
        self.end_block();
    }

    /// An instruction that the runtime executes: operands and results in their homes.
    pub(super) fn call_runtime(&mut self, instr: &Instr) {
        let call = self.env.spaces.runtime_call(instr);
        let args = self.take_args(call.operands);
        let makes_objects = instr.op.info().category.makes_objects();
        if makes_objects {
            // What collects finds references in slots only; they do not change.
            self.free_acc(Class::Int);
        }
        self.mark(instr);
        let words = [fields_wide(args, 0, call.row as u32), call.immediate];
        self.emit(handler::<CallRuntime>(), &words);
        if makes_objects {
            self.note_references();
        }
        if let Some(ty) = call.result {
            self.wrote(args, ty.slots());
            self.push(Where::Home, ty);
        }
    }
}
