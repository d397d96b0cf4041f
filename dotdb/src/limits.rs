//! How much a session may store and ask for.

use crate::error::{Error, Result};

/// The most bytes of a key, whatever the limits say: what other engines can index, too.
pub(crate) const KEY_BYTES_MAX: u64 = 1024;
/// The most bytes of a field in an index, for the same reason.
pub(crate) const FIELD_BYTES_MAX: u64 = 512;
/// The most bytes of a value, whatever the limits say. Engines may have less.
pub(crate) const VALUE_BYTES_MAX: u64 = 1 << 30;
/// The most bytes of a query's text.
pub(crate) const QUERY_BYTES_MAX: u64 = 16 << 10;
/// How deep transactions may nest.
pub(crate) const DEPTH_MAX: u64 = 64;

/// How much a [`Session`](crate::Session) may store and ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a key; at most 1024.
    pub key_bytes: u64,
    /// Bytes of a value; at most 1 GiB.
    pub value_bytes: u64,
    /// Tables of the database.
    pub tables: u64,
    /// Indices of a table.
    pub indices: u64,
    /// Bytes of keys and values that a transaction writes, and keeps in order to roll back one inside of it.
    pub transaction_bytes: u64,
    /// Bytes of keys, values and entries of indices in the database, with 8 for each of them: from there on nothing is
    /// written that would make it larger. The file is longer, by what pages do not fill and what was removed.
    pub database_bytes: u64,
    /// Bytes of rows that a query sorts in memory.
    pub sort_bytes: u64,
}

impl Limits {
    /// No key has more bytes, whatever the limits say.
    pub const KEY_BYTES_MAX: usize = KEY_BYTES_MAX as usize;
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            key_bytes: KEY_BYTES_MAX,
            value_bytes: 16 << 20,
            tables: 1024,
            indices: 16,
            transaction_bytes: 1 << 30,
            database_bytes: 64 << 30,
            sort_bytes: 64 << 20,
        }
    }
}

/// An error where `found` is more than `max`.
pub(crate) fn at_most(what: &'static str, found: u64, max: u64) -> Result {
    if found > max {
        return Err(Error::Limit { what, found, max });
    }
    Ok(())
}
