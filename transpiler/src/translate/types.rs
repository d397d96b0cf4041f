//! WebAssembly's types as the machine's.

use dotvm_isa::{
    AddressType, FuncType, GlobalType, HeapType, Limits, MemoryType, RefType, TableType, ValType,
};

use crate::error::Error;

/// What the machine has no type for, found at `offset`. Validation has refused most of it before.
#[cold]
pub(super) fn unsupported(feature: impl Into<String>, offset: u64) -> Error {
    Error::Unsupported {
        feature: feature.into(),
        offset,
    }
}

/// The type of a value.
pub(super) fn val_type(ty: wasmparser::ValType, offset: u64) -> Result<ValType, Error> {
    declared_type(ty, offset).map(|(ty, _)| ty)
}

/// The type of a value, and where it is a reference of a type that says more, that one.
pub(super) fn declared_type(
    ty: wasmparser::ValType,
    offset: u64,
) -> Result<(ValType, Option<RefType>), Error> {
    Ok(match ty {
        wasmparser::ValType::I32 => (ValType::I32, None),
        wasmparser::ValType::I64 => (ValType::I64, None),
        wasmparser::ValType::F32 => (ValType::F32, None),
        wasmparser::ValType::F64 => (ValType::F64, None),
        wasmparser::ValType::Ref(ty) => {
            let ty = ref_type(ty, offset)?;
            (ty.val_type(), ty.narrow())
        }
        wasmparser::ValType::V128 => (ValType::V128, None),
    })
}

/// A reference type.
pub(super) fn ref_type(ty: wasmparser::RefType, offset: u64) -> Result<RefType, Error> {
    let heap = heap_type(ty.heap_type(), offset)?;
    Ok(RefType::new(ty.is_nullable(), heap))
}

/// What references refer to.
pub(super) fn heap_type(ty: wasmparser::HeapType, offset: u64) -> Result<HeapType, Error> {
    use wasmparser::AbstractHeapType as A;
    let feature = match ty {
        wasmparser::HeapType::Abstract { shared: true, .. } => "shared-everything-threads",
        wasmparser::HeapType::Abstract { ty, .. } => match ty {
            A::Func => return Ok(HeapType::Func),
            A::Extern => return Ok(HeapType::Extern),
            A::NoFunc => return Ok(HeapType::NoFunc),
            A::NoExtern => return Ok(HeapType::NoExtern),
            A::Exn => return Ok(HeapType::Exn),
            A::NoExn => return Ok(HeapType::NoExn),
            A::Cont | A::NoCont => "stack-switching",
            A::Any | A::None | A::Eq | A::Struct | A::Array | A::I31 => "gc",
        },
        // All types that there are are those of functions: see `func_types`.
        wasmparser::HeapType::Concrete(index) => match index.as_module_index() {
            Some(index) => return Ok(HeapType::Type(index)),
            None => "gc",
        },
        wasmparser::HeapType::Exact(_) => "custom-descriptors",
    };
    Err(unsupported(feature, offset))
}

/// The function types of a group, which has no others.
pub(super) fn func_types(group: wasmparser::RecGroup) -> Result<Vec<FuncType>, Error> {
    let types = group.into_types_and_offsets();
    types.map(|(offset, ty)| sub_type(&ty, offset)).collect()
}

fn sub_type(ty: &wasmparser::SubType, offset: u64) -> Result<FuncType, Error> {
    let composite = &ty.composite_type;
    let described = composite.descriptor_idx.or(composite.describes_idx);
    let feature = match &composite.inner {
        _ if composite.shared => "shared-everything-threads",
        _ if described.is_some() => "custom-descriptors",
        wasmparser::CompositeInnerType::Func(func)
            if ty.is_final && ty.supertype_idxs.is_empty() =>
        {
            return func_type(func, offset);
        }
        wasmparser::CompositeInnerType::Cont(_) => "stack-switching",
        _ => "gc",
    };
    Err(unsupported(feature, offset))
}

/// A function type.
fn func_type(ty: &wasmparser::FuncType, offset: u64) -> Result<FuncType, Error> {
    let mut func = FuncType::default();
    for &param in ty.params() {
        let (ty, narrow) = declared_type(param, offset)?;
        func.push_param(ty, narrow);
    }
    for &result in ty.results() {
        let (ty, narrow) = declared_type(result, offset)?;
        func.push_result(ty, narrow);
    }
    Ok(func)
}

/// A table's type.
pub(super) fn table_type(ty: wasmparser::TableType, offset: u64) -> Result<TableType, Error> {
    if ty.shared {
        return Err(unsupported("shared-everything-threads", offset));
    }
    let element = ref_type(ty.element_type, offset)?;
    Ok(TableType {
        element: element.val_type(),
        narrow: element.narrow(),
        limits: Limits {
            min: ty.initial,
            max: ty.maximum,
        },
        address: address_type(ty.table64),
    })
}

/// A memory's type.
pub(super) fn memory_type(ty: wasmparser::MemoryType, offset: u64) -> Result<MemoryType, Error> {
    if ty.shared {
        return Err(unsupported("threads", offset));
    }
    let usual = MemoryType::new(Limits {
        min: ty.initial,
        max: ty.maximum,
    });
    let log2 = ty.page_size_log2.map(|log2| log2 as u8);
    Ok(MemoryType {
        address: address_type(ty.memory64),
        page_size_log2: log2.unwrap_or(usual.page_size_log2),
        ..usual
    })
}

fn address_type(is_64: bool) -> AddressType {
    match is_64 {
        true => AddressType::I64,
        false => AddressType::I32,
    }
}

/// A global's type.
pub(super) fn global_type(ty: wasmparser::GlobalType, offset: u64) -> Result<GlobalType, Error> {
    if ty.shared {
        return Err(unsupported("shared-everything-threads", offset));
    }
    let (content, narrow) = declared_type(ty.content_type, offset)?;
    Ok(GlobalType {
        ty: content,
        narrow,
        mutable: ty.mutable,
    })
}
