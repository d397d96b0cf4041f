//! Removal of code that control never reaches, and of labels and loop markers nobody jumps to.

use dotvm_isa::Op;

use crate::ir::cfg::Cfg;
use crate::ir::{Code, Func, Inst};

/// How labels are used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    None,
    Forward,
    Backward,
}

/// Removes what is not needed; returns how many instructions and labels went.
pub(super) fn run(func: &mut Func) -> usize {
    let before = func.insts.len();
    remove_blocks(func);
    remove_labels(func);
    before - func.insts.len()
}

fn remove_blocks(func: &mut Func) {
    let cfg = Cfg::new(func);
    let reachable = cfg.reachable(func);
    if reachable.iter().all(|&reached| reached) {
        return;
    }
    let mut kept = Code::with_capacity(func.insts.len());
    // The end of a region stays where its start does, whether or not control comes there.
    let mut regions = Vec::new();
    for (block, reached) in cfg.blocks.iter().zip(reachable) {
        let end = block.end - 1;
        let marker = match func.insts[end] {
            Inst::Try(_) => {
                regions.push(reached);
                reached
            }
            inst if inst == Inst::op(Op::EndTry) => regions.pop().unwrap_or(reached),
            _ => reached,
        };
        if reached {
            kept.extend_from(&func.insts, block.start..end);
        }
        if marker {
            kept.extend_from(&func.insts, end..block.end);
        }
    }
    func.insts = kept;
}

fn remove_labels(func: &mut Func) {
    let mut uses = vec![Use::None; func.labels as usize];
    let mut placed = vec![false; func.labels as usize];
    for &inst in &func.insts {
        if let Inst::Label(label) | Inst::Loop(label) = inst {
            placed[label.0 as usize] = true;
        }
        for target in func.targets(inst) {
            let target = target.0 as usize;
            let found = if placed[target] {
                Use::Backward
            } else {
                Use::Forward
            };
            uses[target] = uses[target].max(found);
        }
    }
    func.insts.retain_mut(|inst, _| match *inst {
        Inst::Label(label) => uses[label.0 as usize] != Use::None,
        Inst::Loop(label) => {
            // A loop that nothing jumps back to is a place like any other.
            if uses[label.0 as usize] == Use::Forward {
                *inst = Inst::Label(label);
            }
            uses[label.0 as usize] != Use::None
        }
        _ => true,
    });
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::testing::check_pass;

    fn check(before: &str, after: Expect) {
        check_pass(|func, _| super::run(func), before, &after);
    }

    #[test]
    fn unreachable_blocks() {
        check(
            "func (i32) -> ()
                jmp L0
                nop
                jmp L1
            L1:
                loop L2
                local.get 0
                jnz L2
            L0:
                ret
                nop
                ret",
            expect![[r#"
                func (i32) -> ()
                    jmp L0
                L0:
                    ret
            "#]],
        );
    }

    #[test]
    fn ends_of_regions_stay() {
        check(
            "func () -> ()
                try catch_all L0
                ret
                try catch_all L1
                nop
                end_try
            L1:
                nop
                end_try
            L0:
                ret",
            expect![[r#"
                func () -> ()
                    try catch_all L0
                    ret
                    end_try
                L0:
                    ret
            "#]],
        );
    }

    #[test]
    fn loops_that_are_none() {
        check(
            "func (i32) -> ()
                loop L0
                local.get 0
                jz L2
                nop
            L1:
                loop L2
                loop L3
                local.get 0
                jnz L3
                ret",
            expect![[r#"
                func (i32) -> ()
                    local.get 0
                    jz L2
                    nop
                L2:
                    loop L3
                    local.get 0
                    jnz L3
                    ret
            "#]],
        );
    }
}
