//! Bits that are zero whatever happens: what an expression's shape says about its value.

use dotvm_isa::ValType;
use dotvm_isa::ops::{Op, Sig};

use super::ints::{Int, Width};
use crate::ir::{Env, Inst, stack};

/// How deep into an expression [`zeros`] looks.
const DEPTH: u32 = 4;

/// The bits that are zero in the slot of the value on top of the stack after `code`. Bits above
/// an `i32` always are.
pub(super) fn zeros(code: &[Inst], env: &Env) -> u64 {
    zeros_within(code, env, DEPTH)
}

/// Whether the value on top of the stack after `code` is 0 or 1.
pub(super) fn is_boolean(code: &[Inst], env: &Env) -> bool {
    zeros(code, env) | 1 == u64::MAX
}

fn zeros_within(code: &[Inst], env: &Env, depth: u32) -> u64 {
    let Some((&last, rest)) = code.split_last() else {
        return 0;
    };
    if let Some(value) = last.as_const() {
        return !value;
    }
    let Inst::Op { op, .. } = last else { return 0 };
    let of_type = match op.info().sig {
        Sig::Fixed(_, &[ValType::I32]) => !u64::from(u32::MAX),
        _ => 0,
    };
    let found = match op {
        Op::RefIsNull => !1,
        Op::I32Load8U | Op::I64Load8U => !0xff,
        Op::I32Load16U | Op::I64Load16U => !0xffff,
        Op::I64Load32U => !u64::from(u32::MAX),
        Op::I32Clz | Op::I32Ctz | Op::I32Popcnt => !63,
        Op::I64Clz | Op::I64Ctz | Op::I64Popcnt => !127,
        Op::I64ExtendI32U => !u64::from(u32::MAX) | zeros_within(rest, env, depth),
        Op::I32WrapI64 => zeros_within(rest, env, depth),
        _ if is_comparison(op) => !1,
        _ if depth == 0 => 0,
        Op::LocalTee => zeros_within(rest, env, depth - 1),
        Op::Select => {
            let arms = operand(rest, env).and_then(|condition| {
                let second = operand(condition, env)?;
                Some((condition, second))
            });
            arms.map_or(0, |(second, first)| {
                zeros_within(second, env, depth - 1) & zeros_within(first, env, depth - 1)
            })
        }
        _ => binary(op, rest, env, depth),
    };
    found | of_type
}

fn is_comparison(op: Op) -> bool {
    matches!(Int::of(op), Some((int, _)) if int.is_comparison() || int == Int::Eqz)
        || super::ints::exchanged_float(op).is_some()
}

/// The code before the operand on top of the stack: what is on top then is the next operand.
fn operand<'c>(code: &'c [Inst], env: &Env) -> Option<&'c [Inst]> {
    Some(&code[..stack::operand_start(code, env)?])
}

fn binary(op: Op, rest: &[Inst], env: &Env, depth: u32) -> u64 {
    let Some((int, width)) = Int::of(op) else {
        return 0;
    };
    let second = zeros_within(rest, env, depth - 1);
    let first = || operand(rest, env).map_or(0, |rest| zeros_within(rest, env, depth - 1));
    let count = rest.last().and_then(|inst| inst.as_const());
    match (int, count) {
        (Int::And, _) => first() | second,
        (Int::Or | Int::Xor, _) => first() & second,
        (Int::Shl, Some(count)) => {
            let count = count % width.bits();
            first() << count | ((1 << count) - 1)
        }
        (Int::ShrU, Some(count)) => shift_right(first(), width, count % width.bits()),
        // The remainder is below the divisor.
        (Int::ModU, Some(divisor)) if divisor > 0 => {
            let most = divisor - 1;
            !(u64::MAX.checked_shr(most.leading_zeros()).unwrap_or(0))
        }
        _ => 0,
    }
}

fn shift_right(zeros: u64, width: Width, count: u64) -> u64 {
    let above = !(width.ones() >> count);
    (zeros & width.ones()) >> count | above
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::parse;

    fn ones_of(expression: &str) -> String {
        let func = parse(&format!("func (i32 i64) -> ()\n{expression}"));
        format!("{:#x}", !zeros(&func.insts, &Env::default()))
    }

    #[test]
    fn known_zeros() {
        let cases = [
            ("local.get 0", "0xffffffffffffffff"),
            ("i32.push -1", "0xffffffff"),
            ("local.get 0\n i32.load 0", "0xffffffff"),
            ("local.get 0\n i32.load8_u 0", "0xff"),
            ("local.get 0\n i32.eqz", "0x1"),
            ("local.get 1\n i64.push 255\n i64.and", "0xff"),
            (
                "local.get 0\n i32.eqz\n local.get 0\n i32.load8_u 0\n i32.or",
                "0xff",
            ),
            (
                "local.get 0\n i32.load8_u 0\n i32.push 8\n i32.shl",
                "0xff00",
            ),
            ("local.get 0\n i32.push 28\n i32.shr_u", "0xf"),
            ("local.get 1\n i64.push 60\n i64.shr_u", "0xf"),
            ("local.get 1\n i64.push 10\n i64.mod_u", "0xf"),
            ("local.get 1\n i64.push 1\n i64.mod_u", "0x0"),
            ("local.get 0\n i32.load16_u 0\n i64.extend_i32_u", "0xffff"),
            (
                "local.get 0\n i32.load8_u 0\n i32.push 256\n local.get 0\n select",
                "0x1ff",
            ),
        ];
        for (expression, ones) in cases {
            assert_eq!(ones_of(expression), ones, "{expression}");
        }
    }
}
