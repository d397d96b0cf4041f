//! The command line of `dotvm db`. It is parsed on its own, so that other commands need not set it up.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueHint};

/// Reads and writes DotDB databases. A file is open in one process at a time.
#[derive(Parser, Debug)]
#[command(
    name = "dotvm db",
    bin_name = "dotvm db",
    disable_help_subcommand = true,
    after_help = "Keys and values are text; with --hex they are pairs of hexadecimal digits. Rows are printed \
                  as key, tab, value; bytes that are not printable text are printed as \\xNN."
)]
pub(crate) struct DbCli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: DbCommand,
}

/// The subcommands of `dotvm db`.
#[derive(Subcommand, Debug)]
pub(crate) enum DbCommand {
    /// Print the value of a key; exit code 1 where there is none
    Get(Key),
    /// Set the value of a key
    Put(Put),
    /// Remove a key; exit code 1 where there is none
    Delete(Key),
    /// Print the rows of a table, in the order of their keys
    Scan(Scan),
    /// Print the rows that a query asks for
    Query(Query),
    /// Print how a query would be answered
    Explain(Query),
    /// Declare an index of a table
    Index(Index),
    /// Print what tables and indices there are, and how much is in them
    Stats(File),
    /// Compare the file with its checksums, and indices with their tables
    Check(File),
}

/// A database.
#[derive(Args, Debug)]
pub(crate) struct File {
    /// The database: a file, or postgres://user:password@host/database
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
}

/// A key of a table.
#[derive(Args, Debug)]
pub(crate) struct Key {
    /// The database.
    #[command(flatten)]
    pub(crate) file: File,
    /// The table
    pub(crate) table: String,
    /// The key
    #[arg(allow_hyphen_values = true)]
    pub(crate) key: String,
    /// Keys and values are hexadecimal
    #[arg(long)]
    pub(crate) hex: bool,
}

/// `dotvm db put`.
#[derive(Args, Debug)]
pub(crate) struct Put {
    /// The key.
    #[command(flatten)]
    pub(crate) key: Key,
    /// The value
    #[arg(allow_hyphen_values = true)]
    pub(crate) value: String,
    /// Make the database and the table, where they are not there
    #[arg(long)]
    pub(crate) create: bool,
}

/// `dotvm db scan`.
#[derive(Args, Debug)]
pub(crate) struct Scan {
    /// The database.
    #[command(flatten)]
    pub(crate) file: File,
    /// The table
    pub(crate) table: String,
    /// Only keys that start with this
    #[arg(long, value_name = "KEY", conflicts_with_all = ["from", "to"])]
    pub(crate) prefix: Option<String>,
    /// Only keys from this one on
    #[arg(long, value_name = "KEY")]
    pub(crate) from: Option<String>,
    /// Only keys before this one
    #[arg(long, value_name = "KEY")]
    pub(crate) to: Option<String>,
    /// Begin with the last key
    #[arg(long)]
    pub(crate) backward: bool,
    /// The most rows
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Keys and values are hexadecimal
    #[arg(long)]
    pub(crate) hex: bool,
}

/// `dotvm db query` and `explain`.
#[derive(Args, Debug)]
pub(crate) struct Query {
    /// The database.
    #[command(flatten)]
    pub(crate) file: File,
    /// TABLE [where CONDITION] [order by FIELD [desc]] [limit N], where fields are `key` and the names of indices
    pub(crate) query: String,
    /// Keys and values are hexadecimal
    #[arg(long)]
    pub(crate) hex: bool,
}

/// `dotvm db index`.
#[derive(Args, Debug)]
pub(crate) struct Index {
    /// The database.
    #[command(flatten)]
    pub(crate) file: File,
    /// The table
    pub(crate) table: String,
    /// What the index is called in queries
    pub(crate) name: String,
    /// What it is made of: `bytes START..END`, `json PATH` or `cbor PATH`
    pub(crate) field: String,
}
