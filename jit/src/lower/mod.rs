//! Lowering: verified bytecode to Cranelift's intermediate form.
//!
//! The operand stack is followed symbolically: its values are SSA values, and block parameters where
//! paths join; locals are the front end's variables. A value of one slot is one SSA value; a wider
//! one is its limbs, least significant first, which never go through memory: of 64 bits for integers, of
//! 128 for vectors.
//!
//! # Conventions
//!
//! A compiled function takes the instance and then the limbs of its parameters, in registers by
//! Cranelift's convention for tail calls, and returns the limbs of its results in the same way where
//! that many registers exist. More results than that are left in slots: those of the VM stack from
//! [`VmState::stack_next`](dotvm_isa::abi::VmState) on. An *adapter* and the entry of a *loop* take
//! the instance and the address of a frame's slots, by the C convention, and leave results in slots.
//!
//! # Worlds
//!
//! Where a loop is entered from the interpreter (on-stack replacement), the paths that lead out of
//! the loop and back to the headers of the loops around it are lowered twice: first for the iteration
//! that is being entered in the middle (world 1), then as always (world 0). So each loop still has
//! one entry, which is what the optimizer needs to move invariants out of it.

mod arrays;
mod calls;
mod control;
mod exceptions;
mod facts;
mod functions;
mod kernels;
mod leaving;
mod memory;
mod numeric;
mod objects;
mod ops;
mod stack;
mod table;
mod vector;
mod vector_memory;
mod wide;
mod wide_vector;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem::offset_of;

use cranelift_codegen::ir::{
    self, AbiParam, AliasRegion, AliasRegionData, Block, BlockArg, InstBuilder, MemFlagsData,
    Signature, SourceLoc, StackSlot, Type, Value, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::{FunctionBuilder, Variable};
use dotvm_isa::abi::{FRAME_HEADER_SLOTS, VmContext, VmState};
use dotvm_isa::{FuncType, Instr, Op, TrapCode, ValType};

use crate::accesses::Accesses;
use crate::analysis::Analysis;
use crate::bailout::Bailout;
use crate::compile::{Request, Unit};
use crate::places::Places;
use wide_vector::{GatherOp, LoadWay, OfPart, Way, WholeOp};

use exceptions::Code;
use facts::{Facts, Known};

pub(crate) use kernels::{NAMESPACE as KERNELS, Placed};
pub use memory::GUARD_BYTES;
pub(crate) use vector::Processor;
pub(crate) use wide::{PairOp, WideLoadOp, WideOp, WideStoreOp};

/// The most slots of a value: those of 512 bits.
const MAX_LIMBS: usize = 8;

/// The most variables times blocks of a function: where values have to be brought together is found with a table
/// that has 4 bytes for each of both.
const MAX_VARIABLES_IN_BLOCKS: usize = 1 << 26;

/// The most limbs of each class that results have registers for.
const RESULT_REGISTERS: usize = 8;

/// A value on the operand stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand {
    ty: ValType,
    limbs: [Value; MAX_LIMBS],
}

impl Operand {
    fn new(ty: ValType, values: &[Value]) -> Operand {
        let mut limbs = [Value::from_u32(0); MAX_LIMBS];
        limbs[..values.len()].copy_from_slice(values);
        Operand { ty, limbs }
    }

    fn limbs(&self) -> &[Value] {
        &self.limbs[..limb_count(self.ty)]
    }
}

/// Cranelift's type of each limb of a value.
fn limb_type(ty: ValType) -> Type {
    match ty {
        ValType::I32 => types::I32,
        ValType::F32 => types::F32,
        ValType::F64 => types::F64,
        ValType::V128 | ValType::V256 | ValType::V512 => vector::VECTOR,
        _ => types::I64,
    }
}

/// How many limbs a value has.
fn limb_count(ty: ValType) -> usize {
    ty.bits().div_ceil(limb_type(ty).bits()) as usize
}

/// Types of the limbs of values.
fn limb_types(tys: &[ValType]) -> impl Iterator<Item = Type> + '_ {
    tys.iter()
        .flat_map(|&ty| std::iter::repeat_n(limb_type(ty), limb_count(ty)))
}

/// Whether there are more results than registers for them.
fn returns_in_slots(ty: &FuncType) -> bool {
    let in_xmm = |ty: &Type| ty.is_float() || ty.is_vector();
    let floats = limb_types(&ty.results).filter(in_xmm).count();
    let all = limb_types(&ty.results).count();
    floats > RESULT_REGISTERS || all - floats > RESULT_REGISTERS
}

/// How compiled functions of that type are called.
pub(crate) fn native_signature(ty: &FuncType) -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    signature.params.push(AbiParam::new(types::I64));
    signature
        .params
        .extend(limb_types(&ty.params).map(AbiParam::new));
    if !returns_in_slots(ty) {
        signature
            .returns
            .extend(limb_types(&ty.results).map(AbiParam::new));
    }
    signature
}

/// How adapters and entries of loops are called: instance, slots, and for adapters the function.
pub(crate) fn entry_signature() -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params = vec![AbiParam::new(types::I64); 3];
    signature
}

/// Parts of memory that never overlap.
#[derive(Clone, Copy)]
struct Regions {
    heap: AliasRegion,
    state: AliasRegion,
    globals: AliasRegion,
    tables: AliasRegion,
    slots: AliasRegion,
    objects: AliasRegion,
    counts: AliasRegion,
}

impl Regions {
    fn new(func: &mut ir::Function) -> Regions {
        let mut region = |user_id, description: &'static str| {
            func.dfg.alias_regions.insert(AliasRegionData {
                user_id,
                description: description.into(),
            })
        };
        Regions {
            heap: region(0, "linear memory"),
            state: region(1, "state of the store"),
            globals: region(2, "globals"),
            tables: region(3, "tables"),
            slots: region(4, "VM stack"),
            objects: region(5, "managed objects"),
            counts: region(6, "counters"),
        }
    }
}

/// A function body being lowered: that of the unit, or one inlined into it.
struct Body {
    analysis: Analysis,
    ty: FuncType,
    locals: Vec<Vec<Variable>>,
    /// Blocks by world and offset.
    blocks: BTreeMap<(u8, u32), Block>,
    /// Blocks to be lowered, by world and offset.
    worklist: BTreeSet<(Reverse<u8>, u32)>,
    /// Loops that are being lowered, by world, end and header.
    open_loops: BTreeSet<(Reverse<u8>, u32, u32)>,
    /// What is known at the starts of blocks, by world and offset; nothing once they are begun.
    facts: BTreeMap<(u8, u32), Option<Facts>>,
    /// The locals that loops leave alone, by their headers; see [`facts`].
    kept_locals: HashMap<u32, Option<Vec<usize>>>,
    /// What is entered from the interpreter.
    entered: Option<Entered>,
    /// Where to go on after an inlined body.
    after: Option<Block>,
    /// Whether something jumps there.
    returned: bool,
    /// What it returned, where lowering goes on in the block that it returned from.
    last_return: Option<Vec<Value>>,
    /// Number of the place it is inlined at.
    site: u32,
    /// Slots from the unit's frame base to its own, where code tracks frames.
    frame_offset: u32,
    /// World of the block being lowered.
    world: u8,
}

/// A loop being entered from the interpreter.
#[derive(Clone, Copy)]
struct Entered {
    header: u32,
    /// Offsets of the outermost loop around it.
    outermost: (u32, u32),
}

/// What a unit's code is to be read with.
#[derive(Debug, Default)]
pub(crate) struct Lowered {
    pub(crate) places: Places,
    pub(crate) accesses: Accesses,
    /// Loops that were looked at, and their kernels.
    pub(crate) kernels: Vec<Placed>,
    /// Slots of its frame in the interpreter that lie below those of all that it calls; nothing for an
    /// adapter, which has no frame there.
    pub(crate) base_slots: Option<u32>,
}

/// The state of lowering one unit.
pub(crate) struct Lowerer<'a, 'b> {
    b: FunctionBuilder<'b>,
    request: &'a Request<'a>,
    processor: Processor,
    regions: Regions,
    ctx: Value,
    /// Base of the frame on the VM stack, where code tracks frames.
    fp: Option<Value>,
    /// Slots of the frame that a loop was entered with, or of an adapter.
    slots: Option<Value>,
    stack: Vec<Operand>,
    known: Known,
    body: Body,
    /// Bodies that the one being lowered is inlined into, outermost first.
    around: Vec<Body>,
    pub(crate) places: Places,
    accesses: Accesses,
    kernels: Vec<Placed>,
    /// Slots of the native stack that operands and results of functions are passed in.
    passed: Option<StackSlot>,
    /// Offset of the instruction being lowered.
    offset: u32,
    /// Whether it always leads to a trap.
    cold: bool,
    /// Instructions inlined so far.
    inlined: usize,
    /// Variables of all bodies so far.
    variables: usize,
}

impl<'a, 'b> Lowerer<'a, 'b> {
    /// Lowers a unit into `b`'s function; returns what its code is to be read with.
    pub(crate) fn run(
        mut b: FunctionBuilder<'b>,
        request: &'a Request<'a>,
        frontend: cranelift_codegen::isa::TargetFrontendConfig,
        processor: Processor,
    ) -> Result<Lowered, Bailout> {
        let entry = b.create_block();
        b.append_block_params_for_function_params(entry);
        b.switch_to_block(entry);
        b.seal_block(entry);
        let ctx = b.block_params(entry)[0];
        let regions = Regions::new(b.func);
        if let Unit::Adapter { ty } = request.unit {
            calls::adapter(&mut b, &request.module.types[ty as usize], entry, regions);
            b.finalize(frontend);
            return Ok(Lowered::default());
        }
        let (defined, header) = match request.unit {
            Unit::Func { func } => (func, None),
            Unit::Loop { func, header } => (func, Some(header)),
            Unit::Adapter { .. } => unreachable!("lowered above"),
        };
        let analysis = Analysis::new(request.module, request.env, defined)?;
        if request.debugging {
            leaving::check(&analysis)?;
        }
        let body = Body::new(&mut b, request, analysis, header)?;
        let variables = body.variables();
        let mut lowerer = Lowerer {
            b,
            request,
            processor,
            regions,
            ctx,
            fp: None,
            slots: None,
            stack: Vec::new(),
            known: Known::new(),
            body,
            around: Vec::new(),
            places: Places::default(),
            accesses: Accesses::default(),
            kernels: Vec::new(),
            offset: 0,
            passed: None,
            cold: false,
            inlined: 0,
            variables,
        };
        match header {
            None => lowerer.enter_function(entry),
            Some(header) => lowerer.enter_loop(entry, header),
        }
        lowerer.lower_body()?;
        let base_slots = Some(lowerer.stack_base());
        lowerer.b.finalize(frontend);
        Ok(Lowered {
            base_slots,
            places: lowerer.places,
            accesses: lowerer.accesses,
            kernels: lowerer.kernels,
        })
    }

    /// The start of a function: parameters to locals.
    fn enter_function(&mut self, entry: Block) {
        self.tracking_prologue();
        self.link_frame();
        let params: Vec<Value> = self.b.block_params(entry)[1..].to_vec();
        self.define_locals(&params);
        self.keep_locals();
        self.look_at_entry();
        self.jump_to_first();
    }

    /// Parameters from values, other locals zero.
    fn define_locals(&mut self, params: &[Value]) {
        let mut params = params.iter();
        for i in 0..self.body.locals.len() {
            let ty = limb_type(self.body.analysis.locals[i]);
            for limb in 0..self.body.locals[i].len() {
                let value = match params.next() {
                    Some(&value) => value,
                    None => self.zero(ty),
                };
                self.b.def_var(self.body.locals[i][limb], value);
            }
        }
    }

    /// Leaves the entry block for the first instruction.
    fn jump_to_first(&mut self) {
        let first = self.body.analysis.instrs[0].offset;
        self.note_edge(0, first);
        let block = self.block(0, first);
        self.b.ins().jump(block, &[]);
    }

    /// The entry of a loop: locals and operand stack from the interpreter's frame.
    fn enter_loop(&mut self, entry: Block, header: u32) {
        let slots = self.b.block_params(entry)[1];
        self.slots = Some(slots);
        if self.request.tracks_frames() {
            self.fp = Some(slots);
        }
        self.link_frame();
        let params = self.body.ty.params.len();
        let mut at = 0;
        for i in 0..self.body.locals.len() {
            at += if i == params { FRAME_HEADER_SLOTS } else { 0 };
            let local = self.load_slots(slots, at, self.body.analysis.locals[i]);
            at += local.ty.slots();
            for (limb, &value) in local.limbs().iter().enumerate() {
                self.b.def_var(self.body.locals[i][limb], value);
            }
        }
        let mut at = self.stack_base();
        let stack = self.body.analysis.leaders[&header].clone();
        let mut args: Vec<BlockArg> = Vec::new();
        for ty in stack {
            let value = self.load_slots(slots, at, ty);
            at += ty.slots();
            args.extend(value.limbs().iter().map(|&limb| BlockArg::from(limb)));
        }
        let world = u8::from(self.body.entered.is_some());
        self.note_edge(world, header);
        let block = self.block(world, header);
        self.b.ins().jump(block, &args);
    }

    /// First slot of the operand stack in a frame of this body.
    fn stack_base(&self) -> u32 {
        self.body.analysis.local_slots + FRAME_HEADER_SLOTS
    }

    /// Lowers all blocks of the current body that can be reached.
    ///
    /// They are lowered in code order: what leads to a block is lowered before it, unless it is a jump back
    /// to a loop. So it is known early where values of locals have to be brought together (*sealing*), and
    /// nowhere else are they. Nothing leads from world 0 to world 1, which comes first.
    fn lower_body(&mut self) -> Result<(), Bailout> {
        let mut previous = (1, 0);
        while let Some(&(Reverse(world), offset)) = self.body.worklist.first() {
            let since = if previous.0 == world { previous.1 } else { 0 };
            if self.find_loops_from_below(world, since, offset) {
                continue;
            }
            if self.variables * self.b.func.dfg.num_blocks() > MAX_VARIABLES_IN_BLOCKS {
                return Err(Bailout::TooComplex);
            }
            self.body.worklist.pop_first();
            previous = (world, offset);
            let block = self.body.blocks[&(world, offset)];
            self.seal_loops(world, offset);
            self.body.world = world;
            self.b.switch_to_block(block);
            let kernel = self.kernel_at(offset);
            match self.body.analysis.loops.get(&offset) {
                Some(&end) if kernel.is_none() => {
                    self.body.open_loops.insert((Reverse(world), end, offset));
                }
                _ => self.b.seal_block(block),
            }
            self.stack.clear();
            self.begin_known(world, offset);
            if let Some(types) = self.body.analysis.leaders.get(&offset) {
                let params = self.b.block_params(block);
                let mut at = 0;
                for &ty in types {
                    let limbs = limb_count(ty);
                    self.stack.push(Operand::new(ty, &params[at..at + limbs]));
                    at += limbs;
                }
            }
            match kernel {
                Some(kernel) => self.call_kernel(kernel),
                None => self.lower_block(offset)?,
            }
        }
        self.seal_loops(0, u32::MAX);
        Ok(())
    }

    /// Has loops lowered before the block at an offset that is in them, where nothing led to their headers
    /// yet: a jump behind the block will. Looks at headers from `since` on; returns whether there are such.
    fn find_loops_from_below(&mut self, world: u8, since: u32, offset: u32) -> bool {
        let body = &self.body;
        let from_below = |(&header, &last): (&u32, &u32)| {
            let new = last >= offset && !body.blocks.contains_key(&(world, header));
            (new && body.world_of_jump(world, header, last) == world).then_some(header)
        };
        let loops = body.analysis.loops.range(since..offset);
        let headers: Vec<u32> = loops.filter_map(from_below).collect();
        for &header in &headers {
            self.note_unknown_edge(world, header);
            self.block(world, header);
        }
        !headers.is_empty()
    }

    /// Seals the headers of the loops that end before an offset in that world.
    fn seal_loops(&mut self, world: u8, offset: u32) {
        let Body {
            blocks, open_loops, ..
        } = &mut self.body;
        while let Some(&(Reverse(of), end, header)) = open_loops.first() {
            if of == world && offset <= end {
                break;
            }
            open_loops.pop_first();
            self.b.seal_block(blocks[&(of, header)]);
        }
    }

    /// Lowers a basic block.
    fn lower_block(&mut self, start: u32) -> Result<(), Bailout> {
        let mut at = self
            .body
            .analysis
            .index(start)
            .expect("blocks start at instructions");
        loop {
            let instr = self.body.analysis.instrs[at];
            if instr.offset != start && self.body.analysis.leaders.contains_key(&instr.offset) {
                self.jump(instr.offset, start);
                return Ok(());
            }
            self.offset = instr.offset;
            self.cold = self.body.analysis.cold[at];
            self.mark_place(&instr);
            self.charge(&instr);
            lower(self, &instr)?;
            if instr.op.is_terminator() {
                return Ok(());
            }
            at += 1;
        }
    }

    /// The place of an instruction of the body.
    fn place(&self, instr: &Instr) -> u32 {
        self.places.place(self.body.site, instr.offset)
    }

    /// Says that what follows belongs to an instruction.
    fn mark_place(&mut self, instr: &Instr) {
        let place = self.place(instr);
        self.accesses.enter(place);
        self.b.set_srcloc(SourceLoc::new(place));
    }

    /// Charges the block that starts with this instruction.
    fn charge(&mut self, instr: &Instr) {
        if !self.request.metering {
            return;
        }
        let Some(&cost) = self.body.analysis.fuel.get(&instr.offset) else {
            return;
        };
        let flags = self.state_flags();
        let state = self.state();
        let at = offset_of!(VmState, fuel) as i32;
        let fuel = self.b.ins().load(types::I64, flags, state, at);
        let cost = self.b.ins().iconst(types::I64, cost as i64);
        let short = self
            .b
            .ins()
            .icmp(ir::condcodes::IntCC::UnsignedLessThan, fuel, cost);
        self.b.ins().trapnz(short, trap_code(TrapCode::OutOfFuel));
        let left = self.b.ins().isub(fuel, cost);
        self.b.ins().store(flags, left, state, at);
        if self.request.counting {
            let flags = MemFlagsData::trusted().with_alias_region(Some(self.regions.counts));
            let counter = self.counter_of(instr);
            let count = self.b.ins().load(types::I64, flags, counter, 0);
            let one = self.b.ins().iconst(types::I64, 1);
            let count = self.b.ins().iadd(count, one);
            self.b.ins().store(flags, count, counter, 0);
        }
    }

    /// Where the counter of an instruction of the body is.
    fn counter_of(&mut self, instr: &Instr) -> Value {
        let counts = self.ctx_field(offset_of!(VmContext, counts));
        let body = self.request.module.body_place(self.body.analysis.defined);
        let number = body.start as i64 + i64::from(instr.offset);
        let bytes = number * size_of::<u64>() as i64;
        let bytes = self.b.ins().iconst(types::I64, bytes);
        self.b.ins().iadd(counts, bytes)
    }

    /// Where code counts: says that the runtime is called for an instruction.
    fn mark(&mut self, instr: &Instr) {
        if !self.request.counting {
            return;
        }
        let counter = self.counter_of(instr);
        let (flags, state) = (self.state_flags(), self.state());
        let at = offset_of!(VmState, mark) as i32;
        self.b.ins().store(flags, counter, state, at);
    }

    /// The state of the store.
    fn state(&mut self) -> Value {
        self.ctx_field(offset_of!(VmContext, state))
    }

    /// A field of the instance that never changes while its code runs.
    fn ctx_field(&mut self, offset: usize) -> Value {
        let flags = constant_flags();
        self.b
            .ins()
            .load(types::I64, flags, self.ctx, offset as i32)
    }

    fn state_flags(&self) -> MemFlagsData {
        MemFlagsData::trusted().with_alias_region(Some(self.regions.state))
    }

    fn slot_flags(&self) -> MemFlagsData {
        MemFlagsData::trusted().with_alias_region(Some(self.regions.slots))
    }

    fn zero(&mut self, ty: Type) -> Value {
        match ty {
            types::F32 => self.b.ins().f32const(0.0),
            types::F64 => self.b.ins().f64const(0.0),
            vector::VECTOR => self.vconst(ty, 0),
            ty => self.b.ins().iconst(ty, 0),
        }
    }

    /// Reads a value from slots.
    fn load_slots(&mut self, base: Value, slot: u32, ty: ValType) -> Operand {
        let flags = self.slot_flags();
        load_slots(&mut self.b, flags, (base, slot as i32 * 8), ty)
    }

    /// Writes a value to slots.
    fn store_slots(&mut self, base: Value, slot: u32, value: &Operand) {
        let flags = self.slot_flags();
        store_slots(&mut self.b, flags, (base, slot as i32 * 8), value.limbs());
    }

    /// Has references to managed objects on the operand stack kept in the frame during the call that comes
    /// next, where the collector finds them. Those in locals always are.
    fn keep_references(&mut self) {
        for operand in &self.stack {
            if operand.ty == ValType::AnyRef {
                self.b.declare_value_needs_stack_map(operand.limbs[0]);
            }
        }
    }

    fn push(&mut self, ty: ValType, value: Value) {
        self.stack.push(Operand::new(ty, &[value]));
    }

    fn pop(&mut self) -> Operand {
        self.stack.pop().expect("verified")
    }

    /// Pops a value of one limb.
    fn pop_one(&mut self) -> Value {
        self.pop().limbs[0]
    }

    /// Slots of the operand stack.
    fn stack_slots(&self) -> u32 {
        self.stack.iter().map(|value| value.ty.slots()).sum()
    }
}

impl Body {
    /// The world that a jump in `world` leads to.
    fn world_of_jump(&self, world: u8, to: u32, from: u32) -> u8 {
        let Some(entered) = self.entered.as_ref().filter(|_| world == 1) else {
            return 0;
        };
        let (start, end) = entered.outermost;
        let inside = start <= to && to <= end;
        // The headers of the loops around the entered one lead back to the usual way.
        let around =
            to <= from && to < entered.header && self.analysis.loops[&to] >= entered.header;
        u8::from(inside && !around)
    }

    /// How many variables it has.
    fn variables(&self) -> usize {
        self.locals.iter().map(Vec::len).sum()
    }

    fn new(
        b: &mut FunctionBuilder<'_>,
        request: &Request<'_>,
        analysis: Analysis,
        header: Option<u32>,
    ) -> Result<Body, Bailout> {
        let ty = request.func_type(analysis.defined).clone();
        let locals = analysis
            .locals
            .iter()
            .map(|&ty| {
                let limb = limb_type(ty);
                let mut declare = |_| {
                    let variable = b.declare_var(limb);
                    if ty == ValType::AnyRef {
                        b.declare_var_needs_stack_map(variable);
                    }
                    variable
                };
                (0..limb_count(ty)).map(&mut declare).collect()
            })
            .collect();
        let mut entered = None;
        if let Some(header) = header {
            if !analysis.loops.contains_key(&header) || !analysis.leaders.contains_key(&header) {
                return Err(Bailout::NoSuchLoop);
            }
            let around = |(&start, &end): (&u32, &u32)| {
                (start < header && end >= header).then_some((start, end))
            };
            entered = analysis
                .loops
                .iter()
                .find_map(around)
                .map(|outermost| Entered { header, outermost });
        }
        Ok(Body {
            analysis,
            ty,
            locals,
            blocks: BTreeMap::new(),
            worklist: BTreeSet::new(),
            open_loops: BTreeSet::new(),
            facts: BTreeMap::new(),
            kept_locals: HashMap::new(),
            entered,
            after: None,
            returned: false,
            last_return: None,
            site: 0,
            frame_offset: 0,
            world: 0,
        })
    }
}

/// Flags of reads of what does not change while code runs.
fn constant_flags() -> MemFlagsData {
    MemFlagsData::trusted().with_readonly().with_can_move()
}

/// A trap of ours as Cranelift writes it down: with the same number.
fn trap_code(code: TrapCode) -> ir::TrapCode {
    ir::TrapCode::unwrap_user(code as u8)
}

/// Bytes of the slots that a limb takes.
fn slot_bytes(limb: Type) -> usize {
    limb.bytes().next_multiple_of(8) as usize
}

/// Reads a value from slots at an address and an offset in bytes.
fn load_slots(
    b: &mut FunctionBuilder<'_>,
    flags: MemFlagsData,
    (base, at): (Value, i32),
    ty: ValType,
) -> Operand {
    let mut limbs = [Value::from_u32(0); MAX_LIMBS];
    let (count, limb_ty) = (limb_count(ty), limb_type(ty));
    for (i, limb) in limbs[..count].iter_mut().enumerate() {
        let offset = at + (i * slot_bytes(limb_ty)) as i32;
        *limb = b.ins().load(limb_ty, flags, base, offset);
    }
    Operand::new(ty, &limbs[..count])
}

/// Writes limbs to slots; the upper halves of narrow ones are zero.
fn store_slots(
    b: &mut FunctionBuilder<'_>,
    flags: MemFlagsData,
    (base, at): (Value, i32),
    limbs: &[Value],
) {
    let mut offset = at;
    for &limb in limbs {
        let ty = b.func.dfg.value_type(limb);
        let wide = match ty {
            types::I32 => b.ins().uextend(types::I64, limb),
            types::F32 => {
                let bits = b.ins().bitcast(types::I32, MemFlagsData::new(), limb);
                b.ins().uextend(types::I64, bits)
            }
            _ => limb,
        };
        b.ins().store(flags, wide, base, offset);
        offset += slot_bytes(ty) as i32;
    }
}

macro_rules! by_group {
    (
        unary { $($u:ident $um:literal $uc:literal $ui:tt $ucat:ident $ua:ident $uf:literal $us:tt $ud:literal;)* }
        binary { $($b:ident $bm:literal $bc:literal $bi:tt $bcat:ident $ba:ident $bf:literal $bs:tt $bd:literal;)* }
        load { $($l:ident $lm:literal $lc:literal $li:tt $lcat:ident $la:ident $lf:literal $ls:tt $ld:literal;)* }
        store { $($s:ident $sm:literal $sc:literal $si:tt $scat:ident $sa:ident $sf:literal $ss:tt $sd:literal;)* }
        other { $($o:ident $of:ident $om:literal $oc:literal $oi:tt $ocat:ident $oa:ident $oy:literal $os:tt $od:literal;)* }
        vector { $($v:ident $vm:literal $vc:literal $vi:tt $vcat:ident $va:ident $vf:literal $vs:tt $vd:literal;)* }
        vector_load { $($vl:ident $vlm:literal $vlc:literal $vli:tt $vlcat:ident $vla:ident $vlf:literal $vls:tt $vld:literal;)* }
        vector_store { $($vt:ident $vtm:literal $vtc:literal $vti:tt $vtcat:ident $vta:ident $vtf:literal $vts:tt $vtd:literal;)* }
        lane_load { $($il:ident $ilm:literal $ilc:literal $ili:tt $ilcat:ident $ila:ident $ilf:literal $ils:tt $ild:literal;)* }
        lane_store { $($is:ident $ism:literal $isc:literal $isi:tt $iscat:ident $isa:ident $isf:literal $iss:tt $isd:literal;)* }
        wide { $($w:ident $wk:ident $wu:ident $wm:literal $wc:literal $wi:tt $wcat:ident $wa:ident $wf:literal $ws:tt $wd:literal;)* }
        pair { $($p:ident $pk:ident $pu:ident $pm:literal $pc:literal $pi:tt $pcat:ident $pa:ident $pf:literal $ps:tt $pd:literal;)* }
        wide_load { $($wl:ident $wlk:ident $wlu:ident $wlm:literal $wlc:literal $wli:tt $wlcat:ident $wla:ident $wlf:literal $wls:tt $wld:literal;)* }
        wide_store { $($wt:ident $wtk:ident $wtu:ident $wtm:literal $wtc:literal $wti:tt $wtcat:ident $wta:ident $wtf:literal $wts:tt $wtd:literal;)* }
        parts { $($e:ident $ew:ident $ek:ident $eu:ident $em:literal $ec:literal $ei:tt $ecat:ident $ea:ident $ef:literal $es:tt $ed:literal;)* }
        whole { $($h:ident $hk:ident $hu:ident $hm:literal $hc:literal $hi:tt $hcat:ident $ha:ident $hf:literal $hs:tt $hd:literal;)* }
        parts_load { $($el:ident $elw:ident $elk:ident $elu:ident $elm:literal $elc:literal $eli:tt $elcat:ident $ela:ident $elf:literal $els:tt $eld:literal;)* }
        parts_store { $($et:ident $etw:ident $etk:ident $etu:ident $etm:literal $etc:literal $eti:tt $etcat:ident $eta:ident $etf:literal $ets:tt $etd:literal;)* }
        gather { $($g:ident $gk:ident $gu:ident $gm:literal $gc:literal $gi:tt $gcat:ident $ga:ident $gf:literal $gs:tt $gd:literal;)* }
        service { $($r:ident $rk:ident $ru:ident $rm:literal $rc:literal $ri:tt $rcat:ident $ra:ident $rf:literal $rs:tt $rd:literal;)* }
    ) => {
        /// The instructions of each group, so that a row nobody lowers does not compile.
        #[derive(Clone, Copy, Debug)]
        enum UnaryOp { $($u),* }
        #[derive(Clone, Copy, Debug)]
        enum BinaryOp { $($b),* }
        #[derive(Clone, Copy, Debug)]
        enum LoadOp { $($l),* }
        #[derive(Clone, Copy, Debug)]
        enum StoreOp { $($s),* }
        #[derive(Clone, Copy, Debug)]
        enum VectorOp { $($v),* }
        #[derive(Clone, Copy, Debug)]
        enum VectorLoadOp { $($vl),* }
        #[derive(Clone, Copy, Debug)]
        enum VectorStoreOp { $($vt),* }
        #[allow(clippy::enum_variant_names, reason = "the names are those of the table")]
        #[derive(Clone, Copy, Debug)]
        enum LaneLoadOp { $($il),* }
        #[allow(clippy::enum_variant_names, reason = "the names are those of the table")]
        #[derive(Clone, Copy, Debug)]
        enum LaneStoreOp { $($is),* }

        /// Instructions with a rule of their own: one method for each row of that group.
        trait LowerOther {
            $(fn $of(&mut self, instr: &Instr) -> Result<(), Bailout>;)*
        }

        /// Lowers one instruction.
        fn lower(l: &mut Lowerer<'_, '_>, instr: &Instr) -> Result<(), Bailout> {
            match instr.op {
                $(Op::$u => l.unary(UnaryOp::$u, instr),)*
                $(Op::$b => l.binary(BinaryOp::$b, instr),)*
                $(Op::$l => l.load(LoadOp::$l, instr),)*
                $(Op::$s => l.store(StoreOp::$s, instr),)*
                $(Op::$o => LowerOther::$of(l, instr)?,)*
                $(Op::$v => l.vector(VectorOp::$v, instr)?,)*
                $(Op::$vl => l.load_vector(VectorLoadOp::$vl, instr),)*
                $(Op::$vt => l.store_vector(VectorStoreOp::$vt, instr),)*
                $(Op::$il => l.load_lane(LaneLoadOp::$il, instr),)*
                $(Op::$is => l.store_lane(LaneStoreOp::$is, instr),)*
                $(Op::$w => l.wide(WideOp::$wk, instr),)*
                $(Op::$p => l.pair(PairOp::$pk, instr),)*
                $(Op::$wl => l.load_wide(WideLoadOp::$wlk, instr),)*
                $(Op::$wt => l.store_wide(WideStoreOp::$wtk, instr),)*
                $(Op::$e => {
                    let of = OfPart { op: Op::$ek, rule: VectorOp::$ek };
                    l.parts(Way::$ew, of, instr)?;
                })*
                $(Op::$h => l.whole(WholeOp::$hk, instr)?,)*
                $(Op::$el => l.load_parts(LoadWay::$elw, VectorLoadOp::$elk, instr),)*
                $(Op::$et => l.store_parts(VectorStoreOp::$etk, instr),)*
                $(Op::$g => l.gather(GatherOp::$gk, instr),)*
                $(Op::$r)|* => l.libcall(instr),
            }
            Ok(())
        }
    };
}
dotvm_isa::for_each_op!(by_group);
