//! Traps: every code that a program can bring about, and backtraces to the letter.

mod common;

use common::{engine, instance, instance_of, module, run, trap_code};
use dotvm::{Caller, Engine, Error, Extern, Func, Linker, Module, Store, TrapCode};
use expect_test::expect;

#[test]
fn each_trap_has_its_code() {
    let cases = [
        ("trap", TrapCode::Unreachable),
        (
            "i32.push 65533\ni32.load 0\npop",
            TrapCode::MemoryOutOfBounds,
        ),
        (
            "i32.push 65536\ni32.push 0\ni32.store8 0",
            TrapCode::MemoryOutOfBounds,
        ),
        ("i32.push 1\ntable.get 0\npop", TrapCode::TableOutOfBounds),
        (
            "i32.push 1\ncall_indirect () -> () 0",
            TrapCode::UndefinedElement,
        ),
        (
            "i32.push 0\ncall_indirect () -> () 0",
            TrapCode::UninitializedElement,
        ),
        (
            "i32.push 1\ni32.push 0\ni32.div\npop",
            TrapCode::IntegerDivideByZero,
        ),
        (
            "i32.push 1\ni32.push 0\ni32.mod_u\npop",
            TrapCode::IntegerDivideByZero,
        ),
        (
            "i64.push -9223372036854775808\ni64.push -1\ni64.div\npop",
            TrapCode::IntegerOverflow,
        ),
        (
            "f32.push nan\ni32.trunc_f32\npop",
            TrapCode::InvalidConversionToInteger,
        ),
        (
            "f64.push 1e10\ni32.trunc_f64\npop",
            TrapCode::IntegerOverflow,
        ),
        ("i32.push 5\nfree", TrapCode::InvalidFree),
        ("i32.push 0xffff_0000\nalloc\npop", TrapCode::MemoryLimit),
        ("call $run", TrapCode::StackExhausted),
    ];
    for (code, expected) in cases {
        let text = format!(
            ".memory 1 2\n.table funcref 1\n.export \"run\" func $run\n.func $run\n{code}\nret\n.end"
        );
        let (mut store, instance) = instance(&text);
        assert_eq!(
            trap_code(run(&mut store, instance, "run")),
            expected,
            "{code}"
        );
        // Once trapped, the instance can be called again.
        assert_eq!(
            trap_code(run(&mut store, instance, "run")),
            expected,
            "{code}"
        );
    }
}

#[test]
fn a_call_of_another_type_traps() {
    let text = r#"
        .table funcref 1
        .elem funcref at 0 ($nothing)
        .export "run" func $run
        .func $nothing
            ret
        .end
        .func $run
            i32.push 3
            i32.push 0
            call_indirect (i32) -> () 0
            ret
        .end"#;
    let (mut store, instance) = instance(text);
    let code = trap_code(run(&mut store, instance, "run"));
    assert_eq!(code, TrapCode::IndirectCallTypeMismatch);
}

const DIVIDES: &str = r#"
    .module "calculator"
    .export "run" func $run
    .func $divide (i32 $a, i32 $b) -> i32
        local.get $a
        local.get $b
        i32.div
        ret
    .end
    .func $middle (i32 $b) -> i32
        i32.push 1000
        local.get $b
        call $divide
        i32.push 1
        i32.add
        ret
    .end
    .func $run
        i32.push 0
        call $middle
        pop
        ret
    .end"#;

#[test]
fn a_backtrace_names_functions_and_offsets() {
    let (mut store, instance) = instance(DIVIDES);
    let error = run(&mut store, instance, "run").unwrap_err();
    expect![[r#"
        trap: integer divide by zero
          0: calculator!divide (function 0, offset 0x5)
          1: calculator!middle (function 1, offset 0x6)
          2: calculator!run (function 2, offset 0x3)"#]]
    .assert_eq(&error.to_string());
    let Error::Trap(trap) = error else {
        panic!("{error}")
    };
    let frames = trap.backtrace().frames();
    assert_eq!(frames.len(), 3);
    assert_eq!(frames[1].func_index(), 1);
    assert_eq!(frames[1].func_name(), Some("middle"));
    assert_eq!(frames[1].module().name(), Some("calculator"));
    assert_eq!(trap.backtrace().omitted(), 0);
}

#[test]
fn metering_does_not_change_backtraces() {
    let engine = engine(|config| {
        config.metering(true);
    });
    let (mut store, instance) = instance_of(&engine, DIVIDES);
    store.set_fuel(1_000_000).unwrap();
    let error = run(&mut store, instance, "run").unwrap_err();
    expect![[r#"
        trap: integer divide by zero
          0: calculator!divide (function 0, offset 0x5)
          1: calculator!middle (function 1, offset 0x6)
          2: calculator!run (function 2, offset 0x3)"#]]
    .assert_eq(&error.to_string());
}

#[test]
fn names_do_not_reach_a_terminal_as_they_are() {
    let engine = Engine::default();
    let text = ".export \"run\" func 0\n.func $\"\\u{1b}[31mred\\n\\u{e9}\" ()\ntrap\n.end";
    let (mut store, instance) = instance_of(&engine, text);
    let error = run(&mut store, instance, "run").unwrap_err();
    expect![[r#"
        trap: unreachable executed
          0: \u{1b}[31mred\né (function 0, offset 0x1)"#]]
    .assert_eq(&error.to_string());
}

#[test]
fn without_a_debug_section_exports_lend_their_names() {
    let engine = Engine::default();
    let (isa, _) = dotvm::isa::text::assemble(DIVIDES).unwrap();
    let bytes = dotvm::isa::encode(&isa, &Default::default(), Default::default());
    let module = Module::new(&engine, bytes).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .unwrap();
    let error = run(&mut store, instance, "run").unwrap_err();
    expect![[r#"
        trap: integer divide by zero
          0: function 0, offset 0x5
          1: function 1, offset 0x6
          2: run (function 2, offset 0x3)"#]]
    .assert_eq(&error.to_string());
}

#[test]
fn names_are_read_from_the_file_when_they_are_needed() {
    let engine = Engine::default();
    let (isa, names) = dotvm::isa::text::assemble(DIVIDES).unwrap();
    let mut bytes = dotvm::isa::encode(&isa, &names, Default::default());
    let module = Module::new(&engine, &bytes).unwrap();
    assert_eq!(module.name(), Some("calculator"));
    assert_eq!(module.func_name(0), Some("divide"));
    // A broken debug section hides names, not traps.
    *bytes.last_mut().unwrap() ^= 1;
    let module = Module::new(&engine, &bytes).unwrap();
    assert_eq!(module.name(), None);
    assert_eq!(module.func_name(2), Some("run"));
    assert!(matches!(module.verify_all(), Err(Error::Malformed(_))));
}

#[test]
fn frames_of_other_instances_and_through_host_functions_are_there() {
    let engine = Engine::default();
    let inner = module(
        &engine,
        r#"
        .module "inner"
        .memory 1
        .export "load" func $load
        .func $load (i32 $at) -> i32
            local.get $at
            i32.load 16
            ret
        .end"#,
    );
    let outer = module(
        &engine,
        r#"
        .module "outer"
        .import "inner" "load" func $load (i32) -> i32
        .import "host" "again" func $again (i32) -> i32
        .export "run" func $run
        .export "direct" func $direct
        .func $direct (i32 $at) -> i32
            local.get $at
            call $load
            i32.push 1
            i32.add
            ret
        .end
        .func $run (i32 $at) -> i32
            local.get $at
            call $again
            ret
        .end"#,
    );
    let mut linker = Linker::<()>::new(&engine);
    let again = |mut caller: Caller<'_, ()>, at: i32| {
        let direct = caller
            .get_export("direct")
            .and_then(Extern::into_func)
            .unwrap();
        direct.typed::<i32, i32>(&caller)?.call(&mut caller, at)
    };
    linker.func_wrap("host", "again", again).unwrap();
    let mut store = Store::new(&engine, ());
    linker.module(&mut store, "inner", &inner).unwrap();
    let instance = linker.instantiate(&mut store, &outer).unwrap();
    let run = instance
        .get_typed_func::<i32, i32>(&mut store, "run")
        .unwrap();
    assert_eq!(run.call(&mut store, 100).unwrap(), 1);
    let error = run.call(&mut store, -1).unwrap_err();
    expect![[r#"
        trap: out of bounds memory access
          0: inner!load (function 0, offset 0x3)
          1: outer!direct (function 2, offset 0x3)
          2: outer!run (function 3, offset 0x3)"#]]
    .assert_eq(&error.to_string());
}

#[test]
fn of_deep_recursion_both_ends_are_kept() {
    let text = r#"
        .module "deep"
        .export "run" func $run
        .func $down (i32 $n)
            local.get $n
            i32.eqz
            jz go_on
            trap
        go_on:
            local.get $n
            i32.push 1
            i32.sub
            call $down
            ret
        .end
        .func $run
            i32.push 1000
            call $down
            ret
        .end"#;
    let (mut store, instance) = instance(text);
    let error = run(&mut store, instance, "run").unwrap_err();
    let text = error.to_string();
    let lines: Vec<&str> = text.lines().collect();
    // 32 inner frames, 16 outer ones of 1002, and a line for what lies between.
    assert_eq!(lines.len(), 1 + 32 + 1 + 16);
    let shown = [&lines[..3], &lines[31..36], &lines[48..]]
        .concat()
        .join("\n");
    expect![[r#"
        trap: unreachable executed
          0: deep!down (function 0, offset 0x6)
          1: deep!down (function 0, offset 0xc)
         30: deep!down (function 0, offset 0xc)
         31: deep!down (function 0, offset 0xc)
          ... 954 more frames
        986: deep!down (function 0, offset 0xc)
        987: deep!down (function 0, offset 0xc)
        1000: deep!down (function 0, offset 0xc)
        1001: deep!run (function 1, offset 0x4)"#]]
    .assert_eq(&shown);
}

#[test]
fn halt_ends_the_program_from_any_depth() {
    let text = r#"
        .export "run" func $run
        .export "outside" func $outside
        .import "host" "call" func $host (funcref)
        .elem funcref declared ($stop)
        .func $stop
            halt
        .end
        .func $run
            call $stop
            trap
        .end
        .func $outside
            ref.func $stop
            call $host
            trap
        .end"#;
    let engine = Engine::default();
    let module = module(&engine, text);
    let mut linker = Linker::<()>::new(&engine);
    let call = |mut caller: Caller<'_, ()>, func: Option<Func>| {
        func.unwrap()
            .typed::<(), ()>(&caller)?
            .call(&mut caller, ())
    };
    linker.func_wrap("host", "call", call).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    for name in ["run", "outside"] {
        let result = run(&mut store, instance, name);
        assert!(matches!(result, Err(Error::Exit(0))), "{result:?}");
    }
}
