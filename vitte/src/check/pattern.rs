//! `match`: patterns, and the types of what arms give.

use std::collections::HashSet;

use super::notes::Referred;
use super::scope::Place;
use super::{Checker, Item, exhaustive, values};
use crate::diagnostics::Code;
use crate::hir::{Arm, Expr, ExprKind, Pattern, StmtKind};
use crate::source::Span;
use crate::syntax::ast::{self, ArmBody, Name, PatternKind};
use crate::types::{Kind, Ty};

impl Checker<'_> {
    /// A `match` that has a value.
    pub(super) fn match_value(&mut self, decl: &ast::Match, want: Option<Ty>, span: Span) -> Expr {
        let (value, local) = self.matched(decl);
        let mut result = want.filter(|want| !matches!(self.kind(*want), Kind::Void));
        let mut arms = Vec::with_capacity(decl.arms.len());
        let mut before = self.frame().not_null.clone();
        let mut after = before.clone();
        let mut wrong = false;
        for arm in &decl.arms {
            let ty = value.ty;
            let arm = self.scoped(|this| {
                let (pattern, guard) = this.arm_head(arm, ty, &mut wrong, &mut before);
                let (body, value) = match &arm.body {
                    ArmBody::Expr(expr) => {
                        let value = match result {
                            Some(result) => {
                                let value = this.expr(expr, Some(result));
                                match this.kind(value.ty) {
                                    Kind::Never => value,
                                    _ => this.coerce(value, result),
                                }
                            }
                            None => this.value(expr, None),
                        };
                        if result.is_none() && !matches!(this.kind(value.ty), Kind::Never) {
                            result = Some(value.ty);
                        }
                        (Vec::new(), Some(value))
                    }
                    ArmBody::Block(block) => {
                        let (body, goes_on) = this.block(block);
                        if goes_on {
                            let message = "this arm has no value".to_owned();
                            let hint =
                                "write `=> value`; a block must leave by `return`, `break` …";
                            this.error(Code::Mismatch, block.span, message, hint);
                        }
                        (body, None)
                    }
                };
                Arm {
                    pattern,
                    guard,
                    body,
                    value,
                }
            });
            let state = std::mem::replace(&mut self.frame().not_null, before.clone());
            // Arms without value leave.
            if arm.value.is_some() {
                after.retain(|place| state.contains(place));
            }
            arms.push(arm);
        }
        self.frame().not_null = after;
        if !wrong {
            self.covered(decl, &arms, value.ty, span);
        }
        Expr {
            kind: ExprKind::Match(Box::new(value), local, arms),
            // Where no arm gives a value, there never is one.
            ty: result.unwrap_or(Ty::NEVER),
            span,
        }
    }

    /// A `match` that is a statement.
    pub(super) fn match_stmt(&mut self, decl: &ast::Match, span: Span) -> (Option<StmtKind>, bool) {
        let (value, local) = self.matched(decl);
        let mut before = self.frame().not_null.clone();
        let mut wrong = false;
        let mut after: Option<HashSet<_>> = None;
        let mut arms = Vec::with_capacity(decl.arms.len());
        for arm in &decl.arms {
            let ty = value.ty;
            let (arm, goes_on) = self.scoped(|this| {
                let (pattern, guard) = this.arm_head(arm, ty, &mut wrong, &mut before);
                let (body, goes_on) = match &arm.body {
                    ArmBody::Expr(expr) => {
                        let stmt = ast::Stmt {
                            kind: ast::StmtKind::Expr(expr.clone()),
                            span: expr.span,
                        };
                        this.statements(std::slice::from_ref(&stmt), false)
                    }
                    ArmBody::Block(block) => this.block(block),
                };
                let arm = Arm {
                    pattern,
                    guard,
                    body,
                    value: None,
                };
                (arm, goes_on)
            });
            let state = std::mem::replace(&mut self.frame().not_null, before.clone());
            if goes_on {
                match &mut after {
                    None => after = Some(state),
                    Some(others) => others.retain(|place| state.contains(place)),
                }
            }
            arms.push(arm);
        }
        if !wrong {
            self.covered(decl, &arms, value.ty, span);
        }
        let goes_on = after.is_some();
        self.frame().not_null = after.unwrap_or_default();
        let value = Expr {
            kind: ExprKind::Match(Box::new(value), local, arms),
            ty: Ty::VOID,
            span,
        };
        (Some(StmtKind::Expr(value)), goes_on)
    }

    fn matched(&mut self, decl: &ast::Match) -> (Expr, u32) {
        let value = self.value(&decl.value, None);
        let mut ty = value.ty;
        if let Kind::Var(_) = self.kind(ty) {
            let message = "the type of this is not known yet".to_owned();
            let hint = "write down the type where it is declared";
            self.error(Code::Unknown, value.span, message, hint);
            ty = Ty::ERROR;
        }
        let local = self.temporary(ty, value.span);
        (Expr { ty, ..value }, local)
    }

    /// Checks pattern and condition of an arm; `wrong` tells of patterns that make no sense, `before` is
    /// what the next arm begins with: the condition may have been computed then.
    fn arm_head(
        &mut self,
        arm: &ast::Arm,
        ty: Ty,
        wrong: &mut bool,
        before: &mut HashSet<Place>,
    ) -> (Pattern, Option<Expr>) {
        let errors = self.errors.count();
        let pattern = self.pattern(&arm.pattern, ty, true);
        *wrong |= self.errors.count() > errors;
        let guard = arm
            .guard
            .as_ref()
            .map(|guard| self.expr_of(guard, Ty::BOOL));
        if let Some(guard) = &guard {
            before.clone_from(&self.frame().not_null);
            self.assume(guard, true);
        }
        (pattern, guard)
    }

    fn covered(&mut self, decl: &ast::Match, arms: &[Arm], ty: Ty, span: Span) {
        if self.kind(ty) == Kind::Error {
            return;
        }
        let spans = decl
            .arms
            .iter()
            .map(|arm| arm.pattern.span)
            .collect::<Vec<_>>();
        let head = Span {
            end: decl.value.span.end,
            ..span
        };
        for finding in exhaustive::check(&self.program, arms, ty) {
            match finding {
                exhaustive::Finding::Unreachable(arm) => {
                    let message = "this pattern is never reached".to_owned();
                    let hint = "patterns before it cover all its values";
                    self.error(Code::Unreachable, spans[arm], message, hint);
                }
                exhaustive::Finding::Missing(example) => {
                    let message = format!("not every value is covered: `{example}` is not");
                    let hint = "add an arm for it, or `_ => …` for all others";
                    self.error(Code::Exhaustive, head, message, hint);
                }
                exhaustive::Finding::TooComplex => {
                    let message = "this `match` is too complex to check".to_owned();
                    let hint = "make several of it, nested";
                    self.error(Code::Exhaustive, head, message, hint);
                }
            }
        }
    }

    /// Checks a pattern for values of a type; `binds` unless it is one of several alternatives.
    fn pattern(&mut self, pattern: &ast::Pattern, ty: Ty, binds: bool) -> Pattern {
        let kind = self.kind(ty);
        // Patterns other than names and `null` look into optional values.
        if let Kind::Optional(inner) = kind
            && !matches!(
                pattern.kind,
                PatternKind::Any | PatternKind::Null | PatternKind::Error | PatternKind::Or(_)
            )
            && !self.binds_name(pattern, inner)
        {
            let inner = self.pattern(pattern, inner, binds);
            return Pattern::Some(Box::new(inner));
        }
        let literal = |this: &mut Self, ty: Ty, found: Ty, checked: Pattern| {
            if this.kind(ty) == Kind::Never {
                return checked;
            }
            if let Err(conflict) = this.program.types.unify(ty, found) {
                this.mismatch(conflict, ty, found, pattern.span);
                return Pattern::Any;
            }
            checked
        };
        match &pattern.kind {
            PatternKind::Error | PatternKind::Any => Pattern::Any,
            PatternKind::Int(value) if kind == Kind::Float => Pattern::Float(*value as f64),
            PatternKind::Int(value) => literal(self, ty, Ty::INT, Pattern::Int(*value)),
            PatternKind::Float(value) => literal(self, ty, Ty::FLOAT, Pattern::Float(*value)),
            PatternKind::Str(text) => literal(self, ty, Ty::STR, Pattern::Str(text.clone())),
            PatternKind::Bool(value) => literal(self, ty, Ty::BOOL, Pattern::Bool(*value)),
            PatternKind::Null => {
                if !matches!(kind, Kind::Optional(_) | Kind::Error) {
                    let message = format!("{} is never null", self.show(ty));
                    self.error(Code::Mismatch, pattern.span, message, "remove this arm");
                    return Pattern::Any;
                }
                Pattern::Null
            }
            PatternKind::Name(name) => self.name_pattern(name, ty, binds),
            PatternKind::Variant(path, name, fields) => {
                self.variant_pattern(path.as_ref(), name, fields, ty, pattern.span, binds)
            }
            PatternKind::Or(patterns) => {
                let patterns = patterns
                    .iter()
                    .map(|pattern| self.pattern(pattern, ty, false));
                Pattern::Or(patterns.collect())
            }
        }
    }

    /// Whether a pattern is a new variable for values of that type.
    fn binds_name(&self, pattern: &ast::Pattern, ty: Ty) -> bool {
        match &pattern.kind {
            PatternKind::Name(name) => match self.kind(ty) {
                Kind::Enum(number) => self.variant(number, name).is_none(),
                _ => true,
            },
            _ => false,
        }
    }

    fn name_pattern(&mut self, name: &Name, ty: Ty, binds: bool) -> Pattern {
        if let Kind::Enum(number) = self.kind(ty) {
            let found = self.variant(number, name);
            if let Some((variant, _)) = found {
                self.note(name.span, Referred::Variant(number, variant));
            }
            match found {
                Some((variant, types)) if types.is_empty() => {
                    return Pattern::Variant(number, variant, Vec::new());
                }
                Some((variant, types)) => {
                    self.variant_count(name, types.len(), 0, name.span);
                    return Pattern::Variant(number, variant, vec![Pattern::Any; types.len()]);
                }
                // Names of variables start with small letters: this was meant to be a variant.
                None if name.text.starts_with(char::is_uppercase) => {
                    self.unknown_variant(number, name);
                    return Pattern::Any;
                }
                None => {}
            }
        }
        if !binds {
            let message = format!(
                "`{}` cannot be a variable in one of several patterns",
                name.text
            );
            let hint = "write `_`, or arms of their own";
            self.error(Code::Misplaced, name.span, message, hint);
            return Pattern::Any;
        }
        Pattern::Bind(self.declare_local(name, ty, true))
    }

    #[cold]
    fn variant_count(&mut self, name: &Name, want: usize, found: usize, span: Span) {
        let message = format!(
            "`{}` carries {}, found {found} patterns",
            name.text,
            values(want)
        );
        let hint = "give a pattern for each; `_` stands for any value";
        self.error(Code::ArgumentCount, span, message, hint);
    }

    fn variant_pattern(
        &mut self,
        path: Option<&ast::Path>,
        name: &Name,
        fields: &[ast::Pattern],
        ty: Ty,
        span: Span,
        binds: bool,
    ) -> Pattern {
        let named = match path {
            None => None,
            Some(path) => match self.type_item(path) {
                Some(item) => Some(item),
                None => return Pattern::Any,
            },
        };
        let number = match (self.kind(ty), named) {
            (Kind::Enum(number), None) => number,
            (Kind::Enum(number), Some(item)) if item == Item::Enum(number) => number,
            (Kind::Error, _) => return Pattern::Any,
            _ => {
                let message = format!("{} does not have this variant", self.show(ty));
                let hint = "patterns of variants are for values of their enums";
                self.error(Code::Mismatch, span, message, hint);
                return Pattern::Any;
            }
        };
        let Some((variant, types)) = self.variant(number, name) else {
            self.unknown_variant(number, name);
            return Pattern::Any;
        };
        self.note(name.span, Referred::Variant(number, variant));
        if types.len() != fields.len() {
            self.variant_count(name, types.len(), fields.len(), span);
        }
        let mut patterns = Vec::with_capacity(types.len());
        for (i, ty) in types.into_iter().enumerate() {
            patterns.push(match fields.get(i) {
                Some(field) => self.pattern(field, ty, binds),
                None => Pattern::Any,
            });
        }
        Pattern::Variant(number, variant, patterns)
    }
}
