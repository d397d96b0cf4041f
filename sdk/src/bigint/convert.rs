//! Big integers from and to other numbers, bytes and text.

use alloc::string::String;
use alloc::vec::Vec;
use core::convert::TryFrom;
use core::fmt;
use core::str::FromStr;

use super::{kernel, BigInt};
use crate::{Int, ParseIntError, TryFromIntError, Uint};

impl BigInt {
    /// The number of these bytes, lowest first, in two's complement.
    pub fn from_bytes(bytes: &[u8]) -> BigInt {
        BigInt(kernel::from_bytes(bytes))
    }

    /// Its bytes, lowest first, in two's complement: as few as there can be, but at least one.
    pub fn to_bytes(&self) -> Vec<u8> {
        kernel::to_bytes(&self.0)
    }

    /// The number of these digits, in either case, with a sign in front or none.
    ///
    /// # Errors
    /// Where there are none, or something else is there.
    ///
    /// # Panics
    /// Where the base is not from 2 to 36.
    pub fn from_str_radix(text: &str, radix: u32) -> Result<BigInt, ParseIntError> {
        check(radix);
        match kernel::from_text(text.as_bytes(), radix) {
            Some(number) => Ok(BigInt(number)),
            None if text.is_empty() => Err(ParseIntError::Empty),
            None => Err(ParseIntError::InvalidDigit),
        }
    }

    /// Its digits, lower-case, behind `-` where it is below 0.
    ///
    /// # Panics
    /// Where the base is not from 2 to 36.
    pub fn to_str_radix(&self, radix: u32) -> String {
        check(radix);
        String::from_utf8(kernel::to_text(&self.0, radix)).unwrap_or_default()
    }

    /// Writes digits with what the format asks for besides.
    fn write(&self, f: &mut fmt::Formatter<'_>, radix: u32, prefix: &str) -> fmt::Result {
        let text = self.to_str_radix(radix);
        let digits = text.trim_start_matches('-');
        f.pad_integral(!self.is_negative(), prefix, digits)
    }
}

fn check(radix: u32) {
    assert!((2..=36).contains(&radix), "a base that there is not");
}

impl FromStr for BigInt {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<BigInt, ParseIntError> {
        BigInt::from_str_radix(text, 10)
    }
}

impl fmt::Display for BigInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 10, "")
    }
}

impl fmt::Debug for BigInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::LowerHex for BigInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 16, "0x")
    }
}

impl fmt::UpperHex for BigInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.abs().to_str_radix(16).to_ascii_uppercase();
        f.pad_integral(!self.is_negative(), "0x", &text)
    }
}

impl fmt::Octal for BigInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 8, "0o")
    }
}

impl fmt::Binary for BigInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 2, "0b")
    }
}

macro_rules! from_small {
    ($($type:ident $of:ident $wide:ident;)*) => {
        $(impl From<$type> for BigInt {
            fn from(value: $type) -> BigInt {
                BigInt(kernel::$of(value as $wide))
            }
        })*
    };
}

from_small! {
    i8 from_i64 i64;
    i16 from_i64 i64;
    i32 from_i64 i64;
    i64 from_i64 i64;
    isize from_i64 i64;
    u8 from_u64 u64;
    u16 from_u64 u64;
    u32 from_u64 u64;
    u64 from_u64 u64;
    usize from_u64 u64;
}

impl From<i128> for BigInt {
    fn from(value: i128) -> BigInt {
        BigInt::from_bytes(&value.to_le_bytes())
    }
}

impl From<u128> for BigInt {
    fn from(value: u128) -> BigInt {
        unsigned(value.to_le_bytes().to_vec())
    }
}

/// The number of bytes without a sign.
fn unsigned(mut bytes: Vec<u8>) -> BigInt {
    bytes.push(0);
    BigInt::from_bytes(&bytes)
}

fn limb_bytes(limbs: &[u64]) -> Vec<u8> {
    limbs.iter().flat_map(|limb| limb.to_le_bytes()).collect()
}

impl<const N: usize> From<Uint<N>> for BigInt {
    fn from(value: Uint<N>) -> BigInt {
        unsigned(limb_bytes(&value.limbs()))
    }
}

impl<const N: usize> From<Int<N>> for BigInt {
    fn from(value: Int<N>) -> BigInt {
        BigInt::from_bytes(&limb_bytes(&value.limbs()))
    }
}

/// Limbs of a number in two's complement, with as many signs as are missing.
fn limbs<const N: usize>(number: &BigInt) -> [u64; N] {
    let mut bytes = number.to_bytes();
    bytes.resize(N * 8, if number.is_negative() { 0xff } else { 0 });
    let mut limbs = [0; N];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
        let mut all = [0; 8];
        all.copy_from_slice(chunk);
        *limb = u64::from_le_bytes(all);
    }
    limbs
}

impl<const N: usize> TryFrom<&BigInt> for Uint<N> {
    type Error = TryFromIntError;

    fn try_from(number: &BigInt) -> Result<Uint<N>, TryFromIntError> {
        if number.is_negative() || number.bits() as usize > N * 64 {
            return Err(TryFromIntError(()));
        }
        Ok(Uint::from_limbs(limbs(number)))
    }
}

impl<const N: usize> TryFrom<&BigInt> for Int<N> {
    type Error = TryFromIntError;

    fn try_from(number: &BigInt) -> Result<Int<N>, TryFromIntError> {
        if number.to_bytes().len() > N * 8 {
            return Err(TryFromIntError(()));
        }
        Ok(Int::from_limbs(limbs(number)))
    }
}

macro_rules! try_into_small {
    ($($type:ident)*) => {
        $(impl TryFrom<&BigInt> for $type {
            type Error = TryFromIntError;

            fn try_from(number: &BigInt) -> Result<$type, TryFromIntError> {
                let error = TryFromIntError(());
                if number.bits() > 128 {
                    return Err(error);
                }
                let [low, high, sign] = limbs::<3>(number);
                let all = u128::from(high) << 64 | u128::from(low);
                match sign {
                    0 => $type::try_from(all).map_err(|_| error),
                    _ if all >> 127 == 1 => $type::try_from(all as i128).map_err(|_| error),
                    _ => Err(error),
                }
            }
        })*
    };
}

try_into_small!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);
