//! Multiplies square matrices of floating-point numbers, on vectors of 256 bits with 32-bit and with 64-bit
//! lanes and on vectors of 512 bits: the product of each row with a block of columns is kept in four vectors.
//! It checks the products' effect on a vector, and prints their traces. The size is how many rows there are.
//!
//! test-args: 67

use dotvm_sdk::simd::{FloatLane, Vector};

fn main() {
    let n = size_argument(1024);
    println!("{} x {}", n, n);
    multiply_random::<f32, 4>(n, "f32 in 256 bits");
    multiply_random::<f32, 8>(n, "f32 in 512 bits");
    multiply_random::<f64, 4>(n, "f64 in 256 bits");
    multiply_random::<f64, 8>(n, "f64 in 512 bits");
}

/// Multiplies matrices of small whole numbers, so that all sums are exact.
fn multiply_random<T: Number, const N: usize>(n: usize, name: &str) {
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    let a = Matrix::<T, N>::new(n, |_, _| numbers.next());
    let b = Matrix::<T, N>::new(n, |_, _| numbers.next());
    let product = a.multiply(&b);
    let vector: Vec<f64> = (0..n).map(|_| numbers.next()).collect();
    let (one, two) = (product.apply(&vector), a.apply(&b.apply(&vector)));
    assert!(one == two, "a product does something else than both");
    let trace: f64 = (0..n).map(|i| product.row(i)[i].into()).sum();
    println!(
        "{}: trace {}, first column {:?}",
        name,
        trace,
        &one[..3.min(n)]
    );
}

/// A lane with what a matrix takes.
trait Number: FloatLane + From<i8> + Into<f64> {}

impl Number for f32 {}
impl Number for f64 {}

/// A square matrix, the rows of which are filled up with zeros to a multiple of four vectors.
struct Matrix<T, const N: usize> {
    n: usize,
    stride: usize,
    elements: Vec<T>,
}

impl<T: Number, const N: usize> Matrix<T, N> {
    /// Elements of a row that are computed together.
    const BLOCK: usize = 4 * Vector::<T, N>::LANES;

    fn new(n: usize, mut element: impl FnMut(usize, usize) -> T) -> Matrix<T, N> {
        let stride = (n + Self::BLOCK - 1) / Self::BLOCK * Self::BLOCK;
        let mut elements = vec![T::default(); n * stride];
        for (i, row) in elements.chunks_exact_mut(stride).enumerate() {
            for (j, value) in row[..n].iter_mut().enumerate() {
                *value = element(i, j);
            }
        }
        Matrix {
            n,
            stride,
            elements,
        }
    }

    fn row(&self, i: usize) -> &[T] {
        &self.elements[i * self.stride..][..self.n]
    }

    fn multiply(&self, other: &Matrix<T, N>) -> Matrix<T, N> {
        let mut product = Matrix::new(self.n, |_, _| T::default());
        let rows = product.elements.chunks_exact_mut(self.stride);
        for (i, out) in rows.enumerate() {
            for (block, out) in out.chunks_exact_mut(Self::BLOCK).enumerate() {
                let columns = &other.elements[block * Self::BLOCK..];
                multiply_block::<T, N>(self.row(i), columns, self.stride, out);
            }
        }
        product
    }

    /// The product with a column vector.
    fn apply(&self, vector: &[f64]) -> Vec<f64> {
        let product = |(&a, &b): (&T, &f64)| a.into() * b;
        (0..self.n)
            .map(|i| self.row(i).iter().zip(vector).map(product).sum())
            .collect()
    }
}

/// The product of a row and a block of columns, whose rows begin every `stride` elements.
fn multiply_block<T: Number, const N: usize>(
    row: &[T],
    columns: &[T],
    stride: usize,
    out: &mut [T],
) {
    let lanes = Vector::<T, N>::LANES;
    let [mut a, mut b, mut c, mut d] = [Vector::<T, N>::ZERO; 4];
    for (&factor, columns) in row.iter().zip(columns.chunks(stride)) {
        let (factor, columns) = (Vector::splat(factor), &columns[..4 * lanes]);
        a = factor.mul_add(Vector::load(columns), a);
        b = factor.mul_add(Vector::load(&columns[lanes..]), b);
        c = factor.mul_add(Vector::load(&columns[2 * lanes..]), c);
        d = factor.mul_add(Vector::load(&columns[3 * lanes..]), d);
    }
    for (sum, out) in [a, b, c, d].iter().zip(out.chunks_exact_mut(lanes)) {
        sum.store(out);
    }
}

/// Marsaglia's xorshift generator with 64 bits of state.
struct Numbers(u64);

impl Numbers {
    /// A whole number between -8 and 7.
    fn next<T: Number>(&mut self) -> T {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        T::from((self.0 >> 60) as i8 - 8)
    }
}

/// The size given as the first argument, or the default.
fn size_argument(default: usize) -> usize {
    let size = match std::env::args().nth(1) {
        None => default,
        Some(text) => text.parse().unwrap_or_else(|_| {
            eprintln!("the size must be a whole number, not {:?}", text);
            std::process::exit(2)
        }),
    };
    if size == 0 || size > 2048 {
        eprintln!("the size must be between 1 and 2048");
        std::process::exit(2);
    }
    size
}
