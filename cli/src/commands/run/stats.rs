//! What `dotvm run --stats` writes: what a program has used, for people or as JSON.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use dotvm::wasi::WasiCtx;
use dotvm::{Module, Store};
use dotvm_isa::ops::Category;
use serde::Serialize;

use super::verbose::resident_bytes;
use crate::args::Run;
use crate::failure::{Failure, Result};
use crate::output;
use crate::phases::Phases;
use crate::units::{show_size, show_time};

/// What files of this form start with.
const FORMAT: &str = "dotvm stats 1";

/// What a program has used.
#[derive(Serialize)]
struct Stats {
    format: &'static str,
    program: String,
    phases: Vec<Phase>,
    /// Where it was counted.
    fuel: Option<u64>,
    tiers: Tiers,
    memory: Vec<Owner>,
    allocations: Allocations,
    collections: Collections,
    host_calls: u64,
    /// Instructions on databases by their names, those of cryptography, and those of big integers.
    database: BTreeMap<&'static str, u64>,
    crypto: BTreeMap<&'static str, u64>,
    big_integers: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct Phase {
    name: &'static str,
    micros: u64,
}

#[derive(Serialize)]
struct Tiers {
    functions_called: u64,
    compiled_functions: u64,
    compiled_loops: u64,
    loops_entered: u64,
    compile_micros: u64,
    /// Functions whose native code came from a file.
    loaded_functions: u64,
    /// What was not compiled, by the reason.
    not_compiled: BTreeMap<String, u64>,
}

/// Bytes that something has, and the most that it had.
#[derive(Serialize)]
struct Owner {
    owner: &'static str,
    bytes: u64,
    peak_bytes: u64,
}

/// Blocks of `alloc`.
#[derive(Serialize)]
struct Allocations {
    allocated: u64,
    freed: u64,
    live: u64,
    live_bytes: u64,
    peak_bytes: u64,
}

/// Collections of managed objects.
#[derive(Serialize)]
struct Collections {
    young: u64,
    full: u64,
    allocated_bytes: u64,
    pause_micros: u64,
    longest_pause_micros: u64,
}

/// Writes what a program that has ended used, where somebody asked.
///
/// # Errors
/// Where it cannot be written.
pub(super) fn write(
    args: &Run,
    store: &Store<WasiCtx>,
    module: &Module,
    phases: &Phases,
) -> Result {
    let Some(file) = &args.stats else {
        return Ok(());
    };
    let stats = Stats::of(args.file(), store, module, phases);
    let Some(path) = file else {
        output::say(&stats.text());
        return Ok(());
    };
    if path.extension() != Some(OsStr::new("json")) {
        return output::write_file(path, stats.text().as_bytes());
    }
    let json = serde_json::to_string_pretty(&stats).map_err(Failure::new)? + "\n";
    output::write_file(path, json.as_bytes())
}

impl Stats {
    fn of(program: &Path, store: &Store<WasiCtx>, module: &Module, phases: &Phases) -> Stats {
        let report = store.engine().tier_report();
        let (heap, gc) = (store.heap_stats(), store.gc_stats());
        let services = |category: Category| -> BTreeMap<&'static str, u64> {
            let calls = store.service_calls().map(|(it, count)| (it.op(), count));
            let calls = calls.filter(|(op, _)| op.info().category == category);
            calls
                .map(|(op, count)| (op.info().mnemonic, count))
                .collect()
        };
        let phase = |&(name, time): &(&'static str, Duration)| Phase {
            name,
            micros: micros(time),
        };
        let reasons = report.bailouts.iter();
        Stats {
            format: FORMAT,
            program: program.display().to_string(),
            phases: phases.done().iter().map(phase).collect(),
            fuel: store.fuel_consumed().ok(),
            tiers: Tiers {
                functions_called: module.lowered_funcs() as u64,
                compiled_functions: report.compiled_funcs,
                compiled_loops: report.compiled_loops,
                loops_entered: report.loop_entries,
                compile_micros: micros(report.compile_time),
                loaded_functions: report.loaded_funcs,
                not_compiled: reasons
                    .map(|(reason, &count)| (reason.to_string(), count))
                    .collect(),
            },
            memory: owners(store),
            allocations: Allocations {
                allocated: heap.allocations,
                freed: heap.frees,
                live: heap.live_blocks,
                live_bytes: heap.live_bytes,
                peak_bytes: heap.peak_bytes,
            },
            collections: Collections {
                young: gc.young_collections,
                full: gc.full_collections,
                allocated_bytes: gc.allocated_bytes,
                pause_micros: micros(gc.pause_total),
                longest_pause_micros: micros(gc.pause_max),
            },
            host_calls: store.host_calls(),
            database: services(Category::Database),
            crypto: services(Category::Crypto),
            big_integers: services(Category::BigInt),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let time = |micros| show_time(Duration::from_micros(micros));
        let mut line = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<22} {value}");
        };
        for phase in &self.phases {
            line(&format!("time: {}", phase.name), time(phase.micros));
        }
        if let Some(fuel) = self.fuel {
            line("fuel", fuel.to_string());
        }
        let tiers = &self.tiers;
        line("functions called", tiers.functions_called.to_string());
        let compiled = format!(
            "{} functions, {} loops in {}; {} functions from a file",
            tiers.compiled_functions,
            tiers.compiled_loops,
            time(tiers.compile_micros),
            tiers.loaded_functions
        );
        line("compiled", compiled);
        line("loops entered", tiers.loops_entered.to_string());
        for (reason, count) in &tiers.not_compiled {
            line("not compiled", format!("{count}: {reason}"));
        }
        for owner in &self.memory {
            let (now, most) = (show_size(owner.bytes), show_size(owner.peak_bytes));
            let name = format!("memory: {}", owner.owner);
            line(&name, format!("{now}, at most {most}"));
        }
        let blocks = &self.allocations;
        let (live, most) = (show_size(blocks.live_bytes), show_size(blocks.peak_bytes));
        let value = format!(
            "{} allocated, {} freed, {} left ({live}), at most {most}",
            blocks.allocated, blocks.freed, blocks.live
        );
        line("blocks", value);
        let gc = &self.collections;
        let value = format!(
            "{} young, {} full, {} in all, the longest {}",
            gc.young,
            gc.full,
            time(gc.pause_micros),
            time(gc.longest_pause_micros)
        );
        line("collections", value);
        line("host calls", self.host_calls.to_string());
        let services = self.database.iter().chain(&self.crypto);
        for (name, count) in services.chain(&self.big_integers) {
            line(&format!("executed: {name}"), count.to_string());
        }
        text
    }
}

/// Who has how much memory.
fn owners(store: &Store<WasiCtx>) -> Vec<Owner> {
    let usage = store.usage();
    let gc = store.gc_stats();
    let native = store.engine().tier_report().code_bytes;
    let owner = |owner, bytes, peak_bytes| Owner {
        owner,
        bytes,
        peak_bytes,
    };
    let mut owners = vec![
        owner("linear", usage.memory_bytes, usage.peak_memory_bytes),
        owner("objects", usage.object_bytes, gc.peak_heap_bytes),
        owner(
            "exceptions",
            usage.exception_bytes,
            usage.peak_exception_bytes,
        ),
        owner("handles", usage.handle_bytes, usage.peak_handle_bytes),
        // These only grow.
        owner("tables", usage.table_bytes, usage.table_bytes),
        owner("threaded code", usage.code_bytes, usage.code_bytes),
        owner("native code", native, native),
    ];
    if let (Some(bytes), Some(peak)) = (resident_bytes("VmRSS:"), resident_bytes("VmHWM:")) {
        owners.push(owner("process", bytes, peak));
    }
    owners
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
