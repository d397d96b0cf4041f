//! Calls of native functions: code that takes arguments from slots and hands them over as C does.
//!
//! Cranelift knows the calling convention of the machine it runs on; here its functions only load, call and store.

use std::ffi::c_void;
use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use cranelift_codegen::ir::{
    AbiParam, InstBuilder, MemFlagsData, Signature, Type, UserFuncName, Value, types,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{Module, default_libcall_names};

use super::arena::{Arena, PAGE_BYTES};
use crate::bailout::Bailout;
use crate::compile::Compiler;

/// The most parameters of a native function.
pub const THUNK_PARAMS_MAX: usize = 64;

/// Bytes of address space for a thunk; one of the most parameters takes a part of it.
const THUNK_BYTES: usize = 4 * PAGE_BYTES;

/// What a native function takes or gives. In a slot, integers are extended to 64 bits by their sign where they have one,
/// an `F32` is in the low 32 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scalar {
    /// `int8_t`
    I8,
    /// `uint8_t`, and `bool` as 0 or 1.
    U8,
    /// `int16_t`
    I16,
    /// `uint16_t`
    U16,
    /// `int32_t`
    I32,
    /// `uint32_t`
    U32,
    /// `int64_t`, `uint64_t` and pointers.
    I64,
    /// `float`
    F32,
    /// `double`
    F64,
}

impl Scalar {
    fn ty(self) -> Type {
        match self {
            Scalar::I8 | Scalar::U8 => types::I8,
            Scalar::I16 | Scalar::U16 => types::I16,
            Scalar::I32 | Scalar::U32 => types::I32,
            Scalar::I64 => types::I64,
            Scalar::F32 => types::F32,
            Scalar::F64 => types::F64,
        }
    }

    fn is_signed(self) -> bool {
        matches!(self, Scalar::I8 | Scalar::I16 | Scalar::I32)
    }

    /// As a parameter or result: narrow integers are extended, which compilers for C count on.
    fn abi(self) -> AbiParam {
        let param = AbiParam::new(self.ty());
        match self {
            Scalar::I8 | Scalar::I16 | Scalar::I32 => param.sext(),
            Scalar::U8 | Scalar::U16 | Scalar::U32 => param.uext(),
            Scalar::I64 | Scalar::F32 | Scalar::F64 => param,
        }
    }
}

/// The type of a native function.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct NativeType {
    /// What it takes.
    pub params: Vec<Scalar>,
    /// What it gives.
    pub result: Option<Scalar>,
}

type Entry = unsafe extern "C" fn(target: *const c_void, slots: *mut u64);

/// Code that calls native functions of one type.
pub struct Thunk {
    ty: NativeType,
    entry: Entry,
    /// Only kept for its code.
    _module: Owned,
}

/// A module whose code is freed with it.
struct Owned(ManuallyDrop<JITModule>);

impl fmt::Debug for Thunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Thunk").field(&self.ty).finish()
    }
}

// SAFETY: once it is made, the module is only kept for its code, which anybody may run and which whoever drops the thunk
// frees.
unsafe impl Send for Thunk {}
// SAFETY: as above.
unsafe impl Sync for Thunk {}

impl Thunk {
    /// Makes the code.
    ///
    /// # Errors
    /// Where there are more than [`THUNK_PARAMS_MAX`] parameters, or no memory for code.
    pub fn new(compiler: &Compiler, ty: &NativeType) -> Result<Thunk, Bailout> {
        if ty.params.len() > THUNK_PARAMS_MAX {
            return Err(Bailout::CodeCache);
        }
        let mut builder = JITBuilder::with_isa(Arc::clone(compiler.isa()), default_libcall_names());
        let arena = Arena::new(THUNK_BYTES).map_err(|_| Bailout::CodeCache)?;
        builder.memory_provider(Box::new(arena));
        let mut owned = Owned(ManuallyDrop::new(JITModule::new(builder)));
        let module = &mut *owned.0;
        let call_conv = compiler.isa().default_call_conv();
        let mut context = module.make_context();
        let pointer = AbiParam::new(types::I64);
        let signature = &mut context.func.signature;
        signature.call_conv = call_conv;
        signature.params.extend([pointer, pointer]);
        context.func.name = UserFuncName::default();
        let mut callee = Signature::new(call_conv);
        callee
            .params
            .extend(ty.params.iter().map(|param| param.abi()));
        callee.returns.extend(ty.result.map(Scalar::abi));

        let mut scratch = FunctionBuilderContext::new();
        let mut code = FunctionBuilder::new(&mut context.func, &mut scratch);
        let block = code.create_block();
        code.append_block_params_for_function_params(block);
        code.switch_to_block(block);
        code.seal_block(block);
        let [target, slots] = *code.block_params(block) else {
            return Err(Bailout::CodeCache);
        };
        let mut at = 0;
        let params = ty.params.iter().map(|param| {
            let value = load(&mut code, *param, slots, at);
            at += 8;
            value
        });
        let params: Vec<Value> = params.collect();
        let callee = code.import_signature(callee);
        let call = code.ins().call_indirect(callee, target, &params);
        if let Some(result) = ty.result {
            let value = code.inst_results(call)[0];
            store(&mut code, result, value, slots);
        }
        code.ins().return_(&[]);
        code.finalize(compiler.isa().frontend_config());

        let no_room = |_| Bailout::CodeCache;
        let declared = module.declare_anonymous_function(&context.func.signature);
        let id = declared.map_err(no_room)?;
        module.define_function(id, &mut context).map_err(no_room)?;
        module.finalize_definitions().map_err(no_room)?;
        let entry = module.get_finalized_function(id);
        // SAFETY: the code was made with this signature.
        let entry = unsafe { std::mem::transmute::<*const u8, Entry>(entry) };
        Ok(Thunk {
            ty: ty.clone(),
            entry,
            _module: owned,
        })
    }

    /// The type of the functions that it calls.
    pub fn ty(&self) -> &NativeType {
        &self.ty
    }

    /// Calls a function: its arguments are in slots from the first one on, and its result comes to the first one.
    ///
    /// # Panics
    /// Where there are fewer slots than that takes.
    ///
    /// # Safety
    /// At `target` there is a function of this type, and it may be called with these arguments: pointers among them
    /// point to what it reads and writes, which nobody else has a reference to. It does not unwind.
    pub unsafe fn call(&self, target: *const c_void, slots: &mut [u64]) {
        let needed = self
            .ty
            .params
            .len()
            .max(usize::from(self.ty.result.is_some()));
        assert!(slots.len() >= needed, "a slot for each argument");
        // SAFETY: the code reads and writes as many slots as there are; the rest is the caller's promise.
        unsafe { (self.entry)(target, slots.as_mut_ptr()) };
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: the module is not used again, and its code runs in `Thunk::call` only, which borrows the thunk.
        unsafe { ManuallyDrop::take(&mut self.0).free_memory() };
    }
}

/// A value in the slot at `at` bytes.
fn load(code: &mut FunctionBuilder<'_>, ty: Scalar, slots: Value, at: i32) -> Value {
    match ty {
        Scalar::F32 | Scalar::F64 | Scalar::I64 => {
            code.ins().load(ty.ty(), MemFlagsData::trusted(), slots, at)
        }
        _ => {
            let wide = code
                .ins()
                .load(types::I64, MemFlagsData::trusted(), slots, at);
            code.ins().ireduce(ty.ty(), wide)
        }
    }
}

/// Puts a value into the first slot.
fn store(code: &mut FunctionBuilder<'_>, ty: Scalar, value: Value, slots: Value) {
    let wide = match ty {
        Scalar::F64 | Scalar::I64 => value,
        Scalar::F32 => {
            let bits = code.ins().bitcast(types::I32, MemFlagsData::new(), value);
            code.ins().uextend(types::I64, bits)
        }
        ty if ty.is_signed() => code.ins().sextend(types::I64, value),
        _ => code.ins().uextend(types::I64, value),
    };
    code.ins().store(MemFlagsData::trusted(), wide, slots, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(target: *const c_void, params: &[Scalar], result: Option<Scalar>, args: &[u64]) -> u64 {
        let compiler = Compiler::new().expect("a compiler");
        let ty = NativeType {
            params: params.to_vec(),
            result,
        };
        let thunk = Thunk::new(&compiler, &ty).expect("a thunk");
        let mut slots = args.to_vec();
        slots.resize(slots.len().max(1), 0);
        // SAFETY: the functions below are of these types and take anything.
        unsafe { thunk.call(target, &mut slots) };
        slots[0]
    }

    extern "C" fn narrow(a: i8, b: u8, c: i16, d: u16, e: i32, f: u32, g: i64) -> i64 {
        i64::from(a) + i64::from(b) + i64::from(c) + i64::from(d) + i64::from(e) + i64::from(f) + g
    }

    extern "C" fn many(
        a: f32,
        b: f64,
        c: i64,
        d: i64,
        e: i64,
        f: i64,
        g: i64,
        h: i64,
        i: i64,
        j: f64,
    ) -> f64 {
        f64::from(a) + b * 10.0 + (c + d + e + f + g + h) as f64 * 100.0 + i as f64 * 1e6 + j
    }

    extern "C" fn minus(a: i8) -> i8 {
        -a
    }

    extern "C" fn byte(a: u8) -> u8 {
        !a
    }

    extern "C" fn half(a: f32) -> f32 {
        a / 2.0
    }

    extern "C" fn nothing() {}

    #[test]
    fn narrow_integers_are_extended() {
        let target = narrow as *const c_void;
        use Scalar::{I8, I16, I32, I64, U8, U16, U32};
        let params = [I8, U8, I16, U16, I32, U32, I64];
        let args = [-1i64, 255, -2, 65535, -3, 4_294_967_295, -5].map(|arg| arg as u64);
        let sum = call(target, &params, Some(I64), &args);
        assert_eq!(sum as i64, -1 + 255 - 2 + 65535 - 3 + 4_294_967_295 - 5);
        // What is above a narrow integer does not count.
        assert_eq!(
            call(minus as *const c_void, &[I8], Some(I8), &[0x1_05]),
            -5i64 as u64
        );
        assert_eq!(
            call(byte as *const c_void, &[U8], Some(U8), &[0xff0f]),
            0xf0
        );
    }

    #[test]
    fn more_parameters_than_registers() {
        use Scalar::{F32, F64, I64};
        let params = [F32, F64, I64, I64, I64, I64, I64, I64, I64, F64];
        let mut args = [0, 2.5f64.to_bits(), 1, 2, 3, 4, 5, 6, 7, 0.25f64.to_bits()];
        args[0] = u64::from(1.5f32.to_bits());
        let found = call(many as *const c_void, &params, Some(F64), &args);
        assert_eq!(f64::from_bits(found), 1.5 + 25.0 + 2100.0 + 7e6 + 0.25);
    }

    #[test]
    fn floats_of_32_bits_and_no_result() {
        let half = call(
            half as *const c_void,
            &[Scalar::F32],
            Some(Scalar::F32),
            &[u64::from(3f32.to_bits())],
        );
        assert_eq!(half, u64::from(1.5f32.to_bits()));
        assert_eq!(call(nothing as *const c_void, &[], None, &[7]), 7);
    }
}
