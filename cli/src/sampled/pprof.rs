//! Profiles for [pprof](https://github.com/google/pprof), in its format of
//! [protocol buffers](https://github.com/google/pprof/blob/main/proto/profile.proto).

use std::collections::HashMap;

use super::Sampled;

/// A message that is being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// A number; zero is what a reader takes for one that is not there.
    fn number(&mut self, field: u64, value: u64) {
        if value != 0 {
            self.varint(field << 3);
            self.varint(value);
        }
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn message(&mut self, field: u64, write: impl FnOnce(&mut Message)) {
        let mut inner = Message::default();
        write(&mut inner);
        self.bytes(field, &inner.0);
    }

    fn packed(&mut self, field: u64, values: impl IntoIterator<Item = u64>) {
        self.message(field, |packed| {
            for value in values {
                packed.varint(value);
            }
        });
    }
}

/// The texts of a profile, each once; the first one is empty.
struct Texts<'t> {
    all: Vec<&'t str>,
    numbers: HashMap<&'t str, u64>,
}

impl<'t> Texts<'t> {
    fn number(&mut self, text: &'t str) -> u64 {
        *self.numbers.entry(text).or_insert_with(|| {
            self.all.push(text);
            self.all.len() as u64 - 1
        })
    }
}

impl Sampled<'_> {
    /// The profile, with the number of samples and nanoseconds.
    pub(super) fn pprof(&self) -> Vec<u8> {
        let mut texts = Texts {
            all: vec![""],
            numbers: HashMap::from([("", 0)]),
        };
        let mut profile = Message::default();
        let [samples, count, cpu, nanoseconds] =
            ["samples", "count", "cpu", "nanoseconds"].map(|text| texts.number(text));
        for (what, unit) in [(samples, count), (cpu, nanoseconds)] {
            profile.message(1, |it| {
                it.number(1, what);
                it.number(2, unit);
            });
        }
        let mut by_stack: HashMap<u32, (u64, u64)> = HashMap::new();
        for sample in &self.profile.samples {
            let (count, nanos) = by_stack.entry(sample.stack).or_default();
            *count += u64::from(sample.count);
            *nanos += sample.time.as_nanos() as u64;
        }
        let mut by_stack: Vec<_> = by_stack.into_iter().collect();
        by_stack.sort_unstable();
        // Numbers start with one: a location is a frame of the profile.
        for (stack, (count, nanos)) in by_stack {
            profile.message(2, |it| {
                it.packed(1, self.frames(stack).map(|frame| frame as u64 + 1));
                it.packed(2, [count, nanos]);
            });
        }
        for (number, frame) in (1..).zip(&self.profile.frames) {
            let function = self.function_of[number as usize - 1] as u64 + 1;
            profile.message(4, |it| {
                it.number(1, number);
                it.message(4, |line| {
                    line.number(1, function);
                    line.number(2, frame.line.as_ref().map_or(0, |(_, line)| (*line).into()));
                });
            });
        }
        for (number, function) in (1..).zip(&self.functions) {
            let name = texts.number(&function.name);
            let file = texts.number(function.file.as_deref().unwrap_or_default());
            profile.message(5, |it| {
                it.number(1, number);
                it.number(2, name);
                it.number(3, name);
                it.number(4, file);
            });
        }
        for text in texts.all {
            profile.bytes(6, text.as_bytes());
        }
        let total = self.profile.total().as_nanos() as u64;
        profile.number(10, total);
        profile.message(11, |it| {
            it.number(1, cpu);
            it.number(2, nanoseconds);
        });
        profile.number(12, self.profile.interval.as_nanos() as u64);
        profile.0
    }
}

/// Bytes as a file of gzip (RFC 1952), in which they are as they are: profiles are small.
pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    /// The most that a block of DEFLATE (RFC 1951) stores.
    const BLOCK_BYTES: usize = 0xffff;
    // Magic number, DEFLATE, no name or comment, no time; of any system.
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = bytes.chunks(BLOCK_BYTES).peekable();
    if bytes.is_empty() {
        file.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(block) = blocks.next() {
        let len = block.len() as u16;
        file.push(u8::from(blocks.peek().is_none()));
        file.extend(len.to_le_bytes());
        file.extend((!len).to_le_bytes());
        file.extend_from_slice(block);
    }
    file.extend(crc32fast::hash(bytes).to_le_bytes());
    file.extend((bytes.len() as u32).to_le_bytes());
    file
}
