//! The facts about a module that `dotvm inspect` prints, and the shape of its JSON.

use std::collections::BTreeMap;
use std::path::Path;

use dotvm_isa::debug::SourceTables;
use dotvm_isa::encode::{FLAG_ZSTD, HEADER_BYTES, SECTION_HEADER_BYTES, SECTIONS, VERSION};
use dotvm_isa::{
    GlobalType, ImportDesc, Limits, Malformed, Module, Names, SegmentMode, verify::verify_module,
};
use serde::Serialize;

/// What a module consists of. Field names are those of the JSON, which scripts rely on.
#[derive(Serialize, Debug)]
pub(super) struct Facts {
    pub(super) file: String,
    pub(super) file_bytes: u64,
    pub(super) format_version: u16,
    pub(super) arch: &'static str,
    pub(super) compressed: bool,
    pub(super) name: Option<String>,
    pub(super) entry: Option<FuncRef>,
    pub(super) start: Option<FuncRef>,
    pub(super) sections: Vec<Section>,
    pub(super) types: Vec<String>,
    pub(super) imports: Vec<Import>,
    pub(super) exports: Vec<Export>,
    pub(super) memories: Vec<Memory>,
    pub(super) tables: Vec<Table>,
    pub(super) globals: Vec<Global>,
    pub(super) elements: Vec<Segment>,
    pub(super) data: Vec<Segment>,
    pub(super) code_bytes: u64,
    pub(super) functions: Vec<Function>,
    pub(super) debug: Option<Debug>,
}

/// A function, by its index and, where it has one, its name.
#[derive(Serialize, Debug)]
pub(super) struct FuncRef {
    pub(super) index: u32,
    pub(super) name: Option<String>,
}

/// Debug information, but for names.
#[derive(Serialize, Debug)]
pub(super) struct Debug {
    pub(super) source_files: usize,
    pub(super) types: usize,
    /// Functions of the source, those inlined everywhere included.
    pub(super) subprograms: usize,
    /// Functions of the module that are described.
    pub(super) functions: usize,
    /// Bytes of each table, unpacked.
    pub(super) table_bytes: BTreeMap<&'static str, usize>,
}

/// A section of the file.
#[derive(Serialize, Debug)]
pub(super) struct Section {
    pub(super) name: &'static str,
    /// Where its payload starts in the file.
    pub(super) offset: u64,
    /// Bytes in the file, without the section's header.
    pub(super) stored_bytes: u64,
    /// Bytes after decompression.
    pub(super) raw_bytes: u64,
    /// CRC-32 of the payload as stored; it has been checked.
    pub(super) crc32: String,
}

/// Something the module needs.
#[derive(Serialize, Debug)]
pub(super) struct Import {
    pub(super) kind: &'static str,
    pub(super) index: u32,
    pub(super) module: String,
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) ty: String,
}

/// Something the module offers.
#[derive(Serialize, Debug)]
pub(super) struct Export {
    pub(super) kind: &'static str,
    pub(super) index: u32,
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) ty: String,
}

/// A memory, defined or imported; sizes in pages of 64 KiB.
#[derive(Serialize, Debug)]
pub(super) struct Memory {
    pub(super) min_pages: u64,
    pub(super) max_pages: Option<u64>,
    pub(super) imported: bool,
}

/// A table, defined or imported.
#[derive(Serialize, Debug)]
pub(super) struct Table {
    pub(super) element: &'static str,
    pub(super) min: u64,
    pub(super) max: Option<u64>,
    pub(super) imported: bool,
}

/// A global, defined or imported.
#[derive(Serialize, Debug)]
pub(super) struct Global {
    #[serde(rename = "type")]
    pub(super) ty: &'static str,
    pub(super) mutable: bool,
    pub(super) imported: bool,
}

/// A segment of data (length in bytes) or of references (length in elements).
#[derive(Serialize, Debug)]
pub(super) struct Segment {
    pub(super) mode: &'static str,
    pub(super) len: u64,
}

/// A function defined in the module.
#[derive(Serialize, Debug)]
pub(super) struct Function {
    pub(super) index: u32,
    pub(super) name: Option<String>,
    #[serde(rename = "type")]
    pub(super) ty: String,
    pub(super) bytes: u64,
}

impl Facts {
    /// Collects the facts.
    ///
    /// # Errors
    /// Where a declaration or the debug section is wrong. Bodies are not looked into.
    pub(super) fn of(path: &Path, module: &Module, bytes: &[u8]) -> Result<Facts, Malformed> {
        let env = verify_module(module)?;
        let names = Names::decode(module)?;
        let spaces = env.spaces;
        let func = |index: u32| FuncRef {
            index,
            name: names.func(index).map(str::to_owned),
        };
        let signature = |ty: u32| module.types[ty as usize].to_string();
        let functions: Vec<Function> = (spaces.imported_funcs..)
            .zip(&module.bodies)
            .map(|(index, body)| Function {
                index,
                name: names.func(index).map(str::to_owned),
                ty: signature(body.ty),
                bytes: body.code.len() as u64,
            })
            .collect();
        let memories = spaces
            .memories
            .iter()
            .enumerate()
            .map(|(i, memory)| Memory {
                min_pages: memory.limits.min,
                max_pages: memory.limits.max,
                imported: i < spaces.imported_memories as usize,
            });
        let tables = spaces.tables.iter().enumerate().map(|(i, table)| Table {
            element: table.element.name(),
            min: table.limits.min,
            max: table.limits.max,
            imported: i < spaces.imported_tables as usize,
        });
        let globals = spaces.globals.iter().enumerate().map(|(i, global)| Global {
            ty: global.ty.name(),
            mutable: global.mutable,
            imported: i < spaces.imported_globals as usize,
        });
        let exports = module.exports.iter().map(|export| {
            use dotvm_isa::ExternKind as Kind;
            let at = export.index as usize;
            let ty = match export.kind {
                Kind::Func => signature(spaces.funcs[at]),
                Kind::Memory => limits(spaces.memories[at].limits, "pages"),
                Kind::Table => {
                    let table = spaces.tables[at];
                    format!("{} of {}", limits(table.limits, "elements"), table.element)
                }
                Kind::Global => global_type(spaces.globals[at]),
                Kind::Tag => signature(spaces.tags[at]),
            };
            let name = export.name.clone();
            Export {
                kind: export.kind.name(),
                index: export.index,
                name,
                ty,
            }
        });
        Ok(Facts {
            file: path.display().to_string(),
            file_bytes: bytes.len() as u64,
            format_version: VERSION,
            arch: module.arch.name(),
            compressed: bytes[7] & FLAG_ZSTD != 0,
            entry: module.entry.map(func),
            start: module.start.map(func),
            sections: sections(bytes),
            types: module.types.iter().map(ToString::to_string).collect(),
            imports: imports(module),
            exports: exports.collect(),
            memories: memories.collect(),
            tables: tables.collect(),
            globals: globals.collect(),
            elements: module
                .elems
                .iter()
                .map(|elem| segment(&elem.mode, elem.items.len()))
                .collect(),
            data: module
                .data
                .iter()
                .map(|data| segment(&data.mode, data.bytes.len()))
                .collect(),
            code_bytes: functions.iter().map(|function| function.bytes).sum(),
            functions,
            debug: debug(&names.source),
            name: names.module,
        })
    }
}

fn debug(tables: &SourceTables) -> Option<Debug> {
    (!tables.is_empty()).then(|| Debug {
        source_files: tables.files(),
        types: tables.types(),
        subprograms: tables.subprograms(),
        functions: tables.func_count(),
        table_bytes: tables.sizes().into_iter().collect(),
    })
}

/// Reads the section headers of a file that has been decoded, checksums included.
fn sections(bytes: &[u8]) -> Vec<Section> {
    let mut rest = &bytes[HEADER_BYTES..];
    let mut sections = Vec::new();
    for (_, name) in SECTIONS {
        let Some((header, payload)) = rest.split_first_chunk::<SECTION_HEADER_BYTES>() else {
            break;
        };
        let number = |from: usize, len: usize| {
            let mut le = [0; 8];
            le[..len].copy_from_slice(&header[from..from + len]);
            u64::from_le_bytes(le)
        };
        let stored_bytes = number(8, 8);
        sections.push(Section {
            name,
            offset: (bytes.len() - payload.len()) as u64,
            stored_bytes,
            raw_bytes: number(16, 8),
            crc32: format!("{:08x}", number(4, 4)),
        });
        rest = &payload[stored_bytes as usize..];
    }
    sections
}

fn imports(module: &Module) -> Vec<Import> {
    let mut counts = [0; 5];
    let imports = module.imports.iter().map(|import| {
        let (kind, count, ty) = match import.desc {
            ImportDesc::Func(ty) => ("func", 0, module.types[ty as usize].to_string()),
            ImportDesc::Table(ty) => (
                "table",
                1,
                format!("{} of {}", limits(ty.limits, "elements"), ty.element),
            ),
            ImportDesc::Memory(ty) => ("memory", 2, limits(ty.limits, "pages")),
            ImportDesc::Global(ty) => ("global", 3, global_type(ty)),
            ImportDesc::Tag(ty) => ("tag", 4, module.types[ty as usize].to_string()),
        };
        let index = counts[count];
        counts[count] += 1;
        let (module, name) = (import.module.clone(), import.name.clone());
        Import {
            kind,
            index,
            module,
            name,
            ty,
        }
    });
    imports.collect()
}

/// Limits as text: `at least 17 pages`, `1 to 16 pages`.
pub(super) fn limits(limits: Limits, unit: &str) -> String {
    match limits.max {
        None => format!("at least {} {unit}", limits.min),
        Some(max) => format!("{} to {max} {unit}", limits.min),
    }
}

fn global_type(ty: GlobalType) -> String {
    format!("{}{}", if ty.mutable { "mut " } else { "" }, ty.ty)
}

fn segment(mode: &SegmentMode, len: usize) -> Segment {
    let mode = match mode {
        SegmentMode::Passive => "passive",
        SegmentMode::Active(..) => "active",
        SegmentMode::Declared => "declared",
    };
    Segment {
        mode,
        len: len as u64,
    }
}
