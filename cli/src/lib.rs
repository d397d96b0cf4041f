//! The `dotvm` command: transpiles, runs, compiles, assembles, disassembles, verifies and inspects programs.
//!
//! [`main`] is all of it. The runner of WebAssembly specification scripts, [`wast`], is public
//! because the end-to-end tests use it, too.
//!
//! Start-up is part of the product: `dotvm run` of a small program takes about a millisecond.
//! Nothing here is computed, formatted or read before somebody needs it.

mod args;
mod base64;
mod build;
mod commands;
mod failure;
mod load;
mod output;
mod phases;
mod profile;
mod progress;
mod sampled;
mod signals;
mod source;
mod sources;
mod units;
pub mod wast;

use clap::Parser as _;

use args::{Cli, Command};
use failure::{EXIT_ERROR, Result};

/// Runs the command line of this process and ends the process.
pub fn main() -> ! {
    signals::prepare();
    failure::install_panic_hook();
    // The hook has said what there is to say.
    let code = std::panic::catch_unwind(run).unwrap_or(EXIT_ERROR);
    std::process::exit(i32::from(code))
}

fn run() -> u8 {
    let done = match Cli::try_parse() {
        Ok(cli) => execute(cli.command),
        Err(help_or_error) => output::say_usage(&help_or_error),
    };
    done.unwrap_or_else(|failure| failure.report())
}

fn execute(command: Command) -> Result<u8> {
    match command {
        Command::Transpile(args) => commands::transpile::transpile(&args),
        Command::Run(mut args) => {
            args.resolve();
            commands::run::run(&args)
        }
        Command::Compile(args) => commands::compile::compile(&args),
        Command::Asm(args) => commands::asm::asm(&args),
        Command::Disasm(args) => commands::disasm::disasm(&args),
        Command::Verify(args) => commands::verify::verify(&args),
        Command::Inspect(args) => commands::inspect::inspect(&args),
        Command::Explore(args) => commands::explore::explore(&args),
        Command::Debug(args) => commands::debug::debug(&args),
        Command::Wast(args) => commands::wast::wast(&args),
        Command::Dap(args) => commands::dap::dap(&args),
        Command::Db(args) => commands::db::db(&args.args),
        Command::State(args) => commands::state::state(&args.args),
        Command::Profile(args) => commands::profile::profile(&args.args),
        Command::Completion(args) => commands::completion::completion(&args),
    }
}
