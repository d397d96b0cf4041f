//! Running rustc and Cargo.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::toolchain::Toolchain;
use super::{DriverOptions, Progress, file_error, read};
use crate::{Error, OptLevel};

/// After how long a running compiler is worth a word.
const WORTH_A_WORD: Duration = Duration::from_secs(1);

/// Compiles a program of one file.
pub(super) fn compile_file(
    path: &Path,
    options: &DriverOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<u8>, Error> {
    let toolchain = Toolchain::find()?;
    let folder = tempfile::tempdir().map_err(|error| file_error(&std::env::temp_dir(), error))?;
    let wasm = folder.path().join("program.wasm");
    let mut command = Command::new(&toolchain.rustc);
    command
        .args([
            "--edition",
            "2021",
            "--crate-type",
            "bin",
            "--crate-name",
            &crate_name(path),
        ])
        .args(["--target", toolchain.target])
        .arg("-C")
        .arg(format!("opt-level={}", opt_level(options)))
        .args(debug_flags(options))
        .arg("-o")
        .arg(&wasm)
        .arg(path);
    run(command, progress)?;
    read(&wasm)
}

/// Compiles the binary of a Cargo project, in its own target folder.
pub(super) fn compile_project(
    folder: &Path,
    options: &DriverOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<u8>, Error> {
    let manifest = folder.join("Cargo.toml");
    if !manifest.is_file() {
        let reason = "a folder without Cargo.toml".to_owned();
        return Err(Error::Input {
            path: folder.to_owned(),
            reason,
        });
    }
    let toolchain = Toolchain::find()?;
    let target_folder =
        tempfile::tempdir().map_err(|error| file_error(&std::env::temp_dir(), error))?;
    let mut flags = vec![format!("-Copt-level={}", opt_level(options))];
    flags.extend(debug_flags(options));
    let mut command = Command::new(toolchain.cargo()?);
    command
        .args([
            "build",
            "--release",
            "--bins",
            "--target",
            toolchain.target,
            "--manifest-path",
        ])
        .arg(&manifest)
        .arg("--target-dir")
        .arg(target_folder.path())
        .env("RUSTC", &toolchain.rustc)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_TARGET_DIR");
    run(command, progress)?;
    let out = target_folder.path().join(toolchain.target).join("release");
    read(&only_binary(folder, &out)?)
}

/// The one module that a build left.
fn only_binary(project: &Path, out: &Path) -> Result<PathBuf, Error> {
    let entries = std::fs::read_dir(out).map_err(|error| file_error(out, error))?;
    let mut modules: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "wasm")
        })
        .collect();
    modules.sort();
    let reason = match (modules.pop(), modules.len()) {
        (Some(module), 0) => return Ok(module),
        (None, _) => "the project has no binary".to_owned(),
        (Some(_), others) => format!("the project has {} binaries; one is wanted", others + 1),
    };
    Err(Error::Input {
        path: project.to_owned(),
        reason,
    })
}

/// A crate name that rustc accepts, whatever the file is called.
fn crate_name(path: &Path) -> String {
    let stem = path
        .file_stem()
        .map(|stem| stem.to_string_lossy())
        .unwrap_or_default();
    let name: String = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    match name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        true => name,
        false => format!("program_{name}"),
    }
}

fn opt_level(options: &DriverOptions) -> u8 {
    match options.opt_level {
        OptLevel::O0 => 0,
        OptLevel::O1 => 1,
        OptLevel::O2 | OptLevel::O3 => 3,
    }
}

/// Without `-g` the standard library's own debug information goes too; names stay.
fn debug_flags(options: &DriverOptions) -> Vec<String> {
    let flag = if options.debug {
        "-Cdebuginfo=2"
    } else {
        "-Cstrip=debuginfo"
    };
    vec![flag.to_owned()]
}

/// Runs a compiler to its end.
fn run(mut command: Command, progress: &mut dyn FnMut(Progress)) -> Result<(), Error> {
    let shown = shown(&command);
    command.stdin(Stdio::null());
    let start = Instant::now();
    let output = std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        scope.spawn(move || sender.send(command.output()));
        if let Ok(done) = receiver.recv_timeout(WORTH_A_WORD) {
            return done;
        }
        progress(Progress {
            command: shown.clone(),
            elapsed: start.elapsed(),
        });
        receiver
            .recv()
            .unwrap_or_else(|_| Err(std::io::ErrorKind::BrokenPipe.into()))
    });
    let Output {
        status,
        stdout,
        stderr,
    } = output.map_err(|error| Error::Compiler {
        command: shown.clone(),
        output: error.to_string(),
    })?;
    if status.success() {
        return Ok(());
    }
    let printed = [stdout, stderr].concat();
    Err(Error::Compiler {
        command: shown,
        output: String::from_utf8_lossy(&printed).into_owned(),
    })
}

/// A command as one would type it.
fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .map(|arg| arg.to_string_lossy().into_owned()),
    );
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load_wasm;

    fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("has one")).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn load(path: &Path) -> Result<Vec<u8>, Error> {
        load_wasm(path, &DriverOptions::default(), &mut |_| {})
    }

    #[test]
    fn sources_become_modules() {
        let folder = tempfile::tempdir().unwrap();
        let main = write(
            folder.path(),
            "2 odd-name.rs",
            "fn main() { println!(\"hi\"); }",
        );
        let wasm = load(&main).unwrap_or_else(|error| panic!("{error}\n(scripts/wasm-target)"));
        assert!(wasm.starts_with(b"\0asm"));
    }

    #[test]
    fn compiler_errors_are_passed_on() {
        let folder = tempfile::tempdir().unwrap();
        let main = write(
            folder.path(),
            "main.rs",
            "fn main() { let x: u8 = \"no\"; }",
        );
        let error = load(&main).unwrap_err().to_string();
        assert!(
            error.contains("mismatched types") && error.contains("failed"),
            "{error}"
        );
    }

    #[test]
    fn what_cannot_be_a_program_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let text = write(folder.path(), "notes.txt", "remember the milk");
        assert!(
            load(&text)
                .unwrap_err()
                .to_string()
                .contains("neither WebAssembly")
        );
        let reason = load(folder.path()).unwrap_err().to_string();
        assert!(reason.contains("a folder without Cargo.toml"), "{reason}");
        let missing = load(&folder.path().join("missing.wasm"))
            .unwrap_err()
            .to_string();
        assert!(missing.contains("missing.wasm"), "{missing}");
    }
}
