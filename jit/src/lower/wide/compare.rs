//! Comparisons, and what follows from them.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value};

use super::super::Lowerer;
use super::WideOp;

impl Lowerer<'_, '_> {
    /// Whether all bits of some limbs are zero.
    pub(super) fn all_zero(&mut self, limbs: &[Value]) -> Value {
        let bits = self.any_bits(limbs);
        self.b.ins().icmp_imm_s(IntCC::Equal, bits, 0)
    }

    /// A limb that is zero where all of some limbs are.
    pub(super) fn any_bits(&mut self, limbs: &[Value]) -> Value {
        let (&first, rest) = limbs.split_first().expect("a word has limbs");
        rest.iter()
            .fold(first, |bits, &limb| self.b.ins().bor(bits, limb))
    }

    fn equal(&mut self, a: &[Value], b: &[Value]) -> Value {
        let differences: Vec<Value> = a
            .iter()
            .zip(b)
            .map(|(&a, &b)| self.b.ins().bxor(a, b))
            .collect();
        self.all_zero(&differences)
    }

    /// Whether `a < b`: pair by pair, from the lowest one on, unless a higher one decides.
    pub(super) fn less(&mut self, a: &[Value], b: &[Value], signed: bool) -> Value {
        let last = a.len() / 2 - 1;
        let mut less = None;
        for (i, (a, b)) in a.chunks(2).zip(b.chunks(2)).enumerate() {
            let condition = match signed && i == last {
                true => IntCC::SignedLessThan,
                false => IntCC::UnsignedLessThan,
            };
            let a = self.b.ins().iconcat(a[0], a[1]);
            let b = self.b.ins().iconcat(b[0], b[1]);
            let here = self.b.ins().icmp(condition, a, b);
            less = Some(match less {
                None => here,
                Some(below) => {
                    let equal = self.b.ins().icmp(IntCC::Equal, a, b);
                    let below = self.b.ins().band(equal, below);
                    self.b.ins().bor(here, below)
                }
            });
        }
        less.expect("a word has limbs")
    }

    /// A comparison of two words.
    pub(super) fn compare(&mut self, op: WideOp) {
        use WideOp as W;
        let (_, a, b) = self.pop_two();
        let (result, negated) = match op {
            W::Eq => (self.equal(&a, &b), false),
            W::Ne => (self.equal(&a, &b), true),
            W::Lt => (self.less(&a, &b, true), false),
            W::LtU => (self.less(&a, &b, false), false),
            W::Gt => (self.less(&b, &a, true), false),
            W::GtU => (self.less(&b, &a, false), false),
            W::Le => (self.less(&b, &a, true), true),
            W::LeU => (self.less(&b, &a, false), true),
            W::Ge => (self.less(&a, &b, true), true),
            _ => (self.less(&a, &b, false), true),
        };
        let result = match negated {
            true => self.b.ins().bxor_imm_u(result, 1),
            false => result,
        };
        self.push_bool(result);
    }

    /// The lesser or the greater of two words.
    pub(super) fn extreme(&mut self, op: WideOp) {
        use WideOp as W;
        let (ty, a, b) = self.pop_two();
        let signed = matches!(op, W::Min | W::Max);
        let first = match op {
            W::Min | W::MinU => self.less(&a, &b, signed),
            _ => self.less(&b, &a, signed),
        };
        let limbs = self.choose(first, &a, &b);
        self.push_limbs(ty, &limbs);
    }

    /// One of two numbers.
    pub(super) fn choose(&mut self, condition: Value, a: &[Value], b: &[Value]) -> Vec<Value> {
        a.iter()
            .zip(b)
            .map(|(&a, &b)| self.b.ins().select(condition, a, b))
            .collect()
    }
}
