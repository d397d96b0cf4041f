//! Line programs.

use dotvm_isa::debug::Location;
use gimli::ColumnType;

use super::{Reader, Row};

impl Reader<'_, '_> {
    /// Runs a unit's line program and keeps what is about functions that are there.
    pub(super) fn lines(&mut self, unit: usize) -> Result<(), gimli::Error> {
        let Some(program) = self.units[unit].unit.line_program.clone() else {
            return Ok(());
        };
        let mut rows = program.rows();
        // The function that the present sequence is about; `None` for one that is not there.
        let mut sequence: Option<Option<usize>> = None;
        while let Some((_, row)) = rows.next_row()? {
            // What was thrown away begins at an impossible address. Its other addresses may look
            // like those of other functions.
            let func = *sequence.get_or_insert_with(|| self.code.func_at(row.address()));
            let ends = row.end_sequence();
            if ends {
                sequence = None;
            }
            let (Some(func), false) = (func, ends) else {
                continue;
            };
            // One sequence may have several functions. Instructions without a line are spills and
            // the like: they go with what is before them.
            let Some(func) = self.code.func_at(row.address()).filter(|&at| at >= func) else {
                continue;
            };
            let file = self.units[unit].files.get(row.file_index() as usize);
            let (Some(&Some(file)), Some(line)) = (file, row.line()) else {
                continue;
            };
            let column = match row.column() {
                ColumnType::LeftEdge => 0,
                ColumnType::Column(column) => u32::try_from(column.get()).unwrap_or(0),
            };
            let ends_prologue = row.prologue_end();
            let row = Row {
                at: row.address() as u32,
                location: Location {
                    file,
                    line: u32::try_from(line.get()).unwrap_or(0),
                    column,
                },
                is_stmt: row.is_stmt(),
            };
            let rows = &mut self.funcs.entry(func).or_default().rows;
            if ends_prologue {
                // Before that, parameters are not yet where they are said to be: nothing stops there.
                rows.iter_mut().for_each(|row| row.is_stmt = false);
            }
            rows.push(row);
        }
        Ok(())
    }
}
