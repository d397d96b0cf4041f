//! Loads and stores.

use cranelift_codegen::ir::{InstBuilder, Value, types};
use dotvm_isa::Instr;

use super::super::Lowerer;
use super::{WideLoadOp, WideStoreOp};

impl Lowerer<'_, '_> {
    pub(in crate::lower) fn load_wide(&mut self, op: WideLoadOp, instr: &Instr) {
        let ty = instr.op.result().expect("loads have a result");
        let address = self.pop_one();
        let (flags, p, at) = self.load_place(instr, address, ty.bits() / 8);
        let limbs = 0..ty.slots() as i32;
        let mut limbs: Vec<Value> = limbs
            .map(|i| self.b.ins().load(types::I64, flags, p, at + 8 * i))
            .collect();
        if op == WideLoadOp::LoadBe {
            limbs = self.swap_bytes(&limbs);
        }
        self.push_limbs(ty, &limbs);
    }

    pub(in crate::lower) fn store_wide(&mut self, op: WideStoreOp, instr: &Instr) {
        let value = self.pop();
        let address = self.pop_one();
        let limbs = match op {
            WideStoreOp::Store => value.limbs().to_vec(),
            WideStoreOp::StoreBe => self.swap_bytes(value.limbs()),
        };
        let (flags, p, at) = self.store_place(instr, address, value.ty.bits() / 8);
        // The last bytes first: where they are in the memory, all are, so that nothing is written by what
        // traps.
        for (i, &limb) in limbs.iter().enumerate().rev() {
            self.b.ins().store(flags, limb, p, at + 8 * i as i32);
        }
    }

    /// The limbs of the number with the bytes in reverse order.
    pub(super) fn swap_bytes(&mut self, limbs: &[Value]) -> Vec<Value> {
        let limbs = limbs.iter().rev();
        limbs.map(|&limb| self.b.ins().bswap(limb)).collect()
    }
}
