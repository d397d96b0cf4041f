//! Types of managed objects, and how objects are laid out in memory.
//!
//! An object is a struct, whose fields have types of their own, or an array of elements of one type. It
//! is on a heap that the machine collects; programs have references to it, values of the type
//! [`ValType::AnyRef`]. Such a reference says nothing of the object's type: instructions name the type that
//! they want, and compare it with the one that the object has.
//!
//! # Layout
//!
//! An object starts with a header of [`HEADER_BYTES`]: the engine's number of its type (32 bits), the
//! collector's state (a byte), its [`Kind`] (a byte), and two bytes for the collector. A struct's fields
//! follow in their order, each at a multiple of its size or of 8; so those that a type shares with its
//! supertype are at the same places. An array's length (32 bits) is at [`ARRAY_LENGTH_AT`], its elements
//! start at [`ARRAY_ELEMENTS_AT`]. Objects are aligned to 8 bytes.
//!
//! A big integer is laid out as an array of limbs of 64 bits, the lowest first; the highest is not zero. Whether
//! it is below zero (32 bits, 0 or 1) is at [`BIG_SIGN_AT`]. It is above or below all numbers of 31 bits.
//!
//! The slot of a reference has the object's address, which is at least 2³²; or it is null, 0; or it is a
//! number of 31 bits, times two, plus one.

use std::fmt;

use crate::types::ValType;

/// Bytes of an object's header.
pub const HEADER_BYTES: u32 = 8;

/// Where in its header an object's collector state is.
pub const STATE_AT: u32 = 4;

/// Where in its header an object's [`Kind`] is.
pub const KIND_AT: u32 = 5;

/// The bit of an object's state that says: tell the collector before a reference is put into it.
pub const STATE_BARRIER: u8 = 0x80;

/// Where an array's length is.
pub const ARRAY_LENGTH_AT: u32 = 8;

/// Where a big integer's sign is.
pub const BIG_SIGN_AT: u32 = 12;

/// Where an array's elements start.
pub const ARRAY_ELEMENTS_AT: u32 = 16;

/// Objects are at multiples of so many bytes.
pub const OBJECT_ALIGNMENT: u32 = 8;

/// Addresses of objects are at least that; other slots of references are below.
pub const FIRST_ADDRESS: u64 = 1 << 32;

/// The most fields that a struct may have.
pub const MAX_FIELDS: usize = 10_000;

/// The most types of objects that a module may have.
pub const MAX_OBJECT_TYPES: usize = 1 << 20;

/// The most types that a type may be a subtype of, one being another's.
pub const MAX_SUBTYPE_DEPTH: usize = 63;

/// The type of what a field or an element holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Storage {
    /// 8 bits of an `i32`.
    I8,
    /// 16 bits of an `i32`.
    I16,
    /// A whole value.
    Val(ValType),
}

impl Storage {
    /// The code of 8 bits in the bytecode format; that of 16 bits is the next one, that of a value is its
    /// type's.
    const PACKED: u8 = 0x40;

    /// The type of the values that instructions put there and take from there.
    pub const fn val_type(self) -> ValType {
        match self {
            Storage::I8 | Storage::I16 => ValType::I32,
            Storage::Val(ty) => ty,
        }
    }

    /// Bytes that it takes.
    pub const fn bytes(self) -> u32 {
        match self {
            Storage::I8 => 1,
            Storage::I16 => 2,
            Storage::Val(ty) => ty.bits() / 8,
        }
    }

    /// It is at multiples of so many bytes.
    pub const fn alignment(self) -> u32 {
        match self.bytes() {
            bytes @ ..8 => bytes,
            _ => 8,
        }
    }

    /// Whether it is part of a value, so that reading it may extend the sign or not.
    pub const fn is_packed(self) -> bool {
        matches!(self, Storage::I8 | Storage::I16)
    }

    /// Whether it is a reference that the collector follows.
    pub const fn is_traced(self) -> bool {
        matches!(self, Storage::Val(ValType::AnyRef))
    }

    /// Its code in the bytecode format.
    pub const fn code(self) -> u8 {
        match self {
            Storage::I8 => Self::PACKED,
            Storage::I16 => Self::PACKED + 1,
            Storage::Val(ty) => ty.code(),
        }
    }

    /// What has that code.
    pub fn from_code(code: u8) -> Option<Storage> {
        match code {
            Self::PACKED => Some(Storage::I8),
            0x41 => Some(Storage::I16),
            code => ValType::from_code(code).map(Storage::Val),
        }
    }

    /// Its name in assembler text.
    pub const fn name(self) -> &'static str {
        match self {
            Storage::I8 => "i8",
            Storage::I16 => "i16",
            Storage::Val(ty) => ty.name(),
        }
    }

    /// What has that name.
    pub fn from_name(name: &str) -> Option<Storage> {
        match name {
            "i8" => Some(Storage::I8),
            "i16" => Some(Storage::I16),
            name => ValType::from_name(name).map(Storage::Val),
        }
    }
}

/// A field of a struct, or the elements of an array.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Field {
    /// What it holds.
    pub storage: Storage,
    /// Whether it can be changed.
    pub mutable: bool,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.mutable { "mut " } else { "" })?;
        f.write_str(self.storage.name())
    }
}

/// What is in an object.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Content {
    /// These fields.
    Struct(Vec<Field>),
    /// Any number of elements.
    Array(Field),
}

/// A type of objects.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ObjectType {
    /// What is in them.
    pub content: Content,
    /// The type that this is a subtype of: its index in a module, or where modules meet, its number in the
    /// engine. Objects of this type are of that one, too.
    pub supertype: Option<u32>,
    /// Whether it has no subtypes.
    pub is_final: bool,
}

impl ObjectType {
    /// The fields of a struct; the elements of an array as the only one.
    pub fn fields(&self) -> &[Field] {
        match &self.content {
            Content::Struct(fields) => fields,
            Content::Array(element) => std::slice::from_ref(element),
        }
    }

    /// The elements of an array.
    pub fn element(&self) -> Option<Field> {
        match self.content {
            Content::Array(element) => Some(element),
            Content::Struct(_) => None,
        }
    }

    /// Whether objects of this type have what those of `other` have, so that it can be a subtype of that.
    pub fn extends(&self, other: &ObjectType) -> bool {
        match (&self.content, &other.content) {
            (Content::Struct(fields), Content::Struct(others)) => fields.starts_with(others),
            (Content::Array(element), Content::Array(other)) => element == other,
            _ => false,
        }
    }

    /// The same with another number of its supertype.
    pub fn renumbered(&self, number: impl FnOnce(u32) -> u32) -> ObjectType {
        ObjectType {
            supertype: self.supertype.map(number),
            ..self.clone()
        }
    }

    /// Where its fields are.
    pub fn layout(&self) -> Layout {
        let Content::Struct(fields) = &self.content else {
            return Layout {
                offsets: Box::new([ARRAY_ELEMENTS_AT]),
                bytes: ARRAY_ELEMENTS_AT,
            };
        };
        let mut end = HEADER_BYTES;
        let mut place = |field: &Field| {
            let at = end.next_multiple_of(field.storage.alignment());
            end = at + field.storage.bytes();
            at
        };
        let offsets = fields.iter().map(&mut place).collect();
        Layout {
            offsets,
            bytes: end.next_multiple_of(OBJECT_ALIGNMENT),
        }
    }
}

/// As in assembler text: `(mut i32 anyref)`.
impl fmt::Display for ObjectType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(supertype) = self.supertype {
            write!(f, "sub {supertype} ")?;
        }
        f.write_str(if self.is_final { "final (" } else { "(" })?;
        for (i, field) in self.fields().iter().enumerate() {
            write!(f, "{}{field}", if i == 0 { "" } else { " " })?;
        }
        f.write_str(")")
    }
}

/// Where the fields of a struct are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    /// The place of each field, in bytes from the object's start; of an array, that of its first element.
    pub offsets: Box<[u32]>,
    /// Bytes of an object; of an array without elements.
    pub bytes: u32,
}

/// What an object, or any value of type [`ValType::AnyRef`], is: what `ref.kind` tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// No object.
    Null = 0,
    /// A number of 31 bits.
    I31 = 1,
    /// A struct.
    Struct = 2,
    /// An array.
    Array = 3,
    /// An object of the host.
    Host = 4,
    /// A big integer that does not fit in 31 bits.
    Big = 5,
}

/// What an instruction accesses, as the runtime is told: type, storage and place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// Index of the object's type in the module; below 2²⁰.
    pub object: u32,
    /// What is there.
    pub storage: Storage,
    /// Whether the sign of what is packed is left out.
    pub unsigned: bool,
    /// Where it is in the object, or where an array's first element is; in bytes, below 2³².
    pub offset: u32,
}

impl Access {
    /// All of it as a number.
    pub const fn pack(self) -> u64 {
        (self.offset as u64) << 32
            | (self.object as u64) << 8
            | (self.unsigned as u64) << 7
            | self.storage.code() as u64
    }

    /// What [`Access::pack`] gave.
    ///
    /// # Panics
    /// For other numbers.
    pub fn unpack(packed: u64) -> Access {
        Access {
            object: (packed >> 8) as u32 & 0xff_ffff,
            storage: Storage::from_code(packed as u8 & 0x7f).expect("a packed access"),
            unsigned: packed & 0x80 != 0,
            offset: (packed >> 32) as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[Storage]) -> ObjectType {
        let field = |&storage| Field {
            storage,
            mutable: true,
        };
        ObjectType {
            content: Content::Struct(fields.iter().map(field).collect()),
            supertype: None,
            is_final: false,
        }
    }

    #[test]
    fn fields_are_aligned_and_those_of_supertypes_stay() {
        use Storage::{I8, I16, Val};
        let all = [I8, I16, I8, Val(ValType::I64), Val(ValType::V512), I8];
        let layout = of(&all).layout();
        assert_eq!(*layout.offsets, [8, 10, 12, 16, 24, 88]);
        assert_eq!(layout.bytes, 96);
        for len in 0..all.len() {
            let (shorter, longer) = (of(&all[..len]), of(&all));
            assert_eq!(*shorter.layout().offsets, layout.offsets[..len]);
            assert!(longer.extends(&shorter) && !shorter.extends(&longer));
        }
        assert_eq!(of(&[]).layout().bytes, HEADER_BYTES);
    }

    #[test]
    fn codes_names_and_accesses_round_trip() {
        let values = ValType::ALL.map(Storage::Val);
        for storage in [Storage::I8, Storage::I16].into_iter().chain(values) {
            assert_eq!(Storage::from_code(storage.code()), Some(storage));
            assert_eq!(Storage::from_name(storage.name()), Some(storage));
            for unsigned in [false, true] {
                let access = Access {
                    object: MAX_OBJECT_TYPES as u32 - 1,
                    storage,
                    unsigned,
                    offset: u32::MAX,
                };
                assert_eq!(Access::unpack(access.pack()), access);
            }
        }
        assert_eq!(Storage::from_code(0x42), None);
    }
}
