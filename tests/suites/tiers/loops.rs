//! Loops that are entered in the middle: at any depth of the operand stack, nested, with wide values,
//! and in shapes that no compiler makes.

use dotvm::Val;
use dotvm_tests::fuzzing::Random;

use crate::harness::{call, everywhere};

fn i32s(values: &[i32]) -> Vec<Val> {
    values.iter().map(|&value| Val::I32(value)).collect()
}

#[test]
fn loops_with_values_below_them() {
    for depth in [0, 1, 2, 7, 8, 9, 40, 300] {
        let mut text =
            ".export \"f\" func $f\n.func $f (i32 $n, i64 $x) -> i64\n .local i64 $sum\n"
                .to_owned();
        for i in 0..depth {
            text += match i % 4 {
                0 => " local.get $x\n",
                1 => " local.get $n\n",
                2 => " f64.push 1.5\n",
                _ => " f32.push -2.5\n",
            };
        }
        text += " i64.push 3\nagain:\n loop\n i64.push 5\n i64.add\n local.get $n\n i32.push 1\n i32.sub\n \
                 local.tee $n\n jnz again\n local.set $sum\n";
        for i in (0..depth).rev() {
            text += match i % 4 {
                0 => " ",
                1 => " i64.extend_i32\n ",
                2 => " i64.trunc_sat_f64\n ",
                _ => " i64.trunc_sat_f32\n ",
            };
            text += "local.get $sum\n i64.add\n i64.push 3\n i64.mul\n local.set $sum\n";
        }
        text += " local.get $sum\n ret\n.end\n";
        let calls = [1, 2, 3, 5, 100].map(|n| call("f", &[Val::I32(n), Val::I64(77)]));
        everywhere(&text, &calls);
    }
}

#[test]
fn nested_loops_with_values_that_live_across_them() {
    let text = r#"
        .memory 1
        .export "f" func $f
        .export "m" memory 0
        .func $f (i32 $a, i32 $b, i32 $c) -> i64
            .local i32 $i $j $k
            .local i64 $sum
            i64.push 1000
        outer:
            loop
            i32.push 0
            local.set $j
            local.get $i
            i64.extend_i32
        middle:
            loop
            i32.push 0
            local.set $k
            local.get $j
            f64.convert_i32
        inner:
            loop
            f64.push 1.25
            f64.mul
            local.get $k
            local.get $i
            i32.store8 9
            local.get $k
            i32.push 1
            i32.add
            local.tee $k
            local.get $c
            i32.lt_u
            jnz inner
            i64.trunc_sat_f64
            i64.add
            local.get $j
            i32.push 1
            i32.add
            local.tee $j
            local.get $b
            i32.lt_u
            jnz middle
            i64.add
            local.get $sum
            i64.push 1
            i64.add
            local.set $sum
            local.get $i
            i32.push 1
            i32.add
            local.tee $i
            local.get $a
            i32.lt_u
            jnz outer
            local.get $sum
            i64.mul
            ret
        .end"#;
    let mut calls = Vec::new();
    for a in [1, 2, 6] {
        for b in [1, 3, 5] {
            for c in [1, 2, 9, 70] {
                calls.push(call("f", &i32s(&[a, b, c])));
            }
        }
    }
    calls.push(call("f", &i32s(&[40, 2, 65600])));
    everywhere(text, &calls);
}

#[test]
fn loops_reached_again_through_tables() {
    let text = r#"
        .export "f" func $f
        .func $f (i32 $n) -> i32
            .local i32 $acc $i
            i32.push 1
        first:
            loop
            local.get $i
            i32.push 1
            i32.add
            local.tee $i
            local.get $n
            i32.ge_u
            jnz out
            i32.push 3
            i32.mul
        second:
            loop
            i32.push 7
            i32.add
            local.get $i
            i32.push 1
            i32.add
            local.tee $i
            local.get $n
            i32.gt_u
            jnz out
            dup
            i32.push 3
            i32.and
            br_table first second third first
        third:
            loop
            local.get $acc
            i32.xor
            local.tee $acc
            local.get $i
            i32.push 1
            i32.add
            local.tee $i
            i32.push 5
            i32.mod_u
            br_table second third first out third
        out:
            local.get $acc
            i32.add
            ret
        .end"#;
    let calls: Vec<_> = (0..30).map(|n| call("f", &i32s(&[n]))).collect();
    everywhere(text, &calls);
}

/// A function whose loops overlap: each is entered from before and left for the middle of others by
/// jumps forward, and everything goes back everywhere.
fn tangle(random: &mut Random) -> String {
    let count = 3 + random.below(6);
    let depth = random.below(3);
    let mut text =
        ".export \"f\" func $f\n.memory 1\n.export \"m\" memory 0\n.func $f (i32 $n) -> i32\n .local i32 $i $x\n"
            .to_owned();
    for at in 0..depth {
        text += &format!(" i32.push {at}\n");
    }
    for block in 0..count {
        text += &format!("l{block}:\n loop\n");
        // Every path counts, so that all of them end.
        text += " local.get $i\n i32.push 1\n i32.add\n local.tee $i\n local.get $n\n i32.gt_u\n jnz out\n";
        text += &format!(
            " local.get $x\n i32.push {}\n i32.mul\n i32.push {block}\n i32.add\n local.set $x\n",
            3 + 2 * random.below(50)
        );
        if depth > 0 {
            text += " local.get $x\n i32.add\n";
        }
        if random.below(3) == 0 {
            text += " local.get $i\n local.get $x\n i32.store8 3\n";
        }
        let any = |random: &mut Random| format!("l{}", random.below(count));
        match random.below(4) {
            0 => {
                text += &format!(
                    " local.get $x\n i32.push 4\n i32.and\n jnz {}\n",
                    any(random)
                );
            }
            1 => {
                text += &format!(
                    " local.get $x\n i32.push 8\n i32.and\n jz {}\n",
                    any(random)
                );
            }
            2 => {
                let targets: Vec<String> = (0..4).map(|_| any(random)).collect();
                let next = (block + 1).min(count - 1);
                text += &format!(
                    " local.get $x\n i32.push 7\n i32.and\n br_table {} l{next}\n",
                    targets.join(" ")
                );
                continue;
            }
            _ => {}
        }
        if block + 1 == count {
            text += &format!(" jmp {}\n", any(random));
        }
    }
    text += "out:\n";
    text += " local.get $x\n";
    for _ in 0..depth {
        text += " i32.add\n";
    }
    text + " ret\n.end\n"
}

#[test]
fn loops_in_each_others_way() {
    for number in 0..60 {
        let text = tangle(&mut Random(number));
        let calls = [1, 2, 3, 4, 5, 7, 30, 200].map(|n| call("f", &i32s(&[n])));
        everywhere(&text, &calls);
    }
}

#[test]
fn values_of_every_width_in_loops_calls_and_everywhere() {
    for ty in ["i128", "i256", "i512", "v128", "v256", "v512"] {
        let text = format!(
            r#"
            .arch arch512
            .export "turn" func $turn
            .export "pass" func $pass
            .export "indirect" func $indirect
            .export "tail" func $tail
            .table $t funcref 1
            .elem funcref at 0 in $t ($three)
            .func $three ({ty} $a, i32 $n, {ty} $b) -> ({ty}, i32, {ty})
                local.get $b
                local.get $n
                i32.push 1
                i32.add
                local.get $a
                ret
            .end
            .func $turn (i32 $n, {ty} $a, {ty} $b, {ty} $c) -> ({ty}, {ty}, i32)
                .local {ty} $old
                .local i32 $i
                local.get $a
                local.get $i
                local.get $b
            again:
                loop
                local.set $old
                i32.push 1
                i32.add
                local.set $i
                local.get $c
                local.get $i
                i32.push 3
                i32.and
                select
                local.get $old
                local.set $c
                dup
                local.set $old
                local.get $i
                local.get $old
                rot
                local.get $i
                swap
                over
                pop
                nip
                tuck
                pop
                rot
                rot
                pop
                swap
                local.get $i
                pick 1
                slide 2 2
                local.get $c
                rot
                rot
                local.get $i
                local.get $n
                i32.lt_u
                jnz again
                slide 1 2
                local.get $c
                local.get $n
                ret
            .end
            .func $pass ({ty} $a, {ty} $b) -> ({ty}, i32, {ty})
                local.get $a
                i32.push 6
                local.get $b
                call $three
                call $three
                call $three
                ret
            .end
            .func $indirect ({ty} $a, {ty} $b) -> ({ty}, i32, {ty})
                local.get $b
                local.get $a
                i32.push 6
                local.get $b
                i32.push 0
                call_indirect ({ty}, i32, {ty}) -> ({ty}, i32, {ty}) $t
                ret
            .end
            .func $tail ({ty} $a, {ty} $b) -> ({ty}, i32, {ty})
                local.get $b
                local.get $a
                local.get $a
                i32.push 1
                local.get $b
                i32.push 0
                ret_call_indirect ({ty}, i32, {ty}) -> ({ty}, i32, {ty}) $t
            .end"#
        );
        let (a, b, c) = (wide(ty, 1), wide(ty, 2), wide(ty, 3));
        let mut calls = Vec::new();
        for n in [1, 2, 3, 9] {
            calls.push(call("turn", &[Val::I32(n), a, b, c]));
        }
        for name in ["pass", "indirect", "tail"] {
            calls.push(call(name, &[a, b]));
            calls.push(call(name, &[c, a]));
        }
        everywhere(&text, &calls);
    }
}

/// A value whose bytes are all different.
fn wide(ty: &str, seed: u64) -> Val {
    let mut random = Random(seed);
    let mut next = || random.next_u64();
    let double = u128::from(next()) << 64 | u128::from(next());
    match ty {
        "i128" => Val::I128(double.cast_signed()),
        "v128" => Val::V128(double),
        "i256" => Val::I256([(); 4].map(|()| next())),
        "v256" => Val::V256([(); 4].map(|()| next())),
        "i512" => Val::I512([(); 8].map(|()| next())),
        _ => Val::V512([(); 8].map(|()| next())),
    }
}

#[test]
fn many_results_and_parameters() {
    for count in [1, 7, 8, 9, 17, 40] {
        for ty in ["i32", "i64", "f32", "f64", "v128"] {
            let types = vec![ty; count].join(", ");
            let gets: String = (0..count)
                .map(|i| format!("local.get {}\n", count - 1 - i))
                .collect();
            let straight: String = (0..count).map(|i| format!("local.get {i}\n")).collect();
            let text = format!(
                ".arch arch128\n.table $t funcref 1\n.elem funcref at 0 in $t ($turn)\n\
                 .export \"turn\" func $turn\n.export \"twice\" func $twice\n.export \"tail\" func $tail\n\
                 .func $turn ({types}) -> ({types})\n {gets} ret\n.end\n\
                 .func $twice ({types}) -> ({types})\n {straight} call $turn\n i32.push 0\n\
                 call_indirect ({types}) -> ({types}) $t\n i32.push 0\n\
                 call_indirect ({types}) -> ({types}) $t\n ret\n.end\n\
                 .func $tail ({types}) -> ({types})\n {gets} i32.push 0\n\
                 ret_call_indirect ({types}) -> ({types}) $t\n.end\n"
            );
            let args: Vec<Val> = (0..count)
                .map(|i| match ty {
                    "i32" => Val::I32(i as i32 - 3),
                    "i64" => Val::I64(i as i64 - (5 << 40)),
                    "f32" => Val::F32((i as f32).to_bits()),
                    "v128" => Val::V128(u128::MAX / 255 * i as u128),
                    _ => Val::F64((i as f64).to_bits()),
                })
                .collect();
            let calls: Vec<_> = ["turn", "twice", "tail"]
                .into_iter()
                .cycle()
                .take(12)
                .map(|name| call(name, &args))
                .collect();
            everywhere(&text, &calls);
        }
    }
}
