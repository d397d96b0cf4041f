//! Functions of a store, called by the embedder.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use dotvm_isa::FuncType;

use crate::context::{AsContext, AsContextMut};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::host::{Caller, HostFunc, IntoFunc, check_narrow, read_vals, write_vals};
use crate::store::{StoreId, StoreInner, StoreOpaque};
use crate::typed::VmValues;
use crate::value::Val;
use crate::vm::entry;
use crate::vm::funcs::FuncKind;

/// A function: a program's or the embedder's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Func {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

impl Func {
    /// Makes a function of a type known at run time only. It gets its arguments and a default for
    /// each result, to be replaced.
    pub fn new<T: 'static>(
        mut store: impl AsContextMut<Data = T>,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Func {
        let store = &mut store.as_context_mut().0.opaque;
        let host = HostFunc::dynamic(&store.engine, ty, func);
        Func::from_host(store, Arc::new(host))
    }

    /// Makes a function of a closure.
    pub fn wrap<T: 'static, Params, Results>(
        mut store: impl AsContextMut<Data = T>,
        func: impl IntoFunc<T, Params, Results>,
    ) -> Func {
        let store = &mut store.as_context_mut().0.opaque;
        let host = HostFunc::new(&store.engine, func.into_func());
        Func::from_host(store, Arc::new(host))
    }

    /// # Panics
    /// Where the function is another engine's than the store.
    pub(crate) fn from_host(store: &mut StoreOpaque, host: Arc<HostFunc>) -> Func {
        let same = Engine::same(host.engine(), &store.engine);
        assert!(same, "a host function used with a store of another engine");
        let index = store.funcs.push_host(host);
        Func {
            store: store.id,
            index,
        }
    }

    /// Its type.
    ///
    /// # Panics
    /// Where it is another store's.
    pub fn ty(&self, store: impl AsContext) -> FuncType {
        let store = &store.as_context().0.opaque;
        store.check(self.store, "function");
        func_type(store, self.index).clone()
    }

    /// Calls it with arguments of any number and type.
    ///
    /// # Errors
    /// Where arguments do not fit the function's type, and whatever stops the function.
    ///
    /// # Panics
    /// Where it is another store's, or where a host function that it calls panics.
    pub fn call(&self, mut store: impl AsContextMut, args: &[Val]) -> Result<Vec<Val>> {
        let store = store.as_context_mut().0;
        store.opaque.check(self.store, "function");
        let ty = func_type(&store.opaque, self.index).clone();
        if !args.iter().map(Val::ty).eq(ty.params.iter().copied()) {
            let list: Vec<&str> = args.iter().map(|arg| arg.ty().name()).collect();
            let list = list.join(" ");
            return Err(Error::Usage(format!(
                "a function of type {ty} called with ({list})"
            )));
        }
        entry::call(
            store,
            self.index,
            |store, slots| {
                write_vals(args, store, slots)?;
                check_narrow(args, |i| ty.narrow_param(i), "argument", store)
            },
            |store, slots| read_vals(&ty.results, store, slots),
        )
    }

    /// The same function with its types checked once, for fast calls.
    ///
    /// # Errors
    /// Where it is of another type.
    ///
    /// # Panics
    /// Where it is another store's.
    pub fn typed<Params: VmValues, Results: VmValues>(
        &self,
        store: impl AsContext,
    ) -> Result<TypedFunc<Params, Results>> {
        let store = &store.as_context().0.opaque;
        store.check(self.store, "function");
        let ty = func_type(store, self.index);
        let wanted = FuncType::new(Params::types(), Results::types());
        if *ty != wanted {
            return Err(Error::Usage(format!(
                "a function of type {ty} taken for {wanted}"
            )));
        }
        Ok(TypedFunc {
            func: *self,
            types: PhantomData,
        })
    }
}

/// The type of a function of the store.
pub(crate) fn func_type(store: &StoreOpaque, index: u32) -> &FuncType {
    match &store.funcs.entry(index).kind {
        FuncKind::Guest { instance, func } => {
            let module = &store.instances[*instance as usize].module;
            module.func_type(*func).expect("a function of the module")
        }
        FuncKind::Host(host) => host.ty(),
    }
}

/// A function whose parameters and results are known to be of these types.
pub struct TypedFunc<Params, Results> {
    func: Func,
    types: PhantomData<fn(Params) -> Results>,
}

impl<Params, Results> Clone for TypedFunc<Params, Results> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Params, Results> Copy for TypedFunc<Params, Results> {}

impl<Params, Results> fmt::Debug for TypedFunc<Params, Results> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.func.fmt(f)
    }
}

impl<Params: VmValues, Results: VmValues> TypedFunc<Params, Results> {
    /// Calls it.
    ///
    /// # Errors
    /// Whatever stops the function.
    ///
    /// # Panics
    /// Where it is another store's, or where a host function that it calls panics.
    pub fn call(&self, mut store: impl AsContextMut, params: Params) -> Result<Results> {
        let store: &mut StoreInner<_> = store.as_context_mut().0;
        store.opaque.check(self.func.store, "function");
        entry::call(
            store,
            self.func.index,
            |store, slots| params.write(store, slots),
            |store, slots| Results::read(store, slots),
        )
    }

    /// The function.
    pub fn func(&self) -> &Func {
        &self.func
    }
}
