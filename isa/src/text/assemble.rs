//! The assembler: declarations. Function bodies are [`super::assemble_body`]'s.
//!
//! The text is read twice. The first pass finds what is declared, so that a name can be used before
//! its declaration; the second one reads everything and reports faults.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::assemble_body as body;
use super::consts;
use super::debug;
use super::error::{AsmError, Fault, Faults, Parsed, fault};
use super::lexer::Kind;
use super::objects;
use super::parser::{Parser, Place, Space, Symbols, declared_type, unknown};
use crate::module::{
    ElemSegment, Export, ExternKind, GlobalDef, Import, ImportDesc, Module, Names, SegmentMode,
    TableDef, TypeGroup,
};
use crate::types::{
    AddressType, Arch, FuncType, GlobalType, Limits, MemoryType, TableType, ValType,
};

/// The longest text that is assembled (512 MiB), so that offsets in what it makes fit 32 bits.
pub const MAX_TEXT_BYTES: usize = 1 << 29;

/// Makes a module of assembler text; the syntax is described in `docs/isa.md`.
///
/// The module is not verified.
///
/// # Errors
/// Every fault of the text, up to [`MAX_DIAGNOSTICS`](super::MAX_DIAGNOSTICS).
pub fn assemble(text: &str) -> Result<(Module, Names), AsmError> {
    Ok(assembled(text)?.finish())
}

/// As [`assemble`], with debug information: the text's own lines, and its locals as variables. `path`
/// is the text's.
///
/// # Errors
/// As for [`assemble`].
pub fn assemble_with_source(text: &str, path: &str) -> Result<(Module, Names), AsmError> {
    let mut output = assembled(text)?;
    let instructions = std::mem::take(&mut output.instructions);
    let (module, mut names) = output.finish();
    names.source = debug::describe(text, path, &module, &names, &instructions);
    Ok((module, names))
}

fn assembled(text: &str) -> Result<Output, AsmError> {
    let mut assembler = Assembler::default();
    if text.len() > MAX_TEXT_BYTES {
        let message = format!("the text has more than {MAX_TEXT_BYTES} bytes");
        assembler.faults.add(Fault {
            span: 0..0,
            message,
        });
    } else {
        let statements = assembler.declare(text);
        assembler.explicit_types(text, &statements);
        for statement in &statements {
            if assembler.faults.is_full() {
                break;
            }
            assembler.statement(text, statement);
        }
    }
    match assembler.faults.into_error(text) {
        Some(error) => Err(error),
        None => Ok(assembler.output),
    }
}

/// A directive at the level of the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Directive {
    Module,
    Arch,
    Type,
    Rec,
    Import,
    Table,
    Memory,
    Global,
    Tag,
    Struct,
    Array,
    Group,
    Data,
    Elem,
    Export,
    Start,
    Entry,
    Func,
    Name,
}

const DIRECTIVES: [(&str, Directive); 19] = [
    (".module", Directive::Module),
    (".arch", Directive::Arch),
    (".type", Directive::Type),
    (".rec", Directive::Rec),
    (".import", Directive::Import),
    (".table", Directive::Table),
    (".memory", Directive::Memory),
    (".global", Directive::Global),
    (".tag", Directive::Tag),
    (".struct", Directive::Struct),
    (".array", Directive::Array),
    (".group", Directive::Group),
    (".data", Directive::Data),
    (".elem", Directive::Elem),
    (".export", Directive::Export),
    (".start", Directive::Start),
    (".entry", Directive::Entry),
    (".func", Directive::Func),
    (".name", Directive::Name),
];

/// A statement found by the first pass.
#[derive(Debug)]
struct Statement {
    directive: Directive,
    /// The directive itself.
    span: Range<usize>,
    /// What it declares, if it declares something with an index.
    place: Option<Place>,
}

/// What the text makes so far.
#[derive(Debug, Default)]
pub(super) struct Output {
    module: Module,
    bodies: Vec<(u32, Vec<u8>)>,
    /// Of each body, where in the text its instructions begin.
    instructions: Vec<Vec<u32>>,
    data: Vec<(SegmentMode, Vec<u8>)>,
    /// The first index of each function type.
    type_indices: HashMap<FuncType, u32>,
    module_name: Option<String>,
    func_names: BTreeMap<u32, String>,
    local_names: BTreeMap<u32, BTreeMap<u32, String>>,
}

impl Output {
    /// The architecture.
    pub(super) fn arch(&self) -> Arch {
        self.module.arch
    }

    /// The index of a function type, which is added if it is new.
    fn intern(&mut self, ty: FuncType) -> u32 {
        if let Some(&index) = self.type_indices.get(&ty) {
            return index;
        }
        self.add_type(ty)
    }

    fn add_type(&mut self, ty: FuncType) -> u32 {
        let index = self.module.types.len() as u32;
        self.type_indices.entry(ty.clone()).or_insert(index);
        self.module.types.push(ty);
        index
    }

    fn finish(mut self) -> (Module, Names) {
        self.module.set_bodies(self.bodies);
        self.module.set_data(self.data);
        let local_names = self.local_names.into_iter();
        let names = Names {
            module: self.module_name,
            funcs: self.func_names.into_iter().collect(),
            locals: local_names
                .map(|(func, names)| (func, names.into_iter().collect()))
                .collect(),
            ..Names::default()
        };
        (self.module, names)
    }
}

/// Parameters or locals of a function: index and name.
pub(super) type LocalNames<'t> = Vec<(u32, Cow<'t, str>, Range<usize>)>;

/// A reference to a function type in the text.
pub(super) struct TypeUse<'t> {
    pub(super) index: u32,
    /// How many parameters it has, where the text says so or the type is known.
    pub(super) params: u32,
    pub(super) names: LocalNames<'t>,
}

#[derive(Debug, Default)]
struct Assembler<'t> {
    symbols: Symbols<'t>,
    output: Output,
    faults: Faults,
    arch_seen: bool,
}

impl<'t> Assembler<'t> {
    /// The first pass: finds statements and declares their names.
    fn declare(&mut self, text: &'t str) -> Vec<Statement> {
        let mut parser = Parser::new(text, 0);
        let mut statements = Vec::new();
        self.misplaced(&mut parser);
        while parser.kind() == Kind::Directive && !self.faults.is_full() {
            let span = parser.span();
            let found = DIRECTIVES.iter().find(|(name, _)| *name == parser.slice());
            let Some(&(_, directive)) = found else {
                let known = DIRECTIVES.iter().map(|(name, _)| *name);
                let name = parser.slice();
                let result: Parsed<()> = match name {
                    ".local" | ".end" => fault(span, format!("`{name}` outside of a function")),
                    _ => unknown(span, "directive", name, "", known),
                };
                self.keep(result);
                parser.skip_to_directive();
                continue;
            };
            parser.bump();
            if directive == Directive::Arch {
                let result = self.arch(&mut parser, span.clone());
                self.keep(result);
            }
            let place = self.declare_one(directive, &mut parser);
            statements.push(Statement {
                directive,
                span,
                place,
            });
            parser.skip_to_directive();
            if directive == Directive::Func {
                skip_body(&mut parser);
            }
        }
        statements
    }

    /// Reports a line that does not start with a directive, if there is one after a statement.
    fn misplaced(&mut self, parser: &mut Parser<'t>) {
        parser.skip_newlines();
        if matches!(parser.kind(), Kind::Directive | Kind::End) {
            return;
        }
        let result: Parsed<()> = match parser.kind() {
            Kind::Word | Kind::Label => fault(
                parser.span(),
                "expected a directive: instructions stand between `.func` and `.end`",
            ),
            _ => parser.unexpected("a directive"),
        };
        self.keep(result);
        parser.skip_to_directive();
    }

    /// Declares what a directive names. Faults are left to the second pass, but for names that are
    /// taken.
    fn declare_one(&mut self, directive: Directive, parser: &mut Parser<'t>) -> Option<Place> {
        let mut imported = false;
        let space = match directive {
            Directive::Type => Space::Type,
            Directive::Table => Space::Table,
            Directive::Memory => Space::Memory,
            Directive::Global => Space::Global,
            Directive::Tag => Space::Tag,
            Directive::Struct | Directive::Array => Space::Object,
            Directive::Data => Space::Data,
            Directive::Elem => Space::Elem,
            Directive::Func => Space::Func,
            Directive::Import => {
                imported = true;
                parser.eat(Kind::String);
                parser.eat(Kind::String);
                extern_kind(parser).ok()?.1
            }
            _ => return None,
        };
        let span = parser.span();
        let name = parser.name().unwrap_or(None);
        let (place, free) = self.symbols.declare(space, imported, name);
        if !free {
            let message = format!("this name belongs to another {}", space.noun());
            self.faults.add(Fault { span, message });
        }
        Some(place)
    }

    fn arch(&mut self, parser: &mut Parser<'t>, span: Range<usize>) -> Parsed<()> {
        if std::mem::replace(&mut self.arch_seen, true) {
            return fault(span, "a second `.arch`");
        }
        match Arch::from_name(parser.slice()) {
            Some(arch) => self.output.module.arch = arch,
            None => {
                let names = Arch::ALL.map(Arch::name).join(", ");
                return parser.unexpected(&format!("an architecture ({names})"));
            }
        }
        parser.bump();
        Ok(())
    }

    fn keep<T>(&mut self, result: Parsed<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(fault) => {
                self.faults.add(*fault);
                None
            }
        }
    }

    /// Adds the types of `.type` directives: they come before those that stand elsewhere.
    fn explicit_types(&mut self, text: &'t str, statements: &[Statement]) {
        for statement in statements {
            if statement.directive == Directive::Type && !self.faults.is_full() {
                let mut parser = Parser::new(text, statement.span.end);
                // Faults are reported by the second pass.
                let symbols = &self.symbols;
                let ty = parser.name().and_then(|_| signature(&mut parser, symbols));
                self.output
                    .add_type(ty.map(|(ty, _)| ty).unwrap_or_default());
            }
        }
    }

    /// The second pass: reads one statement.
    fn statement(&mut self, text: &'t str, statement: &Statement) {
        let mut parser = Parser::new(text, statement.span.end);
        let parser = &mut parser;
        // The name was declared by the first pass; a fault in it is reported here.
        let named = statement.place.is_some() && statement.directive != Directive::Import;
        let name = match named {
            true => parser.name(),
            false => Ok(None),
        };
        let result = name.and_then(|name| match statement.directive {
            Directive::Func => self.func(parser, statement, name),
            // Done before; read again to find where it ends.
            Directive::Arch => {
                parser.bump();
                parser.end_statement()
            }
            Directive::Type => match signature(parser, &self.symbols)?.1.into_iter().next() {
                Some((_, _, span)) => fault(span, "parameters of a type have no names"),
                None => parser.end_statement(),
            },
            directive => {
                self.declaration(parser, directive, statement)?;
                parser.end_statement()
            }
        });
        if self.keep(result).is_some() {
            self.misplaced(parser);
        }
    }

    fn declaration(
        &mut self,
        parser: &mut Parser<'t>,
        directive: Directive,
        statement: &Statement,
    ) -> Parsed<()> {
        match directive {
            Directive::Module => {
                let name = parser.string("the module's name")?;
                if self.output.module_name.replace(name).is_some() {
                    return fault(statement.span.clone(), "a second `.module`");
                }
            }
            Directive::Import => self.import(parser, statement)?,
            Directive::Rec => {
                let first = self.symbols.reference(parser, Space::Type)?;
                let count = parser.unsigned(32, "a number of types")? as u32;
                let groups = &mut self.output.module.type_groups;
                groups.push(TypeGroup { first, count });
            }
            Directive::Table => self.table(parser)?,
            Directive::Memory => {
                let ty = memory_type(parser)?;
                self.output.module.memories.push(ty);
            }
            Directive::Global => self.global(parser)?,
            Directive::Tag => {
                let ty = self.tag_type(parser)?;
                self.output.module.tags.push(ty);
            }
            Directive::Struct | Directive::Array => {
                let is_array = directive == Directive::Array;
                let ty = objects::object_type(parser, &self.symbols, is_array)?;
                self.output.module.objects.push(ty);
            }
            Directive::Group => {
                let first = self.symbols.reference(parser, Space::Object)?;
                let count = parser.unsigned(32, "a number of object types")? as u32;
                let groups = &mut self.output.module.object_groups;
                groups.push(TypeGroup { first, count });
            }
            Directive::Data => self.data(parser)?,
            Directive::Elem => self.elem(parser)?,
            Directive::Export => {
                let name = parser.string("the export's name")?;
                let (kind, space) = extern_kind(parser)?;
                let index = self.symbols.reference(parser, space)?;
                self.output
                    .module
                    .exports
                    .push(Export { name, kind, index });
            }
            Directive::Start | Directive::Entry => {
                let span = parser.span();
                let index = self.symbols.reference(parser, Space::Func)?;
                if directive == Directive::Start && index == u32::MAX {
                    return fault(span, format!("no function can have the index {index}"));
                }
                let module = &mut self.output.module;
                let slot = match directive {
                    Directive::Start => &mut module.start,
                    _ => &mut module.entry,
                };
                if slot.replace(index).is_some() {
                    return fault(statement.span.clone(), "it was said before");
                }
            }
            _ => self.debug_name(parser)?,
        }
        Ok(())
    }

    fn import(&mut self, parser: &mut Parser<'t>, statement: &Statement) -> Parsed<()> {
        let module = parser.string("the first part of the import's name")?;
        let name = parser.string("the second part of the import's name")?;
        let (kind, _) = extern_kind(parser)?;
        let own_name = parser.name()?;
        let desc = match kind {
            ExternKind::Func => {
                let ty = type_use(parser, &self.symbols, &mut self.output, false)?;
                self.distinct(&ty.names);
                if let Some(place) = statement.place {
                    let index = self.symbols.index(Space::Func, place);
                    self.name_func(index, own_name, &ty.names, statement)?;
                }
                ImportDesc::Func(ty.index)
            }
            ExternKind::Table => ImportDesc::Table(table_type(parser, &self.symbols)?),
            ExternKind::Memory => ImportDesc::Memory(memory_type(parser)?),
            ExternKind::Global => ImportDesc::Global(global_type(parser, &self.symbols)?),
            ExternKind::Tag => ImportDesc::Tag(self.tag_type(parser)?),
        };
        let import = Import { module, name, desc };
        self.output.module.imports.push(import);
        Ok(())
    }

    /// The type of a tag, as that of a function.
    fn tag_type(&mut self, parser: &mut Parser<'t>) -> Parsed<u32> {
        let ty = type_use(parser, &self.symbols, &mut self.output, false)?;
        match ty.names.into_iter().next() {
            Some((_, _, span)) => fault(span, "the values of a tag have no names"),
            None => Ok(ty.index),
        }
    }

    fn table(&mut self, parser: &mut Parser<'t>) -> Parsed<()> {
        let ty = table_type(parser, &self.symbols)?;
        let init = match parser.eat(Kind::Equals) {
            true => {
                let arch = self.output.arch();
                Some(consts::element(parser, &self.symbols, arch, ty.element)?)
            }
            false => None,
        };
        self.output.module.tables.push(TableDef { ty, init });
        Ok(())
    }

    fn global(&mut self, parser: &mut Parser<'t>) -> Parsed<()> {
        let ty = global_type(parser, &self.symbols)?;
        parser.expect(Kind::Equals, "`=` and the first value")?;
        let init = consts::expression(parser, &self.symbols, self.output.arch(), ty.ty)?;
        self.output.module.globals.push(GlobalDef { ty, init });
        Ok(())
    }

    /// `passive` or `at OFFSET [in MEMORY]`, and `declared` for elements.
    fn mode(&mut self, parser: &mut Parser<'t>, space: Space) -> Parsed<SegmentMode> {
        let declared = space == Space::Table;
        if parser.eat_word("passive") {
            return Ok(SegmentMode::Passive);
        }
        if declared && parser.eat_word("declared") {
            return Ok(SegmentMode::Declared);
        }
        if !parser.eat_word("at") {
            return parser.unexpected(match declared {
                true => "`at`, `passive` or `declared`",
                false => "`at` or `passive`",
            });
        }
        let arch = self.output.arch();
        let offset = consts::expression(parser, &self.symbols, arch, ValType::I32)?;
        let index = match parser.eat_word("in") {
            true => self.symbols.reference(parser, space)?,
            false => 0,
        };
        Ok(SegmentMode::Active(index, offset))
    }

    fn data(&mut self, parser: &mut Parser<'t>) -> Parsed<()> {
        let mode = self.mode(parser, Space::Memory)?;
        let mut bytes = Vec::new();
        if parser.eat(Kind::Open) {
            parser.skip_newlines();
            while !parser.eat(Kind::Close) {
                match parser.kind() {
                    Kind::String => bytes.extend(parser.bytes()?),
                    _ => return parser.unexpected("a string or `)`"),
                }
                parser.skip_newlines();
            }
        } else {
            bytes = parser.bytes()?;
        }
        self.output.data.push((mode, bytes));
        Ok(())
    }

    fn elem(&mut self, parser: &mut Parser<'t>) -> Parsed<()> {
        let ty = parser.val_type("a value type")?;
        let mode = self.mode(parser, Space::Table)?;
        parser.expect(Kind::Open, "`(` and the elements")?;
        let mut items = Vec::new();
        parser.skip_newlines();
        while !parser.eat(Kind::Close) {
            let arch = self.output.arch();
            items.push(consts::element(parser, &self.symbols, arch, ty)?);
            parser.skip_newlines();
        }
        self.output
            .module
            .elems
            .push(ElemSegment { mode, ty, items });
        Ok(())
    }

    /// `.name func INDEX "name"`, `.name local INDEX INDEX "name"`, `.name locals INDEX`: names
    /// that cannot stand where they belong.
    fn debug_name(&mut self, parser: &mut Parser<'t>) -> Parsed<()> {
        let span = parser.span();
        let taken = if parser.eat_word("func") {
            let func = self.symbols.reference(parser, Space::Func)?;
            let name = parser.string("the function's name")?;
            self.output.func_names.insert(func, name).is_some()
        } else if parser.eat_word("local") {
            let func = self.symbols.reference(parser, Space::Func)?;
            let local = parser.unsigned(32, "the local's index")? as u32;
            let name = parser.string("the local's name")?;
            let locals = self.output.local_names.entry(func).or_default();
            locals.insert(local, name).is_some()
        } else if parser.eat_word("locals") {
            let func = self.symbols.reference(parser, Space::Func)?;
            self.output.local_names.entry(func).or_default();
            false
        } else {
            return parser.unexpected("`func`, `local` or `locals`");
        };
        match taken {
            true => fault(span, "it has a name already"),
            false => Ok(()),
        }
    }

    fn func(
        &mut self,
        parser: &mut Parser<'t>,
        statement: &Statement,
        name: Option<Cow<'t, str>>,
    ) -> Parsed<()> {
        let index = match statement.place {
            Some(place) => self.symbols.index(Space::Func, place),
            None => 0,
        };
        let header = type_use(parser, &self.symbols, &mut self.output, false).and_then(|ty| {
            parser.end_statement()?;
            Ok(ty)
        });
        // The body is read whatever is wrong with the header.
        let ty = self.keep(header).unwrap_or(TypeUse {
            index: 0,
            params: 0,
            names: Vec::new(),
        });
        parser.skip_line();
        let mut context = body::Context {
            symbols: &self.symbols,
            output: &mut self.output,
            faults: &mut self.faults,
            header: statement.span.clone(),
        };
        let body = body::assemble(parser, &mut context, ty.params, ty.names);
        self.output.bodies.push((ty.index, body.bytes));
        self.output.instructions.push(body.instructions);
        self.name_func(index, name, &body.names, statement)?;
        match body.ended {
            true => parser.end_statement(),
            false => Ok(()),
        }
    }

    /// Keeps the names of a function and of its locals.
    fn name_func(
        &mut self,
        index: u32,
        name: Option<Cow<'t, str>>,
        locals: &LocalNames<'t>,
        statement: &Statement,
    ) -> Parsed<()> {
        let mut taken = false;
        if let Some(name) = name {
            let old = self.output.func_names.insert(index, name.into_owned());
            taken |= old.is_some();
        }
        if !locals.is_empty() {
            let names = self.output.local_names.entry(index).or_default();
            for (local, name, _) in locals {
                taken |= names.insert(*local, name.to_string()).is_some();
            }
        }
        match taken {
            true => fault(
                statement.span.clone(),
                "a `.name` has named it or its locals already",
            ),
            false => Ok(()),
        }
    }

    /// Reports parameters of an import that have the same name.
    fn distinct(&mut self, names: &LocalNames<'t>) {
        let mut seen = std::collections::HashSet::new();
        for (_, name, span) in names {
            if !seen.insert(name) {
                let (span, message) = (span.clone(), "two parameters have this name".to_owned());
                self.faults.add(Fault { span, message });
            }
        }
    }
}

/// Skips a function's locals and instructions, and its `.end`.
fn skip_body(parser: &mut Parser<'_>) {
    while parser.kind() == Kind::Directive {
        match parser.slice() {
            ".local" => parser.skip_to_directive(),
            ".end" => {
                // What stands between it and the next directive is reported by the second pass.
                parser.skip_to_directive();
                return;
            }
            _ => return,
        }
    }
}

/// A kind of import or export, and its index space.
fn extern_kind(parser: &mut Parser<'_>) -> Parsed<(ExternKind, Space)> {
    let kinds = [
        (ExternKind::Func, Space::Func),
        (ExternKind::Table, Space::Table),
        (ExternKind::Memory, Space::Memory),
        (ExternKind::Global, Space::Global),
        (ExternKind::Tag, Space::Tag),
    ];
    for (kind, space) in kinds {
        if parser.eat_word(kind.name()) {
            return Ok((kind, space));
        }
    }
    parser.unexpected("`func`, `table`, `memory`, `global` or `tag`")
}

fn limits(parser: &mut Parser<'_>) -> Parsed<Limits> {
    let min = parser.unsigned(64, "the smallest size")?;
    let max = match parser.kind() {
        Kind::Number => Some(parser.unsigned(64, "the largest size")?),
        _ => None,
    };
    Ok(Limits { min, max })
}

/// `[i64] MIN [MAX] [page BYTES]`
fn memory_type(parser: &mut Parser<'_>) -> Parsed<MemoryType> {
    let address = match parser.kind() {
        Kind::Word => address_type(parser)?,
        _ => AddressType::I32,
    };
    let mut ty = MemoryType {
        address,
        ..MemoryType::new(limits(parser)?)
    };
    if parser.eat_word("page") {
        let span = parser.span();
        let bytes = parser.unsigned(32, "the bytes of a page")?;
        let log2 = bytes.checked_ilog2().unwrap_or(u32::MAX) as u8;
        if !MemoryType::PAGE_SIZES_LOG2.contains(&log2) || !bytes.is_power_of_two() {
            let known = MemoryType::PAGE_SIZES_LOG2.map(|log2| (1u64 << log2).to_string());
            return fault(span, format!("a page has {} bytes", known.join(" or ")));
        }
        ty.page_size_log2 = log2;
    }
    Ok(ty)
}

/// `i32` or `i64`
fn address_type(parser: &mut Parser<'_>) -> Parsed<AddressType> {
    for address in [AddressType::I32, AddressType::I64] {
        if parser.eat_word(address.val_type().name()) {
            return Ok(address);
        }
    }
    parser.unexpected("`i32` or `i64`")
}

/// `[i64] TYPE MIN [MAX]`
fn table_type<'t>(parser: &mut Parser<'t>, symbols: &Symbols<'t>) -> Parsed<TableType> {
    let mut ahead = parser.clone();
    ahead.bump();
    let address = match (parser.kind(), ahead.kind()) {
        // Behind a type stands a number.
        (Kind::Word, Kind::Word | Kind::Open) => address_type(parser)?,
        _ => AddressType::I32,
    };
    let (element, narrow) = declared_type(parser, symbols, "a value type")?;
    Ok(TableType {
        element,
        narrow,
        limits: limits(parser)?,
        address,
    })
}

fn global_type<'t>(parser: &mut Parser<'t>, symbols: &Symbols<'t>) -> Parsed<GlobalType> {
    let mutable = parser.eat_word("mut");
    let (ty, narrow) = declared_type(parser, symbols, "a value type")?;
    Ok(GlobalType {
        ty,
        narrow,
        mutable,
    })
}

/// `(TYPE [$name] ..) -> (TYPE ..)`; the results may be missing, and a single one needs no
/// parentheses.
fn signature<'t>(
    parser: &mut Parser<'t>,
    symbols: &Symbols<'t>,
) -> Parsed<(FuncType, LocalNames<'t>)> {
    let mut func = FuncType::default();
    let mut names = Vec::new();
    parser.expect(Kind::Open, "`(` and the types of the parameters")?;
    parser.skip_newlines();
    while !parser.eat(Kind::Close) {
        let (ty, narrow) = declared_type(parser, symbols, "a value type or `)`")?;
        func.push_param(ty, narrow);
        let span = parser.span();
        if let Some(name) = parser.name()? {
            names.push((func.params.len() as u32 - 1, name, span));
        }
        parser.skip_newlines();
    }
    if parser.eat(Kind::Arrow) {
        let mut ahead = parser.clone();
        ahead.bump();
        if parser.kind() == Kind::Open && ahead.slice() != "ref" {
            parser.bump();
            parser.skip_newlines();
            while !parser.eat(Kind::Close) {
                let (ty, narrow) = declared_type(parser, symbols, "a value type or `)`")?;
                func.push_result(ty, narrow);
                parser.skip_newlines();
            }
        } else {
            let (ty, narrow) = declared_type(parser, symbols, "a value type")?;
            func.push_result(ty, narrow);
        }
    }
    Ok((func, names))
}

/// `[type INDEX] [SIGNATURE]`: without either, a function without parameters and results, unless
/// one is `required`.
pub(super) fn type_use<'t>(
    parser: &mut Parser<'t>,
    symbols: &Symbols<'t>,
    output: &mut Output,
    required: bool,
) -> Parsed<TypeUse<'t>> {
    let span = parser.span();
    let explicit = match parser.eat_word("type") {
        true => Some(symbols.reference(parser, Space::Type)?),
        false => None,
    };
    let inline = match parser.kind() {
        Kind::Open => Some(signature(parser, symbols)?),
        _ => None,
    };
    if explicit.is_none() && inline.is_none() && required {
        return parser.unexpected("a function type");
    }
    let (index, params, names) = match (explicit, inline) {
        (Some(index), inline) => {
            let known = output.module.types.get(index as usize);
            let Some((ty, names)) = inline else {
                let params = known.map_or(0, |ty| ty.params.len() as u32);
                return Ok(TypeUse {
                    index,
                    params,
                    names: Vec::new(),
                });
            };
            if known.is_some_and(|known| *known != ty) {
                return fault(span, format!("type {index} is another one"));
            }
            (index, ty.params.len(), names)
        }
        (None, inline) => {
            let (ty, names) = inline.unwrap_or_default();
            let params = ty.params.len();
            (output.intern(ty), params, names)
        }
    };
    Ok(TypeUse {
        index,
        params: params as u32,
        names,
    })
}
