//! Why something did not work.

use std::fmt;
use std::io;

/// The result of this crate's functions.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Why something did not work. Unless it says otherwise, the database is as it was before.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Something is longer, or more, than a [limit](crate::Limits) allows.
    Limit {
        /// What it is: "a key", "a transaction's writes".
        what: &'static str,
        /// How much that would be, in bytes or pieces.
        found: u64,
        /// The most there may be.
        max: u64,
    },
    /// A table or an index cannot have this name.
    Name(String),
    /// There is no table of this name.
    UnknownTable(String),
    /// The table has no index of this name.
    UnknownIndex {
        /// The table.
        table: String,
        /// The name.
        index: String,
    },
    /// The table has an index of this name that is something else.
    IndexExists {
        /// The table.
        table: String,
        /// The name.
        index: String,
        /// What the index is made of.
        extractor: String,
    },
    /// The text that says what an index is made of is wrong.
    Extractor(String),
    /// A query is wrong.
    Query {
        /// Where in its text, in bytes.
        at: usize,
        /// What is wrong.
        reason: String,
    },
    /// There is no transaction to commit or to roll back.
    NoTransaction,
    /// An earlier operation of the transaction failed half-way: it can only be rolled back.
    Aborted,
    /// What was to be written is only to be read.
    ReadOnly,
    /// Others kept the database to themselves for longer than [patience](crate::Options::patience) lasts.
    Busy,
    /// Another process has the file open.
    InUse,
    /// A transaction of others stands in the way; the same again may succeed.
    Conflict,
    /// A server cannot be reached, or the connection to it was lost. Nothing of the transaction was written.
    Unreachable(String),
    /// The connection to a server was lost while it was committing, and nobody could be asked whether it has.
    InDoubt(String),
    /// What a server refuses, in its words.
    Server(String),
    /// What is to be the URL of a database is none.
    Url,
    /// The file is something else.
    NotADatabase,
    /// The file was damaged: what it says is impossible.
    Corrupt(String),
    /// There is no room left on the device. The database has to be opened again.
    Full,
    /// The operating system could not read or write. The database has to be opened again.
    Io(io::Error),
    /// Whoever [watches](crate::Session::set_watch) the session wants it to end what it does.
    Interrupted,
    /// An earlier error has left the database unusable until it is opened again.
    Broken,
}

impl Error {
    /// Whether a transaction in which this happened may go on: nothing was written.
    pub(crate) fn is_harmless(&self) -> bool {
        !matches!(
            self,
            Error::Busy
                | Error::Conflict
                | Error::Unreachable(_)
                | Error::InDoubt(_)
                | Error::Server(_)
                | Error::Corrupt(_)
                | Error::Full
                | Error::Io(_)
                | Error::Broken
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Limit { what, found, max } => {
                write!(f, "{what}: {found} is over the limit of {max}")
            }
            Error::Name(name) => write!(
                f,
                "{name:?} is no name: letters, digits, '_', '-' and '.', a letter or '_' first, \
                 at most 64"
            ),
            Error::UnknownTable(name) => write!(f, "there is no table {name:?}"),
            Error::UnknownIndex { table, index } => {
                write!(f, "table {table:?} has no index {index:?}")
            }
            Error::IndexExists {
                table,
                index,
                extractor,
            } => write!(
                f,
                "index {index:?} of table {table:?} exists, and is of {extractor}"
            ),
            Error::Extractor(reason) => write!(f, "index: {reason}"),
            Error::Query { at, reason } => write!(f, "query, at {at}: {reason}"),
            Error::NoTransaction => f.write_str("there is no transaction"),
            Error::Aborted => f.write_str("the transaction has failed and can only be rolled back"),
            Error::ReadOnly => f.write_str("only reading is allowed here"),
            Error::Busy => f.write_str("the database is busy"),
            Error::InUse => f.write_str("another process has the database open"),
            Error::Conflict => f.write_str(
                "a conflict with another transaction: nothing was written, the same again may succeed",
            ),
            Error::Unreachable(reason) => write!(f, "no connection to the server: {reason}"),
            Error::InDoubt(reason) => write!(
                f,
                "the connection was lost while committing, whether anything was written is unknown: {reason}"
            ),
            Error::Server(message) => write!(f, "the server says: {message}"),
            Error::Url => f.write_str(
                "no URL of a database: postgres://user:password@host:port/database, where a password has %40 \
                 for '@', %2F for '/', %25 for '%'",
            ),
            Error::NotADatabase => f.write_str("not a database of DotVM"),
            Error::Corrupt(what) => write!(f, "the database is damaged: {what}"),
            Error::Full => f.write_str("no space left on the device"),
            Error::Io(error) => error.fmt(f),
            Error::Interrupted => f.write_str("interrupted"),
            Error::Broken => {
                f.write_str("after an earlier error the database has to be opened again")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full,
            _ => Error::Io(error),
        }
    }
}
