//! Both encodings of exceptions: regions, and the ways out of them.

use expect_test::expect;

use super::check;

const TAGS: &str = "(tag $e (param i32 i64)) (tag $f)";

fn check_body(body: &str, expected: expect_test::Expect) {
    check(&format!("(module {TAGS} {body})"), expected);
}

#[test]
fn catches_lead_behind_the_region() {
    check_body(
        "(func (result i32)
            (block $h (result i32 i64)
                (try_table (catch $e $h) (nop))
                (return (i32.const 1)))
            (drop))",
        expect![[r#"
            func () -> (i32)
                try catch 0 L1
                end_try
                i32.push 1
                ret
            L1:
                cold
                pop
                ret
        "#]],
    );
}

/// Below the block that a catch leads to are other values.
#[test]
fn catches_drop_what_is_below() {
    check_body(
        "(func (result i32)
            (block $h (result exnref)
                (i32.const 1)
                (try_table (catch_all_ref $h) (throw $f))
                (drop)
                (ref.null exn))
            (throw_ref))",
        expect![[r#"
            func () -> (i32)
                i32.push 1
                try catch_all_ref L3
                throw 1
                end_try
            L3:
                nip
                jmp L1
            L1:
                throw_ref
        "#]],
    );
}

/// A branch that drops values leaves the region first; one that drops none does not need to.
#[test]
fn branches_out_of_regions() {
    check_body(
        "(func (param i32) (result i32)
            (block $out (result i32)
                (i32.const 1)
                (try_table
                    (try_table
                        (br_if 1 (local.get 0))
                        (br $out (i32.const 2))))))",
        expect![[r#"
            func (i32) -> (i32)
                i32.push 1
                try
                try
                local.get 0
                jnz L2
                i32.push 2
                jmp L4
                end_try
                end_try
            L4:
                nip
                jmp L1
            L2:
            L1:
                ret
        "#]],
    );
}

#[test]
fn parameters_are_above_the_floor() {
    check_body(
        "(func (param i32) (result i32)
            (i32.const 1)
            (local.get 0)
            (try_table (param i32) (result i32) (i32.eqz))
            (i32.add))",
        expect![[r#"
            func (i32) -> (i32) i32
                i32.push 1
                local.get 0
                local.set 1
                try
                local.get 1
                i32.eqz
                end_try
                i32.add
                ret
        "#]],
    );
}

/// Only a `catch` that throws its exception again takes a reference to it.
#[test]
fn legacy_catches() {
    check_body(
        "(func
            try
                nop
            catch $e
                drop
                drop
            catch_all
                rethrow 0
            end)",
        expect![[r#"
            func () -> () exnref
                try catch 0 L2 catch_all_ref L4
                end_try
                jmp L1
            L2:
            L3:
                pop
                pop
                jmp L1
            L4:
                local.set 0
                local.get 0
                throw_ref
            L1:
                ret
        "#]],
    );
}

/// The exception is thrown again where only the regions of the target are.
#[test]
fn legacy_delegates() {
    check_body(
        "(func
            try $outer
                try
                    try
                        nop
                    delegate $outer
                catch_all
                end
            catch $f
            end)",
        expect![[r#"
            func () -> ()
                try catch 1 L7
                try catch_all L5
                try catch_all_ref L4
                end_try
                end_try
                jmp L2
            L4:
                throw_ref
            L5:
            L6:
            L2:
                end_try
                jmp L1
            L7:
            L8:
            L1:
                ret
        "#]],
    );
}

#[test]
fn regions_that_end_nowhere() {
    check_body(
        "(func
            try
                unreachable
                try
                catch_all
                end
            catch_all
            end)",
        expect![[r#"
            func () -> ()
                try catch_all L2
                trap
                end_try
            L2:
            L3:
                ret
        "#]],
    );
}
