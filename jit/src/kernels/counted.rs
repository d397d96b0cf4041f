//! Loops that count: where it can be told in advance that many iterations follow.
//!
//! Such a loop is a chain of basic blocks. Its *counters* are locals of 32 bits that each iteration adds a
//! constant to. One of its conditional jumps, the *test*, compares a counter with something that stays the
//! same; as long as the counter is far from that, the test need not be made.

use std::collections::BTreeMap;
use std::ops::Range;

use dotvm_isa::{Instr, Op, ValType};

use super::Region;
use super::region::Block;
use super::scalar::Condition;
use crate::analysis::Analysis;

/// What is known of such a loop.
#[derive(Debug)]
pub(super) struct Counted {
    /// The counters by their locals.
    pub(super) counters: BTreeMap<u32, Counter>,
    pub(super) test: Test,
    /// Sums of a counter that rises and a local that the loop does not write, by the index of the first of
    /// their three instructions.
    pub(super) pairs: BTreeMap<usize, Pair>,
    /// Locals that nothing but such a sum is put into, by the index of the instruction that does it.
    pub(super) derived: BTreeMap<usize, u32>,
}

/// A sum of two locals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pair {
    /// The one that stays the same.
    pub(super) base: u32,
    pub(super) counter: u32,
}

/// A local that each iteration adds a constant to.
#[derive(Clone, Debug)]
pub(super) struct Counter {
    /// The constant, not zero.
    pub(super) step: i32,
    /// Indices of the instructions that do it.
    pub(super) instrs: Range<usize>,
}

/// The jump that ends the loop when a counter has arrived.
#[derive(Clone, Debug)]
pub(super) struct Test {
    /// Indices of its instructions: from the one that pushes the counter or the bound on.
    pub(super) instrs: Range<usize>,
    /// The counter's local.
    pub(super) counter: u32,
    /// The loop goes on at least while the counter compares so with the bound: is below or above.
    pub(super) before: Condition,
    pub(super) bound: Bound,
}

/// What a counter is compared with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bound {
    Const(i32),
    /// A local that the loop does not write.
    Local(u32),
}

impl Counted {
    /// What is known of a loop; `None` where it is none that counts.
    pub(super) fn of(analysis: &Analysis, region: &Region) -> Option<Counted> {
        if !is_chain(analysis, region) {
            return None;
        }
        let writes = writes(analysis, region);
        let mut counters = BTreeMap::new();
        for (&local, indices) in &writes {
            let counter = match indices[..] {
                [at] => counter(analysis, region, local, at),
                _ => None,
            };
            if let Some(counter) = counter {
                counters.insert(local, counter);
            }
        }
        let is_fixed = |local: u32| !writes.contains_key(&local);
        let test = region
            .blocks
            .iter()
            .find_map(|block| test(analysis, region, block, &counters, &is_fixed))?;
        let pair = |at: usize| Some((at, pair(analysis, at, &counters, &is_fixed)?));
        let starts = |block: &Block| block.instrs.start..block.instrs.end.saturating_sub(2);
        let pairs: BTreeMap<usize, Pair> = region
            .blocks
            .iter()
            .flat_map(starts)
            .filter_map(pair)
            .collect();
        let derived = |(&local, indices): (&u32, &Vec<usize>)| match indices[..] {
            [at] if pairs.contains_key(&at.checked_sub(3)?) => Some((at, local)),
            _ => None,
        };
        let derived = writes.iter().filter_map(derived).collect();
        Some(Counted {
            counters,
            test,
            pairs,
            derived,
        })
    }
}

/// Whether each block leads to the next one and the last one to the first, or else out of the loop.
fn is_chain(analysis: &Analysis, region: &Region) -> bool {
    let header = region.blocks[0].start;
    let is_exit = |offset: u32| region.exits.iter().any(|exit| exit.to == offset);
    (1..=region.blocks.len()).all(|next| {
        let instrs = &region.blocks[next - 1].instrs;
        let last = &analysis.instrs[instrs.end - 1];
        let below = analysis.instrs.get(instrs.end).map(|instr| instr.offset);
        let next = region.blocks.get(next).map(|block| block.start);
        let to = last.a as u32;
        match (last.op, next) {
            (Op::Jmp, next) => to == next.unwrap_or(header),
            (Op::Jz | Op::Jnz, Some(_)) => is_exit(to) && below == next,
            (Op::Jz | Op::Jnz, None) => to == header && below.is_some_and(is_exit),
            (_, next) => next.is_some() && below == next,
        }
    })
}

/// Indices of the instructions that write each local.
fn writes(analysis: &Analysis, region: &Region) -> BTreeMap<u32, Vec<usize>> {
    let mut writes: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for at in region.blocks.iter().flat_map(|block| block.instrs.clone()) {
        let instr = &analysis.instrs[at];
        if matches!(instr.op, Op::LocalSet | Op::LocalTee) {
            writes.entry(instr.a as u32).or_default().push(at);
        }
    }
    writes
}

/// The local as a counter, where the instruction at an index is the last one of its addition.
fn counter(analysis: &Analysis, region: &Region, local: u32, at: usize) -> Option<Counter> {
    let instrs = at.checked_sub(3)?..at + 1;
    let is_in = |block: &Block| block.instrs.contains(&instrs.start) && block.instrs.contains(&at);
    if analysis.locals[local as usize] != ValType::I32 || !region.blocks.iter().any(is_in) {
        return None;
    }
    let [first, second, sum, _] = analysis.instrs[instrs.clone()] else {
        return None;
    };
    let is_get = |instr: Instr| instr.op == Op::LocalGet && instr.a == u64::from(local);
    let step = match (first.op, second.op, sum.op) {
        (_, Op::I32Push, Op::I32Add) if is_get(first) => second.a as i32,
        (Op::I32Push, _, Op::I32Add) if is_get(second) => first.a as i32,
        (_, Op::I32Push, Op::I32Sub) if is_get(first) => (second.a as i32).wrapping_neg(),
        _ => return None,
    };
    (step != 0 && step != i32::MIN).then_some(Counter { step, instrs })
}

/// The sum that the instruction at an index and the next two compute.
fn pair(
    analysis: &Analysis,
    at: usize,
    counters: &BTreeMap<u32, Counter>,
    is_fixed: &dyn Fn(u32) -> bool,
) -> Option<Pair> {
    let [first, second, sum] = analysis.instrs[at..at + 3] else {
        return None;
    };
    let gets = first.op == Op::LocalGet && second.op == Op::LocalGet;
    if !gets || sum.op != Op::I32Add {
        return None;
    }
    let rises = |local: u32| counters.get(&local).is_some_and(|it| it.step > 0);
    let pair = |base: u64, counter: u64| {
        let (base, counter) = (base as u32, counter as u32);
        (is_fixed(base) && rises(counter)).then_some(Pair { base, counter })
    };
    pair(first.a, second.a).or_else(|| pair(second.a, first.a))
}

/// The test, where a block ends with one.
fn test(
    analysis: &Analysis,
    region: &Region,
    block: &Block,
    counters: &BTreeMap<u32, Counter>,
    is_fixed: &dyn Fn(u32) -> bool,
) -> Option<Test> {
    let instr = |back: usize| {
        let at = block.instrs.end.checked_sub(back)?;
        block.instrs.contains(&at).then(|| analysis.instrs[at])
    };
    let counter = |instr: Instr| {
        let pushes = matches!(instr.op, Op::LocalGet | Op::LocalTee);
        let local = instr.a as u32;
        (pushes && counters.contains_key(&local)).then_some(local)
    };
    let bound = |instr: Instr| match instr.op {
        Op::I32Push => Some(Bound::Const(instr.a as i32)),
        Op::LocalGet if is_fixed(instr.a as u32) => Some(Bound::Local(instr.a as u32)),
        _ => None,
    };
    let (jump, compare) = (instr(1)?, instr(2)?);
    let (counter, holds, bound, len) = if let Some(counter) = counter(compare) {
        (counter, Condition::NotEqual, Bound::Const(0), 2)
    } else if compare.op == Op::I32Eqz {
        (counter(instr(3)?)?, Condition::Equal, Bound::Const(0), 3)
    } else {
        let (condition, wide) = Condition::of(compare.op)?;
        let (left, right) = (instr(4)?, instr(3)?);
        if wide {
            return None;
        }
        match (counter(left), counter(right)) {
            (Some(counter), None) => (counter, condition, bound(right)?, 4),
            // Instructions of the addition would be in between.
            (None, Some(counter)) if right.op == Op::LocalGet => {
                (counter, condition.swapped(), bound(left)?, 4)
            }
            _ => return None,
        }
    };
    let back = match jump.op {
        Op::Jz | Op::Jnz => jump.a as u32 == region.blocks[0].start,
        _ => return None,
    };
    // A jump back is taken where the loop goes on, one out of it where not.
    let stays = match (jump.op == Op::Jnz) == back {
        true => holds,
        false => holds.not(),
    };
    Some(Test {
        instrs: block.instrs.end - len..block.instrs.end,
        counter,
        before: stays.before(counters[&counter].step > 0)?,
        bound,
    })
}

impl Condition {
    /// How a number that rises, or else falls, compares with a bound before it comes there, so that this
    /// condition holds.
    fn before(self, rises: bool) -> Option<Condition> {
        use Condition as C;
        match (self, rises) {
            (C::NotEqual, true) => Some(C::Below),
            (C::NotEqual, false) => Some(C::Above),
            (C::Less | C::Below | C::LessOrEqual | C::BelowOrEqual, true) => Some(self),
            (C::Greater | C::Above | C::GreaterOrEqual | C::AboveOrEqual, false) => Some(self),
            _ => None,
        }
    }
}
