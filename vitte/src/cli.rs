//! The `vitte` command.

mod repl;
mod test;

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use dotvm::ffi::Libraries;
use dotvm::wasi::WasiCtxBuilder;
use dotvm::{Config, Error, Jit};
use similar::TextDiff;

use crate::diagnostics::Diagnostics;
use crate::dump;
use crate::format::{Refused, format};
use crate::host::Log;
use crate::lsp::{self, Ended};
use crate::modules::{Files, Loader};
use crate::run;
use crate::source::{Sources, is_turning};
use crate::vitbc::{self, module, text, v2};
use crate::wasm;

/// The most levels of folders that are searched for sources.
const FOLDERS_MAX: usize = 64;

/// The Vitte language: runs, checks and formats programs.
#[derive(Debug, Parser)]
#[command(name = "vitte", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a program.
    Run {
        /// The program's file.
        file: PathBuf,
        #[command(flatten)]
        given: Given,
    },
    /// Compiles a program to a `.vitbc` file, or to a module of WebAssembly.
    Build {
        /// The program's file.
        file: PathBuf,
        /// The file that is written; without it the program's name with `.vitbc` or `.wasm`.
        #[arg(short, long)]
        output: Option<PathBuf>,
        /// What it is for: this machine (vitbc), or machines that run WebAssembly with WASI (wasm).
        #[arg(long, value_name = "TARGET", default_value = "vitbc")]
        target: Target,
        /// Packs sections with zstd.
        #[arg(long)]
        zstd: bool,
    },
    /// Runs a `.vitbc` file.
    Exec {
        /// The file.
        file: PathBuf,
        /// Shows what the machine has when the program has ended, on standard error.
        #[arg(long)]
        dump_vm: bool,
        /// What is reported meanwhile, on standard error; `trace` shows every instruction.
        #[arg(long, value_name = "LEVEL", default_value = "warn")]
        log: Level,
        #[command(flatten)]
        given: Given,
    },
    /// Runs what is entered, line by line, and shows values and types.
    Repl {
        #[command(flatten)]
        given: Given,
    },
    /// Answers editors, by the Language Server Protocol at standard input and output.
    Lsp {
        /// What clients may give; there is no other way to talk.
        #[arg(long, hide = true)]
        stdio: bool,
    },
    /// Runs tests: functions whose names start with `test_`, each with a machine of its own.
    Test {
        /// Files, or folders with `_test.vit` files; without any this folder.
        files: Vec<PathBuf>,
        /// Runs only tests whose names contain this.
        #[arg(short, long, value_name = "TEXT")]
        filter: Option<String>,
        /// How long a test may take.
        #[arg(long, value_name = "SECONDS", default_value_t = 60)]
        timeout: u64,
        #[command(flatten)]
        access: Access,
    },
    /// Checks programs, and says everything that is wrong with them.
    Check {
        /// The files of the programs; what they import is checked, too.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Lays sources out, in place.
    Fmt {
        /// Files, or folders with `.vit` files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Changes nothing; names files that would change, and fails if there are some.
        #[arg(long)]
        check: bool,
        /// Changes nothing; shows what would change.
        #[arg(long)]
        diff: bool,
    },
    /// Assembles VITBC text to a `.vitbc` file.
    Asm {
        /// The text.
        file: PathBuf,
        /// The file that is written; without it the text's name with `.vitbc`.
        #[arg(short, long)]
        output: Option<PathBuf>,
        /// Packs sections with zstd.
        #[arg(long)]
        zstd: bool,
    },
    /// Shows a `.vitbc` file as text; that of version 3 can be assembled again.
    Disasm {
        /// The file.
        file: PathBuf,
        /// The text that is written; without it standard output.
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
    /// Tells what is in a `.vitbc` file, and whether it is valid.
    Inspect {
        /// The file.
        file: PathBuf,
    },
}

/// What programs are compiled to.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Target {
    Vitbc,
    Wasm,
}

/// How much is reported.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// What a program may use, and how it is compiled.
#[derive(Debug, clap::Args)]
struct Access {
    /// Sets a variable of the program's environment, which has no others.
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// Lets the program use a folder, below the same name or another one; none otherwise.
    #[arg(long = "dir", value_name = "HOST[::GUEST]")]
    dirs: Vec<String>,
    /// Lets the program call functions of a native library, which may do whatever this process may.
    #[arg(long, value_name = "LIB")]
    allow_ffi: Vec<String>,
    /// Compiles what gets hot (tiered), everything first (eager) or nothing (off) to native code.
    #[arg(long, value_name = "WHEN", default_value = "tiered")]
    jit: When,
}

/// What a program is given.
#[derive(Debug, clap::Args)]
struct Given {
    #[command(flatten)]
    access: Access,
    /// The file of the program's database, which is made where there is none; otherwise it is in memory.
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// Arguments of the program.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Access {
    /// The native libraries that it may use.
    #[allow(
        unsafe_code,
        reason = "whoever runs a program answers for the native code that it may use"
    )]
    fn libraries(&self) -> Libraries {
        let mut libraries = Libraries::new();
        for name in &self.allow_ffi {
            // SAFETY: the user's promise; --help says what it is about.
            unsafe { libraries.allow(name) };
        }
        libraries
    }

    /// Gives a program that.
    ///
    /// # Errors
    /// Where a folder cannot be opened, or a variable cannot be.
    fn give(&self, wasi: &mut WasiCtxBuilder) -> io::Result<()> {
        for (name, value) in &self.env {
            wasi.env(name, value).map_err(io::Error::other)?;
        }
        for dir in &self.dirs {
            let (host, guest) = dir.split_once("::").unwrap_or((dir, dir));
            let opened = wasi.preopened_dir(host, guest);
            opened.map_err(|error| io::Error::other(format!("--dir: {error}")))?;
        }
        Ok(())
    }

    /// The machine's settings.
    fn config(&self) -> Config {
        let mut config = Config::new();
        config.jit(match self.jit {
            When::Tiered => Jit::Tiered,
            When::Eager => Jit::Eager,
            When::Off => Jit::Off,
        });
        config
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum When {
    Tiered,
    Eager,
    Off,
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err("write NAME=VALUE".to_owned()),
    }
}

/// Exit code of a trap: what a shell reports of a native program that aborts.
const EXIT_TRAP: u8 = 134;

/// Runs the command with the arguments of the process.
pub fn main() -> ExitCode {
    sigpipe::reset();
    let args = Args::parse();
    let result = match args.command {
        Command::Run { file, given } => return ended(run(&file, &given)),
        Command::Exec {
            file,
            dump_vm,
            log,
            given,
        } => return ended(exec(&file, dump_vm, log, &given)),
        Command::Repl { given } => {
            return match repl::run(&given) {
                Ok(code) => ExitCode::from(code),
                Err(error) => ended(Err(error)),
            };
        }
        Command::Lsp { stdio: _ } => serve(),
        Command::Build {
            file,
            output,
            target: Target::Vitbc,
            zstd,
        } => build(&file, output, "vitbc", |module| {
            vitbc::encode(module, zstd).map_err(io::Error::other)
        }),
        Command::Build { zstd: true, .. } => Err(io::Error::other(
            "`--zstd` packs `.vitbc` files: leave it out, or the target",
        )),
        Command::Build { file, output, .. } => build(&file, output, "wasm", |module| {
            wasm::build(module, wasm::Options::default()).map_err(io::Error::other)
        }),
        Command::Test {
            files,
            filter,
            timeout,
            access,
        } => test::run(
            &files,
            filter.as_deref(),
            Duration::from_secs(timeout),
            &access,
        ),
        Command::Check { files } => check(&files),
        Command::Fmt { files, check, diff } => fmt(&files, check, diff),
        Command::Asm { file, output, zstd } => asm(&file, output, zstd),
        Command::Disasm { file, output } => disasm(&file, output.as_deref()),
        Command::Inspect { file } => inspect(&file),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {}", printable(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

/// Answers an editor; whether it ended as the protocol says.
fn serve() -> io::Result<bool> {
    let ended = lsp::serve(&mut io::stdin().lock(), &mut io::stdout().lock())?;
    Ok(ended == Ended::Announced)
}

/// A text in one line, without characters that could make a terminal show other things than there are:
/// names of files may be anything.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() || is_turning(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
}

/// A path as it is shown.
fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}

/// The exit code of a program, or of what went wrong before it ran.
fn ended(result: io::Result<Result<(), Error>>) -> ExitCode {
    let error = match result {
        Ok(Ok(())) => return ExitCode::SUCCESS,
        Ok(Err(error)) => error,
        Err(error) => {
            // What is wrong with a source was said already.
            if error.kind() != io::ErrorKind::InvalidInput {
                eprintln!("error: {}", printable(&error.to_string()));
            }
            return ExitCode::FAILURE;
        }
    };
    match error {
        // The low eight bits, which is all that a process can hand to its parent.
        Error::Exit(code) => ExitCode::from(code.cast_unsigned() as u8),
        Error::Trap(_) | Error::Limit(_) => {
            // A backtrace has lines.
            let message = error.to_string();
            let lines: Vec<String> = message.lines().map(printable).collect();
            eprintln!("error: {}", lines.join("\n"));
            ExitCode::from(EXIT_TRAP)
        }
        error => {
            eprintln!("error: {}", printable(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

/// The bytecode of a program; says what is wrong with it where that is the case.
fn compiled(path: &Path) -> io::Result<Option<module::Module>> {
    let compiled = run::compile(path, &mut Files).map_err(|error| about(path, &error))?;
    match compiled {
        Ok(module) => Ok(Some(module)),
        Err(errors) => {
            io::stderr().write_all(errors.as_bytes())?;
            Ok(None)
        }
    }
}

fn execute(
    path: &Path,
    module: module::Module,
    given: &Given,
    trace: Option<Log>,
) -> io::Result<(Arc<module::Module>, run::Outcome)> {
    let mut wasi = WasiCtxBuilder::new();
    wasi.inherit_stdio();
    let own = path.as_os_str().as_encoded_bytes();
    wasi.arg(own).map_err(io::Error::other)?;
    wasi.args(&given.args).map_err(io::Error::other)?;
    given.access.give(&mut wasi)?;
    let options = run::Options {
        config: given.access.config(),
        trace,
        database: given.db.clone(),
        timeout: None,
        libraries: given.access.libraries(),
    };
    let module = Arc::new(module);
    let outcome = run::run(&module, &options, &mut wasi);
    let outcome = outcome.map_err(|error| about(path, &io::Error::other(error.to_string())))?;
    Ok((module, outcome))
}

fn run(path: &Path, given: &Given) -> io::Result<Result<(), Error>> {
    let Some(module) = compiled(path)? else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    Ok(execute(path, module, given, None)?.1.result)
}

/// Compiles a program to a file with that end.
fn build(
    path: &Path,
    output: Option<PathBuf>,
    end: &str,
    encode: impl FnOnce(&module::Module) -> io::Result<Vec<u8>>,
) -> io::Result<bool> {
    let Some(module) = compiled(path)? else {
        return Ok(false);
    };
    let output = output.unwrap_or_else(|| path.with_extension(end));
    if is_same(path, &output) {
        let error = io::Error::other("this is the program itself: name another file with `-o`");
        return Err(about(&output, &error));
    }
    let bytes = encode(&module).map_err(|error| about(&output, &error))?;
    fs::write(&output, bytes).map_err(|error| about(&output, &error))?;
    Ok(true)
}

fn exec(path: &Path, dump: bool, level: Level, given: &Given) -> io::Result<Result<(), Error>> {
    let bytes = bytes_of(path)?;
    if vitbc::version(&bytes) == Some(v2::VERSION) {
        let reason = "it is of version 2, which can only be shown";
        return Err(invalid(path, &reason));
    }
    let module = module_of(path, &bytes)?;
    let log: Log = Arc::new(|line: &str| eprintln!("{line}"));
    let trace = (level >= Level::Trace).then(|| log.clone());
    if level >= Level::Info {
        log("VM Start");
    }
    if level >= Level::Debug {
        eprint!("{}", vitbc::inspect(&module));
    }
    let (module, outcome) = execute(path, module, given, trace)?;
    if level >= Level::Info {
        log("VM End");
    }
    if dump {
        let text = dump::dump(&module, &bytes, &outcome);
        io::stderr().write_all(text.as_bytes())?;
    }
    Ok(outcome.result)
}

/// An error about a file.
fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn check(files: &[PathBuf]) -> io::Result<bool> {
    let mut good = true;
    for path in files {
        let checked = crate::check(path, &mut Files).map_err(|error| about(path, &error))?;
        if !checked.errors.is_empty() {
            good = false;
            let text = checked.errors.render(&checked.sources);
            io::stderr().write_all(text.as_bytes())?;
        }
    }
    Ok(good)
}

/// The files in folders whose names have that end, and files as they are.
fn sources_of(
    paths: &[PathBuf],
    end: &str,
    depth: usize,
    found: &mut Vec<PathBuf>,
) -> io::Result<()> {
    for path in paths {
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        if depth == FOLDERS_MAX {
            let error = io::Error::other("too many levels of folders");
            return Err(about(path, &error));
        }
        let mut inner = Vec::new();
        for entry in fs::read_dir(path).map_err(|error| about(path, &error))? {
            let entry = entry.map_err(|error| about(path, &error))?;
            let kind = entry.file_type().map_err(|error| about(path, &error))?;
            // Links are not followed: they may lead in circles.
            let name = entry.file_name();
            let source = kind.is_file() && name.as_encoded_bytes().ends_with(end.as_bytes());
            if kind.is_dir() || source {
                inner.push(entry.path());
            }
        }
        inner.sort();
        sources_of(&inner, end, depth + 1, found)?;
    }
    Ok(())
}

fn fmt(paths: &[PathBuf], check: bool, diff: bool) -> io::Result<bool> {
    let mut files = Vec::new();
    sources_of(paths, ".vit", 0, &mut files)?;
    let mut good = true;
    let mut out = io::stdout().lock();
    for path in files {
        let text = Files.load(&path).map_err(|error| about(&path, &error))?;
        let (sources, errors, result) = laid_out(&path, text)?;
        let new = match result {
            Ok(new) => new,
            Err(Refused::Errors) => {
                good = false;
                io::stderr().write_all(errors.render(&sources).as_bytes())?;
                continue;
            }
            Err(Refused::Changed) => {
                let error = io::Error::other("laying it out would change its meaning: our fault");
                return Err(about(&path, &error));
            }
        };
        let old = sources.text(0);
        if new == old {
            continue;
        }
        if check {
            good = false;
            writeln!(out, "{}", shown(&path))?;
        }
        if diff {
            let name = shown(&path);
            let diff = TextDiff::from_lines(old, new.as_str());
            write!(out, "{}", diff.unified_diff().header(&name, &name))?;
        }
        if !check && !diff {
            replace(&path, &new).map_err(|error| about(&path, &error))?;
        }
    }
    Ok(good)
}

/// Replaces the text of a file at once: whatever happens, it has the old or the new one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A link stays one.
    let path = path.canonicalize()?;
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    let rights = fs::metadata(&path)?.permissions();
    // Fails as writing to the file itself would: whoever may not change it may perhaps the folder.
    fs::OpenOptions::new().write(true).open(&path)?;
    let mut new_name = OsStr::new(".").to_owned();
    new_name.push(name);
    new_name.push(format!(".{}", std::process::id()));
    let new = folder.join(new_name);
    let written = (|| {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&new)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(rights)?;
        file.sync_all()?;
        fs::rename(&new, &path)
    })();
    if let Err(error) = &written
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        // The first error tells more than one about this would.
        let _ = fs::remove_file(&new);
    }
    written
}

type LaidOut = (Sources, Diagnostics, Result<String, Refused>);

fn laid_out(path: &Path, text: String) -> io::Result<LaidOut> {
    crate::with_stack(|| {
        let mut sources = Sources::default();
        let mut errors = Diagnostics::default();
        let file = sources.add(&path.display().to_string(), text);
        let result = format(&sources, file, &mut errors);
        (sources, errors, result)
    })
}

/// Whether two paths lead to one file that is there.
fn is_same(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn asm(path: &Path, output: Option<PathBuf>, packed: bool) -> io::Result<bool> {
    let source = Files.load(path).map_err(|error| about(path, &error))?;
    let output = output.unwrap_or_else(|| path.with_extension("vitbc"));
    if is_same(path, &output) {
        let error = io::Error::other("this is the text itself: name another file with `-o`");
        return Err(about(&output, &error));
    }
    let mut sources = Sources::default();
    let mut errors = Diagnostics::default();
    let file = sources.add(&path.display().to_string(), source);
    let Some(module) = text::assemble(&sources, file, &mut errors) else {
        io::stderr().write_all(errors.render(&sources).as_bytes())?;
        return Ok(false);
    };
    let bytes = vitbc::encode(&module, packed).map_err(|error| about(&output, &error))?;
    fs::write(&output, bytes).map_err(|error| about(&output, &error))?;
    Ok(true)
}

/// The bytes of a file that is not too long.
fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| about(path, &error))?;
    // One byte more, so that a file that is too long is refused as such.
    let mut file = file.take(module::LEN_MAX as u64 + 1);
    file.read_to_end(&mut bytes)
        .map_err(|error| about(path, &error))?;
    Ok(bytes)
}

/// What is wrong with a file, as an error.
fn invalid(path: &Path, reason: &impl ToString) -> io::Error {
    let error = io::Error::new(io::ErrorKind::InvalidData, reason.to_string());
    about(path, &error)
}

fn module_of(path: &Path, bytes: &[u8]) -> io::Result<module::Module> {
    let module = vitbc::decode(bytes).map_err(|refused| invalid(path, &refused))?;
    vitbc::verify(&module).map_err(|fault| invalid(path, &fault))?;
    Ok(module)
}

fn disasm(path: &Path, output: Option<&Path>) -> io::Result<bool> {
    let bytes = bytes_of(path)?;
    let shown = if vitbc::version(&bytes) == Some(v2::VERSION) {
        let old = v2::decode(&bytes).map_err(|refused| invalid(path, &refused))?;
        v2::disassemble(&old)
    } else {
        let module = module_of(path, &bytes)?;
        let shown = text::disassemble(&module);
        shown.map_err(|text::TooLong| invalid(path, &"its text would be too long"))?
    };
    match output {
        Some(output) if is_same(path, output) => {
            let error = io::Error::other("this is the file itself: name another one");
            return Err(about(output, &error));
        }
        Some(output) => fs::write(output, shown).map_err(|error| about(output, &error))?,
        None => io::stdout().write_all(shown.as_bytes())?,
    }
    Ok(true)
}

fn inspect(path: &Path) -> io::Result<bool> {
    let bytes = bytes_of(path)?;
    let mut out = io::stdout().lock();
    if vitbc::version(&bytes) == Some(v2::VERSION) {
        let old = v2::decode(&bytes).map_err(|refused| invalid(path, &refused))?;
        writeln!(
            out,
            "VITBC version 2{}",
            if old.packed { ", packed" } else { "" }
        )?;
        let entry = old
            .entry
            .map_or("none".to_owned(), |entry| entry.to_string());
        writeln!(out, "entry         {entry}")?;
        let rows = [
            ("integers", old.ints.len()),
            ("floats", old.floats.len()),
            ("strings", old.strings.len()),
            ("data", old.data.len()),
            ("instructions", old.code.len()),
        ];
        for (what, count) in rows {
            writeln!(out, "{what:<13} {count}")?;
        }
        return Ok(true);
    }
    let module = module_of(path, &bytes)?;
    let packed = bytes
        .get(10)
        .is_some_and(|flags| u32::from(*flags) & vitbc::FLAG_ZSTD != 0);
    writeln!(
        out,
        "VITBC version 3{}",
        if packed { ", packed" } else { "" }
    )?;
    out.write_all(vitbc::inspect(&module).as_bytes())?;
    Ok(true)
}
