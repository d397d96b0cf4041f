//! Loads and stores of words.

use dotvm_isa::Instr;
use dynasmrt::{DynasmApi, dynasm};

use super::Limb;
use crate::kernels::generator::{Entry, Generator};
use crate::lower::{WideLoadOp, WideStoreOp};

impl Generator<'_> {
    pub(super) fn load_word(&mut self, op: WideLoadOp, instr: &Instr) -> Option<()> {
        let address = self.address(instr)?;
        let (base, index, at) = address.place();
        let target = self.target_beside(address.ty.slots() as usize, &[]);
        let offsets = offsets(at, target.word.limbs().len(), op == WideLoadOp::LoadBe);
        for (&limb, at) in target.word.limbs().iter().zip(offsets) {
            let d = match limb {
                Limb::Reg(d) => d,
                _ => self.scratch()?,
            };
            self.may_trap();
            dynasm!(self.ops ; .arch x64 ; mov Rq(d), [Rq(base) + Rq(index) + at]);
            if op == WideLoadOp::LoadBe {
                dynasm!(self.ops ; .arch x64 ; bswap Rq(d));
            }
            if limb != Limb::Reg(d) {
                self.store_limb(limb, d);
                self.give_int(d);
            }
        }
        self.release(Entry::Memory(address));
        self.finish(target);
        Some(())
    }

    pub(super) fn store_word(&mut self, op: WideStoreOp, instr: &Instr) -> Option<()> {
        let value = self.pop_word()?;
        let address = self.address(instr)?;
        let (base, index, at) = address.place();
        let reversed = op == WideStoreOp::StoreBe;
        let offsets = offsets(at, value.word.limbs().len(), reversed);
        let mut places: Vec<(Limb, i32)> =
            value.word.limbs().iter().copied().zip(offsets).collect();
        // The last bytes first: where they are in the memory, all are, so that nothing is written by what
        // traps.
        places.sort_by_key(|&(_, at)| std::cmp::Reverse(at));
        let t = self.scratch()?;
        for (limb, at) in places {
            let s = match limb {
                Limb::Reg(s) if !reversed => s,
                _ => {
                    self.load_limb(t, limb);
                    t
                }
            };
            if reversed {
                dynasm!(self.ops ; .arch x64 ; bswap Rq(s));
            }
            self.may_trap();
            dynasm!(self.ops ; .arch x64 ; mov [Rq(base) + Rq(index) + at], Rq(s));
        }
        self.give_int(t);
        self.release(Entry::Memory(address));
        self.give_word(value);
        Some(())
    }

    /// The number with the bytes in reverse order.
    pub(super) fn swap_bytes(&mut self) -> Option<()> {
        let a = self.pop_word()?;
        let target = self.target_beside(a.word.limbs().len(), &[a]);
        let t = self.scratch()?;
        for (&d, &s) in target.word.limbs().iter().zip(a.word.limbs().iter().rev()) {
            self.load_limb(t, s);
            dynasm!(self.ops ; .arch x64 ; bswap Rq(t));
            self.store_limb(d, t);
        }
        self.give_int(t);
        self.give_word(a);
        self.finish(target);
        Some(())
    }
}

/// Where limbs are in memory, the lowest one first.
fn offsets(at: i32, len: usize, reversed: bool) -> Vec<i32> {
    let mut offsets: Vec<i32> = (at..).step_by(8).take(len).collect();
    if reversed {
        offsets.reverse();
    }
    offsets
}
