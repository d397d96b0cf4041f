//! RSA with a modulus of 512 bits, by the SDK's `pow_mod`: encrypts, decrypts, and decrypts again by the
//! prime factors (Chinese remainders, Garner's form). Such a key protects nothing any more. The factors are
//! the first primes from 2^255 times the square roots of 2 and of 3 on. The size is the number of messages.
//!
//! test-args: 5

use dotvm_sdk::{u256, u512, U256, U512};

const P: U256 = u256!(0xb504f333f9de6484597d89b3754abe9f1d6f60ba893ba84ced17ac8583339943);
const Q: U256 = u256!(0xddb3d742c265539d92ba16b83c5c1dc492ec1a6629ed23cc639053243722d3ed);

fn main() {
    let messages = size_argument(2500);
    for prime in [P, Q] {
        println!("{} is prime: {}", prime, is_prime(prime));
    }
    let key = Key::new(P, Q, u512!(65_537));
    println!("the modulus is {:#x}", key.modulus);
    println!("the private exponent is {:#x}", key.private);
    let mut message = u512!(0x446f74564d);
    for index in 0..messages {
        let sealed = key.power(message, key.public);
        let opened = key.power(sealed, key.private);
        assert_eq!(opened, message);
        assert_eq!(key.open_by_factors(sealed), message);
        if index < 2 {
            println!("message {message:x}\n  sealed {sealed:x}");
        }
        message = sealed;
    }
    println!("the last of {messages} messages, sealed: {message:0128x}");
}

struct Key {
    modulus: U512,
    public: U512,
    private: U512,
    /// The inverse of the second prime modulo the first.
    q_inverse: U256,
}

impl Key {
    fn new(p: U256, q: U256, public: U512) -> Key {
        let [order_p, order_q] = [p, q].map(|prime| U512::from(prime - U256::ONE));
        let order = order_p / order_p.gcd(order_q) * order_q;
        Key {
            modulus: U512::from(p) * U512::from(q),
            public,
            private: public
                .inv_mod(order)
                .expect("the public exponent has an inverse"),
            q_inverse: q.inv_mod(p).expect("different primes"),
        }
    }

    fn power(&self, message: U512, exponent: U512) -> U512 {
        message.pow_mod(exponent, self.modulus)
    }

    /// The private power, from those modulo each prime.
    fn open_by_factors(&self, sealed: U512) -> U512 {
        let [by_p, by_q] = [P, Q].map(|prime| {
            let order = U512::from(prime - U256::ONE);
            let base = narrow(sealed % U512::from(prime));
            base.pow_mod(narrow(self.private % order), prime)
        });
        let difference = by_p.add_mod(P - by_q % P, P);
        let digit = difference.mul_mod(self.q_inverse, P);
        U512::from(by_q) + U512::from(digit) * U512::from(Q)
    }
}

/// A number that is known to be below 2^256.
fn narrow(number: U512) -> U256 {
    U256::try_from(number).expect("a remainder of a 256-bit number")
}

/// Whether a number passes for a prime with each of some bases (Miller and Rabin).
fn is_prime(n: U256) -> bool {
    let shift = (n - U256::ONE).trailing_zeros();
    let odd = (n - U256::ONE) >> shift;
    [2u32, 3, 5, 7, 11, 13, 17, 19].iter().all(|&base| {
        let mut power = U256::from(base).pow_mod(odd, n);
        let mut passes = power == U256::ONE;
        for _ in 0..shift {
            passes |= power == n - U256::ONE;
            power = power.mul_mod(power, n);
        }
        passes
    })
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
