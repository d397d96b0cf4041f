//! Accesses of linear memory, and which of them a fault belongs to.
//!
//! Cranelift may fold a load into the instruction that uses what was loaded, or a load and a store at
//! the same address into one instruction. The machine instruction then belongs to the user, or to
//! nothing where the optimizer made the user, and so would a trap. Therefore every access has a trap
//! code that tells it from the accesses around it, and these are translated back when the code is
//! there.

use std::collections::HashMap;
use std::num::NonZeroU8;

use cranelift_codegen::ir::{TrapCode, Value};

/// The first trap code of accesses; those below are our own.
const FIRST_CODE: u8 = 32;

/// How many of these codes there are.
const CODES: usize = 160;

/// The accesses of a unit, in the order in which they were first lowered.
#[derive(Debug, Default)]
pub(crate) struct Accesses {
    /// The place of each.
    places: Vec<u32>,
    /// The number of the access at each place.
    numbers: HashMap<u32, usize>,
    /// How many there were when lowering first came to each place.
    before: HashMap<u32, usize>,
    /// The load that was the last access, if it was one: where it reads, how many bytes, and its
    /// number.
    last_load: Option<(Location, usize)>,
}

/// Bytes of a program's memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Location {
    /// The memory's index.
    pub(crate) memory: u16,
    /// What the program computed.
    pub(crate) address: Value,
    /// What the instruction adds.
    pub(crate) offset: u64,
    /// How many bytes.
    pub(crate) bytes: u32,
}

impl Accesses {
    /// Lowering comes to a place.
    pub(crate) fn enter(&mut self, place: u32) {
        self.before.entry(place).or_insert(self.places.len());
    }

    /// The trap code of a load there.
    pub(crate) fn load(&mut self, place: u32, location: Location) -> TrapCode {
        let number = self.add(place);
        self.last_load = Some((location, number));
        code(number)
    }

    /// The trap code of a store there. One right behind a load of the same bytes cannot trap, unless
    /// both become one instruction, which must have the same code for that; then it is the load that
    /// traps.
    pub(crate) fn store(&mut self, place: u32, location: Location) -> TrapCode {
        match self.last_load.take() {
            Some((loaded, number)) if loaded == location => code(number),
            _ => code(self.add(place)),
        }
    }

    /// Code that is lowered twice has the same numbers both times.
    fn add(&mut self, place: u32) -> usize {
        let places = &mut self.places;
        *self.numbers.entry(place).or_insert_with(|| {
            places.push(place);
            places.len() - 1
        })
    }

    /// The place of the access that a trap belongs to, from its code and the place of the machine
    /// instruction that traps, or one near it. Nothing, where the code is not one of an access.
    pub(crate) fn place(&self, code: NonZeroU8, user: Option<u32>) -> Option<u32> {
        let index = usize::from(code.get().checked_sub(FIRST_CODE)?);
        if index >= CODES {
            return None;
        }
        // The access itself is lowered at its place, or before what uses it.
        let around = user.and_then(|user| self.before.get(&user)).copied();
        let around = around.unwrap_or(self.places.len());
        let candidates = (index..self.places.len()).step_by(CODES);
        let before = candidates.clone().take_while(|&number| number <= around);
        let number = before.last().or_else(|| candidates.clone().next())?;
        Some(self.places[number])
    }
}

fn code(number: usize) -> TrapCode {
    TrapCode::unwrap_user(FIRST_CODE + (number % CODES) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: u32) -> Location {
        Location {
            memory: 0,
            address: Value::from_u32(address),
            offset: 8,
            bytes: 4,
        }
    }

    #[test]
    fn codes_lead_back_to_the_access() {
        let mut accesses = Accesses::default();
        let codes: Vec<TrapCode> = (0..1000)
            .map(|i| {
                accesses.enter(i * 10);
                let code = accesses.load(i * 10, at(i));
                accesses.enter(i * 10 + 5);
                code
            })
            .collect();
        for (i, code) in (0..).zip(codes) {
            for user in [i * 10, i * 10 + 5] {
                assert_eq!(accesses.place(code.as_raw(), Some(user)), Some(i * 10));
            }
        }
        let ours = TrapCode::unwrap_user(1).as_raw();
        assert_eq!(accesses.place(ours, Some(0)), None);
    }

    #[test]
    fn a_store_shares_the_code_of_the_load_before_it() {
        let mut accesses = Accesses::default();
        let load = accesses.load(1, at(7));
        assert_eq!(accesses.store(3, at(7)), load);
        assert_ne!(accesses.store(5, at(7)), load);
        let load = accesses.load(6, at(7));
        assert_ne!(accesses.store(8, at(9)), load);
        assert_eq!(accesses.place(load.as_raw(), Some(8)), Some(6));
    }
}
