//! What loads and gathers load, by their names.

use super::reference::{Lanes, Shape, join, ones, split};
use crate::operations::{Operation, Slots};

/// The vector that an instruction loads of the bytes at its address; `lanes` is a gather's operand.
///
/// # Panics
/// Where there are too few bytes, or the instruction is no load.
pub fn loaded(op: Operation, bytes: &[u8], lanes: &[u64]) -> Slots {
    let (_, name) = op.mnemonic.split_once('.').expect("a type and a name");
    let vector_bits = op.first_arch.word().bits();
    // So many bits, of those behind each other.
    let number = |i: u64, bits: u32| {
        let width = bits as usize / 8;
        let bytes = bytes[i as usize * width..][..width].iter().rev();
        bytes.fold(0_u64, |number, &byte| number << 8 | u64::from(byte))
    };
    if name == "gather" {
        let bits = Shape::of(op).bits;
        let gathered = split(lanes, bits).into_iter().map(|at| number(at, bits));
        return join(&gathered.collect::<Lanes>(), bits);
    }
    let how = name.strip_prefix("load").expect("a load");
    if how.is_empty() {
        return (0..u64::from(vector_bits / 64))
            .map(|i| number(i, 64))
            .collect();
    }
    if let Some(bits) = how.strip_suffix("_splat") {
        let bits = bits.parse().expect("bits of a lane");
        return join(&vec![number(0, bits); (vector_bits / bits) as usize], bits);
    }
    let (lane, rest) = how.split_once('x').expect("bits and a number of lanes");
    let bits: u32 = lane.parse().expect("bits of a lane");
    let extended = (0..u64::from(vector_bits / bits / 2)).map(|i| {
        let lane = number(i, bits);
        match rest.ends_with("_u") || lane >> (bits - 1) == 0 {
            true => lane,
            false => lane | !ones(bits),
        }
    });
    join(&extended.collect::<Lanes>(), 2 * bits)
}
