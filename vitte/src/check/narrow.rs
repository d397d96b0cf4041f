//! What loops and calls make of what is known of variables: it is forgotten where they may change it.

use std::collections::HashSet;
use std::sync::Arc;

use super::scope::Place;
use super::{Checker, Item};
use crate::syntax::ast::{
    ArmBody, Block, Closure, ClosureBody, Condition, Expr, ExprKind, Function, Pattern,
    PatternKind, Stmt, StmtKind,
};

/// What is found in statements and expressions, in whatever scope.
#[derive(Default)]
struct Search {
    /// Names that are assigned to.
    assigned: HashSet<Arc<str>>,
    /// Those of closures and functions.
    assigned_inside: HashSet<Arc<str>>,
    /// Names of modules and their members that are assigned to, as far as syntax tells.
    members: HashSet<(Arc<str>, Arc<str>)>,
    /// Names of variables that are declared.
    declared: HashSet<Arc<str>>,
    /// Whether something is called.
    calls: bool,
    /// How many functions are around.
    inside: u32,
}

impl Search {
    fn assign(&mut self, name: &Arc<str>) {
        self.assigned.insert(name.clone());
        if self.inside > 0 {
            self.assigned_inside.insert(name.clone());
        }
    }

    fn declare(&mut self, name: &Arc<str>) {
        self.declared.insert(name.clone());
    }

    fn stmts(&mut self, stmts: &[Stmt]) {
        for stmt in stmts {
            self.stmt(stmt);
        }
    }

    fn block(&mut self, block: Option<&Block>) {
        if let Some(block) = block {
            self.stmts(&block.stmts);
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Error
            | StmtKind::Break
            | StmtKind::Continue
            | StmtKind::Extern(_)
            | StmtKind::Struct(_)
            | StmtKind::Enum(_)
            | StmtKind::Import(_) => {}
            StmtKind::Let { name, value, .. } => {
                self.declare(&name.text);
                self.expr(value);
            }
            StmtKind::Assign(target, _, _, value) => {
                self.target(target);
                self.expr(value);
            }
            StmtKind::Expr(expr) => self.expr(expr),
            StmtKind::If(arms, otherwise) => {
                for (cond, block) in arms {
                    self.condition(cond);
                    self.stmts(&block.stmts);
                }
                self.block(otherwise.as_ref());
            }
            StmtKind::While(cond, body) => {
                self.condition(cond);
                self.stmts(&body.stmts);
            }
            StmtKind::ForIn {
                name,
                second,
                over,
                end,
                body,
            } => {
                self.declare(&name.text);
                if let Some(second) = second {
                    self.declare(&second.text);
                }
                self.expr(over);
                self.exprs(end.iter());
                self.stmts(&body.stmts);
            }
            StmtKind::For {
                init,
                cond,
                step,
                body,
            } => {
                for stmt in init.iter().chain(step) {
                    self.stmt(stmt);
                }
                self.exprs(cond.iter());
                self.stmts(&body.stmts);
            }
            StmtKind::Return(value) => self.exprs(value.iter()),
            StmtKind::Block(block) => self.stmts(&block.stmts),
            StmtKind::Fn(function) => {
                self.declare(&function.name.text);
                self.function(function);
            }
        }
    }

    fn target(&mut self, target: &Expr) {
        match &target.kind {
            ExprKind::Name(name) => self.assign(name),
            ExprKind::Paren(inner) => self.target(inner),
            ExprKind::Field(base, member) => {
                if let ExprKind::Name(module) = &base.kind {
                    let names = (module.clone(), member.text.clone());
                    self.members.insert(names);
                }
                self.expr(base);
            }
            _ => self.expr(target),
        }
    }

    fn condition(&mut self, cond: &Condition) {
        match cond {
            Condition::Expr(expr) => self.expr(expr),
            Condition::Let(name, value) => {
                self.declare(&name.text);
                self.expr(value);
            }
        }
    }

    fn function(&mut self, function: &Function) {
        self.inside += 1;
        for (name, _) in &function.params {
            self.declare(&name.text);
        }
        self.stmts(&function.body.stmts);
        self.inside -= 1;
    }

    fn closure(&mut self, closure: &Closure) {
        self.inside += 1;
        for (name, _) in &closure.params {
            self.declare(&name.text);
        }
        match &closure.body {
            ClosureBody::Expr(body) => self.expr(body),
            ClosureBody::Block(body) => self.stmts(&body.stmts),
        }
        self.inside -= 1;
    }

    fn exprs<'e>(&mut self, exprs: impl Iterator<Item = &'e Expr>) {
        for expr in exprs {
            self.expr(expr);
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Error
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Str(_)
            | ExprKind::Bool(_)
            | ExprKind::Null
            | ExprKind::Name(_) => {}
            ExprKind::Paren(inner)
            | ExprKind::Neg(inner)
            | ExprKind::Not(inner)
            | ExprKind::Unwrap(inner)
            | ExprKind::Field(inner, _)
            | ExprKind::SafeField(inner, _) => self.expr(inner),
            ExprKind::Array(items) => self.exprs(items.iter()),
            ExprKind::Map(entries) => {
                for (key, value) in entries {
                    self.expr(key);
                    self.expr(value);
                }
            }
            ExprKind::Struct(_, fields) => self.exprs(fields.iter().map(|(_, value)| value)),
            ExprKind::Closure(closure) => self.closure(closure),
            ExprKind::Binary(_, _, left, right) | ExprKind::Index(left, right) => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Call(callee, args) => {
                self.calls = true;
                self.expr(callee);
                self.exprs(args.iter());
            }
            ExprKind::Match(decl) => {
                self.expr(&decl.value);
                for arm in &decl.arms {
                    self.pattern(&arm.pattern);
                    self.exprs(arm.guard.iter());
                    match &arm.body {
                        ArmBody::Expr(expr) => self.expr(expr),
                        ArmBody::Block(block) => self.stmts(&block.stmts),
                    }
                }
            }
        }
    }

    fn pattern(&mut self, pattern: &Pattern) {
        match &pattern.kind {
            PatternKind::Name(name) => self.declare(&name.text),
            PatternKind::Variant(_, _, parts) | PatternKind::Or(parts) => {
                for part in parts {
                    self.pattern(part);
                }
            }
            _ => {}
        }
    }
}

impl Checker<'_> {
    /// Finds the variables at top level that functions and closures assign to. A name that a function
    /// declares is that of its own variable in all of it.
    pub(super) fn find_shared(&mut self) {
        let modules = self.modules;
        for (number, module) in modules.iter().enumerate() {
            let mut top = Search::default();
            for stmt in &module.stmts {
                match &stmt.kind {
                    StmtKind::Fn(function) => self.share(number, std::slice::from_ref(function)),
                    StmtKind::Struct(decl) => self.share(number, &decl.methods),
                    StmtKind::Enum(decl) => self.share(number, &decl.methods),
                    _ => top.stmt(stmt),
                }
            }
            self.shared.extend(top.assigned_inside);
            self.assigned_names.extend(top.assigned);
            self.share_members(number, top.members);
        }
    }

    fn share(&mut self, module: usize, functions: &[Function]) {
        for function in functions {
            let mut search = Search::default();
            search.function(function);
            let free = search.assigned.difference(&search.declared);
            self.shared.extend(free.cloned());
            self.assigned_names.extend(search.assigned);
            self.share_members(module, search.members);
        }
    }

    fn share_members(&mut self, module: usize, members: HashSet<(Arc<str>, Arc<str>)>) {
        for (base, member) in members {
            if let Some(Item::Module(_)) = self.item_in(module, &base) {
                self.shared.insert(member);
            }
        }
    }

    /// The name of a variable in its module.
    fn own_name(&self, global: u32) -> &str {
        let name = &*self.program.globals[global as usize].name;
        name.rsplit('.').next().unwrap_or(name)
    }

    /// Forgets what a call may change.
    pub(super) fn called(&mut self) {
        let frame = self.frame();
        let mut kept = std::mem::take(&mut frame.not_null);
        kept.retain(|place| match place {
            Place::Local(local) => !self.frame().shared.contains(local),
            Place::Global(global) => !self.shared.contains(self.own_name(*global)),
        });
        self.frame().not_null = kept;
    }

    /// Enters a loop: its start is reached again, so what it may change is forgotten.
    pub(super) fn enter_loop(&mut self, parts: &[&[Stmt]], cond: Option<&Expr>) {
        let mut search = Search::default();
        for stmts in parts {
            search.stmts(stmts);
        }
        search.exprs(cond.into_iter());
        let frame = self.frame();
        for name in &search.assigned_inside {
            let mut scopes = frame.scopes.iter().rev();
            if let Some(local) = scopes.find_map(|scope| scope.get(name)) {
                frame.shared.insert(*local);
            }
        }
        if search.calls {
            self.called();
        }
        let mut names = search.assigned;
        names.extend(search.members.into_iter().map(|(_, member)| member));
        let mut kept = std::mem::take(&mut self.frame().not_null);
        kept.retain(|place| match place {
            Place::Local(local) => !names.contains(&self.frame().locals[*local as usize].name),
            Place::Global(global) => !names.contains(self.own_name(*global)),
        });
        let frame = self.frame();
        frame.not_null = kept;
        frame.loops += 1;
        frame.left.push(false);
    }
}
