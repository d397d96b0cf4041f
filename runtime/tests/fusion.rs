//! Instructions that lowering fuses do what they do apart: addresses that are sums, loops that step a
//! local and jump on it.

mod common;

use common::{instance, trap_code};
use dotvm::{TrapCode, TypedFunc};

/// The exported function `f` of a module with one page, which holds the bytes 0 to 31.
macro_rules! function {
    ($body:literal, |$store:ident, $f:ident: $ty:ty| $test:expr) => {{
        let (mut $store, instance) = instance(concat!(
            ".memory 1\n.data at 0 \"\\00\\01\\02\\03\\04\\05\\06\\07\\08\\09\\0a\\0b\\0c\\0d\\0e\\0f",
            "\\10\\11\\12\\13\\14\\15\\16\\17\\18\\19\\1a\\1b\\1c\\1d\\1e\\1f\"\n.export \"f\" func $f\n",
            $body
        ));
        let $f: $ty = instance.get_typed_func(&mut $store, "f").unwrap();
        $test
    }};
}

#[test]
fn a_sum_wraps_before_the_offset_is_added() {
    function!(
        ".func $f (i32 $a, i32 $b) -> i32
            local.get $a
            local.get $b
            i32.add
            i32.load8_u 4
            ret
        .end",
        |store, f: TypedFunc<(u32, u32), u32>| {
            assert_eq!(f.call(&mut store, (3, 2)).unwrap(), 9);
            assert_eq!(f.call(&mut store, (u32::MAX, 2)).unwrap(), 5);
            assert_eq!(f.call(&mut store, (65_531, 0)).unwrap(), 0);
            let trap = trap_code(f.call(&mut store, (65_531, 1)));
            assert_eq!(trap, TrapCode::MemoryOutOfBounds);
            let trap = trap_code(f.call(&mut store, (u32::MAX, 0)));
            assert_eq!(trap, TrapCode::MemoryOutOfBounds);
        }
    );
}

#[test]
fn sums_of_every_kind_of_operand() {
    function!(
        ".func $f (i32 $a, i32 $b) -> i32
            local.get $a
            i32.push 8
            i32.add
            i32.load8_u         ; a + 8
            local.get $a
            i32.push 1
            i32.shl
            local.get $b
            i32.add
            i32.load8_u         ; 2a + b
            i32.push 8
            i32.shl
            i32.add
            local.get $a
            i32.push 1
            i32.shl
            i32.push -1
            i32.add
            i32.load8_u         ; 2a - 1
            i32.push 16
            i32.shl
            i32.add
            ret
        .end",
        |store, f: TypedFunc<(u32, u32), u32>| {
            assert_eq!(f.call(&mut store, (5, 7)).unwrap(), 0x09_11_0d);
        }
    );
}

#[test]
fn a_sum_that_is_used_twice_stays() {
    function!(
        ".func $f (i32 $a, i32 $b) -> i32
            .local i32 $at
            local.get $a
            local.get $b
            i32.add
            local.tee $at
            i32.load8_u
            local.get $at
            i32.add
            ret
        .end",
        |store, f: TypedFunc<(u32, u32), u32>| {
            assert_eq!(f.call(&mut store, (5, 7)).unwrap(), 24);
        }
    );
}

#[test]
fn stores_to_sums() {
    function!(
        ".func $f (i32 $a, i32 $b) -> i32
            local.get $a
            local.get $b
            i32.add
            local.get $a
            i32.store8 1
            local.get $b
            i32.push 16
            i32.add
            local.get $b
            i32.store8
            local.get $a
            local.get $b
            i32.add
            i32.load8_u 1
            i32.push 16
            local.get $b
            i32.add
            i32.load8_u
            i32.mul
            ret
        .end",
        |store, f: TypedFunc<(u32, u32), u32>| {
            assert_eq!(f.call(&mut store, (11, 3)).unwrap(), 33);
            let trap = trap_code(f.call(&mut store, (65_000, 535)));
            assert_eq!(trap, TrapCode::MemoryOutOfBounds);
        }
    );
}

#[test]
fn loops_that_step_to_a_limit() {
    function!(
        ".func $f (i32 $from, i32 $limit) -> i32
            .local i32 $turns
        head:
            loop
            local.get $turns
            i32.push 1
            i32.add
            local.set $turns
            local.get $from
            i32.push 3
            i32.add
            local.tee $from
            local.get $limit
            i32.lt
            jnz head
            local.get $turns
            i32.push 1000
            i32.mul
            local.get $from
            i32.add
            ret
        .end",
        |store, f: TypedFunc<(u32, u32), u32>| {
            assert_eq!(f.call(&mut store, (0, 10)).unwrap(), 4_012);
            assert_eq!(f.call(&mut store, (50, 10)).unwrap(), 1_053);
        }
    );
}

#[test]
fn a_local_stepped_on_the_way_out_of_an_expression() {
    // The value of before the step is below the loop's values, that of after it is compared twice.
    function!(
        ".func $f (i32 $i, i32 $sum) -> i32
        head:
            loop
            local.get $sum
            local.get $i
            local.get $i
            i32.push -1
            i32.add
            local.set $i
            i32.add
            local.set $sum
            local.get $i
            i32.push -1
            i32.add
            local.tee $i
            i32.push 1
            i32.gt
            jnz head
            local.get $sum
            i32.push 100
            i32.mul
            local.get $i
            i32.add
            ret
        .end",
        |store, f: TypedFunc<(u32, u32), u32>| {
            // 9 + 7 + 5 + 3
            assert_eq!(f.call(&mut store, (9, 0)).unwrap(), 2_401);
        }
    );
}

#[test]
fn a_step_by_the_limit_itself() {
    function!(
        ".func $f (i32 $i, i32 $turns) -> i32
        head:
            loop
            local.get $turns
            i32.push 1
            i32.add
            local.set $turns
            local.get $i
            i32.push 1
            i32.add
            local.tee $i
            local.get $i
            i32.ne
            jnz head
            local.get $turns
            ret
        .end",
        |store, f: TypedFunc<(u32, u32), u32>| {
            assert_eq!(f.call(&mut store, (9, 0)).unwrap(), 1);
        }
    );
}
