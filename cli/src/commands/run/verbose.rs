//! What `dotvm run --verbose` says on standard error.

use std::collections::BTreeMap;
use std::path::Path;

use dotvm::wasi::WasiCtx;
use dotvm::{GcStats, Module, Precompiled, Store, TierReport};
use dotvm_isa::types::PAGE_BYTES;

use crate::failure::readable;
use crate::phases::Phases;
use crate::units::{show_size, show_time};

/// Blocks that were not freed that are listed.
const LEAKS_SHOWN: usize = 10;

/// What is known before the program runs.
pub(super) fn module_facts(path: &Path, module: &Module) -> String {
    let isa = module.bytecode();
    let code: usize = isa.bodies.iter().map(|body| body.code.len()).sum();
    let imported = isa.imported_funcs().count();
    let entry = match module.entry() {
        None => "none".to_owned(),
        Some(index) => match module.func_name(index) {
            Some(name) => format!("function {index} {}", name.escape_debug()),
            None => format!("function {index}"),
        },
    };
    let memory = match isa.memories.first().map(|memory| memory.limits) {
        None => "none".to_owned(),
        Some(limits) => {
            let size = |pages: u64| show_size(pages * PAGE_BYTES);
            match limits.max {
                None => format!("{} at start", size(limits.min)),
                Some(max) => format!("{} at start, at most {}", size(limits.min), size(max)),
            }
        }
    };
    format!(
        "module: {}, {}\n\
         functions: {}, and {imported} imported\n\
         code: {code} bytes\n\
         memory: {memory}\n\
         entry: {entry}\n",
        path.display(),
        module.arch(),
        isa.bodies.len(),
    ) + &precompiled_facts(module)
}

/// Whether there was native code before the program ran.
fn precompiled_facts(module: &Module) -> String {
    match module.precompiled() {
        Precompiled::Used { funcs, code_bytes } => format!(
            "native code from a file: {funcs} functions, {}\n",
            show_size(code_bytes)
        ),
        Precompiled::Unused(reason) => format!("native code in a file is not used: {reason}\n"),
        _ => String::new(),
    }
}

/// What became of native code that was to be kept.
pub(super) fn cache_facts(saved: dotvm::Result<u64>) -> String {
    match saved {
        Ok(0) => String::new(),
        Ok(bytes) => format!("code cache: {} written\n", show_size(bytes)),
        Err(error) => format!("code cache: not written: {error}\n"),
    }
}

/// What is known after the program has run.
pub(super) fn run_facts(store: &Store<WasiCtx>, module: &Module, phases: &Phases) -> String {
    let usage = store.usage();
    let mut text = format!("time: {}\n", phases.show());
    if let Ok(fuel) = store.fuel_consumed() {
        text += &format!("instructions: {fuel}\n");
    }
    text += &format!(
        "functions called: {}, {} of threaded code\n",
        module.lowered_funcs(),
        show_size(module.code_bytes())
    );
    text += &tiers(&store.engine().tier_report());
    text += &format!("peak memory: {} linear", show_size(usage.peak_memory_bytes));
    if let Some(bytes) = resident_bytes("VmHWM:") {
        text += &format!(", {} of the process", show_size(bytes));
    }
    text.push('\n');
    let heap = store.heap_stats();
    if heap.allocations > 0 {
        text += &format!(
            "blocks allocated: {}, freed: {}, at most {} at a time\n",
            heap.allocations,
            heap.frees,
            show_size(heap.peak_bytes)
        );
    }
    text + &leaks(store)
}

/// What the collector of managed objects did.
pub(super) fn gc_facts(stats: &GcStats) -> String {
    format!(
        "objects: {} made, {} in use, {} of memory, at most {}; {} of the host\n\
         collections: {} young, {} full, {} in all, the longest {}\n",
        show_size(stats.allocated_bytes),
        show_size(stats.used_bytes),
        show_size(stats.heap_bytes),
        show_size(stats.peak_heap_bytes),
        stats.host_objects,
        stats.young_collections,
        stats.full_collections,
        show_time(stats.pause_total),
        show_time(stats.pause_max),
    )
}

/// What was compiled to native code.
fn tiers(report: &TierReport) -> String {
    let mut text = format!(
        "compiled: {} functions, {} loops, {} of native code in {}; loops entered: {}\n",
        report.compiled_funcs,
        report.compiled_loops,
        show_size(report.code_bytes),
        show_time(report.compile_time),
        report.loop_entries,
    );
    for (reason, count) in &report.bailouts {
        text += &format!("not compiled, {reason}: {count}\n");
    }
    text
}

/// Blocks that the program has allocated with `alloc` and not freed.
fn leaks(store: &Store<WasiCtx>) -> String {
    let blocks = store.heap_blocks();
    let mut text = String::new();
    if blocks.is_empty() {
        return text;
    }
    let bytes: u64 = blocks.iter().map(|block| u64::from(block.bytes)).sum();
    text += &format!("blocks not freed: {}, {bytes} bytes\n", blocks.len());
    for block in blocks.iter().take(LEAKS_SHOWN) {
        text += &format!("  {:#010x}: {} bytes\n", block.address, block.bytes);
    }
    if blocks.len() > LEAKS_SHOWN {
        text += &format!("  and {} more\n", blocks.len() - LEAKS_SHOWN);
    }
    text
}

/// What was not freed, by where it was allocated, the most bytes first.
pub(super) fn leaks_by_place(store: &Store<WasiCtx>) -> String {
    let mut places: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (block, place) in store.heap_leaks() {
        let (blocks, bytes) = places.entry(readable(place.to_string())).or_default();
        *blocks += 1;
        *bytes += u64::from(block.bytes);
    }
    let blocks: u64 = places.values().map(|(blocks, _)| blocks).sum();
    let bytes: u64 = places.values().map(|(_, bytes)| bytes).sum();
    let mut text = format!("blocks not freed: {blocks}, {bytes} bytes\n");
    let mut places: Vec<_> = places.into_iter().collect();
    places.sort_by_key(|(_, (_, bytes))| std::cmp::Reverse(*bytes));
    for (place, (blocks, bytes)) in places.iter().take(LEAKS_SHOWN) {
        let noun = if *blocks == 1 { "block" } else { "blocks" };
        text += &format!("{blocks} {noun}, {bytes} bytes, allocated{place}\n");
    }
    if places.len() > LEAKS_SHOWN {
        text += &format!("and at {} more places\n", places.len() - LEAKS_SHOWN);
    }
    text
}

/// Memory that this process has (`VmRSS:`), or the most that it had (`VmHWM:`), in bytes, as far as the system says.
pub(super) fn resident_bytes(label: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(label))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(kib * 1024)
}
