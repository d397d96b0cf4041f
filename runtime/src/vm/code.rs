//! Code memory: where the threaded code of a module's functions is kept.

use std::alloc::{Layout, handle_alloc_error};
use std::ptr::NonNull;

use dotvm_interp::CodeMemory;

use super::mapping::{Reservation, round_up};

/// Bytes of the first block, enough for a small program.
const FIRST_BLOCK_BYTES: usize = 64 << 10;

/// Bytes of the largest block that is not for one function alone.
const LAST_BLOCK_BYTES: usize = 512 << 10;

/// Blocks that are filled from their start, each twice as large as the one before. They are
/// populated at once: lowering writes page after page, and faults one by one would be a good part
/// of what it costs.
#[derive(Debug, Default)]
pub(crate) struct CodeBlocks {
    /// All blocks; they go when the module does.
    blocks: Vec<Reservation>,
    /// Words used of the last block.
    used: usize,
    /// Words of the last block.
    len: usize,
}

// SAFETY: what was kept stays where it is until this is dropped, and is not written again.
unsafe impl CodeMemory for CodeBlocks {
    fn keep(&mut self, words: &[u64]) -> NonNull<[u64]> {
        if words.len() > self.len - self.used {
            self.add_block(words.len());
        }
        let block = self
            .blocks
            .last()
            .expect("there is a block now")
            .base()
            .cast::<u64>();
        // SAFETY: that many words are left in the block from `used` on, and nobody has them.
        let place = unsafe {
            let place = NonNull::new_unchecked(block.add(self.used));
            place.copy_from_nonoverlapping(NonNull::from(words).cast(), words.len());
            place
        };
        self.used += words.len();
        NonNull::slice_from_raw_parts(place, words.len())
    }
}

impl CodeBlocks {
    /// Adds a block for at least so many words.
    fn add_block(&mut self, words: usize) {
        let usual = (self.len * size_of::<u64>() * 2).clamp(FIRST_BLOCK_BYTES, LAST_BLOCK_BYTES);
        let bytes = round_up(words * size_of::<u64>()).map_or(usize::MAX, |bytes| bytes.max(usual));
        let block = Reservation::populated(bytes).unwrap_or_else(|_| {
            // As where any other allocation of ours fails.
            handle_alloc_error(Layout::new::<u64>())
        });
        self.blocks.push(block);
        (self.used, self.len) = (0, bytes / size_of::<u64>());
    }
}
