//! Types of what modules import and export.

use std::fmt;

use dotvm_isa::types::PAGE_BYTES;
use dotvm_isa::{FuncType, GlobalType, ImportDesc, Limits, MemoryType, Module, TableType};

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
}

impl ExternType {
    /// The type an import has to have.
    pub(crate) fn of_import(module: &Module, desc: ImportDesc) -> ExternType {
        match desc {
            ImportDesc::Func(ty) => ExternType::Func(module.types[ty as usize].clone()),
            ImportDesc::Table(ty) => ExternType::Table(ty),
            ImportDesc::Memory(ty) => ExternType::Memory(ty),
            ImportDesc::Global(ty) => ExternType::Global(ty),
        }
    }

    /// Whether something of the type `found` may be imported as this. Limits in `found` are the
    /// current size and the declared maximum.
    pub(crate) fn admits(&self, found: &ExternType) -> bool {
        match (self, found) {
            (ExternType::Func(want), ExternType::Func(have)) => want == have,
            (ExternType::Table(want), ExternType::Table(have)) => {
                want.element == have.element && want.limits.admits(have.limits.min, have.limits.max)
            }
            (ExternType::Memory(want), ExternType::Memory(have)) => {
                want.limits.admits(have.limits.min, have.limits.max)
            }
            (ExternType::Global(want), ExternType::Global(have)) => want == have,
            _ => false,
        }
    }
}

/// As in messages: `func (i32 i32) -> (i64)`, `memory of 1 to 10 pages`, `mutable global i32`.
impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExternType::Func(ty) => write!(f, "func {ty}"),
            ExternType::Table(ty) => {
                write!(f, "table of ")?;
                fmt_limits(f, ty.limits)?;
                write!(f, " {} elements", ty.element)
            }
            ExternType::Memory(ty) => {
                write!(f, "memory of ")?;
                fmt_limits(f, ty.limits)?;
                write!(f, " pages of {} KiB", PAGE_BYTES / 1024)
            }
            ExternType::Global(ty) => {
                let mutability = if ty.mutable { "mutable" } else { "immutable" };
                write!(f, "{mutability} global {}", ty.ty)
            }
        }
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
