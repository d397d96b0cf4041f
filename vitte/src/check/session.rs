//! What is entered in a session, one module behind the other: each has the names of those before it, and the value of
//! an expression that stands at its end is kept.

use std::sync::Arc;

use super::{Checker, Item};
use crate::hir::{self, Stmt, StmtKind};
use crate::syntax::ast;
use crate::types::{Kind, Ty};

/// The name of the value that was last shown.
const VALUE: &str = "it";

/// The expression at the end of statements, if that may have a value that nothing uses. A `match` there is a statement.
fn last(stmts: &[ast::Stmt]) -> Option<&ast::Expr> {
    match &stmts.last()?.kind {
        ast::StmtKind::Expr(expr) if !matches!(expr.kind, ast::ExprKind::Match(_)) => Some(expr),
        _ => None,
    }
}

impl Checker<'_> {
    /// The modules whose names are known in this one, itself first.
    pub(super) fn entered(&self) -> impl Iterator<Item = usize> {
        let modules = self.modules;
        std::iter::successors(Some(self.module), move |module| {
            modules[*module].entry.flatten()
        })
    }

    /// What a name at top level stands for in a module.
    pub(super) fn item_in(&self, module: usize, name: &str) -> Option<Item> {
        let mut next = Some(module);
        while let Some(module) = next {
            if let Some((item, _)) = self.items[module].get(name) {
                return Some(*item);
            }
            next = self.modules[module].entry.flatten();
        }
        None
    }

    /// Declares a variable for the value of what was entered.
    pub(super) fn declare_value(&mut self, module: usize) {
        let modules = self.modules;
        if modules[module].entry.is_none() {
            return;
        }
        let Some(expr) = last(&modules[module].stmts) else {
            return;
        };
        let number = self.program.globals.len() as u32;
        self.program.globals.push(hir::Global {
            name: Arc::from(VALUE),
            ty: Ty::VOID,
            mutable: false,
            span: expr.span,
            module,
        });
        self.reached.push(false);
        self.values.insert(module, number);
    }

    /// Checks the statements of what was entered, whose last one is an expression.
    pub(super) fn entry_body(&mut self, module: usize) -> Vec<Stmt> {
        let modules = self.modules;
        let (Some((end, before)), Some(expr)) = (
            modules[module].stmts.split_last(),
            last(&modules[module].stmts),
        ) else {
            return Vec::new();
        };
        let (mut body, _) = self.statements(before, true);
        let value = self.expr(expr, None);
        let number = self.values[&module];
        let kind = match self.kind(value.ty) {
            Kind::Void | Kind::Never | Kind::Error => StmtKind::Expr(value),
            _ => {
                self.program.globals[number as usize].ty = value.ty;
                // What the expression itself calls so is the value before.
                let items = &mut self.items[module];
                items.insert(Arc::from(VALUE), (Item::Global(number), expr.span));
                self.reach(number);
                if module + 1 == modules.len() {
                    self.program.value = Some(number);
                }
                StmtKind::SetGlobal(number, value)
            }
        };
        body.push(Stmt {
            kind,
            span: end.span,
        });
        body
    }
}
