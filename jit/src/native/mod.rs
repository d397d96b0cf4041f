//! Machine code in memory: where it is kept, how it is entered and left, what its faults mean. The only
//! unsafe part of this crate.

#![allow(
    unsafe_code,
    reason = "machine code is entered, left and freed here; lowering to it is all safe"
)]

mod arena;
mod code;
pub mod entry;
pub(crate) mod functions;
mod memory;
pub mod stops;
pub(crate) mod thunks;
pub mod traps;

pub use code::{Code, CodeMemory};
pub use memory::FileMemory;
