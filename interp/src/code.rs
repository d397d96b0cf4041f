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
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use dotvm_isa::abi::VmContext;
use dotvm_isa::{FuncType, ValType};

use crate::handlers::native::stub;

/// Words before a function's first instruction.
pub(crate) const PREFIX_WORDS: usize = 2;

/// What lowered code does besides computing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Options {
    /// Charge fuel at the start of every basic block.
    pub metering: bool,
    /// With metering: count how often each basic block is paid for, and say before calls of the runtime which
    /// instruction they are for (see [`VmContext::counts`]).
    pub counting: bool,
    /// Have every value in its slot in front of each instruction, and look there whether a debugger wants to
    /// see that.
    pub debug: bool,
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

/// How native code is entered: the instance, the slots of parameters and results, what runs, and
/// what is to take the parameters from their slots and put the results there. Returns a status.
pub type NativeEntry = unsafe extern "C" fn(*mut VmContext, *mut u64, *const u8, *const u8) -> u32;

/// A function or loop that was compiled, for [`Code::native`].
#[derive(Clone, Copy, Debug)]
pub struct NativeCode {
    /// Number of the function among those that its module defines.
    pub defined: u32,
    /// What enters it.
    pub enter: NativeEntry,
    /// Passed to `enter`.
    pub adapter: *const u8,
    /// Passed to `enter`.
    pub code: *const u8,
    /// Slots of the function's parameters.
    pub param_slots: u32,
    /// Slots of its results.
    pub result_slots: u32,
    /// Slots that its frame would have in threaded code, where calls are to be limited by that; or 0.
    pub frame_slots: u32,
    /// How it hands them over.
    pub results: ResultKind,
}

/// A catch of a region, as [`dotvm_isa::Catch`], with where it leads.
#[derive(Clone, Copy, Debug)]
pub struct Catch {
    /// The tag whose exceptions it takes; all where there is none.
    pub tag: Option<u32>,
    /// Whether a reference to the exception comes behind its values.
    pub by_ref: bool,
    /// The slot of the first thing that it pushes.
    pub slot: u16,
    /// The word to go on with.
    pub(crate) word: u32,
}

/// The code between a `try` and its end.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    /// Index of the region around it.
    pub(crate) outer: Option<usize>,
    pub(crate) catches: Vec<Catch>,
}

/// The regions of a function, by their starts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Regions {
    pub(crate) all: Vec<Region>,
    /// The words where regions start and end, ascending, and the innermost one from there on. What is noted
    /// last for a word holds.
    pub(crate) bounds: Vec<(usize, Option<usize>)>,
    /// Words of the tail calls in them, ascending: what these call is in no region of the function.
    pub(crate) tail_calls: Vec<usize>,
}

impl Regions {
    /// The regions that a word is in, innermost first.
    fn around(&self, word: usize) -> impl Iterator<Item = &Region> {
        let before = self.bounds.partition_point(|&(bound, _)| bound <= word);
        let innermost = match self.tail_calls.binary_search(&word) {
            Ok(_) => None,
            Err(_) => before.checked_sub(1).and_then(|at| self.bounds[at].1),
        };
        std::iter::successors(innermost, |&at| self.all[at].outer).map(|at| &self.all[at])
    }
}

/// Where finished code is kept.
///
/// # Safety
/// What [`keep`](CodeMemory::keep) returns must stay valid, in place and untouched for as long as any
/// [`Code`] made of it, or a run that may enter it, exists.
pub unsafe trait CodeMemory {
    /// Keeps a copy of the words.
    fn keep(&mut self, words: &[u64]) -> NonNull<[u64]>;
}

/// The threaded code of one function, in a [`CodeMemory`]. Handlers change counters in it, so it is
/// shared by address.
#[derive(Debug)]
pub struct Code {
    words: NonNull<[u64]>,
    /// The words of the prefix that do not change.
    func: u32,
    param_slots: u32,
    frame_slots: u32,
    /// For each back-edge the offset of its loop's header and the word of its counter, in code order.
    back_edges: Box<[(u32, u32)]>,
    /// None where there are no regions.
    regions: Option<Box<Regions>>,
    /// For a debugger: of each instruction of the bytecode that can be reached, its offset and the word in
    /// front of it where the debugger may stop, ascending by words. Else empty.
    stops: Box<[(u32, u32)]>,
}

// SAFETY: code is plain words that only handlers change, atomically.
unsafe impl Send for Code {}
// SAFETY: as above.
unsafe impl Sync for Code {}

impl Code {
    pub(crate) fn new(
        words: &[u64],
        back_edges: &[(u32, u32)],
        regions: Regions,
        memory: &mut dyn CodeMemory,
    ) -> Code {
        assert!(words.len() > PREFIX_WORDS);
        Code {
            words: memory.keep(words),
            func: (words[0] >> 32) as u32,
            param_slots: (words[1] >> 32) as u32 & 0xffff,
            frame_slots: words[1] as u32,
            back_edges: back_edges.into(),
            regions: (!regions.all.is_empty()).then(|| Box::new(regions)),
            stops: Box::default(),
        }
    }

    /// Says where a debugger may stop it.
    pub(crate) fn with_stops(self, stops: Vec<(u32, u32)>) -> Code {
        let stops = stops.into();
        Code { stops, ..self }
    }

    /// Offsets of the instructions that a debugger may stop in front of, in the order of the code; none
    /// unless it was lowered for that.
    pub fn stops(&self) -> impl Iterator<Item = u32> + '_ {
        self.stops.iter().map(|&(offset, _)| offset)
    }

    /// The offset of the instruction that a word belongs to, in code that was lowered for a debugger.
    pub fn stop_before(&self, word: usize) -> Option<u32> {
        let after = self.stops.partition_point(|&(_, at)| at as usize <= word);
        after.checked_sub(1).map(|at| self.stops[at].0)
    }

    /// Where a debugger may stop in front of the instruction at that offset.
    pub(crate) fn stop_at(&self, offset: u32) -> Option<*const u64> {
        let mut stops = self.stops.iter();
        let &(_, word) = stops.find(|&&(of, _)| of == offset)?;
        Some(self.start().wrapping_add(word as usize))
    }

    /// Whether it has breakpoints.
    pub fn has_breaks(&self) -> bool {
        let mut stops = self.stops.iter();
        stops.any(|&(_, word)| self.counter(word + 1).load(Ordering::Relaxed) != 0)
    }

    /// Sets or clears a breakpoint in front of the instruction at that offset; returns whether there can be
    /// one.
    pub fn set_break(&self, offset: u32, on: bool) -> bool {
        let at = self.stops.iter().find(|&&(of, _)| of == offset);
        if let Some(&(_, word)) = at {
            self.counter(word + 1)
                .store(u32::from(on), Ordering::Relaxed);
        }
        at.is_some()
    }

    /// Threaded code of the function with that index that runs native code: of the function, to be put
    /// into its cell, or of one of its loops, to resume at (see
    /// [`VmState::resume`](dotvm_isa::abi::VmState)).
    ///
    /// # Safety
    /// `native` is code of that function, and stays so while the code may be entered.
    pub unsafe fn native(func: u32, native: &NativeCode, memory: &mut dyn CodeMemory) -> Code {
        stub(func, native, memory)
    }

    fn start(&self) -> *const u64 {
        self.words.as_ptr().cast_const().cast()
    }

    /// The first instruction: what the function's `CodeCell` is to hold.
    pub fn entry(&self) -> *const u64 {
        self.start().wrapping_add(PREFIX_WORDS)
    }

    /// The addresses of this code; no other code has them while it exists.
    pub fn range(&self) -> Range<usize> {
        let start = self.start().addr();
        start..start + self.len() * size_of::<u64>()
    }

    /// Index of the function in its module.
    pub fn func(&self) -> u32 {
        self.func
    }

    /// Slots of the function's parameters: where in its frame the header is.
    pub fn param_slots(&self) -> u32 {
        self.param_slots
    }

    /// How often the function was called since its counter last reached its limit.
    pub fn entry_count(&self) -> u32 {
        // SAFETY: the counter is a word of the code, which is valid as long as this is; handlers access
        // it as an atomic as well.
        unsafe { AtomicU32::from_ptr(self.start().cast_mut().cast()).load(Ordering::Relaxed) }
    }

    /// The outermost loop around the one with that header that went back so often, or more, since its
    /// counter last reached its limit.
    pub fn loop_around(&self, header: u32, often: u32) -> Option<u32> {
        let (_, last) = self.back_edges.iter().rfind(|&&(of, _)| of == header)?;
        let around = |&&(of, word): &&(u32, u32)| {
            of < header && word > *last && self.counter(word).load(Ordering::Relaxed) >= often
        };
        self.back_edges
            .iter()
            .filter(around)
            .map(|&(of, _)| of)
            .min()
    }

    /// Has a loop's counter reach its limit when the loop goes back next.
    pub fn expect_loop(&self, header: u32) {
        for &(_, word) in self.back_edges.iter().filter(|&&(of, _)| of == header) {
            self.counter(word).store(u32::MAX - 1, Ordering::Relaxed);
        }
    }

    fn counter(&self, word: u32) -> &AtomicU32 {
        let address = self.start().wrapping_add(word as usize).cast_mut();
        // SAFETY: as in `entry_count`; lowering noted which words are counters.
        unsafe { AtomicU32::from_ptr(address.cast()) }
    }

    /// What catches exceptions that are thrown at a word (see [`Code::word_index`]), in the order in which
    /// that is to be asked.
    pub fn catches(&self, word: usize) -> impl Iterator<Item = &Catch> {
        let regions = self.regions.iter();
        regions
            .flat_map(move |regions| regions.around(word))
            .flat_map(|region| &region.catches)
    }

    /// The instruction that a catch of this code leads to.
    pub fn landing(&self, catch: &Catch) -> *const u64 {
        self.start().wrapping_add(catch.word as usize)
    }

    /// Slots of the function's frame.
    pub fn frame_slots(&self) -> u32 {
        self.frame_slots
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
        (ip.addr() - self.start().addr()) / size_of::<u64>()
    }
}
