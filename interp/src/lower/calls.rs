//! Calls, returns, and instructions that the runtime executes.

use std::mem::offset_of;

use dotvm_isa::abi::{EXIT_HALT, Libcalls};
use dotvm_isa::{FuncType, Instr, Op, TrapCode, ValType};

use super::stack::{Class, Entry, Operand, Where};
use super::{Lowerer, fields, fields_wide};
use crate::code::ResultKind;
use crate::handlers::calls::{
    ByAcc, BySlot, Call, CallImport, CallIndirect, Return, ReturnSlots, ReturnValue, TailCall,
    TailCallImport, TailCallIndirect,
};
use crate::handlers::control::Stop;
use crate::handlers::memory::CallRuntime;
use crate::handlers::{S10, Wide};
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
        self.push_results(ty);
    }

    /// `call_indirect`.
    pub(super) fn call_indirect(&mut self, instr: &Instr) {
        let ty = &self.module.types[instr.a as usize];
        let index = self.index_operand();
        let args = self.take_args(ty.params.len());
        self.clobber_accs();
        let handler = match index {
            Operand::Acc => handler::<CallIndirect<ByAcc>>(),
            _ => handler::<CallIndirect<BySlot>>(),
        };
        let type_id = u64::from(self.type_ids[instr.a as usize]);
        let kind = (ResultKind::of(ty) as u64) << 32;
        self.emit(
            handler,
            &[
                fields_wide(args, index.slot(), instr.b as u32),
                type_id | kind,
            ],
        );
        self.push_results(ty);
    }

    /// Pops a table index; in its accumulator or a slot.
    fn index_operand(&mut self) -> Operand {
        let index = self.pop();
        match self.operand(index, false) {
            Operand::Const(_) => Operand::Slot(self.slot_operand(index)),
            operand => operand,
        }
    }

    /// `ret_call`.
    pub(super) fn tail_call(&mut self, instr: &Instr) {
        let func = instr.a as u32;
        let ty = self.func_type(func);
        let args = self.take_args(ty.params.len());
        let operands = fields(self.param_slots, args, ty.param_slots() as u16, 0);
        match func.checked_sub(self.env.spaces.imported_funcs) {
            Some(defined) => {
                let cell = self.cell(defined);
                self.emit(handler::<TailCall>(), &[operands, cell]);
            }
            None => {
                let kind = (ResultKind::of(ty) as u64) << 32;
                self.emit(
                    handler::<TailCallImport>(),
                    &[operands, u64::from(func) | kind],
                );
            }
        }
        self.end_block();
    }

    /// `ret_call_indirect`.
    pub(super) fn tail_call_indirect(&mut self, instr: &Instr) {
        let ty = &self.module.types[instr.a as usize];
        let index = self.index_operand();
        let args = self.take_args(ty.params.len());
        let handler = match index {
            Operand::Acc => handler::<TailCallIndirect<ByAcc>>(),
            _ => handler::<TailCallIndirect<BySlot>>(),
        };
        let operands = fields_wide(self.param_slots, index.slot(), instr.b as u32);
        let kind = ResultKind::of(ty) as u64;
        let placed = u64::from(args) << 48 | u64::from(ty.param_slots()) << 32;
        let type_id = u64::from(self.type_ids[instr.a as usize]);
        self.emit(handler, &[operands, placed | kind, type_id]);
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

    /// An instruction that the runtime executes: operands and results in their homes.
    pub(super) fn call_runtime(&mut self, instr: &Instr) {
        let (libcall, operands, result) = self.libcall(instr);
        let args = self.take_args(operands);
        self.emit(
            handler::<CallRuntime>(),
            &[fields_wide(args, 0, libcall as u32), immediates(instr)],
        );
        if let Some(ty) = result {
            self.wrote(args, ty.slots());
            self.push(Where::Home, ty);
        }
    }

    /// Offset in the libcall table, number of operands, type of the result.
    fn libcall(&self, instr: &Instr) -> (usize, usize, Option<ValType>) {
        let element = |table: u64| self.env.spaces.tables[table as usize].element;
        match instr.op {
            Op::MemoryGrow => (offset_of!(Libcalls, memory_grow), 1, Some(ValType::I32)),
            Op::MemoryCopy => (offset_of!(Libcalls, memory_copy), 3, None),
            Op::MemoryFill => (offset_of!(Libcalls, memory_fill), 3, None),
            Op::MemoryInit => (offset_of!(Libcalls, memory_init), 3, None),
            Op::DataDrop => (offset_of!(Libcalls, data_drop), 0, None),
            Op::TableGet => (offset_of!(Libcalls, table_get), 1, Some(element(instr.a))),
            Op::TableSet => (offset_of!(Libcalls, table_set), 2, None),
            Op::TableGrow => (offset_of!(Libcalls, table_grow), 2, Some(ValType::I32)),
            Op::TableSize => (offset_of!(Libcalls, table_size), 0, Some(ValType::I32)),
            Op::TableFill => (offset_of!(Libcalls, table_fill), 3, None),
            Op::TableCopy => (offset_of!(Libcalls, table_copy), 3, None),
            Op::TableInit => (offset_of!(Libcalls, table_init), 3, None),
            Op::ElemDrop => (offset_of!(Libcalls, elem_drop), 0, None),
            Op::RefFunc => (offset_of!(Libcalls, ref_func), 0, Some(ValType::FuncRef)),
            Op::Alloc => (offset_of!(Libcalls, alloc), 1, Some(ValType::I32)),
            Op::Free => (offset_of!(Libcalls, free), 1, None),
            op => unreachable!("{op:?} is not the runtime's"),
        }
    }
}

/// The immediates of an instruction as its libcall takes them.
fn immediates(instr: &Instr) -> u64 {
    match instr.op.info().imms.len() {
        2 => instr.a << 32 | instr.b,
        _ => instr.a,
    }
}
