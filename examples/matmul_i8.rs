//! Multiplies matrices of 8-bit integers, as quantized neural networks do: products of bytes, widened to 16
//! bits, whose sums are 32 bits wide; then scales the result back to 8 bits, and multiplies that again. It
//! prints a checksum of the last matrix. The size is the number of products of 256 by 256 matrices.
//!
//! test-args: 2

/// Sixteen integers, and sums of their products.
#[cfg(target_arch = "wasm32")]
mod lanes {
    use std::arch::wasm32::*;

    pub type I8x16 = v128;
    pub type I32x4 = v128;

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn load(from: &[i8; 16]) -> I8x16 {
        // SAFETY: as many bytes are there, and loads need no alignment.
        unsafe { v128_load(from.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn zero() -> I32x4 {
        i32x4_splat(0)
    }

    /// Adds the products of four neighbouring lanes each.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn add_products(sums: I32x4, a: I8x16, b: I8x16) -> I32x4 {
        let low = i32x4_dot_i16x8(i16x8_extend_low_i8x16(a), i16x8_extend_low_i8x16(b));
        let high = i32x4_dot_i16x8(i16x8_extend_high_i8x16(a), i16x8_extend_high_i8x16(b));
        i32x4_add(sums, i32x4_add(low, high))
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn sum(a: I32x4) -> i32 {
        i32x4_extract_lane::<0>(a)
            .wrapping_add(i32x4_extract_lane::<1>(a))
            .wrapping_add(i32x4_extract_lane::<2>(a))
            .wrapping_add(i32x4_extract_lane::<3>(a))
    }
}

/// Sixteen integers, and sums of their products, where there are no vectors to be named.
#[cfg(not(target_arch = "wasm32"))]
mod lanes {
    pub type I8x16 = [i8; 16];
    pub type I32x4 = [i32; 4];

    pub fn load(from: &[i8; 16]) -> I8x16 {
        *from
    }

    pub fn zero() -> I32x4 {
        [0; 4]
    }

    pub fn add_products(mut sums: I32x4, a: I8x16, b: I8x16) -> I32x4 {
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            sums[i / 2 % 4] += i32::from(*a) * i32::from(b);
        }
        sums
    }

    pub fn sum(a: I32x4) -> i32 {
        a.iter().sum()
    }
}

use lanes::*;

const N: usize = 256;

/// Rows of a matrix.
type Matrix = Vec<[i8; N]>;

fn main() {
    let products = size_argument(1_000);
    let weights = random(1);
    let mut state = random(2);
    for _ in 0..products {
        state = multiply(&state, &weights);
    }
    let sum = state
        .iter()
        .flatten()
        .fold(0_u32, |sum, &value| sum.rotate_left(7).wrapping_add(value as u32));
    println!("{} products: {:08x}", products, sum);
}

fn random(seed: u64) -> Matrix {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as i8
    };
    (0..N)
        .map(|_| {
            let mut row = [0; N];
            row.iter_mut().for_each(|value| *value = next());
            row
        })
        .collect()
}

/// The product of a matrix and another one, which is given by its columns.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn multiply(rows: &[[i8; N]], columns: &[[i8; N]]) -> Matrix {
    let mut product = Vec::with_capacity(N);
    for row in rows {
        let mut out = [0; N];
        // Four columns at a time, so that each part of a row is read once for them.
        for (out, columns) in out.chunks_exact_mut(4).zip(columns.chunks_exact(4)) {
            let mut sums = [zero(); 4];
            for at in (0..N).step_by(16) {
                let part = load(&sixteen(row, at));
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = add_products(*sum, part, load(&sixteen(column, at)));
                }
            }
            for (out, sums) in out.iter_mut().zip(sums) {
                // The standard deviation of a sum of 256 products is about 16 times that of a product.
                *out = (sum(sums) >> 10) as i8;
            }
        }
        product.push(out);
    }
    product
}

#[inline]
fn sixteen(row: &[i8; N], at: usize) -> [i8; 16] {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&row[at..at + 16]);
    bytes
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
