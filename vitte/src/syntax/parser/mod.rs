//! From tokens to the syntax tree: a cursor, and what all parts of the parser use.
//!
//! Errors never stop it: what makes no sense becomes an `Error` node, and parsing goes on at the
//! next statement. A tree's height is bounded, so whatever recurses over it is, too.

mod expr;
mod item;
mod pattern;
mod stmt;

use std::sync::Arc;

use super::ast::{Block, Expr, ExprKind, Name, Type, TypeKind};
use super::lexer::{Kind, Lexed, Token};
use super::{Parsed, Role};
use crate::diagnostics::{Code, Diagnostic, Diagnostics, shorten};
use crate::source::Span;

/// The most levels that brackets, blocks and types nest.
const DEPTH_MAX: u32 = 200;

/// The most levels of a tree; a chain of operators has one for each.
pub(super) const HEIGHT_MAX: u16 = 1000;

/// Parses what the lexer found in a text.
pub(super) fn parse(text: &str, lexed: Lexed, errors: &mut Diagnostics) -> Parsed {
    let roles = vec![Role::Plain; lexed.tokens.len()];
    let mut parser = Parser {
        text,
        tokens: &lexed.tokens,
        roles,
        pos: 0,
        depth: 0,
        enclosed: false,
        structs: true,
        failed_at: None,
        errors,
    };
    let stmts = parser.file();
    let roles = parser.roles;
    Parsed {
        stmts,
        lexed,
        roles,
    }
}

/// Marks a place where parsing went wrong; the error was reported.
pub(super) struct Failed;

pub(super) type Result<T> = std::result::Result<T, Failed>;

pub(super) struct Parser<'t, 'd> {
    text: &'t str,
    tokens: &'t [Token],
    roles: Vec<Role>,
    pos: usize,
    depth: u32,
    /// Whether line ends do not end expressions, because parentheses or brackets are open.
    enclosed: bool,
    /// Whether a name and `{` are a struct: not in heads of statements, where a block follows.
    structs: bool,
    /// Where the last error of the parser was, so that one mistake is one error.
    failed_at: Option<usize>,
    errors: &'d mut Diagnostics,
}

impl Parser<'_, '_> {
    /// The token that is looked at.
    fn token(&self) -> Token {
        self.tokens[self.pos]
    }

    fn kind(&self) -> Kind {
        self.token().kind
    }

    /// The kind of the token `n` behind.
    fn ahead(&self, n: usize) -> Kind {
        let last = self.tokens.len() - 1;
        self.tokens[(self.pos + n).min(last)].kind
    }

    fn span(&self) -> Span {
        self.token().span
    }

    /// The place of the token before.
    fn last(&self) -> Span {
        match self.pos {
            0 => Span {
                end: 0,
                ..self.span()
            },
            pos => self.tokens[pos - 1].span,
        }
    }

    fn slice(&self, span: Span) -> &str {
        &self.text[span.range()]
    }

    /// Goes on; returns the place of the token before.
    fn bump(&mut self) -> Span {
        let span = self.span();
        if self.kind() != Kind::End {
            self.pos += 1;
        }
        span
    }

    /// Goes on, and notes what the token is for.
    fn bump_as(&mut self, role: Role) -> Span {
        self.roles[self.pos] = role;
        self.bump()
    }

    fn eat(&mut self, kind: Kind) -> bool {
        let found = self.kind() == kind;
        if found {
            self.bump();
        }
        found
    }

    /// Whether the token is on the line of the one before, or lines do not count.
    fn same_line(&self) -> bool {
        self.enclosed || !self.token().first
    }

    fn report(&mut self, error: Diagnostic) {
        if self.failed_at != Some(self.pos) {
            self.failed_at = Some(self.pos);
            self.errors.push(error);
        }
    }

    #[cold]
    fn expected<T>(&mut self, wanted: &str, hint: &str) -> Result<T> {
        let span = self.span();
        let found = match self.kind() {
            Kind::End => "the end of the file".to_owned(),
            _ => format!("`{}`", shorten(self.slice(span)).escape_debug()),
        };
        let message = format!("expected {wanted}, found {found}");
        let error = Diagnostic::new(Code::Expected, span, message, hint);
        self.report(error.label(format!("expected {wanted}")));
        Err(Failed)
    }

    fn expect(&mut self, kind: Kind, hint: &str) -> Result<Span> {
        match self.kind() == kind {
            true => Ok(self.bump()),
            false => self.expected(&kind.to_string(), hint),
        }
    }

    fn expect_as(&mut self, kind: Kind, role: Role, hint: &str) -> Result<Span> {
        if self.kind() == kind {
            self.roles[self.pos] = role;
        }
        self.expect(kind, hint)
    }

    fn name(&mut self, what: &str) -> Result<Name> {
        if self.kind() != Kind::Name {
            let keyword = Kind::WORDS.contains(&self.slice(self.span()));
            let hint = match keyword {
                true => "this word is a keyword; choose another name",
                false => "names are letters, digits and `_`, and do not start with a digit",
            };
            return self.expected(what, hint);
        }
        let span = self.bump();
        Ok(self.name_at(span))
    }

    fn name_at(&self, span: Span) -> Name {
        Name {
            text: Arc::from(self.slice(span)),
            span,
        }
    }

    /// Whether the token is that name, which is no keyword.
    fn at_word(&self, word: &str) -> bool {
        self.kind() == Kind::Name && self.slice(self.span()) == word
    }

    /// Parses something one level deeper.
    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == DEPTH_MAX {
            return self.too_deep(self.span());
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    #[cold]
    fn too_deep<T>(&mut self, span: Span) -> Result<T> {
        let message = "this is nested too deeply".to_owned();
        let hint = "give parts of it names, or make functions of them";
        self.report(Diagnostic::new(Code::TooDeep, span, message, hint));
        Err(Failed)
    }

    /// Parses something that may be written over several lines (`enclosed`), in which structs may be
    /// written.
    fn within<T>(
        &mut self,
        enclosed: bool,
        parse: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let outer = (self.enclosed, self.structs);
        (self.enclosed, self.structs) = (enclosed, true);
        let result = self.deeper(parse);
        (self.enclosed, self.structs) = outer;
        result
    }

    /// Parses the head of a statement: what is before its block.
    fn head<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let outer = std::mem::replace(&mut self.structs, false);
        let result = parse(self);
        self.structs = outer;
        result
    }

    /// Parses `item, item` up to `close`, which is not taken; a comma may be last.
    fn list<T>(
        &mut self,
        close: Kind,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut items = Vec::new();
        while self.kind() != close {
            items.push(item(self)?);
            if !self.eat(Kind::Comma) && self.kind() != close {
                return self.expected(&format!("`,` or {close}"), "items are separated by commas");
            }
        }
        Ok(items)
    }

    /// An expression over others whose greatest height is given.
    fn node(&mut self, kind: ExprKind, span: Span, below: u16) -> Result<Expr> {
        if below >= HEIGHT_MAX {
            return self.too_deep(span);
        }
        Ok(Expr {
            kind,
            span,
            height: below + 1,
        })
    }

    /// A statement's height is checked where blocks are made.
    fn block_of(&mut self, stmts: Vec<super::ast::Stmt>, span: Span, below: u16) -> Result<Block> {
        if below >= HEIGHT_MAX {
            return self.too_deep(span);
        }
        Ok(Block {
            stmts,
            span,
            height: below + 1,
        })
    }

    /// Parses a type.
    fn ty(&mut self) -> Result<Type> {
        self.deeper(Self::ty_inner)
    }

    fn ty_inner(&mut self) -> Result<Type> {
        let start = self.span();
        let mut ty = if self.eat(Kind::Fn) {
            self.expect_as(
                Kind::OpenParen,
                Role::Postfix,
                "types of functions are like `fn(int) -> int`",
            )?;
            let params = self.within(true, |p| p.list(Kind::CloseParen, Self::ty))?;
            self.expect(Kind::CloseParen, "close the types of parameters")?;
            let result = match self.kind() == Kind::Arrow && self.same_line() {
                true => {
                    self.bump();
                    Some(Box::new(self.ty()?))
                }
                false => None,
            };
            TypeKind::Fn(params, result)
        } else if self.eat(Kind::OpenParen) {
            let inner = self.within(true, Self::ty)?;
            self.expect(Kind::CloseParen, "close the parenthesis of the type")?;
            inner.kind
        } else {
            let path = self.path("a type")?;
            match (&path.module, &*path.name.text) {
                (None, "array") => TypeKind::Array(Box::new(self.angles(Self::ty)?)),
                (None, "map") => {
                    let (key, value) = self.angles(|p| {
                        let key = p.ty()?;
                        p.expect(Kind::Comma, "maps have two types: `map<string, int>`")?;
                        Ok((key, p.ty()?))
                    })?;
                    TypeKind::Map(Box::new(key), Box::new(value))
                }
                _ => TypeKind::Path(path),
            }
        };
        while self.same_line() && matches!(self.kind(), Kind::Question | Kind::Coalesce) {
            let twice = self.kind() == Kind::Coalesce || matches!(ty, TypeKind::Optional(_));
            let mark = self.bump_as(Role::Postfix);
            if twice {
                let message = "an optional of an optional".to_owned();
                let hint = "one `?` is enough: `null` is one value";
                self.errors
                    .push(Diagnostic::new(Code::NestedOptional, mark, message, hint));
            }
            let span = start.to(self.last());
            if !matches!(ty, TypeKind::Optional(_)) {
                ty = TypeKind::Optional(Box::new(Type { kind: ty, span }));
            }
        }
        Ok(Type {
            kind: ty,
            span: start.to(self.last()),
        })
    }

    /// Parses `<…>`.
    fn angles<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let hint = "say of what: `array<int>`, `map<string, int>`";
        self.expect_as(Kind::Less, Role::Angle, hint)?;
        let inner = self.within(true, parse)?;
        let hint = match self.kind() {
            Kind::MoreEq => "write a space between `>` and `=`",
            _ => "close the angle bracket of the type",
        };
        self.expect_as(Kind::More, Role::Angle, hint)?;
        Ok(inner)
    }

    /// Parses a name, perhaps of another module.
    fn path(&mut self, what: &str) -> Result<super::ast::Path> {
        let name = self.name(what)?;
        if self.kind() == Kind::Dot && self.same_line() {
            self.bump();
            return Ok(super::ast::Path {
                module: Some(name),
                name: self.name(what)?,
            });
        }
        Ok(super::ast::Path { module: None, name })
    }
}
