//! Copy propagation: a local that holds a copy of another (or a small constant) is not read; the
//! other is.
//!
//! Where that leaves no read of the copy but many of the original, the copy goes, when nobody reads it any more:
//! see [`super::stores`]. The other way round, the original does: compilers have loops compute the next value of
//! a counter in a local of its own, which is copied to the counter and read for the test only.
//!
//! Facts hold along a stretch of code that is only entered at its start.

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

/// Replaces reads of locals that are only read while others hold copies of them; returns how many.
pub(super) fn read_copies(func: &mut Func) -> usize {
    let mut versions = vec![0u32; func.locals.len()];
    // By the original: the stretch, the copy, and the versions of both.
    let mut copies: Vec<Option<(u32, u32, [u32; 2])>> = vec![None; func.locals.len()];
    let mut elsewhere = vec![false; func.locals.len()];
    let mut reads = Vec::new();
    let mut stretch = 1;
    let mut last = None;
    for (at, inst) in func.insts.iter().enumerate() {
        if inst.is_target() {
            stretch += 1;
        }
        match inst.local() {
            Some((Op::LocalGet, local)) => {
                let original = local as usize;
                match copies[original] {
                    Some((since, copy, both))
                        if since == stretch
                            && both == [versions[original], versions[copy as usize]] =>
                    {
                        reads.push((at, local, copy));
                    }
                    _ => elsewhere[original] = true,
                }
            }
            Some((_, copy)) => {
                versions[copy as usize] += 1;
                if let Some(Op::LocalTee) = last.map(|(op, _)| op)
                    && let Some((_, original)) = last
                    && original != copy
                    && func.locals[original as usize] == func.locals[copy as usize]
                {
                    let both = [original, copy].map(|local| versions[local as usize]);
                    copies[original as usize] = Some((stretch, copy, both));
                }
            }
            None => {}
        }
        last = inst.local();
    }
    reads.retain(|&(_, original, _)| !elsewhere[original as usize]);
    for &(at, _, copy) in &reads {
        func.insts[at] = Inst::op1(Op::LocalGet, u64::from(copy));
    }
    reads.len()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::testing::{check_pass, check_unchanged};

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
    fn originals_that_are_read_beside_their_copies_only() {
        let check = |before: &str, after: Expect| {
            check_pass(|func, _| super::read_copies(func), before, &after);
        };
        check(
            "func (i32 i32) -> () i32 i32
                loop L0
                local.get 2
                i32.push 16
                i32.add
                local.tee 3
                local.set 2
                local.get 3
                local.get 1
                i32.ne
                jnz L0
                ret",
            expect![[r#"
                func (i32 i32) -> () i32 i32
                    loop L0
                    local.get 2
                    i32.push 16
                    i32.add
                    local.tee 3
                    local.set 2
                    local.get 2
                    local.get 1
                    i32.ne
                    jnz L0
                    ret
            "#]],
        );
        // Read where the copy has changed, and behind a label.
        for text in [
            "\
func (i32) -> (i32) i32 i32
    local.get 0
    local.tee 1
    local.set 2
    local.get 1
    local.set 2
    local.get 1
    ret
",
            "\
func (i32) -> (i32) i32 i32
    local.get 0
    local.tee 1
    local.set 2
    local.get 1
    jz L0
    local.get 0
    ret
L0:
    local.get 1
    ret
",
        ] {
            check_unchanged(|func, _| super::read_copies(func), text);
        }
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
