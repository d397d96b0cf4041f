//! What other threads may do to running code: interrupt it, at once or at a deadline.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use dotvm_isa::abi::Signals;

use crate::error::{Error, Result};
use crate::vm::mapping::SafepointPage;

/// How often a counter may count before guest code takes a look at its signals unasked.
const UNASKED: u32 = u32::MAX;

/// The signals of one store.
#[derive(Debug)]
pub(crate) struct StoreSignals {
    /// What handlers look at.
    pub(crate) vm: Signals,
    /// How often a counter may count before guest code takes a look unasked.
    unasked: u32,
    poked: Mutex<Poked>,
    /// Whether an interrupt was asked for and has not happened yet.
    interrupt: AtomicBool,
}

/// Whether guest code is being asked to take a look, and the pages that tell native code so.
#[derive(Debug, Default)]
struct Poked {
    on: bool,
    pages: Vec<SafepointPage>,
}

impl StoreSignals {
    /// No signal. `hot_limit` is how often a function or loop runs before the compiler hears of it.
    pub(crate) fn new(hot_limit: Option<u32>) -> StoreSignals {
        let unasked = hot_limit.unwrap_or(UNASKED);
        let vm = Signals {
            hot_limit: AtomicU32::new(unasked),
        };
        StoreSignals {
            vm,
            unasked,
            poked: Mutex::default(),
            interrupt: AtomicBool::new(false),
        }
    }

    /// Takes a page into account that native code reads. It must exist until
    /// [`StoreSignals::forget_pages`].
    pub(crate) fn watch(&self, page: SafepointPage) {
        let mut poked = lock(&self.poked);
        if poked.on {
            page.close();
        }
        poked.pages.push(page);
    }

    /// Forgets all pages, before they go.
    pub(crate) fn forget_pages(&self) {
        lock(&self.poked).pages.clear();
    }

    /// Makes guest code call its safepoint at the next function entry or back-edge.
    pub(crate) fn poke(&self) {
        let mut poked = lock(&self.poked);
        poked.on = true;
        self.vm.hot_limit.store(0, Ordering::SeqCst);
        poked.pages.iter().for_each(SafepointPage::close);
    }

    /// Undoes [`StoreSignals::poke`]. Signals must be looked at after that: whoever raises one
    /// does so before poking, so none is lost.
    pub(crate) fn unpoke(&self) {
        let mut poked = lock(&self.poked);
        if std::mem::take(&mut poked.on) {
            self.vm.hot_limit.store(self.unasked, Ordering::SeqCst);
            poked.pages.iter().for_each(SafepointPage::open);
        }
    }

    /// Asks for an interrupt.
    fn interrupt(&self) {
        self.interrupt.store(true, Ordering::SeqCst);
        self.poke();
    }

    /// Takes back a wish for an interrupt; returns whether there was one.
    pub(crate) fn take_interrupt(&self) -> bool {
        self.interrupt.swap(false, Ordering::SeqCst)
    }

    /// Whether an interrupt was asked for.
    pub(crate) fn has_interrupt(&self) -> bool {
        self.interrupt.load(Ordering::SeqCst)
    }
}

/// Stops a store's running program from any thread.
#[derive(Clone, Debug)]
pub struct InterruptHandle(pub(crate) Arc<StoreSignals>);

impl InterruptHandle {
    /// Makes the program trap with [`TrapCode::Interrupted`](crate::TrapCode::Interrupted) at the
    /// next function entry or jump back. Where none is running, the next call does so, unless
    /// [`Store::clear_interrupt`](crate::Store::clear_interrupt) comes before it.
    ///
    /// A host function that blocks is not woken up.
    pub fn interrupt(&self) {
        self.0.interrupt();
    }
}

/// Pokes stores when their deadlines come. Its thread starts with the first deadline and ends with
/// the engine.
#[derive(Debug, Default)]
pub(crate) struct Watchdog {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// By time, and by a number that makes keys unique.
    deadlines: BTreeMap<(Instant, u64), Arc<StoreSignals>>,
    next_number: u64,
    running: bool,
    stop: bool,
}

/// A deadline the watchdog waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket(Instant, u64);

impl Watchdog {
    /// Pokes that store at `deadline`, unless the ticket is given back before.
    ///
    /// # Errors
    /// Where the thread cannot be started.
    pub(crate) fn add(&self, deadline: Instant, signals: Arc<StoreSignals>) -> Result<Ticket> {
        let mut state = lock(&self.shared.state);
        if !state.running {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name("dotvm-watchdog".into());
            thread.spawn(move || watch(&shared)).map_err(|error| {
                Error::Limit(format!(
                    "no thread to watch deadlines can be started: {error}"
                ))
            })?;
            state.running = true;
        }
        let number = state.next_number;
        state.next_number += 1;
        let key = (deadline, number);
        state.deadlines.insert(key, signals);
        if state
            .deadlines
            .first_key_value()
            .is_some_and(|(first, _)| *first == key)
        {
            self.shared.changed.notify_one();
        }
        Ok(Ticket(deadline, number))
    }

    /// Forgets a deadline.
    pub(crate) fn remove(&self, Ticket(deadline, number): Ticket) {
        lock(&self.shared.state)
            .deadlines
            .remove(&(deadline, number));
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        lock(&self.shared.state).stop = true;
        self.shared.changed.notify_one();
    }
}

fn watch(shared: &Shared) {
    let mut state = lock(&shared.state);
    while !state.stop {
        let Some((&key, _)) = state.deadlines.first_key_value() else {
            state = shared
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let left = key.0.saturating_duration_since(Instant::now());
        if left.is_zero() {
            if let Some(signals) = state.deadlines.remove(&key) {
                signals.poke();
            }
        } else {
            let waited = shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Locks; nothing that holds this lock panics.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
