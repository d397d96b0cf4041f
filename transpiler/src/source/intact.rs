//! Which locals hold what they do in WebAssembly, and where.
//!
//! Passes remove writes that no code depends on. What a debugger would read there is stale from
//! such a write on, until the next one that is still there.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use super::Change;
use crate::ir::Func;
use crate::ir::cfg::Cfg;

/// The most rounds over a function; where they are not enough, locals are stale everywhere.
const MAX_ROUNDS: usize = 32;

/// The locals of a function that are stale in places.
#[derive(Debug)]
pub(super) struct Intact<'a> {
    /// The code as it was, where writes in it are gone.
    before: Option<(&'a Func, Cfg)>,
    /// Where those are.
    lost: BTreeSet<u32>,
    /// Where each local that was asked about is stale: ascending addresses.
    stale: HashMap<u32, Vec<Range<u32>>>,
}

impl<'a> Intact<'a> {
    /// Of the function that was changed.
    pub(super) fn new(change: &Change<'a>) -> Intact<'a> {
        let lost = change.after.lost_writes.iter();
        let lost = lost.filter(|pos| pos.site.is_none());
        let lost: BTreeSet<u32> = lost.map(|pos| pos.at).collect();
        let before = change.before.filter(|_| !lost.is_empty());
        Intact {
            before: before.map(|before| (before, Cfg::new(before))),
            lost,
            stale: HashMap::new(),
        }
    }

    /// Whether a local holds at an address what it does in WebAssembly.
    pub(super) fn holds(&mut self, local: u32, at: u32) -> bool {
        let Some((before, cfg)) = &self.before else {
            return true;
        };
        let is_lost = |at: u32| self.lost.contains(&at);
        let stale = self
            .stale
            .entry(local)
            .or_insert_with(|| stale(before, cfg, local, is_lost));
        let after = stale.partition_point(|range| range.start <= at);
        let before = after.checked_sub(1);
        !before.is_some_and(|i| stale[i].contains(&at))
    }
}

/// Where a local is stale: what holds on any way to a place holds there.
fn stale(func: &Func, cfg: &Cfg, local: u32, is_lost: impl Fn(u32) -> bool) -> Vec<Range<u32>> {
    let write = |i: usize| -> Option<bool> {
        let written = func.insts[i].written_local() == Some(local);
        written.then(|| is_lost(func.insts.positions()[i].at))
    };
    if !(0..func.insts.len()).any(|i| write(i) == Some(true)) {
        return Vec::new();
    }
    let mut at_start = vec![false; cfg.blocks.len()];
    let mut settled = false;
    for _ in 0..MAX_ROUNDS {
        settled = true;
        for (block, range) in cfg.blocks.iter().enumerate() {
            let last = range.clone().rev().find_map(write);
            if last.unwrap_or(at_start[block]) {
                cfg.successors(func, block, |next| {
                    settled &= std::mem::replace(&mut at_start[next], true);
                });
            }
        }
        if settled {
            break;
        }
    }
    let mut ranges: Vec<Range<u32>> = Vec::new();
    for (block, code) in cfg.blocks.iter().enumerate() {
        let mut is_stale = at_start[block] || !settled;
        for i in code.clone() {
            let at = func.insts.positions()[i].at;
            if is_stale {
                match ranges.last_mut() {
                    Some(last) if last.end >= at => last.end = last.end.max(at + 1),
                    _ => ranges.push(at..at + 1),
                }
            }
            is_stale = write(i).unwrap_or(is_stale);
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use crate::ir::Pos;
    use crate::ir::text::parse;

    use super::super::Change;
    use super::Intact;

    /// At which addresses a local is stale where the writes at `lost` are gone.
    fn stale(before: &str, local: u32, lost: &[u32]) -> Vec<u32> {
        let before = parse(before);
        let mut after = before.clone();
        after.lost_writes = lost.iter().map(|&at| Pos { at, site: None }).collect();
        let mut intact = Intact::new(&Change {
            before: Some(&before),
            after: &after,
            renaming: None,
            body: &[],
        });
        let all = 0..before.insts.len() as u32;
        all.filter(|&at| !intact.holds(local, at)).collect()
    }

    #[test]
    fn from_a_lost_write_to_the_next() {
        let before = "func (i32) -> (i32) i32 i32
            local.get 0
            local.set 1
            local.get 0
            local.set 1
            local.get 1
            local.set 2
            local.get 2
            ret";
        assert_eq!(stale(before, 1, &[1]), [2, 3]);
        assert_eq!(stale(before, 1, &[3]), [4, 5, 6, 7]);
        assert_eq!(stale(before, 1, &[]), [0u32; 0]);
        assert_eq!(stale(before, 2, &[1, 3]), [0u32; 0]);
    }

    #[test]
    fn around_loops_and_past_branches() {
        let before = "func (i32) -> () i32
            local.get 0
            jz L0
            i32.push 1
            local.set 1
        L0:
            nop
            loop L1
            i32.push 2
            local.get 0
            jnz L2
            local.set 1
            jmp L1
        L2:
            pop
            ret";
        // Lost in one arm, it is stale where both meet; the loop writes it behind its test.
        assert_eq!(stale(before, 1, &[3]), [4, 5, 6, 7, 8, 9, 10, 12, 13, 14]);
        // Lost in the loop, it is stale from its start on.
        assert_eq!(stale(before, 1, &[10]), [6, 7, 8, 9, 10, 11, 12, 13, 14]);
    }
}
