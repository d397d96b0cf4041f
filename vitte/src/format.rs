//! Lays sources out: indentation, spaces, blank lines. Where lines end is left to who wrote them,
//! but for statements, which get one each; comments stay where they are.
//!
//! It works on tokens, with what the parser says about them, so nothing can get lost: the result has
//! the same tokens, which is checked. Laying out a result once more changes nothing.

use crate::diagnostics::Diagnostics;
use crate::source::{Sources, Span};
use crate::syntax::lexer::{Kind, lex};
use crate::syntax::{Role, parse};

/// Spaces of a level of indentation.
const INDENT: usize = 4;

/// Why a source was not laid out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refused {
    /// It has errors, which were reported.
    Errors,
    /// The result would have meant something else: a fault of the formatter.
    Changed,
}

/// A token or comment.
#[derive(Clone, Copy, Debug)]
struct Piece<'t> {
    /// `None` for comments.
    kind: Option<Kind>,
    role: Role,
    text: &'t str,
    /// Lines that end between the piece before and this one.
    breaks: usize,
    /// The number of the bracket that belongs to this one.
    partner: Option<usize>,
}

impl Piece<'_> {
    fn opens(&self) -> bool {
        use Kind::{OpenBrace, OpenBracket, OpenParen};
        matches!(self.kind, Some(OpenParen | OpenBracket | OpenBrace))
    }

    fn closes(&self) -> bool {
        use Kind::{CloseBrace, CloseBracket, CloseParen};
        matches!(self.kind, Some(CloseParen | CloseBracket | CloseBrace))
    }

    fn is_line_comment(&self) -> bool {
        self.kind.is_none() && !self.text.starts_with("/*")
    }

    /// Whether it stands between two operands.
    fn between(&self) -> bool {
        use Kind::{
            AddAssign, AndAnd, Arrow, Assign, Coalesce, DivAssign, EqEq, FatArrow, Less, LessEq,
            Minus, ModAssign, More, MoreEq, MulAssign, NotEq, Or, OrOr, Percent, Plus, Slash, Star,
            SubAssign,
        };
        let operator = matches!(
            self.kind,
            Some(
                AddAssign
                    | AndAnd
                    | Arrow
                    | Assign
                    | Coalesce
                    | DivAssign
                    | EqEq
                    | FatArrow
                    | Less
                    | LessEq
                    | Minus
                    | ModAssign
                    | More
                    | MoreEq
                    | MulAssign
                    | NotEq
                    | Or
                    | OrOr
                    | Percent
                    | Plus
                    | Slash
                    | Star
                    | SubAssign
            )
        );
        operator && self.role == Role::Plain
    }
}

/// Lays a file out.
///
/// # Errors
/// If it has errors, which go to `errors`.
pub fn format(sources: &Sources, file: u32, errors: &mut Diagnostics) -> Result<String, Refused> {
    let parsed = parse(sources, file, errors);
    if !errors.is_empty() {
        return Err(Refused::Errors);
    }
    let text = sources.text(file);
    let tokens = parsed.lexed.tokens.iter().zip(&parsed.roles);
    let tokens = tokens
        .filter(|(token, _)| token.kind != Kind::End)
        .map(|(token, role)| (token.span, Some(token.kind), *role));
    let comments = parsed.lexed.comments.iter();
    let comments = comments.map(|span| (*span, None, Role::Plain));
    let mut all: Vec<(Span, Option<Kind>, Role)> = tokens.chain(comments).collect();
    all.sort_by_key(|(span, ..)| span.start);
    let pieces = pieces(text, &all);
    let result = lay_out(&pieces);
    match same_tokens(text, &result) {
        true => Ok(result),
        false => Err(Refused::Changed),
    }
}

/// Whether two texts have the same tokens, semicolons between statements apart.
fn same_tokens(a: &str, b: &str) -> bool {
    let tokens = |text: &str| {
        let lexed = lex(0, text, &mut Diagnostics::default());
        let tokens = lexed
            .tokens
            .iter()
            .filter(|token| token.kind != Kind::Semicolon);
        let texts = tokens.map(|token| text[token.span.range()].to_owned());
        (texts.collect::<Vec<_>>(), lexed.comments.len())
    };
    tokens(a) == tokens(b)
}

/// Tokens and comments with what is between them; semicolons between statements become line ends.
fn pieces<'t>(text: &'t str, all: &[(Span, Option<Kind>, Role)]) -> Vec<Piece<'t>> {
    let mut pieces: Vec<Piece<'t>> = Vec::with_capacity(all.len());
    let mut end = 0;
    // Whether a statement ended by a semicolon, so that the next token starts a line.
    let mut ended = false;
    let mut breaks = 0;
    for (span, kind, role) in all {
        breaks += text[end..span.start as usize].matches('\n').count();
        end = span.end as usize;
        if *kind == Some(Kind::Semicolon) && *role == Role::Plain {
            ended = true;
            continue;
        }
        // A comment behind the semicolon belongs to the statement.
        if ended && !(kind.is_none() && breaks == 0) {
            breaks = breaks.max(1);
            ended = false;
        }
        pieces.push(Piece {
            kind: *kind,
            role: *role,
            text: text[span.range()].trim_end(),
            breaks: std::mem::take(&mut breaks),
            partner: None,
        });
    }
    pair(&mut pieces);
    break_blocks(&mut pieces);
    pieces
}

/// Finds the brackets that belong together.
fn pair(pieces: &mut [Piece<'_>]) {
    let mut open = Vec::new();
    for i in 0..pieces.len() {
        if pieces[i].opens() {
            open.push(i);
        } else if pieces[i].closes()
            && let Some(start) = open.pop()
        {
            pieces[i].partner = Some(start);
            pieces[start].partner = Some(i);
        }
    }
}

/// Blocks are in one line, or have their braces at line ends.
fn break_blocks(pieces: &mut [Piece<'_>]) {
    // Inner blocks come first, because their breaks are breaks of outer ones. The number of line ends
    // up to each piece tells whether a block has some.
    let mut before = Vec::with_capacity(pieces.len() + 1);
    let mut sum = 0;
    for piece in pieces.iter() {
        sum += piece.breaks;
        before.push(sum);
    }
    for start in (0..pieces.len()).rev() {
        let Some(end) = pieces[start].partner.filter(|end| *end > start) else {
            continue;
        };
        // Breaks that are made here are in blocks that have some anyway.
        let broken = before[end] > before[start];
        if broken && pieces[start].role == Role::Block && end > start + 1 {
            pieces[start + 1].breaks = pieces[start + 1].breaks.max(1);
            pieces[end].breaks = pieces[end].breaks.max(1);
        }
    }
}

/// Whether there is a space between two pieces of one line.
fn space(before: &Piece<'_>, piece: &Piece<'_>) -> bool {
    use Kind::{
        CloseBrace, CloseBracket, CloseParen, Colon, Comma, Dot, DotDot, Fn, OpenBrace,
        OpenBracket, OpenParen, SafeDot, Semicolon,
    };
    let (Some(first), Some(second)) = (before.kind, piece.kind) else {
        let opened = matches!(before.kind, Some(OpenParen | OpenBracket));
        let closed = matches!(piece.kind, Some(CloseParen | CloseBracket | Comma));
        return !(opened && !piece.is_line_comment() || closed);
    };
    if before.role == Role::Prefix || piece.role == Role::Postfix {
        return false;
    }
    // Angle brackets touch what is in them, and the name before them.
    if piece.role == Role::Angle || (before.role == Role::Angle && first == Kind::Less) {
        return false;
    }
    match (first, second) {
        (OpenBrace, CloseBrace) => false,
        (OpenBrace, _) => before.role == Role::Block,
        (_, CloseBrace) => piece.role == Role::Block,
        (OpenParen | OpenBracket | Dot | SafeDot | DotDot, _) => false,
        (_, CloseParen | CloseBracket | Comma | Semicolon | Colon | Dot | SafeDot | DotDot) => {
            false
        }
        (Fn, OpenParen) => false,
        _ => true,
    }
}

fn lay_out(pieces: &[Piece<'_>]) -> String {
    let mut result = String::new();
    // The indentation that each open bracket started with, and its line.
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut indent = 0;
    let mut line = 0;
    // The last token, which decides whether a line goes on with the one before.
    let mut last: Option<&Piece<'_>> = None;
    for (i, piece) in pieces.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| &pieces[i]);
        let closing = piece.closes().then(|| open.pop()).flatten();
        let closing = closing.map(|(indent, _)| indent);
        let after_comment = before.is_some_and(Piece::is_line_comment);
        match before {
            Some(before) if piece.breaks > 0 || after_comment => {
                let blank = piece.breaks > 1 && !before.opens() && !piece.closes();
                result.push_str(if blank { "\n\n" } else { "\n" });
                indent = match closing {
                    Some(indent) => indent,
                    None => level(&open) + usize::from(continues(last, piece)),
                };
                line += 1;
                result.extend(std::iter::repeat_n(' ', indent * INDENT));
            }
            Some(before) if space(before, piece) => result.push(' '),
            _ => {}
        }
        result.push_str(piece.text);
        if let Some(closed) = closing {
            // What is opened behind it goes on with where its partner was.
            indent = closed;
        }
        if piece.opens() {
            // A block behind a head of several lines belongs to the first of them.
            let head = piece.role == Role::Block && open.last().is_none_or(|open| open.1 < line);
            open.push((if head { level(&open) } else { indent }, line));
        }
        if piece.kind.is_some() {
            last = Some(piece);
        }
    }
    if !result.is_empty() {
        result.push('\n');
    }
    result
}

/// The indentation of lines in the innermost bracket.
fn level(open: &[(usize, usize)]) -> usize {
    open.last().map_or(0, |(indent, _)| indent + 1)
}

/// Whether a line that starts with that piece goes on with what is before it.
fn continues(last: Option<&Piece<'_>>, piece: &Piece<'_>) -> bool {
    let starts = matches!(piece.kind, Some(Kind::Dot | Kind::SafeDot)) || piece.between();
    starts || last.is_some_and(Piece::between)
}
