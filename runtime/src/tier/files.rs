//! Native code from files and into files: compiled modules, and the code cache.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use dotvm_isa::Bytes;
use dotvm_jit::{Bailout, Code, Compiled, FileMemory, Image, Listing, Piece, Scratch, Unit, link};

use super::{Batch, NativeModule, Queue, Tier, UnitState, adapter_of, lock};
use crate::code_cache::Key;
use crate::config::Jit;
use crate::module::Module;
use crate::precompiled::{self, Contents, Fingerprint, Unused};
use crate::vm::native::{self, Stub};

/// Functions that are called before it is worth to start a thread for keeping them.
const CALLED_MIN: usize = 32;

/// A function by its number among the defined ones, and its machine code or why there is none.
pub(crate) type Listed = (u32, Result<Listing, Bailout>);

/// The defined functions among units by the numbers that they were compiled for.
fn funcs_by_id(units: &[(Unit, u32, Compiled)]) -> HashMap<u32, u32> {
    let funcs = units.iter().filter_map(|(unit, id, _)| match *unit {
        Unit::Func { func } => Some((*id, func)),
        _ => None,
    });
    funcs.collect()
}

impl Tier {
    /// Compiles every function for a file; returns the file's bytes.
    ///
    /// # Errors
    /// Where nothing can be compiled here.
    pub(crate) fn precompile(&self, module: &Module) -> Result<Vec<u8>, Bailout> {
        let start = Instant::now();
        let mut next = 0..;
        let declare = || next.next().ok_or(Bailout::CodeCache);
        let Batch { units, .. } = self.compile_batch(module, |_| true, declare)?;
        let func_of = funcs_by_id(&units);
        let pieces = units
            .into_iter()
            .map(|(.., code)| Piece::of_compiled(code, |id| func_of.get(&id).copied()));
        let mut code_bytes = 0;
        let pieces = pieces.inspect(|piece| code_bytes += piece.code_bytes());
        let image = link(pieces).ok_or(Bailout::CodeCache)?;
        let mut report = lock(&self.report);
        report.compile_time += start.elapsed();
        report.compiled_funcs += func_of.len() as u64;
        report.code_bytes += code_bytes as u64;
        drop(report);
        let source = module.source().as_slice();
        Ok(precompiled::write(source, &image, &self.fingerprint()?))
    }

    /// Compiles every function for somebody to read: each one's number among the defined functions, and its code
    /// or why there is none.
    ///
    /// # Errors
    /// Where nothing can be compiled here.
    pub(crate) fn listings(&self, module: &Module) -> Result<Vec<Listed>, Bailout> {
        let mut next = 0..;
        let declare = || next.next().ok_or(Bailout::CodeCache);
        let Batch { units, bailouts } = self.compile_batch(module, |_| true, declare)?;
        let func_of = funcs_by_id(&units);
        let compiled = units.iter().filter_map(|(unit, _, code)| match *unit {
            Unit::Func { func } => Some((func, Ok(code.listing(|id| func_of.get(&id).copied())))),
            _ => None,
        });
        let left = bailouts.into_iter().map(|(func, why)| (func, Err(why)));
        let mut all: Vec<Listed> = compiled.chain(left).collect();
        all.sort_by_key(|&(func, _)| func);
        Ok(all)
    }

    /// So many functions of a module were called for the first time, and interpreted. Where code is kept, it
    /// is time for a look at them now and then.
    pub(crate) fn called(&self, module: &Module, count: usize) {
        let is_time = count.is_power_of_two() && count >= CALLED_MIN;
        if !is_time || !self.has_cache() || self.jit != Jit::Tiered {
            return;
        }
        let mut queue = lock(&self.queue.state);
        if self.ensure_thread(&mut queue) {
            queue.called.push(module.clone());
        }
        drop(queue);
        self.queue.changed.notify_one();
    }

    /// Compiles functions that were called at all, as long as nothing that is hot waits: for the next run,
    /// which then need not even lower them.
    pub(super) fn compile_called(&self, module: &Module, queue: &Queue, scratch: &mut Scratch) {
        if !self.has_cache() {
            return;
        }
        let called = module.called_funcs();
        let mut funcs = called.into_iter().peekable();
        while funcs.peek().is_some() && queue.is_idle() && !module.is_last() {
            let is_wanted = |&func: &u32| self.claim(module, Unit::Func { func });
            let next = || {
                Some(Unit::Func {
                    func: funcs.find(is_wanted)?,
                })
            };
            self.compile(module, next, scratch);
        }
    }

    /// Whether there is a code cache.
    pub(crate) fn has_cache(&self) -> bool {
        self.cache.is_some() && self.is_on()
    }

    /// What native code that is made here is made by and for.
    fn fingerprint(&self) -> Result<Fingerprint, Bailout> {
        let target = self.compiler()?.target();
        Ok(Fingerprint::new(self.settings, target))
    }

    /// The native code of a file.
    ///
    /// # Errors
    /// Why it is not used.
    pub(crate) fn load(
        &self,
        contents: &Contents,
        memory: &Arc<FileMemory>,
    ) -> Result<Option<Image>, Unused> {
        if !self.is_on() {
            return Err(Unused::Off);
        }
        let refused = |bailout: Bailout| Unused::Refused(bailout.to_string());
        let here = self.fingerprint().map_err(refused)?;
        contents.image(memory, &here).map(Some)
    }

    /// The native code of a module with these bytes from the code cache.
    ///
    /// # Errors
    /// Why what is there is not used.
    pub(crate) fn load_cached(&self, source: &[u8]) -> Result<Option<Image>, Unused> {
        let Some(cache) = self.cache.as_ref().filter(|_| self.is_on()) else {
            return Ok(None);
        };
        let Ok(here) = self.fingerprint() else {
            return Ok(None);
        };
        let refused = |error: std::io::Error| Unused::Refused(error.to_string());
        let Some(file) = cache.open(&Key::new(source, &here)).map_err(refused)? else {
            return Ok(None);
        };
        let memory = Arc::new(FileMemory::read(&file).map_err(refused)?);
        let bytes = (*memory).as_ref();
        if !precompiled::is_precompiled(bytes) {
            return Err(Unused::Damaged);
        }
        let contents = precompiled::parse(bytes).map_err(|_| Unused::Damaged)?;
        if bytes[contents.module.clone()] != *source {
            return Err(Unused::OtherModule);
        }
        contents.image(&memory, &here).map(Some)
    }

    /// Tells `perf` of native code, where it wants to know.
    pub(super) fn list(&self, module: &Module, codes: &[Arc<Code>]) {
        if let Some(perf) = &self.perf {
            perf.list(module, codes);
        }
    }

    /// A module was loaded, maybe with native code from a file.
    pub(crate) fn loaded(&self, module: &Module) {
        let Some(image) = module.native().image() else {
            return;
        };
        let mut report = lock(&self.report);
        report.loaded_funcs += image.funcs() as u64;
        report.loaded_bytes += image.code_bytes() as u64;
        drop(report);
        if self.perf.is_some() {
            let codes: Vec<_> = image.codes().map(Arc::new).collect();
            self.list(module, &codes);
        }
    }

    /// Writes native code into the code cache, where not all of it came from there; returns how many
    /// bytes.
    ///
    /// # Errors
    /// The folder, and what is wrong with it.
    pub(crate) fn save<'m>(
        &self,
        native: &NativeModule,
        source: impl FnOnce() -> &'m Bytes,
    ) -> Result<u64, (PathBuf, std::io::Error)> {
        let Some(cache) = &self.cache else {
            return Ok(0);
        };
        let mut state = native.lock();
        let Some(memory) = state
            .memory
            .as_ref()
            .filter(|memory| memory.len() > state.saved)
        else {
            return Ok(0);
        };
        let count = memory.len();
        let before = native.image.iter().flat_map(Image::pieces);
        let image = link(before.chain(memory.pieces()));
        state.saved = count;
        drop(state);
        let (Some(image), Ok(here)) = (image, self.fingerprint()) else {
            return Ok(0);
        };
        let source = source().as_slice();
        let file = precompiled::write(source, &image, &here);
        match cache.write(&Key::new(source, &here), &file) {
            Ok(()) => Ok(file.len() as u64),
            Err(error) => Err((cache.folder().to_owned(), error)),
        }
    }
}

impl NativeModule {
    /// Makes the native code of a function that came from a file what calls run. Returns whether there
    /// is some.
    pub(crate) fn install_loaded(module: &Module, func: u32) -> bool {
        let native = module.native();
        let Some(code) = native.loaded(Unit::Func { func }) else {
            return false;
        };
        let Some(adapter) = native.loaded(adapter_of(module, func)) else {
            return false;
        };
        let stub = native::stub(module, func, &adapter, Some(&code));
        module.replace(func, &stub, code.entry());
        true
    }

    /// Where to resume a loop whose native code came from a file.
    pub(super) fn load_loop(&self, module: &Module, unit: Unit) -> Option<Stub> {
        let Unit::Loop { func, .. } = unit else {
            return None;
        };
        let code = self.loaded(unit)?;
        let mut state = self.lock();
        if let Some(UnitState::Ready { stub, .. }) = state.units.get(&unit) {
            return *stub;
        }
        let stub = Some(native::stub(module, func, &code, None));
        let code = Arc::new(code);
        let id = None;
        state.units.insert(
            unit,
            UnitState::Ready {
                id,
                code,
                stub,
                since: Instant::now(),
            },
        );
        stub
    }
}
