//! `dotvm profile`: works with profiles that `dotvm run --profile=exact,FILE.json` wrote.

mod diff;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Command, CommandFactory as _, Parser, Subcommand, ValueHint};

use crate::failure::Result;
use crate::output;

/// Works with profiles that `dotvm run --profile=exact,FILE.json` wrote.
#[derive(Parser, Debug)]
#[command(name = "dotvm profile", disable_help_subcommand = true)]
struct ProfileCli {
    #[command(subcommand)]
    command: ProfileCommand,
}

/// What is done with profiles.
#[derive(Subcommand, Debug)]
enum ProfileCommand {
    /// Compare two profiles
    Diff(Diff),
}

/// `dotvm profile diff`.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 where nothing has grown by more than the threshold, 3 where fuel, loads \
                        and stores together, or database operations have; 1 where a profile cannot be read."
)]
struct Diff {
    /// The profile from before
    #[arg(value_hint = ValueHint::FilePath)]
    before: PathBuf,
    /// The profile from after that
    #[arg(value_hint = ValueHint::FilePath)]
    after: PathBuf,
    /// How much more is allowed, in percent
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = diff::parse_percent)]
    threshold: f64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Parses the rest of the command line, and does what it says; returns the exit code.
pub(crate) fn profile(args: &[OsString]) -> Result<u8> {
    let name = OsString::from("dotvm profile");
    match ProfileCli::try_parse_from([&name].into_iter().chain(args)) {
        Ok(ProfileCli {
            command: ProfileCommand::Diff(args),
        }) => diff::diff(&args),
        Err(help_or_error) => output::say_usage(&help_or_error),
    }
}

/// What shells complete.
pub(crate) fn command() -> Command {
    ProfileCli::command().name("profile")
}
