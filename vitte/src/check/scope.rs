//! Names inside of functions: scopes, captures, and what is known not to be null.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::notes::Referred;
use super::{Checker, Item};
use crate::diagnostics::Code;
use crate::hir::{Expr, ExprKind, Local};
use crate::natives;
use crate::source::Span;
use crate::syntax::ast::Name;
use crate::types::{Kind, Ty};

/// The most variables of a function that are known not to be null at one place, so that branches, of
/// which each begins with all that is known, take time by their number.
const KNOWN_MAX: usize = 256;

/// A variable that may be known not to be null.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Place {
    Local(u32),
    Global(u32),
}

/// A function whose body is looked at.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub(super) locals: Vec<Local>,
    pub(super) scopes: Vec<HashMap<Arc<str>, u32>>,
    /// The type of results; of the statements of a module, none.
    pub(super) result: Option<Ty>,
    /// How many loops are around.
    pub(super) loops: u32,
    /// For each loop around: whether a `break` leaves it.
    pub(super) left: Vec<bool>,
    /// What is captured: locals of the function around, and those that take them here.
    pub(super) captures: Vec<(u32, u32)>,
    /// Variables that are not null here, though their types say that they may be.
    pub(super) not_null: HashSet<Place>,
    /// Captured variables that something assigns to: calls may change them.
    pub(super) shared: HashSet<u32>,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found {
    Local(u32),
    Item(Item),
}

impl Checker<'_> {
    /// The function that is looked at.
    pub(super) fn frame(&mut self) -> &mut Frame {
        if self.frames.is_empty() {
            self.frames.push(Frame::default());
        }
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    /// Adds a variable that has no name.
    pub(super) fn temporary(&mut self, ty: Ty, span: Span) -> u32 {
        let locals = &mut self.frame().locals;
        locals.push(Local {
            name: Arc::from(""),
            ty,
            mutable: false,
            captured: false,
            assigned: false,
            span,
        });
        (locals.len() - 1) as u32
    }

    /// Adds a variable to the innermost scope.
    pub(super) fn declare_local(&mut self, name: &Name, ty: Ty, mutable: bool) -> u32 {
        let local = self.temporary(ty, name.span);
        let frame = self.frame();
        frame.locals[local as usize].name = name.text.clone();
        frame.locals[local as usize].mutable = mutable;
        let scope = frame.scopes.last_mut();
        let old = scope.and_then(|scope| scope.insert(name.text.clone(), local));
        self.note(name.span, Referred::Local(name.span));
        if let Some(old) = old
            && &*name.text != "_"
        {
            let old = self.frame().locals[old as usize].span;
            self.duplicate(name, old);
        }
        local
    }

    #[cold]
    pub(super) fn duplicate(&mut self, name: &Name, old: Span) {
        let message = format!("the name `{}` is given twice", name.text);
        let hint = "choose another name; inner blocks may use names of outer ones again";
        let error = crate::diagnostics::Diagnostic::new(Code::Duplicate, name.span, message, hint);
        self.errors.push(error.also(old, "first given here"));
    }

    /// Does something in a scope of its own.
    pub(super) fn scoped<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        self.frame().scopes.push(HashMap::new());
        let result = f(self);
        let frame = self.frame();
        for local in frame.scopes.pop().unwrap_or_default().into_values() {
            frame.not_null.remove(&Place::Local(local));
        }
        result
    }

    /// The local of that name, captured from functions around where it is one of theirs.
    pub(super) fn local(&mut self, name: &str) -> Option<u32> {
        let of = |frame: &Frame| {
            let mut scopes = frame.scopes.iter().rev();
            scopes.find_map(|scope| scope.get(name).copied())
        };
        let (depth, mut local) = self
            .frames
            .iter()
            .enumerate()
            .rev()
            .find_map(|(depth, frame)| Some((depth, of(frame)?)))?;
        for inner in depth + 1..self.frames.len() {
            local = self.capture(inner, local);
        }
        Some(local)
    }

    /// Captures a local of the function around the `inner`-th; returns the one that takes it.
    fn capture(&mut self, inner: usize, outer_local: u32) -> u32 {
        let captures = &self.frames[inner].captures;
        if let Some(&(_, local)) = captures.iter().find(|(outer, _)| *outer == outer_local) {
            return local;
        }
        let outer = &mut self.frames[inner - 1].locals[outer_local as usize];
        outer.captured = true;
        let local = Local {
            name: outer.name.clone(),
            captured: true,
            ..*outer
        };
        let assigned = self.assigned_names.contains(&local.name);
        let frame = &mut self.frames[inner];
        frame.locals.push(local);
        let local = (frame.locals.len() - 1) as u32;
        if assigned {
            // The function around, or another closure, may assign to it whenever something is called.
            frame.shared.insert(local);
        }
        frame.captures.push((outer_local, local));
        // Found here at once the next time.
        let name = frame.locals[local as usize].name.clone();
        if let Some(scope) = frame.scopes.first_mut() {
            scope.entry(name).or_insert(local);
        }
        local
    }

    /// Notes that a local is assigned to: here, and where it was captured from.
    pub(super) fn assigned(&mut self, mut local: u32) {
        for (i, frame) in self.frames.iter_mut().rev().enumerate() {
            frame.locals[local as usize].assigned = true;
            if i > 0 {
                frame.shared.insert(local);
            }
            let outer = frame.captures.iter().find(|(_, inner)| *inner == local);
            match outer {
                Some((outer, _)) => local = *outer,
                None => return,
            }
        }
    }

    /// What a name stands for.
    pub(super) fn find(&mut self, name: &str) -> Option<Found> {
        if let Some(local) = self.local(name) {
            return Some(Found::Local(local));
        }
        self.find_item(name).map(Found::Item)
    }

    /// What a name at top level stands for.
    pub(super) fn find_item(&self, name: &str) -> Option<Item> {
        if let Some(item) = self.item_in(self.module, name) {
            return Some(item);
        }
        let module = natives::prelude(name)?;
        let row = natives::find(module, name).next()?;
        Some(Item::Native(module, natives::NATIVES[row as usize].name))
    }

    #[cold]
    pub(super) fn unknown_name(&mut self, name: &str, span: Span) {
        self.ask_name(name);
        if self.is_only_counted(Code::UnknownName, span) {
            return;
        }
        let items = self.entered().flat_map(|module| self.items[module].keys());
        let mut known: Vec<&str> = items.map(|name| &**name).collect();
        for frame in &self.frames {
            known.extend(frame.scopes.iter().flatten().map(|(name, _)| &**name));
        }
        let natives = natives::NATIVES.iter();
        known.extend(
            natives
                .filter(|row| ["core", "io"].contains(&row.module))
                .map(|row| row.name),
        );
        let home = natives::NATIVES.iter().find(|row| row.name == name);
        let hint = match (closest(name, known), home) {
            (_, Some(row)) => format!("`from {} import {name}` makes it known", row.module),
            (Some(like), None) => format!("did you mean `{like}`?"),
            (None, None) => "declare it with `let`, `const` or `fn`, or import it".to_owned(),
        };
        let message = format!("nothing is called `{name}`");
        self.error(Code::UnknownName, span, message, hint);
    }

    /// The value of a variable: known not to be null, where it is.
    pub(super) fn read(&mut self, place: Place, ty: Ty, span: Span) -> Expr {
        let kind = match place {
            Place::Local(local) => ExprKind::Local(local),
            Place::Global(global) => ExprKind::Global(global),
        };
        let expr = Expr { kind, ty, span };
        match self.kind(ty) {
            Kind::Optional(inner) if self.frame().not_null.contains(&place) => Expr {
                kind: ExprKind::Unwrap(Box::new(expr)),
                ty: inner,
                span,
            },
            _ => expr,
        }
    }

    /// The variables that are not null when a condition is true (or false).
    pub(super) fn facts(&self, expr: &Expr, truth: bool, facts: &mut Vec<Place>) {
        match &expr.kind {
            ExprKind::IsNull(value, negated) if *negated == truth => match value.kind {
                ExprKind::Local(local) => facts.push(Place::Local(local)),
                ExprKind::Global(global) => facts.push(Place::Global(global)),
                _ => {}
            },
            ExprKind::Not(inner) => self.facts(inner, !truth, facts),
            // What the second operand made be forgotten stays so.
            ExprKind::And(_, b) if truth && self.forgetting.contains(&b.span) => {
                self.facts(b, truth, facts);
            }
            ExprKind::Or(_, b) if !truth && self.forgetting.contains(&b.span) => {
                self.facts(b, truth, facts);
            }
            ExprKind::And(a, b) if truth => {
                self.facts(a, truth, facts);
                self.facts(b, truth, facts);
            }
            ExprKind::Or(a, b) if !truth => {
                self.facts(a, truth, facts);
                self.facts(b, truth, facts);
            }
            _ => {}
        }
    }

    /// Notes what a condition says about variables.
    pub(super) fn assume(&mut self, expr: &Expr, truth: bool) {
        let mut facts = Vec::new();
        self.facts(expr, truth, &mut facts);
        for place in facts {
            self.known(place);
        }
    }

    /// Goes back to what was known before, but for what has been forgotten since.
    pub(super) fn keep_known(&mut self, mut before: HashSet<Place>) {
        let not_null = &mut self.frame().not_null;
        before.retain(|place| not_null.contains(place));
        *not_null = before;
    }

    /// Notes that a variable is not null. Where that is known of too many, the first one is forgotten.
    pub(super) fn known(&mut self, place: Place) {
        let not_null = &mut self.frame().not_null;
        if not_null.len() >= KNOWN_MAX
            && !not_null.contains(&place)
            && let Some(first) = not_null.iter().min().copied()
        {
            not_null.remove(&first);
        }
        not_null.insert(place);
    }
}

/// The known name that is most like this one, if any is much.
pub(super) fn closest<'n>(name: &str, known: Vec<&'n str>) -> Option<&'n str> {
    const LEN_MAX: usize = 40;
    const KNOWN_MAX: usize = 2000;
    let few = known.len() <= KNOWN_MAX && name.len() <= LEN_MAX;
    let near = known
        .into_iter()
        .filter(|other| few && other.len() <= LEN_MAX)
        .map(|other| (distance(name, other), other))
        .filter(|(distance, other)| {
            // Two of three letters at least are the same.
            let longer = name.chars().count().max(other.chars().count());
            *distance <= 1 + name.chars().count() / 4 && *distance * 3 <= longer
        });
    // Names come in no order: the text decides between equals.
    near.min().map(|(_, other)| other)
}

/// How many letters have to be changed, added, removed or swapped.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let same = usize::from(a[i - 1] != b[j - 1]);
                let mut least = rows[i - 1][j - 1] + same;
                least = least.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(rows[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_names_are_found() {
        let known = || vec!["length", "width", "print"];
        assert_eq!(closest("lenght", known()), Some("length"));
        assert_eq!(closest("prnt", known()), Some("print"));
        assert_eq!(closest("xyz", known()), None);
        assert_eq!(closest("Point", vec!["int"]), None);
    }
}
