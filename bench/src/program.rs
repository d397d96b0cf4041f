//! The programs that are measured.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::bail;

use crate::root;

/// The programs of `examples/` that compute something for as long as it takes to be measured. Their
/// default size is meant for that (see `examples/README.md`).
pub const WORKLOADS: [&str; 30] = [
    "fib",
    "nbody",
    "spectral_norm",
    "mandelbrot",
    "matmul",
    "fannkuch",
    "sieve",
    "sorting",
    "sha256",
    "u256",
    "lcg128",
    "hashmap",
    "strings",
    "json",
    "binary_trees",
    "trait_objects",
    "interpreter",
    "coremark_like",
    "blake3",
    "dct8x8",
    "utf8_validate",
    "matmul_i8",
    "nbody_f32x4",
    "secp256k1",
    "rsa512",
    "pedersen",
    "decimals",
    "matmul_wide",
    "vector_kernels",
    "merkle",
];

/// The program that `bench/programs/build.sh` makes of a database.
const SQLITE: &str = "sqlite";

/// The program that does nearly nothing.
const HELLO: &str = "hello";

/// What a program is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// A Rust file.
    Rust(PathBuf),
    /// What `bench/programs/build.sh` builds under that name.
    Script,
}

/// A program with the arguments it is run with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    /// Its name, which files made of it have too.
    pub name: String,
    /// What it is made of.
    pub source: Source,
    /// Its size, where that is not its default.
    pub size: Option<String>,
}

impl Program {
    fn named(name: &str) -> Program {
        let source = match name {
            SQLITE => Source::Script,
            _ => Source::Rust(root().join("examples").join(name).with_extension("rs")),
        };
        Program {
            name: name.to_owned(),
            source,
            size: None,
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.size {
            Some(size) => write!(f, "({size})"),
            None => Ok(()),
        }
    }
}

impl FromStr for Program {
    type Err = anyhow::Error;

    /// `NAME` or `NAME:SIZE`.
    fn from_str(text: &str) -> anyhow::Result<Program> {
        let (name, size) = match text.split_once(':') {
            Some((name, size)) => (name, Some(size.to_owned())),
            None => (text, None),
        };
        if name != SQLITE && !WORKLOADS.contains(&name) {
            bail!(
                "no such program; there are {}, {SQLITE}",
                WORKLOADS.join(", ")
            );
        }
        Ok(Program {
            size,
            ..Program::named(name)
        })
    }
}

/// All programs, in their default sizes.
pub fn all() -> Vec<Program> {
    WORKLOADS
        .into_iter()
        .chain([SQLITE])
        .map(Program::named)
        .collect()
}

/// The programs whose start-up is measured: a small one and a large one.
pub fn for_start() -> Vec<Program> {
    [HELLO, SQLITE].map(Program::named).to_vec()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Examples that show or test something and end at once.
    const NO_WORKLOADS: [&str; 11] = [
        "args",
        "digits",
        "exit_code",
        "fibonacci",
        "files",
        "hello",
        "ledger",
        "merkle_store",
        "panic",
        "password_vault",
        "sessions",
    ];

    #[test]
    fn every_example_is_a_workload_or_known_not_to_be() {
        let entries = fs::read_dir(root().join("examples")).expect("the examples");
        let mut found: Vec<String> = entries
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
            .map(|path| {
                path.file_stem()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        let mut known: Vec<&str> = WORKLOADS.into_iter().chain(NO_WORKLOADS).collect();
        found.sort();
        known.sort_unstable();
        assert_eq!(found, known);
    }

    #[test]
    fn programs_are_named_with_or_without_a_size() {
        let program: Program = "fib:30".parse().expect("a program");
        assert_eq!(program.to_string(), "fib(30)");
        let program: Program = "sqlite".parse().expect("a program");
        assert_eq!((program.source, program.size), (Source::Script, None));
        let error = "fob".parse::<Program>().expect_err("no program");
        assert!(error.to_string().contains("fib, nbody"), "{error}");
    }
}
