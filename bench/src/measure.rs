//! Running a command and measuring it.

use std::fs;
use std::io::Read;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// How often memory is looked at.
const SAMPLING: Duration = Duration::from_micros(100);

/// A run to the end.
#[derive(Clone, Debug)]
pub struct Run {
    /// From before the process was made until it was gone.
    pub wall: Duration,
    /// What it printed.
    pub output: Vec<u8>,
}

/// Runs a command whose standard output is a pipe to its end.
///
/// # Errors
/// Where it cannot be run or fails.
pub fn run(command: &mut Command) -> Result<Run> {
    let start = Instant::now();
    let output = command.output()?;
    let wall = start.elapsed();
    ensure!(output.status.success(), "{}", output.status);
    let output = output.stdout;
    Ok(Run { wall, output })
}

/// The time from before the process is made until the first byte of its output is read. Then the
/// process is ended.
///
/// # Errors
/// Where it cannot be run or prints nothing.
pub fn first_output(command: &mut Command) -> Result<Duration> {
    let start = Instant::now();
    let mut child = command.spawn()?;
    let read = read_byte(&mut child);
    let time = start.elapsed();
    end(child)?;
    read.map(|()| time)
}

/// The most memory, in bytes, that was resident in a process until its first output, or its end where
/// that comes sooner; `None` where the system does not tell. The process is ended then.
///
/// (What the system tells of ended processes includes the process that made them.)
///
/// # Errors
/// Where it cannot be run or prints nothing.
pub fn memory_by_first_output(command: &mut Command) -> Result<Option<u64>> {
    let mut child = command.spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut output = child.stdout.take().context("no pipe")?;
    let done = AtomicBool::new(false);
    let (read, most) = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let read = output.read_exact(&mut [0]);
            done.store(true, Ordering::Release);
            read
        });
        let mut most = None;
        loop {
            let was_done = done.load(Ordering::Acquire);
            let status = fs::read_to_string(&status).unwrap_or_default();
            most = most.max(peak_bytes(&status));
            if was_done {
                break;
            }
            thread::sleep(SAMPLING);
        }
        (reader.join(), most)
    });
    end(child)?;
    read.map_err(|_| anyhow::anyhow!("reading its output failed"))?
        .context("it printed nothing")?;
    Ok(most)
}

fn read_byte(child: &mut Child) -> Result<()> {
    let output = child.stdout.as_mut().context("no pipe")?;
    output.read_exact(&mut [0]).context("it printed nothing")
}

/// Ends a process, unless that happened.
fn end(mut child: Child) -> Result<()> {
    child.kill()?;
    child.wait()?;
    Ok(())
}

/// The peak of resident memory in the text of `/proc/PID/status`.
fn peak_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    #[test]
    fn the_peak_of_memory_is_read() {
        let status = "Name:\thello\nVmPeak:\t    3000 kB\nVmHWM:\t    1724 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(peak_bytes(status), Some(1724 << 10));
        assert_eq!(peak_bytes("Name:\tzombie\nState:\tZ (zombie)\n"), None);
    }

    #[cfg(unix)]
    #[test]
    fn first_outputs_are_waited_for_and_no_longer() {
        let command = |script: &str| {
            let mut command = Command::new("sh");
            command
                .args(["-c", script])
                .stdin(Stdio::null())
                .stdout(Stdio::piped());
            command
        };
        let mut waits = command("sleep 0.1; echo x; exec sleep 60");
        let time = first_output(&mut waits).expect("it prints");
        assert!(time >= Duration::from_millis(100), "{time:?}");
        assert!(time < Duration::from_secs(30), "{time:?}");
        assert!(first_output(&mut command("exit 0")).is_err());
        let run = run(&mut command("printf hello")).expect("it runs");
        assert_eq!(run.output, b"hello");
        assert!(super::run(&mut command("exit 3")).is_err());
        let memory = memory_by_first_output(&mut waits).expect("it prints");
        if cfg!(target_os = "linux") {
            assert!(memory.is_some_and(|bytes| bytes > 100 << 10), "{memory:?}");
        }
    }
}
