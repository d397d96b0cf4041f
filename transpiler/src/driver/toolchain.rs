//! Finding a Rust compiler that has a standard library for WASI preview 1.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;

/// A compiler and its name for WASI preview 1.
#[derive(Clone, Debug)]
pub(super) struct Toolchain {
    pub(super) rustc: PathBuf,
    pub(super) target: &'static str,
}

/// What the target is called: since Rust 1.78, and before.
const TARGETS: [&str; 2] = ["wasm32-wasip1", "wasm32-wasi"];

impl Toolchain {
    /// The first that serves: `$RUSTC`, the one on the path, rustup's toolchains, the system's.
    pub(super) fn find() -> Result<Toolchain, Error> {
        candidates()
            .into_iter()
            .find_map(|rustc| {
                let target = TARGETS.into_iter().find(|target| has_std(&rustc, target))?;
                Some(Toolchain { rustc, target })
            })
            .ok_or_else(no_toolchain)
    }

    /// The Cargo that came with the compiler; another version's may not understand it.
    pub(super) fn cargo(&self) -> Result<PathBuf, Error> {
        let beside = match self.rustc.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.join("cargo"),
            _ => PathBuf::from("cargo"),
        };
        match answers(&beside) {
            true => Ok(beside),
            false => Err(Error::NoToolchain(format!(
                "{} can compile for {}, but its cargo is missing; on Debian and Ubuntu:\n    \
                 apt-get install cargo",
                self.rustc.display(),
                self.target
            ))),
        }
    }
}

fn candidates() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::env::var_os("RUSTC")
        .into_iter()
        .map(PathBuf::from)
        .collect();
    found.push(PathBuf::from("rustc"));
    let rustup = std::env::var_os("RUSTUP_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".rustup")));
    if let Some(entries) = rustup.and_then(|home| std::fs::read_dir(home.join("toolchains")).ok()) {
        let mut toolchains: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.path().join("bin/rustc"))
            .collect();
        toolchains.sort();
        found.extend(toolchains);
    }
    found.push(PathBuf::from("/usr/bin/rustc"));
    found
}

/// Whether the compiler exists and has the target's standard library.
fn has_std(rustc: &Path, target: &str) -> bool {
    let output = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", target])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let Ok(output) = output else { return false };
    let folder = String::from_utf8_lossy(&output.stdout);
    let Ok(entries) = std::fs::read_dir(folder.trim_end()) else {
        return false;
    };
    output.status.success()
        && entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
}

fn answers(program: &Path) -> bool {
    Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn no_toolchain() -> Error {
    Error::NoToolchain(
        "no Rust compiler on this machine has a WASI target; install one of\n    \
         rustup target add wasm32-wasip1\n    \
         apt-get install rustc cargo libstd-rust-dev-wasm32 lld   (Debian, Ubuntu)"
            .to_owned(),
    )
}
