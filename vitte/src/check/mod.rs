//! Names, types and rules: from syntax trees to the checked program.
//!
//! First all modules' declarations are collected, so that functions and types may be used before they
//! are declared. Then, module by module, statements at top level are checked, which gives types to
//! variables there, and after them the bodies of functions. What cannot be decided at once, because a
//! type is not known yet, is looked at again at the end.

mod call;
mod declare;
mod exhaustive;
mod expr;
mod init;
mod member;
mod narrow;
pub(crate) mod notes;
mod operator;
mod pattern;
mod scope;
mod session;
mod stmt;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::diagnostics::{Code, Diagnostic, Diagnostics, shorten};
use crate::hir::{Expr, ExprKind, Program};
use crate::modules::{Module, Target};
use crate::source::Span;
use crate::types::{Conflict, Kind, Ty};
use scope::Frame;

/// What a name at top level stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Item {
    Function(u32),
    Extern(u32),
    Global(u32),
    Struct(u32),
    Enum(u32),
    Module(Target),
    /// A native function, by module and name.
    Native(&'static str, &'static str),
    /// Something that was reported.
    Error,
}

/// What is known about a function before its body is looked at.
#[derive(Clone, Debug)]
struct Signature {
    /// With the receiver, if there is one.
    params: Vec<Ty>,
    result: Ty,
    receiver: bool,
    span: Span,
}

/// What belongs to a struct or enum, besides what the program says.
#[derive(Debug, Default)]
struct TypeInfo {
    /// The numbers of fields, or of variants; of two with one name that of the first.
    members: HashMap<Arc<str>, u32>,
    methods: HashMap<Arc<str>, u32>,
}

/// What is asked of a type that may not be known yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Demand {
    /// Has that operator.
    Operator(crate::hir::BinaryOp),
    /// Is a number.
    Number,
    /// Can be a key of maps.
    Key,
    /// Has a text.
    Shown,
    /// Is no optional.
    Plain,
    /// Is one of values: something uses one.
    Value,
}

struct Checker<'m> {
    modules: &'m [Module],
    program: Program,
    errors: Diagnostics,
    /// Names at top level, by modules.
    items: Vec<HashMap<Arc<str>, (Item, Span)>>,
    signatures: Vec<Signature>,
    structs: Vec<TypeInfo>,
    enums: Vec<TypeInfo>,
    /// Whether the statement that declares a global was reached.
    reached: Vec<bool>,
    /// The module that is looked at.
    module: usize,
    /// The functions around what is looked at, outermost first.
    frames: Vec<Frame>,
    /// Types that have to be known at the end: why.
    unknown: Vec<(Ty, Span, &'static str)>,
    demands: Vec<(Demand, Ty, Span)>,
    uses: init::Uses,
    /// Names of variables at top level that functions assign to.
    shared: HashSet<Arc<str>>,
    /// All names that something is assigned to.
    assigned_names: HashSet<Arc<str>>,
    /// What is noted for editors, if they ask.
    notes: Option<Box<notes::Notes>>,
    /// Variables for the values of what was entered in a session, by modules.
    values: HashMap<usize, u32>,
    /// Second operands of `&&` and `||` that call what may change what the first ones say.
    forgetting: HashSet<Span>,
}

/// How many values, for people.
fn values(count: usize) -> String {
    match count {
        1 => "1 value".to_owned(),
        count => format!("{count} values"),
    }
}

/// Checks a program.
pub(crate) fn check(modules: &[Module], errors: &mut Diagnostics) -> Program {
    check_noting(modules, errors, None).0
}

/// The same; also notes what editors ask for, if there is something to put it into.
pub(crate) fn check_noting(
    modules: &[Module],
    errors: &mut Diagnostics,
    notes: Option<Box<notes::Notes>>,
) -> (Program, Option<Box<notes::Notes>>) {
    let mut checker = Checker {
        modules,
        program: Program::default(),
        errors: Diagnostics::default(),
        items: vec![HashMap::new(); modules.len()],
        signatures: Vec::new(),
        structs: Vec::new(),
        enums: Vec::new(),
        reached: Vec::new(),
        module: 0,
        frames: Vec::new(),
        unknown: Vec::new(),
        demands: Vec::new(),
        uses: init::Uses::default(),
        shared: HashSet::new(),
        assigned_names: HashSet::new(),
        notes,
        values: HashMap::new(),
        forgetting: HashSet::new(),
    };
    checker.declare();
    checker.program.declared = checker.program.functions.len();
    checker.find_shared();
    for module in 0..modules.len() {
        checker.module = module;
        checker.init(module);
    }
    for module in 0..modules.len() {
        checker.module = module;
        checker.bodies(module);
    }
    checker.check_initialization();
    checker.finish();
    checker.finish_notes();
    let Checker {
        program,
        notes,
        errors: mut found,
        ..
    } = checker;
    found.sort();
    errors.append(found);
    (program, notes)
}

impl Checker<'_> {
    #[cold]
    fn error(&mut self, code: Code, span: Span, message: String, hint: impl Into<String>) {
        self.errors.push(Diagnostic::new(code, span, message, hint));
    }

    /// Whether an error would only be counted, which is done then: finding a hint takes long where
    /// programs declare much.
    fn is_only_counted(&mut self, code: Code, span: Span) -> bool {
        let full = self.errors.is_full();
        if full {
            self.error(code, span, String::new(), "");
        }
        full
    }

    /// What a type is, as far as it is known.
    fn kind(&self, ty: Ty) -> Kind {
        self.program.types.kind(ty).clone()
    }

    fn add(&mut self, kind: Kind) -> Ty {
        let ty = self.program.types.add(kind);
        if self.program.types.too_deep(ty) {
            Ty::ERROR
        } else {
            ty
        }
    }

    /// A type for people.
    fn show(&self, ty: Ty) -> String {
        let name = |is_enum: bool, number: u32| {
            let name = match is_enum {
                true => &self.program.enums[number as usize].name,
                false => &self.program.structs[number as usize].name,
            };
            shorten(name)
        };
        self.program.types.show(ty, &name)
    }

    /// A type that has to become known; `what` says of what it is.
    fn unknown(&mut self, span: Span, what: &'static str) -> Ty {
        let ty = self.program.types.var();
        self.unknown.push((ty, span, what));
        ty
    }

    /// The optional type of values of a type.
    fn optional(&mut self, ty: Ty, span: Span) -> Ty {
        match self.kind(ty) {
            Kind::Optional(_) | Kind::Error => ty,
            Kind::Var(_) => {
                self.demands.push((Demand::Plain, ty, span));
                self.add(Kind::Optional(ty))
            }
            _ => self.add(Kind::Optional(ty)),
        }
    }

    /// Makes an expression one of a type: as it is, or as an optional value.
    fn coerce(&mut self, expr: Expr, want: Ty) -> Expr {
        let inner = match (self.kind(expr.ty), self.kind(want)) {
            (Kind::Never, _) => return Expr { ty: want, ..expr },
            (Kind::Optional(inner), wanted)
                if matches!(expr.kind, ExprKind::Null)
                    && !matches!(wanted, Kind::Optional(_) | Kind::Var(_) | Kind::Error) =>
            {
                // Nobody has to know any more of what there is none.
                let _ = self.program.types.unify(inner, Ty::ERROR);
                let want = self.show(want);
                let message = format!("expected {want}, found null");
                let hint = format!("only optional values may be null: `{want}?`");
                self.error(Code::MayBeNull, expr.span, message, hint);
                return self.broken(expr.span);
            }
            (Kind::Void, wanted) if wanted != Kind::Void => {
                if !matches!(wanted, Kind::Error) {
                    self.no_value(expr.span);
                }
                return self.broken(expr.span);
            }
            (Kind::Optional(_) | Kind::Var(_) | Kind::Error, _) => None,
            (_, Kind::Optional(inner)) => Some(inner),
            _ => None,
        };
        let (span, ty) = (expr.span, expr.ty);
        let result = self.program.types.unify(ty, inner.unwrap_or(want));
        if let Err(conflict) = result {
            self.mismatch(conflict, want, ty, span);
            return self.broken(span);
        }
        if let Kind::Var(_) = self.kind(want) {
            self.demands.push((Demand::Value, want, span));
        }
        match inner {
            None => expr,
            Some(_) => Expr {
                kind: ExprKind::Wrap(Box::new(expr)),
                ty: want,
                span,
            },
        }
    }

    #[cold]
    fn no_value(&mut self, span: Span) {
        let message = "this has no value".to_owned();
        let hint = "functions with results declare them: `fn f() -> int { … }`";
        self.error(Code::Mismatch, span, message, hint);
    }

    #[cold]
    fn mismatch(&mut self, conflict: Conflict, want: Ty, found: Ty, span: Span) {
        if conflict == Conflict::Infinite {
            let message = "this type would contain itself, or has too many levels".to_owned();
            let hint = "write types down where values are first used";
            self.error(Code::InfiniteType, span, message, hint);
            return;
        }
        let (want_text, found_text) = (self.show(want), self.show(found));
        let hint = match (self.kind(want), self.kind(found)) {
            (Kind::Float, Kind::Int) => "convert it: `float(x)`".to_owned(),
            (Kind::Int, Kind::Float) => {
                "convert it: `int(x)`, which rounds towards zero".to_owned()
            }
            (Kind::Str, Kind::Int | Kind::Float | Kind::Bool) => "convert it: `str(x)`".to_owned(),
            (Kind::Bool, Kind::Int) => "compare it: `x != 0`".to_owned(),
            (_, Kind::Optional(_)) => {
                "it may be null: test it (`if x != null`), give another value (`x ?? y`), or stop \
                 the program if it is (`x!`)"
                    .to_owned()
            }
            _ => format!("make it a value of type {want_text}"),
        };
        let code = match (self.kind(want), self.kind(found)) {
            (Kind::Optional(_), _) | (_, Kind::Void) => Code::Mismatch,
            (_, Kind::Optional(_)) => Code::MayBeNull,
            _ => Code::Mismatch,
        };
        let message = format!("expected {want_text}, found {found_text}");
        let error = Diagnostic::new(code, span, message, hint);
        self.errors
            .push(error.label(format!("this is {found_text}")));
    }

    /// An expression in place of one that makes no sense.
    fn broken(&self, span: Span) -> Expr {
        Expr {
            kind: ExprKind::Error,
            ty: Ty::ERROR,
            span,
        }
    }

    /// Asks something of a type, now or when it is known.
    fn demand(&mut self, demand: Demand, ty: Ty, span: Span) {
        if matches!(self.kind(ty), Kind::Var(_)) {
            self.demands.push((demand, ty, span));
        } else {
            self.check_demand(demand, ty, span);
        }
    }

    fn check_demand(&mut self, demand: Demand, ty: Ty, span: Span) {
        let kind = self.kind(ty);
        if matches!(kind, Kind::Error | Kind::Never | Kind::Var(_)) {
            return;
        }
        let text = self.show(ty);
        match demand {
            Demand::Operator(op) => self.check_operator(op, ty, span),
            Demand::Number if !matches!(kind, Kind::Int | Kind::Float) => {
                let message = format!("expected a number, found {text}");
                self.error(
                    Code::Mismatch,
                    span,
                    message,
                    "numbers are `int` and `float`",
                );
            }
            Demand::Key if !matches!(kind, Kind::Int | Kind::Str | Kind::Bool) => {
                let message = format!("{text} cannot be a key, or be looked for");
                let hint = "`int`, `string` and `bool` can";
                self.error(Code::KeyType, span, message, hint);
            }
            Demand::Shown if !self.is_shown(ty, 0) => {
                let message = format!("{text} has no text");
                let hint = "numbers, `bool`, `string`, and optionals, arrays and maps of such have; \
                            write a method that makes a string";
                self.error(Code::Mismatch, span, message, hint);
            }
            Demand::Plain if matches!(kind, Kind::Optional(_)) => {
                let message = format!("an optional of {text}");
                let hint = "give another value for null first: `x ?? y`";
                self.error(Code::NestedOptional, span, message, hint);
            }
            Demand::Value if kind == Kind::Void => self.no_value(span),
            Demand::Number | Demand::Key | Demand::Shown | Demand::Plain | Demand::Value => {}
        }
    }

    fn is_shown(&self, ty: Ty, depth: u32) -> bool {
        if depth > crate::types::DEPTH_MAX {
            return false;
        }
        match *self.program.types.kind(ty) {
            Kind::Int | Kind::Float | Kind::Bool | Kind::Str | Kind::Error => true,
            Kind::Never | Kind::Var(_) => true,
            Kind::Array(item) | Kind::Optional(item) => self.is_shown(item, depth + 1),
            Kind::Map(key, value) => {
                self.is_shown(key, depth + 1) && self.is_shown(value, depth + 1)
            }
            Kind::Void | Kind::Fn(..) | Kind::Struct(_) | Kind::Enum(_) => false,
        }
    }

    /// Looks at everything again that was not known before.
    fn finish(&mut self) {
        let mut used = HashSet::new();
        for (demand, ty, span) in std::mem::take(&mut self.demands) {
            // Several may ask it of one expression.
            if demand == Demand::Value && !used.insert(span) {
                continue;
            }
            self.check_demand(demand, ty, span);
        }
        let mut reported = HashSet::new();
        for (ty, span, what) in std::mem::take(&mut self.unknown) {
            let part = self.program.types.unknown_part(ty);
            if part.is_some_and(|part| reported.insert(part)) {
                let message = format!("the type of {what} cannot be inferred");
                let hint = "write it down: `let x: array<int> = []`, `let y: int? = null`";
                self.error(Code::Unknown, span, message, hint);
            }
        }
    }
}
