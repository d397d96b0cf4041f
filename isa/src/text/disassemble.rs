//! The disassembler.

use std::collections::{BTreeMap, HashSet};

use super::consts;
use super::disassemble_body as body;
use super::listing::{Listing, MAX_NAME_BYTES};
use super::literal;
use super::objects;
use super::source::SourceComments;
use crate::error::Malformed;
use crate::instr::InstrReader;
use crate::module::{ExternKind, ImportDesc, Module, Names, SegmentMode, Spaces};
use crate::ops::Imm;
use crate::types::{AddressType, FuncType, GlobalType, Limits, MemoryType, TableType, ValType};

/// Bytes of a data segment that are printed on one line.
const DATA_LINE_BYTES: usize = 64;

/// Elements of a segment that are printed on one line.
const LIST_LINE_ITEMS: usize = 16;

/// The most parameters and results of a type that is written where it is used.
const MAX_WRITTEN_TYPES: usize = 64;

/// Prints a module as assembler text, from which [`assemble`](super::assemble) makes the same
/// module again.
///
/// The module need not verify.
///
/// # Errors
/// Where a body cannot be decoded, or jumps into the middle of an instruction: the function, the
/// offset in its body and the reason.
pub fn disassemble(module: &Module, names: &Names) -> Result<String, Malformed> {
    print(module, names, None)
}

/// Gives lines of source files, by path and number from 1; `None` where they are not known.
pub type SourceLines<'l> = dyn FnMut(&str, u32) -> Option<String> + 'l;

/// As [`disassemble`], with a comment wherever the code goes on to another line of the source: the
/// line's place, and its text where `lines` has it.
///
/// # Errors
/// As for [`disassemble`], and where the debug information of a function makes no sense.
pub fn disassemble_with_source(
    module: &Module,
    names: &Names,
    lines: &mut SourceLines<'_>,
) -> Result<String, Malformed> {
    print(module, names, Some(lines))
}

fn print(
    module: &Module,
    names: &Names,
    lines: Option<&mut SourceLines<'_>>,
) -> Result<String, Malformed> {
    let spaces = module.spaces();
    let listing = Listing::new(module, names, spaces.funcs.len());
    let mut printer = Printer {
        module,
        names,
        list: listing,
        source: lines.map(|lines| SourceComments::new(names, lines)),
        types: Types::new(module),
        left_over: Vec::new(),
    };
    printer.declarations()?;
    printer.segments();
    printer.functions(&spaces)?;
    printer.left_over_names(&spaces);
    Ok(printer.list.out)
}

/// How types are referred to.
#[derive(Debug)]
struct Types {
    /// For each type, whether the assembler takes its index where the type itself is written.
    written: Vec<bool>,
}

impl Types {
    fn new(module: &Module) -> Types {
        let mut seen = HashSet::new();
        let written = module.types.iter().map(|ty| {
            // Long types are not written out again and again: the text would be much longer than
            // the module.
            seen.insert(ty) && ty.params.len() + ty.results.len() <= MAX_WRITTEN_TYPES
        });
        Types {
            written: written.collect(),
        }
    }

    /// Whether a reference to this type is the type itself.
    fn is_written(&self, index: u32) -> bool {
        self.written.get(index as usize) == Some(&true)
    }

    /// Whether an assembler that meets the types in the order of the text gives every type the
    /// index that it has, so that they need not be declared.
    fn follow_from_uses(&self, module: &Module) -> Result<bool, Malformed> {
        // Types that are named in other types' are not met.
        if !module.type_groups.is_empty() || module.types.iter().any(|ty| !ty.narrow.is_empty()) {
            return Ok(false);
        }
        let mut met = 0;
        let mut meet = |index: u32| {
            let follows = self.is_written(index) && index <= met;
            met = met.max(index.saturating_add(1));
            follows
        };
        let imports = module
            .imports
            .iter()
            .filter_map(|import| match import.desc {
                ImportDesc::Func(ty) | ImportDesc::Tag(ty) => Some(ty),
                _ => None,
            });
        let mut follow = imports.chain(module.tags.iter().copied()).all(&mut meet);
        let first = module.imported_funcs().count() as u32;
        for (i, body) in module.bodies.iter().enumerate() {
            follow &= meet(body.ty);
            let mut reader = InstrReader::new(module.body(i as u32), first + i as u32);
            reader.read_locals()?;
            while !reader.at_end() {
                let instr = reader.next_instr()?;
                if instr.op.info().imms.first() == Some(&Imm::Type) {
                    follow &= meet(instr.a as u32);
                }
            }
        }
        Ok(follow && met as usize == module.types.len())
    }
}

/// Names of parameters and locals by their indices.
pub(super) type LocalNames<'m> = BTreeMap<u32, &'m str>;

/// Prints a module, declaration by declaration.
pub(super) struct Printer<'m, 's> {
    module: &'m Module,
    names: &'m Names,
    pub(super) list: Listing<'m>,
    /// Where the code comes from, where that is to be printed.
    pub(super) source: Option<SourceComments<'s>>,
    types: Types,
    /// Names of locals that cannot stand where the local is declared.
    left_over: Vec<(u32, u32, &'m str)>,
}

impl<'m> Printer<'m, '_> {
    /// Ends a line with a comment that says the index of what it declares.
    fn comment(&mut self, what: &str, index: usize) {
        self.push("  ; ");
        self.push(what);
        self.push(" ");
        self.list.number(index);
        self.push("\n");
    }

    /// Prints text as it is.
    pub(super) fn push(&mut self, text: &str) {
        self.list.out.push_str(text);
    }

    fn declarations(&mut self) -> Result<(), Malformed> {
        let module = self.module;
        if let Some(name) = &self.names.module {
            self.push(".module ");
            self.list.string(name);
            self.push("\n");
        }
        self.push(".arch ");
        self.push(module.arch.name());
        self.push("\n");
        if !self.types.follow_from_uses(module)? {
            for (i, ty) in module.types.iter().enumerate() {
                self.push(".type ");
                self.list.signature(ty, |_| None);
                self.comment("type", i);
            }
        }
        for group in &module.type_groups {
            self.push(".rec ");
            self.list.number(group.first);
            self.push(" ");
            self.list.number(group.count);
            self.push("\n");
        }
        objects::print(&mut self.list, module);
        self.imports();
        let imported = module.spaces();
        for (i, memory) in module.memories.iter().enumerate() {
            self.push(".memory ");
            self.memory_type(*memory);
            self.comment("memory", imported.imported_memories as usize + i);
        }
        for (i, table) in module.tables.iter().enumerate() {
            self.push(".table ");
            self.table_type(table.ty);
            if let Some(init) = &table.init {
                self.push(" = ");
                consts::print_element(&mut self.list, init, table.ty.element);
            }
            self.comment("table", imported.imported_tables as usize + i);
        }
        for (i, global) in module.globals.iter().enumerate() {
            self.push(".global ");
            self.global_type(global.ty);
            self.push(" = ");
            consts::print(&mut self.list, &global.init, global.ty.ty);
            self.comment("global", imported.imported_globals as usize + i);
        }
        for (i, &ty) in module.tags.iter().enumerate() {
            self.push(".tag ");
            self.type_use(ty, &LocalNames::new());
            self.comment("tag", imported.imported_tags as usize + i);
        }
        for export in &module.exports {
            self.push(".export ");
            self.list.string(&export.name);
            self.push(" ");
            self.push(export.kind.name());
            self.push(" ");
            match export.kind {
                ExternKind::Func => self.list.func(export.index),
                _ => self.list.number(export.index),
            }
            self.push("\n");
        }
        for (directive, index) in [(".start ", module.start), (".entry ", module.entry)] {
            if let Some(index) = index {
                self.push(directive);
                self.list.func(index);
                self.push("\n");
            }
        }
        Ok(())
    }

    fn imports(&mut self) {
        let mut counts = [0; 5];
        for import in &self.module.imports {
            self.push(".import ");
            self.list.string(&import.module);
            self.push(" ");
            self.list.string(&import.name);
            let (kind, what) = match import.desc {
                ImportDesc::Func(_) => (0, "func"),
                ImportDesc::Table(_) => (1, "table"),
                ImportDesc::Memory(_) => (2, "memory"),
                ImportDesc::Global(_) => (3, "global"),
                ImportDesc::Tag(_) => (4, "tag"),
            };
            let index = counts[kind];
            counts[kind] += 1;
            self.push(" ");
            self.push(what);
            self.push(" ");
            match import.desc {
                ImportDesc::Func(ty) => {
                    let names = self.usable_local_names(index as u32, ty, 0);
                    if self.func_header(index as u32, ty, &names) {
                        self.push("\n");
                        continue;
                    }
                }
                ImportDesc::Table(ty) => self.table_type(ty),
                ImportDesc::Memory(ty) => self.memory_type(ty),
                ImportDesc::Global(ty) => self.global_type(ty),
                ImportDesc::Tag(ty) => self.type_use(ty, &LocalNames::new()),
            }
            self.comment(what, index);
        }
    }

    fn limits(&mut self, limits: Limits) {
        self.list.number(limits.min);
        if let Some(max) = limits.max {
            self.push(" ");
            self.list.number(max);
        }
    }

    fn memory_type(&mut self, ty: MemoryType) {
        self.address_type(ty.address);
        self.limits(ty.limits);
        if !ty.is_paged() {
            self.push(" page ");
            self.list.number(ty.page_bytes());
        }
    }

    fn address_type(&mut self, address: AddressType) {
        if address != AddressType::I32 {
            self.push(address.val_type().name());
            self.push(" ");
        }
    }

    fn table_type(&mut self, ty: TableType) {
        self.address_type(ty.address);
        self.list.declared_type(ty.element, ty.narrow);
        self.push(" ");
        self.limits(ty.limits);
    }

    fn global_type(&mut self, ty: GlobalType) {
        self.push(if ty.mutable { "mut " } else { "" });
        self.list.declared_type(ty.ty, ty.narrow);
    }

    fn mode(&mut self, mode: &SegmentMode) {
        match mode {
            SegmentMode::Passive => self.push("passive "),
            SegmentMode::Declared => self.push("declared "),
            SegmentMode::Active(index, offset) => {
                self.push("at ");
                consts::print(&mut self.list, offset, ValType::I32);
                if *index != 0 {
                    self.push(" in ");
                    self.list.number(index);
                }
                self.push(" ");
            }
        }
    }

    fn segments(&mut self) {
        let module = self.module;
        for (i, elem) in module.elems.iter().enumerate() {
            self.push(".elem ");
            self.push(elem.ty.name());
            self.push(" ");
            self.mode(&elem.mode);
            self.push("(");
            for (k, item) in elem.items.iter().enumerate() {
                self.separate(k, elem.items.len());
                consts::print_element(&mut self.list, item, elem.ty);
            }
            self.push(")");
            self.comment("elem", i);
        }
        for (i, data) in module.data.iter().enumerate() {
            self.push(".data ");
            self.mode(&data.mode);
            let bytes = module.data_segment(i as u32);
            if bytes.len() <= DATA_LINE_BYTES {
                literal::print_bytes(&mut self.list.out, bytes);
            } else {
                self.push("(");
                for chunk in bytes.chunks(DATA_LINE_BYTES) {
                    self.push("\n    ");
                    literal::print_bytes(&mut self.list.out, chunk);
                }
                self.push(")");
            }
            self.comment("data", i);
        }
    }

    /// Prints what stands before item `k` of a list of `count`.
    fn separate(&mut self, k: usize, count: usize) {
        match k {
            _ if k.is_multiple_of(LIST_LINE_ITEMS) && count > LIST_LINE_ITEMS => {
                self.push("\n        ");
            }
            0 => {}
            _ => self.push(", "),
        }
    }

    fn functions(&mut self, spaces: &Spaces) -> Result<(), Malformed> {
        for (i, body) in self.module.bodies.iter().enumerate() {
            let index = spaces.imported_funcs + i as u32;
            let mut reader = InstrReader::new(self.module.body(i as u32), index);
            let groups = reader.read_locals()?;
            let locals = groups.iter().map(|(count, _)| count).sum();
            let names = self.usable_local_names(index, body.ty, locals);
            self.push("\n.func ");
            match self.func_header(index, body.ty, &names) {
                true => self.push("\n"),
                false => self.comment("func", index as usize),
            }
            let params = self.module.types.get(body.ty as usize);
            let params = params.map_or(0, |ty| ty.params.len() as u32);
            if let Some(source) = &mut self.source {
                source.start(index)?;
            }
            body::print(self, reader, &groups, params, &names)?;
            self.push(".end\n");
        }
        Ok(())
    }

    /// Prints a function's name and type; returns whether it has a name.
    fn func_header(&mut self, index: u32, ty: u32, params: &LocalNames<'m>) -> bool {
        let name = self.list.func_name(index);
        if let Some(name) = name {
            self.list.name(name);
            self.push(" ");
        }
        self.type_use(ty, params);
        name.is_some()
    }

    /// Prints a function type so that the assembler gives it this index.
    pub(super) fn type_use(&mut self, index: u32, params: &LocalNames<'m>) {
        let module = self.module;
        let ty = module.types.get(index as usize);
        let written = self.types.is_written(index);
        if !written {
            self.push("type ");
            self.list.number(index);
        }
        // Beside an index, a type is only there for the names.
        let short = |ty: &&FuncType| ty.params.len() + ty.results.len() <= MAX_WRITTEN_TYPES;
        if let Some(ty) = ty.filter(short).filter(|_| written || !params.is_empty()) {
            self.push(if written { "" } else { " " });
            self.list.signature(ty, |i| params.get(&i).copied());
        }
    }

    /// The names of a function's parameters and locals that can stand at their declarations; the
    /// others are kept for later.
    fn usable_local_names(&mut self, func: u32, ty: u32, locals: u32) -> LocalNames<'m> {
        let ty = self.module.types.get(ty as usize);
        let params = ty.map_or(0, |ty| ty.params.len() as u32);
        let written = ty.is_some_and(|ty| params as usize + ty.results.len() <= MAX_WRITTEN_TYPES);
        let first = if written { 0 } else { params };
        let usable_range = first..params + locals;
        let (mut usable, mut taken) = (LocalNames::new(), HashSet::new());
        let all = &self.names.locals;
        let Ok(at) = all.binary_search_by_key(&func, |&(index, _)| index) else {
            return usable;
        };
        for (local, name) in &all[at].1 {
            let fits = usable_range.contains(local) && name.len() <= MAX_NAME_BYTES;
            if fits && !usable.contains_key(local) && taken.insert(name) {
                usable.insert(*local, name);
            } else {
                self.left_over.push((func, *local, name));
            }
        }
        usable
    }

    /// Prints names that could not stand where they belong: those of things that do not exist, and
    /// those that another thing of the same kind has.
    fn left_over_names(&mut self, spaces: &Spaces) {
        let names = self.names;
        for (index, name) in &names.funcs {
            if self.list.func_name(*index) != Some(name) {
                self.push(".name func ");
                self.list.number(index);
                self.push(" ");
                self.list.string(name);
                self.push("\n");
            }
        }
        for (func, locals) in &names.locals {
            if locals.is_empty() {
                self.push(".name locals ");
                self.list.number(func);
                self.push("\n");
            }
            if *func as usize >= spaces.funcs.len() {
                let all = locals.iter().map(|(local, name)| (*func, *local, &**name));
                self.left_over.extend(all);
            }
        }
        for (func, local, name) in std::mem::take(&mut self.left_over) {
            self.push(".name local ");
            self.list.number(func);
            self.push(" ");
            self.list.number(local);
            self.push(" ");
            self.list.string(name);
            self.push("\n");
        }
    }
}
