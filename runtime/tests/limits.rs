//! Limits: fuel, time, stack, memory, tables.

mod common;

use std::time::{Duration, Instant};

use common::{engine, instance, instance_of, module, run, trap_code};
use dotvm::{
    Caller, Config, Engine, Error, Extern, Limits, Linker, Memory, MemoryType, Store, TrapCode,
};
use expect_test::expect;

const LOOPS: &str = r#"
    .global $count mut i64 = 0
    .export "count" global $count
    .export "sum" func $sum
    .export "run" func $forever
    .export "recurse" func $recurse
    .func $sum (i32 $n) -> i32
        .local i32 $total
    again:
        loop
        local.get $total
        local.get $n
        i32.add
        local.set $total
        local.get $n
        i32.push 1
        i32.sub
        local.tee $n
        i32.eqz
        jz again
        local.get $total
        ret
    .end
    .func $forever
    again:
        loop
        jmp again
    .end
    .func $recurse
        global.get $count
        i64.push 1
        i64.add
        global.set $count
        call $recurse
        ret
    .end"#;

fn count(store: &mut Store<()>, instance: dotvm::Instance) -> i64 {
    instance
        .get_global(&mut *store, "count")
        .unwrap()
        .get(store)
        .i64()
        .unwrap()
}

#[test]
fn fuel_is_exact_and_the_same_every_time() {
    let engine = engine(|config| {
        config.metering(true);
    });
    let (mut store, instance) = instance_of(&engine, LOOPS);
    let sum = instance
        .get_typed_func::<i32, i32>(&mut store, "sum")
        .unwrap();
    let plenty = 1_000_000;
    store.set_fuel(plenty).unwrap();
    assert_eq!(sum.call(&mut store, 20).unwrap(), 210);
    let cost = plenty - store.fuel().unwrap();
    // 9 instructions and a `loop` a round, then 2.
    assert_eq!(cost, 20 * 11 + 2);
    for fuel in 0..cost {
        store.set_fuel(fuel).unwrap();
        assert_eq!(
            trap_code(sum.call(&mut store, 20)),
            TrapCode::OutOfFuel,
            "{fuel}"
        );
        assert!(store.fuel().unwrap() <= fuel);
    }
    for extra in 0..3 {
        store.set_fuel(cost + extra).unwrap();
        assert_eq!(sum.call(&mut store, 20).unwrap(), 210);
        assert_eq!(store.fuel().unwrap(), extra);
    }
}

#[test]
fn consumed_fuel_adds_up() {
    let engine = engine(|config| {
        config.metering(true);
    });
    let (mut store, instance) = instance_of(&engine, LOOPS);
    let sum = instance
        .get_typed_func::<i32, i32>(&mut store, "sum")
        .unwrap();
    assert_eq!(trap_code(sum.call(&mut store, 1)), TrapCode::OutOfFuel);
    assert_eq!(store.fuel_consumed().unwrap(), 0);
    for round in 1..=5 {
        store.set_fuel(1_000).unwrap();
        sum.call(&mut store, 10).unwrap();
        assert_eq!(store.fuel_consumed().unwrap(), round * 112);
    }
}

#[test]
fn endless_loops_and_recursion_run_out_of_fuel() {
    let engine = engine(|config| {
        config.metering(true).max_stack_bytes(64 << 20);
    });
    let (mut store, instance) = instance_of(&engine, LOOPS);
    for name in ["run", "recurse"] {
        store.set_fuel(100_000).unwrap();
        assert_eq!(
            trap_code(run(&mut store, instance, name)),
            TrapCode::OutOfFuel
        );
    }
}

#[test]
fn fuel_without_metering_is_an_error() {
    let (mut store, _) = instance(LOOPS);
    expect!["fuel without metering; see Config::metering"]
        .assert_eq(&store.set_fuel(1).unwrap_err().to_string());
    assert!(store.fuel().is_err());
    assert!(store.fuel_consumed().is_err());
}

#[test]
fn host_functions_can_charge_fuel() {
    let engine = engine(|config| {
        config.metering(true);
    });
    let text = r#"
        .import "env" "work" func $work
        .export "run" func $run
        .func $run
            call $work
            ret
        .end"#;
    let module = module(&engine, text);
    let mut linker = Linker::<()>::new(&engine);
    let work = |mut caller: Caller<'_, ()>| {
        let left = caller.fuel()?.checked_sub(500).ok_or(TrapCode::OutOfFuel)?;
        caller.set_fuel(left)
    };
    linker.func_wrap("env", "work", work).unwrap();
    let mut store = Store::new(&engine, ());
    store.set_fuel(1_000).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    run(&mut store, instance, "run").unwrap();
    assert_eq!(store.fuel().unwrap(), 498);
    assert_eq!(
        trap_code(run(&mut store, instance, "run")),
        TrapCode::OutOfFuel
    );
}

#[test]
fn an_endless_loop_times_out() {
    let (mut store, instance) = instance(LOOPS);
    for timeout in [Duration::ZERO, Duration::from_millis(30)] {
        let start = Instant::now();
        store.set_timeout(timeout).unwrap();
        assert_eq!(
            trap_code(run(&mut store, instance, "run")),
            TrapCode::Timeout
        );
        let elapsed = start.elapsed();
        assert!(
            elapsed >= timeout && elapsed < timeout + Duration::from_millis(500),
            "{elapsed:?}"
        );
        // What runs after the deadline is late as well.
        let sum = instance
            .get_typed_func::<i32, i32>(&mut store, "sum")
            .unwrap();
        assert_eq!(trap_code(sum.call(&mut store, 1_000)), TrapCode::Timeout);
    }
    store.set_deadline(None).unwrap();
    let sum = instance
        .get_typed_func::<i32, i32>(&mut store, "sum")
        .unwrap();
    assert_eq!(sum.call(&mut store, 1_000).unwrap(), 500_500);
}

#[test]
fn a_deadline_taken_back_stops_nothing() {
    let (mut store, instance) = instance(LOOPS);
    let sum = instance
        .get_typed_func::<i32, i32>(&mut store, "sum")
        .unwrap();
    store.set_timeout(Duration::from_millis(20)).unwrap();
    sum.call(&mut store, 10).unwrap();
    store.set_deadline(None).unwrap();
    std::thread::sleep(Duration::from_millis(40));
    assert_eq!(sum.call(&mut store, 100_000).unwrap(), 705_082_704);
    // A later one in its place, neither.
    store.set_timeout(Duration::from_millis(20)).unwrap();
    store.set_timeout(Duration::from_secs(3_600)).unwrap();
    std::thread::sleep(Duration::from_millis(40));
    assert_eq!(sum.call(&mut store, 100_000).unwrap(), 705_082_704);
    // Nor one that the clock cannot reach.
    store.set_timeout(Duration::MAX).unwrap();
    assert_eq!(store.deadline(), None);
    sum.call(&mut store, 10).unwrap();
}

#[test]
fn many_stores_have_deadlines_of_their_own() {
    let engine = Engine::default();
    let module = module(&engine, LOOPS);
    std::thread::scope(|scope| {
        for i in 0..8u64 {
            let (engine, module) = (&engine, &module);
            scope.spawn(move || {
                let mut store = Store::new(engine, ());
                let instance = Linker::new(engine).instantiate(&mut store, module).unwrap();
                let timeout = Duration::from_millis(10 * (8 - i));
                let start = Instant::now();
                store.set_timeout(timeout).unwrap();
                assert_eq!(
                    trap_code(run(&mut store, instance, "run")),
                    TrapCode::Timeout
                );
                assert!(start.elapsed() >= timeout);
            });
        }
    });
}

#[test]
fn another_thread_interrupts() {
    let (mut store, instance) = instance(LOOPS);
    let handle = store.interrupt_handle();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        handle.interrupt();
    });
    assert_eq!(
        trap_code(run(&mut store, instance, "run")),
        TrapCode::Interrupted
    );
    thread.join().unwrap();
    // It is over with that.
    let sum = instance
        .get_typed_func::<i32, i32>(&mut store, "sum")
        .unwrap();
    assert_eq!(sum.call(&mut store, 1_000).unwrap(), 500_500);
    // One that comes while nothing runs stops the next call, unless it is taken back.
    store.interrupt_handle().interrupt();
    assert_eq!(
        trap_code(sum.call(&mut store, 1_000)),
        TrapCode::Interrupted
    );
    store.interrupt_handle().interrupt();
    assert!(store.clear_interrupt());
    assert!(!store.clear_interrupt());
    assert_eq!(sum.call(&mut store, 1_000).unwrap(), 500_500);
    // Changing the deadline does not lose one.
    store.interrupt_handle().interrupt();
    store.set_timeout(Duration::from_secs(3_600)).unwrap();
    assert_eq!(
        trap_code(run(&mut store, instance, "run")),
        TrapCode::Interrupted
    );
}

#[test]
fn runaway_recursion_traps_at_any_stack_size() {
    let mut depths = Vec::new();
    for bytes in [0, 8, 100, 1 << 10, 4 << 10, 1_000_000, 8 << 20, 64 << 20] {
        let engine = engine(|config| {
            config.max_stack_bytes(bytes);
        });
        let (mut store, instance) = instance_of(&engine, LOOPS);
        let code = trap_code(run(&mut store, instance, "recurse"));
        assert_eq!(code, TrapCode::StackExhausted, "{bytes}");
        let depth = count(&mut store, instance);
        // The same limit, the same depth, however often.
        assert_eq!(
            trap_code(run(&mut store, instance, "recurse")),
            TrapCode::StackExhausted
        );
        assert_eq!(count(&mut store, instance), 2 * depth);
        depths.push(depth);
    }
    assert_eq!(depths[..2], [0, 0]);
    assert!(depths.is_sorted());
    // A frame of this function is a few slots.
    assert!((1 << 20..8 << 20).contains(&depths[7]), "{depths:?}");
}

#[test]
fn recursion_through_the_host_traps() {
    let text = r#"
        .import "env" "again" func $again (i32) -> i32
        .export "run" func $run
        .func $run (i32 $n) -> i32
            local.get $n
            call $again
            ret
        .end"#;
    for (depth, bytes) in [(200, 512 << 10), (10, 512 << 10), (2_000, 4_096), (0, 0)] {
        let engine = engine(|config| {
            config.max_host_depth(depth).max_native_stack_bytes(bytes);
        });
        let module = module(&engine, text);
        let mut linker = Linker::<u32>::new(&engine);
        let again = |mut caller: Caller<'_, u32>, n: i32| {
            *caller.data_mut() += 1;
            let run = caller
                .get_export("run")
                .and_then(Extern::into_func)
                .unwrap();
            run.typed::<i32, i32>(&caller)?.call(&mut caller, n)
        };
        linker.func_wrap("env", "again", again).unwrap();
        let mut store = Store::new(&engine, 0);
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let run = instance
            .get_typed_func::<i32, i32>(&mut store, "run")
            .unwrap();
        assert_eq!(trap_code(run.call(&mut store, 1)), TrapCode::StackExhausted);
        let calls = *store.data();
        assert!(calls > 0 && calls <= depth.max(1), "{calls}");
    }
}

const GROWS: &str = r#"
    .memory 1
    .table $t funcref 1
    .export "memory" memory 0
    .export "grow" func $grow
    .export "grow_table" func $grow_table
    .func $grow (i32 $pages) -> i32
        local.get $pages
        memory.grow
        ret
    .end
    .func $grow_table (i32 $n) -> i32
        ref.null funcref
        local.get $n
        table.grow $t
        ret
    .end"#;

#[test]
fn memory_grows_up_to_the_limit() {
    let engine = engine(|config| {
        config.max_memory_bytes(10 << 16).max_table_elements(100);
    });
    let (mut store, instance) = instance_of(&engine, GROWS);
    let grow = instance
        .get_typed_func::<i32, i32>(&mut store, "grow")
        .unwrap();
    assert_eq!(grow.call(&mut store, 8).unwrap(), 1);
    assert_eq!(grow.call(&mut store, 2).unwrap(), -1);
    assert_eq!(grow.call(&mut store, 1).unwrap(), 9);
    assert_eq!(grow.call(&mut store, 1).unwrap(), -1);
    assert_eq!(grow.call(&mut store, -1).unwrap(), -1);
    assert_eq!(store.usage().memory_bytes, 10 << 16);
    store.set_max_memory_bytes(11 << 16);
    assert_eq!(grow.call(&mut store, 1).unwrap(), 10);
    let table = instance
        .get_typed_func::<i32, i32>(&mut store, "grow_table")
        .unwrap();
    assert_eq!(table.call(&mut store, 99).unwrap(), 1);
    assert_eq!(table.call(&mut store, 1).unwrap(), -1);
    assert_eq!(table.call(&mut store, -1).unwrap(), -1);
}

#[test]
fn limits_trap_where_the_embedder_wants_it() {
    let engine = engine(|config| {
        config
            .max_memory_bytes(10 << 16)
            .max_table_elements(100)
            .limits_trap(true);
    });
    let (mut store, instance) = instance_of(&engine, GROWS);
    let grow = instance
        .get_typed_func::<i32, i32>(&mut store, "grow")
        .unwrap();
    assert_eq!(grow.call(&mut store, 9).unwrap(), 1);
    assert_eq!(trap_code(grow.call(&mut store, 1)), TrapCode::MemoryLimit);
    // More than any memory can have is WebAssembly's own limit.
    assert_eq!(grow.call(&mut store, 65_536).unwrap(), -1);
    let table = instance
        .get_typed_func::<i32, i32>(&mut store, "grow_table")
        .unwrap();
    assert_eq!(trap_code(table.call(&mut store, 100)), TrapCode::TableLimit);
}

#[test]
fn too_large_from_the_start_is_an_error() {
    let engine = engine(|config| {
        config.max_memory_bytes(1 << 20).max_table_elements(100);
    });
    let mut store = Store::new(&engine, ());
    for (text, message) in [
        (
            ".memory 17",
            "limit: a memory of 1114112 bytes where 1048576 are left of the 1048576 for all memory",
        ),
        (
            ".table funcref 101",
            "limit: a table of 101 elements where 100 are left",
        ),
    ] {
        let module = module(&engine, text);
        let error = Linker::new(&engine)
            .instantiate(&mut store, &module)
            .unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    let ty = MemoryType::new(Limits { min: 17, max: None });
    assert!(matches!(Memory::new(&mut store, ty), Err(Error::Limit(_))));
}

#[test]
fn small_reservations_limit_memories() {
    let engine = engine(|config| {
        config.memory_reservation_bytes(4 << 16);
    });
    let (mut store, instance) = instance_of(&engine, GROWS);
    let grow = instance
        .get_typed_func::<i32, i32>(&mut store, "grow")
        .unwrap();
    assert_eq!(grow.call(&mut store, 4).unwrap(), -1);
    assert_eq!(grow.call(&mut store, 3).unwrap(), 1);
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    memory.write(&mut store, (4 << 16) - 1, &[7]).unwrap();
    assert_eq!(memory.data(&store)[(4 << 16) - 1], 7);
    assert!(memory.write(&mut store, 4 << 16, &[7]).is_err());
}

#[test]
fn what_cannot_be_reserved_is_an_error() {
    let engine = engine(|config| {
        config.memory_reservation_bytes(1 << 60);
    });
    let mut store = Store::new(&engine, ());
    let module = module(&engine, ".memory 1");
    let error = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .unwrap_err();
    assert!(matches!(error, Error::Limit(_)), "{error}");
    for bytes in [usize::MAX, 100 << 30, Config::MAX_STACK_BYTES + 1] {
        let engine = common::engine(|config| {
            config.max_stack_bytes(bytes);
        });
        let mut store = Store::new(&engine, ());
        let module = common::module(&engine, "");
        let error = Linker::new(&engine)
            .instantiate(&mut store, &module)
            .unwrap_err();
        assert!(matches!(error, Error::Limit(_)), "{error}");
    }
}

#[test]
fn the_largest_stack_works() {
    let engine = engine(|config| {
        config.max_stack_bytes(Config::MAX_STACK_BYTES);
    });
    let (mut store, instance) = instance_of(
        &engine,
        ".export \"run\" func $run\n.func $inner\nret\n.end\n.func $run\ncall $inner\nret\n.end",
    );
    run(&mut store, instance, "run").unwrap();
}
