//! Integers wider than 64 bits: their limbs are SSA values.
//!
//! What is short in the processor's instructions is lowered to these. What is not is computed by a function
//! (`functions.rs`).

mod arithmetic;
mod bits;
mod compare;
mod convert;
mod divide;
mod memory;
mod multiply;
mod reciprocal;

use cranelift_codegen::ir::{InstBuilder, InstructionData, Opcode, Value, types};
use dotvm_isa::{Instr, ValType};

use super::{Lowerer, Operand};

/// Operations with one result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[rustfmt::skip]
pub(crate) enum WideOp {
    Eqz, Eq, Ne, Lt, LtU, Gt, GtU, Le, LeU, Ge, GeU,
    Clz, Ctz, Popcnt, Bswap,
    Add, Sub, Mul, Div, DivU, Mod, ModU, Neg, Abs, Exp, Isqrt, Gcd,
    And, Or, Xor, Not, Shl, Shr, ShrU, Rotl, Rotr,
    Min, MinU, Max, MaxU,
    AddMod, MulMod, PowMod, InvMod,
    ExtendI32, ExtendI32U, ExtendI64, ExtendI64U, ExtendI128, ExtendI128U, ExtendI256, ExtendI256U,
    WrapI32, WrapI64, WrapI128, WrapI256, Limb, FromLimbs,
    ConvertF32, ConvertF32U, ConvertF64, ConvertF64U,
    TruncF32, TruncF32U, TruncF64, TruncF64U, TruncSatF32, TruncSatF32U, TruncSatF64, TruncSatF64U,
}

/// Operations with two results.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[rustfmt::skip]
pub(crate) enum PairOp {
    AddHalves, SubHalves, MulWide, MulWideU,
    AddOverflow, AddOverflowU, SubOverflow, SubOverflowU, MulOverflow, MulOverflowU,
    AddCarry, SubBorrow, DivMod, DivModU,
}

/// Loads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WideLoadOp {
    Load,
    LoadBe,
}

/// Stores.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WideStoreOp {
    Store,
    StoreBe,
}

impl Lowerer<'_, '_> {
    /// An operation with one result.
    pub(super) fn wide(&mut self, op: WideOp, instr: &Instr) {
        use WideOp as W;
        match op {
            W::Eq | W::Ne | W::Lt | W::LtU | W::Gt | W::GtU | W::Le | W::LeU | W::Ge | W::GeU => {
                self.compare(op);
            }
            W::Eqz => {
                let a = self.pop();
                let zero = self.all_zero(a.limbs());
                self.push_bool(zero);
            }
            W::Clz | W::Ctz | W::Popcnt => self.count_bits(op),
            W::And | W::Or | W::Xor => self.logic(op),
            W::Shl | W::Shr | W::ShrU | W::Rotl | W::Rotr => self.shift(op),
            W::Min | W::MinU | W::Max | W::MaxU => self.extreme(op),
            W::Mul => self.multiply(),
            W::Div | W::DivU | W::Mod | W::ModU => self.divide(op, instr),
            W::Add | W::Sub => {
                let (ty, a, b) = self.pop_two();
                let limbs = match op {
                    W::Add => self.add(&a, &b),
                    _ => self.sub(&a, &b),
                };
                self.push_limbs(ty, &limbs);
            }
            W::Neg | W::Abs | W::Not | W::Bswap => {
                let a = self.pop();
                let limbs = match op {
                    W::Neg => self.neg(a.limbs()),
                    W::Abs => self.abs(a.limbs()),
                    W::Not => self.not(a.limbs()),
                    _ => self.swap_bytes(a.limbs()),
                };
                self.push_limbs(a.ty, &limbs);
            }
            W::ExtendI32
            | W::ExtendI32U
            | W::ExtendI64
            | W::ExtendI64U
            | W::ExtendI128
            | W::ExtendI128U
            | W::ExtendI256
            | W::ExtendI256U
            | W::WrapI32
            | W::WrapI64
            | W::WrapI128
            | W::WrapI256 => self.resize(op, instr),
            W::Limb => self.limb(instr.a),
            W::FromLimbs => self.join_limbs(instr),
            W::Exp
            | W::Isqrt
            | W::Gcd
            | W::AddMod
            | W::MulMod
            | W::PowMod
            | W::InvMod
            | W::ConvertF32
            | W::ConvertF32U
            | W::ConvertF64
            | W::ConvertF64U
            | W::TruncF32
            | W::TruncF32U
            | W::TruncF64
            | W::TruncF64U
            | W::TruncSatF32
            | W::TruncSatF32U
            | W::TruncSatF64
            | W::TruncSatF64U => self.call_function(instr),
        }
    }

    /// An operation with two results.
    pub(super) fn pair(&mut self, op: PairOp, instr: &Instr) {
        use PairOp as P;
        match op {
            P::AddHalves | P::SubHalves => self.sum_of_halves(op),
            P::MulWide | P::MulWideU if instr.op.result() == Some(ValType::I64) => {
                self.product128(op);
            }
            P::MulWide | P::MulWideU | P::MulOverflow | P::MulOverflowU => {
                self.multiply_wide(op, instr);
            }
            P::AddOverflow
            | P::AddOverflowU
            | P::SubOverflow
            | P::SubOverflowU
            | P::AddCarry
            | P::SubBorrow => self.checked_sum(op),
            P::DivMod | P::DivModU => self.divide_both(op, instr),
        }
    }

    /// A constant.
    pub(super) fn wide_push(&mut self, instr: &Instr) {
        let ty = instr.op.result().expect("it pushes a constant");
        let limbs: Vec<Value> = self.wide_constant(instr).0[..ty.slots() as usize]
            .iter()
            .map(|limb| self.b.ins().iconst(types::I64, limb.cast_signed()))
            .collect();
        self.push_limbs(ty, &limbs);
    }

    fn push_limbs(&mut self, ty: ValType, limbs: &[Value]) {
        self.stack.push(Operand::new(ty, limbs));
    }

    /// The value of a limb that is a constant.
    pub(super) fn constant(&self, limb: Value) -> Option<u64> {
        let dfg = &self.b.func.dfg;
        let inst = dfg.value_def(limb).inst()?;
        match dfg.insts[inst] {
            InstructionData::UnaryImm {
                opcode: Opcode::Iconst,
                imm,
            } => Some(imm.bits().cast_unsigned()),
            _ => None,
        }
    }

    /// Which power of two a constant is.
    fn power_of_two(&self, limbs: &[Value]) -> Option<u32> {
        let mut power = None;
        for (&limb, first) in limbs.iter().zip((0..).step_by(64)) {
            let limb = self.constant(limb)?;
            if limb.is_power_of_two() && power.is_none() {
                power = Some(first + limb.trailing_zeros());
            } else if limb != 0 {
                return None;
            }
        }
        power
    }
}
