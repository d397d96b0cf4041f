//! The mix of work that EEMBC's CoreMark chose for small processors, written anew: a linked list
//! that is searched, reversed and sorted, integer matrices, a state machine that reads numbers out
//! of text, and a checksum (CRC-16/CCITT) over every result, which makes each step depend on the
//! one before. Scores are not comparable with CoreMark's. The size is the number of iterations.
//!
//! test-args: 3

fn main() {
    let iterations = size_argument(24_000);
    let mut list = List::new(256);
    let mut matrices = Matrices::new(18);
    let mut scanner = Scanner::new(40);
    let mut seed = 0x3415;
    let (mut list_crc, mut matrix_crc, mut state_crc) = (0, 0, 0);
    for _ in 0..iterations {
        list_crc = list.exercise(seed, list_crc);
        matrix_crc = matrices.exercise(seed, matrix_crc);
        state_crc = scanner.exercise(seed, state_crc);
        seed = crc16(seed, crc16(list_crc, crc16(matrix_crc, state_crc)));
    }
    println!("{iterations} iterations");
    println!("list {list_crc:04x}, matrix {matrix_crc:04x}, state {state_crc:04x}, all {seed:04x}");
    println!("tokens: {:?}", scanner.count());
}

/// Adds 16 bits of data to a checksum: polynomial x^16 + x^12 + x^5 + 1, bit by bit.
fn crc16(data: u16, crc: u16) -> u16 {
    let mut crc = crc ^ data;
    for _ in 0..16 {
        let divides = crc & 0x8000 != 0;
        crc <<= 1;
        if divides {
            crc ^= 0x1021;
        }
    }
    crc
}

fn crc32(data: u32, crc: u16) -> u16 {
    crc16((data >> 16) as u16, crc16(data as u16, crc))
}

// ---- linked list

/// Ends a list.
const NONE: u16 = u16::MAX;

#[derive(Clone, Copy)]
struct Node {
    value: u16,
    /// Where the node was at first.
    position: u16,
    next: u16,
}

/// A singly linked list whose links are indices.
struct List {
    nodes: Vec<Node>,
    head: u16,
}

impl List {
    fn new(length: u16) -> List {
        let node = |position: u16| Node {
            value: position.wrapping_mul(0x6255) >> 4,
            position,
            next: if position + 1 < length {
                position + 1
            } else {
                NONE
            },
        };
        List {
            nodes: (0..length).map(node).collect(),
            head: 0,
        }
    }

    fn exercise(&mut self, seed: u16, mut crc: u16) -> u16 {
        let (mut found, mut missed) = (0u16, 0u16);
        for probe in 0..12u16 {
            let wanted = crc16(probe, seed) & 0x0fff;
            let hit = self.find(|node| node.value & 0x00ff == wanted & 0x00ff);
            match hit {
                Some(index) => {
                    found = found.wrapping_add(self.nodes[usize::from(index)].value);
                    self.move_behind_head(index);
                }
                None => missed += 1,
            }
            self.reverse();
        }
        self.sort(|a, b| (a.value, a.position) <= (b.value, b.position));
        crc = crc16(found, crc16(missed, crc));
        crc = self.checksum(crc);
        // A change, so that no two iterations are the same.
        let changed = usize::from(seed) % self.nodes.len();
        self.nodes[changed].value ^= seed & 0x0ff0;
        self.sort(|a, b| a.position <= b.position);
        self.checksum(crc)
    }

    fn find(&self, matches: impl Fn(&Node) -> bool) -> Option<u16> {
        let mut index = self.head;
        while index != NONE {
            let node = &self.nodes[usize::from(index)];
            if matches(node) {
                return Some(index);
            }
            index = node.next;
        }
        None
    }

    /// Takes the node after the given one out and puts it behind the head.
    fn move_behind_head(&mut self, index: u16) {
        let moved = self.nodes[usize::from(index)].next;
        if moved == NONE || index == self.head {
            return;
        }
        self.nodes[usize::from(index)].next = self.nodes[usize::from(moved)].next;
        self.nodes[usize::from(moved)].next = self.nodes[usize::from(self.head)].next;
        self.nodes[usize::from(self.head)].next = moved;
    }

    fn reverse(&mut self) {
        let mut reversed = NONE;
        let mut index = self.head;
        while index != NONE {
            let node = &mut self.nodes[usize::from(index)];
            let next = node.next;
            node.next = reversed;
            reversed = index;
            index = next;
        }
        self.head = reversed;
    }

    /// Mergesort from the bottom up, without memory besides the links: merges pairs of runs of 1,
    /// 2, 4 ... nodes until one run is left.
    fn sort(&mut self, in_order: impl Fn(&Node, &Node) -> bool) {
        let mut run = 1;
        loop {
            let mut rest = self.head;
            let mut tail = NONE;
            let mut merges = 0;
            while rest != NONE {
                merges += 1;
                let (mut left, mut left_len) = (rest, run);
                let (mut right, mut right_len) = (self.skip(rest, run), run);
                while left_len > 0 && left != NONE || right_len > 0 && right != NONE {
                    let take_left = if left_len == 0 || left == NONE {
                        false
                    } else if right_len == 0 || right == NONE {
                        true
                    } else {
                        in_order(
                            &self.nodes[usize::from(left)],
                            &self.nodes[usize::from(right)],
                        )
                    };
                    let (source, length) = if take_left {
                        (&mut left, &mut left_len)
                    } else {
                        (&mut right, &mut right_len)
                    };
                    let taken = *source;
                    *source = self.nodes[usize::from(taken)].next;
                    *length -= 1;
                    self.append(&mut tail, taken);
                }
                rest = right;
            }
            self.append(&mut tail, NONE);
            if merges <= 1 {
                return;
            }
            run *= 2;
        }
    }

    /// The node so many links further on.
    fn skip(&self, mut index: u16, links: u32) -> u16 {
        for _ in 0..links {
            if index == NONE {
                break;
            }
            index = self.nodes[usize::from(index)].next;
        }
        index
    }

    /// Links a node behind the tail, or as the head when there is no tail yet.
    fn append(&mut self, tail: &mut u16, index: u16) {
        match *tail {
            NONE => self.head = index,
            last => self.nodes[usize::from(last)].next = index,
        }
        *tail = index;
    }

    fn checksum(&self, mut crc: u16) -> u16 {
        let mut index = self.head;
        while index != NONE {
            let node = &self.nodes[usize::from(index)];
            crc = crc16(node.value, crc);
            index = node.next;
        }
        crc
    }
}

// ---- matrices

/// Square matrices of 16-bit elements and one of 32-bit results.
struct Matrices {
    n: usize,
    a: Vec<i16>,
    b: Vec<i16>,
    product: Vec<i32>,
}

impl Matrices {
    fn new(n: usize) -> Matrices {
        let element = |i: usize, factor: usize| ((i * factor) % 251) as i16 - 125;
        Matrices {
            n,
            a: (0..n * n).map(|i| element(i, 37)).collect(),
            b: (0..n * n).map(|i| element(i, 101)).collect(),
            product: vec![0; n * n],
        }
    }

    fn exercise(&mut self, seed: u16, mut crc: u16) -> u16 {
        let addend = (seed & 0x00ff) as i16;
        self.add_to_a(addend);
        for (out, &element) in self.product.iter_mut().zip(&self.a) {
            *out = i32::from(element) * i32::from(addend);
        }
        crc = self.checksum(crc);
        self.multiply_vector();
        crc = self.checksum(crc);
        self.multiply(|sum| sum);
        crc = self.checksum(crc);
        // Two bit fields of the sum, multiplied.
        self.multiply(|sum| ((sum >> 2) & 0x0f) * ((sum >> 5) & 0x7f));
        crc = self.checksum(crc);
        self.add_to_a(-addend);
        crc
    }

    fn add_to_a(&mut self, addend: i16) {
        for element in &mut self.a {
            *element = element.wrapping_add(addend);
        }
    }

    /// The first row of the result becomes a times the first row of b.
    fn multiply_vector(&mut self) {
        for (out, row) in self.product.iter_mut().zip(self.a.chunks_exact(self.n)) {
            *out = row
                .iter()
                .zip(&self.b)
                .map(|(&x, &y)| i32::from(x) * i32::from(y))
                .sum();
        }
    }

    /// The result becomes a times b, every sum passed through a function.
    fn multiply(&mut self, finish: impl Fn(i32) -> i32) {
        let n = self.n;
        for i in 0..n {
            for j in 0..n {
                let mut sum = 0i32;
                for k in 0..n {
                    let term = i32::from(self.a[i * n + k]) * i32::from(self.b[k * n + j]);
                    sum = sum.wrapping_add(term);
                }
                self.product[i * n + j] = finish(sum);
            }
        }
    }

    /// Adds the results up between clippings and takes the sum into the checksum.
    fn checksum(&self, crc: u16) -> u16 {
        let (mut sum, mut previous, mut rises) = (0i32, 0, 0u32);
        for &element in &self.product {
            sum = sum.wrapping_add(element);
            if sum > 1_000_000 {
                rises += 10;
                sum = 0;
            } else {
                rises += u32::from(element > previous);
            }
            previous = element;
        }
        crc32(sum as u32, crc16(rises as u16, crc))
    }
}

// ---- state machine

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Start,
    Sign,
    Integer,
    /// After the point.
    Fraction,
    /// After the `e`.
    Exponent,
    ExponentSign,
    Scientific,
    Invalid,
}

const STATES: usize = 8;

/// Reads comma-separated tokens and says what kind of number each is.
struct Scanner {
    text: Vec<u8>,
}

impl Scanner {
    fn new(tokens: usize) -> Scanner {
        const TOKENS: [&str; 10] = [
            "5012", "1.5e+7", "-874", "+122.75", ".5", "2e", "-1e-3", "T0.3e", "35.54400", "1F1",
        ];
        let words: Vec<&str> = TOKENS.iter().copied().cycle().take(tokens).collect();
        Scanner {
            text: words.join(",").into_bytes(),
        }
    }

    fn exercise(&mut self, seed: u16, mut crc: u16) -> u16 {
        for count in self.count() {
            crc = crc32(count, crc);
        }
        // The same with some characters damaged, then repaired.
        let step = usize::from(seed % 61) + 1;
        let damage = (seed >> 8) as u8 & 0x1f;
        self.damage(step, damage);
        for count in self.count() {
            crc = crc32(count, crc);
        }
        self.damage(step, damage);
        crc
    }

    /// Flips bits of every so many characters, commas excepted; a second time restores them unless
    /// that would make commas.
    fn damage(&mut self, step: usize, bits: u8) {
        for byte in self.text.iter_mut().step_by(step) {
            if *byte != b',' && *byte ^ bits != b',' {
                *byte ^= bits;
            }
        }
    }

    /// How many tokens end in each state.
    fn count(&self) -> [u32; STATES] {
        let mut counts = [0; STATES];
        let mut state = State::Start;
        for &byte in &self.text {
            if byte == b',' {
                counts[state as usize] += 1;
                state = State::Start;
            } else {
                state = next_state(state, byte);
            }
        }
        counts[state as usize] += 1;
        counts
    }
}

fn next_state(state: State, byte: u8) -> State {
    let is_digit = byte.is_ascii_digit();
    match (state, byte) {
        (State::Start, b'+') | (State::Start, b'-') => State::Sign,
        (State::Start, _) | (State::Sign, _) | (State::Integer, _) if is_digit => State::Integer,
        (State::Start, b'.') | (State::Sign, b'.') | (State::Integer, b'.') => State::Fraction,
        (State::Fraction, _) if is_digit => State::Fraction,
        (State::Integer, b'e') | (State::Fraction, b'e') => State::Exponent,
        (State::Exponent, b'+') | (State::Exponent, b'-') => State::ExponentSign,
        (State::Exponent, _) | (State::ExponentSign, _) | (State::Scientific, _) if is_digit => {
            State::Scientific
        }
        _ => State::Invalid,
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
