//! Exceptions: through all tiers and host functions, out of programs and into them.

mod common;

use common::{engine, module};
use dotvm::{
    Caller, Config, Engine, Error, Exception, FuncType, Instance, Jit, Linker, Store, Tag,
    TrapCode, Val, ValType,
};
use expect_test::{Expect, expect};

/// Interpreted, native from the start, and native soon.
fn engines() -> [Engine; 3] {
    let tiers = [(Jit::Off, 1), (Jit::Eager, 1), (Jit::Tiered, 2)];
    tiers.map(|(jit, threshold)| {
        engine(|config: &mut Config| {
            config.jit(jit).jit_threshold(threshold).jit_threads(0);
        })
    })
}

/// A program that throws and catches, and has the host call back.
const PROGRAM: &str = r#"
    .import "host" "call" func $host (i32) -> i32
    .tag $e (i32, f64)
    .tag $other
    .global $kept mut exnref = ref.null exnref
    .export "error" tag $e
    .export "throw" func $throw
    .export "native" func $native
    .export "caught" func $caught
    .export "through" func $through
    .export "many" func $many
    .export "again" func $again
    .export "held" func $held
    .func $throw (i32) -> i32
        local.get 0
        jz none
        local.get 0
        f64.push 1.5
        throw $e
    none:
        i32.push -1
        ret
    .end
    .func $native (i32) -> i32
        local.get 0
        call $throw
        i32.push 1
        i32.add
        ret
    .end
    .func $caught (i32) -> i32
        i32.push 1000
        try catch $other wrong catch $e seen
        local.get 0
        call $native
        end_try
        nip
        ret
    seen:
        pop
        i32.add
        ret
    wrong:
        pop
        i32.push -7
        ret
    .end
    .func $through (i32) -> i32
        try catch $e seen
        local.get 0
        call $host
        end_try
        ret
    seen:
        pop
        i32.push 1
        i32.add
        ret
    .end
    .func $many (i32) -> i32
        .local i32
    next:
        loop
        try catch_ref $e seen
        local.get 0
        call $native
        end_try
        pop
        local.get 1
        ret
    seen:
        global.set $kept
        pop
        local.get 1
        i32.add
        local.set 1
        local.get 0
        i32.push 1
        i32.sub
        local.set 0
        jmp next
    .end
    .func $held (i32) -> i32
        .local exnref
        try catch_ref $e first
        i32.push 77
        call $native
        end_try
        ret
    first:
        local.set 1
        pop
        pop
        local.get 0
        call $many
        pop
        try catch $e again
        local.get 1
        throw_ref
        end_try
    again:
        pop
        ret
    .end
    .func $again
        global.get $kept
        throw_ref
    .end
"#;

/// An instance of [`PROGRAM`] whose host function does what `host` says.
fn program(
    engine: &Engine,
    host: impl Fn(&mut Caller<'_, ()>, i32) -> dotvm::Result<i32> + Send + Sync + 'static,
) -> (Store<()>, Instance) {
    let mut store = Store::new(engine, ());
    let mut linker = Linker::new(engine);
    let call = move |mut caller: Caller<'_, ()>, n: i32| host(&mut caller, n);
    linker.func_wrap("host", "call", call).unwrap();
    let module = module(engine, PROGRAM);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    (store, instance)
}

fn call(store: &mut Store<()>, instance: Instance, name: &str, n: i32) -> dotvm::Result<i32> {
    instance
        .get_typed_func::<i32, i32>(&mut *store, name)?
        .call(store, n)
}

#[track_caller]
fn check_error<T: std::fmt::Debug>(result: dotvm::Result<T>, expected: &Expect) {
    expected.assert_eq(&result.unwrap_err().to_string());
}

#[test]
fn catching() {
    for engine in engines() {
        let (mut store, instance) = program(&engine, |_, n| Ok(n));
        for _ in 0..5 {
            assert_eq!(call(&mut store, instance, "caught", 5).unwrap(), 1005);
            assert_eq!(call(&mut store, instance, "caught", 0).unwrap(), 0);
        }
    }
}

#[test]
fn leaving_the_program() {
    for engine in engines() {
        let (mut store, instance) = program(&engine, |_, n| Ok(n));
        for _ in 0..5 {
            check_error(
                call(&mut store, instance, "native", 5),
                &expect![[r#"
                    uncaught exception: error (5 1.5)
                      0: throw (function 1, offset 0x10)
                      1: native (function 2, offset 0x3)"#]],
            );
        }
        let error = call(&mut store, instance, "native", 5).unwrap_err();
        let Error::Exception(exception) = error else {
            panic!("{error}");
        };
        let tag = instance.get_tag(&mut store, "error");
        assert_eq!(Some(exception.tag()), tag);
    }
}

/// What the host returns goes on where the program called it, wherever it comes from.
#[test]
fn through_the_host() {
    for engine in engines() {
        let (mut store, instance) = program(&engine, |caller, n| {
            let instance = caller.instance().unwrap();
            let native = instance.get_typed_func::<i32, i32>(&mut *caller, "native")?;
            native.call(&mut *caller, n)
        });
        for _ in 0..5 {
            assert_eq!(call(&mut store, instance, "through", 5).unwrap(), 6);
            assert_eq!(call(&mut store, instance, "through", 0).unwrap(), 0);
        }
    }
}

#[test]
fn thrown_by_the_host() {
    for engine in engines() {
        let (mut store, instance) = program(&engine, |caller, n| {
            let instance = caller.instance().unwrap();
            let tag = instance.get_tag(&mut *caller, "error").unwrap();
            let values = [Val::from(n), Val::from(0.5)];
            Err(Exception::new(&*caller, tag, values)?.into())
        });
        assert_eq!(call(&mut store, instance, "through", 5).unwrap(), 6);
        // Of another tag, which nothing catches.
        let tag = Tag::new(&mut store, FuncType::new([ValType::I64], [])).unwrap();
        let exception = Exception::new(&store, tag, [Val::from(7i64)]).unwrap();
        let (mut store, instance) = program(&engine, move |_, _| Err(exception.clone().into()));
        check_error(
            call(&mut store, instance, "through", 1),
            &expect!["an exception of another store"],
        );
    }
}

#[test]
fn exceptions_of_wrong_values() {
    let mut store = Store::new(&Engine::default(), ());
    let tag = Tag::new(&mut store, FuncType::new([ValType::I64], [])).unwrap();
    check_error(
        Exception::new(&store, tag, [Val::from(1i32)]),
        &expect!["an exception of type (i64) -> () with (i32)"],
    );
    check_error(
        Tag::new(&mut store, FuncType::new([], [ValType::I64])),
        &expect!["a tag of type () -> (i64)"],
    );
}

/// What a frame has is not dropped, whichever tier it is of.
#[test]
fn exceptions_live_as_long_as_frames_refer_to_them() {
    for engine in engines() {
        let (mut store, instance) = program(&engine, |_, n| Ok(n));
        for _ in 0..3 {
            assert_eq!(call(&mut store, instance, "held", 10_000).unwrap(), 77);
        }
        assert!(store.usage().exceptions <= 2_000, "{:?}", store.usage());
    }
}

/// What nothing refers to any more is dropped; what a global refers to is not.
#[test]
fn a_hundred_thousand_exceptions() {
    for engine in engines() {
        let (mut store, instance) = program(&engine, |_, n| Ok(n));
        let again = instance
            .get_typed_func::<(), ()>(&mut store, "again")
            .unwrap();
        let null = again.call(&mut store, ()).unwrap_err();
        assert_eq!(null.trap_code(), Some(TrapCode::NullExceptionReference));
        let many = 100_000;
        let sum = i64::from(many) * i64::from(many + 1) / 2;
        let found = call(&mut store, instance, "many", many).unwrap();
        assert_eq!(found, sum as i32);
        assert!(store.usage().exceptions <= 2_000, "{:?}", store.usage());
        let Error::Exception(last) = again.call(&mut store, ()).unwrap_err() else {
            panic!("no exception");
        };
        assert_eq!(last.values()[0].i32(), Some(1));
    }
}

/// What catches an exception is found without looking through regions that have ended.
#[test]
fn an_exception_comes_out_of_many_regions() {
    const DEPTH: usize = 50_000;
    let mut text = String::from(".tag $e\n.export \"run\" func $run\n.func $run () -> i32\n");
    for i in 0..DEPTH {
        text += &format!("try catch_all_ref l{i}\n");
    }
    text += "throw $e\n";
    for i in (0..DEPTH).rev() {
        let next = if i == 0 {
            "pop\ni32.push 5\nret"
        } else {
            "throw_ref"
        };
        text += &format!("end_try\nl{i}:\n{next}\n");
    }
    text += ".end\n";
    for engine in engines() {
        let mut store = Store::new(&engine, ());
        let module = module(&engine, &text);
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &module)
            .unwrap();
        let run = instance
            .get_typed_func::<(), i32>(&mut store, "run")
            .unwrap();
        for _ in 0..3 {
            assert_eq!(run.call(&mut store, ()).unwrap(), 5);
        }
    }
}

/// Tags are the same where they are imports of the same one, not where their types are.
#[test]
fn tags_are_linked_by_identity() {
    let thrower = r#"
        .import "m" "tag" tag $e
        .export "throw" func $throw
        .func $throw
            throw $e
        .end"#;
    let catcher = r#"
        .import "t" "throw" func $throw
        .import "m" "tag" tag $same
        .tag $alike
        .export "run" func $run
        .func $run () -> i32
            try catch $alike wrong catch $same right
            call $throw
            end_try
            i32.push 0
            ret
        wrong:
            i32.push 1
            ret
        right:
            i32.push 2
            ret
        .end"#;
    for engine in engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        let tag = Tag::new(&mut store, FuncType::default()).unwrap();
        linker.define("m", "tag", tag).unwrap();
        let thrower = module(&engine, thrower);
        linker.module(&mut store, "t", &thrower).unwrap();
        let catcher = module(&engine, catcher);
        let instance = linker.instantiate(&mut store, &catcher).unwrap();
        let run = instance
            .get_typed_func::<(), i32>(&mut store, "run")
            .unwrap();
        for _ in 0..5 {
            assert_eq!(run.call(&mut store, ()).unwrap(), 2);
        }
        let wrong = module(&engine, r#".import "m" "tag" tag (i32)"#);
        check_error(
            linker.instantiate(&mut store, &wrong),
            &expect![
                "incompatible import type: m::tag must be tag (i32) -> (), but is tag () -> ()"
            ],
        );
    }
}
