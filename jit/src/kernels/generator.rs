//! Code of a kernel: control flow, and where values are.
//!
//! The operand stack is followed symbolically: what is on it is a constant, in a register, or in memory still. An
//! instruction whose result a `local.set` or `local.tee` takes next computes it in that local's register. What is
//! the same in each iteration is computed before the first one. `None` everywhere means that the loop is of no
//! known kind, or needs more registers than there are.

use std::collections::{BTreeMap, BTreeSet};

use dotvm_isa::abi::VmContext;
use dotvm_isa::ops::Imm;
use dotvm_isa::{Instr, Op, TrapCode, ValType};
use dynasmrt::x64::X64Relocation;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, VecAssembler, dynasm};

use super::counted::Counted;
use super::groups::{Groups, Sum};
use super::memory::Address;
use super::region::Block;
use super::registers::{Class, Free, MEMORY, Reg, SAVED, SLOTS};
use super::scalar::Condition;
use super::vector::is_splat;
use super::words::{self, Shifted, Word, Words};
use super::{ALIGNMENT, Kernel, KernelLocal, Region, Source, vector};
use crate::analysis::Analysis;

/// The registers that are left for what is computed, at least: general ones and vector registers.
const SPARE: (u32, u32) = (3, 4);

/// A value on the operand stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Entry {
    /// A constant.
    Const(ValType, u128),
    /// What a local has.
    Local(u32),
    /// A sum with a counter: see [`super::groups`].
    Sum(Sum),
    /// In a register that keeps it all the time.
    Fixed(Reg),
    /// In a register of its own.
    Temp(Reg),
    /// A vector in memory, which is read before anything else happens that could be noticed.
    Memory(Address),
    /// A wide integer in places of its own.
    Word(Word),
    /// A local, a wide integer, that is shifted when it is taken.
    Shifted(Shifted),
}

/// Where a result goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Dest {
    pub(super) reg: Reg,
    then: Then,
}

/// What becomes of a result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Then {
    /// It is pushed.
    Push,
    /// It is a local's new value.
    Set,
    /// It is that, and pushed.
    Tee(u32),
    /// It is one that is kept all the time.
    Keep,
}

/// Instructions that always give the same: the first one, and the last one, which may be the same.
type Invariant = ((Op, u64), Op);

/// The state of generating a kernel.
pub(super) struct Generator<'a> {
    pub(super) ops: VecAssembler<X64Relocation>,
    pub(super) analysis: &'a Analysis,
    pub(super) source: &'a Source<'a>,
    /// Where the locals are, but for wide integers.
    locals: BTreeMap<u32, Reg>,
    pub(super) words: Words<'a>,
    invariants: Vec<(Invariant, Reg)>,
    free: Free,
    pub(super) stack: Vec<Entry>,
    /// Basic blocks and ways out by their offsets.
    labels: BTreeMap<u32, DynamicLabel>,
    constants: Vec<(Vec<u128>, DynamicLabel)>,
    pub(super) traps: Vec<(u32, TrapCode)>,
    pub(super) faults: Vec<(u32, u32)>,
    /// The instruction behind the one that is generated, in the same block.
    pub(super) next: Option<Instr>,
    /// Whether that has been taken care of.
    pub(super) took_next: bool,
    /// Where the result goes, whatever comes next.
    kept: Option<Reg>,
    /// Whose flags the processor has at an offset of the code: a register, and whether all 64 bits count.
    pub(super) flags: Option<(usize, bool, u8)>,
    /// Set while iterations are generated in groups.
    pub(super) groups: Option<Groups>,
}

/// A way to generate a loop.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// Whether iterations are generated in groups, where they are counted.
    in_groups: bool,
    /// Whether registers may do, or have to do, that need not be saved.
    saved: &'static [bool],
    /// How many registers wide integers leave.
    spare: u32,
}

/// Generates the code of a loop: with iterations in groups where there are enough registers for that; where
/// it has wide integers, in the way that goes to slots least.
pub(super) fn generate(
    analysis: &Analysis,
    region: &Region,
    source: &Source<'_>,
) -> Option<Kernel> {
    let used = used_locals(analysis, region)?;
    let generate = |way: Way| generate_with(analysis, region, source, &used, way);
    let on_words = region.instrs(analysis).any(|it| words::is_on_words(it.op));
    if !on_words {
        let ways = [true, false].map(|in_groups| Way {
            in_groups,
            saved: &[false, true],
            spare: 0,
        });
        return Some(ways.into_iter().find_map(generate)?.1);
    }
    if region.instrs(analysis).count() > words::MAX_INSTRS {
        return None;
    }
    let ways = words::WAYS.map(|spare| Way {
        in_groups: false,
        saved: &[true],
        spare,
    });
    let kernels = ways.into_iter().filter_map(generate);
    Some(kernels.min_by_key(|&(cost, _)| cost)?.1)
}

/// Generates the code of a loop in one way; and what it costs that numbers are in slots.
fn generate_with(
    analysis: &Analysis,
    region: &Region,
    source: &Source<'_>,
    used: &BTreeMap<u32, bool>,
    way: Way,
) -> Option<(u32, Kernel)> {
    let (mut free, registers, saved) = way.saved.iter().find_map(|&saved| {
        let (free, locals) = assign((analysis, region), used, saved)?;
        Some((free, locals, saved))
    })?;
    let locals = kernel_locals(analysis, used);
    let mut instrs = region.instrs(analysis);
    let uses_memory = instrs.any(|it| it.op.info().imms.contains(&Imm::Offset));
    if !uses_memory {
        free.give(Reg::Int(MEMORY));
    }
    let words = Words::new(
        (analysis, region),
        &locals,
        &mut free,
        way.spare,
        source.constants,
    );
    let mut g = Generator {
        ops: VecAssembler::new(0),
        analysis,
        source,
        locals: registers,
        words,
        invariants: Vec::new(),
        free,
        stack: Vec::new(),
        labels: BTreeMap::new(),
        constants: Vec::new(),
        traps: Vec::new(),
        faults: Vec::new(),
        next: None,
        took_next: false,
        kept: None,
        flags: None,
        groups: None,
    };
    let starts_at = |block: &Block| block.start;
    let targets = region.blocks.iter().map(starts_at);
    for offset in targets.chain(region.exits.iter().map(|exit| exit.to)) {
        let label = g.ops.new_dynamic_label();
        g.labels.insert(offset, label);
    }
    let header = region.blocks[0].start;
    let mut starts = vec![(0, header)];
    g.prologue(&locals, saved, uses_memory);
    g.find_invariants(region, used)?;
    let counted = Counted::of(analysis, region).filter(|_| way.in_groups);
    let before = g.ops.new_dynamic_label();
    if counted.is_some() {
        dynasm!(g.ops ; .arch x64 ; jmp =>before);
    }
    dynasm!(g.ops ; .arch x64 ; .align ALIGNMENT);
    for (at, block) in region.blocks.iter().enumerate() {
        let label = g.labels[&block.start];
        dynasm!(g.ops ; .arch x64 ; =>label);
        g.block(block, &mut starts)?;
        let last = analysis.instrs[block.instrs.end - 1];
        if !last.op.is_terminator() {
            let next = analysis.instrs.get(block.instrs.end)?.offset;
            if region.blocks.get(at + 1).is_none_or(|it| it.start != next) {
                g.jump(next)?;
            }
        }
    }
    let leave = g.ops.new_dynamic_label();
    for (number, exit) in region.exits.iter().enumerate() {
        let label = g.labels[&exit.to];
        dynasm!(g.ops ; .arch x64 ; =>label ; push number as i32 ; jmp =>leave);
    }
    dynasm!(g.ops ; .arch x64 ; =>leave);
    g.epilogue(&locals, saved);
    if let Some(counted) = counted {
        g.groups(counted, region, before, &mut starts)?;
    }
    g.place_constants();
    let kernel = Kernel {
        slot_bytes: g.words.bytes(),
        code: g.ops.finalize().ok()?,
        traps: g.traps,
        faults: g.faults,
        starts,
        locals,
        exits: region.exits.clone(),
    };
    Some((g.words.cost, kernel))
}

/// The locals that a loop uses, and whether it writes them.
fn used_locals(analysis: &Analysis, region: &Region) -> Option<BTreeMap<u32, bool>> {
    let mut used = BTreeMap::new();
    for instr in region.instrs(analysis) {
        let writes = match instr.op {
            Op::LocalGet => false,
            Op::LocalSet | Op::LocalTee => true,
            _ => continue,
        };
        *used.entry(u32::try_from(instr.a).ok()?).or_default() |= writes;
    }
    Some(used)
}

/// A register for each local; `None` where too few are left then.
fn assign(
    (analysis, region): (&Analysis, &Region),
    used: &BTreeMap<u32, bool>,
    saved: bool,
) -> Option<(Free, BTreeMap<u32, Reg>)> {
    let mut free = Free::all(saved);
    words::keep_registers((analysis, region), &mut free);
    let mut locals = BTreeMap::new();
    let is_other = |local: &&u32| !words::is_word(analysis.locals[**local as usize]);
    for &local in used.keys().filter(is_other) {
        let class = Class::of(analysis.locals[local as usize])?;
        locals.insert(local, free.take(class)?);
    }
    let (ints, vecs) = free.left();
    (ints >= SPARE.0 && vecs >= SPARE.1).then_some((free, locals))
}

/// The locals with their places in slots.
fn kernel_locals(analysis: &Analysis, used: &BTreeMap<u32, bool>) -> Vec<KernelLocal> {
    let mut at = 0;
    let local = |(&index, &written): (&u32, &bool)| {
        let local = KernelLocal { index, at, written };
        at += 8 * analysis.locals[index as usize].slots();
        local
    };
    used.iter().map(local).collect()
}

impl<'a> Generator<'a> {
    fn prologue(&mut self, locals: &[KernelLocal], saved: bool, uses_memory: bool) {
        for reg in SAVED.into_iter().filter(|_| saved) {
            dynasm!(self.ops ; .arch x64 ; push Rq(reg));
        }
        for local in locals {
            let Some(&reg) = self.locals.get(&local.index) else {
                continue;
            };
            let at = local.at as i32;
            self.load_reg(self.local_type(local.index), reg, at);
        }
        if uses_memory {
            let base = std::mem::offset_of!(VmContext, memory_base) as i32;
            dynasm!(self.ops ; .arch x64 ; mov Rq(MEMORY), [Rq(MEMORY) + base]);
        }
        self.load_words(locals);
    }

    fn epilogue(&mut self, locals: &[KernelLocal], saved: bool) {
        self.store_words(locals);
        for local in locals.iter().filter(|local| local.written) {
            let Some(&reg) = self.locals.get(&local.index) else {
                continue;
            };
            let at = local.at as i32;
            self.store_reg(self.local_type(local.index), reg, at);
        }
        dynasm!(self.ops ; .arch x64 ; pop rax);
        // Code with instructions of 128 bits would have to keep the upper halves.
        dynasm!(self.ops ; .arch x64 ; vzeroupper);
        for reg in SAVED.into_iter().rev().filter(|_| saved) {
            dynasm!(self.ops ; .arch x64 ; pop Rq(reg));
        }
        // With a prefix that means nothing: a thread that is stopped here has the unit's frame, other than
        // at the returns of the unit itself.
        dynasm!(self.ops ; .arch x64 ; .bytes [0xf3, 0xc3]);
    }

    /// Reads a register from slots.
    fn load_reg(&mut self, ty: ValType, reg: Reg, at: i32) {
        match reg {
            Reg::Int(reg) => dynasm!(self.ops ; .arch x64 ; mov Rq(reg), [Rq(SLOTS) + at]),
            Reg::Vec(reg) if ty == ValType::V256 => self.load_halves(reg, at),
            Reg::Vec(reg) if ty == ValType::V128 => {
                dynasm!(self.ops ; .arch x64 ; vmovdqu Rx(reg), [Rq(SLOTS) + at]);
            }
            Reg::Vec(reg) => dynasm!(self.ops ; .arch x64 ; vmovq Rx(reg), [Rq(SLOTS) + at]),
            Reg::Pair(low, high) => {
                self.load_halves(low, at);
                self.load_halves(high, at + 32);
            }
        }
    }

    /// Reads halves as they were written just before: the processor takes them from there.
    fn load_halves(&mut self, reg: u8, at: i32) {
        dynasm!(self.ops
            ; .arch x64
            ; vmovdqu Rx(reg), [Rq(SLOTS) + at]
            ; vinserti128 Ry(reg), Ry(reg), [Rq(SLOTS) + at + 16], 1
        );
    }

    /// Writes a register to slots.
    fn store_reg(&mut self, ty: ValType, reg: Reg, at: i32) {
        match reg {
            Reg::Int(reg) => dynasm!(self.ops ; .arch x64 ; mov [Rq(SLOTS) + at], Rq(reg)),
            Reg::Vec(reg) if ty == ValType::V256 => {
                dynasm!(self.ops ; .arch x64 ; vmovdqu [Rq(SLOTS) + at], Ry(reg));
            }
            Reg::Vec(reg) if ty == ValType::V128 => {
                dynasm!(self.ops ; .arch x64 ; vmovdqu [Rq(SLOTS) + at], Rx(reg));
            }
            Reg::Vec(reg) => dynasm!(self.ops ; .arch x64 ; vmovq [Rq(SLOTS) + at], Rx(reg)),
            Reg::Pair(low, high) => dynasm!(self.ops
                ; .arch x64
                ; vmovdqu [Rq(SLOTS) + at], Ry(low)
                ; vmovdqu [Rq(SLOTS) + at + 32], Ry(high)
            ),
        }
    }

    /// Computes in advance what is the same in every iteration, as far as there are registers: wide constants,
    /// splats of constants and of locals that are not written.
    fn find_invariants(&mut self, region: &Region, used: &BTreeMap<u32, bool>) -> Option<()> {
        let mut found = BTreeSet::new();
        for block in &region.blocks {
            let instrs = &self.analysis.instrs[block.instrs.clone()];
            for (at, &first) in instrs.iter().enumerate() {
                let last = match first.op {
                    Op::V256Push | Op::V512Push => Some(first),
                    Op::I32Push | Op::I64Push | Op::F32Push | Op::F64Push => {
                        instrs.get(at + 1).copied()
                    }
                    Op::LocalGet if used.get(&(first.a as u32)) == Some(&false) => {
                        instrs.get(at + 1).copied()
                    }
                    _ => None,
                };
                let wide = |last: &Instr| last.offset == first.offset || is_splat(last.op);
                let Some(last) = last.filter(wide) else {
                    continue;
                };
                let key = ((first.op, first.a), last.op);
                if !found.insert((first.op as u32, first.a, last.op as u32)) {
                    continue;
                }
                let Some(reg) = self.take_for_good(vector::result_class(last.op)?) else {
                    continue;
                };
                self.next = None;
                if last.offset != first.offset {
                    self.instr(&first)?;
                }
                self.kept = Some(reg);
                self.instr(&last)?;
                self.kept = None;
                self.invariants.push((key, reg));
            }
        }
        Some(())
    }

    pub(super) fn block(&mut self, block: &Block, starts: &mut Vec<(u32, u32)>) -> Option<()> {
        let mut at = block.instrs.start;
        self.flags = None;
        while at < block.instrs.end {
            let instr = self.analysis.instrs[at];
            at += 1;
            let next = (at < block.instrs.end).then(|| self.analysis.instrs[at]);
            let start = (self.ops.offset().0 as u32, instr.offset);
            match starts.last_mut() {
                // What came before has no code.
                Some(last) if last.0 == start.0 => *last = start,
                _ => starts.push(start),
            }
            let behind = self.skip_counting(at - 1);
            if let Some(behind) = behind.or_else(|| self.skip_sum(at - 1, block.instrs.end)) {
                at = behind;
                continue;
            }
            let invariant = |last: &Instr| {
                let key = ((instr.op, instr.a), last.op);
                let known = self.invariants.iter().find(|it| it.0 == key);
                known.map(|it| (it.1, last.offset != instr.offset))
            };
            if let Some((reg, two)) = invariant(&instr).or_else(|| invariant(next.as_ref()?)) {
                self.stack.push(Entry::Fixed(reg));
                at += usize::from(two);
                continue;
            }
            self.next = next;
            self.took_next = false;
            self.instr(&instr)?;
            at += usize::from(self.took_next);
        }
        self.stack.is_empty().then_some(())
    }

    fn instr(&mut self, instr: &Instr) -> Option<()> {
        if !words::leaves_shifted(instr.op) {
            self.settle_shifted()?;
        }
        match instr.op {
            Op::Nop | Op::Cold | Op::Loop => {}
            Op::LocalGet => self.push_local(instr.a as u32),
            Op::LocalSet => self.set_local(instr.a as u32)?,
            Op::LocalTee => {
                self.set_local(instr.a as u32)?;
                self.stack.push(Entry::Local(instr.a as u32));
            }
            Op::Pop => {
                let mut entry = self.pop()?;
                if let Entry::Memory(_) = entry {
                    self.reg(&mut entry)?;
                }
                self.release(entry);
            }
            Op::I32Push => self.push_const(ValType::I32, u128::from(instr.a as u32)),
            Op::I64Push => self.push_const(ValType::I64, u128::from(instr.a)),
            Op::F32Push => self.push_const(ValType::F32, u128::from(instr.a as u32)),
            Op::F64Push => self.push_const(ValType::F64, u128::from(instr.a)),
            Op::V128Push => self.push_const(ValType::V128, instr.vector()),
            Op::V256Push | Op::V512Push => self.push_vector(instr)?,
            // A group goes on with what comes next.
            Op::Jmp if self.groups.is_some() => {}
            Op::Jmp => self.jump(instr.a as u32)?,
            Op::Jz | Op::Jnz => self.jump_if(instr)?,
            Op::Select => self.select()?,
            Op::Swap => self.rearrange(2, &[1, 0])?,
            Op::Rot => self.rearrange(3, &[1, 2, 0])?,
            _ if words::is_on_words(instr.op) => self.word(instr)?,
            _ if self.scalar(instr).is_some() => {}
            _ => self.vector(instr)?,
        }
        Some(())
    }

    fn push_const(&mut self, ty: ValType, bits: u128) {
        self.stack.push(Entry::Const(ty, bits));
    }

    fn local_type(&self, local: u32) -> ValType {
        self.analysis.locals[local as usize]
    }

    fn jump(&mut self, to: u32) -> Option<()> {
        let label = *self.labels.get(&to)?;
        dynasm!(self.ops ; .arch x64 ; jmp =>label);
        Some(())
    }

    /// `jz` and `jnz` of a number that is not the result of a comparison right before.
    fn jump_if(&mut self, instr: &Instr) -> Option<()> {
        let (condition, reg) = self.pop_int()?;
        self.release(condition);
        self.test_int(false, reg);
        let (when, label) = self.jump_target(instr)?;
        match when {
            true => self.jump_on(Condition::NotEqual, label),
            false => self.jump_on(Condition::Equal, label),
        }
        Some(())
    }

    /// The jump that comes next, if one does: whether it is taken where the condition holds, and its target.
    /// It need not be generated any more.
    pub(super) fn take_jump(&mut self) -> Option<(bool, DynamicLabel)> {
        let next = self
            .next
            .filter(|next| matches!(next.op, Op::Jz | Op::Jnz))?;
        let target = self.jump_target(&next)?;
        self.took_next = true;
        Some(target)
    }

    /// Whether a conditional jump is to be taken where its condition holds, and its target. In a group, a jump
    /// back becomes one out of the loop that is taken otherwise.
    fn jump_target(&mut self, jump: &Instr) -> Option<(bool, DynamicLabel)> {
        let (when, to) = (jump.op == Op::Jnz, jump.a as u32);
        if self.groups.is_none() {
            return Some((when, self.label(to)?));
        }
        if !self.is_next_iteration(to) {
            return Some((when, self.way_out(to)?));
        }
        let below = self.analysis.index(jump.offset)? + 1;
        let below = self.analysis.instrs.get(below)?.offset;
        Some((!when, self.way_out(below)?))
    }

    /// The label of a basic block or a way out.
    pub(super) fn label(&self, offset: u32) -> Option<DynamicLabel> {
        self.labels.get(&offset).copied()
    }

    /// The register of a local that is an integer.
    pub(super) fn int_of(&self, local: u32) -> Option<u8> {
        match self.locals.get(&local)? {
            Reg::Int(reg) => Some(*reg),
            _ => None,
        }
    }

    pub(super) fn pop(&mut self) -> Option<Entry> {
        self.stack.pop()
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.stack.push(entry);
    }

    /// Pops `take` values and pushes those of the given positions, 0 being the deepest popped.
    fn rearrange(&mut self, take: usize, order: &[usize]) -> Option<()> {
        let popped = self.stack.split_off(self.stack.len().checked_sub(take)?);
        self.stack.extend(order.iter().map(|&i| popped[i]));
        Some(())
    }

    /// How many values are on the operand stack.
    pub(super) fn stack_len(&self) -> usize {
        self.stack.len()
    }

    /// A value on the operand stack, 0 being the deepest.
    pub(super) fn entry(&self, at: usize) -> Entry {
        self.stack[at]
    }

    /// Where on the operand stack that value is.
    pub(super) fn position(&self, entry: Entry) -> Option<usize> {
        self.stack.iter().position(|&it| it == entry)
    }

    /// A value on the operand stack is somewhere else now.
    pub(super) fn replace(&mut self, at: usize, entry: Entry) {
        self.stack[at] = entry;
    }

    /// How many general registers are free.
    pub(super) fn ints_left(&self) -> u32 {
        self.free.left().0
    }

    /// The local that the next instruction sets, and what becomes of the value then.
    pub(super) fn next_local(&self) -> Option<(u32, Then)> {
        let next = self.next?;
        let local = next.a as u32;
        match next.op {
            Op::LocalSet => Some((local, Then::Set)),
            Op::LocalTee => Some((local, Then::Tee(local))),
            _ => None,
        }
    }

    /// A register for something in between.
    pub(super) fn take(&mut self, class: Class) -> Option<Reg> {
        self.free.take(class)
    }

    /// A register that is kept, unless too few are left then.
    pub(super) fn take_for_good(&mut self, class: Class) -> Option<Reg> {
        let mut free = self.free;
        let reg = free.take(class)?;
        let (ints, vecs) = free.left();
        (ints >= SPARE.0 && vecs >= SPARE.1).then(|| {
            self.free = free;
            reg
        })
    }

    /// A vector register for something in between.
    pub(super) fn take_vec(&mut self) -> Option<u8> {
        match self.free.take(Class::Vec)? {
            Reg::Vec(reg) => Some(reg),
            _ => None,
        }
    }

    pub(super) fn give_vec(&mut self, reg: u8) {
        self.free.give(Reg::Vec(reg));
    }

    /// What an entry took is free again.
    pub(super) fn release(&mut self, entry: Entry) {
        match entry {
            Entry::Temp(reg) => self.free.give(reg),
            Entry::Memory(address) if address.is_temp => self.free.give(Reg::Int(address.index)),
            Entry::Word(word) => self.release_word(&word),
            _ => {}
        }
    }

    /// The register of an entry; what has none gets one, which the entry becomes.
    pub(super) fn reg(&mut self, entry: &mut Entry) -> Option<Reg> {
        Some(match *entry {
            Entry::Local(local) => *self.locals.get(&local)?,
            Entry::Sum(sum) => {
                let reg = self.free.take(Class::Int)?;
                if let Reg::Int(to) = reg {
                    self.load_sum(to, sum)?;
                }
                *entry = Entry::Temp(reg);
                reg
            }
            Entry::Word(_) | Entry::Shifted(_) => return None,
            Entry::Fixed(reg) | Entry::Temp(reg) => reg,
            Entry::Const(ty, bits) => {
                let reg = self.free.take(Class::of(ty)?)?;
                self.load_const(ty, bits, reg)?;
                *entry = Entry::Temp(reg);
                reg
            }
            Entry::Memory(address) => {
                let reg = self.free.take(Class::of(address.ty)?)?;
                self.load_at(address, reg);
                self.release(*entry);
                *entry = Entry::Temp(reg);
                reg
            }
        })
    }

    /// Pops a value into a register. What it takes is free before the result is there.
    pub(super) fn pop_int(&mut self) -> Option<(Entry, u8)> {
        let mut entry = self.pop()?;
        match self.reg(&mut entry)? {
            Reg::Int(reg) => Some((entry, reg)),
            _ => None,
        }
    }

    /// Pops a vector or a float.
    pub(super) fn pop_vec(&mut self) -> Option<(Entry, Reg)> {
        let mut entry = self.pop()?;
        let reg = self.reg(&mut entry)?;
        (!matches!(reg, Reg::Int(_))).then_some((entry, reg))
    }

    fn load_const(&mut self, ty: ValType, bits: u128, reg: Reg) -> Option<()> {
        match (ty, reg) {
            (ValType::I32 | ValType::I64, Reg::Int(reg)) => match i32::try_from(bits) {
                Ok(0) => dynasm!(self.ops ; .arch x64 ; xor Rd(reg), Rd(reg)),
                Ok(bits) => dynasm!(self.ops ; .arch x64 ; mov Rd(reg), bits),
                Err(_) => dynasm!(self.ops ; .arch x64 ; mov Rq(reg), QWORD bits as i64),
            },
            (_, Reg::Vec(reg)) => {
                let label = self.constant(&[bits]);
                dynasm!(self.ops ; .arch x64 ; vmovdqu Rx(reg), [=>label]);
            }
            _ => return None,
        }
        Some(())
    }

    /// The place of a constant of that many times 128 bits.
    pub(super) fn constant(&mut self, bits: &[u128]) -> DynamicLabel {
        let known = self.constants.iter().find(|it| it.0 == bits);
        match known {
            Some(&(_, label)) => label,
            None => {
                let label = self.ops.new_dynamic_label();
                self.constants.push((bits.to_vec(), label));
                label
            }
        }
    }

    fn place_constants(&mut self) {
        dynasm!(self.ops ; .arch x64 ; .align ALIGNMENT);
        for (bits, label) in std::mem::take(&mut self.constants) {
            dynasm!(self.ops ; .arch x64 ; =>label);
            for bits in bits {
                self.ops.extend(bits.to_le_bytes());
            }
        }
    }

    /// Where a result goes. Operands must have been popped.
    pub(super) fn dest(&mut self, class: Class) -> Option<Dest> {
        if let Some(reg) = self.kept {
            return Some(Dest {
                reg,
                then: Then::Keep,
            });
        }
        if let Some((local, then)) = self.next_local()
            && let Some(&reg) = self.locals.get(&local)
        {
            let reads = |entry: &Entry| match *entry {
                Entry::Local(other) => other == local,
                Entry::Memory(address) => reg == Reg::Int(address.index),
                _ => false,
            };
            let used = self.stack.iter().any(reads);
            if !used && Class::of(self.local_type(local)) == Some(class) {
                return Some(Dest { reg, then });
            }
        }
        Some(Dest {
            reg: self.free.take(class)?,
            then: Then::Push,
        })
    }

    /// The result is there.
    pub(super) fn done(&mut self, dest: Dest) {
        self.done_as(dest.then, Entry::Temp(dest.reg));
    }

    /// The same, for a result that is that value on the operand stack.
    pub(super) fn done_as(&mut self, then: Then, entry: Entry) {
        match then {
            Then::Push => self.stack.push(entry),
            Then::Set => self.took_next = true,
            Then::Tee(local) => {
                self.took_next = true;
                self.stack.push(Entry::Local(local));
            }
            Then::Keep => {}
        }
    }

    fn set_local(&mut self, local: u32) -> Option<()> {
        if words::is_word(self.local_type(local)) {
            return self.set_word(local);
        }
        if self.int_of(local).is_some() {
            self.settle()?;
        }
        let mut value = self.pop()?;
        if value == Entry::Local(local) {
            return Some(());
        }
        let to = self.locals[&local];
        // What was read before keeps the value that it had.
        if self.stack.contains(&Entry::Local(local)) {
            let class = Class::of(self.local_type(local))?;
            let copy = self.free.take(class)?;
            self.copy(copy, to);
            let old = self
                .stack
                .iter_mut()
                .filter(|it| **it == Entry::Local(local));
            let mut old: Vec<&mut Entry> = old.collect();
            // One register cannot be two entries' own.
            let [old] = &mut old[..] else { return None };
            **old = Entry::Temp(copy);
        }
        if let Entry::Const(ty, bits) = value {
            return self.load_const(ty, bits, to);
        }
        let from = self.reg(&mut value)?;
        self.copy(to, from);
        self.release(value);
        Some(())
    }

    /// Copies a register to another one of the same class.
    pub(super) fn copy(&mut self, to: Reg, from: Reg) {
        match (to, from) {
            (to, from) if to == from => {}
            (Reg::Int(to), Reg::Int(from)) => {
                dynasm!(self.ops ; .arch x64 ; mov Rq(to), Rq(from));
            }
            (Reg::Pair(low, high), Reg::Pair(from_low, from_high)) => dynasm!(self.ops
                ; .arch x64
                ; vmovdqa Ry(low), Ry(from_low)
                ; vmovdqa Ry(high), Ry(from_high)
            ),
            (Reg::Vec(to), Reg::Vec(from)) => {
                dynasm!(self.ops ; .arch x64 ; vmovdqa Ry(to), Ry(from));
            }
            _ => unreachable!("registers of one class"),
        }
    }

    /// Whether a local takes the result of the instruction.
    pub(super) fn goes_to_local(&self) -> bool {
        self.next
            .is_some_and(|next| matches!(next.op, Op::LocalSet | Op::LocalTee))
    }
}
