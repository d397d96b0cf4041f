//! The books of `alloc` and `free`: which bytes of a linear memory are in use.
//!
//! The books are outside the memory, so a program that overwrites its own heap breaks its data but
//! not the allocator, and every address given to `free` can be checked.
//!
//! The heap owns *regions*, pages it had the memory grow by, cut into chunks of 16 KiB. A run of
//! chunks is one large block, or a chunk is a *slab* of equally large small blocks. Free runs are
//! given out best-fit and joined with their neighbours; slots of a slab last in, first out. What
//! happens depends on the sequence of calls only, never on the host.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a chunk.
pub(crate) const CHUNK_BYTES: u32 = 16 << 10;

/// Sizes of small blocks, multiples of the alignment (16): steps of an eighth to a fifth, ending in
/// sizes that fill a chunk.
const CLASSES: [u16; 28] = [
    16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024,
    1280, 1536, 2048, 2720, 3264, 4096, 5456, 8192,
];

/// What is known of the heap of a memory, or of all of a store's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HeapStats {
    /// Blocks that were allocated and not freed.
    pub live_blocks: u64,
    /// Bytes asked for in those blocks.
    pub live_bytes: u64,
    /// The largest `live_bytes` there has been. (Summed up over the memories of a store, the peaks
    /// need not have been at the same time.)
    pub peak_bytes: u64,
    /// Successful `alloc` instructions.
    pub allocations: u64,
    /// Successful `free` instructions.
    pub frees: u64,
    /// Bytes of linear memory that the heap manages.
    pub region_bytes: u64,
}

/// A block that was allocated and not freed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeapBlock {
    /// Address of its first byte.
    pub address: u32,
    /// Bytes asked for.
    pub bytes: u32,
}

/// The heap of one memory.
#[derive(Debug, Default)]
pub(crate) struct Heap {
    /// Number of the chunk that `chunks` starts with: that of the first region.
    first: u32,
    chunks: Vec<Chunk>,
    /// Free runs: first chunk and number of chunks.
    runs: BTreeMap<u32, u32>,
    /// The same by size: number of chunks and first chunk.
    runs_by_len: BTreeSet<(u32, u32)>,
    slabs: Vec<Slab>,
    /// Entries of `slabs` not in use.
    unused_slabs: Vec<u32>,
    /// Slabs with a free slot, by class.
    partial: Vec<Vec<u32>>,
    stats: HeapStats,
}

/// What a chunk is.
#[derive(Clone, Copy, Debug)]
enum Chunk {
    /// Not the heap's.
    Foreign,
    /// Part of a free run.
    Free,
    /// This entry of `slabs`.
    Slab(u32),
    /// The first one of a large block of that many bytes.
    Head(u32),
    /// Another one of a large block.
    Tail,
}

/// A chunk of small blocks.
#[derive(Debug)]
struct Slab {
    chunk: u32,
    class: usize,
    /// Bytes asked for plus 1 of each slot, 0 where it is free.
    sizes: Box<[u16]>,
    /// The free slots; the last one is used next.
    free: Vec<u16>,
    /// Where in its class's list of `partial` it is, when it has a free slot.
    partial_at: u32,
}

/// An address that is not that of a block in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NotAllocated;

impl Heap {
    /// Chunks that a block of that size may need.
    pub(crate) fn chunks_for(bytes: u32) -> u64 {
        u64::from(bytes.div_ceil(CHUNK_BYTES).max(1))
    }

    /// Bytes of all regions.
    pub(crate) fn region_bytes(&self) -> u64 {
        self.stats.region_bytes
    }

    /// What is known of it.
    pub(crate) fn stats(&self) -> HeapStats {
        self.stats
    }

    /// Takes over the bytes of memory from `start` to `end`, multiples of the chunk size behind all
    /// regions so far. Address 0 is never given out, so that programs may use it for "nothing".
    pub(crate) fn add_region(&mut self, start: u64, end: u64) {
        let chunk = |address: u64| (address / u64::from(CHUNK_BYTES)) as u32;
        let (start, end) = (chunk(start).max(1), chunk(end));
        if self.chunks.is_empty() {
            self.first = start;
            self.partial.resize_with(CLASSES.len(), Vec::new);
        }
        self.chunks
            .resize((start - self.first) as usize, Chunk::Foreign);
        self.chunks.resize((end - self.first) as usize, Chunk::Free);
        self.stats.region_bytes += u64::from(end - start) * u64::from(CHUNK_BYTES);
        self.give_run(start, end - start);
    }

    /// A block of `bytes` bytes, aligned to 16; `None` where no region has room.
    pub(crate) fn alloc(&mut self, bytes: u32) -> Option<u32> {
        let address = match class_of(bytes) {
            Some(class) => self.alloc_small(class, bytes as u16)?,
            None => {
                let chunks = bytes.div_ceil(CHUNK_BYTES);
                let start = self.take_run(chunks)?;
                let at = (start - self.first) as usize;
                self.chunks[at..at + chunks as usize].fill(Chunk::Tail);
                self.chunks[at] = Chunk::Head(bytes);
                start * CHUNK_BYTES
            }
        };
        let stats = &mut self.stats;
        stats.allocations += 1;
        stats.live_blocks += 1;
        stats.live_bytes += u64::from(bytes);
        stats.peak_bytes = stats.peak_bytes.max(stats.live_bytes);
        Some(address)
    }

    /// Frees the block at that address.
    ///
    /// # Errors
    /// Where no block in use starts there.
    pub(crate) fn free(&mut self, address: u32) -> Result<(), NotAllocated> {
        let chunk = address / CHUNK_BYTES;
        let offset = address % CHUNK_BYTES;
        let at = chunk.checked_sub(self.first).ok_or(NotAllocated)? as usize;
        let bytes = match self.chunks.get(at) {
            Some(&Chunk::Slab(slab)) => self.free_small(slab, offset)?,
            Some(&Chunk::Head(bytes)) if offset == 0 => {
                let chunks = bytes.div_ceil(CHUNK_BYTES);
                self.chunks[at..at + chunks as usize].fill(Chunk::Free);
                self.give_run(chunk, chunks);
                bytes
            }
            _ => return Err(NotAllocated),
        };
        self.stats.frees += 1;
        self.stats.live_blocks -= 1;
        self.stats.live_bytes -= u64::from(bytes);
        Ok(())
    }

    /// The blocks in use, by address.
    pub(crate) fn blocks(&self) -> Vec<HeapBlock> {
        let mut blocks = Vec::new();
        for (chunk, state) in (self.first..).zip(&self.chunks) {
            let base = chunk * CHUNK_BYTES;
            match *state {
                Chunk::Head(bytes) => blocks.push(HeapBlock {
                    address: base,
                    bytes,
                }),
                Chunk::Slab(slab) => {
                    let slab = &self.slabs[slab as usize];
                    let step = u32::from(CLASSES[slab.class]);
                    let used = (0..).zip(&slab.sizes).filter(|&(_, &size)| size != 0);
                    blocks.extend(used.map(|(slot, &size)| HeapBlock {
                        address: base + slot * step,
                        bytes: u32::from(size) - 1,
                    }));
                }
                Chunk::Foreign | Chunk::Free | Chunk::Tail => {}
            }
        }
        blocks
    }

    fn alloc_small(&mut self, class: usize, bytes: u16) -> Option<u32> {
        let index = match self.partial.get(class)?.last() {
            Some(&slab) => slab,
            None => self.new_slab(class)?,
        };
        let slab = &mut self.slabs[index as usize];
        let slot = slab.free.pop().expect("a partial slab has a free slot");
        slab.sizes[usize::from(slot)] = bytes + 1;
        let address = slab.chunk * CHUNK_BYTES + u32::from(slot) * u32::from(CLASSES[class]);
        if slab.free.is_empty() {
            self.partial[class].pop();
        }
        Some(address)
    }

    /// Makes a chunk a slab without blocks, the last one of its class's list.
    fn new_slab(&mut self, class: usize) -> Option<u32> {
        let chunk = self.take_run(1)?;
        let slots = (CHUNK_BYTES / u32::from(CLASSES[class])) as u16;
        let slab = Slab {
            chunk,
            class,
            sizes: vec![0; usize::from(slots)].into(),
            free: (0..slots).rev().collect(),
            partial_at: self.partial[class].len() as u32,
        };
        let index = match self.unused_slabs.pop() {
            Some(index) => {
                self.slabs[index as usize] = slab;
                index
            }
            None => {
                self.slabs.push(slab);
                self.slabs.len() as u32 - 1
            }
        };
        self.chunks[(chunk - self.first) as usize] = Chunk::Slab(index);
        self.partial[class].push(index);
        Some(index)
    }

    /// Frees the slot at that offset of a slab's chunk; returns the bytes that had been asked for.
    fn free_small(&mut self, index: u32, offset: u32) -> Result<u32, NotAllocated> {
        let slab = &mut self.slabs[index as usize];
        let step = u32::from(CLASSES[slab.class]);
        let slot = offset / step;
        let size = match slab.sizes.get_mut(slot as usize) {
            Some(size) if *size != 0 && offset.is_multiple_of(step) => std::mem::take(size),
            _ => return Err(NotAllocated),
        };
        let list = &mut self.partial[slab.class];
        if slab.free.is_empty() {
            slab.partial_at = list.len() as u32;
            list.push(index);
        }
        slab.free.push(slot as u16);
        // One slab without blocks is kept for the next block of its class.
        if slab.free.len() == slab.sizes.len() && list.len() > 1 {
            self.release_slab(index);
        }
        Ok(u32::from(size) - 1)
    }

    fn release_slab(&mut self, index: u32) {
        let Slab {
            chunk,
            class,
            partial_at,
            ..
        } = self.slabs[index as usize];
        let list = &mut self.partial[class];
        list.swap_remove(partial_at as usize);
        if let Some(&moved) = list.get(partial_at as usize) {
            self.slabs[moved as usize].partial_at = partial_at;
        }
        let slab = &mut self.slabs[index as usize];
        slab.sizes = Box::default();
        slab.free = Vec::new();
        self.unused_slabs.push(index);
        self.chunks[(chunk - self.first) as usize] = Chunk::Free;
        self.give_run(chunk, 1);
    }

    /// Takes so many chunks out of the shortest free run that is long enough.
    fn take_run(&mut self, chunks: u32) -> Option<u32> {
        let &(len, start) = self.runs_by_len.range((chunks, 0)..).next()?;
        self.runs_by_len.remove(&(len, start));
        self.runs.remove(&start);
        if len > chunks {
            self.runs.insert(start + chunks, len - chunks);
            self.runs_by_len.insert((len - chunks, start + chunks));
        }
        Some(start)
    }

    /// Adds a free run, joined with the free runs next to it.
    fn give_run(&mut self, mut start: u32, mut len: u32) {
        if let Some((&before, &before_len)) = self.runs.range(..start).next_back()
            && before + before_len == start
        {
            self.runs.remove(&before);
            self.runs_by_len.remove(&(before_len, before));
            (start, len) = (before, before_len + len);
        }
        if let Some(after_len) = self.runs.remove(&(start + len)) {
            self.runs_by_len.remove(&(after_len, start + len));
            len += after_len;
        }
        if len > 0 {
            self.runs.insert(start, len);
            self.runs_by_len.insert((len, start));
        }
    }
}

/// The class of a small block; `None` for large ones.
fn class_of(bytes: u32) -> Option<usize> {
    let class = CLASSES.partition_point(|&size| u32::from(size) < bytes);
    (class < CLASSES.len()).then_some(class)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{CHUNK_BYTES, CLASSES, Heap, HeapBlock, NotAllocated, class_of};

    fn heap(pages: u64) -> Heap {
        let mut heap = Heap::default();
        heap.add_region(1 << 16, (1 + pages) << 16);
        heap
    }

    #[test]
    fn classes_are_aligned_ascending_and_not_wasteful() {
        assert!(CLASSES.is_sorted_by(|a, b| a < b));
        assert!(CLASSES.iter().all(|class| class % 16 == 0));
        for bytes in 1..=8192u32 {
            let class = u32::from(CLASSES[class_of(bytes).unwrap()]);
            assert!(
                class >= bytes && (bytes <= 64 || class * 100 <= bytes * 151),
                "{bytes}"
            );
        }
        assert_eq!(class_of(8193), None);
    }

    #[test]
    fn foreign_and_freed_addresses_are_refused() {
        let mut heap = heap(2);
        let small = heap.alloc(100).unwrap();
        let large = heap.alloc(40_000).unwrap();
        for wrong in [
            0,
            16,
            small + 16,
            small + 112,
            large + CHUNK_BYTES,
            large + 1,
            u32::MAX,
        ] {
            assert_eq!(heap.free(wrong), Err(NotAllocated), "{wrong:#x}");
        }
        for block in [small, large] {
            assert_eq!(heap.free(block), Ok(()));
            assert_eq!(heap.free(block), Err(NotAllocated));
        }
        assert_eq!(heap.stats().live_blocks, 0);
    }

    #[test]
    fn freed_runs_are_joined() {
        let mut heap = heap(1);
        let blocks: Vec<u32> = (0..4).map(|_| heap.alloc(CHUNK_BYTES).unwrap()).collect();
        assert_eq!(heap.alloc(1), None);
        for i in [2, 0, 3, 1] {
            heap.free(blocks[i]).unwrap();
        }
        assert_eq!(heap.alloc(4 * CHUNK_BYTES), Some(1 << 16));
    }

    #[test]
    fn address_zero_is_not_given_out() {
        let mut heap = Heap::default();
        heap.add_region(0, 1 << 16);
        assert_eq!(heap.alloc(0), Some(CHUNK_BYTES));
        assert_eq!(
            heap.blocks(),
            [HeapBlock {
                address: CHUNK_BYTES,
                bytes: 0
            }]
        );
    }

    /// A long pseudo-random run against a model: blocks never overlap, are aligned, lie in the
    /// heap's regions, and the report of live blocks is exact.
    #[test]
    fn agrees_with_a_model() {
        let mut heap = heap(3);
        heap.add_region(9 << 16, 40 << 16);
        let mut model: BTreeMap<u32, u32> = BTreeMap::new();
        let mut seed = 1u64;
        let mut random = |below: u32| {
            seed = seed
                .wrapping_mul(0x5851_f42d_4c95_7f2d)
                .wrapping_add(0x14057b7ef767814f);
            ((seed >> 33) as u32) % below
        };
        for _ in 0..50_000 {
            if random(100) < 55 {
                let bytes = match random(10) {
                    0 => random(100_000),
                    1..3 => random(9_000),
                    _ => random(300),
                };
                let Some(address) = heap.alloc(bytes) else {
                    continue;
                };
                let end = address + bytes.max(1);
                assert_eq!(address % 16, 0);
                let inside = |from: u32, to: u32| address >= from << 16 && end <= to << 16;
                assert!(inside(1, 4) || inside(9, 40), "{address:#x}");
                let before = model.range(..end).next_back();
                assert!(before.is_none_or(|(&at, &len)| at + len.max(1) <= address));
                model.insert(address, bytes);
            } else if !model.is_empty() {
                let nth = random(model.len() as u32) as usize;
                let address = *model.keys().nth(nth).unwrap();
                model.remove(&address);
                heap.free(address).unwrap();
            }
        }
        let expected: Vec<HeapBlock> = model
            .iter()
            .map(|(&address, &bytes)| HeapBlock { address, bytes })
            .collect();
        assert_eq!(heap.blocks(), expected);
        assert_eq!(
            heap.stats().live_bytes,
            model.values().map(|&b| u64::from(b)).sum::<u64>()
        );
        for &address in model.keys() {
            heap.free(address).unwrap();
        }
        assert_eq!(heap.stats().live_bytes, 0);
        // Everything is given back but the one slab a class keeps.
        let slabs = heap.slabs.len() - heap.unused_slabs.len();
        let free: u32 = heap.runs.values().sum();
        assert!(slabs <= CLASSES.len());
        assert_eq!(free as usize + slabs, (3 + 31) * 4);
        assert!(heap.runs.len() <= slabs + 2, "neighbours are joined");
    }
}
