//! Multiplies dense matrices of 64-bit floats by the schoolbook method, in the loop order i-k-j
//! that walks all three matrices row by row, and checks the product with Freivalds' test: for a
//! vector x, A(Bx) must equal (AB)x. Elements are small whole numbers, so that all sums are exact.
//! A multiply-add stream over memory. The size is the number of rows and columns.
//!
//! test-args: 24

fn main() {
    let n = size_argument(1400);
    let mut random = XorShift(0x2545_f491_4f6c_dd1d);
    let a = Matrix::random(n, &mut random);
    let b = Matrix::random(n, &mut random);
    let product = a.multiply(&b);

    let x: Vec<f64> = (0..n).map(|_| random.small()).collect();
    let agrees = a.apply(&b.apply(&x)) == product.apply(&x);
    let trace: f64 = (0..n).map(|i| product.row(i)[i]).sum();
    let corner = product.row(n - 1)[0];
    let largest = product
        .elements
        .iter()
        .copied()
        .fold(f64::NEG_INFINITY, f64::max);
    println!("{n} x {n}: trace {trace:.1}, last row starts {corner:.1}, largest {largest:.1}");
    println!("check: {}", if agrees { "passed" } else { "FAILED" });
}

/// A square matrix, row by row.
struct Matrix {
    n: usize,
    elements: Vec<f64>,
}

impl Matrix {
    fn random(n: usize, random: &mut XorShift) -> Matrix {
        Matrix {
            n,
            elements: (0..n * n).map(|_| random.small()).collect(),
        }
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.elements[i * self.n..(i + 1) * self.n]
    }

    fn multiply(&self, other: &Matrix) -> Matrix {
        let n = self.n;
        let mut elements = vec![0.0; n * n];
        for (i, out_row) in elements.chunks_exact_mut(n).enumerate() {
            for (k, &factor) in self.row(i).iter().enumerate() {
                for (out, value) in out_row.iter_mut().zip(other.row(k)) {
                    *out += factor * value;
                }
            }
        }
        Matrix { n, elements }
    }

    /// The product with a column vector.
    fn apply(&self, vector: &[f64]) -> Vec<f64> {
        (0..self.n)
            .map(|i| self.row(i).iter().zip(vector).map(|(m, x)| m * x).sum())
            .collect()
    }
}

/// Marsaglia's xorshift generator with 64 bits of state.
struct XorShift(u64);

impl XorShift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A whole number between -128 and 127.
    fn small(&mut self) -> f64 {
        f64::from((self.next() >> 56) as u8 as i8)
    }
}

/// The size given as the first argument, or the default.
fn size_argument(default: usize) -> usize {
    let size = match std::env::args().nth(1) {
        None => default,
        Some(text) => text.parse().unwrap_or_else(|_| {
            eprintln!("the size must be a whole number, not {text:?}");
            std::process::exit(2)
        }),
    };
    if size == 0 || size > 4096 {
        eprintln!("the size must be between 1 and 4096");
        std::process::exit(2);
    }
    size
}
