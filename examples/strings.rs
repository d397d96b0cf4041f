//! Builds, formats, splits, searches and parses text: writes a table of orders as comma-separated
//! lines, reads it back, adds it up, and puts a sentence through the usual string operations.
//! Formatting machinery, UTF-8 handling and many short-lived allocations. The size is the number of
//! lines.
//!
//! test-args: 5

use std::collections::BTreeMap;
use std::fmt::Write;

const PREVIEW_MAX_LINES: u32 = 5;

fn main() {
    let lines = size_argument(500_000);
    let table = write_table(lines);
    println!(
        "{lines} lines, {} bytes, checksum {:016x}",
        table.len(),
        checksum(&table)
    );
    if lines <= PREVIEW_MAX_LINES {
        print!("{table}");
    }
    report_totals(&table);
    report_texts(lines);
    report_numbers(lines);
}

const FRUITS: [&str; 6] = ["apple", "plum", "Weißdorn", "açaí", "柿", "sloe berry"];

fn write_table(lines: u32) -> String {
    let mut random = XorShift(0x2545_f491_4f6c_dd1d);
    let mut table = String::new();
    for line in 0..lines {
        let fruit = FRUITS[random.below(6) as usize];
        let (count, cents) = (random.below(1000), random.below(100_000));
        let price = format!("{}.{:02}", cents / 100, cents % 100);
        let code = format!("{:#06x}-{:08b}", random.below(65_536), random.below(256));
        writeln!(table, "{line:06},{fruit:>10},{count},{price:0>8},{code}")
            .expect("strings take any text");
    }
    table
}

/// Parses the table and adds the prices up by fruit.
fn report_totals(table: &str) {
    let mut totals: BTreeMap<String, (u64, f64)> = BTreeMap::new();
    let mut code_sum = 0u64;
    for line in table.lines() {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let count: u64 = fields[2].parse().expect("the count is a number");
        let price: f64 = fields[3].parse().expect("the price is a number");
        let (hex, binary) = fields[4].split_once('-').expect("the code has two parts");
        let hex = hex.strip_prefix("0x").expect("the code starts with 0x");
        code_sum += u64::from_str_radix(hex, 16).expect("hexadecimal");
        code_sum += u64::from_str_radix(binary, 2).expect("binary");
        let total = totals.entry(fields[1].to_uppercase()).or_default();
        total.0 += count;
        total.1 += count as f64 * price;
    }
    for (fruit, (count, value)) in &totals {
        println!("{fruit:<11}{count:>12}{value:>20.2}");
    }
    println!("sum of codes: {code_sum}");
}

/// Puts a sentence through one operation after the other.
fn report_texts(rounds: u32) {
    let mut text =
        String::from("The quick brown fox jumps over the lazy dog; größer wäre schöner.");
    let mut operations = [0u32; 6];
    let mut hash = 0u64;
    for round in 0..rounds {
        operations[(round % 6) as usize] += 1;
        text = match round % 6 {
            0 => text.split(' ').rev().collect::<Vec<_>>().join(" "),
            1 => text.chars().rev().collect(),
            2 => text.chars().map(rotate13).collect(),
            3 => text.replace("er", "<er>").replace("<er>", "er"),
            4 => swap_case(&text),
            _ => {
                let middle = text.char_indices().nth(20).map_or(0, |(offset, _)| offset);
                let (left, right) = text.split_at(middle);
                [right, left].concat()
            }
        };
        hash = hash.rotate_left(5) ^ checksum(&text);
        if let Some(offset) = text.find("FOX").or_else(|| text.find("xof")) {
            hash = hash.wrapping_add(offset as u64);
        }
    }
    println!("{operations:?} {hash:016x}");
    println!("{text}");
}

fn rotate13(c: char) -> char {
    let rotate = |first: u8| char::from(first + (c as u8 - first + 13) % 26);
    match c {
        'a'..='z' => rotate(b'a'),
        'A'..='Z' => rotate(b'A'),
        _ => c,
    }
}

/// Swaps upper and lower case where that is one character for one, so the length stays bounded.
fn swap_case(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let upper = c.is_uppercase();
        let mut swapped = if upper {
            c.to_lowercase().to_string()
        } else {
            c.to_uppercase().to_string()
        };
        if swapped.chars().count() != 1 {
            swapped = c.to_string();
        }
        out.push_str(&swapped);
    }
    out
}

/// Prints numbers in all formats and reads them back.
fn report_numbers(rounds: u32) {
    let mut random = XorShift(0x853c_49e6_748f_ea9b);
    let mut text = String::new();
    let (mut bytes, mut agree) = (0u64, 0u32);
    for _ in 0..rounds {
        let integer = random.next() as i64;
        let float = f64::from(random.below(u32::MAX)) / 1024.0;
        text.clear();
        write!(text, "{integer} {float} {float:e} {:?}", float as f32)
            .expect("strings take any text");
        bytes += text.len() as u64;
        let mut words = text.split_whitespace();
        let mut word = || words.next().unwrap_or_default();
        let same = word().parse() == Ok(integer)
            && word().parse() == Ok(float)
            && word().parse() == Ok(float)
            && word().parse() == Ok(float as f32);
        agree += u32::from(same);
    }
    println!("{agree} of {rounds} numbers read back from {bytes} bytes");
}

/// The FNV-1a hash, 64 bits.
fn checksum(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
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

    fn below(&mut self, limit: u32) -> u32 {
        (((self.next() >> 32) * u64::from(limit)) >> 32) as u32
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
