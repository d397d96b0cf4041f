//! From what people have in their hands to WebAssembly bytes: a `.wasm` or `.wat` file is read, a
//! `.rs` file or a Cargo project is compiled with the Rust toolchain of this machine.

mod build;
mod process;
mod sdk;
mod toolchain;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use dotvm_isa::Arch;

use crate::error::Error;
use crate::{OptLevel, unfold_try};

/// The most bytes of a file that are read (1 GiB): far more than can be translated.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// How sources are compiled.
#[derive(Clone, Debug, Default)]
pub struct DriverOptions {
    /// The architecture that the program is for, if that is known: where it lacks words, the guest SDK
    /// does without. With `None` the SDK uses those of every width.
    pub arch: Option<Arch>,
    /// How much the Rust compiler optimizes: not at all, a little, or all it can (at 2 and 3).
    pub opt_level: OptLevel,
    /// Whether debug information is generated.
    pub debug_info: bool,
    /// Which binary of a Cargo project that has several.
    pub bin: Option<String>,
    /// Set by somebody else, such as a signal handler, this has a compiler that runs killed, and
    /// what it left behind removed.
    pub cancel: Option<Arc<AtomicBool>>,
}

/// What is being done, for whoever waits.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// A step that takes its time goes on; told several times a second.
    Running {
        /// What is done: `compiling x.rs for wasm32-wasip1`.
        step: &'a str,
        /// For how long.
        elapsed: Duration,
    },
    /// The compiler succeeded, but had something to say.
    Diagnostics(&'a str),
}

/// Makes WebAssembly of a `.wasm`, `.wat` or `.rs` file or a folder with a Cargo project, telling
/// `progress` what goes on while compilers run.
///
/// Files of other names are taken for WebAssembly where they begin like it.
///
/// # Errors
/// [`Error::File`] where the file cannot be read, [`Error::Text`] for mistakes in WebAssembly text,
/// [`Error::Input`] where the path is nothing of the above, [`Error::NoToolchain`] where no Rust
/// compiler for WebAssembly is installed, [`Error::Compiler`] with the compiler's own words where
/// it fails, [`Error::Cancelled`] where [`DriverOptions::cancel`] was set.
pub fn load_wasm(
    path: &Path,
    options: &DriverOptions,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<u8>, Error> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    if path.is_dir() {
        return build::project(path, options, progress);
    }
    match (extension, path.file_name().and_then(|name| name.to_str())) {
        (_, Some("Cargo.toml")) => {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            build::project(folder.unwrap_or(Path::new(".")), options, progress)
        }
        (Some("rs"), _) => build::file(path, options, progress),
        (Some("wat"), _) => text(path, &read(path)?),
        (Some("wasm"), _) => read(path),
        _ => {
            let bytes = read(path)?;
            if bytes.starts_with(b"\0asm") {
                return Ok(bytes);
            }
            let reason = "not a .rs, .wasm or .wat file, nor a folder with a Cargo.toml".to_owned();
            Err(input_error(path, reason))
        }
    }
}

fn input_error(path: &Path, reason: String) -> Error {
    Error::Input {
        path: path.to_owned(),
        reason,
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let fail = |error| file_error(path, error);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(fail)?;
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(fail)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(input_error(path, "more than 1 GiB".to_owned()));
    }
    Ok(bytes)
}

fn file_error(path: &Path, error: std::io::Error) -> Error {
    Error::File {
        path: path.to_owned(),
        error,
    }
}

/// WebAssembly text to binary; the message of a mistake shows the line.
fn text(path: &Path, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let unfolded = std::str::from_utf8(bytes).map(unfold_try);
    let bytes = match &unfolded {
        Ok(text) => text.as_bytes(),
        Err(_) => bytes,
    };
    match wat::parse_bytes(bytes) {
        Ok(wasm) => Ok(wasm.into_owned()),
        Err(mut error) => {
            error.set_path(path);
            Err(Error::Text(error.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn load(name: &str, content: &[u8]) -> Result<Vec<u8>, Error> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join(name);
        let mut file = File::create(&path).expect("created");
        file.write_all(content).expect("written");
        load_wasm(&path, &DriverOptions::default(), &mut |_| {})
    }

    #[test]
    fn files_are_told_apart_by_name_and_content() {
        let wasm = wat::parse_str("(module)").expect("valid text");
        assert_eq!(load("a.wat", b"(module)").expect("text"), wasm);
        assert_eq!(load("a.wasm", &wasm).expect("binary"), wasm);
        assert_eq!(load("a.out", &wasm).expect("binary of another name"), wasm);
        assert!(matches!(load("a.txt", b"hello"), Err(Error::Input { .. })));
        let missing = load_wasm(
            Path::new("no/such.wasm"),
            &DriverOptions::default(),
            &mut |_| {},
        );
        assert!(matches!(missing, Err(Error::File { .. })));
    }

    #[test]
    fn mistakes_in_text_are_shown() {
        let Err(Error::Text(message)) = load("bad.wat", b"(module\n  (func (i32.ad)))") else {
            panic!("accepted");
        };
        assert!(message.contains("bad.wat:2:10"), "{message}");
        assert!(message.contains("(func (i32.ad))"), "{message}");
    }

    #[test]
    #[cfg(unix)]
    fn endless_files_are_not_read_to_the_end() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("zero.wasm");
        std::os::unix::fs::symlink("/dev/zero", &path).expect("a link");
        let error = load_wasm(&path, &DriverOptions::default(), &mut |_| {}).expect_err("endless");
        assert!(error.to_string().contains("more than 1 GiB"), "{error}");
    }
}
