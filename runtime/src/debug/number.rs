//! Numbers of expressions: integers of 576 bits, so that any word fits whether or not it is signed, and
//! floats.

use std::cmp::Ordering;

use ruint::Uint;

/// An integer in two's complement.
type Bits = Uint<576, 9>;

/// A number.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Number {
    Int(Int),
    Float(f64),
}

/// An integer between -2^575 and 2^575.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Int(Bits);

/// Operators between numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    And,
    Or,
    Xor,
    Shl,
    Shr,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Int {
    pub(super) fn from_i64(value: i64) -> Int {
        Int::from_bytes(&value.to_le_bytes(), true)
    }

    pub(super) fn from_bool(value: bool) -> Int {
        Int(Bits::from(u64::from(value)))
    }

    /// Of at most 64 bytes, the lowest first.
    pub(super) fn from_bytes(bytes: &[u8], is_signed: bool) -> Int {
        let is_negative = is_signed && bytes.last().is_some_and(|&byte| byte >= 0x80);
        let mut all = [if is_negative { 0xff } else { 0 }; 72];
        let len = bytes.len().min(64);
        all[..len].copy_from_slice(&bytes[..len]);
        Int(Bits::from_le_slice(&all))
    }

    /// Digits of a base up to 16, with underscores between them.
    pub(super) fn parse(digits: &str, base: u64) -> Option<Int> {
        let mut value = Bits::ZERO;
        let mut any = false;
        for c in digits.chars().filter(|&c| c != '_') {
            let digit = u64::from(c.to_digit(16)?);
            if digit >= base {
                return None;
            }
            value = value.checked_mul(Bits::from(base))?;
            value = value.checked_add(Bits::from(digit))?;
            any = true;
        }
        (any && value.bit_len() <= 512).then_some(Int(value))
    }

    /// The lowest bytes; nothing where the value needs more than there are, signed or not.
    pub(super) fn to_bytes(self, len: usize) -> Option<Vec<u8>> {
        let all: [u8; 72] = self.0.to_le_bytes();
        let bytes = all[..len.min(64)].to_vec();
        let fits = |is_signed| Int::from_bytes(&bytes, is_signed) == self;
        (fits(false) || fits(true)).then_some(bytes)
    }

    pub(super) fn is_negative(self) -> bool {
        self.0.bit(575)
    }

    pub(super) fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// As an address or a count.
    pub(super) fn to_u64(self) -> Option<u64> {
        u64::try_from(self.0).ok()
    }

    fn to_f64(self) -> f64 {
        let magnitude = |bits: Bits| {
            let limbs = bits.as_limbs().iter().rev();
            limbs.fold(0.0, |sum, &limb| {
                sum * 18_446_744_073_709_551_616.0 + limb as f64
            })
        };
        match self.is_negative() {
            true => -magnitude(self.negated().0),
            false => magnitude(self.0),
        }
    }

    pub(super) fn negated(self) -> Int {
        Int(self.0.wrapping_neg())
    }

    pub(super) fn inverted(self) -> Int {
        Int(!self.0)
    }

    fn magnitude(self) -> Bits {
        if self.is_negative() {
            self.negated().0
        } else {
            self.0
        }
    }

    /// Keeps results within what there are bits for.
    fn checked(self) -> Result<Int, String> {
        match self.magnitude().bit_len() <= 512 {
            true => Ok(self),
            false => Err("the result has more than 512 bits".to_owned()),
        }
    }

    fn binary(self, op: Binary, other: Int) -> Result<Int, String> {
        let sign = |is_negative: bool, bits: Bits| {
            let value = Int(bits);
            if is_negative { value.negated() } else { value }
        };
        let (a, b) = (self.magnitude(), other.magnitude());
        let divides = matches!(op, Binary::Div | Binary::Rem);
        if divides && b.is_zero() {
            return Err("division by zero".to_owned());
        }
        let amount = || match other.to_u64() {
            Some(amount @ ..=511) => Ok(amount as usize),
            _ => Err("a shift by 512 bits or more".to_owned()),
        };
        let compare = self.compare(other);
        let truth = |value: bool| Ok(Int::from_bool(value));
        let signs_differ = self.is_negative() != other.is_negative();
        match op {
            Binary::Add => Int(self.0.wrapping_add(other.0)).checked(),
            Binary::Sub => Int(self.0.wrapping_sub(other.0)).checked(),
            Binary::Mul => match a.checked_mul(b) {
                Some(product) if product.bit_len() <= 512 => Ok(sign(signs_differ, product)),
                _ => Err("the result has more than 512 bits".to_owned()),
            },
            Binary::Div => Ok(sign(signs_differ, a / b)),
            Binary::Rem => Ok(sign(self.is_negative(), a % b)),
            Binary::And => Ok(Int(self.0 & other.0)),
            Binary::Or => Ok(Int(self.0 | other.0)),
            Binary::Xor => Ok(Int(self.0 ^ other.0)),
            Binary::Shl => {
                let amount = amount()?;
                match a.bit_len() + amount <= 512 {
                    true => Ok(Int(self.0 << amount)),
                    false => Err("the result has more than 512 bits".to_owned()),
                }
            }
            // Nothing but the sign is left of one that is shifted by more bits than there are.
            Binary::Shr if !other.is_negative() => {
                let amount = other.to_u64().unwrap_or(u64::MAX).min(511);
                Ok(Int(self.0.arithmetic_shr(amount as usize)))
            }
            Binary::Shr => Err("a shift by a negative number".to_owned()),
            Binary::Eq => truth(self == other),
            Binary::Ne => truth(self != other),
            Binary::Lt => truth(compare == Ordering::Less),
            Binary::Le => truth(compare != Ordering::Greater),
            Binary::Gt => truth(compare == Ordering::Greater),
            Binary::Ge => truth(compare != Ordering::Less),
        }
    }

    fn compare(self, other: Int) -> Ordering {
        let sign = other.is_negative().cmp(&self.is_negative());
        sign.then_with(|| self.0.cmp(&other.0))
    }

    /// In decimal.
    pub(super) fn decimal(self) -> String {
        let sign = if self.is_negative() { "-" } else { "" };
        format!("{sign}{}", self.magnitude())
    }
}

impl Binary {
    /// What two numbers make.
    pub(super) fn apply(self, a: Number, b: Number) -> Result<Number, String> {
        if let (Number::Int(a), Number::Int(b)) = (a, b) {
            return a.binary(self, b).map(Number::Int);
        }
        let float = |number| match number {
            Number::Int(int) => Int::to_f64(int),
            Number::Float(float) => float,
        };
        let (a, b) = (float(a), float(b));
        let truth = |value: bool| Ok(Number::Int(Int::from_bool(value)));
        match self {
            Binary::Add => Ok(Number::Float(a + b)),
            Binary::Sub => Ok(Number::Float(a - b)),
            Binary::Mul => Ok(Number::Float(a * b)),
            Binary::Div => Ok(Number::Float(a / b)),
            Binary::Rem => Ok(Number::Float(a % b)),
            Binary::Eq => truth(a == b),
            Binary::Ne => truth(a != b),
            Binary::Lt => truth(a < b),
            Binary::Le => truth(a <= b),
            Binary::Gt => truth(a > b),
            Binary::Ge => truth(a >= b),
            Binary::And | Binary::Or | Binary::Xor | Binary::Shl | Binary::Shr => {
                Err("floats have no bits to combine".to_owned())
            }
        }
    }
}

impl Number {
    /// As a float, of whatever it is.
    pub(super) fn to_f64(self) -> f64 {
        match self {
            Number::Int(int) => int.to_f64(),
            Number::Float(float) => float,
        }
    }

    /// Whether it counts as true.
    pub(super) fn is_true(self) -> bool {
        match self {
            Number::Int(int) => !int.is_zero(),
            Number::Float(float) => float != 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(text: &str) -> Int {
        let digits = text.strip_prefix('-');
        let int = Int::parse(digits.unwrap_or(text), 10).expect("a number");
        if digits.is_some() { int.negated() } else { int }
    }

    fn apply(op: Binary, a: &str, b: &str) -> String {
        match op.apply(Number::Int(int(a)), Number::Int(int(b))) {
            Ok(Number::Int(int)) => int.decimal(),
            Ok(Number::Float(_)) => "a float".to_owned(),
            Err(reason) => reason,
        }
    }

    #[test]
    fn integers_do_not_wrap() {
        assert_eq!(apply(Binary::Sub, "3", "5"), "-2");
        assert_eq!(
            apply(Binary::Add, "340282366920938463463374607431768211455", "1"),
            "340282366920938463463374607431768211456"
        );
        assert_eq!(apply(Binary::Mul, "-7", "6"), "-42");
        assert_eq!(apply(Binary::Div, "-7", "2"), "-3");
        assert_eq!(apply(Binary::Rem, "-7", "2"), "-1");
        assert_eq!(apply(Binary::Shr, "-8", "1"), "-4");
        assert_eq!(apply(Binary::Shr, "-8", "99999"), "-1");
        assert_eq!(apply(Binary::Shr, "8", "512"), "0");
        assert_eq!(apply(Binary::Lt, "-8", "1"), "1");
        assert_eq!(apply(Binary::Gt, "-8", "-9"), "1");
        assert_eq!(apply(Binary::And, "-1", "255"), "255");
        assert_eq!(apply(Binary::Div, "1", "0"), "division by zero");
        assert_eq!(
            apply(Binary::Shl, "1", "512"),
            "a shift by 512 bits or more"
        );
        assert_eq!(
            apply(Binary::Shl, "2", "511"),
            "the result has more than 512 bits"
        );
    }

    #[test]
    fn bytes_hold_what_fits() {
        assert_eq!(int("255").to_bytes(1), Some(vec![0xff]));
        assert_eq!(int("-128").to_bytes(1), Some(vec![0x80]));
        assert_eq!(int("256").to_bytes(1), None);
        assert_eq!(int("-129").to_bytes(1), None);
        assert_eq!(Int::from_bytes(&[0xff, 0xff], true).decimal(), "-1");
        assert_eq!(Int::from_bytes(&[0xff, 0xff], false).decimal(), "65535");
        let all = Int::from_bytes(&[0xff; 64], false);
        assert_eq!(all.to_bytes(64), Some(vec![0xff; 64]));
        assert!(!all.is_negative());
        assert_eq!(Int::parse("1_0000", 2).and_then(Int::to_u64), Some(16));
        assert_eq!(Int::parse("_", 10), None);
    }
}
