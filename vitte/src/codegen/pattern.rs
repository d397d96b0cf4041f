//! `match`: arms are tried in their order.

use super::Key;
use super::func::{Func, Label};
use crate::hir::{Arm, Expr, Pattern};
use crate::vitbc::module::{Row, Ty};
use crate::vitbc::ops::Op;

impl Func<'_, '_> {
    /// Does what the first arm that fits says; its value goes to `result`.
    pub(super) fn matched(&mut self, value: &Expr, local: u32, arms: &[Arm], result: Option<u32>) {
        let want = self.ty(self.hir.locals[local as usize].ty);
        let value = self.operand(value, want);
        self.declare(local, value);
        let value = self.read(local, None);
        let is_enum = matches!(
            self.generator.module.row(self.type_of(value)),
            Some(Row::Enum(..))
        );
        let tests_tag = arms.iter().any(|arm| names_variant(&arm.pattern));
        let tag = (is_enum && tests_tag).then(|| self.simple(Op::Tag, Ty::INT, None, &[value]));
        let end = self.label();
        for arm in arms {
            let next = self.label();
            self.test(&arm.pattern, value, tag, next);
            if let Some(guard) = &arm.guard {
                self.branch(guard, next, false);
            }
            self.statements(&arm.body);
            match (&arm.value, result) {
                (Some(value), Some(result)) => self.value_to(value, result),
                (Some(value), None) => self.effect(value),
                (None, _) => {}
            }
            self.jump(end);
            self.bind(next);
        }
        // The checker knows that an arm fits, but whoever runs this need not.
        self.bind(end);
    }

    /// Jumps where a value is not as the pattern says, and gives its parts to variables.
    fn test(&mut self, pattern: &Pattern, value: u32, tag: Option<u32>, fail: Label) {
        match pattern {
            Pattern::Any => {}
            Pattern::Bind(local) => {
                let ty = self.type_of(value);
                let copy = self.fresh(ty);
                self.moved(value, copy);
                self.declare(*local, copy);
            }
            Pattern::Int(number) => {
                let number = self.constant(Key::Int(*number), Ty::INT, None);
                self.differs(value, number, fail);
            }
            Pattern::Float(number) => {
                let number = self.constant(Key::Float(number.to_bits()), Ty::FLOAT, None);
                self.differs(value, number, fail);
            }
            Pattern::Str(text) => {
                let text = self.constant(Key::Str(text.clone()), Ty::STR, None);
                self.differs(value, text, fail);
            }
            Pattern::Bool(true) => {
                let not = self.simple(Op::Not, Ty::BOOL, None, &[value]);
                self.jump_if(not, fail);
            }
            Pattern::Bool(false) => self.jump_if(value, fail),
            Pattern::Null => {
                let test = self.simple(Op::IsNull, Ty::BOOL, None, &[value]);
                let not = self.simple(Op::Not, Ty::BOOL, None, &[test]);
                self.jump_if(not, fail);
            }
            Pattern::Some(inner) => {
                let test = self.simple(Op::IsNull, Ty::BOOL, None, &[value]);
                self.jump_if(test, fail);
                let Some(&Row::Optional(ty)) = self.generator.module.row(self.type_of(value))
                else {
                    return;
                };
                let some = self.simple(Op::Unwrap, ty, None, &[value]);
                self.test(inner, some, None, fail);
            }
            Pattern::Variant(_, variant, parts) => {
                self.variant(*variant, parts, value, tag, fail);
            }
            Pattern::Or(patterns) => {
                let fits = self.label();
                for (i, pattern) in patterns.iter().enumerate() {
                    if i + 1 == patterns.len() {
                        self.test(pattern, value, tag, fail);
                    } else {
                        let next = self.label();
                        self.test(pattern, value, tag, next);
                        self.jump(fits);
                        self.bind(next);
                    }
                }
                self.bind(fits);
            }
        }
    }

    fn variant(
        &mut self,
        variant: u32,
        parts: &[Pattern],
        value: u32,
        tag: Option<u32>,
        fail: Label,
    ) {
        let tag = match tag {
            Some(tag) => tag,
            None => self.simple(Op::Tag, Ty::INT, None, &[value]),
        };
        let want = self.constant(Key::Int(i64::from(variant)), Ty::INT, None);
        self.differs(tag, want, fail);
        for (i, part) in parts.iter().enumerate() {
            if matches!(part, Pattern::Any) {
                continue;
            }
            let carried = match self.generator.module.row(self.type_of(value)) {
                Some(Row::Enum(_, variants)) => variants
                    .get(variant as usize)
                    .and_then(|(_, types)| types.get(i)),
                _ => None,
            };
            let Some(&ty) = carried else { continue };
            let carried = self.simple(Op::Payload, ty, None, &[value, variant, i as u32]);
            self.test(part, carried, None, fail);
        }
    }

    fn differs(&mut self, value: u32, other: u32, fail: Label) {
        let test = self.simple(Op::Ne, Ty::BOOL, None, &[value, other]);
        self.jump_if(test, fail);
    }
}

fn names_variant(pattern: &Pattern) -> bool {
    match pattern {
        Pattern::Variant(..) => true,
        Pattern::Or(patterns) => patterns.iter().any(names_variant),
        _ => false,
    }
}
