//! Values as text, and what they consist of.

use std::fmt::Write as _;

use dotvm_isa::ValType;
use dotvm_isa::debug::{Member, Scalar, Type, TypeKind, Variants};

use super::breakpoint::demangled;
use super::number::{Int, Number};
use super::value::{Home, Ty, Value, resolve};
use crate::module::Module;
use crate::store::StoreOpaque;
use crate::vm::funcs::FuncKind;

/// So many values within each other are shown.
const MAX_DEPTH: u32 = 4;

/// So many items of an array.
const MAX_ITEMS: u64 = 32;

/// So many bytes of a string.
const MAX_TEXT_BYTES: u64 = 256;

/// The most text of one value.
const MAX_LEN: usize = 4096;

/// So many parts are listed at most.
const MAX_PARTS: u64 = 4096;

/// A value as text.
pub(super) fn show(store: &StoreOpaque, value: &Value) -> String {
    let mut text = Text {
        store,
        out: String::new(),
    };
    text.value(value, 0);
    text.out
}

/// Writes values.
struct Text<'s> {
    store: &'s StoreOpaque,
    out: String,
}

impl Text<'_> {
    fn value(&mut self, value: &Value, depth: u32) {
        if let Err(reason) = self.try_value(value, depth) {
            let _ = write!(self.out, "<{reason}>");
        }
    }

    fn try_value(&mut self, value: &Value, depth: u32) -> Result<(), String> {
        if depth > MAX_DEPTH || self.out.len() > MAX_LEN {
            self.out += "...";
            return Ok(());
        }
        match &value.ty {
            Ty::Number(Number::Int(int)) => self.out += &int.decimal(),
            Ty::Number(Number::Float(float)) => self.float(*float),
            Ty::Machine(ty) => return self.machine(value, *ty),
            Ty::Scalar(scalar, len) => return self.scalar(value, *scalar, *len),
            Ty::Source(..) => {
                let Some((module, ty)) = value.source_type()? else {
                    return Ok(());
                };
                return self.source(value, &module, &ty, depth);
            }
        }
        Ok(())
    }

    fn float(&mut self, float: f64) {
        let _ = write!(self.out, "{float:?}");
    }

    fn machine(&mut self, value: &Value, ty: ValType) -> Result<(), String> {
        let len = super::value::machine_bytes(ty);
        let bytes = value.home.read(self.store, len)?;
        match ty {
            ValType::F32 | ValType::F64 => return self.scalar(value, Scalar::Float, len),
            ty if ty.is_ref() => {
                let slot = bytes.try_into().map_or(0, u64::from_le_bytes);
                self.out += &reference(self.store, ty, slot);
                return Ok(());
            }
            ty if ty.is_vector() => {
                let lanes = bytes.chunks_exact(4).map(|lane| {
                    let lane: [u8; 4] = lane.try_into().unwrap_or_default();
                    i32::from_le_bytes(lane).to_string()
                });
                let lanes: Vec<String> = lanes.collect();
                let number = Int::from_bytes(&bytes, false);
                let hex = hex(&bytes, number);
                let _ = write!(
                    self.out,
                    "i32x{} [{}] ({hex})",
                    lanes.len(),
                    lanes.join(", ")
                );
                return Ok(());
            }
            _ => {}
        }
        self.scalar(value, Scalar::Signed, len)
    }

    fn scalar(&mut self, value: &Value, scalar: Scalar, len: u64) -> Result<(), String> {
        match value.to_number(self.store)? {
            Number::Float(float) if len == 4 => {
                // What a float of 32 bits is written as.
                let _ = write!(self.out, "{:?}", float as f32);
            }
            Number::Float(float) => self.float(float),
            Number::Int(int) => match scalar {
                Scalar::Bool if int.is_zero() => self.out += "false",
                Scalar::Bool if int == Int::from_i64(1) => self.out += "true",
                Scalar::Char => {
                    let code = int.to_u64().and_then(|code| u32::try_from(code).ok());
                    match code.and_then(char::from_u32) {
                        Some(c) => drop(write!(self.out, "{c:?}")),
                        None => self.out += &int.decimal(),
                    }
                }
                _ => {
                    self.out += &int.decimal();
                    if len > 8 {
                        let bytes = value.home.read(self.store, len)?;
                        let _ = write!(self.out, " ({})", hex(&bytes, int));
                    }
                }
            },
        }
        Ok(())
    }

    fn source(
        &mut self,
        value: &Value,
        module: &Module,
        ty: &Type,
        depth: u32,
    ) -> Result<(), String> {
        match &ty.kind {
            TypeKind::Opaque | TypeKind::Alias(_) => self.out += "<of an unknown type>",
            TypeKind::Scalar(scalar) => {
                let len = value.scalar()?.map_or(ty.bytes, |(_, len)| len);
                return self.scalar(value, *scalar, len);
            }
            TypeKind::Pointer(_) => {
                let Number::Int(address) = value.to_number(self.store)? else {
                    return Ok(());
                };
                let _ = write!(self.out, "{:#x}", address.to_u64().unwrap_or_default());
            }
            TypeKind::Enum(names) => {
                let Number::Int(int) = value.to_number(self.store)? else {
                    return Ok(());
                };
                match names.iter().find(|(_, value)| Int::from_i64(*value) == int) {
                    Some((name, _)) => self.out += name,
                    None => self.out += &int.decimal(),
                }
            }
            TypeKind::Struct { members, .. } => {
                if let Some(text) = self.text(value, ty, members)? {
                    self.out += &text;
                    return Ok(());
                }
                if let Some(word) = self.word(value, module, members)? {
                    self.out += &word;
                    return Ok(());
                }
                return self.parts(value, ty, depth);
            }
            TypeKind::Union(_) => return self.parts(value, ty, depth),
            TypeKind::Array(_, count) => {
                let Some(count) = *count else {
                    self.out += "[...]";
                    return Ok(());
                };
                self.out.push('[');
                for (i, (_, item)) in (0..).zip(parts(self.store, value, 0, count.min(MAX_ITEMS))?)
                {
                    if i > 0 {
                        self.out += ", ";
                    }
                    self.value(&item, depth + 1);
                }
                self.out += if count > MAX_ITEMS { ", ...]" } else { "]" };
            }
        }
        Ok(())
    }

    /// `Point { x: 1, y: 2 }` or `Some(5)`.
    fn parts(&mut self, value: &Value, ty: &Type, depth: u32) -> Result<(), String> {
        let mut parts = parts(self.store, value, 0, MAX_ITEMS)?;
        let mut name = ty.name.clone();
        if let (
            TypeKind::Struct {
                variants: Some(_),
                members,
            },
            [(case, inner)],
        ) = (&ty.kind, &parts[..])
            && members.is_empty()
        {
            // The variant is what there is to see.
            name.clone_from(case);
            parts = self::parts(self.store, &inner.clone(), 0, MAX_ITEMS)?;
        }
        self.out += &name;
        if parts.is_empty() {
            return Ok(());
        }
        let is_tuple = parts.iter().all(|(name, _)| name.starts_with("__"));
        self.out += match (is_tuple, name.is_empty()) {
            (true, _) => "(",
            (false, true) => "{ ",
            (false, false) => " { ",
        };
        for (i, (name, part)) in parts.iter().enumerate() {
            if i > 0 {
                self.out += ", ";
            }
            if !is_tuple {
                let _ = write!(self.out, "{name}: ");
            }
            self.value(part, depth + 1);
        }
        self.out += if is_tuple { ")" } else { " }" };
        Ok(())
    }

    /// What a structure is that stands for text: an address and a length.
    fn text(&self, value: &Value, ty: &Type, members: &[Member]) -> Result<Option<String>, String> {
        let is_text = ty.name == "&str" || ty.name == "&mut str";
        let (true, [start, len]) = (is_text, members) else {
            return Ok(None);
        };
        let Home::Memory(memory, _) = value.home else {
            return self.text_of(value, 0, start, len).map(Some);
        };
        self.text_of(value, memory, start, len).map(Some)
    }

    fn text_of(
        &self,
        value: &Value,
        memory: u32,
        start: &Member,
        len: &Member,
    ) -> Result<String, String> {
        let number = |member: &Member| -> Result<u64, String> {
            let bytes = value.home.at(member.offset).read(self.store, 4)?;
            Ok(Int::from_bytes(&bytes, false).to_u64().unwrap_or_default())
        };
        let (address, all) = (number(start)?, number(len)?);
        if self.store.memories.len() <= memory as usize {
            return Err("there is no memory".to_owned());
        }
        let shown = all.min(MAX_TEXT_BYTES);
        let bytes = Home::Memory(memory, address).read(self.store, shown)?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(format!("{text:?}{}", if all > shown { "..." } else { "" }))
    }

    /// A wide integer, of limbs.
    fn word(
        &self,
        value: &Value,
        module: &Module,
        members: &[Member],
    ) -> Result<Option<String>, String> {
        let [
            Member {
                name,
                ty: Some(ty),
                offset,
            },
        ] = members
        else {
            return Ok(None);
        };
        let (_, array) = resolve(module, *ty)?;
        let TypeKind::Array(Some(item), Some(count @ 2..=8)) = array.kind else {
            return Ok(None);
        };
        let (_, item) = resolve(module, item)?;
        let is_limb = matches!(item.kind, TypeKind::Scalar(Scalar::Unsigned)) && item.bytes == 8;
        if name != "limbs" || !is_limb {
            return Ok(None);
        }
        let bytes = value.home.at(*offset).read(self.store, 8 * count)?;
        let is_signed = value.type_name().starts_with("Int");
        let int = Int::from_bytes(&bytes, is_signed);
        Ok(Some(format!("{} ({})", int.decimal(), hex(&bytes, int))))
    }
}

/// A slot of a reference of which a core dump does not say more than that it is not null. References to functions are
/// aligned addresses.
pub(super) const UNKNOWN: u64 = 1;

/// What a reference refers to.
pub(super) fn reference(store: &StoreOpaque, ty: ValType, slot: u64) -> String {
    if slot == 0 {
        return "null".to_owned();
    }
    if ty != ValType::FuncRef || slot == UNKNOWN {
        return format!("some {}", ty.name());
    }
    let number = store.funcs.find(slot);
    match number.map(|number| &store.funcs.entry(number).kind) {
        Some(FuncKind::Guest { instance, func }) => {
            let module = &store.instances[*instance as usize].module;
            let name = module.func_name(*func).map(demangled);
            name.unwrap_or_else(|| format!("function {func}"))
        }
        Some(FuncKind::Host(_)) => "a function of the host".to_owned(),
        None => "null".to_owned(),
    }
}

/// Bytes as one number in hexadecimal, all digits where it is negative.
fn hex(bytes: &[u8], int: Int) -> String {
    let digits: String = bytes
        .iter()
        .rev()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let digits = match int.is_negative() {
        true => digits.as_str(),
        false => digits.trim_start_matches('0'),
    };
    format!("0x{}", if digits.is_empty() { "0" } else { digits })
}

/// What a value consists of, from the `start`th part on: fields, items, what it points to, lanes.
///
/// # Errors
/// Why that cannot be told.
pub(super) fn parts(
    store: &StoreOpaque,
    value: &Value,
    start: u64,
    count: u64,
) -> Result<Vec<(String, Value)>, String> {
    let count = count.min(MAX_PARTS);
    if let Ty::Machine(ty) = value.ty
        && ty.is_vector()
    {
        let lanes = u64::from(ty.bits() / 32);
        let lane = |i: u64| {
            let ty = Ty::Scalar(Scalar::Signed, 4);
            let home = value.home.at(4 * i);
            (format!("[{i}]"), Value { ty, home })
        };
        return Ok((start..lanes.min(start.saturating_add(count)))
            .map(lane)
            .collect());
    }
    let Some((module, ty)) = value.source_type()? else {
        return Ok(Vec::new());
    };
    let part = |member: &Member| -> Option<(String, Value)> {
        let ty = Ty::Source(module.clone(), member.ty?);
        let home = value.home.at(member.offset);
        Some((member.name.clone(), Value { ty, home }))
    };
    let some = |members: &[Member]| -> Vec<(String, Value)> {
        let members = members.iter().skip(start as usize).take(count as usize);
        members.filter_map(part).collect()
    };
    Ok(match &ty.kind {
        TypeKind::Struct { members, variants } => {
            let mut all = some(members);
            if let Some(variants) = variants
                && let Some(case) = present_case(store, value, &module, variants)?
            {
                all.extend(part(case));
            }
            all
        }
        TypeKind::Union(members) => some(members),
        TypeKind::Array(Some(item), Some(len)) => {
            let (_, resolved) = resolve(&module, *item)?;
            let end = (*len).min(start.saturating_add(count));
            let item = |i: u64| {
                let ty = Ty::Source(module.clone(), *item);
                let home = value.home.at(resolved.bytes.saturating_mul(i));
                (format!("[{i}]"), Value { ty, home })
            };
            (start..end).map(item).collect()
        }
        TypeKind::Pointer(Some(_)) if start == 0 => {
            target(store, value).map_or(Vec::new(), |to| vec![("*".to_owned(), to)])
        }
        _ => Vec::new(),
    })
}

/// How many parts a value has: those with names, and those with numbers.
///
/// # Errors
/// Where its type makes no sense.
pub(super) fn part_count(value: &Value) -> Result<(u64, u64), String> {
    if let Ty::Machine(ty) = value.ty
        && ty.is_vector()
    {
        return Ok((0, u64::from(ty.bits() / 32)));
    }
    let Some((_, ty)) = value.source_type()? else {
        return Ok((0, 0));
    };
    Ok(match &ty.kind {
        TypeKind::Struct { members, variants } => {
            (members.len() as u64 + u64::from(variants.is_some()), 0)
        }
        TypeKind::Union(members) => (members.len() as u64, 0),
        TypeKind::Array(Some(_), Some(len)) => (0, *len),
        TypeKind::Pointer(Some(_)) => (1, 0),
        _ => (0, 0),
    })
}

/// The variant that is there.
fn present_case<'v>(
    store: &StoreOpaque,
    value: &Value,
    module: &Module,
    variants: &'v Variants,
) -> Result<Option<&'v Member>, String> {
    let Some(tag) = &variants.tag else {
        return Ok(variants.cases.first().map(|(_, case)| case));
    };
    let bytes = match tag.ty {
        Some(ty) => resolve(module, ty)?.1.bytes,
        None => 4,
    };
    let bytes = value.home.at(tag.offset).read(store, bytes.min(16))?;
    let is = |value: i64| {
        let value = Int::from_i64(value);
        [true, false]
            .into_iter()
            .any(|sign| Int::from_bytes(&bytes, sign) == value)
    };
    let cases = || variants.cases.iter();
    let named = cases().find(|(value, _)| value.is_some_and(is));
    let found = named.or_else(|| cases().find(|(value, _)| value.is_none()));
    Ok(found.map(|(_, case)| case))
}

/// What a pointer points to.
///
/// # Errors
/// Where it is none, or of an unknown type.
pub(super) fn target(store: &StoreOpaque, value: &Value) -> Result<Value, String> {
    let is_none = || {
        format!(
            "a value of type {} points to nothing known",
            value.type_name()
        )
    };
    let Some((module, ty)) = value.source_type()? else {
        return Err(is_none());
    };
    let TypeKind::Pointer(Some(to)) = ty.kind else {
        return Err(is_none());
    };
    let Number::Int(address) = value.to_number(store)? else {
        return Err(is_none());
    };
    let memory = match value.home {
        Home::Memory(memory, _) => memory,
        _ => first_memory(store, &module)?,
    };
    let address = address.to_u64().ok_or_else(is_none)?;
    Ok(Value {
        ty: Ty::Source(module, to),
        home: Home::Memory(memory, address),
    })
}

/// The memory that addresses of a module mean: memory 0 of its first instance.
fn first_memory(store: &StoreOpaque, module: &Module) -> Result<u32, String> {
    let mut instances = store.instances.iter();
    let found = instances.find(|instance| Module::same(&instance.module, module));
    let memory = found.and_then(|instance| instance.memories.first());
    memory
        .copied()
        .ok_or_else(|| "the module has no memory".to_owned())
}
