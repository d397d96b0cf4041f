//! Looking at programs while they run: what they have used so far, and where they spend their time.
//!
//! It goes along with samples ([`Sampler`]): the thread that runs a program sums up, a few times a second, what others
//! then read. A program that nobody looks at does nothing for this.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dotvm_isa::ops::Service;
use dotvm_jit::traps;

use crate::error::Result;
use crate::store::{Store, StoreOpaque, Usage};
use crate::tier::TierReport;
use crate::vm::gc::GcStats;
use crate::vm::heap::HeapStats;
use crate::vm::sample::{Address, Sampler};

/// What a store's programs have used up to some time, while one is running.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Observation {
    /// When that was.
    pub at: Instant,
    /// Fuel used up, where it is counted.
    pub fuel: Option<u64>,
    /// What they have.
    pub usage: Usage,
    /// What they did with `alloc` and `free`.
    pub heap: HeapStats,
    /// What the collector of managed objects did.
    pub gc: GcStats,
    /// What was compiled.
    pub tier: TierReport,
    /// Calls of host functions.
    pub host_calls: u64,
    /// How often each instruction was executed that is a service: those only that were.
    pub services: Vec<(Service, u64)>,
    /// Processor time that the programs have taken since they are watched.
    pub time: Duration,
    /// Functions that have taken some since the observation before this one, most first, [`FUNCS_MAX`] at most.
    pub functions: Vec<WatchedFunction>,
}

/// What a function took, without those that it called.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct WatchedFunction {
    /// Its index in its module.
    pub func_index: u32,
    /// Its name, where it has one. It may be mangled.
    pub name: Option<String>,
    /// Whether that was native code.
    pub is_native: bool,
    /// Its part of the processor time, from 0 to 1.
    pub share: f64,
}

/// The most functions of an observation.
pub const FUNCS_MAX: usize = 10;

/// Reads the observations of a store's programs, from any thread.
#[derive(Clone, Debug)]
pub struct WatchHandle(Arc<Mutex<Option<Observation>>>);

impl WatchHandle {
    /// The latest observation; nothing while there is none yet.
    pub fn latest(&self) -> Option<Observation> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Sums up samples for who watches.
#[derive(Debug)]
pub(crate) struct Observer {
    interval: Duration,
    latest: Arc<Mutex<Option<Observation>>>,
    last: Option<Instant>,
    time: Duration,
    /// Time since the last observation by the innermost frame: the module's number in the store, the function's
    /// index, and whether it is native.
    functions: HashMap<(usize, u32, bool), Duration>,
}

impl Observer {
    /// A sample was taken, whose innermost frame is there; it stands for that time.
    pub(crate) fn sampled(&mut self, store: &StoreOpaque, at: Option<Address>, time: Duration) {
        self.time += time;
        if let Some(function) = at.and_then(|at| function(store, at)) {
            *self.functions.entry(function).or_default() += time;
        }
        let now = Instant::now();
        if self.last.is_some_and(|last| now - last < self.interval) {
            return;
        }
        self.last = Some(now);
        let observation = self.observe(store, now);
        // Who reads it only takes it away.
        if let Ok(mut latest) = self.latest.try_lock() {
            *latest = Some(observation);
        }
    }

    fn observe(&mut self, store: &StoreOpaque, at: Instant) -> Observation {
        let all: Duration = self.functions.values().sum();
        let mut functions: Vec<_> = self.functions.drain().collect();
        functions.sort_by_key(|&(function, time)| (std::cmp::Reverse(time), function));
        functions.truncate(FUNCS_MAX);
        let functions = functions
            .into_iter()
            .map(|((module, func, is_native), time)| WatchedFunction {
                func_index: func,
                name: store.modules[module].func_name(func).map(str::to_owned),
                is_native,
                share: time.as_secs_f64() / all.as_secs_f64().max(f64::MIN_POSITIVE),
            });
        Observation {
            at,
            fuel: store.fuel_consumed().ok(),
            usage: store.usage(),
            heap: store.heap_stats(),
            gc: store.heap.stats(),
            tier: store.engine.tier_report(),
            host_calls: store.host_calls,
            services: store.services.executed().collect(),
            time: self.time,
            functions: functions.collect(),
        }
    }
}

/// The function that an address is in: its module's number in the store, its index, and whether it is native code.
fn function(store: &StoreOpaque, at: Address) -> Option<(usize, u32, bool)> {
    let mut modules = store.modules.iter().enumerate();
    match at {
        Address::Threaded(ip) | Address::Waiting(ip) => modules.find_map(|(number, module)| {
            let code = module.code_at(ip).or_else(|| module.stub_at(ip))?;
            Some((number, code.func(), false))
        }),
        Address::Native(pc) => {
            let code = traps::find(pc)?;
            let (number, module) = modules.find(|(_, module)| module.owns_native(&code))?;
            let (inlined, _) = code.frames_at(pc - 1).next()?;
            let defined = inlined.unwrap_or_else(|| code.func().unwrap_or_default());
            Some((number, module.env().spaces.imported_funcs + defined, true))
        }
        Address::LeftOut => None,
    }
}

/// How often samples are taken for who only watches, in processor time.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(5);

impl<T: 'static> Store<T> {
    /// Has this store's programs looked at while they run, about once each `interval` of time in which they take some:
    /// what they have used, and which functions take the time. Samples are taken for that, those of
    /// [`Store::start_sampling`] where that was called before. It ends with [`Store::stop_sampling`].
    ///
    /// # Errors
    /// Where the thread that watches the time cannot be started.
    pub fn watch(&mut self, interval: Duration) -> Result<WatchHandle> {
        let store = &mut self.inner_mut().opaque;
        let is_sampled = store.sampler.is_some();
        if !is_sampled {
            self.start_sampling(SAMPLE_INTERVAL)?;
        }
        let latest = Arc::default();
        let observer = Observer {
            interval,
            latest: Arc::clone(&latest),
            last: None,
            time: Duration::ZERO,
            functions: HashMap::new(),
        };
        let store = &mut self.inner_mut().opaque;
        if let Some(sampler) = &mut store.sampler {
            let sampler: &mut Sampler = sampler.get_mut().unwrap_or_else(PoisonError::into_inner);
            sampler.is_kept = is_sampled;
            sampler.observer = Some(observer);
        }
        Ok(WatchHandle(latest))
    }
}
