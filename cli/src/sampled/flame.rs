//! Flame graphs: a picture that is searched and enlarged in a browser.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use inferno::flamegraph::{Options, from_lines};

use super::Sampled;
use crate::profile::cell;

impl Sampled<'_> {
    /// Stacks as lines, as the tools for flame graphs read them: functions, outermost first, and microseconds.
    pub(super) fn folded(&self) -> String {
        let mut stacks: BTreeMap<String, Duration> = BTreeMap::new();
        for (stack, &time) in (0..).zip(&self.times) {
            if time.is_zero() {
                continue;
            }
            let mut names: Vec<String> =
                self.frames(stack).map(|it| self.folded_name(it)).collect();
            names.reverse();
            *stacks.entry(names.join(";")).or_default() += time;
        }
        let mut text = String::new();
        for (stack, time) in stacks {
            let _ = writeln!(text, "{stack} {}", time.as_micros());
        }
        text
    }

    /// A function's name without what separates names, and without a number at its end that would be taken for a
    /// count of its own.
    fn folded_name(&self, frame: usize) -> String {
        let name = &self.functions[self.function_of[frame]].name;
        let name = cell(name).replace(';', ",");
        match name.rsplit_once(' ') {
            Some((head, last)) if last.parse::<f64>().is_ok() => format!("{head}_{last}"),
            _ => name,
        }
    }

    /// The picture, as an SVG document.
    ///
    /// # Errors
    /// Those of the library.
    pub(super) fn flame_graph(&self) -> io::Result<Vec<u8>> {
        let mut folded = self.folded();
        if folded.is_empty() {
            folded += "(no samples) 1";
        }
        let mut options = Options::default();
        options.title = format!("{} (time of the processor)", cell(&self.program));
        options.count_name = "µs".to_owned();
        options.name_type = "Function:".to_owned();
        // The same profile makes the same picture.
        options.hash = true;
        let mut svg = Vec::new();
        from_lines(&mut options, folded.lines(), &mut svg)?;
        Ok(svg)
    }
}
