//! Loops on wide integers, which native code has instructions of its own for where all of the loop is simple:
//! more words than registers, several ways out, words in memory and its end, entering in the middle.

use std::fmt::Write;

use dotvm::Val;
use dotvm_tests::differential::{Call, engine, outcomes};
use dotvm_tests::fuzzing::Random;
use expect_test::expect;

use crate::harness::{call, everywhere, interpreted, load_for, native_ways, summary};

/// Loops of each width that are made up.
const MADE_UP: usize = 150;

/// Operations on words by the operands that they take beside another word.
const BINARY: [&str; 15] = [
    "add", "sub", "mul", "and", "or", "xor", "min", "min_u", "max", "max_u", "add", "sub", "mul",
    "xor", "mul",
];
const UNARY: [&str; 4] = ["neg", "not", "abs", "bswap"];
const SHIFTS: [&str; 5] = ["shl", "shr", "shr_u", "rotl", "rotr"];
const COMPARISONS: [&str; 10] = [
    "eq", "ne", "lt", "lt_u", "gt", "gt_u", "le", "le_u", "ge", "ge_u",
];
const CHECKED: [&str; 6] = [
    "add_overflow",
    "add_overflow_u",
    "sub_overflow",
    "sub_overflow_u",
    "add_carry",
    "sub_borrow",
];

/// Somebody who makes up loops on words of one width.
struct Maker {
    random: Random,
    width: usize,
    /// Locals that are words.
    locals: usize,
    text: String,
}

impl Maker {
    fn line(&mut self, line: impl AsRef<str>) {
        self.text += line.as_ref();
        self.text.push('\n');
    }

    fn one_of(&mut self, names: &[&'static str]) -> &'static str {
        names[self.random.below(names.len())]
    }

    /// A word, by instructions that are nested so deep at most.
    fn word(&mut self, depth: usize) {
        if depth == 0 || self.random.below(5) == 0 {
            return self.leaf();
        }
        match self.random.below(12) {
            0..5 => {
                self.word(depth - 1);
                self.word(depth - 1);
                let op = self.one_of(&BINARY);
                self.line(op);
            }
            5 => {
                self.word(depth - 1);
                let op = self.one_of(&UNARY);
                self.line(op);
            }
            6 | 7 => {
                self.word(depth - 1);
                match self.random.below(3) {
                    0 => self.number(depth - 1),
                    1 => {
                        let count = 64 * self.random.below(self.width / 64 + 1);
                        self.line(format!("i32.push {count}"));
                    }
                    _ => {
                        let count = self.random.below(self.width);
                        self.line(format!("i32.push {count}"));
                    }
                }
                let op = self.one_of(&SHIFTS);
                self.line(op);
            }
            8 => {
                self.word(depth - 1);
                self.word(depth - 1);
                self.number(depth - 1);
                self.line("select");
            }
            9 => {
                self.number(depth - 1);
                let op = self.one_of(&["extend_i32", "extend_i32_u"]);
                self.line(op);
            }
            10 => {
                self.word(depth - 1);
                let limb = self.random.below(self.width / 64);
                self.line(format!("i64.limb_i{} {limb}", self.width));
                let op = self.one_of(&["extend_i64", "extend_i64_u"]);
                self.line(op);
            }
            _ => {
                self.word(depth - 1);
                self.word(depth - 1);
                let op = self.one_of(&CHECKED);
                if op.ends_with("_carry") || op.ends_with("_borrow") {
                    self.number(depth - 1);
                }
                self.line(op);
                self.line("extend_i32_u");
                self.line("xor");
            }
        }
    }

    fn leaf(&mut self) {
        if self.random.below(5) > 0 {
            let local = self.random.below(self.locals);
            return self.line(format!("local.get $w{local}"));
        }
        let digits: String = match self.random.below(3) {
            0 => format!("{:x}", self.random.below(3)),
            1 => format!("{:x}", self.random.next_u64() >> self.random.below(64)),
            _ => (0..self.width / 64)
                .map(|_| format!("{:016x}", self.random.next_u64()))
                .collect(),
        };
        self.line(format!("push 0x{digits}"));
    }

    /// A number of 32 bits.
    fn number(&mut self, depth: usize) {
        match self.random.below(5) {
            0 => self.line("local.get $n"),
            1 => {
                self.word(depth.min(1));
                self.line(format!("i32.wrap_i{}", self.width));
            }
            2 => {
                self.word(depth.min(1));
                let op = self.one_of(&["eqz", "clz", "ctz", "popcnt"]);
                self.line(op);
            }
            _ => {
                self.word(depth.min(1));
                self.word(depth.min(1));
                let op = self.one_of(&COMPARISONS);
                self.line(op);
            }
        }
    }

    /// A function with a loop, which may be left at several places.
    fn function(mut self) -> String {
        let width = self.width;
        let params: Vec<String> = (0..2).map(|i| format!("i{width} $w{i}")).collect();
        self.line(format!(
            ".arch arch{width}\n.memory 1\n.export \"run\" func $run\n\
             .func $run (i32 $n, {}) -> (i{width}, i32)",
            params.join(", ")
        ));
        for i in 2..self.locals {
            self.line(format!(".local i{width} $w{i}"));
        }
        self.line("again:\nloop");
        let exits = self.random.below(3);
        for exit in 0..exits + 1 {
            for _ in 0..=self.random.below(3) {
                let depth = 1 + self.random.below(3);
                self.word(depth);
                let local = self.random.below(self.locals);
                match self.random.below(6) {
                    0 => {
                        let other = self.random.below(self.locals);
                        self.line(format!("local.tee $w{local}\nlocal.set $w{other}"));
                    }
                    1 => {
                        let be = self.one_of(&["", "_be"]);
                        let (to, from) = (self.random.below(64), self.random.below(64));
                        self.line(format!(
                            "local.set $w{local}\nlocal.get $n\nlocal.get $w{local}\nstore{be} {to}\n\
                             local.get $n\nload{be} {from}\nlocal.set $w{local}"
                        ));
                    }
                    _ => self.line(format!("local.set $w{local}")),
                }
            }
            if exit < exits {
                self.word(1);
                self.word(1);
                let op = self.one_of(&COMPARISONS);
                self.line(op);
                let jump = self.one_of(&["jz", "jnz"]);
                // Mostly the loop goes on.
                self.line(format!(
                    "local.get $n\ni32.push 7\ni32.and\ni32.eqz\ni32.and\n{jump} next{exit}\n\
                     local.get $n\ni32.push 3\ni32.lt_u\njnz out{exit}\nnext{exit}:"
                ));
            }
        }
        self.line("local.get $n\ni32.push 1\ni32.sub\nlocal.tee $n\njnz again");
        for exit in (0..exits).rev() {
            let i = self.random.below(self.locals);
            self.line(format!("local.get $w{i}\nlocal.get $n\nret\nout{exit}:"));
        }
        self.line("local.get $w0");
        for i in 1..self.locals {
            self.line(format!("local.get $w{i}\ni32.push {i}\nrotl\nxor"));
        }
        self.line("local.get $n\nret\n.end");
        self.text
    }
}

fn value(width: usize, random: &mut Random) -> Val {
    let mut limbs = [0; 8];
    limbs.fill_with(|| random.next_u64() >> (random.below(2) * random.below(64)));
    match width {
        128 => Val::I128((u128::from(limbs[0]) << 64 | u128::from(limbs[1])).cast_signed()),
        256 => Val::I256([limbs[0], limbs[1], limbs[2], limbs[3]]),
        _ => Val::I512(limbs),
    }
}

#[test]
fn made_up_loops_do_the_same() {
    for width in [128, 256, 512] {
        for seed in 0..MADE_UP {
            let mut random = Random(seed as u64);
            let args: Vec<Vec<Val>> = [1, 2, 5, 40]
                .map(|n| {
                    let words = [value(width, &mut random), value(width, &mut random)];
                    [Val::I32(n)].into_iter().chain(words).collect()
                })
                .into();
            let maker = Maker {
                locals: 2 + random.below(5),
                random,
                width,
                text: String::new(),
            };
            let text = maker.function();
            let calls: Vec<Call> = args.iter().map(|args| call("run", args)).collect();
            let ways = native_ways(false);
            let run = |way| {
                let engine = engine(way);
                outcomes(&engine, &load_for(way, &engine, &text), &calls)
            };
            let expected = run(interpreted(false));
            // From the start, and from the middle of the first loop that lasts.
            for way in [ways[0], ways[1]] {
                let found = run(way);
                assert_eq!(
                    expected, found,
                    "{width} bits, seed {seed}, {way:?}\n{text}"
                );
            }
        }
    }
}

/// Numbers that are shifted and combined with others, the same one among them, in the place of either.
const SHIFTED: [&str; 6] = [
    "local.get $x, local.get $x, i32.push K, shl, xor, local.set $x",
    "local.get $x, i32.push K, shr_u, local.get $x, or, local.set $x",
    "local.get $y, local.get $x, i32.push K, shl, xor, local.tee $x, local.get $y, add, local.set $y",
    "local.get $x, i32.push K, shl, local.get $y, i32.push K, shr_u, xor, local.set $y, local.get $y, local.get $x,
     sub, local.set $x",
    "local.get $x, i32.push K, shr_u, local.get $y, local.tee $x, local.get $y, xor, xor, local.set $y",
    "push 12345, local.get $x, i32.push K, shl, xor, local.get $y, i32.push K, shr_u, local.get $x, and, or,
     local.set $y, local.get $x, i32.push K, rotl, local.set $x",
];

#[test]
fn shifted_words_are_combined() {
    for width in [128, 256, 512] {
        let mut text = format!(".arch arch{width}\n");
        let mut calls = Vec::new();
        for count in [1, 13, 63, 64, 65, 100, width - 1] {
            for (number, step) in SHIFTED.iter().enumerate() {
                let name = format!("step {number} by {count}");
                let step = step.replace('K', &count.to_string()).replace(',', "\n");
                writeln!(
                    text,
                    ".export \"{name}\" func $f{number}_{count}\n\
                     .func $f{number}_{count} (i32 $n, i{width} $x, i{width} $y) -> (i{width}, i{width})\n\
                     again:\n loop\n {step}\n local.get $n\n i32.push 1\n i32.sub\n local.tee $n\n jnz again\n \
                     local.get $x\n local.get $y\n ret\n.end"
                )
                .expect("writing to a string");
                let mut random = Random(count as u64);
                let words = [value(width, &mut random), value(width, &mut random)];
                let args: Vec<Val> = [Val::I32(7)].into_iter().chain(words).collect();
                calls.push(call(&name, &args));
            }
        }
        everywhere(&text, &calls);
    }
}

/// The limbs of a sign are one and the same: what compares must not take them for its own.
#[test]
fn numbers_from_narrower_ones_are_compared() {
    let mut text = ".arch arch512\n".to_owned();
    let mut calls = Vec::new();
    for word in ["i128", "i256", "i512"] {
        writeln!(
            text,
            ".export \"{word}\" func ${word}\n.func ${word} (i32 $n) -> (i32, i32, i32)\n \
             .local i32 $less $below $least\n .local {word} $w\n again:\n loop\n"
        )
        .expect("writing to a string");
        for (op, count) in [("lt", "less"), ("lt_u", "below")] {
            text += &format!(
                " local.get $n\n i32.push 3\n i32.sub\n {word}.extend_i32\n local.get $w\n {word}.{op}\n \
                 local.get ${count}\n i32.add\n local.set ${count}\n"
            );
        }
        text += &format!(
            " local.get $n\n i32.push 3\n i32.sub\n {word}.extend_i32\n local.get $w\n {word}.min_u\n \
             i32.wrap_{word}\n local.get $least\n i32.add\n local.set $least\n \
             local.get $w\n {word}.push -3\n {word}.add\n local.set $w\n \
             local.get $n\n i32.push 1\n i32.sub\n local.tee $n\n jnz again\n \
             local.get $less\n local.get $below\n local.get $least\n ret\n.end\n"
        );
        calls.push(call(word, &[Val::I32(10)]));
    }
    let ends = summary(&everywhere(&text, &calls));
    expect![[r#"
        i32:0 i32:7 i32:-30
        i32:0 i32:7 i32:-30
        i32:0 i32:7 i32:-30
    "#]]
    .assert_eq(&ends);
}

/// Words up to the end of a memory and beyond: a store that traps changes nothing.
#[test]
fn words_at_the_end_of_memory() {
    let mut text = ".arch arch512\n.memory 1 1\n".to_owned();
    let mut calls = Vec::new();
    for (word, bytes) in [("i128", 16), ("i256", 32), ("i512", 64)] {
        for be in ["", "_be"] {
            let name = format!("{word}{be}");
            writeln!(
                text,
                ".export \"fill {name}\" func $fill_{name}\n.export \"sum {name}\" func $sum_{name}\n\
                 .func $fill_{name} (i32 $at, {word} $x)\n again:\n loop\n local.get $at\n local.get $x\n \
                 {word}.store{be}\n local.get $at\n i32.push {bytes}\n i32.add\n local.set $at\n \
                 local.get $x\n {word}.push 3\n {word}.mul\n local.set $x\n jmp again\n.end\n\
                 .func $sum_{name} (i32 $at, i32 $n) -> {word}\n .local {word} $sum\n again:\n loop\n \
                 local.get $sum\n local.get $at\n {word}.load{be} 4\n {word}.add\n local.set $sum\n \
                 local.get $at\n i32.push {bytes}\n i32.add\n local.set $at\n local.get $n\n i32.push 1\n \
                 i32.sub\n local.tee $n\n jnz again\n local.get $sum\n ret\n.end"
            )
            .expect("writing to a string");
            let x = match bytes {
                16 => Val::I128(-5),
                32 => Val::I256([1, 2, 3, 4]),
                _ => Val::I512([1, 2, 3, 4, 5, 6, 7, u64::MAX]),
            };
            // Not a multiple of the width before the end.
            let start = 65536 - 3 * bytes + 8;
            calls.push(call(&format!("fill {name}"), &[Val::I32(start), x]));
            calls.push(call(
                &format!("sum {name}"),
                &[Val::I32(65536 - 3 * bytes), Val::I32(2)],
            ));
            calls.push(call(
                &format!("sum {name}"),
                &[Val::I32(65536 - 3 * bytes), Val::I32(3)],
            ));
            calls.push(call(&format!("sum {name}"), &[Val::I32(-4), Val::I32(1)]));
        }
    }
    let ends = summary(&everywhere(&text, &calls));
    expect![[r#"
        trap: out of bounds memory access at 0+0x6
        I128(-81604378625)
        trap: out of bounds memory access at 1+0x8
        trap: out of bounds memory access at 1+0x8
        trap: out of bounds memory access at 2+0x6
        I128(-237684487542793012780631851010)
        trap: out of bounds memory access at 3+0x8
        trap: out of bounds memory access at 3+0x8
        trap: out of bounds memory access at 4+0x6
        I256([17179869184, 34359738368, 51539607552, 68719476736])
        trap: out of bounds memory access at 5+0x8
        trap: out of bounds memory access at 5+0x8
        trap: out of bounds memory access at 6+0x6
        I256([34359738368, 51539607552, 68719476736, 4294967296])
        trap: out of bounds memory access at 7+0x8
        trap: out of bounds memory access at 7+0x8
        trap: out of bounds memory access at 8+0x6
        I512([21474836479, 34359738368, 51539607552, 68719476736, 85899345920, 103079215104, 120259084288, 18446744056529682432])
        trap: out of bounds memory access at 9+0x8
        trap: out of bounds memory access at 9+0x8
        trap: out of bounds memory access at 10+0x6
        I512([34359738368, 51539607552, 68719476736, 85899345920, 103079215104, 120259084288, 18446744056529682432, 12884901887])
        trap: out of bounds memory access at 11+0x8
        trap: out of bounds memory access at 11+0x8
    "#]].assert_eq(&ends);
}
