//! Expressions, but for calls and operators.

use std::collections::HashMap;
use std::sync::Arc;

use super::notes::Referred;
use super::scope::{Found, Frame, Place};
use super::{Checker, Demand, Item};
use crate::diagnostics::{Code, Diagnostic};
use crate::hir::{self, Expr, ExprKind};
use crate::source::Span;
use crate::syntax::ast::{self, ClosureBody, Name, Path};
use crate::types::{Kind, Ty};

impl Checker<'_> {
    /// Checks an expression; `want` is the type that it should have, where one is known: it helps
    /// inference, but is not asked for.
    pub(super) fn expr(&mut self, expr: &ast::Expr, want: Option<Ty>) -> Expr {
        let checked = self.expr_kind(expr, want);
        self.note_type(expr.span, checked.ty);
        checked
    }

    fn expr_kind(&mut self, expr: &ast::Expr, want: Option<Ty>) -> Expr {
        let span = expr.span;
        let plain = |kind, ty| Expr { kind, ty, span };
        // What is optional is made of what is not.
        let inner = want.map(|want| match self.kind(want) {
            Kind::Optional(inner) => inner,
            _ => want,
        });
        match &expr.kind {
            ast::ExprKind::Error => self.broken(span),
            ast::ExprKind::Int(value) => self.int(*value, false, inner, span),
            ast::ExprKind::Float(value) => plain(ExprKind::Float(*value), Ty::FLOAT),
            ast::ExprKind::Str(text) => plain(ExprKind::Str(text.clone()), Ty::STR),
            ast::ExprKind::Bool(value) => plain(ExprKind::Bool(*value), Ty::BOOL),
            ast::ExprKind::Null => self.null(want, span),
            ast::ExprKind::Name(name) => self.name(name, span),
            ast::ExprKind::Paren(inner) => Expr {
                span,
                ..self.expr(inner, want)
            },
            ast::ExprKind::Array(items) => self.array(items, inner, span),
            ast::ExprKind::Map(entries) => self.map(entries, inner, span),
            ast::ExprKind::Struct(path, fields) => self.struct_value(path, fields, span),
            ast::ExprKind::Closure(closure) => self.closure(closure, inner, span),
            ast::ExprKind::Neg(operand) => self.neg(operand, inner, span),
            ast::ExprKind::Not(operand) => {
                let operand = self.expr_of(operand, Ty::BOOL);
                plain(ExprKind::Not(Box::new(operand)), Ty::BOOL)
            }
            ast::ExprKind::Binary(op, place, left, right) => {
                self.binary(*op, *place, left, right, want, span)
            }
            ast::ExprKind::Unwrap(operand) => self.unwrap(operand, span),
            ast::ExprKind::Call(callee, args) => self.call(callee, args, want, span),
            ast::ExprKind::Field(base, name) => self.field(base, name, span),
            ast::ExprKind::SafeField(base, name) => {
                self.safe(base, span, |this, base| this.field_of(base, name, span))
            }
            ast::ExprKind::Index(base, index) => self.index(base, index, span),
            ast::ExprKind::Match(decl) => self.match_value(decl, want, span),
        }
    }

    /// Checks an expression that must have a type.
    pub(super) fn expr_of(&mut self, expr: &ast::Expr, want: Ty) -> Expr {
        let found = self.expr(expr, Some(want));
        self.coerce(found, want)
    }

    /// Checks an expression that must have a value, of whatever type.
    pub(super) fn value(&mut self, expr: &ast::Expr, want: Option<Ty>) -> Expr {
        let found = self.expr(expr, want);
        if self.kind(found.ty) == Kind::Void {
            self.no_value(expr.span);
            return self.broken(expr.span);
        }
        if let Kind::Var(_) = self.kind(found.ty) {
            self.demands.push((Demand::Value, found.ty, expr.span));
        }
        found
    }

    /// Checks an expression whose type becomes part of another one.
    pub(super) fn part(&mut self, expr: &ast::Expr) -> Expr {
        let value = self.value(expr, None);
        match self.kind(value.ty) {
            Kind::Never => Expr {
                ty: self.unknown(value.span, "this value"),
                ..value
            },
            _ => value,
        }
    }

    fn int(&mut self, value: u64, negative: bool, want: Option<Ty>, span: Span) -> Expr {
        if want.is_some_and(|want| self.kind(want) == Kind::Float) {
            let value = if negative {
                -(value as f64)
            } else {
                value as f64
            };
            return Expr {
                kind: ExprKind::Float(value),
                ty: Ty::FLOAT,
                span,
            };
        }
        let signed = match negative {
            true => Some(0i64.wrapping_sub_unsigned(value)),
            false => i64::try_from(value).ok(),
        };
        let Some(signed) = signed else {
            let message = "this integer is too large".to_owned();
            let hint = "integers have 64 bits: at most 9223372036854775807";
            self.error(Code::Range, span, message, hint);
            return self.broken(span);
        };
        Expr {
            kind: ExprKind::Int(signed),
            ty: Ty::INT,
            span,
        }
    }

    fn neg(&mut self, operand: &ast::Expr, want: Option<Ty>, span: Span) -> Expr {
        // The least integer has no positive counterpart.
        if let ast::ExprKind::Int(value) = operand.kind {
            return self.int(value, true, want, span);
        }
        let operand = self.value(operand, want);
        let ty = operand.ty;
        self.demand(Demand::Number, ty, span);
        Expr {
            kind: ExprKind::Neg(Box::new(operand)),
            ty,
            span,
        }
    }

    fn null(&mut self, want: Option<Ty>, span: Span) -> Expr {
        let ty = match want {
            Some(want) if matches!(self.kind(want), Kind::Optional(_)) => want,
            _ => {
                let inner = self.unknown(span, "this `null`");
                self.optional(inner, span)
            }
        };
        Expr {
            kind: ExprKind::Null,
            ty,
            span,
        }
    }

    fn name(&mut self, name: &Arc<str>, span: Span) -> Expr {
        match self.find_noting(name, span) {
            Some(Found::Local(local)) => {
                let ty = self.frame().locals[local as usize].ty;
                self.read(Place::Local(local), ty, span)
            }
            Some(Found::Item(item)) => self.item_value(item, name, span),
            None => {
                self.unknown_name(name, span);
                self.broken(span)
            }
        }
    }

    /// The value of something at top level.
    pub(super) fn item_value(&mut self, item: Item, name: &str, span: Span) -> Expr {
        let plain = |kind, ty| Expr { kind, ty, span };
        match item {
            Item::Global(number) => {
                self.use_global(number, span);
                let ty = self.program.globals[number as usize].ty;
                self.read(Place::Global(number), ty, span)
            }
            Item::Function(number) => {
                self.uses.function(number, span);
                let signature = self.signatures[number as usize].clone();
                let ty = self.add(Kind::Fn(signature.params, signature.result));
                plain(ExprKind::Function(number), ty)
            }
            Item::Extern(number) => {
                let row = &self.program.externs[number as usize];
                let kind = Kind::Fn(row.params.clone(), row.result);
                let ty = self.add(kind);
                plain(ExprKind::Extern(number), ty)
            }
            Item::Error => self.broken(span),
            Item::Struct(_) | Item::Enum(_) | Item::Module(_) | Item::Native(..) => {
                let (what, hint) = match item {
                    Item::Struct(_) => ("a struct", format!("make one: `{name} {{ … }}`")),
                    Item::Enum(_) => ("an enum", format!("name a variant: `{name}.First`")),
                    Item::Module(_) => ("a module", format!("name something of it: `{name}.f()`")),
                    _ => {
                        let hint =
                            format!("call it, or put it into a closure: `fn(x) => {name}(x)`");
                        ("a native function", hint)
                    }
                };
                let message = format!("`{name}` is {what}, not a value");
                self.error(Code::NoValue, span, message, hint);
                self.broken(span)
            }
        }
    }

    fn array(&mut self, items: &[ast::Expr], want: Option<Ty>, span: Span) -> Expr {
        let mut item = match want.map(|want| self.kind(want)) {
            Some(Kind::Array(item)) => Some(item),
            _ => None,
        };
        let mut values = Vec::with_capacity(items.len());
        for value in items {
            let value = match item {
                Some(item) => self.expr_of(value, item),
                None => {
                    let value = self.part(value);
                    item = Some(value.ty);
                    value
                }
            };
            values.push(value);
        }
        let item = match item {
            Some(item) => item,
            None => self.unknown(span, "the elements of this array"),
        };
        Expr {
            kind: ExprKind::Array(values),
            ty: self.add(Kind::Array(item)),
            span,
        }
    }

    fn map(&mut self, entries: &[(ast::Expr, ast::Expr)], want: Option<Ty>, span: Span) -> Expr {
        let mut types = match want.map(|want| self.kind(want)) {
            Some(Kind::Map(key, value)) => Some((key, value)),
            _ => None,
        };
        let mut values = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            match types {
                Some((key_ty, value_ty)) => {
                    values.push((self.expr_of(key, key_ty), self.expr_of(value, value_ty)));
                }
                None => {
                    let (key, value) = (self.part(key), self.part(value));
                    self.demand(Demand::Key, key.ty, key.span);
                    types = Some((key.ty, value.ty));
                    values.push((key, value));
                }
            }
        }
        let (key, value) = match types {
            Some(types) => types,
            None => {
                let key = self.unknown(span, "the keys of this map");
                self.demand(Demand::Key, key, span);
                (key, self.unknown(span, "the values of this map"))
            }
        };
        Expr {
            kind: ExprKind::Map(values),
            ty: self.add(Kind::Map(key, value)),
            span,
        }
    }

    fn struct_value(&mut self, path: &Path, fields: &[(Name, ast::Expr)], span: Span) -> Expr {
        let number = match self.type_item(path) {
            Some(Item::Struct(number)) => number,
            other => {
                if other.is_some() {
                    let message = format!("`{}` is an enum", path.name.text);
                    let hint = format!("name a variant: `{}.First`", path.name.text);
                    self.error(Code::NoValue, path.span(), message, hint);
                }
                for (_, value) in fields {
                    self.value(value, None);
                }
                return self.broken(span);
            }
        };
        let mut given: HashMap<u32, Span> = HashMap::new();
        let mut values = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            let Some((field, ty)) = self.find_field(number, &name.text) else {
                self.ask_field(number, name);
                self.unknown_field(number, name);
                self.value(value, None);
                continue;
            };
            self.note(name.span, Referred::Field(number, field));
            values.push((field, self.expr_of(value, ty)));
            if let Some(old) = given.insert(field, name.span) {
                let message = format!("the field `{}` is given twice", name.text);
                let error = Diagnostic::new(Code::Fields, name.span, message, "remove one");
                self.errors.push(error.also(old, "first given here"));
            }
        }
        let fields = (0u32..).zip(&self.program.structs[number as usize].fields);
        let members = &self.structs[number as usize].members;
        // Where two have one name, which was reported, it is the first that has a value.
        let named = fields.filter(|(field, (name, _))| members.get(name) == Some(field));
        let missing = named.filter(|(field, _)| !given.contains_key(field));
        let names = missing.take(10).map(|(_, (name, _))| format!("`{name}`"));
        let names: Vec<_> = names.collect();
        if !names.is_empty() {
            let message = format!("these fields have no values: {}", names.join(", "));
            let hint = "every field needs a value; optional ones may have `null`";
            self.error(Code::Fields, path.span(), message, hint);
        }
        Expr {
            kind: ExprKind::Struct(number, values),
            ty: self.add(Kind::Struct(number)),
            span,
        }
    }

    fn closure(&mut self, closure: &ast::Closure, want: Option<Ty>, span: Span) -> Expr {
        let wanted = match want.map(|want| self.kind(want)) {
            Some(Kind::Fn(params, result)) if params.len() == closure.params.len() => {
                Some((params, result))
            }
            _ => None,
        };
        let mut params = Vec::new();
        for (i, (name, ty)) in closure.params.iter().enumerate() {
            params.push(match (ty, &wanted) {
                (Some(ty), _) => self.ty(ty),
                (None, Some((params, _))) => params[i],
                (None, None) => self.unknown(name.span, "this parameter"),
            });
        }
        let result = match (&closure.result, &wanted) {
            (Some(ty), _) => self.ty(ty),
            (None, Some((_, result))) => *result,
            (None, None) => self.program.types.var(),
        };
        let names: Vec<&Name> = closure.params.iter().map(|(name, _)| name).collect();
        self.function_value("closure", &names, params, result, &closure.body, None, span)
    }

    /// A function inside of a function; `this` is its name, if it has one.
    #[expect(
        clippy::too_many_arguments,
        reason = "two kinds of functions come here with all they have"
    )]
    pub(super) fn function_value(
        &mut self,
        name: &str,
        names: &[&Name],
        params: Vec<Ty>,
        result: Ty,
        body: &ClosureBody,
        this: Option<&Name>,
        span: Span,
    ) -> Expr {
        let ty = self.add(Kind::Fn(params.clone(), result));
        self.frames.push(Frame {
            result: Some(result),
            scopes: vec![HashMap::new(), HashMap::new()],
            ..Frame::default()
        });
        for (name, ty) in names.iter().zip(&params) {
            self.declare_local(name, *ty, true);
        }
        let mut stmts = Vec::new();
        if let Some(this) = this {
            // In a scope of its own: a parameter may have the same name.
            let scopes = &mut self.frame().scopes;
            let inner = scopes.pop().unwrap_or_default();
            let local = self.declare_local(this, ty, false);
            self.frame().scopes.push(inner);
            let kind = ExprKind::This;
            stmts.push(hir::Stmt {
                kind: hir::StmtKind::Let(local, Expr { kind, ty, span }),
                span,
            });
        }
        match body {
            ClosureBody::Expr(body) => {
                let value = self.expr(body, Some(result));
                let value_span = value.span;
                let kind = match self.kind(value.ty) {
                    // What never comes back gives no value, like functions that say nothing of one.
                    Kind::Void | Kind::Never
                        if matches!(self.kind(result), Kind::Void | Kind::Var(_)) =>
                    {
                        // Cannot fail: it is the same, or not known yet.
                        let _ = self.program.types.unify(result, Ty::VOID);
                        hir::StmtKind::Expr(value)
                    }
                    _ if self.kind(result) == Kind::Void => hir::StmtKind::Expr(value),
                    _ => hir::StmtKind::Return(Some(self.coerce(value, result))),
                };
                stmts.push(hir::Stmt {
                    kind,
                    span: value_span,
                });
            }
            ClosureBody::Block(block) => {
                let (body, goes_on) = self.block(block);
                stmts.extend(body);
                match self.kind(result) {
                    // No `return` has a value, whether the end is reached or not.
                    Kind::Var(_) => {
                        let _ = self.program.types.unify(result, Ty::VOID);
                    }
                    Kind::Void => {}
                    _ if goes_on => self.no_return(block, result),
                    _ => {}
                }
            }
        }
        let frame = self.frames.pop().unwrap_or_default();
        let (outer, inner) = frame.captures.into_iter().unzip();
        self.program.functions.push(hir::Function {
            name: name.into(),
            span,
            params: params.len() as u32,
            locals: frame.locals,
            result,
            body: stmts,
            captures: inner,
        });
        self.signatures.push(super::Signature {
            params,
            result,
            receiver: false,
            span,
        });
        let number = (self.program.functions.len() - 1) as u32;
        Expr {
            kind: ExprKind::Closure(number, outer),
            ty,
            span,
        }
    }

    fn unwrap(&mut self, operand: &ast::Expr, span: Span) -> Expr {
        let operand = self.maybe_null(operand);
        let ty = match self.kind(operand.ty) {
            Kind::Optional(inner) => inner,
            Kind::Error => return self.broken(span),
            _ => {
                let message = format!("{} is never null", self.show(operand.ty));
                self.error(Code::Operator, span, message, "remove the `!`");
                return operand;
            }
        };
        Expr {
            kind: ExprKind::Unwrap(Box::new(operand)),
            ty,
            span,
        }
    }

    fn index(&mut self, base: &ast::Expr, index: &ast::Expr, span: Span) -> Expr {
        let base = self.value(base, None);
        let (index_ty, ty) = match self.kind(base.ty) {
            Kind::Array(item) => (Ty::INT, item),
            Kind::Map(key, value) => (key, value),
            Kind::Str => (Ty::INT, Ty::STR),
            kind => {
                let index = self.value(index, None);
                self.not_indexed(&kind, base.ty, index.span, base.span);
                return self.broken(span);
            }
        };
        let index = self.expr_of(index, index_ty);
        Expr {
            kind: ExprKind::Index(Box::new(base), Box::new(index)),
            ty,
            span,
        }
    }

    #[cold]
    fn not_indexed(&mut self, kind: &Kind, ty: Ty, _index: Span, span: Span) {
        let text = self.show(ty);
        let (code, message, hint) = match kind {
            Kind::Error | Kind::Never => return,
            Kind::Optional(_) => {
                let message = format!("{text} may be null");
                (Code::MayBeNull, message, "test it, or write `x![i]`")
            }
            Kind::Var(_) => {
                let message = "the type of this is not known yet".to_owned();
                (
                    Code::Unknown,
                    message,
                    "write down the type where it is declared",
                )
            }
            _ => {
                let message = format!("{text} has no elements");
                (Code::Operator, message, "arrays, maps and strings have")
            }
        };
        self.error(code, span, message, hint);
    }
}
