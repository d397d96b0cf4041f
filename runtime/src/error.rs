//! Errors, by family: who made the mistake decides which one it is.

use std::fmt;
use std::path::PathBuf;

use dotvm_isa::text::AsmError;
use dotvm_isa::{Malformed, TrapCode};

use crate::backtrace::Backtrace;
use crate::exception::Exception;
use crate::types::ExternType;

/// Whatever an embedder's function may fail with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something did not work.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    File(FileError),
    /// An assembler text is wrong.
    Text(AsmError),
    /// The module is malformed or fails verification.
    Malformed(Malformed),
    /// Imports are missing or do not fit.
    Link(LinkError),
    /// The program did something that stops it.
    Trap(Trap),
    /// The program threw an exception and did not catch it.
    Exception(Exception),
    /// A function of the embedder failed.
    Host(HostError),
    /// A limit of the embedder's or of the machine stands in the way of starting something. (A
    /// running program that meets a limit traps.)
    Limit(String),
    /// The program ended itself with this exit code: 0 for `halt`.
    Exit(i32),
    /// The embedder asked for something that makes no sense, such as a call with arguments of other
    /// types than the function has.
    Usage(String),
    /// A mistake in this crate.
    Bug(String),
}

impl Error {
    /// An error of the embedder's, as functions it gives to programs return them.
    ///
    /// What already is an [`Error`], a [`Trap`], an [`Exception`] or a [`TrapCode`] stays one; everything else becomes
    /// [`Error::Host`].
    pub fn host(error: impl Into<BoxError>) -> Error {
        let error = match error.into().downcast::<Error>() {
            Ok(error) => return *error,
            Err(error) => error,
        };
        let error = match error.downcast::<Trap>() {
            Ok(trap) => return Error::Trap(*trap),
            Err(error) => error,
        };
        let error = match error.downcast::<Exception>() {
            Ok(exception) => return Error::Exception(*exception),
            Err(error) => error,
        };
        match error.downcast::<TrapCode>() {
            Ok(code) => Error::from(*code),
            Err(error) => Error::Host(HostError(Box::new((error, Backtrace::default())))),
        }
    }

    /// The embedder's error of type `E`, where this is [`Error::Host`] with one.
    pub fn downcast_ref<E: std::error::Error + 'static>(&self) -> Option<&E> {
        match self {
            Error::Host(error) => error.error().downcast_ref(),
            _ => None,
        }
    }

    /// The trap's code, where this is a trap.
    pub fn trap_code(&self) -> Option<TrapCode> {
        match self {
            Error::Trap(trap) => Some(trap.code()),
            _ => None,
        }
    }

    /// Says where it happened, where that was not known yet.
    pub(crate) fn or_backtrace(mut self, capture: impl FnOnce() -> Backtrace) -> Error {
        let backtrace = match &mut self {
            Error::Trap(Trap(detail)) => &mut detail.backtrace,
            Error::Host(HostError(detail)) => &mut detail.1,
            Error::Exception(exception) => {
                exception.or_backtrace(capture);
                return self;
            }
            _ => return self,
        };
        if backtrace.is_empty() {
            *backtrace = capture();
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::File(error) => error.fmt(f),
            Error::Text(error) => error.fmt(f),
            Error::Malformed(error) => write!(f, "malformed module: {error}"),
            Error::Link(error) => error.fmt(f),
            Error::Trap(trap) => trap.fmt(f),
            Error::Exception(exception) => exception.fmt(f),
            Error::Host(error) => error.fmt(f),
            Error::Limit(reason) => write!(f, "limit: {reason}"),
            Error::Exit(code) => write!(f, "the program exited with code {code}"),
            Error::Usage(reason) => f.write_str(reason),
            Error::Bug(reason) => write!(f, "bug in DotVM: {reason}"),
        }
    }
}

impl std::error::Error for Error {
    /// What is behind the error that the message is about.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::File(file) => file.error.source(),
            Error::Host(host) => host.0.0.source(),
            _ => None,
        }
    }
}

impl From<AsmError> for Error {
    fn from(error: AsmError) -> Error {
        Error::Text(error)
    }
}

impl From<Malformed> for Error {
    fn from(error: Malformed) -> Error {
        Error::Malformed(error)
    }
}

impl From<Trap> for Error {
    fn from(trap: Trap) -> Error {
        Error::Trap(trap)
    }
}

impl From<Exception> for Error {
    fn from(exception: Exception) -> Error {
        Error::Exception(exception)
    }
}

impl From<TrapCode> for Error {
    fn from(code: TrapCode) -> Error {
        Error::Trap(Trap::new(code, Backtrace::default()))
    }
}

impl From<BoxError> for Error {
    fn from(error: BoxError) -> Error {
        Error::host(error)
    }
}

/// A file that cannot be read.
#[derive(Debug)]
pub struct FileError {
    pub(crate) path: PathBuf,
    pub(crate) error: std::io::Error,
}

impl FileError {
    /// The file's path, as it was given.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// What the operating system says.
    pub fn io_error(&self) -> &std::io::Error {
        &self.error
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.error)
    }
}

/// A stopped program: why, and where it was.
#[derive(Clone, Debug)]
pub struct Trap(Box<TrapDetail>);

#[derive(Clone, Debug)]
struct TrapDetail {
    code: TrapCode,
    detail: Option<String>,
    backtrace: Backtrace,
}

impl Trap {
    pub(crate) fn new(code: TrapCode, backtrace: Backtrace) -> Trap {
        Trap(Box::new(TrapDetail {
            code,
            detail: None,
            backtrace,
        }))
    }

    /// A trap that a function of the embedder returns, with more to say than its code does.
    pub fn with_detail(code: TrapCode, detail: impl Into<String>) -> Trap {
        let mut trap = Trap::new(code, Backtrace::default());
        trap.0.detail = Some(detail.into());
        trap
    }

    /// Why the program was stopped.
    pub fn code(&self) -> TrapCode {
        self.0.code
    }

    /// What there is to say beyond the code.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// Where the program was.
    pub fn backtrace(&self) -> &Backtrace {
        &self.0.backtrace
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trap: {}", self.0.code)?;
        if let Some(detail) = &self.0.detail {
            write!(f, ": {detail}")?;
        }
        self.0.backtrace.fmt_after(f)
    }
}

impl std::error::Error for Trap {}

/// The failure of a function of the embedder, and where the program was that called it.
#[derive(Debug)]
pub struct HostError(Box<(BoxError, Backtrace)>);

impl HostError {
    /// What the function failed with.
    pub fn error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        &*self.0.0
    }

    /// What the function failed with, taken out.
    pub fn into_error(self) -> BoxError {
        self.0.0
    }

    /// Where the program was.
    pub fn backtrace(&self) -> &Backtrace {
        &self.0.1
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host function failed: {}", self.0.0)?;
        self.0.1.fmt_after(f)
    }
}

/// Imports that cannot be satisfied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkError {
    pub(crate) problems: Vec<ImportProblem>,
}

impl LinkError {
    /// Every import that is missing or does not fit, in the module's order.
    pub fn problems(&self) -> &[ImportProblem] {
        &self.problems
    }
}

/// An import that is missing or does not fit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImportProblem {
    /// First part of the import's name.
    pub module: String,
    /// Second part of the import's name.
    pub name: String,
    /// What the module wants.
    pub wanted: ExternType,
    /// What there is; `None` where there is nothing of that name.
    pub found: Option<ExternType>,
}

impl fmt::Display for ImportProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ImportProblem {
            module,
            name,
            wanted,
            found,
        } = self;
        match found {
            None => write!(f, "unknown import: {module}::{name}, {wanted}"),
            Some(found) => write!(
                f,
                "incompatible import type: {module}::{name} must be {wanted}, but is {found}"
            ),
        }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            write!(f, "{}{problem}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}
