//! Runs the bodies of the fuzz targets for a second each, on inputs made from a fixed seed.
//! `FUZZ_SECONDS=60 FUZZ_SEED=2` make it more and others.

mod common;

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use common::encoded;
use dotvm_isa::ops::OPS;
use dotvm_isa::{InstrReader, Op, fuzzing};

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// Runs `round` for a second, but at least a thousand times.
fn for_a_second(mut round: impl FnMut(&mut Random)) {
    let setting = |name| std::env::var(name).ok()?.parse().ok();
    let duration = Duration::from_secs(setting("FUZZ_SECONDS").unwrap_or(1));
    let start = Instant::now();
    let mut random = Random(setting("FUZZ_SEED").unwrap_or(1));
    let mut rounds = 0;
    while rounds < 1_000 || start.elapsed() < duration {
        round(&mut random);
        rounds += 1;
    }
}

/// Changes, removes, repeats or inserts a few bytes.
fn mutate(random: &mut Random, data: &mut Vec<u8>) {
    for _ in 0..1 + random.below(4) {
        if data.is_empty() {
            return;
        }
        let at = random.below(data.len());
        match random.below(6) {
            0 => data[at] = random.next() as u8,
            1 => data[at] ^= 1 << random.below(8),
            2 => data[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            3 => drop(data.remove(at)),
            4 => data.insert(at, random.next() as u8),
            _ => {
                let end = (at + 1 + random.below(8)).min(data.len());
                let to = random.below(data.len());
                let part = data[at..end].to_vec();
                data.splice(to..to, part);
            }
        }
    }
}

#[test]
fn modules() {
    for_a_second(|random| {
        let len = random.below(1000);
        let (module, mut names) = fuzzing::module(&random.bytes(len));
        if random.below(2) == 0 {
            let len = random.below(1000);
            names.source = fuzzing::source_tables(&random.bytes(len));
        }
        let mut bytes = encoded(&module, &names);
        mutate(random, &mut bytes);
        fuzzing::decode_and_verify(&bytes);
    });
}

#[test]
fn debug_information() {
    for_a_second(|random| {
        let len = random.below(2000);
        fuzzing::source(&random.bytes(len));
    });
}

/// The generator of modules leaves no instruction out.
#[test]
fn generated_modules_have_every_instruction() {
    let mut random = Random(2);
    let mut seen = HashSet::new();
    for _ in 0..5_000 {
        let (module, _) = fuzzing::module(&random.bytes(1_000));
        for index in 0..module.bodies.len() as u32 {
            let mut reader = InstrReader::new(module.body(index), index);
            reader.read_locals().unwrap();
            while !reader.at_end() {
                seen.insert(reader.next_instr().unwrap().op);
            }
        }
    }
    let all = OPS.iter().map(|info| info.op);
    let missing: Vec<Op> = all.filter(|op| !seen.contains(op)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Texts to change, from the files of the other tests.
fn seeds() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds = Vec::new();
    for folder in ["tests/assembler", "tests/verifier", "tests/round_trip"] {
        for file in common::files_in(&root.join(folder), "dasm") {
            let text = std::fs::read_to_string(file).unwrap();
            seeds.extend(text.split("\n;;; ").map(str::to_owned));
        }
    }
    seeds
}

#[test]
fn texts() {
    let seeds = seeds();
    let words: Vec<&str> = seeds.iter().flat_map(|seed| seed.split(' ')).collect();
    for_a_second(|random| {
        let mut text = seeds[random.below(seeds.len())].clone();
        for _ in 0..random.below(4) {
            // Whole words from other texts get further than single bytes.
            let at = (random.below(text.len() + 1)..)
                .find(|&at| text.is_char_boundary(at))
                .unwrap_or(0);
            text.insert_str(at, words[random.below(words.len())]);
        }
        let mut bytes = text.into_bytes();
        if random.below(2) == 0 {
            mutate(random, &mut bytes);
        }
        fuzzing::assemble(&String::from_utf8_lossy(&bytes));
    });
}
