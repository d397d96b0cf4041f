//! Source texts and places in them.

use std::ops::Range;

use codespan_reporting::files::{Error, Files, SimpleFile};

/// The most bytes of one source file.
pub const SOURCE_LEN_MAX: usize = 16 << 20;

/// A place in a source: bytes `start..end` of a file.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Span {
    /// Number of the file in [`Sources`].
    pub file: u32,
    /// The first byte.
    pub start: u32,
    /// The byte behind the last one.
    pub end: u32,
}

impl Span {
    /// From the start of this place to the end of `other`, of the same file.
    pub fn to(self, other: Span) -> Span {
        Span {
            file: self.file,
            start: self.start,
            end: other.end.max(self.start),
        }
    }

    /// The empty place at the end of this one.
    pub fn after(self) -> Span {
        Span {
            start: self.end,
            ..self
        }
    }

    /// The bytes, as a range.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// One source: its name for people, its text, and the text as it is shown.
#[derive(Clone, Debug)]
struct Source {
    text: String,
    /// The same bytes as in `text`, without characters that terminals would obey.
    shown: SimpleFile<String, String>,
}

/// All sources of a program.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

impl Sources {
    /// Adds a source; returns its number.
    pub fn add(&mut self, name: &str, text: String) -> u32 {
        let shown = SimpleFile::new(printable_name(name), printable(&text));
        self.files.push(Source { text, shown });
        (self.files.len() - 1) as u32
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.files.len() as u32
    }

    /// The text of a file that was added.
    ///
    /// # Panics
    /// If there is no such file.
    pub fn text(&self, file: u32) -> &str {
        &self.files[file as usize].text
    }

    /// The name of a file that was added.
    ///
    /// # Panics
    /// If there is no such file.
    pub fn name_of(&self, file: u32) -> &str {
        self.files[file as usize].shown.name()
    }

    /// Line and column of the start of a place, from 1; columns are characters.
    pub fn position(&self, span: Span) -> (usize, usize) {
        let at = span.start as usize;
        self.location(span.file as usize, at)
            .map_or((1, 1), |place| (place.line_number, place.column_number))
    }

    /// The length in bytes of the longer one of the lines where a place starts and ends.
    pub(crate) fn line_len(&self, span: Span) -> usize {
        let file = &self.files[span.file as usize].shown;
        let of = |byte: u32| {
            let line = file.line_index((), byte as usize);
            let range = line.and_then(|line| file.line_range((), line));
            range.map_or(0, |range| range.len())
        };
        of(span.start).max(of(span.end))
    }

    /// The line of the start of a place, and the byte in it, both from 1.
    pub(crate) fn line_and_byte(&self, span: Span) -> (usize, usize) {
        let file = &self.files[span.file as usize].shown;
        let at = span.start as usize;
        let line = file.line_index((), at).unwrap_or(0);
        let start = file.line_range((), line).map_or(0, |range| range.start);
        (line + 1, at - start + 1)
    }
}

impl<'a> Files<'a> for Sources {
    type FileId = usize;
    type Name = &'a str;
    type Source = &'a str;

    fn name(&'a self, id: usize) -> Result<&'a str, Error> {
        let file = self.files.get(id).ok_or(Error::FileMissing)?;
        Ok(file.shown.name())
    }

    fn source(&'a self, id: usize) -> Result<&'a str, Error> {
        let file = self.files.get(id).ok_or(Error::FileMissing)?;
        Ok(file.shown.source())
    }

    fn line_index(&'a self, id: usize, byte: usize) -> Result<usize, Error> {
        let file = self.files.get(id).ok_or(Error::FileMissing)?;
        file.shown.line_index((), byte)
    }

    fn line_range(&'a self, id: usize, line: usize) -> Result<Range<usize>, Error> {
        let file = self.files.get(id).ok_or(Error::FileMissing)?;
        file.shown.line_range((), line)
    }
}

/// Whether a character turns the direction of text.
pub(crate) fn is_turning(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with every character that terminals obey, or that turns the direction of text, replaced
/// by a visible one of the same length in UTF-8, so that places stay what they are.
fn printable(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' | '\r' => c,
        '\u{0}'..='\u{1f}' | '\u{7f}' => '?',
        '\u{80}'..='\u{9f}' => '\u{bf}',
        c if is_turning(c) => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
}

/// The name of a source as it is shown: in one line.
fn printable_name(name: &str) -> String {
    printable(name).replace(['\n', '\t', '\r'], "?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_text_has_the_same_places_and_nothing_for_terminals() {
        let text = "a\u{1b}[31m\u{9b}\u{202e}\u{e9}\n";
        let shown = printable(text);
        assert_eq!(shown.len(), text.len());
        assert_eq!(shown, "a?[31m\u{bf}\u{fffd}\u{e9}\n");
    }

    #[test]
    fn positions_count_characters_from_one() {
        let mut sources = Sources::default();
        let file = sources.add("a.vit", "x\n\u{e9}\u{e9}y".to_owned());
        let span = Span {
            file,
            start: 6,
            end: 7,
        };
        assert_eq!(sources.position(span), (2, 3));
        assert_eq!(sources.line_len(span), 5);
        assert_eq!(sources.line_and_byte(span), (2, 5));
    }
}
