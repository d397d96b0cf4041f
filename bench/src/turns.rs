//! Ways of doing the same that take turns, so that what else the machine does meets all of them alike.

use std::time::Instant;

use crate::guest::Tier;

/// How often each of them is measured.
const ROUNDS: usize = 9;

/// Prints medians of rounds that take turns, of what has a name that was asked for: called natively, which `natively` is
/// the name of, and in each tier. Each way does so many operations at a time.
pub fn compare(name: &str, natively: &str, operations: u32, ways: [&mut dyn FnMut(); 3]) {
    let mut wanted = std::env::args()
        .skip(1)
        .filter(|part| !part.starts_with('-'))
        .peekable();
    if wanted.peek().is_some() && !wanted.any(|part| name.contains(&part)) {
        return;
    }
    let mut times = [const { Vec::new() }; 3];
    for round in 0..ROUNDS {
        for i in (0..3).map(|i| (i + round) % 3) {
            let start = Instant::now();
            ways[i]();
            times[i].push(start.elapsed() / operations);
        }
    }
    let [direct, ours @ ..] = times.map(|mut times| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e6
    });
    print!("{name:16} {natively} {direct:10.1} µs");
    for (tier, ours) in Tier::ALL.iter().zip(ours) {
        print!(", {} {ours:10.1} µs ({:.2} x)", tier.name(), direct / ours);
    }
    println!();
}
