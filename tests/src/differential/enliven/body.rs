//! The body of a function, changed so that it does more.

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{BlockType as Block, Function, Instruction as I, ValType as Coded};
use wasmparser::{
    BlockType, FuncType, FuncValidator, FunctionBody, Operator as Op, ValType, ValidatorResources,
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
const SCRATCH: [Coded; 5] = [Coded::I32, Coded::I32, Coded::I64, Coded::F32, Coded::F64];
/// The one of a vector, where there may be some, comes behind those.
const SCRATCH_VECTOR: u32 = SCRATCH.len() as u32;

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
    fn mask(&mut self, mask: i32) {
        self.put(&[I::I32Const(mask), I::I32And]);
    }

    /// Makes the number below the top of the stack small, which is of the type of that scratch local.
    fn mask_below(&mut self, mask: i32, scratch: u32) {
        let local = self.scratch + scratch;
        self.put(&[I::LocalSet(local)]);
        self.mask(mask);
        self.put(&[I::LocalGet(local)]);
    }

    /// Makes the three numbers on top of the stack small.
    fn mask_three(&mut self, masks: [i32; 3]) {
        let [first, second] = [self.scratch, self.scratch + 1];
        self.put(&[I::LocalSet(second), I::LocalSet(first)]);
        self.mask(masks[0]);
        self.put(&[I::LocalGet(first)]);
        self.mask(masks[1]);
        self.put(&[I::LocalGet(second)]);
        self.mask(masks[2]);
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
        let copy = RoundtripReencoder.instruction(op.clone())?;
        self.put(&[copy]);
        if matches!(op, Op::Loop { .. }) {
            self.enter();
        }
        Ok(false)
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
            Op::I32Load { .. }
            | Op::I64Load { .. }
            | Op::F32Load { .. }
            | Op::F64Load { .. }
            | Op::I32Load8S { .. }
            | Op::I32Load8U { .. }
            | Op::I32Load16S { .. }
            | Op::I32Load16U { .. }
            | Op::I64Load8S { .. }
            | Op::I64Load8U { .. }
            | Op::I64Load16S { .. }
            | Op::I64Load16U { .. }
            | Op::I64Load32S { .. }
            | Op::I64Load32U { .. }
            | Op::V128Load { .. }
            | Op::V128Load8x8S { .. }
            | Op::V128Load8x8U { .. }
            | Op::V128Load16x4S { .. }
            | Op::V128Load16x4U { .. }
            | Op::V128Load32x2S { .. }
            | Op::V128Load32x2U { .. }
            | Op::V128Load8Splat { .. }
            | Op::V128Load16Splat { .. }
            | Op::V128Load32Splat { .. }
            | Op::V128Load64Splat { .. }
            | Op::V128Load32Zero { .. }
            | Op::V128Load64Zero { .. } => self.mask(ADDRESS),
            Op::V128Store { .. }
            | Op::V128Load8Lane { .. }
            | Op::V128Load16Lane { .. }
            | Op::V128Load32Lane { .. }
            | Op::V128Load64Lane { .. }
            | Op::V128Store8Lane { .. }
            | Op::V128Store16Lane { .. }
            | Op::V128Store32Lane { .. }
            | Op::V128Store64Lane { .. } => self.mask_below(ADDRESS, SCRATCH_VECTOR),
            Op::I32Store { .. } | Op::I32Store8 { .. } | Op::I32Store16 { .. } => {
                self.mask_below(ADDRESS, 0);
            }
            Op::I64Store { .. }
            | Op::I64Store8 { .. }
            | Op::I64Store16 { .. }
            | Op::I64Store32 { .. } => self.mask_below(ADDRESS, 2),
            Op::F32Store { .. } => self.mask_below(ADDRESS, 3),
            Op::F64Store { .. } => self.mask_below(ADDRESS, 4),
            Op::MemoryGrow { .. }
            | Op::TableGrow { .. }
            | Op::TableGet { .. }
            | Op::CallIndirect { .. }
            | Op::ReturnCallIndirect { .. } => self.mask(ELEMENT),
            Op::MemoryCopy { .. } => self.mask_three([ADDRESS, ADDRESS, LEN]),
            Op::MemoryFill { .. } => self.mask_three([ADDRESS, -1, LEN]),
            Op::MemoryInit { .. } => self.mask_three([ADDRESS, ELEMENT, ELEMENT]),
            Op::TableCopy { .. } | Op::TableInit { .. } => {
                self.mask_three([ELEMENT, ELEMENT, 1]);
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
