//! Immediate operands of instructions.

/// An immediate operand of an instruction, and so its encoding.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Imm {
    /// Signed LEB128 of 32 bits.
    I32,
    /// Signed LEB128 of 64 bits.
    I64,
    /// Signed LEB128 of 128 bits.
    I128,
    /// Signed LEB128 of 256 bits.
    I256,
    /// Signed LEB128 of 512 bits.
    I512,
    /// 4 bytes, little-endian.
    F32,
    /// 8 bytes, little-endian.
    F64,
    /// 16 bytes, lane 0 first.
    V128,
    /// 32 bytes, lane 0 first.
    V256,
    /// 64 bytes, lane 0 first.
    V512,
    /// 16 bytes: numbers of bytes, each below 32.
    Lanes,
    /// One byte: the number of a lane, below 2.
    Lane2,
    /// One byte: the number of a lane, below 4.
    Lane4,
    /// One byte: the number of a lane, below 8.
    Lane8,
    /// One byte: the number of a lane, below 16.
    Lane16,
    /// One byte: the number of a lane, below 32.
    Lane32,
    /// One byte: the number of a lane, below 64.
    Lane64,
    /// Index of a local; unsigned LEB128, as all indices.
    Local,
    /// Index of a global.
    Global,
    /// Index of a function.
    Func,
    /// Index of a function type.
    Type,
    /// Index of a table.
    Table,
    /// Index of a memory.
    Memory,
    /// Index of a data segment.
    Data,
    /// Index of an element segment.
    Elem,
    /// A count or depth.
    Count,
    /// Byte offset added to the popped address; unsigned LEB128.
    Offset,
    /// One byte: the code of a reference type.
    RefType,
    /// Jump target: signed LEB128 displacement in bytes from the instruction's first byte.
    Label,
    /// Number of targets but the last (unsigned LEB128), then one displacement a target.
    Labels,
    /// Index of a tag.
    Tag,
    /// Index of a type of objects.
    Object,
    /// Number of catches (unsigned LEB128), then each one: see [`Catch`](crate::Catch).
    Catches,
}

impl Imm {
    /// How many lanes there are to name by it; `None` where it names none.
    pub const fn lanes(self) -> Option<u8> {
        Some(match self {
            Imm::Lanes => 32,
            Imm::Lane2 => 2,
            Imm::Lane4 => 4,
            Imm::Lane8 => 8,
            Imm::Lane16 => 16,
            Imm::Lane32 => 32,
            Imm::Lane64 => 64,
            _ => return None,
        })
    }

    /// How many bits it has, where it is a constant that does not fit into [`Instr`](crate::Instr).
    pub const fn wide_bits(self) -> Option<u32> {
        Some(match self {
            Imm::I128 => 128,
            Imm::I256 | Imm::V256 => 256,
            Imm::I512 | Imm::V512 => 512,
            _ => return None,
        })
    }

    /// Whether it is a constant vector of more than 128 bits.
    pub(crate) const fn is_wide_vector(self) -> bool {
        matches!(self, Imm::V256 | Imm::V512)
    }

    /// Whether it is an index into something that the module or function declares.
    pub(super) const fn is_index(self) -> bool {
        matches!(
            self,
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
        )
    }
}
