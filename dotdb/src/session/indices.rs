//! Secondary indices: declared once, kept with the rows from then on.

use super::active::row_size;
use super::rows::entry;
use super::{Session, TableId};
use crate::catalog::{IndexDef, check_name};
use crate::engine::{Budget, Direction, Rows};
use crate::error::{Error, Result};
use crate::extract::Extractor;
use crate::interval::{Interval, after};
use crate::limits::at_most;

/// How many rows are read at once to fill an index.
const READ_AT_ONCE: Budget = Budget {
    rows: 1000,
    bytes: 4 << 20,
};

/// What is known of an index.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IndexInfo {
    /// Its name.
    pub name: String,
    /// What it is made of.
    pub extractor: String,
    /// Its entries: rows that have the field.
    pub entries: u64,
}

impl Session {
    /// Declares an index of a table: a name, by which queries call the field, and what it is made of:
    /// `bytes 0..8`, `json holder.name` or `cbor items[0]`. Rows that are there already get into it. The same
    /// index declared again is no error; returns whether it is new.
    ///
    /// # Errors
    /// [`Name`](Error::Name), [`Extractor`](Error::Extractor), [`IndexExists`](Error::IndexExists),
    /// [`Limit`](Error::Limit), and those of writing.
    pub fn create_index(&mut self, table: TableId, name: &str, extractor: &str) -> Result<bool> {
        check_name(name)?;
        if name == "key" {
            return Err(Error::Extractor(
                "`key` is what rows' keys are called".to_owned(),
            ));
        }
        if name.eq_ignore_ascii_case("not") {
            return Err(Error::Extractor(
                "queries could not name a field `not`".to_owned(),
            ));
        }
        let extractor = Extractor::parse(extractor)?;
        if let Some(index) = self.def(table)?.index(name).cloned() {
            return self.same_index(table, index, &extractor);
        }
        self.all_or_nothing(|session| {
            let mut def = (**session.def(table)?).clone();
            if let Some(index) = def.index(name) {
                return session.same_index(table, index.clone(), &extractor);
            }
            let limit = session.limits().indices;
            at_most("indices of a table", def.indices.len() as u64 + 1, limit)?;
            let space = session.new_space()?;
            let mut rows = Rows::new();
            let mut rest = Interval::all();
            loop {
                session.pause()?;
                rows.clear();
                let more = session.reader()?.scan(
                    def.space,
                    &rest,
                    Direction::Forward,
                    READ_AT_ONCE,
                    &mut rows,
                )?;
                for (key, value) in rows.iter() {
                    if let Some(entry) = entry(&extractor, key, value)? {
                        session.reserve(entry.len(), row_size(entry.len(), 0))?;
                        session.writer()?.put(space, &entry, &[])?;
                    }
                }
                match rows.len().checked_sub(1).and_then(|last| rows.get(last)) {
                    Some((last, _)) if more => rest.low = after(last),
                    _ => break,
                }
            }
            def.indices.push(IndexDef {
                space,
                name: name.to_owned(),
                extractor: extractor.clone(),
            });
            let table = session.name(table)?.to_owned();
            session.define(&table, &def)?;
            Ok(true)
        })
    }

    fn same_index(&self, table: TableId, index: IndexDef, extractor: &Extractor) -> Result<bool> {
        if index.extractor == *extractor {
            return Ok(false);
        }
        Err(Error::IndexExists {
            table: self.name(table)?.to_owned(),
            index: index.name,
            extractor: index.extractor.to_string(),
        })
    }

    /// Removes an index.
    ///
    /// # Errors
    /// [`UnknownIndex`](Error::UnknownIndex), and those of writing.
    pub fn drop_index(&mut self, table: TableId, name: &str) -> Result {
        self.atomically(|session| {
            let mut def = (**session.def(table)?).clone();
            let table = session.name(table)?.to_owned();
            let Some(at) = def.indices.iter().position(|index| index.name == name) else {
                return Err(Error::UnknownIndex {
                    table,
                    index: name.to_owned(),
                });
            };
            let index = def.indices.remove(at);
            session.define(&table, &def)?;
            session.writer()?.forget(index.space)
        })
    }

    /// The indices of a table, in the order in which they were declared.
    ///
    /// # Errors
    /// Those of reading.
    pub fn indices(&mut self, table: TableId) -> Result<Vec<IndexInfo>> {
        self.hold(|session| session.read_indices(table))
    }

    fn read_indices(&mut self, table: TableId) -> Result<Vec<IndexInfo>> {
        let def = self.def(table)?.clone();
        let mut indices = Vec::new();
        for index in &def.indices {
            let entries = self
                .reader()?
                .count(index.space, &Interval::all(), u64::MAX)?;
            indices.push(IndexInfo {
                name: index.name.clone(),
                extractor: index.extractor.to_string(),
                entries,
            });
        }
        Ok(indices)
    }

    /// Compares the indices of a table with its rows; returns what is wrong.
    ///
    /// # Errors
    /// Those of reading.
    pub fn check_indices(&mut self, table: TableId) -> Result<Vec<String>> {
        self.hold(|session| session.find_faults(table))
    }

    fn find_faults(&mut self, table: TableId) -> Result<Vec<String>> {
        let def = self.def(table)?.clone();
        let mut faults = Vec::new();
        let mut rows = self.scan(table, Interval::all(), Direction::Forward)?;
        let mut expected = vec![0u64; def.indices.len()];
        let mut size = 0;
        let mut sizes = vec![0; def.indices.len()];
        while let Some((key, value)) = rows.next(self)? {
            let (key, value) = (key.to_vec(), value.to_vec());
            size += row_size(key.len(), value.len());
            for ((index, expected), size) in def.indices.iter().zip(&mut expected).zip(&mut sizes) {
                let Some(entry) = entry(&index.extractor, &key, &value)? else {
                    continue;
                };
                *expected += 1;
                *size += row_size(entry.len(), 0);
                if !self.reader()?.get(index.space, &entry, &mut |_| ())? {
                    faults.push(format!(
                        "index {:?} lacks the row with the key {:?}",
                        index.name,
                        key.escape_ascii().to_string()
                    ));
                }
            }
        }
        let spaces = def.indices.iter().map(|index| (index.space, &*index.name));
        let names = [(def.space, "the rows")].into_iter().chain(spaces);
        for ((space, name), size) in names.zip([size].into_iter().chain(sizes)) {
            let counted = self.space_size(space)?;
            if counted != size {
                faults.push(format!("{name}: {size} bytes, counted as {counted}"));
            }
        }
        for (index, expected) in def.indices.iter().zip(expected) {
            let all = Interval::all();
            let found = self.reader()?.count(index.space, &all, u64::MAX)?;
            if found != expected {
                faults.push(format!(
                    "index {:?} has {found} entries; rows have {expected}",
                    index.name
                ));
            }
        }
        Ok(faults)
    }
}
