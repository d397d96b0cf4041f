//! Tables of records of which one can be found without reading most of those before it.
//!
//! A record has a fixed number of fields. The fields of all records stand together, column by column,
//! since they look alike and so compress well. Where every thirty-second record begins is stored; behind
//! that, records are read one after the other.

use std::ops::Range;

use crate::decode::Reader;
use crate::error::Malformed;
use crate::leb128::write_unsigned;

/// One in so many records has its offsets stored.
pub(super) const GROUP: usize = 32;

/// Writes a table whose records have `N` fields.
#[derive(Debug)]
pub(super) struct TableBuilder<const N: usize> {
    count: usize,
    starts: Vec<u8>,
    columns: [Vec<u8>; N],
}

impl<const N: usize> TableBuilder<N> {
    /// An empty table.
    pub(super) fn new() -> TableBuilder<N> {
        TableBuilder {
            count: 0,
            starts: Vec::new(),
            columns: std::array::from_fn(|_| Vec::new()),
        }
    }

    /// Whether the next record begins a group.
    pub(super) fn at_group(&self) -> bool {
        self.count.is_multiple_of(GROUP)
    }

    /// Adds a record, which `write` appends to the columns.
    pub(super) fn add(&mut self, write: impl FnOnce(&mut [Vec<u8>; N])) {
        if self.at_group() {
            for column in &self.columns {
                self.starts.extend((column.len() as u32).to_le_bytes());
            }
        }
        self.count += 1;
        write(&mut self.columns);
    }

    /// Appends the table.
    pub(super) fn finish(&self, out: &mut Vec<u8>) {
        write_unsigned(out, self.count as u64);
        for column in &self.columns {
            write_unsigned(out, column.len() as u64);
        }
        out.extend_from_slice(&self.starts);
        for column in &self.columns {
            out.extend_from_slice(column);
        }
    }
}

/// A table in a debug section.
#[derive(Clone, Debug)]
pub(super) struct Table<const N: usize> {
    /// How many records there are.
    pub(super) count: usize,
    /// Where the offsets of the groups begin.
    starts: usize,
    columns: [Range<usize>; N],
}

impl<const N: usize> Default for Table<N> {
    fn default() -> Table<N> {
        Table {
            count: 0,
            starts: 0,
            columns: std::array::from_fn(|_| 0..0),
        }
    }
}

impl<const N: usize> Table<N> {
    /// Finds the parts of a table, and skips them.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Table<N>, Malformed> {
        let count = reader.u32()? as usize;
        let mut lens = [0; N];
        for len in &mut lens {
            *len = reader.u32()? as usize;
        }
        let starts = count.div_ceil(GROUP).saturating_mul(4 * N);
        let starts = reader.range(starts)?.start;
        let mut columns = std::array::from_fn(|_| 0..0);
        for (column, len) in columns.iter_mut().zip(lens) {
            *column = reader.range(len)?;
        }
        Ok(Table {
            count,
            starts,
            columns,
        })
    }

    /// Where the table is, but for its head.
    pub(super) fn range(&self) -> Range<usize> {
        self.starts..self.columns[N - 1].end
    }

    /// How many groups there are.
    pub(super) fn groups(&self) -> usize {
        self.count.div_ceil(GROUP)
    }

    /// The fields of the records from a group's first one on.
    pub(super) fn group<'a>(
        &self,
        reader: &Reader<'a>,
        group: usize,
    ) -> Result<[Reader<'a>; N], Malformed> {
        let mut fields = std::array::from_fn(|_| reader.part(0..0));
        for (i, (field, column)) in fields.iter_mut().zip(&self.columns).enumerate() {
            let at = self.starts + 4 * (N * group + i);
            let start = u32::from_le_bytes(reader.bytes[at..at + 4].try_into().expect("4 bytes"));
            let pos = column.start + start as usize;
            if pos > column.end {
                return Err(reader.error_at(at, "a record outside of its table"));
            }
            *field = reader.part(pos..column.end);
        }
        Ok(fields)
    }

    /// Reads all records, one after the other.
    pub(super) fn for_each<'a>(
        &self,
        reader: &Reader<'a>,
        mut read: impl FnMut(&mut [Reader<'a>; N]) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        for group in 0..self.groups() {
            let mut fields = self.group(reader, group)?;
            for _ in group * GROUP..self.count.min((group + 1) * GROUP) {
                read(&mut fields)?;
            }
        }
        Ok(())
    }

    /// What `read` makes of the record with that index; `None` where there is none. It reads those
    /// before it in its group as well, and is told whether the record is the one that is wanted.
    pub(super) fn get<'a, T>(
        &self,
        reader: &Reader<'a>,
        index: usize,
        mut read: impl FnMut(&mut [Reader<'a>; N], bool) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        if index >= self.count {
            return Ok(None);
        }
        let mut fields = self.group(reader, index / GROUP)?;
        for _ in 0..index % GROUP {
            read(&mut fields, false)?;
        }
        read(&mut fields, true).map(Some)
    }
}

impl<'a> Reader<'a> {
    /// A reader of some of the same bytes.
    pub(super) fn part(&self, range: Range<usize>) -> Reader<'a> {
        Reader {
            bytes: &self.bytes[..range.end],
            pos: range.start,
            place: self.place,
        }
    }
}
