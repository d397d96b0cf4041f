//! Copy propagation: a local that holds a copy of another (or a small constant) is not read; the
//! other is.
//!
//! Facts hold along a stretch of code that is only entered at its start. The copy itself goes when
//! nobody reads it any more: see [`super::stores`].

use dotvm_isa::Op;

use crate::ir::{Func, Inst};

/// What a local is known to hold.
#[derive(Clone, Copy)]
enum Fact {
    /// What another local held when it had that version.
    Copy { of: u32, version: u32 },
    /// A constant.
    Constant(Inst),
}

/// Replaces reads of copies; returns how many.
pub(super) fn run(func: &mut Func) -> usize {
    // Versions count writes; facts of an earlier stretch carry an earlier stretch's number.
    let mut versions = vec![0u32; func.locals.len()];
    let mut facts: Vec<(u32, Option<Fact>)> = vec![(0, None); func.locals.len()];
    let mut stretch = 1;
    let mut changes = 0;
    let mut last = None;
    for inst in &mut func.insts {
        if inst.is_target() {
            stretch += 1;
        }
        match inst.local() {
            Some((Op::LocalGet, local)) => {
                if let (since, Some(fact)) = facts[local as usize]
                    && since == stretch
                    && let Some(better) = current(fact, &versions)
                {
                    *inst = better;
                    changes += 1;
                }
            }
            Some((_, local)) => {
                versions[local as usize] += 1;
                let fact = last.and_then(|source| fact_of(source, local, &versions));
                facts[local as usize] = (stretch, fact);
            }
            None => {}
        }
        last = Some(*inst);
    }
    changes
}

/// The instruction that reads what the fact says, where that still holds.
fn current(fact: Fact, versions: &[u32]) -> Option<Inst> {
    match fact {
        Fact::Constant(inst) => Some(inst),
        Fact::Copy { of, version } => {
            (versions[of as usize] == version).then(|| Inst::op1(Op::LocalGet, u64::from(of)))
        }
    }
}

/// What a local holds that was set right after `source`.
fn fact_of(source: Inst, local: u32, versions: &[u32]) -> Option<Fact> {
    if source.as_const().is_some() && source.size() <= 2 {
        return Some(Fact::Constant(source));
    }
    match source.local() {
        Some((Op::LocalGet | Op::LocalTee, of)) if of != local => Some(Fact::Copy {
            of,
            version: versions[of as usize],
        }),
        _ => None,
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
    fn copies_and_constants() {
        check(
            "func (i32) -> (i32 i32 i32 i32) i32 i32
                local.get 0
                local.set 1
                local.get 1
                local.tee 2
                local.get 2
                i32.push 7
                local.set 1
                local.get 1
                local.get 2
                ret",
            expect![[r#"
                func (i32) -> (i32 i32 i32 i32) i32 i32
                    local.get 0
                    local.set 1
                    local.get 0
                    local.tee 2
                    local.get 0
                    i32.push 7
                    local.set 1
                    i32.push 7
                    local.get 0
                    ret
            "#]],
        );
    }

    #[test]
    fn writes_end_a_copy() {
        check(
            "func (i32) -> (i32 i32) i32
                local.get 0
                local.set 1
                local.get 0
                i32.eqz
                local.set 0
                local.get 1
                local.get 0
                ret",
            expect![[r#"
                func (i32) -> (i32 i32) i32
                    local.get 0
                    local.set 1
                    local.get 0
                    i32.eqz
                    local.set 0
                    local.get 1
                    local.get 0
                    ret
            "#]],
        );
    }

    #[test]
    fn facts_pass_branches_but_not_labels() {
        check(
            "func (i32) -> (i32) i32
                local.get 0
                local.set 1
                local.get 0
                jz L0
                local.get 1
                ret
            L0:
                local.get 1
                ret",
            expect![[r#"
                func (i32) -> (i32) i32
                    local.get 0
                    local.set 1
                    local.get 0
                    jz L0
                    local.get 0
                    ret
                L0:
                    local.get 1
                    ret
            "#]],
        );
    }
}
