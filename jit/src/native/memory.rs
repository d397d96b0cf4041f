//! Files in memory, part of which can be made executable.

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::ptr::{self, NonNull};

use rustix::mm::{
    Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap_anonymous, mprotect, munmap,
};

use super::arena::PAGE_BYTES;

/// Size and alignment of the pages that the kernel uses for large memory where it is asked to.
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// The bytes of a file. They are never written; parts may be executable.
#[derive(Debug)]
pub struct FileMemory {
    base: NonNull<u8>,
    len: usize,
    /// Bytes of the mapping, which are more where the file became shorter.
    room: usize,
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
    /// Reads a regular file. What somebody adds to it meanwhile may be missing.
    ///
    /// A mapping would change when somebody writes to the file after its checksums were found right, and
    /// end the process with a signal when somebody truncates it.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn read(mut file: &File) -> io::Result<FileMemory> {
        let room = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let mut memory = FileMemory::zeroed(room)?;
        let mut len = 0;
        while len < room {
            match file.read(&mut memory.writable()[len..]) {
                Ok(0) => break,
                Ok(read) => len += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        memory.len = len;
        Ok(memory)
    }

    /// Makes part of it executable. The part starts on a page.
    ///
    /// # Errors
    /// Where the operating system does not allow it, or the part is not there.
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

    /// Memory that is backed already, in huge pages where it is large: otherwise getting so many pages
    /// takes twice as long as reading the file.
    fn zeroed(len: usize) -> io::Result<FileMemory> {
        let huge = len >= HUGE_PAGE_BYTES;
        let room = match len % HUGE_PAGE_BYTES {
            // Where most of a huge page would be waste, small ones do.
            rest if huge && rest > HUGE_PAGE_BYTES / 4 => len.next_multiple_of(HUGE_PAGE_BYTES),
            _ => len.max(1),
        };
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let populate = if huge {
            MapFlags::empty()
        } else {
            MapFlags::POPULATE
        };
        let flags = MapFlags::PRIVATE | populate;
        // SAFETY: a new mapping where the kernel chooses affects nothing else.
        let base = unsafe { mmap_anonymous(ptr::null_mut(), room, access, flags) }?;
        if huge {
            for advice in [Advice::LinuxHugepage, Advice::LinuxPopulateWrite] {
                // Kernels that do not know the one or the other back the pages when they are written.
                // SAFETY: the mapping is new, and neither advice changes what it contains.
                let _ = unsafe { madvise(base, room, advice) };
            }
        }
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(FileMemory { base, len, room })
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
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.room) };
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};

    use super::*;

    fn read(bytes: &[u8]) -> FileMemory {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        FileMemory::read(&file).unwrap()
    }

    #[test]
    fn files_are_read_and_parts_made_executable() {
        let memory = read(&[7; 5000]);
        assert_eq!(memory.as_ref(), [7; 5000]);
        assert!(memory.make_executable(4096..5000).is_ok());
        assert_eq!(memory.as_ref()[4999], 7);
        assert!(memory.make_executable(1..5000).is_err());
        assert!(memory.make_executable(0..5001).is_err());
        assert_eq!(read(&[]).as_ref(), [0; 0]);
    }

    #[test]
    fn large_files_are_read_into_huge_pages_or_small_ones() {
        for len in [1, 1 << 20, 3 << 20].map(|rest| HUGE_PAGE_BYTES + rest) {
            let bytes: Vec<u8> = (0..len).map(|i| (i / 4096) as u8).collect();
            let memory = read(&bytes);
            assert_eq!(memory.as_ref(), bytes);
            assert!(memory.make_executable(4096..len).is_ok());
            assert_eq!(memory.as_ref(), bytes);
        }
    }
}
