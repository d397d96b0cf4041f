//! Scripts that must fail, and how: the suites prove that good ones pass.

use expect_test::{Expect, expect};

use super::{Options, run};

#[allow(clippy::needless_pass_by_value, reason = "as in `expect_test`")]
fn check(script: &str, expected: Expect) {
    let report = run(script, &Options::default());
    let mut text = format!(
        "{} passed, {} failed\n",
        report.passed,
        report.failures.len()
    );
    for failure in &report.failures {
        let (line, column, message) = (failure.line, failure.column, &failure.message);
        text += &format!("{line}:{column}: {message}\n");
    }
    expected.assert_eq(&text);
}

const MODULE: &str = r#"
(module
  (func (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (export "zero") (result f32) (f32.div (f32.const 0) (f32.const 0)))
  (func (export "null") (result funcref) (ref.null func))
  (func (export "id") (param externref) (result externref) (local.get 0))
  (func $deep (export "deep") (call $deep))
  (global (export "g") i64 (i64.const 42)))
"#;

fn check_with_module(directives: &str, expected: Expect) {
    check(&format!("{MODULE}{directives}"), expected);
}

#[test]
fn wrong_results_are_told_with_what_was_got() {
    check_with_module(
        r#"
(assert_return (invoke "div" (i32.const 7) (i32.const 2)) (i32.const 3))
(assert_return (invoke "div" (i32.const 7) (i32.const 2)) (i32.const 4))
(assert_return (invoke "div" (i32.const 7) (i32.const 2)) (i64.const 3))
(assert_return (invoke "div" (i32.const 7) (i32.const 2)))
(assert_return (invoke "div" (i32.const 7) (i32.const 0)) (i32.const 4))
(assert_return (invoke "div" (i32.const 7)) (i32.const 4))
(assert_return (invoke "zero") (f32.const nan:canonical))
(assert_return (invoke "zero") (f32.const nan:arithmetic))
(assert_return (invoke "zero") (f32.const 0))
(assert_return (invoke "zero") (either (f32.const 0) (f32.const nan:canonical)))
(assert_return (invoke "null") (ref.null extern))
(assert_return (invoke "null") (ref.null func))
(assert_return (invoke "null") (ref.func))
(assert_return (invoke "id" (ref.extern 3)) (ref.extern 3))
(assert_return (invoke "id" (ref.extern 3)) (ref.extern 4))
(assert_return (invoke "id" (ref.null extern)) (ref.null))
(assert_return (get "g") (i64.const 42))
(assert_return (get "g") (i64.const 43))
(assert_return (get "div") (i64.const 43))
(assert_return (invoke "g"))
(invoke "div" (i32.const 1) (i32.const 0))
"#,
        expect![[r#"
            9 passed, 13 failed
            11:2: expected (i32.const 4), got (i32.const 3)
            12:2: expected (i64.const 3), got (i32.const 3)
            13:2: expected nothing, got (i32.const 3)
            14:2: trap: integer divide by zero
              0: div (function 0, offset 0x5)
            15:2: a function of type (i32 i32) -> (i32) called with (i32)
            18:2: expected (f32.const 0), got (f32.const -nan:0x400000)
            20:2: expected (ref.null extern), got (ref.null func)
            22:2: expected (ref.func), got (ref.null func)
            24:2: expected (ref.extern 4), got (ref.extern 3)
            27:2: expected (i64.const 43), got (i64.const 42)
            28:2: no global "div" is exported
            29:2: no function "g" is exported
            30:2: trap: integer divide by zero
              0: div (function 0, offset 0x5)
        "#]],
    );
}

#[test]
fn traps_must_be_the_expected_ones() {
    check_with_module(
        r#"
(assert_trap (invoke "div" (i32.const 1) (i32.const 0)) "integer divide by zero")
(assert_trap (invoke "div" (i32.const 1) (i32.const 0)) "integer overflow")
(assert_trap (invoke "div" (i32.const 1) (i32.const 1)) "integer overflow")
(assert_exhaustion (invoke "deep") "call stack exhausted")
(assert_exhaustion (invoke "zero") "call stack exhausted")
(assert_trap (module (func $f unreachable) (start $f)) "unreachable")
"#,
        expect![[r#"
            4 passed, 3 failed
            11:2: expected the trap "integer overflow", got: trap: integer divide by zero
              0: div (function 0, offset 0x5)
            12:2: expected the trap "integer overflow", but it returned
            14:2: expected the trap "call stack exhausted", but it returned
        "#]],
    );
}

#[test]
fn rejected_and_unlinkable_modules() {
    check(
        r#"
(assert_invalid (module (func (result i32) (i64.const 0))) "type mismatch")
(assert_invalid (module (func (result i64) (i64.const 0))) "type mismatch")
(assert_malformed (module quote "(func (result i32) (i32.const))") "unexpected token")
(assert_malformed (module quote "(func (result i32) (i32.const 0))") "unexpected token")
(assert_malformed (module binary "\00asm") "unexpected end")
(assert_unlinkable (module (import "no" "where" (func))) "unknown import")
(assert_unlinkable (module (import "spectest" "print" (func (param i32)))) "incompatible import")
(assert_unlinkable (module (import "spectest" "print" (func (param i32)))) "unknown import")
(assert_unlinkable (module (import "spectest" "print" (func))) "unknown import")
(module (import "no" "where" (func)))
(module (type (array i8)))
"#,
        expect![[r#"
            5 passed, 6 failed
            3:2: expected "type mismatch", but the module was accepted
            5:2: expected "unexpected token", but the module was accepted
            9:2: expected "unknown import", got: incompatible import type: spectest::print must be func (i32) -> (), but is func () -> ()
            10:2: expected "unknown import", but it was instantiated
            11:2: unknown import: no::where, func () -> ()
            12:2: offset 0xb: unsupported WebAssembly feature: gc
        "#]],
    );
}

#[test]
fn names_of_instances_and_definitions() {
    check(
        r#"
(module definition $counter
  (global $n (mut i32) (i32.const 0))
  (func (export "next") (result i32)
    (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))
(module instance $a $counter)
(module instance $b $counter)
(assert_return (invoke $a "next") (i32.const 1))
(assert_return (invoke $a "next") (i32.const 2))
(assert_return (invoke $b "next") (i32.const 1))
(register "counter" $a)
(module (import "counter" "next" (func $next (result i32)))
  (func (export "twice") (result i32) (drop (call $next)) (call $next)))
(assert_return (invoke "twice") (i32.const 4))
(register "counter" $b)
(module (import "counter" "next" (func (result i32))) (export "next" (func 0)))
(assert_return (invoke "next") (i32.const 2))
(invoke $c "next")
(module instance $c $nothing)
(register "c" $c)
(module (import "nothing" "there" (func)))
(invoke "next")
"#,
        expect![[r#"
            12 passed, 5 failed
            18:2: there is no instance $c
            19:2: there is no such module definition
            20:2: there is no instance $c
            21:2: unknown import: nothing::there, func () -> ()
            22:2: there is no instance
        "#]],
    );
}

#[test]
fn syntax_errors_have_a_place() {
    check(
        "(module)\n(assert_return (invoke \"f\") (i32.const))",
        expect![[r#"
            0 passed, 1 failed
            2:39: expected a i32
        "#]],
    );
    check(
        "(module)\n  (assert_return",
        expect![[r#"
        0 passed, 1 failed
        2:17: expected `(`
    "#]],
    );
    check(
        "(module) \"",
        expect![[r#"
        0 passed, 1 failed
        1:11: unexpected end-of-file
    "#]],
    );
    check(
        "(module (func (export \"f\") (result i32) (i32.const 1)))",
        expect![[r#"
            1 passed, 0 failed
        "#]],
    );
}
