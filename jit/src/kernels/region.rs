//! Which part of a function a loop is.

use std::ops::Range;

use dotvm_isa::{Instr, Op};

use super::Exit;
use crate::analysis::Analysis;

/// The most basic blocks of a loop.
const MAX_BLOCKS: usize = 64;

/// The most instructions: generating takes time by their square, where the operand stack gets as deep.
const MAX_INSTRS: usize = 1 << 12;

/// An innermost loop that is entered at its header alone.
#[derive(Debug)]
pub(crate) struct Region {
    /// Its basic blocks, in code order; the first is the header.
    pub(super) blocks: Vec<Block>,
    /// The ways out.
    pub(super) exits: Vec<Exit>,
}

/// A basic block.
#[derive(Debug)]
pub(super) struct Block {
    /// Offset of its first instruction.
    pub(super) start: u32,
    /// Indices of its instructions.
    pub(super) instrs: Range<usize>,
}

impl Region {
    /// The loop with that header; `None` where it is no such loop.
    pub(super) fn find(analysis: &Analysis, header: u32) -> Option<Region> {
        let last = *analysis.loops.get(&header)?;
        let innermost = analysis.loops.range(header + 1..=last).next().is_none();
        // Where exceptions go on is not looked at.
        if !innermost || !analysis.regions.is_empty() {
            return None;
        }
        let instrs = analysis.index(header)?..analysis.index(last)? + 1;
        if instrs.len() > MAX_INSTRS {
            return None;
        }
        let all = blocks(analysis, instrs)?;
        let inside = in_loop(analysis, &all, header);
        let kept: Vec<Block> = all
            .into_iter()
            .zip(inside)
            .filter_map(|(block, inside)| inside.then_some(block))
            .collect();
        let region = Region {
            exits: exits(analysis, &kept)?,
            blocks: kept,
        };
        (region.is_closed(analysis, last) && !region.exits.is_empty()).then_some(region)
    }

    /// Whether it is entered at its header alone, and only what is in it jumps back there.
    fn is_closed(&self, analysis: &Analysis, last: u32) -> bool {
        let header = self.blocks[0].start;
        let is_inside = |from: u32| {
            let next = self.blocks.partition_point(|block| block.start <= from);
            let block = next.checked_sub(1).map(|at| &self.blocks[at]);
            block.is_some_and(|block| from <= analysis.instrs[block.instrs.end - 1].offset)
        };
        let enters = |to: u32, from: u32| to == header && !(header..=last).contains(&from);
        self.blocks.iter().all(|block| {
            let mut jumps = analysis.jumps_to(block.start);
            jumps.all(|from| is_inside(from) || enters(block.start, from))
        })
    }

    /// All its instructions.
    pub(super) fn instrs<'a>(&'a self, analysis: &'a Analysis) -> impl Iterator<Item = &'a Instr> {
        self.blocks
            .iter()
            .flat_map(|block| &analysis.instrs[block.instrs.clone()])
    }
}

/// Where control leaves these blocks. `None` where there are other values on the operand stack at the start of
/// a block, inside or outside, than at that of the first one.
fn exits(analysis: &Analysis, blocks: &[Block]) -> Option<Vec<Exit>> {
    let stack = |offset: u32| analysis.leaders.get(&offset).map_or(0, Vec::len);
    let floor = stack(blocks.first()?.start);
    let mut exits: Vec<Exit> = Vec::new();
    for block in blocks {
        let is_leader = analysis.leaders.contains_key(&block.start);
        if is_leader && stack(block.start) != floor {
            return None;
        }
        let from = analysis.instrs[block.instrs.end - 1].offset;
        for to in successors(analysis, block) {
            let inside = blocks.binary_search_by_key(&to, |block| block.start);
            if inside.is_ok() || exits.iter().any(|exit| exit.to == to) {
                continue;
            }
            if stack(to) != floor {
                return None;
            }
            exits.push(Exit { from, to });
        }
    }
    Some(exits)
}

/// The basic blocks of some instructions, unless there are too many.
fn blocks(analysis: &Analysis, all: Range<usize>) -> Option<Vec<Block>> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut ended = true;
    for at in all {
        let instr = &analysis.instrs[at];
        if ended || analysis.leaders.contains_key(&instr.offset) {
            if blocks.len() == MAX_BLOCKS {
                return None;
            }
            blocks.push(Block {
                start: instr.offset,
                instrs: at..at,
            });
        }
        if let Some(block) = blocks.last_mut() {
            block.instrs.end = at + 1;
        }
        ended = instr.op.is_terminator() || matches!(instr.op, Op::Jz | Op::Jnz);
    }
    Some(blocks)
}

/// Where control goes from a block; nowhere for what ends a loop in another way than by a jump.
fn successors(analysis: &Analysis, block: &Block) -> impl Iterator<Item = u32> {
    let last = &analysis.instrs[block.instrs.end - 1];
    let next = analysis
        .instrs
        .get(block.instrs.end)
        .map(|instr| instr.offset);
    let (jump, falls) = match last.op {
        Op::Jmp => (Some(last.a as u32), false),
        Op::Jz | Op::Jnz => (Some(last.a as u32), true),
        op => (None, !op.is_terminator()),
    };
    jump.into_iter().chain(next.filter(|_| falls))
}

/// Which of these blocks the header is reached from again.
fn in_loop(analysis: &Analysis, blocks: &[Block], header: u32) -> Vec<bool> {
    let mut inside = vec![false; blocks.len()];
    let mut changed = true;
    while changed {
        changed = false;
        for (at, block) in blocks.iter().enumerate().rev() {
            let leads_back = |to: u32| {
                let found = blocks.binary_search_by_key(&to, |block| block.start);
                to == header || found.is_ok_and(|found| inside[found])
            };
            if !inside[at] && successors(analysis, block).any(leads_back) {
                inside[at] = true;
                changed = true;
            }
        }
    }
    inside
}
