//! Approximates the spectral norm (largest singular value) of the infinite matrix a(i, j) = 1 / ((i
//! + j)(i + j + 1) / 2 + i + 1), cut to n x n, by ten rounds of power iteration on its Gram matrix.
//! The problem is challenge 3 of Trefethen's "Hundred-Dollar, Hundred-Digit Challenge" in the form
//! of the Computer Language Benchmarks Game. Floating-point division in a tight loop; the matrix
//! itself is never stored. The size is n.
//!
//! test-args: 100

const ROUNDS: u32 = 10;

fn main() {
    let n = size_argument(4800);
    let mut u = vec![1.0; n as usize];
    let mut v = vec![0.0; n as usize];
    let mut scratch = vec![0.0; n as usize];
    for _ in 0..ROUNDS {
        multiply_gram(&u, &mut scratch, &mut v);
        multiply_gram(&v, &mut scratch, &mut u);
    }
    let norm = (dot(&u, &v) / dot(&v, &v)).sqrt();
    println!("spectral norm of the {n} x {n} matrix: {norm:.9}");
}

/// The matrix element in row `i` and column `j`.
fn element(i: u32, j: u32) -> f64 {
    let diagonal = i + j;
    1.0 / f64::from(diagonal * (diagonal + 1) / 2 + i + 1)
}

/// output = A input
fn multiply(input: &[f64], output: &mut [f64]) {
    for (i, out) in (0u32..).zip(output) {
        *out = (0u32..).zip(input).map(|(j, x)| element(i, j) * x).sum();
    }
}

/// output = transpose(A) input
fn multiply_transposed(input: &[f64], output: &mut [f64]) {
    for (i, out) in (0u32..).zip(output) {
        *out = (0u32..).zip(input).map(|(j, x)| element(j, i) * x).sum();
    }
}

/// output = transpose(A) A input
fn multiply_gram(input: &[f64], scratch: &mut [f64], output: &mut [f64]) {
    multiply(input, scratch);
    multiply_transposed(scratch, output);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// The size given as the first argument, or the default; the triangular numbers of the matrix limit
/// it.
fn size_argument(default: u32) -> u32 {
    let size = match std::env::args().nth(1) {
        None => default,
        Some(text) => text.parse().unwrap_or_else(|_| {
            eprintln!("the size must be a whole number, not {text:?}");
            std::process::exit(2)
        }),
    };
    if size == 0 || size > 20_000 {
        eprintln!("the size must be between 1 and 20000");
        std::process::exit(2);
    }
    size
}
