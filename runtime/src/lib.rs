//! The DotVM runtime: loads bytecode modules and runs them in a sandbox.
//!
//! Those who know WebAssembly runtimes will find their way: a [`Config`] makes an [`Engine`], which
//! loads [`Module`]s; a [`Linker`] says what they may import; a [`Store`] holds their [`Instance`]s
//! and the embedder's data; an instance's exports are [`Func`]tions, [`Memory`]s, [`Table`]s and
//! [`Global`]s.
//!
//! ```
//! use dotvm::{Caller, Engine, Linker, Module, Store, TrapCode};
//!
//! fn main() -> dotvm::Result<()> {
//!     let engine = Engine::default();
//!     let module = Module::from_text(&engine, r#"
//!         .import "host" "divisor" func $divisor () -> i32
//!         .export "divide" func $divide
//!         .func $divide (i32 $n) -> i32
//!             local.get $n
//!             call $divisor
//!             i32.div
//!             ret
//!         .end"#)?;
//!     let mut linker = Linker::new(&engine);
//!     linker.func_wrap("host", "divisor", |caller: Caller<'_, i32>| *caller.data())?;
//!     let mut store = Store::new(&engine, 6);
//!     let instance = linker.instantiate(&mut store, &module)?;
//!     let divide = instance.get_typed_func::<i32, i32>(&mut store, "divide")?;
//!     assert_eq!(divide.call(&mut store, 42)?, 7);
//!     *store.data_mut() = 0;
//!     let error = divide.call(&mut store, 42).unwrap_err();
//!     assert_eq!(error.trap_code(), Some(TrapCode::IntegerDivideByZero));
//!     println!("{error}"); // and where: "0: divide (function 1, offset 0x5)"
//!     Ok(())
//! }
//! ```
//!
//! # What a program can do
//! Nothing but compute, use its memory, and call what it imports: functions of the embedder's, and
//! those of [`wasi`] where [`add_wasi_to_linker`] defines them, native ones where [`ffi`] allows it. What it may use up is limited by
//! [`Config`] and [`Store`]: memory, stack, tables, time, fuel. Whatever it does, the worst that
//! comes of it is an [`Error`].
//!
//! # What it does to its process
//! Where native code is compiled ([`Config::jit`]), the first such code installs handlers for `SIGSEGV`,
//! `SIGBUS`, `SIGILL` and `SIGFPE`, which traps are, and `SIGURG`, by which native code is stopped. They
//! pass on what is not theirs to the handlers that were there before; whoever installs handlers later
//! must do the same. Threads are started for compiling and for deadlines, when they are first needed.
//!
//! # Inside
//! Unsafe code is in the module `vm` only, which owns all memory that running programs touch.

mod backtrace;
mod code_cache;
mod config;
mod context;
pub mod debug;
mod engine;
mod error;
mod exception;
pub mod ffi;
mod func;
mod host;
mod instance;
mod instantiate;
mod linker;
mod listing;
mod memory;
mod module;
mod object;
mod perf;
mod precompiled;
mod profile;
mod services;
mod signals;
pub mod state;
mod store;
mod table;
mod tier;
mod typed;
mod types;
mod value;
mod vm;
pub mod wasi;
mod wasi_link;

pub use backtrace::{Backtrace, Frame, FrameSymbol, SourceLocation};
pub use config::{Config, Jit};
pub use context::{AsContext, AsContextMut, StoreContext, StoreContextMut};
pub use dotvm_jit::Bailout;
pub use engine::Engine;
pub use error::{BoxError, Error, FileError, HostError, ImportProblem, LinkError, Result, Trap};
pub use exception::{Exception, ExnRef, Tag};
pub use ffi::add_ffi_to_linker;
pub use func::{Func, TypedFunc};
pub use host::{Caller, IntoFunc, VmRet};
pub use instance::{Extern, Instance};
pub use linker::{InstancePre, Linker};
pub use listing::{ListedFrame, ListedInstr, Listing, MAX_FRAMES, NativeListing};
pub use memory::Memory;
pub use module::Module;
pub use object::AnyRef;
pub use precompiled::{Precompiled, Unused, bytecode};
pub use profile::{
    Cost, ExactProfile, FUNCS_MAX, Observation, ProfileRow, Sample, SampledFrame, SampledProfile,
    SampledStack, WatchHandle, WatchedFunction,
};
pub use signals::{InterruptHandle, PauseHandle};
pub use store::{Store, Usage};
pub use table::{Global, Table};
pub use tier::TierReport;
pub use typed::{VmType, VmValues};
pub use types::{ExportType, ExternType, ImportType};
pub use value::{ExternRef, Ref, Val};
pub use vm::gc::GcStats;
pub use vm::heap::{HeapBlock, HeapStats};
pub use wasi_link::add_wasi_to_linker;

pub use dotvm_dotdb as db;
pub use dotvm_isa as isa;
pub use dotvm_isa::objects::Kind as ObjectKind;
pub use dotvm_isa::semantics::V128;
pub use dotvm_isa::{
    AddressType, Arch, Bytes, ExternKind, FuncType, GlobalType, HeapType, Limits, Malformed,
    MemoryType, Names, Place, RefType, TableType, TrapCode, ValType,
};

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
