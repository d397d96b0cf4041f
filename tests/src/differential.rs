//! Differential testing: a generated WebAssembly module does the same in every tier.
//!
//! [`Case::new`] makes a module and calls of its exports from random bytes, [`check`] compares
//! interpreter, eager and tiered compilation bit for bit: results, traps and their places, memories,
//! tables, globals, fuel. The fuzz target `tiers` and the suite `tiers` run it, the binary `tiers` runs
//! as many modules as one asks for, and `fuzz/` compares the same cases with a peer.

mod enliven;
mod survey;
mod tally;

use std::fmt;
use std::sync::OnceLock;

use arbitrary::Unstructured;
use dotvm::isa::{Arch, EncodeOptions, encode};
use dotvm::{
    Backtrace, Caller, Config, Engine, Error, Extern, ExternType, Instance, Jit, Linker, Module,
    Precompiled, Store, TrapCode, Val, ValType,
};
use dotvm_transpiler::{OptLevel, Options, transpile};

use enliven::DRIVER;
pub use enliven::RATION;
pub use survey::survey;
pub use tally::Tally;

use crate::fuzzing::Random;

/// Fuel for each call: enough to get anywhere, too little to take long.
pub const FUEL: u64 = 200_000;

/// The most bytes of linear memory.
pub const MEMORY_BYTES_MAX: u64 = 20 << 16;

/// The most elements of tables.
pub const TABLE_ELEMENTS_MAX: u64 = 1000;

/// Calls of a case.
const CALLS_MAX: usize = 24;

/// What modules may import.
const IMPORTS: &str = r#"(module
    (import "host" "nop" (func))
    (import "host" "mix" (func (param i32) (result i32)))
    (import "host" "sum" (func (param i64 f64) (result i64)))
    (import "host" "pair" (func (param i32 i64 f32) (result i64 i32)))
    (import "host" "pick" (func (param i32)))
)"#;

/// What the host's function `pick` fails with.
pub const HOST_ERROR: &str = "an odd number";

/// A module and what is done with it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The module, as WebAssembly.
    pub wasm: Vec<u8>,
    /// The calls, in order. Those that never end, or need too much stack, are among them.
    pub calls: Vec<Call>,
    /// Whether the module makes NaNs the same everywhere, so that a peer must get the same.
    pub canonical: bool,
    choice: u64,
    /// The module transpiled for each target, once it is asked for; nothing where a limit of the
    /// transpiler stands in the way.
    transpiled: [OnceLock<Option<Vec<u8>>>; TARGETS.len()],
}

/// A call of an export.
#[derive(Clone, Debug)]
pub struct Call {
    /// The export's name.
    pub export: String,
    /// The arguments.
    pub args: Vec<Val>,
}

/// What came of the instantiation or of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// Results, or what stopped it, without the place.
    pub end: String,
    /// Frames at the place where it stopped.
    pub place: Vec<String>,
    /// Fuel left, with metering.
    pub fuel: Option<u64>,
    /// What each function has cost so far, where that is counted.
    pub profile: Option<String>,
    /// Memories, tables and globals afterwards, and what the host was called with.
    pub state: String,
}

/// A way to run a module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Way {
    /// What is compiled.
    pub jit: Jit,
    /// From which call on, or which iteration.
    pub threshold: u32,
    /// Whether small functions are inlined.
    pub inlining: bool,
    /// Whether fuel is charged.
    pub metering: bool,
    /// Whether what is executed is counted, with metering.
    pub counting: bool,
    /// Whether all native code comes from a file.
    pub kept: bool,
}

/// What is transpiled how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target {
    /// The architecture.
    pub arch: Arch,
    /// How much is optimized.
    pub opt_level: OptLevel,
}

/// All targets. Modules that need more are for the first architecture that has it instead.
const TARGETS: [Target; 4] = [
    Target::new(Arch::Arch64, OptLevel::O2),
    Target::new(Arch::Arch32, OptLevel::O2),
    Target::new(Arch::Arch64, OptLevel::O0),
    Target::new(Arch::Arch32, OptLevel::O0),
];

impl Target {
    const fn new(arch: Arch, opt_level: OptLevel) -> Target {
        Target { arch, opt_level }
    }
}

impl Case {
    /// The case that these bytes stand for, where they stand for one.
    pub fn new(data: &[u8]) -> Option<Case> {
        let mut input = Unstructured::new(data);
        let choice: u64 = input.arbitrary().ok()?;
        let mut random = Random(choice);
        let canonical = random.below(8) != 0;
        let vectors = random.below(3) != 0;
        let config = config(&mut random, canonical, vectors);
        let module = wasm_smith::Module::new(config, &mut input).ok()?;
        let mut wasm = module.to_bytes();
        if random.below(4) != 0 {
            wasm =
                enliven::enliven(&wasm, vectors, &mut random).expect("what is generated is valid");
        }
        let mut case = Case {
            wasm,
            calls: Vec::new(),
            canonical,
            choice,
            transpiled: Default::default(),
        };
        let engine = Engine::new(&Config::new());
        let module = case.load(&engine, case.targets()[0])?;
        case.calls = calls(&module, &mut random);
        Some(case)
    }

    /// The case of that number.
    pub fn numbered(number: u64) -> Option<Case> {
        let mut random = Random(number);
        let len = 200 + random.below(4000);
        let data: Vec<u8> = (0..len).map(|_| random.next_u64() as u8).collect();
        Case::new(&data)
    }

    /// The targets: what comes first is run in every tier, the others in the interpreter.
    pub fn targets(&self) -> [Target; TARGETS.len()] {
        let mut targets = TARGETS;
        targets.rotate_left((self.choice >> 8) as usize % TARGETS.len());
        targets
    }

    /// The module for an engine; nothing where a limit of the transpiler stands in the way.
    pub fn load(&self, engine: &Engine, target: Target) -> Option<Module> {
        let mut known = TARGETS.iter().zip(&self.transpiled);
        let (_, transpiled) = known.find(|(known, _)| **known == target)?;
        let bytes = transpiled.get_or_init(|| self.transpile(target));
        match Module::new(engine, bytes.as_ref()?) {
            Ok(module) => Some(module),
            Err(error) => panic!("transpiled, and then not loaded: {error}"),
        }
    }

    fn transpile(&self, Target { arch, opt_level }: Target) -> Option<Vec<u8>> {
        let options = Options {
            arch: Some(arch),
            opt_level,
            ..Options::default()
        };
        let output = match transpile(&self.wasm, &options) {
            Ok(output) => output,
            Err(dotvm_transpiler::Error::Architecture { needs, .. }) => {
                let target = Target::new(needs, opt_level);
                return self.transpile(target);
            }
            Err(dotvm_transpiler::Error::Limit { .. }) => return None,
            Err(error) => panic!("a valid module is refused: {error}"),
        };
        let options = EncodeOptions::default();
        Some(encode(&output.module, &output.names, options))
    }
}

/// How modules are generated.
fn config(random: &mut Random, canonical: bool, vectors: bool) -> wasm_smith::Config {
    let imports = wat::parse_str(IMPORTS).expect("text that is right");
    wasm_smith::Config {
        available_imports: Some(imports),
        canonicalize_nans: canonical,
        disallow_traps: random.below(2) == 0,
        export_everything: true,
        max_imports: 5,
        min_funcs: 1,
        max_funcs: 1 + random.below(12),
        max_instructions: 20 + random.below(200),
        max_memory32_bytes: 4 << 16,
        max_memory64_bytes: 4 << 16,
        max_memories: 1 + random.below(3),
        min_memories: u32::from(random.below(8) != 0),
        max_table_elements: 20,
        max_tables: 3,
        min_tables: u32::from(random.below(2) == 0),
        max_elements: 20,
        max_type_size: 100,
        max_values: 20,
        acquire_release_atomics_enabled: false,
        compact_imports_enabled: false,
        custom_descriptors_enabled: false,
        custom_page_sizes_enabled: random.below(4) == 0,
        exceptions_enabled: random.below(2) == 0,
        max_tags: 4,
        gc_enabled: false,
        memory64_enabled: random.below(2) == 0,
        relaxed_simd_enabled: vectors,
        shared_everything_threads_enabled: false,
        simd_enabled: vectors,
        threads_enabled: false,
        wide_arithmetic_enabled: true,
        ..wasm_smith::Config::default()
    }
}

/// Numbers that instructions treat specially, as `i64` and as `f64`.
const INTEGERS: [i64; 12] = [
    0,
    1,
    -1,
    2,
    7,
    63,
    64,
    0xffff,
    i32::MIN as i64,
    i32::MAX as i64,
    i64::MIN,
    i64::MAX,
];
const FLOATS: [f64; 10] = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    1e10,
    -1e300,
    f64::MIN_POSITIVE,
    f64::INFINITY,
    f64::NEG_INFINITY,
    2147483648.0,
];

/// Calls of all functions in turn, and of what calls them in loops, where there is such.
fn calls(module: &Module, random: &mut Random) -> Vec<Call> {
    let exports: Vec<_> = module.exports().collect();
    let (drivers, funcs): (Vec<_>, Vec<_>) = exports
        .iter()
        .filter_map(|export| match &export.ty {
            ExternType::Func(ty) => Some((export.name, &ty.params)),
            _ => None,
        })
        .partition(|func| func.0.starts_with(DRIVER));
    let count = CALLS_MAX.min(3 * (drivers.len() + funcs.len()));
    let mut turns = funcs.iter().cycle();
    let mut calls = Vec::new();
    for number in 0..count {
        let next = if number % 3 == 0 || drivers.is_empty() {
            turns.next()
        } else {
            Some(&drivers[random.below(drivers.len())])
        };
        let Some(&(name, params)) = next else {
            continue;
        };
        let args = params.iter().map(|&ty| match random.below(3) {
            0 => Val::default_for(ty),
            _ => argument(ty, random),
        });
        calls.push(Call {
            export: name.to_owned(),
            args: args.collect(),
        });
    }
    calls
}

fn argument(ty: ValType, random: &mut Random) -> Val {
    let integer = match random.below(3) {
        0 => random.next_u64().cast_signed(),
        _ => INTEGERS[random.below(INTEGERS.len())],
    };
    let float = FLOATS[random.below(FLOATS.len())];
    match ty {
        ValType::I32 => Val::I32(integer as i32),
        ValType::I64 => Val::I64(integer),
        ValType::F32 => Val::F32((float as f32).to_bits()),
        ValType::F64 => Val::F64(float.to_bits()),
        ValType::V128 => {
            let [low, high] = match random.below(2) {
                0 => [random.next_u64(), random.next_u64()],
                _ => [integer.cast_unsigned(), float.to_bits()],
            };
            Val::V128(u128::from(high) << 64 | u128::from(low))
        }
        ValType::V256 => Val::V256(std::array::from_fn(|_| random.next_u64())),
        ValType::V512 => Val::V512(std::array::from_fn(|_| random.next_u64())),
        other => Val::default_for(other),
    }
}

/// An engine for these cases.
pub fn engine(way: Way) -> Engine {
    let mut config = Config::new();
    config
        .jit(way.jit)
        .jit_threshold(way.threshold)
        .jit_threads(0)
        .jit_inlining(way.inlining)
        .metering(way.metering)
        .exact_profile(way.counting)
        .max_stack_bytes(128 << 10)
        .max_memory_bytes(MEMORY_BYTES_MAX)
        .max_table_elements(TABLE_ELEMENTS_MAX)
        .max_native_code_bytes(4 << 20)
        // How much of the host's stack a nested call takes depends on who makes it: the depth of calls
        // is to be what ends them.
        .max_native_stack_bytes(4 << 20)
        .max_host_depth(120);
    Engine::new(&config)
}

/// Where native code is to come from a file, the module that comes from there.
///
/// # Panics
/// Where the file's native code is not used.
pub fn kept(way: Way, module: Module) -> Module {
    if !way.kept {
        return module;
    }
    let file = tempfile::NamedTempFile::new().expect("a file");
    let bytes = module.precompile().expect("a compiler");
    std::fs::write(file.path(), bytes).expect("a written file");
    let loaded = Module::from_trusted_file(module.engine(), file.path());
    let loaded = loaded.expect("what was loaded before");
    let precompiled = loaded.precompiled();
    let is_used = matches!(precompiled, Precompiled::Used { .. });
    assert!(is_used, "{precompiled:?}");
    loaded
}

/// What host functions do, the same for everybody: takes and gives bits, and notes calls.
///
/// # Errors
/// `pick` fails where its number is odd.
pub fn host(name: &str, args: &[u64], log: &mut u64) -> Result<Vec<u64>, &'static str> {
    for &arg in args {
        *log = (*log ^ arg).wrapping_mul(0x0100_0000_01b3).rotate_left(7);
    }
    *log += 1;
    Ok(match name {
        "nop" => vec![],
        "mix" => vec![(args[0] ^ 0x55) & 0xffff_ffff],
        "sum" => vec![args[0].wrapping_add(args[1] >> 32)],
        "pair" => vec![args[1] ^ args[2], args[0]],
        "log" => vec![],
        "pick" if args[0] & 1 == 1 => return Err(HOST_ERROR),
        "pick" => vec![],
        other => unreachable!("import {other}"),
    })
}

fn linker(engine: &Engine, module: &Module) -> Linker<u64> {
    let mut linker = Linker::new(engine);
    for import in module.imports() {
        let ExternType::Func(ty) = import.ty else {
            unreachable!("only functions can be imported");
        };
        let name = import.name.to_owned();
        let types = ty.results.clone();
        let call = move |mut caller: Caller<'_, u64>, args: &[Val], results: &mut [Val]| {
            if name == "again" {
                return again(caller, args, results);
            }
            let args: Vec<u64> = args.iter().map(bits).collect();
            let values = host(&name, &args, caller.data_mut()).map_err(Error::host)?;
            for ((result, &ty), bits) in results.iter_mut().zip(&types).zip(values) {
                *result = of_bits(ty, bits);
            }
            Ok(())
        };
        // The same function may be imported several times.
        linker.allow_shadowing(true);
        linker
            .func_new(import.module, import.name, ty, call)
            .expect("names may be defined again");
    }
    linker
}

/// The host's function `again` calls the caller's export of that name; what stops that stops it.
fn again(mut caller: Caller<'_, u64>, args: &[Val], results: &mut [Val]) -> Result<(), Error> {
    let Some(Extern::Func(func)) = caller.get_export("again") else {
        return Err(Error::host("nothing to call again"));
    };
    let values = func.call(&mut caller, args)?;
    results.copy_from_slice(&values);
    Ok(())
}

/// The bits of a number.
///
/// # Panics
/// For anything else.
pub fn bits(value: &Val) -> u64 {
    match *value {
        Val::I32(value) => u64::from(value.cast_unsigned()),
        Val::I64(value) => value.cast_unsigned(),
        Val::F32(bits) => u64::from(bits),
        Val::F64(bits) => bits,
        _ => unreachable!("no import has such a parameter"),
    }
}

fn of_bits(ty: ValType, bits: u64) -> Val {
    match ty {
        ValType::I32 => Val::I32((bits as u32).cast_signed()),
        ValType::I64 => Val::I64(bits.cast_signed()),
        _ => unreachable!("no import has such a result"),
    }
}

/// Values as text; references differ from run to run, but not whether they are null.
pub fn text_of(values: &[Val]) -> String {
    let texts: Vec<String> = values.iter().map(one).collect();
    texts.join(" ")
}

fn one(value: &Val) -> String {
    match *value {
        Val::I32(value) => format!("i32:{value}"),
        Val::I64(value) => format!("i64:{value}"),
        Val::F32(bits) => format!("f32:{bits:#x}"),
        Val::F64(bits) => format!("f64:{bits:#x}"),
        Val::FuncRef(func) => format!("funcref:{}", func.is_some()),
        Val::ExternRef(object) => format!("externref:{}", object.is_some()),
        Val::ExnRef(exception) => format!("exnref:{}", exception.is_some()),
        Val::AnyRef(object) => format!("anyref:{}", object.is_some()),
        wide => format!("{wide:?}"),
    }
}

/// How often functions and loops may be entered in the call of that number.
pub fn ration(number: usize) -> i32 {
    [30, 300, 100, 700][number % 4]
}

/// Runs calls one after the other in a new instance. The first outcome is that of the instantiation.
pub fn outcomes(engine: &Engine, module: &Module, calls: &[Call]) -> Vec<Outcome> {
    outcomes_within(engine, module, calls, FUEL)
}

/// The same, with so much fuel for the instantiation and for each call, where there is metering.
pub fn outcomes_within(
    engine: &Engine,
    module: &Module,
    calls: &[Call],
    fuel: u64,
) -> Vec<Outcome> {
    let mut store = Store::new(engine, 0u64);
    store.set_host(crate::services::Fixed::usual());
    let metered = store.set_fuel(fuel).is_ok();
    let instance = linker(engine, module).instantiate(&mut store, module);
    let instance = match instance {
        Ok(instance) => instance,
        Err(error) => return vec![outcome(&mut store, None, Err(error))],
    };
    let mut all = vec![outcome(&mut store, Some(&instance), Ok(Vec::new()))];
    for (i, call) in calls.iter().enumerate() {
        if let Some(global) = instance.get_global(&mut store, RATION) {
            global.set(&mut store, Val::I32(ration(i))).expect("an i32");
        }
        let func = instance.get_func(&mut store, &call.export);
        let func = func.expect("calls are of exported functions");
        if metered {
            store.set_fuel(fuel).expect("with metering");
        }
        let result = func.call(&mut store, &call.args);
        all.push(outcome(&mut store, Some(&instance), result));
    }
    all
}

fn outcome(
    store: &mut Store<u64>,
    instance: Option<&Instance>,
    result: Result<Vec<Val>, Error>,
) -> Outcome {
    let (end, place) = match result {
        Ok(values) => (text_of(&values), Vec::new()),
        Err(error) => end_of(&error),
    };
    Outcome {
        end,
        place,
        fuel: store.fuel().ok(),
        profile: profile(store),
        state: instance.map_or_else(String::new, |instance| state(store, instance)),
    }
}

/// A store's profile, where there is one; everything that was paid for is in it.
fn profile(store: &Store<u64>) -> Option<String> {
    let profile = store.exact_profile().ok()?;
    assert_eq!(profile.total().fuel, profile.fuel, "{profile:#?}");
    Some(format!("{:#?}", profile.rows))
}

/// What an error says, without the frames, and these.
pub fn end_of(error: &Error) -> (String, Vec<String>) {
    match error {
        Error::Trap(trap) => (
            format!("trap: {}", trap.code().message()),
            frames(trap.backtrace()),
        ),
        Error::Exception(exception) => (
            format!("exception: {}", text_of(exception.values())),
            frames(exception.backtrace()),
        ),
        Error::Host(host) => (format!("host: {}", host.error()), frames(host.backtrace())),
        other => (other.to_string(), Vec::new()),
    }
}

fn frames(backtrace: &Backtrace) -> Vec<String> {
    let frames = backtrace.frames().iter();
    let mut lines: Vec<String> = frames
        .map(|frame| format!("{}+{:#x}", frame.func_index(), frame.offset()))
        .collect();
    if backtrace.omitted() > 0 {
        lines.push(format!("{} omitted", backtrace.omitted()));
    }
    lines
}

/// What a module's exports hold, and what the host was called with.
fn state(store: &mut Store<u64>, instance: &Instance) -> String {
    let mut text = format!("log {:x}", store.data());
    let mut exports = instance.exports(&mut *store);
    exports.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, item) in exports {
        text += &match item {
            Extern::Func(_) | Extern::Tag(_) => continue,
            Extern::Memory(memory) => memory_text(&name, memory.data(&*store)),
            Extern::Global(global) => format!(", {name}: {}", one(&global.get(&*store))),
            Extern::Table(table) => {
                let elements = (0..table.size(&*store)).map(|i| match table.get(&*store, i) {
                    Some(element) if element.is_null() => '0',
                    None => '0',
                    Some(_) => '1',
                });
                format!(", {name}: {}", elements.collect::<String>())
            }
        };
    }
    text
}

/// A memory's content in a few characters.
pub fn memory_text(name: &str, bytes: &[u8]) -> String {
    format!(", {name}: {} {:08x}", bytes.len(), crc32fast::hash(bytes))
}

/// Whether a call ended for want of fuel or stack.
pub fn is_unbounded(outcome: &Outcome) -> bool {
    is_trap(outcome, TrapCode::OutOfFuel) || is_exhausted(outcome)
}

/// Whether a call ended for want of stack.
pub fn is_exhausted(outcome: &Outcome) -> bool {
    is_trap(outcome, TrapCode::StackExhausted)
}

fn is_trap(outcome: &Outcome, code: TrapCode) -> bool {
    outcome.end == format!("trap: {}", code.message())
}

/// The calls that end by themselves within the fuel they get, whatever was called before: none where
/// the instantiation does not.
pub fn bounded(case: &Case, target: Target) -> Option<(Vec<Call>, Tally)> {
    let engine = engine(INTERPRETED);
    let module = case.load(&engine, target)?;
    let mut calls = case.calls.clone();
    let mut tally = Tally::default();
    loop {
        let outcomes = outcomes(&engine, &module, &calls);
        let (first, rest) = outcomes.split_first()?;
        if is_unbounded(first) {
            return None;
        }
        let unbounded: Vec<bool> = rest.iter().map(is_unbounded).collect();
        let count = unbounded.iter().filter(|&&is| is).count();
        if count == 0 {
            rest.iter().for_each(|outcome| tally.note(outcome));
            return Some((calls, tally));
        }
        tally.unbounded += count as u64;
        let mut keep = unbounded.into_iter().map(|is| !is);
        calls.retain(|_| keep.next().unwrap_or(true));
    }
}

/// The interpreter, with metering.
pub const INTERPRETED: Way = Way {
    jit: Jit::Off,
    threshold: 1,
    inlining: true,
    metering: true,
    counting: false,
    kept: false,
};

/// Runs a case in all tiers, for each target, metered and unmetered.
///
/// # Errors
/// The first difference.
pub fn check(case: &Case) -> Result<Tally, Box<Difference>> {
    let [target, others @ ..] = case.targets();
    let Some((calls, mut tally)) = bounded(case, target) else {
        let mut tally = Tally::default();
        compare(case, target, &case.calls, true, &mut tally)?;
        return Ok(tally);
    };
    if calls.len() < case.calls.len() {
        compare(case, target, &case.calls, true, &mut tally)?;
    }
    compare(case, target, &calls, true, &mut tally)?;
    let first = compare(case, target, &calls, false, &mut tally)?;
    for other in others {
        let engine = engine(Way {
            metering: false,
            ..INTERPRETED
        });
        // More fuel may be needed for other code.
        let module = match bounded(case, other) {
            Some((same, _)) if same.len() >= calls.len() => case.load(&engine, other),
            _ => continue,
        };
        let Some(module) = module else { continue };
        let found = outcomes(&engine, &module, &calls);
        for (i, (a, b)) in first.iter().zip(&found).enumerate() {
            if a.end != b.end || a.state != b.state {
                let what = format!("{target:?} and {other:?}, both interpreted");
                return Err(Difference::build(what, case, &calls, i, a, b));
            }
        }
    }
    Ok(tally)
}

/// Compares the tiers on one target; returns what the interpreter makes of it.
fn compare(
    case: &Case,
    target: Target,
    calls: &[Call],
    metering: bool,
    tally: &mut Tally,
) -> Result<Vec<Outcome>, Box<Difference>> {
    let way = |jit, threshold, inlining| Way {
        jit,
        threshold,
        inlining,
        metering,
        counting: metering && case.choice >> 27 & 1 != 0,
        kept: false,
    };
    let late = 2 + (case.choice >> 16) as u32 % 3;
    let inlining = case.choice >> 24 & 3 != 0;
    let mut run = |way: Way| {
        let engine = engine(way);
        let outcomes = case
            .load(&engine, target)
            .map(|module| outcomes(&engine, &kept(way, module), calls))
            .unwrap_or_default();
        tally.note_compiled(&engine.tier_report());
        outcomes
    };
    let eager = Way {
        kept: case.choice >> 26 & 1 != 0,
        ..way(Jit::Eager, 1, inlining)
    };
    let first = run(way(Jit::Off, 1, true));
    for way in [
        eager,
        way(Jit::Tiered, 1, inlining),
        way(Jit::Tiered, late, inlining),
    ] {
        let found = run(way);
        for (i, (a, b)) in first.iter().zip(&found).enumerate() {
            if a != b {
                let what = format!("{target:?}, interpreter and {way:?}");
                return Err(Difference::build(what, case, calls, i, a, b));
            }
        }
        assert_eq!(first.len(), found.len());
    }
    Ok(first)
}

/// Two runs of a module that differ.
#[derive(Clone, Debug)]
pub struct Difference {
    what: String,
    call: String,
    outcomes: [Outcome; 2],
    wasm: Vec<u8>,
}

impl Difference {
    /// In the outcome number `at`: 0 is the instantiation, then there are the calls.
    pub fn build(
        what: String,
        case: &Case,
        calls: &[Call],
        at: usize,
        a: &Outcome,
        b: &Outcome,
    ) -> Box<Difference> {
        let call = match at.checked_sub(1) {
            None => "instantiation".to_owned(),
            Some(at) => format!(
                "call {at}: {}({})",
                calls[at].export,
                text_of(&calls[at].args)
            ),
        };
        Box::new(Difference {
            what,
            call,
            outcomes: [a.clone(), b.clone()],
            wasm: case.wasm.clone(),
        })
    }

    /// The module.
    pub fn wasm(&self) -> &[u8] {
        &self.wasm
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} differ at {}", self.what, self.call)?;
        for outcome in &self.outcomes {
            writeln!(
                f,
                "  {}\n    at {}\n    fuel left {:?}, {}",
                outcome.end,
                outcome.place.join(" "),
                outcome.fuel,
                outcome.state
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Difference {}
