//! Finding and reading the modules of a program.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostics::{Code, Diagnostic, Diagnostics};
use crate::natives;
use crate::source::{SOURCE_LEN_MAX, Sources, Span};
use crate::syntax::ast::{Import, Stmt, StmtKind};
use crate::syntax::parse;

/// The most modules of a program.
pub const MODULES_MAX: usize = 1000;

/// Where sources come from.
pub trait Loader {
    /// Reads a source.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    fn load(&mut self, path: &Path) -> io::Result<String>;
}

/// Sources in files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Files;

impl Loader for Files {
    fn load(&mut self, path: &Path) -> io::Result<String> {
        let mut bytes = Vec::new();
        // One byte more, so that a file that is too long is seen to be.
        let limit = SOURCE_LEN_MAX as u64 + 1;
        File::open(path)?.take(limit).read_to_end(&mut bytes)?;
        if bytes.len() > SOURCE_LEN_MAX {
            let text = format!("the file has more than {SOURCE_LEN_MAX} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let text = format!("the file is not UTF-8 at byte {at}");
            io::Error::new(io::ErrorKind::InvalidData, text)
        })
    }
}

/// Sources in memory, by their paths.
#[derive(Clone, Debug, Default)]
pub struct Texts(pub HashMap<PathBuf, String>);

impl Loader for Texts {
    fn load(&mut self, path: &Path) -> io::Result<String> {
        self.0
            .get(path)
            .cloned()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

/// What an import stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Target {
    /// Native functions of the module with that name.
    Native(&'static str),
    /// The module with that number.
    Module(usize),
    /// Nothing; an error was reported.
    Missing,
}

/// A module.
#[derive(Debug)]
pub struct Module {
    /// Its name: `util.text`, or that of the file without `.vit`.
    pub name: Arc<str>,
    /// Its statements and declarations.
    pub stmts: Vec<Stmt>,
    /// What its imports stand for, by the names of modules.
    pub imports: HashMap<String, Target>,
    /// The place of its start.
    pub start: Span,
    /// For what was entered in a session: what was entered before it, if anything, whose names it has, too.
    pub(crate) entry: Option<Option<usize>>,
}

/// Reads a program: the file, and all modules that it imports, each behind those it imports itself.
///
/// # Errors
/// If the file itself cannot be read. What is wrong with modules goes to `errors`.
pub fn load(
    path: &Path,
    loader: &mut dyn Loader,
    sources: &mut Sources,
    errors: &mut Diagnostics,
) -> io::Result<Vec<Module>> {
    let text = loader.load(path)?;
    let mut reader = Reader {
        loader,
        sources,
        errors,
        modules: Vec::new(),
        states: HashMap::new(),
    };
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    reader.read(path.to_owned(), &name, text);
    Ok(reader.modules)
}

/// The modules of a session: what was entered, and what that imports, in the order in which they run.
#[derive(Default)]
pub(crate) struct Entered {
    pub(crate) modules: Vec<Module>,
    states: HashMap<PathBuf, State>,
    /// What was entered last.
    last: Option<usize>,
}

impl Entered {
    /// Adds what was entered, and the modules that it imports and that are new.
    pub(crate) fn add(
        &mut self,
        path: &Path,
        text: String,
        loader: &mut dyn Loader,
        sources: &mut Sources,
        errors: &mut Diagnostics,
    ) {
        let mut reader = Reader {
            loader,
            sources,
            errors,
            modules: std::mem::take(&mut self.modules),
            states: std::mem::take(&mut self.states),
        };
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let number = reader.read(path.to_owned(), &name, text);
        (self.modules, self.states) = (reader.modules, reader.states);
        self.modules[number].entry = Some(self.last.replace(number));
    }

    /// Forgets what came behind the first `count` modules.
    pub(crate) fn truncate(&mut self, count: usize) {
        self.modules.truncate(count);
        self.states
            .retain(|_, state| matches!(state, State::Done(number) if *number < count));
        self.last = self
            .modules
            .iter()
            .rposition(|module| module.entry.is_some());
    }
}

/// How far reading a module is.
#[derive(Clone, Copy)]
enum State {
    /// Its imports are read.
    Open,
    /// It is the module with that number.
    Done(usize),
}

struct Reader<'r> {
    loader: &'r mut dyn Loader,
    sources: &'r mut Sources,
    errors: &'r mut Diagnostics,
    modules: Vec<Module>,
    states: HashMap<PathBuf, State>,
}

/// The imports among statements, those included that are where there can be none.
fn imports(stmts: &[Stmt]) -> impl Iterator<Item = &Import> {
    stmts.iter().filter_map(|stmt| match &stmt.kind {
        StmtKind::Import(import) => Some(import),
        _ => None,
    })
}

impl Reader<'_> {
    /// Reads a module whose text is there, and what it imports; returns its number.
    fn read(&mut self, path: PathBuf, name: &str, text: String) -> usize {
        self.states.insert(path.clone(), State::Open);
        let file = self.sources.add(&path.display().to_string(), text);
        let stmts = parse(self.sources, file, self.errors).stmts;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let mut targets = HashMap::new();
        for import in imports(&stmts) {
            let module = import.module();
            if let Entry::Vacant(entry) = targets.entry(module) {
                let target = self.target(&folder, import, entry.key());
                entry.insert(target);
            }
        }
        self.modules.push(Module {
            name: name.into(),
            stmts,
            imports: targets,
            start: Span {
                file,
                start: 0,
                end: 0,
            },
            entry: None,
        });
        let number = self.modules.len() - 1;
        self.states.insert(path, State::Done(number));
        number
    }

    /// Finds what an import stands for, and reads it if it is new.
    fn target(&mut self, folder: &Path, import: &Import, name: &str) -> Target {
        if let Some(native) = natives::MODULES.iter().find(|module| **module == name) {
            return Target::Native(native);
        }
        let mut path = folder.to_owned();
        path.extend(import.path.iter().map(|part| &*part.text));
        path.set_extension("vit");
        match self.states.get(&path) {
            Some(State::Done(number)) => return Target::Module(*number),
            Some(State::Open) => {
                let message = format!("`{name}` imports this module itself");
                let hint = "move what both need into a third module";
                let error = Diagnostic::new(Code::Cycle, import.span(), message, hint);
                self.errors.push(error);
                return Target::Missing;
            }
            None => {}
        }
        if self.states.len() >= MODULES_MAX {
            let message = "the program has too many modules".to_owned();
            let hint = format!("at most {MODULES_MAX}");
            let error = Diagnostic::new(Code::TooManyModules, import.span(), message, hint);
            self.errors.push(error);
            return Target::Missing;
        }
        match self.loader.load(&path) {
            Ok(text) => Target::Module(self.read(path, name, text)),
            Err(error) => {
                let message = match error.kind() {
                    io::ErrorKind::NotFound => format!("there is no module `{name}`"),
                    _ => format!("module `{name}` cannot be read: {error}"),
                };
                let hint = format!(
                    "its file would be {}; native modules are {}",
                    path.display(),
                    natives::MODULES.join(", ")
                );
                let error = Diagnostic::new(Code::NoModule, import.span(), message, hint);
                self.errors.push(error);
                Target::Missing
            }
        }
    }
}
