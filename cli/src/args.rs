//! The command line: what can be written, and what it means. Nothing is done here.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use dotvm::{Config, Jit};
use dotvm_isa::Arch;
use dotvm_transpiler::{Features, OptLevel};

use crate::units;

/// Builds and runs DotVM programs.
#[derive(Parser, Debug)]
#[command(
    name = "dotvm",
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    after_help = "Exit codes: the program's own; 134 for a trap, a reached limit included; \
                  1 for other errors; 2 for a wrong command line."
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The subcommands.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Translate a Rust program or WebAssembly into bytecode
    Transpile(Transpile),
    /// Run a program
    Run(Box<Run>),
    /// Compile a program to native code, for this machine
    Compile(Compile),
    /// Assemble text (.dasm) into bytecode
    Asm(Asm),
    /// Print bytecode as assembler text
    Disasm(Disasm),
    /// Check whole modules, every function included
    Verify(Verify),
    /// Show what a module consists of
    Inspect(Inspect),
    /// Make a page that shows source, bytecode and native code side by side
    Explore(Explore),
    /// Look at a core dump, which `run --coredump` writes, with the debugger
    Debug(Debug),
    /// Run WebAssembly specification scripts (.wast)
    Wast(Wast),
    /// Debug programs from an editor, by the Debug Adapter Protocol
    Dap(Dap),
    /// Read and write databases: get, put, delete, scan, query, explain, index, stats, check
    Db(Subcommands),
    /// Look at what programs keep from run to run: list, show, export, import, rollback, remove
    State(Subcommands),
    /// Compare profiles: diff
    Profile(Subcommands),
    /// Print a completion script for a shell
    Completion(Completion),
}

/// What source programs are translated for, and how hard.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct Target {
    /// Architecture: arch32, arch64, arch128, arch256 or arch512 [default: arch64, or the first one with the vectors and words that are used]
    #[arg(short, long, value_parser = arch_parser(), hide_possible_values = true)]
    arch: Option<Arch>,
    /// Optimization, from 0 (plain translation) to 3 [default: 2]
    #[arg(short = 'O', long, value_name = "LEVEL", value_parser = level_parser(),
          hide_possible_values = true)]
    opt_level: Option<OptLevel>,
}

impl Target {
    /// The architecture, where one is asked for.
    pub(crate) fn arch(&self) -> Option<Arch> {
        self.arch
    }

    /// How much to optimize.
    pub(crate) fn opt_level(&self) -> OptLevel {
        self.opt_level.unwrap_or_default()
    }
}

/// How a program that is not bytecode yet is compiled.
#[derive(Args, Debug, Clone)]
pub(crate) struct Source {
    /// Architecture and optimization.
    #[command(flatten)]
    pub(crate) target: Target,
    /// Which binary of a Cargo project that has several
    #[arg(long, value_name = "NAME")]
    pub(crate) bin: Option<String>,
}

impl Source {
    /// What is said on the command line, as it is said there, with a blank behind each option.
    pub(crate) fn shown(&self) -> String {
        let Target { arch, opt_level } = self.target;
        let options = [
            arch.map(|arch| format!("-a {} ", arch.name())),
            opt_level.map(|level| format!("-O {level} ")),
            self.bin.as_ref().map(|bin| format!("--bin {bin} ")),
        ];
        options.into_iter().flatten().collect()
    }

    /// Whether any of it is said on the command line.
    pub(crate) fn is_given(&self) -> bool {
        self.target.arch.is_some() || self.target.opt_level.is_some() || self.bin.is_some()
    }
}

/// What is compiled to native code.
#[derive(Args, Debug, Clone)]
pub(crate) struct Tiers {
    /// Compile to native code what gets hot (tiered, the default), everything first (eager), or nothing
    /// (off)
    #[arg(
        long,
        value_name = "WHEN",
        num_args = 0..=1,
        require_equals = true,
        default_value = "tiered",
        default_missing_value = "tiered",
        value_parser = jit_parser(),
        hide_default_value = true,
        hide_possible_values = true,
    )]
    pub(crate) jit: Jit,
    /// How often a function is called, or a loop goes round, before it is compiled; with 1 everything
    /// is, at its first call
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) jit_threshold: Option<u32>,
}

impl Tiers {
    /// Takes it into an engine's settings.
    pub(crate) fn apply(&self, config: &mut Config) {
        config.jit(self.jit);
        if let Some(threshold) = self.jit_threshold {
            config.jit_threshold(threshold);
        }
    }
}

/// `dotvm transpile`.
#[derive(Args, Debug)]
pub(crate) struct Transpile {
    /// A Rust source file, a Cargo project's folder, a .wasm or a .wat file
    #[arg(short, long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) input: PathBuf,
    /// The file to write [default: the input's name with .dotvm, in the current folder]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// How it is compiled.
    #[command(flatten)]
    pub(crate) source: Source,
    /// Keep debug information: lines, inlined functions, variables
    #[arg(short = 'g', long, conflicts_with = "strip_names")]
    pub(crate) debug: bool,
    /// Leave out the names of functions and locals
    #[arg(long)]
    pub(crate) strip_names: bool,
    /// Compress the sections
    #[arg(long)]
    pub(crate) compress: bool,
    /// Say what was done, and how long it took, on standard error
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// `dotvm run`.
#[derive(Args, Debug)]
pub(crate) struct Run {
    /// Call this exported function with ARGS as its parameters, and print its results
    #[arg(long, value_name = "FN")]
    pub(crate) invoke: Option<String>,
    /// Give the program a folder, and everything in it
    #[arg(long = "dir", value_name = "HOST[::GUEST]", value_hint = ValueHint::DirPath)]
    pub(crate) dirs: Vec<OsString>,
    /// Set an environment variable of the program; without a value, to the one it has here
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<OsString>,
    /// Let the program call functions of a native library, which may do whatever this process may
    #[arg(long, value_name = "LIB")]
    pub(crate) allow_ffi: Vec<String>,
    /// Stop the program after so many instructions
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) fuel: Option<u64>,
    /// Stop the program after a time, such as 500ms, 2s or 1m
    #[arg(long, value_name = "TIME", value_parser = units::parse_time)]
    pub(crate) timeout: Option<Duration>,
    /// The most memory of the program, such as 64M: linear memories, managed objects, exceptions, keys and the
    /// like. Where it is set, a program that asks for more stops; otherwise it is told that there is no more
    /// [default: 4G]
    #[arg(long, value_name = "SIZE", value_parser = units::parse_size)]
    pub(crate) max_memory: Option<u64>,
    /// The database of the program: a file, which is made where there is none, or a PostgreSQL server,
    /// postgres://user:password@host/database [default: one in memory]
    #[arg(long, value_name = "FILE|URL", value_hint = ValueHint::FilePath)]
    pub(crate) db: Option<PathBuf>,
    /// A limit of the database, such as value=64K: key, value, transaction, database, sort (sizes), tables, indices
    #[arg(long = "db-limit", value_name = "WHAT=MAX", value_parser = parse_db_limit)]
    pub(crate) db_limits: Vec<(DbLimit, u64)>,
    /// Keep the program's memory and globals from run to run, by this name, in the database [default: states.db in
    /// dotvm in the user's data folder]. What a run changes there and in the database is written when it ends; a
    /// trap or a limit leaves everything as it was
    #[arg(long, value_name = "NAME")]
    pub(crate) state: Option<String>,
    /// How many versions of the state are kept [default: 10]
    #[arg(long, value_name = "N", requires = "state", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) state_versions: Option<u64>,
    /// Note where `alloc` is executed: say at the end which blocks were not freed, and what a wrong `free` is of
    #[arg(long)]
    pub(crate) track_alloc: bool,
    /// The most memory for the stack of calls in the interpreter, such as 1M [default: 8M]; native code may
    /// take four times that
    #[arg(long, value_name = "SIZE", value_parser = units::parse_size)]
    pub(crate) max_stack: Option<u64>,
    /// Native code.
    #[command(flatten)]
    pub(crate) tiers: Tiers,
    /// Keep native code from run to run, in DIR [default: dotvm in the user's cache folder]
    #[arg(
        long,
        value_name = "DIR",
        num_args = 0..=1,
        require_equals = true,
        value_hint = ValueHint::DirPath,
    )]
    pub(crate) cache: Option<Option<OsString>>,
    /// Say at the end where the program's time went, by function and line, and write that to files: sample,FILE…
    /// with .svg (a flame graph), .json (speedscope), .pb.gz (pprof) or text. Or count fuel, memory and database
    /// operations by line (exact, exact,FILE with .json or text), or write what perf reads: names of native code
    /// (perfmap), or that code (jitdump)
    #[arg(
        long,
        value_name = "HOW",
        value_parser = parse_profile,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "sample",
    )]
    pub(crate) profile: Option<Profile>,
    /// Say at the end what the program has used: time, fuel, native code, memory, calls of the host, database; on
    /// standard error, or in FILE (JSON, where its name ends in .json)
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        value_hint = ValueHint::FilePath,
    )]
    pub(crate) stats: Option<Option<PathBuf>>,
    /// Show on standard error what the program uses while it runs: time, native code, memory, calls, hot functions
    #[arg(long, conflicts_with = "debug")]
    pub(crate) watch: bool,
    /// Say on standard error what the collector of managed objects did
    #[arg(long)]
    pub(crate) gc_stats: bool,
    /// Collect managed objects whenever that may be: slow, finds faults
    #[arg(long)]
    pub(crate) gc_torture: bool,
    /// Where the program ends with a trap, a limit or an exception, write what it was like then: frames, variables,
    /// memory. `dotvm debug FILE` shows it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) coredump: Option<PathBuf>,
    /// Write each instruction that the program executes, and its operands: on standard error, or in FILE (lines of
    /// JSON, where its name ends in .json or .jsonl). It runs in the interpreter
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        conflicts_with = "debug",
        value_hint = ValueHint::FilePath,
    )]
    pub(crate) trace: Option<Option<PathBuf>>,
    /// With --trace: only in functions of that name, in which * stands for any text; more than once for more
    #[arg(long, value_name = "NAME", requires = "trace")]
    pub(crate) trace_only: Vec<String>,
    /// Debug the program: see `help` at its prompt
    #[arg(long)]
    pub(crate) debug: bool,
    /// Let debuggers come while the program runs (`attach` of `dotvm dap`): listen at a port of this machine,
    /// [HOST:]PORT, of which 0 is any, or at a socket, a path with a `/`
    #[arg(long, value_name = "ADDR", conflicts_with = "debug")]
    pub(crate) debug_listen: Option<String>,
    /// With --debug-listen: wait for a debugger in front of the first instruction
    #[arg(long, requires = "debug_listen")]
    pub(crate) debug_wait: bool,
    /// With --debug: show where the program starts
    #[arg(long, requires = "debug")]
    pub(crate) step: bool,
    /// With --debug: take the debugger's commands from a file
    #[arg(long, value_name = "FILE", requires = "debug", value_hint = ValueHint::FilePath)]
    pub(crate) commands: Option<PathBuf>,
    /// How it is compiled where it is not bytecode yet.
    #[command(flatten)]
    pub(crate) source: Source,
    /// Keep debug information where the program is not bytecode yet: backtraces have lines
    #[arg(short = 'g', long)]
    pub(crate) debug_info: bool,
    /// Say on standard error what is run, where the time goes, and how much memory it takes
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// A .dotvm, .dotc, .dasm, .vit, .vitbc, .wasm, .wat or .rs file or a Cargo project's folder, and the
    /// program's arguments
    ///
    /// A .dotc file is as good as a native program: run only those that you made yourself.
    ///
    /// Everything after FILE belongs to the program, options too. Exceptions are --verbose, and --debug with
    /// --step behind it, directly after FILE; where the program is to get these, write `--` before FILE.
    #[arg(
        required = true,
        trailing_var_arg = true,
        value_names = ["FILE", "ARGS"],
        value_hint = ValueHint::AnyPath
    )]
    file_and_args: Vec<OsString>,
}

impl Run {
    /// Sorts out what `file_and_args` of this process's command line are.
    ///
    /// The parser drops a `--` before FILE without a trace, so that the line itself is looked at.
    pub(crate) fn resolve(&mut self) {
        let before_file = std::env::args_os().rev().nth(self.file_and_args.len());
        let is_escaped = before_file.is_some_and(|arg| arg == "--");
        while !is_escaped && let Some(arg) = self.file_and_args.get(1) {
            match arg.to_str() {
                Some("--verbose") => self.verbose = true,
                Some("--debug") => self.debug = true,
                Some("--step") if self.debug => self.step = true,
                _ => break,
            }
            self.file_and_args.remove(1);
        }
    }

    /// The program's file or folder.
    pub(crate) fn file(&self) -> &Path {
        // The parser requires one value.
        Path::new(
            self.file_and_args
                .first()
                .map_or(OsStr::new(""), OsString::as_os_str),
        )
    }

    /// The program's arguments, without its name.
    pub(crate) fn args(&self) -> &[OsString] {
        self.file_and_args.get(1..).unwrap_or_default()
    }
}

/// `dotvm compile`.
#[derive(Args, Debug)]
pub(crate) struct Compile {
    /// A .dotvm, .dasm, .vit, .vitbc, .wasm, .wat or .rs file or a Cargo project's folder
    #[arg(value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub(crate) input: PathBuf,
    /// The file to write [default: the input's name with .dotc, in the current folder]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// Make code that counts instructions, for `run --fuel`
    #[arg(long)]
    pub(crate) metering: bool,
    /// How it is compiled where it is not bytecode yet.
    #[command(flatten)]
    pub(crate) source: Source,
    /// Keep debug information where the program is not bytecode yet: lines, inlined functions, variables
    #[arg(short = 'g', long)]
    pub(crate) debug_info: bool,
    /// Say what was done, and how long it took, on standard error
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// `dotvm asm`.
#[derive(Args, Debug)]
pub(crate) struct Asm {
    /// The text
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) input: PathBuf,
    /// The file to write [default: the input's name with .dotvm, in the current folder]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// Keep debug information: the text's lines, locals by their names
    #[arg(short = 'g', long)]
    pub(crate) debug: bool,
}

/// `dotvm disasm`.
#[derive(Args, Debug)]
pub(crate) struct Disasm {
    /// The module; lines of the source files that its debug information names are shown as well
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) input: PathBuf,
    /// The file to write [default: standard output]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

/// `dotvm verify`.
#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// The modules
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
}

/// `dotvm inspect`.
#[derive(Args, Debug)]
pub(crate) struct Inspect {
    /// The module
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `dotvm explore`.
#[derive(Args, Debug)]
pub(crate) struct Explore {
    /// A .dotvm, .dotc, .dasm, .vit, .vitbc, .wasm, .wat or .rs file or a Cargo project's folder. What is not
    /// bytecode yet gets debug information
    #[arg(value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub(crate) input: PathBuf,
    /// The page to write [default: the input's name with .html, in the current folder]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// Shade lines by what they have cost in a run: a file of `run --profile=exact,FILE.json`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) profile_data: Option<PathBuf>,
    /// How it is compiled where it is not bytecode yet.
    #[command(flatten)]
    pub(crate) source: Source,
}

/// `dotvm debug`.
#[derive(Args, Debug)]
pub(crate) struct Debug {
    /// The core dump
    #[arg(value_name = "CORE", value_hint = ValueHint::FilePath)]
    pub(crate) core: PathBuf,
    /// The program, as for `dotvm run`; what is not bytecode yet gets debug information [default: the file that the
    /// dump names]
    #[arg(value_name = "PROGRAM", value_hint = ValueHint::AnyPath)]
    pub(crate) program: Option<PathBuf>,
    /// Take the debugger's commands from a file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) commands: Option<PathBuf>,
    /// How it was compiled where it is not bytecode yet.
    #[command(flatten)]
    pub(crate) source: Source,
}

/// `dotvm wast`.
#[derive(Args, Debug)]
pub(crate) struct Wast {
    /// The scripts
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
    /// Architecture and optimization of the modules.
    #[command(flatten)]
    pub(crate) target: Target,
    /// The version of WebAssembly that the scripts are about: in older ones, what came later is invalid
    /// [default: for each script the newest in which all of it holds]
    #[arg(long = "wasm", value_name = "VERSION", value_parser = wasm_parser())]
    pub(crate) features: Option<Features>,
    /// Stop a script after a time, such as 10s [default: 5m]
    #[arg(long, value_name = "TIME", value_parser = units::parse_time)]
    pub(crate) timeout: Option<Duration>,
    /// The most memory of a script's modules, such as 64M; they are told that there is no more [default: 4G]
    #[arg(long, value_name = "SIZE", value_parser = units::parse_size)]
    pub(crate) max_memory: Option<u64>,
    /// Native code.
    #[command(flatten)]
    pub(crate) tiers: Tiers,
}

/// `dotvm dap`.
#[derive(Args, Debug)]
pub(crate) struct Dap {
    /// Serve clients that come to this port of this machine, each with a program of its own [default: one client, at
    /// standard input and output]. 0 is any port; which one is printed
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,
}

/// `dotvm db`, `dotvm state` and `dotvm profile`, whose command lines are parsed when they are executed.
#[derive(Args, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub(crate) struct Subcommands {
    /// A subcommand, and what it is about; --help lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) args: Vec<OsString>,
}

/// `dotvm completion`.
#[derive(Args, Debug)]
pub(crate) struct Completion {
    /// Whose syntax
    pub(crate) shell: Shell,
}

/// What a limit of a database is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DbLimit {
    /// Bytes of a key.
    Key,
    /// Bytes of a value.
    Value,
    /// Bytes that a transaction writes.
    Transaction,
    /// Bytes of the database.
    Database,
    /// Bytes that a query sorts.
    Sort,
    /// The number of tables.
    Tables,
    /// The number of a table's indices.
    Indices,
}

/// Parses what `--db-limit` takes.
fn parse_db_limit(text: &str) -> Result<(DbLimit, u64), String> {
    let Some((what, max)) = text.split_once('=') else {
        return Err("it is written as WHAT=MAX".to_owned());
    };
    let (limit, is_size) = match what {
        "key" => (DbLimit::Key, true),
        "value" => (DbLimit::Value, true),
        "transaction" => (DbLimit::Transaction, true),
        "database" => (DbLimit::Database, true),
        "sort" => (DbLimit::Sort, true),
        "tables" => (DbLimit::Tables, false),
        "indices" => (DbLimit::Indices, false),
        _ => {
            let all = "key, value, transaction, database, sort, tables, indices";
            return Err(format!("limits are on {all}"));
        }
    };
    let max = match is_size {
        true => units::parse_size(max)?,
        false => max.parse().map_err(|_| format!("{max} is not a number"))?,
    };
    Ok((limit, max))
}

/// What `--profile` asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Profile {
    /// A list of native code for `perf`.
    PerfMap,
    /// Native code, for `perf`.
    JitDump,
    /// An exact profile: on standard error, or in a file.
    Exact(Option<PathBuf>),
    /// A profile by samples: on standard error, and in files.
    Sample(Vec<PathBuf>),
}

/// Parses what `--profile` takes.
fn parse_profile(text: &str) -> Result<Profile, String> {
    match text.split_once(',') {
        None if text == "perfmap" => Ok(Profile::PerfMap),
        None if text == "jitdump" => Ok(Profile::JitDump),
        None if text == "exact" => Ok(Profile::Exact(None)),
        Some(("exact", file @ ("sample" | "perfmap" | "jitdump"))) => Err(format!(
            "one kind at a time; a file of that name is ./{file}"
        )),
        Some(("exact", file)) if file.ends_with(".svg") || file.ends_with(".pb.gz") => {
            Err("exact profiles are JSON, in files that end with .json, or text".to_owned())
        }
        Some(("exact", file)) if !file.is_empty() => Ok(Profile::Exact(Some(file.into()))),
        Some(("exact", _)) => Err("no file is named behind `exact,`".to_owned()),
        None if text == "sample" => Ok(Profile::Sample(Vec::new())),
        Some(("sample", files)) => match files.split(',').any(str::is_empty) {
            false => Ok(Profile::Sample(
                files.split(',').map(PathBuf::from).collect(),
            )),
            true => Err("no file is named behind a comma".to_owned()),
        },
        _ => {
            Err("there are sample, sample,FILE…, exact, exact,FILE, perfmap and jitdump".to_owned())
        }
    }
}

/// Parses what `--wasm` takes.
fn wasm_parser() -> impl TypedValueParser<Value = Features> {
    PossibleValuesParser::new(["1", "2", "3"]).map(|version| match version.as_str() {
        "1" => Features::V1,
        "2" => Features::V2,
        _ => Features::ALL,
    })
}

/// Parses what `--jit` takes.
fn jit_parser() -> impl TypedValueParser<Value = Jit> {
    PossibleValuesParser::new(["tiered", "eager", "off"]).map(|name| match name.as_str() {
        "eager" => Jit::Eager,
        "off" => Jit::Off,
        _ => Jit::Tiered,
    })
}

/// Parses the name of an architecture.
fn arch_parser() -> impl TypedValueParser<Value = Arch> {
    PossibleValuesParser::new(Arch::ALL.map(Arch::name))
        .map(|name| Arch::from_name(&name).unwrap_or_default())
}

/// Parses the number of an optimization level.
fn level_parser() -> impl TypedValueParser<Value = OptLevel> {
    PossibleValuesParser::new(["0", "1", "2", "3"]).map(|digit| {
        digit
            .parse()
            .ok()
            .and_then(OptLevel::from_number)
            .unwrap_or_default()
    })
}
