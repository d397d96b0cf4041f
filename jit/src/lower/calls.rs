//! Calls: to compiled functions directly or by their cells, to others through the interpreter, to
//! the host, and to the runtime.

use std::mem::offset_of;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AbiParam, Block, BlockArg, ExtFuncData, ExternalName, InstBuilder, MemFlagsData, SigRef,
    Signature, SourceLoc, StackSlotData, StackSlotKind, UserExternalName, Value, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;
use dotvm_isa::abi::{CodeCell, FRAME_SLOTS_AT, FuncRef, Libcalls, VmContext, VmState};
use dotvm_isa::{FuncType, Instr, Op, TrapCode, ValType};

use super::{
    Body, Code, Lowerer, Operand, Regions, constant_flags, limb_count, limb_types,
    native_signature, returns_in_slots, trap_code,
};
use crate::analysis::Analysis;
use crate::bailout::Bailout;
use crate::compile::Request;
use crate::places::Site;

/// The longest body that is inlined, in instructions.
const MAX_INLINED_INSTRS: usize = 40;

/// The same in bytes: what is longer is not looked at.
const MAX_INLINED_BYTES: usize = 120;

/// How deep bodies are inlined into each other.
const MAX_INLINED_DEPTH: usize = 4;

/// How many times a function is inlined into itself. One that is called by itself more than by others,
/// as naive recursion does, saves most of its calls so.
const MAX_RECURSION_INLINED: usize = 2;

/// How many instructions are inlined into one unit.
const MAX_INLINED: usize = 800;

/// The most slots of the locals of a callee that is inlined.
const MAX_INLINED_SLOTS: u32 = 256;

/// Slots that the interpreter keeps below the frame of a callee in another instance.
const CROSS_SLOTS: i64 = 4;

/// Who is called.
#[derive(Clone, Copy)]
enum Callee {
    /// A defined function of the module.
    Defined(u32),
    /// The function of a `FuncRef`.
    Ref(Value),
}

impl<'a> Lowerer<'a, '_> {
    /// The type of the unit's function.
    pub(super) fn unit_type(&self) -> FuncType {
        let body = self.around.first().unwrap_or(&self.body);
        body.ty.clone()
    }

    /// Where code tracks frames: notes the frame's base and checks that the frame fits.
    pub(super) fn tracking_prologue(&mut self) {
        if !self.request.tracks_frames() {
            return;
        }
        let state = self.state();
        let flags = self.state_flags();
        let at = offset_of!(VmState, stack_next) as i32;
        let fp = self.b.ins().load(types::I64, flags, state, at);
        self.fp = Some(fp);
        // Without a place: the frame that did not fit is not there, the trap is its caller's.
        self.check_frame(self.body.analysis.defined, 0);
    }

    /// Traps where a frame of a function at `offset` slots from the unit's does not fit.
    fn check_frame(&mut self, defined: u32, offset: u32) {
        let Some(fp) = self.fp else { return };
        let slots = offset + self.request.frame_slots(defined);
        let end = self.b.ins().iadd_imm_s(fp, i64::from(slots) * 8);
        self.trap_beyond_stack(end);
    }

    /// Traps where the frame of a function with native code does not fit in place of the unit's.
    fn check_ref_frame(&mut self, func: Value) {
        let Some(fp) = self.fp else { return };
        let cell = self.ref_field(func, offset_of!(FuncRef, code));
        let flags = MemFlagsData::trusted();
        let at = offset_of!(CodeCell, code) as i32;
        let stub = self.b.ins().load(types::I64, flags, cell, at);
        let slots = self.b.ins().uload32(flags, stub, FRAME_SLOTS_AT);
        let bytes = self.b.ins().ishl_imm_u(slots, 3);
        let end = self.b.ins().iadd(fp, bytes);
        self.trap_beyond_stack(end);
    }

    fn trap_beyond_stack(&mut self, end: Value) {
        let limit = self.ctx_field(offset_of!(VmContext, stack_end));
        let beyond = self.b.ins().icmp(IntCC::UnsignedGreaterThan, end, limit);
        let trap = trap_code(TrapCode::StackExhausted);
        self.b.ins().trapnz(beyond, trap);
    }

    /// Slots of the VM stack for what is called: those `offset` slots from the unit's frame base
    /// where code tracks frames, else those behind the frame that native code was entered with.
    pub(super) fn next_slots(&mut self, offset: u32) -> Value {
        if let Some(fp) = self.fp {
            return self.b.ins().iadd_imm_s(fp, i64::from(offset) * 8);
        }
        let state = self.state();
        let flags = self.state_flags();
        let at = offset_of!(VmState, stack_next) as i32;
        self.b.ins().load(types::I64, flags, state, at)
    }

    /// Says where the frame of a native callee starts, where code tracks frames.
    fn announce_frame(&mut self, slots: Value) {
        if self.fp.is_some() {
            let state = self.state();
            let flags = self.state_flags();
            let at = offset_of!(VmState, stack_next) as i32;
            self.b.ins().store(flags, slots, state, at);
        }
    }

    /// Pops the arguments of a call; returns their limbs and where in the frame they are.
    pub(super) fn pop_args(&mut self, ty: &FuncType) -> (Vec<Operand>, u32) {
        let args = self.stack.split_off(self.stack.len() - ty.params.len());
        let offset = self.body.frame_offset + self.stack_base() + self.stack_slots();
        (args, offset)
    }

    fn push_results(&mut self, ty: &FuncType, limbs: &[Value]) {
        let mut at = 0;
        for &ty in &ty.results {
            let count = limb_count(ty);
            self.stack.push(Operand::new(ty, &limbs[at..at + count]));
            at += count;
        }
    }

    /// `call`.
    pub(super) fn call(&mut self, instr: &Instr) -> Result<(), Bailout> {
        let (callee, ty) = self.callee(instr.a as u32);
        let (args, offset) = self.pop_args(&ty);
        if let Callee::Defined(defined) = callee
            && let Some(analysis) = self.inlinable(defined)
        {
            return self.inline(analysis, &ty, &args, offset, instr);
        }
        self.keep_operands();
        let results = self.emit_call(callee, &ty, &args, offset);
        self.look_behind_call(&ty, &results);
        self.push_results(&ty, &results);
        Ok(())
    }

    fn callee(&mut self, func: u32) -> (Callee, FuncType) {
        let env = self.request.env;
        let ty = env.spaces.funcs[func as usize];
        let ty = self.request.module.types[ty as usize].clone();
        let callee = match func.checked_sub(env.spaces.imported_funcs) {
            Some(defined) => Callee::Defined(defined),
            None => {
                let list = self.ctx_field(offset_of!(VmContext, imports));
                let at = func as i32 * 8;
                let flags = constant_flags();
                Callee::Ref(self.b.ins().load(types::I64, flags, list, at))
            }
        };
        (callee, ty)
    }

    /// `call_indirect` and `call_ref`.
    pub(super) fn call_indirect(&mut self, instr: &Instr) {
        let (callee, ty) = self.indirect_callee(instr);
        let (args, offset) = self.pop_args(&ty);
        self.keep_operands();
        let results = self.emit_call(callee, &ty, &args, offset);
        self.look_behind_call(&ty, &results);
        self.push_results(&ty, &results);
    }

    /// Pops an index or a reference; the function there, checked to be of the right type.
    fn indirect_callee(&mut self, instr: &Instr) -> (Callee, FuncType) {
        let operand = self.pop_one();
        let (func, null) = match instr.op {
            Op::CallRef | Op::RetCallRef => (operand, TrapCode::NullFunctionReference),
            _ => (
                self.load_element(instr.b as u32, operand, TrapCode::UndefinedElement),
                TrapCode::UninitializedElement,
            ),
        };
        self.b.ins().trapz(func, trap_code(null));
        let at = offset_of!(FuncRef, type_id) as i32;
        let found = self.b.ins().load(types::I32, ref_flags(), func, at);
        let list = self.ctx_field(offset_of!(VmContext, type_ids));
        let at = instr.a as i32 * 4;
        let wanted = self.b.ins().load(types::I32, constant_flags(), list, at);
        let differs = self.b.ins().icmp(IntCC::NotEqual, found, wanted);
        let trap = trap_code(TrapCode::IndirectCallTypeMismatch);
        self.b.ins().trapnz(differs, trap);
        let ty = self.request.module.types[instr.a as usize].clone();
        (Callee::Ref(func), ty)
    }

    /// `ret_call`.
    pub(super) fn tail_call(&mut self, instr: &Instr) {
        let (callee, ty) = self.callee(instr.a as u32);
        let (args, _) = self.pop_args(&ty);
        self.emit_tail_call(callee, &ty, &args);
    }

    /// `ret_call_indirect` and `ret_call_ref`.
    pub(super) fn tail_call_indirect(&mut self, instr: &Instr) {
        let (callee, ty) = self.indirect_callee(instr);
        let (args, _) = self.pop_args(&ty);
        self.emit_tail_call(callee, &ty, &args);
    }

    /// Replaces the frame by the callee's. The entry of a loop has no frame of the right kind to
    /// replace, and the interpreter none to replace it with: they are called, and the frame is out of
    /// sight meanwhile.
    fn emit_tail_call(&mut self, callee: Callee, ty: &FuncType, args: &[Operand]) {
        if let Callee::Defined(defined) = callee {
            // While there still is a frame to have the trap in.
            self.check_frame(defined, 0);
        }
        if let Callee::Ref(func) = callee {
            self.tail_call_host(func, ty, args);
        }
        if self.slots.is_some() {
            self.b.set_srcloc(SourceLoc::default());
            let results = self.emit_call(callee, ty, args, 0);
            return self.return_limbs(&results);
        }
        let signature = self.b.import_signature(native_signature(ty));
        let slots = self.next_slots(0);
        let limbs: Vec<Value> = args.iter().flat_map(|arg| arg.limbs().to_vec()).collect();
        let slow = self.create_block(true);
        let fast = self.create_block(self.cold);
        let (ctx, code) = match callee {
            Callee::Defined(defined) => {
                if let Some(func) = self.direct(defined, signature) {
                    self.announce_frame(slots);
                    let args: Vec<Value> = [self.ctx].into_iter().chain(limbs).collect();
                    self.b.ins().return_call(func, &args);
                    self.enter(slow);
                    self.trap(TrapCode::Unreachable);
                    self.enter(fast);
                    self.trap(TrapCode::Unreachable);
                    return;
                }
                let code = self.cell_code(defined);
                self.b.ins().brif(code, fast, &[], slow, &[]);
                (self.ctx, code)
            }
            Callee::Ref(func) => {
                let ctx = self.ref_field(func, offset_of!(FuncRef, ctx));
                // What the reference keeps would not do: where it keeps nothing yet, the call would
                // take stack, and a chain of tail calls may go through any number of references.
                let cell = self.ref_field(func, offset_of!(FuncRef, code));
                let at = offset_of!(CodeCell, native) as i32;
                let flags = MemFlagsData::trusted();
                let code = self.b.ins().load(types::I64, flags, cell, at);
                self.b.ins().brif(code, fast, &[], slow, &[]);
                (ctx, code)
            }
        };
        self.enter(fast);
        if let Callee::Ref(func) = callee {
            self.check_ref_frame(func);
        }
        self.announce_frame(slots);
        let all: Vec<Value> = [ctx].into_iter().chain(limbs).collect();
        self.b.ins().return_call_indirect(signature, code, &all);
        self.enter(slow);
        self.b.set_srcloc(SourceLoc::default());
        let results = self.slow_call(callee, ty, args, slots);
        self.return_limbs(&results);
    }

    /// Where that is a function of the host, calls it and returns. The frame stays: so it does in the
    /// interpreter.
    fn tail_call_host(&mut self, func: Value, ty: &FuncType, args: &[Operand]) {
        let ctx = self.ref_field(func, offset_of!(FuncRef, ctx));
        let guest = self.create_block(self.cold);
        let host = self.create_block(true);
        self.b.ins().brif(ctx, guest, &[], host, &[]);
        self.enter(host);
        let slots = self.next_slots(0);
        let results = self.slow_call(Callee::Ref(func), ty, args, slots);
        self.return_limbs(&results);
        self.enter(guest);
    }

    /// Calls; returns the limbs of the results.
    fn emit_call(
        &mut self,
        callee: Callee,
        ty: &FuncType,
        args: &[Operand],
        offset: u32,
    ) -> Vec<Value> {
        let signature = self.b.import_signature(native_signature(ty));
        if let Callee::Defined(defined) = callee
            && let Some(func) = self.direct(defined, signature)
        {
            if self.fp.is_some() {
                let slots = self.next_slots(offset);
                self.announce_frame(slots);
            }
            let args: Vec<Value> = [self.ctx]
                .into_iter()
                .chain(args.iter().flat_map(|arg| arg.limbs().to_vec()))
                .collect();
            let results = self.invoke(Code::Func(func), signature, &args);
            return self.collect_results(ty, results, offset);
        }
        if self.cold {
            // It runs once: the shortest code is best.
            let slots = self.next_slots(offset);
            return self.slow_call(callee, ty, args, slots);
        }
        let after = self.create_block(false);
        let limbs: Vec<_> = limb_types(&ty.results).collect();
        for &limb in &limbs {
            self.b.append_block_param(after, limb);
        }
        self.branch_by_callee(callee, ty, args, offset, signature, after);
        self.enter(after);
        self.b.block_params(after).to_vec()
    }

    /// Calls what may or may not be compiled, and goes on to `after` with the results.
    fn branch_by_callee(
        &mut self,
        callee: Callee,
        ty: &FuncType,
        args: &[Operand],
        offset: u32,
        signature: SigRef,
        after: Block,
    ) {
        let fast = self.create_block(false);
        let slow = self.create_block(true);
        let (ctx, code) = match callee {
            Callee::Defined(defined) => {
                let code = self.cell_code(defined);
                self.b.ins().brif(code, fast, &[], slow, &[]);
                self.enter(fast);
                (self.ctx, code)
            }
            Callee::Ref(func) => {
                let code = self.ref_code(func);
                self.b.ins().brif(code, fast, &[], slow, &[]);
                self.enter(fast);
                let ctx = self.ref_field(func, offset_of!(FuncRef, ctx));
                (ctx, code)
            }
        };
        if self.fp.is_some() {
            let slots = self.next_slots(offset);
            let slots = self.shift_across(ctx, slots);
            self.announce_frame(slots);
        }
        let all: Vec<Value> = [ctx]
            .into_iter()
            .chain(args.iter().flat_map(|arg| arg.limbs().to_vec()))
            .collect();
        let results = self.invoke(Code::Address(code), signature, &all);
        let results = self.collect_results(ty, results, offset);
        let results: Vec<BlockArg> = results.into_iter().map(BlockArg::from).collect();
        self.b.ins().jump(after, &results);
        self.enter(slow);
        let slots = self.next_slots(offset);
        let results = self.slow_call(callee, ty, args, slots);
        let results: Vec<BlockArg> = results.into_iter().map(BlockArg::from).collect();
        self.b.ins().jump(after, &results);
    }

    /// The results of a native call: what it returned or, where there are too many, left in slots.
    fn collect_results(&mut self, ty: &FuncType, returned: Vec<Value>, offset: u32) -> Vec<Value> {
        if !returns_in_slots(ty) {
            return returned;
        }
        let slots = self.next_slots(offset);
        self.load_results(ty, slots)
    }

    pub(super) fn load_results(&mut self, ty: &FuncType, slots: Value) -> Vec<Value> {
        let mut limbs = Vec::new();
        let mut at = 0;
        for &ty in &ty.results {
            let value = self.load_slots(slots, at, ty);
            at += ty.slots();
            limbs.extend_from_slice(value.limbs());
        }
        limbs
    }

    pub(super) fn store_args(&mut self, slots: Value, args: &[Operand]) {
        let mut at = 0;
        for arg in args {
            self.store_slots(slots, at, arg);
            at += arg.ty.slots();
        }
    }

    /// Calls through the runtime, with arguments and results in slots.
    fn slow_call(
        &mut self,
        callee: Callee,
        ty: &FuncType,
        args: &[Operand],
        slots: Value,
    ) -> Vec<Value> {
        self.store_args(slots, args);
        match callee {
            Callee::Defined(defined) => {
                let row = offset_of!(Libcalls, call_interpreted);
                let defined = self.b.ins().iconst(types::I64, i64::from(defined));
                self.call_throwing_row(row, slots, defined);
            }
            Callee::Ref(func) => {
                let row = offset_of!(Libcalls, call_ref_interpreted);
                self.call_throwing_row(row, slots, func);
            }
        }
        self.load_results(ty, slots)
    }

    /// Where code tracks frames, those of other instances are a few slots further up.
    fn shift_across(&mut self, ctx: Value, slots: Value) -> Value {
        if ctx == self.ctx {
            return slots;
        }
        let shifted = self.b.ins().iadd_imm_s(slots, CROSS_SLOTS * 8);
        let same = self.b.ins().icmp(IntCC::Equal, ctx, self.ctx);
        self.b.ins().select(same, slots, shifted)
    }

    /// A function that is compiled already, or is being compiled, to be called by its address.
    fn direct(
        &mut self,
        defined: u32,
        signature: SigRef,
    ) -> Option<cranelift_codegen::ir::FuncRef> {
        let index = self.request.direct(defined)?;
        let name = UserExternalName {
            namespace: 0,
            index,
        };
        let name = self.b.func.declare_imported_user_function(name);
        Some(self.b.import_function(ExtFuncData {
            name: ExternalName::user(name),
            signature,
            colocated: true,
            patchable: false,
        }))
    }

    /// The native code of a defined function now, or null.
    fn cell_code(&mut self, defined: u32) -> Value {
        let cells = self.ctx_field(offset_of!(VmContext, cells));
        let at = defined as usize * size_of::<CodeCell>() + offset_of!(CodeCell, native);
        let flags = MemFlagsData::trusted();
        self.b.ins().load(types::I64, flags, cells, at as i32)
    }

    fn ref_field(&mut self, func: Value, offset: usize) -> Value {
        self.b
            .ins()
            .load(types::I64, ref_flags(), func, offset as i32)
    }

    /// The native code of the function of a reference, or null: a host's, one that has none, or one
    /// that was not called through the reference since it has.
    fn ref_code(&mut self, func: Value) -> Value {
        let at = offset_of!(FuncRef, native) as i32;
        let flags = MemFlagsData::trusted();
        self.b.ins().load(types::I64, flags, func, at)
    }

    /// The analysis of a function, where it is to be inlined.
    fn inlinable(&mut self, defined: u32) -> Option<Analysis> {
        let request: &'a Request<'a> = self.request;
        let chain = self.around.iter().chain([&self.body]);
        let small = request.module.body(defined).len() <= MAX_INLINED_BYTES;
        let recursive = chain
            .filter(|body| body.analysis.defined == defined)
            .count();
        if !small
            || !request.inlining
            || request.debugging
            || self.cold
            || self.around.len() >= MAX_INLINED_DEPTH
            || self.places.is_full()
            || recursive > MAX_RECURSION_INLINED
        {
            return None;
        }
        let analysis = Analysis::new(request.module, request.env, defined).ok()?;
        let fits = analysis.instrs.len() <= MAX_INLINED_INSTRS
            && self.inlined + analysis.instrs.len() <= MAX_INLINED
            && analysis.local_slots <= MAX_INLINED_SLOTS;
        let straight = !analysis.has_loops() || recursive > 0;
        // What catches an exception is looked for in one body only.
        let caught = analysis.calls && self.is_in_region() || !analysis.regions.is_empty();
        (fits && straight && !caught && !analysis.tail_calls).then_some(analysis)
    }

    /// Lowers a callee's body in place of the call.
    fn inline(
        &mut self,
        analysis: Analysis,
        ty: &FuncType,
        args: &[Operand],
        offset: u32,
        instr: &Instr,
    ) -> Result<(), Bailout> {
        self.check_frame(analysis.defined, offset);
        self.inlined += analysis.instrs.len();
        let caller = self.places.place(self.body.site, instr.offset);
        let site = self.places.add(Site {
            func: analysis.defined,
            caller,
        });
        let after = self.create_block(false);
        for limb in limb_types(&ty.results) {
            self.b.append_block_param(after, limb);
        }
        let mut body = Body::new(&mut self.b, self.request, analysis, None)?;
        self.variables += body.variables();
        body.after = Some(after);
        body.site = site;
        body.frame_offset = offset;
        let caller = std::mem::replace(&mut self.body, body);
        self.around.push(caller);
        self.keep_references();
        let stack = std::mem::take(&mut self.stack);
        let known = self.known.clone();
        let params: Vec<Value> = args.iter().flat_map(|arg| arg.limbs().to_vec()).collect();
        self.define_locals(&params);
        if self.body.analysis.starts_with_jump_target() {
            self.jump_to_first();
        } else {
            self.stack.clear();
            self.lower_block(self.body.analysis.instrs[0].offset)?;
        }
        self.lower_body()?;
        let body = std::mem::replace(&mut self.body, self.around.pop().expect("the caller"));
        self.stack = stack;
        let results = body.last_return.unwrap_or_else(|| {
            // Whatever was known before the call still is.
            self.known = known;
            self.enter(after);
            self.b.block_params(after).to_vec()
        });
        self.push_results(ty, &results);
        Ok(())
    }

    /// An instruction that the runtime executes.
    pub(super) fn libcall(&mut self, instr: &Instr) {
        let call = self.request.env.spaces.runtime_call(instr);
        let operands = self.stack.split_off(self.stack.len() - call.operands);
        self.mark(instr);
        self.call_libcall(call.row, &operands, call.immediate, call.result);
    }

    /// Calls a row of the table with operands in slots of the native stack.
    pub(super) fn call_libcall(
        &mut self,
        row: usize,
        operands: &[Operand],
        imm: u64,
        result: Option<ValType>,
    ) {
        let slots = operands.iter().map(|it| it.ty.slots()).sum::<u32>();
        let slots = slots.max(result.map_or(1, ValType::slots));
        let data = StackSlotData::new(StackSlotKind::ExplicitSlot, slots * 8, 3);
        let slot = self.b.create_sized_stack_slot(data);
        let place = self.b.ins().stack_addr(types::I64, slot, 0);
        let mut at = 0;
        for operand in operands {
            self.store_slots(place, at, operand);
            at += operand.ty.slots();
        }
        let imm = self.b.ins().iconst(types::I64, imm as i64);
        self.call_row(row, place, imm);
        if let Some(ty) = result {
            let value = self.load_slots(place, 0, ty);
            self.stack.push(value);
        }
    }

    /// Calls a row of the table; goes on only where that succeeds.
    pub(super) fn call_row(&mut self, row: usize, slots: Value, imm: Value) {
        self.keep_references();
        let signature = self.row_signature();
        let address = self.libcall_address(row);
        self.b
            .ins()
            .call_indirect(signature, address, &[self.ctx, slots, imm]);
    }

    /// The same for one that may throw.
    pub(super) fn call_throwing_row(&mut self, row: usize, slots: Value, imm: Value) {
        let signature = self.row_signature();
        let address = self.libcall_address(row);
        self.invoke(Code::Address(address), signature, &[self.ctx, slots, imm]);
    }

    fn row_signature(&mut self) -> SigRef {
        let mut signature = Signature::new(CallConv::SystemV);
        signature.params = vec![AbiParam::new(types::I64); 3];
        self.b.import_signature(signature)
    }
}

/// Flags of reads from a `FuncRef`, which does not change, but must not be read before it is known
/// to be one.
fn ref_flags() -> MemFlagsData {
    MemFlagsData::trusted().with_readonly()
}

/// Lowers an adapter for functions of a type.
pub(super) fn adapter(b: &mut FunctionBuilder<'_>, ty: &FuncType, entry: Block, regions: Regions) {
    let [ctx, slots, code] = [0, 1, 2].map(|i| b.block_params(entry)[i]);
    let flags = MemFlagsData::trusted().with_alias_region(Some(regions.slots));
    let mut args = vec![ctx];
    let mut at = 0;
    for &param in &ty.params {
        let value = super::load_slots(b, flags, (slots, at as i32 * 8), param);
        at += param.slots();
        args.extend_from_slice(value.limbs());
    }
    let signature = b.import_signature(native_signature(ty));
    let call = b.ins().call_indirect(signature, code, &args);
    let results = b.inst_results(call).to_vec();
    super::store_slots(b, flags, (slots, 0), &results);
    b.ins().return_(&[]);
}
