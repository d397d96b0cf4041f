//! How instructions on databases take and give what is more than one buffer.
//!
//! ```text
//! rows        for each: length of the key, length of the value, 4 bytes each, little-endian; the key; the value
//! changes     the same; the length ff ff ff ff stands for a key that is removed, and has no value behind it
//! parameters  for each: its kind, 1 byte, and
//!               0  null         1  false         2  true
//!               3  an integer, 8 bytes, little-endian, signed
//!               4  one without sign
//!               5  a double, 8 bytes, little-endian
//!               6  its length, 4 bytes, little-endian, and text in UTF-8
//!               7  its length, and bytes
//! ```

/// The length that stands for no value, and for a range without an end.
pub const NONE: u32 = u32::MAX;

/// Bytes in front of each row and change.
pub const ROW_HEAD_BYTES: usize = 8;

macro_rules! kinds {
    ($($name:ident = $number:literal $doc:literal;)*) => {
        /// Kinds of parameters.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum ParamKind {
            $(#[doc = $doc] $name = $number,)*
        }

        impl ParamKind {
            /// Every kind.
            pub const ALL: &'static [ParamKind] = &[$(ParamKind::$name),*];

            /// The one with that number.
            pub const fn from_number(number: u8) -> Option<ParamKind> {
                match number {
                    $($number => Some(ParamKind::$name),)*
                    _ => None,
                }
            }

            /// What is behind the number.
            pub const fn doc(self) -> &'static str {
                match self {
                    $(ParamKind::$name => $doc,)*
                }
            }
        }
    };
}

kinds! {
    Null = 0 "null";
    False = 1 "false";
    True = 2 "true";
    Signed = 3 "an integer with sign, 8 bytes";
    Unsigned = 4 "an integer without sign, 8 bytes";
    Float = 5 "a double, 8 bytes";
    Text = 6 "text: its length, 4 bytes, and UTF-8";
    Bytes = 7 "bytes: their length, 4 bytes, and they";
}

/// A parameter of a query.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Param<'a> {
    /// Null.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Integer(i128),
    /// A double.
    Float(f64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// Takes `N` bytes away from the start.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

/// Takes so many bytes away from the start.
fn take_slice<'a>(bytes: &mut &'a [u8], len: u32) -> Option<&'a [u8]> {
    let (first, rest) = bytes.split_at_checked(len as usize)?;
    *bytes = rest;
    Some(first)
}

/// The next of the parameters, which is taken away; nothing where there is none that is whole.
pub fn take_param<'a>(bytes: &mut &'a [u8]) -> Option<Param<'a>> {
    let [kind] = take(bytes)?;
    let buffer = |bytes: &mut &'a [u8]| {
        let len = u32::from_le_bytes(take(bytes)?);
        take_slice(bytes, len)
    };
    Some(match ParamKind::from_number(kind)? {
        ParamKind::Null => Param::Null,
        ParamKind::False => Param::Bool(false),
        ParamKind::True => Param::Bool(true),
        ParamKind::Signed => Param::Integer(i64::from_le_bytes(take(bytes)?).into()),
        ParamKind::Unsigned => Param::Integer(u64::from_le_bytes(take(bytes)?).into()),
        ParamKind::Float => Param::Float(f64::from_le_bytes(take(bytes)?)),
        ParamKind::Text => Param::Text(str::from_utf8(buffer(bytes)?).ok()?),
        ParamKind::Bytes => Param::Bytes(buffer(bytes)?),
    })
}

/// The next of the changes, a key and its new value, which is taken away; nothing where there is none that is whole.
pub fn take_change<'a>(bytes: &mut &'a [u8]) -> Option<(&'a [u8], Option<&'a [u8]>)> {
    let key_len = u32::from_le_bytes(take(bytes)?);
    let value_len = u32::from_le_bytes(take(bytes)?);
    let key = take_slice(bytes, key_len)?;
    let value = match value_len {
        NONE => None,
        len => Some(take_slice(bytes, len)?),
    };
    Some((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_every_kind() {
        let mut bytes = vec![0, 1, 2];
        bytes.push(3);
        bytes.extend((-5i64).to_le_bytes());
        bytes.push(4);
        bytes.extend(u64::MAX.to_le_bytes());
        bytes.push(5);
        bytes.extend(0.5f64.to_le_bytes());
        bytes.extend([6, 2, 0, 0, 0, b'a', b'b', 7, 1, 0, 0, 0, 255]);
        let mut rest = bytes.as_slice();
        let params: Vec<Param<'_>> = std::iter::from_fn(|| take_param(&mut rest)).collect();
        let expected = [
            Param::Null,
            Param::Bool(false),
            Param::Bool(true),
            Param::Integer(-5),
            Param::Integer(u64::MAX.into()),
            Param::Float(0.5),
            Param::Text("ab"),
            Param::Bytes(&[255]),
        ];
        assert_eq!(params, expected);
        assert!(rest.is_empty());
        for wrong in [
            &[8][..],
            &[3, 0],
            &[6, 1, 0, 0, 0, 255],
            &[7, 2, 0, 0, 0, 1],
        ] {
            assert_eq!(take_param(&mut &*wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn changes() {
        let bytes = [
            &[1, 0, 0, 0, 2, 0, 0, 0, b'k', b'v', b'w'][..],
            &[1, 0, 0, 0, 255, 255, 255, 255, b'l'],
        ]
        .concat();
        let mut rest = bytes.as_slice();
        assert_eq!(take_change(&mut rest), Some((&b"k"[..], Some(&b"vw"[..]))));
        assert_eq!(take_change(&mut rest), Some((&b"l"[..], None)));
        assert!(rest.is_empty());
        for len in [1, 8, 9, 10] {
            assert_eq!(take_change(&mut &bytes[..len]), None);
        }
    }
}
