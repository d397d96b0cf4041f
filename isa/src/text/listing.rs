//! What all parts of the disassembler print with: the text so far, and the names that can be used
//! in it.

use std::collections::HashSet;
use std::fmt::{Display, Write};

use super::lexer::is_name_byte;
use super::literal;
use crate::module::{Module, Names};
use crate::refs::RefType;
use crate::types::{Arch, FuncType, ValType};

/// The longest name that the text uses: a module could have a longer one in so many places that
/// the text would be much longer than the module.
pub(super) const MAX_NAME_BYTES: usize = 512;

/// A text in the making.
#[derive(Debug)]
pub(super) struct Listing<'m> {
    pub(super) out: String,
    arch: Arch,
    /// The name of each function, where the text can use it.
    funcs: Vec<Option<&'m str>>,
}

impl<'m> Listing<'m> {
    /// An empty text of a module of `funcs` functions, imported ones included.
    pub(super) fn new(module: &Module, names: &'m Names, funcs: usize) -> Listing<'m> {
        let mut listing = Listing {
            out: String::new(),
            arch: module.arch,
            funcs: vec![None; funcs],
        };
        // Names in a text are unique: of functions with the same name, the first has it.
        let mut taken = HashSet::new();
        for (index, name) in &names.funcs {
            if let Some(slot) = listing.funcs.get_mut(*index as usize)
                && slot.is_none()
                && name.len() <= MAX_NAME_BYTES
                && taken.insert(name)
            {
                *slot = Some(name);
            }
        }
        listing
    }

    /// The module's architecture.
    pub(super) fn arch(&self) -> Arch {
        self.arch
    }

    /// Prints a number.
    pub(super) fn number(&mut self, number: impl Display) {
        write!(self.out, "{number}").expect("writing to a string does not fail");
    }

    /// The name of a function, where the text can use it.
    pub(super) fn func_name(&self, index: u32) -> Option<&'m str> {
        self.funcs.get(index as usize).copied().flatten()
    }

    /// Prints a reference to a function.
    pub(super) fn func(&mut self, index: u32) {
        match self.func_name(index) {
            Some(name) => self.name(name),
            None => self.number(index),
        }
    }

    /// Prints `$name`.
    pub(super) fn name(&mut self, name: &str) {
        self.out.push('$');
        if !name.is_empty() && name.bytes().all(is_name_byte) {
            self.out.push_str(name);
        } else {
            self.string(name);
        }
    }

    /// Prints a name as a string.
    pub(super) fn string(&mut self, name: &str) {
        literal::print_name(&mut self.out, name);
    }

    /// Prints a value type, or the narrower reference type.
    pub(super) fn declared_type(&mut self, ty: ValType, narrow: Option<RefType>) {
        match narrow {
            Some(narrow) => {
                write!(self.out, "{narrow}").expect("writing to a string does not fail");
            }
            None => self.out.push_str(ty.name()),
        }
    }

    /// Prints a function type, with names of parameters.
    pub(super) fn signature(&mut self, func: &FuncType, param: impl Fn(u32) -> Option<&'m str>) {
        self.out.push('(');
        for (i, &ty) in func.params.iter().enumerate() {
            self.out.push_str(if i == 0 { "" } else { ", " });
            self.declared_type(ty, func.narrow_param(i));
            if let Some(name) = param(i as u32) {
                self.out.push(' ');
                self.name(name);
            }
        }
        self.out.push(')');
        if func.results.is_empty() {
            return;
        }
        self.out.push_str(" -> ");
        let several = func.results.len() > 1;
        self.out.push_str(if several { "(" } else { "" });
        for (i, &ty) in func.results.iter().enumerate() {
            self.out.push_str(if i == 0 { "" } else { ", " });
            self.declared_type(ty, func.narrow_result(i));
        }
        self.out.push_str(if several { ")" } else { "" });
    }
}
