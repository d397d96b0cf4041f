//! `dotvm state`: what programs keep from run to run, version by version.

mod args;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _, Parser as _};
use dotvm::Error;
use dotvm::db::{Options, Place, Session};
use dotvm::state::{STATE_MAGIC, StateVersion, States};

use crate::failure::{Failure, Result};
use crate::{output, units};
use args::{Export, Import, Rollback, StateCli, StateCommand};

/// Parses the rest of the command line, and does what it says; returns the exit code.
pub(crate) fn state(args: &[OsString]) -> Result<u8> {
    let name = OsString::from("dotvm state");
    match StateCli::try_parse_from([&name].into_iter().chain(args)) {
        Ok(cli) => execute(&cli).map(|()| 0),
        Err(help_or_error) => output::say_usage(&help_or_error),
    }
}

/// What shells complete.
pub(crate) fn command() -> Command {
    StateCli::command().name("state")
}

/// The database that states are in: the one that is named, or that of the user, as the XDG base directory
/// specification has it.
///
/// # Errors
/// Where nothing is named, and the user has no folder.
pub(crate) fn file(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    let absolute = |name| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let data = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")));
    let data = data.ok_or_else(|| {
        Failure::usage("states: neither XDG_DATA_HOME nor HOME is set; name a file: --db FILE")
    })?;
    Ok(data.join("dotvm").join("states.db"))
}

/// Makes the folder of the database that states are in where nobody named one.
///
/// # Errors
/// Where it cannot be made.
pub(crate) fn make_folder(named: Option<&Path>, file: &Path) -> Result {
    match (named, file.parent()) {
        (None, Some(folder)) => {
            std::fs::create_dir_all(folder).map_err(|error| Failure::at(folder, error))
        }
        _ => Ok(()),
    }
}

/// What an error of the states of a database is to the user of the command line: no trap, since no program runs.
pub(crate) fn failure(path: &Path, error: Error) -> Failure {
    match &error {
        Error::Trap(trap) => match trap.detail() {
            Some(detail) => Failure::at(path, detail),
            None => Failure::at(path, trap.code()),
        },
        _ => Failure::at(path, error),
    }
}

fn execute(cli: &StateCli) -> Result {
    let path = file(cli.db.as_deref())?;
    if let StateCommand::Import(args) = &cli.command {
        make_folder(cli.db.as_deref(), &path)?;
        let input = File::open(&args.input).map_err(|error| Failure::at(&args.input, error))?;
        let bytes = exported(input).map_err(|error| Failure::at(&args.input, error))?;
        let database = Place::new(&path).open(Options::default());
        let mut session = database
            .map_err(|error| Failure::at(&path, error))?
            .session();
        return import(&mut session, args, &bytes);
    }
    if cli.db.is_none() && matches!(cli.command, StateCommand::List) && !path.exists() {
        return Ok(());
    }
    let mut session = super::db::open(&path, Options::default())?;
    let mut states = States::new(&mut session);
    let done = match &cli.command {
        StateCommand::List => return list(&path, &mut states),
        StateCommand::Show(args) => return show(&path, &mut states, &args.name),
        StateCommand::Export(args) => return export(&path, &mut states, args),
        StateCommand::Rollback(args) => return rollback(&path, &mut states, args),
        StateCommand::Remove(args) => match states.remove(&args.name) {
            Ok(false) => return Err(Failure::at(&path, no_state(&args.name))),
            removed => removed.map(|_| ()),
        },
        StateCommand::Import(_) => Ok(()),
    };
    done.map_err(|error| failure(&path, error))
}

fn no_state(name: &str) -> String {
    format!("there is no state {name:?}")
}

fn list(path: &Path, states: &mut States<'_>) -> Result {
    let mut lines = String::new();
    let names = states.names().map_err(|error| failure(path, error))?;
    for name in names {
        let last = states.version(&name, None);
        let last = last.map_err(|error| failure(path, error))?;
        let _ = writeln!(lines, "{name}: {}", described(&last));
    }
    output::print(&lines)
}

fn show(path: &Path, states: &mut States<'_>, name: &str) -> Result {
    let versions = states
        .versions(name)
        .map_err(|error| failure(path, error))?;
    let Some(last) = versions.last() else {
        return Err(Failure::at(path, no_state(name)));
    };
    let mut lines = String::new();
    let program: String = last.program[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let _ = writeln!(lines, "state {name} of program {program}");
    for version in &versions {
        let _ = writeln!(lines, "{}", described(version));
    }
    output::print(&lines)
}

/// A version in a line.
fn described(version: &StateVersion) -> String {
    let counted =
        |n: u64, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
    let bytes = version
        .memory_bytes
        .iter()
        .fold(0u64, |sum, bytes| sum.saturating_add(*bytes));
    format!(
        "version {}, {}, {} of memory, {} changed",
        version.number,
        units::utc(version.time),
        counted(bytes, "byte", "bytes"),
        counted(version.changed_pages, "page", "pages"),
    )
}

fn export(path: &Path, states: &mut States<'_>, args: &Export) -> Result {
    let bytes = states.export(&args.name, args.version);
    let bytes = bytes.map_err(|error| failure(path, error))?;
    let output = match &args.output {
        Some(output) => output.clone(),
        None => PathBuf::from(format!("{}.dotstate", args.name)),
    };
    output::write_file(&output, &bytes)
}

/// The bytes of an exported state. Of what does not begin like one, no more than that is read.
fn exported(mut input: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let start = STATE_MAGIC.len() as u64;
    Read::by_ref(&mut input)
        .take(start)
        .read_to_end(&mut bytes)?;
    if bytes == STATE_MAGIC {
        input.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn import(session: &mut Session, args: &Import, bytes: &[u8]) -> Result {
    let imported = States::new(session).import(&args.name, bytes, args.versions);
    let version = imported.map_err(|error| failure(&args.input, error))?;
    output::print(&format!("{}: {}\n", args.name, described(&version)))
}

fn rollback(path: &Path, states: &mut States<'_>, args: &Rollback) -> Result {
    let version = states.rollback(&args.name, args.to);
    let version = version.map_err(|error| failure(path, error))?;
    output::print(&format!("{}: {}\n", args.name, described(&version)))
}
