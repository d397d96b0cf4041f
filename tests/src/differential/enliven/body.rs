//! The body of a function, changed so that it does more.

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{BlockType as Block, Function, Instruction as I, ValType as Coded};
use wasmparser::{
    BlockType, FuncType, FuncValidator, FunctionBody, MemArg, MemArgTarget, Operator as Op,
    ValType, ValidatorResources,
};

use super::{Known, Result, null};
use crate::fuzzing::Random;

type Validator = FuncValidator<ValidatorResources>;

/// Addresses are mostly within the first page.
const ADDRESS: i32 = 0xffff;
/// Lengths in memory.
const LEN: i32 = 0x1ff;
/// Indices and lengths of tables and segments.
const ELEMENT: i32 = 3;

/// The types of locals that operands are put aside in.
const SCRATCH: [Coded; 6] = [
    Coded::I32,
    Coded::I32,
    Coded::I64,
    Coded::I64,
    Coded::F32,
    Coded::F64,
];

/// The first local of each of these types; the one of a vector, where there may be some, comes last.
const INT: u32 = 0;
const WIDE: u32 = 2;
const F32: u32 = 4;
const F64: u32 = 5;
const VECTOR: u32 = 6;

/// What a number is to be masked with, and whether it is one of 64 bits.
#[derive(Clone, Copy)]
struct Mask(i32, bool);

pub(super) fn enliven(
    known: &Known,
    ty: &FuncType,
    body: &FunctionBody<'_>,
    validator: &mut Validator,
    random: &mut Random,
) -> Result<Function> {
    validator.read_locals(&mut body.get_binary_reader())?;
    let mut locals = Vec::new();
    for pair in body.get_locals_reader()? {
        let (count, ty) = pair?;
        locals.push((count, RoundtripReencoder.val_type(ty)?));
    }
    locals.extend(SCRATCH.map(|ty| (1, ty)));
    if known.vectors {
        locals.push((1, Coded::V128));
    }
    let mut writer = Writer {
        known,
        scratch: validator.len_locals(),
        stop: stop(ty, random),
        code: Function::new(locals),
        random,
    };
    writer.enter();
    // Nothing gets to what follows an exit, up to the end of the frame of this height.
    let mut dead = None;
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let (op, offset) = operators.read_with_offset()?;
        let height = validator.control_stack_height();
        let ends = matches!(op, Op::End | Op::Else);
        if dead.is_none_or(|frame| frame == height && ends) {
            dead = writer.write(&op, validator)?.then_some(height);
        }
        validator.op(offset, &op)?;
    }
    Ok(writer.code)
}

/// What a function does when there is nothing left of the ration: some return, some trap.
fn stop(ty: &FuncType, random: &mut Random) -> Vec<I<'static>> {
    let zeros: Option<Vec<_>> = ty.results().iter().map(|&ty| zero(ty)).collect();
    match zeros {
        Some(mut code) if random.below(4) != 0 => {
            code.push(I::Return);
            code
        }
        _ => vec![I::Unreachable],
    }
}

/// The value that locals of that type start with.
fn zero(ty: ValType) -> Option<I<'static>> {
    Some(match ty {
        ValType::I32 => I::I32Const(0),
        ValType::I64 => I::I64Const(0),
        ValType::F32 => I::F32Const(0.0.into()),
        ValType::F64 => I::F64Const(0.0.into()),
        ValType::Ref(ty) => return null(ty),
        ValType::V128 => I::V128Const(0),
    })
}

struct Writer<'a> {
    known: &'a Known,
    /// The first of the locals that operands are put aside in.
    scratch: u32,
    stop: Vec<I<'static>>,
    code: Function,
    random: &'a mut Random,
}

impl Writer<'_> {
    fn put(&mut self, code: &[I<'_>]) {
        for instruction in code {
            self.code.instruction(instruction);
        }
    }

    /// Whether the usual is done, and not what the module had.
    fn usual(&mut self) -> bool {
        self.random.below(12) != 0
    }

    /// Takes one from the ration, at the start of a function or of a loop.
    fn enter(&mut self) {
        let ration = self.known.ration;
        self.put(&[I::GlobalGet(ration), I::I32Eqz, I::If(Block::Empty)]);
        let stop = self.stop.clone();
        self.put(&stop);
        self.put(&[
            I::End,
            I::GlobalGet(ration),
            I::I32Const(1),
            I::I32Sub,
            I::GlobalSet(ration),
        ]);
    }

    /// A condition that holds now and then.
    fn rarely(&mut self) {
        let mask = [1, 3, 7][self.random.below(3)];
        self.put(&[
            I::GlobalGet(self.known.ration),
            I::I32Const(mask),
            I::I32And,
            I::I32Eqz,
        ]);
    }

    /// Makes a number on top of the stack small.
    fn mask(&mut self, Mask(bits, wide): Mask) {
        match wide {
            true => self.put(&[I::I64Const(bits.into()), I::I64And]),
            false => self.put(&[I::I32Const(bits), I::I32And]),
        }
    }

    /// Makes the number below the top of the stack small, which is of the type of that scratch local.
    fn mask_below(&mut self, mask: Mask, scratch: u32) {
        let local = self.scratch + scratch;
        self.put(&[I::LocalSet(local)]);
        self.mask(mask);
        self.put(&[I::LocalGet(local)]);
    }

    /// Makes the three numbers on top of the stack small.
    fn mask_three(&mut self, masks: [Mask; 3]) {
        let scratch = |Mask(_, wide)| self.scratch + if wide { WIDE } else { INT };
        let (first, second) = (scratch(masks[1]), scratch(masks[2]) + 1);
        self.put(&[I::LocalSet(second), I::LocalSet(first)]);
        self.mask(masks[0]);
        self.put(&[I::LocalGet(first)]);
        self.mask(masks[1]);
        self.put(&[I::LocalGet(second)]);
        self.mask(masks[2]);
    }

    /// An address in a memory.
    fn address(&self, memory: u32) -> Mask {
        let ty = self.known.memories[memory as usize];
        // Memories of small pages are small.
        let bits = match ty.page_size_log2 {
            Some(0) => LEN,
            _ => ADDRESS,
        };
        Mask(bits, ty.memory64)
    }

    /// An address in the memory that an access names.
    fn accessed(&self, memarg: &MemArg) -> Mask {
        match memarg.target {
            MemArgTarget::Memory(memory) => self.address(memory),
            MemArgTarget::Array(_) => unreachable!("there is no garbage collection"),
        }
    }

    /// An index into a table, or a number of its elements.
    fn element(&self, table: u32) -> Mask {
        Mask(ELEMENT, self.known.tables[table as usize])
    }

    /// Writes an instruction, or what takes its place; whether the rest of the frame is to be left out.
    fn write(&mut self, op: &Op<'_>, validator: &Validator) -> Result<bool> {
        let live = validator
            .get_control_frame(0)
            .is_some_and(|frame| !frame.unreachable);
        if live && self.usual() {
            let outermost = validator.control_stack_height() - 1;
            let exit = match *op {
                Op::Br { relative_depth } => Some(Some(relative_depth)),
                Op::Return => Some(Some(outermost)),
                Op::Unreachable => Some(None),
                _ => None,
            };
            if let Some(to) = exit
                && let Some(rest) = self.rest(validator)
            {
                self.rarely();
                match to {
                    Some(label) => self.put(&[I::BrIf(label)]),
                    None => self.put(&[I::If(Block::Empty), I::Unreachable, I::End]),
                }
                self.put(&rest);
                return Ok(true);
            }
            self.prepare(op);
        }
        match self.by_reference(op) {
            Some(call) => self.put(&call),
            None => self.put(&[RoundtripReencoder.instruction(op.clone())?]),
        }
        if matches!(op, Op::Loop { .. }) {
            self.enter();
        }
        Ok(false)
    }

    /// Now and then for a call: one through a reference.
    fn by_reference(&mut self, op: &Op<'_>) -> Option<[I<'static>; 3]> {
        let (Op::Call { function_index } | Op::ReturnCall { function_index }) = *op else {
            return None;
        };
        if !self.known.exported.contains(&function_index) || self.random.below(4) != 0 {
            return None;
        }
        let ty = self.known.funcs[function_index as usize];
        let call = match op {
            Op::Call { .. } => I::CallRef(ty),
            _ => I::ReturnCallRef(ty),
        };
        Some([I::RefFunc(function_index), I::RefAsNonNull, call])
    }

    /// Drops the operands of the frame and puts there what the frame ends with.
    fn rest(&self, validator: &Validator) -> Option<Vec<I<'static>>> {
        let frame = validator.get_control_frame(0)?;
        let operands = validator.operand_stack_height() as usize - frame.height;
        let mut code = vec![I::Drop; operands];
        match frame.block_type {
            BlockType::Empty => {}
            BlockType::Type(ty) => code.push(zero(ty)?),
            BlockType::FuncType(index) => {
                for &ty in self.known.types[index as usize].results() {
                    code.push(zero(ty)?);
                }
            }
        }
        Some(code)
    }

    /// Changes operands so that an instruction is likely to succeed.
    fn prepare(&mut self, op: &Op<'_>) {
        match op {
            Op::I32Load { memarg }
            | Op::I64Load { memarg }
            | Op::F32Load { memarg }
            | Op::F64Load { memarg }
            | Op::I32Load8S { memarg }
            | Op::I32Load8U { memarg }
            | Op::I32Load16S { memarg }
            | Op::I32Load16U { memarg }
            | Op::I64Load8S { memarg }
            | Op::I64Load8U { memarg }
            | Op::I64Load16S { memarg }
            | Op::I64Load16U { memarg }
            | Op::I64Load32S { memarg }
            | Op::I64Load32U { memarg }
            | Op::V128Load { memarg }
            | Op::V128Load8x8S { memarg }
            | Op::V128Load8x8U { memarg }
            | Op::V128Load16x4S { memarg }
            | Op::V128Load16x4U { memarg }
            | Op::V128Load32x2S { memarg }
            | Op::V128Load32x2U { memarg }
            | Op::V128Load8Splat { memarg }
            | Op::V128Load16Splat { memarg }
            | Op::V128Load32Splat { memarg }
            | Op::V128Load64Splat { memarg }
            | Op::V128Load32Zero { memarg }
            | Op::V128Load64Zero { memarg } => self.mask(self.accessed(memarg)),
            Op::V128Store { memarg }
            | Op::V128Load8Lane { memarg, .. }
            | Op::V128Load16Lane { memarg, .. }
            | Op::V128Load32Lane { memarg, .. }
            | Op::V128Load64Lane { memarg, .. }
            | Op::V128Store8Lane { memarg, .. }
            | Op::V128Store16Lane { memarg, .. }
            | Op::V128Store32Lane { memarg, .. }
            | Op::V128Store64Lane { memarg, .. } => {
                self.mask_below(self.accessed(memarg), VECTOR);
            }
            Op::I32Store { memarg } | Op::I32Store8 { memarg } | Op::I32Store16 { memarg } => {
                self.mask_below(self.accessed(memarg), INT);
            }
            Op::I64Store { memarg }
            | Op::I64Store8 { memarg }
            | Op::I64Store16 { memarg }
            | Op::I64Store32 { memarg } => self.mask_below(self.accessed(memarg), WIDE),
            Op::F32Store { memarg } => self.mask_below(self.accessed(memarg), F32),
            Op::F64Store { memarg } => self.mask_below(self.accessed(memarg), F64),
            Op::MemoryGrow { mem } => self.mask(Mask(ELEMENT, self.address(*mem).1)),
            Op::TableGrow { table }
            | Op::TableGet { table }
            | Op::CallIndirect {
                table_index: table, ..
            }
            | Op::ReturnCallIndirect {
                table_index: table, ..
            } => self.mask(self.element(*table)),
            Op::MemoryCopy { dst_mem, src_mem } => {
                let (to, from) = (self.address(*dst_mem), self.address(*src_mem));
                self.mask_three([to, from, Mask(LEN, to.1 && from.1)]);
            }
            Op::MemoryFill { mem } => {
                let at = self.address(*mem);
                self.mask_three([at, Mask(-1, false), Mask(LEN, at.1)]);
            }
            Op::MemoryInit { mem, .. } => {
                let narrow = Mask(ELEMENT, false);
                self.mask_three([self.address(*mem), narrow, narrow]);
            }
            Op::TableCopy {
                dst_table,
                src_table,
            } => {
                let (to, from) = (self.element(*dst_table), self.element(*src_table));
                self.mask_three([to, from, Mask(1, to.1 && from.1)]);
            }
            Op::TableInit { table, .. } => {
                let [from, len] = [ELEMENT, 1].map(|bits| Mask(bits, false));
                self.mask_three([self.element(*table), from, len]);
            }
            Op::I32DivS | Op::I32DivU | Op::I32RemS | Op::I32RemU => {
                self.put(&[I::I32Const(1), I::I32Or]);
            }
            Op::I64DivS | Op::I64DivU | Op::I64RemS | Op::I64RemU => {
                self.put(&[I::I64Const(1), I::I64Or]);
            }
            // No sign, and exponents up to 32.
            Op::I32TruncF32S | Op::I32TruncF32U | Op::I64TruncF32S | Op::I64TruncF32U => {
                self.put(&[
                    I::I32ReinterpretF32,
                    I::I32Const(0x4fff_ffff),
                    I::I32And,
                    I::F32ReinterpretI32,
                ]);
            }
            Op::I32TruncF64S | Op::I32TruncF64U | Op::I64TruncF64S | Op::I64TruncF64U => {
                self.put(&[
                    I::I64ReinterpretF64,
                    I::I64Const(0x41ff_ffff_ffff_ffff),
                    I::I64And,
                    I::F64ReinterpretI64,
                ]);
            }
            _ => {}
        }
    }
}
