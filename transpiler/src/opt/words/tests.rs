//! Listings of functions in, listings out, with what the other passes make of them.

use expect_test::{Expect, expect};

use super::super::testing::{check_pass, check_unchanged};
use super::super::{Counts, Plan};
use crate::OptLevel;
use crate::ir::{Env, Func};

/// The pass, and then what clears up.
fn run(func: &mut Func, env: &Env) -> usize {
    let reads = super::run(func, env);
    Plan::of(OptLevel::O2).simplify(func, env, &mut Counts::default());
    reads
}

fn check(before: &str, after: Expect) {
    check_pass(run, before, &after);
}

#[test]
fn limbs_through_locals_are_a_word_again() {
    check(
        "func (i64 i64) -> (i64) i128 i64 i64
            local.get 0
            local.get 1
            i128.from_limbs
            local.tee 2
            local.get 2
            i128.add
            local.tee 2
            i64.limb_i128 0
            local.set 3
            local.get 2
            i64.limb_i128 1
            local.set 4
            local.get 3
            local.get 4
            i128.from_limbs
            i128.isqrt
            i64.limb_i128 0
            ret",
        expect![[r#"
            func (i64 i64) -> (i64) i128 i64 i64
                local.get 0
                local.get 1
                i128.from_limbs
                local.tee 2
                local.get 2
                i128.add
                i128.isqrt
                i64.limb_i128 0
                ret
        "#]],
    );
}

#[test]
fn words_are_kept_where_their_local_is_used_again() {
    check(
        "func (i64 i64) -> (i64 i64) i128 i64 i64
            local.get 0
            local.get 1
            i128.from_limbs
            i128.isqrt
            local.tee 2
            i64.limb_i128 0
            local.set 3
            local.get 2
            i64.limb_i128 1
            local.set 4
            local.get 1
            local.get 0
            i128.from_limbs
            i128.isqrt
            local.tee 2
            i64.limb_i128 0
            local.get 3
            local.get 4
            i128.from_limbs
            i128.isqrt
            i64.limb_i128 0
            ret",
        expect![[r#"
            func (i64 i64) -> (i64 i64) i128 i64 i64 i128
                local.get 0
                local.get 1
                i128.from_limbs
                i128.isqrt
                local.set 5
                local.get 1
                local.get 0
                i128.from_limbs
                i128.isqrt
                i64.limb_i128 0
                local.get 5
                i128.isqrt
                i64.limb_i128 0
                ret
        "#]],
    );
}

#[test]
fn loops_carry_words() {
    check(
        "func (i64 i64 i32) -> (i64) i64 i64 i128 i128
            loop L0
            local.get 3
            local.get 4
            local.get 0
            local.get 1
            i128.from_limbs
            local.set 5
            i128.from_limbs
            local.get 5
            i128.add
            local.tee 6
            i64.limb_i128 0
            local.set 3
            local.get 6
            i64.limb_i128 1
            local.set 4
            local.get 2
            i32.push -1
            i32.add
            local.tee 2
            jnz L0
            local.get 3
            local.get 4
            i64.xor
            ret",
        expect![[r#"
            func (i64 i64 i32) -> (i64) i64 i64 i128 i128 i128 i128
                local.get 0
                local.get 1
                i128.from_limbs
                local.set 7
                loop L0
                local.get 8
                local.get 7
                i128.add
                local.tee 6
                i64.limb_i128 0
                local.set 3
                local.get 6
                i64.limb_i128 1
                local.set 4
                local.get 6
                local.set 8
                local.get 2
                i32.push -1
                i32.add
                local.tee 2
                jnz L0
                local.get 3
                local.get 4
                i64.xor
                ret
        "#]],
    );
}

#[test]
fn words_that_change_places_do_so_as_words() {
    check(
        "func (i32) -> (i64) i64 i64 i64 i64 i128 i128
            loop L0
            local.get 1
            local.get 2
            local.get 3
            local.get 4
            i128.from_limbs
            local.set 5
            i128.from_limbs
            local.get 5
            i128.add
            local.set 6
            local.get 3
            local.set 1
            local.get 6
            i64.limb_i128 0
            local.set 3
            local.get 4
            local.set 2
            local.get 6
            i64.limb_i128 1
            local.set 4
            local.get 0
            i32.push -1
            i32.add
            local.tee 0
            jnz L0
            local.get 3
            ret",
        expect![[r#"
            func (i32) -> (i64) i64 i64 i64 i64 i128 i128 i128 i128 i128
                loop L0
                local.get 8
                local.get 7
                i128.add
                local.tee 6
                i64.limb_i128 0
                local.set 3
                local.get 7
                local.set 8
                local.get 6
                local.set 7
                local.get 0
                i32.push -1
                i32.add
                local.tee 0
                jnz L0
                local.get 3
                ret
        "#]],
    );
}

#[test]
fn limbs_of_different_words_are_none() {
    check_unchanged(
        super::run,
        "\
func (i64 i64) -> (i64 i128) i128
    local.get 0
    local.get 1
    i128.from_limbs
    local.set 2
    local.get 2
    i64.limb_i128 1
    local.get 2
    i64.limb_i128 0
    i128.from_limbs
    i64.limb_i128 0
    local.get 0
    local.get 2
    i64.limb_i128 1
    i128.from_limbs
    ret
",
    );
}

#[test]
fn groups_may_be_put_together_after_the_last_write() {
    check(
        "func (i32) -> (i64) i64 i64 i128
            local.get 0
            i64.load 16
            local.set 1
            local.get 0
            i64.load 0
            local.set 2
            local.get 1
            local.get 2
            i128.from_limbs
            i128.isqrt
            local.set 3
            local.get 0
            jz L0
            local.get 1
            local.get 2
            i128.from_limbs
            i128.isqrt
            i64.limb_i128 0
            ret
        L0:
            local.get 3
            i64.limb_i128 0
            ret",
        expect![[r#"
            func (i32) -> (i64) i64 i64 i128 i128 i128
                local.get 0
                i64.load 16
                local.set 1
                local.get 0
                i64.load 0
                local.set 2
                local.get 1
                local.get 2
                i128.from_limbs
                local.tee 5
                i128.isqrt
                local.set 3
                local.get 0
                jz L0
                local.get 5
                i128.isqrt
                i64.limb_i128 0
                ret
            L0:
                local.get 3
                i64.limb_i128 0
                ret
        "#]],
    );
}

#[test]
fn vectors_stay_whole_through_loops() {
    check(
        "func (i32 i32) -> (i32) i64 i64 i64 i64 v256 v256
            loop L0
            local.get 2
            local.get 3
            local.get 4
            local.get 5
            v256.from_limbs
            local.get 0
            v256.load 0
            i32x8.add
            local.tee 6
            i64x4.extract_lane 0
            local.set 2
            local.get 6
            i64x4.extract_lane 1
            local.set 3
            local.get 6
            i64x4.extract_lane 2
            local.set 4
            local.get 6
            i64x4.extract_lane 3
            local.set 5
            local.get 0
            i32.push 32
            i32.add
            local.tee 0
            local.get 1
            i32.ne
            jnz L0
            local.get 2
            local.get 3
            local.get 4
            local.get 5
            v256.from_limbs
            i32x8.reduce_add
            ret",
        expect![[r#"
            func (i32 i32) -> (i32) i64 i64 i64 i64 v256 v256 v256
                loop L0
                local.get 8
                local.get 0
                v256.load 0
                i32x8.add
                local.set 8
                local.get 0
                i32.push 32
                i32.add
                local.tee 0
                local.get 1
                i32.ne
                jnz L0
                local.get 8
                i32x8.reduce_add
                ret
        "#]],
    );
}

#[test]
fn integers_and_vectors_of_the_same_limbs_are_two_words() {
    // Limbs of a word that are read as another kind, and constants.
    check(
        "func (i64 i64 i64 i64) -> (i64) i64 i64 i64 i64 i256
            local.get 0
            local.get 1
            local.get 2
            local.get 3
            i256.from_limbs
            i256.isqrt
            local.tee 8
            i64.limb_i256 0
            local.set 4
            local.get 8
            i64.limb_i256 1
            local.set 5
            local.get 8
            i64.limb_i256 2
            local.set 6
            local.get 8
            i64.limb_i256 3
            local.set 7
            local.get 4
            local.get 5
            local.get 6
            local.get 7
            i256.from_limbs
            i256.isqrt
            i64.limb_i256 0
            local.get 4
            local.get 5
            local.get 6
            local.get 7
            v256.from_limbs
            i64x4.reduce_add
            i64.add
            local.get 4
            local.get 5
            local.get 6
            local.get 7
            v256.from_limbs
            i64x4.abs
            i64x4.reduce_add
            i64.add
            ret",
        expect![[r#"
            func (i64 i64 i64 i64) -> (i64) i64 i64 i64 i64 i256 v256
                local.get 0
                local.get 1
                local.get 2
                local.get 3
                i256.from_limbs
                i256.isqrt
                local.tee 8
                i64.limb_i256 0
                local.set 4
                local.get 8
                i64.limb_i256 1
                local.set 5
                local.get 8
                i64.limb_i256 2
                local.set 6
                local.get 8
                i64.limb_i256 3
                local.set 7
                local.get 8
                i256.isqrt
                i64.limb_i256 0
                local.get 4
                local.get 5
                local.get 6
                local.get 7
                v256.from_limbs
                local.tee 9
                i64x4.reduce_add
                i64.add
                local.get 9
                i64x4.abs
                i64x4.reduce_add
                i64.add
                ret
        "#]],
    );
    // Locals that are read as both in a loop.
    check(
        "func (i64 i64 i64 i64) -> () i64
            loop L0
            local.get 0
            local.get 1
            local.get 2
            local.get 3
            i256.from_limbs
            i256.eqz
            jnz L1
            local.get 0
            local.get 1
            local.get 2
            local.get 3
            v256.from_limbs
            i64x4.all_true
            jnz L0
        L1:
            ret",
        expect![[r#"
            func (i64 i64 i64 i64) -> () i64 i256 v256
                local.get 0
                local.get 1
                local.get 2
                local.get 3
                i256.from_limbs
                local.set 5
                local.get 0
                local.get 1
                local.get 2
                local.get 3
                v256.from_limbs
                local.set 6
                loop L0
                local.get 5
                i256.eqz
                jnz L1
                local.get 6
                i64x4.all_true
                jnz L0
            L1:
                ret
        "#]],
    );
}
