//! Instructions on integers that take several of the processor's.

use dotvm_isa::{Op, ValType};
use dynasmrt::{DynasmApi, dynasm};

use super::forms::{Width, v, width};
use super::generator::{Entry, Generator};
use super::registers::{Class, Reg};
use super::vector::{both, four};

/// How many bits numbers from 0 to 15 have.
const ONES: u128 = 0x0403_0302_0302_0201_0302_0201_0201_0100;

impl Generator<'_> {
    /// Generates an instruction of this file; the outer `None` is for others.
    pub(super) fn composed(&mut self, op: Op, ty: ValType) -> Option<Option<()>> {
        Some(match op {
            // Upper halves count by what they are multiplied with below.
            Op::I64x2Mul => self.binary_vector(ty, |g, w, d, a, b| {
                let (t, u) = (g.take_vec()?, g.take_vec()?);
                g.shift_right(w, t, a, 32);
                v!(g, w, vpmuludq, t, t, b);
                g.shift_right(w, u, b, 32);
                v!(g, w, vpmuludq, u, u, a);
                v!(g, w, vpaddq, t, t, u);
                v!(g, w, vpsllq, t, t; 32);
                v!(g, w, vpmuludq, d, a, b);
                v!(g, w, vpaddq, d, d, t);
                [t, u].into_iter().for_each(|reg| g.give_vec(reg));
                Some(())
            }),
            Op::I64x2Abs => self.negate(ty, |g, w, d, zero, a| {
                v!(g, w, vpsubq, zero, zero, a);
                v!(g, w, vblendvpd, d, a, zero, a);
            }),
            Op::I64x2Shr => self.shift_by_constant(ty, 63, |g, w, d, a, count| {
                let sign = g.constant_vec(w, both(1 << 63 >> count))?;
                g.shift_right(w, d, a, count);
                v!(g, w, vpxor, d, d, sign);
                v!(g, w, vpsubq, d, d, sign);
                g.give_vec(sign);
                Some(())
            }),
            // As lanes of 16 bits, without what comes from the neighbour.
            Op::I8x16Shl => self.shift_by_constant(ty, 7, |g, w, d, a, count| {
                let own = g.constant_vec(w, bytes(0xff << count))?;
                v!(g, w, vpsllw, d, a; count);
                v!(g, w, vpand, d, d, own);
                g.give_vec(own);
                Some(())
            }),
            Op::I8x16ShrU => self.shift_by_constant(ty, 7, |g, w, d, a, count| {
                let own = g.constant_vec(w, bytes(0xff >> count))?;
                v!(g, w, vpsrlw, d, a; count);
                v!(g, w, vpand, d, d, own);
                g.give_vec(own);
                Some(())
            }),
            Op::I8x16Shr => self.shift_by_constant(ty, 7, |g, w, d, a, count| {
                let own = g.constant_vec(w, bytes(0xff >> count))?;
                v!(g, w, vpsrlw, d, a; count);
                v!(g, w, vpand, d, d, own);
                g.give_vec(own);
                let sign = g.constant_vec(w, bytes(0x80 >> count))?;
                v!(g, w, vpxor, d, d, sign);
                v!(g, w, vpsubb, d, d, sign);
                g.give_vec(sign);
                Some(())
            }),
            // Half a byte at a time, by a table.
            Op::I8x16Popcnt => self.unary_vector(ty, |g, w, d, a| {
                let (t, u) = (g.take_vec()?, g.constant_vec(w, bytes(0x0f))?);
                v!(g, w, vpand, t, a, u);
                v!(g, w, vpandn, u, u, a);
                v!(g, w, vpsrlw, u, u; 4);
                let ones = g.constant_vec(w, ONES)?;
                v!(g, w, vpshufb, t, ones, t);
                v!(g, w, vpshufb, u, ones, u);
                v!(g, w, vpaddb, d, t, u);
                [t, u, ones].into_iter().for_each(|reg| g.give_vec(reg));
                Some(())
            }),
            // The processor does not saturate the one product that is too large.
            Op::I16x8Q15MulrSat | Op::I16x8RelaxedQ15Mulr => {
                self.binary_vector(ty, |g, w, d, a, b| {
                    let t = g.constant_vec(w, four(0x8000_8000))?;
                    v!(g, w, vpmulhrsw, d, a, b);
                    v!(g, w, vpcmpeqw, t, t, d);
                    v!(g, w, vpxor, d, d, t);
                    g.give_vec(t);
                    Some(())
                })
            }
            // The odd bytes with their signs, then the even ones.
            Op::I16x8RelaxedDotI8x16I7x16 => self.binary_vector(ty, |g, w, d, a, b| {
                let (t, u, odd) = (g.take_vec()?, g.take_vec()?, g.take_vec()?);
                v!(g, w, vpsraw, t, a; 8);
                v!(g, w, vpsraw, u, b; 8);
                v!(g, w, vpmullw, odd, t, u);
                v!(g, w, vpsllw, t, a; 8);
                v!(g, w, vpsraw, t, t; 8);
                v!(g, w, vpsllw, u, b; 8);
                v!(g, w, vpsraw, u, u; 8);
                v!(g, w, vpmullw, t, t, u);
                v!(g, w, vpaddw, d, t, odd);
                [t, u, odd].into_iter().for_each(|reg| g.give_vec(reg));
                Some(())
            }),
            Op::I16x8Bitmask => self.bitmask_of_words(ty),
            _ => return None,
        })
    }

    /// A shift by a constant, which is taken modulo the lane's width.
    fn shift_by_constant(
        &mut self,
        ty: ValType,
        most: u8,
        emit: impl Fn(&mut Self, Width, u8, u8, i8) -> Option<()>,
    ) -> Option<()> {
        let Entry::Const(_, count) = self.pop()? else {
            return None;
        };
        let count = (count as u8 & most) as i8;
        self.unary_vector(ty, |g, w, d, a| emit(g, w, d, a, count))
    }

    /// The upper bits of lanes of 16 bits, which become bytes first.
    fn bitmask_of_words(&mut self, ty: ValType) -> Option<()> {
        let (entry, a) = self.pop_vec()?;
        let t = self.take_vec()?;
        let (low, high) = match a {
            Reg::Pair(low, high) => (low, high),
            Reg::Vec(a) | Reg::Int(a) => (a, a),
        };
        v!(self, width(ty), vpacksswb, t, low, high);
        if width(ty) == Width::Y {
            // The processor does so with each half.
            dynasm!(self.ops ; .arch x64 ; vpermq Ry(t), Ry(t), 0b11_01_10_00u8 as i8);
        }
        self.release(entry);
        let dest = self.dest(Class::Int)?;
        let Reg::Int(d) = dest.reg else { return None };
        let all = if ty == ValType::V512 {
            Width::Y
        } else {
            Width::X
        };
        self.upper_bits((true, 0xd7), all, d, t);
        if ty == ValType::V128 {
            dynasm!(self.ops ; .arch x64 ; movzx Rd(d), Rb(d));
        }
        self.give_vec(t);
        self.done(dest);
        Some(())
    }
}

/// A byte, 16 times; what is above it does not count.
const fn bytes(byte: u32) -> u128 {
    four((byte & 0xff) * 0x0101_0101)
}
