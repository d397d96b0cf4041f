//! At 128 bits everything is as Rust's own integers have it: results, panics, text.

use std::collections::hash_map::DefaultHasher;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::panic::catch_unwind;

use crate::numbers::{Numbers, big, big_signed};
use dotvm_sdk::num::{Integer, Signed};
use dotvm_sdk::{I128, I256, ParseIntError, U128, U256, U512};

const CASES: u32 = 2_000;

fn pairs(seed: u64) -> impl Iterator<Item = (u128, u128)> {
    let mut numbers = Numbers::new(seed);
    (0..CASES).map(move |_| (numbers.uint::<2>().into(), numbers.uint::<2>().into()))
}

/// Compares methods of two arguments by name, unsigned and signed.
macro_rules! same {
    ($a:ident $b:ident: $($name:ident)*) => {
        $(
            assert_eq!(
                U128::from($a).$name(U128::from($b)),
                ours!(u128::$name($a, $b)),
                "{} of {} and {}", stringify!($name), $a, $b
            );
            let (c, d) = ($a as i128, $b as i128);
            assert_eq!(
                I128::from(c).$name(I128::from(d)),
                ours!(i128::$name(c, d)),
                "{} of {} and {}", stringify!($name), c, d
            );
        )*
    };
}

/// A result of Rust's types in ours.
macro_rules! ours {
    ($result:expr) => {
        Ours::ours($result)
    };
}

trait Ours {
    type Type;
    fn ours(self) -> Self::Type;
}

impl Ours for u128 {
    type Type = U128;
    fn ours(self) -> U128 {
        U128::from(self)
    }
}

impl Ours for i128 {
    type Type = I128;
    fn ours(self) -> I128 {
        I128::from(self)
    }
}

impl<T: Ours> Ours for Option<T> {
    type Type = Option<T::Type>;
    fn ours(self) -> Self::Type {
        self.map(Ours::ours)
    }
}

impl<T: Ours> Ours for (T, bool) {
    type Type = (T::Type, bool);
    fn ours(self) -> Self::Type {
        (self.0.ours(), self.1)
    }
}

#[test]
fn methods_of_two_numbers() {
    for (a, b) in pairs(1) {
        same!(a b: wrapping_add wrapping_sub wrapping_mul checked_add checked_sub checked_mul
            checked_div checked_rem overflowing_add overflowing_sub overflowing_mul
            saturating_add saturating_sub saturating_mul);
        if b != 0 {
            same!(a b: wrapping_div wrapping_rem overflowing_div overflowing_rem);
            assert_eq!(U128::from(a).div_euclid(b.into()), ours!(a.div_euclid(b)));
            assert_eq!(U128::from(a).rem_euclid(b.into()), ours!(a.rem_euclid(b)));
        }
    }
}

#[test]
fn methods_of_a_number_and_a_count() {
    for (a, b) in pairs(2) {
        let count = b as u32 % 300;
        let (ours, theirs) = (U128::from(a), a);
        let (ours_signed, theirs_signed) = (I128::from(a as i128), a as i128);
        macro_rules! same {
            ($($name:ident)*) => {
                $(
                    assert_eq!(ours.$name(count), ours!(theirs.$name(count)), "{a} {count}");
                    assert_eq!(
                        ours_signed.$name(count),
                        ours!(theirs_signed.$name(count)),
                        "{a} {count}"
                    );
                )*
            };
        }
        same!(wrapping_shl wrapping_shr checked_shl checked_shr overflowing_shl overflowing_shr
            wrapping_pow checked_pow overflowing_pow saturating_pow rotate_left rotate_right);
    }
}

#[test]
fn methods_of_a_number() {
    for (a, _) in pairs(3) {
        let (ours, theirs) = (U128::from(a), a);
        let (ours_signed, theirs_signed) = (I128::from(a as i128), a as i128);
        macro_rules! same {
            ($($name:ident)*) => {
                $(
                    assert_eq!(ours.$name(), ours!(theirs.$name()), "{a}");
                    assert_eq!(ours_signed.$name(), ours!(theirs_signed.$name()), "{a}");
                )*
            };
        }
        macro_rules! same_plain {
            ($($name:ident)*) => {
                $(
                    assert_eq!(ours.$name(), theirs.$name(), "{a}");
                    assert_eq!(ours_signed.$name(), theirs_signed.$name(), "{a}");
                )*
            };
        }
        same!(wrapping_neg checked_neg overflowing_neg swap_bytes reverse_bits);
        same_plain!(leading_zeros trailing_zeros leading_ones trailing_ones count_ones count_zeros
            to_le_bytes to_be_bytes);
        assert_eq!(
            ours_signed.checked_abs(),
            ours!(theirs_signed.checked_abs())
        );
        assert_eq!(
            ours_signed.wrapping_abs(),
            ours!(theirs_signed.wrapping_abs())
        );
        assert_eq!(ours_signed.signum(), ours!(theirs_signed.signum()));
        assert_eq!(
            ours_signed.unsigned_abs(),
            ours!(theirs_signed.unsigned_abs())
        );
        assert_eq!(ours.is_power_of_two(), theirs.is_power_of_two());
        assert_eq!(ours.isqrt(), ours!(theirs.isqrt()));
        assert_eq!(U128::from_le_bytes(theirs.to_le_bytes()), ours);
        assert_eq!(
            I128::from_be_bytes(theirs_signed.to_be_bytes()),
            ours_signed
        );
    }
}

/// What both do, as text: the result, or the message of the panic.
fn outcome<T: ToString>(compute: impl FnOnce() -> T + std::panic::UnwindSafe) -> String {
    match catch_unwind(compute) {
        Ok(result) => result.to_string(),
        Err(panic) => match panic.downcast_ref::<&str>() {
            Some(message) => format!("panic: {message}"),
            None => format!(
                "panic: {}",
                panic.downcast_ref::<String>().expect("a message")
            ),
        },
    }
}

#[test]
fn operators_panic_with_rusts_messages() {
    let (max, min) = (i128::MAX, i128::MIN);
    macro_rules! same {
        ($($a:expr, $operator:tt $b:expr;)*) => {
            $(
                let (a, b) = (std::hint::black_box($a), std::hint::black_box($b));
                assert_eq!(outcome(|| ours!(a) $operator ours!(b)), outcome(|| a $operator b));
            )*
        };
    }
    // That of an unsigned number is above, and not printed here.
    same! {
        max, + 1i128; min, - 1i128; max, * 2i128; min, / -1i128; min, % -1i128; max, / 0i128;
        max, % 0i128; u128::MAX, + 1u128; 0u128, - 1u128; u128::MAX, * u128::MAX; 1u128, / 0u128;
        1u128, % 0u128; max, + 0i128; 7i128, * -6i128; -7i128, / 2i128; -7i128, % 2i128;
        0b1100u128, & 0b1010u128; 0b1100u128, | 0b1010u128; -4i128, ^ 6i128;
    }
    let by = std::hint::black_box(128u32);
    assert_eq!(outcome(|| U128::ONE << by), outcome(|| 1u128 << by));
    assert_eq!(outcome(|| I128::ONE >> by), outcome(|| 1i128 >> by));
    assert_eq!(
        outcome(|| -I128::MIN),
        outcome(|| -std::hint::black_box(min))
    );
    assert_eq!(
        outcome(|| I128::MIN.abs()),
        outcome(|| -std::hint::black_box(min))
    );
    let sum = |numbers: &[u128]| {
        numbers
            .iter()
            .copied()
            .map(U128::from)
            .sum::<U128>()
            .to_string()
    };
    assert_eq!(sum(&[1, 2, 3]), "6");
    let product: U128 = [2u8, 3, 7]
        .iter()
        .map(|&factor| U128::from(factor))
        .product();
    assert_eq!(product, U128::from(42u8));
}

#[test]
#[allow(clippy::op_ref, reason = "references are what is tested")]
fn operators_take_references_and_assign() {
    let (a, b) = (U256::from(40u8), U256::from(2u8));
    assert_eq!([a + b, &a + b, a + &b, &a + &b], [U256::from(42u8); 4]);
    let mut c = a;
    c += b;
    c -= &U256::ONE;
    c *= b;
    c /= U256::from(3u8);
    c %= U256::from(20u8);
    c <<= 4;
    c >>= &1;
    c |= U256::ONE;
    c &= U256::from(0xfeu8);
    c ^= U256::from(0xffu8);
    let d = (((40u32 + 2 - 1) * 2 / 3) % 20) << 4 >> 1;
    assert_eq!(c, U256::from(((d | 1) & 0xfe) ^ 0xff));
    assert_eq!([!c, !&c], [U256::MAX - c; 2]);
    assert_eq!([-I256::ONE, -&I256::ONE], [I256::MINUS_ONE; 2]);
}

#[test]
fn text_is_formatted_alike() {
    macro_rules! formats {
        ($number:expr; $($format:literal)*) => {{
            let mut text = String::new();
            $(writeln!(text, $format, $number).expect("written");)*
            text
        }};
    }
    macro_rules! all_formats {
        ($number:expr) => {
            formats!($number; "{}" "{:?}" "{:+}" "{:50}|" "{:<50}|" "{:^50}|" "{:*>+50}" "{:050}"
                "{:+050}" "{:x}" "{:#x}" "{:X}" "{:#050X}" "{:o}" "{:#o}" "{:b}" "{:#0140b}" "{:#?}" "{:x?}" "{:#X?}" "{:#050x?}")
        };
    }
    for (a, b) in pairs(4).take(400) {
        assert_eq!(all_formats!(U128::from(a)), all_formats!(a));
        assert_eq!(all_formats!(I128::from(b as i128)), all_formats!(b as i128));
    }
    // Digits of three bits, across limbs.
    let mut numbers = Numbers::new(5);
    for _ in 0..400 {
        let number = numbers.uint::<8>();
        let digits = |number: U512| {
            number
                .limbs()
                .map(|limb| format!("{limb:064b}"))
                .into_iter()
                .rev()
        };
        let binary: String = digits(number).collect();
        let binary = binary.trim_start_matches('0');
        assert_eq!(
            format!("{number:b}"),
            if binary.is_empty() { "0" } else { binary }
        );
        let octal = format!("{number:o}");
        assert_eq!(U512::from_str_radix(&octal, 8), Ok(number));
        assert_eq!(big(number).to_str_radix(8), octal);
        assert_eq!(big(number).to_string(), number.to_string());
        assert_eq!(
            big_signed(number.cast_signed()).to_string(),
            number.cast_signed().to_string()
        );
    }
}

#[test]
fn text_is_parsed_alike() {
    let texts = [
        "",
        "+",
        "-",
        "0",
        "-0",
        "+7",
        "-7",
        "00012",
        "12x",
        "1 2",
        " 1",
        "\u{661}",
        "340282366920938463463374607431768211455",
        "340282366920938463463374607431768211456",
        "170141183460469231731687303715884105727",
        "170141183460469231731687303715884105728",
        "-170141183460469231731687303715884105728",
        "-170141183460469231731687303715884105729",
        "-340282366920938463463374607431768211456",
        "99999999999999999999999999999999999999999",
        "-99999999999999999999999999999999999999999",
        "zz",
        "-ZZ",
        "z_z",
    ];
    for text in texts {
        for radix in [2, 10, 16, 36] {
            let same = |ours: Result<String, ParseIntError>, theirs: Result<String, _>| {
                let theirs = theirs.map_err(|error: std::num::ParseIntError| error.to_string());
                assert_eq!(
                    ours.map_err(|error| error.to_string()),
                    theirs,
                    "{text:?} {radix}"
                );
            };
            // A sign alone is without digits to us.
            if !matches!(text, "+" | "-") {
                let ours = U128::from_str_radix(text, radix).map(|n| n.to_string());
                same(
                    ours,
                    u128::from_str_radix(text, radix).map(|n| n.to_string()),
                );
                let ours = I128::from_str_radix(text, radix).map(|n| n.to_string());
                same(
                    ours,
                    i128::from_str_radix(text, radix).map(|n| n.to_string()),
                );
            }
        }
    }
    for (a, _) in pairs(6) {
        for radix in 2..=36 {
            let text = big(U128::from(a)).to_str_radix(radix);
            assert_eq!(U128::from_str_radix(&text, radix), Ok(U128::from(a)));
            assert_eq!(
                U128::from_str_radix(&text.to_uppercase(), radix),
                Ok(U128::from(a))
            );
        }
    }
}

#[test]
fn literals_are_parsed_as_rust_writes_them() {
    assert_eq!("0xff_ff".parse(), Ok(dotvm_sdk::u256!(0xff_ff)));
    assert_eq!("-0b11".parse(), Ok(dotvm_sdk::i256!(-3)));
    assert_eq!("+0o17".parse(), Ok(dotvm_sdk::i512!(15)));
    assert_eq!("0x_1__0_".parse(), Ok(dotvm_sdk::u256!(16)));
    assert_eq!("".parse::<U256>(), Err(ParseIntError::Empty));
    for nothing in ["0x", "+", "-", "_", "_1", "-_1"] {
        assert_eq!(nothing.parse::<I256>(), Err(ParseIntError::InvalidDigit));
    }
    assert_eq!("-1".parse::<U256>(), Err(ParseIntError::InvalidDigit));
    assert_eq!("0b12".parse::<U256>(), Err(ParseIntError::InvalidDigit));
    let too_long = format!("0x1{}", "0".repeat(64));
    assert_eq!(too_long.parse::<U256>(), Err(ParseIntError::PosOverflow));
    assert_eq!(
        format!("-{too_long}").parse::<I256>(),
        Err(ParseIntError::NegOverflow)
    );
    let lowest = dotvm_sdk::i256!(
        -57896044618658097711785492504343953926634992332820282019728792003956564819968
    );
    assert_eq!(lowest, I256::MIN);
    assert_eq!(dotvm_sdk::u512!(0), U512::ZERO);
}

#[test]
fn conversions_keep_the_number_or_fail() {
    let mut numbers = Numbers::new(7);
    for _ in 0..CASES {
        let wide = numbers.uint::<4>();
        let exact = big(wide);
        let signed = wide.cast_signed();
        let exact_signed = big_signed(signed);
        macro_rules! same {
            ($($type:ty)*) => {
                $(
                    assert_eq!(<$type>::try_from(wide).ok(), (&exact).try_into().ok(), "{wide}");
                    assert_eq!(<$type>::try_from(signed).ok(), (&exact_signed).try_into().ok(), "{signed}");
                )*
            };
        }
        same!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);
        let back = |narrow: Option<String>, fits: bool| {
            assert_eq!(narrow, fits.then(|| exact.to_string()), "{wide}");
        };
        back(
            U128::try_from(wide).ok().map(|n| n.to_string()),
            exact.bits() <= 128,
        );
        back(
            I128::try_from(wide).ok().map(|n| n.to_string()),
            exact.bits() < 128,
        );
        back(
            I256::try_from(wide).ok().map(|n| n.to_string()),
            exact.bits() < 256,
        );
        let narrow = I128::try_from(signed).ok().map(|n| n.to_string());
        let fits = i128::try_from(&exact_signed).is_ok();
        assert_eq!(narrow, fits.then(|| exact_signed.to_string()));
        let narrow = U128::try_from(signed).ok().map(|n| n.to_string());
        let fits = u128::try_from(&exact_signed).is_ok();
        assert_eq!(narrow, fits.then(|| exact_signed.to_string()));
        assert_eq!(U256::try_from(signed).is_ok(), !signed.is_negative());
        assert_eq!(U512::try_from(signed).is_ok(), !signed.is_negative());
        assert_eq!(U512::from(wide).to_string(), exact.to_string());
        assert_eq!(dotvm_sdk::I512::from(wide).to_string(), exact.to_string());
        assert_eq!(
            dotvm_sdk::I512::from(signed).to_string(),
            exact_signed.to_string()
        );
    }
    assert_eq!(I256::from(-5i8), I256::from(-5i128));
    assert_eq!(I256::from(u64::MAX).to_string(), u64::MAX.to_string());
    assert_eq!(
        U128::try_from(-1i32)
            .map_err(|error| error.to_string())
            .err(),
        u128::try_from(-1i32)
            .map_err(|error| error.to_string())
            .err()
    );
    assert_eq!(U256::from(true), U256::ONE);
}

#[test]
fn traits_cover_rusts_integers() {
    fn sum_of_squares<T: Integer + From<u8>>() -> String {
        (1..=9).map(|n| T::from(n).pow(2)).sum::<T>().to_string()
    }
    assert_eq!(sum_of_squares::<u32>(), "285");
    assert_eq!(sum_of_squares::<i128>(), "285");
    assert_eq!(sum_of_squares::<U512>(), "285");
    fn negated<T: Signed>(text: &str) -> Option<T> {
        T::from_str_radix(text, 10).ok().map(|number| -number.abs())
    }
    assert_eq!(negated::<i64>("12"), Some(-12));
    assert_eq!(negated::<I256>("-12"), Some(I256::from(-12)));
    assert_eq!([<U256 as Integer>::BITS, <u16 as Integer>::BITS], [256, 16]);
}

#[test]
fn equal_numbers_have_equal_hashes() {
    let hash = |number: U256| {
        let mut hasher = DefaultHasher::new();
        number.hash(&mut hasher);
        hasher.finish()
    };
    assert_eq!(hash(U256::from(7u8)), hash(dotvm_sdk::u256!(7)));
    assert_ne!(hash(U256::from(7u8)), hash(U256::from(8u8)));
}
