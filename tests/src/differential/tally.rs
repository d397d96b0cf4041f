//! What was compared: how calls ended, how deep and after how much work, and how much became native
//! code. It shows whether generated modules do anything worth comparing.

use std::collections::BTreeMap;
use std::fmt;

use dotvm::TierReport;

use super::{FUEL, Outcome};

/// Upper ends of the ranges that instructions of a call are counted in.
const WORK: [u64; 5] = [10, 100, 1_000, 10_000, FUEL];

/// Upper ends of the ranges that frames at a trap are counted in.
const DEPTHS: [usize; 4] = [1, 2, 8, usize::MAX];

/// How much was compared.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Calls that returned.
    pub returned: u64,
    /// Calls that ran out of fuel or stack; they are compared, but not with what has other limits.
    pub unbounded: u64,
    /// Calls that trapped, or that the host stopped, by the message.
    pub stopped: BTreeMap<String, u64>,
    /// Calls by the instructions they took.
    work: [u64; WORK.len()],
    /// Calls that were stopped, by the frames there were.
    depths: [u64; DEPTHS.len()],
    compiled_funcs: u64,
    compiled_loops: u64,
    /// How often native code was entered in the middle of a loop.
    pub loop_entries: u64,
}

impl Tally {
    /// Calls that trapped or that the host stopped.
    pub fn trapped(&self) -> u64 {
        self.stopped.values().sum()
    }

    /// Calls that took more than a hundred instructions.
    pub fn long(&self) -> u64 {
        let long = WORK.iter().zip(self.work).filter(|(end, _)| **end > 100);
        long.map(|(_, count)| count).sum()
    }

    /// Counts a call that ended by itself, with metering.
    pub fn note(&mut self, outcome: &Outcome) {
        if outcome.place.is_empty() {
            self.returned += 1;
        } else {
            *self.stopped.entry(outcome.end.clone()).or_default() += 1;
            self.depths[range(&DEPTHS, outcome.place.len())] += 1;
        }
        let spent = outcome.fuel.map_or(0, |left| FUEL.saturating_sub(left));
        self.work[range(&WORK, spent)] += 1;
    }

    /// Counts what an engine compiled.
    pub fn note_compiled(&mut self, report: &TierReport) {
        self.compiled_funcs += report.compiled_funcs;
        self.compiled_loops += report.compiled_loops;
        self.loop_entries += report.loop_entries;
    }

    /// Adds another one.
    pub fn add(&mut self, other: &Tally) {
        self.returned += other.returned;
        self.unbounded += other.unbounded;
        for (end, count) in &other.stopped {
            *self.stopped.entry(end.clone()).or_default() += count;
        }
        for (mine, theirs) in self.work.iter_mut().zip(other.work) {
            *mine += theirs;
        }
        for (mine, theirs) in self.depths.iter_mut().zip(other.depths) {
            *mine += theirs;
        }
        self.compiled_funcs += other.compiled_funcs;
        self.compiled_loops += other.compiled_loops;
        self.loop_entries += other.loop_entries;
    }
}

/// The first range that a number is in.
fn range<T: PartialOrd>(ends: &[T], number: T) -> usize {
    let found = ends.iter().position(|end| number <= *end);
    found.unwrap_or(ends.len() - 1)
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>10} returned", self.returned)?;
        for (end, count) in &self.stopped {
            writeln!(f, "{count:>10} {end}")?;
        }
        writeln!(f, "{:>10} ran out of fuel or stack", self.unbounded)?;
        for (count, end) in self.work.iter().zip(WORK) {
            writeln!(f, "{count:>10} took at most {end} instructions")?;
        }
        for (count, end) in self.depths.iter().zip(DEPTHS) {
            match end {
                usize::MAX => writeln!(f, "{count:>10} were stopped in more frames")?,
                _ => writeln!(f, "{count:>10} were stopped in at most {end} frames")?,
            }
        }
        write!(
            f,
            "{:>10} functions and {} loops were compiled, {} loops entered",
            self.compiled_funcs, self.compiled_loops, self.loop_entries
        )
    }
}
