//! Rows: reading and writing them, and with them the entries of indices.

use super::active::row_size;
use super::{NO_VERSION, Session, TableId, View, cache};
use crate::catalog::TableDef;
use crate::engine::{Budget, Direction, Rows, Space};
use crate::error::{Error, Result};
use crate::extract::Extractor;
use crate::interval::{Interval, after};
use crate::limits::{FIELD_BYTES_MAX, KEY_BYTES_MAX, at_most};

/// How many rows are read at once to be removed or counted.
const READ_AT_ONCE: Budget = Budget {
    rows: 1000,
    bytes: 1 << 20,
};
/// How many rows are counted at once.
const COUNTED_AT_ONCE: u64 = 10_000;

/// A write of a [batch](Session::apply).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change<'a> {
    /// Sets the value of a key.
    Put {
        /// The key.
        key: &'a [u8],
        /// The value.
        value: &'a [u8],
    },
    /// Removes a key, if it is there.
    Delete {
        /// The key.
        key: &'a [u8],
    },
}

impl Session {
    /// Shows the value of a key to `found`; returns whether there is one.
    ///
    /// # Errors
    /// Those of reading.
    pub fn get_with(
        &mut self,
        table: TableId,
        key: &[u8],
        mut found: impl FnMut(&[u8]),
    ) -> Result<bool> {
        self.look()?;
        if matches!(self.view, View::Committed(_, NO_VERSION)) {
            return self.hold(|session| {
                let space = session.def(table)?.space;
                session.reader()?.get(space, key, &mut found)
            });
        }
        let space = self.def(table)?.space;
        let hash = cache::hash(space, key);
        if let Some(value) = self.rows.get(hash, self.epoch, space, key) {
            found(value);
            return Ok(true);
        }
        let Session {
            view, rows, epoch, ..
        } = self;
        view.transaction()?.get(space, key, &mut |value| {
            rows.note(hash, *epoch, space, key, value);
            found(value);
        })
    }

    /// The value of a key.
    ///
    /// # Errors
    /// Those of reading.
    pub fn get(&mut self, table: TableId, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut value = None;
        self.get_with(table, key, |bytes| value = Some(bytes.to_vec()))?;
        Ok(value)
    }

    /// Whether a key is there.
    ///
    /// # Errors
    /// Those of reading.
    pub fn exists(&mut self, table: TableId, key: &[u8]) -> Result<bool> {
        self.get_with(table, key, |_| ())
    }

    /// How many rows there are in a range of keys.
    ///
    /// # Errors
    /// Those of reading.
    pub fn count(&mut self, table: TableId, range: &Interval) -> Result<u64> {
        self.hold(|session| session.count_rows(table, range))
    }

    fn count_rows(&mut self, table: TableId, range: &Interval) -> Result<u64> {
        let space = self.def(table)?.space;
        if range.is_all() {
            return self.reader()?.count(space, range, u64::MAX);
        }
        let mut rest = range.clone();
        let mut all = self.reader()?.count(space, &rest, COUNTED_AT_ONCE)?;
        if all < COUNTED_AT_ONCE {
            return Ok(all);
        }
        // There are many. They are read, so that counting can end in between.
        all = 0;
        let mut rows = Rows::new();
        loop {
            self.pause()?;
            rows.clear();
            let reader = self.reader()?;
            let more = reader.scan(space, &rest, Direction::Forward, READ_AT_ONCE, &mut rows)?;
            all += rows.len() as u64;
            match rows.len().checked_sub(1).and_then(|last| rows.get(last)) {
                Some((last, _)) if more => rest.low = after(last),
                _ => return Ok(all),
            }
        }
    }

    /// Sets the value of a key; returns whether it had one.
    ///
    /// # Errors
    /// [`Limit`](Error::Limit), and those of writing.
    pub fn put(&mut self, table: TableId, key: &[u8], value: &[u8]) -> Result<bool> {
        self.check_row(table, key, value)?;
        self.atomically(|session| session.put_row(table, key, value))
    }

    /// Removes a key; returns whether it was there.
    ///
    /// # Errors
    /// Those of writing.
    pub fn delete(&mut self, table: TableId, key: &[u8]) -> Result<bool> {
        self.atomically(|session| session.delete_row(table, key))
    }

    /// Makes all changes, or none.
    ///
    /// # Errors
    /// [`Limit`](Error::Limit), and those of writing.
    pub fn apply(&mut self, table: TableId, changes: &[Change<'_>]) -> Result {
        for change in changes {
            if let Change::Put { key, value } = change {
                self.check_row(table, key, value)?;
            }
        }
        self.all_or_nothing(|session| {
            for change in changes {
                match *change {
                    Change::Put { key, value } => session.put_row(table, key, value)?,
                    Change::Delete { key } => session.delete_row(table, key)?,
                };
            }
            Ok(())
        })
    }

    /// Sets the value of a key to `new`, or removes it, if it is `expected` now; returns whether it was. `None`
    /// stands for a key that is not there.
    ///
    /// # Errors
    /// [`Limit`](Error::Limit), and those of writing.
    pub fn compare_and_swap(
        &mut self,
        table: TableId,
        key: &[u8],
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<bool> {
        self.check_row(table, key, new.unwrap_or_default())?;
        self.atomically(|session| {
            let mut is_expected = expected.is_none();
            session.get_with(table, key, |value| is_expected = expected == Some(value))?;
            if is_expected {
                match new {
                    Some(value) => session.put_row(table, key, value)?,
                    None => session.delete_row(table, key)?,
                };
            }
            Ok(is_expected)
        })
    }

    /// Removes all rows in a range of keys; returns how many there were.
    ///
    /// # Errors
    /// Those of writing.
    pub fn delete_range(&mut self, table: TableId, range: &Interval) -> Result<u64> {
        self.all_or_nothing(|session| {
            let space = session.def(table)?.space;
            let mut removed = 0;
            let mut rows = Rows::new();
            loop {
                session.pause()?;
                rows.clear();
                let more = session.reader()?.scan(
                    space,
                    range,
                    Direction::Forward,
                    READ_AT_ONCE,
                    &mut rows,
                )?;
                for (key, _) in rows.iter() {
                    session.delete_row(table, key)?;
                    removed += 1;
                }
                if !more {
                    return Ok(removed);
                }
            }
        })
    }

    fn check_row(&self, table: TableId, key: &[u8], value: &[u8]) -> Result {
        let limits = self.limits();
        // Limits on rows are for what programs write.
        let (key_bytes, value_bytes) = match self.is_machine_table(table) {
            true => (u64::MAX, u64::MAX),
            false => (limits.key_bytes, limits.value_bytes),
        };
        at_most(
            "bytes of a key",
            key.len() as u64,
            key_bytes.min(KEY_BYTES_MAX),
        )?;
        let most = value_bytes.min(self.database().engine().value_bytes_max());
        at_most("bytes of a value", value.len() as u64, most)
    }

    fn put_row(&mut self, table: TableId, key: &[u8], value: &[u8]) -> Result<bool> {
        let def = self.def(table)?;
        let space = def.space;
        let mut growth = row_size(key.len(), value.len());
        let mut changes = Vec::new();
        if !def.indices.is_empty() {
            let def = def.clone();
            let old = self.get(table, key)?;
            growth -= old.as_ref().map_or(0, |old| row_size(key.len(), old.len()));
            changes = entry_changes(&def, key, old.as_deref(), Some(value))?;
        } else if self.room()? < growth {
            // How long the old value was matters only where there is little room.
            let reader = self.reader()?;
            reader.get(space, key, &mut |old| {
                growth -= row_size(key.len(), old.len());
            })?;
        }
        let mut bytes = key.len() + value.len();
        for change in &changes {
            growth += change.growth();
            bytes += change.new.as_ref().map_or(0, Vec::len);
        }
        self.reserve(bytes, growth)?;
        self.change_entries(changes)?;
        self.rows.forget(space, key);
        self.writer()?.put(space, key, value)
    }

    /// By how much tables and indices may grow in this transaction.
    fn room(&mut self) -> Result<i64> {
        let most = i64::try_from(self.limits().database_bytes).unwrap_or(i64::MAX);
        Ok(most.saturating_sub(self.writer()?.size()?))
    }

    fn delete_row(&mut self, table: TableId, key: &[u8]) -> Result<bool> {
        let def = self.def(table)?;
        let space = def.space;
        let mut changes = Vec::new();
        if !def.indices.is_empty() {
            let def = def.clone();
            let Some(old) = self.get(table, key)? else {
                return Ok(false);
            };
            changes = entry_changes(&def, key, Some(&old), None)?;
        }
        // It writes nothing, but in a transaction inside of another one what was there is kept.
        self.reserve(0, 0)?;
        self.change_entries(changes)?;
        self.rows.forget(space, key);
        self.writer()?.delete(space, key)
    }

    fn change_entries(&mut self, changes: Vec<EntryChange>) -> Result {
        let writer = self.writer()?;
        for EntryChange { space, old, new } in changes {
            if let Some(old) = old {
                writer.delete(space, &old)?;
            }
            if let Some(new) = new {
                writer.put(space, &new, &[])?;
            }
        }
        Ok(())
    }
}

/// What happens to a row's entry in an index.
struct EntryChange {
    space: Space,
    old: Option<Vec<u8>>,
    new: Option<Vec<u8>>,
}

impl EntryChange {
    /// By how much the index grows.
    fn growth(&self) -> i64 {
        let size =
            |entry: &Option<Vec<u8>>| entry.as_ref().map_or(0, |entry| row_size(entry.len(), 0));
        size(&self.new) - size(&self.old)
    }
}

/// What makes the entries of a row's indices those of its new value.
fn entry_changes(
    def: &TableDef,
    key: &[u8],
    old: Option<&[u8]>,
    new: Option<&[u8]>,
) -> Result<Vec<EntryChange>> {
    let mut changes = Vec::new();
    for index in &def.indices {
        let old = old.and_then(|value| entry(&index.extractor, key, value).transpose());
        let new = new.and_then(|value| entry(&index.extractor, key, value).transpose());
        let (old, new) = (old.transpose()?, new.transpose()?);
        if old != new {
            changes.push(EntryChange {
                space: index.space,
                old,
                new,
            });
        }
    }
    Ok(changes)
}

/// The entry of a row in an index; `None` where the index does not have the row.
pub(super) fn entry(extractor: &Extractor, key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>> {
    let Some(mut entry) = extractor.field(value).and_then(|field| field.encode()) else {
        return Ok(None);
    };
    // A zero is two bytes, and there are a few more around.
    at_most(
        "bytes of a field in an index",
        entry.len() as u64,
        FIELD_BYTES_MAX * 2 + 3,
    )?;
    entry.extend_from_slice(key);
    Ok(Some(entry))
}

/// What a damaged index looks like.
pub(super) fn damaged_entry() -> Error {
    Error::Corrupt("an entry of an index".to_owned())
}
