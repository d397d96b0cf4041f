//! What access to linear memory costs: reading and writing in order, in bytes per second, and where
//! each address depends on the load before, in time per load.

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dotvm_bench::guest::{Guest, Tier};

/// Bytes that are worked on: within a first-level cache.
const BYTES: i32 = 32 << 10;

/// Functions on the first `$bytes` of memory; `link` makes them a cycle of addresses that `chase`
/// follows for `$n` steps.
const MEMORY: &str = r#"
(module
  (memory 1)
  (func (export "sum") (param $bytes i32) (result i64) (local $at i32) (local $sum i64)
    (loop $next
      (local.set $sum (i64.add (local.get $sum) (i64.load (local.get $at))))
      (br_if $next (i32.lt_u
        (local.tee $at (i32.add (local.get $at) (i32.const 8))) (local.get $bytes))))
    (local.get $sum))
  (func (export "sum_bytes") (param $bytes i32) (result i64) (local $at i32) (local $sum i64)
    (loop $next
      (local.set $sum (i64.add (local.get $sum) (i64.load8_u (local.get $at))))
      (br_if $next (i32.lt_u
        (local.tee $at (i32.add (local.get $at) (i32.const 1))) (local.get $bytes))))
    (local.get $sum))
  (func (export "store") (param $bytes i32) (local $at i32)
    (loop $next
      (i64.store (local.get $at) (i64.extend_i32_u (local.get $at)))
      (br_if $next (i32.lt_u
        (local.tee $at (i32.add (local.get $at) (i32.const 8))) (local.get $bytes)))))
  (func (export "copy") (param $bytes i32)
    (memory.copy (local.get $bytes) (i32.const 0) (local.get $bytes)))
  (func (export "link") (param $bytes i32) (local $at i32) (local $to i32)
    ;; Steps of an odd number of words visit every word of a power of two of them.
    (loop $next
      (local.set $to (i32.and
        (i32.add (local.get $at) (i32.const 12328)) (i32.sub (local.get $bytes) (i32.const 8))))
      (i32.store (local.get $at) (local.get $to))
      (br_if $next (local.tee $at (local.get $to)))))
  (func (export "chase") (param $n i64) (result i32) (local $at i32)
    (loop $next
      (local.set $at (i32.load (local.get $at)))
      (br_if $next (i64.ne (local.tee $n (i64.sub (local.get $n) (i64.const 1))) (i64.const 0))))
    (local.get $at)))"#;

fn memory(c: &mut Criterion) {
    for tier in Tier::ALL {
        let mut guest = Guest::new(&tier.engine(), MEMORY).expect("a program");
        let mut measure = |name: &str, func: &str| {
            let mut group = c.benchmark_group(name);
            group.throughput(Throughput::Bytes(BYTES.unsigned_abs().into()));
            if func.starts_with("sum") {
                let mut call = guest.caller::<i32, i64>(func).expect("a function");
                group.bench_function(tier.name(), |b| b.iter(|| call(black_box(BYTES))));
            } else {
                let mut call = guest.caller::<i32, ()>(func).expect("a function");
                group.bench_function(tier.name(), |b| b.iter(|| call(black_box(BYTES))));
            }
        };
        measure("load words", "sum");
        measure("load bytes", "sum_bytes");
        measure("store words", "store");
        measure("memory.copy", "copy");
        guest.caller::<i32, ()>("link").expect("a function")(BYTES);
        let mut chase = guest.caller::<i64, i32>("chase").expect("a function");
        c.benchmark_group("dependent loads, per load")
            .bench_function(tier.name(), |b| {
                b.iter_custom(|iters| {
                    let start = Instant::now();
                    black_box(chase(iters.cast_signed()));
                    start.elapsed()
                });
            });
    }
}

criterion_group!(benches, memory);
criterion_main!(benches);
