//! Sessions: programs that are entered piece by piece, each of which runs once.
//!
//! What is entered is a module behind those before it, whose names it has; a name that is declared again hides the older
//! one, which functions that use it keep. All are checked together each time, but only the new ones run: in one store,
//! with memory and variables that all entries import. So values, open files and function values stay what they are.

use std::io;
use std::path::Path;

use dotvm::ffi::Libraries;
use dotvm::wasi::{WasiCtx, WasiCtxBuilder};
use dotvm::{
    Engine, Error, Global, GlobalType, InterruptHandle, Limits, Linker, Memory, MemoryType, Store,
    Val, ValType, add_ffi_to_linker, add_wasi_to_linker,
};

use crate::diagnostics::{Code, Diagnostics};
use crate::hir::Program;
use crate::host;
use crate::lower::session::{MODULE, SHOW, lower, runtime_variables, variable};
use crate::modules::{Entered, Loader};
use crate::run::Options;
use crate::source::Sources;
use crate::syntax::lexer::Kind;
use crate::syntax::parse;
use crate::{check, codegen};

/// The most bytes of a value that are shown.
const SHOWN_MAX: usize = 10_000;

/// Where strings are put together in the memory of programs.
const OUT_START: i32 = 8192;

/// A value, as people see it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shown {
    /// The value; of one that is long, the start.
    pub text: String,
    /// Its type.
    pub ty: String,
}

/// Why something that was entered is forgotten.
#[derive(Debug)]
pub enum Failure {
    /// It was not run: what is wrong with it, as users see it.
    Wrong(String),
    /// It did not come to its end. What it did until then stays done.
    Stopped(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Stopped(error)
    }
}

/// A session.
pub struct Session {
    loader: Box<dyn Loader + Send>,
    sources: Sources,
    entered: Entered,
    /// How many pieces were entered.
    count: usize,
    engine: Engine,
    linker: Linker<WasiCtx>,
    libraries: Libraries,
    store: Store<WasiCtx>,
    memory: Memory,
    out: Global,
    /// How many variables of the program there are.
    variables: usize,
}

/// A variable that has nothing yet.
fn new_variable(store: &mut Store<WasiCtx>, ty: ValType, value: i32) -> Result<Global, Error> {
    let value = match ty {
        ValType::I64 => Val::I64(0),
        ValType::F64 => Val::F64(0),
        ValType::I32 => Val::I32(value),
        _ => Val::AnyRef(None),
    };
    Global::new(store, GlobalType::new(ty, true), value)
}

impl Session {
    /// Starts a session, whose modules come from `loader`; of the options, `trace` and `timeout` are not used.
    ///
    /// # Errors
    /// Where the machine cannot be set up.
    pub fn new(
        options: &Options,
        loader: Box<dyn Loader + Send>,
        wasi: &mut WasiCtxBuilder,
    ) -> Result<Session, Error> {
        let engine = Engine::new(&options.config);
        let mut store = Store::new(&engine, wasi.build());
        options.open_database(&mut store);
        let mut linker = Linker::new(&engine);
        add_wasi_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx)?;
        host::add_to_linker(&mut linker)?;
        // Variables of what is forgotten make room for others.
        linker.allow_shadowing(true);
        let limits = Limits { min: 1, max: None };
        let memory = Memory::new(&mut store, MemoryType::new(limits))?;
        linker.define(MODULE, "memory", memory)?;
        let out = new_variable(&mut store, ValType::I32, OUT_START)?;
        for (name, is_reference) in runtime_variables() {
            let global = match (name, is_reference) {
                ("out", _) => out,
                (_, true) => new_variable(&mut store, ValType::AnyRef, 0)?,
                (_, false) => new_variable(&mut store, ValType::I32, 0)?,
            };
            linker.define(MODULE, name, global)?;
        }
        Ok(Session {
            loader,
            sources: Sources::default(),
            entered: Entered::default(),
            count: 0,
            engine,
            linker,
            libraries: options.libraries.clone(),
            store,
            memory,
            out,
            variables: 0,
        })
    }

    /// By this, what runs can be stopped from another thread.
    pub fn interrupt_handle(&self) -> InterruptHandle {
        self.store.interrupt_handle()
    }

    /// Runs a piece of a program; gives the value of the expression at its end, if it has one.
    ///
    /// # Errors
    /// Where it is wrong, or does not come to its end; what it declares is forgotten then.
    pub fn enter(&mut self, text: &str) -> Result<Option<Shown>, Failure> {
        self.count += 1;
        let name = format!("entry {}", self.count);
        self.enter_as(Path::new(&name), text.to_owned())
    }

    /// Runs a file as if its text had been entered; modules that it imports are looked for beside it.
    ///
    /// # Errors
    /// Where it cannot be read (the outer one), is wrong, or does not come to its end.
    pub fn load(&mut self, path: &Path) -> io::Result<Result<Option<Shown>, Failure>> {
        let text = self.loader.load(path)?;
        Ok(self.enter_as(path, text))
    }

    /// The type of an expression, which is not computed; nothing where it has no value.
    ///
    /// # Errors
    /// Where it is wrong.
    pub fn type_of(&mut self, text: &str) -> Result<Option<String>, Failure> {
        let before = self.entered.modules.len();
        let checked = self.check(Path::new("type"), text.to_owned());
        self.entered.truncate(before);
        let program = checked?;
        let value = program.value.map(|value| &program.globals[value as usize]);
        Ok(value.map(|global| program.show(global.ty)))
    }

    /// Forgets everything that was entered. Values that programs have are freed, files stay open.
    pub fn reset(&mut self) {
        self.entered.truncate(0);
        self.variables = 0;
        self.store.collect_garbage();
    }

    /// Ends the session: a database in a file is closed.
    pub fn close(mut self) {
        self.store.close_database();
    }

    fn check(&mut self, path: &Path, text: String) -> Result<Program, Failure> {
        let Session {
            loader,
            sources,
            entered,
            ..
        } = self;
        let checked = crate::with_stack(|| {
            let mut errors = Diagnostics::default();
            entered.add(path, text, &mut **loader, sources, &mut errors);
            let program = check::check(&entered.modules, &mut errors);
            match errors.is_empty() {
                true => Ok(program),
                false => Err(Failure::Wrong(errors.render(sources))),
            }
        });
        checked.map_err(|error| Failure::Stopped(Error::host(error)))?
    }

    fn enter_as(&mut self, path: &Path, text: String) -> Result<Option<Shown>, Failure> {
        let before = self.entered.modules.len();
        let result = self.run(path, text, before);
        if result.is_err() {
            self.entered.truncate(before);
        }
        self.store.release_references();
        result
    }

    fn run(&mut self, path: &Path, text: String, before: usize) -> Result<Option<Shown>, Failure> {
        let program = self.check(path, text)?;
        let value = program.value;
        let ty = value.map(|value| program.show(program.globals[value as usize].ty));
        let sources = &self.sources;
        let (machine, names, types) = crate::with_stack(|| {
            let generated = codegen::generate_from(program, sources, &[], before);
            let (module, _) = generated.map_err(|errors| Failure::Wrong(errors.render(sources)))?;
            let lowered = lower(&module, value);
            lowered.map_err(|refused| Failure::Stopped(Error::Usage(refused.to_string())))
        })
        .map_err(|error| Failure::Stopped(Error::host(error)))??;
        let machine = dotvm::Module::from_parts(&self.engine, machine, names)?;
        for (i, ty) in types.iter().enumerate().skip(self.variables) {
            let global = new_variable(&mut self.store, *ty, 0)?;
            self.linker.define(MODULE, &variable(i), global)?;
        }
        // What was put together when the entry before was stopped is nobody's.
        self.out.set(&mut self.store, Val::I32(OUT_START))?;
        self.store.clear_interrupt();
        add_ffi_to_linker(&mut self.linker, &machine, &self.libraries)?;
        let instance = self.linker.instantiate(&mut self.store, &machine)?;
        if let Some(entry) = instance.entry(&mut self.store) {
            entry.call(&mut self.store, &[])?;
        }
        let shown = match ty {
            Some(ty) => {
                self.out.set(&mut self.store, Val::I32(OUT_START))?;
                let show = instance.get_typed_func::<(), ()>(&mut self.store, SHOW)?;
                show.call(&mut self.store, ())?;
                Some(Shown {
                    text: self.shown(),
                    ty,
                })
            }
            None => None,
        };
        self.variables = types.len();
        Ok(shown)
    }

    /// What was put together.
    fn shown(&self) -> String {
        let end = match self.out.get(&self.store) {
            Val::I32(end) => end as u32 as usize,
            _ => 0,
        };
        let data = self.memory.data(&self.store);
        let bytes = data.get(OUT_START as usize..end).unwrap_or(&[]);
        match bytes.len() > SHOWN_MAX {
            true => format!("{}...", String::from_utf8_lossy(&bytes[..SHOWN_MAX])),
            false => String::from_utf8_lossy(bytes).into_owned(),
        }
    }
}

/// Whether more is to come before a piece of a program can be run: brackets or a comment are open, or its end is where
/// something is missing.
///
/// # Errors
/// Where no thread can be started.
pub fn is_unfinished(text: &str) -> io::Result<Unfinished> {
    crate::with_stack(|| {
        let mut sources = Sources::default();
        let mut errors = Diagnostics::default();
        let file = sources.add("", text.to_owned());
        let parsed = parse(&sources, file, &mut errors);
        let mut open = 0i64;
        for token in &parsed.lexed.tokens {
            match token.kind {
                Kind::OpenBrace | Kind::OpenParen | Kind::OpenBracket => open += 1,
                Kind::CloseBrace | Kind::CloseParen | Kind::CloseBracket => open -= 1,
                _ => {}
            }
        }
        let end = text.trim_end().len() as u32;
        let comment = errors.iter().any(|error| error.code == Code::OpenComment);
        if open > 0 || comment {
            return Unfinished::Open;
        }
        match errors.iter().next() {
            Some(first) if first.span.start >= end => Unfinished::Perhaps,
            _ => Unfinished::No,
        }
    })
}

/// Whether something that is entered goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unfinished {
    /// It is whole, or wrong.
    No,
    /// Something is missing at its end.
    Perhaps,
    /// Something is open.
    Open,
}
