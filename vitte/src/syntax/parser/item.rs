//! Declarations: functions, types, imports.

use super::{Parser, Result};
use crate::source::Span;
use crate::syntax::ast::{Enum, Extern, Function, Import, Imported, Name, Struct, Type};
use crate::syntax::lexer::Kind;
use crate::syntax::{Role, literal};

impl Parser<'_, '_> {
    /// Parses `name: T`.
    fn param(&mut self) -> Result<(Name, Type)> {
        let name = self.name("the name of a parameter")?;
        self.expect(Kind::Colon, "parameters have types: `x: int`")?;
        Ok((name, self.ty()?))
    }

    /// Parses `-> T`, if it is there.
    fn result(&mut self) -> Result<Option<Type>> {
        match self.kind() == Kind::Arrow && self.same_line() {
            true => {
                self.bump();
                Ok(Some(self.ty()?))
            }
            false => Ok(None),
        }
    }

    /// Parses `fn name(…) -> R { … }`.
    pub(super) fn function(&mut self) -> Result<Function> {
        self.bump();
        let name = self.name("the name of a function")?;
        let hint = "functions are like `fn add(x: int, y: int) -> int { … }`";
        self.expect_as(Kind::OpenParen, Role::Postfix, hint)?;
        let mut receiver = None;
        let params = self.within(true, |p| {
            if p.at_word("self") && matches!(p.ahead(1), Kind::Comma | Kind::CloseParen) {
                receiver = Some(p.bump());
                p.eat(Kind::Comma);
            }
            p.list(Kind::CloseParen, Self::param)
        })?;
        self.expect(Kind::CloseParen, "close the parenthesis of the parameters")?;
        let result = self.result()?;
        let body = self.block()?;
        Ok(Function {
            name,
            receiver,
            params,
            result,
            body,
        })
    }

    /// Parses a string that a declaration holds.
    fn text(&mut self, what: &str) -> Result<(std::sync::Arc<str>, Span)> {
        if self.kind() != Kind::Str {
            return self.expected(what, "write it in quotes");
        }
        let span = self.bump();
        let text = &self.text[span.range()];
        Ok((literal::string(text, span, self.errors).into(), span))
    }

    /// Parses `extern fn name(…) -> R` or `extern "lib" fn name(…) -> R = "symbol"`.
    pub(super) fn extern_fn(&mut self) -> Result<Extern> {
        self.bump();
        let library = match self.kind() {
            Kind::Str => Some(self.text("the name of a library")?),
            _ => None,
        };
        self.expect(Kind::Fn, "write `extern fn name(x: float) -> float`")?;
        let name = self.name("the name of a function")?;
        let hint = "write `extern fn name(x: float) -> float`";
        self.expect_as(Kind::OpenParen, Role::Postfix, hint)?;
        let params = self.within(true, |p| p.list(Kind::CloseParen, Self::param))?;
        self.expect(Kind::CloseParen, "close the parenthesis of the parameters")?;
        let result = self.result()?;
        // No statement starts with `=`, so it may stand in the next line.
        let symbol = match self.kind() == Kind::Assign {
            true => {
                self.bump();
                Some(self.text("the library's name of the function")?)
            }
            false => None,
        };
        Ok(Extern {
            library,
            name,
            params,
            result,
            symbol,
        })
    }

    /// Parses members of a struct or enum up to the brace, methods apart.
    fn members<T>(
        &mut self,
        what: &str,
        mut member: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<(Vec<T>, Vec<Function>)> {
        let hint = format!("{what}s are between braces");
        self.expect_as(Kind::OpenBrace, Role::Block, &hint)?;
        let mut members = Vec::new();
        let mut methods = Vec::new();
        self.within(false, |p| {
            while !matches!(p.kind(), Kind::CloseBrace | Kind::End) {
                if p.kind() == Kind::Fn {
                    methods.push(p.function()?);
                } else {
                    members.push(member(p)?);
                }
                let ended = p.eat(Kind::Comma) || p.eat(Kind::Semicolon) || p.token().first;
                let after_method = p.tokens[p.pos - 1].kind == Kind::CloseBrace;
                if !ended && !after_method && p.kind() != Kind::CloseBrace {
                    let hint = format!("{what}s are separated by commas or line ends");
                    return p.expected("`,` or `}`", &hint);
                }
            }
            Ok(())
        })?;
        self.expect_as(Kind::CloseBrace, Role::Block, "close the brace of the type")?;
        Ok((members, methods))
    }

    /// Parses `struct Name { … }`.
    pub(super) fn struct_decl(&mut self) -> Result<Struct> {
        self.bump();
        let name = self.name("the name of a struct")?;
        let (fields, methods) = self.members("field", |p| {
            let name = p.name("the name of a field")?;
            p.expect(Kind::Colon, "fields have types: `x: int`")?;
            Ok((name, p.ty()?))
        })?;
        Ok(Struct {
            name,
            fields,
            methods,
        })
    }

    /// Parses `enum Name { … }`.
    pub(super) fn enum_decl(&mut self) -> Result<Enum> {
        self.bump();
        let name = self.name("the name of an enum")?;
        let (variants, methods) = self.members("variant", |p| {
            let name = p.name("the name of a variant")?;
            let mut types = Vec::new();
            if p.kind() == Kind::OpenParen && p.same_line() {
                p.bump_as(Role::Postfix);
                types = p.within(true, |p| p.list(Kind::CloseParen, Self::ty))?;
                p.expect(Kind::CloseParen, "close the parenthesis of the variant")?;
            }
            Ok((name, types))
        })?;
        Ok(Enum {
            name,
            variants,
            methods,
        })
    }

    /// Parses `a.b.c`.
    fn module_path(&mut self) -> Result<Vec<Name>> {
        let mut path = vec![self.name("the name of a module")?];
        while self.kind() == Kind::Dot && self.same_line() {
            self.bump();
            path.push(self.name("the name of a module")?);
        }
        Ok(path)
    }

    /// Parses `as name`, if it is there.
    fn renamed(&mut self, name: Name) -> Result<Name> {
        match self.kind() == Kind::As && self.same_line() {
            true => {
                self.bump();
                self.name("another name")
            }
            false => Ok(name),
        }
    }

    /// Parses `import m as a`.
    pub(super) fn import(&mut self) -> Result<Import> {
        self.bump();
        let path = self.module_path()?;
        let last = path[path.len() - 1].clone();
        let what = Imported::Module(self.renamed(last)?);
        Ok(Import { path, what })
    }

    /// Parses `from m import a, b as c`.
    pub(super) fn members_import(&mut self) -> Result<Import> {
        self.bump();
        let path = self.module_path()?;
        self.expect(Kind::Import, "write `from module import name, other`")?;
        let mut members = Vec::new();
        loop {
            let name = self.name("a name of the module")?;
            members.push((name.clone(), self.renamed(name)?));
            if !self.eat(Kind::Comma) {
                break;
            }
        }
        let what = Imported::Members(members);
        Ok(Import { path, what })
    }
}
