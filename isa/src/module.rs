//! The bytecode module in memory: what is declared, and where in the bytes the bodies lie.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::bits::Bits;
use crate::debug::SourceTables;
use crate::error::Malformed;
use crate::objects::{Layout, ObjectType};
use crate::ops::Op;
use crate::types::{Arch, FuncType, GlobalType, MemoryType, TableType, ValType};

/// Shared, immutable bytes: a memory-mapped file, an embedded slice or a vector.
#[derive(Clone)]
pub struct Bytes(Arc<dyn AsRef<[u8]> + Send + Sync>);

impl Bytes {
    /// Shares whatever owns the bytes.
    pub fn new(owner: impl AsRef<[u8]> + Send + Sync + 'static) -> Bytes {
        Bytes(Arc::new(owner))
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

impl Default for Bytes {
    fn default() -> Bytes {
        Bytes::new([])
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({})", self.as_slice().len())
    }
}

/// A bytecode module: everything declared, with function bodies and segments as ranges of bytes.
///
/// Index spaces are WebAssembly's: imported functions, tables, memories, globals and tags come first.
#[derive(Clone, Debug, Default)]
pub struct Module {
    /// The architecture it is for.
    pub arch: Arch,
    /// The function a program starts with; `None` for a library.
    pub entry: Option<u32>,
    /// Function types.
    pub types: Vec<FuncType>,
    /// Groups of types that are one: see [`TypeGroup`].
    pub type_groups: Vec<TypeGroup>,
    /// Types of managed objects, which have indices of their own.
    pub objects: Vec<ObjectType>,
    /// Groups of these: types of a group that look the same are different types.
    pub object_groups: Vec<TypeGroup>,
    /// Imports, in order.
    pub imports: Vec<Import>,
    /// Tables defined here.
    pub tables: Vec<TableDef>,
    /// Memories defined here.
    pub memories: Vec<MemoryType>,
    /// Globals defined here.
    pub globals: Vec<GlobalDef>,
    /// Tags defined here: the index of each one's type, whose parameters are the values of an exception
    /// and which has no results.
    pub tags: Vec<u32>,
    /// Exports, in order; names are unique.
    pub exports: Vec<Export>,
    /// A function without parameters and results that instantiation calls.
    pub start: Option<u32>,
    /// Element segments.
    pub elems: Vec<ElemSegment>,
    /// Data segments.
    pub data: Vec<DataSegment>,
    /// Functions defined here.
    pub bodies: Vec<Body>,
    /// What [`Body::code`] are ranges of.
    pub code_bytes: Bytes,
    /// What [`DataSegment::bytes`] are ranges of.
    pub data_bytes: Bytes,
    /// The debug section's payload, undecoded; see [`Names::decode`].
    pub debug: Option<DebugSection>,
}

/// Where the debug section lies; read when somebody asks.
#[derive(Clone, Debug)]
pub struct DebugSection {
    /// What `range` is a range of.
    pub bytes: Bytes,
    /// The section's payload.
    pub range: Range<usize>,
    /// CRC-32 of the payload as stored, checked when the section is read.
    pub crc: u32,
    /// Where the payload starts in the file, for error messages.
    pub file_offset: u64,
    /// Bytes after decompression where the payload is compressed.
    pub raw_len: Option<u64>,
}

/// A function defined in the module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Body {
    /// Index of its type.
    pub ty: u32,
    /// Its locals and code, a range of [`Module::code_bytes`].
    pub code: Range<usize>,
}

/// Something the module needs from outside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Import {
    /// First part of its name.
    pub module: String,
    /// Second part of its name.
    pub name: String,
    /// What it has to be.
    pub desc: ImportDesc,
}

/// What an import has to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImportDesc {
    /// A function of the type with this index.
    Func(u32),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// A tag of the type with this index.
    Tag(u32),
}

/// What an export is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum ExternKind {
    /// A function.
    Func = 0,
    /// A table.
    Table = 1,
    /// A memory.
    Memory = 2,
    /// A global.
    Global = 3,
    /// A tag of exceptions.
    Tag = 4,
}

impl ExternKind {
    /// Every kind, in the order of their codes.
    pub const ALL: [ExternKind; 5] = [
        ExternKind::Func,
        ExternKind::Table,
        ExternKind::Memory,
        ExternKind::Global,
        ExternKind::Tag,
    ];

    /// The kind's name, in messages and in assembler text.
    pub const fn name(self) -> &'static str {
        match self {
            ExternKind::Func => "func",
            ExternKind::Table => "table",
            ExternKind::Memory => "memory",
            ExternKind::Global => "global",
            ExternKind::Tag => "tag",
        }
    }
}

/// Something the module offers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ExternKind,
    /// Its index in that index space.
    pub index: u32,
}

/// Types that may refer to each other, whatever their order. Two such types are the same where they have
/// the same place in groups that are the same as a whole. A type that is in none of these groups is one by
/// itself, and may refer to itself and to those before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TypeGroup {
    /// Index of the first one.
    pub first: u32,
    /// How many there are: at least two.
    pub count: u32,
}

/// A table defined in the module.
#[derive(Clone, PartialEq, Debug)]
pub struct TableDef {
    /// Its type.
    pub ty: TableType,
    /// What its elements are at first; null where nothing is said.
    pub init: Option<ConstExpr>,
}

impl From<TableType> for TableDef {
    fn from(ty: TableType) -> TableDef {
        TableDef { ty, init: None }
    }
}

/// A global defined in the module.
#[derive(Clone, PartialEq, Debug)]
pub struct GlobalDef {
    /// Its type.
    pub ty: GlobalType,
    /// Its first value.
    pub init: ConstExpr,
}

/// When a segment is copied, and to where.
#[derive(Clone, PartialEq, Debug)]
pub enum SegmentMode {
    /// Only by `memory.init` or `table.init`.
    Passive,
    /// At instantiation, into this memory or table at this offset.
    Active(u32, ConstExpr),
    /// Never; it declares functions whose references are taken (element segments only).
    Declared,
}

/// A segment of references.
#[derive(Clone, PartialEq, Debug)]
pub struct ElemSegment {
    /// When and where it is copied.
    pub mode: SegmentMode,
    /// Type of its elements.
    pub ty: ValType,
    /// Its elements.
    pub items: Vec<ConstExpr>,
}

/// A segment of bytes.
#[derive(Clone, PartialEq, Debug)]
pub struct DataSegment {
    /// When and where it is copied; never [`SegmentMode::Declared`].
    pub mode: SegmentMode,
    /// Its bytes, a range of [`Module::data_bytes`].
    pub bytes: Range<usize>,
}

/// A constant expression, in postfix order; instantiation evaluates it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ConstExpr(pub Vec<ConstOp>);

/// An instruction of a constant expression.
#[derive(Clone, PartialEq, Debug)]
pub enum ConstOp {
    /// Pushes a constant.
    I32(i32),
    /// Pushes a constant.
    I64(i64),
    /// Pushes a constant, given as its bits.
    F32(u32),
    /// Pushes a constant, given as its bits.
    F64(u64),
    /// Pushes a constant of that type, an integer of more than 64 bits or a vector of more than 128; its slots
    /// are boxed, since hardly any constant is one.
    Wide(ValType, Box<Bits>),
    /// Pushes a constant.
    V128(u128),
    /// Pushes an immutable global.
    GlobalGet(u32),
    /// Pushes the null reference of that type.
    RefNull(ValType),
    /// Pushes a reference to a function.
    RefFunc(u32),
    /// An integer `add`, `sub` or `mul`.
    Binary(Op),
}

impl ConstOp {
    /// The instruction of constant expressions that takes two operands.
    pub fn binary(op: Op) -> Option<ConstOp> {
        #[rustfmt::skip]
        let known = matches!(
            op,
            Op::I32Add | Op::I32Sub | Op::I32Mul
                | Op::I64Add | Op::I64Sub | Op::I64Mul
                | Op::I128Add | Op::I128Sub | Op::I128Mul
                | Op::I256Add | Op::I256Sub | Op::I256Mul
                | Op::I512Add | Op::I512Sub | Op::I512Mul
        );
        known.then_some(ConstOp::Binary(op))
    }
}

impl ConstExpr {
    /// An `i32` constant.
    pub fn i32(value: i32) -> ConstExpr {
        ConstExpr(vec![ConstOp::I32(value)])
    }
}

impl Module {
    /// Bytes of the body of the defined function `defined` (0 is the first after the imports).
    ///
    /// # Panics
    /// Where there is no such function.
    pub fn body(&self, defined: u32) -> &[u8] {
        &self.code_bytes.as_slice()[self.bodies[defined as usize].code.clone()]
    }

    /// Where the body of the defined function `defined` lies among all bodies, which follow each other: the same
    /// wherever in a file or in memory the first one is.
    ///
    /// # Panics
    /// Where there is no such function.
    pub fn body_place(&self, defined: u32) -> Range<usize> {
        let first = self.bodies[0].code.start;
        let code = &self.bodies[defined as usize].code;
        code.start - first..code.end - first
    }

    /// Bytes of all bodies together.
    pub fn bodies_len(&self) -> usize {
        match self.bodies.last() {
            Some(last) => last.code.end - self.bodies[0].code.start,
            None => 0,
        }
    }

    /// Bytes of a data segment.
    ///
    /// # Panics
    /// Where there is no such segment.
    pub fn data_segment(&self, index: u32) -> &[u8] {
        &self.data_bytes.as_slice()[self.data[index as usize].bytes.clone()]
    }

    /// Sets the defined functions: each one's type index and body, as
    /// [`CodeBuilder`](crate::CodeBuilder) makes it.
    pub fn set_bodies(&mut self, bodies: impl IntoIterator<Item = (u32, Vec<u8>)>) {
        let mut all = Vec::new();
        self.bodies = bodies
            .into_iter()
            .map(|(ty, body)| Body {
                ty,
                code: append(&mut all, &body),
            })
            .collect();
        self.code_bytes = Bytes::new(all);
    }

    /// Sets the data segments.
    pub fn set_data(&mut self, segments: impl IntoIterator<Item = (SegmentMode, Vec<u8>)>) {
        let mut all = Vec::new();
        self.data = segments
            .into_iter()
            .map(|(mode, bytes)| DataSegment {
                mode,
                bytes: append(&mut all, &bytes),
            })
            .collect();
        self.data_bytes = Bytes::new(all);
    }

    /// Types of the imported functions, in order.
    pub fn imported_funcs(&self) -> impl Iterator<Item = u32> + '_ {
        self.imports.iter().filter_map(|import| match import.desc {
            ImportDesc::Func(ty) => Some(ty),
            _ => None,
        })
    }

    /// The index spaces, imports first; computed in one pass over the declarations.
    pub fn spaces(&self) -> Spaces {
        let mut spaces = Spaces::default();
        for import in &self.imports {
            match import.desc {
                ImportDesc::Func(ty) => spaces.funcs.push(ty),
                ImportDesc::Table(ty) => spaces.tables.push(ty),
                ImportDesc::Memory(ty) => spaces.memories.push(ty),
                ImportDesc::Global(ty) => spaces.globals.push(ty),
                ImportDesc::Tag(ty) => spaces.tags.push(ty),
            }
        }
        spaces.imported_funcs = spaces.funcs.len() as u32;
        spaces.imported_tables = spaces.tables.len() as u32;
        spaces.imported_memories = spaces.memories.len() as u32;
        spaces.imported_globals = spaces.globals.len() as u32;
        spaces.imported_tags = spaces.tags.len() as u32;
        spaces.funcs.extend(self.bodies.iter().map(|body| body.ty));
        spaces.tables.extend(self.tables.iter().map(|it| it.ty));
        spaces.memories.extend(&self.memories);
        spaces
            .globals
            .extend(self.globals.iter().map(|global| global.ty));
        spaces.tags.extend(&self.tags);
        if !self.objects.is_empty() {
            let objects = self.objects.iter();
            spaces.objects = objects.map(|ty| (ty.clone(), ty.layout())).collect();
        }
        spaces
    }

    /// The types, each group of them as a range of indices.
    pub fn type_groups(&self) -> impl Iterator<Item = Range<u32>> + '_ {
        ranges(&self.type_groups, self.types.len())
    }

    /// The types of managed objects, each group of them as a range of indices.
    pub fn object_groups(&self) -> impl Iterator<Item = Range<u32>> + '_ {
        ranges(&self.object_groups, self.objects.len())
    }

    /// The export of that name.
    pub fn export(&self, name: &str) -> Option<&Export> {
        self.exports.iter().find(|export| export.name == name)
    }
}

/// So many types as ranges: these groups, and each other type by itself.
fn ranges(groups: &[TypeGroup], types: usize) -> impl Iterator<Item = Range<u32>> + '_ {
    let mut groups = groups.iter().peekable();
    let mut next = 0;
    std::iter::from_fn(move || {
        let first = next;
        let group = groups.next_if(|group| group.first == first);
        next = first + group.map_or(1, |group| group.count);
        (first < types as u32).then_some(first..next)
    })
}

fn append(all: &mut Vec<u8>, bytes: &[u8]) -> Range<usize> {
    let start = all.len();
    all.extend_from_slice(bytes);
    start..all.len()
}

/// Types of everything that has an index, imports first.
#[derive(Clone, Debug, Default)]
pub struct Spaces {
    /// Type index of each function.
    pub funcs: Vec<u32>,
    /// Type of each table.
    pub tables: Vec<TableType>,
    /// Type of each memory.
    pub memories: Vec<MemoryType>,
    /// Type of each global.
    pub globals: Vec<GlobalType>,
    /// Type index of each tag.
    pub tags: Vec<u32>,
    /// The types of managed objects and their layouts.
    pub objects: Arc<[(ObjectType, Layout)]>,
    /// How many functions are imported.
    pub imported_funcs: u32,
    /// How many tables are imported.
    pub imported_tables: u32,
    /// How many memories are imported.
    pub imported_memories: u32,
    /// How many globals are imported.
    pub imported_globals: u32,
    /// How many tags are imported.
    pub imported_tags: u32,
}

/// Names for people, from the debug section.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Names {
    /// The module's name.
    pub module: Option<String>,
    /// Function index and name, by ascending index.
    pub funcs: Vec<(u32, String)>,
    /// Function index and its locals' indices and names, by ascending index.
    pub locals: Vec<(u32, Vec<(u32, String)>)>,
    /// Where the code comes from, undecoded.
    pub source: SourceTables,
}

impl Names {
    /// The name of a function.
    pub fn func(&self, index: u32) -> Option<&str> {
        let at = self.funcs.binary_search_by_key(&index, |&(i, _)| i).ok()?;
        Some(&self.funcs[at].1)
    }

    /// The name of a local of a function.
    pub fn local(&self, func: u32, local: u32) -> Option<&str> {
        let at = self.locals.binary_search_by_key(&func, |&(i, _)| i).ok()?;
        let locals = &self.locals[at].1;
        let at = locals.binary_search_by_key(&local, |&(i, _)| i).ok()?;
        Some(&locals[at].1)
    }

    /// Reads a module's debug section; empty where there is none.
    ///
    /// # Errors
    /// Where the section is malformed.
    pub fn decode(module: &Module) -> Result<Names, Malformed> {
        crate::decode::decode_names(module)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.module.is_none()
            && self.funcs.is_empty()
            && self.locals.is_empty()
            && self.source.is_empty()
    }
}
