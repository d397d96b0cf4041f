//! Valid modules made of random choices.

use crate::bits::Bits;
use crate::module::{
    ConstExpr, ConstOp, ElemSegment, Export, ExternKind, GlobalDef, Import, ImportDesc, Module,
    Names, SegmentMode, Spaces, TypeGroup,
};
use crate::objects::{Content, Field, ObjectType, Storage};
use crate::ops::Op;
use crate::refs::{HeapType, RefType};
use crate::types::{
    AddressType, Arch, FuncType, GlobalType, Limits, MemoryType, TableType, ValType,
};

use super::generate_body;

/// Random choices, read from bytes; when they are used up, every choice is the first.
#[derive(Debug)]
pub(super) struct Choices<'d>(&'d [u8]);

impl<'d> Choices<'d> {
    pub(super) fn new(data: &'d [u8]) -> Choices<'d> {
        Choices(data)
    }

    pub(super) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&byte, rest)) => {
                self.0 = rest;
                byte
            }
            None => 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A number below `bound`, which is at most 65,536 and not 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let mut number = usize::from(self.byte());
        if bound > 256 {
            number = number << 8 | usize::from(self.byte());
        }
        number % bound
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A number, more often a small or an extreme one.
    pub(super) fn number(&mut self) -> u64 {
        match self.below(4) {
            0 => u64::from(self.byte()),
            1 => u64::MAX - u64::from(self.byte()),
            2 => 1 << self.below(64),
            _ => (0..8).fold(0, |sum, _| sum << 8 | u64::from(self.byte())),
        }
    }

    /// The slots of an integer of that type: more often one with runs of equal bits.
    pub(super) fn bits(&mut self, ty: ValType) -> Bits {
        let slots = std::array::from_fn(|_| match self.below(4) {
            0 => 0,
            1 => u64::MAX,
            _ => self.number(),
        });
        Bits(slots).truncated(ty.bits())
    }

    pub(super) fn name(&mut self) -> String {
        const PARTS: [&str; 8] = ["a", "main", "$", "\"", " ", "é", "\n", "core::fmt"];
        (0..self.below(4)).map(|_| self.pick(&PARTS)).collect()
    }
}

/// Value types that constants can have.
const CONSTANT_TYPES: [ValType; 14] = [
    ValType::I32,
    ValType::I64,
    ValType::I128,
    ValType::I256,
    ValType::I512,
    ValType::F32,
    ValType::F64,
    ValType::V128,
    ValType::V256,
    ValType::V512,
    ValType::FuncRef,
    ValType::ExternRef,
    ValType::ExnRef,
    ValType::AnyRef,
];

/// A module that verifies.
pub(super) fn module(choices: &mut Choices<'_>) -> (Module, Names) {
    let arch = choices.pick(&Arch::ALL);
    let mut module = Module {
        arch,
        ..Module::default()
    };
    let types: Vec<ValType> = ValType::ALL
        .into_iter()
        .filter(|&ty| arch.has(ty))
        .collect();
    module.types.push(FuncType::default());
    for _ in 0..choices.below(5) {
        let params: Vec<ValType> = (0..choices.below(4))
            .map(|_| choices.pick(&types))
            .collect();
        let results: Vec<ValType> = (0..choices.below(4))
            .map(|_| choices.pick(&types))
            .collect();
        module.types.push(FuncType::new(params, results));
    }
    narrow_types(choices, &mut module);
    objects(choices, &mut module, &types);
    imports(choices, &mut module, &types);
    for _ in 0..choices.below(3) {
        module.tables.push(table(choices, &module).into());
    }
    for _ in 0..choices.below(3) {
        module.memories.push(memory(choices, module.arch));
    }
    for _ in 0..choices.below(3) {
        let ty = tag(choices, &module);
        module.tags.push(ty);
    }
    // Bodies come last, but functions can be referred to from now on.
    let func_types: Vec<u32> = (0..1 + choices.below(4))
        .map(|_| choices.below(module.types.len()) as u32)
        .collect();
    module.set_bodies(func_types.iter().map(|&ty| (ty, Vec::new())));
    let spaces = module.spaces();
    let constant_types: Vec<ValType> = CONSTANT_TYPES
        .into_iter()
        .filter(|&ty| arch.has(ty))
        .collect();
    for index in 0..choices.below(5) as u32 {
        let ty = global(choices, &module, &constant_types);
        let below = spaces.imported_globals + index;
        let init = constant(choices, &module.spaces(), ty.ty, below);
        module.globals.push(GlobalDef { ty, init });
    }
    for table in 0..module.tables.len() {
        let element = module.tables[table].ty.element;
        if choices.flag() {
            let init = constant(choices, &spaces, element, spaces.imported_globals);
            module.tables[table].init = Some(init);
        }
    }
    segments(choices, &mut module);
    exports(choices, &mut module);
    let bodies: Vec<(u32, Vec<u8>)> = func_types
        .iter()
        .map(|&ty| (ty, generate_body::body(choices, &module, &types, ty)))
        .collect();
    module.set_bodies(bodies);
    let names = names(choices, &module);
    (module, names)
}

fn limits(choices: &mut Choices<'_>, most: usize) -> Limits {
    let min = choices.below(most) as u64;
    let max = choices.flag().then(|| min + choices.below(most) as u64);
    Limits { min, max }
}

/// Types of managed objects.
fn objects(choices: &mut Choices<'_>, module: &mut Module, types: &[ValType]) {
    let stored: Vec<Storage> = types
        .iter()
        .filter(|&&ty| ty != ValType::ExnRef)
        .map(|&ty| Storage::Val(ty))
        .chain([Storage::I8, Storage::I16])
        .collect();
    for _ in 0..choices.below(4) {
        let count = module.objects.len();
        let mut field = || Field {
            storage: choices.pick(&stored),
            mutable: choices.flag(),
        };
        let (element, more) = (field(), field());
        let supertype = match choices.flag() && count > 0 {
            true => Some(choices.below(count)),
            false => None,
        };
        let supertype = supertype.filter(|&it| !module.objects[it].is_final);
        let mut content = match supertype {
            Some(index) => module.objects[index].content.clone(),
            None if choices.flag() => Content::Array(element),
            None => Content::Struct(vec![element]),
        };
        if let Content::Struct(fields) = &mut content
            && choices.flag()
        {
            fields.push(more);
        }
        module.objects.push(ObjectType {
            content,
            supertype: supertype.map(|index| index as u32),
            is_final: choices.flag(),
        });
    }
    let count = module.objects.len() as u32;
    if count > 1 && choices.flag() {
        module.object_groups.push(TypeGroup { first: 0, count });
    }
}

/// Makes references in types narrower, and some types a group.
fn narrow_types(choices: &mut Choices<'_>, module: &mut Module) {
    let count = module.types.len() as u32;
    if count > 2 && choices.flag() {
        let first = choices.below(count as usize - 1) as u32;
        let left = (count - first - 1) as usize;
        let count = 2 + choices.below(left) as u32;
        module.type_groups.push(TypeGroup { first, count });
    }
    let groups: Vec<_> = module.type_groups().collect();
    for group in groups {
        for index in group.clone() {
            let ty = std::mem::take(&mut module.types[index as usize]);
            let types = module.types.get_mut(index as usize).expect("a type");
            for param in ty.params {
                types.push_param(param, narrow(choices, param, group.end));
            }
            for result in ty.results {
                types.push_result(result, narrow(choices, result, group.end));
            }
        }
    }
}

/// A narrower reference type that names types below `types`, or nothing.
fn narrow(choices: &mut Choices<'_>, ty: ValType, types: u32) -> Option<RefType> {
    let all = HeapType::ABSTRACT.into_iter();
    let fits = |heap: &HeapType| RefType::new(false, *heap).val_type() == ty;
    let mut heaps: Vec<HeapType> = all.filter(|heap| ty.is_ref() && fits(heap)).collect();
    if ty == ValType::FuncRef && types > 0 {
        heaps.push(HeapType::Type(choices.below(types as usize) as u32));
    }
    if heaps.is_empty() || choices.flag() {
        return None;
    }
    RefType::new(choices.flag(), choices.pick(&heaps)).narrow()
}

fn address(choices: &mut Choices<'_>, arch: Arch) -> AddressType {
    match choices.below(4) {
        0 if AddressType::I64.first_arch() <= arch => AddressType::I64,
        _ => AddressType::I32,
    }
}

fn memory(choices: &mut Choices<'_>, arch: Arch) -> MemoryType {
    let page_size_log2 = match choices.below(4) {
        0 => choices.pick(&MemoryType::PAGE_SIZES_LOG2),
        _ => MemoryType::default().page_size_log2,
    };
    MemoryType {
        limits: limits(choices, 4),
        address: address(choices, arch),
        page_size_log2,
    }
}

fn table(choices: &mut Choices<'_>, module: &Module) -> TableType {
    let element = choices.pick(&ValType::REFERENCES);
    TableType {
        element,
        narrow: narrow(choices, element, module.types.len() as u32),
        limits: limits(choices, 20),
        address: address(choices, module.arch),
    }
}

fn global(choices: &mut Choices<'_>, module: &Module, types: &[ValType]) -> GlobalType {
    let ty = choices.pick(types);
    GlobalType {
        ty,
        narrow: narrow(choices, ty, module.types.len() as u32),
        mutable: choices.flag(),
    }
}

fn imports(choices: &mut Choices<'_>, module: &mut Module, types: &[ValType]) {
    for _ in 0..choices.below(5) {
        let desc = match choices.below(5) {
            0 => ImportDesc::Func(choices.below(module.types.len()) as u32),
            1 => ImportDesc::Table(table(choices, module)),
            2 => ImportDesc::Memory(memory(choices, module.arch)),
            3 => ImportDesc::Tag(tag(choices, module)),
            _ => ImportDesc::Global(global(choices, module, types)),
        };
        module.imports.push(Import {
            module: choices.name(),
            name: choices.name(),
            desc,
        });
    }
}

/// The index of a type without results; there is one.
fn tag(choices: &mut Choices<'_>, module: &Module) -> u32 {
    let types = module.types.iter().zip(0..);
    let fitting = types.filter(|(ty, _)| ty.results.is_empty());
    let fitting: Vec<u32> = fitting.map(|(_, index)| index).collect();
    choices.pick(&fitting)
}

/// A constant expression that may use the first `globals` globals.
fn constant(choices: &mut Choices<'_>, spaces: &Spaces, ty: ValType, globals: u32) -> ConstExpr {
    let usable: Vec<u32> = (0..globals)
        .filter(|&index| {
            let global = spaces.globals.get(index as usize);
            global.is_some_and(|global| global.ty == ty && !global.mutable)
        })
        .collect();
    if !usable.is_empty() && choices.flag() {
        return ConstExpr(vec![ConstOp::GlobalGet(choices.pick(&usable))]);
    }
    let number = choices.number();
    let op = match ty {
        ValType::I32 => ConstOp::I32(number as i32),
        ValType::I64 => ConstOp::I64(number as i64),
        ValType::F32 => ConstOp::F32(number as u32),
        ValType::F64 => ConstOp::F64(number),
        ValType::I128 | ValType::I256 | ValType::I512 | ValType::V256 | ValType::V512 => {
            ConstOp::Wide(ty, Box::new(choices.bits(ty)))
        }
        ValType::V128 => ConstOp::V128(u128::from(number) << 64 | u128::from(choices.number())),
        ValType::FuncRef if choices.flag() => {
            ConstOp::RefFunc(choices.below(spaces.funcs.len()) as u32)
        }
        _ => ConstOp::RefNull(ty),
    };
    let binary = match ty {
        ValType::I32 => [Op::I32Add, Op::I32Sub, Op::I32Mul],
        ValType::I64 => [Op::I64Add, Op::I64Sub, Op::I64Mul],
        ValType::I128 => [Op::I128Add, Op::I128Sub, Op::I128Mul],
        ValType::I256 => [Op::I256Add, Op::I256Sub, Op::I256Mul],
        ValType::I512 => [Op::I512Add, Op::I512Sub, Op::I512Mul],
        _ => return ConstExpr(vec![op]),
    };
    match choices.flag() {
        true => ConstExpr(vec![op.clone(), op, ConstOp::Binary(choices.pick(&binary))]),
        false => ConstExpr(vec![op]),
    }
}

fn segments(choices: &mut Choices<'_>, module: &mut Module) {
    let spaces = module.spaces();
    let all = spaces.globals.len() as u32;
    for _ in 0..choices.below(4) {
        let ty = choices.pick(&ValType::REFERENCES);
        let tables = spaces.tables.iter().enumerate();
        let fitting: Vec<u32> = tables
            .filter(|(_, table)| table.element == ty)
            .map(|(i, _)| i as u32)
            .collect();
        let mode = match choices.below(3) {
            0 if !fitting.is_empty() => {
                let table = choices.pick(&fitting);
                let address = spaces.tables[table as usize].address;
                let offset = constant(choices, &spaces, address.val_type(), all);
                SegmentMode::Active(table, offset)
            }
            1 => SegmentMode::Declared,
            _ => SegmentMode::Passive,
        };
        let items = (0..choices.below(20))
            .map(|_| constant(choices, &spaces, ty, all))
            .collect();
        module.elems.push(ElemSegment { mode, ty, items });
    }
    let data: Vec<(SegmentMode, Vec<u8>)> = (0..choices.below(4))
        .map(|_| {
            let mode = if !spaces.memories.is_empty() && choices.flag() {
                let memory = choices.below(spaces.memories.len());
                let address = spaces.address(memory as u64);
                SegmentMode::Active(memory as u32, constant(choices, &spaces, address, all))
            } else {
                SegmentMode::Passive
            };
            let bytes = (0..choices.below(150)).map(|_| choices.byte()).collect();
            (mode, bytes)
        })
        .collect();
    module.set_data(data);
}

fn exports(choices: &mut Choices<'_>, module: &mut Module) {
    let spaces = module.spaces();
    for number in 0..choices.below(6) {
        let (kind, count) = choices.pick(&[
            (ExternKind::Func, spaces.funcs.len()),
            (ExternKind::Table, spaces.tables.len()),
            (ExternKind::Memory, spaces.memories.len()),
            (ExternKind::Global, spaces.globals.len()),
            (ExternKind::Tag, spaces.tags.len()),
        ]);
        if count > 0 {
            module.exports.push(Export {
                name: format!("{}{number}", choices.name()),
                kind,
                index: choices.below(count) as u32,
            });
        }
    }
    let without = |test: fn(&FuncType) -> bool| -> Vec<u32> {
        (0..spaces.funcs.len() as u32)
            .filter(|&func| test(&module.types[spaces.funcs[func as usize] as usize]))
            .collect()
    };
    let plain = without(|ty| *ty == FuncType::default());
    let no_params = without(|ty| ty.params.is_empty());
    if !plain.is_empty() && choices.flag() {
        module.start = Some(choices.pick(&plain));
    }
    if !no_params.is_empty() && choices.flag() {
        module.entry = Some(choices.pick(&no_params));
    }
}

/// Names of things that exist and of things that do not.
fn names(choices: &mut Choices<'_>, module: &Module) -> Names {
    let mut names = Names::default();
    if choices.flag() {
        names.module = Some(choices.name()).filter(|name| !name.is_empty());
    }
    for func in 0..module.spaces().funcs.len() as u32 + 2 {
        if choices.flag() {
            names.funcs.push((func, choices.name()));
        }
        if choices.flag() {
            let named: Vec<u32> = (0..8).filter(|_| choices.flag()).collect();
            let locals = named.into_iter().map(|local| (local, choices.name()));
            let locals = locals.collect();
            names.locals.push((func, locals));
        }
    }
    names
}
