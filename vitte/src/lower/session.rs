//! What is entered in a session: a module that has memory and variables in common with those before it, by importing
//! them, and that shows the value of an expression. So functions and function values of all of them use the same ones.
//!
//! Only sessions show structs, enums and functions: programs cannot ask for their texts.

use std::fmt::Write as _;

use dotvm::isa::module::Export;
use dotvm::isa::{self, ExternKind, Names, ValType};

use super::runtime::{FIRST_OWN, GLOBALS, Runtime, VARIABLES};
use super::{Lowerer, Refused, Rep, is_plain};
use crate::vitbc::module::{Module, Ty};

/// The module that memory and variables are imported from.
pub(crate) const MODULE: &str = "session";

/// The function that puts the text of the value together.
pub(crate) const SHOW: &str = "session.show";

/// So many structs and enums inside of each other are shown.
const DEPTH_MAX: u32 = 4;

/// The name of a variable of the program.
pub(crate) fn variable(number: usize) -> String {
    format!("variable {number}")
}

/// The variables of the runtime: names, and whether each is a reference.
pub(crate) fn runtime_variables() -> impl Iterator<Item = (&'static str, bool)> {
    VARIABLES
        .into_iter()
        .map(|(name, ty, _)| (name, ty == "anyref"))
}

/// Instructions that put a text to what is put together.
pub(super) fn bytes(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        // Writing to a string does not fail.
        let _ = writeln!(out, "($out.byte {byte})");
    }
    out
}

/// Makes a module of what was entered; [`SHOW`] shows a variable of the program, if one is given. Also gives the types of
/// all variables.
///
/// # Errors
/// Where it uses what cannot be run yet.
pub(crate) fn lower(
    module: &Module,
    shown: Option<u32>,
) -> Result<(isa::Module, Names, Vec<ValType>), Refused> {
    let mut lowerer = Lowerer::new(module, false, Runtime::default());
    let reps = module.globals.iter().map(|(_, ty)| lowerer.rep(*ty).val());
    let types: Vec<ValType> = reps.collect();
    lowerer.runtime.shared = Some(types.iter().map(|ty| ty.name()).collect());
    lowerer.shows = shown;
    let (mut machine, names) = lowerer.lower()?;
    let show = names.funcs.iter().find(|(_, name)| name == SHOW);
    if let Some((index, _)) = show
        && shown.is_some()
    {
        machine.exports.push(Export {
            name: SHOW.to_owned(),
            kind: ExternKind::Func,
            index: *index,
        });
    }
    Ok((machine, names, types))
}

impl Lowerer<'_> {
    /// Adds the function that shows a variable, if one is to be shown.
    pub(super) fn declare_shown(&mut self) {
        let Some(number) = self.shows else { return };
        let ty = self.module.globals[number as usize].1;
        let show = self.shown(ty, true);
        let global = GLOBALS + number;
        let text = format!("{SHOW} ()\n(${show} (global.get:{global}))\nreturn");
        self.runtime.add(SHOW, text);
    }

    /// The name of the objects of a struct or enum.
    fn object_name(&self, ty: Ty) -> String {
        let own = ty.row().and_then(|row| self.own.get(row)).copied();
        format!("$own{}", own.unwrap_or(FIRST_OWN) - FIRST_OWN)
    }

    /// Does something inside of a struct or enum; nothing where there are too many around it already.
    fn deeper<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.depth == DEPTH_MAX {
            return None;
        }
        self.depth += 1;
        let result = f(self);
        self.depth -= 1;
        Some(result)
    }

    pub(super) fn show_struct(
        &mut self,
        name: &str,
        ty: Ty,
        own: &str,
        fields: &[(String, Ty)],
    ) -> String {
        let object = self.object_name(ty);
        let body = self.deeper(|this| {
            let mut text = bytes(&format!("{own} {{"));
            for (i, (field, ty)) in fields.iter().enumerate() {
                let start = if i > 0 { ", " } else { " " };
                text.push_str(&bytes(&format!("{start}{field}: ")));
                let show = this.shown(*ty, true);
                let _ = writeln!(text, "(${show} (struct.get:{object}:{i} $value))");
            }
            text + &bytes(if fields.is_empty() { "}" } else { " }" })
        });
        let body = body.unwrap_or_else(|| bytes(&format!("{own} {{ ... }}")));
        format!("{name} (anyref $value)\n{body}return")
    }

    pub(super) fn show_enum(
        &mut self,
        name: &str,
        ty: Ty,
        own: &str,
        variants: &[(String, Vec<Ty>)],
    ) -> String {
        let plain = self.rep(ty) == Rep::Small;
        // Variants alone are numbers.
        let object = match plain {
            true => String::new(),
            false => self.object_name(ty),
        };
        debug_assert_eq!(plain, self.module.row(ty).is_some_and(is_plain));
        let (param, number) = match plain {
            true => ("i32", "$value".to_owned()),
            false => ("anyref", format!("(struct.get:{object}:0 $value)")),
        };
        let body = self.deeper(|this| {
            let mut text = String::new();
            for (i, (variant, types)) in variants.iter().enumerate() {
                let _ = writeln!(text, "if (i32.eq {number} {i})");
                text.push_str(&bytes(&format!("{own}.{variant}")));
                for (j, ty) in types.iter().enumerate() {
                    text.push_str(&bytes(if j > 0 { ", " } else { "(" }));
                    let show = this.shown(*ty, true);
                    let field = this.place(variants, i, j);
                    let _ = writeln!(text, "(${show} (struct.get:{object}:{field} $value))");
                }
                if !types.is_empty() {
                    text.push_str(&bytes(")"));
                }
                text.push_str("end\n");
            }
            text
        });
        let body = body.unwrap_or_else(|| bytes(&format!("{own}(...)")));
        format!("{name} ({param} $value)\n{body}return")
    }
}
