//! Removal of writes to locals that nobody reads before the next write.
//!
//! Which locals are read later is found by going backwards over the blocks until nothing changes.
//! Functions so large, or loops so deep, that this would not be linear in practice are left alone.

use dotvm_isa::Op;

use crate::ir::cfg::Cfg;
use crate::ir::{Func, Inst};

/// The most words of bit sets.
const MAX_WORDS: usize = 1 << 21;

/// The most passes over the blocks.
const MAX_ROUNDS: usize = 24;

/// A set of locals for each block.
struct Sets {
    words: Vec<u64>,
    per_block: usize,
}

impl Sets {
    fn of(&mut self, block: usize) -> &mut [u64] {
        &mut self.words[block * self.per_block..][..self.per_block]
    }
}

fn insert(set: &mut [u64], local: u32) {
    set[local as usize / 64] |= 1 << (local % 64);
}

fn remove(set: &mut [u64], local: u32) {
    set[local as usize / 64] &= !(1 << (local % 64));
}

fn contains(set: &[u64], local: u32) -> bool {
    set[local as usize / 64] >> (local % 64) & 1 == 1
}

/// Removes dead writes; returns how many.
pub(super) fn run(func: &mut Func) -> usize {
    let cfg = Cfg::new(func);
    let Some(mut live_in) = live(func, &cfg) else {
        return 0;
    };
    let mut changes = 0;
    let mut removed = Vec::new();
    for block in 0..cfg.blocks.len() {
        let mut after = vec![0; live_in.per_block];
        cfg.successors(func, block, |next| union(&mut after, live_in.of(next)));
        for i in cfg.blocks[block].clone().rev() {
            match func.insts[i].local() {
                Some((Op::LocalGet, local)) => insert(&mut after, local),
                Some((Op::LocalSet, local)) if !contains(&after, local) => {
                    func.insts[i] = Inst::op(Op::Pop);
                    func.lost_writes.push(func.insts.positions()[i]);
                    changes += 1;
                }
                Some((Op::LocalTee, local)) if !contains(&after, local) => removed.push(i),
                Some((_, local)) => remove(&mut after, local),
                None => {}
            }
        }
    }
    changes += removed.len();
    removed.sort_unstable();
    let mut removed = removed.into_iter().peekable();
    let mut i = 0;
    let lost = &mut func.lost_writes;
    func.insts.retain_mut(|_, pos| {
        let gone = removed.next_if_eq(&i).is_some();
        if gone {
            lost.push(pos);
        }
        i += 1;
        !gone
    });
    changes
}

/// Tells whether a local is read later than in a block, before it is written; `None` where finding out would
/// take too long.
pub(super) fn live_after(func: &Func, cfg: &Cfg) -> Option<impl Fn(usize, u32) -> bool + use<>> {
    let live_in = live(func, cfg)?;
    let mut after = Vec::with_capacity(cfg.blocks.len());
    for block in 0..cfg.blocks.len() {
        let mut next_blocks = Vec::new();
        cfg.successors(func, block, |next| next_blocks.push(next));
        after.push(next_blocks);
    }
    let is_live = move |block: usize, local: u32| {
        let words = live_in.per_block;
        let mut nexts = after[block].iter();
        nexts.any(|&next| contains(&live_in.words[next * words..][..words], local))
    };
    Some(is_live)
}

/// The locals that are read at the start of each block or later, before they are written.
fn live(func: &Func, cfg: &Cfg) -> Option<Sets> {
    let per_block = func.locals.len().div_ceil(64);
    let words = per_block * cfg.blocks.len();
    if words > MAX_WORDS {
        return None;
    }
    let empty = || Sets {
        words: vec![0; words],
        per_block,
    };
    let (mut live_in, mut written) = (empty(), empty());
    for (block, range) in cfg.blocks.iter().enumerate() {
        for &inst in &func.insts[range.clone()] {
            match inst.local() {
                Some((Op::LocalGet, local)) if !contains(written.of(block), local) => {
                    insert(live_in.of(block), local);
                }
                Some((Op::LocalSet | Op::LocalTee, local)) => insert(written.of(block), local),
                _ => {}
            }
        }
    }
    let mut out = vec![0; per_block];
    for _ in 0..MAX_ROUNDS {
        let mut changed = false;
        for block in (0..cfg.blocks.len()).rev() {
            out.fill(0);
            cfg.successors(func, block, |next| union(&mut out, live_in.of(next)));
            let passed = out
                .iter()
                .zip(written.of(block))
                .map(|(out, written)| out & !*written);
            for (word, passed) in live_in.of(block).iter_mut().zip(passed) {
                changed |= passed & !*word != 0;
                *word |= passed;
            }
        }
        if !changed {
            return Some(live_in);
        }
    }
    None
}

fn union(into: &mut [u64], from: &[u64]) {
    for (into, from) in into.iter_mut().zip(from) {
        *into |= from;
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::testing::check_pass;

    fn check(before: &str, after: Expect) {
        check_pass(|func, _| super::run(func), before, &after);
    }

    #[test]
    fn writes_nobody_reads() {
        check(
            "func (i32) -> (i32) i32 i32
                local.get 0
                local.set 1
                local.get 0
                i32.load 0
                local.tee 1
                local.tee 2
                local.get 1
                i32.add
                local.set 0
                local.get 1
                ret",
            expect![[r#"
                func (i32) -> (i32) i32 i32
                    local.get 0
                    pop
                    local.get 0
                    i32.load 0
                    local.tee 1
                    local.get 1
                    i32.add
                    pop
                    local.get 1
                    ret
            "#]],
        );
    }

    #[test]
    fn loops_read_what_the_last_round_wrote() {
        check(
            "func (i32) -> () i32 i32
                loop L0
                local.get 1
                i32.push 1
                i32.add
                local.set 1
                i32.push 3
                local.set 2
                local.get 0
                jnz L0
                i32.push 4
                local.set 0
                ret",
            expect![[r#"
                func (i32) -> () i32 i32
                    loop L0
                    local.get 1
                    i32.push 1
                    i32.add
                    local.set 1
                    i32.push 3
                    pop
                    local.get 0
                    jnz L0
                    i32.push 4
                    pop
                    ret
            "#]],
        );
    }
}
