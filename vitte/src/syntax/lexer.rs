//! From text to tokens and comments.

use std::fmt;

use crate::diagnostics::{Code, Diagnostic, Diagnostics, shorten};
use crate::source::Span;

/// The table of tokens with a fixed text: identifier, text.
macro_rules! tokens {
    (words { $($word:ident $word_text:literal;)* } marks { $($mark:ident $mark_text:literal;)* }) => {
        /// What a token is.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum Kind {
            /// A name.
            Name,
            /// An integer literal.
            Int,
            /// A float literal.
            Float,
            /// A string literal.
            Str,
            /// The end of the text.
            End,
            $(#[doc = $word_text] $word,)*
            $(#[doc = $mark_text] $mark,)*
        }

        impl Kind {
            /// The keyword with that text.
            fn word(text: &str) -> Option<Kind> {
                match text {
                    $($word_text => Some(Kind::$word),)*
                    _ => None,
                }
            }

            /// Every mark, and its text.
            const MARKS: &[(&'static str, Kind)] = &[$(($mark_text, Kind::$mark),)*];

            /// The keywords.
            pub const WORDS: &[&'static str] = &[$($word_text,)*];
        }

        impl fmt::Display for Kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    Kind::Name => "a name",
                    Kind::Int | Kind::Float => "a number",
                    Kind::Str => "a string",
                    Kind::End => "the end of the file",
                    $(Kind::$word => concat!("`", $word_text, "`"),)*
                    $(Kind::$mark => concat!("`", $mark_text, "`"),)*
                })
            }
        }
    };
}

tokens! {
    words {
        Let "let"; Const "const"; Fn "fn"; Extern "extern"; Struct "struct"; Enum "enum";
        Match "match"; If "if"; Else "else"; While "while"; For "for"; In "in"; Break "break";
        Continue "continue"; Return "return"; Import "import"; As "as"; True "true"; False "false";
        Null "null";
    }
    // Longer ones first: the first that fits is taken.
    marks {
        AddAssign "+="; SubAssign "-="; MulAssign "*="; DivAssign "/="; ModAssign "%=";
        EqEq "=="; NotEq "!="; LessEq "<="; MoreEq ">="; AndAnd "&&"; OrOr "||";
        Arrow "->"; FatArrow "=>"; Coalesce "??"; SafeDot "?."; DotDot "..";
        OpenParen "("; CloseParen ")"; OpenBracket "["; CloseBracket "]"; OpenBrace "{";
        CloseBrace "}"; Comma ","; Semicolon ";"; Colon ":"; Dot "."; Question "?"; Not "!";
        Assign "="; Less "<"; More ">"; Plus "+"; Minus "-"; Star "*"; Slash "/"; Percent "%";
        Or "|";
    }
}

/// A token.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Whether it is the first one of its line.
    pub first: bool,
    /// Its place.
    pub span: Span,
}

/// What the lexer finds in a text.
#[derive(Debug)]
pub struct Lexed {
    /// The tokens; the last one is [`Kind::End`].
    pub tokens: Vec<Token>,
    /// The places of comments; those to the end of the line do not contain it.
    pub comments: Vec<Span>,
}

/// Finds tokens and comments of a file.
pub fn lex(file: u32, text: &str, errors: &mut Diagnostics) -> Lexed {
    let mut lexer = Lexer {
        file,
        text,
        pos: 0,
        first: true,
        errors,
        lexed: Lexed {
            tokens: Vec::new(),
            comments: Vec::new(),
        },
    };
    lexer.run();
    lexer.lexed
}

/// Whether a name can start with that character.
fn starts_name(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

/// Whether a name can go on with that character.
fn continues_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

struct Lexer<'t, 'd> {
    file: u32,
    text: &'t str,
    pos: usize,
    /// Whether no token of the line has come yet.
    first: bool,
    errors: &'d mut Diagnostics,
    lexed: Lexed,
}

impl Lexer<'_, '_> {
    fn span(&self, start: usize) -> Span {
        Span {
            file: self.file,
            start: start as u32,
            end: self.pos as u32,
        }
    }

    fn rest(&self) -> &str {
        &self.text[self.pos..]
    }

    /// Goes on while characters are so.
    fn skip(&mut self, so: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.pos += rest.find(|c| !so(c)).unwrap_or(rest.len());
    }

    fn error(&mut self, code: Code, start: usize, message: String, hint: &str) {
        let error = Diagnostic::new(code, self.span(start), message, hint);
        self.errors.push(error);
    }

    fn push(&mut self, kind: Kind, start: usize) {
        let span = self.span(start);
        let first = std::mem::replace(&mut self.first, false);
        self.lexed.tokens.push(Token { kind, first, span });
    }

    fn run(&mut self) {
        while let Some(c) = self.rest().chars().next() {
            let start = self.pos;
            match c {
                '\n' => {
                    self.first = true;
                    self.pos += 1;
                }
                c if c.is_whitespace() || c == '\u{feff}' => self.pos += c.len_utf8(),
                '#' => self.line_comment(),
                '/' if self.rest().starts_with("//") => self.line_comment(),
                '/' if self.rest().starts_with("/*") => self.block_comment(),
                '"' => self.string(),
                '0'..='9' => self.number(),
                c if starts_name(c) => {
                    self.skip(continues_name);
                    let kind = Kind::word(&self.text[start..self.pos]).unwrap_or(Kind::Name);
                    self.push(kind, start);
                }
                _ => self.mark(c),
            }
        }
        self.push(Kind::End, self.pos);
    }

    fn line_comment(&mut self) {
        let start = self.pos;
        self.skip(|c| c != '\n');
        if self.text[start..self.pos].ends_with('\r') {
            self.pos -= 1;
        }
        let span = self.span(start);
        self.lexed.comments.push(span);
    }

    /// Comments of this kind nest, so that code with comments can be commented out.
    fn block_comment(&mut self) {
        let start = self.pos;
        let bytes = self.text.as_bytes();
        let mut depth = 0usize;
        while self.pos < bytes.len() {
            match &bytes[self.pos..] {
                [b'/', b'*', ..] => {
                    depth += 1;
                    self.pos += 2;
                }
                [b'*', b'/', ..] => {
                    depth -= 1;
                    self.pos += 2;
                    if depth == 0 {
                        break;
                    }
                }
                _ => self.pos += 1,
            }
        }
        let span = self.span(start);
        if depth > 0 {
            let open = Span {
                end: span.start + 2,
                ..span
            };
            let message = "this comment has no end".to_owned();
            let hint = "write `*/` behind it; comments of this kind nest";
            self.errors
                .push(Diagnostic::new(Code::OpenComment, open, message, hint));
        }
        self.first |= self.text[span.range()].contains('\n');
        self.lexed.comments.push(span);
    }

    fn string(&mut self) {
        let start = self.pos;
        self.pos += 1;
        loop {
            self.skip(|c| !matches!(c, '"' | '\\' | '\n'));
            let mut rest = self.rest().chars();
            let (first, second) = (rest.next(), rest.next());
            match first {
                Some('"') => {
                    self.pos += 1;
                    break;
                }
                Some('\\') => {
                    self.pos += 1;
                    // What is escaped is looked at where the literal's value is needed.
                    if let Some(c) = second.filter(|&c| c != '\n') {
                        self.pos += c.len_utf8();
                    }
                }
                _ => {
                    let message = "this string has no end".to_owned();
                    let hint = "end it with `\"` in the same line; `\\n` stands for a line end";
                    self.error(Code::OpenString, start, message, hint);
                    break;
                }
            }
        }
        self.push(Kind::Str, start);
    }

    fn number(&mut self) {
        let start = self.pos;
        let rest = self.rest();
        if ["0x", "0b", "0o"]
            .iter()
            .any(|prefix| rest.starts_with(prefix))
        {
            self.pos += 2;
            self.skip(continues_name);
            self.push(Kind::Int, start);
            return;
        }
        let mut kind = Kind::Int;
        self.skip(|c| c.is_ascii_digit() || c == '_');
        let fraction = self.rest().strip_prefix('.');
        if fraction.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            kind = Kind::Float;
            self.pos += 1;
            self.skip(|c| c.is_ascii_digit() || c == '_');
        }
        if self.rest().starts_with(['e', 'E']) {
            kind = Kind::Float;
            self.pos += 1;
            if self.rest().starts_with(['+', '-']) {
                self.pos += 1;
            }
        }
        // Letters that follow at once belong to it, and make it malformed.
        self.skip(continues_name);
        self.push(kind, start);
    }

    fn mark(&mut self, c: char) {
        let start = self.pos;
        let rest = self.rest();
        let mark = Kind::MARKS.iter().find(|(text, _)| rest.starts_with(text));
        if let Some(&(text, kind)) = mark {
            self.pos += text.len();
            self.push(kind, start);
            return;
        }
        // One error for a run of such characters.
        self.pos += c.len_utf8();
        self.skip(|c| {
            !c.is_whitespace()
                && !continues_name(c)
                && c != '"'
                && c != '#'
                && !Kind::MARKS.iter().any(|(text, _)| text.starts_with(c))
        });
        let found = shorten(&self.text[start..self.pos]);
        let hint = match c {
            '\'' => "strings are written with `\"`",
            '&' => "the logical operator is `&&`",
            _ => "remove it, or put it into a string",
        };
        let message = format!("unexpected character `{}`", found.escape_debug());
        self.error(Code::Character, start, message, hint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> (Vec<Kind>, usize) {
        let mut errors = Diagnostics::default();
        let lexed = lex(0, text, &mut errors);
        let kinds = lexed.tokens.iter().map(|token| token.kind).collect();
        (kinds, errors.count())
    }

    #[test]
    fn the_longest_mark_is_taken() {
        for (text, kind) in Kind::MARKS {
            assert_eq!(kinds(text), (vec![*kind, Kind::End], 0), "{text}");
        }
        for word in Kind::WORDS {
            assert_eq!(kinds(word).0, [Kind::word(word).unwrap(), Kind::End]);
        }
    }

    #[test]
    fn numbers_end_before_ranges_and_methods() {
        use Kind::{DotDot, End, Float, Int};
        assert_eq!(kinds("0..10"), (vec![Int, DotDot, Int, End], 0));
        assert_eq!(kinds("1.5e-3 0xff_ff"), (vec![Float, Int, End], 0));
        assert_eq!(kinds("1.len"), (vec![Int, Kind::Dot, Kind::Name, End], 0));
    }

    #[test]
    fn comments_nest_and_end() {
        assert_eq!(
            kinds("/* a /* b */ c */ x # y\n// z"),
            (vec![Kind::Name, Kind::End], 0)
        );
        assert_eq!(kinds("/* a /* b */ x"), (vec![Kind::End], 1));
    }

    #[test]
    fn a_run_of_bad_characters_is_one_error() {
        assert_eq!(
            kinds("a $$@ b"),
            (vec![Kind::Name, Kind::Name, Kind::End], 1)
        );
        assert_eq!(
            kinds("\"abc\nx"),
            (vec![Kind::Str, Kind::Name, Kind::End], 1)
        );
    }
}
