//! Registers of a kernel: each local has one of its own, the rest are for what is computed.

use dotvm_isa::ValType;

/// A register by its number, of the class that a type has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reg {
    /// A general register: an integer; the upper half of one of 32 bits is zero.
    Int(u8),
    /// A vector register: a float or a vector of up to 256 bits.
    Vec(u8),
    /// The lower and the upper half of a vector of 512 bits.
    Pair(u8, u8),
}

/// What a register has to hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    Int,
    Vec,
    Pair,
}

impl Class {
    /// That of a type; `None` for references and wide integers, which kernels do not know.
    pub(super) fn of(ty: ValType) -> Option<Class> {
        Some(match ty {
            ValType::I32 | ValType::I64 => Class::Int,
            ValType::F32 | ValType::F64 | ValType::V128 | ValType::V256 => Class::Vec,
            ValType::V512 => Class::Pair,
            _ => return None,
        })
    }
}

/// Slots of the locals: `rsi`.
pub(super) const SLOTS: u8 = 6;

/// The first byte of memory 0: `rdi`, where the instance was. Where memory is not accessed, it is free.
pub(super) const MEMORY: u8 = 7;

/// Registers that callers do not expect to be kept: `rax`, `rcx`, `rdx`, `r8` to `r11`.
const SCRATCH: u16 = 1 << 0 | 1 << 1 | 1 << 2 | 0b1111 << 8;

/// Those that are saved first: `rbx`, `r12` to `r15`.
pub(super) const SAVED: [u8; 5] = [3, 12, 13, 14, 15];

/// Registers that are not in use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Free {
    ints: u16,
    vecs: u16,
}

impl Free {
    /// All that a kernel has; those that have to be saved where `saved`.
    pub(super) fn all(saved: bool) -> Free {
        let more = SAVED.iter().fold(0, |all, reg| all | 1 << reg);
        Free {
            ints: SCRATCH | if saved { more } else { 0 },
            vecs: u16::MAX,
        }
    }

    /// Registers left: general ones and vector registers.
    pub(super) fn left(self) -> (u32, u32) {
        (self.ints.count_ones(), self.vecs.count_ones())
    }

    /// Takes a register.
    pub(super) fn take(&mut self, class: Class) -> Option<Reg> {
        fn lowest(set: &mut u16) -> Option<u8> {
            let reg = set.trailing_zeros() as u8;
            *set &= set.wrapping_sub(1);
            (reg < 16).then_some(reg)
        }
        Some(match class {
            Class::Int => Reg::Int(lowest(&mut self.ints)?),
            Class::Vec => Reg::Vec(lowest(&mut self.vecs)?),
            Class::Pair => Reg::Pair(lowest(&mut self.vecs)?, lowest(&mut self.vecs)?),
        })
    }

    /// Takes a general register.
    pub(super) fn take_int(&mut self) -> Option<u8> {
        match self.take(Class::Int)? {
            Reg::Int(reg) => Some(reg),
            _ => None,
        }
    }

    /// Takes that general register for good.
    pub(super) fn keep(&mut self, reg: u8) {
        self.ints &= !(1 << reg);
    }

    /// Gives one back.
    pub(super) fn give(&mut self, reg: Reg) {
        match reg {
            Reg::Int(reg) => self.ints |= 1 << reg,
            Reg::Vec(reg) => self.vecs |= 1 << reg,
            Reg::Pair(low, high) => self.vecs |= 1 << low | 1 << high,
        }
    }
}
