//! Hashes a generated message with BLAKE3, four chunks at a time: vectors of `u32` that are added, combined and
//! rotated, and transposed at the start of every block. It prints the digest of a message of known digest,
//! and what comes of hashing a longer one again and again, each time with the last digest in front of it.
//! The size is how often.
//!
//! test-args: 2

/// Four integers.
#[cfg(target_arch = "wasm32")]
mod lanes {
    use std::arch::wasm32::*;

    pub type U32x4 = v128;

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn new(a: u32, b: u32, c: u32, d: u32) -> U32x4 {
        u32x4(a, b, c, d)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn splat(a: u32) -> U32x4 {
        u32x4_splat(a)
    }

    /// 16 bytes as little-endian integers.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn load(bytes: &[u8; 16]) -> U32x4 {
        // SAFETY: as many bytes are there, and loads need no alignment.
        unsafe { v128_load(bytes.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn store(a: U32x4) -> [u32; 4] {
        [
            u32x4_extract_lane::<0>(a),
            u32x4_extract_lane::<1>(a),
            u32x4_extract_lane::<2>(a),
            u32x4_extract_lane::<3>(a),
        ]
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn add(a: U32x4, b: U32x4) -> U32x4 {
        u32x4_add(a, b)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn xor(a: U32x4, b: U32x4) -> U32x4 {
        v128_xor(a, b)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn rotate_right_16(a: U32x4) -> U32x4 {
        i8x16_shuffle::<2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13>(a, a)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn rotate_right_12(a: U32x4) -> U32x4 {
        v128_or(u32x4_shr(a, 12), u32x4_shl(a, 20))
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn rotate_right_8(a: U32x4) -> U32x4 {
        i8x16_shuffle::<1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12>(a, a)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn rotate_right_7(a: U32x4) -> U32x4 {
        v128_or(u32x4_shr(a, 7), u32x4_shl(a, 25))
    }

    /// Rows to columns.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn transpose([a, b, c, d]: [U32x4; 4]) -> [U32x4; 4] {
        let (low_ab, high_ab) = (
            u32x4_shuffle::<0, 4, 1, 5>(a, b),
            u32x4_shuffle::<2, 6, 3, 7>(a, b),
        );
        let (low_cd, high_cd) = (
            u32x4_shuffle::<0, 4, 1, 5>(c, d),
            u32x4_shuffle::<2, 6, 3, 7>(c, d),
        );
        [
            u32x4_shuffle::<0, 1, 4, 5>(low_ab, low_cd),
            u32x4_shuffle::<2, 3, 6, 7>(low_ab, low_cd),
            u32x4_shuffle::<0, 1, 4, 5>(high_ab, high_cd),
            u32x4_shuffle::<2, 3, 6, 7>(high_ab, high_cd),
        ]
    }
}

/// Four integers, where there are no vectors to be named.
#[cfg(not(target_arch = "wasm32"))]
mod lanes {
    pub type U32x4 = [u32; 4];

    pub fn new(a: u32, b: u32, c: u32, d: u32) -> U32x4 {
        [a, b, c, d]
    }

    pub fn splat(a: u32) -> U32x4 {
        [a; 4]
    }

    pub fn load(bytes: &[u8; 16]) -> U32x4 {
        let lane = |i| u32::from_le_bytes([bytes[i], bytes[i + 1], bytes[i + 2], bytes[i + 3]]);
        [lane(0), lane(4), lane(8), lane(12)]
    }

    pub fn store(a: U32x4) -> [u32; 4] {
        a
    }

    fn zip(a: U32x4, b: U32x4, f: impl Fn(u32, u32) -> u32) -> U32x4 {
        [f(a[0], b[0]), f(a[1], b[1]), f(a[2], b[2]), f(a[3], b[3])]
    }

    pub fn add(a: U32x4, b: U32x4) -> U32x4 {
        zip(a, b, u32::wrapping_add)
    }

    pub fn xor(a: U32x4, b: U32x4) -> U32x4 {
        zip(a, b, |a, b| a ^ b)
    }

    pub fn rotate_right_16(a: U32x4) -> U32x4 {
        a.map(|a| a.rotate_right(16))
    }

    pub fn rotate_right_12(a: U32x4) -> U32x4 {
        a.map(|a| a.rotate_right(12))
    }

    pub fn rotate_right_8(a: U32x4) -> U32x4 {
        a.map(|a| a.rotate_right(8))
    }

    pub fn rotate_right_7(a: U32x4) -> U32x4 {
        a.map(|a| a.rotate_right(7))
    }

    pub fn transpose(rows: [U32x4; 4]) -> [U32x4; 4] {
        let column = |i: usize| [rows[0][i], rows[1][i], rows[2][i], rows[3][i]];
        [column(0), column(1), column(2), column(3)]
    }
}

use lanes::*;

const CHUNK_BYTES: usize = 1024;
const BLOCK_BYTES: usize = 64;

/// 2 MiB, and three chunks: there is more than what four lanes have the same of.
const LONG_BYTES: usize = 2051 * CHUNK_BYTES;

const IV: [u32; 8] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
];

const PERMUTATION: [usize; 16] = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];

const CHUNK_START: u32 = 1;
const CHUNK_END: u32 = 2;
const PARENT: u32 = 4;
const ROOT: u32 = 8;

type ChainingValue = [u32; 8];

fn main() {
    let known = message(CHUNK_BYTES * 4);
    println!("4 KiB: {}", hex(&hash(&known)));
    let times = size_argument(600);
    let mut message = message(LONG_BYTES);
    let mut digest: ChainingValue = [0; 8];
    for _ in 0..times {
        for (bytes, word) in message.chunks_exact_mut(4).zip(digest) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        digest = hash(&message);
    }
    println!("{} times: {}", times, hex(&digest));
}

/// The message that the algorithm's test vectors use.
fn message(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| (i % 251) as u8).collect()
}

/// The digest of a message of whole chunks, more than one.
fn hash(message: &[u8]) -> ChainingValue {
    assert!(message.len() > CHUNK_BYTES && message.len() % CHUNK_BYTES == 0);
    let mut values = Vec::with_capacity(message.len() / CHUNK_BYTES);
    let mut rest = message;
    while !rest.is_empty() {
        let four = rest.len() >= 4 * CHUNK_BYTES;
        // Of the last few chunks, some are hashed more than once: there are four lanes anyway.
        let at = |i: usize| if four { i * CHUNK_BYTES } else { i * CHUNK_BYTES % rest.len() };
        let chunks = [0, 1, 2, 3].map(|i| &rest[at(i)..at(i) + CHUNK_BYTES]);
        let done = if four { 4 } else { rest.len() / CHUNK_BYTES };
        let four_values = hash_chunks(chunks, values.len() as u32);
        values.extend_from_slice(&four_values[..done]);
        rest = &rest[done * CHUNK_BYTES..];
    }
    root(&values)
}

/// The chaining values of four chunks, the first of which has that number.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn hash_chunks(chunks: [&[u8]; 4], first: u32) -> [ChainingValue; 4] {
    let mut state = IV.map(|word| splat(word));
    let counter = new(first, first + 1, first + 2, first + 3);
    for block in 0..CHUNK_BYTES / BLOCK_BYTES {
        let mut flags = 0;
        if block == 0 {
            flags |= CHUNK_START;
        }
        if block == CHUNK_BYTES / BLOCK_BYTES - 1 {
            flags |= CHUNK_END;
        }
        let words = words(&chunks, block * BLOCK_BYTES);
        compress(&mut state, words, counter, flags);
    }
    let low = transpose([state[0], state[1], state[2], state[3]]).map(|row| store(row));
    let high = transpose([state[4], state[5], state[6], state[7]]).map(|row| store(row));
    let value = |i: usize| {
        let mut value = [0; 8];
        value[..4].copy_from_slice(&low[i]);
        value[4..].copy_from_slice(&high[i]);
        value
    };
    [value(0), value(1), value(2), value(3)]
}

/// The words of a block of each chunk: a vector has the same word of all four.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn words(chunks: &[&[u8]; 4], at: usize) -> [U32x4; 16] {
    let mut words = [splat(0); 16];
    for quarter in 0..4 {
        let mut rows = [splat(0); 4];
        for (row, chunk) in rows.iter_mut().zip(chunks) {
            let start = at + quarter * 16;
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&chunk[start..start + 16]);
            *row = load(&bytes);
        }
        words[quarter * 4..quarter * 4 + 4].copy_from_slice(&transpose(rows));
    }
    words
}

/// Compresses a block of each of four chunks.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn compress(state: &mut [U32x4; 8], mut words: [U32x4; 16], counter: U32x4, flags: u32) {
    let mut v = [splat(0); 16];
    v[..8].copy_from_slice(&state[..]);
    for i in 0..4 {
        v[8 + i] = splat(IV[i]);
    }
    v[12] = counter;
    v[14] = splat(BLOCK_BYTES as u32);
    v[15] = splat(flags);
    for round in 0..7 {
        mix(&mut v, [0, 4, 8, 12], words[0], words[1]);
        mix(&mut v, [1, 5, 9, 13], words[2], words[3]);
        mix(&mut v, [2, 6, 10, 14], words[4], words[5]);
        mix(&mut v, [3, 7, 11, 15], words[6], words[7]);
        mix(&mut v, [0, 5, 10, 15], words[8], words[9]);
        mix(&mut v, [1, 6, 11, 12], words[10], words[11]);
        mix(&mut v, [2, 7, 8, 13], words[12], words[13]);
        mix(&mut v, [3, 4, 9, 14], words[14], words[15]);
        if round < 6 {
            let before = words;
            for (word, &from) in words.iter_mut().zip(&PERMUTATION) {
                *word = before[from];
            }
        }
    }
    for i in 0..8 {
        state[i] = xor(v[i], v[i + 8]);
    }
}

#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn mix(v: &mut [U32x4; 16], [a, b, c, d]: [usize; 4], x: U32x4, y: U32x4) {
    v[a] = add(add(v[a], v[b]), x);
    v[d] = rotate_right_16(xor(v[d], v[a]));
    v[c] = add(v[c], v[d]);
    v[b] = rotate_right_12(xor(v[b], v[c]));
    v[a] = add(add(v[a], v[b]), y);
    v[d] = rotate_right_8(xor(v[d], v[a]));
    v[c] = add(v[c], v[d]);
    v[b] = rotate_right_7(xor(v[b], v[c]));
}

/// The digest of a tree with these leaves: the left part of each node is the largest power of two that
/// leaves something for the right one.
fn root(values: &[ChainingValue]) -> ChainingValue {
    let (left, right) = halves(values);
    parent(&subtree(left), &subtree(right), ROOT)
}

fn subtree(values: &[ChainingValue]) -> ChainingValue {
    if let [value] = values {
        return *value;
    }
    let (left, right) = halves(values);
    parent(&subtree(left), &subtree(right), 0)
}

fn halves(values: &[ChainingValue]) -> (&[ChainingValue], &[ChainingValue]) {
    values.split_at(values.len().next_power_of_two() / 2)
}

/// The chaining value of a node, by scalars: there are few.
fn parent(left: &ChainingValue, right: &ChainingValue, flags: u32) -> ChainingValue {
    let mut words = [0; 16];
    words[..8].copy_from_slice(left);
    words[8..].copy_from_slice(right);
    let mut v = [0; 16];
    v[..8].copy_from_slice(&IV);
    v[8..12].copy_from_slice(&IV[..4]);
    v[14] = BLOCK_BYTES as u32;
    v[15] = PARENT | flags;
    let mut mix = |[a, b, c, d]: [usize; 4], x: u32, y: u32| {
        v[a] = v[a].wrapping_add(v[b]).wrapping_add(x);
        v[d] = (v[d] ^ v[a]).rotate_right(16);
        v[c] = v[c].wrapping_add(v[d]);
        v[b] = (v[b] ^ v[c]).rotate_right(12);
        v[a] = v[a].wrapping_add(v[b]).wrapping_add(y);
        v[d] = (v[d] ^ v[a]).rotate_right(8);
        v[c] = v[c].wrapping_add(v[d]);
        v[b] = (v[b] ^ v[c]).rotate_right(7);
    };
    for _ in 0..7 {
        for i in 0..4 {
            mix([i, 4 + i, 8 + i, 12 + i], words[2 * i], words[2 * i + 1]);
        }
        for i in 0..4 {
            let places = [i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4];
            mix(places, words[8 + 2 * i], words[9 + 2 * i]);
        }
        let before = words;
        for (word, &from) in words.iter_mut().zip(&PERMUTATION) {
            *word = before[from];
        }
    }
    let mut value = [0; 8];
    for i in 0..8 {
        value[i] = v[i] ^ v[i + 8];
    }
    value
}

fn hex(value: &ChainingValue) -> String {
    let bytes = value.iter().flat_map(|word| word.to_le_bytes());
    bytes.map(|byte| format!("{:02x}", byte)).collect()
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
