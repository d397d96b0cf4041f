//! What Linux's `perf` is told of native code: lists of names ([`PerfMap`]), dumps of the code ([`JitDump`]).

mod dump;
mod map;

use std::sync::Arc;

use dotvm_jit::{Code, Unit};

use crate::config::Config;
use crate::module::Module;
use dump::JitDump;
use map::PerfMap;

/// What an engine tells `perf`.
#[derive(Debug)]
pub(crate) struct Perf {
    map: Option<PerfMap>,
    dump: Option<JitDump>,
}

impl Perf {
    /// What these settings ask for, if anything.
    pub(crate) fn new(config: &Config) -> Option<Perf> {
        let perf = Perf {
            map: config.perf_map.then(PerfMap::default),
            dump: config.jit_dump.then(JitDump::default),
        };
        (perf.map.is_some() || perf.dump.is_some()).then_some(perf)
    }

    /// Tells of code of a module. What cannot be written only keeps `perf` from knowing names.
    pub(crate) fn list(&self, module: &Module, codes: &[Arc<Code>]) {
        if let Some(map) = &self.map {
            map.list(module, codes);
        }
        if let Some(dump) = &self.dump {
            dump.add(module, codes);
        }
    }
}

/// What code is called.
fn name(module: &Module, unit: Unit) -> String {
    let imported = module.env().spaces.imported_funcs;
    let func = |defined| match module.func_name(imported + defined) {
        // Lists have a line for each name.
        Some(name) => name.escape_debug().to_string(),
        None => format!("function {}", imported + defined),
    };
    match unit {
        Unit::Func { func: defined } => func(defined),
        Unit::Loop {
            func: defined,
            header,
        } => format!("{} from loop {header:#x}", func(defined)),
        Unit::Adapter { ty } => format!("adapter of type {ty}"),
    }
}
