//! What an index is made of: a part of each value.
//!
//! ```text
//! bytes 0..8          bytes of the value, from the first number up to the second
//! json holder.name    what is there in the value, which is JSON
//! cbor items[0].id    what is there in the value, which is CBOR
//! ```
//!
//! A path is names, with dots between them, and numbers of elements in brackets; a name with other characters
//! than letters, digits, `_` and `-` is in double quotes. Values without that part, or with an array or
//! a map there, are not in the index. A document is read once from start to end; what the path does not lead to
//! takes no memory.

mod cbor;
mod json;

use std::fmt;

use crate::error::{Error, Result};
use crate::value::Value;

/// The longest text of an extractor, in bytes.
const TEXT_BYTES_MAX: usize = 512;

/// What an index is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Extractor {
    /// Bytes from here to there.
    Bytes(usize, usize),
    /// A place in JSON.
    Json(Vec<Step>),
    /// A place in CBOR.
    Cbor(Vec<Step>),
}

/// A step of a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// The member of that name.
    Name(String),
    /// The element of that number.
    Element(usize),
}

impl Extractor {
    /// Parses the text of one.
    pub(crate) fn parse(text: &str) -> Result<Extractor> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(wrong("the text is too long"));
        }
        let (kind, rest) = text.trim().split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim();
        match kind {
            "bytes" => {
                let ends = rest
                    .split_once("..")
                    .and_then(|(start, end)| Some((start.parse().ok()?, end.parse().ok()?)));
                match ends {
                    Some((start, end)) if start < end => Ok(Extractor::Bytes(start, end)),
                    _ => Err(wrong(
                        "bytes are given as START..END, with START before END",
                    )),
                }
            }
            "json" => Ok(Extractor::Json(parse_path(rest)?)),
            "cbor" => Ok(Extractor::Cbor(parse_path(rest)?)),
            _ => Err(wrong(
                "neither `bytes START..END`, `json PATH` nor `cbor PATH`",
            )),
        }
    }

    /// The field of a value; `None` where it has none.
    pub(crate) fn field(&self, value: &[u8]) -> Option<Value> {
        match self {
            Extractor::Bytes(start, end) => Some(Value::Bytes(value.get(*start..*end)?.to_vec())),
            Extractor::Json(path) => json::field(value, path),
            Extractor::Cbor(path) => cbor::field(value, path),
        }
    }
}

fn wrong(reason: impl Into<String>) -> Error {
    Error::Extractor(reason.into())
}

fn parse_path(text: &str) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(element) = rest.strip_prefix('[') {
            let number = element.split_once(']').and_then(|(number, behind)| {
                rest = behind;
                number.parse().ok()
            });
            steps.push(Step::Element(
                number.ok_or_else(|| wrong("no number of an element in brackets"))?,
            ));
            continue;
        }
        if !steps.is_empty() {
            rest = rest
                .strip_prefix('.')
                .ok_or_else(|| wrong(format!("neither `.` nor `[` before {rest:?}")))?;
        }
        let (name, behind) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted
                .split_once('"')
                .ok_or_else(|| wrong("a name's quotes have no end"))?
        } else {
            let is_plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
            let end = rest.find(|c| !is_plain(c)).unwrap_or(rest.len());
            if end == 0 {
                return Err(wrong(format!("no name at {rest:?}")));
            }
            rest.split_at(end)
        };
        steps.push(Step::Name(name.to_owned()));
        rest = behind;
    }
    if steps.is_empty() {
        return Err(wrong("no path is given"));
    }
    Ok(steps)
}

impl fmt::Display for Extractor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, path) = match self {
            Extractor::Bytes(start, end) => return write!(f, "bytes {start}..{end}"),
            Extractor::Json(path) => ("json", path),
            Extractor::Cbor(path) => ("cbor", path),
        };
        write!(f, "{kind} ")?;
        for (i, step) in path.iter().enumerate() {
            match step {
                Step::Element(number) => write!(f, "[{number}]")?,
                Step::Name(name) => {
                    if i > 0 {
                        f.write_str(".")?;
                    }
                    let is_plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
                    match !name.is_empty() && name.chars().all(is_plain) {
                        true => f.write_str(name)?,
                        false => write!(f, "\"{name}\"")?,
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_extractors_are_parsed_and_printed() {
        for text in [
            "bytes 0..8",
            "json holder",
            "json a.b[0][12].\"c d\"",
            "cbor [3].x-1",
            "json \"\"",
        ] {
            assert_eq!(Extractor::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "bytes",
            "bytes 3",
            "bytes 3..3",
            "bytes 4..3",
            "bytes -1..3",
            "json",
            "json a..b",
            "json a b",
            "json [x]",
            "json [1",
            "json \"a",
            "xml a",
            "json a.",
        ] {
            let error = Extractor::parse(text).unwrap_err();
            assert!(matches!(error, Error::Extractor(_)), "{text}: {error}");
        }
        let long = format!("json {}", "a".repeat(600));
        assert!(Extractor::parse(&long).is_err());
    }

    #[test]
    fn fields_are_found_where_the_path_leads() {
        let field =
            |extractor: &str, value: &[u8]| Extractor::parse(extractor).unwrap().field(value);
        let json = br#"{"a": [{"b": 1}, 2.5, "x", null, true], "n": 18446744073709551615}"#;
        assert_eq!(field("json a[0].b", json), Some(Value::Integer(1)));
        assert_eq!(field("json a[1]", json), Some(Value::Float(2.5)));
        assert_eq!(field("json a[2]", json), Some(Value::Text("x".into())));
        assert_eq!(field("json a[3]", json), Some(Value::Null));
        assert_eq!(field("json a[4]", json), Some(Value::Bool(true)));
        assert_eq!(field("json n", json), Some(Value::Integer(u64::MAX.into())));
        for nothing in ["json a", "json a[9]", "json b", "json a.b", "json n[0]"] {
            assert_eq!(field(nothing, json), None, "{nothing}");
        }
        assert_eq!(field("json a", b"no JSON"), None);
        // {"k": [h'00ff', -5]}
        let cbor = b"\xa1\x61k\x82\x42\x00\xff\x24";
        assert_eq!(field("cbor k[0]", cbor), Some(Value::Bytes(vec![0, 255])));
        assert_eq!(field("cbor k[1]", cbor), Some(Value::Integer(-5)));
        assert_eq!(field("cbor k", cbor), None);
        assert_eq!(
            field("bytes 1..3", b"abcd"),
            Some(Value::Bytes(b"bc".to_vec()))
        );
        assert_eq!(field("bytes 1..3", b"ab"), None);
    }

    #[test]
    fn deep_documents_are_not_read() {
        let arrays = vec![0x81; 100_000];
        assert_eq!(Extractor::parse("cbor [0]").unwrap().field(&arrays), None);
        let arrays = vec![b'['; 100_000];
        assert_eq!(Extractor::parse("json [0]").unwrap().field(&arrays), None);
        // A length that is not there must not be allocated.
        assert_eq!(
            Extractor::parse("cbor x")
                .unwrap()
                .field(b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff"),
            None
        );
    }
}
