//! Loads, stores and splats of vectors.

use dotvm_isa::{Instr, Op, ValType};
use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};

use super::forms::{Width, class, parts, places, v_from_memory, v_from_x, width};
use super::generator::{Entry, Generator};
use super::memory::Address;
use super::registers::Reg;

impl Generator<'_> {
    /// Loads, stores and splats. The outer `None` is for other instructions.
    pub(super) fn moves(&mut self, op: Op, ty: ValType, instr: &Instr) -> Option<Option<()>> {
        macro_rules! extend {
            ($name:ident) => {
                self.load_extended(ty, instr, |g, d, (base, index, at)| {
                    dynasm!(g.ops ; .arch x64 ; $name Ry(d), OWORD [Rq(base) + Rq(index) + at]);
                })
            };
        }
        Some(match op {
            Op::V128Load => self.load_vector(ty, instr),
            Op::V128Load8x8 => extend!(vpmovsxbw),
            Op::V128Load8x8U => extend!(vpmovzxbw),
            Op::V128Load16x4 => extend!(vpmovsxwd),
            Op::V128Load16x4U => extend!(vpmovzxwd),
            Op::V128Load32x2 => extend!(vpmovsxdq),
            Op::V128Load32x2U => extend!(vpmovzxdq),
            Op::V128Store => self.store_vector(ty, instr),
            Op::I8x16Splat => self.splat(ty, |g, w, d, s| {
                dynasm!(g.ops ; .arch x64 ; vmovd Rx(d), Rd(s));
                v_from_x!(g, w, vpbroadcastb, d, d);
            }),
            Op::I16x8Splat => self.splat(ty, |g, w, d, s| {
                dynasm!(g.ops ; .arch x64 ; vmovd Rx(d), Rd(s));
                v_from_x!(g, w, vpbroadcastw, d, d);
            }),
            Op::I32x4Splat => self.splat(ty, |g, w, d, s| {
                dynasm!(g.ops ; .arch x64 ; vmovd Rx(d), Rd(s));
                v_from_x!(g, w, vpbroadcastd, d, d);
            }),
            Op::I64x2Splat => self.splat(ty, |g, w, d, s| {
                dynasm!(g.ops ; .arch x64 ; vmovq Rx(d), Rq(s));
                v_from_x!(g, w, vpbroadcastq, d, d);
            }),
            Op::F32x4Splat => self.splat(ty, |g, w, d, s| v_from_x!(g, w, vbroadcastss, d, s)),
            Op::F64x2Splat => self.splat(ty, |g, w, d, s| v_from_x!(g, w, vpbroadcastq, d, s)),
            _ => return None,
        })
    }

    pub(super) fn splat(
        &mut self,
        ty: ValType,
        emit: impl Fn(&mut Self, Width, u8, u8),
    ) -> Option<()> {
        let mut entry = self.pop()?;
        let from = match self.reg(&mut entry)? {
            Reg::Int(from) | Reg::Vec(from) => from,
            Reg::Pair(..) => return None,
        };
        self.release(entry);
        let dest = self.dest(class(ty))?;
        let mut all = parts(dest.reg);
        let first = all.next()?;
        emit(self, width(ty), first, from);
        for other in all {
            self.copy(Reg::Vec(other), Reg::Vec(first));
        }
        self.done(dest);
        Some(())
    }

    /// A constant of 256 or 512 bits.
    pub(super) fn push_vector(&mut self, instr: &Instr) -> Option<()> {
        let ty = instr.op.result()?;
        let bits = (self.source.constants)(instr);
        let (slots, _) = bits.0.as_chunks();
        let all = slots
            .iter()
            .map(|&[low, high]| u128::from(low) | u128::from(high) << 64);
        let all: Vec<u128> = all.collect();
        let dest = self.dest(class(ty))?;
        for (d, part) in parts(dest.reg).zip(all.chunks(2)) {
            let label = self.constant(part);
            dynasm!(self.ops ; .arch x64 ; vmovdqu Ry(d), [=>label]);
        }
        self.done(dest);
        Some(())
    }

    /// A load. Where no local takes it, the instruction that does may read memory itself.
    pub(super) fn load_vector(&mut self, ty: ValType, instr: &Instr) -> Option<()> {
        let address = self.address(instr)?;
        if !self.goes_to_local() {
            self.push(Entry::Memory(address));
            return Some(());
        }
        self.release(Entry::Memory(address));
        let dest = self.dest(class(ty))?;
        self.load_at(address, dest.reg);
        self.done(dest);
        Some(())
    }

    /// A load of what every lane is.
    pub(super) fn load_same(&mut self, op: Op, ty: ValType, instr: &Instr) -> Option<Option<()>> {
        macro_rules! broadcast {
            ($name:ident) => {
                self.load_by(ty, instr, |g, d, (base, index, at)| {
                    dynasm!(g.ops ; .arch x64 ; $name Ry(d), [Rq(base) + Rq(index) + at]);
                })
            };
        }
        Some(match op {
            Op::V128Load8Splat => broadcast!(vpbroadcastb),
            Op::V128Load16Splat => broadcast!(vpbroadcastw),
            Op::V128Load32Splat => broadcast!(vpbroadcastd),
            Op::V128Load64Splat => broadcast!(vpbroadcastq),
            _ => return None,
        })
    }

    pub(super) fn load_by(
        &mut self,
        ty: ValType,
        instr: &Instr,
        emit: impl Fn(&mut Self, u8, (u8, u8, i32)),
    ) -> Option<()> {
        let address = self.address(instr)?;
        self.release(Entry::Memory(address));
        let dest = self.dest(class(ty))?;
        let mut all = parts(dest.reg);
        let first = all.next()?;
        self.may_trap();
        emit(self, first, address.place());
        for other in all {
            self.copy(Reg::Vec(other), Reg::Vec(first));
        }
        self.done(dest);
        Some(())
    }

    /// A load of lanes that are half as wide as those of the result.
    pub(super) fn load_extended(
        &mut self,
        ty: ValType,
        instr: &Instr,
        emit: impl Fn(&mut Self, u8, (u8, u8, i32)),
    ) -> Option<()> {
        if width(ty) != Width::Y {
            return None;
        }
        let address = self.address(instr)?;
        self.release(Entry::Memory(address));
        let dest = self.dest(class(ty))?;
        for (d, at) in parts(dest.reg).zip((address.at..).step_by(16)) {
            self.may_trap();
            emit(self, d, (address.base, address.index, at));
        }
        self.done(dest);
        Some(())
    }

    /// A store of two parts begins with the upper one: only that can be outside where the lower one is not,
    /// and then nothing may be written.
    pub(super) fn store_vector(&mut self, ty: ValType, instr: &Instr) -> Option<()> {
        let (value, from) = self.pop_vec()?;
        let address = self.address(instr)?;
        let (base, index, at) = address.place();
        match (from, width(ty)) {
            (Reg::Vec(s), Width::X) => {
                self.may_trap();
                dynasm!(self.ops ; .arch x64 ; vmovdqu [Rq(base) + Rq(index) + at], Rx(s));
            }
            (Reg::Vec(s), Width::Y) => {
                self.may_trap();
                dynasm!(self.ops ; .arch x64 ; vmovdqu [Rq(base) + Rq(index) + at], Ry(s));
            }
            (Reg::Pair(low, high), _) => {
                self.may_trap();
                dynasm!(self.ops ; .arch x64 ; vmovdqu [Rq(base) + Rq(index) + at + 32], Ry(high));
                self.may_trap();
                dynasm!(self.ops ; .arch x64 ; vmovdqu [Rq(base) + Rq(index) + at], Ry(low));
            }
            (Reg::Int(_), _) => return None,
        }
        self.release(Entry::Memory(address));
        self.release(value);
        Some(())
    }

    /// Reads memory into a register.
    pub(super) fn load_at(&mut self, address: Address, to: Reg) {
        let w = width(address.ty);
        for (d, part) in parts(to).zip(places(address)) {
            self.may_trap_for(address);
            v_from_memory!(self, w, vmovdqu, d, ; part);
        }
    }
}
