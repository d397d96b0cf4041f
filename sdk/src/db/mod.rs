//! Databases: typed tables, transactions, indices and queries.
//!
//! On the machine they are instructions, on the database of `dotvm run --db`. Elsewhere a database in memory, one
//! for each thread, does the same, so that programs can be tested where they are written.
//!
//! ```
//! use dotvm_sdk::db::{self, Query, Table};
//!
//! dotvm_sdk::record! {
//!     /// What somebody has.
//!     #[derive(Clone, PartialEq, Debug)]
//!     pub struct Account {
//!         holder: String,
//!         balance: u64,
//!     }
//! }
//!
//! let accounts: Table<u32, Account> = Table::open("accounts");
//! accounts.index("holder", "cbor holder");
//! let account = |holder: &str, balance| Account { holder: holder.into(), balance };
//! accounts.insert(&1, &account("ann", 7));
//! accounts.insert(&2, &account("bob", 9));
//! let done: Result<(), &str> = db::transaction(|| {
//!     accounts.insert(&1, &account("ann", 0));
//!     Err("not like that")
//! });
//! assert_eq!(done, Err("not like that"));
//! let ann: Vec<_> = accounts.query(&Query::new().equal("holder", "ann")).collect();
//! assert_eq!(ann, [(1, account("ann", 7))]);
//! ```
//!
//! Keys are [`Key`]s: their bytes are in the order of the values. Values are CBOR (see [`Value`]), in which indices
//! find fields by name. What a database refuses, an oversize key, say, ends the program with a trap, and
//! panics elsewhere.

mod key;
#[cfg(not(all(target_arch = "wasm32", dotvm)))]
mod portable;
mod query;
mod value;

use core::fmt;
use core::marker::PhantomData;
use core::ops::{Bound, RangeBounds};
use std::borrow::ToOwned;
use std::string::String;
use std::vec::Vec;

#[cfg(all(target_arch = "wasm32", dotvm))]
use crate::machine::db as kernel;
#[cfg(not(all(target_arch = "wasm32", dotvm)))]
use portable as kernel;

pub use key::Key;
#[cfg(all(target_arch = "wasm32", dotvm))]
pub(crate) use query::Comparison;
pub use query::{Field, Query};
#[doc(hidden)]
pub use value::{put_field, start_record, take_field, FieldsOf};
pub use value::{Bytes, Value};

/// A table with keys of type `K` and values of type `V`.
///
/// Types are the program's matter: a table that was written with others makes reading panic, or gives nonsense.
pub struct Table<K, V> {
    id: u32,
    name: String,
    types: PhantomData<fn(K) -> V>,
}

impl<K, V> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Table").field(&self.name).finish()
    }
}

impl<K: Key, V: Value> Table<K, V> {
    /// The table of that name, which is made where there is none.
    ///
    /// Names are of letters, digits, `_`, `-` and `.`, start with a letter or `_`, and have at most 64 of them.
    pub fn open(name: &str) -> Table<K, V> {
        Table {
            id: kernel::create_table(name),
            name: name.to_owned(),
            types: PhantomData,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<V> {
        let value = kernel::get(self.id, &bytes_of(key))?;
        Some(self.decode(&value))
    }

    /// Whether the key is there.
    pub fn contains(&self, key: &K) -> bool {
        kernel::exists(self.id, &bytes_of(key))
    }

    /// Sets the value of a key; returns whether it had one.
    pub fn insert(&self, key: &K, value: &V) -> bool {
        kernel::put(self.id, &bytes_of(key), &encode(value))
    }

    /// Removes a key; returns whether it was there.
    pub fn remove(&self, key: &K) -> bool {
        kernel::delete(self.id, &bytes_of(key))
    }

    /// Sets the value of a key to `new` where it is `old`, with `None` for a key that is not there; returns whether it
    /// was.
    pub fn compare_and_swap(&self, key: &K, old: Option<&V>, new: Option<&V>) -> bool {
        let (old, new) = (old.map(encode), new.map(encode));
        kernel::swap(self.id, &bytes_of(key), old.as_deref(), new.as_deref())
    }

    /// Sets the values of all these keys, or of none.
    pub fn insert_all<'a>(&self, rows: impl IntoIterator<Item = (&'a K, &'a V)>)
    where
        K: 'a,
        V: 'a,
    {
        let mut changes = Vec::new();
        for (key, value) in rows {
            let (key, value) = (bytes_of(key), encode(value));
            for part in [&key, &value] {
                // Both are limited to far less.
                changes.extend_from_slice(&(part.len() as u32).to_le_bytes());
            }
            changes.extend_from_slice(&key);
            changes.extend_from_slice(&value);
        }
        kernel::batch(self.id, &changes);
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.count(..)
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many rows have keys in a range.
    pub fn count(&self, range: impl RangeBounds<K>) -> usize {
        let (low, high) = bounds(&range);
        kernel::count(self.id, &low, high.as_deref())
    }

    /// Removes all rows with keys in a range; returns how many there were.
    pub fn remove_range(&self, range: impl RangeBounds<K>) -> usize {
        let (low, high) = bounds(&range);
        kernel::delete_range(self.id, &low, high.as_deref())
    }

    /// All rows, by rising keys.
    pub fn iter(&self) -> Rows<'_, K, V> {
        self.range(..)
    }

    /// Rows with keys in a range, by rising keys. Some are read ahead of what the iterator gives.
    pub fn range(&self, range: impl RangeBounds<K>) -> Rows<'_, K, V> {
        self.scan(&range, false)
    }

    /// The same by falling keys.
    pub fn range_back(&self, range: impl RangeBounds<K>) -> Rows<'_, K, V> {
        self.scan(&range, true)
    }

    fn scan(&self, range: &impl RangeBounds<K>, backward: bool) -> Rows<'_, K, V> {
        let (low, high) = bounds(range);
        let cursor = kernel::Cursor::scan(self.id, &low, high.as_deref(), backward);
        Rows {
            table: self,
            cursor,
        }
    }

    /// Rows whose keys are tuples that start with this, by rising keys.
    pub fn starting_with(&self, first: &impl Key) -> Rows<'_, K, V> {
        let mut prefix = Vec::new();
        first.encode(&mut prefix, false);
        Rows {
            table: self,
            cursor: kernel::Cursor::prefix(self.id, &prefix, false),
        }
    }

    /// Declares an index: a name, by which queries call the field, and what the field is, `cbor holder` or
    /// `bytes 0..8`, say. Rows that are there already get into it. Returns whether it is new.
    pub fn index(&self, name: &str, field: &str) -> bool {
        kernel::index(self.id, name, field)
    }

    /// The rows that a query asks for.
    pub fn query(&self, query: &Query) -> Rows<'_, K, V> {
        Rows {
            table: self,
            cursor: kernel::Cursor::query(&self.name, query),
        }
    }

    fn decode(&self, mut bytes: &[u8]) -> V {
        match V::decode(&mut bytes) {
            Some(value) if bytes.is_empty() => value,
            _ => panic!("table {:?} has values of another type", self.name),
        }
    }
}

/// Rows of a table, one after the other.
pub struct Rows<'t, K, V> {
    table: &'t Table<K, V>,
    cursor: kernel::Cursor,
}

impl<K, V> fmt::Debug for Rows<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rows").field(self.table).finish()
    }
}

impl<K: Key, V: Value> Iterator for Rows<'_, K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        let table = self.table;
        self.cursor.next(|mut key, value| {
            let decoded = match K::decode(&mut key, true) {
                Some(decoded) if key.is_empty() => decoded,
                _ => panic!("table {:?} has keys of another type", table.name),
            };
            (decoded, table.decode(value))
        })
    }
}

fn bytes_of(key: &impl Key) -> Vec<u8> {
    let mut bytes = Vec::new();
    key.encode(&mut bytes, true);
    bytes
}

fn encode(value: &impl Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes);
    bytes
}

/// The first byte string of a range, and the first one behind it.
fn bounds<K: Key>(range: &impl RangeBounds<K>) -> (Vec<u8>, Option<Vec<u8>>) {
    let behind = |key: &K| {
        let mut bytes = bytes_of(key);
        bytes.push(0);
        bytes
    };
    let low = match range.start_bound() {
        Bound::Included(key) => bytes_of(key),
        Bound::Excluded(key) => behind(key),
        Bound::Unbounded => Vec::new(),
    };
    let high = match range.end_bound() {
        Bound::Included(key) => Some(behind(key)),
        Bound::Excluded(key) => Some(bytes_of(key)),
        Bound::Unbounded => None,
    };
    (low, high)
}

/// Runs `f` in a transaction: all that it writes, or nothing where it returns an error. In another transaction it is
/// a part of that.
///
/// # Errors
/// Those of `f`.
pub fn transaction<R, E>(f: impl FnOnce() -> Result<R, E>) -> Result<R, E> {
    /// Rolls back when it is dropped, in a panic as well.
    struct Open;
    impl Drop for Open {
        fn drop(&mut self) {
            kernel::rollback();
        }
    }
    kernel::begin();
    let open = Open;
    let result = f()?;
    core::mem::forget(open);
    kernel::commit();
    Ok(result)
}

/// How many transactions are inside each other.
pub fn depth() -> usize {
    kernel::depth()
}

/// Removes a table with its rows and indices; returns whether there was one.
pub fn drop_table(name: &str) -> bool {
    kernel::drop_table(name)
}

/// How the machine would answer a query of a table, as text; elsewhere, that all rows are looked at.
pub fn explain(table: &str, query: &Query) -> String {
    kernel::explain(table, query)
}
