//! Four loops on vectors of 128, 256 and 512 bits, next to the same in Rust, compiled for this processor and for
//! any with AVX2: time per round. All must have the same result.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use dotvm::{Config, Engine, Instance, Jit, Linker, Module, Store};

const KERNELS: [&str; 4] = ["saxpy", "dot", "product", "search"];

/// The loops, over vectors `V` of `BYTES` bytes with the shapes `F32`, `I32`, `I16` and `I8`. Each export
/// takes the number of rounds. In memory there are floats at 0 and 8192, with room for sums at 16384, bytes
/// to search at 24576, and matrices of bytes at 32768 and 49152, the product of which goes to 65536.
const PROGRAM: &str = r#"
.func $saxpy (f32 $a, i32 $x, i32 $y, i32 $left)
again:
    loop
    local.get $y
    local.get $a
    F32.splat
    local.get $x
    V.load
    F32.mul
    local.get $y
    V.load
    F32.add
    V.store
    local.get $x
    i32.push BYTES
    i32.add
    local.set $x
    local.get $y
    i32.push BYTES
    i32.add
    local.set $y
    local.get $left
    i32.push BYTES
    i32.sub
    local.tee $left
    jnz again
    ret
.end

.func $dot (i32 $x, i32 $y, i32 $left) -> f32
    .local V $a $b $c $d
again:
    loop
    local.get $a
    local.get $x
    V.load
    local.get $y
    V.load
    F32.mul
    F32.add
    local.set $a
    local.get $b
    local.get $x
    V.load BYTES
    local.get $y
    V.load BYTES
    F32.mul
    F32.add
    local.set $b
    local.get $c
    local.get $x
    V.load BYTES*2
    local.get $y
    V.load BYTES*2
    F32.mul
    F32.add
    local.set $c
    local.get $d
    local.get $x
    V.load BYTES*3
    local.get $y
    V.load BYTES*3
    F32.mul
    F32.add
    local.set $d
    local.get $x
    i32.push BYTES*4
    i32.add
    local.set $x
    local.get $y
    i32.push BYTES*4
    i32.add
    local.set $y
    local.get $left
    i32.push BYTES*4
    i32.sub
    local.tee $left
    jnz again
    local.get $a
    local.get $b
    F32.add
    local.get $c
    F32.add
    local.get $d
    F32.add
    call $sum_f32
    ret
.end

.func $dot_i8 (i32 $a, i32 $b, i32 $left) -> i32
    .local V $sum
again:
    loop
    local.get $sum
    local.get $a
    V.LOAD_I8
    local.get $b
    V.LOAD_I8
    I32.dot_I16
    I32.add
    local.set $sum
    local.get $a
    i32.push BYTES/2
    i32.add
    local.set $a
    local.get $b
    i32.push BYTES/2
    i32.add
    local.set $b
    local.get $left
    i32.push BYTES/2
    i32.sub
    local.tee $left
    jnz again
    local.get $sum
    call $sum_i32
    ret
.end

.func $product (i32 $a, i32 $b, i32 $c)
    .local i32 $row $column
rows:
    loop
    i32.push 0
    local.set $column
columns:
    loop
    local.get $c
    local.get $a
    local.get $b
    local.get $column
    i32.push 512
    i32.mul
    i32.add
    i32.push 512
    call $dot_i8
    i32.store
    local.get $c
    i32.push 4
    i32.add
    local.set $c
    local.get $column
    i32.push 1
    i32.add
    local.tee $column
    i32.push 32
    i32.ne
    jnz columns
    local.get $a
    i32.push 512
    i32.add
    local.set $a
    local.get $row
    i32.push 1
    i32.add
    local.tee $row
    i32.push 32
    i32.ne
    jnz rows
    ret
.end

.func $search (i32 $wanted, i32 $p, i32 $end) -> i32
again:
    loop
    local.get $wanted
    I8.splat
    local.get $p
    V.load
    I8.eq
    V.any_true
    jnz found
    local.get $p
    i32.push BYTES
    i32.add
    local.tee $p
    local.get $end
    i32.lt_u
    jnz again
    i32.push -1
    ret
found:
    local.get $p
    local.get $wanted
    I8.splat
    local.get $p
    V.load
    I8.eq
    I8.bitmask
    WRAP
    i32.ctz
    i32.add
    ret
.end
"#;

/// Sums of all lanes.
const SUMS: &str = "
.func $sum_f32 (V $v) -> f32
    local.get $v
    F32.reduce_add
    ret
.end
.func $sum_i32 (V $v) -> i32
    local.get $v
    I32.reduce_add
    ret
.end
";

/// The same, where there are no instructions for that.
const SUMS_OF_128: &str = "
.func $sum_f32 (v128 $v) -> f32
    local.get $v
    f32x4.extract_lane 0
    local.get $v
    f32x4.extract_lane 1
    f32.add
    local.get $v
    f32x4.extract_lane 2
    f32.add
    local.get $v
    f32x4.extract_lane 3
    f32.add
    ret
.end
.func $sum_i32 (v128 $v) -> i32
    local.get $v
    i32x4.extract_lane 0
    local.get $v
    i32x4.extract_lane 1
    i32.add
    local.get $v
    i32x4.extract_lane 2
    i32.add
    local.get $v
    i32x4.extract_lane 3
    i32.add
    ret
.end
";

/// What a round of each kernel is, and what its result is after the last one, an `f32`.
const ROUNDS: [(&str, &str); 4] = [
    (
        "f32.push 0.5, i32.push 0, i32.push 16384, i32.push 8192, call $saxpy",
        "i32.push 16388, f32.load",
    ),
    (
        "i32.push 0, i32.push 8192, i32.push 8192, call $dot, local.set $result",
        "local.get $result",
    ),
    (
        "i32.push 32768, i32.push 49152, i32.push 65536, call $product",
        "i32.push 65668, i32.load, f32.convert_i32",
    ),
    (
        "i32.push 7, i32.push 24576, i32.push 32768, call $search, i32.push 24576, i32.sub, f32.convert_i32,
         local.set $result",
        "local.get $result",
    ),
];

/// The program with vectors of that width.
fn program(bits: usize) -> String {
    let bytes = bits / 8;
    let sums = if bits == 128 { SUMS_OF_128 } else { SUMS };
    let mut text = PROGRAM.to_owned() + sums;
    for (name, replacement) in [
        ("BYTES*4", (bytes * 4).to_string()),
        ("BYTES*3", (bytes * 3).to_string()),
        ("BYTES*2", (bytes * 2).to_string()),
        ("BYTES/2", (bytes / 2).to_string()),
        ("BYTES", bytes.to_string()),
        ("LOAD_I8", format!("load8x{}", bytes / 2)),
        ("F32", format!("f32x{}", bytes / 4)),
        ("I32", format!("i32x{}", bytes / 4)),
        ("I16", format!("i16x{}", bytes / 2)),
        ("I8", format!("i8x{bytes}")),
        (
            "WRAP",
            if bits == 512 { "i32.wrap_i64" } else { "nop" }.to_owned(),
        ),
        ("V", format!("v{bits}")),
    ] {
        text = text.replace(name, &replacement);
    }
    let mut module = ".arch arch512\n.memory 2\n.export \"memory\" memory 0\n".to_owned() + &text;
    for (name, (round, result)) in KERNELS.iter().zip(ROUNDS) {
        let lines = |code: &str| code.replace(',', "\n");
        module += &format!(
            ".export \"{name}\" func $run_{name}\n.func $run_{name} (i64 $rounds) -> f32\n .local f32 $result\n\
             again:\n loop\n {}\n local.get $rounds\n i64.push 1\n i64.sub\n local.tee $rounds\n i64.eqz\n\
             jz again\n {}\n ret\n.end\n",
            lines(round),
            lines(result)
        );
    }
    module
}

/// Something that runs the kernels.
trait Runner {
    /// Runs so many rounds of a kernel: how long they took, and the result.
    fn run(&mut self, kernel: &str, rounds: u64) -> (Duration, f32);
}

/// The program in Rust.
struct Native {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Native {
    /// Compiles it into a folder, for such a processor, and starts it.
    fn new(folder: &Path, cpu: &str) -> Native {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/vectors/native.rs");
        let program = folder.join(cpu);
        let compiled = Command::new("rustc")
            .args([
                "--edition",
                "2024",
                "-O",
                "-C",
                &format!("target-cpu={cpu}"),
                "-o",
            ])
            .args([&program, &source])
            .status()
            .expect("rustc");
        assert!(compiled.success(), "rustc failed");
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a program");
        let input = child.stdin.take().expect("a pipe");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        Native {
            child,
            input,
            output,
        }
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Runner for Native {
    fn run(&mut self, kernel: &str, rounds: u64) -> (Duration, f32) {
        writeln!(self.input, "{kernel} {rounds}").expect("it reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it answers");
        let (nanos, result) = line.trim().split_once(' ').expect("a time and a result");
        let nanos = nanos.parse().expect("a number");
        (
            Duration::from_nanos(nanos),
            result.parse().expect("a number"),
        )
    }
}

/// A program with vectors of some width, compiled at once.
struct Machine {
    store: Store<()>,
    instance: Instance,
    /// What is in memory before the first round.
    memory: Vec<u8>,
}

impl Machine {
    fn new(bits: usize) -> Machine {
        let mut config = Config::new();
        config.jit(Jit::Eager);
        let engine = Engine::new(&config);
        let module = Module::from_text(&engine, &program(bits)).expect("a program");
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &module)
            .expect("it starts");
        let mut memory = vec![0; 1 << 17];
        let mut write =
            |at: usize, bytes: Vec<u8>| memory[at..][..bytes.len()].copy_from_slice(&bytes);
        let floats = |modulus: usize| -> Vec<u8> {
            (0..2048)
                .flat_map(|i| ((i % modulus) as f32).to_le_bytes())
                .collect()
        };
        let small = |modulus: usize| -> Vec<u8> {
            (0..32 * 512)
                .map(|i| ((i % modulus) as i8 - 50).cast_unsigned())
                .collect()
        };
        write(0, floats(7));
        write(8192, floats(5));
        write(16384, floats(5));
        write(32767, vec![7]);
        write(32768, small(101));
        write(49152, small(97));
        Machine {
            store,
            instance,
            memory,
        }
    }
}

impl Runner for Machine {
    fn run(&mut self, kernel: &str, rounds: u64) -> (Duration, f32) {
        let memory = self
            .instance
            .get_memory(&mut self.store, "memory")
            .expect("it is exported");
        memory
            .write(&mut self.store, 0, &self.memory)
            .expect("it fits");
        let func = self
            .instance
            .get_typed_func::<i64, f32>(&mut self.store, kernel)
            .expect("it is exported");
        let start = Instant::now();
        let result = func
            .call(&mut self.store, rounds.cast_signed())
            .expect("it returns");
        (start.elapsed(), result)
    }
}

fn vectors(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut runners: Vec<(String, Box<dyn Runner>)> = Vec::new();
    for cpu in ["native", "x86-64-v3"] {
        runners.push((
            format!("rustc, {cpu}"),
            Box::new(Native::new(folder.path(), cpu)),
        ));
    }
    for bits in [128, 256, 512] {
        runners.push((format!("v{bits}"), Box::new(Machine::new(bits))));
    }
    for kernel in KERNELS {
        let mut group = c.benchmark_group(kernel);
        let (_, wanted) = runners[0].1.run(kernel, 3);
        for (name, runner) in &mut runners {
            assert_eq!(runner.run(kernel, 3).1, wanted, "{kernel} of {name}");
            group.bench_function(name.as_str(), |b| {
                b.iter_custom(|rounds| runner.run(kernel, rounds).0);
            });
        }
        group.finish();
    }
}

criterion_group!(benches, vectors);
criterion_main!(benches);
