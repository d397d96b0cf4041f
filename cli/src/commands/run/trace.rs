//! What `dotvm run --trace` writes: a line for each instruction, as text or as JSON.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dotvm::debug::{Traced, Tracer};
use dotvm::wasi::WasiCtx;
use dotvm::{BoxError, Store};
use serde::Serialize;

use crate::args::Run;
use crate::failure::{Failure, Result};
use crate::profile::cell;

/// A trace that is being written.
pub(super) struct Trace(Arc<Mutex<Lines>>);

/// Where lines go.
struct Lines {
    out: BufWriter<Box<dyn Write + Send>>,
    /// The file, where it is one.
    path: Option<PathBuf>,
    is_json: bool,
    /// Whether the program was stopped since they could not be written.
    has_failed: bool,
}

/// Writes what the program executes.
struct Writer {
    lines: Arc<Mutex<Lines>>,
    /// Names of functions that are of interest; all, where there are none.
    only: Vec<String>,
}

/// A line of JSON.
#[derive(Serialize)]
struct Line<'t> {
    #[serde(skip_serializing_if = "Option::is_none")]
    fuel: Option<u64>,
    depth: usize,
    function: &'t str,
    pc: u32,
    op: &'t str,
    stack: &'t [String],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

/// Begins a trace, where one is asked for.
///
/// # Errors
/// Where its file cannot be made.
pub(super) fn begin(args: &Run, store: &mut Store<WasiCtx>) -> Result<Option<Trace>> {
    let Some(path) = &args.trace else {
        return Ok(None);
    };
    let out: Box<dyn Write + Send> = match path {
        None => Box::new(io::stderr()),
        Some(path) => Box::new(
            File::create(path)
                .map_err(|error| Failure::at(path, format_args!("cannot be written: {error}")))?,
        ),
    };
    let ending = path.as_ref().and_then(|path| path.extension());
    let lines = Arc::new(Mutex::new(Lines {
        out: BufWriter::with_capacity(64 << 10, out),
        path: path.clone(),
        is_json: ending.is_some_and(|it| it == "json" || it == "jsonl"),
        has_failed: false,
    }));
    store.trace(Writer {
        lines: Arc::clone(&lines),
        only: args.trace_only.clone(),
    });
    Ok(Some(Trace(lines)))
}

impl Trace {
    /// Writes what has not been yet, when the program has ended.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(super) fn end(&self) -> Result {
        let mut lines = lock(&self.0);
        if lines.has_failed {
            return Ok(());
        }
        let flushed = lines.out.flush();
        flushed.map_err(|error| Failure::new(lines.unwritten(&error)))
    }
}

impl Lines {
    fn unwritten(&self, error: &io::Error) -> String {
        match &self.path {
            Some(path) => format!("the trace cannot be written to {}: {error}", path.display()),
            None => format!("the trace cannot be written: {error}"),
        }
    }

    fn write(&mut self, traced: &Traced<'_>) -> io::Result<()> {
        if self.is_json {
            let line = Line {
                fuel: traced.fuel,
                depth: traced.depth,
                function: traced.function,
                pc: traced.pc,
                op: traced.op,
                stack: traced.stack,
                cut: traced.is_cut,
            };
            serde_json::to_writer(&mut self.out, &line)?;
            return self.out.write_all(b"\n");
        }
        let place = format!(
            "{:indent$}{}+{:#x}",
            "",
            cell(traced.function),
            traced.pc,
            // Deep recursion would only push everything to the right.
            indent = 2 * traced.depth.min(20)
        );
        let cut = if traced.is_cut { "... " } else { "" };
        writeln!(
            self.out,
            "{:>9} {place:<24} {:<24} [{cut}{}]",
            traced.fuel.unwrap_or_default(),
            cell(traced.op),
            traced.stack.join(" ")
        )
    }
}

impl Tracer for Writer {
    fn wants(&mut self, function: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|pattern| matches(pattern, function))
    }

    fn instruction(&mut self, traced: &Traced<'_>) -> std::result::Result<(), BoxError> {
        let mut lines = lock(&self.lines);
        let written = lines.write(traced);
        lines.has_failed |= written.is_err();
        written.map_err(|error| lines.unwritten(&error).into())
    }
}

fn lock(lines: &Mutex<Lines>) -> MutexGuard<'_, Lines> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a name is one that a pattern stands for, in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    // Each part where it comes first leaves the most for those behind it.
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stand_for_any_text() {
        let yes = [
            ("fib", "fib"),
            ("*", ""),
            ("fib*", "fib"),
            ("*::sum", "fast::sum"),
            ("a*b*c", "abbc"),
            ("a*a", "aa"),
            ("**", "x"),
        ];
        for (pattern, name) in yes {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        let no = [
            ("fib", "fibs"),
            ("", "x"),
            ("a*a", "a"),
            ("*sum", "sums"),
            ("a*b*b", "ab"),
        ];
        for (pattern, name) in no {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
