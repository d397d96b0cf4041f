//! Sums and differences of 128 bits that compilers spelled out in halves of 64.
//!
//! The upper half of a sum is `ah + bh + (al + bl < al)`: where an addition completes that, it is done by
//! `i64.add128`, whose lower result takes the place of `al + bl`. Likewise `ah - bh - (al < bl)`. Machine code
//! has the carry in a flag then, instead of computing it by a comparison.
//!
//! A block is looked at by itself: what its instructions compute is numbered, so that the same sum has the
//! same number wherever it is computed.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use dotvm_isa::ops::Group;
use dotvm_isa::{Op, ValType};

use super::edits::{Edits, Scratch};
use crate::ir::cfg::Cfg;
use crate::ir::{Env, Func, Inst, stack};

/// Functions with more instructions are left alone: time is to stay linear in practice.
const MAX_INSTS: usize = 1 << 18;

/// Puts instructions on 128 bits in place of sums and differences; returns of how many.
pub(super) fn run(func: &mut Func, env: &Env) -> usize {
    let is_carry = |inst: &Inst| inst.opcode() == Some(Op::I64ExtendI32U);
    let is_small = func.insts.len() <= MAX_INSTS;
    if func.has_regions() || !is_small || !func.insts.iter().any(is_carry) {
        return 0;
    }
    let mut edits = Edits::default();
    let mut scratch = Scratch::default();
    let results = env.types[func.ty as usize].results.len();
    for range in Cfg::new(func).blocks {
        if !func.insts[range.clone()].iter().any(is_carry) {
            continue;
        }
        let matches = Scan::new().run(func, env, range, results);
        let mut saved_lows = vec![None; matches.len()];
        for (index, found) in matches.iter().enumerate() {
            let low = found
                .low_is_wanted
                .then(|| scratch.take(func, ValType::I64));
            saved_lows[index] = low;
            found.edit(&saved_lows, low, func, &mut edits, &mut scratch);
        }
        scratch.release_all();
    }
    if edits.count > 0 {
        edits.apply(func);
    }
    edits.count
}

/// The number of a value in a block.
type Value = usize;

/// What a value is, as far as it matters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Node {
    Const(u64),
    /// `i64.add`, the smaller number first.
    Sum(Value, Value),
    /// `i64.sub`
    Difference(Value, Value),
    /// `i64.lt_u`
    Less(Value, Value),
    /// `i64.eqz`
    IsZero(Value),
    /// `i64.extend_i32_u`
    Extended(Value),
    /// Anything else, each another one.
    Other(usize),
}

/// How a value is read again.
#[derive(Clone, Copy, Debug)]
enum Source {
    Const(u64),
    /// From a local that holds it.
    Local(u32),
    /// It is on top of the stack behind that instruction.
    Behind(usize),
    /// It is the lower half of what that match computes.
    Low(usize),
}

/// An addition or subtraction that completes the upper half of a result of 128 bits.
#[derive(Debug)]
struct Match {
    at: usize,
    op: Op,
    /// Both numbers, lower half first.
    operands: [Source; 4],
    /// A local that holds the result's lower half at this place already.
    low: Option<u32>,
    /// Whether a later match reads the lower half when that local holds something else.
    low_is_wanted: bool,
}

impl Match {
    /// Makes the change. `lows` are the locals where lower halves of matches so far are kept, among them that of
    /// this one, `kept`.
    fn edit(
        &self,
        lows: &[Option<u32>],
        kept: Option<u32>,
        func: &mut Func,
        edits: &mut Edits,
        scratch: &mut Scratch,
    ) {
        let local = |op, local: u32| Inst::op1(op, u64::from(local));
        let mut code = vec![Inst::op(Op::Pop)];
        for source in self.operands {
            code.push(match source {
                Source::Const(value) => Inst::op1(Op::I64Push, value),
                Source::Local(holder) => local(Op::LocalGet, holder),
                Source::Low(index) => local(
                    Op::LocalGet,
                    lows[index].expect("it is wanted, so it is kept"),
                ),
                Source::Behind(at) => {
                    let saved = scratch.take(func, ValType::I64);
                    edits.append_after(at, &[local(Op::LocalTee, saved)]);
                    local(Op::LocalGet, saved)
                }
            });
        }
        code.push(Inst::op(self.op));
        let lows: Vec<u32> = kept.into_iter().chain(self.low).collect();
        if lows.is_empty() {
            code.push(Inst::op(Op::Nip));
        } else {
            let high = scratch.take(func, ValType::I64);
            code.push(local(Op::LocalSet, high));
            for (i, &low) in lows.iter().enumerate() {
                let is_last = i + 1 == lows.len();
                code.push(local(
                    if is_last { Op::LocalSet } else { Op::LocalTee },
                    low,
                ));
            }
            code.push(local(Op::LocalGet, high));
        }
        edits.replaced.insert(self.at, Inst::op(Op::Pop));
        edits.append_after(self.at, &code);
        // Two operands of the old instruction are gone when the four of the new one are there.
        edits.slots = edits.slots.max(2);
        edits.count += 1;
    }
}

/// The number of 0.
const ZERO: Value = 0;

/// A sum or difference of 128 bits.
struct Whole {
    /// The result's lower half, where that was computed.
    low: Option<Value>,
    /// Both numbers, lower half first.
    operands: [Value; 4],
    /// A sum that is only a part of this one.
    part: Option<Value>,
}

/// What one block computes.
#[derive(Debug, Default)]
struct Scan {
    nodes: Vec<Node>,
    numbers: HashMap<Node, Value>,
    /// The first instruction that leaves a value on top of the stack.
    made: HashMap<Value, usize>,
    stack: Vec<Value>,
    locals: HashMap<u32, Value>,
    /// The locals that hold a value.
    holders: HashMap<Value, BTreeSet<u32>>,
    matches: Vec<Match>,
    /// Of lower halves that matches compute, the index of the match.
    lows: HashMap<Value, usize>,
}

impl Scan {
    fn new() -> Scan {
        let mut scan = Scan::default();
        let zero = scan.number(Node::Const(0));
        debug_assert_eq!(zero, ZERO);
        scan
    }

    fn run(mut self, func: &Func, env: &Env, range: Range<usize>, results: usize) -> Vec<Match> {
        for at in range {
            self.inst(at, func.insts[at], env, results);
        }
        self.matches
    }

    fn inst(&mut self, at: usize, inst: Inst, env: &Env, results: usize) {
        if let Some((op, local)) = inst.local() {
            let value = match op {
                Op::LocalGet => self.read(local),
                _ => self.pop(),
            };
            self.hold(local, value);
            if op != Op::LocalSet {
                self.push(at, value);
            }
            return;
        }
        let (pops, pushes) = stack::effect(inst, env, results);
        let mut operands: Vec<Value> = (0..pops).map(|_| self.pop()).collect();
        operands.reverse();
        let node = inst.opcode().and_then(|op| self.node(inst, op, &operands));
        match node {
            Some(node) => {
                let value = self.number(node);
                self.complete(at, &operands, node);
                self.push(at, value);
            }
            None => {
                for _ in 0..pushes {
                    let value = self.other();
                    self.stack.push(value);
                    if pushes == 1 {
                        self.made.insert(value, at);
                    }
                }
            }
        }
    }

    /// What an instruction computes, where that is of interest.
    fn node(&self, inst: Inst, op: Op, operands: &[Value]) -> Option<Node> {
        let is_pure = matches!(op.info().group, Group::Unary | Group::Binary);
        Some(match (op, operands) {
            (Op::I64Push, []) => Node::Const(inst.as_const()?),
            _ if !is_pure => return None,
            (Op::I64Add, &[a, b]) => Node::Sum(a.min(b), a.max(b)),
            (Op::I64Sub, &[a, b]) => Node::Difference(a, b),
            (Op::I64LtU, &[a, b]) | (Op::I64GtU, &[b, a]) => Node::Less(a, b),
            (Op::I64Eqz, &[a]) => Node::IsZero(a),
            (Op::I64ExtendI32U, &[a]) => Node::Extended(a),
            _ => return None,
        })
    }

    /// Notes a match where an instruction completes one.
    fn complete(&mut self, at: usize, operands: &[Value], node: Node) {
        let found = match (node, operands) {
            (Node::Sum(..), &[a, b]) => self.sum(a, b).or_else(|| self.sum(b, a)),
            (Node::Difference(..), &[a, b]) => self.difference(a, b),
            _ => None,
        };
        let Some(whole) = found else {
            return;
        };
        let [Some(al), Some(ah), Some(bl), Some(bh)] =
            whole.operands.map(|value| self.source(value, at))
        else {
            return;
        };
        let operands = [al, ah, bl, bh];
        let last = self.matches.len().wrapping_sub(1);
        let mut last_is_read = false;
        for source in operands {
            if let Source::Low(index) = source {
                self.matches[index].low_is_wanted = true;
                last_is_read |= index == last;
            }
        }
        let part = whole.part.and_then(|part| self.made.get(&part));
        let is_part = |last: &Match| part == Some(&last.at) && !last_is_read;
        if self.matches.last().is_some_and(is_part) {
            self.matches.pop();
        }
        let op = match node {
            Node::Sum(..) => Op::I64Add128,
            _ => Op::I64Sub128,
        };
        if let Some(low) = whole.low {
            self.lows.insert(low, self.matches.len());
        }
        self.matches.push(Match {
            at,
            op,
            operands,
            low: whole.low.and_then(|low| self.holder(low)),
            low_is_wanted: false,
        });
    }

    /// What two numbers are the upper half of the sum of: `a` is the carry, or a sum with it.
    fn sum(&self, a: Value, b: Value) -> Option<Whole> {
        if let Some((low, [al, bl])) = self.carry(a) {
            let (ah, bh) = match self.nodes[b] {
                Node::Sum(ah, bh) => (ah, bh),
                _ => (b, ZERO),
            };
            return Some(Whole {
                low: Some(low),
                operands: [al, ah, bl, bh],
                part: None,
            });
        }
        let Node::Sum(x, y) = self.nodes[a] else {
            return None;
        };
        if self.holder(a).is_some() {
            // It is wanted by itself.
            return None;
        }
        let upper = |carry, ah| {
            let (low, [al, bl]) = self.carry(carry)?;
            Some(Whole {
                low: Some(low),
                operands: [al, ah, bl, b],
                part: Some(a),
            })
        };
        upper(x, y).or_else(|| upper(y, x))
    }

    /// The sum that a value is the carry of, and its summands.
    fn carry(&self, value: Value) -> Option<(Value, [Value; 2])> {
        let Node::Extended(carry) = self.nodes[value] else {
            return None;
        };
        let (sum, part) = match self.nodes[carry] {
            Node::Less(sum, part) => (sum, part),
            // What one is added to becomes 0.
            Node::IsZero(sum) => (sum, *self.numbers.get(&Node::Const(1))?),
            _ => return None,
        };
        match self.nodes[sum] {
            Node::Sum(a, b) if a == part || b == part => Some((sum, [a, b])),
            _ => None,
        }
    }

    /// What `a - b` is the upper half of: `b` is the borrow, or a sum with it.
    fn difference(&self, a: Value, b: Value) -> Option<Whole> {
        let upper = |borrow, ah, bh| {
            let Node::Extended(borrow) = self.nodes[borrow] else {
                return None;
            };
            let Node::Less(al, bl) = self.nodes[borrow] else {
                return None;
            };
            Some(Whole {
                low: self.numbers.get(&Node::Difference(al, bl)).copied(),
                operands: [al, ah, bl, bh],
                part: None,
            })
        };
        if let Node::Difference(ah, bh) = self.nodes[a]
            && let Some(whole) = upper(b, ah, bh)
        {
            return Some(whole);
        }
        match self.nodes[b] {
            Node::Sum(x, y) => upper(x, a, y).or_else(|| upper(y, a, x)),
            _ => None,
        }
    }

    /// How a value is read in front of the instruction at `at`.
    fn source(&self, value: Value, at: usize) -> Option<Source> {
        if let Node::Const(value) = self.nodes[value] {
            return Some(Source::Const(value));
        }
        if let Some(local) = self.holder(value) {
            return Some(Source::Local(local));
        }
        if let Some(&index) = self.lows.get(&value) {
            return Some(Source::Low(index));
        }
        let &made = self.made.get(&value)?;
        (made < at).then_some(Source::Behind(made))
    }

    /// A local that holds a value.
    fn holder(&self, value: Value) -> Option<u32> {
        self.holders.get(&value)?.first().copied()
    }

    fn hold(&mut self, local: u32, value: Value) {
        if let Some(old) = self.locals.insert(local, value)
            && let Some(holders) = self.holders.get_mut(&old)
        {
            holders.remove(&local);
        }
        self.holders.entry(value).or_default().insert(local);
    }

    fn read(&mut self, local: u32) -> Value {
        match self.locals.get(&local) {
            Some(&value) => value,
            None => self.other(),
        }
    }

    fn push(&mut self, at: usize, value: Value) {
        self.made.entry(value).or_insert(at);
        self.stack.push(value);
    }

    fn pop(&mut self) -> Value {
        match self.stack.pop() {
            Some(value) => value,
            // It was there at the block's start.
            None => self.other(),
        }
    }

    fn number(&mut self, node: Node) -> Value {
        let next = self.nodes.len();
        let value = *self.numbers.entry(node).or_insert(next);
        if value == next {
            self.nodes.push(node);
        }
        value
    }

    fn other(&mut self) -> Value {
        self.number(Node::Other(self.nodes.len()))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::testing::{check_pass, check_unchanged};

    fn check(before: &str, after: Expect) {
        check_pass(super::run, before, &after);
    }

    #[test]
    fn sums_in_halves() {
        check(
            "func (i64 i64 i64 i64) -> (i64 i64) i64
                local.get 1
                local.get 3
                i64.add
                local.get 0
                local.get 2
                i64.add
                local.tee 4
                local.get 0
                i64.lt_u
                i64.extend_i32_u
                i64.add
                local.get 4
                ret",
            expect![[r#"
                func (i64 i64 i64 i64) -> (i64 i64) i64 i64
                    local.get 1
                    local.get 3
                    i64.add
                    local.get 0
                    local.get 2
                    i64.add
                    local.tee 4
                    local.get 0
                    i64.lt_u
                    i64.extend_i32_u
                    pop
                    pop
                    local.get 0
                    local.get 1
                    local.get 2
                    local.get 3
                    i64.add128
                    local.set 5
                    local.set 4
                    local.get 5
                    local.get 4
                    ret
            "#]],
        );
    }

    #[test]
    fn summands_that_are_in_no_local() {
        check(
            "func (i32 i32) -> () i64 i64
                local.get 0
                local.get 0
                i64.load 0
                local.tee 2
                local.get 1
                i64.load 0
                i64.add
                local.tee 3
                i64.store 0
                local.get 0
                local.get 3
                local.get 2
                i64.lt_u
                i64.extend_i32_u
                local.get 0
                i64.load 8
                i64.add
                local.get 1
                i64.load 8
                i64.add
                i64.store 8
                ret",
            expect![[r#"
                func (i32 i32) -> () i64 i64 i64 i64 i64 i64
                    local.get 0
                    local.get 0
                    i64.load 0
                    local.tee 2
                    local.get 1
                    i64.load 0
                    local.tee 5
                    i64.add
                    local.tee 3
                    i64.store 0
                    local.get 0
                    local.get 3
                    local.get 2
                    i64.lt_u
                    i64.extend_i32_u
                    local.get 0
                    i64.load 8
                    local.tee 4
                    i64.add
                    local.get 1
                    i64.load 8
                    local.tee 6
                    pop
                    pop
                    local.get 2
                    local.get 4
                    local.get 5
                    local.get 6
                    i64.add128
                    local.set 7
                    local.set 3
                    local.get 7
                    i64.store 8
                    ret
            "#]],
        );
    }

    #[test]
    fn carries_of_increments() {
        check(
            "func (i64 i64) -> (i64 i64)
                local.get 0
                i64.push 1
                i64.add
                local.tee 0
                local.get 1
                local.get 0
                i64.eqz
                i64.extend_i32_u
                i64.add
                ret",
            expect![[r#"
                func (i64 i64) -> (i64 i64) i64 i64
                    local.get 0
                    local.tee 2
                    i64.push 1
                    i64.add
                    local.tee 0
                    local.get 1
                    local.get 0
                    i64.eqz
                    i64.extend_i32_u
                    pop
                    pop
                    local.get 2
                    local.get 1
                    i64.push 1
                    i64.push 0
                    i64.add128
                    local.set 3
                    local.set 0
                    local.get 3
                    ret
            "#]],
        );
    }

    #[test]
    fn differences_in_halves() {
        check(
            "func (i64 i64 i64 i64) -> (i64 i64)
                local.get 0
                local.get 2
                i64.sub
                local.get 1
                local.get 3
                i64.sub
                local.get 2
                local.get 0
                i64.gt_u
                i64.extend_i32_u
                i64.sub
                ret
            ",
            expect![[r#"
                func (i64 i64 i64 i64) -> (i64 i64)
                    local.get 0
                    local.get 2
                    i64.sub
                    local.get 1
                    local.get 3
                    i64.sub
                    local.get 2
                    local.get 0
                    i64.gt_u
                    i64.extend_i32_u
                    pop
                    pop
                    local.get 0
                    local.get 1
                    local.get 2
                    local.get 3
                    i64.sub128
                    nip
                    ret
            "#]],
        );
        check(
            "func (i64 i64 i64 i64) -> (i64)
                local.get 1
                local.get 0
                local.get 2
                i64.lt_u
                i64.extend_i32_u
                local.get 3
                i64.add
                i64.sub
                ret",
            expect![[r#"
                func (i64 i64 i64 i64) -> (i64)
                    local.get 1
                    local.get 0
                    local.get 2
                    i64.lt_u
                    i64.extend_i32_u
                    local.get 3
                    i64.add
                    pop
                    pop
                    local.get 0
                    local.get 1
                    local.get 2
                    local.get 3
                    i64.sub128
                    nip
                    ret
            "#]],
        );
    }

    #[test]
    fn halves_of_several_sums() {
        check(
            "func (i64 i64 i64 i64 i64) -> (i64 i64) i64 i64
                local.get 0
                local.get 1
                i64.add
                local.tee 5
                local.get 0
                i64.lt_u
                i64.extend_i32_u
                local.get 2
                i64.add
                local.set 6
                local.get 5
                local.get 3
                i64.add
                local.tee 0
                local.get 6
                local.get 4
                i64.add
                local.get 0
                local.get 3
                i64.lt_u
                i64.extend_i32_u
                i64.add
                ret",
            expect![[r#"
                func (i64 i64 i64 i64 i64) -> (i64 i64) i64 i64 i64 i64
                    local.get 0
                    local.get 1
                    i64.add
                    local.tee 5
                    local.get 0
                    i64.lt_u
                    i64.extend_i32_u
                    local.get 2
                    pop
                    pop
                    local.get 0
                    local.get 2
                    local.get 1
                    i64.push 0
                    i64.add128
                    local.set 7
                    local.set 5
                    local.get 7
                    local.set 6
                    local.get 5
                    local.get 3
                    i64.add
                    local.tee 0
                    local.get 6
                    local.get 4
                    i64.add
                    local.get 0
                    local.get 3
                    i64.lt_u
                    i64.extend_i32_u
                    pop
                    pop
                    local.get 5
                    local.get 6
                    local.get 3
                    local.get 4
                    i64.add128
                    local.set 8
                    local.set 0
                    local.get 8
                    ret
            "#]],
        );
    }

    #[test]
    fn lower_halves_that_are_in_no_local() {
        check(
            "func (i64 i64 i64) -> (i64 i64) i64 i64
                local.get 0
                local.get 1
                i64.add
                local.tee 3
                local.get 0
                i64.lt_u
                i64.extend_i32_u
                local.get 3
                i64.push 0
                local.set 3
                i64.add
                local.get 2
                i64.add
                local.get 0
                local.get 1
                i64.add
                ret",
            expect![[r#"
                func (i64 i64 i64) -> (i64 i64) i64 i64 i64 i64
                    local.get 0
                    local.get 1
                    i64.add
                    local.tee 3
                    local.get 0
                    i64.lt_u
                    i64.extend_i32_u
                    local.get 3
                    i64.push 0
                    local.set 3
                    pop
                    pop
                    local.get 0
                    local.get 0
                    local.get 1
                    local.get 1
                    i64.add128
                    local.set 6
                    local.set 5
                    local.get 6
                    local.get 2
                    pop
                    pop
                    local.get 0
                    local.get 5
                    local.get 1
                    local.get 2
                    i64.add128
                    nip
                    local.get 0
                    local.get 1
                    i64.add
                    ret
            "#]],
        );
    }

    #[test]
    fn other_comparisons_are_no_carries() {
        // Signed; of another sum; the other way round; the borrow of nothing.
        check_unchanged(
            super::run,
            "\
func (i64 i64 i64 i64) -> (i64)
    local.get 2
    local.get 0
    local.get 1
    i64.add
    local.get 0
    i64.lt
    i64.extend_i32_u
    i64.add
    local.get 0
    local.get 1
    i64.add
    local.get 3
    i64.lt_u
    i64.extend_i32_u
    i64.add
    local.get 0
    local.get 0
    local.get 1
    i64.add
    i64.lt_u
    i64.extend_i32_u
    i64.add
    local.get 0
    local.get 1
    i64.lt_u
    i64.extend_i32_u
    i64.sub
    ret
",
        );
    }

    #[test]
    fn numbers_from_other_blocks_are_in_locals() {
        check_unchanged(
            super::run,
            "\
func (i64 i64 i32) -> (i64) i64
    local.get 0
    local.get 2
    jnz L0
L0:
    local.get 1
    i64.add
    local.tee 3
    local.get 1
    i64.lt_u
    i64.extend_i32_u
    local.get 3
    i64.add
    ret
",
        );
    }
}
