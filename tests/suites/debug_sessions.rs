//! Debuggers: what they see and change, and that looking alone changes nothing.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;

use dotvm::debug::{Reason, Resume, Step, StepUnit, Stopped};
use dotvm::{Config, Engine, Instance, Module, Store, Val};

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

fn engine(debug: bool) -> Engine {
    let mut config = Config::new();
    config.debug(debug).metering(true);
    Engine::new(&config)
}

/// What a run gives: results or the trap, and the fuel it takes.
fn outcome(store: &mut Store<()>, module: &Module, n: i32) -> String {
    store.set_fuel(1_000_000).expect("metering");
    let instance = Instance::new(&mut *store, module, &[]).expect("an instance");
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

#[test]
fn looking_at_everything_changes_nothing() {
    for n in [1, 2, 9, 40, 100] {
        let plain = engine(false);
        let module = Module::from_text(&plain, PROGRAM).expect("a module");
        let expected = outcome(&mut Store::new(&plain, ()), &module, n);

        let engine = engine(true);
        let module = Module::from_text(&engine, PROGRAM).expect("a module");
        let unseen = outcome(&mut Store::new(&engine, ()), &module, n);
        assert_eq!(unseen, expected);

        let mut store = Store::new(&engine, ());
        let seen = Arc::new(Mutex::new((0u32, 0usize)));
        let shared = Arc::clone(&seen);
        store.attach(move |stopped: &mut Stopped<'_>| {
            let mut seen = shared.lock().expect("nobody panics");
            seen.0 += 1;
            for frame in 0..stopped.frames().len() {
                let locals = stopped.locals(frame).expect("locals");
                let operands = stopped.operands(frame).expect("operands");
                for value in locals.iter().chain(&operands) {
                    seen.1 += stopped.show(value).len();
                }
            }
            Resume::Step(Step::In(StepUnit::Instruction))
        });
        assert_eq!(outcome(&mut store, &module, n), expected);
        let (stops, text) = *seen.lock().expect("nobody panics");
        assert!(
            stops > 20 * n as u32 && text > stops as usize,
            "{stops} {text}"
        );
    }
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
