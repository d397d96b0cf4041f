//! Imports that are instructions: functions of module `dotvm`, by which the guest SDK computes with wide
//! words, integers and vectors, and asks for services (`docs/sdk.md`).
//!
//! A function is named as the instruction is. Words are passed as their limbs; what it returns is the first
//! result or that one's lowest limb. The rest is returned by functions that are called behind it:
//! `i256.limb1` and so on, and `i256.flag` for a second result that is a scalar. Limbs of a vector are its
//! lanes of 64 bits. Instructions that access memory take an address, and no offset.
//!
//! Programs that cannot hold references, as those made of Rust cannot, name big integers by *slots*: indices of a
//! table that the module gets. Where an instruction takes a reference, its import takes the slot of one; where
//! it gives one, the import takes, first of all, the slot that it is put in. Which slots are free is the program's
//! business; [`SlotOp`] has what it needs besides.

use std::collections::BTreeMap;

use dotvm_isa::ops::{Group, Service, Sig};
use dotvm_isa::types::AddressType;
use dotvm_isa::{
    Arch, ConstExpr, ConstOp, ExternKind, FuncType, Imm, ImportDesc, Limits, MemoryType, Module,
    Op, SegmentMode, TableDef, TableType, ValType,
};

use super::Translated;
use crate::error::Error;
use crate::ir::Inst;

/// The module that instructions are imported from.
pub(super) const MODULE: &str = "dotvm";

/// What an import stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Import {
    /// An instruction.
    Op(Op),
    /// A limb of what the last instruction with a result of that type has left: of its first result, or of
    /// its second.
    Limb {
        word: ValType,
        second: bool,
        index: u32,
    },
    /// The second result, which is a scalar, of an instruction whose first one is of that type.
    Flag { word: ValType },
    /// Something on slots.
    Slot(SlotOp),
}

/// What is done with slots of references.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SlotOp {
    /// `count -- first`: makes so many more, which are empty; -1 where there cannot be more.
    Grow,
    /// `slot -- i32`: whether there is something in it.
    IsUsed,
    /// `dst src`: puts what is in one slot in another one as well.
    Copy,
    /// `slot`: empties it.
    Clear,
}

impl SlotOp {
    const ALL: [SlotOp; 4] = [SlotOp::Grow, SlotOp::IsUsed, SlotOp::Copy, SlotOp::Clear];

    fn name(self) -> &'static str {
        match self {
            SlotOp::Grow => "slots.grow",
            SlotOp::IsUsed => "slots.is_used",
            SlotOp::Copy => "slots.copy",
            SlotOp::Clear => "slots.clear",
        }
    }

    fn ty(self) -> FuncType {
        let i32 = ValType::I32;
        match self {
            SlotOp::Grow | SlotOp::IsUsed => FuncType::new([i32], [i32]),
            SlotOp::Copy => FuncType::new([i32, i32], []),
            SlotOp::Clear => FuncType::new([i32], []),
        }
    }
}

impl Import {
    /// What the function of that name and type stands for.
    ///
    /// # Errors
    /// Why it is none that there is.
    fn new(name: &str, ty: &FuncType) -> Result<Import, String> {
        let import = Self::named(name).ok_or("the machine has no such instruction to import")?;
        let expected = import.ty();
        if *ty != expected {
            return Err(format!("it is imported as {ty}, and is {expected}"));
        }
        Ok(import)
    }

    fn named(name: &str) -> Option<Import> {
        let op = Op::from_mnemonic(name, Arch::Arch512).filter(|op| op.mnemonic() == name);
        if let Some(op) = op.filter(|&op| computes_words(op) || Service::of(op).is_some()) {
            return Some(Import::Op(op));
        }
        if let Some(slot) = SlotOp::ALL.into_iter().find(|slot| slot.name() == name) {
            return Some(Import::Slot(slot));
        }
        let (word, part) = name.split_once('.')?;
        let word = ValType::from_name(word).filter(|&ty| is_word(ty))?;
        if part == "flag" {
            return Some(Import::Flag { word });
        }
        let limbs = word.slots();
        let index = (1..2 * limbs).find(|index| part == format!("limb{index}"))?;
        Some(Import::Limb {
            word,
            second: index >= limbs,
            index: index % limbs,
        })
    }

    /// The type of the function.
    fn ty(self) -> FuncType {
        match self {
            Import::Op(op) => {
                let (params, results) = signature(op);
                let params = params.iter().flat_map(|&ty| limbs(ty));
                if results == [ValType::AnyRef] {
                    return FuncType::new([ValType::I32].into_iter().chain(params), []);
                }
                let result = results.iter().flat_map(|&ty| limbs(ty)).next();
                FuncType::new(params, result)
            }
            Import::Limb { .. } => FuncType::new([], [ValType::I64]),
            Import::Flag { .. } => FuncType::new([], [ValType::I32]),
            Import::Slot(slot) => slot.ty(),
        }
    }

    /// The first architecture that has it.
    pub(super) fn first_arch(self) -> Arch {
        match self {
            Import::Op(op) => op.info().first_arch,
            Import::Limb { word, .. } | Import::Flag { word } => word.first_arch(),
            Import::Slot(_) => Arch::Arch32,
        }
    }

    /// Whether it accesses memory 0.
    fn accesses_memory(self) -> bool {
        matches!(self, Import::Op(op) if op.info().group.accesses_memory())
    }

    /// Whether it takes or gives references.
    fn uses_slots(self) -> bool {
        match self {
            Import::Op(op) => {
                let (params, results) = signature(op);
                params
                    .iter()
                    .chain(results)
                    .any(|&ty| ty == ValType::AnyRef)
            }
            Import::Slot(_) => true,
            _ => false,
        }
    }
}

/// The functions of a module that are instructions, by their indices.
#[derive(Debug, Default)]
pub(super) struct Imports {
    imports: BTreeMap<u32, Import>,
    /// Names of each, and where in the file it is imported, for messages.
    places: BTreeMap<u32, (String, u64)>,
    /// The table whose elements are the slots of references.
    slots: u32,
}

impl Imports {
    /// Takes function `index` in, which is imported at `offset` of the file.
    ///
    /// # Errors
    /// Where it is no instruction, or has another type; where an architecture is asked for that lacks it.
    pub(super) fn add(
        &mut self,
        index: u32,
        name: &str,
        ty: &FuncType,
        offset: u64,
        arch: Option<Arch>,
    ) -> Result<(), Error> {
        self.places.insert(index, (name.to_owned(), offset));
        let import = Import::new(name, ty).map_err(|reason| self.fault(index, reason))?;
        let needs = import.first_arch();
        if arch.is_some_and(|arch| arch < needs) {
            return Err(Error::Architecture {
                feature: name.to_owned(),
                offset,
                needs,
            });
        }
        self.imports.insert(index, import);
        Ok(())
    }

    /// Adds the table of references to a module whose other tables are there, where something needs it.
    pub(super) fn add_slots(&mut self, module: &mut Module) {
        if !self.imports.values().any(|import| import.uses_slots()) {
            return;
        }
        let is_table = |import: &&dotvm_isa::Import| matches!(import.desc, ImportDesc::Table(_));
        let imported = module.imports.iter().filter(is_table).count();
        self.slots = (imported + module.tables.len()) as u32;
        let limits = Limits { min: 0, max: None };
        let ty = TableType::new(ValType::AnyRef, limits);
        module.tables.push(TableDef::from(ty));
    }

    /// The table whose elements are the slots of references.
    pub(super) fn slots(&self) -> u32 {
        self.slots
    }

    /// What a function stands for, if it is an instruction.
    pub(super) fn get(&self, func: u32) -> Option<Import> {
        self.imports.get(&func).copied()
    }

    #[cold]
    fn fault(&self, func: u32, reason: String) -> Error {
        let (name, offset) = &self.places[&func];
        Error::Import {
            name: format!("{MODULE}.{name}"),
            offset: *offset,
            reason,
        }
    }

    /// The index of a function once there are no instructions among the functions; `instructions` are the
    /// indices of those that are, ascending.
    fn renumbered(&self, func: u32, instructions: &[u32]) -> Result<u32, Error> {
        if self.imports.contains_key(&func) {
            let reason = "an instruction can only be called".to_owned();
            return Err(self.fault(func, reason));
        }
        Ok(func - instructions.partition_point(|&it| it < func) as u32)
    }

    /// Looks whether there is a memory for instructions that access one.
    fn check_memory(&self, module: &Module) -> Result<(), Error> {
        let accesses = |(&func, import): (&u32, &Import)| import.accesses_memory().then_some(func);
        let Some(func) = self.imports.iter().find_map(accesses) else {
            return Ok(());
        };
        let is_usual = |memory: &MemoryType| memory.address == AddressType::I32;
        if first_memory(module).is_some_and(is_usual) {
            return Ok(());
        }
        let reason = "it takes a first memory, with addresses of 32 bits".to_owned();
        Err(self.fault(func, reason))
    }

    /// Takes the instructions out of the functions of a module that is translated otherwise.
    ///
    /// # Errors
    /// Where one is used for something else than being called.
    pub(super) fn remove_from(&self, out: &mut Translated) -> Result<(), Error> {
        if self.imports.is_empty() {
            return Ok(());
        }
        self.check_memory(&out.module)?;
        let Translated {
            module,
            funcs,
            names,
            env,
            ..
        } = out;
        let instructions: Vec<u32> = self.imports.keys().copied().collect();
        let renumbered = |func| self.renumbered(func, &instructions);
        let mut index = 0;
        env.funcs.retain(|_| {
            index += 1;
            !self.imports.contains_key(&(index - 1))
        });
        for func in funcs {
            for inst in &mut func.insts {
                if let Inst::Op { op, a, .. } = inst
                    && op.info().imms.first() == Some(&Imm::Func)
                {
                    *a = u64::from(renumbered(*a as u32)?);
                }
            }
        }
        for export in &mut module.exports {
            if export.kind == ExternKind::Func {
                export.index = renumbered(export.index)?;
            }
        }
        if let Some(start) = &mut module.start {
            *start = renumbered(*start)?;
        }
        let globals = module.globals.iter_mut().map(|global| &mut global.init);
        let tables = module
            .tables
            .iter_mut()
            .filter_map(|table| table.init.as_mut());
        let elems = module.elems.iter_mut().flat_map(|elem| {
            let offset = match &mut elem.mode {
                SegmentMode::Active(_, offset) => Some(offset),
                _ => None,
            };
            offset.into_iter().chain(&mut elem.items)
        });
        for ConstExpr(ops) in globals.chain(tables).chain(elems) {
            for op in ops {
                if let ConstOp::RefFunc(func) = op {
                    *func = renumbered(*func)?;
                }
            }
        }
        names
            .funcs
            .retain(|(func, _)| !self.imports.contains_key(func));
        names
            .locals
            .retain(|(func, _)| !self.imports.contains_key(func));
        let funcs = names.funcs.iter_mut().map(|(func, _)| func);
        for func in funcs.chain(names.locals.iter_mut().map(|(func, _)| func)) {
            *func = renumbered(*func)?;
        }
        Ok(())
    }
}

/// The memory that instructions without a number for one access.
fn first_memory(module: &Module) -> Option<&MemoryType> {
    let imported = module.imports.iter().find_map(|import| match &import.desc {
        ImportDesc::Memory(memory) => Some(memory),
        _ => None,
    });
    imported.or(module.memories.first())
}

/// Whether values of a type are wide words, which are passed as limbs.
pub(crate) fn is_word(ty: ValType) -> bool {
    matches!(
        ty,
        ValType::I128 | ValType::I256 | ValType::I512 | ValType::V256 | ValType::V512
    )
}

/// Makes a word of its limbs.
pub(crate) fn from_limbs(word: ValType) -> Inst {
    Inst::op(match word {
        ValType::I128 => Op::I128FromLimbs,
        ValType::I256 => Op::I256FromLimbs,
        ValType::I512 => Op::I512FromLimbs,
        ValType::V256 => Op::V256FromLimbs,
        _ => Op::V512FromLimbs,
    })
}

/// Takes one limb of a word.
pub(super) fn limb(word: ValType, index: u32) -> Inst {
    let op = match word {
        ValType::I128 => Op::I64LimbI128,
        ValType::I256 => Op::I64LimbI256,
        ValType::I512 => Op::I64LimbI512,
        ValType::V256 => Op::I64x4ExtractLane,
        _ => Op::I64x8ExtractLane,
    };
    Inst::op1(op, u64::from(index))
}

/// Whether an instruction computes with words, or loads or stores vectors of such widths, and does nothing
/// else.
fn computes_words(op: Op) -> bool {
    let info = op.info();
    let imms: &[Imm] = match info.group {
        Group::Wide | Group::Pair | Group::Parts | Group::Whole => &[],
        Group::PartsLoad | Group::PartsStore | Group::Gather => &[Imm::Offset],
        _ => return false,
    };
    info.imms == imms && {
        let (params, results) = signature(op);
        let mut types = params.iter().chain(results);
        types.clone().any(|&ty| is_word(ty)) && types.all(|&ty| ty != ValType::V128)
    }
}

/// Operands and results of an instruction that computes with words.
pub(super) fn signature(op: Op) -> (&'static [ValType], &'static [ValType]) {
    match op.info().sig {
        Sig::Fixed(params, results) => (params, results),
        Sig::Poly => unreachable!("instructions that compute with words have one signature"),
    }
}

/// The type that a value is passed as where it is no word: a reference as its slot.
pub(super) fn passed(ty: ValType) -> ValType {
    match ty {
        ValType::AnyRef => ValType::I32,
        ty => ty,
    }
}

/// How a value is passed: a word as its limbs.
fn limbs(ty: ValType) -> impl Iterator<Item = ValType> {
    let (ty, count) = match is_word(ty) {
        true => (ValType::I64, ty.slots()),
        false => (passed(ty), 1),
    };
    (0..count).map(move |_| ty)
}
