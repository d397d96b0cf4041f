//! VITBC files: writing and reading version 3.
//!
//! `VITBC\0`, u32 version, u32 flags (bit 0: sections are packed by zstd), sections, u32 CRC-32 of
//! everything from the version on, `VEND\0\0`; all little-endian. A section is a tag of four bytes, the u32
//! length of what is stored, where packed the u32 length of what is in it, and that. All sections are
//! there, once, in one order: so a file has one form, and reading and writing it gives the same bytes.

use std::fmt;
use std::io::Read;

use super::module::{
    COUNT_MAX, Const, DECLARATIONS_MAX, Function, Import, Instr, LEN_MAX, Module, NAME_LEN_MAX,
    Origin, REGISTERS_MAX, Row, Ty,
};
use super::ops::{Op, Operand};

/// How files start.
pub const MAGIC: &[u8; 6] = b"VITBC\0";
/// How files end.
pub const END: &[u8; 6] = b"VEND\0\0";
/// The version that is written.
pub const VERSION: u32 = 3;
/// Sections are packed.
pub const FLAG_ZSTD: u32 = 1;
/// The sections in their order.
pub const SECTIONS: [&[u8; 4]; 7] = [
    b"CONS", b"TYPE", b"FUNC", b"CODE", b"DATA", b"IMPT", b"LINE",
];

/// Bytes before sections, and behind them.
const HEAD_LEN: usize = 14;
const TAIL_LEN: usize = 10;

/// Why a file is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    /// The section, unless it is about the file.
    pub section: Option<String>,
    /// The byte of the file, or of the section (unpacked).
    pub offset: usize,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.section {
            None => write!(f, "byte {}: {}", self.offset, self.reason),
            Some(name) => write!(f, "section {name}, byte {}: {}", self.offset, self.reason),
        }
    }
}

impl std::error::Error for Refused {}

pub(super) type Result<T> = std::result::Result<T, Refused>;

/// A cursor over a part of a file.
pub(super) struct Reader<'b> {
    bytes: &'b [u8],
    pos: usize,
    section: Option<&'static str>,
}

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8], pos: usize, section: Option<&'static str>) -> Reader<'b> {
        Reader {
            bytes,
            pos,
            section,
        }
    }

    #[cold]
    pub(super) fn refuse<T>(&self, offset: usize, reason: impl Into<String>) -> Result<T> {
        Err(Refused {
            section: self.section.map(str::to_owned),
            offset,
            reason: reason.into(),
        })
    }

    pub(super) fn pos(&self) -> usize {
        self.pos
    }

    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.pos
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'b [u8]> {
        if len > self.left() {
            return self.refuse(
                self.pos,
                format!("{len} bytes expected, {} left", self.left()),
            );
        }
        let bytes = &self.bytes[self.pos..self.pos + len];
        self.pos += len;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u32> {
        Ok(u16::from_le_bytes(self.array()?).into())
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A count; each of what is counted takes at least `least` bytes, so that memory for them is bounded
    /// by the file.
    pub(super) fn count(&mut self, wide: bool, max: usize, least: usize) -> Result<usize> {
        let start = self.pos;
        let count = if wide { self.u32()? } else { self.u16()? } as usize;
        if count > max {
            return self.refuse(start, format!("{count} of them; at most {max}"));
        }
        if count * least > self.left() {
            return self.refuse(
                start,
                format!("{count} of them do not fit into what is left"),
            );
        }
        Ok(count)
    }

    fn text(&mut self, len: usize) -> Result<String> {
        let start = self.pos;
        let bytes = self.take(len)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => self.refuse(start + error.valid_up_to(), "text is not UTF-8"),
        }
    }

    fn name(&mut self) -> Result<String> {
        let len = self.count(false, NAME_LEN_MAX, 1)?;
        self.text(len)
    }

    fn ty(&mut self) -> Result<Ty> {
        Ok(Ty(self.u32()?))
    }

    fn named_types(&mut self) -> Result<Vec<(String, Ty)>> {
        let count = self.count(false, REGISTERS_MAX, 6)?;
        (0..count).map(|_| Ok((self.name()?, self.ty()?))).collect()
    }

    fn types(&mut self) -> Result<Vec<Ty>> {
        let count = self.count(false, REGISTERS_MAX, 4)?;
        (0..count).map(|_| self.ty()).collect()
    }

    fn end(&self) -> Result<()> {
        match self.left() {
            0 => Ok(()),
            left => self.refuse(self.pos, format!("{left} bytes too many")),
        }
    }
}

/// Checks the frame of a file of any version; returns version, flags and what is behind them.
pub(super) fn frame(bytes: &[u8]) -> Result<(u32, u32, Reader<'_>)> {
    let mut reader = Reader::new(bytes, 0, None);
    if bytes.len() > LEN_MAX {
        return reader.refuse(LEN_MAX, format!("{} bytes; at most {LEN_MAX}", bytes.len()));
    }
    if !bytes.starts_with(MAGIC) {
        return reader.refuse(
            0,
            "this is no VITBC file: it does not start with `VITBC\\0`",
        );
    }
    if bytes.len() < HEAD_LEN + TAIL_LEN {
        return reader.refuse(bytes.len(), "the file is cut off");
    }
    let tail = bytes.len() - TAIL_LEN;
    if !bytes.ends_with(END) {
        return reader.refuse(tail + 4, "the end mark `VEND\\0\\0` is missing");
    }
    let stored = Reader::new(bytes, tail, None).u32()?;
    let crc = crc32fast::hash(&bytes[MAGIC.len()..tail]);
    if stored != crc {
        let reason = format!("the checksum is {stored:#010x}, but should be {crc:#010x}");
        return reader.refuse(tail, reason);
    }
    reader = Reader::new(&bytes[..tail], MAGIC.len(), None);
    let version = reader.u32()?;
    let flags = reader.u32()?;
    if flags & !FLAG_ZSTD != 0 {
        return reader.refuse(10, format!("unknown flags {flags:#x}"));
    }
    Ok((version, flags, reader))
}

/// Unpacks bytes, at most `max` of them.
pub(super) fn unpack(packed: &[u8], max: usize) -> std::result::Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let decoder = zstd::stream::read::Decoder::with_buffer(packed);
    let mut decoder = decoder.map_err(|error| error.to_string())?;
    // The window a frame asks for is memory, too.
    decoder
        .window_log_max(26)
        .map_err(|error| error.to_string())?;
    let limit = max as u64 + 1;
    let read = decoder.take(limit).read_to_end(&mut bytes);
    read.map_err(|error| format!("cannot be unpacked: {error}"))?;
    match bytes.len() > max {
        true => Err(format!("more than {max} bytes when unpacked")),
        false => Ok(bytes),
    }
}

/// Reads a file of version 3. What its declarations and instructions refer to is checked by
/// [`super::verify()`].
///
/// # Errors
/// If it is no such file, with the place and the reason.
pub fn decode(bytes: &[u8]) -> Result<Module> {
    let (version, flags, mut file) = frame(bytes)?;
    if version != VERSION {
        return file.refuse(6, format!("version {version}; this one reads {VERSION}"));
    }
    let mut module = Module::default();
    let mut left = LEN_MAX;
    for tag in SECTIONS {
        let start = file.pos();
        let name = std::str::from_utf8(tag).unwrap_or("");
        if file.take(4)? != tag {
            return file.refuse(start, format!("section {name} expected"));
        }
        let len = file.u32()? as usize;
        let unpacked;
        let section = if flags & FLAG_ZSTD != 0 {
            let size = file.u32()? as usize;
            if size > left {
                return file.refuse(start + 8, format!("{size} bytes; at most {left} are left"));
            }
            let packed = file.take(len)?;
            unpacked = match unpack(packed, size) {
                Ok(bytes) if bytes.len() == size => bytes,
                Ok(_) => return file.refuse(start + 8, "another length than is said"),
                Err(reason) => return file.refuse(start + 12, reason),
            };
            left -= size;
            &unpacked
        } else {
            file.take(len)?
        };
        let mut reader = Reader::new(section, 0, Some(name));
        read_section(tag, &mut reader, &mut module)?;
        reader.end()?;
    }
    file.end()?;
    Ok(module)
}

fn read_section(tag: &[u8; 4], reader: &mut Reader<'_>, module: &mut Module) -> Result<()> {
    match tag {
        b"CONS" => {
            let count = reader.count(true, COUNT_MAX, 5)?;
            for _ in 0..count {
                module.consts.push(read_const(reader)?);
            }
        }
        b"TYPE" => {
            let count = reader.count(true, DECLARATIONS_MAX, 5)?;
            for _ in 0..count {
                module.types.push(read_row(reader)?);
            }
        }
        b"FUNC" => {
            let count = reader.count(true, DECLARATIONS_MAX, 10)?;
            for _ in 0..count {
                module.functions.push(Function {
                    name: reader.name()?,
                    params: reader.named_types()?,
                    result: reader.ty()?,
                    registers: reader.types()?,
                    ..Function::default()
                });
            }
            module.main = reader.u32()?;
        }
        b"CODE" => {
            let mut total = 0;
            for function in &mut module.functions {
                let count = reader.count(true, COUNT_MAX - total, 1)?;
                total += count;
                for _ in 0..count {
                    function.code.push(read_instr(reader)?);
                }
            }
        }
        b"DATA" => {
            let count = reader.count(true, DECLARATIONS_MAX, 6)?;
            for _ in 0..count {
                module.globals.push((reader.name()?, reader.ty()?));
            }
        }
        b"IMPT" => {
            let count = reader.count(true, DECLARATIONS_MAX, 9)?;
            for _ in 0..count {
                module.imports.push(read_import(reader)?);
            }
        }
        _ => {
            let count = reader.count(true, DECLARATIONS_MAX, 2)?;
            for _ in 0..count {
                module.files.push(reader.name()?);
            }
            for function in &mut module.functions {
                let count = reader.count(true, COUNT_MAX, 12)?;
                for _ in 0..count {
                    let line = (reader.u32()?, reader.u32()?, reader.u32()?);
                    function.lines.push(line);
                }
            }
        }
    }
    Ok(())
}

fn read_const(reader: &mut Reader<'_>) -> Result<Const> {
    let start = reader.pos();
    Ok(match reader.u8()? {
        0 => Const::Int(reader.u64()? as i64),
        1 => Const::Float(f64::from_bits(reader.u64()?)),
        2 => {
            let len = reader.count(true, LEN_MAX, 1)?;
            Const::Str(reader.text(len)?)
        }
        kind => return reader.refuse(start, format!("unknown kind {kind} of constant")),
    })
}

fn read_row(reader: &mut Reader<'_>) -> Result<Row> {
    let start = reader.pos();
    Ok(match reader.u8()? {
        0 => Row::Array(reader.ty()?),
        1 => Row::Map(reader.ty()?, reader.ty()?),
        2 => Row::Optional(reader.ty()?),
        3 => Row::Fn(reader.types()?, reader.ty()?),
        4 => Row::Struct(reader.name()?, reader.named_types()?),
        5 => {
            let name = reader.name()?;
            let count = reader.count(false, REGISTERS_MAX, 4)?;
            let variants = (0..count).map(|_| Ok((reader.name()?, reader.types()?)));
            Row::Enum(name, variants.collect::<Result<_>>()?)
        }
        kind => return reader.refuse(start, format!("unknown kind {kind} of type")),
    })
}

fn read_import(reader: &mut Reader<'_>) -> Result<Import> {
    let start = reader.pos();
    let origin = match reader.u8()? {
        0 => Origin::Native,
        1 => Origin::Host(reader.name()?),
        2 => Origin::Library(reader.name()?, reader.name()?),
        kind => return reader.refuse(start, format!("unknown kind {kind} of import")),
    };
    Ok(Import {
        origin,
        name: reader.name()?,
        params: reader.types()?,
        result: reader.ty()?,
    })
}

fn read_instr(reader: &mut Reader<'_>) -> Result<Instr> {
    let start = reader.pos();
    let code = reader.u8()?;
    let Some(op) = Op::from_code(code) else {
        return reader.refuse(start, format!("unknown opcode {code:#04x}"));
    };
    let mut instr = Instr {
        op,
        fixed: Vec::new(),
        list: Vec::new(),
    };
    for operand in op.operands() {
        match operand {
            Operand::Regs => {
                let count = reader.count(false, REGISTERS_MAX, 2)?;
                instr.list = (0..count).map(|_| reader.u16()).collect::<Result<_>>()?;
            }
            operand if is_short(*operand) => instr.fixed.push(reader.u16()?),
            _ => instr.fixed.push(reader.u32()?),
        }
    }
    Ok(instr)
}

/// Whether an operand takes two bytes.
fn is_short(operand: Operand) -> bool {
    use Operand::{Arg, Dest, Index, Reg, Result};
    matches!(operand, Dest | Reg | Arg | Index | Result)
}

/// Bytes that are written.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    /// Counts and registers are below 2^16: the verifier and the assembler see to it.
    fn u16(&mut self, value: u32) {
        self.0.extend_from_slice(&(value as u16).to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn name(&mut self, name: &str) {
        self.u16(name.len() as u32);
        self.0.extend_from_slice(name.as_bytes());
    }

    fn types(&mut self, types: &[Ty]) {
        self.u16(types.len() as u32);
        for ty in types {
            self.u32(ty.0);
        }
    }

    fn named_types(&mut self, types: &[(String, Ty)]) {
        self.u16(types.len() as u32);
        for (name, ty) in types {
            self.name(name);
            self.u32(ty.0);
        }
    }
}

/// Writes a module; `packed` by zstd.
///
/// # Errors
/// If the file, or its sections unpacked, would have more bytes than [`decode`] takes. If zstd fails,
/// which takes a lack of memory.
pub fn encode(module: &Module, packed: bool) -> std::io::Result<Vec<u8>> {
    let mut file = Writer(MAGIC.to_vec());
    file.u32(VERSION);
    file.u32(if packed { FLAG_ZSTD } else { 0 });
    let too_long =
        || std::io::Error::other(format!("the file would have more than {LEN_MAX} bytes"));
    let mut left = LEN_MAX;
    for tag in SECTIONS {
        let mut section = Writer::default();
        write_section(tag, module, &mut section);
        left = left.checked_sub(section.0.len()).ok_or_else(too_long)?;
        file.0.extend_from_slice(tag);
        if packed {
            let bytes = zstd::bulk::compress(&section.0, 0)?;
            file.u32(bytes.len() as u32);
            file.u32(section.0.len() as u32);
            file.0.extend_from_slice(&bytes);
        } else {
            file.u32(section.0.len() as u32);
            file.0.extend_from_slice(&section.0);
        }
    }
    let crc = crc32fast::hash(&file.0[MAGIC.len()..]);
    file.u32(crc);
    file.0.extend_from_slice(END);
    if file.0.len() > LEN_MAX {
        return Err(too_long());
    }
    Ok(file.0)
}

fn write_section(tag: &[u8; 4], module: &Module, out: &mut Writer) {
    match tag {
        b"CONS" => {
            out.u32(module.consts.len() as u32);
            for value in &module.consts {
                match value {
                    Const::Int(value) => {
                        out.u8(0);
                        out.u64(*value as u64);
                    }
                    Const::Float(value) => {
                        out.u8(1);
                        out.u64(value.to_bits());
                    }
                    Const::Str(text) => {
                        out.u8(2);
                        out.u32(text.len() as u32);
                        out.0.extend_from_slice(text.as_bytes());
                    }
                }
            }
        }
        b"TYPE" => {
            out.u32(module.types.len() as u32);
            for row in &module.types {
                write_row(row, out);
            }
        }
        b"FUNC" => {
            out.u32(module.functions.len() as u32);
            for function in &module.functions {
                out.name(&function.name);
                out.named_types(&function.params);
                out.u32(function.result.0);
                out.types(&function.registers);
            }
            out.u32(module.main);
        }
        b"CODE" => {
            for function in &module.functions {
                out.u32(function.code.len() as u32);
                for instr in &function.code {
                    write_instr(instr, out);
                }
            }
        }
        b"DATA" => {
            out.u32(module.globals.len() as u32);
            for (name, ty) in &module.globals {
                out.name(name);
                out.u32(ty.0);
            }
        }
        b"IMPT" => {
            out.u32(module.imports.len() as u32);
            for import in &module.imports {
                match &import.origin {
                    Origin::Native => out.u8(0),
                    Origin::Host(symbol) => {
                        out.u8(1);
                        out.name(symbol);
                    }
                    Origin::Library(library, symbol) => {
                        out.u8(2);
                        out.name(library);
                        out.name(symbol);
                    }
                }
                out.name(&import.name);
                out.types(&import.params);
                out.u32(import.result.0);
            }
        }
        _ => {
            out.u32(module.files.len() as u32);
            for file in &module.files {
                out.name(file);
            }
            for function in &module.functions {
                out.u32(function.lines.len() as u32);
                for (instr, file, line) in &function.lines {
                    out.u32(*instr);
                    out.u32(*file);
                    out.u32(*line);
                }
            }
        }
    }
}

fn write_row(row: &Row, out: &mut Writer) {
    match row {
        Row::Array(item) => {
            out.u8(0);
            out.u32(item.0);
        }
        Row::Map(key, value) => {
            out.u8(1);
            out.u32(key.0);
            out.u32(value.0);
        }
        Row::Optional(inner) => {
            out.u8(2);
            out.u32(inner.0);
        }
        Row::Fn(params, result) => {
            out.u8(3);
            out.types(params);
            out.u32(result.0);
        }
        Row::Struct(name, fields) => {
            out.u8(4);
            out.name(name);
            out.named_types(fields);
        }
        Row::Enum(name, variants) => {
            out.u8(5);
            out.name(name);
            out.u16(variants.len() as u32);
            for (name, types) in variants {
                out.name(name);
                out.types(types);
            }
        }
    }
}

fn write_instr(instr: &Instr, out: &mut Writer) {
    out.u8(instr.op.code());
    let mut fixed = instr.fixed.iter();
    for operand in instr.op.operands() {
        if *operand == Operand::Regs {
            out.u16(instr.list.len() as u32);
            for register in &instr.list {
                out.u16(*register);
            }
            continue;
        }
        let value = fixed.next().copied().unwrap_or(0);
        match is_short(*operand) {
            true => out.u16(value),
            false => out.u32(value),
        }
    }
}
