//! Runs WebAssembly specification scripts (`.wast`).
//!
//! Every module of a script goes the whole way that a program goes: WebAssembly, transpiler,
//! encoded bytecode, decoder, verifier, instance. [`run`] takes a script's text and reports each
//! directive that did not hold.

mod custom;
mod script;
mod spectest;
mod values;

use std::time::Duration;

use dotvm::Config;
use dotvm_isa::Arch;
use dotvm_transpiler::{Features, OptLevel, unfold_try};
use wast::Wast;
use wast::lexer::Lexer;
use wast::parser::{ParseBuffer, parse};
use wast::token::Span;

use script::Script;

/// How long a script may take unless something else is said: far more than any does, so that a machine
/// that loops is reported instead of waited for.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

/// How modules are transpiled, and what scripts may use.
#[derive(Clone, Debug)]
pub struct Options {
    /// The architecture; `None` for the first one from arch64 on that has what a module needs.
    pub arch: Option<Arch>,
    /// How much to optimize.
    pub opt_level: OptLevel,
    /// What modules may use: scripts of older versions say that what came later is invalid.
    pub features: Features,
    /// Settings of the engine, but for the size of the stack.
    pub config: Config,
    /// How long a script may take. Default: 5 minutes.
    pub timeout: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            arch: None,
            opt_level: OptLevel::default(),
            features: Features::default(),
            config: Config::default(),
            timeout: DEFAULT_TIMEOUT,
        }
    }
}

/// What came of a script.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Directives that held.
    pub passed: usize,
    /// Directives that did not, in order.
    pub failures: Vec<Failure>,
}

/// A directive that did not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// Its line, counted from 1.
    pub line: usize,
    /// Its column, counted from 1.
    pub column: usize,
    /// What was wrong; may have several lines.
    pub message: String,
}

/// Runs a script. One whose syntax is wrong has one failure, at the place of the mistake.
///
/// A directive that fails does not keep the following ones from being run.
pub fn run(text: &str, options: &Options) -> Report {
    let mut report = Report::default();
    let text = &*unfold_try(text);
    let mut lexer = Lexer::new(text);
    // The scripts about names use them on purpose.
    lexer.allow_confusing_unicode(true);
    let buffer = match ParseBuffer::new_with_lexer(lexer) {
        Ok(buffer) => buffer,
        Err(error) => return report.with(syntax_error(text, &error)),
    };
    let wast = match parse::<Wast<'_>>(&buffer) {
        Ok(wast) => wast,
        Err(error) => return report.with(syntax_error(text, &error)),
    };
    let mut script = match Script::new(options) {
        Ok(script) => script,
        Err(message) => return report.with(failure(text, Span::from_offset(0), message)),
    };
    for directive in wast.directives {
        let span = directive.span();
        match script.execute(directive) {
            Ok(()) => report.passed += 1,
            Err(message) => report.failures.push(failure(text, span, message)),
        }
    }
    report
}

/// Runs a script of which nobody knows what version of WebAssembly it is about, by the newest in which all
/// of it holds. If there is none, the report is about the newest.
///
/// Scripts say of older versions that modules are invalid which later ones allow.
pub fn run_any(text: &str, options: &Options) -> Report {
    let newest = run(text, options);
    if newest.failures.is_empty() {
        return newest;
    }
    let one_memory = Features::ALL.without("multi-memory");
    let small_memory = one_memory.and_then(|features| features.without("memory64"));
    let older = [Features::V2, Features::V1].map(Some);
    [one_memory, small_memory]
        .into_iter()
        .chain(older)
        .flatten()
        .map(|features| {
            let options = Options {
                features,
                ..options.clone()
            };
            run(text, &options)
        })
        .find(|report| report.failures.is_empty())
        .unwrap_or(newest)
}

impl Report {
    fn with(mut self, failure: Failure) -> Report {
        self.failures.push(failure);
        self
    }
}

fn syntax_error(text: &str, error: &wast::Error) -> Failure {
    failure(text, error.span(), error.message())
}

fn failure(text: &str, span: Span, message: String) -> Failure {
    let (line, column) = span.linecol_in(text);
    Failure {
        line: line + 1,
        column: column + 1,
        message,
    }
}

#[cfg(test)]
mod tests;
