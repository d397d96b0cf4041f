//! Every operation against integers of any size (num-bigint) and, where those have none, against another
//! library of fixed width (ruint), on edge cases and random numbers.

use crate::numbers::{Numbers, big, big_signed, wrap, wrap_signed};
use dotvm_sdk::Uint;
use num_bigint::{BigInt, BigUint};
use num_integer::Integer;
use num_traits::{Euclid, One, Zero};

/// Pairs or triples of numbers for each operation and width.
const CASES: u32 = 4_000;

/// Calls a generic check with each width.
macro_rules! for_each_width {
    ($($test:ident => $check:ident;)*) => {
        $(
            #[test]
            fn $test() {
                $check::<2>(&mut Numbers::new(2));
                $check::<3>(&mut Numbers::new(3));
                $check::<4>(&mut Numbers::new(4));
                $check::<8>(&mut Numbers::new(8));
            }
        )*
    };
}

for_each_width! {
    unsigned_sums_and_products => check_unsigned;
    unsigned_division => check_unsigned_division;
    signed_sums_and_products => check_signed;
    signed_division => check_signed_division;
    shifts_and_bits => check_bits;
    powers => check_powers;
    modular_arithmetic => check_modular;
    roots_and_divisors => check_theory;
}

fn check_unsigned<const N: usize>(numbers: &mut Numbers) {
    let modulus = BigUint::one() << (64 * N);
    for _ in 0..CASES {
        let (a, b) = (numbers.uint::<N>(), numbers.uint::<N>());
        let (x, y) = (big(a), big(b));
        let carry = numbers.below(2) == 1;
        let one = BigUint::from(u8::from(carry));

        assert_eq!(a.overflowing_add(b), wrap(&(&x + &y)), "{a} + {b}");
        assert_eq!(a.wrapping_add(b), wrap(&(&x + &y)).0, "{a} + {b}");
        assert_eq!(
            a.carrying_add(b, carry),
            wrap(&(&x + &y + &one)),
            "{a} + {b} + {carry}"
        );
        assert_eq!(a.overflowing_mul(b), wrap(&(&x * &y)), "{a} * {b}");
        assert_eq!(a.wrapping_mul(b), wrap(&(&x * &y)).0, "{a} * {b}");
        let (low, high) = a.widening_mul(b);
        assert_eq!((big(high) << (64 * N)) + big(low), &x * &y, "{a} * {b}");

        let difference = |taken: BigUint| (wrap(&(&modulus + &x - &taken)).0, x < taken);
        assert_eq!(a.overflowing_sub(b), difference(y.clone()), "{a} - {b}");
        assert_eq!(a.wrapping_sub(b), difference(y.clone()).0, "{a} - {b}");
        assert_eq!(
            a.borrowing_sub(b, carry),
            difference(&y + &one),
            "{a} - {b} - {carry}"
        );
        assert_eq!(
            big(a.abs_diff(b)),
            if x < y { &y - &x } else { &x - &y },
            "{a}, {b}"
        );

        assert_eq!(a.cmp(&b), x.cmp(&y), "{a}, {b}");
        assert_eq!(
            [a < b, a <= b, a > b, a >= b],
            [x < y, x <= y, x > y, x >= y],
            "{a}, {b}"
        );
        assert_eq!(a == b, x == y, "{a}, {b}");
    }
}

fn check_unsigned_division<const N: usize>(numbers: &mut Numbers) {
    for _ in 0..2 * CASES {
        let (a, b) = (numbers.uint::<N>(), numbers.uint::<N>());
        if b.is_zero() {
            assert_eq!((a.checked_div(b), a.checked_rem(b)), (None, None));
            continue;
        }
        let (quotient, remainder) = big(a).div_rem(&big(b));
        let expected = (wrap(&quotient).0, wrap(&remainder).0);
        assert_eq!(a.div_rem(b), expected, "{a} / {b}");
        assert_eq!((a / b, a % b), expected, "{a} / {b}");
        assert_eq!(
            a.div_ceil(b),
            wrap(&big(a).div_ceil(&big(b))).0,
            "{a} / {b}"
        );
    }
}

fn check_signed<const N: usize>(numbers: &mut Numbers) {
    for _ in 0..CASES {
        let a = numbers.uint::<N>().cast_signed();
        let b = numbers.uint::<N>().cast_signed();
        let (x, y) = (big_signed(a), big_signed(b));
        assert_eq!(a.overflowing_add(b), wrap_signed(&(&x + &y)), "{a} + {b}");
        assert_eq!(a.overflowing_sub(b), wrap_signed(&(&x - &y)), "{a} - {b}");
        assert_eq!(a.overflowing_mul(b), wrap_signed(&(&x * &y)), "{a} * {b}");
        assert_eq!(a.wrapping_add(b), wrap_signed(&(&x + &y)).0, "{a} + {b}");
        assert_eq!(a.wrapping_sub(b), wrap_signed(&(&x - &y)).0, "{a} - {b}");
        assert_eq!(a.wrapping_mul(b), wrap_signed(&(&x * &y)).0, "{a} * {b}");
        assert_eq!(a.overflowing_neg(), wrap_signed(&-&x), "-{a}");
        assert_eq!(big(a.abs_diff(b)), *(&x - &y).magnitude(), "{a}, {b}");
        assert_eq!(big(a.unsigned_abs()), *x.magnitude(), "{a}");
        assert_eq!(
            big_signed(a.signum()),
            x.cmp(&BigInt::zero()).into_sign(),
            "{a}"
        );
        assert_eq!(a.cmp(&b), x.cmp(&y), "{a}, {b}");
        assert_eq!(
            [a < b, a <= b, a > b, a >= b],
            [x < y, x <= y, x > y, x >= y],
            "{a}, {b}"
        );

        let clamp = |exact: BigInt| {
            let (least, most) = (
                big_signed(dotvm_sdk::Int::<N>::MIN),
                big_signed(dotvm_sdk::Int::<N>::MAX),
            );
            wrap_signed::<N>(&exact.clamp(least, most)).0
        };
        assert_eq!(a.saturating_add(b), clamp(&x + &y), "{a} + {b}");
        assert_eq!(a.saturating_sub(b), clamp(&x - &y), "{a} - {b}");
        assert_eq!(a.saturating_mul(b), clamp(&x * &y), "{a} * {b}");
    }
}

/// -1, 0 or 1.
trait IntoSign {
    fn into_sign(self) -> BigInt;
}

impl IntoSign for std::cmp::Ordering {
    fn into_sign(self) -> BigInt {
        BigInt::from(self as i8)
    }
}

fn check_signed_division<const N: usize>(numbers: &mut Numbers) {
    for _ in 0..CASES {
        let a = numbers.uint::<N>().cast_signed();
        let b = numbers.uint::<N>().cast_signed();
        if b.is_zero() {
            assert_eq!((a.checked_div(b), a.checked_rem(b)), (None, None));
            continue;
        }
        let (x, y) = (big_signed(a), big_signed(b));
        // Operators of num-bigint round towards zero.
        let (quotient, overflow) = wrap_signed(&(&x / &y));
        let remainder = wrap_signed(&(&x % &y)).0;
        assert_eq!(a.overflowing_div(b), (quotient, overflow), "{a} / {b}");
        assert_eq!(a.overflowing_rem(b), (remainder, overflow), "{a} % {b}");
        assert_eq!(a.wrapping_div_rem(b), (quotient, remainder), "{a} / {b}");
        if !overflow {
            assert_eq!(
                a.div_euclid(b),
                wrap_signed(&x.div_euclid(&y)).0,
                "{a} / {b}"
            );
            assert_eq!(
                a.rem_euclid(b),
                wrap_signed(&x.rem_euclid(&y)).0,
                "{a} % {b}"
            );
        }
    }
}

fn check_bits<const N: usize>(numbers: &mut Numbers) {
    let width = 64 * N as u32;
    for _ in 0..CASES {
        let a = numbers.uint::<N>();
        let (b, count) = (numbers.uint::<N>(), numbers.below(width));
        let (x, y) = (big(a), big(b));
        let signed = a.cast_signed();
        let left = wrap::<N>(&(&x << count)).0;
        let right = wrap::<N>(&(&x >> count)).0;
        assert_eq!((a << count, a >> count), (left, right), "{a}, {count}");
        assert_eq!(
            signed >> count,
            wrap_signed(&(big_signed(signed) >> count)).0,
            "{a}, {count}"
        );
        let rotated = left | wrap::<N>(&(&x >> (width - count))).0;
        assert_eq!(a.rotate_left(count), rotated, "{a}, {count}");
        assert_eq!(rotated.rotate_right(count), a, "{a}, {count}");
        assert_eq!(a.bit(count), x.bit(u64::from(count)), "{a}, {count}");
        assert_eq!(a & b, wrap(&(&x & &y)).0, "{a}, {b}");
        assert_eq!(a | b, wrap(&(&x | &y)).0, "{a}, {b}");
        assert_eq!(a ^ b, wrap(&(&x ^ &y)).0, "{a}, {b}");
        assert_eq!(!a, Uint::MAX - a, "{a}");
        assert_eq!(u64::from(a.bit_len()), x.bits(), "{a}");
        let zeros = x.trailing_zeros().unwrap_or(u64::from(width));
        assert_eq!(u64::from(a.trailing_zeros()), zeros, "{a}");
        assert_eq!(u64::from(a.count_ones()), x.count_ones(), "{a}");
        assert_eq!(a.leading_ones(), (!a).leading_zeros(), "{a}");
        let reversed = (0..width).fold(Uint::<N>::ZERO, |bits, i| bits << 1 | Uint::from(a.bit(i)));
        assert_eq!(a.reverse_bits(), reversed, "{a}");
        let bytes: Vec<u8> = a
            .limbs()
            .iter()
            .flat_map(|limb| limb.to_le_bytes())
            .collect();
        assert_eq!(big(a.swap_bytes()), BigUint::from_bytes_be(&bytes), "{a}");
        let (past, over) = (count + width, true);
        assert_eq!(
            (a.overflowing_shl(past), a.overflowing_shr(past)),
            ((left, over), (right, over))
        );
        assert_eq!((a.checked_shl(past), a.checked_shr(past)), (None, None));
        let next = (0..width).map(|i| Uint::ONE << i).find(|&power| power >= a);
        assert_eq!(a.checked_next_power_of_two(), next, "{a}");
    }
}

fn check_powers<const N: usize>(numbers: &mut Numbers) {
    for _ in 0..CASES / 20 {
        let (base, exponent) = (numbers.uint::<N>(), numbers.below(80));
        let exact = big(base).pow(exponent);
        assert_eq!(
            base.overflowing_pow(exponent),
            wrap(&exact),
            "{base}^{exponent}"
        );
        assert_eq!(
            base.wrapping_pow(exponent),
            wrap(&exact).0,
            "{base}^{exponent}"
        );
        let signed = base.cast_signed();
        let exact = big_signed(signed).pow(exponent);
        assert_eq!(
            signed.overflowing_pow(exponent),
            wrap_signed(&exact),
            "{signed}^{exponent}"
        );
        let large = numbers.uint::<N>();
        let modulus = BigUint::one() << (64 * N);
        let expected = big(base).modpow(&big(large), &modulus);
        assert_eq!(big(base.exp(large)), expected, "{base}^{large}");
    }
}

fn check_modular<const N: usize>(numbers: &mut Numbers) {
    for i in 0..CASES {
        let (a, b, modulus) = (
            numbers.uint::<N>(),
            numbers.uint::<N>(),
            numbers.uint::<N>(),
        );
        if modulus.is_zero() {
            continue;
        }
        let (x, y, m) = (big(a), big(b), big(modulus));
        assert_eq!(
            big(a.add_mod(b, modulus)),
            (&x + &y) % &m,
            "{a} + {b} mod {modulus}"
        );
        assert_eq!(
            big(a.mul_mod(b, modulus)),
            (&x * &y) % &m,
            "{a} * {b} mod {modulus}"
        );
        let inverse = x.modinv(&m).filter(|inverse| !inverse.is_zero());
        assert_eq!(
            a.inv_mod(modulus).map(big),
            inverse,
            "1 / {a} mod {modulus}"
        );
        if i % 8 == 0 {
            assert_eq!(
                big(a.pow_mod(b, modulus)),
                x.modpow(&y, &m),
                "{a}^{b} mod {modulus}"
            );
        }
    }
}

fn check_theory<const N: usize>(numbers: &mut Numbers) {
    for _ in 0..CASES / 4 {
        let (a, b) = (numbers.uint::<N>(), numbers.uint::<N>());
        assert_eq!(big(a.isqrt()), big(a).sqrt(), "{a}");
        assert_eq!(big(a.gcd(b)), big(a).gcd(&big(b)), "{a}, {b}");
        let square = a.wrapping_mul(a);
        assert_eq!(big(square.isqrt()), big(square).sqrt(), "{square}");
    }
}

/// What the machine's own semantics are written with, too.
#[test]
fn another_library_of_fixed_width_agrees() {
    type Other = ruint::Uint<256, 4>;
    let mut numbers = Numbers::new(256);
    for _ in 0..CASES {
        let [a, b, modulus] = [(); 3].map(|()| numbers.uint::<4>());
        let [x, y, m] = [a, b, modulus].map(|number| Other::from_limbs(number.limbs()));
        let same = |ours: Uint<4>, theirs: Other| {
            assert_eq!(ours.limbs(), theirs.into_limbs(), "{a}, {b}, {modulus}");
        };
        same(a.wrapping_mul(b), x.wrapping_mul(y));
        same(a.exp(b), x.wrapping_pow(y));
        if modulus > Uint::ONE {
            same(a.add_mod(b, modulus), x.add_mod(y, m));
            same(a.mul_mod(b, modulus), x.mul_mod(y, m));
            same(
                a.inv_mod(modulus).unwrap_or_default(),
                x.inv_mod(m).unwrap_or_default(),
            );
        }
    }
}
