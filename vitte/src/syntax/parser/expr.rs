//! Expressions: operators by their precedence, what is called, indexed and selected, literals.

use std::sync::Arc;

use super::{Parser, Result};
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::{
    Arm, ArmBody, BinaryOp, Closure, ClosureBody, Expr, ExprKind, Match, Path,
};
use crate::syntax::lexer::Kind;
use crate::syntax::{Role, literal};

/// How strongly an operator binds, weakest first, and what it is.
fn binary(kind: Kind) -> Option<(u8, BinaryOp)> {
    Some(match kind {
        Kind::Coalesce => (1, BinaryOp::Coalesce),
        Kind::OrOr => (2, BinaryOp::Or),
        Kind::AndAnd => (3, BinaryOp::And),
        Kind::EqEq => (4, BinaryOp::Eq),
        Kind::NotEq => (4, BinaryOp::Ne),
        Kind::Less => (5, BinaryOp::Lt),
        Kind::LessEq => (5, BinaryOp::Le),
        Kind::More => (5, BinaryOp::Gt),
        Kind::MoreEq => (5, BinaryOp::Ge),
        Kind::Plus => (6, BinaryOp::Add),
        Kind::Minus => (6, BinaryOp::Sub),
        Kind::Star => (7, BinaryOp::Mul),
        Kind::Slash => (7, BinaryOp::Div),
        Kind::Percent => (7, BinaryOp::Mod),
        _ => return None,
    })
}

/// The greatest height of expressions.
fn highest<'e>(exprs: impl IntoIterator<Item = &'e Expr>) -> u16 {
    exprs.into_iter().map(|expr| expr.height).max().unwrap_or(0)
}

impl Parser<'_, '_> {
    /// Parses an expression.
    pub(super) fn expr(&mut self) -> Result<Expr> {
        self.deeper(|p| p.operators(0))
    }

    /// Parses operators that bind more strongly than `weakest`.
    fn operators(&mut self, weakest: u8) -> Result<Expr> {
        let mut left = self.prefix()?;
        while let Some((strength, op)) = binary(self.kind()) {
            // `-` can start a statement, so it does not go on with the line before.
            let continues = self.same_line() || self.kind() != Kind::Minus;
            if strength <= weakest || !continues {
                break;
            }
            let place = self.bump();
            let right = self.deeper(|p| p.operators(strength))?;
            let is_chain = self.is_chain(op, place, &left);
            let span = left.span.to(right.span);
            let below = left.height.max(right.height);
            let kind = match is_chain {
                // Nothing more is said about it.
                true => ExprKind::Error,
                false => ExprKind::Binary(op, place, Box::new(left), Box::new(right)),
            };
            left = self.node(kind, span, below)?;
        }
        Ok(left)
    }

    /// Comparisons of comparisons are never what was meant.
    fn is_chain(&mut self, op: BinaryOp, place: Span, left: &Expr) -> bool {
        use BinaryOp::{Ge, Gt, Le, Lt};
        let compares = |op| matches!(op, Lt | Le | Gt | Ge);
        let is_chain = match &left.kind {
            ExprKind::Binary(first, ..) => compares(op) && compares(*first),
            _ => false,
        };
        if is_chain {
            let message = "comparisons cannot be chained".to_owned();
            let error = Diagnostic::new(Code::Expected, place, message, "write `a < b && b < c`");
            self.report(error);
        }
        is_chain
    }

    fn prefix(&mut self) -> Result<Expr> {
        let start = self.span();
        let make = match self.kind() {
            Kind::Minus => ExprKind::Neg,
            Kind::Not => ExprKind::Not,
            _ => return self.postfix(),
        };
        self.bump_as(Role::Prefix);
        let operand = self.deeper(Self::prefix)?;
        let (span, below) = (start.to(operand.span), operand.height);
        self.node(make(Box::new(operand)), span, below)
    }

    fn postfix(&mut self) -> Result<Expr> {
        let mut expr = self.primary()?;
        loop {
            let here = self.same_line();
            expr = match self.kind() {
                Kind::OpenParen if here => self.call(expr)?,
                Kind::OpenBracket if here => {
                    self.bump_as(Role::Postfix);
                    let index = self.within(true, Self::expr)?;
                    self.expect(Kind::CloseBracket, "close the bracket of the index")?;
                    let below = expr.height.max(index.height);
                    let span = expr.span.to(self.last());
                    self.node(
                        ExprKind::Index(Box::new(expr), Box::new(index)),
                        span,
                        below,
                    )?
                }
                Kind::Not if here => {
                    self.bump_as(Role::Postfix);
                    let (span, below) = (expr.span.to(self.last()), expr.height);
                    self.node(ExprKind::Unwrap(Box::new(expr)), span, below)?
                }
                // Chains of methods go on in the next line.
                Kind::Dot | Kind::SafeDot => {
                    let safe = self.kind() == Kind::SafeDot;
                    self.bump();
                    let name = self.name("the name of a field or method")?;
                    let (span, below) = (expr.span.to(name.span), expr.height);
                    let base = Box::new(expr);
                    let kind = match safe {
                        true => ExprKind::SafeField(base, name),
                        false => ExprKind::Field(base, name),
                    };
                    self.node(kind, span, below)?
                }
                Kind::OpenBrace if here && self.structs => match self.struct_path(&expr) {
                    Some(path) => self.struct_value(path)?,
                    None => return Ok(expr),
                },
                _ => return Ok(expr),
            };
        }
    }

    fn call(&mut self, callee: Expr) -> Result<Expr> {
        self.bump_as(Role::Postfix);
        let args = self.within(true, |p| p.list(Kind::CloseParen, Self::expr))?;
        self.expect(Kind::CloseParen, "close the parenthesis of the call")?;
        let below = callee.height.max(highest(&args));
        let span = callee.span.to(self.last());
        self.node(ExprKind::Call(Box::new(callee), args), span, below)
    }

    /// The struct's name, if the expression before `{` is one.
    fn struct_path(&self, expr: &Expr) -> Option<Path> {
        let looks = matches!(
            (self.ahead(1), self.ahead(2)),
            (Kind::Name, Kind::Colon) | (Kind::CloseBrace, _)
        );
        if !looks {
            return None;
        }
        match &expr.kind {
            ExprKind::Name(_) => Some(Path {
                module: None,
                name: self.name_at(expr.span),
            }),
            ExprKind::Field(base, name) => match base.kind {
                ExprKind::Name(_) => Some(Path {
                    module: Some(self.name_at(base.span)),
                    name: name.clone(),
                }),
                _ => None,
            },
            _ => None,
        }
    }

    fn struct_value(&mut self, path: Path) -> Result<Expr> {
        self.bump_as(Role::Block);
        let fields = self.within(true, |p| {
            p.list(Kind::CloseBrace, |p| {
                let name = p.name("the name of a field")?;
                p.expect(Kind::Colon, "fields are like `x: 1`")?;
                Ok((name, p.expr()?))
            })
        })?;
        self.expect_as(
            Kind::CloseBrace,
            Role::Block,
            "close the brace of the struct",
        )?;
        let below = highest(fields.iter().map(|(_, value)| value));
        let span = path.span().to(self.last());
        self.node(ExprKind::Struct(path, fields), span, below)
    }

    fn primary(&mut self) -> Result<Expr> {
        let span = self.span();
        let text = &self.text[span.range()];
        let kind = match self.kind() {
            Kind::Int => ExprKind::Int(literal::int(text, span, self.errors)),
            Kind::Float => ExprKind::Float(literal::float(text, span, self.errors)),
            Kind::Str => ExprKind::Str(literal::string(text, span, self.errors).into()),
            Kind::True => ExprKind::Bool(true),
            Kind::False => ExprKind::Bool(false),
            Kind::Null => ExprKind::Null,
            Kind::Name => ExprKind::Name(Arc::from(text)),
            Kind::OpenParen => return self.paren(),
            Kind::OpenBracket => return self.array(),
            Kind::OpenBrace => return self.map(),
            Kind::Fn => return self.closure(),
            Kind::Match => return self.match_expr(),
            _ => {
                let hint = "an expression is a literal, a name, a call, or made of such";
                return self.expected("an expression", hint);
            }
        };
        self.bump();
        self.node(kind, span, 0)
    }

    fn paren(&mut self) -> Result<Expr> {
        let start = self.bump();
        let inner = self.within(true, Self::expr)?;
        self.expect(Kind::CloseParen, "close the parenthesis")?;
        let below = inner.height;
        let span = start.to(self.last());
        self.node(ExprKind::Paren(Box::new(inner)), span, below)
    }

    fn array(&mut self) -> Result<Expr> {
        let start = self.bump();
        let items = self.within(true, |p| p.list(Kind::CloseBracket, Self::expr))?;
        self.expect(Kind::CloseBracket, "close the bracket of the array")?;
        let below = highest(&items);
        self.node(ExprKind::Array(items), start.to(self.last()), below)
    }

    fn map(&mut self) -> Result<Expr> {
        let start = self.bump();
        let entries = self.within(true, |p| {
            p.list(Kind::CloseBrace, |p| {
                let key = p.expr()?;
                p.expect(Kind::Colon, "maps are like `{\"a\": 1, \"b\": 2}`")?;
                Ok((key, p.expr()?))
            })
        })?;
        self.expect(Kind::CloseBrace, "close the brace of the map")?;
        let below = highest(entries.iter().flat_map(|(key, value)| [key, value]));
        self.node(ExprKind::Map(entries), start.to(self.last()), below)
    }

    fn closure(&mut self) -> Result<Expr> {
        let start = self.bump();
        self.expect(Kind::OpenParen, "closures are like `fn(x: int) => x + 1`")?;
        let params = self.within(true, |p| {
            p.list(Kind::CloseParen, |p| {
                let name = p.name("the name of a parameter")?;
                let ty = match p.eat(Kind::Colon) {
                    true => Some(p.ty()?),
                    false => None,
                };
                Ok((name, ty))
            })
        })?;
        self.expect(Kind::CloseParen, "close the parenthesis of the parameters")?;
        let result = match self.eat(Kind::Arrow) {
            true => Some(self.ty()?),
            false => None,
        };
        let (body, below) = match self.kind() {
            Kind::FatArrow => {
                self.bump();
                let body = self.expr()?;
                let below = body.height;
                (ClosureBody::Expr(body), below)
            }
            Kind::OpenBrace => {
                let block = self.block()?;
                let below = block.height;
                (ClosureBody::Block(block), below)
            }
            _ => {
                let hint = "closures are like `fn(x: int) => x + 1` or `fn(x: int) { … }`";
                return self.expected("`=>` or `{`", hint);
            }
        };
        let closure = Closure {
            params,
            result,
            body,
        };
        let span = start.to(self.last());
        self.node(ExprKind::Closure(Box::new(closure)), span, below)
    }

    fn match_expr(&mut self) -> Result<Expr> {
        let start = self.bump();
        let value = self.head(Self::expr)?;
        let hint = "arms are between braces: `match x { 1 => \"one\", _ => \"many\" }`";
        self.expect_as(Kind::OpenBrace, Role::Block, hint)?;
        let arms = self.within(false, |p| {
            let mut arms = Vec::new();
            while !matches!(p.kind(), Kind::CloseBrace | Kind::End) {
                arms.push(p.arm()?);
                let ended = p.eat(Kind::Comma) || p.token().first;
                if !ended && p.kind() != Kind::CloseBrace {
                    let hint = "arms are separated by commas or line ends";
                    return p.expected("`,` or `}`", hint);
                }
            }
            Ok(arms)
        })?;
        self.expect_as(
            Kind::CloseBrace,
            Role::Block,
            "close the brace of the `match`",
        )?;
        let heights = arms.iter().map(|arm| {
            let body = match &arm.body {
                ArmBody::Expr(expr) => expr.height,
                ArmBody::Block(block) => block.height,
            };
            body.max(highest(&arm.guard))
        });
        let below = heights.max().unwrap_or(0).max(value.height);
        let span = start.to(self.last());
        self.node(
            ExprKind::Match(Box::new(Match { value, arms })),
            span,
            below,
        )
    }

    fn arm(&mut self) -> Result<Arm> {
        let pattern = self.pattern()?;
        let guard = match self.eat(Kind::If) {
            true => Some(self.expr()?),
            false => None,
        };
        self.expect(Kind::FatArrow, "arms are like `pattern => value`")?;
        // Braces are a block here; a map can be written in parentheses.
        let body = match self.kind() {
            Kind::OpenBrace => ArmBody::Block(self.block()?),
            _ => ArmBody::Expr(self.expr()?),
        };
        Ok(Arm {
            pattern,
            guard,
            body,
        })
    }
}
