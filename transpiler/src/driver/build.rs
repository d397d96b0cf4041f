//! Compiling a Rust file or a Cargo project to WebAssembly.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{self, Finished};
use super::toolchain::{self, Toolchain};
use super::{DriverOptions, Progress, file_error, input_error, read, sdk};
use crate::OptLevel;
use crate::error::Error;

/// The edition of files that belong to no project.
pub(super) const EDITION: &str = "2021";

/// Compiles a file.
pub(super) fn file(
    path: &Path,
    options: &DriverOptions,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<u8>, Error> {
    if !path.is_file() {
        let reason = match path.try_exists() {
            Ok(true) => "Rust sources are read from regular files only".to_owned(),
            Ok(false) => return Err(file_error(path, ErrorKind::NotFound.into())),
            Err(error) => return Err(file_error(path, error)),
        };
        return Err(input_error(path, reason));
    }
    if path.to_str().is_none() {
        let reason = "the Rust compiler takes only names that are UTF-8".to_owned();
        return Err(input_error(path, reason));
    }
    let toolchain = Toolchain::find(Path::new("."))?;
    let folder = temporary_folder()?;
    let output = folder.path().join("out.wasm");
    let flags = [
        format!("-Copt-level={}", rust_opt_level(options.opt_level)),
        match options.debug_info {
            true => "-Cdebuginfo=2".to_owned(),
            // That of the standard library, too; names stay.
            false => "-Cstrip=debuginfo".to_owned(),
        },
    ];
    let mut command = toolchain.rustc();
    if uses_sdk(path)? {
        let library = sdk::library(&toolchain, &flags, folder.path(), options, progress)?;
        let mut argument = OsString::from(format!("{}=", sdk::NAME));
        argument.push(library);
        command.arg("--extern").arg(argument);
    }
    command
        .args(["--edition", EDITION, "--crate-type", "bin"])
        .args(["--crate-name", &crate_name(path)])
        .args(flags)
        .arg("-o")
        .arg(&output)
        .arg(no_option(path));
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    let step = format!("compiling {name} for {}", toolchain.purpose());
    run(command, "rustc", &step, options, progress).map_err(|error| toolchain.explain(error))?;
    read(&output)
}

/// Compiles the project in `folder`.
pub(super) fn project(
    folder: &Path,
    options: &DriverOptions,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<u8>, Error> {
    let manifest = folder.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(input_error(
            folder,
            "a folder without a Cargo.toml".to_owned(),
        ));
    }
    let toolchain = Toolchain::find(folder)?;
    let mut command = Command::new(toolchain.cargo());
    command
        .current_dir(folder)
        .args(["build", "--release", "--target", toolchain.target])
        .args(["--message-format", "json-render-diagnostics"])
        .arg("--target-dir")
        .arg(target_folder())
        .env("RUSTC", &toolchain.rustc)
        .env(sdk::WORDS_VARIABLE, sdk::words(options.arch).join(" "))
        // Names are wanted in listings and backtraces.
        .env(
            "CARGO_PROFILE_RELEASE_STRIP",
            match options.debug_info {
                true => "none",
                false => "debuginfo",
            },
        );
    if let Some(bin) = &options.bin {
        command.args(["--bin", bin]);
    }
    // At the higher levels the project's own profile decides.
    if options.opt_level < OptLevel::O2 {
        let level = rust_opt_level(options.opt_level);
        command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", level);
    }
    if options.debug_info {
        command.env("CARGO_PROFILE_RELEASE_DEBUG", "true");
    }
    let step = format!("building {} for {}", folder.display(), toolchain.purpose());
    let finished = run(command, "cargo build", &step, options, progress)
        .map_err(|error| toolchain.explain(error))?;
    let binaries = binaries(&finished.stdout);
    read(&choose(folder, &binaries)?)
}

/// Whether a file names the SDK.
fn uses_sdk(path: &Path) -> Result<bool, Error> {
    let source = read(path)?;
    let name = sdk::NAME.as_bytes();
    Ok(source.windows(name.len()).any(|window| window == name))
}

/// Where Cargo builds: beside the project's own artifacts, as seen from the project's folder. Other
/// flags than the project's own builds have would have everything compiled again each time.
fn target_folder() -> PathBuf {
    let chosen = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let chosen = chosen.map(|folder| std::path::absolute(&folder).unwrap_or(folder));
    chosen.unwrap_or_else(|| "target".into()).join("dotvm")
}

/// A name that rustc takes for a crate, of whatever the file is called.
fn crate_name(path: &Path) -> String {
    /// Files that the compiler derives names for from this one are to have names that are allowed.
    const LONGEST: usize = 64;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let chars = stem.chars().take(LONGEST);
    let name: String = chars
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    match name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() {
        true => format!("_{name}"),
        false => name,
    }
}

/// The same file, named such that a command cannot take it for one of its options.
fn no_option(path: &Path) -> PathBuf {
    match path.as_os_str().as_encoded_bytes().starts_with(b"-") {
        true => Path::new(".").join(path),
        false => path.to_owned(),
    }
}

/// Runs a compiler.
///
/// # Errors
/// What it printed, where it fails.
pub(super) fn run(
    command: Command,
    name: &str,
    step: &str,
    options: &DriverOptions,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Finished, Error> {
    let program = PathBuf::from(command.get_program());
    let cancel = options.cancel.as_deref();
    let finished = process::run(command, step, cancel, progress).map_err(|error| {
        match (error.kind(), program.parent()) {
            (ErrorKind::Interrupted, _) => Error::Cancelled,
            // Looked for on the path.
            (ErrorKind::NotFound, Some(parent)) if parent.as_os_str().is_empty() => {
                Error::NoToolchain(toolchain::missing(&program))
            }
            _ => file_error(&program, error),
        }
    })?;
    if !finished.status.success() {
        let mut output = finished.stderr;
        if output.trim().is_empty() {
            // Killed, as a rule; it had no time to say anything.
            output = format!("{}\n", finished.status);
        }
        if output.contains("linker") && output.contains("not found") {
            output.push_str(
                "\nthe WebAssembly linker is missing; on Debian and Ubuntu: apt-get install lld\n",
            );
        }
        let command = name.to_owned();
        return Err(Error::Compiler { command, output });
    }
    let diagnostics = finished.stderr.trim_end();
    if !diagnostics.is_empty() {
        progress(Progress::Diagnostics(diagnostics));
    }
    Ok(finished)
}

/// `-C opt-level` for a level of ours.
fn rust_opt_level(level: OptLevel) -> &'static str {
    match level {
        OptLevel::O0 => "0",
        OptLevel::O1 => "1",
        OptLevel::O2 | OptLevel::O3 => "3",
    }
}

fn temporary_folder() -> Result<tempfile::TempDir, Error> {
    tempfile::tempdir().map_err(|error| file_error(&std::env::temp_dir(), error))
}

/// A binary that Cargo made.
#[derive(PartialEq, Eq, Debug)]
struct Binary {
    name: String,
    path: PathBuf,
}

/// The binaries among the messages of `cargo build`, one a line.
fn binaries(messages: &str) -> Vec<Binary> {
    let binary = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let target = &message["target"];
        let is_binary = target["kind"].as_array()?.iter().any(|kind| kind == "bin");
        let name = target["name"].as_str()?.to_owned();
        let files = message["filenames"].as_array()?.iter();
        // Compilers differ in whether they call a `.wasm` file an executable.
        let path = files
            .filter_map(|file| file.as_str())
            .find(|file| file.ends_with(".wasm"))?;
        is_binary.then(|| Binary {
            name,
            path: path.into(),
        })
    };
    messages.lines().filter_map(binary).collect()
}

/// The one binary of a project.
fn choose(folder: &Path, binaries: &[Binary]) -> Result<PathBuf, Error> {
    match binaries {
        [] => Err(input_error(folder, "the project has no binary".to_owned())),
        [binary] => Ok(binary.path.clone()),
        _ => {
            let names: Vec<&str> = binaries.iter().map(|binary| binary.name.as_str()).collect();
            let reason = format!(
                "the project has several binaries ({}); say which one is meant (--bin NAME)",
                names.join(", ")
            );
            Err(input_error(folder, reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binaries_are_found_among_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"l"},"filenames":["/t/libl.rlib"]}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"b"},"filenames":["/t/b.wasm","/t/b.d"],"executable":null}
{"reason":"build-finished","success":true}
not a message"#;
        let found = binaries(messages);
        let binary = Binary {
            name: "b".to_owned(),
            path: "/t/b.wasm".into(),
        };
        assert_eq!(found, [binary]);
    }

    #[test]
    fn crates_are_named_after_files() {
        let name = |path: &str| crate_name(Path::new(path));
        assert_eq!(name("a/hello.rs"), "hello");
        assert_eq!(name("2 odd-name.v1.rs"), "_2_odd_name_v1");
        assert_eq!(name("-x.rs"), "_x");
        assert_eq!(name("\u{fc}ber.rs"), "_ber");
        assert_eq!(name(&format!("{}.rs", "n".repeat(200))).len(), 64);
        assert_eq!(name(""), "_");
        assert_eq!(no_option(Path::new("-x.rs")), Path::new("./-x.rs"));
        assert_eq!(no_option(Path::new("x.rs")), Path::new("x.rs"));
    }

    #[test]
    fn one_binary_is_the_one() {
        let binary = |name: &str| Binary {
            name: name.to_owned(),
            path: format!("{name}.wasm").into(),
        };
        let folder = Path::new("p");
        assert_eq!(
            choose(folder, &[binary("a")]).expect("one"),
            PathBuf::from("a.wasm")
        );
        assert!(choose(folder, &[]).is_err());
        let error = choose(folder, &[binary("a"), binary("b")]).expect_err("several");
        assert!(error.to_string().contains("a, b"), "{error}");
    }
}
