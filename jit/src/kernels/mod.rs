//! Kernels: innermost loops with vectors of 256 bits and more, as AVX2 code, and with wide integers.
//!
//! Cranelift's vectors have 128 bits, so that a wider one is several of them there, and its carries go from
//! one limb to the next, but no further. A loop that spends its time on wide vectors or integers is worth code
//! of its own: where all of it is of a kind known here, the lowering of its function calls a *kernel* in its
//! place, made by a small generator around an assembler. Whatever is not known, and processors without AVX2
//! (for integers, ADX), are left to Cranelift; results are the same.
//!
//! A pipeline makes it:
//!
//! 1. [`region`] cuts the loop out: basic blocks, ways out.
//! 2. [`registers`] are given to its locals, each of which keeps its own.
//! 3. [`generator`] follows the operand stack through the blocks. Each instruction has a rule: [`vector`] with
//!    [`memory`], [`moves`], [`shapes`], [`composed`] and [`lanes`], in terms of [`forms`], or [`scalar`]; [`parts`] says
//!    which rule for 128 bits makes a wide one.
//! 4. For loops that are [`counted`], [`groups`] has the blocks generated again, several iterations in one.
//!
//! A kernel gets the instance and the address of slots with the locals that the loop uses. When control
//! leaves the loop, what it has written is put back into the slots, and the number of the way out is
//! returned. It makes no frame: its instructions belong to the frame of the unit that calls it, whose tables
//! list them, so that traps, backtraces and stops are as anywhere.
//!
//! Vectors of 512 bits are two of 256. Wide integers are limbs in registers and slots: see [`words`].

#![allow(
    clippy::useless_conversion,
    reason = "the assembler's macro converts the numbers of registers"
)]

mod composed;
mod counted;
mod forms;
mod generator;
mod groups;
mod lanes;
mod memory;
mod moves;
mod parts;
mod region;
mod registers;
mod scalar;
mod shapes;
#[cfg(test)]
mod tests;
mod vector;
mod words;

use std::ops::Range;

use dotvm_isa::bits::Bits;
use dotvm_isa::{Instr, TrapCode, ValType};

use crate::analysis::Analysis;

pub(crate) use region::Region;

/// A loop in machine code.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// The code; it may be placed at any multiple of [`ALIGNMENT`].
    pub(crate) code: Vec<u8>,
    /// Offsets of instructions that trap, ascending, and what it means.
    pub(crate) traps: Vec<(u32, TrapCode)>,
    /// Of these, those that belong to another instruction of the program, by its offset in the body.
    pub(crate) faults: Vec<(u32, u32)>,
    /// Where the code of each instruction of the program begins, by its offset in the body; ascending.
    pub(crate) starts: Vec<(u32, u32)>,
    /// Bytes of the slots that it gets.
    pub(crate) slot_bytes: u32,
    /// The locals that it gets, and whether it writes them.
    pub(crate) locals: Vec<KernelLocal>,
    /// Offsets in the body where it goes on, by the numbers of the ways out.
    pub(crate) exits: Vec<Exit>,
}

/// A local that a kernel uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct KernelLocal {
    pub(crate) index: u32,
    /// Offset of its first slot, in bytes.
    pub(crate) at: u32,
    pub(crate) written: bool,
}

/// A way out of a loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Exit {
    /// Offset of the instruction that leads there.
    pub(crate) from: u32,
    /// Offset of the instruction where it goes on.
    pub(crate) to: u32,
}

/// Code is aligned so, as are constants in it.
pub(crate) const ALIGNMENT: usize = 32;

/// Which accesses of linear memory need no check: those of memory 0 with an offset in this range.
#[derive(Clone, Debug)]
pub(crate) struct Unchecked(pub(crate) Range<u64>);

/// What making a kernel of a loop takes to know of its function and the processor.
pub(crate) struct Source<'a> {
    /// The wide constant that an instruction pushes.
    pub(crate) constants: &'a dyn Fn(&Instr) -> Bits,
    pub(crate) unchecked: &'a Unchecked,
    /// Whether the processor adds with two carries at once.
    pub(crate) two_carries: bool,
    /// Whether it is quick at shifting bits from one register into another.
    pub(crate) double_shifts: bool,
}

impl Kernel {
    /// The loop with that header as a kernel, where it is of a kind that can be one.
    pub(crate) fn of(analysis: &Analysis, header: u32, source: &Source<'_>) -> Option<Kernel> {
        let region = Region::find(analysis, header)?;
        let wide = |ty: &ValType| matches!(ty, ValType::V256 | ValType::V512);
        let pays = |instr: &Instr| {
            is_wide(instr, &wide) || source.two_carries && words::is_on_words(instr.op)
        };
        let pays = region.instrs(analysis).any(pays);
        pays.then(|| generator::generate(analysis, &region, source))?
    }
}

fn is_wide(instr: &Instr, wide: &dyn Fn(&ValType) -> bool) -> bool {
    match instr.op.info().sig {
        dotvm_isa::ops::Sig::Fixed(params, results) => params.iter().chain(results).any(wide),
        _ => false,
    }
}
