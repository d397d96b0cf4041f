//! Profiles by samples as they are shown and kept: tables for people, files for viewers.

mod flame;
mod pprof;
mod speedscope;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use dotvm::{SampledFrame, SampledProfile};

use crate::failure::{Failure, Result};
use crate::output;
use crate::profile::{cell, function_name};

/// Rows of each table that are shown where there is no file for all of them.
const ROWS_SHOWN: usize = 20;

/// A profile with names for people.
pub(crate) struct Sampled<'p> {
    profile: &'p SampledProfile,
    /// The program's file, as it was named.
    program: String,
    /// Functions of the source, each name once.
    functions: Vec<Function>,
    /// Of each frame of the profile, its function.
    function_of: Vec<usize>,
    /// Of each stack of the profile, the time of its samples.
    times: Vec<Duration>,
}

/// A function of the source.
struct Function {
    name: String,
    /// The file that it is in, where that is known.
    file: Option<String>,
}

/// How much time a row of a table has.
#[derive(Clone, Copy, Default)]
struct Times {
    /// Innermost.
    own: Duration,
    /// Anywhere.
    total: Duration,
}

impl<'p> Sampled<'p> {
    /// What is to be said of a program's profile.
    pub(crate) fn new(program: &Path, profile: &'p SampledProfile) -> Sampled<'p> {
        let (mut functions, mut numbers) = (Vec::new(), HashMap::new());
        let function_of = profile.frames.iter().map(|frame| {
            let name = name(frame);
            let file = frame.line.as_ref().map(|(file, _)| file.clone());
            *numbers
                .entry((name.clone(), file.clone()))
                .or_insert_with(|| {
                    functions.push(Function { name, file });
                    functions.len() - 1
                })
        });
        let function_of = function_of.collect();
        let mut times = vec![Duration::ZERO; profile.stacks.len()];
        for sample in &profile.samples {
            times[sample.stack as usize] += sample.time;
        }
        Sampled {
            profile,
            program: program.display().to_string(),
            functions,
            function_of,
            times,
        }
    }

    /// Writes a file, in the form that its name ends in.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let ends_in = |ending| name.ends_with(ending);
        let bytes = if ends_in(".svg") {
            self.flame_graph()
                .map_err(|error| Failure::at(path, format_args!("no flame graph: {error}")))?
        } else if ends_in(".json") {
            self.speedscope().map_err(Failure::new)?.into_bytes()
        } else if ends_in(".pb") {
            self.pprof()
        } else if ends_in(".pb.gz") {
            pprof::gzip(&self.pprof())
        } else if ends_in(".folded") {
            self.folded().into_bytes()
        } else {
            self.text(true).into_bytes()
        };
        output::write_file(path, &bytes)
    }

    /// Tables of functions and of lines, the most time first; all rows or the first ones.
    pub(crate) fn text(&self, complete: bool) -> String {
        let shown = if complete { usize::MAX } else { ROWS_SHOWN };
        let total = self.profile.total();
        let samples = &self.profile.samples;
        let count: u64 = samples.iter().map(|sample| u64::from(sample.count)).sum();
        let native = samples.iter().filter(|sample| sample.is_native);
        let native = native.map(|sample| sample.time).sum();
        let mut text = format!(
            "sampled profile\nsamples: {count}, about one each {} ms\n\
             time: {} ms of the processor, {} % in native code\n",
            millis(self.profile.interval),
            millis(total),
            percent(native, total),
        );
        if samples.is_empty() {
            text += "the program took too little time for samples\n";
            return text;
        }
        let frames = &self.profile.frames;
        for (what, places) in [
            ("function", Places::new(frames.iter().map(name))),
            ("line", Places::new(frames.iter().map(line))),
        ] {
            let _ = writeln!(
                text,
                "\n{:>12} {:>6} {:>12} {:>6}  {what}",
                "self ms", "%", "total ms", "%"
            );
            text += &self.table(places, total, shown);
        }
        if !self.profile.lost.is_zero() {
            let lost = millis(self.profile.lost);
            let _ = writeln!(
                text,
                "\n{lost} ms are in neither: there were too many different stacks"
            );
        }
        text
    }

    /// Rows of places, the most time first.
    fn table(&self, places: Places, total: Duration, shown: usize) -> String {
        let times = self.times_of(&places);
        let mut rows: Vec<_> = places.texts.into_iter().zip(times).collect();
        rows.sort_by(|(a, x), (b, y)| {
            let by_time = y.own.cmp(&x.own).then(y.total.cmp(&x.total));
            by_time.then_with(|| a.cmp(b))
        });
        let mut text = String::new();
        for (place, Times { own, total: all }) in rows.iter().take(shown) {
            let _ = writeln!(
                text,
                "{:>12} {:>6} {:>12} {:>6}  {}",
                millis(*own),
                percent(*own, total),
                millis(*all),
                percent(*all, total),
                cell(place)
            );
        }
        if rows.len() > shown {
            let rest = rows[shown..].iter().map(|(_, times)| times.own).sum();
            let _ = writeln!(
                text,
                "{:>12} {:>6} {:>12} {:>6}  ({} more)",
                millis(rest),
                percent(rest, total),
                "",
                "",
                rows.len() - shown
            );
        }
        text
    }

    /// The times of places. What is on a stack more than once counts once.
    fn times_of(&self, places: &Places) -> Vec<Times> {
        let mut times = vec![Times::default(); places.texts.len()];
        // The stack that a place was last seen on.
        let mut seen = vec![None; places.texts.len()];
        for (stack, &time) in (0..).zip(&self.times) {
            if time.is_zero() {
                continue;
            }
            for (at, frame) in self.frames(stack).enumerate() {
                let place = places.of_frame[frame];
                if at == 0 {
                    times[place].own += time;
                }
                if seen[place].replace(stack) != Some(stack) {
                    times[place].total += time;
                }
            }
        }
        times
    }

    /// The frames of a stack, by number, innermost first.
    fn frames(&self, stack: u32) -> impl Iterator<Item = usize> {
        let stacks = &self.profile.stacks;
        let first = stacks.get(stack as usize);
        let all = std::iter::successors(first, move |it| stacks.get(it.caller? as usize));
        all.map(|it| it.frame as usize)
    }
}

/// What the function of a frame is called.
fn name(frame: &SampledFrame) -> String {
    match frame {
        SampledFrame {
            func_index: None,
            function: None,
            line: None,
            ..
        } => "(outer frames)".to_owned(),
        _ => function_name(
            frame.module.as_deref(),
            frame.function.as_deref(),
            frame.func_index,
        ),
    }
}

/// `src/main.rs:12`, or the function where that is not known.
fn line(frame: &SampledFrame) -> String {
    match &frame.line {
        Some((file, line)) => format!("{file}:{line}"),
        None => format!("{}, line not known", name(frame)),
    }
}

/// What rows of a table are about.
struct Places {
    /// Each once.
    texts: Vec<String>,
    /// Of each frame of the profile, the number of its text.
    of_frame: Vec<usize>,
}

impl Places {
    fn new(of_frames: impl Iterator<Item = String>) -> Places {
        let (mut texts, mut numbers) = (Vec::new(), HashMap::new());
        let of_frame = of_frames.map(|text| {
            *numbers.entry(text).or_insert_with_key(|text| {
                texts.push(text.clone());
                texts.len() - 1
            })
        });
        let of_frame = of_frame.collect();
        Places { texts, of_frame }
    }
}

/// A time in milliseconds.
fn millis(time: Duration) -> String {
    let micros = time.as_micros();
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

/// A part in percent.
fn percent(part: Duration, whole: Duration) -> String {
    let tenths = part.as_nanos() * 1000 / whole.as_nanos().max(1);
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests;
