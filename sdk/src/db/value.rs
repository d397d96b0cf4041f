//! Values: what tables have by their keys, written as CBOR (RFC 8949).

use std::string::String;
use std::vec::Vec;

use super::key::take;

/// What a table has by its keys. [`record!`](crate::record) makes values of structs.
///
/// Numbers, text, truth values, `Option`, lists and tuples are what they are in CBOR; integers of 128 bits are
/// byte strings, big-endian, the signed ones with the upper bit flipped, so that indices have them in order.
pub trait Value: Sized {
    /// Appends its bytes.
    fn encode(&self, out: &mut Vec<u8>);

    /// Takes a value away from the start of the bytes; `None` where they are no such value.
    fn decode(bytes: &mut &[u8]) -> Option<Self>;
}

/// Bytes, as a key or as a value. (A list of `u8` is a list of numbers.)
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Bytes(pub Vec<u8>);

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const LIST: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;
const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;
const FLOAT: u8 = 0xfa;
const DOUBLE: u8 = 0xfb;

/// Values inside each other that are skipped, at most.
const DEPTH_MAX: u32 = 64;

fn put_head(out: &mut Vec<u8>, major: u8, n: u64) {
    let major = major << 5;
    match n {
        0..=23 => out.push(major | n as u8),
        24..=0xff => out.extend_from_slice(&[major | 24, n as u8]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend_from_slice(&(n as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&n.to_be_bytes());
        }
    }
}

/// The major type of what comes, and its number.
fn take_head(bytes: &mut &[u8]) -> Option<(u8, u64)> {
    let first = take(bytes, 1)?[0];
    let len = match first & 31 {
        n @ 0..=23 => return Some((first >> 5, n.into())),
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return None,
    };
    let n = take(bytes, len)?;
    let n = n.iter().fold(0, |n, &byte| n << 8 | u64::from(byte));
    Some((first >> 5, n))
}

fn take_of(bytes: &mut &[u8], major: u8) -> Option<u64> {
    match take_head(bytes)? {
        (found, n) if found == major => Some(n),
        _ => None,
    }
}

fn take_string<'a>(bytes: &mut &'a [u8], major: u8) -> Option<&'a [u8]> {
    let len = take_of(bytes, major)?;
    if len > bytes.len() as u64 {
        return None;
    }
    take(bytes, len as usize)
}

fn put_string(out: &mut Vec<u8>, major: u8, string: &[u8]) {
    put_head(out, major, string.len() as u64);
    out.extend_from_slice(string);
}

/// Takes away a value of any kind.
fn skip(bytes: &mut &[u8], depth: u32) -> Option<()> {
    if depth == DEPTH_MAX {
        return None;
    }
    let (major, n) = take_head(bytes)?;
    let inner = match major {
        BYTES | TEXT => {
            if n > bytes.len() as u64 {
                return None;
            }
            take(bytes, n as usize)?;
            0
        }
        LIST => n,
        MAP => n.checked_mul(2)?,
        TAG => 1,
        _ => 0,
    };
    for _ in 0..inner {
        skip(bytes, depth + 1)?;
    }
    Some(())
}

macro_rules! unsigned {
    ($($type:ident)*) => {
        $(impl Value for $type {
            fn encode(&self, out: &mut Vec<u8>) {
                put_head(out, UNSIGNED, *self as u64);
            }

            fn decode(bytes: &mut &[u8]) -> Option<$type> {
                core::convert::TryFrom::try_from(take_of(bytes, UNSIGNED)?).ok()
            }
        })*
    };
}
unsigned! { u8 u16 u32 u64 usize }

macro_rules! signed {
    ($($type:ident)*) => {
        $(impl Value for $type {
            fn encode(&self, out: &mut Vec<u8>) {
                match *self as i64 {
                    n if n < 0 => put_head(out, NEGATIVE, !n as u64),
                    n => put_head(out, UNSIGNED, n as u64),
                }
            }

            fn decode(bytes: &mut &[u8]) -> Option<$type> {
                let n = match take_head(bytes)? {
                    (UNSIGNED, n) => i128::from(n),
                    (NEGATIVE, n) => !i128::from(n),
                    _ => return None,
                };
                core::convert::TryFrom::try_from(n).ok()
            }
        })*
    };
}
signed! { i8 i16 i32 i64 isize }

impl Value for u128 {
    fn encode(&self, out: &mut Vec<u8>) {
        put_string(out, BYTES, &self.to_be_bytes());
    }

    fn decode(bytes: &mut &[u8]) -> Option<u128> {
        let mut array = [0; 16];
        let string = take_string(bytes, BYTES)?;
        if string.len() != array.len() {
            return None;
        }
        array.copy_from_slice(string);
        Some(u128::from_be_bytes(array))
    }
}

impl Value for i128 {
    fn encode(&self, out: &mut Vec<u8>) {
        (*self as u128 ^ 1 << 127).encode(out);
    }

    fn decode(bytes: &mut &[u8]) -> Option<i128> {
        Some((u128::decode(bytes)? ^ 1 << 127) as i128)
    }
}

impl Value for f64 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(DOUBLE);
        out.extend_from_slice(&self.to_bits().to_be_bytes());
    }

    fn decode(bytes: &mut &[u8]) -> Option<f64> {
        match bytes.first() {
            Some(&DOUBLE) => Some(f64::from_bits(take_head(bytes)?.1)),
            _ => None,
        }
    }
}

impl Value for f32 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(FLOAT);
        out.extend_from_slice(&self.to_bits().to_be_bytes());
    }

    fn decode(bytes: &mut &[u8]) -> Option<f32> {
        match bytes.first() {
            Some(&FLOAT) => Some(f32::from_bits(take_head(bytes)?.1 as u32)),
            _ => None,
        }
    }
}

impl Value for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(if *self { TRUE } else { FALSE });
    }

    fn decode(bytes: &mut &[u8]) -> Option<bool> {
        match take(bytes, 1)? {
            [TRUE] => Some(true),
            [FALSE] => Some(false),
            _ => None,
        }
    }
}

impl Value for () {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(NULL);
    }

    fn decode(bytes: &mut &[u8]) -> Option<()> {
        match take(bytes, 1)? {
            [NULL] => Some(()),
            _ => None,
        }
    }
}

impl Value for String {
    fn encode(&self, out: &mut Vec<u8>) {
        put_string(out, TEXT, self.as_bytes());
    }

    fn decode(bytes: &mut &[u8]) -> Option<String> {
        String::from_utf8(take_string(bytes, TEXT)?.to_vec()).ok()
    }
}

impl Value for Bytes {
    fn encode(&self, out: &mut Vec<u8>) {
        put_string(out, BYTES, &self.0);
    }

    fn decode(bytes: &mut &[u8]) -> Option<Bytes> {
        Some(Bytes(take_string(bytes, BYTES)?.to_vec()))
    }
}

impl<const N: usize> Value for [u8; N] {
    fn encode(&self, out: &mut Vec<u8>) {
        put_string(out, BYTES, self);
    }

    fn decode(bytes: &mut &[u8]) -> Option<[u8; N]> {
        core::convert::TryFrom::try_from(take_string(bytes, BYTES)?).ok()
    }
}

/// `None` is null; so an `Option` of what may be null itself does not come back as it was.
impl<T: Value> Value for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Some(value) => value.encode(out),
            None => out.push(NULL),
        }
    }

    fn decode(bytes: &mut &[u8]) -> Option<Option<T>> {
        match bytes.first() {
            Some(&NULL) => {
                take(bytes, 1)?;
                Some(None)
            }
            _ => T::decode(bytes).map(Some),
        }
    }
}

impl<T: Value> Value for Vec<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        put_head(out, LIST, self.len() as u64);
        self.iter().for_each(|value| value.encode(out));
    }

    fn decode(bytes: &mut &[u8]) -> Option<Vec<T>> {
        let len = take_of(bytes, LIST)?;
        (0..len).map(|_| T::decode(bytes)).collect()
    }
}

macro_rules! tuples {
    ($count:literal $($part:ident)*) => {
        impl<$($part: Value),*> Value for ($($part,)*) {
            #[allow(non_snake_case)]
            fn encode(&self, out: &mut Vec<u8>) {
                let ($($part,)*) = self;
                put_head(out, LIST, $count);
                $($part.encode(out);)*
            }

            fn decode(bytes: &mut &[u8]) -> Option<($($part,)*)> {
                match take_of(bytes, LIST)? {
                    $count => Some(($($part::decode(bytes)?,)*)),
                    _ => None,
                }
            }
        }
    };
}
tuples! { 2 A B }
tuples! { 3 A B C }
tuples! { 4 A B C D }

/// Starts a record of so many fields.
#[doc(hidden)]
pub fn start_record(out: &mut Vec<u8>, fields: usize) {
    put_head(out, MAP, fields as u64);
}

/// Appends a field of a record.
#[doc(hidden)]
pub fn put_field(out: &mut Vec<u8>, name: &str, value: &impl Value) {
    put_string(out, TEXT, name.as_bytes());
    value.encode(out);
}

/// The fields of a record, as they come.
#[doc(hidden)]
#[derive(Debug)]
pub struct FieldsOf(u64);

impl FieldsOf {
    /// The fields of the record that comes.
    pub fn start(bytes: &mut &[u8]) -> Option<FieldsOf> {
        take_of(bytes, MAP).map(FieldsOf)
    }

    /// The name of the next one; nothing at the end. (`None` where there should be one.)
    pub fn next_name<'a>(&mut self, bytes: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
        if self.0 == 0 {
            return Some(None);
        }
        self.0 -= 1;
        take_string(bytes, TEXT).map(Some)
    }
}

/// Takes the value of a field, or skips it where nobody wants it.
#[doc(hidden)]
pub fn take_field<T: Value>(bytes: &mut &[u8], place: Option<&mut Option<T>>) -> Option<()> {
    match place {
        Some(place) => {
            *place = Some(T::decode(bytes)?);
            Some(())
        }
        None => skip(bytes, 0),
    }
}

/// Declares a struct whose values tables can have: a map of CBOR with the names of the fields, which indices find
/// them by (`cbor NAME`). Fields that are unknown when it is read are left out; those that are missing make
/// it another type.
#[macro_export]
macro_rules! record {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident {
            $($(#[$field_attribute:meta])* $field_visibility:vis $field:ident: $type:ty),* $(,)?
        }
    ) => {
        $(#[$attribute])*
        $visibility struct $name {
            $($(#[$field_attribute])* $field_visibility $field: $type,)*
        }

        impl $crate::db::Value for $name {
            fn encode(&self, out: &mut ::std::vec::Vec<u8>) {
                $crate::db::start_record(out, [$(::core::stringify!($field)),*].len());
                $($crate::db::put_field(out, ::core::stringify!($field), &self.$field);)*
            }

            fn decode(bytes: &mut &[u8]) -> ::core::option::Option<$name> {
                $(let mut $field: ::core::option::Option<$type> = ::core::option::Option::None;)*
                let mut fields = $crate::db::FieldsOf::start(bytes)?;
                while let ::core::option::Option::Some(name) = fields.next_name(bytes)? {
                    $(if name == ::core::stringify!($field).as_bytes() {
                        $crate::db::take_field(bytes, ::core::option::Option::Some(&mut $field))?;
                        continue;
                    })*
                    $crate::db::take_field::<()>(bytes, ::core::option::Option::None)?;
                }
                ::core::option::Option::Some($name { $($field: $field?,)* })
            }
        }
    };
}

#[cfg(not(all(target_arch = "wasm32", dotvm)))]
pub(super) use for_queries::field;

/// What queries elsewhere need to know of values.
#[cfg(not(all(target_arch = "wasm32", dotvm)))]
mod for_queries {
    use super::super::Field;
    use super::*;

    /// The field of a value with these names from the outside to the inside.
    pub(in crate::db) fn field(mut bytes: &[u8], path: &[&str]) -> Option<Field> {
        for name in path {
            let fields = take_of(&mut bytes, MAP)?;
            let mut is_found = false;
            for _ in 0..fields {
                is_found = take_string(&mut bytes, TEXT)? == name.as_bytes();
                if is_found {
                    break;
                }
                skip(&mut bytes, 0)?;
            }
            if !is_found {
                return None;
            }
        }
        let first = *bytes.first()?;
        Some(match first >> 5 {
            UNSIGNED => Field::Integer(take_head(&mut bytes)?.1.into()),
            NEGATIVE => Field::Integer(!i128::from(take_head(&mut bytes)?.1)),
            BYTES => Field::Bytes(take_string(&mut bytes, BYTES)?.to_vec()),
            TEXT => Field::Text(String::decode(&mut bytes)?),
            _ => match first {
                NULL => Field::Null,
                TRUE => Field::Bool(true),
                FALSE => Field::Bool(false),
                FLOAT => Field::Float(f32::decode(&mut bytes)?.into()),
                DOUBLE => Field::Float(f64::decode(&mut bytes)?),
                _ => return None,
            },
        })
    }
}
