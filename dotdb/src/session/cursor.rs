//! Cursors: rows one after the other, read in pieces that grow.
//!
//! A cursor sees what its session writes while it goes on. Outside of a transaction it may also see what
//! others commit meanwhile, from the next piece on.

use std::collections::VecDeque;

use super::rows::damaged_entry;
use super::{Session, TableId};
use crate::catalog::IndexDef;
use crate::engine::{Budget, Direction, Rows, Space};
use crate::error::{Error, Result};
use crate::interval::{Interval, after};
use crate::query::Filter;
use crate::value::field_len;

/// Rows of the first piece; each has four times as many as the one before.
const ROWS_MIN: usize = 16;
/// Rows of the largest piece.
const ROWS_MAX: usize = 1024;
/// About how many bytes a piece has at most.
const BYTES_MAX: usize = 256 << 10;

/// After how many rows that are shown in place somebody may want that to end.
const VISITED_MAX: u64 = 4096;

/// Rows in order, one after the other.
#[derive(Debug)]
pub struct Cursor {
    origin: Origin,
    source: Source,
    /// Rows that may still come.
    limit: u64,
    /// A piece, and the entries of an index where its rows were found.
    rows: Rows,
    entries: Rows,
    /// The next row of the piece.
    next: usize,
    /// When the piece was read, and what is in it, read or passed by.
    stamp: u64,
    ranges: VecDeque<Interval>,
    /// Rows of the next piece.
    rows_at_once: usize,
    /// Entries that were read.
    examined: u64,
    /// Bytes of the keys that it started with.
    keys_bytes: usize,
    /// Whether many rows were taken at once the last time.
    takes_many: bool,
}

/// The table that rows are of, as it was when the cursor was made. A space may be that of something else later, where
/// what had it was rolled back.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) table: String,
    pub(crate) space: Space,
    /// The index that is read.
    pub(crate) index: Option<IndexDef>,
    /// The session's epoch when it was last the same.
    pub(crate) epoch: u64,
}

/// Where rows come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// Ranges of a table or of an index.
    Ranges(Box<RangeSource>),
    /// Rows of a table with these keys, as they were found and sorted.
    Keys {
        table: Space,
        keys: VecDeque<Vec<u8>>,
    },
}

/// Ranges of a table or of an index, and what rows there must fulfil.
#[derive(Debug)]
pub(crate) struct RangeSource {
    /// The rows.
    pub(crate) table: Space,
    /// The index, where it is not the table itself.
    pub(crate) index: Option<Space>,
    /// What is left, in order of the direction.
    pub(crate) ranges: VecDeque<Interval>,
    pub(crate) direction: Direction,
    pub(crate) filter: Option<Filter>,
}

impl Session {
    /// The rows of a range of keys.
    ///
    /// # Errors
    /// Those of reading.
    pub fn scan(
        &mut self,
        table: TableId,
        range: Interval,
        direction: Direction,
    ) -> Result<Cursor> {
        let origin = self.hold(|session| {
            let space = session.def(table)?.space;
            Ok(Origin {
                table: session.name(table)?.to_owned(),
                space,
                index: None,
                epoch: session.epoch,
            })
        })?;
        let source = RangeSource {
            table: origin.space,
            index: None,
            ranges: VecDeque::from([range]),
            direction,
            filter: None,
        };
        let source = Source::Ranges(Box::new(source));
        Ok(Cursor::new(origin, source, u64::MAX, 0))
    }
}

impl Cursor {
    /// Rows from there; so many entries were read to find out where.
    pub(crate) fn new(origin: Origin, source: Source, limit: u64, examined: u64) -> Cursor {
        let keys_bytes = match &source {
            Source::Keys { keys, .. } => keys
                .iter()
                .map(|key| size_of::<Vec<u8>>() + key.len())
                .sum(),
            Source::Ranges(_) => 0,
        };
        Cursor {
            origin,
            source,
            keys_bytes,
            limit,
            rows: Rows::new(),
            entries: Rows::new(),
            next: 0,
            stamp: 0,
            ranges: VecDeque::new(),
            rows_at_once: ROWS_MIN,
            examined,
            takes_many: false,
        }
    }

    /// The same rows, but at most `limit` of them.
    #[must_use]
    pub fn limited(mut self, limit: u64) -> Cursor {
        self.limit = self.limit.min(limit);
        self
    }

    /// The next row: its key and its value; `None` at the end, which then stays the end.
    ///
    /// # Errors
    /// [`UnknownTable`](Error::UnknownTable) and [`UnknownIndex`](Error::UnknownIndex) where the table or the index
    /// is not there any more, and those of reading.
    pub fn next<'a>(&'a mut self, session: &mut Session) -> Result<Option<(&'a [u8], &'a [u8])>> {
        if self.limit == 0 {
            return Ok(None);
        }
        let is_over = self.next == self.rows.len() || self.stamp != session.stamp;
        if is_over && !self.read(session)? {
            self.limit = 0;
            return Ok(None);
        }
        self.limit -= 1;
        self.next += 1;
        Ok(self.rows.get(self.next - 1))
    }

    /// Shows the next rows to `row`, up to the first that it does not take: that one comes again. The end stays the end
    /// where there was no row any more.
    ///
    /// # Errors
    /// Those of [`Cursor::next`]. Rows that were taken do not come again.
    pub fn each(
        &mut self,
        session: &mut Session,
        mut row: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result {
        let mut taken = 0;
        while self.limit > 0 {
            if self.next == self.rows.len() || self.stamp != session.stamp {
                // Whoever takes few rows at a time would have each of these looked for.
                let is_current = self.stamp == session.stamp;
                if (taken >= ROWS_MIN || self.takes_many && is_current)
                    && let Some(outcome) = self.visit(session, &mut row)
                {
                    return outcome;
                }
                if !self.read(session)? {
                    if taken == 0 {
                        self.limit = 0;
                    }
                    return Ok(());
                }
            }
            match self.rows.get(self.next) {
                Some((key, value)) if row(key, value) => {}
                _ => return Ok(()),
            }
            self.limit -= 1;
            self.next += 1;
            taken += 1;
        }
        Ok(())
    }

    /// Shows rows where they are, to the end; `None` where that is not possible.
    fn visit(
        &mut self,
        session: &mut Session,
        row: &mut impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Option<Result> {
        let Source::Ranges(source) = &self.source else {
            return None;
        };
        let is_plain = source.index.is_none() && source.filter.is_none();
        if !is_plain || source.ranges.is_empty() || self.next < self.rows.len() {
            return None;
        }
        match session.reader() {
            Ok(reader) => reader.in_place()?,
            Err(error) => return Some(Err(error)),
        };
        self.rows_at_once = ROWS_MIN;
        let left = self.limit;
        loop {
            let outcome = session.hold(|session| self.visit_some(session, row));
            self.takes_many = left - self.limit >= ROWS_MIN as u64;
            match outcome {
                Ok(true) => {}
                Ok(false) => return Some(Ok(())),
                Err(error) => return Some(Err(error)),
            }
            if let Err(error) = session.pause() {
                return Some(Err(error));
            }
        }
    }

    /// Shows some rows of the first range where they are; returns whether to go on.
    fn visit_some(
        &mut self,
        session: &mut Session,
        row: &mut impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<bool> {
        self.origin.check(session)?;
        let Source::Ranges(source) = &mut self.source else {
            return Ok(false);
        };
        let Some(range) = source.ranges.front() else {
            return Ok(false);
        };
        let Some(reader) = session.reader()?.in_place() else {
            return Ok(false);
        };
        let most = self.limit.min(VISITED_MAX);
        let (mut taken, mut refused) = (0, None);
        let mut is_wanted = true;
        reader.visit(source.table, range, source.direction, &mut |key, value| {
            is_wanted = taken == most || row(key, value);
            if taken < most && is_wanted {
                taken += 1;
                return true;
            }
            refused = Some(key.to_vec());
            false
        })?;
        self.limit -= taken;
        self.examined += taken;
        // What was visited becomes a piece that has been read, of which the last row is enough.
        let visited = match &refused {
            None => source.ranges.front().cloned(),
            Some(_) if taken == 0 => None,
            Some(refused) => source.up_to(refused),
        };
        if let Some(mut visited) = visited {
            self.rows.clear();
            self.entries.clear();
            self.ranges.clear();
            let last = Budget { rows: 1, bytes: 1 };
            let direction = source.direction.reverse();
            let reader = session.reader()?;
            reader.scan(source.table, &visited, direction, last, &mut self.rows)?;
            self.next = self.rows.len();
            match (refused, self.rows.get(0)) {
                // What is written between it and the one that was refused is still to come.
                (Some(_), Some((last, _))) => {
                    match source.direction {
                        Direction::Forward => visited.high = Some(after(last)),
                        Direction::Backward => visited.low = last.to_vec(),
                    }
                    source.go_on_behind(last);
                }
                _ => drop(source.ranges.pop_front()),
            }
            self.ranges.push_back(visited);
        }
        self.stamp = session.stamp;
        Ok(is_wanted && self.limit > 0 && !source.ranges.is_empty())
    }

    /// Has the row that [`Cursor::next`] gave last come again.
    pub fn back_up(&mut self) {
        if let Some(next) = self.next.checked_sub(1) {
            self.next = next;
            self.limit = self.limit.saturating_add(1);
        }
    }

    /// About how many bytes of memory it takes.
    pub fn bytes(&self) -> u64 {
        let ranges = |ranges: &VecDeque<Interval>| -> usize {
            let bytes =
                |range: &Interval| range.low.len() + range.high.as_ref().map_or(0, Vec::len);
            ranges
                .iter()
                .map(|range| size_of::<Interval>() + bytes(range))
                .sum()
        };
        let source = match &self.source {
            Source::Ranges(source) => ranges(&source.ranges),
            Source::Keys { .. } => self.keys_bytes,
        };
        (size_of::<Cursor>() + source + ranges(&self.ranges) + self.piece_bytes()) as u64
    }

    /// Bytes of the rows that were read and did not come yet, and of those before them.
    pub fn piece_bytes(&self) -> usize {
        let bytes = |rows: &Rows| rows.bytes() + 16 * rows.len();
        bytes(&self.rows) + bytes(&self.entries)
    }

    /// How many entries of tables and indices were read so far.
    pub fn examined(&self) -> u64 {
        self.examined
    }

    /// Reads the next piece. Where something was written since the last one, what is left of that is read again. Returns
    /// whether there are rows.
    fn read(&mut self, session: &mut Session) -> Result<bool> {
        // Entries and their rows are of one state. It may be another one than before, which makes pieces stale.
        session.hold(|session| self.read_piece(session))
    }

    fn read_piece(&mut self, session: &mut Session) -> Result<bool> {
        self.origin.check(session)?;
        if let Source::Ranges(source) = &self.source
            && source.ranges.is_empty()
            && self.stamp == session.stamp
        {
            // The last piece stays: what is written behind it may still be to come.
            return Ok(false);
        }
        if self.stamp != session.stamp && self.next < self.rows.len() {
            // Whoever writes while reading has few rows read again and again.
            self.rows_at_once = ROWS_MIN;
        }
        let is_tested = matches!(&self.source, Source::Ranges(source) if source.filter.is_some());
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let budget = Budget {
            rows: match is_tested {
                true => self.rows_at_once,
                false => self.rows_at_once.min(limit),
            },
            bytes: BYTES_MAX,
        };
        match &mut self.source {
            Source::Keys { table, keys } => {
                if self.next == self.rows.len() {
                    self.next = 0;
                    self.rows.clear();
                    read_keys(session, *table, keys, budget, &mut self.rows)?;
                }
            }
            Source::Ranges(source) => {
                if self.stamp != session.stamp && self.stamp != 0 {
                    source.put_back(&mut self.ranges);
                    if let Some(last) = self.next.checked_sub(1) {
                        let entries = match source.index {
                            Some(_) => &self.entries,
                            None => &self.rows,
                        };
                        if let Some((last, _)) = entries.get(last) {
                            source.go_on_behind(last);
                        }
                    }
                }
                self.ranges.clear();
                self.next = 0;
                let (rows, entries) = (&mut self.rows, &mut self.entries);
                rows.clear();
                entries.clear();
                let mut left = budget;
                while !source.ranges.is_empty() {
                    session.pause()?;
                    let examined =
                        source.read(session, left, rows, entries, Some(&mut self.ranges))?;
                    self.examined += examined;
                    // A piece has rows of many ranges where these are short; it has at least one row.
                    left.rows = left.rows.saturating_sub(examined as usize);
                    let is_full = left.rows == 0 || rows.bytes() >= left.bytes;
                    match (is_full, rows.is_empty()) {
                        (true, false) => break,
                        (true, true) => left = budget,
                        _ => {}
                    }
                }
            }
        }
        self.rows_at_once = (self.rows_at_once * 4).min(ROWS_MAX);
        self.stamp = session.stamp;
        Ok(!self.rows.is_empty())
    }
}

impl Origin {
    /// Makes sure that the table, and the index, are still those.
    fn check(&mut self, session: &mut Session) -> Result {
        session.look()?;
        if self.epoch == session.epoch {
            return Ok(());
        }
        let def = session.find(&self.table)?;
        if def.space != self.space {
            return Err(Error::UnknownTable(self.table.clone()));
        }
        if let Some(index) = &self.index
            && !def.indices.contains(index)
        {
            return Err(Error::UnknownIndex {
                table: self.table.clone(),
                index: index.name.clone(),
            });
        }
        self.epoch = session.epoch;
        Ok(())
    }
}

/// Reads the rows of some keys, which are taken away.
fn read_keys(
    session: &mut Session,
    table: Space,
    keys: &mut VecDeque<Vec<u8>>,
    budget: Budget,
    rows: &mut Rows,
) -> Result {
    while rows.len() < budget.rows && rows.bytes() < budget.bytes {
        let Some(key) = keys.pop_front() else { break };
        let found = &mut |value: &[u8]| rows.push(&key, value);
        session.reader()?.get(table, &key, found)?;
    }
    Ok(())
}

impl RangeSource {
    /// Takes away what is up to an entry.
    fn go_on_behind(&mut self, entry: &[u8]) {
        while let Some(range) = self.ranges.front_mut() {
            match self.direction {
                Direction::Forward => range.low = after(entry).max(std::mem::take(&mut range.low)),
                Direction::Backward => {
                    let is_behind = |high: &Vec<u8>| high.as_slice() > entry;
                    if range.high.as_ref().is_none_or(is_behind) {
                        range.high = Some(entry.to_vec());
                    }
                }
            }
            if !range.is_empty() {
                break;
            }
            self.ranges.pop_front();
        }
    }

    /// The part of the first range in front of an entry.
    fn up_to(&self, entry: &[u8]) -> Option<Interval> {
        let mut part = self.ranges.front()?.clone();
        match self.direction {
            Direction::Forward => part.high = Some(entry.to_vec()),
            Direction::Backward => part.low = after(entry),
        }
        Some(part)
    }

    /// Puts ranges back that were taken away.
    fn put_back(&mut self, taken: &mut VecDeque<Interval>) {
        while let Some(mut range) = taken.pop_back() {
            // Those that touch were one.
            if let Some(first) = self.ranges.front_mut() {
                let is_one = match self.direction {
                    Direction::Forward => range.high.as_ref() == Some(&first.low),
                    Direction::Backward => first.high.as_ref() == Some(&range.low),
                };
                if is_one {
                    match self.direction {
                        Direction::Forward => first.low = range.low,
                        Direction::Backward => first.high = range.high.take(),
                    }
                    continue;
                }
            }
            self.ranges.push_front(range);
        }
    }

    /// Reads a piece of the first range, and takes that away, to `taken`. Returns how many entries were read.
    pub(crate) fn read(
        &mut self,
        session: &mut Session,
        budget: Budget,
        rows: &mut Rows,
        entries: &mut Rows,
        taken: Option<&mut VecDeque<Interval>>,
    ) -> Result<u64> {
        let Some(range) = self.ranges.front() else {
            return Ok(0);
        };
        let mut found = Rows::new();
        let space = self.index.unwrap_or(self.table);
        let is_plain = self.index.is_none() && self.filter.is_none();
        let into = if is_plain { &mut *rows } else { &mut found };
        let more = session
            .reader()?
            .scan(space, range, self.direction, budget, into)?;
        let examined = into.len() as u64;
        let last = into.len().checked_sub(1).and_then(|last| into.get(last));
        let last = last.map(|(entry, _)| entry.to_vec());
        for (entry, value) in found.iter() {
            let filter = self.filter.as_ref();
            let holds =
                |key: &[u8], value: &[u8]| filter.is_none_or(|filter| filter.holds(key, value));
            if self.index.is_none() {
                if holds(entry, value) {
                    rows.push(entry, value);
                }
                continue;
            }
            let key = &entry[field_len(entry).ok_or_else(damaged_entry)?..];
            let found = &mut |value: &[u8]| {
                if holds(key, value) {
                    rows.push(key, value);
                    entries.push(entry, &[]);
                }
            };
            if !session.reader()?.get(self.table, key, found)? {
                return Err(damaged_entry());
            }
        }
        let done = match last {
            Some(last) if more => {
                let mut done = range.clone();
                match self.direction {
                    Direction::Forward => done.high = Some(after(&last)),
                    Direction::Backward => done.low.clone_from(&last),
                }
                self.go_on_behind(&last);
                Some(done)
            }
            _ => self.ranges.pop_front(),
        };
        if let Some(taken) = taken {
            taken.extend(done);
        }
        Ok(examined)
    }
}
