//! Statements and blocks.

use super::{Failed, Parser, Result};
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::Role;
use crate::syntax::ast::{BinaryOp, Block, Condition, Expr, ExprKind, Stmt, StmtKind};
use crate::syntax::lexer::Kind;

/// The height of what a statement holds; blocks and expressions know theirs.
fn height(kind: &StmtKind) -> u16 {
    let condition = |condition: &Condition| match condition {
        Condition::Expr(expr) | Condition::Let(_, expr) => expr.height,
    };
    let of = |expr: &Option<Expr>| expr.as_ref().map_or(0, |expr| expr.height);
    let inner = |stmt: &Option<Box<Stmt>>| stmt.as_ref().map_or(0, |stmt| height(&stmt.kind));
    match kind {
        StmtKind::Let { value, .. } => value.height,
        StmtKind::Assign(target, _, _, value) => target.height.max(value.height),
        StmtKind::Expr(expr) => expr.height,
        StmtKind::If(arms, otherwise) => {
            let arms = arms
                .iter()
                .map(|(cond, block)| condition(cond).max(block.height));
            let otherwise = otherwise.as_ref().map_or(0, |block| block.height);
            arms.max().unwrap_or(0).max(otherwise)
        }
        StmtKind::While(cond, block) => condition(cond).max(block.height),
        StmtKind::ForIn {
            over, end, body, ..
        } => over.height.max(of(end)).max(body.height),
        StmtKind::For {
            init,
            cond,
            step,
            body,
        } => inner(init).max(of(cond)).max(inner(step)).max(body.height),
        StmtKind::Return(value) => of(value),
        StmtKind::Block(block) => block.height,
        StmtKind::Fn(function) => function.body.height,
        StmtKind::Struct(decl) => decl
            .methods
            .iter()
            .map(|f| f.body.height)
            .max()
            .unwrap_or(0),
        StmtKind::Enum(decl) => decl
            .methods
            .iter()
            .map(|f| f.body.height)
            .max()
            .unwrap_or(0),
        StmtKind::Error
        | StmtKind::Break
        | StmtKind::Continue
        | StmtKind::Extern(_)
        | StmtKind::Import(_) => 0,
    }
}

/// Whether a token starts a statement wherever it is: parsing goes on there after a mistake.
fn starts_statement(kind: Kind) -> bool {
    use Kind::{
        Break, Const, Continue, Enum, Extern, For, If, Import, Let, Match, Return, Struct, While,
    };
    matches!(
        kind,
        Break
            | Const
            | Continue
            | Enum
            | Extern
            | For
            | If
            | Import
            | Let
            | Match
            | Return
            | Struct
            | While
    )
}

impl Parser<'_, '_> {
    /// Parses all statements of a file.
    pub(super) fn file(&mut self) -> Vec<Stmt> {
        let mut stmts = Vec::new();
        loop {
            self.statements(&mut stmts);
            if self.kind() == Kind::End {
                return stmts;
            }
            let message = "this brace closes nothing".to_owned();
            let error = Diagnostic::new(Code::Expected, self.span(), message, "remove it");
            self.report(error);
            self.bump();
        }
    }

    /// Parses statements up to a closing brace or the end of the file.
    fn statements(&mut self, stmts: &mut Vec<Stmt>) {
        while !matches!(self.kind(), Kind::CloseBrace | Kind::End) {
            if self.eat(Kind::Semicolon) {
                continue;
            }
            let start = self.pos;
            match self.stmt() {
                Ok(stmt) => {
                    stmts.push(stmt);
                    self.end_of_statement();
                }
                Err(Failed) => {
                    let span = self.tokens[start].span;
                    self.skip_statement(start);
                    stmts.push(Stmt {
                        kind: StmtKind::Error,
                        span: span.to(self.last()),
                    });
                }
            }
        }
    }

    /// Goes on behind a statement that makes no sense: at the next line that starts one, or behind
    /// the closing brace of a block that was opened in it.
    fn skip_statement(&mut self, start: usize) {
        // Brackets that were open where it went wrong do not count.
        let mut braces = 0usize;
        if self.pos == start {
            braces += usize::from(self.kind() == Kind::OpenBrace);
            self.bump();
        }
        loop {
            match self.kind() {
                Kind::End => return,
                Kind::OpenBrace => braces += 1,
                Kind::CloseBrace if braces == 0 => return,
                Kind::CloseBrace => {
                    braces -= 1;
                    if braces == 0 {
                        self.bump();
                        return;
                    }
                }
                Kind::Semicolon if braces == 0 => return,
                kind if braces == 0 && (self.token().first || starts_statement(kind)) => return,
                _ => {}
            }
            self.bump();
        }
    }

    fn end_of_statement(&mut self) {
        let ended = self.token().first
            || matches!(self.kind(), Kind::Semicolon | Kind::CloseBrace | Kind::End)
            || self.pos > 0 && self.tokens[self.pos - 1].kind == Kind::CloseBrace;
        if !ended {
            let span = self.span();
            let message = "expected the end of the statement".to_owned();
            let hint = "statements end with the line or with `;`";
            let error = Diagnostic::new(Code::StatementEnd, span, message, hint);
            self.report(error);
            self.skip_statement(self.pos);
        }
    }

    /// Parses `{ … }`.
    pub(super) fn block(&mut self) -> Result<Block> {
        let hint = "blocks are between braces";
        let start = self.expect_as(Kind::OpenBrace, Role::Block, hint)?;
        let mut stmts = Vec::new();
        self.within(false, |p| {
            p.statements(&mut stmts);
            Ok(())
        })?;
        if self.kind() != Kind::CloseBrace {
            let span = self.span();
            let message = "expected `}`, found the end of the file".to_owned();
            let error = Diagnostic::new(Code::Expected, span, message, "close the block with `}`");
            self.report(error.also(start, "this brace is open"));
            return Err(Failed);
        }
        self.bump_as(Role::Block);
        let below = stmts.iter().map(|stmt| height(&stmt.kind)).max();
        self.block_of(stmts, start.to(self.last()), below.unwrap_or(0))
    }

    /// Parses a statement or declaration.
    fn stmt(&mut self) -> Result<Stmt> {
        let start = self.span();
        let kind = self.deeper(Self::stmt_kind)?;
        Ok(Stmt {
            kind,
            span: start.to(self.last()),
        })
    }

    fn stmt_kind(&mut self) -> Result<StmtKind> {
        Ok(match self.kind() {
            Kind::If => self.if_stmt()?,
            Kind::While => {
                self.bump();
                let cond = self.head(Self::condition)?;
                StmtKind::While(cond, self.block()?)
            }
            Kind::For => self.for_stmt()?,
            Kind::Break => {
                self.bump();
                StmtKind::Break
            }
            Kind::Continue => {
                self.bump();
                StmtKind::Continue
            }
            Kind::Return => {
                self.bump();
                let ends = self.token().first
                    || matches!(self.kind(), Kind::Semicolon | Kind::CloseBrace | Kind::End);
                StmtKind::Return(match ends {
                    true => None,
                    false => Some(self.expr()?),
                })
            }
            Kind::OpenBrace => StmtKind::Block(self.block()?),
            Kind::Fn if self.ahead(1) == Kind::Name => StmtKind::Fn(self.function()?),
            Kind::Extern => StmtKind::Extern(self.extern_fn()?),
            Kind::Struct => StmtKind::Struct(self.struct_decl()?),
            Kind::Enum => StmtKind::Enum(self.enum_decl()?),
            Kind::Import => StmtKind::Import(self.import()?),
            Kind::Name if self.at_word("from") && self.ahead(1) == Kind::Name => {
                StmtKind::Import(self.members_import()?)
            }
            _ => self.simple()?,
        })
    }

    /// Parses `let`, `const`, an assignment or an expression.
    fn simple(&mut self) -> Result<StmtKind> {
        let mutable = self.kind() == Kind::Let;
        if mutable || self.kind() == Kind::Const {
            self.bump();
            let name = self.name("the name of a variable")?;
            let ty = match self.eat(Kind::Colon) {
                true => Some(self.ty()?),
                false => None,
            };
            self.expect(Kind::Assign, "variables have a first value: `let x = 0`")?;
            let value = self.expr()?;
            return Ok(StmtKind::Let {
                mutable,
                name,
                ty,
                value,
            });
        }
        let target = self.expr()?;
        let op = match self.kind() {
            Kind::Assign => None,
            Kind::AddAssign => Some(BinaryOp::Add),
            Kind::SubAssign => Some(BinaryOp::Sub),
            Kind::MulAssign => Some(BinaryOp::Mul),
            Kind::DivAssign => Some(BinaryOp::Div),
            Kind::ModAssign => Some(BinaryOp::Mod),
            _ => return Ok(StmtKind::Expr(target)),
        };
        let place = self.bump();
        let value = self.expr()?;
        let assignable = matches!(
            target.kind,
            ExprKind::Name(_) | ExprKind::Field(..) | ExprKind::Index(..)
        );
        if !assignable {
            let message = "this cannot be assigned to".to_owned();
            let hint = "variables, fields and elements can: `x = 1`, `p.x = 1`, `a[0] = 1`";
            let error = Diagnostic::new(Code::Target, target.span, message, hint);
            self.errors.push(error);
        }
        Ok(StmtKind::Assign(target, op, place, value))
    }

    fn condition(&mut self) -> Result<Condition> {
        if self.eat(Kind::Let) {
            let name = self.name("a name for the value")?;
            self.expect(Kind::Assign, "write `if let x = optional { … }`")?;
            return Ok(Condition::Let(name, self.expr()?));
        }
        Ok(Condition::Expr(self.expr()?))
    }

    fn if_stmt(&mut self) -> Result<StmtKind> {
        let mut arms = Vec::new();
        loop {
            self.bump();
            let cond = self.head(Self::condition)?;
            arms.push((cond, self.block()?));
            if !self.eat(Kind::Else) {
                return Ok(StmtKind::If(arms, None));
            }
            if self.kind() != Kind::If {
                return Ok(StmtKind::If(arms, Some(self.block()?)));
            }
        }
    }

    fn for_stmt(&mut self) -> Result<StmtKind> {
        self.bump();
        if self.kind() == Kind::Name && matches!(self.ahead(1), Kind::In | Kind::Comma) {
            let name = self.name("the name of a variable")?;
            let second = match self.eat(Kind::Comma) {
                true => Some(self.name("the name of a variable")?),
                false => None,
            };
            self.expect(Kind::In, "write `for x in values { … }`")?;
            let over = self.head(Self::expr)?;
            let end = match self.eat(Kind::DotDot) {
                true => Some(self.head(Self::expr)?),
                false => None,
            };
            let body = self.block()?;
            return Ok(StmtKind::ForIn {
                name,
                second,
                over,
                end,
                body,
            });
        }
        let hint = "write `for x in values { … }` or `for let i = 0; i < n; i += 1 { … }`";
        let init = match self.kind() {
            Kind::Semicolon => None,
            _ => Some(Box::new(self.head_stmt()?)),
        };
        self.expect_as(Kind::Semicolon, Role::Head, hint)?;
        let cond = match self.kind() {
            Kind::Semicolon => None,
            _ => Some(self.head(Self::expr)?),
        };
        self.expect_as(Kind::Semicolon, Role::Head, hint)?;
        let step = match self.kind() {
            Kind::OpenBrace => None,
            _ => Some(Box::new(self.head_stmt()?)),
        };
        let body = self.block()?;
        Ok(StmtKind::For {
            init,
            cond,
            step,
            body,
        })
    }

    fn head_stmt(&mut self) -> Result<Stmt> {
        let start: Span = self.span();
        let kind = self.head(Self::simple)?;
        Ok(Stmt {
            kind,
            span: start.to(self.last()),
        })
    }
}
