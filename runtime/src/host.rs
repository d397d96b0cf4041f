//! Functions of the embedder, as programs call them.

use std::any::Any;
use std::fmt;

use dotvm_isa::{FuncType, RefType, ValType};

use crate::context::{AsContext, AsContextMut, StoreContext, StoreContextMut};
use crate::engine::{Engine, TypeIds};
use crate::error::{BoxError, Error, Result};
use crate::instance::{Extern, Instance};
use crate::store::{StoreInner, StoreOpaque};
use crate::typed::{VmType, put, take};
use crate::value::Val;
use crate::vm::entry::downcast;

type Raw = dyn Fn(&mut StoreInner<dyn Any>, Option<u32>, &mut [u64]) -> Result<()> + Send + Sync;

/// What runs a host function, and its type.
pub struct HostCode {
    ty: FuncType,
    /// Parameters are in the slots and results replace them; the number is that of the instance
    /// that calls, where a program does.
    raw: Box<Raw>,
}

impl HostCode {
    pub(crate) fn new(
        ty: FuncType,
        raw: impl Fn(&mut StoreInner<dyn Any>, Option<u32>, &mut [u64]) -> Result<()>
        + Send
        + Sync
        + 'static,
    ) -> HostCode {
        HostCode {
            ty,
            raw: Box::new(raw),
        }
    }
}

/// A host function.
pub(crate) struct HostFunc {
    ty: FuncType,
    /// The engine's number of `ty`.
    ids: TypeIds,
    slots: usize,
    raw: Box<Raw>,
}

impl HostFunc {
    pub(crate) fn new(engine: &Engine, HostCode { ty, raw }: HostCode) -> HostFunc {
        let ids = engine.register_one(&ty);
        let slots = ty.param_slots().max(ty.result_slots()) as usize;
        HostFunc {
            ty,
            ids,
            slots,
            raw,
        }
    }

    /// A function of a type known at run time only.
    pub(crate) fn dynamic<T: 'static>(
        engine: &Engine,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> HostFunc {
        let of_call = ty.clone();
        let call =
            move |store: &mut StoreInner<dyn Any>, instance: Option<u32>, slots: &mut [u64]| {
                let FuncType {
                    params, results, ..
                } = &of_call;
                let args = read_vals(params, &store.opaque, slots);
                let mut values: Vec<Val> = results.iter().copied().map(Val::default_for).collect();
                func(Caller::new(store, instance)?, &args, &mut values)?;
                if !values.iter().map(Val::ty).eq(results.iter().copied()) {
                    let list: Vec<&str> = values.iter().map(|value| value.ty().name()).collect();
                    let ty = FuncType::new([], results.iter().copied());
                    let list = list.join(" ");
                    return Err(Error::Usage(format!(
                        "a host function of type {ty} returned {list}"
                    )));
                }
                write_vals(&values, &store.opaque, slots)?;
                let narrow = |i| of_call.narrow_result(i);
                check_narrow(&values, narrow, "result", &store.opaque)
            };
        HostFunc::new(engine, HostCode::new(ty, call))
    }

    pub(crate) fn ty(&self) -> &FuncType {
        &self.ty
    }

    pub(crate) fn type_id(&self) -> u32 {
        self.ids.ids()[0]
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.ids.engine()
    }

    /// Slots of parameters or of results, whichever are more.
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    pub(crate) fn call(
        &self,
        store: &mut StoreInner<dyn Any>,
        caller: Option<u32>,
        slots: &mut [u64],
    ) -> Result<()> {
        (self.raw)(store, caller, slots)
    }
}

impl fmt::Debug for HostFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostFunc({})", self.ty)
    }
}

/// The values of these types in consecutive slots.
pub(crate) fn read_vals(types: &[ValType], store: &StoreOpaque, slots: &[u64]) -> Vec<Val> {
    let mut at = 0;
    let read = |&ty: &ValType| {
        let from = at;
        at += ty.slots() as usize;
        Val::from_slots(ty, store, &slots[from..at])
    };
    types.iter().map(read).collect()
}

/// Puts values into consecutive slots.
pub(crate) fn write_vals(values: &[Val], store: &StoreOpaque, slots: &mut [u64]) -> Result<()> {
    let mut at = 0;
    for value in values {
        let from = at;
        at += value.ty().slots() as usize;
        value.to_slots(store, &mut slots[from..at])?;
    }
    Ok(())
}

/// Checks that references are of the narrower types that are wanted; they are of this store.
pub(crate) fn check_narrow(
    values: &[Val],
    narrow: impl Fn(usize) -> Option<RefType>,
    what: &str,
    store: &StoreOpaque,
) -> Result<()> {
    for (i, value) in values.iter().enumerate() {
        if let (Some(want), Some(found)) = (narrow(i), value.reference())
            && !found.is_of(want, store)
        {
            return Err(Error::Usage(format!(
                "{what} {}: {value} for {want}",
                i + 1
            )));
        }
    }
    Ok(())
}

/// What a host function may know of the program that calls it, and its store.
pub struct Caller<'a, T: 'static> {
    store: StoreContextMut<'a, T>,
    instance: Option<u32>,
}

impl<'a, T: 'static> Caller<'a, T> {
    pub(crate) fn new(
        store: &'a mut StoreInner<dyn Any>,
        instance: Option<u32>,
    ) -> Result<Caller<'a, T>> {
        // A function only gets into stores of its type: see `Linker` and `Func`.
        let store = downcast::<T>(store)
            .ok_or_else(|| Error::Bug("a host function in a store of other data".into()))?;
        Ok(Caller {
            store: StoreContextMut::new(store),
            instance,
        })
    }

    /// What the embedder keeps in the store.
    pub fn data(&self) -> &T {
        self.store.data()
    }

    /// What the embedder keeps in the store, to be changed.
    pub fn data_mut(&mut self) -> &mut T {
        self.store.data_mut()
    }

    /// The store's engine.
    pub fn engine(&self) -> &Engine {
        self.store.engine()
    }

    /// The instance whose code calls; `None` where the embedder does.
    pub fn instance(&self) -> Option<Instance> {
        let store = self.store.0.opaque.id;
        self.instance.map(|index| Instance { store, index })
    }

    /// The export of that name of the instance that calls.
    pub fn get_export(&mut self, name: &str) -> Option<Extern> {
        self.instance()?.get_export(&mut self.store, name)
    }

    /// Memory 0 of the instance that calls, whether it is exported or not, and what the embedder
    /// keeps in the store.
    pub fn memory_and_data(&mut self) -> (Option<&mut [u8]>, &mut T) {
        let StoreInner { opaque, data } = &mut *self.store.0;
        let memory = self
            .instance
            .and_then(|index| opaque.instances[index as usize].memories.first().copied());
        let bytes = memory.map(|number| opaque.memories[number as usize].bytes_mut());
        (bytes, data)
    }

    /// Fuel left; see [`Store::fuel`](crate::Store::fuel).
    ///
    /// # Errors
    /// Where the engine does no metering.
    pub fn fuel(&self) -> Result<u64> {
        self.store.fuel()
    }

    /// Sets the fuel left, for instance to charge for what the function does.
    ///
    /// # Errors
    /// Where the engine does no metering.
    pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        self.store.set_fuel(fuel)
    }

    /// When the program's time is up; see [`Store::set_deadline`](crate::Store::set_deadline).
    pub fn deadline(&self) -> Option<std::time::Instant> {
        self.store.0.opaque.deadline()
    }
}

impl<T: 'static> AsContext for Caller<'_, T> {
    type Data = T;
    fn as_context(&self) -> StoreContext<'_, T> {
        self.store.as_context()
    }
}

impl<T: 'static> AsContextMut for Caller<'_, T> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        self.store.as_context_mut()
    }
}

/// What a typed host function may return: nothing, a value, a tuple of values, or a `Result` of
/// these with any error (see [`Error::host`]).
pub trait VmRet {
    #[doc(hidden)]
    fn types() -> Vec<ValType>;
    #[doc(hidden)]
    fn write(self, store: &StoreOpaque, slots: &mut [u64]) -> Result<()>;
}

impl<V: VmType> VmRet for V {
    fn types() -> Vec<ValType> {
        vec![V::TYPE]
    }
    fn write(self, store: &StoreOpaque, slots: &mut [u64]) -> Result<()> {
        put(self, store, slots, &mut 0)
    }
}

impl<R: VmRet, E: Into<BoxError>> VmRet for Result<R, E> {
    fn types() -> Vec<ValType> {
        R::types()
    }
    fn write(self, store: &StoreOpaque, slots: &mut [u64]) -> Result<()> {
        self.map_err(Error::host)?.write(store, slots)
    }
}

/// Rust functions that programs can call: closures of up to 16 parameters, the first of which may be
/// a [`Caller`].
pub trait IntoFunc<T, Params, Results>: Send + Sync + 'static {
    #[doc(hidden)]
    fn into_func(self) -> HostCode;
}

macro_rules! host_functions {
    ($($value:ident)*) => {
        impl<$($value: VmType),*> VmRet for ($($value,)*) {
            fn types() -> Vec<ValType> {
                vec![$($value::TYPE),*]
            }
            #[allow(non_snake_case, unused_variables, unused_mut, reason = "made by a macro")]
            fn write(self, store: &StoreOpaque, slots: &mut [u64]) -> Result<()> {
                let ($($value,)*) = self;
                let mut at = 0;
                $(put($value, store, slots, &mut at)?;)*
                Ok(())
            }
        }

        impl<T, F, $($value,)* R> IntoFunc<T, ($($value,)*), R> for F
        where
            F: Fn($($value),*) -> R + Send + Sync + 'static,
            $($value: VmType,)*
            R: VmRet,
        {
            #[allow(non_snake_case, unused_variables, unused_mut, reason = "made by a macro")]
            fn into_func(self) -> HostCode {
                let call = move |store: &mut StoreInner<dyn Any>, _: Option<u32>, slots: &mut [u64]| {
                    let mut at = 0;
                    $(let $value = take::<$value>(&store.opaque, slots, &mut at);)*
                    self($($value),*).write(&store.opaque, slots)
                };
                HostCode::new(FuncType::new([$($value::TYPE),*], R::types()), call)
            }
        }

        impl<T, F, $($value,)* R> IntoFunc<T, (Caller<'_, T>, $($value,)*), R> for F
        where
            T: 'static,
            F: Fn(Caller<'_, T>, $($value),*) -> R + Send + Sync + 'static,
            $($value: VmType,)*
            R: VmRet,
        {
            #[allow(non_snake_case, unused_mut, reason = "made by a macro")]
            fn into_func(self) -> HostCode {
                let call = move |store: &mut StoreInner<dyn Any>,
                                 instance: Option<u32>,
                                 slots: &mut [u64]| {
                    let mut at = 0;
                    $(let $value = take::<$value>(&store.opaque, slots, &mut at);)*
                    let _ = at;
                    let caller = Caller::new(store, instance)?;
                    self(caller, $($value),*).write(&store.opaque, slots)
                };
                HostCode::new(FuncType::new([$($value::TYPE),*], R::types()), call)
            }
        }
    };
}
crate::typed::for_each_arity!(host_functions);
