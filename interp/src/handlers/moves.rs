//! Copies between slots, constants, globals, and of references that are not null.

use std::marker::PhantomData;

use dotvm_isa::TrapCode;

use super::{Get, Put, Value};
use crate::machine::{Exec, Flow, Regs};

/// `dst (byte 8) = A`, leaving accumulators alone.
pub(crate) struct Copy<T, A>(PhantomData<(T, A)>);

impl<T: Value, A: Get<T>> Exec for Copy<T, A> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has these operands.
        unsafe {
            *r.slot(r.field(8)) = A::get(r).to_slot();
            r.advance(2 + A::WORDS);
            Flow::Next
        }
    }
}

/// Copies the slots named at bytes 10 and 12 to the slot named at byte 8 and the next.
pub(crate) struct Copy2;

impl Exec for Copy2 {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has these operands. Both are read before the first write:
        // the second may be where the first goes.
        unsafe {
            let (a, b) = (*r.slot(r.field(10)), *r.slot(r.field(12)));
            let dst = r.slot(r.field(8));
            *dst = a;
            *dst.add(1) = b;
            r.advance(2);
            Flow::Next
        }
    }
}

/// Copies the slots named at bytes 10, 12 and 14 to the slot named at byte 8 and the next two.
pub(crate) struct Copy3;

impl Exec for Copy3 {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: as for `Copy2`.
        unsafe {
            let (a, b) = (*r.slot(r.field(10)), *r.slot(r.field(12)));
            let c = *r.slot(r.field(14));
            let dst = r.slot(r.field(8));
            *dst = a;
            *dst.add(1) = b;
            *dst.add(2) = c;
            r.advance(2);
            Flow::Next
        }
    }
}

/// Copies as many slots as byte 12 says from those at byte 10 to those at byte 8; they may overlap.
pub(crate) struct CopySpan;

impl Exec for CopySpan {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has these operands.
        unsafe {
            std::ptr::copy(r.slot(r.field(10)), r.slot(r.field(8)), r.field(12));
            r.advance(2);
            Flow::Next
        }
    }
}

/// `dst = global`, its number in the 32 bits at byte 12.
pub(crate) struct GlobalGet<T, D>(PhantomData<(T, D)>);

impl<T: Value, D: Put> Exec for GlobalGet<T, D> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: the verifier checked the number; the context lists every global of the module.
        unsafe {
            let global = *(*r.ctx).globals.add(r.wide_field() as usize);
            let value = T::from_slot(*global);
            D::put(r, value);
            r.advance(2);
            Flow::Next
        }
    }
}

/// `global = A`, its number in the 32 bits at byte 12.
pub(crate) struct GlobalSet<T, A>(PhantomData<(T, A)>);

impl<T: Value, A: Get<T>> Exec for GlobalSet<T, A> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: as for `GlobalGet`.
        unsafe {
            let global = *(*r.ctx).globals.add(r.wide_field() as usize);
            *global = A::get(r).to_slot();
            r.advance(2 + A::WORDS);
            Flow::Next
        }
    }
}

/// Copies a wide global's slots (count in word 2) to the slots at byte 8.
pub(crate) struct GlobalGetSpan;

impl Exec for GlobalGetSpan {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: as for `GlobalGet`; word 2 is the slots of the global's type.
        unsafe {
            let global = *(*r.ctx).globals.add(r.wide_field() as usize);
            std::ptr::copy_nonoverlapping(global, r.slot(r.field(8)), r.word(2) as usize);
            r.advance(3);
            Flow::Next
        }
    }
}

/// Copies the slots at byte 10 to a wide global's slots (count in word 2).
pub(crate) struct GlobalSetSpan;

impl Exec for GlobalSetSpan {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: as for `GlobalGetSpan`.
        unsafe {
            let global = *(*r.ctx).globals.add(r.wide_field() as usize);
            std::ptr::copy_nonoverlapping(r.slot(r.field(10)), global, r.word(2) as usize);
            r.advance(3);
            Flow::Next
        }
    }
}

/// `dst = A`, a reference that is not null.
pub(crate) struct NonNull<A, D>(PhantomData<(A, D)>);

impl<A: Get<u64>, D: Put> Exec for NonNull<A, D> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has these operands.
        unsafe {
            let reference = A::get(r);
            if reference == 0 {
                return Flow::trap(TrapCode::NullReference);
            }
            D::put(r, reference);
            r.advance(2);
            Flow::Next
        }
    }
}
