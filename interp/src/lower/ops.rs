//! Lowering of each instruction that is not a call or a jump.

use std::mem::offset_of;

use dotvm_isa::abi::Libcalls;
use dotvm_isa::ops::Group;
use dotvm_isa::{Instr, Malformed, Op, ValType};

use super::select::{self, Place, pair};
use super::stack::{Class, Entry, Operand, Where};
use super::{Lowerer, fields, fields_wide};
use crate::handlers::memory::{First, MemoryCopy, MemoryFill, MemorySize, Numbered};
use crate::handlers::moves::{GlobalGet, GlobalGetSpan, GlobalSet, GlobalSetSpan, NonNull};
use crate::handlers::numeric::Select;
use crate::handlers::{Acc, S10, Wide};
use crate::machine::handler;

/// A binary instruction whose result, in the integer accumulator, another one may fuse with.
#[derive(Clone, Copy)]
pub(super) struct Binary {
    /// Its first word.
    pub(super) at: usize,
    pub(super) op: Op,
    pub(super) a: Operand,
    pub(super) b: Operand,
    /// What the integer accumulator mirrored before.
    pub(super) mirror: Option<u16>,
}

/// An addition of a constant to an `i32` local.
#[derive(Clone, Copy)]
pub(super) struct Step {
    /// Its first word and the one after its last.
    pub(super) at: usize,
    pub(super) end: usize,
    /// The local's slot.
    pub(super) slot: u16,
    pub(super) by: u32,
    /// What the integer accumulator mirrored before.
    pub(super) mirror: Option<u16>,
}

/// Methods of instructions that the runtime executes.
macro_rules! by_runtime {
    ($($name:ident)*) => {
        $(fn $name(&mut self, instr: &Instr) -> Result<(), Malformed> {
            self.call_runtime(instr);
            Ok(())
        })*
    };
}

macro_rules! by_group {
    (
        unary { $($u:ident $um:literal $uc:literal $ui:tt $ucat:ident $ua:ident $uf:literal $us:tt $ud:literal;)* }
        binary { $($b:ident $bm:literal $bc:literal $bi:tt $bcat:ident $ba:ident $bf:literal $bs:tt $bd:literal;)* }
        load { $($l:ident $lm:literal $lc:literal $li:tt $lcat:ident $la:ident $lf:literal $ls:tt $ld:literal;)* }
        store { $($s:ident $sm:literal $sc:literal $si:tt $scat:ident $sa:ident $sf:literal $ss:tt $sd:literal;)* }
        other { $($o:ident $of:ident $om:literal $oc:literal $oi:tt $ocat:ident $oa:ident $oy:literal $os:tt $od:literal;)* }
        $($vectors:tt)*
    ) => {
        /// Instructions with a rule of their own: one method for each row of that group, so that a
        /// row nobody lowers does not compile.
        trait LowerOther {
            $(fn $of(&mut self, instr: &Instr) -> Result<(), Malformed>;)*
        }

        /// Lowers one verified instruction.
        pub(super) fn lower(l: &mut Lowerer<'_>, instr: &Instr) -> Result<(), Malformed> {
            if instr.op != Op::Loop {
                l.charge(instr);
            }
            match instr.op {
                $(Op::$u)|* => l.unary(instr),
                $(Op::$b)|* => l.binary(instr),
                $(Op::$l)|* => l.load(instr),
                $(Op::$s)|* => l.store(instr),
                $(Op::$o => LowerOther::$of(l, instr)?,)*
                op => match op.info().group {
                    group if group.is_wide_pure() => l.pure(instr),
                    Group::VectorLoad | Group::WideLoad | Group::PartsLoad => l.load_span(instr),
                    Group::VectorStore | Group::WideStore | Group::PartsStore => {
                        l.store_span(instr);
                    }
                    Group::LaneLoad | Group::Gather => l.load_lane(instr),
                    Group::LaneStore => l.store_lane(instr),
                    Group::Service => l.call_runtime(instr),
                    group => unreachable!("instructions of {group:?} are named above"),
                },
            }
            Ok(())
        }
    };
}
dotvm_isa::for_each_op!(by_group);

impl Lowerer<'_> {
    fn result_type(op: Op) -> ValType {
        op.result()
            .expect("pure instructions and loads have one result")
    }

    fn unary(&mut self, instr: &Instr) {
        let value = self.pop();
        if matches!(instr.op, Op::I32Eqz | Op::I64Eqz) {
            return self.equal_zero(instr.op, value);
        }
        let operand = match self.operand(value, false) {
            Operand::Const(_) => Operand::Slot(self.slot_operand(value)),
            operand => operand,
        };
        let pair = select::unary(instr.op, operand.place()).expect("not a constant");
        self.emit_result(
            pair,
            &[fields(0, operand.slot(), 0, 0)],
            Self::result_type(instr.op),
        );
    }

    /// `eqz` is a comparison with zero, and the negation of another comparison.
    fn equal_zero(&mut self, op: Op, value: Entry) {
        let negated = |binary: &Binary| op == Op::I32Eqz && select::negated(binary.op).is_some();
        if let Some(Binary { op, a, b, .. }) = self.take_binary(&value, negated) {
            return self.emit_binary(select::negated(op).expect("asked before"), a, b);
        }
        let op = if op == Op::I32Eqz {
            Op::I32Eq
        } else {
            Op::I64Eq
        };
        let operand = match self.operand(value, false) {
            Operand::Const(_) => Operand::Slot(self.slot_operand(value)),
            operand => operand,
        };
        self.emit_binary(op, operand, Operand::Const(0));
    }

    fn binary(&mut self, instr: &Instr) {
        let b = self.pop();
        let a = self.pop();
        let mut op = instr.op;
        let mut right = self.operand(b, false);
        let mut left = self.operand(a, right == Operand::Acc);
        if left.place() == Place::Const && right.place() == Place::Const {
            left = Operand::Slot(self.slot_operand(a));
        }
        // Constants to the right, and of what commutes the accumulator to the left.
        let swap = left.place() == Place::Const || right == Operand::Acc;
        if swap && let Some(mirrored) = select::mirrored(op) {
            (op, left, right) = (mirrored, right, left);
        }
        self.emit_binary(op, left, right);
    }

    fn emit_binary(&mut self, op: Op, a: Operand, b: Operand) {
        let narrow = matches!(op.operand(), Some(ValType::I32 | ValType::F32));
        let (words, count) = Self::pack(a, b, narrow);
        let pair = select::binary(op, a.place(), b.place()).expect("one operand is not a constant");
        let mirror = self.mirror(Class::Int);
        let at = self.emit_result(pair, &words[..count], Self::result_type(op));
        let int = Class::of(Self::result_type(op)) == Class::Int;
        self.binary = (int && a.place() != Place::Const).then_some(Binary {
            at,
            op,
            a,
            b,
            mirror,
        });
    }

    /// Notes that the instruction emitted last now puts its result into a local's slot as well.
    pub(super) fn note_step(&mut self, slot: u16) {
        self.step = match self.binary {
            Some(Binary {
                at,
                op: Op::I32Add,
                a: Operand::Slot(from),
                b: Operand::Const(by),
                mirror,
            }) if self.is_last(at) && from == slot => Some(Step {
                at,
                end: self.out.len(),
                slot,
                by: by as u32,
                mirror,
            }),
            _ => None,
        };
    }

    /// Takes back the addition that made an address, where it was the last instruction.
    fn take_sum(&mut self, address: &Entry) -> Option<(Operand, Operand)> {
        let sum = self.take_binary(address, |binary| binary.op == Op::I32Add)?;
        Some((sum.a, sum.b))
    }

    /// The third word of an instruction that fuses with an addition: its second operand.
    fn summand(b: Operand) -> u64 {
        match b {
            Operand::Const(bits) => bits,
            slot => u64::from(slot.slot()),
        }
    }

    fn load(&mut self, instr: &Instr) {
        if self.is_far(instr) {
            return self.load_far(instr);
        }
        let address = self.pop();
        if let Some((a, b)) = self.take_sum(&address) {
            let pair =
                select::load_sum(instr.op, a.place(), b.place()).expect("a sum has that form");
            let words = [fields_wide(0, a.slot(), instr.a as u32), Self::summand(b)];
            self.emit_result(pair, &words, Self::result_type(instr.op));
            return;
        }
        let (operand, offset) = self.address(address, instr.a as u32);
        let pair = select::load(instr.op, operand.place());
        let words = [fields_wide(0, operand.slot(), offset)];
        self.emit_result(pair, &words, Self::result_type(instr.op));
    }

    fn store(&mut self, instr: &Instr) {
        if self.is_far(instr) {
            return self.store_far(instr);
        }
        let value = self.pop();
        let address = self.pop();
        let stored = self.operand(value, false);
        if let Operand::Slot(slot) = stored
            && let Some((a, b)) = self.take_sum(&address)
        {
            let handler =
                select::store_sum(instr.op, a.place(), b.place()).expect("a sum has that form");
            let word = fields_wide(slot, a.slot(), instr.a as u32);
            self.emit(handler, &[word, Self::summand(b)]);
            return;
        }
        let int_acc = stored == Operand::Acc && Class::of(value.ty) == Class::Int;
        let (operand, offset) = match int_acc && address.place != Where::Acc {
            true => match self.operand(address, true) {
                Operand::Const(_) => self.address(address, instr.a as u32),
                operand => (operand, instr.a as u32),
            },
            false => self.address(address, instr.a as u32),
        };
        let handler = select::store(instr.op, operand.place(), stored.place());
        let word = fields_wide(stored.slot(), operand.slot(), offset);
        match stored {
            Operand::Const(bits) => self.emit(handler, &[word, bits]),
            _ => self.emit(handler, &[word]),
        };
    }

    /// An address and the offset added to it; a constant address becomes part of the offset.
    fn address(&mut self, entry: Entry, offset: u32) -> (Operand, u32) {
        match self.operand(entry, false) {
            Operand::Const(base) => match (base as u32).checked_add(offset) {
                Some(sum) => (Operand::Const(0), sum),
                None => (Operand::Slot(self.slot_operand(entry)), offset),
            },
            operand => (operand, offset),
        }
    }

    /// Operands of bulk operations on memory 0, in any slots.
    fn bulk(&mut self) -> u64 {
        let (c, b, a) = (self.pop(), self.pop(), self.pop());
        let (a, b) = (self.slot_operand(a), self.slot_operand(b));
        let c = self.slot_operand(c);
        fields(0, a, b, c)
    }

    fn select_narrow(&mut self) {
        let condition = self.pop();
        let (b, a) = (self.pop(), self.pop());
        let operand = match self.operand(condition, false) {
            Operand::Const(_) => Operand::Slot(self.slot_operand(condition)),
            operand => operand,
        };
        let (slot_a, slot_b) = (self.slot_operand(a), self.slot_operand(b));
        let pair = match (Class::of(a.ty), operand) {
            (Class::Int, Operand::Acc) => pair!(Select<u64, Acc>),
            (Class::F32, Operand::Acc) => pair!(Select<f32, Acc>),
            (Class::F64, Operand::Acc) => pair!(Select<f64, Acc>),
            (Class::Int, _) => pair!(Select<u64, S10>),
            (Class::F32, _) => pair!(Select<f32, S10>),
            (Class::F64, _) => pair!(Select<f64, S10>),
        };
        self.emit_result(pair, &[fields(0, operand.slot(), slot_a, slot_b)], a.ty);
    }

    /// Pops `count` values and pushes those at the given positions, 0 being the deepest.
    fn rearrange(&mut self, count: usize, order: &[usize]) {
        let mut popped = [Entry::NONE; 3];
        for entry in popped[..count].iter_mut().rev() {
            *entry = self.pop();
        }
        let slots: u32 = popped[..count].iter().map(|entry| entry.ty.slots()).sum();
        let after: u32 = order.iter().map(|&i| popped[i].ty.slots()).sum();
        let mut scratch = popped[0].home + slots.max(after) as u16;
        self.scratch_slots = self.scratch_slots.max(2 * slots.max(after));
        // Values with a place of their own move out of the way before anything is put in theirs.
        for entry in &mut popped[..count] {
            if matches!(entry.place, Where::Home | Where::Acc) {
                let from = self.slot_operand(*entry);
                self.copy(scratch, from, entry.ty.slots());
                (entry.place, entry.home) = (Where::Home, scratch);
                scratch += entry.ty.slots() as u16;
            }
        }
        for &i in order {
            match popped[i].place {
                Where::Home => self.push_copy(popped[i].home, popped[i].ty),
                lazy => self.push(lazy, popped[i].ty),
            }
        }
    }

    /// Pushes the value `depth` values down again.
    fn pick(&mut self, depth: usize) {
        let ty = self.operand_type(depth as u32);
        let Some(index) = self.entries.len().checked_sub(depth + 1) else {
            // At home: its place follows from the shape before this instruction.
            let mut shape = self.verifier.before();
            for _ in 0..=depth {
                shape = self.verifier.pop(shape).expect("verified").1;
            }
            let home = self.stack_base + self.verifier.slots(shape) as u16;
            return self.push_copy(home, ty);
        };
        match self.entries[index].place {
            lazy @ (Where::Local(_) | Where::Const(_) | Where::Span(_)) => self.push(lazy, ty),
            Where::Acc => {
                self.free_acc(Class::of(ty));
                self.push_copy(self.entries[index].home, ty);
            }
            Where::Home => self.push_copy(self.entries[index].home, ty),
        }
    }
}

impl LowerOther for Lowerer<'_> {
    fn trap(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.stop(instr.op);
        Ok(())
    }

    fn nop(&mut self, _: &Instr) -> Result<(), Malformed> {
        Ok(())
    }

    fn try_region(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.open_region(instr)
    }

    fn end_try(&mut self, _: &Instr) -> Result<(), Malformed> {
        self.close_region();
        Ok(())
    }

    fn throw(&mut self, instr: &Instr) -> Result<(), Malformed> {
        let ty = self.env.spaces.tags[instr.a as usize];
        let values = self.module.types[ty as usize].params.len();
        self.emit_throw(offset_of!(Libcalls, throw), values, instr.a);
        Ok(())
    }

    fn throw_ref(&mut self, _: &Instr) -> Result<(), Malformed> {
        self.emit_throw(offset_of!(Libcalls, throw_ref), 1, 0);
        Ok(())
    }

    fn cold(&mut self, _: &Instr) -> Result<(), Malformed> {
        Ok(())
    }

    fn loop_header(&mut self, instr: &Instr) -> Result<(), Malformed> {
        Lowerer::loop_header(self, instr);
        Ok(())
    }

    fn jmp(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.jump(instr);
        Ok(())
    }

    fn jz(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.jump_if(instr)
    }

    fn jnz(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.jump_if(instr)
    }

    fn br_table(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.jump_table(instr)
    }

    fn call(&mut self, instr: &Instr) -> Result<(), Malformed> {
        Lowerer::call(self, instr);
        Ok(())
    }

    fn call_indirect(&mut self, instr: &Instr) -> Result<(), Malformed> {
        Lowerer::call_indirect(self, instr, Some(instr.b as u32));
        Ok(())
    }

    fn call_ref(&mut self, instr: &Instr) -> Result<(), Malformed> {
        Lowerer::call_indirect(self, instr, None);
        Ok(())
    }

    fn ret(&mut self, _: &Instr) -> Result<(), Malformed> {
        Lowerer::ret(self);
        Ok(())
    }

    fn halt(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.stop(instr.op);
        Ok(())
    }

    fn ret_call(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.tail_call(instr);
        Ok(())
    }

    fn ret_call_indirect(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.tail_call_indirect(instr, Some(instr.b as u32));
        Ok(())
    }

    fn ret_call_ref(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.tail_call_indirect(instr, None);
        Ok(())
    }

    fn select(&mut self, _: &Instr) -> Result<(), Malformed> {
        let ty = self.operand_type(1);
        match ty.slots() {
            1 => self.select_narrow(),
            _ => self.select_span(ty),
        }
        Ok(())
    }

    fn pop(&mut self, _: &Instr) -> Result<(), Malformed> {
        Lowerer::pop(self);
        Ok(())
    }

    fn dup(&mut self, _: &Instr) -> Result<(), Malformed> {
        Lowerer::pick(self, 0);
        Ok(())
    }

    fn swap(&mut self, _: &Instr) -> Result<(), Malformed> {
        self.rearrange(2, &[1, 0]);
        Ok(())
    }

    fn rot(&mut self, _: &Instr) -> Result<(), Malformed> {
        self.rearrange(3, &[1, 2, 0]);
        Ok(())
    }

    fn over(&mut self, _: &Instr) -> Result<(), Malformed> {
        Lowerer::pick(self, 1);
        Ok(())
    }

    fn nip(&mut self, _: &Instr) -> Result<(), Malformed> {
        self.rearrange(2, &[1]);
        Ok(())
    }

    fn tuck(&mut self, _: &Instr) -> Result<(), Malformed> {
        self.rearrange(2, &[1, 0, 1]);
        Ok(())
    }

    fn pick(&mut self, instr: &Instr) -> Result<(), Malformed> {
        Lowerer::pick(self, instr.a as usize);
        Ok(())
    }

    fn slide(&mut self, instr: &Instr) -> Result<(), Malformed> {
        let kept: Vec<Entry> = (0..instr.b).map(|_| Lowerer::pop(self)).collect();
        // A value in an accumulator needs a place before those below it are given up.
        let kept: Vec<Entry> = kept
            .into_iter()
            .map(|mut entry| {
                if entry.place == Where::Acc {
                    self.slot_operand(entry);
                    entry.place = Where::Home;
                }
                entry
            })
            .collect();
        for _ in 0..instr.a {
            Lowerer::pop(self);
        }
        // From the deepest up: each moves down, never over one that is still to move.
        for entry in kept.iter().rev() {
            match entry.place {
                Where::Home | Where::Acc => self.push_copy(entry.home, entry.ty),
                lazy => self.push(lazy, entry.ty),
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn local_get(&mut self, instr: &Instr) -> Result<(), Malformed> {
        let local = instr.a as u32;
        let ty = self.verifier.locals()[local as usize];
        self.push(Where::Local(local), ty);
        Ok(())
    }

    fn local_set(&mut self, instr: &Instr) -> Result<(), Malformed> {
        let value = Lowerer::pop(self);
        match value.ty.slots() {
            1 => self.set_local(instr.a as u32, value),
            _ => self.set_span(instr.a as u32, value),
        }
        Ok(())
    }

    fn local_tee(&mut self, instr: &Instr) -> Result<(), Malformed> {
        let local = instr.a as u32;
        let value = Lowerer::pop(self);
        match value.ty.slots() {
            1 => self.set_local(local, value),
            _ => self.set_span(local, value),
        }
        match value.place {
            place @ (Where::Const(_) | Where::Span(_)) => self.push(place, value.ty),
            _ => self.push(Where::Local(local), value.ty),
        }
        Ok(())
    }

    fn global_get(&mut self, instr: &Instr) -> Result<(), Malformed> {
        let ty = self.env.spaces.globals[instr.a as usize].ty;
        let index = instr.a as u32;
        if ty.slots() > 1 {
            self.push(Where::Home, ty);
            let home = self.entries.last().expect("just pushed").home;
            let words = [fields_wide(home, 0, index), u64::from(ty.slots())];
            self.emit(handler::<GlobalGetSpan>(), &words);
            self.wrote(home, ty.slots());
            return Ok(());
        }
        let pair = match ty {
            ValType::I32 => pair!(GlobalGet<u32>),
            ValType::F32 => pair!(GlobalGet<f32>),
            ValType::F64 => pair!(GlobalGet<f64>),
            _ => pair!(GlobalGet<u64>),
        };
        self.emit_result(pair, &[fields_wide(0, 0, index)], ty);
        Ok(())
    }

    fn global_set(&mut self, instr: &Instr) -> Result<(), Malformed> {
        let value = Lowerer::pop(self);
        let index = instr.a as u32;
        if value.ty.slots() > 1 {
            let from = self.slot_operand(value);
            let words = [fields_wide(0, from, index), u64::from(value.ty.slots())];
            self.emit(handler::<GlobalSetSpan>(), &words);
            return Ok(());
        }
        match (self.operand(value, false), Class::of(value.ty)) {
            (Operand::Const(bits), _) => {
                let words = [fields_wide(0, 0, index), bits];
                self.emit(handler::<GlobalSet<u64, Wide>>(), &words)
            }
            (Operand::Slot(slot), _) => self.emit(
                handler::<GlobalSet<u64, S10>>(),
                &[fields_wide(0, slot, index)],
            ),
            (Operand::Acc, Class::Int) => self.emit(
                handler::<GlobalSet<u64, Acc>>(),
                &[fields_wide(0, 0, index)],
            ),
            (Operand::Acc, Class::F32) => self.emit(
                handler::<GlobalSet<f32, Acc>>(),
                &[fields_wide(0, 0, index)],
            ),
            (Operand::Acc, Class::F64) => self.emit(
                handler::<GlobalSet<f64, Acc>>(),
                &[fields_wide(0, 0, index)],
            ),
        };
        Ok(())
    }

    #[inline(always)]
    fn i32_push(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.push(Where::Const(u64::from(instr.a as u32)), ValType::I32);
        Ok(())
    }

    fn i64_push(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.push(Where::Const(instr.a), ValType::I64);
        Ok(())
    }

    fn f32_push(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.push(Where::Const(instr.a), ValType::F32);
        Ok(())
    }

    fn f64_push(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.push(Where::Const(instr.a), ValType::F64);
        Ok(())
    }

    fn i128_push(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.push_constant(self.verifier.constant(instr), ValType::I128);
        Ok(())
    }

    fn i256_push(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.push_constant(self.verifier.constant(instr), ValType::I256);
        Ok(())
    }

    fn i512_push(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.push_constant(self.verifier.constant(instr), ValType::I512);
        Ok(())
    }

    fn v128_push(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.push_constant(instr.vector().into(), ValType::V128);
        Ok(())
    }

    fn v256_push(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.push_constant(self.verifier.constant(instr), ValType::V256);
        Ok(())
    }

    fn v512_push(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.push_constant(self.verifier.constant(instr), ValType::V512);
        Ok(())
    }

    fn memory_size(&mut self, instr: &Instr) -> Result<(), Malformed> {
        let ty = self.env.spaces.memories[instr.a as usize];
        let pair = match instr.a {
            0 => pair!(MemorySize<First>),
            _ => pair!(MemorySize<Numbered>),
        };
        let words = [
            fields_wide(0, 0, instr.a as u32),
            u64::from(ty.page_size_log2),
        ];
        self.emit_result(pair, &words, ty.address.val_type());
        Ok(())
    }

    fn memory_grow(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.call_runtime(instr);
        Ok(())
    }

    fn ref_null(&mut self, instr: &Instr) -> Result<(), Malformed> {
        let ty = ValType::from_code(instr.a as u8).expect("verified");
        self.push(Where::Const(0), ty);
        Ok(())
    }

    fn ref_is_null(&mut self, _: &Instr) -> Result<(), Malformed> {
        let value = Lowerer::pop(self);
        self.equal_zero(Op::I64Eqz, value);
        Ok(())
    }

    fn ref_as_non_null(&mut self, _: &Instr) -> Result<(), Malformed> {
        let value = Lowerer::pop(self);
        let operand = match self.operand(value, false) {
            Operand::Const(_) => Operand::Slot(self.slot_operand(value)),
            operand => operand,
        };
        let pair = match operand {
            Operand::Acc => pair!(NonNull<Acc>),
            _ => pair!(NonNull<S10>),
        };
        self.emit_result(pair, &[fields(0, operand.slot(), 0, 0)], value.ty);
        Ok(())
    }

    fn ref_func(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.call_runtime(instr);
        Ok(())
    }

    by_runtime! {
        struct_new struct_new_default struct_get struct_get_u struct_set array_new array_new_default
        array_new_fixed array_new_data array_get array_get_u array_set array_len array_fill
        array_copy ref_test ref_test_null ref_cast ref_cast_null ref_kind ref_i31
        i31_get i31_get_u
    }

    fn ref_eq(&mut self, instr: &Instr) -> Result<(), Malformed> {
        let op = Op::I64Eq;
        self.binary(&Instr { op, ..*instr });
        Ok(())
    }

    fn memory_init(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.call_runtime(instr);
        Ok(())
    }

    fn data_drop(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.call_runtime(instr);
        Ok(())
    }

    fn memory_copy(&mut self, instr: &Instr) -> Result<(), Malformed> {
        if instr.a != 0 || instr.b != 0 || !self.first_is_near || self.options.counting {
            // What counts is the runtime.
            self.call_runtime(instr);
            return Ok(());
        }
        let operands = self.bulk();
        self.emit(handler::<MemoryCopy>(), &[operands]);
        Ok(())
    }

    fn memory_fill(&mut self, instr: &Instr) -> Result<(), Malformed> {
        if instr.a != 0 || !self.first_is_near || self.options.counting {
            self.call_runtime(instr);
            return Ok(());
        }
        let operands = self.bulk();
        self.emit(handler::<MemoryFill>(), &[operands]);
        Ok(())
    }

    fn table_init(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.call_runtime(instr);
        Ok(())
    }

    fn elem_drop(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.call_runtime(instr);
        Ok(())
    }

    fn table_copy(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.call_runtime(instr);
        Ok(())
    }

    fn table_grow(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.call_runtime(instr);
        Ok(())
    }

    fn table_size(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.call_runtime(instr);
        Ok(())
    }

    fn table_fill(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.call_runtime(instr);
        Ok(())
    }

    fn table_get(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.call_runtime(instr);
        Ok(())
    }

    fn table_set(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.call_runtime(instr);
        Ok(())
    }

    fn alloc(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.call_runtime(instr);
        Ok(())
    }

    fn free(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.call_runtime(instr);
        Ok(())
    }
}
