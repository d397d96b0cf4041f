//! A function: its instructions.

use std::collections::{HashMap, HashSet};

use dotvm::isa::debug::Row;
use dotvm::isa::objects::Storage;
use dotvm::isa::ops::Group;
use dotvm::isa::{Instr, Op, ValType};
use wasm_encoder::{BlockType, Function, InstructionSink, MemArg, MemArgTarget};

use super::analysis::{self, Facts};
use super::control::{self, Scope};
use super::{Builder, PLACE, SP, STACK_END, helper, val};
use crate::vitbc::module::Module;

/// Frames of so many bytes are cleared by stores.
const FRAME_SMALL: u32 = 32;

struct Body<'b, 'l> {
    builder: &'b mut Builder<'l>,
    defined: u32,
    facts: Facts,
    out: Vec<u8>,
    /// Types of parameters, locals, and what was added here.
    locals: Vec<ValType>,
    temporaries: HashMap<(ValType, usize), u32>,
    /// The local with the start of its part of the stack of references.
    frame: Option<u32>,
    /// Where locals are there.
    slots: HashMap<u32, u32>,
    /// Where values of the operand stack start there.
    spills_from: u32,
    frame_bytes: u32,
    open: Vec<Scope>,
    /// The place that was said last.
    place: Option<u32>,
    /// Where instructions come from; nothing for the runtime's functions, whose place is that of their callers.
    rows: &'l [Row],
    /// What is said of places before their line.
    name: Option<String>,
    files: &'b [String],
    /// Locals whose references are not null.
    tested: HashSet<u32>,
    /// A constant that was left out, for the next instruction.
    constant: Option<i64>,
}

/// Translates a function.
///
/// # Errors
/// Where it has what no function has that is made here.
pub(super) fn translate(
    builder: &mut Builder<'_>,
    defined: u32,
    module: &Module,
) -> Result<Function, String> {
    let code = &builder.codes[defined as usize];
    let facts = analysis::facts(builder, code)?;
    let scopes = control::scopes(&facts.jumps)?;
    let lowered = builder.lowered;
    let func = builder.imported + defined;
    let own = func.checked_sub(lowered.first).map(|own| own as usize);
    let mut body = Body {
        defined,
        out: Vec::new(),
        locals: code.locals.clone(),
        temporaries: HashMap::new(),
        frame: None,
        slots: HashMap::new(),
        spills_from: 0,
        frame_bytes: 0,
        open: Vec::new(),
        place: None,
        rows: own
            .and_then(|own| lowered.rows.get(own))
            .map_or(&[], |rows| rows),
        name: own.and_then(|own| Some(module.functions.get(own)?.name.clone())),
        files: &module.files,
        tested: HashSet::new(),
        constant: None,
        facts,
        builder,
    };
    body.frame();
    body.prologue();
    body.instructions(&scopes)?;
    Ok(body.finish())
}

impl Body<'_, '_> {
    fn sink(&mut self) -> InstructionSink<'_> {
        InstructionSink::new(&mut self.out)
    }

    fn instr(&self, i: usize) -> Instr {
        self.builder.codes[self.defined as usize].instrs[i]
    }

    /// A local for a value that is needed for a moment.
    fn temporary(&mut self, ty: ValType, number: usize) -> u32 {
        let next = self.locals.len() as u32;
        let local = *self.temporaries.entry((ty, number)).or_insert(next);
        if local == next {
            self.locals.push(ty);
        }
        local
    }

    /// Lays out the function's part of the stack of references.
    fn frame(&mut self) {
        let func = self.builder.imported + self.defined;
        if !self.builder.collects[func as usize] {
            return;
        }
        let code = &self.builder.codes[self.defined as usize];
        let mut kept: Vec<u32> = (0..code.params as u32).collect();
        let sets = code.instrs.iter().filter(|instr| instr.op == Op::LocalSet);
        kept.extend(sets.map(|instr| instr.a as u32));
        kept.retain(|local| code.locals[*local as usize] == ValType::AnyRef);
        kept.sort_unstable();
        kept.dedup();
        self.slots = kept.into_iter().zip((0..).step_by(4)).collect();
        self.spills_from = self.slots.len() as u32 * 4;
        let spilled = self.facts.spilled.values().max();
        self.frame_bytes = self.spills_from + spilled.map_or(0, |depth| (depth + 1) * 4);
        if self.frame_bytes > 0 {
            self.frame = Some(self.temporary(ValType::FuncRef, 10));
        }
    }

    fn prologue(&mut self) {
        let Some(frame) = self.frame else {
            return;
        };
        let bytes = self.frame_bytes;
        self.sink().i32_const(0).i32_load(word(SP)).local_tee(frame);
        self.sink().i32_const((STACK_END - bytes) as i32).i32_gt_u();
        self.sink().if_(BlockType::Empty);
        self.say_place(0);
        self.fail("fail.stack");
        self.sink().end();
        self.place = None;
        self.sink().i32_const(0).local_get(frame);
        self.sink()
            .i32_const(bytes as i32)
            .i32_add()
            .i32_store(word(SP));
        let params = self.builder.codes[self.defined as usize].params as u32;
        if bytes > FRAME_SMALL {
            self.sink().local_get(frame).i32_const(0);
            self.sink().i32_const(bytes as i32).memory_fill(0);
        } else {
            let written: HashSet<u32> = self
                .slots
                .iter()
                .filter(|(local, _)| **local < params)
                .map(|(_, at)| *at)
                .collect();
            for at in (0..bytes).step_by(4).filter(|at| !written.contains(at)) {
                self.sink()
                    .local_get(frame)
                    .i32_const(0)
                    .i32_store(word(at));
            }
        }
        for local in 0..params {
            self.keep(local);
        }
    }

    /// Writes a local to where the collector finds it.
    fn keep(&mut self, local: u32) {
        if let (Some(&at), Some(frame)) = (self.slots.get(&local), self.frame) {
            self.sink()
                .local_get(frame)
                .local_get(local)
                .i32_store(word(at));
        }
    }

    fn instructions(&mut self, scopes: &[Scope]) -> Result<(), String> {
        let mut waiting = scopes.iter().peekable();
        for i in 0..self.facts.live.len() {
            let mut changed = false;
            while self.open.last().is_some_and(|scope| scope.end == i) {
                self.open.pop();
                self.sink().end();
                changed = true;
            }
            while let Some(scope) = waiting.next_if(|scope| scope.begin == i) {
                match scope.is_loop {
                    true => {
                        self.sink().loop_(BlockType::Empty);
                        changed = true;
                    }
                    false => {
                        self.sink().block(BlockType::Empty);
                    }
                }
                self.open.push(*scope);
            }
            if changed {
                self.place = None;
                self.tested.clear();
            }
            if self.facts.live[i] {
                self.instruction(i)?;
                self.spill(i);
            }
        }
        Ok(())
    }

    /// Writes what an instruction pushed to where the collector finds it.
    fn spill(&mut self, i: usize) {
        let (Some(&depth), Some(frame)) = (self.facts.spilled.get(&i), self.frame) else {
            return;
        };
        let at = self.spills_from + depth * 4;
        let value = self.temporary(ValType::FuncRef, 11);
        self.sink().local_set(value).local_get(frame);
        self.sink()
            .local_get(value)
            .i32_store(word(at))
            .local_get(value);
    }

    fn finish(mut self) -> Function {
        // What ends before cannot be left at its end, which the validator does not know.
        self.sink().unreachable().end();
        let params = self.builder.codes[self.defined as usize].params;
        let added = self.locals[params..].iter().map(|ty| val(*ty));
        let mut function = Function::new_with_locals_types(added);
        function.raw(self.out);
        function
    }

    /// Says where the program is, for failures.
    fn say_place(&mut self, i: usize) {
        let Some(name) = &self.name else {
            return;
        };
        let offset = self.instr(i).offset;
        let row = self
            .rows
            .iter()
            .take_while(|row| row.offset <= offset)
            .last();
        let location = row.and_then(|row| row.location);
        let text = match location {
            Some(location) => {
                let file = self.files.get(location.file as usize);
                let file = file.map_or("", |file| file);
                format!("\n  0: {name}\n      at {file}:{}", location.line)
            }
            None => format!("\n  0: {name}"),
        };
        let at = self.builder.place(text);
        if self.place == Some(at) {
            return;
        }
        self.place = Some(at);
        self.sink()
            .i32_const(0)
            .i32_const(at as i32)
            .i32_store(word(PLACE));
    }

    fn call(&mut self, name: &str) {
        let func = self.builder.function(name);
        self.sink().call(func);
    }

    /// Calls a function that does not come back.
    fn fail(&mut self, name: &str) {
        self.call(name);
        self.sink().unreachable();
    }

    /// The same where the condition on the stack holds.
    fn fail_if(&mut self, i: usize, name: &str) {
        let before = self.place;
        self.sink().if_(BlockType::Empty);
        self.say_place(i);
        self.fail(name);
        self.sink().end();
        self.place = before;
    }

    fn collect_always(&mut self) {
        if self.builder.options.collect_always {
            self.call("gc.collect");
        }
    }

    /// Stops where the reference on the stack is null; the runtime's functions know that theirs are not.
    fn test(&mut self, i: usize) {
        if self.name.is_none() {
            return;
        }
        let local = self.facts.from_local.get(&i).copied();
        if local.is_some_and(|local| self.tested.contains(&local)) {
            return;
        }
        let reference = self.temporary(ValType::FuncRef, 12);
        self.sink().local_tee(reference).i32_eqz();
        self.fail_if(i, "fail.null");
        self.sink().local_get(reference);
        self.tested.extend(local);
    }

    /// How far out what a jump leads to is.
    fn depth(&self, target: usize, i: usize) -> Result<u32, String> {
        let wanted = |scope: &Scope| scope.target() == target && scope.is_loop == (target <= i);
        let found = self.open.iter().rev().position(wanted);
        found
            .map(|depth| depth as u32)
            .ok_or_else(|| "a jump to nowhere".to_owned())
    }

    fn instruction(&mut self, i: usize) -> Result<(), String> {
        let instr = self.instr(i);
        let (a, b) = (instr.a, instr.b);
        match instr.op {
            Op::Nop | Op::Loop | Op::Cold => {}
            Op::Trap => {
                self.sink().unreachable();
            }
            Op::Jmp | Op::Jz | Op::Jnz => {
                let target = self.builder.codes[self.defined as usize].target(&instr);
                let depth = self.depth(target, i)?;
                match instr.op {
                    Op::Jmp => self.sink().br(depth),
                    Op::Jz => self.sink().i32_eqz().br_if(depth),
                    _ => self.sink().br_if(depth),
                };
            }
            Op::Ret => {
                if let Some(frame) = self.frame {
                    self.sink()
                        .i32_const(0)
                        .local_get(frame)
                        .i32_store(word(SP));
                }
                self.sink().return_();
            }
            Op::Call => {
                let func = a as u32;
                let is_own = func >= self.builder.lowered.first;
                if !is_own && func >= self.builder.imported {
                    self.say_place(i);
                }
                self.sink().call(func);
                if is_own {
                    self.place = None;
                }
            }
            Op::CallRef => {
                self.sink().call_indirect(0, a as u32);
                self.place = None;
            }
            Op::Select => {
                self.sink().select();
            }
            Op::Pop => {
                self.sink().drop();
            }
            Op::LocalGet => {
                self.sink().local_get(a as u32);
            }
            Op::LocalSet => {
                self.sink().local_set(a as u32);
                self.tested.remove(&(a as u32));
                self.keep(a as u32);
            }
            Op::GlobalGet => {
                self.sink().global_get(a as u32);
            }
            Op::GlobalSet => {
                self.sink().global_set(a as u32);
            }
            Op::I32Push => {
                self.sink().i32_const(a as i32);
            }
            Op::I64Push => {
                let next = (i + 1 < self.facts.live.len()).then(|| self.instr(i + 1).op);
                if matches!(next, Some(Op::I64AddChecked | Op::I64SubChecked)) {
                    self.constant = Some(a.cast_signed());
                } else {
                    self.sink().i64_const(a.cast_signed());
                }
            }
            Op::F64Push => {
                self.sink().f64_const(f64::from_bits(a).into());
            }
            Op::MemorySize => {
                self.sink().memory_size(0);
            }
            Op::MemoryGrow => {
                self.sink().memory_grow(0);
            }
            Op::MemoryCopy => {
                self.sink().memory_copy(0, 0);
            }
            Op::MemoryFill => {
                self.sink().memory_fill(0);
            }
            Op::I64AddChecked | Op::I64SubChecked => self.checked(i, instr.op),
            Op::I32Neg | Op::I32Not | Op::I64Neg | Op::I64Not => self.negated(instr.op),
            Op::RefNull => {
                self.sink().i32_const(0);
            }
            Op::RefFunc => {
                let slot = self.builder.slot(a as u32);
                self.sink().i32_const(slot as i32);
            }
            Op::RefIsNull => {
                self.sink().i32_eqz();
            }
            Op::RefAsNonNull => self.test(i),
            Op::RefEq => {
                self.sink().i32_eq();
            }
            Op::RefI31 => {
                self.sink().i32_const(1).i32_shl().i32_const(1).i32_or();
            }
            Op::I31GetU => {
                self.test(i);
                self.sink().i32_const(1).i32_shr_u();
            }
            Op::StructNew => self.struct_new(i, a as usize),
            Op::StructGet => {
                self.test(i);
                let layout = &self.builder.layouts[a as usize];
                let (storage, at) = (layout.storages[b as usize], layout.offsets[b as usize]);
                self.load(storage, at);
            }
            Op::StructSet => {
                let layout = &self.builder.layouts[a as usize];
                let (storage, at) = (layout.storages[b as usize], layout.offsets[b as usize]);
                let value = self.temporary(storage.val_type(), 0);
                self.sink().local_set(value);
                self.test(i);
                self.sink().local_get(value);
                self.store(storage, at);
            }
            Op::ArrayLen => {
                self.sink().i32_load(word(4));
            }
            Op::ArrayNewDefault | Op::ArrayNew | Op::ArrayNewData => self.array_new(i, instr),
            Op::ArrayNewFixed => self.array_fixed(i, a as usize, b as usize),
            Op::ArrayGet | Op::ArrayGetU => {
                let storage = self.element(a as usize);
                self.load(storage, 8);
            }
            Op::ArraySet => {
                let storage = self.builder.layouts[a as usize].storages[0];
                let value = self.temporary(storage.val_type(), 0);
                self.sink().local_set(value);
                self.element(a as usize);
                self.sink().local_get(value);
                self.store(storage, 8);
            }
            Op::ArrayCopy => {
                let shift = self.builder.layouts[a as usize].offsets[0];
                self.sink().i32_const(shift as i32);
                self.call("gc.copy");
            }
            op if op.info().group.accesses_memory() => self.access(op, a)?,
            op => self.plain(i, op)?,
        }
        Ok(())
    }

    /// An instruction that has the same code there, or a function.
    fn plain(&mut self, i: usize, op: Op) -> Result<(), String> {
        let helper = helper(op).filter(|name| self.builder.named.contains_key(name));
        // The helpers themselves have the instruction, where it does not fail.
        if let (Some(name), Some(_)) = (helper, &self.name) {
            self.say_place(i);
            self.call(name);
            return Ok(());
        }
        let info = op.info();
        let is_pure = matches!(info.group, Group::Unary | Group::Binary);
        match info.code {
            0x45..=0xc4 if is_pure => self.out.push(info.code as u8),
            0xfc00..=0xfc07 if is_pure => self.out.extend([0xfc, info.code as u8]),
            _ => return Err(format!("instruction `{}`", op.mnemonic())),
        }
        Ok(())
    }

    /// A load or store: they have the same codes.
    fn access(&mut self, op: Op, offset: u64) -> Result<(), String> {
        let code = op.info().code;
        let align = match op {
            Op::I32Load8S | Op::I32Load8U | Op::I64Load8S | Op::I64Load8U => 0,
            Op::I32Store8 | Op::I64Store8 => 0,
            Op::I32Load16S | Op::I32Load16U | Op::I64Load16S | Op::I64Load16U => 0,
            Op::I32Store16 | Op::I64Store16 => 0,
            _ if (0x28..=0x3e).contains(&code) => 0,
            _ => return Err(format!("instruction `{}`", op.mnemonic())),
        };
        self.out.extend([code as u8, align]);
        let mut rest = offset;
        while rest >= 0x80 {
            self.out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.out.push(rest as u8);
        Ok(())
    }

    fn checked(&mut self, i: usize, op: Op) {
        let is_sum = op == Op::I64AddChecked;
        let first = self.temporary(ValType::I64, 0);
        let second = self.temporary(ValType::I64, 1);
        let result = self.temporary(ValType::I64, 2);
        if let Some(constant) = self.constant.take() {
            self.sink().local_tee(first).i64_const(constant);
            match is_sum {
                true => self.sink().i64_add(),
                false => self.sink().i64_sub(),
            };
            self.sink().local_tee(result).local_get(first);
            match is_sum == (constant >= 0) {
                true => self.sink().i64_lt_s(),
                false => self.sink().i64_gt_s(),
            };
        } else {
            self.sink().local_set(second).local_tee(first);
            self.sink().local_get(second);
            match is_sum {
                true => self.sink().i64_add(),
                false => self.sink().i64_sub(),
            };
            // A sum has the sign of one of its parts; a difference that of the first, or the other one of the second.
            self.sink().local_tee(result).local_get(first).i64_xor();
            match is_sum {
                true => self.sink().local_get(result),
                false => self.sink().local_get(first),
            };
            self.sink().local_get(second).i64_xor().i64_and();
            self.sink().i64_const(0).i64_lt_s();
        }
        self.fail_if(i, "fail.overflow");
        self.sink().local_get(result);
    }

    fn negated(&mut self, op: Op) {
        match op {
            Op::I32Neg => self.sink().i32_const(-1).i32_mul(),
            Op::I32Not => self.sink().i32_const(-1).i32_xor(),
            Op::I64Neg => self.sink().i64_const(-1).i64_mul(),
            _ => self.sink().i64_const(-1).i64_xor(),
        };
    }

    /// Makes an address of an array and an index; what is there.
    fn element(&mut self, object: usize) -> Storage {
        let layout = &self.builder.layouts[object];
        let (storage, shift) = (layout.storages[0], layout.offsets[0]);
        if shift > 0 {
            self.sink().i32_const(shift as i32).i32_shl();
        }
        self.sink().i32_add();
        storage
    }

    fn load(&mut self, storage: Storage, at: u32) {
        let at = word(at);
        match storage {
            Storage::I8 => self.sink().i32_load8_u(at),
            Storage::I16 => self.sink().i32_load16_u(at),
            Storage::Val(ValType::I64) => self.sink().i64_load(at),
            Storage::Val(ValType::F64) => self.sink().f64_load(at),
            Storage::Val(_) => self.sink().i32_load(at),
        };
    }

    fn store(&mut self, storage: Storage, at: u32) {
        let at = word(at);
        match storage {
            Storage::I8 => self.sink().i32_store8(at),
            Storage::I16 => self.sink().i32_store16(at),
            Storage::Val(ValType::I64) => self.sink().i64_store(at),
            Storage::Val(ValType::F64) => self.sink().f64_store(at),
            Storage::Val(_) => self.sink().i32_store(at),
        };
    }

    /// Pops values, the last one first; the locals that have them.
    fn popped(&mut self, storages: &[Storage]) -> Vec<u32> {
        let mut locals = vec![0; storages.len()];
        for (number, storage) in storages.iter().enumerate().rev() {
            locals[number] = self.temporary(storage.val_type(), number);
            let local = locals[number];
            self.sink().local_set(local);
        }
        locals
    }

    fn struct_new(&mut self, i: usize, object: usize) {
        let layout = &self.builder.layouts[object];
        let (storages, offsets) = (layout.storages.clone(), layout.offsets.clone());
        let bytes = layout.bytes;
        let values = self.popped(&storages);
        self.say_place(i);
        self.collect_always();
        let made = self.temporary(ValType::FuncRef, 13);
        self.sink()
            .i32_const((object as i32) << 2)
            .i32_const(bytes as i32);
        self.call("gc.struct");
        self.sink().local_set(made);
        for ((storage, at), value) in storages.into_iter().zip(offsets).zip(values) {
            self.sink().local_get(made).local_get(value);
            self.store(storage, at);
        }
        self.sink().local_get(made);
    }

    fn array_new(&mut self, i: usize, instr: Instr) {
        self.say_place(i);
        self.collect_always();
        let object = instr.a as usize;
        let head = (object as i32) << 2;
        let shift = self.builder.layouts[object].offsets[0] as i32;
        let strings_at = self.builder.strings_at as i32;
        match instr.op {
            Op::ArrayNewDefault => {
                self.sink().i32_const(head).i32_const(shift);
                self.call("gc.array");
            }
            Op::ArrayNew => {
                self.sink().i32_const(head);
                self.call("gc.filled");
            }
            _ => {
                let n = self.temporary(ValType::I32, 0);
                self.sink().local_set(n).i32_const(strings_at).i32_add();
                self.sink().local_get(n).i32_const(head);
                self.call("gc.bytes");
            }
        }
    }

    fn array_fixed(&mut self, i: usize, object: usize, count: usize) {
        let layout = &self.builder.layouts[object];
        let (storage, shift) = (layout.storages[0], layout.offsets[0]);
        let values = self.popped(&vec![storage; count]);
        self.say_place(i);
        self.collect_always();
        let made = self.temporary(ValType::FuncRef, 13);
        self.sink().i32_const(count as i32);
        self.sink()
            .i32_const((object as i32) << 2)
            .i32_const(shift as i32);
        self.call("gc.array");
        self.sink().local_set(made);
        for (number, value) in values.into_iter().enumerate() {
            self.sink().local_get(made).local_get(value);
            self.store(storage, 8 + ((number as u32) << shift));
        }
        self.sink().local_get(made);
    }
}

/// An address at a distance; alignment is only a hint.
fn word(offset: u32) -> MemArg {
    MemArg {
        offset: u64::from(offset),
        align: 0,
        target: MemArgTarget::Memory(0),
        ordering: None,
    }
}
