//! The `vitte` command.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use similar::TextDiff;

use crate::diagnostics::Diagnostics;
use crate::format::{Refused, format};
use crate::modules::{Files, Loader};
use crate::source::{Sources, is_turning};
use crate::vitbc::{self, module, text, v2};

/// The most levels of folders that are searched for sources.
const FOLDERS_MAX: usize = 64;

/// The Vitte language: checks and formats programs.
#[derive(Debug, Parser)]
#[command(name = "vitte", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
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

/// Runs the command with the arguments of the process.
pub fn main() -> ExitCode {
    sigpipe::reset();
    let args = Args::parse();
    let result = match args.command {
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

/// The sources in folders, and files as they are.
fn sources_of(paths: &[PathBuf], depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
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
            let source = kind.is_file() && entry.path().extension() == Some(OsStr::new("vit"));
            if kind.is_dir() || source {
                inner.push(entry.path());
            }
        }
        inner.sort();
        sources_of(&inner, depth + 1, found)?;
    }
    Ok(())
}

fn fmt(paths: &[PathBuf], check: bool, diff: bool) -> io::Result<bool> {
    let mut files = Vec::new();
    sources_of(paths, 0, &mut files)?;
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
