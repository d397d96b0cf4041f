//! Vectors: which instructions their operators become.

use expect_test::expect;

use super::check;

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
