//! Managed objects: made, read, changed and collected, in all tiers, also where every possible collection
//! happens.

#[path = "../common/mod.rs"]
mod common;
mod copies;
mod known;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{engine, module, trap_code};
use dotvm::{
    AnyRef, Caller, Config, Engine, Error, Exception, Instance, Jit, Linker, ObjectKind, Store,
    TrapCode, Val,
};

/// Numbers that look random.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Interpreted, native from the start, native soon, and each with a collection wherever one may be.
fn engines() -> Vec<Engine> {
    let tiers = [(Jit::Off, 1), (Jit::Eager, 1), (Jit::Tiered, 2)];
    let all = tiers
        .into_iter()
        .flat_map(|tier| [false, true].map(|torture| (tier, torture)));
    let engine = |((jit, threshold), torture)| {
        engine(|config: &mut Config| {
            let config = config.jit(jit).jit_threshold(threshold).jit_threads(0);
            config.gc_torture(torture);
        })
    };
    all.map(engine).collect()
}

/// Calls an export in an instance of a program of each engine; all results are to be the same.
#[track_caller]
fn check(text: &str, name: &str, args: &[Val], expected: &str) {
    for engine in engines() {
        let mut store = Store::new(&engine, ());
        let module = module(&engine, text);
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &module)
            .unwrap();
        let func = instance.get_func(&mut store, name).unwrap();
        // Twice: what was called may be native then.
        for _ in 0..3 {
            let result = match func.call(&mut store, args) {
                Ok(values) => {
                    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                    values.join(" ")
                }
                Err(Error::Trap(trap)) => trap.code().name().to_owned(),
                Err(error) => error.to_string(),
            };
            assert_eq!(result, expected, "{:?}", engine.config());
        }
    }
}

/// Trees, made again and again: the benchmark of that name. And a list that is kept in a global.
const TREES: &str = r#"
    .struct $node (mut anyref, mut anyref)
    .struct $cell final (i64, mut anyref)
    .global $list mut anyref = ref.null anyref
    .export "trees" func $trees
    .export "list" func $list_sum
    .func $make (i32 $depth) -> anyref
        local.get $depth
        jz leaf
        local.get $depth
        i32.push 1
        i32.sub
        call $make
        local.get $depth
        i32.push 1
        i32.sub
        call $make
        struct.new $node
        ret
    leaf:
        struct.new_default $node
        ret
    .end
    .func $count (anyref $tree) -> i32
        local.get $tree
        struct.get $node 0
        ref.is_null
        jnz leaf
        local.get $tree
        struct.get $node 0
        call $count
        local.get $tree
        struct.get $node 1
        call $count
        i32.add
        i32.push 1
        i32.add
        ret
    leaf:
        i32.push 1
        ret
    .end
    .func $trees (i32 $depth, i32 $times) -> i32
        .local i32 $sum
        .local anyref $kept
        local.get $depth
        call $make
        local.set $kept
    again:
        loop
        local.get $sum
        local.get $depth
        call $make
        call $count
        i32.add
        local.set $sum
        local.get $times
        i32.push 1
        i32.sub
        local.tee $times
        jnz again
        local.get $sum
        local.get $kept
        call $count
        i32.add
        ret
    .end
    .func $list_sum (i64 $n) -> i64
        .local i64 $sum
        .local anyref $at
        ref.null anyref
        global.set $list
    more:
        loop
        local.get $n
        global.get $list
        struct.new $cell
        global.set $list
        local.get $n
        i64.push 1
        i64.sub
        local.tee $n
        i64.eqz
        jz more
        global.get $list
        local.set $at
    next:
        loop
        local.get $at
        ref.is_null
        jnz done
        local.get $sum
        local.get $at
        struct.get $cell 0
        i64.add
        local.set $sum
        local.get $at
        struct.get $cell 1
        local.set $at
        jmp next
    done:
        local.get $sum
        ret
    .end
"#;

#[test]
fn trees_and_lists_survive_what_is_collected() {
    check(TREES, "trees", &[4.into(), 20.into()], "651");
    check(TREES, "list", &[100i64.into()], "5050");
}

#[test]
fn garbage_does_not_pile_up_and_what_is_live_stays() {
    for jit in [Jit::Off, Jit::Eager] {
        let engine = engine(|config: &mut Config| {
            config.jit(jit).jit_threads(0).max_memory_bytes(16 << 20);
        });
        let mut store = Store::new(&engine, ());
        let module = module(&engine, TREES);
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &module)
            .unwrap();
        let mut call = |name: &str, args: &[Val]| {
            let func = instance.get_func(&mut store, name).unwrap();
            let result = func.call(&mut store, args);
            (result, store.gc_stats())
        };
        let (result, _) = call("list", &[100_000i64.into()]);
        assert_eq!(result.unwrap()[0].i64(), Some(5_000_050_000));
        let (result, stats) = call("trees", &[10.into(), 1_000.into()]);
        assert_eq!(result.unwrap()[0].i32(), Some(1_001 * 2_047));
        assert!(stats.allocated_bytes > 40 << 20, "{stats:?}");
        assert!(stats.heap_bytes < 16 << 20, "{stats:?}");
        assert!(stats.young_collections > 5, "{stats:?}");
        // More than there is room for.
        let (result, _) = call("list", &[1_000_000i64.into()]);
        assert_eq!(trap_code(result), TrapCode::MemoryLimit);
    }
}

/// Fields of every width, arrays, subtypes, numbers of 31 bits.
const KINDS: &str = r#"
    .arch arch512
    .struct $base (i32, mut i8)
    .struct $derived sub $base final (i32, mut i8, mut i16, f32, f64, i128, i512, v256, funcref, anyref)
    .struct $same (i32, mut i8)
    .struct $twin1 (i32)
    .struct $twin2 (i32)
    .group $twin1 2
    .array $bytes (mut i8)
    .array $words (mut i16)
    .array $refs (mut anyref)
    .array $wide (mut i256)
    .data $text passive "hello, world"
    .export "fields" func $fields
    .export "arrays" func $arrays
    .export "casts" func $casts
    .export "kinds" func $kinds
    .export "numbers" func $numbers
    .export "text" func $texts
    .export "filled" func $filled
    .func $derived_one () -> anyref
        i32.push 7
        i32.push 0x1ff
        i32.push 0x18000
        f32.push 1.5
        f64.push 2.25
        i128.push -5
        i512.push 0x123456789abcdef0123456789abcdef0123456789abcdef
        v256.push i64x4 1 2 3 4
        ref.func $casts
        i32.push 5
        ref.i31
        struct.new $derived
        ret
    .end
    .func $fields () -> (i32, i32, i32, i32, i32, f32, f64, i128, i512, v256, i32)
        .local anyref $it
        call $derived_one
        local.set $it
        local.get $it
        struct.get $base 0
        local.get $it
        struct.get $base 1
        local.get $it
        struct.get_u $derived 1
        local.get $it
        struct.get $derived 2
        local.get $it
        i32.push -3
        struct.set $base 1
        local.get $it
        struct.get_u $base 1
        local.get $it
        struct.get $derived 3
        local.get $it
        struct.get $derived 4
        local.get $it
        struct.get $derived 5
        local.get $it
        struct.get $derived 6
        local.get $it
        struct.get $derived 7
        local.get $it
        struct.get $derived 9
        i31.get
        ret
    .end
    .func $arrays (i32 $n, i32 $at) -> (i32, i32, i256)
        .local anyref $refs $wide
        .local i32 $i
        local.get $n
        array.new_default $refs
        local.set $refs
    fill:
        loop
        local.get $refs
        local.get $i
        local.get $i
        local.get $i
        array.new $words
        array.set $refs
        local.get $i
        i32.push 1
        i32.add
        local.tee $i
        local.get $n
        i32.lt
        jnz fill
        i256.push -1
        i256.push 12345678901234567890123456789
        array.new_fixed $wide 2
        local.set $wide
        local.get $refs
        array.len
        local.get $refs
        local.get $at
        array.get $refs
        local.get $at
        i32.push 1
        i32.sub
        array.get $words
        local.get $wide
        i32.push 1
        array.get $wide
        ret
    .end
    .func $casts (i32 $which) -> (i32, i32, i32)
        .local anyref $it
        local.get $which
        br_table null number derived base twin
    null:
        jmp go
    number:
        i32.push 1
        ref.i31
        local.set $it
        jmp go
    derived:
        call $derived_one
        local.set $it
        jmp go
    base:
        struct.new_default $same
        local.set $it
        jmp go
    twin:
        struct.new_default $twin2
        local.set $it
        jmp go
    go:
        local.get $it
        ref.test $base
        local.get $it
        ref.test_null $derived
        local.get $it
        ref.test $twin1
        local.get $it
        ref.cast $base
        ref.cast_null $base
        pop
        ret
    .end
    .func $kinds () -> (i32, i32, i32, i32, i32, i32)
        ref.null anyref
        ref.kind
        i32.push 1
        ref.i31
        ref.kind
        call $derived_one
        ref.kind
        i32.push 1
        array.new_default $bytes
        ref.kind
        i32.push -1
        ref.i31
        i32.push 0x7fffffff
        ref.i31
        ref.eq
        struct.new_default $base
        struct.new_default $base
        ref.eq
        ret
    .end
    .func $numbers (i32 $n) -> (i32, i32)
        .local anyref $it
        local.get $n
        ref.i31
        local.tee $it
        i31.get
        local.get $it
        i31.get_u
        ret
    .end
    .func $texts (i32 $start, i32 $n) -> (i32, i32)
        .local anyref $it $copy
        local.get $start
        local.get $n
        array.new_data $bytes $text
        local.set $it
        i32.push 0x1ff
        i32.push 20
        array.new $bytes
        local.set $copy
        local.get $copy
        i32.push 3
        local.get $it
        i32.push 0
        local.get $n
        array.copy $bytes $bytes
        local.get $copy
        i32.push 4
        local.get $copy
        i32.push 3
        i32.push 5
        array.copy $bytes $bytes
        local.get $copy
        i32.push 4
        array.get $bytes
        local.get $copy
        i32.push 2
        array.get_u $bytes
        ret
    .end
    .func $filled (i32 $index, i32 $n) -> (i32, i32)
        .local anyref $it
        i32.push 10
        array.new_default $refs
        local.set $it
        local.get $it
        local.get $index
        struct.new_default $base
        local.get $n
        array.fill $refs
        local.get $it
        i32.push 9
        array.get $refs
        ref.is_null
        local.get $it
        i32.push 0
        array.get $refs
        struct.get $base 0
        ret
    .end
"#;

#[test]
fn fields_and_elements_of_every_type() {
    let wide = "0x0000000000000004000000000000000300000000000000020000000000000001";
    let big = "0x123456789abcdef0123456789abcdef0123456789abcdef";
    let big = Val::I512(dotvm::isa::text::parse_integer(big, 512).unwrap().0);
    let expected = format!("7 -1 255 -32768 253 1.5 2.25 -5 {big} {wide} 5");
    check(KINDS, "fields", &[], &expected);
    let number = "12345678901234567890123456789";
    check(
        KINDS,
        "arrays",
        &[9.into(), 8.into()],
        &format!("9 8 {number}"),
    );
    check(KINDS, "arrays", &[9.into(), 9.into()], "ArrayOutOfBounds");
    check(KINDS, "arrays", &[9.into(), 0.into()], "ArrayOutOfBounds");
    check(KINDS, "text", &[7.into(), 5.into()], "119 255");
    check(KINDS, "text", &[8.into(), 5.into()], "MemoryOutOfBounds");
    check(KINDS, "filled", &[0.into(), 9.into()], "1 0");
    check(KINDS, "filled", &[0.into(), 10.into()], "0 0");
    check(KINDS, "filled", &[1.into(), 10.into()], "ArrayOutOfBounds");
    check(
        KINDS,
        "filled",
        &[(-1).into(), 2.into()],
        "ArrayOutOfBounds",
    );
    check(KINDS, "filled", &[1.into(), 0.into()], "NullReference");
}

#[test]
fn types_are_compared_where_objects_are_used() {
    check(KINDS, "casts", &[0.into()], "CastFailure");
    check(KINDS, "casts", &[1.into()], "CastFailure");
    check(KINDS, "casts", &[2.into()], "1 1 0");
    // It looks the same, and so is the same type.
    check(KINDS, "casts", &[3.into()], "1 0 0");
    // Those of a group are different.
    check(KINDS, "casts", &[4.into()], "CastFailure");
    check(KINDS, "kinds", &[], "0 1 2 3 1 0");
    check(KINDS, "numbers", &[(-2).into()], "-2 2147483646");
    check(KINDS, "numbers", &[i32::MIN.into()], "0 0");
}

/// References that cross the border, and calls back while objects are only in frames.
const BORDER: &str = r#"
    .struct $pair (anyref, mut anyref)
    .import "host" "make" func $host_make (i32) -> anyref
    .import "host" "churn" func $churn (anyref)
    .export "run" func $run
    .export "garbage" func $garbage
    .export "pass" func $pass
    .func $garbage (i32 $n)
    again:
        loop
        struct.new_default $pair
        pop
        local.get $n
        i32.push 1
        i32.sub
        local.tee $n
        jnz again
        ret
    .end
    .func $run (i32 $n) -> (anyref, i32)
        .local anyref $held
        local.get $n
        call $host_make
        ref.null anyref
        struct.new $pair
        local.set $held
        local.get $n
        i32.push 1
        i32.add
        call $host_make
        local.get $held
        local.get $n
        call $host_make
        struct.set $pair 1
        local.get $held
        struct.get $pair 0
        call $churn
        local.get $held
        struct.get $pair 1
        ref.kind
        ret
    .end
    .func $pass (anyref $it) -> anyref
        local.get $it
        call $churn
        local.get $it
        ret
    .end
"#;

struct Counted(Arc<AtomicU32>, i32);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn border(engine: &Engine, dropped: &Arc<AtomicU32>) -> (Store<()>, Instance) {
    let mut store = Store::new(engine, ());
    let module = module(engine, BORDER);
    let mut linker = Linker::new(engine);
    let counter = Arc::clone(dropped);
    let make = move |mut caller: Caller<'_, ()>, number: i32| {
        let data = Counted(Arc::clone(&counter), number);
        AnyRef::new_host(&mut caller, data, 1 << 20).map(Some)
    };
    linker.func_wrap("host", "make", make).unwrap();
    let churn = |mut caller: Caller<'_, ()>, it: Option<AnyRef>| {
        let garbage = caller.get_export("garbage").unwrap().into_func().unwrap();
        garbage.call(&mut caller, &[50.into()]).unwrap();
        let it = it.unwrap();
        assert_eq!(it.kind(&caller).unwrap(), ObjectKind::Host);
    };
    linker.func_wrap("host", "churn", churn).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    (store, instance)
}

#[test]
fn objects_of_the_host_are_kept_as_long_as_something_refers_to_them() {
    for engine in engines() {
        let dropped = Arc::new(AtomicU32::new(0));
        let (mut store, instance) = border(&engine, &dropped);
        let run = instance
            .get_typed_func::<i32, (Option<AnyRef>, i32)>(&mut store, "run")
            .unwrap();
        let mut last = None;
        for i in 0..10 {
            let (object, kind) = run.call(&mut store, i).unwrap();
            assert_eq!(kind, ObjectKind::Host as i32);
            last = object;
        }
        let last = last.unwrap();
        store.collect_garbage();
        // Each call leaves the one that it returned.
        assert_eq!(dropped.load(Ordering::Relaxed), 20);
        let data = last.host(&store).unwrap().unwrap();
        assert_eq!(data.downcast_ref::<Counted>().unwrap().1, 10);
        assert!(store.usage().object_bytes > 10 << 20);
        let pass = instance.get_func(&mut store, "pass").unwrap();
        let passed = pass.call(&mut store, &[last.into()]).unwrap();
        let Val::AnyRef(Some(passed)) = passed[0] else {
            panic!("{passed:?}");
        };
        assert!(passed.host(&store).unwrap().is_some());
        store.release_references();
        store.collect_garbage();
        assert_eq!(dropped.load(Ordering::Relaxed), 30);
        assert!(last.kind(&store).is_err());
        let error = pass.call(&mut store, &[last.into()]).unwrap_err();
        assert!(matches!(error, Error::Usage(_)), "{error}");
        let number = AnyRef::from_i31(&store, 0x8000_0005);
        assert_eq!(number.i31(&store).unwrap(), Some(5));
        drop(store);
    }
}

#[test]
fn what_the_host_keeps_counts_as_memory() {
    let engine = engine(|config: &mut Config| {
        config.max_memory_bytes(4 << 20);
    });
    let mut store = Store::new(&engine, ());
    for _ in 0..100 {
        AnyRef::new_host(&mut store, [0u8; 1], 1 << 20).unwrap();
        store.release_references();
    }
    let all: Vec<_> = (0..4)
        .map(|_| AnyRef::new_host(&mut store, (), 1 << 20))
        .collect();
    assert!(all[..3].iter().all(Result::is_ok));
    assert!(matches!(all[3], Err(Error::Limit(_))));
}

#[test]
fn exceptions_and_tables_keep_objects() {
    let text = r#"
        .struct $box final (mut i64)
        .tag $e (i64, anyref)
        .table $t anyref 4
        .export "run" func $run
        .func $thrower (anyref $it)
            i64.push 1
            local.get $it
            throw $e
        .end
        .func $churn
            .local i32 $i
        again:
            loop
            struct.new_default $box
            pop
            local.get $i
            i32.push 1
            i32.add
            local.tee $i
            i32.push 40
            i32.lt
            jnz again
            ret
        .end
        .func $run (i64 $n) -> (i64, i64)
            .local exnref $exception
            .local i64 $first
            i32.push 2
            local.get $n
            struct.new $box
            table.set $t
            i64.push 0
            try catch_ref $e caught
            local.get $n
            i64.push 1
            i64.add
            struct.new $box
            call $thrower
            end_try
            trap
        caught:
            local.set $exception
            pop
            pop
            pop
            call $churn
            i32.push 2
            table.get $t
            struct.get $box 0
            local.set $first
            try catch $e again
            local.get $exception
            throw_ref
            end_try
        again:
            call $churn
            struct.get $box 0
            nip
            local.get $first
            ret
        .end
    "#;
    check(text, "run", &[41i64.into()], "42 41");
}

/// Exceptions whose values are references: those of a host function, and those that pass through one.
#[test]
fn references_of_exceptions_pass_the_host() {
    let text = r#"
        .import "host" "throw" func $host_throw (i32)
        .import "host" "pass" func $pass (i32)
        .struct $box final (mut i64)
        .tag $e (i64, anyref)
        .export "error" tag $e
        .export "throw" func $throw
        .export "caught" func $caught
        .export "passed" func $passed
        .export "uncaught" func $pass
        .func $throw (i32 $n)
            i64.push 1
            local.get $n
            i64.extend_i32
            struct.new $box
            throw $e
        .end
        .func $caught (i32 $n) -> i32
            try catch $e seen
            local.get $n
            call $host_throw
            end_try
            i32.push -1
            ret
        seen:
            nip
            i31.get
            ret
        .end
        .func $passed (i32 $n) -> i64
            try catch $e seen
            local.get $n
            call $pass
            end_try
            i64.push -1
            ret
        seen:
            nip
            struct.get $box 0
            ret
        .end
    "#;
    for engine in engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        let throw = |mut caller: Caller<'_, ()>, n: i32| -> dotvm::Result<()> {
            let instance = caller.instance().expect("guests call it");
            let tag = instance.get_tag(&mut caller, "error").unwrap();
            let number = AnyRef::from_i31(&caller, n.cast_unsigned());
            let values = [Val::from(i64::from(n)), Val::from(number)];
            Err(Exception::new(&caller, tag, values)?.into())
        };
        linker.func_wrap("host", "throw", throw).unwrap();
        let pass = |mut caller: Caller<'_, ()>, n: i32| -> dotvm::Result<()> {
            let throw = caller.get_export("throw").unwrap().into_func().unwrap();
            throw.call(&mut caller, &[n.into()])?;
            Ok(())
        };
        linker.func_wrap("host", "pass", pass).unwrap();
        let module = module(&engine, text);
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let caught = instance.get_func(&mut store, "caught").unwrap();
        let passed = instance.get_func(&mut store, "passed").unwrap();
        for n in 1..4 {
            let results = caught.call(&mut store, &[n.into()]).unwrap();
            assert_eq!(results[0].to_string(), n.to_string());
            let results = passed.call(&mut store, &[n.into()]).unwrap();
            assert_eq!(results[0].to_string(), n.to_string());
        }
        // Nothing catches it: the embedder gets the reference.
        let throw = instance.get_func(&mut store, "throw").unwrap();
        let Err(Error::Exception(exception)) = throw.call(&mut store, &[5.into()]) else {
            panic!("nothing was thrown");
        };
        store.collect_garbage();
        let [_, Val::AnyRef(Some(thrown))] = exception.values() else {
            panic!("{:?}", exception.values());
        };
        assert_eq!(thrown.kind(&store).unwrap(), ObjectKind::Struct);
        assert!(thrown.is_same(*thrown, &store).unwrap());
        assert!(!thrown.is_same(AnyRef::from_i31(&store, 5), &store).unwrap());
    }
}

/// What is copied and filled into arrays that are old is found by the next collection of young objects.
#[test]
fn arrays_remember_what_is_put_into_them() {
    let text = r#"
        .struct $box final (mut i64)
        .array $boxes final (mut anyref)
        .global $old mut anyref = ref.null anyref
        .export "copied" func $copied
        .export "filled" func $filled
        .func $churn
            .local i32 $i
        again:
            loop
            i64.push 13
            struct.new $box
            pop
            local.get $i
            i32.push 1
            i32.add
            local.tee $i
            i32.push 200000
            i32.lt
            jnz again
            ret
        .end
        ; An array that has outlived collections.
        .func $prepare
            global.get $old
            ref.is_null
            jz done
            i32.push 10
            array.new_default $boxes
            global.set $old
            call $churn
        done:
            ret
        .end
        .func $copied (i64 $n) -> i64
            call $prepare
            global.get $old
            i32.push 2
            local.get $n
            struct.new $box
            i32.push 3
            array.new $boxes
            i32.push 0
            i32.push 3
            array.copy $boxes $boxes
            call $churn
            global.get $old
            i32.push 4
            array.get $boxes
            struct.get $box 0
            ret
        .end
        .func $filled (i64 $n) -> i64
            call $prepare
            global.get $old
            i32.push 5
            local.get $n
            struct.new $box
            i32.push 4
            array.fill $boxes
            call $churn
            global.get $old
            i32.push 8
            array.get $boxes
            struct.get $box 0
            ret
        .end
    "#;
    for jit in [Jit::Off, Jit::Eager] {
        let engine = engine(|config: &mut Config| {
            config.jit(jit);
        });
        let mut store = Store::new(&engine, ());
        let module = module(&engine, text);
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &module)
            .unwrap();
        for name in ["copied", "filled"] {
            let func = instance
                .get_typed_func::<i64, i64>(&mut store, name)
                .unwrap();
            for n in 40..43 {
                let before = store.gc_stats().young_collections;
                assert_eq!(func.call(&mut store, n).unwrap(), n, "{name}");
                assert!(store.gc_stats().young_collections > before);
            }
        }
    }
}

/// What takes long on one array can be stopped: 800 million elements take a second.
#[test]
fn large_arrays_are_filled_in_steps() {
    let text = r#"
        .array $longs final (mut i64)
        .export "make" func $make
        .func $make (i32 $len) -> i32
            i64.push 7
            local.get $len
            array.new $longs
            array.len
            ret
        .end
    "#;
    let engine = engine(|config: &mut Config| {
        config.max_memory_bytes(8 << 30);
    });
    let mut store = Store::new(&engine, ());
    let module = module(&engine, text);
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .unwrap();
    let make = instance
        .get_typed_func::<i32, i32>(&mut store, "make")
        .unwrap();
    assert_eq!(make.call(&mut store, 1 << 20).unwrap(), 1 << 20);
    store.set_timeout(Duration::from_millis(20)).unwrap();
    let stopped = make.call(&mut store, 800_000_000);
    assert_eq!(trap_code(stopped), TrapCode::Timeout);
}
