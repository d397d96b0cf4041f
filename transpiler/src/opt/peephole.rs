//! Simpler arithmetic: what an instruction and the few before it compute together, with less.

use dotvm_isa::Op;

use super::bits;
use super::ints::{Int, Width, exchanged_float};
use super::simplify::{Rule, Tail};
use crate::ir::{Inst, eval_binary};

/// The rules of this pass.
pub(super) const RULES: &[Rule] = &[
    by_constant,
    mask,
    combine,
    constant_right,
    twice,
    convert,
    narrow,
    narrow_store,
    locals,
];

fn constant(width: Width, value: u64) -> Inst {
    match width {
        Width::W32 => Inst::i32(value as i32),
        Width::W64 => Inst::i64(value as i64),
    }
}

/// The next integer instruction, where its right operand is a constant.
fn with_constant(tail: &Tail<'_>, next: Inst) -> Option<(Int, Width, u64)> {
    let Inst::Op { op, .. } = next else {
        return None;
    };
    let value = tail.last()?.as_const()?;
    let (int, width) = Int::of(op)?;
    Some((int, width, value))
}

/// `x const op` where that is nothing, or something cheaper.
fn by_constant(tail: &mut Tail<'_>, next: Inst) -> bool {
    let Some((int, width, value)) = with_constant(tail, next) else {
        return false;
    };
    let op = |int: Int| Inst::op(int.op(width));
    let number = |value| constant(width, value);
    let power = value.is_power_of_two().then(|| value.trailing_zeros());
    match (int, value) {
        (Int::Add | Int::Sub | Int::Or | Int::Xor, 0)
        | (Int::Shl | Int::Shr | Int::ShrU | Int::Rotl | Int::Rotr, 0)
        | (Int::Mul | Int::DivU | Int::Div, 1) => tail.replace(1, &[]),
        (Int::And, value) if value == width.ones() => tail.replace(1, &[]),
        (Int::Mul | Int::And, 0) | (Int::ModU, 1) | (Int::LtU, 0) => {
            let zero = match int {
                Int::LtU => Inst::i32(0),
                _ => number(0),
            };
            tail.replace(1, &[Inst::op(Op::Pop), zero])
        }
        (Int::GeU, 0) => tail.replace(1, &[Inst::op(Op::Pop), Inst::i32(1)]),
        (Int::Or, value) if value == width.ones() => {
            tail.replace(1, &[Inst::op(Op::Pop), number(value)])
        }
        (Int::Mul, value) if value == width.ones() => tail.replace(1, &[op(Int::Neg)]),
        (Int::Xor, value) if value == width.ones() => tail.replace(1, &[op(Int::Not)]),
        (Int::Eq | Int::LeU, 0) | (Int::LtU, 1) => tail.replace(1, &[op(Int::Eqz)]),
        (Int::GtU, 0) | (Int::GeU, 1) => tail.replace(1, &[number(0), op(Int::Ne)]),
        (Int::Shl | Int::Shr | Int::ShrU | Int::Rotl | Int::Rotr, count)
            if count >= width.bits() =>
        {
            tail.replace(1, &[number(count % width.bits()), next])
        }
        (Int::Mul | Int::DivU | Int::ModU, _) => match (int, power) {
            (Int::Mul, Some(n)) => tail.replace(1, &[number(u64::from(n)), op(Int::Shl)]),
            (Int::DivU, Some(n)) => tail.replace(1, &[number(u64::from(n)), op(Int::ShrU)]),
            (Int::ModU, Some(_)) => tail.replace(1, &[number(value - 1), op(Int::And)]),
            _ => false,
        },
        (Int::Sub, _) => {
            let negated = number(value.wrapping_neg());
            // The encoding of 64 is longer than that of -64, and so on: never trade up.
            negated.size() <= number(value).size() && tail.replace(1, &[negated, op(Int::Add)])
        }
        _ => false,
    }
}

/// `x mask and` where the mask keeps every bit that may be set.
fn mask(tail: &mut Tail<'_>, next: Inst) -> bool {
    let Some((Int::And, _, mask)) = with_constant(tail, next) else {
        return false;
    };
    let code = tail.code();
    let zeros = bits::zeros(&code[..code.len() - 1], tail.env);
    zeros | mask == u64::MAX && tail.replace(1, &[])
}

/// `x const op const op`
fn combine(tail: &mut Tail<'_>, next: Inst) -> bool {
    let Some((int, width, second)) = with_constant(tail, next) else {
        return false;
    };
    if tail.before_last() != Some(next) {
        return false;
    }
    let Some(first) = tail.nth_last(2).and_then(Inst::as_const) else {
        return false;
    };
    let both = match int {
        Int::Add | Int::Mul | Int::And | Int::Or | Int::Xor => {
            eval_binary(int.op(width), first, second)
        }
        Int::Shl | Int::ShrU if first + second < width.bits() => Some(first + second),
        Int::Shr if first.max(second) < width.bits() => {
            Some((first + second).min(width.bits() - 1))
        }
        Int::Rotl | Int::Rotr => {
            Some((first % width.bits() + second % width.bits()) % width.bits())
        }
        _ => None,
    };
    both.is_some_and(|both| tail.replace(3, &[constant(width, both), next]))
}

/// `const x op`: the constant goes to the right, where an instruction may contain it.
fn constant_right(tail: &mut Tail<'_>, next: Inst) -> bool {
    let Inst::Op { op, .. } = next else {
        return false;
    };
    let int = Int::of(op);
    let exchanged = match int {
        Some((Int::Sub, _)) => None,
        Some((int, width)) => match int.exchanged() {
            Some(int) => Some(int.op(width)),
            None => return false,
        },
        None => match exchanged_float(op) {
            Some(op) => Some(op),
            None => return false,
        },
    };
    let Some(start) = tail.operand_start().filter(|&start| start > 0) else {
        return false;
    };
    let left = tail.code()[start - 1];
    let Some(value) = left.as_const() else {
        return false;
    };
    if tail.last().is_some_and(|last| last.as_const().is_some()) {
        return false;
    }
    match (exchanged, int) {
        (Some(op), _) => {
            tail.remove(start - 1..start);
            tail.replace(0, &[left, Inst::op(op)])
        }
        (None, Some((Int::Sub, width))) if value == 0 => {
            tail.remove(start - 1..start);
            tail.replace(0, &[Inst::op(Int::Neg.op(width))])
        }
        _ => false,
    }
}

/// Two instructions that undo each other, or of which one is enough.
fn twice(tail: &mut Tail<'_>, next: Inst) -> bool {
    let (Some(last), Some(op)) = (tail.last().and_then(Inst::opcode), next.opcode()) else {
        return false;
    };
    match (last, op) {
        (Op::I32Neg, Op::I32Neg)
        | (Op::I64Neg, Op::I64Neg)
        | (Op::I32Not, Op::I32Not)
        | (Op::I64Not, Op::I64Not)
        | (Op::F32Neg, Op::F32Neg)
        | (Op::F64Neg, Op::F64Neg)
        | (Op::I32ReinterpretF32, Op::F32ReinterpretI32)
        | (Op::F32ReinterpretI32, Op::I32ReinterpretF32)
        | (Op::I64ReinterpretF64, Op::F64ReinterpretI64)
        | (Op::F64ReinterpretI64, Op::I64ReinterpretF64)
        | (Op::I64ExtendI32 | Op::I64ExtendI32U, Op::I32WrapI64) => tail.replace(1, &[]),
        (Op::F32Abs | Op::F32Neg, Op::F32Abs) | (Op::F64Abs | Op::F64Neg, Op::F64Abs) => {
            tail.replace(1, &[next])
        }
        _ => false,
    }
}

/// Sign extensions and truncations of what an instruction can give in the right form itself.
fn convert(tail: &mut Tail<'_>, next: Inst) -> bool {
    let (Some(last), Some(op)) = (tail.last(), next.opcode()) else {
        return false;
    };
    let Inst::Op {
        op: source,
        memory,
        a,
        ..
    } = last
    else {
        return false;
    };
    let replaced = |op| [Inst::access(memory, op, a, 0)];
    match (source, op) {
        (Op::I32Load8U | Op::I32Load8S, Op::I32Extend8) => {
            tail.replace(1, &replaced(Op::I32Load8S))
        }
        (Op::I32Load16U | Op::I32Load16S, Op::I32Extend16) => {
            tail.replace(1, &replaced(Op::I32Load16S))
        }
        (Op::I64Load8U | Op::I64Load8S, Op::I64Extend8) => {
            tail.replace(1, &replaced(Op::I64Load8S))
        }
        (Op::I64Load16U | Op::I64Load16S, Op::I64Extend16) => {
            tail.replace(1, &replaced(Op::I64Load16S))
        }
        (Op::I64Load32U | Op::I64Load32S, Op::I64Extend32) => {
            tail.replace(1, &replaced(Op::I64Load32S))
        }
        (Op::I32Load8S, Op::I64ExtendI32) => tail.replace(1, &replaced(Op::I64Load8S)),
        (Op::I32Load16S, Op::I64ExtendI32) => tail.replace(1, &replaced(Op::I64Load16S)),
        (Op::I32Load, Op::I64ExtendI32) => tail.replace(1, &replaced(Op::I64Load32S)),
        (Op::I32Load8U, Op::I64ExtendI32 | Op::I64ExtendI32U) => {
            tail.replace(1, &replaced(Op::I64Load8U))
        }
        (Op::I32Load16U, Op::I64ExtendI32 | Op::I64ExtendI32U) => {
            tail.replace(1, &replaced(Op::I64Load16U))
        }
        (Op::I32Load, Op::I64ExtendI32U) => tail.replace(1, &replaced(Op::I64Load32U)),
        (Op::I64ExtendI32, Op::I64Extend32) => tail.replace(1, &[last]),
        (Op::I64ExtendI32U, Op::I64Extend32) => tail.replace(1, &[Inst::op(Op::I64ExtendI32)]),
        (Op::I64And, Op::I32WrapI64) => {
            let mask = tail.before_last().and_then(Inst::as_const);
            let low = u64::from(u32::MAX);
            mask.is_some_and(|mask| mask & low == low) && tail.replace(2, &[next])
        }
        _ => false,
    }
}

/// `x extend const op wrap` where the low half of the result only depends on that of `x`.
fn narrow(tail: &mut Tail<'_>, next: Inst) -> bool {
    if next != Inst::op(Op::I32WrapI64) {
        return false;
    }
    let wide = tail.last().and_then(Inst::opcode).and_then(Int::of);
    let Some((int @ (Int::Add | Int::Sub | Int::Mul | Int::And | Int::Or | Int::Xor), Width::W64)) =
        wide
    else {
        return false;
    };
    let extended = matches!(
        tail.nth_last(2).and_then(Inst::opcode),
        Some(Op::I64ExtendI32 | Op::I64ExtendI32U)
    );
    match tail.before_last().and_then(Inst::as_const) {
        Some(value) if extended => {
            tail.replace(3, &[Inst::i32(value as i32), Inst::op(int.op(Width::W32))])
        }
        _ => false,
    }
}

/// Stores that keep fewer bits than were carefully prepared for them.
fn narrow_store(tail: &mut Tail<'_>, next: Inst) -> bool {
    let Inst::Op { op, memory, a, .. } = next else {
        return false;
    };
    let kept = match op {
        Op::I32Store8 | Op::I64Store8 => 0xff,
        Op::I32Store16 | Op::I64Store16 => 0xffff,
        Op::I64Store32 => u64::from(u32::MAX),
        _ => return false,
    };
    let store = |op| [Inst::access(memory, op, a, 0)];
    match (tail.last().and_then(Inst::opcode), op) {
        (Some(Op::I32And | Op::I64And), _) => {
            let mask = tail.before_last().and_then(Inst::as_const);
            mask.is_some_and(|mask| mask & kept == kept) && tail.replace(2, &[next])
        }
        (Some(Op::I32Extend8 | Op::I64Extend8), _) if kept == 0xff => tail.replace(1, &[next]),
        (Some(Op::I32Extend16 | Op::I64Extend16), _) if kept <= 0xffff => tail.replace(1, &[next]),
        (Some(Op::I64Extend32), _) => tail.replace(1, &[next]),
        (Some(Op::I64ExtendI32 | Op::I64ExtendI32U), Op::I64Store8) => {
            tail.replace(1, &store(Op::I32Store8))
        }
        (Some(Op::I64ExtendI32 | Op::I64ExtendI32U), Op::I64Store16) => {
            tail.replace(1, &store(Op::I32Store16))
        }
        (Some(Op::I64ExtendI32 | Op::I64ExtendI32U), Op::I64Store32) => {
            tail.replace(1, &store(Op::I32Store))
        }
        _ => false,
    }
}

/// A local written and read at once.
fn locals(tail: &mut Tail<'_>, next: Inst) -> bool {
    let (Some((last, written)), Some((op, local))) =
        (tail.last().and_then(Inst::local), next.local())
    else {
        return false;
    };
    if written != local {
        return false;
    }
    let one = |op| [Inst::op1(op, u64::from(local))];
    match (last, op) {
        (Op::LocalSet, Op::LocalGet) => tail.replace(1, &one(Op::LocalTee)),
        (Op::LocalTee, Op::LocalSet) => tail.replace(1, &one(Op::LocalSet)),
        (Op::LocalTee, Op::LocalTee) => tail.replace(1, &one(Op::LocalTee)),
        (Op::LocalGet, Op::LocalSet) => tail.replace(1, &[]),
        (Op::LocalGet, Op::LocalTee) => tail.replace(1, &one(Op::LocalGet)),
        (Op::LocalSet, Op::LocalSet) => tail.replace(1, &[Inst::op(Op::Pop), next]),
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
    fn neutral_elements() {
        check(
            "func (i32 i64) -> (i32 i64)
                local.get 0
                i32.push 0
                i32.add
                i32.push 32
                i32.shl
                i32.push 1
                i32.div
                i32.push -1
                i32.and
                local.get 1
                i64.push 0
                i64.xor
                i64.push 1
                i64.mul
                i64.push 64
                i64.rotr
                ret",
            expect![[r#"
                func (i32 i64) -> (i32 i64)
                    local.get 0
                    local.get 1
                    ret
            "#]],
        );
    }

    #[test]
    fn results_that_are_known() {
        check(
            "func (i32) -> (i32 i32 i32 i32)
                local.get 0
                i32.push 0
                i32.mul
                local.get 0
                i32.load 0
                i32.push 0
                i32.lt_u
                local.get 0
                i32.push -1
                i32.or
                local.get 0
                i32.push 1
                i32.mod_u
                ret",
            expect![[r#"
                func (i32) -> (i32 i32 i32 i32)
                    local.get 0
                    pop
                    i32.push 0
                    local.get 0
                    i32.load 0
                    pop
                    i32.push 0
                    local.get 0
                    pop
                    i32.push -1
                    local.get 0
                    pop
                    i32.push 0
                    ret
            "#]],
        );
    }

    #[test]
    fn cheaper_operations() {
        check(
            "func (i32 i64) -> (i32 i32 i64 i64 i32)
                local.get 0
                i32.push 8
                i32.mul
                local.get 0
                i32.push 16
                i32.div_u
                local.get 1
                i64.push 4096
                i64.mod_u
                local.get 1
                i64.push -9223372036854775808
                i64.mul
                local.get 0
                i32.push -1
                i32.xor
                i32.push -1
                i32.mul
                ret",
            expect![[r#"
                func (i32 i64) -> (i32 i32 i64 i64 i32)
                    local.get 0
                    i32.push 3
                    i32.shl
                    local.get 0
                    i32.push 4
                    i32.shr_u
                    local.get 1
                    i64.push 4095
                    i64.and
                    local.get 1
                    i64.push 63
                    i64.shl
                    local.get 0
                    i32.not
                    i32.neg
                    ret
            "#]],
        );
    }

    #[test]
    fn signed_division_and_its_traps_stay() {
        let text = "\
func (i32) -> (i32 i32 i32)
    local.get 0
    i32.push 8
    i32.div
    local.get 0
    i32.push 0
    i32.div_u
    local.get 0
    i32.push 0
    i32.mod_u
    ret
";
        super::super::testing::check_unchanged(
            |func, env| super::super::simplify::run(func, env, super::RULES),
            text,
        );
    }

    #[test]
    fn subtraction_becomes_addition_where_it_is_no_longer() {
        check(
            "func (i32) -> (i32)
                local.get 0
                i32.push 4
                i32.sub
                i32.push 64
                i32.sub
                i32.push -64
                i32.sub
                ret",
            expect![[r#"
                func (i32) -> (i32)
                    local.get 0
                    i32.push -68
                    i32.add
                    i32.push -64
                    i32.sub
                    ret
            "#]],
        );
    }

    #[test]
    fn constants_are_combined() {
        check(
            "func (i64) -> (i64 i64 i64)
                local.get 0
                i64.push 5
                i64.add
                i64.push 7
                i64.add
                local.get 0
                i64.push 40
                i64.shr
                i64.push 30
                i64.shr
                local.get 0
                i64.push 40
                i64.shl
                i64.push 30
                i64.shl
                ret",
            expect![[r#"
                func (i64) -> (i64 i64 i64)
                    local.get 0
                    i64.push 12
                    i64.add
                    local.get 0
                    i64.push 63
                    i64.shr
                    local.get 0
                    i64.push 40
                    i64.shl
                    i64.push 30
                    i64.shl
                    ret
            "#]],
        );
    }

    #[test]
    fn constants_go_to_the_right() {
        check(
            "func (i32 f64) -> (i32 i32 i32 i32 f64)
                i32.push 5
                local.get 0
                i32.load 0
                i32.add
                i32.push 10
                local.get 0
                i32.lt
                f64.push 1.0
                local.get 1
                f64.le
                i32.push 0
                local.get 0
                i32.sub
                f64.push 1.0
                local.get 1
                f64.add
                ret",
            expect![[r#"
                func (i32 f64) -> (i32 i32 i32 i32 f64)
                    local.get 0
                    i32.load 0
                    i32.push 5
                    i32.add
                    local.get 0
                    i32.push 10
                    i32.gt
                    local.get 1
                    f64.push 1.0
                    f64.ge
                    local.get 0
                    i32.neg
                    f64.push 1.0
                    local.get 1
                    f64.add
                    ret
            "#]],
        );
    }

    #[test]
    fn masks_of_narrow_values() {
        check(
            "func (i32) -> (i32 i32 i64)
                local.get 0
                i32.load8_u 0
                i32.push 255
                i32.and
                local.get 0
                i32.load16_u 0
                i32.push 255
                i32.and
                local.get 0
                i64.extend_i32_u
                i64.push 4294967295
                i64.and
                ret",
            expect![[r#"
                func (i32) -> (i32 i32 i64)
                    local.get 0
                    i32.load8_u 0
                    local.get 0
                    i32.load16_u 0
                    i32.push 255
                    i32.and
                    local.get 0
                    i64.extend_i32_u
                    ret
            "#]],
        );
    }

    #[test]
    fn conversions() {
        check(
            "func (i32 f32) -> (i64 i64 i32 i32 f32 f32 i64)
                local.get 0
                i32.load 4
                i64.extend_i32
                local.get 0
                i64.extend_i32_u
                i64.extend32
                local.get 0
                i64.extend_i32_u
                i64.push 12
                i64.mul
                i32.wrap_i64
                local.get 0
                i64.extend_i32
                i32.wrap_i64
                local.get 1
                i32.reinterpret_f32
                f32.reinterpret_i32
                local.get 1
                f32.neg
                f32.abs
                local.get 0
                i32.load8_u 1 memory 1
                i64.extend_i32_u
                ret",
            expect![[r#"
                func (i32 f32) -> (i64 i64 i32 i32 f32 f32 i64)
                    local.get 0
                    i64.load32_s 4
                    local.get 0
                    i64.extend_i32
                    local.get 0
                    i32.push 12
                    i32.mul
                    local.get 0
                    local.get 1
                    local.get 1
                    f32.abs
                    local.get 0
                    i64.load8_u 1 memory 1
                    ret
            "#]],
        );
    }

    #[test]
    fn stores_cut_off_themselves() {
        check(
            "func (i32 i64) -> ()
                local.get 0
                local.get 0
                i32.push 255
                i32.and
                i32.store8 0
                local.get 0
                local.get 0
                i32.push 255
                i32.and
                i32.store16 0
                local.get 0
                local.get 1
                i64.extend8
                i64.store16 0
                local.get 0
                local.get 0
                i64.extend_i32_u
                i64.store32 8
                local.get 0
                local.get 0
                i64.extend_i32
                i64.store16 8 memory 1
                ret",
            expect![[r#"
                func (i32 i64) -> ()
                    local.get 0
                    local.get 0
                    i32.store8 0
                    local.get 0
                    local.get 0
                    i32.push 255
                    i32.and
                    i32.store16 0
                    local.get 0
                    local.get 1
                    i64.extend8
                    i64.store16 0
                    local.get 0
                    local.get 0
                    i32.store 8
                    local.get 0
                    local.get 0
                    i32.store16 8 memory 1
                    ret
            "#]],
        );
    }

    #[test]
    fn locals_written_and_read() {
        check(
            "func (i32) -> (i32) i32
                local.get 0
                local.set 1
                local.get 1
                local.tee 0
                local.set 0
                local.get 1
                local.set 1
                local.get 0
                local.get 0
                local.set 1
                local.set 1
                local.get 1
                ret",
            expect![[r#"
                func (i32) -> (i32) i32
                    local.get 0
                    local.tee 1
                    local.tee 0
                    local.get 0
                    pop
                    local.tee 1
                    ret
            "#]],
        );
    }
}
