//! Four loops that vectors are for, on 256 bits and on 512: sums of multiples, a scalar product, the product
//! of matrices of bytes, and the search for a byte. It prints what each computes. The size is how often.
//!
//! test-args: 2

use dotvm_sdk::simd::Vector;

/// Floats in a list.
const FLOATS: usize = 2048;

/// Rows of a matrix of bytes, and of its transpose.
const ROWS: usize = 32;

/// Bytes in a row.
const DEPTH: usize = 512;

/// Bytes that are searched.
const BYTES: usize = 8192;

fn main() {
    let rounds = size_argument(20_000);
    let data = Data::new();
    run::<4>(&data, rounds);
    run::<8>(&data, rounds);
}

struct Data {
    x: Vec<f32>,
    y: Vec<f32>,
    a: Vec<i8>,
    b: Vec<i8>,
    text: Vec<u8>,
}

impl Data {
    fn new() -> Data {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state >> 40
        };
        let mut floats = || (0..FLOATS).map(|_| next() as f32 / 4096.0).collect();
        let (x, y) = (floats(), floats());
        let mut small = || (0..ROWS * DEPTH).map(|_| next() as i8).collect();
        let (a, b) = (small(), small());
        let mut text: Vec<u8> = (0..BYTES).map(|_| next() as u8 | 1).collect();
        text[BYTES - 5] = 42;
        Data { x, y, a, b, text }
    }
}

/// Runs all loops with vectors of `N` limbs.
fn run<const N: usize>(data: &Data, rounds: usize) {
    let mut sums = data.y.clone();
    let mut product = vec![0; ROWS * ROWS];
    let (mut dots, mut places) = (0.0, 0);
    for round in 0..rounds {
        let factor = (round % 5) as f32 * 0.125 - 0.25;
        saxpy::<N>(factor, &data.x, &mut sums);
        dots += dot::<N>(&data.x, &sums);
        multiply::<N>(&data.a, &data.b, &mut product);
        places += find::<N>(&data.text, 42).unwrap_or(0);
    }
    println!("{} bits", 64 * N);
    println!("sums: {} {} {}", sums[0], sums[1], sums[FLOATS - 1]);
    println!("scalar products: {}", dots);
    println!("product: {:?} {:016x}", &product[..4], digest(&product));
    println!("places: {}", places);
}

/// Adds `a` times each of `x` to `y`. Lengths are multiples of what a vector has.
fn saxpy<const N: usize>(a: f32, x: &[f32], y: &mut [f32]) {
    let lanes = Vector::<f32, N>::LANES;
    let a = Vector::<f32, N>::splat(a);
    for (x, y) in x.chunks_exact(lanes).zip(y.chunks_exact_mut(lanes)) {
        (a * Vector::load(x) + Vector::load(y)).store(y);
    }
}

/// The sum of the products of `x` and `y`: four sums at once, since none has to wait for the others.
fn dot<const N: usize>(x: &[f32], y: &[f32]) -> f32 {
    let lanes = Vector::<f32, N>::LANES;
    let [mut a, mut b, mut c, mut d] = [Vector::<f32, N>::ZERO; 4];
    for (x, y) in x.chunks_exact(4 * lanes).zip(y.chunks_exact(4 * lanes)) {
        a += Vector::load(x) * Vector::load(y);
        b += Vector::load(&x[lanes..]) * Vector::load(&y[lanes..]);
        c += Vector::load(&x[2 * lanes..]) * Vector::load(&y[2 * lanes..]);
        d += Vector::load(&x[3 * lanes..]) * Vector::load(&y[3 * lanes..]);
    }
    (a + b + c + d).reduce_sum()
}

/// The products of the rows of `a` and those of `b`.
fn multiply<const N: usize>(a: &[i8], b: &[i8], product: &mut [i32]) {
    for (a, out) in a.chunks_exact(DEPTH).zip(product.chunks_exact_mut(ROWS)) {
        for (b, out) in b.chunks_exact(DEPTH).zip(out) {
            *out = dot_i8::<N>(a, b);
        }
    }
}

/// The sum of the products of `a` and `b`.
fn dot_i8<const N: usize>(a: &[i8], b: &[i8]) -> i32 {
    let lanes = Vector::<i16, N>::LANES;
    let mut sum = Vector::<i32, N>::ZERO;
    for (a, b) in a.chunks_exact(lanes).zip(b.chunks_exact(lanes)) {
        sum += Vector::<i16, N>::load_i8(a).dot_pairs(Vector::<i16, N>::load_i8(b));
    }
    sum.reduce_sum()
}

/// The place of the first byte that is `wanted`.
fn find<const N: usize>(bytes: &[u8], wanted: u8) -> Option<usize> {
    let lanes = Vector::<u8, N>::LANES;
    let all = Vector::<u8, N>::splat(wanted);
    for (i, bytes) in bytes.chunks_exact(lanes).enumerate() {
        let found = Vector::load(bytes).simd_eq(all);
        if found.any() {
            return Some(i * lanes + found.to_bitmask().trailing_zeros() as usize);
        }
    }
    None
}

/// A checksum that depends on the order.
fn digest(values: &[i32]) -> u64 {
    let step = |digest: u64, &value: &i32| {
        (digest ^ u64::from(value as u32)).wrapping_mul(0x100_0000_01b3)
    };
    values.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// The size given as the first argument, or the default.
fn size_argument(default: usize) -> usize {
    match std::env::args().nth(1) {
        None => default,
        Some(text) => text.parse().unwrap_or_else(|_| {
            eprintln!("the size must be a whole number, not {:?}", text);
            std::process::exit(2)
        }),
    }
}
