//! Tables, globals, references to functions and host objects, and stores that must not mix.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{instance, trap_code};
use dotvm::{
    Engine, Error, ExternRef, Func, Global, GlobalType, Limits, Memory, MemoryType, Ref, Store,
    Table, TableType, TrapCode, Val, ValType,
};
use expect_test::expect;

const TABLES: &str = r#"
    .table $a externref 4 8
    .table $b externref 4
    .table $f funcref 3
    .elem $some funcref passive ($one, null, $two)
    .elem externref at 0 in $b (ref.null externref)
    .export "a" table $a
    .export "f" table $f
    .export "set" func $set
    .export "get" func $get
    .export "copy" func $copy
    .export "back" func $back
    .export "within" func $within
    .export "fill" func $fill
    .export "grow" func $grow
    .export "init" func $init
    .export "drop" func $drop
    .export "one" func $one
    .func $one () -> i32
        i32.push 1
        ret
    .end
    .func $two () -> i32
        i32.push 2
        ret
    .end
    .func $set (i32 $i, externref $x)
        local.get $i
        local.get $x
        table.set $a
        ret
    .end
    .func $get (i32 $i) -> externref
        local.get $i
        table.get $a
        ret
    .end
    .func $copy (i32 $d, i32 $s, i32 $n)
        local.get $d
        local.get $s
        local.get $n
        table.copy $b $a
        ret
    .end
    .func $back (i32 $d, i32 $s, i32 $n)
        local.get $d
        local.get $s
        local.get $n
        table.copy $a $b
        ret
    .end
    .func $within (i32 $d, i32 $s, i32 $n)
        local.get $d
        local.get $s
        local.get $n
        table.copy $a $a
        ret
    .end
    .func $fill (i32 $i, externref $x, i32 $n)
        local.get $i
        local.get $x
        local.get $n
        table.fill $a
        ret
    .end
    .func $grow (externref $x, i32 $n) -> (i32, i32)
        local.get $x
        local.get $n
        table.grow $a
        table.size $a
        ret
    .end
    .func $init (i32 $d, i32 $s, i32 $n)
        local.get $d
        local.get $s
        local.get $n
        table.init $some $f
        ret
    .end
    .func $drop
        elem.drop $some
        ret
    .end"#;

/// Numbers as host objects, -1 as null.
fn objects(store: &mut Store<()>, table: Table) -> Vec<i32> {
    let value = |at| match table.get(&*store, at) {
        Some(Ref::Extern(Some(object))) => *object.data(&*store).downcast_ref::<i32>().unwrap(),
        Some(Ref::Extern(None)) => -1,
        other => panic!("{other:?}"),
    };
    (0..table.size(&*store)).map(value).collect()
}

#[test]
fn table_operations_check_before_they_write() {
    let (mut store, instance) = instance(TABLES);
    let table = instance.get_table(&mut store, "a").unwrap();
    let [x, y, z] = [1, 2, 3].map(|n| Some(ExternRef::new(&mut store, n).unwrap()));
    let set = instance
        .get_typed_func::<(u32, Option<ExternRef>), ()>(&mut store, "set")
        .unwrap();
    for (i, object) in [(0, x), (1, y), (2, z)] {
        set.call(&mut store, (i, object)).unwrap();
    }
    assert_eq!(
        trap_code(set.call(&mut store, (4, x))),
        TrapCode::TableOutOfBounds
    );
    let get = instance
        .get_typed_func::<u32, Option<ExternRef>>(&mut store, "get")
        .unwrap();
    assert_eq!(get.call(&mut store, 1).unwrap(), y);
    assert_eq!(get.call(&mut store, 3).unwrap(), None);
    assert_eq!(
        trap_code(get.call(&mut store, u32::MAX)),
        TrapCode::TableOutOfBounds
    );

    let oob = Err(Some(TrapCode::TableOutOfBounds));
    let mut call = |name: &str, args: (u32, u32, u32)| {
        let func = instance
            .get_typed_func::<(u32, u32, u32), ()>(&mut store, name)
            .unwrap();
        func.call(&mut store, args)
            .map_err(|error| error.trap_code())
    };
    assert_eq!(call("within", (1, 0, 3)), Ok(()));
    assert_eq!(call("within", (2, 0, 3)), oob);
    assert_eq!(call("within", (4, 4, 0)), Ok(()));
    assert_eq!(call("within", (5, 0, 0)), oob);
    assert_eq!(call("copy", (0, 1, 2)), Ok(()));
    assert_eq!(call("back", (2, 0, 2)), Ok(()));
    assert_eq!(call("back", (0, 3, 2)), oob);
    assert_eq!(objects(&mut store, table), [1, 1, 1, 2]);

    let fill = instance.get_typed_func::<(u32, Option<ExternRef>, u32), ()>(&mut store, "fill");
    let fill = fill.unwrap();
    fill.call(&mut store, (1, z, 2)).unwrap();
    fill.call(&mut store, (4, z, 0)).unwrap();
    assert_eq!(
        trap_code(fill.call(&mut store, (3, x, 2))),
        TrapCode::TableOutOfBounds
    );
    assert_eq!(objects(&mut store, table), [1, 3, 3, 2]);

    let grow = instance.get_typed_func::<(Option<ExternRef>, u32), (i32, i32)>(&mut store, "grow");
    let grow = grow.unwrap();
    assert_eq!(grow.call(&mut store, (y, 3)).unwrap(), (4, 7));
    assert_eq!(grow.call(&mut store, (y, 2)).unwrap(), (-1, 7));
    assert_eq!(grow.call(&mut store, (None, 1)).unwrap(), (7, 8));
    assert_eq!(grow.call(&mut store, (None, 0)).unwrap(), (8, 8));
    assert_eq!(objects(&mut store, table), [1, 3, 3, 2, 2, 2, 2, -1]);
}

#[test]
fn elements_are_copied_from_passive_segments() {
    let (mut store, instance) = instance(TABLES);
    let table = instance.get_table(&mut store, "f").unwrap();
    let oob = Err(Some(TrapCode::TableOutOfBounds));
    let mut call = |name: &str, args: (u32, u32, u32)| {
        let func = instance
            .get_typed_func::<(u32, u32, u32), ()>(&mut store, name)
            .unwrap();
        func.call(&mut store, args)
            .map_err(|error| error.trap_code())
    };
    assert_eq!(call("init", (1, 1, 2)), Ok(()));
    assert_eq!(call("init", (0, 0, 1)), Ok(()));
    assert_eq!(call("init", (2, 0, 2)), oob);
    assert_eq!(call("init", (0, 2, 2)), oob);
    assert_eq!(call("init", (3, 3, 0)), Ok(()));
    assert_eq!(call("init", (0, 4, 0)), oob);
    common::run(&mut store, instance, "drop").unwrap();
    let init = instance
        .get_typed_func::<(u32, u32, u32), ()>(&mut store, "init")
        .unwrap();
    init.call(&mut store, (0, 0, 0)).unwrap();
    assert_eq!(
        trap_code(init.call(&mut store, (0, 0, 1))),
        TrapCode::TableOutOfBounds
    );
    // A function has one reference, whoever takes it.
    let one = instance.get_func(&mut store, "one").unwrap();
    assert_eq!(table.get(&store, 0), Some(one.into()));
    assert_eq!(table.get(&store, 1), Some(Ref::Func(None)));
    let Some(Ref::Func(Some(two))) = table.get(&store, 2) else {
        panic!("null")
    };
    assert_eq!(two.call(&mut store, &[]).unwrap()[0].i32(), Some(2));
}

#[test]
fn the_embedder_uses_tables_and_globals() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let limits = Limits {
        min: 2,
        max: Some(4),
    };
    let ty = TableType::new(ValType::FuncRef, limits);
    let func = Func::wrap(&mut store, || 5i32);
    let table = Table::new(&mut store, ty, func.into()).unwrap();
    assert_eq!(table.ty(&store), ty);
    assert_eq!(table.get(&store, 1), Some(func.into()));
    table.set(&mut store, 0, Ref::Func(None)).unwrap();
    assert_eq!(table.grow(&mut store, 2, func.into()).unwrap(), 2);
    assert_eq!(table.size(&store), 4);
    let errors = [
        table.set(&mut store, 4, func.into()).unwrap_err(),
        table.set(&mut store, 0, Ref::Extern(None)).unwrap_err(),
        table.grow(&mut store, 1, func.into()).unwrap_err(),
        Table::new(
            &mut store,
            TableType::new(ValType::I32, limits),
            func.into(),
        )
        .unwrap_err(),
        Table::new(
            &mut store,
            TableType {
                limits: Limits {
                    min: 3,
                    max: Some(2),
                },
                ..ty
            },
            func.into(),
        )
        .unwrap_err(),
    ]
    .map(|error| error.to_string());
    expect![[r#"
        [
            "element 4 of a table of 4",
            "a externref as an element of a table of funcref",
            "limit: a table of 4 elements cannot grow by 1",
            "a funcref as an element of a table of i32",
            "limits of 3 to 2, where 4294967295 is the most",
        ]
    "#]]
    .assert_debug_eq(&errors);

    let ty = GlobalType::new(ValType::I512, true);
    let global = Global::new(&mut store, ty, Val::I512([7; 8])).unwrap();
    global.set(&mut store, Val::I512([8; 8])).unwrap();
    assert!(matches!(global.get(&store), Val::I512(limbs) if limbs == [8; 8]));
    let constant = GlobalType::new(ValType::F32, false);
    let constant = Global::new(&mut store, constant, 1.5f32.into()).unwrap();
    let errors = [
        global.set(&mut store, Val::I32(1)).unwrap_err(),
        constant.set(&mut store, 2.5f32.into()).unwrap_err(),
        Global::new(&mut store, ty, Val::I64(0)).unwrap_err(),
    ]
    .map(|error| error.to_string());
    expect![[r#"
        [
            "a value of type i32 for a global of type i512",
            "an immutable global cannot be set",
            "a value of type i64 for a global of type i512",
        ]
    "#]]
    .assert_debug_eq(&errors);
    assert_eq!(constant.get(&store).f32(), Some(1.5));
    assert_eq!(constant.ty(&store).ty, ValType::F32);
}

#[test]
fn values_of_other_stores_are_errors() {
    let engine = Engine::default();
    let (mut one, mut two) = (Store::new(&engine, ()), Store::new(&engine, ()));
    let func = Func::wrap(&mut one, || ());
    let object = ExternRef::new(&mut one, 1).unwrap();
    let takes = Func::wrap(&mut two, |_: Option<Func>, _: Option<ExternRef>| ());
    let gives = Func::wrap(&mut two, move || Some(func));
    let results = [
        takes
            .call(&mut two, &[func.into(), Val::ExternRef(None)])
            .map(drop),
        takes
            .call(&mut two, &[Val::FuncRef(None), object.into()])
            .map(drop),
        takes
            .typed::<(Option<Func>, Option<ExternRef>), ()>(&two)
            .unwrap()
            .call(&mut two, (Some(func), None)),
        gives.call(&mut two, &[]).map(drop),
    ];
    for result in results {
        let Err(Error::Usage(message)) = result else {
            panic!("{result:?}")
        };
        assert_eq!(message, "a reference to something of another store");
    }
    takes
        .call(&mut two, &[Val::FuncRef(None), Val::ExternRef(None)])
        .unwrap();
}

#[test]
fn handles_of_other_stores_panic() {
    let engine = Engine::default();
    let (mut one, mut two) = (Store::new(&engine, ()), Store::new(&engine, ()));
    let func = Func::wrap(&mut one, || ());
    let memory = Memory::new(&mut one, MemoryType::default()).unwrap();
    let object = ExternRef::new(&mut one, 1).unwrap();
    let global = GlobalType::new(ValType::I32, true);
    let global = Global::new(&mut one, global, Val::I32(0)).unwrap();
    let two = &mut two;
    type Use<'a> = Box<dyn Fn(&mut Store<()>) + 'a>;
    let uses: Vec<(&str, Use<'_>)> = vec![
        ("function", Box::new(|store| drop(func.call(store, &[])))),
        ("function", Box::new(|store| drop(func.ty(store)))),
        (
            "memory",
            Box::new(|store| assert!(memory.data(&*store).is_empty())),
        ),
        ("memory", Box::new(|store| drop(memory.grow(store, 1)))),
        (
            "global",
            Box::new(|store| drop(global.set(store, Val::I32(1)))),
        ),
        (
            "host object",
            Box::new(|store| assert!(object.is::<i32>(store))),
        ),
    ];
    for (what, usage) in &uses {
        let panic = catch_unwind(AssertUnwindSafe(|| usage(&mut *two))).unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        assert_eq!(
            *message,
            format!("{what} used with a store that it does not belong to")
        );
    }
}
