//! Modules that do more before they end.
//!
//! Most functions of wasm-smith return or trap after a dozen instructions, and most of its loops either
//! never repeat or never end. [`enliven`] changes such a module: addresses, lengths and divisors are
//! mostly ones that work, exits are mostly not taken, functions and loops may be entered only so
//! often, some calls are made through references, and each function gets another one that calls it in a
//! loop.

mod body;

use std::collections::HashSet;

use wasm_encoder::reencode::{self, Reencode, RoundtripReencoder};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection,
    Instruction, MemorySection, Module, StartSection, TableSection, TagSection, TypeSection,
    ValType as Coded,
};
use wasmparser::{
    ExternalKind, FuncType, FuncValidatorAllocations, MemoryType, Parser, Payload, TypeRef,
    ValType, ValidPayload, Validator, WasmFeatures,
};

use crate::fuzzing::Random;

/// The export of the global that says how often functions and loops may still be entered.
pub const RATION: &str = "ration";

/// Exports that call another function in a loop start with this.
pub(super) const DRIVER: &str = "drive ";

type Result<T> = std::result::Result<T, reencode::Error>;

/// Changes a module as described above; `vectors` says whether it may have some.
///
/// # Errors
/// Where the module is not valid.
pub(super) fn enliven(wasm: &[u8], vectors: bool, random: &mut Random) -> Result<Vec<u8>> {
    let mut sections = Sections::default();
    let mut known = Known {
        vectors,
        ..Known::default()
    };
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let mut allocations = FuncValidatorAllocations::default();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        let valid = validator.payload(&payload)?;
        if let ValidPayload::Func(func, body) = valid {
            let ty = known.ty(known.imported + sections.code.len()).clone();
            let mut validator = func.into_validator(allocations);
            let changed = body::enliven(&known, &ty, &body, &mut validator, random)?;
            sections.code.function(&changed);
            allocations = validator.into_allocations();
        }
        if let Payload::CodeSectionStart { .. } = payload {
            sections.add_ration(&mut known);
            sections.add_drivers(&mut known);
        }
        sections.copy(payload, &mut known)?;
    }
    for driver in known.drivers {
        sections.code.function(&driver);
    }
    Ok(sections.finish())
}

/// What functions refer to.
#[derive(Default)]
struct Known {
    types: Vec<FuncType>,
    /// The index of each function's type.
    funcs: Vec<u32>,
    imported: u32,
    /// Functions that code may refer to, since they are exported.
    exported: HashSet<u32>,
    memories: Vec<MemoryType>,
    /// Whether each table has indices of 64 bits.
    tables: Vec<bool>,
    globals: u32,
    /// The index of that global.
    ration: u32,
    /// Whether there may be vectors.
    vectors: bool,
    drivers: Vec<Function>,
}

impl Known {
    fn ty(&self, func: u32) -> &FuncType {
        &self.types[self.funcs[func as usize] as usize]
    }
}

/// A module in the making.
#[derive(Default)]
struct Sections {
    types: TypeSection,
    imports: ImportSection,
    functions: FunctionSection,
    tables: TableSection,
    memories: MemorySection,
    tags: TagSection,
    globals: GlobalSection,
    exports: ExportSection,
    start: Option<u32>,
    elements: ElementSection,
    data_count: Option<u32>,
    code: CodeSection,
    data: DataSection,
}

impl Sections {
    /// Copies what is no code.
    fn copy(&mut self, payload: Payload<'_>, known: &mut Known) -> Result<()> {
        let as_it_is = &mut RoundtripReencoder;
        match payload {
            Payload::TypeSection(section) => {
                for ty in section.clone().into_iter_err_on_gc_types() {
                    known.types.push(ty?);
                }
                as_it_is.parse_type_section(&mut self.types, section)?;
            }
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    if let TypeRef::Func(ty) = import?.ty {
                        known.funcs.push(ty);
                        known.imported += 1;
                    }
                }
                as_it_is.parse_import_section(&mut self.imports, section)?;
            }
            Payload::FunctionSection(section) => {
                for ty in section.clone() {
                    known.funcs.push(ty?);
                }
                as_it_is.parse_function_section(&mut self.functions, section)?;
            }
            Payload::TableSection(section) => {
                for table in section.clone() {
                    known.tables.push(table?.ty.table64);
                }
                as_it_is.parse_table_section(&mut self.tables, section)?;
            }
            Payload::MemorySection(section) => {
                for memory in section.clone() {
                    known.memories.push(memory?);
                }
                as_it_is.parse_memory_section(&mut self.memories, section)?;
            }
            Payload::TagSection(section) => {
                as_it_is.parse_tag_section(&mut self.tags, section)?;
            }
            Payload::GlobalSection(section) => {
                known.globals = section.count();
                as_it_is.parse_global_section(&mut self.globals, section)?;
            }
            Payload::ExportSection(section) => {
                for export in section.clone() {
                    let export = export?;
                    if export.kind == ExternalKind::Func {
                        known.exported.insert(export.index);
                    }
                }
                as_it_is.parse_export_section(&mut self.exports, section)?;
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(section) => {
                as_it_is.parse_element_section(&mut self.elements, section)?;
            }
            Payload::DataCountSection { count, .. } => self.data_count = Some(count),
            Payload::DataSection(section) => {
                as_it_is.parse_data_section(&mut self.data, section)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn add_ration(&mut self, known: &mut Known) {
        // No global is imported.
        known.ration = known.globals;
        let ty = GlobalType {
            val_type: Coded::I32,
            mutable: true,
            shared: false,
        };
        self.globals.global(ty, &ConstExpr::i32_const(100));
        self.exports
            .export(RATION, ExportKind::Global, known.ration);
    }

    /// Adds a driver for each function of the module that a call can be made up for.
    fn add_drivers(&mut self, known: &mut Known) {
        let ty = known.types.len() as u32;
        self.types.ty().function([Coded::I32], [Coded::I32]);
        let count = known.funcs.len() as u32;
        for func in known.imported..count {
            let Some(code) = driver(func, known.ty(func), ty) else {
                continue;
            };
            let index = count + known.drivers.len() as u32;
            self.functions.function(ty);
            let name = format!("{DRIVER}{func}");
            self.exports.export(&name, ExportKind::Func, index);
            known.drivers.push(code);
        }
    }

    fn finish(self) -> Vec<u8> {
        let mut module = Module::new();
        module
            .section(&self.types)
            .section(&self.imports)
            .section(&self.functions)
            .section(&self.tables)
            .section(&self.memories);
        if !self.tags.is_empty() {
            module.section(&self.tags);
        }
        module.section(&self.globals).section(&self.exports);
        if let Some(function_index) = self.start {
            module.section(&StartSection { function_index });
        }
        module.section(&self.elements);
        if let Some(count) = self.data_count {
            module.section(&DataCountSection { count });
        }
        module.section(&self.code).section(&self.data);
        module.finish()
    }
}

/// A function that calls another one up to 63 times, with arguments made of its own and of the number
/// of the call, and mixes up the results. They stay on the operand stack from call to call.
fn driver(func: u32, called: &FuncType, ty: u32) -> Option<Function> {
    use Instruction as I;
    let (n, i, mixed) = (0, 1, 2);
    let mut code = Function::new([(2, Coded::I32)]);
    code.instruction(&I::LocalGet(n));
    code.instruction(&I::Loop(BlockType::FunctionType(ty)));
    for (at, param) in called.params().iter().enumerate() {
        if let ValType::Ref(ty) = param {
            code.instruction(&null(*ty)?);
            continue;
        }
        code.instruction(&I::LocalGet(i));
        code.instruction(&I::I32Const(0x1357 * at as i32 + 3));
        code.instruction(&I::I32Mul);
        code.instruction(&I::LocalGet(n));
        code.instruction(&I::I32Add);
        match param {
            ValType::I64 => _ = code.instruction(&I::I64ExtendI32S),
            ValType::F32 => _ = code.instruction(&I::F32ConvertI32S),
            ValType::F64 => _ = code.instruction(&I::F64ConvertI32S),
            ValType::V128 => _ = code.instruction(&I::I32x4Splat),
            ValType::I32 => {}
            ValType::Ref(_) => return None,
        }
    }
    code.instruction(&I::Call(func));
    for result in called.results().iter().rev() {
        match result {
            ValType::I32 => {}
            ValType::I64 => _ = code.instruction(&I::I32WrapI64),
            ValType::F32 => _ = code.instruction(&I::I32ReinterpretF32),
            ValType::F64 => {
                code.instruction(&I::I64ReinterpretF64);
                code.instruction(&I::I32WrapI64);
            }
            ValType::Ref(_) => _ = code.instruction(&I::RefIsNull),
            ValType::V128 => {
                code.instruction(&I::I64x2ExtractLane(1));
                code.instruction(&I::I32WrapI64);
            }
        }
        code.instruction(&I::LocalGet(mixed));
        code.instruction(&I::I32Xor);
        code.instruction(&I::LocalSet(mixed));
    }
    for last in [
        I::I32Const(5),
        I::I32Rotl,
        I::LocalGet(mixed),
        I::I32Add,
        I::LocalGet(i),
        I::I32Const(1),
        I::I32Add,
        I::LocalTee(i),
        I::LocalGet(n),
        I::I32Const(63),
        I::I32And,
        I::I32LtU,
        I::BrIf(0),
        I::End,
        I::End,
    ] {
        code.instruction(&last);
    }
    Some(code)
}

/// The null of a type that has one.
fn null(ty: wasmparser::RefType) -> Option<Instruction<'static>> {
    let heap = RoundtripReencoder.heap_type(ty.heap_type()).ok()?;
    ty.is_nullable().then_some(Instruction::RefNull(heap))
}
