//! Profiles: what programs spend where.
//!
//! With [`Config::exact_profile`](crate::Config::exact_profile) code of both tiers counts how often it pays for
//! each basic block (see [`VmContext::counts`](dotvm_isa::abi::VmContext::counts)). Everything else follows
//! from the bytecode when somebody asks: which instructions are in the block, what they cost, which line of the
//! source they belong to. So a profile is the same whatever ran the program. What instructions cost by their
//! operands is noted by the runtime where it takes that ([`Extras`]).
//!
//! Profiles by samples ([`SampledProfile`]) are of any code.

mod sample;
mod watch;

pub use sample::{Sample, SampledFrame, SampledProfile, SampledStack};
pub(crate) use watch::Observer;
pub use watch::{FUNCS_MAX, Observation, WatchHandle, WatchedFunction};

use std::collections::BTreeMap;
use std::ops::AddAssign;

use dotvm_isa::debug::{SourceFrame, SubprogramName};
use dotvm_isa::ops::Category;
use dotvm_isa::verify::{FuelBlocks, FuncVerifier};
use dotvm_isa::{Malformed, Op};

use crate::error::{Error, Result};
use crate::module::Module;
use crate::store::StoreOpaque;
use crate::vm::instance::InstanceData;

/// What some code has cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cost {
    /// Fuel.
    pub fuel: u64,
    /// Instructions that read a linear memory.
    pub loads: u64,
    /// Instructions that write one. Those that copy within memories count as both.
    pub stores: u64,
    /// Bytes that these read.
    pub bytes_loaded: u64,
    /// Bytes that they wrote.
    pub bytes_stored: u64,
    /// Instructions on databases.
    pub database: u64,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Cost) {
        let Cost {
            fuel,
            loads,
            stores,
            bytes_loaded,
            bytes_stored,
            database,
        } = self;
        *fuel = fuel.saturating_add(other.fuel);
        *loads = loads.saturating_add(other.loads);
        *stores = stores.saturating_add(other.stores);
        *bytes_loaded = bytes_loaded.saturating_add(other.bytes_loaded);
        *bytes_stored = bytes_stored.saturating_add(other.bytes_stored);
        *database = database.saturating_add(other.database);
    }
}

impl Cost {
    /// What executing an instruction costs, whatever its operands.
    fn of(op: Op) -> Cost {
        let info = op.info();
        let mut cost = Cost {
            fuel: u64::from(info.fuel),
            database: u64::from(info.category == Category::Database),
            ..Cost::default()
        };
        if let Some(access) = op.memory_access() {
            let (count, bytes) = match access.is_store {
                true => (&mut cost.stores, &mut cost.bytes_stored),
                false => (&mut cost.loads, &mut cost.bytes_loaded),
            };
            (*count, *bytes) = (1, u64::from(access.bytes));
        }
        match op {
            Op::MemoryCopy => (cost.loads, cost.stores) = (1, 1),
            Op::MemoryFill | Op::MemoryInit => cost.stores = 1,
            _ => {}
        }
        cost
    }

    /// The same so many times.
    fn times(self, times: u64) -> Cost {
        Cost {
            fuel: self.fuel.saturating_mul(times),
            loads: self.loads.saturating_mul(times),
            stores: self.stores.saturating_mul(times),
            bytes_loaded: self.bytes_loaded.saturating_mul(times),
            bytes_stored: self.bytes_stored.saturating_mul(times),
            database: self.database.saturating_mul(times),
        }
    }
}

/// What instructions have cost by their operands, by the addresses of their counters.
#[derive(Debug, Default)]
pub(crate) struct Extras(BTreeMap<usize, Cost>);

impl Extras {
    /// That of the instruction with the counter at an address.
    pub(crate) fn at(&mut self, counter: usize) -> &mut Cost {
        self.0.entry(counter).or_default()
    }

    /// That of an instruction of an instance, by its place among all bodies.
    fn of(&self, instance: &InstanceData, number: usize) -> Cost {
        let counter = &raw const instance.counts()[number];
        self.0.get(&counter.addr()).copied().unwrap_or_default()
    }
}

/// What programs have executed, counted.
///
/// Blocks of instructions are paid for as a whole, so what ends in the middle of one, by a trap or an
/// exception, counts to its end. What functions of the runtime do with memory (cryptography, databases, WASI) is
/// not among loads and stores.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ExactProfile {
    /// Fuel used up. It is the sum of all rows, unless a time limit or an interrupt came between paying for a block
    /// and counting it.
    pub fuel: u64,
    /// What each line of each function has cost, ordered by the fields in front of `cost`.
    pub rows: Vec<ProfileRow>,
}

/// What a line of a function has cost.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ProfileRow {
    /// Name of the module, where it has one.
    pub module: Option<String>,
    /// The function's index in the module; `None` where it was inlined everywhere.
    pub func_index: Option<u32>,
    /// The function's name, where there is one: the innermost one of the source, as in backtraces. It may be mangled.
    pub function: Option<String>,
    /// File and line, from 1, of the source, where these are known.
    pub line: Option<(String, u32)>,
    /// What it has cost.
    pub cost: Cost,
}

/// A module by its number in the store, a function and a line.
type Key = (usize, Option<u32>, Option<String>, Option<(String, u32)>);

impl ExactProfile {
    /// The profile of a store in which so much `fuel` was used up.
    pub(crate) fn of(store: &StoreOpaque, fuel: u64) -> Result<ExactProfile> {
        let Some(extras) = &store.extras else {
            let reason = "an exact profile without counters; see Config::exact_profile";
            return Err(Error::Usage(reason.into()));
        };
        let mut costs = BTreeMap::new();
        for instance in &store.instances {
            let is_this = |known: &Module| Module::same(known, &instance.module);
            let module = store.modules.iter().position(is_this).unwrap_or_default();
            for defined in 0..instance.module.bytecode().bodies.len() as u32 {
                add_func(instance, module, defined, extras, &mut costs)?;
            }
        }
        let row = |((module, func_index, function, line), cost): (Key, Cost)| ProfileRow {
            module: store.modules[module].name().map(str::to_owned),
            func_index,
            function,
            line,
            cost,
        };
        let rows = costs.into_iter().map(row).collect();
        Ok(ExactProfile { fuel, rows })
    }

    /// All rows together.
    pub fn total(&self) -> Cost {
        let mut total = Cost::default();
        for row in &self.rows {
            total += row.cost;
        }
        total
    }
}

/// Adds what a function has cost.
fn add_func(
    instance: &InstanceData,
    number: usize,
    defined: u32,
    extras: &Extras,
    costs: &mut BTreeMap<Key, Cost>,
) -> Result<(), Malformed> {
    let module = &instance.module;
    let (isa, env) = (module.bytecode(), module.env());
    let body = isa.body_place(defined);
    let counts = &instance.counts()[body.clone()];
    if counts.iter().all(|&count| count == 0) {
        return Ok(());
    }
    let func = env.spaces.imported_funcs + defined;
    // A fault in debug information is no reason to say nothing.
    let source = module.source_tables().func(func).ok().flatten();
    // The stretch of code of one line that comes last, and what it has cost.
    let mut stretch = (None, Cost::default());
    let mut add = |(start, cost): (Option<u32>, Cost)| {
        if cost == Cost::default() {
            return;
        }
        let frames = match (&source, start) {
            (Some(source), Some(start)) => source.frames_at(start).unwrap_or_default(),
            _ => Vec::new(),
        };
        let (func, name, line) = place(module, func, frames.into_iter().next());
        *costs.entry((number, func, name, line)).or_default() += cost;
    };
    let mut verifier = FuncVerifier::new(isa, env, defined)?;
    let mut blocks = FuelBlocks::default();
    while let Some(step) = verifier.step()? {
        let offset = step.instr.offset;
        let block = blocks.enter(&step);
        verifier.apply(&step.instr)?;
        let times = block.map_or(0, |block| counts[block as usize]);
        if times == 0 {
            continue;
        }
        let row = source.as_ref().and_then(|source| source.row_at(offset));
        let start = row.map(|row| row.offset);
        if start != stretch.0 {
            add(std::mem::take(&mut stretch));
            stretch.0 = start;
        }
        stretch.1 += Cost::of(step.instr.op).times(times);
        stretch.1 += extras.of(instance, body.start + offset as usize);
    }
    add(stretch);
    Ok(())
}

/// The function and the line of what is executing innermost.
fn place(
    module: &Module,
    func: u32,
    frame: Option<SourceFrame>,
) -> (Option<u32>, Option<String>, Option<(String, u32)>) {
    let name_of = |func| module.func_name(func).map(str::to_owned);
    let Some(frame) = frame else {
        return (Some(func), name_of(func), None);
    };
    let line = frame.location.filter(|at| at.line > 0).and_then(|at| {
        let file = module.source_tables().file(at.file).ok()?;
        Some((file, at.line))
    });
    match frame.name {
        // The frame's own function, whatever the source calls it.
        _ if frame.scope == 0 => (Some(func), name_of(func), line),
        SubprogramName::Func(func) => (Some(func), name_of(func), line),
        SubprogramName::Text(name) => (None, Some(name).filter(|it| !it.is_empty()), line),
    }
}
