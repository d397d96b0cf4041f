//! How fast code is made of code, in bytes of WebAssembly per second on one thread: of WebAssembly
//! bytecode, of bytecode threaded code, of bytecode native code.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dotvm_bench::guest::example;
use dotvm_interp::unlowered;
use dotvm_isa::abi::CodeCell;
use dotvm_isa::verify::{ModuleEnv, verify_all, verify_module};
use dotvm_isa::{EncodeOptions, Module, encode};
use dotvm_jit::{CodeMemory, Compiler, Request, Scratch, Unit};
use dotvm_transpiler::{OptLevel, Options, transpile};

/// The largest of the examples that is mostly the program's own code.
const EXAMPLE: &str = "json";

/// Room for native code, in bytes.
const CODE_LIMIT: usize = 64 << 20;

fn compile(c: &mut Criterion) {
    let wasm = example(EXAMPLE).expect("an example");
    let mut group = c.benchmark_group("compile");
    group
        .sample_size(20)
        .throughput(Throughput::Bytes(wasm.len() as u64));
    for opt_level in OptLevel::ALL {
        let options = Options {
            opt_level,
            ..Options::default()
        };
        group.bench_function(format!("transpile -O{opt_level}"), |b| {
            b.iter(|| {
                let output = transpile(&wasm, &options).expect("a program");
                encode(&output.module, &output.names, EncodeOptions::default())
            });
        });
    }
    let module = transpile(&wasm, &Options::default())
        .expect("a program")
        .module;
    let env = verify_module(&module).expect("it verifies");
    group.bench_function("verify", |b| b.iter(|| verify_all(black_box(&module))));
    group.bench_function("verify and lower to threaded code", |b| {
        b.iter(|| lower_all(&module, &env));
    });
    let compiler = Compiler::new().expect("a compiler for this machine");
    group.sample_size(10);
    group.bench_function("native code", |b| {
        b.iter(|| compile_all(&compiler, &module, &env));
    });
}

/// Lowers every function as its first call does. (With the maps that backtraces and the collector need: the
/// way without it keeps code for good.)
fn lower_all(module: &Module, env: &ModuleEnv) {
    let cells: Vec<CodeCell> = module
        .bodies
        .iter()
        .map(|_| CodeCell::new(unlowered()))
        .collect();
    let type_ids: Vec<u32> = (0..module.types.len() as u32).collect();
    for defined in 0..module.bodies.len() as u32 {
        let options = dotvm_interp::Options::default();
        let lowered = dotvm_interp::maps(module, env, defined, &type_ids, &cells, options);
        black_box(lowered.expect("it verifies"));
    }
}

/// Compiles every function, with inlining and direct calls, and makes the code executable.
fn compile_all(compiler: &Compiler, module: &Module, env: &ModuleEnv) -> usize {
    let mut memory = CodeMemory::new(compiler, CODE_LIMIT).expect("address space");
    let mut scratch = Scratch::default();
    let bodies = 0..module.bodies.len() as u32;
    let ids: Vec<u32> = bodies
        .clone()
        .map(|_| memory.declare().expect("a number"))
        .collect();
    for func in bodies {
        let request = Request {
            module,
            env,
            unit: Unit::Func { func },
            metering: false,
            counting: false,
            debugging: false,
            inlining: true,
            direct: &|func| Some(ids[func as usize]),
            frame_slots: &|_| 0,
        };
        let id = ids[func as usize];
        let compiled = compiler.compile(&mut scratch, &request, id);
        memory
            .define(id, compiled.expect("it can be compiled"))
            .expect("room");
    }
    memory.publish().expect("executable memory");
    memory.code_bytes()
}

criterion_group!(benches, compile);
criterion_main!(benches);
