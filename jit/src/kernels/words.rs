//! Integers of 128 to 512 bits, limb by limb.
//!
//! A limb is in a general register, or in a slot beside those of the kernel's locals where there are too few:
//! most instructions take one of their operands from there. Numbers that are known are no limbs at all, but
//! part of the instructions. Sums are chains of the processor's additions with carry, which Cranelift's
//! intermediate form cannot say; products add two chains at once (`adcx`, `adox`).
//!
//! Which locals have registers is tried: of a few ways, the one that goes to slots least is taken.

mod arithmetic;
mod compare;
mod convert;
mod kinds;
mod memory;
mod product;
mod shift;

use std::collections::BTreeMap;

use dotvm_isa::bits::Bits;
use dotvm_isa::{Instr, Op, ValType};
use dynasmrt::{DynasmApi, dynasm};

use super::KernelLocal;
use super::generator::{Entry, Generator, Then};
use super::region::Region;
use super::registers::{Class, Free, Reg, SLOTS};
use crate::analysis::Analysis;
use kinds::Kind;
pub(super) use shift::{Shifted, leaves_shifted};

/// Limbs of the widest integer.
const MAX_LIMBS: usize = 8;

/// Registers that values of the operand stack leave for single instructions.
const RESERVED: u32 = 3;

/// How many registers are left when the locals have theirs: the ways to try.
pub(super) const WAYS: [u32; 4] = [RESERVED, 6, 8, 10];

/// The most instructions of a loop: it is generated several times, and longer ones hardly gain.
pub(super) const MAX_INSTRS: usize = 1024;

/// What one more access of a slot costs.
const LOAD_COST: u32 = 1;
const STORE_COST: u32 = 3;

/// 64 bits of a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Limb {
    Const(u64),
    Reg(u8),
    /// In the slot at that offset, in bytes.
    Slot(i32),
}

/// A number: where its limbs are, the least significant one first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Word {
    limbs: [Limb; MAX_LIMBS],
    len: u8,
}

impl Word {
    fn new(limbs: &[Limb]) -> Word {
        let mut word = Word {
            limbs: [Limb::Const(0); MAX_LIMBS],
            len: limbs.len() as u8,
        };
        word.limbs[..limbs.len()].copy_from_slice(limbs);
        word
    }

    fn limbs(&self) -> &[Limb] {
        &self.limbs[..usize::from(self.len)]
    }

    fn limbs_mut(&mut self) -> &mut [Limb] {
        &mut self.limbs[..usize::from(self.len)]
    }

    /// Whether each limb has a place of its own, so that another number can be put there.
    fn is_writable(&self) -> bool {
        let limbs = self.limbs();
        let own = |(i, limb): (usize, &Limb)| {
            !matches!(limb, Limb::Const(_)) && !limbs[..i].contains(limb)
        };
        limbs.iter().enumerate().all(own)
    }

    /// The limbs that are known to be zero.
    fn zeros(&self) -> usize {
        let zero = |limb: &&Limb| **limb == Limb::Const(0);
        self.limbs().iter().filter(zero).count()
    }
}

/// A number that an instruction takes.
#[derive(Clone, Copy, Debug)]
struct Operand {
    word: Word,
    /// Whether its places are free when it is taken.
    own: bool,
}

/// Where a number that is computed goes.
#[derive(Clone, Copy, Debug)]
struct Target {
    word: Word,
    then: Then,
}

/// What generating a kernel has to remember of words.
pub(super) struct Words<'a> {
    /// Where the locals are.
    locals: BTreeMap<u32, Word>,
    /// Offset of the first slot behind the locals.
    base: i32,
    /// Which slots from there on are in use.
    slots: Vec<bool>,
    /// Slots for shifts by counts that are not known.
    area: Option<i32>,
    /// What accesses of slots cost all together.
    pub(super) cost: u32,
    /// Knows the constants that instructions push.
    constants: &'a dyn Fn(&Instr) -> Bits,
}

/// Whether these are integers of more than 64 bits.
pub(super) fn is_word(ty: ValType) -> bool {
    matches!(ty, ValType::I128 | ValType::I256 | ValType::I512)
}

/// Whether an instruction is one on such integers.
pub(super) fn is_on_words(op: Op) -> bool {
    Kind::of(op).is_some()
}

/// Keeps the registers that single instructions of a loop need.
pub(super) fn keep_registers((analysis, region): (&Analysis, &Region), free: &mut Free) {
    let mut instrs = region.instrs(analysis);
    if instrs.any(|instr| product::is_product(instr.op)) {
        free.keep(product::FACTOR);
    }
}

impl<'a> Words<'a> {
    /// Places for the locals: registers for those that are used most, as long as more than `spare` are left.
    pub(super) fn new(
        (analysis, region): (&Analysis, &Region),
        locals: &[KernelLocal],
        free: &mut Free,
        spare: u32,
        constants: &'a dyn Fn(&Instr) -> Bits,
    ) -> Words<'a> {
        let instrs = || region.instrs(analysis);
        let ty = |local: &KernelLocal| analysis.locals[local.index as usize];
        let uses = |local: &KernelLocal| {
            let weight = |instr: &Instr| match instr.op {
                Op::LocalGet if instr.a == u64::from(local.index) => LOAD_COST,
                Op::LocalSet | Op::LocalTee if instr.a == u64::from(local.index) => STORE_COST,
                _ => 0,
            };
            instrs().map(weight).sum::<u32>()
        };
        let mut own: Vec<&KernelLocal> = locals.iter().filter(|it| is_word(ty(it))).collect();
        own.sort_by_key(|local| std::cmp::Reverse(uses(local)));
        let mut places = BTreeMap::new();
        for local in own {
            let slots = ty(local).slots();
            let limbs: Vec<Limb> = (0..slots)
                .map(|_| match free.left().0 > spare {
                    true => free.take_int().map(Limb::Reg),
                    false => None,
                })
                .zip((local.at as i32..).step_by(8))
                .map(|(reg, at)| reg.unwrap_or(Limb::Slot(at)))
                .collect();
            places.insert(local.index, Word::new(&limbs));
        }
        let end = locals.last();
        let base = end.map_or(0, |last| last.at + 8 * ty(last).slots()) as i32;
        Words {
            locals: places,
            base,
            slots: Vec::new(),
            area: None,
            cost: 0,
            constants,
        }
    }

    /// Bytes of all slots, those of the locals included.
    pub(super) fn bytes(&self) -> u32 {
        self.base as u32 + 8 * self.slots.len() as u32
    }

    fn take_slot(&mut self) -> i32 {
        let free = self.slots.iter().position(|&used| !used);
        let number = free.unwrap_or(self.slots.len());
        self.slots.resize(self.slots.len().max(number + 1), false);
        self.slots[number] = true;
        self.base + 8 * number as i32
    }

    fn give_slot(&mut self, at: i32) {
        self.slots[(at - self.base) as usize / 8] = false;
    }

    /// The first of twice as many slots as the widest number has, next to each other.
    fn area(&mut self) -> i32 {
        *self.area.get_or_insert_with(|| {
            let at = self.base + 8 * self.slots.len() as i32;
            self.slots.resize(self.slots.len() + 2 * MAX_LIMBS, true);
            at
        })
    }
}

impl Generator<'_> {
    /// Generates an instruction on words.
    pub(super) fn word(&mut self, instr: &Instr) -> Option<()> {
        use crate::lower::{PairOp as P, WideOp as W};
        match Kind::of(instr.op)? {
            Kind::Push => {
                let bits = (self.words.constants)(instr);
                let slots = instr.op.result()?.slots() as usize;
                let limbs: Vec<Limb> = bits.0[..slots].iter().map(|&it| Limb::Const(it)).collect();
                self.push(Entry::Word(Word::new(&limbs)));
                Some(())
            }
            Kind::Load(op) => self.load_word(op, instr),
            Kind::Store(op) => self.store_word(op, instr),
            Kind::Wide(op) => match op {
                W::Eqz => self.equals_zero(),
                W::Eq | W::Ne => self.equal(op),
                W::Lt | W::LtU | W::Gt | W::GtU | W::Le | W::LeU | W::Ge | W::GeU => self.order(op),
                W::Min | W::MinU | W::Max | W::MaxU => self.extreme(op),
                W::Clz | W::Ctz | W::Popcnt => self.count_bits(op),
                W::Add | W::Sub => self.sum(op == W::Sub),
                W::Neg => self.opposite(),
                W::Abs => self.absolute(),
                W::And | W::Or | W::Xor => self.logic(op),
                W::Not => self.flip(),
                W::Bswap => self.swap_bytes(),
                W::Mul => self.multiply(),
                W::Shl | W::Shr | W::ShrU | W::Rotl | W::Rotr => self.shift(op),
                W::Limb => self.limb(instr.a as usize, ValType::I64),
                W::WrapI32 => self.limb(0, ValType::I32),
                W::WrapI64 => self.limb(0, ValType::I64),
                W::WrapI128 | W::WrapI256 => self.wrap(instr.op.result()?),
                W::FromLimbs => self.join_limbs(instr.op.result()?),
                W::ExtendI32 | W::ExtendI64 | W::ExtendI128 | W::ExtendI256 => {
                    self.extend(op, instr.op.result()?, true)
                }
                W::ExtendI32U | W::ExtendI64U | W::ExtendI128U | W::ExtendI256U => {
                    self.extend(op, instr.op.result()?, false)
                }
                _ => None,
            },
            Kind::Pair(op) => match op {
                P::AddOverflow
                | P::AddOverflowU
                | P::SubOverflow
                | P::SubOverflowU
                | P::AddCarry
                | P::SubBorrow => self.checked_sum(op),
                P::MulWideU => self.multiply_wide(),
                _ => None,
            },
        }
    }

    /// What a local's limbs are in when the loop starts.
    pub(super) fn load_words(&mut self, locals: &[KernelLocal]) {
        for local in locals {
            let Some(&word) = self.words.locals.get(&local.index) else {
                continue;
            };
            for (&limb, at) in word.limbs().iter().zip((local.at as i32..).step_by(8)) {
                if let Limb::Reg(reg) = limb {
                    dynasm!(self.ops ; .arch x64 ; mov Rq(reg), [Rq(SLOTS) + at]);
                }
            }
        }
    }

    /// Puts back what the loop has written.
    pub(super) fn store_words(&mut self, locals: &[KernelLocal]) {
        for local in locals.iter().filter(|local| local.written) {
            let Some(&word) = self.words.locals.get(&local.index) else {
                continue;
            };
            for (&limb, at) in word.limbs().iter().zip((local.at as i32..).step_by(8)) {
                if let Limb::Reg(reg) = limb {
                    dynasm!(self.ops ; .arch x64 ; mov [Rq(SLOTS) + at], Rq(reg));
                }
            }
        }
    }

    /// `local.set` of a word that was not computed in its place.
    pub(super) fn set_word(&mut self, local: u32) -> Option<()> {
        let value = self.pop_word()?;
        let to = self.words.locals[&local];
        // What was read before keeps the value that it had.
        while let Some(at) = self.position(Entry::Local(local)) {
            let copy = self.new_word(to.limbs().len());
            self.copy_word(&copy, &to)?;
            self.replace(at, Entry::Word(copy));
        }
        self.copy_word(&to, &value.word)?;
        self.give_word(value);
        Some(())
    }

    /// What an entry's limbs took is free again.
    pub(super) fn release_word(&mut self, word: &Word) {
        for &limb in word.limbs() {
            self.give_limb(limb);
        }
    }

    fn pop_word(&mut self) -> Option<Operand> {
        Some(match self.pop()? {
            Entry::Local(local) => Operand {
                word: *self.words.locals.get(&local)?,
                own: false,
            },
            Entry::Word(word) => Operand { word, own: true },
            _ => return None,
        })
    }

    fn give_word(&mut self, operand: Operand) {
        if operand.own {
            self.release_word(&operand.word);
        }
    }

    fn give_limb(&mut self, limb: Limb) {
        match limb {
            Limb::Const(_) => {}
            Limb::Reg(reg) => self.give_int(reg),
            Limb::Slot(at) => self.words.give_slot(at),
        }
    }

    fn give_int(&mut self, reg: u8) {
        self.release(Entry::Temp(Reg::Int(reg)));
    }

    /// A place for a limb: a register while there are enough.
    fn new_limb(&mut self) -> Limb {
        if self.ints_left() > RESERVED
            && let Some(Reg::Int(reg)) = self.take(Class::Int)
        {
            return Limb::Reg(reg);
        }
        Limb::Slot(self.words.take_slot())
    }

    fn new_word(&mut self, len: usize) -> Word {
        let limbs: Vec<Limb> = (0..len).map(|_| self.new_limb()).collect();
        Word::new(&limbs)
    }

    /// A register for something in between. Flags stay as they are.
    fn scratch(&mut self) -> Option<u8> {
        self.make_room(1)?;
        match self.take(Class::Int)? {
            Reg::Int(reg) => Some(reg),
            _ => None,
        }
    }

    /// Sees to it that so many registers are free: limbs on the operand stack go to slots, those first that
    /// are needed last.
    fn make_room(&mut self, count: u32) -> Option<()> {
        while self.ints_left() < count {
            let in_reg = |limb: &Limb| matches!(limb, Limb::Reg(_));
            let (at, mut word, limb) =
                (0..self.stack_len()).find_map(|at| match self.entry(at) {
                    Entry::Word(word) => {
                        let limb = word.limbs().iter().copied().find(in_reg)?;
                        Some((at, word, limb))
                    }
                    _ => None,
                })?;
            let slot = Limb::Slot(self.words.take_slot());
            self.move_limb(slot, limb)?;
            let places = word.limbs_mut().iter_mut();
            places
                .filter(|it| **it == limb)
                .for_each(|place| *place = slot);
            self.replace(at, Entry::Word(word));
            self.give_limb(limb);
        }
        Some(())
    }

    /// Where a result goes, which may be in the place of an operand that is not needed any more: what
    /// computes it reads no limb of an operand after it has written the one of the same number.
    fn target(&mut self, len: usize, operands: &mut [&mut Operand]) -> Target {
        if let Some(target) = self.local_target() {
            return target;
        }
        let fits = |it: &&mut &mut Operand| {
            it.own && it.word.limbs().len() == len && it.word.is_writable()
        };
        let word = match operands.iter_mut().find(fits) {
            Some(operand) => {
                operand.own = false;
                operand.word
            }
            None => self.new_word(len),
        };
        let then = Then::Push;
        Target { word, then }
    }

    /// Where a result goes that overwrites none of the operands, which it may be computed of at any time.
    fn target_beside(&mut self, len: usize, operands: &[Operand]) -> Target {
        let beside = |target: &Target| operands.iter().all(|it| it.word != target.word);
        match self.local_target().filter(beside) {
            Some(target) => target,
            None => Target {
                word: self.new_word(len),
                then: Then::Push,
            },
        }
    }

    /// The local that the next instruction writes the result to, unless its value is still needed.
    fn local_target(&self) -> Option<Target> {
        let (local, then) = self.next_local()?;
        let &word = self.words.locals.get(&local)?;
        let needs = |entry: &Entry| match *entry {
            Entry::Local(other) => other == local,
            Entry::Shifted(shifted) => shifted.local == local,
            _ => false,
        };
        let needed = self.stack.iter().any(needs);
        (!needed).then_some(Target { word, then })
    }

    /// The result is there.
    fn finish(&mut self, target: Target) {
        self.done_as(target.then, Entry::Word(target.word));
    }

    fn copy_word(&mut self, to: &Word, from: &Word) -> Option<()> {
        for (&to, &from) in to.limbs().iter().zip(from.limbs()) {
            self.move_limb(to, from)?;
        }
        Some(())
    }

    /// Copies a limb. Flags stay as they are.
    fn move_limb(&mut self, to: Limb, from: Limb) -> Option<()> {
        match (to, from) {
            (to, from) if to == from => {}
            (Limb::Reg(to), from) => self.load_limb(to, from),
            (Limb::Slot(_), Limb::Reg(from)) => self.store_limb(to, from),
            (Limb::Slot(_), _) => {
                let t = self.scratch()?;
                self.load_limb(t, from);
                self.store_limb(to, t);
                self.give_int(t);
            }
            (Limb::Const(_), _) => return None,
        }
        Some(())
    }

    /// Puts a limb into a register. Flags stay as they are.
    fn load_limb(&mut self, to: u8, from: Limb) {
        match from {
            Limb::Reg(from) if from == to => {}
            Limb::Reg(from) => dynasm!(self.ops ; .arch x64 ; mov Rq(to), Rq(from)),
            Limb::Slot(at) => {
                self.words.cost += LOAD_COST;
                dynasm!(self.ops ; .arch x64 ; mov Rq(to), [Rq(SLOTS) + at]);
            }
            Limb::Const(bits) => match (u32::try_from(bits), i32::try_from(bits.cast_signed())) {
                (Ok(bits), _) => {
                    dynasm!(self.ops ; .arch x64 ; mov Rd(to), DWORD bits.cast_signed());
                }
                (_, Ok(bits)) => dynasm!(self.ops ; .arch x64 ; mov Rq(to), DWORD bits),
                _ => dynasm!(self.ops ; .arch x64 ; mov Rq(to), QWORD bits.cast_signed()),
            },
        }
    }

    /// Puts a register where a limb is.
    fn store_limb(&mut self, to: Limb, from: u8) {
        match to {
            Limb::Reg(to) if from == to => {}
            Limb::Reg(to) => dynasm!(self.ops ; .arch x64 ; mov Rq(to), Rq(from)),
            Limb::Slot(at) => {
                self.words.cost += STORE_COST;
                dynasm!(self.ops ; .arch x64 ; mov [Rq(SLOTS) + at], Rq(from));
            }
            Limb::Const(_) => unreachable!("results have places"),
        }
    }

    /// Where in the code's constants that one is.
    fn wide_constant(&mut self, bits: u64) -> dynasmrt::DynamicLabel {
        self.constant(&[u128::from(bits)])
    }
}

/// An instruction whose last operand is a limb: a register, a slot or a constant in memory.
macro_rules! with_limb {
    ($g:expr, $limb:expr, $name:ident $($first:expr),+) => {
        match $limb {
            Limb::Reg(reg) => dynasm!($g.ops ; .arch x64 ; $name $(Rq($first)),+, Rq(reg)),
            Limb::Slot(at) => {
                $g.words.cost += LOAD_COST;
                dynasm!($g.ops ; .arch x64 ; $name $(Rq($first)),+, [Rq(SLOTS) + at]);
            }
            Limb::Const(bits) => {
                let label = $g.wide_constant(bits);
                dynasm!($g.ops ; .arch x64 ; $name $(Rq($first)),+, [=>label]);
            }
        }
    };
}
use with_limb;
