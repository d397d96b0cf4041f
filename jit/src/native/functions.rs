//! Pure instructions as functions, which native code calls for what it has no instructions for.

use std::arch::asm;
use std::mem::offset_of;
use std::num::NonZero;

use dotvm_isa::abi::{Functions, PureFunction};
use dotvm_isa::semantics::{Immediates, Operands, Pure, Results, wide};
use dotvm_isa::{Op, TrapCode};

/// Computes an instruction with that immediate.
///
/// # Safety
/// The instruction's operands are in consecutive slots from `slots` on, where there is room for its results
/// as well.
unsafe extern "sysv64" fn compute<O: Pure>(slots: *mut u64, immediate: u64) -> u32 {
    // Slot by slot: the compiler would read and write vectors, for which the processor has to wait where
    // their parts were just written, or are read next, one by one.
    let mut at = slots;
    let args = O::Args::from_slots(&mut || {
        // SAFETY: the caller's promise: this is called once for each slot.
        unsafe {
            let slot = at.read_volatile();
            at = at.add(1);
            slot
        }
    });
    match O::eval(args, O::Imm::from_instr(immediate, 0)) {
        Ok(results) => {
            let mut at = slots;
            results.to_slots(&mut |slot| {
                // SAFETY: as above.
                unsafe {
                    at.write_volatile(slot);
                    at = at.add(1);
                }
            });
            0
        }
        Err(trap) => trap as u32,
    }
}

macro_rules! table {
    (
        unary $unary:tt binary $binary:tt load $load:tt store $store:tt other $other:tt vector $vector:tt
        vector_load $vector_load:tt vector_store $vector_store:tt lane_load $lane_load:tt lane_store $lane_store:tt
        wide { $($w:ident $wk:ident $wu:ident $wm:literal $wc:literal $wi:tt $wcat:ident $wa:ident $wf:literal $ws:tt $wd:literal;)* }
        pair { $($p:ident $pk:ident $pu:ident $pm:literal $pc:literal $pi:tt $pcat:ident $pa:ident $pf:literal $ps:tt $pd:literal;)* }
        $($rest:tt)*
    ) => {
        /// The instructions of the groups `wide` and `pair`, in the order of the table.
        const OPS: &[Op] = &[$(Op::$w,)* $(Op::$p,)*];

        static FUNCTIONS: Functions<{ OPS.len() }> = Functions {
            quotient,
            remainder,
            rows: with_divisions([
                $(compute::<wide::$wk<wide::$wu>>,)*
                $(compute::<wide::$pk<wide::$pu>>,)*
            ]),
        };
    };
}
dotvm_isa::for_each_op!(table);

/// The functions, with unsigned divisions in place.
const fn with_divisions<const ROWS: usize>(mut rows: [PureFunction; ROWS]) -> [PureFunction; ROWS] {
    rows[row(Op::I256DivU)] = divide::<4, false>;
    rows[row(Op::I512DivU)] = divide::<8, false>;
    rows[row(Op::I256DivModU)] = divide::<4, false>;
    rows[row(Op::I512DivModU)] = divide::<8, false>;
    rows[row(Op::I256ModU)] = divide::<4, true>;
    rows[row(Op::I512ModU)] = divide::<8, true>;
    rows
}

/// Divides in the slots of the operands: the quotient replaces the first one, the remainder the second one,
/// and where it is the result the first one, too.
///
/// # Safety
/// There are so many slots for each of two numbers from `slots` on.
unsafe extern "sysv64" fn divide<const LIMBS: usize, const REMAINDER: bool>(
    slots: *mut u64,
    _: u64,
) -> u32 {
    // SAFETY: the caller's promise; they are next to each other, and nobody else's while this runs.
    let [a, b] = unsafe { &mut *slots.cast::<[[u64; LIMBS]; 2]>() };
    if b.iter().rev().all(|&limb| limb == 0) {
        return TrapCode::IntegerDivideByZero as u32;
    }
    wide::divide_limbs(a, b);
    if REMAINDER {
        for (to, from) in a.iter_mut().zip(b) {
            // SAFETY: these are references. One by one, as they were written: see `compute`.
            unsafe { std::ptr::write_volatile(to, std::ptr::read_volatile(from)) };
        }
    }
    0
}

extern "sysv64" fn quotient(a: u128, b: u128) -> u128 {
    match u64::try_from(b).map(NonZero::new) {
        Ok(divisor) => divisor.map_or(0, |divisor| divide_by_limb(a, divisor).0),
        Err(_) => a / b,
    }
}

extern "sysv64" fn remainder(a: u128, b: u128) -> u128 {
    match u64::try_from(b).map(NonZero::new) {
        Ok(divisor) => divisor.map_or(0, |divisor| divide_by_limb(a, divisor).1.into()),
        Err(_) => a % b,
    }
}

/// Quotient and remainder, by the processor's own division of 128 bits, which the compiler does not make of
/// that of `u128`: it calls a function.
#[inline(always)]
fn divide_by_limb(a: u128, divisor: NonZero<u64>) -> (u128, u64) {
    let (high, low) = ((a >> 64) as u64, a as u64);
    // Mostly the quotient has one limb.
    let (above, rest) = match high < divisor.get() {
        true => (0, high),
        false => (high / divisor, high % divisor),
    };
    let (quotient, remainder): (u64, u64);
    // SAFETY: the divisor is not zero, and greater than the upper half of what is divided, so that the quotient
    // fits: the instruction does not trap. It changes flags and these registers only.
    unsafe {
        asm!(
            "div {}",
            in(reg) divisor.get(),
            inlateout("rax") low => quotient,
            inlateout("rdx") rest => remainder,
            options(pure, nomem, nostack)
        );
    }
    (u128::from(above) << 64 | u128::from(quotient), remainder)
}

/// The functions.
pub fn functions() -> *const Functions<0> {
    (&raw const FUNCTIONS).cast()
}

/// Where among the functions that of an instruction is, which is one of the groups `wide` and `pair`, in
/// bytes.
pub(crate) fn offset(op: Op) -> usize {
    offset_of!(Functions<0>, rows) + row(op) * size_of::<PureFunction>()
}

/// The number of an instruction's function: rows that are neighbours in the table of instructions are so here.
const fn row(op: Op) -> usize {
    op as usize - OPS[0] as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_where_they_are_looked_for() {
        let rows = offset_of!(Functions<{ OPS.len() }>, rows);
        for (i, &op) in OPS.iter().enumerate() {
            assert_eq!(offset(op), rows + i * size_of::<PureFunction>());
        }
        assert_eq!(OPS.len(), FUNCTIONS.rows.len());
    }
}
