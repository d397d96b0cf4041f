//! Where managed objects are: chunks divided into lines, and large objects by themselves.
//!
//! A chunk is [`CHUNK_BYTES`] long and starts at a multiple of that. A byte for each of its lines of
//! [`LINE_BYTES`] says whether something is there. What makes objects gets *holes*, runs of free lines, and
//! fills them from their start; what is never given out again until the next collection is which part of a
//! hole was used. A collection marks the lines of all objects that are left, and frees all others: it looks
//! at no object that is gone, and moves none. The idea is that of S. Blackburn and K. McKinley, *Immix: a
//! mark-region garbage collector* (PLDI 2008), without its copying.

use std::alloc::{Layout, alloc, dealloc};
use std::ptr::NonNull;

use dotvm_isa::objects::FIRST_ADDRESS;

/// Bytes of a chunk, and what it is aligned to.
pub(super) const CHUNK_BYTES: usize = 256 << 10;

/// Bytes of a line.
pub(super) const LINE_BYTES: usize = 128;

const LINES: usize = CHUNK_BYTES / LINE_BYTES;

/// Lines that are taken by what is said of all lines.
const HEADER_LINES: usize = LINES / LINE_BYTES;

/// Objects of more bytes are large.
pub(super) const LARGE_BYTES: usize = 8 << 10;

/// The longest hole that is given out at once.
const MAX_HOLE_LINES: usize = 256;

/// What is said of a line: nothing is there.
const FREE: u8 = 0;

/// It was given out since the last collection.
const TAKEN: u8 = 0xff;

/// Part of a chunk that objects can be put into.
pub(super) type Hole = (*mut u8, *mut u8);

/// All memory of objects.
#[derive(Debug, Default)]
pub(super) struct Space {
    chunks: Vec<NonNull<u8>>,
    /// Chunk and line from which on holes are looked for.
    cursor: (usize, usize),
    /// The same for long holes.
    long_cursor: (usize, usize),
    large: Vec<Large>,
    /// Bytes of large objects.
    large_bytes: usize,
    /// Bytes given out since the last collection.
    pub(super) young_bytes: usize,
}

#[derive(Debug)]
struct Large {
    at: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the memory belongs to the space alone.
unsafe impl Send for Space {}
// SAFETY: `&Space` reads nothing but numbers.
unsafe impl Sync for Space {}

fn chunk_layout() -> Layout {
    Layout::from_size_align(CHUNK_BYTES, CHUNK_BYTES).expect("a power of two")
}

fn large_layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes, 16).ok()
}

/// Whether the addresses of an allocation are what those of objects must be; it is given back if not.
///
/// # Safety
/// `at` was allocated with that layout, and is not used if this says no.
unsafe fn is_usable(at: NonNull<u8>, layout: Layout) -> bool {
    let usable = at.addr().get() as u64 >= FIRST_ADDRESS;
    if !usable {
        // SAFETY: the caller's promise.
        unsafe { dealloc(at.as_ptr(), layout) };
    }
    usable
}

impl Space {
    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.chunks.len() * CHUNK_BYTES + self.large_bytes
    }

    /// The next hole of some lines, at least one.
    pub(super) fn next_hole(&mut self) -> Option<Hole> {
        let mut cursor = self.cursor;
        let hole = self.find_hole(&mut cursor, 1);
        self.cursor = cursor;
        hole
    }

    /// A hole of at least so many bytes, which are not more than [`LARGE_BYTES`].
    pub(super) fn long_hole(&mut self, bytes: usize) -> Option<Hole> {
        let mut cursor = self.long_cursor;
        let hole = self.find_hole(&mut cursor, bytes.div_ceil(LINE_BYTES));
        self.long_cursor = cursor;
        hole
    }

    fn find_hole(&mut self, cursor: &mut (usize, usize), lines_min: usize) -> Option<Hole> {
        while let Some(&chunk) = self.chunks.get(cursor.0) {
            // SAFETY: the chunk is this space's, and its first lines are the bytes about its lines.
            let lines = unsafe { std::slice::from_raw_parts_mut(chunk.as_ptr(), LINES) };
            let mut at = cursor.1.max(HEADER_LINES);
            while let Some(first) = lines[at..].iter().position(|&line| line == FREE) {
                let start = at + first;
                let most = (start + MAX_HOLE_LINES).min(LINES);
                let run = lines[start..most].iter().position(|&line| line != FREE);
                let end = run.map_or(most, |len| start + len);
                at = end;
                if end - start >= lines_min {
                    lines[start..end].fill(TAKEN);
                    cursor.1 = end;
                    self.young_bytes += (end - start) * LINE_BYTES;
                    let place = |line: usize| chunk.as_ptr().wrapping_add(line * LINE_BYTES);
                    return Some((place(start), place(end)));
                }
            }
            *cursor = (cursor.0 + 1, 0);
        }
        None
    }

    /// Adds a chunk without objects.
    ///
    /// Returns whether there was memory for it.
    pub(super) fn add_chunk(&mut self) -> bool {
        // SAFETY: the layout has a size. The bytes about the lines are written before anybody reads them.
        unsafe {
            let Some(chunk) = NonNull::new(alloc(chunk_layout())) else {
                return false;
            };
            if !is_usable(chunk, chunk_layout()) {
                return false;
            }
            chunk.as_ptr().write_bytes(FREE, LINES);
            self.chunks.push(chunk);
        }
        true
    }

    /// Memory for a large object, which is not initialized.
    pub(super) fn new_large(&mut self, bytes: usize) -> Option<NonNull<u8>> {
        let layout = large_layout(bytes)?;
        // SAFETY: the layout has a size, that of a large object.
        let at = unsafe {
            let at = NonNull::new(alloc(layout))?;
            is_usable(at, layout).then_some(at)?
        };
        self.large.push(Large { at, bytes });
        self.large_bytes += bytes;
        self.young_bytes += bytes;
        Some(at)
    }

    /// Marks the lines of an object that is not large.
    ///
    /// # Safety
    /// The object is in a chunk of a space, and so long.
    #[inline]
    pub(super) unsafe fn mark_lines(object: *mut u8, bytes: usize, epoch: u8) {
        let in_chunk = object.addr() & (CHUNK_BYTES - 1);
        let chunk = object.wrapping_sub(in_chunk);
        let (first, last) = (in_chunk / LINE_BYTES, (in_chunk + bytes - 1) / LINE_BYTES);
        for line in first..=last {
            // SAFETY: the caller's promise: these lines have bytes at the chunk's start.
            unsafe { chunk.add(line).write(epoch) };
        }
    }

    /// Frees all lines that are not marked with `epoch`, and those large objects that `is_marked` does not
    /// know; gives back chunks without objects, but for so many. Returns the bytes that are left.
    pub(super) fn sweep(
        &mut self,
        epoch: u8,
        chunks_kept: usize,
        is_marked: impl Fn(NonNull<u8>) -> bool,
    ) -> usize {
        let mut left = 0;
        let mut empty = 0;
        self.chunks.retain(|chunk| {
            // SAFETY: as for `find_hole`.
            let lines = unsafe { std::slice::from_raw_parts_mut(chunk.as_ptr(), LINES) };
            let mut marked = 0;
            for line in &mut lines[HEADER_LINES..] {
                let is_left = *line == epoch;
                *line = if is_left { epoch } else { FREE };
                marked += usize::from(is_left);
            }
            left += marked * LINE_BYTES;
            empty += usize::from(marked == 0);
            let keep = marked > 0 || empty <= chunks_kept;
            if !keep {
                // SAFETY: nothing is in it, and nobody finds it from now on.
                unsafe { dealloc(chunk.as_ptr(), chunk_layout()) };
            }
            keep
        });
        let mut freed = 0;
        self.large.retain(|large| {
            let keep = is_marked(large.at);
            if !keep {
                freed += large.bytes;
                free_large(large);
            }
            keep
        });
        self.large_bytes -= freed;
        self.cursor = (0, 0);
        self.long_cursor = (0, 0);
        self.young_bytes = 0;
        left + self.large_bytes
    }
}

fn free_large(large: &Large) {
    let layout = large_layout(large.bytes).expect("it was made with that layout");
    // SAFETY: it was allocated so, and nobody finds it from now on.
    unsafe { dealloc(large.at.as_ptr(), layout) };
}

impl Drop for Space {
    fn drop(&mut self) {
        for chunk in &self.chunks {
            // SAFETY: the space goes, and with it all objects.
            unsafe { dealloc(chunk.as_ptr(), chunk_layout()) };
        }
        self.large.iter().for_each(free_large);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_what_is_not_marked() {
        let mut space = Space::default();
        assert!(space.next_hole().is_none() && space.add_chunk());
        let (start, end) = space.next_hole().unwrap();
        assert_eq!(end.addr() - start.addr(), MAX_HOLE_LINES * LINE_BYTES);
        let mut total = end.addr() - start.addr();
        while let Some((start, end)) = space.next_hole() {
            total += end.addr() - start.addr();
        }
        assert_eq!(total, (LINES - HEADER_LINES) * LINE_BYTES);
        assert!(space.long_hole(1).is_none());
        // Objects over the first line's end, and in the fifth.
        // SAFETY: both are in the first hole.
        unsafe {
            Space::mark_lines(start.add(LINE_BYTES - 8), 16, 1);
            Space::mark_lines(start.add(5 * LINE_BYTES), 24, 1);
        }
        let left = space.sweep(1, 0, |_| true);
        assert_eq!(left, 3 * LINE_BYTES);
        let hole = space.next_hole().map(|(a, b)| (a.addr(), b.addr()));
        let line = |at: usize| start.addr() + at * LINE_BYTES;
        assert_eq!(hole, Some((line(2), line(5))));
        let long = space.long_hole(4 * LINE_BYTES).map(|(a, _)| a.addr());
        assert_eq!(long, Some(line(6)));
        // Nothing is left, and the chunk goes.
        assert_eq!(space.sweep(2, 0, |_| true), 0);
        assert_eq!(space.bytes(), 0);
    }

    #[test]
    fn large_objects_go_one_by_one() {
        let mut space = Space::default();
        let all = [10_000, 20_000].map(|bytes| space.new_large(bytes).unwrap());
        assert_eq!(space.sweep(1, 0, |it| it == all[1]), 20_000);
        assert_eq!((space.bytes(), space.young_bytes), (20_000, 0));
    }
}
