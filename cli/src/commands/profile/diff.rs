//! `dotvm profile diff`: what has become more, and what less.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::Serialize;

use super::Diff;
use crate::failure::{Failure, Result};
use crate::output;
use crate::profile::{Costs, Report, cell};

/// Exit code where something has grown by more than is allowed.
const EXIT_GROWN: u8 = 3;

/// The most bytes of a profile that are read.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// Rows of each table that are shown.
const ROWS_SHOWN: usize = 20;

/// What two profiles differ by.
#[derive(Serialize)]
struct Difference {
    before: Costs,
    after: Costs,
    /// What has grown by more than is allowed.
    grown: Vec<&'static str>,
    /// Functions and lines whose costs differ, those whose fuel does most first.
    functions: Vec<Change>,
    lines: Vec<Change>,
}

/// What a function or a line cost before and after.
#[derive(Clone, Serialize)]
struct Change {
    place: String,
    before: Costs,
    after: Costs,
}

/// Compares two profiles; returns the exit code.
pub(super) fn diff(args: &Diff) -> Result<u8> {
    let (before, after) = (read(&args.before)?, read(&args.after)?);
    let difference = Difference::new(&before, &after, args.threshold);
    let printed = match args.json {
        true => serde_json::to_string_pretty(&difference).map_err(Failure::new)? + "\n",
        false => difference.text(args.threshold),
    };
    output::print(&printed)?;
    Ok(match difference.grown.is_empty() {
        true => 0,
        false => EXIT_GROWN,
    })
}

/// Parses a number of percent: `2`, `0.5%`.
pub(super) fn parse_percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim_end();
    match number.parse::<f64>() {
        Ok(percent) if percent.is_finite() && percent >= 0.0 => Ok(percent),
        _ => Err("it is not a number of percent, such as 2 or 0.5".to_owned()),
    }
}

fn read(path: &Path) -> Result<Report> {
    let file = File::open(path).map_err(|error| Failure::at(path, error))?;
    let mut bytes = Vec::new();
    let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::at(path, error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure::at(path, "is too large for a profile"));
    }
    Report::parse(&bytes).map_err(|reason| Failure::at(path, reason))
}

impl Difference {
    fn new(before: &Report, after: &Report, threshold: f64) -> Difference {
        let functions = |report: &Report| -> Vec<(String, Costs)> {
            let rows = report.functions.iter();
            rows.map(|row| (row.function.clone(), row.costs)).collect()
        };
        let lines = |report: &Report| -> Vec<(String, Costs)> {
            let rows = report.lines.iter();
            rows.map(|row| (row.place(), row.costs)).collect()
        };
        let gated = |costs: &Costs| {
            [
                ("fuel", costs.fuel),
                ("loads and stores", costs.loads.saturating_add(costs.stores)),
                ("database operations", costs.database),
            ]
        };
        let pairs = gated(&before.total).into_iter().zip(gated(&after.total));
        let grown = pairs.filter(|((_, a), (_, b))| has_grown(*a, *b, threshold));
        Difference {
            before: before.total,
            after: after.total,
            grown: grown.map(|((name, _), _)| name).collect(),
            functions: changes(functions(before), functions(after)),
            lines: changes(lines(before), lines(after)),
        }
    }

    fn text(&self, threshold: f64) -> String {
        let mut text = format!("{:>15} {:>15} {:>9}\n", "before", "after", "change");
        let after = self.after.named().into_iter();
        for ((name, a), (_, b)) in self.before.named().into_iter().zip(after) {
            let _ = writeln!(text, "{a:>15} {b:>15} {:>9}  {name}", percent(a, b));
        }
        text += &table("fuel by function", &self.functions);
        text += &table("fuel by line", &self.lines);
        if !self.grown.is_empty() {
            let grown = self.grown.join(", ");
            let _ = writeln!(text, "\nmore by more than {threshold} %: {grown}");
        }
        text
    }
}

/// Whether a number has grown by more than so many percent.
fn has_grown(before: u64, after: u64, threshold: f64) -> bool {
    let allowed = before as f64 * (1.0 + threshold / 100.0);
    // Numbers are exact, and so is the answer where nothing more is allowed.
    after > before && (threshold == 0.0 || after as f64 > allowed)
}

/// What differs, the largest difference of fuel first.
fn changes(before: Vec<(String, Costs)>, after: Vec<(String, Costs)>) -> Vec<Change> {
    let mut places: BTreeMap<String, [Costs; 2]> = BTreeMap::new();
    for (which, rows) in [before, after].into_iter().enumerate() {
        for (place, costs) in rows {
            places.entry(place).or_default()[which].add(costs);
        }
    }
    let differing = places.into_iter().filter(|(_, [a, b])| a != b);
    let mut changes: Vec<Change> = differing
        .map(|(place, [before, after])| Change {
            place,
            before,
            after,
        })
        .collect();
    changes.sort_by_key(|it| std::cmp::Reverse(it.before.fuel.abs_diff(it.after.fuel)));
    changes
}

fn table(what: &str, changes: &[Change]) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\n{:>15} {:>15} {:>9}  {what}\n",
        "before", "after", "change"
    );
    for change in changes.iter().take(ROWS_SHOWN) {
        let (a, b) = (change.before.fuel, change.after.fuel);
        let place = cell(&change.place);
        let _ = writeln!(text, "{a:>15} {b:>15} {:>9}  {place}", percent(a, b));
    }
    if changes.len() > ROWS_SHOWN {
        let _ = writeln!(text, "({} more differ)", changes.len() - ROWS_SHOWN);
    }
    text
}

/// By how much a number has changed: `+1.5 %`.
fn percent(before: u64, after: u64) -> String {
    match (before, after) {
        (a, b) if a == b => "=".to_owned(),
        (0, _) => "new".to_owned(),
        (_, 0) => "gone".to_owned(),
        (a, b) => format!("{:+.1} %", (b as f64 / a as f64 - 1.0) * 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds() {
        assert!(!has_grown(100, 100, 0.0));
        assert!(!has_grown(100, 99, 0.0));
        assert!(has_grown(u64::MAX - 1, u64::MAX, 0.0));
        assert!(!has_grown(100, 102, 2.0));
        assert!(has_grown(100, 103, 2.0));
        assert!(has_grown(0, 1, 50.0));
    }

    #[test]
    fn percents() {
        assert_eq!(parse_percent("2"), Ok(2.0));
        assert_eq!(parse_percent("0.5%"), Ok(0.5));
        for wrong in ["", "-1", "x", "inf", "NaN", "%"] {
            assert!(parse_percent(wrong).is_err(), "{wrong}");
        }
    }
}
