//! Constant folding: instructions whose operands are known are replaced by their results.
//!
//! What would trap stays. Arithmetic that gives a NaN stays as well: which NaN it gives is the
//! machine's business.

use dotvm_isa::ops::{Group, Op, Sig};
use dotvm_isa::{ValType, semantics};

use super::simplify::{Rule, Tail};
use crate::ir::{Inst, eval_binary, eval_unary};

/// The rules of this pass.
pub(super) const RULES: &[Rule] = &[compute, compute_vector, branch, choose, null];

/// `const op`, `const const op`
fn compute(tail: &mut Tail<'_>, next: Inst) -> bool {
    let Inst::Op { op, .. } = next else {
        return false;
    };
    let last = tail.last().and_then(Inst::as_const);
    let (count, result) = match (op.info().group, last) {
        (Group::Unary, Some(a)) => (1, eval_unary(op, a)),
        (Group::Binary, Some(b)) => match tail.before_last().and_then(Inst::as_const) {
            Some(a) => (2, eval_binary(op, a, b)),
            None => return false,
        },
        _ => return false,
    };
    let Sig::Fixed(_, &[ty]) = op.info().sig else {
        return false;
    };
    match result {
        Some(slot) if is_certain(op, ty, slot) => tail.replace(count, &[Inst::constant(ty, slot)]),
        _ => false,
    }
}

/// `const op`, `const const op`, `const const const op` of vectors, where that is not longer. Floats
/// stay, for their NaNs.
fn compute_vector(tail: &mut Tail<'_>, next: Inst) -> bool {
    let Inst::Op { op, a, b, .. } = next else {
        return false;
    };
    let info = op.info();
    let Sig::Fixed(types, &[ty]) = info.sig else {
        return false;
    };
    if info.group != Group::Vector || info.mnemonic.starts_with('f') {
        return false;
    }
    let operands = tail.code().len().checked_sub(types.len());
    let operands = operands.map_or(&[][..], |start| &tail.code()[start..]);
    let constants: Vec<u128> = operands.iter().filter_map(|inst| inst.as_bits()).collect();
    if constants.len() != types.len() {
        return false;
    }
    let slots = |(&bits, ty): (&u128, &ValType)| {
        [bits as u64, (bits >> 64) as u64]
            .into_iter()
            .take(ty.slots() as usize)
    };
    let args: Vec<u64> = constants.iter().zip(types).flat_map(slots).collect();
    let result = semantics::eval_pure(op, &args, a, b).expect("of that group");
    let [low, high, ..] = result.expect("instructions of vectors do not trap");
    let result = match ty {
        ValType::V128 => Inst::op2(Op::V128Push, low, high),
        ty => Inst::constant(ty, low),
    };
    let length: usize = operands.iter().map(|inst| inst.size()).sum();
    result.size() <= length + next.size() && tail.replace(constants.len(), &[result])
}

/// Whether `op` gives this result on every machine.
fn is_certain(op: Op, ty: ValType, slot: u64) -> bool {
    use semantics::SlotValue as _;
    let nan = match ty {
        ValType::F32 => f32::from_slot(slot).is_nan(),
        ValType::F64 => f64::from_slot(slot).is_nan(),
        _ => false,
    };
    let moves_bits = matches!(
        op,
        Op::F32Abs
            | Op::F32Neg
            | Op::F32Copysign
            | Op::F64Abs
            | Op::F64Neg
            | Op::F64Copysign
            | Op::F32ReinterpretI32
            | Op::F64ReinterpretI64
    );
    moves_bits || !nan
}

/// `const jz`, `const jnz`, `const br_table`
fn branch(tail: &mut Tail<'_>, next: Inst) -> bool {
    let Some(value) = tail.last().and_then(Inst::as_const) else {
        return false;
    };
    match next {
        Inst::Jz(label) if value == 0 => tail.replace(1, &[Inst::Jmp(label)]),
        Inst::Jnz(label) if value != 0 => tail.replace(1, &[Inst::Jmp(label)]),
        Inst::Jz(_) | Inst::Jnz(_) => tail.replace(1, &[]),
        Inst::BrTable(table) => {
            let targets = &tail.tables[table as usize];
            let index = (value as usize).min(targets.len() - 1);
            let target = targets[index];
            tail.replace(1, &[Inst::Jmp(target)])
        }
        _ => false,
    }
}

/// `a b const select`
fn choose(tail: &mut Tail<'_>, next: Inst) -> bool {
    if next != Inst::op(Op::Select) {
        return false;
    }
    match tail.last().and_then(Inst::as_const) {
        Some(0) => tail.replace(1, &[Inst::op(Op::Nip)]),
        Some(_) => tail.replace(1, &[Inst::op(Op::Pop)]),
        None => false,
    }
}

/// `ref.null ref.is_null`, `ref.func ref.is_null`
fn null(tail: &mut Tail<'_>, next: Inst) -> bool {
    if next != Inst::op(Op::RefIsNull) {
        return false;
    }
    match tail.last().and_then(Inst::opcode) {
        Some(Op::RefNull) => tail.replace(1, &[Inst::i32(1)]),
        Some(Op::RefFunc) => tail.replace(1, &[Inst::i32(0)]),
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
    fn arithmetic() {
        check(
            "func () -> (i32)
                i32.push 6
                i32.push 2
                i32.push 3
                i32.add
                i32.mul
                i32.push 31
                i32.shl
                i32.clz
                ret",
            expect![[r#"
                func () -> (i32)
                    i32.push 32
                    ret
            "#]],
        );
    }

    #[test]
    fn constants_keep_their_sign() {
        check(
            "func () -> (i64)
                i32.push -1
                i32.push 1
                i32.sub
                i64.extend_i32
                ret",
            expect![[r#"
                func () -> (i64)
                    i64.push -2
                    ret
            "#]],
        );
    }

    #[test]
    fn traps_stay() {
        check(
            "func () -> (i32)
                i32.push 1
                i32.push 0
                i32.div
                i32.push -2147483648
                i32.push -1
                i32.div
                i32.push -2147483648
                i32.push -1
                i32.mod
                f32.push nan:0x7fc00000
                i32.trunc_f32
                ret",
            expect![[r#"
                func () -> (i32)
                    i32.push 1
                    i32.push 0
                    i32.div
                    i32.push -2147483648
                    i32.push -1
                    i32.div
                    i32.push 0
                    f32.push nan:0x7fc00000
                    i32.trunc_f32
                    ret
            "#]],
        );
    }

    #[test]
    fn arithmetic_on_nans_stays() {
        check(
            "func () -> (f64 f64 i32 f64)
                f64.push 0.0
                f64.push 0.0
                f64.div
                f64.push nan:0x7ff0000000000001
                f64.neg
                f64.push nan:0x7ff0000000000001
                f64.push 1.0
                f64.lt
                f64.push 1.0
                f64.push 4.0
                f64.div
                ret",
            expect![[r#"
                func () -> (f64 f64 i32 f64)
                    f64.push 0.0
                    f64.push 0.0
                    f64.div
                    f64.push nan:0xfff0000000000001
                    i32.push 0
                    f64.push 0.25
                    ret
            "#]],
        );
    }

    #[test]
    fn branches() {
        check(
            "func () -> ()
                i32.push 0
                jnz L0
                i32.push 5
                jz L0
                i32.push 9
                br_table L0 L1
                nop
            L0:
                i32.push 0
                jz L1
                trap
            L1:
                ret",
            expect![[r#"
                func () -> ()
                    jmp L1
                L0:
                    jmp L1
                L1:
                    ret
            "#]],
        );
    }

    #[test]
    fn vectors() {
        check(
            "func () -> (v128 i32 v128 v128)
                v128.push 0x00000004000000030000000200000001
                v128.push 0x000000ff000000ff000000ff000000ff
                i32x4.add
                v128.push 0x00000004000000030000000200000001
                i32x4.extract_lane 3
                i32.push 1
                i8x16.splat
                v128.push 0x7fc00000
                v128.push 0x1
                f32x4.add
                ret",
            expect![[r#"
                func () -> (v128 i32 v128 v128)
                    v128.push 0x103000001020000010100000100
                    i32.push 4
                    i32.push 1
                    i8x16.splat
                    v128.push 0x7fc00000
                    v128.push 0x1
                    f32x4.add
                    ret
            "#]],
        );
    }

    #[test]
    fn select_and_null() {
        check(
            "func (i64 i64) -> (i64 i64 i32 i32)
                local.get 0
                local.get 1
                i32.push 3
                select
                local.get 0
                local.get 1
                i32.push 0
                select
                ref.null externref
                ref.is_null
                ref.func 0
                ref.is_null
                ret",
            expect![[r#"
                func (i64 i64) -> (i64 i64 i32 i32)
                    local.get 0
                    local.get 1
                    pop
                    local.get 0
                    local.get 1
                    nip
                    i32.push 1
                    i32.push 0
                    ret
            "#]],
        );
    }
}
