//! What the database knows of its tables: rows of a space of their own.
//!
//! ```text
//! "format"     "dotdb 2"
//! "next"       the number of the next space, 4 bytes, little-endian
//! "size"       bytes of all spaces but this one, 8 bytes, little-endian; none where they are empty
//! "s" + SPACE  bytes of one of them, likewise: keys and values, and 8 for each
//! "t" + NAME   a table: its space, 4 bytes; then for each index
//!              its space, 4 bytes, and its name and its extractor's text, each with its length, 2 bytes
//! ```

use crate::engine::Space;
use crate::error::{Error, Result};
use crate::extract::Extractor;

/// The space of the catalog.
pub(crate) const CATALOG: Space = Space(0);
/// The key of the format's name.
pub(crate) const FORMAT_KEY: &[u8] = b"format";
/// The format's name.
pub(crate) const FORMAT: &[u8] = b"dotdb 2";
/// The key of the next space's number.
pub(crate) const NEXT_KEY: &[u8] = b"next";
/// The key of the size of all spaces.
pub(crate) const SIZE_KEY: &[u8] = b"size";
/// What keys of spaces' sizes start with.
const SIZE_PREFIX: &[u8] = b"s";
/// What keys of tables start with.
pub(crate) const TABLE_PREFIX: &[u8] = b"t";

/// A table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TableDef {
    /// Where its rows are.
    pub(crate) space: Space,
    /// Its indices.
    pub(crate) indices: Vec<IndexDef>,
}

/// An index.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct IndexDef {
    /// Where its entries are: fields, with the keys of their rows behind them, without values.
    pub(crate) space: Space,
    pub(crate) name: String,
    pub(crate) extractor: Extractor,
}

impl TableDef {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.space.0.to_le_bytes().to_vec();
        for index in &self.indices {
            bytes.extend_from_slice(&index.space.0.to_le_bytes());
            for text in [&index.name, &index.extractor.to_string()] {
                // Both are limited to less than 64 KiB.
                bytes.extend_from_slice(&(text.len() as u16).to_le_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
        }
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<TableDef> {
        parse(bytes).ok_or_else(|| Error::Corrupt("the definition of a table".to_owned()))
    }

    pub(crate) fn index(&self, name: &str) -> Option<&IndexDef> {
        self.indices.iter().find(|index| index.name == name)
    }
}

fn parse(mut bytes: &[u8]) -> Option<TableDef> {
    let space = parse_space(&mut bytes)?;
    let mut indices = Vec::new();
    while !bytes.is_empty() {
        indices.push(IndexDef {
            space: parse_space(&mut bytes)?,
            name: parse_text(&mut bytes)?,
            extractor: Extractor::parse(&parse_text(&mut bytes)?).ok()?,
        });
    }
    Some(TableDef { space, indices })
}

fn parse_space(bytes: &mut &[u8]) -> Option<Space> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    let space = Space(u32::from_le_bytes(*number));
    (space != CATALOG).then_some(space)
}

fn parse_text(bytes: &mut &[u8]) -> Option<String> {
    let (len, rest) = bytes.split_first_chunk()?;
    let (text, rest) = rest.split_at_checked(u16::from_le_bytes(*len).into())?;
    *bytes = rest;
    String::from_utf8(text.to_vec()).ok()
}

/// Checks the name of a table or of an index. Those that start with a dot are the machine's own.
pub(crate) fn check_name(name: &str) -> Result {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    match starts_well && name.len() <= 64 && name.chars().all(is_plain) {
        true => Ok(()),
        false => Err(Error::Name(name.chars().take(80).collect())),
    }
}

/// Whether a table of that name is the machine's.
pub(crate) fn is_machine_name(name: &str) -> bool {
    name.starts_with('.')
}

/// Checks the name of a table of the machine's.
pub(crate) fn check_machine_name(name: &str) -> Result {
    match name.strip_prefix('.') {
        Some(rest) if rest.len() < 64 => check_name(rest),
        _ => Err(Error::Name(name.chars().take(80).collect())),
    }
}

/// The catalog's key of a table.
pub(crate) fn table_key(name: &str) -> Vec<u8> {
    [TABLE_PREFIX, name.as_bytes()].concat()
}

/// The catalog's key of the size of a space.
pub(crate) fn size_key(space: Space) -> Vec<u8> {
    [SIZE_PREFIX, &space.0.to_le_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_decoded_as_they_were() {
        let index = |space, name: &str, extractor| IndexDef {
            space: Space(space),
            name: name.to_owned(),
            extractor: Extractor::parse(extractor).unwrap(),
        };
        let def = TableDef {
            space: Space(7),
            indices: vec![index(8, "a", "json x.y"), index(9, "b", "bytes 0..4")],
        };
        let bytes = def.encode();
        assert_eq!(TableDef::decode(&bytes).unwrap(), def);
        for len in 0..bytes.len() {
            // What is cut is another definition, with fewer indices, or none.
            let cut = TableDef::decode(&bytes[..len]);
            assert!(cut.is_err() || cut.is_ok_and(|cut| cut.indices.len() < 2));
        }
    }

    #[test]
    fn names_are_checked() {
        for name in ["a", "_x", "Tab-le.2"] {
            assert!(check_name(name).is_ok());
        }
        for name in ["", "1a", ".state", "a b", "ä", "a\0", &"a".repeat(65)] {
            assert!(matches!(check_name(name), Err(Error::Name(_))), "{name}");
        }
    }
}
