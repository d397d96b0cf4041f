//! Programs for DotVM: WebAssembly, Rust sources and Cargo projects become bytecode.
//!
//! [`transpile`] turns a WebAssembly module into a DotVM module. It understands core WebAssembly
//! 2.0, and of what came later tail calls, extended constants, relaxed vector instructions, several
//! memories, 64-bit addresses, typed function references, custom page sizes, wide arithmetic and branch
//! hints; what else a module may use is an
//! [error](Error::Unsupported) that names the feature. [`load_wasm`] makes the WebAssembly: from a
//! file, from text, or with the Rust compiler.
//!
//! ```
//! use dotvm_transpiler::{Options, transpile};
//!
//! let wasm = wat::parse_str(
//!     r#"(module (func (export "double") (param i32) (result i32)
//!            (i32.mul (local.get 0) (i32.const 2))))"#,
//! )?;
//! let output = transpile(&wasm, &Options::default())?;
//! assert!(output.module.export("double").is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Shape of the crate
//!
//! `translate` validates and translates to an intermediate form (`ir`: the machine's instructions
//! with labels), `opt` has the passes, `emit` encodes, `driver` finds and runs compilers.
//!
//! The output always passes the verifier, whatever the input: that is what the tests and the fuzz
//! target check.

mod driver;
mod dwarf;
mod emit;
mod error;
mod folded;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod ir;
mod opt;
mod source;
mod symbols;
mod translate;

use std::fmt;
use std::ops::Range;

use dotvm_isa::decode::MAX_SECTION_BYTES;
use dotvm_isa::instr::MAX_BODY_BYTES;
use dotvm_isa::{Arch, EncodeOptions, Module, Names, ValType, encode};

use dwarf::CodeMap;
use source::Change;

pub use driver::{DriverOptions, Progress, load_wasm};
pub use error::Error;
pub use folded::unfold_try;
pub use translate::Features;

/// The most bytes all bodies may take: a section's, less some for the declarations beside them.
const MAX_CODE_BYTES: u64 = MAX_SECTION_BYTES / 8 * 7;

/// How much the optimizer does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum OptLevel {
    /// A plain translation.
    O0,
    /// Constants folded, dead code and dead locals removed, jumps threaded.
    O1,
    /// Also simpler arithmetic and conditions, copies propagated, loops rotated, tiny functions
    /// inlined; never larger than the WebAssembly was.
    #[default]
    O2,
    /// Inlines more and repeats the passes.
    O3,
}

impl OptLevel {
    /// Every level.
    pub const ALL: [OptLevel; 4] = [OptLevel::O0, OptLevel::O1, OptLevel::O2, OptLevel::O3];

    /// The level of that number, 0 to 3.
    pub fn from_number(number: u8) -> Option<OptLevel> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The level's number.
    pub fn number(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for OptLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number())
    }
}

/// How to transpile.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The architecture of the output; `None` for the first one from arch64 on that has what the module
    /// needs: arch128 where it uses vectors, that of the widest words where it uses some.
    pub arch: Option<Arch>,
    /// How much to optimize.
    pub opt_level: OptLevel,
    /// Whether names of functions and locals are kept, for backtraces and listings.
    pub debug_names: bool,
    /// Whether lines, inlined functions and variables are kept, as DWARF describes them.
    pub debug_info: bool,
    /// Which WebAssembly the input may be.
    pub features: Features,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            arch: None,
            opt_level: OptLevel::default(),
            debug_names: true,
            debug_info: false,
            features: Features::default(),
        }
    }
}

/// A transpiled module.
#[derive(Clone, Debug)]
pub struct Output {
    /// The module.
    pub module: Module,
    /// Names for its debug section.
    pub names: Names,
    /// What was done.
    pub report: Report,
}

/// What [`transpile`] did, in numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The architecture of the output.
    pub arch: Arch,
    /// Functions defined.
    pub functions: usize,
    /// Instructions of the plain translation.
    pub instructions_in: usize,
    /// Instructions of the output.
    pub instructions_out: usize,
    /// Bytes of the WebAssembly code section.
    pub bytes_in: u64,
    /// Bytes of all encoded function bodies.
    pub bytes_out: u64,
    /// Calls of imports that became instructions on words.
    pub word_instructions: usize,
    /// Words that are read whole, where they were put together of limbs.
    pub whole_words: usize,
    /// Functions whose whole work became a wide instruction's.
    pub raised: usize,
    /// Calls of the compilers' runtime library for 128-bit numbers that are instructions now.
    pub raised_calls: usize,
    /// Sums and differences of 128 bits in halves that are one instruction now.
    pub joined_halves: usize,
    /// Rewrites of a few instructions by fewer or cheaper ones: constants folded, dead values
    /// dropped, arithmetic simplified.
    pub simplified: usize,
    /// Instructions and labels removed because nothing leads to them.
    pub unreachable: usize,
    /// Jumps redirected or removed.
    pub threaded_jumps: usize,
    /// Reads of a copy replaced by reads of the original.
    pub propagated_copies: usize,
    /// Writes to locals removed because nobody reads them.
    pub dead_stores: usize,
    /// Locals dropped.
    pub dropped_locals: usize,
    /// Loops that test at the bottom now.
    pub rotated_loops: usize,
    /// Calls replaced by the callee's body.
    pub inlined_calls: usize,
    /// Whether debug information was asked for, and there was some about the module's functions.
    pub debug_info: bool,
    /// Why some of it could not be read, each time: it is malformed, or in another file.
    pub debug_faults: Vec<String>,
}

/// Translates a binary WebAssembly module.
///
/// # Errors
/// [`Error::Invalid`] where it does not validate, [`Error::Unsupported`] where it uses a feature
/// the machine does not have, [`Error::Architecture`] where the architecture asked for lacks it,
/// [`Error::Limit`] where a function's frame or code would be too large.
pub fn transpile(wasm: &[u8], options: &Options) -> Result<Output, Error> {
    let translate::Translated {
        mut module,
        mut funcs,
        mut names,
        bodies: places,
        env,
        code_start,
        wasm_code_bytes,
        word_instructions,
    } = translate::translate(wasm, options.arch, options.features)?;
    let mut report = Report {
        arch: module.arch,
        functions: funcs.len(),
        bytes_in: wasm_code_bytes,
        instructions_in: instructions(&funcs),
        word_instructions,
        ..Report::default()
    };
    let mut info = match options.debug_info {
        true => {
            let code = CodeMap::new(&places, code_start, env.imported_funcs);
            dwarf::read(wasm, &code)
        }
        false => None,
    };
    let before = info.is_some().then(|| funcs.clone());
    let mut renamings = None;
    if options.opt_level > OptLevel::O0 {
        let room = room_for_bodies(&module, funcs.len(), wasm_code_bytes, options.opt_level);
        let (level, mut counts) = (options.opt_level, opt::Counts::default());
        if module.arch.has(ValType::I128) {
            opt::raise_calls(&mut funcs, &env, &names, level, &mut counts);
        }
        let changed = opt::run(&mut funcs, &env, level, room, &mut counts);
        rename_locals(&mut names, &changed, env.imported_funcs);
        renamings = Some(changed);
        report.add(counts);
    }
    report.instructions_out = instructions(&funcs);
    module.set_bodies(bodies(&funcs, &places, env.imported_funcs)?);
    report.bytes_out = module.code_bytes.as_slice().len() as u64;
    if let Some(info) = &mut info {
        report.debug_info = !info.funcs.is_empty();
        report.debug_faults = std::mem::take(&mut info.faults);
    }
    if options.debug_names {
        if let Some(info) = &info {
            symbols::complete(&mut names.funcs, info, env.imported_funcs);
        }
        symbols::shorten(&mut names.funcs);
        let changes = funcs.iter().enumerate().map(|(i, after)| Change {
            before: before.as_ref().map(|funcs| &funcs[i]),
            after,
            renaming: renamings.as_ref().map(|renamings| &renamings[i]),
            body: module.body(i as u32),
        });
        let changes: Vec<Change<'_>> = changes.collect();
        names.source = source::describe(&changes, env.imported_funcs, info);
    } else {
        names = Names::default();
    }
    Ok(Output {
        module,
        names,
        report,
    })
}

impl Report {
    fn add(&mut self, counts: opt::Counts) {
        self.raised = counts.raised;
        self.raised_calls = counts.helpers;
        self.joined_halves = counts.carries;
        self.whole_words = counts.words;
        self.simplified = counts.simplified;
        self.unreachable = counts.unreachable;
        self.threaded_jumps = counts.threaded;
        self.propagated_copies = counts.copies;
        self.dead_stores = counts.stores;
        self.dropped_locals = counts.locals;
        self.rotated_loops = counts.rotated;
        self.inlined_calls = counts.inlined;
    }
}

fn instructions(funcs: &[ir::Func]) -> usize {
    let count = |func: &ir::Func| {
        let opcodes = func.insts.iter().filter(|inst| inst.opcode().is_some());
        opcodes.count()
    };
    funcs.iter().map(count).sum()
}

/// Encodes the functions.
fn bodies(
    funcs: &[ir::Func],
    places: &[Range<u64>],
    imported: u32,
) -> Result<Vec<(u32, Vec<u8>)>, Error> {
    let mut total = 0;
    let mut bodies = Vec::with_capacity(funcs.len());
    for (i, func) in funcs.iter().enumerate() {
        let body = emit::emit(func);
        total += body.len() as u64;
        let limit = |reason| Error::Limit {
            func: imported + i as u32,
            offset: places[i].start,
            reason,
        };
        if body.len() > MAX_BODY_BYTES {
            let len = body.len();
            return Err(limit(format!(
                "{len} bytes of code; the most is {MAX_BODY_BYTES}"
            )));
        }
        if total > MAX_CODE_BYTES {
            return Err(limit(format!(
                "more than {MAX_CODE_BYTES} bytes of code up to here"
            )));
        }
        bodies.push((func.ty, body));
    }
    Ok(bodies)
}

/// How many bytes the bodies of `funcs` functions may take, so that the whole code section stays
/// within its bound: the size of WebAssembly's, or a little more at the highest level. Where there
/// is little code, its size matters less than what the declarations take: some is always allowed.
fn room_for_bodies(module: &Module, funcs: usize, wasm_bytes: u64, level: OptLevel) -> usize {
    let declarations = Module {
        data: Vec::new(),
        ..module.clone()
    };
    let bytes = encode(&declarations, &Names::default(), EncodeOptions::default()).len();
    let per_body = 4;
    let percent = if level == OptLevel::O3 { 108 } else { 98 };
    let slack = 512;
    let room = wasm_bytes as usize / 100 * percent;
    room.saturating_sub(bytes + per_body * funcs) + slack
}

/// Follows the optimizer's renumbering of locals. Functions' indices count imports first.
fn rename_locals(names: &mut Names, renamings: &[opt::Renaming], imported: u32) {
    for (func, locals) in &mut names.locals {
        let Some(renaming) = func
            .checked_sub(imported)
            .and_then(|i| renamings.get(i as usize))
        else {
            continue;
        };
        let renamed = locals.drain(..).filter_map(|(local, name)| {
            let new = renaming.get(local as usize).copied().flatten()?;
            Some((new, name))
        });
        let mut renamed: Vec<(u32, String)> = renamed.collect();
        renamed.sort_unstable_by_key(|&(local, _)| local);
        *locals = renamed;
    }
}
