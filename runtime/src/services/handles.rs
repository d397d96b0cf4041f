//! Handles: numbers by which a program names what services keep for it.

use dotvm_isa::TrapCode;

/// The most handles of a store at a time.
pub(crate) const HANDLES_MAX: usize = 0xffff;

/// Bits of a handle that say which entry it is, counted from 1. The others tell apart what the entry held before.
const ENTRY_BITS: u32 = 16;

/// Generations of an entry: handles are positive as signed numbers.
const GENERATIONS: u32 = 1 << 15;

/// Things by their handles. What handles are given depends on the sequence of calls only.
#[derive(Debug)]
pub(crate) struct Handles<T> {
    entries: Vec<Entry<T>>,
    /// Entries without a thing; the one that was ended first is used next.
    free: std::collections::VecDeque<u16>,
    bytes: u64,
    /// The most that `bytes` has been.
    peak_bytes: u64,
}

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    /// The thing, and bytes that it takes.
    thing: Option<(T, u64)>,
}

impl<T> Default for Handles<T> {
    fn default() -> Handles<T> {
        Handles {
            entries: Vec::new(),
            free: std::collections::VecDeque::new(),
            bytes: 0,
            peak_bytes: 0,
        }
    }
}

impl<T> Handles<T> {
    /// Bytes of all things.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The most bytes that all things have had.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.peak_bytes
    }

    /// The number of all things.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Keeps a thing of that many bytes; returns its handle.
    ///
    /// # Errors
    /// Where there are as many as there may be.
    pub(crate) fn insert(&mut self, thing: T, bytes: u64) -> Result<u32, TrapCode> {
        // Entries are used again only after a while, so that a handle that was ended is seen to be.
        const KEPT_FREE: usize = 64;
        let reused = match self.entries.len() < HANDLES_MAX && self.free.len() < KEPT_FREE {
            true => None,
            false => self.free.pop_front(),
        };
        let index = match reused {
            Some(index) => usize::from(index),
            None if self.entries.len() == HANDLES_MAX => return Err(TrapCode::HandleLimit),
            None => {
                self.entries.push(Entry {
                    generation: 0,
                    thing: None,
                });
                self.entries.len() - 1
            }
        };
        let entry = &mut self.entries[index];
        entry.thing = Some((thing, bytes));
        self.bytes += bytes;
        self.peak_bytes = self.peak_bytes.max(self.bytes);
        Ok(entry.generation << ENTRY_BITS | (index as u32 + 1))
    }

    fn index(&self, handle: u32) -> Result<usize, TrapCode> {
        let index = (handle & ((1 << ENTRY_BITS) - 1)).checked_sub(1);
        let index = index.ok_or(TrapCode::InvalidHandle)? as usize;
        match self.entries.get(index) {
            Some(entry) if entry.generation == handle >> ENTRY_BITS => Ok(index),
            _ => Err(TrapCode::InvalidHandle),
        }
    }

    /// The thing of a handle.
    ///
    /// # Errors
    /// Where it names nothing.
    pub(crate) fn get(&self, handle: u32) -> Result<&T, TrapCode> {
        let thing = self.entries[self.index(handle)?].thing.as_ref();
        thing.map(|(thing, _)| thing).ok_or(TrapCode::InvalidHandle)
    }

    /// The thing of a handle, to be changed.
    ///
    /// # Errors
    /// Where it names nothing.
    pub(crate) fn get_mut(&mut self, handle: u32) -> Result<&mut T, TrapCode> {
        let index = self.index(handle)?;
        let thing = self.entries[index].thing.as_mut();
        thing.map(|(thing, _)| thing).ok_or(TrapCode::InvalidHandle)
    }

    /// Says how many bytes the thing of a handle takes now; returns how many it took before.
    ///
    /// # Errors
    /// Where it names nothing.
    pub(crate) fn set_bytes(&mut self, handle: u32, bytes: u64) -> Result<u64, TrapCode> {
        let index = self.index(handle)?;
        let thing = self.entries[index].thing.as_mut();
        let (_, known) = thing.ok_or(TrapCode::InvalidHandle)?;
        let before = std::mem::replace(known, bytes);
        self.bytes = self.bytes - before + bytes;
        self.peak_bytes = self.peak_bytes.max(self.bytes);
        Ok(before)
    }

    /// Ends a handle; returns its thing.
    ///
    /// # Errors
    /// Where it names nothing.
    pub(crate) fn remove(&mut self, handle: u32) -> Result<T, TrapCode> {
        let index = self.index(handle)?;
        let entry = &mut self.entries[index];
        let (thing, bytes) = entry.thing.take().ok_or(TrapCode::InvalidHandle)?;
        entry.generation = (entry.generation + 1) % GENERATIONS;
        self.bytes -= bytes;
        self.free.push_back(index as u16);
        Ok(thing)
    }
}

#[cfg(test)]
mod tests {
    use dotvm_isa::TrapCode;

    use super::{HANDLES_MAX, Handles};

    #[test]
    fn handles_end_and_are_not_given_again() {
        let mut handles = Handles::default();
        let mut ended = Vec::new();
        for i in 0..1_000u64 {
            let handle = handles.insert(i, i).unwrap();
            assert!(handle > 0 && handle.cast_signed() > 0);
            assert_eq!(handles.get_mut(handle).copied(), Ok(i));
            assert_eq!(handles.bytes(), i);
            assert_eq!(handles.remove(handle), Ok(i));
            ended.push(handle);
        }
        assert!(handles.entries.len() <= 65);
        for &handle in ended.iter().chain(&[0, u32::MAX, 65, 66]) {
            assert_eq!(handles.get_mut(handle), Err(TrapCode::InvalidHandle));
            assert_eq!(handles.remove(handle), Err(TrapCode::InvalidHandle));
        }
        assert_eq!((handles.len(), handles.bytes()), (0, 0));
    }

    #[test]
    fn there_is_a_limit_and_whatever_was_ended_makes_room() {
        let mut handles = Handles::default();
        let all: Vec<u32> = (0..HANDLES_MAX)
            .map(|i| handles.insert(i, 1).unwrap())
            .collect();
        assert_eq!(handles.insert(0, 1), Err(TrapCode::HandleLimit));
        for (i, &handle) in all.iter().enumerate() {
            assert_eq!(handles.get_mut(handle).copied(), Ok(i));
        }
        handles.remove(all[7]).unwrap();
        let again = handles.insert(1, 1).unwrap();
        assert!(again != all[7]);
        assert_eq!(handles.insert(0, 1), Err(TrapCode::HandleLimit));
        assert_eq!(handles.bytes(), HANDLES_MAX as u64);
    }
}
