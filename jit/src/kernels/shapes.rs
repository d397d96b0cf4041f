//! Instructions whose lanes are wider or narrower than those of their operands.

use dotvm_isa::{Op, ValType};
use dynasmrt::{DynasmApi, dynasm};

use super::forms::{class, parts};
use super::generator::{Entry, Generator};
use super::registers::{Class, Reg};

impl Generator<'_> {
    /// Lanes of half of each operand, twice as wide, and their product where there are two operands.
    pub(super) fn widen(&mut self, op: Op, ty: ValType, high: bool) -> Option<Option<()>> {
        macro_rules! extend {
            ($name:ident) => {
                self.widen_one(ty, high, |g, d, s| {
                    dynasm!(g.ops ; .arch x64 ; $name Ry(d), Rx(s));
                })
            };
        }
        macro_rules! multiply {
            ($name:ident, $product:ident) => {
                self.widen_two(
                    ty,
                    high,
                    |g, d, s| dynasm!(g.ops ; .arch x64 ; $name Ry(d), Rx(s)),
                    |g, d, a, b| dynasm!(g.ops ; .arch x64 ; $product Ry(d), Ry(a), Ry(b)),
                )
            };
        }
        Some(match op {
            Op::I16x8ExtendLowI8x16 => extend!(vpmovsxbw),
            Op::I16x8ExtendLowI8x16U => extend!(vpmovzxbw),
            Op::I32x4ExtendLowI16x8 => extend!(vpmovsxwd),
            Op::I32x4ExtendLowI16x8U => extend!(vpmovzxwd),
            Op::I64x2ExtendLowI32x4 => extend!(vpmovsxdq),
            Op::I64x2ExtendLowI32x4U => extend!(vpmovzxdq),
            Op::F64x2PromoteLowF32x4 => extend!(vcvtps2pd),
            Op::F64x2ConvertLowI32x4 => extend!(vcvtdq2pd),
            Op::I16x8ExtMulLowI8x16 => multiply!(vpmovsxbw, vpmullw),
            Op::I16x8ExtMulLowI8x16U => multiply!(vpmovzxbw, vpmullw),
            Op::I32x4ExtMulLowI16x8 => multiply!(vpmovsxwd, vpmulld),
            Op::I32x4ExtMulLowI16x8U => multiply!(vpmovzxwd, vpmulld),
            Op::I64x2ExtMulLowI32x4 => multiply!(vpmovsxdq, vpmuldq),
            Op::I64x2ExtMulLowI32x4U => multiply!(vpmovzxdq, vpmuludq),
            _ => return None,
        })
    }

    pub(super) fn widen_one(
        &mut self,
        ty: ValType,
        high: bool,
        extend: impl Fn(&mut Self, u8, u8),
    ) -> Option<()> {
        let (entry, a) = self.pop_vec()?;
        let wide = self.extended(a, high, &extend)?;
        self.release(entry);
        self.move_to_dest(ty, wide)
    }

    pub(super) fn widen_two(
        &mut self,
        ty: ValType,
        high: bool,
        extend: impl Fn(&mut Self, u8, u8),
        product: impl Fn(&mut Self, u8, u8, u8),
    ) -> Option<()> {
        let (right, b) = self.pop_vec()?;
        let (left, a) = self.pop_vec()?;
        let a = self.extended(a, high, &extend)?;
        let b = self.extended(b, high, &extend)?;
        for (a, b) in parts(a).zip(parts(b)) {
            product(self, a, a, b);
        }
        self.release(Entry::Temp(b));
        self.release(left);
        self.release(right);
        self.move_to_dest(ty, a)
    }

    /// The lanes of a half of a vector, extended, in a register of their own.
    pub(super) fn extended(
        &mut self,
        from: Reg,
        high: bool,
        extend: impl Fn(&mut Self, u8, u8),
    ) -> Option<Reg> {
        match from {
            Reg::Vec(from) if high => {
                let to = self.take_vec()?;
                dynasm!(self.ops ; .arch x64 ; vextracti128 Rx(to), Ry(from), 1);
                extend(self, to, to);
                Some(Reg::Vec(to))
            }
            Reg::Vec(from) => {
                let to = self.take_vec()?;
                extend(self, to, from);
                Some(Reg::Vec(to))
            }
            Reg::Pair(low, upper) => {
                let from = if high { upper } else { low };
                let to = self.take(Class::Pair)?;
                let mut all = parts(to);
                let (first, second) = (all.next()?, all.next()?);
                dynasm!(self.ops ; .arch x64 ; vextracti128 Rx(second), Ry(from), 1);
                extend(self, second, second);
                extend(self, first, from);
                Some(to)
            }
            Reg::Int(_) => None,
        }
    }

    /// A value that was computed in registers of its own is the result.
    pub(super) fn move_to_dest(&mut self, ty: ValType, from: Reg) -> Option<()> {
        self.release(Entry::Temp(from));
        let dest = self.dest(class(ty))?;
        self.copy(dest.reg, from);
        self.done(dest);
        Some(())
    }

    /// Lanes of both operands, half as wide.
    pub(super) fn narrow(&mut self, op: Op, ty: ValType) -> Option<Option<()>> {
        macro_rules! pack {
            ($name:ident) => {
                self.narrow_by(ty, |g, d, a, b| {
                    // The processor does so with each half.
                    dynasm!(g.ops
                        ; .arch x64
                        ; $name Ry(d), Ry(a), Ry(b)
                        ; vpermq Ry(d), Ry(d), 0b11_01_10_00u8 as i8
                    );
                })
            };
        }
        Some(match op {
            Op::I8x16NarrowI16x8 => pack!(vpacksswb),
            Op::I8x16NarrowI16x8U => pack!(vpackuswb),
            Op::I16x8NarrowI32x4 => pack!(vpackssdw),
            Op::I16x8NarrowI32x4U => pack!(vpackusdw),
            _ => return None,
        })
    }

    pub(super) fn narrow_by(
        &mut self,
        ty: ValType,
        emit: impl Fn(&mut Self, u8, u8, u8),
    ) -> Option<()> {
        let (right, b) = self.pop_vec()?;
        let (left, a) = self.pop_vec()?;
        let to = self.take(class(ty))?;
        match (to, a, b) {
            (Reg::Vec(to), Reg::Vec(a), Reg::Vec(b)) => emit(self, to, a, b),
            (Reg::Pair(low, high), Reg::Pair(a, a_high), Reg::Pair(b, b_high)) => {
                emit(self, low, a, a_high);
                emit(self, high, b, b_high);
            }
            _ => return None,
        }
        self.release(left);
        self.release(right);
        self.move_to_dest(ty, to)
    }
}
