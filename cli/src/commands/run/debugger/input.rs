//! Where the debugger's commands come from: a terminal with an editor of lines, a pipe or a file.

use std::io::{BufRead, BufReader, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{Context, Editor, Helper};

use crate::failure::{Failure, Result};
use crate::output;

/// What people see in front of what they write.
const PROMPT: &str = "(debug) ";

/// The longest line of a file or pipe, with what ends it.
const MAX_LINE_BYTES: u64 = 64 << 10;

/// A line of input, or why there is none.
pub(super) enum Line {
    /// A line.
    Text(String),
    /// It was thrown away, by ctrl-C.
    Aborted,
    /// There is nothing more.
    End,
}

/// Where commands come from.
pub(super) enum Input {
    /// A terminal.
    Terminal(Box<Editor<Names, DefaultHistory>>),
    /// Anything else; what comes from there is shown as if somebody had typed it.
    Lines(Box<dyn BufRead + Send>),
}

impl Input {
    /// The lines of a file.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub(super) fn file(path: &Path) -> Result<Input> {
        let file = std::fs::File::open(path).map_err(|error| Failure::at(path, error))?;
        // Folders can be opened as well.
        if file.metadata().is_ok_and(|about| about.is_dir()) {
            return Err(Failure::at(path, "is a folder"));
        }
        Ok(Input::Lines(Box::new(BufReader::new(file))))
    }

    /// Standard input; `names` are those of the commands.
    ///
    /// # Errors
    /// Where a terminal cannot be used.
    pub(super) fn standard(names: Vec<&'static str>) -> rustyline::Result<Input> {
        if !std::io::stdin().is_terminal() {
            return Ok(Input::Lines(Box::new(BufReader::new(std::io::stdin()))));
        }
        let mut editor = Editor::new()?;
        editor.set_helper(Some(Names(names)));
        Ok(Input::Terminal(Box::new(editor)))
    }

    /// Whether somebody sits there.
    pub(super) fn is_terminal(&self) -> bool {
        matches!(self, Input::Terminal(_))
    }

    /// The next line.
    pub(super) fn next(&mut self) -> Line {
        match self {
            Input::Terminal(editor) => match editor.readline(PROMPT) {
                Ok(line) => {
                    // A history that is full is no reason to stop.
                    let _ = editor.add_history_entry(&line);
                    Line::Text(line)
                }
                Err(ReadlineError::Interrupted) => Line::Aborted,
                Err(_) => Line::End,
            },
            Input::Lines(lines) => {
                let mut line = String::new();
                match lines.by_ref().take(MAX_LINE_BYTES).read_line(&mut line) {
                    Ok(0) => Line::End,
                    Ok(bytes) if bytes as u64 == MAX_LINE_BYTES => {
                        output::say("error: a line of commands is too long\n");
                        Line::End
                    }
                    Err(error) => {
                        output::say(&format!("error: commands cannot be read: {error}\n"));
                        Line::End
                    }
                    Ok(_) => {
                        let mut stdout = std::io::stdout().lock();
                        let shown = writeln!(stdout, "{PROMPT}{}", line.trim_end());
                        let _ = shown.and_then(|()| stdout.flush());
                        Line::Text(line)
                    }
                }
            }
        }
    }
}

/// Completes names of commands.
pub(super) struct Names(Vec<&'static str>);

impl Completer for Names {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let start = &line[..pos];
        if start.contains(' ') {
            return Ok((pos, Vec::new()));
        }
        let fitting = self.0.iter().filter(|name| name.starts_with(start));
        Ok((0, fitting.map(|&name| name.to_owned()).collect()))
    }
}

impl Hinter for Names {
    type Hint = String;
}
impl Highlighter for Names {}
impl Validator for Names {}
impl Helper for Names {}
