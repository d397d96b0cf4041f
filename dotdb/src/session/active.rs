//! Transactions of a session: what is written in them, how much that is, and what of it can be rolled back.

use std::collections::BTreeMap;

use crate::catalog::{CATALOG, SIZE_KEY, size_key};
use crate::engine::{Space, Transaction};
use crate::error::Result;
use crate::limits::{Limits, at_most};

/// What a row or an entry takes apart from its bytes.
const ROW_BYTES: i64 = 8;
/// What it takes to remember what was overwritten, apart from its bytes.
const UNDO_BYTES: u64 = 64;

/// A transaction.
pub(super) struct Active {
    pub(super) transaction: Box<dyn Transaction>,
    /// Those outside, for each transaction inside.
    outer: Vec<Outer>,
    /// Spaces of which nobody knows any more once this is committed.
    dropped: Vec<Space>,
    /// Bytes written.
    bytes: u64,
    /// Bytes kept to be put back.
    kept: u64,
    /// What the database had when this began, once it was asked for.
    size: Option<i64>,
    /// By how much spaces have grown in the innermost transaction.
    growth: BTreeMap<Space, i64>,
    /// By how much all have grown.
    grown: i64,
    /// Whether anything was written.
    is_dirty: bool,
    /// Whether something failed half-way.
    pub(super) has_failed: bool,
}

/// What of a transaction was put aside when one inside of it began.
struct Outer {
    /// How long `dropped` was.
    dropped: usize,
    kept: u64,
    growth: BTreeMap<Space, i64>,
    grown: i64,
}

/// What a row or an entry counts as.
pub(super) fn row_size(key: usize, value: usize) -> i64 {
    ROW_BYTES.saturating_add_unsigned((key + value) as u64)
}

/// A size in the catalog.
pub(super) fn stored(transaction: &mut dyn Transaction, key: &[u8]) -> Result<i64> {
    let mut size = 0;
    transaction.get(CATALOG, key, &mut |bytes| {
        size = bytes.try_into().map_or(0, i64::from_le_bytes).max(0);
    })?;
    Ok(size)
}

impl Active {
    pub(super) fn new(transaction: Box<dyn Transaction>) -> Active {
        Active {
            transaction,
            outer: Vec::new(),
            dropped: Vec::new(),
            bytes: 0,
            kept: 0,
            size: None,
            growth: BTreeMap::new(),
            grown: 0,
            is_dirty: false,
            has_failed: false,
        }
    }

    /// How many transactions are inside each other.
    pub(super) fn depth(&self) -> usize {
        self.outer.len() + 1
    }

    /// Starts a transaction inside.
    pub(super) fn push(&mut self) -> Result {
        self.transaction.push_savepoint()?;
        self.outer.push(Outer {
            dropped: self.dropped.len(),
            kept: self.kept,
            growth: std::mem::take(&mut self.growth),
            grown: self.grown,
        });
        Ok(())
    }

    /// Ends the innermost transaction; what it wrote is the next one's.
    pub(super) fn release(&mut self) -> Result {
        let Some(outer) = self.outer.pop() else {
            return Ok(());
        };
        let inner = std::mem::replace(&mut self.growth, outer.growth);
        for (space, growth) in inner {
            *self.growth.entry(space).or_default() += growth;
        }
        if self.outer.is_empty() {
            self.kept = 0;
        }
        let outcome = self.transaction.release_savepoint();
        self.has_failed |= outcome.is_err();
        outcome
    }

    /// Ends the innermost transaction; nothing of what it wrote remains.
    pub(super) fn roll_back(&mut self) -> Result {
        let Some(outer) = self.outer.pop() else {
            return Ok(());
        };
        self.dropped.truncate(outer.dropped);
        self.kept = outer.kept;
        self.growth = outer.growth;
        self.grown = outer.grown;
        let outcome = self.transaction.rollback_to_savepoint();
        self.has_failed |= outcome.is_err();
        outcome
    }

    /// Makes what was written the state for others.
    pub(super) fn commit(mut self) -> Result {
        if !self.is_dirty {
            return Ok(());
        }
        for (space, growth) in std::mem::take(&mut self.growth) {
            self.grow(&size_key(space), growth)?;
        }
        self.grow(SIZE_KEY, self.grown)?;
        for space in self.dropped {
            self.transaction.remove_space(space)?;
        }
        self.transaction.commit()
    }

    fn grow(&mut self, key: &[u8], growth: i64) -> Result {
        if growth == 0 {
            return Ok(());
        }
        let size = stored(&mut *self.transaction, key)?
            .saturating_add(growth)
            .max(0);
        match size {
            0 => drop(self.transaction.delete(CATALOG, key)?),
            _ => drop(self.transaction.put(CATALOG, key, &size.to_le_bytes())?),
        }
        Ok(())
    }

    /// Bytes of a space now.
    pub(super) fn space_size(&mut self, space: Space) -> Result<i64> {
        let growths = self.outer.iter().map(|outer| &outer.growth);
        let growths = growths.chain([&self.growth]);
        let grown: i64 = growths.filter_map(|growth| growth.get(&space)).sum();
        Ok(stored(&mut *self.transaction, &size_key(space))?.saturating_add(grown))
    }

    /// Bytes of all spaces now.
    pub(super) fn size(&mut self) -> Result<i64> {
        let size = match self.size {
            Some(size) => size,
            None => *self.size.insert(stored(&mut *self.transaction, SIZE_KEY)?),
        };
        Ok(size.saturating_add(self.grown))
    }

    /// Asks whether so many bytes may be written, by which spaces grow so much.
    pub(super) fn reserve(&mut self, bytes: usize, growth: i64, limits: &Limits) -> Result {
        let written = self.bytes + bytes as u64;
        let what = "bytes that a transaction writes";
        at_most(what, written + self.kept, limits.transaction_bytes)?;
        if growth > 0 {
            let size = self.size()?.saturating_add(growth).max(0) as u64;
            at_most("bytes of the database", size, limits.database_bytes)?;
        }
        self.bytes = written;
        Ok(())
    }

    /// Sets the value of a key; returns whether it had one.
    pub(super) fn put(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<bool> {
        self.is_dirty = true;
        let old = self.transaction.put(space, key, value)?;
        let growth = row_size(key.len(), value.len());
        self.note(space, key, old, growth);
        Ok(old.is_some())
    }

    /// Removes a key; returns whether it was there.
    pub(super) fn delete(&mut self, space: Space, key: &[u8]) -> Result<bool> {
        self.is_dirty = true;
        let old = self.transaction.delete(space, key)?;
        if old.is_some() {
            self.note(space, key, old, 0);
        }
        Ok(old.is_some())
    }

    /// Counts a write: what is new, and what was there before.
    fn note(&mut self, space: Space, key: &[u8], old: Option<usize>, new: i64) {
        if !self.outer.is_empty() {
            let old = old.unwrap_or(0);
            self.kept += UNDO_BYTES + (key.len() + old) as u64;
        }
        self.add(space, new - old.map_or(0, |old| row_size(key.len(), old)));
    }

    fn add(&mut self, space: Space, growth: i64) {
        // The catalog has as much as tables and indices may be.
        if space != CATALOG && growth != 0 {
            *self.growth.entry(space).or_default() += growth;
            self.grown += growth;
        }
    }

    /// Removes a space when this is committed.
    pub(super) fn forget(&mut self, space: Space) -> Result {
        let size = self.space_size(space)?;
        self.add(space, -size);
        self.dropped.push(space);
        Ok(())
    }
}
