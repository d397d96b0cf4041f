//! Instructions with their immediates: reading them from a function body, and building bodies.

use crate::bits::Bits;
use crate::error::{Malformed, Place};
use crate::leb128::{
    read_integer, read_signed, read_unsigned, signed_len, write_integer, write_signed,
    write_unsigned,
};
use crate::ops::{Imm, Op};
use crate::types::ValType;

/// One decoded instruction.
///
/// Immediates are in `a` and `b`, in the order of the opcode table: signed constants
/// sign-extended, floats as their bits, indices and counts as they are, a [`Imm::Label`] as the
/// absolute offset of its target in the body. For [`Imm::Labels`], `a` is the number of targets
/// and `b` the offset of the first displacement; read them with [`InstrReader::labels`]. For
/// [`Imm::Catches`], they are the number of catches and the offset of the first one; read them with
/// [`InstrReader::catches`]. The 16 bytes
/// of [`Imm::V128`] and [`Imm::Lanes`] are `a` and then `b`, little-endian: see [`Instr::vector`]. For
/// other constants that are wider than 64 bits, `a` is the offset of the first byte; read them with
/// [`InstrReader::constant`].
///
/// Loads and stores access memory 0 unless they stand behind [`MEMORY_PREFIX`] and the index of
/// another memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instr {
    /// The instruction.
    pub op: Op,
    /// The memory that a load or store accesses; 0 for other instructions.
    pub memory: u16,
    /// Offset in bytes of its first byte in the body.
    pub offset: u32,
    /// First immediate, 0 where there is none.
    pub a: u64,
    /// Second immediate, 0 where there is none.
    pub b: u64,
}

impl Instr {
    /// Both immediates as one of 128 bits.
    pub fn vector(&self) -> u128 {
        u128::from(self.a) | u128::from(self.b) << 64
    }
}

/// A way out of a region for exceptions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Catch<L> {
    /// The tag whose exceptions it takes; all exceptions where there is none. Their values are pushed.
    pub tag: Option<u32>,
    /// Whether a reference to the exception is pushed on top.
    pub by_ref: bool,
    /// Where it leads.
    pub target: L,
}

/// The kinds of catches by their codes: name, whether it is for one tag, whether it pushes a reference.
pub(crate) const CATCH_KINDS: [(&str, bool, bool); 4] = [
    ("catch", true, false),
    ("catch_ref", true, true),
    ("catch_all", false, false),
    ("catch_all_ref", false, true),
];

impl<L> Catch<L> {
    /// The code of its kind: an index into [`CATCH_KINDS`].
    pub(crate) fn kind(&self) -> usize {
        usize::from(self.tag.is_none()) * 2 + usize::from(self.by_ref)
    }

    /// The same with another target.
    pub fn with_target<M>(&self, target: M) -> Catch<M> {
        Catch {
            tag: self.tag,
            by_ref: self.by_ref,
            target,
        }
    }
}

/// Reads a function body: locals, then one instruction after the other.
///
/// Offsets count from the body's first byte, that of the locals' declarations included.
#[derive(Clone, Debug)]
pub struct InstrReader<'a> {
    bytes: &'a [u8],
    pos: usize,
    func: u32,
}

/// The most bytes a body may have: what threaded code can address with 32-bit displacements.
pub const MAX_BODY_BYTES: usize = 1 << 24;

/// The byte in front of a load or store of another memory than memory 0; the memory's index follows.
pub const MEMORY_PREFIX: u8 = 0x1f;

/// The most locals a function may declare, parameters included.
pub const MAX_LOCALS: u32 = 50_000;

impl<'a> InstrReader<'a> {
    /// Reads `bytes`, the body of function `func` (the index is for error messages).
    pub fn new(bytes: &'a [u8], func: u32) -> InstrReader<'a> {
        InstrReader {
            bytes,
            pos: 0,
            func,
        }
    }

    /// A reader of the same body, at its start.
    pub(crate) fn restarted(&self) -> InstrReader<'a> {
        InstrReader {
            pos: 0,
            ..self.clone()
        }
    }

    /// Bytes of the body.
    pub(crate) fn body_len(&self) -> usize {
        self.bytes.len()
    }

    /// Offset of the next byte.
    #[inline]
    pub fn offset(&self) -> usize {
        self.pos
    }

    /// Whether every byte was read.
    #[inline]
    pub fn at_end(&self) -> bool {
        self.pos >= self.bytes.len()
    }

    /// An error at `offset` of this body.
    #[cold]
    pub fn error(&self, offset: usize, reason: impl Into<String>) -> Malformed {
        Malformed::new(Place::Function(self.func), offset as u64, reason)
    }

    /// Reads the declarations of locals at the body's start: groups of a count and a type.
    ///
    /// # Errors
    /// Where a count or type is malformed or there are more than [`MAX_LOCALS`].
    pub fn read_locals(&mut self) -> Result<Vec<(u32, ValType)>, Malformed> {
        let groups = self.u32()?;
        if groups as usize > self.bytes.len() {
            return Err(self.error(0, format!("{groups} groups of locals in a shorter body")));
        }
        let mut locals = Vec::with_capacity(groups as usize);
        let mut total = 0u32;
        for _ in 0..groups {
            let at = self.pos;
            let count = self.u32()?;
            let code = self.byte()?;
            let ty = ValType::from_code(code)
                .ok_or_else(|| self.error(at, format!("unknown value type {code:#04x}")))?;
            total = total.saturating_add(count);
            if total > MAX_LOCALS {
                return Err(self.error(at, format!("more than {MAX_LOCALS} locals")));
            }
            locals.push((count, ty));
        }
        Ok(locals)
    }

    /// Reads the next instruction.
    ///
    /// # Errors
    /// Where the bytes end, the opcode is unknown or an immediate is malformed or, for a label,
    /// outside the body.
    #[inline(always)]
    pub fn next_instr(&mut self) -> Result<Instr, Malformed> {
        let offset = self.pos;
        let first = self.byte()?;
        let (op, memory) = match Op::from_byte(first) {
            Some(op) => (op, 0),
            None if first == MEMORY_PREFIX => self.of_memory(offset)?,
            None => (self.prefixed(first, offset)?, 0),
        };
        let mut instr = Instr {
            op,
            memory,
            offset: offset as u32,
            a: 0,
            b: 0,
        };
        if let [Some(first), second] = op.rule().imms {
            instr.a = self.immediate(first, &mut instr)?;
            if let Some(second) = second {
                instr.b = self.immediate(second, &mut instr)?;
            }
        }
        Ok(instr)
    }

    /// The targets of a `br_table`, as absolute offsets; the last one is the default.
    pub fn labels(&self, instr: &Instr) -> impl Iterator<Item = Result<u32, Malformed>> + use<'a> {
        let mut reader = InstrReader {
            bytes: self.bytes,
            pos: instr.b as usize,
            func: self.func,
        };
        let from = instr.offset;
        (0..instr.a).map(move |_| reader.label(from).map(|target| target as u32))
    }

    /// The catches of a `try`, with the absolute offsets of their targets.
    pub fn catches(
        &self,
        instr: &Instr,
    ) -> impl Iterator<Item = Result<Catch<u32>, Malformed>> + use<'a> {
        let mut reader = InstrReader {
            bytes: self.bytes,
            pos: instr.b as usize,
            func: self.func,
        };
        let from = instr.offset;
        (0..instr.a).map(move |_| reader.catch(from))
    }

    /// The constant of an instruction that pushes a wide integer or vector: its slots.
    pub fn constant(&self, instr: &Instr) -> Bits {
        let imm = wide_immediate(instr.op);
        let value = read_wide(self.bytes, &mut (instr.a as usize), imm);
        value.expect("it was read before")
    }

    fn catch(&mut self, from: u32) -> Result<Catch<u32>, Malformed> {
        let at = self.pos;
        let kind = self.byte()?;
        let Some(&(_, tagged, by_ref)) = CATCH_KINDS.get(usize::from(kind)) else {
            return Err(self.error(at, format!("unknown kind of catch {kind:#04x}")));
        };
        Ok(Catch {
            tag: if tagged { Some(self.u32()?) } else { None },
            by_ref,
            target: self.label(from)? as u32,
        })
    }

    /// Reads what follows [`MEMORY_PREFIX`]: the index of a memory and the code of a load or store.
    #[inline(never)]
    fn of_memory(&mut self, offset: usize) -> Result<(Op, u16), Malformed> {
        let index = self.u32()?;
        let memory = u16::try_from(index).ok().filter(|&memory| memory != 0);
        let memory = memory.ok_or_else(|| {
            let reason = format!("an access of memory {index} with a prefix");
            self.error(offset, reason)
        })?;
        let first = self.byte()?;
        let op = match Op::from_byte(first) {
            Some(op) => op,
            None => self.prefixed(first, offset)?,
        };
        if op.info().imms.contains(&Imm::Offset) {
            return Ok((op, memory));
        }
        let reason = format!("{} of memory {memory}", op.mnemonic());
        Err(self.error(offset, reason))
    }

    fn prefixed(&mut self, prefix: u8, offset: usize) -> Result<Op, Malformed> {
        if !crate::ops::PREFIXES.contains(&prefix) {
            return Err(self.error(offset, format!("unknown opcode {prefix:#04x}")));
        }
        let byte = self.byte()?;
        Op::from_prefixed(prefix, byte)
            .ok_or_else(|| self.error(offset, format!("unknown opcode {prefix:#04x} {byte:#04x}")))
    }

    #[inline(always)]
    fn immediate(&mut self, imm: Imm, instr: &mut Instr) -> Result<u64, Malformed> {
        Ok(match imm {
            Imm::I32 => self.signed(32)? as u64,
            Imm::I64 => self.signed(64)? as u64,
            Imm::F32 => u64::from(u32::from_le_bytes(self.array()?)),
            Imm::F64 => u64::from_le_bytes(self.array()?),
            Imm::I128 | Imm::I256 | Imm::I512 | Imm::V256 | Imm::V512 => self.wide(imm)?,
            Imm::V128 | Imm::Lanes => {
                let low = u64::from_le_bytes(self.array()?);
                instr.b = u64::from_le_bytes(self.array()?);
                low
            }
            Imm::Local
            | Imm::Global
            | Imm::Func
            | Imm::Type
            | Imm::Table
            | Imm::Memory
            | Imm::Data
            | Imm::Elem
            | Imm::Tag
            | Imm::Object
            | Imm::Count => u64::from(self.u32()?),
            Imm::Offset => self.unsigned(64)?,
            Imm::RefType
            | Imm::Lane2
            | Imm::Lane4
            | Imm::Lane8
            | Imm::Lane16
            | Imm::Lane32
            | Imm::Lane64 => u64::from(self.byte()?),
            Imm::Label => self.label(instr.offset)?,
            Imm::Labels => {
                let count = u64::from(self.u32()?) + 1;
                if count > (self.bytes.len() - self.pos) as u64 {
                    return Err(self.error(self.pos, format!("a table of {count} labels")));
                }
                instr.b = self.pos as u64;
                for _ in 0..count {
                    self.label(instr.offset)?;
                }
                count
            }
            Imm::Catches => {
                let count = u64::from(self.u32()?);
                if count > (self.bytes.len() - self.pos) as u64 {
                    return Err(self.error(self.pos, format!("a list of {count} catches")));
                }
                instr.b = self.pos as u64;
                for _ in 0..count {
                    self.catch(instr.offset)?;
                }
                count
            }
        })
    }

    #[inline]
    fn label(&mut self, from: u32) -> Result<u64, Malformed> {
        let at = self.pos;
        let target = i64::from(from) + self.signed(32)?;
        if target < 0 || target >= self.bytes.len() as i64 {
            let (sign, distance) = (if target < 0 { "-" } else { "" }, target.unsigned_abs());
            let reason = format!("jump to {sign}{distance:#x}, outside the body");
            return Err(self.error(at, reason));
        }
        Ok(target as u64)
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, Malformed> {
        match self.bytes.get(self.pos) {
            Some(&byte) => {
                self.pos += 1;
                Ok(byte)
            }
            None => Err(self.error(self.pos, "the body ends within an instruction")),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        match self
            .bytes
            .get(self.pos..)
            .and_then(|rest| rest.first_chunk::<N>())
        {
            Some(chunk) => {
                self.pos += N;
                Ok(*chunk)
            }
            None => Err(self.error(self.pos, "the body ends within an instruction")),
        }
    }

    #[inline(always)]
    fn u32(&mut self) -> Result<u32, Malformed> {
        let byte = self.byte()?;
        if byte < 0x80 {
            return Ok(u32::from(byte));
        }
        self.pos -= 1;
        Ok(self.long_unsigned(32)? as u32)
    }

    /// Most integers are one byte.
    #[inline(always)]
    fn unsigned(&mut self, bits: u32) -> Result<u64, Malformed> {
        if let Some(&byte) = self.bytes.get(self.pos)
            && byte < 0x80
        {
            self.pos += 1;
            return Ok(u64::from(byte));
        }
        self.long_unsigned(bits)
    }

    #[inline(never)]
    fn long_unsigned(&mut self, bits: u32) -> Result<u64, Malformed> {
        let at = self.pos;
        match read_unsigned(self.bytes, &mut self.pos, bits) {
            Some(value) => Ok(value),
            None => Err(self.error(at, format!("malformed {bits}-bit integer"))),
        }
    }

    #[inline(always)]
    fn signed(&mut self, bits: u32) -> Result<i64, Malformed> {
        if let Some(&byte) = self.bytes.get(self.pos)
            && byte < 0x80
        {
            self.pos += 1;
            return Ok(i64::from((byte << 1) as i8 >> 1));
        }
        self.long_signed(bits)
    }

    /// Reads a constant; returns the offset of its first byte.
    #[inline(never)]
    fn wide(&mut self, imm: Imm) -> Result<u64, Malformed> {
        let at = self.pos;
        match read_wide(self.bytes, &mut self.pos, imm) {
            Some(_) => Ok(at as u64),
            None => Err(self.error(at, malformed_wide(imm))),
        }
    }

    #[inline(never)]
    fn long_signed(&mut self, bits: u32) -> Result<i64, Malformed> {
        // Most displacements are two bytes.
        if let Some(&[low, high]) = self.bytes.get(self.pos..).and_then(|b| b.first_chunk())
            && high < 0x80
        {
            self.pos += 2;
            let value = u16::from(high) << 7 | u16::from(low & 0x7f);
            return Ok(i64::from((value << 2) as i16 >> 2));
        }
        let at = self.pos;
        match read_signed(self.bytes, &mut self.pos, bits) {
            Some(value) => Ok(value),
            None => Err(self.error(at, format!("malformed {bits}-bit integer"))),
        }
    }
}

/// The immediate of an instruction that pushes a wide constant.
fn wide_immediate(op: Op) -> Imm {
    let mut imms = op.info().imms.iter().copied();
    let wide = imms.find(|imm| imm.wide_bits().is_some());
    wide.expect("an instruction with such a constant")
}

/// Reads a wide constant, and zeros for the slots that its type does not have; `None` where it is malformed.
pub(crate) fn read_wide(bytes: &[u8], pos: &mut usize, imm: Imm) -> Option<Bits> {
    let bits = imm.wide_bits()?;
    if !imm.is_wide_vector() {
        return Some(read_integer(bytes, pos, bits)?.truncated(bits));
    }
    let (slots, _) = bytes.get(*pos..)?.get(..bits as usize / 8)?.as_chunks();
    *pos += bits as usize / 8;
    let mut value = Bits::default();
    for (slot, &bytes) in value.0.iter_mut().zip(slots) {
        *slot = u64::from_le_bytes(bytes);
    }
    Some(value)
}

/// Why a wide constant cannot be read.
pub(crate) fn malformed_wide(imm: Imm) -> String {
    let bits = imm.wide_bits().unwrap_or(0);
    let what = if imm.is_wide_vector() {
        "vector"
    } else {
        "integer"
    };
    format!("malformed {bits}-bit {what}")
}

/// Bytes of the longest displacement: 32 bits as LEB128.
const MAX_DISPLACEMENT_BYTES: u8 = 5;

/// After so many rounds, [`CodeBuilder`] stops looking for the shortest displacements.
const MAX_RELAX_ROUNDS: u32 = 16;

/// A jump target in a body under construction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Label(u32);

/// Builds a function body: locals, instructions, labels; jumps get the shortest encoding.
///
/// ```
/// # use dotvm_isa::{CodeBuilder, Op, ValType};
/// let mut code = CodeBuilder::new(&[(1, ValType::I64)]);
/// let done = code.new_label();
/// code.op1(Op::LocalGet, 0);
/// code.op(Op::I64Eqz);
/// code.jump(Op::Jnz, done);
/// code.bind(done);
/// code.op(Op::Ret);
/// assert_eq!(code.finish(), [1, 1, 1, 0x18, 0, 0x50, 0x05, 2, 0x09]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct CodeBuilder {
    /// Everything but the displacements.
    bytes: Vec<u8>,
    /// Displacements to insert, in order of `at`.
    fixups: Vec<Fixup>,
    /// Position in `bytes` of each label, `u32::MAX` where it is not bound yet.
    labels: Vec<u32>,
    /// Positions whose final offset somebody wants to know.
    marks: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Fixup {
    /// Position in `bytes` before which the displacement goes.
    at: u32,
    /// Position in `bytes` of the instruction's first byte.
    from: u32,
    label: Label,
    len: u8,
}

impl CodeBuilder {
    /// A body with these groups of locals (parameters not included).
    pub fn new(locals: &[(u32, ValType)]) -> CodeBuilder {
        let mut bytes = Vec::new();
        write_unsigned(&mut bytes, locals.len() as u64);
        for &(count, ty) in locals {
            write_unsigned(&mut bytes, u64::from(count));
            bytes.push(ty.code());
        }
        CodeBuilder {
            bytes,
            ..CodeBuilder::default()
        }
    }

    /// A label that is not bound yet.
    pub fn new_label(&mut self) -> Label {
        self.labels.push(u32::MAX);
        Label(self.labels.len() as u32 - 1)
    }

    /// Binds `label` to the next instruction.
    ///
    /// # Panics
    /// Where it is bound already.
    pub fn bind(&mut self, label: Label) {
        let slot = &mut self.labels[label.0 as usize];
        assert_eq!(*slot, u32::MAX, "label bound twice");
        *slot = self.bytes.len() as u32;
    }

    /// Appends an instruction without immediates.
    pub fn op(&mut self, op: Op) {
        self.op2(op, 0, 0);
    }

    /// Appends an instruction with one immediate (see [`Instr`] for its form).
    pub fn op1(&mut self, op: Op, a: u64) {
        self.op2(op, a, 0);
    }

    /// Appends an instruction with an immediate of 128 bits.
    pub fn op_vector(&mut self, op: Op, bits: u128) {
        self.op2(op, bits as u64, (bits >> 64) as u64);
    }

    /// Appends an instruction that pushes a wide integer or vector, of its slots.
    ///
    /// # Panics
    /// For other instructions.
    pub fn op_constant(&mut self, op: Op, value: Bits) {
        let imm = wide_immediate(op);
        let bits = imm.wide_bits().expect("of a wide constant");
        self.opcode(op);
        if imm.is_wide_vector() {
            let slots = &value.0[..bits as usize / 64];
            self.bytes
                .extend(slots.iter().flat_map(|slot| slot.to_le_bytes()));
        } else {
            write_integer(&mut self.bytes, value.sign_extended(bits));
        }
    }

    /// Appends an instruction with two immediates; those its row lacks are ignored.
    ///
    /// # Panics
    /// Where the instruction takes labels or a wide constant: see [`CodeBuilder::jump`],
    /// [`CodeBuilder::br_table`], [`CodeBuilder::try_region`] and [`CodeBuilder::op_constant`].
    pub fn op2(&mut self, op: Op, a: u64, b: u64) {
        self.opcode(op);
        for (&imm, value) in op.info().imms.iter().zip([a, b]) {
            match imm {
                Imm::I32 => write_signed(&mut self.bytes, i64::from(value as i32)),
                Imm::I64 => write_signed(&mut self.bytes, value as i64),
                Imm::F32 => self.bytes.extend((value as u32).to_le_bytes()),
                Imm::F64 => self.bytes.extend(value.to_le_bytes()),
                Imm::V128 | Imm::Lanes => {
                    self.bytes.extend(a.to_le_bytes());
                    self.bytes.extend(b.to_le_bytes());
                }
                Imm::RefType
                | Imm::Lane2
                | Imm::Lane4
                | Imm::Lane8
                | Imm::Lane16
                | Imm::Lane32
                | Imm::Lane64 => self.bytes.push(value as u8),
                Imm::Label
                | Imm::Labels
                | Imm::Catches
                | Imm::I128
                | Imm::I256
                | Imm::I512
                | Imm::V256
                | Imm::V512 => panic!("{} takes no plain immediates", op.mnemonic()),
                _ => write_unsigned(&mut self.bytes, value),
            }
        }
    }

    /// Appends a load or store of that memory.
    pub fn access(&mut self, memory: u16, op: Op, a: u64, b: u64) {
        if memory != 0 {
            self.bytes.push(MEMORY_PREFIX);
            write_unsigned(&mut self.bytes, u64::from(memory));
        }
        self.op2(op, a, b);
    }

    /// Appends `jmp`, `jz` or `jnz`.
    pub fn jump(&mut self, op: Op, label: Label) {
        let from = self.bytes.len() as u32;
        self.opcode(op);
        self.fixup(from, label);
    }

    /// Appends a `br_table` to `targets`, the last of which is the default.
    ///
    /// # Panics
    /// Where `targets` is empty.
    pub fn br_table(&mut self, targets: &[Label]) {
        let from = self.bytes.len() as u32;
        self.opcode(Op::BrTable);
        write_unsigned(&mut self.bytes, targets.len() as u64 - 1);
        for &label in targets {
            self.fixup(from, label);
        }
    }

    /// Appends a `try` with these catches.
    pub fn try_region(&mut self, catches: &[Catch<Label>]) {
        let from = self.bytes.len() as u32;
        self.opcode(Op::Try);
        write_unsigned(&mut self.bytes, catches.len() as u64);
        for catch in catches {
            self.bytes.push(catch.kind() as u8);
            if let Some(tag) = catch.tag {
                write_unsigned(&mut self.bytes, u64::from(tag));
            }
            self.fixup(from, catch.target);
        }
    }

    /// Asks for the next instruction's final offset; the answer is in the list that
    /// [`CodeBuilder::finish_with_marks`] returns, at the index returned here.
    pub fn mark(&mut self) -> usize {
        self.marks.push(self.bytes.len() as u32);
        self.marks.len() - 1
    }

    /// The encoded body.
    ///
    /// # Panics
    /// Where a label was used but never bound.
    pub fn finish(self) -> Vec<u8> {
        self.finish_with_marks().0
    }

    /// The encoded body, and the final offsets of the marked instructions.
    ///
    /// # Panics
    /// Where a label was used but never bound.
    pub fn finish_with_marks(mut self) -> (Vec<u8>, Vec<u32>) {
        self.relax();
        let mut out = Vec::with_capacity(self.bytes.len() + 2 * self.fixups.len());
        let offsets = Offsets::new(&self.fixups);
        let mut done = 0;
        for (i, fixup) in self.fixups.iter().enumerate() {
            out.extend_from_slice(&self.bytes[done..fixup.at as usize]);
            done = fixup.at as usize;
            let value = offsets.displacement(fixup, &self.labels, &self.fixups);
            let before = out.len();
            write_signed(&mut out, value);
            // A displacement that shrank after another grew keeps its length: pad it.
            while out.len() - before < usize::from(self.fixups[i].len) {
                let last = out.len() - 1;
                out[last] |= 0x80;
                out.push(if value < 0 { 0x7f } else { 0 });
            }
        }
        out.extend_from_slice(&self.bytes[done..]);
        let marks = self
            .marks
            .iter()
            .map(|&at| offsets.of(at, &self.fixups))
            .collect();
        (out, marks)
    }

    fn opcode(&mut self, op: Op) {
        let [prefix, byte] = op.info().code.to_be_bytes();
        if prefix != 0 {
            self.bytes.push(prefix);
        }
        self.bytes.push(byte);
    }

    fn fixup(&mut self, from: u32, label: Label) {
        self.fixups.push(Fixup {
            at: self.bytes.len() as u32,
            from,
            label,
            len: 1,
        });
    }

    /// Grows displacements until each fits; they never shrink, so this ends.
    ///
    /// Honest code needs two or three rounds. Hostile code can make each round grow only one
    /// displacement, which would take quadratic time, so the last round settles it: it reckons
    /// with the longest displacements everywhere, and none can need more than that.
    fn relax(&mut self) {
        for label in self.fixups.iter().map(|fixup| fixup.label) {
            assert_ne!(
                self.labels[label.0 as usize],
                u32::MAX,
                "label used but never bound"
            );
        }
        for round in 1..=MAX_RELAX_ROUNDS {
            let offsets = if round < MAX_RELAX_ROUNDS {
                Offsets::new(&self.fixups)
            } else {
                Offsets::with_longest(&self.fixups)
            };
            let mut grown = false;
            for i in 0..self.fixups.len() {
                let value = offsets.displacement(&self.fixups[i], &self.labels, &self.fixups);
                let len = signed_len(value) as u8;
                if len > self.fixups[i].len {
                    self.fixups[i].len = len;
                    grown = true;
                }
            }
            if !grown {
                return;
            }
        }
    }
}

/// Final offsets while the displacements have their present lengths.
struct Offsets {
    /// Bytes of displacements before fixup i.
    inserted: Vec<u32>,
}

impl Offsets {
    fn new(fixups: &[Fixup]) -> Offsets {
        Offsets::with(fixups, |fixup| fixup.len)
    }

    /// The offsets if every displacement had the most bytes it can have.
    fn with_longest(fixups: &[Fixup]) -> Offsets {
        Offsets::with(fixups, |_| MAX_DISPLACEMENT_BYTES)
    }

    fn with(fixups: &[Fixup], len: impl Fn(&Fixup) -> u8) -> Offsets {
        let mut inserted = Vec::with_capacity(fixups.len() + 1);
        let mut sum = 0;
        for fixup in fixups {
            inserted.push(sum);
            sum += u32::from(len(fixup));
        }
        inserted.push(sum);
        Offsets { inserted }
    }

    /// Final offset of the instruction that starts at `position` of the bytes without
    /// displacements.
    fn of(&self, position: u32, fixups: &[Fixup]) -> u32 {
        // Displacements at `position` itself belong to the instruction before it.
        position + self.inserted[fixups.partition_point(|fixup| fixup.at <= position)]
    }

    fn displacement(&self, fixup: &Fixup, labels: &[u32], fixups: &[Fixup]) -> i64 {
        let target = self.of(labels[fixup.label.0 as usize], fixups);
        i64::from(target) - i64::from(self.of(fixup.from, fixups))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn jumps_reach_their_labels(gaps in proptest::collection::vec(0usize..200, 1..40)) {
            let mut code = CodeBuilder::new(&[]);
            let labels: Vec<Label> = gaps.iter().map(|_| code.new_label()).collect();
            let n = labels.len();
            let mut at = Vec::new();
            for (i, &gap) in gaps.iter().enumerate() {
                code.bind(labels[i]);
                at.push(code.mark());
                code.jump(Op::Jmp, labels[(i * 7 + 3) % n]);
                code.br_table(&[labels[n - 1 - i], labels[0]]);
                for _ in 0..gap {
                    code.op(Op::Nop);
                }
            }
            code.op(Op::Ret);
            let (body, offsets) = code.finish_with_marks();
            let mut reader = InstrReader::new(&body, 0);
            reader.read_locals().unwrap();
            for i in 0..n {
                let jmp = reader.next_instr().unwrap();
                prop_assert_eq!(jmp.offset, offsets[at[i]]);
                prop_assert_eq!(jmp.a as u32, offsets[at[(i * 7 + 3) % n]]);
                let table = reader.next_instr().unwrap();
                let targets: Vec<u32> = reader.labels(&table).map(Result::unwrap).collect();
                prop_assert_eq!(targets, vec![offsets[at[n - 1 - i]], offsets[at[0]]]);
                for _ in 0..gaps[i] {
                    prop_assert_eq!(reader.next_instr().unwrap().op, Op::Nop);
                }
            }
            prop_assert_eq!(reader.next_instr().unwrap().op, Op::Ret);
            prop_assert!(reader.at_end());
        }
    }

    #[test]
    fn memories_of_accesses() {
        let read = |bytes: &[u8]| {
            let instr = InstrReader::new(bytes, 0).next_instr();
            instr.map(|instr| (instr.op, instr.memory, instr.a))
        };
        let load = Op::I32Load.info().code as u8;
        assert_eq!(read(&[load, 5]).unwrap(), (Op::I32Load, 0, 5));
        let other = [MEMORY_PREFIX, 0x80, 2, load, 5];
        assert_eq!(read(&other).unwrap(), (Op::I32Load, 256, 5));
        let refused = [
            &[MEMORY_PREFIX, 0, load, 5][..],
            &[MEMORY_PREFIX, 0x80, 0x80, 4, load, 5],
            &[MEMORY_PREFIX, 1, Op::Nop.info().code as u8],
            &[MEMORY_PREFIX, 1, MEMORY_PREFIX, 1, load, 5],
            &[MEMORY_PREFIX, 1, 0xfc, 10, 0, 0],
            &[MEMORY_PREFIX],
        ];
        let reasons = refused.map(|bytes| read(bytes).unwrap_err().to_string() + "\n");
        expect_test::expect![[r#"
            function 0, offset 0x0: an access of memory 0 with a prefix
            function 0, offset 0x0: an access of memory 65536 with a prefix
            function 0, offset 0x0: nop of memory 1
            function 0, offset 0x0: unknown opcode 0x1f
            function 0, offset 0x0: memory.copy of memory 1
            function 0, offset 0x1: the body ends within an instruction
        "#]]
        .assert_eq(&reasons.concat());
    }
}
