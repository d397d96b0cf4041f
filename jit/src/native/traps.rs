//! Faults in machine code become traps: a signal handler that knows which instructions may fault.
//!
//! The handler looks at faults of threads that run guest code, at addresses of published code, and
//! passes on everything else to whoever handled the signal before. It makes the faulting thread go on
//! in [`entry`](super::entry), outside of the signal, where the runtime notes what happened and the
//! code is left.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::mem::{MaybeUninit, zeroed};
use std::ops::Range;
use std::ptr;
use std::sync::{Arc, Once, OnceLock, PoisonError, RwLock};

use dotvm_isa::TrapCode;
use dotvm_isa::abi::VmState;

use super::code::{Code, FrameState};
use super::entry::{NativeFrame, trampolines};
use crate::image::ImageCode;

thread_local! {
    /// The store whose code this thread is running, if any.
    static RUNNING: Cell<*mut VmState> = const { Cell::new(ptr::null_mut()) };
}

/// Published code by the address behind its last instruction.
///
/// The handler reads it while its own thread is in machine code, so that thread holds no lock.
static CODES: RwLock<BTreeMap<usize, Published>> = RwLock::new(BTreeMap::new());

/// What is published together.
enum Published {
    /// A unit.
    Unit(Arc<Code>),
    /// An image with all its units.
    Image(Arc<ImageCode>),
}

impl Published {
    fn range(&self) -> Range<usize> {
        match self {
            Published::Unit(code) => code.range(),
            Published::Image(image) => image.range(),
        }
    }
}

pub(crate) fn register(codes: &[Arc<Code>]) {
    let mut all = CODES.write().unwrap_or_else(PoisonError::into_inner);
    for code in codes {
        all.insert(code.range().end, Published::Unit(Arc::clone(code)));
    }
}

pub(crate) fn unregister(codes: &[Arc<Code>]) {
    let mut all = CODES.write().unwrap_or_else(PoisonError::into_inner);
    for code in codes {
        all.remove(&code.range().end);
    }
}

pub(crate) fn register_image(image: &Arc<ImageCode>) {
    let mut all = CODES.write().unwrap_or_else(PoisonError::into_inner);
    all.insert(image.range().end, Published::Image(Arc::clone(image)));
}

pub(crate) fn unregister_image(image: &ImageCode) {
    let mut all = CODES.write().unwrap_or_else(PoisonError::into_inner);
    all.remove(&image.range().end);
}

/// The published code that contains an address, its last one included (where a call that does not
/// return is the last instruction).
pub fn find(pc: usize) -> Option<Arc<Code>> {
    let all = CODES.read().unwrap_or_else(PoisonError::into_inner);
    match all.range(pc..).next()?.1 {
        Published::Unit(code) => (code.range().start <= pc).then(|| Arc::clone(code)),
        Published::Image(image) => image.find(pc).map(Arc::new),
    }
}

/// What a fault at an address means.
fn trap_at(pc: usize) -> Option<TrapCode> {
    let all = CODES.read().unwrap_or_else(PoisonError::into_inner);
    match all.range(pc + 1..).next()?.1 {
        Published::Unit(code) => code.range().contains(&pc).then(|| code.trap_at(pc))?,
        // Nothing is allocated for it.
        Published::Image(image) => image.find(pc)?.trap_at(pc),
    }
}

/// Whether an address is in published code.
fn is_code(pc: usize) -> bool {
    let all = CODES.read().unwrap_or_else(PoisonError::into_inner);
    let next = all.range(pc + 1..).next();
    next.is_some_and(|(_, code)| code.range().contains(&pc))
}

/// Says, until it is dropped, that this thread runs code of a store.
#[derive(Debug)]
pub struct Running {
    before: *mut VmState,
}

impl Running {
    /// Begins.
    ///
    /// # Safety
    /// `state` is the state of a store, valid until this is dropped.
    #[inline]
    pub unsafe fn new(state: *mut VmState) -> Running {
        Running {
            before: RUNNING.replace(state),
        }
    }
}

impl Drop for Running {
    #[inline]
    fn drop(&mut self) {
        RUNNING.set(self.before);
    }
}

/// The signals that faults in machine code raise.
const SIGNALS: [libc::c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

/// Who handled each of [`SIGNALS`] before.
static BEFORE: OnceLock<Vec<libc::sigaction>> = OnceLock::new();

/// Installs the handler, once a process.
///
/// # Errors
/// Where the operating system refuses.
pub fn install() -> io::Result<()> {
    static ONCE: Once = Once::new();
    let mut result = Ok(());
    ONCE.call_once(|| {
        // They are read first, so that ours knows them when it runs.
        let before: io::Result<Vec<_>> = SIGNALS.iter().map(|&it| handler_of(it)).collect();
        match before {
            Ok(before) => drop(BEFORE.set(before)),
            Err(error) => {
                result = Err(error);
                return;
            }
        }
        // A fault within the handler comes to the handler too, which passes it on.
        let mut all = SIGNALS.iter();
        result = all.try_for_each(|&signal| set_handler(signal, handle, libc::SA_NODEFER));
    });
    result
}

/// How a signal is handled.
pub(super) type Handler =
    unsafe extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// Who handles a signal now.
pub(super) fn handler_of(signal: libc::c_int) -> io::Result<libc::sigaction> {
    // SAFETY: plain data, for which zero is valid, to be filled.
    unsafe {
        let mut action: libc::sigaction = zeroed();
        match libc::sigaction(signal, ptr::null(), &raw mut action) {
            0 => Ok(action),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// Has a signal handled by `handler`, which may be called at any time from then on, on the stack for
/// signals.
pub(super) fn set_handler(
    signal: libc::c_int,
    handler: Handler,
    flags: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the action is initialized.
    unsafe {
        let mut action: libc::sigaction = zeroed();
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | flags;
        action.sa_sigaction = (handler as *const ()).expose_provenance();
        libc::sigemptyset(&raw mut action.sa_mask);
        match libc::sigaction(signal, &raw const action, ptr::null_mut()) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// Makes sure that this thread has another stack for signal handlers, since a fault may be for want
/// of stack. Threads that Rust started have one.
///
/// # Errors
/// Where there is no memory for it.
pub fn ensure_signal_stack() -> io::Result<()> {
    thread_local! {
        static DONE: Cell<bool> = const { Cell::new(false) };
    }
    if !DONE.get() {
        signal_stack_of(0)?;
        DONE.set(true);
    }
    Ok(())
}

/// The same with a stack that has room to look at frames and to allocate memory, in place of a smaller one.
/// Returns whether there is one now.
pub fn ensure_large_signal_stack() -> bool {
    if !has_large_signal_stack() && signal_stack_of(SIGNAL_STACK_BYTES).is_ok() {
        HAS_LARGE_STACK.set(true);
    }
    has_large_signal_stack()
}

/// Whether this thread has had [`ensure_large_signal_stack`].
pub fn has_large_signal_stack() -> bool {
    HAS_LARGE_STACK.get()
}

thread_local! {
    static HAS_LARGE_STACK: Cell<bool> = const { Cell::new(false) };
}

/// Bytes of stacks for signal handlers that are made here.
const SIGNAL_STACK_BYTES: usize = 64 << 10;

/// Makes sure that this thread has a stack for signal handlers of so many bytes, at most
/// [`SIGNAL_STACK_BYTES`].
fn signal_stack_of(bytes: usize) -> io::Result<()> {
    // SAFETY: reading and setting this thread's own signal stack; the memory for a new one is never
    // given back.
    unsafe {
        let mut stack = MaybeUninit::<libc::stack_t>::uninit();
        if libc::sigaltstack(ptr::null(), stack.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        let stack = stack.assume_init();
        if stack.ss_flags & libc::SS_DISABLE != 0 || stack.ss_size < bytes {
            let memory = Box::leak(vec![0u8; SIGNAL_STACK_BYTES].into_boxed_slice());
            let new = libc::stack_t {
                ss_sp: memory.as_mut_ptr().cast(),
                ss_flags: 0,
                ss_size: SIGNAL_STACK_BYTES,
            };
            if libc::sigaltstack(&raw const new, ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
    }
    Ok(())
}

/// The handler.
///
/// # Safety
/// To be called by the kernel only.
unsafe extern "C" fn handle(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: the kernel passes valid pointers.
    unsafe {
        let context = &mut *context.cast::<libc::ucontext_t>();
        // What another process sends is no fault.
        let is_fault = (*info).si_code > 0;
        if is_fault && divert(signal, &*info, context) {
            return;
        }
        let Some(before) = BEFORE.get() else { return };
        let at = SIGNALS.iter().position(|&s| s == signal).unwrap_or(0);
        pass_on(signal, info, context, &before[at]);
    }
}

/// Where this is a trap of guest code, makes the thread go on where it is left.
///
/// # Safety
/// As for [`handle`].
unsafe fn divert(
    signal: libc::c_int,
    info: &libc::siginfo_t,
    context: &mut libc::ucontext_t,
) -> bool {
    let state = RUNNING.get();
    if state.is_null() {
        return false;
    }
    let registers = &mut context.uc_mcontext.gregs;
    let pc = registers[libc::REG_RIP as usize] as usize;
    // SAFETY: whoever set `RUNNING` keeps the state alive; machine code is stopped.
    let native = unsafe { &(*state).native };
    if native.host_sp.is_null() {
        return false;
    }
    let trampolines = trampolines();
    let exhausted = signal == libc::SIGSEGV && {
        // SAFETY: this signal carries an address.
        let address = unsafe { info.si_addr() }.addr();
        let low = native.low.addr();
        (low.saturating_sub(STACK_GUARD_BYTES)..low).contains(&address)
            && (is_code(pc) || trampolines.contains(pc))
    };
    let trap = if exhausted {
        Some(TrapCode::StackExhausted)
    } else {
        trap_at(pc)
    };
    let Some(code) = trap else { return false };
    // SAFETY: as above; nothing else uses the state now.
    unsafe {
        leave(state, context, code);
        if exhausted && frameless(pc, trampolines.contains(pc)) {
            // The frame of the code at `pc` is not there yet: the address to return to is on top.
            let sp = context.uc_mcontext.gregs[libc::REG_RSP as usize] as usize;
            (*state).last_ip = *ptr::with_exposed_provenance::<*const u64>(sp);
        }
    }
    true
}

/// Makes the thread that is stopped in machine code go on where that is left with a trap.
///
/// # Safety
/// `state` is that of the store whose code the thread runs, on its native stack, and nothing else uses
/// it now.
unsafe fn leave(state: *mut VmState, context: &mut libc::ucontext_t, code: TrapCode) {
    let registers = &mut context.uc_mcontext.gregs;
    let [pc, fp] = [libc::REG_RIP, libc::REG_RBP].map(|r| registers[r as usize] as usize);
    // SAFETY: the caller's promise.
    unsafe {
        // As if the instruction had made a call: whoever reads frames looks at what is before.
        (*state).last_ip = ptr::with_exposed_provenance(pc + 1);
        (*state).last_fp = ptr::with_exposed_provenance_mut(fp);
    }
    registers[libc::REG_RIP as usize] = trampolines().trapped.addr() as i64;
    registers[libc::REG_RDI as usize] = state.expose_provenance() as i64;
    registers[libc::REG_RSI as usize] = i64::from(code as u8);
}

/// Where the thread is in machine code and can be left there, makes it do so with the trap that `ask`
/// says, if any. Takes no lock that the thread may hold: it was not at a fault but anywhere.
///
/// # Safety
/// As for [`handle`]; `ask` may be called while the code of the store runs, in a signal handler.
pub(super) unsafe fn stop(
    context: &mut libc::ucontext_t,
    ask: unsafe fn(*mut VmState, NativeFrame) -> Option<TrapCode>,
) {
    let state = RUNNING.get();
    // SAFETY: whoever set `RUNNING` keeps the state alive.
    if state.is_null() || unsafe { (*state).native.host_sp.is_null() } {
        return;
    }
    let registers = context.uc_mcontext.gregs;
    let [pc, sp, fp] =
        [libc::REG_RIP, libc::REG_RSP, libc::REG_RBP].map(|r| registers[r as usize] as usize);
    let found = CODES.try_read().ok().and_then(|all| {
        let (_, published) = all.range(pc + 1..).next()?;
        match published {
            Published::Unit(code) => code.stop_at(pc),
            Published::Image(image) => image.find(pc)?.stop_at(pc),
        }
    });
    let Some((place, frame)) = found else { return };
    // SAFETY: the caller's promise; the thread is in machine code, on the native stack, and its state
    // is as at any instruction that traps. Nobody uses what is below the stack pointer, which is not
    // below the end of the stack where a frame fits.
    unsafe {
        if frame == FrameState::Missing && sp < (*state).native.low.addr() + size_of::<usize>() {
            return;
        }
        // As if it had made its frame.
        let fp = match frame {
            FrameState::Complete => fp,
            FrameState::Begun => sp,
            FrameState::Missing => {
                let pushed = sp - size_of::<usize>();
                *ptr::with_exposed_provenance_mut::<usize>(pushed) = fp;
                pushed
            }
        };
        // As if the instruction had made a call.
        let frame = NativeFrame {
            pc: place + 1,
            fp: ptr::with_exposed_provenance(fp),
        };
        let Some(code) = ask(state, frame) else {
            return;
        };
        leave(state, context, code);
        (*state).last_ip = ptr::with_exposed_provenance(frame.pc);
        (*state).last_fp = frame.fp.cast_mut();
    }
}

/// Bytes below the native stack that can never be accessed, more than the code of any function skips
/// without touching them.
pub const STACK_GUARD_BYTES: usize = 1 << 20;

/// Whether code at `pc` has not made its frame yet.
fn frameless(pc: usize, trampoline: bool) -> bool {
    trampoline || find(pc).is_some_and(|code| code.range().start == pc)
}

/// Does what would have been done without us.
///
/// # Safety
/// As for [`handle`].
pub(super) unsafe fn pass_on(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: &mut libc::ucontext_t,
    before: &libc::sigaction,
) {
    // SAFETY: the action before was made for these arguments.
    unsafe {
        match before.sa_sigaction {
            libc::SIG_DFL | libc::SIG_IGN => {
                // The instruction is executed again, and this time nobody is asked; what was sent is
                // sent again.
                libc::sigaction(signal, before, ptr::null_mut());
                if (*info).si_code <= 0 {
                    libc::raise(signal);
                }
            }
            handler if before.sa_flags & libc::SA_SIGINFO != 0 => {
                let handler: Handler =
                    std::mem::transmute(ptr::with_exposed_provenance::<()>(handler));
                handler(signal, info, ptr::from_mut(context).cast());
            }
            handler => {
                let handler: unsafe extern "C" fn(libc::c_int) =
                    std::mem::transmute(ptr::with_exposed_provenance::<()>(handler));
                handler(signal);
            }
        }
    }
}
