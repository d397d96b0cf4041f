//! `dotvm db`: reads and writes databases.

mod args;

use std::ffi::OsString;
use std::fmt::{Display, Write as _};
use std::path::Path;

use clap::{Command, CommandFactory as _, Parser as _};
use dotvm_dotdb::{Cursor, Database, Direction, Error, Interval, Options, Place, Session, TableId};

use crate::failure::{EXIT_ERROR, Failure, Result};
use crate::output;
use args::{DbCli, DbCommand, File, Index, Key, Put, Query, Scan};

/// Rows are printed in pieces of about so many bytes.
const PRINTED_AT_ONCE: usize = 64 << 10;

/// Parses the rest of the command line, and does what it says; returns the exit code.
pub(crate) fn db(args: &[OsString]) -> Result<u8> {
    let name = OsString::from("dotvm db");
    match DbCli::try_parse_from([&name].into_iter().chain(args)) {
        Ok(cli) => execute(&cli.command),
        Err(help_or_error) => output::say_usage(&help_or_error),
    }
}

/// What shells complete.
pub(crate) fn command() -> Command {
    DbCli::command().name("db")
}

fn execute(command: &DbCommand) -> Result<u8> {
    match command {
        DbCommand::Get(args) => get(args),
        DbCommand::Put(args) => put(args),
        DbCommand::Delete(args) => delete(args),
        DbCommand::Scan(args) => scan(args),
        DbCommand::Query(args) => query(args),
        DbCommand::Explain(args) => explain(args),
        DbCommand::Index(args) => index(args),
        DbCommand::Stats(args) => stats(args),
        DbCommand::Check(args) => check(args),
    }
}

/// Opens a database that is there.
pub(super) fn open(path: &Path, options: Options) -> Result<Session> {
    let database = Place::new(path).open_existing(options);
    Ok(database.map_err(|error| at(path, error))?.session())
}

fn at(path: &Path, reason: impl Display) -> Failure {
    Failure::at(path, reason)
}

/// What was done with a database at that path, as a result of the command's.
fn done<T>(file: &File, outcome: dotvm_dotdb::Result<T>) -> Result<T> {
    outcome.map_err(|error| at(&file.file, error))
}

fn get(args: &Key) -> Result<u8> {
    let key = bytes(&args.key, args.hex)?;
    let mut session = open(&args.file.file, Options::default())?;
    let value = session
        .table(&args.table)
        .and_then(|table| session.get(table, &key));
    match done(&args.file, value)? {
        Some(value) => {
            output::print(&format!("{}\n", text(&value, args.hex)))?;
            Ok(0)
        }
        None => Err(no_such_key(args)),
    }
}

fn no_such_key(args: &Key) -> Failure {
    let reason = format!("table {:?} has no key {:?}", args.table, args.key);
    at(&args.file.file, reason)
}

fn put(args: &Put) -> Result<u8> {
    let Put {
        key: args,
        value,
        create,
    } = args;
    let (key, value) = (bytes(&args.key, args.hex)?, bytes(value, args.hex)?);
    let file = &args.file;
    let place = Place::new(&file.file);
    let is_new = |path| std::fs::metadata(path).map_or(true, |metadata| metadata.len() == 0);
    if *create && place.file().is_none_or(is_new) {
        // What is refused makes no database: it is tried in memory first.
        let mut trial = done(file, Database::in_memory(Options::default()))?.session();
        let put = trial
            .create_table(&args.table)
            .and_then(|table| trial.put(table, &key, &value));
        done(file, put)?;
    }
    let mut session = match create {
        true => done(file, place.open(Options::default()))?.session(),
        false => open(&file.file, Options::default())?,
    };
    let table = match create {
        true => session.create_table(&args.table),
        false => session.table(&args.table),
    };
    let put = table.and_then(|table| session.put(table, &key, &value));
    done(file, put).map(|_| 0)
}

fn delete(args: &Key) -> Result<u8> {
    let key = bytes(&args.key, args.hex)?;
    let mut session = open(&args.file.file, Options::default())?;
    let table = done(&args.file, session.table(&args.table))?;
    match done(&args.file, session.delete(table, &key))? {
        true => Ok(0),
        false => Err(no_such_key(args)),
    }
}

fn scan(args: &Scan) -> Result<u8> {
    let end = |key: &Option<String>| key.as_ref().map(|key| bytes(key, args.hex)).transpose();
    let range = match end(&args.prefix)? {
        Some(prefix) => Interval::prefix(&prefix),
        None => Interval {
            low: end(&args.from)?.unwrap_or_default(),
            high: end(&args.to)?,
        },
    };
    let direction = match args.backward {
        true => Direction::Backward,
        false => Direction::Forward,
    };
    let mut session = open(&args.file.file, Options::default())?;
    let rows = session
        .table(&args.table)
        .and_then(|table| session.scan(table, range, direction));
    let rows = done(&args.file, rows)?.limited(args.limit.unwrap_or(u64::MAX));
    print_rows(&args.file, &mut session, rows, args.hex)
}

fn query(args: &Query) -> Result<u8> {
    let mut session = open(&args.file.file, Options::default())?;
    let rows = session.query(&args.query, &[]);
    let rows = rows.map_err(|error| of_query(args, error))?;
    print_rows(&args.file, &mut session, rows, args.hex)
}

fn explain(args: &Query) -> Result<u8> {
    let mut session = open(&args.file.file, Options::default())?;
    let plan = session.explain(&args.query, &[]);
    output::print(&plan.map_err(|error| of_query(args, error))?)?;
    Ok(0)
}

/// A mistake in a query is shown in the query.
fn of_query(args: &Query, error: Error) -> Failure {
    match error {
        Error::Query { at, reason } => {
            let before = args.query.get(..at).unwrap_or(&args.query);
            let column = before.chars().count();
            let line: String = args
                .query
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect();
            Failure::new(format_args!("query: {reason}\n  {line}\n  {:column$}^", ""))
        }
        error => at(&args.file.file, error),
    }
}

fn print_rows(file: &File, session: &mut Session, mut rows: Cursor, hex: bool) -> Result<u8> {
    let mut lines = String::new();
    while let Some((key, value)) = done(file, rows.next(session))? {
        let _ = writeln!(lines, "{}\t{}", text(key, hex), text(value, hex));
        if lines.len() > PRINTED_AT_ONCE {
            output::print(&lines)?;
            lines.clear();
        }
    }
    output::print(&lines)?;
    Ok(0)
}

fn index(args: &Index) -> Result<u8> {
    let mut session = open(&args.file.file, Options::default())?;
    let index = session
        .table(&args.table)
        .and_then(|table| session.create_index(table, &args.name, &args.field));
    done(&args.file, index).map(|_| 0)
}

fn stats(args: &File) -> Result<u8> {
    let mut session = open(&args.file, Options::default())?;
    let stored = done(args, session.database().stored_bytes())?;
    let mut lines = format!(
        "{}: {stored} bytes, {}\n",
        Place::new(&args.file),
        session.database().engine_name()
    );
    for name in done(args, session.table_names())? {
        let info = table(&mut session, &name).and_then(|table| session.table_info(table));
        let info = done(args, info)?;
        let _ = writeln!(lines, "table {name}: {}", counted(info.rows, "row", "rows"));
        for index in info.indices {
            let entries = counted(index.entries, "entry", "entries");
            let _ = writeln!(
                lines,
                "  index {}: {}, {entries}",
                index.name, index.extractor
            );
        }
    }
    output::print(&lines)?;
    Ok(0)
}

/// A table, or one of the machine's.
fn table(session: &mut Session, name: &str) -> dotvm_dotdb::Result<TableId> {
    match name.starts_with('.') {
        true => session.machine_table(name),
        false => session.table(name),
    }
}

fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn check(args: &File) -> Result<u8> {
    let mut options = Options::default();
    options.check = true;
    let mut session = open(&args.file, options)?;
    let mut code = 0;
    for name in done(args, session.table_names())? {
        let faults = table(&mut session, &name).and_then(|table| session.check_indices(table));
        for fault in done(args, faults)? {
            at(&args.file, format_args!("table {name:?}: {fault}")).report();
            code = EXIT_ERROR;
        }
    }
    if code == 0 {
        output::print(&format!("{}: ok\n", Place::new(&args.file)))?;
    }
    Ok(code)
}

/// A key or a value of the command line.
fn bytes(text: &str, hex: bool) -> Result<Vec<u8>> {
    if !hex {
        return Ok(text.as_bytes().to_vec());
    }
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 => Ok(digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect()),
        _ => Err(Failure::usage(format_args!(
            "{text:?}: with --hex, keys and values are pairs of hexadecimal digits"
        ))),
    }
}

/// A key or a value as it is printed: a line of text, whatever it is.
fn text(bytes: &[u8], hex: bool) -> String {
    let mut text = String::with_capacity(bytes.len());
    if hex {
        for byte in bytes {
            let _ = write!(text, "{byte:02x}");
        }
        return text;
    }
    for part in bytes.utf8_chunks() {
        for c in part.valid().chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                c if c.is_control() => {
                    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                        let _ = write!(text, "\\x{byte:02x}");
                    }
                }
                c => text.push(c),
            }
        }
        for byte in part.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}
