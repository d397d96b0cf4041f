//! Statements. Each tells whether what is behind it can be reached.

use std::collections::HashSet;

use super::scope::{Found, Place};
use super::{Checker, Item};
use crate::diagnostics::{Code, Diagnostic};
use crate::hir::{BinaryOp, Condition, Expr, ExprKind, Stmt, StmtKind, Target};
use crate::natives::{NATIVES, T};
use crate::source::Span;
use crate::syntax::ast::{self, Block, ClosureBody, Name};
use crate::types::{Kind, Ty};

impl Checker<'_> {
    /// Checks a block.
    pub(super) fn block(&mut self, block: &Block) -> (Vec<Stmt>, bool) {
        self.scoped(|this| this.statements(&block.stmts, false))
    }

    /// Checks statements; at top level (`top`) declarations may be among them, which were looked at.
    pub(super) fn statements(&mut self, stmts: &[ast::Stmt], top: bool) -> (Vec<Stmt>, bool) {
        let mut checked = Vec::with_capacity(stmts.len());
        let mut goes_on = true;
        for stmt in stmts {
            let (kind, more) = match &stmt.kind {
                ast::StmtKind::Let { name, value, .. } if top => self.global(name, value),
                ast::StmtKind::Fn(_)
                | ast::StmtKind::Extern(_)
                | ast::StmtKind::Struct(_)
                | ast::StmtKind::Enum(_)
                | ast::StmtKind::Import(_)
                    if top =>
                {
                    continue;
                }
                kind => self.stmt(kind, stmt.span),
            };
            goes_on &= more;
            if let Some(kind) = kind {
                let span = stmt.span;
                checked.push(Stmt { kind, span });
            }
        }
        (checked, goes_on)
    }

    fn global(&mut self, name: &Name, value: &ast::Expr) -> (Option<StmtKind>, bool) {
        let Some(Item::Global(number)) = self.own(name) else {
            self.value(value, None);
            return (None, true);
        };
        let ty = self.program.globals[number as usize].ty;
        let value = self.first_value(value, ty);
        self.reach(number);
        self.note_null(Place::Global(number), &value);
        (Some(StmtKind::SetGlobal(number, value)), true)
    }

    /// The first value of a variable, whose type may follow from it.
    fn first_value(&mut self, value: &ast::Expr, ty: Ty) -> Expr {
        match self.kind(ty) {
            Kind::Var(_) => {
                let value = self.value(value, None);
                self.coerce(value, ty)
            }
            _ => self.expr_of(value, ty),
        }
    }

    /// Notes whether a variable is null after it was given a value.
    fn note_null(&mut self, place: Place, value: &Expr) {
        self.frame().not_null.remove(&place);
        if matches!(value.kind, ExprKind::Wrap(_)) {
            self.known(place);
        }
    }

    fn stmt(&mut self, stmt: &ast::StmtKind, span: Span) -> (Option<StmtKind>, bool) {
        match stmt {
            ast::StmtKind::Error => (None, true),
            ast::StmtKind::Let {
                mutable,
                name,
                ty,
                value,
            } => self.let_stmt(*mutable, name, ty.as_ref(), value),
            ast::StmtKind::Assign(target, op, place, value) => {
                (self.assign(target, *op, *place, value), true)
            }
            ast::StmtKind::Expr(expr) => self.expr_stmt(expr),
            ast::StmtKind::If(arms, otherwise) => self.if_stmt(arms, otherwise.as_ref()),
            ast::StmtKind::While(cond, body) => self.while_stmt(cond, body),
            ast::StmtKind::ForIn {
                name,
                second,
                over,
                end,
                body,
            } => (
                self.for_in(name, second.as_ref(), over, end.as_ref(), body),
                true,
            ),
            ast::StmtKind::For {
                init,
                cond,
                step,
                body,
            } => self.for_stmt(init.as_deref(), cond.as_ref(), step.as_deref(), body),
            ast::StmtKind::Break | ast::StmtKind::Continue => self.jump(stmt, span),
            ast::StmtKind::Return(value) => (self.return_stmt(value.as_ref(), span), false),
            ast::StmtKind::Block(block) => {
                let (body, goes_on) = self.block(block);
                (Some(StmtKind::Block(body)), goes_on)
            }
            ast::StmtKind::Fn(decl) => (self.local_function(decl, span), true),
            ast::StmtKind::Extern(_)
            | ast::StmtKind::Struct(_)
            | ast::StmtKind::Enum(_)
            | ast::StmtKind::Import(_) => {
                let message = "this is only declared at top level".to_owned();
                self.error(Code::Misplaced, span, message, "move it out of the block");
                (None, true)
            }
        }
    }

    fn let_stmt(
        &mut self,
        mutable: bool,
        name: &Name,
        ty: Option<&ast::Type>,
        value: &ast::Expr,
    ) -> (Option<StmtKind>, bool) {
        let ty = match ty {
            Some(ty) => self.ty(ty),
            None => self.program.types.var(),
        };
        let value = self.first_value(value, ty);
        if let Kind::Var(_) = self.kind(ty) {
            // Where the value says what is not known, that has been noted before.
            self.unknown.push((ty, name.span, "this variable"));
        }
        let goes_on = !matches!(self.kind(value.ty), Kind::Never);
        let local = self.declare_local(name, ty, mutable);
        self.note_null(Place::Local(local), &value);
        (Some(StmtKind::Let(local, value)), goes_on)
    }

    /// A function inside of a function: a closure that knows itself.
    fn local_function(&mut self, decl: &ast::Function, span: Span) -> Option<StmtKind> {
        if let Some(receiver) = decl.receiver {
            let message = "`self` is for methods".to_owned();
            let hint = "declare the function inside of a struct or enum";
            self.error(Code::Misplaced, receiver, message, hint);
        }
        let params: Vec<Ty> = decl.params.iter().map(|(_, ty)| self.ty(ty)).collect();
        let result = decl.result.as_ref().map_or(Ty::VOID, |ty| self.ty(ty));
        let names: Vec<&Name> = decl.params.iter().map(|(name, _)| name).collect();
        let body = ClosureBody::Block(decl.body.clone());
        let name = &decl.name;
        let value =
            self.function_value(&name.text, &names, params, result, &body, Some(name), span);
        let local = self.declare_local(&decl.name, value.ty, false);
        Some(StmtKind::Let(local, value))
    }

    fn expr_stmt(&mut self, expr: &ast::Expr) -> (Option<StmtKind>, bool) {
        if let ast::ExprKind::Match(decl) = &expr.kind {
            return self.match_stmt(decl, expr.span);
        }
        let called =
            |expr: &ast::Expr| matches!(expr.kind, ast::ExprKind::Call(..) | ast::ExprKind::Error);
        let done = match &expr.kind {
            ast::ExprKind::Unwrap(inner) => called(inner),
            _ => called(expr),
        };
        let value = self.expr(expr, None);
        if !done {
            let message = "this value is not used".to_owned();
            let hint = match &expr.kind {
                ast::ExprKind::Binary(BinaryOp::Eq, ..) => "`=` assigns; `==` compares",
                ast::ExprKind::Neg(_) => {
                    "a `-` that goes on with the line before belongs to its end"
                }
                _ => "remove it, or do something with it: `let x = …`",
            };
            self.error(Code::Unused, expr.span, message, hint);
        }
        let goes_on = !matches!(self.kind(value.ty), Kind::Never) && !ends(&value);
        (Some(StmtKind::Expr(value)), goes_on)
    }

    /// Where an assignment goes, and the type of what is there.
    fn target(&mut self, target: &ast::Expr) -> Option<(Target, Ty)> {
        match &target.kind {
            ast::ExprKind::Paren(inner) => self.target(inner),
            ast::ExprKind::Name(name) => match self.find_noting(name, target.span) {
                Some(Found::Local(local)) => {
                    let row = &self.frame().locals[local as usize];
                    let (ty, mutable, declared) = (row.ty, row.mutable, row.span);
                    if !mutable {
                        self.constant(name, target.span, declared);
                    }
                    self.assigned(local);
                    Some((Target::Local(local), ty))
                }
                Some(Found::Item(Item::Global(number))) => {
                    Some(self.global_target(number, target.span))
                }
                Some(Found::Item(item)) => {
                    if item != Item::Error {
                        let message = format!("`{name}` cannot be assigned to");
                        let hint = "only variables can: declare one with `let`";
                        self.error(Code::Target, target.span, message, hint);
                    }
                    None
                }
                None => {
                    self.unknown_name(name, target.span);
                    None
                }
            },
            ast::ExprKind::Field(..) | ast::ExprKind::Index(..) => {
                let value = self.expr(target, None);
                let ty = value.ty;
                match value.kind {
                    ExprKind::Field(base, number, field) => {
                        Some((Target::Field(*base, number, field), ty))
                    }
                    ExprKind::Index(base, index) => {
                        if self.kind(base.ty) == Kind::Str {
                            let message = "strings do not change".to_owned();
                            let hint = "make a new one, of parts (`substr`) and `+`";
                            self.error(Code::Constant, target.span, message, hint);
                            return None;
                        }
                        Some((Target::Index(*base, *index), ty))
                    }
                    // A variable of another module.
                    ExprKind::Global(number) => Some(self.global_target(number, target.span)),
                    ExprKind::Unwrap(inner) => match inner.kind {
                        ExprKind::Global(number) => Some(self.global_target(number, target.span)),
                        _ => None,
                    },
                    ExprKind::Error => None,
                    _ => {
                        let message = "this cannot be assigned to".to_owned();
                        let hint = "variables, fields and elements can";
                        self.error(Code::Target, target.span, message, hint);
                        None
                    }
                }
            }
            // The parser has reported it.
            _ => {
                self.expr(target, None);
                None
            }
        }
    }

    fn global_target(&mut self, number: u32, span: Span) -> (Target, Ty) {
        self.use_global(number, span);
        let row = &self.program.globals[number as usize];
        let (name, ty, mutable, declared) = (row.name.clone(), row.ty, row.mutable, row.span);
        if !mutable {
            self.constant(&name, span, declared);
        }
        (Target::Global(number), ty)
    }

    #[cold]
    fn constant(&mut self, name: &str, span: Span, declared: Span) {
        let message = format!("`{name}` does not change");
        let hint = "declare it with `let` if it has to";
        let error = Diagnostic::new(Code::Constant, span, message, hint);
        self.errors.push(error.also(declared, "declared here"));
    }

    fn assign(
        &mut self,
        target: &ast::Expr,
        op: Option<BinaryOp>,
        place: Span,
        value: &ast::Expr,
    ) -> Option<StmtKind> {
        let Some((target, ty)) = self.target(target) else {
            self.value(value, None);
            return None;
        };
        let variable = match target {
            Target::Local(local) => Some(Place::Local(local)),
            Target::Global(global) => Some(Place::Global(global)),
            _ => None,
        };
        if let Some(op) = op {
            let value = self.expr_of(value, ty);
            self.demand(super::Demand::Operator(op), ty, place);
            return Some(StmtKind::Update(target, op, ty, value));
        }
        let value = self.expr_of(value, ty);
        if let Some(place) = variable {
            self.note_null(place, &value);
        }
        Some(StmtKind::Assign(target, value))
    }

    /// A condition; the scope that is open takes what it declares.
    fn condition(&mut self, cond: &ast::Condition) -> Condition {
        match cond {
            ast::Condition::Expr(expr) => {
                let expr = self.expr_of(expr, Ty::BOOL);
                Condition::Expr(expr)
            }
            ast::Condition::Let(name, value) => {
                let value = self.maybe_null(value);
                let inner = match self.kind(value.ty) {
                    Kind::Optional(inner) => inner,
                    Kind::Error => Ty::ERROR,
                    _ => {
                        let message = format!("{} is never null", self.show(value.ty));
                        let hint = "`if let` is for optional values: write `let` before the `if`";
                        self.error(Code::Operator, value.span, message, hint);
                        Ty::ERROR
                    }
                };
                let local = self.declare_local(name, inner, true);
                Condition::Let(local, value)
            }
        }
    }

    fn if_stmt(
        &mut self,
        arms: &[(ast::Condition, Block)],
        otherwise: Option<&Block>,
    ) -> (Option<StmtKind>, bool) {
        let mut checked = Vec::with_capacity(arms.len());
        // What is not null behind the statement: what is not in any arm that goes on.
        let mut after: Option<HashSet<Place>> = None;
        let join = |after: &mut Option<HashSet<Place>>, state: HashSet<Place>| match after {
            None => *after = Some(state),
            Some(others) => others.retain(|place| state.contains(place)),
        };
        for (cond, body) in arms {
            let mut outer = HashSet::new();
            let (cond, body, goes_on) = self.scoped(|this| {
                let cond = this.condition(cond);
                outer.clone_from(&this.frame().not_null);
                if let Condition::Expr(expr) = &cond {
                    this.assume(expr, true);
                }
                let (body, goes_on) = this.block(body);
                (cond, body, goes_on)
            });
            let state = std::mem::replace(&mut self.frame().not_null, outer);
            if goes_on {
                join(&mut after, state);
            }
            if let Condition::Expr(expr) = &cond {
                self.assume(expr, false);
            }
            checked.push((cond, body));
        }
        let (otherwise, goes_on) = match otherwise {
            Some(block) => self.block(block),
            None => (Vec::new(), true),
        };
        if goes_on {
            let state = std::mem::take(&mut self.frame().not_null);
            join(&mut after, state);
        }
        let goes_on = after.is_some();
        self.frame().not_null = after.unwrap_or_default();
        (Some(StmtKind::If(checked, otherwise)), goes_on)
    }

    /// Leaves a loop; tells whether a `break` does.
    fn leave_loop(&mut self, before: HashSet<Place>) -> bool {
        let frame = self.frame();
        frame.loops -= 1;
        frame.not_null = before;
        frame.left.pop().unwrap_or(false)
    }

    fn while_stmt(&mut self, cond: &ast::Condition, body: &Block) -> (Option<StmtKind>, bool) {
        let endless = matches!(
            cond,
            ast::Condition::Expr(ast::Expr {
                kind: ast::ExprKind::Bool(true),
                ..
            })
        );
        let checked = match cond {
            ast::Condition::Expr(cond) | ast::Condition::Let(_, cond) => cond,
        };
        self.enter_loop(&[&body.stmts], Some(checked));
        let before = self.frame().not_null.clone();
        let (cond, body) = self.scoped(|this| {
            let cond = this.condition(cond);
            if let Condition::Expr(expr) = &cond {
                this.assume(expr, true);
            }
            let (body, _) = this.block(body);
            (cond, body)
        });
        let left = self.leave_loop(before);
        if let Condition::Expr(expr) = &cond
            && !left
        {
            self.assume(expr, false);
        }
        let kind = StmtKind::While(cond, body, Vec::new());
        (Some(kind), !endless || left)
    }

    fn for_in(
        &mut self,
        name: &Name,
        second: Option<&Name>,
        over: &ast::Expr,
        end: Option<&ast::Expr>,
        body: &Block,
    ) -> Option<StmtKind> {
        if let Some(end) = end {
            let start = self.expr_of(over, Ty::INT);
            let end = self.expr_of(end, Ty::INT);
            if let Some(second) = second {
                let message = "a range has one variable".to_owned();
                self.error(Code::NotIterable, second.span, message, "remove this name");
            }
            let (local, body) = self.loop_body(&[(name, Ty::INT)], body);
            return Some(StmtKind::Range(local[0], start, end, body));
        }
        let over = self.value(over, None);
        let types = match self.kind(over.ty) {
            Kind::Array(item) => (item, None),
            Kind::Map(key, value) => (key, Some(value)),
            Kind::Str => (Ty::STR, None),
            Kind::Error => (Ty::ERROR, Some(Ty::ERROR)),
            kind => {
                let message = format!("`for` cannot go through {}", self.show(over.ty));
                let hint = match kind {
                    Kind::Int => "write a range: `for i in 0..n`",
                    Kind::Optional(_) => "it may be null: write `x!` or test it",
                    Kind::Var(_) => "write down the type where it is declared",
                    _ => "it goes through arrays, maps, strings and ranges",
                };
                self.error(Code::NotIterable, over.span, message, hint);
                (Ty::ERROR, Some(Ty::ERROR))
            }
        };
        let mut names = vec![(name, types.0)];
        match (second, types.1) {
            (Some(second), Some(ty)) => names.push((second, ty)),
            (Some(second), None) => {
                let message = "only maps have a second variable".to_owned();
                let hint = "for positions, write `for i in 0..len(a)`";
                self.error(Code::NotIterable, second.span, message, hint);
                names.push((second, Ty::ERROR));
            }
            (None, _) => {}
        }
        let (locals, body) = self.loop_body(&names, body);
        let second = locals.get(1).copied();
        Some(StmtKind::Each(locals[0], second, over, body))
    }

    /// The body of a loop with variables of its own.
    fn loop_body(&mut self, names: &[(&Name, Ty)], body: &Block) -> (Vec<u32>, Vec<Stmt>) {
        self.enter_loop(&[&body.stmts], None);
        let before = self.frame().not_null.clone();
        let (locals, body) = self.scoped(|this| {
            let declare = |(name, ty): &(&Name, Ty)| this.declare_local(name, *ty, true);
            let locals: Vec<u32> = names.iter().map(declare).collect();
            let (body, _) = this.block(body);
            (locals, body)
        });
        self.leave_loop(before);
        (locals, body)
    }

    fn for_stmt(
        &mut self,
        init: Option<&ast::Stmt>,
        cond: Option<&ast::Expr>,
        step: Option<&ast::Stmt>,
        body: &Block,
    ) -> (Option<StmtKind>, bool) {
        self.scoped(|this| {
            let span = body.span;
            let mut stmts = Vec::new();
            if let Some(init) = init {
                let (kind, _) = this.stmt(&init.kind, init.span);
                stmts.extend(kind.map(|kind| Stmt {
                    kind,
                    span: init.span,
                }));
            }
            let steps: &[ast::Stmt] = step.map_or(&[], std::slice::from_ref);
            this.enter_loop(&[&body.stmts, steps], cond);
            let before = this.frame().not_null.clone();
            let endless = cond.is_none();
            let cond = match cond {
                Some(cond) => this.expr_of(cond, Ty::BOOL),
                None => Expr {
                    kind: ExprKind::Bool(true),
                    ty: Ty::BOOL,
                    span,
                },
            };
            this.assume(&cond, true);
            let (body, _) = this.block(body);
            // `continue` comes here, too, so nothing of the body is known.
            this.frame().not_null.clone_from(&before);
            let (step, _) = this.statements(steps, false);
            let left = this.leave_loop(before);
            let kind = StmtKind::While(Condition::Expr(cond), body, step);
            stmts.push(Stmt { kind, span });
            (Some(StmtKind::Block(stmts)), !endless || left)
        })
    }

    fn jump(&mut self, stmt: &ast::StmtKind, span: Span) -> (Option<StmtKind>, bool) {
        let leaves = matches!(stmt, ast::StmtKind::Break);
        let frame = self.frame();
        if frame.loops == 0 {
            let word = if leaves { "break" } else { "continue" };
            let message = format!("`{word}` outside of a loop");
            self.error(
                Code::OutsideLoop,
                span,
                message,
                "loops are `while` and `for`",
            );
            return (None, true);
        }
        if leaves && let Some(left) = frame.left.last_mut() {
            *left = true;
        }
        let kind = if leaves {
            StmtKind::Break
        } else {
            StmtKind::Continue
        };
        (Some(kind), false)
    }

    fn return_stmt(&mut self, value: Option<&ast::Expr>, span: Span) -> Option<StmtKind> {
        let Some(result) = self.frame().result else {
            let message = "`return` outside of a function".to_owned();
            let hint = "`exit(code)` of module `system` ends a program";
            self.error(Code::OutsideFunction, span, message, hint);
            return None;
        };
        let kind = self.kind(result);
        let Some(value) = value else {
            if let Kind::Var(_) = kind {
                let _ = self.program.types.unify(result, Ty::VOID);
            } else if !matches!(kind, Kind::Void | Kind::Error) {
                let message = format!("this function gives {}", self.show(result));
                self.error(Code::Mismatch, span, message, "write `return` with a value");
            }
            return Some(StmtKind::Return(None));
        };
        if kind == Kind::Void {
            let found = self.expr(value, None);
            let message = "this function has no result".to_owned();
            let hint = match self.kind(found.ty) {
                Kind::Void | Kind::Error => "write `return` alone".to_owned(),
                _ => format!("declare one: `-> {}`", self.show(found.ty)),
            };
            self.error(Code::Mismatch, value.span, message, hint);
            return None;
        }
        let value = match kind {
            Kind::Var(_) => {
                let value = self.value(value, None);
                self.coerce(value, result)
            }
            _ => self.expr_of(value, result),
        };
        Some(StmtKind::Return(Some(value)))
    }
}

/// Whether a call never comes back.
fn ends(value: &Expr) -> bool {
    matches!(value.kind, ExprKind::CallNative(row, _) if NATIVES[row as usize].result == T::Never)
}
