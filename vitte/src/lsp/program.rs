//! A program as editors ask about it: what is at a place, and where else that is.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::check::check_noting;
use crate::check::notes::{Choice, Notes, Referred, native_text};
use crate::diagnostics::{Diagnostics, shorten};
use crate::hir;
use crate::modules::{self, Files, Loader};
use crate::natives::{self, NATIVES};
use crate::source::{Sources, Span};

/// Texts of documents that are open, by their paths, and of files else. Notes what was read.
struct Open<'d> {
    texts: &'d HashMap<PathBuf, String>,
    paths: Vec<PathBuf>,
}

impl Loader for Open<'_> {
    fn load(&mut self, path: &Path) -> io::Result<String> {
        let text = match self.texts.get(path) {
            Some(text) => text.clone(),
            None => Files.load(path)?,
        };
        self.paths.push(path.to_owned());
        Ok(text)
    }
}

/// A program that was checked.
pub(super) struct Program {
    /// The paths of its files, by their numbers.
    pub(super) paths: Vec<PathBuf>,
    pub(super) sources: Sources,
    pub(super) errors: Diagnostics,
    program: hir::Program,
    notes: Box<Notes>,
    /// The starts of modules.
    modules: Vec<(String, Span)>,
}

impl Program {
    /// Checks a document and what it imports.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(super) fn check(path: &Path, texts: &HashMap<PathBuf, String>) -> io::Result<Program> {
        crate::with_stack(|| {
            let mut loader = Open {
                texts,
                paths: Vec::new(),
            };
            let mut sources = Sources::default();
            let mut errors = Diagnostics::default();
            let modules = modules::load(path, &mut loader, &mut sources, &mut errors)?;
            let (program, notes) = check_noting(&modules, &mut errors, Some(Box::default()));
            Ok(Program {
                paths: loader.paths,
                sources,
                errors,
                program,
                notes: notes.unwrap_or_default(),
                modules: modules
                    .iter()
                    .map(|module| (module.name.to_string(), module.start))
                    .collect(),
            })
        })?
    }

    /// What the name at a byte of the document refers to, and where the name is.
    pub(super) fn referred(&self, offset: usize) -> Option<(Span, Referred)> {
        let mut names = self.notes.names.iter();
        let found = names.find(|(span, _)| {
            span.file == 0 && span.start as usize <= offset && offset <= span.end as usize
        });
        found.copied()
    }

    /// Where something is declared.
    pub(super) fn place(&self, referred: Referred) -> Option<Span> {
        match referred {
            Referred::Local(span) => Some(span),
            Referred::Module(number) => self.modules.get(number).map(|(_, start)| *start),
            other => self.notes.places.get(&other).copied(),
        }
    }

    /// All places with names of something.
    pub(super) fn uses(&self, referred: Referred) -> Vec<Span> {
        let names = self.notes.names.iter();
        let mut spans: Vec<Span> = names
            .filter(|(_, other)| *other == referred)
            .map(|(span, _)| *span)
            .collect();
        spans.sort_by_key(|span| (span.file, span.start));
        spans.dedup();
        spans
    }

    /// What is declared at a place of a file, from one byte up to another.
    pub(super) fn declared_at(&self, path: &Path, start: u32, end: u32) -> Vec<Referred> {
        let Some(file) = self.paths.iter().position(|other| other == path) else {
            return Vec::new();
        };
        let file = file as u32;
        let place = Span { file, start, end };
        let mut found = Vec::new();
        if self.notes.locals.contains_key(&place) {
            found.push(Referred::Local(place));
        }
        let places = self.notes.places.iter();
        found.extend(
            places
                .filter(|(_, span)| **span == place)
                .map(|(it, _)| *it),
        );
        if let Some(number) = self.modules.iter().position(|(_, span)| *span == place) {
            found.push(Referred::Module(number));
        }
        found
    }

    /// What is known of what is at a byte of the document: a declaration or a type, perhaps what it does.
    pub(super) fn hover(&self, offset: usize) -> Option<(Span, String, String)> {
        if let Some((span, referred)) = self.referred(offset) {
            let (text, meaning) = self.describe(referred)?;
            return Some((span, text, meaning));
        }
        let types = self.notes.types.iter();
        let around = types.filter(|(span, _)| {
            span.file == 0 && span.start as usize <= offset && offset < span.end as usize
        });
        let (span, ty) = around.min_by_key(|(span, _)| span.end - span.start)?;
        Some((*span, self.program.show(*ty), String::new()))
    }

    fn describe(&self, referred: Referred) -> Option<(String, String)> {
        let program = &self.program;
        let text = match referred {
            Referred::Local(span) => {
                let (name, ty) = self.notes.locals.get(&span)?;
                format!("{name}: {}", program.show(*ty))
            }
            Referred::Global(number) => {
                let row = program.globals.get(number as usize)?;
                let word = if row.mutable { "let" } else { "const" };
                format!("{word} {}: {}", row.name, program.show(row.ty))
            }
            Referred::Function(number) => self.notes.functions.get(&number)?.clone(),
            Referred::Extern(number) => {
                let row = program.externs.get(number as usize)?;
                let params: Vec<String> = row.params.iter().map(|ty| program.show(*ty)).collect();
                let result = program.show(row.result);
                format!("extern fn {}({}) -> {result}", row.name, params.join(", "))
            }
            Referred::Struct(number) => {
                let row = program.structs.get(number as usize)?;
                let fields = row.fields.iter();
                let fields = fields.map(|(name, ty)| format!("{name}: {}", program.show(*ty)));
                let fields: Vec<String> = fields.collect();
                format!("struct {} {{ {} }}", row.name, fields.join(", "))
            }
            Referred::Enum(number) => {
                let row = program.enums.get(number as usize)?;
                let count = row.variants.len() as u32;
                let variants = (0..count).filter_map(|i| self.variant(number, i));
                let variants: Vec<String> = variants.collect();
                format!("enum {} {{ {} }}", row.name, variants.join(", "))
            }
            Referred::Field(number, field) => {
                let row = program.structs.get(number as usize)?;
                let (name, ty) = row.fields.get(field as usize)?;
                format!("{}.{name}: {}", row.name, program.show(*ty))
            }
            Referred::Variant(number, variant) => {
                let name = &program.enums.get(number as usize)?.name;
                format!("{name}.{}", self.variant(number, variant)?)
            }
            Referred::Module(number) => format!("module {}", shorten(&self.modules.get(number)?.0)),
            Referred::Natives(module) => format!("module {module}"),
            Referred::Native(module, name) => {
                let rows: Vec<&natives::Native> = natives::find(module, name)
                    .map(|row| &NATIVES[row as usize])
                    .collect();
                let texts = rows
                    .iter()
                    .map(|row| format!("fn {module}.{}", native_text(row, false)));
                let mut meanings: Vec<&str> = rows.iter().map(|row| row.meaning).collect();
                meanings.dedup();
                return Some((texts.collect::<Vec<_>>().join("\n"), meanings.join("\n\n")));
            }
        };
        Some((text, String::new()))
    }

    fn variant(&self, number: u32, variant: u32) -> Option<String> {
        let row = self.program.enums.get(number as usize)?;
        let (name, types) = row.variants.get(variant as usize)?;
        let types: Vec<String> = types.iter().map(|ty| self.program.show(*ty)).collect();
        Some(match types.is_empty() {
            true => name.to_string(),
            false => format!("{name}({})", types.join(", ")),
        })
    }

    /// What could stand where [`ASKED`](crate::check::notes::ASKED) does, by their names.
    pub(super) fn choices(mut self) -> Vec<Choice> {
        let mut choices = std::mem::take(&mut self.notes.choices);
        choices.sort();
        choices.dedup_by(|a, b| a.name == b.name);
        choices
    }
}
