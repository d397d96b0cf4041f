//! Where blocks of heaps were allocated and freed, for whoever asks to know:
//! [`Store::track_allocations`](crate::Store::track_allocations).

#![forbid(unsafe_code)]

use std::collections::{HashMap, VecDeque};

use crate::backtrace::Backtrace;

/// Blocks that were freed are remembered, so many of the last ones.
const FREED_MAX: usize = 1 << 12;

/// A block: the number of its memory and its address.
type Block = (u32, u32);

/// The places of a store's blocks.
#[derive(Debug, Default)]
pub(crate) struct AllocPlaces {
    live: HashMap<Block, Backtrace>,
    /// Where they were allocated, and where freed.
    freed: HashMap<Block, [Backtrace; 2]>,
    /// In what order they were freed; some were allocated again since.
    order: VecDeque<Block>,
}

impl AllocPlaces {
    /// A block was allocated.
    pub(crate) fn allocated(&mut self, block: Block, at: Backtrace) {
        self.freed.remove(&block);
        self.live.insert(block, at);
    }

    /// A block was freed. One that was allocated before anybody asked is not known.
    pub(crate) fn freed(&mut self, block: Block, at: Backtrace) {
        let Some(allocated) = self.live.remove(&block) else {
            return;
        };
        self.freed.insert(block, [allocated, at]);
        self.order.push_back(block);
        if self.order.len() > FREED_MAX
            && let Some(oldest) = self.order.pop_front()
            && !self.order.contains(&oldest)
        {
            self.freed.remove(&oldest);
        }
    }

    /// Where a block in use was allocated.
    pub(crate) fn of(&self, block: Block) -> Option<&Backtrace> {
        self.live.get(&block)
    }

    /// What is known of an address that no block in use has, for people.
    pub(crate) fn describe(&self, block: Block) -> String {
        let (_, address) = block;
        match self.freed.get(&block) {
            Some([allocated, freed]) => {
                format!("{address:#010x}, allocated{allocated}\nand freed{freed}\nis freed again")
            }
            None => format!("{address:#010x} is no block"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AllocPlaces, FREED_MAX};
    use crate::backtrace::Backtrace;

    #[test]
    fn only_the_last_freed_blocks_are_remembered() {
        let mut places = AllocPlaces::default();
        let blocks = FREED_MAX as u32 + 10;
        for address in 0..blocks {
            places.allocated((0, address), Backtrace::default());
            assert!(places.of((0, address)).is_some());
            assert!(places.of((1, address)).is_none());
            places.freed((0, address), Backtrace::default());
            assert!(places.of((0, address)).is_none());
        }
        assert_eq!(places.freed.len(), FREED_MAX);
        assert!(places.describe((0, 9)).ends_with("is no block"));
        assert!(places.describe((0, 10)).ends_with("is freed again"));
        // What is allocated again has not been freed.
        places.allocated((0, 10), Backtrace::default());
        assert!(places.describe((0, 10)).ends_with("is no block"));
    }
}
