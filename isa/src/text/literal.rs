//! Literals of assembler text: integers of up to 512 bits, floats, strings. Reading and printing.
//!
//! Printing and reading a float gives back the same bits, payloads of NaNs included.

use std::borrow::Cow;
use std::fmt::Write;

use crate::bits::Bits;

/// The widest integer literal, in bits.
pub const MAX_INT_BITS: u32 = 512;

/// A literal that cannot be read: why.
pub(super) type Reason = Cow<'static, str>;

impl Bits {
    /// How many there are up to the highest one that is set.
    fn used(self) -> u32 {
        let limb = self.0.iter().rposition(|&limb| limb != 0);
        limb.map_or(0, |i| (i as u32 + 1) * 64 - self.0[i].leading_zeros())
    }

    fn negate(self) -> Bits {
        let mut carry = true;
        Bits(self.0.map(|limb| {
            let (sum, overflow) = (!limb).overflowing_add(u64::from(carry));
            carry = overflow;
            sum
        }))
    }

    /// `self * factor + digit`; `None` where that takes more than 512 bits.
    fn push_digit(self, factor: u64, digit: u64) -> Option<Bits> {
        let mut carry = u128::from(digit);
        let limbs = self.0.map(|limb| {
            let sum = u128::from(limb) * u128::from(factor) + carry;
            carry = sum >> 64;
            sum as u64
        });
        (carry == 0).then_some(Bits(limbs))
    }
}

/// The integer of `bits` bits that a text stands for, as in assembler text: decimal, or hexadecimal after
/// `0x`; underscores may stand between digits. Numbers from half of the range on are those of the same bits
/// below zero.
pub fn parse_integer(text: &str, bits: u32) -> Option<Bits> {
    int(text, bits).ok()
}

/// Prints an integer of a width over 64 bits, so that [`int`] gives back the same: long ones as hexadecimal.
pub(super) fn print_integer(out: &mut String, value: Bits, bits: u32) {
    let signed = value.sign_extended(bits);
    let written = match signed == Bits::from(value.low()).sign_extended(64) {
        true => write!(out, "{}", value.low().cast_signed()),
        false => {
            let slots = &value.0[..(bits / 64) as usize];
            let used = slots.iter().rposition(|&slot| slot != 0).unwrap_or(0);
            let below = slots[..used].iter().rev();
            below.fold(write!(out, "{:#x}", slots[used]), |written, slot| {
                written.and_then(|()| write!(out, "{slot:016x}"))
            })
        }
    };
    written.expect("writing to a string does not fail");
}

/// Reads an integer of `bits` bits: what is a signed or an unsigned number of that width.
pub(super) fn int(text: &str, bits: u32) -> Result<Bits, Reason> {
    debug_assert!(bits <= MAX_INT_BITS);
    let (negative, digits) = sign(text);
    let out_of_range = || {
        if bits <= 64 {
            let low = -(1i128 << (bits - 1));
            let high = (1i128 << bits) - 1;
            Reason::from(format!("does not fit {bits} bits ({low} to {high})"))
        } else {
            Reason::from(format!("does not fit {bits} bits"))
        }
    };
    let value = magnitude(digits)?.ok_or_else(out_of_range)?;
    if !negative {
        return match value.used() <= bits {
            true => Ok(value),
            false => Err(out_of_range()),
        };
    }
    // The smallest number's magnitude is a power of two, whose predecessor has a bit less.
    let negated = value.negate();
    let predecessor = Bits(negated.0.map(|limb| !limb));
    match value.used() == 0 || predecessor.used() < bits {
        true => Ok(negated),
        false => Err(out_of_range()),
    }
}

/// Reads an unsigned integer of at most `bits` bits, at most 64.
pub(super) fn unsigned(text: &str, bits: u32) -> Result<u64, Reason> {
    let (negative, digits) = sign(text);
    let value = magnitude(digits)?;
    match value {
        Some(value) if value.used() == 0 => Ok(0),
        _ if negative => Err("must not be negative".into()),
        Some(value) if value.used() <= bits => Ok(value.low()),
        _ => {
            let most = u64::MAX >> (64 - bits);
            Err(format!("is over {most}").into())
        }
    }
}

fn sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

/// Reads digits; `None` where they take more than 512 bits.
fn magnitude(text: &str) -> Result<Option<Bits>, Reason> {
    let (radix, digits) = match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        Some(digits) => (16, digits),
        None => (10, text),
    };
    let mut value = Some(Bits::default());
    each_digit(digits, radix, |digit| {
        value = value.and_then(|value| value.push_digit(u64::from(radix), u64::from(digit)));
    })?;
    Ok(value)
}

/// Visits digits; single underscores may stand between them.
fn each_digit(text: &str, radix: u32, mut visit: impl FnMut(u32)) -> Result<(), Reason> {
    let mut after_digit = false;
    for c in text.chars() {
        match c.to_digit(radix) {
            Some(digit) => {
                visit(digit);
                after_digit = true;
            }
            None if c == '_' && after_digit => after_digit = false,
            None => return Err("is not a number".into()),
        }
    }
    match after_digit {
        true => Ok(()),
        false => Err("is not a number".into()),
    }
}

/// The widths of a float format.
#[derive(Clone, Copy, Debug)]
pub(super) struct FloatFormat {
    /// Bits of the significand that are stored.
    fraction_bits: u32,
    exponent_bits: u32,
}

/// IEEE 754 binary32.
pub(super) const F32: FloatFormat = FloatFormat {
    fraction_bits: 23,
    exponent_bits: 8,
};

/// IEEE 754 binary64.
pub(super) const F64: FloatFormat = FloatFormat {
    fraction_bits: 52,
    exponent_bits: 11,
};

impl FloatFormat {
    fn sign_bit(self) -> u64 {
        1 << (self.fraction_bits + self.exponent_bits)
    }

    /// The bits of +infinity: an exponent of ones.
    fn infinity(self) -> u64 {
        ((1 << self.exponent_bits) - 1) << self.fraction_bits
    }

    fn fraction_mask(self) -> u64 {
        (1 << self.fraction_bits) - 1
    }

    /// The fraction of the NaN that operations make.
    fn quiet_bit(self) -> u64 {
        1 << (self.fraction_bits - 1)
    }

    fn bias(self) -> i64 {
        (1 << (self.exponent_bits - 1)) - 1
    }
}

/// Reads a float: decimal, hexadecimal, `inf`, `nan` or `nan:0x<payload>`, each with a sign.
/// Returns its bits.
pub(super) fn float(text: &str, format: FloatFormat) -> Result<u64, Reason> {
    let (negative, rest) = sign(text);
    let bits = if rest == "inf" {
        format.infinity()
    } else if rest == "nan" {
        format.infinity() | format.quiet_bit()
    } else if let Some(payload) = rest.strip_prefix("nan:") {
        match unsigned(payload, 64)? {
            0 => return Err("is infinity: the payload of a NaN is not zero".into()),
            payload if payload > format.fraction_mask() => {
                let bits = format.fraction_bits;
                return Err(format!("has a payload of more than {bits} bits").into());
            }
            payload => format.infinity() | payload,
        }
    } else if let Some(hex) = rest.strip_prefix("0x").or(rest.strip_prefix("0X")) {
        hex_float(hex, format)?
    } else {
        decimal_float(rest, format)?
    };
    Ok(bits | if negative { format.sign_bit() } else { 0 })
}

fn decimal_float(text: &str, format: FloatFormat) -> Result<u64, Reason> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = split_point(mantissa);
    for digits in [Some(whole), fraction, exponent.map(|text| sign(text).1)] {
        each_digit(digits.unwrap_or("0"), 10, drop)?;
    }
    let text = text.replace('_', "");
    let (bits, infinite) = if format.fraction_bits == F32.fraction_bits {
        let value: f32 = text.parse().map_err(|_| "is not a number")?;
        (u64::from(value.to_bits()), value.is_infinite())
    } else {
        let value: f64 = text.parse().map_err(|_| "is not a number")?;
        (value.to_bits(), value.is_infinite())
    };
    match infinite {
        true => Err("is too large for the type".into()),
        false => Ok(bits),
    }
}

/// What stands before and after the point; nothing after it is like no point.
fn split_point(text: &str) -> (&str, Option<&str>) {
    match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction).filter(|text| !text.is_empty())),
        None => (text, None),
    }
}

/// Reads what follows `0x`, rounding to the nearest float, ties to even.
fn hex_float(text: &str, format: FloatFormat) -> Result<u64, Reason> {
    let (mantissa, exponent) = match text.split_once(['p', 'P']) {
        Some((mantissa, exponent)) => (mantissa, exponent_value(exponent)?),
        None => (text, 0),
    };
    let (whole, fraction) = split_point(mantissa);
    // The leading 64 bits, whether any bit behind them is set, and the weight of the last one.
    let (mut leading, mut sticky, mut weight) = (0u64, false, exponent);
    let mut push = |digit: u32, step_down: bool| {
        if leading >> 60 == 0 {
            leading = leading << 4 | u64::from(digit);
            weight -= if step_down { 4 } else { 0 };
        } else {
            sticky |= digit != 0;
            weight += if step_down { 0 } else { 4 };
        }
    };
    each_digit(whole, 16, |digit| push(digit, false))?;
    if let Some(fraction) = fraction {
        each_digit(fraction, 16, |digit| push(digit, true))?;
    }
    round(leading, sticky, weight, format).ok_or_else(|| "is too large for the type".into())
}

/// An exponent; what is far out of any range is cut to a number that still is.
fn exponent_value(text: &str) -> Result<i64, Reason> {
    const FAR: i64 = 1 << 48;
    let (negative, digits) = sign(text);
    let mut value = 0i64;
    each_digit(digits, 10, |digit| {
        value = (value * 10 + i64::from(digit)).min(FAR);
    })?;
    Ok(if negative { -value } else { value })
}

/// The bits of the float nearest to `leading * 2^weight` (and a bit more where `sticky`); `None`
/// where it is too large.
fn round(leading: u64, sticky: bool, weight: i64, format: FloatFormat) -> Option<u64> {
    if leading == 0 {
        return Some(0);
    }
    // Normalized: the value is in [1, 2) * 2^exponent.
    let shift = leading.leading_zeros();
    let leading = leading << shift;
    let exponent = weight - i64::from(shift) + 63;
    let smallest = 1 - format.bias();
    // Subnormal numbers have fewer bits.
    let missing = (smallest - exponent).clamp(0, 64) as u32;
    let drop = 63 - format.fraction_bits + missing;
    let (kept, rest) = if drop >= 64 {
        (0, u128::from(leading) << (128 - drop.min(127)))
    } else {
        (leading >> drop, u128::from(leading) << (128 - drop))
    };
    let rest = rest | u128::from(sticky);
    const HALF: u128 = 1 << 127;
    let up = rest > HALF || (rest == HALF && kept & 1 == 1);
    // A carry out of the significand raises the exponent, as the encoding has it anyway.
    let significand = kept + u64::from(up);
    if exponent > format.bias() {
        return None;
    }
    let bits = match missing {
        0 => (((exponent + format.bias()) as u64 - 1) << format.fraction_bits) + significand,
        _ => significand,
    };
    (bits < format.infinity()).then_some(bits)
}

/// Prints a float so that [`float`] gives back the same bits.
pub(super) fn print_float(out: &mut String, bits: u64, format: FloatFormat) {
    if bits & format.sign_bit() != 0 {
        out.push('-');
    }
    let magnitude = bits & !format.sign_bit();
    let written = if magnitude == format.infinity() {
        write!(out, "inf")
    } else if magnitude == format.infinity() | format.quiet_bit() {
        write!(out, "nan")
    } else if magnitude > format.infinity() {
        write!(out, "nan:{:#x}", magnitude & format.fraction_mask())
    } else if format.fraction_bits == F32.fraction_bits {
        write!(out, "{:?}", f32::from_bits(magnitude as u32))
    } else {
        write!(out, "{:?}", f64::from_bits(magnitude))
    };
    written.expect("writing to a string does not fail");
}

/// Reads the bytes of a string literal, quotes included.
///
/// # Errors
/// The offset in `text` of what is wrong, and why.
pub(super) fn string(text: &str) -> Result<Vec<u8>, (usize, Reason)> {
    let inner = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .ok_or((0, Reason::from("is not a string")))?;
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let offset = 1 + inner.len() - rest.len() + at;
        rest = escape(&rest[at + 1..], &mut out).ok_or_else(|| {
            let known = r#"\n \t \r \\ \" \' \hh (two hexadecimal digits) \u{h..}"#;
            (
                offset,
                Reason::from(format!("unknown escape; there are {known}")),
            )
        })?;
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(out)
}

/// Reads what follows a backslash; returns what follows that.
fn escape<'a>(text: &'a str, out: &mut Vec<u8>) -> Option<&'a str> {
    let mut chars = text.chars();
    let first = chars.next()?;
    let byte = match first {
        'n' => b'\n',
        't' => b'\t',
        'r' => b'\r',
        '\\' | '"' | '\'' => first as u8,
        'u' => {
            let (digits, rest) = chars.as_str().strip_prefix('{')?.split_once('}')?;
            let plain = digits.len() <= 6 && digits.bytes().all(|b| b.is_ascii_hexdigit());
            let code = u32::from_str_radix(digits, 16).ok().filter(|_| plain)?;
            let mut utf8 = [0; 4];
            out.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut utf8).as_bytes());
            return Some(rest);
        }
        _ => {
            let (high, low) = (first.to_digit(16)?, chars.next()?.to_digit(16)?);
            (high << 4 | low) as u8
        }
    };
    out.push(byte);
    Some(chars.as_str())
}

/// Prints bytes as a string literal: printable ASCII as it is, everything else escaped.
pub(super) fn print_bytes(out: &mut String, bytes: &[u8]) {
    out.push('"');
    for &byte in bytes {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\t' => out.push_str("\\t"),
            b'\r' => out.push_str("\\r"),
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b' '..=b'~' => out.push(char::from(byte)),
            _ => write!(out, "\\{byte:02x}").expect("writing to a string does not fail"),
        }
    }
    out.push('"');
}

/// Prints a name as a string literal: letters and digits of any script as they are; what could
/// mislead a reader (control characters, changes of direction) escaped.
pub(super) fn print_name(out: &mut String, name: &str) {
    out.push('"');
    for c in name.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            ' '..='~' => out.push(c),
            _ if c.is_alphanumeric() => out.push(c),
            _ => {
                write!(out, "\\u{{{:x}}}", u32::from(c))
                    .expect("writing to a string does not fail");
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `2^bits`, in decimal.
    fn power_of_two(bits: u32) -> String {
        let mut digits = vec![1u8];
        for _ in 0..bits {
            let mut carry = 0;
            for digit in &mut digits {
                let doubled = *digit * 2 + carry;
                (*digit, carry) = (doubled % 10, doubled / 10);
            }
            digits.extend((carry > 0).then_some(carry));
        }
        digits
            .iter()
            .rev()
            .map(|digit| char::from(b'0' + digit))
            .collect()
    }

    /// A decimal number that ends in neither 0 nor 9, changed by one.
    fn change(number: &str, by: i8) -> String {
        let (rest, last) = number.split_at(number.len() - 1);
        format!("{rest}{}", last.parse::<i8>().unwrap() + by)
    }

    #[test]
    fn integers_of_every_width_have_their_range() {
        for bits in [8, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 511, 512] {
            // Powers of two end in 2, 4, 6 or 8.
            let (modulus, half) = (power_of_two(bits), power_of_two(bits - 1));
            let largest = int(&change(&modulus, -1), bits).unwrap();
            assert_eq!(largest.used(), bits);
            assert_eq!(largest.push_digit(1, 1).is_none(), bits == MAX_INT_BITS);
            assert!(int(&modulus, bits).is_err(), "{bits}");
            let smallest = int(&format!("-{half}"), bits).unwrap();
            assert_eq!(smallest.negate(), int(&half, bits).unwrap());
            assert!(int(&format!("-{}", change(&half, 1)), bits).is_err());
            let first_of_hex = 1 << (bits % 4);
            let hex = format!("0x{:x}{}", first_of_hex - 1, "f".repeat(bits as usize / 4));
            assert_eq!(int(&hex, bits), Ok(largest));
            let hex = format!("0x{first_of_hex:x}{}", "0".repeat(bits as usize / 4));
            assert!(int(&hex, bits).is_err(), "{bits}");
        }
        assert_eq!(int("-1", 512).unwrap().0, [u64::MAX; 8]);
        assert_eq!(int("-0", 8).unwrap().0, [0; 8]);
        assert!(int(&"0".repeat(10_000), 32).is_ok());
    }

    proptest! {
        #[test]
        fn integers_are_read(value: i64, pad in 0usize..5) {
            let pad = "0".repeat(pad);
            let (sign, magnitude) = (if value < 0 { "-" } else { "" }, value.unsigned_abs());
            prop_assert_eq!(int(&format!("{sign}{pad}{magnitude}"), 64).unwrap().low(), value as u64);
            prop_assert_eq!(int(&format!("{sign}0x{pad}{magnitude:x}"), 64).unwrap().low(), value as u64);
            prop_assert_eq!(unsigned(&format!("{magnitude}"), 64), Ok(magnitude));
            prop_assert_eq!(int(&value.to_string(), 32).is_ok(), (-1i64 << 31..1 << 32).contains(&value));
        }

        #[test]
        fn floats_keep_their_bits(single: u32, double: u64) {
            for (bits, format) in [(u64::from(single), F32), (double, F64)] {
                let mut text = String::new();
                print_float(&mut text, bits, format);
                prop_assert_eq!(float(&text, format), Ok(bits), "{}", text);
            }
        }

        /// Hexadecimal floats of more bits than a `u64` conversion has, against the rounding of
        /// integers that the language has.
        #[test]
        fn hexadecimal_floats_are_rounded(value: u128, point in 0usize..32) {
            let digits = format!("{value:032x}");
            let (whole, fraction) = digits.split_at(point.max(1));
            let exponent = 4 * fraction.len();
            let text = format!("0x{whole}.{fraction}p{exponent}");
            prop_assert_eq!(float(&text, F32), Ok(u64::from((value as f32).to_bits())));
            prop_assert_eq!(float(&text, F64), Ok((value as f64).to_bits()));
        }

        /// The same against decimal literals, down to the smallest numbers.
        #[test]
        fn small_hexadecimal_floats_are_rounded(leading in 0u64..1 << 60, exponent in 1000i32..1140) {
            let exact = leading as f64;
            let leading = exact as u64;
            let text = format!("{leading:#x}p-{exponent}");
            // Scaling by powers of two is exact but for the last step, which rounds once.
            let scaled = exact * (-1000f64).exp2() * (1000.0 - f64::from(exponent)).exp2();
            prop_assert_eq!(float(&text, F64), Ok(scaled.to_bits()));
        }

        #[test]
        fn strings_are_kept(bytes: Vec<u8>, name: String) {
            let mut text = String::new();
            print_bytes(&mut text, &bytes);
            prop_assert_eq!(string(&text).unwrap(), bytes);
            text.clear();
            print_name(&mut text, &name);
            prop_assert_eq!(string(&text).unwrap(), name.into_bytes());
        }
    }
}
