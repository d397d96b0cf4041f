//! One function: structured control becomes jumps.
//!
//! The validator keeps the book of operand stack heights. Where a branch has to drop values below
//! those it carries, the edge gets its own code (`slide`, then a jump); everywhere else a branch is
//! one jump. Code that cannot be reached is not translated. What catches exceptions is in a file of its
//! own, and so is what has to leave their regions first.

use std::collections::HashMap;

use dotvm_isa::abi::{FRAME_HEADER_SLOTS, MAX_FRAME_SLOTS};
use dotvm_isa::instr::MAX_LOCALS;
use dotvm_isa::{Arch, FuncType, Op, RefType, ValType};
use wasmparser::{BlockType, BrTable, FuncValidator, FunctionBody, Operator, ValidatorResources};

use super::hints::{self, Hints};
use super::words::Imports;
use super::{Fault, ops, simd, types};
use crate::error::Error;
use crate::ir::{Env, Func, Inst, Label, Pos};
use regions::{Handler, Region};

mod regions;
mod words;

/// The most values `slide` keeps; a branch that carries more goes through locals.
const MAX_SLIDE: usize = u8::MAX as usize;

/// How many values all branches of a module together may carry through locals. Programs do not
/// come near; without it a few kilobytes could make gigabytes of code.
pub(super) const SPILL_BUDGET: usize = 1 << 20;

/// What a function needs of the machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needs {
    /// The first architecture that has all its instructions and locals.
    pub(super) arch: Arch,
    /// Calls of imports that are instructions.
    pub(super) word_instructions: usize,
}

/// Translates the body that `validator` is for, validating it on the way; returns also what it needs. The code section's contents start at offset
/// `code_start` of the file.
pub(super) fn translate(
    validator: &mut FuncValidator<ValidatorResources>,
    body: &FunctionBody<'_>,
    env: &Env,
    imports: &Imports,
    hints: Hints,
    code_start: u64,
    spill_budget: &mut usize,
) -> Result<(Func, Needs), Fault> {
    let index = validator.index();
    let mut translator = Translator {
        env,
        imports,
        func: Func::default(),
        index,
        start: body.range().start,
        hints,
        frames: Vec::new(),
        regions: Vec::new(),
        dead_depth: 0,
        reachable: true,
        pos: Pos::default(),
        spills: HashMap::new(),
        spill_budget,
        hidden: HashMap::new(),
        word_slots: 0,
        word_instructions: 0,
        arch: env.arch,
    };
    let ty = env.funcs[index as usize];
    translator.func.ty = ty;
    translator.read_locals(validator, body)?;
    let results = env.types[ty as usize].results.len() as u32;
    translator.push_frame(Kind::Func, 0, results, BlockType::FuncType(ty));
    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        let (operator, offset) = reader.read_with_offset()?;
        let height = validator.operand_stack_height();
        validator.op(offset, &operator)?;
        translator.pos.at = (offset - code_start) as u32;
        translator.operator(&operator, height, offset)?;
        if translator.reachable {
            let height = validator.operand_stack_height();
            translator.func.max_stack = translator.func.max_stack.max(height);
        }
    }
    reader.finish()?;
    translator.func.max_stack *= translator.widest();
    translator.func.max_stack += translator.word_slots;
    translator.check_frame()?;
    let needs = Needs {
        arch: translator.arch,
        word_instructions: translator.word_instructions,
    };
    Ok((translator.func, needs))
}

/// What kind of control construct a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Func,
    Block,
    Loop,
    /// `if`, before its `else`; the label is where a false condition goes.
    If(Label),
    Else,
    /// `try_table` or `try`, before its first `catch`: the index of its catches.
    Try(u32),
    /// A `try` behind its first `catch`.
    Catch(Handler),
}

/// A control construct that is open.
#[derive(Clone, Copy, Debug)]
struct Frame {
    kind: Kind,
    /// Where branches to it go: a loop's start, otherwise the end.
    label: Label,
    label_used: bool,
    /// Whether a branch to it is not known to be unlikely.
    likely: bool,
    /// Whether an `if`'s condition is usually true, where that is known.
    hint: Option<bool>,
    /// Height of the operand stack below its parameters.
    base: u32,
    /// How many values a branch to it carries.
    arity: u32,
    ty: BlockType,
}

struct Translator<'a> {
    env: &'a Env,
    /// The functions that are instructions.
    imports: &'a Imports,
    func: Func,
    index: u32,
    /// Offset of the body in the file.
    start: u64,
    hints: Hints,
    frames: Vec<Frame>,
    /// The regions that are open, innermost last.
    regions: Vec<Region>,
    /// How many constructs were opened in the present stretch of dead code.
    dead_depth: u32,
    reachable: bool,
    /// Where the operator is that is being translated.
    pos: Pos,
    /// Locals for values that branches carry around a drop, by type.
    spills: HashMap<ValType, Vec<u32>>,
    spill_budget: &'a mut usize,
    /// Locals for operands and results of instructions on words.
    hidden: HashMap<(words::Role, ValType), u32>,
    /// How many instructions on words there are.
    word_instructions: usize,
    /// Slots that reading those takes on the operand stack.
    word_slots: u32,
    /// The first architecture that has everything so far.
    arch: Arch,
}

impl Translator<'_> {
    fn read_locals(
        &mut self,
        validator: &mut FuncValidator<ValidatorResources>,
        body: &FunctionBody<'_>,
    ) -> Result<(), Fault> {
        let params = &self.env.types[self.func.ty as usize].params;
        self.func.params = params.len() as u32;
        self.func.locals.clone_from(params);
        let mut reader = body.get_locals_reader()?;
        for _ in 0..reader.get_count() {
            let offset = reader.original_position();
            let (count, ty) = reader.read()?;
            validator.define_locals(offset, count, ty)?;
            let ty = types::val_type(ty, offset)?;
            self.arch = self.arch.max(ty.first_arch());
            let len = self.func.locals.len() + count as usize;
            self.func.locals.resize(len, ty);
        }
        Ok(())
    }

    /// Refuses a frame that the machine has no room for.
    fn check_frame(&self) -> Result<(), Error> {
        let locals = self.func.locals.len() as u32;
        let results = self.env.types[self.func.ty as usize].result_slots();
        let slots = self.func.local_slots() + FRAME_HEADER_SLOTS + self.func.max_stack.max(results);
        if locals > MAX_LOCALS {
            return Err(self.limit(format!("{locals} locals; the most is {MAX_LOCALS}")));
        }
        if slots > MAX_FRAME_SLOTS {
            let reason = format!(
                "locals and operand stack take {slots} slots; the most is {MAX_FRAME_SLOTS}"
            );
            return Err(self.limit(reason));
        }
        Ok(())
    }

    /// The most slots that a value on the operand stack takes.
    fn widest(&self) -> u32 {
        if self.arch >= Arch::Arch128 {
            ValType::V128.slots()
        } else {
            1
        }
    }

    #[cold]
    fn limit(&self, reason: String) -> Error {
        Error::Limit {
            func: self.index,
            offset: self.start,
            reason,
        }
    }

    fn emit(&mut self, inst: Inst) {
        self.func.insts.push(inst, self.pos);
        self.reachable = !inst.is_terminator();
    }

    fn bind(&mut self, label: Label) {
        self.emit(Inst::Label(label));
    }

    /// Translates one operator; `height` is the operand stack's before it.
    fn operator(&mut self, op: &Operator<'_>, height: u32, offset: u64) -> Result<(), Fault> {
        if !self.reachable {
            return Ok(self.dead_operator(op)?);
        }
        match *op {
            Operator::Nop => {}
            Operator::Block { blockty } => self.open(Kind::Block, blockty, height),
            Operator::Loop { blockty } => self.open(Kind::Loop, blockty, height),
            Operator::If { blockty } => {
                let otherwise = self.func.new_label();
                self.emit(Inst::Jz(otherwise));
                self.open(Kind::If(otherwise), blockty, height - 1);
                let hint = self.hint(offset);
                self.target(0).hint = hint;
                self.emit_cold(hint == Some(false));
            }
            Operator::Else => self.otherwise(),
            Operator::End => self.close()?,
            Operator::TryTable { ref try_table } => self.try_table(try_table, height)?,
            Operator::Try { blockty } => drop(self.open_region(blockty, height)),
            Operator::Catch { tag_index } => self.catch(Some(tag_index))?,
            Operator::CatchAll => self.catch(None)?,
            Operator::Rethrow { relative_depth } => self.rethrow(relative_depth),
            Operator::Delegate { relative_depth } => self.delegate(relative_depth)?,
            Operator::Br { relative_depth } => self.br(relative_depth, height)?,
            Operator::BrIf { relative_depth } => {
                let hint = self.hint(offset);
                self.br_if(relative_depth, height - 1, true, hint)?;
            }
            Operator::BrTable { ref targets } => self.br_table(targets, height - 1)?,
            Operator::Return => self.emit(Inst::op(Op::Ret)),
            Operator::RefNull { hty } => {
                let heap = types::heap_type(hty, offset)?;
                let ty = RefType::new(true, heap).val_type();
                self.emit(Inst::op1(Op::RefNull, u64::from(ty.code())));
            }
            Operator::BrOnNull { relative_depth } => self.br_on_null(relative_depth, height)?,
            Operator::BrOnNonNull { relative_depth } => {
                self.emit(Inst::op(Op::Dup));
                self.emit(Inst::op(Op::RefIsNull));
                self.br_if(relative_depth, height, false, None)?;
                self.emit(Inst::op(Op::Pop));
            }
            Operator::Call { function_index } | Operator::ReturnCall { function_index }
                if let Some(import) = self.imports.get(function_index) =>
            {
                self.call_import(import);
                if let Operator::ReturnCall { .. } = op {
                    self.emit(Inst::op(Op::Ret));
                }
            }
            Operator::TypedSelect { .. } => self.emit(Inst::op(Op::Select)),
            _ => {
                if let Some(inst) = ops::simple(op).or_else(|| ops::indexed(op)) {
                    self.emit(inst);
                } else if let Some(inst) = simd::vector(op) {
                    self.arch = self.arch.max(Arch::Arch128);
                    self.emit(inst);
                } else {
                    return Err(types::unsupported(ops::proposal(op), offset).into());
                }
            }
        }
        Ok(())
    }

    /// In code that is never reached only the ends of constructs matter.
    fn dead_operator(&mut self, op: &Operator<'_>) -> Result<(), Error> {
        match *op {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Try { .. }
            | Operator::TryTable { .. } => self.dead_depth += 1,
            Operator::Else if self.dead_depth == 0 => self.otherwise(),
            Operator::Catch { tag_index } if self.dead_depth == 0 => self.catch(Some(tag_index))?,
            Operator::CatchAll if self.dead_depth == 0 => self.catch(None)?,
            Operator::Delegate { relative_depth } if self.dead_depth == 0 => {
                self.delegate(relative_depth)?;
            }
            Operator::End if self.dead_depth == 0 => self.close()?,
            Operator::End | Operator::Delegate { .. } => self.dead_depth -= 1,
            _ => {}
        }
        Ok(())
    }

    fn block_arity(&self, ty: BlockType) -> (u32, u32) {
        match ty {
            BlockType::Empty => (0, 0),
            BlockType::Type(_) => (0, 1),
            BlockType::FuncType(index) => {
                let ty = &self.env.types[index as usize];
                (ty.params.len() as u32, ty.results.len() as u32)
            }
        }
    }

    fn open(&mut self, kind: Kind, ty: BlockType, height: u32) {
        let (params, results) = self.block_arity(ty);
        let arity = if kind == Kind::Loop { params } else { results };
        let label = self.push_frame(kind, height - params, arity, ty);
        if kind == Kind::Loop {
            self.emit(Inst::Loop(label));
        }
    }

    fn push_frame(&mut self, kind: Kind, base: u32, arity: u32, ty: BlockType) -> Label {
        let label = self.func.new_label();
        self.frames.push(Frame {
            kind,
            label,
            label_used: false,
            likely: false,
            hint: None,
            base,
            arity,
            ty,
        });
        label
    }

    /// `else`: ends the first arm of the innermost `if`.
    fn otherwise(&mut self) {
        let frame = self
            .frames
            .last_mut()
            .expect("validated: `else` in an `if`");
        let Kind::If(otherwise) = frame.kind else {
            return;
        };
        frame.kind = Kind::Else;
        let (end, hint) = (frame.label, frame.hint);
        if self.reachable {
            (frame.label_used, frame.likely) = (true, true);
            self.emit(Inst::Jmp(end));
        }
        self.bind(otherwise);
        self.emit_cold(hint == Some(true));
    }

    /// `end` of the innermost construct.
    fn close(&mut self) -> Result<(), Error> {
        if let Some(Frame {
            kind: Kind::Try(_), ..
        }) = self.frames.last()
        {
            self.close_region()?;
        }
        let frame = self.frames.pop().expect("validated: `end` of a construct");
        if let Kind::If(otherwise) = frame.kind {
            self.bind(otherwise);
        }
        if frame.label_used && frame.kind != Kind::Loop {
            let unlikely = !self.reachable && !frame.likely;
            self.bind(frame.label);
            self.emit_cold(unlikely);
        }
        if frame.kind == Kind::Func && self.reachable {
            self.emit(Inst::op(Op::Ret));
        }
        Ok(())
    }

    /// How many values a branch to `frame` drops when the operand stack has `height` values.
    fn surplus(frame: &Frame, height: u32) -> u32 {
        height - frame.base - frame.arity
    }

    /// The frame that a branch of that depth goes to.
    fn target(&mut self, depth: u32) -> &mut Frame {
        let index = self.frames.len() - 1 - depth as usize;
        &mut self.frames[index]
    }

    /// Leaves for the target without condition.
    fn br(&mut self, depth: u32, height: u32) -> Result<(), Error> {
        self.branch(self.frames.len() - 1 - depth as usize, height)
    }

    /// The same for a frame by its index.
    fn branch(&mut self, index: usize, height: u32) -> Result<(), Error> {
        let frame = self.frames[index];
        if frame.kind == Kind::Func {
            self.emit(Inst::op(Op::Ret));
            return Ok(());
        }
        let surplus = Self::surplus(&frame, height);
        if surplus > 0 && self.is_above(&frame) {
            self.branch_outside(index, height);
            return Ok(());
        }
        self.drop_below(surplus, &frame)?;
        let frame = &mut self.frames[index];
        (frame.label_used, frame.likely) = (true, true);
        let label = frame.label;
        self.emit(Inst::Jmp(label));
        Ok(())
    }

    /// Branches where the condition is `when`; `hint` says whether it usually does, where that is known.
    fn br_if(
        &mut self,
        depth: u32,
        height: u32,
        when: bool,
        hint: Option<bool>,
    ) -> Result<(), Error> {
        let jump = |when, label| match when {
            true => Inst::Jnz(label),
            false => Inst::Jz(label),
        };
        let frame = self.target(depth);
        if Self::surplus(frame, height) == 0 {
            frame.label_used = true;
            frame.likely |= hint != Some(false);
            let label = frame.label;
            self.emit(jump(when, label));
        } else {
            let stay = self.func.new_label();
            self.emit(jump(!when, stay));
            self.emit_cold(hint == Some(false));
            self.br(depth, height)?;
            self.bind(stay);
        }
        self.emit_cold(hint == Some(true));
        Ok(())
    }

    /// A branch without the reference on top of the stack where that is null.
    fn br_on_null(&mut self, depth: u32, height: u32) -> Result<(), Error> {
        let stay = self.func.new_label();
        self.emit(Inst::op(Op::Dup));
        self.emit(Inst::op(Op::RefIsNull));
        self.emit(Inst::Jz(stay));
        self.emit(Inst::op(Op::Pop));
        self.br(depth, height - 1)?;
        self.bind(stay);
        Ok(())
    }

    /// What is known of the branch at an offset of the file.
    fn hint(&self, offset: u64) -> Option<bool> {
        hints::at(&self.hints, offset - self.start)
    }

    /// Says, where it is so, that what follows is rarely executed.
    fn emit_cold(&mut self, cold: bool) {
        if cold {
            self.emit(Inst::op(Op::Cold));
        }
    }

    /// Targets that need values dropped get a piece of code each, right behind the table.
    fn br_table(&mut self, table: &BrTable<'_>, height: u32) -> Result<(), Fault> {
        let mut edges: HashMap<u32, Label> = HashMap::new();
        let mut trampolines = Vec::new();
        let mut labels = Vec::with_capacity(table.len() as usize + 1);
        let depths = table.targets().chain([Ok(table.default())]);
        for depth in depths {
            let depth = depth?;
            if let Some(&label) = edges.get(&depth) {
                labels.push(label);
                continue;
            }
            let frame = self.target(depth);
            let label = if Self::surplus(frame, height) == 0 {
                (frame.label_used, frame.likely) = (true, true);
                frame.label
            } else {
                let label = self.func.new_label();
                trampolines.push((depth, label));
                label
            };
            edges.insert(depth, label);
            labels.push(label);
        }
        self.func.tables.push(labels);
        self.emit(Inst::BrTable(self.func.tables.len() as u32 - 1));
        for (depth, label) in trampolines {
            self.bind(label);
            self.br(depth, height)?;
        }
        Ok(())
    }

    /// Drops `surplus` values below those that a branch to `frame` carries.
    fn drop_below(&mut self, surplus: u32, frame: &Frame) -> Result<(), Error> {
        let slide = |kept: u32| Inst::op2(Op::Slide, u64::from(surplus), u64::from(kept));
        match (surplus, frame.arity) {
            (0, _) => {}
            (1 | 2, 0) => (0..surplus).for_each(|_| self.emit(Inst::op(Op::Pop))),
            (1, 1) => self.emit(Inst::op(Op::Nip)),
            (_, kept) if kept as usize <= MAX_SLIDE => self.emit(slide(kept)),
            _ => {
                let spilled = self.spill(frame)?;
                for &local in spilled.iter().rev() {
                    self.emit(Inst::op1(Op::LocalSet, u64::from(local)));
                }
                self.emit(slide(0));
                for &local in &spilled {
                    self.emit(Inst::op1(Op::LocalGet, u64::from(local)));
                }
            }
        }
        Ok(())
    }

    /// A local for each value that a branch to `frame` carries.
    fn spill(&mut self, frame: &Frame) -> Result<Vec<u32>, Error> {
        let types: &[ValType] = match frame.ty {
            BlockType::FuncType(index) => {
                let FuncType {
                    params, results, ..
                } = &self.env.types[index as usize];
                if frame.kind == Kind::Loop {
                    params
                } else {
                    results
                }
            }
            _ => &[],
        };
        let Some(left) = self.spill_budget.checked_sub(types.len()) else {
            let reason = format!("too many branches that carry more than {MAX_SLIDE} values");
            return Err(self.limit(reason));
        };
        *self.spill_budget = left;
        let mut used: HashMap<ValType, usize> = HashMap::new();
        let mut locals = Vec::with_capacity(types.len());
        for &ty in types {
            let nth = used.entry(ty).or_default();
            let pool = self.spills.entry(ty).or_default();
            if *nth == pool.len() {
                pool.push(self.func.locals.len() as u32);
                self.func.locals.push(ty);
            }
            locals.push(pool[*nth]);
            *nth += 1;
        }
        Ok(locals)
    }
}
