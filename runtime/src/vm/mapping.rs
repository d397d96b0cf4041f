//! Address space: reservations with guard pages, and files, mapped into memory or read.

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ptr::{self, NonNull};

use memmap2::Mmap;
use rustix::mm::{
    Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap, mmap_anonymous, mprotect, munmap,
};

/// Sizes and offsets of mappings are multiples of this: the largest page size in use.
pub(crate) const GRANULE_BYTES: usize = 64 << 10;

/// The smallest pages of any processor.
const PAGE_BYTES: usize = 4096;

/// Rounds up to a multiple of [`GRANULE_BYTES`]; `None` on overflow.
pub(crate) fn round_up(bytes: usize) -> Option<usize> {
    bytes.checked_next_multiple_of(GRANULE_BYTES)
}

/// A range of address space that is given back when this is dropped. Nothing in it can be accessed
/// until [`Reservation::commit`] allows it.
#[derive(Debug)]
pub(crate) struct Reservation {
    base: NonNull<c_void>,
    bytes: usize,
}

// SAFETY: a reservation is owned address space, not bound to a thread.
unsafe impl Send for Reservation {}
// SAFETY: `&Reservation` only gives out the address.
unsafe impl Sync for Reservation {}

impl Reservation {
    /// Reserves `bytes`, a multiple of [`GRANULE_BYTES`].
    ///
    /// # Errors
    /// What the operating system says where there is no such range left.
    pub(crate) fn new(bytes: usize) -> io::Result<Reservation> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new anonymous mapping at an address the kernel chooses affects nothing else.
        let base = unsafe { mmap_anonymous(ptr::null_mut(), bytes, ProtFlags::empty(), flags) }?;
        let base = NonNull::new(base).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Reservation { base, bytes })
    }

    /// Reserves `bytes`, a multiple of [`GRANULE_BYTES`], all of it readable, writable, zero, and
    /// backed by memory already.
    ///
    /// # Errors
    /// What the operating system says where there is no such range left.
    pub(crate) fn populated(bytes: usize) -> io::Result<Reservation> {
        let flags = MapFlags::PRIVATE | MapFlags::POPULATE;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: as in `new`.
        let base = unsafe { mmap_anonymous(ptr::null_mut(), bytes, access, flags) }?;
        let base = NonNull::new(base).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Reservation { base, bytes })
    }

    /// First byte.
    pub(crate) fn base(&self) -> *mut u8 {
        self.base.as_ptr().cast()
    }

    /// Makes `len` bytes from `start` on readable and writable; they are zero where they were not
    /// so before.
    ///
    /// # Errors
    /// Where the range is not in the reservation, or the operating system has no memory for it.
    pub(crate) fn commit(&mut self, start: usize, len: usize) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        let end = start.checked_add(len).filter(|&end| end <= self.bytes);
        if end.is_none() || !start.is_multiple_of(GRANULE_BYTES) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let flags = MprotectFlags::READ | MprotectFlags::WRITE;
        // SAFETY: the range lies in this mapping, which is ours; more access hurts nobody.
        unsafe { mprotect(self.base().add(start).cast(), len, flags) }?;
        Ok(())
    }

    /// Makes `len` bytes from `start` on, which were committed, a private copy of what a file has at the same place:
    /// readable and writable, changes stay here. What the file gets later is seen where nothing was changed.
    ///
    /// # Errors
    /// Where the range is not in the reservation, or the operating system refuses. In the latter case the range may be
    /// zero afterwards.
    ///
    /// # Panics
    /// Where the operating system refuses, and cannot put anything else there either.
    pub(crate) fn map_copy(&mut self, start: usize, len: usize, file: &File) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        self.check_pages(start, len)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE;
        // SAFETY: the range lies in this mapping, which is ours and borrowed exclusively; what was there is
        // replaced as a whole by memory that is as accessible.
        let mapped = unsafe {
            let place = self.base().add(start).cast();
            mmap(place, len, access, flags, file, start as u64)
        };
        if let Err(error) = mapped {
            // A mapping that fails may have taken away the old one: nobody else may get this range.
            // SAFETY: as above.
            let restored = unsafe {
                let place = self.base().add(start).cast();
                mmap_anonymous(place, len, access, flags)
            };
            assert!(restored.is_ok(), "a memory that is gone: {error}");
            return Err(error.into());
        }
        Ok(())
    }

    /// Drops what was changed in `len` bytes from `start` on, which are a private copy of a file: they are what the file
    /// has again.
    ///
    /// # Errors
    /// Where the range is not in the reservation, or the operating system refuses.
    pub(crate) fn drop_copies(&mut self, start: usize, len: usize) -> io::Result<()> {
        self.check_pages(start, len)?;
        // SAFETY: the range lies in this mapping, which is ours and borrowed exclusively; it stays accessible, and
        // whatever bytes are in it, they are initialized.
        unsafe { madvise(self.base().add(start).cast(), len, Advice::LinuxDontNeed) }?;
        Ok(())
    }

    /// Checks that a range is one of whole pages in the reservation.
    fn check_pages(&self, start: usize, len: usize) -> io::Result<()> {
        let end = start.checked_add(len).filter(|&end| end <= self.bytes);
        let is_whole = start.is_multiple_of(PAGE_BYTES) && len.is_multiple_of(PAGE_BYTES);
        match end.is_some() && is_whole {
            true => Ok(()),
            false => Err(io::ErrorKind::InvalidInput.into()),
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and whoever owns this reservation no longer uses it.
        // Unmapping a whole mapping does not fail.
        let _ = unsafe { munmap(self.base.as_ptr(), self.bytes) };
    }
}

/// Maps the first page of a file to be executed, for whoever watches such mappings. Nobody executes it.
///
/// # Errors
/// What the operating system says.
pub(crate) fn map_marker(file: &File) -> io::Result<Mmap> {
    // SAFETY: the mapping is private, and neither read nor executed.
    unsafe { memmap2::MmapOptions::new().len(1).map_exec(file) }
}

/// Maps a file to be read.
///
/// # Errors
/// What the operating system says.
pub(crate) fn map_file(file: &File) -> io::Result<Mmap> {
    // SAFETY: the mapping is private and only ever read as bytes. Nothing keeps others from
    // changing the file meanwhile; as with every runtime that maps code, whoever may write to a
    // program's file decides what the program does. A function's bytes are verified in the same
    // pass that lowers them.
    // Populated at once: checksums are about to read all of it, and one system call is cheaper than a
    // fault for every few pages.
    unsafe { memmap2::MmapOptions::new().populate().map(file) }
}
