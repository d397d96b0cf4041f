//! Writing modules: the header, then the code, data and debug sections.
//!
//! The format is described in `docs/bytecode.md`; [`mod@crate::decode`] reads it.

use crate::decode::max_debug_bytes;
use crate::instr::CodeBuilder;
use crate::leb128::write_unsigned;
use crate::module::{ConstExpr, ConstOp, ImportDesc, Module, Names, SegmentMode, TypeGroup};
use crate::objects::{Content, Field, ObjectType};
use crate::ops::Op;
use crate::refs::{HeapType, RefType};
use crate::types::{AddressType, FuncType, GlobalType, Limits, MemoryType, TableType, ValType};

/// The first four bytes of every module.
pub const MAGIC: [u8; 4] = *b"DOTV";

/// The format's version.
pub const VERSION: u16 = 1;

/// Header flag: section payloads are zstd frames.
pub const FLAG_ZSTD: u8 = 1;

/// Header flag: the payload of the debug section is a zstd frame, whatever the others are.
pub const FLAG_ZSTD_DEBUG: u8 = 2;

/// Bytes of the module's header.
pub const HEADER_BYTES: usize = 16;

/// Bytes of a section's header: id (1), zeros (3), CRC-32 of the payload as stored (4), bytes
/// stored (8), bytes after decompression (8).
pub const SECTION_HEADER_BYTES: usize = 24;

/// Ids of the sections, in the order in which they stand in a file.
pub const SECTIONS: [(u8, &str); 3] = [(1, "code"), (2, "data"), (3, "debug")];

/// How a module is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct EncodeOptions {
    /// zstd level for the sections; `None` stores them plain, to be mapped and run in place.
    pub zstd_level: Option<i32>,
    /// zstd level for the debug section where the others are plain: nobody reads it before something
    /// goes wrong.
    pub debug_zstd_level: Option<i32>,
}

/// The bytes of a `.dotvm` file. A debug section is written when `names` is not empty; where it is larger
/// than readers unpack for so much code ([`max_debug_bytes`]), nothing is compressed.
pub fn encode(module: &Module, names: &Names, options: EncodeOptions) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(MAGIC);
    out.extend(VERSION.to_le_bytes());
    out.push(module.arch.code());
    let code = code_section(module);
    let debug = (!names.is_empty()).then(|| debug_section(names));
    // One that is too large to be unpacked again must not be packed.
    let is_usual = |debug: &Vec<u8>| debug.len() as u64 <= max_debug_bytes(code.len() as u64);
    let EncodeOptions {
        zstd_level: level,
        debug_zstd_level: debug_level,
    } = match debug.as_ref().is_none_or(is_usual) {
        true => options,
        false => EncodeOptions::default(),
    };
    out.push(match (level, debug_level) {
        (Some(_), _) => FLAG_ZSTD,
        (None, Some(_)) => FLAG_ZSTD_DEBUG,
        (None, None) => 0,
    });
    out.extend(module.entry.map_or(u64::MAX, u64::from).to_le_bytes());
    section(&mut out, 1, &code, level);
    section(&mut out, 2, &data_section(module), level);
    if let Some(debug) = debug {
        section(&mut out, 3, &debug, level.or(debug_level));
    }
    out
}

fn section(out: &mut Vec<u8>, id: u8, raw: &[u8], zstd_level: Option<i32>) {
    let compressed = zstd_level.map(|level| {
        zstd::bulk::compress(raw, level).expect("compressing into memory does not fail")
    });
    let stored = compressed.as_deref().unwrap_or(raw);
    out.extend([id, 0, 0, 0]);
    out.extend(crc32fast::hash(stored).to_le_bytes());
    out.extend((stored.len() as u64).to_le_bytes());
    out.extend((raw.len() as u64).to_le_bytes());
    out.extend_from_slice(stored);
}

fn code_section(module: &Module) -> Vec<u8> {
    let mut out = Vec::new();
    list(&mut out, &module.types, func_type);
    list(&mut out, &module.imports, |out, import| {
        string(out, &import.module);
        string(out, &import.name);
        match import.desc {
            ImportDesc::Func(ty) => {
                out.push(0);
                write_unsigned(out, u64::from(ty));
            }
            ImportDesc::Table(ty) => {
                out.push(1);
                table_type(out, ty, 0);
            }
            ImportDesc::Memory(ty) => {
                out.push(2);
                memory_type(out, ty);
            }
            ImportDesc::Global(ty) => {
                out.push(3);
                global_type(out, ty);
            }
            ImportDesc::Tag(ty) => {
                out.push(4);
                write_unsigned(out, u64::from(ty));
            }
        }
    });
    list(&mut out, &module.tables, |out, table| {
        let flag = match table.init {
            Some(_) => limit_flags::INIT,
            None => 0,
        };
        table_type(out, table.ty, flag);
        if let Some(init) = &table.init {
            const_expr(out, init);
        }
    });
    list(&mut out, &module.memories, |out, &ty| memory_type(out, ty));
    list(&mut out, &module.globals, |out, global| {
        global_type(out, global.ty);
        const_expr(out, &global.init);
    });
    list(&mut out, &module.exports, |out, export| {
        string(out, &export.name);
        out.push(export.kind as u8);
        write_unsigned(out, u64::from(export.index));
    });
    write_unsigned(
        &mut out,
        module.start.map_or(0, |index| u64::from(index) + 1),
    );
    list(&mut out, &module.elems, |out, elem| {
        mode(out, &elem.mode);
        out.push(elem.ty.code());
        list(out, &elem.items, const_expr);
    });
    list(&mut out, &module.bodies, |out, body| {
        write_unsigned(out, u64::from(body.ty));
        write_unsigned(out, body.code.len() as u64);
    });
    for index in 0..module.bodies.len() {
        out.extend_from_slice(module.body(index as u32));
    }
    // What few modules have, up to the last list that is not empty.
    let with_objects = !module.objects.is_empty();
    if !module.type_groups.is_empty() || !module.tags.is_empty() || with_objects {
        list(&mut out, &module.type_groups, type_group);
    }
    if !module.tags.is_empty() || with_objects {
        list(&mut out, &module.tags, |out, &ty| {
            write_unsigned(out, u64::from(ty));
        });
    }
    if with_objects {
        list(&mut out, &module.objects, object_type);
        list(&mut out, &module.object_groups, type_group);
    }
    out
}

fn type_group(out: &mut Vec<u8>, group: &TypeGroup) {
    write_unsigned(out, u64::from(group.first));
    write_unsigned(out, u64::from(group.count));
}

/// Bits of the byte that a type of objects starts with.
pub(crate) mod object_flags {
    /// It is one of arrays.
    pub(crate) const ARRAY: u8 = 1;
    /// It has no subtypes.
    pub(crate) const FINAL: u8 = 2;
    /// Its supertype follows.
    pub(crate) const SUBTYPE: u8 = 4;
    /// Of the byte of a field: it can be changed.
    pub(crate) const MUTABLE: u8 = 0x80;
}

fn object_type(out: &mut Vec<u8>, ty: &ObjectType) {
    let flag = |flag, is_set| if is_set { flag } else { 0 };
    out.push(
        flag(object_flags::ARRAY, ty.element().is_some())
            | flag(object_flags::FINAL, ty.is_final)
            | flag(object_flags::SUBTYPE, ty.supertype.is_some()),
    );
    if let Some(supertype) = ty.supertype {
        write_unsigned(out, u64::from(supertype));
    }
    let field = |out: &mut Vec<u8>, field: &Field| {
        out.push(field.storage.code() | flag(object_flags::MUTABLE, field.mutable));
    };
    match &ty.content {
        Content::Struct(fields) => list(out, fields, field),
        Content::Array(element) => field(out, element),
    }
}

fn data_section(module: &Module) -> Vec<u8> {
    let mut out = Vec::new();
    list(&mut out, &module.data, |out, segment| {
        mode(out, &segment.mode);
        write_unsigned(out, segment.bytes.len() as u64);
    });
    for index in 0..module.data.len() {
        out.extend_from_slice(module.data_segment(index as u32));
    }
    out
}

fn debug_section(names: &Names) -> Vec<u8> {
    let mut out = Vec::new();
    string(&mut out, names.module.as_deref().unwrap_or(""));
    list(&mut out, &names.funcs, name);
    list(&mut out, &names.locals, |out, (func, locals)| {
        write_unsigned(out, u64::from(*func));
        list(out, locals, name);
    });
    out.extend_from_slice(names.source.as_bytes());
    out
}

fn name(out: &mut Vec<u8>, (index, name): &(u32, String)) {
    write_unsigned(out, u64::from(*index));
    string(out, name);
}

fn list<T>(out: &mut Vec<u8>, items: &[T], mut item: impl FnMut(&mut Vec<u8>, &T)) {
    write_unsigned(out, items.len() as u64);
    for it in items {
        item(out, it);
    }
}

fn string(out: &mut Vec<u8>, text: &str) {
    write_unsigned(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn func_type(out: &mut Vec<u8>, ty: &FuncType) {
    write_unsigned(out, ty.params.len() as u64);
    for (i, &param) in ty.params.iter().enumerate() {
        declared_type(out, param, ty.narrow_param(i));
    }
    write_unsigned(out, ty.results.len() as u64);
    for (i, &result) in ty.results.iter().enumerate() {
        declared_type(out, result, ty.narrow_result(i));
    }
}

/// Bits of the byte that limits start with.
pub(crate) mod limit_flags {
    /// There is a maximum.
    pub(crate) const MAX: u8 = 1;
    /// Addresses are of 64 bits.
    pub(crate) const ADDRESS_64: u8 = 4;
    /// The page size follows the limits.
    pub(crate) const PAGE_SIZE: u8 = 8;
    /// The first value of a table's elements follows the limits.
    pub(crate) const INIT: u8 = 16;
}

fn limits(out: &mut Vec<u8>, limits: Limits, address: AddressType, flags: u8) {
    let max = if limits.max.is_some() {
        limit_flags::MAX
    } else {
        0
    };
    let address = match address {
        AddressType::I32 => 0,
        AddressType::I64 => limit_flags::ADDRESS_64,
    };
    out.push(max | address | flags);
    write_unsigned(out, limits.min);
    if let Some(max) = limits.max {
        write_unsigned(out, max);
    }
}

fn memory_type(out: &mut Vec<u8>, ty: MemoryType) {
    if ty.is_paged() {
        return limits(out, ty.limits, ty.address, 0);
    }
    limits(out, ty.limits, ty.address, limit_flags::PAGE_SIZE);
    out.push(ty.page_size_log2);
}

fn table_type(out: &mut Vec<u8>, ty: TableType, flags: u8) {
    declared_type(out, ty.element, ty.narrow);
    limits(out, ty.limits, ty.address, flags);
}

/// The first byte of reference types that say more than their value type: those that are never null, and
/// those that may be.
pub(crate) const NARROW: [u8; 2] = [0x40, 0x41];

/// A value type, or a narrower reference type.
fn declared_type(out: &mut Vec<u8>, ty: ValType, narrow: Option<RefType>) {
    let Some(RefType { heap, nullable }) = narrow else {
        return out.push(ty.code());
    };
    out.push(NARROW[usize::from(nullable)]);
    let known = HeapType::ABSTRACT.iter().position(|&it| it == heap);
    let code = match (heap, known) {
        (HeapType::Type(index), _) => HeapType::ABSTRACT.len() as u64 + u64::from(index),
        (_, known) => known.expect("what is no type is listed") as u64,
    };
    write_unsigned(out, code);
}

fn global_type(out: &mut Vec<u8>, ty: GlobalType) {
    declared_type(out, ty.ty, ty.narrow);
    out.push(u8::from(ty.mutable));
}

fn mode(out: &mut Vec<u8>, mode: &SegmentMode) {
    match mode {
        SegmentMode::Active(index, offset) => {
            out.push(0);
            write_unsigned(out, u64::from(*index));
            const_expr(out, offset);
        }
        SegmentMode::Passive => out.push(1),
        SegmentMode::Declared => out.push(2),
    }
}

/// A constant expression is written as instructions up to a `ret`.
fn const_expr(out: &mut Vec<u8>, expr: &ConstExpr) {
    let mut code = CodeBuilder::default();
    for op in &expr.0 {
        match *op {
            ConstOp::I32(value) => code.op1(Op::I32Push, value as u64),
            ConstOp::I64(value) => code.op1(Op::I64Push, value as u64),
            ConstOp::F32(bits) => code.op1(Op::F32Push, u64::from(bits)),
            ConstOp::F64(bits) => code.op1(Op::F64Push, bits),
            ConstOp::Wide(ty, ref value) => code.op_constant(Op::push(ty), **value),
            ConstOp::V128(bits) => code.op_vector(Op::V128Push, bits),
            ConstOp::GlobalGet(index) => code.op1(Op::GlobalGet, u64::from(index)),
            ConstOp::RefNull(ty) => code.op1(Op::RefNull, u64::from(ty.code())),
            ConstOp::RefFunc(index) => code.op1(Op::RefFunc, u64::from(index)),
            ConstOp::Binary(op) => code.op(op),
        }
    }
    code.op(Op::Ret);
    out.extend(code.finish());
}
