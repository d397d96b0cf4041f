//! A VITBC file in memory.

use super::ops::{Op, Operand};
use crate::ffi::Crossing;

/// The most bytes of a file, and of all its sections unpacked.
pub const LEN_MAX: usize = 64 << 20;
/// The most constants, and instructions of all functions.
pub const COUNT_MAX: usize = 1 << 20;
/// The most functions, types, imports, variables and source files.
pub const DECLARATIONS_MAX: usize = 1 << 16;
/// The most parameters of a function.
pub const PARAMS_MAX: usize = 255;
/// The most registers of a function, and fields and variants of a type.
pub const REGISTERS_MAX: usize = 1 << 14;
/// The most bytes of a name.
pub const NAME_LEN_MAX: usize = 1 << 10;
/// The most types that a type is made of, itself included; structs and enums count as one.
pub const TYPE_SIZE_MAX: u32 = 1000;

/// A type: one without parts, or row `Ty - FIRST_ROW` of the file's table.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ty(pub u32);

impl Ty {
    /// No value.
    pub const VOID: Ty = Ty(0);
    /// `int`
    pub const INT: Ty = Ty(1);
    /// `float`
    pub const FLOAT: Ty = Ty(2);
    /// `bool`
    pub const BOOL: Ty = Ty(3);
    /// `string`
    pub const STR: Ty = Ty(4);
    /// The number of the table's first row.
    pub const FIRST_ROW: u32 = 5;

    /// The row of the table, if it is one.
    pub fn row(self) -> Option<usize> {
        self.0.checked_sub(Ty::FIRST_ROW).map(|row| row as usize)
    }

    /// The type that a row of the table is.
    pub fn of_row(row: usize) -> Ty {
        Ty(row as u32 + Ty::FIRST_ROW)
    }
}

/// A row of the table of types.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Row {
    /// `array<T>`
    Array(Ty),
    /// `map<K, V>`
    Map(Ty, Ty),
    /// `T?`
    Optional(Ty),
    /// `fn(T, U) -> R`
    Fn(Vec<Ty>, Ty),
    /// A struct: name and fields.
    Struct(String, Vec<(String, Ty)>),
    /// An enum: name, variants and what they carry.
    Enum(String, Vec<(String, Vec<Ty>)>),
}

/// A constant.
#[derive(Clone, Debug)]
pub enum Const {
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A string.
    Str(String),
}

impl PartialEq for Const {
    /// Floats are compared by their bits.
    fn eq(&self, other: &Const) -> bool {
        match (self, other) {
            (Const::Int(a), Const::Int(b)) => a == b,
            (Const::Float(a), Const::Float(b)) => a.to_bits() == b.to_bits(),
            (Const::Str(a), Const::Str(b)) => a == b,
            _ => false,
        }
    }
}

impl Const {
    /// Its type.
    pub fn ty(&self) -> Ty {
        match self {
            Const::Int(_) => Ty::INT,
            Const::Float(_) => Ty::FLOAT,
            Const::Str(_) => Ty::STR,
        }
    }
}

/// An instruction: operands in the order of the table, lists of registers apart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Instr {
    /// Its kind.
    pub op: Op,
    /// The operands, but for [`Operand::Regs`].
    pub fixed: Vec<u32>,
    /// The registers of [`Operand::Regs`].
    pub list: Vec<u32>,
}

impl Instr {
    /// The operands that are not lists, with their values.
    pub fn operands(&self) -> impl Iterator<Item = (Operand, u32)> {
        let kinds = self.op.operands().iter();
        let fixed = kinds.filter(|operand| **operand != Operand::Regs);
        fixed.copied().zip(self.fixed.iter().copied())
    }
}

/// A function.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Parameters: names and types.
    pub params: Vec<(String, Ty)>,
    /// The type of results.
    pub result: Ty,
    /// The types of registers.
    pub registers: Vec<Ty>,
    /// What it does.
    pub code: Vec<Instr>,
    /// Where instructions come from, from one on: its number, the source file, the line.
    pub lines: Vec<(u32, u32, u32)>,
}

impl Default for Ty {
    fn default() -> Ty {
        Ty::VOID
    }
}

/// A function from outside.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Import {
    /// Where it is from.
    pub origin: Origin,
    /// Its name: `math.sqrt`, or the name in the program.
    pub name: String,
    /// Types of parameters.
    pub params: Vec<Ty>,
    /// The type of results.
    pub result: Ty,
}

/// Where imports are from.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Origin {
    /// The runtime.
    Native,
    /// The embedder, under that name.
    Host(String),
    /// That library, under that name.
    Library(String, String),
}

/// A file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Module {
    /// Constants.
    pub consts: Vec<Const>,
    /// Types.
    pub types: Vec<Row>,
    /// Functions.
    pub functions: Vec<Function>,
    /// The function that is run.
    pub main: u32,
    /// Variables at top level: names and types.
    pub globals: Vec<(String, Ty)>,
    /// Functions from outside.
    pub imports: Vec<Import>,
    /// Names of source files.
    pub files: Vec<String>,
}

impl Module {
    /// The row of a type, if it has one.
    pub fn row(&self, ty: Ty) -> Option<&Row> {
        self.types.get(ty.row()?)
    }

    /// What a type is for functions from outside.
    pub(crate) fn crossing(&self, ty: Ty) -> Option<Crossing> {
        Some(match (ty, self.row(ty)) {
            (Ty::INT, _) => Crossing::Int,
            (Ty::FLOAT, _) => Crossing::Float,
            (Ty::BOOL, _) => Crossing::Bool,
            (Ty::STR, _) => Crossing::Str,
            (_, Some(Row::Array(Ty::INT))) => Crossing::Ints,
            (_, Some(Row::Array(Ty::FLOAT))) => Crossing::Floats,
            (_, Some(Row::Optional(Ty::STR))) => Crossing::OptionalStr,
            _ => return None,
        })
    }
}
