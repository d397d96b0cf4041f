//! What a call costs, in every direction, in time per call. The caller is a loop, whose own cost is
//! measured as well.

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use dotvm::{Bailout, Engine};
use dotvm_bench::guest::{Guest, Tier, ballast};

/// A function for a call from outside, and loops that do one thing `$n` times: nothing, a call of a
/// defined function, of a host function, through a table with always the same function and with four
/// in turn.
const CALLS: &str = r#"
(module
  (import "host" "count" (func $count (param i64) (result i64)))
  (type $unary (func (param i64) (result i64)))
  (table funcref (elem $one $two $three $four))
  (func $one (export "one") (param i64) (result i64) (i64.add (local.get 0) (i64.const 1)))
  (func $two (param i64) (result i64) (i64.add (local.get 0) (i64.const 2)))
  (func $three (param i64) (result i64) (i64.add (local.get 0) (i64.const 3)))
  (func $four (param i64) (result i64) (i64.add (local.get 0) (i64.const 4)))
  (func $fib (export "fib") (param i64) (result i64)
    (if (result i64) (i64.lt_u (local.get 0) (i64.const 2))
      (then (local.get 0))
      (else (i64.add
        (call $fib (i64.sub (local.get 0) (i64.const 1)))
        (call $fib (i64.sub (local.get 0) (i64.const 2)))))))
  (func (export "nothing") (param $n i64) (result i64) (local $x i64)
    (loop $next
      (local.set $x (i64.add (i64.mul (local.get $x) (local.get $x)) (i64.const 1)))
      (br_if $next (i64.ne (local.tee $n (i64.sub (local.get $n) (i64.const 1))) (i64.const 0))))
    (local.get $x))
  (func (export "direct") (param $n i64) (result i64) (local $x i64)
    (loop $next
      (local.set $x (call $one (local.get $x)))
      (br_if $next (i64.ne (local.tee $n (i64.sub (local.get $n) (i64.const 1))) (i64.const 0))))
    (local.get $x))
  (func (export "host") (param $n i64) (result i64) (local $x i64)
    (loop $next
      (local.set $x (call $count (local.get $x)))
      (br_if $next (i64.ne (local.tee $n (i64.sub (local.get $n) (i64.const 1))) (i64.const 0))))
    (local.get $x))
  (func (export "table_same") (param $n i64) (result i64) (local $x i64)
    (loop $next
      (local.set $x (call_indirect (type $unary) (local.get $x) (i32.const 2)))
      (br_if $next (i64.ne (local.tee $n (i64.sub (local.get $n) (i64.const 1))) (i64.const 0))))
    (local.get $x))
  (func (export "table_turns") (param $n i64) (result i64) (local $x i64)
    (loop $next
      (local.set $x (call_indirect (type $unary)
        (local.get $x) (i32.and (i32.wrap_i64 (local.get $n)) (i32.const 3))))
      (br_if $next (i64.ne (local.tee $n (i64.sub (local.get $n) (i64.const 1))) (i64.const 0))))
    (local.get $x)))"#;

/// The argument of the recursion, and how many calls it takes.
const FIB: (i64, u64) = (20, 21_891);

/// Measures exported functions of a guest that do something as often as their parameter says.
fn measure_loop(c: &mut Criterion, group: &str, name: &str, guest: &mut Guest, func: &str) {
    let mut call = guest.caller::<i64, i64>(func).expect("a function");
    c.benchmark_group(group).bench_function(name, |b| {
        b.iter_custom(|iters| {
            let start = Instant::now();
            black_box(call(iters.cast_signed()));
            start.elapsed()
        });
    });
}

fn within_a_tier(c: &mut Criterion) {
    for tier in Tier::ALL {
        let mut guest = Guest::new(&tier.engine(), CALLS).expect("a program");
        for (group, func) in [
            ("loop without a call", "nothing"),
            ("guest to guest", "direct"),
            ("guest to host closure", "host"),
            ("through a table, same function", "table_same"),
            ("through a table, four in turn", "table_turns"),
        ] {
            measure_loop(c, group, tier.name(), &mut guest, func);
        }
        let mut fib = guest.caller::<i64, i64>("fib").expect("a function");
        c.benchmark_group("recursion (fib), per call")
            .bench_function(tier.name(), |b| {
                b.iter_custom(|iters| {
                    let rounds = iters.div_ceil(FIB.1);
                    let start = Instant::now();
                    for _ in 0..rounds {
                        black_box(fib(black_box(FIB.0)));
                    }
                    // The time of as many calls as were asked for.
                    start
                        .elapsed()
                        .mul_f64(iters as f64 / (rounds * FIB.1) as f64)
                });
            });
    }
}

fn from_the_host(c: &mut Criterion) {
    let mut group = c.benchmark_group("host to guest, typed");
    for tier in Tier::ALL {
        let mut guest = Guest::new(&tier.engine(), CALLS).expect("a program");
        let mut call = guest.caller::<i64, i64>("one").expect("a function");
        group.bench_function(tier.name(), |b| b.iter(|| call(black_box(1))));
    }
    // What the same costs without a machine between.
    let plain: fn(i64) -> i64 = |x| x.wrapping_add(1);
    group.bench_function("plain function pointer", |b| {
        b.iter(|| black_box(plain)(black_box(1)));
    });
}

/// An engine with native code, and a guest of it in which one function is too large for the compiler,
/// so that the interpreter runs it: the one that calls in a loop, or the one that is called.
fn mixed(large_caller: bool) -> Guest {
    // In a branch that is never taken, so that it costs nothing but its size.
    let large = format!(
        "(if (i64.lt_s (local.get $x) (i64.const 0)) (then {}))",
        ballast(60_000)
    );
    let [in_caller, in_callee] = match large_caller {
        true => [large.as_str(), ""],
        false => ["", large.as_str()],
    };
    let text = format!(
        r#"(module
        (func $one (param $x i64) (result i64)
          {in_callee}
          (i64.add (local.get $x) (i64.const 1)))
        (func (export "direct") (param $n i64) (result i64) (local $x i64)
          {in_caller}
          (loop $next
            (local.set $x (call $one (local.get $x)))
            (br_if $next
              (i64.ne (local.tee $n (i64.sub (local.get $n) (i64.const 1))) (i64.const 0))))
          (local.get $x)))"#
    );
    let engine: Engine = Tier::Native.engine();
    let guest = Guest::new(&engine, &text).expect("a program");
    let report = engine.tier_report();
    assert_eq!(
        report.bailouts.get(&Bailout::TooLarge),
        Some(&1),
        "{report:?}"
    );
    assert_eq!(report.compiled_funcs, 1, "{report:?}");
    guest
}

fn between_tiers(c: &mut Criterion) {
    let group = "between tiers";
    measure_loop(
        c,
        group,
        "interpreter to native",
        &mut mixed(true),
        "direct",
    );
    measure_loop(
        c,
        group,
        "native to interpreter",
        &mut mixed(false),
        "direct",
    );
}

criterion_group!(benches, within_a_tier, from_the_host, between_tiers);
criterion_main!(benches);
