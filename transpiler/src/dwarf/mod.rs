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
use std::convert::Infallible;
use std::ops::Range;

use dotvm_isa::debug::{Location, Scope, Subprogram, Type};
use gimli::{EndianSlice, LittleEndian, SectionId};
use wasmparser::{Parser, Payload};

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
    /// Why something could not be read, each time; the rest is there.
    pub(crate) faults: Vec<String>,
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

    fn sort_rows(&mut self) {
        self.rows.sort_by_key(|row| row.at);
        // Of several rows for one address, the last holds.
        self.rows.dedup_by(|next, row| {
            let same = next.at == row.at;
            if same {
                *row = *next;
            }
            same
        });
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

/// Reads the debug information of a module; `None` where there is none. What is malformed, or in another
/// file, is passed over and noted.
pub(crate) fn read(wasm: &[u8], code: &CodeMap) -> Option<Info> {
    let sections = custom_sections(wasm);
    let section = |id: SectionId| {
        let bytes = sections.get(id.name()).copied().unwrap_or_default();
        Slice::new(bytes, LittleEndian)
    };
    if !sections.contains_key(SectionId::DebugInfo.name()) {
        let url = sections.get("external_debug_info")?;
        return Some(Info {
            faults: vec![elsewhere(&external(url))],
            ..Info::default()
        });
    }
    let load = |id| Ok::<_, Infallible>(section(id));
    let Ok(mut dwarf) = gimli::Dwarf::load(load);
    dwarf.populate_abbreviations_cache(gimli::AbbreviationsCacheStrategy::Duplicates);
    Some(Reader::new(&dwarf, code).run())
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

fn elsewhere(file: &str) -> String {
    format!(
        "it is not in this file but in {file}; \
         build without splitting it (-gsplit-dwarf, -gseparate-dwarf, split-debuginfo)"
    )
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
    faults: Vec<String>,
}

impl<'d, 'a> Reader<'d, 'a> {
    fn new(dwarf: &'d gimli::Dwarf<Slice<'a>>, code: &'d CodeMap) -> Reader<'d, 'a> {
        let mut reader = Reader {
            dwarf,
            units: Vec::new(),
            code,
            files: files::Files::default(),
            types: types::Types::default(),
            subprograms: subprograms::Subprograms::default(),
            funcs: BTreeMap::new(),
            faults: Vec::new(),
        };
        let mut headers = dwarf.units();
        let mut end = 0;
        loop {
            let at = end;
            let header = match headers.next() {
                Ok(None) => break,
                Ok(Some(header)) => header,
                // Without its length nobody knows where the next one begins.
                Err(error) => {
                    reader.note(error, at);
                    break;
                }
            };
            end = at + header.length_including_self();
            match reader.unit(header) {
                Ok(Some(unit)) => reader.units.push(unit),
                Ok(None) => {}
                Err(error) => reader.note(error, at),
            }
        }
        reader
    }

    /// A unit, where it is in this file.
    fn unit(
        &mut self,
        header: gimli::UnitHeader<Slice<'a>>,
    ) -> Result<Option<Unit<'a>>, gimli::Error> {
        let unit = self.dwarf.unit(header)?;
        if let Some(name) = unit.dwo_name()? {
            let name = self.dwarf.attr_string(&unit, name)?;
            self.faults.push(elsewhere(&name.to_string_lossy()));
            return Ok(None);
        }
        let files = Vec::new();
        Ok(Some(Unit { unit, files }))
    }

    /// Notes why something of the unit at an offset of `.debug_info` cannot be read.
    fn note(&mut self, error: gimli::Error, unit: usize) {
        let error = self.dwarf.format_error(error);
        let section = SectionId::DebugInfo.name();
        let fault = format!("{error}, in the unit at {section}+{unit:#x}");
        self.faults.push(fault);
    }

    /// The same for a unit by its index, where there is something to be noted.
    fn note_in(&mut self, result: Result<(), gimli::Error>, unit: usize) {
        if let Err(error) = result {
            let offset = self.units[unit].unit.header.debug_info_offset();
            self.note(error, offset.map_or(0, |offset| offset.0));
        }
    }

    /// The folder of the program: where the compiler ran that made `main`.
    fn home(&self, found: &[scopes::Found]) -> Option<String> {
        let main = found.iter().find(|found| found.is_main)?;
        let home = self.units[main.unit].unit.comp_dir?;
        Some(home.to_string_lossy().into_owned())
    }

    fn run(mut self) -> Info {
        let mut found = Vec::new();
        for unit in 0..self.units.len() {
            let result = self.find_functions(unit, &mut found);
            self.note_in(result, unit);
        }
        let home = self.home(&found);
        for unit in 0..self.units.len() {
            let result = self.files_and_lines(unit, home.as_deref());
            self.note_in(result, unit);
        }
        for info in self.funcs.values_mut() {
            info.sort_rows();
        }
        for found in &found {
            let result = self.function(found);
            self.note_in(result, found.unit);
        }
        self.finish_types();
        Info {
            files: self.files.paths,
            types: self.types.types,
            subprograms: self.subprograms.all,
            funcs: self.funcs,
            faults: self.faults,
        }
    }

    fn files_and_lines(&mut self, unit: usize, home: Option<&str>) -> Result<(), gimli::Error> {
        let Unit { unit: inner, files } = &mut self.units[unit];
        *files = self.files.of_unit(self.dwarf, inner, home)?;
        self.lines(unit)
    }
}
