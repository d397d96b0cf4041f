//! Programs as modules of WebAssembly, for machines that have WASI and no managed objects.
//!
//! A program is lowered to a module of DotVM whose functions need nothing of the machine but instructions
//! (`lower/runtime/wasm*.rt` stand in for what the host does elsewhere), and that is translated here: control flow
//! to blocks ([`control`]), instructions one by one ([`body`]). Objects are in linear memory, with a collector that marks and
//! sweeps and is such a function, too. It finds references of functions on a stack of references in memory, where a
//! function writes what it has while others may collect ([`analysis`]). Objects do not move, so writing is enough.
//!
//! Memory has, in this order: operands of system calls and the buffer of standard input; the collector's state; big
//! numbers for texts of floats; text that is put together; the stack of references; objects to be looked into by the
//! collector; what the module brings along; objects.

mod analysis;
mod body;
mod cases;
mod control;

use std::collections::HashMap;

use dotvm::isa::objects::{Content, Storage};
use dotvm::isa::{FuncType, ImportDesc, InstrReader, Op as M, ValType};
use wasm_encoder as encoder;

use crate::lower::{ForWasm, Refused, lower_for_wasm};
use crate::vitbc::module::{Module, Origin};
use crate::vitbc::ops::Op;
use analysis::Code;
pub(crate) use cases::{NAMES as TABLES, table};

/// Where the collector's state and the like are, and areas of memory, as sources of functions name them.
pub(crate) const PLACES: [(&str, u32); 22] = [
    ("{SP}", SP),
    ("{PLACE}", PLACE),
    ("{BUMP}", BUMP),
    ("{END}", END),
    ("{HEAP}", HEAP),
    ("{TOP}", TOP),
    ("{SMALL}", 5144),
    ("{LARGE}", 5148),
    ("{SINCE}", SINCE),
    ("{LIMIT}", LIMIT),
    ("{MARKED}", 5160),
    ("{MISSED}", 5164),
    ("{DIGITS}", 7168),
    ("{LOW}", 5376),
    ("{QUARTERS}", 5384),
    ("{TEXT_END}", TEXT_END),
    ("{STACK}", STACK),
    ("{STACK_END}", STACK_END),
    ("{MARKS}", STACK_END),
    ("{MARKS_END}", TYPES),
    ("{TYPES}", TYPES),
    ("{TYPE_BYTES}", TYPE_BYTES),
];

const SP: u32 = 5120;
const PLACE: u32 = 5124;
const BUMP: u32 = 5128;
const END: u32 = 5132;
const HEAP: u32 = 5136;
const TOP: u32 = 5140;
const SINCE: u32 = 5152;
const LIMIT: u32 = 5156;
const TEXT_END: u32 = 0x400_0000;
const STACK: u32 = TEXT_END;
const STACK_END: u32 = STACK + 0x40_0000;
/// Where the table of types is, and what the module brings along behind it.
pub(crate) const TYPES: u32 = STACK_END + 0x4_0000;
/// Bytes of a type in that table.
pub(crate) const TYPE_BYTES: u32 = 8;

/// So much is made between collections at least, in bytes.
const LIMIT_MIN: u32 = 4 << 20;
const PAGE: u32 = 1 << 16;

/// Functions that every module has.
pub(crate) const ALWAYS: [&str; 12] = [
    "gc.struct",
    "gc.array",
    "gc.bytes",
    "gc.filled",
    "gc.copy",
    "gc.mark",
    "gc.globals",
    "gc.collect",
    "fail",
    "fail.overflow",
    "fail.null",
    "fail.stack",
];

/// The functions that stand for instructions of a body which WebAssembly does not have.
pub(crate) fn helpers(code: &[u8]) -> Vec<&'static str> {
    let mut reader = InstrReader::new(code, 0);
    let mut found = Vec::new();
    if reader.read_locals().is_err() {
        return found;
    }
    while !reader.at_end() {
        let Ok(instr) = reader.next_instr() else {
            break;
        };
        found.extend(helper(instr.op));
    }
    found
}

/// The function that stands for an instruction.
fn helper(op: M) -> Option<&'static str> {
    Some(match op {
        M::I64MulChecked => "num.mul",
        M::I64Div => "num.div",
        M::I64Mod => "num.mod",
        M::I64TruncF64 => "num.trunc",
        M::F64Mod => "num.fmod",
        _ => return None,
    })
}

/// How a module is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Objects are collected whenever one is made: slow, and finds references that the collector does not.
    pub collect_always: bool,
}

/// Makes a module of WebAssembly of a program that is verified.
///
/// # Errors
/// Where the program uses what such modules do not have: functions of libraries, the database.
pub fn build(module: &Module, options: Options) -> Result<Vec<u8>, Refused> {
    check(module)?;
    let lowered = lower_for_wasm(module)?;
    Builder::new(&lowered, options).finish(module)
}

/// Refuses what needs DotVM.
fn check(module: &Module) -> Result<(), Refused> {
    for function in &module.functions {
        for (at, instr) in function.code.iter().enumerate() {
            if instr.op != Op::CallNative {
                continue;
            }
            let import = &module.imports[instr.fixed[0] as usize];
            let what = match import.origin {
                Origin::Native if !import.name.starts_with("db.") => continue,
                Origin::Native => "the database",
                _ => "functions of libraries",
            };
            let before = function.lines.iter().rev();
            let place =
                before
                    .skip_while(|(from, ..)| *from as usize > at)
                    .map(|(_, file, line)| match module.files.get(*file as usize) {
                        Some(file) => format!("{file}:{line}: "),
                        None => String::new(),
                    });
            let place = place.take(1).collect::<String>();
            return Err(Refused(format!(
                "{place}`{}` in `{}`: modules of WebAssembly do not have {what}",
                import.name, function.name
            )));
        }
    }
    Ok(())
}

/// How objects of a type are laid out: those fields that are references come first.
struct Layout {
    /// Where fields are; of an array, how often its elements' size is doubled.
    offsets: Vec<u32>,
    storages: Vec<Storage>,
    bytes: u32,
    references: u32,
    is_array: bool,
}

impl Layout {
    fn of(content: &Content) -> Layout {
        let is_reference = |storage: Storage| storage.is_traced();
        match content {
            Content::Array(element) => Layout {
                offsets: vec![size(element.storage).trailing_zeros()],
                storages: vec![element.storage],
                bytes: 0,
                references: u32::from(is_reference(element.storage)),
                is_array: true,
            },
            Content::Struct(fields) => {
                let storages: Vec<Storage> = fields.iter().map(|field| field.storage).collect();
                let mut order: Vec<usize> = (0..fields.len()).collect();
                // Then what has 4 bytes, then what has 8, so that all are where their size wants them.
                order.sort_by_key(|at| (!is_reference(storages[*at]), size(storages[*at])));
                let mut offsets = vec![0; fields.len()];
                let mut end = 8;
                for at in order {
                    let bytes = size(storages[at]);
                    end = u32::next_multiple_of(end, bytes);
                    offsets[at] = end;
                    end += bytes;
                }
                let references = storages.iter().filter(|it| is_reference(**it)).count();
                Layout {
                    offsets,
                    bytes: end.next_multiple_of(8).max(16),
                    references: references as u32,
                    storages,
                    is_array: false,
                }
            }
        }
    }

    /// Its words in the table of types.
    fn words(&self) -> [u32; 2] {
        match self.is_array {
            true => [1 << 31 | self.offsets[0], self.references],
            false => [self.bytes, self.references],
        }
    }
}

/// Bytes of a value in an object.
fn size(storage: Storage) -> u32 {
    match storage {
        Storage::Val(ValType::AnyRef | ValType::FuncRef) => 4,
        storage => storage.bytes(),
    }
}

/// What a value is in WebAssembly.
fn val(ty: ValType) -> encoder::ValType {
    match ty {
        ValType::I64 => encoder::ValType::I64,
        ValType::F64 => encoder::ValType::F64,
        ValType::F32 => encoder::ValType::F32,
        _ => encoder::ValType::I32,
    }
}

struct Builder<'l> {
    lowered: &'l ForWasm,
    options: Options,
    layouts: Vec<Layout>,
    /// Types of all functions.
    funcs: Vec<u32>,
    imported: u32,
    codes: Vec<Code>,
    /// Functions that may collect objects.
    collects: Vec<bool>,
    named: HashMap<&'l str, u32>,
    /// Functions whose references are taken, by their places in the table, which has nothing first.
    slots: HashMap<u32, u32>,
    table: Vec<u32>,
    /// What the module brings along, from [`TYPES`] on.
    data: Vec<u8>,
    /// Where the segment of strings is.
    strings_at: u32,
    /// Where texts of places are.
    places: HashMap<String, u32>,
}

impl<'l> Builder<'l> {
    fn new(lowered: &'l ForWasm, options: Options) -> Builder<'l> {
        let machine = &lowered.machine;
        let objects = machine.objects.iter();
        let layouts: Vec<Layout> = objects.map(|ty| Layout::of(&ty.content)).collect();
        let words = layouts.iter().flat_map(Layout::words);
        let mut data: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
        data.extend_from_slice(&lowered.texts);
        let strings_at = TYPES + data.len() as u32;
        if !machine.data.is_empty() {
            data.extend_from_slice(machine.data_segment(0));
        }
        let names = lowered.names.funcs.iter();
        Builder {
            lowered,
            options,
            layouts,
            funcs: machine.spaces().funcs,
            imported: machine.imported_funcs().count() as u32,
            codes: Vec::new(),
            collects: Vec::new(),
            named: names
                .filter(|(index, _)| *index < lowered.first)
                .map(|(index, name)| (&**name, *index))
                .collect(),
            slots: HashMap::new(),
            table: Vec::new(),
            data,
            strings_at,
            places: HashMap::new(),
        }
    }

    /// The type of a function.
    fn type_of(&self, func: u32) -> &FuncType {
        &self.lowered.machine.types[self.funcs[func as usize] as usize]
    }

    /// The index of a function of the runtime.
    fn function(&self, name: &str) -> u32 {
        self.named[name]
    }

    /// The place of a function in the table.
    fn slot(&mut self, func: u32) -> u32 {
        let next = self.table.len() as u32 + 1;
        let slot = *self.slots.entry(func).or_insert(next);
        if slot == next {
            self.table.push(func);
        }
        slot
    }

    /// The address of what is said of a place in the source; how long it is is before.
    fn place(&mut self, text: String) -> u32 {
        if let Some(&at) = self.places.get(&text) {
            return at;
        }
        self.data.resize(self.data.len().next_multiple_of(4), 0);
        let at = TYPES + self.data.len() as u32;
        self.data.extend((text.len() as u32).to_le_bytes());
        self.data.extend_from_slice(text.as_bytes());
        self.places.insert(text, at);
        at
    }

    fn finish(mut self, module: &Module) -> Result<Vec<u8>, Refused> {
        let machine = &self.lowered.machine;
        for defined in 0..machine.bodies.len() as u32 {
            let ty = self.type_of(self.imported + defined);
            let code = Code::read(machine.body(defined), &ty.params);
            self.codes.push(code.map_err(ours)?);
        }
        self.collects = analysis::collecting(&self.codes, self.imported);
        let mut code = encoder::CodeSection::new();
        for defined in 0..self.codes.len() as u32 {
            let func = self.imported + defined;
            if func == self.function("gc.globals") {
                code.function(&self.mark_globals());
                continue;
            }
            let function = body::translate(&mut self, defined, module).map_err(ours)?;
            code.function(&function);
        }
        Ok(self.sections(&code))
    }

    /// The function that marks what variables refer to.
    fn mark_globals(&self) -> encoder::Function {
        let mut function = encoder::Function::new([]);
        let mark = self.function("gc.mark");
        let globals = self.lowered.machine.globals.iter().enumerate();
        for (i, _) in globals.filter(|(_, global)| global.ty.ty == ValType::AnyRef) {
            function.instructions().global_get(i as u32).call(mark);
        }
        function.instructions().end();
        function
    }

    fn sections(&mut self, code: &encoder::CodeSection) -> Vec<u8> {
        let machine = &self.lowered.machine;
        let mut types = encoder::TypeSection::new();
        for ty in &machine.types {
            let params = ty.params.iter().map(|ty| val(*ty));
            types.ty().function(
                params.collect::<Vec<_>>(),
                ty.results.iter().map(|ty| val(*ty)).collect::<Vec<_>>(),
            );
        }
        let mut imports = encoder::ImportSection::new();
        for import in &machine.imports {
            if let ImportDesc::Func(ty) = import.desc {
                let ty = encoder::EntityType::Function(ty);
                imports.import(&import.module, &import.name, ty);
            }
        }
        let mut functions = encoder::FunctionSection::new();
        for body in &machine.bodies {
            functions.function(body.ty);
        }
        let slots = self.table.len() as u64 + 1;
        let mut tables = encoder::TableSection::new();
        tables.table(encoder::TableType {
            element_type: encoder::RefType::FUNCREF,
            table64: false,
            minimum: slots,
            maximum: Some(slots),
            shared: false,
        });
        let mut elements = encoder::ElementSection::new();
        let first = encoder::ConstExpr::i32_const(1);
        let taken = std::mem::take(&mut self.table);
        elements.active(None, &first, encoder::Elements::Functions(taken.into()));
        let mut exports = encoder::ExportSection::new();
        exports.export("memory", encoder::ExportKind::Memory, 0);
        let entry = machine.entry.unwrap_or(0);
        exports.export("_start", encoder::ExportKind::Func, entry);
        let (memories, data) = self.memory();
        let mut module = encoder::Module::new();
        module.section(&types).section(&imports).section(&functions);
        module.section(&tables).section(&memories);
        module.section(&self.globals()).section(&exports);
        if slots > 1 {
            module.section(&elements);
        }
        module.section(code).section(&data).section(&self.names());
        module.finish()
    }

    /// Memory, and what is in it at first.
    fn memory(&self) -> (encoder::MemorySection, encoder::DataSection) {
        let heap = (TYPES + self.data.len() as u32).next_multiple_of(16);
        let top = heap.next_multiple_of(PAGE) + PAGE;
        let mut memories = encoder::MemorySection::new();
        memories.memory(encoder::MemoryType {
            minimum: u64::from(top / PAGE),
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let mut state = vec![0u8; (LIMIT + 4 - SP) as usize];
        let words = [
            (SP, STACK),
            (BUMP, heap),
            (END, top),
            (HEAP, heap),
            (TOP, top),
            (SINCE, top - heap),
            (LIMIT, LIMIT_MIN),
        ];
        for (at, word) in words {
            let at = (at - SP) as usize;
            state[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        let mut data = encoder::DataSection::new();
        let at = |address: u32| encoder::ConstExpr::i32_const(address as i32);
        data.active(0, &at(SP), state);
        data.active(0, &at(TYPES), self.data.iter().copied());
        (memories, data)
    }

    fn globals(&self) -> encoder::GlobalSection {
        use dotvm::isa::ConstOp;
        let mut globals = encoder::GlobalSection::new();
        for global in &self.lowered.machine.globals {
            let ty = encoder::GlobalType {
                val_type: val(global.ty.ty),
                mutable: true,
                shared: false,
            };
            let init = match global.init.0.first() {
                Some(ConstOp::I32(value)) => encoder::ConstExpr::i32_const(*value),
                Some(ConstOp::I64(value)) => encoder::ConstExpr::i64_const(*value),
                Some(ConstOp::F64(bits)) => {
                    encoder::ConstExpr::f64_const(f64::from_bits(*bits).into())
                }
                // References are null.
                _ => encoder::ConstExpr::i32_const(0),
            };
            globals.global(ty, &init);
        }
        globals
    }

    fn names(&self) -> encoder::NameSection {
        let mut functions = encoder::NameMap::new();
        let imports = self.lowered.machine.imports.iter();
        for (i, import) in imports.enumerate() {
            functions.append(i as u32, &import.name);
        }
        for (index, name) in &self.lowered.names.funcs {
            if *index >= self.imported {
                functions.append(*index, name);
            }
        }
        let mut names = encoder::NameSection::new();
        names.functions(&functions);
        names
    }
}

/// What should not be.
fn ours(reason: String) -> Refused {
    Refused(format!("our bug: {reason}"))
}
