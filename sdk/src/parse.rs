//! Parsing, at run time and, for the macros of constants, at compile time.

use core::str::FromStr;

use crate::{Int, ParseIntError, Uint};

/// What is in front of the digits.
struct Prefix {
    negative: bool,
    /// Where the digits start.
    digits: usize,
    radix: u32,
}

impl Prefix {
    /// Finds a sign and, if it is to be found, the radix.
    const fn of(text: &[u8], radix: Option<u32>) -> Prefix {
        let negative = !text.is_empty() && text[0] == b'-';
        let sign = (negative || (!text.is_empty() && text[0] == b'+')) as usize;
        let (prefix, radix) = match radix {
            Some(radix) => (0, radix),
            None if text.len() < sign + 2 || text[sign] != b'0' => (0, 10),
            None => match text[sign + 1] {
                b'x' => (2, 16),
                b'o' => (2, 8),
                b'b' => (2, 2),
                _ => (0, 10),
            },
        };
        let digits = sign + prefix;
        Prefix {
            negative,
            digits,
            radix,
        }
    }
}

/// The value of a digit; one that is none is beyond every radix.
const fn digit(byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => (byte - b'0') as u32,
        b'a'..=b'z' => (byte - b'a') as u32 + 10,
        b'A'..=b'Z' => (byte - b'A') as u32 + 10,
        _ => u32::MAX,
    }
}

impl<const N: usize> Uint<N> {
    /// The number of those digits from `at` on. Underscores separate digits, where that is allowed; a number
    /// without a prefix does not start with one.
    const fn from_digits(
        text: &[u8],
        mut at: usize,
        radix: u32,
        underscores: bool,
    ) -> Result<Self, ParseIntError> {
        let mut limbs = [0; N];
        let mut empty = true;
        let prefixed = radix != 10;
        while at < text.len() {
            let byte = text[at];
            at += 1;
            if underscores && byte == b'_' && (prefixed || !empty) {
                continue;
            }
            empty = false;
            let digit = digit(byte);
            if digit >= radix {
                return Err(ParseIntError::InvalidDigit);
            }
            let mut carry = digit as u64;
            let mut i = 0;
            while i < N {
                let wide = limbs[i] as u128 * radix as u128 + carry as u128;
                limbs[i] = wide as u64;
                carry = (wide >> 64) as u64;
                i += 1;
            }
            if carry != 0 {
                return Err(ParseIntError::PosOverflow);
            }
        }
        if empty {
            // A sign or a prefix alone is something, though no number.
            return Err(match text.len() {
                0 => ParseIntError::Empty,
                _ => ParseIntError::InvalidDigit,
            });
        }
        Ok(Uint::from_limbs(limbs))
    }

    /// The number that a literal of Rust's syntax stands for, at compile time: see [`u256!`](crate::u256).
    ///
    /// # Panics
    /// Where it is none, or out of range.
    #[doc(hidden)]
    pub const fn literal(text: &str) -> Self {
        let prefix = Prefix::of(text.as_bytes(), None);
        match Self::from_digits(text.as_bytes(), prefix.digits, prefix.radix, true) {
            Ok(number) if !prefix.negative => number,
            Err(ParseIntError::PosOverflow) => panic!("the literal is out of range for its type"),
            _ => panic!("the literal is no unsigned integer"),
        }
    }

    fn parse(text: &str, radix: Option<u32>) -> Result<Self, ParseIntError> {
        let prefix = Prefix::of(text.as_bytes(), radix);
        if prefix.negative {
            return Err(ParseIntError::InvalidDigit);
        }
        Self::from_digits(
            text.as_bytes(),
            prefix.digits,
            prefix.radix,
            radix.is_none(),
        )
    }

    /// The number of those digits, after a `+` or not.
    ///
    /// # Errors
    /// Where something is no digit, there are none, or the number is out of range.
    ///
    /// # Panics
    /// Where `radix` is not 2 to 36.
    pub fn from_str_radix(text: &str, radix: u32) -> Result<Self, ParseIntError> {
        check_radix(radix);
        Self::parse(text, Some(radix))
    }
}

impl<const N: usize> Int<N> {
    /// The number with that sign and absolute value.
    const fn from_magnitude(negative: bool, magnitude: Uint<N>) -> Result<Self, ParseIntError> {
        let mut limbs = magnitude.limbs();
        let too_large = limbs[N - 1] >> 63 == 1;
        if negative {
            // Two's complement: zeros at the bottom stay, and so does the lowest one.
            let mut borrowed = false;
            let mut i = 0;
            while i < N {
                let limb = limbs[i];
                limbs[i] = limb.wrapping_neg().wrapping_sub(borrowed as u64);
                borrowed |= limb != 0;
                i += 1;
            }
        }
        let number = Int::from_limbs(limbs);
        match (too_large, negative) {
            (true, false) => Err(ParseIntError::PosOverflow),
            // The absolute value of the smallest number is its own complement.
            (true, true) if !number.is_negative() || !is_power_of_two(magnitude) => {
                Err(ParseIntError::NegOverflow)
            }
            _ => Ok(number),
        }
    }

    /// The number that a literal of Rust's syntax stands for, at compile time: see [`i256!`](crate::i256).
    ///
    /// # Panics
    /// Where it is none, or out of range.
    #[doc(hidden)]
    pub const fn literal(negative: bool, text: &str) -> Self {
        match Self::from_magnitude(negative, Uint::literal(text)) {
            Ok(number) => number,
            Err(_) => panic!("the literal is out of range for its type"),
        }
    }

    fn parse(text: &str, radix: Option<u32>) -> Result<Self, ParseIntError> {
        let prefix = Prefix::of(text.as_bytes(), radix);
        let underscores = radix.is_none();
        let bytes = text.as_bytes();
        match Uint::from_digits(bytes, prefix.digits, prefix.radix, underscores) {
            Ok(magnitude) => Self::from_magnitude(prefix.negative, magnitude),
            Err(ParseIntError::PosOverflow) if prefix.negative => Err(ParseIntError::NegOverflow),
            Err(error) => Err(error),
        }
    }

    /// The number of those digits, after a sign or not.
    ///
    /// # Errors
    /// Where something is no digit, there are none, or the number is out of range.
    ///
    /// # Panics
    /// Where `radix` is not 2 to 36.
    pub fn from_str_radix(text: &str, radix: u32) -> Result<Self, ParseIntError> {
        check_radix(radix);
        Self::parse(text, Some(radix))
    }
}

/// Whether exactly one bit is set.
const fn is_power_of_two<const N: usize>(number: Uint<N>) -> bool {
    let limbs = number.limbs();
    let (mut ones, mut i) = (0, 0);
    while i < N {
        ones += limbs[i].count_ones();
        i += 1;
    }
    ones == 1
}

#[track_caller]
fn check_radix(radix: u32) {
    assert!(
        (2..=36).contains(&radix),
        "the radix must be 2 to 36, not {radix}"
    );
}

/// Decimal digits, or what Rust's literals may be: `0x`, `0o` or `0b` before digits of that radix, and
/// underscores behind a digit or the prefix.
impl<const N: usize> FromStr for Uint<N> {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        Self::parse(text, None)
    }
}

/// Decimal digits, or what Rust's literals may be: `0x`, `0o` or `0b` before digits of that radix, and
/// underscores behind a digit or the prefix; a sign in front of it all.
impl<const N: usize> FromStr for Int<N> {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        Self::parse(text, None)
    }
}

macro_rules! unsigned_literals {
    ($($name:ident $type:ident $example:literal,)*) => {
        $(
            #[doc = concat!("A constant of type [`", stringify!($type), "`](crate::", stringify!($type),
                            "): an integer literal of any size, checked at compile time.")]
            ///
            /// ```
            #[doc = concat!("let number = dotvm_sdk::", stringify!($name), "!(", $example, ");")]
            #[doc = concat!("assert_eq!(Ok(number), \"", $example, "\".parse());")]
            /// ```
            #[macro_export]
            macro_rules! $name {
                ($value:tt) => {{
                    const VALUE: $crate::$type = $crate::$type::literal(stringify!($value));
                    VALUE
                }};
            }
        )*
    };
}

unsigned_literals! {
    u128 U128 "0xffff_0000_ffff_0000_ffff_0000_ffff_0000",
    u256 U256 "115792089237316195423570985008687907853269984665640564039457584007908834671663",
    u512 U512 "0x1000000000000000000000000000000000000000000000000000000000000000000000",
}

macro_rules! signed_literals {
    ($($name:ident $type:ident $example:literal,)*) => {
        $(
            #[doc = concat!("A constant of type [`", stringify!($type), "`](crate::", stringify!($type),
                            "): an integer literal of any size, checked at compile time.")]
            ///
            /// ```
            #[doc = concat!("let number = dotvm_sdk::", stringify!($name), "!(", $example, ");")]
            #[doc = concat!("assert_eq!(Ok(number), \"", $example, "\".parse());")]
            /// ```
            #[macro_export]
            macro_rules! $name {
                (-$value:tt) => {{
                    const VALUE: $crate::$type = $crate::$type::literal(true, stringify!($value));
                    VALUE
                }};
                ($value:tt) => {{
                    const VALUE: $crate::$type = $crate::$type::literal(false, stringify!($value));
                    VALUE
                }};
            }
        )*
    };
}

signed_literals! {
    i128 I128 "-170141183460469231731687303715884105728",
    i256 I256 "-0xffff_ffff_ffff_ffff_ffff_ffff_ffff_ffff",
    i512 I512 "1_000_000_000_000_000_000_000_000_000_000_000_000_000_000",
}
