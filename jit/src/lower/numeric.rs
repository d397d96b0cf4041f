//! Pure instructions.
//!
//! Their meaning is that of [`dotvm_isa::semantics`]. What the target has no instruction for is
//! computed there, through the libcall `evaluate`.

use std::mem::offset_of;

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Opcode, Type, Value, types};
use dotvm_isa::abi::Libcalls;
use dotvm_isa::{Instr, TrapCode, ValType};

use super::{BinaryOp, Lowerer, Operand, UnaryOp, trap_code};

impl Lowerer<'_, '_> {
    pub(super) fn unary(&mut self, op: UnaryOp, instr: &Instr) {
        use UnaryOp as U;
        let a = self.pop_one();
        let ty = instr.op.result().expect("a pure instruction");
        let ins = self.b.ins();
        let value = match op {
            U::I32Eqz | U::I64Eqz => {
                let is_zero = ins.icmp_imm_s(IntCC::Equal, a, 0);
                return self.push_bool(is_zero);
            }
            U::I32Clz | U::I64Clz => ins.clz(a),
            U::I32Ctz | U::I64Ctz => ins.ctz(a),
            U::I32Popcnt | U::I64Popcnt => ins.popcnt(a),
            U::I32Neg | U::I64Neg => ins.ineg(a),
            U::I32Not | U::I64Not => ins.bnot(a),
            U::F32Abs | U::F64Abs => ins.fabs(a),
            U::F32Neg | U::F64Neg => ins.fneg(a),
            U::F32Ceil | U::F64Ceil => ins.ceil(a),
            U::F32Floor | U::F64Floor => ins.floor(a),
            U::F32Trunc | U::F64Trunc => ins.trunc(a),
            U::F32Nearest | U::F64Nearest => ins.nearest(a),
            U::F32Sqrt | U::F64Sqrt => ins.sqrt(a),
            U::I32WrapI64 => ins.ireduce(types::I32, a),
            U::I64ExtendI32 => ins.sextend(types::I64, a),
            U::I64ExtendI32U => ins.uextend(types::I64, a),
            U::I32Extend8 => self.extend(types::I8, types::I32, a),
            U::I32Extend16 => self.extend(types::I16, types::I32, a),
            U::I64Extend8 => self.extend(types::I8, types::I64, a),
            U::I64Extend16 => self.extend(types::I16, types::I64, a),
            U::I64Extend32 => self.extend(types::I32, types::I64, a),
            U::I32ReinterpretF32 => ins.bitcast(types::I32, MemFlagsData::new(), a),
            U::I64ReinterpretF64 => ins.bitcast(types::I64, MemFlagsData::new(), a),
            U::F32ReinterpretI32 => ins.bitcast(types::F32, MemFlagsData::new(), a),
            U::F64ReinterpretI64 => ins.bitcast(types::F64, MemFlagsData::new(), a),
            U::F32ConvertI32 | U::F32ConvertI64 => ins.fcvt_from_sint(types::F32, a),
            U::F32ConvertI32U | U::F32ConvertI64U => ins.fcvt_from_uint(types::F32, a),
            U::F64ConvertI32 | U::F64ConvertI64 => ins.fcvt_from_sint(types::F64, a),
            U::F64ConvertI32U | U::F64ConvertI64U => ins.fcvt_from_uint(types::F64, a),
            U::F32DemoteF64 => ins.fdemote(types::F32, a),
            U::F64PromoteF32 => ins.fpromote(types::F64, a),
            U::I32TruncF32 | U::I32TruncF64 => ins.fcvt_to_sint(types::I32, a),
            U::I32TruncF32U | U::I32TruncF64U => ins.fcvt_to_uint(types::I32, a),
            U::I64TruncF32 | U::I64TruncF64 => ins.fcvt_to_sint(types::I64, a),
            U::I64TruncF32U | U::I64TruncF64U => ins.fcvt_to_uint(types::I64, a),
            U::I32TruncSatF32 | U::I32TruncSatF64 => ins.fcvt_to_sint_sat(types::I32, a),
            U::I32TruncSatF32U | U::I32TruncSatF64U => ins.fcvt_to_uint_sat(types::I32, a),
            U::I64TruncSatF32 | U::I64TruncSatF64 => ins.fcvt_to_sint_sat(types::I64, a),
            U::I64TruncSatF32U | U::I64TruncSatF64U => ins.fcvt_to_uint_sat(types::I64, a),
        };
        self.push(ty, value);
    }

    fn extend(&mut self, from: Type, to: Type, a: Value) -> Value {
        let narrow = self.b.ins().ireduce(from, a);
        self.b.ins().sextend(to, narrow)
    }

    pub(super) fn binary(&mut self, op: BinaryOp, instr: &Instr) {
        use BinaryOp as B;
        let b = self.pop_one();
        let a = self.pop_one();
        if let Some(condition) = comparison(op) {
            let value = match condition {
                Comparison::Int(condition) => self.b.ins().icmp(condition, a, b),
                Comparison::Float(condition) => self.b.ins().fcmp(condition, a, b),
            };
            return self.push_bool(value);
        }
        let ty = instr.op.result().expect("a pure instruction");
        if matches!(op, B::I64AddChecked | B::I64SubChecked | B::I64MulChecked) {
            let value = self.checked(op, a, b);
            return self.push(ty, value);
        }
        if matches!(op, B::F32Add | B::F64Add | B::F32Mul | B::F64Mul) {
            self.keep_order(a, b);
        }
        let ins = self.b.ins();
        let value = match op {
            B::I32Add | B::I64Add => ins.iadd(a, b),
            B::I32Sub | B::I64Sub => ins.isub(a, b),
            B::I32Mul | B::I64Mul => ins.imul(a, b),
            B::I32Div | B::I64Div => ins.sdiv(a, b),
            B::I32DivU | B::I64DivU => ins.udiv(a, b),
            B::I32Mod | B::I64Mod => ins.srem(a, b),
            B::I32ModU | B::I64ModU => ins.urem(a, b),
            B::I32And | B::I64And => ins.band(a, b),
            B::I32Or | B::I64Or => ins.bor(a, b),
            B::I32Xor | B::I64Xor => ins.bxor(a, b),
            B::I32Shl | B::I64Shl => ins.ishl(a, b),
            B::I32Shr | B::I64Shr => ins.sshr(a, b),
            B::I32ShrU | B::I64ShrU => ins.ushr(a, b),
            B::I32Rotl | B::I64Rotl => ins.rotl(a, b),
            B::I32Rotr | B::I64Rotr => ins.rotr(a, b),
            B::F32Add | B::F64Add => ins.fadd(a, b),
            B::F32Sub | B::F64Sub => ins.fsub(a, b),
            B::F32Mul | B::F64Mul => ins.fmul(a, b),
            B::F32Div | B::F64Div => ins.fdiv(a, b),
            // Of two NaNs, they give the second one.
            B::F32Min | B::F64Min => ins.fmin(b, a),
            B::F32Max | B::F64Max => ins.fmax(b, a),
            B::F32Copysign | B::F64Copysign => ins.fcopysign(a, b),
            B::F32Mod | B::F64Mod => return self.evaluate(instr, ty, &[a, b]),
            B::I64AddChecked | B::I64SubChecked | B::I64MulChecked => {
                unreachable!("checked results are done")
            }
            B::I32Eq
            | B::I32Ne
            | B::I32Lt
            | B::I32LtU
            | B::I32Gt
            | B::I32GtU
            | B::I32Le
            | B::I32LeU
            | B::I32Ge
            | B::I32GeU
            | B::I64Eq
            | B::I64Ne
            | B::I64Lt
            | B::I64LtU
            | B::I64Gt
            | B::I64GtU
            | B::I64Le
            | B::I64LeU
            | B::I64Ge
            | B::I64GeU
            | B::F32Eq
            | B::F32Ne
            | B::F32Lt
            | B::F32Gt
            | B::F32Le
            | B::F32Ge
            | B::F64Eq
            | B::F64Ne
            | B::F64Lt
            | B::F64Gt
            | B::F64Le
            | B::F64Ge => {
                unreachable!("comparisons are done")
            }
        };
        self.push(ty, value);
    }

    /// A sum, a difference or a product, behind a trap where it does not fit.
    fn checked(&mut self, op: BinaryOp, a: Value, b: Value) -> Value {
        use BinaryOp as B;
        let (value, overflow) = match (op, self.constant(b).map(u64::cast_signed)) {
            // A sum has to be on the side of the other operand where the constant leads: one comparison, and no
            // flag that has to be made a value first.
            (B::I64AddChecked, Some(constant)) => {
                let sum = self.b.ins().iadd(a, b);
                (sum, self.is_beyond(constant >= 0, sum, a))
            }
            (B::I64SubChecked, Some(constant)) => {
                let difference = self.b.ins().isub(a, b);
                (difference, self.is_beyond(constant < 0, difference, a))
            }
            (B::I64AddChecked, None) => self.b.ins().sadd_overflow(a, b),
            (B::I64SubChecked, None) => self.b.ins().ssub_overflow(a, b),
            _ => self.b.ins().smul_overflow(a, b),
        };
        self.b
            .ins()
            .trapnz(overflow, trap_code(TrapCode::IntegerOverflow));
        value
    }

    /// Whether a result is on the wrong side of an operand, because it has wrapped.
    fn is_beyond(&mut self, goes_up: bool, result: Value, operand: Value) -> Value {
        let condition = match goes_up {
            true => IntCC::SignedLessThan,
            false => IntCC::SignedGreaterThan,
        };
        self.b.ins().icmp(condition, result, operand)
    }

    /// Keeps an addition's or multiplication's first operand the first one: Cranelift exchanges them
    /// to make the load of that operand part of the instruction, and which NaN comes out depends on
    /// the order. It does not where something lies between that stays in its place.
    pub(super) fn keep_order(&mut self, a: Value, b: Value) {
        let dfg = &self.b.func.dfg;
        let load = |value| {
            let inst = dfg.value_def(value).inst()?;
            (dfg.insts[inst].opcode() == Opcode::Load).then_some(inst)
        };
        if load(a).is_some() && load(a) >= load(b) {
            self.b.ins().sequence_point();
        }
    }

    /// Has the runtime compute a pure instruction.
    fn evaluate(&mut self, instr: &Instr, ty: ValType, operands: &[Value]) {
        let operands: Vec<Operand> = operands
            .iter()
            .map(|&value| Operand::new(ty, &[value]))
            .collect();
        let at = offset_of!(Libcalls, evaluate);
        self.call_libcall(at, &operands, instr.op as u64, Some(ty));
    }
}

enum Comparison {
    Int(IntCC),
    Float(FloatCC),
}

/// The condition of a comparison.
fn comparison(op: BinaryOp) -> Option<Comparison> {
    use BinaryOp as B;
    use Comparison::{Float, Int};
    Some(match op {
        B::I32Eq | B::I64Eq => Int(IntCC::Equal),
        B::I32Ne | B::I64Ne => Int(IntCC::NotEqual),
        B::I32Lt | B::I64Lt => Int(IntCC::SignedLessThan),
        B::I32LtU | B::I64LtU => Int(IntCC::UnsignedLessThan),
        B::I32Gt | B::I64Gt => Int(IntCC::SignedGreaterThan),
        B::I32GtU | B::I64GtU => Int(IntCC::UnsignedGreaterThan),
        B::I32Le | B::I64Le => Int(IntCC::SignedLessThanOrEqual),
        B::I32LeU | B::I64LeU => Int(IntCC::UnsignedLessThanOrEqual),
        B::I32Ge | B::I64Ge => Int(IntCC::SignedGreaterThanOrEqual),
        B::I32GeU | B::I64GeU => Int(IntCC::UnsignedGreaterThanOrEqual),
        B::F32Eq | B::F64Eq => Float(FloatCC::Equal),
        B::F32Ne | B::F64Ne => Float(FloatCC::NotEqual),
        B::F32Lt | B::F64Lt => Float(FloatCC::LessThan),
        B::F32Gt | B::F64Gt => Float(FloatCC::GreaterThan),
        B::F32Le | B::F64Le => Float(FloatCC::LessThanOrEqual),
        B::F32Ge | B::F64Ge => Float(FloatCC::GreaterThanOrEqual),
        _ => return None,
    })
}
