//! Words of 512 bits: a mixing function out of additions, products, rotations and exclusive ors, and a
//! hash like Pedersen's of what it delivers: a product of powers of fixed bases, whose exponents are the
//! message, modulo the safe prime 2^512 - 38117. The sum of two messages hashes to the product of their
//! hashes, which is checked. Powers come from tables, four bits at a time. The size is the number of hashes.
//!
//! test-args: 6

use dotvm_sdk::{u512, U512};

const PRIME: U512 = {
    let mut limbs = [u64::MAX; 8];
    limbs[0] -= 38_116;
    U512::from_limbs(limbs)
};

/// Bits of a message that are looked up together.
const WINDOW: u32 = 4;

fn main() {
    let hashes = size_argument(8_000);
    let bases = Bases::new();
    let mut mixer = Mixer {
        state: u512!(0x446f74564d),
    };
    let mut total = bases.hash(&[U512::ZERO; 2]);
    for index in 0..hashes {
        // Messages of 448 bits, so that the sum of many has 512.
        let message = [mixer.next() >> 64, mixer.next() >> 64];
        let hash = bases.hash(&message);
        total = total.mul_mod(hash, PRIME);
        if index < 2 {
            println!("hash {index}: {hash:0128x}");
        }
        if index % 64 == 0 {
            check_sum(&bases, message, [mixer.next() >> 64, mixer.next() >> 64]);
        }
        mixer.absorb(hash);
    }
    println!("product of {hashes} hashes: {total:0128x}");
    println!("state of the mixer: {:0128x}", mixer.state);
}

/// The hash of a sum is the product of the hashes.
fn check_sum(bases: &Bases, a: [U512; 2], b: [U512; 2]) {
    let product = bases.hash(&a).mul_mod(bases.hash(&b), PRIME);
    assert_eq!(bases.hash(&[a[0] + b[0], a[1] + b[1]]), product);
}

/// Powers of the two bases: of each, for each window, those with all exponents that a window can be.
struct Bases {
    powers: Vec<U512>,
}

impl Bases {
    const WINDOWS: usize = (U512::BITS / WINDOW) as usize;

    /// The bases are squares: each generates the whole group of squares, which has a prime order.
    fn new() -> Bases {
        let mut powers = Vec::new();
        for base in [u512!(4), u512!(9)] {
            let mut step = base;
            for _ in 0..Self::WINDOWS {
                let mut power = U512::ONE;
                for _ in 0..1 << WINDOW {
                    powers.push(power);
                    power = power.mul_mod(step, PRIME);
                }
                step = power;
            }
        }
        Bases { powers }
    }

    fn hash(&self, message: &[U512; 2]) -> U512 {
        let mut product = U512::ONE;
        for (word, table) in message
            .iter()
            .zip(self.powers.chunks(Self::WINDOWS << WINDOW))
        {
            let mut rest = *word;
            for powers in table.chunks(1 << WINDOW) {
                let digit = rest.as_u64() as usize % powers.len();
                if digit != 0 {
                    product = product.mul_mod(powers[digit], PRIME);
                }
                rest >>= WINDOW;
            }
        }
        product
    }
}

/// A generator of messages. Nobody has looked for what is wrong with it.
struct Mixer {
    state: U512,
}

impl Mixer {
    /// 2^512 divided by the golden ratio.
    const FACTOR: U512 = u512!(
        0x9e3779b97f4a7c15_f39cc0605cedc834_1082276bf3a27251_f86c6a11d0c18e95_2767f0b153d27b7f_0347045b5bf1827f_01886f0928403002_c1d64ba40f335e37
    );

    fn next(&mut self) -> U512 {
        for round in 1..=4 {
            let mixed = self
                .state
                .wrapping_mul(Self::FACTOR)
                .rotate_left(97 * round);
            self.state = (self.state >> 211 ^ mixed).wrapping_add(Self::FACTOR);
        }
        self.state
    }

    fn absorb(&mut self, word: U512) {
        self.state ^= word;
    }
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
