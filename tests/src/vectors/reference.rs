//! What operations compute, once more: on lists of lanes, by what an instruction's name says.

use dotvm::isa::ValType;

use super::{floats, integers};
use crate::operations::{Operation, Slots};

/// What lanes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shape {
    pub(super) bits: u32,
    pub(super) float: bool,
}

impl Shape {
    /// What an instruction's name starts with. Where that is no shape, lanes of 64 bits will do.
    pub(super) fn of(op: Operation) -> Shape {
        let (shape, _) = op.mnemonic.split_once('.').expect("a shape and a name");
        Shape::named(shape).unwrap_or(Shape {
            bits: 64,
            float: false,
        })
    }

    /// The shape of that name, such as `i32x8`.
    fn named(name: &str) -> Option<Shape> {
        let (lane, _) = name.split_once('x')?;
        Some(Shape {
            bits: lane[1..].parse().ok()?,
            float: lane.starts_with('f'),
        })
    }
}

/// An operand: the bits of its lanes, lane 0 first.
pub(super) type Lanes = Vec<u64>;

/// The lanes that slots are.
pub(super) fn split(slots: &[u64], bits: u32) -> Lanes {
    let per_slot = 64 / bits;
    slots
        .iter()
        .flat_map(|slot| (0..per_slot).map(move |i| slot >> (i * bits) & ones(bits)))
        .collect()
}

/// The slots of lanes.
pub(super) fn join(lanes: &[u64], bits: u32) -> Slots {
    lanes
        .chunks(64 / bits as usize)
        .map(|lanes| {
            let lanes = lanes.iter().rev();
            lanes.fold(0, |slot: u64, lane| {
                slot.unbounded_shl(bits) | lane & ones(bits)
            })
        })
        .collect()
}

/// So many bits set.
pub(super) fn ones(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

/// The result of an operation; `lane` is its immediate.
pub(super) fn result(op: Operation, lane: usize, params: &[ValType], slots: &[u64]) -> Slots {
    let (_, name) = op.mnemonic.split_once('.').expect("a shape and a name");
    let shape = Shape::of(op);
    let mut operands = Vec::new();
    let mut rest = slots;
    for ty in params {
        let (own, others) = rest.split_at(ty.slots() as usize);
        operands.push(own.to_vec());
        rest = others;
    }
    let vectors: Vec<Lanes> = operands
        .iter()
        .map(|slots| split(slots, shape.bits))
        .collect();
    let count = op.first_arch.word().bits() as usize / shape.bits as usize;
    if let Some(result) = moved(name, lane, count, &operands, &vectors, shape) {
        return result;
    }
    match name {
        "any_true" => vec![u64::from(operands[0].iter().any(|&slot| slot != 0))],
        "all_true" => vec![u64::from(vectors[0].iter().all(|&lane| lane != 0))],
        "bitmask" => {
            let signs = vectors[0].iter().map(|lane| lane >> (shape.bits - 1));
            vec![signs.rev().fold(0, |bits, sign| bits << 1 | sign)]
        }
        _ if shape.float => floats::result(name, shape.bits, &operands),
        _ => integers::result(name, shape.bits, &operands),
    }
}

/// Operations that move lanes.
fn moved(
    name: &str,
    lane: usize,
    count: usize,
    operands: &[Slots],
    vectors: &[Lanes],
    shape: Shape,
) -> Option<Slots> {
    let bits = shape.bits;
    Some(match name {
        "splat" => join(&vec![operands[0][0]; count], bits),
        "extract_lane" | "extract_lane_u" => {
            let lane = vectors[0][lane];
            let signed = bits < 32 && name == "extract_lane" && lane >> (bits - 1) == 1;
            vec![if signed {
                lane | ones(32) & !ones(bits)
            } else {
                lane
            }]
        }
        "replace_lane" => {
            let mut lanes = vectors[0].clone();
            lanes[lane] = operands[1][0] & ones(bits);
            join(&lanes, bits)
        }
        "swizzle" => {
            let from = |&at: &u64| vectors[0].get(at as usize).copied().unwrap_or(0);
            join(&vectors[1].iter().map(from).collect::<Lanes>(), bits)
        }
        "shuffle" => {
            let both = [vectors[0].as_slice(), &vectors[1]].concat();
            let from = |&at: &u64| both[at as usize % both.len()];
            join(&vectors[2].iter().map(from).collect::<Lanes>(), bits)
        }
        "from_parts" | "from_limbs" => operands.concat(),
        "part_v256" | "part_v512" => {
            let half = operands[0].len() / 2;
            operands[0][lane * half..][..half].to_vec()
        }
        _ => return None,
    })
}
