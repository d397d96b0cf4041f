//! Images of memories: files that are mapped in place of what is there, so that it is known afterwards which pages
//! have changed.
//!
//! The mapping is private: the kernel copies a page of the file when it is first written to. `/proc/self/pagemap`
//! says which pages are such copies, 8 bytes for each page, and these are compared with the file. Where it
//! cannot be read, all pages are compared. When the file has become what the memory is, copies are dropped, so that the
//! next time there are only those of what is written from then on.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use rustix::fs::{MemfdFlags, memfd_create};

/// Bytes of the pages that are compared: those of x86-64. Larger ones of other processors are several of these, all of
/// which are compared.
pub(crate) const IMAGE_PAGE_BYTES: usize = 4096;

/// Entries of the page map that are read at once.
const ENTRIES_AT_ONCE: usize = 8192;

/// A file in memory with what a linear memory is at first.
#[derive(Debug)]
pub(crate) struct Image {
    file: File,
    bytes: u64,
}

impl Image {
    /// An image of so many bytes, all of them zero.
    ///
    /// # Errors
    /// Where there is no room for it.
    pub(crate) fn new(bytes: u64) -> io::Result<Image> {
        let file = File::from(memfd_create("dotvm-image", MemfdFlags::CLOEXEC)?);
        file.set_len(bytes.next_multiple_of(IMAGE_PAGE_BYTES as u64))?;
        Ok(Image { file, bytes })
    }

    /// Bytes of the memory that it is of.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What it is in.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Makes it one of a memory of so many bytes, which are not fewer; the new ones are zero.
    ///
    /// # Errors
    /// Where there is no room for it.
    pub(super) fn grow(&mut self, bytes: u64) -> io::Result<()> {
        if bytes > self.bytes {
            self.file
                .set_len(bytes.next_multiple_of(IMAGE_PAGE_BYTES as u64))?;
            self.bytes = bytes;
        }
        Ok(())
    }

    /// Sets a page, or what of it is in the memory.
    ///
    /// # Errors
    /// Where it lies outside, and those of writing.
    pub(crate) fn write(&self, page: u32, bytes: &[u8]) -> io::Result<()> {
        let at = u64::from(page) * IMAGE_PAGE_BYTES as u64;
        if at + bytes.len() as u64 > self.bytes {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.file.write_all_at(bytes, at)
    }

    /// Reads a page into the buffer, as far as it is in the image.
    fn read(&self, page: u32, buffer: &mut [u8; IMAGE_PAGE_BYTES]) -> io::Result<()> {
        let at = u64::from(page) * IMAGE_PAGE_BYTES as u64;
        buffer.fill(0);
        match at < self.bytes {
            true => self.file.read_exact_at(buffer, at),
            false => Ok(()),
        }
    }
}

/// What of a memory has changed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Changes {
    /// Pages that differ from the image; from zeros, where there is none.
    pub(crate) changed: Vec<u32>,
    /// Pages that are copies of the image's or behind it, these among them; more than there are where that is not known.
    pub(super) touched: Vec<u32>,
}

/// Looks what of a memory has changed since it was made of an image.
///
/// # Errors
/// Those of reading the image.
pub(super) fn changes(memory: &[u8], image: Option<&Image>) -> io::Result<Changes> {
    let pages = memory.len().div_ceil(IMAGE_PAGE_BYTES);
    let pages = u32::try_from(pages).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let mut changes = Changes::default();
    let mut buffer = [0; IMAGE_PAGE_BYTES];
    let mut compare = |page: u32| -> io::Result<()> {
        let now = page_of(memory, page);
        match image {
            Some(image) => image.read(page, &mut buffer)?,
            None => buffer.fill(0),
        }
        if *now != buffer[..now.len()] {
            changes.changed.push(page);
        }
        Ok(())
    };
    match touched_pages(memory.as_ptr().addr(), pages) {
        Some(touched) => {
            touched.iter().try_for_each(|&page| compare(page))?;
            changes.touched = touched;
        }
        None => {
            (0..pages).try_for_each(compare)?;
            changes.touched.clone_from(&changes.changed);
        }
    }
    Ok(changes)
}

/// A page of a memory, as far as that goes.
pub(super) fn page_of(memory: &[u8], page: u32) -> &[u8] {
    let at = page as usize * IMAGE_PAGE_BYTES;
    &memory[at..memory.len().min(at + IMAGE_PAGE_BYTES)]
}

/// The pages from that address on that are not a file's any more; `None` where nobody knows.
fn touched_pages(address: usize, pages: u32) -> Option<Vec<u32>> {
    const PRESENT: u64 = 1 << 63;
    const SWAPPED: u64 = 1 << 62;
    const OF_FILE: u64 = 1 << 61;
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return None;
    }
    let map = File::open("/proc/self/pagemap").ok()?;
    let mut touched = Vec::new();
    let mut buffer = vec![0; ENTRIES_AT_ONCE * size_of::<u64>()];
    let first = (address / IMAGE_PAGE_BYTES * size_of::<u64>()) as u64;
    let mut page = 0;
    while page < pages {
        let count = ENTRIES_AT_ONCE.min((pages - page) as usize);
        let entries = &mut buffer[..count * size_of::<u64>()];
        let at = first + u64::from(page) * size_of::<u64>() as u64;
        map.read_exact_at(entries, at).ok()?;
        let (entries, _) = entries.as_chunks();
        for entry in entries {
            let entry = u64::from_ne_bytes(*entry);
            if entry & (PRESENT | SWAPPED) != 0 && entry & OF_FILE == 0 {
                touched.push(page);
            }
            page += 1;
        }
    }
    Some(touched)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use dotvm_isa::{AddressType, Limits, MemoryType};

    use super::{IMAGE_PAGE_BYTES, Image, page_of};
    use crate::vm::memory::LinearMemory;

    fn memory(pages: u64) -> LinearMemory {
        let ty = MemoryType {
            limits: Limits {
                min: pages,
                max: None,
            },
            address: AddressType::I32,
            page_size_log2: 16,
        };
        LinearMemory::new(ty, 1 << 30).unwrap()
    }

    /// What has changed; the same as when everything is compared.
    fn changed(memory: &LinearMemory) -> Vec<u32> {
        let changes = memory.changes().unwrap();
        let mut image = vec![0; memory.bytes().len()];
        if let Some(from) = memory.image() {
            let known = image.len().min(from.bytes() as usize);
            from.file().read_exact_at(&mut image[..known], 0).unwrap();
        }
        let pages = 0..memory.bytes().len().div_ceil(IMAGE_PAGE_BYTES) as u32;
        let differs = |&page: &u32| memory.page(page) != page_of(&image, page);
        let expected: Vec<u32> = pages.filter(differs).collect();
        assert_eq!(changes.changed, expected);
        expected
    }

    #[test]
    fn pages_that_were_written_to_are_found() {
        let mut memory = memory(3);
        assert_eq!(changed(&memory), [] as [u32; 0]);
        memory.bytes_mut()[70_000] = 1;
        memory.bytes_mut()[10] = 0;
        assert_eq!(changed(&memory), [17]);

        let image = Image::new(2 << 16).unwrap();
        for page in 0..32 {
            image.write(page, &[page as u8; IMAGE_PAGE_BYTES]).unwrap();
        }
        assert!(image.write(32, &[1]).is_err());
        memory.set_image(image).unwrap();
        assert_eq!(memory.bytes()[5 * IMAGE_PAGE_BYTES], 5);
        assert_eq!(memory.bytes()[2 << 16], 0);
        assert_eq!(changed(&memory), [] as [u32; 0]);
        memory.bytes_mut()[9 * IMAGE_PAGE_BYTES + 7] = 1;
        memory.bytes_mut()[31 * IMAGE_PAGE_BYTES] = 31;
        memory.bytes_mut()[40 * IMAGE_PAGE_BYTES] = 1;
        assert_eq!(changed(&memory), [9, 40]);
        memory.grow(1, u64::MAX).unwrap();
        assert_eq!(changed(&memory), [9, 40]);
        let last = memory.bytes().len() - 1;
        memory.bytes_mut()[last] = 1;
        assert_eq!(changed(&memory), [9, 40, 63]);
        memory.bytes_mut()[9 * IMAGE_PAGE_BYTES + 7] = 9;
        assert_eq!(changed(&memory), [40, 63]);
    }

    #[test]
    fn a_memory_becomes_an_image_of_itself() {
        let mut memory = memory(2);
        let at = |page: usize| page * IMAGE_PAGE_BYTES;
        for round in 1..4u8 {
            memory.bytes_mut()[at(3)] = round;
            memory.bytes_mut()[at(8)] = 1;
            memory.grow(1, u64::MAX).unwrap();
            let last = memory.bytes().len() - 1;
            memory.bytes_mut()[last] = round;
            let before = memory.bytes().to_vec();
            let changes = memory.changes().unwrap();
            memory.renew_image(&changes).unwrap();
            assert!(memory.bytes() == before);
            let changes = memory.changes().unwrap();
            assert_eq!(changes.changed, [] as [u32; 0]);
            if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
                // Nothing is compared any more of what was written before.
                assert_eq!(changes.touched, [] as [u32; 0]);
            }
        }
        memory.bytes_mut()[at(3)] = 0;
        assert_eq!(changed(&memory), [3]);
        memory.bytes_mut()[at(3)] = 3;
        assert_eq!(changed(&memory), [] as [u32; 0]);
    }
}
