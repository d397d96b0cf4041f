//! Value types, architectures and the types of functions, memories, tables and globals.

use std::fmt;

/// Bytes of one page of linear memory.
pub const PAGE_BYTES: u64 = 65_536;

/// The most pages a memory with 32-bit addresses can have (4 GiB).
pub const MAX_PAGES_32: u64 = 65_536;

/// The type of a value on the operand stack, in a local, a global or a table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub enum ValType {
    /// 32-bit integer.
    I32 = 0,
    /// 64-bit integer.
    I64 = 1,
    /// 128-bit integer.
    I128 = 2,
    /// 256-bit integer.
    I256 = 3,
    /// 512-bit integer.
    I512 = 4,
    /// IEEE 754 binary32.
    F32 = 5,
    /// IEEE 754 binary64.
    F64 = 6,
    /// 128-bit vector.
    V128 = 7,
    /// 256-bit vector.
    V256 = 8,
    /// 512-bit vector.
    V512 = 9,
    /// Reference to a function, or null.
    FuncRef = 10,
    /// Reference to a host object, or null.
    ExternRef = 11,
}

impl ValType {
    /// Every value type, in the order of their codes.
    pub const ALL: [ValType; 12] = [
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
    ];

    /// The type with that code in the bytecode format.
    pub fn from_code(code: u8) -> Option<ValType> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// The code of this type in the bytecode format.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The type's name in assembler text.
    pub const fn name(self) -> &'static str {
        match self {
            ValType::I32 => "i32",
            ValType::I64 => "i64",
            ValType::I128 => "i128",
            ValType::I256 => "i256",
            ValType::I512 => "i512",
            ValType::F32 => "f32",
            ValType::F64 => "f64",
            ValType::V128 => "v128",
            ValType::V256 => "v256",
            ValType::V512 => "v512",
            ValType::FuncRef => "funcref",
            ValType::ExternRef => "externref",
        }
    }

    /// The type of that name in assembler text.
    pub fn from_name(name: &str) -> Option<ValType> {
        Self::ALL.into_iter().find(|ty| ty.name() == name)
    }

    /// Width in bits; references are one 64-bit handle.
    pub const fn bits(self) -> u32 {
        match self {
            ValType::I32 | ValType::F32 => 32,
            ValType::I64 | ValType::F64 | ValType::FuncRef | ValType::ExternRef => 64,
            ValType::I128 | ValType::V128 => 128,
            ValType::I256 | ValType::V256 => 256,
            ValType::I512 | ValType::V512 => 512,
        }
    }

    /// 64-bit slots a value of this type takes in a frame.
    pub const fn slots(self) -> u32 {
        self.bits().div_ceil(64)
    }

    /// Whether this is a reference type.
    pub const fn is_ref(self) -> bool {
        matches!(self, ValType::FuncRef | ValType::ExternRef)
    }

    /// The first architecture that has this type.
    pub const fn first_arch(self) -> Arch {
        match self {
            ValType::I128 | ValType::V128 => Arch::Arch128,
            ValType::I256 | ValType::V256 => Arch::Arch256,
            ValType::I512 | ValType::V512 => Arch::Arch512,
            _ => Arch::Arch32,
        }
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One of the five architectures: the width of the machine's word.
///
/// Every architecture has `i32`, `i64`, `f32`, `f64` and references; wider integers and vectors
/// exist up to the word's width.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Default)]
#[repr(u8)]
pub enum Arch {
    /// 32-bit words.
    Arch32 = 0,
    /// 64-bit words.
    #[default]
    Arch64 = 1,
    /// 128-bit words.
    Arch128 = 2,
    /// 256-bit words.
    Arch256 = 3,
    /// 512-bit words.
    Arch512 = 4,
}

impl Arch {
    /// Every architecture, narrowest first.
    pub const ALL: [Arch; 5] = [
        Arch::Arch32,
        Arch::Arch64,
        Arch::Arch128,
        Arch::Arch256,
        Arch::Arch512,
    ];

    /// The architecture with that code in a module's header.
    pub fn from_code(code: u8) -> Option<Arch> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// The architecture's code in a module's header.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The architecture's name, as in `-a arch64`.
    pub const fn name(self) -> &'static str {
        match self {
            Arch::Arch32 => "arch32",
            Arch::Arch64 => "arch64",
            Arch::Arch128 => "arch128",
            Arch::Arch256 => "arch256",
            Arch::Arch512 => "arch512",
        }
    }

    /// The architecture of that name.
    pub fn from_name(name: &str) -> Option<Arch> {
        Self::ALL.into_iter().find(|arch| arch.name() == name)
    }

    /// The integer type that an instruction without a type prefix works on.
    pub const fn word(self) -> ValType {
        match self {
            Arch::Arch32 => ValType::I32,
            Arch::Arch64 => ValType::I64,
            Arch::Arch128 => ValType::I128,
            Arch::Arch256 => ValType::I256,
            Arch::Arch512 => ValType::I512,
        }
    }

    /// Whether values of that type exist on this architecture.
    pub fn has(self, ty: ValType) -> bool {
        ty.first_arch() <= self
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Parameter and result types of a function.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct FuncType {
    /// Types of the parameters, first to last.
    pub params: Vec<ValType>,
    /// Types of the results, first to last.
    pub results: Vec<ValType>,
}

impl FuncType {
    /// A function type of these parameters and results.
    pub fn new(
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> FuncType {
        FuncType {
            params: params.into_iter().collect(),
            results: results.into_iter().collect(),
        }
    }

    /// Slots the parameters take.
    pub fn param_slots(&self) -> u32 {
        self.params.iter().map(|ty| ty.slots()).sum()
    }

    /// Slots the results take.
    pub fn result_slots(&self) -> u32 {
        self.results.iter().map(|ty| ty.slots()).sum()
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, tys: &[ValType]| {
            f.write_str("(")?;
            for (i, ty) in tys.iter().enumerate() {
                write!(f, "{}{ty}", if i == 0 { "" } else { " " })?;
            }
            f.write_str(")")
        };
        list(f, &self.params)?;
        f.write_str(" -> ")?;
        list(f, &self.results)
    }
}

/// Smallest and largest size of a memory (in pages) or a table (in elements).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Limits {
    /// Size at start.
    pub min: u64,
    /// Size it may grow to; `None` where only the machine's limits apply.
    pub max: Option<u64>,
}

impl Limits {
    /// Whether something of the size `current` with the declared maximum `max` may be imported
    /// where these limits are asked for.
    pub fn admits(&self, current: u64, max: Option<u64>) -> bool {
        current >= self.min
            && match (self.max, max) {
                (None, _) => true,
                (Some(want), Some(have)) => have <= want,
                (Some(_), None) => false,
            }
    }
}

/// The type of a linear memory with 32-bit addresses; limits in pages of [`PAGE_BYTES`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct MemoryType {
    /// Size in pages.
    pub limits: Limits,
}

/// The type of a table of references; limits in elements.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TableType {
    /// Type of the elements.
    pub element: ValType,
    /// Size in elements.
    pub limits: Limits,
}

/// The type of a global variable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct GlobalType {
    /// Type of its value.
    pub ty: ValType,
    /// Whether it may be set after its definition.
    pub mutable: bool,
}
