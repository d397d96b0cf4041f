//! WASI preview 1: what a program sees of the outside world, whole, and nothing beyond it.
//!
//! A [`WasiCtx`] holds what one program has been given: arguments, environment variables,
//! standard streams, and directories. [`WasiCtxBuilder`] gives it nothing by default. Paths are
//! resolved by `cap-std` beneath the given directories; `..`, absolute paths and symbolic links
//! do not lead out of them.
//!
//! The functions are plain Rust functions over a context and the program's memory, sorted into
//! one file a group (`args`, `clock`, `fd`, `io`, `readdir`, `path`, `poll`, `process`, `sock`).
//! They are listed once, in the table of `functions`; [`preview1`] and [`unstable`]
//! are made from that list with the signatures of the ABI, and [`MODULES`] as data.
//!
//! Invariants:
//! - Everything a run cannot determine by itself comes in through [`Host`].
//! - No function panics, whatever its arguments and whatever is in memory. A pointer out of
//!   bounds is a [`Fault`]; every other mistake is an error number.
//! - No function blocks past [`WasiCtx::set_deadline`], except in the kernel's own work on
//!   regular files, of which one call asks for a bounded amount.
//! - Nothing is buffered: when a write returns, its bytes are with the operating system.
//!
//! Where the specification leaves a choice, this follows wasmtime: programs are tested there.
//! The differences are few. `fd_allocate`, the sockets and the processor clock work;
//! `fd_fdstat_set_rights` takes rights away, and they stay away; errors of single subscriptions
//! of `poll_oneoff` come as events; and an operation on a descriptor of the wrong kind gets the
//! POSIX error (`ENOTDIR`, `EISDIR`) where wasmtime has `EBADF` for all.

mod args;
mod builder;
mod clock;
mod ctx;
mod descriptor;
mod errno;
mod fd;
mod functions;
mod host;
mod io;
mod memory;
mod path;
mod poll;
mod process;
mod readdir;
mod sock;
mod stdio;
mod types;
mod variants;

#[cfg(test)]
mod tests;

pub use builder::{WasiCtxBuilder, WasiError};
pub use ctx::WasiCtx;
pub use errno::Errno;
pub use functions::{MODULES, Param, WasiFunction, find, preview1, unstable};
pub use host::{Clock, Host, SystemHost};
pub use memory::{Fault, FaultKind, GuestMemory};
pub use stdio::{InputStream, MemoryInput, MemoryOutput, OutputStream};

use std::fmt;

/// Why a program does not go on after a WASI call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It ended itself with this exit code. WASI knows the codes 0 to 125; what a larger one
    /// means to the operating system is for the caller to decide.
    Exit(u32),
    /// The deadline of [`WasiCtx::set_deadline`] has passed.
    Interrupted,
    /// It gave a pointer that cannot be used: a trap.
    Fault(Fault),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Exit(code) => write!(f, "program exited with code {code}"),
            Stop::Interrupted => f.write_str("WASI call interrupted: time limit reached"),
            Stop::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for Stop {}

/// Why a WASI function did not do what it was asked: an answer for the program, or its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    /// The error number is the function's result.
    Errno(Errno),
    /// The program does not see a result.
    Stop(Stop),
}

/// The result of a WASI function, and of what it is made of.
type Result<T = (), E = Failure> = std::result::Result<T, E>;

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Failure {
        Failure::Errno(errno)
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Failure {
        Failure::Stop(stop)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Failure {
        Failure::Stop(Stop::Fault(fault))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::Errno(error.into())
    }
}

impl From<rustix::io::Errno> for Failure {
    fn from(error: rustix::io::Errno) -> Failure {
        Failure::Errno(error.into())
    }
}
