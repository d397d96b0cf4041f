//! What all parts of the assembler parse with: a cursor over tokens, names and what they stand for.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::error::{Parsed, fault};
use super::lexer::{Kind, Lexer, Token, bytes_value, name_value, string_value};
use super::literal;
use crate::bits::Bits;
use crate::refs::{HeapType, RefType};
use crate::types::ValType;

/// A cursor over the tokens of a text.
#[derive(Clone, Debug)]
pub(super) struct Parser<'t> {
    text: &'t str,
    lexer: Lexer<'t>,
    /// The token that is looked at.
    token: Token,
}

impl<'t> Parser<'t> {
    /// Starts at byte `pos`.
    pub(super) fn new(text: &'t str, pos: usize) -> Parser<'t> {
        let mut lexer = Lexer::new(text, pos);
        let token = lexer.next();
        Parser { text, lexer, token }
    }

    /// The kind of the token that is looked at.
    pub(super) fn kind(&self) -> Kind {
        self.token.kind
    }

    /// The bytes of the token that is looked at.
    pub(super) fn span(&self) -> Range<usize> {
        self.token.span.clone()
    }

    /// The text of the token that is looked at.
    pub(super) fn slice(&self) -> &'t str {
        &self.text[self.token.span.clone()]
    }

    /// Goes on to the next token; returns the one before.
    pub(super) fn bump(&mut self) -> Token {
        let next = self.lexer.next();
        std::mem::replace(&mut self.token, next)
    }

    /// Whether the statement ends here.
    pub(super) fn at_end(&self) -> bool {
        matches!(self.kind(), Kind::Newline | Kind::End)
    }

    /// Asks for the end of the statement.
    pub(super) fn end_statement(&mut self) -> Parsed<()> {
        match self.at_end() {
            true => Ok(()),
            false => self.unexpected("the end of the line"),
        }
    }

    /// Skips the rest of the line, and its end.
    pub(super) fn skip_line(&mut self) {
        while !self.at_end() {
            self.bump();
        }
        self.skip_newlines();
    }

    /// Skips line ends: inside of parentheses they do not count.
    pub(super) fn skip_newlines(&mut self) {
        while self.kind() == Kind::Newline {
            self.bump();
        }
    }

    /// Skips to the next line that starts with a directive.
    pub(super) fn skip_to_directive(&mut self) {
        self.skip_line();
        while !matches!(self.kind(), Kind::Directive | Kind::End) {
            self.skip_line();
        }
    }

    /// The fault that something else was expected here.
    #[cold]
    pub(super) fn unexpected<T>(&self, wanted: &str) -> Parsed<T> {
        let found = match self.kind() {
            Kind::Bad => return fault(self.span(), self.lexer.complaint(&self.token)),
            Kind::Newline => "the end of the line".to_owned(),
            Kind::End => "the end of the text".to_owned(),
            _ => format!("`{}`", shorten(self.slice())),
        };
        fault(self.span(), format!("expected {wanted}, found {found}"))
    }

    /// Asks for a token of that kind.
    pub(super) fn expect(&mut self, kind: Kind, wanted: &str) -> Parsed<Token> {
        match self.kind() == kind {
            true => Ok(self.bump()),
            false => self.unexpected(wanted),
        }
    }

    /// Takes the token if it is of that kind.
    pub(super) fn eat(&mut self, kind: Kind) -> bool {
        let found = self.kind() == kind;
        if found {
            self.bump();
        }
        found
    }

    /// Takes the token if it is that word.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.kind() == Kind::Word && self.slice() == word;
        if found {
            self.bump();
        }
        found
    }

    /// Takes a name, if there is one.
    pub(super) fn name(&mut self) -> Parsed<Option<Cow<'t, str>>> {
        if self.kind() != Kind::Name {
            return Ok(None);
        }
        let token = self.bump();
        name_value(self.text, &token).map(Some)
    }

    /// Asks for a string that is text.
    pub(super) fn string(&mut self, what: &str) -> Parsed<String> {
        let token = self.expect(Kind::String, what)?;
        string_value(self.text, &token.span)
    }

    /// Asks for a string of any bytes.
    pub(super) fn bytes(&mut self) -> Parsed<Vec<u8>> {
        let token = self.expect(Kind::String, "a string")?;
        bytes_value(self.text, &token.span)
    }

    /// Asks for an unsigned number of that many bits.
    pub(super) fn unsigned(&mut self, bits: u32, what: &str) -> Parsed<u64> {
        if self.kind() != Kind::Number {
            return self.unexpected(what);
        }
        let value = literal::unsigned(self.slice(), bits);
        self.literal(value)
    }

    /// Asks for an integer or float literal of that type; returns its bits.
    pub(super) fn number(&mut self, ty: ValType) -> Parsed<u64> {
        let wanted = match ty {
            ValType::F32 | ValType::F64 => "a float",
            _ => "an integer",
        };
        let special = self.kind() == Kind::Word && matches!(self.slice(), "inf" | "nan");
        if self.kind() != Kind::Number && !special {
            return self.unexpected(wanted);
        }
        let text = self.slice();
        let value = match ty {
            ValType::F32 => literal::float(text, literal::F32),
            ValType::F64 => literal::float(text, literal::F64),
            _ => literal::int(text, ty.bits()).map(Bits::low),
        };
        self.literal(value)
    }

    /// Asks for an integer literal of that type, whatever its width; returns its slots.
    pub(super) fn wide_integer(&mut self, ty: ValType) -> Parsed<Bits> {
        if self.kind() != Kind::Number {
            return self.unexpected("an integer");
        }
        let value = literal::int(self.slice(), ty.bits());
        self.literal(value.map(|value| value.truncated(ty.bits())))
    }

    /// Asks for an integer of at most 64 bits, signed or unsigned; returns just its bits.
    pub(super) fn integer(&mut self, bits: u32) -> Parsed<u64> {
        if self.kind() != Kind::Number {
            return self.unexpected("an integer");
        }
        let mask = u64::MAX >> (64 - bits);
        let value = literal::int(self.slice(), bits).map(|value| value.low() & mask);
        self.literal(value)
    }

    /// Takes a literal that was read.
    pub(super) fn literal<T>(&mut self, value: Result<T, literal::Reason>) -> Parsed<T> {
        let token = self.bump();
        value.or_else(|reason| {
            let text = shorten(&self.text[token.span.clone()]);
            fault(token.span.clone(), format!("`{text}` {reason}"))
        })
    }

    /// Asks for a value type.
    pub(super) fn val_type(&mut self, wanted: &str) -> Parsed<ValType> {
        let ty = match self.kind() {
            Kind::Word => ValType::from_name(self.slice()),
            _ => None,
        };
        match ty {
            Some(ty) => {
                self.bump();
                Ok(ty)
            }
            None => self.unexpected(wanted),
        }
    }
}

/// A token's text for a message: not more than a few words of it.
pub(super) fn shorten(text: &str) -> String {
    const MOST: usize = 40;
    let line = text.lines().next().unwrap_or("");
    let mut short: String = line.chars().take(MOST).collect();
    if short.len() < line.len() {
        short.push_str("..");
    }
    short
}

/// What can have a name in a module's text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Space {
    Func,
    Table,
    Memory,
    Global,
    Type,
    Data,
    Elem,
    Tag,
    Object,
}

impl Space {
    const COUNT: usize = 9;

    /// What its members are called in messages.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Space::Func => "function",
            Space::Table => "table",
            Space::Memory => "memory",
            Space::Global => "global",
            Space::Type => "type",
            Space::Data => "data segment",
            Space::Elem => "element segment",
            Space::Tag => "tag",
            Space::Object => "object type",
        }
    }
}

/// A place in an index space: imported things come first, wherever they stand in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) imported: bool,
    pub(super) ordinal: u32,
}

#[derive(Debug, Default)]
struct Names<'t> {
    places: HashMap<Cow<'t, str>, Place>,
    imported: u32,
    defined: u32,
}

/// The names of everything declared in a text.
#[derive(Debug, Default)]
pub(super) struct Symbols<'t>([Names<'t>; Space::COUNT]);

impl<'t> Symbols<'t> {
    /// Declares the next member of a space; returns its place, and whether its name was free.
    pub(super) fn declare(
        &mut self,
        space: Space,
        imported: bool,
        name: Option<Cow<'t, str>>,
    ) -> (Place, bool) {
        let names = &mut self.0[space as usize];
        let count = match imported {
            true => &mut names.imported,
            false => &mut names.defined,
        };
        let place = Place {
            imported,
            ordinal: *count,
        };
        *count += 1;
        let free = name.is_none_or(|name| match names.places.contains_key(&name) {
            true => false,
            false => names.places.insert(name, place).is_none(),
        });
        (place, free)
    }

    /// The index of a place, when everything is declared.
    pub(super) fn index(&self, space: Space, place: Place) -> u32 {
        match place.imported {
            true => place.ordinal,
            false => self.0[space as usize].imported + place.ordinal,
        }
    }

    /// Asks for a reference: a name, or an index (which need not exist: that is the verifier's).
    pub(super) fn reference(&self, parser: &mut Parser<'t>, space: Space) -> Parsed<u32> {
        let span = parser.span();
        if parser.kind() == Kind::Number {
            return parser.unsigned(32, "an index").map(|index| index as u32);
        }
        let Some(name) = parser.name()? else {
            let noun = space.noun();
            return parser.unexpected(&format!("a {noun} ($name or index)"));
        };
        let places = &self.0[space as usize].places;
        match places.get(&name) {
            Some(&place) => Ok(self.index(space, place)),
            None => {
                let known = places.keys().map(AsRef::as_ref);
                unknown(span, space.noun(), &name, "$", known)
            }
        }
    }
}

/// Asks for a value type, or a narrower reference type: `(ref [null] TYPE)`.
pub(super) fn declared_type<'t>(
    parser: &mut Parser<'t>,
    symbols: &Symbols<'t>,
    wanted: &str,
) -> Parsed<(ValType, Option<RefType>)> {
    if parser.kind() != Kind::Open {
        return Ok((parser.val_type(wanted)?, None));
    }
    parser.bump();
    if !parser.eat_word("ref") {
        return parser.unexpected("`ref`");
    }
    let nullable = parser.eat_word("null");
    let mut known = HeapType::ABSTRACT.into_iter();
    let heap = match known.find(|heap| parser.eat_word(heap.name())) {
        Some(heap) => heap,
        None => HeapType::Type(symbols.reference(parser, Space::Type)?),
    };
    parser.expect(Kind::Close, "`)`")?;
    let ty = RefType::new(nullable, heap);
    Ok((ty.val_type(), ty.narrow()))
}

/// The fault that a name is not known, with the known one it may be a misspelling of.
#[cold]
pub(super) fn unknown<'n, T>(
    span: Range<usize>,
    noun: &str,
    name: &str,
    sigil: &str,
    known: impl ExactSizeIterator<Item = &'n str>,
) -> Parsed<T> {
    let mut message = format!("unknown {noun} `{sigil}{}`", shorten(name));
    if let Some(meant) = closest(name, known) {
        message += &format!("; is `{sigil}{meant}` meant?");
    }
    fault(span, message)
}

/// The known name nearest to a misspelled one, if one is near: at most a third of it differs.
fn closest<'n>(name: &str, known: impl ExactSizeIterator<Item = &'n str>) -> Option<&'n str> {
    const LONGEST: usize = 40;
    const MOST_KNOWN: usize = 4_000;
    if name.len() > LONGEST || known.len() > MOST_KNOWN {
        return None;
    }
    let limit = name.len().div_ceil(3).min(3);
    let near = known
        .filter(|other| other.len().abs_diff(name.len()) <= limit)
        .map(|other| (distance(name.as_bytes(), other.as_bytes()), other));
    // The order of hashing must not show: of equally near ones, take the first by the alphabet.
    let (distance, found) = near.min()?;
    (distance <= limit).then_some(found)
}

/// How many bytes must be inserted, removed or replaced to turn `a` into `b`.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
