//! Iterations in groups: loops that [count](super::counted) are generated a second time, as a loop whose body
//! is several iterations with one test.
//!
//! In a group the registers of counters stay as they were at its start; what the program has added since is
//! known, and becomes part of addresses. That is right where no such address passes 4 GiB, which is looked at
//! before the first group, as is whether there is one. What is left over is for the loop as it is. A way out
//! in the middle of a group brings the counters up to date.

use std::collections::{BTreeMap, BTreeSet};

use dotvm_isa::ops::Sig;
use dotvm_isa::{Instr, Op, ValType};
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, dynasm};

use super::Region;
use super::counted::{Bound, Counted, Test};
use super::generator::{Entry, Generator};
use super::registers::{Class, Reg};

/// The most instructions of the machine that a group has, about: longer ones gain little.
const MAX_WEIGHT: usize = 64;

/// The most iterations in a group.
const MAX_ITERATIONS: usize = 4;

/// The state of generating groups.
pub(super) struct Groups {
    counted: Counted,
    /// Offset of the loop's header.
    header: u32,
    /// What the program has added to each counter since the group began.
    added: BTreeMap<u32, i32>,
    /// Counters that addresses are sums of.
    in_addresses: BTreeSet<u32>,
    /// Ways out in the middle.
    ways_out: Vec<WayOut>,
}

struct WayOut {
    label: DynamicLabel,
    /// Offset in the body of the instruction where it leads.
    to: u32,
    added: BTreeMap<u32, i32>,
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
        self.groups = Some(Groups {
            counted,
            header: region.blocks[0].start,
            added,
            in_addresses: BTreeSet::new(),
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
        for (&local, &added) in &groups.added {
            self.add_to(local, added);
        }
        self.compare_with(&groups.counted.test, limit);
        self.jump_on(groups.counted.test.before, group);
        dynasm!(self.ops ; .arch x64 ; jmp =>header);
        for way in &groups.ways_out {
            dynasm!(self.ops ; .arch x64 ; =>way.label);
            for (&local, &added) in &way.added {
                self.add_to(local, added);
            }
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
        for local in &groups.in_addresses {
            let step = groups.counted.counters[local].step;
            self.stays_below_4_gib(test, counter.step, (*local, step), header)?;
        }
        Some(())
    }

    /// Goes to the loop as it is where a counter that rises by `step` may pass 4 GiB until the test's counter
    /// arrives.
    fn stays_below_4_gib(
        &mut self,
        test: &Test,
        test_step: i32,
        (local, step): (u32, i32),
        header: DynamicLabel,
    ) -> Option<()> {
        let Reg::Int(way) = self.take(Class::Int)? else {
            return None;
        };
        let (from, counter) = (self.int_of(test.counter)?, self.int_of(local)?);
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
        let added = self.groups.as_ref().and_then(|it| it.added.get(&local));
        self.push(match added {
            Some(&added) if added != 0 => Entry::Sum(local, added),
            _ => Entry::Local(local),
        });
    }

    /// Notes that an address is the sum of a counter and what was added to it. `None` where it is not to be.
    pub(super) fn sum_in_address(&mut self, local: u32) -> Option<()> {
        let groups = self.groups.as_mut()?;
        if groups.counted.counters.get(&local)?.step < 0 {
            return None;
        }
        groups.in_addresses.insert(local);
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
