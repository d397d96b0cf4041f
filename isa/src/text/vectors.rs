//! Constants of vectors, other wide ones, and lists of lanes in assembler text: reading and printing.
//!
//! A constant of a vector is a number of its width, lane 0 in the lowest bits, or a shape and its lanes from
//! lane 0 on: `v128.push 0x3f800000`, `v128.push f32x4 1.0 0.0 0.0 0.0`.

use std::fmt::Write;

use super::error::Parsed;
use super::lexer::Kind;
use super::literal;
use super::parser::Parser;
use crate::bits::Bits;
use crate::types::ValType;

/// The lanes of the shapes a constant can be written in: name, bits, type of floats.
const LANES: [(&str, u32, Option<ValType>); 6] = [
    ("i8", 8, None),
    ("i16", 16, None),
    ("i32", 32, None),
    ("i64", 64, None),
    ("f32", 32, Some(ValType::F32)),
    ("f64", 64, Some(ValType::F64)),
];

/// How many lanes a shuffle names.
const SHUFFLED: u32 = 16;

/// Whether a word is the shape of a constant of that type.
pub(super) fn is_shape(word: &str, ty: ValType) -> bool {
    ty.is_vector() && LANES.iter().any(|lane| shape(lane.0, lane.1, ty) == word)
}

/// The name of a shape, such as `i32x4`.
fn shape(lane: &str, bits: u32, ty: ValType) -> String {
    format!("{lane}x{}", ty.bits() / bits)
}

/// Reads a constant of a type of vectors; returns its slots.
pub(super) fn constant(parser: &mut Parser<'_>, ty: ValType) -> Parsed<Bits> {
    if parser.kind() == Kind::Number {
        return parser.wide_integer(ty);
    }
    for (lane, bits, float) in LANES {
        if parser.eat_word(&shape(lane, bits, ty)) {
            let mut vector = Bits::default();
            for at in (0..ty.bits()).step_by(bits as usize) {
                let lane = match float {
                    Some(ty) => parser.number(ty)?,
                    None => parser.integer(bits)?,
                };
                vector.0[at as usize / 64] |= lane << (at % 64);
            }
            return Ok(vector);
        }
    }
    let (bits, example) = (ty.bits(), shape("i32", 32, ty));
    parser.unexpected(&format!(
        "a number of {bits} bits, or a shape such as `{example}`"
    ))
}

/// Reads a constant of a type of more than 64 bits; returns its slots.
pub(super) fn wide_constant(parser: &mut Parser<'_>, ty: ValType) -> Parsed<Bits> {
    match ty.is_vector() {
        true => constant(parser, ty),
        false => parser.wide_integer(ty),
    }
}

/// Reads the lanes of a shuffle, as the bytes of a number.
pub(super) fn lanes(parser: &mut Parser<'_>) -> Parsed<u128> {
    (0..SHUFFLED).try_fold(0, |lanes, i| {
        let lane = parser.unsigned(8, "a lane")?;
        Ok(lanes | u128::from(lane) << (i * 8))
    })
}

/// Prints a constant of a type of more than 64 bits: all digits of vectors.
pub(super) fn print_wide(out: &mut String, value: Bits, ty: ValType) {
    if !ty.is_vector() {
        return literal::print_integer(out, value, ty.bits());
    }
    out.push_str("0x");
    for slot in value.0[..ty.slots() as usize].iter().rev() {
        write!(out, "{slot:016x}").expect("writing to a string does not fail");
    }
}

/// Prints the lanes of a shuffle.
pub(super) fn print_lanes(out: &mut String, lanes: u128) {
    for (i, lane) in lanes.to_le_bytes().into_iter().enumerate() {
        let space = if i == 0 { "" } else { " " };
        write!(out, "{space}{lane}").expect("writing to a string does not fail");
    }
}
