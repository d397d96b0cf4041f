//! Tables of machine code: which of its instructions trap, and to which instruction of the program
//! each belongs.
//!
//! They are kept as bytes, the same in memory as in a file, so that those of code that comes from a
//! file need not be read before somebody asks for them. Six numbers of 32 bits come first: how many
//! rows each table has, and the alignment of the code; then the rows, pairs of such numbers.

use dotvm_isa::{Bytes, TrapCode};

use crate::places::{Site, frames};

/// The tables, in their order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Table {
    /// What instructions that trap mean, by their offset, ascending.
    Traps,
    /// Offsets where code of another place starts, ascending, and the place.
    Starts,
    /// The places of faults of instructions that belong to others, by their offset, ascending.
    Faults,
    /// Where something is inlined: the function and the place of the call.
    Sites,
    /// Where calls return to whose exceptions are caught, ascending, and the first of their rows in
    /// [`Table::Landings`].
    Handlers,
    /// For each such call: the bytes from its stack pointer to the frame pointer, and from the stack pointer
    /// to the instance, or [`IN_REGISTER`]; then what it catches: the tag or [`ALL_TAGS`], and the offset
    /// where that goes on.
    Landings,
    /// Where calls return to during which references to managed objects are kept in the frame, ascending, and
    /// the first of their rows in [`Table::Kept`].
    References,
    /// For each such call: the bytes from its stack pointer to the frame pointer, and nothing; then for each
    /// reference the bytes from the stack pointer to it, and nothing.
    Kept,
    /// Direct calls: where the distance to the callee is in the code, and the callee's number among
    /// the defined functions.
    Calls,
}

/// How many tables there are.
const TABLES: usize = 9;

/// Numbers before the rows.
const HEADER: usize = TABLES + 1;

/// Stands for "no place".
pub(crate) const NO_PLACE: u32 = u32::MAX;

/// Stands for every tag.
pub(crate) const ALL_TAGS: u32 = u32::MAX - 1;

/// Stands for a place that whoever was called keeps: so only the runtime may, which knows the instance.
pub(crate) const IN_REGISTER: u32 = u32::MAX;

/// The number of rows of [`Table::Calls`] of code that can only be where it was made for.
const NOT_MOVABLE: u32 = u32::MAX;

/// Rows of a table.
pub(crate) type Rows = Vec<(u32, u32)>;

/// The tables of a unit.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    bytes: Bytes,
    /// Where they start in `bytes`.
    at: usize,
}

/// What the number of a trap means.
fn trap_of_number(number: u32) -> TrapCode {
    let code = u8::try_from(number).ok().and_then(TrapCode::from_code);
    code.unwrap_or(TrapCode::Unreachable)
}

impl Tables {
    /// The tables at `at` of `bytes`. What is not there has no rows.
    pub(crate) fn at(bytes: &Bytes, at: usize) -> Tables {
        Tables {
            bytes: bytes.clone(),
            at,
        }
    }

    /// Makes tables in memory of their own. Without `calls`, the code can only be where it was made
    /// for.
    pub(crate) fn new(alignment: u32, rows: [Rows; TABLES - 1], calls: Option<Rows>) -> Tables {
        let mut numbers: Vec<u32> = rows.iter().map(|rows| rows.len() as u32).collect();
        numbers.push(calls.as_ref().map_or(NOT_MOVABLE, |rows| rows.len() as u32));
        numbers.push(alignment);
        for (a, b) in rows.into_iter().chain(calls).flatten() {
            numbers.extend([a, b]);
        }
        let bytes: Vec<u8> = numbers.into_iter().flat_map(u32::to_le_bytes).collect();
        Tables {
            bytes: Bytes::new(bytes),
            at: 0,
        }
    }

    /// All of it as bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        let rows: usize = (0..TABLES).map(|table| self.count(table)).sum();
        let len = (HEADER + 2 * rows) * size_of::<u32>();
        let bytes = self.bytes.as_slice();
        let end = self.at.saturating_add(len).min(bytes.len());
        bytes.get(self.at..end).unwrap_or_default()
    }

    fn number(&self, index: usize) -> u32 {
        let at = self.at + index * size_of::<u32>();
        let bytes = self.bytes.as_slice().get(at..at + size_of::<u32>());
        bytes.map_or(0, |bytes| {
            u32::from_le_bytes(bytes.try_into().expect("four bytes"))
        })
    }

    fn count(&self, table: usize) -> usize {
        match self.number(table) {
            NOT_MOVABLE => 0,
            count => count as usize,
        }
    }

    /// How many rows a table has.
    pub(crate) fn len(&self, table: Table) -> usize {
        self.count(table as usize)
    }

    /// A row of a table.
    pub(crate) fn row(&self, table: Table, index: usize) -> (u32, u32) {
        let before: usize = (0..table as usize).map(|table| self.count(table)).sum();
        let at = HEADER + 2 * (before + index);
        (self.number(at), self.number(at + 1))
    }

    /// The alignment of the code.
    pub(crate) fn alignment(&self) -> u32 {
        self.number(TABLES)
    }

    /// Whether the code can be anywhere.
    pub(crate) fn is_movable(&self) -> bool {
        self.number(Table::Calls as usize) != NOT_MOVABLE
    }

    /// Direct calls, as [`Table::Calls`] has them.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        (0..self.len(Table::Calls)).map(|at| self.row(Table::Calls, at))
    }

    /// How many rows of a sorted table start with a number up to `key`.
    fn rows_until(&self, table: Table, key: u32) -> usize {
        let (mut low, mut high) = (0, self.len(table));
        while low < high {
            let middle = low.midpoint(high);
            match self.row(table, middle).0 <= key {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }

    /// What is behind a number in a sorted table, where it is there.
    fn find(&self, table: Table, key: u32) -> Option<u32> {
        let at = self.rows_until(table, key).checked_sub(1)?;
        let (found, value) = self.row(table, at);
        (found == key).then_some(value)
    }

    /// What a trap at an offset means; `None` where no instruction there traps.
    pub(crate) fn trap_at(&self, offset: u32) -> Option<TrapCode> {
        self.find(Table::Traps, offset).map(trap_of_number)
    }

    /// What catches exceptions of a call that returns to an offset: the first row of
    /// [`Table::Landings`] about it, and the others.
    pub(crate) fn handlers(
        &self,
        offset: u32,
    ) -> Option<((u32, u32), impl Iterator<Item = (u32, u32)> + use<'_>)> {
        self.rows_of(Table::Handlers, Table::Landings, offset)
    }

    /// Where references to managed objects are kept during the call that returns to an offset: the first row of
    /// [`Table::Kept`] about it, and the others.
    pub(crate) fn references(
        &self,
        offset: u32,
    ) -> Option<((u32, u32), impl Iterator<Item = (u32, u32)> + use<'_>)> {
        self.rows_of(Table::References, Table::Kept, offset)
    }

    /// The first row, and the others, of the table `rows` that belong to an offset in the table `firsts`.
    fn rows_of(
        &self,
        firsts: Table,
        rows: Table,
        offset: u32,
    ) -> Option<((u32, u32), impl Iterator<Item = (u32, u32)> + use<'_>)> {
        let at = self.rows_until(firsts, offset).checked_sub(1)?;
        let (found, first) = self.row(firsts, at);
        if found != offset {
            return None;
        }
        let end = match at + 1 < self.len(firsts) {
            true => self.row(firsts, at + 1).1 as usize,
            false => self.len(rows),
        };
        let others = first as usize + 1..end.min(self.len(rows));
        let first = self.row(rows, first as usize);
        Some((first, others.map(move |at| self.row(rows, at))))
    }

    /// The frames at an offset, innermost first (see [`crate::Code::frames_at`]).
    pub(crate) fn frames_at(
        &self,
        offset: u32,
    ) -> impl Iterator<Item = (Option<u32>, u32)> + use<'_> {
        let place = self.find(Table::Faults, offset).or_else(|| {
            let at = self.rows_until(Table::Starts, offset).checked_sub(1)?;
            Some(self.row(Table::Starts, at).1).filter(|&place| place != NO_PLACE)
        });
        place
            .into_iter()
            .flat_map(move |place| self.frames_of(place))
    }

    /// The frames of a place, innermost first.
    pub(crate) fn frames_of(
        &self,
        place: u32,
    ) -> impl Iterator<Item = (Option<u32>, u32)> + use<'_> {
        let site = |number: usize| {
            (number < self.len(Table::Sites)).then(|| {
                let (func, caller) = self.row(Table::Sites, number);
                Site { func, caller }
            })
        };
        frames(place, site)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRAPS: [TrapCode; 2] = [TrapCode::IntegerOverflow, TrapCode::MemoryOutOfBounds];

    fn tables(calls: Option<Rows>) -> Tables {
        let [overflow, load] = TRAPS.map(|code| code as u32);
        let site = 1 << 24;
        Tables::new(
            32,
            [
                vec![(4, overflow), (9, load)],
                vec![(0, NO_PLACE), (3, 7), (8, site | 5), (12, NO_PLACE)],
                vec![(9, 70)],
                vec![(6, 7)],
                vec![(5, 0), (10, 3)],
                vec![(48, 8), (2, 70), (ALL_TAGS, 80), (32, IN_REGISTER), (1, 90)],
                vec![(5, 0), (11, 2)],
                vec![(48, 0), (16, 0), (32, 0)],
            ],
            calls,
        )
    }

    #[test]
    fn what_was_put_in_is_found() {
        let tables = tables(Some(vec![(1, 2)]));
        assert_eq!((tables.alignment(), tables.is_movable()), (32, true));
        assert_eq!(tables.calls().collect::<Vec<_>>(), [(1, 2)]);
        let traps = [3, 4, 5, 9].map(|offset| tables.trap_at(offset));
        assert_eq!(traps, [None, Some(TRAPS[0]), None, Some(TRAPS[1])]);
        let frames = |offset| tables.frames_at(offset).collect::<Vec<_>>();
        assert_eq!(frames(2), []);
        assert_eq!(frames(7), [(None, 7)]);
        assert_eq!(frames(8), [(Some(6), 5), (None, 7)]);
        assert_eq!(frames(9), [(None, 70)]);
        assert_eq!(frames(13), []);
        let handlers = |offset| {
            let (frame, landings) = tables.handlers(offset)?;
            Some((frame, landings.collect::<Vec<_>>()))
        };
        let first = ((48, 8), vec![(2, 70), (ALL_TAGS, 80)]);
        let second = ((32, IN_REGISTER), vec![(1, 90)]);
        assert_eq!([5, 6, 10].map(handlers), [Some(first), None, Some(second)]);
        let kept = |offset| {
            let ((frame, _), kept) = tables.references(offset)?;
            Some((frame, kept.map(|row| row.0).collect::<Vec<_>>()))
        };
        let [first, second] = [(48, vec![16]), (32, vec![])].map(Some);
        assert_eq!([5, 10, 11].map(kept), [first, None, second]);
    }

    #[test]
    fn bytes_are_the_same_anywhere() {
        let first = tables(None);
        assert!(!first.is_movable());
        let mut bytes = vec![0xff; 3];
        bytes.extend(first.as_bytes());
        let again = Tables::at(&Bytes::new(bytes.clone()), 3);
        assert_eq!(again.as_bytes(), first.as_bytes());
        assert_eq!(again.frames_at(8).count(), 2);
        for len in 0..bytes.len() {
            let cut = Tables::at(&Bytes::new(bytes[..len].to_vec()), 3);
            assert!(cut.frames_at(8).count() <= 2);
            let landings = cut.handlers(10).map(|(_, landings)| landings.count());
            assert!(landings.is_none_or(|count| count <= 4));
            assert!(cut.as_bytes().len() < first.as_bytes().len());
        }
    }
}
