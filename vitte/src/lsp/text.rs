//! Places in texts as clients have them, in lines and units of UTF-16, and names of documents.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// The byte of a position; of one outside of its line the line's end.
pub(super) fn offset(text: &str, position: &Value) -> Option<usize> {
    let line = position["line"].as_u64()?;
    let character = position["character"].as_u64()?;
    let mut start = 0;
    for _ in 0..line {
        match text[start..].find('\n') {
            Some(end) => start += end + 1,
            None => return Some(text.len()),
        }
    }
    let line = &text[start..];
    let line = &line[..line.find('\n').unwrap_or(line.len())];
    let line = line.strip_suffix('\r').unwrap_or(line);
    let mut units = 0;
    for (at, c) in line.char_indices() {
        if units >= character {
            return Some(start + at);
        }
        units += c.len_utf16() as u64;
    }
    Some(start + line.len())
}

/// The position of a byte.
pub(super) fn position(text: &str, offset: usize) -> Value {
    let before = &text[..text.floor_char_boundary(offset)];
    let line = before.bytes().filter(|byte| *byte == b'\n').count();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let units: usize = before[start..].chars().map(char::len_utf16).sum();
    json!({ "line": line, "character": units })
}

/// The range of bytes.
pub(super) fn range(text: &str, start: usize, end: usize) -> Value {
    json!({ "start": position(text, start), "end": position(text, end.max(start)) })
}

/// The path of a document; of one that is no file, its name as a path.
pub(super) fn path_of(uri: &str) -> PathBuf {
    let Some(rest) = uri.strip_prefix("file://") else {
        return PathBuf::from(uri);
    };
    // A host may stand before the path.
    let path = rest.find('/').map_or("", |at| &rest[at..]);
    let mut bytes = Vec::with_capacity(path.len());
    let mut left = path.as_bytes();
    while let Some((byte, rest)) = left.split_first() {
        left = rest;
        let digit = |at: usize| (*rest.get(at)? as char).to_digit(16);
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                left = &rest[2..];
            }
            _ => bytes.push(*byte),
        }
    }
    PathBuf::from(String::from_utf8_lossy(&bytes).into_owned())
}

/// The name of the document that a path leads to.
pub(super) fn uri_of(path: &Path) -> String {
    let text = path.to_string_lossy();
    if !path.is_absolute() {
        return text.into_owned();
    }
    let mut uri = String::from("file://");
    for byte in text.bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' => uri.push(byte as char),
            byte if byte.is_ascii_alphanumeric() => uri.push(byte as char),
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

/// Whether a character may be in a name.
pub(super) fn is_of_name(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_units_of_utf16() {
        let text = "a\u{1f600}b\r\n\u{e9}c\n";
        for (at, line, character) in [(0, 0, 0), (1, 0, 1), (5, 0, 3), (8, 1, 0), (10, 1, 1)] {
            let want = json!({ "line": line, "character": character });
            assert_eq!(position(text, at), want);
            assert_eq!(offset(text, &want), Some(at));
        }
        let far = |line, character| offset(text, &json!({ "line": line, "character": character }));
        assert_eq!(far(0, 99), Some(6));
        assert_eq!(far(9, 9), Some(text.len()));
        assert_eq!(offset(text, &json!({ "line": -1 })), None);
    }

    #[test]
    fn names_of_documents_are_paths() {
        let path = Path::new("/a b/\u{e9}%.vit");
        assert_eq!(uri_of(path), "file:///a%20b/%C3%A9%25.vit");
        assert_eq!(path_of(&uri_of(path)), path);
        assert_eq!(path_of("file:///%zz%"), Path::new("/%zz%"));
    }
}
