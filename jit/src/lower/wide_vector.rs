//! Vectors of 256 and 512 bits: an SSA value for each part of 128 bits.
//!
//! What is made of an instruction of 128 bits is lowered by the rule of that one, part by part.

mod memory;
mod shuffle;

use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use dotvm_isa::ops::Sig;
use dotvm_isa::{Instr, Op, ValType};

use super::vector::{VECTOR, shape};
use super::{Lowerer, Operand, VectorOp, limb_count};
use crate::bailout::Bailout;

pub(super) use memory::{GatherOp, LoadWay};

/// How an instruction is made of one of 128 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[rustfmt::skip]
pub(super) enum Way {
    Each, Narrow, WidenLow, WidenHigh, Pack, Reduce,
    ExtractLane, ReplaceLane, AnyTrue, AllTrue, Bitmask, LongBitmask,
}

/// Other operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[rustfmt::skip]
pub(super) enum WholeOp {
    Swizzle, Shuffle8, Shuffle32, FromParts, Part, FromLimbs,
}

/// The instruction of 128 bits that another one is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct OfPart {
    pub(super) op: Op,
    pub(super) rule: VectorOp,
}

/// A vector of 128 bits.
fn v128(value: Value) -> Operand {
    Operand::new(ValType::V128, &[value])
}

/// What of an operand belongs to a part: vectors are wider, other values are the same for every part.
fn part(operand: &Operand, i: usize) -> Operand {
    match operand.ty.is_vector() {
        true => v128(operand.limbs[i]),
        false => *operand,
    }
}

impl Lowerer<'_, '_> {
    /// The result of an instruction of 128 bits on these operands; `lane` is its immediate.
    fn of_part(
        &mut self,
        (of, instr): (OfPart, &Instr),
        operands: &[Operand],
        lane: u64,
    ) -> Result<Value, Bailout> {
        self.stack.extend(operands);
        let instr = Instr {
            op: of.op,
            a: lane,
            b: 0,
            ..*instr
        };
        self.vector(of.rule, &instr)?;
        Ok(self.pop_one())
    }

    /// An instruction that is made of one of 128 bits.
    pub(super) fn parts(&mut self, way: Way, of: OfPart, instr: &Instr) -> Result<(), Bailout> {
        let Sig::Fixed(params, &[ty]) = instr.op.info().sig else {
            unreachable!("pure instructions have one result");
        };
        let operands = self.stack.split_off(self.stack.len() - params.len());
        let of = (of, instr);
        let limbs = match way {
            Way::Each => self.each_part(ty, |l, i| {
                let operands: Vec<Operand> = operands.iter().map(|of| part(of, i)).collect();
                l.of_part(of, &operands, 0)
            })?,
            Way::Narrow => {
                let all = [operands[0].limbs(), operands[1].limbs()].concat();
                self.each_part(ty, |l, i| {
                    l.of_part(of, &[v128(all[2 * i]), v128(all[2 * i + 1])], 0)
                })?
            }
            Way::WidenLow => self.widen(of, ty, &operands, 0)?,
            Way::WidenHigh => self.widen(of, ty, &operands, limb_count(ty))?,
            Way::Pack => self.pack(of, operands[0].limbs())?,
            Way::ReplaceLane => {
                let (number, lane) = lane_of_part(of);
                let mut limbs = operands[0].limbs().to_vec();
                limbs[number] = self.of_part(of, &[v128(limbs[number]), operands[1]], lane)?;
                limbs
            }
            Way::ExtractLane => {
                let (number, lane) = lane_of_part(of);
                vec![self.of_part(of, &[part(&operands[0], number)], lane)?]
            }
            Way::Reduce => vec![self.reduce_parts(of, operands[0].limbs())?],
            Way::AnyTrue => {
                let limbs = operands[0].limbs();
                let any = limbs[1..]
                    .iter()
                    .fold(limbs[0], |any, &limb| self.b.ins().bor(any, limb));
                vec![self.of_part(of, &[v128(any)], 0)?]
            }
            Way::AllTrue => {
                let flags = self.flags(of, operands[0].limbs())?;
                let all = flags[1..]
                    .iter()
                    .fold(flags[0], |all, &flag| self.b.ins().band(all, flag));
                vec![all]
            }
            Way::Bitmask | Way::LongBitmask => {
                let masks = self.flags(of, operands[0].limbs())?;
                vec![self.join_masks(&masks, ty, shape(of.0.op).lane_count())]
            }
        };
        self.stack.push(Operand::new(ty, &limbs));
        Ok(())
    }

    /// The parts of a vector of that type, by their numbers.
    fn each_part(
        &mut self,
        ty: ValType,
        mut part: impl FnMut(&mut Self, usize) -> Result<Value, Bailout>,
    ) -> Result<Vec<Value>, Bailout> {
        (0..limb_count(ty)).map(|i| part(self, i)).collect()
    }

    /// Of each half of parts, from that half on: of their lower lanes.
    fn widen(
        &mut self,
        of: (OfPart, &Instr),
        ty: ValType,
        operands: &[Operand],
        first: usize,
    ) -> Result<Vec<Value>, Bailout> {
        self.each_part(ty, |l, i| {
            let (number, upper) = ((first + i) / 2, (first + i) % 2 == 1);
            let halves: Vec<Operand> = operands
                .iter()
                .map(|operand| {
                    let limb = operand.limbs[number];
                    Ok(v128(if upper { l.moved_down(limb, 8)? } else { limb }))
                })
                .collect::<Result<_, Bailout>>()?;
            l.of_part(of, &halves, 0)
        })
    }

    /// The lower halves of the results of each part, and zeros above them.
    fn pack(&mut self, of: (OfPart, &Instr), limbs: &[Value]) -> Result<Vec<Value>, Bailout> {
        const LOWER_HALVES: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
        let mut packed = Vec::new();
        for pair in limbs.chunks(2) {
            let low = self.of_part(of, &[v128(pair[0])], 0)?;
            let high = self.of_part(of, &[v128(pair[1])], 0)?;
            packed.push(self.shuffled(low, high, LOWER_HALVES)?);
        }
        packed.resize(limbs.len(), self.zero(VECTOR));
        Ok(packed)
    }

    /// One lane of all, extended as the instruction says.
    fn reduce_parts(&mut self, of: (OfPart, &Instr), limbs: &[Value]) -> Result<Value, Bailout> {
        let mut limbs = limbs.to_vec();
        while limbs.len() > 1 {
            let upper = limbs.split_off(limbs.len() / 2);
            for (low, high) in limbs.iter_mut().zip(upper) {
                *low = self.of_part(of, &[v128(*low), v128(high)], 0)?;
            }
        }
        let ty = shape(of.0.op);
        let mut rest = limbs[0];
        let mut bytes = 8;
        while bytes >= ty.lane_bits() / 8 {
            let upper = self.moved_down(rest, bytes as u8)?;
            rest = self.of_part(of, &[v128(rest), v128(upper)], 0)?;
            bytes /= 2;
        }
        let lanes = self.lanes(rest, ty);
        let lane = self.b.ins().extractlane(lanes, 0);
        Ok(match ty.lane_type() {
            types::I8 | types::I16 if of.0.op.mnemonic().ends_with("_u") => {
                self.b.ins().uextend(types::I32, lane)
            }
            types::I8 | types::I16 => self.b.ins().sextend(types::I32, lane),
            _ => lane,
        })
    }

    /// The results of each part.
    fn flags(&mut self, of: (OfPart, &Instr), limbs: &[Value]) -> Result<Vec<Value>, Bailout> {
        let limbs = limbs.iter();
        limbs
            .map(|&limb| self.of_part(of, &[v128(limb)], 0))
            .collect()
    }

    /// The masks of parts, of so many bits each, as one.
    fn join_masks(&mut self, masks: &[Value], ty: ValType, bits: u32) -> Value {
        let mut joined = None;
        for (&mask, at) in masks.iter().zip((0..).step_by(bits as usize)) {
            let mask = match ty {
                ValType::I64 => self.b.ins().uextend(types::I64, mask),
                _ => mask,
            };
            joined = Some(match joined {
                None => mask,
                Some(below) => {
                    let mask = self.b.ins().ishl_imm_u(mask, at);
                    self.b.ins().bor(below, mask)
                }
            });
        }
        joined.expect("there are parts")
    }

    /// An operation that is not made of one of 128 bits.
    pub(super) fn whole(&mut self, op: WholeOp, instr: &Instr) -> Result<(), Bailout> {
        let Sig::Fixed(params, &[ty]) = instr.op.info().sig else {
            unreachable!("pure instructions have one result");
        };
        let operands = self.stack.split_off(self.stack.len() - params.len());
        let all: Vec<Value> = operands.iter().flat_map(Operand::limbs).copied().collect();
        let limbs = match op {
            WholeOp::FromParts => all,
            WholeOp::Part => {
                let count = limb_count(ty);
                all[instr.a as usize * count..][..count].to_vec()
            }
            WholeOp::FromLimbs => {
                let pairs = all.chunks(2);
                pairs
                    .map(|pair| self.vector_of(types::I64X2, pair))
                    .collect()
            }
            WholeOp::Swizzle | WholeOp::Shuffle8 | WholeOp::Shuffle32 => {
                let (sources, chosen) = all.split_at(all.len() - limb_count(ty));
                self.shuffle(op, sources, chosen)?
            }
        };
        self.stack.push(Operand::new(ty, &limbs));
        Ok(())
    }

    /// A vector of 128 bits of these lanes.
    fn vector_of(&mut self, ty: Type, lanes: &[Value]) -> Value {
        let (&first, rest) = lanes.split_first().expect("there are lanes");
        let mut vector = self.b.ins().scalar_to_vector(ty, first);
        for (&lane, number) in rest.iter().zip(1..) {
            vector = self.b.ins().insertlane(vector, lane, number);
        }
        self.lanes(vector, VECTOR)
    }

    /// A constant.
    pub(super) fn wide_vector_push(&mut self, instr: &Instr) {
        let ty = instr.op.result().expect("it pushes a constant");
        let bits = self.wide_constant(instr);
        let (slots, _) = bits.0.as_chunks();
        let limbs: Vec<Value> = slots[..limb_count(ty)]
            .iter()
            .map(|&[low, high]| self.vconst(VECTOR, u128::from(low) | u128::from(high) << 64))
            .collect();
        self.stack.push(Operand::new(ty, &limbs));
    }
}

/// The part that has the lane an instruction names, and the lane's number in it.
fn lane_of_part((of, instr): (OfPart, &Instr)) -> (usize, u64) {
    let lanes = u64::from(shape(of.op).lane_count());
    ((instr.a / lanes) as usize, instr.a % lanes)
}
