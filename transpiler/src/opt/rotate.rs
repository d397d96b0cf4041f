//! Loop rotation: a loop that tests at its top and jumps back at its bottom tests at its bottom
//! instead, so that a round costs one jump and not two.
//!
//! ```text
//!     loop L0                       test
//!     test                          jz L1
//!     jz L1                         loop L2
//!     body            becomes       body
//!     jmp L0                        test
//! L1:                               jnz L2
//!                               L1:
//! ```
//!
//! Jumps back from the middle of the body go to the second test.

use std::collections::HashMap;

use crate::ir::{Code, Func, Inst, Label, Pos};

/// The most instructions of a test, the jump included.
const MAX_TEST: usize = 16;

/// The most bytes of a test.
const MAX_TEST_BYTES: usize = 40;

/// A loop to rotate.
struct Loop {
    /// Where the header is.
    header: usize,
    /// Where the conditional jump out of the test is.
    exit: usize,
    /// Where the jump back is.
    back: usize,
    label: Label,
    /// Whether other jumps lead back.
    continues: bool,
}

/// Rotates loops as long as the code grows by no more than `budget` bytes, from which it is
/// taken; returns how many.
pub(super) fn run(func: &mut Func, budget: &mut usize) -> usize {
    let loops = find(func, budget);
    if loops.is_empty() {
        return 0;
    }
    // What stands in place of an instruction.
    let mut edits: HashMap<usize, Code> = HashMap::new();
    let mut continues: HashMap<Label, Label> = HashMap::new();
    for found in &loops {
        let body = func.new_label();
        let jump = func.insts[found.exit];
        let at = |i: usize| -> Pos { func.insts.positions()[i] };
        let (at_header, at_exit, at_back) = (at(found.header), at(found.exit), at(found.back));
        let (out, again) = match jump {
            Inst::Jz(out) => (out, Inst::Jnz(body)),
            Inst::Jnz(out) => (out, Inst::Jz(body)),
            _ => unreachable!("the test ends with a conditional jump"),
        };
        let mut bottom = Code::default();
        if found.continues {
            let label = Label(func.labels);
            func.labels += 1;
            bottom.push(Inst::Label(label), at_back);
            continues.insert(found.label, label);
        }
        bottom.extend_from(&func.insts, found.header + 1..found.exit);
        bottom.push(again, at_exit);
        let after = &func.insts[found.back + 1..];
        if !follows(after, out) {
            bottom.push(Inst::Jmp(out), at_exit);
        }
        let mut exit = Code::default();
        exit.push(jump, at_exit);
        exit.push(Inst::Loop(body), at_header);
        edits.insert(found.header, Code::default());
        edits.insert(found.exit, exit);
        edits.insert(found.back, bottom);
    }
    apply(func, edits, &continues);
    loops.len()
}

/// Whether one of the labels right at the start of `rest` is `label`.
fn follows(rest: &[Inst], label: Label) -> bool {
    rest.iter()
        .map_while(|inst| match inst {
            Inst::Label(at) => Some(*at),
            _ => None,
        })
        .take(8)
        .any(|at| at == label)
}

fn apply(func: &mut Func, mut edits: HashMap<usize, Code>, continues: &HashMap<Label, Label>) {
    let redirect = |label: &mut Label| {
        if let Some(&to) = continues.get(label) {
            *label = to;
        }
    };
    func.tables.iter_mut().flatten().for_each(redirect);
    let mut out = Code::with_capacity(func.insts.len() + 8 * edits.len());
    for (i, (inst, pos)) in func.insts.located().enumerate() {
        let start = out.len();
        match edits.remove(&i) {
            Some(edit) => out.extend_from(&edit, 0..edit.len()),
            None => out.push(inst, pos),
        }
        for inst in &mut out[start..] {
            if let Inst::Jmp(label) | Inst::Jz(label) | Inst::Jnz(label) = inst {
                redirect(label);
            }
        }
    }
    func.insts = out;
}

/// Finds the loops that can be rotated within the budget.
fn find(func: &Func, budget: &mut usize) -> Vec<Loop> {
    let uses = Uses::of(func);
    let mut loops = Vec::new();
    for (header, &inst) in func.insts.iter().enumerate() {
        let Inst::Loop(label) = inst else { continue };
        let Some(back) = uses.last_back[label.0 as usize] else {
            continue;
        };
        if func.insts[back] != Inst::Jmp(label) || uses.entered[label.0 as usize] {
            continue;
        }
        let Some((exit, size)) = test(func, &uses, header, back) else {
            continue;
        };
        if size > *budget {
            continue;
        }
        *budget -= size;
        loops.push(Loop {
            header,
            exit,
            back,
            label,
            continues: uses.count[label.0 as usize] > 1,
        });
    }
    loops
}

/// The conditional jump out of the loop that ends the test at its top, and how many bytes a copy
/// of the test adds.
fn test(func: &Func, uses: &Uses, header: usize, back: usize) -> Option<(usize, usize)> {
    let mut size = 0;
    for i in header + 1..(header + 1 + MAX_TEST).min(back) {
        let inst = func.insts[i];
        size += inst.size();
        match inst {
            Inst::Jz(out) | Inst::Jnz(out) => {
                let leaves = uses.place[out.0 as usize].is_some_and(|place| place > back);
                return (leaves && size <= MAX_TEST_BYTES).then_some((i, size));
            }
            Inst::Op { op, .. } if !op.is_terminator() => {}
            _ => return None,
        }
    }
    None
}

/// Where labels are and what jumps to them.
struct Uses {
    place: Vec<Option<usize>>,
    /// The last jump back to it.
    last_back: Vec<Option<usize>>,
    /// Whether a jump from above leads to it.
    entered: Vec<bool>,
    /// How many jumps lead to it.
    count: Vec<u32>,
}

impl Uses {
    fn of(func: &Func) -> Uses {
        let labels = func.labels as usize;
        let mut uses = Uses {
            place: vec![None; labels],
            last_back: vec![None; labels],
            entered: vec![false; labels],
            count: vec![0; labels],
        };
        for (i, &inst) in func.insts.iter().enumerate() {
            if let Inst::Label(label) | Inst::Loop(label) = inst {
                uses.place[label.0 as usize] = Some(i);
            }
            for target in func.targets(inst) {
                let target = target.0 as usize;
                uses.count[target] += 1;
                match uses.place[target] {
                    Some(_) => uses.last_back[target] = Some(i),
                    None => uses.entered[target] = true,
                }
            }
        }
        uses
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::testing::check_pass;

    fn check(before: &str, after: Expect) {
        check_pass(|func, _| super::run(func, &mut 100), before, &after);
    }

    #[test]
    fn while_loops() {
        check(
            "func (i32) -> ()
                loop L0
                local.get 0
                i32.eqz
                jnz L1
                local.get 0
                i32.push -1
                i32.add
                local.set 0
                jmp L0
            L1:
                ret",
            expect![[r#"
                func (i32) -> ()
                    local.get 0
                    i32.eqz
                    jnz L1
                    loop L2
                    local.get 0
                    i32.push -1
                    i32.add
                    local.set 0
                    local.get 0
                    i32.eqz
                    jz L2
                L1:
                    ret
            "#]],
        );
    }

    #[test]
    fn continues_and_far_exits() {
        check(
            "func (i32) -> ()
                loop L0
                local.get 0
                jz L1
                loop L2
                local.get 0
                i32.load 0
                jz L0
                local.get 0
                br_table L0 L2 L0
            L3:
                jmp L0
                nop
            L1:
                ret",
            expect![[r#"
                func (i32) -> ()
                    local.get 0
                    jz L1
                    loop L4
                    loop L2
                    local.get 0
                    i32.load 0
                    jz L5
                    local.get 0
                    br_table L5 L2 L5
                L3:
                L5:
                    local.get 0
                    jnz L4
                    jmp L1
                    nop
                L1:
                    ret
            "#]],
        );
    }

    #[test]
    fn what_cannot_be_rotated() {
        let text = "\
func (i32) -> () i32
    loop L0
    local.get 0
    jz L1
    loop L2
    local.get 1
    local.get 1
    i32.load 0
    i32.mul
    local.get 1
    i32.load 4
    i32.mul
    i32.push 2000000000
    i32.mul
    i32.push 2000000000
    i32.mul
    i32.push 2000000000
    i32.mul
    i32.push 2000000000
    i32.mul
    jz L3
    jmp L2
L3:
    nop
L1:
    local.get 0
    jnz L0
    ret
";
        super::super::testing::check_unchanged(|func, _| super::run(func, &mut 100), text);
    }
}
