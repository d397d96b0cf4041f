//! Programs that are run, in every tier: what they print and how they end stands beside them;
//! `UPDATE_EXPECT=1` renews it.

mod wasm;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dotvm::wasi::{MemoryInput, MemoryOutput, WasiCtx, WasiCtxBuilder};
use dotvm::{Caller, Config, Engine, Error, Jit, Linker, Store, add_wasi_to_linker};
use expect_test::expect_file;
use vitte::host;
use vitte::modules::{Files, Loader, Texts};
use vitte::run::{self, Options};
use vitte::vitbc::module::Module;

/// What the line of a case starts with; its name is behind.
const CASE: &str = "//# ";

/// Reads sources by their paths from a folder, so that messages have no others. The lines of cases print their names.
struct Below(PathBuf);

impl Loader for Below {
    fn load(&mut self, path: &Path) -> std::io::Result<String> {
        let text = Files.load(&self.0.join(path))?;
        let lines = text.lines().map(|line| match line.strip_prefix(CASE) {
            Some(name) => format!("println({:?})\n", format!("{CASE}{name}")),
            None => format!("{line}\n"),
        });
        Ok(lines.collect())
    }
}

/// The sources in a folder.
fn programs(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(folder).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "vit"))
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

/// What tiers there are: nothing, everything and what gets hot is compiled, at once or soon.
fn tiers() -> [(&'static str, Config); 4] {
    let tier = |jit, threshold| {
        let mut config = Config::new();
        config.jit(jit).jit_threshold(threshold);
        config
    };
    [
        ("interpreter", tier(Jit::Off, 1)),
        ("eager", tier(Jit::Eager, 1)),
        ("tiered at once", tier(Jit::Tiered, 1)),
        ("tiered soon", tier(Jit::Tiered, 50)),
    ]
}

/// What a program prints, and how it ends: the failure, and lines of the source where it was.
fn output(module: &Arc<Module>, config: &Config) -> String {
    let out = MemoryOutput::new();
    let mut wasi = WasiCtxBuilder::new();
    wasi.stdout(out.clone());
    wasi.stdin(MemoryInput::new("first line\nzwölf\n\nlast"));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.txt"), "one\nzwölf\n\u{1f600}").unwrap();
    fs::create_dir(folder.path().join("inner")).unwrap();
    wasi.preopened_dir(folder.path(), "/data").unwrap();
    let options = Options {
        config: config.clone(),
        ..Options::default()
    };
    let outcome = run::run(module, &options, &mut wasi).expect("the program can be started");
    let mut text = String::from_utf8(out.contents()).expect("output is UTF-8");
    match outcome.result {
        Ok(()) => {}
        Err(Error::Exit(code)) => text.push_str(&format!("exit code {code}\n")),
        Err(error) => {
            let shown = error.to_string();
            let (first, places) = shown.split_once('\n').unwrap_or((&shown, ""));
            text.push_str(&format!("error: {first}\n"));
            let places = places
                .lines()
                .map(str::trim)
                .filter(|line| line.starts_with("at "));
            for place in places.take(5) {
                text.push_str(&format!("  {place}\n"));
            }
        }
    }
    text
}

fn compile(path: &Path) -> Result<Arc<Module>, String> {
    let mut loader = Below(path.parent().unwrap().to_owned());
    let name = Path::new(path.file_name().unwrap());
    run::compile(name, &mut loader).unwrap().map(Arc::new)
}

fn check_all(folder: &str, torture: bool) {
    for path in programs(folder) {
        let module = match compile(&path) {
            Ok(module) => module,
            Err(errors) => {
                expect_file![path.with_extension("expected")].assert_eq(&errors);
                continue;
            }
        };
        let bytes = vitte::vitbc::encode(&module, false).unwrap();
        assert_eq!(
            run::read(&bytes).as_ref(),
            Ok(&*module),
            "{}",
            path.display()
        );
        for (name, mut config) in tiers() {
            let found = output(&module, &config);
            if name == "interpreter" {
                expect_file![path.with_extension("expected")].assert_eq(&found);
            }
            let expected = fs::read_to_string(path.with_extension("expected")).unwrap();
            let names = |text: &str| -> Vec<String> {
                let lines = text.lines().filter(|line| line.starts_with(CASE));
                lines.map(str::to_owned).collect()
            };
            let source = fs::read_to_string(&path).unwrap();
            assert_eq!(names(&expected), names(&source), "{}", path.display());
            assert_eq!(found, expected, "{}, {name}", path.display());
            // What gets hot is compiled as everything is: it need not take that long twice.
            if torture && !name.starts_with("tiered") {
                config.gc_torture(true);
                let found = output(&module, &config);
                assert_eq!(found, expected, "{}, {name}, torture", path.display());
            }
        }
    }
}

#[test]
fn programs_print_what_is_expected() {
    check_all("tests/run", true);
}

#[test]
fn examples_print_what_is_expected() {
    check_all("../examples/vitte", false);
}

/// Programs that end early: each case is one, with an expected text of its own.
#[test]
fn traps_are_what_is_expected() {
    for path in programs("tests/traps") {
        let text = fs::read_to_string(&path).unwrap();
        let mut found = vec![String::new(); tiers().len()];
        for case in text.split(CASE).skip(1) {
            let (name, code) = case.split_once('\n').expect("a case has a name");
            let mut texts = Texts::default();
            texts.0.insert("case.vit".into(), code.to_owned());
            let module = run::compile(Path::new("case.vit"), &mut texts).unwrap();
            let module = module.map(Arc::new);
            for ((_, config), found) in tiers().iter().zip(&mut found) {
                found.push_str(&format!("{CASE}{name}\n"));
                match &module {
                    Ok(module) => found.push_str(&output(module, config)),
                    Err(errors) => found.push_str(errors),
                }
            }
        }
        expect_file![path.with_extension("expected")].assert_eq(&found[0]);
        for ((tier, _), other) in tiers().iter().zip(&found) {
            assert_eq!(*other, found[0], "{}, {tier}", path.display());
        }
    }
}

/// There are so many programs and cases.
#[test]
fn there_are_as_many_tests_as_there_should_be() {
    let mut count = 0;
    for folder in ["tests/run", "tests/traps", "tests/errors"] {
        for path in programs(folder) {
            let text = fs::read_to_string(&path).unwrap();
            count += text.matches(CASE).count().max(1);
        }
    }
    assert!(count >= 300, "{count}");
}

/// Modules run once, before the program.
#[test]
fn modules_run_in_their_order() {
    let mut texts = Texts::default();
    let mut add = |name: &str, text: &str| texts.0.insert(name.into(), text.to_owned());
    add(
        "main.vit",
        "import a\nfrom b import twice\nprintln(twice(a.start))\na.start += 1\nprintln(a.next())\n",
    );
    add(
        "a.vit",
        "import b\nprintln(\"a\")\nlet start = b.twice(10)\nfn next() -> int { return start + 1 }\n",
    );
    add(
        "b.vit",
        "println(\"b\")\nfn twice(x: int) -> int { return 2 * x }\n",
    );
    let module = run::compile(Path::new("main.vit"), &mut texts).unwrap();
    let module = Arc::new(module.unwrap());
    for (name, config) in tiers() {
        assert_eq!(output(&module, &config), "b\na\n40\n22\n", "{name}");
    }
}

/// Bytecode that is valid but no compiler makes: registers without values, values of other variants.
#[test]
fn bytecode_that_uses_nothing_traps() {
    let programs = [
        ("REG r0: string\n  PRINT r0", "null reference"),
        (
            "REG r0: array<int>\n  LOAD_CONST r1, 0\n  GET r2, r0, r1",
            "null reference",
        ),
        ("REG r0: fn() -> void\n  CALL_CLOSURE r0", "null reference"),
        ("REG r0: E\n  TAG r1, r0", "null reference"),
        (
            "VARIANT r0, E, 1\n  PAYLOAD r1, r0, 0, 0",
            "the value is of another variant",
        ),
        ("REG r0: int\n  PRINT r0", ""),
    ];
    for (code, wanted) in programs {
        let text = format!(
            "TYPE array<int>\nTYPE fn() -> void\nTYPE enum E {{A(int), B}}\n\nMAIN\n  {code}\nEND\n"
        );
        let mut sources = vitte::source::Sources::default();
        let file = sources.add("a.vasm", text);
        let mut errors = vitte::diagnostics::Diagnostics::default();
        let module = vitte::vitbc::text::assemble(&sources, file, &mut errors);
        let module = module.unwrap_or_else(|| panic!("{code}\n{}", errors.render(&sources)));
        vitte::vitbc::verify(&module).unwrap_or_else(|fault| panic!("{code}\n{fault}"));
        let module = Arc::new(module);
        for (name, config) in tiers() {
            let found = output(&module, &config);
            assert!(found.contains(wanted), "{code}, {name}: {found}");
        }
    }
}

/// Whatever bytecode the verifier accepts, the machine's verifier accepts what is made of it.
#[test]
fn flipped_bytecode_is_lowered_to_what_is_verified() {
    let mut accepted = 0;
    for name in ["structs", "maps", "enums", "closures", "strings"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run");
        let module = compile(&folder.join(name).with_extension("vit")).unwrap();
        let bytes = vitte::vitbc::encode(&module, false).unwrap();
        for (i, flip) in (0..bytes.len())
            .step_by(5)
            .zip([1, 2, 0x80].into_iter().cycle())
        {
            let mut bytes = bytes.clone();
            bytes[i] ^= flip;
            vitte::vitbc::fuzzing::fix_checksum(&mut bytes);
            let Ok(module) = run::read(&bytes) else {
                continue;
            };
            let (machine, _) = run::machine_module(&module).unwrap_or_else(|refused| {
                panic!("{name}, byte {i}: {refused}");
            });
            let verified = dotvm::isa::verify::verify_all(&machine);
            assert_eq!(
                verified.map_err(|error| error.to_string()),
                Ok(()),
                "{name}, byte {i}"
            );
            accepted += 1;
        }
    }
    assert!(accepted > 100, "{accepted}");
}

/// What an embedder's functions are given and give: numbers, text, arrays that they change.
#[test]
fn functions_of_the_embedder_are_called() {
    let source = r#"
        extern fn log(text: string)
        extern fn scale(values: array<float>, by: float)
        extern fn sum(values: array<int>) -> int
        extern fn name(number: int) -> string?
        extern fn must(number: int) -> string = "name"
        extern fn is_even(number: int) -> bool = "even"
        log("zwölf")
        const halves = [1.0, 3.0]
        scale(halves, 0.5)
        println(halves)
        println(sum([1, 2, 39]))
        println(name(7))
        println(name(8))
        println(is_even(4))
        println(must(7))
        const f = sum
        println(f([]))
        println(must(8))
    "#;
    fn bytes<'c>(caller: &'c mut Caller<'_, Data>, at: i32, len: i32) -> &'c mut [u8] {
        let (memory, _) = caller.memory_and_data();
        &mut memory.expect("a memory")[at as usize..][..len as usize]
    }
    struct Data(WasiCtx, Vec<String>);
    let mut texts = Texts::default();
    texts.0.insert("main.vit".into(), source.to_owned());
    let compiled = run::compile(Path::new("main.vit"), &mut texts).unwrap();
    let (module, names) = run::machine_module(&compiled.unwrap()).unwrap();
    for (tier, config) in tiers() {
        let engine = Engine::new(&config);
        let module = dotvm::Module::from_parts(&engine, module.clone(), names.clone()).unwrap();
        let mut linker = Linker::<Data>::new(&engine);
        add_wasi_to_linker(&mut linker, |data: &mut Data| &mut data.0).unwrap();
        host::add_to_linker(&mut linker).unwrap();
        let log = |mut caller: Caller<'_, Data>, at: i32, len: i32| {
            let text = String::from_utf8_lossy(bytes(&mut caller, at, len)).into_owned();
            caller.data_mut().1.push(text);
        };
        let scale = |mut caller: Caller<'_, Data>, at: i32, len: i32, by: f64| {
            for item in bytes(&mut caller, at, len * 8).as_chunks_mut().0 {
                *item = (f64::from_le_bytes(*item) * by).to_le_bytes();
            }
        };
        let sum = |mut caller: Caller<'_, Data>, at: i32, len: i32| {
            let items = bytes(&mut caller, at, len * 8).as_chunks().0.iter();
            items.map(|item| i64::from_le_bytes(*item)).sum::<i64>()
        };
        let name = |mut caller: Caller<'_, Data>, number: i64, at: i32, room: i32| match number {
            7 => {
                bytes(&mut caller, at, room)[..5].copy_from_slice(b"seven");
                5
            }
            _ => -1,
        };
        linker.func_wrap(host::EXTERN, "log", log).unwrap();
        linker.func_wrap(host::EXTERN, "scale", scale).unwrap();
        linker.func_wrap(host::EXTERN, "sum", sum).unwrap();
        linker.func_wrap(host::EXTERN, "name", name).unwrap();
        let even = |number: i64| i32::from(number % 2 == 0);
        linker.func_wrap(host::EXTERN, "even", even).unwrap();
        let out = MemoryOutput::new();
        let wasi = WasiCtxBuilder::new().stdout(out.clone()).build();
        let mut store = Store::new(&engine, Data(wasi, Vec::new()));
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let entry = instance.entry(&mut store).expect("a program");
        let error = entry.call(&mut store, &[]).unwrap_err().to_string();
        let (first, place) = error.split_once('\n').expect("a place");
        assert_eq!(store.data().1, ["zwölf"], "{tier}");
        let printed = String::from_utf8(out.contents()).unwrap();
        let expected = "[0.5, 1.5]\n42\nseven\nnull\ntrue\nseven\n0\n";
        assert_eq!(printed, expected, "{tier}");
        let expected = "trap: unreachable executed: the function gave null for a string";
        assert_eq!(first, expected, "{tier}");
        assert!(place.contains("at main.vit:19"), "{tier}: {place}");
    }
}
