//! Loads and stores of vectors and of their lanes.

use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use dotvm_isa::Instr;

use super::vector::VECTOR;
use super::{LaneLoadOp, LaneStoreOp, Lowerer, VectorLoadOp, VectorStoreOp};

impl Lowerer<'_, '_> {
    pub(super) fn load_vector(&mut self, op: VectorLoadOp, instr: &Instr) {
        let address = self.pop_one();
        let (flags, p, at) = self.load_place(instr, address, op.bytes());
        let value = self.load_part(op, flags, (p, at));
        self.push_lanes(value);
    }

    /// Loads a vector, as lanes of some shape.
    pub(super) fn load_part(
        &mut self,
        op: VectorLoadOp,
        flags: MemFlagsData,
        (p, at): (Value, i32),
    ) -> Value {
        use VectorLoadOp as L;
        let ins = self.b.ins();
        match op {
            L::V128Load => ins.load(VECTOR, flags, p, at),
            L::V128Load8x8 => ins.sload8x8(flags, p, at),
            L::V128Load8x8U => ins.uload8x8(flags, p, at),
            L::V128Load16x4 => ins.sload16x4(flags, p, at),
            L::V128Load16x4U => ins.uload16x4(flags, p, at),
            L::V128Load32x2 => ins.sload32x2(flags, p, at),
            L::V128Load32x2U => ins.uload32x2(flags, p, at),
            L::V128Load8Splat => self.load_splat(types::I8X16, flags, (p, at)),
            L::V128Load16Splat => self.load_splat(types::I16X8, flags, (p, at)),
            L::V128Load32Splat => self.load_splat(types::I32X4, flags, (p, at)),
            L::V128Load64Splat => self.load_splat(types::I64X2, flags, (p, at)),
            L::V128Load32Zero => {
                let lane = ins.load(types::I32, flags, p, at);
                self.b.ins().scalar_to_vector(types::I32X4, lane)
            }
            L::V128Load64Zero => {
                let lane = ins.load(types::I64, flags, p, at);
                self.b.ins().scalar_to_vector(types::I64X2, lane)
            }
        }
    }

    fn load_splat(&mut self, ty: Type, flags: MemFlagsData, (p, at): (Value, i32)) -> Value {
        let lane = self.b.ins().load(ty.lane_type(), flags, p, at);
        self.b.ins().splat(ty, lane)
    }

    pub(super) fn store_vector(&mut self, op: VectorStoreOp, instr: &Instr) {
        let VectorStoreOp::V128Store = op;
        let value = self.pop_one();
        let address = self.pop_one();
        let (flags, p, at) = self.store_place(instr, address, VECTOR.bytes());
        self.b.ins().store(flags, value, p, at);
    }

    pub(super) fn load_lane(&mut self, op: LaneLoadOp, instr: &Instr) {
        let ty = match op {
            LaneLoadOp::V128Load8Lane => types::I8X16,
            LaneLoadOp::V128Load16Lane => types::I16X8,
            LaneLoadOp::V128Load32Lane => types::I32X4,
            LaneLoadOp::V128Load64Lane => types::I64X2,
        };
        let [vector] = self.pop_lanes(ty);
        let address = self.pop_one();
        let lane = ty.lane_type();
        let (flags, p, at) = self.load_place(instr, address, lane.bytes());
        let lane = self.b.ins().load(lane, flags, p, at);
        let vector = self.b.ins().insertlane(vector, lane, instr.b as u8);
        self.push_lanes(vector);
    }

    pub(super) fn store_lane(&mut self, op: LaneStoreOp, instr: &Instr) {
        let ty = match op {
            LaneStoreOp::V128Store8Lane => types::I8X16,
            LaneStoreOp::V128Store16Lane => types::I16X8,
            LaneStoreOp::V128Store32Lane => types::I32X4,
            LaneStoreOp::V128Store64Lane => types::I64X2,
        };
        let [vector] = self.pop_lanes(ty);
        let address = self.pop_one();
        let lane = self.b.ins().extractlane(vector, instr.b as u8);
        let (flags, p, at) = self.store_place(instr, address, ty.lane_type().bytes());
        self.b.ins().store(flags, lane, p, at);
    }
}

impl VectorLoadOp {
    /// How many bytes it reads.
    pub(super) fn bytes(self) -> u32 {
        use VectorLoadOp as L;
        match self {
            L::V128Load8Splat => 1,
            L::V128Load16Splat => 2,
            L::V128Load32Splat | L::V128Load32Zero => 4,
            L::V128Load => 16,
            _ => 8,
        }
    }
}
