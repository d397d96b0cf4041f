//! Wide words that stay words. The guest SDK passes words as limbs, which compilers put into locals of 64
//! bits; so between two instructions a word is taken apart and put together again. Where the limbs that are
//! put together are those of one word, that word is read from a local instead.
//!
//! A block is looked at by itself ([`scan`]): it says which limbs make up each word, and where these come
//! from. Limbs that were in locals at the block's start are those of a *shadow* ([`shadows`]): a local for
//! words that holds what a group of locals does, wherever somebody reads it. It is brought up to date in each
//! block that writes to the group, which costs little if the group gets the limbs of one word, as it does
//! where a loop carries a word.
//!
//! Limbs are still put into their locals; what nobody reads any more goes with [`super::stores`] and
//! [`super::dead`].

mod scan;
mod shadows;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use dotvm_isa::{Op, ValType};

use super::edits::{Edits, Scratch};
use crate::ir::cfg::Cfg;
use crate::ir::{Env, Func, Inst};
use crate::translate::words::from_limbs;
use scan::{Block, Site, Source, WordId};
use shadows::{Shadows, Update};

/// Functions with more instructions are left alone: time is to stay linear in practice.
const MAX_INSTS: usize = 1 << 18;

/// Reads words where their limbs were put together; returns how many times.
pub(super) fn run(func: &mut Func, env: &Env) -> usize {
    let makes_words = |inst: &Inst| inst.opcode().and_then(word_of_limbs).is_some();
    let is_small = func.insts.len() <= MAX_INSTS;
    if func.has_regions() || !is_small || !func.insts.iter().any(makes_words) {
        return 0;
    }
    let cfg = Cfg::new(func);
    let blocks: Vec<Block> = cfg
        .blocks
        .iter()
        .map(|range| Block::scan(func, env, range.clone()))
        .collect();
    let shadows = Shadows::plan(func, &cfg, &blocks);
    let mut edits = Edits::default();
    let mut scratch = Scratch::default();
    for (index, block) in blocks.iter().enumerate() {
        let mut rewrite = Rewrite {
            block,
            shadows: &shadows,
            edits: &mut edits,
            saved: HashMap::new(),
            scratch: &mut scratch,
            func,
        };
        rewrite.run(index);
        scratch.release_all();
    }
    if edits.count == 0 {
        return 0;
    }
    shadows.enter(func, &mut edits);
    edits.apply(func);
    edits.count
}

/// The type of the words that an instruction makes of limbs.
pub(super) fn word_of_limbs(op: Op) -> Option<ValType> {
    match op {
        Op::I128FromLimbs => Some(ValType::I128),
        Op::I256FromLimbs => Some(ValType::I256),
        Op::I512FromLimbs => Some(ValType::I512),
        Op::V256FromLimbs => Some(ValType::V256),
        Op::V512FromLimbs => Some(ValType::V512),
        _ => None,
    }
}

fn local(op: Op, local: u32) -> Inst {
    Inst::op1(op, u64::from(local))
}

/// The changes of one block.
struct Rewrite<'a> {
    block: &'a Block,
    shadows: &'a Shadows,
    edits: &'a mut Edits,
    /// The locals that keep words of this block.
    saved: HashMap<WordId, u32>,
    scratch: &'a mut Scratch,
    func: &'a mut Func,
}

impl Rewrite<'_> {
    fn run(&mut self, index: usize) {
        for site in &self.block.sites {
            if let Some(read) = self.source_of(site) {
                self.edits.replaced.insert(site.at, read);
                for &push in &site.pushes {
                    self.edits.append_after(push, &[Inst::op(Op::Pop)]);
                }
                self.edits.count += 1;
            }
        }
        for (shadow, update) in self.shadows.updates(index, self.block) {
            self.update(shadow, update);
        }
    }

    /// The instruction that reads the word that a site makes, where there is one.
    fn source_of(&mut self, site: &Site) -> Option<Inst> {
        let word = match &site.source {
            Source::Word(word) => Some(*word),
            Source::Entry(group) => match self.shadows.find(site.ty, group) {
                Some(shadow) => return Some(local(Op::LocalGet, self.shadows.local(shadow))),
                None => site.same_as,
            },
            Source::Other => site.same_as,
        };
        self.read(word?, site.at)
    }

    /// Reads a word in front of the instruction at `at`.
    fn read(&mut self, word: WordId, at: usize) -> Option<Inst> {
        if let Some(holder) = self.block.holder(word, at) {
            return Some(local(Op::LocalGet, holder));
        }
        let place = self.block.place_to_save(word, at)?;
        if let Some(&saved) = self.saved.get(&word) {
            return Some(local(Op::LocalGet, saved));
        }
        let saved = self.scratch.take(self.func, self.block.ty(word));
        let tee = [local(Op::LocalTee, saved)];
        match place {
            scan::Place::Before(at) => self.edits.insert_before(at, &tee),
            scan::Place::After(at) => self.edits.insert_after(at, &tee),
        }
        self.saved.insert(word, saved);
        Some(local(Op::LocalGet, saved))
    }

    /// Brings a shadow up to date behind the last write to its group.
    fn update(&mut self, shadow: usize, update: Update) {
        let ty = self.shadows.ty(shadow);
        let Update { at, source } = update;
        let read = match source {
            shadows::Source::Word(word) => self.read(word, at + 1),
            shadows::Source::Shadow { of, kept: true } => {
                Some(local(Op::LocalGet, self.shadows.local(of)))
            }
            shadows::Source::Shadow { of, kept: false } => {
                let saved = self.scratch.take(self.func, ty);
                let copy = [self.shadows.local(of), saved];
                let copy = [local(Op::LocalGet, copy[0]), local(Op::LocalSet, copy[1])];
                self.edits.insert_before(self.block.start, &copy);
                Some(local(Op::LocalGet, saved))
            }
            shadows::Source::Limbs => None,
        };
        let mut insts = match read {
            Some(read) => vec![read],
            None => self.shadows.make(shadow),
        };
        insts.push(local(Op::LocalSet, self.shadows.local(shadow)));
        self.edits.append_after(at, &insts);
        self.edits.slots = self.edits.slots.max(ty.slots());
    }
}
