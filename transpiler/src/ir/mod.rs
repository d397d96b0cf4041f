//! A function between translation and encoding: stack instructions in a vector, jump targets as
//! labels.
//!
//! It is the machine's own code, only with labels instead of displacements, so that a pass can
//! insert and remove instructions freely. Every pass keeps the verifier's discipline: one stack
//! shape per point, backward jumps to [`Inst::Loop`] only, and a loop header that control does not
//! reach from above has an empty operand stack. Regions of exceptions are what stands between their
//! markers: the passes that move code, or follow values from block to block, leave functions with
//! regions alone ([`Func::has_regions`]).

use dotvm_isa::{Arch, Catch, FuncType, Op, TrapCode, ValType, semantics};

pub(crate) mod cfg;
pub(crate) mod code;
pub(crate) mod stack;
#[cfg(test)]
pub(crate) mod text;

pub(crate) use code::{Code, Pos, Site, SiteId};

/// A jump target of one function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct Label(pub(crate) u32);

/// An instruction, or the place of a label.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Inst {
    /// A place that forward jumps go to; no instruction.
    Label(Label),
    /// `loop`: a place that any jump may go to.
    Loop(Label),
    /// `jmp`
    Jmp(Label),
    /// `jz`
    Jz(Label),
    /// `jnz`
    Jnz(Label),
    /// `br_table` with the targets of that index of [`Func::tables`].
    BrTable(u32),
    /// `try` with the catches of that index of [`Func::regions`]; ends with [`Op::EndTry`].
    Try(u32),
    /// Any other instruction with its immediates as [`dotvm_isa::Instr`] has them: `i32`
    /// constants sign-extended, floats as bits.
    Op {
        /// The instruction; none of those above.
        op: Op,
        /// The memory that a load or store accesses; 0 for other instructions.
        memory: u16,
        /// Second immediate.
        b: u64,
        /// First immediate.
        a: u64,
    },
}

impl Inst {
    /// An instruction without immediates.
    pub(crate) const fn op(op: Op) -> Inst {
        Inst::op2(op, 0, 0)
    }

    /// An instruction with one immediate.
    pub(crate) const fn op1(op: Op, a: u64) -> Inst {
        Inst::op2(op, a, 0)
    }

    /// An instruction with two immediates.
    pub(crate) const fn op2(op: Op, a: u64, b: u64) -> Inst {
        Inst::Op {
            op,
            memory: 0,
            b,
            a,
        }
    }

    /// A load or store of that memory.
    pub(crate) const fn access(memory: u16, op: Op, a: u64, b: u64) -> Inst {
        Inst::Op { op, memory, b, a }
    }

    /// An instruction with an immediate of 128 bits.
    pub(crate) const fn vector(op: Op, bits: u128) -> Inst {
        Inst::op2(op, bits as u64, (bits >> 64) as u64)
    }

    /// `i32.push`
    pub(crate) const fn i32(value: i32) -> Inst {
        Inst::op1(Op::I32Push, value as i64 as u64)
    }

    /// `i64.push`
    pub(crate) const fn i64(value: i64) -> Inst {
        Inst::op1(Op::I64Push, value as u64)
    }

    /// Pushes a constant word of that type, as far as it has no more than 128 bits.
    pub(crate) fn word(ty: ValType, bits: u128) -> Inst {
        Inst::op2(Op::push(ty), bits as u64, (bits >> 64) as u64)
    }

    /// Pushes the constant of that type whose slot has these bits.
    ///
    /// # Panics
    /// For types that have no constants (references and those wider than a slot).
    pub(crate) fn constant(ty: ValType, slot: u64) -> Inst {
        match ty {
            ValType::I32 => Inst::i32(slot as i32),
            ValType::I64 => Inst::i64(slot as i64),
            ValType::F32 => Inst::op1(Op::F32Push, slot & 0xffff_ffff),
            ValType::F64 => Inst::op1(Op::F64Push, slot),
            ty => panic!("no constants of type {ty}"),
        }
    }

    /// Pushes the value that a local of type `ty` has at first.
    pub(crate) fn zero(ty: ValType) -> Inst {
        match ty {
            ValType::V128 => Inst::vector(Op::V128Push, 0),
            ValType::I128 | ValType::I256 | ValType::I512 | ValType::V256 | ValType::V512 => {
                Inst::word(ty, 0)
            }
            ty if ty.is_ref() => Inst::op1(Op::RefNull, u64::from(ty.code())),
            ty => Inst::constant(ty, 0),
        }
    }

    /// The opcode; `None` for [`Inst::Label`], which is none.
    pub(crate) fn opcode(self) -> Option<Op> {
        match self {
            Inst::Label(_) => None,
            Inst::Loop(_) => Some(Op::Loop),
            Inst::Jmp(_) => Some(Op::Jmp),
            Inst::Jz(_) => Some(Op::Jz),
            Inst::Jnz(_) => Some(Op::Jnz),
            Inst::BrTable(_) => Some(Op::BrTable),
            Inst::Try(_) => Some(Op::Try),
            Inst::Op { op, .. } => Some(op),
        }
    }

    /// The constant's slot, where this pushes a number.
    pub(crate) fn as_const(self) -> Option<u64> {
        match self {
            Inst::Op {
                op: Op::I32Push, a, ..
            } => Some(a & 0xffff_ffff),
            Inst::Op {
                op: Op::I64Push | Op::F32Push | Op::F64Push,
                a,
                ..
            } => Some(a),
            _ => None,
        }
    }

    /// The constant, where this pushes a number or a vector: for numbers their slot.
    pub(crate) fn as_bits(self) -> Option<u128> {
        match self {
            Inst::Op {
                op: Op::V128Push,
                a,
                b,
                ..
            } => Some(u128::from(a) | u128::from(b) << 64),
            number => number.as_const().map(u128::from),
        }
    }

    /// The local that this reads or writes, and by which instruction.
    pub(crate) fn local(self) -> Option<(Op, u32)> {
        match self {
            Inst::Op {
                op: op @ (Op::LocalGet | Op::LocalSet | Op::LocalTee),
                a,
                ..
            } => Some((op, a as u32)),
            _ => None,
        }
    }

    /// The local that this writes.
    pub(crate) fn written_local(self) -> Option<u32> {
        match self.local() {
            Some((Op::LocalSet | Op::LocalTee, local)) => Some(local),
            _ => None,
        }
    }

    /// Whether control never goes on to the next instruction.
    pub(crate) fn is_terminator(self) -> bool {
        self.opcode().is_some_and(Op::is_terminator)
    }

    /// Whether the place before this instruction is one that jumps lead to.
    pub(crate) fn is_target(self) -> bool {
        matches!(self, Inst::Label(_) | Inst::Loop(_))
    }

    /// Whether this ends a basic block: it jumps, never goes on, or is where a region starts or ends.
    pub(crate) fn ends_block(self) -> bool {
        let jumps = matches!(self, Inst::Jz(_) | Inst::Jnz(_) | Inst::Try(_));
        jumps || self == Inst::op(Op::EndTry) || self.is_terminator()
    }

    /// Whether nothing but the pushed value comes of this instruction: it cannot trap, writes
    /// nothing, and may be left out when nobody wants the value.
    pub(crate) fn is_pure(self) -> bool {
        use dotvm_isa::ops::Group;
        let Inst::Op { op, .. } = self else {
            return false;
        };
        match op.info().group {
            Group::Unary | Group::Binary => !may_trap(op),
            group if group.is_wide_pure() => semantics::traps(op).is_empty(),
            group if group.accesses_memory() => false,
            _ => matches!(
                op,
                Op::I32Push
                    | Op::I64Push
                    | Op::F32Push
                    | Op::F64Push
                    | Op::V128Push
                    | Op::I128Push
                    | Op::I256Push
                    | Op::I512Push
                    | Op::V256Push
                    | Op::V512Push
                    | Op::LocalGet
                    | Op::GlobalGet
                    | Op::RefNull
                    | Op::RefFunc
                    | Op::RefIsNull
                    | Op::MemorySize
                    | Op::TableSize
                    | Op::Select
                    | Op::Nop
            ),
        }
    }

    /// The most bytes its encoding takes, with displacements as they usually are.
    pub(crate) fn size(self) -> usize {
        let unsigned = |value: u64| (64 - (value | 1).leading_zeros() as usize).div_ceil(7);
        let signed = |value: i64| {
            let magnitude = if value < 0 { !value } else { value };
            (65 - magnitude.leading_zeros() as usize).div_ceil(7)
        };
        match self {
            Inst::Label(_) => 0,
            Inst::Loop(_) => 1,
            Inst::Jmp(_) | Inst::Jz(_) | Inst::Jnz(_) | Inst::BrTable(_) | Inst::Try(_) => 3,
            Inst::Op { op, memory, a, b } => {
                let prefix = match memory {
                    0 => 0,
                    memory => 1 + unsigned(u64::from(memory)),
                };
                let code = prefix + if op.info().code > 0xff { 2 } else { 1 };
                let imms = op.info().imms.iter().zip([a, b]);
                code + imms
                    .map(|(imm, value)| match imm {
                        dotvm_isa::Imm::I32 | dotvm_isa::Imm::I64 => signed(value as i64),
                        dotvm_isa::Imm::F32 => 4,
                        dotvm_isa::Imm::F64 => 8,
                        dotvm_isa::Imm::V128 | dotvm_isa::Imm::Lanes => 16,
                        dotvm_isa::Imm::V256 => 32,
                        dotvm_isa::Imm::V512 => 64,
                        imm if imm.wide_bits().is_some() => {
                            let bits = u128::from(a) | u128::from(b) << 64;
                            (128 - bits.leading_zeros() as usize) / 7 + 1
                        }
                        dotvm_isa::Imm::RefType => 1,
                        _ => unsigned(value),
                    })
                    .sum::<usize>()
            }
        }
    }
}

/// Whether a unary or binary instruction can trap.
pub(crate) fn may_trap(op: Op) -> bool {
    matches!(
        op,
        Op::I32Div
            | Op::I32DivU
            | Op::I32Mod
            | Op::I32ModU
            | Op::I64Div
            | Op::I64DivU
            | Op::I64Mod
            | Op::I64ModU
            | Op::I64AddChecked
            | Op::I64SubChecked
            | Op::I64MulChecked
            | Op::I32TruncF32
            | Op::I32TruncF32U
            | Op::I32TruncF64
            | Op::I32TruncF64U
            | Op::I64TruncF32
            | Op::I64TruncF32U
            | Op::I64TruncF64
            | Op::I64TruncF64U
    )
}

/// Computes a unary instruction on a constant; `None` where it traps.
pub(crate) fn eval_unary(op: Op, a: u64) -> Option<u64> {
    without_trap(semantics::eval_unary(op, a)?)
}

/// Computes a binary instruction on constants; `None` where it traps.
pub(crate) fn eval_binary(op: Op, a: u64, b: u64) -> Option<u64> {
    without_trap(semantics::eval_binary(op, a, b)?)
}

fn without_trap(result: Result<u64, TrapCode>) -> Option<u64> {
    result.ok()
}

/// A function defined in the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Func {
    /// Index of its type.
    pub(crate) ty: u32,
    /// How many of `locals` are parameters.
    pub(crate) params: u32,
    /// Types of all locals, parameters first.
    pub(crate) locals: Vec<ValType>,
    /// Its code.
    pub(crate) insts: Code,
    /// The calls that were replaced by the callee's body.
    pub(crate) sites: Vec<Site>,
    /// Where writes to locals were that are gone, in all copies of the code or in some: from there
    /// on the local does not hold what WebAssembly's does.
    pub(crate) lost_writes: Vec<Pos>,
    /// Target lists of its `br_table`s; the last of each is the default.
    pub(crate) tables: Vec<Vec<Label>>,
    /// What its regions catch.
    pub(crate) regions: Vec<Vec<Catch<Label>>>,
    /// How many labels were handed out.
    pub(crate) labels: u32,
    /// At least as many slots as its operand stack ever has.
    pub(crate) max_stack: u32,
}

impl Func {
    /// A label that is nowhere yet.
    pub(crate) fn new_label(&mut self) -> Label {
        self.labels += 1;
        Label(self.labels - 1)
    }

    /// Whether exceptions are caught in it.
    pub(crate) fn has_regions(&self) -> bool {
        !self.regions.is_empty()
    }

    /// Slots of all locals.
    pub(crate) fn local_slots(&self) -> u32 {
        self.locals.iter().map(|ty| ty.slots()).sum()
    }

    /// The labels an instruction jumps to.
    pub(crate) fn targets(&self, inst: Inst) -> Targets<'_> {
        match inst {
            Inst::Jmp(label) | Inst::Jz(label) | Inst::Jnz(label) => Targets::One(Some(label)),
            Inst::BrTable(table) => Targets::Many(self.tables[table as usize].iter()),
            Inst::Try(region) => Targets::Catches(self.regions[region as usize].iter()),
            _ => Targets::One(None),
        }
    }

    /// About how many bytes its encoded body takes.
    pub(crate) fn size(&self) -> usize {
        let code: usize = self.insts.iter().map(|inst| inst.size()).sum();
        let tables: usize = self.tables.iter().map(|table| 2 * table.len()).sum();
        let locals = &self.locals[self.params as usize..];
        let groups = locals.chunk_by(|a, b| a == b).count();
        let catches: usize = self.regions.iter().map(|region| 4 * region.len()).sum();
        code + tables + catches + 1 + 2 * groups
    }
}

/// See [`Func::targets`].
#[derive(Clone, Debug)]
pub(crate) enum Targets<'a> {
    /// Of a jump, or of no jump.
    One(Option<Label>),
    /// Of a `br_table`.
    Many(std::slice::Iter<'a, Label>),
    /// Of the catches of a region.
    Catches(std::slice::Iter<'a, Catch<Label>>),
}

impl Iterator for Targets<'_> {
    type Item = Label;

    fn next(&mut self) -> Option<Label> {
        match self {
            Targets::One(label) => label.take(),
            Targets::Many(labels) => labels.next().copied(),
            Targets::Catches(catches) => catches.next().map(|catch| catch.target),
        }
    }
}

/// What passes need to know of the module around a function.
#[derive(Clone, Debug, Default)]
pub(crate) struct Env {
    /// Function types.
    pub(crate) types: Vec<FuncType>,
    /// Type index of each function, imports first.
    pub(crate) funcs: Vec<u32>,
    /// How many functions are imported.
    pub(crate) imported_funcs: u32,
    /// Type index of each tag, imports first.
    pub(crate) tags: Vec<u32>,
    /// The first architecture that has the types of functions and globals, as far as they are read.
    pub(crate) arch: Arch,
}

impl Env {
    /// The types of the values of a tag's exceptions.
    pub(crate) fn tag_values(&self, tag: u32) -> &[ValType] {
        &self.types[self.tags[tag as usize] as usize].params
    }

    /// How many values a catch pushes.
    pub(crate) fn catch_height<L>(&self, catch: &Catch<L>) -> u32 {
        let values = catch.tag.map_or(0, |tag| self.tag_values(tag).len());
        values as u32 + u32::from(catch.by_ref)
    }

    /// The type of the function with that index.
    pub(crate) fn func_type(&self, func: u32) -> &FuncType {
        &self.types[self.funcs[func as usize] as usize]
    }
}
