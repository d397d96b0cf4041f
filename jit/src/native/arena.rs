//! The memory of code: one reservation, filled from its start.
//!
//! Pages become executable when what is in them is published, and are never written again. So what is
//! published together starts on a page of its own; where in that page is varied, since code that
//! always starts at the same place of a page would compete for a few lines of the instruction cache.

use std::io;
use std::ptr;

use cranelift_jit::{BranchProtection, JITMemoryKind, JITMemoryProvider};
use cranelift_module::{ModuleError, ModuleResult};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// Bytes of a page.
pub(crate) const PAGE_BYTES: usize = 4096;

/// How far the start within a page moves from one publication to the next: an odd number of cache
/// lines, so that it visits all of them.
const STAGGER_BYTES: usize = 13 * 64;

/// A reservation of address space for code.
#[derive(Debug)]
pub(crate) struct Arena {
    base: *mut u8,
    bytes: usize,
    /// Start of what is writable; before it everything is executable.
    writable: usize,
    /// End of what is used.
    used: usize,
    /// End of what is writable, a multiple of the page size.
    end: usize,
    stagger: usize,
}

// SAFETY: address space, owned.
unsafe impl Send for Arena {}

impl Arena {
    /// Reserves `bytes`, rounded up to pages.
    ///
    /// # Errors
    /// Where there is no such range left.
    pub(crate) fn new(bytes: usize) -> io::Result<Arena> {
        let bytes = bytes
            .max(PAGE_BYTES)
            .checked_next_multiple_of(PAGE_BYTES)
            .ok_or(io::ErrorKind::InvalidInput)?;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new mapping where the kernel chooses affects nothing else.
        let base = unsafe { mmap_anonymous(ptr::null_mut(), bytes, ProtFlags::empty(), flags) }?;
        Ok(Arena {
            base: base.cast(),
            bytes,
            writable: 0,
            used: 0,
            end: 0,
            stagger: 0,
        })
    }

    /// Sets access to part of the reservation.
    fn protect(&self, from: usize, to: usize, access: MprotectFlags) -> io::Result<()> {
        if from < to {
            // SAFETY: the pages are in the mapping; nobody executes those that were writable so far,
            // or refers to those that were not accessible.
            unsafe { mprotect(self.base.add(from).cast(), to - from, access) }?;
        }
        Ok(())
    }
}

impl JITMemoryProvider for Arena {
    fn allocate(&mut self, size: usize, align: u64, _: JITMemoryKind) -> io::Result<*mut u8> {
        let full = || io::Error::from(io::ErrorKind::OutOfMemory);
        let align = usize::try_from(align).map_err(|_| full())?;
        if self.used == self.writable {
            self.used += self.stagger;
            self.stagger = (self.stagger + STAGGER_BYTES) % PAGE_BYTES;
        }
        let start = self.used.next_multiple_of(align);
        let end = start.checked_add(size).ok_or_else(full)?;
        let pages = end.next_multiple_of(PAGE_BYTES);
        if pages > self.bytes {
            return Err(full());
        }
        let access = MprotectFlags::READ | MprotectFlags::WRITE;
        self.protect(self.end, pages, access)?;
        self.end = self.end.max(pages);
        self.used = end;
        Ok(self.base.wrapping_add(start))
    }

    unsafe fn free_memory(&mut self) {
        // SAFETY: the mapping is ours, and the caller promises that nobody uses it any more.
        let _ = unsafe { munmap(self.base.cast(), self.bytes) };
        self.bytes = 0;
    }

    fn finalize(&mut self, _: BranchProtection) -> ModuleResult<()> {
        let access = MprotectFlags::READ | MprotectFlags::EXEC;
        self.protect(self.writable, self.end, access)
            .map_err(|error| ModuleError::Allocation { err: error })?;
        self.writable = self.end;
        self.used = self.end;
        Ok(())
    }
}
