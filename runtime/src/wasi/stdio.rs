//! Where a program's standard input comes from and where its output goes.

use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::errno::Errno;

/// A source of standard input.
#[derive(Debug)]
#[non_exhaustive]
pub enum InputStream {
    /// Always at its end.
    Null,
    /// The standard input of this process. It is read without a buffer; what this process has
    /// already taken into a buffer of its own is not seen.
    Inherit,
    /// An open file, pipe, socket or terminal of this process.
    Fd(OwnedFd),
    /// Bytes in memory.
    Memory(MemoryInput),
}

/// A sink for standard output or standard error.
#[derive(Debug)]
#[non_exhaustive]
pub enum OutputStream {
    /// Takes everything and keeps nothing.
    Null,
    /// The standard output of this process. It is written without a buffer: flush what this
    /// process has in buffers of its own first.
    InheritStdout,
    /// The standard error of this process.
    InheritStderr,
    /// An open file, pipe, socket or terminal of this process.
    Fd(OwnedFd),
    /// A buffer in memory.
    Memory(MemoryOutput),
}

impl InputStream {
    /// The file descriptor behind it, if there is one.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            InputStream::Inherit => Some(rustix::stdio::stdin()),
            InputStream::Fd(fd) => Some(fd.as_fd()),
            InputStream::Null | InputStream::Memory(_) => None,
        }
    }
}

impl OutputStream {
    /// The file descriptor behind it, if there is one.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            OutputStream::InheritStdout => Some(rustix::stdio::stdout()),
            OutputStream::InheritStderr => Some(rustix::stdio::stderr()),
            OutputStream::Fd(fd) => Some(fd.as_fd()),
            OutputStream::Null | OutputStream::Memory(_) => None,
        }
    }
}

impl From<MemoryInput> for InputStream {
    fn from(input: MemoryInput) -> InputStream {
        InputStream::Memory(input)
    }
}

impl From<OwnedFd> for InputStream {
    fn from(fd: OwnedFd) -> InputStream {
        InputStream::Fd(fd)
    }
}

impl From<MemoryOutput> for OutputStream {
    fn from(output: MemoryOutput) -> OutputStream {
        OutputStream::Memory(output)
    }
}

impl From<OwnedFd> for OutputStream {
    fn from(fd: OwnedFd) -> OutputStream {
        OutputStream::Fd(fd)
    }
}

/// Standard input from memory: bytes given at once, or a pipe that is fed while the program runs.
///
/// Clones share the bytes.
///
/// ```
/// use dotvm::wasi::MemoryInput;
///
/// let at_once = MemoryInput::new("a line\n");
/// let pipe = MemoryInput::pipe();
/// pipe.push("first");
/// pipe.close();
/// # drop(at_once);
/// ```
#[derive(Clone, Debug)]
pub struct MemoryInput {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<Pipe>,
    changed: Condvar,
}

#[derive(Debug)]
struct Pipe {
    bytes: VecDeque<u8>,
    open: bool,
}

impl MemoryInput {
    /// Input that consists of `bytes` and then ends.
    pub fn new(bytes: impl Into<Vec<u8>>) -> MemoryInput {
        let bytes: Vec<u8> = bytes.into();
        MemoryInput::with(Pipe {
            bytes: bytes.into(),
            open: false,
        })
    }

    /// Input that has no bytes yet. A program that reads it waits until there are some, or until
    /// it is closed.
    pub fn pipe() -> MemoryInput {
        MemoryInput::with(Pipe {
            bytes: VecDeque::new(),
            open: true,
        })
    }

    fn with(pipe: Pipe) -> MemoryInput {
        let shared = Shared {
            state: Mutex::new(pipe),
            changed: Condvar::new(),
        };
        MemoryInput {
            shared: Arc::new(shared),
        }
    }

    /// Adds bytes at the end. Without effect after [`MemoryInput::close`].
    pub fn push(&self, bytes: impl AsRef<[u8]>) {
        let mut pipe = self.lock();
        if pipe.open {
            pipe.bytes.extend(bytes.as_ref());
        }
        drop(pipe);
        self.shared.changed.notify_all();
    }

    /// Ends the input: once the bytes are used up, the program sees the end of the file.
    pub fn close(&self) {
        self.lock().open = false;
        self.shared.changed.notify_all();
    }

    /// How many bytes the program has not read yet.
    pub fn remaining(&self) -> usize {
        self.lock().bytes.len()
    }

    fn lock(&self) -> MutexGuard<'_, Pipe> {
        // A thread that panicked while holding the lock cannot have left the bytes half changed.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether reading would not wait.
    pub(super) fn is_ready(&self) -> bool {
        let pipe = self.lock();
        !pipe.open || !pipe.bytes.is_empty()
    }

    /// Waits until reading would not wait, for at most `timeout`; says whether that is so.
    pub(super) fn wait(&self, timeout: Option<Duration>) -> bool {
        let waiting = |pipe: &mut Pipe| pipe.open && pipe.bytes.is_empty();
        let pipe = self.lock();
        let changed = &self.shared.changed;
        match timeout {
            None => {
                drop(changed.wait_while(pipe, waiting));
                true
            }
            Some(timeout) => {
                let result = changed.wait_timeout_while(pipe, timeout, waiting);
                !result.unwrap_or_else(PoisonError::into_inner).1.timed_out()
            }
        }
    }

    /// Moves bytes into `buffers`, as many as there are and fit.
    pub(super) fn read(&self, buffers: &mut [IoSliceMut<'_>]) -> usize {
        use std::io::Read as _;
        let mut pipe = self.lock();
        let mut total = 0;
        for buffer in buffers {
            // Reading from a queue of bytes cannot fail.
            let count = pipe.bytes.read(buffer).unwrap_or(0);
            total += count;
            // A queue is two runs of memory, and one read sees one of them.
            if count < buffer.len() {
                total += pipe.bytes.read(&mut buffer[count..]).unwrap_or(0);
            }
        }
        total
    }
}

/// Output that is kept in memory. Clones share the bytes, so keep one to look at them:
///
/// ```
/// use dotvm::wasi::{MemoryOutput, WasiCtxBuilder};
///
/// let output = MemoryOutput::new();
/// let ctx = WasiCtxBuilder::new().stdout(output.clone()).build();
/// // ... run a program with `ctx` ...
/// assert_eq!(output.contents(), b"");
/// # drop(ctx);
/// ```
#[derive(Clone, Debug)]
pub struct MemoryOutput {
    bytes: Arc<Mutex<Vec<u8>>>,
    bytes_max: usize,
}

impl Default for MemoryOutput {
    fn default() -> MemoryOutput {
        MemoryOutput::new()
    }
}

impl MemoryOutput {
    /// An empty buffer that grows as long as the program writes.
    pub fn new() -> MemoryOutput {
        MemoryOutput::with_limit(usize::MAX)
    }

    /// An empty buffer that is full at `bytes_max` bytes. The write that does not fit is cut
    /// short, and those after it fail with `ENOSPC`.
    pub fn with_limit(bytes_max: usize) -> MemoryOutput {
        MemoryOutput {
            bytes: Arc::default(),
            bytes_max,
        }
    }

    /// A copy of what the program has written so far.
    pub fn contents(&self) -> Vec<u8> {
        self.lock().clone()
    }

    /// Takes what the program has written so far and leaves the buffer empty.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        // A thread that panicked while holding the lock cannot have left the bytes half changed.
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends the buffers, as far as they fit, and says how many bytes did.
    pub(super) fn write(&self, buffers: &[IoSlice<'_>]) -> Result<usize, Errno> {
        let mut bytes = self.lock();
        let mut total = 0;
        for buffer in buffers {
            let room = self.bytes_max - bytes.len().min(self.bytes_max);
            let part = &buffer[..buffer.len().min(room)];
            if bytes.try_reserve(part.len()).is_err() {
                break;
            }
            bytes.extend_from_slice(part);
            total += part.len();
            if part.len() < buffer.len() {
                break;
            }
        }
        if total == 0 && buffers.iter().any(|buffer| !buffer.is_empty()) {
            return Err(Errno::NoSpc);
        }
        Ok(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_read_across_buffers_and_wrap_around() {
        let input = MemoryInput::pipe();
        let mut first = [0; 3];
        input.push("abcdef");
        assert_eq!(input.read(&mut [IoSliceMut::new(&mut first)]), 3);
        // The queue's memory now starts in the middle; this wraps around its end.
        input.push("ghijklmnop");
        let (mut second, mut third) = ([0; 4], [0; 100]);
        let read = input.read(&mut [IoSliceMut::new(&mut second), IoSliceMut::new(&mut third)]);
        assert_eq!(
            (&first, &second, &third[..read - 4]),
            (b"abc", b"defg", &b"hijklmnop"[..])
        );
        assert!(!input.is_ready());
        assert!(!input.wait(Some(Duration::from_millis(1))));
        input.close();
        assert!(input.wait(None));
        input.push("late");
        assert_eq!(input.remaining(), 0);
    }

    #[test]
    fn limited_output_is_cut_short_and_then_full() {
        let output = MemoryOutput::with_limit(5);
        let write = |text: &str| output.write(&[IoSlice::new(text.as_bytes())]);
        assert_eq!(write("abc"), Ok(3));
        assert_eq!(write("defg"), Ok(2));
        assert_eq!(write("h"), Err(Errno::NoSpc));
        assert_eq!(write(""), Ok(0));
        assert_eq!(output.take(), b"abcde");
        assert_eq!(write("again"), Ok(5));
        assert_eq!(output.contents(), b"again");
    }
}
