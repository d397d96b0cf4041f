//! Sorts the same pseudo-random keys with six algorithms written out here and with both sorts of
//! the standard library, and prints a checksum of each result: all must be equal. The algorithms
//! are the textbook ones (Shell 1959 with Ciura's gaps, Williams' heapsort 1964, Hoare's quicksort
//! 1961, von Neumann's mergesort, least-significant-digit radix sort); insertion sort, being
//! quadratic, gets a few keys only. Comparisons, swaps and unpredictable branches. The size is the
//! number of keys.
//!
//! test-args: 1000

type Sort = fn(&mut [u32]);

const SORTS: [(&str, Sort); 7] = [
    ("shell sort", shell_sort),
    ("heapsort", heapsort),
    ("quicksort", quicksort),
    ("mergesort", mergesort),
    ("radix sort", radix_sort),
    ("slice::sort", |keys| keys.sort()),
    ("slice::sort_unstable", |keys| keys.sort_unstable()),
];

/// The part of the keys insertion sort gets.
const INSERTION_SHARE: usize = 100;

fn main() {
    let size = size_argument(2_400_000);
    let mut random = XorShift(0x0123_4567_89ab_cdef);
    let keys: Vec<u32> = (0..size).map(|_| (random.next() >> 32) as u32).collect();

    println!("{size} keys");
    for (name, sort) in SORTS {
        report(name, &keys, sort);
    }
    println!("{} keys", size / INSERTION_SHARE);
    report(
        "insertion sort",
        &keys[..size / INSERTION_SHARE],
        insertion_sort,
    );
    report("slice::sort", &keys[..size / INSERTION_SHARE], |keys| {
        keys.sort()
    });
    report_stability(&keys);
}

fn report(name: &str, keys: &[u32], sort: Sort) {
    let mut sorted = keys.to_vec();
    sort(&mut sorted);
    assert!(
        sorted.windows(2).all(|pair| pair[0] <= pair[1]),
        "{} does not sort",
        name
    );
    println!("{name:21} {:016x}", checksum(&sorted));
}

/// Sorts records by a key of few values and checks that equal keys keep their order.
fn report_stability(keys: &[u32]) {
    let mut records: Vec<(u8, u32)> = (0..).zip(keys).map(|(i, k)| ((k % 16) as u8, i)).collect();
    records.sort_by_key(|&(key, _)| key);
    let stable = records.windows(2).all(|pair| pair[0] < pair[1]);
    println!(
        "slice::sort_by_key is {}",
        if stable { "stable" } else { "NOT STABLE" }
    );
}

/// Depends on the values and their order.
fn checksum(keys: &[u32]) -> u64 {
    keys.iter().fold(0xcbf2_9ce4_8422_2325, |sum: u64, &key| {
        (sum ^ u64::from(key)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn insertion_sort(keys: &mut [u32]) {
    for sorted in 1..keys.len() {
        let key = keys[sorted];
        let mut hole = sorted;
        while hole > 0 && keys[hole - 1] > key {
            keys[hole] = keys[hole - 1];
            hole -= 1;
        }
        keys[hole] = key;
    }
}

fn shell_sort(keys: &mut [u32]) {
    // Ciura's measured gaps, continued by a factor of 2.25.
    let mut gaps = vec![1, 4, 10, 23, 57, 132, 301, 701];
    while gaps[gaps.len() - 1] < keys.len() {
        gaps.push(gaps[gaps.len() - 1] * 9 / 4);
    }
    for &gap in gaps.iter().rev() {
        for sorted in gap..keys.len() {
            let key = keys[sorted];
            let mut hole = sorted;
            while hole >= gap && keys[hole - gap] > key {
                keys[hole] = keys[hole - gap];
                hole -= gap;
            }
            keys[hole] = key;
        }
    }
}

fn heapsort(keys: &mut [u32]) {
    for root in (0..keys.len() / 2).rev() {
        sift_down(keys, root);
    }
    for end in (1..keys.len()).rev() {
        keys.swap(0, end);
        sift_down(&mut keys[..end], 0);
    }
}

/// Restores the heap (every parent at least as large as its children) below `root`.
fn sift_down(heap: &mut [u32], mut root: usize) {
    loop {
        let mut child = 2 * root + 1;
        if child >= heap.len() {
            return;
        }
        if child + 1 < heap.len() && heap[child + 1] > heap[child] {
            child += 1;
        }
        if heap[root] >= heap[child] {
            return;
        }
        heap.swap(root, child);
        root = child;
    }
}

fn quicksort(mut keys: &mut [u32]) {
    const INSERTION_MAX: usize = 16;
    while keys.len() > INSERTION_MAX {
        let middle = partition(keys);
        let (left, right) = keys.split_at_mut(middle);
        // Recursing into the smaller part only bounds the depth by log2 of the length.
        if left.len() < right.len() {
            quicksort(left);
            keys = right;
        } else {
            quicksort(right);
            keys = left;
        }
    }
    insertion_sort(keys);
}

/// Hoare's partition around the median of three keys: everything left of the returned index is at
/// most as large as everything from there on, and neither side is empty.
fn partition(keys: &mut [u32]) -> usize {
    let (first, middle, last) = (keys[0], keys[(keys.len() - 1) / 2], keys[keys.len() - 1]);
    let pivot = first.min(middle).max(first.max(middle).min(last));
    let (mut low, mut high) = (0, keys.len() - 1);
    loop {
        while keys[low] < pivot {
            low += 1;
        }
        while keys[high] > pivot {
            high -= 1;
        }
        if low >= high {
            return low.max(1);
        }
        keys.swap(low, high);
        low += 1;
        high -= 1;
    }
}

fn mergesort(keys: &mut [u32]) {
    let mut scratch = keys.to_vec();
    merge_into(keys, &mut scratch);
}

/// Sorts `keys`; `scratch` holds the same keys on entry and anything on return.
fn merge_into(keys: &mut [u32], scratch: &mut [u32]) {
    if keys.len() < 2 {
        return;
    }
    let middle = keys.len() / 2;
    // The roles swap on every level, which saves copying back.
    let (left, right) = scratch.split_at_mut(middle);
    merge_into(left, &mut keys[..middle]);
    merge_into(right, &mut keys[middle..]);
    let (mut left, mut right) = (&*left, &*right);
    for slot in keys {
        let from_left = match (left.first(), right.first()) {
            (Some(l), Some(r)) => l <= r,
            (left, _) => left.is_some(),
        };
        let source = if from_left { &mut left } else { &mut right };
        *slot = source[0];
        *source = &source[1..];
    }
}

fn radix_sort(keys: &mut [u32]) {
    let mut from = keys.to_vec();
    let mut to = vec![0; keys.len()];
    for shift in [0, 8, 16, 24] {
        let digit = |key: u32| (key >> shift) as usize & 0xff;
        let mut starts = [0usize; 257];
        for &key in &from {
            starts[digit(key) + 1] += 1;
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        for &key in &from {
            let start = &mut starts[digit(key)];
            to[*start] = key;
            *start += 1;
        }
        std::mem::swap(&mut from, &mut to);
    }
    keys.copy_from_slice(&from);
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
}

/// The size given as the first argument, or the default.
fn size_argument(default: usize) -> usize {
    match std::env::args().nth(1) {
        None => default,
        Some(text) => text.parse().unwrap_or_else(|_| {
            eprintln!("the size must be a whole number, not {text:?}");
            std::process::exit(2)
        }),
    }
}
