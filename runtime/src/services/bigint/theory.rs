//! Arithmetic modulo a number, and primes.
//!
//! Powers take time by the cube of the sizes, so they are computed by steps, between which the program can be
//! stopped, unless they are short enough for the library's function.

use std::ops::{Mul, Sub};

use dashu_int::fast_div::ConstDivisor;
use dashu_int::modular::Reduced;
use dashu_int::monty::{Montgomery, MontgomeryRepr};
use dashu_int::ops::{BitTest, SquareRoot};
use dashu_int::{Sign, UBig};
use dotvm_isa::TrapCode;

use super::{Call, charge, charge_gcd, cost, give_unsigned, number, size};
use crate::store::StoreOpaque;
use crate::vm::entry::Stop;

/// From so many limbs on, remainders are found by division rather than by Montgomery's way, whose time is
/// quadratic.
const DIVISION_LIMBS: usize = 192;

/// Numbers modulo another, however they are represented.
trait Residue: Sized + Clone + PartialEq {
    fn square(&self) -> Self;
    fn times(&self, other: &Self) -> Self;
    fn minus(&self, other: &Self) -> Self;
    /// The library's power, all at once.
    fn whole_pow(&self, exponent: &UBig) -> Self;
}

macro_rules! residue {
    ($type:ident) => {
        impl<'r> Residue for $type<'r> {
            fn square(&self) -> Self {
                self.sqr()
            }

            fn times(&self, other: &Self) -> Self {
                Mul::mul(self, other)
            }

            fn minus(&self, other: &Self) -> Self {
                Sub::sub(self, other)
            }

            fn whole_pow(&self, exponent: &UBig) -> Self {
                self.pow(exponent)
            }
        }
    };
}

residue!(Montgomery);
residue!(Reduced);

/// Whether powers modulo such a number are computed in Montgomery's way.
fn by_montgomery(modulus: &UBig) -> bool {
    modulus.bit(0) && modulus.as_words().len() < DIVISION_LIMBS
}

/// Limbs of a number.
fn len(number: &UBig) -> u64 {
    number.as_words().len() as u64
}

/// The power of a number modulo one above 1.
fn pow(store: &StoreOpaque, base: UBig, exponent: &UBig, modulus: &UBig) -> Result<UBig, TrapCode> {
    if exponent.is_zero() {
        return Ok(UBig::ONE);
    }
    let base = base % modulus;
    if by_montgomery(modulus) {
        let ring = MontgomeryRepr::new(modulus.clone());
        let power = pow_of(store, &ring.reduce(base), exponent, len(modulus))?;
        return Ok(power.residue());
    }
    let ring = ConstDivisor::new(modulus.clone());
    let power = pow_of(store, &ring.reduce(base), exponent, len(modulus))?;
    Ok(power.residue())
}

/// The power of a residue modulo a number of `n` limbs, with an exponent above 0. Where that takes long, it is
/// computed by sliding windows (Menezes, van Oorschot, Vanstone: *Handbook of Applied Cryptography*, 14.85).
fn pow_of<R: Residue>(
    store: &StoreOpaque,
    base: &R,
    exponent: &UBig,
    n: u64,
) -> Result<R, TrapCode> {
    let bits = exponent.bit_len();
    if cost::powmod(n, bits as u64) < cost::STEPS_FROM {
        return Ok(base.whole_pow(exponent));
    }
    let window = match bits {
        0..=24 => 1,
        25..=240 => 4,
        241..=700 => 5,
        701..=2_000 => 6,
        2_001..=6_000 => 7,
        6_001..=20_000 => 8,
        _ => 9,
    };
    // Odd powers: the first, the third and so on.
    let mut odd = vec![base.clone()];
    let square = base.square();
    for i in 1..1 << (window - 1) {
        store.safepoint()?;
        odd.push(odd[i - 1].times(&square));
    }
    let mut power: Option<R> = None;
    let mut left = bits;
    while left > 0 {
        // The window starts with a bit that is 1 and ends with one.
        let mut width = 1;
        let mut value = 0;
        if exponent.bit(left - 1) {
            width = window.min(left);
            while !exponent.bit(left - width) {
                width -= 1;
            }
            for i in 1..=width {
                value = value << 1 | usize::from(exponent.bit(left - i));
            }
        }
        for _ in 0..width {
            if let Some(power) = &mut power {
                store.safepoint()?;
                *power = power.square();
            }
        }
        if value != 0 {
            let factor = &odd[value / 2];
            power = Some(match &power {
                Some(power) => power.times(factor),
                None => factor.clone(),
            });
        }
        left -= width;
    }
    Ok(power.expect("the exponent is not 0"))
}

/// `big.powmod`
pub(in crate::services) fn powmod(call: &mut Call<'_>) -> Result<u64, Stop> {
    let (b, e, m) = (size(call, 0)?, size(call, 1)?, size(call, 2)?);
    if m == 0 {
        return Err(TrapCode::IntegerDivideByZero.into());
    }
    let (sign, exponent) = number(call, 1)?.into_parts();
    if sign == Sign::Negative {
        return Err(TrapCode::InvalidArgument.into());
    }
    let products = cost::powmod(m, e * 64).saturating_add(cost::quotient(b, m));
    charge(call, products)?;
    let (_, modulus) = number(call, 2)?.into_parts();
    if modulus.is_one() {
        return give_unsigned(call, &UBig::ZERO);
    }
    let base = remainder(call, &modulus)?;
    let power = pow(call.store, base, &exponent, &modulus)?;
    give_unsigned(call, &power)
}

/// What the first operand leaves modulo a number, not below 0.
fn remainder(call: &Call<'_>, modulus: &UBig) -> Result<UBig, TrapCode> {
    let (sign, base) = number(call, 0)?.into_parts();
    let rest = base % modulus;
    Ok(match sign == Sign::Negative && !rest.is_zero() {
        true => modulus - rest,
        false => rest,
    })
}

/// `big.invmod`
pub(in crate::services) fn invmod(call: &mut Call<'_>) -> Result<u64, Stop> {
    let m = size(call, 1)?;
    if m == 0 {
        return Err(TrapCode::IntegerDivideByZero.into());
    }
    if m > cost::limbs(cost::GCD_BITS_MAX) {
        size(call, 0)?;
        return Err(TrapCode::InvalidArgument.into());
    }
    charge_gcd(call)?;
    let (_, modulus) = number(call, 1)?.into_parts();
    let rest = remainder(call, &modulus)?;
    if modulus.is_one() {
        return give_unsigned(call, &UBig::ZERO);
    }
    if rest.is_zero() {
        return Ok(0);
    }
    let ring = ConstDivisor::new(modulus);
    match ring.reduce(rest).inv() {
        Some(inverse) => give_unsigned(call, &inverse.residue()),
        None => Ok(0),
    }
}

/// Primes that numbers are divided by first.
const SMALL_PRIMES: [u64; 53] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173, 179, 181, 191, 193,
    197, 199, 211, 223, 227, 229, 233, 239, 241, 251,
];

/// `big.is_prime`
pub(in crate::services) fn is_prime(call: &mut Call<'_>) -> Result<u64, Stop> {
    let n = size(call, 0)?;
    charge(call, cost::prime(n))?;
    let (sign, number) = number(call, 0)?.into_parts();
    if sign == Sign::Negative {
        return Ok(0);
    }
    Ok(u64::from(is_prime_number(call.store, &number)?))
}

/// Whether a number passes the test of Baillie and Wagstaff (*Lucas pseudoprimes*, Mathematics of Computation
/// 35, 1980): a strong test to the base 2, and one by a Lucas sequence.
fn is_prime_number(store: &StoreOpaque, n: &UBig) -> Result<bool, TrapCode> {
    let small = u64::try_from(n).ok();
    if small.is_some_and(|n| n < 4) || !n.bit(0) {
        return Ok(matches!(small, Some(2 | 3)));
    }
    for prime in SMALL_PRIMES {
        if n % prime == 0 {
            return Ok(small == Some(prime));
        }
    }
    let last = SMALL_PRIMES[SMALL_PRIMES.len() - 1];
    if small.is_some_and(|n| n < last * last) {
        return Ok(true);
    }
    let root = n.sqrt();
    if root.sqr() == *n || !is_strong_probable_prime(store, n)? {
        return Ok(false);
    }
    let Some(p) = lucas_parameter(n) else {
        return Ok(false);
    };
    if by_montgomery(n) {
        let ring = MontgomeryRepr::new(n.clone());
        is_lucas_probable_prime(store, n, ring.reduce(p), ring.reduce(2u64))
    } else {
        let ring = ConstDivisor::new(n.clone());
        is_lucas_probable_prime(store, n, ring.reduce(p), ring.reduce(2u64))
    }
}

/// The strong test (Miller's and Rabin's) to the base 2, of an odd number above 3.
fn is_strong_probable_prime(store: &StoreOpaque, n: &UBig) -> Result<bool, TrapCode> {
    let minus_one = n - UBig::ONE;
    let twos = minus_one.trailing_zeros().expect("it is above 0");
    let mut power = pow(store, UBig::from(2u8), &(&minus_one >> twos), n)?;
    if power.is_one() || power == minus_one {
        return Ok(true);
    }
    for _ in 1..twos {
        store.safepoint()?;
        power = power.sqr() % n;
        if power == minus_one {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The first number `p` from 3 on for which `p² - 4` is no square modulo `n`, which is odd, no square, and without
/// small factors; nothing where `n` turns out to have a factor.
fn lucas_parameter(n: &UBig) -> Option<u64> {
    (3u64..)
        .map(|p| (p, jacobi(p * p - 4, n)))
        .find(|&(_, symbol)| symbol != 1)
        .filter(|&(_, symbol)| symbol == -1)
        .map(|(p, _)| p)
}

/// The Jacobi symbol of `a` and an odd number that is above it.
fn jacobi(mut a: u64, n: &UBig) -> i32 {
    if a == 0 {
        return 0;
    }
    let low = n.as_words()[0];
    let mut symbol = 1;
    let twos = a.trailing_zeros();
    a >>= twos;
    if twos % 2 == 1 && matches!(low % 8, 3 | 5) {
        symbol = -symbol;
    }
    if a % 4 == 3 && low % 4 == 3 {
        symbol = -symbol;
    }
    // From here on both are small.
    let (mut top, mut bottom) = (n % a, a);
    while top != 0 {
        let twos = top.trailing_zeros();
        top >>= twos;
        if twos % 2 == 1 && matches!(bottom % 8, 3 | 5) {
            symbol = -symbol;
        }
        (top, bottom) = (bottom, top);
        if top % 4 == 3 && bottom % 4 == 3 {
            symbol = -symbol;
        }
        top %= bottom;
    }
    if bottom == 1 { symbol } else { 0 }
}

/// The test by the Lucas sequence with the parameters `p` and 1 that is called almost extra strong: Grantham,
/// *Frobenius pseudoprimes*, Mathematics of Computation 70 (2001), without what it says of the sequence U.
fn is_lucas_probable_prime<R: Residue>(
    store: &StoreOpaque,
    n: &UBig,
    p: R,
    two: R,
) -> Result<bool, TrapCode> {
    let plus_one = n + UBig::ONE;
    let twos = plus_one.trailing_zeros().expect("it is above 0");
    let index = plus_one >> twos;
    // The elements at some index and behind it.
    let (mut v, mut next) = (p.clone(), p.square().minus(&two));
    for bit in (0..index.bit_len() - 1).rev() {
        store.safepoint()?;
        let between = v.times(&next).minus(&p);
        (v, next) = match index.bit(bit) {
            true => (between, next.square().minus(&two)),
            false => (v.square().minus(&two), between),
        };
    }
    let zero = two.minus(&two);
    if v == two || v == zero.minus(&two) {
        return Ok(true);
    }
    for _ in 0..twos.saturating_sub(1) {
        if v == zero {
            return Ok(true);
        }
        store.safepoint()?;
        v = v.square().minus(&two);
    }
    Ok(false)
}
