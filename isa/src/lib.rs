//! DotVM's instruction set: the contract between front ends, interpreter, compiler and runtime.
//!
//! This crate owns what every other layer must agree on and nothing else: the [opcode table](ops),
//! [value types and architectures](types), the [bytecode module](module) with its
//! [reader](mod@decode) and [writer](mod@encode), the [verifier](verify), the [meaning](semantics) of pure
//! instructions, [trap codes](trap), and the [memory layout](abi) that machine code and handlers
//! see. It knows neither how code is run nor where modules come from.

pub mod abi;
pub mod bits;
pub mod crypto;
pub mod db;
pub mod debug;
pub mod decode;
pub mod encode;
pub mod error;
pub mod fuzzing;
pub mod instr;
mod leb128;
pub mod module;
pub mod objects;
pub mod ops;
pub mod refs;
pub mod semantics;
pub mod signature;
pub mod text;
pub mod trap;
pub mod types;
pub mod verify;

pub use bits::Bits;
pub use decode::decode;
pub use encode::{EncodeOptions, encode};
pub use error::{Malformed, Place};
pub use instr::{Catch, CodeBuilder, Instr, InstrReader, Label};
pub use module::{
    Body, Bytes, ConstExpr, ConstOp, DataSegment, ElemSegment, Export, ExternKind, GlobalDef,
    Import, ImportDesc, Module, Names, SegmentMode, TableDef, TypeGroup,
};
pub use objects::ObjectType;
pub use ops::{Category, Imm, Op, OpInfo};
pub use refs::{HeapType, RefType};
pub use trap::TrapCode;
pub use types::{AddressType, Arch, FuncType, GlobalType, Limits, MemoryType, TableType, ValType};
