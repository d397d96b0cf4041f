//! What is refused, and what an architecture is chosen for.

use std::fmt::Write;

use dotvm_isa::Arch;
use expect_test::expect;

use super::{Features, translate};
use crate::error::Error;

#[test]
fn components_are_told_from_modules() {
    let wasm = wat::parse_str("(component)").expect("valid text");
    let error = translate(&wasm, None, Features::ALL).expect_err("refused");
    assert!(matches!(error, Error::Component));
    let message = error.to_string();
    assert!(message.contains("wasm32-wasip1") && message.contains("component unbundle"));
}

#[test]
fn missing_features_are_named() {
    let cases = [
        "(module (memory 1 1 shared) (func (drop (i32.atomic.load (i32.const 0)))))",
        "(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))",
        "(module (func (atomic.fence)))",
        "(module (type (struct (field i32))))",
        "(module (type (array i8)))",
        "(module (rec (type (func)) (type (struct))))",
        "(module (type (sub (func))))",
        "(module (func (param anyref)))",
        "(module (func (local eqref)))",
        "(module (table 1 i31ref))",
        "(module (global anyref (ref.null any)))",
        "(module (elem anyref (ref.null any)))",
        "(module (func (drop (ref.null none))))",
        "(module (global externref (extern.convert_any (ref.i31 (i32.const 1)))))",
        "(module (func (drop (ref.test (ref func) (ref.null func)))))",
        "(module (type $f (func)) (type (cont $f)))",
        "(module (rec (type (descriptor 1) (struct)) (type (describes 0) (struct))))",
        "(module (type (shared (func))))",
        "(module (memory 1) (func (memory.discard (i32.const 0) (i32.const 0))))",
    ];
    let mut out = String::new();
    for text in cases {
        let wasm = wat::parse_str(text).expect("valid text");
        let error = translate(&wasm, None, Features::ALL).expect_err("refused");
        assert!(
            matches!(error, Error::Unsupported { .. }),
            "{text}: {error}"
        );
        writeln!(out, "{error}").expect("writing to a string");
    }
    expect![[r#"
        offset 0x15: unsupported WebAssembly feature: threads
        offset 0x1e: unsupported WebAssembly feature: threads
        offset 0x17: unsupported WebAssembly feature: threads
        offset 0xb: unsupported WebAssembly feature: gc
        offset 0xb: unsupported WebAssembly feature: gc
        offset 0x10: unsupported WebAssembly feature: gc
        offset 0xb: unsupported WebAssembly feature: gc
        offset 0xb: unsupported WebAssembly feature: gc
        offset 0x17: unsupported WebAssembly feature: gc
        offset 0xb: unsupported WebAssembly feature: gc
        offset 0xb: unsupported WebAssembly feature: gc
        offset 0xb: unsupported WebAssembly feature: gc
        offset 0x17: unsupported WebAssembly feature: gc
        offset 0xf: unsupported WebAssembly feature: gc
        offset 0x19: unsupported WebAssembly feature: gc
        offset 0xe: unsupported WebAssembly feature: stack-switching
        offset 0xb: unsupported WebAssembly feature: custom-descriptors
        offset 0xb: unsupported WebAssembly feature: shared-everything-threads
        offset 0x20: unsupported WebAssembly feature: memory-control
    "#]]
    .assert_eq(&out);
}

#[test]
fn modules_are_for_the_first_architecture_that_has_what_they_use() {
    let cases = [
        "(module (func (drop (i32.const 0))))",
        "(module (func (drop (i8x16.splat (i32.const 0)))))",
        "(module (func (local v128)))",
        "(module (func (param v128)))",
        "(module (import \"a\" \"b\" (func (result v128))))",
        "(module (import \"a\" \"b\" (global v128)))",
        "(module (global v128 (v128.const i64x2 0 0)))",
        "(module (memory i64 1))",
        "(module (import \"a\" \"b\" (table i64 1 funcref)))",
        "(module (memory i64 1) (func (drop (v128.load (i64.const 0)))))",
    ];
    let mut out = String::new();
    for text in cases {
        let wasm = wat::parse_str(text).expect("valid text");
        let chosen = translate(&wasm, None, Features::ALL)
            .expect("valid module")
            .module
            .arch;
        let narrow = match translate(&wasm, Some(Arch::Arch32), Features::ALL) {
            Ok(module) => module.module.arch.to_string(),
            Err(error) => error.to_string(),
        };
        let wide = translate(&wasm, Some(Arch::Arch256), Features::ALL).expect("valid module");
        assert_eq!(wide.module.arch, Arch::Arch256);
        writeln!(out, "{chosen}; {narrow}").expect("writing to a string");
    }
    expect![[r#"
        arch64; arch32
        arch128; offset 0x19: simd needs the architecture arch128 or a wider one
        arch128; offset 0x17: simd needs the architecture arch128 or a wider one
        arch128; offset 0xb: simd needs the architecture arch128 or a wider one
        arch128; offset 0xb: simd needs the architecture arch128 or a wider one
        arch128; offset 0xb: simd needs the architecture arch128 or a wider one
        arch128; offset 0xb: simd needs the architecture arch128 or a wider one
        arch64; offset 0xb: memory64 needs the architecture arch64 or a wider one
        arch64; offset 0xb: memory64 needs the architecture arch64 or a wider one
        arch128; offset 0x15: memory64 needs the architecture arch64 or a wider one
    "#]]
    .assert_eq(&out);
}

#[test]
fn what_came_later_can_be_left_out() {
    let cases = [
        "(module (memory 1) (memory 1))",
        "(module (memory i64 1))",
        "(module (memory 1 (pagesize 1)))",
        "(module (func (param (ref null func))))",
        "(module (func (drop (i8x16.splat (i32.const 0)))))",
        "(module (func (result i32 i32) (i32.const 0) (i32.const 0)))",
    ];
    let mut out = String::new();
    for text in cases {
        let wasm = wat::parse_str(text).expect("valid text");
        for features in [Features::V1, Features::V2] {
            let outcome = match translate(&wasm, None, features) {
                Ok(_) => "valid".to_owned(),
                Err(error) => error.to_string(),
            };
            writeln!(out, "{outcome}").expect("writing to a string");
        }
    }
    expect![[r#"
        offset 0xa: unsupported WebAssembly feature: multi-memory
        offset 0xa: unsupported WebAssembly feature: multi-memory
        offset 0xb: unsupported WebAssembly feature: memory64
        offset 0xb: unsupported WebAssembly feature: memory64
        offset 0xb: unsupported WebAssembly feature: custom-page-sizes
        offset 0xb: unsupported WebAssembly feature: custom-page-sizes
        offset 0xb: unsupported WebAssembly feature: reference-types
        valid
        offset 0x19: unsupported WebAssembly feature: simd
        valid
        offset 0xb: unsupported WebAssembly feature: multi-value
        valid
    "#]]
    .assert_eq(&out);
    let newer = Features::V1.with("multi-value").expect("it is known");
    let wasm = wat::parse_str(cases[cases.len() - 1]).expect("valid text");
    translate(&wasm, None, newer).expect("valid module");
    assert_eq!(Features::V1.with("threads"), None);
}
