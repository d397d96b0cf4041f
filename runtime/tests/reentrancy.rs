//! Host functions that call back into programs, panic, or both.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{module, trap_code};
use dotvm::{Caller, Engine, Error, Extern, Instance, Linker, Memory, Store, TrapCode};

/// `run` hands its argument to the host, which may call `run` or others of these.
const PROGRAM: &str = r#"
    .module "program"
    .import "host" "call" func $host (i32) -> i32
    .memory 1 100
    .export "memory" memory 0
    .export "run" func $run
    .export "grow" func $grow
    .export "divide" func $divide
    .func $run (i32 $n) -> i32
        .local i32 $kept
        local.get $n
        i32.push 1000
        i32.mul
        local.set $kept
        i32.push 7
        local.get $n
        call $host
        i32.add
        local.get $kept
        i32.add
        ret
    .end
    .func $grow (i32 $pages) -> i32
        local.get $pages
        memory.grow
        ret
    .end
    .func $divide (i32 $n) -> i32
        i32.push 1
        local.get $n
        i32.div
        ret
    .end"#;

fn program<T: 'static>(
    data: T,
    host: impl Fn(Caller<'_, T>, i32) -> dotvm::Result<i32> + Send + Sync + 'static,
) -> (Store<T>, Instance) {
    let engine = Engine::default();
    let module = module(&engine, PROGRAM);
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "call", host).unwrap();
    let mut store = Store::new(&engine, data);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    (store, instance)
}

fn call<T: 'static>(caller: &mut Caller<'_, T>, name: &str, n: i32) -> dotvm::Result<i32> {
    let func = caller.get_export(name).and_then(Extern::into_func).unwrap();
    func.typed::<i32, i32>(&mut *caller)?.call(caller, n)
}

#[test]
fn calls_nest() {
    let (mut store, instance) = program(Vec::new(), |mut caller: Caller<'_, Vec<i32>>, n| {
        caller.data_mut().push(n);
        if n == 0 {
            Ok(0)
        } else {
            call(&mut caller, "run", n - 1)
        }
    });
    let run = instance
        .get_typed_func::<i32, i32>(&mut store, "run")
        .unwrap();
    assert_eq!(
        run.call(&mut store, 50).unwrap(),
        51 * 7 + 1_000 * 50 * 51 / 2
    );
    assert_eq!(store.data().len(), 51);
}

#[test]
fn memory_that_grew_meanwhile_is_seen() {
    let (mut store, instance) = program((), |mut caller: Caller<'_, ()>, n| {
        assert_eq!(call(&mut caller, "grow", n)?, 1);
        let memory = caller
            .get_export("memory")
            .and_then(Extern::into_memory)
            .unwrap();
        memory.write(&mut caller, 90 << 16, &[1])?;
        Ok(0)
    });
    let run = instance
        .get_typed_func::<i32, i32>(&mut store, "run")
        .unwrap();
    assert_eq!(run.call(&mut store, 95).unwrap(), 95_007);
    let memory: Memory = instance.get_memory(&mut store, "memory").unwrap();
    assert_eq!(memory.size(&store), 96);
}

#[test]
fn a_nested_trap_can_be_handled() {
    let (mut store, instance) = program(0, |mut caller: Caller<'_, i32>, n| {
        let error = call(&mut caller, "divide", 0).unwrap_err();
        assert_eq!(error.trap_code(), Some(TrapCode::IntegerDivideByZero));
        let Error::Trap(trap) = error else {
            unreachable!()
        };
        let names: Vec<_> = trap
            .backtrace()
            .frames()
            .iter()
            .map(|f| f.func_name())
            .collect();
        assert_eq!(names, [Some("divide"), Some("run")]);
        *caller.data_mut() += 1;
        call(&mut caller, "divide", n)
    });
    let run = instance
        .get_typed_func::<i32, i32>(&mut store, "run")
        .unwrap();
    assert_eq!(run.call(&mut store, 1).unwrap(), 1_008);
    let error = run.call(&mut store, 0).unwrap_err();
    let Error::Trap(trap) = error else {
        panic!("{error}")
    };
    assert_eq!(trap.backtrace().frames().len(), 2);
    assert_eq!(*store.data(), 2);
}

#[test]
fn panics_reach_the_embedder_from_any_depth() {
    let (mut store, instance) = program((), |mut caller: Caller<'_, ()>, n| match n {
        0 => panic!("at the bottom"),
        100 => Ok(1),
        _ => call(&mut caller, "run", n - 1),
    });
    let run = instance
        .get_typed_func::<i32, i32>(&mut store, "run")
        .unwrap();
    for depth in [0, 1, 20] {
        let panic = catch_unwind(AssertUnwindSafe(|| run.call(&mut store, depth))).unwrap_err();
        assert_eq!(*panic.downcast_ref::<&str>().unwrap(), "at the bottom");
        // The store is as good as before.
        assert_eq!(run.call(&mut store, 100).unwrap(), 100_008);
    }
}

#[test]
fn a_host_function_may_catch_a_nested_panic() {
    let (mut store, instance) = program((), |mut caller: Caller<'_, ()>, n| {
        if n == 0 {
            panic!("inner");
        }
        let result = catch_unwind(AssertUnwindSafe(|| call(&mut caller, "run", n - 1)));
        assert_eq!(n == 1, result.is_err());
        Ok(n)
    });
    let run = instance
        .get_typed_func::<i32, i32>(&mut store, "run")
        .unwrap();
    assert_eq!(run.call(&mut store, 2).unwrap(), 2_009);
    assert_eq!(run.call(&mut store, 3).unwrap(), 3_010);
}

#[test]
fn a_host_function_called_by_the_embedder_may_panic() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let panics = dotvm::Func::wrap(&mut store, || -> i32 { panic!("directly") });
    for _ in 0..300 {
        let panic = catch_unwind(AssertUnwindSafe(|| panics.call(&mut store, &[]))).unwrap_err();
        assert_eq!(*panic.downcast_ref::<&str>().unwrap(), "directly");
    }
}

#[test]
fn errors_pass_through_all_levels() {
    let (mut store, instance) = program((), |mut caller: Caller<'_, ()>, n| match n {
        0 => Err(Error::host("no more")),
        _ => call(&mut caller, "run", n - 1),
    });
    let run = instance
        .get_typed_func::<i32, i32>(&mut store, "run")
        .unwrap();
    let Err(Error::Host(error)) = run.call(&mut store, 10) else {
        panic!("no error")
    };
    assert_eq!(error.error().to_string(), "no more");
    assert_eq!(error.backtrace().frames().len(), 11);
}

#[test]
fn stores_may_be_used_within_each_other() {
    let (inner_store, inner) = program((), |_: Caller<'_, ()>, n| Ok(n * 2));
    let inner_store = std::sync::Mutex::new(inner_store);
    let (mut store, instance) = program((), move |_: Caller<'_, ()>, n| {
        let mut store = inner_store.lock().unwrap();
        let run = inner.get_typed_func::<i32, i32>(&mut *store, "run")?;
        run.call(&mut *store, n)
    });
    let run = instance
        .get_typed_func::<i32, i32>(&mut store, "run")
        .unwrap();
    assert_eq!(
        run.call(&mut store, 5).unwrap(),
        7 + 5_000 + (7 + 5_000 + 10)
    );
}

#[test]
fn instances_can_be_made_by_host_functions() {
    let (mut store, instance) = program(None::<Instance>, |mut caller: Caller<'_, _>, n| {
        let engine = caller.engine().clone();
        let late = module(
            &engine,
            ".start $go\n.memory 1\n.export \"memory\" memory 0\n\
             .func $go\ni32.push 0\ni32.push 9\ni32.store8 0\nret\n.end",
        );
        let instance = Instance::new(&mut caller, &late, &[])?;
        *caller.data_mut() = Some(instance);
        Ok(n)
    });
    let run = instance
        .get_typed_func::<i32, i32>(&mut store, "run")
        .unwrap();
    assert_eq!(run.call(&mut store, 1).unwrap(), 1_008);
    let late = store.data().unwrap();
    let memory = late.get_memory(&mut store, "memory").unwrap();
    assert_eq!(memory.data(&store)[0], 9);
}

#[test]
fn the_stack_is_shared_by_nested_calls() {
    // The inner run starts where the outer one's arguments end; what it leaves must not be touched.
    let (mut store, instance) = program((), |mut caller: Caller<'_, ()>, n| {
        if n > 0 {
            let first = call(&mut caller, "run", n - 1)?;
            let second = call(&mut caller, "run", n - 1)?;
            assert_eq!(first, second);
            return Ok(first);
        }
        Ok(1)
    });
    let run = instance
        .get_typed_func::<i32, i32>(&mut store, "run")
        .unwrap();
    assert_eq!(run.call(&mut store, 6).unwrap(), 1 + 7 * 7 + 21_000);
    assert_eq!(
        trap_code(run.call(&mut store, 100_000)),
        TrapCode::StackExhausted
    );
}
