//! References that the embedder has.
//!
//! They are kept in order. What a host function gets is released when it returns; what the embedder gets
//! outside of that stays until it says that it is done.

use std::sync::{Mutex, PoisonError};

/// A reference that the embedder has: a number, and the serial number of what is there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Handle {
    index: u32,
    serial: u32,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Handles(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    slots: Vec<(u64, u32)>,
    next_serial: u32,
}

impl Handles {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what a slot refers to.
    pub(crate) fn add(&self, slot: u64) -> Handle {
        let mut inner = self.inner();
        let serial = inner.next_serial;
        inner.next_serial = serial.wrapping_add(1);
        inner.slots.push((slot, serial));
        Handle {
            index: inner.slots.len() as u32 - 1,
            serial,
        }
    }

    /// The slot; nothing where it was released.
    pub(crate) fn get(&self, handle: Handle) -> Option<u64> {
        let inner = self.inner();
        let &(slot, serial) = inner.slots.get(handle.index as usize)?;
        (serial == handle.serial).then_some(slot)
    }

    /// How many there are.
    #[inline]
    pub(crate) fn len(&mut self) -> usize {
        let inner = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        inner.slots.len()
    }

    /// Releases all but the first `len`.
    #[inline]
    pub(crate) fn truncate(&mut self, len: usize) {
        let inner = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        inner.slots.truncate(len);
    }

    /// Adds all slots to a list.
    pub(super) fn collect(&self, to: &mut Vec<u64>) {
        to.extend(self.inner().slots.iter().map(|&(slot, _)| slot));
    }
}
