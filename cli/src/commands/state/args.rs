//! The command line of `dotvm state`. It is parsed on its own, so that other commands need not set it up.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueHint};

/// Looks at what programs keep from run to run (`dotvm run --state NAME`).
#[derive(Parser, Debug)]
#[command(
    name = "dotvm state",
    bin_name = "dotvm state",
    disable_help_subcommand = true
)]
pub(crate) struct StateCli {
    /// The database that they are in, a file or postgres://user:password@host/database [default: states.db in dotvm in the user's data folder]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) db: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: StateCommand,
}

/// The subcommands of `dotvm state`.
#[derive(Subcommand, Debug)]
pub(crate) enum StateCommand {
    /// Print all states, with the last version of each
    List,
    /// Print the versions of a state, the oldest first
    Show(Name),
    /// Write a version of a state to a file
    Export(Export),
    /// Make what was exported the next version of a state, which need not be there
    Import(Import),
    /// Go back to an earlier version: what came after it is removed. Rows of tables stay as they are
    Rollback(Rollback),
    /// Remove a state with all its versions
    Remove(Name),
}

/// The name of a state.
#[derive(Args, Debug)]
pub(crate) struct Name {
    /// The state
    pub(crate) name: String,
}

/// `dotvm state export`. Its `--version` is the state's.
#[derive(Args, Debug)]
#[command(disable_version_flag = true)]
pub(crate) struct Export {
    /// The state
    pub(crate) name: String,
    /// The version [default: the last one]
    #[arg(long, value_name = "N")]
    pub(crate) version: Option<u64>,
    /// The file to write [default: the state's name with .dotstate, in the current folder]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

/// `dotvm state import`.
#[derive(Args, Debug)]
pub(crate) struct Import {
    /// The state
    pub(crate) name: String,
    /// What was exported
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) input: PathBuf,
    /// How many versions are kept
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) versions: u64,
}

/// `dotvm state rollback`.
#[derive(Args, Debug)]
pub(crate) struct Rollback {
    /// The state
    pub(crate) name: String,
    /// The version to go back to [default: the one before the last]
    #[arg(long, value_name = "N")]
    pub(crate) to: Option<u64>,
}
