//! Operators between two operands.

use super::{Checker, Demand};
use crate::diagnostics::Code;
use crate::hir::{BinaryOp, Expr, ExprKind};
use crate::source::Span;
use crate::syntax::ast;
use crate::types::{Kind, Ty};

/// Whether it is the literal `null`.
fn is_null(expr: &ast::Expr) -> bool {
    match &expr.kind {
        ast::ExprKind::Null => true,
        ast::ExprKind::Paren(inner) => is_null(inner),
        _ => false,
    }
}

/// Whether it is `a!`.
fn is_unwrap(expr: &ast::Expr) -> bool {
    match &expr.kind {
        ast::ExprKind::Unwrap(_) => true,
        ast::ExprKind::Paren(inner) => is_unwrap(inner),
        _ => false,
    }
}

/// Whether it is an integer literal, which may become a float.
fn is_int(expr: &ast::Expr) -> bool {
    match &expr.kind {
        ast::ExprKind::Int(_) => true,
        ast::ExprKind::Paren(inner) | ast::ExprKind::Neg(inner) => is_int(inner),
        _ => false,
    }
}

impl Checker<'_> {
    pub(super) fn binary(
        &mut self,
        op: BinaryOp,
        place: Span,
        left: &ast::Expr,
        right: &ast::Expr,
        want: Option<Ty>,
        span: Span,
    ) -> Expr {
        use BinaryOp::{Add, And, Coalesce, Div, Eq, Mod, Mul, Ne, Or, Sub};
        match op {
            And | Or => self.logical(op, left, right, span),
            Coalesce => self.coalesce(left, right, want, span),
            Eq | Ne if is_null(left) || is_null(right) => {
                let value = if is_null(left) { right } else { left };
                self.null_test(value, op == Ne, span)
            }
            Add | Sub | Mul | Div | Mod => {
                let want = want.map(|want| match self.kind(want) {
                    Kind::Optional(inner) => inner,
                    _ => want,
                });
                let (left, right) = self.operands(left, right, want);
                let ty = left.ty;
                self.operation(op, left, right, ty, place, span)
            }
            _ => {
                let (left, right) = self.operands(left, right, None);
                self.operation(op, left, right, Ty::BOOL, place, span)
            }
        }
    }

    /// Two operands of one type.
    fn operands(&mut self, left: &ast::Expr, right: &ast::Expr, want: Option<Ty>) -> (Expr, Expr) {
        // A literal integer takes the type of the other operand.
        if is_int(left) && !is_int(right) {
            let right = self.value(right, want);
            let left = self.value(left, Some(right.ty));
            return (left, right);
        }
        let left = self.value(left, want);
        let right = self.value(right, Some(left.ty));
        (left, right)
    }

    fn operation(
        &mut self,
        op: BinaryOp,
        left: Expr,
        right: Expr,
        ty: Ty,
        place: Span,
        span: Span,
    ) -> Expr {
        // Tests for equality take optional and plain values together.
        let (left, right) = match (op, self.kind(left.ty), self.kind(right.ty)) {
            (BinaryOp::Eq | BinaryOp::Ne, Kind::Optional(_), _) => {
                let want = left.ty;
                (left, self.coerce(right, want))
            }
            (BinaryOp::Eq | BinaryOp::Ne, _, Kind::Optional(_)) => {
                let want = right.ty;
                (self.coerce(left, want), right)
            }
            _ => (left, right),
        };
        // What never gives a value is an operand of any type.
        let never = [left.ty, right.ty].map(|ty| self.kind(ty) == Kind::Never);
        if never == [false; 2] && self.program.types.unify(left.ty, right.ty).is_err() {
            let (a, b) = (self.show(left.ty), self.show(right.ty));
            let message = format!("`{}` between {a} and {b}", op.text());
            let hint = match (self.kind(left.ty), self.kind(right.ty)) {
                (Kind::Int, Kind::Float) | (Kind::Float, Kind::Int) => {
                    "both operands have one type: convert one by `float(x)` or `int(x)`"
                }
                (Kind::Str, _) | (_, Kind::Str) => "make a string of the other one: `str(x)`",
                (Kind::Optional(_), _) | (_, Kind::Optional(_)) => {
                    "one may be null: give another value for that, `x ?? y`"
                }
                _ => "both operands have one type",
            };
            self.error(Code::Operator, place, message, hint);
            return self.broken(span);
        }
        let operand = match self.kind(left.ty) {
            Kind::Never | Kind::Error => right.ty,
            _ => left.ty,
        };
        self.demand(Demand::Operator(op), operand, place);
        Expr {
            kind: ExprKind::Binary(op, Box::new(left), Box::new(right)),
            ty,
            span,
        }
    }

    /// Whether a type has an operator.
    pub(super) fn check_operator(&mut self, op: BinaryOp, ty: Ty, place: Span) {
        use BinaryOp::{Add, Eq, Ge, Gt, Le, Lt, Ne};
        let kind = self.kind(ty);
        let has = match op {
            Eq | Ne => self.has_equality(ty),
            Add | Lt | Le | Gt | Ge => matches!(kind, Kind::Int | Kind::Float | Kind::Str),
            _ => matches!(kind, Kind::Int | Kind::Float),
        };
        if has {
            return;
        }
        let message = format!("{} has no `{}`", self.show(ty), op.text());
        let hint = match (kind, op) {
            (Kind::Optional(_), _) => "it may be null: give another value for that, `x ?? y`",
            (Kind::Enum(_), Eq | Ne) => "its variants carry values: use `match`",
            (_, Eq | Ne) => "numbers, bool, string, structs, arrays, maps and plain enums have",
            (_, Add) => "numbers and strings have; add elements with `push`",
            (_, Lt | Le | Gt | Ge) => "numbers and strings have",
            _ => "numbers have",
        };
        self.error(Code::Operator, place, message, hint);
    }

    fn has_equality(&self, ty: Ty) -> bool {
        match *self.program.types.kind(ty) {
            // Structs, arrays and maps are equal if they are the same one.
            Kind::Int | Kind::Float | Kind::Bool | Kind::Str => true,
            Kind::Struct(_) | Kind::Array(_) | Kind::Map(..) => true,
            Kind::Enum(number) => {
                let variants = &self.program.enums[number as usize].variants;
                variants.iter().all(|(_, types)| types.is_empty())
            }
            Kind::Optional(inner) => self.has_equality(inner),
            Kind::Error | Kind::Never | Kind::Var(_) => true,
            Kind::Void | Kind::Fn(..) => false,
        }
    }

    fn logical(&mut self, op: BinaryOp, left: &ast::Expr, right: &ast::Expr, span: Span) -> Expr {
        let left = self.expr_of(left, Ty::BOOL);
        let before = self.frame().not_null.clone();
        // The right operand is only computed if the left one did not decide.
        self.assume(&left, op == BinaryOp::And);
        let mut facts = Vec::new();
        self.facts(&left, op == BinaryOp::And, &mut facts);
        let right = self.expr_of(right, Ty::BOOL);
        let not_null = &self.frame().not_null;
        if facts.iter().any(|place| !not_null.contains(place)) {
            self.forgetting.insert(right.span);
        }
        self.keep_known(before);
        let kind = match op {
            BinaryOp::And => ExprKind::And(Box::new(left), Box::new(right)),
            _ => ExprKind::Or(Box::new(left), Box::new(right)),
        };
        Expr {
            kind,
            ty: Ty::BOOL,
            span,
        }
    }

    fn coalesce(
        &mut self,
        left: &ast::Expr,
        right: &ast::Expr,
        want: Option<Ty>,
        span: Span,
    ) -> Expr {
        let left = self.maybe_null(left);
        let inner = match self.kind(left.ty) {
            Kind::Optional(inner) => inner,
            Kind::Error => {
                self.value(right, want);
                return self.broken(span);
            }
            _ => {
                let message = format!("{} is never null", self.show(left.ty));
                let hint = "remove the `??` and what is behind it";
                self.error(Code::Operator, left.span, message, hint);
                self.value(right, want);
                return left;
            }
        };
        let right = self.value(right, Some(inner));
        // With another optional value the result is one, too.
        let ty = match self.kind(right.ty) {
            Kind::Optional(_) => left.ty,
            _ => inner,
        };
        let right = self.coerce(right, ty);
        Expr {
            kind: ExprKind::Coalesce(Box::new(left), Box::new(right)),
            ty,
            span,
        }
    }

    /// A value that is asked whether it is null; variables may be, though they are known not to be.
    pub(super) fn maybe_null(&mut self, value: &ast::Expr) -> Expr {
        let written = is_unwrap(value);
        let value = self.value(value, None);
        match value.kind {
            ExprKind::Unwrap(inner)
                if !written && matches!(inner.kind, ExprKind::Local(_) | ExprKind::Global(_)) =>
            {
                *inner
            }
            _ => value,
        }
    }

    fn null_test(&mut self, value: &ast::Expr, negated: bool, span: Span) -> Expr {
        let value = self.maybe_null(value);
        match self.kind(value.ty) {
            Kind::Optional(_) | Kind::Error => {}
            Kind::Var(_) => {
                let inner = self.program.types.var();
                let optional = self.optional(inner, span);
                let _ = self.program.types.unify(value.ty, optional);
            }
            _ => {
                let message = format!("{} is never null", self.show(value.ty));
                let hint = "only values of types with `?` can be";
                self.error(Code::Operator, span, message, hint);
            }
        }
        Expr {
            kind: ExprKind::IsNull(Box::new(value), negated),
            ty: Ty::BOOL,
            span,
        }
    }
}
