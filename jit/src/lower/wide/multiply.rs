//! Products, row by row: a limb of the first operand times all of the other is added to the rows before. A
//! product of limbs, what was there and the limb carried from the right fit two limbs together.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use dotvm_isa::{Instr, ValType};

use super::super::Lowerer;
use super::PairOp;
use super::arithmetic::Sum;

/// From so many limbs on, a whole product is left to its function: the call hardly counts there.
const MANY_LIMBS: usize = 8;

impl Lowerer<'_, '_> {
    /// The low `columns` limbs of an unsigned product.
    pub(super) fn product(&mut self, a: &[Value], b: &[Value], columns: usize) -> Vec<Value> {
        let mut limbs: Vec<Option<Value>> = vec![None; columns];
        for (i, &a) in a.iter().enumerate() {
            if self.constant(a) == Some(0) {
                continue;
            }
            let mut carry = None;
            for (&b, limb) in b.iter().zip(&mut limbs[i..columns - 1]) {
                let before = limb.take();
                let sum = match self.constant(b) {
                    Some(0) => None,
                    _ => Some(self.wide_product(a, b)),
                };
                let sum = self.with_limb(sum, before);
                let sum = self.with_limb(sum, carry.take());
                if let Some(sum) = sum {
                    let (low, high) = self.b.ins().isplit(sum);
                    (*limb, carry) = (Some(low), Some(high));
                }
            }
            let Some(left) = limbs.get_mut(i + b.len()) else {
                // Of what goes to the highest limb only the lower half counts.
                let top = &mut limbs[columns - 1];
                let product = self.b.ins().imul(a, b[columns - 1 - i]);
                let sum = top.map_or(product, |top| self.b.ins().iadd(top, product));
                *top = Some(carry.map_or(sum, |carry| self.b.ins().iadd(sum, carry)));
                continue;
            };
            *left = carry;
        }
        let zero = self.b.ins().iconst(types::I64, 0);
        limbs.into_iter().map(|limb| limb.unwrap_or(zero)).collect()
    }

    /// Adds a limb to what fits two of them with it.
    fn with_limb(&mut self, sum: Option<Value>, limb: Option<Value>) -> Option<Value> {
        let Some(limb) = limb else {
            return sum;
        };
        let limb = self.b.ins().uextend(types::I128, limb);
        Some(sum.map_or(limb, |sum| self.b.ins().iadd(sum, limb)))
    }

    fn wide_product(&mut self, a: Value, b: Value) -> Value {
        let a = self.b.ins().uextend(types::I128, a);
        let b = self.b.ins().uextend(types::I128, b);
        self.b.ins().imul(a, b)
    }

    /// `mul`: by a power of two it is a shift.
    pub(super) fn multiply(&mut self) {
        let (ty, a, b) = self.pop_two();
        let limbs = if let Some(shift) = self.power_of_two(&b) {
            self.shifted_left(&a, shift)
        } else if let Some(shift) = self.power_of_two(&a) {
            self.shifted_left(&b, shift)
        } else {
            self.product(&a, &b, a.len())
        };
        self.push_limbs(ty, &limbs);
    }

    /// The products of twice the width.
    pub(super) fn multiply_wide(&mut self, op: PairOp, instr: &Instr) {
        use PairOp as P;
        let operand = self.stack.last().expect("verified");
        if operand.limbs().len() >= MANY_LIMBS {
            return self.call_function(instr);
        }
        let (ty, a, b) = self.pop_two();
        let mut product = self.product(&a, &b, 2 * a.len());
        let mut high = product.split_off(a.len());
        if matches!(op, P::MulWide | P::MulOverflow) {
            // Each operand is there once too often where the other is negative.
            for (a, b) in [(&a, &b), (&b, &a)] {
                let sign = self.sign(a);
                let excess: Vec<Value> = b
                    .iter()
                    .map(|&limb| self.b.ins().band(limb, sign))
                    .collect();
                high = self.sum(Sum::Sub, &high, &excess, None, false).0;
            }
        }
        self.push_limbs(ty, &product);
        match op {
            P::MulWide | P::MulWideU => self.push_limbs(ty, &high),
            P::MulOverflowU => self.push_any(&high),
            _ => {
                let sign = self.sign(&product);
                let differences: Vec<Value> = high
                    .iter()
                    .map(|&limb| self.b.ins().bxor(limb, sign))
                    .collect();
                self.push_any(&differences);
            }
        }
    }

    /// Pushes whether any bit of some limbs is set.
    fn push_any(&mut self, limbs: &[Value]) {
        let bits = self.any_bits(limbs);
        let any = self.b.ins().icmp_imm_s(IntCC::NotEqual, bits, 0);
        self.push_bool(any);
    }

    /// `i64.mul_wide` and `i64.mul_wide_u`.
    pub(super) fn product128(&mut self, op: PairOp) {
        let operands = [self.pop_one(), self.pop_one()];
        let [b, a] = operands.map(|value| match op {
            PairOp::MulWide => self.b.ins().sextend(types::I128, value),
            _ => self.b.ins().uextend(types::I128, value),
        });
        let value = self.b.ins().imul(a, b);
        self.push_halves(value);
    }

    /// Pushes both halves of a number of 128 bits.
    pub(super) fn push_halves(&mut self, value: Value) {
        let (low, high) = self.b.ins().isplit(value);
        self.push(ValType::I64, low);
        self.push(ValType::I64, high);
    }
}
