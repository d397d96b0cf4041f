//! Vectors of 256 and 512 bits: every operation against another implementation, what happens at the ends of
//! ranges and memories.

use dotvm::{Val, ValType};
use dotvm_tests::differential::Call;
use dotvm_tests::fuzzing::Random;
use dotvm_tests::operations::Operation;
use dotvm_tests::vectors::{check, loaded, loads, operations};
use expect_test::expect;

use crate::harness::{call, everywhere, summary};

/// Cases of each operation.
const CASES: usize = 400;

#[track_caller]
fn check_width(vector: ValType) {
    let operations: Vec<Operation> = operations(vector).collect();
    let mut checked = 0;
    check(
        &operations,
        CASES,
        u64::from(vector.bits()),
        |op, counts| {
            assert!(counts.cases >= CASES as u64, "{}: {counts:?}", op.mnemonic);
            checked += 1;
        },
    );
    assert_eq!(checked, operations.len());
}

#[test]
fn operations_of_256_bits_are_right() {
    check_width(ValType::V256);
}

#[test]
fn operations_of_512_bits_are_right() {
    check_width(ValType::V512);
}

/// Every load and gather, against the reference.
#[test]
fn loads_are_right() {
    const BYTES: usize = 200;
    let mut random = Random(0);
    let memory: [u8; BYTES] = std::array::from_fn(|_| random.next_u64() as u8);
    let data: String = memory.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let mut text =
        format!(".arch arch512\n.memory {BYTES} {BYTES} page 1\n.data at 0 \"{data}\"\n");
    let mut calls = Vec::new();
    let mut wanted = Vec::new();
    for ty in [ValType::V256, ValType::V512] {
        for op in loads(ty) {
            let name = op.mnemonic;
            let is_gather = name.ends_with("gather");
            let lanes = if is_gather { " local.get $lanes\n" } else { "" };
            text += &format!(
                ".export \"{name}\" func $\"{name}\"\n.func $\"{name}\" (i32 $at, {ty} $lanes) -> {ty}\n \
                 local.get $at\n{lanes} {name} 3\n ret\n.end\n"
            );
            for _ in 0..20 {
                let at = random.below(BYTES - 3 - 127);
                // All of them are in the memory, as 16 lanes of 64 bits or 32 of 32 bits.
                let lanes = std::array::from_fn(|_| match name.starts_with("i32") {
                    true => random.next_u64() & 0x1f_0000_001f,
                    false => random.next_u64() & 0xf,
                });
                let vector = |slots: [u64; 8]| match ty {
                    ValType::V256 => Val::V256(std::array::from_fn(|i| slots[i])),
                    _ => Val::V512(slots),
                };
                calls.push(call(name, &[Val::I32(at as i32), vector(lanes)]));
                let slots = ty.slots() as usize;
                let mut result = loaded(op, &memory[at + 3..], &lanes[..slots]);
                result.resize(8, 0);
                let result = result.try_into().expect("8 slots");
                wanted.push(format!("{:?}", vector(result)));
            }
        }
    }
    let outcomes = everywhere(&text, &calls);
    for ((outcome, wanted), call) in outcomes[1..].iter().zip(wanted).zip(&calls) {
        assert_eq!(outcome.end, wanted, "{call:?}");
    }
}

/// What comes of instructions, a line each; the same in all tiers. With each are the result's type or, of a
/// vector, the shape in which to print it.
#[track_caller]
fn results(cases: &[(&str, &str)]) -> String {
    let mut text = ".arch arch512\n.memory 1 1\n.data at 0 \"0123456789abcdef\"\n".to_owned();
    let mut calls = Vec::new();
    for (i, (shape, code)) in cases.iter().enumerate() {
        let ty = match lanes_of(shape) {
            Some((bits, count)) => format!("v{}", bits * count),
            None => (*shape).to_owned(),
        };
        let code = code.replace(", ", "\n ");
        text +=
            &format!(".export \"f{i}\" func $f{i}\n.func $f{i} () -> {ty}\n {code}\n ret\n.end\n");
        calls.push(call(&format!("f{i}"), &[]));
    }
    let ends = summary(&everywhere(&text, &calls));
    let lines = cases.iter().zip(ends.lines());
    lines
        .map(|((shape, code), end)| format!("{code}\n    {}\n", in_lanes(shape, end)))
        .collect()
}

/// Bits of a lane and how many there are.
fn lanes_of(shape: &str) -> Option<(u32, u32)> {
    let (lane, count) = shape.split_once('x')?;
    Some((lane[1..].parse().ok()?, count.parse().ok()?))
}

/// The end of a call; where that is a vector, with its lanes instead of its slots.
fn in_lanes(shape: &str, end: &str) -> String {
    let (Some((bits, _)), Some((_, slots))) = (lanes_of(shape), end.split_once("([")) else {
        return end.to_owned();
    };
    let slots = slots.trim_end_matches("])").split(", ");
    let slots = slots.map(|slot| slot.parse::<u64>().expect("a slot"));
    let lanes = slots.flat_map(|slot| (0..64 / bits).map(move |i| slot << (64 - bits * (i + 1))));
    let lanes = lanes.map(|lane| {
        let number = lane.cast_signed() >> (64 - bits);
        match (shape.starts_with('f'), bits) {
            (true, 32) => format!(" {:?}", f32::from_bits(number as u32)),
            (true, _) => format!(" {:?}", f64::from_bits(lane)),
            _ => format!(" {number}"),
        }
    });
    format!("{shape}{}", lanes.collect::<String>())
}

#[test]
fn corner_cases() {
    expect![[r#"
        v256.push i16x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 300, v256.push i16x16 -1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 -300, i8x32.narrow_i16x16
            i8x32 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 127 -1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 -128
        v256.push i8x32 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 -1, i16x16.extend_high_i8x32
            i16x16 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 -1
        v256.push f64x4 1.5 1e300 -0 nan, f32x8.demote_f64x4_zero
            f32x8 1.5 inf -0.0 NaN 0.0 0.0 0.0 0.0
        v256.push f64x4 -1.5 3e9 nan 7.9, i32x8.trunc_sat_f64x4_u_zero
            i32x8 0 -1294967296 0 7 0 0 0 0
        i32.push 1, i8x32.splat, i32.push 9, i8x32.shl
            i8x32 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2
        v256.push i8x32 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41, v256.push i8x32 31 32 33 0 255 128 16 15 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0, i8x32.swizzle
            i8x32 41 0 0 10 0 0 26 25 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10
        v256.push i32x8 0 1 2 3 4 5 6 7, v256.push i32x8 8 9 10 11 12 13 14 15, v256.push i32x8 15 16 17 -1 8 7 0 0x80000003, i32x8.shuffle
            i32x8 15 0 1 15 8 7 0 3
        v256.push f32x8 1e8 1 2 3 -1e8 4 5 6, f32x8.reduce_add
            f32:0x41a80000
        v512.push f64x8 1e300 1e300 1 1 -1e300 -1e300 2 2, f64x8.reduce_add
            f64:0x4018000000000000
        v256.push f32x8 0 0 0 0 0 0 -0 1, f32x8.reduce_min
            f32:0x80000000
        i32.push 255, i8x32.splat, i8x32.reduce_add
            i32:-32
        i32.push 128, i8x32.splat, i8x32.reduce_max_u
            i32:128
        i32.push 128, i8x32.splat, i8x32.reduce_max
            i32:-128
        i32.push -1, i8x32.splat, i8x32.bitmask
            i32:-1
        i32.push -1, i8x64.splat, i32.push 0, i8x64.replace_lane 62, i8x64.bitmask
            i64:-4611686018427387905
        i32.push -1, i8x64.splat, i32.push 0, i8x64.replace_lane 63, i8x64.all_true
            i32:0
        f32.push 1.00000012, f32x8.splat, dup, f32.push -1.00000024, f32x8.splat, f32x8.fma
            f32x8 1.4210855e-14 1.4210855e-14 1.4210855e-14 1.4210855e-14 1.4210855e-14 1.4210855e-14 1.4210855e-14 1.4210855e-14
        i64.push 1, i64.push 2, i64.push 3, i64.push 4, i64.push 5, i64.push 6, i64.push 7, i64.push 8, v512.from_limbs
            i64x8 1 2 3 4 5 6 7 8
        i64.push 1, i64.push 2, i64.push 3, i64.push 4, i64.push 5, i64.push 6, i64.push 7, i64.push 8, v512.from_limbs, v256.part_v512 1
            i64x4 5 6 7 8
        v128.push 1, v128.push 2, v256.from_parts, v128.part_v256 1, i64x2.extract_lane 0
            i64:2
        i32.push 0, v256.load8x16
            i16x16 48 49 50 51 52 53 54 55 56 57 97 98 99 100 101 102
        i32.push 12, v512.load32_splat
            i32x16 1717920867 1717920867 1717920867 1717920867 1717920867 1717920867 1717920867 1717920867 1717920867 1717920867 1717920867 1717920867 1717920867 1717920867 1717920867 1717920867
        i32.push 65472, v512.load
            i64x8 0 0 0 0 0 0 0 0
        i32.push 65473, v512.load
            trap: out of bounds memory access at 23+0x5
        i32.push 65505, v256.load
            trap: out of bounds memory access at 24+0x5
        i32.push -1, v256.load8_splat 4294967295
            trap: out of bounds memory access at 25+0x3
        i32.push 4, v256.push i32x8 0 1 2 3 2 1 0 2, i32x8.gather 0
            i32x8 926299444 1650538808 1717920867 0 1717920867 1650538808 926299444 1717920867
        i32.push 4, v256.push i32x8 0 1 2 3 2 1 0 16382, i32x8.gather 0
            i32x8 926299444 1650538808 1717920867 0 1717920867 1650538808 926299444 0
        i32.push 4, v256.push i32x8 0 1 2 3 2 1 0 16383, i32x8.gather 0
            trap: out of bounds memory access at 28+0x25
        i32.push 0, v256.push i32x8 0 1 2 3 2 1 0 -1, i32x8.gather 4
            trap: out of bounds memory access at 29+0x25
        i32.push 65536, v256.push 0, i64x4.gather
            trap: out of bounds memory access at 30+0x27
        i32.push -1, v256.push 0, i64x4.gather
            trap: out of bounds memory access at 31+0x25
        i32.push 1, v256.push i64x4 0 8191 0 0, i64x4.gather
            trap: out of bounds memory access at 32+0x25
        i32.push 1, v256.push i64x4 0 8190 0 0, i64x4.gather
            i64x4 4050765991979987505 0 4050765991979987505 4050765991979987505
        i32.push 0, v256.push i64x4 0x2000000000000000 0 0 0, i64x4.gather
            trap: out of bounds memory access at 34+0x25
    "#]]
    .assert_eq(&results(
        &[
            // Lanes keep their order over the whole vector.
            ("i8x32", "v256.push i16x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 300, v256.push i16x16 -1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 -300, i8x32.narrow_i16x16"),
            ("i16x16", "v256.push i8x32 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 -1, i16x16.extend_high_i8x32"),
            ("f32x8", "v256.push f64x4 1.5 1e300 -0 nan, f32x8.demote_f64x4_zero"),
            ("i32x8", "v256.push f64x4 -1.5 3e9 nan 7.9, i32x8.trunc_sat_f64x4_u_zero"),
            // Counts of shifts are taken modulo the lane's width.
            ("i8x32", "i32.push 1, i8x32.splat, i32.push 9, i8x32.shl"),
            // Numbers of lanes: 0 beyond the end, or modulo what there is.
            ("i8x32", "v256.push i8x32 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41, v256.push i8x32 31 32 33 0 255 128 16 15 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0, i8x32.swizzle"),
            ("i32x8", "v256.push i32x8 0 1 2 3 4 5 6 7, v256.push i32x8 8 9 10 11 12 13 14 15, v256.push i32x8 15 16 17 -1 8 7 0 0x80000003, i32x8.shuffle"),
            // Sums of floats have an order, of integers they wrap.
            ("f32", "v256.push f32x8 1e8 1 2 3 -1e8 4 5 6, f32x8.reduce_add"),
            ("f64", "v512.push f64x8 1e300 1e300 1 1 -1e300 -1e300 2 2, f64x8.reduce_add"),
            ("f32", "v256.push f32x8 0 0 0 0 0 0 -0 1, f32x8.reduce_min"),
            ("i32", "i32.push 255, i8x32.splat, i8x32.reduce_add"),
            ("i32", "i32.push 128, i8x32.splat, i8x32.reduce_max_u"),
            ("i32", "i32.push 128, i8x32.splat, i8x32.reduce_max"),
            // Masks: up to 32 lanes are bits of an i32, 64 lanes those of an i64.
            ("i32", "i32.push -1, i8x32.splat, i8x32.bitmask"),
            ("i64", "i32.push -1, i8x64.splat, i32.push 0, i8x64.replace_lane 62, i8x64.bitmask"),
            ("i32", "i32.push -1, i8x64.splat, i32.push 0, i8x64.replace_lane 63, i8x64.all_true"),
            // Rounded once.
            ("f32x8", "f32.push 1.00000012, f32x8.splat, dup, f32.push -1.00000024, f32x8.splat, f32x8.fma"),
            ("i64x8", "i64.push 1, i64.push 2, i64.push 3, i64.push 4, i64.push 5, i64.push 6, i64.push 7, i64.push 8, v512.from_limbs"),
            ("i64x4", "i64.push 1, i64.push 2, i64.push 3, i64.push 4, i64.push 5, i64.push 6, i64.push 7, i64.push 8, v512.from_limbs, v256.part_v512 1"),
            ("i64", "v128.push 1, v128.push 2, v256.from_parts, v128.part_v256 1, i64x2.extract_lane 0"),
            // Memory.
            ("i16x16", "i32.push 0, v256.load8x16"),
            ("i32x16", "i32.push 12, v512.load32_splat"),
            ("i64x8", "i32.push 65472, v512.load"),
            ("i64x8", "i32.push 65473, v512.load"),
            ("i64x4", "i32.push 65505, v256.load"),
            ("i8x32", "i32.push -1, v256.load8_splat 4294967295"),
            ("i32x8", "i32.push 4, v256.push i32x8 0 1 2 3 2 1 0 2, i32x8.gather 0"),
            ("i32x8", "i32.push 4, v256.push i32x8 0 1 2 3 2 1 0 16382, i32x8.gather 0"),
            ("i32x8", "i32.push 4, v256.push i32x8 0 1 2 3 2 1 0 16383, i32x8.gather 0"),
            ("i32x8", "i32.push 0, v256.push i32x8 0 1 2 3 2 1 0 -1, i32x8.gather 4"),
            ("i64x4", "i32.push 65536, v256.push 0, i64x4.gather"),
            ("i64x4", "i32.push -1, v256.push 0, i64x4.gather"),
            ("i64x4", "i32.push 1, v256.push i64x4 0 8191 0 0, i64x4.gather"),
            ("i64x4", "i32.push 1, v256.push i64x4 0 8190 0 0, i64x4.gather"),
            ("i64x4", "i32.push 0, v256.push i64x4 0x2000000000000000 0 0 0, i64x4.gather"),
        ],
    ));
}

/// Addresses of 64 bits do not wrap, and neither do lanes that are added to them.
#[test]
fn gathers_from_other_memories() {
    let mut text = ".arch arch256\n.memory 1\n.memory i64 1 1\n.memory 1001 1001 page 1\n\
                    .data at (i64.push 65528) in 1 \"abcdefgh\"\n"
        .to_owned();
    let mut calls = Vec::new();
    let mut inside = Vec::new();
    for (op, bytes, memory, address, size) in [
        ("i32x8", 4, 1, "i64", 1 << 16),
        ("i64x4", 8, 1, "i64", 1 << 16),
        ("i32x8", 4, 2, "i32", 1001),
        ("i64x4", 8, 2, "i32", 1001),
    ] {
        for offset in [0u32, 8, u32::MAX] {
            let name = format!("{op} {memory} {offset}");
            text += &format!(
                ".export \"{name}\" func $\"{name}\"\n.func $\"{name}\" ({address}, v256) -> v256\n \
                 local.get 0\n local.get 1\n {op}.gather {offset} memory {memory}\n ret\n.end\n"
            );
            for base in [0, 65528, 65529, 1001, 993, 992, -8i64, -1, i64::MIN] {
                for lane in [0, 1, 8190, 8191, 1 << 61, u64::MAX] {
                    let (arg, base) = match address {
                        "i64" => (Val::I64(base), base.cast_unsigned()),
                        _ => (Val::I32(base as i32), u64::from(base as u32)),
                    };
                    calls.push(call(&name, &[arg, Val::V256([0, lane, 0, lane])]));
                    let numbers = match bytes {
                        4 => [lane & 0xffff_ffff, lane >> 32],
                        _ => [lane, 0],
                    };
                    let place = u128::from(base) + u128::from(offset);
                    let end = |number| place + bytes * u128::from(number) + bytes;
                    inside.push(numbers.into_iter().all(|number| end(number) <= size));
                }
            }
        }
    }
    let outcomes = everywhere(&text, &calls);
    for ((outcome, inside), call) in outcomes[1..].iter().zip(inside).zip(&calls) {
        assert_eq!(!outcome.end.starts_with("trap"), inside, "{call:?}");
    }
}

/// A store that traps leaves alone what it would have written inside of the memory.
#[test]
fn stores_write_everything_or_nothing() {
    for (ty, value) in [
        ("v256", Val::V256([u64::MAX; 4])),
        ("v512", Val::V512([u64::MAX; 8])),
    ] {
        for (memory, address, size) in [
            ("1 1", "i32", 1 << 16),
            ("i64 1 1", "i64", 1 << 16),
            ("1001 1001 page 1", "i32", 1001),
        ] {
            let text = format!(
                ".arch arch512\n.memory {memory}\n.export \"memory\" memory 0\n\
                 .export \"store\" func $store\n.func $store ({address} $at, {ty} $value)\n \
                 local.get $at\n local.get $value\n {ty}.store 3\n ret\n.end\n"
            );
            let bytes = value.ty().bits() as i32 / 8;
            // One byte inside, then two, and in the end all of them.
            let calls: Vec<Call> = (1..=bytes)
                .map(|inside| {
                    let at = size - inside - 3;
                    let at = match address {
                        "i64" => Val::I64(at.into()),
                        _ => Val::I32(at),
                    };
                    call("store", &[at, value])
                })
                .collect();
            let outcomes = everywhere(&text, &calls);
            let (stored, trapped) = outcomes.split_last().expect("there are calls");
            for outcome in &trapped[1..] {
                assert_eq!(outcome.state, trapped[0].state, "{ty} in {memory}");
                assert_eq!(outcome.end, "trap: out of bounds memory access");
            }
            assert_ne!(stored.state, trapped[0].state, "{ty} in {memory}");
        }
    }
}
