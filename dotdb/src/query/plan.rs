//! How a query is answered: which ranges of the table or of an index are read, what is left to test, and
//! whether rows have to be sorted.
//!
//! Each index that has all the rows asked for is a way, and the table itself is one. Ways are compared by how
//! many entries they read, which are counted up to a bound; rows found through an index count twice, since they
//! are looked up one by one, and where rows come in the right order, no more than the limit are read.

use std::collections::VecDeque;
use std::fmt;

use super::filter::{Field, Filter, field};
use super::text::Query;
use crate::catalog::{IndexDef, TableDef};
use crate::engine::{Budget, Rows, Space};
use crate::error::Result;
use crate::interval::{Interval, IntervalSet};
use crate::limits::at_most;
use crate::session::{Cursor, Direction, Origin, RangeSource, Session, Source};

/// Entries are counted up to this; more are many.
const COUNTED_MAX: u64 = 1000;
/// Rows that are read at once to be sorted.
const READ_AT_ONCE: Budget = Budget {
    rows: 1000,
    bytes: 1 << 20,
};

/// How a query is answered.
#[derive(Debug)]
pub(super) struct Plan {
    table: String,
    space: Space,
    /// The session's epoch when the table was looked up.
    epoch: u64,
    /// What is read.
    way: Way,
    /// The other ways there are.
    others: Vec<Way>,
    direction: Direction,
    /// What is tested of each row.
    filter: Option<Filter>,
    /// What rows are sorted by in memory.
    sort: Option<Sort>,
    limit: Option<u64>,
    sort_bytes: u64,
}

/// A way to find rows.
#[derive(Clone, Debug)]
struct Way {
    /// What ranges are of: the key, or an index.
    field: Field,
    name: String,
    index: Option<IndexDef>,
    ranges: IntervalSet,
    /// Entries in the ranges, up to [`COUNTED_MAX`].
    entries: u64,
}

#[derive(Clone, Debug)]
struct Sort {
    name: String,
    field: Field,
    direction: Direction,
    /// What the fields are, by the numbers of indices.
    def: TableDef,
}

/// Makes a plan.
pub(super) fn plan(session: &mut Session, query: Query) -> Result<Plan> {
    let table = session.table(&query.table)?;
    let def = session.def(table)?.clone();
    let epoch = session.epoch();
    let filter = match &query.condition {
        Some(condition) => Some(Filter::new(&query.table, &def, condition)?),
        None => None,
    };
    let order = match &query.order {
        Some((name, direction)) => Some((name, field(&query.table, &def, name)?, *direction)),
        None => None,
    };
    let mut ways = ways(
        session,
        &def,
        filter.as_ref(),
        order.map(|(_, field, _)| field),
    )?;
    let is_sorted = |way: &Way| order.is_none_or(|(_, field, _)| field == way.field);
    let cost = |way: &Way| {
        let needs_filter = filter
            .as_ref()
            .is_some_and(|filter| !filter.is_only_about(way.field));
        // How many more than were counted, nobody knows.
        let mut entries = match way.entries {
            COUNTED_MAX => u64::MAX,
            entries => entries,
        };
        if let (Some(limit), true, false) = (query.limit, is_sorted(way), needs_filter) {
            entries = entries.min(limit);
        }
        let read = entries.saturating_mul(if way.index.is_some() { 2 } else { 1 });
        // Ties are between ways with many entries: those with ends have fewer, most likely, and no sorting
        // is better than some.
        (
            read,
            way.ranges.is_all(),
            !is_sorted(way),
            way.index.is_some(),
        )
    };
    let best = (0..ways.len())
        .min_by_key(|&way| cost(&ways[way]))
        .unwrap_or(0);
    let way = ways.remove(best);
    let filter = filter.filter(|filter| !filter.is_only_about(way.field));
    let direction = match order {
        Some((_, field, direction)) if field == way.field => direction,
        _ => Direction::Forward,
    };
    let sort = order.filter(|(_, field, _)| *field != way.field);
    Ok(Plan {
        table: query.table,
        space: def.space,
        epoch,
        way,
        others: ways,
        direction,
        filter,
        sort: sort.map(|(name, field, direction)| Sort {
            name: name.clone(),
            field,
            direction,
            def: (*def).clone(),
        }),
        limit: query.limit,
        sort_bytes: session.database().options().limits.sort_bytes,
    })
}

/// All ways that lead to all rows asked for.
fn ways(
    session: &mut Session,
    def: &TableDef,
    filter: Option<&Filter>,
    order: Option<Field>,
) -> Result<Vec<Way>> {
    let ranges = |field| filter.map_or_else(IntervalSet::all, |filter| filter.ranges(field));
    let mut ways = vec![Way {
        field: Field::Key,
        name: "key".to_owned(),
        index: None,
        ranges: ranges(Field::Key),
        entries: 0,
    }];
    for (number, index) in def.indices.iter().enumerate() {
        let field = Field::Index(number);
        // Rows without the field are not in the index.
        if order == Some(field) || filter.is_some_and(|filter| filter.needs(field)) {
            ways.push(Way {
                field,
                name: index.name.clone(),
                index: Some(index.clone()),
                ranges: ranges(field),
                entries: 0,
            });
        }
    }
    for way in &mut ways {
        let space = way.index.as_ref().map_or(def.space, |index| index.space);
        for range in way.ranges.ranges() {
            let left = COUNTED_MAX - way.entries;
            way.entries += session.reader()?.count(space, range, left)?;
            if way.entries == COUNTED_MAX {
                break;
            }
        }
    }
    Ok(ways)
}

impl Plan {
    /// Starts to answer.
    pub(super) fn start(self, session: &mut Session) -> Result<Cursor> {
        let mut ranges: VecDeque<Interval> = self.way.ranges.ranges().to_vec().into();
        if self.direction == Direction::Backward {
            ranges.make_contiguous().reverse();
        }
        let source = RangeSource {
            table: self.space,
            index: self.way.index.as_ref().map(|index| index.space),
            ranges,
            direction: self.direction,
            filter: self.filter,
        };
        let mut origin = Origin {
            table: self.table,
            space: self.space,
            index: self.way.index,
            epoch: self.epoch,
        };
        let limit = self.limit.unwrap_or(u64::MAX);
        let Some(sort) = &self.sort else {
            let source = Source::Ranges(Box::new(source));
            return Ok(Cursor::new(origin, source, limit, 0));
        };
        let (keys, examined) = sort.keys(session, source, limit, self.sort_bytes)?;
        // It has been read.
        origin.index = None;
        let source = Source::Keys {
            table: origin.space,
            keys,
        };
        Ok(Cursor::new(origin, source, limit, examined))
    }
}

impl Sort {
    /// Reads all rows; returns their keys, sorted, and how many entries were read.
    fn keys(
        &self,
        session: &mut Session,
        mut source: RangeSource,
        limit: u64,
        bytes_max: u64,
    ) -> Result<(VecDeque<Vec<u8>>, u64)> {
        // Twice as many as are needed are kept, so that sorting now and then is enough.
        let kept = usize::try_from(limit).unwrap_or(usize::MAX);
        let kept_max = kept.saturating_mul(2).saturating_add(1000);
        let mut sorted: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let (mut bytes, mut examined) = (0, 0);
        let (mut rows, mut entries) = (Rows::new(), Rows::new());
        while !source.ranges.is_empty() {
            session.pause()?;
            rows.clear();
            entries.clear();
            examined += source.read(session, READ_AT_ONCE, &mut rows, &mut entries, None)?;
            for (key, value) in rows.iter() {
                let field = match self.field {
                    Field::Key => Some(key.to_vec()),
                    Field::Index(number) => {
                        let field = self.def.indices[number].extractor.field(value);
                        field.and_then(|field| field.encode())
                    }
                };
                if let Some(field) = field {
                    bytes += (field.len() + key.len() + 2 * size_of::<Vec<u8>>()) as u64;
                    sorted.push((field, key.to_vec()));
                }
            }
            if sorted.len() > kept_max {
                self.sort(&mut sorted);
                for (field, key) in sorted.drain(kept..) {
                    bytes -= (field.len() + key.len() + 2 * size_of::<Vec<u8>>()) as u64;
                }
            }
            at_most("bytes that a query sorts", bytes, bytes_max)?;
        }
        self.sort(&mut sorted);
        sorted.truncate(kept);
        Ok((sorted.into_iter().map(|(_, key)| key).collect(), examined))
    }

    /// Rows with the same field are in the order in which the index has them.
    fn sort(&self, rows: &mut [(Vec<u8>, Vec<u8>)]) {
        match self.direction {
            Direction::Forward => rows.sort_unstable(),
            Direction::Backward => rows.sort_unstable_by(|a, b| b.cmp(a)),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "table {}: {}", self.table, self.way)?;
        if let Some(sort) = &self.sort {
            let direction = match sort.direction {
                Direction::Forward => "rising",
                Direction::Backward => "falling",
            };
            writeln!(f, "sort by {} in memory, {direction}", sort.name)?;
        } else if self.direction == Direction::Backward {
            writeln!(f, "from the end backwards")?;
        }
        if self.filter.is_some() {
            writeln!(f, "test each row")?;
        }
        if let Some(limit) = self.limit {
            writeln!(f, "end after {limit} rows")?;
        }
        for way in &self.others {
            writeln!(f, "instead of: {way}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field {
            Field::Key => f.write_str("keys")?,
            Field::Index(_) => write!(f, "index {}", self.name)?,
        }
        match self.ranges.ranges() {
            _ if self.ranges.is_all() => f.write_str(", all")?,
            [_] => f.write_str(", 1 range")?,
            ranges => write!(f, ", {} ranges", ranges.len())?,
        }
        match self.entries {
            1 => f.write_str(", 1 entry"),
            COUNTED_MAX => write!(f, ", {COUNTED_MAX} entries or more"),
            entries => write!(f, ", {entries} entries"),
        }
    }
}
