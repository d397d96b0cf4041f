//! The `vitte` command.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use similar::TextDiff;

use crate::diagnostics::Diagnostics;
use crate::format::{Refused, format};
use crate::modules::{Files, Loader};
use crate::source::Sources;

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
}

/// Runs the command with the arguments of the process.
pub fn main() -> ExitCode {
    sigpipe::reset();
    let args = Args::parse();
    let result = match args.command {
        Command::Check { files } => check(&files),
        Command::Fmt { files, check, diff } => fmt(&files, check, diff),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
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
            writeln!(out, "{}", path.display())?;
        }
        if diff {
            let name = path.display().to_string();
            let diff = TextDiff::from_lines(old, new.as_str());
            write!(out, "{}", diff.unified_diff().header(&name, &name))?;
        }
        if !check && !diff {
            fs::write(&path, new).map_err(|error| about(&path, &error))?;
        }
    }
    Ok(good)
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
