//! Functions of the source, apart from where they were inlined.

use std::collections::HashMap;
use std::rc::Rc;

use dotvm_isa::debug::{Subprogram, SubprogramName, Variable};
use gimli::AttributeValue;

use super::Reader;
use super::entry::{Entry, EntryId, shortened};
use super::files::is_standard_library;
use crate::symbols::demangle;

/// The longest chain of entries that complete each other.
const MAX_CHAIN: usize = 8;

/// All functions of the source that are needed.
#[derive(Debug, Default)]
pub(super) struct Subprograms {
    pub(super) all: Vec<Subprogram>,
    index: HashMap<Subprogram, u32>,
    known: HashMap<EntryId, Rc<Abstract>>,
    /// Of functions that are in the module, the index among those defined.
    pub(super) compiled: HashMap<EntryId, usize>,
}

/// A function that is inlined somewhere.
#[derive(Debug)]
pub(super) struct Abstract {
    pub(super) name: SubprogramName,
    /// Its variables, and where they are described.
    pub(super) variables: Vec<(EntryId, Variable)>,
}

impl Subprograms {
    /// The index of a function.
    pub(super) fn intern(&mut self, subprogram: Subprogram) -> u32 {
        let next = self.all.len() as u32;
        *self
            .index
            .entry(subprogram)
            .or_insert_with_key(|subprogram| {
                self.all.push(subprogram.clone());
                next
            })
    }
}

impl<'a> Reader<'_, 'a> {
    /// A function that is inlined somewhere.
    pub(super) fn abstract_subprogram(
        &mut self,
        id: EntryId,
    ) -> Result<Rc<Abstract>, gimli::Error> {
        if let Some(known) = self.subprograms.known.get(&id) {
            return Ok(Rc::clone(known));
        }
        let (unit, entry) = self.entry(id)?;
        let name = match self.subprograms.compiled.get(&id) {
            Some(&func) => SubprogramName::Func(self.code.index(func)),
            None => SubprogramName::Text(self.readable_name(unit, &entry)?),
        };
        let mut variables = Vec::new();
        let children = match self.has_variables(unit, &entry)? {
            true => self.walk(unit, entry.offset())?,
            false => Vec::new(),
        };
        let mut skipped_below = None;
        for child in children.iter().skip(1) {
            if skipped_below.is_some_and(|depth| child.depth() > depth) {
                continue;
            }
            skipped_below = None;
            match child.tag() {
                gimli::DW_TAG_variable | gimli::DW_TAG_formal_parameter => {
                    if let Some(id) = self.id(unit, child) {
                        variables.push((id, self.describe_variable(unit, child)?));
                    }
                }
                gimli::DW_TAG_lexical_block => {}
                _ => skipped_below = Some(child.depth()),
            }
        }
        let known = Rc::new(Abstract { name, variables });
        self.subprograms.known.insert(id, Rc::clone(&known));
        Ok(known)
    }

    /// The name and type of a variable.
    pub(super) fn describe_variable(
        &mut self,
        unit: usize,
        entry: &Entry<'a>,
    ) -> Result<Variable, gimli::Error> {
        Ok(Variable {
            name: self.name(unit, entry),
            ty: self.type_of(unit, entry)?,
            is_param: entry.tag() == gimli::DW_TAG_formal_parameter,
        })
    }

    /// Whether the variables of a function are kept: those of standard libraries would take more room
    /// than the code.
    pub(super) fn has_variables(
        &self,
        unit: usize,
        entry: &Entry<'a>,
    ) -> Result<bool, gimli::Error> {
        let file = self.first(unit, entry, |unit, entry| {
            match entry.attr_value(gimli::DW_AT_decl_file)? {
                AttributeValue::FileIndex(index) => Some((unit, index)),
                value => Some((unit, value.udata_value()?)),
            }
        })?;
        let file = file
            .and_then(|(unit, file)| *self.units[unit].files.get(usize::try_from(file).ok()?)?);
        let path = file.map(|file| &self.files.paths[file as usize]);
        Ok(!path.is_some_and(|path| is_standard_library(path)))
    }

    /// The name of a function for linkers or else in the source.
    pub(super) fn symbol(
        &self,
        unit: usize,
        entry: &Entry<'a>,
    ) -> Result<Option<String>, gimli::Error> {
        let text = |name| move |unit, entry: &Entry<'a>| self.text(unit, entry, name);
        match self.first(unit, entry, text(gimli::DW_AT_linkage_name))? {
            Some(name) => Ok(Some(name)),
            None => self.first(unit, entry, text(gimli::DW_AT_name)),
        }
    }

    /// The name of a function as people want to read it; empty where it has none.
    fn readable_name(&self, unit: usize, entry: &Entry<'a>) -> Result<String, gimli::Error> {
        let symbol = self.symbol(unit, entry)?.unwrap_or_default();
        Ok(shortened(demangle(&symbol)))
    }

    /// What an entry has, or else one of those that it completes.
    fn first<T>(
        &self,
        unit: usize,
        entry: &Entry<'a>,
        get: impl Fn(usize, &Entry<'a>) -> Option<T>,
    ) -> Result<Option<T>, gimli::Error> {
        let (mut unit, mut entry) = (unit, entry.clone());
        for _ in 0..MAX_CHAIN {
            if let Some(found) = get(unit, &entry) {
                return Ok(Some(found));
            }
            let more = [gimli::DW_AT_abstract_origin, gimli::DW_AT_specification];
            let next = more
                .into_iter()
                .find_map(|name| self.reference(unit, &entry, name));
            match next {
                Some(id) => (unit, entry) = self.entry(id)?,
                None => break,
            }
        }
        Ok(None)
    }
}
