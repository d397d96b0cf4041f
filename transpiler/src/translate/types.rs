//! WebAssembly's types as the machine's.

use dotvm_isa::{FuncType, GlobalType, Limits, MemoryType, TableType, ValType};

use crate::error::Error;

/// What the machine has no type for, found at `offset`. Validation has refused most of it before.
#[cold]
pub(super) fn unsupported(feature: impl Into<String>, offset: u64) -> Error {
    Error::Unsupported {
        feature: feature.into(),
        offset,
    }
}

/// A value type.
pub(super) fn val_type(ty: wasmparser::ValType, offset: u64) -> Result<ValType, Error> {
    Ok(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::Ref(ty) => ref_type(ty, offset)?,
        wasmparser::ValType::V128 => ValType::V128,
    })
}

/// A reference type.
pub(super) fn ref_type(ty: wasmparser::RefType, offset: u64) -> Result<ValType, Error> {
    match ty {
        wasmparser::RefType::FUNCREF => Ok(ValType::FuncRef),
        wasmparser::RefType::EXTERNREF => Ok(ValType::ExternRef),
        _ => Err(unsupported(format!("the type {ty}"), offset)),
    }
}

/// The reference type of a nullable reference to `ty`.
pub(super) fn heap_type(ty: wasmparser::HeapType, offset: u64) -> Result<ValType, Error> {
    match wasmparser::RefType::new(true, ty) {
        Some(ty) => ref_type(ty, offset),
        None => Err(unsupported("the reference type", offset)),
    }
}

/// A function type.
pub(super) fn func_type(ty: &wasmparser::FuncType, offset: u64) -> Result<FuncType, Error> {
    let list = |types: &[wasmparser::ValType]| -> Result<Vec<ValType>, Error> {
        types.iter().map(|&ty| val_type(ty, offset)).collect()
    };
    Ok(FuncType {
        params: list(ty.params())?,
        results: list(ty.results())?,
    })
}

/// A table's type.
pub(super) fn table_type(ty: wasmparser::TableType, offset: u64) -> Result<TableType, Error> {
    if ty.table64 {
        return Err(unsupported("memory64", offset));
    }
    if ty.shared {
        return Err(unsupported("shared-everything-threads", offset));
    }
    Ok(TableType {
        element: ref_type(ty.element_type, offset)?,
        limits: Limits {
            min: ty.initial,
            max: ty.maximum,
        },
    })
}

/// A memory's type.
pub(super) fn memory_type(ty: wasmparser::MemoryType, offset: u64) -> Result<MemoryType, Error> {
    let unknown = [
        (ty.memory64, "memory64"),
        (ty.shared, "threads"),
        (ty.page_size_log2.is_some(), "custom-page-sizes"),
    ];
    if let Some((_, feature)) = unknown.into_iter().find(|&(used, _)| used) {
        return Err(unsupported(feature, offset));
    }
    Ok(MemoryType {
        limits: Limits {
            min: ty.initial,
            max: ty.maximum,
        },
    })
}

/// A global's type.
pub(super) fn global_type(ty: wasmparser::GlobalType, offset: u64) -> Result<GlobalType, Error> {
    if ty.shared {
        return Err(unsupported("shared-everything-threads", offset));
    }
    Ok(GlobalType {
        ty: val_type(ty.content_type, offset)?,
        mutable: ty.mutable,
    })
}
