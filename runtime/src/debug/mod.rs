//! Debugging: stopping a program where somebody wants to look, and looking.
//!
//! An engine with [`Config::debug`](crate::Config::debug) lowers functions so that all values are in their
//! slots in front of each instruction, and that a [`Debugger`] can be asked there. Native code of such an engine is
//! left for that where somebody wants to look. A store gets one by
//! [`Store::attach`]. It is called on the thread that runs the program, while that waits; through the
//! [`Stopped`] that it is given it sees frames, variables and memory, changes them, and sets breakpoints.
//! What it returns says how the program goes on.
//!
//! ```
//! use dotvm::debug::{Reason, Resume, Stopped};
//! use dotvm::{Config, Engine, Instance, Module, Store};
//!
//! fn main() -> dotvm::Result<()> {
//!     let mut config = Config::new();
//!     config.debug(true);
//!     let engine = Engine::new(&config);
//!     let module = Module::from_text(&engine, r#"
//!         .export "square" func $square
//!         .func $square (i32 $n) -> i32
//!             local.get $n
//!             local.get $n
//!             i32.mul
//!             ret
//!         .end"#)?;
//!     let mut store = Store::new(&engine, ());
//!     store.attach(|stopped: &mut Stopped<'_>| {
//!         if matches!(stopped.reason(), Reason::Entry) {
//!             let n = stopped.evaluate(0, "n").unwrap();
//!             assert_eq!(stopped.show(&n), "5");
//!             stopped.assign(0, "n", "n + 1").unwrap();
//!         }
//!         Resume::Continue
//!     });
//!     let instance = Instance::new(&mut store, &module, &[])?;
//!     let square = instance.get_typed_func::<i32, i32>(&mut store, "square")?;
//!     assert_eq!(square.call(&mut store, 5)?, 36);
//!     Ok(())
//! }
//! ```

#![forbid(unsafe_code)]

mod breakpoint;
pub mod core;
mod expression;
mod number;
mod show;
mod source;
mod step;
mod stopped;
mod trace;
mod value;

use std::sync::Arc;

use dotvm_isa::TrapCode;

pub(crate) use breakpoint::demangled;
pub use breakpoint::{Breakpoint, Watch};
pub use expression::check_expression;
pub use step::{Step, StepUnit};
pub(crate) use stopped::{FrameValues, instruction};
pub use stopped::{StackFrame, Stopped, Variable};
pub use trace::{Traced, Tracer};
pub use value::Value;

use crate::error::Error;
use crate::signals::PauseHandle;
use crate::store::{Store, StoreOpaque};
use crate::vm::debug::{self as frames, RawFrame};
use crate::vm::entry::Stop;
use source::Sources;
use step::Stepping;
use trace::Trace;

/// Who is asked where a program stops.
pub trait Debugger: Send + 'static {
    /// The program has stopped; it goes on as the result says.
    fn stopped(&mut self, stopped: &mut Stopped<'_>) -> Resume;
}

impl<F: FnMut(&mut Stopped<'_>) -> Resume + Send + 'static> Debugger for F {
    fn stopped(&mut self, stopped: &mut Stopped<'_>) -> Resume {
        self(stopped)
    }
}

/// How a program goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resume {
    /// Until something stops it.
    Continue,
    /// A step.
    Step(Step),
    /// As if nobody had been asked: a step that is not done goes on, and what else there is to stop for is asked
    /// about.
    Unchanged,
    /// Not at all: the call ends with [`Error::Exit`] and that code.
    Quit(i32),
}

/// Why a program has stopped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// It is about to execute its first instruction since the debugger was attached.
    Entry,
    /// Somebody asked for it: see [`Store::pause_handle`].
    Pause,
    /// A step is done.
    Step,
    /// A breakpoint, by its number; and what is wrong with its condition, where that cannot be evaluated.
    Breakpoint(u32, Option<String>),
    /// What a watchpoint looks at has changed.
    Watch {
        /// Its number.
        id: u32,
        /// What was there.
        old: String,
        /// What is there now.
        new: String,
        /// The instruction that changed it: its function and the offset.
        writer: Option<(u32, u32)>,
        /// Where that is in the source.
        line: Option<crate::SourceLocation>,
    },
    /// The program traps, which nothing can stop any more.
    Trap(TrapCode),
    /// It has ended, for the reason that is said: this is a [core dump](self::core), in which nothing goes on or
    /// changes.
    Core(String),
}

/// What a store keeps of its debugger.
pub(crate) struct Session {
    /// Not there while it is being asked.
    debugger: Option<Box<dyn Debugger>>,
    breakpoints: Vec<Breakpoint>,
    watches: Vec<Watch>,
    last_id: u32,
    stepping: Option<Stepping>,
    is_fresh: bool,
    /// The instruction before, while something is watched: the instance, function and offset.
    last: Option<(u32, u32, u32)>,
    sources: Sources,
    trace: Option<Trace>,
}

impl<T: 'static> Store<T> {
    /// Has a debugger see this store's programs, from the next instruction on, in place of the one before.
    ///
    /// # Panics
    /// Where the engine was made without [`Config::debug`](crate::Config::debug).
    pub fn attach(&mut self, debugger: impl Debugger) {
        assert!(
            self.engine().config().debug,
            "debuggers need an engine with Config::debug"
        );
        let store = &mut self.inner_mut().opaque;
        let mut session = Session::new(Some(Box::new(debugger)));
        session.trace = session_slot(store).take().and_then(|before| before.trace);
        *session_slot(store) = Some(Box::new(session));
        store.signals().break_all(true);
    }

    /// What other threads can pause this store's programs with.
    pub fn pause_handle(&self) -> PauseHandle {
        PauseHandle(Arc::clone(self.inner().opaque.signals()))
    }
}

fn session_slot(store: &mut StoreOpaque) -> &mut Option<Box<Session>> {
    // A panic of a debugger's leaves nothing half done that is looked at again.
    let slot = store.debug.get_mut();
    slot.unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Whether somebody is asked where a store's programs stop.
pub(crate) fn has_debugger(store: &mut StoreOpaque) -> bool {
    session_slot(store).is_some()
}

/// The program is in front of the instruction at that offset of a function of the instance.
pub(crate) fn at_instruction(
    store: &mut StoreOpaque,
    instance: u32,
    offset: u32,
    has_breakpoint: bool,
) -> Result<(), Stop> {
    let Some(mut session) = session_slot(store).take() else {
        store.signals().take_pause();
        store.signals().break_all(false);
        return Ok(());
    };
    let result = session.look(store, instance, offset, has_breakpoint);
    store.signals().break_all(session.wants_all());
    *session_slot(store) = Some(session);
    result
}

/// The run that is ending has trapped.
pub(crate) fn at_trap(store: &mut StoreOpaque, code: TrapCode) {
    if let Some(mut session) = session_slot(store).take() {
        let frames = frames::trapped_frames(store);
        // It ends, whatever the debugger says.
        let _ = session.ask(store, Reason::Trap(code), frames);
        session.stepping = None;
        store.signals().break_all(session.wants_all());
        *session_slot(store) = Some(session);
    }
}

impl Session {
    /// At the start.
    fn new(debugger: Option<Box<dyn Debugger>>) -> Session {
        Session {
            is_fresh: debugger.is_some(),
            debugger,
            breakpoints: Vec::new(),
            watches: Vec::new(),
            last_id: 0,
            stepping: None,
            last: None,
            sources: Sources::default(),
            trace: None,
        }
    }

    /// Whether it has to look at every instruction.
    fn wants_all(&self) -> bool {
        self.is_fresh
            || self.trace.is_some()
            || self.stepping.is_some()
            || self.watches.iter().any(|watch| watch.enabled)
    }

    /// Looks whether the program is to stop here, and asks the debugger if so.
    fn look(
        &mut self,
        store: &mut StoreOpaque,
        instance: u32,
        offset: u32,
        has_breakpoint: bool,
    ) -> Result<(), Stop> {
        if let Some(trace) = &mut self.trace {
            trace.look(store, instance, offset)?;
        }
        let base = frames::asking_base(store);
        let is_paused = store.signals().take_pause();
        let is_watching = self.watches.iter().any(|watch| watch.enabled);
        let is_far = match &self.stepping {
            Some(stepping) => stepping.ignores(base),
            None => true,
        };
        if is_far && !has_breakpoint && !is_paused && !is_watching && !self.is_fresh {
            return Ok(());
        }
        let Some(func) = frames::asking_func(store, instance) else {
            return Ok(());
        };
        let last = self.last.replace((instance, func, offset));
        let module = store.instances[instance as usize].module.clone();
        let here = (base, func, offset);
        let is_done = match &mut self.stepping {
            Some(stepping) => stepping.is_done(&mut self.sources, &module, here),
            None => false,
        };
        if is_done {
            self.stepping = None;
        }
        let is_fresh = std::mem::take(&mut self.is_fresh);
        // A debugger that has nothing to say to one of these hears of the next one.
        for question in 0..5 {
            let reasons = match question {
                0 => Vec::from_iter(is_fresh.then_some(Reason::Entry)),
                1 => self.changed_watches(store, last),
                2 if has_breakpoint => {
                    Vec::from_iter(self.hit_breakpoint(store, instance, func, offset))
                }
                3 => Vec::from_iter(is_done.then_some(Reason::Step)),
                4 => Vec::from_iter(is_paused.then_some(Reason::Pause)),
                _ => Vec::new(),
            };
            let mut is_answered = false;
            for reason in reasons {
                let all = frames::asking_frames(store, instance, usize::MAX);
                let resume = self.ask(store, reason, all);
                // What the debugger has changed is no news.
                self.refresh_watches(store);
                is_answered |= resume != Resume::Unchanged;
                match resume {
                    Resume::Unchanged => {}
                    Resume::Continue => self.stepping = None,
                    Resume::Step(step) => {
                        self.stepping = Some(Stepping::new(step, &mut self.sources, &module, here));
                    }
                    Resume::Quit(code) => return Err(Stop::Error(Error::Exit(code))),
                }
            }
            if is_answered {
                break;
            }
        }
        Ok(())
    }

    /// Asks the debugger how to go on.
    fn ask(&mut self, store: &mut StoreOpaque, reason: Reason, frames: Vec<RawFrame>) -> Resume {
        let Some(mut debugger) = self.debugger.take() else {
            return Resume::Continue;
        };
        if !matches!(reason, Reason::Trap(_) | Reason::Core(_)) {
            frames::leave_native(store, &frames);
        }
        let resume = debugger.stopped(&mut Stopped::new(store, self, reason, frames));
        self.debugger = Some(debugger);
        resume
    }

    fn next_id(&mut self) -> u32 {
        self.last_id += 1;
        self.last_id
    }
}
