//! Total wall time of whole programs, machine by machine.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde::Serialize;

use crate::artifacts::Artifacts;
use crate::chart::Chart;
use crate::contender::{Kind, Tools};
use crate::host::Host;
use crate::measure;
use crate::stats::{geometric_mean, median};
use crate::table::{Table, number};

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    host: Host,
    runs: u32,
    machines: Vec<Machine>,
    programs: Vec<Row>,
    groups: Vec<Group>,
}

/// Programs whose mean is of interest, too.
#[derive(Clone, Debug, Serialize)]
struct Group {
    name: String,
    programs: Vec<String>,
}

/// A program as commands.
#[derive(Debug)]
pub struct Contest {
    /// Its name, as it is shown.
    pub program: String,
    /// What runs it, one a machine; `None` where it is not built for it.
    pub commands: Vec<Option<Command>>,
}

/// The commands that run each program on each of these machines.
pub fn contests(tools: &Tools, kinds: &[Kind], programs: &[Artifacts]) -> Vec<Contest> {
    let contest = |artifacts: &Artifacts| Contest {
        program: artifacts.program.to_string(),
        commands: kinds
            .iter()
            .map(|&kind| tools.command(kind, artifacts))
            .collect(),
    };
    programs.iter().map(contest).collect()
}

/// A machine that took part.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Which.
    pub kind: Kind,
    /// Its version, and how it was run.
    pub description: String,
}

/// The measurements of a program.
#[derive(Clone, Debug, Serialize)]
struct Row {
    program: String,
    /// One a machine.
    cells: Vec<Cell>,
}

/// The measurements of a program on a machine.
#[derive(Clone, Debug, Default, Serialize)]
struct Cell {
    seconds: Vec<f64>,
    /// What went wrong. A program that fails once is not run there again.
    failure: Option<String>,
}

impl Cell {
    fn median(&self) -> Option<f64> {
        match self.failure {
            None => median(&self.seconds),
            Some(_) => None,
        }
    }
}

impl Row {
    fn median(&self, machine: usize) -> Option<f64> {
        self.cells[machine].median()
    }

    /// How many times the time of `other` a machine takes.
    fn ratio(&self, machine: usize, other: usize) -> Option<f64> {
        Some(self.median(machine)? / self.median(other)?)
    }
}

/// The machines of a run, described.
pub fn machines(tools: &Tools, kinds: &[Kind]) -> Vec<Machine> {
    let describe = |&kind: &Kind| Machine {
        kind,
        description: tools.description(kind),
    };
    kinds.iter().map(describe).collect()
}

/// Runs every program `runs` times on every machine. Machines take turns, and each time another one
/// begins, so that what else the computer does meets all of them. What fails is part of the
/// result.
pub fn measure(machines: Vec<Machine>, contests: Vec<Contest>, runs: u32) -> Comparison {
    let rows = contests.into_iter().map(|contest| {
        eprint!("{}", contest.program);
        let row = measure_program(&machines, contest, runs);
        eprintln!();
        row
    });
    Comparison {
        host: Host::current(),
        runs,
        programs: rows.collect(),
        machines,
        groups: Vec::new(),
    }
}

fn measure_program(machines: &[Machine], mut contest: Contest, runs: u32) -> Row {
    let mut cells = vec![Cell::default(); machines.len()];
    let mut expected: Option<(Kind, Vec<u8>)> = None;
    for turn in 0..runs as usize {
        for i in 0..machines.len() {
            let at = (turn + i) % machines.len();
            let (kind, cell) = (machines[at].kind, &mut cells[at]);
            if cell.failure.is_some() {
                continue;
            }
            match measure_once(kind, contest.commands[at].as_mut(), &mut expected) {
                Ok(seconds) => cell.seconds.push(seconds),
                Err(error) => {
                    eprint!("\n  {}: {error:#}\n ", kind.name());
                    cell.failure = Some(format!("{error:#}"));
                }
            }
        }
        eprint!(" {}", turn + 1);
    }
    Row {
        program: contest.program,
        cells,
    }
}

/// Runs once, and compares the output with the first there was.
fn measure_once(
    kind: Kind,
    command: Option<&mut Command>,
    expected: &mut Option<(Kind, Vec<u8>)>,
) -> Result<f64> {
    let command = command.ok_or_else(|| anyhow::anyhow!("not built for it"))?;
    let run = measure::run(command)?;
    match expected {
        None => *expected = Some((kind, run.output)),
        Some((first, output)) if *output != run.output => {
            anyhow::bail!("its output is not that of {}", first.name());
        }
        Some(_) => {}
    }
    Ok(run.wall.as_secs_f64())
}

impl Comparison {
    /// Has the speeds of these programs told apart, too.
    #[must_use]
    pub fn with_group(mut self, name: &str, programs: impl Iterator<Item = String>) -> Comparison {
        self.groups.push(Group {
            name: name.to_owned(),
            programs: programs.collect(),
        });
        self
    }

    /// Whether every program did on our machine what it should. Others' failures are theirs.
    pub fn is_clean(&self) -> bool {
        self.programs.iter().all(|row| {
            let mut cells = self.machines.iter().zip(&row.cells);
            cells.all(|(machine, cell)| !machine.kind.is_ours() || cell.failure.is_none())
        })
    }

    fn index(&self, kind: Kind) -> Option<usize> {
        self.machines
            .iter()
            .position(|machine| machine.kind == kind)
    }

    /// The machine that others are put in relation to: native, or else the first.
    fn reference(&self) -> usize {
        self.index(Kind::Native).unwrap_or(0)
    }

    /// The report as text.
    pub fn markdown(&self) -> String {
        let reference = self.reference();
        let runs = self.runs;
        let mut text = format!("Wall time in seconds, medians of {runs}:\n\n");
        let _ = write!(text, "{}", self.times());
        let name = self.machines.get(reference).map_or("", |m| m.kind.name());
        let _ = write!(
            text,
            "\nTimes the wall time of {name}:\n\n{}\n",
            self.ratios(reference)
        );
        for line in self.verdicts() {
            let _ = writeln!(text, "- {line}");
        }
        text + "\n" + &describe(&self.machines, &self.host)
    }

    fn header(&self) -> Vec<String> {
        let names = self
            .machines
            .iter()
            .map(|machine| machine.kind.name().to_owned());
        std::iter::once("program".to_owned()).chain(names).collect()
    }

    fn times(&self) -> Table {
        let rows = self.programs.iter().map(|row| {
            let mut cells = vec![row.program.clone()];
            cells.extend(row.cells.iter().map(|cell| match cell.failure {
                Some(_) => "failed".to_owned(),
                None => number(cell.median()),
            }));
            cells
        });
        Table {
            header: self.header(),
            rows: rows.collect(),
        }
    }

    fn ratios(&self, reference: usize) -> Table {
        let machines = 0..self.machines.len();
        let mut rows: Vec<Vec<String>> = Vec::new();
        for row in &self.programs {
            let ratios = machines.clone().map(|at| number(row.ratio(at, reference)));
            rows.push(std::iter::once(row.program.clone()).chain(ratios).collect());
        }
        let mut means = vec!["geometric mean".to_owned()];
        means.extend(machines.map(|at| number(self.mean_ratio(at, reference))));
        rows.push(means);
        Table {
            header: self.header(),
            rows,
        }
    }

    /// The geometric mean of a machine's times in relation to another's.
    fn mean_ratio(&self, machine: usize, other: usize) -> Option<f64> {
        let ratios = self
            .programs
            .iter()
            .filter_map(|row| row.ratio(machine, other));
        geometric_mean(ratios)
    }

    /// A line for each other machine, and one for each group: how much faster ours is.
    fn verdicts(&self) -> Vec<String> {
        let Some(ours) = self.index(Kind::Tiered) else {
            return Vec::new();
        };
        let others = (0..self.machines.len()).filter(|&at| at != ours);
        others
            .flat_map(|at| {
                let groups = self.groups.iter().map(Some);
                let all = std::iter::once(None).chain(groups);
                all.filter_map(move |group| self.verdict(ours, at, group))
            })
            .collect()
    }

    fn verdict(&self, ours: usize, other: usize, group: Option<&Group>) -> Option<String> {
        let is_in = |row: &&Row| group.is_none_or(|group| group.programs.contains(&row.program));
        let speeds = self.programs.iter().filter(is_in).filter_map(|row| {
            // Times of the other in relation to ours are speeds of ours in relation to the other.
            Some((row.ratio(other, ours)?, row.program.as_str()))
        });
        let speeds: Vec<(f64, &str)> = speeds.collect();
        let by_speed = |a: &&(f64, &str), b: &&(f64, &str)| a.0.total_cmp(&b.0);
        let (least, most) = (
            speeds.iter().min_by(by_speed)?,
            speeds.iter().max_by(by_speed)?,
        );
        Some(format!(
            "tiered is {} × as fast as {}{} (geometric mean of {}; from {} × for {} to {} × for {})",
            number(geometric_mean(speeds.iter().map(|&(speed, _)| speed))),
            self.machines[other].kind.name(),
            group.map_or(String::new(), |group| format!(" where {}", group.name)),
            speeds.len(),
            number(Some(least.0)),
            least.1,
            number(Some(most.0)),
            most.1,
        ))
    }

    /// Speeds in per cent of the reference's.
    fn chart(&self) -> Chart {
        let reference = self.reference();
        let shown: Vec<usize> = (0..self.machines.len())
            .filter(|&at| at != reference)
            .collect();
        let percent = |ratio: Option<f64>| ratio.map(|ratio| 100.0 / ratio);
        let mean = |&at: &usize| percent(self.mean_ratio(at, reference));
        let mut groups = vec![("all (mean)".to_owned(), shown.iter().map(mean).collect())];
        for row in &self.programs {
            let speed = |&at: &usize| percent(row.ratio(at, reference));
            groups.push((row.program.clone(), shown.iter().map(speed).collect()));
        }
        let kind = |at: usize| self.machines[at].kind;
        Chart {
            title: "Speed of whole programs".to_owned(),
            note: format!(
                "Per cent of the speed of {}, start-up and compilation included; longer is faster",
                self.machines.get(reference).map_or("", |m| m.kind.name())
            ),
            series: series(shown.iter().map(|&at| kind(at))),
            groups,
            own_scales: false,
        }
    }

    /// Writes the report into a folder, under a name with `.md`, `.json` and `.svg`, and with a heading.
    ///
    /// # Errors
    /// Where that fails.
    pub fn write(&self, folder: &Path, report: (&str, &str)) -> Result<()> {
        write_report(folder, report, self, &self.markdown(), &self.chart())
    }
}

/// Names and colours of the bars of these machines.
pub fn series(kinds: impl Iterator<Item = Kind>) -> Vec<(String, String)> {
    kinds
        .map(|kind| (kind.name().to_owned(), kind.color().to_owned()))
        .collect()
}

/// What took part, and where.
pub fn describe(machines: &[Machine], host: &Host) -> String {
    let mut text = String::new();
    for machine in machines {
        let _ = writeln!(text, "- {}: {}", machine.kind.name(), machine.description);
    }
    let Host {
        processor,
        threads,
        system,
    } = host;
    let _ = writeln!(text, "- on {processor}, {threads} threads, {system}");
    text
}

/// Writes a report in its three forms: files of that name, and a heading over the text and the chart.
///
/// # Errors
/// Where that fails.
pub fn write_report(
    folder: &Path,
    (name, heading): (&str, &str),
    data: &impl Serialize,
    text: &str,
    chart: &Chart,
) -> Result<()> {
    let markdown = format!("# {heading}\n\n![{}]({name}.svg)\n\n{text}", chart.title);
    fs::create_dir_all(folder)?;
    let path = |extension: &str| folder.join(name).with_extension(extension);
    fs::write(path("md"), markdown)?;
    fs::write(path("json"), serde_json::to_string_pretty(data)? + "\n")?;
    fs::write(path("svg"), chart.to_svg())?;
    eprintln!("written: {}, .json, .svg", path("md").display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn comparison() -> Comparison {
        let machine = |kind: Kind| Machine {
            kind,
            description: format!("{} 1.0", kind.name()),
        };
        let row = |program: &str, times: [&[f64]; 3]| Row {
            program: program.to_owned(),
            cells: times
                .map(|seconds| Cell {
                    seconds: seconds.to_vec(),
                    failure: seconds.is_empty().then(|| "exit status: 1".to_owned()),
                })
                .to_vec(),
        };
        Comparison {
            host: Host {
                processor: "Abacus".to_owned(),
                threads: 2,
                system: "linux",
            },
            runs: 3,
            machines: [Kind::Native, Kind::Tiered, Kind::Wasmtime]
                .map(machine)
                .to_vec(),
            groups: Vec::new(),
            programs: vec![
                row(
                    "fib",
                    [&[1.0, 9.0, 0.5], &[2.0, 2.0, 2.0], &[4.0, 4.0, 3.0]],
                ),
                row("json(3)", [&[0.5, 0.5], &[1.0, 1.5], &[1.25, 1.25]]),
                row("sieve", [&[2.0], &[2.5], &[]]),
            ],
        }
    }

    #[test]
    fn reports_have_times_ratios_and_means() {
        let mut comparison = comparison();
        assert!(comparison.is_clean(), "the failure is not ours");
        comparison.machines.swap(1, 2);
        assert!(!comparison.is_clean());
        comparison.machines.swap(1, 2);
        expect![[r"
            Wall time in seconds, medians of 3:

            | program | native | tiered | wasmtime |
            | ------- | -----: | -----: | -------: |
            | fib     |   1.00 |   2.00 |     4.00 |
            | json(3) |  0.500 |   1.25 |     1.25 |
            | sieve   |   2.00 |   2.50 |   failed |

            Times the wall time of native:

            | program        | native | tiered | wasmtime |
            | -------------- | -----: | -----: | -------: |
            | fib            |   1.00 |   2.00 |     4.00 |
            | json(3)        |   1.00 |   2.50 |     2.50 |
            | sieve          |   1.00 |   1.25 |        – |
            | geometric mean |   1.00 |   1.84 |     3.16 |

            - tiered is 0.543 × as fast as native (geometric mean of 3; from 0.400 × for json(3) to 0.800 × for sieve)
            - tiered is 1.41 × as fast as wasmtime (geometric mean of 2; from 1.00 × for json(3) to 2.00 × for fib)

            - native: native 1.0
            - tiered: tiered 1.0
            - wasmtime: wasmtime 1.0
            - on Abacus, 2 threads, linux
        "]]
        .assert_eq(&comparison.markdown());
    }

    #[test]
    fn groups_have_means_of_their_own() {
        let group = ["fib", "sieve"].map(str::to_owned).into_iter();
        let text = comparison().with_group("short", group).markdown();
        let verdicts: Vec<&str> = text
            .lines()
            .filter(|it| it.starts_with("- tiered is"))
            .collect();
        expect![[r"
            - tiered is 0.543 × as fast as native (geometric mean of 3; from 0.400 × for json(3) to 0.800 × for sieve)
            - tiered is 0.632 × as fast as native where short (geometric mean of 2; from 0.500 × for fib to 0.800 × for sieve)
            - tiered is 1.41 × as fast as wasmtime (geometric mean of 2; from 1.00 × for json(3) to 2.00 × for fib)
            - tiered is 2.00 × as fast as wasmtime where short (geometric mean of 1; from 2.00 × for fib to 2.00 × for fib)"]]
        .assert_eq(&verdicts.join("\n"));
    }

    #[test]
    fn charts_show_speeds() {
        let chart = comparison().chart();
        assert_eq!(chart.series.len(), 2, "native is the scale");
        assert_eq!(
            chart.groups[1],
            ("fib".to_owned(), vec![Some(50.0), Some(25.0)])
        );
        assert_eq!(
            chart.groups[3],
            ("sieve".to_owned(), vec![Some(80.0), None])
        );
    }

    #[test]
    fn reports_are_three_files() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = folder.path().join("a").join("b");
        let report = ("compare", "Whole programs");
        comparison().write(&folder, report).expect("written");
        let read = |name: &str| fs::read_to_string(folder.join(name)).expect("a file");
        let json: serde_json::Value = serde_json::from_str(&read("compare.json")).expect("JSON");
        assert_eq!(json["programs"][2]["cells"][2]["failure"], "exit status: 1");
        assert_eq!(json["machines"][1]["kind"], "tiered");
        assert!(read("compare.md").contains("(compare.svg)"));
        assert!(read("compare.svg").ends_with("</svg>\n"));
    }
}
