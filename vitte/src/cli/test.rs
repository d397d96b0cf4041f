//! `vitte test`: functions named `test_…`, each with a machine of its own.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dotvm::Error;
use dotvm::wasi::{MemoryOutput, WasiCtxBuilder};

use super::{Access, about, printable, shown, sources_of};
use crate::modules::Files;
use crate::run::{self, Test};

/// The ends of names of files with tests.
const FILES: &str = "_test.vit";

/// The most bytes that a test may print.
const OUTPUT_MAX: usize = 1 << 20;

/// A test that failed: its file and name, why, and what it printed.
struct Failure {
    name: String,
    reason: String,
    output: String,
}

/// Runs the tests in files and folders whose names contain a text; tells whether all of them passed.
///
/// # Errors
/// Where a file cannot be read, there is none, or the report cannot be written.
pub(super) fn run(
    paths: &[PathBuf],
    filter: Option<&str>,
    timeout: Duration,
    access: &Access,
) -> io::Result<bool> {
    let here = [PathBuf::from(".")];
    let paths = if paths.is_empty() { &here } else { paths };
    let mut files = Vec::new();
    sources_of(paths, FILES, 0, &mut files)?;
    if files.is_empty() {
        let message = format!("there is no file whose name ends with `{FILES}`");
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    let options = run::Options {
        config: access.config(),
        timeout: Some(timeout),
        libraries: access.libraries(),
        ..run::Options::default()
    };
    let mut out = io::stdout().lock();
    let mut failures = Vec::new();
    let (mut passed, mut unchecked) = (0, 0);
    for path in files {
        let path = path.strip_prefix(".").unwrap_or(&path);
        let tests = run::tests(path, &mut Files).map_err(|error| about(path, &error))?;
        let tests = match tests {
            Ok(tests) => tests,
            Err(errors) => {
                unchecked += 1;
                out.flush()?;
                io::stderr().write_all(errors.as_bytes())?;
                continue;
            }
        };
        for test in tests {
            if filter.is_some_and(|text| !test.name.contains(text)) {
                continue;
            }
            let name = format!("{}: {}", shown(path), printable(&test.name));
            write!(out, "{name} ... ")?;
            out.flush()?;
            match run_test(path, &test, &options, access)? {
                None => {
                    passed += 1;
                    writeln!(out, "ok")?;
                }
                Some((reason, output)) => {
                    writeln!(out, "FAILED")?;
                    failures.push(Failure {
                        name,
                        reason,
                        output,
                    });
                }
            }
        }
    }
    for failure in &failures {
        writeln!(out, "\n{}", failure.name)?;
        for line in failure.reason.lines() {
            writeln!(out, "    {}", printable(line))?;
        }
        if !failure.output.is_empty() {
            writeln!(out, "  what it printed:")?;
        }
        for line in failure.output.lines() {
            writeln!(out, "    {}", printable(line))?;
        }
    }
    if passed + failures.len() > 0 {
        writeln!(out)?;
    }
    write!(out, "{passed} passed, {} failed", failures.len())?;
    match unchecked {
        0 => writeln!(out)?,
        1 => writeln!(out, ", 1 file with errors")?,
        count => writeln!(out, ", {count} files with errors")?,
    }
    Ok(failures.is_empty() && unchecked == 0)
}

/// Runs a test; `None` where it passed, else why not, and what it printed.
fn run_test(
    path: &Path,
    test: &Test,
    options: &run::Options,
    access: &Access,
) -> io::Result<Option<(String, String)>> {
    let module = match &test.module {
        Ok(module) => module,
        Err(reason) => return Ok(Some((format!("error: {reason}"), String::new()))),
    };
    let output = MemoryOutput::with_limit(OUTPUT_MAX);
    let mut wasi = WasiCtxBuilder::new();
    wasi.stdout(output.clone()).stderr(output.clone());
    let own = path.as_os_str().as_encoded_bytes();
    wasi.arg(own).map_err(io::Error::other)?;
    access.give(&mut wasi)?;
    let result = match run::run(&Arc::new(module.clone()), options, &mut wasi) {
        Ok(outcome) => outcome.result,
        Err(error) => Err(error),
    };
    let reason = match result {
        Ok(()) => return Ok(None),
        Err(Error::Exit(code)) => format!("error: it ended the program, with exit code {code}"),
        Err(error) => format!("error: {}", without_start(&error.to_string())),
    };
    let output = String::from_utf8_lossy(&output.take()).into_owned();
    Ok(Some((reason, output)))
}

/// A backtrace without what is called first: that is the same in all tests.
fn without_start(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let starts = [format!(": {} (", run::TEST_START), ": start (".to_owned()];
    while lines
        .last()
        .is_some_and(|line| starts.iter().any(|start| line.contains(start.as_str())))
    {
        lines.pop();
    }
    lines.join("\n")
}
