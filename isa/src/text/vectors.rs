//! Constants of vectors and lists of lanes in assembler text: reading and printing.
//!
//! A constant is a number of 128 bits, lane 0 in the lowest ones, or a shape and its lanes from lane 0
//! on: `v128.push 0x3f800000`, `v128.push f32x4 1.0 0.0 0.0 0.0`.

use std::fmt::Write;

use super::error::Parsed;
use super::lexer::Kind;
use super::literal;
use super::parser::Parser;
use crate::bits::Bits;
use crate::types::ValType;

/// The shapes a constant can be written in: name, bits of a lane, type of floats.
const SHAPES: [(&str, u32, Option<ValType>); 6] = [
    ("i8x16", 8, None),
    ("i16x8", 16, None),
    ("i32x4", 32, None),
    ("i64x2", 64, None),
    ("f32x4", 32, Some(ValType::F32)),
    ("f64x2", 64, Some(ValType::F64)),
];

/// How many lanes a shuffle names.
const SHUFFLED: u32 = 16;

/// Whether a word is the shape of a constant.
pub(super) fn is_shape(word: &str) -> bool {
    SHAPES.iter().any(|&(shape, ..)| shape == word)
}

/// Reads a constant.
pub(super) fn constant(parser: &mut Parser<'_>) -> Parsed<u128> {
    if parser.kind() == Kind::Number {
        let value = literal::int(parser.slice(), 128).map(Bits::low_128);
        return parser.literal(value);
    }
    for (shape, bits, float) in SHAPES {
        if parser.eat_word(shape) {
            return (0..128 / bits).try_fold(0, |vector, i| {
                let lane = match float {
                    Some(ty) => parser.number(ty)?,
                    None => parser.integer(bits)?,
                };
                Ok(vector | u128::from(lane) << (i * bits))
            });
        }
    }
    parser.unexpected("a number of 128 bits, or a shape such as `i32x4`")
}

/// Reads the lanes of a shuffle, as the bytes of a number.
pub(super) fn lanes(parser: &mut Parser<'_>) -> Parsed<u128> {
    (0..SHUFFLED).try_fold(0, |lanes, i| {
        let lane = parser.unsigned(8, "a lane")?;
        Ok(lanes | u128::from(lane) << (i * 8))
    })
}

/// Prints a constant.
pub(super) fn print_constant(out: &mut String, bits: u128) {
    write!(out, "{bits:#034x}").expect("writing to a string does not fail");
}

/// Prints the lanes of a shuffle.
pub(super) fn print_lanes(out: &mut String, lanes: u128) {
    for (i, lane) in lanes.to_le_bytes().into_iter().enumerate() {
        let space = if i == 0 { "" } else { " " };
        write!(out, "{space}{lane}").expect("writing to a string does not fail");
    }
}
