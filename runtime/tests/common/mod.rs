//! What all tests of the runtime use: modules of assembler text, instances without further ado.

#![allow(dead_code, reason = "not every test file uses everything")]

use dotvm::{Config, Engine, Error, Instance, Linker, Module, Result, Store, TrapCode};

/// An engine with these settings.
pub(crate) fn engine(set: impl FnOnce(&mut Config)) -> Engine {
    let mut config = Config::new();
    set(&mut config);
    Engine::new(&config)
}

/// The module of a text.
pub(crate) fn module(engine: &Engine, text: &str) -> Module {
    match Module::from_text(engine, text) {
        Ok(module) => module,
        Err(error) => panic!("{error}"),
    }
}

/// An instance of a text's module, which imports nothing, in a store of its own.
pub(crate) fn instance(text: &str) -> (Store<()>, Instance) {
    instance_of(&Engine::default(), text)
}

/// As [`instance`], with this engine.
pub(crate) fn instance_of(engine: &Engine, text: &str) -> (Store<()>, Instance) {
    let module = module(engine, text);
    let mut store = Store::new(engine, ());
    let instance = Linker::new(engine)
        .instantiate(&mut store, &module)
        .unwrap();
    (store, instance)
}

/// Calls an export without parameters and results.
pub(crate) fn run(store: &mut Store<()>, instance: Instance, name: &str) -> Result<()> {
    instance
        .get_typed_func::<(), ()>(&mut *store, name)?
        .call(store, ())
}

/// The code that a call trapped with.
#[track_caller]
pub(crate) fn trap_code<T: std::fmt::Debug>(result: Result<T>) -> TrapCode {
    match result {
        Err(Error::Trap(trap)) => trap.code(),
        other => panic!("no trap: {other:?}"),
    }
}
