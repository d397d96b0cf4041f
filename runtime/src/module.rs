//! Modules: loaded bytecode and, function by function as they are called, the code that runs.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use dotvm_interp::{
    Code, Kept, Maps, Offsets, Options, References, lower, maps, operands, unlowered,
};
use dotvm_isa::abi::CodeCell;
use dotvm_isa::debug::{SourceTables, SubprogramName};
use dotvm_isa::encode::{EncodeOptions, encode};
use dotvm_isa::verify::{self, ModuleEnv};
use dotvm_isa::{
    Arch, Bytes, ExternKind, FuncType, GlobalType, ImportDesc, InstrReader, Malformed, Names,
    ObjectType, Op, RefType, TableType, ValType,
};

use dotvm_jit::{FileMemory, Image, Unit};

use crate::backtrace::SourceLocation;
use crate::engine::{Engine, TypeIds};
use crate::error::{Error, FileError, Result};
use crate::precompiled::{self, Precompiled, Unused};
use crate::tier::NativeModule;
use crate::types::{ExportType, ExternType, ImportType};
use crate::vm::code::CodeBlocks;
use crate::vm::mapping::map_file;
use crate::vm::native::Stub;

/// A module, ready to be instantiated. Clones are the same module; it can be used by any number of
/// stores on any number of threads.
///
/// Loading reads the declarations only. A function is verified and lowered when it is first called:
/// one that fails verification is an [`Error::Malformed`] of that call (or of
/// [`Module::verify_all`]).
#[derive(Clone)]
pub struct Module(Arc<ModuleInner>);

struct ModuleInner {
    isa: dotvm_isa::Module,
    env: ModuleEnv,
    /// The engine's numbers of the module's types.
    types: TypeIds,
    objects: TypeIds<ObjectType>,
    /// Those of the types that name others, as the engine has them: by their numbers.
    linked_types: BTreeMap<u32, FuncType>,
    /// Where the code of each defined function is. Code has their addresses in it.
    cells: Box<[CodeCell]>,
    /// See [`VmContext::leaves`](dotvm_isa::abi::VmContext); empty in engines without debuggers.
    leaves: Box<[AtomicU8]>,
    /// The code of functions lowered so far; whoever lowers holds the lock.
    codes: Mutex<Codes>,
    /// Indices of exports in the order of their names.
    exports_by_name: OnceLock<Vec<u32>>,
    names: OnceLock<Names>,
    native: NativeModule,
    /// The bytes that it was decoded from.
    source: OnceLock<Bytes>,
    /// Why native code that came with it is not used.
    unused: Option<Unused>,
}

/// The code of the functions lowered so far.
#[derive(Default)]
struct Codes {
    /// By address. Each is valid as long as `memory`.
    by_address: BTreeMap<usize, Arc<Code>>,
    /// By number among the defined functions.
    by_func: BTreeMap<u32, Arc<Code>>,
    /// What enters native code.
    stubs: Vec<Arc<Code>>,
    memory: CodeBlocks,
}

impl Module {
    /// Loads a module from a copy of its bytes.
    ///
    /// # Errors
    /// Where it is malformed (functions are not looked into).
    pub fn new(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<Module> {
        Module::from_bytes(engine, &Bytes::new(bytes.as_ref().to_vec()))
    }

    /// Loads a module from bytes that it shares, without copying them. Of what
    /// [`Module::precompile`] made, only the bytecode is used.
    ///
    /// # Errors
    /// As for [`Module::new`].
    pub fn from_bytes(engine: &Engine, bytes: &Bytes) -> Result<Module> {
        if let Some(module) = precompiled::bytecode(bytes.as_slice())? {
            let module = Bytes::new(module.to_vec());
            return Module::from_source(engine, &module, Some(Unused::NotTrusted));
        }
        Module::from_source(engine, bytes, None)
    }

    /// Loads a module from a file. A file of more than 256 KiB stays mapped into memory as long as
    /// the module exists, and must not be changed meanwhile: where it is truncated, the operating
    /// system ends the process. To replace a program that runs, write a new file and rename it.
    ///
    /// # Errors
    /// Where the file cannot be read, or as for [`Module::new`].
    pub fn from_file(engine: &Engine, path: impl AsRef<Path>) -> Result<Module> {
        let path = path.as_ref();
        let bytes = open(path).map_err(|error| file_error(path, error))?;
        Module::from_bytes(engine, &bytes)
    }

    /// As [`Module::from_file`], for a file whose native code, if it holds any, may run: one that
    /// [`Module::precompile`] made.
    ///
    /// **Such a file is as good as a program.** Its native code is not checked, and can do whatever this
    /// process can do. Only name files here that nobody else could have written. Damage is noticed, by
    /// checksums. Code of another build of DotVM, for another processor or with other settings than the
    /// engine's is not used; the module then is what its bytecode makes it, and
    /// [`Module::precompiled`] says why.
    ///
    /// # Errors
    /// As for [`Module::from_file`].
    pub fn from_trusted_file(engine: &Engine, path: impl AsRef<Path>) -> Result<Module> {
        let path = path.as_ref();
        let fail = |error| file_error(path, error);
        let file = File::open(path).map_err(fail)?;
        if !file.metadata().map_err(fail)?.is_file() {
            return Module::from_file(engine, path);
        }
        let memory = Arc::new(FileMemory::read(&file).map_err(fail)?);
        let bytes = (*memory).as_ref();
        if !precompiled::is_precompiled(bytes) {
            return Module::from_file(engine, path);
        }
        let contents = precompiled::parse(bytes)?;
        let source = contents.module(&memory);
        let isa = dotvm_isa::decode(&source)?;
        let tier = engine.tier();
        let loaded = tier.load(&contents, &memory);
        let loaded = loaded.or_else(|unused| match tier.load_cached(source.as_slice()) {
            Ok(Some(image)) => Ok(Some(image)),
            _ => Err(unused),
        });
        Module::build(engine, isa, None, Some(source), loaded)
    }

    fn from_source(engine: &Engine, bytes: &Bytes, unused: Option<Unused>) -> Result<Module> {
        let isa = dotvm_isa::decode(bytes)?;
        let loaded = match engine.tier().load_cached(bytes.as_slice()) {
            Ok(None) => unused.map_or(Ok(None), Err),
            loaded => loaded,
        };
        Module::build(engine, isa, None, Some(bytes.clone()), loaded)
    }

    /// Assembles a text and makes a module of it.
    ///
    /// # Errors
    /// Where the text or the declarations in it are wrong.
    pub fn from_text(engine: &Engine, text: &str) -> Result<Module> {
        let (module, names) = dotvm_isa::text::assemble(text)?;
        Module::from_parts(engine, module, names)
    }

    /// Makes a module of declarations and bodies that are in memory already, as an assembler or a
    /// transpiler leaves them.
    ///
    /// # Errors
    /// Where the declarations are wrong.
    pub fn from_parts(engine: &Engine, module: dotvm_isa::Module, names: Names) -> Result<Module> {
        if !engine.tier().has_cache() {
            return Module::build(engine, module, Some(names), None, Ok(None));
        }
        // Checked before it is encoded.
        verify::verify_module(&module)?;
        let source = encode(&module, &names, EncodeOptions::default());
        let loaded = engine.tier().load_cached(&source);
        let source = Some(Bytes::new(source));
        Module::build(engine, module, Some(names), source, loaded)
    }

    fn build(
        engine: &Engine,
        isa: dotvm_isa::Module,
        names: Option<Names>,
        source: Option<Bytes>,
        loaded: Result<Option<Image>, Unused>,
    ) -> Result<Module> {
        let env = verify::verify_module(&isa)?;
        let types = engine.register(&isa);
        let objects = engine.register_objects(&isa);
        let number = |index: u32| types.ids()[index as usize];
        let linked = isa
            .types
            .iter()
            .zip(0..)
            .filter(|(ty, _)| !ty.narrow.is_empty());
        let linked_types = linked.map(|(ty, i)| (i, ty.renumbered(number))).collect();
        let cell = || CodeCell::new(unlowered());
        let cells = isa.bodies.iter().map(|_| cell()).collect();
        let debugged = match types.engine().config().debug {
            true => isa.bodies.len(),
            false => 0,
        };
        let leaves = (0..debugged).map(|_| AtomicU8::new(0)).collect();
        let (image, unused) = match loaded {
            Ok(image) => (image, None),
            Err(unused) => (None, Some(unused)),
        };
        let module = Module(Arc::new(ModuleInner {
            isa,
            env,
            types,
            objects,
            linked_types,
            cells,
            leaves,
            codes: Mutex::default(),
            exports_by_name: OnceLock::new(),
            names: names.map(OnceLock::from).unwrap_or_default(),
            native: NativeModule::new(image),
            source: source.map(OnceLock::from).unwrap_or_default(),
            unused,
        }));
        engine.tier().loaded(&module);
        Ok(module)
    }

    /// Compiles every function to native code, with the engine's settings (metering, inlining), whether
    /// or not the engine uses native code itself. Returns the bytes of a file that holds the bytecode and
    /// that code, usually named `.dotc`: [`Module::from_trusted_file`] starts with it.
    ///
    /// Functions that cannot be compiled stay bytecode (see [`Engine::tier_report`]).
    ///
    /// # Errors
    /// Where there is no compiler for this machine.
    pub fn precompile(&self) -> Result<Vec<u8>> {
        let tier = self.engine().tier();
        tier.precompile(self)
            .map_err(|bailout| Error::Usage(bailout.to_string()))
    }

    /// Whether it came with native code: from the file it was loaded from, or the
    /// [code cache](crate::Config::code_cache).
    pub fn precompiled(&self) -> Precompiled {
        match (&self.0.unused, self.0.native.image()) {
            (Some(unused), _) => Precompiled::Unused(unused.clone()),
            (None, None) => Precompiled::Absent,
            (None, Some(image)) => Precompiled::Used {
                funcs: image.funcs() as u64,
                code_bytes: image.code_bytes() as u64,
            },
        }
    }

    /// Writes its native code into the [code cache](crate::Config::code_cache), where there is one and
    /// the code has not all come from there; returns the bytes of the file, or 0. Dropping the module
    /// does the same.
    ///
    /// # Errors
    /// Where it cannot be written. The module is as good as before.
    pub fn save_native_code(&self) -> Result<u64> {
        self.0.save()
    }

    /// The bytes of its bytecode.
    pub(crate) fn source(&self) -> &Bytes {
        self.0.source()
    }

    /// Verifies everything now: declarations, every function, the debug section.
    ///
    /// # Errors
    /// The first fault.
    pub fn verify_all(&self) -> Result<()> {
        Ok(verify::verify_all(&self.0.isa)?)
    }

    /// The engine it was loaded for.
    pub fn engine(&self) -> &Engine {
        self.0.types.engine()
    }

    /// The architecture it is for.
    pub fn arch(&self) -> Arch {
        self.0.isa.arch
    }

    /// Index of the function that a program starts with; `None` for a library.
    pub fn entry(&self) -> Option<u32> {
        self.0.isa.entry
    }

    /// Its name, from the debug section.
    pub fn name(&self) -> Option<&str> {
        self.names().module.as_deref()
    }

    /// The name of a function: from the debug section or, where there is none, that of the first
    /// export that is this function.
    pub fn func_name(&self, func: u32) -> Option<&str> {
        self.names().func(func).or_else(|| {
            let is_func = |kind, index| kind == ExternKind::Func && index == func;
            let mut exports = self.0.isa.exports.iter();
            exports
                .find(|export| is_func(export.kind, export.index))
                .map(|e| e.name.as_str())
        })
    }

    /// The functions of the source that an instruction of a function belongs to, innermost first:
    /// each one's name, and where it is.
    ///
    /// # Errors
    /// Where the debug section makes no sense.
    pub(crate) fn source_frames(
        &self,
        func: u32,
        offset: u32,
    ) -> Result<Vec<(SubprogramName, Option<SourceLocation>)>, Malformed> {
        let tables = &self.names().source;
        let Some(source) = tables.func(func)? else {
            return Ok(Vec::new());
        };
        let frames = source.frames_at(offset)?.into_iter().map(|frame| {
            let location = match frame.location {
                Some(at) => Some(SourceLocation {
                    file: tables.file(at.file)?,
                    line: at.line,
                    column: at.column,
                }),
                None => None,
            };
            Ok((frame.name, location))
        });
        frames.collect()
    }

    /// Its debug information.
    pub(crate) fn source_tables(&self) -> &SourceTables {
        &self.names().source
    }

    /// What it needs from outside, in order.
    pub fn imports(&self) -> impl ExactSizeIterator<Item = ImportType<'_>> {
        self.0.isa.imports.iter().map(|import| ImportType {
            module: &import.module,
            name: &import.name,
            ty: self.import_type(import.desc),
        })
    }

    /// The type that an import has to have.
    pub(crate) fn import_type(&self, desc: ImportDesc) -> ExternType {
        match desc {
            ImportDesc::Func(ty) => ExternType::Func(self.linked_type(ty).clone()),
            ImportDesc::Table(ty) => ExternType::Table(self.table_type(ty)),
            ImportDesc::Memory(ty) => ExternType::Memory(ty),
            ImportDesc::Global(ty) => ExternType::Global(self.global_type(ty)),
            ImportDesc::Tag(ty) => ExternType::Tag(self.linked_type(ty).clone()),
        }
    }

    /// The function type with that index, with the types that it names by their numbers.
    pub(crate) fn linked_type(&self, index: u32) -> &FuncType {
        let linked = self.0.linked_types.get(&index);
        linked.unwrap_or(&self.0.isa.types[index as usize])
    }

    fn linked_ref(&self, narrow: Option<RefType>) -> Option<RefType> {
        narrow.map(|ty| ty.renumbered(|index| self.0.types.ids()[index as usize]))
    }

    /// A table's type, with the type that it names by its number.
    pub(crate) fn table_type(&self, ty: TableType) -> TableType {
        TableType {
            narrow: self.linked_ref(ty.narrow),
            ..ty
        }
    }

    /// A global's type, with the type that it names by its number.
    pub(crate) fn global_type(&self, ty: GlobalType) -> GlobalType {
        GlobalType {
            narrow: self.linked_ref(ty.narrow),
            ..ty
        }
    }

    /// What it offers, in order.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = ExportType<'_>> {
        self.0.isa.exports.iter().map(|export| ExportType {
            name: &export.name,
            ty: self.extern_type(export.kind, export.index),
        })
    }

    /// The type of the export of that name.
    pub fn get_export(&self, name: &str) -> Option<ExternType> {
        let export = self.find_export(name)?;
        Some(self.extern_type(export.kind, export.index))
    }

    /// The type of a function, imported functions first; `None` where there is none with that index.
    /// References to functions of one type have the engine's number of that.
    pub fn func_type(&self, func: u32) -> Option<&FuncType> {
        let &ty = self.0.env.spaces.funcs.get(func as usize)?;
        Some(self.linked_type(ty))
    }

    /// Its declarations and bytecode.
    pub fn bytecode(&self) -> &dotvm_isa::Module {
        &self.0.isa
    }

    /// How many of its functions were called so far, by any store, and so were lowered.
    pub fn lowered_funcs(&self) -> usize {
        self.lock().by_address.len()
    }

    /// Bytes of the code they were lowered to.
    pub fn code_bytes(&self) -> u64 {
        self.lock()
            .by_address
            .values()
            .map(|code| code.range().len() as u64)
            .sum()
    }

    /// Whether both are the same module.
    pub fn same(a: &Module, b: &Module) -> bool {
        Arc::ptr_eq(&a.0, &b.0)
    }

    pub(crate) fn names(&self) -> &Names {
        // Names are for people reading a backtrace; a fault in them must not hide the trap.
        // `verify_all` reports it.
        self.0
            .names
            .get_or_init(|| Names::decode(&self.0.isa).unwrap_or_default())
    }

    fn extern_type(&self, kind: ExternKind, index: u32) -> ExternType {
        let spaces = &self.0.env.spaces;
        let at = index as usize;
        match kind {
            ExternKind::Func => ExternType::Func(self.linked_type(spaces.funcs[at]).clone()),
            ExternKind::Table => ExternType::Table(self.table_type(spaces.tables[at])),
            ExternKind::Memory => ExternType::Memory(spaces.memories[at]),
            ExternKind::Global => ExternType::Global(self.global_type(spaces.globals[at])),
            ExternKind::Tag => ExternType::Tag(self.linked_type(spaces.tags[at]).clone()),
        }
    }

    pub(crate) fn find_export(&self, name: &str) -> Option<&dotvm_isa::Export> {
        let exports = &self.0.isa.exports;
        // Most modules export a handful of things.
        if exports.len() <= 16 {
            return exports.iter().find(|export| export.name == name);
        }
        let by_name = self.0.exports_by_name.get_or_init(|| {
            let mut indices: Vec<u32> = (0..exports.len() as u32).collect();
            indices.sort_by_key(|&i| &exports[i as usize].name);
            indices
        });
        let key = |&i: &u32| exports[i as usize].name.as_str();
        let at = by_name.binary_search_by(|i| key(i).cmp(name)).ok()?;
        Some(&exports[by_name[at] as usize])
    }

    pub(crate) fn env(&self) -> &ModuleEnv {
        &self.0.env
    }

    /// The engine's number of the type of a function.
    pub(crate) fn func_type_id(&self, func: u32) -> u32 {
        self.0.types.ids()[self.0.env.spaces.funcs[func as usize] as usize]
    }

    /// The cells of all defined functions.
    pub(crate) fn cells(&self) -> &[CodeCell] {
        &self.0.cells
    }

    /// The engine's numbers of its types.
    pub(crate) fn type_ids(&self) -> &[u32] {
        self.0.types.ids()
    }

    /// The engine's numbers of its types of managed objects.
    pub(crate) fn object_ids(&self) -> &[u32] {
        self.0.objects.ids()
    }

    /// Its native code.
    pub(crate) fn native(&self) -> &NativeModule {
        &self.0.native
    }

    /// Keeps code that enters native code, made in the module's memory for code.
    pub(crate) fn add_stub(&self, make: impl FnOnce(&mut CodeBlocks) -> Code) -> Arc<Code> {
        let codes = &mut *self.lock();
        let stub = Arc::new(make(&mut codes.memory));
        codes.stubs.push(Arc::clone(&stub));
        stub
    }

    /// Makes calls of a defined function run its native code.
    pub(crate) fn replace(&self, defined: u32, stub: &Stub, native: *const u8) {
        let cell = &self.0.cells[defined as usize];
        // Held, so that nobody who is lowering the function puts threaded code there afterwards.
        let _codes = self.lock();
        cell.native.store(native.cast_mut(), Ordering::Release);
        cell.code.store(stub.entry().cast_mut(), Ordering::Release);
    }

    /// Has threaded code run a defined function, whatever native code it has, or not any more.
    pub(crate) fn leave_native(&self, defined: u32, on: bool) {
        let Some(leaves) = self.0.leaves.get(defined as usize) else {
            return;
        };
        leaves.store(u8::from(on), Ordering::Relaxed);
        let cell = &self.0.cells[defined as usize];
        if !on {
            return self.0.native.install_again(self, defined);
        }
        let codes = self.lock();
        // Native code looks for itself; calls from threaded code need not go through it.
        if let Some(code) = codes.by_func.get(&defined)
            && !cell
                .native
                .swap(ptr::null_mut(), Ordering::AcqRel)
                .is_null()
        {
            cell.code.store(code.entry().cast_mut(), Ordering::Release);
        }
    }

    /// Whether threaded code is to run a defined function.
    pub(crate) fn is_left(&self, defined: u32) -> bool {
        let leaves = self.0.leaves.get(defined as usize);
        leaves.is_some_and(|it| it.load(Ordering::Relaxed) != 0)
    }

    /// See [`VmContext::leaves`](dotvm_isa::abi::VmContext).
    pub(crate) fn leaves(&self) -> *const AtomicU8 {
        match self.0.leaves.is_empty() {
            true => ptr::null(),
            false => self.0.leaves.as_ptr(),
        }
    }

    /// Slots of the frame of a defined function in the interpreter.
    ///
    /// # Errors
    /// Where it fails verification.
    pub(crate) fn frame_slots(&self, defined: u32) -> Result<u32, Malformed> {
        Ok(self.threaded_code(defined)?.frame_slots())
    }

    /// The threaded code of a defined function, whatever calls of it run.
    ///
    /// # Errors
    /// Where it fails verification.
    pub(crate) fn threaded_code(&self, defined: u32) -> Result<Arc<Code>, Malformed> {
        let mut codes = self.lock();
        match codes.by_func.get(&defined) {
            Some(code) => Ok(Arc::clone(code)),
            None => self.lower_into(&mut codes, defined),
        }
    }

    /// How often a defined function was called in the interpreter since it last asked to be compiled.
    pub(crate) fn entry_count(&self, defined: u32) -> u32 {
        let codes = self.lock();
        codes
            .by_func
            .get(&defined)
            .map_or(0, |code| code.entry_count())
    }

    /// See [`dotvm_interp::Code::loop_around`].
    pub(crate) fn loop_around(&self, defined: u32, header: u32, often: u32) -> Option<u32> {
        self.lock()
            .by_func
            .get(&defined)?
            .loop_around(header, often)
    }

    /// See [`dotvm_interp::Code::expect_loop`].
    pub(crate) fn expect_loop(&self, defined: u32, header: u32) {
        if let Some(code) = self.lock().by_func.get(&defined) {
            code.expect_loop(header);
        }
    }

    /// The defined functions that were lowered.
    pub(crate) fn called_funcs(&self) -> Vec<u32> {
        self.lock().by_func.keys().copied().collect()
    }

    /// Whether this is the only handle left.
    pub(crate) fn is_last(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// Bytes of the bytecode that a unit of native code is made of.
    pub(crate) fn body_bytes(&self, unit: Unit) -> u32 {
        match unit {
            Unit::Func { func } | Unit::Loop { func, .. } => self.0.isa.body(func).len() as u32,
            Unit::Adapter { .. } => 0,
        }
    }

    /// The defined functions that a defined function calls, each once.
    pub(crate) fn callees(&self, defined: u32) -> Vec<u32> {
        let imported = self.0.env.spaces.imported_funcs;
        let mut reader = InstrReader::new(self.0.isa.body(defined), imported + defined);
        let mut callees = Vec::new();
        if reader.read_locals().is_err() {
            return callees;
        }
        while !reader.at_end()
            && let Ok(instr) = reader.next_instr()
        {
            let func = instr.a as u32;
            if matches!(instr.op, Op::Call | Op::RetCall) && func >= imported {
                callees.push(func - imported);
            }
        }
        callees.sort_unstable();
        callees.dedup();
        callees
    }

    /// The threaded code of a function at that address.
    pub(crate) fn code_at(&self, address: usize) -> Option<Arc<Code>> {
        let codes = self.lock();
        let (_, code) = codes.by_address.range(..=address).next_back()?;
        code.range().contains(&address).then(|| Arc::clone(code))
    }

    /// The threaded code that enters native code at that address.
    pub(crate) fn stub_at(&self, address: usize) -> Option<Arc<Code>> {
        let codes = self.lock();
        let stub = codes
            .stubs
            .iter()
            .find(|code| code.range().contains(&address));
        stub.cloned()
    }

    /// The defined function whose threaded code is at that address, and the index of the word there.
    pub(crate) fn find_code(&self, address: usize) -> Option<(u32, usize)> {
        let code = self.code_at(address)?;
        let word = (address - code.range().start) / size_of::<u64>();
        Some((code.func() - self.0.env.spaces.imported_funcs, word))
    }

    /// The cell of a defined function.
    pub(crate) fn cell(&self, defined: u32) -> *const CodeCell {
        &raw const self.0.cells[defined as usize]
    }

    /// The defined function whose cell is at that address.
    pub(crate) fn cell_index(&self, address: usize) -> Option<u32> {
        let offset = address.checked_sub(self.0.cells.as_ptr().addr())?;
        let index = offset / size_of::<CodeCell>();
        (index < self.0.cells.len()).then_some(index as u32)
    }

    /// Makes a defined function ready to be called: by its native code, where there is some in a file,
    /// or else verified and lowered, unless that was done.
    ///
    /// # Errors
    /// Where it fails verification.
    pub(crate) fn lower(&self, defined: u32) -> Result<(), Malformed> {
        if NativeModule::install_loaded(self, defined) {
            return Ok(());
        }
        let mut codes = self.lock();
        let cell = &self.0.cells[defined as usize].code;
        if cell.load(Ordering::Acquire).cast_const() != unlowered() {
            // Another thread was faster.
            return Ok(());
        }
        // What a debugger has breakpoints in was lowered before it is called.
        let known = match self.options().debug {
            true => codes.by_func.get(&defined).cloned(),
            false => None,
        };
        let entry = match known {
            Some(code) => code.entry(),
            None => self.lower_into(&mut codes, defined)?.entry(),
        };
        cell.store(entry.cast_mut(), Ordering::Release);
        let count = codes.by_func.len();
        drop(codes);
        self.engine().tier().called(self, count);
        Ok(())
    }

    /// Verifies and lowers a defined function.
    fn lower_into(&self, codes: &mut Codes, defined: u32) -> Result<Arc<Code>, Malformed> {
        let ModuleInner {
            isa,
            env,
            types,
            cells,
            ..
        } = &*self.0;
        let Codes {
            by_address,
            by_func,
            memory,
            ..
        } = codes;
        let code = lower(
            isa,
            env,
            defined,
            types.ids(),
            cells,
            self.options(),
            memory,
        )?;
        let code = Arc::new(code);
        by_func.insert(defined, Arc::clone(&code));
        by_address.insert(code.range().start, Arc::clone(&code));
        Ok(code)
    }

    /// Whether native code is this module's.
    pub(crate) fn owns_native(&self, code: &dotvm_jit::Code) -> bool {
        self.0.native.owns(code)
    }

    /// All threaded code of the module: that of its functions, and what enters native code.
    pub(crate) fn codes(&self) -> (Vec<Arc<Code>>, Vec<Arc<Code>>) {
        let codes = self.lock();
        (
            codes.by_address.values().cloned().collect(),
            codes.stubs.clone(),
        )
    }

    /// The offset in a function's body of the instruction that a word of its code belongs to.
    pub(crate) fn code_offset(&self, func: u32, word: usize) -> u32 {
        self.maps(func).map_or(0, |maps| maps.offsets.of(word))
    }

    /// Which instructions of its bytecode the words of a function's threaded code belong to.
    pub(crate) fn code_offsets(&self, func: u32) -> Offsets {
        self.maps(func)
            .map_or_else(|_| Offsets::default(), |maps| maps.offsets)
    }

    /// Where the frames of a function, which was lowered, have references to managed objects.
    ///
    /// # Panics
    /// Where it was not.
    pub(crate) fn references(&self, func: u32) -> References {
        let maps = self.maps(func);
        maps.expect("what was lowered once is lowered again")
            .references
    }

    /// What there is to know of a function's threaded code.
    fn maps(&self, func: u32) -> Result<Maps, Malformed> {
        let ModuleInner {
            isa,
            env,
            types,
            cells,
            ..
        } = &*self.0;
        let defined = func - env.spaces.imported_funcs;
        maps(isa, env, defined, types.ids(), cells, self.options())
    }

    /// Where the operands of a function are that is stopped in threaded code, as [`dotvm_interp::operands`] has it;
    /// nothing where that cannot be told.
    pub(crate) fn operands(&self, func: u32, offset: u32) -> Option<Vec<(ValType, Kept)>> {
        let ModuleInner {
            isa,
            env,
            types,
            cells,
            ..
        } = &*self.0;
        let defined = func - env.spaces.imported_funcs;
        let found = operands(
            isa,
            env,
            defined,
            types.ids(),
            cells,
            self.options(),
            offset,
        );
        found.ok().flatten()
    }

    fn options(&self) -> Options {
        let config = self.engine().config();
        Options {
            metering: config.metering,
            counting: config.counting,
            debug: config.debug,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Codes> {
        // A panic while lowering leaves the map as it was.
        self.0.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ModuleInner {
    fn source(&self) -> &Bytes {
        self.source.get_or_init(|| {
            let names = self.names.get().cloned().unwrap_or_default();
            Bytes::new(encode(&self.isa, &names, EncodeOptions::default()))
        })
    }

    fn save(&self) -> Result<u64> {
        let tier = self.types.engine().tier();
        tier.save(&self.native, || self.source())
            .map_err(|(folder, error)| file_error(&folder, error))
    }
}

impl Drop for ModuleInner {
    fn drop(&mut self) {
        // A cache that cannot be written is no reason to fail.
        let _ = self.save();
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("name", &self.name())
            .field("arch", &self.arch())
            .field("funcs", &self.0.isa.bodies.len())
            .finish_non_exhaustive()
    }
}

/// The most bytes of a file that are read (256 KiB). Up to here that takes no longer than to map
/// them; the copy of a file of a megabyte would be a tenth of a program's start.
const READ_BYTES_MAX: u64 = 256 << 10;

fn file_error(path: &Path, error: std::io::Error) -> Error {
    Error::File(FileError {
        path: path.to_owned(),
        error,
    })
}

/// The most bytes that are read of what is no regular file.
const PIPE_BYTES_MAX: u64 = 1 << 30;

/// A file's bytes: read, or mapped where they are many.
pub(crate) fn open(path: &Path) -> std::io::Result<Bytes> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() {
        return Ok(match metadata.len() {
            0..=READ_BYTES_MAX => Bytes::new(FileMemory::read(&file)?),
            _ => Bytes::new(map_file(&file)?),
        });
    }
    // Nobody knows how much will come out of a pipe, or of a device without end.
    let mut bytes = Vec::new();
    file.by_ref()
        .take(PIPE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > PIPE_BYTES_MAX {
        return Err(std::io::Error::other("more than 1 GiB"));
    }
    Ok(Bytes::new(bytes))
}
