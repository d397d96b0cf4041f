//! The libcall table: what handlers and machine code call, as raw functions around [`ops`].
//!
//! [`ops`]: super::ops

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use dotvm_isa::abi::{FuncRef, Libcalls, VmContext};

use super::entry::{Stop, StoreState, run_host};
use super::ops;
use crate::host::HostFunc;
use crate::store::StoreInner;

/// The table all contexts point to.
pub(super) static LIBCALLS: Libcalls = Libcalls {
    lower,
    safepoint,
    call_host,
    memory_grow,
    memory_copy,
    memory_fill,
    memory_init,
    data_drop,
    table_get,
    table_set,
    table_grow,
    table_size,
    table_fill,
    table_copy,
    table_init,
    elem_drop,
    ref_func,
    alloc,
    free,
};

/// Borrows the store for the time of a libcall from the instance `ctx`; returns the status.
///
/// # Safety
/// A handler that runs code of the instance `ctx` of this crate's making is calling.
unsafe fn with_store(
    ctx: *mut VmContext,
    body: impl FnOnce(&mut StoreInner<dyn Any>, u32) -> Result<(), Stop>,
) -> u32 {
    // SAFETY: the context's state is the first field of a `StoreState`, and `run_guest` left the
    // store there. It is borrowed by `run_guest` alone, which waits; this handler as well. `body`
    // may run guest code again, which borrows from this borrow.
    let (store, instance) = unsafe {
        let state = (*ctx).state.cast::<StoreState>();
        let store = (*state).store.expect("the store of a run").as_mut();
        (store, (*ctx).owner.addr() as u32)
    };
    let result = catch_unwind(AssertUnwindSafe(|| body(store, instance)));
    match result {
        Ok(Ok(())) => 0,
        Ok(Err(stop)) => store.opaque.vm.stop(stop),
        Err(panic) => store.opaque.vm.stop(Stop::Panic(panic)),
    }
}

/// Has the function of the cell at address `cell` lowered.
unsafe extern "C" fn lower(ctx: *mut VmContext, _: *mut u64, cell: u64) -> u32 {
    // SAFETY: a handler is calling, as for every function of the table.
    unsafe {
        with_store(ctx, |store, instance| {
            ops::lower(&store.opaque, instance, cell)
        })
    }
}

unsafe extern "C" fn safepoint(ctx: *mut VmContext, _: *mut u64, _: u64) -> u32 {
    // SAFETY: a handler is calling.
    unsafe { with_store(ctx, |store, _| Ok(store.opaque.safepoint()?)) }
}

unsafe extern "C" fn call_host(ctx: *mut VmContext, args: *mut u64, func: u64) -> u32 {
    // SAFETY: a handler is calling with the address of a reference to a host function, and the
    // store keeps both. Slots for parameters and results from `args` on were checked to be there.
    unsafe {
        let func = ptr::with_exposed_provenance::<FuncRef>(func as usize);
        let host = &*(*func).host.cast_const().cast::<HostFunc>();
        with_store(ctx, |store, instance| {
            run_host(store, host, Some(instance), args)
        })
    }
}

/// Defines libcalls that are an operation on so many slots of operands and results.
macro_rules! operations {
    ($($name:ident $slots:literal;)*) => {
        $(unsafe extern "C" fn $name(ctx: *mut VmContext, args: *mut u64, imm: u64) -> u32 {
            // SAFETY: a handler is calling with that many slots for operands and results, which
            // nobody else uses meanwhile.
            unsafe {
                let slots = &mut *args.cast::<[u64; $slots]>();
                with_store(ctx, |store, instance| {
                    ops::$name(&mut store.opaque, instance, slots, imm).map_err(Stop::from)
                })
            }
        })*
    };
}

operations! {
    memory_grow 1;
    memory_copy 3;
    memory_fill 3;
    memory_init 3;
    data_drop 0;
    table_get 1;
    table_set 2;
    table_grow 2;
    table_size 1;
    table_fill 3;
    table_copy 3;
    table_init 3;
    elem_drop 0;
    ref_func 1;
    alloc 1;
    free 1;
}
