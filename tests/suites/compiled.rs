//! Native code in files: compiled ones, and those of the code cache. Whatever is wrong with a file, a
//! program does what its bytecode says.

use std::fs::{self, File};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use dotvm::{Config, Engine, Error, Jit, Module, Precompiled, Unused, Val};
use dotvm_tests::command::PATIENCE;
use dotvm_tests::differential::{Call, INTERPRETED, Outcome, engine, outcomes};

/// Calls, memory, a loop, a table, and ways to trap.
const PROGRAM: &str = r#"
.memory 1
.table $t funcref 2
.elem funcref at 0 in $t ($half, $sum)
.export "run" func $run
.export "memory" memory 0
.func $half (i32 $n) -> i32
    i32.push 100
    local.get $n
    i32.div
    ret
.end
.func $sum (i32 $n) -> i32
    .local i32 $sum
again:
    loop
    local.get $sum
    local.get $n
    i32.add
    local.tee $sum
    local.get $n
    i32.store 8
    local.get $n
    i32.push 1
    i32.sub
    local.tee $n
    i32.push 0
    i32.gt
    jnz again
    local.get $sum
    ret
.end
.func $run (i32 $n) -> i32
    local.get $n
    call $sum
    local.get $n
    local.get $n
    i32.push 1
    i32.and
    call_indirect (i32) -> i32 $t
    i32.add
    local.get $n
    call $half
    i32.add
    ret
.end
"#;

fn calls() -> Vec<Call> {
    let arguments = [5, 0, 40, 7, -3, 1_000_000, 12];
    let call = |argument| Call {
        export: "run".to_owned(),
        args: vec![Val::I32(argument)],
    };
    arguments.map(call).to_vec()
}

/// Settings with native code for what is called twice, made at once.
fn config() -> Config {
    let mut config = Config::new();
    config.jit(Jit::Tiered).jit_threshold(2).jit_threads(0);
    config
}

fn expected() -> Vec<Outcome> {
    let engine = engine(dotvm_tests::differential::Way {
        metering: false,
        ..INTERPRETED
    });
    let module = Module::from_text(&engine, PROGRAM).expect("text that is right");
    outcomes(&engine, &module, &calls())
}

/// Loads a file and runs what is in it.
fn run(engine: &Engine, path: &Path) -> Result<(Precompiled, Vec<Outcome>), Error> {
    let module = Module::from_trusted_file(engine, path)?;
    let outcomes = outcomes(engine, &module, &calls());
    Ok((module.precompiled(), outcomes))
}

fn compiled(config: &Config) -> Vec<u8> {
    let module = Module::from_text(&Engine::new(config), PROGRAM).expect("text that is right");
    module.precompile().expect("a compiler")
}

/// A file in a folder of its own.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    fn run(&self, bytes: &[u8], engine: &Engine) -> Result<(Precompiled, Vec<Outcome>), Error> {
        let path = self.folder.path().join("program.dotc");
        fs::write(&path, bytes).expect("a written file");
        run(engine, &path)
    }
}

#[test]
fn compiled_files_start_with_native_code() {
    let config = config();
    let file = compiled(&config);
    assert_eq!(compiled(&config), file, "the same every time");
    let (precompiled, outcomes) = Place::new()
        .run(&file, &Engine::new(&config))
        .expect("a good file");
    assert!(
        matches!(
            precompiled,
            Precompiled::Used {
                funcs: 3,
                code_bytes: 100..
            }
        ),
        "{precompiled:?}"
    );
    assert_eq!(outcomes, expected());
}

#[test]
fn nothing_is_lowered_or_compiled_where_all_comes_from_a_file() {
    let mut config = config();
    let file = compiled(&config);
    for jit in [Jit::Tiered, Jit::Eager] {
        let engine = Engine::new(config.jit(jit));
        let path = Place::new();
        let path = path.folder.path().join("x");
        fs::write(&path, &file).expect("a written file");
        let module = Module::from_trusted_file(&engine, &path).expect("a good file");
        assert_eq!(outcomes(&engine, &module, &calls()), expected());
        let report = engine.tier_report();
        assert_eq!((module.lowered_funcs(), report.compiled_funcs), (0, 0));
        assert_eq!(report.loaded_funcs, 3);
    }
}

#[test]
fn native_code_is_only_taken_from_files_that_are_trusted() {
    let engine = Engine::new(&config());
    let file = compiled(&config());
    let module = Module::new(&engine, &file).expect("a good file");
    let unused = Precompiled::Unused(Unused::NotTrusted);
    assert_eq!(module.precompiled(), unused);
    assert_eq!(outcomes(&engine, &module, &calls()), expected());
    let place = Place::new();
    let path = place.folder.path().join("x.dotc");
    fs::write(&path, &file).expect("a written file");
    let module = Module::from_file(&engine, &path).expect("a good file");
    assert_eq!(module.precompiled(), unused);
}

#[test]
fn what_does_not_fit_is_not_used() {
    let place = Place::new();
    let file = compiled(&config());
    let why = |file: &[u8], config: &Config| {
        let (precompiled, outcomes) = place.run(file, &Engine::new(config)).expect("a good file");
        let mut expected = expected();
        for (found, expected) in outcomes.iter().zip(&mut expected) {
            expected.fuel = found.fuel;
        }
        assert_eq!(outcomes, expected, "{precompiled:?}");
        match precompiled {
            Precompiled::Unused(why) => Some(why),
            _ => None,
        }
    };
    assert_eq!(why(&file, &config()), None);
    let with = |change: &dyn Fn(&mut Config)| {
        let mut config = config();
        change(&mut config);
        config
    };
    let off = with(&|config| {
        config.jit(Jit::Off);
    });
    assert_eq!(why(&file, &off), Some(Unused::Off));
    let small = with(&|config| {
        config.memory_reservation_bytes(1 << 30);
    });
    assert_eq!(why(&file, &small), Some(Unused::Off));
    let plain = with(&|config| {
        config.jit_inlining(false);
    });
    assert_eq!(why(&file, &plain), Some(Unused::Settings));
    let metered = with(&|config| {
        config.metering(true);
    });
    assert_eq!(why(&compiled(&metered), &config()), Some(Unused::Settings));
    let older = renamed(&file, env!("CARGO_PKG_VERSION"), "0.0.9");
    assert_eq!(why(&older, &config()), Some(Unused::Version));
    let other = renamed(&file, "x86_64 has_", "x86_64 can_");
    assert_eq!(why(&other, &config()), Some(Unused::Processor));
    let less = renamed(&file, " has_sse42", "          ");
    assert_ne!(why(&less, &config()), Some(Unused::Processor));
}

/// A file with other text of the same length in its header, and the checksum that belongs to that.
fn renamed(file: &[u8], old: &str, new: &str) -> Vec<u8> {
    let mut file = file.to_vec();
    let at = file
        .windows(old.len())
        .position(|bytes| bytes == old.as_bytes());
    let at = at.unwrap_or_else(|| panic!("no {old}"));
    file[at..at + new.len()].copy_from_slice(new.as_bytes());
    let module_at = u64::from_le_bytes(file[16..24].try_into().expect("8 bytes")) as usize;
    let crc = crc32fast::hash(&file[8..module_at + 16]);
    file[4..8].copy_from_slice(&crc.to_le_bytes());
    file
}

#[test]
fn cut_files_are_errors() {
    let (place, engine) = (Place::new(), Engine::new(&config()));
    let file = compiled(&config());
    let path = place.folder.path().join("cut.dotc");
    fs::write(&path, &file).expect("a written file");
    let cut = File::options().write(true).open(&path).expect("a file");
    for len in (0..file.len()).rev() {
        cut.set_len(len as u64).expect("a shorter file");
        // The shortest are taken for bytecode.
        let error = run(&engine, &path).expect_err("half a file");
        assert!(matches!(error, Error::Malformed(_)), "{len} bytes: {error}");
    }
    let longer = [&file[..], b"more"].concat();
    assert!(place.run(&longer, &engine).is_err());
}

#[test]
fn damaged_files_are_errors_or_run_from_bytecode() {
    /// Of what is in the image, which one checksum is for, it is enough to look here and there.
    const STEP: usize = 9;
    let (place, engine) = (Place::new(), Engine::new(&config()));
    let (file, expected) = (compiled(&config()), expected());
    let number = |at: usize| {
        let bytes = file[at..at + 8].try_into().expect("8 bytes");
        u64::from_le_bytes(bytes) as usize
    };
    let (module_at, module_len, image_at) = (number(16), number(24), number(32));
    let places = (0..module_at + module_len).chain((image_at..file.len()).step_by(STEP));
    let mut errors = 0;
    for at in places {
        let mut file = file.clone();
        file[at] ^= 1 << (at % 8);
        match place.run(&file, &engine) {
            Err(Error::Malformed(_)) => errors += 1,
            Err(error) => panic!("byte {at}: {error}"),
            Ok((precompiled, outcomes)) => {
                assert_eq!(outcomes, expected, "byte {at}: {precompiled:?}");
                let is_damaged = precompiled == Precompiled::Unused(Unused::Damaged);
                assert_eq!(is_damaged, at >= image_at, "byte {at}: {precompiled:?}");
            }
        }
    }
    // All but the names of functions, which are looked at when somebody asks.
    assert!(errors >= module_at + module_len / 2, "{errors} errors");
}

#[test]
fn the_second_run_starts_with_what_the_first_compiled() {
    let place = Place::new();
    let folder = place.folder.path().join("cache");
    let expected = expected();
    let run = |config: &Config| {
        let engine = Engine::new(config);
        let module = Module::from_text(&engine, PROGRAM).expect("text that is right");
        assert_eq!(outcomes(&engine, &module, &calls()), expected);
        (module.precompiled(), engine.tier_report())
    };
    let mut config = config();
    config.code_cache(&folder);
    let (precompiled, report) = run(&config);
    assert_eq!(precompiled, Precompiled::Absent);
    assert!(
        report.compiled_funcs > 0 && report.loaded_funcs == 0,
        "{report:?}"
    );
    let (_, second) = run(&config);
    assert_eq!(second.loaded_funcs, report.compiled_funcs);
    assert_eq!(second.compiled_funcs, 0, "{second:?}");
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1);
    // With other settings there is another file.
    config.jit_inlining(false);
    assert_eq!(run(&config).0, Precompiled::Absent);
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 2);
    // Without native code, nothing is looked for.
    config.jit(Jit::Off);
    assert_eq!(run(&config).0, Precompiled::Absent);
}

#[test]
fn what_was_called_once_is_compiled_for_the_next_run() {
    let place = Place::new();
    let mut config = Config::new();
    config
        .jit(Jit::Tiered)
        .jit_threshold(3)
        .code_cache(place.folder.path());
    let run = |wanted: u64| {
        let engine = Engine::new(&config);
        let module = Module::from_text(&engine, PROGRAM).expect("text that is right");
        assert_eq!(outcomes(&engine, &module, &calls()), expected());
        let end = Instant::now() + PATIENCE;
        while engine.tier_report().compiled_funcs < wanted && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
        let written = module.save_native_code().expect("a cache");
        assert_eq!(written > 0, wanted > 0);
        (engine.tier_report(), module.lowered_funcs())
    };
    let (report, _) = run(3);
    assert_eq!(report.compiled_funcs, 3);
    let (report, lowered) = run(0);
    assert_eq!((report.loaded_funcs, lowered), (3, 0));
}

#[test]
fn loops_come_from_the_cache_too() {
    let place = Place::new();
    let mut config = config();
    config
        .jit_threshold(50)
        .code_cache(place.folder.path().join("cache"));
    let run = || {
        let engine = Engine::new(&config);
        let module = Module::from_text(&engine, PROGRAM).expect("text that is right");
        let call = Call {
            export: "run".to_owned(),
            args: vec![Val::I32(300)],
        };
        let outcomes = outcomes(&engine, &module, &[call]);
        (outcomes, engine.tier_report())
    };
    let (first, report) = run();
    assert!(report.compiled_loops > 0, "{report:?}");
    let (second, report) = run();
    assert_eq!(first, second);
    assert!(
        report.compiled_loops == 0 && report.loop_entries > 0,
        "{report:?}"
    );
}

#[test]
fn a_damaged_cache_mends_itself() {
    let place = Place::new();
    let folder = place.folder.path().join("cache");
    let mut config = config();
    config.code_cache(&folder);
    let run = || {
        let engine = Engine::new(&config);
        let module = Module::from_text(&engine, PROGRAM).expect("text that is right");
        assert_eq!(outcomes(&engine, &module, &calls()), expected());
        module.precompiled()
    };
    run();
    let file = fs::read_dir(&folder).expect("a folder").next();
    let file = file.expect("a file").expect("a file").path();
    let good = fs::read(&file).expect("a file");
    for damage in ["cut", "code", "module", "empty"] {
        let mut bytes = good.clone();
        let module_at = u64::from_le_bytes(bytes[16..24].try_into().expect("8 bytes")) as usize;
        let last = bytes.len() - 1;
        match damage {
            "cut" => bytes.truncate(last),
            "code" => bytes[last] ^= 1,
            "module" => bytes[module_at + 60] ^= 1,
            _ => bytes.clear(),
        }
        fs::write(&file, bytes).expect("a written file");
        assert!(matches!(run(), Precompiled::Unused(_)), "{damage}");
        assert!(matches!(run(), Precompiled::Used { .. }), "{damage}");
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_no_failure() {
    let place = Place::new();
    let file = place.folder.path().join("file");
    fs::write(&file, "no folder").expect("a written file");
    let mut config = config();
    config.code_cache(file.join("cache"));
    let engine = Engine::new(&config);
    let module = Module::from_text(&engine, PROGRAM).expect("text that is right");
    assert_eq!(outcomes(&engine, &module, &calls()), expected());
    let error = module
        .save_native_code()
        .expect_err("no folder can be made");
    assert!(error.to_string().contains("cache"), "{error}");
}

#[test]
fn many_share_a_cache() {
    let place = Place::new();
    let folder = place.folder.path().join("cache");
    let expected = expected();
    thread::scope(|scope| {
        for number in 0..8 {
            let (folder, expected) = (&folder, &expected);
            scope.spawn(move || {
                for round in 0..20 {
                    let mut config = config();
                    config
                        .code_cache(folder)
                        .jit_inlining((number + round) % 3 == 0)
                        // So that files come and go.
                        .max_code_cache_bytes(20_000);
                    let engine = Engine::new(&config);
                    let module = Module::from_text(&engine, PROGRAM).expect("a module");
                    assert_eq!(&outcomes(&engine, &module, &calls()), expected);
                    let unused = matches!(module.precompiled(), Precompiled::Unused(_));
                    assert!(!unused, "{:?}", module.precompiled());
                }
            });
        }
    });
}
