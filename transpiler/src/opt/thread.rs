//! Jump threading: jumps go where control ends up, and not at all where it would go anyway.
//!
//! A jump to a jump goes to that one's target; a jump to a `ret` (or a value and a `ret`) returns;
//! a conditional jump around a jump becomes the opposite conditional jump; labels at one place
//! become one.

use dotvm_isa::Op;

use crate::ir::{Code, Func, Inst, Label, Pos};

/// The most instructions copied in place of a jump to the end of the function.
const MAX_ENDING: usize = 2;

/// Threads the jumps of a function; returns how many changed.
pub(super) fn run(func: &mut Func) -> usize {
    let ends = Destinations::find(func);
    let mut changes = redirect_tables(func, &ends);
    let insts = std::mem::take(&mut func.insts);
    let mut out = Code::with_capacity(insts.len());
    let mut i = 0;
    while i < insts.len() {
        let (inst, pos) = (insts[i], insts.positions()[i]);
        let before = out.len();
        let used = match inst {
            Inst::Label(label) if ends.canonical[label.0 as usize] != label => 1,
            Inst::Jmp(label) => jump(&mut out, &ends, &insts[i + 1..], label, pos),
            Inst::Jz(label) | Inst::Jnz(label) => {
                branch(&mut out, &ends, &insts[i + 1..], (inst, pos), label)
            }
            Inst::BrTable(table) => table_jump(&mut out, func, (inst, pos), table),
            _ => {
                out.push(inst, pos);
                1
            }
        };
        changes += usize::from(out[before..] != insts[i..i + used]);
        i += used;
    }
    func.insts = out;
    changes
}

/// What jumps to each label come to.
struct Destinations {
    /// The label at whose place control goes on.
    target: Vec<Label>,
    /// The first of the labels at the same place.
    canonical: Vec<Label>,
    /// The instructions there, where they are few and end the function.
    ending: Vec<Option<([Inst; MAX_ENDING], usize)>>,
}

impl Destinations {
    fn find(func: &Func) -> Destinations {
        let all = || (0..func.labels).map(Label);
        let mut ends = Destinations {
            target: all().collect(),
            canonical: all().collect(),
            ending: vec![None; func.labels as usize],
        };
        // From the end: what a label leads to is further down, or a loop header, which is taken
        // as it is.
        let mut i = func.insts.len();
        while i > 0 {
            i -= 1;
            let Inst::Label(label) = func.insts[i] else {
                continue;
            };
            let index = label.0 as usize;
            match func.insts.get(i + 1) {
                Some(&Inst::Label(next)) => {
                    ends.target[index] = ends.target[next.0 as usize];
                    ends.ending[index] = ends.ending[next.0 as usize];
                }
                Some(&Inst::Jmp(next)) => {
                    ends.target[index] = ends.target[next.0 as usize];
                    ends.ending[index] = ends.ending[next.0 as usize];
                }
                _ => ends.ending[index] = ending(&func.insts[i + 1..]),
            }
        }
        for pair in func.insts.windows(2) {
            if let [Inst::Label(first), Inst::Label(second)] = *pair {
                ends.canonical[second.0 as usize] = ends.canonical[first.0 as usize];
            }
        }
        for index in 0..func.labels as usize {
            ends.target[index] = ends.canonical[ends.target[index].0 as usize];
        }
        ends
    }

    fn target(&self, label: Label) -> Label {
        self.target[label.0 as usize]
    }

    fn ending(&self, label: Label) -> Option<&[Inst]> {
        let (insts, count) = self.ending[label.0 as usize].as_ref()?;
        Some(&insts[..*count])
    }

    /// Whether control reaches `label` from the instruction before `rest` without a jump.
    fn is_next(&self, label: Label, rest: &[Inst]) -> bool {
        match rest.first() {
            Some(&Inst::Label(next)) => self.canonical[next.0 as usize] == label,
            _ => false,
        }
    }
}

/// The instructions up to the function's end, where they are few.
fn ending(rest: &[Inst]) -> Option<([Inst; MAX_ENDING], usize)> {
    let is_end = |inst: Inst| matches!(inst.opcode(), Some(Op::Ret | Op::Trap | Op::Halt));
    match *rest {
        [end, ..] if is_end(end) => Some(([end, end], 1)),
        [value, end, ..]
            if is_end(end)
                && (value.as_const().is_some() || is_get(value))
                && value.size() <= 2 =>
        {
            Some(([value, end], 2))
        }
        _ => None,
    }
}

fn is_get(inst: Inst) -> bool {
    matches!(inst.local(), Some((Op::LocalGet, _)))
}

fn redirect_tables(func: &mut Func, ends: &Destinations) -> usize {
    let mut changes = 0;
    for target in func.tables.iter_mut().flatten() {
        let better = ends.target(*target);
        changes += usize::from(better != *target);
        *target = better;
    }
    changes
}

/// Puts a jump to `label` onto `out`; returns how many instructions of the input it stands for.
fn jump(out: &mut Code, ends: &Destinations, rest: &[Inst], label: Label, pos: Pos) -> usize {
    let target = ends.target(label);
    if ends.is_next(target, rest) {
        return 1;
    }
    match ends.ending(label) {
        Some(ending) => out.extend(ending, pos),
        None => out.push(Inst::Jmp(target), pos),
    }
    1
}

/// The same for a conditional jump.
fn branch(
    out: &mut Code,
    ends: &Destinations,
    rest: &[Inst],
    (inst, pos): (Inst, Pos),
    label: Label,
) -> usize {
    let target = ends.target(label);
    if ends.is_next(target, rest) {
        out.push(Inst::op(Op::Pop), pos);
        return 1;
    }
    let on_zero = matches!(inst, Inst::Jz(_));
    let jump = |on_zero, label| match on_zero {
        true => Inst::Jz(label),
        false => Inst::Jnz(label),
    };
    // Around a jump, and nothing else. Its end must not be reached by others as well: then what
    // follows the pair would still be the place where they go on, which it is.
    if let [Inst::Jmp(over), after @ ..] = rest
        && (ends.is_next(target, after) || ends.is_next(ends.canonical[label.0 as usize], after))
    {
        out.push(jump(!on_zero, ends.target(*over)), pos);
        return 2;
    }
    out.push(jump(on_zero, target), pos);
    1
}

/// The same for a table.
fn table_jump(out: &mut Code, func: &Func, (inst, pos): (Inst, Pos), table: u32) -> usize {
    let targets = &func.tables[table as usize];
    match targets.split_first() {
        Some((first, rest)) if rest.iter().all(|target| target == first) => {
            out.extend(&[Inst::op(Op::Pop), Inst::Jmp(*first)], pos);
        }
        _ => out.push(inst, pos),
    }
    1
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::testing::check_pass;

    fn check(before: &str, after: Expect) {
        check_pass(|func, _| super::run(func), before, &after);
    }

    #[test]
    fn jumps_to_jumps() {
        check(
            "func (i32) -> ()
                loop L0
                local.get 0
                jnz L1
                local.get 0
                br_table L1 L3 L2
            L1:
                jmp L2
            L3:
                nop
            L2:
                jmp L0",
            expect![[r#"
                func (i32) -> ()
                    loop L0
                    local.get 0
                    jnz L0
                    local.get 0
                    br_table L0 L3 L0
                L1:
                    jmp L0
                L3:
                    nop
                L2:
                    jmp L0
            "#]],
        );
    }

    #[test]
    fn jumps_to_the_next_instruction() {
        check(
            "func (i32) -> ()
                local.get 0
                jz L0
                jmp L1
            L0:
            L1:
                ret",
            expect![[r#"
                func (i32) -> ()
                    local.get 0
                    jnz L0
                L0:
                    ret
            "#]],
        );
    }

    #[test]
    fn around_a_jump() {
        check(
            "func (i32) -> ()
                loop L0
                local.get 0
                jz L1
                jmp L0
            L1:
                nop
                local.get 0
                jnz L2
                jmp L3
            L2:
                jmp L0
            L3:
                ret",
            expect![[r#"
                func (i32) -> ()
                    loop L0
                    local.get 0
                    jnz L0
                L1:
                    nop
                    local.get 0
                    jz L3
                L2:
                    jmp L0
                L3:
                    ret
            "#]],
        );
    }

    #[test]
    fn endings_are_copied() {
        check(
            "func (i32) -> (i32)
                local.get 0
                jz L0
                jmp L1
            L0:
                local.get 0
                i32.eqz
                jnz L2
                nop
                jmp L1
            L2:
                trap
            L1:
                local.get 0
                ret",
            expect![[r#"
                func (i32) -> (i32)
                    local.get 0
                    jnz L1
                L0:
                    local.get 0
                    i32.eqz
                    jnz L2
                    nop
                    local.get 0
                    ret
                L2:
                    trap
                L1:
                    local.get 0
                    ret
            "#]],
        );
    }

    #[test]
    fn tables_with_one_target() {
        check(
            "func (i32) -> ()
                local.get 0
                br_table L0 L1 L0
            L0:
                jmp L1
            L1:
                ret",
            expect![[r#"
                func (i32) -> ()
                    local.get 0
                    pop
                    jmp L1
                L0:
                L1:
                    ret
            "#]],
        );
    }
}
