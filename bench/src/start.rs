//! Start-up: when the first output comes, and how much memory is resident by then.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::artifacts::Artifacts;
use crate::chart::Chart;
use crate::compare::{Machine, describe, machines, series, write_report};
use crate::contender::{Kind, Tools};
use crate::host::Host;
use crate::measure::{first_output, memory_by_first_output};
use crate::stats::median;
use crate::table::{Table, number};

/// Runs in which memory is watched. It varies little.
const MEMORY_RUNS: u32 = 3;

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Startup {
    host: Host,
    runs: u32,
    machines: Vec<Machine>,
    programs: Vec<Row>,
}

/// The measurements of a program, one a machine.
#[derive(Clone, Debug, Serialize)]
struct Row {
    program: String,
    cells: Vec<Cell>,
}

/// The measurements of a program on a machine.
#[derive(Clone, Debug, Default, Serialize)]
struct Cell {
    milliseconds: Vec<f64>,
    mebibytes: Vec<f64>,
    /// What went wrong.
    failure: Option<String>,
}

/// Measures every program on every machine, `runs` times in turns, of which each begins with another
/// machine. What fails is part of the result.
pub fn measure(tools: &Tools, kinds: &[Kind], programs: &[Artifacts], runs: u32) -> Startup {
    let rows = programs.iter().map(|artifacts| {
        eprintln!("{}", artifacts.program);
        let mut cells = vec![Cell::default(); kinds.len()];
        for turn in 0..runs + MEMORY_RUNS {
            for i in 0..kinds.len() {
                let at = (turn as usize + i) % kinds.len();
                let (kind, cell) = (kinds[at], &mut cells[at]);
                if cell.failure.is_some() {
                    continue;
                }
                if let Err(error) = measure_once(tools, kind, artifacts, turn < runs, cell) {
                    eprintln!("  {}: {error:#}", kind.name());
                    cell.failure = Some(format!("{error:#}"));
                }
            }
        }
        Row {
            program: artifacts.program.to_string(),
            cells,
        }
    });
    Startup {
        host: Host::current(),
        runs,
        programs: rows.collect(),
        machines: machines(tools, kinds),
    }
}

/// Measures time or memory. Watching memory takes time itself, so it is one or the other.
fn measure_once(
    tools: &Tools,
    kind: Kind,
    artifacts: &Artifacts,
    time: bool,
    cell: &mut Cell,
) -> Result<()> {
    let command = tools.command(kind, artifacts);
    let mut command = command.context("not built for it")?;
    if time {
        let time = first_output(&mut command)?;
        cell.milliseconds.push(time.as_secs_f64() * 1e3);
    } else if let Some(bytes) = memory_by_first_output(&mut command)? {
        cell.mebibytes.push(bytes as f64 / f64::from(1 << 20));
    }
    Ok(())
}

impl Startup {
    /// Whether every program started on our machine. Others' failures are theirs.
    pub fn is_clean(&self) -> bool {
        self.programs.iter().all(|row| {
            let mut cells = self.machines.iter().zip(&row.cells);
            cells.all(|(machine, cell)| !machine.kind.is_ours() || cell.failure.is_none())
        })
    }

    /// The report as text.
    pub fn markdown(&self) -> String {
        let mut header = vec!["machine".to_owned()];
        for row in &self.programs {
            header.extend([format!("{}, ms", row.program), "MiB".to_owned()]);
        }
        let rows = self.machines.iter().enumerate().map(|(at, machine)| {
            let mut cells = vec![machine.kind.name().to_owned()];
            for row in &self.programs {
                let cell = &row.cells[at];
                cells.extend([&cell.milliseconds, &cell.mebibytes].map(|all| number(median(all))));
            }
            cells
        });
        let table = Table {
            header,
            rows: rows.collect(),
        };
        let runs = self.runs;
        let mut text = format!(
            "Time to the first output (medians of {runs}), and the most memory that was resident by \
             then:\n\n{table}\n"
        );
        let _ = write!(text, "{}", describe(&self.machines, &self.host));
        text
    }

    fn chart(&self) -> Chart {
        let groups = self.programs.iter().map(|row| {
            let times = row.cells.iter().map(|cell| median(&cell.milliseconds));
            (row.program.clone(), times.collect())
        });
        Chart {
            title: "Time to the first output".to_owned(),
            note: "Milliseconds; each program has a scale of its own; shorter is better".to_owned(),
            series: series(self.machines.iter().map(|machine| machine.kind)),
            groups: groups.collect(),
            own_scales: true,
        }
    }

    /// Writes `start.md`, `start.json` and `start.svg` into a folder.
    ///
    /// # Errors
    /// Where that fails.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let report = ("start", "Start-up");
        write_report(folder, report, self, &self.markdown(), &self.chart())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn reports_have_time_and_memory() {
        let machine = |kind: Kind| Machine {
            kind,
            description: "1.0".to_owned(),
        };
        let cell = |milliseconds: &[f64], mebibytes: &[f64]| Cell {
            milliseconds: milliseconds.to_vec(),
            mebibytes: mebibytes.to_vec(),
            failure: None,
        };
        let startup = Startup {
            host: Host {
                processor: "Abacus".to_owned(),
                threads: 2,
                system: "linux",
            },
            runs: 2,
            machines: [Kind::Tiered, Kind::Node].map(machine).to_vec(),
            programs: vec![Row {
                program: "hello".to_owned(),
                cells: vec![cell(&[1.0, 1.5], &[3.0]), cell(&[130.0, 132.0], &[])],
            }],
        };
        assert!(startup.is_clean());
        expect![[r"
            Time to the first output (medians of 2), and the most memory that was resident by then:

            | machine | hello, ms |  MiB |
            | ------- | --------: | ---: |
            | tiered  |      1.25 | 3.00 |
            | node    |       131 |    – |

            - tiered: 1.0
            - node: 1.0
            - on Abacus, 2 threads, linux
        "]]
        .assert_eq(&startup.markdown());
        assert_eq!(startup.chart().groups[0].1, [Some(1.25), Some(131.0)]);
    }
}
