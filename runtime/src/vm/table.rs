//! Tables of references and global variables: slots that handlers reach by address.

use std::ptr::NonNull;

use dotvm_isa::abi::VmTable;
use dotvm_isa::{GlobalType, TableType};

use super::memory::Refused;
use super::pinned::Pinned;

/// The most elements of any table, whatever its addresses.
const MAX_ELEMENTS: u64 = u32::MAX as u64;

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    vm: Pinned<VmTable>,
    /// What `vm.base` points to; it may be longer than the table.
    slots: Pinned<[u64]>,
    /// Its type, with the limits it was declared with.
    pub(crate) ty: TableType,
}

// SAFETY: the addresses in `vm` are those of `slots`, which is owned.
unsafe impl Send for Table {}
// SAFETY: `&Table` only reads.
unsafe impl Sync for Table {}

impl Table {
    /// An empty table of that type.
    pub(crate) fn new(ty: TableType) -> Table {
        let slots = Pinned::from_vec(Vec::new());
        let vm = Pinned::new(VmTable {
            base: slots.first(),
            len: 0,
        });
        Table { vm, slots, ty }
    }

    /// What contexts point to.
    pub(crate) fn vm(&self) -> *mut VmTable {
        self.vm.as_ptr()
    }

    /// Number of elements.
    pub(crate) fn len(&self) -> u64 {
        self.vm.get().len as u64
    }

    /// Bytes of memory it takes.
    pub(crate) fn bytes(&self) -> u64 {
        size_of_val(self.slots.get()) as u64
    }

    /// The elements.
    pub(crate) fn elements(&self) -> &[u64] {
        &self.slots.get()[..self.vm.get().len]
    }

    /// The elements, to be changed. A slot must stay 0 or the address of a function reference of
    /// this store (in tables of functions), the number of a host object plus 1, or what refers to an
    /// exception of this store.
    pub(crate) fn elements_mut(&mut self) -> &mut [u64] {
        let len = self.vm.get().len;
        &mut self.slots.get_mut()[..len]
    }

    /// Grows by `count` elements of that value where no more than `most` are added; returns the
    /// size before.
    ///
    /// # Errors
    /// Why it did not grow; nothing has changed then.
    pub(crate) fn grow(&mut self, count: u64, value: u64, most: u64) -> Result<u64, Refused> {
        let old = self.len();
        let max = self.ty.limits.max.unwrap_or(self.ty.address.max());
        let new = old
            .checked_add(count)
            .filter(|&new| new <= max)
            .ok_or(Refused::Maximum)?;
        if count > most || new > MAX_ELEMENTS {
            return Err(Refused::Limit);
        }
        let new = usize::try_from(new).map_err(|_| Refused::Limit)?;
        if new > self.slots.get().len() {
            self.reallocate(new)?;
        }
        self.vm.get_mut().len = new;
        self.elements_mut()[old as usize..].fill(value);
        Ok(old)
    }

    fn reallocate(&mut self, len: usize) -> Result<(), Refused> {
        // Growing one by one should not copy everything each time.
        let capacity = match self.slots.get().len() {
            0 => len,
            old => len.max(old + old / 2),
        };
        let mut slots = Vec::new();
        slots
            .try_reserve_exact(capacity)
            .map_err(|_| Refused::Limit)?;
        slots.extend_from_slice(self.elements());
        slots.resize(capacity, 0);
        self.slots = Pinned::from_vec(slots);
        self.vm.get_mut().base = self.slots.first();
        Ok(())
    }
}

/// A global variable.
#[derive(Debug)]
pub(crate) struct Global {
    slots: Slots,
    /// Its type.
    pub(crate) ty: GlobalType,
}

/// Where a global's slots are.
#[derive(Debug)]
enum Slots {
    /// In memory of its own.
    Own(Pinned<[u64]>),
    /// In that of the instance that defines it.
    Instance(NonNull<[u64]>),
}

// SAFETY: the instance, like the global, belongs to a store.
unsafe impl Send for Slots {}
// SAFETY: `&Slots` only reads.
unsafe impl Sync for Slots {}

impl Global {
    /// A variable in slots of the instance that defines it, which are not used otherwise and exist as
    /// long as the store.
    pub(crate) fn of_instance(ty: GlobalType, place: NonNull<u64>, value: &[u64]) -> Global {
        debug_assert_eq!(value.len(), ty.ty.slots() as usize, "slots of a global");
        let slots = NonNull::slice_from_raw_parts(place, value.len());
        let mut global = Global {
            slots: Slots::Instance(slots),
            ty,
        };
        global.value_mut().copy_from_slice(value);
        global
    }

    /// A variable with that value, which has as many slots as the type.
    pub(crate) fn new(ty: GlobalType, value: Vec<u64>) -> Global {
        debug_assert_eq!(value.len(), ty.ty.slots() as usize, "slots of a global");
        Global {
            slots: Slots::Own(Pinned::from_vec(value)),
            ty,
        }
    }

    /// What contexts point to.
    pub(crate) fn vm(&self) -> *mut u64 {
        match &self.slots {
            Slots::Own(slots) => slots.first(),
            Slots::Instance(slots) => slots.as_ptr().cast(),
        }
    }

    /// Its value.
    pub(crate) fn value(&self) -> &[u64] {
        match &self.slots {
            Slots::Own(slots) => slots.get(),
            // SAFETY: the slots are initialized and exist as long as the store; guest code, which
            // alone changes them behind our back, is not running while `self` is borrowed.
            Slots::Instance(slots) => unsafe { slots.as_ref() },
        }
    }

    /// Its value, to be changed; references as in [`Table::elements_mut`].
    pub(crate) fn value_mut(&mut self) -> &mut [u64] {
        match &mut self.slots {
            Slots::Own(slots) => slots.get_mut(),
            // SAFETY: as for `value`; nobody else has these slots.
            Slots::Instance(slots) => unsafe { slots.as_mut() },
        }
    }
}
