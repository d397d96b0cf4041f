//! Operations on lanes of integers.

use super::reference::{Lanes, join, ones, split};
use crate::operations::Slots;

/// A lane as a number.
fn number(lane: u64, bits: u32, is_unsigned: bool) -> i128 {
    match is_unsigned || lane >> (bits - 1) == 0 {
        true => i128::from(lane),
        false => i128::from(lane) - (1 << bits),
    }
}

/// The nearest number that a lane can be.
fn saturated(number: i128, bits: u32, is_unsigned: bool) -> u64 {
    let (low, high) = match is_unsigned {
        true => (0, (1 << bits) - 1),
        false => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
    };
    number.clamp(low, high) as u64 & ones(bits)
}

/// The result of an operation.
pub(super) fn result(name: &str, bits: u32, operands: &[Slots]) -> Slots {
    let (plain, is_unsigned) = match name.strip_suffix("_u") {
        Some(plain) => (plain, true),
        None => (name, false),
    };
    if let Some(op) = plain.strip_prefix("reduce_") {
        return reduced(op, bits, is_unsigned, &operands[0]);
    }
    if plain.starts_with("trunc_sat_") {
        return truncated(name, &operands[0]);
    }
    if let Some(lanes) = resized(plain, bits, is_unsigned, operands) {
        return join(&lanes, bits);
    }
    let lanes: Vec<Lanes> = operands.iter().map(|slots| split(slots, bits)).collect();
    let count = operands.get(1).map_or(0, |slots| slots[0]);
    let of = |i: usize| {
        let int = |operand: usize| number(lanes[operand][i], bits, is_unsigned);
        let bare = |operand: usize| lanes[operand][i];
        let mask = |condition: bool| if condition { -1 } else { 0 };
        let shift = (count % u64::from(bits)) as u32;
        match plain {
            "add" => int(0) + int(1),
            "sub" => int(0) - int(1),
            "mul" => i128::from(bare(0).wrapping_mul(bare(1))),
            "neg" => -int(0),
            "abs" => int(0).abs(),
            "popcnt" => bare(0).count_ones().into(),
            "add_sat" => saturated(int(0) + int(1), bits, is_unsigned).into(),
            "sub_sat" => saturated(int(0) - int(1), bits, is_unsigned).into(),
            "avgr" => (int(0) + int(1) + 1) / 2,
            "q15mulr_sat" => {
                let product = (int(0) * int(1) + (1 << 14)).div_euclid(1 << 15);
                saturated(product, bits, false).into()
            }
            "min" => int(0).min(int(1)),
            "max" => int(0).max(int(1)),
            "eq" => mask(bare(0) == bare(1)),
            "ne" => mask(bare(0) != bare(1)),
            "lt" => mask(int(0) < int(1)),
            "gt" => mask(int(0) > int(1)),
            "le" => mask(int(0) <= int(1)),
            "ge" => mask(int(0) >= int(1)),
            "shl" => i128::from(bare(0) << shift),
            "shr" => int(0) >> shift,
            "not" => (!bare(0)).into(),
            "and" => (bare(0) & bare(1)).into(),
            "andnot" => (bare(0) & !bare(1)).into(),
            "or" => (bare(0) | bare(1)).into(),
            "xor" => (bare(0) ^ bare(1)).into(),
            "bitselect" => (bare(0) & bare(2) | bare(1) & !bare(2)).into(),
            _ => panic!("the reference does not know {name}"),
        }
    };
    let lanes: Lanes = (0..lanes[0].len()).map(|i| of(i) as u64).collect();
    join(&lanes, bits)
}

/// All lanes as one, extended to 32 bits where it is narrower.
fn reduced(op: &str, bits: u32, is_unsigned: bool, slots: &[u64]) -> Slots {
    let lanes = split(slots, bits).into_iter();
    let numbers = lanes.map(|lane| number(lane, bits, is_unsigned));
    let result = match op {
        "add" => number(numbers.sum::<i128>() as u64 & ones(bits), bits, false),
        "min" => numbers.min().expect("there are lanes"),
        "max" => numbers.max().expect("there are lanes"),
        _ => panic!("the reference does not know reduce_{op}"),
    };
    vec![result as u64 & ones(bits.max(32))]
}

/// Operations whose operands have lanes of another width.
fn resized(plain: &str, bits: u32, is_unsigned: bool, operands: &[Slots]) -> Option<Lanes> {
    let name = plain.rsplit_once('_').map_or(plain, |(name, _)| name);
    // Lanes of half the width, where the operands have those.
    let half = |operand: usize| {
        let lanes = split(&operands[operand], bits / 2).into_iter();
        let numbers = lanes.map(|lane| number(lane, bits / 2, is_unsigned));
        numbers.collect::<Vec<i128>>()
    };
    let of_half = |numbers: Vec<i128>, upper: bool| {
        let (low, high) = numbers.split_at(numbers.len() / 2);
        if upper { high.to_vec() } else { low.to_vec() }
    };
    let sums = |products: Vec<i128>, of: usize| -> Vec<i128> {
        products.chunks(of).map(|some| some.iter().sum()).collect()
    };
    let products = |a: Vec<i128>, b: Vec<i128>| -> Vec<i128> {
        a.iter().zip(&b).map(|(a, b)| a * b).collect()
    };
    let numbers = match name {
        "narrow" => {
            let both = [operands[0].as_slice(), &operands[1]].concat();
            let wide = split(&both, 2 * bits).into_iter();
            let narrow =
                wide.map(|lane| saturated(number(lane, 2 * bits, false), bits, is_unsigned));
            return Some(narrow.collect());
        }
        "extend_low" | "extend_high" => of_half(half(0), name.ends_with("high")),
        "extmul_low" | "extmul_high" => {
            let upper = name.ends_with("high");
            products(of_half(half(0), upper), of_half(half(1), upper))
        }
        "extadd_pairwise" => sums(half(0), 2),
        "dot" => sums(products(half(0), half(1)), 2),
        // `dot_i8x32_add`
        _ if name.starts_with("dot_") => {
            let bytes = |operand: usize| -> Vec<i128> {
                let lanes = split(&operands[operand], 8).into_iter();
                lanes.map(|lane| number(lane, 8, false)).collect()
            };
            let added = split(&operands[2], bits).into_iter();
            let sums = sums(products(bytes(0), bytes(1)), 4).into_iter();
            sums.zip(added)
                .map(|(sum, added)| sum + i128::from(added))
                .collect()
        }
        _ => return None,
    };
    Some(numbers.into_iter().map(|number| number as u64).collect())
}

/// Integer parts of floats, in lanes of 32 bits; zeros above those of wider floats.
fn truncated(name: &str, slots: &[u64]) -> Slots {
    let is_unsigned = name.contains("_u");
    let of_doubles = name.contains("_f64");
    let lanes = split(slots, if of_doubles { 64 } else { 32 }).into_iter();
    let mut lanes: Lanes = lanes
        .map(|lane| {
            let value = match of_doubles {
                true => f64::from_bits(lane),
                false => f64::from(f32::from_bits(lane as u32)),
            };
            // A cast of a NaN is 0, and saturates.
            saturated(value.trunc() as i128, 32, is_unsigned)
        })
        .collect();
    lanes.resize(slots.len() * 2, 0);
    join(&lanes, 32)
}
