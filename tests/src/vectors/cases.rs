//! Operands: lanes that are random, and more often those at which something may go wrong.

use dotvm::isa::ValType;

use super::reference::Shape;
use crate::fuzzing::Random;
use crate::operations::{Operation, Slots};

/// Floats that operations treat specially: zeros, NaNs that are quiet and not, infinities, the ends of what
/// integers reach, what is halfway between integers, the smallest and greatest numbers.
const FLOATS: [f64; 16] = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    2.5,
    -0.5,
    0.49999999999999994,
    f64::INFINITY,
    f64::NEG_INFINITY,
    2147483648.0,
    -2147483649.0,
    4294967295.5,
    8388609.0,
    1e-310,
    f32::MAX as f64,
    f64::MAX,
];

/// The operands of a case.
pub(super) fn operands(op: Operation, params: &[ValType], random: &mut Random) -> Slots {
    let shape = Shape::of(op);
    let mut all: Vec<Slots> = Vec::with_capacity(params.len());
    for (i, &ty) in params.iter().enumerate() {
        let related = i > 0 && params[i - 1] == ty && random.below(4) == 0;
        all.push(match ty {
            _ if related => near(&all[i - 1], random),
            _ if ty.is_vector() => vector(ty, shape, random),
            _ => vec![lane(ty.bits(), !ty.name().starts_with('i'), random)],
        });
    }
    all.concat()
}

/// A vector whose lanes are mostly of the shape that the operation is named after.
fn vector(ty: ValType, shape: Shape, random: &mut Random) -> Slots {
    let bits = match random.below(4) {
        0 => 8 << random.below(4),
        1 => (shape.bits / 2).max(8),
        _ => shape.bits,
    };
    let floats = bits >= 32 && (shape.float || random.below(4) == 0);
    let same = (random.below(8) == 0).then(|| lane(bits, floats, random));
    let mut slots = vec![0; ty.slots() as usize];
    for at in (0..ty.bits()).step_by(bits as usize) {
        let lane = same.unwrap_or_else(|| lane(bits, floats, random));
        slots[at as usize / 64] |= lane << (at % 64);
    }
    slots
}

/// Bits of a lane.
fn lane(bits: u32, float: bool, random: &mut Random) -> u64 {
    let any = random.next_u64();
    let lane = match random.below(4) {
        0 => any,
        _ if float => {
            let special = FLOATS[random.below(FLOATS.len())];
            let nan = any & 0x8000_0000_0000_000f;
            match (bits, random.below(6)) {
                (32, 0) => nan >> 32 | nan & 0xf | [0x7f80_0001, 0x7fc0_0000][random.below(2)],
                (32, _) => u64::from((special as f32).to_bits()),
                (_, 0) => nan | [0x7ff0_0000_0000_0001, 0x7ff8_0000_0000_0000][random.below(2)],
                _ => special.to_bits(),
            }
        }
        1 => [0, 1, u64::MAX, 1 << (bits - 1), (1 << (bits - 1)) - 1][random.below(5)],
        2 => any % 70,
        _ => any,
    };
    lane & (u64::MAX >> (64 - bits))
}

/// The same vector, or one that differs in a bit.
fn near(slots: &[u64], random: &mut Random) -> Slots {
    let mut slots = slots.to_vec();
    if random.below(2) == 0 {
        let at = random.below(slots.len());
        slots[at] ^= 1 << random.below(64);
    }
    slots
}
