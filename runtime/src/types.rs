//! Types of what modules import and export.

use std::fmt;

use dotvm_isa::{AddressType, FuncType, GlobalType, Limits, MemoryType, TableType};

/// The type of something that can be imported or exported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExternType {
    /// A function.
    Func(FuncType),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global variable.
    Global(GlobalType),
    /// A tag: the values of its exceptions are the parameters.
    Tag(FuncType),
}

impl ExternType {
    /// Whether something of the type `found` may be imported as this, functions and tags excepted: their
    /// types are compared by their numbers. Limits in `found` are the current size and the declared maximum.
    pub(crate) fn admits(&self, found: &ExternType) -> bool {
        match (self, found) {
            (ExternType::Table(want), ExternType::Table(have)) => {
                want.reference() == have.reference()
                    && want.address == have.address
                    && want.limits.admits(have.limits.min, have.limits.max)
            }
            (ExternType::Memory(want), ExternType::Memory(have)) => {
                want.address == have.address
                    && want.page_size_log2 == have.page_size_log2
                    && want.limits.admits(have.limits.min, have.limits.max)
            }
            (ExternType::Global(want), ExternType::Global(have)) => {
                let mutable = want.mutable;
                let narrower = match (have.reference(), want.reference()) {
                    // What cannot be set may be narrower than what it is taken for.
                    (Some(have), Some(want)) => !mutable && have.is_subtype_of(want),
                    _ => false,
                };
                want == have || (have.mutable == mutable && narrower)
            }
            _ => false,
        }
    }
}

/// As in messages: `func (i32 i32) -> (i64)`, `memory of 1 to 10 pages`, `mutable global i32`.
impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExternType::Func(ty) => write!(f, "func {ty}"),
            ExternType::Tag(ty) => write!(f, "tag {ty}"),
            ExternType::Table(ty) => {
                write!(f, "table of ")?;
                fmt_limits(f, ty.limits)?;
                match ty.narrow {
                    Some(narrow) => write!(f, " {narrow} elements")?,
                    None => write!(f, " {} elements", ty.element)?,
                }
                fmt_address(f, ty.address)
            }
            ExternType::Memory(ty) => {
                write!(f, "memory of ")?;
                fmt_limits(f, ty.limits)?;
                match ty.page_bytes() {
                    1 => write!(f, " bytes")?,
                    bytes => write!(f, " pages of {} KiB", bytes / 1024)?,
                }
                fmt_address(f, ty.address)
            }
            ExternType::Global(ty) => {
                let mutability = if ty.mutable { "mutable" } else { "immutable" };
                match ty.narrow {
                    Some(narrow) => write!(f, "{mutability} global {narrow}"),
                    None => write!(f, "{mutability} global {}", ty.ty),
                }
            }
        }
    }
}

fn fmt_address(f: &mut fmt::Formatter<'_>, address: AddressType) -> fmt::Result {
    match address {
        AddressType::I32 => Ok(()),
        AddressType::I64 => write!(f, " with 64-bit addresses"),
    }
}

fn fmt_limits(f: &mut fmt::Formatter<'_>, limits: Limits) -> fmt::Result {
    match limits.max {
        Some(max) => write!(f, "{} to {max}", limits.min),
        None => write!(f, "at least {}", limits.min),
    }
}

/// Something a module needs from outside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImportType<'m> {
    /// First part of its name.
    pub module: &'m str,
    /// Second part of its name.
    pub name: &'m str,
    /// What it has to be.
    pub ty: ExternType,
}

/// Something a module offers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExportType<'m> {
    /// Its name.
    pub name: &'m str,
    /// What it is.
    pub ty: ExternType,
}
