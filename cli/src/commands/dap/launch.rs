//! What a client says of the program to be run: the same as the command line of `dotvm run` does.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use serde_json::Value;

use crate::args::{Cli, Command, Run};

/// A program to be run.
#[derive(Debug)]
pub(super) struct Launch {
    /// As `dotvm run` takes it.
    pub(super) args: Box<Run>,
    /// What relative paths of the client, and of the program's debug information, are relative to.
    pub(super) folder: PathBuf,
    /// Whether it stops at its first instruction.
    pub(super) stop_on_entry: bool,
    /// Whether nothing is to stop it.
    pub(super) no_debug: bool,
    /// What it reads; nothing where that is not said.
    pub(super) stdin: Option<PathBuf>,
}

/// Options of `dotvm run` that are called differently here, and take a value as it is.
const OPTIONS: [(&str, &str); 9] = [
    ("invoke", "--invoke"),
    ("arch", "--arch"),
    ("optLevel", "--opt-level"),
    ("bin", "--bin"),
    ("fuel", "--fuel"),
    ("timeout", "--timeout"),
    ("maxMemory", "--max-memory"),
    ("maxStack", "--max-stack"),
    ("state", "--state"),
];

impl Launch {
    /// Takes a program from the arguments of a request.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn new(arguments: &Value) -> Result<Launch, String> {
        let here = std::env::current_dir().map_err(|error| format!("the folder: {error}"))?;
        let folder = match text(arguments, "cwd")? {
            Some(folder) => here.join(folder),
            None => here,
        };
        let program = text(arguments, "program")?.ok_or("`program` is missing")?;
        let mut line: Vec<OsString> = vec!["dotvm".into(), "run".into(), "--debug".into()];
        for (name, option) in OPTIONS {
            if let Some(value) = scalar(arguments, name)? {
                line.push(format!("{option}={value}").into());
            }
        }
        if let Some(path) = text(arguments, "db")? {
            line.push(option("--db=", &folder.join(path)));
        }
        for dir in texts(arguments, "dirs")? {
            // Without a name for the program, it is the one that stands here.
            let (host, guest) = dir.split_once("::").unwrap_or((dir.as_str(), dir.as_str()));
            let mut text = option("--dir=", &folder.join(host));
            text.push(format!("::{guest}"));
            line.push(text);
        }
        for library in texts(arguments, "allowFfi")? {
            line.push(format!("--allow-ffi={library}").into());
        }
        for (name, value) in object(arguments, "env")? {
            line.push(match value {
                Value::Null => format!("--env={name}").into(),
                Value::String(value) => format!("--env={name}={value}").into(),
                _ => return Err(format!("`env`: the value of {name:?} must be a string")),
            });
        }
        line.push("--".into());
        line.push(folder.join(program).into());
        line.extend(texts(arguments, "args")?.into_iter().map(OsString::from));
        let Command::Run(args) = parse(line)? else {
            return Err("that is no program to be run".to_owned());
        };
        Ok(Launch {
            args,
            stop_on_entry: flag(arguments, "stopOnEntry")?,
            no_debug: flag(arguments, "noDebug")?,
            stdin: text(arguments, "stdin")?.map(|path| folder.join(path)),
            folder,
        })
    }
}

fn option(name: &str, path: &Path) -> OsString {
    let mut text = OsString::from(name);
    text.push(path);
    text
}

fn parse(line: Vec<OsString>) -> Result<Command, String> {
    let parsed = Cli::try_parse_from(line).map_err(|error| {
        let text = error.render().to_string();
        let first = text.lines().next().unwrap_or_default();
        first.trim_start_matches("error: ").to_owned()
    });
    Ok(parsed?.command)
}

/// A string, where there is one.
///
/// # Errors
/// Where it is something else.
pub(super) fn text<'v>(arguments: &'v Value, name: &str) -> Result<Option<&'v str>, String> {
    match &arguments[name] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(format!("`{name}` must be a string")),
    }
}

fn scalar(arguments: &Value, name: &str) -> Result<Option<String>, String> {
    match &arguments[name] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Number(number) => Ok(Some(number.to_string())),
        _ => Err(format!("`{name}` must be a string or a number")),
    }
}

fn texts(arguments: &Value, name: &str) -> Result<Vec<String>, String> {
    let wrong = || format!("`{name}` must be a list of strings");
    match &arguments[name] {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong))
            .collect(),
        _ => Err(wrong()),
    }
}

fn object<'v>(
    arguments: &'v Value,
    name: &str,
) -> Result<impl Iterator<Item = (&'v String, &'v Value)>, String> {
    match &arguments[name] {
        Value::Null => Ok(None.into_iter().flatten()),
        Value::Object(map) => Ok(Some(map).into_iter().flatten()),
        _ => Err(format!("`{name}` must be an object")),
    }
}

/// A truth value, false where there is none.
///
/// # Errors
/// Where it is something else.
pub(super) fn flag(arguments: &Value, name: &str) -> Result<bool, String> {
    match &arguments[name] {
        Value::Null => Ok(false),
        Value::Bool(on) => Ok(*on),
        _ => Err(format!("`{name}` must be true or false")),
    }
}
