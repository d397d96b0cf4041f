//! Loads, stores and gathers.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use dotvm_isa::{Instr, TrapCode};

use super::super::vector::VECTOR;
use super::super::{Lowerer, Operand, VectorLoadOp, VectorStoreOp, limb_count, trap_code};

/// How a load is made of one of 128 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::lower) enum LoadWay {
    /// Each part is loaded from behind the one below it.
    Each,
    /// What is loaded is every part.
    Same,
}

/// Gathers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::lower) enum GatherOp {
    Gather32,
    Gather64,
}

impl Lowerer<'_, '_> {
    pub(in crate::lower) fn load_parts(&mut self, way: LoadWay, op: VectorLoadOp, instr: &Instr) {
        let ty = instr.op.result().expect("loads have a result");
        let (count, bytes) = (limb_count(ty), op.bytes());
        let loads = if way == LoadWay::Each { count } else { 1 };
        let address = self.pop_one();
        let (flags, p, at) = self.load_place(instr, address, bytes * loads as u32);
        let mut limbs: Vec<Value> = (0..loads as i32)
            .map(|i| {
                let part = self.load_part(op, flags, (p, at + i * bytes as i32));
                self.lanes(part, VECTOR)
            })
            .collect();
        limbs.resize(count, limbs[0]);
        self.stack.push(Operand::new(ty, &limbs));
    }

    pub(in crate::lower) fn store_parts(&mut self, op: VectorStoreOp, instr: &Instr) {
        let VectorStoreOp::V128Store = op;
        let value = self.pop();
        let address = self.pop_one();
        let (flags, p, at) = self.store_place(instr, address, value.ty.bits() / 8);
        // The last bytes first: where they are in the memory, all are, so that nothing is written by what
        // traps.
        for (i, &limb) in value.limbs().iter().enumerate().rev() {
            self.b.ins().store(flags, limb, p, at + 16 * i as i32);
        }
    }

    /// All lanes are compared before any is loaded.
    pub(in crate::lower) fn gather(&mut self, op: GatherOp, instr: &Instr) {
        let lanes = self.pop();
        let address = self.pop_one();
        let (p, rest) = self.rest_of_memory(instr, address);
        let (ty, log2) = match op {
            GatherOp::Gather32 => (types::I32X4, 2),
            GatherOp::Gather64 => (types::I64X2, 3),
        };
        let count = self.b.ins().ushr_imm_u(rest, log2);
        let mut numbers = Vec::new();
        for &limb in lanes.limbs() {
            let limb = self.lanes(limb, ty);
            for i in 0..ty.lane_count() {
                let number = self.b.ins().extractlane(limb, i as u8);
                let number = self.wide_index(number);
                let outside = self
                    .b
                    .ins()
                    .icmp(IntCC::UnsignedGreaterThanOrEqual, number, count);
                let trap = trap_code(TrapCode::MemoryOutOfBounds);
                self.b.ins().trapnz(outside, trap);
                numbers.push(number);
            }
        }
        let flags = self.checked_flags();
        let gathered: Vec<Value> = numbers
            .iter()
            .map(|&number| {
                let at = self.b.ins().ishl_imm_u(number, log2);
                let at = self.b.ins().iadd(p, at);
                self.b.ins().load(ty.lane_type(), flags, at, 0)
            })
            .collect();
        let limbs = gathered.chunks(ty.lane_count() as usize);
        let limbs: Vec<Value> = limbs.map(|limb| self.vector_of(ty, limb)).collect();
        self.stack.push(Operand::new(lanes.ty, &limbs));
    }
}
