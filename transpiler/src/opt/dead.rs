//! Dead values: instructions whose result is dropped, and that do nothing else, are removed.
//!
//! Loads, divisions and whatever else may trap stay, whether somebody wants the result or not.

use dotvm_isa::ops::{Group, Op, Sig};

use super::simplify::{Rule, Tail};
use crate::ir::Inst;

/// The rules of this pass.
pub(super) const RULES: &[Rule] = &[nop, pop, pop_below, nip];

fn nop(tail: &mut Tail<'_>, next: Inst) -> bool {
    next == Inst::op(Op::Nop) && tail.replace(0, &[])
}

/// `value pop`
fn pop(tail: &mut Tail<'_>, next: Inst) -> bool {
    const POP: Inst = Inst::op(Op::Pop);
    if next != POP {
        return false;
    }
    if let Some(start) = tail.operand_start()
        && tail.code()[start..].iter().all(|inst| inst.is_pure())
    {
        return tail.replace_from(start, &[]);
    }
    let Some(last) = tail.last() else {
        return false;
    };
    if let Some((Op::LocalTee, local)) = last.local() {
        return tail.replace(1, &[Inst::op1(Op::LocalSet, u64::from(local))]);
    }
    if !last.is_pure() {
        return false;
    }
    // The operands may be more than one can see to their beginning, or do something.
    match last.opcode().map(|op| (op, op.info().group)) {
        Some((_, Group::Unary) | (Op::RefIsNull, _)) => tail.replace(1, &[POP]),
        Some((_, Group::Binary)) => tail.replace(1, &[POP, POP]),
        Some((op, Group::Vector | Group::Wide | Group::Parts | Group::Whole)) => {
            match op.info().sig {
                Sig::Fixed(operands, _) => tail.replace(1, &vec![POP; operands.len()]),
                Sig::Poly => false,
            }
        }
        Some((Op::Select, _)) => tail.replace(1, &[POP, POP, POP]),
        _ => false,
    }
}

/// `value other local.set n pop`: nobody needs the value as long as that.
fn pop_below(tail: &mut Tail<'_>, next: Inst) -> bool {
    let is_set = |inst: Inst| matches!(inst.local(), Some((Op::LocalSet, _)));
    if next != Inst::op(Op::Pop) || !tail.last().is_some_and(is_set) {
        return false;
    }
    let Some(other) = tail.operand_start_at(tail.code().len() - 1) else {
        return false;
    };
    let code = [&[next], &tail.code()[other..]].concat();
    tail.replace_from(other, &code)
}

/// `value other nip`
fn nip(tail: &mut Tail<'_>, next: Inst) -> bool {
    if next != Inst::op(Op::Nip) {
        return false;
    }
    let Some(top) = tail.operand_start() else {
        return false;
    };
    match tail.operand_start_at(top) {
        Some(below) if tail.code()[below..top].iter().all(|inst| inst.is_pure()) => {
            tail.remove(below..top);
            tail.replace(0, &[])
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::testing::check_rules;

    fn check(before: &str, after: Expect) {
        check_rules(super::RULES, before, &after);
    }

    #[test]
    fn vectors_vanish_but_not_their_loads() {
        check(
            "func (i32 v128) -> ()
                local.get 0
                v128.load 0
                local.get 1
                local.get 1
                v128.bitselect
                i8x16.extract_lane 3
                pop
                ret",
            expect![[r#"
                func (i32 v128) -> ()
                    local.get 0
                    v128.load 0
                    pop
                    ret
            "#]],
        );
    }

    #[test]
    fn values_vanish_below_others() {
        check(
            "func (i32 i32) -> () i32
                local.get 0
                i32.load 4
                local.get 0
                local.get 1
                i32.mul
                local.get 0
                i32.load 0
                local.set 2
                pop
                pop
                ret",
            expect![[r#"
                func (i32 i32) -> () i32
                    local.get 0
                    i32.load 4
                    pop
                    local.get 0
                    i32.load 0
                    local.set 2
                    ret
            "#]],
        );
    }

    #[test]
    fn pure_values_vanish() {
        check(
            "func (i32 i32) -> ()
                nop
                local.get 0
                local.get 1
                i32.add
                i32.eqz
                pop
                f64.push 1.0
                f64.sqrt
                f64.push 2.0
                memory.size 0
                select
                pop
                ret",
            expect![[r#"
                func (i32 i32) -> ()
                    ret
            "#]],
        );
    }

    #[test]
    fn traps_and_effects_stay() {
        check(
            "func (i32 i32) -> ()
                local.get 0
                i32.load 0
                i32.eqz
                pop
                local.get 0
                local.get 1
                i32.div
                pop
                local.get 0
                i32.push 1
                i32.add
                local.tee 1
                pop
                ret",
            expect![[r#"
                func (i32 i32) -> ()
                    local.get 0
                    i32.load 0
                    pop
                    local.get 0
                    local.get 1
                    i32.div
                    pop
                    local.get 0
                    i32.push 1
                    i32.add
                    local.set 1
                    ret
            "#]],
        );
    }

    #[test]
    fn half_of_an_expression() {
        check(
            "func (i32) -> ()
                local.get 0
                i32.push 4
                memory.grow 0
                i32.add
                pop
                ret",
            expect![[r#"
                func (i32) -> ()
                    local.get 0
                    i32.push 4
                    memory.grow 0
                    pop
                    pop
                    ret
            "#]],
        );
    }

    #[test]
    fn the_value_below() {
        check(
            "func (i32) -> (i32)
                local.get 0
                i32.push 3
                i32.mul
                local.get 0
                i32.load 8
                nip
                ret",
            expect![[r#"
                func (i32) -> (i32)
                    local.get 0
                    i32.load 8
                    ret
            "#]],
        );
    }
}
