//! Pure instructions that are computed by functions.

use std::mem::offset_of;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AbiParam, InstBuilder, Signature, StackSlot, StackSlotData, StackSlotKind, Type, Value, types,
};
use cranelift_codegen::isa::CallConv;
use dotvm_isa::abi::{Functions, Libcalls, NativeStack, Signals, VmContext, VmState};
use dotvm_isa::ops::Sig;
use dotvm_isa::semantics::{is_folded, traps};
use dotvm_isa::{Instr, TrapCode, ValType};

use super::{Lowerer, constant_flags, trap_code};
use crate::native::functions;

/// A result of a division.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Divided {
    Quotient,
    Remainder,
}

impl Lowerer<'_, '_> {
    /// An instruction of the groups `wide` and `pair`, computed by its function. Operands and results are
    /// passed in slots of the native stack.
    pub(super) fn call_function(&mut self, instr: &Instr) {
        let Sig::Fixed(params, results) = instr.op.info().sig else {
            unreachable!("pure instructions have fixed signatures");
        };
        let operands = self.stack.split_off(self.stack.len() - params.len());
        let slots = |types: &[ValType]| types.iter().map(|ty| ty.slots()).sum::<u32>();
        let passed = self.passed_slots(slots(params).max(slots(results)));
        let place = self.b.ins().stack_addr(types::I64, passed, 0);
        let mut at = 0;
        for operand in operands {
            self.store_slots(place, at, &operand);
            at += operand.ty.slots();
        }
        let immediate = self.b.ins().iconst(types::I64, instr.a.cast_signed());
        let at = functions::offset(instr.op);
        let status = self.call_at(at, &[place, immediate], &[types::I32])[0];
        self.trap_by_status(status, traps(instr.op));
        if !is_folded(instr.op) {
            self.look_at_signals(place);
        }
        let mut at = 0;
        for &ty in results {
            let value = self.load_slots(place, at, ty);
            self.stack.push(value);
            at += ty.slots();
        }
    }

    /// Quotient or remainder of unsigned numbers of 128 bits, by a function that has them in registers. The
    /// divisor is not 0.
    pub(super) fn call_division(
        &mut self,
        wanted: Divided,
        a: &[Value],
        b: &[Value],
    ) -> Vec<Value> {
        let at = match wanted {
            Divided::Quotient => offset_of!(Functions<0>, quotient),
            Divided::Remainder => offset_of!(Functions<0>, remainder),
        };
        let limbs = self.call_at(at, &[a, b].concat(), &[types::I64; 2]);
        let passed = self.passed_slots(1);
        let place = self.b.ins().stack_addr(types::I64, passed, 0);
        self.look_at_signals(place);
        limbs
    }

    /// Calls what is at that offset among the functions.
    fn call_at(&mut self, at: usize, args: &[Value], results: &[Type]) -> Vec<Value> {
        self.check_reserve();
        let mut signature = Signature::new(CallConv::SystemV);
        signature.params = vec![AbiParam::new(types::I64); args.len()];
        signature.returns = results.iter().map(|&ty| AbiParam::new(ty)).collect();
        let signature = self.b.import_signature(signature);
        let table = self.native_field(offset_of!(NativeStack, functions));
        let function = self
            .b
            .ins()
            .load(types::I64, constant_flags(), table, at as i32);
        let call = self.b.ins().call_indirect(signature, function, args);
        self.b.inst_results(call).to_vec()
    }

    /// So many slots of the native stack, the same ones each time.
    fn passed_slots(&mut self, slots: u32) -> StackSlot {
        let data = StackSlotData::new(StackSlotKind::ExplicitSlot, slots * 8, 3);
        match self.passed {
            Some(slot) => {
                let known = &mut self.b.func.sized_stack_slots[slot];
                known.size = known.size.max(data.size);
                slot
            }
            None => *self.passed.insert(self.b.create_sized_stack_slot(data)),
        }
    }

    /// A field of the native stack, which does not change while code runs.
    fn native_field(&mut self, offset: usize) -> Value {
        let state = self.state();
        let at = offset_of!(VmState, native) + offset;
        self.b
            .ins()
            .load(types::I64, constant_flags(), state, at as i32)
    }

    /// Traps where the native stack has no room for a call of what is not machine code.
    fn check_reserve(&mut self) {
        let sp = self.b.ins().get_stack_pointer(types::I64);
        let end = self.native_field(offset_of!(NativeStack, reserve_end));
        let beyond = self.b.ins().icmp(IntCC::UnsignedLessThan, sp, end);
        let trap = trap_code(TrapCode::StackExhausted);
        self.b.ins().trapnz(beyond, trap);
    }

    /// Traps where a status is the code of one of these traps, which are all that there may be.
    fn trap_by_status(&mut self, status: Value, traps: &[TrapCode]) {
        let Some((&last, others)) = traps.split_last() else {
            return;
        };
        for &code in others {
            let is_it = self
                .b
                .ins()
                .icmp_imm_s(IntCC::Equal, status, i64::from(code as u8));
            self.b.ins().trapnz(is_it, trap_code(code));
        }
        self.b.ins().trapnz(status, trap_code(last));
    }

    /// Looks whether code is to stop, after a call in which what asks it to may have been in vain: code that
    /// does little else would hardly ever be found at an instruction of its own.
    fn look_at_signals(&mut self, slots: Value) {
        let signals = self.ctx_field(offset_of!(VmContext, signals));
        let flags = self.state_flags();
        let at = offset_of!(Signals, hot_limit) as i32;
        let limit = self.b.ins().load(types::I32, flags, signals, at);
        let (asked, after) = (self.create_block(true), self.create_block(self.cold));
        self.b.ins().brif(limit, after, &[], asked, &[]);
        self.enter(asked);
        let counter = self.b.ins().iconst(types::I64, 0);
        self.call_row(offset_of!(Libcalls, safepoint), slots, counter);
        self.b.ins().jump(after, &[]);
        self.enter(after);
    }
}
