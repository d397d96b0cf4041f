//! Value types, architectures and the types of functions, memories, tables and globals.

use std::fmt;

use crate::refs::RefType;

/// Bytes of one page of linear memory, where its type does not say otherwise.
pub const PAGE_BYTES: u64 = 65_536;

/// The most pages of that size a memory with 32-bit addresses can have (4 GiB).
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
    /// Reference to an exception, or null.
    ExnRef = 12,
    /// Reference to a managed object, or a number of 31 bits, or null.
    AnyRef = 13,
}

impl ValType {
    /// Every value type, in the order of their codes.
    pub const ALL: [ValType; 14] = [
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
        ValType::ExnRef,
        ValType::AnyRef,
    ];

    /// The types of references.
    pub const REFERENCES: [ValType; 4] = [
        ValType::FuncRef,
        ValType::ExternRef,
        ValType::ExnRef,
        ValType::AnyRef,
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
            ValType::ExnRef => "exnref",
            ValType::AnyRef => "anyref",
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
            ValType::I64
            | ValType::F64
            | ValType::FuncRef
            | ValType::ExternRef
            | ValType::ExnRef
            | ValType::AnyRef => 64,
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
        matches!(
            self,
            ValType::FuncRef | ValType::ExternRef | ValType::ExnRef | ValType::AnyRef
        )
    }

    /// Whether this is a type of vectors.
    pub const fn is_vector(self) -> bool {
        matches!(self, ValType::V128 | ValType::V256 | ValType::V512)
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
///
/// Function types are equal where modules agree on every one of them, narrower reference types included.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct FuncType {
    /// Types of the parameters, first to last.
    pub params: Vec<ValType>,
    /// Types of the results, first to last.
    pub results: Vec<ValType>,
    /// Which of the parameters and, after them, the results are references of a type that says more than
    /// their value type, by position, ascending, and that type.
    pub narrow: Vec<(u32, RefType)>,
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
            narrow: Vec::new(),
        }
    }

    /// Adds a parameter, which may be a reference of a narrower type. To be done before there are results.
    pub fn push_param(&mut self, ty: ValType, narrow: Option<RefType>) {
        let position = self.params.len() as u32;
        self.narrow.extend(narrow.map(|ty| (position, ty)));
        self.params.push(ty);
    }

    /// Adds a result, which may be a reference of a narrower type.
    pub fn push_result(&mut self, ty: ValType, narrow: Option<RefType>) {
        let position = (self.params.len() + self.results.len()) as u32;
        self.narrow.extend(narrow.map(|ty| (position, ty)));
        self.results.push(ty);
    }

    /// The narrower type of a parameter.
    pub fn narrow_param(&self, param: usize) -> Option<RefType> {
        let at = self
            .narrow
            .binary_search_by_key(&(param as u32), |&(at, _)| at);
        at.ok().map(|at| self.narrow[at].1)
    }

    /// The narrower type of a result.
    pub fn narrow_result(&self, result: usize) -> Option<RefType> {
        self.narrow_param(self.params.len() + result)
    }

    /// The same with other numbers of the types that it names.
    pub fn renumbered(&self, number: impl Fn(u32) -> u32) -> FuncType {
        let mut ty = self.clone();
        for (_, narrow) in &mut ty.narrow {
            *narrow = narrow.renumbered(&number);
        }
        ty
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
        let list = |f: &mut fmt::Formatter<'_>, tys: &[ValType], first: usize| {
            f.write_str("(")?;
            for (i, ty) in tys.iter().enumerate() {
                f.write_str(if i == 0 { "" } else { " " })?;
                match self.narrow_param(first + i) {
                    Some(ty) => write!(f, "{ty}")?,
                    None => write!(f, "{ty}")?,
                }
            }
            f.write_str(")")
        };
        list(f, &self.params, 0)?;
        f.write_str(" -> ")?;
        list(f, &self.results, self.params.len())
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

/// What addresses of a memory, and indices of a table, are: their type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum AddressType {
    /// `i32`, taken as unsigned.
    #[default]
    I32,
    /// `i64`, taken as unsigned; from [`Arch::Arch64`] on.
    I64,
}

impl AddressType {
    /// The type of an address.
    pub const fn val_type(self) -> ValType {
        match self {
            AddressType::I32 => ValType::I32,
            AddressType::I64 => ValType::I64,
        }
    }

    /// The first architecture that has memories and tables with such addresses.
    pub const fn first_arch(self) -> Arch {
        match self {
            AddressType::I32 => Arch::Arch32,
            AddressType::I64 => Arch::Arch64,
        }
    }

    /// The highest address, which is also the slot of -1: what growing in vain gives.
    pub const fn max(self) -> u64 {
        match self {
            AddressType::I32 => u32::MAX as u64,
            AddressType::I64 => u64::MAX,
        }
    }
}

impl fmt::Display for AddressType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.val_type().fmt(f)
    }
}

/// The type of a linear memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MemoryType {
    /// Size in pages.
    pub limits: Limits,
    /// What its addresses and sizes are.
    pub address: AddressType,
    /// Binary logarithm of the bytes of a page: one of [`MemoryType::PAGE_SIZES_LOG2`].
    pub page_size_log2: u8,
}

impl Default for MemoryType {
    fn default() -> MemoryType {
        MemoryType::new(Limits::default())
    }
}

impl MemoryType {
    /// The page sizes there are: a byte, and [`PAGE_BYTES`].
    pub const PAGE_SIZES_LOG2: [u8; 2] = [0, PAGE_BYTES.trailing_zeros() as u8];

    /// A memory of the usual kind: 32-bit addresses, pages of [`PAGE_BYTES`].
    pub const fn new(limits: Limits) -> MemoryType {
        MemoryType {
            limits,
            address: AddressType::I32,
            page_size_log2: PAGE_BYTES.trailing_zeros() as u8,
        }
    }

    /// Bytes of a page.
    pub const fn page_bytes(&self) -> u64 {
        1 << self.page_size_log2
    }

    /// The most pages that can be addressed, and so declared.
    pub const fn max_pages(&self) -> u64 {
        match self.page_size_log2 {
            // A size is a number of the same type as an address.
            0 => self.address.max(),
            log2 => (self.address.max() >> log2) + 1,
        }
    }

    /// Whether the bytes behind the last page can be made inaccessible, so that accesses need not be
    /// checked one by one.
    pub const fn is_paged(&self) -> bool {
        self.page_bytes() == PAGE_BYTES
    }
}

/// The type of a table of references; limits in elements.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TableType {
    /// Type of the elements.
    pub element: ValType,
    /// Their reference type, where it says more than that.
    pub narrow: Option<RefType>,
    /// Size in elements.
    pub limits: Limits,
    /// What its indices and sizes are.
    pub address: AddressType,
}

impl TableType {
    /// A table with 32-bit indices.
    pub const fn new(element: ValType, limits: Limits) -> TableType {
        TableType {
            element,
            narrow: None,
            limits,
            address: AddressType::I32,
        }
    }

    /// The reference type of the elements; `None` where they are no references.
    pub fn reference(&self) -> Option<RefType> {
        self.narrow.or(RefType::of(self.element))
    }
}

/// The type of a global variable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct GlobalType {
    /// Type of its value.
    pub ty: ValType,
    /// Its reference type, where it says more than that.
    pub narrow: Option<RefType>,
    /// Whether it may be set after its definition.
    pub mutable: bool,
}

impl GlobalType {
    /// A variable or constant of a value type.
    pub const fn new(ty: ValType, mutable: bool) -> GlobalType {
        GlobalType {
            ty,
            narrow: None,
            mutable,
        }
    }

    /// Its reference type; `None` where it is no reference.
    pub fn reference(&self) -> Option<RefType> {
        self.narrow.or(RefType::of(self.ty))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_as_large_as_addresses_allow() {
        let most = |address, page_size_log2| {
            let ty = MemoryType {
                address,
                page_size_log2,
                ..MemoryType::default()
            };
            ty.max_pages()
        };
        assert_eq!(most(AddressType::I32, 16), MAX_PAGES_32);
        assert_eq!(most(AddressType::I32, 0), u64::from(u32::MAX));
        assert_eq!(most(AddressType::I64, 16), 1 << 48);
        assert_eq!(most(AddressType::I64, 0), u64::MAX);
    }
}
