//! DotVM's compiler tier.
//!
//! [`Compiler`] makes machine code of functions and loops through Cranelift; [`CodeMemory`] holds it;
//! [`entry`] is how it is entered and left, traps included. All of it knows only the
//! [VM ABI](dotvm_isa::abi): what it needs from outside is a row of the libcall table.

mod accesses;
mod analysis;
mod bailout;
mod compile;
mod lower;
mod native;
mod places;

pub use bailout::Bailout;
pub use compile::{Compiled, Compiler, METERED_FRAME_FACTOR, Request, Scratch, Unit};
pub use lower::GUARD_BYTES;
pub use native::{Code, CodeMemory, entry, stops, traps};
pub use places::{Places, Site};
