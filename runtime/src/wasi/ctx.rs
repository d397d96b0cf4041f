//! What one program has been given, and waiting on its behalf.

use std::fmt;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::descriptor::Descriptors;
use super::errno::Errno;
use super::host::Host;
use super::{Result, Stop};

/// What one program has been given: arguments, environment, descriptors, and the [`Host`].
///
/// Made by [`WasiCtxBuilder`](super::WasiCtxBuilder).
pub struct WasiCtx {
    pub(super) arguments: Strings,
    pub(super) environment: Strings,
    pub(super) descriptors: Descriptors,
    host: Box<dyn Host>,
    deadline: Option<Instant>,
}

impl WasiCtx {
    pub(super) fn new(
        arguments: Strings,
        environment: Strings,
        descriptors: Descriptors,
        host: Box<dyn Host>,
    ) -> WasiCtx {
        WasiCtx {
            arguments,
            environment,
            descriptors,
            host,
            deadline: None,
        }
    }

    /// Sets when the program's time is up, or that it has no limit. From then on no call sleeps
    /// or waits beyond `deadline`: it ends with [`Stop::Interrupted`] instead.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// When the program's time is up.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How many descriptors are open.
    pub fn open_descriptors(&self) -> usize {
        self.descriptors.open()
    }

    /// What answers the program's questions.
    pub fn host(&mut self) -> &mut dyn Host {
        &mut *self.host
    }

    /// The descriptors, and what is needed to wait for them.
    pub(super) fn split(&mut self) -> (&mut Descriptors, Waiter<'_>) {
        let waiter = Waiter {
            host: &mut *self.host,
            deadline: self.deadline,
        };
        (&mut self.descriptors, waiter)
    }
}

impl fmt::Debug for WasiCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiCtx")
            .field("arguments", &self.arguments)
            .field("environment", &self.environment)
            .field("descriptors", &self.descriptors)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// Strings as a program gets them: each ended by a NUL byte, one after the other.
#[derive(Debug, Default)]
pub(super) struct Strings {
    /// The strings with their NUL bytes.
    pub(super) bytes: Vec<u8>,
    /// Where each begins.
    pub(super) starts: Vec<u32>,
}

impl Strings {
    /// Adds a string made of parts without NUL bytes; `false` if there are too many bytes for
    /// a 32-bit program.
    pub(super) fn push(&mut self, parts: &[&[u8]]) -> bool {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let end = self.bytes.len() as u64 + length as u64 + 1;
        let Ok(start) = u32::try_from(self.bytes.len()) else {
            return false;
        };
        if end > u64::from(u32::MAX) {
            return false;
        }
        self.starts.push(start);
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        self.bytes.push(0);
        true
    }
}

/// How much one call may read or write while there is a deadline, so that it does not spend too
/// long in the kernel: some milliseconds' worth.
const TRANSFER_BYTES_MAX: usize = 8 << 20;

/// Waits for things, but not beyond the deadline.
pub(super) struct Waiter<'a> {
    /// What tells the time and waits.
    pub(super) host: &'a mut dyn Host,
    deadline: Option<Instant>,
}

impl Waiter<'_> {
    /// How long is left until the deadline; nothing without one.
    pub(super) fn remaining(&self) -> Result<Option<Duration>> {
        let Some(deadline) = self.deadline else {
            return Ok(None);
        };
        match deadline.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(Stop::Interrupted.into()),
        }
    }

    /// Whether there is a deadline.
    pub(super) fn has_deadline(&self) -> bool {
        self.deadline.is_some()
    }

    /// How many bytes one call may move.
    pub(super) fn transfer_bytes_max(&self) -> usize {
        if self.has_deadline() {
            TRANSFER_BYTES_MAX
        } else {
            usize::MAX
        }
    }

    /// To be called before reading or writing a descriptor that may block: makes sure that it
    /// does not where it must not. `EAGAIN` if it would and is not to wait.
    pub(super) fn before(
        &mut self,
        fd: BorrowedFd<'_>,
        events: PollFlags,
        nonblocking: bool,
    ) -> Result {
        if nonblocking {
            let mut fds = [PollFd::from_borrowed_fd(fd, events)];
            let ready = self.host.poll(&mut fds, Some(Duration::ZERO))?;
            if ready == 0 {
                Err(Errno::Again.into())
            } else {
                Ok(())
            }
        } else if self.has_deadline() {
            self.block(fd, events)
        } else {
            Ok(())
        }
    }

    /// Waits until a descriptor is ready.
    pub(super) fn block(&mut self, fd: BorrowedFd<'_>, events: PollFlags) -> Result {
        loop {
            let timeout = self.remaining()?;
            let mut fds = [PollFd::from_borrowed_fd(fd, events)];
            if self.host.poll(&mut fds, timeout)? > 0 {
                return Ok(());
            }
        }
    }
}
