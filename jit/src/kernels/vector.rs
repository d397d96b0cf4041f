//! Instructions on vectors.
//!
//! What works lane by lane is generated for each part of a vector that a register has, by the rule for the
//! instruction of 128 bits that it is made of.

use dotvm_isa::{Instr, Op, ValType};
use dynasmrt::{DynasmApi, dynasm};

use super::forms::{Vex, Width, v, v_from_memory};
use super::generator::Generator;
use super::parts::{Way, made_of};
use super::registers::{Class, Reg};

/// One that an instruction of two vectors is.
macro_rules! two {
    ($g:expr, $ty:expr, $name:ident) => {
        match $g.has_memory_on_top() {
            true => $g.binary_with_memory($ty, |g, w, d, a, part| {
                v_from_memory!(g, w, $name, d, a; part);
            }),
            false => $g.binary_at_once($ty, |g, w, d, a, b| v!(g, w, $name, d, a, b)),
        }
    };
    // Operands may change places. (Those of sums of floats may not: of two NaNs, the first one counts.)
    ($g:expr, $ty:expr, commutative $name:ident) => {{
        $g.bring_memory_to_top();
        two!($g, $ty, $name)
    }};
    // With operands the other way round.
    ($g:expr, $ty:expr, swapped $name:ident) => {
        $g.binary_at_once($ty, |g, w, d, a, b| v!(g, w, $name, d, b, a))
    };
}

/// Its opposite, where it gives all ones or nothing.
macro_rules! not_two {
    ($g:expr, $ty:expr, $name:ident) => {
        $g.binary_vector($ty, |g, w, d, a, b| {
            v!(g, w, $name, d, a, b);
            g.invert(w, d)
        })
    };
    ($g:expr, $ty:expr, swapped $name:ident) => {
        $g.binary_vector($ty, |g, w, d, a, b| {
            v!(g, w, $name, d, b, a);
            g.invert(w, d)
        })
    };
}

/// Comparison without sign: whether the lesser or greater one of both (by `$of`) is the first, or not.
macro_rules! unsigned {
    ($g:expr, $ty:expr, $of:ident $eq:ident, $is:expr) => {
        $g.binary_vector($ty, |g, w, d, a, b| {
            let t = g.take_vec()?;
            v!(g, w, $of, t, a, b);
            v!(g, w, $eq, d, t, a);
            g.give_vec(t);
            if $is { Some(()) } else { g.invert(w, d) }
        })
    };
}

/// One that an instruction of one vector is.
macro_rules! one {
    ($g:expr, $ty:expr, $name:ident $(; $imm:expr)?) => {
        $g.unary_vector($ty, |g, w, d, a| {
            v!(g, w, $name, d, a $(; $imm)?);
            Some(())
        })
    };
}

/// The lesser or greater of floats: zeros with their signs (by `$join` of both orders), else the default
/// NaN.
macro_rules! float_extreme {
    ($g:expr, $ty:expr, $of:ident $join:ident $compare:ident $blend:ident, $nan:expr) => {
        $g.binary_vector($ty, |g, w, d, a, b| {
            let (t, u) = (g.take_vec()?, g.take_vec()?);
            v!(g, w, $of, t, a, b);
            v!(g, w, $of, u, b, a);
            v!(g, w, $join, t, t, u);
            v!(g, w, $compare, u, a, b);
            let nan = g.constant_vec(w, $nan)?;
            v!(g, w, $blend, d, t, nan, u);
            [t, u, nan].into_iter().for_each(|reg| g.give_vec(reg));
            Some(())
        })
    };
}

/// A shift by a number of bits that is the same for all lanes.
macro_rules! shift {
    ($g:expr, $ty:expr, $bits:literal, $name:ident) => {
        $g.shift_vector(
            $ty,
            $bits,
            |g, w, d, a, count| v!(g, w, $name, d, a; count),
            |g, w, d, a, count| match w {
                Width::X => dynasm!(g.ops ; .arch x64 ; $name Rx(d), Rx(a), Rx(count)),
                Width::Y => dynasm!(g.ops ; .arch x64 ; $name Ry(d), Ry(a), Rx(count)),
            },
        )
    };
}

/// `a * b + c`, or the like, rounded once. Of NaNs, `b` counts before `a` and both before `c`.
macro_rules! fused {
    ($g:expr, $ty:expr, $bits:literal, $to_c:literal $to_a:literal) => {
        $g.ternary_vector($ty, |g, w, d, [a, b, c]| {
            if d == c && d != a && d != b {
                g.vex(Vex::fused($bits, $to_c), w, [d, b, a]);
                return Some(());
            }
            let t = if d == b || d == c { g.take_vec()? } else { d };
            g.copy(Reg::Vec(t), Reg::Vec(a));
            g.vex(Vex::fused($bits, $to_a), w, [t, b, c]);
            if t != d {
                g.copy(Reg::Vec(d), Reg::Vec(t));
                g.give_vec(t);
            }
            Some(())
        })
    };
}

/// A number of 32 bits, four times.
pub(super) const fn four(bits: u32) -> u128 {
    let two = (bits as u128) << 32 | bits as u128;
    two << 64 | two
}

/// A number of 64 bits, twice.
pub(super) const fn both(bits: u64) -> u128 {
    (bits as u128) << 64 | bits as u128
}

/// Whether every lane of the result is the operand.
pub(super) fn is_splat(op: Op) -> bool {
    matches!(
        of_each_part(op),
        Some((
            Op::I8x16Splat
                | Op::I16x8Splat
                | Op::I32x4Splat
                | Op::I64x2Splat
                | Op::F32x4Splat
                | Op::F64x2Splat,
            _
        ))
    )
}

/// The class of what an instruction on vectors gives.
pub(super) fn result_class(op: Op) -> Option<Class> {
    Class::of(op.result()?)
}

/// The instruction of 128 bits that one is in each part, and the type of the whole.
fn of_each_part(op: Op) -> Option<(Op, ValType)> {
    match made_of(op)? {
        (Way::Each, op, ty) => Some((op, ty)),
        _ => None,
    }
}

impl Generator<'_> {
    /// Generates an instruction on vectors; `None` where it is not known.
    pub(super) fn vector(&mut self, instr: &Instr) -> Option<()> {
        let (way, op, ty) = made_of(instr.op)?;
        match way {
            Way::Each => self
                .moves(op, ty, instr)
                .or_else(|| self.lanewise(op, ty))
                .or_else(|| self.extract(op, instr.a)),
            Way::AnyTrue | Way::AllTrue | Way::Bitmask | Way::LongBitmask => self.lanewise(op, ty),
            Way::ExtractLane => self.extract(op, instr.a),
            Way::Reduce => self.reduce(op),
            Way::WidenLow => self.widen(op, ty, false),
            Way::WidenHigh => self.widen(op, ty, true),
            Way::Narrow => self.narrow(op, ty),
            Way::Same => self.load_same(op, ty, instr),
            Way::Pack | Way::ReplaceLane => None,
        }
        .flatten()
    }

    /// An instruction that does the same to all lanes or parts of its operands; the outer `None` is for others.
    pub(super) fn lanewise(&mut self, op: Op, ty: ValType) -> Option<Option<()>> {
        self.bitwise(op, ty)
            .or_else(|| self.integers(op, ty))
            .or_else(|| self.comparisons(op, ty))
            .or_else(|| self.floats(op, ty))
            .or_else(|| self.composed(op, ty))
    }

    fn bitwise(&mut self, op: Op, ty: ValType) -> Option<Option<()>> {
        Some(match op {
            Op::V128And => two!(self, ty, commutative vpand),
            Op::V128Or => two!(self, ty, commutative vpor),
            Op::V128Xor => two!(self, ty, commutative vpxor),
            // The processor inverts the first operand.
            Op::V128AndNot => two!(self, ty, swapped vpandn),
            Op::V128Not => self.unary_vector(ty, |g, w, d, a| {
                let t = g.take_vec()?;
                v!(g, w, vpcmpeqd, t, t, t);
                v!(g, w, vpxor, d, a, t);
                g.give_vec(t);
                Some(())
            }),
            Op::V128Bitselect
            | Op::I8x16RelaxedLaneselect
            | Op::I16x8RelaxedLaneselect
            | Op::I32x4RelaxedLaneselect
            | Op::I64x2RelaxedLaneselect => self.ternary_vector(ty, |g, w, d, [a, b, mask]| {
                let t = g.take_vec()?;
                let u = g.take_vec()?;
                v!(g, w, vpand, t, a, mask);
                v!(g, w, vpandn, u, mask, b);
                v!(g, w, vpor, d, t, u);
                g.give_vec(t);
                g.give_vec(u);
                Some(())
            }),
            Op::V128AnyTrue => self.any_true(ty),
            Op::I8x16AllTrue => self.all_true(ty, |g, w, d| {
                g.is_zero(d, |g, d, zero| v!(g, w, vpcmpeqb, d, d, zero))
            }),
            Op::I16x8AllTrue => self.all_true(ty, |g, w, d| {
                g.is_zero(d, |g, d, zero| v!(g, w, vpcmpeqw, d, d, zero))
            }),
            Op::I32x4AllTrue => self.all_true(ty, |g, w, d| {
                g.is_zero(d, |g, d, zero| v!(g, w, vpcmpeqd, d, d, zero))
            }),
            Op::I64x2AllTrue => self.all_true(ty, |g, w, d| {
                g.is_zero(d, |g, d, zero| v!(g, w, vpcmpeqq, d, d, zero))
            }),
            Op::I8x16Bitmask => self.bitmask(ty, 32, (true, 0xd7)),
            Op::I32x4Bitmask => self.bitmask(ty, 8, (false, 0x50)),
            Op::I64x2Bitmask => self.bitmask(ty, 4, (true, 0x50)),
            _ => return None,
        })
    }

    fn integers(&mut self, op: Op, ty: ValType) -> Option<Option<()>> {
        Some(match op {
            Op::I8x16Add => two!(self, ty, commutative vpaddb),
            Op::I16x8Add => two!(self, ty, commutative vpaddw),
            Op::I32x4Add => two!(self, ty, commutative vpaddd),
            Op::I64x2Add => two!(self, ty, commutative vpaddq),
            Op::I8x16Sub => two!(self, ty, vpsubb),
            Op::I16x8Sub => two!(self, ty, vpsubw),
            Op::I32x4Sub => two!(self, ty, vpsubd),
            Op::I64x2Sub => two!(self, ty, vpsubq),
            Op::I8x16AddSat => two!(self, ty, vpaddsb),
            Op::I8x16AddSatU => two!(self, ty, vpaddusb),
            Op::I16x8AddSat => two!(self, ty, vpaddsw),
            Op::I16x8AddSatU => two!(self, ty, vpaddusw),
            Op::I8x16SubSat => two!(self, ty, vpsubsb),
            Op::I8x16SubSatU => two!(self, ty, vpsubusb),
            Op::I16x8SubSat => two!(self, ty, vpsubsw),
            Op::I16x8SubSatU => two!(self, ty, vpsubusw),
            Op::I16x8Mul => two!(self, ty, commutative vpmullw),
            Op::I32x4Mul => two!(self, ty, commutative vpmulld),
            Op::I8x16Min => two!(self, ty, commutative vpminsb),
            Op::I8x16MinU => two!(self, ty, commutative vpminub),
            Op::I16x8Min => two!(self, ty, commutative vpminsw),
            Op::I16x8MinU => two!(self, ty, commutative vpminuw),
            Op::I32x4Min => two!(self, ty, commutative vpminsd),
            Op::I32x4MinU => two!(self, ty, commutative vpminud),
            Op::I8x16Max => two!(self, ty, commutative vpmaxsb),
            Op::I8x16MaxU => two!(self, ty, commutative vpmaxub),
            Op::I16x8Max => two!(self, ty, commutative vpmaxsw),
            Op::I16x8MaxU => two!(self, ty, commutative vpmaxuw),
            Op::I32x4Max => two!(self, ty, commutative vpmaxsd),
            Op::I32x4MaxU => two!(self, ty, commutative vpmaxud),
            Op::I8x16AvgrU => two!(self, ty, commutative vpavgb),
            Op::I16x8AvgrU => two!(self, ty, commutative vpavgw),
            Op::I8x16Abs => one!(self, ty, vpabsb),
            Op::I16x8Abs => one!(self, ty, vpabsw),
            Op::I32x4Abs => one!(self, ty, vpabsd),
            Op::I8x16Neg => self.negate(ty, |g, w, d, zero, a| v!(g, w, vpsubb, d, zero, a)),
            Op::I16x8Neg => self.negate(ty, |g, w, d, zero, a| v!(g, w, vpsubw, d, zero, a)),
            Op::I32x4Neg => self.negate(ty, |g, w, d, zero, a| v!(g, w, vpsubd, d, zero, a)),
            Op::I64x2Neg => self.negate(ty, |g, w, d, zero, a| v!(g, w, vpsubq, d, zero, a)),
            Op::I16x8Shl => shift!(self, ty, 16, vpsllw),
            Op::I16x8Shr => shift!(self, ty, 16, vpsraw),
            Op::I16x8ShrU => shift!(self, ty, 16, vpsrlw),
            Op::I32x4Shl => shift!(self, ty, 32, vpslld),
            Op::I32x4Shr => shift!(self, ty, 32, vpsrad),
            Op::I32x4ShrU => shift!(self, ty, 32, vpsrld),
            Op::I64x2Shl => shift!(self, ty, 64, vpsllq),
            Op::I64x2ShrU => {
                self.shift_vector(ty, 64, Self::shift_right, |g, w, d, a, count| match w {
                    Width::X => dynasm!(g.ops ; .arch x64 ; vpsrlq Rx(d), Rx(a), Rx(count)),
                    Width::Y => dynasm!(g.ops ; .arch x64 ; vpsrlq Ry(d), Ry(a), Rx(count)),
                })
            }
            Op::I32x4DotI16x8 => two!(self, ty, commutative vpmaddwd),
            Op::I16x8ExtAddPairwiseI8x16 => {
                self.with_constant(ty, four(0x0101_0101), |g, w, d, a, ones| {
                    v!(g, w, vpmaddubsw, d, ones, a);
                })
            }
            Op::I16x8ExtAddPairwiseI8x16U => {
                self.with_constant(ty, four(0x0101_0101), |g, w, d, a, ones| {
                    v!(g, w, vpmaddubsw, d, a, ones);
                })
            }
            Op::I32x4ExtAddPairwiseI16x8 => {
                self.with_constant(ty, four(0x0001_0001), |g, w, d, a, ones| {
                    v!(g, w, vpmaddwd, d, a, ones);
                })
            }
            Op::I32x4RelaxedDotI8x16I7x16Add => self.ternary_vector(ty, |g, w, d, [a, b, c]| {
                let (t, u) = (g.take_vec()?, g.take_vec()?);
                // The odd bytes with their signs, then the even ones.
                v!(g, w, vpsraw, t, a; 8);
                v!(g, w, vpsraw, u, b; 8);
                v!(g, w, vpmaddwd, t, t, u);
                let sum = g.take_vec()?;
                v!(g, w, vpaddd, sum, c, t);
                v!(g, w, vpsllw, t, a; 8);
                v!(g, w, vpsraw, t, t; 8);
                v!(g, w, vpsllw, u, b; 8);
                v!(g, w, vpsraw, u, u; 8);
                v!(g, w, vpmaddwd, t, t, u);
                v!(g, w, vpaddd, d, sum, t);
                [t, u, sum].into_iter().for_each(|reg| g.give_vec(reg));
                Some(())
            }),
            _ => return None,
        })
    }

    fn comparisons(&mut self, op: Op, ty: ValType) -> Option<Option<()>> {
        Some(match op {
            Op::I8x16Eq => two!(self, ty, commutative vpcmpeqb),
            Op::I16x8Eq => two!(self, ty, commutative vpcmpeqw),
            Op::I32x4Eq => two!(self, ty, commutative vpcmpeqd),
            Op::I64x2Eq => two!(self, ty, commutative vpcmpeqq),
            Op::I8x16Ne => not_two!(self, ty, vpcmpeqb),
            Op::I16x8Ne => not_two!(self, ty, vpcmpeqw),
            Op::I32x4Ne => not_two!(self, ty, vpcmpeqd),
            Op::I64x2Ne => not_two!(self, ty, vpcmpeqq),
            Op::I8x16Gt => two!(self, ty, vpcmpgtb),
            Op::I16x8Gt => two!(self, ty, vpcmpgtw),
            Op::I32x4Gt => two!(self, ty, vpcmpgtd),
            Op::I64x2Gt => two!(self, ty, vpcmpgtq),
            Op::I8x16Lt => two!(self, ty, swapped vpcmpgtb),
            Op::I16x8Lt => two!(self, ty, swapped vpcmpgtw),
            Op::I32x4Lt => two!(self, ty, swapped vpcmpgtd),
            Op::I64x2Lt => two!(self, ty, swapped vpcmpgtq),
            Op::I8x16Le => not_two!(self, ty, vpcmpgtb),
            Op::I16x8Le => not_two!(self, ty, vpcmpgtw),
            Op::I32x4Le => not_two!(self, ty, vpcmpgtd),
            Op::I64x2Le => not_two!(self, ty, vpcmpgtq),
            Op::I8x16Ge => not_two!(self, ty, swapped vpcmpgtb),
            Op::I16x8Ge => not_two!(self, ty, swapped vpcmpgtw),
            Op::I32x4Ge => not_two!(self, ty, swapped vpcmpgtd),
            Op::I64x2Ge => not_two!(self, ty, swapped vpcmpgtq),
            Op::I8x16LeU => unsigned!(self, ty, vpminub vpcmpeqb, true),
            Op::I16x8LeU => unsigned!(self, ty, vpminuw vpcmpeqw, true),
            Op::I32x4LeU => unsigned!(self, ty, vpminud vpcmpeqd, true),
            Op::I8x16GeU => unsigned!(self, ty, vpmaxub vpcmpeqb, true),
            Op::I16x8GeU => unsigned!(self, ty, vpmaxuw vpcmpeqw, true),
            Op::I32x4GeU => unsigned!(self, ty, vpmaxud vpcmpeqd, true),
            Op::I8x16GtU => unsigned!(self, ty, vpminub vpcmpeqb, false),
            Op::I16x8GtU => unsigned!(self, ty, vpminuw vpcmpeqw, false),
            Op::I32x4GtU => unsigned!(self, ty, vpminud vpcmpeqd, false),
            Op::I8x16LtU => unsigned!(self, ty, vpmaxub vpcmpeqb, false),
            Op::I16x8LtU => unsigned!(self, ty, vpmaxuw vpcmpeqw, false),
            Op::I32x4LtU => unsigned!(self, ty, vpmaxud vpcmpeqd, false),
            Op::F32x4Eq => two!(self, ty, vcmpeqps),
            Op::F32x4Ne => two!(self, ty, vcmpneqps),
            Op::F32x4Lt => two!(self, ty, vcmplt_oqps),
            Op::F32x4Le => two!(self, ty, vcmple_oqps),
            Op::F32x4Gt => two!(self, ty, vcmpgt_oqps),
            Op::F32x4Ge => two!(self, ty, vcmpge_oqps),
            Op::F64x2Eq => two!(self, ty, vcmpeqpd),
            Op::F64x2Ne => two!(self, ty, vcmpneqpd),
            Op::F64x2Lt => two!(self, ty, vcmplt_oqpd),
            Op::F64x2Le => two!(self, ty, vcmple_oqpd),
            Op::F64x2Gt => two!(self, ty, vcmpgt_oqpd),
            Op::F64x2Ge => two!(self, ty, vcmpge_oqpd),
            _ => return None,
        })
    }

    fn floats(&mut self, op: Op, ty: ValType) -> Option<Option<()>> {
        Some(match op {
            Op::F32x4Add => two!(self, ty, vaddps),
            Op::F32x4Sub => two!(self, ty, vsubps),
            Op::F32x4Mul => two!(self, ty, vmulps),
            Op::F32x4Div => two!(self, ty, vdivps),
            Op::F64x2Add => two!(self, ty, vaddpd),
            Op::F64x2Sub => two!(self, ty, vsubpd),
            Op::F64x2Mul => two!(self, ty, vmulpd),
            Op::F64x2Div => two!(self, ty, vdivpd),
            // Where neither is less, the processor gives the second operand.
            Op::F32x4PMin => two!(self, ty, swapped vminps),
            Op::F32x4PMax => two!(self, ty, swapped vmaxps),
            Op::F64x2PMin => two!(self, ty, swapped vminpd),
            Op::F64x2PMax => two!(self, ty, swapped vmaxpd),
            Op::F32x4Min | Op::F32x4RelaxedMin => {
                float_extreme!(self, ty, vminps vorps vcmpunordps vblendvps, four(0xffc0_0000))
            }
            Op::F32x4Max | Op::F32x4RelaxedMax => {
                float_extreme!(self, ty, vmaxps vandps vcmpunordps vblendvps, four(0xffc0_0000))
            }
            Op::F64x2Min | Op::F64x2RelaxedMin => {
                float_extreme!(self, ty, vminpd vorpd vcmpunordpd vblendvpd, both(0xfff8_0000_0000_0000))
            }
            Op::F64x2Max | Op::F64x2RelaxedMax => {
                float_extreme!(self, ty, vmaxpd vandpd vcmpunordpd vblendvpd, both(0xfff8_0000_0000_0000))
            }
            Op::F32x4Sqrt => one!(self, ty, vsqrtps),
            Op::F64x2Sqrt => one!(self, ty, vsqrtpd),
            Op::F32x4Nearest => one!(self, ty, vroundps; 8),
            Op::F32x4Floor => one!(self, ty, vroundps; 9),
            Op::F32x4Ceil => one!(self, ty, vroundps; 10),
            Op::F32x4Trunc => one!(self, ty, vroundps; 11),
            Op::F64x2Nearest => one!(self, ty, vroundpd; 8),
            Op::F64x2Floor => one!(self, ty, vroundpd; 9),
            Op::F64x2Ceil => one!(self, ty, vroundpd; 10),
            Op::F64x2Trunc => one!(self, ty, vroundpd; 11),
            Op::F32x4ConvertI32x4 => one!(self, ty, vcvtdq2ps),
            Op::F32x4Abs => self.with_constant(ty, four(0x7fff_ffff), |g, w, d, a, mask| {
                v!(g, w, vandps, d, a, mask);
            }),
            Op::F32x4Neg => self.with_constant(ty, four(0x8000_0000), |g, w, d, a, sign| {
                v!(g, w, vxorps, d, a, sign);
            }),
            Op::F64x2Abs => self.with_constant(ty, both(u64::MAX >> 1), |g, w, d, a, mask| {
                v!(g, w, vandpd, d, a, mask);
            }),
            Op::F64x2Neg => self.with_constant(ty, both(1 << 63), |g, w, d, a, sign| {
                v!(g, w, vxorpd, d, a, sign);
            }),
            Op::F32x4RelaxedMadd => fused!(self, ty, 32, 0xb8 0xa8),
            Op::F32x4RelaxedNmadd => fused!(self, ty, 32, 0xbc 0xac),
            Op::F64x2RelaxedMadd => fused!(self, ty, 64, 0xb8 0xa8),
            Op::F64x2RelaxedNmadd => fused!(self, ty, 64, 0xbc 0xac),
            _ => return None,
        })
    }
}
