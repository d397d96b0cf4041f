//! Digits of e and of pi, by integers of any size: e by its series, halved again and again so that numbers of like
//! size are multiplied; pi by Machin's formula, and by the formula of the Chudnovskys as well, so that one checks
//! the other. The size is the number of digits.
//!
//! test-args: 1000

use dotvm_sdk::bigint::BigInt;

fn main() {
    let digits = size_argument(100_000) as u32;
    let e = e(digits);
    let pi = chudnovsky(digits);
    if digits <= 10_000 {
        assert!(pi == machin(digits), "two ways to compute pi differ");
    }
    print("e", &e);
    print("pi", &pi);
}

fn size_argument(default: usize) -> usize {
    match std::env::args().nth(1) {
        Some(argument) => argument.parse().expect("the size is a number"),
        None => default,
    }
}

/// Digits that are computed besides, since the last ones are not exact.
const GUARD: u32 = 12;

fn power_of_ten(exponent: u32) -> BigInt {
    BigInt::from(10).pow(exponent)
}

/// e times a power of ten, cut off.
fn e(digits: u32) -> BigInt {
    // As many terms as it takes for the factorial to have enough digits.
    let mut terms = 1;
    let mut magnitude = 0.0;
    while magnitude < f64::from(digits + GUARD) {
        terms += 1;
        magnitude += f64::from(terms).log10();
    }
    let (p, q) = e_between(0, terms);
    let scaled = power_of_ten(digits + GUARD) * (p + &q) / q;
    scaled / power_of_ten(GUARD)
}

/// The sum of `a! / k!` for k behind `a` up to `b`, as a fraction whose denominator is `b! / a!`.
fn e_between(a: u32, b: u32) -> (BigInt, BigInt) {
    if b - a == 1 {
        return (BigInt::one(), BigInt::from(b));
    }
    let middle = a + (b - a) / 2;
    let (p, q) = e_between(a, middle);
    let (right_p, right_q) = e_between(middle, b);
    (p * &right_q + right_p, q * right_q)
}

/// pi times a power of ten, cut off, by the series of D. and G. Chudnovsky (1988).
fn chudnovsky(digits: u32) -> BigInt {
    let terms = (digits + GUARD) / 14 + 2;
    let (_, q, t) = chudnovsky_between(0, terms);
    let one = power_of_ten(digits + GUARD);
    let root = (&one * &one * 10_005u32).sqrt();
    let pi = q * 426_880u32 * root / t;
    pi / power_of_ten(GUARD)
}

fn chudnovsky_between(a: u32, b: u32) -> (BigInt, BigInt, BigInt) {
    if b - a == 1 {
        let (p, q) = match a {
            0 => (BigInt::one(), BigInt::one()),
            _ => {
                let k = BigInt::from(a);
                let p = (&k * 6u32 - 5u32) * (&k * 2u32 - 1u32) * (&k * 6u32 - 1u32);
                let third = BigInt::from(640_320u64.pow(3) / 24);
                (p, k.pow(3) * third)
            }
        };
        let t = &p * (BigInt::from(545_140_134u64) * a + 13_591_409u32);
        return (p, q, if a % 2 == 1 { -t } else { t });
    }
    let middle = a + (b - a) / 2;
    let (p, q, t) = chudnovsky_between(a, middle);
    let (right_p, right_q, right_t) = chudnovsky_between(middle, b);
    let t = t * &right_q + &p * right_t;
    (p * right_p, q * right_q, t)
}

/// The same by J. Machin's formula of 1706.
fn machin(digits: u32) -> BigInt {
    let one = power_of_ten(digits + GUARD);
    let pi = inverse_tangent(&one, 5) * 16u32 - inverse_tangent(&one, 239) * 4u32;
    pi / power_of_ten(GUARD)
}

/// The angle whose tangent is `1 / x`, times a number.
fn inverse_tangent(one: &BigInt, x: u32) -> BigInt {
    let square = BigInt::from(x * x);
    let mut power = one / x;
    let mut sum = power.clone();
    let mut n = 1u32;
    loop {
        power /= &square;
        n += 2;
        let term = &power / n;
        if term.is_zero() {
            return sum;
        }
        if n % 4 == 3 {
            sum -= term;
        } else {
            sum += term;
        }
    }
}

/// Prints a number between 1 and 10: all digits where they are few, else the last ones and their sum.
fn print(name: &str, number: &BigInt) {
    let text = number.to_string();
    let (first, rest) = text.split_at(1);
    if rest.len() > 10_000 {
        let sum: u32 = rest.bytes().map(|digit| u32::from(digit - b'0')).sum();
        let last = &rest[rest.len() - 50..];
        println!(
            "{}: {} digits end with {}; their sum is {}",
            name,
            rest.len(),
            last,
            sum
        );
        return;
    }
    println!("{}: {}.", name, first);
    for line in rest.as_bytes().chunks(100) {
        println!("{}", String::from_utf8_lossy(line));
    }
}
