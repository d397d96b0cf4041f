//! WebAssembly text in, listings out.

mod exceptions;
mod features;
mod slots;
mod vectors;
mod words;

use std::fmt::Write;

use expect_test::{Expect, expect};

use super::{Features, Translated, translate};
use crate::ir::text::listing;

fn translated(text: &str) -> Translated {
    let wasm = wat::parse_str(text).expect("valid text");
    translate(&wasm, None, Features::ALL).expect("valid module")
}

fn listings(text: &str) -> String {
    let module = translated(text);
    let types = &module.env.types;
    module
        .funcs
        .iter()
        .map(|func| listing(func, &types[func.ty as usize]))
        .collect()
}

fn check(text: &str, expected: Expect) {
    expected.assert_eq(&listings(text));
}

fn check_error(text: &str, expected: Expect) {
    let wasm = wat::parse_str(text).expect("valid text");
    let error = translate(&wasm, None, Features::ALL).expect_err("refused");
    expected.assert_eq(&error.to_string());
}

#[test]
fn blocks_cost_nothing() {
    check(
        "(module (func (param i32) (result i32)
            (block $a (result i32)
                (block $b
                    (br_if $b (local.get 0))
                    (br $a (i32.const 1)))
                (i32.const 2))))",
        expect![[r#"
            func (i32) -> (i32)
                local.get 0
                jnz L2
                i32.push 1
                jmp L1
            L2:
                i32.push 2
            L1:
                ret
        "#]],
    );
}

#[test]
fn loops_have_a_marker() {
    check(
        "(module (func (param i32) (result i32)
            (i32.const 1)
            (loop $l (param i32) (result i32)
                (local.tee 0)
                (br_if $l (local.get 0)))))",
        expect![[r#"
            func (i32) -> (i32)
                i32.push 1
                loop L1
                local.tee 0
                local.get 0
                jnz L1
                ret
        "#]],
    );
}

#[test]
fn conditionals() {
    check(
        "(module (func (param i32) (result i32)
            (if (local.get 0) (then (nop)))
            (if (local.get 0) (then (return (i32.const 1))) (else (drop (i32.const 2))))
            (if (result i32) (local.get 0) (then (i32.const 3)) (else (i32.const 4)))
            (if (param i32) (result i32) (local.get 0) (then (i32.eqz)))))",
        expect![[r#"
            func (i32) -> (i32)
                local.get 0
                jz L1
            L1:
                local.get 0
                jz L3
                i32.push 1
                ret
            L3:
                i32.push 2
                pop
                local.get 0
                jz L5
                i32.push 3
                jmp L6
            L5:
                i32.push 4
            L6:
                local.get 0
                jz L7
                i32.eqz
            L7:
                ret
        "#]],
    );
}

#[test]
fn branch_hints_mark_what_is_rarely_executed() {
    check(
        r#"(module (func (param i32) (result i32)
            (block $rare
                (@metadata.code.branch_hint "\00") (br_if $rare (local.get 0))
                (@metadata.code.branch_hint "\01") (br_if $rare (local.get 0))
                (return (i32.const 1)))
            (block $rare
                (@metadata.code.branch_hint "\00") (br_if $rare (local.get 0))
                (return (i32.const 2)))
            (block $rare (result i32)
                (i64.const 3)
                (i32.const 4)
                (@metadata.code.branch_hint "\00") (br_if $rare (local.get 0))
                (return))
            (@metadata.code.branch_hint "\00")
            (if (result i32) (then (i32.const 5)) (else (i32.const 6)))
            (@metadata.code.branch_hint "\01")
            (if (result i32) (then (i32.const 7)) (else (i32.const 8)))))"#,
        expect![[r#"
            func (i32) -> (i32)
                local.get 0
                jnz L1
                local.get 0
                jnz L1
                cold
                i32.push 1
                ret
            L1:
                local.get 0
                jnz L2
                i32.push 2
                ret
            L2:
                cold
                i64.push 3
                i32.push 4
                local.get 0
                jz L4
                cold
                nip
                jmp L3
            L4:
                ret
            L3:
                jz L5
                cold
                i32.push 5
                jmp L6
            L5:
                i32.push 6
            L6:
                jz L7
                i32.push 7
                jmp L8
            L7:
                cold
                i32.push 8
            L8:
                ret
        "#]],
    );
}

#[test]
fn values_below_a_branch_are_dropped_on_its_edge() {
    check(
        "(module
            (func (param i32)
                (block (i32.const 1) (br_if 0 (local.get 0)) (drop)))
            (func (param i32) (result i32)
                (block (result i32)
                    (i64.const 1) (i32.const 2) (br_if 0 (local.get 0)) (drop) (drop) (i32.const 3)))
            (func (param i32) (result i32 i64)
                (block (result i32 i64)
                    (f32.const 1) (f32.const 2) (i32.const 3) (i64.const 4) (br 0))))",
        expect![[r#"
            func (i32) -> ()
                i32.push 1
                local.get 0
                jz L2
                pop
                jmp L1
            L2:
                pop
            L1:
                ret
            func (i32) -> (i32)
                i64.push 1
                i32.push 2
                local.get 0
                jz L2
                nip
                jmp L1
            L2:
                pop
                pop
                i32.push 3
            L1:
                ret
            func (i32) -> (i32 i64)
                f32.push 1.0
                f32.push 2.0
                i32.push 3
                i64.push 4
                slide 2 2
                jmp L1
            L1:
                ret
        "#]],
    );
}

#[test]
fn tables_get_an_edge_for_each_target_that_needs_one() {
    check(
        "(module (func (param i32) (result i32)
            (block $a (result i32)
                (i32.const 7)
                (block $b (result i32)
                    (i32.const 8)
                    (br_table $a $b $a $b (local.get 0)))
                (i32.add)))
        (func (param i32) (result i32)
            (i32.const 6)
            (block $a (result i32)
                (i32.const 7)
                (br_table $a 1 (local.get 0)))
            (i32.add)))",
        expect![[r#"
            func (i32) -> (i32)
                i32.push 7
                i32.push 8
                local.get 0
                br_table L3 L2 L3 L2
            L3:
                nip
                jmp L1
            L2:
                i32.add
            L1:
                ret
            func (i32) -> (i32)
                i32.push 6
                i32.push 7
                local.get 0
                br_table L1 L2
            L2:
                ret
            L1:
                i32.add
                ret
        "#]],
    );
}

#[test]
fn dead_code_is_not_translated() {
    check(
        "(module (func (result i32)
            (block (result i32)
                (return (i32.const 1))
                (loop (br 0) (i32.add) (drop))
                (if (then (unreachable)) (else (nop)))
                (i32.const 2))
            (block (unreachable) (br_table 0 0)))
        (func (param i32)
            (if (local.get 0) (then (br 0) (block (nop))) (else (return) (drop)))
            (loop (br 0))
            (nop)))",
        expect![[r#"
            func () -> (i32)
                i32.push 1
                ret
            func (i32) -> ()
                local.get 0
                jz L1
                jmp L2
            L1:
                ret
            L2:
                loop L3
                jmp L3
        "#]],
    );
}

#[test]
fn leaving_the_function() {
    check(
        "(module (func (param i32) (result i64)
            (i32.const 1)
            (i64.const 2)
            (br_if 0 (local.get 0))
            (br_if 0 (i32.const 3))
            (block (br_table 0 0 (local.get 0)))
            (return)))
        ",
        expect![[r#"
            func (i32) -> (i64)
                i32.push 1
                i64.push 2
                local.get 0
                jz L1
                ret
            L1:
                i32.push 3
                jz L2
                ret
            L2:
                local.get 0
                br_table L3 L3
            L3:
                ret
        "#]],
    );
}

#[test]
fn calls_and_tail_calls() {
    check(
        r#"(module
            (type $t (func (param i32) (result i32)))
            (import "m" "f" (func $f (type $t)))
            (table $x 1 externref)
            (table $y 1 funcref)
            (func (param i32) (result i32)
                (call_indirect $y (type $t) (call $f (local.get 0)) (i32.const 0)))
            (func (param i32) (result i32)
                (if (local.get 0) (then (return_call $f (i32.const 1))))
                (return_call_indirect $y (type $t) (local.get 0) (i32.const 2))))"#,
        expect![[r#"
            func (i32) -> (i32)
                local.get 0
                call 0
                i32.push 0
                call_indirect 0 1
                ret
            func (i32) -> (i32)
                local.get 0
                jz L1
                i32.push 1
                ret_call 0
            L1:
                local.get 0
                i32.push 2
                ret_call_indirect 0 1
        "#]],
    );
}

#[test]
fn bulk_tables_and_references() {
    check(
        r#"(module
            (memory 1) (data "x") (table $a 1 funcref) (table $b 2 externref) (table $c 3 funcref)
            (elem funcref (ref.null func)) (elem declare func 0)
            (func (param externref i32)
                (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 0))
                (data.drop 0)
                (memory.copy (i32.const 0) (i32.const 1) (i32.const 2))
                (memory.fill (i32.const 0) (i32.const 1) (i32.const 2))
                (table.init $c 0 (i32.const 0) (i32.const 0) (i32.const 0))
                (elem.drop 0)
                (table.copy $c $a (i32.const 0) (i32.const 0) (i32.const 0))
                (table.set $b (i32.const 0) (table.get $b (i32.const 1)))
                (table.fill $b (i32.const 0) (local.get 0) (i32.const 1))
                (drop (table.grow $a (ref.null func) (table.size $b)))
                (drop (memory.grow (memory.size)))
                (drop (ref.is_null (select (result externref)
                    (local.get 0) (ref.null extern) (local.get 1))))
                (drop (ref.func 0))))"#,
        expect![[r#"
            func (externref i32) -> ()
                i32.push 0
                i32.push 0
                i32.push 0
                memory.init 0 0
                data.drop 0
                i32.push 0
                i32.push 1
                i32.push 2
                memory.copy 0 0
                i32.push 0
                i32.push 1
                i32.push 2
                memory.fill 0
                i32.push 0
                i32.push 0
                i32.push 0
                table.init 0 2
                elem.drop 0
                i32.push 0
                i32.push 0
                i32.push 0
                table.copy 2 0
                i32.push 0
                i32.push 1
                table.get 1
                table.set 1
                i32.push 0
                local.get 0
                i32.push 1
                table.fill 1
                ref.null funcref
                table.size 1
                table.grow 0
                pop
                memory.size 0
                memory.grow 0
                pop
                local.get 0
                ref.null externref
                local.get 1
                select
                ref.is_null
                pop
                ref.func 0
                pop
                ret
        "#]],
    );
}

#[test]
fn every_number_instruction() {
    let operands = [
        ("i32", "i32.const 1"),
        ("i64", "i64.const 1"),
        ("f32", "f32.const 1"),
        ("f64", "f64.const 1"),
    ];
    let constant = |ty: &str| {
        operands
            .iter()
            .find(|(name, _)| *name == ty)
            .expect("a type")
            .1
    };
    let mut out = String::new();
    for line in NUMERIC.lines().filter(|line| !line.trim().is_empty()) {
        let (types, names) = line.trim().split_once(':').expect("types: names");
        for name in names.split_whitespace() {
            let args: String = types
                .split_whitespace()
                .map(|ty| format!("({})", constant(ty)))
                .collect();
            let drops = match name {
                _ if name.contains("store") => "",
                _ if name.contains("128") || name.contains("wide") => "(drop) (drop)",
                _ => "(drop)",
            };
            let listing = listings(&format!(
                "(module (memory 1) (func ({name} {args}) {drops}))"
            ));
            let lines: Vec<&str> = listing.lines().map(str::trim).collect();
            let at = types.split_whitespace().count() + 1;
            writeln!(out, "{name}: {}", lines[at]).expect("writing to a string");
        }
    }
    expect![[r#"
        i32.eqz: i32.eqz
        i32.clz: i32.clz
        i32.ctz: i32.ctz
        i32.popcnt: i32.popcnt
        i32.extend8_s: i32.extend8
        i32.extend16_s: i32.extend16
        i64.extend_i32_s: i64.extend_i32
        i64.extend_i32_u: i64.extend_i32_u
        f32.convert_i32_s: f32.convert_i32
        f32.convert_i32_u: f32.convert_i32_u
        f64.convert_i32_s: f64.convert_i32
        f64.convert_i32_u: f64.convert_i32_u
        f32.reinterpret_i32: f32.reinterpret_i32
        i32.eq: i32.eq
        i32.ne: i32.ne
        i32.lt_s: i32.lt
        i32.lt_u: i32.lt_u
        i32.gt_s: i32.gt
        i32.gt_u: i32.gt_u
        i32.le_s: i32.le
        i32.le_u: i32.le_u
        i32.ge_s: i32.ge
        i32.ge_u: i32.ge_u
        i32.add: i32.add
        i32.sub: i32.sub
        i32.mul: i32.mul
        i32.div_s: i32.div
        i32.div_u: i32.div_u
        i32.rem_s: i32.mod
        i32.rem_u: i32.mod_u
        i32.and: i32.and
        i32.or: i32.or
        i32.xor: i32.xor
        i32.shl: i32.shl
        i32.shr_s: i32.shr
        i32.shr_u: i32.shr_u
        i32.rotl: i32.rotl
        i32.rotr: i32.rotr
        i64.eqz: i64.eqz
        i64.clz: i64.clz
        i64.ctz: i64.ctz
        i64.popcnt: i64.popcnt
        i64.extend8_s: i64.extend8
        i64.extend16_s: i64.extend16
        i64.extend32_s: i64.extend32
        i32.wrap_i64: i32.wrap_i64
        f32.convert_i64_s: f32.convert_i64
        f32.convert_i64_u: f32.convert_i64_u
        f64.convert_i64_s: f64.convert_i64
        f64.convert_i64_u: f64.convert_i64_u
        f64.reinterpret_i64: f64.reinterpret_i64
        i64.eq: i64.eq
        i64.ne: i64.ne
        i64.lt_s: i64.lt
        i64.lt_u: i64.lt_u
        i64.gt_s: i64.gt
        i64.gt_u: i64.gt_u
        i64.le_s: i64.le
        i64.le_u: i64.le_u
        i64.ge_s: i64.ge
        i64.ge_u: i64.ge_u
        i64.add: i64.add
        i64.sub: i64.sub
        i64.mul: i64.mul
        i64.div_s: i64.div
        i64.div_u: i64.div_u
        i64.rem_s: i64.mod
        i64.rem_u: i64.mod_u
        i64.and: i64.and
        i64.or: i64.or
        i64.xor: i64.xor
        i64.shl: i64.shl
        i64.shr_s: i64.shr
        i64.shr_u: i64.shr_u
        i64.rotl: i64.rotl
        i64.rotr: i64.rotr
        i64.mul_wide_s: i64.mul_wide
        i64.mul_wide_u: i64.mul_wide_u
        i64.add128: i64.add128
        i64.sub128: i64.sub128
        f32.abs: f32.abs
        f32.neg: f32.neg
        f32.ceil: f32.ceil
        f32.floor: f32.floor
        f32.trunc: f32.trunc
        f32.nearest: f32.nearest
        f32.sqrt: f32.sqrt
        f64.promote_f32: f64.promote_f32
        i32.trunc_f32_s: i32.trunc_f32
        i32.trunc_f32_u: i32.trunc_f32_u
        i64.trunc_f32_s: i64.trunc_f32
        i64.trunc_f32_u: i64.trunc_f32_u
        i32.reinterpret_f32: i32.reinterpret_f32
        i32.trunc_sat_f32_s: i32.trunc_sat_f32
        i32.trunc_sat_f32_u: i32.trunc_sat_f32_u
        i64.trunc_sat_f32_s: i64.trunc_sat_f32
        i64.trunc_sat_f32_u: i64.trunc_sat_f32_u
        f32.eq: f32.eq
        f32.ne: f32.ne
        f32.lt: f32.lt
        f32.gt: f32.gt
        f32.le: f32.le
        f32.ge: f32.ge
        f32.add: f32.add
        f32.sub: f32.sub
        f32.mul: f32.mul
        f32.div: f32.div
        f32.min: f32.min
        f32.max: f32.max
        f32.copysign: f32.copysign
        f64.abs: f64.abs
        f64.neg: f64.neg
        f64.ceil: f64.ceil
        f64.floor: f64.floor
        f64.trunc: f64.trunc
        f64.nearest: f64.nearest
        f64.sqrt: f64.sqrt
        f32.demote_f64: f32.demote_f64
        i32.trunc_f64_s: i32.trunc_f64
        i32.trunc_f64_u: i32.trunc_f64_u
        i64.trunc_f64_s: i64.trunc_f64
        i64.trunc_f64_u: i64.trunc_f64_u
        i64.reinterpret_f64: i64.reinterpret_f64
        i32.trunc_sat_f64_s: i32.trunc_sat_f64
        i32.trunc_sat_f64_u: i32.trunc_sat_f64_u
        i64.trunc_sat_f64_s: i64.trunc_sat_f64
        i64.trunc_sat_f64_u: i64.trunc_sat_f64_u
        f64.eq: f64.eq
        f64.ne: f64.ne
        f64.lt: f64.lt
        f64.gt: f64.gt
        f64.le: f64.le
        f64.ge: f64.ge
        f64.add: f64.add
        f64.sub: f64.sub
        f64.mul: f64.mul
        f64.div: f64.div
        f64.min: f64.min
        f64.max: f64.max
        f64.copysign: f64.copysign
        i32.load: i32.load 0
        i64.load: i64.load 0
        f32.load: f32.load 0
        f64.load: f64.load 0
        i32.load8_s: i32.load8_s 0
        i32.load8_u: i32.load8_u 0
        i32.load16_s: i32.load16_s 0
        i32.load16_u: i32.load16_u 0
        i64.load8_s: i64.load8_s 0
        i64.load8_u: i64.load8_u 0
        i64.load16_s: i64.load16_s 0
        i64.load16_u: i64.load16_u 0
        i64.load32_s: i64.load32_s 0
        i64.load32_u: i64.load32_u 0
        i32.store: i32.store 0
        i32.store8: i32.store8 0
        i32.store16: i32.store16 0
        i64.store: i64.store 0
        i64.store8: i64.store8 0
        i64.store16: i64.store16 0
        i64.store32: i64.store32 0
        f32.store: f32.store 0
        f64.store: f64.store 0
    "#]]
    .assert_eq(&out);
}

/// Operand types: operators.
const NUMERIC: &str = "
    i32: i32.eqz i32.clz i32.ctz i32.popcnt i32.extend8_s i32.extend16_s i64.extend_i32_s i64.extend_i32_u
    i32: f32.convert_i32_s f32.convert_i32_u f64.convert_i32_s f64.convert_i32_u f32.reinterpret_i32
    i32 i32: i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.gt_u i32.le_s i32.le_u i32.ge_s i32.ge_u
    i32 i32: i32.add i32.sub i32.mul i32.div_s i32.div_u i32.rem_s i32.rem_u i32.and i32.or i32.xor
    i32 i32: i32.shl i32.shr_s i32.shr_u i32.rotl i32.rotr
    i64: i64.eqz i64.clz i64.ctz i64.popcnt i64.extend8_s i64.extend16_s i64.extend32_s i32.wrap_i64
    i64: f32.convert_i64_s f32.convert_i64_u f64.convert_i64_s f64.convert_i64_u f64.reinterpret_i64
    i64 i64: i64.eq i64.ne i64.lt_s i64.lt_u i64.gt_s i64.gt_u i64.le_s i64.le_u i64.ge_s i64.ge_u
    i64 i64: i64.add i64.sub i64.mul i64.div_s i64.div_u i64.rem_s i64.rem_u i64.and i64.or i64.xor
    i64 i64: i64.shl i64.shr_s i64.shr_u i64.rotl i64.rotr i64.mul_wide_s i64.mul_wide_u
    i64 i64 i64 i64: i64.add128 i64.sub128
    f32: f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt f64.promote_f32
    f32: i32.trunc_f32_s i32.trunc_f32_u i64.trunc_f32_s i64.trunc_f32_u i32.reinterpret_f32
    f32: i32.trunc_sat_f32_s i32.trunc_sat_f32_u i64.trunc_sat_f32_s i64.trunc_sat_f32_u
    f32 f32: f32.eq f32.ne f32.lt f32.gt f32.le f32.ge f32.add f32.sub f32.mul f32.div f32.min f32.max f32.copysign
    f64: f64.abs f64.neg f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt f32.demote_f64
    f64: i32.trunc_f64_s i32.trunc_f64_u i64.trunc_f64_s i64.trunc_f64_u i64.reinterpret_f64
    f64: i32.trunc_sat_f64_s i32.trunc_sat_f64_u i64.trunc_sat_f64_s i64.trunc_sat_f64_u
    f64 f64: f64.eq f64.ne f64.lt f64.gt f64.le f64.ge f64.add f64.sub f64.mul f64.div f64.min f64.max f64.copysign
    i32: i32.load i64.load f32.load f64.load i32.load8_s i32.load8_u i32.load16_s i32.load16_u
    i32: i64.load8_s i64.load8_u i64.load16_s i64.load16_u i64.load32_s i64.load32_u
    i32 i32: i32.store i32.store8 i32.store16
    i32 i64: i64.store i64.store8 i64.store16 i64.store32
    i32 f32: f32.store
    i32 f64: f64.store
";

#[test]
fn branches_with_very_many_values_go_through_locals() {
    let types = "i32 ".repeat(299);
    let values = "(i32.const 1)".repeat(299);
    let drops = "(drop)".repeat(301);
    let text = format!(
        "(module (func (param i32)
            (block (result {types} i64)
                (f32.const 0) {values} (i64.const 2)
                (br_if 0 (local.get 0))
                {drops} {values} (i64.const 2))
            {}))",
        "(drop)".repeat(300)
    );
    let module = translated(&text);
    let func = &module.funcs[0];
    assert_eq!(func.locals.len(), 301);
    let listing = listing(func, &module.env.types[func.ty as usize]);
    assert!(
        listing.contains("local.set 300\n    local.set 299\n"),
        "{listing}"
    );
    assert!(
        listing.contains("local.set 1\n    slide 1 0\n    local.get 1\n"),
        "{listing}"
    );
    assert!(
        listing.contains("local.get 299\n    local.get 300\n    jmp"),
        "{listing}"
    );
}

#[test]
fn declarations() {
    let module = translated(
        r#"(module $m
            (import "env" "f" (func (param i64)))
            (import "env" "g" (global $g i32))
            (import "env" "t" (table 1 2 externref))
            (memory 1 5)
            (table 3 funcref)
            (global $h (mut f64) (f64.const 1.5))
            (global (export "k") i32 (i32.add (global.get $g) (i32.const 2)))
            (data (i32.const 8) "abc")
            (data "de")
            (elem (table 1) (offset (i32.const 1)) func $start 0)
            (elem declare func 0)
            (elem externref (ref.null extern))
            (start $start)
            (func $start (local $x i32))
            (func (export "_start") (export "main")))"#,
    );
    let m = &module.module;
    expect![[r#"
        [
            Import {
                module: "env",
                name: "f",
                desc: Func(
                    0,
                ),
            },
            Import {
                module: "env",
                name: "g",
                desc: Global(
                    GlobalType {
                        ty: I32,
                        narrow: None,
                        mutable: false,
                    },
                ),
            },
            Import {
                module: "env",
                name: "t",
                desc: Table(
                    TableType {
                        element: ExternRef,
                        narrow: None,
                        limits: Limits {
                            min: 1,
                            max: Some(
                                2,
                            ),
                        },
                        address: I32,
                    },
                ),
            },
        ]
        [TableDef { ty: TableType { element: FuncRef, narrow: None, limits: Limits { min: 3, max: None }, address: I32 }, init: None }] [MemoryType { limits: Limits { min: 1, max: Some(5) }, address: I32, page_size_log2: 16 }]
        [GlobalDef { ty: GlobalType { ty: F64, narrow: None, mutable: true }, init: ConstExpr([F64(4609434218613702656)]) }, GlobalDef { ty: GlobalType { ty: I32, narrow: None, mutable: false }, init: ConstExpr([GlobalGet(0), I32(2), Binary(I32Add)]) }]
        [Export { name: "k", kind: Global, index: 2 }, Export { name: "_start", kind: Func, index: 2 }, Export { name: "main", kind: Func, index: 2 }]
        [ElemSegment { mode: Active(1, ConstExpr([I32(1)])), ty: FuncRef, items: [ConstExpr([RefFunc(1)]), ConstExpr([RefFunc(0)])] }, ElemSegment { mode: Declared, ty: FuncRef, items: [ConstExpr([RefFunc(0)])] }, ElemSegment { mode: Passive, ty: ExternRef, items: [ConstExpr([RefNull(ExternRef)])] }]
        Names { module: Some("m"), funcs: [(1, "start")], locals: [(1, [(0, "x")])], source: SourceTables(0 bytes) }
        start Some(1) entry Some(2) data [97, 98, 99] Passive"#]].assert_eq(&format!(
        "{:#?}\n{:?} {:?}\n{:?}\n{:?}\n{:?}\n{:?}\nstart {:?} entry {:?} data {:?} {:?}",
        m.imports,
        m.tables,
        m.memories,
        m.globals,
        m.exports,
        m.elems,
        module.names,
        m.start,
        m.entry,
        m.data_segment(0),
        m.data[1].mode
    ));
}

#[test]
fn entry_points_have_neither_parameters_nor_results() {
    let text = r#"(module (func (export "_start") (result i32) (i32.const 1)))"#;
    assert_eq!(translated(text).module.entry, None);
}

#[test]
fn damaged_name_sections_are_ignored() {
    let mut wasm = wat::parse_str("(module (func))").expect("valid text");
    let section = [0, 9, 4, b'n', b'a', b'm', b'e', 1, 2, 9, 0];
    wasm.extend(section);
    let module = translate(&wasm, None, Features::ALL).expect("valid module");
    assert!(module.names.is_empty());
}

#[test]
fn invalid_modules_say_where() {
    check_error(
        "(module (func (result i32)))",
        expect![
            "invalid WebAssembly, offset 0x18: type mismatch: expected i32 but nothing on stack"
        ],
    );
    check_error(
        "(module (func (drop)))",
        expect![
            "invalid WebAssembly, offset 0x17: type mismatch: expected a type but nothing on stack"
        ],
    );
    let error = translate(b"\0asm\x01\0\0\0\x01", None, Features::ALL).expect_err("cut off");
    expect!["invalid WebAssembly, offset 0x9: unexpected end-of-file"]
        .assert_eq(&error.to_string());
    let error = translate(b"#!/bin/sh", None, Features::ALL).expect_err("no module");
    expect![
        "invalid WebAssembly, offset 0x0: not a WebAssembly module: the magic number is missing"
    ]
    .assert_eq(&error.to_string());
}

#[test]
fn frames_have_a_limit() {
    let pushes = "(i32.const 0)".repeat(20_000);
    let drops = "(drop)".repeat(20_000);
    check_error(
        &format!(
            "(module (func (local {}) {pushes} {drops}))",
            "i32 ".repeat(49_990)
        ),
        expect![
            "function 0, offset 0x1a: locals and operand stack take 69992 slots; the most is 65000"
        ],
    );
}
