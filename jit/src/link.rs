//! Linking: from units to an [image](crate::image).

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::compile::{Compiled, Unit};
use crate::image::{HEADER, IMAGE_ALIGNMENT, ROW, numbers_of};
use crate::tables::Tables;

/// Code of a unit, to be linked with others.
#[derive(Debug)]
pub struct Piece<'a> {
    unit: Unit,
    /// What distances there are to callees does not matter.
    code: Cow<'a, [u8]>,
    tables: Tables,
}

/// The least alignment of code.
const ALIGNMENT_MIN: usize = 16;

/// What code is filled up with: an instruction that traps, `int3`.
pub(crate) const FILL: u8 = 0xcc;

/// Bytes of a distance in a call.
const DISTANCE_BYTES: usize = 4;

impl<'a> Piece<'a> {
    pub(crate) fn new(unit: Unit, code: Cow<'a, [u8]>, tables: Tables) -> Piece<'a> {
        Piece { unit, code, tables }
    }

    /// Code that was just compiled. `func_of` knows the number of a defined function by the one that it
    /// was compiled for.
    pub fn of_compiled(compiled: Compiled, func_of: impl Fn(u32) -> Option<u32>) -> Piece<'a> {
        let tables = compiled.tables(func_of);
        Piece::new(compiled.unit, compiled.code.into(), tables)
    }

    /// Bytes of machine code.
    pub fn code_bytes(&self) -> usize {
        self.code.len()
    }
}

/// Makes an image of pieces. Those that cannot be moved are left out, and those that call what is left
/// out. Where a unit is there twice, the later one counts. `None` where it is too much for one image.
pub fn link<'a>(pieces: impl IntoIterator<Item = Piece<'a>>) -> Option<Vec<u8>> {
    let pieces = pieces.into_iter().map(|piece| (piece.unit, piece));
    let mut pieces: BTreeMap<Unit, Piece<'_>> = pieces.collect();
    pieces.retain(|_, piece| piece.tables.is_movable());
    loop {
        let is_there = |(_, func)| pieces.contains_key(&Unit::Func { func });
        let units = pieces.values();
        let lost: Vec<Unit> = units
            .filter(|piece| !piece.tables.calls().all(is_there))
            .map(|piece| piece.unit)
            .collect();
        if lost.is_empty() {
            break;
        }
        pieces.retain(|unit, _| !lost.contains(unit));
    }
    let (starts, code) = place(&pieces)?;
    write(&pieces, &starts, &code)
}

/// Lays out the code; returns where each unit starts, and the bytes.
fn place(pieces: &BTreeMap<Unit, Piece<'_>>) -> Option<(BTreeMap<Unit, usize>, Vec<u8>)> {
    let mut starts = BTreeMap::new();
    let mut code: Vec<u8> = Vec::new();
    for (&unit, piece) in pieces {
        let alignment = (piece.tables.alignment() as usize).max(ALIGNMENT_MIN);
        // At least a byte between two units: where a call is the last instruction, the address behind
        // it must not be one of the next unit.
        let start = (code.len() + 1).next_multiple_of(alignment);
        code.resize(start, FILL);
        code.extend_from_slice(&piece.code);
        starts.insert(unit, start);
    }
    code.push(FILL);
    for (unit, piece) in pieces {
        for (offset, func) in piece.tables.calls() {
            let at = starts[unit] + offset as usize;
            let callee = *starts.get(&Unit::Func { func })?;
            let distance = i64::try_from(callee).ok()? - i64::try_from(at + DISTANCE_BYTES).ok()?;
            let distance = i32::try_from(distance).ok()?;
            let field = code.get_mut(at..at + DISTANCE_BYTES)?;
            field.copy_from_slice(&distance.to_le_bytes());
        }
    }
    Some((starts, code))
}

fn write(
    pieces: &BTreeMap<Unit, Piece<'_>>,
    starts: &BTreeMap<Unit, usize>,
    code: &[u8],
) -> Option<Vec<u8>> {
    let mut rows: Vec<u32> = Vec::new();
    let mut tables: Vec<u8> = Vec::new();
    let tables_at = 4 * (HEADER + ROW * pieces.len());
    for (unit, piece) in pieces {
        rows.extend(numbers_of(*unit));
        let len = piece.code.len();
        for number in [starts[unit], len, tables_at + tables.len()] {
            rows.push(u32::try_from(number).ok()?);
        }
        tables.extend(piece.tables.as_bytes());
    }
    let before = (tables_at + tables.len()).next_multiple_of(IMAGE_ALIGNMENT);
    let is_func = |unit: &&Unit| matches!(unit, Unit::Func { .. });
    let funcs = pieces.keys().filter(is_func).count();
    let header = [pieces.len(), before, code.len(), funcs];
    let mut image = Vec::with_capacity(before + code.len());
    for number in header {
        image.extend(u32::try_from(number).ok()?.to_le_bytes());
    }
    image.extend(rows.into_iter().flat_map(u32::to_le_bytes));
    image.extend(tables);
    image.resize(before, 0);
    image.extend(code);
    Some(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(func: u32, code: &[u8], calls: Option<Vec<(u32, u32)>>) -> Piece<'static> {
        let tables = Tables::new(1, Default::default(), calls);
        Piece::new(Unit::Func { func }, code.to_vec().into(), tables)
    }

    #[test]
    fn calls_find_their_callees() {
        let pieces = [
            piece(1, &[0xe8, 9, 9, 9, 9], Some(vec![(1, 0)])),
            piece(
                0,
                &[0xe8, 9, 9, 9, 9, 0xe8, 0, 0, 0, 0],
                Some(vec![(1, 1), (6, 0)]),
            ),
        ];
        let image = link(pieces).unwrap();
        let code = &image[IMAGE_ALIGNMENT..];
        let distance = |at: usize| i32::from_le_bytes(code[at..at + 4].try_into().unwrap());
        // Function 0 is at 16, function 1 at 32.
        assert_eq!([distance(17), distance(22)], [32 - 21, 16 - 26]);
        assert_eq!(distance(33), 16 - 37);
        assert_eq!(code[15], FILL);
    }

    #[test]
    fn what_cannot_be_moved_is_left_out_with_its_callers() {
        let pieces = || {
            [
                piece(0, &[1], Some(vec![])),
                piece(1, &[0xe8, 0, 0, 0, 0], Some(vec![(1, 2)])),
                piece(2, &[0xe8, 0, 0, 0, 0], Some(vec![(1, 3)])),
                piece(3, &[2], None),
            ]
        };
        let image = link(pieces()).unwrap();
        assert_eq!(image[..4], [1, 0, 0, 0]);
        let nothing = link(pieces().into_iter().skip(1)).unwrap();
        assert_eq!(nothing[..4], [0; 4]);
    }
}
