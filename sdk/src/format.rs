//! Formatting, with everything that format strings can ask for.

use core::fmt::{Binary, Debug, Display, Formatter, LowerHex, Octal, Result, UpperHex};

use crate::{Int, Uint, MAX_LIMBS};

/// The largest power of ten that is one limb, and how many zeros it has.
const CHUNK: u64 = 10_000_000_000_000_000_000;
const CHUNK_DIGITS: usize = 19;

/// The most digits there are: those of the longest number in binary.
const MAX_DIGITS: usize = 64 * MAX_LIMBS;

/// Digits, written from the last to the first.
struct Digits {
    buffer: [u8; MAX_DIGITS],
    start: usize,
}

impl Digits {
    fn new() -> Digits {
        Digits {
            buffer: [0; MAX_DIGITS],
            start: MAX_DIGITS,
        }
    }

    /// Puts a digit in front.
    fn push(&mut self, digit: u64, letters: u8) {
        let digit = digit as u8;
        self.start -= 1;
        self.buffer[self.start] = if digit < 10 {
            b'0' + digit
        } else {
            letters + digit - 10
        };
    }

    /// Without the zeros in front, but with one digit at least.
    fn as_str(&self) -> &str {
        let digits = &self.buffer[self.start..];
        let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
        let digits = &digits[zeros.min(digits.len() - 1)..];
        core::str::from_utf8(digits).unwrap_or_default()
    }
}

impl<const N: usize> Uint<N> {
    fn decimal(self) -> Digits {
        let mut digits = Digits::new();
        let mut rest = self;
        loop {
            let (quotient, chunk) = rest.div_rem(Self::from_u64(CHUNK));
            let mut chunk = chunk.as_u64();
            for _ in 0..CHUNK_DIGITS {
                digits.push(chunk % 10, 0);
                chunk /= 10;
            }
            if quotient.is_zero() {
                return digits;
            }
            rest = quotient;
        }
    }

    /// Digits of `bits` bits each.
    fn in_bits(self, bits: u32, letters: u8) -> Digits {
        let mut digits = Digits::new();
        let limbs = self.limbs();
        for at in (0..Self::BITS).step_by(bits as usize) {
            let (limb, bit) = ((at / 64) as usize, at % 64);
            let mut digit = limbs[limb] >> bit;
            if bit + bits > 64 && limb + 1 < N {
                digit |= limbs[limb + 1] << (64 - bit);
            }
            digits.push(digit & ((1 << bits) - 1), letters);
        }
        digits
    }
}

impl<const N: usize> Display for Uint<N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.pad_integral(true, "", self.decimal().as_str())
    }
}

impl<const N: usize> Display for Int<N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.pad_integral(
            !self.is_negative(),
            "",
            self.unsigned_abs().decimal().as_str(),
        )
    }
}

/// How a format string wants digits: those of `{:x?}`, of `{:X?}`, or decimal ones.
enum DebugDigits {
    LowerHex,
    UpperHex,
    Decimal,
}

impl DebugDigits {
    fn of(f: &Formatter<'_>) -> DebugDigits {
        // Nothing else tells, and the bits are what they were when this was deprecated.
        #[allow(deprecated)]
        let flags = f.flags();
        match (flags >> 4 & 1, flags >> 5 & 1) {
            (1, _) => DebugDigits::LowerHex,
            (_, 1) => DebugDigits::UpperHex,
            _ => DebugDigits::Decimal,
        }
    }
}

macro_rules! debug {
    ($($type:ident)*) => {
        $(
            /// As [`Display`], or for `{:x?}` and `{:X?}` as [`LowerHex`] and [`UpperHex`].
            impl<const N: usize> Debug for $type<N> {
                fn fmt(&self, f: &mut Formatter<'_>) -> Result {
                    match DebugDigits::of(f) {
                        DebugDigits::LowerHex => LowerHex::fmt(self, f),
                        DebugDigits::UpperHex => UpperHex::fmt(self, f),
                        DebugDigits::Decimal => Display::fmt(self, f),
                    }
                }
            }
        )*
    };
}

debug!(Uint Int);

/// The formats whose digits are bits; of signed numbers, those of two's complement.
macro_rules! in_bits {
    ($($trait:ident $prefix:literal $bits:literal $letters:literal,)*) => {
        $(
            impl<const N: usize> $trait for Uint<N> {
                fn fmt(&self, f: &mut Formatter<'_>) -> Result {
                    f.pad_integral(true, $prefix, self.in_bits($bits, $letters).as_str())
                }
            }

            impl<const N: usize> $trait for Int<N> {
                fn fmt(&self, f: &mut Formatter<'_>) -> Result {
                    $trait::fmt(&self.cast_unsigned(), f)
                }
            }
        )*
    };
}

in_bits!(LowerHex "0x" 4 b'a', UpperHex "0x" 4 b'A', Octal "0o" 3 b'a', Binary "0b" 1 b'a',);
