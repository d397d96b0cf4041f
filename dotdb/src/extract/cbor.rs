//! The field of a document in CBOR. Of members with the same name the first one counts; what has a tag is no field,
//! but for integers of up to 65 bits that are written as big ones.

use ciborium_ll::{Decoder, Header, simple, tag};

use super::Step;
use crate::value::Value;

/// How deep documents may nest.
const DEPTH_MAX: usize = 64;
/// How much of a text is looked at once.
const PIECE_BYTES: usize = 4096;

/// What is there in a document; `None` also where that is no CBOR. What follows the document does not matter.
pub(super) fn field(document: &[u8], path: &[Step]) -> Option<Value> {
    let mut decoder = Decoder::from(document);
    item(&mut decoder, Some(path), 0)?
}

/// Reads an item. The outer `None` stands for what is no CBOR, the inner one for no field; without a path, there is none.
fn item(
    decoder: &mut Decoder<&[u8]>,
    path: Option<&[Step]>,
    depth: usize,
) -> Option<Option<Value>> {
    if depth > DEPTH_MAX {
        return None;
    }
    let is_field = path.is_some_and(<[Step]>::is_empty);
    let value = match decoder.pull().ok()? {
        Header::Positive(number) => Value::Integer(number.into()),
        Header::Negative(number) => Value::Integer(!i128::from(number)),
        Header::Float(number) => Value::Float(number),
        Header::Simple(simple::FALSE) => Value::Bool(false),
        Header::Simple(simple::TRUE) => Value::Bool(true),
        Header::Simple(simple::NULL | simple::UNDEFINED) => Value::Null,
        Header::Simple(_) | Header::Break => return None,
        Header::Bytes(len) => {
            let kept = if is_field { usize::MAX } else { 0 };
            Value::Bytes(bytes(decoder, len, kept)?)
        }
        Header::Text(len) => {
            let kept = if is_field { usize::MAX } else { 0 };
            Value::Text(text(decoder, len, kept)?)
        }
        Header::Array(len) => return array(decoder, len, path, depth),
        Header::Map(len) => return map(decoder, len, path, depth),
        Header::Tag(number) => match (number, decoder.pull().ok()?) {
            (tag::BIGPOS | tag::BIGNEG, Header::Bytes(Some(len))) if len <= 16 => {
                match big_integer(number, &bytes(decoder, Some(len), len)?)? {
                    Some(integer) => Value::Integer(integer),
                    None => return Some(None),
                }
            }
            (_, header) => {
                decoder.push(header);
                item(decoder, None, depth + 1)?;
                return Some(None);
            }
        },
    };
    Some(is_field.then_some(value))
}

/// An integer that is written as a big one: `None` inside for those of more than 65 bits, outside where it has
/// more than 128.
fn big_integer(number: u64, bytes: &[u8]) -> Option<Option<i128>> {
    let size = bytes
        .iter()
        .fold(0, |size: u128, &byte| size << 8 | u128::from(byte));
    if number == tag::BIGNEG && i128::try_from(size).is_err() {
        return None;
    }
    let integer = u64::try_from(size).ok().map(i128::from);
    Some(integer.map(|size| if number == tag::BIGNEG { !size } else { size }))
}

fn array(
    decoder: &mut Decoder<&[u8]>,
    len: Option<usize>,
    path: Option<&[Step]>,
    depth: usize,
) -> Option<Option<Value>> {
    let mut found = None;
    let mut i = 0;
    while !ends(decoder, len, i)? {
        match path {
            Some([Step::Element(number), rest @ ..]) if *number == i => {
                found = item(decoder, Some(rest), depth + 1)?;
            }
            _ => drop(item(decoder, None, depth + 1)?),
        }
        i += 1;
    }
    Some(found)
}

fn map(
    decoder: &mut Decoder<&[u8]>,
    len: Option<usize>,
    path: Option<&[Step]>,
    depth: usize,
) -> Option<Option<Value>> {
    let mut found = None;
    let mut is_found = false;
    let mut i = 0;
    while !ends(decoder, len, i)? {
        i += 1;
        let mut rest = None;
        if let (Some([Step::Name(name), behind @ ..]), false) = (path, is_found) {
            match decoder.pull().ok()? {
                Header::Text(len) => {
                    if text(decoder, len, name.len() + 1)? == *name {
                        rest = Some(behind);
                    }
                }
                header => {
                    decoder.push(header);
                    item(decoder, None, depth + 1)?;
                }
            }
        } else {
            item(decoder, None, depth + 1)?;
        }
        match rest {
            Some(_) => {
                is_found = true;
                found = item(decoder, rest, depth + 1)?;
            }
            None => drop(item(decoder, None, depth + 1)?),
        }
    }
    Some(found)
}

/// Whether an array or a map ends behind so many items.
fn ends(decoder: &mut Decoder<&[u8]>, len: Option<usize>, items: usize) -> Option<bool> {
    if let Some(len) = len {
        return Some(items == len);
    }
    match decoder.pull().ok()? {
        Header::Break => Some(true),
        header => {
            decoder.push(header);
            Some(false)
        }
    }
}

/// Reads text; at least so many bytes of it are in the result.
fn text(decoder: &mut Decoder<&[u8]>, len: Option<usize>, kept: usize) -> Option<String> {
    let mut text = String::new();
    let mut buffer = [0; PIECE_BYTES];
    let mut segments = decoder.text(len);
    while let Some(mut segment) = segments.pull().ok()? {
        while let Some(piece) = segment.pull(&mut buffer).ok()? {
            if text.len() < kept {
                text += piece;
            }
        }
    }
    Some(text)
}

/// Reads bytes, as [`text`] does.
fn bytes(decoder: &mut Decoder<&[u8]>, len: Option<usize>, kept: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; PIECE_BYTES];
    let mut segments = decoder.bytes(len);
    while let Some(mut segment) = segments.pull().ok()? {
        while let Some(piece) = segment.pull(&mut buffer).ok()? {
            if bytes.len() < kept {
                bytes.extend_from_slice(piece);
            }
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use ciborium::Value as Cbor;
    use proptest::prelude::*;

    use super::*;
    use crate::extract::json::tests::path;

    fn document() -> impl Strategy<Value = Cbor> {
        let leaf = prop_oneof![
            Just(Cbor::Null),
            any::<bool>().prop_map(Cbor::from),
            any::<i64>().prop_map(Cbor::from),
            any::<u64>().prop_map(Cbor::from),
            any::<f32>().prop_map(Cbor::from),
            "[aä]{0,2}".prop_map(Cbor::from),
            proptest::collection::vec(any::<u8>(), 0..20).prop_map(Cbor::from),
            (0u64..5, proptest::collection::vec(any::<u8>(), 0..18))
                .prop_map(|(tag, bytes)| Cbor::Tag(tag, Box::new(Cbor::Bytes(bytes)))),
        ];
        leaf.prop_recursive(3, 30, 4, |inner| {
            let key = prop_oneof![4 => "[ab]?".prop_map(Cbor::from), 1 => inner.clone()];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Cbor::Array),
                proptest::collection::vec((key, inner), 0..4).prop_map(Cbor::Map),
            ]
        })
    }

    /// The same, in a document that is read as a whole.
    fn expected(bytes: &[u8], path: &[Step]) -> Option<Value> {
        let document: Cbor = ciborium::from_reader(bytes).ok()?;
        let mut place = &document;
        for step in path {
            place = match step {
                Step::Name(name) => {
                    let members = place.as_map()?;
                    let is_it = |(key, _): &&(Cbor, Cbor)| key.as_text() == Some(name);
                    &members.iter().find(is_it)?.1
                }
                Step::Element(number) => place.as_array()?.get(*number)?,
            };
        }
        match place {
            Cbor::Null => Some(Value::Null),
            Cbor::Bool(value) => Some(Value::Bool(*value)),
            Cbor::Integer(number) => Some(Value::Integer((*number).into())),
            Cbor::Float(number) => Some(Value::Float(*number)),
            Cbor::Text(text) => Some(Value::Text(text.clone())),
            Cbor::Bytes(bytes) => Some(Value::Bytes(bytes.clone())),
            _ => None,
        }
    }

    /// NaNs are equal here.
    fn shown(value: Option<Value>) -> String {
        format!("{value:?}")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn fields_are_those_of_the_whole_document(document in document(), path in path(), damage in any::<(u16, u8)>()) {
            let mut bytes = Vec::new();
            ciborium::into_writer(&document, &mut bytes).unwrap();
            prop_assert_eq!(shown(field(&bytes, &path)), shown(expected(&bytes, &path)));
            prop_assert_eq!(field(&bytes[..bytes.len() - 1], &path), None);
            let at = usize::from(damage.0) % bytes.len();
            bytes[at] ^= damage.1;
            prop_assert_eq!(shown(field(&bytes, &path)), shown(expected(&bytes, &path)), "{:02x?}", bytes);
        }
    }

    #[test]
    fn the_first_of_equal_names_counts() {
        // {"a": 1, "a": 2}, of open length, with the name in two parts the first time
        let document = b"\xbf\x7f\x61a\x60\xff\x01\x61a\x02\xff";
        assert_eq!(
            field(document, &[Step::Name("a".into())]),
            Some(Value::Integer(1))
        );
    }
}
