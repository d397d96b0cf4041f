//! Pure instructions, and selection between values.

use std::marker::PhantomData;

use dotvm_isa::semantics::{Binary, Unary};

use super::{Get, Put, Value};
use crate::machine::{Exec, Flow, Regs};

/// `dst = O(a)`.
pub(crate) struct Un<O, A, D>(PhantomData<(O, A, D)>);

impl<O: Unary, A: Get<O::In>, D: Put> Exec for Un<O, A, D>
where
    O::Out: Value,
{
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has the operands that its kind names.
        unsafe {
            match O::eval(A::get(r)) {
                Ok(value) => {
                    D::put(r, value);
                    r.advance(2 + A::WORDS);
                    Flow::Next
                }
                Err(trap) => Flow::trap(trap),
            }
        }
    }
}

/// `dst = O(a, b)`.
pub(crate) struct Bin<O, A, B, D>(PhantomData<(O, A, B, D)>);

impl<O: Binary, A: Get<O::In>, B: Get<O::In>, D: Put> Exec for Bin<O, A, B, D>
where
    O::Out: Value,
{
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has the operands that its kind names.
        unsafe {
            match O::eval(A::get(r), B::get(r)) {
                Ok(value) => {
                    D::put(r, value);
                    r.advance(2 + A::WORDS + B::WORDS);
                    Flow::Next
                }
                Err(trap) => Flow::trap(trap),
            }
        }
    }
}

/// `dst = if cond != 0 { a } else { b }`: the condition from `C`, the values' slots at bytes 12
/// and 14.
pub(crate) struct Select<T, C, D>(PhantomData<(T, C, D)>);

impl<T: Value, C: Get<u32>, D: Put> Exec for Select<T, C, D> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has these operands.
        unsafe {
            let (a, b) = (*r.slot(r.field(12)), *r.slot(r.field(14)));
            let value = if C::get(r) != 0 { a } else { b };
            D::put(r, T::from_slot(value));
            r.advance(2 + C::WORDS);
            Flow::Next
        }
    }
}
