//! Executing the directives of a script, one after the other.

use std::collections::HashMap;

use dotvm::{Engine, Error, Extern, Instance, Linker, Module, Store, TrapCode, Val};
use dotvm_isa::{Arch, Bytes, EncodeOptions, encode};
use dotvm_transpiler::{Features, OptLevel, transpile};
use wast::core::WastRetCore;
use wast::token::Id;
use wast::{QuoteWat, WastArg, WastDirective, WastExecute, WastInvoke, WastRet};

use super::{Options, custom, spectest, values};

/// The most frames of a backtrace that are shown.
const MAX_FRAMES: usize = 4;

/// Stack of guest frames: enough for scripts that recurse on purpose, little enough that those that
/// exhaust it are quick about it.
const STACK_BYTES: usize = 1 << 20;

/// What did not hold.
type Held<T = ()> = Result<T, String>;

/// A script being executed.
pub(super) struct Script {
    arch: Option<Arch>,
    opt_level: OptLevel,
    features: Features,
    engine: Engine,
    linker: Linker<()>,
    store: Store<()>,
    /// Instances by the names that the script gives them.
    instances: HashMap<String, Instance>,
    /// The latest instance, which directives mean that name none.
    current: Option<Instance>,
    /// Modules that were defined and not instantiated at once, by name.
    definitions: HashMap<String, Module>,
    /// The latest of them.
    last_definition: Option<Module>,
}

/// Why a module is not to be had.
enum Rejected {
    /// It is malformed, invalid or uses what the machine does not have.
    Module(String),
    /// Another reason, which is never what a script expects.
    Other(String),
}

impl Rejected {
    fn into_message(self) -> String {
        match self {
            Rejected::Module(message) | Rejected::Other(message) => message,
        }
    }
}

impl Script {
    /// A script before its first directive; only the module `spectest` is there.
    pub(super) fn new(options: &Options) -> Held<Script> {
        let engine = Engine::new(options.config.clone().max_stack_bytes(STACK_BYTES));
        let mut linker = Linker::new(&engine);
        // A script may register a second module under a name.
        linker.allow_shadowing(true);
        let mut store = Store::new(&engine, ());
        store.set_timeout(options.timeout).map_err(text)?;
        spectest::define(&mut linker, &mut store).map_err(text)?;
        Ok(Script {
            arch: options.arch,
            opt_level: options.opt_level,
            features: options.features,
            engine,
            linker,
            store,
            instances: HashMap::new(),
            current: None,
            definitions: HashMap::new(),
            last_definition: None,
        })
    }

    /// Executes a directive.
    ///
    /// # Errors
    /// Where it does not hold: how.
    pub(super) fn execute(&mut self, directive: WastDirective<'_>) -> Held {
        use WastDirective as D;
        match directive {
            D::Module(module) => self.module(module),
            D::ModuleDefinition(module) => self.definition(module),
            D::ModuleInstance {
                instance, module, ..
            } => self.instance_of(instance, module),
            D::Register { name, module, .. } => {
                let instance = self.instance(module)?;
                self.linker
                    .instance(&mut self.store, name, instance)
                    .map(drop)
                    .map_err(text)
            }
            D::Invoke(invoke) => self.invoke(&invoke)?.map(drop).map_err(text),
            D::AssertReturn { exec, results, .. } => {
                let found = self.run(exec)?.map_err(text)?;
                self.expect_results(&found, &results)
            }
            D::AssertTrap { exec, message, .. } => {
                let outcome = self.run(exec)?;
                expect_trap(outcome, message)
            }
            D::AssertException { exec, .. } => match self.run(exec)? {
                Err(Error::Exception(_)) => Ok(()),
                Err(error) => Err(format!("expected an exception, got: {}", text(error))),
                Ok(_) => Err("expected an exception, but it returned".to_owned()),
            },
            D::AssertExhaustion { call, message, .. } => {
                let outcome = self.invoke(&call)?;
                expect_trap(outcome, message)
            }
            D::AssertMalformed {
                module, message, ..
            }
            | D::AssertMalformedCustom {
                module, message, ..
            }
            | D::AssertInvalid {
                module, message, ..
            } => self.expect_rejected(module, message),
            D::AssertInvalidCustom {
                module, message, ..
            } => expect_invalid_custom(module, message),
            D::AssertUnlinkable {
                module, message, ..
            } => self.expect_unlinkable(QuoteWat::Wat(module), message),
            D::Thread(_) | D::Wait { .. } => {
                Err("a directive about threads, which are not supported".to_owned())
            }
            D::AssertSuspension { .. } => {
                Err("a directive about stack switching, which is not supported".to_owned())
            }
        }
    }

    fn module(&mut self, module: QuoteWat<'_>) -> Held {
        let name = module.name();
        let module = self.load(module).map_err(Rejected::into_message)?;
        self.instantiate(name, &module)
    }

    fn definition(&mut self, module: QuoteWat<'_>) -> Held {
        let name = module.name();
        let module = self.load(module).map_err(Rejected::into_message)?;
        if let Some(name) = name {
            self.definitions
                .insert(name.name().to_owned(), module.clone());
        }
        self.last_definition = Some(module);
        Ok(())
    }

    fn instance_of(&mut self, instance: Option<Id<'_>>, module: Option<Id<'_>>) -> Held {
        let found = match module {
            Some(name) => self.definitions.get(name.name()),
            None => self.last_definition.as_ref(),
        };
        let module = found.cloned().ok_or("there is no such module definition")?;
        self.instantiate(instance, &module)
    }

    fn instantiate(&mut self, name: Option<Id<'_>>, module: &Module) -> Held {
        // If it fails, directives that mean it must not hit the one before.
        self.current = None;
        let instance = self
            .linker
            .instantiate(&mut self.store, module)
            .map_err(text)?;
        self.current = Some(instance);
        if let Some(name) = name {
            self.instances.insert(name.name().to_owned(), instance);
        }
        Ok(())
    }

    /// Takes a module the whole way from its text to a verified module.
    fn load(&self, mut module: QuoteWat<'_>) -> Result<Module, Rejected> {
        let wasm = module
            .encode()
            .map_err(|error| Rejected::Module(error.message()))?;
        let options = dotvm_transpiler::Options {
            arch: self.arch,
            opt_level: self.opt_level,
            features: self.features,
            ..dotvm_transpiler::Options::default()
        };
        let output = transpile(&wasm, &options).map_err(|error| {
            if error.is_in_module() {
                Rejected::Module(error.to_string())
            } else {
                Rejected::Other(error.to_string())
            }
        })?;
        // From here on, nothing may go wrong: the transpiler has accepted it.
        let other = |error: Error| Rejected::Other(format!("after transpiling: {error}"));
        let bytes = encode(&output.module, &output.names, EncodeOptions::default());
        let module = Module::from_bytes(&self.engine, &Bytes::new(bytes)).map_err(other)?;
        module.verify_all().map_err(other)?;
        Ok(module)
    }

    /// The instance of that name, or the latest one.
    fn instance(&self, name: Option<Id<'_>>) -> Held<Instance> {
        match name {
            Some(name) => {
                let found = self.instances.get(name.name()).copied();
                found.ok_or_else(|| format!("there is no instance ${}", name.name()))
            }
            None => self
                .current
                .ok_or_else(|| "there is no instance".to_owned()),
        }
    }

    /// Executes what an assertion is about. The outer result is about the script, the inner one is
    /// what happened.
    fn run(&mut self, exec: WastExecute<'_>) -> Held<Result<Vec<Val>, Error>> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Get { module, global, .. } => {
                let instance = self.instance(module)?;
                let Some(Extern::Global(found)) = instance.get_export(&mut self.store, global)
                else {
                    return Err(format!("no global {global:?} is exported"));
                };
                Ok(Ok(vec![found.get(&self.store)]))
            }
            WastExecute::Wat(module) => {
                let module = self
                    .load(QuoteWat::Wat(module))
                    .map_err(Rejected::into_message)?;
                let outcome = self.linker.instantiate(&mut self.store, &module);
                Ok(outcome.map(|_| Vec::new()))
            }
        }
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Held<Result<Vec<Val>, Error>> {
        let instance = self.instance(invoke.module)?;
        let Some(Extern::Func(func)) = instance.get_export(&mut self.store, invoke.name) else {
            return Err(format!("no function {:?} is exported", invoke.name));
        };
        let mut args = Vec::with_capacity(invoke.args.len());
        for arg in &invoke.args {
            let WastArg::Core(arg) = arg else {
                return Err("an argument of the component model".to_owned());
            };
            args.push(values::argument(&mut self.store, arg)?);
        }
        Ok(func.call(&mut self.store, &args))
    }

    fn expect_results(&self, found: &[Val], expected: &[WastRet<'_>]) -> Held {
        let mut patterns: Vec<&WastRetCore<'_>> = Vec::with_capacity(expected.len());
        for pattern in expected {
            match pattern {
                WastRet::Core(pattern) => patterns.push(pattern),
                _ => return Err("a result of the component model".to_owned()),
            }
        }
        let holds = found.len() == patterns.len()
            && found
                .iter()
                .zip(&patterns)
                .all(|(&val, pattern)| values::matches(&self.store, val, pattern));
        if holds {
            return Ok(());
        }
        let expected = values::show_expected(&patterns);
        let found = values::show(&self.store, found);
        Err(format!("expected {expected}, got {found}"))
    }

    fn expect_rejected(&self, module: QuoteWat<'_>, message: &str) -> Held {
        match self.load(module) {
            Err(Rejected::Module(_)) => Ok(()),
            Err(Rejected::Other(other)) => Err(format!("expected {message:?}, got: {other}")),
            Ok(_) => Err(format!("expected {message:?}, but the module was accepted")),
        }
    }

    fn expect_unlinkable(&mut self, module: QuoteWat<'_>, message: &str) -> Held {
        let module = self.load(module).map_err(Rejected::into_message)?;
        match self.linker.instantiate(&mut self.store, &module) {
            Err(Error::Link(error)) if error.to_string().starts_with(message) => Ok(()),
            Err(error) => Err(format!("expected {message:?}, got: {}", text(error))),
            Ok(_) => Err(format!("expected {message:?}, but it was instantiated")),
        }
    }
}

/// Whether the module itself is fine, but a custom section is not.
fn expect_invalid_custom(mut module: QuoteWat<'_>, message: &str) -> Held {
    let wasm = module.encode().map_err(|error| error.message())?;
    match custom::check(&wasm) {
        Err(_) => Ok(()),
        Ok(()) => Err(format!("expected {message:?}, but the module was accepted")),
    }
}

/// Whether a trap happened, with the expected message or a longer or shorter one that begins like
/// it: scripts may leave out the end of ours, and add what we do not say (such as an index).
fn expect_trap(outcome: Result<Vec<Val>, Error>, expected: &str) -> Held {
    let Err(error) = outcome else {
        return Err(format!("expected the trap {expected:?}, but it returned"));
    };
    let message = error.trap_code().map(TrapCode::message);
    match message {
        Some(message) if message.starts_with(expected) || expected.starts_with(message) => Ok(()),
        _ => {
            let error = text(error);
            Err(format!("expected the trap {expected:?}, got: {error}"))
        }
    }
}

/// What went wrong, with the innermost frames.
#[allow(clippy::needless_pass_by_value, reason = "an argument of `map_err`")]
fn text(error: Error) -> String {
    let text = error.to_string();
    let mut lines = text.lines();
    let mut first: Vec<&str> = lines.by_ref().take(1 + MAX_FRAMES).collect();
    if lines.next().is_some() {
        first.push("  ...");
    }
    first.join("\n")
}
