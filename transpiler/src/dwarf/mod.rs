//! DWARF in WebAssembly's custom sections: what it says about the functions that are there.
//!
//! Compilers keep the debug information of everything they compiled, linkers that of everything
//! they linked. What belongs to no function of the module is passed over, so that the work is
//! mostly that of reading past it.
//!
//! Addresses count from the start of the code section's contents. They are kept here as they are;
//! [`crate::source`] finds what became of the code there.

mod entry;
mod files;
mod lines;
mod places;
mod scopes;
mod subprograms;
mod types;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use dotvm_isa::debug::{Location, Scope, Subprogram, Type};
use gimli::{EndianSlice, LittleEndian, SectionId};
use wasmparser::{Parser, Payload};

use crate::error::Error;

pub(crate) use files::is_standard_library;

/// Bytes of a section.
type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// What DWARF says about a module.
#[derive(Debug, Default)]
pub(crate) struct Info {
    /// Paths of source files.
    pub(crate) files: Vec<String>,
    /// Types of variables.
    pub(crate) types: Vec<Type>,
    /// Functions of the source.
    pub(crate) subprograms: Vec<Subprogram>,
    /// By index among the functions defined.
    pub(crate) funcs: BTreeMap<usize, FuncInfo>,
}

/// What DWARF says about a function.
#[derive(Debug, Default)]
pub(crate) struct FuncInfo {
    /// Its name for linkers, or else in the source.
    pub(crate) symbol: Option<String>,
    /// Where its instructions come from, by ascending address.
    pub(crate) rows: Vec<Row>,
    /// The function and those inlined into it, each after its caller.
    pub(crate) scopes: Vec<Inlined>,
}

/// From an address on, up to that of the next row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    pub(crate) at: u32,
    pub(crate) location: Location,
    pub(crate) is_stmt: bool,
}

/// A function of the source, and where its code is.
#[derive(Debug)]
pub(crate) struct Inlined {
    /// The addresses of its code.
    pub(crate) ranges: Vec<Range<u32>>,
    /// What it is; places of variables are along addresses, locals are WebAssembly's.
    pub(crate) scope: Scope,
}

impl FuncInfo {
    /// The row that an address belongs to.
    pub(crate) fn row_at(&self, at: u32) -> Option<Row> {
        let after = self.rows.partition_point(|row| row.at <= at);
        after.checked_sub(1).map(|i| self.rows[i])
    }

    /// The innermost scope that an address belongs to.
    pub(crate) fn scope_at(&self, at: u32) -> u32 {
        let is_there = |inlined: &Inlined| inlined.ranges.iter().any(|range| range.contains(&at));
        // Callees come after their callers.
        let innermost = self.scopes.iter().rposition(is_there);
        innermost.unwrap_or(0) as u32
    }
}

/// Where a module's functions are in its code section.
pub(crate) struct CodeMap {
    /// The addresses of each function, ascending. The length in front of a function belongs to it.
    ranges: Vec<Range<u32>>,
    /// How many functions are imported.
    imported: u32,
}

impl CodeMap {
    /// The map of bodies at these offsets of a file whose code section starts there.
    pub(crate) fn new(bodies: &[Range<u64>], code_start: u64, imported: u32) -> CodeMap {
        let mut end = 0;
        let ranges = bodies.iter().map(|body| {
            let start = end;
            end = (body.end - code_start) as u32;
            start..end
        });
        CodeMap {
            ranges: ranges.collect(),
            imported,
        }
    }

    /// The index in the module of a function that is defined.
    fn index(&self, func: usize) -> u32 {
        self.imported + func as u32
    }

    /// The function at an address. What linkers have thrown away is at 0, where no function is.
    fn func_at(&self, address: u64) -> Option<usize> {
        let address = u32::try_from(address).ok().filter(|&address| address > 0)?;
        let after = self.ranges.partition_point(|range| range.start <= address);
        let index = after.checked_sub(1)?;
        self.ranges[index].contains(&address).then_some(index)
    }

    /// The part of a range of addresses that is in a function.
    fn clip(&self, func: usize, range: gimli::Range) -> Option<Range<u32>> {
        let code = &self.ranges[func];
        let start = range.begin.clamp(code.start.into(), code.end.into());
        let end = range.end.clamp(code.start.into(), code.end.into());
        (start < end).then_some(start as u32..end as u32)
    }
}

/// Reads the debug information of a module; `None` where there is none.
///
/// # Errors
/// Where it is elsewhere, or malformed.
pub(crate) fn read(wasm: &[u8], code: &CodeMap) -> Result<Option<Info>, Error> {
    let sections = custom_sections(wasm);
    let section = |id: SectionId| {
        let bytes = sections.get(id.name()).copied().unwrap_or_default();
        Ok::<_, gimli::Error>(Slice::new(bytes, LittleEndian))
    };
    if !sections.contains_key(SectionId::DebugInfo.name()) {
        return match sections.get("external_debug_info") {
            Some(url) => Err(elsewhere(&external(url))),
            None => Ok(None),
        };
    }
    let read = || -> Result<Info, Fault> {
        let mut dwarf = gimli::Dwarf::load(section)?;
        dwarf.populate_abbreviations_cache(gimli::AbbreviationsCacheStrategy::Duplicates);
        Reader::new(&dwarf, code)?.run()
    };
    read().map(Some).map_err(|fault| match fault {
        Fault::Elsewhere(file) => elsewhere(&file),
        Fault::Malformed(error) => {
            Error::DebugInfo(format!("malformed debug information (DWARF): {error}"))
        }
    })
}

fn custom_sections(wasm: &[u8]) -> HashMap<&str, &[u8]> {
    let mut sections = HashMap::new();
    for payload in Parser::new(0).parse_all(wasm) {
        // The module has been validated.
        if let Ok(Payload::CustomSection(section)) = payload {
            sections.entry(section.name()).or_insert(section.data());
        }
    }
    sections
}

/// The file that the section `external_debug_info` names: a length and so many bytes.
fn external(section: &[u8]) -> String {
    let mut reader = wasmparser::BinaryReader::new(section, 0);
    reader.read_string().unwrap_or("another file").to_owned()
}

fn elsewhere(file: &str) -> Error {
    Error::DebugInfo(format!(
        "the debug information is not in this file but in {file}; \
         build without splitting it (-gsplit-dwarf, -gseparate-dwarf, split-debuginfo)"
    ))
}

/// Why debug information cannot be read.
enum Fault {
    Malformed(gimli::Error),
    /// It is in that file.
    Elsewhere(String),
}

impl From<gimli::Error> for Fault {
    fn from(error: gimli::Error) -> Fault {
        Fault::Malformed(error)
    }
}

/// A compilation unit, with what its line program says about files.
struct Unit<'a> {
    unit: gimli::Unit<Slice<'a>>,
    /// Of each file of the line program, its index among all.
    files: Vec<Option<u32>>,
}

/// Reads all units.
struct Reader<'d, 'a> {
    dwarf: &'d gimli::Dwarf<Slice<'a>>,
    units: Vec<Unit<'a>>,
    code: &'d CodeMap,
    files: files::Files,
    types: types::Types,
    subprograms: subprograms::Subprograms,
    funcs: BTreeMap<usize, FuncInfo>,
}

impl<'d, 'a> Reader<'d, 'a> {
    fn new(dwarf: &'d gimli::Dwarf<Slice<'a>>, code: &'d CodeMap) -> Result<Reader<'d, 'a>, Fault> {
        let mut reader = Reader {
            dwarf,
            units: Vec::new(),
            code,
            files: files::Files::default(),
            types: types::Types::default(),
            subprograms: subprograms::Subprograms::default(),
            funcs: BTreeMap::new(),
        };
        let mut headers = dwarf.units();
        while let Some(header) = headers.next()? {
            let unit = dwarf.unit(header)?;
            if let Some(name) = unit.dwo_name()? {
                let name = dwarf.attr_string(&unit, name)?;
                return Err(Fault::Elsewhere(name.to_string_lossy().into_owned()));
            }
            let files = Vec::new();
            reader.units.push(Unit { unit, files });
        }
        Ok(reader)
    }

    /// The folder of the program: where the compiler ran that made `main`.
    fn home(&self, found: &[scopes::Found]) -> Option<String> {
        let main = found.iter().find(|found| found.is_main)?;
        let home = self.units[main.unit].unit.comp_dir?;
        Some(home.to_string_lossy().into_owned())
    }

    fn run(mut self) -> Result<Info, Fault> {
        let found = self.find_functions()?;
        let home = self.home(&found);
        for unit in 0..self.units.len() {
            let files = self
                .files
                .of_unit(self.dwarf, &self.units[unit].unit, home.as_deref())?;
            self.units[unit].files = files;
            self.lines(unit)?;
        }
        for found in &found {
            self.function(found)?;
        }
        self.finish_types()?;
        Ok(Info {
            files: self.files.paths,
            types: self.types.types,
            subprograms: self.subprograms.all,
            funcs: self.funcs,
        })
    }
}
