//! Linear memory.
//!
//! A memory's addresses are 32 bits, and behind its 4 GiB at least [`GUARD_BYTES`] can never be
//! accessed: an access with a smaller offset needs no check, it faults.

use std::mem::offset_of;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, Value, types};
use dotvm_isa::abi::{VmContext, VmMemory};
use dotvm_isa::types::PAGE_BYTES;
use dotvm_isa::{Instr, TrapCode, ValType};

use super::{LoadOp, Lowerer, StoreOp, trap_code};

/// Bytes behind a memory's 4 GiB that native code relies on to fault.
pub const GUARD_BYTES: u64 = 1 << 31;

/// The widest access, in bytes.
const MAX_ACCESS_BYTES: u64 = 64;

impl Lowerer<'_, '_> {
    fn memory(&mut self) -> Value {
        self.ctx_field(offset_of!(VmContext, memory))
    }

    /// The first byte of the memory, or where that would be.
    pub(super) fn memory_base(&mut self) -> Value {
        self.ctx_field(offset_of!(VmContext, memory_base))
    }

    /// Bytes of the memory now.
    fn memory_len(&mut self) -> Value {
        let memory = self.memory();
        let flags = self.state_flags();
        let at = offset_of!(VmMemory, len) as i32;
        self.b.ins().load(types::I64, flags, memory, at)
    }

    /// The host's address for an address of the program, and what is to be added to it.
    fn address(&mut self, address: Value, offset: u64) -> (Value, i32) {
        let base = self.memory_base();
        let index = self.b.ins().uextend(types::I64, address);
        if offset + MAX_ACCESS_BYTES <= GUARD_BYTES {
            return (self.b.ins().iadd(base, index), offset as i32);
        }
        // Too far for the guard: the sum of two 32-bit numbers cannot overflow.
        let offset = self.b.ins().iconst(types::I64, offset as i64);
        let index = self.b.ins().iadd(index, offset);
        let len = self.memory_len();
        let outside = self
            .b
            .ins()
            .icmp(IntCC::UnsignedGreaterThanOrEqual, index, len);
        self.b
            .ins()
            .trapnz(outside, trap_code(TrapCode::MemoryOutOfBounds));
        (self.b.ins().iadd(base, index), 0)
    }

    fn heap_flags(&self, trap: ir::TrapCode) -> MemFlagsData {
        MemFlagsData::new()
            .with_trap_code(Some(trap))
            .with_alias_region(Some(self.regions.heap))
    }

    /// Where a load of that many bytes reads: flags, the host's address and an offset.
    pub(super) fn load_place(
        &mut self,
        instr: &Instr,
        address: Value,
        bytes: u32,
    ) -> (MemFlagsData, Value, i32) {
        let (p, at) = self.address(address, instr.a);
        let place = self.place(instr);
        let trap = self.accesses.load(place, (address, instr.a, bytes));
        (self.heap_flags(trap), p, at)
    }

    /// Where a store of that many bytes writes.
    pub(super) fn store_place(
        &mut self,
        instr: &Instr,
        address: Value,
        bytes: u32,
    ) -> (MemFlagsData, Value, i32) {
        let (p, at) = self.address(address, instr.a);
        let place = self.place(instr);
        let trap = self.accesses.store(place, (address, instr.a, bytes));
        (self.heap_flags(trap), p, at)
    }

    pub(super) fn load(&mut self, op: LoadOp, instr: &Instr) {
        use LoadOp as L;
        let address = self.pop_one();
        let (flags, p, at) = self.load_place(instr, address, op.bytes());
        let ins = self.b.ins();
        let value = match op {
            L::I32Load => ins.load(types::I32, flags, p, at),
            L::I64Load => ins.load(types::I64, flags, p, at),
            L::F32Load => ins.load(types::F32, flags, p, at),
            L::F64Load => ins.load(types::F64, flags, p, at),
            L::I32Load8S => ins.sload8(types::I32, flags, p, at),
            L::I32Load8U => ins.uload8(types::I32, flags, p, at),
            L::I32Load16S => ins.sload16(types::I32, flags, p, at),
            L::I32Load16U => ins.uload16(types::I32, flags, p, at),
            L::I64Load8S => ins.sload8(types::I64, flags, p, at),
            L::I64Load8U => ins.uload8(types::I64, flags, p, at),
            L::I64Load16S => ins.sload16(types::I64, flags, p, at),
            L::I64Load16U => ins.uload16(types::I64, flags, p, at),
            L::I64Load32S => ins.sload32(flags, p, at),
            L::I64Load32U => ins.uload32(flags, p, at),
        };
        self.push(instr.op.result().expect("loads have a result"), value);
    }

    pub(super) fn store(&mut self, op: StoreOp, instr: &Instr) {
        use StoreOp as S;
        let value = self.pop_one();
        let address = self.pop_one();
        let (flags, p, at) = self.store_place(instr, address, op.bytes());
        let ins = self.b.ins();
        match op {
            S::I32Store | S::I64Store | S::F32Store | S::F64Store => ins.store(flags, value, p, at),
            S::I32Store8 | S::I64Store8 => ins.istore8(flags, value, p, at),
            S::I32Store16 | S::I64Store16 => ins.istore16(flags, value, p, at),
            S::I64Store32 => ins.istore32(flags, value, p, at),
        };
    }

    pub(super) fn memory_size(&mut self) {
        let len = self.memory_len();
        let shift = i64::from(PAGE_BYTES.trailing_zeros());
        let pages = self.b.ins().ushr_imm_u(len, shift);
        let pages = self.b.ins().ireduce(types::I32, pages);
        self.push(ValType::I32, pages);
    }
}

impl LoadOp {
    /// How many bytes it reads.
    fn bytes(self) -> u32 {
        use LoadOp as L;
        match self {
            L::I32Load8S | L::I32Load8U | L::I64Load8S | L::I64Load8U => 1,
            L::I32Load16S | L::I32Load16U | L::I64Load16S | L::I64Load16U => 2,
            L::I32Load | L::F32Load | L::I64Load32S | L::I64Load32U => 4,
            L::I64Load | L::F64Load => 8,
        }
    }
}

impl StoreOp {
    /// How many bytes it writes.
    fn bytes(self) -> u32 {
        use StoreOp as S;
        match self {
            S::I32Store8 | S::I64Store8 => 1,
            S::I32Store16 | S::I64Store16 => 2,
            S::I32Store | S::F32Store | S::I64Store32 => 4,
            S::I64Store | S::F64Store => 8,
        }
    }
}
