//! Keys: values whose bytes have the same order as they.

use std::borrow::ToOwned;
use std::string::String;
use std::vec::Vec;

use super::Bytes;

/// What rows of a table are found by. The order of keys is that of their bytes: numbers rise, text is in the order
/// of its UTF-8 bytes, tuples are ordered by their first part, then by the next one.
pub trait Key: Sized {
    /// Appends its bytes; where it is not the `last` part, so that they say where they end.
    fn encode(&self, out: &mut Vec<u8>, last: bool);

    /// Takes a key away from the start of the bytes; `None` where they are no such key.
    fn decode(bytes: &mut &[u8], last: bool) -> Option<Self>;
}

/// Takes so many bytes away.
pub(super) fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    if bytes.len() < len {
        return None;
    }
    let (first, rest) = bytes.split_at(len);
    *bytes = rest;
    Some(first)
}

macro_rules! unsigned {
    ($($type:ident)*) => {
        $(impl Key for $type {
            fn encode(&self, out: &mut Vec<u8>, _: bool) {
                out.extend_from_slice(&self.to_be_bytes());
            }

            fn decode(bytes: &mut &[u8], _: bool) -> Option<$type> {
                const BYTES: usize = core::mem::size_of::<$type>();
                let mut array = [0; BYTES];
                array.copy_from_slice(take(bytes, BYTES)?);
                Some($type::from_be_bytes(array))
            }
        })*
    };
}
unsigned! { u8 u16 u32 u64 u128 }

macro_rules! signed {
    ($($type:ident $unsigned:ident)*) => {
        $(impl Key for $type {
            fn encode(&self, out: &mut Vec<u8>, last: bool) {
                // Negative numbers are in front.
                (*self as $unsigned ^ 1 << ($unsigned::BITS - 1)).encode(out, last);
            }

            fn decode(bytes: &mut &[u8], last: bool) -> Option<$type> {
                let bits = $unsigned::decode(bytes, last)?;
                Some((bits ^ 1 << ($unsigned::BITS - 1)) as $type)
            }
        })*
    };
}
signed! { i8 u8 i16 u16 i32 u32 i64 u64 i128 u128 }

impl Key for bool {
    fn encode(&self, out: &mut Vec<u8>, _: bool) {
        out.push(u8::from(*self));
    }

    fn decode(bytes: &mut &[u8], _: bool) -> Option<bool> {
        match take(bytes, 1)? {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }
}

impl<const N: usize> Key for [u8; N] {
    fn encode(&self, out: &mut Vec<u8>, _: bool) {
        out.extend_from_slice(self);
    }

    fn decode(bytes: &mut &[u8], _: bool) -> Option<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(take(bytes, N)?);
        Some(array)
    }
}

/// A zero in the middle is two bytes, so that two zeros are the end.
fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>, last: bool) {
    if last {
        out.extend_from_slice(bytes);
        return;
    }
    for &byte in bytes {
        out.push(byte);
        if byte == 0 {
            out.push(0xff);
        }
    }
    out.extend_from_slice(&[0, 0]);
}

fn decode_bytes(bytes: &mut &[u8], last: bool) -> Option<Vec<u8>> {
    if last {
        return Some(take(bytes, bytes.len())?.to_owned());
    }
    let mut decoded = Vec::new();
    loop {
        match take(bytes, 1)? {
            [0] => match take(bytes, 1)? {
                [0] => return Some(decoded),
                [0xff] => decoded.push(0),
                _ => return None,
            },
            byte => decoded.extend_from_slice(byte),
        }
    }
}

impl Key for Bytes {
    fn encode(&self, out: &mut Vec<u8>, last: bool) {
        encode_bytes(&self.0, out, last);
    }

    fn decode(bytes: &mut &[u8], last: bool) -> Option<Bytes> {
        decode_bytes(bytes, last).map(Bytes)
    }
}

impl Key for String {
    fn encode(&self, out: &mut Vec<u8>, last: bool) {
        encode_bytes(self.as_bytes(), out, last);
    }

    fn decode(bytes: &mut &[u8], last: bool) -> Option<String> {
        String::from_utf8(decode_bytes(bytes, last)?).ok()
    }
}

macro_rules! tuples {
    ($($first:ident)* ; $last:ident) => {
        impl<$($first: Key,)* $last: Key> Key for ($($first,)* $last,) {
            #[allow(non_snake_case)]
            fn encode(&self, out: &mut Vec<u8>, last: bool) {
                let ($($first,)* $last,) = self;
                $($first.encode(out, false);)*
                $last.encode(out, last);
            }

            fn decode(bytes: &mut &[u8], last: bool) -> Option<($($first,)* $last,)> {
                Some(($($first::decode(bytes, false)?,)* $last::decode(bytes, last)?,))
            }
        }
    };
}
tuples! { A; B }
tuples! { A B; C }
tuples! { A B C; D }
