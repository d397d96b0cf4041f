//! Traps in native code: the same ones at the same places as in the interpreter.

use dotvm::Val;
use dotvm::isa::types::PAGE_BYTES;
use expect_test::expect;

use crate::harness::{call, everywhere, summary};

/// Loads and stores, with the bytes they access.
const LOADS: [(&str, u64); 14] = [
    ("i32.load", 4),
    ("i64.load", 8),
    ("f32.load", 4),
    ("f64.load", 8),
    ("i32.load8_s", 1),
    ("i32.load8_u", 1),
    ("i32.load16_s", 2),
    ("i32.load16_u", 2),
    ("i64.load8_s", 1),
    ("i64.load8_u", 1),
    ("i64.load16_s", 2),
    ("i64.load16_u", 2),
    ("i64.load32_s", 4),
    ("i64.load32_u", 4),
];
const STORES: [(&str, u64); 9] = [
    ("i32.store", 4),
    ("i64.store", 8),
    ("f32.store", 4),
    ("f64.store", 8),
    ("i32.store8", 1),
    ("i32.store16", 2),
    ("i64.store8", 1),
    ("i64.store16", 2),
    ("i64.store32", 4),
];

/// Around the end of the memory, what the guard pages reach, and the end of the address space.
const OFFSETS: [u64; 8] = [
    0,
    1,
    65535,
    65536,
    0x7fff_ffbf,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
];
const ADDRESSES: [u32; 12] = [
    0,
    3,
    65528,
    65529,
    65532,
    65533,
    65535,
    65536,
    0x7fff_ffff,
    0x8000_0001,
    0xffff_fff8,
    0xffff_ffff,
];

#[test]
fn accesses_of_every_width_end_where_the_memory_does() {
    let mut text =
        ".memory 1\n.data at 65520 \"0123456789abcdef\"\n.export \"m\" memory 0\n".to_owned();
    let mut calls = Vec::new();
    let mut inside = Vec::new();
    let both = LOADS.iter().map(|load| (load, true));
    for (&(op, bytes), is_load) in both.chain(STORES.iter().map(|store| (store, false))) {
        for offset in OFFSETS {
            let name = format!("{op}_{offset}");
            let ty = &op[..3];
            text += &format!(".export \"{name}\" func ${name}\n.func ${name} (i32 $p) ");
            text += &match is_load {
                true => format!("-> {ty}\nnop\nlocal.get $p\n{op} {offset}\nret\n.end\n"),
                false => format!("\nlocal.get $p\n{ty}.push 7\n{op} {offset}\nret\n.end\n"),
            };
            for address in ADDRESSES {
                calls.push(call(&name, &[Val::I32(address.cast_signed())]));
                inside.push(u64::from(address) + offset + bytes <= PAGE_BYTES);
            }
        }
    }
    let outcomes = everywhere(&text, &calls);
    for ((outcome, call), inside) in outcomes[1..].iter().zip(&calls).zip(inside) {
        let trapped = outcome.end == "trap: out of bounds memory access";
        assert_eq!(trapped, !inside, "{call:?}: {outcome:?}");
        assert_eq!(outcome.place.len(), usize::from(trapped), "{outcome:?}");
    }
}

#[test]
fn checked_integers_stop_where_they_do_not_fit() {
    const VALUES: [i64; 12] = [
        0,
        1,
        -1,
        2,
        -7,
        3_037_000_499,
        3_037_000_500,
        -3_037_000_500,
        i64::MAX,
        i64::MAX - 1,
        i64::MIN,
        i64::MIN + 1,
    ];
    type Checked = fn(i64, i64) -> Option<i64>;
    let ops: [(&str, Checked); 3] = [
        ("add_checked", i64::checked_add),
        ("sub_checked", i64::checked_sub),
        ("mul_checked", i64::checked_mul),
    ];
    let (mut text, mut calls, mut expected) = (String::new(), Vec::new(), Vec::new());
    let mut function = |name: &str, params: &str, a: &str, b: &str, op: &str| {
        text += &format!(".export \"{name}\" func ${name}\n.func ${name} ({params}) -> i64\n");
        text += &format!("{a}\n{b}\ni64.{op}\nret\n.end\n");
    };
    for (op, checked) in ops {
        let (a, b) = ("local.get $a", "local.get $b");
        function(op, "i64 $a i64 $b", a, b, op);
        for (i, y) in VALUES.into_iter().enumerate() {
            // Constants have forms of their own.
            let constant = format!("i64.push {y}");
            let (left, right) = (format!("{op}_l{i}"), format!("{op}_r{i}"));
            function(&left, "i64 $b", &constant, b, op);
            function(&right, "i64 $a", a, &constant, op);
            for x in VALUES {
                calls.push(call(op, &[Val::I64(x), Val::I64(y)]));
                calls.push(call(&left, &[Val::I64(x)]));
                calls.push(call(&right, &[Val::I64(x)]));
                expected.extend([checked(x, y), checked(y, x), checked(x, y)]);
            }
        }
    }
    let outcomes = everywhere(&text, &calls);
    assert_eq!(outcomes.len(), expected.len() + 1);
    for ((outcome, call), expected) in outcomes[1..].iter().zip(&calls).zip(expected) {
        let end = match expected {
            Some(value) => format!("i64:{value}"),
            None => "trap: integer overflow".to_owned(),
        };
        assert_eq!(outcome.end, end, "{call:?}");
        let frames = usize::from(expected.is_none());
        assert_eq!(outcome.place.len(), frames, "{outcome:?}");
    }
}

#[test]
fn memory_that_grew_can_be_accessed() {
    let outcomes = everywhere(
        r#"
        .memory 1 4
        .export "grow" func $grow
        .func $grow (i32 $p) -> i64
            i32.push 1
            memory.grow 0
            pop
            local.get $p
            i64.push 5
            i64.store 8
            local.get $p
            i64.load 8
            memory.size 0
            i64.extend_i32
            i64.add
            ret
        .end"#,
        &[
            call("grow", &[Val::I32(65536)]),
            call("grow", &[Val::I32(3 * 65536 - 16)]),
            call("grow", &[Val::I32(4 * 65536 - 15)]),
            call("grow", &[Val::I32(4 * 65536 - 16)]),
            call("grow", &[Val::I32(4 * 65536 - 15)]),
        ],
    );
    expect![[r#"
        i64:7
        i64:8
        trap: out of bounds memory access at 0+0xa
        i64:9
        trap: out of bounds memory access at 0+0xa
    "#]]
    .assert_eq(&summary(&outcomes));
}

/// What is done with a loaded value, after `x` on the stack: the optimizer may make one machine
/// instruction of the load and what follows.
const USERS: [&str; 32] = [
    "local.get $p\n i32.load 8\n i32.add",
    "local.get $p\n i32.load 8\n i32.sub",
    "local.get $p\n i32.load 8\n i32.and",
    "local.get $p\n i32.load 8\n i32.or",
    "local.get $p\n i32.load 8\n i32.xor",
    "local.get $p\n i32.load 8\n i32.mul",
    "local.get $p\n i32.load 8\n i32.shl",
    "local.get $p\n i32.load 8\n i32.rotr",
    "local.get $p\n i32.load 8\n i32.div",
    "local.get $p\n i32.load 8\n i32.div_u",
    "local.get $p\n i32.load 8\n i32.mod",
    "local.get $p\n i32.load 8\n i32.mod_u",
    "local.get $p\n i32.load 8\n i32.eq",
    "local.get $p\n i32.load 8\n i32.lt",
    "local.get $p\n i32.load 8\n i32.ge_u",
    "local.get $p\n i32.load8_u 8\n i32.add",
    "local.get $p\n i32.load16_s 8\n i32.add",
    "local.get $p\n i32.load 8\n swap\n i32.sub",
    "local.get $p\n i32.load 8\n i32.push 5\n i32.add\n i32.xor",
    "local.get $p\n i32.load 8\n i32.push -1\n i32.xor\n i32.and",
    "local.get $p\n i32.load 8\n i32.push 0\n i32.sub\n i32.add",
    "local.get $p\n i32.load 8\n i32.eqz\n i32.add",
    "local.get $p\n i32.load 8\n i32.push 100\n i32.gt\n i32.add",
    "local.get $p\n i32.load 8\n i32.clz\n i32.add",
    "local.get $p\n i32.load 8\n i32.popcnt\n i32.add",
    "local.get $p\n i64.load 8\n i32.wrap_i64\n i32.add",
    "local.get $p\n i64.load 8\n i64.push 3\n i64.add\n i32.wrap_i64\n i32.add",
    "local.get $p\n f64.load 8\n f64.push 1.5\n f64.add\n i32.trunc_sat_f64\n i32.add",
    "local.get $p\n f32.load 8\n f32.sqrt\n f32.abs\n i32.trunc_f32\n i32.add",
    "dup\n local.get $p\n i32.load 8\n select",
    "local.get $p\n i32.load 8\n jz out\n i32.push 9\n i32.add\nout:",
    "local.get $p\n i32.load 8\n i32.push 7\n i32.lt\n jnz out\n i32.push 9\n i32.add\nout:",
];

#[test]
fn a_load_traps_where_it_is_whatever_uses_the_value() {
    let mut text = ".memory 1\n.export \"m\" memory 0\n".to_owned();
    let mut calls = Vec::new();
    for (i, user) in USERS.iter().enumerate() {
        text += &format!(
            ".export \"f{i}\" func $f{i}\n.func $f{i} (i32 $p, i32 $x) -> i32\n nop\n nop\n nop\n \
             local.get $x\n {user}\n ret\n.end\n"
        );
        // With a use far from the load, in the same block and after others.
        let far = user.replacen("local.get $p", "nop\n nop\n nop\n local.get $p", 1);
        text += &format!(
            ".export \"g{i}\" func $g{i}\n.func $g{i} (i32 $p, i32 $x) -> i32\n .local i32 $y\n \
             local.get $x\n i32.load 4\n local.set $y\n local.get $x\n {far}\n local.get $y\n \
             i32.add\n ret\n.end\n"
        );
        for name in ["f", "g"] {
            for p in [0, 65524, 65525, 65528, 65529, -1] {
                let args = [Val::I32(p), Val::I32(12)];
                calls.push(call(&format!("{name}{i}"), &args));
            }
        }
    }
    everywhere(&text, &calls);
}

#[test]
fn what_is_loaded_changed_and_stored_traps_at_the_load() {
    let mut text = ".memory 1\n.export \"m\" memory 0\n".to_owned();
    let mut calls = Vec::new();
    let mut number = 0;
    for ty in ["i32", "i64"] {
        for op in ["add", "sub", "and", "or", "xor"] {
            for (load, store) in [
                ("load", "store"),
                ("load8_u", "store8"),
                ("load16_u", "store16"),
            ] {
                for order in ["", "swap\n"] {
                    number += 1;
                    text += &format!(
                        ".export \"f{number}\" func $f{number}\n\
                         .func $f{number} (i32 $p, {ty} $x)\n nop\n local.get $p\n local.get $p\n \
                         {ty}.{load} 4\n local.get $x\n {order} {ty}.{op}\n {ty}.{store} 4\n ret\n.end\n"
                    );
                    let x = if ty == "i32" {
                        Val::I32(5)
                    } else {
                        Val::I64(5)
                    };
                    for p in [0, 65524, 65528, 65529, 65531, 65532, -1, i32::MIN] {
                        calls.push(call(&format!("f{number}"), &[Val::I32(p), x]));
                    }
                }
            }
        }
    }
    everywhere(&text, &calls);
}

#[test]
fn many_accesses_in_one_function() {
    // More than there are numbers to tell them apart by.
    let mut text =
        ".memory 1\n.export \"f\" func $f\n.func $f (i32 $p, i32 $x) -> i32\n".to_owned();
    text += " local.get $x\n";
    for i in 0..700 {
        text += &format!(" local.get $p\n i32.load {}\n i32.add\n", i * 90);
        if i % 7 == 0 {
            text += " local.get $p\n local.get $p\n i32.load 5\n local.get $x\n i32.add\n i32.store 5\n";
        }
    }
    text += " ret\n.end\n";
    let calls: Vec<_> = (0..80)
        .map(|i| call("f", &[Val::I32(i * 823), Val::I32(1)]))
        .collect();
    let outcomes = everywhere(&text, &calls);
    let places: std::collections::BTreeSet<&str> = outcomes[1..]
        .iter()
        .flat_map(|outcome| outcome.place.iter().map(String::as_str))
        .collect();
    assert!(places.len() > 60, "{places:?}");
}

#[test]
fn calls_through_a_table() {
    let outcomes = everywhere(
        r#"
        .memory 1
        .table $t funcref 6 10
        .elem funcref at 0 in $t ($one, $other, null, $calls)
        .export "call" func $calls
        .export "tail" func $tails
        .export "load" func $loads
        .func $one () -> i32
            i32.push 1
            ret
        .end
        .func $other (i32) -> i32
            i32.push 2
            ret
        .end
        .func $calls (i32 $i) -> i32
            nop
            local.get $i
            call_indirect () -> i32 $t
            i32.push 1
            i32.add
            ret
        .end
        .func $tails (i32 $i) -> i32
            local.get $i
            ret_call_indirect () -> i32 $t
        .end
        .func $loads (i32 $p) -> i32
            local.get $p
            i32.load 0
            call_indirect () -> i32 $t
            ret
        .end"#,
        &[0, 1, 2, 3, 5, 6, 9, 10, -1, i32::MIN]
            .iter()
            .flat_map(|&i| ["call", "tail", "load"].map(|name| call(name, &[Val::I32(i)])))
            .collect::<Vec<_>>(),
    );
    expect![[r#"
        i32:2
        i32:1
        i32:1
        trap: indirect call type mismatch at 2+0x4
        trap: indirect call type mismatch at 3+0x3
        i32:1
        trap: uninitialized element at 2+0x4
        trap: uninitialized element at 3+0x3
        i32:1
        trap: indirect call type mismatch at 2+0x4
        trap: indirect call type mismatch at 3+0x3
        i32:1
        trap: uninitialized element at 2+0x4
        trap: uninitialized element at 3+0x3
        i32:1
        trap: undefined element at 2+0x4
        trap: undefined element at 3+0x3
        i32:1
        trap: undefined element at 2+0x4
        trap: undefined element at 3+0x3
        i32:1
        trap: undefined element at 2+0x4
        trap: undefined element at 3+0x3
        i32:1
        trap: undefined element at 2+0x4
        trap: undefined element at 3+0x3
        trap: out of bounds memory access at 4+0x3
        trap: undefined element at 2+0x4
        trap: undefined element at 3+0x3
        trap: out of bounds memory access at 4+0x3
    "#]]
    .assert_eq(&summary(&outcomes));
}

#[test]
fn arithmetic() {
    let mut text = ".export \"unreachable\" func $unreachable\n\
                    .func $unreachable (i32 $x) -> i32\n local.get $x\n jz fine\n trap\nfine:\n \
                    i32.push 1\n ret\n.end\n"
        .to_owned();
    let mut calls = vec![
        call("unreachable", &[Val::I32(0)]),
        call("unreachable", &[Val::I32(1)]),
    ];
    for ty in ["i32", "i64"] {
        for op in ["div", "div_u", "mod", "mod_u"] {
            let name = format!("{ty}.{op}");
            text += &format!(
                ".export \"{name}\" func ${name}\n.func ${name} ({ty} $a, {ty} $b) -> {ty}\n nop\n \
                 local.get $a\n local.get $b\n {name}\n ret\n.end\n"
            );
            // Constants are checked when the code is made.
            for (i, constant) in ["0", "-1", "1", "7"].iter().enumerate() {
                text += &format!(
                    ".export \"{name}{i}\" func ${name}{i}\n.func ${name}{i} ({ty} $a, {ty} $b) -> {ty}\n \
                     nop\n local.get $a\n {ty}.push {constant}\n {name}\n ret\n.end\n"
                );
            }
            for a in [0, 1, -1, 100, i64::MIN, i64::MAX, i64::from(i32::MIN)] {
                for b in [0, 1, -1, 7, i64::MIN, i64::from(i32::MIN)] {
                    let args = match ty {
                        "i32" => [Val::I32(a as i32), Val::I32(b as i32)],
                        _ => [Val::I64(a), Val::I64(b)],
                    };
                    calls.push(call(&name, &args));
                    calls.extend((0..4).map(|i| call(&format!("{name}{i}"), &args)));
                }
            }
        }
    }
    everywhere(&text, &calls);
}

#[test]
fn conversions() {
    let mut text = String::new();
    let mut calls = Vec::new();
    for to in ["i32", "i64"] {
        for sign in ["", "_u"] {
            for (from, bits) in [("f32", 32), ("f64", 64)] {
                for kind in ["trunc", "trunc_sat"] {
                    let name = format!("{to}.{kind}_{from}{sign}");
                    text += &format!(
                        ".export \"{name}\" func ${name}\n.func ${name} ({from} $x) -> {to}\n nop\n \
                         local.get $x\n {name}\n ret\n.end\n"
                    );
                    for exponent in [31, 32, 63, 64] {
                        let limit = 2f64.powi(exponent);
                        for x in [limit, -limit, limit - 1.0, -limit - 1.0, limit * 1.0000002] {
                            calls.push(call(&name, &[float(bits, x)]));
                        }
                    }
                    let special = [
                        0.0,
                        -0.0,
                        -0.5,
                        -0.99999,
                        -1.0,
                        1e300,
                        f64::INFINITY,
                        f64::NEG_INFINITY,
                        f64::NAN,
                        -f64::NAN,
                        f64::MIN_POSITIVE,
                        2147483647.9,
                        -2147483648.9,
                    ];
                    calls.extend(special.iter().map(|&x| call(&name, &[float(bits, x)])));
                }
            }
        }
    }
    everywhere(&text, &calls);
}

fn float(bits: u32, x: f64) -> Val {
    match bits {
        32 => Val::F32((x as f32).to_bits()),
        _ => Val::F64(x.to_bits()),
    }
}

#[test]
fn bulk_operations_and_the_heap() {
    let outcomes = everywhere(
        r#"
        .memory 1 3
        .table $t funcref 4 6
        .data passive "abcdef"
        .elem funcref passive ($f, $f)
        .export "fill" func $fill
        .export "copy" func $copy
        .export "init" func $init
        .export "drop" func $drop
        .export "table" func $table
        .export "grow" func $grow
        .export "free" func $free
        .export "m" memory 0
        .export "t" table $t
        .func $f
            ret
        .end
        .func $fill (i32 $a, i32 $n)
            nop
            local.get $a
            i32.push 9
            local.get $n
            memory.fill 0
            ret
        .end
        .func $copy (i32 $a, i32 $n)
            i32.push 0
            local.get $a
            local.get $n
            memory.copy 0 0
            ret
        .end
        .func $init (i32 $a, i32 $n)
            i32.push 0
            local.get $a
            local.get $n
            memory.init 0 0
            ret
        .end
        .func $drop (i32 $a, i32 $n)
            data.drop 0
            elem.drop 0
            ret
        .end
        .func $table (i32 $a, i32 $n)
            local.get $a
            i32.push 0
            local.get $n
            table.init 0 $t
            local.get $a
            local.get $a
            table.get $t
            table.set $t
            i32.push 3
            local.get $a
            local.get $n
            table.copy $t $t
            local.get $a
            ref.null funcref
            local.get $n
            table.fill $t
            ret
        .end
        .func $grow (i32 $a, i32 $n)
            local.get $a
            memory.grow 0
            global.set $last
            ref.null funcref
            local.get $n
            table.grow $t
            pop
            ret
        .end
        .global $last mut i32 = 5
        .export "last" global $last
        .func $free (i32 $a, i32 $n)
            .local i32 $p
            local.get $n
            alloc
            local.tee $p
            free
            local.get $p
            local.get $a
            i32.add
            free
            ret
        .end"#,
        &[
            (0, 0),
            (0, 2),
            (3, 1),
            (65535, 1),
            (65535, 2),
            (65536, 0),
            (65537, 0),
            (-1, -1),
            (1, 1),
            (2, 2),
        ]
        .iter()
        .flat_map(|&(a, n)| {
            ["fill", "copy", "init", "table", "grow", "free"]
                .map(|name| call(name, &[Val::I32(a), Val::I32(n)]))
        })
        .chain(["drop", "init", "table"].map(|name| call(name, &[Val::I32(0), Val::I32(1)])))
        .collect::<Vec<_>>(),
    );
    expect![[r#"





        trap: free of an address that is not allocated at 7+0x10



        trap: out of bounds table access at 5+0x1b

        trap: free of an address that is not allocated at 7+0x10





        trap: free of an address that is not allocated at 7+0x10

    "#]]
    .assert_eq(&summary(&outcomes[..20]));
}

#[test]
fn which_nan_comes_out() {
    let ops = ["add", "sub", "mul", "div", "min", "max", "copysign", "mod"];
    let unary = ["ceil", "floor", "trunc", "nearest", "sqrt", "abs", "neg"];
    let mut text = ".memory 1\n.export \"m\" memory 0\n".to_owned();
    let mut calls = Vec::new();
    for (ty, bits) in [("f32", 32), ("f64", 64)] {
        let int = format!("i{bits}");
        let mut names = Vec::new();
        // In each form, the first operand and the second one come from a register or from memory.
        let operand = |name: &str, at: u32, loaded: bool| match loaded {
            true => format!("local.get $p\n {ty}.load {at}\n"),
            false => format!("local.get {name}\n {ty}.reinterpret_{int}\n"),
        };
        let binary = ops
            .iter()
            .flat_map(|op| (0..4).map(move |form| (op, form, 2)));
        let unary = unary
            .iter()
            .flat_map(|op| (0..2).map(move |form| (op, form, 1)));
        for (op, form, arity) in binary.chain(unary) {
            let name = format!("{ty}.{op}{form}");
            let a = operand("$a", 0, form & 1 != 0);
            let b = match arity {
                2 => operand("$b", 8, form & 2 != 0),
                _ => String::new(),
            };
            text += &format!(
                ".export \"{name}\" func ${name}\n\
                 .func ${name} ({int} $a, {int} $b) -> {int}\n .local i32 $p\n \
                 local.get $p\n local.get $a\n {int}.store 0\n \
                 local.get $p\n local.get $b\n {int}.store 8\n nop\n \
                 call $nothing\n {a} {b} {ty}.{op}\n {int}.reinterpret_{ty}\n ret\n.end\n"
            );
            names.push(name);
        }
        let (one, inf) = match bits {
            32 => (0x3f80_0000u64, 0x7f80_0000u64),
            _ => (0x3ff0_0000_0000_0000, 0x7ff0_0000_0000_0000),
        };
        let sign = 1u64 << (bits - 1);
        let quiet = inf | inf >> 1;
        let values = [
            one,
            inf,
            inf | sign,
            quiet | 5,
            quiet | 9 | sign,
            inf | 3,
            inf | 17 | sign,
        ];
        for name in &names {
            for a in values {
                for b in values {
                    let args = match bits {
                        32 => [a, b].map(|x| Val::I32((x as u32).cast_signed())),
                        _ => [a, b].map(|x| Val::I64(x.cast_signed())),
                    };
                    calls.push(call(name, &args));
                }
            }
        }
    }
    // The loads must not see what was stored before them.
    text += ".func $nothing\n .local i32 $i\nagain:\n loop\n local.get $i\n i32.push 1\n i32.add\n \
             local.tee $i\n i32.push 2\n i32.lt_u\n jnz again\n ret\n.end\n";
    everywhere(&text, &calls);
}
