//! Fuel: with every budget, all tiers stop at the same instruction, with the same state.

use dotvm::{Module, Val};
use dotvm_tests::differential::{Call, Way, engine, outcomes_within};

use crate::harness::{call, interpreted, load, load_for, native_ways};

/// Loops within loops, calls that are inlined and calls that are not, memory, the host.
pub(crate) const LOOPS: &str = r#"
.import "host" "mix" func $mix (i32) -> i32
.memory 1
.global $count mut i32 = 0
.export "run" func $run
.export "count" global $count
.export "memory" memory 0
.func $small (i32 $x) -> i32
    global.get $count
    i32.push 1
    i32.add
    global.set $count
    local.get $x
    i32.push 3
    i32.mul
    ret
.end
.func $chosen (i32 $x) -> i32
    local.get $x
    i32.push 1
    i32.and
    jz even
    local.get $x
    call $small
    ret
even:
    local.get $x
    call $mix
    ret
.end
.func $run (i32 $n) -> i32
    .local i32 $i $j $sum
outer:
    loop
    i32.push 3
    local.set $j
inner:
    loop
    local.get $sum
    local.get $j
    call $chosen
    i32.add
    local.tee $sum
    call $small
    local.set $sum
    local.get $i
    local.get $sum
    i32.store 16
    local.get $j
    i32.push 1
    i32.sub
    local.tee $j
    jnz inner
    local.get $i
    i32.push 1
    i32.add
    local.tee $i
    local.get $n
    i32.lt_u
    jnz outer
    local.get $sum
    ret
.end
"#;

/// Recursion, calls through a table, tail calls.
pub(crate) const CALLS: &str = r#"
.table $t funcref 2
.elem funcref at 0 in $t ($fib, $down)
.global $steps mut i64 = 0
.export "fib" func $fib
.export "indirect" func $indirect
.export "down" func $down
.export "steps" global $steps
.func $fib (i32 $n) -> i32
    global.get $steps
    i64.push 1
    i64.add
    global.set $steps
    local.get $n
    i32.push 2
    i32.lt_u
    jnz small
    local.get $n
    i32.push 1
    i32.sub
    call $fib
    local.get $n
    i32.push 2
    i32.sub
    call $fib
    i32.add
    ret
small:
    local.get $n
    ret
.end
.func $indirect (i32 $n) -> i32
    local.get $n
    i32.push 0
    call_indirect (i32) -> i32 $t
    i32.push 1
    ret_call_indirect (i32) -> i32 $t
.end
.func $down (i32 $n) -> i32
    global.get $steps
    i64.push 100
    i64.add
    global.set $steps
    local.get $n
    jz end
    local.get $n
    i32.push 1
    i32.sub
    ret_call $down
end:
    i32.push 7
    ret
.end
"#;

/// Traps in the middle of blocks: what the block costs is paid, what follows is not done.
pub(crate) const TRAPS: &str = r#"
.memory 1
.global $done mut i32 = 0
.export "load" func $load
.export "divide" func $divide
.export "done" global $done
.export "memory" memory 0
.func $read (i32 $p) -> i32
    local.get $p
    i32.load 65530
    ret
.end
.func $load (i32 $p) -> i32
    .local i32 $sum
again:
    loop
    global.get $done
    i32.push 1
    i32.add
    global.set $done
    local.get $p
    local.get $sum
    i32.store8 100
    local.get $sum
    local.get $p
    call $read
    i32.add
    local.set $sum
    local.get $p
    i32.push 1
    i32.add
    local.set $p
    jmp again
.end
.func $divide (i32 $n) -> i32
again:
    loop
    global.get $done
    i32.push 100
    local.get $n
    i32.div
    i32.add
    global.set $done
    local.get $n
    i32.push 1
    i32.sub
    local.set $n
    jmp again
.end
"#;

/// Runs calls with every budget up to what the most expensive one needs.
#[track_caller]
fn check_budgets(text: &str, calls: &[Call]) {
    let reference = engine(interpreted(true));
    let module = load(&reference, text);
    let native: Vec<(Way, dotvm::Engine, Module)> = native_ways(true)
        .into_iter()
        .map(|way| {
            let engine = engine(way);
            let module = load_for(way, &engine, text);
            (way, engine, module)
        })
        .collect();
    let mut budget = 0;
    loop {
        let expected = outcomes_within(&reference, &module, calls, budget);
        for (way, engine, module) in &native {
            let found = outcomes_within(engine, module, calls, budget);
            assert_eq!(expected, found, "{way:?} with {budget}");
            if way.threshold > 1 && !way.kept {
                // What was compiled by the last run is native code from the start.
                let engine = dotvm_tests::differential::engine(*way);
                let found = outcomes_within(&engine, &load(&engine, text), calls, budget);
                assert_eq!(expected, found, "{way:?}, anew, with {budget}");
            }
        }
        let short = |outcome: &&dotvm_tests::differential::Outcome| {
            outcome.end == "trap: all fuel consumed"
        };
        if expected.iter().find(short).is_none() {
            break;
        }
        budget += 1;
    }
    assert!(budget > 50, "only {budget}");
}

#[test]
fn every_budget_of_loops() {
    check_budgets(LOOPS, &[call("run", &[Val::I32(3)])]);
}

#[test]
fn every_budget_of_calls() {
    check_budgets(CALLS, &[call("fib", &[Val::I32(5)])]);
    check_budgets(CALLS, &[call("indirect", &[Val::I32(4)])]);
}

#[test]
fn every_budget_of_traps() {
    check_budgets(
        TRAPS,
        &[call("load", &[Val::I32(0)]), call("divide", &[Val::I32(3)])],
    );
}
