//! Waiting for a server: a thread that moves bytes, and callers that wait for answers, but not for ever.
//!
//! Callers are threads as they are, also those of an embedder's own runtime, so they wait for futures themselves:
//! for as long as there is time, and until somebody wants it to end.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::engine::Watch;

/// How often whoever waits looks whether to end.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long an answer may still take after somebody wanted it to end: most are on their way, and what is not
/// waited for costs the transaction.
const GRACE: Duration = Duration::from_millis(200);

/// Why somebody waits no longer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// The time is over.
    Time,
    /// Somebody wanted it.
    Watch,
}

/// The thread that moves bytes.
#[derive(Debug)]
pub(super) struct Driver {
    handle: Handle,
    /// Dropping it ends the thread.
    _stop: oneshot::Sender<()>,
}

impl Driver {
    pub(super) fn start() -> io::Result<Driver> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        thread::Builder::new()
            .name("dotdb-postgres".to_owned())
            .spawn(move || {
                // Either way it has been told to stop.
                let _ = runtime.block_on(stopped);
            })?;
        Ok(Driver {
            handle,
            _stop: stop,
        })
    }

    /// Has the thread do something that nobody waits for.
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(future);
    }

    /// Waits for a future. One that is given up is dropped.
    pub(super) fn wait<R>(
        &self,
        at_most: Duration,
        watch: Option<&Watch>,
        future: impl Future<Output = R>,
    ) -> Result<R, Ended> {
        let _context = self.handle.enter();
        let mut future = pin!(future);
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let started = Instant::now();
        let mut asked: Option<Instant> = None;
        loop {
            if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Ok(result);
            }
            let Some(left) = at_most.checked_sub(started.elapsed()) else {
                return Err(Ended::Time);
            };
            if watch.is_some_and(|watch| watch())
                && asked.get_or_insert_with(Instant::now).elapsed() >= GRACE
            {
                return Err(Ended::Watch);
            }
            thread::park_timeout(left.min(LOOK_EVERY));
        }
    }
}

/// Wakes a thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[test]
    fn nobody_waits_for_ever() {
        let driver = Driver::start().unwrap();
        let time = Duration::from_millis(20);
        assert_eq!(driver.wait(time, None, async { 7 }), Ok(7));
        assert_eq!(driver.wait(time, None, pending::<()>()), Err(Ended::Time));
        let watch: Watch = Arc::new(|| true);
        let started = Instant::now();
        let ended = driver.wait(Duration::from_secs(60), Some(&watch), pending::<()>());
        assert_eq!(ended, Err(Ended::Watch));
        assert!(started.elapsed() >= GRACE);
        // What is on its way is waited for.
        let (sender, receiver) = oneshot::channel();
        driver.spawn(async {
            let _ = sender.send(8);
        });
        assert_eq!(driver.wait(time * 100, Some(&watch), receiver), Ok(Ok(8)));
    }
}
