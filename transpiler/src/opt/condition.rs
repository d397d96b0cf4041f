//! Simpler conditions: no comparison with zero before a jump, no negation that a jump can have.

use dotvm_isa::Op;

use super::bits;
use super::ints::{Int, Width, inverse_float};
use super::simplify::{Rule, Tail};
use crate::ir::{Inst, Label};

/// The rules of this pass.
pub(super) const RULES: &[Rule] = &[jump, not, boolean, zero_test, choose];

/// A jump on that condition, or on its opposite.
fn jump_if(inst: Inst) -> Option<(bool, Label)> {
    match inst {
        Inst::Jz(label) => Some((false, label)),
        Inst::Jnz(label) => Some((true, label)),
        _ => None,
    }
}

/// `x eqz jz` and the like.
fn jump(tail: &mut Tail<'_>, next: Inst) -> bool {
    let Some((sense, label)) = jump_if(next) else {
        return false;
    };
    let opposite = match sense {
        true => Inst::Jz(label),
        false => Inst::Jnz(label),
    };
    match tail.last().and_then(Inst::opcode) {
        Some(Op::I32Eqz) => tail.replace(1, &[opposite]),
        Some(Op::I32Ne) if compares_with_zero(tail) => tail.replace(2, &[next]),
        Some(Op::I64Ne) if compares_with_zero(tail) => {
            tail.replace(2, &[Inst::op(Op::I64Eqz), opposite])
        }
        // One instruction compares and jumps; these two would be two.
        Some(Op::I32Sub | Op::I32Xor) => tail.replace(1, &[Inst::op(Op::I32Ne), next]),
        _ => false,
    }
}

fn compares_with_zero(tail: &Tail<'_>) -> bool {
    tail.before_last().and_then(Inst::as_const) == Some(0)
}

/// `x y compare eqz`
fn not(tail: &mut Tail<'_>, next: Inst) -> bool {
    let (Some(last), Some(op)) = (tail.last().and_then(Inst::opcode), next.opcode()) else {
        return false;
    };
    let int = Int::of(last);
    match (op, int) {
        (Op::I32Eqz, Some((int, width))) if int.is_comparison() => {
            let inverse = int.inverse().expect("a comparison");
            tail.replace(1, &[Inst::op(inverse.op(width))])
        }
        (Op::I32Eqz, _) if inverse_float(last).is_some() => {
            let inverse = inverse_float(last).expect("just checked");
            tail.replace(1, &[Inst::op(inverse)])
        }
        (Op::I32Eqz, Some((Int::Eqz, Width::W64))) => {
            tail.replace(1, &[Inst::i64(0), Inst::op(Op::I64Ne)])
        }
        (Op::I32Eqz, Some((Int::Eqz, Width::W32))) => {
            let code = tail.code();
            match bits::is_boolean(&code[..code.len() - 1], tail.env) {
                true => tail.replace(1, &[]),
                false => tail.replace(1, &[Inst::i32(0), Inst::op(Op::I32Ne)]),
            }
        }
        (Op::I32Eqz | Op::I64Eqz, Some((Int::Sub | Int::Xor, width)))
            if Int::of(op) == Some((Int::Eqz, width)) =>
        {
            tail.replace(1, &[Inst::op(Int::Eq.op(width))])
        }
        _ => false,
    }
}

/// Comparisons and masks of what is 0 or 1 anyway.
fn boolean(tail: &mut Tail<'_>, next: Inst) -> bool {
    let Inst::Op { op, .. } = next else {
        return false;
    };
    let (Some(value @ (0 | 1)), Some((int, Width::W32))) =
        (tail.last().and_then(Inst::as_const), Int::of(op))
    else {
        return false;
    };
    if !matches!(int, Int::Eq | Int::Ne | Int::Xor) {
        return false;
    }
    let code = tail.code();
    if !bits::is_boolean(&code[..code.len() - 1], tail.env) {
        return false;
    }
    match (int, value) {
        (Int::Ne, 0) | (Int::Eq, 1) => tail.replace(1, &[]),
        (Int::Ne, 1) | (Int::Xor, 1) => tail.replace(1, &[Inst::op(Op::I32Eqz)]),
        _ => false,
    }
}

/// `x extend eqz`: the narrow value is zero when the wide one is.
fn zero_test(tail: &mut Tail<'_>, next: Inst) -> bool {
    let extended = matches!(
        tail.last().and_then(Inst::opcode),
        Some(Op::I64ExtendI32 | Op::I64ExtendI32U)
    );
    next == Inst::op(Op::I64Eqz) && extended && tail.replace(1, &[Inst::op(Op::I32Eqz)])
}

/// `a b x eqz select`, `a b x 0 ne select`
fn choose(tail: &mut Tail<'_>, next: Inst) -> bool {
    if next != Inst::op(Op::Select) {
        return false;
    }
    match tail.last().and_then(Inst::opcode) {
        Some(Op::I32Ne) if compares_with_zero(tail) => tail.replace(2, &[next]),
        Some(Op::I32Eqz) => {
            let simple = |inst: Inst| inst.is_pure() && (inst.as_const().is_some() || is_get(inst));
            match tail.operand_start() {
                Some(start)
                    if start >= 2
                        && simple(tail.code()[start - 1])
                        && simple(tail.code()[start - 2]) =>
                {
                    tail.swap(start - 1, start - 2);
                    tail.replace(1, &[next])
                }
                _ => false,
            }
        }
        _ => false,
    }
}

fn is_get(inst: Inst) -> bool {
    matches!(inst.local(), Some((Op::LocalGet, _)))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::testing::check_rules;

    fn check(before: &str, after: Expect) {
        check_rules(super::RULES, before, &after);
    }

    #[test]
    fn jumps_test_for_zero_themselves() {
        check(
            "func (i32 i64) -> ()
                local.get 0
                i32.eqz
                jz L0
                local.get 0
                i32.push 0
                i32.ne
                jnz L0
                local.get 1
                i64.push 0
                i64.ne
                jnz L0
                local.get 0
                i32.eqz
                i32.eqz
                jz L0
                local.get 0
                local.get 0
                i32.xor
                jz L0
                local.get 1
                i64.eqz
                jz L0
            L0:
                ret",
            expect![[r#"
                func (i32 i64) -> ()
                    local.get 0
                    jnz L0
                    local.get 0
                    jnz L0
                    local.get 1
                    i64.eqz
                    jz L0
                    local.get 0
                    jz L0
                    local.get 0
                    local.get 0
                    i32.ne
                    jz L0
                    local.get 1
                    i64.eqz
                    jz L0
                L0:
                    ret
            "#]],
        );
    }

    #[test]
    fn negated_comparisons() {
        check(
            "func (i32 f64) -> (i32 i32 i32 i32)
                local.get 0
                i32.push 5
                i32.lt
                i32.eqz
                local.get 1
                local.get 1
                f64.eq
                i32.eqz
                local.get 1
                local.get 1
                f64.lt
                i32.eqz
                local.get 0
                i32.eqz
                i32.eqz
                ret",
            expect![[r#"
                func (i32 f64) -> (i32 i32 i32 i32)
                    local.get 0
                    i32.push 5
                    i32.ge
                    local.get 1
                    local.get 1
                    f64.ne
                    local.get 1
                    local.get 1
                    f64.lt
                    i32.eqz
                    local.get 0
                    i32.push 0
                    i32.ne
                    ret
            "#]],
        );
    }

    #[test]
    fn booleans_stay_as_they_are() {
        check(
            "func (i32) -> (i32 i32 i32 i32 i32)
                local.get 0
                i32.load8_u 0
                i32.push 1
                i32.and
                i32.push 0
                i32.ne
                local.get 0
                i32.push 7
                i32.lt
                i32.push 1
                i32.eq
                local.get 0
                i32.push 7
                i32.lt
                i32.push 1
                i32.xor
                local.get 0
                i32.push 1
                i32.and
                i32.eqz
                i32.eqz
                local.get 0
                i32.push 0
                i32.ne
                ret",
            expect![[r#"
                func (i32) -> (i32 i32 i32 i32 i32)
                    local.get 0
                    i32.load8_u 0
                    i32.push 1
                    i32.and
                    local.get 0
                    i32.push 7
                    i32.lt
                    local.get 0
                    i32.push 7
                    i32.ge
                    local.get 0
                    i32.push 1
                    i32.and
                    local.get 0
                    i32.push 0
                    i32.ne
                    ret
            "#]],
        );
    }

    #[test]
    fn wide_tests_of_narrow_values() {
        check(
            "func (i32) -> (i32)
                local.get 0
                i64.extend_i32_u
                i64.eqz
                ret",
            expect![[r#"
                func (i32) -> (i32)
                    local.get 0
                    i32.eqz
                    ret
            "#]],
        );
    }

    #[test]
    fn selects_exchange_their_arms() {
        check(
            "func (i32) -> (i32 i32)
                i32.push 3
                local.get 0
                local.get 0
                i32.load 0
                i32.eqz
                select
                local.get 0
                i32.load 4
                local.get 0
                local.get 0
                i32.eqz
                select
                ret",
            expect![[r#"
                func (i32) -> (i32 i32)
                    local.get 0
                    i32.push 3
                    local.get 0
                    i32.load 0
                    select
                    local.get 0
                    i32.load 4
                    local.get 0
                    local.get 0
                    i32.eqz
                    select
                    ret
            "#]],
        );
    }
}
