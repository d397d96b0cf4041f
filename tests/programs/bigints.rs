//! Every operation of the guest SDK on integers of any size: a line for each, with a digest of its results. The
//! argument is how many numbers.

use std::collections::hash_map::DefaultHasher;
use std::convert::TryFrom;
use std::hash::{Hash, Hasher};

use dotvm_sdk::bigint::BigInt;
use dotvm_sdk::{I256, Int, U128, U256};

fn main() {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok());
    print!("{}", digests(rounds.unwrap_or(100)));
}

/// What the program prints.
pub(crate) fn digests(rounds: u32) -> String {
    let mut text = String::new();
    for (name, operation) in operations() {
        let mut numbers = Numbers(7);
        let mut digest = Digest(0xcbf2_9ce4_8422_2325);
        for _ in 0..rounds {
            let operands = [numbers.draw(), numbers.draw(), numbers.draw()];
            operation(&operands, numbers.bits() as u32, &mut digest);
        }
        text.push_str(&format!("{}: {:016x}\n", name, digest.0));
    }
    text
}

type Operation = fn(&[BigInt; 3], u32, &mut Digest);

fn operations() -> Vec<(&'static str, Operation)> {
    let mut all = arithmetic();
    all.extend(bits());
    all.extend(conversions());
    all
}

fn arithmetic() -> Vec<(&'static str, Operation)> {
    vec![
        ("add", |[a, b, _], n, d| {
            d.big(&(a + b));
            d.big(&(a + n));
        }),
        ("sub", |[a, b, _], n, d| {
            d.big(&(a - b));
            d.big(&(a.clone() - i64::from(n)));
        }),
        ("mul", |[a, b, c], _, d| {
            d.big(&(a * b));
            d.big(&(a * a * c));
        }),
        ("div", |[a, b, c], _, d| {
            for (a, b) in [(a, b), (&(a * b), c)].iter().filter(|(_, b)| !b.is_zero()) {
                d.big(&(*a / *b));
                d.big(&(*a % *b));
                d.big(&a.div_floor(b));
                d.big(&a.rem_floor(b));
            }
        }),
        ("assign", |[a, b, c], n, d| {
            let mut value = a.clone();
            value += b;
            value *= c;
            value -= n;
            value ^= a;
            value |= b;
            value &= c;
            value <<= n % 70;
            value >>= n % 50;
            value /= u64::from(n) + 1;
            d.big(&value);
        }),
        ("sign", |[a, b, _], _, d| {
            d.big(&-a);
            d.big(&a.abs());
            d.number(a.signum() as u64);
            d.number(a.cmp(b) as u64);
            d.number(u64::from(a == b) + u64::from(*a == a.clone()));
        }),
        ("gcd", |[a, b, c], _, d| {
            d.big(&a.gcd(b));
            d.big(&(a * c).gcd(&(b * c)));
            d.big(&a.lcm(b));
        }),
        ("pow", |[a, b, c], n, d| {
            d.big(&(a % 1_000_003u32).pow(n % 40));
            if !c.is_zero() {
                d.big(&a.pow_mod(&(b.abs() >> (b.bits() / 2)), c));
                d.maybe(a.inv_mod(c));
                d.maybe((a * c + 1u32).inv_mod(c));
            }
        }),
        ("root", |[a, _, _], n, d| {
            d.big(&a.abs().sqrt());
            d.big(&a.abs().root(1 + n % 9));
            d.big(&a.root(1 + n % 9 * 2));
        }),
        ("prime", |[a, _, _], n, d| {
            let small = a.abs() >> a.bits().saturating_sub(40);
            d.number(u64::from(small.is_prime()) + u64::from(BigInt::from(n % 1000).is_prime()));
        }),
    ]
}

fn bits() -> Vec<(&'static str, Operation)> {
    vec![
        ("bits", |[a, b, _], _, d| {
            d.big(&(a & b));
            d.big(&(a | b));
            d.big(&(a ^ b));
            d.big(&!a);
        }),
        ("shift", |[a, _, _], n, d| {
            d.big(&(a << (n % 300)));
            d.big(&(a >> (n % 300)));
        }),
        ("count", |[a, _, _], n, d| {
            d.number(u64::from(a.bits()));
            d.number(u64::from(a.count_ones()));
            d.number(u64::from(a.bit(n % 400)));
            d.number(a.trailing_zeros().map_or(1 << 40, u64::from));
        }),
    ]
}

fn conversions() -> Vec<(&'static str, Operation)> {
    vec![
        ("text", |[a, _, _], n, d| {
            let radix = 2 + n % 35;
            let text = a.to_str_radix(radix);
            let back = BigInt::from_str_radix(&text, radix);
            assert!(back.as_ref() == Ok(a), "{}", text);
            d.text(&text);
            let upper = BigInt::from_str_radix(&text.to_uppercase(), radix);
            d.number(u64::from(upper == back));
            d.number(u64::from(
                BigInt::from_str_radix(&(text + "_"), radix).is_err(),
            ));
            d.number(u64::from("".parse::<BigInt>().is_err()));
        }),
        ("format", |[a, _, _], _, d| {
            d.text(&format!("{a} {a:+} {a:?} {a:x} {a:#X}"));
            d.text(&format!("{a:#o} {a:b} {a:050} {a:<300}|"));
        }),
        ("bytes", |[a, _, _], _, d| {
            let bytes = a.to_bytes();
            let same = BigInt::from_bytes(&bytes);
            assert!(same == *a);
            // What the hash is depends on how wide lengths are.
            assert!(hash(&same) == hash(a));
            bytes.iter().for_each(|&byte| d.number(u64::from(byte)));
        }),
        ("words", |[a, _, _], n, d| {
            let cut = a >> a.bits().saturating_sub(n % 260);
            d.number(U128::try_from(&cut).map_or(1, |number| number.limbs()[1]));
            d.number(U256::try_from(&cut).map_or(2, |number| number.limbs()[3]));
            d.number(I256::try_from(&cut).map_or(3, |number| number.limbs()[3]));
            d.number(Int::<1>::try_from(&cut).map_or(4, |number| number.limbs()[0]));
            d.number(i128::try_from(&cut).map_or(5, |number| (number >> 64) as u64));
            d.number(u128::try_from(&cut).map_or(6, |number| (number >> 64) as u64));
            d.number(i64::try_from(&cut).map_or(7, |number| number as u64));
            d.number(u32::try_from(&cut).map_or(8, u64::from));
            d.number(i8::try_from(&cut).map_or(9, |number| number as u64));
            if let Ok(number) = i128::try_from(&cut) {
                assert!(BigInt::from(number) == cut);
            }
            if let Ok(number) = u128::try_from(&cut) {
                assert!(BigInt::from(number) == cut);
            }
            if let Ok(number) = I256::try_from(&cut) {
                assert!(BigInt::from(number) == cut);
            }
            if let Ok(number) = U256::try_from(&cut) {
                assert!(BigInt::from(number) == cut);
            }
        }),
        ("many", |[a, b, c], n, d| {
            // More at a time than there are slots at first, in another order than they go.
            let mut all: Vec<BigInt> = (0..200u32).map(|i| a * i + b).collect();
            all.retain(|number| !number.bit(n % 60));
            all.extend((0..50u32).map(|i| c - i));
            d.big(&all.iter().cloned().sum());
            d.big(&all.into_iter().take(5).product());
        }),
    ]
}

fn hash(number: &BigInt) -> u64 {
    let mut hasher = DefaultHasher::new();
    number.hash(&mut hasher);
    hasher.finish()
}

/// A digest of results (FNV-1a).
struct Digest(u64);

impl Digest {
    fn number(&mut self, number: u64) {
        for byte in number.to_le_bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn text(&mut self, text: &str) {
        text.bytes().for_each(|byte| self.number(u64::from(byte)));
    }

    fn big(&mut self, number: &BigInt) {
        self.text(&number.to_str_radix(32));
    }

    fn maybe(&mut self, number: Option<BigInt>) {
        match number {
            Some(number) => self.big(&number),
            None => self.number(17),
        }
    }
}

/// Numbers at the edges and at random (Vigna's SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn draw(&mut self) -> BigInt {
        let mut bytes = Vec::new();
        for _ in 0..self.bits() % 7 {
            let limb = match self.bits() % 8 {
                0 => 0,
                1 | 2 => u64::MAX,
                3 => 1 << 63,
                4 => self.bits() >> 40,
                _ => self.bits(),
            };
            bytes.extend(limb.to_le_bytes());
        }
        BigInt::from_bytes(&bytes)
    }
}
