//! Values: the operand stack, locals, globals, constants, references.

use std::mem::offset_of;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use dotvm_isa::abi::VmContext;
use dotvm_isa::bits::Bits;
use dotvm_isa::instr::InstrReader;
use dotvm_isa::{Instr, TrapCode, ValType};

use super::{Lowerer, MAX_LIMBS, Operand, constant_flags, limb_type, trap_code};

impl Lowerer<'_, '_> {
    /// The slots of a constant that is pushed.
    pub(super) fn wide_constant(&self, instr: &Instr) -> Bits {
        let defined = self.body.analysis.defined;
        let code = InstrReader::new(self.request.module.body(defined), defined);
        code.constant(instr)
    }

    /// Pops `take` values and pushes those of the given positions, 0 being the deepest popped.
    pub(super) fn rearrange(&mut self, take: usize, order: &[usize]) {
        let popped = self.stack.split_off(self.stack.len() - take);
        self.stack.extend(order.iter().map(|&i| popped[i]));
    }

    pub(super) fn drop_top(&mut self) {
        self.pop();
    }

    pub(super) fn pick(&mut self, depth: usize) {
        let value = self.stack[self.stack.len() - 1 - depth];
        self.stack.push(value);
    }

    pub(super) fn slide(&mut self, dropped: usize, kept: usize) {
        let end = self.stack.len() - kept;
        self.stack.drain(end - dropped..end);
    }

    pub(super) fn select(&mut self) {
        let condition = self.pop_one();
        let (b, a) = (self.pop(), self.pop());
        let mut limbs = [Value::from_u32(0); MAX_LIMBS];
        for (i, limb) in limbs[..a.limbs().len()].iter_mut().enumerate() {
            *limb = self.b.ins().select(condition, a.limbs[i], b.limbs[i]);
        }
        self.stack.push(Operand { ty: a.ty, limbs });
    }

    pub(super) fn local_get(&mut self, local: usize) {
        let ty = self.body.analysis.locals[local];
        let mut limbs = [Value::from_u32(0); MAX_LIMBS];
        for (i, &variable) in self.body.locals[local].iter().enumerate() {
            limbs[i] = self.b.use_var(variable);
        }
        self.stack.push(Operand { ty, limbs });
    }

    pub(super) fn local_set(&mut self, local: usize) {
        let value = self.pop();
        self.set(local, &value);
    }

    pub(super) fn local_tee(&mut self, local: usize) {
        let value = *self.stack.last().expect("verified");
        self.set(local, &value);
    }

    fn set(&mut self, local: usize, value: &Operand) {
        for (i, &limb) in value.limbs().iter().enumerate() {
            self.b.def_var(self.body.locals[local][i], limb);
        }
        self.keep_local(local, value);
    }

    /// Where a global's slots are.
    fn global(&mut self, global: u32) -> (Value, i32, MemFlagsData) {
        let flags = MemFlagsData::trusted().with_alias_region(Some(self.regions.globals));
        let env = self.request.env;
        if let Some(defined) = global.checked_sub(env.spaces.imported_globals) {
            let slot = env.own_globals[defined as usize];
            return (self.ctx, VmContext::own_global(slot) as i32, flags);
        }
        let list = self.ctx_field(offset_of!(VmContext, globals));
        let offset = global as i32 * 8;
        let place = self
            .b
            .ins()
            .load(types::I64, constant_flags(), list, offset);
        (place, 0, flags)
    }

    pub(super) fn global_get(&mut self, global: u32) {
        let ty = self.request.env.spaces.globals[global as usize].ty;
        let (place, at, flags) = self.global(global);
        let value = super::load_slots(&mut self.b, flags, (place, at), ty);
        self.stack.push(value);
    }

    pub(super) fn global_set(&mut self, global: u32) {
        let value = self.pop();
        let (place, at, flags) = self.global(global);
        super::store_slots(&mut self.b, flags, (place, at), value.limbs());
    }

    pub(super) fn i32_push(&mut self, bits: u64) {
        let value = self.b.ins().iconst(types::I32, i64::from(bits as u32));
        self.push(ValType::I32, value);
    }

    pub(super) fn i64_push(&mut self, bits: u64) {
        let value = self.b.ins().iconst(types::I64, bits as i64);
        self.push(ValType::I64, value);
    }

    pub(super) fn f32_push(&mut self, bits: u64) {
        let value = self.b.ins().f32const(Ieee32::with_bits(bits as u32));
        self.push(ValType::F32, value);
    }

    pub(super) fn f64_push(&mut self, bits: u64) {
        let value = self.b.ins().f64const(Ieee64::with_bits(bits));
        self.push(ValType::F64, value);
    }

    pub(super) fn ref_null(&mut self, code: u8) {
        let ty = ValType::from_code(code).expect("verified");
        let null = self.zero(limb_type(ty));
        self.push(ty, null);
    }

    pub(super) fn ref_is_null(&mut self) {
        let reference = self.pop_one();
        let is_null = self.b.ins().icmp_imm_s(IntCC::Equal, reference, 0);
        self.push_bool(is_null);
    }

    pub(super) fn ref_eq(&mut self) {
        let (b, a) = (self.pop_one(), self.pop_one());
        let equal = self.b.ins().icmp(IntCC::Equal, a, b);
        self.push_bool(equal);
    }

    pub(super) fn ref_as_non_null(&mut self) {
        let reference = self.stack.last().expect("verified").limbs[0];
        let trap = trap_code(TrapCode::NullReference);
        self.b.ins().trapz(reference, trap);
    }

    /// Pushes the result of a comparison.
    pub(super) fn push_bool(&mut self, condition: Value) {
        let value = self.b.ins().uextend(types::I32, condition);
        self.push(ValType::I32, value);
    }
}
