//! Counts primes and twin primes with a segmented sieve of Eratosthenes: the odd numbers of one
//! segment at a time, so that the working set stays in the first-level cache (Bays and Hudson,
//! 1977). Strided byte stores and scans. The size is the limit, inclusive.
//!
//! test-args: 100000

/// Odd numbers per segment; a byte each.
const SEGMENT_ODDS: u32 = 32 * 1024;

fn main() {
    let limit = size_argument(1_000_000_000);
    let mut census = Census::default();
    if limit >= 2 {
        census.prime(2);
    }
    sieve_odds(limit, &mut census);
    println!(
        "{} primes up to {limit}, the largest is {}",
        census.primes, census.last
    );
    println!("{} pairs of twins", census.twins);
}

#[derive(Default)]
struct Census {
    primes: u32,
    twins: u32,
    last: u32,
}

impl Census {
    /// Takes note of the next prime.
    fn prime(&mut self, prime: u32) {
        self.primes += 1;
        self.twins += u32::from(prime == self.last + 2 && self.last > 2);
        self.last = prime;
    }
}

/// Finds all odd primes up to the limit.
fn sieve_odds(limit: u32, census: &mut Census) {
    let base_primes = small_odd_primes(integer_square_root(limit));
    // For each base prime the index of its next odd multiple, counted from the segment's start.
    // Multiples below the square have a smaller factor.
    let mut next_multiple: Vec<u32> = base_primes.iter().map(|&p| p * p / 2).collect();
    let mut composite = vec![false; SEGMENT_ODDS as usize];
    // Index i of the whole sieve stands for the odd number 2 i + 1; index 0, the number 1, is none.
    let indices = (limit + 1) / 2;
    let mut start = 0;
    while start < indices {
        let length = SEGMENT_ODDS.min(indices - start);
        composite.fill(false);
        for (&prime, next) in base_primes.iter().zip(&mut next_multiple) {
            while *next < length {
                composite[*next as usize] = true;
                *next += prime;
            }
            *next -= length;
        }
        for (index, &is_composite) in (start..start + length).zip(&composite) {
            if !is_composite && index > 0 {
                census.prime(2 * index + 1);
            }
        }
        start += length;
    }
}

/// The odd primes up to the limit, by trial division by those found before.
fn small_odd_primes(limit: u32) -> Vec<u32> {
    let mut primes: Vec<u32> = Vec::new();
    for candidate in (3..=limit).step_by(2) {
        let is_prime = primes
            .iter()
            .take_while(|&&prime| prime * prime <= candidate)
            .all(|&prime| candidate % prime != 0);
        if is_prime {
            primes.push(candidate);
        }
    }
    primes
}

fn integer_square_root(n: u32) -> u32 {
    // 32-bit numbers are exact in 64-bit floats, and IEEE square roots are correctly rounded.
    f64::from(n).sqrt() as u32
}

/// The size given as the first argument, or the default.
fn size_argument(default: u32) -> u32 {
    let size = match std::env::args().nth(1) {
        None => default,
        Some(text) => text.parse().unwrap_or_else(|_| {
            eprintln!("the size must be a whole number, not {text:?}");
            std::process::exit(2)
        }),
    };
    if size > 2_000_000_000 {
        eprintln!("the size must be at most 2000000000");
        std::process::exit(2);
    }
    size
}
