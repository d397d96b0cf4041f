//! Moving lanes about.

use cranelift_codegen::ir::{ConstantData, InstBuilder, InstructionData, Opcode, Value, types};

use super::super::Lowerer;
use super::super::vector::VECTOR;
use super::WholeOp;
use crate::bailout::Bailout;

impl Lowerer<'_, '_> {
    /// Bytes of two vectors, by their numbers among the 32 of both.
    pub(super) fn shuffled(
        &mut self,
        a: Value,
        b: Value,
        bytes: [u8; 16],
    ) -> Result<Value, Bailout> {
        if !self.processor.rounds_and_shuffles {
            return Err(Bailout::Processor);
        }
        let bytes = ConstantData::from(&bytes[..]);
        let bytes = self.b.func.dfg.immediates.push(bytes);
        Ok(self.b.ins().shuffle(a, b, bytes))
    }

    /// A vector without its low bytes; above them is something.
    pub(super) fn moved_down(&mut self, vector: Value, bytes: u8) -> Result<Value, Bailout> {
        let from = |i: usize| i as u8 + bytes;
        self.shuffled(vector, vector, std::array::from_fn(from))
    }

    /// Lanes of all these parts, by the numbers in others.
    pub(super) fn shuffle(
        &mut self,
        op: WholeOp,
        sources: &[Value],
        numbers: &[Value],
    ) -> Result<Vec<Value>, Bailout> {
        if !self.processor.rounds_and_shuffles {
            return Err(Bailout::Processor);
        }
        numbers
            .iter()
            .map(|&numbers| match (op, self.known_bytes(numbers)) {
                (WholeOp::Swizzle, _) => Ok(self.chosen(sources, numbers)),
                (_, Some(numbers)) => {
                    self.known_shuffle(sources, bytes_of_lanes(op, numbers, sources.len()))
                }
                (_, None) => {
                    let bytes = self.wrapped_numbers(op, numbers, sources.len());
                    Ok(self.chosen(sources, bytes))
                }
            })
            .collect()
    }

    /// The bytes of a constant vector.
    fn known_bytes(&self, vector: Value) -> Option<[u8; 16]> {
        let dfg = &self.b.func.dfg;
        match dfg.insts[dfg.value_def(vector).inst()?] {
            InstructionData::UnaryConst {
                opcode: Opcode::Vconst,
                constant_handle,
            } => dfg
                .constants
                .get(constant_handle)
                .as_slice()
                .try_into()
                .ok(),
            _ => None,
        }
    }

    /// Bytes whose numbers among those of all sources are known.
    fn known_shuffle(&mut self, sources: &[Value], numbers: [usize; 16]) -> Result<Value, Bailout> {
        let mut used = numbers.map(|number| number / 16).to_vec();
        used.sort_unstable();
        used.dedup();
        let (first, rest) = used.split_first().expect("there are numbers");
        let mut result = sources[*first];
        let at = numbers.map(|number| (number % 16) as u8);
        for (i, &source) in rest.iter().enumerate() {
            let bytes = std::array::from_fn(|lane| match numbers[lane] / 16 == source {
                true => 16 + at[lane],
                false if i == 0 => at[lane],
                // They are where they belong already.
                false => lane as u8,
            });
            result = self.shuffled(result, sources[source], bytes)?;
        }
        if rest.is_empty() {
            result = self.shuffled(result, result, at)?;
        }
        Ok(result)
    }

    /// The numbers of bytes among those of so many sources, from those of lanes.
    fn wrapped_numbers(&mut self, op: WholeOp, numbers: Value, sources: usize) -> Value {
        let last = 16 * sources as u128 - 1;
        if op == WholeOp::Shuffle8 {
            let mask = self.vconst(VECTOR, u128::MAX / 0xff * last);
            return self.b.ins().band(numbers, mask);
        }
        let words = self.lanes(numbers, types::I32X4);
        let mask = self.vconst(types::I32X4, u128::MAX / u128::from(u32::MAX) * (last / 4));
        let words = self.b.ins().band(words, mask);
        let bytes = self.b.ins().ishl_imm_u(words, 2);
        let bytes = self.lanes(bytes, VECTOR);
        let first_of_each = self.vconst(VECTOR, 0x0c0c0c0c_08080808_04040404_00000000);
        let bytes = self.b.ins().swizzle(bytes, first_of_each);
        let offsets = self.vconst(VECTOR, u128::MAX / u128::from(u32::MAX) * 0x03020100);
        self.b.ins().iadd(bytes, offsets)
    }

    /// Bytes by their numbers among those of all sources; 0 where there are not as many.
    fn chosen(&mut self, sources: &[Value], numbers: Value) -> Value {
        let mut result = None;
        for (&source, first) in sources.iter().zip((0..).step_by(16)) {
            // Of numbers that are not the source's, the differences wrap to more than 15.
            let first = self.vconst(VECTOR, u128::MAX / 0xff * first);
            let numbers = self.b.ins().isub(numbers, first);
            let bytes = self.b.ins().swizzle(source, numbers);
            result = Some(match result {
                None => bytes,
                Some(others) => self.b.ins().bor(others, bytes),
            });
        }
        result.expect("there are sources")
    }
}

/// The numbers of bytes among those of so many sources, where those of lanes are known.
fn bytes_of_lanes(op: WholeOp, numbers: [u8; 16], sources: usize) -> [usize; 16] {
    std::array::from_fn(|i| match op {
        WholeOp::Shuffle32 => {
            let word = numbers[i / 4 * 4];
            (usize::from(word) * 4 + i % 4) % (16 * sources)
        }
        _ => usize::from(numbers[i]) % (16 * sources),
    })
}
