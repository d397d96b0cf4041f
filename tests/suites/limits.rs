//! Programs that never end, never stop calling or never have enough are stopped, in time, by a trap,
//! and never by a signal.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use dotvm::{Config, Engine, Linker, Module, Store, TrapCode};
use dotvm_tests::command::{Outcome, run};
use dotvm_transpiler::{Options, transpile};

/// Exit code of a trap.
const TRAP: i32 = 134;

const ENDLESS_LOOP: &str = r#"(module (func (export "_start") (loop br 0)))"#;

/// A loop that is nothing but calls: other code than a jump back has to notice the time.
const ENDLESS_CALLS: &str = r#"(module
    (func $f (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
    (func $tail (return_call $tail))
    (func (export "_start") (drop (call $f (i32.const 1))) (call $tail)))"#;

/// Sleeps for an hour in one call of WASI.
const ENDLESS_SLEEP: &str = r#"(module
    (import "wasi_snapshot_preview1" "poll_oneoff"
      (func $poll (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")
      ;; One subscription at 0: a relative time of the monotonic clock.
      (i32.store (i32.const 16) (i32.const 1))
      (i64.store (i32.const 24) (i64.const 3600000000000))
      (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))"#;

const RUNAWAY_RECURSION: &str = r#"(module
    (func $f (param i64) (result i64) (i64.add (call $f (local.get 0)) (local.get 0)))
    (func (export "_start") (drop (call $f (i64.const 1)))))"#;

/// Recursion through two functions and a table, with large frames.
const INDIRECT_RECURSION: &str = r#"(module
    (type $t (func (param i32)))
    (table funcref (elem $f $g))
    (func $f (type $t) (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
      (call_indirect (type $t) (local.get 0) (i32.const 1)))
    (func $g (type $t) (call_indirect (type $t) (local.get 0) (i32.const 0)))
    (func (export "_start") (call $f (i32.const 1))))"#;

const RUNAWAY_MEMORY: &str = r#"(module
    (memory 1)
    (func (export "_start")
      (loop
        (br_if 1 (i32.eq (memory.grow (i32.const 16)) (i32.const -1)))
        ;; What was got is used, so that it is not only address space.
        (memory.fill (i32.mul (i32.sub (memory.size) (i32.const 16)) (i32.const 65536))
          (i32.const 1) (i32.const 0x100000))
        (br 0))))"#;

const RUNAWAY_TABLE: &str = r#"(module
    (table 1 funcref)
    (func (export "_start")
      (loop
        (br_if 1 (i32.eq (table.grow (ref.null func) (i32.const 1000000)) (i32.const -1)))
        (br 0))))"#;

/// A program in a folder of its own.
struct Program {
    folder: tempfile::TempDir,
}

impl Program {
    fn new(wat: &str) -> Program {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("program.wat"), wat).expect("a file in it");
        Program { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("program.wat")
    }

    fn run(&self, options: &[&str]) -> Outcome {
        dotvm_run(&self.path(), options)
    }
}

fn dotvm_run(program: &Path, options: &[&str]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dotvm-under-test"));
    run(command.arg("run").args(options).arg(program), b"")
}

/// Checks that a program is stopped by that trap, and not by a signal.
#[track_caller]
fn assert_traps(outcome: &Outcome, trap: TrapCode) {
    let stderr = &outcome.stderr;
    assert_eq!(outcome.code(), TRAP, "{stderr}");
    assert!(
        stderr.starts_with(&format!("error: trap: {}", trap.message())),
        "{stderr}"
    );
}

#[test]
fn fuel_stops_what_never_ends() {
    for wat in [ENDLESS_LOOP, ENDLESS_CALLS] {
        for fuel in ["0", "1", "1000", "10000000"] {
            assert_traps(
                &Program::new(wat).run(&["--fuel", fuel]),
                TrapCode::OutOfFuel,
            );
        }
    }
}

#[test]
fn time_stops_what_never_ends() {
    for wat in [ENDLESS_LOOP, ENDLESS_CALLS, ENDLESS_SLEEP] {
        for timeout in ["0ms", "1ms", "300ms"] {
            let outcome = Program::new(wat).run(&["--timeout", timeout]);
            assert_traps(&outcome, TrapCode::Timeout);
            // The bound that users are promised is measured below; this one only excludes that
            // something else ended it, on a machine that does other things as well.
            assert!(
                outcome.time < Duration::from_secs(10),
                "{timeout}: {:?}",
                outcome.time
            );
        }
    }
}

#[test]
fn time_stops_bulk_operations() {
    // Where nobody looks, both end before anybody asks whether the time is over.
    for bulk in [
        "(memory.fill (i32.const 0) (i32.const 1) (i32.const 0x40000000))",
        "(memory.copy (i32.const 0) (i32.const 0x20000000) (i32.const 0x20000000))",
    ] {
        let program = Program::new(&format!(
            r#"(module (memory 16384) (func (export "_start") {bulk}))"#
        ));
        let outcome = program.run(&["--jit=off", "--timeout", "5ms"]);
        assert_traps(&outcome, TrapCode::Timeout);
    }
}

#[test]
fn faults_that_others_send_are_no_traps() {
    use std::os::unix::process::ExitStatusExt as _;
    let script = r#""$0" run "$@" & sleep 0.3; kill -SEGV $!; sleep 0.1; kill -SEGV $!; wait $!"#;
    for jit in ["--jit=off", "--jit=eager"] {
        let mut command = Command::new("sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_dotvm-under-test"), jit]);
        let outcome = run(command.arg(Program::new(ENDLESS_LOOP).path()), b"");
        // The first one may only take its handler away.
        let signal = outcome
            .status
            .signal()
            .or(outcome.status.code().map(|code| code - 128));
        assert_eq!(signal, Some(11), "{jit}: {}", outcome.stderr);
        assert!(!outcome.stderr.contains("trap"), "{}", outcome.stderr);
    }
}

#[test]
fn the_signal_that_stops_native_code_stops_nothing_when_others_send_it() {
    let counting = r#"(module
        (func (export "count") (result i64) (local $n i64)
          (loop $again
            (local.set $n (i64.add (local.get $n) (i64.const 1)))
            (br_if $again (i64.ne (local.get $n) (i64.const 300000000))))
          (local.get $n)))"#;
    let script = r#""$0" run "$@" & while kill -URG $! 2>&-; do :; done; wait $!"#;
    let program = Program::new(counting);
    for jit in ["--jit=off", "--jit=tiered", "--jit=eager"] {
        let mut command = Command::new("sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_dotvm-under-test")]);
        command.args([jit, "--invoke", "count"]).arg(program.path());
        let outcome = run(&mut command, b"");
        assert_eq!(
            (outcome.code(), &*outcome.stdout),
            (0, "300000000\n"),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn time_stops_within_20_milliseconds() {
    const TIMEOUT: Duration = Duration::from_millis(100);
    const LATE_MAX: Duration = Duration::from_millis(20);
    for wat in [ENDLESS_LOOP, ENDLESS_CALLS] {
        // A busy machine may wake a thread late once, but not every time.
        let late = (0..10)
            .map(|_| lateness(wat, TIMEOUT))
            .min()
            .expect("ten runs");
        assert!(late <= LATE_MAX, "{late:?} late: {wat}");
    }
}

/// Runs until a timeout; how long after it the run ended.
fn lateness(wat: &str, timeout: Duration) -> Duration {
    let engine = Engine::default();
    let module = load(&engine, wat);
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .expect("an instance");
    let entry = instance.entry(&mut store).expect("an entry point");
    let start = Instant::now();
    store.set_timeout(timeout).expect("a timeout");
    let error = entry
        .call(&mut store, &[])
        .expect_err("a program that never ends");
    let time = start.elapsed();
    assert_eq!(error.trap_code(), Some(TrapCode::Timeout), "{error}");
    assert!(time >= timeout, "stopped after {time:?}");
    time - timeout
}

fn load(engine: &Engine, wat: &str) -> Module {
    let program = Program::new(wat);
    let wasm =
        dotvm_tests::guest::compile(&program.path(), None).expect("WebAssembly text that is right");
    let output = transpile(&wasm, &Options::default()).expect("a module that transpiles");
    Module::from_parts(engine, output.module, output.names).expect("a module that loads")
}

#[test]
fn recursion_stops_at_any_stack_size() {
    let sizes = ["0", "1", "8", "64", "1000", "4K", "64K", "1M", "64M", "1G"];
    for wat in [RUNAWAY_RECURSION, INDIRECT_RECURSION] {
        let program = Program::new(wat);
        for size in sizes {
            assert_traps(
                &program.run(&["--max-stack", size]),
                TrapCode::StackExhausted,
            );
        }
        assert_traps(&program.run(&[]), TrapCode::StackExhausted);
    }
}

#[test]
fn recursion_gets_as_deep_as_the_stack_allows() {
    let engine_of = |bytes: usize| Engine::new(Config::new().max_stack_bytes(bytes));
    let wat = r#"(module (func $f (export "f") (param i32) (result i32)
        (if (result i32) (local.get 0)
          (then (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1)))))
          (else (i32.const 0)))))"#;
    let depth = |bytes: usize| {
        let engine = engine_of(bytes);
        let module = load(&engine, wat);
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &module)
            .expect("an instance");
        let f = instance
            .get_typed_func::<i32, i32>(&mut store, "f")
            .expect("a function");
        // The deepest recursion that goes well, by bisection.
        let (mut good, mut bad) = (0, 1 << 24);
        while bad - good > 1 {
            let middle = good + (bad - good) / 2;
            match f.call(&mut store, middle) {
                Ok(count) => {
                    assert_eq!(count, middle);
                    good = middle;
                }
                Err(error) => {
                    assert_eq!(error.trap_code(), Some(TrapCode::StackExhausted), "{error}");
                    bad = middle;
                }
            }
        }
        f64::from(good)
    };
    let (small, large) = (depth(64 << 10), depth(1 << 20));
    assert!(small > 500.0, "{small} calls in 64 KiB");
    assert!(
        (14.0..18.0).contains(&(large / small)),
        "{small} calls in 64 KiB, {large} in 1 MiB"
    );
}

#[test]
fn memory_stops_at_the_limit() {
    let program = Program::new(RUNAWAY_MEMORY);
    for limit in ["64K", "1M", "1000000", "64M", "256M"] {
        assert_traps(
            &program.run(&["--max-memory", limit]),
            TrapCode::MemoryLimit,
        );
    }
}

#[test]
fn exceptions_count_as_memory() {
    // Each keeps the one before.
    let program = Program::new(
        r#"(module
          (tag $link (param exnref))
          (func (export "_start") (local $last exnref)
            (loop $more
              (block $caught (result exnref exnref)
                (try_table (catch_ref $link $caught) (throw $link (local.get $last)))
                (unreachable))
              (local.set $last)
              (drop)
              (br $more))))"#,
    );
    for jit in ["--jit=off", "--jit=eager"] {
        let options = ["--max-memory", "4M", jit];
        assert_traps(&program.run(&options), TrapCode::MemoryLimit);
    }
}

#[test]
fn memories_of_64_bit_addresses_stop_at_the_limit() {
    // At once far more than there are addresses for, and what its own maximum forbids.
    let program = Program::new(
        r#"(module
          (memory $large i64 1)
          (memory $small i64 1 2)
          (func (export "large") (result i64) (memory.grow $large (i64.const 0x100000000)))
          (func (export "small") (result i64) (memory.grow $small (i64.const 2))))"#,
    );
    let run = |options: &[&str]| program.run(options).stdout;
    assert_eq!(run(&["--invoke", "large"]), "-1\n");
    assert_eq!(run(&["--invoke", "small", "--max-memory", "1G"]), "-1\n");
    let outcome = program.run(&["--invoke", "large", "--max-memory", "1G"]);
    assert_traps(&outcome, TrapCode::MemoryLimit);
}

#[test]
fn a_program_that_needs_more_memory_than_allowed_does_not_start() {
    let program = Program::new(r#"(module (memory 100) (func (export "_start")))"#);
    assert_eq!(program.run(&["--max-memory", "100M"]).code(), 0);
    let outcome = program.run(&["--max-memory", "1M"]);
    assert_eq!(outcome.code(), TRAP);
    assert!(outcome.stderr.contains("limit"), "{}", outcome.stderr);
}

#[test]
fn tables_stop_at_the_limit() {
    // The table's limit is the engine's own: growing fails, and the program goes on.
    assert_eq!(Program::new(RUNAWAY_TABLE).run(&[]).code(), 0);
}

#[test]
fn the_same_program_uses_the_same_fuel_every_time() {
    let program = Program::new(
        r#"(module
          (memory 1)
          (func $fib (param i32) (result i32)
            (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
              (then (local.get 0))
              (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                             (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
          (func (export "_start") (i32.store (i32.const 0) (call $fib (i32.const 20)))))"#,
    );
    let totals: Vec<u64> = (0..3)
        .map(|_| instructions(&program.run(&["--verbose"])))
        .collect();
    assert!(totals[0] > 100_000, "{totals:?}");
    assert_eq!(totals, [totals[0]; 3]);

    // Exactly that much is enough, and one less is not.
    let exact = totals[0].to_string();
    let outcome = program.run(&["--fuel", &exact]);
    assert_eq!(outcome.code(), 0, "{}", outcome.stderr);
    let short = (totals[0] - 1).to_string();
    assert_traps(&program.run(&["--fuel", &short]), TrapCode::OutOfFuel);
}

/// The number in the line `instructions:` of verbose output.
fn instructions(outcome: &Outcome) -> u64 {
    let mut lines = outcome.stderr.lines();
    let number = lines.find_map(|line| line.strip_prefix("instructions: "));
    number
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("{}", outcome.stderr))
}
