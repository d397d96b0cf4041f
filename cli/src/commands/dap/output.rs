//! What a program prints, on its way to the client.

use std::io::{ErrorKind, PipeReader, Read as _};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use serde_json::json;

use super::wire::Client;

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 1 << 14;

/// One of a program's streams: a pipe, which a thread empties while the program runs.
pub(super) struct Output {
    pipe: PipeReader,
    /// `stdout` or `stderr`.
    category: &'static str,
    client: Client,
    /// The beginning of a character whose end has not come yet.
    rest: Mutex<Vec<u8>>,
}

impl Output {
    /// A stream, and the end of it that the program writes to.
    ///
    /// # Errors
    /// Where the system has no more pipes or threads.
    pub(super) fn new(
        category: &'static str,
        client: Client,
    ) -> std::io::Result<(Arc<Output>, OwnedFd)> {
        let (pipe, end) = std::io::pipe()?;
        rustix::io::ioctl_fionbio(&pipe, true)?;
        let output = Arc::new(Output {
            pipe,
            category,
            client,
            rest: Mutex::default(),
        });
        let emptied = Arc::clone(&output);
        let thread = thread::Builder::new().name("dotvm-output".into());
        thread.spawn(move || {
            let wait = || poll(&mut [PollFd::new(&emptied.pipe, PollFlags::IN)], None);
            while matches!(wait(), Ok(_) | Err(rustix::io::Errno::INTR)) && emptied.pass_on() {}
        })?;
        Ok((output, end.into()))
    }

    /// Passes on everything that the program has printed; returns whether more may come.
    pub(super) fn pass_on(&self) -> bool {
        // Whoever waits here finds that everything from before has been sent.
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match (&self.pipe).read(&mut chunk) {
                Ok(0) => {
                    self.send(&String::from_utf8_lossy(&std::mem::take(&mut *rest)));
                    return false;
                }
                Ok(count) => {
                    rest.extend_from_slice(&chunk[..count]);
                    let whole = whole_characters(&rest);
                    let text: Vec<u8> = rest.drain(..whole).collect();
                    self.send(&String::from_utf8_lossy(&text));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
    }

    fn send(&self, text: &str) {
        if !text.is_empty() {
            let body = json!({ "category": self.category, "output": text });
            self.client.event("output", body);
        }
    }
}

/// How many of the bytes are not the beginning of a character that goes on behind them.
fn whole_characters(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    let is_start = |&at: &usize| bytes[at] >= 0xc0;
    match (tail..bytes.len()).rev().find(is_start) {
        Some(at) => match str::from_utf8(&bytes[at..]) {
            Err(error) if error.error_len().is_none() => at,
            _ => bytes.len(),
        },
        None => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_stay_whole() {
        for (text, expected) in [
            (&b""[..], 0),
            (b"abc", 3),
            ("a\u{e9}".as_bytes(), 3),
            (b"a\xc3", 1),
            (b"a\xe2\x82", 1),
            (b"a\xf0\x9f\x98", 1),
            ("a\u{1f600}".as_bytes(), 5),
            (b"a\xff", 2),
            (b"a\xc3(", 3),
            (b"\x80\x80\x80\x80", 4),
        ] {
            assert_eq!(whole_characters(text), expected, "{text:?}");
        }
    }
}
