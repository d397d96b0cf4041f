//! Programs for the benchmarks of the parts: from WebAssembly text to an instance, on either tier.

use anyhow::{Context, Result};
use dotvm::{Config, Engine, Instance, Jit, Linker, Module, Store, VmValues};
use dotvm_transpiler::{OptLevel, Options, transpile};

use crate::artifacts::compile_to_wasm;
use crate::root;

/// What runs a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tier {
    /// The interpreter alone.
    Interpreter,
    /// Native code alone, compiled before the program starts.
    Native,
}

impl Tier {
    /// Both.
    pub const ALL: [Tier; 2] = [Tier::Interpreter, Tier::Native];

    /// Its name in the names of benchmarks.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Interpreter => "interpreter",
            Tier::Native => "native",
        }
    }

    /// An engine. Calls stay calls: nothing is inlined.
    pub fn engine(self) -> Engine {
        let mut config = Config::new();
        config.jit_inlining(false).jit(match self {
            Tier::Interpreter => Jit::Off,
            Tier::Native => Jit::Eager,
        });
        Engine::new(&config)
    }
}

/// Loads a module in WebAssembly's text format, without inlining.
///
/// # Errors
/// Where the text is wrong.
pub fn module(engine: &Engine, text: &str) -> Result<Module> {
    let wasm = wat::parse_str(text)?;
    let options = Options {
        opt_level: OptLevel::O1,
        ..Options::default()
    };
    let output = transpile(&wasm, &options)?;
    Ok(Module::from_parts(engine, output.module, output.names)?)
}

/// An instance in a store of its own.
#[derive(Debug)]
pub struct Guest {
    store: Store<u64>,
    instance: Instance,
}

impl Guest {
    /// Instantiates a module in WebAssembly's text format. It may import `host` `count`, an
    /// `(i64) -> i64` that adds its parameter to the store's data and returns the sum.
    ///
    /// # Errors
    /// Where the text is wrong or imports something else.
    pub fn new(engine: &Engine, text: &str) -> Result<Guest> {
        let module = module(engine, text)?;
        let mut linker = Linker::new(engine);
        linker.func_wrap(
            "host",
            "count",
            |mut caller: dotvm::Caller<'_, u64>, by: i64| {
                let data = caller.data_mut();
                *data = data.wrapping_add(by.cast_unsigned());
                data.cast_signed()
            },
        )?;
        let mut store = Store::new(engine, 0);
        let instance = linker.instantiate(&mut store, &module)?;
        Ok(Guest { store, instance })
    }

    /// A closure that calls an exported function.
    ///
    /// # Errors
    /// Where there is none of that name and type.
    pub fn caller<Params: VmValues, Results: VmValues>(
        &mut self,
        name: &str,
    ) -> Result<impl FnMut(Params) -> Results> {
        let func = self
            .instance
            .get_typed_func::<Params, Results>(&mut self.store, name)?;
        let store = &mut self.store;
        Ok(move |params| match func.call(&mut *store, params) {
            Ok(results) => results,
            Err(error) => panic!("{error}"),
        })
    }
}

/// One of the examples as WebAssembly, compiled now.
///
/// # Errors
/// Where there is no compiler for it, with what to install.
pub fn example(name: &str) -> Result<Vec<u8>> {
    let source = root().join("examples").join(name).with_extension("rs");
    compile_to_wasm(&source).with_context(|| name.to_owned())
}

/// Text of `count` instructions' worth of arithmetic on an `i64` local named `$x`, as ballast for
/// functions. Nothing of it can be left out or computed in advance.
pub fn ballast(count: usize) -> String {
    let mut text = String::new();
    for i in 0..count {
        let factor = 0x9e37_79b9_7f4a_7c15_u64
            .wrapping_mul(2 * i as u64 + 1)
            .cast_signed();
        text += &format!(
            "(local.set $x (i64.rotl (i64.mul (local.get $x) (i64.const {factor})) \
                          (local.get $x)))\n"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_run_on_either_tier() {
        let text = r#"(module
            (import "host" "count" (func $count (param i64) (result i64)))
            (func (export "twice") (param $n i64) (result i64)
                (drop (call $count (local.get $n)))
                (call $count (local.get $n))))"#;
        for tier in Tier::ALL {
            let engine = tier.engine();
            let mut guest = Guest::new(&engine, text).expect("a program");
            let mut twice = guest.caller::<i64, i64>("twice").expect("a function");
            assert_eq!(twice(21), 42);
            assert_eq!(twice(1), 44);
            drop(twice);
            let compiled = engine.tier_report().compiled_funcs;
            assert_eq!(compiled, u64::from(tier == Tier::Native));
        }
    }

    #[test]
    fn ballast_is_not_optimized_away() {
        let engine = Tier::Interpreter.engine();
        let text = format!(
            "(module (func (param $x i64) (result i64) {} (local.get $x)))",
            ballast(100)
        );
        let module = module(&engine, &text).expect("a program");
        assert!(module.bytecode().body(0).len() > 1500);
    }
}
