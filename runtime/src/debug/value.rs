//! Values of a stopped program: their types, and where they are.

use std::sync::Arc;

use dotvm_isa::ValType;
use dotvm_isa::debug::{Scalar, Type, TypeKind};

use super::number::{Int, Number};
use crate::module::Module;
use crate::store::StoreOpaque;
use crate::vm::debug as frames;

/// How many other names of a type are followed.
const MAX_ALIASES: usize = 64;

/// The most bytes of a value that are read at once.
const MAX_READ_BYTES: u64 = 1 << 16;

/// A value of a stopped program, or what an expression made of some.
///
/// Those in memory, slots and globals are read when they are shown. It means something until the program
/// goes on.
#[derive(Clone, Debug)]
pub struct Value {
    pub(super) ty: Ty,
    pub(super) home: Home,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Ty {
    /// A number of an expression.
    Number(Number),
    /// A value of the machine's.
    Machine(ValType),
    /// A number in so many bytes.
    Scalar(Scalar, u64),
    /// Of a type of the module's source.
    Source(Module, u32),
}

/// Where a value is.
#[derive(Clone, Debug)]
pub(super) enum Home {
    /// Nowhere but here; ranges of the bytes that are not known.
    Here(Vec<u8>, Vec<std::ops::Range<usize>>),
    /// In the memory of the store with that number.
    Memory(u32, u64),
    /// In the slots of a value of that type, from some byte on.
    Slots(usize, ValType, u64),
    /// As in slots, in a core dump; nothing where it is not known.
    Kept(Option<Arc<[u64]>>, ValType, u64),
    /// In the global of the store with that number, from some byte on.
    Global(u32, ValType, u64),
}

/// Bytes of a value of the machine's.
pub(super) fn machine_bytes(ty: ValType) -> u64 {
    match ty {
        ValType::I32 | ValType::F32 => 4,
        ty => 8 * u64::from(ty.slots()),
    }
}

/// A type by its index, other names of it followed.
pub(super) fn resolve(module: &Module, mut index: u32) -> Result<(u32, Type), String> {
    for _ in 0..MAX_ALIASES {
        let tables = &module.names().source;
        let ty = tables.ty(index).map_err(|error| error.to_string())?;
        match ty.kind {
            TypeKind::Alias(Some(of)) => index = of,
            TypeKind::Array(..) if ty.bytes == 0 => {
                let bytes = array_bytes(module, ty.clone()).unwrap_or(0);
                return Ok((index, Type { bytes, ..ty }));
            }
            _ => return Ok((index, ty)),
        }
    }
    Err("a type that is another name of itself".to_owned())
}

/// The bytes of an array, which producers of debug information leave to be computed; nothing where that is not known.
fn array_bytes(module: &Module, mut ty: Type) -> Option<u64> {
    let mut count = 1u64;
    // Aliases and arrays of arrays come to an end, except in damaged tables.
    for _ in 0..MAX_ALIASES {
        ty = match ty.kind {
            TypeKind::Array(Some(item), Some(len)) if ty.bytes == 0 => {
                count = count.checked_mul(len)?;
                module.names().source.ty(item).ok()?
            }
            TypeKind::Alias(Some(of)) => module.names().source.ty(of).ok()?,
            _ => return count.checked_mul(ty.bytes),
        };
    }
    None
}

/// The name of a type of the source. Arrays have none of their own.
fn source_name(module: &Module, index: u32, depth: usize) -> String {
    let unknown = || "?".to_owned();
    let Ok(ty) = module.names().source.ty(index) else {
        return unknown();
    };
    match ty.kind {
        _ if !ty.name.is_empty() => ty.name,
        TypeKind::Pointer(_) => "pointer".to_owned(),
        TypeKind::Array(item, len) if depth < MAX_ALIASES => {
            let item = item.map_or_else(unknown, |item| source_name(module, item, depth + 1));
            let len = len.map_or_else(unknown, |len| len.to_string());
            format!("[{item}; {len}]")
        }
        _ => unknown(),
    }
}

impl Home {
    /// The place so many bytes further on.
    pub(super) fn at(&self, offset: u64) -> Home {
        match self {
            Home::Here(bytes, missing) => {
                let from = usize::try_from(offset).map_or(bytes.len(), |at| at.min(bytes.len()));
                let missing = missing.iter().filter(|range| range.end > from);
                let missing =
                    missing.map(|range| range.start.saturating_sub(from)..range.end - from);
                Home::Here(bytes[from..].to_vec(), missing.collect())
            }
            Home::Memory(memory, address) => Home::Memory(*memory, address.wrapping_add(offset)),
            Home::Slots(address, ty, at) => Home::Slots(*address, *ty, at.saturating_add(offset)),
            Home::Kept(slots, ty, at) => Home::Kept(slots.clone(), *ty, at.saturating_add(offset)),
            Home::Global(number, ty, at) => Home::Global(*number, *ty, at.saturating_add(offset)),
        }
    }

    /// So many bytes of what is there.
    pub(super) fn read(&self, store: &StoreOpaque, len: u64) -> Result<Vec<u8>, String> {
        if len > MAX_READ_BYTES {
            return Err(format!("{len} bytes are too many to be shown"));
        }
        let size = len as usize;
        match self {
            Home::Here(bytes, missing) => {
                if missing.iter().any(|range| range.start < size) {
                    return Err("optimized out".to_owned());
                }
                let bytes = bytes.get(..size);
                bytes.map(<[u8]>::to_vec).ok_or_else(|| OUTSIDE.to_owned())
            }
            Home::Memory(memory, address) => {
                let bytes = store.memories[*memory as usize].bytes();
                let start = usize::try_from(*address).ok();
                let range = start.and_then(|start| Some(start..start.checked_add(size)?));
                let bytes = range.and_then(|range| bytes.get(range));
                bytes.map(<[u8]>::to_vec).ok_or_else(|| {
                    format!(
                        "address {address:#x} is outside of the memory, which has {:#x} bytes",
                        bytes_of(store, *memory)
                    )
                })
            }
            Home::Slots(address, ty, at) => {
                let whole = machine_bytes(*ty);
                if at.saturating_add(len) > whole {
                    return Err(OUTSIDE.to_owned());
                }
                let bytes = frames::slots(store, address + *at as usize, size);
                bytes.map(<[u8]>::to_vec).ok_or_else(|| OUTSIDE.to_owned())
            }
            Home::Kept(slots, ty, at) => {
                let slots = slots.as_ref().ok_or(NOT_KNOWN)?;
                if at.saturating_add(len) > machine_bytes(*ty) {
                    return Err(OUTSIDE.to_owned());
                }
                let bytes = slots.iter().flat_map(|slot| slot.to_le_bytes());
                Ok(bytes.skip(*at as usize).take(size).collect())
            }
            Home::Global(number, ty, at) => {
                let whole = machine_bytes(*ty);
                if at.saturating_add(len) > whole {
                    return Err(OUTSIDE.to_owned());
                }
                let slots = store.globals[*number as usize].value();
                let bytes = slots.iter().flat_map(|slot| slot.to_le_bytes());
                Ok(bytes.skip(*at as usize).take(size).collect())
            }
        }
    }

    /// Puts bytes there, and fills what is left of a value of the machine's with `rest`.
    pub(super) fn write(
        &self,
        store: &mut StoreOpaque,
        bytes: &[u8],
        rest: u8,
    ) -> Result<(), String> {
        // What was read there before is what can be written.
        self.read(store, bytes.len() as u64)?;
        match *self {
            Home::Here(..) | Home::Kept(..) => {
                Err("it is not kept anywhere, so that it cannot be changed".to_owned())
            }
            Home::Memory(memory, address) => {
                let start = address as usize;
                let memory = store.memories[memory as usize].bytes_mut();
                memory[start..start + bytes.len()].copy_from_slice(bytes);
                Ok(())
            }
            Home::Slots(_, ty, _) | Home::Global(_, ty, _) if ty.is_ref() => {
                Err("references cannot be changed".to_owned())
            }
            Home::Slots(address, ty, at) => {
                let whole = machine_bytes(ty) as usize;
                let slots = frames::slots_mut(store, address, whole).ok_or(OUTSIDE)?;
                fill(slots, at as usize, bytes, rest);
                Ok(())
            }
            Home::Global(number, ty, at) => {
                let global = &mut store.globals[number as usize];
                if !global.ty.mutable {
                    return Err("the global is a constant".to_owned());
                }
                let mut all: Vec<u8> = global
                    .value()
                    .iter()
                    .flat_map(|it| it.to_le_bytes())
                    .collect();
                fill(
                    &mut all[..machine_bytes(ty) as usize],
                    at as usize,
                    bytes,
                    rest,
                );
                for (slot, bytes) in global.value_mut().iter_mut().zip(all.chunks_exact(8)) {
                    *slot = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
                }
                Ok(())
            }
        }
    }
}

/// Puts bytes into a value of the machine's. Where they are its lowest, they are a narrower value that the
/// others extend.
fn fill(all: &mut [u8], at: usize, bytes: &[u8], rest: u8) {
    let end = at + bytes.len();
    all[at..end].copy_from_slice(bytes);
    if at == 0 {
        all[end..].fill(rest);
    }
}

/// What is said of values that a core dump does not have.
const NOT_KNOWN: &str = "not known, it was in a register";

const OUTSIDE: &str = "it reaches outside of what it is in";

fn bytes_of(store: &StoreOpaque, memory: u32) -> u64 {
    store.memories[memory as usize].len()
}

impl Value {
    pub(super) fn number(number: Number) -> Value {
        Value {
            ty: Ty::Number(number),
            home: Home::Here(Vec::new(), Vec::new()),
        }
    }

    /// Whether it is in a place that can be changed.
    pub fn is_place(&self) -> bool {
        !matches!(self.home, Home::Here(..) | Home::Kept(..))
    }

    /// Its address, where it is in a memory.
    pub fn address(&self) -> Option<u64> {
        match self.home {
            Home::Memory(_, address) => Some(address),
            _ => None,
        }
    }

    /// The name of its type.
    pub fn type_name(&self) -> String {
        match &self.ty {
            Ty::Number(Number::Int(_)) => "integer".to_owned(),
            Ty::Number(Number::Float(_)) => "float".to_owned(),
            Ty::Machine(ty) => ty.name().to_owned(),
            Ty::Scalar(scalar, bytes) => scalar_name(*scalar, *bytes),
            Ty::Source(module, index) => source_name(module, *index, 0),
        }
    }

    /// Its type of the source, other names followed.
    pub(super) fn source_type(&self) -> Result<Option<(Module, Type)>, String> {
        match &self.ty {
            Ty::Source(module, index) => {
                let (_, ty) = resolve(module, *index)?;
                Ok(Some((module.clone(), ty)))
            }
            _ => Ok(None),
        }
    }

    /// How it stands for a number, and in how many bytes; nothing for what is none.
    pub(super) fn scalar(&self) -> Result<Option<(Scalar, u64)>, String> {
        Ok(match &self.ty {
            Ty::Number(_) => None,
            Ty::Machine(ty @ (ValType::F32 | ValType::F64)) => {
                Some((Scalar::Float, machine_bytes(*ty)))
            }
            Ty::Machine(ty) if ty.is_ref() => None,
            Ty::Machine(ty) => Some((Scalar::Signed, machine_bytes(*ty))),
            Ty::Scalar(scalar, bytes) => Some((*scalar, *bytes)),
            Ty::Source(module, index) => {
                let (_, ty) = resolve(module, *index)?;
                let bytes = match (ty.bytes, &self.home) {
                    (0, Home::Slots(_, ty, 0) | Home::Kept(_, ty, 0) | Home::Global(_, ty, 0)) => {
                        machine_bytes(*ty)
                    }
                    (bytes, _) => bytes,
                };
                match ty.kind {
                    TypeKind::Scalar(scalar) => Some((scalar, bytes)),
                    TypeKind::Pointer(_) => {
                        Some((Scalar::Unsigned, if bytes == 0 { 4 } else { bytes }))
                    }
                    TypeKind::Enum(_) => Some((Scalar::Signed, bytes)),
                    _ => None,
                }
            }
        })
    }

    /// The number that it is.
    pub(super) fn to_number(&self, store: &StoreOpaque) -> Result<Number, String> {
        if let Ty::Number(number) = self.ty {
            return Ok(number);
        }
        let Some((scalar, len)) = self.scalar()? else {
            return Err(format!("a value of type {} is no number", self.type_name()));
        };
        if len > 64 {
            return Err(format!("a number of {len} bytes"));
        }
        let bytes = self.home.read(store, len)?;
        Ok(match (scalar, &bytes[..]) {
            (Scalar::Float, &[a, b, c, d]) => {
                Number::Float(f64::from(f32::from_le_bytes([a, b, c, d])))
            }
            (Scalar::Float, bytes) => {
                let bytes: Result<[u8; 8], _> = bytes.try_into();
                let bytes = bytes.map_err(|_| format!("a float of {len} bytes"))?;
                Number::Float(f64::from_le_bytes(bytes))
            }
            (Scalar::Signed | Scalar::SignedChar, bytes) => {
                Number::Int(Int::from_bytes(bytes, true))
            }
            (_, bytes) => Number::Int(Int::from_bytes(bytes, false)),
        })
    }

    /// Changes it to a number.
    pub(super) fn set(&self, store: &mut StoreOpaque, number: Number) -> Result<(), String> {
        let Some((scalar, len)) = self.scalar()? else {
            return Err(format!(
                "a value of type {} cannot be changed as a whole",
                self.type_name()
            ));
        };
        let bytes = match (scalar, len) {
            (Scalar::Float, 4) => (number.to_f64() as f32).to_le_bytes().to_vec(),
            (Scalar::Float, _) => number.to_f64().to_le_bytes().to_vec(),
            _ => {
                let Number::Int(int) = number else {
                    return Err("a float where an integer is to be put".to_owned());
                };
                if len == 0 || len > 64 {
                    return Err(format!("a number of {len} bytes"));
                }
                let bytes = int.to_bytes(len as usize);
                bytes.ok_or_else(|| format!("{} does not fit into {len} bytes", int.decimal()))?
            }
        };
        let is_signed = matches!(scalar, Scalar::Signed | Scalar::SignedChar);
        let is_negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
        let rest = if is_signed && is_negative { 0xff } else { 0 };
        self.home.write(store, &bytes, rest)
    }
}

fn scalar_name(scalar: Scalar, bytes: u64) -> String {
    let bits = bytes.saturating_mul(8);
    match scalar {
        Scalar::Signed | Scalar::SignedChar => format!("i{bits}"),
        Scalar::Unsigned | Scalar::UnsignedChar => format!("u{bits}"),
        Scalar::Float => format!("f{bits}"),
        Scalar::Bool => "bool".to_owned(),
        Scalar::Char => "char".to_owned(),
    }
}
