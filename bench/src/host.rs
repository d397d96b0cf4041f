//! What a report says of the computer that it was made on.

use std::fs;
use std::process::Command;

use serde::Serialize;

/// A computer, as far as it matters for measurements.
#[derive(Clone, Debug, Serialize)]
pub struct Host {
    /// The processor's name, or its architecture where the system does not tell.
    pub processor: String,
    /// How many threads it runs at once.
    pub threads: usize,
    /// The operating system.
    pub system: &'static str,
}

impl Host {
    /// This computer.
    pub fn current() -> Host {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let name = info.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.trim() == "model name").then(|| value.trim().to_owned())
        });
        Host {
            processor: name.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            system: std::env::consts::OS,
        }
    }
}

/// The first line that a program prints with an option that asks for its version, without what stands in
/// parentheses or behind a dash.
pub fn version(program: &std::path::Path, option: &str) -> Option<String> {
    let output = Command::new(program).arg(option).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next()?;
    let end = [" (", " -- "].iter().filter_map(|end| line.find(end)).min();
    let line = &line[..end.unwrap_or(line.len())];
    (output.status.success() && !line.is_empty()).then(|| line.to_owned())
}
