//! Validates UTF-8 sixteen bytes at a time by table lookups (Keiser and Lemire, "Validating UTF-8 In Less
//! Than One Instruction Per Byte"): shifts, shuffles, swizzles and saturating subtractions of bytes. A
//! generated text of several scripts is validated whole, and again with single bytes damaged. It prints
//! how many of the damaged texts are still valid. The size is the number of passes over 64 KiB.
//!
//! test-args: 40

/// Sixteen bytes.
#[cfg(target_arch = "wasm32")]
mod lanes {
    use std::arch::wasm32::*;

    pub type U8x16 = v128;

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn load(bytes: &[u8; 16]) -> U8x16 {
        // SAFETY: as many bytes are there, and loads need no alignment.
        unsafe { v128_load(bytes.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn splat(a: u8) -> U8x16 {
        u8x16_splat(a)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn and(a: U8x16, b: U8x16) -> U8x16 {
        v128_and(a, b)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn or(a: U8x16, b: U8x16) -> U8x16 {
        v128_or(a, b)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn xor(a: U8x16, b: U8x16) -> U8x16 {
        v128_xor(a, b)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn shift_right_4(a: U8x16) -> U8x16 {
        u8x16_shr(a, 4)
    }

    /// The difference, at least 0.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn saturating_sub(a: U8x16, b: U8x16) -> U8x16 {
        u8x16_sub_sat(a, b)
    }

    /// The entries of a table that the lanes name.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn lookup(table: U8x16, at: U8x16) -> U8x16 {
        i8x16_swizzle(table, at)
    }

    /// The bytes that start one, two and three bytes before.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn earlier(a: U8x16, before: U8x16) -> [U8x16; 3] {
        [
            i8x16_shuffle::<15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30>(before, a),
            i8x16_shuffle::<14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29>(before, a),
            i8x16_shuffle::<13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28>(before, a),
        ]
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn any(a: U8x16) -> bool {
        v128_any_true(a)
    }

    /// Whether the highest bit is set anywhere.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn any_high(a: U8x16) -> bool {
        u8x16_bitmask(a) != 0
    }
}

/// Sixteen bytes, where there are no vectors to be named.
#[cfg(not(target_arch = "wasm32"))]
mod lanes {
    pub type U8x16 = [u8; 16];

    pub fn load(bytes: &[u8; 16]) -> U8x16 {
        *bytes
    }

    pub fn splat(a: u8) -> U8x16 {
        [a; 16]
    }

    fn zip(a: U8x16, b: U8x16, f: impl Fn(u8, u8) -> u8) -> U8x16 {
        let mut out = a;
        for (out, b) in out.iter_mut().zip(b) {
            *out = f(*out, b);
        }
        out
    }

    pub fn and(a: U8x16, b: U8x16) -> U8x16 {
        zip(a, b, |a, b| a & b)
    }

    pub fn or(a: U8x16, b: U8x16) -> U8x16 {
        zip(a, b, |a, b| a | b)
    }

    pub fn xor(a: U8x16, b: U8x16) -> U8x16 {
        zip(a, b, |a, b| a ^ b)
    }

    pub fn shift_right_4(a: U8x16) -> U8x16 {
        a.map(|a| a >> 4)
    }

    pub fn saturating_sub(a: U8x16, b: U8x16) -> U8x16 {
        zip(a, b, u8::saturating_sub)
    }

    pub fn lookup(table: U8x16, at: U8x16) -> U8x16 {
        at.map(|at| table.get(usize::from(at)).copied().unwrap_or(0))
    }

    pub fn earlier(a: U8x16, before: U8x16) -> [U8x16; 3] {
        let mut both = [0; 32];
        both[..16].copy_from_slice(&before);
        both[16..].copy_from_slice(&a);
        let by = |n: usize| {
            let mut out = [0; 16];
            out.copy_from_slice(&both[16 - n..32 - n]);
            out
        };
        [by(1), by(2), by(3)]
    }

    pub fn any(a: U8x16) -> bool {
        a != [0; 16]
    }

    pub fn any_high(a: U8x16) -> bool {
        a.iter().any(|&a| a >= 0x80)
    }
}

use lanes::*;

/// What two bytes in a row can be wrong with; each table says what a nibble allows.
const TOO_SHORT: u8 = 1 << 0;
const TOO_LONG: u8 = 1 << 1;
const OVERLONG_3: u8 = 1 << 2;
const TOO_LARGE: u8 = 1 << 3;
const SURROGATE: u8 = 1 << 4;
const OVERLONG_2: u8 = 1 << 5;
const TOO_LARGE_1000: u8 = 1 << 6;
const OVERLONG_4: u8 = 1 << 6;
const TWO_CONTINUATIONS: u8 = 1 << 7;
const CARRY: u8 = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS;

const FIRST_HIGH: [u8; 16] = [
    TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
    TWO_CONTINUATIONS, TWO_CONTINUATIONS, TWO_CONTINUATIONS, TWO_CONTINUATIONS,
    TOO_SHORT | OVERLONG_2,
    TOO_SHORT,
    TOO_SHORT | OVERLONG_3 | SURROGATE,
    TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4,
];

const FIRST_LOW: [u8; 16] = [
    CARRY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4,
    CARRY | OVERLONG_2,
    CARRY,
    CARRY,
    CARRY | TOO_LARGE,
    CARRY | TOO_LARGE | TOO_LARGE_1000,
    CARRY | TOO_LARGE | TOO_LARGE_1000,
    CARRY | TOO_LARGE | TOO_LARGE_1000,
    CARRY | TOO_LARGE | TOO_LARGE_1000,
    CARRY | TOO_LARGE | TOO_LARGE_1000,
    CARRY | TOO_LARGE | TOO_LARGE_1000,
    CARRY | TOO_LARGE | TOO_LARGE_1000,
    CARRY | TOO_LARGE | TOO_LARGE_1000,
    CARRY | TOO_LARGE | TOO_LARGE_1000 | SURROGATE,
    CARRY | TOO_LARGE | TOO_LARGE_1000,
    CARRY | TOO_LARGE | TOO_LARGE_1000,
];

const SECOND_HIGH: [u8; 16] = [
    TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
    TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4,
    TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | TOO_LARGE,
    TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | SURROGATE | TOO_LARGE,
    TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | SURROGATE | TOO_LARGE,
    TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
];

/// What the last bytes of a block may be at most where nothing is to follow.
const COMPLETE: [u8; 16] = [
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0xef, 0xdf, 0xbf,
];

const TEXT_BYTES: usize = 64 << 10;

fn main() {
    let passes = size_argument(200_000);
    let mut text = text();
    assert!(is_valid(&text) && std::str::from_utf8(&text).is_ok());
    let mut state = 1_u64;
    let mut valid = 0;
    for _ in 0..passes {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let at = (state >> 33) as usize % TEXT_BYTES;
        let before = text[at];
        text[at] = (state >> 20) as u8;
        let found = is_valid(&text);
        if at < 4096 {
            // Now and then, the library is asked, too.
            assert_eq!(found, std::str::from_utf8(&text).is_ok());
        }
        valid += usize::from(found);
        text[at] = before;
    }
    println!("{} of {} damaged texts are valid", valid, passes);
}

/// Characters of one to four bytes.
fn text() -> Vec<u8> {
    const PARTS: [&str; 6] = ["plain words, ", "Grüße, ", "γνῶθι ", "привет ", "日本語 ", "𝛑≈3.14 🙂 "];
    let mut text = String::new();
    let mut state = 88172645463325252_u64;
    while text.len() < TEXT_BYTES - 32 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // Mostly plain.
        let part = if state % 3 == 0 { state / 3 % 6 } else { 0 };
        text.push_str(PARTS[part as usize]);
    }
    let mut bytes = text.into_bytes();
    bytes.resize(TEXT_BYTES, b' ');
    bytes
}

/// Whether bytes, of whole blocks, are UTF-8.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn is_valid(bytes: &[u8]) -> bool {
    let mut error = splat(0);
    let mut before = splat(0);
    let mut incomplete = splat(0);
    for block in bytes.chunks_exact(16) {
        let mut lanes = [0; 16];
        lanes.copy_from_slice(block);
        let input = load(&lanes);
        if any_high(input) {
            error = or(error, check(input, before));
            incomplete = saturating_sub(input, load(&COMPLETE));
        } else {
            // Nothing may have been left open.
            error = or(error, incomplete);
            incomplete = splat(0);
        }
        before = input;
    }
    !any(or(error, incomplete))
}

/// The mistakes in a block, which follows another one.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn check(input: U8x16, before: U8x16) -> U8x16 {
    let [one, two, three] = earlier(input, before);
    let low_nibbles = splat(0x0f);
    let pairs = and(
        and(
            lookup(load(&FIRST_HIGH), shift_right_4(one)),
            lookup(load(&FIRST_LOW), and(one, low_nibbles)),
        ),
        lookup(load(&SECOND_HIGH), shift_right_4(input)),
    );
    // The third and fourth bytes of a character have to be continuations, and nothing else may be.
    let third = saturating_sub(two, splat(0xe0 - 0x80));
    let fourth = saturating_sub(three, splat(0xf0 - 0x80));
    let wanted = and(or(third, fourth), splat(0x80));
    xor(wanted, pairs)
}

fn size_argument(default: usize) -> usize {
    match std::env::args().nth(1) {
        None => default,
        Some(text) => text.parse().unwrap_or_else(|_| {
            eprintln!("the size must be a whole number, not {text:?}");
            std::process::exit(2)
        }),
    }
}
