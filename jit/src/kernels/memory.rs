//! Addresses in linear memory, and vectors there that are not read yet.
//!
//! An instruction that takes a vector from memory may read it itself, later than the program does. In between
//! nothing happens that could be noticed: the next access, and a change of the local that the address is in,
//! have it read first.

use dotvm_isa::types::AddressType;
use dotvm_isa::{Instr, TrapCode, ValType};
use dynasmrt::DynasmApi;

use super::Unchecked;
use super::generator::{Entry, Generator};
use super::registers::MEMORY;

/// An address in linear memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Address {
    /// The register that has the memory's first byte, or one further on.
    pub(super) base: u8,
    /// The register that is added to it.
    pub(super) index: u8,
    /// What is added to both.
    pub(super) at: i32,
    /// Whether the register is its own.
    pub(super) is_temp: bool,
    /// The instruction that reads there.
    reader: u32,
    /// The type that it reads.
    pub(super) ty: ValType,
}

impl Address {
    /// The registers, and what is added to both.
    pub(super) fn place(self) -> (u8, u8, i32) {
        (self.base, self.index, self.at)
    }
}

impl Generator<'_> {
    /// Reads what is still in memory.
    pub(super) fn settle(&mut self) -> Option<()> {
        for at in 0..self.stack.len() {
            if let mut entry @ Entry::Memory(_) = self.stack[at] {
                self.reg(&mut entry)?;
                self.stack[at] = entry;
            }
        }
        Some(())
    }

    /// Pops the address of an access, before which no other is left to do. Only accesses that need no check
    /// are known.
    pub(super) fn address(&mut self, instr: &Instr) -> Option<Address> {
        self.settle()?;
        let known = instr.memory == 0 && self.source.unchecked.0.contains(&instr.a);
        let mut at = i32::try_from(instr.a).ok().filter(|_| known)?;
        let mut base = MEMORY;
        if let Some(&Entry::Sum(sum)) = self.stack.last()
            && let Some(all) = at
                .checked_add(sum.number())
                .filter(|&all| all <= MAX_OFFSET)
            && let Some(from) = self.sum_in_address(sum)
        {
            self.stack.pop();
            self.stack.push(Entry::Local(sum.counter));
            (base, at) = (from, all);
        }
        let (entry, index) = self.pop_int()?;
        let ty = instr.op.result().unwrap_or(ValType::I32);
        Some(Address {
            base,
            index,
            at,
            is_temp: matches!(entry, Entry::Temp(_)),
            reader: instr.offset,
            ty,
        })
    }

    /// The next instruction of the machine accesses memory.
    pub(super) fn may_trap(&mut self) {
        let at = self.ops.offset().0 as u32;
        self.traps.push((at, TrapCode::MemoryOutOfBounds));
    }

    /// The same, where it may be part of the instruction after the one that it is for.
    pub(super) fn may_trap_for(&mut self, address: Address) {
        self.may_trap();
        let at = self.ops.offset().0 as u32;
        self.faults.push((at, address.reader));
    }

    /// Whether the second operand is still in memory.
    pub(super) fn has_memory_on_top(&self) -> bool {
        matches!(self.stack.last(), Some(Entry::Memory(_)))
    }

    /// Has operands change places where only the first one is in memory.
    pub(super) fn bring_memory_to_top(&mut self) {
        if let [.., a @ Entry::Memory(_), b] = &mut self.stack[..] {
            std::mem::swap(a, b);
        }
    }
}

/// The widest access, in bytes.
const MAX_ACCESS_BYTES: i32 = 64;

/// What an instruction may add to an address, at most, so that it can to those of all parts of the access.
const MAX_OFFSET: i32 = i32::MAX - MAX_ACCESS_BYTES;

impl Unchecked {
    /// Those of memory 0 of a module.
    pub(crate) fn of(memory: Option<&dotvm_isa::MemoryType>, guard_bytes: u64) -> Unchecked {
        let usual = memory.filter(|it| it.is_paged() && it.address == AddressType::I32);
        let most = (guard_bytes - MAX_ACCESS_BYTES as u64).min(MAX_OFFSET as u64);
        Unchecked(0..usual.map_or(0, |_| most))
    }
}
