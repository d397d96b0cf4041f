//! Words of other widths, and their limbs.

use dotvm_isa::ValType;
use dynasmrt::{DynasmApi, dynasm};

use super::{Limb, Word};
use crate::kernels::generator::{Entry, Generator};
use crate::kernels::registers::{Class, Reg};
use crate::lower::WideOp;

impl Generator<'_> {
    /// A limb as a number of its own, or the lower half of it.
    pub(super) fn limb(&mut self, number: usize, ty: ValType) -> Option<()> {
        let a = self.pop_word()?;
        self.give_word(a);
        let limb = *a.word.limbs().get(number)?;
        if let Limb::Const(bits) = limb {
            let bits = if ty == ValType::I32 {
                bits & u64::from(u32::MAX)
            } else {
                bits
            };
            self.push(Entry::Const(ty, u128::from(bits)));
            return Some(());
        }
        let dest = self.dest(Class::Int)?;
        let Reg::Int(d) = dest.reg else { return None };
        self.load_limb(d, limb);
        if ty == ValType::I32 {
            dynasm!(self.ops ; .arch x64 ; mov Rd(d), Rd(d));
        }
        self.done(dest);
        Some(())
    }

    /// The lower limbs as a narrower word.
    pub(super) fn wrap(&mut self, ty: ValType) -> Option<()> {
        let a = self.pop_word()?;
        let (kept, dropped) = a.word.limbs().split_at(ty.slots() as usize);
        let kept = Word::new(kept);
        if a.own {
            for &limb in dropped.iter().filter(|limb| !kept.limbs().contains(limb)) {
                self.give_limb(limb);
            }
            self.push(Entry::Word(kept));
            return Some(());
        }
        let target = self.target_beside(kept.limbs().len(), &[]);
        self.copy_word(&target.word, &kept)?;
        self.finish(target);
        Some(())
    }

    /// The number with so many limbs, the lowest one first.
    pub(super) fn join_limbs(&mut self, ty: ValType) -> Option<()> {
        let mut limbs = (0..ty.slots())
            .map(|_| self.pop_limb())
            .collect::<Option<Vec<Limb>>>()?;
        limbs.reverse();
        self.push(Entry::Word(Word::new(&limbs)));
        Some(())
    }

    /// A number of up to 64 bits as a limb with a place of its own.
    fn pop_limb(&mut self) -> Option<Limb> {
        match self.pop()? {
            Entry::Const(_, bits) => Some(Limb::Const(bits as u64)),
            Entry::Temp(Reg::Int(reg)) => Some(Limb::Reg(reg)),
            mut other => {
                let Reg::Int(reg) = self.reg(&mut other)? else {
                    return None;
                };
                let limb = self.new_limb();
                self.move_limb(limb, Limb::Reg(reg))?;
                Some(limb)
            }
        }
    }

    /// A wider word.
    pub(super) fn extend(&mut self, op: WideOp, ty: ValType, signed: bool) -> Option<()> {
        use WideOp as W;
        let mut limbs = match op {
            W::ExtendI32 | W::ExtendI32U | W::ExtendI64 | W::ExtendI64U => vec![self.pop_limb()?],
            _ => self.pop_own()?.limbs().to_vec(),
        };
        if op == W::ExtendI32 {
            // Its upper half is zero as yet.
            limbs[0] = match limbs[0] {
                Limb::Const(bits) => Limb::Const(i64::from(bits as i32).cast_unsigned()),
                limb => {
                    let t = self.scratch()?;
                    self.load_limb(t, limb);
                    dynasm!(self.ops ; .arch x64 ; movsxd Rq(t), Rd(t));
                    self.store_limb(limb, t);
                    self.give_int(t);
                    limb
                }
            };
        }
        let above = match *limbs.last()? {
            _ if !signed => Limb::Const(0),
            Limb::Const(bits) => Limb::Const((bits.cast_signed() >> 63).cast_unsigned()),
            _ => {
                let sign = self.sign(&Word::new(&limbs))?;
                let limb = self.new_limb();
                self.move_limb(limb, Limb::Reg(sign))?;
                self.give_int(sign);
                limb
            }
        };
        limbs.resize(ty.slots() as usize, above);
        self.push(Entry::Word(Word::new(&limbs)));
        Some(())
    }

    /// Pops a word with places of its own.
    fn pop_own(&mut self) -> Option<Word> {
        let a = self.pop_word()?;
        if a.own {
            return Some(a.word);
        }
        let word = self.new_word(a.word.limbs().len());
        self.copy_word(&word, &a.word)?;
        Some(word)
    }
}
