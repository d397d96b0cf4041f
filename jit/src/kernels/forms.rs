//! Forms of instructions on vectors: operands to registers, results where they go.
//!
//! Sources may be the register of the result. What takes several steps puts what is in between elsewhere.

use dotvm_isa::ValType;
use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};

use super::generator::{Dest, Entry, Generator};
use super::memory::Address;
use super::registers::{Class, Reg};
use super::scalar::Condition;

/// The part of a register that an instruction works on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Width {
    /// 128 bits.
    X,
    /// 256 bits.
    Y,
}

/// An instruction on registers of that width.
macro_rules! v {
    ($g:expr, $w:expr, $name:ident $(, $r:expr)* $(; $imm:expr)?) => {
        match $w {
            Width::X => dynasm!($g.ops ; .arch x64 ; $name $(Rx($r)),* $(, $imm)?),
            Width::Y => dynasm!($g.ops ; .arch x64 ; $name $(Ry($r)),* $(, $imm)?),
        }
    };
}
pub(super) use v;

/// One whose last operand is in memory.
macro_rules! v_from_memory {
    ($g:expr, $w:expr, $name:ident, $d:expr, $($a:expr)?; $part:expr) => {{
        let (base, index, at): (u8, u8, i32) = $part;
        match $w {
            Width::X => dynasm!($g.ops ; .arch x64 ; $name Rx($d), $(Rx($a),)? [Rq(base) + Rq(index) + at]),
            Width::Y => dynasm!($g.ops ; .arch x64 ; $name Ry($d), $(Ry($a),)? [Rq(base) + Rq(index) + at]),
        }
    }};
}
pub(super) use v_from_memory;

/// One from a register of 128 bits.
macro_rules! v_from_x {
    ($g:expr, $w:expr, $name:ident, $d:expr, $s:expr) => {
        match $w {
            Width::X => dynasm!($g.ops ; .arch x64 ; $name Rx($d), Rx($s)),
            Width::Y => dynasm!($g.ops ; .arch x64 ; $name Ry($d), Rx($s)),
        }
    };
}
pub(super) use v_from_x;

/// The class of registers of a type of vectors.
pub(super) fn class(ty: ValType) -> Class {
    match ty {
        ValType::V512 => Class::Pair,
        _ => Class::Vec,
    }
}

/// The width of the parts of a type of vectors.
pub(super) fn width(ty: ValType) -> Width {
    match ty {
        ValType::V128 => Width::X,
        _ => Width::Y,
    }
}

/// The parts of a register.
pub(super) fn parts(reg: Reg) -> impl Iterator<Item = u8> {
    let (first, second) = match reg {
        Reg::Int(reg) | Reg::Vec(reg) => (reg, None),
        Reg::Pair(low, high) => (low, Some(high)),
    };
    std::iter::once(first).chain(second)
}

/// Where the parts of a vector in memory are.
pub(super) fn places(address: Address) -> impl Iterator<Item = (u8, u8, i32)> {
    (address.at..)
        .step_by(32)
        .map(move |at| (address.base, address.index, at))
}

impl Generator<'_> {
    /// An instruction of one vector. Its register is free again in the end, so that what is taken in between
    /// is another one.
    pub(super) fn unary_vector(
        &mut self,
        ty: ValType,
        emit: impl Fn(&mut Self, Width, u8, u8) -> Option<()>,
    ) -> Option<()> {
        let (entry, a) = self.pop_vec()?;
        let dest = self.dest(class(ty))?;
        for (d, a) in parts(dest.reg).zip(parts(a)) {
            emit(self, width(ty), d, a)?;
        }
        self.release(entry);
        self.done(dest);
        Some(())
    }

    /// The same of two.
    pub(super) fn binary_vector(
        &mut self,
        ty: ValType,
        emit: impl Fn(&mut Self, Width, u8, u8, u8) -> Option<()>,
    ) -> Option<()> {
        let (right, b) = self.pop_vec()?;
        let (left, a) = self.pop_vec()?;
        let dest = self.dest(class(ty))?;
        for ((d, a), b) in parts(dest.reg).zip(parts(a)).zip(parts(b)) {
            emit(self, width(ty), d, a, b)?;
        }
        self.release(left);
        self.release(right);
        self.done(dest);
        Some(())
    }

    /// The same, where each part takes a single instruction: that may write what it has read.
    pub(super) fn binary_at_once(
        &mut self,
        ty: ValType,
        emit: impl Fn(&mut Self, Width, u8, u8, u8),
    ) -> Option<()> {
        let (right, b) = self.pop_vec()?;
        let (left, a) = self.pop_vec()?;
        self.release(left);
        self.release(right);
        let dest = self.dest(class(ty))?;
        for ((d, a), b) in parts(dest.reg).zip(parts(a)).zip(parts(b)) {
            emit(self, width(ty), d, a, b);
        }
        self.done(dest);
        Some(())
    }

    /// The same, where the second operand is in memory.
    pub(super) fn binary_with_memory(
        &mut self,
        ty: ValType,
        emit: impl Fn(&mut Self, Width, u8, u8, (u8, u8, i32)),
    ) -> Option<()> {
        let right = self.pop()?;
        let Entry::Memory(address) = right else {
            return None;
        };
        let (left, a) = self.pop_vec()?;
        self.release(left);
        self.release(right);
        let dest = self.dest(class(ty))?;
        for ((d, a), part) in parts(dest.reg).zip(parts(a)).zip(places(address)) {
            self.may_trap_for(address);
            emit(self, width(ty), d, a, part);
        }
        self.done(dest);
        Some(())
    }

    pub(super) fn ternary_vector(
        &mut self,
        ty: ValType,
        emit: impl Fn(&mut Self, Width, u8, [u8; 3]) -> Option<()>,
    ) -> Option<()> {
        let (third, c) = self.pop_vec()?;
        let (second, b) = self.pop_vec()?;
        let (first, a) = self.pop_vec()?;
        let dest = self.dest(class(ty))?;
        for (((d, a), b), c) in parts(dest.reg).zip(parts(a)).zip(parts(b)).zip(parts(c)) {
            emit(self, width(ty), d, [a, b, c])?;
        }
        [first, second, third]
            .into_iter()
            .for_each(|entry| self.release(entry));
        self.done(dest);
        Some(())
    }

    /// Something with a constant of 128 bits in each part.
    pub(super) fn with_constant(
        &mut self,
        ty: ValType,
        bits: u128,
        emit: impl Fn(&mut Self, Width, u8, u8, u8),
    ) -> Option<()> {
        self.unary_vector(ty, |g, w, d, a| {
            let constant = g.constant_vec(w, bits)?;
            emit(g, w, d, a, constant);
            g.give_vec(constant);
            Some(())
        })
    }

    /// Something with zero.
    pub(super) fn negate(
        &mut self,
        ty: ValType,
        emit: impl Fn(&mut Self, Width, u8, u8, u8),
    ) -> Option<()> {
        self.unary_vector(ty, |g, w, d, a| {
            let zero = g.take_vec()?;
            v!(g, w, vpxor, zero, zero, zero);
            emit(g, w, d, zero, a);
            g.give_vec(zero);
            Some(())
        })
    }

    /// A register of that constant in each part.
    pub(super) fn constant_vec(&mut self, w: Width, bits: u128) -> Option<u8> {
        let label = self.constant(&[bits]);
        let reg = self.take_vec()?;
        match w {
            Width::X => dynasm!(self.ops ; .arch x64 ; vmovdqu Rx(reg), [=>label]),
            Width::Y => dynasm!(self.ops ; .arch x64 ; vbroadcasti128 Ry(reg), [=>label]),
        }
        Some(reg)
    }

    pub(super) fn invert(&mut self, w: Width, d: u8) -> Option<()> {
        let ones = self.take_vec()?;
        v!(self, w, vpcmpeqd, ones, ones, ones);
        v!(self, w, vpxor, d, d, ones);
        self.give_vec(ones);
        Some(())
    }

    pub(super) fn shift_vector(
        &mut self,
        ty: ValType,
        bits: i32,
        by_number: impl Fn(&mut Self, Width, u8, u8, i8),
        by_register: impl Fn(&mut Self, Width, u8, u8, u8),
    ) -> Option<()> {
        let count = self.pop()?;
        if let Entry::Const(_, count) = count {
            let count = (count as i32 & (bits - 1)) as i8;
            return self.unary_vector(ty, |g, w, d, a| {
                by_number(g, w, d, a, count);
                Some(())
            });
        }
        self.push(count);
        let (count, number) = self.pop_int()?;
        let Reg::Int(modulo) = self.take(Class::Int)? else {
            return None;
        };
        let in_vec = self.take_vec()?;
        dynasm!(self.ops
            ; .arch x64
            ; mov Rd(modulo), Rd(number)
            ; and Rd(modulo), bits - 1
            ; vmovd Rx(in_vec), Rd(modulo)
        );
        self.release(count);
        self.release(Entry::Temp(Reg::Int(modulo)));
        self.unary_vector(ty, |g, w, d, a| {
            by_register(g, w, d, a, in_vec);
            Some(())
        })?;
        self.give_vec(in_vec);
        Some(())
    }

    /// `vpsrlq` by a number.
    pub(super) fn shift_right(&mut self, w: Width, d: u8, s: u8, count: i8) {
        // The opcode goes on in the field of a register.
        self.vex(Vex::new(1, true, 0x73), w, [2, d, s]);
        self.ops.push(count as u8);
    }

    /// Whether nothing is left of a vector when its parts were prepared: the condition of a jump, or a number.
    pub(super) fn all_true(
        &mut self,
        ty: ValType,
        prepare: impl Fn(&mut Self, Width, u8) -> Option<()>,
    ) -> Option<()> {
        let (entry, a) = self.pop_vec()?;
        let (t, w) = (self.take_vec()?, width(ty));
        for (number, part) in parts(a).enumerate() {
            let d = if number == 0 { t } else { self.take_vec()? };
            self.copy(Reg::Vec(d), Reg::Vec(part));
            prepare(self, w, d)?;
            if number > 0 {
                v!(self, w, vpor, t, t, d);
                self.give_vec(d);
            }
        }
        v!(self, w, vptest, t, t);
        self.give_vec(t);
        self.release(entry);
        self.by_flags(Condition::Equal)
    }

    /// Whether any bit of a vector is set.
    pub(super) fn any_true(&mut self, ty: ValType) -> Option<()> {
        let (entry, a) = self.pop_vec()?;
        match a {
            Reg::Pair(low, high) => {
                let t = self.take_vec()?;
                dynasm!(self.ops ; .arch x64 ; vpor Ry(t), Ry(low), Ry(high) ; vptest Ry(t), Ry(t));
                self.give_vec(t);
            }
            Reg::Vec(a) | Reg::Int(a) => v!(self, width(ty), vptest, a, a),
        }
        self.release(entry);
        self.by_flags(Condition::NotEqual)
    }

    /// Which lanes are zero.
    pub(super) fn is_zero(&mut self, d: u8, emit: impl Fn(&mut Self, u8, u8)) -> Option<()> {
        let zero = self.take_vec()?;
        dynasm!(self.ops ; .arch x64 ; vpxor Rx(zero), Rx(zero), Rx(zero));
        emit(self, d, zero);
        self.give_vec(zero);
        Some(())
    }

    /// The upper bits of lanes as a number, by an instruction with such an encoding; each part has that many.
    pub(super) fn bitmask(&mut self, ty: ValType, bits: i8, encoding: (bool, u8)) -> Option<()> {
        let (entry, a) = self.pop_vec()?;
        self.release(entry);
        let dest: Dest = self.dest(Class::Int)?;
        let Reg::Int(d) = dest.reg else { return None };
        match a {
            Reg::Pair(low, high) => {
                let Reg::Int(t) = self.take(Class::Int)? else {
                    return None;
                };
                self.upper_bits(encoding, Width::Y, t, high);
                self.upper_bits(encoding, Width::Y, d, low);
                dynasm!(self.ops ; .arch x64 ; shl Rq(t), bits ; or Rq(d), Rq(t));
                self.release(Entry::Temp(Reg::Int(t)));
            }
            Reg::Vec(a) => self.upper_bits(encoding, width(ty), d, a),
            Reg::Int(_) => return None,
        }
        self.done(dest);
        Some(())
    }

    /// `vpmovmskb` and the like.
    pub(super) fn upper_bits(&mut self, (prefix, opcode): (bool, u8), w: Width, d: u8, s: u8) {
        self.vex(Vex::new(1, prefix, opcode), w, [d, 0, s]);
    }

    /// An instruction that the assembler does not know, or encodes wrongly with registers of 256 bits: by its
    /// encoding and its registers.
    pub(super) fn vex(&mut self, vex: Vex, w: Width, [first, second, third]: [u8; 3]) {
        let map = u8::from(first < 8) << 7 | 1 << 6 | u8::from(third < 8) << 5 | vex.map;
        let length = u8::from(w == Width::Y) << 2 | u8::from(vex.prefix);
        let length = u8::from(vex.wide) << 7 | (!second & 0xf) << 3 | length;
        let registers = 0b11 << 6 | (first & 7) << 3 | third & 7;
        self.ops.extend([0xc4, map, length, vex.opcode, registers]);
    }
}

/// How an instruction with the prefix VEX is encoded: "Intel 64 and IA-32 Architectures Software Developer's
/// Manual", volume 2, section 2.3.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vex {
    /// The map of opcodes.
    map: u8,
    /// Whether it has the prefix 0x66.
    prefix: bool,
    /// Whether its lanes have 64 bits, where that is said here.
    wide: bool,
    opcode: u8,
}

impl Vex {
    pub(super) fn new(map: u8, prefix: bool, opcode: u8) -> Vex {
        Vex {
            map,
            prefix,
            wide: false,
            opcode,
        }
    }

    /// A multiplication with an addition.
    pub(super) fn fused(bits: u32, opcode: u8) -> Vex {
        Vex {
            wide: bits == 64,
            ..Vex::new(2, true, opcode)
        }
    }
}
