//! Ways to lend a store to a function: from the store itself, or from within a host function.

use std::marker::PhantomData;

use crate::engine::Engine;
use crate::error::Result;
use crate::store::{Store, StoreInner, StoreOpaque};

/// A shared borrow of a store.
#[derive(Clone, Copy)]
pub struct StoreContext<'a, T>(pub(crate) &'a StoreInner<T>);

/// An exclusive borrow of a store.
///
/// It stays on its thread, unlike a store: within a host function, the guest code that called it waits
/// on the stack of that thread.
///
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// fn of_a_host_function(caller: dotvm::Caller<'_, ()>) {
///     send(caller);
/// }
/// ```
pub struct StoreContextMut<'a, T>(pub(crate) &'a mut StoreInner<T>, PhantomData<*mut ()>);

impl<'a, T> StoreContextMut<'a, T> {
    pub(crate) fn new(store: &'a mut StoreInner<T>) -> StoreContextMut<'a, T> {
        StoreContextMut(store, PhantomData)
    }
}

/// Whatever a store can be read through.
pub trait AsContext {
    /// What the embedder keeps in the store.
    type Data: 'static;

    /// Borrows the store.
    fn as_context(&self) -> StoreContext<'_, Self::Data>;
}

/// Whatever a store can be changed through.
pub trait AsContextMut: AsContext {
    /// Borrows the store exclusively.
    fn as_context_mut(&mut self) -> StoreContextMut<'_, Self::Data>;
}

impl<'a, T: 'static> StoreContext<'a, T> {
    /// What the embedder keeps in the store.
    pub fn data(&self) -> &'a T {
        &self.0.data
    }

    /// The store's engine.
    pub fn engine(&self) -> &'a Engine {
        &self.0.opaque.engine
    }

    /// See [`Store::fuel`].
    ///
    /// # Errors
    /// Where the engine does no metering.
    pub fn fuel(&self) -> Result<u64> {
        self.0.opaque.fuel()
    }
}

impl<'a, T: 'static> StoreContextMut<'a, T> {
    /// What the embedder keeps in the store.
    pub fn data(&self) -> &T {
        &self.0.data
    }

    /// What the embedder keeps in the store, to be changed.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.0.data
    }

    /// The store's engine.
    pub fn engine(&self) -> &Engine {
        &self.0.opaque.engine
    }

    /// See [`Store::fuel`].
    ///
    /// # Errors
    /// Where the engine does no metering.
    pub fn fuel(&self) -> Result<u64> {
        self.0.opaque.fuel()
    }

    /// See [`Store::set_fuel`].
    ///
    /// # Errors
    /// Where the engine does no metering.
    pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        self.0.opaque.set_fuel(fuel)
    }

    /// The store without what the embedder keeps in it, for code that does not depend on its type.
    pub(crate) fn opaque(self) -> &'a mut StoreOpaque {
        &mut self.0.opaque
    }
}

impl<T: 'static> AsContext for Store<T> {
    type Data = T;
    fn as_context(&self) -> StoreContext<'_, T> {
        StoreContext(self.inner())
    }
}

impl<T: 'static> AsContextMut for Store<T> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        StoreContextMut::new(self.inner_mut())
    }
}

impl<T: 'static> AsContext for StoreContext<'_, T> {
    type Data = T;
    fn as_context(&self) -> StoreContext<'_, T> {
        StoreContext(self.0)
    }
}

impl<T: 'static> AsContext for StoreContextMut<'_, T> {
    type Data = T;
    fn as_context(&self) -> StoreContext<'_, T> {
        StoreContext(self.0)
    }
}

impl<T: 'static> AsContextMut for StoreContextMut<'_, T> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        StoreContextMut::new(self.0)
    }
}

impl<C: AsContext + ?Sized> AsContext for &C {
    type Data = C::Data;
    fn as_context(&self) -> StoreContext<'_, C::Data> {
        C::as_context(self)
    }
}

impl<C: AsContext + ?Sized> AsContext for &mut C {
    type Data = C::Data;
    fn as_context(&self) -> StoreContext<'_, C::Data> {
        C::as_context(self)
    }
}

impl<C: AsContextMut + ?Sized> AsContextMut for &mut C {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, C::Data> {
        C::as_context_mut(self)
    }
}

impl<'a, C: AsContext + ?Sized> From<&'a C> for StoreContext<'a, C::Data> {
    fn from(store: &'a C) -> StoreContext<'a, C::Data> {
        store.as_context()
    }
}

impl<'a, C: AsContextMut + ?Sized> From<&'a mut C> for StoreContextMut<'a, C::Data> {
    fn from(store: &'a mut C) -> StoreContextMut<'a, C::Data> {
        store.as_context_mut()
    }
}
