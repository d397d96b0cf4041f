//! Calls and returns: frames on the VM stack, never on the native one.
//!
//! A caller's arguments are the callee's first slots. The callee's header holds the address to
//! return to and the caller's frame base (see [`dotvm_isa::abi`]). Two return addresses are
//! special: [`Exit::stub`] ends the run, and [`CROSS_RETURN`] changes back to the instance
//! that made a call across instances, which saved four more slots below the callee's frame:
//!
//! ```text
//! -4 return address | -3 instance | -2 caller's frame base | -1 result slots | callee's frame
//! ```

use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::Ordering;

use dotvm_isa::TrapCode;
use dotvm_isa::abi::{CodeCell, FRAME_HEADER_SLOTS, FuncRef, VmContext};

use super::{Get, Value};
use crate::code::ResultKind;
use crate::handlers::control::count;
use crate::machine::{Exec, Flow, Handler, Regs, handler, unlowered};

/// Slots saved below the frame of a callee in another instance.
pub(crate) const CROSS_SLOTS: usize = 4;

const HEADER: usize = FRAME_HEADER_SLOTS as usize;

/// Code that is nothing but one instruction: a place for `ip` to return to.
#[repr(transparent)]
pub(crate) struct Stub(Handler);

impl Stub {
    pub(crate) fn ip(&'static self) -> *const u64 {
        ptr::from_ref(self).cast()
    }
}

/// Leaves a run: puts a result in an accumulator into the frame's first slot.
pub(crate) struct Exit<T>(PhantomData<T>);

impl<T: Value> Exec for Exit<T> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: the run's frame base has room for a result.
        unsafe { *r.fp = T::from_acc(r).to_slot() };
        Flow::Exit(0)
    }
}

/// Leaves a run whose results are in slots.
struct ExitSlots;

impl Exec for ExitSlots {
    #[inline(always)]
    unsafe fn exec(_: &mut Regs) -> Flow {
        Flow::Exit(0)
    }
}

impl Exit<()> {
    /// The return address of a run's first frame.
    pub(crate) fn stub(kind: ResultKind) -> *const u64 {
        Self::stubs()[kind as usize].ip()
    }

    /// Whether that is the return address of a run's first frame.
    pub(crate) fn is_stub(ip: *const u64) -> bool {
        Self::stubs().iter().any(|stub| stub.ip() == ip)
    }

    fn stubs() -> &'static [Stub; 4] {
        static STUBS: std::sync::OnceLock<[Stub; 4]> = std::sync::OnceLock::new();
        STUBS.get_or_init(|| {
            [
                Stub(handler::<ExitSlots>()),
                Stub(handler::<Exit<u64>>()),
                Stub(handler::<Exit<f32>>()),
                Stub(handler::<Exit<f64>>()),
            ]
        })
    }
}

/// The return address of frames entered from another instance.
pub(crate) fn cross_return() -> *const u64 {
    static STUB: std::sync::OnceLock<Stub> = std::sync::OnceLock::new();
    STUB.get_or_init(|| Stub(handler::<CrossReturn>())).ip()
}

/// Starts the function of `cell` in the frame at `fp`, to return to `ret` with the frame base
/// `caller`. On success `r` is at its first instruction; else it is as before.
///
/// # Safety
/// The function belongs to the instance `r.ctx`, its parameters are in the slots from `fp` on, and
/// the slots behind them are unused.
#[inline(always)]
pub(crate) unsafe fn enter(
    r: &mut Regs,
    cell: *const CodeCell,
    fp: *mut u64,
    ret: *const u64,
    caller: *mut u64,
) -> Flow {
    // SAFETY: the caller's promise; the cell holds the entry of live code.
    unsafe {
        let code = (*cell).code.load(Ordering::Acquire).cast_const();
        enter_code(r, cell, code, fp, ret, caller)
    }
}

/// The same for `code`, whether or not it is still in the cell.
///
/// # Safety
/// As for [`enter`]; the code is the function's.
#[inline(always)]
pub(crate) unsafe fn enter_code(
    r: &mut Regs,
    cell: *const CodeCell,
    code: *const u64,
    fp: *mut u64,
    ret: *const u64,
    caller: *mut u64,
) -> Flow {
    // SAFETY: the caller's promise; the entry of code is behind its prefix.
    unsafe {
        let prefix = *code.sub(1);
        let frame_bytes = prefix as u32 as usize * size_of::<u64>();
        if fp.addr() + frame_bytes > (*r.ctx).stack_end.addr() {
            return not_entered(r, cell, code);
        }
        let params = (prefix >> 32) as usize & 0xffff;
        let clear = (prefix >> 48) as usize;
        let header = fp.add(params);
        *header = ret.expose_provenance() as u64;
        *header.add(1) = caller.expose_provenance() as u64;
        // Lowering rounds the number of slots to clear up to a multiple of 4.
        let locals = header.add(HEADER);
        let mut i = 0;
        while i < clear {
            locals.add(i).cast::<[u64; 4]>().write([0; 4]);
            i += 4;
        }
        r.ip = code;
        r.fp = fp;
        count(r, code.sub(2))
    }
}

/// What `VmState::pending` is to be where the function with that `code` was not entered: its cell, or
/// null where the stack is exhausted. The cell itself may have changed meanwhile, since other threads
/// lower functions as well.
fn pending(cell: *const CodeCell, code: *const u64) -> *const CodeCell {
    if code == unlowered() {
        cell
    } else {
        ptr::null()
    }
}

/// The function is not lowered yet, or the stack is exhausted.
#[inline(always)]
unsafe fn not_entered(r: &mut Regs, cell: *const CodeCell, code: *const u64) -> Flow {
    // SAFETY: the state belongs to this thread of execution.
    unsafe {
        let state = (*r.ctx).state;
        (*state).pending = pending(cell, code);
        (*state).pending_ctx = r.ctx;
    }
    Flow::Slow(handler::<LowerAndRetry>())
}

/// Has the pending function lowered and executes the call again, or traps.
struct LowerAndRetry;

impl Exec for LowerAndRetry {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: `not_entered` left a cell and its instance.
        unsafe {
            let state = (*r.ctx).state;
            let (cell, ctx) = ((*state).pending, (*state).pending_ctx);
            if cell.is_null() {
                return Flow::trap(TrapCode::StackExhausted);
            }
            (*state).last_ip = r.ip;
            (*state).last_fp = r.fp;
            let status = ((*(*ctx).libcalls).lower)(ctx, r.fp, cell.addr() as u64);
            if status != 0 {
                Flow::Exit(status)
            } else {
                Flow::Next
            }
        }
    }
}

/// Calls the function whose cell is word 2; its frame starts at the slot named at byte 8.
pub(crate) struct Call;

impl Exec for Call {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: lowering put the address of a cell of this module there.
        unsafe {
            let cell = ptr::with_exposed_provenance(r.word(2) as usize);
            let fp = r.slot(r.field(8));
            enter(r, cell, fp, r.ip.add(3), r.fp)
        }
    }
}

/// Calls the import whose number is the 32 bits at byte 12; frame at byte 8, result kind at 10.
pub(crate) struct CallImport;

impl Exec for CallImport {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: the context lists the module's imports.
        unsafe {
            let func = *(*r.ctx).imports.add(r.wide_field() as usize);
            let kind = r.field(10) as u64;
            call_ref(r, func, 2, kind)
        }
    }
}

/// Whom a call goes to that is not known before it is made.
pub(crate) trait Callee {
    /// The function, checked to be of that type.
    ///
    /// # Safety
    /// `r.ip` is at an instruction that has this operand.
    unsafe fn find(r: &Regs, type_id: u32) -> Result<*const FuncRef, TrapCode>;
}

/// The element that `A` names of the table in the 32 bits at byte 12.
pub(crate) struct Element<A>(PhantomData<A>);

impl<A: Get<u64>> Callee for Element<A> {
    #[inline(always)]
    unsafe fn find(r: &Regs, type_id: u32) -> Result<*const FuncRef, TrapCode> {
        // SAFETY: the context lists the module's tables; an element is 0 or a live reference. Indices of
        // 32 bits have zeros above them.
        unsafe {
            let index = A::get(r);
            let table = *(*r.ctx).tables.add(r.wide_field() as usize);
            if index >= (*table).len as u64 {
                return Err(TrapCode::UndefinedElement);
            }
            let element = *(*table).base.add(index as usize);
            if element == 0 {
                return Err(TrapCode::UninitializedElement);
            }
            of_type(element, type_id)
        }
    }
}

/// The reference `A`.
pub(crate) struct Reference<A>(PhantomData<A>);

impl<A: Get<u64>> Callee for Reference<A> {
    #[inline(always)]
    unsafe fn find(r: &Regs, type_id: u32) -> Result<*const FuncRef, TrapCode> {
        // SAFETY: a value of type `funcref` is 0 or a live reference.
        unsafe {
            match A::get(r) {
                0 => Err(TrapCode::NullFunctionReference),
                func => of_type(func, type_id),
            }
        }
    }
}

/// A reference that is not null, checked to be of that type.
#[inline(always)]
unsafe fn of_type(slot: u64, type_id: u32) -> Result<*const FuncRef, TrapCode> {
    let func: *const FuncRef = ptr::with_exposed_provenance(slot as usize);
    // SAFETY: the caller's reference is live.
    match unsafe { (*func).type_id } == type_id {
        true => Ok(func),
        false => Err(TrapCode::IndirectCallTypeMismatch),
    }
}

/// Calls `C`; frame at byte 8; word 2 is the type (lower half) and the result kind.
pub(crate) struct CallIndirect<C>(PhantomData<C>);

impl<C: Callee> Exec for CallIndirect<C> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: the callee is of the type that the operands were verified for.
        unsafe {
            let word = r.word(2);
            match C::find(r, word as u32) {
                Ok(func) => call_ref(r, func, 3, word >> 32),
                Err(trap) => Flow::trap(trap),
            }
        }
    }
}

/// Calls a reference of the right type from an instruction of `words` words.
#[inline(always)]
unsafe fn call_ref(r: &mut Regs, func: *const FuncRef, words: usize, kind: u64) -> Flow {
    // SAFETY: the reference is live and its type is the one that the operands were verified for.
    unsafe {
        let fp = r.slot(r.field(8));
        if (*func).ctx == r.ctx {
            return enter(r, (*func).code, fp, r.ip.add(words), r.fp);
        }
        if (*func).ctx.is_null() {
            return call_host(r, func, fp, words, kind);
        }
        call_across(r, func, fp, r.ip.add(words), r.fp)
    }
}

/// Calls a host function with the parameters from `args` on. Inlined, as is everything that takes the
/// registers by reference: they must stay registers, or the dispatching call is no jump any more.
#[inline(always)]
unsafe fn call_host(
    r: &mut Regs,
    func: *const FuncRef,
    args: *mut u64,
    words: usize,
    kind: u64,
) -> Flow {
    // SAFETY: as for `call_ref`.
    unsafe {
        let room = (*func).param_slots.max((*func).result_slots) as usize * size_of::<u64>();
        if args.addr() + room > (*r.ctx).stack_end.addr() {
            return Flow::trap(TrapCode::StackExhausted);
        }
        let state = (*r.ctx).state;
        (*state).last_ip = r.ip;
        (*state).last_fp = r.fp;
        let status = ((*(*r.ctx).libcalls).call_host)(r.ctx, args, func.addr() as u64);
        r.reload_memory();
        if status != 0 {
            return Flow::Exit(status);
        }
        load_result(r, args, kind);
        r.advance(words);
        Flow::Next
    }
}

/// Takes a single result from its slot to its accumulator.
#[inline(always)]
pub(super) unsafe fn load_result(r: &mut Regs, results: *const u64, kind: u64) {
    // SAFETY: where there is one result, its slot is there.
    unsafe {
        match kind {
            k if k == ResultKind::Int as u64 => r.acc = *results,
            k if k == ResultKind::F32 as u64 => r.f32 = f32::from_bits(*results as u32),
            k if k == ResultKind::F64 as u64 => r.f64 = f64::from_bits(*results),
            _ => {}
        }
    }
}

/// Calls a function of another instance: its frame moves up by what is saved below it.
#[inline(always)]
unsafe fn call_across(
    r: &mut Regs,
    func: *const FuncRef,
    args: *mut u64,
    ret: *const u64,
    caller: *mut u64,
) -> Flow {
    // SAFETY: as for `call_ref`; the slots behind the arguments are unused.
    unsafe {
        let params = (*func).param_slots as usize;
        let fp = args.add(CROSS_SLOTS);
        if fp.add(params).addr() > (*r.ctx).stack_end.addr() {
            return Flow::trap(TrapCode::StackExhausted);
        }
        let own = r.ctx;
        r.ctx = (*func).ctx;
        let before = *r;
        ptr::copy(args, fp, params);
        match enter(r, (*func).code, fp, cross_return(), fp) {
            Flow::Slow(next) if r.ip == before.ip => {
                // Not entered: put everything back, to execute the call again or trap at it.
                ptr::copy(fp, args, params);
                r.ctx = own;
                Flow::Slow(next)
            }
            flow => {
                *args = ret.expose_provenance() as u64;
                *args.add(1) = own.expose_provenance() as u64;
                *args.add(2) = caller.expose_provenance() as u64;
                *args.add(3) = u64::from((*func).result_slots);
                r.reload_memory();
                flow
            }
        }
    }
}

/// Returns from a call across instances.
struct CrossReturn;

impl Exec for CrossReturn {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: `call_across` (or a tail call) saved these slots below the callee's frame, and
        // gave the callee its own frame as that of its caller.
        unsafe {
            let saved = r.fp.sub(CROSS_SLOTS);
            let results = *saved.add(3) as usize;
            r.ip = ptr::with_exposed_provenance(*saved as usize);
            r.ctx = ptr::with_exposed_provenance_mut::<VmContext>(*saved.add(1) as usize);
            let caller = ptr::with_exposed_provenance_mut(*saved.add(2) as usize);
            ptr::copy(r.fp, saved, results);
            r.fp = caller;
            r.reload_memory();
        }
        Flow::Next
    }
}

/// Takes the frame whose header is `header` off the stack.
#[inline(always)]
pub(super) unsafe fn leave_frame(r: &mut Regs, header: *const u64) {
    // SAFETY: `enter` wrote the header.
    unsafe {
        r.ip = ptr::with_exposed_provenance(*header as usize);
        r.fp = ptr::with_exposed_provenance_mut(*header.add(1) as usize);
    }
}

/// Returns; a result is in its accumulator already. The header is at the slot named at byte 8.
pub(crate) struct Return;

impl Exec for Return {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction names the function's header.
        unsafe {
            let header = r.slot(r.field(8));
            leave_frame(r, header);
        }
        Flow::Next
    }
}

/// Returns `A`.
pub(crate) struct ReturnValue<T, A>(PhantomData<(T, A)>);

impl<T: Value, A: Get<T>> Exec for ReturnValue<T, A> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: as for `Return`.
        unsafe {
            let header = r.slot(r.field(8));
            A::get(r).to_acc(r);
            leave_frame(r, header);
        }
        Flow::Next
    }
}

/// Returns as many slots as byte 12 says, from those at byte 10.
pub(crate) struct ReturnSlots;

impl Exec for ReturnSlots {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: as for `Return`. The results may overwrite the header, so it is read first.
        unsafe {
            let header = r.slot(r.field(8));
            let saved = [*header, *header.add(1)];
            ptr::copy(r.slot(r.field(10)), r.fp, r.field(12));
            leave_frame(r, saved.as_ptr());
        }
        Flow::Next
    }
}

/// Tail call of the function whose cell is word 2, with as many slots of arguments as byte 12
/// says, from those at byte 10; own header at byte 8.
pub(crate) struct TailCall;

impl Exec for TailCall {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: lowering put the address of a cell of this module there.
        unsafe {
            let cell = ptr::with_exposed_provenance(r.word(2) as usize);
            let (args, count) = (r.slot(r.field(10)), r.field(12));
            tail_enter(r, cell, args, count)
        }
    }
}

/// Replaces the running frame by one of the function of `cell`.
#[inline(always)]
unsafe fn tail_enter(r: &mut Regs, cell: *const CodeCell, args: *mut u64, count: usize) -> Flow {
    // SAFETY: as for `enter`; the header's slots are read before arguments may overwrite them.
    unsafe {
        // What could fail must fail before the frame is gone.
        let code = (*cell).code.load(Ordering::Acquire).cast_const();
        let frame_bytes = *code.sub(1) as u32 as usize * size_of::<u64>();
        if r.fp.addr() + frame_bytes > (*r.ctx).stack_end.addr() {
            return not_entered(r, cell, code);
        }
        let header = r.slot(r.field(8));
        let ret = ptr::with_exposed_provenance(*header as usize);
        let caller = ptr::with_exposed_provenance_mut(*header.add(1) as usize);
        let fp = r.fp;
        ptr::copy(args, fp, count);
        enter(r, cell, fp, ret, caller)
    }
}

/// Tail call of the import whose number is word 2; operands as for [`TailCall`], result kind in the
/// upper half of word 2.
pub(crate) struct TailCallImport;

impl Exec for TailCallImport {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: the context lists the module's imports.
        unsafe {
            let word = r.word(2);
            let func = *(*r.ctx).imports.add(word as u32 as usize);
            let (args, count) = (r.slot(r.field(10)), r.field(12));
            tail_call_ref(r, func, args, count, word >> 32)
        }
    }
}

/// Tail call of `C`: own header at byte 8, the arguments' slot in the upper 16 bits of word 2 over their
/// number over 32 bits of result kind; word 3 is the type.
pub(crate) struct TailCallIndirect<C>(PhantomData<C>);

impl<C: Callee> Exec for TailCallIndirect<C> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: as for `CallIndirect`.
        unsafe {
            let word = r.word(2);
            let args = r.slot((word >> 48) as usize);
            let count = (word >> 32) as usize & 0xffff;
            match C::find(r, r.word(3) as u32) {
                Ok(func) => tail_call_ref(r, func, args, count, word & 0xffff_ffff),
                Err(trap) => Flow::trap(trap),
            }
        }
    }
}

#[inline(always)]
unsafe fn tail_call_ref(
    r: &mut Regs,
    func: *const FuncRef,
    args: *mut u64,
    count: usize,
    kind: u64,
) -> Flow {
    // SAFETY: as for `call_ref`.
    unsafe {
        if (*func).ctx == r.ctx {
            return tail_enter(r, (*func).code, args, count);
        }
        let header = r.slot(r.field(8));
        let saved = [*header, *header.add(1)];
        if (*func).ctx.is_null() {
            // Called, then returned from.
            let flow = call_host(r, func, args, 0, kind);
            if let Flow::Next = flow {
                ptr::copy(args, r.fp, (*func).result_slots as usize);
                leave_frame(r, saved.as_ptr());
            }
            return flow;
        }
        let ret: *const u64 = ptr::with_exposed_provenance(saved[0] as usize);
        if ret == cross_return() {
            // Changing back to this instance would only be followed by changing back further.
            let (own, fp) = (*r, r.fp);
            let entered = reenter_across(r, func, args, count, fp);
            if let Flow::Slow(_) = entered
                && r.ip == own.ip
            {
                r.ctx = own.ctx;
            }
            return entered;
        }
        // A frame of the other instance in place of this one: the saved slots come first.
        let caller = ptr::with_exposed_provenance_mut(saved[1] as usize);
        let fp = r.fp;
        if fp.add(CROSS_SLOTS + count).addr() > (*r.ctx).stack_end.addr() {
            return Flow::trap(TrapCode::StackExhausted);
        }
        if let Some(flow) = must_lower(r, func, fp.add(CROSS_SLOTS)) {
            return flow;
        }
        ptr::copy(args, fp, count);
        call_across(r, func, fp, ret, caller)
    }
}

/// The tail call of a function of another instance from a frame that was itself entered from
/// another instance.
#[inline(always)]
unsafe fn reenter_across(
    r: &mut Regs,
    func: *const FuncRef,
    args: *mut u64,
    count: usize,
    fp: *mut u64,
) -> Flow {
    // SAFETY: as for `call_ref`.
    unsafe {
        if let Some(flow) = must_lower(r, func, fp) {
            return flow;
        }
        ptr::copy(args, fp, count);
        r.ctx = (*func).ctx;
        r.reload_memory();
        enter(r, (*func).code, fp, cross_return(), fp)
    }
}

/// What to do first where `enter` would fail for a frame at `fp`.
#[inline(always)]
unsafe fn must_lower(r: &mut Regs, func: *const FuncRef, fp: *mut u64) -> Option<Flow> {
    // SAFETY: as for `call_ref`.
    unsafe {
        let code = (*(*func).code).code.load(Ordering::Acquire).cast_const();
        let frame_bytes = *code.sub(1) as u32 as usize * size_of::<u64>();
        if fp.addr() + frame_bytes <= (*r.ctx).stack_end.addr() {
            return None;
        }
        let state = (*r.ctx).state;
        (*state).pending = pending((*func).code, code);
        (*state).pending_ctx = (*func).ctx;
        Some(Flow::Slow(handler::<LowerAndRetry>()))
    }
}
