//! Programs for people to read: instructions with their places in the source, and the native code made of them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use dotvm_isa::debug::{FuncSource, SubprogramName};
use dotvm_isa::ops::Imm;
use dotvm_isa::{InstrReader, Malformed, TrapCode};

use crate::debug::{demangled, instruction};
use crate::error::{Error, Result};
use crate::module::Module;
use dotvm_jit::Bailout;

/// The most functions of the source that an instruction is said to belong to.
pub const MAX_FRAMES: usize = 64;

/// What a module consists of, for people to read. It remembers what it has looked up.
pub struct Listing<'m> {
    module: &'m Module,
    sources: RefCell<HashMap<u32, Option<FuncSource<'m>>>>,
    files: RefCell<HashMap<u32, Arc<str>>>,
    /// Names of functions of the source.
    names: RefCell<HashMap<u32, Arc<str>>>,
}

/// An instruction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedInstr {
    /// Its offset in the function's body, in bytes.
    pub offset: u32,
    /// Mnemonic and immediates; a label is `-> ` with its offset.
    pub text: String,
    /// The name of the local that it is about, where that has one.
    pub local: Option<String>,
    /// The index of the function that it names, such as that of a call.
    pub callee: Option<u32>,
}

/// A function of the source that an instruction belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedFrame {
    /// Its name, demangled; empty where nobody knows it.
    pub name: Arc<str>,
    /// Path of the file, as the compiler gave it, and the line, from 1; nothing where that is not known.
    pub line: Option<(Arc<str>, u32)>,
}

/// Native code of a function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NativeListing {
    /// The function's index in the module.
    pub func: u32,
    /// The machine code; distances in calls of other functions mean nothing.
    pub code: Vec<u8>,
    /// Offsets in it where what belongs to another instruction starts, ascending, and that instruction: function
    /// and offset in its body, innermost first where it was inlined, that of this function last. None where code
    /// belongs to no instruction.
    pub starts: Vec<(u32, Vec<(u32, u32)>)>,
    /// Direct calls: the offset of the distance in the instruction, and the index of the callee.
    pub calls: Vec<(u32, u32)>,
    /// What instructions that trap mean, by their offset, ascending.
    pub traps: Vec<(u32, TrapCode)>,
}

impl Module {
    /// The module as something to read.
    pub fn listing(&self) -> Listing<'_> {
        Listing {
            module: self,
            sources: RefCell::default(),
            files: RefCell::default(),
            names: RefCell::default(),
        }
    }

    /// Compiles every function as [`Module::precompile`] does, and gives for each its native code, or why it has
    /// none.
    ///
    /// # Errors
    /// Where there is no compiler for this machine.
    pub fn native_listings(&self) -> Result<Vec<(u32, Result<NativeListing, Bailout>)>> {
        let imported = self.env().spaces.imported_funcs;
        let listings = self.engine().tier().listings(self);
        let listings = listings.map_err(|bailout| Error::Usage(bailout.to_string()))?;
        let all = listings.into_iter().map(|(defined, listed)| {
            let func = imported + defined;
            let index = |number: Option<u32>| number.map_or(func, |number| imported + number);
            let frames = |frames: Vec<(Option<u32>, u32)>| {
                let frames = frames.into_iter().map(|(number, at)| (index(number), at));
                frames.collect()
            };
            let listed = listed.map(|it| NativeListing {
                func,
                code: it.code,
                starts: it
                    .starts
                    .into_iter()
                    .map(|(at, of)| (at, frames(of)))
                    .collect(),
                calls: it
                    .calls
                    .into_iter()
                    .map(|(at, to)| (at, imported + to))
                    .collect(),
                traps: it.traps,
            });
            (func, listed)
        });
        Ok(all.collect())
    }
}

impl Listing<'_> {
    /// The instructions of a function; none of one that is imported.
    ///
    /// # Errors
    /// Where they cannot be decoded.
    pub fn instructions(&self, func: u32) -> Result<Vec<ListedInstr>, Malformed> {
        let imported = self.module.env().spaces.imported_funcs;
        let bytecode = self.module.bytecode();
        let defined = func.checked_sub(imported);
        let Some(defined) = defined.filter(|&it| (it as usize) < bytecode.bodies.len()) else {
            return Ok(Vec::new());
        };
        let mut reader = InstrReader::new(bytecode.body(defined), func);
        reader.read_locals()?;
        let mut all = Vec::new();
        while !reader.at_end() {
            let instr = reader.next_instr()?;
            let first = instr.op.info().imms.first();
            let index = instr.a as u32;
            let is_local = first == Some(&Imm::Local);
            let local = is_local.then(|| self.module.names().local(func, index));
            all.push(ListedInstr {
                offset: instr.offset,
                text: instruction(self.module, &reader, &instr),
                local: local.flatten().map(str::to_owned),
                callee: (first == Some(&Imm::Func)).then_some(index),
            });
        }
        Ok(all)
    }

    /// The functions of the source that an instruction belongs to, innermost first, at most [`MAX_FRAMES`]; empty
    /// where nothing is known of it.
    ///
    /// # Errors
    /// Where the debug section makes no sense.
    pub fn frames(&self, func: u32, offset: u32) -> Result<Vec<ListedFrame>, Malformed> {
        let mut sources = self.sources.borrow_mut();
        let source = match sources.entry(func) {
            std::collections::hash_map::Entry::Occupied(it) => it.into_mut(),
            std::collections::hash_map::Entry::Vacant(it) => {
                it.insert(self.module.source_tables().func(func)?)
            }
        };
        let Some(source) = source else {
            return Ok(Vec::new());
        };
        let Some(row) = source.row_at(offset) else {
            return Ok(Vec::new());
        };
        let (mut index, mut location) = (row.scope, row.location);
        let mut frames = Vec::new();
        while let Some(scope) = source.func.scopes.get(index as usize) {
            let line = match location.filter(|at| at.line > 0) {
                Some(at) => Some((self.file(at.file)?, at.line)),
                None => None,
            };
            let name = self.subprogram(scope.subprogram)?;
            frames.push(ListedFrame { name, line });
            if index == 0 || frames.len() == MAX_FRAMES {
                break;
            }
            (index, location) = (scope.caller, scope.call);
        }
        Ok(frames)
    }

    fn subprogram(&self, index: u32) -> Result<Arc<str>, Malformed> {
        if let Some(name) = self.names.borrow().get(&index) {
            return Ok(Arc::clone(name));
        }
        let name = match self.module.source_tables().subprogram(index)?.name {
            SubprogramName::Func(func) => self.module.func_name(func).map(demangled),
            SubprogramName::Text(name) => Some(name),
        };
        let name: Arc<str> = name.unwrap_or_default().into();
        self.names.borrow_mut().insert(index, Arc::clone(&name));
        Ok(name)
    }

    fn file(&self, index: u32) -> Result<Arc<str>, Malformed> {
        if let Some(file) = self.files.borrow().get(&index) {
            return Ok(Arc::clone(file));
        }
        let file: Arc<str> = self.module.source_tables().file(index)?.into();
        self.files.borrow_mut().insert(index, Arc::clone(&file));
        Ok(file)
    }
}

impl std::fmt::Debug for Listing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Listing").field(self.module).finish()
    }
}
