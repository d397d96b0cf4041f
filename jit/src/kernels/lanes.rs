//! From vectors to single lanes: extraction, and operations between all lanes of one vector.

use dotvm_isa::{Op, ValType};
use dynasmrt::{DynasmApi, dynasm};

use super::forms::parts;
use super::generator::{Entry, Generator};
use super::registers::{Class, Reg};

impl Generator<'_> {
    /// Generates the extraction of the lane of that number, by the instruction of 128 bits; the outer `None`
    /// is for others.
    pub(super) fn extract(&mut self, op: Op, lane: u64) -> Option<Option<()>> {
        macro_rules! int {
            ($lanes:literal, $name:ident $(, $extend:ident $from:ident)?) => {
                self.extract_lane(lane, $lanes, Class::Int, |g, d, s, lane| {
                    dynasm!(g.ops ; .arch x64 ; $name Rd(d), Rx(s), lane);
                    $(dynasm!(g.ops ; .arch x64 ; $extend Rd(d), $from(d));)?
                })
            };
        }
        Some(match op {
            Op::I8x16ExtractLane => int!(16, vpextrb, movsx Rb),
            Op::I8x16ExtractLaneU => int!(16, vpextrb),
            Op::I16x8ExtractLane => int!(8, vpextrw, movsx Rw),
            Op::I16x8ExtractLaneU => int!(8, vpextrw),
            Op::I32x4ExtractLane => int!(4, vpextrd),
            Op::I64x2ExtractLane => self.extract_lane(lane, 2, Class::Int, |g, d, s, lane| {
                dynasm!(g.ops ; .arch x64 ; vpextrq Rq(d), Rx(s), lane);
            }),
            Op::F32x4ExtractLane => self.extract_lane(lane, 4, Class::Vec, |g, d, s, lane| {
                dynasm!(g.ops ; .arch x64 ; vpshufd Rx(d), Rx(s), lane);
            }),
            Op::F64x2ExtractLane => self.extract_lane(lane, 2, Class::Vec, |g, d, s, lane| {
                dynasm!(g.ops ; .arch x64 ; vpermilpd Rx(d), Rx(s), lane);
            }),
            _ => return None,
        })
    }

    /// A lane, where a part has so many.
    fn extract_lane(
        &mut self,
        lane: u64,
        lanes: u64,
        class: Class,
        emit: impl Fn(&mut Self, u8, u8, i8),
    ) -> Option<()> {
        let (entry, a) = self.pop_vec()?;
        let (part, lane) = (lane / lanes, (lane % lanes) as i8);
        let from = parts(a).nth(part as usize / 2)?;
        let t = self.take_vec()?;
        let from = match part % 2 {
            0 => from,
            _ => {
                dynasm!(self.ops ; .arch x64 ; vextracti128 Rx(t), Ry(from), 1);
                t
            }
        };
        self.release(entry);
        let dest = self.dest(class)?;
        let (Reg::Int(d) | Reg::Vec(d)) = dest.reg else {
            return None;
        };
        emit(self, d, from, lane);
        self.give_vec(t);
        self.done(dest);
        Some(())
    }

    /// What is left when an operation on vectors of 128 bits is done with the lower and the upper half of a
    /// vector, again and again until there is one lane; the outer `None` is for operations that are not known.
    pub(super) fn reduce(&mut self, op: Op) -> Option<Option<()>> {
        let (lane_bits, extract) = match op {
            Op::I8x16Add | Op::I8x16Min | Op::I8x16Max => (8, Op::I8x16ExtractLane),
            Op::I8x16MinU | Op::I8x16MaxU => (8, Op::I8x16ExtractLaneU),
            Op::I16x8Add | Op::I16x8Min | Op::I16x8Max => (16, Op::I16x8ExtractLane),
            Op::I16x8MinU | Op::I16x8MaxU => (16, Op::I16x8ExtractLaneU),
            Op::I32x4Add | Op::I32x4Min | Op::I32x4Max | Op::I32x4MinU | Op::I32x4MaxU => {
                (32, Op::I32x4ExtractLane)
            }
            Op::I64x2Add => (64, Op::I64x2ExtractLane),
            Op::F32x4Add | Op::F32x4Min | Op::F32x4Max => (32, Op::F32x4ExtractLane),
            Op::F64x2Add | Op::F64x2Min | Op::F64x2Max => (64, Op::F64x2ExtractLane),
            _ => return None,
        };
        Some(self.reduce_to(op, lane_bits, extract))
    }

    fn reduce_to(&mut self, op: Op, lane_bits: u8, extract: Op) -> Option<()> {
        // Only the last step gives what the next instruction takes.
        let next = self.next.take();
        let (mut entry, mut a) = self.pop_vec()?;
        if let Reg::Pair(low, high) = a {
            // Both are only read, and free when the whole is.
            self.push(Entry::Fixed(Reg::Vec(low)));
            self.push(Entry::Fixed(Reg::Vec(high)));
            self.lanewise(op, ValType::V256)??;
            self.release(entry);
            (entry, a) = self.pop_vec()?;
        }
        let Reg::Vec(from) = a else { return None };
        let mut t = self.take_vec()?;
        dynasm!(self.ops ; .arch x64 ; vextracti128 Rx(t), Ry(from), 1);
        let mut bits = 128;
        loop {
            self.push(entry);
            self.push(Entry::Temp(Reg::Vec(t)));
            self.lanewise(op, ValType::V128)??;
            bits /= 2;
            if bits < lane_bits {
                break;
            }
            let Reg::Vec(rest) = ({
                (entry, a) = self.pop_vec()?;
                a
            }) else {
                return None;
            };
            t = self.take_vec()?;
            dynasm!(self.ops ; .arch x64 ; vpsrldq Rx(t), Rx(rest), (bits / 8) as i8);
        }
        self.next = next;
        self.extract(extract, 0)?
    }
}
