//! Running processes to their end, or to the end of the test's patience.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a process may take that is not told otherwise. Far more than any test needs, so that
/// only a hang gets there.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// How a process ended, and what it printed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Exit code, or the signal that ended it.
    pub status: ExitStatus,
    /// How long it took.
    pub time: Duration,
}

impl Outcome {
    /// The exit code.
    ///
    /// # Panics
    /// Where the process died of a signal, which nothing that is tested here may do.
    pub fn code(&self) -> i32 {
        let stderr = &self.stderr;
        self.status
            .code()
            .unwrap_or_else(|| panic!("ended by {}:\n{stderr}", self.status))
    }
}

/// Runs a command with this standard input.
///
/// # Panics
/// Where it cannot be started, or does not end within [`PATIENCE`].
pub fn run(command: &mut Command, stdin: &[u8]) -> Outcome {
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    if let Some(mut pipe) = child.stdin.take() {
        let input = stdin.to_vec();
        // A process need not read its input: that the pipe breaks is no fault.
        thread::spawn(move || drop(pipe.write_all(&input)));
    }
    let status = wait(&mut child, command);
    let time = start.elapsed();
    let text = |reader: thread::JoinHandle<Vec<u8>>| {
        let bytes = reader.join().unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Outcome {
        stdout: text(stdout),
        stderr: text(stderr),
        status,
        time,
    }
}

fn wait(child: &mut Child, command: &Command) -> ExitStatus {
    let end = Instant::now() + PATIENCE;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status,
            Ok(None) if Instant::now() < end => thread::sleep(Duration::from_millis(1)),
            outcome => {
                let _ = child.kill();
                let _ = child.wait();
                panic!("{command:?} did not end within {PATIENCE:?}: {outcome:?}");
            }
        }
    }
}

/// Reads a pipe to its end while the process runs.
fn collect(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is what there is.
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}
