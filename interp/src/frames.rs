//! Walking the frames of a run, for backtraces and exceptions.

use std::ptr;

use dotvm_isa::abi::{FRAME_HEADER_SLOTS, VmContext};

use crate::handlers::calls::{CROSS_SLOTS, Exit, cross_return};

/// A guest frame.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// The instruction being executed; for all but the innermost frame the one after the call.
    pub ip: *const u64,
    /// The frame's base.
    pub fp: *mut u64,
    /// The instance that the function belongs to. The walk only knows where it changes: whoever starts it
    /// says what it is at first.
    pub ctx: *mut VmContext,
    /// Whether `ip` is an address to return to.
    pub is_return_address: bool,
}

/// Visits the frames of one run (one [`call`](crate::call())) from `frame` outwards. `visit` tells how many
/// slots the parameters of the frame's function have; the walk ends where it tells nothing.
///
/// # Safety
/// `frame` is a frame of a run that is stopped, as noted in [`VmState`](dotvm_isa::abi::VmState) or an
/// [`Activation`](dotvm_isa::abi::Activation), and the stack has not changed since. What `visit` tells is
/// right.
pub unsafe fn walk(mut frame: Frame, visit: &mut dyn FnMut(Frame) -> Option<u32>) {
    while let Some(param_slots) = visit(frame) {
        // SAFETY: the header is behind the parameters; slots below a frame entered from another
        // instance are as `calls` says.
        unsafe {
            let header = frame.fp.add(param_slots as usize);
            let mut saved = [*header, *header.add(FRAME_HEADER_SLOTS as usize - 1)];
            if saved[0] == cross_return().addr() as u64 {
                let below = frame.fp.sub(CROSS_SLOTS);
                saved = [*below, *below.add(2)];
                frame.ctx = ptr::with_exposed_provenance_mut(*below.add(1) as usize);
            }
            frame.ip = ptr::with_exposed_provenance(saved[0] as usize);
            frame.fp = ptr::with_exposed_provenance_mut(saved[1] as usize);
            frame.is_return_address = true;
        }
        if Exit::<()>::is_stub(frame.ip) {
            return;
        }
    }
}
