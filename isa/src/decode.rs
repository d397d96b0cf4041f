//! Reading modules: one linear pass over the declarations; bodies are located, not read.
//!
//! What is checked here is form: lengths, checksums, UTF-8, known codes. What depends on more than
//! one declaration (indices, types, limits) is [`crate::verify::verify_module`]'s.

use std::borrow::Cow;
use std::io::Read;
use std::ops::Range;

use crate::bits::Bits;
use crate::debug::SourceTables;
use crate::encode::{
    FLAG_ZSTD, FLAG_ZSTD_DEBUG, HEADER_BYTES, MAGIC, NARROW, SECTION_HEADER_BYTES, SECTIONS,
    VERSION, limit_flags, object_flags,
};
use crate::error::{Malformed, Place};
use crate::instr::{malformed_wide, read_wide};
use crate::leb128::{read_signed, read_unsigned};
use crate::module::{
    Body, Bytes, ConstExpr, ConstOp, DataSegment, DebugSection, ElemSegment, Export, ExternKind,
    GlobalDef, Import, ImportDesc, Module, Names, SegmentMode, TableDef, TypeGroup,
};
use crate::objects::{Content, Field, ObjectType, Storage};
use crate::ops::{Imm, Op, PREFIXES};
use crate::refs::{HeapType, RefType};
use crate::types::{
    AddressType, Arch, FuncType, GlobalType, Limits, MemoryType, TableType, ValType,
};

/// The most bytes a section may have after decompression (1 GiB).
pub const MAX_SECTION_BYTES: u64 = 1 << 30;

/// The most bytes of a debug section that code of so many bytes may have after decompression (64 for each,
/// and 16 MiB): what describes a program is not much larger than the program, and whoever asks about one
/// instruction should not have to unpack what somebody made large.
pub fn max_debug_bytes(code_bytes: u64) -> u64 {
    MAX_SECTION_BYTES.min((16 << 20) + 64 * code_bytes)
}

/// Reads a module. Plain (uncompressed) sections are not copied: bodies and segments stay where
/// they are in `file`.
///
/// # Errors
/// Where the bytes are not a well-formed module: the section, the offset in the file and the
/// reason. Bodies and the debug section are not looked into.
pub fn decode(file: &Bytes) -> Result<Module, Malformed> {
    let bytes = file.as_slice();
    let header = header(bytes)?;
    let mut module = Module {
        arch: header.arch,
        entry: header.entry,
        ..Module::default()
    };
    let mut at = HEADER_BYTES;
    let mut code_bytes = 0;
    for (id, name) in SECTIONS {
        if at == bytes.len() && name == "debug" {
            break;
        }
        let zstd = match name {
            "debug" => header.zstd || header.zstd_debug,
            _ => header.zstd,
        };
        let (section, end) = section(file, at, id, name, zstd)?;
        match name {
            "code" => {
                let code = section.load(file)?;
                code_bytes = code.range.len() as u64;
                decode_code(code, &mut module)?;
            }
            "data" => decode_data(section.load(file)?, &mut module)?,
            _ => {
                let raw_len = section.raw_len.unwrap_or(0);
                if raw_len > max_debug_bytes(code_bytes) {
                    let reason = format!(
                        "an unpacked length of {raw_len} bytes, for {code_bytes} bytes of code"
                    );
                    return Err(Malformed::new(Place::Section(name), at as u64 + 16, reason));
                }
                module.debug = Some(section.into_debug(file));
            }
        }
        at = end;
    }
    if at != bytes.len() {
        let reason = format!("{} bytes after the last section", bytes.len() - at);
        return Err(Malformed::new(Place::Header, at as u64, reason));
    }
    Ok(module)
}

/// Reads the names in a module's debug section.
pub(crate) fn decode_names(module: &Module) -> Result<Names, Malformed> {
    let Some(debug) = &module.debug else {
        return Ok(Names::default());
    };
    let section = Section {
        name: "debug",
        range: debug.range.clone(),
        crc: debug.crc,
        raw_len: debug.raw_len,
        file_offset: debug.file_offset,
    };
    let payload = section.load(&debug.bytes)?;
    let mut reader = payload.reader();
    let module_name = reader.string()?;
    let funcs = reader.list(|reader| Ok((reader.u32()?, reader.string()?)))?;
    let locals = reader.list(|reader| {
        let func = reader.u32()?;
        Ok((
            func,
            reader.list(|reader| Ok((reader.u32()?, reader.string()?)))?,
        ))
    })?;
    let source = SourceTables::read(&payload.bytes, reader.pos..payload.range.end)?;
    let ascending = funcs.is_sorted_by(|a, b| a.0 < b.0)
        && locals.is_sorted_by(|a, b| a.0 < b.0)
        && locals
            .iter()
            .all(|(_, names)| names.is_sorted_by(|a, b| a.0 < b.0));
    if !ascending {
        let reason = "names are not in ascending order of their indices";
        return Err(reader.error_at(payload.range.start, reason));
    }
    Ok(Names {
        module: Some(module_name).filter(|name| !name.is_empty()),
        funcs,
        locals,
        source,
    })
}

struct Header {
    arch: Arch,
    entry: Option<u32>,
    zstd: bool,
    zstd_debug: bool,
}

fn header(bytes: &[u8]) -> Result<Header, Malformed> {
    let error = |offset, reason: String| Malformed::new(Place::Header, offset, reason);
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
        let reason = format!("{} bytes; a header has {HEADER_BYTES}", bytes.len());
        return Err(error(bytes.len() as u64, reason));
    };
    if header[..4] != MAGIC {
        return Err(error(
            0,
            "not a DotVM module: the magic number is missing".into(),
        ));
    }
    let version = u16::from_le_bytes([header[4], header[5]]);
    if version != VERSION {
        let reason = format!("format version {version}; this machine reads version {VERSION}");
        return Err(error(4, reason));
    }
    let arch = Arch::from_code(header[6])
        .ok_or_else(|| error(6, format!("unknown architecture {}", header[6])))?;
    let flags = header[7];
    if flags & !(FLAG_ZSTD | FLAG_ZSTD_DEBUG) != 0 || flags == FLAG_ZSTD | FLAG_ZSTD_DEBUG {
        return Err(error(7, format!("unknown flags {flags:#04x}")));
    }
    let mut entry = [0; 8];
    entry.copy_from_slice(&header[8..]);
    let entry = match u64::from_le_bytes(entry) {
        u64::MAX => None,
        index => Some(
            u32::try_from(index)
                .map_err(|_| error(8, format!("entry point {index} is no function index")))?,
        ),
    };
    Ok(Header {
        arch,
        entry,
        zstd: flags & FLAG_ZSTD != 0,
        zstd_debug: flags & FLAG_ZSTD_DEBUG != 0,
    })
}

/// A section as it lies in the file.
struct Section {
    name: &'static str,
    range: Range<usize>,
    crc: u32,
    /// `Some` where the payload is compressed.
    raw_len: Option<u64>,
    file_offset: u64,
}

/// Reads the section header at `at`; returns the section and the offset of its end.
fn section(
    file: &Bytes,
    at: usize,
    id: u8,
    name: &'static str,
    zstd: bool,
) -> Result<(Section, usize), Malformed> {
    let bytes = file.as_slice();
    let error = |offset: usize, reason: String| {
        Malformed::new(Place::Section(name), (at + offset) as u64, reason)
    };
    let Some(header) = bytes[at..].first_chunk::<SECTION_HEADER_BYTES>() else {
        return Err(error(
            0,
            "the section is missing or its header is cut off".into(),
        ));
    };
    if header[0] != id || header[1..4] != [0; 3] {
        return Err(error(
            0,
            format!("expected section {id}, found {:?}", &header[..4]),
        ));
    }
    let u64_at = |i: usize| u64::from_le_bytes(header[i..i + 8].try_into().expect("8 bytes"));
    let crc = u32::from_le_bytes(header[4..8].try_into().expect("4 bytes"));
    let (stored, raw) = (u64_at(8), u64_at(16));
    let start = at + SECTION_HEADER_BYTES;
    if stored > (bytes.len() - start) as u64 {
        let left = bytes.len() - start;
        return Err(error(
            8,
            format!("a length of {stored} bytes where {left} are left"),
        ));
    }
    if (!zstd && raw != stored) || raw > MAX_SECTION_BYTES {
        return Err(error(16, format!("an unpacked length of {raw} bytes")));
    }
    let end = start + stored as usize;
    let section = Section {
        name,
        range: start..end,
        crc,
        raw_len: zstd.then_some(raw),
        file_offset: start as u64,
    };
    Ok((section, end))
}

impl Section {
    /// Checks the checksum and unpacks the payload.
    fn load(self, file: &Bytes) -> Result<Payload, Malformed> {
        let place = Place::Section(self.name);
        let stored = &file.as_slice()[self.range.clone()];
        if crc32fast::hash(stored) != self.crc {
            return Err(Malformed::new(
                place,
                self.file_offset,
                "the checksum does not match",
            ));
        }
        let (bytes, range) = match self.raw_len {
            None => (file.clone(), self.range),
            Some(raw_len) => {
                let raw = unpack(stored, raw_len)
                    .map_err(|reason| Malformed::new(place, self.file_offset, reason))?;
                let len = raw.len();
                (Bytes::new(raw), 0..len)
            }
        };
        Ok(Payload {
            name: self.name,
            bytes,
            range,
        })
    }

    fn into_debug(self, file: &Bytes) -> DebugSection {
        DebugSection {
            bytes: file.clone(),
            range: self.range,
            crc: self.crc,
            file_offset: self.file_offset,
            raw_len: self.raw_len,
        }
    }
}

/// Unpacks a zstd frame, never to more than it declares.
fn unpack(stored: &[u8], raw_len: u64) -> Result<Vec<u8>, Cow<'static, str>> {
    let mut raw = Vec::new();
    zstd::stream::read::Decoder::new(stored)
        .and_then(|decoder| decoder.take(raw_len + 1).read_to_end(&mut raw))
        .map_err(|error| Cow::from(format!("cannot be unpacked: {error}")))?;
    if raw.len() as u64 != raw_len {
        return Err("does not unpack to the declared length".into());
    }
    Ok(raw)
}

/// A section's payload, unpacked.
struct Payload {
    name: &'static str,
    bytes: Bytes,
    range: Range<usize>,
}

impl Payload {
    fn reader(&self) -> Reader<'_> {
        Reader {
            bytes: &self.bytes.as_slice()[..self.range.end],
            pos: self.range.start,
            place: Place::Section(self.name),
        }
    }
}

fn decode_code(payload: Payload, module: &mut Module) -> Result<(), Malformed> {
    let mut reader = payload.reader();
    module.types = reader.list(Reader::func_type)?;
    module.imports = reader.list(Reader::import)?;
    module.tables = reader.list(Reader::table)?;
    module.memories = reader.list(Reader::memory_type)?;
    module.globals = reader.list(|r| {
        Ok(GlobalDef {
            ty: r.global_type()?,
            init: r.const_expr()?,
        })
    })?;
    module.exports = reader.list(Reader::export)?;
    module.start = reader.u32()?.checked_sub(1);
    module.elems = reader.list(|r| {
        let mode = r.mode()?;
        Ok(ElemSegment {
            mode,
            ty: r.val_type()?,
            items: r.list(Reader::const_expr)?,
        })
    })?;
    let bodies = reader.list(|r| Ok((r.u32()?, r.u32()?)))?;
    for (ty, len) in bodies {
        let code = reader.range(len as usize)?;
        module.bodies.push(Body { ty, code });
    }
    if !reader.at_end() {
        let at = reader.pos;
        module.type_groups = reader.list(Reader::type_group)?;
        if reader.at_end() && module.type_groups.is_empty() {
            return Err(reader.error_at(at, "an empty list of groups of types"));
        }
    }
    if !reader.at_end() {
        let at = reader.pos;
        module.tags = reader.list(Reader::u32)?;
        if reader.at_end() && module.tags.is_empty() {
            return Err(reader.error_at(at, "an empty list of tags"));
        }
    }
    if !reader.at_end() {
        let at = reader.pos;
        module.objects = reader.list(Reader::object_type)?;
        if module.objects.is_empty() {
            return Err(reader.error_at(at, "an empty list of types of objects"));
        }
        module.object_groups = reader.list(Reader::type_group)?;
    }
    reader.finish()?;
    module.code_bytes = payload.bytes;
    Ok(())
}

fn decode_data(payload: Payload, module: &mut Module) -> Result<(), Malformed> {
    let mut reader = payload.reader();
    let segments = reader.list(|r| {
        let at = r.pos;
        let mode = r.mode()?;
        if mode == SegmentMode::Declared {
            return Err(r.error_at(at, "a data segment cannot be declared only"));
        }
        Ok((mode, r.u32()?))
    })?;
    for (mode, len) in segments {
        let bytes = reader.range(len as usize)?;
        module.data.push(DataSegment { mode, bytes });
    }
    reader.finish()?;
    module.data_bytes = payload.bytes;
    Ok(())
}

/// Reads declarations; offsets count from the start of the bytes (the file's where the section is
/// plain).
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) pos: usize,
    pub(crate) place: Place,
}

impl Reader<'_> {
    #[cold]
    pub(crate) fn error_at(&self, pos: usize, reason: impl Into<String>) -> Malformed {
        Malformed::new(self.place, pos as u64, reason)
    }

    fn at_end(&self) -> bool {
        self.pos == self.bytes.len()
    }

    pub(crate) fn finish(&self) -> Result<(), Malformed> {
        match self.bytes.len() - self.pos {
            0 => Ok(()),
            left => Err(self.error_at(self.pos, format!("{left} bytes too many"))),
        }
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        let byte = self.bytes.get(self.pos).copied();
        self.pos += 1;
        byte.ok_or_else(|| self.error_at(self.bytes.len(), "the section ends too early"))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(self.unsigned(32)? as u32)
    }

    pub(crate) fn unsigned(&mut self, bits: u32) -> Result<u64, Malformed> {
        let at = self.pos;
        read_unsigned(self.bytes, &mut self.pos, bits)
            .ok_or_else(|| self.error_at(at, format!("malformed {bits}-bit integer")))
    }

    pub(crate) fn signed(&mut self, bits: u32) -> Result<i64, Malformed> {
        let at = self.pos;
        read_signed(self.bytes, &mut self.pos, bits)
            .ok_or_else(|| self.error_at(at, format!("malformed {bits}-bit integer")))
    }

    /// Reads a wide constant; returns its slots.
    fn wide_constant(&mut self, imm: Imm) -> Result<Bits, Malformed> {
        let at = self.pos;
        read_wide(self.bytes, &mut self.pos, imm)
            .ok_or_else(|| self.error_at(at, malformed_wide(imm)))
    }

    pub(crate) fn range(&mut self, len: usize) -> Result<Range<usize>, Malformed> {
        let left = self.bytes.len() - self.pos;
        if len > left {
            return Err(self.error_at(self.pos, format!("{len} bytes where {left} are left")));
        }
        let start = self.pos;
        self.pos += len;
        Ok(start..self.pos)
    }

    pub(crate) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let at = self.pos;
        let count = self.u32()? as usize;
        // Every item takes at least a byte, so a lie about the count costs no memory.
        if count > self.bytes.len() - self.pos {
            return Err(self.error_at(at, format!("{count} items in a shorter section")));
        }
        (0..count).map(|_| item(self)).collect()
    }

    fn string(&mut self) -> Result<String, Malformed> {
        let at = self.pos;
        let len = self.u32()? as usize;
        let range = self.range(len)?;
        String::from_utf8(self.bytes[range].to_vec())
            .map_err(|_| self.error_at(at, "a name is not UTF-8"))
    }

    fn val_type(&mut self) -> Result<ValType, Malformed> {
        let at = self.pos;
        let code = self.byte()?;
        ValType::from_code(code)
            .ok_or_else(|| self.error_at(at, format!("unknown value type {code:#04x}")))
    }

    /// A value type, or a narrower reference type.
    fn declared_type(&mut self) -> Result<(ValType, Option<RefType>), Malformed> {
        let first = self.bytes.get(self.pos);
        let Some(nullable) = NARROW.iter().position(|code| Some(code) == first) else {
            return Ok((self.val_type()?, None));
        };
        let at = self.pos;
        self.pos += 1;
        let code = self.u32()? as usize;
        let heap = match HeapType::ABSTRACT.get(code) {
            Some(&heap) => heap,
            None => HeapType::Type((code - HeapType::ABSTRACT.len()) as u32),
        };
        let ty = RefType::new(nullable == 1, heap);
        match ty.narrow() {
            Some(narrow) => Ok((ty.val_type(), Some(narrow))),
            None => Err(self.error_at(at, format!("{} in a long form", ty.val_type()))),
        }
    }

    fn type_group(&mut self) -> Result<TypeGroup, Malformed> {
        Ok(TypeGroup {
            first: self.u32()?,
            count: self.u32()?,
        })
    }

    fn object_type(&mut self) -> Result<ObjectType, Malformed> {
        use object_flags::{ARRAY, FINAL, MUTABLE, SUBTYPE};
        let at = self.pos;
        let flags = self.byte()?;
        if flags & !(ARRAY | FINAL | SUBTYPE) != 0 {
            return Err(self.error_at(at, format!("unknown kind of objects {flags:#04x}")));
        }
        let supertype = match flags & SUBTYPE {
            0 => None,
            _ => Some(self.u32()?),
        };
        let field = |r: &mut Self| {
            let at = r.pos;
            let code = r.byte()?;
            let storage = Storage::from_code(code & !MUTABLE)
                .ok_or_else(|| r.error_at(at, format!("unknown type of a field {code:#04x}")))?;
            Ok(Field {
                storage,
                mutable: code & MUTABLE != 0,
            })
        };
        Ok(ObjectType {
            content: match flags & ARRAY {
                0 => Content::Struct(self.list(field)?),
                _ => Content::Array(field(self)?),
            },
            supertype,
            is_final: flags & FINAL != 0,
        })
    }

    fn func_type(&mut self) -> Result<FuncType, Malformed> {
        let mut func = FuncType::default();
        for (ty, narrow) in self.list(Self::declared_type)? {
            func.push_param(ty, narrow);
        }
        for (ty, narrow) in self.list(Self::declared_type)? {
            func.push_result(ty, narrow);
        }
        Ok(func)
    }

    /// Limits, and the type of what they are limits of; where `flags` are allowed besides, whether they
    /// are set.
    fn limits(&mut self, allowed: u8) -> Result<(Limits, AddressType, bool), Malformed> {
        let at = self.pos;
        let flags = self.byte()?;
        if flags & !(limit_flags::MAX | limit_flags::ADDRESS_64 | allowed) != 0 {
            return Err(self.error_at(at, format!("unknown limit flags {flags:#04x}")));
        }
        let min = self.unsigned(64)?;
        let max = match flags & limit_flags::MAX {
            0 => None,
            _ => Some(self.unsigned(64)?),
        };
        let address = match flags & limit_flags::ADDRESS_64 {
            0 => AddressType::I32,
            _ => AddressType::I64,
        };
        Ok((Limits { min, max }, address, flags & allowed != 0))
    }

    /// A table's type, and whether the first value of its elements follows.
    fn table_type(&mut self, flags: u8) -> Result<(TableType, bool), Malformed> {
        let (element, narrow) = self.declared_type()?;
        let (limits, address, has_init) = self.limits(flags)?;
        let ty = TableType {
            element,
            narrow,
            limits,
            address,
        };
        Ok((ty, has_init))
    }

    fn table(&mut self) -> Result<TableDef, Malformed> {
        let (ty, has_init) = self.table_type(limit_flags::INIT)?;
        let init = match has_init {
            true => Some(self.const_expr()?),
            false => None,
        };
        Ok(TableDef { ty, init })
    }

    fn memory_type(&mut self) -> Result<MemoryType, Malformed> {
        let (limits, address, has_page_size) = self.limits(limit_flags::PAGE_SIZE)?;
        let mut ty = MemoryType {
            address,
            ..MemoryType::new(limits)
        };
        if has_page_size {
            let at = self.pos;
            ty.page_size_log2 = self.byte()?;
            if !MemoryType::PAGE_SIZES_LOG2.contains(&ty.page_size_log2) {
                let reason = format!("pages of 2^{} bytes", ty.page_size_log2);
                return Err(self.error_at(at, reason));
            }
        }
        Ok(ty)
    }

    fn global_type(&mut self) -> Result<GlobalType, Malformed> {
        let (ty, narrow) = self.declared_type()?;
        let at = self.pos;
        match self.byte()? {
            flag @ (0 | 1) => Ok(GlobalType {
                ty,
                narrow,
                mutable: flag == 1,
            }),
            flag => Err(self.error_at(at, format!("unknown mutability {flag:#04x}"))),
        }
    }

    fn import(&mut self) -> Result<Import, Malformed> {
        let (module, name) = (self.string()?, self.string()?);
        let at = self.pos;
        let desc = match self.byte()? {
            0 => ImportDesc::Func(self.u32()?),
            1 => ImportDesc::Table(self.table_type(0)?.0),
            2 => ImportDesc::Memory(self.memory_type()?),
            3 => ImportDesc::Global(self.global_type()?),
            4 => ImportDesc::Tag(self.u32()?),
            kind => return Err(self.error_at(at, format!("unknown kind of import {kind:#04x}"))),
        };
        Ok(Import { module, name, desc })
    }

    fn export(&mut self) -> Result<Export, Malformed> {
        let name = self.string()?;
        let at = self.pos;
        let code = self.byte()?;
        let kind = ExternKind::ALL.get(usize::from(code)).copied();
        let kind =
            kind.ok_or_else(|| self.error_at(at, format!("unknown kind of export {code:#04x}")))?;
        Ok(Export {
            name,
            kind,
            index: self.u32()?,
        })
    }

    fn mode(&mut self) -> Result<SegmentMode, Malformed> {
        let at = self.pos;
        match self.byte()? {
            0 => Ok(SegmentMode::Active(self.u32()?, self.const_expr()?)),
            1 => Ok(SegmentMode::Passive),
            2 => Ok(SegmentMode::Declared),
            mode => Err(self.error_at(at, format!("unknown segment mode {mode:#04x}"))),
        }
    }

    fn const_expr(&mut self) -> Result<ConstExpr, Malformed> {
        let mut ops = Vec::new();
        loop {
            let at = self.pos;
            let byte = self.byte()?;
            let op = match byte {
                prefix if PREFIXES.contains(&prefix) => Op::from_prefixed(prefix, self.byte()?),
                byte => Op::from_byte(byte),
            };
            let op = match op {
                Some(Op::Ret) => return Ok(ConstExpr(ops)),
                Some(Op::I32Push) => ConstOp::I32(self.signed(32)? as i32),
                Some(Op::I64Push) => ConstOp::I64(self.signed(64)?),
                Some(Op::F32Push) => {
                    let range = self.range(4)?;
                    let bytes = self.bytes[range].try_into().expect("4 bytes");
                    ConstOp::F32(u32::from_le_bytes(bytes))
                }
                Some(Op::F64Push) => {
                    let range = self.range(8)?;
                    let bytes = self.bytes[range].try_into().expect("8 bytes");
                    ConstOp::F64(u64::from_le_bytes(bytes))
                }
                Some(Op::V128Push) => {
                    let range = self.range(16)?;
                    let bytes = self.bytes[range].try_into().expect("16 bytes");
                    ConstOp::V128(u128::from_le_bytes(bytes))
                }
                Some(Op::GlobalGet) => ConstOp::GlobalGet(self.u32()?),
                Some(Op::RefNull) => ConstOp::RefNull(self.val_type()?),
                Some(Op::RefFunc) => ConstOp::RefFunc(self.u32()?),
                Some(op)
                    if let [imm] = op.info().imms
                        && imm.wide_bits().is_some() =>
                {
                    let ty = op.result().expect("it pushes a constant");
                    ConstOp::Wide(ty, Box::new(self.wide_constant(*imm)?))
                }
                Some(op) => match ConstOp::binary(op) {
                    Some(binary) => binary,
                    None => {
                        let reason = format!("{} in a constant expression", op.mnemonic());
                        return Err(self.error_at(at, reason));
                    }
                },
                None => return Err(self.error_at(at, format!("unknown opcode {byte:#04x}"))),
            };
            ops.push(op);
        }
    }
}
