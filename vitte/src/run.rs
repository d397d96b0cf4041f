//! Running programs: from a file to a module of the machine, and its exit.
//!
//! Programs are modules like others: they import functions of WASI and those of [`host`](crate::host). So whoever
//! embeds them decides what they may do and use up, by [`WasiCtxBuilder`], [`Config`] and [`Store`].

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dotvm::db::{self, Database};
use dotvm::ffi::Libraries;
use dotvm::isa::Names;
use dotvm::wasi::{WasiCtx, WasiCtxBuilder};
use dotvm::{
    Config, Engine, Error, GcStats, Linker, Store, add_ffi_to_linker, add_wasi_to_linker, isa,
};

use crate::hir::{self, Program};
use crate::host::{self, Log};
use crate::modules::Loader;
use crate::vitbc;
use crate::vitbc::module::{Function, Instr, Module, Ty};
use crate::vitbc::ops::{NO_RESULT, Op};

pub use crate::lower::Refused;

/// Compiles a program to bytecode; `Err` is what is wrong with it, as users see it.
///
/// # Errors
/// If the file cannot be read, or no thread can be started.
pub fn compile(
    path: &Path,
    loader: &mut (dyn Loader + Send),
) -> io::Result<Result<Module, String>> {
    let checked = crate::check(path, loader)?;
    if !checked.errors.is_empty() {
        return Ok(Err(checked.errors.render(&checked.sources)));
    }
    let crate::Checked {
        sources, program, ..
    } = checked;
    crate::with_stack(|| {
        let module = crate::codegen::generate(program, &sources);
        module.map_err(|errors| errors.render(&sources))
    })
}

/// What the function is called that runs a test.
pub(crate) const TEST_START: &str = "start of the test";

/// A test: a function of a program, with its name.
#[derive(Debug)]
pub struct Test {
    /// The function's name.
    pub name: String,
    /// A program that runs the statements of the program, and then the function; or why the function is no test.
    pub module: Result<Module, String>,
}

/// Compiles a program's tests, its functions at top level that are named `test_…`, in their order; `Err` is what is
/// wrong with the program, as users see it.
///
/// # Errors
/// Those of [`compile`].
pub fn tests(
    path: &Path,
    loader: &mut (dyn Loader + Send),
) -> io::Result<Result<Vec<Test>, String>> {
    let checked = crate::check(path, loader)?;
    if !checked.errors.is_empty() {
        return Ok(Err(checked.errors.render(&checked.sources)));
    }
    let crate::Checked {
        sources, program, ..
    } = checked;
    let found = test_functions(&program);
    let functions: Vec<u32> = found.iter().map(|(number, _)| *number).collect();
    crate::with_stack(|| {
        let generated = crate::codegen::generate_with(program, &sources, &functions);
        let (module, numbers) = generated.map_err(|errors| errors.render(&sources))?;
        let tests = found.into_iter().zip(numbers);
        Ok(tests
            .map(|((_, name), number)| Test {
                module: starting_with(&module, number),
                name,
            })
            .collect())
    })
}

/// The functions of the program's own file that are tests by their names.
fn test_functions(program: &Program) -> Vec<(u32, String)> {
    let Some(main) = program.inits.last() else {
        return Vec::new();
    };
    let file = program.functions[*main as usize].span.file;
    let declared = program.functions.iter().take(program.declared);
    let tests = (0..).zip(declared).filter(|(_, function)| {
        // Methods have the name of their type, and a dot.
        let name = &function.name;
        function.span.file == file && name.starts_with("test_") && !name.contains('.')
    });
    let mut tests: Vec<(u32, &hir::Function)> = tests.collect();
    tests.sort_by_key(|(_, function)| function.span.start);
    let named = tests.into_iter();
    named
        .map(|(number, function)| (number, function.name.to_string()))
        .collect()
}

/// The program that runs its statements, and then a function.
fn starting_with(module: &Module, function: u32) -> Result<Module, String> {
    let test = &module.functions[function as usize];
    if !test.params.is_empty() {
        return Err("a test takes nothing, this function has parameters".to_owned());
    }
    if test.result != Ty::VOID {
        return Err("a test gives nothing, this function has a result".to_owned());
    }
    let call = |function| Instr {
        op: Op::Call,
        fixed: vec![function, NO_RESULT],
        list: Vec::new(),
    };
    let end = Instr {
        op: Op::ReturnNone,
        fixed: Vec::new(),
        list: Vec::new(),
    };
    let mut module = module.clone();
    let start = module.functions.len() as u32;
    module.functions.push(Function {
        name: TEST_START.to_owned(),
        code: vec![call(module.main), call(function), end],
        ..Function::default()
    });
    module.main = start;
    Ok(module)
}

/// Reads bytecode, and verifies it.
///
/// # Errors
/// Why it is refused, with the place.
pub fn read(bytes: &[u8]) -> Result<Module, String> {
    let module = vitbc::decode(bytes).map_err(|refused| refused.to_string())?;
    vitbc::verify(&module).map_err(|fault| fault.to_string())?;
    Ok(module)
}

/// Makes a module of the machine; it must be verified.
///
/// # Errors
/// Where the program uses what cannot be run yet.
pub fn machine_module(module: &Module) -> Result<(isa::Module, Names), Refused> {
    crate::lower::lower(module, false)
}

/// How a program is run.
#[derive(Clone, Default)]
pub struct Options {
    /// The machine's settings.
    pub config: Config,
    /// Where each instruction is reported.
    pub trace: Option<Log>,
    /// The file of the database, which is made where there is none; without it the program has an empty one in memory.
    pub database: Option<PathBuf>,
    /// How long it may run.
    pub timeout: Option<Duration>,
    /// The native libraries that it may use.
    pub libraries: Libraries,
}

impl Options {
    /// Has the database opened when it is first used, if one is named.
    pub(crate) fn open_database(&self, store: &mut Store<WasiCtx>) {
        if let Some(path) = self.database.clone() {
            store.set_database_with(move || {
                Database::open(&path, db::Options::default())
                    .map_err(|error| format!("{}: {error}", path.display()).into())
            });
        }
    }
}

/// How a program ended.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended: nothing, an exit code ([`Error::Exit`]), or what went wrong.
    pub result: Result<(), Error>,
    /// What its objects took.
    pub heap: GcStats,
}

/// Runs a program.
///
/// # Errors
/// Where it cannot be started.
pub fn run(
    module: &Arc<Module>,
    options: &Options,
    wasi: &mut WasiCtxBuilder,
) -> Result<Outcome, Error> {
    let engine = Engine::new(&options.config);
    let lowered = crate::lower::lower(module, options.trace.is_some());
    let (machine, names) = lowered.map_err(|refused| Error::Usage(refused.to_string()))?;
    let machine = dotvm::Module::from_parts(&engine, machine, names)?;
    let mut store = Store::new(&engine, wasi.build());
    options.open_database(&mut store);
    if let Some(timeout) = options.timeout {
        store.set_timeout(timeout)?;
    }
    let mut linker = Linker::new(&engine);
    add_wasi_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx)?;
    host::add_to_linker(&mut linker)?;
    if let Some(log) = &options.trace {
        host::add_trace(&mut linker, module, log)?;
    }
    add_ffi_to_linker(&mut linker, &machine, &options.libraries)?;
    let instance = linker.instantiate(&mut store, &machine)?;
    let result = match instance.entry(&mut store) {
        Some(entry) => entry.call(&mut store, &[]).map(|_| ()),
        None => Ok(()),
    };
    if options.database.is_some() {
        // So that the file need not be looked through when it is next opened.
        store.close_database();
    }
    Ok(Outcome {
        result,
        heap: store.gc_stats(),
    })
}
