//! Assertions: what was asserted is said where it does not hold, with both values of a comparison.

use super::Key;
use super::expr::instruction;
use super::func::Func;
use crate::hir::{Expr, ExprKind};
use crate::source::Span;
use crate::vitbc::module::{Row, Ty};
use crate::vitbc::ops::{NO_RESULT, Op};

/// The most characters of the source that a message has.
const SHOWN_MAX: usize = 100;

impl Func<'_, '_> {
    /// `assert` with a condition alone.
    pub(super) fn assert(&mut self, condition: &Expr) {
        let holds = self.label();
        let mut message = format!("assertion failed: {}", self.source_of(condition.span));
        if let ExprKind::Binary(op, left, right) = &condition.kind {
            let (left, right) = self.operands(left, right);
            let test = self.simple(instruction(*op), Ty::BOOL, None, &[left, right]);
            self.jump_if(test, holds);
            let mut text = None;
            if self.has_text(self.type_of(left)) {
                for (what, register) in [("; left: ", left), (", right: ", right)] {
                    message.push_str(what);
                    let quote = if self.type_of(register) == Ty::STR {
                        "\""
                    } else {
                        ""
                    };
                    message.push_str(quote);
                    text = Some(self.put_behind(text, &std::mem::take(&mut message)));
                    let shown = self.text_in(register);
                    text = Some(self.sum(text, shown));
                    message.push_str(quote);
                }
            }
            let text = self.put_behind(text, &message);
            self.panic(text);
        } else {
            let test = self.operand(condition, Ty::BOOL);
            self.jump_if(test, holds);
            let text = self.put_behind(None, &message);
            self.panic(text);
        }
        self.bind(holds);
    }

    /// A text with another one behind it.
    fn put_behind(&mut self, text: Option<u32>, more: &str) -> u32 {
        if let (Some(text), "") = (text, more) {
            return text;
        }
        let more = self.constant(Key::Str(more.into()), Ty::STR, None);
        self.sum(text, more)
    }

    fn sum(&mut self, text: Option<u32>, more: u32) -> u32 {
        match text {
            Some(text) => self.simple(Op::Add, Ty::STR, None, &[text, more]),
            None => more,
        }
    }

    fn panic(&mut self, text: u32) {
        let name = "core.panic".to_owned();
        let import = self.generator.native(name, vec![Ty::STR], Ty::VOID);
        self.emit_list(Op::CallNative, &[import, NO_RESULT], vec![text]);
    }

    /// Whether values of a type have a text.
    fn has_text(&self, ty: Ty) -> bool {
        match self.generator.module.row(ty) {
            Some(Row::Optional(inner) | Row::Array(inner)) => self.has_text(*inner),
            Some(Row::Map(key, value)) => self.has_text(*key) && self.has_text(*value),
            Some(_) => false,
            None => [Ty::INT, Ty::FLOAT, Ty::BOOL, Ty::STR].contains(&ty),
        }
    }

    /// What the source says at a place, in one line.
    fn source_of(&self, span: Span) -> String {
        let text = self.generator.sources.text(span.file);
        let text = text.get(span.range()).unwrap_or_default();
        let words: Vec<&str> = text.split_whitespace().collect();
        let text = words.join(" ");
        match text.char_indices().nth(SHOWN_MAX) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }
}
