//! Operands: random ones, and more often those at which something may go wrong.

use dotvm::isa::ValType;

use crate::fuzzing::Random;
use crate::operations::{Operation, Slots};

/// The operands of a case.
pub(super) fn operands(op: Operation, params: &[ValType], random: &mut Random) -> Slots {
    let mut all: Vec<Slots> = Vec::with_capacity(params.len());
    for (i, &ty) in params.iter().enumerate() {
        let related = i > 0 && params[i - 1] == ty && random.below(4) == 0;
        let mut slots = match ty {
            ValType::I32 => vec![u64::from(count(op, random))],
            ValType::F32 => vec![float32(random)],
            ValType::F64 => vec![float64(random)],
            _ if related => near(&all[i - 1], random),
            _ => integer(ty.slots() as usize, random),
        };
        // A short exponent is as good as a long one, but for the time that the reference takes.
        let has_exponent = [".powmod", ".exp"]
            .iter()
            .any(|end| op.mnemonic.ends_with(end));
        if has_exponent && i == 1 && random.below(8) != 0 {
            slots[1..].fill(0);
        }
        all.push(slots);
    }
    all.concat()
}

/// An integer of so many limbs.
fn integer(limbs: usize, random: &mut Random) -> Slots {
    let bits = limbs * 64;
    let mut slots = vec![0; limbs];
    match random.below(8) {
        0 => slots[0] = random.below(4) as u64,
        // A single bit, and what is next to it.
        1 => {
            let bit = random.below(bits);
            slots[bit / 64] = 1 << (bit % 64);
        }
        2 => {
            let bit = random.below(bits);
            slots[bit / 64] = 1 << (bit % 64);
            step(&mut slots, random.below(2) == 0);
        }
        // All ones, and a few less.
        3 => {
            slots.fill(u64::MAX);
            slots[0] -= random.below(4) as u64;
        }
        // Carries at limbs.
        4 => slots.iter_mut().for_each(|limb| {
            *limb = [0, u64::MAX, 1, 1 << 63, u64::MAX >> 1][random.below(5)];
        }),
        // Any length.
        5 => {
            let used = random.below(bits) + 1;
            for (i, limb) in slots.iter_mut().enumerate() {
                *limb = match used.saturating_sub(64 * i) {
                    0 => 0,
                    1..64 => random.next_u64() >> (64 - (used - 64 * i)),
                    _ => random.next_u64(),
                };
            }
        }
        _ => slots.iter_mut().for_each(|limb| *limb = random.next_u64()),
    }
    slots
}

/// The same number, one next to it, or its complement.
fn near(slots: &[u64], random: &mut Random) -> Slots {
    let mut slots = slots.to_vec();
    match random.below(4) {
        0 => {}
        1 => step(&mut slots, true),
        2 => step(&mut slots, false),
        _ => slots.iter_mut().for_each(|limb| *limb = !*limb),
    }
    slots
}

/// Adds or subtracts 1.
fn step(slots: &mut [u64], up: bool) {
    for limb in slots {
        let (next, goes_on) = if up {
            limb.overflowing_add(1)
        } else {
            limb.overflowing_sub(1)
        };
        *limb = next;
        if !goes_on {
            break;
        }
    }
}

/// A count of a shift, a carry, or a number that is extended.
fn count(op: Operation, random: &mut Random) -> u32 {
    let width = op.first_arch.word().bits();
    match random.below(6) {
        0 => random.next_u64() as u32,
        1 => [0, 1, u32::MAX, 1 << 31, i32::MAX as u32][random.below(5)],
        2 => (width * random.below(3) as u32).wrapping_add([0, 1, u32::MAX][random.below(3)]),
        3 => 64 * random.below(16) as u32,
        _ => random.below(width as usize) as u32,
    }
}

/// Bits of a float whose integer part may fit some word, or of any.
fn float64(random: &mut Random) -> u64 {
    let special = [
        0.0,
        -0.0,
        0.5,
        -0.999,
        1.0,
        -1.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
    ];
    match random.below(6) {
        0 => random.next_u64(),
        1 => special[random.below(special.len())].to_bits(),
        // Powers of two around the widths, and what is next to them.
        2 => {
            let exponent = [63, 64, 127, 128, 255, 256, 511, 512][random.below(8)];
            let power = 2f64.powi(exponent).to_bits();
            let near = power.wrapping_add(random.below(3) as u64).wrapping_sub(1);
            near | random.next_u64() & 1 << 63
        }
        _ => {
            let exponent = 1023 + random.below(520) as u64;
            random.next_u64() & (1 << 63 | ((1 << 52) - 1)) | exponent << 52
        }
    }
}

fn float32(random: &mut Random) -> u64 {
    let bits = match random.below(3) {
        0 => random.next_u64() as u32,
        1 => (f64::from_bits(float64(random)) as f32).to_bits(),
        _ => {
            let exponent = 127 + random.below(129) as u32;
            random.next_u64() as u32 & (1 << 31 | ((1 << 23) - 1)) | exponent << 23
        }
    };
    u64::from(bits)
}
