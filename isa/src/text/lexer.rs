//! Splits assembler text into tokens, on demand: memory does not grow with the text.

use std::borrow::Cow;
use std::ops::Range;

use super::error::{Parsed, fault};
use super::literal;

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// One or more line ends, with the blank lines and comments between them.
    Newline,
    /// The end of the text.
    End,
    /// `.func`
    Directive,
    /// `i64.add`
    Word,
    /// `done:`
    Label,
    /// `$x` or `$"any name"`
    Name,
    /// `-1`, `0x1.8p3`, `nan:0x1`
    Number,
    /// `"text"`
    String,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `=`
    Equals,
    /// `*`
    Star,
    /// `->`
    Arrow,
    /// A character or string that is none of these; why is in [`Lexer::complaint`].
    Bad,
}

/// A token: its kind and its bytes in the text.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
}

/// Reads tokens from a position of a text.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    pos: usize,
}

/// Whether a name can be written with that character after `$`, without quotes.
pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.$:<>@?!&*+-/^|~%'#".contains(&byte)
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.'
}

impl<'t> Lexer<'t> {
    /// Reads from byte `pos` of the text, where a token or blank starts.
    pub(super) fn new(text: &'t str, pos: usize) -> Lexer<'t> {
        Lexer { text, pos }
    }

    /// Why a token is [`Kind::Bad`].
    pub(super) fn complaint(&self, token: &Token) -> String {
        let text = &self.text[token.span.clone()];
        if text.starts_with('"') || text.starts_with("$\"") {
            return "the string is not closed on its line".to_owned();
        }
        if text == "$" {
            return "a name is missing after `$`".to_owned();
        }
        let c = text.chars().next().unwrap_or('?');
        format!("unexpected character {c:?}")
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Token {
        let start = self.skip_blanks();
        if self.pos > start {
            return self.token(Kind::Newline, start);
        }
        let Some(byte) = self.peek(0) else {
            return self.token(Kind::End, start);
        };
        let kind = match byte {
            b'(' => self.one(Kind::Open),
            b')' => self.one(Kind::Close),
            b'=' => self.one(Kind::Equals),
            b'*' => self.one(Kind::Star),
            b'"' => self.string(Kind::String),
            b'$' if self.peek(1) == Some(b'"') => {
                self.pos += 1;
                self.string(Kind::Name)
            }
            b'$' => {
                self.pos += 1;
                self.skip_while(is_name_byte);
                match self.pos - start {
                    1 => Kind::Bad,
                    _ => Kind::Name,
                }
            }
            b'.' => {
                self.pos += 1;
                self.skip_while(is_word_byte);
                Kind::Directive
            }
            b'-' if self.peek(1) == Some(b'>') => {
                self.pos += 2;
                Kind::Arrow
            }
            b'0'..=b'9' | b'-' | b'+' => self.number(),
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => self.word(start),
            _ => {
                let c = self.text[start..].chars().next();
                self.pos += c.map_or(1, char::len_utf8);
                Kind::Bad
            }
        };
        self.token(kind, start)
    }

    /// Skips blanks and commas, then line ends and comments; returns where the latter begin.
    fn skip_blanks(&mut self) -> usize {
        self.skip_while(|byte| matches!(byte, b' ' | b'\t' | b','));
        let mut newlines_from = None;
        loop {
            match self.peek(0) {
                Some(b'\n' | b'\r') => {
                    newlines_from.get_or_insert(self.pos);
                    self.pos += 1;
                }
                Some(b';') => self.skip_while(|byte| byte != b'\n'),
                Some(b' ' | b'\t' | b',') if newlines_from.is_some() => self.pos += 1,
                _ => return newlines_from.unwrap_or(self.pos),
            }
        }
    }

    fn token(&self, kind: Kind, start: usize) -> Token {
        Token {
            kind,
            span: start..self.pos,
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.pos + ahead).copied()
    }

    fn skip_while(&mut self, mut accept: impl FnMut(u8) -> bool) {
        while self.peek(0).is_some_and(&mut accept) {
            self.pos += 1;
        }
    }

    fn one(&mut self, kind: Kind) -> Kind {
        self.pos += 1;
        kind
    }

    /// Skips a string from its opening to its closing quote.
    fn string(&mut self, kind: Kind) -> Kind {
        self.pos += 1;
        loop {
            match self.peek(0) {
                Some(b'"') => {
                    self.pos += 1;
                    return kind;
                }
                Some(b'\\') if !matches!(self.peek(1), None | Some(b'\n' | b'\r')) => {
                    // The escaped character may be longer than a byte; its rest passes as text.
                    self.pos += 2;
                }
                None | Some(b'\n' | b'\r') => return Kind::Bad,
                Some(_) => self.pos += 1,
            }
        }
    }

    /// Skips what looks like a number; [`literal`] says whether it is one.
    fn number(&mut self) -> Kind {
        self.pos += usize::from(matches!(self.peek(0), Some(b'+' | b'-')));
        let hex = matches!(self.peek(1), Some(b'x' | b'X'));
        let mut last = 0;
        self.skip_while(|byte| {
            let exponent = if hex { b'p' } else { b'e' };
            let signed = matches!(byte, b'+' | b'-') && last | 0x20 == exponent;
            last = byte;
            is_word_byte(byte) || signed
        });
        self.nan_payload();
        Kind::Number
    }

    /// Skips a word, and the colon that makes it a label.
    fn word(&mut self, start: usize) -> Kind {
        self.skip_while(is_word_byte);
        if &self.text[start..self.pos] == "nan" && self.nan_payload() {
            return Kind::Number;
        }
        if self.peek(0) == Some(b':') {
            self.pos += 1;
            return Kind::Label;
        }
        Kind::Word
    }

    /// Skips `:0x..` after `nan`.
    fn nan_payload(&mut self) -> bool {
        let is_nan = self.text[..self.pos].ends_with("nan")
            && self.peek(0) == Some(b':')
            && self.peek(1).is_some_and(|byte| byte.is_ascii_digit());
        if is_nan {
            self.pos += 1;
            self.skip_while(is_word_byte);
        }
        is_nan
    }
}

/// The name that a [`Kind::Name`] token stands for.
pub(super) fn name_value<'t>(text: &'t str, token: &Token) -> Parsed<Cow<'t, str>> {
    let start = token.span.start + 1;
    let name = &text[start..token.span.end];
    if !name.starts_with('"') {
        return Ok(Cow::Borrowed(name));
    }
    string_value(text, &(start..token.span.end)).map(Cow::Owned)
}

/// The text that a string literal stands for.
pub(super) fn string_value(text: &str, span: &Range<usize>) -> Parsed<String> {
    let bytes = bytes_value(text, span)?;
    String::from_utf8(bytes).or_else(|_| fault(span.clone(), "a name must be UTF-8"))
}

/// The bytes that a string literal stands for.
pub(super) fn bytes_value(text: &str, span: &Range<usize>) -> Parsed<Vec<u8>> {
    literal::string(&text[span.clone()]).or_else(|(offset, reason)| {
        let at = span.start + offset;
        fault(at..at + 1, reason)
    })
}
