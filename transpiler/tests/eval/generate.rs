//! Programs made by chance, dense in what the optimizer looks for: small constants, masks, tests
//! of conditions, copies between few locals, loops and little functions to inline. They always
//! end.

use std::fmt::Write;

const TYPES: [&str; 4] = ["i32", "i64", "f32", "f64"];
const INT_UNARY: [&str; 3] = ["clz", "ctz", "popcnt"];
const INT_BINARY: [&str; 15] = [
    "add", "sub", "mul", "div_s", "div_u", "rem_s", "rem_u", "and", "or", "xor", "shl", "shr_s",
    "shr_u", "rotl", "rotr",
];
const INT_COMPARE: [&str; 10] = [
    "eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u",
];
const FLOAT_UNARY: [&str; 7] = ["abs", "neg", "ceil", "floor", "trunc", "nearest", "sqrt"];
const FLOAT_BINARY: [&str; 7] = ["add", "sub", "mul", "div", "min", "max", "copysign"];
const FLOAT_COMPARE: [&str; 6] = ["eq", "ne", "lt", "gt", "le", "ge"];
const I32_CONSTANTS: [&str; 18] = [
    "0",
    "0",
    "1",
    "1",
    "-1",
    "2",
    "7",
    "8",
    "31",
    "32",
    "33",
    "63",
    "64",
    "255",
    "256",
    "65535",
    "0x80000000",
    "0x7fffffff",
];
const I64_CONSTANTS: [&str; 16] = [
    "0",
    "0",
    "1",
    "1",
    "-1",
    "2",
    "16",
    "31",
    "63",
    "64",
    "65",
    "255",
    "65535",
    "0xffffffff",
    "0x8000000000000000",
    "0x7fffffffffffffff",
];
const FLOAT_CONSTANTS: [&str; 9] = [
    "0",
    "-0",
    "1",
    "-1",
    "0.5",
    "inf",
    "nan",
    "3e9",
    "-2147483649",
];
/// Result, operand, name.
const CONVERSIONS: [(&str, &str, &str); 33] = [
    ("i32", "i64", "i32.wrap_i64"),
    ("i32", "i64", "i32.wrap_i64"),
    ("i32", "f32", "i32.trunc_f32_s"),
    ("i32", "f64", "i32.trunc_f64_u"),
    ("i32", "f32", "i32.trunc_sat_f32_u"),
    ("i32", "f64", "i32.trunc_sat_f64_s"),
    ("i32", "f32", "i32.reinterpret_f32"),
    ("i32", "i32", "i32.extend8_s"),
    ("i32", "i32", "i32.extend16_s"),
    ("i32", "i32", "i32.eqz"),
    ("i32", "i32", "i32.eqz"),
    ("i32", "i64", "i64.eqz"),
    ("i32", "i64", "i64.eqz"),
    ("i64", "i32", "i64.extend_i32_s"),
    ("i64", "i32", "i64.extend_i32_u"),
    ("i64", "i32", "i64.extend_i32_u"),
    ("i64", "f32", "i64.trunc_f32_u"),
    ("i64", "f64", "i64.trunc_sat_f64_u"),
    ("i64", "f64", "i64.reinterpret_f64"),
    ("i64", "i64", "i64.extend8_s"),
    ("i64", "i64", "i64.extend16_s"),
    ("i64", "i64", "i64.extend32_s"),
    ("f32", "i32", "f32.convert_i32_s"),
    ("f32", "i64", "f32.convert_i64_u"),
    ("f32", "f64", "f32.demote_f64"),
    ("f32", "i32", "f32.reinterpret_i32"),
    ("f32", "f32", "f32.neg"),
    ("f64", "i32", "f64.convert_i32_u"),
    ("f64", "i64", "f64.convert_i64_s"),
    ("f64", "f32", "f64.promote_f32"),
    ("f64", "i64", "f64.reinterpret_i64"),
    ("f64", "f64", "f64.neg"),
    ("f64", "f64", "f64.abs"),
];
const LOADS: [(&str, &str); 14] = [
    ("i32", "i32.load"),
    ("i32", "i32.load8_s"),
    ("i32", "i32.load8_u"),
    ("i32", "i32.load16_s"),
    ("i32", "i32.load16_u"),
    ("i64", "i64.load"),
    ("i64", "i64.load8_s"),
    ("i64", "i64.load8_u"),
    ("i64", "i64.load16_s"),
    ("i64", "i64.load16_u"),
    ("i64", "i64.load32_s"),
    ("i64", "i64.load32_u"),
    ("f32", "f32.load"),
    ("f64", "f64.load"),
];
const STORES: [(&str, &str); 9] = [
    ("i32", "i32.store"),
    ("i32", "i32.store8"),
    ("i32", "i32.store16"),
    ("i64", "i64.store"),
    ("i64", "i64.store8"),
    ("i64", "i64.store16"),
    ("i64", "i64.store32"),
    ("f32", "f32.store"),
    ("f64", "f64.store"),
];

/// Parameters of the little functions; each gives the first one's type.
const LEAVES: [&[&str]; 5] = [
    &["i32"],
    &["i32", "i32"],
    &["i64", "i32"],
    &["f64"],
    &["i32", "i64", "i32"],
];

/// More little functions, each made to be difficult in its own way: a local read before it is
/// written, a parameter written, a value below the result.
const SPECIAL: [&str; 4] = [
    "(func $special0 (param i32) (result i32) (local i32)
        (i32.add (local.get 1) (local.tee 1 (local.get 0))))",
    "(func $special1 (param i32) (result i32)
        (local.set 0 (i32.add (local.get 0) (i32.const 3))) (local.get 0))",
    "(func $special2 (param i32) (result i32)
        (i32.const 7) (if (local.get 0) (then (return (i32.const 3)))) (drop) (local.get 0))",
    "(func $special3 (param i32) (result i32)
        (i32.xor (local.get 0) (i32.shl (local.get 0) (i32.const 3))))",
];

/// Locals of each type in every function, parameters included: `$i32_0` and so on.
const LOCALS: usize = 3;

/// The text of a module with exported functions `f0`, `f1`, `f2`.
pub fn program(seed: u64) -> String {
    let mut source = Source {
        state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        out: String::from("(module (memory 1 1)\n"),
        leaves: 0,
        labels: Vec::new(),
        loops: 0,
        counters: 0,
        result: "i32",
    };
    for ty in TYPES {
        writeln!(source.out, "(global $g_{ty} (mut {ty}) ({ty}.const 3))").unwrap();
    }
    for special in SPECIAL {
        writeln!(source.out, "{special}").unwrap();
    }
    for (i, params) in LEAVES.iter().enumerate() {
        source.leaf(i, params);
        source.leaves = i + 1;
    }
    for i in 0..3 {
        source.function(i);
    }
    source.out.push(')');
    source.out
}

struct Source {
    state: u64,
    out: String,
    /// How many of the little functions may be called.
    leaves: usize,
    /// Labels that branches without values may go to: whether each is a loop's.
    labels: Vec<bool>,
    loops: u32,
    counters: u32,
    result: &'static str,
}

impl Source {
    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 24
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    fn push(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push(' ');
    }

    fn leaf(&mut self, index: usize, params: &[&'static str]) {
        write!(self.out, "(func $leaf{index} ").unwrap();
        let mut used = [0; 4];
        for ty in params {
            let kind = TYPES.iter().position(|known| known == ty).unwrap();
            write!(self.out, "(param ${ty}_{} {ty}) ", used[kind]).unwrap();
            used[kind] += 1;
        }
        self.result = params[0];
        write!(self.out, "(result {}) ", params[0]).unwrap();
        self.locals(used);
        if self.below(3) == 0 {
            let then = self.result;
            self.push("(if");
            self.expr("i32", 1);
            self.push("(then (return");
            self.expr(then, 1);
            self.push(")))");
        }
        let (result, depth) = (self.result, 1 + self.below(3));
        self.expr(result, depth);
        self.push(")\n");
    }

    fn locals(&mut self, params: [usize; 4]) {
        for (ty, params) in TYPES.iter().zip(params) {
            for i in params..LOCALS {
                write!(self.out, "(local ${ty}_{i} {ty}) ").unwrap();
            }
        }
    }

    fn function(&mut self, index: usize) {
        self.result = self.pick(&TYPES);
        let result = self.result;
        write!(self.out, "(func $f{index} (export \"f{index}\") ").unwrap();
        write!(
            self.out,
            "(param $i32_0 i32) (param $i64_0 i64) (param $f64_0 f64) "
        )
        .unwrap();
        write!(self.out, "(result {result}) ").unwrap();
        self.locals([1, 1, 0, 1]);
        // Loops count in locals of their own.
        for i in 0..24 {
            write!(self.out, "(local $c{i} i32) ").unwrap();
        }
        self.counters = 0;
        self.loops = 0;
        self.labels.clear();
        let statements = 2 + self.below(8);
        self.statements(statements, 3);
        self.expr(result, 3);
        self.push(")\n");
    }

    fn statements(&mut self, count: usize, depth: usize) {
        for _ in 0..count {
            self.statement(depth);
            self.push("\n");
        }
    }

    fn statement(&mut self, depth: usize) {
        let ty = self.pick(&TYPES);
        match self.below(if depth == 0 { 5 } else { 12 }) {
            0 | 1 => {
                let local = self.below(LOCALS);
                write!(self.out, "(local.set ${ty}_{local} ").unwrap();
                self.expr(ty, depth);
            }
            2 => {
                write!(self.out, "(global.set $g_{ty} ").unwrap();
                self.expr(ty, depth);
            }
            3 => {
                let (ty, store) = self.pick(&STORES);
                let offset = self.pick(&[0, 4, 65530]);
                write!(self.out, "({store} offset={offset} ").unwrap();
                self.address(depth.min(1));
                self.expr(ty, depth);
            }
            4 => {
                self.push("(drop");
                self.expr(ty, depth);
            }
            5 | 6 => self.conditional(depth),
            7 => self.block(depth),
            8 => self.counted_loop(depth),
            9 => self.while_loop(depth),
            10 => self.table(depth),
            _ => self.branch(depth),
        }
        self.push(")");
    }

    fn conditional(&mut self, depth: usize) {
        self.push("(if");
        self.expr("i32", depth - 1);
        self.labels.push(false);
        self.push("(then");
        let count = self.below(3);
        self.statements(count, depth - 1);
        self.push(")");
        if self.below(2) == 0 {
            self.push("(else");
            let count = self.below(3);
            self.statements(count, depth - 1);
            self.push(")");
        }
        self.labels.pop();
    }

    fn block(&mut self, depth: usize) {
        self.push("(block");
        self.labels.push(false);
        let count = 1 + self.below(4);
        self.statements(count, depth - 1);
        self.labels.pop();
    }

    /// A counter no enclosing loop uses; `None` where they are used up.
    fn counter(&mut self) -> Option<u32> {
        (self.counters < 24 && self.loops < 2).then(|| {
            self.counters += 1;
            self.counters - 1
        })
    }

    /// Tests at the bottom.
    fn counted_loop(&mut self, depth: usize) {
        let Some(counter) = self.counter() else {
            return self.push("(nop");
        };
        let limit = 1 + self.below(6);
        write!(self.out, "(local.set $c{counter} (i32.const 0)) (loop ").unwrap();
        self.labels.push(true);
        self.loops += 1;
        let count = 1 + self.below(3);
        self.statements(count, depth - 1);
        self.loops -= 1;
        self.labels.pop();
        write!(
            self.out,
            "(br_if 0 (i32.lt_u (local.tee $c{counter} (i32.add (local.get $c{counter}) \
             (i32.const 1))) (i32.const {limit})))"
        )
        .unwrap();
    }

    /// Tests at the top.
    fn while_loop(&mut self, depth: usize) {
        let Some(counter) = self.counter() else {
            return self.push("(nop");
        };
        let limit = 1 + self.below(6);
        let local = format!("(local.get $c{counter})");
        // From 0 up to the limit, or from the limit down to 0.
        let (first, test, step) = match self.below(3) {
            0 => (
                0,
                format!("(i32.eqz (i32.lt_s {local} (i32.const {limit})))"),
                1,
            ),
            1 => (
                0,
                format!("(i32.eqz (i32.ne {local} (i32.const {limit})))"),
                1,
            ),
            _ => (limit, format!("(i32.eqz {local})"), -1),
        };
        write!(
            self.out,
            "(local.set $c{counter} (i32.const {first})) (block (loop (br_if 1 {test}) \
             (local.set $c{counter} (i32.add {local} (i32.const {step}))) "
        )
        .unwrap();
        self.labels.extend([false, false]);
        self.loops += 1;
        let count = 1 + self.below(3);
        self.statements(count, depth - 1);
        self.loops -= 1;
        self.labels.truncate(self.labels.len() - 2);
        // The second label is the loop's own, so that a branch to it is a `continue`.
        self.push("(br 0))");
    }

    /// A label to leave for: only forwards, where the program is to end.
    fn target(&mut self) -> Option<usize> {
        let count = self.labels.len();
        let depth = self.below(count.max(1));
        (depth < count && !self.labels[count - 1 - depth]).then_some(depth)
    }

    fn table(&mut self, depth: usize) {
        let targets: Vec<usize> = (0..3).filter_map(|_| self.target()).collect();
        if targets.is_empty() {
            return self.push("(nop");
        }
        // The table is in a block, since what follows it is dead otherwise.
        self.push("(if");
        self.expr("i32", depth - 1);
        self.push("(then (br_table");
        for target in targets {
            write!(self.out, "{} ", target + 1).unwrap();
        }
        self.expr("i32", depth - 1);
        self.push("))");
    }

    fn branch(&mut self, depth: usize) {
        match (self.target(), self.below(4)) {
            (Some(target), 1..) => {
                write!(self.out, "(br_if {target} ").unwrap();
                self.expr("i32", depth - 1);
            }
            _ => {
                let result = self.result;
                self.push("(if");
                self.expr("i32", depth - 1);
                self.push("(then (return");
                self.expr(result, depth - 1);
                self.push("))");
            }
        }
    }

    /// An address that is inside the memory, but for large offsets.
    fn address(&mut self, depth: usize) {
        self.push("(i32.and (i32.const 1023)");
        self.expr("i32", depth);
        self.push(")");
    }

    fn constant(&mut self, ty: &'static str) {
        let value = match ty {
            "i32" => self.pick(&I32_CONSTANTS),
            "i64" => self.pick(&I64_CONSTANTS),
            _ => self.pick(&FLOAT_CONSTANTS),
        };
        write!(self.out, "({ty}.const {value}) ").unwrap();
    }

    fn expr(&mut self, ty: &'static str, depth: usize) {
        let int = ty.starts_with('i');
        if depth == 0 || self.below(6) == 0 {
            return match self.below(3) {
                0 => self.constant(ty),
                _ => {
                    let local = self.below(LOCALS);
                    write!(self.out, "(local.get ${ty}_{local}) ").unwrap();
                }
            };
        }
        let depth = depth - 1;
        match self.below(16) {
            0 => {
                let op = if int {
                    self.pick(&INT_UNARY)
                } else {
                    self.pick(&FLOAT_UNARY)
                };
                write!(self.out, "({ty}.{op} ").unwrap();
                self.expr(ty, depth);
            }
            1 if int => {
                let op = self.pick(&INT_BINARY);
                write!(self.out, "({ty}.{op} ({ty}.{op} ").unwrap();
                self.expr(ty, depth);
                self.constant(ty);
                self.push(")");
                self.constant(ty);
            }
            1..=5 => {
                let op = if int {
                    self.pick(&INT_BINARY)
                } else {
                    self.pick(&FLOAT_BINARY)
                };
                write!(self.out, "({ty}.{op} ").unwrap();
                self.operands(ty, depth);
            }
            6 | 7 if ty == "i32" => self.comparison(depth),
            6..=8 => self.conversion(ty, depth),
            9 => self.load(ty, depth),
            10 | 11 => {
                self.push("(select");
                self.expr(ty, depth);
                self.expr(ty, depth);
                self.expr("i32", depth);
            }
            12 => {
                let local = self.below(LOCALS);
                write!(self.out, "(local.tee ${ty}_{local} ").unwrap();
                self.expr(ty, depth);
            }
            13 => self.call(ty, depth),
            14 => {
                write!(self.out, "(if (result {ty}) ").unwrap();
                self.expr("i32", depth);
                self.push("(then");
                self.expr(ty, depth);
                self.push(") (else");
                self.expr(ty, depth);
                self.push(")");
            }
            _ => {
                // The first value, or the second one with the first dropped.
                write!(self.out, "(block (result {ty}) (drop (br_if 0 ").unwrap();
                self.expr(ty, depth);
                self.expr("i32", depth);
                self.push("))");
                self.expr(ty, depth);
            }
        }
        self.push(")");
    }

    /// Two operands; a constant is as likely as everything else together.
    fn operands(&mut self, ty: &'static str, depth: usize) {
        match self.below(4) {
            0 => {
                self.constant(ty);
                self.expr(ty, depth);
            }
            1 | 2 => {
                self.expr(ty, depth);
                self.constant(ty);
            }
            _ => {
                self.expr(ty, depth);
                self.expr(ty, depth);
            }
        }
    }

    fn comparison(&mut self, depth: usize) {
        let ty = self.pick(&TYPES);
        let op = if ty.starts_with('i') {
            self.pick(&INT_COMPARE)
        } else {
            self.pick(&FLOAT_COMPARE)
        };
        write!(self.out, "({ty}.{op} ").unwrap();
        self.operands(ty, depth);
    }

    fn conversion(&mut self, ty: &'static str, depth: usize) {
        loop {
            let (result, operand, name) = self.pick(&CONVERSIONS);
            if result == ty {
                write!(self.out, "({name} ").unwrap();
                return self.expr(operand, depth);
            }
        }
    }

    fn load(&mut self, ty: &'static str, depth: usize) {
        loop {
            let (result, name) = self.pick(&LOADS);
            if result == ty {
                write!(self.out, "({name} offset={} ", self.state % 64).unwrap();
                return self.address(depth);
            }
        }
    }

    fn call(&mut self, ty: &'static str, depth: usize) {
        if ty == "i32" && self.below(2) == 0 {
            let special = self.below(SPECIAL.len());
            write!(self.out, "(call $special{special} ").unwrap();
            return self.expr("i32", depth);
        }
        let leaf = self.below(LEAVES.len());
        if leaf >= self.leaves || LEAVES[leaf][0] != ty {
            write!(self.out, "(block (result {ty}) (global.get $g_{ty})").unwrap();
            return;
        }
        write!(self.out, "(call $leaf{leaf} ").unwrap();
        for ty in LEAVES[leaf] {
            self.expr(ty, depth);
        }
    }
}
