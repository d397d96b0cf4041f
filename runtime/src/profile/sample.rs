//! Profiles by samples: where programs were found, in terms of their sources.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;
use std::time::Duration;

use dotvm_interp::Offsets;
use dotvm_jit::traps;

use crate::backtrace::Frame;
use crate::error::Result;
use crate::module::Module;
use crate::store::{Store, StoreOpaque};
use crate::vm::sample::{Address, NO_STACK, Sampler};

/// Where programs have spent their time, by samples.
///
/// Machine code is found where it is. The interpreter comes by at its next function entry (which counts for the
/// caller) or jump back (which counts for the head of the loop), so there lines are not exact, and functions without
/// loops count for their callers. Calls of the runtime and of host functions count for who calls.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct SampledProfile {
    /// About how much processor time a sample stands for.
    pub interval: Duration,
    /// Places in functions of the source, each once.
    pub frames: Vec<SampledFrame>,
    /// Frames with their callers, each once, callers first.
    pub stacks: Vec<SampledStack>,
    /// The samples in the order of time; of very many, those with the same stack may be one.
    pub samples: Vec<Sample>,
    /// Time of samples that were not kept, since there were too many different stacks.
    pub lost: Duration,
}

/// A function of the source, and a line of it. Nothing is known of what stands for the outer frames that were left
/// out of a deep stack.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
#[allow(
    clippy::exhaustive_structs,
    reason = "tools make profiles of their own, for tests"
)]
pub struct SampledFrame {
    /// Name of the module, where it has one.
    pub module: Option<String>,
    /// The function's index in the module; `None` where it was inlined everywhere.
    pub func_index: Option<u32>,
    /// The function's name, where there is one. It may be mangled.
    pub function: Option<String>,
    /// File and line, from 1, of the source, where these are known.
    pub line: Option<(String, u32)>,
}

/// A frame and those further out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SampledStack {
    /// Who called it, or has it inlined, by number in [`SampledProfile::stacks`].
    pub caller: Option<u32>,
    /// Its number in [`SampledProfile::frames`].
    pub frame: u32,
}

/// Some samples that were taken one after the other, with the same stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
    /// The stack's number in [`SampledProfile::stacks`].
    pub stack: u32,
    /// How many they are.
    pub count: u32,
    /// Processor time that they stand for.
    pub time: Duration,
    /// Whether they are of native code.
    pub is_native: bool,
}

impl SampledProfile {
    /// Time of all samples.
    pub fn total(&self) -> Duration {
        let times = self.samples.iter().map(|sample| sample.time);
        times.sum::<Duration>() + self.lost
    }

    /// The frames of a stack, innermost first.
    pub fn frames_of(&self, stack: u32) -> impl Iterator<Item = &SampledFrame> {
        let first = self.stacks.get(stack as usize);
        let stacks = std::iter::successors(first, |it| self.stacks.get(it.caller? as usize));
        stacks.filter_map(|it| self.frames.get(it.frame as usize))
    }

    /// What a sampler's addresses mean.
    fn of(store: &StoreOpaque, sampler: &Sampler) -> SampledProfile {
        let mut places = Places {
            store,
            known: HashMap::new(),
            offsets: HashMap::new(),
        };
        let (mut frames, mut stacks) = (Numbers::default(), Numbers::default());
        // The innermost of the source's frames of each, by number.
        let mut made: Vec<Option<u32>> = Vec::with_capacity(sampler.stacks.len());
        for raw in &sampler.stacks {
            let caller = (raw.caller != NO_STACK).then(|| made[raw.caller as usize]);
            let mut innermost = caller.flatten();
            for frame in places.at(raw.at).iter().rev() {
                innermost = Some(stacks.of(SampledStack {
                    caller: innermost,
                    frame: frames.of(frame.clone()),
                }));
            }
            made.push(innermost);
        }
        let mut lost = sampler.lost;
        let mut samples = Vec::with_capacity(sampler.samples.len());
        for raw in &sampler.samples {
            let Some(stack) = made[raw.stack as usize] else {
                lost += raw.time;
                continue;
            };
            let at = sampler.stacks[raw.stack as usize].at;
            samples.push(Sample {
                stack,
                count: raw.count,
                time: raw.time,
                is_native: matches!(at, Address::Native(_)),
            });
        }
        SampledProfile {
            interval: sampler.interval,
            frames: frames.all,
            stacks: stacks.all,
            samples,
            lost,
        }
    }
}

/// Things, each once, by numbers.
struct Numbers<T> {
    all: Vec<T>,
    numbers: HashMap<T, u32>,
}

impl<T> Default for Numbers<T> {
    fn default() -> Numbers<T> {
        Numbers {
            all: Vec::new(),
            numbers: HashMap::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Numbers<T> {
    fn of(&mut self, thing: T) -> u32 {
        if let Some(&number) = self.numbers.get(&thing) {
            return number;
        }
        let number = self.all.len() as u32;
        self.all.push(thing.clone());
        self.numbers.insert(thing, number);
        number
    }
}

/// What is known of addresses.
struct Places<'s> {
    store: &'s StoreOpaque,
    known: HashMap<Address, Vec<SampledFrame>>,
    /// By the module's number in the store, and function.
    offsets: HashMap<(usize, u32), Offsets>,
}

impl Places<'_> {
    /// The frames of the source at an address, innermost first.
    fn at(&mut self, address: Address) -> &[SampledFrame] {
        if !self.known.contains_key(&address) {
            let frames = self.look_up(address);
            self.known.insert(address, frames);
        }
        &self.known[&address]
    }

    fn look_up(&mut self, address: Address) -> Vec<SampledFrame> {
        match address {
            Address::Threaded(ip) => self.threaded(ip, 0),
            Address::Waiting(ip) => self.threaded(ip, 1),
            Address::Native(pc) => self.native(pc),
            Address::LeftOut => vec![SampledFrame::default()],
        }
    }

    /// Of threaded code, `back` words in front of an address.
    fn threaded(&mut self, ip: usize, back: usize) -> Vec<SampledFrame> {
        for (number, module) in self.store.modules.iter().enumerate() {
            if let Some(code) = module.code_at(ip) {
                let func = code.func();
                let word = (ip - code.range().start) / size_of::<u64>() - back;
                let offsets = self.offsets.entry((number, func));
                let offsets = offsets.or_insert_with(|| module.code_offsets(func));
                return symbols(module, func, offsets.of(word));
            }
            if let Some(stub) = module.stub_at(ip) {
                return symbols(module, stub.func(), 0);
            }
        }
        Vec::new()
    }

    fn native(&self, pc: usize) -> Vec<SampledFrame> {
        let Some(code) = traps::find(pc) else {
            return Vec::new();
        };
        let mut modules = self.store.modules.iter();
        let Some(module) = modules.find(|module| module.owns_native(&code)) else {
            return Vec::new();
        };
        let imported = module.env().spaces.imported_funcs;
        let frames = code.frames_at(pc - 1).flat_map(|(func, offset)| {
            let defined = func.unwrap_or_else(|| code.func().unwrap_or_default());
            symbols(module, imported + defined, offset)
        });
        frames.collect()
    }
}

/// The functions of the source at an instruction, innermost first.
fn symbols(module: &Module, func: u32, offset: u32) -> Vec<SampledFrame> {
    let symbols = Frame::at(module.clone(), func, offset).symbols();
    let frames = symbols.into_iter().map(|symbol| SampledFrame {
        module: module.name().map(str::to_owned),
        func_index: symbol.func_index(),
        function: symbol.name().map(str::to_owned),
        line: symbol.location().and_then(|at| {
            let is_known = at.line > 0;
            is_known.then(|| (at.file.clone(), at.line))
        }),
    });
    frames.collect()
}

/// The shortest time between two samples.
const INTERVAL_MIN: Duration = Duration::from_micros(100);

impl<T: 'static> Store<T> {
    /// Has samples taken of where this store's programs are, about one each `interval` of processor time (at least
    /// 100 µs), until [`Store::stop_sampling`]. Samples that were taken before are dropped.
    ///
    /// Programs do the same as without. Where none runs, or one waits for something, nothing is done.
    ///
    /// # Errors
    /// Where the thread that watches the time cannot be started.
    pub fn start_sampling(&mut self, interval: Duration) -> Result<()> {
        let interval = interval.max(INTERVAL_MIN);
        let store = &mut self.inner_mut().opaque;
        store.sampler = Some(Box::new(Mutex::new(Sampler::new(interval))));
        store.vm.watch_thread();
        store.signals().start_sampling(interval)
    }

    /// Ends taking samples; returns what they say, where any were taken.
    pub fn stop_sampling(&mut self) -> Option<SampledProfile> {
        let store = &mut self.inner_mut().opaque;
        let sampler = store.sampler.take()?;
        store.signals().stop_sampling();
        let sampler = sampler
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        Some(SampledProfile::of(store, &sampler))
    }
}
