//! What a JPEG encoder and decoder do to a picture's blocks of 8 by 8 pixels: the discrete cosine transform in
//! 16-bit fixed point, quantization, and all of it backwards. A row of coefficients is a vector of eight
//! `i16`; transforms of columns work on rows of vectors, those of rows after transposing. It prints how
//! many coefficients are zero, the error of the picture that comes back, and its checksum. The size is
//! the number of times that a generated picture of 256 by 256 pixels is treated.
//!
//! test-args: 1

/// Eight integers.
#[cfg(target_arch = "wasm32")]
mod lanes {
    use std::arch::wasm32::*;

    pub type I16x8 = v128;

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn new(a: [i16; 8]) -> I16x8 {
        i16x8(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7])
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn splat(a: i16) -> I16x8 {
        i16x8_splat(a)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn add(a: I16x8, b: I16x8) -> I16x8 {
        i16x8_add(a, b)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn sub(a: I16x8, b: I16x8) -> I16x8 {
        i16x8_sub(a, b)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn mul(a: I16x8, b: I16x8) -> I16x8 {
        i16x8_mul(a, b)
    }

    /// The rounded product of fractions of 15 bits.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn scale(a: I16x8, b: I16x8) -> I16x8 {
        i16x8_q15mulr_sat(a, b)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn shift_left_1(a: I16x8) -> I16x8 {
        i16x8_shl(a, 1)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn shift_right_2(a: I16x8) -> I16x8 {
        i16x8_shr(a, 2)
    }

    /// A bit for each lane that is zero.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn zeros(a: I16x8) -> u32 {
        u32::from(i16x8_bitmask(i16x8_eq(a, i16x8_splat(0))) as u8)
    }

    /// Pixels as numbers around 0.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn load_pixels(pixels: &[u8; 8]) -> I16x8 {
        // SAFETY: as many bytes are there, and loads need no alignment.
        let wide = unsafe { u16x8_load_extend_u8x8(pixels.as_ptr()) };
        i16x8_sub(wide, i16x8_splat(128))
    }

    /// Numbers around 0 as pixels.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn store_pixels(a: I16x8) -> [u8; 8] {
        let a = i16x8_add(a, i16x8_splat(128));
        u64x2_extract_lane::<0>(u8x16_narrow_i16x8(a, a)).to_le_bytes()
    }

    /// The lower halves of two vectors, lane by lane.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn interleave_low(a: I16x8, b: I16x8) -> I16x8 {
        i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(a, b)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn interleave_high(a: I16x8, b: I16x8) -> I16x8 {
        i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(a, b)
    }
}

/// Eight integers, where there are no vectors to be named.
#[cfg(not(target_arch = "wasm32"))]
mod lanes {
    pub type I16x8 = [i16; 8];

    pub fn new(a: [i16; 8]) -> I16x8 {
        a
    }

    pub fn splat(a: i16) -> I16x8 {
        [a; 8]
    }

    fn zip(a: I16x8, b: I16x8, f: impl Fn(i16, i16) -> i16) -> I16x8 {
        let mut out = a;
        for (out, b) in out.iter_mut().zip(b) {
            *out = f(*out, b);
        }
        out
    }

    pub fn add(a: I16x8, b: I16x8) -> I16x8 {
        zip(a, b, i16::wrapping_add)
    }

    pub fn sub(a: I16x8, b: I16x8) -> I16x8 {
        zip(a, b, i16::wrapping_sub)
    }

    pub fn mul(a: I16x8, b: I16x8) -> I16x8 {
        zip(a, b, i16::wrapping_mul)
    }

    pub fn scale(a: I16x8, b: I16x8) -> I16x8 {
        zip(a, b, |a, b| {
            ((i32::from(a) * i32::from(b) + 0x4000) >> 15).min(i32::from(i16::MAX)) as i16
        })
    }

    pub fn shift_left_1(a: I16x8) -> I16x8 {
        a.map(|a| a << 1)
    }

    pub fn shift_right_2(a: I16x8) -> I16x8 {
        a.map(|a| a >> 2)
    }

    pub fn zeros(a: I16x8) -> u32 {
        (0..8).map(|i| u32::from(a[i] == 0) << i).sum()
    }

    pub fn load_pixels(pixels: &[u8; 8]) -> I16x8 {
        pixels.map(|pixel| i16::from(pixel) - 128)
    }

    pub fn store_pixels(a: I16x8) -> [u8; 8] {
        a.map(|a| (a + 128).max(0).min(255) as u8)
    }

    pub fn interleave_low(a: I16x8, b: I16x8) -> I16x8 {
        [a[0], b[0], a[1], b[1], a[2], b[2], a[3], b[3]]
    }

    pub fn interleave_high(a: I16x8, b: I16x8) -> I16x8 {
        [a[4], b[4], a[5], b[5], a[6], b[6], a[7], b[7]]
    }
}

use lanes::*;

type Block = [I16x8; 8];

const WIDTH: usize = 256;

/// The table for luminance of the JPEG standard, Annex K, a row at a time.
const QUANTA: [[i16; 8]; 8] = [
    [16, 11, 10, 16, 24, 40, 51, 61],
    [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77],
    [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101],
    [72, 92, 95, 98, 112, 100, 103, 99],
];

/// Half the cosine of `i * pi / 16` as fractions of 15 bits.
const COSINES: [i16; 8] = [16384, 16069, 15137, 13623, 11585, 9102, 6270, 3196];

fn main() {
    let times = size_argument(15_000);
    let picture = picture();
    let mut current = picture.clone();
    let mut zeros = 0;
    for _ in 0..times {
        zeros += treat(&mut current);
    }
    let error: u64 = picture
        .iter()
        .zip(&current)
        .map(|(&a, &b)| {
            let difference = i64::from(a) - i64::from(b);
            (difference * difference) as u64
        })
        .sum();
    let sum = current
        .iter()
        .fold(0_u32, |sum, &pixel| sum.rotate_left(3) ^ u32::from(pixel).wrapping_mul(0x9e37_79b1));
    println!("zero coefficients: {}", zeros);
    println!("squared error: {}", error);
    println!("checksum: {:08x}", sum);
}

/// Circles and noise.
fn picture() -> Vec<u8> {
    let mut state = 12345_u32;
    let mut pixels = Vec::with_capacity(WIDTH * WIDTH);
    for y in 0..WIDTH as i32 {
        for x in 0..WIDTH as i32 {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            let (dx, dy) = (x - 100, y - 140);
            let rings = (dx * dx + dy * dy) / 97 & 127;
            pixels.push((rings + x / 4 + (state >> 28) as i32) as u8);
        }
    }
    pixels
}

/// Encodes and decodes every block; returns how many coefficients were zero in between.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn treat(pixels: &mut [u8]) -> u32 {
    let quanta = QUANTA.map(|row| new(row));
    let reciprocals = QUANTA.map(|row| new(row.map(|quantum| (32768 / i32::from(quantum)) as i16)));
    let mut zero_count = 0;
    for y in (0..WIDTH).step_by(8) {
        for x in (0..WIDTH).step_by(8) {
            let at = |row: usize| (y + row) * WIDTH + x;
            let mut block = [splat(0); 8];
            for (row, lanes) in block.iter_mut().enumerate() {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(&pixels[at(row)..at(row) + 8]);
                *lanes = load_pixels(&bytes);
            }
            let mut block = forward(block);
            for row in 0..8 {
                let level = scale(block[row], reciprocals[row]);
                zero_count += zeros(level).count_ones();
                block[row] = mul(level, quanta[row]);
            }
            let block = backward(block);
            for (row, &lanes) in block.iter().enumerate() {
                pixels[at(row)..at(row) + 8].copy_from_slice(&store_pixels(lanes));
            }
        }
    }
    zero_count
}

/// The transform of columns, then of rows; coefficients are as in JPEG.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn forward(block: Block) -> Block {
    let columns = forward_columns(block);
    transpose(forward_columns(transpose(columns)))
}

#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn backward(block: Block) -> Block {
    let columns = backward_columns(block);
    let half = splat(2);
    transpose(backward_columns(transpose(columns))).map(|row| shift_right_2(add(row, half)))
}

/// Sums and differences first, then the even and the odd cosines.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn forward_columns(x: Block) -> Block {
    let c = COSINES.map(|cosine| splat(cosine));
    let sum = |i: usize| add(x[i], x[7 - i]);
    let difference = |i: usize| sub(x[i], x[7 - i]);
    let (s0, s1, s2, s3) = (sum(0), sum(1), sum(2), sum(3));
    let (d0, d1, d2, d3) = (difference(0), difference(1), difference(2), difference(3));
    let (outer, inner) = (add(s0, s3), add(s1, s2));
    let (outer_d, inner_d) = (sub(s0, s3), sub(s1, s2));
    [
        scale(add(outer, inner), c[4]),
        four([d0, d1, d2, d3], [c[1], c[3], c[5], c[7]], [false, false, false, false]),
        add(scale(outer_d, c[2]), scale(inner_d, c[6])),
        four([d0, d1, d2, d3], [c[3], c[7], c[1], c[5]], [false, true, true, true]),
        scale(sub(outer, inner), c[4]),
        four([d0, d1, d2, d3], [c[5], c[1], c[7], c[3]], [false, true, false, false]),
        sub(scale(outer_d, c[6]), scale(inner_d, c[2])),
        four([d0, d1, d2, d3], [c[7], c[5], c[3], c[1]], [false, true, false, true]),
    ]
}

/// The same backwards, twice as large.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn backward_columns(x: Block) -> Block {
    let c = COSINES.map(|cosine| splat(cosine));
    // Bits that the fractions lose are kept: the first transform works on a larger scale.
    let x = x.map(|row| shift_left_1(row));
    let (even_sum, even_difference) = (scale(add(x[0], x[4]), c[4]), scale(sub(x[0], x[4]), c[4]));
    let rotated = add(scale(x[2], c[2]), scale(x[6], c[6]));
    let rotated_d = sub(scale(x[2], c[6]), scale(x[6], c[2]));
    let even = [
        add(even_sum, rotated),
        add(even_difference, rotated_d),
        sub(even_difference, rotated_d),
        sub(even_sum, rotated),
    ];
    let odd = [x[1], x[3], x[5], x[7]];
    let odd = [
        four(odd, [c[1], c[3], c[5], c[7]], [false, false, false, false]),
        four(odd, [c[3], c[7], c[1], c[5]], [false, true, true, true]),
        four(odd, [c[5], c[1], c[7], c[3]], [false, true, false, false]),
        four(odd, [c[7], c[5], c[3], c[1]], [false, true, false, true]),
    ];
    [
        add(even[0], odd[0]),
        add(even[1], odd[1]),
        add(even[2], odd[2]),
        add(even[3], odd[3]),
        sub(even[3], odd[3]),
        sub(even[2], odd[2]),
        sub(even[1], odd[1]),
        sub(even[0], odd[0]),
    ]
}

/// The sum of four products, some of them negated.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn four(x: [I16x8; 4], factors: [I16x8; 4], negative: [bool; 4]) -> I16x8 {
    let mut sum = scale(x[0], factors[0]);
    for i in 1..4 {
        let product = scale(x[i], factors[i]);
        sum = if negative[i] { sub(sum, product) } else { add(sum, product) };
    }
    sum
}

/// Rows to columns.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn transpose(mut rows: Block) -> Block {
    // Interleaving the upper half with the lower one, as often as lanes can be halved.
    for _ in 0..3 {
        let before = rows;
        for i in 0..4 {
            rows[2 * i] = interleave_low(before[i], before[i + 4]);
            rows[2 * i + 1] = interleave_high(before[i], before[i + 4]);
        }
    }
    rows
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
