//! Jumps, safepoints, fuel, traps.
//!
//! Displacements are 32 bits at byte 12, in bytes from the instruction's first word. A jump that
//! goes back to a loop header has one more word at its end: its counter (lower half) and the offset
//! of the loop in the bytecode.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, Ordering};

use dotvm_isa::TrapCode;
use dotvm_isa::semantics::Binary;

use super::Get;
use crate::machine::{Exec, Flow, Regs, handler};

/// Which way a jump goes.
pub(crate) trait Direction {
    /// Words of the counter.
    const WORDS: usize;
    /// Jumps; `counter` is the index of the counter's word.
    ///
    /// # Safety
    /// `r.ip` is at a jump of this direction.
    unsafe fn jump(r: &mut Regs, counter: usize) -> Flow;
}

/// To code not executed yet.
pub(crate) struct Forward;
/// To a loop header.
pub(crate) struct Backward;

impl Direction for Forward {
    const WORDS: usize = 0;
    #[inline(always)]
    unsafe fn jump(r: &mut Regs, _: usize) -> Flow {
        // SAFETY: lowering set the displacement to that of an instruction.
        unsafe {
            r.ip = r.ip.byte_offset(r.wide_field() as i32 as isize);
        }
        Flow::Next
    }
}

impl Direction for Backward {
    const WORDS: usize = 1;
    #[inline(always)]
    unsafe fn jump(r: &mut Regs, counter: usize) -> Flow {
        // SAFETY: as above, and the instruction has a counter there.
        unsafe {
            let counter = r.ip.add(counter);
            r.ip = r.ip.byte_offset(r.wide_field() as i32 as isize);
            count(r, counter)
        }
    }
}

/// Counts an entry or a back-edge; goes on through a safepoint when it is due.
///
/// # Safety
/// `counter` is a counter's word; accumulators hold nothing.
#[inline(always)]
pub(crate) unsafe fn count(r: &mut Regs, counter: *const u64) -> Flow {
    // SAFETY: the caller's promise; counters are only ever accessed as atomics, since instances
    // on several threads may share code.
    unsafe {
        let cell = AtomicU32::from_ptr(counter.cast_mut().cast::<u32>());
        let count = cell.load(Ordering::Relaxed).wrapping_add(1);
        cell.store(count, Ordering::Relaxed);
        if count >= (*(*r.ctx).signals).hot_limit.load(Ordering::Relaxed) {
            r.acc = counter.expose_provenance() as u64;
            return Flow::Slow(handler::<Safepoint>());
        }
    }
    Flow::Next
}

/// Asks the runtime what is to be done; the counter's address is in the accumulator.
struct Safepoint;

impl Exec for Safepoint {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: `count` put the counter's address into the accumulator.
        unsafe {
            let state = (*r.ctx).state;
            (*state).last_ip = r.ip;
            (*state).last_fp = r.fp;
            let status = ((*(*r.ctx).libcalls).safepoint)(r.ctx, r.fp, r.acc);
            r.reload_memory();
            if status != 0 {
                return Flow::Exit(status);
            }
            if !(*state).resume.is_null() {
                r.ip = std::mem::replace(&mut (*state).resume, std::ptr::null());
            }
        }
        Flow::Next
    }
}

/// Jumps always.
pub(crate) struct Jump<D>(PhantomData<D>);

impl<D: Direction> Exec for Jump<D> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this is a jump of that direction.
        unsafe { D::jump(r, 2) }
    }
}

/// Jumps when the value is zero (`WHEN` false) or not zero (`WHEN` true).
pub(crate) struct JumpIf<A, const WHEN: bool, D>(PhantomData<(A, D)>);

impl<A: Get<u32>, const WHEN: bool, D: Direction> Exec for JumpIf<A, WHEN, D> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this is a jump of that direction with that operand.
        unsafe {
            if (A::get(r) != 0) == WHEN {
                return D::jump(r, 2 + A::WORDS);
            }
            r.advance(2 + A::WORDS + D::WORDS);
        }
        Flow::Next
    }
}

/// Compares, and jumps when the comparison is `WHEN`.
pub(crate) struct JumpCmp<O, A, B, const WHEN: bool, D>(PhantomData<(O, A, B, D)>);

impl<O, A, B, const WHEN: bool, D> Exec for JumpCmp<O, A, B, WHEN, D>
where
    O: Binary,
    O::Out: Into<u64>,
    A: Get<O::In>,
    B: Get<O::In>,
    D: Direction,
{
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: as for `JumpIf`.
        unsafe {
            match O::eval(A::get(r), B::get(r)) {
                Ok(value) if (value.into() != 0) == WHEN => D::jump(r, 2 + A::WORDS + B::WORDS),
                Ok(_) => {
                    r.advance(2 + A::WORDS + B::WORDS + D::WORDS);
                    Flow::Next
                }
                Err(trap) => Flow::trap(trap),
            }
        }
    }
}

/// Jumps by a table: the number of targets in the 32 bits at byte 12, then a word for each, its
/// displacement.
pub(crate) struct JumpTable<A>(PhantomData<A>);

impl<A: Get<u32>> Exec for JumpTable<A> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: the index is limited to the table's last word.
        unsafe {
            let index = A::get(r).min(r.wide_field() - 1);
            r.ip = r.ip.byte_offset(r.word(2 + index as usize) as i64 as isize);
        }
        Flow::Next
    }
}

/// Charges the fuel in word 1.
pub(crate) struct Fuel;

impl Exec for Fuel {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: the state belongs to this thread of execution.
        unsafe {
            let state = (*r.ctx).state;
            let cost = r.word(1);
            match (*state).fuel.checked_sub(cost) {
                Some(left) => (*state).fuel = left,
                None => return Flow::trap(TrapCode::OutOfFuel),
            }
            r.advance(2);
        }
        Flow::Next
    }
}

/// Counts a block that was paid for, in the counter with the number in word 1.
pub(crate) struct Count;

impl Exec for Count {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: code that counts runs in instances with a counter for each byte of the code section, and the
        // number is that of one.
        unsafe {
            let counter = (*r.ctx).counts.add(r.word(1) as usize);
            *counter += 1;
            r.advance(2);
        }
        Flow::Next
    }
}

/// Says which instruction the next one calls the runtime for, by the number of its counter in word 1.
pub(crate) struct Mark;

impl Exec for Mark {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: as for `Count`; the state belongs to this thread of execution.
        unsafe {
            (*(*r.ctx).state).mark = (*r.ctx).counts.add(r.word(1) as usize);
            r.advance(2);
        }
        Flow::Next
    }
}

/// Ends the run with the status in the 32 bits at byte 12.
pub(crate) struct Stop;

impl Exec for Stop {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has that operand.
        Flow::Exit(unsafe { r.wide_field() })
    }
}
