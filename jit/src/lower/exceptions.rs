//! Exceptions: calls that may throw where something catches that, and what happens then.
//!
//! Such a call ends its block. The unwinder, which the runtime has, knows from the [tables](crate::tables)
//! what each catches and where that goes on: in a landing of its own for each catch of each call, which
//! gets the reference to the exception in a register, puts its values onto the operand stack, and goes where
//! the catch leads. It is out of the way, and everything that it needs is in the frame, as behind any call.

use std::mem::offset_of;

use cranelift_codegen::ir::{
    Block, BlockArg, ExceptionTableData, ExceptionTableItem, ExceptionTag, FuncRef, InstBuilder,
    SigRef, StackSlotData, StackSlotKind, Type, Value, types,
};
use dotvm_isa::abi::Libcalls;
use dotvm_isa::{Catch, TrapCode, ValType};

use super::Lowerer;
use crate::tables::ALL_TAGS;

/// What is called.
#[derive(Clone, Copy)]
pub(super) enum Code {
    /// A function of this compiler.
    Func(FuncRef),
    /// What is at an address.
    Address(Value),
}

impl Lowerer<'_, '_> {
    /// Whether something in the unit may catch what is thrown here.
    pub(super) fn is_in_region(&self) -> bool {
        !self.catches().is_empty()
    }

    /// What may catch what is thrown here, and the number of values that stay on the operand stack. Bodies
    /// that throw are not inlined where something catches that.
    fn catches(&self) -> Vec<(Catch<u32>, usize)> {
        match self.around.is_empty() {
            true => self.body.analysis.catches(self.offset).to_vec(),
            false => Vec::new(),
        }
    }

    /// Calls something that may throw; returns its results.
    pub(super) fn invoke(&mut self, code: Code, signature: SigRef, args: &[Value]) -> Vec<Value> {
        self.keep_references();
        let catches = self.catches();
        if catches.is_empty() {
            let call = match code {
                Code::Func(func) => self.b.ins().call(func, args),
                Code::Address(address) => self.b.ins().call_indirect(signature, address, args),
            };
            return self.b.inst_results(call).to_vec();
        }
        let after = self.create_block(false);
        let returns = &self.b.func.dfg.signatures[signature].returns;
        let returns: Vec<Type> = returns.iter().map(|result| result.value_type).collect();
        let mut results = Vec::with_capacity(returns.len());
        for (i, &ty) in returns.iter().enumerate() {
            self.b.append_block_param(after, ty);
            results.push(BlockArg::TryCallRet(i as u32));
        }
        let returned = self.b.func.dfg.block_call(after, &results);
        // Tags are those of the instance.
        let mut items = vec![ExceptionTableItem::Context(self.ctx)];
        let mut landings = Vec::with_capacity(catches.len());
        for (catch, _) in &catches {
            let landing = self.create_block(true);
            self.b.append_block_param(landing, types::I64);
            landings.push(landing);
            let call = self
                .b
                .func
                .dfg
                .block_call(landing, &[BlockArg::TryCallExn(0)]);
            let tag = ExceptionTag::from_u32(catch.tag.unwrap_or(ALL_TAGS));
            items.push(ExceptionTableItem::Tag(tag, call));
        }
        let table = ExceptionTableData::new(signature, returned, items);
        let table = self.b.func.dfg.exception_tables.push(table);
        match code {
            Code::Func(func) => self.b.ins().try_call(func, args, table),
            Code::Address(address) => self.b.ins().try_call_indirect(address, args, table),
        };
        for ((catch, floor), landing) in catches.into_iter().zip(landings) {
            self.land(catch, floor, landing);
        }
        self.enter(after);
        self.b.block_params(after).to_vec()
    }

    /// Goes from a landing to where a catch leads.
    fn land(&mut self, catch: Catch<u32>, floor: usize, landing: Block) {
        self.enter(landing);
        let exception = self.b.block_params(landing)[0];
        let stack = self.stack.clone();
        self.stack.truncate(floor);
        if let Some(tag) = catch.tag {
            self.push_exception_values(tag, exception);
        }
        if catch.by_ref {
            self.push(ValType::ExnRef, exception);
        }
        self.jump(catch.target, self.offset);
        self.stack = stack;
    }

    fn push_exception_values(&mut self, tag: u32, exception: Value) {
        let ty = self.request.env.spaces.tags[tag as usize];
        let ty = self.request.module.types[ty as usize].clone();
        if ty.params.is_empty() {
            return;
        }
        let data = StackSlotData::new(StackSlotKind::ExplicitSlot, ty.param_slots() * 8, 3);
        let slot = self.b.create_sized_stack_slot(data);
        let place = self.b.ins().stack_addr(types::I64, slot, 0);
        self.call_row(offset_of!(Libcalls, exception_values), place, exception);
        let mut at = 0;
        for &param in &ty.params {
            let value = self.load_slots(place, at, param);
            at += param.slots();
            self.stack.push(value);
        }
    }

    /// `throw`. The values are on the VM stack, so that what is above them is known not to be in use.
    pub(super) fn throw(&mut self, tag: u32) {
        let ty = self.request.env.spaces.tags[tag as usize];
        let ty = self.request.module.types[ty as usize].clone();
        let (values, offset) = self.pop_args(&ty);
        let slots = self.next_slots(offset);
        self.store_args(slots, &values);
        let tag = self.b.ins().iconst(types::I64, i64::from(tag));
        self.call_throwing_row(offset_of!(Libcalls, throw), slots, tag);
        self.trap(TrapCode::Unreachable);
    }

    /// `throw_ref`.
    pub(super) fn throw_ref(&mut self) {
        let exception = self.pop();
        let data = StackSlotData::new(StackSlotKind::ExplicitSlot, 8, 3);
        let slot = self.b.create_sized_stack_slot(data);
        let place = self.b.ins().stack_addr(types::I64, slot, 0);
        self.store_slots(place, 0, &exception);
        let none = self.b.ins().iconst(types::I64, 0);
        self.call_throwing_row(offset_of!(Libcalls, throw_ref), place, none);
        self.trap(TrapCode::Unreachable);
    }
}
