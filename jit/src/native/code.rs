//! Code memory: where machine code is kept, never writable and executable at once.
//!
//! Built on `cranelift-jit`: units are defined, which copies them, then published, which makes their
//! pages executable. Published code is known to the [trap handler](super::traps) until its memory is
//! dropped.

use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Module, ModuleReloc, default_libcall_names};
use dotvm_isa::TrapCode;

use super::arena::{Arena, PAGE_BYTES};
use super::traps;
use crate::bailout::Bailout;
use crate::compile::{Compiled, Compiler, Unit};
use crate::link::Piece;
use crate::lower::entry_signature;
use crate::tables::{ALL_TAGS, IN_REGISTER, Tables};

/// How much of its frame code has made at an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FrameState {
    /// None: the address to return to is on top of the stack.
    Missing,
    /// The caller's frame pointer is on the stack.
    Begun,
    /// The frame pointer points to it.
    Complete,
}

/// Machine code of a unit in its place.
#[derive(Debug)]
pub struct Code {
    /// What it is.
    pub unit: Unit,
    start: usize,
    len: usize,
    tables: Tables,
}

impl Code {
    pub(crate) fn new(unit: Unit, start: usize, len: usize, tables: Tables) -> Code {
        Code {
            unit,
            start,
            len,
            tables,
        }
    }

    pub(crate) fn tables(&self) -> &Tables {
        &self.tables
    }

    /// The first instruction.
    pub fn entry(&self) -> *const u8 {
        std::ptr::with_exposed_provenance(self.start)
    }

    /// Bytes of machine code.
    #[allow(clippy::len_without_is_empty, reason = "code is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// A copy of it; nothing where its memory is gone.
    pub fn machine_code(&self) -> Vec<u8> {
        if traps::find(self.start).is_none() {
            return Vec::new();
        }
        // SAFETY: what the trap handler knows is published code, which is readable and does not change.
        unsafe { std::slice::from_raw_parts(self.entry(), self.len) }.to_vec()
    }

    /// Number of its function among the defined ones; `None` for an adapter.
    pub fn func(&self) -> Option<u32> {
        match self.unit {
            Unit::Func { func } | Unit::Loop { func, .. } => Some(func),
            Unit::Adapter { .. } => None,
        }
    }

    /// The addresses of its instructions.
    pub(crate) fn range(&self) -> std::ops::Range<usize> {
        self.start..self.start + self.len
    }

    /// What a trap at that address means; `None` where no instruction there traps.
    pub(crate) fn trap_at(&self, pc: usize) -> Option<TrapCode> {
        self.tables.trap_at((pc - self.start) as u32)
    }

    /// How a thread is stopped before the instruction at `pc`: the address of an instruction of the
    /// program that it is said to be at, and how much there is of its frame. Nothing where that is not
    /// known.
    pub(crate) fn stop_at(&self, pc: usize) -> Option<(usize, FrameState)> {
        /// Bytes in which there is an instruction of the program.
        const NEAR: usize = 256;
        if self.func().is_none() || !self.range().contains(&pc) {
            return None;
        }
        let frame = match pc - self.start {
            0 => FrameState::Missing,
            1 => FrameState::Begun,
            _ if self.leaves(pc)? => FrameState::Missing,
            _ => FrameState::Complete,
        };
        let is_place = |pc: &usize| self.frames_at(*pc).next().is_some();
        let before = (self.start..=pc).rev().take(NEAR).find(is_place);
        let place = before.or_else(|| (pc..self.range().end).take(NEAR).find(is_place))?;
        Some((place, frame))
    }

    /// Whether the instruction at `pc` leaves the code for good, after its frame is gone: a return or the
    /// jump of a tail call. Nothing for a jump through a register, which may be either.
    fn leaves(&self, pc: usize) -> Option<bool> {
        let mut bytes = [0; 5];
        for (byte, address) in bytes.iter_mut().zip(pc..self.range().end) {
            // SAFETY: the address is one of published code, which is readable.
            *byte = unsafe { *std::ptr::with_exposed_provenance::<u8>(address) };
        }
        match bytes {
            [0xc3 | 0xc2, ..] => Some(true),
            [0xe9, a, b, c, d] => {
                let distance = i32::from_le_bytes([a, b, c, d]) as isize;
                let target = (pc + bytes.len()).wrapping_add_signed(distance);
                // One of itself is to its start, where there is no frame either.
                Some(!self.range().contains(&target) || target == self.start)
            }
            [0xff, modrm, ..] | [0x40..=0x4f, 0xff, modrm, ..] if modrm >> 3 & 7 == 4 => None,
            _ => Some(false),
        }
    }

    /// The frames at an address, innermost first: the function (by its number among the defined ones;
    /// `None` for that of the unit) and the offset in its body. Nothing, where the address belongs to
    /// no instruction: before a function's first one.
    pub fn frames_at(&self, pc: usize) -> impl Iterator<Item = (Option<u32>, u32)> + '_ {
        self.tables.frames_at(pc.wrapping_sub(self.start) as u32)
    }

    /// Where references to managed objects are during the call that returns to an address: bytes from the
    /// frame's stack pointer to its frame pointer, and from the stack pointer to each reference. Nothing where
    /// there are none.
    pub fn references_at(&self, pc: usize) -> Option<(usize, impl Iterator<Item = usize> + '_)> {
        let offset = pc.wrapping_sub(self.start) as u32;
        let ((frame, _), kept) = self.tables.references(offset)?;
        Some((frame as usize, kept.map(|(at, _)| at as usize)))
    }

    /// What catches exceptions of the call that returns to an address.
    pub fn handlers_at(&self, pc: usize) -> Option<Handlers> {
        let offset = pc.wrapping_sub(self.start) as u32;
        let ((frame, instance), landings) = self.tables.handlers(offset)?;
        let landings = landings.map(|(tag, at)| {
            let address = std::ptr::with_exposed_provenance(self.start + at as usize);
            ((tag != ALL_TAGS).then_some(tag), address)
        });
        Some(Handlers {
            frame_bytes: frame as usize,
            instance_at: (instance != IN_REGISTER).then_some(instance as usize),
            landings: landings.collect(),
        })
    }
}

/// What catches exceptions of a call, in the frame that it returns to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handlers {
    /// Bytes from the frame's stack pointer to its frame pointer.
    pub frame_bytes: usize,
    /// Bytes from the stack pointer to the address of the instance; nothing where that is known to the
    /// runtime only, which was called.
    pub instance_at: Option<usize>,
    /// Tags of the instance (nothing stands for every tag) and where their exceptions go on, the first that
    /// fits first.
    pub landings: Vec<(Option<u32>, *const u8)>,
}

/// The machine code of one module.
pub struct CodeMemory {
    module: ManuallyDrop<JITModule>,
    /// Bytes it may take.
    limit: usize,
    used: usize,
    /// Defined and not published yet.
    defined: Vec<(FuncId, Compiled)>,
    published: Vec<Arc<Code>>,
    /// The defined functions by their numbers here.
    funcs: HashMap<u32, u32>,
}

impl std::fmt::Debug for CodeMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CodeMemory")
            .field("used", &self.used)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl CodeMemory {
    /// For code of `compiler`, at most `limit` bytes.
    ///
    /// # Errors
    /// Where there is no address space for it.
    pub fn new(compiler: &Compiler, limit: usize) -> Result<CodeMemory, Bailout> {
        let mut builder = JITBuilder::with_isa(Arc::clone(compiler.isa()), default_libcall_names());
        let arena = Arena::new(limit).map_err(|_| Bailout::CodeCache)?;
        builder.memory_provider(Box::new(arena));
        Ok(CodeMemory {
            module: ManuallyDrop::new(JITModule::new(builder)),
            limit,
            used: 0,
            defined: Vec::new(),
            published: Vec::new(),
            funcs: HashMap::new(),
        })
    }

    /// A number for a unit that is going to be defined.
    ///
    /// # Errors
    /// Where there are too many.
    pub fn declare(&mut self) -> Result<u32, Bailout> {
        // Nobody looks at signatures of what is defined as bytes.
        let declared = self.module.declare_anonymous_function(&entry_signature());
        declared.map(FuncId::as_u32).map_err(|_| Bailout::CodeCache)
    }

    /// Copies the code of a declared unit into memory. Units it calls must be defined too before it
    /// is published.
    ///
    /// # Errors
    /// Where there is no room.
    pub fn define(&mut self, id: u32, compiled: Compiled) -> Result<(), Bailout> {
        // A unit may start anywhere in a page of its own.
        let room = compiled.code.len().next_multiple_of(PAGE_BYTES) + PAGE_BYTES;
        if self.used + room > self.limit {
            return Err(Bailout::CodeCache);
        }
        self.used += room;
        let relocs: Vec<ModuleReloc> = compiled.relocs.iter().map(|r| r.0.clone()).collect();
        let alignment = u64::from(compiled.alignment.max(16));
        let id = FuncId::from_u32(id);
        self.module
            .define_function_bytes(id, alignment, &compiled.code, &relocs)
            .map_err(|_| Bailout::CodeCache)?;
        if let Unit::Func { func } = compiled.unit {
            self.funcs.insert(id.as_u32(), func);
        }
        self.defined.push((id, compiled));
        Ok(())
    }

    /// Makes everything defined so far executable; returns it.
    ///
    /// # Errors
    /// Where the operating system refuses.
    pub fn publish(&mut self) -> Result<Vec<Arc<Code>>, Bailout> {
        self.module
            .finalize_definitions()
            .map_err(|_| Bailout::CodeCache)?;
        let defined = std::mem::take(&mut self.defined);
        let codes: Vec<Arc<Code>> = defined
            .into_iter()
            .map(|(id, compiled)| {
                let start = self.module.get_finalized_function(id).expose_provenance();
                let tables = compiled.tables(|id| self.funcs.get(&id).copied());
                Arc::new(Code::new(compiled.unit, start, compiled.code.len(), tables))
            })
            .collect();
        traps::register(&codes);
        self.published.extend(codes.iter().cloned());
        Ok(codes)
    }

    /// How many units are published.
    #[allow(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        self.published.len()
    }

    /// All published code, to be linked.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> + '_ {
        self.published.iter().map(|code| {
            // SAFETY: published code is readable, and is not written to as long as its memory exists.
            let bytes = unsafe { std::slice::from_raw_parts(code.entry(), code.len()) };
            Piece::new(code.unit, bytes.into(), code.tables().clone())
        })
    }

    /// Bytes of machine code in it.
    pub fn code_bytes(&self) -> usize {
        self.published.iter().map(|code| code.len).sum()
    }
}

impl Drop for CodeMemory {
    fn drop(&mut self) {
        traps::unregister(&self.published);
        // SAFETY: the module is taken once, here. Its code belongs to a module that is being dropped:
        // no store that could run it is left, and the trap handler has just forgotten it.
        unsafe { ManuallyDrop::take(&mut self.module).free_memory() };
    }
}
