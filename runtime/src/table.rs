//! Tables and global variables, seen by the embedder.

use dotvm_isa::{GlobalType, TableType};

use crate::context::{AsContext, AsContextMut};
use crate::error::{Error, Result};
use crate::host::check_narrow;
use crate::memory::check_limits;
use crate::store::{StoreId, StoreOpaque};
use crate::value::{Ref, Val};
use crate::vm::table::{Global as VmGlobal, Table as VmTable};

/// A table of references.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Table {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

impl Table {
    /// Makes a table of the smallest size of that type, all of whose elements are `init`.
    ///
    /// # Errors
    /// Where the type makes no sense, `init` is of another type or another store's, or limits or the
    /// machine do not allow it.
    pub fn new(mut store: impl AsContextMut, ty: TableType, init: Ref) -> Result<Table> {
        let store = store.as_context_mut().opaque();
        check_limits(ty.limits, ty.address.max())?;
        let slot = element(store, ty, init)?;
        Ok(Table {
            store: store.id,
            index: store.new_table(ty, slot)?,
        })
    }

    /// Its type, as it was declared.
    ///
    /// # Panics
    /// As all functions of a table: where it is another store's.
    pub fn ty(&self, store: impl AsContext) -> TableType {
        self.vm(&store.as_context().0.opaque).ty
    }

    /// Number of its elements.
    pub fn size(&self, store: impl AsContext) -> u64 {
        self.vm(&store.as_context().0.opaque).len()
    }

    /// An element; `None` where there is none with that index.
    pub fn get(&self, store: impl AsContext, index: u64) -> Option<Ref> {
        let store = &store.as_context().0.opaque;
        let table = self.vm(store);
        let &slot = table.elements().get(usize::try_from(index).ok()?)?;
        Some(Ref::from_slot(table.ty.element, store, slot))
    }

    /// Changes an element.
    ///
    /// # Errors
    /// Where there is none with that index, or the value is of another type or another store's.
    pub fn set(&self, mut store: impl AsContextMut, index: u64, value: Ref) -> Result<()> {
        let store = store.as_context_mut().opaque();
        let slot = element(store, self.vm(store).ty, value)?;
        let table = &mut store.tables[self.index as usize];
        let size = table.len();
        let at = usize::try_from(index)
            .ok()
            .and_then(|at| table.elements_mut().get_mut(at));
        *at.ok_or_else(|| Error::Usage(format!("element {index} of a table of {size}")))? = slot;
        Ok(())
    }

    /// Grows it by so many elements of that value; returns its size before.
    ///
    /// # Errors
    /// Where its own maximum, the embedder's limit or the machine do not allow it, or the value is
    /// of another type or another store's.
    pub fn grow(&self, mut store: impl AsContextMut, count: u64, value: Ref) -> Result<u64> {
        let store = store.as_context_mut().opaque();
        let slot = element(store, self.vm(store).ty, value)?;
        store.grow_table(self.index, count, slot).map_err(|_| {
            let size = self.vm(store).len();
            Error::Limit(format!("a table of {size} elements cannot grow by {count}"))
        })
    }

    fn vm<'s>(&self, store: &'s StoreOpaque) -> &'s VmTable {
        store.check(self.store, "table");
        &store.tables[self.index as usize]
    }
}

/// The slot of an element of a table of that type.
fn element(store: &StoreOpaque, ty: TableType, value: Ref) -> Result<u64> {
    if value.ty() != ty.element {
        let (have, want) = (value.ty(), ty.element);
        return Err(Error::Usage(format!(
            "a {have} as an element of a table of {want}"
        )));
    }
    let slot = value.to_slot(store)?;
    check_narrow(&[value.into()], |_| ty.narrow, "element", store)?;
    Ok(slot)
}

/// A global variable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Global {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

impl Global {
    /// Makes a variable with that value.
    ///
    /// # Errors
    /// Where the value is of another type or another store's.
    pub fn new(mut store: impl AsContextMut, ty: GlobalType, value: Val) -> Result<Global> {
        let store = store.as_context_mut().opaque();
        let mut slots = vec![0; ty.ty.slots() as usize];
        check_value(ty, value)?;
        value.to_slots(store, &mut slots)?;
        check_narrow(&[value], |_| ty.narrow, "value", store)?;
        Ok(Global {
            store: store.id,
            index: store.new_global(ty, slots),
        })
    }

    /// Its type.
    ///
    /// # Panics
    /// As all functions of a global: where it is another store's.
    pub fn ty(&self, store: impl AsContext) -> GlobalType {
        self.vm(&store.as_context().0.opaque).ty
    }

    /// Its value.
    pub fn get(&self, store: impl AsContext) -> Val {
        let store = &store.as_context().0.opaque;
        let global = self.vm(store);
        Val::from_slots(global.ty.ty, store, global.value())
    }

    /// Changes its value.
    ///
    /// # Errors
    /// Where it is immutable, or the value is of another type or another store's.
    pub fn set(&self, mut store: impl AsContextMut, value: Val) -> Result<()> {
        let store = store.as_context_mut().opaque();
        let ty = self.vm(store).ty;
        if !ty.mutable {
            return Err(Error::Usage("an immutable global cannot be set".into()));
        }
        check_value(ty, value)?;
        let mut slots = [0; 8];
        let slots = &mut slots[..ty.ty.slots() as usize];
        value.to_slots(store, slots)?;
        check_narrow(&[value], |_| ty.narrow, "value", store)?;
        store.globals[self.index as usize]
            .value_mut()
            .copy_from_slice(slots);
        Ok(())
    }

    fn vm<'s>(&self, store: &'s StoreOpaque) -> &'s VmGlobal {
        store.check(self.store, "global");
        &store.globals[self.index as usize]
    }
}

fn check_value(ty: GlobalType, value: Val) -> Result<()> {
    let (have, want) = (value.ty(), ty.ty);
    if have == want {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "a value of type {have} for a global of type {want}"
    )))
}
