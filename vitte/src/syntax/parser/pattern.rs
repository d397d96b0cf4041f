//! Patterns of `match`.

use super::{Parser, Result};
use crate::diagnostics::{Code, Diagnostic};
use crate::syntax::ast::{Path, Pattern, PatternKind};
use crate::syntax::lexer::Kind;
use crate::syntax::{Role, literal};

impl Parser<'_, '_> {
    /// Parses a pattern.
    pub(super) fn pattern(&mut self) -> Result<Pattern> {
        self.deeper(|p| {
            let first = p.one_pattern()?;
            if p.kind() != Kind::Or {
                return Ok(first);
            }
            let start = first.span;
            let mut patterns = vec![first];
            while p.eat(Kind::Or) {
                patterns.push(p.one_pattern()?);
            }
            Ok(Pattern {
                kind: PatternKind::Or(patterns),
                span: start.to(p.last()),
            })
        })
    }

    fn one_pattern(&mut self) -> Result<Pattern> {
        let start = self.span();
        let text = &self.text[start.range()];
        let kind = match self.kind() {
            Kind::Name if text == "_" => {
                self.bump();
                PatternKind::Any
            }
            Kind::Name => return self.name_pattern(),
            Kind::Int | Kind::Float | Kind::Minus => self.number_pattern()?,
            Kind::Str => {
                let value = literal::string(text, start, self.errors);
                self.bump();
                PatternKind::Str(value.into())
            }
            Kind::True | Kind::False => {
                let value = self.kind() == Kind::True;
                self.bump();
                PatternKind::Bool(value)
            }
            Kind::Null => {
                self.bump();
                PatternKind::Null
            }
            _ => {
                let hint = "patterns are literals, names, `_`, and variants like `Circle(r)`";
                return self.expected("a pattern", hint);
            }
        };
        Ok(Pattern {
            kind,
            span: start.to(self.last()),
        })
    }

    fn number_pattern(&mut self) -> Result<PatternKind> {
        let start = self.span();
        let negative = self.kind() == Kind::Minus;
        if negative {
            self.bump_as(Role::Prefix);
        }
        let span = self.span();
        let text = &self.text[span.range()];
        let kind = match self.kind() {
            Kind::Int => {
                let value = literal::int(text, span, self.errors);
                let value = match negative {
                    true => Some(0i64.wrapping_sub_unsigned(value)),
                    false => i64::try_from(value).ok(),
                };
                let Some(value) = value else {
                    let message = "this integer is too large".to_owned();
                    let hint = "integers have 64 bits: at most 9223372036854775807";
                    let place = start.to(span);
                    self.errors
                        .push(Diagnostic::new(Code::Range, place, message, hint));
                    self.bump();
                    return Ok(PatternKind::Error);
                };
                PatternKind::Int(value)
            }
            Kind::Float => {
                let value = literal::float(text, span, self.errors);
                PatternKind::Float(if negative { -value } else { value })
            }
            _ => return self.expected("a number", "only numbers have a sign in patterns"),
        };
        self.bump();
        Ok(kind)
    }

    /// `x`, `Circle(r)`, `Shape.Circle(r)` or `shapes.Shape.Circle(r)`.
    fn name_pattern(&mut self) -> Result<Pattern> {
        let mut names = vec![self.name("a name")?];
        let start = names[0].span;
        while names.len() < 3 && self.eat(Kind::Dot) {
            names.push(self.name("the name of a variant")?);
        }
        let mut fields = Vec::new();
        let mut payload = false;
        if self.kind() == Kind::OpenParen && self.same_line() {
            payload = true;
            self.bump_as(Role::Postfix);
            fields = self.within(true, |p| p.list(Kind::CloseParen, Self::pattern))?;
            self.expect(Kind::CloseParen, "close the parenthesis of the variant")?;
        }
        let span = start.to(self.last());
        let last = names.pop();
        let mut rest = names.into_iter();
        let path = match (rest.next(), rest.next()) {
            (Some(module), Some(name)) => Some(Path {
                module: Some(module),
                name,
            }),
            (Some(name), None) => Some(Path { module: None, name }),
            _ => None,
        };
        let kind = match last {
            Some(name) if path.is_none() && !payload => PatternKind::Name(name),
            Some(name) => PatternKind::Variant(path, name, fields),
            None => PatternKind::Error,
        };
        Ok(Pattern { kind, span })
    }
}
