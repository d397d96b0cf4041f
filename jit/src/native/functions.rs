//! Pure instructions as functions, which native code calls for what it has no instructions for.

use dotvm_isa::Op;
use std::mem::offset_of;

use dotvm_isa::abi::{Functions, PureFunction};
use dotvm_isa::semantics::{Immediates, Operands, Pure, Results, wide};

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
            rows: [
                $(compute::<wide::$wk<wide::$wu>>,)*
                $(compute::<wide::$pk<wide::$pu>>,)*
            ],
        };
    };
}
dotvm_isa::for_each_op!(table);

extern "sysv64" fn quotient(a: u128, b: u128) -> u128 {
    a.checked_div(b).unwrap_or(0)
}

extern "sysv64" fn remainder(a: u128, b: u128) -> u128 {
    a.checked_rem(b).unwrap_or(0)
}

/// The functions.
pub fn functions() -> *const Functions<0> {
    (&raw const FUNCTIONS).cast()
}

/// Where among the functions that of an instruction is, which is one of the groups `wide` and `pair`, in
/// bytes.
pub(crate) fn offset(op: Op) -> usize {
    // Rows that are neighbours in the table of instructions are so here.
    let row = op as usize - OPS[0] as usize;
    offset_of!(Functions<0>, rows) + row * size_of::<PureFunction>()
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
