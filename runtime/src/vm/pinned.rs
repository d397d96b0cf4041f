//! Heap allocations whose address never changes while they exist.

use std::ptr::NonNull;

/// Owns a `T` at a fixed address that others reach through [`Pinned::as_ptr`].
///
/// A `Box` would promise the compiler that nobody else has a pointer to its content; this does not.
#[derive(Debug)]
pub(crate) struct Pinned<T: ?Sized>(NonNull<T>);

// SAFETY: a `Pinned` owns its value as a `Box` does; what is done through `as_ptr` is up to the
// unsafe code that does it.
unsafe impl<T: ?Sized + Send> Send for Pinned<T> {}
// SAFETY: as above; `&Pinned` gives out `&T` only.
unsafe impl<T: ?Sized + Sync> Sync for Pinned<T> {}

impl<T> Pinned<T> {
    /// Moves the value to where it stays.
    pub(crate) fn new(value: T) -> Pinned<T> {
        Pinned::from_box(Box::new(value))
    }
}

impl<T> Pinned<[T]> {
    /// Moves the values to where they stay.
    pub(crate) fn from_vec(values: Vec<T>) -> Pinned<[T]> {
        Pinned::from_box(values.into_boxed_slice())
    }

    /// Address of the first value.
    pub(crate) fn first(&self) -> *mut T {
        self.0.as_ptr().cast()
    }
}

impl<T: ?Sized> Pinned<T> {
    fn from_box(value: Box<T>) -> Pinned<T> {
        Pinned(NonNull::from(Box::leak(value)))
    }

    /// Address of the value; valid as long as `self` exists.
    pub(crate) fn as_ptr(&self) -> *mut T {
        self.0.as_ptr()
    }

    /// The value.
    pub(crate) fn get(&self) -> &T {
        // SAFETY: the allocation is ours and initialized; unsafe code that writes through
        // `as_ptr` does so only while nobody holds a reference (see the module `vm`).
        unsafe { self.0.as_ref() }
    }

    /// The value, to be changed.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        // SAFETY: as for `get`, and `self` is borrowed exclusively.
        unsafe { self.0.as_mut() }
    }
}

impl<T: ?Sized> Drop for Pinned<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a `Box` in `from_box` and is given back once.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}
