//! Functions as compilers bring them along, changed ones, and what becomes of calls.

use std::collections::HashMap;

use dotvm_isa::{Names, Op, semantics};
use expect_test::{Expect, expect};

use super::super::raise::tests::BY_COMPARISON as PRODUCT;
use super::super::testing::{changes, check_pass, parse_all};
use super::evaluate::Evaluation;
use super::{Chance, HELPERS, computes, replace, run};
use crate::ir::Inst;

/// `__ashlti3` of Rust 1.63, optimized.
const SHIFT: &str = "\
func (i32 i64 i64 i32) -> () i64
    local.get 3
    i32.push 64
    i32.and
    jnz L1
    local.get 3
    jz L2
    local.get 2
    local.get 3
    i32.push 63
    i32.and
    i64.extend_i32_u
    local.tee 4
    i64.shl
    local.get 1
    local.get 3
    i32.neg
    i32.push 63
    i32.and
    i64.extend_i32_u
    i64.shr_u
    i64.or
    local.set 2
    local.get 1
    local.get 4
    i64.shl
    local.set 1
    jmp L2
L1:
    local.get 1
    local.get 3
    i32.push 63
    i32.and
    i64.extend_i32_u
    i64.shl
    local.set 2
    i64.push 0
    local.set 1
L2:
    local.get 0
    local.get 1
    i64.store 0
    local.get 0
    local.get 2
    i64.store 8
    ret
";

/// Division bit by bit, from the highest: what is left is doubled, and the divisor taken off where it can be.
const DIVISION: &str = "\
func (i32 i64 i64 i64 i64) -> () i64 i64 i64 i32
    loop L0
    local.get 6
    i64.push 63
    i64.shr_u
    local.set 7
    local.get 6
    i64.push 1
    i64.shl
    local.get 5
    i64.push 63
    i64.shr_u
    i64.or
    local.set 6
    local.get 5
    i64.push 1
    i64.shl
    local.get 2
    i64.push 63
    i64.shr_u
    i64.or
    local.set 5
    local.get 2
    i64.push 1
    i64.shl
    local.get 1
    i64.push 63
    i64.shr_u
    i64.or
    local.set 2
    local.get 1
    i64.push 1
    i64.shl
    local.set 1
    local.get 7
    i32.wrap_i64
    jnz L1
    local.get 5
    local.get 3
    i64.ge_u
    local.get 6
    local.get 4
    i64.ge_u
    local.get 6
    local.get 4
    i64.eq
    select
    jz L2
L1:
    local.get 6
    local.get 4
    i64.sub
    local.get 5
    local.get 3
    i64.lt_u
    i64.extend_i32_u
    i64.sub
    local.set 6
    local.get 5
    local.get 3
    i64.sub
    local.set 5
    local.get 1
    i64.push 1
    i64.or
    local.set 1
L2:
    local.get 8
    i32.push 1
    i32.add
    local.tee 8
    i32.push 128
    i32.ne
    jnz L0
    local.get 0
    local.get 2
    i64.store 8
    local.get 0
    local.get 1
    i64.store 0
    ret
";

/// What those functions compute.
const KNOWN: [(&str, Op); 3] = [
    (SHIFT, Op::I128Shl),
    (DIVISION, Op::I128DivU),
    (PRODUCT, Op::I128Mul),
];

#[test]
fn functions_are_known_by_what_they_compute() {
    for (text, computed) in KNOWN {
        let (funcs, env) = parse_all(text);
        for (_, op) in HELPERS {
            let has_its_type = super::function_type(op) == env.types[0];
            let found = has_its_type && computes(0, &funcs, &env, op);
            assert_eq!(found, op == computed, "{op:?}");
        }
    }
}

/// Every function that differs in one instruction either is not taken for the helper, or computes the same.
#[test]
fn nothing_else_is_taken_for_a_helper() {
    let mut accepted = 0;
    for (text, op) in KNOWN {
        let (funcs, env) = parse_all(text);
        for at in 0..funcs[0].insts.len() {
            for inst in changes(funcs[0].insts[at], funcs[0].locals.len()) {
                let mut changed = funcs.clone();
                changed[0].insts[at] = inst;
                let ty = |inst: Inst| {
                    inst.local()
                        .map(|(_, local)| funcs[0].locals[local as usize])
                };
                let old = funcs[0].insts[at];
                let is_change = inst != old && ty(inst) == ty(old);
                if !is_change || !computes(0, &changed, &env, op) {
                    continue;
                }
                accepted += 1;
                let mut evaluation = Evaluation::new(&changed, &env);
                let mut chance = Chance(at as u64 + 2);
                for _ in 0..100 {
                    let (a, b) = (chance.number(), chance.number().max(1));
                    let mut operands = vec![a as u64, (a >> 64) as u64];
                    match op {
                        Op::I128Shl => operands.push(b as u64 % 128),
                        _ => operands.extend([b as u64, (b >> 64) as u64]),
                    }
                    let result = semantics::eval_pure(op, &operands, 0, 0);
                    let result = result.expect("a pure instruction").expect("no trap");
                    let result = [result[0], result[1]];
                    assert!(
                        evaluation.leaves(0, &operands, result),
                        "{inst:?} at {at}: {operands:x?}"
                    );
                }
            }
        }
    }
    // Such as addends exchanged.
    assert!(accepted > 0, "some changes change nothing");
}

#[test]
fn helpers_do_nothing_else() {
    let with = |start: &str, is_known: bool| {
        let text = SHIFT.replacen('\n', &format!("\n{start}\n"), 1);
        let others = "func () -> ()\n    ret\nfunc () -> ()\n    call 2\n    ret";
        let (funcs, env) = parse_all(&format!("{text}{others}"));
        assert_eq!(computes(0, &funcs, &env, Op::I128Shl), is_known, "{start}");
    };
    // What is on the stack is gone afterwards.
    let stack = "global.get 0\ni32.push -16\ni32.add\n";
    with(&format!("{stack} local.get 1\ni64.store 8"), true);
    with(&format!("{stack} i64.load 8\npop"), false);
    with(&format!("{stack} global.set 0"), false);
    with("global.get 0\ni64.push 0\ni64.store 8", false);
    with("local.get 0\ni64.push 0\ni64.store 16", false);
    with("local.get 0\ni64.push 0\ni64.store 8", true);
    with("call 1", true);
    with("call 2", false);
    with("i32.push 0\ni32.push 0\ni32.div\npop", false);
    with("loop L9\njmp L9", false);
}

#[test]
fn helpers_have_their_names() {
    let text = format!(
        "{SHIFT}func (i32 i64 i64) -> ()
            local.get 0
            local.get 1
            local.get 2
            i32.push 5
            call 0
            ret"
    );
    let replaced = |names: &[(u32, &str)]| {
        let (mut funcs, env) = parse_all(&text);
        let names = names.iter().map(|&(func, name)| (func, name.to_owned()));
        let names = Names {
            funcs: names.collect(),
            ..Names::default()
        };
        run(&mut funcs, &env, &names)
    };
    // As of programs without names.
    assert_eq!(replaced(&[]), 0);
    assert_eq!(replaced(&[(0, "__ashlti3")]), 1);
    assert_eq!(replaced(&[(0, "__lshrti3")]), 0);
    assert_eq!(replaced(&[(0, "shift")]), 0);
}

/// Checks what becomes of calls of function 1, which computes what the instruction does.
fn check(op: Op, before: &str, after: &Expect) {
    let helpers = HashMap::from([(1, op)]);
    check_pass(|func, _| replace(func, &helpers), before, after);
}

#[test]
fn products() {
    check(
        Op::I128Mul,
        "func (i32 i64 i64 i64 i64) -> ()
            local.get 0
            local.get 1
            local.get 2
            local.get 3
            local.get 4
            call 1
            ret
        func (i32 i64 i64 i64 i64) -> ()
            ret",
        &expect![[r#"
            func (i32 i64 i64 i64 i64) -> () i128
                local.get 0
                local.get 1
                local.get 2
                local.get 3
                local.get 4
                i128.from_limbs
                local.set 5
                i128.from_limbs
                local.get 5
                i128.mul
                i128.store 0
                ret
            func (i32 i64 i64 i64 i64) -> ()
                ret
        "#]],
    );
}

#[test]
fn shifts_by_less_than_the_width() {
    check(
        Op::I128ShrU,
        "func (i32 i64 i32) -> ()
            local.get 0
            local.get 1
            local.get 1
            i32.push 127
            call 1
            local.get 0
            local.get 1
            local.get 1
            local.get 2
            i32.push 63
            i32.and
            call 1
            ret
        func (i32 i64 i64 i32) -> ()
            ret",
        &expect![[r#"
            func (i32 i64 i32) -> () i32
                local.get 0
                local.get 1
                local.get 1
                i32.push 127
                local.set 3
                i128.from_limbs
                local.get 3
                i128.shr_u
                i128.store 0
                local.get 0
                local.get 1
                local.get 1
                local.get 2
                i32.push 63
                i32.and
                local.set 3
                i128.from_limbs
                local.get 3
                i128.shr_u
                i128.store 0
                ret
            func (i32 i64 i64 i32) -> ()
                ret
        "#]],
    );
}

#[test]
fn shifts_by_more_may_be_anything() {
    check(
        Op::I128Shl,
        "func (i32 i64 i32) -> ()
            local.get 0
            local.get 1
            local.get 1
            i32.push 128
            call 1
            local.get 0
            local.get 1
            local.get 1
            local.get 2
            call 1
            ret
        func (i32 i64 i64 i32) -> ()
            ret",
        &expect![[r#"
            func (i32 i64 i32) -> ()
                local.get 0
                local.get 1
                local.get 1
                i32.push 128
                call 1
                local.get 0
                local.get 1
                local.get 1
                local.get 2
                call 1
                ret
            func (i32 i64 i64 i32) -> ()
                ret
        "#]],
    );
}

#[test]
fn divisors_of_zero_are_left_to_the_function() {
    check(
        Op::I128ModU,
        "func (i32 i64 i64) -> ()
            local.get 0
            local.get 1
            local.get 1
            local.get 2
            i64.push 0
            call 1
            ret
        func (i32 i64 i64 i64 i64) -> ()
            ret",
        &expect![[r#"
            func (i32 i64 i64) -> () i64 i64
                local.get 0
                local.get 1
                local.get 1
                local.get 2
                i64.push 0
                local.set 4
                local.set 3
                local.get 3
                local.get 4
                i64.or
                i64.eqz
                jnz L0
                i128.from_limbs
                local.get 3
                local.get 4
                i128.from_limbs
                i128.mod_u
                i128.store 0
                jmp L1
            L0:
                local.get 3
                local.get 4
                call 1
            L1:
                ret
            func (i32 i64 i64 i64 i64) -> ()
                ret
        "#]],
    );
}

#[test]
fn quotients_that_overflow_are_left_to_the_function() {
    check(
        Op::I128Div,
        "func (i32 i64 i64) -> ()
            local.get 0
            local.get 1
            local.get 1
            local.get 2
            local.get 2
            call 1
            ret
        func (i32 i64 i64 i64 i64) -> ()
            ret",
        &expect![[r#"
            func (i32 i64 i64) -> () i64 i64
                local.get 0
                local.get 1
                local.get 1
                local.get 2
                local.get 2
                local.set 4
                local.set 3
                local.get 3
                local.get 4
                i64.xor
                local.get 3
                i64.push 1
                i64.add
                i64.push -2
                i64.and
                i64.or
                i64.eqz
                jnz L0
                i128.from_limbs
                local.get 3
                local.get 4
                i128.from_limbs
                i128.div
                i128.store 0
                jmp L1
            L0:
                local.get 3
                local.get 4
                call 1
            L1:
                ret
            func (i32 i64 i64 i64 i64) -> ()
                ret
        "#]],
    );
}
