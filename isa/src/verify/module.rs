//! Checks of declarations: indices, types, limits, constant expressions.

use std::collections::HashSet;

use super::{MAX_MEMORIES, MAX_PARAMS, objects};
use crate::error::{Malformed, Place};
use crate::instr::MAX_BODY_BYTES;
use crate::module::{ConstExpr, ConstOp, ExternKind, Module, SegmentMode, Spaces, TypeGroup};
use crate::ops::Sig;
use crate::refs::RefType;
use crate::types::{AddressType, FuncType, GlobalType, Limits, ValType};

/// Where in the header the entry point stands.
const ENTRY_OFFSET: u64 = 8;

pub(super) struct ModuleChecker<'m> {
    pub(super) module: &'m Module,
    pub(super) spaces: Spaces,
}

impl ModuleChecker<'_> {
    /// Checks everything but the bodies.
    pub(super) fn check(&self) -> Result<(), Malformed> {
        let module = self.module;
        self.check_types()?;
        self.check_groups()?;
        objects::check_types(module)?;
        self.check_spaces()?;
        let imported = self.spaces.imported_globals;
        for (i, table) in module.tables.iter().enumerate() {
            if let Some(init) = &table.init {
                let index = self.spaces.imported_tables as usize + i;
                self.check_const(init, table.ty.element, imported)
                    .map_err(|reason| code_error(format!("table {index}: {reason}")))?;
            }
        }
        for (i, global) in module.globals.iter().enumerate() {
            let index = imported + i as u32;
            self.check_const(&global.init, global.ty.ty, index)
                .map_err(|reason| code_error(format!("global {index}: {reason}")))?;
        }
        self.check_exports()?;
        if let Some(start) = module.start {
            let ty = self
                .func_type(start, "the start function")
                .map_err(code_error)?;
            if *ty != FuncType::default() {
                return Err(code_error(format!("the start function has type {ty}")));
            }
        }
        if let Some(entry) = module.entry {
            let header_error = |reason: String| Malformed::new(Place::Header, ENTRY_OFFSET, reason);
            let ty = self
                .func_type(entry, "the entry point")
                .map_err(header_error)?;
            if !ty.params.is_empty() {
                return Err(header_error(format!(
                    "the entry point has parameters: {ty}"
                )));
            }
        }
        self.check_segments()
    }

    fn check_types(&self) -> Result<(), Malformed> {
        let arch = self.module.arch;
        for (i, ty) in self.module.types.iter().enumerate() {
            if ty.params.len() > MAX_PARAMS || ty.results.len() > MAX_PARAMS {
                let reason = format!("type {i}: more than {MAX_PARAMS} parameters or results");
                return Err(code_error(reason));
            }
            for &ty in ty.params.iter().chain(&ty.results) {
                if !arch.has(ty) {
                    let first = ty.first_arch();
                    return Err(code_error(format!(
                        "type {i}: {ty} needs {first}, not {arch}"
                    )));
                }
            }
            let ascending = ty.narrow.is_sorted_by(|a, b| a.0 < b.0);
            let all: Vec<ValType> = ty.params.iter().chain(&ty.results).copied().collect();
            let fits = |&(at, narrow): &(u32, RefType)| {
                let of = all.get(at as usize).copied();
                of.is_some_and(|ty| is_narrower(narrow, ty))
            };
            if !ascending || !ty.narrow.iter().all(fits) {
                return Err(code_error(format!("type {i}: wrong narrower types")));
            }
        }
        Ok(())
    }

    /// Groups are in order, and types refer to those of their own group or before it.
    fn check_groups(&self) -> Result<(), Malformed> {
        let count = self.module.types.len() as u64;
        let mut end = 0;
        for &TypeGroup { first, count: len } in &self.module.type_groups {
            let start = u64::from(first);
            if start < end || len < 2 || start + u64::from(len) > count {
                let reason = format!("a group of {len} types from type {first} on");
                return Err(code_error(reason));
            }
            end = start + u64::from(len);
        }
        for group in self.module.type_groups() {
            for index in group.clone() {
                let narrow = self.module.types[index as usize].narrow.iter();
                let mut named = narrow.filter_map(|(_, narrow)| narrow.type_index());
                if let Some(later) = named.find(|&other| other >= group.end) {
                    let reason = format!("type {index}: refers to type {later}");
                    return Err(code_error(reason));
                }
            }
        }
        Ok(())
    }

    /// A narrower reference type fits its value type and names a type that exists.
    fn check_narrow(&self, narrow: Option<RefType>, ty: ValType) -> Result<(), String> {
        let Some(narrow) = narrow else { return Ok(()) };
        let types = self.module.types.len();
        match narrow.type_index() {
            _ if !is_narrower(narrow, ty) => Err(format!("{narrow} as a narrower {ty}")),
            Some(index) if index as usize >= types => Err(format!("there is no type {index}")),
            _ => Ok(()),
        }
    }

    fn check_spaces(&self) -> Result<(), Malformed> {
        let types = self.module.types.len();
        for (i, &ty) in self.spaces.funcs.iter().enumerate() {
            if ty as usize >= types {
                return Err(code_error(format!("function {i}: there is no type {ty}")));
            }
        }
        for (i, body) in self.module.bodies.iter().enumerate() {
            if body.code.len() > MAX_BODY_BYTES {
                let index = self.spaces.imported_funcs as usize + i;
                let reason = format!("function {index}: body over {MAX_BODY_BYTES} bytes");
                return Err(code_error(reason));
            }
        }
        for (i, table) in self.spaces.tables.iter().enumerate() {
            if !table.element.is_ref() {
                return Err(code_error(format!(
                    "table {i}: elements of type {}",
                    table.element
                )));
            }
            self.check_narrow(table.narrow, table.element)
                .and_then(|()| self.check_address(table.address))
                .and_then(|()| check_limits(table.limits, table.address.max()))
                .map_err(|reason| code_error(format!("table {i}: {reason}")))?;
        }
        for (i, memory) in self.spaces.memories.iter().enumerate() {
            self.check_address(memory.address)
                .and_then(|()| check_limits(memory.limits, memory.max_pages()))
                .map_err(|reason| code_error(format!("memory {i}: {reason}")))?;
        }
        if self.spaces.memories.len() > MAX_MEMORIES {
            return Err(code_error(format!("more than {MAX_MEMORIES} memories")));
        }
        for (i, &ty) in self.spaces.tags.iter().enumerate() {
            match self.module.types.get(ty as usize) {
                Some(ty) if ty.results.is_empty() => {}
                Some(ty) => return Err(code_error(format!("tag {i} has type {ty}"))),
                None => return Err(code_error(format!("tag {i}: there is no type {ty}"))),
            }
        }
        for (i, global) in self.spaces.globals.iter().enumerate() {
            if !self.module.arch.has(global.ty) {
                let (ty, arch) = (global.ty, self.module.arch);
                let reason = format!("global {i}: {ty} needs {}, not {arch}", ty.first_arch());
                return Err(code_error(reason));
            }
            self.check_narrow(global.narrow, global.ty)
                .map_err(|reason| code_error(format!("global {i}: {reason}")))?;
        }
        Ok(())
    }

    fn check_address(&self, address: AddressType) -> Result<(), String> {
        let (arch, first) = (self.module.arch, address.first_arch());
        match first <= arch {
            true => Ok(()),
            false => Err(format!("{address} addresses need {first}, not {arch}")),
        }
    }

    fn check_exports(&self) -> Result<(), Malformed> {
        let mut names = HashSet::new();
        for export in &self.module.exports {
            let len = match export.kind {
                ExternKind::Func => self.spaces.funcs.len(),
                ExternKind::Table => self.spaces.tables.len(),
                ExternKind::Memory => self.spaces.memories.len(),
                ExternKind::Global => self.spaces.globals.len(),
                ExternKind::Tag => self.spaces.tags.len(),
            };
            let name = &export.name;
            if export.index as usize >= len {
                let (kind, index) = (export.kind, export.index);
                return Err(code_error(format!(
                    "export {name:?}: there is no {} {index}",
                    kind.name()
                )));
            }
            if !names.insert(name.as_str()) {
                return Err(code_error(format!("two exports are named {name:?}")));
            }
        }
        Ok(())
    }

    fn check_segments(&self) -> Result<(), Malformed> {
        let all_globals = self.spaces.globals.len() as u32;
        let offset = |mode: &SegmentMode, what: &str, addresses: &[AddressType]| match mode {
            SegmentMode::Active(index, offset) => match addresses.get(*index as usize) {
                Some(address) => self.check_const(offset, address.val_type(), all_globals),
                None => Err(format!("there is no {what} {index}")),
            },
            _ => Ok(()),
        };
        let tables: Vec<_> = self.spaces.tables.iter().map(|ty| ty.address).collect();
        let memories: Vec<_> = self.spaces.memories.iter().map(|ty| ty.address).collect();
        for (i, elem) in self.module.elems.iter().enumerate() {
            let error = |reason| code_error(format!("element segment {i}: {reason}"));
            if !elem.ty.is_ref() {
                return Err(error(format!("elements of type {}", elem.ty)));
            }
            offset(&elem.mode, "table", &tables).map_err(error)?;
            if let SegmentMode::Active(table, _) = elem.mode
                && self.spaces.tables[table as usize].element != elem.ty
            {
                return Err(error(format!("{} elements for table {table}", elem.ty)));
            }
            for item in &elem.items {
                self.check_const(item, elem.ty, all_globals)
                    .map_err(error)?;
            }
        }
        for (i, data) in self.module.data.iter().enumerate() {
            offset(&data.mode, "memory", &memories).map_err(|reason| {
                Malformed::new(
                    Place::Section("data"),
                    0,
                    format!("data segment {i}: {reason}"),
                )
            })?;
        }
        Ok(())
    }

    fn func_type(&self, func: u32, what: &str) -> Result<&FuncType, String> {
        match self.spaces.funcs.get(func as usize) {
            Some(&ty) => Ok(&self.module.types[ty as usize]),
            None => Err(format!("{what} is function {func}, which there is not")),
        }
    }

    /// Checks a constant expression of type `want` that may use globals below `globals`.
    fn check_const(&self, expr: &ConstExpr, want: ValType, globals: u32) -> Result<(), String> {
        let mut stack = Vec::new();
        for op in &expr.0 {
            let ty = match *op {
                ConstOp::I32(_) => ValType::I32,
                ConstOp::I64(_) => ValType::I64,
                ConstOp::F32(_) => ValType::F32,
                ConstOp::F64(_) => ValType::F64,
                ConstOp::Wide(ty, _) if self.module.arch.has(ty) => ty,
                ConstOp::Wide(ty, _) => {
                    return Err(format!("a constant of type {ty} needs {}", ty.first_arch()));
                }
                ConstOp::V128(_) => ValType::V128,
                ConstOp::RefNull(ty) if ty.is_ref() => ty,
                ConstOp::RefNull(ty) => return Err(format!("null of type {ty}")),
                ConstOp::RefFunc(func) if (func as usize) < self.spaces.funcs.len() => {
                    ValType::FuncRef
                }
                ConstOp::RefFunc(func) => return Err(format!("there is no function {func}")),
                ConstOp::GlobalGet(index) => match self.spaces.globals.get(index as usize) {
                    Some(&GlobalType {
                        ty, mutable: false, ..
                    }) if index < globals => ty,
                    _ => return Err(format!("global {index} cannot be used in a constant")),
                },
                ConstOp::Binary(op) => match op.info().sig {
                    Sig::Fixed(&[a, b], &[result])
                        if stack.pop() == Some(b) && stack.pop() == Some(a) =>
                    {
                        result
                    }
                    _ => return Err(format!("{} lacks operands", op.mnemonic())),
                },
            };
            stack.push(ty);
        }
        if stack == [want] {
            return Ok(());
        }
        let mut types: Vec<&str> = stack.iter().take(8).map(|ty| ty.name()).collect();
        if stack.len() > types.len() {
            types.push("..");
        }
        let types = types.join(" ");
        Err(format!(
            "a constant expression leaves [{types}] where {want} is wanted"
        ))
    }
}

/// Whether a reference type says more than a value type, of values of that type.
fn is_narrower(narrow: RefType, ty: ValType) -> bool {
    narrow.val_type() == ty && narrow.narrow().is_some()
}

pub(super) fn code_error(reason: impl Into<String>) -> Malformed {
    Malformed::new(Place::Section("code"), 0, reason)
}

fn check_limits(limits: Limits, most: u64) -> Result<(), String> {
    let Limits { min, max } = limits;
    if min > most || max.is_some_and(|max| max > most) {
        return Err(format!("a size over {most}"));
    }
    if max.is_some_and(|max| max < min) {
        return Err("a maximum below the minimum".to_owned());
    }
    Ok(())
}
