//! Exact profiles: every tier counts the same, and lines add up to the fuel, wherever a program stops.

use dotvm::isa::text::assemble_with_source;
use dotvm::isa::{EncodeOptions, Op, encode};
use dotvm::{Config, Cost, Engine, Jit, Module, ProfileRow, Store, Val};
use dotvm_tests::differential::{Call, Outcome, Way, engine, outcomes_within};

use crate::fuel::{CALLS, LOOPS, TRAPS};
use crate::harness::{call, interpreted, load_for, native_ways};

/// Bulk instructions and what costs by its operands: bytes that are copied, rows of a database.
const SERVICES: &str = r#".memory 1
.data at 0 "rows"
.export "run" func $run
.func $run (i32 $n)
    .local i32 $i $table $hash
    i32.push 0
    i32.push 4
    db_table_create
    local.set $table
again:
    loop
    i32.push 100
    local.get $i
    local.get $n
    memory.fill
    i32.push 200
    i32.push 100
    local.get $n
    memory.copy
    local.get $table
    i32.push 100
    local.get $n
    i32.push 200
    local.get $n
    db_put
    pop
    i32.push 1
    i32.push 0
    local.get $n
    i32.push 1000
    crypto.hash
    local.get $i
    i32.push 1
    i32.add
    local.tee $i
    local.get $n
    i32.lt_u
    jnz again
    ret
.end
"#;

/// Runs calls with some budgets, which end them in many places; every native way must count what the
/// interpreter does. (That lines add up to the fuel is asserted where outcomes are made.)
#[track_caller]
fn check(text: &str, calls: &[Call]) {
    let counting = |way: Way| Way {
        counting: true,
        ..way
    };
    let run = |way: Way| {
        let engine = engine(way);
        let module = load_for(way, &engine, text);
        let budgets = [0, 1, 7, 30, 77, 200, 1_000, 100_000];
        budgets.map(|budget| outcomes_within(&engine, &module, calls, budget))
    };
    let expected = run(counting(interpreted(true)));
    let profile = |outcomes: &[Outcome]| {
        let last = outcomes.last().and_then(|outcome| outcome.profile.clone());
        last.expect("what counts has a profile")
    };
    assert_ne!(profile(&expected[2]), profile(&expected[7]));
    for way in native_ways(true).into_iter().map(counting) {
        assert_eq!(expected, run(way), "{way:?}");
    }
}

#[test]
fn loops_count_the_same() {
    check(
        LOOPS,
        &[call("run", &[Val::I32(4)]), call("run", &[Val::I32(9)])],
    );
}

#[test]
fn calls_count_the_same() {
    let calls = ["fib", "indirect", "down"].map(|name| call(name, &[Val::I32(7)]));
    check(CALLS, &calls);
}

#[test]
fn traps_count_the_same() {
    let calls = [call("load", &[Val::I32(0)]), call("divide", &[Val::I32(3)])];
    check(TRAPS, &calls);
}

#[test]
fn services_count_the_same() {
    check(SERVICES, &[call("run", &[Val::I32(20)])]);
}

fn profile_of(jit: Jit, n: i32) -> Vec<ProfileRow> {
    let (module, names) = assemble_with_source(SERVICES, "services.dasm").expect("it is right");
    let bytes = encode(&module, &names, EncodeOptions::default());
    let engine = Engine::new(Config::new().exact_profile(true).jit(jit).jit_threshold(2));
    let module = Module::new(&engine, bytes).expect("a module");
    let mut store = Store::new(&engine, ());
    store.set_fuel(u64::MAX).expect("what counts is metered");
    let instance = dotvm::Linker::new(&engine).instantiate(&mut store, &module);
    let run = instance.expect("an instance").get_func(&mut store, "run");
    let run = run.expect("an export");
    run.call(&mut store, &[Val::I32(n)]).expect("it returns");
    let profile = store.exact_profile().expect("what counts has one");
    assert_eq!(profile.total().fuel, store.fuel_consumed().unwrap());
    assert_eq!(profile.total().fuel, profile.fuel);
    profile.rows
}

#[test]
fn lines_have_what_their_instructions_do() {
    let rows = profile_of(Jit::Off, 40);
    let at = |mnemonic: &str| -> Cost {
        let mut lines = SERVICES.lines().zip(1..);
        let line = lines.find(|(text, _)| text.trim() == mnemonic);
        let line = line.expect("a line").1;
        let row = rows.iter().find(|row| {
            let is_there =
                |(file, number): &(String, u32)| file == "services.dasm" && *number == line;
            row.line.as_ref().is_some_and(is_there)
        });
        row.expect("a row").cost
    };
    let copied = at("memory.copy");
    assert_eq!((copied.loads, copied.stores), (40, 40));
    assert_eq!((copied.bytes_loaded, copied.bytes_stored), (1600, 1600));
    let filled = at("memory.fill");
    assert_eq!((filled.loads, filled.stores), (0, 40));
    assert_eq!((filled.bytes_loaded, filled.bytes_stored), (0, 1600));
    let put = at("db_put");
    assert_eq!(put.database, 40);
    // A row, its key and its value.
    let info = Op::DbPut.info();
    assert!(put.fuel > 40 * u64::from(info.fuel), "{put:?}");
    assert_eq!(at("db_table_create").database, 1);
    for jit in [Jit::Tiered, Jit::Eager] {
        assert_eq!(rows, profile_of(jit, 40));
    }
}

#[test]
fn without_counters_there_is_no_profile() {
    let engine = Engine::new(Config::new().metering(true));
    let error = Store::new(&engine, ()).exact_profile().unwrap_err();
    assert!(
        error.to_string().contains("Config::exact_profile"),
        "{error}"
    );
}
