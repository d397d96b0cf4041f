//! Words that wait on the operand stack, not in a local, until they are used.
//!
//! A word that is put into a local and read once, in the same block, is left on the stack where the code in
//! between neither takes anything from below it nor leaves anything there:
//!
//! ```text
//! A  local.set 1  B  local.set 2  local.get 1  local.get 2        A  B
//! A  local.set 1  local.get 2  local.get 1                        local.get 2  A
//! ```
//!
//! Native code keeps words apart from others by their locals, and has registers for few.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use dotvm_isa::{Op, ValType};

use super::stores;
use crate::ir::cfg::Cfg;
use crate::ir::{Code, Env, Func, Inst, stack};
use crate::translate::words::is_word;

/// The most instructions that a word waits for.
const MAX_WAIT: usize = 64;

/// Leaves words on the stack; returns how many.
pub(super) fn run(func: &mut Func, env: &Env) -> usize {
    if func.has_regions() || !func.locals.iter().any(|&ty| is_word(ty)) {
        return 0;
    }
    let cfg = Cfg::new(func);
    let Some(after) = stores::live_after(func, &cfg) else {
        return 0;
    };
    let mut changes = Changes::default();
    for (block, range) in cfg.blocks.iter().enumerate() {
        let is_live = |local: u32| after(block, local);
        for at in range.clone() {
            if let Some((Op::LocalSet, local)) = func.insts[at].local()
                && is_word(func.locals[local as usize])
                && let Some(read) = only_read(func, local, at + 1..range.end, &is_live)
            {
                changes.wait(func, env, at, read);
            }
        }
    }
    changes.apply(func)
}

/// Where a local is read, if it is before the next write and not once more.
fn only_read(
    func: &Func,
    local: u32,
    rest: Range<usize>,
    is_live: &dyn Fn(u32) -> bool,
) -> Option<usize> {
    let accesses = rest.filter_map(|at| match func.insts[at].local() {
        Some((op, accessed)) if accessed == local => Some((at, op)),
        _ => None,
    });
    let mut accesses = accesses.take(2);
    let (read, Op::LocalGet) = accesses.next()? else {
        return None;
    };
    let is_last = match accesses.next() {
        Some((_, next)) => next != Op::LocalGet,
        None => !is_live(local),
    };
    is_last.then_some(read)
}

/// What is to change, by the indices of instructions.
#[derive(Default)]
struct Changes {
    removed: BTreeSet<usize>,
    /// Reads of locals that move there.
    moved: BTreeMap<usize, usize>,
    /// Where each word waits: from the instruction behind which, to that before which.
    waits: Vec<Range<usize>>,
}

impl Changes {
    /// Leaves a word on the stack that is put into a local at `set` and read at `read`, where that is possible.
    fn wait(&mut self, func: &Func, env: &Env, set: usize, read: usize) {
        if read - set > MAX_WAIT {
            return;
        }
        let between = set + 1..read;
        if self.is_balanced(func, env, between.clone()) {
            self.removed.extend([set, read]);
            self.waits.push(set..read);
            return;
        }
        // One read of a local is in between: it goes in front.
        let is_changed = |range: Range<usize>| {
            self.removed.range(range.clone()).next().is_some()
                || self.moved.range(range).next().is_some()
        };
        if between.len() != 1 {
            return;
        }
        let (Some((Op::LocalGet, other)), Some(start)) = (
            func.insts[set + 1].local(),
            stack::operand_start(&func.insts[..set], env),
        ) else {
            return;
        };
        let writes = |inst: &Inst| inst.written_local() == Some(other);
        if !is_changed(start..read + 1) && !func.insts[start..set].iter().any(writes) {
            self.removed.extend([set, set + 1, read]);
            self.moved.insert(start, set + 1);
            self.waits.push(start..read);
        }
    }

    /// Whether some instructions leave the stack as it was, and take nothing from it.
    fn is_balanced(&self, func: &Func, env: &Env, range: Range<usize>) -> bool {
        let mut height = 0;
        for at in range {
            if self.moved.contains_key(&at) {
                return false;
            }
            if self.removed.contains(&at) {
                continue;
            }
            let (pops, pushes) = stack::effect(func.insts[at], env, 0);
            if pops > height {
                return false;
            }
            height = height - pops + pushes;
        }
        height == 0
    }

    fn apply(self, func: &mut Func) -> usize {
        if self.waits.is_empty() {
            return 0;
        }
        let mut code = Code::with_capacity(func.insts.len());
        let positions = func.insts.positions();
        for (at, (inst, pos)) in func.insts.located().enumerate() {
            if let Some(&from) = self.moved.get(&at) {
                code.push(func.insts[from], positions[from]);
            }
            if !self.removed.contains(&at) {
                code.push(inst, pos);
            } else if inst.written_local().is_some() {
                func.lost_writes.push(pos);
            }
        }
        func.insts = code;
        func.max_stack += self.slots(func);
        self.waits.len()
    }

    /// How many slots words that wait take at a time.
    fn slots(&self, func: &Func) -> u32 {
        let is_word = |ty: &&ValType| is_word(**ty);
        let words = func.locals.iter().filter(is_word);
        let widest = words.map(|ty| ty.slots()).max().unwrap_or(0);
        // The first ends come first.
        let mut open: BTreeMap<usize, u32> = BTreeMap::new();
        let mut waits = self.waits.clone();
        waits.sort_by_key(|wait| wait.start);
        let mut most = 0;
        for wait in waits {
            while open
                .first_key_value()
                .is_some_and(|(&end, _)| end <= wait.start)
            {
                open.pop_first();
            }
            *open.entry(wait.end).or_default() += 1;
            most = most.max(open.values().sum());
        }
        most * widest
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
    fn words_wait_for_others() {
        check(
            "func (i32 i32) -> () v256 v256
                local.get 0
                v256.load 0
                local.set 2
                local.get 1
                v256.load 0
                local.set 3
                local.get 0
                local.get 2
                local.get 3
                i32x8.sub
                v256.store 0
                ret",
            expect![[r#"
                func (i32 i32) -> () v256 v256
                    local.get 0
                    v256.load 0
                    local.set 2
                    local.get 1
                    v256.load 0
                    local.set 3
                    local.get 0
                    local.get 2
                    local.get 3
                    i32x8.sub
                    v256.store 0
                    ret
            "#]],
        );
        check(
            "func (i32 i32) -> (i32) v256 v256
                local.get 0
                v256.load 0
                local.set 2
                local.get 1
                v256.load 0
                local.set 3
                local.get 2
                local.get 3
                i32x8.sub
                i32x8.reduce_add
                ret",
            expect![[r#"
                func (i32 i32) -> (i32) v256 v256
                    local.get 0
                    v256.load 0
                    local.get 1
                    v256.load 0
                    i32x8.sub
                    i32x8.reduce_add
                    ret
            "#]],
        );
    }

    #[test]
    fn reads_go_in_front() {
        check(
            "func (i32 v256) -> (i32) v256
                local.get 0
                v256.load 0
                local.set 2
                local.get 1
                local.get 2
                i32x8.sub
                i32x8.reduce_add
                ret",
            expect![[r#"
                func (i32 v256) -> (i32) v256
                    local.get 1
                    local.get 0
                    v256.load 0
                    i32x8.sub
                    i32x8.reduce_add
                    ret
            "#]],
        );
    }

    #[test]
    fn others_stay() {
        // Read twice; read by the next round; with something below that is taken in between.
        check_unchanged(
            super::run,
            "\
func (i32) -> (i32) v256 v256
    loop L0
    local.get 2
    i32x8.abs
    local.set 1
    local.get 0
    v256.load 0
    local.set 2
    local.get 1
    local.get 1
    i32x8.add
    i32x8.reduce_add
    jnz L0
    local.get 0
    local.get 0
    v256.load 0
    local.set 1
    i32.load 0
    local.get 1
    i32x8.reduce_add
    i32.add
    ret
",
        );
    }
}
