//! Valid function bodies made of random choices.
//!
//! The generator knows the types on the stack, as the verifier does, and makes the operands that an
//! instruction wants where they are not there.

use std::sync::LazyLock;

use super::generate::Choices;
use crate::instr::{Catch, CodeBuilder, Label};
use crate::module::{Module, Spaces};
use crate::objects::Field;
use crate::ops::{Imm, OPS, Op, OpInfo, Service, Sig};
use crate::types::{AddressType, Arch, MemoryType, ValType};

/// The most values on the stack.
const MAX_DEPTH: usize = 40;

/// The most instructions that are chosen; operands come on top.
const MAX_STEPS: usize = 60;

struct BodyMaker<'c, 'd, 'm> {
    choices: &'c mut Choices<'d>,
    module: &'m Module,
    spaces: Spaces,
    types: &'m [ValType],
    results: &'m [ValType],
    locals: Vec<ValType>,
    code: CodeBuilder,
    stack: Vec<ValType>,
    loops: Vec<(Label, Vec<ValType>)>,
    /// Labels that are jumped to and not bound yet.
    forward: Vec<(Label, Vec<ValType>)>,
    /// What the code is in, innermost last.
    regions: Vec<Region>,
}

/// A region that was entered, or the body as a whole: how much there was of everything.
#[derive(Clone, Copy, Default)]
struct Region {
    /// Values on the stack.
    floor: usize,
    loops: usize,
    /// Labels that cannot be bound in the region.
    forward: usize,
}

/// A body of a function of type `ty`.
pub(super) fn body(
    choices: &mut Choices<'_>,
    module: &Module,
    types: &[ValType],
    ty: u32,
) -> Vec<u8> {
    let func_type = &module.types[ty as usize];
    let mut locals = func_type.params.clone();
    // One local of each type, so that a value of every type can be had.
    let mut groups: Vec<(u32, ValType)> = types.iter().map(|&ty| (1, ty)).collect();
    for _ in 0..choices.below(4) {
        groups.push((choices.below(4) as u32, choices.pick(types)));
    }
    for &(count, ty) in &groups {
        locals.extend((0..count).map(|_| ty));
    }
    let mut maker = BodyMaker {
        spaces: module.spaces(),
        module,
        types,
        results: &func_type.results,
        locals,
        code: CodeBuilder::new(&groups),
        stack: Vec::new(),
        loops: Vec::new(),
        forward: Vec::new(),
        regions: Vec::new(),
        choices,
    };
    for _ in 0..MAX_STEPS {
        if maker.choices.is_empty() {
            break;
        }
        maker.step();
    }
    maker.finish()
}

impl BodyMaker<'_, '_, '_> {
    fn region(&self) -> Region {
        self.regions.last().copied().unwrap_or_default()
    }

    fn step(&mut self) {
        while self.stack.len() > MAX_DEPTH + self.region().floor {
            self.code.op(Op::Pop);
            self.stack.pop();
        }
        match self.choices.below(8) {
            0 => self.jump(),
            1 => self.join(),
            2 => {
                let ty = self.choices.pick(self.types);
                self.make(ty);
            }
            _ => {
                let info = self.row();
                self.instruction(info);
            }
        }
    }

    /// Ends the body, and every path that still has to lead somewhere.
    fn finish(mut self) -> Vec<u8> {
        loop {
            self.want(self.results);
            self.code.op(Op::Ret);
            if self.regions.pop().is_some() {
                self.code.op(Op::EndTry);
                self.stack.truncate(self.region().floor);
                continue;
            }
            let Some((label, shape)) = self.forward.pop() else {
                return self.code.finish();
            };
            self.code.bind(label);
            self.stack = shape;
        }
    }

    /// Makes a value of type `ty`.
    fn make(&mut self, ty: ValType) {
        let number = self.choices.number();
        match ty {
            ValType::I32 => self.code.op1(Op::I32Push, number),
            ValType::I64 => self.code.op1(Op::I64Push, number),
            ValType::F32 => self.code.op1(Op::F32Push, number & 0xffff_ffff),
            ValType::F64 => self.code.op1(Op::F64Push, number),
            ValType::I128 | ValType::I256 | ValType::I512 | ValType::V256 | ValType::V512
                if self.choices.flag() =>
            {
                let value = self.choices.bits(ty);
                self.code.op_constant(Op::push(ty), value);
            }
            ValType::V128 if self.choices.flag() => {
                let high = self.choices.number();
                self.code.op2(Op::V128Push, number, high);
            }
            ty if ty.is_ref() && self.choices.flag() => {
                self.code.op1(Op::RefNull, u64::from(ty.code()));
            }
            _ => {
                let at = self.locals.iter().position(|&local| local == ty);
                self.code.op1(Op::LocalGet, at.unwrap_or(0) as u64);
            }
        }
        self.stack.push(ty);
    }

    /// Sees to it that the top of the stack has these types.
    fn want(&mut self, types: &[ValType]) {
        if !self.stack[self.region().floor..].ends_with(types) {
            types.iter().for_each(|&ty| self.make(ty));
        }
    }

    /// Type of the top value, where it may be taken.
    fn top(&self) -> Option<ValType> {
        self.stack[self.region().floor..].last().copied()
    }

    fn want_values(&mut self, count: usize) {
        while self.stack.len() < self.region().floor + count {
            let ty = self.choices.pick(self.types);
            self.make(ty);
        }
    }

    fn apply(&mut self, params: &[ValType], results: &[ValType]) {
        self.stack.truncate(self.stack.len() - params.len());
        self.stack.extend(results);
    }

    /// A jump back to a loop or on to a label, conditional or not.
    fn jump(&mut self) {
        let op = self.choices.pick(&[Op::Jz, Op::Jnz, Op::Jmp, Op::BrTable]);
        if op != Op::Jmp {
            self.want(&[ValType::I32]);
            self.stack.pop();
        }
        let count = if op == Op::BrTable {
            1 + self.choices.below(4)
        } else {
            1
        };
        let labels: Vec<Label> = (0..count).map(|_| self.target()).collect();
        match op {
            Op::BrTable => self.code.br_table(&labels),
            _ => self.code.jump(op, labels[0]),
        }
        if op.is_terminator() {
            self.after_terminator();
        }
    }

    /// A label that may be jumped to with the present stack.
    fn target(&mut self) -> Label {
        if self.choices.flag()
            && let Some(label) = Self::fitting(self.choices, &self.loops, &self.stack)
        {
            return label;
        }
        self.forward_target()
    }

    /// The same of those that are not bound yet.
    fn forward_target(&mut self) -> Label {
        if let Some(label) = Self::fitting(self.choices, &self.forward, &self.stack) {
            return label;
        }
        let label = self.code.new_label();
        self.forward.push((label, self.stack.clone()));
        label
    }

    fn fitting(
        choices: &mut Choices<'_>,
        places: &[(Label, Vec<ValType>)],
        stack: &[ValType],
    ) -> Option<Label> {
        let fitting = places.iter().filter(|(_, shape)| shape == stack);
        let fitting: Vec<Label> = fitting.map(|&(label, _)| label).collect();
        (!fitting.is_empty()).then(|| choices.pick(&fitting))
    }

    /// Goes on behind an instruction that does not: where a jump leads, or with nothing.
    fn after_terminator(&mut self) {
        let Region { floor, forward, .. } = self.region();
        if self.forward.len() > forward && self.choices.flag() {
            let (label, shape) = self.forward.remove(self.forward.len() - 1);
            self.code.bind(label);
            self.stack = shape;
        } else {
            self.stack.truncate(floor);
        }
    }

    /// Binds a label whose jumps bring the present stack.
    fn join(&mut self) {
        let first = self.region().forward;
        let mut forward = self.forward[first..].iter();
        if let Some(at) = forward.position(|(_, shape)| *shape == self.stack) {
            let (label, _) = self.forward.remove(first + at);
            self.code.bind(label);
        }
    }

    /// A row of the table: as often one that every architecture has as one of another, since wide ones have
    /// many.
    fn row(&mut self) -> &'static OpInfo {
        static BY_ARCH: LazyLock<[Vec<&OpInfo>; Arch::ALL.len()]> = LazyLock::new(|| {
            Arch::ALL.map(|arch| OPS.iter().filter(|info| info.first_arch == arch).collect())
        });
        let mut first = Arch::Arch32;
        if self.choices.flag() {
            first = self.choices.pick(&Arch::ALL).min(self.module.arch);
        }
        let rows = match BY_ARCH[usize::from(first.code())].as_slice() {
            [] => &BY_ARCH[0],
            rows => rows,
        };
        self.choices.pick(rows)
    }

    fn instruction(&mut self, info: &OpInfo) {
        let op = info.op;
        let Some([a, b]) = self.immediates(op, info.imms) else {
            return;
        };
        match info.sig {
            Sig::Fixed(params, results) if info.imms.contains(&Imm::Offset) => {
                self.access(op, [a, b], params, results);
            }
            Sig::Fixed(params, results) => {
                let narrow = |ty: &&MemoryType| ty.address == AddressType::I32;
                let first = self.spaces.memories.first().filter(narrow);
                let (has_narrow, has_heap) =
                    (first.is_some(), first.is_some_and(MemoryType::is_paged));
                let needs_heap = matches!(op, Op::Alloc | Op::Free);
                let needs_memory = Service::of(op).is_some_and(Service::uses_memory);
                if needs_heap && !has_heap || needs_memory && !has_narrow {
                    return;
                }
                self.want(params);
                self.code.op2(op, a, b);
                self.apply(params, results);
            }
            Sig::Poly => self.poly(op, a, b),
        }
    }

    /// A load or store of some memory.
    fn access(&mut self, op: Op, [a, b]: [u64; 2], params: &[ValType], results: &[ValType]) {
        if self.spaces.memories.is_empty() {
            return;
        }
        let memory = self.choices.below(self.spaces.memories.len());
        let mut params = params.to_vec();
        params[0] = self.spaces.address(memory as u64);
        self.want(&params);
        self.code.access(memory as u16, op, a, b);
        self.apply(&params, results);
    }

    /// Immediates that the verifier accepts; `None` where there are none, or for labels.
    fn immediates(&mut self, op: Op, imms: &[Imm]) -> Option<[u64; 2]> {
        if let [Imm::V128 | Imm::Lanes] = imms {
            let lanes = |choices: &mut Choices<'_>| {
                let number = choices.number();
                let mask = if imms == [Imm::Lanes] { 0x1f } else { 0xff };
                number & u64::from_le_bytes([mask; 8])
            };
            return Some([lanes(self.choices), lanes(self.choices)]);
        }
        let mut values = [0; 2];
        for (&imm, value) in imms.iter().zip(&mut values) {
            let count = match imm {
                Imm::Local => self.locals.len(),
                Imm::Global => self.spaces.globals.len(),
                Imm::Func => self.spaces.funcs.len(),
                Imm::Type => self.module.types.len(),
                Imm::Table => self.spaces.tables.len(),
                Imm::Memory => self.spaces.memories.len(),
                Imm::Data => self.module.data.len(),
                Imm::Elem => self.module.elems.len(),
                Imm::Tag => self.spaces.tags.len(),
                Imm::Object => self.spaces.objects.len(),
                Imm::Count => 4,
                Imm::Lane2 | Imm::Lane4 | Imm::Lane8 | Imm::Lane16 | Imm::Lane32 | Imm::Lane64 => {
                    usize::from(imm.lanes().unwrap_or(0))
                }
                Imm::I128 | Imm::I256 | Imm::I512 | Imm::V256 | Imm::V512 => return None,
                Imm::V128 | Imm::Lanes | Imm::Label | Imm::Labels => return None,
                Imm::Catches => continue,
                Imm::RefType => {
                    let ty = self.choices.pick(&ValType::REFERENCES);
                    *value = u64::from(ty.code());
                    continue;
                }
                Imm::F32 | Imm::Offset => {
                    *value = self.choices.number() & 0xffff_ffff;
                    continue;
                }
                Imm::I32 | Imm::I64 | Imm::F64 => {
                    *value = self.choices.number();
                    continue;
                }
            };
            if count == 0 {
                return None;
            }
            *value = self.choices.below(count) as u64;
        }
        let element = |table: u64| self.spaces.tables[table as usize].element;
        let [a, b] = values;
        let fits = match op {
            Op::TableInit => self.module.elems[a as usize].ty == element(b),
            Op::TableCopy => element(a) == element(b),
            Op::CallIndirect | Op::RetCallIndirect => element(b) == ValType::FuncRef,
            Op::GlobalSet => self.spaces.globals[a as usize].mutable,
            op if imms.contains(&Imm::Object) => self.fits_object(op, a, b),
            _ => true,
        };
        fits.then_some(values)
    }

    /// Whether an instruction on objects has immediates that fit each other.
    fn fits_object(&self, op: Op, a: u64, b: u64) -> bool {
        let of = |index: u64| &self.spaces.objects[index as usize].0;
        let element = of(a).element();
        let is_set = |field: Option<&Field>| field.is_some_and(|it| it.mutable);
        let is_packed = |field: Option<&Field>| field.is_some_and(|it| it.storage.is_packed());
        let field = of(a).fields().get(b as usize);
        match op {
            Op::StructNew | Op::StructNewDefault => element.is_none(),
            Op::StructGet => element.is_none() && field.is_some(),
            Op::StructGetU => element.is_none() && is_packed(field),
            Op::StructSet => element.is_none() && is_set(field),
            Op::ArrayNewData => element.is_some_and(|it| !it.storage.val_type().is_ref()),
            Op::ArrayGetU => is_packed(element.as_ref()),
            Op::ArraySet | Op::ArrayFill => is_set(element.as_ref()),
            Op::ArrayCopy => {
                let from = of(b).element().map(|it| it.storage);
                is_set(element.as_ref()) && element.map(|it| it.storage) == from
            }
            Op::RefTest | Op::RefTestNull | Op::RefCast | Op::RefCastNull => true,
            _ => element.is_some(),
        }
    }

    fn poly(&mut self, op: Op, a: u64, b: u64) {
        match op {
            Op::StructNew | Op::ArrayNewFixed => {
                let fields = self.spaces.objects[a as usize].0.fields();
                let types: Vec<ValType> = match op {
                    Op::StructNew => fields.iter().map(|it| it.storage.val_type()).collect(),
                    _ => vec![fields[0].storage.val_type(); b as usize],
                };
                self.want(&types);
                self.code.op2(op, a, b);
                self.apply(&types, &[ValType::AnyRef]);
            }
            Op::Trap | Op::Halt | Op::Ret => {
                if op == Op::Ret {
                    self.want(self.results);
                }
                self.code.op(op);
                self.after_terminator();
            }
            Op::Nop | Op::Cold => self.code.op(op),
            Op::Try => self.open_region(),
            Op::EndTry => {
                if let Some(region) = self.regions.pop() {
                    // So that the code behind it goes on with the same stack.
                    self.code.op(Op::Nop);
                    self.code.op(op);
                    self.loops.truncate(region.loops);
                }
            }
            Op::Throw => {
                let ty = self.spaces.tags[a as usize];
                self.want(&self.module.types[ty as usize].params);
                self.code.op1(op, a);
                self.after_terminator();
            }
            Op::ThrowRef => {
                self.want(&[ValType::ExnRef]);
                self.code.op(op);
                self.after_terminator();
            }
            Op::Loop => {
                let label = self.code.new_label();
                self.code.bind(label);
                self.code.op(op);
                self.loops.push((label, self.stack.clone()));
            }
            Op::Call | Op::CallIndirect | Op::RetCall | Op::RetCallIndirect => self.call(op, a, b),
            Op::CallRef | Op::RetCallRef => self.call(op, a, b),
            Op::LocalGet | Op::LocalSet | Op::LocalTee => {
                let ty = self.locals[a as usize];
                self.variable(op, a, ty);
            }
            Op::GlobalGet | Op::GlobalSet => {
                let ty = self.spaces.globals[a as usize].ty;
                self.variable(op, a, ty);
            }
            Op::RefNull => {
                self.code.op1(op, a);
                self.stack.extend(ValType::from_code(a as u8));
            }
            Op::RefAsNonNull => {
                if !self.top().is_some_and(ValType::is_ref) {
                    self.make(ValType::FuncRef);
                }
                self.code.op(op);
            }
            Op::RefIsNull => {
                if !self.top().is_some_and(ValType::is_ref) {
                    self.make(ValType::ExternRef);
                }
                self.code.op(op);
                self.stack.pop();
                self.stack.push(ValType::I32);
            }
            _ => match self.spaces.signature(op, a, b) {
                Some(signature) => {
                    let params: Vec<ValType> = signature.params().collect();
                    self.want(&params);
                    self.code.op2(op, a, b);
                    self.apply(&params, signature.result.as_slice());
                }
                None => self.rearrange(op, a as usize, b as usize),
            },
        }
    }

    fn open_region(&mut self) {
        let mut catches = Vec::new();
        let base = self.stack.clone();
        for _ in 0..self.choices.below(4) {
            let tags = self.spaces.tags.len();
            let tag = match tags > 0 && self.choices.flag() {
                true => Some(self.choices.below(tags) as u32),
                false => None,
            };
            if let Some(tag) = tag {
                let ty = self.spaces.tags[tag as usize];
                self.stack.extend(&self.module.types[ty as usize].params);
            }
            let by_ref = self.choices.flag();
            self.stack.extend(by_ref.then_some(ValType::ExnRef));
            catches.push(Catch {
                tag,
                by_ref,
                target: self.forward_target(),
            });
            self.stack.clone_from(&base);
        }
        self.code.try_region(&catches);
        self.regions.push(Region {
            floor: self.stack.len(),
            loops: self.loops.len(),
            forward: self.forward.len(),
        });
    }

    fn variable(&mut self, op: Op, index: u64, ty: ValType) {
        match op {
            Op::LocalGet | Op::GlobalGet => self.stack.push(ty),
            _ => {
                self.want(&[ty]);
                if op != Op::LocalTee {
                    self.stack.pop();
                }
            }
        }
        self.code.op1(op, index);
    }

    fn call(&mut self, op: Op, a: u64, b: u64) {
        let direct = matches!(op, Op::Call | Op::RetCall);
        let ty = if direct {
            self.spaces.funcs[a as usize]
        } else {
            a as u32
        };
        let ty = &self.module.types[ty as usize];
        let tail = op.is_terminator();
        if tail && ty.results != self.results {
            return;
        }
        let mut params = ty.params.clone();
        match op {
            Op::CallRef | Op::RetCallRef => params.push(ValType::FuncRef),
            _ if direct => {}
            _ => params.push(self.spaces.tables[b as usize].address.val_type()),
        }
        self.want(&params);
        self.code.op2(op, a, b);
        self.apply(&params, &ty.results);
        if tail {
            self.after_terminator();
        }
    }

    /// Instructions that move values about.
    fn rearrange(&mut self, op: Op, a: usize, b: usize) {
        self.want_values(8);
        let top = self.stack.len() - 1;
        match op {
            Op::Select => {
                let ty = self.stack[top];
                self.want(&[ty, ty, ValType::I32]);
                self.apply(&[ty, ty, ValType::I32], &[ty]);
            }
            Op::Pop => drop(self.stack.pop()),
            Op::Dup => self.stack.push(self.stack[top]),
            Op::Swap => self.stack.swap(top, top - 1),
            Op::Rot => self.stack[top - 2..].rotate_left(1),
            Op::Over => self.stack.push(self.stack[top - 1]),
            Op::Nip => drop(self.stack.remove(top - 1)),
            Op::Tuck => self.stack.insert(top - 1, self.stack[top]),
            Op::Pick => self.stack.push(self.stack[top - a]),
            Op::Slide => drop(self.stack.drain(top + 1 - a - b..top + 1 - b)),
            // A new instruction has to be added here to be generated.
            _ => return,
        }
        self.code.op2(op, a as u64, b as u64);
    }
}
