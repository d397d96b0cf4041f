//! Fields: what indices are sorted by and queries compare, as byte strings in the same order.
//!
//! ```text
//! null    01
//! false   02
//! true    03
//! number  10, the next double below or equal (8 bytes), how much more it is (2 bytes)
//! text    20, its bytes with 00 as 00 ff, 00 00
//! bytes   30, its bytes with 00 as 00 ff, 00 00
//! ```
//!
//! So integers of 64 bits and doubles are in one order without loss, and no field's bytes are the start of
//! another's: an index has a row's key right behind its field.

use std::fmt;

use crate::interval::{Interval, IntervalSet, behind_prefix};

const NULL: u8 = 0x01;
const FALSE: u8 = 0x02;
const TRUE: u8 = 0x03;
const NUMBER: u8 = 0x10;
const TEXT: u8 = 0x20;
const BYTES: u8 = 0x30;

/// A field of a row, or a constant in a query.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// JSON's and CBOR's null.
    Null,
    /// False, which is before true.
    Bool(bool),
    /// An integer; those of more than 65 bits are doubles.
    Integer(i128),
    /// A double.
    Float(f64),
    /// Text, in the order of its UTF-8 bytes.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => value.fmt(f),
            Value::Integer(value) => value.fmt(f),
            Value::Float(value) => write!(f, "{value:?}"),
            Value::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Value::Bytes(bytes) => {
                f.write_str("x'")?;
                for byte in bytes {
                    write!(f, "{byte:02x}")?;
                }
                f.write_str("'")
            }
        }
    }
}

impl Value {
    /// The byte string that stands for it; `None` for what has no place in the order (NaN).
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        match self {
            Value::Null => bytes.push(NULL),
            Value::Bool(false) => bytes.push(FALSE),
            Value::Bool(true) => bytes.push(TRUE),
            Value::Integer(value) => encode_integer(*value, &mut bytes),
            Value::Float(value) if value.is_nan() => return None,
            Value::Float(value) => encode_number(*value, 0, &mut bytes),
            Value::Text(text) => encode_string(TEXT, text.as_bytes(), &mut bytes),
            Value::Bytes(string) => encode_string(BYTES, string, &mut bytes),
        }
        Some(bytes)
    }

    /// The first byte string of its kind, and the first one behind: comparisons are within a kind.
    fn kind(&self) -> (u8, u8) {
        match self {
            Value::Null => (NULL, NULL + 1),
            Value::Bool(_) => (FALSE, TRUE + 1),
            Value::Integer(_) | Value::Float(_) => (NUMBER, NUMBER + 1),
            Value::Text(_) => (TEXT, TEXT + 1),
            Value::Bytes(_) => (BYTES, BYTES + 1),
        }
    }
}

fn encode_integer(value: i128, bytes: &mut Vec<u8>) {
    // Rounding goes to the nearest; what is needed is the one below.
    let mut floor = value as f64;
    if floor as i128 > value {
        floor = floor.next_down();
    }
    match u16::try_from(value.wrapping_sub(floor as i128)) {
        Ok(more) => encode_number(floor, more, bytes),
        Err(_) => encode_number(value as f64, 0, bytes),
    }
}

fn encode_number(floor: f64, more: u16, bytes: &mut Vec<u8>) {
    // Adding 0 makes -0 into 0, which equals it.
    let bits = (floor + 0.0).to_bits();
    let ordered = match bits >> 63 {
        0 => bits | 1 << 63,
        _ => !bits,
    };
    bytes.push(NUMBER);
    bytes.extend_from_slice(&ordered.to_be_bytes());
    bytes.extend_from_slice(&more.to_be_bytes());
}

fn encode_string(tag: u8, string: &[u8], bytes: &mut Vec<u8>) {
    bytes.push(tag);
    encode_escaped(string, bytes);
    bytes.extend_from_slice(&[0, 0]);
}

fn encode_escaped(string: &[u8], bytes: &mut Vec<u8>) {
    bytes.reserve(string.len() + 2);
    for &byte in string {
        bytes.push(byte);
        if byte == 0 {
            bytes.push(0xff);
        }
    }
}

/// How many bytes of an index's entry are the field; what is behind is the row's key. `None` where that is
/// not an entry.
pub(crate) fn field_len(entry: &[u8]) -> Option<usize> {
    match *entry.first()? {
        NULL | FALSE | TRUE => Some(1),
        NUMBER => (entry.len() >= 11).then_some(11),
        TEXT | BYTES => {
            let mut at = 1;
            loop {
                let zero = at + entry[at..].iter().position(|&byte| byte == 0)?;
                match *entry.get(zero + 1)? {
                    0 => return Some(zero + 2),
                    0xff => at = zero + 2,
                    _ => return None,
                }
            }
        }
        _ => None,
    }
}

/// How a field is compared with constants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Comparison {
    /// The same.
    Equal,
    /// Another one, of any kind.
    NotEqual,
    /// Before it, of the same kind.
    Less,
    /// Before it or the same.
    LessOrEqual,
    /// Behind it, of the same kind.
    Greater,
    /// Behind it or the same.
    GreaterOrEqual,
    /// Text or bytes that start with it.
    Prefix,
}

impl Comparison {
    /// The fields, encoded, of which this is true. They are also the entries of an index with such fields.
    pub(crate) fn fields(self, constant: &Value) -> IntervalSet {
        let Some(bytes) = constant.encode() else {
            // Nothing equals NaN, is less or more.
            return match self {
                Comparison::NotEqual => IntervalSet::all(),
                _ => IntervalSet::none(),
            };
        };
        let (first, last) = constant.kind();
        let (first, last) = (vec![first], Some(vec![last]));
        let next = behind_prefix(&bytes);
        let interval = |low, high| IntervalSet::of(Interval { low, high });
        match self {
            Comparison::Equal => interval(bytes, next),
            Comparison::NotEqual => interval(bytes, next).complement(),
            Comparison::Less => interval(first, Some(bytes)),
            Comparison::LessOrEqual => interval(first, next),
            Comparison::Greater => next.map_or_else(IntervalSet::none, |low| interval(low, last)),
            Comparison::GreaterOrEqual => interval(bytes, last),
            Comparison::Prefix => match constant {
                Value::Text(_) | Value::Bytes(_) => {
                    IntervalSet::of(Interval::prefix(&bytes[..bytes.len() - 2]))
                }
                _ => IntervalSet::none(),
            },
        }
    }

    /// The keys of which this is true.
    pub(crate) fn keys(self, constant: &[u8]) -> IntervalSet {
        let equal = Interval::point(constant);
        let low = equal.low.clone();
        let high = equal.high.clone();
        let interval = |low, high| IntervalSet::of(Interval { low, high });
        match self {
            Comparison::Equal => IntervalSet::of(equal),
            Comparison::NotEqual => IntervalSet::of(equal).complement(),
            Comparison::Less => interval(Vec::new(), Some(low)),
            Comparison::LessOrEqual => interval(Vec::new(), high),
            Comparison::Greater => interval(high.unwrap_or_default(), None),
            Comparison::GreaterOrEqual => interval(low, None),
            Comparison::Prefix => IntervalSet::of(Interval::prefix(constant)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(|n| Value::Integer(n.into())),
            any::<u64>().prop_map(|n| Value::Integer(n.into())),
            (-3i128..3).prop_map(Value::Integer),
            any::<i64>().prop_map(|n| Value::Float(n as f64)),
            any::<f64>().prop_map(Value::Float),
            "[\\x00ab]{0,3}".prop_map(Value::Text),
            proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(255)], 0..4)
                .prop_map(Value::Bytes),
        ]
    }

    /// The order, written down directly; `None` between kinds and for NaN.
    fn compare(a: &Value, b: &Value) -> Option<Ordering> {
        match (a, b) {
            (Value::Null, Value::Null) => Some(Ordering::Equal),
            (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            (Value::Integer(a), Value::Integer(b)) => Some(a.cmp(b)),
            (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
            (Value::Integer(a), Value::Float(b)) => integer_and_float(*a, *b),
            (Value::Float(a), Value::Integer(b)) => {
                integer_and_float(*b, *a).map(Ordering::reverse)
            }
            (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
            (Value::Bytes(a), Value::Bytes(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    fn integer_and_float(a: i128, b: f64) -> Option<Ordering> {
        if b.is_nan() {
            return None;
        }
        // Beyond that both are far from any integer of 64 bits.
        if b.abs() > 1e30 {
            return Some(if b > 0.0 {
                Ordering::Less
            } else {
                Ordering::Greater
            });
        }
        let whole = a.cmp(&(b.floor() as i128));
        Some(whole.then(if b.fract() == 0.0 {
            Ordering::Equal
        } else {
            Ordering::Less
        }))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn comparisons_are_what_the_order_says(a in value(), b in value()) {
            use Comparison::*;
            let Some(field) = a.encode() else { return Ok(()) };
            let order = compare(&a, &b);
            let expected = [
                (Equal, order == Some(Ordering::Equal)),
                (NotEqual, order != Some(Ordering::Equal)),
                (Less, order == Some(Ordering::Less)),
                (LessOrEqual, matches!(order, Some(Ordering::Less | Ordering::Equal))),
                (Greater, order == Some(Ordering::Greater)),
                (GreaterOrEqual, matches!(order, Some(Ordering::Greater | Ordering::Equal))),
            ];
            for (comparison, expected) in expected {
                prop_assert_eq!(comparison.fields(&b).contains(&field), expected, "{:?}", comparison);
                // Entries of an index are in the same ranges as their fields.
                let entry = [field.as_slice(), b"\xffkey"].concat();
                prop_assert_eq!(comparison.fields(&b).contains(&entry), expected, "{:?}", comparison);
            }
            prop_assert_eq!(field_len(&[field.as_slice(), b"\0\xff"].concat()), Some(field.len()));
        }
    }

    #[test]
    fn prefixes_of_text_are_of_text_only() {
        let prefix = Comparison::Prefix.fields(&Value::Text("ab".into()));
        let holds = |value: Value| prefix.contains(&value.encode().unwrap());
        assert!(holds(Value::Text("ab".into())) && holds(Value::Text("ab\0".into())));
        assert!(!holds(Value::Text("a".into())) && !holds(Value::Bytes(b"ab".to_vec())));
        assert_eq!(
            Comparison::Prefix.fields(&Value::Integer(1)),
            IntervalSet::none()
        );
    }

    #[test]
    fn what_is_no_entry_is_seen() {
        for bytes in [
            &b""[..],
            b"\x00",
            b"\x10123",
            b"\x20ab",
            b"\x20a\0",
            b"\x20a\0\x01",
            b"\x99",
        ] {
            assert_eq!(field_len(bytes), None, "{bytes:?}");
        }
    }
}
