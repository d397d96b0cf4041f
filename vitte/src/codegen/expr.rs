//! Expressions.

use super::Key;
use super::func::{Func, Label};
use crate::hir::{BinaryOp, Expr, ExprKind};
use crate::natives::{NATIVES, T};
use crate::types::Kind;
use crate::vitbc::module::{Row, Ty};
use crate::vitbc::ops::{NO_RESULT, Op};

/// Array literals with more elements are made piece by piece.
const LITERAL_MAX: usize = 1000;

/// The instruction of an operator.
pub(super) fn instruction(op: BinaryOp) -> Op {
    match op {
        BinaryOp::Add => Op::Add,
        BinaryOp::Sub => Op::Sub,
        BinaryOp::Mul => Op::Mul,
        BinaryOp::Div => Op::Div,
        BinaryOp::Mod => Op::Mod,
        BinaryOp::Eq => Op::Eq,
        BinaryOp::Ne => Op::Ne,
        BinaryOp::Lt => Op::Lt,
        BinaryOp::Le => Op::Le,
        BinaryOp::Gt => Op::Gt,
        BinaryOp::Ge => Op::Ge,
        BinaryOp::And | BinaryOp::Or | BinaryOp::Coalesce => {
            unreachable!("operators that jump are kinds of their own")
        }
    }
}

/// The comparison that is true where this one is false; not of floats, but for equality.
fn opposite(op: Op, is_float: bool) -> Option<Op> {
    Some(match op {
        Op::Eq => Op::Ne,
        Op::Ne => Op::Eq,
        _ if is_float => return None,
        Op::Lt => Op::Ge,
        Op::Ge => Op::Lt,
        Op::Gt => Op::Le,
        Op::Le => Op::Gt,
        _ => return None,
    })
}

impl Func<'_, '_> {
    /// Computes a value, in `dest` if that has its type and one instruction makes it, else in some register.
    pub(super) fn value(&mut self, expr: &Expr, dest: Option<u32>) -> u32 {
        let before = self.at(expr.span);
        let register = self.value_here(expr, dest);
        self.at(before);
        register
    }

    /// Computes a value that is of a type; what never gives one is as if it did.
    pub(super) fn operand(&mut self, expr: &Expr, want: Ty) -> u32 {
        let register = self.value(expr, None);
        match self.generator.kind(expr.ty) {
            Kind::Never if self.type_of(register) != want => self.temp(want),
            _ => register,
        }
    }

    /// Computes a value into a register.
    pub(super) fn value_to(&mut self, expr: &Expr, dest: u32) {
        let register = self.value(expr, Some(dest));
        self.moved(register, dest);
    }

    /// Does something for its effects.
    pub(super) fn effect(&mut self, expr: &Expr) {
        let before = self.at(expr.span);
        match &expr.kind {
            ExprKind::Call(function, args) => {
                let function = self.generator.number(*function);
                let args = self.args(args);
                self.emit_list(Op::Call, &[function, NO_RESULT], args);
            }
            ExprKind::CallValue(callee, args) => {
                let callee = self.value(callee, None);
                let args = self.args(args);
                self.emit_list(Op::CallClosure, &[callee, NO_RESULT], args);
            }
            ExprKind::CallNative(row, args) => self.native_effect(*row, args, expr),
            ExprKind::Safe(base, local, then) => {
                let base = self.value(base, None);
                let end = self.label();
                self.unwrap_or_jump(base, *local, end);
                self.effect(then);
                self.bind(end);
            }
            ExprKind::Unwrap(inner) => {
                let inner = self.value(inner, None);
                let ty = self.ty(expr.ty);
                let dest = self.temp(ty);
                self.emit(Op::Unwrap, &[dest, inner]);
            }
            ExprKind::Match(value, local, arms) => self.matched(value, *local, arms, None),
            _ => {
                self.value_here(expr, None);
            }
        }
        self.at(before);
    }

    /// Jumps where an optional value is null; else the variable takes it.
    pub(super) fn unwrap_or_jump(&mut self, value: u32, local: u32, null: Label) {
        let test = self.temp(Ty::BOOL);
        self.emit(Op::IsNull, &[test, value]);
        self.jump_if(test, null);
        let ty = self.ty(self.hir.locals[local as usize].ty);
        let inner = self.temp(ty);
        self.emit(Op::Unwrap, &[inner, value]);
        self.declare(local, inner);
    }

    pub(super) fn args(&mut self, args: &[Expr]) -> Vec<u32> {
        args.iter().map(|arg| self.value(arg, None)).collect()
    }

    fn value_here(&mut self, expr: &Expr, dest: Option<u32>) -> u32 {
        let ty = self.ty(expr.ty);
        match &expr.kind {
            ExprKind::Error => self.temp(ty),
            ExprKind::Int(value) => self.constant(Key::Int(*value), Ty::INT, dest),
            ExprKind::Float(value) => self.constant(Key::Float(value.to_bits()), Ty::FLOAT, dest),
            ExprKind::Str(text) => self.constant(Key::Str(text.clone()), Ty::STR, dest),
            ExprKind::Bool(value) => self.simple(Op::LoadBool, ty, dest, &[u32::from(*value)]),
            ExprKind::Null => self.simple(Op::LoadNull, ty, dest, &[]),
            ExprKind::Local(local) => self.read(*local, dest),
            ExprKind::Global(global) => self.simple(Op::LoadGlobal, ty, dest, &[*global]),
            ExprKind::Function(function) => {
                let function = self.generator.number(*function);
                self.simple(Op::Closure, ty, dest, &[function])
            }
            ExprKind::Extern(number) => {
                let function = self.generator.extern_function(*number);
                self.simple(Op::Closure, ty, dest, &[function])
            }
            ExprKind::CallExtern(number, args) => {
                let import = self.generator.extern_import(*number);
                let args = self.args(args);
                self.called(Op::CallNative, import, args, expr, dest)
            }
            ExprKind::This => {
                let captured = self.captured.clone();
                let number = self.number;
                self.listed(Op::Closure, ty, dest, &[number], captured)
            }
            ExprKind::Array(items) => self.array(items, ty, dest),
            ExprKind::Map(entries) => self.map(entries, ty, dest),
            ExprKind::Struct(_, fields) => self.struct_value(fields, ty, dest),
            ExprKind::Variant(_, variant, args) => {
                let args = self.args(args);
                self.listed(Op::Variant, ty, dest, &[ty.0, *variant], args)
            }
            ExprKind::Closure(function, outer) => {
                let cells: Vec<bool> = outer.iter().map(|local| self.is_cell(*local)).collect();
                let function = self.generator.closure(*function, &cells);
                let captured = outer.iter().map(|local| self.local(*local)).collect();
                self.listed(Op::Closure, ty, dest, &[function], captured)
            }
            ExprKind::Neg(operand) => {
                let operand = self.operand(operand, ty);
                self.simple(Op::Neg, ty, dest, &[operand])
            }
            ExprKind::Not(operand) => {
                let operand = self.operand(operand, Ty::BOOL);
                self.simple(Op::Not, ty, dest, &[operand])
            }
            ExprKind::Binary(op, left, right) => {
                let (left, right) = self.operands(left, right);
                self.simple(instruction(*op), ty, dest, &[left, right])
            }
            ExprKind::And(..) | ExprKind::Or(..) => self.logical(expr),
            ExprKind::Coalesce(first, second) => self.coalesce(first, second, ty),
            ExprKind::IsNull(value, negated) => {
                let value = self.value(value, None);
                if !negated {
                    return self.simple(Op::IsNull, ty, dest, &[value]);
                }
                let test = self.simple(Op::IsNull, ty, None, &[value]);
                self.simple(Op::Not, ty, dest, &[test])
            }
            ExprKind::Wrap(value) => {
                let value = self.value(value, None);
                self.simple(Op::Some, ty, dest, &[value])
            }
            ExprKind::Unwrap(value) => {
                let value = self.value(value, None);
                self.simple(Op::Unwrap, ty, dest, &[value])
            }
            ExprKind::Safe(base, local, then) => self.safe(base, *local, then, ty),
            ExprKind::Call(function, args) => {
                let function = self.generator.number(*function);
                let args = self.args(args);
                self.called(Op::Call, function, args, expr, dest)
            }
            ExprKind::CallValue(callee, args) => {
                let callee = self.value(callee, None);
                let args = self.args(args);
                self.called(Op::CallClosure, callee, args, expr, dest)
            }
            ExprKind::CallNative(row, args) => {
                if self.generator.ty(expr.ty) == Ty::VOID {
                    self.native_effect(*row, args, expr);
                    return self.temp(ty);
                }
                let (import, args) = self.native(*row, args, expr);
                self.called(Op::CallNative, import, args, expr, dest)
            }
            ExprKind::Field(base, _, field) => {
                let base = self.value(base, None);
                self.simple(Op::Load, ty, dest, &[base, *field])
            }
            ExprKind::Index(base, index) => {
                let base = self.value(base, None);
                let index = self.value(index, None);
                self.simple(Op::Get, ty, dest, &[base, index])
            }
            ExprKind::Match(value, local, arms) => {
                let result = self.temp(ty);
                self.matched(value, *local, arms, Some(result));
                result
            }
        }
    }

    /// An instruction that writes one register.
    pub(super) fn simple(&mut self, op: Op, ty: Ty, dest: Option<u32>, operands: &[u32]) -> u32 {
        self.listed(op, ty, dest, operands, Vec::new())
    }

    fn listed(
        &mut self,
        op: Op,
        ty: Ty,
        dest: Option<u32>,
        operands: &[u32],
        list: Vec<u32>,
    ) -> u32 {
        let dest = self.dest(dest, ty);
        let fixed: Vec<u32> = [dest].into_iter().chain(operands.iter().copied()).collect();
        self.emit_list(op, &fixed, list);
        dest
    }

    /// A call with a result; what never comes back has none.
    fn called(
        &mut self,
        op: Op,
        callee: u32,
        args: Vec<u32>,
        expr: &Expr,
        dest: Option<u32>,
    ) -> u32 {
        let ty = self.ty(expr.ty);
        if self.generator.ty(expr.ty) == Ty::VOID {
            self.emit_list(op, &[callee, NO_RESULT], args);
            return self.temp(ty);
        }
        let dest = self.dest(dest, ty);
        self.emit_list(op, &[callee, dest], args);
        dest
    }

    pub(super) fn operands(&mut self, left: &Expr, right: &Expr) -> (u32, u32) {
        let (left_ty, right_ty) = (self.ty(left.ty), self.ty(right.ty));
        let never = |this: &Self, expr: &Expr| this.generator.kind(expr.ty) == Kind::Never;
        let want = if never(self, left) { right_ty } else { left_ty };
        (self.operand(left, want), self.operand(right, want))
    }

    fn array(&mut self, items: &[Expr], ty: Ty, dest: Option<u32>) -> u32 {
        if items.len() <= LITERAL_MAX {
            let items = self.args(items);
            return self.listed(Op::Alloc, ty, dest, &[ty.0], items);
        }
        let array = self.listed(Op::Alloc, ty, None, &[ty.0], Vec::new());
        let item_ty = self.ty(items[0].ty);
        let name = "array.push".to_owned();
        let push = self.generator.native(name, vec![ty, item_ty], Ty::VOID);
        for item in items {
            let temporary = std::mem::take(&mut self.temporary);
            let item = self.value(item, None);
            self.emit_list(Op::CallNative, &[push, NO_RESULT], vec![array, item]);
            let done = std::mem::replace(&mut self.temporary, temporary);
            self.release(done);
        }
        array
    }

    fn map(&mut self, entries: &[(Expr, Expr)], ty: Ty, dest: Option<u32>) -> u32 {
        let mut list = Vec::new();
        if entries.len() <= LITERAL_MAX {
            for (key, value) in entries {
                list.push(self.value(key, None));
                list.push(self.value(value, None));
            }
            return self.listed(Op::Alloc, ty, dest, &[ty.0], list);
        }
        let map = self.listed(Op::Alloc, ty, None, &[ty.0], Vec::new());
        for (key, value) in entries {
            let temporary = std::mem::take(&mut self.temporary);
            let key = self.value(key, None);
            let value = self.value(value, None);
            self.emit(Op::Set, &[map, key, value]);
            let done = std::mem::replace(&mut self.temporary, temporary);
            self.release(done);
        }
        map
    }

    fn struct_value(&mut self, fields: &[(u32, Expr)], ty: Ty, dest: Option<u32>) -> u32 {
        // Computed in the order of the text, stored in that of the declaration.
        let mut values: Vec<(u32, u32)> = Vec::with_capacity(fields.len());
        for (field, value) in fields {
            values.push((*field, self.value(value, None)));
        }
        values.sort_unstable();
        let list = values.into_iter().map(|(_, value)| value).collect();
        self.listed(Op::Alloc, ty, dest, &[ty.0], list)
    }

    fn logical(&mut self, expr: &Expr) -> u32 {
        let result = self.temp(Ty::BOOL);
        let end = self.label();
        match &expr.kind {
            ExprKind::And(left, right) => {
                self.value_to(left, result);
                let not = self.simple(Op::Not, Ty::BOOL, None, &[result]);
                self.jump_if(not, end);
                self.value_to(right, result);
            }
            ExprKind::Or(left, right) => {
                self.value_to(left, result);
                self.jump_if(result, end);
                self.value_to(right, result);
            }
            _ => unreachable!("only these two are logical"),
        }
        self.bind(end);
        result
    }

    fn coalesce(&mut self, first: &Expr, second: &Expr, ty: Ty) -> u32 {
        let result = self.temp(ty);
        let (null, end) = (self.label(), self.label());
        let first = self.value(first, None);
        let test = self.simple(Op::IsNull, Ty::BOOL, None, &[first]);
        self.jump_if(test, null);
        match self.type_of(first) == ty {
            true => self.moved(first, result),
            false => self.emit(Op::Unwrap, &[result, first]),
        }
        self.jump(end);
        self.bind(null);
        self.value_to(second, result);
        self.bind(end);
        result
    }

    fn safe(&mut self, base: &Expr, local: u32, then: &Expr, ty: Ty) -> u32 {
        let result = self.temp(ty);
        let base = self.value(base, None);
        let (null, end) = (self.label(), self.label());
        self.unwrap_or_jump(base, local, null);
        if self.generator.ty(then.ty) == Ty::VOID {
            self.effect(then);
            self.bind(null);
            self.bind(end);
            return result;
        }
        self.value_to(then, result);
        self.jump(end);
        self.bind(null);
        self.emit(Op::LoadNull, &[result]);
        self.bind(end);
        result
    }

    /// Jumps if a condition is true, or (`when` false) is not.
    pub(super) fn branch(&mut self, expr: &Expr, target: Label, when: bool) {
        let before = self.at(expr.span);
        match &expr.kind {
            ExprKind::Not(inner) => self.branch(inner, target, !when),
            ExprKind::Bool(value) => {
                if *value == when {
                    self.jump(target);
                }
            }
            ExprKind::And(left, right) | ExprKind::Or(left, right) => {
                // Whether the first operand alone may lead to the target.
                if matches!(expr.kind, ExprKind::Or(..)) == when {
                    self.branch(left, target, when);
                    self.branch(right, target, when);
                } else {
                    let skip = self.label();
                    self.branch(left, skip, !when);
                    self.branch(right, target, when);
                    self.bind(skip);
                }
            }
            ExprKind::IsNull(value, negated) => {
                let value = self.value(value, None);
                let test = self.simple(Op::IsNull, Ty::BOOL, None, &[value]);
                self.test_jump(test, target, when != *negated);
            }
            ExprKind::Binary(op, left, right) => {
                let op = instruction(*op);
                let (left, right) = self.operands(left, right);
                let is_float = self.type_of(left) == Ty::FLOAT;
                match opposite(op, is_float) {
                    Some(other) if !when => {
                        let test = self.simple(other, Ty::BOOL, None, &[left, right]);
                        self.jump_if(test, target);
                    }
                    _ => {
                        let test = self.simple(op, Ty::BOOL, None, &[left, right]);
                        self.test_jump(test, target, when);
                    }
                }
            }
            _ => {
                let test = self.operand(expr, Ty::BOOL);
                self.test_jump(test, target, when);
            }
        }
        self.at(before);
    }

    fn test_jump(&mut self, test: u32, target: Label, when: bool) {
        let test = match when {
            true => test,
            false => self.simple(Op::Not, Ty::BOOL, None, &[test]),
        };
        self.jump_if(test, target);
    }

    /// The import for a call of the runtime, and the arguments.
    fn native(&mut self, row: u32, args: &[Expr], expr: &Expr) -> (u32, Vec<u32>) {
        let native = &NATIVES[row as usize];
        let rest = matches!(native.params.last(), Some(T::ShownRest));
        let count = native.params.len() - usize::from(rest);
        let mut registers = self.args(&args[..count]);
        let mut params: Vec<Ty> = registers.iter().map(|arg| self.type_of(*arg)).collect();
        if rest {
            let mut texts = Vec::with_capacity(args.len() - count);
            for arg in &args[count..] {
                texts.push(self.text_of(arg));
            }
            let ty = self.generator.row(Row::Array(Ty::STR));
            params.push(ty);
            registers.push(self.listed(Op::Alloc, ty, None, &[ty.0], texts));
        }
        let result = match native.result {
            T::Void | T::Never => Ty::VOID,
            _ => self.ty(expr.ty),
        };
        let import = self.generator.native(native.full_name(), params, result);
        (import, registers)
    }

    /// A value as text.
    fn text_of(&mut self, expr: &Expr) -> u32 {
        let value = self.value(expr, None);
        self.text_in(value)
    }

    /// The value of a register as text.
    pub(super) fn text_in(&mut self, value: u32) -> u32 {
        let ty = self.type_of(value);
        if ty == Ty::STR {
            return value;
        }
        let import = self
            .generator
            .native("core.str".to_owned(), vec![ty], Ty::STR);
        let dest = self.temp(Ty::STR);
        self.emit_list(Op::CallNative, &[import, dest], vec![value]);
        dest
    }

    fn native_effect(&mut self, row: u32, args: &[Expr], expr: &Expr) {
        let native = &NATIVES[row as usize];
        if (native.module, native.name) == ("io", "print") {
            let value = self.value(&args[0], None);
            if [Ty::INT, Ty::FLOAT, Ty::BOOL, Ty::STR].contains(&self.type_of(value)) {
                self.emit(Op::Print, &[value]);
                return;
            }
            let ty = self.type_of(value);
            let import = self
                .generator
                .native(native.full_name(), vec![ty], Ty::VOID);
            self.emit_list(Op::CallNative, &[import, NO_RESULT], vec![value]);
            return;
        }
        if (native.module, native.name) == ("core", "assert")
            && let [condition] = args
        {
            return self.assert(condition);
        }
        let (import, args) = self.native(row, args, expr);
        self.emit_list(Op::CallNative, &[import, NO_RESULT], args);
    }
}
