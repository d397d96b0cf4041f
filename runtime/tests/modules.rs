//! Modules: lazy verification, files, many instances, many threads.

mod common;

use std::io::Write;

use common::{instance_of, module, run};
use dotvm::isa::{CodeBuilder, Op};
use dotvm::{
    Arch, Engine, Error, ExternKind, FuncType, Linker, Malformed, Module, Names, Place, Store,
};
use expect_test::expect;

const SUM: &str = r#"
    .module "sum"
    .memory 1
    .export "sum" func $sum
    .export "unused" func $unused
    .func $sum (i32 $n) -> i32
        .local i32 $total
    again:
        loop
        local.get $total
        local.get $n
        call $add
        local.set $total
        local.get $n
        i32.push 1
        i32.sub
        local.tee $n
        jnz again
        local.get $total
        ret
    .end
    .func $add (i32 $a, i32 $b) -> i32
        local.get $a
        local.get $b
        i32.add
        ret
    .end
    .func $unused
        ret
    .end"#;

fn encoded(text: &str) -> Vec<u8> {
    let (isa, names) = dotvm::isa::text::assemble(text).unwrap();
    dotvm::isa::encode(&isa, &names, Default::default())
}

/// Two functions, the second of which pops from an empty stack.
fn half_bad() -> dotvm::isa::Module {
    let mut good = CodeBuilder::new(&[]);
    good.op(Op::Ret);
    let mut bad = CodeBuilder::new(&[]);
    bad.op(Op::Nop);
    bad.op(Op::Pop);
    bad.op(Op::Ret);
    let mut isa = dotvm::isa::Module {
        types: vec![FuncType::default()],
        ..Default::default()
    };
    isa.set_bodies([(0, good.finish()), (0, bad.finish())]);
    let export = |name: &str, index| dotvm::isa::Export {
        name: name.into(),
        kind: ExternKind::Func,
        index,
    };
    isa.exports = vec![export("good", 0), export("bad", 1)];
    isa
}

#[test]
fn a_function_is_verified_when_it_is_called() {
    let engine = Engine::default();
    let bytes = dotvm::isa::encode(&half_bad(), &Names::default(), Default::default());
    let module = Module::new(&engine, bytes).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .unwrap();
    run(&mut store, instance, "good").unwrap();
    for _ in 0..2 {
        let error = run(&mut store, instance, "bad").unwrap_err();
        expect!["malformed module: function 1, offset 0x2: pop wants more values than []"]
            .assert_eq(&error.to_string());
        let Error::Malformed(error) = error else {
            panic!("{error}")
        };
        assert_eq!(error.place(), Place::Function(1));
    }
    run(&mut store, instance, "good").unwrap();
    let all: Result<(), Malformed> = match module.verify_all() {
        Err(Error::Malformed(error)) => Err(error),
        other => panic!("{other:?}"),
    };
    assert_eq!(all.unwrap_err().offset(), 2);
}

#[test]
fn functions_are_lowered_once_and_only_when_called() {
    let engine = Engine::default();
    let module = module(&engine, SUM);
    assert_eq!((module.lowered_funcs(), module.code_bytes()), (0, 0));
    for _ in 0..3 {
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &module)
            .unwrap();
        let sum = instance
            .get_typed_func::<i32, i32>(&mut store, "sum")
            .unwrap();
        assert_eq!(sum.call(&mut store, 10).unwrap(), 55);
        assert_eq!(module.lowered_funcs(), 2);
        assert_eq!(store.usage().code_bytes, module.code_bytes());
    }
}

#[test]
fn files_are_read_once() {
    let engine = Engine::default();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&encoded(SUM)).unwrap();
    let module = Module::from_file(&engine, file.path()).unwrap();
    // It stays usable when the file's content and name are gone.
    file.as_file().set_len(0).unwrap();
    drop(file);
    assert_eq!(module.name(), Some("sum"));
    assert_eq!(module.arch(), Arch::Arch64);
    assert_eq!(module.entry(), None);
    module.verify_all().unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .unwrap();
    let sum = instance
        .get_typed_func::<i32, i32>(&mut store, "sum")
        .unwrap();
    assert_eq!(sum.call(&mut store, 100).unwrap(), 5_050);

    let missing = Module::from_file(&engine, "no/such/file.dotvm").unwrap_err();
    expect!["no/such/file.dotvm: No such file or directory (os error 2)"]
        .assert_eq(&missing.to_string());
    let empty = tempfile::NamedTempFile::new().unwrap();
    let error = Module::from_file(&engine, empty.path()).unwrap_err();
    expect!["malformed module: header, offset 0x0: 0 bytes; a header has 16"]
        .assert_eq(&error.to_string());
}

#[test]
fn large_files_are_mapped() {
    let engine = Engine::default();
    let text = format!("{SUM}\n.data passive \"{}\"\n", "x".repeat(1 << 20));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&encoded(&text)).unwrap();
    let module = Module::from_file(&engine, file.path()).unwrap();
    drop(file);
    module.verify_all().unwrap();
    assert_eq!(module.name(), Some("sum"));
}

#[test]
fn every_cut_and_every_flipped_bit_is_handled() {
    let engine = Engine::default();
    let bytes = encoded(SUM);
    let try_it = |bytes: &[u8]| {
        let Ok(module) = Module::new(&engine, bytes) else {
            return;
        };
        // Only the header has no checksum; what still loads can be run.
        let mut store = Store::new(&engine, ());
        let Ok(instance) = Linker::new(&engine).instantiate(&mut store, &module) else {
            return;
        };
        if let Ok(sum) = instance.get_typed_func::<i32, i32>(&mut store, "sum") {
            let _ = sum.call(&mut store, 10);
        }
    };
    for len in 0..bytes.len() {
        try_it(&bytes[..len]);
    }
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        try_it(&bytes);
    }
}

#[test]
fn one_module_runs_on_eight_threads() {
    let engine = Engine::default();
    // Many functions, so that threads meet while lowering them.
    let mut text = String::from(".memory 1\n.export \"run\" func 0\n");
    for i in 0..300 {
        text.push_str(&format!(
            ".func (i32 $n) -> i32\nlocal.get $n\ni32.push {i}\ni32.add\n"
        ));
        text.push_str(&if i < 299 {
            format!("call {}\n", i + 1)
        } else {
            String::new()
        });
        text.push_str("ret\n.end\n");
    }
    for _ in 0..5 {
        let module = module(&engine, &text);
        std::thread::scope(|scope| {
            for start in 0..8 {
                let (engine, module) = (&engine, &module);
                scope.spawn(move || {
                    let mut store = Store::new(engine, ());
                    let instance = Linker::new(engine).instantiate(&mut store, module).unwrap();
                    let run = instance
                        .get_typed_func::<i32, i32>(&mut store, "run")
                        .unwrap();
                    for n in 0..20 {
                        assert_eq!(run.call(&mut store, start + n).unwrap(), 44_850 + start + n);
                    }
                });
            }
        });
        assert_eq!(module.lowered_funcs(), 300);
    }
}

#[test]
fn stores_can_move_to_other_threads() {
    let engine = Engine::default();
    let (mut store, instance) = instance_of(&engine, SUM);
    let sum = instance
        .get_typed_func::<i32, i32>(&mut store, "sum")
        .unwrap();
    assert_eq!(sum.call(&mut store, 3).unwrap(), 6);
    let mut store = std::thread::spawn(move || {
        assert_eq!(sum.call(&mut store, 4).unwrap(), 10);
        store
    })
    .join()
    .unwrap();
    assert_eq!(sum.call(&mut store, 5).unwrap(), 15);
    fn shared<T: Send + Sync>() {}
    shared::<(
        Engine,
        Module,
        Linker<()>,
        Store<()>,
        dotvm::InstancePre<()>,
        Error,
    )>();
}

/// Mappings of this process; a store that is not given back whole leaves some.
#[cfg(target_os = "linux")]
fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps")
        .unwrap()
        .lines()
        .count()
}

#[test]
#[cfg(target_os = "linux")]
fn ten_thousand_instances_leave_nothing() {
    let engine = Engine::default();
    let module = module(&engine, SUM);
    let pre = Linker::<()>::new(&engine).instantiate_pre(&module).unwrap();
    let mut before = 0;
    for i in 0..10_000 {
        if i == 100 {
            before = mappings();
        }
        let mut store = Store::new(&engine, ());
        let instance = pre.instantiate(&mut store).unwrap();
        let sum = instance
            .get_typed_func::<i32, i32>(&mut store, "sum")
            .unwrap();
        assert_eq!(sum.call(&mut store, 4).unwrap(), 10);
    }
    // Other tests of this file run at the same time and map something, too.
    assert!(
        mappings() < before + 500,
        "{before} mappings became {}",
        mappings()
    );
}

#[test]
fn a_thousand_instances_live_in_one_store() {
    let engine = Engine::default();
    let module = module(&engine, SUM);
    let pre = Linker::<()>::new(&engine).instantiate_pre(&module).unwrap();
    let mut store = Store::new(&engine, ());
    let instances: Vec<_> = (0..1_000)
        .map(|_| pre.instantiate(&mut store).unwrap())
        .collect();
    for (n, instance) in (0..).zip(instances) {
        let sum = instance
            .get_typed_func::<i32, i32>(&mut store, "sum")
            .unwrap();
        assert_eq!(sum.call(&mut store, n + 1).unwrap(), (n + 1) * (n + 2) / 2);
    }
    assert_eq!(store.usage().memory_bytes, 1_000 << 16);
}
