//! Source-level debug information: which line an instruction comes from, in which functions that
//! were inlined there, and where the variables are.
//!
//! A compiler describes a module as a [`Source`], which [`SourceTables::encode`] makes tables of.
//! They stand in the debug section behind the names, and are read piece by piece: asking about an
//! instruction decodes the record of one function, found by binary search, and nothing else. The
//! format is in `docs/bytecode.md`.
//!
//! Offsets of code count bytes from the start of a function's body, as those of backtraces do.

mod entries;
mod func;
mod read;
mod table;
mod write;

use std::ops::Range;

pub use func::{FuncSource, SourceFrame, VisibleVariable};
pub use read::{MAX_STRING_BYTES, SourceTables};

/// What is known about the source of a module.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Source {
    /// Paths of source files, as the compiler gives them.
    pub files: Vec<String>,
    /// Types of variables.
    pub types: Vec<Type>,
    /// Functions of the source.
    pub subprograms: Vec<Subprogram>,
    /// Functions of the module, by ascending index.
    pub funcs: Vec<Func>,
}

/// A function of the source. Each place where it was inlined, and the module's function made of it,
/// refer to this.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Subprogram {
    /// What it is called.
    pub name: SubprogramName,
    /// Its parameters and other variables.
    pub variables: Vec<Variable>,
}

/// What a function of the source is called.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum SubprogramName {
    /// As the function of the module with that index.
    Func(u32),
    /// This, demangled. Empty where nobody knows.
    Text(String),
}

/// A variable of a function of the source.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Variable {
    /// Its name; empty where it has none.
    pub name: String,
    /// Its type: an index of [`Source::types`].
    pub ty: Option<u32>,
    /// Whether it is a parameter.
    pub is_param: bool,
}

/// A type of the source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Type {
    /// Its name; empty where it has none.
    pub name: String,
    /// Its size in bytes; 0 where that is not known.
    pub bytes: u64,
    /// What it is.
    pub kind: TypeKind,
}

/// What a type is. Types are indices of [`Source::types`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TypeKind {
    /// Nothing is known about its insides.
    Opaque,
    /// A number, a character or a truth value.
    Scalar(Scalar),
    /// An address in linear memory, of a value of that type where one is known.
    Pointer(Option<u32>),
    /// Another name of a type.
    Alias(Option<u32>),
    /// Named parts, and perhaps variants.
    Struct {
        /// The parts that are always there.
        members: Vec<Member>,
        /// The parts that depend on a tag.
        variants: Option<Variants>,
    },
    /// Parts of which one is there.
    Union(Vec<Member>),
    /// So many items one after the other; `None` where nobody knows how many.
    Array(Option<u32>, Option<u64>),
    /// An integer with named values.
    Enum(Vec<(String, i64)>),
}

/// How bytes stand for a scalar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Scalar {
    /// Signed, two's complement.
    Signed = 0,
    /// Unsigned.
    Unsigned = 1,
    /// IEEE 754.
    Float = 2,
    /// 0 or 1.
    Bool = 3,
    /// A Unicode code point or code unit.
    Char = 4,
    /// A character or small integer of C, signed.
    SignedChar = 5,
    /// A character or small integer of C, unsigned.
    UnsignedChar = 6,
}

impl Scalar {
    /// Every encoding.
    pub const ALL: [Scalar; 7] = [
        Scalar::Signed,
        Scalar::Unsigned,
        Scalar::Float,
        Scalar::Bool,
        Scalar::Char,
        Scalar::SignedChar,
        Scalar::UnsignedChar,
    ];
}

/// A part of a structure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Its name; empty where it has none.
    pub name: String,
    /// Its type.
    pub ty: Option<u32>,
    /// Bytes from the start of the structure.
    pub offset: u64,
}

/// The variants of a structure, as of Rust's enumerations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Variants {
    /// What tells them apart; without it there is one.
    pub tag: Option<Member>,
    /// The variants: the tag's value (`None` for any other), and what is there.
    pub cases: Vec<(Option<i64>, Member)>,
}

/// Where the instructions of a function of the module come from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Func {
    /// Its index, imported functions first.
    pub index: u32,
    /// The function itself, and those inlined into it: the first has no caller, the others come
    /// after theirs.
    pub scopes: Vec<Scope>,
    /// Stretches of code by ascending offset; each ends where the next begins.
    pub rows: Vec<Row>,
}

/// A function of the source, in a function of the module.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scope {
    /// The function: an index of [`Source::subprograms`].
    pub subprogram: u32,
    /// The scope that calls it: an index of [`Func::scopes`]. Of the first scope, its own.
    pub caller: u32,
    /// Where it is called.
    pub call: Option<Location>,
    /// Where each variable of the subprogram is, in that order; those that are missing at the end
    /// are nowhere.
    pub places: Vec<Vec<(Range<u32>, Place)>>,
}

/// A stretch of code that comes from one place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    /// Where it begins.
    pub offset: u32,
    /// The innermost function of the source that it belongs to: an index of [`Func::scopes`].
    pub scope: u32,
    /// Where it is in the source.
    pub location: Option<Location>,
    /// Whether a statement begins there, so that a breakpoint makes sense.
    pub is_stmt: bool,
}

/// A place in the source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Location {
    /// Index of [`Source::files`].
    pub file: u32,
    /// Line, from 1; 0 where nobody knows.
    pub line: u32,
    /// Column in bytes, from 1; 0 where nobody knows.
    pub column: u32,
}

/// Where a variable is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// All of it.
    Whole(Spot),
    /// In pieces, in the order of its bytes: how many bytes each has, and where it is. What is
    /// nowhere was optimized out.
    Pieces(Vec<(u32, Option<Spot>)>),
}

/// Where a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spot {
    /// It is the sum.
    Value(Base, i64),
    /// It is in linear memory 0 at the address that is the sum.
    Memory(Base, i64),
}

/// The first part of a sum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Base {
    /// Nothing: the other part is a constant.
    Zero,
    /// A local of the function.
    Local(u32),
    /// A global of the module.
    Global(u32),
    /// A value on the operand stack, counted from its bottom.
    Stack(u32),
}
