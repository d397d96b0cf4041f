//! "Fannkuch" (pancakes): reverses the first k elements of a permutation of 1..=n, k being its
//! first element, until a 1 comes first, counts the reversals, and reports the highest count and a
//! checksum of all. From Anderson and Rettig, "Performing Lisp analysis of the FANNKUCH benchmark"
//! (1994), with the checksum and the order of permutations of the Computer Language Benchmarks
//! Game. Small-array integer work with data-dependent loops. The size is the number of permutations
//! looked at; n is the smallest that has so many. (All 5040 of 7 elements give the Game's published
//! 228 and 16.)
//!
//! test-args: 5040

const MAX_LENGTH: usize = 12;

fn main() {
    let size = size_argument(28_000_000);
    let n = length_for(size);
    let mut permutations = Permutations::new(n);
    let (mut checksum, mut most_flips) = (0i64, 0);
    for index in 0..size {
        let flips = count_flips(permutations.current);
        most_flips = most_flips.max(flips);
        checksum += i64::from(if index % 2 == 0 { flips } else { -flips });
        permutations.advance();
    }
    println!("checksum {checksum}");
    println!("most flips in {size} permutations of {n} pancakes: {most_flips}");
}

/// The smallest number of elements that have so many permutations.
fn length_for(size: u32) -> usize {
    let mut permutations = 1;
    let mut n = 1;
    while permutations < size {
        n += 1;
        permutations *= n;
    }
    n as usize
}

fn count_flips(mut stack: [u8; MAX_LENGTH]) -> i32 {
    let mut flips = 0;
    loop {
        let first = usize::from(stack[0]);
        if first == 0 {
            return flips;
        }
        stack[..=first].reverse();
        flips += 1;
    }
}

/// All permutations of 0..n, even and odd ones in turn: prefixes of growing length are rotated,
/// like the digits of a counter whose bases are 1, 2, 3 ...
struct Permutations {
    n: usize,
    current: [u8; MAX_LENGTH],
    /// How often the prefix of length i + 1 has been rotated.
    rotations: [usize; MAX_LENGTH],
}

impl Permutations {
    fn new(n: usize) -> Permutations {
        let mut current = [0; MAX_LENGTH];
        for (value, slot) in (0u8..).zip(&mut current) {
            *slot = value;
        }
        Permutations {
            n,
            current,
            rotations: [0; MAX_LENGTH],
        }
    }

    /// Moves on to the next permutation, and from the last one to the first.
    fn advance(&mut self) {
        for last in 1..self.n {
            self.current[..=last].rotate_left(1);
            if self.rotations[last] < last {
                self.rotations[last] += 1;
                return;
            }
            self.rotations[last] = 0;
        }
    }
}

/// The size given as the first argument, or the default.
fn size_argument(default: u32) -> u32 {
    let size = match std::env::args().nth(1) {
        None => default,
        Some(text) => text.parse().unwrap_or_else(|_| {
            eprintln!("the size must be a whole number, not {text:?}");
            std::process::exit(2)
        }),
    };
    // 12 factorial: the next one would not fit 32 bits.
    if size > 479_001_600 {
        eprintln!("the size must be at most 479001600");
        std::process::exit(2);
    }
    size
}
