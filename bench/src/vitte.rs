//! Vitte programs next to the same ones in Lua and Python.
//!
//! Those of `examples/vitte` take their size as an argument. `bench/programs/vitte` has each of them in Lua, for
//! LuaJIT, and in Python, written as one would there; all print the same.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;

use anyhow::bail;

use crate::compare::Contest;
use crate::contender::{Kind, Tools};
use crate::root;

/// A program, the size that takes LuaJIT some tenths of a second, and whether it is about numbers.
const PROGRAMS: [(&str, u64, bool); 11] = [
    ("fib", 37, true),
    ("nbody", 2_000_000, true),
    ("spectral_norm", 1000, true),
    ("mandelbrot", 450, true),
    ("fannkuch", 10, true),
    ("sieve", 5_000_000, true),
    ("matmul", 400, true),
    ("binary_trees", 15, false),
    ("strings", 300_000, false),
    ("word_count", 3_000_000, false),
    ("json", 30_000, false),
];

/// A program with its size.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    name: &'static str,
    size: u64,
    is_numeric: bool,
}

impl Program {
    /// Whether it is about numbers, not about objects and text.
    pub fn is_numeric(&self) -> bool {
        self.is_numeric
    }

    /// Its source for a machine; `None` for one of WebAssembly.
    fn source(&self, kind: Kind) -> Option<PathBuf> {
        let peers = || root().join("bench").join("programs").join("vitte");
        let (folder, extension) = match kind {
            Kind::Luajit => (peers(), "lua"),
            Kind::Cpython => (peers(), "py"),
            Kind::Tiered | Kind::Eager | Kind::Interpreter => {
                (root().join("examples").join("vitte"), "vit")
            }
            _ => return None,
        };
        Some(folder.join(self.name).with_extension(extension))
    }

    /// The command that runs it on a machine, whose command is `tool`.
    fn command(&self, kind: Kind, tool: &Path) -> Option<Command> {
        let source = self.source(kind)?;
        let mut command = Command::new(tool);
        match kind {
            Kind::Interpreter => command.args(["run", "--jit=off"]),
            Kind::Eager => command.args(["run", "--jit=eager"]),
            Kind::Tiered => command.args(["run", "--jit=tiered"]),
            _ => &mut command,
        };
        command.arg(source).arg(self.size.to_string());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        Some(command)
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name, self.size)
    }
}

impl FromStr for Program {
    type Err = anyhow::Error;

    /// `NAME` or `NAME:SIZE`.
    fn from_str(text: &str) -> anyhow::Result<Program> {
        let (name, size) = match text.split_once(':') {
            Some((name, size)) => (name, Some(size.parse()?)),
            None => (text, None),
        };
        let Some(mut program) = all().into_iter().find(|program| program.name == name) else {
            let names = PROGRAMS.map(|(name, ..)| name);
            bail!("no such program; there are {}", names.join(", "));
        };
        program.size = size.unwrap_or(program.size);
        Ok(program)
    }
}

/// All programs, in their default sizes.
pub fn all() -> Vec<Program> {
    let program = |(name, size, is_numeric)| Program {
        name,
        size,
        is_numeric,
    };
    PROGRAMS.map(program).to_vec()
}

/// The commands that run each program on each of these machines.
pub fn contests(tools: &Tools, kinds: &[Kind], programs: &[Program]) -> Vec<Contest> {
    let contest = |program: &Program| {
        let command = |&kind: &Kind| program.command(kind, tools.tool(kind)?);
        Contest {
            program: program.to_string(),
            commands: kinds.iter().map(command).collect(),
        }
    };
    programs.iter().map(contest).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;
    use crate::contender::{on_path, python};
    use crate::measure;

    /// Names of the files with that extension in a folder of the project.
    fn names(folder: &str, extension: &str) -> BTreeSet<String> {
        let entries = fs::read_dir(root().join(folder)).expect("the folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths
            .filter(|path| path.extension().is_some_and(|found| found == extension))
            .map(|path| {
                path.file_stem()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned()
            })
            .collect()
    }

    #[test]
    fn every_program_is_there_in_every_language() {
        let known: BTreeSet<String> = PROGRAMS.map(|(name, ..)| name.to_owned()).into();
        assert_eq!(names("examples/vitte", "vit"), known);
        assert_eq!(names("bench/programs/vitte", "lua"), known);
        assert_eq!(names("bench/programs/vitte", "py"), known);
    }

    /// Where LuaJIT or Python are installed. Without an argument, programs have the size of the tests.
    #[test]
    fn peers_print_what_vitte_does() {
        let peers = [
            (Kind::Luajit, on_path(&["luajit"])),
            (Kind::Cpython, python()),
        ];
        for (kind, tool) in peers {
            let Some(tool) = tool else {
                eprintln!("not found on the path: {}", kind.name());
                continue;
            };
            for program in all() {
                let path = root().join("examples").join("vitte").join(program.name);
                let expected = fs::read(path.with_extension("expected")).expect("it is there");
                let source = program.source(kind).expect("a language of its own");
                let mut command = Command::new(&tool);
                let run = measure::run(command.arg(&source).stdin(Stdio::null()));
                let output = run.unwrap_or_else(|error| panic!("{}: {error}", source.display()));
                assert_eq!(output.output, expected, "{}", source.display());
            }
        }
    }

    #[test]
    fn programs_are_named_with_or_without_a_size() {
        let program: Program = "fib:30".parse().expect("a program");
        assert_eq!(program.to_string(), "fib(30)");
        let program: Program = "json".parse().expect("a program");
        assert_eq!(program.to_string(), "json(30000)");
        assert!(!program.is_numeric());
        assert!("json:many".parse::<Program>().is_err());
        let error = "fob".parse::<Program>().expect_err("no program");
        assert!(error.to_string().contains("fib, nbody"), "{error}");
    }
}
