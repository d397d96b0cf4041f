//! The `dotvm-bench` command.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use dotvm_bench::artifacts::Workshop;
use dotvm_bench::contender::{Kind, Tools};
use dotvm_bench::program::{self, Program};
use dotvm_bench::{compare, start, vitte};

/// Measures DotVM against other WebAssembly machines and native code.
#[derive(Parser, Debug)]
#[command(disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Total wall time of whole programs
    Compare {
        /// What and how.
        #[command(flatten)]
        common: Common,
        /// Runs of each program and machine, of which the median counts
        #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
        runs: u32,
        /// Which programs, NAME or NAME:SIZE; all, where nothing is said
        #[arg(long, value_name = "LIST", value_delimiter = ',')]
        programs: Vec<Program>,
    },
    /// Total wall time of Vitte programs, next to the same ones on LuaJIT and CPython
    Vitte {
        /// What and how.
        #[command(flatten)]
        common: Common,
        /// Runs of each program and machine, of which the median counts
        #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
        runs: u32,
        /// Which programs, NAME or NAME:SIZE; all, where nothing is said
        #[arg(long, value_name = "LIST", value_delimiter = ',')]
        programs: Vec<vitte::Program>,
    },
    /// Time to the first output of a small and a large program, and memory by then
    Start {
        /// What and how.
        #[command(flatten)]
        common: Common,
        /// Runs of each program and machine, of which the median counts
        #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
        runs: u32,
    },
}

#[derive(Args, Debug)]
struct Common {
    /// Which machines; all that are installed, where nothing is said
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    machines: Vec<Kind>,
    /// The folder for the report
    #[arg(long, value_name = "DIR", default_value = "report")]
    out: PathBuf,
    /// The dotvm command to measure, instead of one built now
    #[arg(long, value_name = "FILE")]
    dotvm: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures and writes the report; returns whether every program did on our machine what it should.
fn run(cli: Cli) -> Result<bool> {
    match cli.command {
        Command::Compare {
            common,
            runs,
            programs,
        } => {
            let (tools, workshop, kinds) = prepare(&common, &Kind::OF_WASM)?;
            let built = match programs.is_empty() {
                true => workshop.build_what_can_be(program::all(), &tools)?,
                false => workshop.build_all(programs, &tools)?,
            };
            let contests = compare::contests(&tools, &kinds, &built);
            let machines = compare::machines(&tools, &kinds);
            let comparison = compare::measure(machines, contests, runs);
            print!("{}", comparison.markdown());
            comparison.write(&common.out, ("compare", "Whole programs"))?;
            Ok(comparison.is_clean())
        }
        Command::Vitte {
            common,
            runs,
            mut programs,
        } => {
            let (tools, _, kinds) = prepare(&common, &Kind::OF_VITTE)?;
            if programs.is_empty() {
                programs = vitte::all();
            }
            let contests = vitte::contests(&tools, &kinds, &programs);
            let machines = compare::machines(&tools, &kinds);
            let numeric = programs.iter().filter(|program| program.is_numeric());
            let comparison = compare::measure(machines, contests, runs)
                .with_group("programs are numeric", numeric.map(ToString::to_string));
            print!("{}", comparison.markdown());
            comparison.write(&common.out, ("vitte", "Vitte programs"))?;
            Ok(comparison.is_clean())
        }
        Command::Start { common, runs } => {
            let (tools, workshop, kinds) = prepare(&common, &Kind::OF_WASM)?;
            let built = workshop.build_what_can_be(program::for_start(), &tools)?;
            let startup = start::measure(&tools, &kinds, &built, runs);
            print!("{}", startup.markdown());
            startup.write(&common.out)?;
            Ok(startup.is_clean())
        }
    }
}

/// Finds and builds what is needed, and says which of these machines take part.
fn prepare(common: &Common, kinds: &[Kind]) -> Result<(Tools, Workshop, Vec<Kind>)> {
    let workshop = Workshop::open().context("the folder for programs")?;
    let tools = Tools::find(common.dotvm.clone(), workshop.folder())?;
    let kinds = tools.available(kinds, &common.machines)?;
    Ok((tools, workshop, kinds))
}
