//! Walking the frames of a run, for backtraces.

use dotvm_isa::abi::FRAME_HEADER_SLOTS;

use crate::code::Code;
use crate::handlers::calls::{CROSS_SLOTS, Exit, cross_return};

/// A guest frame.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// The instruction being executed; for all but the innermost frame the one after the call.
    pub ip: *const u64,
    /// The frame's base.
    pub fp: *mut u64,
    /// Whether `ip` is an address to return to.
    pub is_return_address: bool,
}

/// Visits the frames of one run (one [`call`](crate::call())) from `frame` outwards. `find` gives the
/// code that contains an address; the walk ends where it knows none.
///
/// # Safety
/// `frame` is a frame of a run that is stopped, as noted in [`VmState`](dotvm_isa::abi::VmState) or an
/// [`Activation`](dotvm_isa::abi::Activation), and the stack has not changed since.
pub unsafe fn walk<'c>(
    mut frame: Frame,
    find: &mut dyn FnMut(*const u64) -> Option<&'c Code>,
    visit: &mut dyn FnMut(Frame),
) {
    while let Some(code) = find(frame.ip) {
        visit(frame);
        // SAFETY: the frame belongs to that code, so its header is behind its parameters; slots
        // below a frame entered from another instance are as `calls` says.
        unsafe {
            let header = frame.fp.add(code.param_slots() as usize);
            let mut saved = [*header, *header.add(FRAME_HEADER_SLOTS as usize - 1)];
            if saved[0] == cross_return().addr() as u64 {
                let below = frame.fp.sub(CROSS_SLOTS);
                saved = [*below, *below.add(2)];
            }
            frame.ip = std::ptr::with_exposed_provenance(saved[0] as usize);
            frame.fp = std::ptr::with_exposed_provenance_mut(saved[1] as usize);
            frame.is_return_address = true;
        }
        if Exit::<()>::is_stub(frame.ip) {
            return;
        }
    }
}
