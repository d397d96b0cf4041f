//! Vectors: one SSA value for 128 bits.
//!
//! Between instructions, a vector has Cranelift's type of sixteen bytes. An instruction that wants lanes of
//! another shape looks through the conversion behind the one that made them, so that instructions of one
//! shape see each other. Conversions cost nothing.
//!
//! NaNs come out as [`dotvm_isa::semantics`] says. Where Cranelift's instructions leave that open, or its
//! optimizer may change it, others are used.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{
    ConstantData, Endianness, InstBuilder, MemFlagsData, Opcode, Type, Value, types,
};
use dotvm_isa::{Instr, Op, ValType};

use super::{Lowerer, VectorOp};
use crate::bailout::Bailout;

/// Cranelift's type of a vector between instructions.
pub(super) const VECTOR: Type = types::I8X16;

/// The type whose lanes have the shape that an instruction's name starts with.
pub(super) fn shape(op: Op) -> Type {
    match op.mnemonic().as_bytes() {
        [b'i', b'1', ..] => types::I16X8,
        [b'i', b'3', ..] => types::I32X4,
        [b'i', b'6', ..] => types::I64X2,
        [b'f', b'3', ..] => types::F32X4,
        [b'f', b'6', ..] => types::F64X2,
        _ => types::I8X16,
    }
}

/// How the bits of one vector type are those of another.
fn same_bits() -> MemFlagsData {
    MemFlagsData::new().with_endianness(Endianness::Little)
}

impl Lowerer<'_, '_> {
    /// A vector as lanes of that type.
    pub(super) fn lanes(&mut self, vector: Value, ty: Type) -> Value {
        let dfg = &self.b.func.dfg;
        let mut source = vector;
        if let Some(inst) = dfg.value_def(vector).inst()
            && dfg.insts[inst].opcode() == Opcode::Bitcast
        {
            source = dfg.inst_args(inst)[0];
        }
        if dfg.value_type(source) == ty {
            return source;
        }
        self.cast(vector, ty)
    }

    fn cast(&mut self, vector: Value, ty: Type) -> Value {
        match self.b.func.dfg.value_type(vector) == ty {
            true => vector,
            false => self.b.ins().bitcast(ty, same_bits(), vector),
        }
    }

    /// Pops vectors as lanes of that type, the last one from the top of the stack.
    pub(super) fn pop_lanes<const N: usize>(&mut self, ty: Type) -> [Value; N] {
        let mut popped = [Value::from_u32(0); N];
        for value in popped.iter_mut().rev() {
            let vector = self.pop_one();
            *value = self.lanes(vector, ty);
        }
        popped
    }

    /// Pushes a vector of any shape.
    pub(super) fn push_lanes(&mut self, value: Value) {
        let vector = self.cast(value, VECTOR);
        self.push(ValType::V128, vector);
    }

    /// A constant vector.
    pub(super) fn vconst(&mut self, ty: Type, bits: u128) -> Value {
        let data = ConstantData::from(&bits.to_le_bytes()[..]);
        let constant = self.b.func.dfg.constants.insert(data);
        self.b.ins().vconst(ty, constant)
    }

    /// `v128.push`.
    pub(super) fn v128_push(&mut self, bits: u128) {
        let value = self.vconst(VECTOR, bits);
        self.push(ValType::V128, value);
    }

    /// A pure instruction.
    pub(super) fn vector(&mut self, op: VectorOp, instr: &Instr) -> Result<(), Bailout> {
        use VectorOp as V;
        let ty = shape(instr.op);
        if let Some(condition) = comparison(op) {
            let [a, b] = self.pop_lanes(ty);
            let mask = match condition {
                Comparison::Int(condition) => self.b.ins().icmp(condition, a, b),
                Comparison::Float(condition) => self.b.ins().fcmp(condition, a, b),
            };
            self.push_lanes(mask);
            return Ok(());
        }
        if !self.processor.has(op) {
            return Err(Bailout::Processor);
        }
        let value = match op {
            V::I8x16Splat
            | V::I16x8Splat
            | V::I32x4Splat
            | V::I64x2Splat
            | V::F32x4Splat
            | V::F64x2Splat => {
                let value = self.pop_one();
                let lane = self.as_lane(value, ty);
                self.b.ins().splat(ty, lane)
            }
            V::I8x16ReplaceLane
            | V::I16x8ReplaceLane
            | V::I32x4ReplaceLane
            | V::I64x2ReplaceLane
            | V::F32x4ReplaceLane
            | V::F64x2ReplaceLane => {
                let value = self.pop_one();
                let lane = self.as_lane(value, ty);
                let [vector] = self.pop_lanes(ty);
                self.b.ins().insertlane(vector, lane, instr.a as u8)
            }
            V::I8x16Shl | V::I16x8Shl | V::I32x4Shl | V::I64x2Shl => {
                let count = self.pop_one();
                let [a] = self.pop_lanes(ty);
                self.b.ins().ishl(a, count)
            }
            V::I8x16Shr | V::I16x8Shr | V::I32x4Shr | V::I64x2Shr => {
                let count = self.pop_one();
                let [a] = self.pop_lanes(ty);
                self.b.ins().sshr(a, count)
            }
            V::I8x16ShrU | V::I16x8ShrU | V::I32x4ShrU | V::I64x2ShrU => {
                let count = self.pop_one();
                let [a] = self.pop_lanes(ty);
                self.b.ins().ushr(a, count)
            }
            V::V128AnyTrue
            | V::I8x16AllTrue
            | V::I16x8AllTrue
            | V::I32x4AllTrue
            | V::I64x2AllTrue
            | V::I8x16Bitmask
            | V::I16x8Bitmask
            | V::I32x4Bitmask
            | V::I64x2Bitmask
            | V::I8x16ExtractLane
            | V::I8x16ExtractLaneU
            | V::I16x8ExtractLane
            | V::I16x8ExtractLaneU
            | V::I32x4ExtractLane
            | V::I64x2ExtractLane
            | V::F32x4ExtractLane
            | V::F64x2ExtractLane => {
                self.reduce(op, instr);
                return Ok(());
            }
            V::V128Bitselect
            | V::I8x16RelaxedLaneselect
            | V::I16x8RelaxedLaneselect
            | V::I32x4RelaxedLaneselect
            | V::I64x2RelaxedLaneselect => self.bitselect(),
            V::F32x4RelaxedMadd | V::F64x2RelaxedMadd => {
                let [a, b, c] = self.pop_lanes(ty);
                self.keep_apart(b);
                self.b.ins().fma(a, b, c)
            }
            V::F32x4RelaxedNmadd | V::F64x2RelaxedNmadd => {
                let [a, b, c] = self.pop_lanes(ty);
                self.keep_apart(b);
                let a = self.b.ins().fneg(a);
                self.b.ins().fma(a, b, c)
            }
            V::I32x4RelaxedDotI8x16I7x16Add => {
                let [c] = self.pop_lanes(ty);
                let [a, b] = self.pop_lanes(types::I8X16);
                let sums = self.dot_of_bytes(a, b);
                self.b.ins().iadd(sums, c)
            }
            _ => match self.unary_lanes(op, ty) {
                Some(value) => value,
                None => self.binary_lanes(op, ty, instr),
            },
        };
        self.push_lanes(value);
        Ok(())
    }

    /// A popped value as a lane of that type of vectors.
    fn as_lane(&mut self, value: Value, ty: Type) -> Value {
        match ty.lane_type() {
            narrow @ (types::I8 | types::I16) => self.b.ins().ireduce(narrow, value),
            _ => value,
        }
    }

    /// Instructions whose result is no vector.
    fn reduce(&mut self, op: VectorOp, instr: &Instr) {
        use VectorOp as V;
        let [a] = self.pop_lanes(shape(instr.op));
        let ins = self.b.ins();
        let value = match op {
            V::V128AnyTrue => {
                let any = ins.vany_true(a);
                return self.push_bool(any);
            }
            V::I8x16AllTrue | V::I16x8AllTrue | V::I32x4AllTrue | V::I64x2AllTrue => {
                let all = ins.vall_true(a);
                return self.push_bool(all);
            }
            V::I8x16Bitmask | V::I16x8Bitmask | V::I32x4Bitmask | V::I64x2Bitmask => {
                ins.vhigh_bits(types::I32, a)
            }
            _ => {
                let lane = ins.extractlane(a, instr.a as u8);
                match op {
                    V::I8x16ExtractLane | V::I16x8ExtractLane => {
                        self.b.ins().sextend(types::I32, lane)
                    }
                    V::I8x16ExtractLaneU | V::I16x8ExtractLaneU => {
                        self.b.ins().uextend(types::I32, lane)
                    }
                    _ => lane,
                }
            }
        };
        self.push(instr.op.result().expect("a pure instruction"), value);
    }

    /// In the shape of the mask: where that is a comparison's result, lanes are blended.
    fn bitselect(&mut self) -> Value {
        let mask = self.pop_one();
        let [a, b] = self.pop_lanes(VECTOR);
        let mask = match self.b.func.dfg.value_def(mask).inst() {
            Some(inst) if self.b.func.dfg.insts[inst].opcode() == Opcode::Bitcast => {
                self.b.func.dfg.inst_args(inst)[0]
            }
            _ => mask,
        };
        let ty = self.b.func.dfg.value_type(mask);
        let (a, b) = (self.lanes(a, ty), self.lanes(b, ty));
        self.b.ins().bitselect(mask, a, b)
    }

    /// Instructions of one vector.
    fn unary_lanes(&mut self, op: VectorOp, ty: Type) -> Option<Value> {
        use VectorOp as V;
        let from = match op {
            V::I16x8ExtendLowI8x16
            | V::I16x8ExtendHighI8x16
            | V::I16x8ExtendLowI8x16U
            | V::I16x8ExtendHighI8x16U
            | V::I16x8ExtAddPairwiseI8x16
            | V::I16x8ExtAddPairwiseI8x16U => types::I8X16,
            V::I32x4ExtendLowI16x8
            | V::I32x4ExtendHighI16x8
            | V::I32x4ExtendLowI16x8U
            | V::I32x4ExtendHighI16x8U
            | V::I32x4ExtAddPairwiseI16x8
            | V::I32x4ExtAddPairwiseI16x8U => types::I16X8,
            V::I64x2ExtendLowI32x4
            | V::I64x2ExtendHighI32x4
            | V::I64x2ExtendLowI32x4U
            | V::I64x2ExtendHighI32x4U
            | V::F32x4ConvertI32x4
            | V::F32x4ConvertI32x4U
            | V::F64x2ConvertLowI32x4
            | V::F64x2ConvertLowI32x4U => types::I32X4,
            V::I32x4TruncSatF32x4
            | V::I32x4TruncSatF32x4U
            | V::I32x4RelaxedTruncF32x4
            | V::I32x4RelaxedTruncF32x4U
            | V::F64x2PromoteLowF32x4 => types::F32X4,
            V::I32x4TruncSatF64x2Zero
            | V::I32x4TruncSatF64x2UZero
            | V::I32x4RelaxedTruncF64x2Zero
            | V::I32x4RelaxedTruncF64x2UZero
            | V::F32x4DemoteF64x2Zero => types::F64X2,
            // The optimizer would make other instructions of a negation and what uses it, which do not
            // change the sign of a NaN.
            V::F32x4Neg => types::I32X4,
            V::F64x2Neg => types::I64X2,
            V::V128Not
            | V::I8x16Abs
            | V::I16x8Abs
            | V::I32x4Abs
            | V::I64x2Abs
            | V::I8x16Neg
            | V::I16x8Neg
            | V::I32x4Neg
            | V::I64x2Neg
            | V::I8x16Popcnt
            | V::F32x4Abs
            | V::F64x2Abs
            | V::F32x4Ceil
            | V::F64x2Ceil
            | V::F32x4Floor
            | V::F64x2Floor
            | V::F32x4Trunc
            | V::F64x2Trunc
            | V::F32x4Nearest
            | V::F64x2Nearest
            | V::F32x4Sqrt
            | V::F64x2Sqrt => ty,
            _ => return None,
        };
        let [a] = self.pop_lanes(from);
        let ins = self.b.ins();
        Some(match op {
            V::V128Not => ins.bnot(a),
            V::I8x16Abs | V::I16x8Abs | V::I32x4Abs | V::I64x2Abs => ins.iabs(a),
            V::I8x16Neg | V::I16x8Neg | V::I32x4Neg | V::I64x2Neg => ins.ineg(a),
            V::I8x16Popcnt => ins.popcnt(a),
            V::F32x4Abs | V::F64x2Abs => ins.fabs(a),
            V::F32x4Neg | V::F64x2Neg => {
                let bits = u128::from(from.lane_bits());
                let ones = u128::MAX / ((1 << bits) - 1);
                let signs = self.vconst(from, ones << (bits - 1));
                self.b.ins().bxor(a, signs)
            }
            V::F32x4Ceil | V::F64x2Ceil => ins.ceil(a),
            V::F32x4Floor | V::F64x2Floor => ins.floor(a),
            V::F32x4Trunc | V::F64x2Trunc => ins.trunc(a),
            V::F32x4Nearest | V::F64x2Nearest => ins.nearest(a),
            V::F32x4Sqrt | V::F64x2Sqrt => ins.sqrt(a),
            V::I16x8ExtendLowI8x16 | V::I32x4ExtendLowI16x8 | V::I64x2ExtendLowI32x4 => {
                ins.swiden_low(a)
            }
            V::I16x8ExtendHighI8x16 | V::I32x4ExtendHighI16x8 | V::I64x2ExtendHighI32x4 => {
                ins.swiden_high(a)
            }
            V::I16x8ExtendLowI8x16U | V::I32x4ExtendLowI16x8U | V::I64x2ExtendLowI32x4U => {
                ins.uwiden_low(a)
            }
            V::I16x8ExtendHighI8x16U | V::I32x4ExtendHighI16x8U | V::I64x2ExtendHighI32x4U => {
                ins.uwiden_high(a)
            }
            V::I16x8ExtAddPairwiseI8x16 | V::I32x4ExtAddPairwiseI16x8 => {
                let (low, high) = (ins.swiden_low(a), self.b.ins().swiden_high(a));
                self.b.ins().iadd_pairwise(low, high)
            }
            V::I16x8ExtAddPairwiseI8x16U | V::I32x4ExtAddPairwiseI16x8U => {
                let (low, high) = (ins.uwiden_low(a), self.b.ins().uwiden_high(a));
                self.b.ins().iadd_pairwise(low, high)
            }
            V::F32x4ConvertI32x4 => ins.fcvt_from_sint(types::F32X4, a),
            V::F32x4ConvertI32x4U => ins.fcvt_from_uint(types::F32X4, a),
            V::F64x2ConvertLowI32x4 => {
                let low = ins.swiden_low(a);
                self.b.ins().fcvt_from_sint(types::F64X2, low)
            }
            V::F64x2ConvertLowI32x4U => {
                let low = ins.uwiden_low(a);
                self.b.ins().fcvt_from_uint(types::F64X2, low)
            }
            V::F64x2PromoteLowF32x4 => ins.fvpromote_low(a),
            V::F32x4DemoteF64x2Zero => ins.fvdemote(a),
            V::I32x4TruncSatF32x4 | V::I32x4RelaxedTruncF32x4 => {
                ins.fcvt_to_sint_sat(types::I32X4, a)
            }
            V::I32x4TruncSatF32x4U | V::I32x4RelaxedTruncF32x4U => {
                ins.fcvt_to_uint_sat(types::I32X4, a)
            }
            V::I32x4TruncSatF64x2Zero | V::I32x4RelaxedTruncF64x2Zero => {
                let wide = ins.fcvt_to_sint_sat(types::I64X2, a);
                let zero = self.vconst(types::I64X2, 0);
                self.b.ins().snarrow(wide, zero)
            }
            _ => {
                let wide = ins.fcvt_to_uint_sat(types::I64X2, a);
                let zero = self.vconst(types::I64X2, 0);
                self.b.ins().uunarrow(wide, zero)
            }
        })
    }

    /// Instructions of two vectors.
    fn binary_lanes(&mut self, op: VectorOp, ty: Type, instr: &Instr) -> Value {
        use VectorOp as V;
        let from = match op {
            V::I8x16NarrowI16x8 | V::I8x16NarrowI16x8U => types::I16X8,
            V::I16x8NarrowI32x4 | V::I16x8NarrowI32x4U => types::I32X4,
            V::I16x8ExtMulLowI8x16
            | V::I16x8ExtMulHighI8x16
            | V::I16x8ExtMulLowI8x16U
            | V::I16x8ExtMulHighI8x16U
            | V::I16x8RelaxedDotI8x16I7x16 => types::I8X16,
            V::I32x4ExtMulLowI16x8
            | V::I32x4ExtMulHighI16x8
            | V::I32x4ExtMulLowI16x8U
            | V::I32x4ExtMulHighI16x8U
            | V::I32x4DotI16x8 => types::I16X8,
            V::I64x2ExtMulLowI32x4
            | V::I64x2ExtMulHighI32x4
            | V::I64x2ExtMulLowI32x4U
            | V::I64x2ExtMulHighI32x4U => types::I32X4,
            _ => ty,
        };
        let [a, b] = self.pop_lanes(from);
        match op {
            V::F32x4Add | V::F64x2Add | V::F32x4Mul | V::F64x2Mul => self.keep_order(a, b),
            V::F32x4Min | V::F64x2Min | V::F32x4RelaxedMin | V::F64x2RelaxedMin => {
                return self.least(a, b);
            }
            V::F32x4Max | V::F64x2Max | V::F32x4RelaxedMax | V::F64x2RelaxedMax => {
                return self.greatest(a, b);
            }
            V::F32x4PMin | V::F64x2PMin => return self.lesser(b, a),
            V::F32x4PMax | V::F64x2PMax => return self.greater(b, a),
            _ => {}
        }
        let ins = self.b.ins();
        match op {
            V::I8x16Shuffle => {
                let lanes = ConstantData::from(&instr.vector().to_le_bytes()[..]);
                let lanes = self.b.func.dfg.immediates.push(lanes);
                self.b.ins().shuffle(a, b, lanes)
            }
            V::I8x16Swizzle | V::I8x16RelaxedSwizzle => ins.swizzle(a, b),
            V::V128And => ins.band(a, b),
            V::V128AndNot => ins.band_not(a, b),
            V::V128Or => ins.bor(a, b),
            V::V128Xor => ins.bxor(a, b),
            V::I8x16Add | V::I16x8Add | V::I32x4Add | V::I64x2Add => ins.iadd(a, b),
            V::I8x16AddSat | V::I16x8AddSat => ins.sadd_sat(a, b),
            V::I8x16AddSatU | V::I16x8AddSatU => ins.uadd_sat(a, b),
            V::I8x16Sub | V::I16x8Sub | V::I32x4Sub | V::I64x2Sub => ins.isub(a, b),
            V::I8x16SubSat | V::I16x8SubSat => ins.ssub_sat(a, b),
            V::I8x16SubSatU | V::I16x8SubSatU => ins.usub_sat(a, b),
            V::I16x8Mul | V::I32x4Mul | V::I64x2Mul => ins.imul(a, b),
            V::I8x16Min | V::I16x8Min | V::I32x4Min => ins.smin(a, b),
            V::I8x16MinU | V::I16x8MinU | V::I32x4MinU => ins.umin(a, b),
            V::I8x16Max | V::I16x8Max | V::I32x4Max => ins.smax(a, b),
            V::I8x16MaxU | V::I16x8MaxU | V::I32x4MaxU => ins.umax(a, b),
            V::I8x16AvgrU | V::I16x8AvgrU => ins.avg_round(a, b),
            V::I16x8Q15MulrSat | V::I16x8RelaxedQ15Mulr => ins.sqmul_round_sat(a, b),
            V::I8x16NarrowI16x8 | V::I16x8NarrowI32x4 => ins.snarrow(a, b),
            V::I8x16NarrowI16x8U | V::I16x8NarrowI32x4U => ins.unarrow(a, b),
            V::I16x8ExtMulLowI8x16 | V::I32x4ExtMulLowI16x8 | V::I64x2ExtMulLowI32x4 => {
                let (a, b) = (ins.swiden_low(a), self.b.ins().swiden_low(b));
                self.b.ins().imul(a, b)
            }
            V::I16x8ExtMulHighI8x16 | V::I32x4ExtMulHighI16x8 | V::I64x2ExtMulHighI32x4 => {
                let (a, b) = (ins.swiden_high(a), self.b.ins().swiden_high(b));
                self.b.ins().imul(a, b)
            }
            V::I16x8ExtMulLowI8x16U | V::I32x4ExtMulLowI16x8U | V::I64x2ExtMulLowI32x4U => {
                let (a, b) = (ins.uwiden_low(a), self.b.ins().uwiden_low(b));
                self.b.ins().imul(a, b)
            }
            V::I16x8ExtMulHighI8x16U | V::I32x4ExtMulHighI16x8U | V::I64x2ExtMulHighI32x4U => {
                let (a, b) = (ins.uwiden_high(a), self.b.ins().uwiden_high(b));
                self.b.ins().imul(a, b)
            }
            V::I32x4DotI16x8 | V::I16x8RelaxedDotI8x16I7x16 => self.dot(a, b),
            V::F32x4Add | V::F64x2Add => ins.fadd(a, b),
            V::F32x4Sub | V::F64x2Sub => ins.fsub(a, b),
            V::F32x4Mul | V::F64x2Mul => ins.fmul(a, b),
            V::F32x4Div | V::F64x2Div => ins.fdiv(a, b),
            op => unreachable!("{op:?} is not of two vectors"),
        }
    }

    /// Sums of the products of neighbouring lanes.
    fn dot(&mut self, a: Value, b: Value) -> Value {
        let (low_a, low_b) = (self.b.ins().swiden_low(a), self.b.ins().swiden_low(b));
        let low = self.b.ins().imul(low_a, low_b);
        let (high_a, high_b) = (self.b.ins().swiden_high(a), self.b.ins().swiden_high(b));
        let high = self.b.ins().imul(high_a, high_b);
        self.b.ins().iadd_pairwise(low, high)
    }

    /// Sums of the products of four neighbouring bytes.
    fn dot_of_bytes(&mut self, a: Value, b: Value) -> Value {
        let (low_a, low_b) = (self.b.ins().swiden_low(a), self.b.ins().swiden_low(b));
        let low = self.dot(low_a, low_b);
        let (high_a, high_b) = (self.b.ins().swiden_high(a), self.b.ins().swiden_high(b));
        let high = self.dot(high_a, high_b);
        self.b.ins().iadd_pairwise(low, high)
    }

    /// `a` where it is less, else `b`: one instruction of the processor.
    fn lesser(&mut self, a: Value, b: Value) -> Value {
        let ty = self.b.func.dfg.value_type(a);
        let less = self.b.ins().fcmp(FloatCC::LessThan, a, b);
        let less = self.cast(less, ty);
        self.b.ins().bitselect(less, a, b)
    }

    /// `a` where it is greater, else `b`: one instruction of the processor.
    fn greater(&mut self, a: Value, b: Value) -> Value {
        let ty = self.b.func.dfg.value_type(a);
        let greater = self.b.ins().fcmp(FloatCC::LessThan, b, a);
        let greater = self.cast(greater, ty);
        self.b.ins().bitselect(greater, a, b)
    }

    /// The lesser of each lane, zeros with their signs, or the default NaN.
    fn least(&mut self, a: Value, b: Value) -> Value {
        let (x, y) = (self.lesser(a, b), self.lesser(b, a));
        let least = self.b.ins().bor(x, y);
        self.unless_nan(a, b, least)
    }

    /// The greater of each lane, zeros with their signs, or the default NaN.
    fn greatest(&mut self, a: Value, b: Value) -> Value {
        let (x, y) = (self.greater(a, b), self.greater(b, a));
        let greatest = self.b.ins().band(x, y);
        self.unless_nan(a, b, greatest)
    }

    /// The lanes of `value`, or the default NaN where `a` or `b` is one.
    fn unless_nan(&mut self, a: Value, b: Value, value: Value) -> Value {
        let ty = self.b.func.dfg.value_type(value);
        let nan = match ty {
            types::F32X4 => self.vconst(ty, u128::MAX / u128::from(u32::MAX) * 0xffc0_0000),
            _ => self.vconst(ty, u128::MAX / u128::from(u64::MAX) * 0xfff8_0000_0000_0000),
        };
        let ordered = self.b.ins().fcmp(FloatCC::Ordered, a, b);
        let ordered = self.cast(ordered, ty);
        self.b.ins().bitselect(ordered, value, nan)
    }

    /// Keeps the load of an operand from becoming part of the instruction that uses it.
    fn keep_apart(&mut self, value: Value) {
        let dfg = &self.b.func.dfg;
        if let Some(inst) = dfg.value_def(value).inst()
            && dfg.insts[inst].opcode() == Opcode::Load
        {
            self.b.ins().sequence_point();
        }
    }
}

enum Comparison {
    Int(IntCC),
    Float(FloatCC),
}

/// The condition of a comparison.
fn comparison(op: VectorOp) -> Option<Comparison> {
    use Comparison::{Float, Int};
    use VectorOp as V;
    Some(match op {
        V::I8x16Eq | V::I16x8Eq | V::I32x4Eq | V::I64x2Eq => Int(IntCC::Equal),
        V::I8x16Ne | V::I16x8Ne | V::I32x4Ne | V::I64x2Ne => Int(IntCC::NotEqual),
        V::I8x16Lt | V::I16x8Lt | V::I32x4Lt | V::I64x2Lt => Int(IntCC::SignedLessThan),
        V::I8x16LtU | V::I16x8LtU | V::I32x4LtU => Int(IntCC::UnsignedLessThan),
        V::I8x16Gt | V::I16x8Gt | V::I32x4Gt | V::I64x2Gt => Int(IntCC::SignedGreaterThan),
        V::I8x16GtU | V::I16x8GtU | V::I32x4GtU => Int(IntCC::UnsignedGreaterThan),
        V::I8x16Le | V::I16x8Le | V::I32x4Le | V::I64x2Le => Int(IntCC::SignedLessThanOrEqual),
        V::I8x16LeU | V::I16x8LeU | V::I32x4LeU => Int(IntCC::UnsignedLessThanOrEqual),
        V::I8x16Ge | V::I16x8Ge | V::I32x4Ge | V::I64x2Ge => Int(IntCC::SignedGreaterThanOrEqual),
        V::I8x16GeU | V::I16x8GeU | V::I32x4GeU => Int(IntCC::UnsignedGreaterThanOrEqual),
        V::F32x4Eq | V::F64x2Eq => Float(FloatCC::Equal),
        V::F32x4Ne | V::F64x2Ne => Float(FloatCC::NotEqual),
        V::F32x4Lt | V::F64x2Lt => Float(FloatCC::LessThan),
        V::F32x4Gt | V::F64x2Gt => Float(FloatCC::GreaterThan),
        V::F32x4Le | V::F64x2Le => Float(FloatCC::LessThanOrEqual),
        V::F32x4Ge | V::F64x2Ge => Float(FloatCC::GreaterThanOrEqual),
        _ => return None,
    })
}

/// What of a processor matters to vectors: without it, Cranelift would call functions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Processor {
    /// Rounding, and moving bytes about (SSE4.1 and SSSE3).
    pub(crate) rounds_and_shuffles: bool,
    /// Fused multiplication and addition.
    pub(crate) fma: bool,
    /// All that [kernels](crate::kernels) use (AVX2, FMA, BMI1 and BMI2, LZCNT, POPCNT).
    pub(crate) kernels: bool,
    /// Additions with either of two carries (ADX), for kernels on wide integers.
    pub(crate) two_carries: bool,
    /// Shifts of bits from one register into another take one step, as in Intel's processors; in AMD's, many.
    pub(crate) double_shifts: bool,
}

impl Processor {
    fn has(self, op: VectorOp) -> bool {
        use VectorOp as V;
        match op {
            V::F32x4RelaxedMadd
            | V::F32x4RelaxedNmadd
            | V::F64x2RelaxedMadd
            | V::F64x2RelaxedNmadd => self.fma,
            V::F32x4Ceil
            | V::F64x2Ceil
            | V::F32x4Floor
            | V::F64x2Floor
            | V::F32x4Trunc
            | V::F64x2Trunc
            | V::F32x4Nearest
            | V::F64x2Nearest
            | V::I32x4TruncSatF64x2UZero
            | V::I32x4RelaxedTruncF64x2UZero
            | V::I8x16Shuffle
            | V::I8x16Swizzle
            | V::I8x16RelaxedSwizzle => self.rounds_and_shuffles,
            _ => true,
        }
    }
}
