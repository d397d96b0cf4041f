//! `dotvm run --watch`: what a program uses while it runs, in lines at the end of a terminal.
//!
//! These lines are drawn anew a few times a second. What the program prints to the same terminal goes through a pipe of
//! this process, which takes the lines away before and draws them again behind it. Where standard error is no terminal,
//! there is a line each second instead.

mod view;

use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dotvm::wasi::{WasiCtx, WasiCtxBuilder};
use dotvm::{Store, WatchHandle};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::args::Run;
use crate::failure::{Failure, Result};
use view::View;

/// How often the lines are drawn.
const DRAW_TIME: Duration = Duration::from_millis(250);

/// How often a line is written where there is no terminal.
const LINE_TIME: Duration = Duration::from_secs(1);

/// How long somebody may have to wait for the end.
const LOOK_TIME: Duration = Duration::from_millis(20);

/// What is printed at once at most.
const CHUNK_BYTES: usize = 1 << 16;

/// The most bytes of a line without end that are printed once more behind the lines that are drawn.
const TAIL_BYTES_MAX: usize = 4096;

/// Where a program prints that is watched: what goes to this process's terminal goes through here.
#[derive(Default)]
pub(super) struct Screen {
    is_terminal: bool,
    out: Option<Through>,
    err: Option<Through>,
}

/// A pipe, by its ends.
struct Through {
    from: OwnedFd,
    to: OwnedFd,
}

impl Screen {
    /// Where the program is to be watched.
    ///
    /// # Errors
    /// Where there are no pipes.
    pub(super) fn new(args: &Run) -> Result<Screen> {
        if !args.watch || !io::stderr().is_terminal() {
            return Ok(Screen::default());
        }
        let through = |is_terminal: bool| match is_terminal {
            true => Through::new().map(Some).map_err(Failure::new),
            false => Ok(None),
        };
        Ok(Screen {
            is_terminal: true,
            out: through(io::stdout().is_terminal())?,
            err: through(true)?,
        })
    }

    /// Gives the program its streams, which are this process's but for what goes through here.
    pub(super) fn streams(&mut self, builder: &mut WasiCtxBuilder) {
        builder.inherit_stdio();
        if let Some(out) = self.out.as_mut().and_then(Through::end) {
            builder.stdout(out);
        }
        if let Some(err) = self.err.as_mut().and_then(Through::end) {
            builder.stderr(err);
        }
    }

    /// Begins to watch a store's program, where that is asked for.
    ///
    /// # Errors
    /// Where nothing can see to it.
    pub(super) fn watch(self, args: &Run, store: &mut Store<WasiCtx>) -> Result<Option<Watching>> {
        if !args.watch {
            return Ok(None);
        }
        let handle = store.watch(DRAW_TIME).map_err(Failure::new)?;
        let has_ended = Arc::new(AtomicBool::new(false));
        let mut watcher = Watcher {
            handle,
            view: View::new(args.file().display().to_string()),
            has_ended: Arc::clone(&has_ended),
            drawn: 0,
            tail: Vec::new(),
        };
        let thread = std::thread::Builder::new().name("dotvm-watch".into());
        let thread = thread.spawn(move || match self.is_terminal {
            true => watcher.draw(self.out, self.err),
            false => watcher.say(),
        });
        Ok(Some(Watching {
            has_ended,
            thread: thread.map_err(Failure::new)?,
        }))
    }
}

impl Through {
    fn new() -> io::Result<Through> {
        let (from, to) = pipe_with(PipeFlags::CLOEXEC)?;
        // What is there is read without waiting; the program waits where there is no room.
        fcntl_setfl(&from, OFlags::NONBLOCK)?;
        Ok(Through { from, to })
    }

    /// The end to write to; this process keeps one as well, so that reading never comes to an end.
    fn end(&mut self) -> Option<OwnedFd> {
        self.to.try_clone().ok()
    }
}

/// A program that is watched.
pub(super) struct Watching {
    has_ended: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watching {
    /// The program has ended: all that it printed is on the terminal, and nothing else any more.
    pub(super) fn end(self) {
        self.has_ended.store(true, Ordering::SeqCst);
        // It does nothing but print.
        let _ = self.thread.join();
    }
}

/// Who prints.
struct Watcher {
    handle: WatchHandle,
    view: View,
    has_ended: Arc<AtomicBool>,
    /// Lines that are drawn, below the one that has the cursor when they are gone.
    drawn: usize,
    /// What the program has printed of a line that is not at its end.
    tail: Vec<u8>,
}

impl Watcher {
    /// Draws, and prints what comes through pipes, until the program has ended.
    fn draw(&mut self, out: Option<Through>, err: Option<Through>) {
        let mut last = Instant::now();
        loop {
            let has_ended = self.has_ended.load(Ordering::SeqCst);
            let mut came = false;
            for (through, is_err) in [(&out, false), (&err, true)] {
                if let Some(through) = through {
                    came |= self.pass_on(through, is_err);
                }
            }
            if has_ended && !came {
                return self.erase();
            }
            if last.elapsed() >= DRAW_TIME {
                last = Instant::now();
                self.redraw();
            }
            if !came {
                let ends = [&out, &err].into_iter().flatten();
                let mut ends: Vec<PollFd<'_>> = ends
                    .map(|through| PollFd::from_borrowed_fd(through.from.as_fd(), PollFlags::IN))
                    .collect();
                let time = Timespec {
                    tv_sec: 0,
                    tv_nsec: LOOK_TIME.as_nanos() as i64,
                };
                // Whatever it says, there is another look.
                let _ = poll(&mut ends, Some(&time));
            }
        }
    }

    /// Prints what the program has printed; returns whether there was something.
    fn pass_on(&mut self, through: &Through, is_err: bool) -> bool {
        let mut bytes = vec![0; CHUNK_BYTES];
        let read = rustix::io::read(&through.from, &mut bytes);
        let Ok(len @ 1..) = read else { return false };
        let bytes = &bytes[..len];
        self.erase();
        // A terminal that is gone takes nothing, and there is nobody to tell.
        let _ = match is_err {
            true => io::stderr().write_all(bytes),
            false => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(bytes).and_then(|()| stdout.flush())
            }
        };
        match bytes.iter().rposition(|&byte| byte == b'\n') {
            Some(end) => self.tail = bytes[end + 1..].to_vec(),
            None => self.tail.extend_from_slice(bytes),
        }
        if self.tail.len() > TAIL_BYTES_MAX {
            self.tail.clear();
        }
        true
    }

    fn redraw(&mut self) {
        self.erase();
        let size = rustix::termios::tcgetwinsize(io::stderr());
        // A terminal that does not know its size says 0.
        let size = size.ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
        let (columns, rows) = size.map_or((80, 24), |it| (it.ws_col.into(), it.ws_row.into()));
        let mut lines = self.view.lines(self.handle.latest(), Instant::now());
        lines.truncate(usize::max(rows, 4) - 2);
        let mut text = String::new();
        if !self.tail.is_empty() {
            text.push('\n');
            self.drawn += 1;
        }
        for line in &lines {
            let shown: String = line.chars().take(usize::max(columns, 20) - 1).collect();
            text += &shown;
            text.push('\n');
            self.drawn += 1;
        }
        let _ = io::stderr().write_all(text.as_bytes());
    }

    /// Takes the lines away that are drawn.
    fn erase(&mut self) {
        if self.drawn == 0 {
            return;
        }
        let mut text = format!("\x1b[{}A\r\x1b[J", self.drawn).into_bytes();
        text.extend_from_slice(&self.tail);
        let _ = io::stderr().write_all(&text);
        self.drawn = 0;
    }

    /// Writes a line each second, until the program has ended.
    fn say(&mut self) {
        let mut last = Instant::now();
        while !self.has_ended.load(Ordering::SeqCst) {
            std::thread::sleep(LOOK_TIME);
            if last.elapsed() >= LINE_TIME {
                last = Instant::now();
                let line = self.view.line(self.handle.latest(), last);
                let _ = writeln!(io::stderr(), "{line}");
            }
        }
    }
}
