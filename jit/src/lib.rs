//! DotVM's compiler tier.
//!
//! [`Compiler`] makes machine code of functions and loops through Cranelift; [`CodeMemory`] holds it;
//! [`entry`] is how it is entered and left, traps included. All of it knows only the
//! [VM ABI](dotvm_isa::abi): what it needs from outside is a row of the libcall table.

#![allow(
    unsafe_code,
    reason = "machine code is entered, left and freed here; lowering to it is all safe"
)]

mod accesses;
mod analysis;
mod arena;
mod bailout;
mod code;
mod compile;
pub mod entry;
mod lower;
mod places;
pub mod traps;

pub use bailout::Bailout;
pub use code::{Code, CodeMemory};
pub use compile::{Compiled, Compiler, METERED_FRAME_FACTOR, NativeTrap, Request, Scratch, Unit};
pub use lower::GUARD_BYTES;
pub use places::{Places, Site};
