//! References to managed objects, as the embedder has them.

use std::any::Any;

use dotvm_isa::objects::Kind;

use crate::context::{AsContext, AsContextMut};
use crate::error::{Error, Result};
use crate::store::{StoreId, StoreOpaque};
use crate::vm::gc::Handle;

/// A reference to a managed object of a store, or a number of 31 bits.
///
/// What it refers to is kept as long as the reference is valid. One that a host function gets, or makes, is
/// valid until that returns; others until [`Store::release_references`](crate::Store::release_references).
/// Using it later is an error.
///
/// Copies of a reference are equal. Whether two references are to the same object, [`AnyRef::is_same`] tells.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct AnyRef {
    pub(crate) store: StoreId,
    pub(crate) handle: Handle,
}

impl AnyRef {
    /// A reference that has this slot, which is not null.
    pub(crate) fn from_slot(store: &StoreOpaque, slot: u64) -> AnyRef {
        AnyRef {
            store: store.id,
            handle: store.heap.handles.add(slot),
        }
    }

    /// Its slot.
    pub(crate) fn slot(self, store: &StoreOpaque) -> Result<u64> {
        let slot = store.heap.handles.get(self.handle);
        slot.filter(|_| store.id == self.store)
            .ok_or_else(|| Error::Usage("a reference to an object that was released".into()))
    }

    /// A number as a reference: its low 31 bits.
    pub fn from_i31(store: impl AsContext, number: u32) -> AnyRef {
        let store = &store.as_context().0.opaque;
        AnyRef::from_slot(store, u64::from(number << 1 | 1))
    }

    /// The number of 31 bits, sign-extended, where it is one.
    ///
    /// # Errors
    /// Where the reference was released, or is another store's.
    pub fn i31(self, store: impl AsContext) -> Result<Option<i32>> {
        let slot = self.slot(&store.as_context().0.opaque)?;
        let is_number = slot & 1 != 0;
        Ok(is_number.then_some((slot as u32).cast_signed() >> 1))
    }

    /// Whether both are to the same object, or the same number.
    ///
    /// # Errors
    /// As for [`AnyRef::i31`], of either.
    pub fn is_same(self, other: AnyRef, store: impl AsContext) -> Result<bool> {
        let store = &store.as_context().0.opaque;
        Ok(self.slot(store)? == other.slot(store)?)
    }

    /// What it refers to.
    ///
    /// # Errors
    /// As for [`AnyRef::i31`].
    pub fn kind(self, store: impl AsContext) -> Result<Kind> {
        let store = &store.as_context().0.opaque;
        Ok(store.heap.kind_of(self.slot(store)?))
    }

    /// Makes an object that stands for `data`, which programs can keep and hand around but not look into. It
    /// is dropped when nothing refers to the object any more. Meanwhile it counts as `bytes` of memory.
    ///
    /// # Errors
    /// Where the memory limit is met.
    pub fn new_host(
        mut store: impl AsContextMut,
        data: impl Any + Send + Sync,
        bytes: u64,
    ) -> Result<AnyRef> {
        let store = store.as_context_mut().opaque();
        let slot = store.new_host_object(Box::new(data), bytes);
        let slot = slot.map_err(|trap| Error::Limit(trap.to_string()))?;
        Ok(AnyRef::from_slot(store, slot))
    }

    /// Makes a big integer of its sign and the limbs of its absolute value, the lowest first. One that fits in 31
    /// bits is what [`AnyRef::from_i31`] makes.
    ///
    /// # Errors
    /// Where the memory limit is met, or there are more bits than a number may have.
    pub fn new_big(mut store: impl AsContextMut, negative: bool, limbs: &[u64]) -> Result<AnyRef> {
        let store = store.as_context_mut().opaque();
        if limbs.len() > crate::services::BIG_LIMBS_MAX {
            let reason = "a big integer of more bits than there may be";
            return Err(Error::Usage(reason.into()));
        }
        let slot = store.new_big(negative, limbs, &[]);
        let slot = slot.map_err(|trap| Error::Limit(trap.to_string()))?;
        Ok(AnyRef::from_slot(store, slot))
    }

    /// The number that it refers to: whether it is below zero, and the limbs of its absolute value; nothing where it
    /// refers to no number.
    ///
    /// # Errors
    /// As for [`AnyRef::i31`].
    pub fn big(self, store: impl AsContext) -> Result<Option<(bool, Vec<u64>)>> {
        let store = &store.as_context().0.opaque;
        let number = store.big(self.slot(store)?);
        let parts = number.map(|number| (number.negative, number.limbs().to_vec()));
        Ok(parts.ok())
    }

    /// What an object made by [`AnyRef::new_host`] stands for; nothing where it is another kind of object.
    ///
    /// # Errors
    /// As for [`AnyRef::i31`].
    pub fn host<'s, T: 'static>(
        self,
        store: impl Into<crate::StoreContext<'s, T>>,
    ) -> Result<Option<&'s (dyn Any + Send + Sync)>> {
        let store = &store.into().0.opaque;
        Ok(store.heap.payload_of(self.slot(store)?))
    }
}
