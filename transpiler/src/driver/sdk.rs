//! The guest SDK for programs that use it. This program carries its sources: for a single file they are
//! compiled, once for each compiler and way to compile, and kept in the user's cache; Cargo projects get the
//! crate as they get others, and are only told which words the machine has.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};

use dotvm_isa::{Arch, ValType};

use super::build::{self, EDITION};
use super::toolchain::Toolchain;
use super::{DriverOptions, Progress, file_error};
use crate::error::Error;

/// The crate's name in programs.
pub(super) const NAME: &str = "dotvm_sdk";

/// The variable that tells the SDK's build script which words there are.
pub(super) const WORDS_VARIABLE: &str = "DOTVM_WORDS";

/// Names of files below the SDK's `src`, and what is in them.
const SOURCES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sdk_sources.rs"));

/// Names of the words, integers and vectors, that an architecture has instructions for; without one, of all
/// that there are.
pub(super) fn words(arch: Option<Arch>) -> Vec<&'static str> {
    let arch = arch.unwrap_or(Arch::Arch512);
    let words = [
        ValType::I128,
        ValType::I256,
        ValType::I512,
        ValType::V256,
        ValType::V512,
    ];
    words
        .into_iter()
        .filter(|&word| arch.has(word))
        .map(ValType::name)
        .collect()
}

/// Makes the SDK's library for programs that `flags` are for: an old one, or a new one, which is in `folder`
/// where it cannot be kept.
///
/// # Errors
/// Where it cannot be compiled.
pub(super) fn library(
    toolchain: &Toolchain,
    flags: &[String],
    folder: &Path,
    options: &DriverOptions,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<PathBuf, Error> {
    let mut flags = flags.to_vec();
    flags.extend(["--cfg".into(), "dotvm".into()]);
    for word in words(options.arch) {
        flags.extend(["--cfg".into(), format!("dotvm=\"{word}\"")]);
    }
    let name = library_name(toolchain, &flags);
    let kept = cache().map(|cache| cache.join(&name));
    if let Some(kept) = kept.as_ref().filter(|kept| kept.is_file()) {
        return Ok(kept.clone());
    }
    let sources = folder.join("sdk");
    unpack(&sources).map_err(|error| file_error(&sources, error))?;
    let built = folder.join(&name);
    let mut command = toolchain.rustc();
    command
        .args(["--edition", EDITION, "--crate-type", "rlib"])
        .args(["--crate-name", NAME, "--cfg", "feature=\"std\""])
        .args(["--cap-lints", "allow"])
        .args(&flags)
        // Where it is unpacked is of no interest to anybody, and another place each time.
        .arg(format!("--remap-path-prefix={}=sdk", sources.display()))
        .arg("-o")
        .args([&built, &sources.join("lib.rs")]);
    let step = format!("compiling the SDK for {}", toolchain.target);
    build::run(command, "rustc", &step, options, progress)?;
    Ok(match kept {
        Some(kept) if keep(&built, &kept).is_ok() => kept,
        _ => built,
    })
}

/// The name of the library that a compiler makes with these flags of these sources.
fn library_name(toolchain: &Toolchain, flags: &[String]) -> String {
    let mut hasher = DefaultHasher::new();
    (toolchain.version(), toolchain.target, flags, SOURCES).hash(&mut hasher);
    format!("lib{NAME}-{:016x}.rlib", hasher.finish())
}

/// The folder for what can be made again, as the XDG base directory specification has it.
fn cache() -> Option<PathBuf> {
    let absolute = |name| {
        let path = env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    Some(caches?.join("dotvm").join("sdk"))
}

/// Writes the sources to a folder.
fn unpack(folder: &Path) -> io::Result<()> {
    for (name, text) in SOURCES {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, text)?;
    }
    Ok(())
}

/// Puts a library to where it is kept. Whoever looks for it there sees none or all of it.
fn keep(built: &Path, kept: &Path) -> io::Result<()> {
    let folder = kept.parent().unwrap_or(kept);
    fs::create_dir_all(folder)?;
    let mut copy = tempfile::NamedTempFile::new_in(folder)?;
    io::copy(&mut fs::File::open(built)?, &mut copy)?;
    copy.persist(kept)?;
    Ok(())
}
