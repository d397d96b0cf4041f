//! Files in memory, part of which can be made executable.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::ptr::{self, NonNull};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

use super::arena::PAGE_BYTES;

/// The bytes of a file. They are never written; parts may be executable.
#[derive(Debug)]
pub struct FileMemory {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: memory that is owned and, once there are two references to this, only read.
unsafe impl Send for FileMemory {}
// SAFETY: as above.
unsafe impl Sync for FileMemory {}

impl AsRef<[u8]> for FileMemory {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: so many bytes are readable as long as this exists.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.len) }
    }
}

impl FileMemory {
    /// The bytes of a regular file. They are read, not mapped: code that ran from a mapping would change
    /// when somebody writes to the file after its checksums were found right.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open(file: &File) -> io::Result<FileMemory> {
        let len = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let mut memory = FileMemory::zeroed(len)?;
        file.read_exact_at(memory.writable(), 0)?;
        Ok(memory)
    }

    /// The same bytes in memory that no file is behind.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn copy_of(bytes: &[u8]) -> io::Result<FileMemory> {
        let mut memory = FileMemory::zeroed(bytes.len())?;
        memory.writable().copy_from_slice(bytes);
        Ok(memory)
    }

    /// Makes part of it executable. The part starts on a page.
    ///
    /// # Errors
    /// Where the operating system does not allow it, as for files of some file systems, or the part is
    /// not there.
    pub fn make_executable(&self, part: Range<usize>) -> io::Result<()> {
        if part.end > self.len || part.start > part.end || !part.start.is_multiple_of(PAGE_BYTES) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if part.is_empty() {
            return Ok(());
        }
        let access = MprotectFlags::READ | MprotectFlags::EXEC;
        // SAFETY: the pages are in the mapping, stay readable, and are not written to by anybody, since
        // `writable` takes this exclusively.
        unsafe {
            mprotect(
                self.base.as_ptr().add(part.start).cast(),
                part.len(),
                access,
            )
        }?;
        Ok(())
    }

    /// The address of a byte in it.
    pub(crate) fn address(&self, at: usize) -> usize {
        self.base.as_ptr().expose_provenance() + at
    }

    fn zeroed(len: usize) -> io::Result<FileMemory> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE | MapFlags::POPULATE;
        // SAFETY: a new mapping where the kernel chooses affects nothing else.
        let base = unsafe { mmap_anonymous(ptr::null_mut(), len.max(1), access, flags) }?;
        FileMemory::at(base.cast(), len)
    }

    fn at(base: *mut u8, len: usize) -> io::Result<FileMemory> {
        let base = NonNull::new(base).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(FileMemory { base, len })
    }

    /// Of memory that [`FileMemory::zeroed`] has just made.
    fn writable(&mut self) -> &mut [u8] {
        // SAFETY: the bytes are writable, and this is the only reference to them.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr(), self.len) }
    }
}

impl Drop for FileMemory {
    fn drop(&mut self) {
        // SAFETY: the mapping is owned, and nobody refers to it any more.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.len.max(1)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_hold_what_was_copied() {
        let memory = FileMemory::copy_of(&[7; 5000]).unwrap();
        assert_eq!(memory.as_ref(), [7; 5000]);
        assert!(memory.make_executable(4096..5000).is_ok());
        assert_eq!(memory.as_ref()[4999], 7);
        assert!(memory.make_executable(1..5000).is_err());
        assert!(memory.make_executable(0..5001).is_err());
        assert_eq!(FileMemory::copy_of(&[]).unwrap().as_ref(), [0; 0]);
    }
}
