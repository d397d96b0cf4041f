//! Exact profiles as they are shown and kept: tables for people, JSON for machines.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use dotvm::{Cost, ExactProfile, ProfileRow};
use serde::{Deserialize, Serialize};

use crate::failure::readable;

/// What files of this form start with.
const FORMAT: &str = "dotvm exact profile 1";

/// What fuel is said of that was paid for a block which an interrupt came before.
const STOPPED: &str = "(stopped before it was counted)";

/// Rows of each table that are shown where there is no file for all of them.
const ROWS_SHOWN: usize = 20;

/// A profile.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    format: String,
    /// The program's file, as it was named.
    pub(crate) program: String,
    /// Everything together.
    pub(crate) total: Costs,
    /// What functions of the source have cost, by name; without what they call.
    pub(crate) functions: Vec<FunctionRow>,
    /// What lines of these have cost.
    pub(crate) lines: Vec<LineRow>,
}

/// What some code has cost: see [`Cost`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Costs {
    pub(crate) fuel: u64,
    pub(crate) loads: u64,
    pub(crate) stores: u64,
    pub(crate) bytes_loaded: u64,
    pub(crate) bytes_stored: u64,
    pub(crate) database: u64,
}

/// What a function has cost.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct FunctionRow {
    pub(crate) function: String,
    #[serde(flatten)]
    pub(crate) costs: Costs,
}

/// What a line of a function has cost; file and line are missing where there is no debug information.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct LineRow {
    pub(crate) function: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<u32>,
    #[serde(flatten)]
    pub(crate) costs: Costs,
}

impl Costs {
    fn of(cost: &Cost) -> Costs {
        Costs {
            fuel: cost.fuel,
            loads: cost.loads,
            stores: cost.stores,
            bytes_loaded: cost.bytes_loaded,
            bytes_stored: cost.bytes_stored,
            database: cost.database,
        }
    }

    /// Adds, as far as numbers go: those of a file may be anything.
    pub(crate) fn add(&mut self, other: Costs) {
        self.fuel = self.fuel.saturating_add(other.fuel);
        self.loads = self.loads.saturating_add(other.loads);
        self.stores = self.stores.saturating_add(other.stores);
        self.bytes_loaded = self.bytes_loaded.saturating_add(other.bytes_loaded);
        self.bytes_stored = self.bytes_stored.saturating_add(other.bytes_stored);
        self.database = self.database.saturating_add(other.database);
    }

    /// The numbers with their names.
    pub(crate) fn named(&self) -> [(&'static str, u64); 6] {
        [
            ("fuel", self.fuel),
            ("loads", self.loads),
            ("stores", self.stores),
            ("bytes loaded", self.bytes_loaded),
            ("bytes stored", self.bytes_stored),
            ("database operations", self.database),
        ]
    }
}

impl LineRow {
    /// `src/main.rs:12`, or the function where that is not known.
    pub(crate) fn place(&self) -> String {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("{file}:{line}"),
            _ => format!("{}, line not known", self.function),
        }
    }
}

/// A function's name and, where it is known, a line.
type Key = (String, Option<(String, u32)>);

impl Report {
    /// The report of a program's profile.
    pub(crate) fn new(program: &Path, profile: &ExactProfile) -> Report {
        // Instances of generic functions have names of their own in the module, and one in the source.
        let mut lines: BTreeMap<Key, Costs> = BTreeMap::new();
        for row in &profile.rows {
            let key = (name(row), row.line.clone());
            lines.entry(key).or_default().add(Costs::of(&row.cost));
        }
        let mut total = Costs::of(&profile.total());
        let missing = profile.fuel.saturating_sub(total.fuel);
        if missing > 0 {
            let stopped = lines.entry((STOPPED.to_owned(), None)).or_default();
            stopped.fuel += missing;
            total.fuel += missing;
        }
        let mut functions: BTreeMap<&str, Costs> = BTreeMap::new();
        for ((function, _), costs) in &lines {
            functions.entry(function).or_default().add(*costs);
        }
        let functions = functions.into_iter().map(|(function, costs)| FunctionRow {
            function: function.to_owned(),
            costs,
        });
        Report {
            format: FORMAT.to_owned(),
            program: program.display().to_string(),
            total,
            functions: functions.collect(),
            lines: lines.into_iter().map(line_row).collect(),
        }
    }

    /// Reads what [`Report::json`] wrote.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(json: &[u8]) -> Result<Report, String> {
        let report: Report = serde_json::from_slice(json)
            .map_err(|error| format!("is not a profile of --profile=exact,FILE.json: {error}"))?;
        match report.format == FORMAT {
            true => Ok(report),
            false => Err(format!(
                "is a profile of another format: {:?}, where {FORMAT:?} can be read",
                report.format
            )),
        }
    }

    /// As JSON.
    pub(crate) fn json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// As tables, the most fuel first; all rows or the first ones.
    pub(crate) fn text(&self, complete: bool) -> String {
        let shown = if complete { usize::MAX } else { ROWS_SHOWN };
        let mut text = String::from("exact profile\n");
        for (name, number) in self.total.named() {
            let _ = writeln!(text, "{name}: {number}");
        }
        let functions = self.functions.iter();
        let functions = functions.map(|row| (row.function.clone(), row.costs));
        text += &self.table("function", functions.collect(), shown);
        let mut lines: BTreeMap<_, (String, Costs)> = BTreeMap::new();
        for row in &self.lines {
            let place = row.place();
            let key = (&row.file, row.line, place.clone());
            let (_, costs) = lines.entry(key).or_insert((place, Costs::default()));
            costs.add(row.costs);
        }
        text += &self.table("line", lines.into_values().collect(), shown);
        text
    }

    /// A table of rows; where they have cost the same, in the order in which they are given.
    fn table(&self, what: &str, mut rows: Vec<(String, Costs)>, shown: usize) -> String {
        rows.sort_by_key(|(_, costs)| std::cmp::Reverse(costs.fuel));
        let mut text = format!(
            "\n{:>15} {:>6} {:>13} {:>13} {:>9}  {what}\n",
            "fuel", "%", "loads", "stores", "database"
        );
        let mut rest = Costs::default();
        for (number, (place, costs)) in rows.iter().enumerate() {
            match number < shown {
                true => self.write_row(&mut text, costs, &cell(place)),
                false => rest.add(*costs),
            }
        }
        if rows.len() > shown {
            let place = format!("({} more)", rows.len() - shown);
            self.write_row(&mut text, &rest, &place);
        }
        text
    }

    fn write_row(&self, text: &mut String, costs: &Costs, place: &str) {
        let Costs {
            fuel,
            loads,
            stores,
            database,
            ..
        } = costs;
        let total = u128::from(self.total.fuel.max(1));
        let tenths = (u128::from(*fuel) * 2000 + total) / (2 * total);
        let percent = format!("{}.{}", tenths / 10, tenths % 10);
        let _ = writeln!(
            text,
            "{fuel:>15} {percent:>6} {loads:>13} {stores:>13} {database:>9}  {place}"
        );
    }
}

/// A text for one line of a table: names in modules and of files may be anything.
pub(crate) fn cell(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
}

/// What the function of a row is called.
fn name(row: &ProfileRow) -> String {
    function_name(
        row.module.as_deref(),
        row.function.as_deref(),
        row.func_index,
    )
}

/// What a function is called, of which what is known may be its module's name, its own and its index there.
pub(crate) fn function_name(
    module: Option<&str>,
    name: Option<&str>,
    func_index: Option<u32>,
) -> String {
    let name = match (name, func_index) {
        (Some(name), _) => readable(name.to_owned()),
        (None, Some(index)) => format!("function {index}"),
        (None, None) => "inlined function".to_owned(),
    };
    match module {
        Some(module) => format!("{module}!{name}"),
        None => name,
    }
}

fn line_row(((function, place), costs): (Key, Costs)) -> LineRow {
    let (file, line) = place.unzip();
    LineRow {
        function,
        file,
        line,
        costs,
    }
}
