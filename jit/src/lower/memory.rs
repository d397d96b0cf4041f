//! Linear memory.
//!
//! Where a memory's addresses are 32 bits and its pages large, nothing behind its last page can be
//! accessed, nor the [`GUARD_BYTES`] behind the 4 GiB that addresses reach: an access with an offset below
//! that needs no check, it faults. Where addresses are 64 bits, they are compared with the size, and the
//! same guard is behind what is reserved. Where pages are smaller than what the processor can protect,
//! the last byte of each access is compared.

use std::mem::offset_of;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, Value, types};
use dotvm_isa::abi::{VmContext, VmMemory};
use dotvm_isa::{AddressType, Instr, MemoryType, TrapCode};

use super::{LoadOp, Lowerer, StoreOp, constant_flags, trap_code};
use crate::accesses::Location;

/// Bytes behind what a memory can grow to that native code relies on to fault.
pub const GUARD_BYTES: u64 = 1 << 31;

/// The widest access, in bytes.
const MAX_ACCESS_BYTES: u64 = 64;

impl Lowerer<'_, '_> {
    /// Where the books of a memory are.
    fn memory(&mut self, memory: u16) -> Value {
        if memory == 0 {
            return self.ctx_field(offset_of!(VmContext, memory));
        }
        let list = self.ctx_field(offset_of!(VmContext, memories));
        let at = i32::from(memory) * 8;
        self.b.ins().load(types::I64, constant_flags(), list, at)
    }

    /// The first byte of a memory, or where that would be. It never moves.
    fn memory_base(&mut self, memory: u16) -> Value {
        if memory == 0 {
            return self.ctx_field(offset_of!(VmContext, memory_base));
        }
        let memory = self.memory(memory);
        let at = offset_of!(VmMemory, base) as i32;
        self.b.ins().load(types::I64, constant_flags(), memory, at)
    }

    /// Bytes of a memory now.
    fn memory_len(&mut self, memory: u16) -> Value {
        let memory = self.memory(memory);
        let flags = self.state_flags();
        let at = offset_of!(VmMemory, len) as i32;
        self.b.ins().load(types::I64, flags, memory, at)
    }

    /// The host's address for an address of the program, and what is to be added to it.
    fn address(&mut self, instr: &Instr, address: Value, bytes: u32) -> (Value, i32) {
        let (memory, offset) = (instr.memory, instr.a);
        let ty = self.request.env.spaces.memories[usize::from(memory)];
        let base = self.memory_base(memory);
        let index = self.wide_index(address);
        if !ty.is_paged() {
            let index = self.add_offset(ty, index, offset);
            let end = self.add_offset(ty, index, u64::from(bytes));
            self.trap_outside(memory, IntCC::UnsignedGreaterThan, end);
            return (self.b.ins().iadd(base, index), 0);
        }
        if offset > GUARD_BYTES - MAX_ACCESS_BYTES {
            // Too far for the guard.
            let index = self.add_offset(ty, index, offset);
            self.trap_outside(memory, IntCC::UnsignedGreaterThanOrEqual, index);
            return (self.b.ins().iadd(base, index), 0);
        }
        if ty.address == AddressType::I64 {
            self.trap_outside(memory, IntCC::UnsignedGreaterThanOrEqual, index);
        }
        (self.b.ins().iadd(base, index), offset as i32)
    }

    /// An address plus an offset. The sum of numbers of 32 bits cannot overflow; where that of addresses
    /// of 64 bits does, the access is outside.
    fn add_offset(&mut self, ty: MemoryType, index: Value, offset: u64) -> Value {
        if offset == 0 {
            return index;
        }
        let offset = self.b.ins().iconst(types::I64, offset.cast_signed());
        let trap = trap_code(TrapCode::MemoryOutOfBounds);
        match ty.address {
            AddressType::I32 => self.b.ins().iadd(index, offset),
            AddressType::I64 => self.b.ins().uadd_overflow_trap(index, offset, trap),
        }
    }

    /// Traps where a number compares so with the bytes of a memory.
    fn trap_outside(&mut self, memory: u16, condition: IntCC, number: Value) {
        let len = self.memory_len(memory);
        let outside = self.b.ins().icmp(condition, number, len);
        let trap = trap_code(TrapCode::MemoryOutOfBounds);
        self.b.ins().trapnz(outside, trap);
    }

    /// The host's address for an address of the program with the instruction's offset added, and how many
    /// bytes there are from there on. Traps where that is not in the memory, nor right behind it.
    pub(super) fn rest_of_memory(&mut self, instr: &Instr, address: Value) -> (Value, Value) {
        let ty = self.request.env.spaces.memories[usize::from(instr.memory)];
        let base = self.memory_base(instr.memory);
        let index = self.wide_index(address);
        let index = self.add_offset(ty, index, instr.a);
        self.trap_outside(instr.memory, IntCC::UnsignedGreaterThan, index);
        let len = self.memory_len(instr.memory);
        let rest = self.b.ins().isub(len, index);
        (self.b.ins().iadd(base, index), rest)
    }

    /// Flags of accesses of what was seen to be in a memory.
    pub(super) fn checked_flags(&self) -> MemFlagsData {
        MemFlagsData::new()
            .with_notrap()
            .with_alias_region(Some(self.regions.heap))
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
        let (p, at) = self.address(instr, address, bytes);
        let place = self.place(instr);
        let location = location(instr, address, bytes);
        let trap = self.accesses.load(place, location);
        (self.heap_flags(trap), p, at)
    }

    /// Where a store of that many bytes writes.
    pub(super) fn store_place(
        &mut self,
        instr: &Instr,
        address: Value,
        bytes: u32,
    ) -> (MemFlagsData, Value, i32) {
        let (p, at) = self.address(instr, address, bytes);
        let place = self.place(instr);
        let location = location(instr, address, bytes);
        let trap = self.accesses.store(place, location);
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
            L::I32LoadBe | L::I64LoadBe => {
                let ty = if op.bytes() == 4 {
                    types::I32
                } else {
                    types::I64
                };
                let value = ins.load(ty, flags, p, at);
                self.b.ins().bswap(value)
            }
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
        let mut value = self.pop_one();
        let address = self.pop_one();
        if matches!(op, S::I32StoreBe | S::I64StoreBe) {
            value = self.b.ins().bswap(value);
        }
        let (flags, p, at) = self.store_place(instr, address, op.bytes());
        let ins = self.b.ins();
        match op {
            S::I32StoreBe | S::I64StoreBe => ins.store(flags, value, p, at),
            S::I32Store | S::I64Store | S::F32Store | S::F64Store => ins.store(flags, value, p, at),
            S::I32Store8 | S::I64Store8 => ins.istore8(flags, value, p, at),
            S::I32Store16 | S::I64Store16 => ins.istore16(flags, value, p, at),
            S::I64Store32 => ins.istore32(flags, value, p, at),
        };
    }

    pub(super) fn memory_size(&mut self, memory: u16) {
        let ty = self.request.env.spaces.memories[usize::from(memory)];
        let len = self.memory_len(memory);
        let pages = self.b.ins().ushr_imm_u(len, i64::from(ty.page_size_log2));
        self.push_size(pages, ty.address.val_type());
    }
}

/// What an access accesses.
fn location(instr: &Instr, address: Value, bytes: u32) -> Location {
    Location {
        memory: instr.memory,
        address,
        offset: instr.a,
        bytes,
    }
}

impl LoadOp {
    /// How many bytes it reads.
    fn bytes(self) -> u32 {
        use LoadOp as L;
        match self {
            L::I32Load8S | L::I32Load8U | L::I64Load8S | L::I64Load8U => 1,
            L::I32Load16S | L::I32Load16U | L::I64Load16S | L::I64Load16U => 2,
            L::I32Load | L::I32LoadBe | L::F32Load | L::I64Load32S | L::I64Load32U => 4,
            L::I64Load | L::I64LoadBe | L::F64Load => 8,
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
            S::I32Store | S::I32StoreBe | S::F32Store | S::I64Store32 => 4,
            S::I64Store | S::I64StoreBe | S::F64Store => 8,
        }
    }
}
