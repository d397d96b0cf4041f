//! Machine code for people to read: the bytes of a unit, and what each part of them belongs to.

use dotvm_isa::TrapCode;

use crate::compile::Compiled;
use crate::tables::{NO_PLACE, Table};

/// Frames of an instruction, innermost first: the function by its number among the defined ones (`None` for that
/// of the unit), and the offset in its body. The others are calls at which something is inlined.
pub type Frames = Vec<(Option<u32>, u32)>;

/// Machine code of a unit, to be shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    /// The code. Distances in calls mean nothing.
    pub code: Vec<u8>,
    /// Offsets in it where what belongs to another instruction starts, ascending. Code without frames belongs to
    /// no instruction.
    pub starts: Vec<(u32, Frames)>,
    /// Direct calls: the offset of the distance in the instruction, and the callee's number among the defined
    /// functions.
    pub calls: Vec<(u32, u32)>,
    /// What instructions that trap mean, by their offset, ascending.
    pub traps: Vec<(u32, TrapCode)>,
}

impl Compiled {
    /// The code and what it belongs to. `func_of` knows the defined functions by the numbers that they were
    /// compiled for.
    pub fn listing(&self, func_of: impl Fn(u32) -> Option<u32>) -> Listing {
        let tables = self.tables(func_of);
        let starts = (0..tables.len(Table::Starts)).map(|at| {
            let (offset, place) = tables.row(Table::Starts, at);
            let frames = match place {
                NO_PLACE => Frames::new(),
                _ => tables.frames_of(place).collect(),
            };
            (offset, frames)
        });
        Listing {
            starts: starts.collect(),
            calls: tables.calls().collect(),
            traps: self.traps.clone(),
            code: self.code.clone(),
        }
    }
}
