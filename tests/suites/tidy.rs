//! Checks of the sources themselves: what the compiler and its lints do not look at.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use dotvm_tests::root;

/// The most lines of a source file.
const LINES_MAX: usize = 900;

/// Folders that are not ours to check: builds, and programs that the machine runs, which know
/// nothing of it.
const SKIPPED: [&str; 5] = [
    "target",
    "examples",
    "bench/programs",
    "tests/programs",
    "wt",
];

/// Where unsafe code may be (see `docs/architecture.md`).
const UNSAFE: [&str; 8] = [
    "cli/src/commands/run/setup.rs",
    "interp/",
    "jit/src/native/",
    "runtime/src/vm/",
    "sdk/src/machine/",
    "sdk/src/simd/functions.rs",
    "sdk/src/simd/machine.rs",
    "vitte/src/cli.rs",
];

/// The crates, and which of the others each may use; those that only its tests use do not count.
const LAYERS: [(&str, &[&str]); 11] = [
    ("isa", &[]),
    ("interp", &["dotvm-isa"]),
    ("jit", &["dotvm-isa"]),
    ("dotdb", &[]),
    (
        "runtime",
        &["dotvm-isa", "dotvm-interp", "dotvm-jit", "dotvm-dotdb"],
    ),
    ("transpiler", &["dotvm-isa"]),
    ("vitte", &["dotvm", "dotvm-isa"]),
    (
        "cli",
        &[
            "dotvm",
            "dotvm-dotdb",
            "dotvm-isa",
            "dotvm-transpiler",
            "vitte",
        ],
    ),
    (
        "tests",
        &[
            "dotvm",
            "dotvm-cli",
            "dotvm-isa",
            "dotvm-sdk",
            "dotvm-transpiler",
        ],
    ),
    ("tests/peer", &["dotvm", "dotvm-tests"]),
    ("bench", &["dotvm", "dotvm-isa", "dotvm-transpiler"]),
];

/// A source file: its path from the root, and its text.
struct Source {
    path: String,
    text: String,
}

/// Every Rust file that is ours.
fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    visit(&root(), Path::new(""), &mut sources);
    assert!(
        sources.len() > 100,
        "only {} source files were found",
        sources.len()
    );
    sources
}

fn visit(folder: &Path, path: &Path, sources: &mut Vec<Source>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    for entry in entries {
        let entry = entry.expect("an entry of a folder");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = path.join(&name);
        let text = path.display().to_string();
        if name.starts_with('.') || SKIPPED.contains(&text.as_str()) || name == "target" {
            continue;
        }
        if entry.path().is_dir() {
            visit(&entry.path(), &path, sources);
        } else if name.ends_with(".rs") {
            let source = fs::read_to_string(entry.path()).expect("a source file is UTF-8");
            sources.push(Source {
                path: text,
                text: source,
            });
        }
    }
}

/// Checks each source file; the function returns what is wrong with one.
#[track_caller]
fn check(fault: impl Fn(&Source) -> Option<String>) {
    let sources = sources();
    let faults: Vec<String> = sources
        .iter()
        .filter_map(|source| Some(format!("{}: {}", source.path, fault(source)?)))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The lines of a source, without comments, with their numbers.
fn code(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    let lines = source.text.lines().enumerate();
    lines.map(|(i, line)| (i + 1, line.split_once("//").map_or(line, |(code, _)| code)))
}

#[test]
fn every_file_says_what_it_is() {
    check(|source| {
        let header = source
            .text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("//! "));
        let says = header.is_some_and(|text| text.len() > 8);
        (!says).then(|| "does not start with a `//!` header".to_owned())
    });
}

#[test]
fn no_file_is_too_long() {
    check(|source| {
        let lines = source.text.lines().count();
        (lines > LINES_MAX).then(|| format!("{lines} lines; at most {LINES_MAX}"))
    });
}

#[test]
fn nothing_is_left_to_do_or_switched_off() {
    // Put together, so that this file does not contain them.
    let banned = [
        concat!("#[ig", "nore"),
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("FIX", "ME"),
        concat!("TO", "DO"),
        concat!("XX", "X:"),
        concat!("allow(clippy", "::all)"),
    ];
    check(|source| {
        let mut lines = source.text.lines().enumerate();
        let found = lines.find_map(|(i, line)| {
            banned
                .iter()
                .find(|&&banned| line.contains(banned))
                .map(|banned| (i + 1, banned))
        });
        found.map(|(line, banned)| format!("{banned} in line {line}"))
    });
}

#[test]
fn unsafe_code_is_where_it_belongs() {
    let marks = [
        "unsafe {",
        "unsafe fn",
        "unsafe impl",
        "unsafe trait",
        "allow(unsafe_code",
    ];
    check(|source| {
        if UNSAFE
            .iter()
            .any(|allowed| source.path.starts_with(allowed))
            || source.path == "tests/suites/tidy.rs"
        {
            return None;
        }
        let found = code(source).find(|(_, line)| marks.iter().any(|mark| line.contains(mark)));
        found.map(|(line, _)| format!("unsafe code in line {line}"))
    });
}

#[test]
fn tests_do_not_expect_panics_of_any_kind() {
    // An expected panic may be another one than was meant.
    let banned = concat!("#[should_", "panic]");
    check(|source| {
        source
            .text
            .contains(banned)
            .then(|| format!("{banned} without a message"))
    });
}

/// The names of dependencies in a section of a `Cargo.toml`.
fn dependencies(manifest: &str, section: &str) -> BTreeSet<String> {
    let lines = manifest
        .lines()
        .skip_while(|line| line.trim() != section)
        .skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', '=', ' ']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

fn manifest(folder: &str) -> (PathBuf, String) {
    let path = root().join(folder).join("Cargo.toml");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    (path, text)
}

#[test]
fn crates_use_only_the_layers_below() {
    // A crate that is not called like the others is ours as well.
    let names = LAYERS.map(|(folder, _)| {
        let (path, manifest) = manifest(folder);
        let name = manifest
            .lines()
            .find_map(|line| line.strip_prefix("name = \""));
        let name = name.and_then(|name| name.strip_suffix('"'));
        name.unwrap_or_else(|| panic!("{path:?} has no name"))
            .to_owned()
    });
    let is_ours = |name: &&String| name.starts_with("dotvm") || names.contains(name);
    for (folder, allowed) in LAYERS {
        let (path, manifest) = manifest(folder);
        let used = dependencies(&manifest, "[dependencies]");
        for name in used.iter().filter(is_ours) {
            assert!(
                allowed.contains(&name.as_str()),
                "{path:?} must not depend on {name}"
            );
        }
    }
}

#[test]
fn every_crate_of_the_workspace_has_a_layer_and_the_lints() {
    let (_, workspace) = manifest("");
    let members = workspace
        .lines()
        .find_map(|line| line.strip_prefix("members = ["));
    let members = members
        .and_then(|line| line.strip_suffix(']'))
        .expect("members in one line");
    let members: BTreeSet<&str> = members
        .split(',')
        .map(|name| name.trim().trim_matches('"'))
        .collect();
    let layers = LAYERS.map(|(folder, _)| folder);
    assert_eq!(
        members,
        BTreeSet::from(layers),
        "members of the workspace and layers above"
    );
    for folder in layers {
        let (path, manifest) = manifest(folder);
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{path:?} has lints of its own"
        );
    }
}

#[test]
fn the_interpreter_knows_nothing_of_the_outside() {
    let (_, manifest) = manifest("interp");
    let found = dependencies(&manifest, "[dependencies]");
    assert_eq!(found, BTreeSet::from(["dotvm-isa".to_owned()]));
    let banned = [
        "std::fs",
        "std::net",
        "std::env",
        "std::time",
        "std::thread",
        "std::process",
    ];
    for source in sources()
        .iter()
        .filter(|source| source.path.starts_with("interp/src/"))
    {
        let mut lines = code(source);
        let found = lines.find(|(_, line)| banned.iter().any(|banned| line.contains(banned)));
        assert!(found.is_none(), "{}: {found:?}", source.path);
    }
}

#[test]
fn non_determinism_enters_through_one_trait() {
    // Clocks, randomness and the environment: only WASI's host may ask for them; deadlines, which
    // end a run and do not change it, are in `signals.rs` and what uses it. Files of the code cache have
    // an age, which no program sees.
    let banned = [
        "SystemTime::now",
        "getrandom",
        "rand::",
        "env::var",
        "env::vars",
    ];
    for source in sources()
        .iter()
        .filter(|source| source.path.starts_with("runtime/src/"))
    {
        let allowed = ["runtime/src/wasi/host.rs", "runtime/src/code_cache.rs"];
        if allowed.contains(&source.path.as_str()) || source.path.contains("/tests") {
            continue;
        }
        let mut lines = code(source);
        let found = lines.find(|(_, line)| banned.iter().any(|banned| line.contains(banned)));
        assert!(found.is_none(), "{}: {found:?}", source.path);
    }
}
