//! BLAKE3 for any target, as its paper describes it: a tree of chunks, of which the left parts are full.

use super::portable::START_256 as START;

const PERMUTATION: [usize; 16] = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];

const CHUNK_START: u32 = 1;
const CHUNK_END: u32 = 2;
const PARENT: u32 = 4;
const ROOT: u32 = 8;

const CHUNK_BYTES: usize = 1024;
const BLOCK_BYTES: usize = 64;

/// Levels of a tree of 2^64 bytes.
const LEVELS: usize = 54;

/// A digest in the making.
pub(crate) struct Blake3 {
    /// The chunk that is not full yet, or the last one.
    chunk: [u8; CHUNK_BYTES],
    len: usize,
    /// Chunks before it.
    chunks: u64,
    /// Values of the trees that those make, the largest first.
    stack: [[u32; 8]; LEVELS],
    height: usize,
}

/// A compression that is still to be made, perhaps for the root.
struct Node {
    chain: [u32; 8],
    words: [u32; 16],
    counter: u64,
    len: u32,
    flags: u32,
}

impl Node {
    fn parent(left: [u32; 8], right: [u32; 8]) -> Node {
        let mut words = [0; 16];
        words[..8].copy_from_slice(&left);
        words[8..].copy_from_slice(&right);
        Node {
            chain: START,
            words,
            counter: 0,
            len: BLOCK_BYTES as u32,
            flags: PARENT,
        }
    }

    /// The last block of a chunk.
    fn chunk(bytes: &[u8], counter: u64) -> Node {
        let mut chain = START;
        let blocks = (bytes.len().max(1) + BLOCK_BYTES - 1) / BLOCK_BYTES;
        let mut start = CHUNK_START;
        for i in 0..blocks {
            let rest = &bytes[i * BLOCK_BYTES..];
            let block = &rest[..rest.len().min(BLOCK_BYTES)];
            let node = Node {
                chain,
                words: words_of(block),
                counter,
                len: block.len() as u32,
                flags: start,
            };
            if i + 1 == blocks {
                return Node {
                    flags: node.flags | CHUNK_END,
                    ..node
                };
            }
            chain = node.value(0);
            start = 0;
        }
        unreachable!("a chunk has a block")
    }

    fn value(&self, flags: u32) -> [u32; 8] {
        let counter = [self.counter as u32, (self.counter >> 32) as u32];
        let mut v = [0; 16];
        v[..8].copy_from_slice(&self.chain);
        v[8..12].copy_from_slice(&START[..4]);
        v[12..].copy_from_slice(&[counter[0], counter[1], self.len, self.flags | flags]);
        let mut words = self.words;
        for _ in 0..7 {
            for i in 0..4 {
                mix(
                    &mut v,
                    [i, i + 4, i + 8, i + 12],
                    [words[2 * i], words[2 * i + 1]],
                );
            }
            for i in 0..4 {
                let at = [i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4];
                mix(&mut v, at, [words[8 + 2 * i], words[9 + 2 * i]]);
            }
            words = PERMUTATION.map(|from| words[from]);
        }
        let mut value = [0; 8];
        for i in 0..8 {
            value[i] = v[i] ^ v[i + 8];
        }
        value
    }
}

fn mix(v: &mut [u32; 16], [a, b, c, d]: [usize; 4], words: [u32; 2]) {
    for (word, (first, second)) in words.iter().zip([(16, 12), (8, 7)]) {
        v[a] = v[a].wrapping_add(v[b]).wrapping_add(*word);
        v[d] = (v[d] ^ v[a]).rotate_right(first);
        v[c] = v[c].wrapping_add(v[d]);
        v[b] = (v[b] ^ v[c]).rotate_right(second);
    }
}

fn words_of(block: &[u8]) -> [u32; 16] {
    let mut bytes = [0; BLOCK_BYTES];
    bytes[..block.len()].copy_from_slice(block);
    let mut words = [0; 16];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks(4)) {
        *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    words
}

impl Blake3 {
    pub(crate) fn new() -> Blake3 {
        Blake3 {
            chunk: [0; CHUNK_BYTES],
            len: 0,
            chunks: 0,
            stack: [[0; 8]; LEVELS],
            height: 0,
        }
    }

    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.len == CHUNK_BYTES {
                self.end_chunk();
            }
            let (head, rest) = bytes.split_at(bytes.len().min(CHUNK_BYTES - self.len));
            self.chunk[self.len..self.len + head.len()].copy_from_slice(head);
            self.len += head.len();
            bytes = rest;
        }
    }

    /// Takes a full chunk into the trees: as many of them become one as there are zeros at the end of the number
    /// of chunks.
    fn end_chunk(&mut self) {
        let mut value = Node::chunk(&self.chunk, self.chunks).value(0);
        self.chunks += 1;
        self.len = 0;
        for _ in 0..self.chunks.trailing_zeros() {
            self.height -= 1;
            value = Node::parent(self.stack[self.height], value).value(0);
        }
        self.stack[self.height] = value;
        self.height += 1;
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        let mut node = Node::chunk(&self.chunk[..self.len], self.chunks);
        for &left in self.stack[..self.height].iter().rev() {
            node = Node::parent(left, node.value(0));
        }
        let mut digest = [0; 32];
        for (out, word) in digest.chunks_mut(4).zip(node.value(ROOT)) {
            out.copy_from_slice(&word.to_le_bytes());
        }
        digest
    }
}
