//! Loops on wide vectors, which native code has kernels for where the processor can: how they count, where
//! they are left, and what traps in them.

use dotvm::{Config, Engine, Instance, Jit, Linker, Store, Val};
use dotvm_tests::differential::Call;
use expect_test::expect;

use crate::harness::{call, everywhere, load, summary};

/// A function `$name` with the counters `$i` and `$p`: adds `$i` to all lanes at `$p`, which goes on by
/// `stride`, and counts by `count`, which ends with a jump to `again` or out of the loop.
fn counting(name: &str, stride: i32, head: &str, count: &str) -> String {
    let lines = |code: &str| code.replace(", ", "\n ");
    format!(
        ".export \"{name}\" func $\"{name}\"
.func $\"{name}\" (i32 $i, i32 $end, i32 $p) -> i32
 .local v256 $sum
again:
 loop
 {}
 local.get $p
 local.get $i
 i32x8.splat
 local.get $p
 v256.load 32
 i32x8.add
 local.tee $sum
 v256.store 32
 local.get $p
 i32.push {stride}
 i32.add
 local.set $p
 {}
done:
 local.get $i
 local.get $p
 i32.xor
 ret
.end
",
        lines(head),
        lines(count)
    )
}

const HEADER: &str = ".arch arch512\n.memory 1 2\n.export \"memory\" memory 0\n";

fn i32s(export: &str, args: [i32; 3]) -> Call {
    call(export, &args.map(Val::I32))
}

#[test]
fn loops_that_count_in_every_way() {
    let mut text = HEADER.to_owned();
    let mut names = Vec::new();
    let mut add = |name: String, head: &str, count: &str| {
        text += &counting(&name, 32, head, count);
        names.push(name);
    };
    for step in [1, 2, 7] {
        let up = format!("local.get $i, i32.push {step}, i32.add, local");
        let down = format!("local.get $i, i32.push {step}, i32.sub, local");
        for compare in ["ne", "lt", "lt_u", "le", "le_u"] {
            add(
                format!("up {step} {compare}"),
                "nop",
                &format!("{up}.tee $i, local.get $end, i32.{compare}, jnz again"),
            );
        }
        for compare in ["ne", "gt", "gt_u", "ge", "ge_u"] {
            add(
                format!("down {step} {compare}"),
                "nop",
                &format!("{down}.tee $i, local.get $end, i32.{compare}, jnz again"),
            );
            add(
                format!("down {step} {compare} to a constant"),
                "nop",
                &format!("{down}.tee $i, i32.push 5, i32.{compare}, jnz again"),
            );
            // The bound comes first.
            add(
                format!("up {step} under {compare}"),
                "nop",
                &format!("{up}.set $i, local.get $end, local.get $i, i32.{compare}, jnz again"),
            );
        }
        add(
            format!("down {step} to nothing"),
            "nop",
            &format!("{down}.tee $i, jnz again"),
        );
        add(
            format!("at the top {step}"),
            "local.get $i, i32.eqz, jnz done",
            &format!("{down}.set $i, jmp again"),
        );
        add(
            format!("jz {step}"),
            "nop",
            &format!("{down}.tee $i, i32.eqz, jz again"),
        );
    }
    let mut calls = Vec::new();
    for name in &names {
        for (i, end) in [(1, 0), (7, 0), (8, 1), (28, 0), (35, 7), (41, 6), (70, 0)] {
            calls.push(i32s(name, [i, end, 64]));
            calls.push(i32s(name, [end, i, 64]));
        }
        // Near the ends of the numbers, with signs and without.
        for (i, end) in [
            (i32::MAX - 3, i32::MIN + 3),
            (i32::MIN, i32::MIN + 28),
            (-7, 7),
            (-1, -28),
        ] {
            calls.push(i32s(name, [i, end, 60000]));
            calls.push(i32s(name, [end, i, 60000]));
        }
    }
    let outcomes = everywhere(&text, &calls);
    let count = |start: &str| {
        outcomes
            .iter()
            .filter(|it| it.end.starts_with(start))
            .count()
    };
    assert!(
        count("trap") > calls.len() / 4,
        "{} of {}",
        count("trap"),
        calls.len()
    );
    assert!(
        count("i32:") > calls.len() / 4,
        "{} of {}",
        count("i32:"),
        calls.len()
    );
}

/// Each trap is at the access that is outside, and what was written before is written.
#[test]
fn traps_in_the_middle() {
    let mut text = HEADER.to_owned();
    let count = "local.get $i, i32.push 1, i32.sub, local.tee $i, jnz again";
    let strides = [32, 1, -32, 4096, 1 << 30, i32::MIN];
    for stride in strides {
        text += &counting(&stride.to_string(), stride, "nop", count);
    }
    let mut calls = Vec::new();
    for stride in strides {
        for at in [
            0,
            64,
            65408,
            65440,
            65472,
            65473,
            65536,
            -32,
            -64,
            -4096,
            i32::MAX,
        ] {
            for n in [1, 2, 3, 5, 8, 9] {
                calls.push(i32s(&stride.to_string(), [n, 0, at]));
            }
        }
    }
    let outcomes = everywhere(&text, &calls);
    let places: std::collections::BTreeSet<String> = outcomes
        .iter()
        .flat_map(|outcome| outcome.place.first().cloned())
        .collect();
    expect![[r#"
        {
            "0+0xd",
            "1+0xd",
            "2+0xd",
            "3+0xd",
            "4+0xd",
            "5+0xd",
        }
    "#]]
    .assert_debug_eq(&places);
}

/// An instance of a program, in one tier.
fn instance(jit: Jit, text: &str) -> (Store<()>, Instance) {
    let mut config = Config::new();
    config.jit(jit);
    let engine = Engine::new(&config);
    let mut store = Store::new(&engine, ());
    let module = load(&engine, text);
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .expect("an instance");
    (store, instance)
}

/// Addresses go on at 0 behind 4 GiB.
#[test]
fn addresses_wrap() {
    let text = r#"
        .arch arch256
        .memory 65536
        .export "up" func $up
        .export "down" func $down
        .func $up (i32 $p, i32 $n) -> i64
            .local v256 $sum
        again:
            loop
            local.get $p
            local.get $n
            i32x8.splat
            v256.store
            local.get $sum
            local.get $p
            v256.load
            i32x8.add
            local.set $sum
            local.get $p
            i32.push 32
            i32.add
            local.set $p
            local.get $n
            i32.push 1
            i32.sub
            local.tee $n
            jnz again
            i32.push 0
            i64.load
            local.get $sum
            i64x4.extract_lane 0
            i64.add
            ret
        .end
        .func $down (i32 $p, i32 $n) -> i64
            .local v256 $sum
        again:
            loop
            local.get $p
            local.get $n
            i32x8.splat
            v256.store
            local.get $sum
            local.get $p
            v256.load
            i32x8.add
            local.set $sum
            local.get $p
            i32.push 32
            i32.sub
            local.set $p
            local.get $n
            i32.push 1
            i32.sub
            local.tee $n
            jnz again
            i32.push -32
            i64.load
            local.get $sum
            i64x4.extract_lane 0
            i64.add
            ret
        .end"#;
    let run = |jit: Jit| {
        let (mut store, instance) = instance(jit, text);
        let mut results = String::new();
        for (name, at) in [
            ("up", -128),
            ("up", -384),
            ("down", 0),
            ("down", 96),
            ("down", 352),
        ] {
            for n in [3, 4, 5, 9, 20] {
                let func = instance.get_func(&mut store, name).expect("an export");
                let result = func.call(&mut store, &[Val::I32(at), Val::I32(n)]);
                results += &format!("{name} {at} {n}: {result:?}\n");
            }
        }
        results
    };
    let results = run(Jit::Off);
    assert_eq!(results, run(Jit::Eager));
    assert!(!results.contains("Err"), "{results}");
}

/// A loop with ways out in the middle, one of them in a chain of blocks, one back to another loop.
#[test]
fn loops_left_in_the_middle() {
    let text = r#"
        .arch arch512
        .memory 1 1
        .data at 1000 in 0 "needle"
        .data at 3333 in 0 "x"
        .data at 65535 in 0 "z"
        .export "find" func $find
        .export "count" func $count
        .func $find (i32 $p, i32 $end, i32 $byte) -> i32
            .local v512 $found
        again:
            loop
            local.get $byte
            i8x64.splat
            local.get $p
            v512.load
            i8x64.eq
            local.tee $found
            v512.any_true
            jnz found
            local.get $p
            i32.push 64
            i32.add
            local.tee $p
            local.get $end
            i32.lt_u
            jnz again
            i32.push -1
            ret
        found:
            local.get $found
            i8x64.bitmask
            i64.ctz
            i32.wrap_i64
            local.get $p
            i32.add
            ret
        .end
        .func $count (i32 $p, i32 $end, i32 $byte) -> i32
            .local i32 $others
            .local v256 $here $ones
            i32.push 1
            i8x32.splat
            local.set $ones
        outer:
            loop
            local.get $others
            i32.push 1
            i32.add
            local.set $others
        again:
            loop
            local.get $p
            local.get $end
            i32.ge_u
            jnz done
            local.get $p
            v256.load
            local.get $byte
            i8x32.splat
            i8x32.eq
            local.set $here
            local.get $p
            i32.push 32
            i32.add
            local.set $p
            local.get $here
            v256.any_true
            jnz outer
            local.get $here
            local.get $ones
            i8x32.eq
            i8x32.all_true
            jz again
            local.get $p
            ret
        done:
            local.get $others
            ret
        .end"#;
    let mut calls = Vec::new();
    for byte in *b"nexz\0q" {
        for (p, end) in [
            (0, 65536),
            (1, 4000),
            (990, 1100),
            (64, 128),
            (3333, 65535),
            (65472, 0),
        ] {
            for name in ["find", "count"] {
                calls.push(i32s(name, [p, end, i32::from(byte)]));
            }
        }
    }
    let outcomes = everywhere(text, &calls);
    expect![[r#"
        i32:1000
        i32:2
        i32:1000
        i32:2
        i32:1000
        i32:2
        i32:-1
        i32:1
        trap: out of bounds memory access at 0+0xa
        trap: out of bounds memory access at 1+0x1d
        i32:-1
        i32:1
    "#]]
    .assert_eq(&summary(&outcomes[..13]));
}

/// Values on the operand stack below a loop, loops in functions that are inlined, and memory that grows
/// between two loops.
#[test]
fn kernels_among_other_code() {
    let text = r#"
        .arch arch512
        .memory 1 3
        .export "memory" memory 0
        .export "f" func $f
        .func $fill (i32 $p, i32 $n, i32 $x) -> i32
        again:
            loop
            local.get $p
            local.get $x
            i16x32.splat
            v512.store
            local.get $p
            i32.push 64
            i32.add
            local.set $p
            local.get $n
            i32.push 1
            i32.sub
            local.tee $n
            jnz again
            local.get $p
            ret
        .end
        .func $f (i32 $p, i32 $n, i32 $x) -> i32
            .local v512 $a $b
            .local i32 $i
            local.get $n
            local.get $x
            i32.add
            v512.push i32x16 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
            local.set $a
            local.get $p
            local.get $n
            local.get $x
            call $fill
            local.get $n
            local.get $x
            i32.push 1
            i32.add
            call $fill
            local.set $p
            i32.push 1
            memory.grow
            local.set $i
        again:
            loop
            local.get $a
            v512.push i32x16 16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1
            i32x16.mul
            local.set $a
            local.get $b
            local.get $a
            i32x16.add
            local.set $b
            local.get $p
            local.get $b
            v512.store
            local.get $p
            i32.push 64
            i32.add
            local.set $p
            local.get $n
            i32.push 1
            i32.sub
            local.tee $n
            jnz again
            local.get $p
            local.get $i
            i32.xor
            i32.xor
            ret
        .end"#;
    let mut calls = Vec::new();
    for p in [0, 30000, 65000, 131000, 196608 - 256] {
        for n in [1, 4, 6, 13, 400] {
            calls.push(i32s("f", [p, n, 7]));
        }
    }
    let outcomes = everywhere(text, &calls);
    expect![[r#"
        i32:201
        i32:777
        i32:-1166
        i32:-2517
        i32:-77208
        i32:-30201
        i32:-30780
        i32:-31166
        i32:-32485
        i32:-106664
        i32:-65185
    "#]]
    .assert_eq(&summary(&outcomes[..12]));
}

/// What kernels leave to other native code: other memories, tables of jumps, exceptions, calls.
#[test]
fn loops_that_are_no_kernels() {
    let text = r#"
        .arch arch256
        .memory 1 1
        .memory i64 1 1
        .memory 100 100 page 1
        .tag $tag ()
        .export "f" func $f
        .export "jumps" func $jumps
        .export "catches" func $catches
        .func $f (i32 $p, i32 $q, i32 $n) -> i32
        again:
            loop
            local.get $p
            local.get $q
            i64.extend_i32
            v256.load 8 memory 1
            v256.store
            local.get $p
            local.get $p
            v256.load
            v256.store 4 memory 2
            local.get $p
            i32.push 32
            i32.add
            local.set $p
            local.get $q
            i32.push 32
            i32.add
            local.set $q
            local.get $n
            i32.push 1
            i32.sub
            local.tee $n
            jnz again
            local.get $p
            ret
        .end
        .func $jumps (i32 $p, i32 $x, i32 $n) -> i32
            .local i32 $rounds
            .local v256 $a
        again:
            loop
            local.get $a
            local.get $x
            i32x8.splat
            i32x8.add
            local.set $a
            local.get $n
            i32.push 1
            i32.sub
            local.tee $n
            jz middle
            local.get $a
            v256.any_true
            jnz again
        middle:
            local.get $rounds
            i32.push 1
            i32.add
            local.tee $rounds
            i32.push 6
            i32.gt_u
            jnz done
            i32.push 3
            local.set $n
            local.get $rounds
            local.get $x
            i32.xor
            i32.push 3
            i32.and
            br_table again done again other
        other:
            local.get $x
            i32.push 1
            i32.sub
            local.set $x
            jmp again
        done:
            local.get $a
            i32x8.extract_lane 5
            ret
        .end
        .func $catches (i32 $p, i32 $x, i32 $n) -> i32
            .local v256 $a
        again:
            loop
            local.get $a
            local.get $x
            i32x8.splat
            i32x8.add
            local.set $a
            local.get $n
            i32.push 1
            i32.sub
            local.tee $n
            jnz again
            local.get $x
            i32.eqz
            jnz done
            i32.push 7
            local.set $n
            local.get $x
            i32.push 1
            i32.sub
            local.set $x
            try catch $tag done
            throw $tag
            end_try
        done:
            local.get $a
            i32x8.extract_lane 5
            ret
        .end"#;
    let mut calls = Vec::new();
    for name in ["f", "jumps", "catches"] {
        for (p, q) in [(0, 0), (0, 1), (16, 3), (65480, 5), (0, 65500)] {
            for n in [1, 2, 3, 4, 9] {
                calls.push(i32s(name, [p, q, n]));
            }
        }
    }
    let outcomes = everywhere(text, &calls);
    expect![[r#"
        i32:32
        i32:64
        i32:96
        trap: out of bounds memory access at 0+0x16
        trap: out of bounds memory access at 0+0x16
        i32:32
        i32:64
        i32:96
        trap: out of bounds memory access at 0+0x16
        trap: out of bounds memory access at 0+0x16
        i32:48
        i32:80
        trap: out of bounds memory access at 0+0x16
        trap: out of bounds memory access at 0+0x16
        trap: out of bounds memory access at 0+0x16
        trap: out of bounds memory access at 0+0x16
        trap: out of bounds memory access at 0+0x16
        trap: out of bounds memory access at 0+0x16
        trap: out of bounds memory access at 0+0x16
        trap: out of bounds memory access at 0+0x16
        trap: out of bounds memory access at 0+0x7
        trap: out of bounds memory access at 0+0x7
        trap: out of bounds memory access at 0+0x7
        trap: out of bounds memory access at 0+0x7
        trap: out of bounds memory access at 0+0x7
        i32:0
        i32:0
        i32:0
        i32:0
        i32:0
        i32:-26
        i32:-21
        i32:-24
        i32:-21
        i32:-12
        i32:12
        i32:15
        i32:18
        i32:21
        i32:36
        i32:50
        i32:55
        i32:60
        i32:65
        i32:90
        i32:65500
        i32:131000
        i32:196500
        i32:262000
        i32:589500
        i32:0
        i32:0
        i32:0
        i32:0
        i32:0
        i32:1
        i32:2
        i32:3
        i32:4
        i32:9
        i32:3
        i32:6
        i32:9
        i32:12
        i32:27
        i32:5
        i32:10
        i32:15
        i32:20
        i32:45
        i32:65500
        i32:131000
        i32:196500
        i32:262000
        i32:589500
    "#]]
    .assert_eq(&summary(&outcomes));
}

/// Addresses that are sums: of a counter and what stays the same, with and without a local for them, of these and
/// constants. They go on at 0 behind 4 GiB, each for itself, unless an access reaches over the end; and loops are
/// left in the middle.
#[test]
fn sums_in_addresses() {
    let text = r#"
        .arch arch256
        .memory 65536
        .export "sums" func $sums
        .export "left" func $left
        .export "fill" func $fill
        ; Different bytes around 4 GiB and 0.
        .func $fill
            .local i32 $i
        again:
            loop
            local.get $i
            i32.push 2048
            i32.sub
            local.get $i
            i32.push 40503
            i32.mul
            i32.push 7
            i32.shr_u
            i32.store8
            local.get $i
            i32.push 1
            i32.add
            local.tee $i
            i32.push 4096
            i32.lt_u
            jnz again
            ret
        .end
        .func $sums (i32 $a, i32 $b, i32 $n) -> (i64, i32, i32)
            .local i32 $i
            .local i32 $p
            .local i32 $q
            .local v256 $sum
        again:
            loop
            local.get $a
            local.get $i
            i32.add
            local.tee $p
            v256.load
            local.get $p
            i32.push 32
            i32.add
            v256.load 8
            i32x8.add
            local.get $i
            local.get $b
            i32.add
            local.set $q
            local.get $q
            i32.push 96
            i32.add
            v256.load
            i32x8.sub
            local.get $q
            v256.load
            i32x8.add
            local.get $i
            i32.push 40
            i32.add
            v256.load
            i32x8.add
            local.get $sum
            i32x8.add
            local.set $sum
            local.get $i
            i32.push 32
            i32.add
            local.tee $i
            local.get $n
            i32.lt_u
            jnz again
            local.get $sum
            i64x4.reduce_add
            local.get $p
            local.get $q
            ret
        .end
        .func $left (i32 $a, i32 $n) -> (i32, i32, i32)
            .local i32 $i
            .local i32 $p
            .local v256 $v
        again:
            loop
            local.get $p
            i32.push 1234567
            i32.eq
            jnz out
            local.get $a
            local.get $i
            i32.add
            local.tee $p
            v256.load
            local.tee $v
            i8x32.bitmask
            i32.push 3
            i32.and
            i32.push 3
            i32.eq
            jnz out
            local.get $p
            i32.push 8
            i32.add
            v256.load 1
            i8x32.bitmask
            i32.push 255
            i32.and
            i32.push 255
            i32.eq
            jnz out
            local.get $i
            i32.push 1
            i32.add
            local.tee $i
            local.get $n
            i32.lt_u
            jnz again
        out:
            local.get $i
            local.get $p
            local.get $v
            i8x32.bitmask
            ret
        .end"#;
    let run = |jit: Jit| {
        let (mut store, instance) = instance(jit, text);
        let fill = instance.get_func(&mut store, "fill").expect("an export");
        fill.call(&mut store, &[]).expect("it fills");
        let sums = instance.get_func(&mut store, "sums").expect("an export");
        let left = instance.get_func(&mut store, "left").expect("an export");
        let mut results = String::new();
        for a in [0, 64, -32, -96, -128, -160, -500, -1024] {
            for n in [32, 64, 96, 128, 160, 288, 512] {
                for b in [0, -96, -200, -512] {
                    let args = [a, b, n].map(Val::I32);
                    let result = sums.call(&mut store, &args);
                    results += &format!("sums {a} {b} {n}: {result:?}\n");
                }
                let args = [a, n].map(Val::I32);
                let result = left.call(&mut store, &args);
                results += &format!("left {a} {n}: {result:?}\n");
            }
        }
        results
    };
    let results = run(Jit::Off);
    assert!(results.matches("Ok").count() > 100, "{results}");
    assert_eq!(results, run(Jit::Eager));
}
