//! Debuggers: what they see and change, and that looking alone changes nothing.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use dotvm::debug::{Reason, Resume, Step, StepUnit, Stopped};
use dotvm::{Caller, Config, Engine, Extern, Instance, Jit, Linker, Module, Store, Val};

/// Calls, a table of functions, branches by tables, exceptions, words and vectors, tail calls, recursion, a trap.
const PROGRAM: &str = r#"
    .arch arch256
    .memory 1
    .global $calls mut i64 = 0
    .table $t funcref 2
    .elem $e funcref at 0 in $t ($double, $square)
    .tag $odd (i32)
    .export "run" func $run

    .func $double (i32 $n) -> i32
        global.get $calls
        i64.push 1
        i64.add
        global.set $calls
        local.get $n
        local.get $n
        i32.add
        ret
    .end

    .func $square (i32 $n) -> i32
        local.get $n
        i32.push 1
        i32.and
        jz even
        local.get $n
        throw $odd
    even:
        local.get $n
        local.get $n
        i32.mul
        ret
    .end

    .func $sum (i32 $n, i32 $sum) -> i32
        local.get $n
        i32.eqz
        jnz done
        local.get $n
        i32.push 1
        i32.sub
        local.get $sum
        local.get $n
        i32.add
        ret_call $sum
    done:
        local.get $sum
        ret
    .end

    .func $run (i32 $n) -> (i32, i256)
        .local i32 $i
        .local i32 $sum
        .local i256 $word
        i256.push 3
        local.set $word
    again:
        loop
        try catch $odd caught
        local.get $i
        local.get $i
        i32.push 1
        i32.and
        call_indirect (i32) -> i32 $t
        end_try
        jmp joined
    caught:
        local.get $i
        i32.push 3
        call $sum
        i32.xor
    joined:
        local.get $sum
        i32.add
        local.set $sum
        local.get $word
        local.get $word
        mul
        local.get $i
        i256.extend_i32_u
        add
        local.set $word
        i32.push 8
        local.get $sum
        i32.store
        local.get $i
        i32.push 1
        i32.add
        local.tee $i
        local.get $n
        i32.lt_u
        jnz again
        local.get $sum
        i32.push 100
        local.get $n
        i32.sub
        i32.div
        local.get $word
        ret
    .end
"#;

/// Calls and loops within each other, in native code as well: recursion, words, several results, managed objects, a
/// function of the host that calls back, a trap where `n` is 100.
const CALLS: &str = r#"
    .arch arch256
    .struct $node (mut anyref, mut i32)
    .import "host" "back" func $back (i32) -> i32
    .export "leaf" func $leaf
    .export "run" func $run

    .func $leaf (i32 $n) -> i32
        .local i32 $i
        .local i32 $sum
    again:
        loop
        local.get $sum
        local.get $i
        local.get $n
        i32.xor
        i32.add
        local.set $sum
        local.get $i
        i32.push 1
        i32.add
        local.tee $i
        i32.push 5
        i32.lt_u
        jnz again
        local.get $sum
        ret
    .end

    .func $fib (i32 $n) -> i32
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
        call $back
        ret
    .end

    .func $words (i32 $n) -> (i256, f64, i32)
        .local i256 $word
        .local f64 $x
        i256.push 7
        local.set $word
    again:
        loop
        local.get $word
        local.get $word
        mul
        local.get $n
        call $leaf
        i256.extend_i32_u
        add
        local.set $word
        local.get $x
        local.get $n
        f64.convert_i32_u
        f64.add
        local.set $x
        local.get $n
        i32.push 1
        i32.sub
        local.tee $n
        i32.push 0
        i32.gt
        jnz again
        local.get $word
        local.get $x
        local.get $n
        ret
    .end

    .func $list (i32 $n) -> anyref
        .local anyref $list
        .local anyref $dropped
    again:
        loop
        local.get $list
        local.get $n
        struct.new $node
        local.set $dropped
        local.get $list
        local.get $n
        call $leaf
        struct.new $node
        local.set $list
        local.get $n
        i32.push 1
        i32.sub
        local.tee $n
        i32.push 0
        i32.gt
        jnz again
        local.get $list
        ret
    .end

    .func $run (i32 $n) -> (i32, i256)
        .local i32 $i
        .local i32 $sum
        .local i256 $word
        .local f64 $x
        .local anyref $list
    again:
        loop
        local.get $i
        i32.push 6
        i32.mod_u
        call $fib
        local.get $i
        call $words
        local.get $sum
        i32.add
        local.set $sum
        local.set $x
        local.get $word
        add
        local.set $word
        local.get $sum
        i32.add
        local.set $sum
        local.get $i
        i32.push 3
        i32.and
        call $list
        local.tee $list
        struct.get $node 1
        local.get $x
        i32.trunc_sat_f64_u
        i32.add
        local.get $sum
        i32.add
        local.set $sum
        local.get $i
        i32.push 1
        i32.add
        local.tee $i
        local.get $n
        i32.lt_u
        jnz again
        local.get $sum
        i32.push 100
        local.get $n
        i32.sub
        i32.div
        local.get $word
        ret
    .end
"#;

fn engine(debug: bool) -> Engine {
    let mut config = Config::new();
    config.debug(debug).metering(true);
    Engine::new(&config)
}

/// Engines for debuggers: interpreted, native from the start, and native soon, each with a collection wherever one may
/// be as well.
fn debugged() -> Vec<Engine> {
    let tiers = [(Jit::Off, 1), (Jit::Eager, 1), (Jit::Tiered, 2)];
    let all = tiers
        .into_iter()
        .flat_map(|tier| [false, true].map(|torture| (tier, torture)));
    let engine = |((jit, threshold), torture)| {
        let mut config = Config::new();
        config.debug(true).metering(true).jit(jit);
        config.jit_threshold(threshold).jit_threads(0);
        config.gc_torture(torture);
        Engine::new(&config)
    };
    all.map(engine).collect()
}

/// What a run gives: results or the trap, and the fuel it takes.
fn outcome(store: &mut Store<()>, module: &Module, n: i32) -> String {
    store.set_fuel(1_000_000).expect("metering");
    let mut linker = Linker::new(store.engine());
    linker
        .func_wrap("host", "back", |mut caller: Caller<'_, ()>, n: i32| {
            let leaf = caller.get_export("leaf").and_then(Extern::into_func);
            let leaf = leaf.expect("exported").typed::<i32, i32>(&caller)?;
            leaf.call(&mut caller, n)
        })
        .expect("defined once");
    let instance = linker
        .instantiate(&mut *store, module)
        .expect("an instance");
    let run = instance.get_func(&mut *store, "run").expect("exported");
    let results = match run.call(&mut *store, &[Val::I32(n)]) {
        Ok(results) => format!("{results:?}"),
        Err(error) => error.to_string(),
    };
    format!(
        "{results}, fuel {}",
        store.fuel_consumed().expect("metering")
    )
}

/// What a debugger is shown: reason, places, values of all frames. Of what has trapped in native code, operands
/// are in registers, and references may be gone.
fn shown(stopped: &Stopped<'_>) -> String {
    let mut text = format!("{:?}:", stopped.reason());
    let is_trap = matches!(stopped.reason(), Reason::Trap(_));
    for (i, frame) in stopped.frames().iter().enumerate() {
        let mut values = stopped.locals(i).expect("locals");
        if is_trap && i == 0 {
            let is_reference = |text: &str| {
                ["ref", "null", "not known"]
                    .iter()
                    .any(|it| text.contains(it))
            };
            values.retain(|value| !is_reference(&stopped.show(value)));
        } else {
            values.extend(stopped.operands(i).expect("operands"));
        }
        let values: Vec<String> = values.iter().map(|value| stopped.show(value)).collect();
        text += &format!(" {}+{:#x} {values:?}", frame.name, frame.offset);
    }
    text
}

#[test]
fn looking_at_everything_changes_nothing() {
    for (program, n) in [PROGRAM, CALLS]
        .into_iter()
        .flat_map(|program| [1, 2, 9, 40, 100].map(|n| (program, n)))
    {
        let plain = engine(false);
        let module = Module::from_text(&plain, program).expect("a module");
        let expected = outcome(&mut Store::new(&plain, ()), &module, n);
        for engine in debugged() {
            let module = Module::from_text(&engine, program).expect("a module");
            let unseen = outcome(&mut Store::new(&engine, ()), &module, n);
            assert_eq!(unseen, expected, "{:?}", engine.config());

            let mut store = Store::new(&engine, ());
            let seen = Arc::new(Mutex::new((0u32, 0usize)));
            let shared = Arc::clone(&seen);
            store.attach(move |stopped: &mut Stopped<'_>| {
                let mut seen = shared.lock().expect("nobody panics");
                seen.0 += 1;
                seen.1 += shown(stopped).len();
                // The rest runs unseen.
                match seen.0 < 3_000 {
                    true => Resume::Step(Step::In(StepUnit::Instruction)),
                    false => Resume::Continue,
                }
            });
            assert_eq!(outcome(&mut store, &module, n), expected);
            let (stops, text) = *seen.lock().expect("nobody panics");
            assert!(
                stops > 20 * n.min(40) as u32 && text > stops as usize,
                "{stops} {text}"
            );
        }
    }
}

/// A generator of numbers (xorshift, Marsaglia 2003).
struct Random(u32);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % end
    }
}

/// Sets and removes breakpoints, steps, goes on and changes values, as a generator of numbers says; what is shown is
/// the same in all tiers, and so is the end.
#[test]
fn whatever_a_debugger_does_is_the_same_in_all_tiers() {
    let funcs = ["leaf", "fib", "words", "list", "run"];
    let (mut stops, mut traps) = (0, 0);
    for seed in 1..24 {
        let mut expected = None;
        for engine in debugged() {
            let module = Module::from_text(&engine, CALLS).expect("a module");
            let mut store = Store::new(&engine, ());
            let seen = Arc::new(Mutex::new(Vec::new()));
            let shared = Arc::clone(&seen);
            let mut random = Random(0x9e37_79b9_u32.wrapping_mul(seed));
            let mut breakpoints = Vec::new();
            store.attach(move |stopped: &mut Stopped<'_>| {
                let mut seen = shared.lock().expect("nobody panics");
                seen.push(shown(stopped));
                if seen.len() > 300 {
                    for id in breakpoints.drain(..) {
                        stopped.remove_breakpoint(id);
                    }
                    return Resume::Continue;
                }
                let func = funcs[random.below(funcs.len())];
                match random.below(6) {
                    0 | 1 => breakpoints.extend(stopped.add_breakpoint(0, func)),
                    2 if !breakpoints.is_empty() => {
                        let id = breakpoints.swap_remove(random.below(breakpoints.len()));
                        stopped.remove_breakpoint(id);
                    }
                    3 => {
                        let frame = random.below(stopped.frames().len());
                        let local = format!("local[{}]", random.below(2));
                        let value = random.below(9).to_string();
                        // References and floats cannot be changed so.
                        let _ = stopped.assign(frame, &local, &value);
                    }
                    _ => {}
                }
                let unit = StepUnit::Instruction;
                match random.below(8) {
                    0 => Resume::Step(Step::In(unit)),
                    1 => Resume::Step(Step::Over(unit)),
                    2 | 3 => Resume::Step(Step::Out),
                    _ if seen.len() < 6 => Resume::Step(Step::In(unit)),
                    _ => Resume::Continue,
                }
            });
            let end = outcome(&mut store, &module, 40 + 60 * (seed as i32 % 2));
            let mut seen = seen.lock().expect("nobody panics");
            seen.push(end);
            match &expected {
                None => expected = Some(seen.clone()),
                Some(expected) => {
                    for (at, (found, expected)) in seen.iter().zip(expected).enumerate() {
                        assert_eq!(
                            found,
                            expected,
                            "seed {seed}, stop {at}, {:?}",
                            engine.config()
                        );
                    }
                    assert_eq!(seen.len(), expected.len());
                }
            }
        }
        let all = expected.expect("there are engines");
        traps += usize::from(all.iter().any(|stop| stop.starts_with("Trap(")));
        stops += all.len();
    }
    assert!(stops > 500 && traps > 5, "{stops} {traps}");
}

/// A hot loop is left where somebody wants to look, and goes on as it is changed.
#[test]
fn a_native_loop_is_left_and_entered_again() {
    let text = r#"
        .export "run" func $run
        .func $run (i64 $n) -> i64
            .local i64 $i
        again:
            loop
            local.get $i
            i64.push 1
            i64.add
            local.tee $i
            local.get $n
            i64.lt_u
            jnz again
            local.get $i
            ret
        .end
    "#;
    let mut config = Config::new();
    config.debug(true).jit(Jit::Eager);
    let engine = Engine::new(&config);
    let module = Module::from_text(&engine, text).expect("a module");
    let mut store = Store::new(&engine, ());
    let (sender, stops) = mpsc::channel();
    let mut pauses = 0;
    store.attach(move |stopped: &mut Stopped<'_>| {
        if *stopped.reason() == Reason::Pause {
            pauses += 1;
            let i = stopped.evaluate(0, "i").expect("a local");
            if pauses == 3 {
                stopped.assign(0, "n", "0").expect("a local");
            }
            sender.send(stopped.show(&i)).expect("somebody listens");
        }
        Resume::Continue
    });
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    let run = instance
        .get_typed_func::<i64, i64>(&mut store, "run")
        .expect("exported");
    let pause = store.pause_handle();
    let pausing = thread::spawn(move || {
        let mut last = 0u64;
        for _ in 0..3 {
            thread::sleep(Duration::from_millis(20));
            pause.pause();
            let now: u64 = stops.recv().expect("it stops").parse().expect("a number");
            assert!(now > last);
            last = now;
        }
        last
    });
    let end = run.call(&mut store, -1).expect("it ends");
    let last = pausing.join().expect("no panic");
    assert!(end as u64 - last <= 1, "{end} {last}");
    // It is native code that was left each time but the last.
    let entries = engine.tier_report().loop_entries;
    assert!(entries >= 2, "{entries}");
}

#[test]
fn a_program_that_never_ends_is_paused_and_led_out() {
    let engine = engine(true);
    let text = r#"
        .export "run" func $run
        .func $run (i32 $stop) -> i32
            .local i32 $rounds
        again:
            loop
            local.get $rounds
            i32.push 1
            i32.add
            local.set $rounds
            local.get $stop
            i32.eqz
            jnz again
            local.get $stop
            ret
        .end
    "#;
    let module = Module::from_text(&engine, text).expect("a module");
    let mut store = Store::new(&engine, ());
    store.set_fuel(u64::MAX).expect("metering");
    let (started, starts) = mpsc::channel();
    store.attach(move |stopped: &mut Stopped<'_>| {
        match stopped.reason() {
            Reason::Entry => started.send(()).expect("somebody waits"),
            Reason::Pause => {
                stopped.assign(0, "stop", "42").expect("a local");
            }
            other => panic!("{other:?}"),
        }
        Resume::Continue
    });
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    let run = instance
        .get_typed_func::<i32, i32>(&mut store, "run")
        .expect("exported");
    let pause = store.pause_handle();
    let pausing = thread::spawn(move || {
        starts.recv().expect("the program starts");
        pause.pause();
    });
    assert_eq!(run.call(&mut store, 0).expect("it ends"), 42);
    pausing.join().expect("no panic");
}

#[test]
fn references_cannot_be_made_up() {
    let engine = engine(true);
    let text = r#"
        .export "run" func $run
        .func $run (funcref $f) -> i32
            local.get $f
            ref.is_null
            ret
        .end
    "#;
    let module = Module::from_text(&engine, text).expect("a module");
    let mut store = Store::new(&engine, ());
    store.set_fuel(100).expect("metering");
    let (sender, refusals) = mpsc::channel();
    store.attach(move |stopped: &mut Stopped<'_>| {
        for place in ["f", "local[0]"] {
            let refused = stopped.assign(0, place, "4096");
            sender.send(refused.map(|_| ())).expect("somebody listens");
        }
        Resume::Continue
    });
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    let run = instance.get_func(&mut store, "run").expect("exported");
    let null = Val::default_for(dotvm::ValType::FuncRef);
    assert_eq!(
        format!("{:?}", run.call(&mut store, &[null]).expect("it runs")),
        "[I32(1)]"
    );
    let refusals: Vec<_> = refusals.try_iter().collect();
    assert_eq!(refusals.len(), 2);
    assert!(refusals.iter().all(Result::is_err), "{refusals:?}");
}

#[test]
fn a_debugger_ends_a_program() {
    let engine = engine(true);
    let module = Module::from_text(&engine, PROGRAM).expect("a module");
    let mut store = Store::new(&engine, ());
    store.attach(|_: &mut Stopped<'_>| Resume::Quit(3));
    let text = outcome(&mut store, &module, 3);
    assert!(text.contains("exited with code 3"), "{text}");
}
