//! DotVM's interpreter tier.
//!
//! On its first call a function's verified stack code is [lowered](lower()) to direct-threaded
//! register code over the slots of its frame; [`call`] runs it. Both know only the
//! [VM ABI](dotvm_isa::abi): memories, tables, host functions and limits are reached through the
//! [`VmContext`](dotvm_isa::abi::VmContext) and its libcalls.

#![allow(
    unsafe_code,
    reason = "handlers read operands, slots and the VM context through raw pointers"
)]

mod code;
#[cfg(dotvm_tail_dispatch)]
mod features;
mod frames;
mod handlers;
mod lower;
mod machine;

pub use code::{Catch, Code, CodeMemory, NativeCode, NativeEntry, Options, ResultKind};
pub use frames::{Frame, walk};
pub use lower::{Kept, Maps, Offsets, References, lower, maps, operands};
pub use machine::{call, go_on, unlowered};
