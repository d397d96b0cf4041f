//! Shadows: locals for words that hold what groups of locals do.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use dotvm_isa::{Op, ValType};

use super::scan::{self, Block, Value, WordId};
use super::{Edits, from_limbs, local};
use crate::ir::cfg::Cfg;
use crate::ir::{Func, Inst};

/// The most shadows of a function: as many as a set has.
const MAX_SHADOWS: usize = 64;

/// The most passes over the blocks.
const MAX_ROUNDS: usize = 24;

/// A set of shadows.
type Set = u64;

/// A group of locals that is read as a word at the start of some block.
#[derive(Debug)]
struct Shadow {
    ty: ValType,
    group: Vec<u32>,
    /// The local that holds the word.
    local: u32,
}

/// Where the word comes from that a group gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// The limbs are those of a word of this block.
    Word(WordId),
    /// The limbs are those that another group had at the block's start; `kept` where its shadow is still what
    /// it was then.
    Shadow { of: usize, kept: bool },
    /// The limbs have to be put together.
    Limbs,
}

/// What brings a shadow up to date, behind the instruction at `at`: the last write to the group, or later. In
/// the same block nobody reads it from the first write on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Update {
    pub(super) at: usize,
    pub(super) source: Source,
}

/// The shadows of a function.
#[derive(Debug, Default)]
pub(super) struct Shadows {
    shadows: Vec<Shadow>,
    by_group: HashMap<(ValType, Vec<u32>), usize>,
    /// Those that are worth it.
    chosen: Set,
    /// Those that are read at the end of each block or later.
    needed: Vec<Set>,
    /// Those that are read before anything is written to their groups.
    needed_at_start: Set,
}

impl Shadows {
    /// Chooses groups that are to have a shadow.
    pub(super) fn plan(func: &mut Func, cfg: &Cfg, blocks: &[Block]) -> Shadows {
        let mut shadows = Shadows::default();
        for site in blocks.iter().flat_map(|block| &block.sites) {
            if let scan::Source::Entry(group) = &site.source
                && shadows.shadows.len() < MAX_SHADOWS
                && let Entry::Vacant(entry) = shadows.by_group.entry((site.ty, group.clone()))
            {
                entry.insert(shadows.shadows.len());
                shadows.shadows.push(Shadow {
                    ty: site.ty,
                    group: group.clone(),
                    local: 0,
                });
            }
        }
        if shadows.shadows.is_empty() {
            return shadows;
        }
        shadows.chosen = Set::MAX >> (MAX_SHADOWS - shadows.shadows.len());
        let weights = weights(func, cfg);
        // Without one, updates of others may cost more.
        loop {
            shadows.find_needed(func, cfg, blocks);
            let costly = shadows.costly(func, blocks, &weights);
            if costly == 0 {
                break;
            }
            shadows.chosen &= !costly;
        }
        for shadow in 0..shadows.shadows.len() {
            if shadows.chosen >> shadow & 1 == 1 {
                shadows.shadows[shadow].local = func.locals.len() as u32;
                func.locals.push(shadows.shadows[shadow].ty);
            }
        }
        shadows
    }

    /// The shadow of a group as a word of that type, if it has one.
    pub(super) fn find(&self, ty: ValType, group: &[u32]) -> Option<usize> {
        let shadow = *self.by_group.get(&(ty, group.to_vec()))?;
        (self.chosen >> shadow & 1 == 1).then_some(shadow)
    }

    pub(super) fn local(&self, shadow: usize) -> u32 {
        self.shadows[shadow].local
    }

    pub(super) fn ty(&self, shadow: usize) -> ValType {
        self.shadows[shadow].ty
    }

    /// Puts the word together that a group holds.
    pub(super) fn make(&self, shadow: usize) -> Vec<Inst> {
        let Shadow { ty, group, .. } = &self.shadows[shadow];
        let limbs = group.iter().map(|&limb| local(Op::LocalGet, limb));
        limbs.chain([from_limbs(*ty)]).collect()
    }

    /// The updates that a block needs.
    pub(super) fn updates<'a>(
        &'a self,
        index: usize,
        block: &'a Block,
    ) -> impl Iterator<Item = (usize, Update)> + 'a {
        let needed = self.needed.get(index).copied().unwrap_or(0);
        let needed = (0..self.shadows.len()).filter(move |shadow| needed >> shadow & 1 == 1);
        needed.filter_map(|shadow| Some((shadow, self.update(shadow, block)?)))
    }

    /// How a shadow is brought up to date in a block that writes to its group.
    fn update(&self, shadow: usize, block: &Block) -> Option<Update> {
        let Shadow { ty, group, .. } = &self.shadows[shadow];
        let writes = group.iter().filter_map(|limb| block.writes.get(limb));
        let mut at = writes.map(|writes| writes.last).max()?;
        let limbs: Vec<Value> = group.iter().map(|&limb| block.value_at_end(limb)).collect();
        let source = match limbs[0] {
            Value::Limb(word, 0) if block.ty(word) == *ty && is_whole(&limbs, word) => {
                Source::Word(word)
            }
            Value::Entry(_) => self.copied(*ty, &limbs, at, block),
            _ => match block.made(*ty, limbs) {
                Some(word) => {
                    // The limbs may be put together later. Nobody reads the shadow in between.
                    at = at.max(block.made_at(word));
                    Source::Word(word)
                }
                None => Source::Limbs,
            },
        };
        Some(Update { at, source })
    }

    fn copied(&self, ty: ValType, limbs: &[Value], at: usize, block: &Block) -> Source {
        let entries = limbs.iter().map(|&limb| match limb {
            Value::Entry(local) => Some(local),
            _ => None,
        });
        let from: Option<Vec<u32>> = entries.collect();
        let Some((from, of)) = from.and_then(|from| Some((self.find(ty, &from)?, from))) else {
            return Source::Limbs;
        };
        let mut writes = of.iter().filter_map(|limb| block.writes.get(limb));
        let kept = writes.all(|writes| writes.first > at);
        Source::Shadow { of: from, kept }
    }

    /// Shadows that are read in a block while its group still holds what it did at the start.
    fn read(&self, block: &Block) -> Set {
        let groups = block.sites.iter().filter_map(|site| match &site.source {
            scan::Source::Entry(group) => self.find(site.ty, group),
            _ => None,
        });
        groups.fold(0, |set, shadow| set | 1 << shadow)
    }

    /// Finds out which of the chosen shadows are read later than where.
    fn find_needed(&mut self, func: &Func, cfg: &Cfg, blocks: &[Block]) {
        let mut at_start: Vec<Set> = blocks.iter().map(|block| self.read(block)).collect();
        self.needed = vec![0; blocks.len()];
        for round in 0.. {
            let mut changed = false;
            for (index, block) in blocks.iter().enumerate().rev() {
                let mut needed = 0;
                cfg.successors(func, index, |next| needed |= at_start[next]);
                self.needed[index] = needed;
                let mut start = at_start[index];
                for shadow in (0..self.shadows.len()).filter(|shadow| needed >> shadow & 1 == 1) {
                    start |= match self.update(shadow, block).map(|update| update.source) {
                        None => 1 << shadow,
                        Some(Source::Shadow { of, .. }) => 1 << of,
                        Some(_) => 0,
                    };
                }
                changed |= start != at_start[index];
                at_start[index] = start;
            }
            if !changed {
                break;
            }
            if round == MAX_ROUNDS {
                // Loops deeper than programs have them.
                self.chosen = 0;
                self.needed.fill(0);
                return;
            }
        }
        self.needed_at_start = at_start.first().copied().unwrap_or(0);
    }

    /// Shadows that take more putting together than they save.
    fn costly(&self, func: &Func, blocks: &[Block], weights: &[u64]) -> Set {
        let mut saved = vec![0i64; self.shadows.len()];
        for (index, (block, &weight)) in blocks.iter().zip(weights).enumerate() {
            for site in &block.sites {
                if let scan::Source::Entry(group) = &site.source
                    && let Some(shadow) = self.find(site.ty, group)
                {
                    saved[shadow] += weight as i64;
                }
            }
            for (shadow, update) in self.updates(index, block) {
                if update.source == Source::Limbs {
                    saved[shadow] -= weight as i64;
                }
            }
        }
        for (shadow, saved) in saved.iter_mut().enumerate() {
            *saved -= i64::from(self.starts_with_parameters(shadow, func));
        }
        let costly = |&shadow: &usize| self.chosen >> shadow & 1 == 1 && saved[shadow] <= 0;
        let costly = (0..self.shadows.len()).filter(costly);
        costly.fold(0, |set, shadow| set | 1 << shadow)
    }

    /// Whether a shadow has to be made of parameters.
    fn starts_with_parameters(&self, shadow: usize, func: &Func) -> bool {
        let is_needed = self.needed_at_start >> shadow & 1 == 1;
        is_needed
            && self.shadows[shadow]
                .group
                .iter()
                .any(|&limb| limb < func.params)
    }

    /// Makes those shadows at the function's start that are not zero there.
    pub(super) fn enter(&self, func: &Func, edits: &mut Edits) {
        for shadow in 0..self.shadows.len() {
            if self.chosen >> shadow & 1 == 1 && self.starts_with_parameters(shadow, func) {
                let mut insts = self.make(shadow);
                insts.push(local(Op::LocalSet, self.local(shadow)));
                edits.insert_at_start(&insts, self.ty(shadow));
            }
        }
    }
}

/// Whether these are all limbs of a word in their order.
fn is_whole(limbs: &[Value], word: WordId) -> bool {
    limbs
        .iter()
        .zip(0..)
        .all(|(&limb, i)| limb == Value::Limb(word, i))
}

/// How often blocks run, as guessed by how deep in loops they are.
fn weights(func: &Func, cfg: &Cfg) -> Vec<u64> {
    /// How often a loop goes round.
    const ROUNDS: u64 = 8;
    const MAX_DEPTH: u32 = 5;
    let mut starts = HashMap::new();
    let mut depths = vec![0i32; func.insts.len() + 1];
    for (at, &inst) in func.insts.iter().enumerate() {
        if let Inst::Loop(label) = inst {
            starts.insert(label, at);
        }
    }
    let mut ends = HashMap::new();
    for (at, &inst) in func.insts.iter().enumerate() {
        for target in func.targets(inst) {
            if let Some(&start) = starts.get(&target)
                && start <= at
            {
                ends.insert(start, at);
            }
        }
    }
    for (start, end) in ends {
        depths[start] += 1;
        depths[end + 1] -= 1;
    }
    let mut depth = 0;
    for change in &mut depths {
        depth += *change;
        *change = depth;
    }
    let weight = |block: &std::ops::Range<usize>| {
        let depth = depths[block.end - 1].unsigned_abs();
        ROUNDS.pow(depth.min(MAX_DEPTH))
    };
    cfg.blocks.iter().map(weight).collect()
}
