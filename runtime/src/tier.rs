//! Tiers: which code is compiled to native code, when, and by whom.
//!
//! Counters in threaded code tell [`Tier`] of functions and loops that are hot. Threads of the engine
//! compile them, the hottest first, and publish the result: a function by its cell, so that the next
//! call runs it, a loop by a stub that the interpreter resumes at when the loop's counter is due
//! again (on-stack replacement).

mod files;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use dotvm_jit::{Bailout, Code, CodeMemory, Compiled, Compiler, Image, Request, Scratch, Unit};

use crate::code_cache::CodeCache;
use crate::config::{Config, Jit};
use crate::module::Module;
use crate::perf::Perf;
use crate::precompiled::Settings;
use crate::vm::native::{self, Stub};

/// What an engine compiled to native code, and why the rest was not.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TierReport {
    /// Functions that were compiled.
    pub compiled_funcs: u64,
    /// Loops that were compiled to be entered from the interpreter.
    pub compiled_loops: u64,
    /// How often the interpreter went on in native code in the middle of a loop.
    pub loop_entries: u64,
    /// Time that threads spent compiling.
    pub compile_time: Duration,
    /// Bytes of native code that was compiled.
    pub code_bytes: u64,
    /// Functions whose native code came from files.
    pub loaded_funcs: u64,
    /// Bytes of native code that came from files.
    pub loaded_bytes: u64,
    /// How many functions or loops were not compiled, by the reason.
    pub bailouts: BTreeMap<Bailout, u64>,
}

/// The compiler of an engine, its threads, and what waits for them.
#[derive(Debug)]
pub(crate) struct Tier {
    jit: Jit,
    threshold: u32,
    threads: usize,
    settings: Settings,
    code_limit: usize,
    cache: Option<CodeCache>,
    perf: Option<Perf>,
    /// Made when it is first needed.
    compiler: OnceLock<Result<Compiler, Bailout>>,
    queue: Arc<Queue>,
    report: Mutex<TierReport>,
    /// How often something was published.
    published: AtomicU32,
}

/// What waits to be compiled.
#[derive(Debug, Default)]
struct Queue {
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct QueueState {
    jobs: Vec<Job>,
    /// Modules of which functions were called that nobody has compiled, where code is kept.
    called: Vec<Module>,
    /// Threads that were started.
    threads: usize,
    stop: bool,
}

#[derive(Debug)]
struct Job {
    module: Module,
    unit: Unit,
    /// How often it was asked for.
    heat: u32,
    /// About how much work it is.
    work: u32,
}

impl Job {
    /// What compiling it is worth, by the time it takes.
    fn worth(&self) -> u64 {
        (u64::from(self.heat) << 32) / u64::from(self.work)
    }
}

/// What compiling the smallest function costs, in bytes of bytecode that cost as much.
const WORK_MIN_BYTES: u32 = 200;

/// The native code of a module.
#[derive(Debug)]
pub(crate) struct NativeModule {
    state: Mutex<NativeState>,
    /// Whether all of it was compiled at once.
    complete: Mutex<bool>,
    /// What comes from a file.
    image: Option<Image>,
}

/// What is compiled and not published yet, with its numbers in code memory.
#[derive(Debug, Default)]
struct Batch {
    units: Vec<(Unit, u32, Compiled)>,
    /// Functions that were to be compiled with them, and why they are not.
    bailouts: Vec<(u32, Bailout)>,
}

impl Batch {
    /// How many functions there are.
    fn funcs(&self) -> usize {
        let is_func = |(unit, ..): &&(Unit, u32, Compiled)| matches!(unit, Unit::Func { .. });
        self.units.iter().filter(is_func).count()
    }
}

/// Compiling goes on for so long before what is there is published, as long as something waits.
const BATCH_TIME: Duration = Duration::from_millis(2);

/// How far compiling a function looks for callees to compile before.
const MAX_CALLEE_DEPTH: u32 = 6;

/// A loop that went back so often comes around again soon, compared with how long the function runs:
/// where one inside of it is hot, it is the one to be compiled.
const LOOP_AROUND_OFTEN: u32 = 4;

/// How long native code of a loop waits to be entered until one inside of it is compiled instead.
const LOOP_PATIENCE: Duration = Duration::from_millis(10);

/// A callee is compiled together with its caller when it was called this part of the threshold.
const WARM_PART: u32 = 8;

#[derive(Debug, Default)]
struct NativeState {
    memory: Option<CodeMemory>,
    units: HashMap<Unit, UnitState>,
    /// How many units of `memory` are in the code cache already.
    saved: usize,
}

#[derive(Debug)]
enum UnitState {
    /// Somebody is at it.
    Requested,
    /// It is published: its number in code memory, if it is there and not from a file, and, for a loop,
    /// where to resume.
    Ready {
        id: Option<u32>,
        code: Arc<Code>,
        stub: Option<Stub>,
        /// When it was published.
        since: Instant,
    },
    /// It stays in the interpreter.
    Failed,
}

impl Tier {
    pub(crate) fn new(config: &Config) -> Tier {
        let threshold = config.jit_threshold;
        Tier {
            jit: config.effective_jit(),
            threshold,
            threads: if threshold == 1 {
                0
            } else {
                config.jit_threads
            },
            settings: config.native_settings(),
            code_limit: config.max_native_code_bytes,
            cache: config
                .code_cache
                .clone()
                .map(|folder| CodeCache::new(folder, config.max_code_cache_bytes)),
            perf: Perf::new(config),
            compiler: OnceLock::new(),
            queue: Arc::default(),
            report: Mutex::default(),
            published: AtomicU32::new(0),
        }
    }

    /// Whether there may be native code.
    pub(crate) fn is_on(&self) -> bool {
        self.jit != Jit::Off
    }

    /// How often new native code was made what runs.
    pub(crate) fn published(&self) -> u32 {
        self.published.load(Ordering::Relaxed)
    }

    /// How often a function or loop runs in the interpreter before [`Tier::hot_func`] or
    /// [`Tier::hot_loop`] is to be called; `None` where nothing is compiled.
    pub(crate) fn hot_limit(&self) -> Option<u32> {
        match self.jit {
            Jit::Off => None,
            // What could not be compiled need not be asked for again.
            _ => Some(if self.is_by_heat() {
                self.threshold
            } else {
                u32::MAX
            }),
        }
    }

    /// Whether what is hot is compiled. Under a debugger also where everything has been compiled: frames that were
    /// left come back to native code through their loops.
    fn is_by_heat(&self) -> bool {
        self.jit == Jit::Tiered || self.is_on() && self.settings.debugging
    }

    pub(crate) fn report(&self) -> TierReport {
        lock(&self.report).clone()
    }

    /// Before a module is instantiated.
    pub(crate) fn prepare(&self, module: &Module) {
        if self.jit == Jit::Eager {
            self.compile_all(module);
        }
    }

    /// A function was called often.
    pub(crate) fn hot_func(&self, module: &Module, func: u32) {
        self.request(module, Unit::Func { func });
    }

    /// A loop went back often: the stub to resume at, where it is compiled.
    ///
    /// Where the function is called again and again, compiling it as a whole is what helps, and comes
    /// first; its loop is only compiled when some call still goes round in the interpreter after that.
    pub(crate) fn hot_loop(&self, module: &Module, func: u32, header: u32) -> Option<Stub> {
        let (unit, whole) = (Unit::Loop { func, header }, Unit::Func { func });
        let calls = module.entry_count(func);
        if let Some(stub) = module.native().load_loop(module, unit) {
            lock(&self.report).loop_entries += 1;
            return Some(stub);
        }
        let native = module.native().lock();
        if let Some(UnitState::Ready { stub, .. }) = native.units.get(&unit) {
            lock(&self.report).loop_entries += 1;
            return *stub;
        }
        let unit = match native.units.get(&whole) {
            None if calls > 1 => whole,
            Some(UnitState::Requested) => whole,
            // One loop at a time: the way out of it leads to native code of those around it.
            _ if native.is_compiling_loop(func) => return None,
            _ => match self.loop_around(module, func, header) {
                Some(around) => match native.units.get(&around) {
                    Some(UnitState::Ready { since, .. }) if since.elapsed() < LOOP_PATIENCE => {
                        return None;
                    }
                    None => around,
                    _ => unit,
                },
                None => unit,
            },
        };
        drop(native);
        self.request(module, unit);
        if self.threads > 0 || unit == whole {
            return None;
        }
        match module.native().lock().units.get(&unit) {
            Some(UnitState::Ready { stub, .. }) => *stub,
            _ => None,
        }
    }

    /// The outermost loop around a hot one that is soon to come around: native code that is entered
    /// there has one copy of everything, where code for the inner loop needs a second one for the way
    /// out of it.
    fn loop_around(&self, module: &Module, func: u32, header: u32) -> Option<Unit> {
        if self.threads == 0 {
            return None;
        }
        let header = module.loop_around(func, header, LOOP_AROUND_OFTEN)?;
        Some(Unit::Loop { func, header })
    }

    /// Has a unit compiled, unless that was done or is being done.
    fn request(&self, module: &Module, unit: Unit) {
        if !self.is_by_heat() || module.native().is_loaded(unit) {
            return;
        }
        {
            let mut native = module.native().lock();
            match native.units.get(&unit) {
                Some(UnitState::Requested) => {
                    drop(native);
                    return self.warm(module, unit);
                }
                Some(_) => return,
                None => drop(native.units.insert(unit, UnitState::Requested)),
            }
        }
        if self.threads == 0 {
            let mut units = Some(unit);
            return self.compile(module, || units.take(), &mut Scratch::default());
        }
        let mut queue = lock(&self.queue.state);
        queue.jobs.push(Job {
            module: module.clone(),
            unit,
            heat: 1,
            work: WORK_MIN_BYTES + module.body_bytes(unit),
        });
        if !self.ensure_thread(&mut queue) {
            // Nobody is there to do it: it stays in the interpreter.
            queue.jobs.clear();
        }
        drop(queue);
        self.queue.changed.notify_one();
    }

    /// Starts another thread, where there may be one; returns whether there is any.
    fn ensure_thread(&self, queue: &mut QueueState) -> bool {
        if queue.threads < self.threads {
            let shared = Arc::clone(&self.queue);
            let thread = std::thread::Builder::new().name("dotvm-compiler".into());
            if thread.spawn(move || work(&shared)).is_ok() {
                queue.threads += 1;
            }
        }
        queue.threads > 0
    }

    /// What waits was asked for again.
    fn warm(&self, module: &Module, unit: Unit) {
        let mut queue = lock(&self.queue.state);
        let mut jobs = queue.jobs.iter_mut();
        if let Some(job) = jobs.find(|job| job.unit == unit && Module::same(&job.module, module)) {
            job.heat = job.heat.saturating_add(1);
        }
    }

    /// Compiles and publishes units of a module, the first of `units` and as many of those that follow as
    /// take little time.
    fn compile(
        &self,
        module: &Module,
        mut units: impl FnMut() -> Option<Unit>,
        scratch: &mut Scratch,
    ) {
        let start = Instant::now();
        let mut batch = Batch::default();
        let mut result = Ok(());
        while let Some(unit) = units() {
            result = self.compile_unit(module, unit, &mut batch, 0, scratch);
            if result.is_err() || start.elapsed() >= BATCH_TIME {
                break;
            }
        }
        let requested: Vec<Unit> = batch.units.iter().map(|(unit, ..)| *unit).collect();
        let result = result.and_then(|()| self.publish(module, batch));
        let mut report = lock(&self.report);
        report.compile_time += start.elapsed();
        match result {
            Ok(bytes) => {
                for unit in requested {
                    match unit {
                        Unit::Loop { .. } => report.compiled_loops += 1,
                        Unit::Func { .. } => report.compiled_funcs += 1,
                        Unit::Adapter { .. } => {}
                    }
                }
                report.code_bytes += bytes as u64;
            }
            Err(bailout) => {
                *report.bailouts.entry(bailout).or_default() += 1;
                let mut native = module.native().lock();
                for unit in requested {
                    native.units.insert(unit, UnitState::Failed);
                }
            }
        }
    }

    /// Compiles a unit into a batch, after the functions it calls that are warm too: so that it can
    /// call them directly.
    ///
    /// # Errors
    /// Where nothing can be compiled at all.
    fn compile_unit(
        &self,
        module: &Module,
        unit: Unit,
        batch: &mut Batch,
        depth: u32,
        scratch: &mut Scratch,
    ) -> Result<(), Bailout> {
        if let Unit::Func { func } | Unit::Loop { func, .. } = unit
            && depth < MAX_CALLEE_DEPTH
        {
            for callee in module.callees(func) {
                if self.claim_callee(module, callee) {
                    let unit = Unit::Func { func: callee };
                    self.compile_unit(module, unit, batch, depth + 1, scratch)?;
                }
            }
        }
        let compiler = self.compiler()?;
        let (id, mut funcs) = {
            let mut native = module.native().lock();
            let id = native.memory(compiler, self.code_limit)?.declare()?;
            (id, native.funcs())
        };
        for (unit, id, _) in &batch.units {
            if let Unit::Func { func } = *unit {
                funcs.insert(func, *id);
            }
        }
        if let Unit::Func { func } = unit {
            funcs.insert(func, id);
        }
        let direct = |func| funcs.get(&func).copied();
        match self.lower(compiler, module, unit, &direct, scratch, id) {
            Ok(compiled) => batch.units.push((unit, id, compiled)),
            Err(bailout) => {
                *lock(&self.report).bailouts.entry(bailout).or_default() += 1;
                let mut native = module.native().lock();
                native.units.insert(unit, UnitState::Failed);
                return Ok(());
            }
        }
        if let Unit::Func { func } = unit {
            let unit = adapter_of(module, func);
            if batch.units.iter().any(|(known, ..)| *known == unit) {
                return Ok(());
            }
            let id = {
                let mut native = module.native().lock();
                let is_ready = matches!(native.units.get(&unit), Some(UnitState::Ready { .. }));
                if is_ready || module.native().is_loaded(unit) {
                    return Ok(());
                }
                native.memory(compiler, self.code_limit)?.declare()?
            };
            let adapter = self.lower(compiler, module, unit, &|_| None, scratch, id)?;
            batch.units.push((unit, id, adapter));
        }
        Ok(())
    }

    /// Whether a callee is warm and nobody compiles it yet; now the caller does.
    fn claim_callee(&self, module: &Module, callee: u32) -> bool {
        if module.entry_count(callee) < self.threshold.div_ceil(WARM_PART) {
            return false;
        }
        self.claim(module, Unit::Func { func: callee })
    }

    /// Whether nobody compiles a unit yet; now the caller does.
    fn claim(&self, module: &Module, unit: Unit) -> bool {
        let mut native = module.native().lock();
        if native.units.contains_key(&unit) || module.native().is_loaded(unit) {
            return false;
        }
        native.units.insert(unit, UnitState::Requested);
        true
    }

    /// Publishes a batch; returns the bytes of native code.
    fn publish(&self, module: &Module, batch: Batch) -> Result<usize, Bailout> {
        let compiler = self.compiler()?;
        let mut native = module.native().lock();
        let memory = native.memory(compiler, self.code_limit)?;
        let mut ids = HashMap::new();
        for (unit, id, compiled) in batch.units {
            memory.define(id, compiled)?;
            ids.insert(unit, id);
        }
        let codes = memory.publish()?;
        let bytes = codes.iter().map(|code| code.len()).sum();
        self.list(module, &codes);
        native.install(module, &ids, codes)?;
        self.published.fetch_add(1, Ordering::Relaxed);
        Ok(bytes)
    }

    fn compiler(&self) -> Result<&Compiler, Bailout> {
        let compiler = self.compiler.get_or_init(|| {
            native::prepare()?;
            Compiler::new()
        });
        compiler.as_ref().map_err(|&bailout| bailout)
    }

    fn lower(
        &self,
        compiler: &Compiler,
        module: &Module,
        unit: Unit,
        direct: &dyn Fn(u32) -> Option<u32>,
        scratch: &mut Scratch,
        id: u32,
    ) -> Result<Compiled, Bailout> {
        let request = Request {
            module: module.bytecode(),
            env: module.env(),
            unit,
            metering: self.settings.metering,
            counting: self.settings.counting,
            debugging: self.settings.debugging,
            inlining: self.settings.inlining,
            direct,
            // One that cannot be lowered cannot be called, whatever the size of its frame.
            frame_slots: &|func| module.frame_slots(func).unwrap_or(0),
        };
        compiler.compile(scratch, &request, id)
    }

    /// Compiles every function of a module.
    fn compile_all(&self, module: &Module) {
        // Held until all is done: whoever else instantiates the module waits.
        let mut complete = lock(&module.native().complete);
        if std::mem::replace(&mut *complete, true) {
            return;
        }
        let start = Instant::now();
        let is_wanted = |func| !module.native().is_loaded(Unit::Func { func });
        if !(0..module.bytecode().bodies.len() as u32).any(is_wanted) {
            return;
        }
        let declare = || {
            let mut native = module.native().lock();
            native.memory(self.compiler()?, self.code_limit)?.declare()
        };
        let batch = self.compile_batch(module, is_wanted, declare);
        let funcs = |batch: &Batch| batch.funcs() as u64;
        let compiled = batch.as_ref().map_or(0, funcs);
        let result = batch.and_then(|batch| self.publish(module, batch));
        let mut report = lock(&self.report);
        report.compile_time += start.elapsed();
        match result {
            Ok(bytes) => {
                report.compiled_funcs += compiled;
                report.code_bytes += bytes as u64;
            }
            Err(bailout) => {
                let funcs = module.bytecode().bodies.len() as u64;
                *report.bailouts.entry(bailout).or_default() += funcs;
            }
        }
    }

    /// The functions of a module that are wanted, and the adapters they need, with numbers from
    /// `declare`.
    fn compile_batch(
        &self,
        module: &Module,
        is_wanted: impl Fn(u32) -> bool,
        mut declare: impl FnMut() -> Result<u32, Bailout>,
    ) -> Result<Batch, Bailout> {
        let compiler = self.compiler()?;
        let count = module.bytecode().bodies.len();
        let mut ids = Vec::with_capacity(count);
        for func in 0..count as u32 {
            let id = is_wanted(func).then(&mut declare).transpose()?;
            ids.push(id);
        }
        let wanted = (0..count as u32).filter(|&func| ids[func as usize].is_some());
        let types: std::collections::BTreeSet<Unit> =
            wanted.map(|func| adapter_of(module, func)).collect();
        let mut adapters = Vec::new();
        for &unit in &types {
            adapters.push((unit, declare()?));
        }
        // A function that is not compiled must not be called directly: where there is one, those that
        // counted on it are compiled again.
        let mut compiled: Vec<Option<Compiled>> = vec![None; count];
        let mut bailouts = Vec::new();
        loop {
            let results = self.compile_each(compiler, module, &ids, &compiled);
            let mut failed = false;
            for (func, result) in results {
                match result {
                    Ok(code) => compiled[func] = Some(code),
                    Err(bailout) => {
                        *lock(&self.report).bailouts.entry(bailout).or_default() += 1;
                        bailouts.push((func as u32, bailout));
                        failed |= ids[func].take().is_some();
                    }
                }
            }
            if !failed {
                break;
            }
            for (func, code) in compiled.iter_mut().enumerate() {
                let calls = |code: &mut Compiled| code.calls().any(|id| !ids.contains(&Some(id)));
                if ids[func].is_none() || code.as_mut().is_some_and(calls) {
                    *code = None;
                }
            }
        }
        let mut scratch = Scratch::default();
        let mut batch = Batch {
            bailouts,
            ..Batch::default()
        };
        for &(unit, id) in &adapters {
            let code = self.lower(compiler, module, unit, &|_| None, &mut scratch, id)?;
            batch.units.push((unit, id, code));
        }
        for (func, code) in compiled.into_iter().enumerate() {
            if let (Some(id), Some(code)) = (ids[func], code) {
                let unit = Unit::Func { func: func as u32 };
                batch.units.push((unit, id, code));
            }
        }
        Ok(batch)
    }

    /// Compiles the functions that have a number and no code yet, on all processors.
    fn compile_each(
        &self,
        compiler: &Compiler,
        module: &Module,
        ids: &[Option<u32>],
        compiled: &[Option<Compiled>],
    ) -> Vec<(usize, Result<Compiled, Bailout>)> {
        let todo: Vec<usize> = (0..ids.len())
            .filter(|&func| ids[func].is_some() && compiled[func].is_none())
            .collect();
        let next = std::sync::atomic::AtomicUsize::new(0);
        let direct = |func: u32| ids[func as usize];
        let work = || {
            let mut scratch = Scratch::default();
            let mut done = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(&func) = todo.get(at) else {
                    return done;
                };
                let unit = Unit::Func { func: func as u32 };
                let id = ids[func].expect("it has a number");
                done.push((
                    func,
                    self.lower(compiler, module, unit, &direct, &mut scratch, id),
                ));
            }
        };
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let others = processors.min(todo.len() / 8).saturating_sub(1);
        std::thread::scope(|scope| {
            // Where no more threads are to be had, there are fewer.
            let spawn = |_| std::thread::Builder::new().spawn_scoped(scope, work).ok();
            let threads: Vec<_> = (0..others).map_while(spawn).collect();
            let mut all = work();
            for thread in threads {
                match thread.join() {
                    Ok(done) => all.extend(done),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            all
        })
    }
}

/// The adapter for a defined function.
fn adapter_of(module: &Module, func: u32) -> Unit {
    Unit::Adapter {
        ty: module.bytecode().bodies[func as usize].ty,
    }
}

impl NativeModule {
    /// With what comes from a file.
    pub(crate) fn new(image: Option<Image>) -> NativeModule {
        NativeModule {
            state: Mutex::default(),
            complete: Mutex::default(),
            image,
        }
    }

    fn lock(&self) -> MutexGuard<'_, NativeState> {
        lock(&self.state)
    }

    /// What came from a file.
    pub(crate) fn image(&self) -> Option<&Image> {
        self.image.as_ref()
    }

    /// The native code of a unit that came from a file.
    fn loaded(&self, unit: Unit) -> Option<Code> {
        self.image.as_ref()?.find(unit)
    }

    fn is_loaded(&self, unit: Unit) -> bool {
        self.loaded(unit).is_some()
    }

    /// Makes the native code of a function what calls run once more, where it has some.
    pub(crate) fn install_again(&self, module: &Module, func: u32) {
        let native = self.lock();
        if let Some(UnitState::Ready { .. }) = native.units.get(&Unit::Func { func }) {
            // Its adapter was published with it.
            let _ = native.install_func(module, func);
        }
    }

    /// Whether that code is among this.
    pub(crate) fn owns(&self, code: &Code) -> bool {
        let address = code.entry().addr();
        if self
            .image
            .as_ref()
            .is_some_and(|image| image.contains(address))
        {
            return true;
        }
        match self.lock().units.get(&code.unit) {
            Some(UnitState::Ready { code: own, .. }) => own.entry() == code.entry(),
            _ => false,
        }
    }
}

impl NativeState {
    fn memory(&mut self, compiler: &Compiler, limit: usize) -> Result<&mut CodeMemory, Bailout> {
        match &mut self.memory {
            Some(memory) => Ok(memory),
            none => Ok(none.insert(CodeMemory::new(compiler, limit)?)),
        }
    }

    /// Whether a loop of that function waits for the compiler.
    fn is_compiling_loop(&self, func: u32) -> bool {
        self.units.iter().any(|(unit, state)| {
            let is_loop = matches!(unit, Unit::Loop { func: of, .. } if *of == func);
            is_loop && matches!(state, UnitState::Requested)
        })
    }

    /// The numbers in code memory of the functions that are published.
    fn funcs(&self) -> HashMap<u32, u32> {
        let ready = |(unit, state): (&Unit, &UnitState)| match (unit, state) {
            (&Unit::Func { func }, UnitState::Ready { id, .. }) => Some((func, (*id)?)),
            _ => None,
        };
        self.units.iter().filter_map(ready).collect()
    }

    /// Notes what was published, by the numbers it has in code memory, and makes it what runs.
    fn install(
        &mut self,
        module: &Module,
        ids: &HashMap<Unit, u32>,
        codes: Vec<Arc<Code>>,
    ) -> Result<(), Bailout> {
        let units: Vec<Unit> = codes.iter().map(|code| code.unit).collect();
        for code in codes {
            let unit = code.unit;
            let stub = match unit {
                Unit::Loop { func, header } => {
                    module.expect_loop(func, header);
                    Some(native::stub(module, func, &code, None))
                }
                _ => None,
            };
            let id = ids.get(&unit).copied();
            let since = Instant::now();
            let ready = UnitState::Ready {
                id,
                code,
                stub,
                since,
            };
            self.units.insert(unit, ready);
        }
        for unit in units {
            if let Unit::Func { func } = unit {
                self.install_func(module, func)?;
            }
        }
        Ok(())
    }

    /// Makes the published code of a function what calls run.
    fn install_func(&self, module: &Module, func: u32) -> Result<(), Bailout> {
        let code = |unit| match self.units.get(&unit) {
            Some(UnitState::Ready { code, .. }) => Ok(Arc::clone(code)),
            _ => module
                .native()
                .loaded(unit)
                .map(Arc::new)
                .ok_or(Bailout::Codegen),
        };
        let adapter = code(adapter_of(module, func))?;
        let code = code(Unit::Func { func })?;
        let stub = native::stub(module, func, &adapter, Some(&code));
        module.replace(func, &stub, code.entry());
        Ok(())
    }
}

impl Drop for Tier {
    fn drop(&mut self) {
        lock(&self.queue.state).stop = true;
        self.queue.changed.notify_all();
    }
}

/// What a compiling thread does until its engine goes.
fn work(queue: &Queue) {
    let mut scratch = Scratch::default();
    loop {
        let mut state = lock(&queue.state);
        let (module, unit) = loop {
            if state.stop {
                return;
            }
            if let Some(at) = state.hottest() {
                let job = state.jobs.swap_remove(at);
                break (job.module, Some(job.unit));
            }
            match state.called.pop() {
                Some(module) => break (module, None),
                None => {
                    state = queue
                        .changed
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        };
        drop(state);
        let engine = module.engine().clone();
        if let Some(unit) = unit {
            let mut first = Some(unit);
            let next = || first.take().or_else(|| queue.next_of(&module));
            engine.tier().compile(&module, next, &mut scratch);
        }
        engine.tier().compile_called(&module, queue, &mut scratch);
    }
}

impl Queue {
    /// Whether nothing waits.
    fn is_idle(&self) -> bool {
        lock(&self.state).jobs.is_empty()
    }

    /// Takes the hottest unit that waits, where it is of that module.
    fn next_of(&self, module: &Module) -> Option<Unit> {
        let mut state = lock(&self.state);
        let at = state.hottest()?;
        Module::same(&state.jobs[at].module, module).then(|| state.jobs.swap_remove(at).unit)
    }
}

impl QueueState {
    /// Index of the job that is worth most.
    fn hottest(&self) -> Option<usize> {
        (0..self.jobs.len()).max_by_key(|&at| self.jobs[at].worth())
    }
}

/// Locks; nothing is left half done by a panic while one of these is held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
