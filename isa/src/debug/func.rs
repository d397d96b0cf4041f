//! Reading what is known about one function of the module.

use std::collections::HashMap;
use std::ops::Range;

use super::read::SourceTables;
use super::{Base, Func, Location, Place, Row, Scope, Spot, SubprogramName, Variable};
use crate::decode::Reader;
use crate::error::Malformed;

/// Fields of rows: how far it is from the last, what changes, the scope, the location.
pub(super) const ROW_FIELDS: usize = 4;

/// Fields of a function: its index; what its scopes are, their callers, where they are called; its
/// rows; where variables are, and what is there.
pub(super) const FUNC_FIELDS: usize = 4 + ROW_FIELDS + 2;

/// Bit of a row where a statement begins.
pub(super) const ROW_IS_STMT: u8 = 1;

/// Bit of a row of another scope than the one before.
pub(super) const ROW_SCOPE: u8 = 2;

/// Bit of a row whose location is not behind the last one of its scope.
pub(super) const ROW_LOCATION: u8 = 4;

/// Byte of a place in pieces.
pub(super) const PIECES: u8 = 0xff;

/// Byte of a piece that is nowhere.
pub(super) const NOWHERE: u8 = 0x10;

/// Why an offset is refused.
const BEYOND: &str = "an offset beyond 32 bits";

/// What is known about the source of one function of the module.
#[derive(Clone, Debug)]
pub struct FuncSource<'a> {
    tables: &'a SourceTables,
    /// Its scopes and rows.
    pub func: Func,
}

/// A function of the source that is executing, by itself or inlined.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceFrame {
    /// Index of its scope.
    pub scope: u32,
    /// What it is called.
    pub name: SubprogramName,
    /// Where it is: for all but the innermost function, where it calls the next one.
    pub location: Option<Location>,
}

/// A variable that can be seen from an instruction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VisibleVariable {
    /// Index of the scope it belongs to.
    pub scope: u32,
    /// Its name and type.
    pub variable: Variable,
    /// Where it is; `None` where it was optimized out.
    pub place: Option<Place>,
}

/// A function's record, with numbers of locations.
pub(super) struct RawFunc {
    index: u32,
    scopes: Vec<RawScope>,
    rows: Vec<RawRow>,
    places: Vec<Vec<Places>>,
}

struct RawScope {
    subprogram: u32,
    caller: u32,
    call: u64,
}

struct RawRow {
    offset: u32,
    scope: u32,
    location: u64,
    is_stmt: bool,
}

/// Where a variable is along the code.
type Places = Vec<(Range<u32>, Place)>;

impl RawFunc {
    /// Reads a function's record.
    pub(super) fn read(fields: &mut [Reader<'_>; FUNC_FIELDS]) -> Result<RawFunc, Malformed> {
        let [index, scopes, callers, calls, rows @ .., ranges, spots] = fields;
        let index = index.u32()?;
        let scopes = read_scopes([scopes, callers, calls])?;
        let rows = read_rows(rows, scopes.len())?;
        let places = scopes
            .iter()
            .map(|_| ranges.list(|ranges| read_places(ranges, spots)));
        let places = places.collect::<Result<_, _>>()?;
        Ok(RawFunc {
            index,
            scopes,
            rows,
            places,
        })
    }
}

impl RawFunc {
    /// Whether there are the functions of the source that it refers to, and their locations, of which
    /// each has so many.
    pub(super) fn refers_to_what_is_there(&self, locations: &[u64]) -> bool {
        let has = |scope: u32, number: u64| {
            let subprogram = self.scopes[scope as usize].subprogram as usize;
            locations
                .get(subprogram)
                .is_some_and(|&count| number <= count)
        };
        let calls = |scope: &RawScope| has(scope.caller, scope.call);
        let known = (0..)
            .zip(&self.scopes)
            .all(|(i, scope)| has(i, 0) && calls(scope));
        known && self.rows.iter().all(|row| has(row.scope, row.location))
    }
}

impl<'a> FuncSource<'a> {
    /// Finds the locations that a function's record has the numbers of.
    pub(super) fn new(tables: &'a SourceTables, raw: RawFunc) -> Result<FuncSource<'a>, Malformed> {
        let mut locations = Locations {
            tables,
            known: HashMap::new(),
        };
        let subprogram = |scope: u32| raw.scopes[scope as usize].subprogram;
        let count = tables.subprograms() as u32;
        if let Some(scope) = raw.scopes.iter().find(|scope| scope.subprogram >= count) {
            let reason = format!("function {} of {count}", scope.subprogram);
            let reader = tables.reader();
            return Err(reader.error_at(reader.pos, reason));
        }
        let scopes = raw.scopes.iter().zip(raw.places).map(|(scope, places)| {
            Ok(Scope {
                subprogram: scope.subprogram,
                caller: scope.caller,
                call: locations.get(subprogram(scope.caller), scope.call)?,
                places,
            })
        });
        let scopes = scopes.collect::<Result<_, Malformed>>()?;
        let rows = raw.rows.iter().map(|row| {
            Ok(Row {
                offset: row.offset,
                scope: row.scope,
                location: locations.get(subprogram(row.scope), row.location)?,
                is_stmt: row.is_stmt,
            })
        });
        let rows = rows.collect::<Result<_, Malformed>>()?;
        let index = raw.index;
        Ok(FuncSource {
            tables,
            func: Func {
                index,
                scopes,
                rows,
            },
        })
    }
}

/// The locations of subprograms that were asked for.
struct Locations<'a> {
    tables: &'a SourceTables,
    known: HashMap<u32, Vec<Location>>,
}

impl Locations<'_> {
    /// The location of a subprogram that a number means: 0 for none.
    fn get(&mut self, subprogram: u32, number: u64) -> Result<Option<Location>, Malformed> {
        let Some(index) = number.checked_sub(1) else {
            return Ok(None);
        };
        if !self.known.contains_key(&subprogram) {
            let locations = self.tables.locations(subprogram)?;
            self.known.insert(subprogram, locations);
        }
        let locations = &self.known[&subprogram];
        let found = usize::try_from(index)
            .ok()
            .and_then(|index| locations.get(index));
        found.copied().map(Some).ok_or_else(|| {
            let count = locations.len();
            let reason = format!("location {index} of {count} of function {subprogram}");
            let reader = self.tables.reader();
            reader.error_at(reader.pos, reason)
        })
    }
}

fn read_scopes([scopes, callers, calls]: [&mut Reader<'_>; 3]) -> Result<Vec<RawScope>, Malformed> {
    let at = scopes.pos;
    let mut subprograms: Vec<u32> = Vec::new();
    let all = scopes.list(|scopes| {
        let at = scopes.pos;
        let mut subprogram = scopes.signed(64)?;
        let (mut caller, mut call) = (0, 0);
        if let Some(last) = subprograms.len().checked_sub(1) {
            let at = callers.pos;
            let back = callers.u32()?;
            let first = || callers.error_at(at, "a caller before the first scope");
            caller = (last as u32).checked_sub(back).ok_or_else(first)?;
            call = calls.unsigned(64)?;
            subprogram = subprogram.wrapping_add(subprograms[caller as usize].into());
        }
        let beyond = |_| scopes.error_at(at, format!("function {subprogram}"));
        let subprogram = u32::try_from(subprogram).map_err(beyond)?;
        subprograms.push(subprogram);
        Ok(RawScope {
            subprogram,
            caller,
            call,
        })
    })?;
    match all.is_empty() {
        true => Err(scopes.error_at(at, "a function without a scope")),
        false => Ok(all),
    }
}

/// The inverse of `write_rows`.
fn read_rows(
    [advances, kinds, scopes, steps]: &mut [Reader<'_>; ROW_FIELDS],
    count: usize,
) -> Result<Vec<RawRow>, Malformed> {
    let mut last: Vec<i64> = vec![0; count];
    let (mut offset, mut scope) = (0u32, 0i64);
    advances.list(|advances| {
        let at = advances.pos;
        let next = offset.checked_add(advances.u32()?);
        offset = next.ok_or_else(|| advances.error_at(at, BEYOND))?;
        let at = kinds.pos;
        let kind = kinds.byte()?;
        if kind & !(ROW_IS_STMT | ROW_SCOPE | ROW_LOCATION) != 0 {
            return Err(kinds.error_at(at, format!("unknown row {kind:#04x}")));
        }
        let at = scopes.pos;
        if kind & ROW_SCOPE != 0 {
            scope = scope.wrapping_add(scopes.signed(64)?);
        }
        let index = usize::try_from(scope).ok().filter(|&index| index < count);
        let beyond = || scopes.error_at(at, format!("scope {scope} of {count}"));
        let index = index.ok_or_else(beyond)?;
        let step = match kind & ROW_LOCATION {
            0 => 1,
            _ => steps.signed(64)?,
        };
        last[index] = last[index].wrapping_add(step);
        Ok(RawRow {
            offset,
            scope: index as u32,
            location: last[index].cast_unsigned(),
            is_stmt: kind & ROW_IS_STMT != 0,
        })
    })
}

impl FuncSource<'_> {
    /// The stretch of code that an instruction belongs to; `None` before the first.
    pub fn row_at(&self, offset: u32) -> Option<&Row> {
        let after = self.func.rows.partition_point(|row| row.offset <= offset);
        after.checked_sub(1).map(|at| &self.func.rows[at])
    }

    /// Offsets at which a statement of that line begins, where a breakpoint belongs.
    pub fn offsets_of_line(&self, file: u32, line: u32) -> impl Iterator<Item = u32> + '_ {
        let is_there = move |row: &&Row| {
            let same = row
                .location
                .is_some_and(|at| at.file == file && at.line == line);
            row.is_stmt && same
        };
        self.func.rows.iter().filter(is_there).map(|row| row.offset)
    }

    /// The functions of the source that are executing at an instruction, innermost first; empty
    /// where nothing is known about it.
    ///
    /// # Errors
    /// Where the functions' records make no sense.
    pub fn frames_at(&self, offset: u32) -> Result<Vec<SourceFrame>, Malformed> {
        let Some(row) = self.row_at(offset) else {
            return Ok(Vec::new());
        };
        let (mut index, mut location) = (row.scope, row.location);
        let mut frames = Vec::new();
        loop {
            let scope = &self.func.scopes[index as usize];
            frames.push(SourceFrame {
                scope: index,
                name: self.tables.subprogram(scope.subprogram)?.name,
                location,
            });
            if index == 0 {
                return Ok(frames);
            }
            (index, location) = (scope.caller, scope.call);
        }
    }

    /// The variables of the functions that are executing at an instruction, innermost first.
    ///
    /// # Errors
    /// Where the records of functions or variables make no sense.
    pub fn variables_at(&self, offset: u32) -> Result<Vec<VisibleVariable>, Malformed> {
        let mut visible = Vec::new();
        for frame in self.frames_at(offset)? {
            let scope = &self.func.scopes[frame.scope as usize];
            let variables = self.tables.subprogram(scope.subprogram)?.variables;
            let mut places = scope.places.iter();
            for variable in variables {
                let ranges = places.next().into_iter().flatten();
                let here = ranges.clone().find(|(range, _)| range.contains(&offset));
                visible.push(VisibleVariable {
                    scope: frame.scope,
                    variable,
                    place: here.map(|(_, place)| place.clone()),
                });
            }
        }
        Ok(visible)
    }
}

fn read_places(ranges: &mut Reader<'_>, spots: &mut Reader<'_>) -> Result<Places, Malformed> {
    let mut end = 0u32;
    ranges.list(|ranges| {
        let at = ranges.pos;
        let start = end.checked_add(ranges.u32()?);
        let len = ranges.u32()?;
        let range = start.and_then(|start| Some(start..start.checked_add(len)?));
        let range = range.ok_or_else(|| ranges.error_at(at, BEYOND))?;
        end = range.end;
        if spots.bytes.get(spots.pos) == Some(&PIECES) {
            spots.pos += 1;
            let pieces = spots.list(|spots| Ok((spots.u32()?, spots.spot()?)))?;
            return Ok((range, Place::Pieces(pieces)));
        }
        let at = spots.pos;
        match spots.spot()? {
            Some(spot) => Ok((range, Place::Whole(spot))),
            None => Err(spots.error_at(at, "a place that is nowhere")),
        }
    })
}

impl Reader<'_> {
    fn spot(&mut self) -> Result<Option<Spot>, Malformed> {
        let at = self.pos;
        let bits = self.byte()?;
        if bits == NOWHERE {
            return Ok(None);
        }
        if bits > 0x0f {
            return Err(self.error_at(at, format!("unknown place {bits:#04x}")));
        }
        let base = match bits & 3 {
            0 => Base::Zero,
            1 => Base::Local(self.u32()?),
            2 => Base::Global(self.u32()?),
            _ => Base::Stack(self.u32()?),
        };
        let offset = match bits & 8 {
            0 => 0,
            _ => self.signed(64)?,
        };
        Ok(Some(match bits & 4 {
            0 => Spot::Value(base, offset),
            _ => Spot::Memory(base, offset),
        }))
    }
}
