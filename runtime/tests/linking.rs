//! Linking and instantiation: what fits what, what is shared, and in which order things happen.

mod common;

use common::{instance, module, run, trap_code};
use dotvm::{
    Engine, Error, Extern, ExternType, Func, Global, GlobalType, Instance, Limits, Linker, Memory,
    MemoryType, Ref, Store, Table, TableType, TrapCode, Val, ValType,
};
use expect_test::expect;

fn link(
    text: &str,
    define: impl FnOnce(&mut Linker<()>, &mut Store<()>),
) -> dotvm::Result<Instance> {
    let engine = Engine::default();
    let module = module(&engine, text);
    let mut linker = Linker::new(&engine);
    let mut store = Store::new(&engine, ());
    define(&mut linker, &mut store);
    linker.instantiate(&mut store, &module)
}

#[test]
fn all_missing_imports_are_listed() {
    let text = r#"
        .import "env" "log" func (i32, i64)
        .import "env" "there" func
        .import "env" "table" table funcref 1 5
        .import "env" "memory" memory 2
        .import "math" "pi" global f64
        .import "math" "seed" global mut i64"#;
    let error = link(text, |linker, _| {
        linker.func_wrap("env", "there", || ()).unwrap();
    });
    let error = error.unwrap_err();
    expect![[r#"
        unknown import: env::log, func (i32 i64) -> ()
        unknown import: env::table, table of 1 to 5 funcref elements
        unknown import: env::memory, memory of at least 2 pages of 64 KiB
        unknown import: math::pi, immutable global f64
        unknown import: math::seed, mutable global i64"#]]
    .assert_eq(&error.to_string());
    let Error::Link(error) = error else {
        panic!("{error}")
    };
    assert_eq!(error.problems().len(), 5);
    assert_eq!(
        error.problems()[3].wanted,
        ExternType::Global(GlobalType::new(ValType::F64, false))
    );
}

#[test]
fn imports_of_another_type_are_refused() {
    let text = r#"
        .import "env" "log" func (i32, i64)
        .import "env" "func" memory 1"#;
    let error = link(text, |linker, _| {
        linker.func_wrap("env", "log", |_: i32| 0i64).unwrap();
        linker.func_wrap("env", "func", || ()).unwrap();
    });
    expect![[r#"
        incompatible import type: env::log must be func (i32 i64) -> (), but is func (i32) -> (i64)
        incompatible import type: env::func must be memory of at least 1 pages of 64 KiB, but is func () -> ()"#]]
    .assert_eq(&error.unwrap_err().to_string());
}

#[test]
fn limits_and_mutability_are_matched() {
    let limits = |min, max| Limits { min, max };
    let memory = |text: &str, have: Limits, grow: u64| {
        link(
            &format!(".import \"e\" \"m\" memory {text}"),
            |linker, store| {
                let memory = Memory::new(&mut *store, MemoryType::new(have)).unwrap();
                memory.grow(&mut *store, grow).unwrap();
                linker.define("e", "m", memory).unwrap();
            },
        )
        .is_ok()
    };
    assert!(memory("1", limits(1, None), 0));
    assert!(memory("1", limits(2, Some(9)), 0));
    assert!(!memory("2", limits(1, None), 0));
    assert!(memory("2", limits(1, None), 1), "the current size counts");
    assert!(!memory("1 9", limits(1, None), 0));
    assert!(!memory("1 9", limits(1, Some(10)), 0));
    assert!(memory("1 9", limits(1, Some(9)), 0));
    let table = |text: &str, element, have: Limits| {
        link(
            &format!(".import \"e\" \"t\" table {text}"),
            |linker, store| {
                let null = match element {
                    ValType::FuncRef => Ref::Func(None),
                    _ => Ref::Extern(None),
                };
                let table = Table::new(&mut *store, TableType::new(element, have), null);
                linker.define("e", "t", table.unwrap()).unwrap();
            },
        )
        .is_ok()
    };
    assert!(table("funcref 1", ValType::FuncRef, limits(5, None)));
    assert!(!table("funcref 1", ValType::ExternRef, limits(5, None)));
    assert!(!table(
        "externref 1 4",
        ValType::ExternRef,
        limits(1, Some(5))
    ));
    let global = |text: &str, mutable| {
        link(
            &format!(".import \"e\" \"g\" global {text}"),
            |linker, store| {
                let ty = GlobalType::new(ValType::I32, mutable);
                let global = Global::new(&mut *store, ty, Val::I32(1)).unwrap();
                linker.define("e", "g", global).unwrap();
            },
        )
        .is_ok()
    };
    assert!(global("i32", false) && global("mut i32", true));
    assert!(!global("i32", true) && !global("mut i32", false) && !global("i64", false));
}

#[test]
fn names_can_be_shadowed_and_aliased() {
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    linker.func_wrap("a", "one", || 1i32).unwrap();
    let error = linker.func_wrap("a", "one", || 11i32).unwrap_err();
    expect!["a::one is defined already"].assert_eq(&error.to_string());
    linker
        .allow_shadowing(true)
        .func_wrap("a", "one", || 111i32)
        .unwrap();
    linker
        .alias(("a", "one"), ("b", "uno"))
        .unwrap()
        .alias_module("b", "c")
        .unwrap();
    assert!(linker.alias(("a", "two"), ("b", "due")).is_err());
    assert!(linker.alias_module("nothing", "c").is_err());
    let mut store = Store::new(&engine, ());
    let uno = linker
        .get(&mut store, "c", "uno")
        .and_then(Extern::into_func)
        .unwrap();
    assert_eq!(
        uno.typed::<(), i32>(&store)
            .unwrap()
            .call(&mut store, ())
            .unwrap(),
        111
    );
    assert!(linker.get(&mut store, "c", "one").is_none());
}

#[test]
fn unknown_imports_can_be_made_to_fail_when_called() {
    let text = r#"
        .import "env" "missing" func $missing (i32) -> i64
        .export "run" func $run
        .func $run
            i32.push 1
            call $missing
            pop
            ret
        .end"#;
    let engine = Engine::default();
    let module = module(&engine, text);
    let mut linker = Linker::new(&engine);
    linker.define_unknown_imports_as_traps(&module).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    expect![[r#"
        host function failed: unknown import called: env::missing
          0: run (function 1, offset 0x3)"#]]
    .assert_eq(&run(&mut store, instance, "run").unwrap_err().to_string());
}

/// Exports a memory, a table, a global, and functions that use them.
const OWNER: &str = r#"
    .memory 1 4
    .table $t funcref 2 10
    .global $g mut i64 = 5
    .elem funcref at 0 in $t ($three)
    .export "memory" memory 0
    .export "table" table $t
    .export "global" global $g
    .export "load" func $load
    .export "size" func $size
    .func $three () -> i32
        i32.push 3
        ret
    .end
    .func $load (i32 $at) -> i32
        local.get $at
        i32.load 0
        ret
    .end
    .func $size () -> i32
        memory.size
        ret
    .end"#;

/// Imports all that.
const USER: &str = r#"
    .import "owner" "memory" memory $m 1
    .import "owner" "table" table $t funcref 2
    .import "owner" "global" global $g mut i64
    .import "owner" "load" func $load (i32) -> i32
    .elem funcref at 1 in $t ($four)
    .export "store" func $store
    .export "call" func $call
    .export "grow" func $grow
    .export "load" func $load
    .func $four () -> i32
        i32.push 4
        ret
    .end
    .func $store (i32 $at, i32 $value) -> i32
        local.get $at
        local.get $value
        i32.store 0
        global.get $g
        i64.push 1
        i64.add
        global.set $g
        local.get $at
        call $load
        ret
    .end
    .func $call (i32 $index) -> i32
        local.get $index
        call_indirect () -> i32 $t
        ret
    .end
    .func $grow () -> i32
        i32.push 1
        memory.grow
        pop
        ref.null funcref
        i32.push 3
        table.grow $t
        ret
    .end"#;

#[test]
fn memories_tables_and_globals_are_shared() {
    let engine = Engine::default();
    let (owner, user) = (module(&engine, OWNER), module(&engine, USER));
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.module(&mut store, "owner", &owner).unwrap();
    let users = [0, 1].map(|_| linker.instantiate(&mut store, &user).unwrap());
    for (i, user) in (0..).zip(users) {
        let put = user
            .get_typed_func::<(i32, i32), i32>(&mut store, "store")
            .unwrap();
        assert_eq!(put.call(&mut store, (8 * i, 100 + i)).unwrap(), 100 + i);
        let call = user.get_typed_func::<i32, i32>(&mut store, "call").unwrap();
        assert_eq!(call.call(&mut store, 0).unwrap(), 3);
        assert_eq!(call.call(&mut store, 1).unwrap(), 4);
    }
    let global = linker
        .get(&mut store, "owner", "global")
        .and_then(Extern::into_global)
        .unwrap();
    assert_eq!(global.get(&store).i64(), Some(7));
    global.set(&mut store, Val::I64(-1)).unwrap();
    let put = users[0]
        .get_typed_func::<(i32, i32), i32>(&mut store, "store")
        .unwrap();
    put.call(&mut store, (0, 0)).unwrap();
    assert_eq!(global.get(&store).i64(), Some(0));
    // Growing is seen by everybody, the compiled bounds of each instance included.
    let grow = users[0]
        .get_typed_func::<(), i32>(&mut store, "grow")
        .unwrap();
    assert_eq!(grow.call(&mut store, ()).unwrap(), 2);
    let size = linker
        .get(&mut store, "owner", "size")
        .and_then(Extern::into_func)
        .unwrap();
    assert_eq!(size.call(&mut store, &[]).unwrap()[0].i32(), Some(2));
    let put = users[1]
        .get_typed_func::<(i32, i32), i32>(&mut store, "store")
        .unwrap();
    assert_eq!(put.call(&mut store, (65_536 + 8, 9)).unwrap(), 9);
    let call = users[1]
        .get_typed_func::<i32, i32>(&mut store, "call")
        .unwrap();
    assert_eq!(
        trap_code(call.call(&mut store, 4)),
        TrapCode::UninitializedElement
    );
    assert_eq!(
        trap_code(call.call(&mut store, 5)),
        TrapCode::UndefinedElement
    );
    // An imported function that is exported again is the same function.
    let load = users[0].get_func(&mut store, "load").unwrap();
    let owned = linker
        .get(&mut store, "owner", "load")
        .and_then(Extern::into_func)
        .unwrap();
    assert_eq!(load, owned);
}

#[test]
fn segments_are_copied_in_order_up_to_the_one_that_does_not_fit() {
    let engine = Engine::default();
    let owner = module(&engine, OWNER);
    let text = r#"
        .import "owner" "memory" memory $m 1
        .import "owner" "table" table $t funcref 2
        .data at 0 "first"
        .data at 65_534 "too long"
        .data at 0 "never"
        .elem funcref at 1 in $t ($f)
        .func $f () -> i32
            i32.push 77
            ret
        .end"#;
    let late = text.replace("at 1 in $t ($f)", "at 1 in $t ($f $f)");
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.module(&mut store, "owner", &owner).unwrap();
    let memory = linker
        .get(&mut store, "owner", "memory")
        .and_then(Extern::into_memory)
        .unwrap();
    let table = linker
        .get(&mut store, "owner", "table")
        .and_then(Extern::into_table)
        .unwrap();

    let result = linker.instantiate(&mut store, &module(&engine, &late));
    assert_eq!(trap_code(result), TrapCode::TableOutOfBounds);
    assert_eq!(&memory.data(&store)[..5], [0; 5]);
    assert_eq!(table.get(&store, 1), Some(Ref::Func(None)));

    let result = linker.instantiate(&mut store, &module(&engine, text));
    assert_eq!(trap_code(result), TrapCode::MemoryOutOfBounds);
    assert_eq!(&memory.data(&store)[..5], b"first");
    assert_eq!(&memory.data(&store)[65_534..], [0; 2]);
    // The function in the table can be called although its module was not instantiated.
    let Some(Ref::Func(Some(func))) = table.get(&store, 1) else {
        panic!("null")
    };
    assert_eq!(func.call(&mut store, &[]).unwrap()[0].i32(), Some(77));
}

#[test]
fn the_start_function_runs_last_and_may_trap() {
    let text = r#"
        .memory 1
        .data at 0 "\2a"
        .global $seen mut i32 = 0
        .export "seen" global $seen
        .start $start
        .func $start
            i32.push 0
            i32.load8_u 0
            global.set $seen
            ret
        .end"#;
    let (mut store, started) = instance(text);
    let seen = started.get_global(&mut store, "seen").unwrap();
    assert_eq!(seen.get(&store).i32(), Some(42));
    let error = link(&text.replace("i32.push 0\n", "i32.push -1\n"), |_, _| ()).unwrap_err();
    expect![[r#"
        trap: out of bounds memory access
          0: start (function 0, offset 0x3)"#]]
    .assert_eq(&error.to_string());
}

#[test]
fn constant_expressions_use_imported_globals() {
    let text = r#"
        .import "env" "base" global $base i32
        .import "env" "far" global $far i64
        .global $next i32 = (global.get $base, i32.push 16, i32.mul, i32.push 1, i32.sub)
        .global $wide mut i64 = (global.get $far, i64.push 2, i64.add)
        .global $f funcref = (ref.func $func)
        .memory 1
        .data at (global.get $base, i32.push 3, i32.add) "x"
        .table $t funcref 1
        .elem funcref at 0 in $t (global.get $f)
        .export "next" global $next
        .export "wide" global $wide
        .export "f" global $f
        .export "memory" memory 0
        .export "table" table $t
        .export "func" func $func
        .func $func
            ret
        .end"#;
    let engine = Engine::default();
    let module = module(&engine, &text.replace("(global.get $f)", "($func)"));
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let constant = |store: &mut Store<()>, value: Val| {
        Global::new(store, GlobalType::new(value.ty(), false), value).unwrap()
    };
    let base = constant(&mut store, Val::I32(100));
    let far = constant(&mut store, Val::I64(i64::MAX));
    linker
        .define("env", "base", base)
        .unwrap()
        .define("env", "far", far)
        .unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let global = |store: &mut Store<()>, name| {
        let global = instance.get_global(&mut *store, name).unwrap();
        global.get(store)
    };
    assert_eq!(global(&mut store, "next").i32(), Some(1_599));
    assert_eq!(global(&mut store, "wide").i64(), Some(i64::MIN + 1));
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    assert_eq!(memory.data(&store)[103], b'x');
    let func: Func = instance.get_func(&mut store, "func").unwrap();
    assert_eq!(global(&mut store, "f").reference(), Some(func.into()));
    let table = instance.get_table(&mut store, "table").unwrap();
    assert_eq!(table.get(&store, 0), Some(func.into()));
    assert_eq!(table.get(&store, 1), None);
}

#[test]
fn engines_do_not_mix() {
    let (one, other) = (Engine::default(), Engine::default());
    let module = module(&one, "");
    let mut store = Store::new(&other, ());
    let messages = [
        Linker::new(&one).instantiate(&mut store, &module),
        Linker::new(&other).instantiate(&mut store, &module),
        Instance::new(&mut store, &module, &[]),
    ]
    .map(|result| result.unwrap_err().to_string());
    expect![[r#"
        [
            "a module of another engine than the store's",
            "a module of another engine than the linker's",
            "a module of another engine than the store's",
        ]
    "#]]
    .assert_debug_eq(&messages);
}

#[test]
fn instances_are_made_from_lists_of_imports_too() {
    let engine = Engine::default();
    let text = r#"
        .import "a" "b" func $b () -> i32
        .export "c" func $b"#;
    let module = module(&engine, text);
    let mut store = Store::new(&engine, ());
    let b = Func::wrap(&mut store, || 6i32);
    let instance = Instance::new(&mut store, &module, &[b.into()]).unwrap();
    let exports = instance.exports(&mut store);
    assert_eq!(exports.len(), 1);
    assert_eq!(&*exports[0].0, "c");
    assert_eq!(exports[0].1, Extern::Func(b));
    assert_eq!(exports[0].1.ty(&store).to_string(), "func () -> (i32)");
    let error = Instance::new(&mut store, &module, &[]).unwrap_err();
    expect!["0 imports for a module that has 1"].assert_eq(&error.to_string());
    let pre = Linker::<()>::new(&engine).instantiate_pre(&module);
    assert!(matches!(pre, Err(Error::Link(_))));
    assert!(module.get_export("c").is_some() && module.get_export("b").is_none());
    let imports: Vec<String> = module
        .imports()
        .map(|import| import.ty.to_string())
        .collect();
    assert_eq!(imports, ["func () -> (i32)"]);
}
