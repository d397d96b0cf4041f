//! Conversions between widths, and of limbs.

use cranelift_codegen::ir::{InstBuilder, Value, types};
use dotvm_isa::ops::Sig;
use dotvm_isa::{Instr, ValType};

use super::super::{Lowerer, Operand};
use super::WideOp;

impl Lowerer<'_, '_> {
    /// An extension or truncation: of the limbs that are there, as many as there are to be.
    pub(super) fn resize(&mut self, op: WideOp, instr: &Instr) {
        use WideOp as W;
        let ty = instr.op.result().expect("it has a result");
        let a = self.pop();
        let signed = matches!(
            op,
            W::ExtendI32 | W::ExtendI64 | W::ExtendI128 | W::ExtendI256
        );
        let mut limbs = a.limbs().to_vec();
        if a.ty == ValType::I32 {
            limbs[0] = match signed {
                true => self.b.ins().sextend(types::I64, limbs[0]),
                false => self.b.ins().uextend(types::I64, limbs[0]),
            };
        }
        let above = match signed {
            true => self.sign(&limbs),
            false => self.b.ins().iconst(types::I64, 0),
        };
        limbs.resize(ty.slots() as usize, above);
        if ty == ValType::I32 {
            limbs[0] = self.b.ins().ireduce(types::I32, limbs[0]);
        }
        self.push_limbs(ty, &limbs);
    }

    /// A limb.
    pub(super) fn limb(&mut self, number: u64) {
        let limb = self.pop().limbs()[number as usize];
        self.push(ValType::I64, limb);
    }

    /// The number of some limbs.
    pub(super) fn join_limbs(&mut self, instr: &Instr) {
        let Sig::Fixed(params, &[ty]) = instr.op.info().sig else {
            unreachable!("it has a fixed signature");
        };
        let limbs = self.stack.split_off(self.stack.len() - params.len());
        let limbs: Vec<Value> = limbs.iter().map(|limb| limb.limbs()[0]).collect();
        self.stack.push(Operand::new(ty, &limbs));
    }
}
