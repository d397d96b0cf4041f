//! Calls through references, references that may be null, tables with 64-bit indices.

use dotvm::Val;
use expect_test::expect;

use crate::harness::{call, everywhere, summary};

#[test]
fn calls_look_at_the_reference() {
    let text = r#"
        .import "host" "mix" func $mix (i32) -> i32
        .type $int (i32) -> i32
        .table funcref 5
        .elem funcref at 1 in 0 ($double, $wide, $mix, $twice)
        .export "call" func $call
        .export "tail" func $tail
        .export "strict" func $strict
        .export "chain" func $chain
        .func $double (i32 $x) -> i32
            local.get $x
            i32.push 2
            i32.mul
            ret
        .end
        .func $wide (i64 $x) -> i32
            i32.push -1
            ret
        .end
        .func $twice (i32 $x) -> i32
            local.get $x
            ref.func $double
            call_ref type $int
            ref.func $mix
            ret_call_ref type $int
        .end
        .func $call (i32 $which, i32 $x) -> i32
            local.get $x
            local.get $which
            table.get 0
            call_ref type $int
            ret
        .end
        .func $tail (i32 $which, i32 $x) -> i32
            local.get $x
            local.get $which
            table.get 0
            ret_call_ref type $int
        .end
        .func $strict (i32 $which) -> i32
            local.get $which
            table.get 0
            ref.as_non_null
            ref.is_null
            ret
        .end
        .func $chain (i32 $n) -> i32
            .local i32 $sum
            .local funcref $callee
            ref.func $twice
            local.set $callee
        again:
            loop
            local.get $sum
            local.get $n
            local.get $callee
            call_ref type $int
            i32.add
            local.set $sum
            local.get $n
            i32.push 1
            i32.sub
            local.tee $n
            jnz again
            local.get $sum
            ret
        .end"#;
    let which =
        |name: &'static str| (0..5).map(move |which| call(name, &[Val::I32(which), Val::I32(21)]));
    let mut calls: Vec<_> = which("call").chain(which("tail")).collect();
    calls.extend([0, 1].map(|which| call("strict", &[Val::I32(which)])));
    calls.push(call("chain", &[Val::I32(20)]));
    expect![[r#"
        trap: null function reference at 4+0x8
        i32:42
        trap: indirect call type mismatch at 4+0x8
        i32:64
        i32:127
        trap: null function reference at 5+0x8
        i32:42
        trap: indirect call type mismatch at 5+0x8
        i32:64
        i32:127
        trap: null reference at 6+0x6
        i32:0
        i32:1784
    "#]]
    .assert_eq(&summary(&everywhere(text, &calls)));
}

#[test]
fn tables_with_wide_indices() {
    let text = r#"
        .table i64 funcref 3 5 = ref.func $two
        .table externref 2
        .table i64 funcref 4
        .elem $some funcref passive ($one, null)
        .export "get" func $get
        .export "set" func $set
        .export "size" func $size
        .export "grow" func $grow
        .export "fill" func $fill
        .export "copy" func $copy
        .export "init" func $init
        .export "call" func $call
        .func $one () -> i32
            i32.push 1
            ret
        .end
        .func $two () -> i32
            i32.push 2
            ret
        .end
        .func $get (i64 $i) -> i32
            local.get $i
            table.get 0
            ref.is_null
            ret
        .end
        .func $set (i64 $i)
            local.get $i
            ref.func $one
            table.set 0
            ret
        .end
        .func $size () -> (i64, i32)
            table.size 0
            table.size 1
            ret
        .end
        .func $grow (i64 $n) -> i64
            ref.null funcref
            local.get $n
            table.grow 0
            ret
        .end
        .func $fill (i64 $i, i64 $n)
            local.get $i
            ref.null funcref
            local.get $n
            table.fill 0
            ret
        .end
        .func $copy (i64 $to, i64 $from, i64 $n)
            local.get $to
            local.get $from
            local.get $n
            table.copy 2 0
            ret
        .end
        .func $init (i64 $to, i32 $from, i32 $n)
            local.get $to
            local.get $from
            local.get $n
            table.init $some 0
            ret
        .end
        .func $call (i64 $i) -> i32
            local.get $i
            call_indirect () -> i32 0
            ret
        .end"#;
    let far = 1i64 << 32;
    let calls = [
        call("call", &[Val::I64(2)]),
        call("call", &[Val::I64(3)]),
        call("call", &[Val::I64(far)]),
        call("get", &[Val::I64(far + 1)]),
        call("get", &[Val::I64(-1)]),
        call("set", &[Val::I64(far)]),
        call("set", &[Val::I64(1)]),
        call("call", &[Val::I64(1)]),
        call("grow", &[Val::I64(far)]),
        call("grow", &[Val::I64(-1)]),
        call("grow", &[Val::I64(2)]),
        call("grow", &[Val::I64(1)]),
        call("size", &[]),
        call("call", &[Val::I64(4)]),
        call("init", &[Val::I64(3), Val::I32(0), Val::I32(2)]),
        call("init", &[Val::I64(far), Val::I32(0), Val::I32(0)]),
        call("call", &[Val::I64(3)]),
        call("fill", &[Val::I64(0), Val::I64(1)]),
        call("fill", &[Val::I64(1), Val::I64(-1)]),
        call("call", &[Val::I64(0)]),
        call("copy", &[Val::I64(0), Val::I64(1), Val::I64(4)]),
        call("copy", &[Val::I64(0), Val::I64(1), Val::I64(far)]),
        call("copy", &[Val::I64(4), Val::I64(5), Val::I64(0)]),
    ];
    expect![[r#"
        i32:2
        trap: undefined element at 9+0x3
        trap: undefined element at 9+0x3
        trap: out of bounds table access at 2+0x3
        trap: out of bounds table access at 2+0x3
        trap: out of bounds table access at 3+0x5

        i32:1
        i64:-1
        i64:-1
        i64:3
        i64:-1
        i64:5 i32:2
        trap: uninitialized element at 9+0x3

        trap: out of bounds table access at 8+0x7
        i32:1

        trap: out of bounds table access at 6+0x7
        trap: uninitialized element at 9+0x3

        trap: out of bounds table access at 7+0x7

    "#]]
    .assert_eq(&summary(&everywhere(text, &calls)));
}
