//! What the thread that listens to a client and the one that runs the program share.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dotvm::{InterruptHandle, PauseHandle};
use serde_json::{Value, json};

use super::breakpoints::Breakpoints;
use super::wire::{Client, Request};

/// What a client has said about itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// The number of the first line.
    pub(super) first_line: i64,
    /// The number of the first column.
    pub(super) first_column: i64,
    /// Whether it wants to hear that values have changed.
    pub(super) wants_invalidated: bool,
}

/// How far a program is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// It is being compiled and loaded.
    Loading,
    /// It waits in front of its first instruction until the client has said where it is to stop.
    Configuring,
    Running,
    Stopped,
    Ended,
}

/// One run of a program.
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) settings: Settings,
    pub(super) breakpoints: Arc<Mutex<Breakpoints>>,
    /// Whether it was started again, so that the client has said everything before.
    pub(super) is_restart: bool,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    phase: Phase,
    /// The request that started it, until that is answered.
    start: Option<Request>,
    /// Whether the client has said where it is to stop.
    is_configured: bool,
    /// What is for the program's thread to do.
    queue: VecDeque<Request>,
    wants_pause: bool,
    /// Whether it is to end.
    ends: bool,
    /// Whether the client has left a program that goes on without it.
    left: bool,
    /// Whether nobody is to hear of its end.
    is_mute: bool,
    handles: Option<(PauseHandle, Option<InterruptHandle>)>,
}

impl Link {
    /// A run that a request has asked for.
    pub(super) fn new(
        client: Client,
        settings: Settings,
        breakpoints: Arc<Mutex<Breakpoints>>,
        start: Request,
        is_restart: bool,
    ) -> Link {
        let state = State {
            phase: Phase::Loading,
            start: Some(start),
            is_configured: is_restart,
            queue: VecDeque::new(),
            wants_pause: false,
            ends: false,
            left: false,
            is_mute: false,
            handles: None,
        };
        Link {
            client,
            settings,
            breakpoints,
            is_restart,
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// A run that has begun without the client, and is in that phase.
    pub(super) fn attached(
        client: Client,
        settings: Settings,
        breakpoints: Arc<Mutex<Breakpoints>>,
        phase: Phase,
        pause: PauseHandle,
    ) -> Link {
        let state = State {
            phase,
            start: None,
            is_configured: false,
            queue: VecDeque::new(),
            wants_pause: false,
            ends: false,
            left: false,
            is_mute: false,
            // Where it is ended, it says so itself: an interrupt would be a trap that is nobody's fault.
            handles: Some((pause, None)),
        };
        Link {
            client,
            settings,
            breakpoints,
            is_restart: false,
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds it leaves anything half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn breakpoints(&self) -> MutexGuard<'_, Breakpoints> {
        self.breakpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn phase(&self) -> Phase {
        self.lock().phase
    }
}

/// For the thread that listens to the client.
impl Link {
    /// The client has said where the program is to stop.
    pub(super) fn configured(&self) {
        self.lock().is_configured = true;
        self.changed.notify_all();
    }

    /// Has the program stop as soon as it can.
    ///
    /// # Errors
    /// Where it does not run.
    pub(super) fn pause(&self, request: &Request) -> Result<(), &'static str> {
        let mut state = self.lock();
        match state.phase {
            Phase::Ended => return Err("the program has ended"),
            Phase::Stopped => return Err("the program has stopped already"),
            Phase::Loading | Phase::Configuring | Phase::Running => {}
        }
        // The program cannot stop, and nobody tell of that, before this is answered.
        self.client.respond(request, Value::Null);
        state.wants_pause = true;
        if let Some((pause, _)) = &state.handles {
            pause.pause();
        }
        Ok(())
    }

    /// Hands a request to the program's thread, which does it where the program stands; one that lets it go on
    /// counts as done at once.
    ///
    /// # Errors
    /// Why that cannot be.
    pub(super) fn ask(&self, request: Request, goes_on: bool) -> Result<(), &'static str> {
        let mut state = self.lock();
        match state.phase {
            Phase::Loading | Phase::Configuring => return Err("the program has not started yet"),
            Phase::Running => return Err("the program is running"),
            Phase::Ended => return Err("the program has ended"),
            Phase::Stopped => {}
        }
        if goes_on {
            state.phase = Phase::Running;
        }
        state.queue.push_back(request);
        self.changed.notify_all();
        Ok(())
    }

    /// Hands a request to the program's thread, whatever the program is doing, for which that pauses a moment.
    ///
    /// # Errors
    /// The request, where the program is in no place to be asked: it has not started, has ended, or waits for
    /// something outside.
    pub(super) fn ask_any(&self, request: Request, patience: Duration) -> Result<(), Request> {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Loading | Phase::Ended) {
            return Err(request);
        }
        let seq = request.seq;
        state.queue.push_back(request);
        self.changed.notify_all();
        let end = Instant::now() + patience;
        while let Some(at) = state.queue.iter().position(|waiting| waiting.seq == seq) {
            if let Some((pause, _)) = &state.handles {
                // Asked for again: a run of the host's own may have taken it.
                pause.pause();
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return match state.queue.remove(at) {
                    Some(request) => Err(request),
                    None => Ok(()),
                };
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    /// Has the program stop once the client has said everything, where it does not stand already.
    pub(super) fn stop_soon(&self) {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Configuring | Phase::Running) {
            state.wants_pause = true;
            if let Some((pause, _)) = &state.handles {
                pause.pause();
            }
        }
    }

    /// Leaves the program alone, which goes on.
    pub(super) fn leave(&self) {
        let mut state = self.lock();
        state.left = true;
        state.is_mute = true;
        state.queue.clear();
        if let Some((pause, _)) = &state.handles {
            // So that it forgets the client's breakpoints.
            pause.pause();
        }
        self.changed.notify_all();
    }

    /// Ends the program, and waits for that; returns whether it has ended. What the host is doing for it cannot be
    /// stopped.
    pub(super) fn end(&self, is_mute: bool, patience: Duration) -> bool {
        let mut state = self.lock();
        state.ends = true;
        state.is_mute |= is_mute;
        if let Some((pause, interrupt)) = &state.handles {
            pause.pause();
            if let Some(interrupt) = interrupt {
                interrupt.interrupt();
            }
        }
        self.changed.notify_all();
        let running = |state: &mut State| state.phase != Phase::Ended;
        let waited = self.changed.wait_timeout_while(state, patience, running);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        let has_ended = state.phase == Phase::Ended;
        // What it does later is no news any more.
        state.is_mute = true;
        has_ended
    }
}

/// For the program's thread.
impl Link {
    /// The program is about to run: so it is paused and interrupted.
    pub(super) fn loaded(&self, pause: PauseHandle, interrupt: InterruptHandle) {
        self.lock().handles = Some((pause, Some(interrupt)));
    }

    /// Whether the program is to end.
    pub(super) fn ends(&self) -> bool {
        self.lock().ends
    }

    /// Whether the client has left a program that goes on.
    pub(super) fn has_left(&self) -> bool {
        self.lock().left
    }

    /// The request that started the program, if that has not been answered.
    pub(super) fn take_start(&self) -> Option<Request> {
        self.lock().start.take()
    }

    /// Goes into another phase. Whoever wanted a pause has one where the program has stopped.
    pub(super) fn enter(&self, phase: Phase) {
        let mut state = self.lock();
        state.phase = phase;
        if phase == Phase::Stopped {
            state.wants_pause = false;
        }
        self.changed.notify_all();
    }

    /// Whether the client wants the program to pause; it is taken back.
    pub(super) fn take_pause(&self) -> bool {
        std::mem::take(&mut self.lock().wants_pause)
    }

    /// The next request, as soon as there is one; nothing where there will be none: the client has said
    /// everything before the program starts, or has left, or the program is to end.
    pub(super) fn next(&self) -> Option<Request> {
        let mut state = self.lock();
        loop {
            if state.ends || state.left {
                return None;
            }
            if let Some(request) = state.queue.pop_front() {
                self.changed.notify_all();
                return Some(request);
            }
            if state.phase == Phase::Configuring && state.is_configured {
                return None;
            }
            let waited = self.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A request that is there; where there is none, the program runs from now on.
    pub(super) fn next_or_run(&self) -> Option<Request> {
        let mut state = self.lock();
        let request = state.queue.pop_front();
        if request.is_none() {
            state.phase = Phase::Running;
        }
        self.changed.notify_all();
        request
    }

    /// The program has ended: with an exit code and its last words, or what is wrong with it.
    pub(super) fn ended(&self, outcome: Result<u8, (u8, String)>) {
        let mut state = self.lock();
        state.phase = Phase::Ended;
        let left = std::mem::take(&mut state.queue);
        let start = state.start.take();
        let (ends, is_mute) = (state.ends, state.is_mute);
        state.handles = None;
        drop(state);
        if !is_mute {
            for request in &left {
                self.client.refuse(request, "the program has ended");
            }
            self.tell_end(start, ends, outcome);
        }
        self.changed.notify_all();
    }

    fn tell_end(&self, start: Option<Request>, ends: bool, outcome: Result<u8, (u8, String)>) {
        let code = match (outcome, start) {
            (Err((_, message)), Some(request)) => return self.client.refuse(&request, &message),
            (Err((code, message)), None) => {
                // The client has ended it, so that there is nothing to complain of.
                if !ends {
                    let output = format!("error: {message}\n");
                    let body = json!({ "category": "stderr", "output": output });
                    self.client.event("output", body);
                }
                code
            }
            (Ok(code), start) => {
                if let Some(request) = start {
                    self.client.respond(&request, Value::Null);
                }
                code
            }
        };
        if !ends {
            self.client.event("exited", json!({ "exitCode": code }));
        }
        self.client.event("terminated", Value::Null);
    }
}
