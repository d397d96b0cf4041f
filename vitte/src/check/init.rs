//! Statements at top level, and the order in which variables there get their values.
//!
//! A function may use variables that are declared behind it, but must not be called before they have
//! values. What each function uses is noted; then statements are gone through in their order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Checker;
use super::scope::Frame;
use crate::diagnostics::{Code, Diagnostic};
use crate::hir;
use crate::source::Span;
use crate::types::Ty;

/// Something that statements at top level do, in their order.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A function is used.
    Function(u32, Span),
    /// A global has its first value.
    Reached(u32),
}

/// What functions and statements at top level use.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// The function that is looked at; `None` for statements at top level.
    current: Option<u32>,
    /// Globals and functions that a function uses.
    of: HashMap<u32, (HashSet<u32>, HashSet<u32>)>,
    events: Vec<Event>,
}

impl Uses {
    pub(super) fn enter_function(&mut self, function: u32) {
        self.current = Some(function);
    }

    pub(super) fn leave(&mut self) {
        self.current = None;
    }

    /// Notes that a function is used here.
    pub(super) fn function(&mut self, function: u32, span: Span) {
        match self.current {
            Some(current) => {
                self.of.entry(current).or_default().1.insert(function);
            }
            None => self.events.push(Event::Function(function, span)),
        }
    }
}

impl Checker<'_> {
    /// Checks the statements of a module.
    pub(super) fn init(&mut self, module: usize) {
        self.frames.push(Frame {
            scopes: vec![HashMap::new()],
            ..Frame::default()
        });
        let modules = self.modules;
        let body = match self.values.contains_key(&module) {
            true => self.entry_body(module),
            false => self.statements(&modules[module].stmts, true).0,
        };
        let frame = self.frames.pop().unwrap_or_default();
        let span = modules[module].start;
        let main = module + 1 == modules.len() || modules[module].entry.is_some();
        let name: Arc<str> = match main {
            true => Arc::from("main"),
            false => format!("{}.main", modules[module].name).into(),
        };
        self.program.functions.push(hir::Function {
            name,
            span,
            params: 0,
            locals: frame.locals,
            result: Ty::VOID,
            body,
            captures: Vec::new(),
        });
        self.signatures.push(super::Signature {
            params: Vec::new(),
            result: Ty::VOID,
            receiver: false,
            span,
        });
        let number = (self.program.functions.len() - 1) as u32;
        self.program.inits.push(number);
    }

    /// Notes that a global has its value from here on.
    pub(super) fn reach(&mut self, global: u32) {
        self.reached[global as usize] = true;
        self.uses.events.push(Event::Reached(global));
    }

    /// Notes that a global is used; before it has a value that is an error.
    pub(super) fn use_global(&mut self, global: u32, span: Span) {
        match self.uses.current {
            Some(current) => {
                self.uses.of.entry(current).or_default().0.insert(global);
            }
            None if !self.reached[global as usize] => {
                let row = &self.program.globals[global as usize];
                let message = format!("`{}` has no value yet", row.name);
                let hint = "move its declaration before this";
                let declared = row.span;
                let error = Diagnostic::new(Code::EarlyUse, span, message, hint);
                self.errors.push(error.also(declared, "it gets one here"));
            }
            None => {}
        }
    }

    /// Looks for functions that are used before variables that they use have values.
    pub(super) fn check_initialization(&mut self) {
        let mut reached = HashSet::new();
        let mut seen = HashSet::new();
        for event in std::mem::take(&mut self.uses.events) {
            let (function, span) = match event {
                Event::Reached(global) => {
                    reached.insert(global);
                    continue;
                }
                Event::Function(function, span) => (function, span),
            };
            let module = self.module_of(span);
            let mut open = vec![function];
            while let Some(function) = open.pop() {
                if !seen.insert(function) {
                    continue;
                }
                let Some((globals, functions)) = self.uses.of.get(&function) else {
                    continue;
                };
                // Other modules have run, or do not use this one.
                let early = globals.iter().filter(|global| {
                    let row = &self.program.globals[**global as usize];
                    row.module == module && !reached.contains(*global)
                });
                let first = early.min().copied();
                open.extend(functions.iter().copied());
                if let Some(global) = first {
                    self.early_call(function, global, span);
                }
            }
        }
    }

    fn module_of(&self, span: Span) -> usize {
        let found = self
            .modules
            .iter()
            .position(|module| module.start.file == span.file);
        found.unwrap_or(0)
    }

    #[cold]
    fn early_call(&mut self, function: u32, global: u32, span: Span) {
        let row = &self.program.globals[global as usize];
        let function = &self.program.functions[function as usize].name;
        let message = format!("`{}` has no value yet, and `{function}` uses it", row.name);
        let hint = "move its declaration before this";
        let declared = row.span;
        let error = Diagnostic::new(Code::EarlyUse, span, message, hint);
        self.errors.push(error.also(declared, "it gets one here"));
    }
}
