//! The text form of modules, `.dasm`: [`assemble`] and [`disassemble`].
//!
//! A text is a list of statements, one a line. A line that starts with `.word` declares something;
//! between `.func` and `.end` stand instructions and `label:`s. Comments go from `;` to the end of
//! the line, blanks and commas separate, and inside of parentheses line ends do not count.
//!
//! ```text
//! .arch arch64
//! .import "env" "log" func $log (i32)
//! .memory 1 16                       ; pages: smallest, largest
//! .global $count mut i64 = 0
//! .data at 1024 "hello\n"
//! .export "triangle" func $triangle
//!
//! .func $triangle (i64 $n) -> i64
//!     .local i64 $sum
//! again:
//!     loop                           ; where a backward jump may go to
//!     local.get $sum
//!     local.get $n
//!     add                            ; the word's: i64.add on arch64
//!     local.set $sum
//!     local.get $n
//!     push 1
//!     sub
//!     local.tee $n
//!     eqz
//!     jz again
//!     local.get $sum
//!     ret
//! .end
//! ```
//!
//! The whole syntax is in the chapter on assembler text of [`docs::isa_reference`], which is the
//! file `docs/isa.md`.
//!
//! Assembling what the disassembler printed gives back the same module, byte for byte where the
//! module was written by [`encode`](fn@crate::encode) and [`CodeBuilder`](crate::CodeBuilder). Neither
//! direction verifies: modules that the verifier refuses have a text, too.

mod assemble;
mod assemble_body;
mod consts;
mod debug;
mod disassemble;
mod disassemble_body;
pub mod docs;
mod error;
mod lexer;
mod listing;
mod literal;
mod objects;
mod parser;
mod source;
mod vectors;

pub use assemble::{MAX_TEXT_BYTES, assemble, assemble_with_source};
pub use disassemble::{SourceLines, disassemble, disassemble_with_source};
pub use disassemble_body::constant;
pub use error::{AsmError, Diagnostic, MAX_DIAGNOSTICS};
pub use literal::MAX_INT_BITS;
pub use literal::parse_integer;
