//! Tiers: which code is compiled to native code, when, and by whom.
//!
//! Counters in threaded code tell [`Tier`] of functions and loops that are hot. Threads of the engine
//! compile them, the hottest first, and publish the result: a function by its cell, so that the next
//! call runs it, a loop by a stub that the interpreter resumes at when the loop's counter is due
//! again (on-stack replacement).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use dotvm_jit::{Bailout, Code, CodeMemory, Compiled, Compiler, Request, Scratch, Unit};

use crate::config::{Config, Jit};
use crate::module::Module;
use crate::perf_map::PerfMap;
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
    /// Bytes of native code.
    pub code_bytes: u64,
    /// How many functions or loops were not compiled, by the reason.
    pub bailouts: BTreeMap<Bailout, u64>,
}

/// The compiler of an engine, its threads, and what waits for them.
#[derive(Debug)]
pub(crate) struct Tier {
    jit: Jit,
    threshold: u32,
    threads: usize,
    inlining: bool,
    metering: bool,
    code_limit: usize,
    perf_map: Option<PerfMap>,
    /// Made when it is first needed.
    compiler: OnceLock<Result<Compiler, Bailout>>,
    queue: Arc<Queue>,
    report: Mutex<TierReport>,
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
}

/// The native code of a module.
#[derive(Debug, Default)]
pub(crate) struct NativeModule(Mutex<NativeState>);

#[derive(Debug, Default)]
struct NativeState {
    memory: Option<CodeMemory>,
    units: HashMap<Unit, UnitState>,
    /// Whether everything was compiled that can be.
    complete: bool,
}

#[derive(Debug)]
enum UnitState {
    /// Somebody is at it.
    Requested,
    /// It is published: its number in code memory and, for a loop, where to resume.
    Ready {
        id: u32,
        code: Arc<Code>,
        stub: Option<Stub>,
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
            inlining: config.jit_inlining,
            metering: config.metering,
            code_limit: config.max_native_code_bytes,
            perf_map: config.perf_map.then(PerfMap::default),
            compiler: OnceLock::new(),
            queue: Arc::default(),
            report: Mutex::default(),
        }
    }

    /// Whether there may be native code.
    pub(crate) fn is_on(&self) -> bool {
        self.jit != Jit::Off
    }

    /// How often a function or loop runs in the interpreter before [`Tier::hot_func`] or
    /// [`Tier::hot_loop`] is to be called; `None` where nothing is compiled.
    pub(crate) fn hot_limit(&self) -> Option<u32> {
        match self.jit {
            Jit::Off => None,
            Jit::Tiered => Some(self.threshold),
            // What could not be compiled need not be asked for again.
            Jit::Eager => Some(u32::MAX),
        }
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
    pub(crate) fn hot_loop(&self, module: &Module, func: u32, header: u32) -> Option<Stub> {
        let unit = Unit::Loop { func, header };
        self.request(module, unit);
        let native = lock(&module.native().0);
        match native.units.get(&unit) {
            Some(UnitState::Ready { stub, .. }) => {
                lock(&self.report).loop_entries += 1;
                *stub
            }
            _ => None,
        }
    }

    /// Has a unit compiled, unless that was done or is being done.
    fn request(&self, module: &Module, unit: Unit) {
        if self.jit != Jit::Tiered {
            return;
        }
        {
            let mut native = lock(&module.native().0);
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
            return self.compile(module, unit, &mut Scratch::default());
        }
        let mut queue = lock(&self.queue.state);
        queue.jobs.push(Job {
            module: module.clone(),
            unit,
            heat: 1,
        });
        if queue.threads < self.threads {
            let shared = Arc::clone(&self.queue);
            let thread = std::thread::Builder::new().name("dotvm-compiler".into());
            if thread.spawn(move || work(&shared)).is_ok() {
                queue.threads += 1;
            } else if queue.threads == 0 {
                // Nobody is there to do it: it stays in the interpreter.
                queue.jobs.clear();
            }
        }
        drop(queue);
        self.queue.changed.notify_one();
    }

    /// What waits was asked for again.
    fn warm(&self, module: &Module, unit: Unit) {
        let mut queue = lock(&self.queue.state);
        let mut jobs = queue.jobs.iter_mut();
        if let Some(job) = jobs.find(|job| job.unit == unit && Module::same(&job.module, module)) {
            job.heat = job.heat.saturating_add(1);
        }
    }

    /// Compiles and publishes a unit.
    fn compile(&self, module: &Module, unit: Unit, scratch: &mut Scratch) {
        let start = Instant::now();
        let result = self.try_compile(module, unit, scratch);
        let mut report = lock(&self.report);
        report.compile_time += start.elapsed();
        match result {
            Ok(bytes) => {
                match unit {
                    Unit::Loop { .. } => report.compiled_loops += 1,
                    _ => report.compiled_funcs += 1,
                }
                report.code_bytes += bytes as u64;
            }
            Err(bailout) => {
                *report.bailouts.entry(bailout).or_default() += 1;
                lock(&module.native().0)
                    .units
                    .insert(unit, UnitState::Failed);
            }
        }
    }

    fn compiler(&self) -> Result<&Compiler, Bailout> {
        let compiler = self.compiler.get_or_init(|| {
            native::prepare()?;
            Compiler::new()
        });
        compiler.as_ref().map_err(|&bailout| bailout)
    }

    /// The same; returns the bytes of native code.
    fn try_compile(
        &self,
        module: &Module,
        unit: Unit,
        scratch: &mut Scratch,
    ) -> Result<usize, Bailout> {
        let compiler = self.compiler()?;
        let (id, compiled_funcs) = {
            let mut native = lock(&module.native().0);
            let id = native.memory(compiler, self.code_limit)?.declare()?;
            let ready = native
                .units
                .iter()
                .filter_map(|(unit, state)| match (unit, state) {
                    (&Unit::Func { func }, UnitState::Ready { id, .. }) => Some((func, *id)),
                    _ => None,
                });
            let mut funcs: HashMap<u32, u32> = ready.collect();
            if let Unit::Func { func } = unit {
                funcs.insert(func, id);
            }
            (id, funcs)
        };
        let direct = |func| compiled_funcs.get(&func).copied();
        let compiled = self.lower(compiler, module, unit, &direct, scratch, id)?;
        let adapter = self.adapter(compiler, module, unit, scratch)?;
        let mut native = lock(&module.native().0);
        let memory = native.memory(compiler, self.code_limit)?;
        memory.define(id, compiled)?;
        if let Some((id, adapter)) = adapter {
            memory.define(id, adapter)?;
        }
        let codes = memory.publish()?;
        let bytes = codes.iter().map(|code| code.len()).sum();
        self.list(module, &codes);
        native.install(module, unit, id, codes)?;
        Ok(bytes)
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
            metering: self.metering,
            inlining: self.inlining,
            direct,
            // One that cannot be lowered cannot be called, whatever the size of its frame.
            frame_slots: &|func| module.frame_slots(func).unwrap_or(0),
        };
        compiler.compile(scratch, &request, id)
    }

    /// The adapter that a function needs, where there is none for its type yet.
    fn adapter(
        &self,
        compiler: &Compiler,
        module: &Module,
        unit: Unit,
        scratch: &mut Scratch,
    ) -> Result<Option<(u32, Compiled)>, Bailout> {
        let Unit::Func { func } = unit else {
            return Ok(None);
        };
        let unit = adapter_of(module, func);
        let id = {
            let mut native = lock(&module.native().0);
            if let Some(UnitState::Ready { .. }) = native.units.get(&unit) {
                return Ok(None);
            }
            native.memory(compiler, self.code_limit)?.declare()?
        };
        let compiled = self.lower(compiler, module, unit, &|_| None, scratch, id)?;
        Ok(Some((id, compiled)))
    }

    /// Compiles every function of a module.
    fn compile_all(&self, module: &Module) {
        let mut native = lock(&module.native().0);
        if std::mem::replace(&mut native.complete, true) {
            return;
        }
        let start = Instant::now();
        let result = self.try_compile_all(module, &mut native);
        let mut report = lock(&self.report);
        report.compile_time += start.elapsed();
        if let Err(bailout) = result {
            let funcs = module.bytecode().bodies.len() as u64;
            *report.bailouts.entry(bailout).or_default() += funcs;
        }
    }

    fn try_compile_all(&self, module: &Module, native: &mut NativeState) -> Result<(), Bailout> {
        let compiler = self.compiler()?;
        let memory = native.memory(compiler, self.code_limit)?;
        let count = module.bytecode().bodies.len();
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            ids.push(Some(memory.declare()?));
        }
        let types: std::collections::BTreeSet<Unit> = (0..count as u32)
            .map(|func| adapter_of(module, func))
            .collect();
        let mut adapters = Vec::new();
        for &unit in &types {
            adapters.push((unit, memory.declare()?));
        }
        // A function that is not compiled must not be called directly: where there is one, those that
        // counted on it are compiled again.
        let mut compiled: Vec<Option<Compiled>> = vec![None; count];
        loop {
            let results = self.compile_each(compiler, module, &ids, &compiled);
            let mut failed = false;
            for (func, result) in results {
                match result {
                    Ok(code) => compiled[func] = Some(code),
                    Err(bailout) => {
                        *lock(&self.report).bailouts.entry(bailout).or_default() += 1;
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
        for &(unit, id) in &adapters {
            let code = self.lower(compiler, module, unit, &|_| None, &mut scratch, id)?;
            memory.define(id, code)?;
        }
        let mut defined = Vec::new();
        for (func, code) in compiled.into_iter().enumerate() {
            if let (Some(id), Some(code)) = (ids[func], code) {
                memory.define(id, code)?;
                defined.push((func as u32, id));
            }
        }
        let codes = memory.publish()?;
        self.list(module, &codes);
        let mut report = lock(&self.report);
        report.compiled_funcs += defined.len() as u64;
        report.code_bytes += codes.iter().map(|code| code.len() as u64).sum::<u64>();
        drop(report);
        native.install_all(module, &defined, codes)
    }

    /// Tells `perf` of native code, where it wants to know.
    fn list(&self, module: &Module, codes: &[Arc<Code>]) {
        if let Some(map) = &self.perf_map {
            map.list(module, codes);
        }
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
                let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
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
            let threads: Vec<_> = (0..others).map(|_| scope.spawn(work)).collect();
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
    /// Whether that code is among this.
    pub(crate) fn owns(&self, code: &Code) -> bool {
        match lock(&self.0).units.get(&code.unit) {
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

    /// Notes what was published, and makes it what runs.
    fn install(
        &mut self,
        module: &Module,
        unit: Unit,
        id: u32,
        codes: Vec<Arc<Code>>,
    ) -> Result<(), Bailout> {
        for code in codes {
            if code.unit != unit {
                let unit = code.unit;
                let ready = UnitState::Ready {
                    id: u32::MAX,
                    code,
                    stub: None,
                };
                self.units.insert(unit, ready);
                continue;
            }
            let stub = match unit {
                Unit::Loop { func, .. } => Some(native::stub(module, func, &code, None)),
                _ => None,
            };
            self.units.insert(unit, UnitState::Ready { id, code, stub });
        }
        if let Unit::Func { func } = unit {
            self.install_func(module, func)?;
        }
        Ok(())
    }

    fn install_all(
        &mut self,
        module: &Module,
        defined: &[(u32, u32)],
        codes: Vec<Arc<Code>>,
    ) -> Result<(), Bailout> {
        let ids: HashMap<Unit, u32> = defined
            .iter()
            .map(|&(func, id)| (Unit::Func { func }, id))
            .collect();
        for code in codes {
            let unit = code.unit;
            let id = ids.get(&unit).copied().unwrap_or(u32::MAX);
            let ready = UnitState::Ready {
                id,
                code,
                stub: None,
            };
            self.units.insert(unit, ready);
        }
        for &(func, _) in defined {
            self.install_func(module, func)?;
        }
        Ok(())
    }

    /// Makes the published code of a function what calls run.
    fn install_func(&self, module: &Module, func: u32) -> Result<(), Bailout> {
        let code = |unit| match self.units.get(&unit) {
            Some(UnitState::Ready { code, .. }) => Ok(code),
            _ => Err(Bailout::Codegen),
        };
        let adapter = code(adapter_of(module, func))?;
        let code = code(Unit::Func { func })?;
        let stub = native::stub(module, func, adapter, Some(code));
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
        let job = loop {
            if state.stop {
                return;
            }
            let hottest = (0..state.jobs.len()).max_by_key(|&at| state.jobs[at].heat);
            match hottest {
                Some(at) => break state.jobs.remove(at),
                None => {
                    state = queue
                        .changed
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        };
        drop(state);
        let engine = job.module.engine().clone();
        engine.tier().compile(&job.module, job.unit, &mut scratch);
    }
}

/// Locks; nothing is left half done by a panic while one of these is held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
