//! Checks of function bodies, one instruction after the other.

use std::cell::Cell;

use super::ModuleEnv;
use super::shapes::{Shape, Shapes};
use crate::abi::{FRAME_HEADER_SLOTS, MAX_FRAME_SLOTS};
use crate::bits::Bits;
use crate::error::Malformed;
use crate::instr::{Catch, Instr, InstrReader, MAX_LOCALS};
use crate::module::Module;
use crate::ops::{Group, Imm, Op, Params, Rule, Service};
use crate::types::{AddressType, FuncType, ValType};

/// What [`FuncVerifier::step`] read.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The instruction.
    pub instr: Instr,
    /// Whether a jump from before leads here: a basic block starts.
    pub label: bool,
    /// Whether any execution may get here. What cannot be reached is verified all the same.
    pub reachable: bool,
    /// Whether control may come from the instruction before.
    pub fallthrough: bool,
    /// What [`FuncVerifier::exchange_label_data`] left with the label; 0 where there is none.
    pub label_data: u32,
}

/// Verifies one function, instruction by instruction, so that a tier can lower it in the same pass.
///
/// Call [`step`](FuncVerifier::step), then [`apply`](FuncVerifier::apply), until `step` returns
/// `None`. After `apply`, [`before`](FuncVerifier::before) and [`shape`](FuncVerifier::shape) are
/// the stack before and after the instruction.
#[derive(Debug)]
pub struct FuncVerifier<'m> {
    module: &'m Module,
    env: &'m ModuleEnv,
    reader: InstrReader<'m>,
    func_type: &'m FuncType,
    locals: Vec<ValType>,
    local_slots: u32,
    shapes: Shapes,
    current: Shape,
    before: Shape,
    /// Whether some execution comes here from the instruction before.
    reachable: bool,
    /// Whether the instruction before goes on to this one, reachable or not.
    flows: bool,
    max_slots: u32,
    /// For each offset of the body the number of its label; 0 where no forward jump leads there.
    label_numbers: LabelNumbers,
    /// The labels, by number less one.
    labels: Vec<Label>,
    /// How many labels were reached.
    labels_bound: usize,
    /// Offsets and shapes of the `loop` instructions so far, ascending, but for those in regions that
    /// were left.
    loops: Vec<(u32, Shape)>,
    /// The regions that the next instruction is in, outermost first.
    regions: Vec<Region>,
    /// What is on the stack when the innermost region is entered: it stays there.
    floor: Shape,
}

/// The code between a `try` and its `end_try`.
#[derive(Clone, Copy, Debug)]
struct Region {
    /// Offset of the `try`.
    start: u32,
    /// The floor around it.
    outer_floor: Shape,
    /// How many loops start before it.
    loops: usize,
}

/// A table of label numbers by offset, all 0 at first. It goes from one function to the next of a
/// thread: a new one for each would be mostly untouched memory to be mapped and cleared.
#[derive(Debug)]
struct LabelNumbers(Vec<u32>);

thread_local! {
    /// The table that no verifier of this thread is using.
    static LABEL_NUMBERS: Cell<Vec<u32>> = const { Cell::new(Vec::new()) };
}

/// The longest table that is kept.
const KEPT_LABEL_NUMBERS: usize = 1 << 20;

impl LabelNumbers {
    fn take(len: usize) -> LabelNumbers {
        let mut table = LABEL_NUMBERS.take();
        if table.len() < len {
            table.resize(len, 0);
        }
        LabelNumbers(table)
    }
}

impl Drop for FuncVerifier<'_> {
    fn drop(&mut self) {
        let mut table = std::mem::take(&mut self.label_numbers.0);
        if table.len() <= KEPT_LABEL_NUMBERS {
            for label in &self.labels {
                table[label.offset as usize] = 0;
            }
            LABEL_NUMBERS.set(table);
        }
    }
}

/// The target of forward jumps.
#[derive(Clone, Copy, Debug)]
struct Label {
    offset: u32,
    shape: Shape,
    /// Offset of the first jump that leads there.
    first_jump: u32,
    /// Whether a reachable jump leads there.
    reachable: bool,
    /// The caller's.
    data: u32,
}

impl<'m> FuncVerifier<'m> {
    /// Starts with the locals of the defined function `defined`.
    ///
    /// # Errors
    /// Where the declarations of locals are malformed or the frame would be too large.
    pub fn new(
        module: &'m Module,
        env: &'m ModuleEnv,
        defined: u32,
    ) -> Result<FuncVerifier<'m>, Malformed> {
        let index = env.spaces.imported_funcs + defined;
        let mut reader = InstrReader::new(module.body(defined), index);
        let func_type = &module.types[module.bodies[defined as usize].ty as usize];
        let mut locals = func_type.params.clone();
        let mut local_slots = func_type.param_slots();
        for (count, ty) in reader.read_locals()? {
            if !module.arch.has(ty) {
                let reason = format!("{ty} needs {}, not {}", ty.first_arch(), module.arch);
                return Err(reader.error(0, reason));
            }
            locals.resize(locals.len() + count as usize, ty);
            local_slots += count * ty.slots();
        }
        if locals.len() > MAX_LOCALS as usize {
            return Err(reader.error(0, format!("more than {MAX_LOCALS} locals")));
        }
        let verifier = FuncVerifier {
            module,
            env,
            reader,
            func_type,
            locals,
            local_slots,
            shapes: Shapes::new(module.body(defined).len()),
            current: Shapes::EMPTY,
            before: Shapes::EMPTY,
            reachable: true,
            flows: true,
            max_slots: func_type.result_slots(),
            label_numbers: LabelNumbers::take(module.body(defined).len()),
            labels: Vec::new(),
            labels_bound: 0,
            loops: Vec::new(),
            regions: Vec::new(),
            floor: Shapes::EMPTY,
        };
        verifier.check_frame(0)?;
        Ok(verifier)
    }

    /// The function's type.
    pub fn func_type(&self) -> &'m FuncType {
        self.func_type
    }

    /// Types of all locals, parameters first.
    pub fn locals(&self) -> &[ValType] {
        &self.locals
    }

    /// Slots of the locals, parameters included.
    pub fn local_slots(&self) -> u32 {
        self.local_slots
    }

    /// The most slots the frame takes so far: locals, header, operand stack.
    pub fn frame_slots(&self) -> u32 {
        self.local_slots + FRAME_HEADER_SLOTS + self.max_slots
    }

    /// The stack after the instruction that was applied last.
    pub fn shape(&self) -> Shape {
        self.current
    }

    /// The stack before the instruction that was applied last.
    pub fn before(&self) -> Shape {
        self.before
    }

    /// Slots of all values of a shape.
    #[inline]
    pub fn slots(&self, shape: Shape) -> u32 {
        self.shapes.slots(shape)
    }

    /// The top value's type and what is below it; `None` for the empty stack.
    #[inline]
    pub fn pop(&self, shape: Shape) -> Option<(ValType, Shape)> {
        self.shapes.pop(shape)
    }

    /// The targets of a `br_table`, as [`InstrReader::labels`] gives them.
    pub fn targets(&self, instr: &Instr) -> impl Iterator<Item = Result<u32, Malformed>> + use<'m> {
        self.reader.labels(instr)
    }

    /// The constant of an instruction that pushes a wide integer or vector, as [`InstrReader::constant`] gives
    /// it.
    pub fn constant(&self, instr: &Instr) -> Bits {
        self.reader.constant(instr)
    }

    /// The catches of a `try`, as [`InstrReader::catches`] gives them.
    pub fn catches(
        &self,
        instr: &Instr,
    ) -> impl Iterator<Item = Result<Catch<u32>, Malformed>> + use<'m> {
        self.reader.catches(instr)
    }

    /// Offset of the next instruction.
    pub fn offset(&self) -> u32 {
        self.reader.offset() as u32
    }

    /// Reads the next instruction and settles the stack shape before it; `None` at the end.
    ///
    /// # Errors
    /// Where decoding fails, shapes differ where paths join, a jump leads into the middle of an
    /// instruction or into a region, or control runs off the end.
    // Inlined, so that a step is not put together in memory only to be taken apart again.
    #[inline(always)]
    pub fn step(&mut self) -> Result<Option<Step>, Malformed> {
        let at = self.reader.offset() as u32;
        let fallthrough = self.reachable;
        let flows = self.flows;
        let mut label_data = 0;
        let number = self
            .label_numbers
            .0
            .get(at as usize)
            .map_or(0, |&number| number);
        let label = number != 0;
        if label {
            let Label {
                shape,
                first_jump,
                reachable,
                data,
                ..
            } = self.labels[number as usize - 1];
            if flows && self.current != shape {
                return Err(self.mismatch(at, shape));
            }
            // Regions nest: what was open at the first jump and still is, encloses all jumps.
            if let Some(region) = self.regions.last()
                && first_jump <= region.start
            {
                return Err(self.error(first_jump, "a jump leads into a region"));
            }
            self.current = shape;
            self.flows = true;
            self.reachable |= reachable;
            self.labels_bound += 1;
            label_data = data;
        } else if !flows {
            self.current = self.floor;
        }
        if self.reader.at_end() {
            self.check_labels()?;
            if let Some(region) = self.regions.last() {
                return Err(self.error(region.start, "a region that does not end"));
            }
            if flows {
                return Err(self.error(at, "control runs off the end of the function"));
            }
            return Ok(None);
        }
        let instr = self.reader.next_instr()?;
        // A loop header that nothing above leads to is entered from below.
        self.reachable |= instr.op == Op::Loop;
        Ok(Some(Step {
            instr,
            label,
            reachable: self.reachable,
            fallthrough,
            label_data,
        }))
    }

    /// Every label was the start of an instruction.
    fn check_labels(&self) -> Result<(), Malformed> {
        if self.labels_bound == self.labels.len() {
            return Ok(());
        }
        let mut reader = self.reader.restarted();
        reader.read_locals()?;
        let mut starts = vec![false; reader.body_len()];
        while !reader.at_end() {
            starts[reader.offset()] = true;
            reader.next_instr()?;
        }
        let inside = self
            .labels
            .iter()
            .map(|label| label.offset)
            .filter(|&at| !starts[at as usize]);
        let target = inside.min().unwrap_or_default();
        Err(self.error(target, "a jump leads into the middle of an instruction"))
    }

    /// Leaves a number with the label that a forward jump leads to, for a tier's own use; returns the
    /// one that was there, at first 0.
    ///
    /// # Panics
    /// Where no forward jump to `target` was applied.
    pub fn exchange_label_data(&mut self, target: u32, data: u32) -> u32 {
        let number = self.label_numbers.0[target as usize];
        std::mem::replace(&mut self.labels[number as usize - 1].data, data)
    }

    /// Checks the instruction's operands and immediates, and changes the shape as it says.
    ///
    /// # Errors
    /// What the instruction does not allow.
    #[inline(always)]
    pub fn apply(&mut self, instr: &Instr) -> Result<(), Malformed> {
        self.before = self.current;
        if matches!(instr.op, Op::LocalGet | Op::LocalSet | Op::LocalTee) {
            return self.apply_local(instr);
        }
        let rule = instr.op.rule();
        if rule.first_arch > self.module.arch {
            let info = instr.op.info();
            let reason = format!(
                "{} needs {}, this module is for {}",
                info.mnemonic, info.first_arch, self.module.arch
            );
            return Err(self.error(instr.offset, reason));
        }
        if rule.names_lanes {
            self.check_lanes(instr)?;
        }
        match rule.group {
            group if group.accesses_memory() => return self.apply_access(instr),
            Group::Other => {
                if matches!(instr.op, Op::Alloc | Op::Free) {
                    self.check_heap(instr)?;
                }
                if rule.indexes {
                    self.check_immediates(instr)?;
                    if rule.imms[0] == Some(Imm::Object) {
                        self.check_object(instr)?;
                    }
                }
                if matches!(instr.op, Op::TableInit | Op::TableCopy) {
                    self.check_elements(instr)?;
                }
            }
            Group::Service => self.check_service(instr)?,
            _ => {}
        }
        match rule.params {
            Some(params) => self.apply_fixed(instr, params, rule)?,
            None => {
                self.apply_poly(instr)?;
                self.check_growth(instr)?;
                self.check_frame(instr.offset)?;
            }
        }
        // Behind a region whose end nothing leads to, nothing goes on.
        self.flows = !rule.terminator && (self.flows || instr.op != Op::EndTry);
        self.reachable &= self.flows;
        Ok(())
    }

    /// Pops operands of these types, from the top of the stack down, and pushes the results.
    #[inline(always)]
    fn apply_fixed(&mut self, instr: &Instr, params: Params, rule: &Rule) -> Result<(), Malformed> {
        for ty in params {
            let Some(ty) = ty else { break };
            self.pop_type(instr, ty)?;
        }
        if let [Some(ty), second] = rule.results {
            self.push(ty);
            if let Some(ty) = second {
                self.push(ty);
            }
            self.check_growth(instr)?;
        }
        Ok(())
    }

    /// A load or store. The rule is that for 32-bit addresses, which are the deepest operand.
    #[inline(always)]
    fn apply_access(&mut self, instr: &Instr) -> Result<(), Malformed> {
        let rule = instr.op.rule();
        let mut params = rule.params.expect("accesses have fixed signatures");
        match self.env.spaces.memories.get(usize::from(instr.memory)) {
            Some(memory) if memory.address == AddressType::I32 => {
                if instr.a > u64::from(u32::MAX) {
                    let reason = format!("offset {} in a memory of 32-bit addresses", instr.a);
                    return Err(self.error(instr.offset, reason));
                }
            }
            Some(_) => {
                let mut deepest = params.iter_mut().rev();
                let address = deepest.find(|ty| ty.is_some()).expect("an address");
                *address = Some(ValType::I64);
            }
            None => return Err(self.no_memory(instr)),
        }
        self.flows = true;
        self.apply_fixed(instr, params, rule)
    }

    /// The commonest instructions, by a shorter way.
    #[inline(always)]
    fn apply_local(&mut self, instr: &Instr) -> Result<(), Malformed> {
        let Some(&ty) = self.locals.get(instr.a as usize) else {
            return self.check_immediates(instr);
        };
        self.flows = true;
        if instr.op == Op::LocalGet {
            self.push(ty);
            return self.check_growth(instr);
        }
        self.pop_type(instr, ty)?;
        if instr.op == Op::LocalTee {
            self.current = self.before;
        }
        Ok(())
    }

    /// What every instruction that pushes has to keep to.
    #[inline(always)]
    fn check_growth(&mut self, instr: &Instr) -> Result<(), Malformed> {
        let slots = self.shapes.slots(self.current);
        if slots > self.max_slots {
            self.max_slots = slots;
            self.check_frame(instr.offset)?;
        }
        if self.shapes.exhausted() {
            let reason = "more different stack shapes than a function of this size may have";
            return Err(self.error(instr.offset, reason));
        }
        Ok(())
    }

    #[inline]
    fn check_frame(&self, offset: u32) -> Result<(), Malformed> {
        if self.frame_slots() > MAX_FRAME_SLOTS {
            let reason = format!("a frame of more than {MAX_FRAME_SLOTS} slots of 64 bits");
            return Err(self.error(offset, reason));
        }
        Ok(())
    }

    fn check_immediates(&self, instr: &Instr) -> Result<(), Malformed> {
        let spaces = &self.env.spaces;
        for (imm, index) in instr
            .op
            .rule()
            .imms
            .into_iter()
            .flatten()
            .zip([instr.a, instr.b])
        {
            let (what, count) = match imm {
                Imm::Local => ("local", self.locals.len()),
                Imm::Global => ("global", spaces.globals.len()),
                Imm::Func => ("function", spaces.funcs.len()),
                Imm::Type => ("type", self.module.types.len()),
                Imm::Table => ("table", spaces.tables.len()),
                Imm::Memory => ("memory", spaces.memories.len()),
                Imm::Data => ("data segment", self.env.data_count as usize),
                Imm::Elem => ("element segment", self.env.elems.len()),
                Imm::Tag => ("tag", spaces.tags.len()),
                Imm::Object => ("object type", spaces.objects.len()),
                _ => continue,
            };
            if index >= count as u64 {
                let reason = format!("{}: there is no {what} {index}", instr.op.mnemonic());
                return Err(self.error(instr.offset, reason));
            }
        }
        Ok(())
    }

    fn check_lanes(&self, instr: &Instr) -> Result<(), Malformed> {
        for (imm, value) in instr.op.info().imms.iter().zip([instr.a, instr.b]) {
            let Some(count) = imm.lanes() else { continue };
            let highest = match imm {
                Imm::Lanes => instr.vector().to_le_bytes().into_iter().max(),
                _ => Some(value as u8),
            };
            if let Some(lane) = highest
                && lane >= count
            {
                let name = instr.op.mnemonic();
                let what = match instr.op.rule().group {
                    Group::Wide => "limb",
                    Group::Whole => "part",
                    _ => "lane",
                };
                let reason = format!("{name}: there is no {what} {lane}, only {count}");
                return Err(self.error(instr.offset, reason));
            }
        }
        Ok(())
    }

    /// `alloc` and `free` are for memories of the usual kind.
    fn check_heap(&self, instr: &Instr) -> Result<(), Malformed> {
        let name = instr.op.mnemonic();
        match self.env.spaces.memories.first() {
            Some(ty) if ty.is_paged() && ty.address == AddressType::I32 => Ok(()),
            Some(ty) => {
                let (address, bytes) = (ty.address, ty.page_bytes());
                let reason =
                    format!("{name} in a memory of {address} addresses and {bytes}-byte pages");
                Err(self.error(instr.offset, reason))
            }
            None => Err(self.no_memory(instr)),
        }
    }

    fn check_service(&self, instr: &Instr) -> Result<(), Malformed> {
        let uses_memory = Service::of(instr.op).is_some_and(Service::uses_memory);
        match self.env.spaces.memories.first() {
            None if uses_memory => Err(self.no_memory(instr)),
            Some(ty) if uses_memory && ty.address != AddressType::I32 => {
                let name = instr.op.mnemonic();
                let reason = format!("{name} in a memory of {} addresses", ty.address);
                Err(self.error(instr.offset, reason))
            }
            _ => Ok(()),
        }
    }

    #[cold]
    fn no_memory(&self, instr: &Instr) -> Malformed {
        let name = instr.op.mnemonic();
        let reason = match instr.memory {
            0 => format!("{name} without a memory"),
            memory => format!("{name}: there is no memory {memory}"),
        };
        self.error(instr.offset, reason)
    }

    /// Signatures leave open whether elements fit.
    fn check_elements(&self, instr: &Instr) -> Result<(), Malformed> {
        let tables = &self.env.spaces.tables;
        let (dst, src) = match instr.op {
            Op::TableInit => (instr.b, self.env.elems[instr.a as usize]),
            Op::TableCopy => (instr.a, tables[instr.b as usize].element),
            _ => return Ok(()),
        };
        let element = tables[dst as usize].element;
        if element == src {
            return Ok(());
        }
        let reason = format!("{} of {src} to a table of {element}", instr.op.mnemonic());
        Err(self.error(instr.offset, reason))
    }

    fn apply_poly(&mut self, instr: &Instr) -> Result<(), Malformed> {
        match instr.op {
            Op::Trap | Op::Nop | Op::Cold | Op::Halt => {}
            Op::Loop => self.loops.push((instr.offset, self.current)),
            Op::Jmp => self.check_jump(instr, instr.a as u32, self.current)?,
            Op::Jz | Op::Jnz => {
                self.pop_type(instr, ValType::I32)?;
                self.check_jump(instr, instr.a as u32, self.current)?;
            }
            Op::BrTable => {
                self.pop_type(instr, ValType::I32)?;
                for target in self.reader.labels(instr) {
                    self.check_jump(instr, target?, self.current)?;
                }
            }
            Op::Try => self.open_region(instr)?,
            Op::EndTry => match self.regions.pop() {
                Some(region) => {
                    self.floor = region.outer_floor;
                    self.loops.truncate(region.loops);
                }
                None => return Err(self.error(instr.offset, "end_try without a try")),
            },
            Op::Throw => {
                let ty = self.env.spaces.tags[instr.a as usize];
                for &ty in self.module.types[ty as usize].params.iter().rev() {
                    self.pop_type(instr, ty)?;
                }
            }
            Op::ThrowRef => self.pop_type(instr, ValType::ExnRef)?,
            Op::Call | Op::RetCall => {
                self.apply_call(instr, self.env.spaces.funcs[instr.a as usize])?;
            }
            Op::CallIndirect | Op::RetCallIndirect => {
                let table = self.env.spaces.tables[instr.b as usize];
                self.pop_type(instr, table.address.val_type())?;
                let element = table.element;
                if element != ValType::FuncRef {
                    let reason = format!("an indirect call through a table of {element}");
                    return Err(self.error(instr.offset, reason));
                }
                self.apply_call(instr, instr.a as u32)?;
            }
            Op::CallRef | Op::RetCallRef => {
                self.pop_type(instr, ValType::FuncRef)?;
                self.apply_call(instr, instr.a as u32)?;
            }
            Op::RefAsNonNull => {
                let ty = self.pop_any(instr)?;
                if !ty.is_ref() {
                    return Err(self.error(instr.offset, format!("ref.as_non_null of {ty}")));
                }
                self.push(ty);
            }
            Op::Ret => {
                let func_type = self.func_type;
                for &ty in func_type.results.iter().rev() {
                    self.pop_type(instr, ty)?;
                }
            }
            Op::GlobalGet => self.push(self.env.spaces.globals[instr.a as usize].ty),
            Op::GlobalSet => {
                let global = self.env.spaces.globals[instr.a as usize];
                if !global.mutable {
                    let reason = format!("global {} is immutable", instr.a);
                    return Err(self.error(instr.offset, reason));
                }
                self.pop_type(instr, global.ty)?;
            }
            Op::RefNull => match ValType::from_code(instr.a as u8) {
                Some(ty) if ty.is_ref() => self.push(ty),
                _ => return Err(self.error(instr.offset, "ref.null of no reference type")),
            },
            Op::RefIsNull => {
                let ty = self.pop_any(instr)?;
                if !ty.is_ref() {
                    return Err(self.error(instr.offset, format!("ref.is_null of {ty}")));
                }
                self.push(ValType::I32);
            }
            Op::StructNew | Op::ArrayNewFixed => self.apply_new(instr)?,
            _ => match self.env.spaces.signature(instr.op, instr.a, instr.b) {
                Some(signature) => {
                    for ty in signature.params().rev() {
                        self.pop_type(instr, ty)?;
                    }
                    signature.result.into_iter().for_each(|ty| self.push(ty));
                }
                None => self.apply_stack(instr)?,
            },
        }
        Ok(())
    }

    fn apply_stack(&mut self, instr: &Instr) -> Result<(), Malformed> {
        match instr.op {
            Op::Select => {
                self.pop_type(instr, ValType::I32)?;
                let ty = self.pop_any(instr)?;
                self.pop_type(instr, ty)?;
                self.push(ty);
            }
            Op::Pop => drop(self.pop_any(instr)?),
            Op::Dup => self.rearrange(instr, 1, &[0, 0])?,
            Op::Swap => self.rearrange(instr, 2, &[1, 0])?,
            Op::Rot => self.rearrange(instr, 3, &[1, 2, 0])?,
            Op::Over => self.rearrange(instr, 2, &[0, 1, 0])?,
            Op::Nip => self.rearrange(instr, 2, &[1])?,
            Op::Tuck => self.rearrange(instr, 2, &[1, 0, 1])?,
            Op::Pick => {
                // A deep walk for every instruction would not be linear.
                if instr.a > u64::from(u8::MAX) {
                    let reason = format!("pick {}; the deepest is 255", instr.a);
                    return Err(self.error(instr.offset, reason));
                }
                let mut at = self.current;
                for _ in 0..instr.a {
                    at = self.below(instr, at)?.1;
                }
                let ty = self.below(instr, at)?.0;
                self.push(ty);
            }
            Op::Slide => {
                // Dropped values are paid for by their push; the kept ones are walked each time.
                if instr.b > u64::from(u8::MAX) {
                    let reason = format!("slide keeps {} values; the most is 255", instr.b);
                    return Err(self.error(instr.offset, reason));
                }
                let kept: Vec<ValType> = (0..instr.b)
                    .map(|_| self.pop_any(instr))
                    .collect::<Result<_, _>>()?;
                for _ in 0..instr.a {
                    self.pop_any(instr)?;
                }
                kept.iter().rev().for_each(|&ty| self.push(ty));
            }
            op => unreachable!("no rule for {}", op.mnemonic()),
        }
        Ok(())
    }

    /// Pops `take` values and pushes those of the given positions, 0 being the deepest popped.
    fn rearrange(&mut self, instr: &Instr, take: usize, order: &[usize]) -> Result<(), Malformed> {
        let mut popped = [ValType::I32; 3];
        for slot in popped[..take].iter_mut().rev() {
            *slot = self.pop_any(instr)?;
        }
        order.iter().for_each(|&i| self.push(popped[i]));
        Ok(())
    }

    fn apply_call(&mut self, instr: &Instr, ty: u32) -> Result<(), Malformed> {
        let callee = &self.module.types[ty as usize];
        for &ty in callee.params.iter().rev() {
            self.pop_type(instr, ty)?;
        }
        // The results are where the callee's frame was: make room for them, and for parameters
        // that take the place of the popped ones.
        self.max_slots = self
            .max_slots
            .max(self.shapes.slots(self.current) + callee.param_slots());
        if instr.op.is_terminator() {
            if callee.results != self.func_type.results {
                let reason = format!(
                    "a tail call of type {callee} in a function of type {}",
                    self.func_type
                );
                return Err(self.error(instr.offset, reason));
            }
            return Ok(());
        }
        callee.results.iter().for_each(|&ty| self.push(ty));
        Ok(())
    }

    fn open_region(&mut self, instr: &Instr) -> Result<(), Malformed> {
        let base = self.current;
        for catch in self.reader.catches(instr) {
            let catch = catch?;
            if catch.target <= instr.offset {
                return Err(self.error(instr.offset, "a catch that leads back"));
            }
            self.current = base;
            if let Some(tag) = catch.tag {
                let Some(&ty) = self.env.spaces.tags.get(tag as usize) else {
                    let reason = format!("try: there is no tag {tag}");
                    return Err(self.error(instr.offset, reason));
                };
                let values = &self.module.types[ty as usize].params;
                values.iter().for_each(|&ty| self.push(ty));
            }
            if catch.by_ref {
                self.push(ValType::ExnRef);
            }
            self.check_growth(instr)?;
            self.check_jump(instr, catch.target, self.current)?;
        }
        self.current = base;
        self.regions.push(Region {
            start: instr.offset,
            outer_floor: std::mem::replace(&mut self.floor, base),
            loops: self.loops.len(),
        });
        Ok(())
    }

    /// Checks that a jump may bring a stack of that shape to its target.
    fn check_jump(&mut self, instr: &Instr, target: u32, have: Shape) -> Result<(), Malformed> {
        let shape = if target <= instr.offset {
            let Ok(at) = self
                .loops
                .binary_search_by_key(&target, |&(offset, _)| offset)
            else {
                let reason = format!("a backward jump to {target:#x}, where no loop starts");
                return Err(self.error(instr.offset, reason));
            };
            self.loops[at].1
        } else {
            let number = &mut self.label_numbers.0[target as usize];
            if *number == 0 {
                self.labels.push(Label {
                    offset: target,
                    shape: have,
                    first_jump: instr.offset,
                    reachable: false,
                    data: 0,
                });
                *number = self.labels.len() as u32;
            }
            let label = &mut self.labels[*number as usize - 1];
            label.reachable |= self.reachable;
            label.shape
        };
        if have != shape {
            return Err(self.mismatch(instr.offset, shape));
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn push(&mut self, ty: ValType) {
        self.current = self.shapes.push(self.current, ty);
    }

    fn pop_any(&mut self, instr: &Instr) -> Result<ValType, Malformed> {
        let (ty, below) = self.below(instr, self.current)?;
        self.current = below;
        Ok(ty)
    }

    fn below(&self, instr: &Instr, shape: Shape) -> Result<(ValType, Shape), Malformed> {
        match self.shapes.pop(shape) {
            Some(popped) if shape != self.floor => Ok(popped),
            _ => {
                let (name, stack) = (instr.op.mnemonic(), self.shapes.describe(self.before));
                let region = if self.regions.is_empty() {
                    ""
                } else {
                    " has above the region's floor"
                };
                let reason = format!("{name} wants more values than {stack}{region}");
                Err(self.error(instr.offset, reason))
            }
        }
    }

    #[inline(always)]
    pub(super) fn pop_type(&mut self, instr: &Instr, want: ValType) -> Result<(), Malformed> {
        match self.shapes.pop(self.current) {
            Some((ty, below)) if ty == want && self.current != self.floor => {
                self.current = below;
                Ok(())
            }
            _ => Err(self.wrong_operand(instr, want)),
        }
    }

    #[cold]
    fn wrong_operand(&self, instr: &Instr, want: ValType) -> Malformed {
        let (name, stack) = (instr.op.mnemonic(), self.shapes.describe(self.before));
        let floor = if self.current == self.floor && !self.regions.is_empty() {
            ", down to the region's floor"
        } else {
            ""
        };
        self.error(
            instr.offset,
            format!("{name} wants {want}; the stack is {stack}{floor}"),
        )
    }

    #[cold]
    fn mismatch(&self, offset: u32, want: Shape) -> Malformed {
        let (have, want) = (
            self.shapes.describe(self.current),
            self.shapes.describe(want),
        );
        self.error(
            offset,
            format!("the stack is {have} on one path and {want} on another"),
        )
    }

    /// The module.
    pub(super) fn module(&self) -> &'m Module {
        self.module
    }

    /// An error at an instruction.
    #[cold]
    pub(super) fn error_at(&self, instr: &Instr, reason: impl Into<String>) -> Malformed {
        self.error(instr.offset, reason)
    }

    #[cold]
    fn error(&self, offset: u32, reason: impl Into<String>) -> Malformed {
        self.reader.error(offset as usize, reason)
    }
}
