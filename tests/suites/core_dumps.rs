//! Core dumps: other readers of the format understand them, they are the same in every tier as far as values are
//! known, large memories take little room, and nothing that a file can say is worse than an error.

use dotvm::debug::core::CoreDump;
use dotvm::debug::{Reason, Resume, Stopped};
use dotvm::{Config, Engine, Instance, Jit, Module, Store, Val};
use dotvm_tests::fuzzing::Random;
use wasmparser::{
    CoreDumpInstancesSection, CoreDumpStackSection, CoreDumpValue, DataKind, KnownCustom, Parser,
    Payload,
};

/// Locals of every kind, two memories, a table, calls, and a trap where operands are on the stack.
const PROGRAM: &str = r#"
    .arch arch256
    .module "ledger"
    .memory 1024
    .memory 1
    .global $limit i64 = -5
    .global $total mut i256 = 7
    .global $on mut funcref = ref.func $inner
    .table $t funcref 4
    .elem $e funcref at 2 in $t ($inner)
    .export "run" func $run

    .func $inner (i32 $a, i64 $b, f32 $c, f64 $d) -> i64
        .local i256 $wide
        .local funcref $f
        push -3
        local.set $wide
        ref.func $inner
        local.set $f
        i32.push 65535
        i32.push 0x55aa
        i32.store
        i64.push 9
        local.get $b
        local.get $b
        i64.div
        i64.add
        ret
    .end

    .func $run (i32 $n) -> i64
        i32.push 67108860
        i32.push -1
        i32.store
        i64.push 77
        local.get $n
        i64.push 0
        f32.push 1.5
        f64.push -2.5
        call $inner
        i64.add
        ret
    .end
"#;

/// The program, and the dump of a run of it.
fn dumped(jit: Jit) -> Vec<u8> {
    let mut config = Config::new();
    config.jit(jit);
    let engine = Engine::new(&config);
    let module = Module::from_text(&engine, PROGRAM).expect("a program");
    let mut store = Store::new(&engine, ());
    store.keep_core();
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    let run = instance.get_func(&mut store, "run").expect("an export");
    let error = run.call(&mut store, &[Val::I32(3)]).expect_err("a trap");
    let mut file = Vec::new();
    let is_written = store.write_core("ledger.dasm", &error, &mut file);
    assert!(is_written.expect("written"));
    file
}

fn text(value: &CoreDumpValue) -> String {
    match value {
        CoreDumpValue::Missing => "missing".to_owned(),
        CoreDumpValue::I32(value) => format!("i32 {value}"),
        CoreDumpValue::I64(value) => format!("i64 {value}"),
        CoreDumpValue::F32(value) => format!("f32 {}", f32::from_bits(value.bits())),
        CoreDumpValue::F64(value) => format!("f64 {}", f64::from_bits(value.bits())),
    }
}

/// What another reader finds: the frames, and everything else.
fn parsed(file: &[u8]) -> (Vec<String>, Vec<String>) {
    let (mut frames, mut rest) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(file) {
        match payload.expect("a module") {
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::CoreDump(core) => rest.push(core.name.to_owned()),
                KnownCustom::CoreDumpModules(modules) => rest.push(format!("{modules:?}")),
                KnownCustom::CoreDumpInstances(CoreDumpInstancesSection { instances }) => {
                    rest.push(format!("{instances:?}"));
                }
                KnownCustom::CoreDumpStack(CoreDumpStackSection { name, frames: all }) => {
                    rest.push(name.to_owned());
                    for frame in all {
                        let values = |all: &[CoreDumpValue]| {
                            all.iter().map(text).collect::<Vec<_>>().join(", ")
                        };
                        frames.push(format!(
                            "{} {} {:#x} ({}) [{}]",
                            frame.instanceidx,
                            frame.funcidx,
                            frame.codeoffset,
                            values(&frame.locals),
                            values(&frame.stack)
                        ));
                    }
                }
                _ => rest.push(section.name().to_owned()),
            },
            Payload::MemorySection(memories) => {
                rest.extend(
                    memories
                        .into_iter()
                        .map(|it| format!("{:?}", it.expect("one"))),
                );
            }
            Payload::GlobalSection(globals) => {
                rest.extend(globals.into_iter().map(|it| {
                    let it = it.expect("a global");
                    let mut ops = it.init_expr.get_operators_reader();
                    format!("{:?} {:?}", it.ty.content_type, ops.read().expect("one"))
                }));
            }
            Payload::DataSection(data) => {
                rest.extend(data.into_iter().map(|it| {
                    let it = it.expect("a segment");
                    let DataKind::Active {
                        memory_index,
                        offset_expr,
                    } = it.kind
                    else {
                        panic!("a passive segment");
                    };
                    let mut ops = offset_expr.get_operators_reader();
                    let at = ops.read().expect("an address");
                    format!("{memory_index} {at:?} {} bytes", it.data.len())
                }));
            }
            _ => {}
        }
    }
    (frames, rest)
}

#[test]
fn other_readers_find_frames_memories_and_globals() {
    let file = dumped(Jit::Off);
    // The memory has 64 MiB, of which three pages of 4 KiB were written.
    assert!(file.len() < 3 * 4096 + 1000, "{} bytes", file.len());
    let (frames, rest) = parsed(&file);
    let inner =
        "0 0 0x20 (i32 3, i64 0, f32 1.5, f64 -2.5, missing, missing) [i64 9, i64 0, i64 0]";
    let offset = |frame: &str| frame.split(' ').nth(2).map(str::to_owned);
    assert_eq!(
        frames[0].replace(&offset(&frames[0]).expect("one"), "0x20"),
        inner
    );
    assert!(frames[1].ends_with("(i32 3) [i64 77]"), "{}", frames[1]);
    assert_eq!(frames.len(), 2);
    let rest = rest.join("\n");
    for part in [
        "ledger.dasm",
        "\"ledger\"",
        "module_index: 0, memories: [0, 1], globals: [0, 1, 2]",
        "initial: 1024",
        "I64Const { value: -5 }",
        "RefNull",
        "0 I32Const { value: 61440 } 8192 bytes",
        "0 I32Const { value: 67104768 } 4096 bytes",
    ] {
        assert!(rest.contains(part), "`{part}` is missing in\n{rest}");
    }
}

#[test]
fn tiers_differ_in_what_is_known_only() {
    let (interpreted, rest) = parsed(&dumped(Jit::Off));
    let (native, native_rest) = parsed(&dumped(Jit::Eager));
    assert_eq!(rest, native_rest);
    assert_eq!(interpreted.len(), native.len());
    for (known, missing) in interpreted.iter().zip(&native) {
        let words = |frame: &str| frame.replace(['(', ')', '[', ']', ','], "");
        let (known, missing) = (words(known), words(missing));
        assert!(missing.contains("missing"), "{missing}");
        let count = |text: &str, what: &str| text.split(' ').filter(|it| *it == what).count();
        let values = ["i32", "i64", "f32", "f64", "missing"];
        let all: usize = values.iter().map(|kind| count(&known, kind)).sum();
        assert_eq!(count(&missing, "missing"), all);
        let place = |text: &str| text.split(' ').take(3).collect::<Vec<_>>().join(" ");
        assert_eq!(place(&known), place(&missing));
    }
}

#[test]
fn a_dump_is_shown_as_the_program_was() {
    let dump = CoreDump::read(&dumped(Jit::Off)).expect("a dump");
    assert_eq!(dump.message(), "trap: integer divide by zero");
    assert_eq!(dump.program(), "ledger.dasm");
    let module = Module::from_text(&Engine::default(), PROGRAM).expect("a program");
    let mut core = dump.open(&module).expect("the dump of this program");
    let mut seen = String::new();
    let (said, saying) = std::sync::mpsc::channel();
    core.show(&mut move |stopped: &mut Stopped<'_>| {
        assert!(matches!(stopped.reason(), Reason::Core(_)));
        for (frame, what) in [
            (0, "wide"),
            (0, "f"),
            (0, "{u32} 65535"),
            (1, "{i32} 67108860"),
            (1, "n * 2"),
            (1, "global[1]"),
            (1, "global[2]"),
            (0, "stack[2]"),
        ] {
            let value = stopped.evaluate(frame, what).map(|it| stopped.show(&it));
            said.send(format!("{what}: {value:?}")).expect("heard");
        }
        let table = stopped.table(0, 0).expect("a table");
        said.send(table.join(" ")).expect("heard");
        let refused = stopped.assign(1, "n", "4").expect_err("nothing changes");
        said.send(refused).expect("heard");
        Resume::Continue
    });
    for line in saying.try_iter() {
        seen += &line;
        seen.push('\n');
    }
    let expected = expect_test::expect![[r#"
        wide: Ok("-3 (0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffd)")
        f: Ok("inner")
        {u32} 65535: Ok("21930")
        {i32} 67108860: Ok("-1")
        n * 2: Ok("6")
        global[1]: Ok("7 (0x7)")
        global[2]: Ok("inner")
        stack[2]: Ok("9")
        null null inner null
        it is not kept anywhere, so that it cannot be changed
    "#]];
    expected.assert_eq(&seen);
}

#[test]
fn damaged_dumps_are_errors() {
    let file = dumped(Jit::Off);
    let module = Module::from_text(&Engine::default(), PROGRAM).expect("a program");
    // Only what stands in front of the pages is worth being cut and changed.
    let head = file.len() - 3 * 4096;
    for end in 0..head {
        assert!(CoreDump::read(&file[..end]).is_err(), "cut at {end}");
    }
    let (mut refused, mut opened) = (0, 0);
    for i in 0..3000 {
        let mut random = Random(i);
        let mut changed = file.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(head);
            changed[at] = random.below(256) as u8;
        }
        let open = CoreDump::read(&changed).and_then(|dump| dump.open(&module));
        match open {
            Ok(mut core) => {
                opened += 1;
                core.show(&mut |stopped: &mut Stopped<'_>| {
                    for frame in 0..stopped.frames().len() {
                        for value in stopped.locals(frame).unwrap_or_default() {
                            stopped.show(&value);
                        }
                        let _ = stopped.operands(frame);
                    }
                    Resume::Continue
                });
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
    }
    assert!(
        refused > 500 && opened > 0,
        "{refused} refused, {opened} opened"
    );
}

#[test]
fn a_dump_of_another_program_is_refused() {
    let dump = CoreDump::read(&dumped(Jit::Off)).expect("a dump");
    let other = PROGRAM.replace("i64.push 77", "i64.push 78");
    let other = Module::from_text(&Engine::default(), &other).expect("a program");
    let error = dump.open(&other).err().expect("refused").to_string();
    assert!(error.contains("another program"), "{error}");
    assert!(error.contains("`ledger`"), "{error}");
}
