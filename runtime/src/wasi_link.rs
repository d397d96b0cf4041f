//! The functions of WASI in a linker.

use std::any::Any;

use dotvm_isa::{FuncType, TrapCode, ValType};

use crate::error::{Error, Result, Trap};
use crate::host::{Caller, HostCode, HostFunc};
use crate::linker::Linker;
use crate::store::StoreInner;
use crate::wasi::{GuestMemory, MODULES, Param, Stop, WasiCtx, WasiFunction};

/// Defines the functions of WASI preview 1, and of `wasi_unstable` that came before it, for
/// programs of stores whose data has a [`WasiCtx`] at the place that `get` leads to.
///
/// They use the memory of the instance that calls. The store's
/// [deadline](crate::Store::set_deadline) is theirs as well.
///
/// ```
/// # use dotvm::{Engine, Linker, Store, add_wasi_to_linker, wasi::{WasiCtx, WasiCtxBuilder}};
/// # let engine = Engine::default();
/// let mut linker = Linker::new(&engine);
/// add_wasi_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx)?;
/// let mut store = Store::new(&engine, WasiCtxBuilder::new().inherit_stdio().build());
/// # Ok::<(), dotvm::Error>(())
/// ```
///
/// # Errors
/// Where one of the names is taken.
pub fn add_wasi_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut WasiCtx + Send + Sync + Copy + 'static,
) -> Result<()> {
    for (module, functions) in MODULES {
        for function in functions {
            let host = host_func(linker, function, get);
            linker.define_host(module, function.name, host)?;
        }
    }
    Ok(())
}

fn host_func<T: 'static>(
    linker: &Linker<T>,
    function: &'static WasiFunction,
    get: impl Fn(&mut T) -> &mut WasiCtx + Send + Sync + 'static,
) -> HostFunc {
    let param = |param: &Param| match param {
        Param::I32 => ValType::I32,
        Param::I64 => ValType::I64,
    };
    let params = function.params.len();
    let result = function.returns_errno.then_some(ValType::I32);
    let ty = FuncType::new(function.params.iter().map(param), result);
    let call = move |store: &mut StoreInner<dyn Any>, caller: Option<u32>, slots: &mut [u64]| {
        let mut caller = Caller::<T>::new(store, caller)?;
        let deadline = caller.deadline();
        let (bytes, data) = caller.memory_and_data();
        let ctx = get(data);
        ctx.set_deadline(deadline);
        let mut memory = GuestMemory::new(bytes.unwrap_or_default());
        let errno = (function.call)(ctx, &mut memory, &slots[..params]).map_err(stopped)?;
        if function.returns_errno {
            slots[0] = u64::from(errno.cast_unsigned());
        }
        Ok(())
    };
    HostFunc::new(linker.engine(), HostCode::new(ty, call))
}

/// What a stop is to the program's embedder.
fn stopped(stop: Stop) -> Error {
    match stop {
        Stop::Exit(code) => Error::Exit(code.cast_signed()),
        Stop::Interrupted => TrapCode::Timeout.into(),
        // Whatever is wrong with a pointer, the text says it.
        Stop::Fault(fault) => {
            Trap::with_detail(TrapCode::MemoryOutOfBounds, fault.to_string()).into()
        }
    }
}
