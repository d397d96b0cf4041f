//! Names the build: native code that is kept in files only fits the sources that it was made by.
//!
//! In a checkout that is a digest of the sources that decide what native code looks like and of the
//! versions of what they use. Elsewhere a version has only one source.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// The crates whose sources count.
const CRATES: [&str; 4] = ["isa", "interp", "jit", "runtime"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let package = env::var_os("CARGO_MANIFEST_DIR").expect("Cargo names the package's folder");
    let root = Path::new(&package).join("..");
    let mut files = vec![root.join("Cargo.lock")];
    let is_checkout = CRATES
        .iter()
        .all(|name| root.join(name).join("src").is_dir());
    if is_checkout {
        for name in CRATES {
            let folder = root.join(name).join("src");
            println!("cargo::rerun-if-changed={}", folder.display());
            list(&folder, &mut files);
        }
        println!("cargo::rerun-if-changed={}", files[0].display());
        files[1..].sort();
    }
    let mut digest = FNV_START;
    for file in files.iter().filter(|_| is_checkout) {
        for byte in fs::read(file).unwrap_or_default() {
            digest = (digest ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
    }
    println!("cargo::rustc-env=DOTVM_SOURCES={digest:016x}");
}

/// Fowler, Noll and Vo's hash function with 64 bits, which is enough to tell builds apart.
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// The files in a folder and those below it.
fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        match path.is_dir() {
            true => list(&path, files),
            false => files.push(path),
        }
    }
}
