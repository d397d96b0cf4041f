//! Imports of instructions on references, which programs name by slots.

use expect_test::expect;

use super::{check, check_error, translated};

#[test]
fn references_are_in_slots() {
    check(
        r#"(module
            (import "dotvm" "big.mul" (func $mul (param i32 i32 i32)))
            (import "dotvm" "big.sign" (func $sign (param i32) (result i32)))
            (import "dotvm" "big.from_i64" (func $from (param i32 i64)))
            (func (param i32 i32) (result i32)
                (call $from (i32.const 7) (i64.const 5))
                (call $mul (local.get 0) (i32.const 7) (local.get 1))
                (call $sign (local.get 0))))"#,
        expect![[r#"
            func (i32 i32) -> (i32) i32
                i32.push 7
                i64.push 5
                big.from_i64
                table.set 0
                local.get 0
                i32.push 7
                local.get 1
                local.set 2
                table.get 0
                local.get 2
                table.get 0
                big.mul
                table.set 0
                local.get 0
                table.get 0
                big.sign
                ret
        "#]],
    );
}

#[test]
fn slots_are_made_copied_and_cleared() {
    check(
        r#"(module
            (import "dotvm" "slots.grow" (func $grow (param i32) (result i32)))
            (import "dotvm" "slots.is_used" (func $is_used (param i32) (result i32)))
            (import "dotvm" "slots.copy" (func $copy (param i32 i32)))
            (import "dotvm" "slots.clear" (func $clear (param i32)))
            (func (param i32) (result i32)
                (drop (call $grow (i32.const 4)))
                (call $copy (i32.const 1) (local.get 0))
                (call $clear (local.get 0))
                (call $is_used (i32.const 1))))"#,
        expect![[r#"
            func (i32) -> (i32) i32
                i32.push 4
                local.set 1
                ref.null anyref
                local.get 1
                table.grow 0
                pop
                i32.push 1
                local.get 0
                table.get 0
                table.set 0
                local.get 0
                ref.null anyref
                table.set 0
                i32.push 1
                table.get 0
                ref.is_null
                i32.eqz
                ret
        "#]],
    );
}

#[test]
fn the_table_is_behind_all_others() {
    let module = translated(
        r#"(module
            (import "a" "b" (table 1 funcref))
            (import "dotvm" "big.bits" (func $bits (param i32) (result i32)))
            (table 3 externref)
            (func (param i32) (result i32) (call $bits (local.get 0))))"#,
    );
    let tables = module.module.tables.iter();
    let tables: Vec<String> = tables.map(|it| format!("{:?}", it.ty.element)).collect();
    assert_eq!(tables, ["ExternRef", "AnyRef"]);
    // Without such imports there is none.
    let module = translated(r#"(module (func))"#);
    assert!(module.module.tables.is_empty());
}

#[test]
fn slots_are_numbers_of_32_bits() {
    check_error(
        r#"(module (import "dotvm" "big.add" (func (param i32 i32) (result i32))))"#,
        expect![
            "offset 0x14: import dotvm.big.add: it is imported as (i32 i32) -> (i32), and is (i32 i32 i32) -> ()"
        ],
    );
}
