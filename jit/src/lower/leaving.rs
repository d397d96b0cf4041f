//! Leaving native code: what code of engines for debuggers has besides, so that threaded code can go on with any of its
//! frames.
//!
//! Such code keeps its frames on the VM stack as the interpreter would: locals are in their slots always, operands while
//! something is called. So a debugger reads them there. At the start of a function and of a loop, code looks whether
//! somebody wants threaded code to go on (all of it, or that of this function), and behind a call, whether a debugger has
//! seen the frame meanwhile. Then the runtime runs threaded code from there until the function returns, and the native
//! frame, which nobody sees any more, only hands the results over.
//!
//! The header of a frame, which needs no address to return to, has [`FRAME_IS_LEFT`] where it is to be left, and the base
//! of the frame of native code that called it: see [`VmState::native_base`].
//!
//! [`FRAME_IS_LEFT`]: dotvm_isa::abi::FRAME_IS_LEFT

use std::mem::offset_of;

use cranelift_codegen::ir::{InstBuilder, MemFlagsData, SourceLoc, Value, types};
use dotvm_isa::abi::{FRAME_HEADER_SLOTS, LEAVE_AT_ENTRY, Libcalls, Signals, VmContext, VmState};
use dotvm_isa::{FuncType, ValType};

use super::{Lowerer, Operand, limb_count};
use crate::analysis::Analysis;
use crate::bailout::Bailout;

/// What a function is not to have, so that its frames can be left.
pub(super) fn check(analysis: &Analysis) -> Result<(), Bailout> {
    match analysis.tail_calls || !analysis.regions.is_empty() {
        true => Err(Bailout::Debugged),
        false => Ok(()),
    }
}

impl Lowerer<'_, '_> {
    /// The base of the frame, in code that can be left.
    fn left_base(&self) -> Option<Value> {
        self.fp.filter(|_| self.request.debugging)
    }

    /// First slot of the frame's header.
    fn header(&self) -> u32 {
        self.body.ty.param_slots()
    }

    /// The slot of a local.
    fn local_slot(&self, local: usize) -> u32 {
        let types = &self.body.analysis.locals;
        let before: u32 = types[..local].iter().map(|ty| ty.slots()).sum();
        match local < self.body.ty.params.len() {
            true => before,
            false => before + FRAME_HEADER_SLOTS,
        }
    }

    /// At the start of a function or the entry of a loop: makes the frame known.
    pub(super) fn link_frame(&mut self) {
        let Some(fp) = self.left_base() else { return };
        let (flags, state) = (self.state_flags(), self.state());
        let at = offset_of!(VmState, native_base) as i32;
        let caller = self.b.ins().load(types::I64, flags, state, at);
        self.b.ins().store(flags, fp, state, at);
        let (flags, header) = (self.slot_flags(), self.header() as i32 * 8);
        let stays = self.b.ins().iconst(types::I64, 0);
        self.b.ins().store(flags, stays, fp, header);
        self.b.ins().store(flags, caller, fp, header + 8);
    }

    /// Puts a local's value into its slot as well.
    pub(super) fn keep_local(&mut self, local: usize, value: &Operand) {
        if let Some(fp) = self.left_base() {
            let slot = self.local_slot(local);
            self.store_slots(fp, slot, value);
        }
    }

    /// Puts all locals into their slots, which have not been there yet.
    pub(super) fn keep_locals(&mut self) {
        if self.left_base().is_none() {
            return;
        }
        for local in 0..self.body.locals.len() {
            let variables = self.body.locals[local].clone();
            let limbs: Vec<Value> = variables.iter().map(|&it| self.b.use_var(it)).collect();
            let value = Operand::new(self.body.analysis.locals[local], &limbs);
            self.keep_local(local, &value);
        }
    }

    /// Before a call, whose arguments are popped already: puts the other operands into their slots.
    pub(super) fn keep_operands(&mut self) {
        let Some(fp) = self.left_base() else { return };
        let mut slot = self.stack_base();
        for operand in self.stack.clone() {
            self.store_slots(fp, slot, &operand);
            slot += operand.ty.slots();
        }
    }

    /// At the start of a function: has threaded code run it where somebody wants that.
    pub(super) fn look_at_entry(&mut self) {
        self.look(LEAVE_AT_ENTRY);
    }

    /// At the header of a loop, which is paid for: has threaded code go on where somebody wants that.
    pub(super) fn look_at_header(&mut self) {
        self.look(self.offset);
    }

    fn look(&mut self, offset: u32) {
        let Some(fp) = self.left_base() else { return };
        let signals = self.ctx_field(offset_of!(VmContext, signals));
        let at = offset_of!(Signals, break_all) as i64;
        let all = self.b.ins().iadd_imm_s(signals, at);
        // What others change meanwhile must not be taken from an earlier look.
        let flags = MemFlagsData::trusted();
        let all = self.b.ins().atomic_load(types::I32, flags, all);
        let leaves = self.ctx_field(offset_of!(VmContext, leaves));
        let at = i64::from(self.body.analysis.defined);
        let own = self.b.ins().iadd_imm_s(leaves, at);
        let own = self.b.ins().atomic_load(types::I8, flags, own);
        let own = self.b.ins().uextend(types::I32, own);
        let wanted = self.b.ins().bor(all, own);
        let (leaves, stays) = (self.create_block(true), self.create_block(false));
        self.b.ins().brif(wanted, leaves, &[], stays, &[]);
        self.enter(leaves);
        self.keep_operands();
        self.leave(fp, offset);
        self.enter(stays);
    }

    /// Behind a call: has threaded code go on with the next instruction where a debugger has seen the frame, and
    /// may have changed it. The results are not on the operand stack yet.
    pub(super) fn look_behind_call(&mut self, ty: &FuncType, results: &[Value]) {
        let Some(fp) = self.left_base() else { return };
        // Whatever was called left its own there.
        let (flags, state) = (self.state_flags(), self.state());
        let at = offset_of!(VmState, native_base) as i32;
        self.b.ins().store(flags, fp, state, at);
        let (flags, header) = (MemFlagsData::trusted(), self.header() as i32 * 8);
        let is_left = self.b.ins().load(types::I64, flags, fp, header);
        let (leaves, stays) = (self.create_block(true), self.create_block(self.cold));
        self.b.ins().brif(is_left, leaves, &[], stays, &[]);
        self.enter(leaves);
        let mut slot = self.stack_base() + self.stack_slots();
        let mut limbs = results;
        for &ty in &ty.results {
            let (own, rest) = limbs.split_at(limb_count(ty));
            self.store_slots(fp, slot, &Operand::new(ty, own));
            slot += ty.slots();
            limbs = rest;
        }
        let at = self
            .body
            .analysis
            .index(self.offset)
            .expect("it is lowered");
        // A function does not end with a call.
        let next = self.body.analysis.instrs[at + 1].offset;
        self.leave(fp, next);
        self.enter(stays);
    }

    /// Puts references to managed objects into their slots once more. Debuggers do not change those; but for this, native
    /// code would not need some any more, their objects could be gone, and threaded code would take them for references.
    fn keep_references_alive(&mut self, fp: Value, stack: &[Operand]) {
        for local in 0..self.body.locals.len() {
            if self.body.analysis.locals[local] == ValType::AnyRef {
                let limb = self.b.use_var(self.body.locals[local][0]);
                self.keep_local(local, &Operand::new(ValType::AnyRef, &[limb]));
            }
        }
        let mut slot = self.stack_base();
        for operand in stack {
            if operand.ty == ValType::AnyRef {
                self.store_slots(fp, slot, operand);
            }
            slot += operand.ty.slots();
        }
    }

    /// Has threaded code go on at an instruction, with everything in its slot, and returns what that returns.
    fn leave(&mut self, fp: Value, offset: u32) {
        // The frame is threaded code's from now on.
        self.b.set_srcloc(SourceLoc::default());
        let stack = std::mem::take(&mut self.stack);
        self.keep_references_alive(fp, &stack);
        let defined = u64::from(self.body.analysis.defined);
        let place = u64::from(offset) << 32 | defined;
        let place = self.b.ins().iconst(types::I64, place as i64);
        self.call_row(offset_of!(Libcalls, leave_native), fp, place);
        let ty = self.unit_type();
        let results = self.load_results(&ty, fp);
        self.return_limbs(&results);
        self.stack = stack;
        if offset != LEAVE_AT_ENTRY {
            let place = self.places.place(self.body.site, self.offset);
            self.b.set_srcloc(SourceLoc::new(place));
        }
    }
}
