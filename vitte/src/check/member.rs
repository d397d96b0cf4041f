//! What is behind a dot: fields, methods, variants, members of modules.

use super::notes::{ASKED, Referred};
use super::{Checker, Item, values};
use crate::check::scope::closest;
use crate::diagnostics::Code;
use crate::hir::{Expr, ExprKind};
use crate::natives;
use crate::source::Span;
use crate::syntax::ast::{self, Name};
use crate::types::{Kind, Ty};

impl Checker<'_> {
    /// The module, struct or enum that an expression names.
    pub(super) fn static_item(&mut self, expr: &ast::Expr) -> Option<Item> {
        let item = match &expr.kind {
            ast::ExprKind::Name(name) => {
                if self.local(name).is_some() {
                    return None;
                }
                let item = self.find_item(name)?;
                self.note_item(expr.span, item);
                item
            }
            ast::ExprKind::Field(base, name) => {
                let Item::Module(target) = self.static_item(base)? else {
                    return None;
                };
                self.member_of(target, name)
            }
            _ => return None,
        };
        match item {
            Item::Struct(_) | Item::Enum(_) | Item::Module(_) | Item::Error => Some(item),
            _ => None,
        }
    }

    /// `base.name` as a value.
    pub(super) fn field(&mut self, base: &ast::Expr, name: &Name, span: Span) -> Expr {
        match self.static_item(base) {
            Some(item) => self.member_value(item, name, span),
            None => {
                let base = self.value(base, None);
                self.field_of(base, name, span)
            }
        }
    }

    fn member_value(&mut self, item: Item, name: &Name, span: Span) -> Expr {
        match item {
            Item::Module(target) => {
                let item = self.member_of(target, name);
                self.item_value(item, &name.text, span)
            }
            Item::Enum(number) => match self.variant(number, name) {
                Some((variant, types)) if types.is_empty() => {
                    self.note(name.span, Referred::Variant(number, variant));
                    Expr {
                        kind: ExprKind::Variant(number, variant, Vec::new()),
                        ty: self.add(Kind::Enum(number)),
                        span,
                    }
                }
                Some((_, types)) => {
                    let message = format!("`{}` carries {}", name.text, values(types.len()));
                    let hint = format!("give them: `{}(…)`", name.text);
                    self.error(Code::ArgumentCount, span, message, hint);
                    self.broken(span)
                }
                None => match self.enums[number as usize].methods.get(&name.text) {
                    Some(&function) => {
                        self.note(name.span, Referred::Function(function));
                        self.item_value(Item::Function(function), &name.text, span)
                    }
                    None => {
                        self.unknown_variant(number, name);
                        self.broken(span)
                    }
                },
            },
            Item::Struct(number) => match self.structs[number as usize].methods.get(&name.text) {
                _ if &*name.text == ASKED => {
                    self.ask_static(false, number, name);
                    self.broken(span)
                }
                Some(&function) => {
                    self.note(name.span, Referred::Function(function));
                    self.item_value(Item::Function(function), &name.text, span)
                }
                None => {
                    self.unknown_field(number, name);
                    self.broken(span)
                }
            },
            _ => self.broken(span),
        }
    }

    /// The variant of that name, and the types of what it carries.
    pub(super) fn variant(&self, number: u32, name: &Name) -> Option<(u32, Vec<Ty>)> {
        let variants = &self.program.enums[number as usize].variants;
        let found = *self.enums[number as usize].members.get(&name.text)?;
        Some((found, variants[found as usize].1.clone()))
    }

    #[cold]
    pub(super) fn unknown_variant(&mut self, number: u32, name: &Name) {
        self.ask_static(true, number, name);
        if self.is_only_counted(Code::UnknownMember, name.span) {
            return;
        }
        let decl = &self.program.enums[number as usize];
        let methods = self.enums[number as usize].methods.keys();
        let known = decl.variants.iter().map(|(name, _)| name).chain(methods);
        let hint = match closest(&name.text, known.map(|name| &**name).collect()) {
            Some(like) => format!("did you mean `{like}`?"),
            None => {
                let names = decl.variants.iter().take(10).map(|(name, _)| &**name);
                format!("it has {}", names.collect::<Vec<_>>().join(", "))
            }
        };
        let message = format!("enum `{}` has nothing called `{}`", decl.name, name.text);
        self.error(Code::UnknownMember, name.span, message, hint);
    }

    #[cold]
    pub(super) fn unknown_field(&mut self, number: u32, name: &Name) {
        if self.is_only_counted(Code::UnknownMember, name.span) {
            return;
        }
        let decl = &self.program.structs[number as usize];
        let methods = self.structs[number as usize].methods.keys();
        let known = decl.fields.iter().map(|(name, _)| name).chain(methods);
        let hint = match closest(&name.text, known.map(|name| &**name).collect()) {
            Some(like) => format!("did you mean `{like}`?"),
            None => {
                let names = decl.fields.iter().take(10).map(|(name, _)| &**name);
                format!("its fields: {}", names.collect::<Vec<_>>().join(", "))
            }
        };
        let message = format!("struct `{}` has nothing called `{}`", decl.name, name.text);
        self.error(Code::UnknownMember, name.span, message, hint);
    }

    /// A field of a value.
    pub(super) fn field_of(&mut self, base: Expr, name: &Name, span: Span) -> Expr {
        self.ask_member(base.ty, name);
        if let Kind::Struct(number) = self.kind(base.ty) {
            if let Some((field, ty)) = self.find_field(number, &name.text) {
                self.note(name.span, Referred::Field(number, field));
                return Expr {
                    kind: ExprKind::Field(Box::new(base), number, field),
                    ty,
                    span,
                };
            }
            if !self.structs[number as usize]
                .methods
                .contains_key(&name.text)
            {
                self.unknown_field(number, name);
                return self.broken(span);
            }
        }
        self.no_field(base.ty, name);
        self.broken(span)
    }

    pub(super) fn find_field(&self, number: u32, name: &str) -> Option<(u32, Ty)> {
        let fields = &self.program.structs[number as usize].fields;
        let found = *self.structs[number as usize].members.get(name)?;
        Some((found, fields[found as usize].1))
    }

    /// Says why a value has no field, or method, of that name.
    #[cold]
    pub(super) fn no_field(&mut self, ty: Ty, name: &Name) {
        let silent = matches!(self.kind(ty), Kind::Error | Kind::Never);
        if !silent && self.is_only_counted(Code::UnknownMember, name.span) {
            return;
        }
        let text = self.show(ty);
        let kind = self.kind(ty);
        let (code, message, hint) = match kind {
            Kind::Error | Kind::Never => return,
            Kind::Optional(_) => (
                Code::MayBeNull,
                format!("{text} may be null"),
                format!(
                    "write `?.{0}`, which gives null then, or `!.{0}`",
                    name.text
                ),
            ),
            Kind::Var(_) => (
                Code::Unknown,
                "the type of what is before the dot is not known yet".to_owned(),
                "write down the type where it is declared".to_owned(),
            ),
            Kind::Enum(number) if self.variant(number, name).is_some() => (
                Code::UnknownMember,
                format!("`{}` is a variant, not a field", name.text),
                "values of enums are looked at with `match`".to_owned(),
            ),
            _ => {
                let known = self.methods_of(&kind);
                let method = known.contains(&name.text.to_string());
                let like = closest(&name.text, known.iter().map(String::as_str).collect());
                let hint = match (method, like) {
                    (true, _) => format!("it is a method; call it: `.{}(…)`", name.text),
                    (false, Some(like)) => format!("did you mean `{like}`?"),
                    (false, None) if known.is_empty() => {
                        "it has neither fields nor methods".to_owned()
                    }
                    (false, None) => {
                        let few: Vec<_> = known.iter().take(10).map(String::as_str).collect();
                        format!("it has {}", few.join(", "))
                    }
                };
                let message = format!("{text} has no field or method `{}`", name.text);
                (Code::UnknownMember, message, hint)
            }
        };
        self.error(code, name.span, message, hint);
    }

    /// The names of methods of a type.
    fn methods_of(&self, kind: &Kind) -> Vec<String> {
        let of_native = |module: &str| {
            let rows = natives::NATIVES.iter().filter(|row| row.module == module);
            rows.map(|row| row.name.to_owned()).collect()
        };
        let mut names: Vec<String> = match kind {
            Kind::Struct(number) => {
                let methods = self.structs[*number as usize].methods.keys();
                methods.map(ToString::to_string).collect()
            }
            Kind::Enum(number) => {
                let methods = self.enums[*number as usize].methods.keys();
                methods.map(ToString::to_string).collect()
            }
            kind => native_module(kind).map_or_else(Vec::new, of_native),
        };
        names.sort();
        names.dedup();
        names
    }

    /// `base?.…`: what follows is done with the value if it is not null.
    pub(super) fn safe(
        &mut self,
        base: &ast::Expr,
        span: Span,
        then: impl FnOnce(&mut Self, Expr) -> Expr,
    ) -> Expr {
        let base = self.maybe_null(base);
        let inner = match self.kind(base.ty) {
            Kind::Optional(inner) => inner,
            Kind::Error => Ty::ERROR,
            _ => {
                let message = format!("{} is never null", self.show(base.ty));
                self.error(
                    Code::Operator,
                    base.span,
                    message,
                    "write `.` instead of `?.`",
                );
                return then(self, base);
            }
        };
        let local = self.temporary(inner, base.span);
        let value = Expr {
            kind: ExprKind::Local(local),
            ty: inner,
            span: base.span,
        };
        let then = then(self, value);
        let (then, ty) = match self.kind(then.ty) {
            Kind::Void | Kind::Error | Kind::Never => {
                let ty = then.ty;
                (then, ty)
            }
            _ => {
                let ty = self.optional(then.ty, span);
                (self.coerce(then, ty), ty)
            }
        };
        Expr {
            kind: ExprKind::Safe(Box::new(base), local, Box::new(then)),
            ty,
            span,
        }
    }
}

/// The module whose native functions are methods of a type.
pub(super) fn native_module(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Str => Some("string"),
        Kind::Array(_) => Some("array"),
        Kind::Map(..) => Some("map"),
        _ => None,
    }
}
