//! The threaded-code machine: its registers, and how one handler leads to the next.
//!
//! An instruction is a word with the address of its [`Handler`], then operand words. The first
//! operand word holds up to four 16-bit fields, usually slot numbers, at bytes 8, 10, 12 and 14
//! of the instruction (the last two may be one 32-bit constant or displacement instead).
//!
//! Handlers implement [`Exec`] once. Two dispatchers wrap them:
//!
//! * *tail* (optimized x86-64 builds): every handler is a function whose parameters are the machine
//!   registers and which ends by calling the next handler. With equal signatures and everything in
//!   registers the compiler makes that call a jump. Rust does not promise it, so `build.rs` limits
//!   it to builds where it holds and a test on a small native stack guards it.
//! * *loop* (everything else): handlers return, a loop calls the next one.

use std::ptr;
use std::sync::atomic::Ordering;

use dotvm_isa::TrapCode;
use dotvm_isa::abi::{CodeCell, EXIT_CAUGHT, VmContext};

use crate::code::{Code, ResultKind};
#[cfg(dotvm_tail_dispatch)]
use crate::features;
use crate::handlers::calls::{self, Exit};
use crate::handlers::native;

#[cfg(target_endian = "big")]
compile_error!("operand fields are read at their little-endian places");

/// The machine's registers.
#[derive(Clone, Copy)]
pub(crate) struct Regs {
    /// The instruction being executed.
    pub(crate) ip: *const u64,
    /// Base of the running function's frame.
    pub(crate) fp: *mut u64,
    /// First byte of memory 0.
    pub(crate) mem: *mut u8,
    /// Bytes of memory 0.
    pub(crate) len: usize,
    /// Accumulator of integers and references; the upper half of an `i32` is zero.
    pub(crate) acc: u64,
    /// The instance.
    pub(crate) ctx: *mut VmContext,
    /// Accumulator of `f64`.
    pub(crate) f64: f64,
    /// Accumulator of `f32`.
    pub(crate) f32: f32,
}

/// What comes after a handler.
pub(crate) enum Flow {
    /// The instruction at `ip`.
    Next,
    /// This handler, which is kept out of line because it is rarely needed.
    Slow(Handler),
    /// The end of this run with that status: 0, a trap code or an exit of [`dotvm_isa::abi`].
    Exit(u32),
}

impl Flow {
    #[inline(always)]
    pub(crate) fn trap(code: TrapCode) -> Flow {
        Flow::Exit(code as u32)
    }
}

/// What an instruction does.
pub(crate) trait Exec {
    /// Executes the instruction at `r.ip` and, unless it ends the run, moves `r.ip` on.
    ///
    /// # Safety
    /// `r.ip` points to an instruction of this kind in code lowered from a verified function of
    /// the instance `r.ctx`, `r.fp` to its frame on the VM stack, and all that `r.ctx` refers to
    /// is alive and not borrowed elsewhere.
    unsafe fn exec(r: &mut Regs) -> Flow;
}

#[cfg(dotvm_tail_dispatch)]
mod dispatch {
    use super::{Exec, Flow, Regs, VmContext, features, leave};

    /// Address of an instruction's code.
    pub(crate) type Handler = unsafe extern "sysv64" fn(
        *const u64,
        *mut u64,
        *mut u8,
        usize,
        u64,
        *mut VmContext,
        f64,
        f32,
    ) -> u32;

    /// Defines the handler of `I`: registers in, next handler called last. Never inlined: a rare handler
    /// must not bring its saving of registers into those that may lead to it.
    macro_rules! step {
        ($(#[$attribute:meta])* $name:ident) => {
            $(#[$attribute])*
            #[inline(never)]
            #[allow(
                clippy::too_many_arguments,
                reason = "they are the machine's registers"
            )]
            unsafe extern "sysv64" fn $name<I: Exec>(
                ip: *const u64,
                fp: *mut u64,
                mem: *mut u8,
                len: usize,
                acc: u64,
                ctx: *mut VmContext,
                f64: f64,
                f32: f32,
            ) -> u32 {
                let mut r = Regs {
                    ip,
                    fp,
                    mem,
                    len,
                    acc,
                    ctx,
                    f64,
                    f32,
                };
                // SAFETY: whoever dispatched here vouches for the registers: `run` for the first
                // instruction, the instruction before for every other one.
                match unsafe { I::exec(&mut r) } {
                    Flow::Next => {
                        // SAFETY: `exec` left `ip` at an instruction, whose first word is a handler.
                        unsafe {
                            let next = *r.ip.cast::<Handler>();
                            next(r.ip, r.fp, r.mem, r.len, r.acc, r.ctx, r.f64, r.f32)
                        }
                    }
                    // SAFETY: as above, for the handler that `exec` named.
                    Flow::Slow(next) => unsafe {
                        next(r.ip, r.fp, r.mem, r.len, r.acc, r.ctx, r.f64, r.f32)
                    },
                    Flow::Exit(status) => leave(r.ip, r.fp, r.ctx, status),
                }
            }
        };
    }
    step! { step }
    // What `features::detected` looks for.
    step! { #[target_feature(enable = "avx2,bmi1,bmi2,fma,lzcnt,popcnt")] step_with_features }

    /// The handler of `I`.
    pub(crate) fn handler<I: Exec>() -> Handler {
        step::<I>
    }

    /// The handler of `I`, compiled for the vector instructions that this processor has.
    pub(crate) fn vector_handler<I: Exec>() -> Handler {
        match features::detected() {
            true => step_with_features::<I>,
            false => step::<I>,
        }
    }

    /// Runs from `r` until something exits.
    ///
    /// # Safety
    /// As for [`Exec::exec`].
    pub(crate) unsafe fn run(r: Regs) -> u32 {
        // SAFETY: the caller's promise.
        unsafe {
            let first = *r.ip.cast::<Handler>();
            first(r.ip, r.fp, r.mem, r.len, r.acc, r.ctx, r.f64, r.f32)
        }
    }
}

#[cfg(not(dotvm_tail_dispatch))]
mod dispatch {
    use super::{Exec, Flow, Regs, leave};

    /// Address of an instruction's code; returns [`GO_ON`] or the status to leave with.
    pub(crate) type Handler = unsafe fn(&mut Regs) -> u32;

    const GO_ON: u32 = u32::MAX;

    unsafe fn step<I: Exec>(r: &mut Regs) -> u32 {
        // SAFETY: the dispatching loop vouches for the registers.
        match unsafe { I::exec(r) } {
            Flow::Next => GO_ON,
            // SAFETY: `exec` left the registers as that handler wants them.
            Flow::Slow(next) => unsafe { next(r) },
            Flow::Exit(status) => leave(r.ip, r.fp, r.ctx, status),
        }
    }

    /// The handler of `I`.
    pub(crate) fn handler<I: Exec>() -> Handler {
        step::<I>
    }

    /// The handler of `I`: there is only that for any processor.
    pub(crate) fn vector_handler<I: Exec>() -> Handler {
        step::<I>
    }

    /// Runs from `r` until something exits.
    ///
    /// # Safety
    /// As for [`Exec::exec`].
    pub(crate) unsafe fn run(mut r: Regs) -> u32 {
        loop {
            // SAFETY: `ip` is at an instruction, whose first word is a handler.
            let status = unsafe { (*r.ip.cast::<Handler>())(&mut r) };
            if status != GO_ON {
                return status;
            }
        }
    }
}

pub(crate) use dispatch::{Handler, handler, vector_handler};

/// Ends a run: notes where.
#[cold]
#[inline(never)]
fn leave(ip: *const u64, fp: *mut u64, ctx: *mut VmContext, status: u32) -> u32 {
    // SAFETY: `ctx` is the running instance and its state belongs to this thread of execution.
    unsafe {
        let state = (*ctx).state;
        (*state).trap_ip = ip;
        (*state).trap_fp = fp;
    }
    status
}

/// What the `CodeCell` of a function that was not lowered yet points to: a prefix that asks for
/// more stack than there is, so that calls take the slow path without a check of their own.
static UNLOWERED: [u64; 3] = [0, u32::MAX as u64, 0];

/// The address to put in the cells of functions that were not lowered yet. Calling such a function
/// calls the libcall `lower`, which replaces it.
pub fn unlowered() -> *const u64 {
    &raw const UNLOWERED[2]
}

/// Runs the function of `cell` until it returns or the run is stopped.
///
/// Parameters are in the slots from `base` upwards. Returns 0 with the results in the slots from
/// `base` upwards, the code of a [`TrapCode`], or one of the exits of [`dotvm_isa::abi`].
///
/// # Safety
/// * `ctx` and all it refers to are valid (see [`VmContext`]), and nothing else uses them until
///   this returns.
/// * `cell` belongs to a function of that instance with results of kind `results`, and holds
///   [`unlowered`] or the entry of live [`crate::Code`].
/// * `base` is in the VM stack below `stack_end`, with the slots from there on unused.
#[inline]
pub unsafe fn call(
    ctx: *mut VmContext,
    cell: *const CodeCell,
    results: ResultKind,
    base: *mut u64,
) -> u32 {
    // SAFETY: the caller's promises are what `Exec::exec` needs.
    unsafe {
        if (*cell).code.load(Ordering::Acquire).cast_const() == unlowered() {
            let status = ((*(*ctx).libcalls).lower)(ctx, base, cell.addr() as u64);
            if status != 0 {
                return status;
            }
        }
        native::call(ctx, cell, base).unwrap_or_else(|| interpret(ctx, cell, results, base))
    }
}

/// Runs a lowered function, from the interpreter on.
///
/// # Safety
/// As for [`call`].
#[inline(never)]
unsafe fn interpret(
    ctx: *mut VmContext,
    cell: *const CodeCell,
    results: ResultKind,
    base: *mut u64,
) -> u32 {
    // SAFETY: the caller's promises are what `Exec::exec` needs.
    unsafe {
        let exit = Exit::<()>::stub(results);
        let mut r = registers(ctx, exit, base);
        let entered = calls::enter(&mut r, cell, base, exit, base);
        run_entered(entered, r, exit, base)
    }
}

/// Goes on with a frame in threaded code that was lowered for a debugger, until its function returns or the run is
/// stopped: with the instruction at the offset `from`, or at the start of the function. Returns as [`call`] does.
///
/// # Safety
/// * As for [`call`]; the function is that of `code`, has results of kind `results`, and its frame is at `base`.
/// * Its parameters are in their slots there, and in front of an instruction all of its values. What is in the frame's
///   header is not needed any more.
/// * The instruction can be reached.
pub unsafe fn go_on(
    ctx: *mut VmContext,
    code: &Code,
    from: Option<u32>,
    results: ResultKind,
    base: *mut u64,
) -> u32 {
    let exit = Exit::<()>::stub(results);
    // SAFETY: the caller's promises are what `Exec::exec` needs.
    unsafe {
        let mut r = registers(ctx, exit, base);
        let Some(from) = from else {
            let entered = calls::enter_code(&mut r, ptr::null(), code.entry(), base, exit, base);
            return run_entered(entered, r, exit, base);
        };
        let header = base.add(code.param_slots() as usize);
        *header = exit.expose_provenance() as u64;
        *header.add(1) = base.expose_provenance() as u64;
        r.ip = code.stop_at(from).expect("the instruction can be reached");
        run(r, base)
    }
}

/// The registers of a run that starts in a frame.
///
/// # Safety
/// As for [`call`].
#[inline(always)]
unsafe fn registers(ctx: *mut VmContext, ip: *const u64, fp: *mut u64) -> Regs {
    // SAFETY: the caller's promises.
    let memory = unsafe { &*(*ctx).memory };
    Regs {
        ip,
        fp,
        mem: memory.base,
        len: memory.len,
        acc: 0,
        ctx,
        f64: 0.0,
        f32: 0.0,
    }
}

/// Runs a function that was entered, or not.
///
/// # Safety
/// As for [`call`].
#[inline(always)]
unsafe fn run_entered(entered: Flow, r: Regs, exit: *const u64, base: *mut u64) -> u32 {
    // SAFETY: the caller's promises.
    unsafe {
        match entered {
            Flow::Next => run(r, base),
            // A safepoint or the stack check: both are handled by the handler itself.
            Flow::Slow(_) => run_slow(r, exit, base),
            Flow::Exit(status) => status,
        }
    }
}

/// Runs from `r` until something exits that this run, whose frames are those from `base` on, is to be left
/// for: where an exception is caught in one of them, it goes on there.
///
/// # Safety
/// As for [`Exec::exec`].
#[inline(always)]
unsafe fn run(mut r: Regs, base: *mut u64) -> u32 {
    // SAFETY: the caller's promise. A landing is an instruction of a frame that is waiting, with its values
    // in their homes. All frames of the runs within this one have higher addresses, and those runs ended.
    unsafe {
        loop {
            let status = dispatch::run(r);
            let landing = &mut (*(*r.ctx).state).landing;
            if status != EXIT_CAUGHT || landing.fp < base {
                return status;
            }
            (r.ip, r.ctx) = (landing.ip, landing.ctx);
            r.fp = std::mem::replace(&mut landing.fp, ptr::null_mut());
            r.reload_memory();
        }
    }
}

/// A first call that did not get into its function: a stack too small, or a safepoint due.
///
/// # Safety
/// As for [`call`].
unsafe fn run_slow(r: Regs, exit: *const u64, base: *mut u64) -> u32 {
    // SAFETY: the caller's promises.
    unsafe {
        if r.ip != exit {
            // The function was entered and its counter is due.
            let state = (*r.ctx).state;
            (*state).last_ip = r.ip;
            (*state).last_fp = r.fp;
            let status = ((*(*r.ctx).libcalls).safepoint)(r.ctx, r.fp, r.acc);
            return if status == 0 {
                run(r, base)
            } else {
                leave(r.ip, r.fp, r.ctx, status)
            };
        }
        TrapCode::StackExhausted as u32
    }
}
