//! Checks of the types of managed objects, and of instructions on them.

use super::FuncVerifier;
use super::module::code_error;
use crate::error::Malformed;
use crate::instr::Instr;
use crate::module::{Module, TypeGroup};
use crate::objects::{
    Content, Field, MAX_FIELDS, MAX_OBJECT_TYPES, MAX_SUBTYPE_DEPTH, ObjectType, Storage,
};
use crate::ops::Op;
use crate::types::ValType;

/// Checks all types of objects of a module, and their groups.
pub(super) fn check_types(module: &Module) -> Result<(), Malformed> {
    let types = &module.objects;
    if types.len() > MAX_OBJECT_TYPES {
        let reason = format!("more than {MAX_OBJECT_TYPES} types of objects");
        return Err(code_error(reason));
    }
    check_groups(&module.object_groups, types.len() as u64)?;
    let mut depths: Vec<usize> = Vec::with_capacity(types.len());
    for (i, ty) in types.iter().enumerate() {
        let error = |reason: String| code_error(format!("object type {i}: {reason}"));
        if ty.fields().len() > MAX_FIELDS {
            return Err(error(format!("more than {MAX_FIELDS} fields")));
        }
        for Field { storage, .. } in ty.fields() {
            let value = storage.val_type();
            if !module.arch.has(value) {
                let (first, arch) = (value.first_arch(), module.arch);
                return Err(error(format!("{value} needs {first}, not {arch}")));
            }
            if value == ValType::ExnRef {
                return Err(error("objects cannot refer to exceptions".to_owned()));
            }
        }
        let depth = match ty.supertype {
            None => 0,
            Some(index) => {
                let supertype = types[..i].get(index as usize);
                let fits = |of: &&ObjectType| !of.is_final && ty.extends(of);
                if supertype.filter(fits).is_none() {
                    return Err(error(format!("cannot be a subtype of object type {index}")));
                }
                depths[index as usize] + 1
            }
        };
        if depth > MAX_SUBTYPE_DEPTH {
            let reason = format!("more than {MAX_SUBTYPE_DEPTH} supertypes");
            return Err(error(reason));
        }
        depths.push(depth);
    }
    Ok(())
}

fn check_groups(groups: &[TypeGroup], count: u64) -> Result<(), Malformed> {
    let mut end = 0;
    for &TypeGroup { first, count: len } in groups {
        let start = u64::from(first);
        if start < end || len < 2 || start + u64::from(len) > count {
            let reason = format!("a group of {len} object types from object type {first} on");
            return Err(code_error(reason));
        }
        end = start + u64::from(len);
    }
    Ok(())
}

impl FuncVerifier<'_> {
    /// Checks an instruction on objects, whose signature says the rest.
    pub(super) fn check_object(&self, instr: &Instr) -> Result<(), Malformed> {
        let name = instr.op.mnemonic();
        let objects = &self.module().objects;
        let index = instr.a as usize;
        let error = |reason: String| Err(self.error_at(instr, format!("{name}: {reason}")));
        match instr.op {
            Op::StructNew | Op::StructNewDefault => match &objects[index].content {
                Content::Struct(_) => Ok(()),
                _ => error(format!("object type {index} is no struct")),
            },
            Op::StructGet | Op::StructGetU | Op::StructSet => {
                let Content::Struct(fields) = &objects[index].content else {
                    return error(format!("object type {index} is no struct"));
                };
                match fields.get(instr.b as usize) {
                    Some(field) => self.check_field(instr, *field),
                    None => error(format!("object type {index} has no field {}", instr.b)),
                }
            }
            Op::ArrayNew
            | Op::ArrayNewDefault
            | Op::ArrayNewFixed
            | Op::ArrayNewData
            | Op::ArrayGet
            | Op::ArrayGetU
            | Op::ArraySet
            | Op::ArrayFill => match objects[index].element() {
                Some(element) => self.check_field(instr, element),
                None => error(format!("object type {index} is no array")),
            },
            Op::ArrayCopy => {
                let [to, from] = [instr.a, instr.b].map(|at| objects[at as usize].element());
                match (to, from) {
                    (Some(to), Some(from)) if to.storage == from.storage => {
                        self.check_field(instr, to)
                    }
                    _ => error(format!("of object type {} to object type {index}", instr.b)),
                }
            }
            _ => Ok(()),
        }
    }

    fn check_field(&self, instr: &Instr, field: Field) -> Result<(), Malformed> {
        let name = instr.op.mnemonic();
        let changes = matches!(
            instr.op,
            Op::StructSet | Op::ArraySet | Op::ArrayFill | Op::ArrayCopy
        );
        if changes && !field.mutable {
            let reason = format!("{name} of what cannot be changed");
            return Err(self.error_at(instr, reason));
        }
        if matches!(instr.op, Op::StructGetU | Op::ArrayGetU) && !field.storage.is_packed() {
            let reason = format!("{name} of {}", field.storage.name());
            return Err(self.error_at(instr, reason));
        }
        let is_number = match field.storage {
            Storage::Val(ty) => !ty.is_ref(),
            _ => true,
        };
        if instr.op == Op::ArrayNewData && !is_number {
            let reason = format!("{name} of {}", field.storage.name());
            return Err(self.error_at(instr, reason));
        }
        // As many values as a frame can have at all, so that nobody has to count them.
        if instr.op == Op::ArrayNewFixed && instr.b > MAX_FIELDS as u64 {
            let reason = format!("{name} of {} elements; the most is {MAX_FIELDS}", instr.b);
            return Err(self.error_at(instr, reason));
        }
        Ok(())
    }

    /// Pops all that a new object is made of.
    pub(super) fn apply_new(&mut self, instr: &Instr) -> Result<(), Malformed> {
        let ty = &self.module().objects[instr.a as usize];
        let fields = ty.fields().iter().rev();
        let each = match instr.op {
            Op::StructNew => 1,
            _ => instr.b as usize,
        };
        for field in fields {
            for _ in 0..each {
                self.pop_type(instr, field.storage.val_type())?;
            }
        }
        self.push(ValType::AnyRef);
        Ok(())
    }
}
