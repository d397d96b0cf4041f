//! Vectors, and the architecture that they need.

use std::fmt::Write;

use dotvm_isa::Arch;
use expect_test::expect;

use super::{check, translate};

#[test]
fn vectors_are_translated() {
    check(
        "(module (memory 1)
            (func (param i32 v128) (result v128) (local v128)
                (local.set 2 (i8x16.lt_s (v128.load offset=16 (local.get 0)) (local.get 1)))
                (local.set 2 (v128.load8_lane offset=3 15 (local.get 0) (local.get 2)))
                (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 31
                    (v128.const i32x4 1 2 3 4)
                    (i16x8.replace_lane 7 (local.get 2) (i32x4.bitmask (local.get 1))))))",
        expect![[r#"
            func (i32 v128) -> (v128) v128
                local.get 0
                v128.load 16
                local.get 1
                i8x16.lt
                local.set 2
                local.get 0
                local.get 2
                v128.load8_lane 3 15
                local.set 2
                v128.push 0x4000000030000000200000001
                local.get 2
                local.get 1
                i32x4.bitmask
                i16x8.replace_lane 7
                i8x16.shuffle 0x1f0e0d0c0b0a09080706050403020100
                ret
        "#]],
    );
}

#[test]
fn modules_with_vectors_are_for_arch128() {
    let cases = [
        "(module (func (drop (i32.const 0))))",
        "(module (func (drop (i8x16.splat (i32.const 0)))))",
        "(module (func (local v128)))",
        "(module (func (param v128)))",
        "(module (import \"a\" \"b\" (func (result v128))))",
        "(module (import \"a\" \"b\" (global v128)))",
        "(module (global v128 (v128.const i64x2 0 0)))",
    ];
    let mut out = String::new();
    for text in cases {
        let wasm = wat::parse_str(text).expect("valid text");
        let chosen = translate(&wasm, None).expect("valid module").module.arch;
        let narrow = match translate(&wasm, Some(Arch::Arch32)) {
            Ok(module) => module.module.arch.to_string(),
            Err(error) => error.to_string(),
        };
        let wide = translate(&wasm, Some(Arch::Arch256)).expect("valid module");
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
    "#]]
    .assert_eq(&out);
}
