//! Wide integers: every operation against other implementations, programs for words of any width.

use dotvm::{Linker, Store, Val, ValType};
use dotvm_tests::differential::{Call, engine, outcomes};
use dotvm_tests::operations::Operation;
use dotvm_tests::words::{check, operations};
use expect_test::expect;

use crate::harness::{call, everywhere, interpreted, load, native_ways, summary};

/// Cases of each operation.
const CASES: usize = 1500;

#[track_caller]
fn check_width(word: ValType) {
    let operations: Vec<Operation> = operations(word).collect();
    let mut checked = 0;
    check(&operations, CASES, u64::from(word.bits()), |op, counts| {
        assert!(counts.cases >= CASES as u64, "{}: {counts:?}", op.mnemonic);
        checked += 1;
    });
    assert_eq!(checked, operations.len());
}

#[test]
fn operations_of_128_bits_are_right() {
    check_width(ValType::I128);
}

#[test]
fn operations_of_256_bits_are_right() {
    check_width(ValType::I256);
}

#[test]
fn operations_of_512_bits_are_right() {
    check_width(ValType::I512);
}

/// Shifts by every constant there is, which native code makes moves of limbs of.
#[test]
fn shifts_by_every_constant_are_those_by_any_count() {
    for word in ["i128", "i256", "i512"] {
        let width = word[1..].parse::<u32>().expect("a width");
        let mut text = format!(".arch arch{width}\n");
        let mut calls = Vec::new();
        let counts: Vec<u32> = (0..width + 2).chain([u32::MAX]).collect();
        // Functions of a moderate size: compiling takes more than proportionally longer for longer ones.
        let pieces = counts.chunks(40).enumerate();
        let ops = ["shl", "shr", "shr_u", "rotl", "rotr"];
        for (op, (piece, counts)) in ops
            .iter()
            .flat_map(|op| pieces.clone().map(move |it| (op, it)))
        {
            let name = format!("{op}s_{piece}");
            text += &format!(
                ".export \"{name}\" func ${name}\n.func ${name} ({word} $a) -> i32\n .local i32 $differ\n"
            );
            for count in counts {
                text += &format!(
                    " local.get $a\n i32.push {count}\n {op}\n local.get $a\n local.get $differ\n \
                     i32.push {count}\n i32.or\n local.get $differ\n i32.xor\n {op}\n ne\n \
                     local.get $differ\n i32.or\n local.set $differ\n"
                );
            }
            text += " local.get $differ\n ret\n.end\n";
            let mut limbs = [0x8123_4567_89ab_cdef_u64; 8];
            for i in 1..8 {
                limbs[i] = limbs[i - 1].wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 << 63;
            }
            let value = match width {
                128 => Val::I128((u128::from(limbs[0]) << 64 | u128::from(limbs[1])).cast_signed()),
                256 => Val::I256([limbs[0], limbs[1], limbs[2], limbs[3]]),
                _ => Val::I512(limbs),
            };
            calls.push(call(&name, &[value]));
        }
        for way in [interpreted(false), native_ways(false)[0]] {
            let engine = engine(way);
            let ends = summary(&outcomes(&engine, &load(&engine, &text), &calls));
            assert_eq!(ends, "i32:0\n".repeat(calls.len()), "{word}, {way:?}");
        }
    }
}

/// A program in mnemonics that mean the word, whatever that is: digits of a square root, of a number that
/// fits 32 bits; a checksum of a multiplicative generator, by a modulus.
const GENERIC: &str = r#"
.memory 1
.export "root" func $root
.export "digits" func $digits
.export "store" func $store

.func $root (WORD $n) -> WORD
    .local WORD $low $high $middle
    push 65536
    local.set $high
again:
    loop
    local.get $low
    local.get $high
    add
    push 2
    div_u
    local.tee $middle
    local.get $low
    eq
    jnz done
    local.get $middle
    local.get $middle
    mul
    local.get $n
    gt_u
    jnz less
    local.get $middle
    local.set $low
    jmp again
less:
    local.get $middle
    local.set $high
    jmp again
done:
    local.get $low
    ret
.end

.func $digits (WORD $n) -> (WORD, WORD)
    .local WORD $sum $all
again:
    loop
    local.get $n
    push 10
    mod_u
    local.get $sum
    add
    local.set $sum
    local.get $all
    push 7
    xor
    push 0xff
    and
    push 3
    or
    local.set $all
    local.get $n
    push 10
    div_u
    local.tee $n
    eqz
    jz again
    local.get $sum
    local.get $all
    neg
    not
    push -1
    sub
    ret
.end

.func $store (WORD $a, WORD $b) -> (WORD, i32)
    i32.push 64
    local.get $a
    store
    i32.push 64
    load
    i32.push 128
    local.get $b
    store_be
    i32.push 128
    load_be
    sub
    local.get $a
    local.get $b
    lt
    ret
.end
"#;

#[test]
fn a_generic_program_does_the_same_on_every_architecture() {
    let words = ["i32", "i64", "i128", "i256", "i512"];
    let all: Vec<String> = words
        .into_iter()
        .map(|word| {
            let text = format!(".arch arch{}{}", &word[1..], GENERIC.replace("WORD", word));
            let value = |number: i32| {
                let sign = i64::from(number >> 31).cast_unsigned();
                match word {
                    "i32" => Val::I32(number),
                    "i64" => Val::I64(number.into()),
                    "i128" => Val::I128(number.into()),
                    "i256" => Val::I256([i64::from(number).cast_unsigned(), sign, sign, sign]),
                    _ => {
                        let mut limbs = [sign; 8];
                        limbs[0] = i64::from(number).cast_unsigned();
                        Val::I512(limbs)
                    }
                }
            };
            let mut calls: Vec<Call> = Vec::new();
            for n in [0, 1, 2, 99, 100, 101, 65_535, 1 << 30, i32::MAX] {
                calls.push(call("root", &[value(n)]));
                calls.push(call("digits", &[value(n)]));
            }
            for (a, b) in [(3, 5), (-3, 5), (5, -3), (i32::MAX, i32::MAX - 1)] {
                calls.push(call("store", &[value(a), value(b)]));
            }
            everywhere(&text, &calls);
            results(&text, &calls)
        })
        .collect();
    for (text, word) in all.iter().zip(words) {
        assert_eq!(text, &all[0], "{word}");
    }
    expect![[r#"
        0
        0 7
        1
        1 7
        1
        2 7
        9
        18 3
        10
        1 7
        10
        2 7
        255
        24 7
        32768
        37 3
        46340
        46 3
        -2 1
        -8 1
        8 0
        1 0
    "#]]
    .assert_eq(&all[0]);
}

/// The results of calls, a line each: their low 32 bits, which is what all architectures agree on.
fn results(text: &str, calls: &[Call]) -> String {
    let engine = engine(interpreted(false));
    let module = load(&engine, text);
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .expect("it starts");
    let mut lines = String::new();
    for call in calls {
        let func = instance
            .get_func(&mut store, &call.export)
            .expect("it is exported");
        let values = func.call(&mut store, &call.args).expect("it returns");
        let numbers = values.iter().map(|value| match *value {
            Val::I32(value) => value,
            Val::I64(value) => value as i32,
            Val::I128(value) => value as i32,
            Val::I256(limbs) => limbs[0] as i32,
            Val::I512(limbs) => limbs[0] as i32,
            _ => unreachable!("results are integers"),
        });
        let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
        lines += &format!("{}\n", numbers.join(" "));
    }
    lines
}

/// Words that exceptions carry, and words in locals and on the stack of functions that catch them. Every
/// width, next to a number.
const EXCEPTIONS: &str = r#"
.arch arch512
.tag $words (i512, i128, i32, i256)
.tag $none
.export "caught" func $caught
.export "many" func $many
.export "uncaught" func $thrower

.func $thrower (i512 $a, i32 $n) -> i512
    local.get $n
    i32.push 3
    i32.mod_u
    jnz thrown
    local.get $a
    local.get $n
    i512.extend_i32_u
    push 7
    or
    div_u
    ret
thrown:
    local.get $a
    push -3
    mul
    local.get $a
    i128.wrap_i512
    i128.not
    local.get $n
    local.get $a
    i256.wrap_i512
    i256.push 0x1_0000_0000_0000_0000
    i256.mul
    throw $words
.end

.func $caught (i512 $a, i32 $n) -> i512
    .local i256 $b
    .local i128 $c
    local.get $a
    push 1_000_000_007
    mod_u
    i256.wrap_i512
    local.set $b
    local.get $a
    local.get $n
    i512.shl
    try catch $words values catch $none wrong
    local.get $b
    i256.push 5
    i256.mul
    local.set $b
    local.get $a
    local.get $n
    call $thrower
    local.get $b
    i256.neg
    local.set $b
    end_try
    add
    local.get $b
    extend_i256
    add
    ret
values:
    extend_i256
    local.set $a
    local.get $n
    i32.sub
    local.set $n
    local.set $c
    sub
    local.get $c
    extend_i128
    xor
    local.get $n
    rotl
    local.get $a
    add
    local.get $b
    extend_i256
    sub
    ret
wrong:
    trap
.end

.func $many (i512 $a, i32 $n) -> i512
    .local i512 $sum
again:
    loop
    local.get $a
    local.get $n
    call $caught
    local.tee $a
    local.get $sum
    add
    local.set $sum
    local.get $n
    i32.push 1
    i32.sub
    local.tee $n
    jnz again
    local.get $sum
    ret
.end
"#;

#[test]
fn exceptions_carry_words_past_words() {
    let value = Val::I512([
        0x0123_4567_89ab_cdef,
        0xfedc_ba98_7654_3210,
        3,
        u64::MAX,
        0,
        1 << 63,
        77,
        0x8000_0000_0000_0001,
    ]);
    let mut calls = Vec::new();
    for n in [0, 1, 2, 3, 64, 511, 512] {
        calls.push(call("caught", &[value, Val::I32(n)]));
    }
    calls.push(call("many", &[value, Val::I32(100)]));
    calls.push(call("uncaught", &[value, Val::I32(1)]));
    let ends = summary(&everywhere(EXCEPTIONS, &calls));
    expect![[r#"
        I512([5364196052377123777, 2541551405711093778, 5270498306774157609, 13176245766935394010, 5270498306774157605, 2635249153387078802, 5270498306774157693, 10540996613548315210])
        I512([18117103466680645081, 18199088997970150830, 18364758544493064739, 18446744073709551614, 4, 9223372036854775808, 387, 9223372036854775813])
        I512([17954267645466825143, 18036253176756330894, 18364758544493064747, 18446744073709551612, 6, 9223372036854775808, 542, 9223372036854775815])
        I512([5938094756892532042, 1967652701195685506, 5270498306774157637, 13176245766935394003, 5270498306774157612, 11858621190241854610, 5270498306774158235, 1317624576693539409])
        I512([18281635559812602363, 18283899525102794719, 18282773015276577835, 4, 2, 9223372036854775809, 9223372036854776040, 9223372036854775888])
        I512([18281635559812602363, 18363621091102108110, 18364758544493064731, 0, 3, 9223372036854775808, 232, 3])
        I512([18037390422185821130, 18119375953475326878, 18364758544493064735, 18446744073709551615, 3, 0, 310, 4])
        I512([771085242701548115, 6388342784234074321, 17062213469095489241, 4198210611854692595, 2619316657630490589, 12987828594389267340, 18233259088346483086, 14912487379367231571])
        exception: I512([18200787486060090931, 245956587649460687, 18446744073709551604, 2, 18446744073709551613, 9223372036854775807, 18446744073709551383, 9223372036854775804]) I128(1512366075204170947332355369683137040) i32:1 I256([0, 81985529216486895, 18364758544493064720, 3]) at 0+0x37
    "#]].assert_eq(&ends);
}
