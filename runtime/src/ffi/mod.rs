//! Native functions: imports of modules `ffi:LIBRARY`.
//!
//! A program imports functions of shared libraries by names, with what they take and give in C where that is more than
//! numbers:
//!
//! ```text
//! .import "ffi:libm.so.6" "hypot" func $hypot (f64, f64) -> f64
//! .import "ffi:libz.so.1" "crc32(crc: u64, data: *const u8[len], len: u32) -> u64"
//!     func $crc32 (i64, i32, i32) -> i64
//! ```
//!
//! Pointers are addresses in memory 0. What is known is checked: that the library is allowed, that the function is one
//! and its prototype fits the import, that numbers fit, that pointers are aligned and point into memory with as many
//! elements as the prototype says. Native code itself is outside the sandbox: it may do whatever the process may, and a
//! prototype that is not the function's means anything.

mod convert;
mod prototype;

use std::any::Any;

use dotvm_isa::FuncType;

use self::convert::Conversion;
pub use self::prototype::{
    Count, NativeResult, Number, Param, ParamKind, Prototype, PrototypeError, Signature,
};
use crate::error::{Error, Result};
use crate::host::{Caller, HostCode, HostFunc};
use crate::linker::Linker;
use crate::module::Module;
use crate::store::StoreInner;
use crate::types::ExternType;
pub use crate::vm::foreign::Libraries;

/// What names of modules of native functions start with.
pub const PREFIX: &str = "ffi:";

/// Defines the native functions that a module imports, of libraries that are allowed.
///
/// ```
/// # use dotvm::{Engine, Linker, Module, Store, add_ffi_to_linker, ffi::Libraries};
/// # let engine = Engine::default();
/// let module = Module::from_text(&engine, r#"
///     .import "ffi:libm.so.6" "hypot" func $hypot (f64, f64) -> f64
///     .export "hypot" func $hypot"#)?;
/// let mut libraries = Libraries::new();
/// // SAFETY: the program calls `hypot` as what it is.
/// unsafe { libraries.allow("libm.so.6") };
/// let mut linker = Linker::new(&engine);
/// add_ffi_to_linker(&mut linker, &module, &libraries)?;
/// let mut store = Store::new(&engine, ());
/// let instance = linker.instantiate(&mut store, &module)?;
/// let hypot = instance.get_typed_func::<(f64, f64), f64>(&mut store, "hypot")?;
/// assert_eq!(hypot.call(&mut store, (3.0, 4.0))?, 5.0);
/// # Ok::<(), dotvm::Error>(())
/// ```
///
/// # Errors
/// Where a library is not allowed or not there, has no such function, or the prototype is wrong or not that of the
/// import.
pub fn add_ffi_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    module: &Module,
    libraries: &Libraries,
) -> Result<()> {
    for import in module.imports() {
        let Some(library) = import.module.strip_prefix(PREFIX) else {
            continue;
        };
        let ExternType::Func(ty) = import.ty else {
            continue;
        };
        // What is imported twice is there; as another type it does not fit, which instantiation says.
        if linker.is_defined(import.module, import.name) {
            continue;
        }
        let code = host_code::<T>(libraries, library, import.name, &ty).map_err(|reason| {
            Error::Usage(format!(
                "import {}::{}: {reason}",
                import.module, import.name
            ))
        })?;
        let host = HostFunc::new(linker.engine(), code);
        linker.define_host(import.module, import.name, host)?;
    }
    Ok(())
}

/// What calls a native function.
fn host_code<T: 'static>(
    libraries: &Libraries,
    library: &str,
    name: &str,
    ty: &FuncType,
) -> Result<HostCode, String> {
    let prototype = Prototype::parse(name).map_err(|error| error.to_string())?;
    let symbol = prototype.symbol.clone();
    let conversion = Conversion::new(prototype, ty)?;
    let func = libraries.func(library, &symbol, &conversion.native_type())?;
    let call = move |store: &mut StoreInner<dyn Any>, caller: Option<u32>, slots: &mut [u64]| {
        let mut caller = Caller::<T>::new(store, caller)?;
        let memory = caller.memory_and_data().0.unwrap_or_default();
        let mut args = conversion.arguments(slots, memory)?;
        func.call(&mut args);
        let result = match conversion.gives_text() {
            true => {
                let text = func.text(args[0]);
                Some(conversion.text_result(text.as_deref(), slots, memory)?)
            }
            false => conversion.number_result(args[0]),
        };
        if let Some(result) = result {
            slots[0] = result;
        }
        Ok(())
    };
    Ok(HostCode::new(ty.clone(), call))
}
