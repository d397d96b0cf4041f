//! Queries: conditions on keys and indexed fields, an order, a limit.

use std::borrow::ToOwned;
use std::string::String;
use std::vec::Vec;

use super::Bytes;

/// What fields are compared with. Those of different kinds are neither less nor more than each other.
#[derive(Clone, PartialEq, Debug)]
pub enum Field {
    /// Null, which `None` is.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer, of 64 bits with or without sign.
    Integer(i128),
    /// A double, compared with integers as a number.
    Float(f64),
    /// Text.
    Text(String),
    /// Bytes: what integers of 128 bits are, too, and fields that are `bytes 0..8`, say.
    Bytes(Vec<u8>),
}

macro_rules! conversions {
    ($($type:ty, $value:ident => $field:expr;)*) => {
        $(impl From<$type> for Field {
            fn from($value: $type) -> Field {
                $field
            }
        })*
    };
}
conversions! {
    bool, value => Field::Bool(value);
    u8, value => Field::Integer(value.into());
    u16, value => Field::Integer(value.into());
    u32, value => Field::Integer(value.into());
    u64, value => Field::Integer(value.into());
    i8, value => Field::Integer(value.into());
    i16, value => Field::Integer(value.into());
    i32, value => Field::Integer(value.into());
    i64, value => Field::Integer(value.into());
    u128, value => Field::Bytes(value.to_be_bytes().to_vec());
    i128, value => Field::from(value as u128 ^ 1 << 127);
    f64, value => Field::Float(value);
    &str, value => Field::Text(value.to_owned());
    String, value => Field::Text(value);
    &String, value => Field::Text(value.clone());
    &[u8], value => Field::Bytes(value.to_vec());
    Bytes, value => Field::Bytes(value.0);
}

/// How a field is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Comparison {
    Equal,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Prefix,
}

/// What rows of a table are asked for: those that fulfil all conditions. Fields are those of indices, by their names,
/// and `key`, which are the bytes of keys. A row without a field fulfils no condition on it.
///
/// The machine reads the rows of the index that has the fewest entries for this, or of the table. Without an
/// [order](Query::order_by), rows come in any.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Query {
    pub(crate) conditions: Vec<(String, Comparison, Field)>,
    /// The field, and whether it falls.
    pub(crate) order: Option<(String, bool)>,
    pub(crate) limit: Option<u64>,
}

impl Query {
    /// All rows.
    pub fn new() -> Query {
        Query::default()
    }

    fn with(mut self, field: &str, comparison: Comparison, constant: Field) -> Query {
        self.conditions
            .push((field.to_owned(), comparison, constant));
        self
    }

    /// Those where the field is this.
    #[must_use]
    pub fn equal(self, field: &str, constant: impl Into<Field>) -> Query {
        self.with(field, Comparison::Equal, constant.into())
    }

    /// Those where the field is less.
    #[must_use]
    pub fn less(self, field: &str, constant: impl Into<Field>) -> Query {
        self.with(field, Comparison::Less, constant.into())
    }

    /// Those where the field is less or the same.
    #[must_use]
    pub fn at_most(self, field: &str, constant: impl Into<Field>) -> Query {
        self.with(field, Comparison::AtMost, constant.into())
    }

    /// Those where the field is more.
    #[must_use]
    pub fn greater(self, field: &str, constant: impl Into<Field>) -> Query {
        self.with(field, Comparison::Greater, constant.into())
    }

    /// Those where the field is more or the same.
    #[must_use]
    pub fn at_least(self, field: &str, constant: impl Into<Field>) -> Query {
        self.with(field, Comparison::AtLeast, constant.into())
    }

    /// Those where the field, text or bytes, starts like this.
    #[must_use]
    pub fn prefix(self, field: &str, constant: impl Into<Field>) -> Query {
        self.with(field, Comparison::Prefix, constant.into())
    }

    /// By rising fields; rows without it are left out.
    #[must_use]
    pub fn order_by(mut self, field: &str) -> Query {
        self.order = Some((field.to_owned(), false));
        self
    }

    /// By falling fields; rows without it are left out.
    #[must_use]
    pub fn order_by_falling(mut self, field: &str) -> Query {
        self.order = Some((field.to_owned(), true));
        self
    }

    /// So many rows at most.
    #[must_use]
    pub fn limit(mut self, rows: u64) -> Query {
        self.limit = Some(rows);
        self
    }
}
