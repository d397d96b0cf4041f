//! The one door through which everything a run cannot determine by itself comes in.
//!
//! A program's behaviour depends on its code, its arguments, and what the [`Host`] answers. To
//! record a run, wrap [`SystemHost`] and write down the answers; to replay it, give them again;
//! to test with a clock that stands still, implement [`Host::now`] that way. The WASI functions
//! ask for time, randomness, readiness, the environment and directories here and nowhere else.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use cap_std::fs::Dir;
use rustix::event::PollFd;
use rustix::time::{ClockId, Timespec};

/// A clock a program can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Time of day, since 1970-01-01T00:00:00Z. It can be set, and so jump.
    Realtime,
    /// Time since some fixed moment. It never goes back.
    Monotonic,
    /// Processor time used by the program.
    Cpu,
}

/// What the outside world answers to a program.
///
/// Only four methods must be written; the others do what the operating system does.
pub trait Host: Send {
    /// What `clock` shows, in nanoseconds.
    ///
    /// [`Clock::Monotonic`] should not show zero: some language runtimes take it for a failure.
    fn now(&mut self, clock: Clock) -> u64;

    /// Fills `buffer` with random bytes fit for cryptography.
    ///
    /// # Errors
    ///
    /// What the operating system says where it has none to give.
    fn fill_random(&mut self, buffer: &mut [u8]) -> io::Result<()>;

    /// Returns when `duration` has passed on [`Clock::Monotonic`], or shortly after.
    fn sleep(&mut self, duration: Duration);

    /// Waits until one of `fds` is ready or `timeout` has passed (forever without one), and
    /// returns how many are ready.
    ///
    /// # Errors
    ///
    /// What the operating system says; being interrupted by a signal is not an error.
    fn poll(&mut self, fds: &mut [PollFd<'_>], timeout: Option<Duration>) -> io::Result<usize>;

    /// The smallest step of `clock`, in nanoseconds.
    fn resolution(&mut self, clock: Clock) -> u64 {
        let step = nanoseconds(rustix::time::clock_getres(clock_id(clock)));
        step.max(1)
    }

    /// Lets other threads run.
    fn yield_now(&mut self) {
        std::thread::yield_now();
    }

    /// The environment variables a program inherits, if it inherits any.
    fn environment(&mut self) -> Vec<(OsString, OsString)> {
        std::env::vars_os().collect()
    }

    /// Opens a directory of the host to be given to a program. This is the only call that looks
    /// at the host's file system as a whole; all others are relative to directories it returned.
    ///
    /// # Errors
    ///
    /// What the operating system says where `path` is no directory that can be opened.
    fn open_dir(&mut self, path: &Path) -> io::Result<Dir> {
        Dir::open_ambient_dir(path, cap_std::ambient_authority())
    }
}

/// The host of an ordinary run: the operating system.
///
/// It starts with nothing done: the clocks' origins are read when the program first asks.
#[derive(Debug, Default)]
pub struct SystemHost {
    /// What the monotonic clock counts from, shortly before its first reading.
    monotonic_origin: Option<Instant>,
    /// What this thread had used of the processor when first asked.
    cpu_origin: Option<u64>,
}

/// What the monotonic and processor clocks show when first read: not zero, see [`Host::now`].
const FIRST_READING_NS: u64 = 1_000;

impl SystemHost {
    /// The operating system, before its first answer.
    pub fn new() -> SystemHost {
        SystemHost::default()
    }
}

impl Host for SystemHost {
    fn now(&mut self, clock: Clock) -> u64 {
        match clock {
            Clock::Realtime => nanoseconds(rustix::time::clock_gettime(ClockId::Realtime)),
            // Counting from the first reading keeps the host's uptime from the program.
            Clock::Monotonic => {
                let now = Instant::now();
                let since = now - *self.monotonic_origin.get_or_insert(now);
                saturating_nanoseconds(since) + FIRST_READING_NS
            }
            // A program is one thread, and what others in this process do is not its business.
            Clock::Cpu => {
                let now = nanoseconds(rustix::time::clock_gettime(ClockId::ThreadCPUTime));
                now.saturating_sub(*self.cpu_origin.get_or_insert(now)) + FIRST_READING_NS
            }
        }
    }

    fn fill_random(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        fill_from_system(buffer)
    }

    fn sleep(&mut self, duration: Duration) {
        std::thread::sleep(duration);
    }

    fn poll(&mut self, fds: &mut [PollFd<'_>], timeout: Option<Duration>) -> io::Result<usize> {
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut left = timeout;
        loop {
            // A span too long for the kernel's clock is as good as none.
            let timeout = left.and_then(|left| Timespec::try_from(left).ok());
            match rustix::event::poll(fds, timeout.as_ref()) {
                Err(rustix::io::Errno::INTR) => {
                    left = until.map(|until| until.saturating_duration_since(Instant::now()));
                }
                Ok(ready) => return Ok(ready),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The operating system's name of a clock.
fn clock_id(clock: Clock) -> ClockId {
    match clock {
        Clock::Realtime => ClockId::Realtime,
        Clock::Monotonic => ClockId::Monotonic,
        Clock::Cpu => ClockId::ThreadCPUTime,
    }
}

/// A time of the operating system in nanoseconds; zero for one before its clock's origin.
fn nanoseconds(time: Timespec) -> u64 {
    Duration::try_from(time).map_or(0, saturating_nanoseconds)
}

/// A span in nanoseconds, or the longest there is (584 years).
pub(super) fn saturating_nanoseconds(span: Duration) -> u64 {
    // Room is left for adding an origin.
    u64::try_from(span.as_nanos())
        .unwrap_or(u64::MAX)
        .min(u64::MAX - FIRST_READING_NS)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn fill_from_system(mut buffer: &mut [u8]) -> io::Result<()> {
    use rustix::rand::{GetRandomFlags, getrandom};
    while !buffer.is_empty() {
        let filled =
            rustix::io::retry_on_intr(|| getrandom(&mut *buffer, GetRandomFlags::empty()))?;
        buffer = &mut buffer[filled..];
    }
    Ok(())
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn fill_from_system(buffer: &mut [u8]) -> io::Result<()> {
    use std::io::Read as _;
    std::fs::File::open("/dev/urandom")?.read_exact(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_run() {
        let mut host = SystemHost::new();
        let first = host.now(Clock::Monotonic);
        assert_eq!(first, FIRST_READING_NS);
        host.sleep(Duration::from_millis(2));
        assert!(host.now(Clock::Monotonic) >= first + 2_000_000);
        assert!(host.now(Clock::Realtime) > 1_700_000_000_000_000_000);
        let cpu = host.now(Clock::Cpu);
        assert!(host.now(Clock::Cpu) >= cpu);
        for clock in [Clock::Realtime, Clock::Monotonic, Clock::Cpu] {
            assert!((1..=100_000_000).contains(&host.resolution(clock)));
        }
    }

    #[test]
    fn random_bytes_fill_the_whole_buffer() {
        let mut host = SystemHost::new();
        let mut buffer = vec![0; 100_000];
        host.fill_random(&mut buffer).unwrap();
        // A run of 64 zero bytes would mean that a part was left out.
        assert!(
            buffer
                .chunks(64)
                .all(|chunk| chunk.iter().any(|&byte| byte != 0))
        );
    }
}
