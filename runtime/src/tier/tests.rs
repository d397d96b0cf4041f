//! Which loop native code is made for.

use dotvm_isa::{InstrReader, Op};

use super::LOOP_AROUND_OFTEN;
use crate::{Config, Engine, Linker, Module, Store};

/// Three loops, each in the one before: they go back 0, `LOOP_AROUND_OFTEN` and 50 times.
const NESTED: &str = r#"
    .arch arch64
    .export "run" func $run
    .func $run ()
        .local i32 $middle
        .local i32 $inner
    outer:
        loop
        i32.push 5
        local.set $middle
    middle:
        loop
        i32.push 11
        local.set $inner
    inner:
        loop
        local.get $inner
        i32.push 1
        i32.sub
        local.tee $inner
        jnz inner
        local.get $middle
        i32.push 1
        i32.sub
        local.tee $middle
        jnz middle
        local.get $middle
        jnz outer
        ret
    .end
"#;

#[test]
fn around_a_hot_loop_is_the_outermost_that_comes_around() {
    let engine = Engine::new(Config::new().jit_threshold(1_000_000));
    let module = Module::from_text(&engine, NESTED).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .unwrap();
    let run = instance
        .get_typed_func::<(), ()>(&mut store, "run")
        .unwrap();
    run.call(&mut store, ()).unwrap();
    let mut reader = InstrReader::new(module.bytecode().body(0), 0);
    reader.read_locals().unwrap();
    let mut headers = Vec::new();
    while !reader.at_end() {
        let instr = reader.next_instr().unwrap();
        headers.extend((instr.op == Op::Loop).then_some(instr.offset));
    }
    let [outer, middle, inner] = headers[..] else {
        panic!("{headers:?}");
    };
    let around = |header, often| module.loop_around(0, header, often);
    assert_eq!(around(inner, LOOP_AROUND_OFTEN), Some(middle));
    assert_eq!(around(inner, LOOP_AROUND_OFTEN + 1), None);
    assert_eq!(around(inner, 0), Some(outer));
    assert_eq!(around(outer, 0), None);
    module.expect_loop(0, outer);
    assert_eq!(around(middle, LOOP_AROUND_OFTEN), Some(outer));
}
