//! Stopping native code from outside, many times, and on many threads at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dotvm::{Config, Engine, Instance, Jit, Linker, Module, Store, TrapCode, TypedFunc};
use dotvm_tests::differential::{Way, end_of, engine};

use crate::harness::{interpreted, load, load_for, native_ways};
use crate::trapping::{TRAPPING, TRAPS, kind_of, small_stack, trapping};

/// What never ends: a loop, two loops, one on vectors, calls, calls through a table, tail calls, and a loop that
/// does nothing but call the host.
const ENDLESS: &str = r#"
.arch arch512
.import "host" "log" func $log
.memory 1
.table $t funcref 2
.elem funcref at 0 in $t ($small, $tail)
.export "loop" func $loop
.export "loops" func $loops
.export "vectors" func $vectors
.export "calls" func $calls
.export "indirect" func $indirect
.export "tail" func $tail
.export "host" func $host
.func $small
    ret
.end
.func $loop (i32 $n)
again:
    loop
    local.get $n
    i32.push 1
    i32.add
    local.set $n
    jmp again
.end
.func $loops (i32 $n)
    .local i32 $i
outer:
    loop
    i32.push 0
    local.set $i
inner:
    loop
    local.get $i
    i32.push 1
    i32.add
    local.tee $i
    i32.push 1000
    i32.lt_u
    jnz inner
    jmp outer
.end
.func $vectors (i32 $n)
    .local v512 $a
again:
    loop
    local.get $a
    local.get $n
    i32x16.splat
    i32x16.add
    local.set $a
    local.get $n
    i32.push 2
    i32.add
    local.tee $n
    i32.push -1
    i32.ne
    jnz again
    ret
.end
.func $recurse (i32 $n)
    local.get $n
    jz end
    local.get $n
    i32.push 1
    i32.sub
    call $recurse
    local.get $n
    i32.push 1
    i32.sub
    call $recurse
end:
    ret
.end
.func $calls (i32 $n)
    i32.push 60
    call $recurse
    ret
.end
.func $indirect (i32 $n)
again:
    loop
    i32.push 0
    call_indirect () $t
    i32.push 0
    br_table again
.end
.func $tail (i32 $n)
    local.get $n
    i32.push 1
    i32.add
    i32.push 1
    ret_call_indirect (i32) $t
.end
.func $host (i32 $n)
again:
    loop
    call $log
    jmp again
.end
"#;

const ENDLESS_NAMES: [&str; 7] = [
    "loop", "loops", "vectors", "calls", "indirect", "tail", "host",
];

fn instantiate(engine: &Engine, text: &str) -> (Store<()>, Instance) {
    instantiate_module(engine, &load(engine, text))
}

fn instantiate_module(engine: &Engine, module: &Module) -> (Store<()>, Instance) {
    let mut store = Store::new(engine, ());
    let mut linker = Linker::new(engine);
    linker.func_wrap("host", "log", || ()).expect("a new name");
    let instance = linker.instantiate(&mut store, module).expect("an instance");
    (store, instance)
}

fn function(store: &mut Store<()>, instance: &Instance, name: &str) -> TypedFunc<i32, ()> {
    instance.get_typed_func(store, name).expect("an export")
}

fn jit(jit: Jit, threshold: u32) -> Engine {
    let mut config = Config::new();
    config.jit(jit).jit_threshold(threshold);
    Engine::new(&config)
}

#[test]
fn time_stops_native_code_within_20_milliseconds() {
    const LATE_MAX: Duration = Duration::from_millis(20);
    for engine in [
        jit(Jit::Eager, 1),
        jit(Jit::Tiered, 1),
        jit(Jit::Tiered, 100),
    ] {
        let (mut store, instance) = instantiate(&engine, ENDLESS);
        for name in ENDLESS_NAMES {
            let func = function(&mut store, &instance, name);
            // A busy machine may wake a thread late once, but not every time.
            let mut late = Duration::MAX;
            for _ in 0..10 {
                let timeout = Duration::from_millis(30);
                let start = Instant::now();
                store.set_timeout(timeout).expect("a timeout");
                let error = func.call(&mut store, 0).expect_err("it never ends");
                let time = start.elapsed();
                assert_eq!(
                    error.trap_code(),
                    Some(TrapCode::Timeout),
                    "{name}: {error}"
                );
                assert!(!end_of(&error).1.is_empty(), "{name}: {error}");
                assert!(time >= timeout, "{name}: stopped after {time:?}");
                late = late.min(time - timeout);
                if late <= LATE_MAX {
                    break;
                }
            }
            assert!(late <= LATE_MAX, "{name}: {late:?} late");
        }
    }
}

#[test]
fn interrupts_stop_native_code_and_it_runs_again() {
    for engine in [
        jit(Jit::Eager, 1),
        jit(Jit::Tiered, 1),
        jit(Jit::Tiered, 50),
    ] {
        let (mut store, instance) = instantiate(&engine, ENDLESS);
        for name in ENDLESS_NAMES {
            let func = function(&mut store, &instance, name);
            for pause in [0, 1, 20] {
                let handle = store.interrupt_handle();
                let other = thread::spawn(move || {
                    thread::sleep(Duration::from_millis(pause));
                    handle.interrupt();
                });
                let error = func.call(&mut store, 0).expect_err("it never ends");
                assert_eq!(
                    error.trap_code(),
                    Some(TrapCode::Interrupted),
                    "{name}: {error}"
                );
                other.join().expect("a thread that only waits");
                store.clear_interrupt();
            }
        }
    }
}

#[test]
fn tail_calls_are_never_stopped_between_frames() {
    let text = r#"
.export "start" func $start
.func $again (i32 $n)
    local.get $n
    ret_call $again
.end
.func $middle (i32 $n)
    local.get $n
    call $again
    ret
.end
.func $start (i32 $n)
    local.get $n
    call $middle
    ret
.end
"#;
    let (mut store, instance) = instantiate(&jit(Jit::Eager, 1), text);
    let func = function(&mut store, &instance, "start");
    let mut whole = 0;
    for _ in 0..30 {
        let timeout = Duration::from_millis(3);
        store.set_timeout(timeout).expect("a timeout");
        let error = func.call(&mut store, 0).expect_err("it never ends");
        let (_, frames) = end_of(&error);
        let funcs = frames.iter().filter_map(|frame| frame.split('+').next());
        let funcs: Vec<&str> = funcs.collect();
        // On a busy machine the time may be over before all functions are entered.
        assert!(["0", "1", "2"].ends_with(&funcs), "{frames:?}");
        whole += u32::from(funcs.len() == 3);
    }
    assert!(whole > 0, "never stopped where it goes round");
}

#[test]
fn what_is_stopped_before_it_starts_has_a_frame() {
    let stopped = |way: Way| {
        let engine = engine(way);
        let (mut store, instance) = instantiate(&engine, ENDLESS);
        let _ = store.set_fuel(1 << 40);
        let mut places = Vec::new();
        for name in ENDLESS_NAMES.iter().cycle().take(2 * ENDLESS_NAMES.len()) {
            let func = function(&mut store, &instance, name);
            store.interrupt_handle().interrupt();
            let error = func.call(&mut store, 0).expect_err("it is stopped");
            // Which instruction notices is up to the tier.
            let (end, frames) = end_of(&error);
            let funcs = frames
                .iter()
                .map(|frame| frame.split('+').next().map(str::to_owned));
            places.push((end, funcs.collect::<Vec<_>>()));
        }
        places
    };
    let expected = stopped(interpreted(false));
    for way in native_ways(false) {
        assert_eq!(expected, stopped(way), "{way:?}");
    }
}

#[test]
fn two_engines_on_eight_threads() {
    let engines = [small_stack(Jit::Eager, 1), small_stack(Jit::Tiered, 20)];
    let modules: Vec<Module> = engines
        .iter()
        .map(|engine| load(engine, TRAPPING))
        .collect();
    thread::scope(|scope| {
        for i in 0..8 {
            let (engine, module) = (&engines[i % 2], &modules[i % 2]);
            scope.spawn(move || {
                for _ in 0..20 {
                    trapping(engine, module, 120);
                }
            });
        }
    });
}

#[test]
fn modules_go_while_others_run() {
    let engine = jit(Jit::Tiered, 2);
    let (mut store, instance) = instantiate(&engine, ENDLESS);
    let handle = store.interrupt_handle();
    let stop = Arc::new(AtomicBool::new(false));
    let others: Vec<_> = (0..3)
        .map(|i| {
            let stop = Arc::clone(&stop);
            let engine = engine.clone();
            thread::spawn(move || {
                let mut rounds = 0;
                while !stop.load(Ordering::Relaxed) {
                    // Its own engine every other time: then the compiling thread goes as well.
                    let own = jit(Jit::Tiered, 2);
                    let engine = if (rounds + i) % 2 == 0 { &engine } else { &own };
                    trapping(engine, &load(engine, TRAPPING), 14);
                    rounds += 1;
                }
                rounds
            })
        })
        .collect();
    let watch = thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            thread::sleep(Duration::from_millis(1500));
            stop.store(true, Ordering::Relaxed);
            handle.interrupt();
        }
    });
    let func = function(&mut store, &instance, "loops");
    let error = func.call(&mut store, 0).expect_err("it never ends");
    assert_eq!(error.trap_code(), Some(TrapCode::Interrupted), "{error}");
    watch.join().expect("a thread that only waits");
    for other in others {
        assert!(other.join().expect("no panic") > 0);
    }
}

#[test]
fn a_store_moves_between_threads() {
    for way in native_ways(false) {
        let engine = engine(way);
        let module = load_for(way, &engine, TRAPPING);
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &module)
            .expect("an instance");
        let func = instance
            .get_typed_func::<i32, i32>(&mut store, "trap")
            .expect("an export");
        for round in 0..12 {
            let kind = kind_of(round);
            let found = thread::scope(|scope| {
                let call = || {
                    func.call(&mut store, kind as i32)
                        .map_err(|error| error.trap_code())
                };
                scope.spawn(call).join().expect("no panic")
            });
            assert_eq!(
                found,
                TRAPS[kind].map_or(Ok(kind as i32), |code| Err(Some(code)))
            );
        }
    }
}
