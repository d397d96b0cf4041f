//! Simpler ways to make words, and to do without half of what an instruction gives.

use dotvm_isa::ValType;
use dotvm_isa::ops::{Group, Op};

use super::simplify::{Rule, Tail};
use super::words::word_of_limbs;
use crate::ir::Inst;

/// The rules of this pass.
pub(super) const RULES: &[Rule] = &[splat, constant, negative, extension, load, carry, single];

/// The limbs that a word is to be made of next.
fn limbs(next: Inst) -> Option<(ValType, usize)> {
    let word = word_of_limbs(next.opcode()?)?;
    Some((word, word.slots() as usize))
}

/// The limb that an instruction pushes, where it is a constant.
fn limb(inst: &Inst) -> Option<u64> {
    match *inst {
        Inst::Op {
            op: Op::I64Push, a, ..
        } => Some(a),
        _ => None,
    }
}

/// The limbs that the next instruction makes a word of, where they are constants.
fn constants(tail: &Tail<'_>, next: Inst) -> Option<(ValType, Vec<u64>)> {
    let (word, count) = limbs(next)?;
    let start = tail.code().len().checked_sub(count)?;
    let limbs: Option<Vec<u64>> = tail.code()[start..].iter().map(limb).collect();
    Some((word, limbs?))
}

/// `low high 0 .. 0 from_limbs`
fn constant(tail: &mut Tail<'_>, next: Inst) -> bool {
    match constants(tail, next) {
        Some((word, limbs)) if limbs[2..].iter().all(|&limb| limb == 0) => {
            let value = u128::from(limbs[0]) | u128::from(limbs[1]) << 64;
            tail.replace(limbs.len(), &[Inst::word(word, value)])
        }
        _ => false,
    }
}

/// `low high -1 .. -1 from_limbs` where that is a number of 128 bits, with its sign
fn negative(tail: &mut Tail<'_>, next: Inst) -> bool {
    let (extend, limbs) = match constants(tail, next) {
        Some((ValType::I256, limbs)) => (Op::I256ExtendI128, limbs),
        Some((ValType::I512, limbs)) => (Op::I512ExtendI128, limbs),
        _ => return false,
    };
    let is_extended = (limbs[1] as i64) < 0 && limbs[2..].iter().all(|&limb| limb == u64::MAX);
    let value = u128::from(limbs[0]) | u128::from(limbs[1]) << 64;
    let code = [Inst::word(ValType::I128, value), Inst::op(extend)];
    is_extended && tail.replace(limbs.len(), &code)
}

/// `limb limb .. limb from_limbs` of a vector
fn splat(tail: &mut Tail<'_>, next: Inst) -> bool {
    let (op, limbs) = match constants(tail, next) {
        Some((ValType::V256, limbs)) => (Op::I64x4Splat, limbs),
        Some((ValType::V512, limbs)) => (Op::I64x8Splat, limbs),
        _ => return false,
    };
    let is_same = limbs[1..].iter().all(|&limb| limb == limbs[0]);
    let code = [Inst::i64(limbs[0].cast_signed()), Inst::op(op)];
    is_same && tail.replace(limbs.len(), &code)
}

/// `value 0 .. 0 from_limbs` of an integer
fn extension(tail: &mut Tail<'_>, next: Inst) -> bool {
    let Some((word, count)) = limbs(next) else {
        return false;
    };
    let zeros = (0..count - 1).all(|i| tail.nth_last(i) == Some(Inst::i64(0)));
    let op = match word {
        ValType::I128 => Op::I128ExtendI64U,
        ValType::I256 => Op::I256ExtendI64U,
        ValType::I512 => Op::I512ExtendI64U,
        _ => return false,
    };
    zeros && tail.replace(count - 1, &[Inst::op(op)])
}

/// `local i64.load n local i64.load n+8 .. from_limbs`: the first of them that traps is the one that the whole
/// load traps for.
fn load(tail: &mut Tail<'_>, next: Inst) -> bool {
    let Some((word, count)) = limbs(next) else {
        return false;
    };
    let Some(start) = tail.code().len().checked_sub(2 * count) else {
        return false;
    };
    let [
        address,
        Inst::Op {
            op: Op::I64Load,
            memory,
            a: offset,
            ..
        },
        ..,
    ] = tail.code()[start..]
    else {
        return false;
    };
    let is_load = |(i, pair): (u64, &[Inst])| {
        let limb = offset.checked_add(8 * i);
        limb.is_some_and(|limb| pair == [address, Inst::access(memory, Op::I64Load, limb, 0)])
    };
    let mut pairs = (0..).zip(tail.code()[start..].chunks_exact(2));
    if !matches!(address.local(), Some((Op::LocalGet, _))) || !pairs.all(is_load) {
        return false;
    }
    let op = match word {
        ValType::I128 => Op::I128Load,
        ValType::I256 => Op::I256Load,
        ValType::I512 => Op::I512Load,
        ValType::V256 => Op::V256Load,
        _ => Op::V512Load,
    };
    tail.replace(2 * count, &[address, Inst::access(memory, op, offset, 0)])
}

/// Sums without a carry and differences without a borrow.
fn carry(tail: &mut Tail<'_>, next: Inst) -> bool {
    let op = match next.opcode() {
        Some(Op::I128AddCarry) => Op::I128AddOverflowU,
        Some(Op::I256AddCarry) => Op::I256AddOverflowU,
        Some(Op::I512AddCarry) => Op::I512AddOverflowU,
        Some(Op::I128SubBorrow) => Op::I128SubOverflowU,
        Some(Op::I256SubBorrow) => Op::I256SubOverflowU,
        Some(Op::I512SubBorrow) => Op::I512SubOverflowU,
        _ => return false,
    };
    tail.last() == Some(Inst::i32(0)) && tail.replace(1, &[Inst::op(op)])
}

/// Two results, of which the second is not wanted.
fn single(tail: &mut Tail<'_>, next: Inst) -> bool {
    if next != Inst::op(Op::Pop) {
        return false;
    }
    let op = tail.last().and_then(Inst::opcode);
    let Some(op) = op.filter(|op| op.info().group == Group::Pair) else {
        return false;
    };
    let (ty, name) = op.mnemonic().split_once('.').unwrap_or_default();
    let single = match name {
        "add_overflow" | "add_overflow_u" => "add",
        "sub_overflow" | "sub_overflow_u" => "sub",
        "mul_overflow" | "mul_overflow_u" | "mul_wide" | "mul_wide_u" => "mul",
        "divmod" => "div",
        "divmod_u" => "div_u",
        _ => return false,
    };
    let single = Op::from_mnemonic(&format!("{ty}.{single}"), dotvm_isa::Arch::Arch512);
    single.is_some_and(|single| tail.replace(1, &[Inst::op(single)]))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::testing::{check_rules, check_unchanged};
    use crate::opt::simplify;

    fn check(before: &str, after: Expect) {
        check_rules(super::RULES, before, &after);
    }

    #[test]
    fn small_words_are_constants_or_extended() {
        check(
            "func (i64) -> (i256 i256 i256 i128)
                i64.push 5
                i64.push -1
                i64.push 0
                i64.push 0
                i256.from_limbs
                i64.push 5
                i64.push -1
                i64.push -1
                i64.push -1
                i256.from_limbs
                local.get 0
                i64.push 0
                i64.push 0
                i64.push 0
                i256.from_limbs
                i64.push 1
                i64.push 0
                i128.from_limbs
                ret",
            expect![[r#"
                func (i64) -> (i256 i256 i256 i128)
                    i256.push 0xffffffffffffffff0000000000000005
                    i128.push 0xffffffffffffffff0000000000000005
                    i256.extend_i128
                    local.get 0
                    i256.extend_i64_u
                    i128.push 0x1
                    ret
            "#]],
        );
    }

    #[test]
    fn vectors_of_limbs_are_constants_or_loaded() {
        check(
            "func (i32) -> (v256 v512 v256 v256)
                i64.push 0
                i64.push 0
                i64.push 0
                i64.push 0
                v256.from_limbs
                i64.push 7
                i64.push 7
                i64.push 7
                i64.push 7
                i64.push 7
                i64.push 7
                i64.push 7
                i64.push 7
                v512.from_limbs
                i64.push 1
                i64.push 2
                i64.push 0
                i64.push 0
                v256.from_limbs
                local.get 0
                i64.load 8
                local.get 0
                i64.load 16
                local.get 0
                i64.load 24
                local.get 0
                i64.load 32
                v256.from_limbs
                ret",
            expect![[r#"
                func (i32) -> (v256 v512 v256 v256)
                    i64.push 0
                    i64x4.splat
                    i64.push 7
                    i64x8.splat
                    v256.push 0x20000000000000001
                    local.get 0
                    v256.load 8
                    ret
            "#]],
        );
    }

    #[test]
    fn other_constants_are_made_of_limbs() {
        let text = "\
func () -> (i256)
    i64.push 5
    i64.push 1
    i64.push -1
    i64.push -1
    i256.from_limbs
    ret
";
        check_unchanged(|func, env| simplify::run(func, env, super::RULES), text);
    }

    #[test]
    fn limbs_that_stand_together_are_loaded_together() {
        check(
            "func (i32) -> (i128)
                local.get 0
                i64.load 24
                local.get 0
                i64.load 32
                i128.from_limbs
                ret",
            expect![[r#"
                func (i32) -> (i128)
                    local.get 0
                    i128.load 24
                    ret
            "#]],
        );
    }

    #[test]
    fn other_limbs_are_loaded_one_by_one() {
        let unchanged = |first: &str, second: &str| {
            let text = format!(
                "func (i32 i32) -> (i128)\n    local.get 0\n    i64.load {first}\n    \
                 local.get {second}\n    i128.from_limbs\n    ret\n"
            );
            let run = |func: &mut _, env: &_| simplify::run(func, env, super::RULES);
            check_unchanged(run, &text);
        };
        unchanged("8", "0\n    i64.load 0");
        unchanged("8", "1\n    i64.load 16");
        unchanged("8", "0\n    i64.load32_u 16");
        unchanged("8", "0\n    i64.load 16 memory 1");
        unchanged("4294967288", "0\n    i64.load 0");
    }

    #[test]
    fn results_that_nobody_wants_are_not_computed() {
        check(
            "func (i128 i128) -> (i128 i128 i128 i128)
                local.get 0
                local.get 1
                i32.push 0
                i128.add_carry
                pop
                local.get 0
                local.get 1
                i128.mul_wide_u
                pop
                local.get 0
                local.get 1
                i128.divmod_u
                pop
                local.get 0
                local.get 1
                i32.push 1
                i128.sub_borrow
                pop
                ret",
            expect![[r#"
                func (i128 i128) -> (i128 i128 i128 i128)
                    local.get 0
                    local.get 1
                    i128.add
                    local.get 0
                    local.get 1
                    i128.mul
                    local.get 0
                    local.get 1
                    i128.div_u
                    local.get 0
                    local.get 1
                    i32.push 1
                    i128.sub_borrow
                    pop
                    ret
            "#]],
        );
    }
}
