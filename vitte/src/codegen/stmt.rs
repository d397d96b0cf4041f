//! Statements.

use super::Key;
use super::expr::instruction;
use super::func::{Func, Loop};
use crate::hir::{BinaryOp, Condition, Expr, Stmt, StmtKind, Target};
use crate::types::{Kind, Ty as HirTy};
use crate::vitbc::module::{Row, Ty};
use crate::vitbc::ops::Op;

impl Func<'_, '_> {
    pub(super) fn statements(&mut self, stmts: &[Stmt]) {
        for stmt in stmts {
            let outer = std::mem::take(&mut self.temporary);
            let before = self.at(stmt.span);
            self.statement(&stmt.kind);
            self.at(before);
            let done = std::mem::replace(&mut self.temporary, outer);
            self.release(done);
        }
    }

    fn statement(&mut self, kind: &StmtKind) {
        match kind {
            StmtKind::Let(local, value) => {
                let want = self.ty(self.hir.locals[*local as usize].ty);
                let value = self.operand(value, want);
                self.declare(*local, value);
            }
            StmtKind::SetGlobal(global, value) => self.set_global(*global, value),
            StmtKind::Assign(target, value) => self.assign(target, value),
            StmtKind::Update(target, op, ty, value) => self.update(target, *op, *ty, value),
            StmtKind::Expr(expr) => self.effect(expr),
            StmtKind::If(arms, otherwise) => {
                let end = self.label();
                for (condition, body) in arms {
                    let next = self.label();
                    self.unless(condition, next);
                    self.statements(body);
                    self.jump(end);
                    self.bind(next);
                }
                self.statements(otherwise);
                self.bind(end);
            }
            StmtKind::While(condition, body, step) => {
                let (top, next, end) = (self.label(), self.label(), self.label());
                self.bind(top);
                self.unless(condition, end);
                self.loops.push(Loop { next, end });
                self.statements(body);
                self.loops.pop();
                self.bind(next);
                self.statements(step);
                self.jump(top);
                self.bind(end);
            }
            StmtKind::Range(local, from, to, body) => self.range(*local, from, to, body),
            StmtKind::Each(local, second, over, body) => self.each(*local, *second, over, body),
            StmtKind::Break => {
                if let Some(Loop { end, .. }) = self.loops.last().copied() {
                    self.jump(end);
                }
            }
            StmtKind::Continue => {
                if let Some(Loop { next, .. }) = self.loops.last().copied() {
                    self.jump(next);
                }
            }
            StmtKind::Return(None) => self.emit(Op::ReturnNone, &[]),
            StmtKind::Return(Some(value)) => {
                let want = self.generator.ty(self.hir.result);
                if want == Ty::VOID {
                    self.effect(value);
                    return self.emit(Op::ReturnNone, &[]);
                }
                let value = self.operand(value, want);
                self.emit(Op::Return, &[value]);
            }
            StmtKind::Block(body) => self.statements(body),
        }
    }

    /// Goes on where the condition holds, and jumps where it does not.
    fn unless(&mut self, condition: &Condition, target: super::func::Label) {
        match condition {
            Condition::Expr(expr) => self.branch(expr, target, false),
            Condition::Let(local, value) => {
                let value = self.value(value, None);
                self.unwrap_or_jump(value, *local, target);
            }
        }
    }

    fn set_global(&mut self, global: u32, value: &Expr) {
        let want = self.generator.module.globals[global as usize].1;
        let value = self.operand(value, want);
        self.emit(Op::StoreGlobal, &[global, value]);
    }

    fn assign(&mut self, target: &Target, value: &Expr) {
        match target {
            Target::Local(local) if !self.is_cell(*local) => {
                let register = self.local(*local);
                self.value_to(value, register);
            }
            Target::Local(local) => {
                let want = self.ty(self.hir.locals[*local as usize].ty);
                let value = self.operand(value, want);
                self.write(*local, value);
            }
            Target::Global(global) => self.set_global(*global, value),
            Target::Field(base, _, field) => {
                let base = self.value(base, None);
                let value = self.value(value, None);
                self.emit(Op::Store, &[base, *field, value]);
            }
            Target::Index(base, index) => {
                let base = self.value(base, None);
                let index = self.value(index, None);
                let value = self.value(value, None);
                self.emit(Op::Set, &[base, index, value]);
            }
        }
    }

    fn update(&mut self, target: &Target, op: BinaryOp, ty: HirTy, value: &Expr) {
        let op = instruction(op);
        let ty = self.ty(ty);
        match target {
            Target::Local(local) => {
                let old = self.read(*local, None);
                let value = self.operand(value, ty);
                let dest = match self.is_cell(*local) {
                    true => None,
                    false => Some(self.local(*local)),
                };
                let new = self.simple(op, ty, dest, &[old, value]);
                self.write(*local, new);
            }
            Target::Global(global) => {
                let old = self.simple(Op::LoadGlobal, ty, None, &[*global]);
                let value = self.operand(value, ty);
                let new = self.simple(op, ty, None, &[old, value]);
                self.emit(Op::StoreGlobal, &[*global, new]);
            }
            Target::Field(base, _, field) => {
                let base = self.value(base, None);
                let old = self.simple(Op::Load, ty, None, &[base, *field]);
                let value = self.operand(value, ty);
                let new = self.simple(op, ty, None, &[old, value]);
                self.emit(Op::Store, &[base, *field, new]);
            }
            Target::Index(base, index) => {
                let base = self.value(base, None);
                let index = self.value(index, None);
                let old = self.simple(Op::Get, ty, None, &[base, index]);
                let value = self.operand(value, ty);
                let new = self.simple(op, ty, None, &[old, value]);
                self.emit(Op::Set, &[base, index, new]);
            }
        }
    }

    /// A value in a register that the body of a loop does not change.
    fn kept(&mut self, expr: &Expr, ty: Ty) -> u32 {
        let value = self.operand(expr, ty);
        let kept = self.fresh(ty);
        self.moved(value, kept);
        kept
    }

    fn range(&mut self, local: u32, from: &Expr, to: &Expr, body: &[Stmt]) {
        let index = self.kept(from, Ty::INT);
        let to = self.kept(to, Ty::INT);
        self.counted(
            index,
            |_| to,
            |this| {
                this.declare_counter(local, index);
                this.statements(body);
            },
        );
    }

    /// A loop while a register is less than what `end` leaves in another one; it goes up by one each turn.
    fn counted(
        &mut self,
        index: u32,
        end: impl FnOnce(&mut Self) -> u32,
        body: impl FnOnce(&mut Self),
    ) {
        self.own(index);
        let (top, next, out) = (self.label(), self.label(), self.label());
        self.bind(top);
        let end = end(self);
        let test = self.simple(Op::Ge, Ty::BOOL, None, &[index, end]);
        self.jump_if(test, out);
        self.loops.push(Loop { next, end: out });
        body(self);
        self.loops.pop();
        self.bind(next);
        let one = self.constant(Key::Int(1), Ty::INT, None);
        self.emit(Op::Add, &[index, index, one]);
        self.jump(top);
        self.bind(out);
    }

    fn each(&mut self, local: u32, second: Option<u32>, over: &Expr, body: &[Stmt]) {
        let ty = self.ty(over.ty);
        let mut over_kept = self.kept(over, ty);
        let mut values = None;
        match self.generator.kind(over.ty) {
            Kind::Map(key, value) => {
                let map = over_kept;
                let key = self.ty(key);
                over_kept = self.list_of("map.keys", &[map], key);
                if second.is_some() {
                    let value = self.ty(value);
                    values = Some(self.list_of("map.values", &[map], value));
                }
            }
            Kind::Str => {
                let text = over_kept;
                let nothing = self.constant(Key::Str("".into()), Ty::STR, None);
                over_kept = self.list_of("string.split", &[text, nothing], Ty::STR);
            }
            _ => {}
        }
        let index = self.fresh(Ty::INT);
        let zero = self.generator.constant(Key::Int(0));
        self.emit(Op::LoadConst, &[index, zero]);
        let list_ty = self.type_of(over_kept);
        let name = "array.len".to_owned();
        let len = self.generator.native(name, vec![list_ty], Ty::INT);
        let end = self.fresh(Ty::INT);
        // The array may get longer or shorter meanwhile.
        let find_end = |this: &mut Self| {
            this.emit_list(Op::CallNative, &[len, end], vec![over_kept]);
            end
        };
        self.counted(index, find_end, |this| {
            for (local, list) in [(Some(local), Some(over_kept)), (second, values)] {
                if let (Some(local), Some(list)) = (local, list) {
                    let ty = this.ty(this.hir.locals[local as usize].ty);
                    let item = this.simple(Op::Get, ty, None, &[list, index]);
                    this.declare(local, item);
                }
            }
            this.statements(body);
        });
    }

    /// An array that the runtime makes.
    fn list_of(&mut self, name: &str, args: &[u32], item: Ty) -> u32 {
        let ty = self.generator.row(Row::Array(item));
        let params = args.iter().map(|arg| self.type_of(*arg)).collect();
        let import = self.generator.native(name.to_owned(), params, ty);
        let dest = self.fresh(ty);
        self.emit_list(Op::CallNative, &[import, dest], args.to_vec());
        dest
    }
}
