//! Loops on words of 256 bits, in which each step needs the one before: time per step in DotVM's
//! interpreter and native code, next to equivalent bytecode in revm's interpreter.
//!
//! `cargo run --release` prints the medians of several rounds, in which the machines take turns. All must
//! give the same number.

mod evm;

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use dotvm::{Config, Engine, Instance, Jit, Linker, Module, Store, Val};

/// How often each loop is measured.
const ROUNDS: usize = 7;

/// A loop that changes `x` and may use `y` and `m`.
struct Loop {
    name: &'static str,
    /// What a step is in DotVM, on the locals of these names.
    step: &'static str,
    /// What a step is in the EVM, which has `m y n x` on the stack, x on top.
    evm: &'static str,
    /// How many steps are measured.
    steps: u64,
}

const LOOPS: [Loop; 5] = [
    Loop {
        name: "add",
        step: "local.get $x, local.get $y, add, local.tee $x, local.get $y, add, local.set $y",
        evm: "dup3 add dup1 swap3 add swap2",
        steps: 3_000_000,
    },
    Loop {
        name: "mul",
        step: "local.get $x, local.get $y, mul, local.tee $x, local.get $y, mul, local.set $y",
        evm: "dup3 mul dup1 swap3 mul swap2",
        steps: 3_000_000,
    },
    Loop {
        name: "compare",
        step:
            "local.get $x, local.get $x, local.get $y, lt_u, extend_i32_u, add, local.get $m, add,
               local.set $x",
        evm: "dup1 dup4 gt add dup4 add",
        steps: 3_000_000,
    },
    Loop {
        name: "mulmod",
        step: "local.get $x, local.get $y, local.get $m, mulmod, local.set $x",
        evm: "dup4 dup4 dup3 mulmod swap1 pop",
        steps: 500_000,
    },
    Loop {
        name: "exp",
        step: "local.get $x, local.get $m, i32.push 128, shr_u, exp, local.set $x",
        evm: "push16 80 dup5 swap1 shr swap1 exp",
        steps: 20_000,
    },
];

/// Limbs of x, y and m, lowest first.
const OPERANDS: [[u64; 4]; 3] = [
    [
        0x8f1b_bcdc_bfa5_3e0b,
        0x2545_f491_4f6c_dd1d,
        0xd1b5_4a32_d192_ed03,
        0x9e37_79b9_7f4a_7c15,
    ],
    [
        0xc2b2_ae3d_27d4_eb4f,
        0x1656_67b1_9e37_79f9,
        0x85eb_ca77_c2b2_ae63,
        0x27d4_eb2f_1656_67c5,
    ],
    [
        0xffff_fffe_ffff_fc2f,
        0xffff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff,
        0x7fff_ffff_ffff_ffff,
    ],
];

/// The program with all loops.
fn program() -> String {
    let mut text = ".arch arch256\n".to_owned();
    for Loop { name, step, .. } in LOOPS {
        let step = step.replace(',', "\n");
        text += &format!(
            ".export \"{name}\" func ${name}\n\
             .func ${name} (i64 $n, i256 $x, i256 $y, i256 $m) -> i256\n\
             again:\n loop\n {step}\n local.get $n\n i64.push 1\n i64.sub\n local.tee $n\n i64.eqz\n jz again\n\
             local.get $x\n ret\n.end\n"
        );
    }
    text
}

/// A machine with the program.
struct Machine {
    name: &'static str,
    store: Store<()>,
    instance: Instance,
}

impl Machine {
    fn new(name: &'static str, jit: Jit) -> Result<Machine> {
        let engine = Engine::new(Config::new().jit(jit));
        let module = Module::from_text(&engine, &program())?;
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
        Ok(Machine {
            name,
            store,
            instance,
        })
    }

    /// Runs a loop; returns what is left in x.
    fn run(&mut self, name: &str, steps: u64) -> Result<[u64; 4]> {
        let func = self.instance.get_func(&mut self.store, name);
        let operands = OPERANDS.map(Val::I256);
        let args: Vec<Val> = [Val::from(steps)].into_iter().chain(operands).collect();
        let results = func.context("no such loop")?.call(&mut self.store, &args)?;
        match results[..] {
            [Val::I256(x)] => Ok(x),
            _ => anyhow::bail!("{name} gives {results:?}"),
        }
    }
}

/// The middle of some times.
fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() -> Result<()> {
    let mut machines = [
        Machine::new("interpreter", Jit::Off)?,
        Machine::new("native", Jit::Eager)?,
    ];
    println!("ns per step: revm, and how many times as fast DotVM is");
    for Loop {
        name, evm, steps, ..
    } in LOOPS
    {
        let mut revm = evm::Evm::new(evm, OPERANDS)?;
        let mut times = vec![Vec::new(); 1 + machines.len()];
        for _ in 0..ROUNDS {
            let start = Instant::now();
            let wanted = revm.run(steps)?;
            times[0].push(start.elapsed().as_secs_f64());
            for (machine, times) in machines.iter_mut().zip(&mut times[1..]) {
                let start = Instant::now();
                let found = machine.run(name, steps)?;
                times.push(start.elapsed().as_secs_f64());
                ensure!(found == wanted, "{name}: {found:x?}, revm {wanted:x?}");
            }
        }
        let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
        print!("{name:10} {:8.2}", medians[0] / steps as f64 * 1e9);
        for (machine, time) in machines.iter().zip(&medians[1..]) {
            print!("   {} {:6.2} x", machine.name, medians[0] / time);
        }
        println!();
    }
    Ok(())
}
