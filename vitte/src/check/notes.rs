//! What the checker notes for editors, if it is asked to: types of expressions, what names refer to, and what could
//! stand at one place.

use std::collections::HashMap;
use std::sync::Arc;

use super::member::native_module;
use super::scope::Found;
use super::{Checker, Item};
use crate::modules::Target;
use crate::natives::{self, NATIVES};
use crate::source::Span;
use crate::syntax::ast::Name;
use crate::types::{Kind, Ty};

/// The name that stands where people ask what could stand there.
pub(crate) const ASKED: &str = "asked__here";

/// The most notes of each kind.
const NOTES_MAX: usize = 1 << 20;

/// What a name refers to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Referred {
    /// A local variable, by the place of its declaration.
    Local(Span),
    Function(u32),
    Extern(u32),
    Global(u32),
    Struct(u32),
    Enum(u32),
    Module(usize),
    /// A module of native functions.
    Natives(&'static str),
    /// Native functions of a module with one name.
    Native(&'static str, &'static str),
    /// A field of a struct.
    Field(u32, u32),
    /// A variant of an enum.
    Variant(u32, u32),
}

/// What could stand at a place.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Choice {
    pub(crate) name: String,
    /// What it is: a number of the Language Server Protocol's kinds of completion items.
    pub(crate) kind: u8,
    /// Its type, or how it is called.
    pub(crate) detail: String,
    /// What it does, if that is known.
    pub(crate) meaning: &'static str,
}

/// Kinds of completion items.
pub(crate) mod kinds {
    pub(crate) const METHOD: u8 = 2;
    pub(crate) const FUNCTION: u8 = 3;
    pub(crate) const FIELD: u8 = 5;
    pub(crate) const VARIABLE: u8 = 6;
    pub(crate) const MODULE: u8 = 9;
    pub(crate) const ENUM: u8 = 13;
    pub(crate) const KEYWORD: u8 = 14;
    pub(crate) const VARIANT: u8 = 20;
    pub(crate) const CONSTANT: u8 = 21;
    pub(crate) const STRUCT: u8 = 22;
}

/// What was noted.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Places of expressions, and their types.
    pub(crate) types: Vec<(Span, Ty)>,
    /// Places of names, declarations among them, and what they refer to.
    pub(crate) names: Vec<(Span, Referred)>,
    /// Where things are declared; local variables are where they say.
    pub(crate) places: HashMap<Referred, Span>,
    /// Names and types of local variables, by the places of their declarations.
    pub(crate) locals: HashMap<Span, (Arc<str>, Ty)>,
    /// How functions are called.
    pub(crate) functions: HashMap<u32, String>,
    /// What could stand where [`ASKED`] does.
    pub(crate) choices: Vec<Choice>,
}

/// A row of the table of native functions, as it is called: `find(string, string) -> int?`.
pub(crate) fn native_text(row: &natives::Native, method: bool) -> String {
    let skip = usize::from(method);
    let params: Vec<String> = row.params.iter().skip(skip).map(type_text).collect();
    let result = match row.result {
        natives::T::Void | natives::T::Never => String::new(),
        ty => format!(" -> {}", type_text(&ty)),
    };
    format!("{}({}){result}", row.name, params.join(", "))
}

/// A type of that table.
fn type_text(ty: &natives::T) -> String {
    use natives::T;
    match ty {
        T::Int => "int".to_owned(),
        T::Float => "float".to_owned(),
        T::Bool => "bool".to_owned(),
        T::Str => "string".to_owned(),
        T::Void => "no value".to_owned(),
        T::Never => "never".to_owned(),
        T::Shown => "any with a text".to_owned(),
        T::ShownRest => "...".to_owned(),
        T::Num => "int or float".to_owned(),
        T::A => "T".to_owned(),
        T::K => "K".to_owned(),
        T::Array(item) => format!("array<{}>", type_text(item)),
        T::Map(key, value) => format!("map<{}, {}>", type_text(key), type_text(value)),
        T::Opt(inner) => format!("{}?", type_text(inner)),
        T::Fn(result) => format!("fn() -> {}", type_text(result)),
    }
}

fn referred(item: Item) -> Option<Referred> {
    Some(match item {
        Item::Function(number) => Referred::Function(number),
        Item::Extern(number) => Referred::Extern(number),
        Item::Global(number) => Referred::Global(number),
        Item::Struct(number) => Referred::Struct(number),
        Item::Enum(number) => Referred::Enum(number),
        Item::Module(Target::Module(number)) => Referred::Module(number),
        Item::Module(Target::Native(module)) => Referred::Natives(module),
        Item::Native(module, name) => Referred::Native(module, name),
        Item::Module(Target::Missing) | Item::Error => return None,
    })
}

impl Checker<'_> {
    pub(super) fn note_type(&mut self, span: Span, ty: Ty) {
        if let Some(notes) = &mut self.notes
            && notes.types.len() < NOTES_MAX
        {
            notes.types.push((span, ty));
        }
    }

    /// Notes what the name at a place refers to.
    pub(super) fn note(&mut self, span: Span, referred: Referred) {
        if let Some(notes) = &mut self.notes
            && notes.names.len() < NOTES_MAX
        {
            notes.names.push((span, referred));
        }
    }

    /// Notes that something is declared.
    pub(super) fn note_place(&mut self, span: Span, referred: Referred) {
        if let Some(notes) = &mut self.notes {
            notes.places.entry(referred).or_insert(span);
        }
        self.note(span, referred);
    }

    pub(super) fn note_item(&mut self, span: Span, item: Item) {
        if let Some(referred) = referred(item) {
            self.note(span, referred);
        }
    }

    /// Notes a name at top level of this module, and what it stands for.
    pub(super) fn note_declared(&mut self, span: Span, item: Item) {
        match referred(item) {
            Some(
                name @ (Referred::Function(_)
                | Referred::Extern(_)
                | Referred::Global(_)
                | Referred::Struct(_)
                | Referred::Enum(_)),
            ) => self.note_place(span, name),
            Some(name) => self.note(span, name),
            None => {}
        }
    }

    /// What the name at a place stands for.
    pub(super) fn find_noting(&mut self, name: &str, span: Span) -> Option<Found> {
        let found = self.find(name)?;
        match found {
            Found::Local(local) if self.notes.is_some() => {
                let declared = self.frame().locals[local as usize].span;
                self.note(span, Referred::Local(declared));
            }
            Found::Local(_) => {}
            Found::Item(item) => self.note_item(span, item),
        }
        Some(found)
    }

    /// Notes what can only be known at the end: types of local variables, and how functions are called.
    pub(super) fn finish_notes(&mut self) {
        let Some(mut notes) = self.notes.take() else {
            return;
        };
        for function in &self.program.functions {
            for local in function
                .locals
                .iter()
                .filter(|local| !local.name.is_empty())
            {
                let row = (local.name.clone(), local.ty);
                notes.locals.entry(local.span).or_insert(row);
            }
        }
        for number in 0..self.program.functions.len() as u32 {
            notes.functions.insert(number, self.function_text(number));
        }
        self.notes = Some(notes);
    }

    /// A function as it is called: `area(float) -> float`.
    fn function_text(&self, number: u32) -> String {
        let row = &self.program.functions[number as usize];
        let Some(signature) = self.signatures.get(number as usize) else {
            return row.name.to_string();
        };
        let own = row.name.rsplit('.').next().unwrap_or(&row.name);
        let params = signature.params.iter().enumerate().map(|(i, ty)| {
            let name = row.locals.get(i).map(|local| &*local.name);
            match (i, name) {
                (0, _) if signature.receiver => "self".to_owned(),
                (_, Some(name)) => format!("{name}: {}", self.show(*ty)),
                (_, None) => self.show(*ty),
            }
        });
        let params: Vec<String> = params.collect();
        let result = match self.kind(signature.result) {
            Kind::Void => String::new(),
            _ => format!(" -> {}", self.show(signature.result)),
        };
        format!("fn {own}({}){result}", params.join(", "))
    }

    fn choose(&mut self, choices: Vec<Choice>) {
        if let Some(notes) = &mut self.notes {
            notes.choices.extend(choices);
        }
    }

    fn is_asked(&self, name: &str) -> bool {
        self.notes.is_some() && name == ASKED
    }

    fn choice(&self, name: &str, item: Item) -> Choice {
        let (kind, detail, meaning) = match item {
            Item::Function(number) => (kinds::FUNCTION, self.function_text(number), ""),
            Item::Extern(number) => {
                let row = &self.program.externs[number as usize];
                (kinds::FUNCTION, format!("extern fn {}", row.name), "")
            }
            Item::Global(number) => {
                let row = &self.program.globals[number as usize];
                let kind = match row.mutable {
                    true => kinds::VARIABLE,
                    false => kinds::CONSTANT,
                };
                (kind, self.show(row.ty), "")
            }
            Item::Struct(_) => (kinds::STRUCT, format!("struct {name}"), ""),
            Item::Enum(_) => (kinds::ENUM, format!("enum {name}"), ""),
            Item::Module(_) => (kinds::MODULE, "module".to_owned(), ""),
            Item::Native(module, name) => return native_choice(module, name, false),
            Item::Error => (kinds::VARIABLE, String::new(), ""),
        };
        Choice {
            name: name.to_owned(),
            kind,
            detail,
            meaning,
        }
    }

    /// Says what names there are, if that is asked.
    pub(super) fn ask_name(&mut self, name: &str) {
        if !self.is_asked(name) {
            return;
        }
        let mut choices = Vec::new();
        for frame in &self.frames {
            for scope in &frame.scopes {
                for (name, local) in scope {
                    let row = &frame.locals[*local as usize];
                    choices.push(Choice {
                        name: name.to_string(),
                        kind: kinds::VARIABLE,
                        detail: self.show(row.ty),
                        meaning: "",
                    });
                }
            }
        }
        let items = self.entered().flat_map(|module| &self.items[module]);
        choices.extend(items.map(|(name, (item, _))| self.choice(name, *item)));
        for module in ["core", "io"] {
            choices.extend(native_choices(module, false));
        }
        let words = crate::syntax::lexer::Kind::WORDS;
        choices.extend(words.iter().map(|word| Choice {
            name: (*word).to_owned(),
            kind: kinds::KEYWORD,
            detail: String::new(),
            meaning: "",
        }));
        self.choose(choices);
    }

    /// Says what types there are, if that is asked.
    pub(super) fn ask_type(&mut self, name: &str) {
        if !self.is_asked(name) {
            return;
        }
        let mut choices: Vec<Choice> = ["int", "float", "bool", "string", "array", "map"]
            .map(|name| Choice {
                name: name.to_owned(),
                kind: kinds::KEYWORD,
                detail: "type".to_owned(),
                meaning: "",
            })
            .into();
        for module in self.entered() {
            for (name, (item, _)) in &self.items[module] {
                if matches!(item, Item::Struct(_) | Item::Enum(_) | Item::Module(_)) {
                    choices.push(self.choice(name, *item));
                }
            }
        }
        self.choose(choices);
    }

    /// Says what a value of a type has behind a dot, if that is asked.
    pub(super) fn ask_member(&mut self, ty: Ty, name: &Name) {
        if !self.is_asked(&name.text) {
            return;
        }
        let kind = self.kind(ty);
        let mut choices = Vec::new();
        if let Some(module) = native_module(&kind) {
            choices.extend(native_choices(module, true));
        }
        let methods = match kind {
            Kind::Struct(number) => {
                let fields = self.program.structs[number as usize].fields.iter();
                choices.extend(fields.map(|(name, ty)| Choice {
                    name: name.to_string(),
                    kind: kinds::FIELD,
                    detail: self.show(*ty),
                    meaning: "",
                }));
                Some(&self.structs[number as usize].methods)
            }
            Kind::Enum(number) => Some(&self.enums[number as usize].methods),
            _ => None,
        };
        for (name, function) in methods.into_iter().flatten() {
            if self.signatures[*function as usize].receiver {
                choices.push(self.method_choice(name, *function));
            }
        }
        self.choose(choices);
    }

    /// Says what fields a struct has, if that is asked.
    pub(super) fn ask_field(&mut self, number: u32, name: &Name) {
        if !self.is_asked(&name.text) {
            return;
        }
        let fields = self.program.structs[number as usize].fields.iter();
        let choices = fields.map(|(name, ty)| Choice {
            name: name.to_string(),
            kind: kinds::FIELD,
            detail: self.show(*ty),
            meaning: "",
        });
        let choices = choices.collect();
        self.choose(choices);
    }

    fn method_choice(&self, name: &str, function: u32) -> Choice {
        Choice {
            name: name.to_owned(),
            kind: kinds::METHOD,
            detail: self.function_text(function),
            meaning: "",
        }
    }

    /// Says what a module has, if that is asked.
    pub(super) fn ask_module(&mut self, target: Target, name: &Name) {
        if !self.is_asked(&name.text) {
            return;
        }
        let choices = match target {
            Target::Missing => return,
            Target::Native(module) => native_choices(module, false),
            Target::Module(number) => {
                let items = self.items[number].iter();
                items
                    .map(|(name, (item, _))| self.choice(name, *item))
                    .collect()
            }
        };
        self.choose(choices);
    }

    /// Says what a struct or enum has itself, if that is asked.
    pub(super) fn ask_static(&mut self, is_enum: bool, number: u32, name: &Name) {
        if !self.is_asked(&name.text) {
            return;
        }
        let mut choices = Vec::new();
        let methods = match is_enum {
            true => {
                let row = &self.program.enums[number as usize];
                for (name, types) in &row.variants {
                    let types: Vec<String> = types.iter().map(|ty| self.show(*ty)).collect();
                    let detail = match types.is_empty() {
                        true => row.name.to_string(),
                        false => format!("{}.{name}({})", row.name, types.join(", ")),
                    };
                    choices.push(Choice {
                        name: name.to_string(),
                        kind: kinds::VARIANT,
                        detail,
                        meaning: "",
                    });
                }
                &self.enums[number as usize].methods
            }
            false => &self.structs[number as usize].methods,
        };
        for (name, function) in methods {
            choices.push(self.method_choice(name, *function));
        }
        self.choose(choices);
    }
}

fn native_choice(module: &'static str, name: &'static str, method: bool) -> Choice {
    let row = natives::find(module, name).next();
    let row = row.map(|row| &NATIVES[row as usize]);
    Choice {
        name: name.to_owned(),
        kind: match method {
            true => kinds::METHOD,
            false => kinds::FUNCTION,
        },
        detail: row.map_or(String::new(), |row| native_text(row, method)),
        meaning: row.map_or("", |row| row.meaning),
    }
}

fn native_choices(module: &'static str, method: bool) -> Vec<Choice> {
    let rows = NATIVES.iter().filter(|row| row.module == module);
    let mut choices: Vec<Choice> = rows
        .map(|row| native_choice(module, row.name, method))
        .collect();
    choices.dedup();
    choices
}
