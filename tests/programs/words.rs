//! Every operation of the guest SDK on many numbers: a line for each operation and width, with a digest of
//! its results. The argument is how many numbers.

use dotvm_sdk::{Int, Uint};

fn main() {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok());
    print!("{}", digests(rounds.unwrap_or(100)));
}

/// What the program prints.
pub(crate) fn digests(rounds: u32) -> String {
    let mut text = String::new();
    width::<2>(rounds, &mut text);
    width::<3>(rounds, &mut text);
    width::<4>(rounds, &mut text);
    width::<8>(rounds, &mut text);
    text
}

fn width<const N: usize>(rounds: u32, text: &mut String) {
    for (name, operation) in unsigned::<N>().iter().chain(&signed::<N>()) {
        let mut numbers = Numbers(N as u64);
        let mut digest = Digest(0xcbf2_9ce4_8422_2325);
        for _ in 0..rounds {
            let operands = [numbers.draw(), numbers.draw(), numbers.draw()];
            operation(
                operands,
                numbers.bits() as u32 % (64 * N as u32),
                &mut digest,
            );
        }
        text.push_str(&format!("{} bits, {name}: {:016x}\n", 64 * N, digest.0));
    }
    let carried = carried::<N>(rounds);
    text.push_str(&format!("{} bits, carried: {carried:x}\n", 64 * N));
}

type Operation<const N: usize> = fn([Uint<N>; 3], u32, &mut Digest);

fn unsigned<const N: usize>() -> Vec<(&'static str, Operation<N>)> {
    vec![
        ("add", |[a, b, _], _, d| d.overflowing(a.overflowing_add(b))),
        ("sub", |[a, b, _], _, d| d.overflowing(a.overflowing_sub(b))),
        ("mul", |[a, b, _], _, d| d.overflowing(a.overflowing_mul(b))),
        ("wrapping", |[a, b, c], _, d| {
            d.uint(a.wrapping_mul(b).wrapping_add(c).wrapping_sub(b));
        }),
        ("carry", |[a, b, _], n, d| {
            d.overflowing(a.carrying_add(b, n % 2 == 1));
            d.overflowing(a.borrowing_sub(b, n % 2 == 1));
        }),
        ("wide", |[a, b, _], _, d| {
            let (low, high) = a.widening_mul(b);
            d.uint(low);
            d.uint(high);
        }),
        ("div", |[a, b, c], n, d| {
            for divisor in [b, c, b >> n].iter().filter(|divisor| !divisor.is_zero()) {
                let (quotient, remainder) = a.div_rem(*divisor);
                assert!(quotient == a / divisor && remainder == a % divisor);
                d.uint(quotient);
                d.uint(remainder);
            }
        }),
        ("shift", |[a, b, _], n, d| {
            d.uint(a << n);
            d.uint(b >> n);
            d.uint(a.rotate_left(n) ^ b.rotate_right(n));
            d.uint(a << 65 | a >> 13);
        }),
        ("bits", |[a, b, _], n, d| {
            d.uint((a & b) | (a ^ !b));
            d.uint(a.swap_bytes() ^ b.reverse_bits());
            d.number(u64::from(
                a.leading_zeros() + b.trailing_zeros() + a.count_ones(),
            ));
            d.number(u64::from(a.bit(n)));
        }),
        ("compare", |[a, b, _], _, d| {
            d.number(u64::from(a < b) | u64::from(a <= b) << 1 | u64::from(a == b) << 2);
            d.uint(a.max(b) - a.min(b));
        }),
        ("modular", |[a, b, c], _, d| {
            let modulus = c | Uint::ONE;
            d.uint(a.add_mod(b, modulus));
            d.uint(a.mul_mod(b, modulus));
            d.uint(a.inv_mod(modulus).unwrap_or_default());
            d.uint(a.pow_mod(b & Uint::from_u64(0xffff), c.max(Uint::ONE)));
        }),
        ("theory", |[a, b, _], _, d| {
            d.uint(a.isqrt());
            d.uint(a.gcd(b));
            d.uint(a.exp(b & Uint::from_u64(0xff)));
        }),
        ("text", |[a, b, _], _, d| {
            let text = format!("{a} {b:#x}");
            let (first, second) = text.split_once(' ').expect("a blank");
            assert!(first.parse() == Ok(a) && second.parse() == Ok(b));
            d.bytes(text.as_bytes());
        }),
    ]
}

fn signed<const N: usize>() -> Vec<(&'static str, Operation<N>)> {
    vec![
        ("signed add", |[a, b, _], _, d| {
            d.overflowing_signed(a.cast_signed().overflowing_add(b.cast_signed()));
            d.overflowing_signed(a.cast_signed().overflowing_sub(b.cast_signed()));
        }),
        ("signed mul", |[a, b, _], _, d| {
            d.overflowing_signed(a.cast_signed().overflowing_mul(b.cast_signed()));
        }),
        ("signed div", |[a, b, _], n, d| {
            let (a, b) = (a.cast_signed(), b.cast_signed());
            for divisor in [b, b >> n].iter().filter(|divisor| !divisor.is_zero()) {
                let (quotient, remainder) = a.wrapping_div_rem(*divisor);
                assert!(quotient == a.wrapping_div(*divisor));
                assert!(remainder == a.wrapping_rem(*divisor));
                d.uint((quotient ^ remainder).cast_unsigned());
            }
        }),
        ("signed rest", |[a, b, _], n, d| {
            let (a, b) = (a.cast_signed(), b.cast_signed());
            d.uint((a >> n).cast_unsigned());
            d.uint(a.abs_diff(b));
            d.number(
                u64::from(a < b)
                    | u64::from(a <= b) << 1
                    | u64::from(a.signum() == b.signum()) << 2,
            );
            d.bytes(a.to_string().as_bytes());
        }),
    ]
}

/// Words that a loop carries, and that change places.
fn carried<const N: usize>(rounds: u32) -> Uint<N> {
    let (mut a, mut b, mut c) = (Uint::<N>::ONE, Uint::<N>::MAX, Uint::<N>::from_u64(7));
    for round in 0..rounds {
        let sum = a.wrapping_mul(c).wrapping_add(b);
        if sum.bit(5) {
            c = c.wrapping_add(a);
        } else if round % 3 == 0 {
            std::mem::swap(&mut a, &mut c);
        }
        a = b;
        b = sum;
    }
    a ^ b ^ c
}

/// Fowler, Noll and Vo's hash of results.
pub(crate) struct Digest(u64);

impl Digest {
    fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn number(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    fn uint<const N: usize>(&mut self, number: Uint<N>) {
        number.limbs().iter().for_each(|&limb| self.number(limb));
    }

    fn overflowing<const N: usize>(&mut self, (number, overflow): (Uint<N>, bool)) {
        self.uint(number);
        self.number(u64::from(overflow));
    }

    fn overflowing_signed<const N: usize>(&mut self, (number, overflow): (Int<N>, bool)) {
        self.overflowing((number.cast_unsigned(), overflow));
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

    fn draw<const N: usize>(&mut self) -> Uint<N> {
        let mut limbs = [0; N];
        let len = 1 + (self.bits() % N as u64) as usize;
        for limb in &mut limbs[..len] {
            *limb = match self.bits() % 8 {
                0 => 0,
                1 | 2 => u64::MAX,
                3 => 1 << 63,
                _ => self.bits(),
            };
        }
        let number = Uint::from_limbs(limbs);
        match self.bits() % 4 {
            0 => !number,
            _ => number,
        }
    }
}
