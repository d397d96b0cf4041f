//! What other threads may do to running code: interrupt it, at once or at a deadline.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dotvm_isa::abi::Signals;
use dotvm_jit::stops::Thread;

use crate::error::{Error, Result};

/// How often a counter may count before guest code takes a look at its signals unasked.
const UNASKED: u32 = u32::MAX;

/// How long native code that was not in a place to stop at is left alone before it is asked again, at
/// first; each time twice as long, up to [`PATIENCE_MAX`].
const PATIENCE: Duration = Duration::from_micros(250);

/// See [`PATIENCE`].
const PATIENCE_MAX: Duration = Duration::from_millis(4);

/// The signals of one store.
#[derive(Debug)]
pub(crate) struct StoreSignals {
    /// What handlers look at.
    pub(crate) vm: Signals,
    /// How often a counter may count before guest code takes a look unasked.
    unasked: u32,
    /// Whether an interrupt was asked for and has not happened yet.
    interrupt: AtomicBool,
    /// Whether a debugger is to be asked at the next instruction.
    pause: AtomicBool,
    /// The [thread](Thread::number) that runs code of the store, some of which may be native; 0 where
    /// none does.
    thread: AtomicI32,
    /// Who asks native code to stop, and again until it does.
    watch: Arc<Watch>,
    /// Changes when samples begin to be taken, and when they end.
    sampling: AtomicU32,
    /// Nanoseconds of processor time that the next sample stands for.
    to_sample: AtomicU64,
}

impl StoreSignals {
    /// No signal. `hot_limit` is how often a function or loop runs before the compiler hears of it.
    pub(crate) fn new(hot_limit: Option<u32>, watchdog: &Watchdog) -> StoreSignals {
        let unasked = hot_limit.unwrap_or(UNASKED);
        let vm = Signals {
            hot_limit: AtomicU32::new(unasked),
            break_all: AtomicU32::new(0),
        };
        StoreSignals {
            vm,
            unasked,
            interrupt: AtomicBool::new(false),
            pause: AtomicBool::new(false),
            thread: AtomicI32::new(0),
            watch: Arc::clone(&watchdog.watch),
            sampling: AtomicU32::new(0),
            to_sample: AtomicU64::new(0),
        }
    }

    /// Says that this thread runs code of the store; returns what [`StoreSignals::leave`] is to be
    /// told.
    ///
    /// No barrier keeps this before what guest code reads: whoever pokes a store looks for its thread
    /// twice.
    #[inline]
    pub(crate) fn enter(&self) -> i32 {
        let outer = self.thread.load(Ordering::Relaxed);
        self.thread
            .store(Thread::current().number(), Ordering::Relaxed);
        outer
    }

    /// Says that the code entered last has been left.
    #[inline]
    pub(crate) fn leave(&self, outer: i32) {
        self.thread.store(outer, Ordering::Relaxed);
    }

    /// Makes guest code call its safepoint at the next function entry or back-edge in the interpreter,
    /// or when it comes back to native code from a call of the runtime.
    pub(crate) fn poke(&self) {
        self.vm.hot_limit.store(0, Ordering::SeqCst);
    }

    /// The same for native code that never does either, from another thread.
    fn poke_running(self: &Arc<StoreSignals>) {
        self.poke();
        self.ask();
        self.watch.ask_again(Arc::clone(self));
    }

    /// Whether somebody wants the signals to be looked at.
    pub(crate) fn is_poked(&self) -> bool {
        self.vm.hot_limit.load(Ordering::SeqCst) == 0
    }

    /// Has native code that runs now look at the signals; returns whether a thread runs anything.
    fn ask(&self) -> bool {
        let thread = Thread::from_number(self.thread.load(Ordering::SeqCst));
        thread.inspect(|thread| thread.ask()).is_some()
    }

    /// Undoes [`StoreSignals::poke`]. Signals must be looked at after that: whoever raises one
    /// does so before poking, so none is lost.
    pub(crate) fn unpoke(&self) {
        self.vm.hot_limit.store(self.unasked, Ordering::SeqCst);
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

impl StoreSignals {
    /// Has a debugger see every instruction, or only those with breakpoints.
    pub(crate) fn break_all(&self, on: bool) {
        self.vm.break_all.store(u32::from(on), Ordering::SeqCst);
        if self.pause.load(Ordering::SeqCst) {
            // Whoever asked for that did so meanwhile.
            self.vm.break_all.store(1, Ordering::SeqCst);
        }
    }

    /// Takes back a wish for a pause; returns whether there was one.
    pub(crate) fn take_pause(&self) -> bool {
        self.pause.swap(false, Ordering::SeqCst)
    }
}

impl StoreSignals {
    /// Has samples taken, about one each `interval` of processor time.
    ///
    /// # Errors
    /// Where the thread that watches the time cannot be started.
    pub(crate) fn start_sampling(self: &Arc<StoreSignals>, interval: Duration) -> Result<()> {
        let number = self.sampling.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
        self.to_sample.store(0, Ordering::SeqCst);
        // So that the first call makes its thread ready for them.
        self.poke();
        let sampling = Sampling {
            signals: Arc::clone(self),
            number,
            interval,
            last: None,
        };
        let added = self
            .watch
            .add(Instant::now() + interval, Due::Sample(sampling));
        added.map(drop).map_err(no_thread)
    }

    /// Ends that.
    pub(crate) fn stop_sampling(&self) {
        self.sampling.fetch_add(1, Ordering::SeqCst);
    }

    /// The time that a sample taken now stands for; zero where there is to be none.
    pub(crate) fn take_time_to_sample(&self) -> Duration {
        Duration::from_nanos(self.to_sample.swap(0, Ordering::Relaxed))
    }
}

/// The clock of a store's samples.
#[derive(Debug)]
struct Sampling {
    signals: Arc<StoreSignals>,
    /// [`StoreSignals::sampling`] while it runs.
    number: u32,
    interval: Duration,
    /// The thread that was last seen to run code, and its time then.
    last: Option<(Thread, Duration)>,
}

impl Sampling {
    /// Asks for a sample where a thread runs code and has used time since the last look. Returns whether it is to
    /// be called again.
    fn tick(&mut self) -> bool {
        let signals = &self.signals;
        if signals.sampling.load(Ordering::SeqCst) != self.number {
            return false;
        }
        let running = Thread::from_number(signals.thread.load(Ordering::SeqCst));
        let Some(thread) = running.or(self.last.map(|(thread, _)| thread)) else {
            return true;
        };
        let now = thread.cpu_time().map(|time| (thread, time));
        let last = std::mem::replace(&mut self.last, now);
        if let (Some(_), Some((known, before)), Some((_, now))) = (running, last, now)
            && known == thread
        {
            let used = now.saturating_sub(before).as_nanos() as u64;
            let waiting = signals.to_sample.fetch_add(used, Ordering::SeqCst) + used;
            // A thread that waits for something is left alone.
            if u128::from(waiting) >= self.interval.as_nanos() / 4 {
                signals.poke();
                thread.ask();
            }
        }
        true
    }
}

/// Pauses a store's program from any thread, for its [debugger](crate::debug::Debugger).
#[derive(Clone, Debug)]
pub struct PauseHandle(pub(crate) Arc<StoreSignals>);

impl PauseHandle {
    /// Has the program stop at its next instruction. Where none is running, the next call does so. A store
    /// without a debugger does not notice.
    pub fn pause(&self) {
        self.0.pause.store(true, Ordering::SeqCst);
        self.0.vm.break_all.store(1, Ordering::SeqCst);
    }
}

/// Stops a store's running program from any thread.
#[derive(Clone, Debug)]
pub struct InterruptHandle(pub(crate) Arc<StoreSignals>);

impl InterruptHandle {
    /// Makes the program trap with [`TrapCode::Interrupted`](crate::TrapCode::Interrupted): in the
    /// interpreter at the next function entry or jump back, in native code where it is. Where none is
    /// running, the next call does so, unless
    /// [`Store::clear_interrupt`](crate::Store::clear_interrupt) comes before it.
    ///
    /// A host function that blocks is not woken up.
    pub fn interrupt(&self) {
        self.0.interrupt.store(true, Ordering::SeqCst);
        self.0.poke_running();
    }
}

/// Pokes stores when their deadlines come, and asks native code until it stops. Its thread starts with
/// the first deadline or interrupt and ends with the engine.
#[derive(Debug, Default)]
pub(crate) struct Watchdog {
    watch: Arc<Watch>,
}

#[derive(Debug, Default)]
struct Watch {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// By time, and by a number that makes keys unique.
    due: BTreeMap<(Instant, u64), Due>,
    next_number: u64,
    running: bool,
    stop: bool,
}

/// What is to be done at some time.
#[derive(Debug)]
enum Due {
    /// A deadline is there.
    Deadline(Arc<StoreSignals>),
    /// To ask again, and when that did not help, after that time once more.
    Again(Arc<StoreSignals>, Duration),
    /// A sample is to be taken.
    Sample(Sampling),
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
        let added = self.watch.add(deadline, Due::Deadline(signals));
        added.map_err(no_thread)
    }

    /// Forgets a deadline.
    pub(crate) fn remove(&self, Ticket(deadline, number): Ticket) {
        lock(&self.watch.state).due.remove(&(deadline, number));
    }
}

fn no_thread(error: io::Error) -> Error {
    Error::Limit(format!(
        "no thread to watch deadlines can be started: {error}"
    ))
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        lock(&self.watch.state).stop = true;
        self.watch.changed.notify_one();
    }
}

impl Watch {
    /// Asks the native code of a store again in a moment.
    fn ask_again(self: &Arc<Watch>, signals: Arc<StoreSignals>) {
        // Where no thread is to be had, once must do; the interpreter sees the signal anyway.
        let _ = self.add(Instant::now() + PATIENCE, Due::Again(signals, PATIENCE));
    }

    /// Has something done at a time, on a thread that is started now where there is none.
    fn add(self: &Arc<Watch>, time: Instant, due: Due) -> io::Result<Ticket> {
        let mut state = lock(&self.state);
        if state.stop {
            // The engine is gone, and with it everything that could run.
            return Ok(Ticket(time, u64::MAX));
        }
        if !state.running {
            let watch = Arc::clone(self);
            let thread = std::thread::Builder::new().name("dotvm-watchdog".into());
            thread.spawn(move || watch.run())?;
            state.running = true;
        }
        let ticket = state.add(time, due);
        let first = state.due.first_key_value();
        if first.is_some_and(|(key, _)| *key == (ticket.0, ticket.1)) {
            self.changed.notify_one();
        }
        Ok(ticket)
    }

    fn run(&self) {
        let mut state = lock(&self.state);
        while !state.stop {
            let Some((&key, _)) = state.due.first_key_value() else {
                let waited = self.changed.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = key.0.saturating_duration_since(Instant::now());
            if left.is_zero() {
                if let Some(due) = state.due.remove(&key) {
                    state.handle(due);
                }
            } else {
                let waited = self.changed.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        state.due.clear();
    }
}

impl State {
    fn add(&mut self, time: Instant, due: Due) -> Ticket {
        let number = self.next_number;
        self.next_number += 1;
        self.due.insert((time, number), due);
        Ticket(time, number)
    }

    /// Does what is due.
    fn handle(&mut self, due: Due) {
        let (signals, patience) = match due {
            Due::Deadline(signals) => {
                signals.poke();
                signals.ask();
                (signals, PATIENCE)
            }
            Due::Again(signals, patience) => {
                if !signals.is_poked() || !signals.ask() {
                    return;
                }
                (signals, (patience * 2).min(PATIENCE_MAX))
            }
            Due::Sample(mut sampling) => {
                if sampling.tick() {
                    self.add(Instant::now() + sampling.interval, Due::Sample(sampling));
                }
                return;
            }
        };
        self.add(Instant::now() + patience, Due::Again(signals, patience));
    }
}

/// Locks; nothing that holds this lock panics.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_kept_for_an_engine_that_is_gone() {
        let watchdog = Watchdog::default();
        let signals = Arc::new(StoreSignals::new(None, &watchdog));
        let handle = InterruptHandle(Arc::clone(&signals));
        drop(watchdog);
        handle.interrupt();
        assert!(signals.has_interrupt());
        drop(handle);
        assert_eq!(Arc::strong_count(&signals), 1);
    }
}
