//! A program that clients come to while it runs: `dotvm run --debug-listen`.
//!
//! The program's debugger is always there, and says nothing as long as no client is: then the program is not asked
//! to look at any instruction. A client that comes pauses it for a moment; what that had set is removed when
//! it goes.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use dotvm::debug::{Debugger, Reason, Resume, Stopped};
use dotvm::wasi::WasiCtx;
use dotvm::{PauseHandle, Store};

use super::breakpoints::Breakpoints;
use super::front::Front;
use super::link::{Link, Phase, Settings};
use super::serve_all;
use super::transport::{Listener, Unbound};
use super::wire::Client;
use crate::args::Run;
use crate::failure::{Failure, Result};
use crate::output;

/// Exit code of a program that a client has ended: what a shell reports of one that was told to terminate.
const EXIT_ENDED: i32 = 143;

/// Where sessions of clients and the program's thread meet.
pub(super) struct Desk {
    state: Mutex<State>,
    changed: Condvar,
    pause: PauseHandle,
}

#[derive(Default)]
struct State {
    /// The client that is there, or was last.
    link: Option<Arc<Link>>,
    /// Whether the program's thread has not seen it yet.
    is_new: bool,
    /// Whether the program waits for a client in front of its first instruction.
    waits: bool,
    has_ended: bool,
}

/// A program that listens.
pub(crate) struct Listening {
    desk: Arc<Desk>,
    /// The socket's file, which goes when the program has ended.
    file: Option<PathBuf>,
}

/// The program's debugger: the client that is there, if any.
struct Visitors {
    desk: Arc<Desk>,
    front: Option<Front>,
    /// What relative paths of debug information are relative to.
    folder: PathBuf,
}

impl Listening {
    /// Has a program listen, if it is to do so.
    ///
    /// # Errors
    /// Where the address makes no sense or is not to be had.
    pub(crate) fn begin(args: &Run, store: &mut Store<WasiCtx>) -> Result<Option<Listening>> {
        let Some(address) = &args.debug_listen else {
            return Ok(None);
        };
        let fail = |reason: &str| Failure::new(format_args!("--debug-listen {address}: {reason}"));
        let listener = Listener::bind(address).map_err(|reason| match reason {
            Unbound::Wrong(reason) => {
                Failure::usage(format_args!("--debug-listen {address}: {reason}"))
            }
            Unbound::Failed(error) => fail(&error),
        })?;
        let place = listener.place().map_err(|error| fail(&error.to_string()))?;
        let folder = std::env::current_dir().map_err(|error| fail(&error.to_string()))?;
        let file = listener.file().map(PathBuf::from);
        let state = State {
            waits: args.debug_wait,
            ..State::default()
        };
        let desk = Arc::new(Desk {
            state: Mutex::new(state),
            changed: Condvar::new(),
            pause: store.pause_handle(),
        });
        let visitors = Visitors {
            desk: Arc::clone(&desk),
            front: None,
            folder,
        };
        store.attach(visitors);
        let shared = Arc::clone(&desk);
        let thread = thread::Builder::new().name("dotvm-listener".into());
        thread
            .spawn(move || serve_all(&listener, Some(&shared)))
            .map_err(|error| fail(&error.to_string()))?;
        output::say(&format!("listening for debuggers on {place}\n"));
        Ok(Some(Listening { desk, file }))
    }

    /// The program has ended: the client, if any, is told.
    pub(crate) fn end(self, outcome: &Result<u8>) {
        let link = {
            let mut state = self.desk.lock();
            state.has_ended = true;
            state.link.take()
        };
        if let Some(link) = link {
            link.ended(match outcome {
                Ok(code) => Ok(*code),
                Err(failure) => Err((failure.code(), failure.message().to_owned())),
            });
        }
        if let Some(file) = self.file {
            // Whoever has removed it meanwhile has done what is to be done.
            let _ = std::fs::remove_file(file);
        }
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds it leaves anything half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client takes the program.
    ///
    /// # Errors
    /// Where another one has it, or it has ended.
    pub(super) fn take(
        &self,
        client: Client,
        settings: Settings,
        breakpoints: Arc<Mutex<Breakpoints>>,
    ) -> std::result::Result<Arc<Link>, String> {
        let mut state = self.lock();
        if state.has_ended {
            return Err("the program has ended".to_owned());
        }
        if let Some(link) = &state.link
            && (link.ends() || !link.has_left())
        {
            return Err("another debugger is at this program".to_owned());
        }
        let phase = match state.waits {
            true => Phase::Configuring,
            false => Phase::Running,
        };
        let pause = self.pause.clone();
        let link = Link::attached(client, settings, breakpoints, phase, pause);
        let link = Arc::new(link);
        state.link = Some(Arc::clone(&link));
        state.is_new = true;
        self.changed.notify_all();
        // The program may have to forget what the one before had set.
        self.pause.pause();
        Ok(link)
    }

    /// The client that has come since the last time.
    fn new_link(&self) -> Option<Arc<Link>> {
        let mut state = self.lock();
        std::mem::take(&mut state.is_new)
            .then(|| state.link.clone())
            .flatten()
    }

    /// Waits for a client.
    fn next_link(&self) -> Arc<Link> {
        let mut state = self.lock();
        loop {
            if std::mem::take(&mut state.is_new)
                && let Some(link) = &state.link
            {
                return Arc::clone(link);
            }
            let waited = self.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Debugger for Visitors {
    fn stopped(&mut self, stopped: &mut Stopped<'_>) -> Resume {
        if matches!(stopped.reason(), Reason::Entry) && self.desk.lock().waits {
            self.wait(stopped);
        }
        loop {
            if let Some(link) = self.desk.new_link() {
                forget_all(stopped);
                self.front = Some(Front::attached(link, self.folder.clone()));
                if is_asked_for(stopped.reason()) {
                    // By the client before. What the new one wants, it is asked next.
                    self.desk.pause.pause();
                    return Resume::Continue;
                }
            }
            let Some(front) = &mut self.front else {
                return Resume::Continue;
            };
            let has_left = front.link().has_left();
            let resume = match has_left || front.link().ends() {
                true => Resume::Continue,
                false => front.stopped(stopped),
            };
            if front.link().ends() {
                return Resume::Quit(EXIT_ENDED);
            }
            if !front.link().has_left() {
                return resume;
            }
            forget_all(stopped);
            self.front = None;
        }
    }
}

impl Visitors {
    /// Waits until a client has said where the program is to stop.
    fn wait(&mut self, stopped: &mut Stopped<'_>) {
        loop {
            let link = self.desk.next_link();
            let mut front = Front::attached(link, self.folder.clone());
            front.configure(stopped);
            if front.link().has_left() {
                forget_all(stopped);
                continue;
            }
            self.desk.lock().waits = false;
            self.front = Some(front);
            return;
        }
    }
}

/// Whether the program stops because a client had it step, or set something.
fn is_asked_for(reason: &Reason) -> bool {
    matches!(
        reason,
        Reason::Step | Reason::Breakpoint(..) | Reason::Watch { .. }
    )
}

/// Removes everything that a client has set.
fn forget_all(stopped: &mut Stopped<'_>) {
    let breakpoints = stopped.breakpoints().iter().map(|it| it.id);
    let watches = stopped.watches().iter().map(|it| it.id);
    let all: Vec<u32> = breakpoints.chain(watches).collect();
    for id in all {
        stopped.remove_breakpoint(id);
    }
}
