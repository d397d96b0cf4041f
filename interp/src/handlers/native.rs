//! The door to native code: a function or loop that was compiled is a stub of threaded code whose
//! one instruction runs it.
//!
//! A run of threaded code waits until native code has returned, even where that was a tail call. Native
//! code that tail-calls what is not compiled waits as well. So that functions of both kinds can go on
//! calling each other so forever, the first frame of a run goes on in threaded code once many runs wait.

use std::ptr;
use std::sync::atomic::Ordering;

use dotvm_isa::abi::{Activation, CodeCell, FRAME_HEADER_SLOTS, VmContext};

use super::calls::{CROSS_SLOTS, Exit, cross_return, enter_code, leave_frame, load_result};
use crate::code::{Code, CodeMemory, NativeCode, NativeEntry, PREFIX_WORDS, Regions};
use crate::machine::{Exec, Flow, Regs, handler};

/// Runs the native code of words 2 to 4, that of the defined function of word 5, in the frame that was just entered (or, for a loop, that is
/// there already) and returns from it. The header is at the slot named at byte 8, the kind of the
/// results at byte 10.
struct EnterNative;

impl Exec for EnterNative {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: `stub` put these words there; the header was written when the frame was entered.
        unsafe {
            let header = r.slot(r.field(8));
            // Results may overwrite it.
            let saved = [*header, *header.add(1)];
            let state = (*r.ctx).state;
            if (*state).native_depth >= (*state).native_depth_max {
                let code = threaded(r.ctx, r.fp, r.ip, saved[0], saved[1]);
                if !code.is_null() {
                    let ret = ptr::with_exposed_provenance(saved[0] as usize);
                    let caller = ptr::with_exposed_provenance_mut(saved[1] as usize);
                    return enter_code(r, ptr::null(), code, r.fp, ret, caller);
                }
            }
            let status = run(r.ctx, r.fp, r.ip.add(2), saved[0], saved[1]);
            r.reload_memory();
            if status != 0 {
                return Flow::Exit(status);
            }
            load_result(r, r.fp, r.field(10) as u64);
            leave_frame(r, saved.as_ptr());
        }
        Flow::Next
    }
}

/// The threaded code of a function with that stub, where that is to be run instead: where
/// nothing in this run waits for it. Else null. (Loops are not resumed in native code at such a depth.)
///
/// # Safety
/// The stub has just been entered in the frame at `fp`, whose header holds `ip` and `caller`.
#[cold]
#[inline(never)]
unsafe fn threaded(
    ctx: *mut VmContext,
    fp: *mut u64,
    stub: *const u64,
    ip: u64,
    caller: u64,
) -> *const u64 {
    // SAFETY: the caller's promise.
    unsafe {
        let is_loop = *stub.add(4) == 0;
        let (ret, _, _) = returns_to(ctx, fp, ip, caller);
        if is_loop || !Exit::<()>::is_stub(ret) {
            return ptr::null();
        }
        let mut code = 0;
        ((*(*ctx).libcalls).threaded_code)(ctx, &raw mut code, *stub.add(5));
        ptr::with_exposed_provenance(code as usize)
    }
}

/// Where a frame whose header holds `ip` and `caller` returns to: the instruction, the frame's base and the instance.
///
/// # Safety
/// The frame is at `fp` and belongs to the instance `ctx`.
#[inline(always)]
unsafe fn returns_to(
    ctx: *mut VmContext,
    fp: *mut u64,
    mut ip: u64,
    mut caller: u64,
) -> (*const u64, *mut u64, *mut VmContext) {
    let mut own = ctx;
    if ip == cross_return().addr() as u64 {
        // SAFETY: below a frame that was entered from another instance is where that goes on.
        unsafe {
            let below = fp.sub(CROSS_SLOTS);
            (ip, caller) = (*below, *below.add(2));
            own = ptr::with_exposed_provenance_mut(*below.add(1) as usize);
        }
    }
    (
        ptr::with_exposed_provenance(ip as usize),
        ptr::with_exposed_provenance_mut(caller as usize),
        own,
    )
}

/// Runs native code for the frame at `fp`, whose header holds `ip` and `caller`.
///
/// # Safety
/// `words` are those of a stub of the instance `ctx`.
#[inline(never)]
unsafe fn run(ctx: *mut VmContext, fp: *mut u64, words: *const u64, ip: u64, caller: u64) -> u32 {
    // SAFETY: the caller's promise; the record is taken off the list before it goes.
    unsafe {
        let state = (*ctx).state;
        if (*state).native.top.is_null() {
            let status = ((*(*ctx).libcalls).native_stack)(ctx, fp, 0);
            if status != 0 {
                return status;
            }
        }
        let (ip, caller, own) = returns_to(ctx, fp, ip, caller);
        let waiting = Activation {
            outer: (*state).activation,
            ip,
            fp: caller,
            ctx: own,
            is_return_address: true,
            native_base: ptr::null_mut(),
        };
        (*state).activation = &raw const waiting;
        (*state).native_depth += 1;
        let status = enter_native(ctx, fp, words);
        (*state).native_depth -= 1;
        (*state).activation = waiting.outer;
        status
    }
}

/// Calls a function from the host straight away where it has native code, nobody wants it stopped, and
/// there is room for its frame; parameters and results are in the slots from `base` on.
///
/// # Safety
/// As for [`crate::call`], and the function was lowered.
#[inline(always)]
pub(crate) unsafe fn call(
    ctx: *mut VmContext,
    cell: *const CodeCell,
    base: *mut u64,
) -> Option<u32> {
    // SAFETY: the cell holds the entry of live code, behind its prefix; what follows the instruction
    // that enters native code is what `stub` put there.
    unsafe {
        let code = (*cell).code.load(Ordering::Acquire).cast_const();
        let frame_bytes = *code.sub(1) as u32 as usize * size_of::<u64>();
        let state = (*ctx).state;
        if *code != door()
            || base.addr() + frame_bytes > (*ctx).stack_end.addr()
            || (*(*ctx).signals).hot_limit.load(Ordering::Relaxed) == 0
            || (*state).native.top.is_null()
        {
            return None;
        }
        Some(enter_native(ctx, base, code.add(2)))
    }
}

/// Enters native code with the frame at `fp`.
///
/// # Safety
/// As for [`run`], and the store has its native stack.
#[inline(always)]
unsafe fn enter_native(ctx: *mut VmContext, fp: *mut u64, words: *const u64) -> u32 {
    // SAFETY: `stub` put these words there.
    unsafe {
        let enter: NativeEntry = std::mem::transmute(*words);
        let adapter = ptr::with_exposed_provenance(*words.add(1) as usize);
        let code = ptr::with_exposed_provenance(*words.add(2) as usize);
        let state = (*ctx).state;
        let next = std::mem::replace(&mut (*state).stack_next, fp);
        let status = enter(ctx, fp, code, adapter);
        (*state).stack_next = next;
        status
    }
}

/// The word of the instruction that enters native code.
fn door() -> u64 {
    (handler::<EnterNative>() as *const ()).expose_provenance() as u64
}

/// Makes the stub of native code for function `func`.
pub(crate) fn stub(func: u32, native: &NativeCode, memory: &mut dyn CodeMemory) -> Code {
    let params = u64::from(native.param_slots);
    let own = native.param_slots.max(native.result_slots) + FRAME_HEADER_SLOTS;
    let frame = own.max(native.frame_slots);
    let words: [u64; PREFIX_WORDS + 6] = [
        u64::from(func) << 32,
        u64::from(frame) | params << 32,
        door(),
        params | (native.results as u64) << 16,
        (native.enter as *const ()).expose_provenance() as u64,
        native.adapter.expose_provenance() as u64,
        native.code.expose_provenance() as u64,
        u64::from(native.defined),
    ];
    Code::new(&words, &[], Regions::default(), memory)
}
