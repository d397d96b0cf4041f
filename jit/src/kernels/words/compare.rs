//! Comparisons, and what is chosen by them.

use dotvm_isa::Op;
use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};

use super::arithmetic::Alu;
use super::{LOAD_COST, Limb, Operand, with_limb};
use crate::kernels::generator::{Entry, Generator};
use crate::kernels::registers::{Class, Reg, SLOTS};
use crate::kernels::scalar::Condition;
use crate::lower::WideOp;

impl Generator<'_> {
    pub(super) fn equals_zero(&mut self) -> Option<()> {
        let a = self.pop_word()?;
        let t = self.scratch()?;
        let (&first, others) = a.word.limbs().split_first()?;
        self.load_limb(t, first);
        for &limb in others {
            self.alu(Alu::Or, t, limb);
        }
        self.give_int(t);
        self.give_word(a);
        self.by_flags_or_choice(Condition::Equal)
    }

    pub(super) fn equal(&mut self, op: WideOp) -> Option<()> {
        let (a, b) = self.pop_words()?;
        let all = self.scratch()?;
        let one = self.scratch()?;
        for (i, (&a, &b)) in a.word.limbs().iter().zip(b.word.limbs()).enumerate() {
            let differs = if i == 0 { all } else { one };
            let (a, b) = match a {
                Limb::Const(_) => (b, a),
                _ => (a, b),
            };
            match b {
                Limb::Const(0) if i > 0 => {
                    self.alu(Alu::Or, all, a);
                    continue;
                }
                Limb::Const(0) => self.load_limb(differs, a),
                _ => {
                    self.load_limb(differs, a);
                    self.alu(Alu::Xor, differs, b);
                }
            }
            if i > 0 {
                self.alu(Alu::Or, all, Limb::Reg(one));
            }
        }
        self.give_int(all);
        self.give_int(one);
        self.give_word(a);
        self.give_word(b);
        self.by_flags_or_choice(match op {
            WideOp::Eq => Condition::Equal,
            _ => Condition::NotEqual,
        })
    }

    /// Which one is less.
    pub(super) fn order(&mut self, op: WideOp) -> Option<()> {
        use WideOp as W;
        let (mut a, mut b) = self.pop_words()?;
        // The flags of a difference say whether it is negative, but not whether it is zero.
        if matches!(op, W::Gt | W::GtU | W::Le | W::LeU) {
            (a, b) = (b, a);
        }
        let may_change = a.own && a.word.is_writable();
        self.subtract_for_flags(&a, &b, may_change)?;
        self.give_word(a);
        self.give_word(b);
        self.by_flags_or_choice(match op {
            W::Lt | W::Gt => Condition::Less,
            W::LtU | W::GtU => Condition::Below,
            W::Le | W::Ge => Condition::GreaterOrEqual,
            _ => Condition::AboveOrEqual,
        })
    }

    /// The flags of `a - b`: those for less and not, with sign and without.
    fn subtract_for_flags(&mut self, a: &Operand, b: &Operand, may_change: bool) -> Option<()> {
        let t = self.scratch()?;
        let mut op = Alu::Cmp;
        for (&a, &b) in a.word.limbs().iter().zip(b.word.limbs()) {
            match a {
                Limb::Reg(reg) if may_change || op == Alu::Cmp => self.alu(op, reg, b),
                _ => {
                    self.load_limb(t, a);
                    self.alu(op, t, b);
                }
            }
            op = Alu::Sbb;
        }
        self.give_int(t);
        Some(())
    }

    /// The lesser or greater one.
    pub(super) fn extreme(&mut self, op: WideOp) -> Option<()> {
        use WideOp as W;
        let (a, b) = self.pop_words()?;
        self.subtract_for_flags(&a, &b, false)?;
        let less = match op {
            W::Min | W::Max => Condition::Less,
            _ => Condition::Below,
        };
        match op {
            W::Min | W::MinU => self.choose(less, a, b),
            _ => self.choose(less, b, a),
        }
    }

    /// A condition that flags have: what comes next may choose between words by it.
    fn by_flags_or_choice(&mut self, condition: Condition) -> Option<()> {
        if self.next.is_some_and(|next| next.op == Op::Select) && self.has_words_on_top() {
            self.took_next = true;
            let (a, b) = self.pop_words()?;
            return self.choose(condition, a, b);
        }
        self.by_flags(condition)
    }

    /// `select`.
    pub(in crate::kernels) fn select(&mut self) -> Option<()> {
        let (condition, reg) = self.pop_int()?;
        if self.has_words_on_top() {
            dynasm!(self.ops ; .arch x64 ; test Rd(reg), Rd(reg));
            self.release(condition);
            let (a, b) = self.pop_words()?;
            return self.choose(Condition::NotEqual, a, b);
        }
        let (second, b) = self.pop_int()?;
        let (first, a) = self.pop_int()?;
        dynasm!(self.ops ; .arch x64 ; test Rd(reg), Rd(reg));
        for entry in [condition, first, second] {
            self.release(entry);
        }
        let dest = self.dest(Class::Int)?;
        let Reg::Int(d) = dest.reg else { return None };
        if d == a {
            self.move_if(Condition::Equal, d, Limb::Reg(b));
        } else {
            self.copy(Reg::Int(d), Reg::Int(b));
            self.move_if(Condition::NotEqual, d, Limb::Reg(a));
        }
        self.done(dest);
        Some(())
    }

    /// The first one where the condition holds, else the second.
    fn choose(&mut self, condition: Condition, mut a: Operand, mut b: Operand) -> Option<()> {
        let target = self.target(a.word.limbs().len(), &mut [&mut a, &mut b]);
        for (i, &d) in target.word.limbs().iter().enumerate() {
            let (a, b) = (a.word.limbs()[i], b.word.limbs()[i]);
            match d {
                Limb::Reg(reg) if d == a => self.move_if(condition.not(), reg, b),
                Limb::Reg(reg) => {
                    self.load_limb(reg, b);
                    self.move_if(condition, reg, a);
                }
                _ => {
                    let t = self.scratch()?;
                    self.load_limb(t, b);
                    self.move_if(condition, t, a);
                    self.store_limb(d, t);
                    self.give_int(t);
                }
            }
        }
        self.give_word(a);
        self.give_word(b);
        self.finish(target);
        Some(())
    }

    fn move_if(&mut self, condition: Condition, d: u8, s: Limb) {
        use Condition as C;
        match condition {
            C::Equal => with_limb!(self, s, cmove d),
            C::NotEqual => with_limb!(self, s, cmovne d),
            C::Less => with_limb!(self, s, cmovl d),
            C::Below => with_limb!(self, s, cmovb d),
            C::Greater => with_limb!(self, s, cmovg d),
            C::Above => with_limb!(self, s, cmova d),
            C::LessOrEqual => with_limb!(self, s, cmovle d),
            C::BelowOrEqual => with_limb!(self, s, cmovbe d),
            C::GreaterOrEqual => with_limb!(self, s, cmovge d),
            C::AboveOrEqual => with_limb!(self, s, cmovae d),
            C::Overflow => with_limb!(self, s, cmovo d),
            C::NoOverflow => with_limb!(self, s, cmovno d),
        }
    }

    /// Leading or trailing zero bits, or one bits.
    pub(super) fn count_bits(&mut self, op: WideOp) -> Option<()> {
        let a = self.pop_word()?;
        let mut limbs = a.word.limbs().to_vec();
        // From the limb on that counts last.
        if op == WideOp::Ctz {
            limbs.reverse();
        }
        let mut below = 64 * limbs.len() as i32;
        let (all, one) = (self.scratch()?, self.scratch()?);
        for (i, &limb) in limbs.iter().enumerate() {
            let d = if i == 0 { all } else { one };
            below -= 64;
            // The carry is set where the limb is zero.
            match op {
                WideOp::Clz => with_limb!(self, limb, lzcnt d),
                WideOp::Ctz => with_limb!(self, limb, tzcnt d),
                _ => with_limb!(self, limb, popcnt d),
            }
            match op {
                WideOp::Popcnt if i == 0 => {}
                WideOp::Popcnt => self.alu(Alu::Add, all, Limb::Reg(one)),
                _ => {
                    dynasm!(self.ops ; .arch x64 ; lea Rq(d), [Rq(d) + below]);
                    if i > 0 {
                        self.move_if(Condition::AboveOrEqual, all, Limb::Reg(one));
                    }
                }
            }
        }
        self.give_int(one);
        self.give_word(a);
        self.push(Entry::Temp(Reg::Int(all)));
        Some(())
    }

    /// Whether the two values on top are words.
    fn has_words_on_top(&self) -> bool {
        let len = self.stack_len();
        let is_word = |at: usize| match self.entry(at) {
            Entry::Word(_) => true,
            Entry::Local(local) => self.words.locals.contains_key(&local),
            _ => false,
        };
        len >= 2 && is_word(len - 1) && is_word(len - 2)
    }
}
