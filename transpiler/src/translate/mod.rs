//! WebAssembly to the intermediate form: everything declared, and each function's code.
//!
//! Validation and translation go over the file once, together.

mod features;
mod func;
mod hints;
mod names;
mod ops;
mod simd;
mod types;
pub(crate) mod words;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::Range;

use dotvm_isa::{
    Arch, ConstExpr, ConstOp, ElemSegment, Export, ExternKind, FuncType, GlobalDef, GlobalType,
    Import, ImportDesc, Module, Names, Op, RefType, SegmentMode, TableDef, TypeGroup, ValType,
};
use wasmparser::{
    DataKind, ElementItems, ElementKind, Encoding, ExternalKind, FuncValidatorAllocations,
    KnownCustom, Operator, Parser, Payload, TableInit, TypeRef, ValidPayload, Validator,
    WasmFeatures,
};

use crate::error::Error;
use crate::ir::{Env, Func};
pub use features::Features;

/// A module whose functions are not encoded yet.
#[derive(Debug, Default)]
pub(crate) struct Translated {
    /// Everything but the functions' bodies.
    pub(crate) module: Module,
    /// The functions defined.
    pub(crate) funcs: Vec<Func>,
    /// Where in the file each one's body is.
    pub(crate) bodies: Vec<Range<u64>>,
    /// From the name section.
    pub(crate) names: Names,
    /// What there is to call.
    pub(crate) env: Env,
    /// Where in the file the contents of the code section start.
    pub(crate) code_start: u64,
    /// Bytes of the code section.
    pub(crate) wasm_code_bytes: u64,
    /// Calls of imports that are instructions.
    pub(crate) word_instructions: usize,
}

/// Translates a binary module, for that architecture or for the first one from arch64 on that has what
/// it needs.
///
/// # Errors
/// Where it is not valid, needs a feature that is not supported, or has a function that is too
/// large.
pub(crate) fn translate(
    wasm: &[u8],
    arch: Option<Arch>,
    features: Features,
) -> Result<Translated, Error> {
    if !wasm.starts_with(b"\0asm") {
        return Err(Error::Invalid {
            offset: 0,
            reason: "not a WebAssembly module: the magic number is missing".to_owned(),
        });
    }
    let mut translator = Translator {
        out: Translated::default(),
        data: Vec::new(),
        start: None,
        spill_budget: func::SPILL_BUDGET,
        names: None,
        hints: HashMap::new(),
        arch,
        instructions: words::Imports::default(),
        needs: Arch::default(),
    };
    match translator.run(wasm, features.on(arch)) {
        Ok(()) => {
            translator.out.module.arch = arch.unwrap_or(translator.needs);
            Ok(translator.out)
        }
        Err(Fault::Validation(error)) => Err(features.explain(wasm, arch, &error)),
        Err(Fault::Other(error)) => Err(error),
    }
}

/// Faults of validation may turn out to be missing features, for which the whole file is looked
/// at again.
enum Fault {
    Validation(wasmparser::Error),
    Other(Error),
}

impl From<wasmparser::Error> for Fault {
    fn from(error: wasmparser::Error) -> Fault {
        Fault::Validation(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Other(error)
    }
}

struct Translator<'a> {
    out: Translated,
    data: Vec<(SegmentMode, &'a [u8])>,
    start: Option<u32>,
    spill_budget: usize,
    names: Option<wasmparser::NameSectionReader<'a>>,
    /// Branch hints by function.
    hints: HashMap<u32, hints::Hints>,
    /// The architecture asked for.
    arch: Option<Arch>,
    /// The imports that are instructions.
    instructions: words::Imports,
    /// The first architecture, from arch64 on, that has what the functions need.
    needs: Arch,
}

impl<'a> Translator<'a> {
    fn run(&mut self, wasm: &'a [u8], features: WasmFeatures) -> Result<(), Fault> {
        let mut parser = Parser::new(0);
        parser.set_features(features);
        let mut validator = Validator::new_with_features(features);
        let mut allocations = FuncValidatorAllocations::default();
        for payload in parser.parse_all(wasm) {
            let payload = payload?;
            if let Payload::Version {
                encoding: Encoding::Component,
                ..
            } = payload
            {
                return Err(Error::Component.into());
            }
            match validator.payload(&payload)? {
                ValidPayload::Func(func, body) => {
                    let mut validator = func.into_validator(allocations);
                    let (env, imports) = (&self.out.env, &self.instructions);
                    let hints = self.hints.remove(&validator.index()).unwrap_or_default();
                    let start = self.out.code_start;
                    let budget = &mut self.spill_budget;
                    let (func, needs) =
                        func::translate(&mut validator, &body, env, imports, hints, start, budget)?;
                    self.needs = self.needs.max(needs.arch);
                    self.out.word_instructions += needs.word_instructions;
                    allocations = validator.into_allocations();
                    self.out.funcs.push(func);
                    self.out.bodies.push(body.range());
                }
                _ => self.declarations(payload)?,
            }
        }
        Ok(self.finish()?)
    }

    fn declarations(&mut self, payload: Payload<'a>) -> Result<(), Fault> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    let types = types::func_types(group?)?;
                    for ty in types
                        .iter()
                        .flat_map(|ty| ty.params.iter().chain(&ty.results))
                    {
                        self.out.env.arch = self.out.env.arch.max(ty.first_arch());
                    }
                    let (first, count) = (self.out.env.types.len() as u32, types.len() as u32);
                    if count > 1 {
                        let groups = &mut self.out.module.type_groups;
                        groups.push(TypeGroup { first, count });
                    }
                    self.out.env.types.extend(types);
                }
            }
            Payload::ImportSection(section) => self.imports(section)?,
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.out.env.funcs.push(ty?);
                }
            }
            Payload::TableSection(section) => self.tables(section)?,
            Payload::MemorySection(section) => {
                for memory in section.into_iter_with_offsets() {
                    let (offset, ty) = memory?;
                    let memory = types::memory_type(ty, offset)?;
                    self.out.module.memories.push(memory);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section.into_iter_with_offsets() {
                    let (offset, global) = global?;
                    let ty = self.global_type(global.ty, offset)?;
                    let init = const_expr(&global.init_expr)?;
                    self.out.module.globals.push(GlobalDef { ty, init });
                }
            }
            Payload::TagSection(section) => {
                for tag in section {
                    let ty = tag?.func_type_idx;
                    self.out.env.tags.push(ty);
                    self.out.module.tags.push(ty);
                }
            }
            Payload::ExportSection(section) => self.exports(section)?,
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(section) => self.elements(section)?,
            Payload::CodeSectionStart {
                unchecked_range,
                size,
                ..
            } => {
                self.instructions.add_slots(&mut self.out.module);
                self.out.code_start = unchecked_range.start;
                self.out.wasm_code_bytes = u64::from(size);
            }
            Payload::DataSection(section) => self.data(section)?,
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::Name(reader) if self.names.is_none() => {
                    self.names = Some(reader);
                }
                KnownCustom::BranchHints(reader) => self.hints = hints::read(reader),
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn global_type(
        &mut self,
        ty: wasmparser::GlobalType,
        offset: u64,
    ) -> Result<GlobalType, Error> {
        let ty = types::global_type(ty, offset)?;
        self.out.env.arch = self.out.env.arch.max(ty.ty.first_arch());
        Ok(ty)
    }

    fn imports(&mut self, section: wasmparser::ImportSectionReader<'a>) -> Result<(), Fault> {
        for import in section.into_imports_with_offsets() {
            let (offset, import) = import?;
            let desc = match import.ty {
                TypeRef::Func(ty) if import.module == words::MODULE => {
                    let env = &mut self.out.env;
                    let (index, signature) = (env.funcs.len() as u32, &env.types[ty as usize]);
                    let name = import.name;
                    self.instructions
                        .add(index, name, signature, offset, self.arch)?;
                    env.funcs.push(ty);
                    continue;
                }
                TypeRef::Func(ty) => {
                    self.out.env.funcs.push(ty);
                    self.out.env.imported_funcs += 1;
                    ImportDesc::Func(ty)
                }
                TypeRef::Table(ty) => ImportDesc::Table(types::table_type(ty, offset)?),
                TypeRef::Memory(ty) => ImportDesc::Memory(types::memory_type(ty, offset)?),
                TypeRef::Global(ty) => ImportDesc::Global(self.global_type(ty, offset)?),
                TypeRef::Tag(tag) => {
                    self.out.env.tags.push(tag.func_type_idx);
                    ImportDesc::Tag(tag.func_type_idx)
                }
                TypeRef::FuncExact(_) => {
                    return Err(types::unsupported("custom-descriptors", offset).into());
                }
            };
            self.out.module.imports.push(Import {
                module: import.module.to_owned(),
                name: import.name.to_owned(),
                desc,
            });
        }
        Ok(())
    }

    fn tables(&mut self, section: wasmparser::TableSectionReader<'a>) -> Result<(), Fault> {
        for table in section.into_iter_with_offsets() {
            let (offset, table) = table?;
            let ty = types::table_type(table.ty, offset)?;
            let init = match table.init {
                TableInit::RefNull => None,
                TableInit::Expr(init) => Some(const_expr(&init)?),
            };
            self.out.module.tables.push(TableDef { ty, init });
        }
        Ok(())
    }

    fn exports(&mut self, section: wasmparser::ExportSectionReader<'a>) -> Result<(), Fault> {
        for export in section.into_iter_with_offsets() {
            let (offset, export) = export?;
            let kind = match export.kind {
                ExternalKind::Func => ExternKind::Func,
                ExternalKind::Table => ExternKind::Table,
                ExternalKind::Memory => ExternKind::Memory,
                ExternalKind::Global => ExternKind::Global,
                ExternalKind::Tag => ExternKind::Tag,
                ExternalKind::FuncExact => {
                    return Err(types::unsupported("custom-descriptors", offset).into());
                }
            };
            self.out.module.exports.push(Export {
                name: export.name.to_owned(),
                kind,
                index: export.index,
            });
        }
        Ok(())
    }

    fn elements(&mut self, section: wasmparser::ElementSectionReader<'a>) -> Result<(), Fault> {
        for element in section {
            let element = element?;
            let mode = match element.kind {
                ElementKind::Passive => SegmentMode::Passive,
                ElementKind::Declared => SegmentMode::Declared,
                ElementKind::Active {
                    table_index,
                    offset_expr,
                } => SegmentMode::Active(table_index.unwrap_or(0), const_expr(&offset_expr)?),
            };
            let (ty, items) = match element.items {
                ElementItems::Functions(funcs) => {
                    let item = |func| Ok(ConstExpr(vec![ConstOp::RefFunc(func?)]));
                    let items: Result<_, Fault> = funcs.into_iter().map(item).collect();
                    (ValType::FuncRef, items?)
                }
                ElementItems::Expressions(ty, exprs) => {
                    let ty = types::ref_type(ty, element.range.start)?.val_type();
                    let items: Result<_, Fault> =
                        exprs.into_iter().map(|expr| const_expr(&expr?)).collect();
                    (ty, items?)
                }
            };
            self.out.module.elems.push(ElemSegment { mode, ty, items });
        }
        Ok(())
    }

    fn data(&mut self, section: wasmparser::DataSectionReader<'a>) -> Result<(), Fault> {
        for data in section {
            let data = data?;
            let mode = match data.kind {
                DataKind::Passive => SegmentMode::Passive,
                DataKind::Active {
                    memory_index,
                    offset_expr,
                } => SegmentMode::Active(memory_index, const_expr(&offset_expr)?),
            };
            self.data.push((mode, data.data));
        }
        Ok(())
    }

    /// What needs the whole module.
    fn finish(&mut self) -> Result<(), Error> {
        let Translated {
            module, env, names, ..
        } = &mut self.out;
        self.needs = self.needs.max(env.arch);
        module.start = self.start;
        if let Some(reader) = self.names.take() {
            let funcs = env.funcs.len() as u32;
            *names = names::names(reader, funcs).unwrap_or_default();
        }
        self.instructions.remove_from(&mut self.out)?;
        let Translated { module, env, .. } = &mut self.out;
        module.types.clone_from(&env.types);
        let segments = self.data.drain(..);
        module.set_data(segments.map(|(mode, bytes)| (mode, bytes.to_vec())));
        module.entry = module
            .export("_start")
            .filter(|export| export.kind == ExternKind::Func)
            .map(|export| export.index)
            .filter(|&func| *env.func_type(func) == FuncType::default());
        Ok(())
    }
}

/// A constant expression, validated.
fn const_expr(expr: &wasmparser::ConstExpr<'_>) -> Result<ConstExpr, Fault> {
    let mut ops = Vec::new();
    let mut reader = expr.get_operators_reader();
    while !reader.eof() {
        let (operator, offset) = reader.read_with_offset()?;
        ops.push(match operator {
            Operator::I32Const { value } => ConstOp::I32(value),
            Operator::I64Const { value } => ConstOp::I64(value),
            Operator::F32Const { value } => ConstOp::F32(value.bits()),
            Operator::F64Const { value } => ConstOp::F64(value.bits()),
            Operator::V128Const { value } => ConstOp::V128(u128::from_le_bytes(*value.bytes())),
            Operator::GlobalGet { global_index } => ConstOp::GlobalGet(global_index),
            Operator::RefNull { hty } => {
                let heap = types::heap_type(hty, offset)?;
                ConstOp::RefNull(RefType::new(true, heap).val_type())
            }
            Operator::RefFunc { function_index } => ConstOp::RefFunc(function_index),
            Operator::I32Add => ConstOp::Binary(Op::I32Add),
            Operator::I32Sub => ConstOp::Binary(Op::I32Sub),
            Operator::I32Mul => ConstOp::Binary(Op::I32Mul),
            Operator::I64Add => ConstOp::Binary(Op::I64Add),
            Operator::I64Sub => ConstOp::Binary(Op::I64Sub),
            Operator::I64Mul => ConstOp::Binary(Op::I64Mul),
            Operator::End => break,
            other => return Err(types::unsupported(ops::proposal(&other), offset).into()),
        });
    }
    Ok(ConstExpr(ops))
}
