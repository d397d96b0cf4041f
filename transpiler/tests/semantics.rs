//! Every optimization level computes the same: values, traps, memory and globals after each call.

#[allow(dead_code, unreachable_pub, reason = "other tests use the rest")]
mod eval;

use std::hash::{DefaultHasher, Hash, Hasher};

use arbitrary::{Arbitrary, Unstructured};
use dotvm_isa::{TrapCode, ValType};
use dotvm_transpiler::OptLevel;
use eval::{Instance, Stop, build};

/// Arguments that tend to matter.
const NUMBERS: [u64; 8] = [
    0,
    1,
    7,
    0xffff_ffff_ffff_ffff,
    0x8000_0000,
    0x7fff_ffff,
    0x3ff0_0000_0000_0000,
    0x8000_0000_0000_0000,
];

/// What is left of an instance after some calls.
#[derive(PartialEq, Debug)]
struct Outcome {
    calls: Vec<(String, Result<Vec<u64>, Stop>)>,
    /// Length and checksum.
    memory: (usize, u64),
    globals: Vec<u64>,
    tables: Vec<Vec<u64>>,
}

/// Instantiates the module and calls every export with each set of arguments.
fn run(wasm: &[u8], level: OptLevel, fuel: u64) -> Result<Outcome, Stop> {
    let module = build(wasm, level).expect("valid");
    let mut instance = Instance::new(module, fuel)?;
    let mut calls = Vec::new();
    for (name, func) in instance.exports() {
        for round in 0..3 {
            let params = instance.func_type(func).params.clone();
            let args = params
                .iter()
                .enumerate()
                .map(|(i, ty)| argument(*ty, i * 3 + round * 5));
            let result = instance.call(func, args.collect());
            if result == Err(Stop::Limit) {
                return Err(Stop::Limit);
            }
            calls.push((format!("{name} {round}"), result));
        }
    }
    Ok(Outcome {
        calls,
        memory: (instance.memory.len(), checksum(&instance.memory)),
        globals: instance.globals,
        tables: instance.tables,
    })
}

fn checksum(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

fn argument(ty: ValType, seed: usize) -> u64 {
    let number = NUMBERS[seed % NUMBERS.len()];
    match ty {
        ValType::I32 | ValType::F32 => number & 0xffff_ffff,
        ty if ty.is_ref() => 0,
        _ => number,
    }
}

/// Compares all levels; returns what they agree on, `None` where a limit cut one of them short.
fn compare(wasm: &[u8], fuel: u64) -> Option<Result<Outcome, Stop>> {
    let plain = run(wasm, OptLevel::O0, fuel);
    if matches!(plain, Err(Stop::Limit)) {
        return None;
    }
    for level in [OptLevel::O1, OptLevel::O2, OptLevel::O3] {
        let optimized = run(wasm, level, 4 * fuel);
        assert_eq!(optimized, plain, "level {level}");
    }
    Some(plain)
}

fn compare_text(text: &str) -> Outcome {
    let wasm = wat::parse_str(text).expect("valid text");
    let outcome = compare(&wasm, 1 << 20).expect("ends in time");
    outcome.expect("instantiates")
}

/// Runs `body` where calls may nest deeply: the evaluator's are native calls.
fn on_large_stack(body: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new()
        .stack_size(256 << 20)
        .spawn(body)
        .expect("spawns");
    thread.join().expect("passes");
}

#[test]
fn dropped_results_still_trap() {
    let outcome = compare_text(
        r#"(module (memory 1)
            (func (export "div") (param i32) (drop (i32.div_s (i32.const 1) (local.get 0))))
            (func (export "load") (drop (i32.load (i32.const 65536))))
            (func (export "trunc") (drop (i32.trunc_f32_s (f32.const nan))))
            (func (export "unreached") (param i32)
                (block (br_if 0 (i32.eqz (local.get 0)))
                    (drop (i32.rem_u (i32.const 1) (i32.const 0))))))"#,
    );
    let trap = |code| Err(Stop::Trap(code));
    let results: Vec<_> = outcome
        .calls
        .into_iter()
        .map(|(_, result)| result)
        .collect();
    assert_eq!(results[0], trap(TrapCode::IntegerDivideByZero));
    assert_eq!(results[3], trap(TrapCode::MemoryOutOfBounds));
    assert_eq!(results[6], trap(TrapCode::InvalidConversionToInteger));
    assert_eq!(results[9], Ok(vec![]));
    assert_eq!(results[10], trap(TrapCode::IntegerDivideByZero));
}

#[test]
fn loops_calls_and_branches() {
    let outcome = compare_text(
        r#"(module (memory 1) (global $g (mut i32) (i32.const 3))
            (func $square (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))
            (func $clamp (param i32 i32) (result i32)
                (if (result i32) (i32.gt_s (local.get 0) (local.get 1))
                    (then (local.get 1)) (else (local.get 0))))
            (func $fib (export "fib") (param i32) (result i32)
                (if (i32.lt_u (call $clamp (local.get 0) (i32.const 9)) (i32.const 2))
                    (then (return (local.get 0))))
                (i32.add
                    (call $fib (i32.sub (i32.and (local.get 0) (i32.const 15)) (i32.const 1)))
                    (call $fib (i32.const 1))))
            (func (export "sum") (param $n i32) (result i32) (local $i i32) (local $s i32)
                (local.set $n (i32.and (local.get $n) (i32.const 63)))
                (block $out (loop $top
                    (br_if $out (i32.eqz (i32.lt_s (local.get $i) (local.get $n))))
                    (local.set $s (i32.add (local.get $s) (call $square (local.get $i))))
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (br_if $top (i32.and (local.get $i) (i32.const 1)))
                    (global.set $g (i32.add (global.get $g) (i32.const 2)))
                    (i32.store (local.get $i) (local.get $s))
                    (br $top)))
                (local.get $s))
            (func (export "table") (param i32) (result i64)
                (block $a (block $b (block $c
                    (br_table $a $b $c $a (i32.rem_u (local.get 0) (i32.const 5))))
                    (return (i64.const 10)))
                    (return (i64.const 20)))
                (i64.const 30)))"#,
    );
    assert_eq!(outcome.calls[3].1, Ok(vec![0]));
    assert_eq!(outcome.globals.len(), 1);
}

#[test]
fn values_below_a_branch_are_dropped() {
    let outcome = compare_text(
        r#"(module
            (func (export "br") (result i32)
                (block (result i32)
                    (i32.const 1) (i32.const 2) (i32.const 3) (br 0)))
            (func (export "br_if") (param i32) (result i32)
                (block (result i32)
                    (i32.const 1) (i32.const 2) (i32.const 3)
                    (br_if 0 (local.get 0))
                    (i32.add) (i32.add)))
            (func (export "br_table") (param i32) (result i32)
                (block $a (result i32) (block $b (result i32)
                    (i32.const 1) (i32.const 2) (i32.const 3)
                    (br_table $a $b (local.get 0)))
                    (i32.add (i32.const 10))))
            (func (export "loop") (param i32) (result i32 i64)
                (i32.const 0)
                (loop (param i32) (result i32 i64)
                    (i64.const 8) (i64.const 9)
                    (br_if 1 (i32.const 7) (i64.const 3) (local.get 0))
                    drop drop drop
                    (local.set 0 (i32.const 1))
                    (br 0 (i32.const 4)))))"#,
    );
    let ok = |value: u64| Ok(vec![value]);
    assert_eq!(outcome.calls[0].1, ok(3));
    assert_eq!(outcome.calls[3].1, ok(6));
    assert_eq!(outcome.calls[4].1, ok(3));
    assert_eq!(outcome.calls[6].1, ok(3));
    assert_eq!(outcome.calls[7].1, ok(13));
    assert_eq!(outcome.calls[9].1, Ok(vec![7, 3]));
}

#[test]
fn generated_programs() {
    on_large_stack(|| {
        for seed in 0..300 {
            let text = eval::generate::program(seed);
            let wasm = wat::parse_str(&text).expect("valid text");
            let outcome = std::panic::catch_unwind(|| compare(&wasm, 1 << 22));
            match outcome {
                Ok(outcome) => assert!(outcome.is_some(), "seed {seed} does not end"),
                Err(_) => panic!("seed {seed}:\n{text}"),
            }
        }
    });
}

#[test]
fn generated_modules() {
    on_large_stack(|| {
        let mut compared = 0;
        for seed in 0..400u64 {
            let bytes = noise(seed, 4096);
            let mut input = Unstructured::new(&bytes);
            let config = generator(&mut input);
            let Ok(module) = wasm_smith::Module::new(config, &mut input) else {
                continue;
            };
            let mut module = module;
            module.ensure_termination(2_000).expect("has a fuel global");
            compared += usize::from(compare(&module.to_bytes(), 200_000).is_some());
        }
        assert!(compared > 200, "only {compared} modules ran to their end");
    });
}

/// Modules of the features the transpiler knows, that import nothing.
fn generator(input: &mut Unstructured<'_>) -> wasm_smith::Config {
    let mut config = wasm_smith::Config::arbitrary(input).unwrap_or_default();
    config.max_imports = 0;
    config.min_funcs = 1;
    config.max_funcs = 8;
    config.min_exports = 1;
    config.export_everything = true;
    config.max_instructions = 300;
    config.max_memories = 1;
    config.max_memory32_bytes = 1 << 20;
    config.max_table_elements = 1000;
    config.allow_start_export = false;
    config.simd_enabled = false;
    config.relaxed_simd_enabled = false;
    config.threads_enabled = false;
    config.shared_everything_threads_enabled = false;
    config.exceptions_enabled = false;
    config.gc_enabled = false;
    config.memory64_enabled = false;
    config.custom_page_sizes_enabled = false;
    config.wide_arithmetic_enabled = true;
    config.custom_descriptors_enabled = false;
    config.compact_imports_enabled = false;
    config.acquire_release_atomics_enabled = false;
    config.max_tags = 0;
    config.disallow_traps = false;
    config.canonicalize_nans = false;
    config
}

/// Bytes that look random and are the same every time.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..len / 8)
        .flat_map(|_| next().wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes())
        .collect()
}
