//! A program that traps in every way that native code can.

use dotvm::{Config, Engine, Jit, Linker, Module, Store, TrapCode};

/// A trap of each kind that a signal reports, by the number.
pub(crate) const TRAPPING: &str = r#"
.memory 1
.export "trap" func $trap
.func $trap (i32 $kind) -> i32
    local.get $kind
    br_table load divide unreachable recurse over fine
load:
    i32.push -1
    i32.load 0
    ret
divide:
    i32.push 1
    local.get $kind
    i32.push 1
    i32.sub
    i32.div
    ret
unreachable:
    trap
recurse:
    local.get $kind
    call $trap
    ret
over:
    f64.push 1e300
    i32.trunc_f64
    ret
fine:
    local.get $kind
    ret
.end
"#;

/// The trap of each kind in [`TRAPPING`].
pub(crate) const TRAPS: [Option<TrapCode>; 6] = [
    Some(TrapCode::MemoryOutOfBounds),
    Some(TrapCode::IntegerDivideByZero),
    Some(TrapCode::Unreachable),
    Some(TrapCode::StackExhausted),
    Some(TrapCode::IntegerOverflow),
    None,
];

/// The kind for each round; the end of the stack takes long to get to, and comes less often.
pub(crate) fn kind_of(round: usize) -> usize {
    match round % TRAPS.len() {
        3 if round % 60 != 3 => 0,
        kind => kind,
    }
}

/// Calls the function so often, in a new store, and checks what comes of it.
pub(crate) fn trapping(engine: &Engine, module: &Module, rounds: usize) {
    let mut store = Store::new(engine, ());
    let instance = Linker::new(engine)
        .instantiate(&mut store, module)
        .expect("an instance");
    let func = instance
        .get_typed_func::<i32, i32>(&mut store, "trap")
        .expect("an export");
    for round in 0..rounds {
        let kind = kind_of(round);
        let found = func
            .call(&mut store, kind as i32)
            .map_err(|error| error.trap_code());
        assert_eq!(
            found,
            TRAPS[kind].map_or(Ok(kind as i32), |code| Err(Some(code)))
        );
    }
}

/// An engine whose programs soon come to the end of the stack.
pub(crate) fn small_stack(jit: Jit, threshold: u32) -> Engine {
    let mut config = Config::new();
    config
        .jit(jit)
        .jit_threshold(threshold)
        .max_stack_bytes(16 << 10);
    Engine::new(&config)
}
