//! What a document declares, as editors list it.

use serde_json::{Value, json};

use super::text::range;
use crate::diagnostics::Diagnostics;
use crate::source::{Sources, Span};
use crate::syntax::ast::{Function, Name, StmtKind};
use crate::syntax::parse;

// Kinds of symbols of the protocol.
const METHOD: u8 = 6;
const FIELD: u8 = 8;
const ENUM: u8 = 10;
const FUNCTION: u8 = 12;
const VARIABLE: u8 = 13;
const CONSTANT: u8 = 14;
const VARIANT: u8 = 22;
const STRUCT: u8 = 23;

/// All declarations at top level of a text, with what is in them.
pub(super) fn of(text: &str) -> Value {
    let mut sources = Sources::default();
    let mut errors = Diagnostics::default();
    let file = sources.add("", text.to_owned());
    let symbol = |name: &Name, kind: u8, span: Span, inner: Vec<Value>| {
        json!({
            "name": &*name.text,
            "kind": kind,
            "range": range(text, span.start as usize, span.end as usize),
            "selectionRange": range(text, name.span.start as usize, name.span.end as usize),
            "children": inner,
        })
    };
    let methods = |methods: &[Function]| -> Vec<Value> {
        let all = methods.iter();
        all.map(|method| {
            let span = method.name.span.to(method.body.span);
            symbol(&method.name, METHOD, span, Vec::new())
        })
        .collect()
    };
    let mut symbols = Vec::new();
    for stmt in parse(&sources, file, &mut errors).stmts {
        symbols.push(match &stmt.kind {
            StmtKind::Fn(decl) => symbol(&decl.name, FUNCTION, stmt.span, Vec::new()),
            StmtKind::Extern(decl) => symbol(&decl.name, FUNCTION, stmt.span, Vec::new()),
            StmtKind::Let { mutable, name, .. } => {
                let kind = if *mutable { VARIABLE } else { CONSTANT };
                symbol(name, kind, stmt.span, Vec::new())
            }
            StmtKind::Struct(decl) => {
                let fields = decl.fields.iter();
                let mut inner: Vec<Value> = fields
                    .map(|(name, ty)| symbol(name, FIELD, name.span.to(ty.span), Vec::new()))
                    .collect();
                inner.extend(methods(&decl.methods));
                symbol(&decl.name, STRUCT, stmt.span, inner)
            }
            StmtKind::Enum(decl) => {
                let variants = decl.variants.iter();
                let mut inner: Vec<Value> = variants
                    .map(|(name, _)| symbol(name, VARIANT, name.span, Vec::new()))
                    .collect();
                inner.extend(methods(&decl.methods));
                symbol(&decl.name, ENUM, stmt.span, inner)
            }
            _ => continue,
        });
    }
    symbols.into()
}
