//! Lowering: verified stack code to threaded register code, in one pass and in lockstep with the
//! verifier.
//!
//! The operand stack is followed symbolically. A value is *lazy* while it is a local, a constant or in
//! an accumulator; it gets to its slot of the frame (the *home* that its stack position has) only
//! when something needs it there: a join of paths, a call's argument, an accumulator being reused.
//!
//! Instructions with a result come in two forms, of the same size: to an accumulator, or also to a
//! slot. So a value that has to go home, or to a local by `local.set`, costs no instruction: the one
//! that made it is changed to the other form, its destination filled in.

mod block;
mod calls;
mod debug;
mod far;
mod ops;
mod regions;
mod select;
mod span_forms;
mod spans;
mod stack;
mod values;

use std::cell::Cell;
use std::ops::Range;

use dotvm_isa::abi::{CodeCell, FRAME_HEADER_SLOTS};
use dotvm_isa::verify::{FuncVerifier, ModuleEnv, Shape};
use dotvm_isa::{AddressType, Bits, Malformed, Module, ValType};

use crate::code::{Code, CodeMemory, Options, PREFIX_WORDS};
use crate::machine::Handler;
use block::Blocks;
use regions::OpenRegions;
use stack::{Accumulators, Entry, Where};

pub use values::{Kept, operands};

/// Verifies and lowers the defined function `defined`.
///
/// `cells` are the code cells of all defined functions of the module; their addresses become part of
/// the code. `type_ids` are the engine's numbers of the module's types. The code is kept in `memory`.
///
/// # Errors
/// The first fault the verifier finds.
pub fn lower(
    module: &Module,
    env: &ModuleEnv,
    defined: u32,
    type_ids: &[u32],
    cells: &[CodeCell],
    options: Options,
    memory: &mut dyn CodeMemory,
) -> Result<Code, Malformed> {
    let mut lowerer = Lowerer::new(module, env, defined, type_ids, cells, options)?;
    let mut stops = Vec::new();
    match options.debug {
        false => lowerer.run()?,
        true => lowerer.run_with_stops(&mut stops)?,
    }
    lowerer.write_prefix();
    let regions = lowerer.regions.finish();
    let code = Code::new(&lowerer.out, lowerer.blocks.back_edges(), regions, memory);
    let code = code.with_stops(stops);
    if lowerer.out.capacity() <= KEPT_BUFFER {
        BUFFER.set(lowerer.out);
    }
    Ok(code)
}

/// Where in the bytecode the instructions of threaded code come from: the first word of each, ascending, and
/// the offset.
#[derive(Clone, Debug, Default)]
pub struct Offsets(Vec<(u32, u32)>);

impl Offsets {
    /// The offset in the function's body of the instruction that the word with this index (see
    /// [`Code::word_index`]) belongs to.
    pub fn of(&self, word: usize) -> u32 {
        let at = self.0.partition_point(|&(start, _)| start as usize <= word);
        at.checked_sub(1).map_or(0, |at| self.0[at].1)
    }
}

/// Where references to managed objects are while a function waits for what it calls.
#[derive(Clone, Debug, Default)]
pub struct References {
    /// The words of each instruction that calls, ascending, and where its slots start in `slots`.
    calls: Vec<(Range<u32>, usize)>,
    slots: Vec<u16>,
}

impl References {
    /// The slots of the frame that have references while the instruction that the word with this index
    /// belongs to waits. What the instruction takes from the operand stack is not among them.
    pub fn at(&self, word: usize) -> &[u16] {
        let word = word as u32;
        let at = self.calls.partition_point(|(words, _)| words.end <= word);
        match self.calls.get(at) {
            Some((words, first)) if words.contains(&word) => {
                let next = self.calls.get(at + 1);
                let end = next.map_or(self.slots.len(), |&(_, first)| first);
                &self.slots[*first..end]
            }
            _ => &[],
        }
    }
}

/// What there is to know of a function's threaded code that running it does not need.
#[derive(Clone, Debug, Default)]
pub struct Maps {
    /// Which instruction comes from where.
    pub offsets: Offsets,
    /// Where references are.
    pub references: References,
}

/// Lowers a function once more, the same way, to learn its maps. Nobody pays for them until there is a
/// backtrace to print, or the collector looks at a frame of the function.
///
/// # Errors
/// As [`lower`].
pub fn maps(
    module: &Module,
    env: &ModuleEnv,
    defined: u32,
    type_ids: &[u32],
    cells: &[CodeCell],
    options: Options,
) -> Result<Maps, Malformed> {
    let mut lowerer = Lowerer::new(module, env, defined, type_ids, cells, options)?;
    lowerer.maps = Some(Maps::default());
    match options.debug {
        false => lowerer.run()?,
        true => lowerer.run_with_stops(&mut Vec::new())?,
    }
    Ok(lowerer.maps.unwrap_or_default())
}

/// The state of lowering one function.
struct Lowerer<'m> {
    module: &'m Module,
    env: &'m ModuleEnv,
    type_ids: &'m [u32],
    cells: &'m [CodeCell],
    options: Options,
    /// Whether memory 0 has addresses of 32 bits.
    first_is_near: bool,
    verifier: FuncVerifier<'m>,
    /// Index of the function in the module.
    func: u32,
    out: Vec<u64>,
    /// First slot of each local.
    locals: Vec<u16>,
    param_slots: u16,
    /// First slot of the operand stack.
    stack_base: u16,
    /// The part of the operand stack whose values are all at home.
    settled: Shape,
    /// The values above it.
    entries: Vec<Entry>,
    /// The slot just above the stack: the home of the next value.
    top_slot: u16,
    /// How many entries are lazy references to each local.
    local_uses: Vec<u32>,
    accs: Accumulators,
    blocks: Blocks,
    regions: OpenRegions,
    /// Slots used above the operand stack for rearranging it.
    scratch_slots: u32,
    /// What is noted of the code, where somebody asked.
    maps: Option<Maps>,
    /// Offset of the bytecode instruction being lowered.
    at: u32,
    /// First word of the instruction emitted last.
    last_instr: usize,
    /// The binary instruction emitted last, which what uses its result may take back and fuse with.
    binary: Option<ops::Binary>,
    /// The instruction emitted last that adds a constant to a local, as loops do before they jump.
    step: Option<ops::Step>,
    /// The instruction with results in slots that was emitted last, which may still go to locals instead.
    produced: Option<spans::Produced>,
    /// The constants of several slots that entries refer to.
    constants: Vec<Bits>,
}

impl<'m> Lowerer<'m> {
    fn new(
        module: &'m Module,
        env: &'m ModuleEnv,
        defined: u32,
        type_ids: &'m [u32],
        cells: &'m [CodeCell],
        options: Options,
    ) -> Result<Lowerer<'m>, Malformed> {
        let verifier = FuncVerifier::new(module, env, defined)?;
        let param_slots = verifier.func_type().param_slots() as u16;
        let params = verifier.func_type().params.len();
        let mut slot = 0;
        let locals: Vec<u16> = verifier
            .locals()
            .iter()
            .enumerate()
            .map(|(i, ty)| {
                let header = if i >= params { FRAME_HEADER_SLOTS } else { 0 };
                let at = slot + header;
                slot += ty.slots();
                at as u16
            })
            .collect();
        let stack_base = (verifier.local_slots() + FRAME_HEADER_SLOTS) as u16;
        Ok(Lowerer {
            module,
            env,
            type_ids,
            cells,
            options,
            first_is_near: match env.spaces.memories.first() {
                Some(memory) => memory.address == AddressType::I32,
                None => true,
            },
            func: env.spaces.imported_funcs + defined,
            out: take_buffer(),
            local_uses: vec![0; locals.len()],
            locals,
            param_slots,
            stack_base,
            settled: verifier.shape(),
            entries: Vec::with_capacity(USUAL_DEPTH),
            top_slot: stack_base,
            accs: Accumulators::default(),
            blocks: Blocks::default(),
            regions: OpenRegions::default(),
            scratch_slots: 0,
            maps: None,
            at: 0,
            last_instr: usize::MAX,
            binary: None,
            step: None,
            produced: None,
            constants: Vec::new(),
            verifier,
        })
    }

    fn run(&mut self) -> Result<(), Malformed> {
        while let Some(step) = self.verifier.step()? {
            self.at = step.instr.offset;
            if step.label {
                if step.fallthrough {
                    self.settle();
                }
                self.bind_label(step.label_data);
            }
            if step.reachable {
                if !step.fallthrough || step.label {
                    self.forget(self.verifier.shape());
                }
                self.verifier.apply(&step.instr)?;
                ops::lower(self, &step.instr)?;
            } else {
                self.verifier.apply(&step.instr)?;
                self.skip_region(step.instr.op);
            }
        }
        Ok(())
    }

    /// Fills in the prefix.
    fn write_prefix(&mut self) {
        let locals = u32::from(self.stack_base) - FRAME_HEADER_SLOTS - u32::from(self.param_slots);
        let clear = locals.next_multiple_of(4);
        let frame = self.verifier.frame_slots() + self.scratch_slots;
        let frame = frame.max(u32::from(self.param_slots) + FRAME_HEADER_SLOTS + clear);
        self.out[0] = u64::from(self.func) << 32;
        self.out[1] = u64::from(frame) | u64::from(self.param_slots) << 32 | u64::from(clear) << 48;
    }

    /// Appends an instruction; returns the index of its first word.
    #[inline]
    fn emit(&mut self, handler: Handler, operands: &[u64]) -> usize {
        let at = self.out.len();
        self.last_instr = at;
        if self.maps.is_some() {
            self.note_offset(at);
        }
        let handler = (handler as *const ()).expose_provenance() as u64;
        match *operands {
            // By far the most instructions have one or two words of operands.
            [first] => self.out.extend_from_slice(&[handler, first]),
            [first, second] => self.out.extend_from_slice(&[handler, first, second]),
            _ => {
                self.out.push(handler);
                self.out.extend_from_slice(operands);
            }
        }
        at
    }

    #[cold]
    fn note_offset(&mut self, at: usize) {
        if let Some(maps) = &mut self.maps {
            maps.offsets.0.push((at as u32, self.at));
        }
    }

    /// Notes the slots with references at the instruction emitted last, which calls: locals, and what is on
    /// the operand stack and at home. Values of accumulators are, and others are locals.
    pub(super) fn note_references(&mut self) {
        if self.maps.is_some() {
            self.add_references();
        }
    }

    #[cold]
    fn add_references(&mut self) {
        let mut maps = self.maps.take().unwrap_or_default();
        let references = &mut maps.references;
        let words = self.last_instr as u32..self.out.len() as u32;
        references.calls.push((words, references.slots.len()));
        let types = self.verifier.locals().iter().zip(&self.locals);
        let locals = types.filter(|&(&ty, _)| ty == ValType::AnyRef);
        references.slots.extend(locals.map(|(_, &slot)| slot));
        let mut shape = self.settled;
        while let Some((ty, below)) = self.verifier.pop(shape) {
            if ty == ValType::AnyRef {
                let home = u32::from(self.stack_base) + self.verifier.slots(below);
                references.slots.push(home as u16);
            }
            shape = below;
        }
        let entries = self.entries.iter();
        let at_home = entries.filter(|it| it.ty == ValType::AnyRef && it.place == Where::Home);
        references.slots.extend(at_home.map(|entry| entry.home));
        self.maps = Some(maps);
    }

    /// Removes everything from the instruction at `at` on.
    fn retract(&mut self, at: usize) {
        self.out.truncate(at);
        self.last_instr = usize::MAX;
        if let Some(maps) = &mut self.maps {
            let offsets = &mut maps.offsets.0;
            while offsets.last().is_some_and(|&(word, _)| word as usize >= at) {
                offsets.pop();
            }
        }
    }

    /// Type of the top value before the instruction just applied, `depth` values down.
    fn operand_type(&self, depth: u32) -> ValType {
        let mut shape = self.verifier.before();
        for _ in 0..depth {
            shape = self.verifier.pop(shape).expect("verified").1;
        }
        self.verifier.pop(shape).expect("verified").0
    }
}

thread_local! {
    /// The buffer that code is put together in; it goes from one function to the next of a thread,
    /// so that only finished code takes new memory.
    static BUFFER: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
}

/// As deep as the operand stack of most functions gets.
const USUAL_DEPTH: usize = 16;

/// The most words of buffer that are kept.
const KEPT_BUFFER: usize = 1 << 20;

/// An empty buffer but for the prefix.
fn take_buffer() -> Vec<u64> {
    let mut buffer = BUFFER.take();
    buffer.clear();
    buffer.resize(PREFIX_WORDS, 0);
    buffer
}

/// Packs 16-bit fields at bytes 8, 10, 12 and 14.
fn fields(a: u16, b: u16, c: u16, d: u16) -> u64 {
    u64::from(a) | u64::from(b) << 16 | u64::from(c) << 32 | u64::from(d) << 48
}

/// Packs 16-bit fields at bytes 8 and 10 and a 32-bit field at byte 12.
fn fields_wide(a: u16, b: u16, wide: u32) -> u64 {
    u64::from(a) | u64::from(b) << 16 | u64::from(wide) << 32
}
