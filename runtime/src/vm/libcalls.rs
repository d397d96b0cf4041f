//! The libcall table: what handlers and machine code call, as raw functions around [`ops`].
//!
//! [`ops`]: super::ops

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use dotvm_interp::ResultKind;
use dotvm_isa::TrapCode;
use dotvm_isa::abi::{EXIT_CAUGHT, EXIT_HALT, FuncRef, Libcalls, VmContext};
use dotvm_isa::ops::Service;

use super::entry::{Place, Stop, StoreState, run_host};
use super::exceptions;
use super::native::{Left, go_on, interpret, note, result_kind};
use super::objects;
use super::ops;
use super::sample;
use crate::debug;
use crate::error::Error;
use crate::host::HostFunc;
use crate::services;
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
    struct_new: objects::struct_new,
    struct_get: objects::struct_get,
    struct_set: objects::struct_set,
    array_new: objects::array_new,
    array_new_fixed: objects::array_new_fixed,
    array_new_data: objects::array_new_data,
    array_get: objects::array_get,
    array_set: objects::array_set,
    array_len: objects::array_len,
    array_fill: objects::array_fill,
    array_copy: objects::array_copy,
    ref_test: objects::ref_test,
    ref_cast: objects::ref_cast,
    ref_kind: objects::ref_kind,
    ref_i31: objects::ref_i31,
    i31_get: objects::i31_get,
    write_barrier: objects::write_barrier,
    service,
    evaluate,
    call_interpreted,
    call_ref_interpreted,
    throw,
    throw_ref,
    exception_values,
    threaded_code,
    native_exit,
    leave_native,
    breakpoint,
    native_stack,
};

/// Borrows the store for the time of a libcall from the instance `ctx`; returns the status.
///
/// # Safety
/// A handler that runs code of the instance `ctx` of this crate's making is calling.
pub(super) unsafe fn with_store(
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

unsafe extern "C" fn safepoint(ctx: *mut VmContext, _: *mut u64, counter: u64) -> u32 {
    // SAFETY: a handler is calling with the address of a counter, which is a word of threaded code,
    // or a trampoline without one. The half that counts is only ever accessed as an atomic.
    unsafe {
        let counter = ptr::with_exposed_provenance_mut::<u64>(counter as usize);
        let word = counter.as_ref().copied();
        with_store(ctx, |store, instance| {
            let store = &mut store.opaque;
            sample::take(store, store.vm.caller(), counter.addr());
            store.look_at_signals()?;
            if let Some(word) = word
                && ops::is_due(store, word)
            {
                AtomicU32::from_ptr(counter.cast()).store(0, Ordering::Relaxed);
                ops::count(store, instance, counter.addr(), word);
            }
            Ok(())
        })
    }
}

unsafe extern "C" fn call_host(ctx: *mut VmContext, args: *mut u64, func: u64) -> u32 {
    // SAFETY: a handler is calling with the address of a reference to a host function, and the
    // store keeps both. Slots for parameters and results from `args` on were checked to be there.
    unsafe {
        let func = ptr::with_exposed_provenance::<FuncRef>(func as usize);
        let room = (*func).param_slots.max((*func).result_slots) as usize * size_of::<u64>();
        if args.addr() + room > (*ctx).stack_end.addr() {
            return TrapCode::StackExhausted as u32;
        }
        let host = &*(*func).host.cast_const().cast::<HostFunc>();
        with_store(ctx, |store, instance| {
            let references = store.opaque.heap.handles.len();
            let result = run_host(store, host, Some(instance), args);
            result.map_err(|stop| match stop {
                Stop::Error(Error::Exception(exception)) => {
                    let end = args.wrapping_byte_add(room);
                    exceptions::throw_from_host(&mut store.opaque, ctx, end, &exception, references)
                }
                stop => stop,
            })
        })
    }
}

/// Runs a defined function in the interpreter.
unsafe extern "C" fn call_interpreted(ctx: *mut VmContext, slots: *mut u64, func: u64) -> u32 {
    // SAFETY: native code of the instance is calling with a function of its module.
    unsafe {
        let mut callee = None;
        let status = with_store(ctx, |store, instance| {
            let module = &store.opaque.instances[instance as usize].module;
            let isa = module.bytecode();
            let ty = &isa.types[isa.bodies[func as usize].ty as usize];
            callee = Some((module.cell(func as u32), ResultKind::of(ty)));
            Ok(())
        });
        match callee {
            Some((cell, results)) => interpret(ctx, ctx, cell, results, slots),
            None => status,
        }
    }
}

/// Runs the function of a reference: in the interpreter, or the host's.
unsafe extern "C" fn call_ref_interpreted(ctx: *mut VmContext, slots: *mut u64, func: u64) -> u32 {
    // SAFETY: native code is calling with the address of a reference that the store keeps.
    unsafe {
        let func_ref = ptr::with_exposed_provenance::<FuncRef>(func as usize);
        if (*func_ref).ctx.is_null() {
            return call_host(ctx, slots, func);
        }
        let native = (*(*func_ref).code).native.load(Ordering::Acquire);
        if !native.is_null() {
            // The next call through this reference makes no detour.
            (*func_ref).native.store(native, Ordering::Release);
        }
        let mut kind = ResultKind::Slots;
        let status = with_store(ctx, |store, _| {
            kind = result_kind(store, func_ref);
            Ok(())
        });
        if status != 0 {
            return status;
        }
        interpret(ctx, (*func_ref).ctx, (*func_ref).code, kind, slots)
    }
}

/// Reads the values of an exception.
unsafe extern "C" fn exception_values(ctx: *mut VmContext, slots: *mut u64, slot: u64) -> u32 {
    // SAFETY: native code is calling that caught the exception by its tag, with as many slots as that has.
    unsafe {
        with_store(ctx, |store, _| {
            let values = store.opaque.exceptions.values(slot).unwrap_or_default();
            slots.copy_from_nonoverlapping(values.as_ptr(), values.len());
            Ok(())
        })
    }
}

/// Finds the threaded code of a defined function.
unsafe extern "C" fn threaded_code(ctx: *mut VmContext, slots: *mut u64, func: u64) -> u32 {
    // SAFETY: a handler is calling with a function of the instance, and a slot for the result.
    unsafe {
        with_store(ctx, |store, instance| {
            *slots = ops::threaded_code(&mut store.opaque, instance, func as u32);
            Ok(())
        })
    }
}

/// Throws an exception.
unsafe extern "C" fn throw(ctx: *mut VmContext, args: *mut u64, tag: u64) -> u32 {
    // SAFETY: a handler or native code is calling with a tag of the instance, and its values at the top
    // of the VM stack.
    unsafe {
        with_store(ctx, |store, _| {
            // It takes time by what is searched, without a safepoint.
            store.opaque.safepoint()?;
            Err(exceptions::throw(&mut store.opaque, ctx, args, tag as u32))
        })
    }
}

/// Throws an exception again.
unsafe extern "C" fn throw_ref(ctx: *mut VmContext, args: *mut u64, _: u64) -> u32 {
    // SAFETY: a handler is calling with a reference.
    unsafe {
        with_store(ctx, |store, _| {
            store.opaque.safepoint()?;
            Err(exceptions::throw_ref(&mut store.opaque, ctx, *args))
        })
    }
}

/// Notes where native code is about to be left.
unsafe extern "C" fn native_exit(ctx: *mut VmContext, _: *mut u64, status: u64) -> u32 {
    // SAFETY: a trampoline is calling, after it or the trap handler said where native code was.
    unsafe {
        if ![EXIT_HALT, EXIT_CAUGHT].contains(&(status as u32)) {
            let state = (*ctx).state;
            let place = Place {
                ip: (*state).last_ip,
                fp: (*state).last_fp,
                ctx: ptr::null_mut(),
                is_return_address: true,
                native_base: (*state).native_base,
            };
            note(ctx, place);
        }
    }
    status as u32
}

/// Goes on in threaded code with a frame of native code.
unsafe extern "C" fn leave_native(ctx: *mut VmContext, slots: *mut u64, place: u64) -> u32 {
    // SAFETY: native code for debuggers is calling with a frame of a function of its module, which it does not use
    // any more.
    unsafe {
        let mut left = None;
        let status = with_store(ctx, |store, instance| {
            let module = &store.opaque.instances[instance as usize].module;
            left = Some(Left::new(module, place)?);
            Ok(())
        });
        match left {
            Some(left) => go_on(ctx, &left, slots),
            None => status,
        }
    }
}

/// Has a debugger look.
unsafe extern "C" fn breakpoint(ctx: *mut VmContext, _: *mut u64, stop: u64) -> u32 {
    // SAFETY: a handler is calling that noted where it is.
    unsafe {
        with_store(ctx, |store, instance| {
            debug::at_instruction(
                &mut store.opaque,
                instance,
                (stop >> 32) as u32,
                stop as u32 != 0,
            )
        })
    }
}

/// Reserves the stack of native code.
unsafe extern "C" fn native_stack(ctx: *mut VmContext, _: *mut u64, _: u64) -> u32 {
    // SAFETY: a handler is calling.
    unsafe {
        with_store(ctx, |store, _| {
            let store = &mut store.opaque;
            let config = store.engine.config();
            let exact = config.metering || config.debug;
            store.vm.reserve_native_stack(exact).map_err(Stop::from)
        })
    }
}

/// Does what a service is.
unsafe extern "C" fn service(ctx: *mut VmContext, args: *mut u64, service: u64) -> u32 {
    let service = Service::ALL[service as usize];
    // SAFETY: a handler or native code is calling with as many slots as the service has, which nobody else uses
    // meanwhile.
    unsafe {
        let slots = std::slice::from_raw_parts_mut(args, service.slots());
        with_store(ctx, |store, instance| {
            services::run(&mut store.opaque, instance, service, slots)
        })
    }
}

/// Computes a pure instruction.
unsafe extern "C" fn evaluate(_: *mut VmContext, slots: *mut u64, op: u64) -> u32 {
    // SAFETY: native code is calling with two operands.
    let slots = unsafe { &mut *slots.cast::<[u64; 2]>() };
    match ops::evaluate(slots, op) {
        Ok(()) => 0,
        Err(trap) => trap as u32,
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
