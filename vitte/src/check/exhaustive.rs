//! Whether the arms of a `match` cover every value, and which of them are never reached.
//!
//! After Luc Maranget, *Warnings for pattern matching* (2007): a row of patterns is useful behind
//! others if there are values that it fits and they do not. Work is bounded, since it can grow
//! exponentially with the number of patterns.

use std::collections::{BTreeSet, HashSet};

use crate::hir::{Arm, Pattern, Program};
use crate::types::{Kind, Ty};

/// The most steps for one `match`.
const STEPS_MAX: usize = 100_000;

/// The most levels of values in an example.
const SHOWN_DEPTH_MAX: usize = 8;

/// What is wrong with the arms of a `match`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Finding {
    /// The arm with that number is never reached.
    Unreachable(usize),
    /// No arm is for values like this one.
    Missing(String),
    /// It would take too long to find out.
    TooComplex,
}

/// What a value is at its outermost level.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Head {
    Bool(bool),
    Int(i64),
    /// By its bits; the zeros are one value.
    Float(u64),
    Str(std::sync::Arc<str>),
    Null,
    Some,
    Variant(u32),
}

type Row = Vec<Pattern>;

struct Search<'p> {
    program: &'p Program,
    steps: usize,
}

/// Too many steps were needed.
struct TooComplex;

type Answer = Result<Option<Vec<String>>, TooComplex>;

/// Checks the arms of a `match` on values of a type.
pub(super) fn check(program: &Program, arms: &[Arm], ty: Ty) -> Vec<Finding> {
    let mut search = Search { program, steps: 0 };
    let mut findings = Vec::new();
    let mut rows: Vec<Row> = Vec::new();
    for (i, arm) in arms.iter().enumerate() {
        let row = vec![arm.pattern.clone()];
        match search.useful(&rows, &row, &[ty]) {
            Ok(Some(_)) => {}
            Ok(None) => findings.push(Finding::Unreachable(i)),
            Err(TooComplex) => return vec![Finding::TooComplex],
        }
        // A condition may not hold, so the arm covers nothing for sure.
        if arm.guard.is_none() {
            rows.push(row);
        }
    }
    match search.useful(&rows, &[Pattern::Any], &[ty]) {
        Ok(Some(example)) => findings.push(Finding::Missing(example.concat())),
        Ok(None) => {}
        Err(TooComplex) => return vec![Finding::TooComplex],
    }
    findings
}

/// The outermost level of a pattern; `None` where it fits every value.
fn head(pattern: &Pattern) -> Option<Head> {
    Some(match pattern {
        Pattern::Any | Pattern::Bind(_) | Pattern::Or(_) => return None,
        Pattern::Bool(value) => Head::Bool(*value),
        Pattern::Int(value) => Head::Int(*value),
        Pattern::Float(value) => Head::Float((value + 0.0).to_bits()),
        Pattern::Str(text) => Head::Str(text.clone()),
        Pattern::Null => Head::Null,
        Pattern::Some(_) => Head::Some,
        Pattern::Variant(_, variant, _) => Head::Variant(*variant),
    })
}

/// A row whose first pattern is one of alternatives, for each of these; others as they are.
fn expand(row: &[Pattern]) -> Vec<Row> {
    match &row[0] {
        Pattern::Or(patterns) => {
            let rows = patterns.iter().flat_map(|pattern| {
                let row: Row = [pattern.clone()]
                    .into_iter()
                    .chain(row[1..].to_vec())
                    .collect();
                expand(&row)
            });
            rows.collect()
        }
        _ => vec![row.to_vec()],
    }
}

impl Search<'_> {
    /// The types of what a value with that head is made of.
    fn parts(&self, head: &Head, ty: Ty) -> Vec<Ty> {
        match (head, self.program.types.kind(ty)) {
            (Head::Some, Kind::Optional(inner)) => vec![*inner],
            (Head::Variant(variant), Kind::Enum(number)) => {
                let variants = &self.program.enums[*number as usize].variants;
                variants[*variant as usize].1.clone()
            }
            _ => Vec::new(),
        }
    }

    /// All heads that values of a type can have, if they are few.
    fn all(&self, ty: Ty) -> Option<Vec<Head>> {
        match self.program.types.kind(ty) {
            Kind::Bool => Some(vec![Head::Bool(false), Head::Bool(true)]),
            Kind::Optional(_) => Some(vec![Head::Null, Head::Some]),
            Kind::Enum(number) => {
                let count = self.program.enums[*number as usize].variants.len();
                Some((0..count as u32).map(Head::Variant).collect())
            }
            _ => None,
        }
    }

    /// What is left of a row for values with that head; `None` if it fits none.
    fn specialize(&self, row: &[Pattern], wanted: &Head, parts: usize) -> Option<Row> {
        let first: Row = match &row[0] {
            Pattern::Any | Pattern::Bind(_) => vec![Pattern::Any; parts],
            pattern if head(pattern).as_ref() != Some(wanted) => return None,
            Pattern::Some(inner) => vec![(**inner).clone()],
            Pattern::Variant(_, _, fields) => fields.clone(),
            _ => Vec::new(),
        };
        Some(first.into_iter().chain(row[1..].to_vec()).collect())
    }

    /// An example of values that a row fits, and none of the others.
    fn useful(&mut self, rows: &[Row], row: &[Pattern], types: &[Ty]) -> Answer {
        self.steps += 1 + rows.len();
        if self.steps > STEPS_MAX {
            return Err(TooComplex);
        }
        let Some(&ty) = types.first() else {
            return Ok(rows.is_empty().then(Vec::new));
        };
        if let Pattern::Or(_) = row[0] {
            for row in expand(row) {
                if let Some(example) = self.useful(rows, &row, types)? {
                    return Ok(Some(example));
                }
            }
            return Ok(None);
        }
        let rows: Vec<Row> = rows.iter().flat_map(|row| expand(row)).collect();
        if let Some(wanted) = head(&row[0]) {
            return self.useful_with(&rows, row, &wanted, types);
        }
        let used: BTreeSet<Head> = rows.iter().filter_map(|row| head(&row[0])).collect();
        let missing = match self.all(ty) {
            Some(all) => {
                let missing = all.iter().find(|head| !used.contains(head)).cloned();
                if missing.is_none() {
                    for wanted in &all {
                        if let Some(example) = self.useful_with(&rows, row, wanted, types)? {
                            return Ok(Some(example));
                        }
                    }
                    return Ok(None);
                }
                missing
            }
            None => None,
        };
        // Values whose head no row names: only rows that fit every value count.
        let default: Vec<Row> = rows
            .iter()
            .filter(|row| head(&row[0]).is_none())
            .map(|row| row[1..].to_vec())
            .collect();
        let Some(mut example) = self.useful(&default, &row[1..], &types[1..])? else {
            return Ok(None);
        };
        let first = match &missing {
            Some(missing) if !used.is_empty() => {
                let parts = vec!["_".to_owned(); self.parts(missing, ty).len()];
                self.show(missing, ty, &parts)
            }
            None if !used.is_empty() => self.fresh(ty, &used),
            _ => "_".to_owned(),
        };
        example.insert(0, first);
        Ok(Some(example))
    }

    fn useful_with(&mut self, rows: &[Row], row: &[Pattern], head: &Head, types: &[Ty]) -> Answer {
        let parts = self.parts(head, types[0]);
        let rows: Vec<Row> = rows
            .iter()
            .filter_map(|row| self.specialize(row, head, parts.len()))
            .collect();
        let Some(row) = self.specialize(row, head, parts.len()) else {
            return Ok(None);
        };
        let count = parts.len();
        let inner: Vec<Ty> = parts.into_iter().chain(types[1..].to_vec()).collect();
        let Some(mut example) = self.useful(&rows, &row, &inner)? else {
            return Ok(None);
        };
        let rest = example.split_off(count);
        let first = self.show(head, types[0], &example);
        Ok(Some([first].into_iter().chain(rest).collect()))
    }

    /// A value as it would be written.
    fn show(&self, head: &Head, ty: Ty, parts: &[String]) -> String {
        let deep = parts
            .iter()
            .any(|part| part.matches('(').count() > SHOWN_DEPTH_MAX);
        let inner = if deep {
            "_".to_owned()
        } else {
            parts.join(", ")
        };
        match (head, self.program.types.kind(ty)) {
            (Head::Bool(value), _) => value.to_string(),
            (Head::Int(value), _) => value.to_string(),
            (Head::Float(bits), _) => format!("{:?}", f64::from_bits(*bits)),
            (Head::Str(text), _) => crate::syntax::quote(text),
            (Head::Null, _) => "null".to_owned(),
            (Head::Some, _) => match &*inner {
                "_" => "a value that is not null".to_owned(),
                _ => inner,
            },
            (Head::Variant(variant), Kind::Enum(number)) => {
                let decl = &self.program.enums[*number as usize];
                let name = &decl.variants[*variant as usize].0;
                match parts {
                    [] => name.to_string(),
                    _ => format!("{name}({inner})"),
                }
            }
            _ => "_".to_owned(),
        }
    }

    /// A value of an endless type that no row names.
    fn fresh(&self, ty: Ty, used: &BTreeSet<Head>) -> String {
        let used: HashSet<&Head> = used.iter().collect();
        match self.program.types.kind(ty) {
            Kind::Int => {
                let found = (0..).find(|value| !used.contains(&Head::Int(*value)));
                found.map_or("_".to_owned(), |value| value.to_string())
            }
            Kind::Str => "any other string".to_owned(),
            Kind::Float => "any other float".to_owned(),
            _ => "_".to_owned(),
        }
    }
}
