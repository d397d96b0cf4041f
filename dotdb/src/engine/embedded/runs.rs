//! Runs: rows that lie one behind the other in memory, of tables that are scanned again and again.
//!
//! Going from row to row in redb takes several times as long as going through memory: for each, references to pages
//! are counted up and down. So what a read transaction has scanned as often as the table has rows is kept, in
//! order, when it is read the next time. What such a transaction sees does not change, so nothing in runs gets stale;
//! they end with it.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use redb::{ReadOnlyTable, ReadableTable, ReadableTableMetadata as _};

use super::{Bytes, scan_rows};
use crate::engine::{Direction, Rows, Space};
use crate::error::Result;
use crate::interval::Interval;

/// The most rows of a run.
const RUN_ROWS: usize = 1024;
/// About what a row and a run take besides their bytes.
const ROW_BYTES: usize = 16;
const RUN_BYTES: usize = 256;

/// How many bytes all runs of a database may take, and take.
#[derive(Debug)]
pub(super) struct Room {
    bytes_max: usize,
    bytes: AtomicUsize,
}

impl Room {
    pub(super) fn new(bytes_max: usize) -> Room {
        Room {
            bytes_max,
            bytes: AtomicUsize::new(0),
        }
    }

    /// Whether nothing more is kept.
    fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) + RUN_BYTES >= self.bytes_max
    }

    /// Takes so many bytes, if there are as many.
    fn take(&self, bytes: usize) -> bool {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= self.bytes_max;
        if !fits {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    }
}

/// The runs of a transaction.
#[derive(Debug)]
pub(super) struct Runs {
    tables: BTreeMap<Space, TableRuns>,
    room: Arc<Room>,
    /// What was taken of it.
    bytes: usize,
}

/// Those of a table, by the key that each starts at; they do not overlap.
#[derive(Debug, Default)]
struct TableRuns {
    runs: BTreeMap<Vec<u8>, Run>,
    /// How many rows were read to be shown.
    rows_read: u64,
}

/// All rows from a key on, to the end of the run.
#[derive(Debug)]
struct Run {
    rows: Rows,
    /// Where it ends; `None` at the end of the table.
    end: Option<Vec<u8>>,
}

impl Drop for Runs {
    fn drop(&mut self) {
        self.room.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Runs {
    pub(super) fn new(room: Arc<Room>) -> Runs {
        Runs {
            tables: BTreeMap::new(),
            room,
            bytes: 0,
        }
    }

    /// Shows rows to `row` until that says no; returns whether it did.
    pub(super) fn visit(
        &mut self,
        space: Space,
        table: &ReadOnlyTable<Bytes, Bytes>,
        range: &Interval,
        direction: Direction,
        mut row: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<bool> {
        if direction == Direction::Backward {
            return scan_rows(table, range, direction, row);
        }
        let rows = table.len()?;
        let known = self.tables.entry(space).or_default();
        let mut rest = range.clone();
        while !rest.is_empty() {
            let end = match known.runs.range_mut(..=rest.low.clone()).next_back() {
                Some((_, run)) if run.reaches_behind(&rest.low) => {
                    match run.show(&rest, &mut row) {
                        true => return Ok(true),
                        false => run.end.clone(),
                    }
                }
                _ => {
                    let is_kept = known.rows_read >= rows && !self.room.is_full();
                    let behind = (Bound::Excluded(&rest.low), Bound::Unbounded);
                    let next = known.runs.range::<Vec<u8>, _>(behind).next();
                    let gap = match next {
                        Some((start, _)) if rest.contains(start) => Interval {
                            low: rest.low.clone(),
                            high: Some(start.clone()),
                        },
                        _ => rest.clone(),
                    };
                    let piece = Piece::read(table, gap, is_kept, &mut row)?;
                    known.rows_read += piece.count;
                    let bytes =
                        RUN_BYTES + piece.run.rows.bytes() + ROW_BYTES * piece.run.rows.len();
                    let end = piece.run.end.clone();
                    if !piece.run.rows.is_empty() && self.room.take(bytes) {
                        self.bytes += bytes;
                        known.runs.insert(std::mem::take(&mut rest.low), piece.run);
                    }
                    if piece.is_refused {
                        return Ok(true);
                    }
                    end
                }
            };
            match end {
                Some(end) => rest.low = end,
                None => break,
            }
        }
        Ok(false)
    }
}

/// What was read of a range that no run has.
struct Piece {
    /// Empty where it is not to be kept.
    run: Run,
    count: u64,
    is_refused: bool,
}

impl Piece {
    fn read(
        table: &impl ReadableTable<Bytes, Bytes>,
        gap: Interval,
        is_kept: bool,
        row: &mut impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<Piece> {
        let mut rows = Rows::new();
        let (mut count, mut is_refused, mut stopped_at) = (0, false, None);
        scan_rows(table, &gap, Direction::Forward, |key, value| {
            is_refused = rows.len() < RUN_ROWS && !row(key, value);
            if is_refused || rows.len() == RUN_ROWS {
                stopped_at = Some(key.to_vec());
                return false;
            }
            count += 1;
            if is_kept {
                rows.push(key, value);
            }
            true
        })?;
        let end = match stopped_at {
            Some(key) => Some(key),
            None => gap.high,
        };
        Ok(Piece {
            run: Run { rows, end },
            count,
            is_refused,
        })
    }
}

impl Run {
    fn reaches_behind(&self, key: &[u8]) -> bool {
        self.end.as_ref().is_none_or(|end| end.as_slice() > key)
    }

    /// Shows its rows in a range to `row` until that says no; returns whether it did.
    fn show(&self, range: &Interval, row: &mut impl FnMut(&[u8], &[u8]) -> bool) -> bool {
        let first = self.rows.position(&range.low);
        for i in first..self.rows.len() {
            let Some((key, value)) = self.rows.get(i) else {
                break;
            };
            if range
                .high
                .as_ref()
                .is_some_and(|high| key >= high.as_slice())
            {
                break;
            }
            if !row(key, value) {
                return true;
            }
        }
        false
    }
}
