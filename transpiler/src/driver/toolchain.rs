//! Finding a Rust toolchain that compiles to WebAssembly.

use std::collections::HashSet;
use std::env::{self, consts::EXE_SUFFIX};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::Error;

/// Targets with a standard library that uses WASI preview 1; the first was named like the second
/// before Rust 1.78.
const TARGETS: [&str; 2] = ["wasm32-wasip1", "wasm32-wasi"];

/// A compiler and a target it has the standard library of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Toolchain {
    pub(super) rustc: PathBuf,
    pub(super) target: &'static str,
    /// The compiler that would have been taken if it had the target.
    preferred: Option<PathBuf>,
}

impl Toolchain {
    /// The first toolchain that fits, as seen from `folder` (where a project may ask for one).
    ///
    /// # Errors
    /// [`Error::NoToolchain`], which says how to get one.
    pub(super) fn find(folder: &Path) -> Result<Toolchain, Error> {
        let candidates = candidates(|name| env::var_os(name));
        Self::among(&candidates, folder).ok_or_else(|| Error::NoToolchain(advice(&candidates)))
    }

    fn among(candidates: &[PathBuf], folder: &Path) -> Option<Toolchain> {
        TARGETS.into_iter().find_map(|target| {
            let fits = |rustc: &&PathBuf| has_target(rustc, target, folder);
            let rustc = candidates.iter().find(fits)?.clone();
            let preferred = candidates.first().filter(|first| **first != rustc);
            Some(Toolchain {
                preferred: preferred.cloned(),
                rustc,
                target,
            })
        })
    }

    /// What is compiled for: the target, and the compiler where that is not the one that one would expect.
    pub(super) fn purpose(&self) -> String {
        match self.preferred {
            Some(_) => format!("{} with {}", self.target, self.rustc.display()),
            None => self.target.to_owned(),
        }
    }

    /// An error of the compiler's, and which one it was where that is not the one that one would expect: it may
    /// be older, or have other opinions.
    pub(super) fn explain(&self, error: Error) -> Error {
        match (error, &self.preferred) {
            (
                Error::Compiler {
                    command,
                    mut output,
                },
                Some(preferred),
            ) => {
                let (rustc, preferred) = (self.rustc.display(), preferred.display());
                output.push_str(&format!(
                    "\nthe compiler is {rustc}, as {preferred} does not have the target {}; \
                     with rustup: rustup target add {}\n",
                    TARGETS[0], TARGETS[0]
                ));
                Error::Compiler { command, output }
            }
            (error, _) => error,
        }
    }

    /// The compiler, told what to compile for.
    pub(super) fn rustc(&self) -> Command {
        let mut command = Command::new(&self.rustc);
        command.args(["--target", self.target]);
        command
    }

    /// What the compiler says that it is, as far as it says something.
    pub(super) fn version(&self) -> Vec<u8> {
        let output = Command::new(&self.rustc)
            .arg("-vV")
            .stdin(Stdio::null())
            .output();
        output.map(|output| output.stdout).unwrap_or_default()
    }

    /// The `cargo` that belongs to the compiler.
    pub(super) fn cargo(&self) -> PathBuf {
        let name = format!("cargo{EXE_SUFFIX}");
        let sibling = self.rustc.with_file_name(&name);
        match sibling.is_file() {
            true => sibling,
            false => env::var_os("CARGO").map_or_else(|| name.into(), PathBuf::from),
        }
    }
}

/// The compilers of this machine: the one asked for, those on the path, rustup's, the system's.
fn candidates(var: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let name = format!("rustc{EXE_SUFFIX}");
    let mut found: Vec<PathBuf> = var("RUSTC").map(PathBuf::from).into_iter().collect();
    if let Some(path) = var("PATH") {
        found.extend(env::split_paths(&path).map(|folder| folder.join(&name)));
    }
    let home = var("HOME")
        .or_else(|| var("USERPROFILE"))
        .map(PathBuf::from);
    let rustup = var("RUSTUP_HOME").map(PathBuf::from);
    if let Some(rustup) = rustup.or_else(|| Some(home.as_ref()?.join(".rustup"))) {
        found.extend(
            installed(&rustup)
                .into_iter()
                .map(|folder| folder.join("bin").join(&name)),
        );
    }
    if let Some(home) = home {
        found.push(home.join(".cargo").join("bin").join(&name));
    }
    found.extend(["/usr/local/bin", "/usr/bin"].map(|folder| Path::new(folder).join(&name)));
    let mut seen = HashSet::new();
    // A compiler named without a folder is looked up on the path when it is run.
    found.retain(|rustc| {
        let exists = rustc.components().count() == 1 || rustc.is_file();
        exists && seen.insert(rustc.clone())
    });
    found
}

/// The toolchains that rustup installed, newest name last.
fn installed(rustup: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(rustup.join("toolchains")) else {
        return Vec::new();
    };
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    folders
}

/// Whether a compiler has the standard library for a target.
fn has_target(rustc: &Path, target: &str, folder: &Path) -> bool {
    let output = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", target])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else { return false };
    let Ok(libraries) = String::from_utf8(output.stdout) else {
        return false;
    };
    output.status.success() && has_std(Path::new(libraries.trim()))
}

fn has_std(libraries: &Path) -> bool {
    let Ok(entries) = fs::read_dir(libraries) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    })
}

/// What to do where there is a compiler, but not the tool (Cargo) that was looked for on the path.
pub(super) fn missing(tool: &Path) -> String {
    let tool = tool.display();
    format!(
        "building a Cargo project needs {tool}, which is not on the path; \
         on Debian and Ubuntu: apt-get install {tool}; elsewhere, https://rustup.rs installs it"
    )
}

/// What to do where nothing fits.
fn advice(candidates: &[PathBuf]) -> String {
    let mut message = String::from(
        "compiling Rust needs a toolchain with the WebAssembly target wasm32-wasip1; install it with\n\
         \n    rustup target add wasm32-wasip1\n\
         \nor, on Debian and Ubuntu,\n\
         \n    apt-get install rustc cargo libstd-rust-dev-wasm32 lld\n\n",
    );
    if candidates.is_empty() {
        message.push_str("(there is no rustc on the path; https://rustup.rs installs one)");
    } else {
        let list: Vec<String> = candidates
            .iter()
            .map(|rustc| rustc.display().to_string())
            .collect();
        message.push_str("(these compilers lack it: ");
        message.push_str(&list.join(", "));
        message.push(')');
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(path: &Path) {
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        fs::write(path, "").expect("written");
    }

    #[test]
    fn compilers_are_looked_for_in_order() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path();
        let name = format!("rustc{EXE_SUFFIX}");
        let on_path = root.join("first").join(&name);
        let of_rustup = root.join("home/.rustup/toolchains/stable/bin").join(&name);
        touch(&on_path);
        touch(&of_rustup);
        let var = |variable: &str| match variable {
            "PATH" => env::join_paths([root.join("none"), root.join("first")]).ok(),
            "HOME" => Some(root.join("home").into_os_string()),
            "RUSTC" => Some("my-rustc".into()),
            _ => None,
        };
        let found = candidates(var);
        assert_eq!(found[..3], [PathBuf::from("my-rustc"), on_path, of_rustup]);
    }

    #[test]
    fn a_target_needs_its_standard_library() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert!(!has_std(&folder.path().join("missing")));
        assert!(!has_std(folder.path()));
        touch(&folder.path().join("libstd-0123.rlib"));
        assert!(has_std(folder.path()));
    }

    #[test]
    fn without_a_toolchain_the_commands_are_told() {
        assert_eq!(
            Toolchain::among(&["/no/such/rustc".into()], Path::new(".")),
            None
        );
        let message = advice(&[]);
        assert!(message.contains("rustup target add wasm32-wasip1"));
        assert!(message.contains("apt-get install rustc cargo libstd-rust-dev-wasm32 lld"));
    }
}
