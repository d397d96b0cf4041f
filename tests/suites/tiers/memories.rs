//! Memories besides the usual one: further ones, those of 64-bit addresses, those of small pages.

use dotvm::Val;
use expect_test::expect;

use crate::harness::{call, everywhere, summary};

/// Loads and stores of every width, with the type of the value and the bytes they access.
const LOADS: [(&str, &str, u64); 10] = [
    ("i64.load", "i64", 8),
    ("f32.load", "f32", 4),
    ("i32.load16_s", "i32", 2),
    ("i64.load8_u", "i64", 1),
    ("v128.load", "v128", 16),
    ("v128.load32_splat", "v128", 4),
    ("v128.load16_lane", "v128", 2),
    ("v256.load", "v256", 32),
    ("v256.load16x8_u", "v256", 16),
    ("v512.load64_splat", "v512", 8),
];
const STORES: [(&str, &str, u64); 7] = [
    ("f64.store", "f64", 8),
    ("i64.store32", "i64", 4),
    ("i64.store16", "i64", 2),
    ("i32.store8", "i32", 1),
    ("v128.store", "v128", 16),
    ("v128.store64_lane", "v128", 8),
    ("v512.store", "v512", 64),
];

/// Declarations of a memory of that index with that many bytes, and whether its addresses are wide.
const MEMORIES: [(&str, u32, u64, bool); 6] = [
    (".memory 1\n.memory 1", 1, 1 << 16, false),
    (
        ".memory 1 1\n.memory 0\n.memory 0 0\n.memory 999 1000 page 1",
        3,
        999,
        false,
    ),
    (".memory 65537 page 1", 0, (1 << 16) + 1, false),
    (".memory i64 1", 0, 1 << 16, true),
    (".memory 1\n.memory i64 2 2", 1, 2 << 16, true),
    (".memory i64 1001 page 1", 0, 1001, true),
];

#[test]
fn accesses_end_where_the_memory_does() {
    for (memories, memory, size, wide) in MEMORIES {
        let last = if wide { u64::MAX } else { u64::from(u32::MAX) };
        let address = if wide { "i64" } else { "i32" };
        let near = |at: u64| [64, 32, 16, 8, 7, 4, 1, 0].map(|below| at - below);
        let offsets = [0, 1, size, (1 << 31) - 64, 1 << 31, last];
        let addresses = [
            near(size).as_slice(),
            &[0, 1 << 31, last - 8, last - 1, last],
        ]
        .concat();
        let mut text = format!(".arch arch512\n{memories}\n.export \"m\" memory {memory}\n");
        let mut calls = Vec::new();
        let mut inside = Vec::new();
        let both = LOADS.iter().map(|load| (load, true));
        for (&(op, ty, bytes), is_load) in both.chain(STORES.iter().map(|store| (store, false))) {
            for offset in offsets {
                let name = format!("{op}_{offset}");
                let lane = if op.ends_with("_lane") { " 1" } else { "" };
                let access = format!("{op} {offset}{lane} memory {memory}\nret\n.end\n");
                let vector = if lane.is_empty() { "" } else { "v128.push 0\n" };
                text += &format!(".export \"{name}\" func ${name}\n.func ${name} ({address} $p) ");
                text += &match is_load {
                    true => format!("-> {ty}\nlocal.get $p\n{vector}{access}"),
                    false => format!("\nlocal.get $p\n{ty}.push 7\n{access}"),
                };
                for &address in &addresses {
                    let arg = match wide {
                        true => Val::I64(address.cast_signed()),
                        false => Val::I32((address as u32).cast_signed()),
                    };
                    calls.push(call(&name, &[arg]));
                    let end = u128::from(address) + u128::from(offset) + u128::from(bytes);
                    inside.push(end <= u128::from(size));
                }
            }
        }
        let outcomes = everywhere(&text, &calls);
        for ((outcome, call), inside) in outcomes[1..].iter().zip(&calls).zip(inside) {
            let trapped = outcome.end == "trap: out of bounds memory access";
            assert_eq!(trapped, !inside, "{memories}: {call:?}: {outcome:?}");
            assert_eq!(outcome.place.len(), usize::from(trapped), "{outcome:?}");
        }
    }
}

#[test]
fn every_memory_grows_by_itself() {
    let outcomes = everywhere(
        r#"
        .memory 1 2
        .memory i64 1 3
        .memory 5 7 page 1
        .export "memory one" memory 0
        .export "memory two" memory 1
        .export "memory three" memory 2
        .export "a" func $a
        .export "b" func $b
        .export "c" func $c
        .export "end" func $end
        .export "sizes" func $sizes
        .func $a (i32 $n) -> i32
            local.get $n
            memory.grow 0
            ret
        .end
        .func $b (i64 $n) -> i64
            local.get $n
            memory.grow 1
            ret
        .end
        .func $c (i32 $n) -> i32
            local.get $n
            memory.grow 2
            ret
        .end
        .func $end (i32 $at)
            local.get $at
            i32.push 1
            i32.store8 memory 2
            ret
        .end
        .func $sizes () -> (i32, i64, i32)
            memory.size 0
            memory.size 1
            memory.size 2
            ret
        .end"#,
        &[
            call("sizes", &[]),
            call("a", &[Val::I32(1)]),
            call("a", &[Val::I32(1)]),
            call("b", &[Val::I64(3)]),
            call("b", &[Val::I64(-1)]),
            call("b", &[Val::I64(2)]),
            call("end", &[Val::I32(5)]),
            call("c", &[Val::I32(1)]),
            call("end", &[Val::I32(5)]),
            call("end", &[Val::I32(6)]),
            call("c", &[Val::I32(2)]),
            call("sizes", &[]),
        ],
    );
    expect![[r#"
        i32:1 i64:1 i32:5
        i32:1
        i32:-1
        i64:-1
        i64:-1
        i64:1
        trap: out of bounds memory access at 3+0x5
        i32:5

        trap: out of bounds memory access at 3+0x5
        i32:-1
        i32:2 i64:3 i32:6
    "#]]
    .assert_eq(&summary(&outcomes));
}

#[test]
fn bytes_go_from_one_memory_to_another() {
    let outcomes = everywhere(
        r#"
        .memory 1
        .memory i64 1
        .memory 8 page 1
        .data $text passive "abcdefgh"
        .data at 0 in 2 "01234567"
        .data at (i64.push 100) in 1 "xyz"
        .export "memory one" memory 0
        .export "memory two" memory 1
        .export "memory three" memory 2
        .export "copy" func $copy
        .export "back" func $back
        .export "fill" func $fill
        .export "init" func $init
        .export "within" func $within
        .export "at" func $at
        .func $copy (i64 $to, i32 $from, i32 $len)
            local.get $to
            local.get $from
            local.get $len
            memory.copy 1 2
            ret
        .end
        .func $back (i32 $to, i64 $from, i32 $len)
            local.get $to
            local.get $from
            local.get $len
            memory.copy 2 1
            ret
        .end
        .func $within (i64 $to, i64 $from, i64 $len)
            local.get $to
            local.get $from
            local.get $len
            memory.copy 1 1
            ret
        .end
        .func $fill (i64 $to, i32 $value, i64 $len)
            local.get $to
            local.get $value
            local.get $len
            memory.fill 1
            ret
        .end
        .func $init (i64 $to, i32 $from, i32 $len)
            local.get $to
            local.get $from
            local.get $len
            memory.init $text 1
            ret
        .end
        .func $at (i64 $p) -> i64
            local.get $p
            i64.load memory 1
            ret
        .end"#,
        &[
            call("at", &[Val::I64(96)]),
            call("copy", &[Val::I64(0), Val::I32(1), Val::I32(7)]),
            call("at", &[Val::I64(0)]),
            call("copy", &[Val::I64(0), Val::I32(1), Val::I32(8)]),
            call("copy", &[Val::I64(-1), Val::I32(0), Val::I32(1)]),
            call("copy", &[Val::I64(65536), Val::I32(8), Val::I32(0)]),
            call("back", &[Val::I32(0), Val::I64(100), Val::I32(3)]),
            call("back", &[Val::I32(0), Val::I64(1 << 32), Val::I32(0)]),
            call("copy", &[Val::I64(0), Val::I32(0), Val::I32(8)]),
            call("at", &[Val::I64(0)]),
            call("fill", &[Val::I64(2), Val::I32(0x155), Val::I64(3)]),
            call("at", &[Val::I64(0)]),
            call("fill", &[Val::I64(0), Val::I32(0), Val::I64(65537)]),
            call("fill", &[Val::I64(1), Val::I32(0), Val::I64(-1)]),
            call("init", &[Val::I64(65535), Val::I32(0), Val::I32(1)]),
            call("init", &[Val::I64(65535), Val::I32(0), Val::I32(2)]),
            call("within", &[Val::I64(1), Val::I64(0), Val::I64(7)]),
            call("at", &[Val::I64(0)]),
            call("within", &[Val::I64(1), Val::I64(-1), Val::I64(1)]),
        ],
    );
    expect![[r#"
        i64:34473503461736448

        i64:15540725856023089
        trap: out of bounds memory access at 0+0x7
        trap: out of bounds memory access at 0+0x7


        trap: out of bounds memory access at 1+0x7

        i64:3978425819146647928

        i64:3978425961448569208
        trap: out of bounds memory access at 3+0x7
        trap: out of bounds memory access at 3+0x7

        trap: out of bounds memory access at 4+0x7

        i64:3906122076808378488
        trap: out of bounds memory access at 2+0x7
    "#]]
    .assert_eq(&summary(&outcomes));
}
