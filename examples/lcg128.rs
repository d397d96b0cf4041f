//! Number theory in 128 bits: draws odd 64-bit numbers from a linear congruential generator with
//! 128 bits of state (O'Neill's PCG XSL RR 128/64, 2014) and tests them for primality (Miller and
//! Rabin, with Sinclair's seven bases, which decide all 64-bit numbers). Everything is
//! multiplication and remainder of `u128`. At the end the generator is taken back to its start by
//! its own power, which checks every multiplication on the way. The size is the number of
//! candidates.
//!
//! test-args: 200

fn main() {
    let candidates = size_argument(120_000);
    let mut random = Pcg64::new(0x0123_4567_89ab_cdef_fedc_ba98_7654_3210);
    let start = random.state;
    let (mut primes, mut sum) = (0u32, 0u128);
    let (mut smallest, mut largest) = (u64::MAX, 0);
    for _ in 0..candidates {
        let candidate = random.next() | 1;
        if is_prime(candidate) {
            primes += 1;
            sum += u128::from(candidate);
            smallest = smallest.min(candidate);
            largest = largest.max(candidate);
        }
    }
    println!("{primes} primes among {candidates} odd numbers");
    if primes > 0 {
        println!(
            "between {smallest} and {largest}, mean {}",
            sum / u128::from(primes)
        );
    }
    println!("state of the generator: {:032x}", random.state);
    random.jump(0u128.wrapping_sub(u128::from(candidates)));
    println!("back at the start: {}", random.state == start);
    println!("2^64 - 59 is prime: {}", is_prime(u64::MAX - 58));
    println!(
        "(2^32 - 5)^2 is prime: {}",
        is_prime(4_294_967_291 * 4_294_967_291)
    );
}

struct Pcg64 {
    state: u128,
}

impl Pcg64 {
    const MULTIPLIER: u128 = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645;
    const INCREMENT: u128 = 0x5851_f42d_4c95_7f2d_1405_7b7e_f767_814f;

    fn new(seed: u128) -> Pcg64 {
        let mut generator = Pcg64 {
            state: seed.wrapping_add(Self::INCREMENT),
        };
        generator.step();
        generator
    }

    fn step(&mut self) {
        self.state = self
            .state
            .wrapping_mul(Self::MULTIPLIER)
            .wrapping_add(Self::INCREMENT);
    }

    fn next(&mut self) -> u64 {
        self.step();
        let folded = (self.state >> 64) as u64 ^ self.state as u64;
        folded.rotate_right((self.state >> 122) as u32)
    }

    /// Takes so many steps at once; steps count modulo 2^128, the period, so that negative ones
    /// lead back. Composes the affine map of one step with itself by repeated squaring (Brown,
    /// 1994).
    fn jump(&mut self, mut steps: u128) {
        let (mut multiplier, mut increment) = (Self::MULTIPLIER, Self::INCREMENT);
        while steps != 0 {
            if steps & 1 == 1 {
                self.state = self.state.wrapping_mul(multiplier).wrapping_add(increment);
            }
            increment = multiplier.wrapping_add(1).wrapping_mul(increment);
            multiplier = multiplier.wrapping_mul(multiplier);
            steps >>= 1;
        }
    }
}

fn is_prime(n: u64) -> bool {
    const BASES: [u64; 7] = [2, 325, 9_375, 28_178, 450_775, 9_780_504, 1_795_265_022];
    const SMALL_PRIMES: [u64; 4] = [3, 5, 7, 11];
    if n < 4 || n % 2 == 0 {
        return n == 2 || n == 3;
    }
    if SMALL_PRIMES
        .iter()
        .any(|&prime| n != prime && n % prime == 0)
    {
        return false;
    }
    let shift = (n - 1).trailing_zeros();
    let odd = (n - 1) >> shift;
    BASES.iter().all(|&base| passes(n, base % n, odd, shift))
}

/// Whether n behaves like a prime for a base: base^odd is 1, or one of its first `shift` squares
/// -1.
fn passes(n: u64, base: u64, odd: u64, shift: u32) -> bool {
    if base == 0 {
        return true;
    }
    let mut power = power_modulo(base, odd, n);
    if power == 1 {
        return true;
    }
    for _ in 0..shift {
        if power == n - 1 {
            return true;
        }
        power = multiply_modulo(power, power, n);
    }
    false
}

fn power_modulo(mut base: u64, mut exponent: u64, modulus: u64) -> u64 {
    let mut power = 1;
    while exponent != 0 {
        if exponent & 1 == 1 {
            power = multiply_modulo(power, base, modulus);
        }
        base = multiply_modulo(base, base, modulus);
        exponent >>= 1;
    }
    power
}

fn multiply_modulo(a: u64, b: u64, modulus: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(modulus)) as u64
}

/// The size given as the first argument, or the default.
fn size_argument(default: u32) -> u32 {
    match std::env::args().nth(1) {
        None => default,
        Some(text) => text.parse().unwrap_or_else(|_| {
            eprintln!("the size must be a whole number, not {text:?}");
            std::process::exit(2)
        }),
    }
}
