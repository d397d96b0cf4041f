//! The stack of guest code: one a store, fenced by guard pages, committed by the kernel as it is
//! touched.

use super::mapping::{GRANULE_BYTES, Reservation, round_up};
use crate::config::Config;
use crate::error::{Error, Result};

/// Slots for values of frames. Programs cannot address it.
#[derive(Debug)]
pub(crate) struct Stack {
    _reservation: Reservation,
    /// Its first slot.
    base: *mut u64,
    /// First slot that no activation uses.
    next: *mut u64,
    /// No frame reaches past it.
    end: *mut u64,
    bytes: usize,
}

// SAFETY: the addresses are those of the reservation, which is owned.
unsafe impl Send for Stack {}
// SAFETY: `&Stack` only gives out addresses.
unsafe impl Sync for Stack {}

impl Stack {
    /// A stack of `bytes` bytes.
    ///
    /// # Errors
    /// Where there is no address space for it.
    pub(crate) fn new(bytes: usize) -> Result<Stack> {
        let error = |reason: &dyn std::fmt::Display| {
            Error::Limit(format!(
                "a stack of {bytes} bytes cannot be reserved: {reason}"
            ))
        };
        // A function that is not lowered yet pretends to have a frame of 2^32 - 1 slots, so that its
        // first call ends up where it is lowered: no stack may have room for that.
        const { assert!(Config::MAX_STACK_BYTES < u32::MAX as usize * size_of::<u64>()) };
        let usable = round_up(bytes).filter(|&usable| usable <= Config::MAX_STACK_BYTES);
        let Some(usable) = usable else {
            let most = Config::MAX_STACK_BYTES;
            return Err(error(&format_args!("the most is {most} bytes")));
        };
        let mut reservation =
            Reservation::new(usable + 3 * GRANULE_BYTES).map_err(|reason| error(&reason))?;
        // Native code puts arguments behind a frame before anybody looks whether the next one fits:
        // they are always fewer than fill the extra granule.
        reservation
            .commit(GRANULE_BYTES, usable + GRANULE_BYTES)
            .map_err(|reason| error(&reason))?;
        // SAFETY: the reservation has a granule of guard on both sides of the usable bytes, and
        // `bytes` is at most their number.
        let (next, end) = unsafe {
            let base = reservation.base().add(GRANULE_BYTES).cast::<u64>();
            (base, base.add(bytes / size_of::<u64>()))
        };
        Ok(Stack {
            _reservation: reservation,
            base: next,
            next,
            end,
            bytes,
        })
    }

    /// First slot that no activation uses.
    pub(crate) fn next(&self) -> *mut u64 {
        self.next
    }

    /// Says which slots are in use: those below `next`, a place on this stack.
    pub(crate) fn set_next(&mut self, next: *mut u64) {
        debug_assert!(next.addr() <= self.end.addr(), "a place behind the stack");
        self.next = next;
    }

    /// The slots below a place.
    pub(crate) fn slots_below(&self, end: *mut u64) -> &[u64] {
        let len = (end.addr().min(self.end.addr())).saturating_sub(self.base.addr());
        // SAFETY: the kernel initialized them; guest code, which changes them, is not running while the
        // store is borrowed.
        unsafe { std::slice::from_raw_parts(self.base, len / size_of::<u64>()) }
    }

    /// Where on the stack these bytes are, if they are all in slots of it.
    fn offset_of(&self, address: usize, len: usize) -> Option<usize> {
        let offset = address.checked_sub(self.base.addr())?;
        let room = self.end.addr() - self.base.addr();
        (offset.checked_add(len)? <= room).then_some(offset)
    }

    /// The slots from an address on: as many as there are, but no more than `most`.
    pub(crate) fn slots_at(&self, address: usize, most: usize) -> &[u64] {
        let base = self.base.addr();
        let below = self.slots_below(self.end);
        let first = address.checked_sub(base).map(|it| it / size_of::<u64>());
        let from = first.and_then(|first| below.get(first..)).unwrap_or(&[]);
        &from[..most.min(from.len())]
    }

    /// Bytes of slots.
    pub(crate) fn bytes_at(&self, address: usize, len: usize) -> Option<&[u8]> {
        let offset = self.offset_of(address, len)?;
        // SAFETY: they are on the stack. As for `slots_below`.
        Some(unsafe { std::slice::from_raw_parts(self.base.cast::<u8>().add(offset), len) })
    }

    /// Bytes of slots, to be changed.
    pub(crate) fn bytes_at_mut(&mut self, address: usize, len: usize) -> Option<&mut [u8]> {
        let offset = self.offset_of(address, len)?;
        // SAFETY: as for `bytes_at`, and the stack is borrowed exclusively.
        Some(unsafe { std::slice::from_raw_parts_mut(self.base.cast::<u8>().add(offset), len) })
    }

    /// End of the stack.
    pub(crate) fn end(&self) -> *mut u64 {
        self.end
    }

    /// Slots that are left.
    pub(crate) fn left(&self) -> usize {
        self.end.addr().saturating_sub(self.next.addr()) / size_of::<u64>()
    }

    /// Its size, used or not.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
