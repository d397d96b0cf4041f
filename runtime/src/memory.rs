//! Linear memories, seen by the embedder.

use dotvm_isa::{Limits, MemoryType};

use crate::context::{AsContext, AsContextMut, StoreContext, StoreContextMut};
use crate::error::{Error, Result};
use crate::store::{StoreId, StoreInner, StoreOpaque};
use crate::vm::heap::HeapStats;
use crate::vm::memory::LinearMemory;

/// A linear memory. It never shrinks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Memory {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

impl Memory {
    /// Makes a memory of the smallest size of that type, for programs to import.
    ///
    /// # Errors
    /// Where the type makes no sense, or limits or the machine do not allow it.
    pub fn new(mut store: impl AsContextMut, ty: MemoryType) -> Result<Memory> {
        let store = store.as_context_mut().opaque();
        let known = MemoryType::PAGE_SIZES_LOG2.contains(&ty.page_size_log2);
        if !known {
            let reason = format!("pages of 2^{} bytes", ty.page_size_log2);
            return Err(Error::Usage(reason));
        }
        check_limits(ty.limits, ty.max_pages())?;
        Ok(Memory {
            store: store.id,
            index: store.new_memory(ty)?,
        })
    }

    /// Its type, as it was declared.
    ///
    /// # Panics
    /// As all functions of a memory: where it is another store's.
    pub fn ty(&self, store: impl AsContext) -> MemoryType {
        self.get(&store.as_context().0.opaque).ty
    }

    /// Its size in pages, which are of 64 KiB unless its type says otherwise.
    pub fn size(&self, store: impl AsContext) -> u64 {
        self.get(&store.as_context().0.opaque).pages()
    }

    /// Its bytes.
    pub fn data<'s, T: 'static>(&self, store: impl Into<StoreContext<'s, T>>) -> &'s [u8] {
        self.get(&store.into().0.opaque).bytes()
    }

    /// Its bytes, to be changed.
    pub fn data_mut<'s, T: 'static>(
        &self,
        store: impl Into<StoreContextMut<'s, T>>,
    ) -> &'s mut [u8] {
        self.get_mut(store.into().opaque()).bytes_mut()
    }

    /// Its bytes and what the embedder keeps in the store, both to be changed.
    pub fn data_and_store_mut<'s, T: 'static>(
        &self,
        store: impl Into<StoreContextMut<'s, T>>,
    ) -> (&'s mut [u8], &'s mut T) {
        let StoreInner { opaque, data } = store.into().0;
        (self.get_mut(opaque).bytes_mut(), data)
    }

    /// Copies bytes out of it.
    ///
    /// # Errors
    /// Where they are not all in it; nothing is copied then.
    pub fn read(&self, store: impl AsContext, offset: usize, buffer: &mut [u8]) -> Result<()> {
        let bytes = self.get(&store.as_context().0.opaque).bytes();
        let end = offset.checked_add(buffer.len());
        let found = end.and_then(|end| bytes.get(offset..end));
        buffer.copy_from_slice(found.ok_or_else(|| outside(offset, buffer.len(), bytes.len()))?);
        Ok(())
    }

    /// Copies bytes into it.
    ///
    /// # Errors
    /// Where they do not all fit; nothing is copied then.
    pub fn write(&self, mut store: impl AsContextMut, offset: usize, buffer: &[u8]) -> Result<()> {
        let bytes = self.get_mut(store.as_context_mut().opaque()).bytes_mut();
        let size = bytes.len();
        let end = offset.checked_add(buffer.len());
        let found = end.and_then(|end| bytes.get_mut(offset..end));
        found
            .ok_or_else(|| outside(offset, buffer.len(), size))?
            .copy_from_slice(buffer);
        Ok(())
    }

    /// Grows it by so many pages; returns its size before.
    ///
    /// # Errors
    /// Where its own maximum, the embedder's limit or the machine do not allow it.
    pub fn grow(&self, mut store: impl AsContextMut, pages: u64) -> Result<u64> {
        let store = store.as_context_mut().opaque();
        store.check(self.store, "memory");
        store.grow_memory(self.index, pages).map_err(|_| {
            let size = self.get(store).pages();
            Error::Limit(format!("a memory of {size} pages cannot grow by {pages}"))
        })
    }

    /// What programs did with `alloc` and `free` in it.
    pub fn heap_stats(&self, store: impl AsContext) -> HeapStats {
        self.get(&store.as_context().0.opaque).heap.stats()
    }

    fn get<'s>(&self, store: &'s StoreOpaque) -> &'s LinearMemory {
        store.check(self.store, "memory");
        &store.memories[self.index as usize]
    }

    fn get_mut<'s>(&self, store: &'s mut StoreOpaque) -> &'s mut LinearMemory {
        store.check(self.store, "memory");
        &mut store.memories[self.index as usize]
    }
}

/// An error where no type may have these limits.
pub(crate) fn check_limits(limits: Limits, most: u64) -> Result<()> {
    let max = limits.max.unwrap_or(most);
    if limits.min <= max && max <= most {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "limits of {} to {max}, where {most} is the most",
        limits.min
    )))
}

#[cold]
fn outside(offset: usize, len: usize, size: usize) -> Error {
    Error::Usage(format!(
        "{len} bytes at {offset:#x} of a memory of {size} bytes"
    ))
}
