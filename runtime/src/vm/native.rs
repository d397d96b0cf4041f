//! Native code: the stack it runs on, the stubs it is entered by, and what it calls back.

use std::any::Any;
use std::ptr;
use std::sync::Arc;

use dotvm_interp::{NativeCode, ResultKind};
use dotvm_isa::TrapCode;
use dotvm_isa::abi::{
    Activation, CodeCell, EXIT_CAUGHT, EXIT_HALT, FuncRef, LEAVE_AT_ENTRY, NativeStack, VmContext,
    VmState,
};
use dotvm_jit::entry::NativeFrame;
use dotvm_jit::{Bailout, Code, entry, stops, traps};

use super::backtrace::{capture, capture_end};
use super::code::CodeBlocks;
use super::debug;
use super::entry::{Place, StoreState};
use super::mapping::{GRANULE_BYTES, Reservation, round_up};
use super::sample;
use crate::error::{Error, Result};
use crate::module::Module;
use crate::store::StoreInner;

/// Native frames may be so many times as large as those of the interpreter, or recursion ends sooner.
const FRAME_FACTOR: usize = 4;

/// Where that makes more than so many bytes, native frames get no more room than the interpreter's:
/// runaway recursion touches all of it.
const GENEROUS_BYTES: usize = 64 << 20;

/// The same with metering, where recursion ends at the same place in all tiers. The compiler sees to
/// it that frames take no more than half of that; the rest is for changes of the tier.
const METERED_FRAME_FACTOR: usize = 2 * dotvm_jit::METERED_FRAME_FACTOR as usize;

/// Bytes of the native stack for the runtime and for host functions.
const RESERVE_BYTES: usize = 1 << 20;

/// What is left of these where a host function may still call the guest.
pub(super) const NESTED_RESERVE_BYTES: usize = RESERVE_BYTES / 4;

/// Threaded code that enters native code: where it starts. It lives as long as its module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stub(*const u64);

// SAFETY: the address of code that does not change.
unsafe impl Send for Stub {}
// SAFETY: as above.
unsafe impl Sync for Stub {}

impl Stub {
    /// Its first instruction.
    pub(crate) fn entry(&self) -> *const u64 {
        self.0
    }
}

/// Makes ready what all native code of the process needs.
///
/// # Errors
/// Where the operating system refuses.
pub(crate) fn prepare() -> Result<(), Bailout> {
    let installed = traps::install().and_then(|()| stops::install(stop_hook));
    installed.map_err(|_| Bailout::NoHost)
}

/// Makes a stub for a defined function or (without `code`) the entry of one of its loops.
pub(crate) fn stub(module: &Module, defined: u32, adapter: &Code, code: Option<&Code>) -> Stub {
    let ty = &module.bytecode().types[module.bytecode().bodies[defined as usize].ty as usize];
    let native = NativeCode {
        defined,
        enter: entry::entry(),
        adapter: adapter.entry(),
        code: code.map_or(ptr::null(), Code::entry),
        param_slots: ty.param_slots(),
        result_slots: ty.result_slots(),
        frame_slots: if code.is_some() && tracks_frames(module) {
            // One that cannot be lowered has no native code either.
            module.frame_slots(defined).unwrap_or(0)
        } else {
            0
        },
        results: ResultKind::of(ty),
    };
    let func = module.env().spaces.imported_funcs + defined;
    let stub = module.add_stub(|memory: &mut CodeBlocks| {
        // SAFETY: the code is that of this function, and belongs to the module as the stub does.
        unsafe { dotvm_interp::Code::native(func, &native, memory) }
    });
    Stub(stub.entry())
}

/// Whether native code knows where the interpreter's frames would be.
fn tracks_frames(module: &Module) -> bool {
    let config = module.engine().config();
    config.metering || config.debug
}

/// A store's native stack.
#[derive(Debug)]
pub(crate) struct NativeStackMemory {
    _reservation: Reservation,
}

impl NativeStackMemory {
    /// For a store whose guest frames may take `stack_bytes`, and must be able to with `metering`;
    /// `stack` is made to point to it.
    ///
    /// # Errors
    /// Where there is no address space for it.
    pub(crate) fn new(
        stack_bytes: usize,
        metering: bool,
        stack: &mut NativeStack,
    ) -> Result<NativeStackMemory> {
        let frames = if metering {
            stack_bytes.checked_mul(METERED_FRAME_FACTOR)
        } else {
            let generous = stack_bytes.saturating_mul(FRAME_FACTOR);
            Some(stack_bytes.max(generous.min(GENEROUS_BYTES)))
        };
        let usable = frames.and_then(|bytes| round_up(bytes.checked_add(RESERVE_BYTES)?));
        let guard = traps::STACK_GUARD_BYTES;
        let too_large = || Error::Limit(format!("native stack for {stack_bytes} bytes of frames"));
        let usable = usable.ok_or_else(too_large)?;
        let whole = usable
            .checked_add(guard + GRANULE_BYTES)
            .ok_or_else(too_large)?;
        let refused = |error| Error::Limit(format!("a native stack of {usable} bytes: {error}"));
        let mut memory = Reservation::new(whole).map_err(refused)?;
        memory.commit(guard, usable).map_err(refused)?;
        traps::ensure_signal_stack().map_err(refused)?;
        let low = memory.base().wrapping_add(guard);
        stack.low = low;
        stack.reserve_end = low.wrapping_add(RESERVE_BYTES);
        stack.top = low.wrapping_add(usable);
        stack.libcalls = entry::libcalls();
        stack.functions = dotvm_jit::functions();
        Ok(NativeStackMemory {
            _reservation: memory,
        })
    }
}

/// What is asked when a thread that is in native code, at `frame`, is to stop.
///
/// # Safety
/// `state` is that of a store whose code is running on this thread.
unsafe fn stop_hook(state: *mut VmState, frame: NativeFrame) -> Option<TrapCode> {
    // SAFETY: as for libcalls (see `libcalls::with_store`). Samples and signals only take locks that nobody
    // holds while running guest code, the allocator's as well.
    unsafe {
        let store = (*state.cast::<StoreState>()).store?.as_ref();
        if traps::has_large_signal_stack() {
            let place = Place {
                ip: ptr::with_exposed_provenance(frame.pc),
                fp: frame.fp.cast_mut(),
                ctx: ptr::null_mut(),
                is_return_address: true,
                native_base: (*state).native_base,
            };
            sample::take(&store.opaque, Some(place), 0);
        }
        store.opaque.look_at_signals().err()
    }
}

/// Runs a function in the interpreter for native code.
///
/// # Safety
/// As for [`dotvm_interp::call`]; native code of the instance `caller` of the same store is calling through
/// a trampoline.
pub(super) unsafe fn interpret(
    caller: *mut VmContext,
    ctx: *mut VmContext,
    cell: *const CodeCell,
    results: ResultKind,
    slots: *mut u64,
) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        let base = (*(*ctx).state).native_base;
        wait(caller, base, || {
            dotvm_interp::call(ctx, cell, results, slots)
        })
    }
}

/// A function whose frame threaded code goes on with.
#[derive(Debug)]
pub(super) struct Left {
    code: Arc<dotvm_interp::Code>,
    /// Offset of the instruction, or the function's start.
    from: Option<u32>,
    results: ResultKind,
}

impl Left {
    /// What a frame of a module's native code is left for; `place` is as
    /// [`leave_native`](dotvm_isa::abi::Libcalls::leave_native) has it.
    ///
    /// # Errors
    /// Where the function does not verify, which it did.
    pub(super) fn new(module: &Module, place: u64) -> Result<Left> {
        let (offset, defined) = ((place >> 32) as u32, place as u32);
        let isa = module.bytecode();
        let ty = &isa.types[isa.bodies[defined as usize].ty as usize];
        let code = module.threaded_code(defined);
        Ok(Left {
            code: code.map_err(|error| Error::Bug(error.to_string()))?,
            from: (offset != LEAVE_AT_ENTRY).then_some(offset),
            results: ResultKind::of(ty),
        })
    }
}

/// Goes on in threaded code with a frame of native code, until its function returns.
///
/// # Safety
/// As for [`dotvm_interp::go_on`]; the native code of that frame is calling through a trampoline, and
/// has linked it to the one that called it.
pub(super) unsafe fn go_on(ctx: *mut VmContext, left: &Left, slots: *mut u64) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        // Of the frames that wait, this is none: the next one is.
        let header = slots.add(left.code.param_slots() as usize);
        let caller = ptr::with_exposed_provenance_mut(*header.add(1) as usize);
        wait(ctx, caller, || {
            dotvm_interp::go_on(ctx, &left.code, left.from, left.results, slots)
        })
    }
}

/// Runs threaded code that native code of the instance `caller` waits for, whose frame is at `base` where it is
/// for debuggers.
///
/// # Safety
/// Native code is calling through a trampoline.
unsafe fn wait(caller: *mut VmContext, base: *mut u64, run: impl FnOnce() -> u32) -> u32 {
    // SAFETY: the caller's promise; the record is taken off the list before it goes.
    unsafe {
        let state = (*caller).state;
        let waiting = Activation {
            outer: (*state).activation,
            ip: (*state).last_ip,
            fp: (*state).last_fp,
            ctx: caller,
            is_return_address: true,
            native_base: base,
        };
        (*state).activation = &raw const waiting;
        let status = run();
        if ![0, EXIT_HALT, EXIT_CAUGHT].contains(&status) {
            let place = Place {
                ip: (*state).trap_ip,
                fp: (*state).trap_fp,
                ctx: ptr::null_mut(),
                is_return_address: false,
                native_base: ptr::null_mut(),
            };
            note(caller, place);
        }
        (*state).activation = waiting.outer;
        (*state).last_ip = waiting.ip;
        (*state).last_fp = waiting.fp;
        status
    }
}

/// Notes the frames that are about to be left, unless that was done.
///
/// # Safety
/// As for libcalls.
pub(super) unsafe fn note(ctx: *mut VmContext, place: Place) {
    // SAFETY: as for `libcalls::with_store`.
    unsafe {
        let state = (*ctx).state.cast::<StoreState>();
        let Some(mut store) = (*state).store else {
            return;
        };
        let store: &mut StoreInner<dyn Any> = store.as_mut();
        if store.opaque.vm.noted().is_none() {
            // An error that was passed on by a host function happened somewhere else.
            let backtrace = match store.opaque.vm.is_passed_on() {
                true => capture(&store.opaque, Some(place)),
                false => capture_end(&store.opaque, Some(place)),
            };
            store.opaque.vm.set_noted(backtrace);
            debug::note_frames(&mut store.opaque, place);
        }
    }
}

/// The result kind of the function of a reference.
pub(super) fn result_kind(store: &StoreInner<dyn Any>, func: *const FuncRef) -> ResultKind {
    let number = store.opaque.funcs.find(func.addr() as u64);
    number.map_or(ResultKind::Slots, |number| {
        store.opaque.funcs.entry(number).results
    })
}
