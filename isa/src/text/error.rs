//! The error of the assembler: every fault of a text, each with its place and the line it is in.

use std::fmt;
use std::ops::Range;

/// The most faults that are reported of one text.
pub const MAX_DIAGNOSTICS: usize = 20;

/// The most characters of a line that are shown.
const MAX_EXCERPT_CHARS: usize = 100;

/// Faults of an assembler text, in the order of their places; never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AsmError {
    diagnostics: Vec<Diagnostic>,
    truncated: bool,
}

/// One fault of an assembler text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// The line (of a long one, the part around the fault), control characters replaced.
    excerpt: String,
    /// Which characters of the excerpt the fault is about.
    underlined: Range<usize>,
}

impl AsmError {
    /// The faults, by ascending place; at most [`MAX_DIAGNOSTICS`].
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }
}

impl fmt::Display for AsmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.diagnostics.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            diagnostic.fmt(f)?;
        }
        if self.truncated {
            write!(f, "\nstopped after {MAX_DIAGNOSTICS} errors")?;
        }
        Ok(())
    }
}

impl std::error::Error for AsmError {}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, message) = (self.line, &self.message);
        writeln!(f, "{line}:{}: {message}", self.column)?;
        let number = line.to_string();
        let (blank, indent) = (" ".repeat(number.len()), " ".repeat(self.underlined.start));
        let marks = "^".repeat(self.underlined.len().max(1));
        writeln!(f, "{number} | {}", self.excerpt)?;
        write!(f, "{blank} | {indent}{marks}")
    }
}

/// A fault found by the parser: bytes of the text, and what is wrong with them.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) span: Range<usize>,
    pub(super) message: String,
}

/// Result of a parsing step.
pub(super) type Parsed<T> = Result<T, Box<Fault>>;

/// Makes a fault.
#[cold]
pub(super) fn fault<T>(span: Range<usize>, message: impl Into<String>) -> Parsed<T> {
    Err(Box::new(Fault {
        span,
        message: message.into(),
    }))
}

/// Collects faults up to the limit.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    /// Adds a fault, if there is room left.
    pub(super) fn add(&mut self, fault: Fault) {
        // One more than is reported, to know that there were more.
        if self.0.len() <= MAX_DIAGNOSTICS {
            self.0.push(fault);
        }
    }

    /// Whether there is no point in looking for more.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() > MAX_DIAGNOSTICS
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The error that reports them; `None` where there is no fault.
    pub(super) fn into_error(mut self, text: &str) -> Option<AsmError> {
        if self.0.is_empty() {
            return None;
        }
        self.0.sort_by_key(|fault| fault.span.start);
        let truncated = self.0.len() > MAX_DIAGNOSTICS;
        self.0.truncate(MAX_DIAGNOSTICS);
        let diagnostics = self.0.into_iter().map(|fault| locate(text, fault));
        Some(AsmError {
            diagnostics: diagnostics.collect(),
            truncated,
        })
    }
}

/// Finds line and column of a fault, and the line's text.
fn locate(text: &str, fault: Fault) -> Diagnostic {
    let Fault { span, message } = fault;
    let before = &text[..span.start];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line_text = text[line_start..].lines().next().unwrap_or("");
    let column = text[line_start..span.start].chars().count();
    let marked = text[span].lines().next().unwrap_or("").chars().count();
    // Of a long line, a window around the fault is shown.
    let skipped = match column {
        0..MAX_EXCERPT_CHARS => 0,
        _ => column - MAX_EXCERPT_CHARS / 4,
    };
    let mut excerpt: String = line_text
        .chars()
        .skip(skipped)
        .take(MAX_EXCERPT_CHARS)
        .map(|c| match c {
            '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect();
    let mut start = column - skipped;
    if skipped > 0 {
        excerpt.insert_str(0, "..");
        start += 2;
    }
    excerpt.truncate(excerpt.trim_end().len());
    let end = (start + marked).min(start.max(excerpt.chars().count()));
    Diagnostic {
        line: before.bytes().filter(|&byte| byte == b'\n').count() + 1,
        column: column + 1,
        message,
        excerpt,
        underlined: start..end,
    }
}
