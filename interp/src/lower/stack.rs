//! The symbolic operand stack, and what the accumulators hold.

use dotvm_isa::ValType;
use dotvm_isa::verify::Shape;

use super::select::{Pair, Place};
use super::{Lowerer, fields, fields_wide, span_forms};
use crate::handlers::moves::{Copy, Copy2, Copy3, CopySpan};
use crate::handlers::{Acc, S10, Wide};
use crate::machine::{Handler, handler};

/// Which accumulator a value of one slot uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    Int,
    F32,
    F64,
}

impl Class {
    pub(super) fn of(ty: ValType) -> Class {
        match ty {
            ValType::F32 => Class::F32,
            ValType::F64 => Class::F64,
            _ => Class::Int,
        }
    }

    const ALL: [Class; 3] = [Class::Int, Class::F32, Class::F64];
}

/// Where a value on the symbolic stack is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Where {
    /// In its home.
    Home,
    /// Still in the local with this index.
    Local(u32),
    /// Nowhere yet: a constant, as the content of its slot.
    Const(u64),
    /// Nowhere yet: a constant of several slots, by its index in [`Lowerer::constants`].
    Span(u32),
    /// Only in the accumulator of its class.
    Acc,
}

/// A value on the symbolic stack.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Entry {
    pub(super) place: Where,
    pub(super) ty: ValType,
    /// The first slot of its home.
    pub(super) home: u16,
}

impl Entry {
    /// What stands where an entry will be put.
    pub(super) const NONE: Entry = Entry {
        place: Where::Home,
        ty: ValType::I32,
        home: 0,
    };
}

/// An operand of an instruction to be emitted.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Operand {
    Acc,
    Slot(u16),
    Const(u64),
}

impl Operand {
    pub(super) fn place(self) -> Place {
        match self {
            Operand::Acc => Place::Acc,
            Operand::Slot(_) => Place::Slot,
            Operand::Const(_) => Place::Const,
        }
    }

    pub(super) fn slot(self) -> u16 {
        match self {
            Operand::Slot(slot) => slot,
            _ => 0,
        }
    }
}

/// The instruction that put the present value into an accumulator.
#[derive(Clone, Copy)]
struct Producer {
    /// Its first word.
    at: usize,
    /// Its form with a slot as destination.
    to_slot: Handler,
}

/// What an accumulator holds.
#[derive(Clone, Copy, Default)]
struct Accumulator {
    /// The entry (by its index) that lives only here.
    owner: Option<usize>,
    /// What made that value, while its destination may still be changed.
    producer: Option<Producer>,
    /// A slot known to have the same content.
    mirror: Option<u16>,
}

/// What all accumulators hold.
#[derive(Default)]
pub(super) struct Accumulators([Accumulator; 3]);

impl Lowerer<'_> {
    fn acc(&mut self, class: Class) -> &mut Accumulator {
        &mut self.accs.0[class as usize]
    }

    /// The home of a value of the stack with this shape's values below it.
    fn home(&self, below: Shape) -> u16 {
        self.stack_base + self.verifier.slots(below) as u16
    }

    /// Pushes a value.
    #[inline(always)]
    pub(super) fn push(&mut self, place: Where, ty: ValType) {
        let home = self.top_slot;
        self.top_slot += ty.slots() as u16;
        if let Where::Local(local) = place {
            self.local_uses[local as usize] += 1;
        }
        self.entries.push(Entry { place, ty, home });
    }

    /// Pops a value. An accumulator that only it lived in is free from then on.
    #[inline(always)]
    pub(super) fn pop(&mut self) -> Entry {
        let Some(entry) = self.entries.pop() else {
            return self.pop_settled();
        };
        self.top_slot = entry.home;
        match entry.place {
            Where::Local(local) => self.local_uses[local as usize] -= 1,
            Where::Acc => self.acc(Class::of(entry.ty)).owner = None,
            _ => {}
        }
        entry
    }

    #[inline(never)]
    fn pop_settled(&mut self) -> Entry {
        let (ty, below) = self
            .verifier
            .pop(self.settled)
            .expect("the verifier has seen this");
        self.settled = below;
        self.top_slot = self.home(below);
        Entry {
            place: Where::Home,
            ty,
            home: self.top_slot,
        }
    }

    /// The operand that a popped value makes; the accumulator where it is there too, unless
    /// `avoid` says that another operand uses it.
    pub(super) fn operand(&mut self, entry: Entry, avoid: bool) -> Operand {
        let slot = match entry.place {
            Where::Acc => return Operand::Acc,
            Where::Const(bits) => return Operand::Const(bits),
            Where::Local(local) => self.locals[local as usize],
            Where::Home => entry.home,
            Where::Span(_) => unreachable!("values of several slots are operands in slots"),
        };
        if !avoid && self.acc(Class::of(entry.ty)).mirror == Some(slot) {
            return Operand::Acc;
        }
        Operand::Slot(slot)
    }

    /// A slot that has the popped value: makes one where it has none.
    pub(super) fn slot_operand(&mut self, entry: Entry) -> u16 {
        match entry.place {
            Where::Local(local) => self.locals[local as usize],
            Where::Home => entry.home,
            Where::Const(bits) => {
                self.put_const(entry.home, bits);
                entry.home
            }
            Where::Span(constant) => {
                self.put_span(entry.home, constant, entry.ty.slots());
                entry.home
            }
            Where::Acc => {
                self.send_home(Class::of(entry.ty), entry.home);
                entry.home
            }
        }
    }

    /// Emits an instruction that leaves its result in the accumulator, and pushes that.
    pub(super) fn emit_result(&mut self, pair: Pair, operands: &[u64], ty: ValType) -> usize {
        let class = Class::of(ty);
        self.free_acc(class);
        let at = self.emit(pair.acc, operands);
        self.push(Where::Acc, ty);
        let owner = self.entries.len() - 1;
        *self.acc(class) = Accumulator {
            owner: Some(owner),
            producer: Some(Producer {
                at,
                to_slot: pair.slot,
            }),
            mirror: None,
        };
        at
    }

    /// Pushes a value that is in the accumulator already (a call's result).
    pub(super) fn push_acc(&mut self, ty: ValType) {
        self.push(Where::Acc, ty);
        let owner = self.entries.len() - 1;
        *self.acc(Class::of(ty)) = Accumulator {
            owner: Some(owner),
            producer: None,
            mirror: None,
        };
    }

    /// Makes the accumulator free for another value: one that lives only there goes home.
    pub(super) fn free_acc(&mut self, class: Class) {
        if let Some(index) = self.acc(class).owner {
            let home = self.entries[index].home;
            self.send_home(class, home);
            self.entries[index].place = Where::Home;
        }
    }

    /// Gives the accumulator's value, which nothing else has, a slot; it stays in the accumulator.
    fn send_home(&mut self, class: Class, home: u16) {
        let acc = *self.acc(class);
        match acc.producer {
            // The slot is unused since before that instruction: it belongs to this value alone.
            Some(producer) => self.redirect(producer, home),
            None => self.copy_acc(class, home),
        }
        self.wrote(home, 1);
        let acc = self.acc(class);
        (acc.owner, acc.producer, acc.mirror) = (None, None, Some(home));
    }

    /// Changes an instruction to put its result into a slot too.
    fn redirect(&mut self, producer: Producer, slot: u16) {
        self.out[producer.at] = (producer.to_slot as *const ()).expose_provenance() as u64;
        let operands = &mut self.out[producer.at + 1];
        *operands = *operands & !0xffff | u64::from(slot);
    }

    fn copy_acc(&mut self, class: Class, slot: u16) {
        let handler = match class {
            Class::Int => handler::<Copy<u64, Acc>>(),
            Class::F32 => handler::<Copy<f32, Acc>>(),
            Class::F64 => handler::<Copy<f64, Acc>>(),
        };
        self.emit(handler, &[fields(slot, 0, 0, 0)]);
    }

    /// Notes that slots got new contents: no accumulator mirrors their old ones.
    pub(super) fn wrote(&mut self, slot: u16, count: u32) {
        for acc in &mut self.accs.0 {
            if acc
                .mirror
                .is_some_and(|m| (u32::from(slot)..u32::from(slot) + count).contains(&u32::from(m)))
            {
                acc.mirror = None;
            }
        }
    }

    pub(super) fn put_const(&mut self, slot: u16, bits: u64) {
        self.emit(handler::<Copy<u64, Wide>>(), &[fields(slot, 0, 0, 0), bits]);
        self.wrote(slot, 1);
    }

    pub(super) fn copy(&mut self, dst: u16, src: u16, slots: u32) {
        if dst == src || slots == 0 {
            return;
        }
        match slots {
            1 => self.emit(handler::<Copy<u64, S10>>(), &[fields(dst, src, 0, 0)]),
            2 | 4 | 8 => self.emit(span_forms::copy(slots), &[fields(dst, src, 0, 0)]),
            _ => self.emit(handler::<CopySpan>(), &[fields(dst, src, slots as u16, 0)]),
        };
        self.wrote(dst, slots);
    }

    /// Brings every value from entry `from` on home.
    pub(super) fn settle_from(&mut self, from: usize) {
        let mut i = from;
        while i < self.entries.len() {
            let Entry { place, ty, home } = self.entries[i];
            match place {
                Where::Home => {}
                Where::Acc => self.free_acc(Class::of(ty)),
                Where::Const(bits) => self.put_const(home, bits),
                Where::Span(constant) => self.put_span(home, constant, ty.slots()),
                Where::Local(local) if ty.slots() > 1 => {
                    self.local_uses[local as usize] -= 1;
                    self.copy(home, self.locals[local as usize], ty.slots());
                }
                Where::Local(_) => {
                    i = self.settle_locals(i);
                    continue;
                }
            }
            self.entries[i].place = Where::Home;
            i += 1;
        }
    }

    /// Brings locals home, as many at once as one instruction can; returns the index of the entry after
    /// the last one.
    fn settle_locals(&mut self, first: usize) -> usize {
        let mut sources = [0; 3];
        let mut count = 0;
        while count < 3
            && let Some(Entry {
                place: Where::Local(local),
                ty,
                ..
            }) = self.entries.get(first + count)
            && ty.slots() == 1
        {
            sources[count] = self.locals[*local as usize];
            self.local_uses[*local as usize] -= 1;
            self.entries[first + count].place = Where::Home;
            count += 1;
        }
        let dst = self.entries[first].home;
        let [a, b, c] = sources;
        match count {
            1 => self.copy(dst, a, 1),
            2 => drop(self.emit(handler::<Copy2>(), &[fields(dst, a, b, 0)])),
            _ => drop(self.emit(handler::<Copy3>(), &[fields(dst, a, b, c)])),
        }
        self.wrote(dst, count as u32);
        first + count
    }

    /// Brings every value home.
    pub(super) fn settle(&mut self) {
        self.settle_from(0);
        self.entries.clear();
        self.settled = self.verifier.shape();
        self.top_slot = self.home(self.settled);
    }

    /// Forgets everything: the stack has this shape, every value at home, accumulators are unknown.
    pub(super) fn forget(&mut self, shape: Shape) {
        for i in 0..self.entries.len() {
            if let Where::Local(local) = self.entries[i].place {
                self.local_uses[local as usize] -= 1;
            }
        }
        self.entries.clear();
        self.settled = shape;
        self.top_slot = self.home(shape);
        self.accs = Accumulators::default();
        self.produced = None;
    }

    /// Frees all accumulators and forgets what they held.
    pub(super) fn clobber_accs(&mut self) {
        for class in Class::ALL {
            self.free_acc(class);
        }
        self.accs = Accumulators::default();
    }

    /// Makes lazy references to a local independent of it, before it changes.
    pub(super) fn preserve_local(&mut self, local: u32) {
        let mut i = self.entries.len();
        while self.local_uses[local as usize] > 0 {
            i -= 1;
            if self.entries[i].place == Where::Local(local) {
                let Entry { home, ty, .. } = self.entries[i];
                self.copy(home, self.locals[local as usize], ty.slots());
                self.entries[i].place = Where::Home;
                self.local_uses[local as usize] -= 1;
            }
        }
    }

    /// `local.set` of a popped value of one slot.
    pub(super) fn set_local(&mut self, local: u32, value: Entry) {
        let slot = self.locals[local as usize];
        let class = Class::of(value.ty);
        if value.place == Where::Acc
            && self.local_uses[local as usize] == 0
            && let Some(producer) = self.acc(class).producer
            && self.is_last(producer.at)
        {
            self.redirect(producer, slot);
            self.note_step(slot);
        } else if self.redirect_produced(&value, local) {
            // The value was never at home.
        } else {
            self.preserve_local(local);
            match value.place {
                Where::Acc => self.copy_acc(class, slot),
                Where::Const(bits) => self.put_const(slot, bits),
                Where::Home => self.copy(slot, value.home, 1),
                Where::Local(from) => self.copy(slot, self.locals[from as usize], 1),
                Where::Span(_) => unreachable!("these have a way of their own"),
            }
        }
        self.wrote(slot, 1);
        if value.place == Where::Acc {
            let acc = self.acc(class);
            (acc.producer, acc.mirror) = (None, Some(slot));
        }
    }

    /// Whether nothing was emitted after the instruction at `at`.
    pub(super) fn is_last(&self, at: usize) -> bool {
        self.last_instr == at
    }

    /// What an accumulator is known to mirror.
    pub(super) fn mirror(&mut self, class: Class) -> Option<u16> {
        self.acc(class).mirror
    }

    /// Says that the integer accumulator again holds what it held before an instruction that was
    /// taken back.
    pub(super) fn restore_int_acc(&mut self, mirror: Option<u16>) {
        *self.acc(Class::Int) = Accumulator {
            owner: None,
            producer: None,
            mirror,
        };
    }

    /// Copies a wide local or value.
    pub(super) fn push_copy(&mut self, src: u16, ty: ValType) {
        self.push(Where::Home, ty);
        let home = self.entries.last().expect("just pushed").home;
        self.copy(home, src, ty.slots());
    }

    /// Operand word of an instruction with its operands at bytes 10 and 12 (or a 32-bit constant
    /// there), and the constant's own word where it takes one.
    pub(super) fn pack(a: Operand, b: Operand, narrow_const: bool) -> ([u64; 2], usize) {
        let (slot_a, slot_b) = match (a, b) {
            (Operand::Slot(a), Operand::Slot(b)) => (a, b),
            _ => (a.slot() | b.slot(), 0),
        };
        match (a, b) {
            (Operand::Const(bits), _) | (_, Operand::Const(bits)) if narrow_const => {
                ([fields_wide(0, slot_a, bits as u32), 0], 1)
            }
            (Operand::Const(bits), _) | (_, Operand::Const(bits)) => {
                ([fields(0, slot_a, 0, 0), bits], 2)
            }
            _ => ([fields(0, slot_a, slot_b, 0), 0], 1),
        }
    }
}
