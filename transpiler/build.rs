//! Collects the sources of the guest SDK, which the driver compiles for programs that use it: a list of
//! names and texts.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let package = env::var_os("CARGO_MANIFEST_DIR").expect("Cargo names the package's folder");
    let folder = Path::new(&package).join("../sdk/src");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    list(&folder, &mut files);
    files.sort();
    let mut text = String::from("&[\n");
    for file in files {
        let name = file.strip_prefix(&folder).expect("a file of that folder");
        writeln!(text, "    ({name:?}, include_str!({file:?})),").expect("writing to a string");
    }
    text.push(']');
    let output = env::var_os("OUT_DIR").expect("Cargo names a folder for output");
    fs::write(Path::new(&output).join("sdk_sources.rs"), text).expect("the folder can be written");
}

/// The files in a folder and those below it.
fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    for entry in entries {
        let path = entry.expect("an entry of a folder").path();
        match path.is_dir() {
            true => list(&path, files),
            false => files.push(path),
        }
    }
}
