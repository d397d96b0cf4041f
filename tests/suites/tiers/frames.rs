//! Frames of both tiers on top of each other, through the host and across instances; the end of the
//! stack; tail calls.

use dotvm::{Caller, Config, Engine, Error, Extern, Jit, Linker, Store, Trap, TrapCode, Val};
use dotvm_tests::differential::{Outcome, Way, end_of, engine, outcomes};
use expect_test::expect;

use crate::harness::{call, everywhere, interpreted, load, load_for, native_ways, summary};

/// `hot` and `warm` become native code before `cold` is called for the first time.
const MIXED: &str = r#"
.import "host" "again" func $again (i32) -> i32
.memory 1
.export "hot" func $hot
.export "cold" func $cold
.export "again" func $warm
.func $hot (i32 $n) -> i32
    nop
    local.get $n
    i32.push 2
    i32.gt_u
    jnz deeper
    local.get $n
    ret
deeper:
    local.get $n
    i32.push 1
    i32.sub
    call $cold
    i32.push 1
    i32.add
    ret
.end
.func $cold (i32 $n) -> i32
    .local i32 $i
again:
    loop
    local.get $i
    i32.push 1
    i32.add
    local.tee $i
    i32.push 3
    i32.lt_u
    jnz again
    local.get $n
    i32.push 1
    i32.sub
    call $again
    i32.push 1
    i32.add
    ret
.end
.func $warm (i32 $n) -> i32
    local.get $n
    i32.push 2
    i32.gt_u
    jnz deeper
    local.get $n
    i32.push 70000
    i32.mul
    i32.load 0
    ret
deeper:
    local.get $n
    i32.push 1
    i32.sub
    call $hot
    i32.push 1
    i32.add
    ret
.end
"#;

#[test]
fn tiers_call_each_other_through_the_host() {
    let mut calls = Vec::new();
    for _ in 0..5 {
        calls.push(call("hot", &[Val::I32(0)]));
        calls.push(call("again", &[Val::I32(0)]));
    }
    for n in [3, 5, 4, 7, 30, 8, 9, 31] {
        calls.push(call("hot", &[Val::I32(n)]));
    }
    let outcomes = everywhere(MIXED, &calls);
    expect![[r#"
        trap: out of bounds memory access at 3+0xf 2+0x15 1+0x11
        i32:5
        trap: out of bounds memory access at 3+0xf 2+0x15 1+0x11
        trap: out of bounds memory access at 3+0xf 2+0x15 1+0x11 3+0x17 2+0x15 1+0x11
    "#]]
    .assert_eq(&summary(&[&outcomes[..1], &outcomes[11..15]].concat()));
}

#[test]
fn the_host_and_the_guest_call_each_other_until_the_stack_ends() {
    let text = r#"
        .import "host" "again" func $host (i32) -> i32
        .export "again" func $again
        .global $depth mut i32 = 0
        .func $again (i32 $n) -> i32
            global.get $depth
            i32.push 1
            i32.add
            global.set $depth
            local.get $n
            jz end
            local.get $n
            i32.push 1
            i32.sub
            call $host
            i32.push 1
            i32.add
            ret
        end:
            i32.push 0
            ret
        .end"#;
    let calls: Vec<_> = [0, 1, 2, 40, 100_000, 30, -1, 10]
        .map(|n| call("again", &[Val::I32(n)]))
        .into();
    let outcomes = everywhere(text, &calls);
    let ends: Vec<&str> = outcomes[1..].iter().map(|outcome| &*outcome.end).collect();
    assert_eq!(
        ends,
        [
            "i32:0",
            "i32:1",
            "i32:2",
            "i32:40",
            "trap: call stack exhausted",
            "i32:30",
            "trap: call stack exhausted",
            "i32:10"
        ]
    );
}

#[test]
fn recursion_ends_with_the_stack() {
    let text = r#"
        .memory 1
        .table $t funcref 3
        .elem funcref at 0 in $t ($direct, $left, $through)
        .export "direct" func $direct
        .export "mutual" func $left
        .export "indirect" func $through
        .export "wide" func $wide
        .export "many" func $many
        .func $direct (i32 $n) -> i32
            local.get $n
            jz end
            local.get $n
            i32.push 1
            i32.sub
            call $direct
            i32.push 1
            i32.add
            ret
        end:
            i32.push 0
            ret
        .end
        .func $left (i32 $n) -> i32
            .local i64 * 5
            local.get $n
            jz end
            local.get $n
            i32.push 1
            i32.sub
            call $right
            i32.push 1
            i32.add
            ret
        end:
            i32.push 0
            ret
        .end
        .func $right (i32 $n) -> i32
            nop
            local.get $n
            call $left
            ret
        .end
        .func $through (i32 $n) -> i32
            local.get $n
            jz end
            local.get $n
            i32.push 1
            i32.sub
            i32.push 2
            call_indirect (i32) -> i32 $t
            i32.push 1
            i32.add
            ret
        end:
            i32.push 0
            ret
        .end
        .func $wide (i32 $n) -> i32
            .local i64 * 600
            local.get $n
            jz end
            local.get $n
            i32.push 1
            i32.sub
            call $wide
            i32.push 1
            i32.add
            ret
        end:
            i32.push 0
            ret
        .end
        .func $many (i32 $n) -> i32
            local.get $n
            local.get $n
            local.get $n
            local.get $n
            local.get $n
            local.get $n
            local.get $n
            local.get $n
            local.get $n
            local.get $n
            local.get $n
            local.get $n
            call $direct
            i32.load 0
            i32.add
            i32.xor
            i32.sub
            i32.mul
            i32.add
            i32.xor
            i32.sub
            i32.mul
            i32.add
            i32.add
            call $many
            ret
        .end"#;
    let mut calls = Vec::new();
    for name in ["direct", "mutual", "indirect", "wide", "many"] {
        for n in [3, 20, 1_000_000, 20, -1] {
            calls.push(call(name, &[Val::I32(n)]));
        }
    }
    let outcomes = everywhere(text, &calls);
    for (i, outcome) in outcomes[1..].iter().enumerate() {
        let exhausted = outcome.end == "trap: call stack exhausted";
        assert_eq!(
            exhausted,
            i >= 20 || [2, 4].contains(&(i % 5)),
            "{i}: {outcome:?}"
        );
    }
}

#[test]
fn arguments_that_do_not_fit_on_the_stack() {
    // Many arguments for the host and for functions, at every distance from the end of the stack.
    let many = vec!["i64"; 900].join(", ");
    let pushes = "i64.push 1\n".repeat(900);
    let text = format!(
        ".import \"host\" \"log\" func $log ({many})\n\
         .export \"deep\" func $deep\n\
         .func $take ({many}) -> i32\n i32.push 0\n ret\n.end\n\
         .func $deep (i32 $n, i32 $host) -> i32\n\
         local.get $n\n jz end\n local.get $n\n i32.push 1\n i32.sub\n local.get $host\n call $deep\n ret\n\
         end:\n {pushes} local.get $host\n jz guest\n call $log\n i32.push 5\n ret\n\
         guest:\n call $take\n ret\n.end\n"
    );
    let calls: Vec<_> = (0..4200)
        .step_by(61)
        .flat_map(|n| [0, 1].map(|host| call("deep", &[Val::I32(n), Val::I32(host)])))
        .collect();
    for metering in [false, true] {
        let run = |way: Way| {
            let engine = engine(way);
            outcomes(&engine, &load_for(way, &engine, &text), &calls)
        };
        let expected = run(interpreted(metering));
        assert!(
            expected
                .iter()
                .any(|outcome| outcome.end == "trap: call stack exhausted")
        );
        for way in native_ways(metering) {
            let found = run(way);
            let ends = |outcomes: &[Outcome]| {
                outcomes
                    .iter()
                    .map(|outcome| outcome.end.clone())
                    .collect::<Vec<_>>()
            };
            if metering {
                assert_eq!(expected, found, "{way:?}");
            }
            assert!(
                ends(&found).iter().all(|end| ends(&expected).contains(end)),
                "{way:?}"
            );
        }
    }
}

#[test]
fn a_tail_call_of_what_does_not_fit_on_the_stack() {
    let text = r#"
        .table $t funcref 1
        .elem funcref at 0 in $t ($big)
        .export "deep" func $deep
        .export "indirect" func $indirect
        .func $deep (i32 $n) -> i32
            local.get $n
            jz end
            local.get $n
            i32.push 1
            i32.sub
            call $deep
            i32.push 1
            i32.add
            ret
        end:
            nop
            local.get $n
            ret_call $big
        .end
        .func $indirect (i32 $n) -> i32
            local.get $n
            jz end
            local.get $n
            i32.push 1
            i32.sub
            call $indirect
            i32.push 1
            i32.add
            ret
        end:
            local.get $n
            i32.push 0
            ret_call_indirect (i32) -> i32 $t
        .end
        .func $big (i32 $n) -> i32
            .local i64 * 3000
        again:
            loop
            local.get $n
            jnz again
            i32.push 100
            ret
        .end"#;
    let calls: Vec<_> = (0..5400)
        .step_by(301)
        .flat_map(|n| ["deep", "indirect"].map(|name| call(name, &[Val::I32(n)])))
        .collect();
    let outcomes = everywhere(text, &calls);
    let exhausted = outcomes
        .iter()
        .filter(|outcome| outcome.end.starts_with("trap"))
        .count();
    assert!(exhausted > 4 && exhausted < calls.len(), "{exhausted}");
}

/// What the second instance imports from the first.
const FIRST: &str = r#"
.module "first"
.memory 1
.global $calls mut i32 = 0
.table $t funcref 4
.export "t" table $t
.export "twice" func $twice
.export "load" func $load
.export "bounce" func $bounce
.func $twice (i32 $x) -> i32
    global.get $calls
    i32.push 1
    i32.add
    global.set $calls
    local.get $x
    i32.push 2
    i32.mul
    global.get $calls
    i32.add
    ret
.end
.func $load (i32 $p) -> i32
    nop
    local.get $p
    i32.load 4
    ret
.end
.func $bounce (i32 $n) -> i32
    local.get $n
    i32.push 0
    ret_call_indirect (i32) -> i32 $t
.end
"#;

const SECOND: &str = r#"
.module "second"
.import "first" "twice" func $twice (i32) -> i32
.import "first" "load" func $load (i32) -> i32
.import "first" "bounce" func $bounce (i32) -> i32
.import "first" "t" table $t funcref 4
.elem funcref at 0 in $t ($back, $sum)
.memory 2
.export "sum" func $sum
.export "read" func $read
.export "bounces" func $back
.func $sum (i32 $n) -> i32
    .local i32 $sum
again:
    loop
    local.get $sum
    local.get $n
    call $twice
    i32.add
    local.set $sum
    local.get $n
    i32.push 1
    i32.sub
    local.tee $n
    jnz again
    local.get $sum
    ret
.end
.func $read (i32 $p) -> i32
    local.get $p
    i32.load 0
    local.get $p
    call $load
    i32.add
    ret
.end
.func $back (i32 $n) -> i32
    local.get $n
    jz end
    local.get $n
    i32.push 1
    i32.sub
    ret_call $bounce
end:
    i32.push 77777
    call $load
    ret
.end
"#;

/// Runs calls of the second instance; what comes of each.
fn across(way: Way, calls: &[(&str, i32)]) -> Vec<(String, Vec<String>)> {
    let engine = engine(way);
    let mut store = Store::new(&engine, 0u64);
    let _ = store.set_fuel(10_000_000);
    let mut linker = Linker::new(&engine);
    let first = linker
        .instantiate(&mut store, &load_for(way, &engine, FIRST))
        .expect("an instance");
    linker
        .instance(&mut store, "first", first)
        .expect("new names");
    let second = linker
        .instantiate(&mut store, &load_for(way, &engine, SECOND))
        .expect("an instance");
    let run = |&(name, arg): &(&str, i32)| {
        let func = second
            .get_typed_func::<i32, i32>(&mut store, name)
            .expect("an export");
        match func.call(&mut store, arg) {
            Ok(value) => (value.to_string(), Vec::new()),
            Err(error) => {
                let (end, mut place) = end_of(&error);
                place.push(error.to_string());
                (end, place)
            }
        }
    };
    calls.iter().map(run).collect()
}

#[test]
fn instances_call_each_other() {
    let calls = [
        ("sum", 5),
        ("sum", 20),
        ("read", 0),
        ("read", 65529),
        ("read", 131068),
        ("read", 131069),
        ("bounces", 3),
        ("bounces", 0),
        ("bounces", 100_000),
        ("sum", 3),
    ];
    for metering in [true, false] {
        let expected = across(interpreted(metering), &calls);
        for way in native_ways(metering) {
            assert_eq!(expected, across(way, &calls), "{way:?}");
        }
    }
}

#[test]
fn tail_calls_through_many_references_need_no_stack() {
    const FUNCS: u32 = 4000;
    let name = |i: u32| format!("$f{}", i % FUNCS);
    let names: Vec<String> = (0..FUNCS).map(name).collect();
    let mut text = format!(
        ".table $t funcref {FUNCS}\n.elem funcref at 0 in $t ({})\n.export \"run\" func $f0\n",
        names.join(", ")
    );
    for i in 0..FUNCS {
        text += &format!(
            ".func {} (i32 $n) -> i32\n local.get $n\n jz end\n local.get $n\n i32.push 1\n i32.sub\n \
             i32.push {}\n ret_call_indirect (i32) -> i32 $t\nend:\n i32.push 7\n ret\n.end\n",
            name(i),
            (i + 1) % FUNCS,
        );
    }
    let mut config = Config::new();
    config.jit(Jit::Eager).max_stack_bytes(64 << 10);
    let engine = Engine::new(&config);
    let calls = [call("run", &[Val::I32(100_000)])];
    let found = outcomes(&engine, &load(&engine, &text), &calls);
    assert_eq!(summary(&found), "i32:7\n");
}

#[test]
fn tail_calls_need_no_stack_where_some_are_never_compiled() {
    // More than a function that is compiled may have.
    let large = "nop\n".repeat(1 << 20);
    let text = format!(
        "
        .export \"run\" func $native
        .func $native (i32 $n) -> i32
            .local i32 $i
        again:
            loop
            local.get $i
            i32.push 1
            i32.add
            local.tee $i
            i32.push 3
            i32.lt_u
            jnz again
            local.get $n
            i32.push 1
            i32.sub
            ret_call $large
        .end
        .func $large (i32 $n) -> i32
            local.get $n
            i32.push 0
            i32.gt
            jz end
            local.get $n
            ret_call $native
        end:
            i32.push 7
            ret
            {large}
            trap
        .end"
    );
    for way in native_ways(false) {
        let engine = engine(way);
        let module = load_for(way, &engine, &text);
        let found = outcomes(&engine, &module, &[call("run", &[Val::I32(100_000)])]);
        assert_eq!(summary(&found), "i32:7\n", "{way:?}");
    }
}

#[test]
fn tail_calls_need_no_stack_in_any_mixture_of_tiers() {
    let text = r#"
        .table $t funcref 3
        .elem funcref at 0 in $t ($native, $step, $loop)
        .export "run" func $native
        .export "through" func $through
        .func $native (i32 $n) -> i32
            local.get $n
            jz end
            local.get $n
            i32.push 1
            i32.sub
            ret_call $step
        end:
            i32.push 9
            ret
        .end
        .func $step (i32 $n) -> i32
            local.get $n
            jz end
            local.get $n
            i32.push 1
            i32.sub
            ret_call $loop
        end:
            i32.push 8
            ret
        .end
        .func $loop (i32 $n) -> i32
            .local i32 $i
        again:
            loop
            local.get $i
            i32.push 1
            i32.add
            local.tee $i
            i32.push 5
            i32.lt_u
            jnz again
            local.get $n
            i32.push 0
            ret_call_indirect (i32) -> i32 $t
        .end
        .func $through (i32 $n) -> i32
            local.get $n
            call $native
            i32.push 1
            i32.add
            ret
        .end"#;
    let calls: Vec<_> = [10, 11, 200_000, 12, 200_001]
        .into_iter()
        .flat_map(|n| ["run", "through"].map(|name| (name, n)))
        .collect();
    for way in native_ways(false) {
        let engine = engine(way);
        let module = load_for(way, &engine, text);
        let mut store = Store::new(&engine, ());
        let linker = Linker::new(&engine);
        let instance = linker
            .instantiate(&mut store, &module)
            .expect("an instance");
        for &(name, n) in &calls {
            let func = instance
                .get_typed_func::<i32, i32>(&mut store, name)
                .expect("an export");
            let end = if n % 2 == 0 { 9 } else { 8 } + i32::from(name == "through");
            let found = func.call(&mut store, n).map_err(|error| error.to_string());
            assert_eq!(found, Ok(end), "{way:?}: {name}({n})");
        }
    }
}

/// A host function that fails as it is told, and calls back.
fn failing(linker: &mut Linker<u32>) {
    let fail = |mut caller: Caller<'_, u32>, how: i32| -> Result<i32, Error> {
        *caller.data_mut() += 1;
        match how {
            0 => Ok(1),
            1 => Err(Error::host("as it was told")),
            2 => panic!("as it was told"),
            3 => Err(TrapCode::Unreachable.into()),
            4 => Err(Error::Exit(3)),
            5 => Err(Error::Trap(Trap::with_detail(
                TrapCode::Interrupted,
                "told",
            ))),
            how => {
                let Some(Extern::Func(func)) = caller.get_export("run") else {
                    return Err(Error::host("no export"));
                };
                let func = func.typed::<i32, i32>(&mut caller)?;
                func.call(&mut caller, how - 10)
            }
        }
    };
    linker.func_wrap("host", "fail", fail).expect("a new name");
}

#[test]
fn errors_and_panics_of_the_host_end_native_code() {
    let text = r#"
        .import "host" "fail" func $fail (i32) -> i32
        .export "run" func $run
        .func $run (i32 $how) -> i32
            nop
            local.get $how
            call $middle
            i32.push 1
            i32.add
            ret
        .end
        .func $middle (i32 $how) -> i32
            .local i32 $i
        again:
            loop
            local.get $i
            i32.push 1
            i32.add
            local.tee $i
            i32.push 3
            i32.lt_u
            jnz again
            local.get $how
            call $fail
            ret
        .end"#;
    let run = |way: Way| {
        let engine = engine(way);
        let module = load_for(way, &engine, text);
        let mut store = Store::new(&engine, 0u32);
        let mut linker = Linker::new(&engine);
        failing(&mut linker);
        let instance = linker
            .instantiate(&mut store, &module)
            .expect("an instance");
        let func = instance
            .get_typed_func::<i32, i32>(&mut store, "run")
            .expect("an export");
        let mut lines = Vec::new();
        // 10 and more call back, so that several runs are below the one that ends.
        for how in [
            0, 1, 2, 3, 4, 5, 0, 10, 11, 12, 13, 14, 15, 21, 22, 23, 32, 31, 30, 0,
        ] {
            let _ = store.set_fuel(100_000);
            let call = std::panic::AssertUnwindSafe(|| func.call(&mut store, how));
            let line = match std::panic::catch_unwind(call) {
                Ok(Ok(value)) => format!("{value}"),
                Ok(Err(error)) => format!("{error} {:?}", end_of(&error)),
                Err(panic) => format!("panic: {:?}", panic.downcast_ref::<&str>()),
            };
            lines.push(format!("{how}: {line}, {:?}", store.fuel().ok()));
        }
        lines.push(store.data().to_string());
        lines
    };
    for metering in [true, false] {
        let expected = run(interpreted(metering));
        assert!(expected[2].contains("as it was told"), "{expected:?}");
        for way in native_ways(metering) {
            assert_eq!(expected, run(way), "{way:?}");
        }
    }
}
