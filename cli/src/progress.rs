//! What people see of a compiler that runs.

use std::io::IsTerminal as _;
use std::time::Duration;

use dotvm_transpiler::Progress;

use crate::output;

/// After how long something is worth a line.
const WORTH_A_LINE: Duration = Duration::from_secs(1);

/// Shows on standard error what goes on: a line that counts the seconds on a terminal; elsewhere a
/// line for each step, if it was asked for.
#[derive(Debug)]
pub(crate) struct ProgressLine {
    style: Style,
    /// The step that was shown last, and its seconds.
    shown: Option<(String, u64)>,
    /// Whether a compiler's warnings are passed on.
    warnings: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Style {
    /// Written over again and again, in the end with nothing.
    Terminal,
    Lines,
    Silent,
}

impl ProgressLine {
    /// Nothing to show yet.
    pub(crate) fn new(verbose: bool, warnings: bool) -> ProgressLine {
        let style = if std::io::stderr().is_terminal() {
            Style::Terminal
        } else if verbose {
            Style::Lines
        } else {
            Style::Silent
        };
        ProgressLine {
            style,
            shown: None,
            warnings,
        }
    }

    /// Shows what is new.
    pub(crate) fn show(&mut self, progress: Progress<'_>) {
        match progress {
            Progress::Running { step, elapsed } if elapsed >= WORTH_A_LINE => {
                self.running(step, elapsed.as_secs());
            }
            // Cargo also reports that it has done its work.
            Progress::Diagnostics(text) if self.warnings && text.contains("warning: ") => {
                self.clear();
                output::say(&format!("{}\n", text.trim_end()));
            }
            _ => {}
        }
    }

    fn running(&mut self, step: &str, seconds: u64) {
        let (last, told) = self
            .shown
            .as_ref()
            .map_or(("", 0), |(step, told)| (step, *told));
        match self.style {
            Style::Terminal if (last, told) != (step, seconds) => {
                output::say(&format!("\r\x1b[K{step} ({seconds} s)"));
            }
            Style::Lines if last != step => output::say(&format!("{step}\n")),
            _ => return,
        }
        self.shown = Some((step.to_owned(), seconds));
    }

    /// Takes the line away, where it would be in the way of others.
    pub(crate) fn clear(&mut self) {
        if self.shown.take().is_some() && self.style == Style::Terminal {
            output::say("\r\x1b[K");
        }
    }
}
