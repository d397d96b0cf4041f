//! Division by constants, and what signs add to that of 128 bits. Other divisions are computed by functions.

use cranelift_codegen::ir::{InstBuilder, Value, types};
use dotvm_isa::{Instr, TrapCode, ValType};

use super::super::functions::Divided;
use super::super::{Lowerer, trap_code};
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
        let smallest = divisor.ty.bits() - 1;
        let (ty, quotient, remainder) = match self.power_of_two(divisor.limbs()) {
            // By the smallest signed number.
            Some(shift) if signed && shift == smallest => return self.call_function(instr),
            Some(shift) => {
                let (ty, a, _) = self.pop_two();
                let (quotient, remainder) = match signed {
                    true => self.divide_signed(&a, shift),
                    false => {
                        let zero = self.b.ins().iconst(types::I64, 0);
                        (self.shifted_right(&a, shift, zero), self.masked(&a, shift))
                    }
                };
                (ty, quotient, remainder)
            }
            None if let Some(constant) = self.divisor(&divisor, signed) => {
                let (ty, a, b) = self.pop_two();
                let (quotient, remainder) = self.divide_by(&constant, signed, &a, &b);
                (ty, quotient, remainder)
            }
            None if divisor.ty == ValType::I128 => {
                let (ty, a, b) = self.pop_two();
                let (quotient, remainder) = self.divide_pairs(wanted, signed, &a, &b);
                (ty, quotient, remainder)
            }
            None => return self.call_function(instr),
        };
        if wanted != Wanted::Remainder {
            self.push_limbs(ty, &quotient);
        }
        if wanted != Wanted::Quotient {
            self.push_limbs(ty, &remainder);
        }
    }

    /// Of numbers of 128 bits; what is not wanted may be anything.
    fn divide_pairs(
        &mut self,
        wanted: Wanted,
        signed: bool,
        a: &[Value],
        b: &[Value],
    ) -> (Vec<Value>, Vec<Value>) {
        let divisor = self.any_bits(b);
        let by_zero = trap_code(TrapCode::IntegerDivideByZero);
        self.b.ins().trapz(divisor, by_zero);
        if !signed {
            return self.divide_magnitudes(wanted, a, b);
        }
        let (sign_a, sign_b) = (self.sign(a), self.sign(b));
        let (a, b) = (self.neg_by(a, sign_a), self.neg_by(b, sign_b));
        let (quotient, remainder) = self.divide_magnitudes(wanted, &a, &b);
        let sign = self.b.ins().bxor(sign_a, sign_b);
        if wanted != Wanted::Remainder {
            // Only the smallest number is as large as that, and only as a negative one.
            let positive = self.b.ins().band_not(quotient[1], sign);
            let overflow = self.is_negative(positive);
            let trap = trap_code(TrapCode::IntegerOverflow);
            self.b.ins().trapnz(overflow, trap);
        }
        let quotient = self.neg_by(&quotient, sign);
        (quotient, self.neg_by(&remainder, sign_a))
    }

    fn divide_magnitudes(
        &mut self,
        wanted: Wanted,
        a: &[Value],
        b: &[Value],
    ) -> (Vec<Value>, Vec<Value>) {
        if wanted == Wanted::Remainder {
            let remainder = self.call_division(Divided::Remainder, a, b);
            return (remainder.clone(), remainder);
        }
        let quotient = self.call_division(Divided::Quotient, a, b);
        let product = self.product(&quotient, b, b.len());
        let remainder = self.sub(a, &product);
        (quotient, remainder)
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
