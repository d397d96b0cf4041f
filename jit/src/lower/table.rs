//! Tables: bounds checks, and elements as slots of references.

use std::mem::offset_of;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use dotvm_isa::abi::{VmContext, VmTable};
use dotvm_isa::{TrapCode, ValType};

use super::{Lowerer, constant_flags, trap_code};

impl Lowerer<'_, '_> {
    fn table_flags(&self) -> MemFlagsData {
        MemFlagsData::trusted().with_alias_region(Some(self.regions.tables))
    }

    fn table_field(&mut self, table: u32, offset: usize) -> Value {
        let list = self.ctx_field(offset_of!(VmContext, tables));
        let at = table as i32 * 8;
        let table = self.b.ins().load(types::I64, constant_flags(), list, at);
        let flags = self.table_flags();
        self.b.ins().load(types::I64, flags, table, offset as i32)
    }

    /// Where an element of a table is; traps where there is none.
    fn element(&mut self, table: u32, index: Value, trap: TrapCode) -> Value {
        let index = self.wide_index(index);
        let len = self.table_field(table, offset_of!(VmTable, len));
        let outside = self
            .b
            .ins()
            .icmp(IntCC::UnsignedGreaterThanOrEqual, index, len);
        self.b.ins().trapnz(outside, trap_code(trap));
        let base = self.table_field(table, offset_of!(VmTable, base));
        let offset = self.b.ins().ishl_imm_u(index, 3);
        self.b.ins().iadd(base, offset)
    }

    /// An address or index as 64 bits.
    pub(super) fn wide_index(&mut self, index: Value) -> Value {
        match self.b.func.dfg.value_type(index) {
            types::I64 => index,
            _ => self.b.ins().uextend(types::I64, index),
        }
    }

    /// Pushes a size as the type that addresses have.
    pub(super) fn push_size(&mut self, size: Value, ty: ValType) {
        let size = match ty {
            ValType::I64 => size,
            _ => self.b.ins().ireduce(types::I32, size),
        };
        self.push(ty, size);
    }

    /// The element at an index; traps where there is none.
    pub(super) fn load_element(&mut self, table: u32, index: Value, trap: TrapCode) -> Value {
        let place = self.element(table, index, trap);
        let flags = self.table_flags();
        self.b.ins().load(types::I64, flags, place, 0)
    }

    pub(super) fn table_get(&mut self, table: u32) {
        let index = self.pop_one();
        let ty = self.request.env.spaces.tables[table as usize].element;
        let value = self.load_element(table, index, TrapCode::TableOutOfBounds);
        self.push(ty, value);
    }

    pub(super) fn table_set(&mut self, table: u32) {
        let value = self.pop_one();
        let index = self.pop_one();
        let place = self.element(table, index, TrapCode::TableOutOfBounds);
        let flags = self.table_flags();
        self.b.ins().store(flags, value, place, 0);
    }

    pub(super) fn table_size(&mut self, table: u32) {
        let len = self.table_field(table, offset_of!(VmTable, len));
        let ty = self.request.env.spaces.tables[table as usize].address;
        self.push_size(len, ty.val_type());
    }
}
