//! Host functions of all shapes, called by programs and by the embedder.

mod common;

use std::fmt;

use common::{module, trap_code};
use dotvm::{
    Caller, Config, Engine, Error, Extern, ExternRef, Func, FuncType, Jit, Linker, Store, Trap,
    TrapCode, V128, Val, ValType,
};
use expect_test::expect;

/// What the functions of these tests note.
type Log = Vec<String>;

/// Runs the export `run` of a program with what `define` offers; returns the log and the outcome.
fn run(text: &str, define: impl FnOnce(&mut Linker<Log>)) -> (Log, dotvm::Result<Vec<Val>>) {
    let engine = Engine::default();
    let module = module(&engine, text);
    let mut linker = Linker::new(&engine);
    define(&mut linker);
    let mut store = Store::new(&engine, Log::new());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let run = instance.get_func(&mut store, "run").unwrap();
    let result = run.call(&mut store, &[]);
    (store.into_data(), result)
}

#[test]
fn every_scalar_type_goes_in_and_out() {
    let text = r#"
        .import "t" "i32" func $i32 (i32) -> i32
        .import "t" "u32" func $u32 (i32) -> i32
        .import "t" "i64" func $i64 (i64) -> i64
        .import "t" "f32" func $f32 (f32) -> f32
        .import "t" "f64" func $f64 (f64) -> f64
        .export "run" func $run
        .func $run () -> (i32, i32, i64, f32, f64)
            i32.push -5
            call $i32
            i32.push 0xffff_fff0
            call $u32
            i64.push -5
            call $i64
            f32.push 1.5
            call $f32
            f64.push -2.5
            call $f64
            ret
        .end"#;
    let (_, result) = run(text, |linker| {
        linker.func_wrap("t", "i32", |n: i32| n - 1).unwrap();
        linker.func_wrap("t", "u32", |n: u32| n / 16).unwrap();
        linker.func_wrap("t", "i64", |n: i64| n * 3).unwrap();
        linker.func_wrap("t", "f32", |n: f32| n * 2.0).unwrap();
        linker.func_wrap("t", "f64", |n: f64| n.abs()).unwrap();
    });
    let texts: Vec<String> = result.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["-6", "268435455", "-15", "3", "2.5"]);
}

#[test]
fn wide_values_take_their_slots() {
    let text = r#"
        .arch arch512
        .import "t" "swap" func $swap (i128, i32, i512) -> (i512, i32, i128)
        .import "t" "both" func $both (i128, i128) -> i128
        .export "run" func $run
        .func $run (i512 $w, i128 $q) -> (i512, i32, i128)
            local.get $q
            i32.push 7
            local.get $w
            call $swap
            local.get $q
            call $both
            ret
        .end"#;
    let engine = Engine::default();
    let module = module(&engine, text);
    let mut linker = Linker::<()>::new(&engine);
    let (q, h) = (ValType::I128, ValType::I512);
    let ty = FuncType::new([q, ValType::I32, h], [h, ValType::I32, q]);
    linker
        .func_new("t", "swap", ty, |_, args, results| {
            results.copy_from_slice(&[args[2], args[1], args[0]]);
            Ok(())
        })
        .unwrap();
    linker
        .func_wrap("t", "both", |a: i128, b: u128| a.cast_unsigned() ^ b << 64)
        .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let run = instance.get_func(&mut store, "run").unwrap();
    let wide = [1, 2, 3, 4, 5, 6, 7, u64::MAX];
    let args = [Val::I512(wide), Val::I128(-2)];
    let [Val::I512(first), Val::I32(7), Val::I128(third)] =
        run.call(&mut store, &args).unwrap()[..]
    else {
        panic!("other types")
    };
    assert_eq!(first, wide);
    assert_eq!(
        third.cast_unsigned(),
        (-2i128).cast_unsigned() ^ (-2i128).cast_unsigned() << 64
    );
}

#[test]
fn vectors_go_in_and_out() {
    let text = r#"
        .arch arch128
        .import "t" "shift" func $shift (i32, v128, f32, v128) -> (v128, i32, v128)
        .import "t" "dynamic" func $dynamic (v128) -> v128
        .global $g mut v128 = i32x4 1 2 3 4
        .export "g" global $g
        .export "run" func $run
        .func $run (v128 $a, v128 $b) -> (v128, i32, v128)
            global.get $g
            call $dynamic
            global.set $g
            i32.push 8
            local.get $a
            f32.push 0.5
            local.get $b
            call $shift
            ret
        .end"#;
    for jit in [Jit::Off, Jit::Eager] {
        let engine = Engine::new(Config::new().jit(jit));
        let module = module(&engine, text);
        let mut linker = Linker::<()>::new(&engine);
        let shift = |n: i32, a: V128, _: f32, b: V128| {
            (
                V128::from(u128::from(b) >> n),
                n,
                V128::from(u128::from(a) << n),
            )
        };
        linker.func_wrap("t", "shift", shift).unwrap();
        let ty = FuncType::new([ValType::V128], [ValType::V128]);
        linker
            .func_new("t", "dynamic", ty, |_, args, results| {
                results[0] = Val::V128(!u128::from(args[0].v128().unwrap()));
                Ok(())
            })
            .unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let run = instance.get_typed_func::<(V128, V128), (V128, i32, V128)>(&mut store, "run");
        let (a, b) = (V128([1; 16]), V128([2; 16]));
        let (first, n, second) = run.unwrap().call(&mut store, (a, b)).unwrap();
        let mut shifted = [[2; 16], [1; 16]];
        (shifted[0][15], shifted[1][0]) = (0, 0);
        assert_eq!(
            (first.0, n, second.0),
            (shifted[0], 8, shifted[1]),
            "{jit:?}"
        );
        let global = instance.get_global(&mut store, "g").unwrap();
        let numbers = <[u32; 4]>::from(global.get(&store).v128().unwrap());
        assert_eq!(numbers, [!1, !2, !3, !4]);
    }
}

#[test]
fn sixteen_parameters_and_many_results() {
    let mut text = String::from(".import \"t\" \"f\" func $f (");
    text.push_str(&"i32 ".repeat(15));
    text.push_str("f64) -> (f64 i32 i64)\n.export \"run\" func $run\n");
    text.push_str(".func $run () -> (f64 i32 i64)\n");
    for i in 1..=15 {
        text.push_str(&format!("i32.push {i}\n"));
    }
    text.push_str("f64.push 16.5\ncall $f\nret\n.end\n");
    #[allow(clippy::too_many_arguments, reason = "that is the test")]
    fn f(
        a: i32,
        b: i32,
        c: i32,
        d: i32,
        e: i32,
        f: i32,
        g: i32,
        h: i32,
        i: i32,
        j: i32,
        k: i32,
        l: i32,
        m: i32,
        n: i32,
        o: i32,
        p: f64,
    ) -> (f64, i32, i64) {
        let ordered = [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o].is_sorted();
        (
            p,
            a + b + c + d + e + f + g + h + i + j + k + l + m + n + o,
            i64::from(ordered),
        )
    }
    let (_, result) = run(&text, |linker| {
        linker.func_wrap("t", "f", f).unwrap();
    });
    let texts: Vec<String> = result.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["16.5", "120", "1"]);
}

#[test]
fn a_caller_reads_memory_and_changes_data() {
    let text = r#"
        .import "env" "print" func $print (i32, i32)
        .memory 1
        .data at 16 "hello, host"
        .export "memory" memory 0
        .export "run" func $run
        .func $run
            i32.push 16
            i32.push 5
            call $print
            i32.push 23
            i32.push 4
            call $print
            ret
        .end"#;
    let (log, result) = run(text, |linker| {
        let print = |mut caller: Caller<'_, Log>, at: u32, len: u32| {
            let memory = caller
                .get_export("memory")
                .and_then(Extern::into_memory)
                .unwrap();
            let (bytes, log) = memory.data_and_store_mut(&mut caller);
            let bytes = &bytes[at as usize..][..len as usize];
            log.push(String::from_utf8_lossy(bytes).into_owned());
        };
        linker.func_wrap("env", "print", print).unwrap();
    });
    result.unwrap();
    assert_eq!(log, ["hello", "host"]);
}

#[derive(Debug)]
struct Broken(u32);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "broken in {} places", self.0)
    }
}

impl std::error::Error for Broken {}

const CALLS_FAIL: &str = r#"
    .module "main"
    .import "env" "fail" func $fail () -> i32
    .export "run" func $run
    .func $inner () -> i32
        call $fail
        ret
    .end
    .func $run () -> i32
        call $inner
        ret
    .end"#;

#[test]
fn errors_of_host_functions_reach_the_embedder() {
    let (_, result) = run(CALLS_FAIL, |linker| {
        linker
            .func_wrap("env", "fail", || Err::<i32, _>(Broken(3)))
            .unwrap();
    });
    let error = result.unwrap_err();
    assert_eq!(error.downcast_ref::<Broken>().unwrap().0, 3);
    expect![[r#"
        host function failed: broken in 3 places
          0: main!inner (function 1, offset 0x1)
          1: main!run (function 2, offset 0x1)"#]]
    .assert_eq(&error.to_string());
}

#[test]
fn texts_io_errors_and_boxes_are_errors_too() {
    type Fails = fn() -> dotvm::Result<i32, dotvm::BoxError>;
    let cases: [(Fails, &str); 3] = [
        (|| Err("a text".into()), "a text"),
        (
            || Err(std::io::Error::other("disk on fire").into()),
            "disk on fire",
        ),
        (
            || Err(Box::new(fmt::Error)),
            "an error occurred when formatting an argument",
        ),
    ];
    for (fail, message) in cases {
        let (_, result) = run(CALLS_FAIL, |linker| {
            linker.func_wrap("env", "fail", fail).unwrap();
        });
        let Err(Error::Host(error)) = result else {
            panic!("{result:?}")
        };
        assert_eq!(error.error().to_string(), message);
    }
}

#[test]
fn host_functions_can_trap_and_exit() {
    let (_, result) = run(CALLS_FAIL, |linker| {
        linker
            .func_wrap("env", "fail", || Err::<i32, _>(TrapCode::Unreachable))
            .unwrap();
    });
    assert_eq!(trap_code(result), TrapCode::Unreachable);

    let (_, result) = run(CALLS_FAIL, |linker| {
        let fail = || Err::<i32, _>(Trap::with_detail(TrapCode::MemoryOutOfBounds, "at 0x10"));
        linker.func_wrap("env", "fail", fail).unwrap();
    });
    expect![[r#"
        trap: out of bounds memory access: at 0x10
          0: main!inner (function 1, offset 0x1)
          1: main!run (function 2, offset 0x1)"#]]
    .assert_eq(&result.unwrap_err().to_string());

    let (_, result) = run(CALLS_FAIL, |linker| {
        linker
            .func_wrap("env", "fail", || Err::<i32, _>(Error::Exit(42)))
            .unwrap();
    });
    assert!(matches!(result, Err(Error::Exit(42))));
}

#[test]
fn dynamic_functions_must_return_what_they_declared() {
    let declare = |wrong: fn(&mut [Val])| {
        move |linker: &mut Linker<Log>| {
            let ty = FuncType::new([], [ValType::I32]);
            let func = move |_: Caller<'_, Log>, _: &[Val], results: &mut [Val]| {
                wrong(results);
                Ok(())
            };
            linker.func_new("env", "fail", ty, func).unwrap();
        }
    };
    let (_, result) = run(CALLS_FAIL, declare(|results| results[0] = Val::I32(9)));
    assert_eq!(result.unwrap()[0].i32(), Some(9));
    let (_, result) = run(CALLS_FAIL, declare(|_| ()));
    assert_eq!(result.unwrap()[0].i32(), Some(0));
    let (_, result) = run(CALLS_FAIL, declare(|results| results[0] = Val::I64(9)));
    expect!["a host function of type () -> (i32) returned i64"]
        .assert_eq(&result.unwrap_err().to_string());
}

#[test]
fn the_embedder_calls_host_functions_directly() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, 10);
    let add = Func::wrap(&mut store, |caller: Caller<'_, i32>, n: i32| {
        assert!(caller.instance().is_none());
        caller.data() + n
    });
    let typed = add.typed::<i32, i32>(&store).unwrap();
    assert_eq!(typed.call(&mut store, 5).unwrap(), 15);
    assert_eq!(
        add.call(&mut store, &[Val::I32(-3)]).unwrap()[0].i32(),
        Some(7)
    );

    let error = add
        .call(&mut store, &[Val::I64(1), 1.5f32.into()])
        .unwrap_err();
    expect!["a function of type (i32) -> (i32) called with (i64 f32)"]
        .assert_eq(&error.to_string());
    let error = add.typed::<(i32, i32), ()>(&store).unwrap_err();
    expect!["a function of type (i32) -> (i32) taken for (i32 i32) -> ()"]
        .assert_eq(&error.to_string());
}

#[test]
fn references_go_through_host_functions() {
    let text = r#"
        .import "env" "pick" func $pick (externref, funcref) -> (funcref, externref)
        .table $t funcref 1
        .export "run" func $run
        .elem funcref declared ($seven)
        .func $seven () -> i32
            i32.push 7
            ret
        .end
        .func $run (externref $object) -> (i32, externref)
            .local externref $result
            local.get $object
            ref.func $seven
            call $pick
            local.set $result
            pop
            i32.push 0
            ref.func $seven
            table.set $t
            i32.push 0
            call_indirect () -> i32 $t
            local.get $result
            ret
        .end"#;
    let engine = Engine::default();
    let module = module(&engine, text);
    let mut linker = Linker::<()>::new(&engine);
    let pick = |mut caller: Caller<'_, ()>, object: Option<ExternRef>, func: Option<Func>| {
        let func = func.unwrap();
        let seven = func
            .typed::<(), i32>(&caller)
            .unwrap()
            .call(&mut caller, ())
            .unwrap();
        assert_eq!(seven, 7);
        *object
            .unwrap()
            .data_mut(&mut caller)
            .downcast_mut::<String>()
            .unwrap() += "!";
        (Some(func), object)
    };
    linker.func_wrap("env", "pick", pick).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let object = ExternRef::new(&mut store, String::from("kept")).unwrap();
    let run =
        instance.get_typed_func::<Option<ExternRef>, (i32, Option<ExternRef>)>(&mut store, "run");
    let (seven, back) = run.unwrap().call(&mut store, Some(object)).unwrap();
    assert_eq!((seven, back), (7, Some(object)));
    assert_eq!(
        object.data(&store).downcast_ref::<String>().unwrap(),
        "kept!"
    );
}
