//! Running a compiler: its output is kept, and whoever waits is told that it goes on.

use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::Progress;

/// How often progress is told.
const INTERVAL: Duration = Duration::from_millis(100);

/// What a command left.
pub(super) struct Finished {
    pub(super) status: ExitStatus,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Runs a command to its end, telling `progress` about `step`; kills it once `cancel` is set.
///
/// # Errors
/// Where it cannot be started or waited for; [`io::ErrorKind::Interrupted`] where it was killed.
pub(super) fn run(
    mut command: Command,
    step: &str,
    cancel: Option<&AtomicBool>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> io::Result<Finished> {
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let status = wait(
        &mut child,
        cancel,
        |elapsed| progress(Progress::Running { step, elapsed }),
        start,
    )?;
    Ok(Finished {
        status,
        stdout: text(stdout),
        stderr: text(stderr),
    })
}

fn wait(
    child: &mut Child,
    cancel: Option<&AtomicBool>,
    mut tell: impl FnMut(Duration),
    start: Instant,
) -> io::Result<ExitStatus> {
    let mut told = start;
    // Most commands that only answer a question are done in a few milliseconds.
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            child.kill()?;
            child.wait()?;
            return Err(io::ErrorKind::Interrupted.into());
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
        if told.elapsed() >= INTERVAL {
            told = Instant::now();
            tell(start.elapsed());
        }
    }
}

/// Reads everything a pipe delivers, so that the command never waits for a reader.
fn collect(pipe: Option<impl Read + Send + 'static>) -> Option<JoinHandle<Vec<u8>>> {
    let mut pipe = pipe?;
    Some(thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before an error is still worth showing.
        pipe.read_to_end(&mut bytes).ok();
        bytes
    }))
}

fn text(reader: Option<JoinHandle<Vec<u8>>>) -> String {
    let bytes = reader
        .and_then(|reader| reader.join().ok())
        .unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_is_no_longer_wanted_is_killed() {
        let mut command = Command::new("sleep");
        command.arg("600");
        let cancel = AtomicBool::new(true);
        let error = run(command, "sleeping", Some(&cancel), &mut |_| {}).err();
        assert_eq!(
            error.map(|error| error.kind()),
            Some(io::ErrorKind::Interrupted)
        );
    }
}
