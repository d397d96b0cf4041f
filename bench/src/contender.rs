//! The machines that are measured, and the command that runs a program on each.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use serde::Serialize;

use crate::artifacts::Artifacts;
use crate::host::version;
use crate::root;

/// A machine, or one of its ways to run a program.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The program compiled by rustc or a C compiler for this computer.
    Native,
    /// DotVM without native code.
    Interpreter,
    /// DotVM, everything compiled first.
    Eager,
    /// DotVM as it is run by default.
    Tiered,
    /// DotVM with what it compiled before.
    Compiled,
    /// Wasmtime, which compiles everything first; its cache is off.
    Wasmtime,
    /// Wasmtime with what it compiled before.
    Precompiled,
    /// Wasmi, an interpreter.
    Wasmi,
    /// Node: V8, in tiers.
    Node,
    /// LuaJIT, of Lua programs.
    Luajit,
    /// CPython, of Python programs.
    Cpython,
}

impl Kind {
    /// Those that run WebAssembly, and native code, in the order of columns and bars.
    pub const OF_WASM: [Kind; 9] = [
        Kind::Native,
        Kind::Tiered,
        Kind::Compiled,
        Kind::Eager,
        Kind::Interpreter,
        Kind::Wasmtime,
        Kind::Precompiled,
        Kind::Node,
        Kind::Wasmi,
    ];

    /// Those that run Vitte programs, and others' machines of such programs in their languages. The first one that
    /// is there is what others are put in relation to.
    pub const OF_VITTE: [Kind; 5] = [
        Kind::Luajit,
        Kind::Tiered,
        Kind::Eager,
        Kind::Interpreter,
        Kind::Cpython,
    ];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Native => "native",
            Kind::Interpreter => "interpreter",
            Kind::Eager => "eager",
            Kind::Tiered => "tiered",
            Kind::Compiled => "compiled",
            Kind::Wasmtime => "wasmtime",
            Kind::Precompiled => "precompiled",
            Kind::Wasmi => "wasmi",
            Kind::Node => "node",
            Kind::Luajit => "luajit",
            Kind::Cpython => "cpython",
        }
    }

    /// Its colour in charts: ours are shades of one, interpreters lighter than compilers.
    pub fn color(self) -> &'static str {
        match self {
            Kind::Native => "#8a919b",
            Kind::Tiered => "#0b6bcb",
            Kind::Compiled => "#08488a",
            Kind::Eager => "#4f9cf0",
            Kind::Interpreter => "#9cc8f7",
            Kind::Wasmtime => "#c2571a",
            Kind::Precompiled => "#e89a5b",
            Kind::Node => "#3a8f5c",
            Kind::Wasmi => "#b9a44c",
            Kind::Luajit => "#7a4fb5",
            Kind::Cpython => "#d1a11f",
        }
    }

    /// Whether it is one of ours.
    pub fn is_ours(self) -> bool {
        matches!(
            self,
            Kind::Interpreter | Kind::Eager | Kind::Tiered | Kind::Compiled
        )
    }
}

/// Where the commands are.
#[derive(Clone, Debug)]
pub struct Tools {
    dotvm: PathBuf,
    wasmtime: Option<PathBuf>,
    wasmi: Option<PathBuf>,
    node: Option<PathBuf>,
    luajit: Option<PathBuf>,
    python: Option<PathBuf>,
    /// What makes Node run WASI programs.
    node_script: PathBuf,
    native: PathBuf,
}

impl Tools {
    /// Takes `dotvm` or else builds it, and looks for the others on the path. `folder` is for a script
    /// that Node needs.
    ///
    /// # Errors
    /// Where `dotvm` does not exist or cannot be built.
    pub fn find(dotvm: Option<PathBuf>, folder: &Path) -> Result<Tools> {
        let dotvm = match dotvm {
            Some(dotvm) => std::path::absolute(dotvm)?,
            None => build_dotvm()?,
        };
        ensure!(dotvm.is_file(), "{} does not exist", dotvm.display());
        let node_script = folder.join("wasi.mjs");
        fs::write(&node_script, include_str!("wasi.mjs"))?;
        Ok(Tools {
            dotvm,
            wasmtime: on_path(&["wasmtime"]),
            wasmi: on_path(&["wasmi", "wasmi_cli"]),
            node: on_path(&["node", "nodejs"]),
            luajit: on_path(&["luajit"]),
            python: python(),
            node_script,
            native: env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from),
        })
    }

    /// The command that belongs to a machine; for native programs, their compiler.
    pub(crate) fn tool(&self, kind: Kind) -> Option<&Path> {
        match kind {
            Kind::Native => Some(&self.native),
            Kind::Interpreter | Kind::Eager | Kind::Tiered | Kind::Compiled => Some(&self.dotvm),
            Kind::Wasmtime | Kind::Precompiled => self.wasmtime.as_deref(),
            Kind::Wasmi => self.wasmi.as_deref(),
            Kind::Node => self.node.as_deref(),
            Kind::Luajit => self.luajit.as_deref(),
            Kind::Cpython => self.python.as_deref(),
        }
    }

    /// Those of the machines in `wanted` that are installed, or all of `kinds` that are where it is empty.
    ///
    /// # Errors
    /// Where one that is wanted is missing, or none of `kinds`.
    pub fn available(&self, kinds: &[Kind], wanted: &[Kind]) -> Result<Vec<Kind>> {
        if let Some(other) = wanted.iter().find(|kind| !kinds.contains(kind)) {
            bail!("{} does not run such programs", other.name());
        }
        let (is_here, is_missing): (Vec<Kind>, Vec<Kind>) = kinds
            .iter()
            .copied()
            .filter(|kind| wanted.is_empty() || wanted.contains(kind))
            .partition(|&kind| self.tool(kind).is_some());
        let names: Vec<&str> = is_missing.into_iter().map(Kind::name).collect();
        if !names.is_empty() {
            let what = format!("not found on the path: {}", names.join(", "));
            ensure!(wanted.is_empty(), what);
            eprintln!("{what}");
        }
        Ok(is_here)
    }

    /// The command of ours.
    pub fn dotvm(&self) -> &Path {
        &self.dotvm
    }

    /// Wasmtime's command, where it is installed.
    pub fn wasmtime(&self) -> Option<&Path> {
        self.wasmtime.as_deref()
    }

    /// The compiler of native programs.
    pub fn native_compiler(&self) -> &Path {
        &self.native
    }

    /// What a machine is, with its version, in a few words.
    pub fn description(&self, kind: Kind) -> String {
        let option = match kind {
            Kind::Luajit => "-v",
            _ => "--version",
        };
        let version = self.tool(kind).and_then(|tool| version(tool, option));
        let version = version.unwrap_or_else(|| "of unknown version".to_owned());
        match kind {
            Kind::Native => format!("{version}, -O (SQLite: the C compiler, -O2)"),
            Kind::Interpreter => format!("{version}, run --jit=off"),
            Kind::Eager => format!("{version}, run --jit=eager"),
            Kind::Tiered => format!("{version}, run --jit"),
            Kind::Compiled => format!("{version}, run, compiled before"),
            Kind::Wasmtime => format!("{version}, run, without its cache"),
            Kind::Precompiled => format!("{version}, run --allow-precompiled, compiled before"),
            Kind::Wasmi | Kind::Luajit | Kind::Cpython => version,
            Kind::Node => format!("node {version}, node:wasi"),
        }
    }

    /// The command that runs a program on a machine, or `None` where either is missing. Standard input
    /// is empty and standard error discarded.
    pub fn command(&self, kind: Kind, artifacts: &Artifacts) -> Option<Command> {
        let mut command = match kind {
            Kind::Native => Command::new(&artifacts.native),
            _ => Command::new(self.tool(kind)?),
        };
        match kind {
            Kind::Native => &mut command,
            Kind::Interpreter => command.args(["run", "--jit=off"]).arg(&artifacts.dotvm),
            Kind::Eager => command.args(["run", "--jit=eager"]).arg(&artifacts.dotvm),
            Kind::Tiered => command.args(["run", "--jit=tiered"]).arg(&artifacts.dotvm),
            Kind::Compiled => command.arg("run").arg(artifacts.compiled.as_ref()?),
            Kind::Wasmtime => command.args(["run", "-C", "cache=n"]).arg(&artifacts.wasm),
            Kind::Precompiled => command
                .args(["run", "--allow-precompiled"])
                .arg(artifacts.precompiled.as_ref()?),
            Kind::Wasmi => command.arg(&artifacts.wasm),
            Kind::Node => command
                .arg("--no-warnings")
                .arg(&self.node_script)
                .arg(&artifacts.wasm),
            Kind::Luajit | Kind::Cpython => return None,
        };
        command
            .args(&artifacts.program.size)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        Some(command)
    }
}

/// Python's interpreter: what is on the path may be a script that looks for it first.
pub(crate) fn python() -> Option<PathBuf> {
    let found = on_path(&["python3", "python"])?;
    let mut ask = Command::new(found);
    let output = ask
        .args(["-c", "import sys; print(sys.executable)"])
        .output();
    let path = String::from_utf8(output.ok()?.stdout).ok()?;
    Some(PathBuf::from(path.trim_end())).filter(|path| path.is_file())
}

/// The first of these commands that is on the path.
pub(crate) fn on_path(names: &[&str]) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH")?).collect();
    let candidates = names.iter().flat_map(|name| {
        let name = format!("{name}{}", env::consts::EXE_SUFFIX);
        folders.iter().map(move |folder| folder.join(&name))
    });
    candidates.into_iter().find(|path| path.is_file())
}

/// Builds our command with optimization; returns where Cargo put it.
fn build_dotvm() -> Result<PathBuf> {
    eprintln!("building dotvm");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root())
        .args(["build", "--release", "--package", "dotvm-cli"])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .context("cargo")?;
    if !output.status.success() {
        bail!("dotvm cannot be built");
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    executable(&messages).context("Cargo does not say where it put the dotvm command")
}

/// The executable that Cargo's messages, one a line, tell of.
fn executable(messages: &str) -> Option<PathBuf> {
    messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_ours = message["target"]["name"] == "dotvm";
        let path = message["executable"].as_str().filter(|_| is_ours)?;
        Some(path.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_found_among_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"dotvm"},"executable":null}
no message
{"reason":"compiler-artifact","target":{"name":"other"},"executable":"/t/other"}
{"reason":"compiler-artifact","target":{"name":"dotvm"},"executable":"/t/dotvm"}"#;
        assert_eq!(executable(messages), Some("/t/dotvm".into()));
        assert_eq!(executable("{}"), None);
    }

    #[test]
    fn every_machine_has_a_column_and_a_colour_of_its_own() {
        let all = Kind::value_variants();
        for (i, kind) in all.iter().enumerate() {
            let others = &all[i + 1..];
            let differs =
                |other: &Kind| other.name() != kind.name() && other.color() != kind.color();
            assert!(others.iter().all(differs), "{kind:?}");
        }
        let runs = |kind: &Kind| Kind::OF_WASM.contains(kind) || Kind::OF_VITTE.contains(kind);
        assert!(all.iter().all(runs));
    }
}
