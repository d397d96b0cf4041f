//! Division by powers of two. Other divisions are computed by functions.

use cranelift_codegen::ir::{InstBuilder, Value, types};
use dotvm_isa::Instr;

use super::super::Lowerer;
use super::{PairOp, WideOp};

/// What is wanted of a division.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wanted {
    Quotient,
    Remainder,
    Both,
}

impl Lowerer<'_, '_> {
    /// A division with one result.
    pub(super) fn divide(&mut self, op: WideOp, instr: &Instr) {
        use WideOp as W;
        let wanted = match op {
            W::Div | W::DivU => Wanted::Quotient,
            _ => Wanted::Remainder,
        };
        self.divide_for(wanted, matches!(op, W::Div | W::Mod), instr);
    }

    /// A division with both results.
    pub(super) fn divide_both(&mut self, op: PairOp, instr: &Instr) {
        self.divide_for(Wanted::Both, op == PairOp::DivMod, instr);
    }

    fn divide_for(&mut self, wanted: Wanted, signed: bool, instr: &Instr) {
        let divisor = *self.stack.last().expect("verified");
        let Some(shift) = self.power_of_two(divisor.limbs()) else {
            return self.call_function(instr);
        };
        if signed && shift + 1 >= divisor.ty.bits() {
            // It is the smallest number.
            return self.call_function(instr);
        }
        let (ty, a, _) = self.pop_two();
        let (quotient, remainder) = match signed {
            true => self.divide_signed(&a, shift),
            false => {
                let zero = self.b.ins().iconst(types::I64, 0);
                (self.shifted_right(&a, shift, zero), self.masked(&a, shift))
            }
        };
        if wanted != Wanted::Remainder {
            self.push_limbs(ty, &quotient);
        }
        if wanted != Wanted::Quotient {
            self.push_limbs(ty, &remainder);
        }
    }

    /// Rounded towards zero: negative numbers are brought up before they are rounded down.
    fn divide_signed(&mut self, a: &[Value], shift: u32) -> (Vec<Value>, Vec<Value>) {
        let sign = self.sign(a);
        let bias = self.masked(&vec![sign; a.len()], shift);
        let biased = self.add(a, &bias);
        let sign = self.sign(&biased);
        let quotient = self.shifted_right(&biased, shift, sign);
        let rounded = self.shifted_left(&quotient, shift);
        (quotient, self.sub(a, &rounded))
    }

    /// The low bits of a number.
    fn masked(&mut self, a: &[Value], bits: u32) -> Vec<Value> {
        let bits = bits as usize;
        (0..a.len())
            .map(|i| match bits.saturating_sub(64 * i) {
                0 => self.b.ins().iconst(types::I64, 0),
                kept @ 1..64 => self
                    .b
                    .ins()
                    .band_imm_u(a[i], ((1u64 << kept) - 1).cast_signed()),
                _ => a[i],
            })
            .collect()
    }
}
