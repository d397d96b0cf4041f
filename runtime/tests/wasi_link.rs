//! WASI in a linker: memory, the store's data, exits, faults and deadlines get through.

mod common;

use std::time::{Duration, Instant};

use common::{module, trap_code};
use dotvm::wasi::{MemoryOutput, WasiCtx, WasiCtxBuilder};
use dotvm::{Engine, Error, Linker, Result, Store, TrapCode, add_wasi_to_linker};
use expect_test::expect;

/// What a program's store has: more than WASI.
struct State {
    wasi: WasiCtx,
}

/// Runs the function `$run` of that body (with a memory and some imports) until `deadline`; returns
/// what it printed and the outcome.
fn run(body: &str, timeout: Option<Duration>) -> (String, Result<i32>) {
    let text = format!(
        r#"
        .import "wasi_snapshot_preview1" "fd_write" func $fd_write (i32 i32 i32 i32) -> i32
        .import "wasi_unstable" "proc_exit" func $proc_exit (i32)
        .import "wasi_snapshot_preview1" "poll_oneoff" func $poll (i32 i32 i32 i32) -> i32
        .memory 1
        .data at 0 "\10\00\00\00\06\00\00\00"           ; address and length
        .data at 16 "hello\n"
        ; A subscription: user data, a clock (tag 0), monotonic, an hour in ns, precision, relative.
        .data at 64 ("\00\00\00\00\00\00\00\00" "\00\00\00\00\00\00\00\00"
                     "\01\00\00\00\00\00\00\00" "\00\a0\b8\30\46\03\00\00"
                     "\00\00\00\00\00\00\00\00" "\00\00\00\00\00\00\00\00")
        .export "run" func $run
        .func $run () -> i32
            {body}
            ret
        .end"#
    );
    let engine = Engine::default();
    let module = module(&engine, &text);
    let mut linker = Linker::new(&engine);
    add_wasi_to_linker(&mut linker, |state: &mut State| &mut state.wasi).unwrap();
    let output = MemoryOutput::new();
    let wasi = WasiCtxBuilder::new().stdout(output.clone()).build();
    let mut store = Store::new(&engine, State { wasi });
    if let Some(timeout) = timeout {
        store.set_timeout(timeout).unwrap();
    }
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let run = instance.get_typed_func::<(), i32>(&mut store, "run");
    let result = run.unwrap().call(&mut store, ());
    (String::from_utf8(output.contents()).unwrap(), result)
}

const WRITE: &str = "
    i32.push 1
    i32.push 0
    i32.push 1
    i32.push 32
    call $fd_write";

#[test]
fn a_program_prints() {
    let (output, result) = run(WRITE, None);
    assert_eq!((output.as_str(), result.unwrap()), ("hello\n", 0));
    // Standard error was given to nobody: descriptor 9 does not exist.
    let (output, result) = run(&WRITE.replacen("push 1", "push 9", 1), None);
    assert_eq!((output.as_str(), result.unwrap()), ("", 8));
}

#[test]
fn exit_codes_pass_through() {
    for code in [0, 3, 125] {
        let body = format!("{WRITE}\ni32.push {code}\ncall $proc_exit");
        let (output, result) = run(&body, None);
        assert_eq!(output, "hello\n");
        assert!(
            matches!(result, Err(Error::Exit(found)) if found == code),
            "{result:?}"
        );
    }
}

#[test]
fn bad_pointers_trap() {
    let (_, result) = run(&WRITE.replace("push 0", "push 0xffff_fff0"), None);
    let error = result.unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::MemoryOutOfBounds));
    expect![[r#"
        trap: out of bounds memory access: WASI call with 8 bytes at 0xfffffff0, beyond the end of memory (65536 bytes)
          0: run (function 3, offset 0x9)"#]]
    .assert_eq(&error.to_string());
}

#[test]
fn a_sleeping_program_times_out() {
    let body = "
        i32.push 64
        i32.push 256
        i32.push 1
        i32.push 512
        call $poll";
    let start = Instant::now();
    let (_, result) = run(body, Some(Duration::from_millis(40)));
    assert_eq!(trap_code(result), TrapCode::Timeout);
    let elapsed = start.elapsed();
    assert!(
        elapsed >= Duration::from_millis(40) && elapsed < Duration::from_secs(2),
        "{elapsed:?}"
    );
}

#[test]
fn all_of_wasi_can_be_shadowed_but_not_defined_twice() {
    let engine = Engine::default();
    let mut linker = Linker::<WasiCtx>::new(&engine);
    add_wasi_to_linker(&mut linker, |ctx| ctx).unwrap();
    let error = add_wasi_to_linker(&mut linker, |ctx| ctx).unwrap_err();
    expect!["wasi_snapshot_preview1::sock_accept is defined already"].assert_eq(&error.to_string());
    linker.allow_shadowing(true);
    add_wasi_to_linker(&mut linker, |ctx| ctx).unwrap();
}
