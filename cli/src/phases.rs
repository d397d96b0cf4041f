//! What `--verbose` and `--stats` measure: the phases of starting a program.

use std::time::{Duration, Instant};

use crate::units::show_time;

/// A stopwatch for phases that follow each other. One that is off costs nothing.
#[derive(Debug)]
pub(crate) struct Phases {
    /// End of the latest phase; `None` where nobody wants to know.
    last: Option<Instant>,
    /// Whether what is done is told as it is done.
    verbose: bool,
    done: Vec<(&'static str, Duration)>,
}

impl Phases {
    /// Starts the first phase.
    pub(crate) fn new(on: bool) -> Phases {
        Phases {
            last: on.then(Instant::now),
            verbose: on,
            done: Vec::new(),
        }
    }

    /// The same for those who want to know nothing else.
    pub(crate) fn measured() -> Phases {
        Phases {
            verbose: false,
            ..Phases::new(true)
        }
    }

    /// Whether what is done is told as it is done.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// The phases so far.
    pub(crate) fn done(&self) -> &[(&'static str, Duration)] {
        &self.done
    }

    /// Ends a phase, and starts the next one.
    pub(crate) fn end(&mut self, name: &'static str) {
        if let Some(last) = &mut self.last {
            let now = Instant::now();
            self.done.push((name, now - *last));
            *last = now;
        }
    }

    /// Starts the current phase again: what was done since the last one does not count.
    pub(crate) fn restart(&mut self) {
        if let Some(last) = &mut self.last {
            *last = Instant::now();
        }
    }

    /// The phases so far, as text, with their sum.
    pub(crate) fn show(&self) -> String {
        let mut text = String::new();
        for (name, time) in &self.done {
            text += &format!("{name} {}, ", show_micros(*time));
        }
        let total: Duration = self.done.iter().map(|(_, time)| time).sum();
        text + &format!("together {}", show_time(total))
    }
}

/// Microseconds, whatever the magnitude, so that figures can be compared.
fn show_micros(time: Duration) -> String {
    format!("{} µs", time.as_micros())
}
