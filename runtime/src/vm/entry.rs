//! Running guest code, and what a store keeps for that: the state shared with handlers, the stack,
//! and the chain of runs that host functions have started within each other.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use dotvm_interp::Frame;
use dotvm_isa::TrapCode;
use dotvm_isa::abi::{
    Activation, EXIT_CAUGHT, EXIT_ERROR, EXIT_HALT, Landing, NativeStack, Signals, VmContext,
    VmMemory, VmState,
};
use dotvm_jit::entry::NativeFrame;
use dotvm_jit::traps::Running;

use super::backtrace::capture_end;
use super::debug::RawFrame;
use super::funcs::{Callee, FuncKind};
use super::native::{NESTED_RESERVE_BYTES, NativeStackMemory, Stub};
use super::pinned::Pinned;
use super::stack::Stack;
use crate::backtrace::Backtrace;
use crate::debug;
use crate::error::{Error, Result, Trap};
use crate::host::HostFunc;
use crate::signals::StoreSignals;
use crate::store::{StoreInner, StoreOpaque};

/// The state that handlers see, and behind it what libcalls need to find the store again.
#[repr(C)]
pub(crate) struct StoreState {
    /// First, so that handlers' pointers to it are pointers to the whole.
    vm: VmState,
    /// The store, while guest code runs: borrowed by the innermost [`call`].
    pub(super) store: Option<NonNull<StoreInner<dyn Any>>>,
}

/// What a store has for running code.
#[derive(Debug)]
pub(crate) struct StoreVm {
    state: Pinned<StoreState>,
    /// What instances without a memory point to.
    no_memory: Pinned<VmMemory>,
    signals: Arc<StoreSignals>,
    /// Reserved when the first instance or call needs it.
    stack: Option<Stack>,
    /// Guest code that waits for host functions called from it, outermost first.
    suspended: Vec<Pinned<Activation>>,
    /// The stack of native code, reserved when there is some to run.
    native_stack: Option<NativeStackMemory>,
    /// Whether others are to know the thread that runs code: where the engine compiles, or takes samples.
    is_watched: bool,
    /// Where the run that is ending was, noted before native code was left.
    noted: Option<Backtrace>,
    /// The frames then, for a debugger.
    noted_frames: Option<Vec<RawFrame>>,
    /// Calls from host to guest that have not returned, and host functions called by the host.
    depth: u32,
    /// Where on the native stack the outermost of these calls was made.
    native_base: usize,
    /// What a run that stopped with [`EXIT_ERROR`] was stopped by.
    pending: Option<Stop>,
}

// SAFETY: all addresses are those of things that the store owns, and `StoreState::store` is only
// set while the store is borrowed.
unsafe impl Send for StoreVm {}
// SAFETY: `&StoreVm` only reads, and `pending` is never reached through it.
unsafe impl Sync for StoreVm {}

impl std::fmt::Debug for StoreState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.vm.fmt(f)
    }
}

/// An instruction and its frame: in threaded code, or in native code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(super) ip: *const u64,
    pub(super) fp: *mut u64,
    /// The instance; null for native code and where nobody asks.
    pub(super) ctx: *mut VmContext,
    /// Whether `ip` is an address to return to; always so in native code.
    pub(super) is_return_address: bool,
    /// The base of the frame on the VM stack, of native code for debuggers.
    pub(super) native_base: *mut u64,
}

impl Place {
    /// The frame, of threaded code.
    pub(super) fn threaded_frame(self) -> Frame {
        Frame {
            ip: self.ip,
            fp: self.fp,
            ctx: self.ctx,
            is_return_address: self.is_return_address,
        }
    }

    /// The frame, of native code.
    pub(super) fn native_frame(self) -> NativeFrame {
        NativeFrame {
            pc: self.ip.addr(),
            fp: self.fp,
        }
    }
}

/// Why a libcall stops the run it was called from.
pub(crate) enum Stop {
    /// With a trap of that code.
    Trap(TrapCode),
    /// With an error for the embedder.
    Error(Error),
    /// With an exception that is caught further out: see [`VmState::landing`].
    Caught,
    /// With a panic, which goes on in the embedder's call: it must not unwind through handlers.
    Panic(Box<dyn Any + Send>),
}

impl From<TrapCode> for Stop {
    fn from(code: TrapCode) -> Stop {
        Stop::Trap(code)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Error(error)
    }
}

impl std::fmt::Debug for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Stop::Trap(code) => code.fmt(f),
            Stop::Error(error) => error.fmt(f),
            Stop::Caught => f.write_str("Caught"),
            Stop::Panic(_) => f.write_str("Panic"),
        }
    }
}

/// So many runs of threaded code may wait for native code that they may only have tail-called.
const NATIVE_DEPTH: u32 = 64;

/// So many at most, whatever has been compiled since.
const NATIVE_DEPTH_MAX: u32 = 512;

impl StoreVm {
    /// Without a stack yet. `is_watched` says whether the engine compiles.
    pub(crate) fn new(signals: Arc<StoreSignals>, is_watched: bool) -> StoreVm {
        let vm = VmState {
            fuel: 0,
            stack_next: ptr::null_mut(),
            objects_next: ptr::null_mut(),
            objects_end: ptr::null_mut(),
            activation: ptr::null(),
            native_depth: 0,
            native_depth_max: NATIVE_DEPTH,
            resume: ptr::null(),
            landing: Landing::NOWHERE,
            native: NativeStack {
                top: ptr::null_mut(),
                low: ptr::null_mut(),
                reserve_end: ptr::null_mut(),
                host_sp: ptr::null_mut(),
                entry_sp: ptr::null_mut(),
                ctx: ptr::null_mut(),
                libcalls: ptr::null(),
                functions: ptr::null(),
            },
            trap_ip: ptr::null(),
            trap_fp: ptr::null_mut(),
            pending: ptr::null(),
            pending_ctx: ptr::null_mut(),
            last_fp: ptr::null_mut(),
            last_ip: ptr::null(),
            mark: ptr::null_mut(),
            native_base: ptr::null_mut(),
        };
        StoreVm {
            state: Pinned::new(StoreState { vm, store: None }),
            no_memory: Pinned::new(VmMemory {
                base: ptr::dangling_mut(),
                len: 0,
            }),
            signals,
            stack: None,
            suspended: Vec::new(),
            native_stack: None,
            is_watched,
            noted: None,
            noted_frames: None,
            depth: 0,
            native_base: 0,
            pending: None,
        }
    }

    /// What contexts point to where there is no memory.
    pub(super) fn no_memory(&self) -> *const VmMemory {
        self.no_memory.as_ptr()
    }

    /// What contexts point to.
    pub(super) fn signals(&self) -> *const Signals {
        &raw const self.signals.vm
    }

    /// What contexts point to.
    pub(super) fn no_memory_base(&self) -> *mut u8 {
        self.no_memory.get().base
    }

    /// Whether native code may be entered although [`NATIVE_DEPTH`] runs of threaded code wait for some.
    /// It may once more whenever something was `published`: perhaps it need not wait then.
    pub(super) fn may_go_deeper(&mut self, published: u32) -> bool {
        let vm = &mut self.state.get_mut().vm;
        let max = NATIVE_DEPTH.saturating_add(published).min(NATIVE_DEPTH_MAX);
        vm.native_depth_max = max;
        vm.native_depth < max
    }

    /// Where the next managed object may be, and the end of that.
    pub(super) fn objects(&self) -> (*mut u8, *mut u8) {
        let vm = &self.state.get().vm;
        (vm.objects_next, vm.objects_end)
    }

    /// Sets what [`StoreVm::objects`] gives.
    pub(super) fn set_objects(&mut self, (next, end): (*mut u8, *mut u8)) {
        let vm = &mut self.state.get_mut().vm;
        (vm.objects_next, vm.objects_end) = (next, end);
    }

    /// Lets others know the thread that runs code, from the next call from the host on.
    pub(crate) fn watch_thread(&mut self) {
        self.is_watched = true;
    }

    /// Has threaded code that is at a safepoint go on somewhere else.
    pub(super) fn resume_at(&mut self, stub: &Stub) {
        self.state.get_mut().vm.resume = stub.entry();
    }

    /// Says where an exception is caught.
    pub(super) fn set_landing(&mut self, landing: Landing) {
        self.state.get_mut().vm.landing = landing;
    }

    /// The slots of the stack below a place.
    pub(super) fn stack_slots(&self, end: *mut u64) -> &[u64] {
        let stack = self.stack.as_ref();
        stack.map_or(&[], |stack| stack.slots_below(end))
    }

    /// Reserves the stack of native code.
    ///
    /// # Errors
    /// Where there is no address space for it.
    pub(super) fn reserve_native_stack(&mut self, metering: bool) -> Result<()> {
        if self.native_stack.is_none() {
            let bytes = self.stack_bytes();
            let stack = &mut self.state.get_mut().vm.native;
            self.native_stack = Some(NativeStackMemory::new(bytes, metering, stack)?);
        }
        Ok(())
    }

    /// Where the run that is ending was, if that was noted.
    pub(super) fn noted(&self) -> Option<&Backtrace> {
        self.noted.as_ref()
    }

    /// Notes where the run that is ending was.
    pub(super) fn set_noted(&mut self, backtrace: Backtrace) {
        self.noted = Some(backtrace);
    }

    /// Notes the frames of the run that is ending, for a debugger.
    pub(super) fn set_noted_frames(&mut self, frames: Vec<RawFrame>) {
        self.noted_frames = Some(frames);
    }

    /// The frames of the run that is ending, if they were noted.
    pub(super) fn take_noted_frames(&mut self) -> Option<Vec<RawFrame>> {
        self.noted_frames.take()
    }

    /// Whether the run that is ending is stopped by an error that knows already where it happened.
    pub(super) fn is_passed_on(&self) -> bool {
        match &self.pending {
            Some(Stop::Error(Error::Trap(trap))) => !trap.backtrace().is_empty(),
            Some(Stop::Error(Error::Exception(thrown))) => !thrown.backtrace().is_empty(),
            _ => false,
        }
    }

    /// What contexts point to.
    pub(super) fn state(&self) -> *mut VmState {
        self.state.as_ptr().cast()
    }

    /// End of the stack, which must have been reserved.
    pub(super) fn stack_end(&self) -> *mut u64 {
        self.stack
            .as_ref()
            .expect("a stack is reserved before instances are made")
            .end()
    }

    /// The stack, reserved now where it was not.
    ///
    /// # Errors
    /// Where there is no address space for it.
    pub(crate) fn reserve_stack(&mut self, bytes: usize) -> Result<&mut Stack> {
        match &mut self.stack {
            Some(stack) => Ok(stack),
            none => Ok(none.insert(Stack::new(bytes)?)),
        }
    }

    /// Bytes of the stack, whether in use or not.
    pub(crate) fn stack_bytes(&self) -> usize {
        self.stack.as_ref().map_or(0, Stack::bytes)
    }

    /// Fuel left.
    pub(crate) fn fuel(&self) -> u64 {
        self.state.get().vm.fuel
    }

    /// Sets the fuel left.
    pub(crate) fn set_fuel(&mut self, fuel: u64) {
        self.state.get_mut().vm.fuel = fuel;
    }

    /// The address of the counter of the instruction that calls the runtime; only with [`Config::exact_profile`].
    ///
    /// [`Config::exact_profile`]: crate::Config::exact_profile
    pub(crate) fn mark(&self) -> usize {
        self.state.get().vm.mark.addr()
    }

    /// The frames that wait for what is running, innermost first.
    pub(super) fn waiting(&self) -> impl Iterator<Item = Place> + '_ {
        let mut next = self.state.get().vm.activation;
        std::iter::from_fn(move || {
            // SAFETY: the list holds records of calls that have not returned.
            let activation = unsafe { next.as_ref() }?;
            next = activation.outer;
            Some(Place {
                ip: activation.ip,
                fp: activation.fp,
                ctx: activation.ctx,
                is_return_address: activation.is_return_address,
                native_base: activation.native_base,
            })
        })
    }

    /// For what is running and for each frame of [`StoreVm::waiting`]: the first of those that wait for it.
    pub(super) fn activations(&self) -> impl Iterator<Item = *const Activation> + '_ {
        let first = self.state.get().vm.activation;
        // SAFETY: as for `waiting`.
        std::iter::successors(Some(first), |&activation| unsafe {
            activation.as_ref().map(|activation| activation.outer)
        })
    }

    /// The words on the native stack from that place on; none where it is elsewhere: then nothing runs there.
    pub(super) fn native_words(&self, from: *const u64) -> impl Iterator<Item = u64> {
        let NativeStack { low, top, .. } = self.state.get().vm.native;
        let words = match (low.addr()..top.addr()).contains(&from.addr()) {
            true => (top.addr() - from.addr()) / size_of::<u64>(),
            false => 0,
        };
        // SAFETY: this part of the stack is mapped. It is read word by word, since frames of the runtime are
        // there as well, which change.
        (0..words).map(move |at| unsafe { from.add(at).read_volatile() })
    }

    /// Keeps what a run is to be stopped by; returns the status that stops it.
    pub(super) fn stop(&mut self, stop: Stop) -> u32 {
        match stop {
            Stop::Trap(code) => code as u32,
            Stop::Caught => EXIT_CAUGHT,
            stop => {
                self.pending = Some(stop);
                EXIT_ERROR
            }
        }
    }

    /// Whether the native stack has room for another call from the host to the guest, made `here`.
    fn has_native_stack(&self, here: usize, bytes_max: usize) -> bool {
        let native = &self.state.get().vm.native;
        if native.host_sp.is_null() {
            return self.native_base.saturating_sub(here) <= bytes_max;
        }
        // The host function runs on the stack of native code. Whatever native code calls finds
        // `RESERVE_BYTES` there; most of that may be used up.
        let host = self.native_base.saturating_sub(native.host_sp.addr());
        host <= bytes_max && here.saturating_sub(native.low.addr()) >= NESTED_RESERVE_BYTES
    }

    /// Where the run that is ending was stopped, in threaded code.
    pub(super) fn trapped(&self) -> Option<Place> {
        let VmState {
            trap_ip, trap_fp, ..
        } = self.state.get().vm;
        (!trap_ip.is_null()).then_some(Place {
            ip: trap_ip,
            fp: trap_fp,
            ctx: ptr::null_mut(),
            is_return_address: false,
            native_base: ptr::null_mut(),
        })
    }

    /// Slots of the stack from an address on: as many as there are, but no more than `most`.
    pub(super) fn stack_slots_at(&self, address: usize, most: usize) -> &[u64] {
        let stack = self.stack.as_ref();
        stack.map_or(&[], |stack| stack.slots_at(address, most))
    }

    /// Bytes of the stack, where they are on it.
    pub(super) fn stack_bytes_at(&self, address: usize, len: usize) -> Option<&[u8]> {
        self.stack.as_ref()?.bytes_at(address, len)
    }

    /// The same, to be changed.
    pub(super) fn stack_bytes_at_mut(&mut self, address: usize, len: usize) -> Option<&mut [u8]> {
        self.stack.as_mut()?.bytes_at_mut(address, len)
    }

    /// Where the guest code that called the running host function waits.
    pub(crate) fn caller(&self) -> Option<Place> {
        let VmState {
            last_ip,
            last_fp,
            native_base,
            ..
        } = self.state.get().vm;
        (!last_ip.is_null()).then_some(Place {
            ip: last_ip,
            fp: last_fp,
            ctx: ptr::null_mut(),
            is_return_address: false,
            native_base,
        })
    }
}

/// What is to be put back when a call returns.
struct Outer {
    base: *mut u64,
    /// Where the guest code waits that called the host function that makes the call; null for none.
    last_ip: *const u64,
    last_fp: *mut u64,
    native_base: *mut u64,
}

/// Opens a frame of `slots` slots for a call from the host; nothing where that does not fit.
///
/// Inlined, as all of a call that succeeds is: it takes a few nanoseconds, as much as one result that
/// goes through memory.
#[inline(always)]
fn open(store: &mut StoreOpaque, slots: u32) -> Result<Option<Outer>> {
    let limits = store.call_limits();
    let marker = 0u8;
    let here = (&raw const marker).addr();
    let vm = &mut store.vm;
    let stack = vm.reserve_stack(limits.stack_bytes)?;
    let base = stack.next();
    let room = stack.left() >= slots as usize;
    let deep = vm.depth > 0
        && (vm.depth >= limits.host_depth || !vm.has_native_stack(here, limits.native_bytes));
    if !room || deep {
        return Ok(None);
    }
    if vm.depth == 0 {
        vm.native_base = here;
    }
    vm.depth += 1;
    let VmState {
        last_ip,
        last_fp,
        native_base,
        ..
    } = vm.state.get().vm;
    if !last_ip.is_null() {
        suspend(vm);
    }
    let state = &mut vm.state.get_mut().vm;
    state.trap_ip = ptr::null();
    state.trap_fp = ptr::null_mut();
    Ok(Some(Outer {
        base,
        last_ip,
        last_fp,
        native_base,
    }))
}

#[cold]
#[inline(never)]
fn exhausted(store: &StoreOpaque) -> Error {
    let backtrace = capture_end(store, store.vm.caller());
    Error::Trap(Trap::new(TrapCode::StackExhausted, backtrace))
}

/// Takes the guest code that called the running host function into the list of what waits.
#[inline(never)]
fn suspend(vm: &mut StoreVm) {
    let state = &mut vm.state.get_mut().vm;
    let waiting = Pinned::new(Activation {
        outer: state.activation,
        ip: std::mem::replace(&mut state.last_ip, ptr::null()),
        fp: std::mem::replace(&mut state.last_fp, ptr::null_mut()),
        ctx: ptr::null_mut(),
        is_return_address: false,
        native_base: state.native_base,
    });
    state.activation = waiting.as_ptr();
    vm.suspended.push(waiting);
}

#[inline(always)]
fn close(vm: &mut StoreVm, outer: &Outer) {
    vm.depth -= 1;
    if !outer.last_ip.is_null()
        && let Some(waiting) = vm.suspended.pop()
    {
        vm.state.get_mut().vm.activation = waiting.get().outer;
    }
    let state = &mut vm.state.get_mut().vm;
    (state.last_ip, state.last_fp) = (outer.last_ip, outer.last_fp);
    state.native_base = outer.native_base;
    if let Some(stack) = &mut vm.stack {
        stack.set_next(outer.base);
    }
}

/// Calls a function from the host: `write` puts arguments into their slots, `read` takes results
/// from theirs. Slots of references follow the rules of [`Table::elements_mut`].
///
/// # Errors
/// The first of: what `write` says; a trap where stack or nesting are exhausted; whatever stops the
/// function.
///
/// # Panics
/// Where a host function called by the function panics.
///
/// [`Table::elements_mut`]: super::table::Table::elements_mut
pub(crate) fn call<R>(
    store: &mut StoreInner<dyn Any>,
    func: u32,
    write: impl FnOnce(&StoreOpaque, &mut [u64]) -> Result<()>,
    read: impl FnOnce(&StoreOpaque, &[u64]) -> R,
) -> Result<R> {
    let callee = store.opaque.funcs.callee(func);
    let slots = callee.param_slots.max(callee.result_slots);
    let Some(outer) = open(&mut store.opaque, slots)? else {
        return Err(exhausted(&store.opaque));
    };
    // SAFETY: `open` checked that these slots are on the stack; nobody uses them, as they are
    // behind those of every activation, and the kernel initialized them.
    let frame = unsafe { std::slice::from_raw_parts_mut(outer.base, slots as usize) };
    let stop = match write(&store.opaque, frame) {
        Err(error) => Some(Stop::Error(error)),
        Ok(()) if callee.ctx.is_null() => run_host_alone(store, func, outer.base),
        Ok(()) => match run_guest(store, callee, outer.base) {
            0 => None,
            status => Some(stopped(&mut store.opaque, status)),
        },
    };
    if let Some(stop) = stop {
        let stop = settle(&mut store.opaque, stop);
        close(&mut store.opaque.vm, &outer);
        end_run(&mut store.opaque);
        return Err(stop.unwrap_or_else(|panic| resume_unwind(panic)));
    }
    close(&mut store.opaque.vm, &outer);
    end_run(&mut store.opaque);
    // SAFETY: as above; whatever ran has returned.
    let frame = unsafe { std::slice::from_raw_parts(outer.base, slots as usize) };
    Ok(read(&store.opaque, frame))
}

/// Rolls back transactions that programs have left open, where no call is left that may end them.
#[inline(always)]
fn end_run(store: &mut StoreOpaque) {
    if store.services.database.is_open() && store.vm.depth == 0 {
        store.services.database.end_run();
    }
}

/// Runs a host function that the host calls; returns what stopped it, if anything.
#[inline(never)]
fn run_host_alone(store: &mut StoreInner<dyn Any>, func: u32, base: *mut u64) -> Option<Stop> {
    let FuncKind::Host(host) = &store.opaque.funcs.entry(func).kind else {
        return Some(Error::Bug("a function of nobody".into()).into());
    };
    let host = Arc::clone(host);
    let run = AssertUnwindSafe(|| run_host(store, &host, None, base));
    let result = catch_unwind(run).unwrap_or_else(|panic| Err(Stop::Panic(panic)));
    result.err()
}

/// Why a run stopped that ended with a status.
#[cold]
#[inline(never)]
fn stopped(store: &mut StoreOpaque, status: u32) -> Stop {
    match status {
        EXIT_HALT => Stop::Error(Error::Exit(0)),
        EXIT_ERROR => store.vm.pending.take().unwrap_or_else(|| {
            Stop::Error(Error::Bug(
                "a run stopped for an error that nobody left".into(),
            ))
        }),
        _ => match u8::try_from(status).ok().and_then(TrapCode::from_code) {
            Some(code) => Stop::Trap(code),
            None => Stop::Error(Error::Bug(format!("a run stopped with status {status}"))),
        },
    }
}

/// What the embedder gets to see of a stop: an error that knows where it happened, or a panic.
#[cold]
#[inline(never)]
fn settle(store: &mut StoreOpaque, stop: Stop) -> Result<Error, Box<dyn Any + Send>> {
    let noted = store.vm.noted.take();
    let backtrace = || {
        if let Some(noted) = noted {
            return noted;
        }
        let VmState {
            trap_ip, trap_fp, ..
        } = store.vm.state.get().vm;
        let place = (!trap_ip.is_null()).then_some(Place {
            ip: trap_ip,
            fp: trap_fp,
            ctx: ptr::null_mut(),
            is_return_address: false,
            native_base: ptr::null_mut(),
        });
        capture_end(store, place)
    };
    match stop {
        Stop::Trap(code) => {
            let backtrace = backtrace();
            // On the VM stack, nothing of what was running has been overwritten yet.
            debug::at_trap(store, code);
            Ok(Error::Trap(Trap::new(code, backtrace)))
        }
        Stop::Error(error) => Ok(error.or_backtrace(backtrace)),
        Stop::Caught => Ok(Error::Bug(
            "an exception caught behind a call from the host".into(),
        )),
        Stop::Panic(panic) => Err(panic),
    }
}

/// Runs a guest function; returns 0, or the status it was stopped with.
#[inline(always)]
fn run_guest(store: &mut StoreInner<dyn Any>, callee: Callee, base: *mut u64) -> u32 {
    let Callee {
        code, ctx, results, ..
    } = callee;
    let state = store.opaque.vm.state.as_ptr();
    let here = NonNull::from(&mut *store);
    // SAFETY:
    // * `ctx` and `code` come from the reference of a guest function, whose instance and module
    //   the store keeps; all that the context refers to is the store's as well, or outlives it.
    // * Nothing else uses any of it meanwhile: the store is borrowed exclusively, and `store` is
    //   not touched until `call` returns; libcalls get at it through `here` only.
    // * The stack below `base` is not ours, that from `base` on is unused (see `open`).
    unsafe {
        let outer = (*state).store.replace(here);
        let status = if store.opaque.vm.is_watched {
            let signals = Arc::as_ptr(&store.opaque.vm.signals);
            let running = Running::new(state.cast());
            let thread = (*signals).enter();
            let status = dotvm_interp::call(ctx, code, results, base);
            (*signals).leave(thread);
            drop(running);
            status
        } else {
            dotvm_interp::call(ctx, code, results, base)
        };
        (*state).store = outer;
        status
    }
}

/// Runs a host function with parameters and results in the slots from `base` on, called by the
/// instance `caller` or by the host. References that it made end with it, but for those among the values of
/// an exception that it stops with.
pub(super) fn run_host(
    store: &mut StoreInner<dyn Any>,
    host: &HostFunc,
    caller: Option<u32>,
    base: *mut u64,
) -> Result<(), Stop> {
    store.opaque.host_calls += 1;
    let slots = host.slots();
    // Where calls that the function makes may begin. Nobody looks at it once the function has
    // returned, until the next one says so anew or `close` puts back what was before.
    if let Some(stack) = &mut store.opaque.vm.stack {
        stack.set_next(base.wrapping_add(slots));
    }
    // SAFETY: whoever calls a host function, `call` or a handler, made sure that there are so many
    // slots on the stack, and leaves them to it.
    let frame = unsafe { std::slice::from_raw_parts_mut(base, slots) };
    let kept = store.opaque.heap.handles.len();
    let result = host.call(store, caller, frame);
    if !matches!(result, Err(Error::Exception(_))) {
        store.opaque.heap.handles.truncate(kept);
    }
    result.map_err(Stop::Error)
}

/// The store with its data's type, where it is `T`.
pub(crate) fn downcast<T: 'static>(store: &mut StoreInner<dyn Any>) -> Option<&mut StoreInner<T>> {
    if !store.data.is::<T>() {
        return None;
    }
    // SAFETY: the data is a `T`, so this is a `StoreInner<T>` that was unsized.
    Some(unsafe { &mut *ptr::from_mut(store).cast::<StoreInner<T>>() })
}
