//! DotVM's compiler tier.
//!
//! [`Compiler`] makes machine code of functions and loops through Cranelift; [`CodeMemory`] holds it;
//! [`entry`] is how it is entered and left, traps included; [`Image`] is code that comes from a file.
//! All of it knows only the [VM ABI](dotvm_isa::abi): what it needs from outside is a row of the libcall table.

mod accesses;
mod analysis;
mod bailout;
mod compile;
mod image;
mod kernels;
mod link;
mod listing;
mod lower;
mod native;
mod places;
mod tables;

pub use bailout::Bailout;
pub use compile::{Compiled, Compiler, METERED_FRAME_FACTOR, Request, Scratch, Unit};
pub use image::{IMAGE_ALIGNMENT, Image};
pub use link::{Piece, link};
pub use listing::{Frames as ListedFrames, Listing};
pub use lower::GUARD_BYTES;
pub use native::thunks::{NativeType, Scalar, THUNK_PARAMS_MAX, Thunk};
pub use native::{Code, CodeMemory, FileMemory, entry, functions::functions, stops, traps};
