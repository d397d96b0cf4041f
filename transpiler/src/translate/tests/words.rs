//! Imports that are instructions.

use dotvm_isa::Arch;
use expect_test::{Expect, expect};

use super::{Features, check, check_error, translate, translated};

#[test]
fn calls_become_instructions() {
    check(
        r#"(module
            (import "dotvm" "i128.add" (func $add (param i64 i64 i64 i64) (result i64)))
            (import "dotvm" "i128.limb1" (func $high (result i64)))
            (func (param i64 i64) (result i64 i64)
                (call $add (local.get 0) (local.get 1) (i64.const 5) (i64.const 0))
                (call $high)))"#,
        expect![[r#"
            func (i64 i64) -> (i64 i64) i128 i128
                local.get 0
                local.get 1
                i64.push 5
                i64.push 0
                i128.from_limbs
                local.set 2
                i128.from_limbs
                local.get 2
                i128.add
                local.tee 3
                i64.limb_i128 0
                local.get 3
                i64.limb_i128 1
                ret
        "#]],
    );
}

#[test]
fn services_are_instructions_with_operands_as_they_are() {
    check(
        r#"(module
            (import "dotvm" "crypto.hash" (func $hash (param i32 i32 i32 i32)))
            (import "dotvm" "crypto.equal" (func $equal (param i32 i32 i32) (result i32)))
            (memory 1)
            (func (param i32 i32) (result i32)
                (call $hash (i32.const 1) (local.get 0) (local.get 1) (i32.const 64))
                (call $equal (i32.const 64) (local.get 0) (i32.const 32))))"#,
        expect![[r#"
            func (i32 i32) -> (i32)
                i32.push 1
                local.get 0
                local.get 1
                i32.push 64
                crypto.hash
                i32.push 64
                local.get 0
                i32.push 32
                crypto.equal
                ret
        "#]],
    );
}

#[test]
fn scalars_stay_scalars() {
    check(
        r#"(module
            (import "dotvm" "i128.shl" (func $shl (param i64 i64 i32) (result i64)))
            (import "dotvm" "i128.lt_u" (func $less (param i64 i64 i64 i64) (result i32)))
            (func (param i64 i64 i32) (result i64)
                (call $shl (local.get 0) (local.get 1) (local.get 2)))
            (func (param i64 i64) (result i32)
                (return_call $less
                    (local.get 0) (local.get 1) (local.get 1) (local.get 0))))"#,
        expect![[r#"
            func (i64 i64 i32) -> (i64) i32 i128
                local.get 0
                local.get 1
                local.get 2
                local.set 3
                i128.from_limbs
                local.get 3
                i128.shl
                local.tee 4
                i64.limb_i128 0
                ret
            func (i64 i64) -> (i32) i128
                local.get 0
                local.get 1
                local.get 1
                local.get 0
                i128.from_limbs
                local.set 2
                i128.from_limbs
                local.get 2
                i128.lt_u
                ret
        "#]],
    );
}

#[test]
fn second_results_are_fetched() {
    check(
        r#"(module
            (import "dotvm" "i128.add_carry"
                (func $add (param i64 i64 i64 i64 i32) (result i64)))
            (import "dotvm" "i128.mul_wide_u"
                (func $mul (param i64 i64 i64 i64) (result i64)))
            (import "dotvm" "i128.limb2" (func $limb2 (result i64)))
            (import "dotvm" "i128.flag" (func $flag (result i32)))
            (func (param i64 i64) (result i64 i32 i64)
                (call $add
                    (local.get 0) (local.get 1) (local.get 0) (local.get 1) (i32.const 1))
                (call $flag)
                (drop (call $mul (local.get 0) (local.get 1) (local.get 0) (local.get 1)))
                (call $limb2)))"#,
        expect![[r#"
            func (i64 i64) -> (i64 i32 i64) i32 i128 i32 i128 i128
                local.get 0
                local.get 1
                local.get 0
                local.get 1
                i32.push 1
                local.set 2
                i128.from_limbs
                local.set 3
                i128.from_limbs
                local.get 3
                local.get 2
                i128.add_carry
                local.set 4
                local.tee 5
                i64.limb_i128 0
                local.get 4
                local.get 0
                local.get 1
                local.get 0
                local.get 1
                i128.from_limbs
                local.set 3
                i128.from_limbs
                local.get 3
                i128.mul_wide_u
                local.set 6
                local.tee 5
                i64.limb_i128 0
                pop
                local.get 6
                i64.limb_i128 0
                ret
        "#]],
    );
}

#[test]
fn vectors_are_passed_as_limbs() {
    check(
        r#"(module
            (import "dotvm" "v256.load" (func $load (param i32) (result i64)))
            (import "dotvm" "v256.limb1" (func $limb1 (result i64)))
            (import "dotvm" "v256.store" (func $store (param i32 i64 i64 i64 i64)))
            (import "dotvm" "f32x8.reduce_add" (func $sum (param i64 i64 i64 i64) (result f32)))
            (memory 1)
            (func (param i32) (result f32)
                (local i64)
                (local.set 1 (call $load (local.get 0)))
                (call $store
                    (local.get 0) (local.get 1) (call $limb1) (i64.const 2) (i64.const 3))
                (call $sum (local.get 1) (i64.const 0) (i64.const 0) (i64.const 0))))"#,
        expect![[r#"
            func (i32) -> (f32) i64 v256 v256
                local.get 0
                v256.load 0
                local.tee 2
                i64x4.extract_lane 0
                local.set 1
                local.get 0
                local.get 1
                local.get 2
                i64x4.extract_lane 1
                i64.push 2
                i64.push 3
                v256.from_limbs
                local.set 3
                local.get 3
                v256.store 0
                local.get 1
                i64.push 0
                i64.push 0
                i64.push 0
                v256.from_limbs
                f32x8.reduce_add
                ret
        "#]],
    );
}

#[test]
fn accesses_take_a_memory_with_short_addresses() {
    let import = r#"(import "dotvm" "v512.load" (func $load (param i32) (result i64)))"#;
    check_error(
        &format!("(module {import} (func (drop (call $load (i32.const 0)))))"),
        expect![
            "offset 0x16: import dotvm.v512.load: it takes a first memory, with addresses of 32 bits"
        ],
    );
    check_error(
        &format!("(module {import} (memory i64 1) (func (drop (call $load (i32.const 0)))))"),
        expect![
            "offset 0x16: import dotvm.v512.load: it takes a first memory, with addresses of 32 bits"
        ],
    );
}

#[test]
fn functions_are_counted_without_them() {
    let text = r#"(module
        (import "dotvm" "i256.limb3" (func $limb (result i64)))
        (import "host" "f" (func $f))
        (import "dotvm" "i256.limb2" (func (result i64)))
        (table funcref (elem $g))
        (global funcref (ref.func $g))
        (func $g (export "g") (drop (call $limb)) (call $f) (drop (ref.func $g)) (call $g))
        (func $start (call $g))
        (start $start))"#;
    let module = translated(text);
    assert_eq!(module.env.imported_funcs, 1);
    assert_eq!(module.module.imports.len(), 1);
    assert_eq!(module.module.arch, Arch::Arch256);
    assert_eq!(
        module.module.export("g").map(|export| export.index),
        Some(1)
    );
    assert_eq!(module.module.start, Some(2));
    assert_eq!(module.names.func(0), Some("f"));
    assert_eq!(module.names.func(1), Some("g"));
    check(
        text,
        expect![[r#"
        func () -> () i256
            local.get 0
            i64.limb_i256 3
            pop
            call 0
            ref.func 1
            pop
            call 1
            ret
        func () -> ()
            call 1
            ret
    "#]],
    );
}

#[test]
fn what_is_no_instruction_is_refused() {
    let import = |declaration: &str, expected: Expect| {
        check_error(
            &format!(r#"(module (import "dotvm" {declaration}))"#),
            expected,
        );
    };
    import(
        r#""i256.foo" (func)"#,
        expect![
            "offset 0x11: import dotvm.i256.foo: the machine has no such instruction to import"
        ],
    );
    import(
        r#""i256.limb8" (func (result i64))"#,
        expect![
            "offset 0x12: import dotvm.i256.limb8: the machine has no such instruction to import"
        ],
    );
    import(
        r#""i256.limb01" (func (result i64))"#,
        expect![
            "offset 0x12: import dotvm.i256.limb01: the machine has no such instruction to import"
        ],
    );
    // With an immediate, with a vector that is no word.
    import(
        r#""i8x32.extract_lane" (func (param i64 i64 i64 i64) (result i32))"#,
        expect![
            "offset 0x16: import dotvm.i8x32.extract_lane: the machine has no such instruction to import"
        ],
    );
    import(
        r#""v256.from_parts" (func (param v128 v128) (result i64))"#,
        expect![
            "offset 0x14: import dotvm.v256.from_parts: the machine has no such instruction to import"
        ],
    );
    import(
        r#""i64.add" (func (param i64 i64) (result i64))"#,
        expect!["offset 0x14: import dotvm.i64.add: the machine has no such instruction to import"],
    );
    import(
        r#""add" (func (param i64 i64) (result i64))"#,
        expect!["offset 0x14: import dotvm.add: the machine has no such instruction to import"],
    );
    import(
        r#""i128.add" (func (param i64 i64) (result i64))"#,
        expect![
            "offset 0x14: import dotvm.i128.add: it is imported as (i64 i64) -> (i64), and is (i64 i64 i64 i64) -> (i64)"
        ],
    );
    import(
        r#""i128.limb1" (func (result i32))"#,
        expect![
            "offset 0x12: import dotvm.i128.limb1: it is imported as () -> (i32), and is () -> (i64)"
        ],
    );
}

#[test]
fn instructions_can_only_be_called() {
    check_error(
        r#"(module
            (import "dotvm" "i128.limb1" (func $limb (result i64)))
            (export "limb" (func $limb)))"#,
        expect!["offset 0x12: import dotvm.i128.limb1: an instruction can only be called"],
    );
    check_error(
        r#"(module
            (import "dotvm" "i128.limb1" (func $limb (result i64)))
            (func (drop (ref.func $limb)))
            (elem declare func $limb))"#,
        expect!["offset 0x15: import dotvm.i128.limb1: an instruction can only be called"],
    );
}

#[test]
fn an_architecture_may_lack_them() {
    let text = r#"(module (import "dotvm" "i256.limb1" (func (result i64))))"#;
    let wasm = wat::parse_str(text).expect("valid text");
    let on = |arch| translate(&wasm, Some(arch), Features::ALL);
    let error = on(Arch::Arch128).expect_err("too narrow");
    expect!["offset 0x12: i256.limb1 needs the architecture arch256 or a wider one"]
        .assert_eq(&error.to_string());
    assert_eq!(
        on(Arch::Arch512).expect("wide enough").module.arch,
        Arch::Arch512
    );
}
