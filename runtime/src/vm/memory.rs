//! Linear memories: a reservation that grows in place.

use dotvm_isa::abi::VmMemory;
use dotvm_isa::types::PAGE_BYTES;
use dotvm_isa::{AddressType, MemoryType};

use super::heap::{CHUNK_BYTES, Heap};
use super::image::{self, Changes, IMAGE_PAGE_BYTES, Image};
use super::mapping::{GRANULE_BYTES, Reservation, round_up};
use super::pinned::Pinned;
use crate::error::{Error, Result};

/// Behind the reserved bytes, never accessible: an access that starts just below the end of a
/// memory stays within the reservation.
const GUARD_BYTES: usize = GRANULE_BYTES;

/// The same for memories with 64-bit addresses, where native code compares addresses without their
/// offsets with the size.
const GUARD_BYTES_64: usize = dotvm_jit::GUARD_BYTES as usize;

/// A linear memory.
///
/// Its base never moves; growing makes more of the reservation accessible. What lies behind the
/// accessible bytes faults, which machine code may rely on instead of checking bounds.
#[derive(Debug)]
pub(crate) struct LinearMemory {
    vm: Pinned<VmMemory>,
    reservation: Reservation,
    /// The most bytes it can have by its type.
    max_bytes: u64,
    /// Bytes that it has been given addresses for.
    usable_bytes: u64,
    /// Its type, with the limits it was declared with.
    pub(crate) ty: MemoryType,
    /// Books of `alloc` and `free`.
    pub(crate) heap: Heap,
    /// What it was made of last.
    image: Option<Image>,
}

// SAFETY: the addresses in `vm` are those of the reservation, which is owned.
unsafe impl Send for LinearMemory {}
// SAFETY: `&LinearMemory` only reads.
unsafe impl Sync for LinearMemory {}

/// Why a memory or table did not grow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refused {
    /// By its own maximum: what WebAssembly lets a program see.
    Maximum,
    /// By the embedder's limit, or for want of the machine's memory.
    Limit,
}

/// The end of the last page of so many bytes.
fn pages_end(bytes: u64) -> usize {
    (bytes as usize).next_multiple_of(IMAGE_PAGE_BYTES)
}

impl LinearMemory {
    /// A memory of the smallest size of its type, with room to grow to `reservation_bytes`.
    ///
    /// # Errors
    /// Where address space or memory is not to be had.
    pub(crate) fn new(ty: MemoryType, reservation_bytes: u64) -> Result<LinearMemory> {
        let max_pages = ty.limits.max.unwrap_or(u64::MAX).min(ty.max_pages());
        let max_bytes = max_pages.saturating_mul(ty.page_bytes());
        let (reserved, guard) = match ty.address {
            // Addresses cannot reach further than what native code relies on: see `Config`.
            AddressType::I32 => (reservation_bytes, GUARD_BYTES),
            AddressType::I64 => (reservation_bytes.min(max_bytes), GUARD_BYTES_64),
        };
        let usable = usize::try_from(reserved).ok().and_then(round_up);
        let whole = usable.and_then(|bytes| bytes.checked_add(guard));
        let (Some(usable), Some(whole)) = (usable, whole) else {
            let reason = format!("a memory reservation of {reservation_bytes} bytes");
            return Err(Error::Limit(reason));
        };
        let refused = |error| {
            Error::Limit(format!(
                "{whole} bytes of address space for a memory cannot be reserved: {error}"
            ))
        };
        let reservation = Reservation::new(whole).map_err(refused)?;
        let vm = VmMemory {
            base: reservation.base(),
            len: 0,
        };
        let mut memory = LinearMemory {
            vm: Pinned::new(vm),
            reservation,
            max_bytes,
            usable_bytes: usable as u64,
            ty,
            heap: Heap::default(),
            image: None,
        };
        let min = ty.limits.min;
        if memory.grow(min, u64::MAX).is_err() {
            let most = max_bytes.min(memory.usable_bytes) / ty.page_bytes();
            return Err(Error::Limit(format!(
                "a memory of {min} pages; there is room for {most}"
            )));
        }
        Ok(memory)
    }

    /// What contexts point to.
    pub(crate) fn vm(&self) -> *const VmMemory {
        self.vm.as_ptr()
    }

    /// Accessible bytes.
    pub(crate) fn len(&self) -> u64 {
        self.vm.get().len as u64
    }

    /// Size in pages.
    pub(crate) fn pages(&self) -> u64 {
        self.len() / self.ty.page_bytes()
    }

    /// The accessible bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        let VmMemory { base, len } = *self.vm.get();
        // SAFETY: that many bytes of the reservation are accessible and, coming from the kernel,
        // initialized; guest code, which alone changes them, is not running while `self` is
        // borrowed.
        unsafe { std::slice::from_raw_parts(base, len) }
    }

    /// The accessible bytes, to be changed.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let VmMemory { base, len } = *self.vm.get();
        // SAFETY: as for `bytes`, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(base, len) }
    }

    /// What it was made of last, if it was.
    #[cfg(test)]
    pub(crate) fn image(&self) -> Option<&Image> {
        self.image.as_ref()
    }

    /// A page of an [image](super::image), as far as the memory goes.
    ///
    /// # Panics
    /// Where there is none.
    pub(crate) fn page(&self, page: u32) -> &[u8] {
        image::page_of(self.bytes(), page)
    }

    /// Pages that differ from its image, or from zeros behind that.
    ///
    /// # Errors
    /// Those of reading the image.
    pub(crate) fn changes(&self) -> std::io::Result<Changes> {
        image::changes(self.bytes(), self.image.as_ref())
    }

    /// Makes it what an image says, and zero behind that. It must be as large as the image.
    ///
    /// # Errors
    /// Where it is smaller, and those of the operating system.
    pub(crate) fn set_image(&mut self, image: Image) -> std::io::Result<()> {
        if image.bytes() > self.len() {
            return Err(std::io::ErrorKind::InvalidInput.into());
        }
        let mapped = pages_end(image.bytes());
        self.reservation.map_copy(0, mapped, image.file())?;
        let start = image.bytes() as usize;
        self.image = Some(image);
        let behind = &mut self.bytes_mut()[start..];
        // Pages that are zero already stay untouched.
        for piece in behind.chunks_mut(IMAGE_PAGE_BYTES) {
            if piece.iter().any(|&byte| byte != 0) {
                piece.fill(0);
            }
        }
        Ok(())
    }

    /// Makes it an image of itself: what changes from now on is compared with what it is now.
    ///
    /// # Errors
    /// Those of the operating system, after which it may be anything.
    pub(crate) fn renew_image(&mut self, changes: &Changes) -> std::io::Result<()> {
        let mut image = match self.image.take() {
            Some(image) => image,
            None => Image::new(0)?,
        };
        let (old_end, new_end) = (pages_end(image.bytes()), pages_end(self.len()));
        image.grow(self.len())?;
        for &page in &changes.changed {
            image.write(page, self.page(page))?;
        }
        // Pages of which the image has the bytes now. Where one is behind the image's old end, it is mapped anew.
        let copies = changes
            .touched
            .iter()
            .map(|&page| page as usize * IMAGE_PAGE_BYTES);
        let copies: Vec<usize> = copies.filter(|&start| start < old_end).collect();
        for run in copies.chunk_by(|a, b| a + IMAGE_PAGE_BYTES == *b) {
            let len = run.len() * IMAGE_PAGE_BYTES;
            self.reservation.drop_copies(run[0], len)?;
        }
        self.reservation
            .map_copy(old_end, new_end - old_end, image.file())?;
        self.image = Some(image);
        Ok(())
    }

    /// Grows by `pages` where no more than `most` bytes are added; returns the size before in
    /// pages.
    ///
    /// # Errors
    /// Why it did not grow; nothing has changed then.
    pub(crate) fn grow(&mut self, pages: u64, most: u64) -> Result<u64, Refused> {
        let old = self.len();
        let page = self.ty.page_bytes();
        let more = pages.checked_mul(page).ok_or(Refused::Maximum)?;
        let new = old.checked_add(more).ok_or(Refused::Maximum)?;
        if new > self.max_bytes {
            return Err(Refused::Maximum);
        }
        if more > most || new > self.usable_bytes {
            return Err(Refused::Limit);
        }
        // All fit, since the reservation's size fits. Of a memory of small pages, more than it has is
        // accessible.
        let committed = |bytes: u64| round_up(bytes as usize).ok_or(Refused::Limit);
        let (start, end) = (committed(old)?, committed(new)?);
        self.reservation
            .commit(start, end - start)
            .map_err(|_| Refused::Limit)?;
        self.vm.get_mut().len = new as usize;
        Ok(old / page)
    }

    /// `alloc`: the address of `bytes` bytes of the heap, which grows by no more than `most` bytes.
    ///
    /// # Errors
    /// Where the heap cannot grow.
    pub(crate) fn alloc(&mut self, bytes: u32, most: u64) -> Result<u32, Refused> {
        if let Some(address) = self.heap.alloc(bytes) {
            return Ok(address);
        }
        // The heap does not use the first chunk of a memory.
        let chunks = Heap::chunks_for(bytes) + u64::from(self.len() == 0);
        let needed = (chunks * u64::from(CHUNK_BYTES)).div_ceil(PAGE_BYTES);
        // A heap that asks for a page at a time would ask often; one that doubles would waste a
        // small memory. Where the larger step is refused, the smallest one is tried.
        let generous = needed.max(self.heap.region_bytes() / 8 / PAGE_BYTES);
        let old = match self.grow(generous, most) {
            Ok(old) => old,
            Err(refused) if generous == needed => return Err(refused),
            Err(_) => self.grow(needed, most)?,
        };
        self.heap.add_region(old * PAGE_BYTES, self.len());
        self.heap.alloc(bytes).ok_or(Refused::Limit)
    }
}
