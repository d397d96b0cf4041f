//! `dotvm completion`: scripts that let shells complete command lines.

use clap::CommandFactory as _;

use crate::args::{Cli, Completion};
use crate::failure::Result;
use crate::output;

/// Prints the script for a shell.
pub(crate) fn completion(args: &Completion) -> Result<u8> {
    let mut script = Vec::new();
    let mut command = Cli::command()
        .mut_subcommand("db", |_| super::db::command())
        .mut_subcommand("state", |_| super::state::command())
        .mut_subcommand("profile", |_| super::profile::command());
    clap_complete::generate(args.shell, &mut command, "dotvm", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(0)
}
