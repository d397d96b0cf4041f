//! Products, column by column: all products of limbs that belong to a column are added up before the next one.

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
        let mut limbs = Vec::with_capacity(columns);
        // What the columns before add to this one: a limb, and the number of times they had too much for two.
        let (mut carry, mut excess) = (None, None);
        for column in 0..columns {
            let pairs: Vec<(Value, Value)> = (0..=column)
                .filter_map(|i| Some((*a.get(i)?, *b.get(column - i)?)))
                .filter(|&(a, b)| self.constant(a) != Some(0) && self.constant(b) != Some(0))
                .collect();
            if column + 1 == columns {
                // Of the highest limb's products only the lower halves count, and what is above not at all.
                let sum = pairs.iter().fold(carry, |sum, &(a, b)| {
                    let product = self.b.ins().imul(a, b);
                    Some(self.added(sum, product))
                });
                limbs.push(self.or_zero(sum));
                break;
            }
            let tracked = column + 2 < columns;
            let mut sum = self.column_start(carry, excess);
            let (mut overflows, certain) = (None, excess.is_none());
            for (i, &(a, b)) in pairs.iter().enumerate() {
                let product = self.wide_product(a, b);
                let Some(before) = sum else {
                    sum = Some(product);
                    continue;
                };
                // One product and one limb always fit.
                if !tracked || certain && i == 0 {
                    sum = Some(self.b.ins().iadd(before, product));
                    continue;
                }
                let (after, overflow) = self.b.ins().uadd_overflow(before, product);
                let overflow = self.b.ins().uextend(types::I64, overflow);
                overflows = Some(self.added(overflows, overflow));
                sum = Some(after);
            }
            excess = overflows;
            let Some(sum) = sum else {
                limbs.push(self.or_zero(None));
                carry = None;
                continue;
            };
            let (low, high) = self.b.ins().isplit(sum);
            limbs.push(low);
            carry = Some(high);
        }
        limbs
    }

    /// What a column starts with.
    fn column_start(&mut self, carry: Option<Value>, excess: Option<Value>) -> Option<Value> {
        if carry.is_none() && excess.is_none() {
            return None;
        }
        let low = self.or_zero(carry);
        Some(match excess {
            Some(high) => self.b.ins().iconcat(low, high),
            None => self.b.ins().uextend(types::I128, low),
        })
    }

    fn added(&mut self, sum: Option<Value>, limb: Value) -> Value {
        match sum {
            Some(sum) => self.b.ins().iadd(sum, limb),
            None => limb,
        }
    }

    fn or_zero(&mut self, limb: Option<Value>) -> Value {
        limb.unwrap_or_else(|| self.b.ins().iconst(types::I64, 0))
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
        } else if let [a0, a1] = a[..] {
            let a = self.b.ins().iconcat(a0, a1);
            let b = self.b.ins().iconcat(b[0], b[1]);
            let product = self.b.ins().imul(a, b);
            let (low, high) = self.b.ins().isplit(product);
            vec![low, high]
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
