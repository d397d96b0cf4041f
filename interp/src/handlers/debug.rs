//! What stands in front of each instruction of code that was lowered for a debugger.

use std::sync::atomic::{AtomicU32, Ordering};

use super::memory::call_runtime;
use crate::machine::{Exec, Flow, Regs, handler};

/// Has the runtime ask the debugger where there is a breakpoint, which the lower half of word 1 says, or where
/// it wants to see every instruction. The upper half is the offset of the instruction.
pub(crate) struct Break;

impl Exec for Break {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: lowering put the word there; its lower half is only ever accessed as an atomic. The context
        // has the store's signals.
        unsafe {
            let is_set = AtomicU32::from_ptr(r.ip.add(1).cast_mut().cast()).load(Ordering::Relaxed);
            let all = (*(*r.ctx).signals).break_all.load(Ordering::Relaxed);
            if is_set | all != 0 {
                return Flow::Slow(handler::<Ask>());
            }
            r.advance(2);
        }
        Flow::Next
    }
}

/// Asks, then goes on.
struct Ask;

impl Exec for Ask {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: every value of the frame is in its slot here, and accumulators hold nothing that is needed.
        unsafe {
            let is_set = AtomicU32::from_ptr(r.ip.add(1).cast_mut().cast()).load(Ordering::Relaxed);
            let offset = u64::from(*r.ip.add(1).cast::<u32>().add(1));
            let immediate = offset << 32 | u64::from(is_set);
            let ask = (*(*r.ctx).libcalls).breakpoint;
            let status = call_runtime(r, ask, r.fp, immediate);
            if status != 0 {
                return Flow::Exit(status);
            }
            r.advance(2);
        }
        Flow::Next
    }
}
