//! How long it takes until a program runs, and until it runs fast: loading, instantiation, and the time
//! from when a loop gets hot until it is in native code.

use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use dotvm::wasi::{WasiCtx, WasiCtxBuilder};
use dotvm::{Bytes, Caller, Config, Engine, Jit, Linker, Module, Store, add_wasi_to_linker};
use dotvm_bench::guest::{ballast, example, module};
use dotvm_isa::{EncodeOptions, encode};
use dotvm_transpiler::{Options, transpile};

/// How often a loop goes round until it is hot: the default of [`Config::jit_threshold`], said here so
/// that the host function can count along.
const THRESHOLD: u64 = 2000;

fn instantiate(c: &mut Criterion) {
    let tiny = r#"(module (memory (export "memory") 1) (func (export "f")))"#;
    let tiny = wat::parse_str(tiny).expect("valid text");
    let json = example("json").expect("an example");
    for (name, wasm) in [("a memory and a function", tiny), ("json example", json)] {
        let output = transpile(&wasm, &Options::default()).expect("a program");
        let bytes = encode(&output.module, &output.names, EncodeOptions::default());
        let bytes = Bytes::new(bytes);
        let mut config = Config::new();
        config.jit(Jit::Tiered);
        let engine = Engine::new(&config);
        c.benchmark_group("load").bench_function(name, |b| {
            b.iter(|| Module::from_bytes(&engine, &bytes).expect("a module"));
        });
        let module = Module::from_bytes(&engine, &bytes).expect("a module");
        let mut linker = Linker::new(&engine);
        add_wasi_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx).expect("free names");
        let prepared = linker.instantiate_pre(&module).expect("it links");
        c.benchmark_group("instantiate").bench_function(name, |b| {
            let data = || WasiCtxBuilder::new().build();
            let run = |data| {
                let mut store = Store::new(&engine, data);
                prepared.instantiate(&mut store).expect("it starts");
                store
            };
            b.iter_batched(data, run, BatchSize::PerIteration);
        });
    }
}

/// What the host function of a loop notes.
#[derive(Default)]
struct Watch {
    rounds: u64,
    hot: Option<Instant>,
    latency: Option<Duration>,
}

/// Counts rounds, notes when the loop gets hot, and ends it when it is in native code.
fn watch(mut caller: Caller<'_, Watch>) -> i32 {
    let is_native = caller.engine().tier_report().loop_entries > 0;
    let watch = caller.data_mut();
    watch.rounds += 1;
    if watch.rounds == THRESHOLD {
        watch.hot = Some(Instant::now());
    }
    if is_native {
        watch.latency = watch.hot.map(|hot| hot.elapsed());
    }
    i32::from(is_native)
}

/// The time from a loop's getting hot to its running in native code, in an engine that has not compiled
/// anything before. The loop calls the host each time round, so that the host sees it happen.
fn tier_up(text: &str) -> Duration {
    let mut config = Config::new();
    config.jit(Jit::Tiered).jit_threshold(THRESHOLD as u32);
    let engine = Engine::new(&config);
    let module = module(&engine, text).expect("a program");
    let mut linker = Linker::new(&engine);
    linker
        .func_wrap("host", "watch", watch)
        .expect("a free name");
    let mut store = Store::new(&engine, Watch::default());
    let instance = linker.instantiate(&mut store, &module).expect("it starts");
    let run = instance
        .get_typed_func::<i64, ()>(&mut store, "run")
        .expect("a function");
    run.call(&mut store, 1).expect("it runs");
    store
        .data()
        .latency
        .expect("it was hot before it was native")
}

fn tier_up_latency(c: &mut Criterion) {
    let mut group = c.benchmark_group("tier-up latency");
    group.sample_size(20);
    for (name, size) in [("small loop", 0), ("function of 1000 operations", 500)] {
        let text = format!(
            r#"(module
            (import "host" "watch" (func $watch (result i32)))
            (func (export "run") (param $x i64)
              (loop $next
                (if (i64.eqz (local.get $x)) (then {}))
                (br_if $next (i32.eqz (call $watch))))
              (if (i64.eqz (local.get $x)) (then unreachable))))"#,
            ballast(size)
        );
        group.bench_function(name, |b| {
            b.iter_custom(|iters| (0..iters).map(|_| tier_up(&text)).sum());
        });
    }
}

criterion_group!(benches, instantiate, tier_up_latency);
criterion_main!(benches);
