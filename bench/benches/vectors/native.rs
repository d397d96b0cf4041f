//! The kernels of the bench `vectors` in Rust, as a program: for each line on its input, a kernel and a number of
//! rounds, it says how many nanoseconds these took and what came of the last one.
//!
//! Each kernel is written so that the compiler finds vectors in it. The sum of floats and the search need
//! lanes for that, since neither may be reordered.

use std::hint::black_box;
use std::io::BufRead;
use std::time::Instant;

#[inline(never)]
fn saxpy(a: f32, x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = a * x + *y;
    }
}

#[inline(never)]
fn dot(x: &[f32], y: &[f32]) -> f32 {
    const LANES: usize = 32;
    let mut sums = [0.0; LANES];
    for (x, y) in x.chunks_exact(LANES).zip(y.chunks_exact(LANES)) {
        for i in 0..LANES {
            sums[i] += x[i] * y[i];
        }
    }
    sums.iter().sum()
}

/// Rows of `a` by rows of `b`.
#[inline(never)]
fn product(a: &[i8], b: &[i8], c: &mut [i32], depth: usize) {
    let columns = b.len() / depth;
    for (a, c) in a.chunks_exact(depth).zip(c.chunks_exact_mut(columns)) {
        for (b, c) in b.chunks_exact(depth).zip(c) {
            let products = a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b));
            *c = products.sum();
        }
    }
}

#[inline(never)]
fn search(bytes: &[u8], wanted: u8) -> Option<usize> {
    const LANES: usize = 64;
    for (i, chunk) in bytes.chunks_exact(LANES).enumerate() {
        if chunk.iter().fold(false, |any, &byte| any | (byte == wanted)) {
            let at = chunk.iter().position(|&byte| byte == wanted);
            return at.map(|at| i * LANES + at);
        }
    }
    None
}

fn main() {
    let floats = |modulus: usize| -> Vec<f32> { (0..2048).map(|i| (i % modulus) as f32).collect() };
    let (x, y) = (floats(7), floats(5));
    let mut sums = y.clone();
    let small = |modulus: usize| -> Vec<i8> { (0..32 * 512).map(|i| (i % modulus) as i8 - 50).collect() };
    let (a, b, mut c) = (small(101), small(97), vec![0; 32 * 32]);
    let mut bytes = vec![0; 8192];
    bytes[8191] = 7;
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let (kernel, rounds) = line.split_once(' ').expect("a kernel and a number");
        let rounds: u64 = rounds.parse().expect("a number");
        sums.copy_from_slice(&y);
        let mut result = 0.0;
        let start = Instant::now();
        for _ in 0..rounds {
            result = match kernel {
                "saxpy" => {
                    saxpy(black_box(0.5), black_box(&x), black_box(&mut sums));
                    sums[1]
                }
                "dot" => dot(black_box(&x), black_box(&y)),
                "product" => {
                    product(black_box(&a), black_box(&b), black_box(&mut c), 512);
                    c[33] as f32
                }
                _ => search(black_box(&bytes), black_box(7)).map_or(-1.0, |at| at as f32),
            };
        }
        println!("{} {result}", start.elapsed().as_nanos());
    }
}
