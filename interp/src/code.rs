//! Threaded code of a function: a block of words that handlers read.
//!
//! The block starts with a prefix of [`PREFIX_WORDS`] words; the [`CodeCell`] of a lowered function
//! points behind it, at the first instruction:
//!
//! ```text
//! word -2   entry counter (low half), function index (high half)
//! word -1   frame slots (32 bits) | parameter slots (16) | slots to clear (16)
//! word  0   first instruction
//! ```
//!
//! An instruction is a word with its handler's address and one or more words of operands; see
//! [`crate::machine`].
//!
//! [`CodeCell`]: dotvm_isa::abi::CodeCell

use std::ops::Range;

use dotvm_isa::{FuncType, ValType};

/// Words before a function's first instruction.
pub(crate) const PREFIX_WORDS: usize = 2;

/// What lowered code does besides computing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Options {
    /// Charge fuel at the start of every basic block.
    pub metering: bool,
}

/// How a function hands over its results.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum ResultKind {
    /// In slots from its frame base upwards: no result, several, or a wide one.
    Slots = 0,
    /// One integer or reference, in the integer accumulator.
    Int = 1,
    /// One `f32`, in its accumulator.
    F32 = 2,
    /// One `f64`, in its accumulator.
    F64 = 3,
}

impl ResultKind {
    /// How functions of that type do it.
    pub fn of(ty: &FuncType) -> ResultKind {
        match ty.results[..] {
            [ValType::F32] => ResultKind::F32,
            [ValType::F64] => ResultKind::F64,
            [ty] if ty.slots() == 1 => ResultKind::Int,
            _ => ResultKind::Slots,
        }
    }
}

/// The threaded code of one function. Handlers change counters in it, so it is shared by address;
/// it must outlive every run that may enter it.
#[derive(Debug)]
pub struct Code {
    words: Box<[u64]>,
}

impl Code {
    pub(crate) fn new(words: &[u64]) -> Code {
        assert!(words.len() > PREFIX_WORDS);
        Code {
            words: words.into(),
        }
    }

    /// The first instruction: what the function's `CodeCell` is to hold.
    pub fn entry(&self) -> *const u64 {
        self.words[PREFIX_WORDS..].as_ptr()
    }

    /// The addresses of this code; no other code has them while it exists.
    pub fn range(&self) -> Range<usize> {
        let range = self.words.as_ptr_range();
        range.start.addr()..range.end.addr()
    }

    /// Index of the function in its module.
    pub fn func(&self) -> u32 {
        (self.words[0] >> 32) as u32
    }

    /// Slots of the function's parameters: where in its frame the header is.
    pub fn param_slots(&self) -> u32 {
        (self.words[1] >> 32) as u32 & 0xffff
    }

    /// Words of the code, prefix included.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Never: there is always at least one instruction.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Index of the word at that address.
    pub fn word_index(&self, ip: *const u64) -> usize {
        (ip.addr() - self.words.as_ptr().addr()) / size_of::<u64>()
    }
}
