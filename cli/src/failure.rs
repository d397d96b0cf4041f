//! How a command fails: what is printed, and the exit code.

use std::fmt;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use dotvm::Error;
use dotvm::db::Place;

/// Exit code of a wrong command line.
pub(crate) const EXIT_USAGE: u8 = 2;
/// Exit code of errors, of the machine or of the module.
pub(crate) const EXIT_ERROR: u8 = 1;
/// Exit code of a trap: what a shell reports of a native program that aborts.
pub(crate) const EXIT_TRAP: u8 = 134;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    /// Without the word "error" in front, without a line end behind; may have several lines.
    message: String,
}

/// The result of a command, or of a part of it.
pub(crate) type Result<T = (), E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// An error, with exit code 1.
    #[cold]
    pub(crate) fn new(message: impl fmt::Display) -> Failure {
        Failure {
            code: EXIT_ERROR,
            message: message.to_string(),
        }
    }

    /// A command line that makes no sense.
    #[cold]
    pub(crate) fn usage(message: impl fmt::Display) -> Failure {
        Failure {
            code: EXIT_USAGE,
            message: message.to_string(),
        }
    }

    /// A trap, with its backtrace.
    #[cold]
    pub(crate) fn trap(message: impl fmt::Display) -> Failure {
        Failure {
            code: EXIT_TRAP,
            message: message.to_string(),
        }
    }

    /// An error about a file or a database, which the message starts with; passwords in URLs are not shown.
    #[cold]
    pub(crate) fn at(path: &Path, reason: impl fmt::Display) -> Failure {
        Failure::new(format_args!("{}: {reason}", Place::new(path)))
    }

    /// What a failure of the runtime with the program at `path` is to the user of the command line.
    #[cold]
    pub(crate) fn of(path: &Path, error: Error) -> Failure {
        match error {
            Error::Trap(_) | Error::Exception(_) => Failure::trap(readable(error.to_string())),
            Error::Limit(_) => Failure::trap(format_args!("{}: {error}", Place::new(path))),
            Error::File(_) => Failure::new(error),
            Error::Malformed(error) => Failure::at(path, error),
            Error::Host(_) => Failure::new(readable(error.to_string())),
            error => Failure::at(path, error),
        }
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    /// What is wrong, as [`Failure::report`] prints it.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Prints the message on standard error; returns the exit code.
    pub(crate) fn report(&self) -> u8 {
        print(&self.message);
        self.code
    }
}

/// A message with a backtrace; names of Rust functions are as in their sources.
pub(crate) fn readable(message: String) -> String {
    let mut demangled = Vec::new();
    let read = rustc_demangle::demangle_stream(&mut message.as_bytes(), &mut demangled, false);
    match (read, String::from_utf8(demangled)) {
        (Ok(()), Ok(demangled)) => demangled,
        // Neither can happen in memory; the names are readable with some effort as well.
        _ => message,
    }
}

/// Prints an error message on standard error, coloured where somebody looks at it.
pub(crate) fn print(message: &str) {
    let mut stderr = std::io::stderr().lock();
    let coloured =
        stderr.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let prefix = if coloured {
        "\x1b[1;31merror:\x1b[0m"
    } else {
        "error:"
    };
    // One write, so that messages of processes that share a terminal do not mix. If standard error
    // is closed, there is nobody to tell.
    let message = printable(message);
    let _ = stderr.write_all(format!("{prefix} {message}\n").as_bytes());
}

/// Without characters that could make a terminal show other things than there are: names in modules
/// and of files may be anything.
fn printable(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for c in message.chars() {
        match c.is_control() && !matches!(c, '\n' | '\t') {
            true => text.extend(c.escape_default()),
            false => text.push(c),
        }
    }
    text
}

/// Replaces the panic message by one that says whose fault it is.
pub(crate) fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        // A damaged database; whoever reads it makes that an error.
        if dotvm_dotdb::is_guarded() {
            return;
        }
        let reason = info.payload_as_str().unwrap_or("unknown reason");
        let place = info
            .location()
            .map(|at| format!(" ({at})"))
            .unwrap_or_default();
        print(&format!(
            "this is a bug in dotvm, not in your program: {reason}{place}\n\
             please report it at {}/issues, with what you ran",
            env!("CARGO_PKG_REPOSITORY")
        ));
    }));
}
