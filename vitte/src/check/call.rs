//! Calls: of functions, methods, variants, native functions, values.

use super::member::native_module;
use super::notes::Referred;
use super::scope::Found;
use super::{Checker, Demand, Item};
use crate::diagnostics::{Code, Diagnostic};
use crate::hir::{Expr, ExprKind};
use crate::natives::{self, NATIVES, T};
use crate::source::Span;
use crate::syntax::ast::{self, Name};
use crate::types::{Kind, Ty};

/// The types that a row of native functions stands for in one call.
#[derive(Default)]
struct Instance {
    a: Option<Ty>,
    k: Option<Ty>,
    num: Option<Ty>,
}

impl Checker<'_> {
    pub(super) fn call(
        &mut self,
        callee: &ast::Expr,
        args: &[ast::Expr],
        want: Option<Ty>,
        span: Span,
    ) -> Expr {
        match &callee.kind {
            ast::ExprKind::Name(name) => match self.find(name) {
                Some(Found::Item(item)) => {
                    self.note_item(callee.span, item);
                    return self.call_item(item, callee, name, args, want, span);
                }
                Some(Found::Local(_)) => {}
                None => {
                    self.unknown_name(name, callee.span);
                    self.all_values(args);
                    return self.broken(span);
                }
            },
            ast::ExprKind::Field(base, name) => {
                return match self.static_item(base) {
                    Some(item) => self.call_member(item, callee, name, args, want, span),
                    None => {
                        let base = self.value(base, None);
                        self.call_method(base, name, args, span)
                    }
                };
            }
            ast::ExprKind::SafeField(base, name) => {
                return self.safe(base, span, |this, base| {
                    this.call_method(base, name, args, span)
                });
            }
            _ => {}
        }
        let callee = self.value(callee, None);
        self.call_value(callee, args, span)
    }

    /// Checks arguments of a call that makes no sense.
    fn all_values(&mut self, args: &[ast::Expr]) {
        for arg in args {
            self.value(arg, None);
        }
    }

    fn call_item(
        &mut self,
        item: Item,
        callee: &ast::Expr,
        name: &str,
        args: &[ast::Expr],
        want: Option<Ty>,
        span: Span,
    ) -> Expr {
        match item {
            Item::Function(function) => {
                self.uses.function(function, callee.span);
                let signature = self.signatures[function as usize].clone();
                let place = Some(signature.span);
                let args = self.args(None, &signature.params, args, span, place);
                self.called();
                Expr {
                    kind: ExprKind::Call(function, args),
                    ty: signature.result,
                    span,
                }
            }
            Item::Extern(number) => {
                let row = &self.program.externs[number as usize];
                let (params, ty) = (row.params.clone(), row.result);
                let args = self.args(None, &params, args, span, None);
                Expr {
                    kind: ExprKind::CallExtern(number, args),
                    ty,
                    span,
                }
            }
            Item::Native(module, name) => self.call_native(module, name, None, args, want, span),
            Item::Global(_) => {
                let callee = self.item_value(item, name, callee.span);
                self.call_value(callee, args, span)
            }
            Item::Struct(_) | Item::Enum(_) | Item::Module(_) => {
                let hint = match item {
                    Item::Struct(_) => format!("make one: `{name} {{ field: value }}`"),
                    Item::Enum(_) => format!("name a variant: `{name}.First(…)`"),
                    _ => format!("name a function of it: `{name}.f(…)`"),
                };
                let message = format!("`{name}` is no function");
                self.error(Code::NotCallable, callee.span, message, hint);
                self.all_values(args);
                self.broken(span)
            }
            Item::Error => {
                self.all_values(args);
                self.broken(span)
            }
        }
    }

    fn call_member(
        &mut self,
        item: Item,
        callee: &ast::Expr,
        name: &Name,
        args: &[ast::Expr],
        want: Option<Ty>,
        span: Span,
    ) -> Expr {
        match item {
            Item::Module(target) => {
                let item = self.member_of(target, name);
                self.call_item(item, callee, &name.text, args, want, span)
            }
            Item::Enum(number) => {
                if let Some((variant, types)) = self.variant(number, name) {
                    self.note(name.span, Referred::Variant(number, variant));
                    let args = self.args(None, &types, args, span, None);
                    return Expr {
                        kind: ExprKind::Variant(number, variant, args),
                        ty: self.add(Kind::Enum(number)),
                        span,
                    };
                }
                match self.enums[number as usize].methods.get(&name.text) {
                    Some(&function) => {
                        self.note(name.span, Referred::Function(function));
                        let item = Item::Function(function);
                        self.call_item(item, callee, &name.text, args, want, span)
                    }
                    None => {
                        self.unknown_variant(number, name);
                        self.all_values(args);
                        self.broken(span)
                    }
                }
            }
            Item::Struct(number) => match self.structs[number as usize].methods.get(&name.text) {
                Some(&function) => {
                    self.note(name.span, Referred::Function(function));
                    let item = Item::Function(function);
                    self.call_item(item, callee, &name.text, args, want, span)
                }
                None => {
                    self.unknown_field(number, name);
                    self.all_values(args);
                    self.broken(span)
                }
            },
            _ => {
                self.all_values(args);
                self.broken(span)
            }
        }
    }

    fn call_method(&mut self, base: Expr, name: &Name, args: &[ast::Expr], span: Span) -> Expr {
        self.ask_member(base.ty, name);
        let kind = self.kind(base.ty);
        if let Some(module) = native_module(&kind)
            && let Some(row) = natives::find(module, &name.text).next()
        {
            let name_span = name.span;
            let name = NATIVES[row as usize].name;
            self.note(name_span, Referred::Native(module, name));
            return self.call_native(module, name, Some(base), args, None, span);
        }
        let methods = match kind {
            Kind::Struct(number) => Some(&self.structs[number as usize].methods),
            Kind::Enum(number) => Some(&self.enums[number as usize].methods),
            _ => None,
        };
        let function = methods.and_then(|methods| methods.get(&name.text).copied());
        if let Some(function) = function {
            let signature = self.signatures[function as usize].clone();
            if !signature.receiver {
                let message = format!("`{}` does not take `self`", name.text);
                let hint = format!(
                    "call it by its type: `{}.{}(…)`",
                    self.show(base.ty),
                    name.text
                );
                self.error(Code::NotCallable, name.span, message, hint);
                self.all_values(args);
                return self.broken(span);
            }
            self.uses.function(function, name.span);
            self.note(name.span, Referred::Function(function));
            let place = Some(signature.span);
            let args = self.args(Some(base), &signature.params, args, span, place);
            self.called();
            return Expr {
                kind: ExprKind::Call(function, args),
                ty: signature.result,
                span,
            };
        }
        // A field may hold a function.
        if let Kind::Struct(number) = kind
            && self.find_field(number, &name.text).is_some()
        {
            let callee = self.field_of(base, name, name.span);
            return self.call_value(callee, args, span);
        }
        match kind {
            Kind::Struct(number) => self.unknown_field(number, name),
            _ => self.no_field(base.ty, name),
        }
        self.all_values(args);
        self.broken(span)
    }

    fn call_value(&mut self, callee: Expr, args: &[ast::Expr], span: Span) -> Expr {
        let (params, result) = match self.kind(callee.ty) {
            Kind::Fn(params, result) => (params, result),
            Kind::Var(_) => {
                // A parameter of a closure that is called: its type follows from the call.
                let args: Vec<Expr> = args.iter().map(|arg| self.part(arg)).collect();
                let params = args.iter().map(|arg| arg.ty).collect();
                let result = self.unknown(span, "the result of this call");
                let ty = self.add(Kind::Fn(params, result));
                if let Err(conflict) = self.program.types.unify(callee.ty, ty) {
                    self.mismatch(conflict, callee.ty, ty, callee.span);
                }
                self.called();
                return Expr {
                    kind: ExprKind::CallValue(Box::new(callee), args),
                    ty: result,
                    span,
                };
            }
            kind => {
                if !matches!(kind, Kind::Error | Kind::Never) {
                    let message = format!("{} is no function", self.show(callee.ty));
                    let hint = match kind {
                        Kind::Optional(_) => "it may be null: write `f!(…)`",
                        _ => "only functions can be called",
                    };
                    self.error(Code::NotCallable, callee.span, message, hint);
                }
                self.all_values(args);
                return self.broken(span);
            }
        };
        let args = self.args(None, &params, args, span, None);
        self.called();
        Expr {
            kind: ExprKind::CallValue(Box::new(callee), args),
            ty: result,
            span,
        }
    }

    /// The arguments of a call, `first` before those that were written.
    fn args(
        &mut self,
        first: Option<Expr>,
        params: &[Ty],
        args: &[ast::Expr],
        span: Span,
        declared: Option<Span>,
    ) -> Vec<Expr> {
        let skip = usize::from(first.is_some());
        let mut values: Vec<Expr> = match (first, params.first()) {
            (Some(first), Some(want)) => vec![self.coerce(first, *want)],
            _ => Vec::new(),
        };
        let params = params.get(skip..).unwrap_or(&[]);
        if params.len() != args.len() {
            self.wrong_count(params.len(), args.len(), span, declared);
        }
        for (i, arg) in args.iter().enumerate() {
            let value = match params.get(i) {
                Some(want) => self.expr_of(arg, *want),
                None => self.value(arg, None),
            };
            values.push(value);
        }
        values
    }

    #[cold]
    fn wrong_count(&mut self, want: usize, found: usize, span: Span, declared: Option<Span>) {
        let noun = if want == 1 { "argument" } else { "arguments" };
        let message = format!("expected {want} {noun}, found {found}");
        let hint = match found > want {
            true => "remove those that are too many",
            false => "give a value for each parameter",
        };
        let error = Diagnostic::new(Code::ArgumentCount, span, message, hint);
        self.errors.push(match declared {
            Some(place) => error.also(place, "declared here"),
            None => error,
        });
    }

    /// The type that a type of the table stands for.
    fn native_type(&mut self, ty: T, instance: &mut Instance, span: Span) -> Ty {
        match ty {
            T::Int => Ty::INT,
            T::Float => Ty::FLOAT,
            T::Bool => Ty::BOOL,
            T::Str => Ty::STR,
            T::Void => Ty::VOID,
            T::Never => Ty::NEVER,
            T::Shown | T::ShownRest => {
                let ty = self.program.types.var();
                self.demands.push((Demand::Shown, ty, span));
                ty
            }
            T::Num => {
                let ty = instance.num.unwrap_or_else(|| self.program.types.var());
                if instance.num.replace(ty).is_none() {
                    self.demands.push((Demand::Number, ty, span));
                }
                ty
            }
            T::A => {
                let ty = instance.a.unwrap_or_else(|| self.program.types.var());
                instance.a = Some(ty);
                ty
            }
            T::K => {
                let ty = instance.k.unwrap_or_else(|| self.program.types.var());
                if instance.k.replace(ty).is_none() {
                    self.demands.push((Demand::Key, ty, span));
                }
                ty
            }
            T::Array(item) => {
                let item = self.native_type(*item, instance, span);
                self.add(Kind::Array(item))
            }
            T::Map(key, value) => {
                let key = self.native_type(*key, instance, span);
                let value = self.native_type(*value, instance, span);
                self.add(Kind::Map(key, value))
            }
            T::Opt(inner) => {
                let inner = self.native_type(*inner, instance, span);
                self.optional(inner, span)
            }
            T::Fn(result) => {
                let result = self.native_type(*result, instance, span);
                self.add(Kind::Fn(Vec::new(), result))
            }
        }
    }

    /// Whether a value may be the first argument of a row.
    fn fits(&self, param: Option<&T>, ty: Ty) -> bool {
        let kind = self.kind(ty);
        match param {
            _ if matches!(kind, Kind::Error | Kind::Never) => true,
            Some(T::Int) => kind == Kind::Int,
            Some(T::Float) => kind == Kind::Float,
            Some(T::Bool) => kind == Kind::Bool,
            Some(T::Str) => kind == Kind::Str,
            Some(T::Array(_)) => matches!(kind, Kind::Array(_)),
            Some(T::Map(..)) => matches!(kind, Kind::Map(..)),
            Some(_) => true,
            None => false,
        }
    }

    fn call_native(
        &mut self,
        module: &'static str,
        name: &'static str,
        first: Option<Expr>,
        args: &[ast::Expr],
        want: Option<Ty>,
        span: Span,
    ) -> Expr {
        let rows: Vec<u32> = natives::find(module, name).collect();
        let count = args.len() + usize::from(first.is_some());
        let counts = |row: &&u32| {
            let params = NATIVES[**row as usize].params;
            match params.last() {
                Some(T::ShownRest) => count >= params.len() - 1,
                _ => count == params.len(),
            }
        };
        let fitting: Vec<u32> = rows.iter().filter(counts).copied().collect();
        if fitting.is_empty() {
            let params = rows
                .first()
                .map_or(0, |row| NATIVES[*row as usize].params.len());
            let skip = usize::from(first.is_some());
            self.wrong_count(params.saturating_sub(skip), args.len(), span, None);
            self.all_values(args);
            return self.broken(span);
        }
        // Where there are several rows, the first argument decides; it is computed without knowing
        // what is wanted then.
        let mut values: Vec<Expr> = first.into_iter().collect();
        let mut row = fitting[0];
        if fitting.len() > 1 {
            if values.is_empty() {
                values.push(self.value(&args[0], None));
            }
            let ty = values[0].ty;
            let of = |row: &&u32| self.fits(NATIVES[**row as usize].params.first(), ty);
            match fitting.iter().find(of) {
                Some(found) => row = *found,
                None => {
                    let message = format!("`{name}` does not take {}", self.show(ty));
                    let takes = fitting.iter().filter_map(|row| {
                        NATIVES[*row as usize].params.first().map(|ty| match ty {
                            T::Int => "int",
                            T::Float => "float",
                            T::Bool => "bool",
                            T::Str => "string",
                            T::Array(_) => "arrays",
                            T::Map(..) => "maps",
                            _ => "other values",
                        })
                    });
                    let hint = format!("it takes {}", takes.collect::<Vec<_>>().join(", "));
                    self.error(Code::Mismatch, values[0].span, message, hint);
                    self.all_values(args.get(1..).unwrap_or(&[]));
                    return self.broken(span);
                }
            }
        }
        self.call_row(row, values, args, count, want, span)
    }

    /// A call of a row; `values` are the first arguments, which are known already.
    fn call_row(
        &mut self,
        row: u32,
        values: Vec<Expr>,
        args: &[ast::Expr],
        count: usize,
        want: Option<Ty>,
        span: Span,
    ) -> Expr {
        let native = &NATIVES[row as usize];
        let mut instance = Instance::default();
        // Numbers take the type that is wanted of the result, if it is one.
        if native.result == T::Num
            && let Some(want) = want
            && matches!(self.kind(want), Kind::Int | Kind::Float)
            && args
                .iter()
                .all(|arg| matches!(arg.kind, ast::ExprKind::Int(_)))
        {
            instance.num = Some(want);
        }
        let known = values.len();
        let mut values = values.into_iter();
        let mut done = Vec::with_capacity(count);
        for i in 0..count {
            let param = native.params[i.min(native.params.len() - 1)];
            let place = match i < known {
                true => span,
                false => args[args.len() - (count - i)].span,
            };
            let ty = self.native_type(param, &mut instance, place);
            done.push(match values.next() {
                Some(value) => self.coerce(value, ty),
                None => {
                    let arg = &args[args.len() - (count - i)];
                    let free = matches!(self.kind(ty), Kind::Var(_));
                    match free {
                        // What has any type is checked on its own, and may be optional.
                        true => {
                            let value = self.value(arg, None);
                            self.coerce(value, ty)
                        }
                        false => self.expr_of(arg, ty),
                    }
                }
            });
        }
        let ty = self.native_type(native.result, &mut instance, span);
        if native.params.iter().any(|param| matches!(param, T::Fn(_))) {
            self.called();
        }
        Expr {
            kind: ExprKind::CallNative(row, done),
            ty,
            span,
        }
    }
}
