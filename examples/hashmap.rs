//! Works the standard library's `HashMap` with the FNV-1a hash instead of the default one, whose
//! seed is random: counts skewed numbers, groups words, and keeps a cache with evictions. Hashing,
//! probing, growing and rehashing. Only totals and sorted lists are printed, since the order of
//! iteration is not part of a map's meaning. The size is the number of operations per part.
//!
//! test-args: 10000

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

fn main() {
    let size = size_argument(11_000_000);
    count_numbers(size);
    group_words(size / 4);
    run_cache(size);
}

/// The FNV-1a hash, 64 bits.
struct Fnv1a(u64);

impl Default for Fnv1a {
    fn default() -> Fnv1a {
        Fnv1a(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv1a {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Map<K, V> = HashMap<K, V, BuildHasherDefault<Fnv1a>>;

/// Counts how often numbers occur of which small ones are more frequent.
fn count_numbers(size: u32) {
    let mut random = XorShift(0x853c_49e6_748f_ea9b);
    let mut counts: Map<u64, u32> = Map::default();
    for _ in 0..size {
        let number = random.below(1 << 18).min(random.below(1 << 18));
        *counts.entry(number * number).or_insert(0) += 1;
    }
    let most = counts.iter().map(|(&number, &count)| (count, number)).max();
    let single = counts.values().filter(|&&count| count == 1).count();
    println!(
        "{size} numbers, {} different, {single} of them once",
        counts.len()
    );
    if let Some((count, number)) = most {
        println!("most frequent: {number}, {count} times");
    }
}

/// Groups made-up words by their sorted letters and prints the largest groups of anagrams.
fn group_words(size: u32) {
    let mut random = XorShift(0xda3e_39cb_94b9_5bdb);
    let mut groups: Map<String, Vec<String>> = Map::default();
    for _ in 0..size {
        let length = 3 + random.below(3);
        let word: String = (0..length)
            .map(|_| char::from(b"aeinorst"[random.below(8) as usize]))
            .collect();
        let mut letters: Vec<char> = word.chars().collect();
        letters.sort_unstable();
        let group = groups.entry(letters.into_iter().collect()).or_default();
        // A group keeps each of its words once, up to a length that keeps this search short.
        if group.len() < 24 && !group.contains(&word) {
            group.push(word);
        }
    }
    let mut largest: Vec<(&String, usize)> = groups
        .iter()
        .map(|(letters, words)| (letters, words.len()))
        .collect();
    largest.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    println!("{size} words, {} groups of anagrams", groups.len());
    for (letters, words) in largest.iter().take(3) {
        println!("{words} words of {letters}");
    }
}

/// Looks numbers up in a map that holds a window of the latest ones: every step inserts and
/// removes.
fn run_cache(size: u32) {
    const WINDOW: u32 = 4096;
    let mut random = XorShift(0x14057b7ef767814f);
    let mut cache: Map<(u32, u32), u32> = Map::default();
    let (mut hits, mut age_sum) = (0u32, 0u64);
    let mut window = vec![(0, 0); WINDOW as usize];
    for step in 0..size {
        let key = (random.below(96) as u32, random.below(96) as u32);
        if let Some(&seen) = cache.get(&key) {
            hits += 1;
            age_sum += u64::from(step - seen);
        }
        // The key that leaves the window goes, unless it has come again since.
        let oldest = std::mem::replace(&mut window[(step % WINDOW) as usize], key);
        if step >= WINDOW && cache.get(&oldest) == Some(&(step - WINDOW)) {
            cache.remove(&oldest);
        }
        cache.insert(key, step);
    }
    println!("{size} look-ups, {hits} hits, {} entries left", cache.len());
    println!("mean age of a hit: {}", age_sum / u64::from(hits.max(1)));
}

/// Marsaglia's xorshift generator with 64 bits of state.
struct XorShift(u64);

impl XorShift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `limit`, which must be less than 2^32.
    fn below(&mut self, limit: u64) -> u64 {
        ((self.next() >> 32) * limit) >> 32
    }
}

/// The size given as the first argument, or the default.
fn size_argument(default: u32) -> u32 {
    match std::env::args().nth(1) {
        None => default,
        Some(text) => text.parse().unwrap_or_else(|_| {
            eprintln!("the size must be a whole number, not {text:?}");
            std::process::exit(2)
        }),
    }
}
