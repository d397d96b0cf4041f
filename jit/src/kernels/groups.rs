//! Iterations in groups: loops that [count](super::counted) are generated a second time, as a loop whose body
//! is several iterations with one test.
//!
//! In a group the registers of counters stay as they were at its start; what the program has added since is
//! known, and becomes part of addresses. Sums of a counter and a local that stays the same, and of either and a
//! constant, are part of them too: there is a register with the sum of that local and the memory's first byte.
//! That is right where no such address passes 4 GiB, which is looked at before the first group, as is whether
//! there is one. What is left over is for the loop as it is. A way out in the middle of a group brings the
//! counters up to date, and the locals that sums are put into.

use std::collections::BTreeMap;

use dotvm_isa::ops::Sig;
use dotvm_isa::{Instr, Op, ValType};
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, dynasm};

use super::Region;
use super::counted::{Bound, Counted, Pair, Test};
use super::generator::{Entry, Generator};
use super::registers::{Class, MEMORY, Reg};

/// The most instructions of the machine that a group has, about: longer ones gain little.
const MAX_WEIGHT: usize = 64;

/// The most iterations in a group.
const MAX_ITERATIONS: usize = 4;

/// The largest constant that becomes part of an address.
const MAX_CONSTANT: i32 = 1 << 16;

/// The state of generating groups.
pub(super) struct Groups {
    counted: Counted,
    /// Offset of the loop's header.
    header: u32,
    /// What the program has added to each counter since the group began.
    added: BTreeMap<u32, i32>,
    /// Registers for the sums of the memory's first byte and locals that the loop does not write.
    bases: BTreeMap<u32, u8>,
    /// Counters that addresses are sums of, without and with such a local; and the most that is added besides.
    in_addresses: BTreeMap<(u32, Option<u32>), i32>,
    /// Sums that are in locals, but not in their registers yet.
    sums: BTreeMap<u32, Sum>,
    /// Ways out in the middle.
    ways_out: Vec<WayOut>,
}

struct WayOut {
    label: DynamicLabel,
    /// Offset in the body of the instruction where it leads.
    to: u32,
    added: BTreeMap<u32, i32>,
    sums: BTreeMap<u32, Sum>,
}

/// A value in a group: the sum of a counter's register, what the program has added to the counter, a local that
/// the loop does not write, and a constant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sum {
    pub(super) base: Option<u32>,
    pub(super) counter: u32,
    added: i32,
    constant: i32,
}

impl Sum {
    /// What is added to registers.
    pub(super) fn number(self) -> i32 {
        self.added.wrapping_add(self.constant)
    }
}

impl Groups {
    /// The sum that a local holds, where its register does not.
    fn known(&self, local: u32) -> Option<Sum> {
        let counter = || self.counter(local).filter(|sum| sum.added != 0);
        self.sums.get(&local).copied().or_else(counter)
    }

    /// What a counter holds.
    fn counter(&self, local: u32) -> Option<Sum> {
        Some(Sum {
            base: None,
            counter: local,
            added: *self.added.get(&local)?,
            constant: 0,
        })
    }
}

impl Generator<'_> {
    /// Generates groups of a loop, and at the label `before` what is to be executed before its first
    /// iteration. `None` where there are to be none.
    pub(super) fn groups(
        &mut self,
        counted: Counted,
        region: &Region,
        before: DynamicLabel,
        starts: &mut Vec<(u32, u32)>,
    ) -> Option<()> {
        let weight: usize = region.instrs(self.analysis).map(weight).sum();
        let iterations = (MAX_WEIGHT / weight.max(1)).min(MAX_ITERATIONS);
        if iterations < 2 {
            return None;
        }
        let iterations = iterations as i32;
        let limit = self.limit(&counted, iterations)?;
        let added = counted.counters.keys().map(|&local| (local, 0)).collect();
        let mut bases = BTreeMap::new();
        for pair in counted.pairs.values() {
            if !bases.contains_key(&pair.base)
                && let Some(Reg::Int(reg)) = self.take_for_good(Class::Int)
            {
                bases.insert(pair.base, reg);
            }
        }
        self.groups = Some(Groups {
            counted,
            header: region.blocks[0].start,
            added,
            bases,
            in_addresses: BTreeMap::new(),
            sums: BTreeMap::new(),
            ways_out: Vec::new(),
        });
        let header = self.label(region.blocks[0].start)?;
        let group = self.ops.new_dynamic_label();
        dynasm!(self.ops ; .arch x64 ; .align super::ALIGNMENT ; =>group);
        for _ in 0..iterations {
            for block in &region.blocks {
                self.block(block, starts)?;
            }
        }
        let groups = self.groups.take()?;
        self.bring_up_to_date(&groups.added, &groups.sums)?;
        self.compare_with(&groups.counted.test, limit);
        self.jump_on(groups.counted.test.before, group);
        dynasm!(self.ops ; .arch x64 ; jmp =>header);
        for way in &groups.ways_out {
            dynasm!(self.ops ; .arch x64 ; =>way.label);
            self.bring_up_to_date(&way.added, &way.sums)?;
            let to = self.label(way.to)?;
            dynasm!(self.ops ; .arch x64 ; jmp =>to);
        }
        dynasm!(self.ops ; .arch x64 ; =>before);
        self.before_groups(&groups, limit, header)?;
        dynasm!(self.ops ; .arch x64 ; jmp =>group);
        Some(())
    }

    /// What the test's counter is compared with before a group: the bound less what a group adds. A register
    /// for it, where the bound is a local. `None` where there are no groups.
    fn limit(&mut self, counted: &Counted, iterations: i32) -> Option<Limit> {
        let test = &counted.test;
        let all = counted.counters[&test.counter]
            .step
            .checked_mul(iterations)?;
        let is_small = |step: i32| step.checked_mul(iterations).is_some();
        if !counted
            .counters
            .values()
            .all(|counter| is_small(counter.step))
        {
            return None;
        }
        match test.bound {
            Bound::Const(bound) => {
                let limit = match test.before.is_signed() {
                    true => bound.checked_sub(all)?,
                    false => bound.cast_unsigned().checked_sub_signed(all)?.cast_signed(),
                };
                Some(Limit::Const(limit))
            }
            Bound::Local(_) => match self.take_for_good(Class::Int)? {
                Reg::Int(reg) => Some(Limit::Reg(reg, all)),
                _ => None,
            },
        }
    }

    /// Goes to the loop as it is unless a group can be executed.
    fn before_groups(&mut self, groups: &Groups, limit: Limit, header: DynamicLabel) -> Option<()> {
        let test = &groups.counted.test;
        if let (Limit::Reg(limit, all), Bound::Local(bound)) = (limit, test.bound) {
            let bound = self.int_of(bound)?;
            // It must not wrap.
            match all > 0 {
                true => {
                    dynasm!(self.ops ; .arch x64 ; mov Rd(limit), Rd(bound) ; sub Rd(limit), all);
                }
                false => {
                    dynasm!(self.ops ; .arch x64 ; mov Rd(limit), Rd(bound) ; add Rd(limit), -all);
                }
            }
            match test.before.is_signed() {
                true => dynasm!(self.ops ; .arch x64 ; jo =>header),
                false => dynasm!(self.ops ; .arch x64 ; jb =>header),
            }
        }
        self.compare_with(test, limit);
        self.jump_on(test.before.not(), header);
        let counter = &groups.counted.counters[&test.counter];
        for (&(local, base), &constant) in &groups.in_addresses {
            let step = groups.counted.counters[&local].step;
            let sum = Sum {
                base,
                counter: local,
                added: 0,
                constant,
            };
            self.stays_below_4_gib(test, counter.step, (sum, step), header)?;
        }
        for (&base, &reg) in &groups.bases {
            if groups.in_addresses.keys().any(|key| key.1 == Some(base)) {
                let base = self.int_of(base)?;
                dynasm!(self.ops ; .arch x64 ; lea Rq(reg), [Rq(MEMORY) + Rq(base)]);
            }
        }
        Some(())
    }

    /// Goes to the loop as it is where a sum with a counter that rises by `step` may pass 4 GiB until the test's
    /// counter arrives.
    fn stays_below_4_gib(
        &mut self,
        test: &Test,
        test_step: i32,
        (sum, step): (Sum, i32),
        header: DynamicLabel,
    ) -> Option<()> {
        let Reg::Int(way) = self.take(Class::Int)? else {
            return None;
        };
        let (from, counter) = (self.int_of(test.counter)?, self.int_of(sum.counter)?);
        match test.bound {
            Bound::Const(bound) => dynasm!(self.ops ; .arch x64 ; mov Rd(way), bound),
            Bound::Local(bound) => {
                let bound = self.int_of(bound)?;
                dynasm!(self.ops ; .arch x64 ; mov Rd(way), Rd(bound));
            }
        }
        dynasm!(self.ops ; .arch x64 ; sub Rd(way), Rd(from));
        if test_step < 0 {
            dynasm!(self.ops ; .arch x64 ; neg Rd(way));
        }
        // So much the counter rises while the test's goes on by one, at most.
        let ratio = step.unsigned_abs().div_ceil(test_step.unsigned_abs());
        let ratio = i32::try_from(ratio).ok()?;
        dynasm!(self.ops
            ; .arch x64
            ; imul Rq(way), Rq(way), ratio
            ; add Rq(way), Rq(counter)
        );
        if let Some(base) = sum.base {
            let base = self.int_of(base)?;
            dynasm!(self.ops ; .arch x64 ; add Rq(way), Rq(base));
        }
        if sum.constant != 0 {
            dynasm!(self.ops ; .arch x64 ; add Rq(way), sum.constant);
        }
        dynasm!(self.ops
            ; .arch x64
            ; shr Rq(way), 32
            ; jnz =>header
        );
        self.release(Entry::Temp(Reg::Int(way)));
        Some(())
    }

    fn compare_with(&mut self, test: &Test, limit: Limit) {
        let Some(counter) = self.int_of(test.counter) else {
            return;
        };
        match limit {
            Limit::Const(limit) => dynasm!(self.ops ; .arch x64 ; cmp Rd(counter), limit),
            Limit::Reg(limit, _) => dynasm!(self.ops ; .arch x64 ; cmp Rd(counter), Rd(limit)),
        }
    }

    fn add_to(&mut self, local: u32, added: i32) {
        if let Some(reg) = self.int_of(local).filter(|_| added != 0) {
            dynasm!(self.ops ; .arch x64 ; add Rd(reg), added);
        }
    }

    /// In a group, what counts and the test need no code: the index of the first instruction behind them.
    pub(super) fn skip_counting(&mut self, at: usize) -> Option<usize> {
        let groups = self.groups.as_mut()?;
        let test = groups.counted.test.instrs.clone();
        let mut at = at;
        let counters = &groups.counted.counters;
        if let Some((&local, counter)) = counters.iter().find(|it| it.1.instrs.start == at) {
            at = counter.instrs.end;
            *groups.added.get_mut(&local)? += counter.step;
            let is_tested = test.start == at - 1;
            let last = self.analysis.instrs[at - 1];
            if is_tested {
                return Some(test.end);
            }
            if last.op == Op::LocalTee {
                self.push_local(local);
            }
            return Some(at);
        }
        (at == test.start).then_some(test.end)
    }

    /// Pushes a local's value.
    pub(super) fn push_local(&mut self, local: u32) {
        let known = self.groups.as_ref().and_then(|groups| groups.known(local));
        self.push(known.map_or(Entry::Local(local), Entry::Sum));
    }

    /// In a group, the sum that the instructions from an index on compute, those before `end`, needs no code of
    /// its own: the index of the first instruction behind them.
    pub(super) fn skip_sum(&mut self, at: usize, end: usize) -> Option<usize> {
        let groups = self.groups.as_mut()?;
        if let Some(&Pair { base, counter }) = groups.counted.pairs.get(&at) {
            if !groups.bases.contains_key(&base) {
                return None;
            }
            let sum = Sum {
                base: Some(base),
                counter,
                added: groups.added[&counter],
                constant: 0,
            };
            let behind = at + 3;
            let Some(&local) = groups.counted.derived.get(&behind) else {
                self.push(Entry::Sum(sum));
                return Some(behind);
            };
            groups.sums.insert(local, sum);
            if self.analysis.instrs[behind].op == Op::LocalTee {
                self.push(Entry::Sum(sum));
            }
            return Some(behind + 1);
        }
        let [get, push, add] = *self.analysis.instrs[at..end].first_chunk()?;
        if (get.op, push.op, add.op) != (Op::LocalGet, Op::I32Push, Op::I32Add) {
            return None;
        }
        let local = get.a as u32;
        let known = groups.known(local).or_else(|| groups.counter(local));
        let number = i32::try_from(push.a as u32).ok();
        let number = number.filter(|number| (0..=MAX_CONSTANT).contains(number))?;
        self.push(Entry::Sum(Sum {
            constant: number,
            ..known?
        }));
        Some(at + 3)
    }

    /// Notes that an address is a sum; the register that its counter's is added to. `None` where it is not to be.
    pub(super) fn sum_in_address(&mut self, sum: Sum) -> Option<u8> {
        let groups = self.groups.as_mut()?;
        if groups.counted.counters.get(&sum.counter)?.step < 0 {
            return None;
        }
        let from = match sum.base {
            Some(base) => *groups.bases.get(&base)?,
            None => MEMORY,
        };
        let most = groups.in_addresses.entry((sum.counter, sum.base));
        let most = most.or_default();
        *most = sum.constant.max(*most);
        Some(from)
    }

    /// Puts a sum into a register.
    pub(super) fn load_sum(&mut self, to: u8, sum: Sum) -> Option<()> {
        let (counter, number) = (self.int_of(sum.counter)?, sum.number());
        match sum.base {
            Some(base) => {
                let base = self.int_of(base)?;
                dynasm!(self.ops ; .arch x64 ; lea Rd(to), [Rq(base) + Rq(counter) + number]);
            }
            None => dynasm!(self.ops ; .arch x64 ; lea Rd(to), [Rq(counter) + number]),
        }
        Some(())
    }

    /// Has registers hold what the locals do after so much was added to counters, and with these sums.
    fn bring_up_to_date(
        &mut self,
        added: &BTreeMap<u32, i32>,
        sums: &BTreeMap<u32, Sum>,
    ) -> Option<()> {
        for (&local, &sum) in sums {
            let to = self.int_of(local)?;
            self.load_sum(to, sum)?;
        }
        for (&local, &added) in added {
            self.add_to(local, added);
        }
        Some(())
    }

    /// In a group, whether that is where the next iteration starts.
    pub(super) fn is_next_iteration(&self, to: u32) -> bool {
        self.groups
            .as_ref()
            .is_some_and(|groups| groups.header == to)
    }

    /// In a group, the label of a way out, by the offset where it leads.
    pub(super) fn way_out(&mut self, to: u32) -> Option<DynamicLabel> {
        let label = self.ops.new_dynamic_label();
        let groups = self.groups.as_mut()?;
        groups.ways_out.push(WayOut {
            label,
            to,
            added: groups.added.clone(),
            sums: groups.sums.clone(),
        });
        Some(label)
    }
}

/// About how many instructions of the machine one of the program is.
fn weight(instr: &Instr) -> usize {
    match instr.op {
        Op::LocalGet | Op::LocalSet | Op::LocalTee | Op::I32Push | Op::Loop | Op::Nop => 0,
        op => match op.info().sig {
            Sig::Fixed(params, results)
                if params.iter().chain(results).any(|&ty| ty == ValType::V512) =>
            {
                2
            }
            _ => 1,
        },
    }
}

/// What the test's counter is compared with before a group.
#[derive(Clone, Copy, Debug)]
enum Limit {
    Const(i32),
    /// A register for it, and what a group adds to the counter.
    Reg(u8, i32),
}
