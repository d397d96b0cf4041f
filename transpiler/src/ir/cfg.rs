//! Basic blocks of a function, as ranges of its instructions.

use std::ops::Range;

use super::{Func, Inst};

/// The basic blocks of a function in code order.
#[derive(Clone, Debug)]
pub(crate) struct Cfg {
    /// The instructions of each block: labels first, at most one jump last.
    pub(crate) blocks: Vec<Range<usize>>,
    /// The block that starts at each label; `u32::MAX` where a label is nowhere.
    block_of: Vec<u32>,
}

impl Cfg {
    /// Finds the blocks.
    pub(crate) fn new(func: &Func) -> Cfg {
        let mut cfg = Cfg {
            blocks: Vec::new(),
            block_of: vec![u32::MAX; func.labels as usize],
        };
        let mut start = 0;
        let mut in_labels = true;
        for (i, &inst) in func.insts.iter().enumerate() {
            if inst.is_target() && !in_labels {
                cfg.close(&mut start, i);
            }
            if let Inst::Label(label) | Inst::Loop(label) = inst {
                cfg.block_of[label.0 as usize] = cfg.blocks.len() as u32;
            }
            // The instruction `loop` itself runs, so what follows it is another place than what
            // stands before it, but no jump leads between: one block may hold both.
            in_labels = inst.is_target();
            if inst.ends_block() {
                cfg.close(&mut start, i + 1);
                in_labels = true;
            }
        }
        cfg.close(&mut start, func.insts.len());
        cfg
    }

    fn close(&mut self, start: &mut usize, end: usize) {
        if *start < end {
            self.blocks.push(*start..end);
        }
        *start = end;
    }

    /// Calls `each` with every block that control may go to from `block`.
    pub(crate) fn successors(&self, func: &Func, block: usize, mut each: impl FnMut(usize)) {
        let last = func.insts[self.blocks[block].end - 1];
        if !last.is_terminator() && block + 1 < self.blocks.len() {
            each(block + 1);
        }
        for label in func.targets(last) {
            let target = self.block_of[label.0 as usize];
            if target != u32::MAX {
                each(target as usize);
            }
        }
    }

    /// Which blocks control may reach from the function's start.
    pub(crate) fn reachable(&self, func: &Func) -> Vec<bool> {
        let mut reached = vec![false; self.blocks.len()];
        let mut work = Vec::new();
        if let Some(entry) = reached.first_mut() {
            *entry = true;
            work.push(0);
        }
        while let Some(block) = work.pop() {
            self.successors(func, block, |next| {
                if !std::mem::replace(&mut reached[next], true) {
                    work.push(next);
                }
            });
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::parse;
    use super::*;

    #[test]
    fn blocks_and_edges() {
        let func = parse(
            "func (i32) -> ()
                local.get 0
                br_table L0 L1 L0
            L0:
                loop L2
                local.get 0
                jnz L2
                nop
                jmp L1
                nop
            L1:
                ret",
        );
        let cfg = Cfg::new(&func);
        assert_eq!(cfg.blocks, [0..2, 2..6, 6..8, 8..9, 9..11]);
        let edges: Vec<Vec<usize>> = (0..cfg.blocks.len())
            .map(|block| {
                let mut next = Vec::new();
                cfg.successors(&func, block, |to| next.push(to));
                next
            })
            .collect();
        assert_eq!(edges, [vec![1, 4, 1], vec![2, 1], vec![4], vec![4], vec![]]);
        assert_eq!(cfg.reachable(&func), [true, true, true, false, true]);
    }
}
