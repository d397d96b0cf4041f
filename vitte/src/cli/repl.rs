//! `vitte repl`: a session at a terminal, or from a pipe.

use std::io::{self, BufRead, BufReader, IsTerminal as _, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dotvm::Error;
use dotvm::wasi::{InputStream, WasiCtxBuilder};
use rustyline::Editor;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use signal_hook::consts::SIGINT;

use super::{Given, printable};
use crate::modules::Files;
use crate::run::Options;
use crate::session::{Failure, Session, Shown, Unfinished, is_unfinished};
use crate::source::SOURCE_LEN_MAX;

/// What people see in front of what they write, and of lines that go on with it.
const PROMPTS: [&str; 2] = ["vitte> ", "     | "];

const HELP: &str = "\
Statements and declarations run when they are whole; of an expression the value and its type are shown,
and `it` is that value from then on. Declaring a name again hides the older one.
  :type EXPRESSION  shows the type, and computes nothing
  :load FILE        runs a file as if it had been entered
  :reset            forgets everything that was entered
  :help             shows this
  :quit             ends the session, as the end of the input does
";

/// How often is looked whether ctrl-C was pressed.
const CTRL_C_TIME: Duration = Duration::from_millis(20);

/// A line of input, or why there is none.
enum Line {
    Text(String),
    /// It was thrown away, by ctrl-C.
    Aborted,
    End,
}

/// Where lines come from.
enum Input {
    Terminal(Box<Editor<(), DefaultHistory>>),
    Lines(BufReader<io::Stdin>),
}

impl Input {
    fn standard() -> io::Result<Input> {
        if !io::stdin().is_terminal() {
            return Ok(Input::Lines(BufReader::new(io::stdin())));
        }
        let editor = Editor::new().map_err(io::Error::other)?;
        Ok(Input::Terminal(Box::new(editor)))
    }

    fn is_terminal(&self) -> bool {
        matches!(self, Input::Terminal(_))
    }

    fn next(&mut self, goes_on: bool) -> io::Result<Line> {
        match self {
            Input::Terminal(editor) => match editor.readline(PROMPTS[usize::from(goes_on)]) {
                Ok(line) => Ok(Line::Text(line)),
                Err(ReadlineError::Interrupted) => Ok(Line::Aborted),
                Err(ReadlineError::Eof) => Ok(Line::End),
                Err(error) => Err(io::Error::other(error)),
            },
            Input::Lines(lines) => {
                let mut line = String::new();
                let limit = SOURCE_LEN_MAX as u64 + 1;
                let len = lines.by_ref().take(limit).read_line(&mut line)?;
                if len as u64 == limit {
                    return Err(io::Error::other("a line of the input is too long"));
                }
                Ok(match len {
                    0 => Line::End,
                    _ => Line::Text(line.trim_end_matches(['\n', '\r']).to_owned()),
                })
            }
        }
    }

    fn remember(&mut self, text: &str) {
        if let Input::Terminal(editor) = self {
            // A history that is full is no reason to stop.
            let _ = editor.add_history_entry(text);
        }
    }
}

/// Stops what runs when ctrl-C is pressed; where nothing does, the process ends as usual.
struct CtrlC {
    /// Whether the signal ends the process.
    deadly: Arc<AtomicBool>,
    came: Arc<AtomicBool>,
}

impl CtrlC {
    fn watch(session: &Session) -> io::Result<CtrlC> {
        let deadly = Arc::new(AtomicBool::new(true));
        let came = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register_conditional_default(SIGINT, Arc::clone(&deadly))?;
        signal_hook::flag::register(SIGINT, Arc::clone(&came))?;
        let (handle, flag) = (session.interrupt_handle(), Arc::clone(&came));
        let watch = std::thread::Builder::new().name("vitte-ctrl-c".into());
        watch.spawn(move || {
            loop {
                std::thread::sleep(CTRL_C_TIME);
                if flag.swap(false, Ordering::SeqCst) {
                    handle.interrupt();
                }
            }
        })?;
        Ok(CtrlC { deadly, came })
    }

    /// Does something that can be stopped.
    fn around<T>(&self, f: impl FnOnce() -> T) -> T {
        self.came.store(false, Ordering::SeqCst);
        self.deadly.store(false, Ordering::SeqCst);
        let result = f();
        self.deadly.store(true, Ordering::SeqCst);
        result
    }
}

/// How a session goes on.
enum Next {
    On,
    /// Something failed.
    Failed,
    End,
    /// The program ends the process.
    Exit(i32),
}

/// Runs a session; gives the exit code.
///
/// # Errors
/// Where the session cannot be started, or the input not be read.
pub(super) fn run(given: &Given) -> io::Result<u8> {
    let mut input = Input::standard()?;
    let mut wasi = WasiCtxBuilder::new();
    wasi.inherit_stdio();
    if !input.is_terminal() {
        // The input is what is entered.
        wasi.stdin(InputStream::Null);
    }
    wasi.arg("repl").map_err(io::Error::other)?;
    wasi.args(&given.args).map_err(io::Error::other)?;
    given.access.give(&mut wasi)?;
    let options = Options {
        config: given.access.config(),
        database: given.db.clone(),
        libraries: given.access.libraries(),
        ..Options::default()
    };
    let session = Session::new(&options, Box::new(Files), &mut wasi);
    let mut session = session.map_err(io::Error::other)?;
    let ctrl_c = CtrlC::watch(&session)?;
    if input.is_terminal() {
        println!("Vitte {}; :help shows commands", env!("CARGO_PKG_VERSION"));
    }
    let mut failed = false;
    let code = loop {
        let Some(text) = piece(&mut input)? else {
            break None;
        };
        if text.trim().is_empty() {
            continue;
        }
        input.remember(&text);
        match ctrl_c.around(|| enter(&mut session, &text)) {
            Next::On => {}
            Next::Failed => failed = true,
            Next::End => break None,
            Next::Exit(code) => break Some(code.cast_unsigned() as u8),
        }
    };
    let failed = failed && !input.is_terminal();
    session.close();
    Ok(code.unwrap_or(u8::from(failed)))
}

/// Reads a command, or lines up to where what they say is whole; nothing at the end of the input.
fn piece(input: &mut Input) -> io::Result<Option<String>> {
    let mut text = String::new();
    loop {
        let line = match input.next(!text.is_empty())? {
            Line::Text(line) => line,
            Line::Aborted => {
                text.clear();
                continue;
            }
            Line::End if text.is_empty() => return Ok(None),
            Line::End => return Ok(Some(text)),
        };
        if text.is_empty() && (line.trim().is_empty() || line.trim_start().starts_with(':')) {
            return Ok(Some(line));
        }
        text.push_str(&line);
        text.push('\n');
        if text.len() > SOURCE_LEN_MAX {
            return Ok(Some(text));
        }
        match is_unfinished(&text)? {
            Unfinished::Open => {}
            // An empty line says that nothing is to come.
            Unfinished::Perhaps if !line.trim().is_empty() => {}
            _ => return Ok(Some(text)),
        }
    }
}

/// Does what was entered.
fn enter(session: &mut Session, text: &str) -> Next {
    let Some(command) = text.trim_start().strip_prefix(':') else {
        return say(session.enter(text));
    };
    let command = command.trim();
    let (name, rest) = command
        .split_once(char::is_whitespace)
        .unwrap_or((command, ""));
    let rest = rest.trim();
    match (name, rest) {
        ("type" | "load", "") => wrong(&format!("`:{name}` needs something behind it")),
        ("type", expression) => match session.type_of(expression) {
            Ok(ty) => {
                tell(ty.as_deref().unwrap_or("no value"));
                Next::On
            }
            Err(failure) => say(Err(failure)),
        },
        ("load", file) => match session.load(Path::new(file)) {
            Ok(result) => say(result),
            Err(error) => wrong(&format!("{file}: {error}")),
        },
        ("reset", "") => {
            session.reset();
            Next::On
        }
        ("help", "") => {
            print!("{HELP}");
            Next::On
        }
        ("quit", "") => Next::End,
        _ => wrong(&format!(
            "there is no command `:{command}`; `:help` shows all"
        )),
    }
}

/// Shows how something ended.
fn say(result: Result<Option<Shown>, Failure>) -> Next {
    match result {
        Ok(Some(Shown { text, ty })) => {
            tell(&format!("{text}: {ty}"));
            Next::On
        }
        Ok(None) => Next::On,
        Err(Failure::Wrong(errors)) => {
            eprint!("{errors}");
            Next::Failed
        }
        Err(Failure::Stopped(Error::Exit(code))) => Next::Exit(code),
        Err(Failure::Stopped(error)) => {
            // A backtrace has lines.
            let lines: Vec<String> = error.to_string().lines().map(printable).collect();
            eprintln!("error: {}", lines.join("\n"));
            Next::Failed
        }
    }
}

fn wrong(message: &str) -> Next {
    eprintln!("error: {}", printable(message));
    Next::Failed
}

/// Shows something in one line.
fn tell(text: &str) {
    println!("{}", printable(text));
    // Whoever reads no more is noticed by the next line.
    let _ = io::stdout().flush();
}
